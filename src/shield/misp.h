/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_MISP_H
#define KOPPEL_SHIELD_MISP_H
/* Events of MISP, as its feeds have them, made into objects of STIX 2.1: what an event wants looked
 * for becomes an indicator with a pattern, a CVE a vulnerability. */
#include "core/err.h"
#include "core/json.h"

#include <jansson.h>

struct kp_misp_sum {
    size_t objects, left_out; /* left_out: attributes of types that are not looked for here */
};
/* A bundle of the event in `document`, {"Event": {...}}. KP_EPARSE: it is none. */
enum kp_code kp_misp_convert(const json_t *document, struct kp_json *, struct kp_misp_sum *,
                             struct kp_err *);
#endif
