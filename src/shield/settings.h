/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_SETTINGS_H
#define KOPPEL_SHIELD_SETTINGS_H
/* What people decide for security, as one document, which is a section of apply files too:
 *   { "scope": { "sector", "size", "named", "supplier", "products" },   five answers, all or none
 *     "mail": { "on", "at": "07:00", "to": [addresses], "language": "nl" } } */
#include "shield/incident_clock.h"
#include "shield/shield.h"

enum { SHIELD_MAILS = 20 };
#define SHIELD_SETTINGS "shield"          /* the setting */
#define SHIELD_ANSWERED "shield.answered" /* when and by whom the five questions were, as JSON */

struct shield_mail {
    bool on, dutch;
    uint16_t at; /* minute of the day, on the wall */
    size_t n;    /* 0: everybody of the plan of delivery who is reached by mail */
    const char *to[SHIELD_MAILS];
};
struct shield_settings { /* texts live in the document */
    json_t *document;
    struct incident_scope scope;
    struct shield_mail mail;
};
/* Free it, also after a failure. */
enum kp_code shield_settings_parse(const char *json, struct shield_settings *, struct kp_err *);
enum kp_code shield_settings_read(struct kp_db *, struct shield_settings *, struct kp_err *);
void shield_settings_free(struct shield_settings *);
/* Puts "scope" or "mail" in place of what stands there. answered: who and when, or NULL. */
enum kp_code shield_settings_part(struct kp_shield *, const char *key, const json_t *,
                                  const char *answered, struct kp_err *);
#endif
