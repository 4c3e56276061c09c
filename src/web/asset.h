/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_ASSET_H
#define KOPPEL_WEB_ASSET_H
/* Files of this folder that are part of the program; a zero byte ends each. */
extern const char kp_asset_page[];    /* page.html */
extern const char kp_asset_openapi[]; /* openapi.json */
#endif
