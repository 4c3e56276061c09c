/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_SHIELD_H
#define KOPPEL_SHIELD_SHIELD_H
/* The inventory of devices and software, the advisories that came, and what they have to do with
 * each other. Devices are taken from nameplates in the model, from files and by hand; a thread sees
 * when the model changes. A change of firmware that nobody announced is an alarm. Whatever changes,
 * matching is done anew at once: findings open and close by themselves, answers of people stay as
 * long as what they answered does. */
#include "core/hub.h"
#include "core/json.h"
#include "gate/gate.h"
#include "store/store.h"

#include <jansson.h>

enum {
    KP_SHIELD_DEVICES_MAX = 100000,
    KP_SHIELD_ADVISORIES_MAX = 50000,
    KP_FINDINGS_SHOWN_MAX = 5000
};

struct kp_rota;
struct kp_shield;
struct kp_shield *kp_shield_new(struct kp_hub *, struct kp_store *, const struct kp_clock *,
                                struct kp_err *);
/* Store and hub run. `soon` holds what was seen against indicators; `calm` matches devices, which takes
 * seconds, and sends the daily mail. */
enum kp_code kp_shield_start(struct kp_shield *, struct kp_rota *soon, struct kp_rota *calm, struct kp_err *);
void kp_shield_stop(struct kp_shield *);
void kp_shield_free(struct kp_shield *);
/* Takes from the model what changed since, as the thread does. */
enum kp_code kp_shield_sync(struct kp_shield *, struct kp_err *);

/* ---- devices ---- */
struct kp_device_query { /* NULL: any */
    const char *find, *needs;
    int64_t skip, limit;
};
/* "firmware": it is not known, or cannot be read; "product": neither product nor order code are
 * known; "confirmation": its firmware changed and nobody said so. Ends with NULL. */
extern const char *const kp_device_needs[];
/* A list by name: limit of them behind the first skip ones. What may not go to the recipient is not
 * there. */
enum kp_code kp_shield_devices(struct kp_shield *, enum kp_recipient,
                               const struct kp_device_query *, struct kp_json *, struct kp_err *);
/* One, with its history. */
enum kp_code kp_shield_device(struct kp_shield *, enum kp_recipient, int64_t id, struct kp_json *,
                              struct kp_err *);
/* Fields by hand: of a known device, or (id 0) of a new one, whose name the body says. */
enum kp_code kp_shield_device_put(struct kp_shield *, int64_t id, const json_t *body,
                                  const char *who, int64_t *made, struct kp_err *);
/* What is wrong with a body that says its name. */
enum kp_code kp_shield_device_check(const json_t *body, struct kp_err *);
/* What people typed: a list of {id, name, made (by hand, as a whole), fields, weight}. */
enum kp_code kp_shield_by_hand(struct kp_shield *, enum kp_recipient, struct kp_json *,
                               struct kp_err *);
/* Whether the device of that name, if there is one, may be told there. */
enum kp_code kp_shield_device_may_go(struct kp_shield *, enum kp_recipient, const char *name,
                                     bool *may, struct kp_err *);
enum kp_code kp_shield_device_remove(struct kp_shield *, int64_t id, struct kp_err *);
/* Its firmware will change, to that ("" = any), until then. */
enum kp_code kp_shield_device_expect(struct kp_shield *, int64_t id, const char *version,
                                     int64_t until, struct kp_err *);
/* Changes nobody announced were right. */
enum kp_code kp_shield_device_confirm(struct kp_shield *, int64_t id, const char *who,
                                      struct kp_err *);
/* A list as CSV, or a bill of materials (CycloneDX JSON) of `of`, a device's name. The text is
 * changed. Writes an object of counts. Whole or not at all. */
enum kp_code kp_shield_import(struct kp_shield *, char *text, size_t len, const char *of,
                              const char *who, struct kp_json *, struct kp_err *);

/* Makers' other names, lines "other name = name"; replaces what there was. */
enum kp_code kp_shield_aliases(struct kp_shield *, struct kp_json *, struct kp_err *);
enum kp_code kp_shield_aliases_check(const char *text, struct kp_err *); /* names on both sides */
enum kp_code kp_shield_aliases_put(struct kp_shield *, const char *text, struct kp_err *);

/* ---- advisories ---- */
/* Takes a document (CSAF 2.0), or what feeds say of vulnerabilities (EPSS as CSV, KEV as JSON), and
 * writes an object that says what came of it. */
enum kp_code kp_shield_take(struct kp_shield *, char *text, size_t len, struct kp_json *,
                            struct kp_err *);
struct kp_finding_query { /* NULL, 0: any */
    const char *advisory, *find, *state, *verdict, *urgency; /* find: in ids, titles and names */
    int64_t device, skip, limit;
};
/* "open" ..., "affected" ..., "urgent" ...; end with NULL. A doubt that a person answered with yes
 * is affected. */
extern const char *const kp_finding_states[], *const kp_finding_verdicts[],
    *const kp_finding_urgencies[];
/* Findings, the worst first: limit of them behind the first skip ones. */
enum kp_code kp_shield_findings(struct kp_shield *, enum kp_recipient,
                                const struct kp_finding_query *, struct kp_json *, struct kp_err *);
/* What is open, device by device, with the worst of each; counts; when feeds were pulled. */
enum kp_code kp_shield_concerned(struct kp_shield *, enum kp_recipient, int64_t skip, int64_t limit,
                                 struct kp_json *, struct kp_err *);
/* An advisory with its findings, their evidence, what to do, and all that people answered. */
enum kp_code kp_shield_advisory(struct kp_shield *, enum kp_recipient, const char *id,
                                struct kp_json *, struct kp_err *);
extern const char *const kp_shield_answers[]; /* "affected" ...; the last, "open", takes back */
enum kp_code kp_shield_answer(struct kp_shield *, const char *advisory, int64_t device,
                              const char *answer, const char *comment, const char *who,
                              struct kp_err *);

/* ---- settings.h: who must report incidents, and the daily mail, as one document of apply files ---- */
enum kp_code kp_shield_settings_check(const char *json, struct kp_err *);
enum kp_code kp_shield_settings_put(struct kp_shield *, const char *json, struct kp_err *);
enum kp_code kp_shield_settings_get(struct kp_shield *, struct kp_buf *, struct kp_err *);
enum kp_code kp_shield_settings_is(struct kp_shield *, const char *json, bool *same,
                                   struct kp_err *);
#endif
