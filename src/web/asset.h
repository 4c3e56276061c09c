/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_ASSET_H
#define KOPPEL_WEB_ASSET_H
/* Files of this folder that the build puts into the program. */
#include <stddef.h>

extern const unsigned char kp_openapi_json[];
extern const size_t kp_openapi_json_len;
#endif
