/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_UNIT_H
#define KOPPEL_COUPLINGS_UNIT_H
/* Engineering units as machines and people write them ("°C", "CELSIUS", "rpm") and their UN/CEFACT
 * common codes (Recommendation 20). */
#include <stdbool.h>

struct kp_unit {
    const char *code; /* "CEL" */
    const char *text; /* "°C", as people read it */
};
/* By code, symbol or name, upper or lower case where that is unambiguous; false: not known. */
bool kp_unit_find(const char *written, struct kp_unit *);
#endif
