/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_STIX_OBJECT_H
#define KOPPEL_SHIELD_STIX_OBJECT_H
/* One object of STIX 2.1 (or 2.0) judged by itself: what it says it is, and whether it can be that.
 */
#include "core/json.h"
#include "core/text.h"
#include "gate/tlp.h"
#include "shield/stix_cut.h"

enum { KP_STIX_ID = 300, KP_STIX_TYPE = 251, KP_STIX_STAMP = 48, KP_STIX_MARKINGS = 100 };

struct kp_stix_judged {
    struct kp_stix_part part;
    json_t *json;          /* json_decref it */
    const char *id, *type; /* in json */
    const char *spec;      /* "2.0" or "2.1" */
    const char *creator;   /* NULL: it does not say */
    const char *stamp;     /* its version as it is written; NULL: it has none (cyber-observables) */
    int64_t created, version; /* ns; KP_NO_TIME: it has none */
    bool revoked;
    const char *marking[KP_STIX_MARKINGS]; /* definitions it refers to, of the whole or of parts */
    size_t markings;
    int marks; /* of a marking definition: the level it stands for, -1 = none of them */
};

/* The far future begins a day after `now`. Whatever is wrong is said in one sentence that names the
 * property: KP_EPARSE no JSON, KP_EINVALID, KP_EFULL too large or deep, KP_ENOMEM. */
enum kp_code kp_stix_judge(const struct kp_stix_part *, int64_t now, struct kp_stix_judged *,
                           struct kp_err *);
void kp_stix_judged_free(struct kp_stix_judged *);
/* A new one at random. */
enum { KP_STIX_UUID = 37 };
void kp_stix_uuid(char out[KP_STIX_UUID]);
/* As the standard wants times: with three decimals. */
void kp_stix_put_time(struct kp_json *, const char *key, int64_t at);
/* "type--UUID"; type NULL: of any. */
bool kp_stix_id_valid(const char *id, const char *type);
#endif
