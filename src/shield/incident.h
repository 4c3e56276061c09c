/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_INCIDENT_H
#define KOPPEL_SHIELD_INCIDENT_H
/* Incidents: a record that people keep of what happened, made from alarms or by hand; with the
 * clocks of the laws the company is in scope of, and the texts of what has to be reported, filled in
 * as far as the node knows. Nothing is sent to an authority: a person does that, and says here that
 * he did. What was noted is never changed. An incident that touches something secret is not there
 * for who may not see that; a file of it leaves the secret things out. */
#include "shield/shield.h"

#include <jansson.h>

enum { KP_INCIDENTS_MAX = 10000, KP_INCIDENT_THINGS = 200, KP_INCIDENT_NOTES = 5000 };
extern const char *const kp_incident_formats[]; /* "html", "pdf", "text", "json"; ends with NULL */

/* ---- who must report: five questions ---- */
enum kp_code kp_incident_scope(struct kp_shield *, bool dutch, struct kp_json *, struct kp_err *);
enum kp_code kp_incident_scope_put(struct kp_shield *, const json_t *body, const char *who,
                                   struct kp_err *);

/* ---- the records ---- */
/* Those that are not closed, or `all`: {incidents [...], counts}. */
enum kp_code kp_incidents(struct kp_shield *, enum kp_recipient, bool all, bool dutch,
                          struct kp_json *, struct kp_err *);
enum kp_code kp_incident(struct kp_shield *, enum kp_recipient, int64_t id, bool dutch,
                         struct kp_json *, struct kp_err *);
enum kp_code kp_incident_make(struct kp_shield *, enum kp_recipient, const json_t *body,
                              const char *who, int64_t *id, struct kp_err *);
enum kp_code kp_incident_change(struct kp_shield *, enum kp_recipient, int64_t id,
                                const json_t *body, const char *who, struct kp_err *);
enum kp_code kp_incident_note(struct kp_shield *, enum kp_recipient, int64_t id, const json_t *body,
                              const char *who, int64_t *note, struct kp_err *);

/* ---- what is reported ---- */
enum kp_code kp_incident_stage(struct kp_shield *, enum kp_recipient, int64_t id, const char *stage,
                               const char *node, bool dutch, struct kp_json *, struct kp_err *);
/* That it was sent, and texts as a person edited them. */
enum kp_code kp_incident_stage_put(struct kp_shield *, enum kp_recipient, int64_t id,
                                   const char *stage, const json_t *body, const char *who,
                                   struct kp_err *);
/* A report, or (stage NULL) the whole record, as a file in one of the formats. */
enum kp_code kp_incident_file(struct kp_shield *, enum kp_recipient, int64_t id, const char *stage,
                              const char *node, int format, bool dutch, struct kp_buf *out,
                              struct kp_err *);
#endif
