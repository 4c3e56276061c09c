/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_OBSERVE_H
#define KOPPEL_SHIELD_OBSERVE_H
/* What the node sees of others (core/observed.h), held against what is known: the patterns of all
 * indicators in the store that are in force. A hit is an alarm, one for each indicator and thing it
 * is about, and counted; and a sighting for those who warned, if a person allows it. Who
 * tells what was seen never waits for it. */
#include "shield/shield.h"

enum {
    KP_HIT_ROWS_MAX = 10000,     /* those without an open alarm go first, the oldest before others */
    KP_HIT_ALARMS_MAX = 10,      /* open alarms of one indicator; one more stands for all others */
    KP_HIT_QUIET_S = 3600,       /* an alarm is over when nothing was seen for so long */
    KP_HIT_TELL_AGAIN_S = 3600,  /* a sighting of the same again not before this */
    KP_HIT_PREPARED_AGAIN_S = 10 /* the count of one that is only prepared is written not before this */
};

struct kp_observations_search {
    const char *kind, *address; /* NULL: any */
    int64_t before;             /* an id; 0: from the newest on */
    int64_t limit;
    bool stix; /* with the objects */
};
/* {observations [...], next, counts, watch, inputs}: the newest first, of what is still in memory. */
enum kp_code kp_observations_show(struct kp_shield *, enum kp_recipient,
                                  const struct kp_observations_search *, struct kp_json *,
                                  struct kp_err *);
/* {hits [...]}: the last seen first; `open`: those with an open alarm. */
enum kp_code kp_hits_show(struct kp_shield *, enum kp_recipient, bool open, struct kp_json *,
                          struct kp_err *);
/* {ignored, comment}: whether it raises no alarm and makes no sighting. */
enum kp_code kp_hit_change(struct kp_shield *, int64_t id, const json_t *body, const char *who,
                           struct kp_err *);

/* {watch, sightings, feed, eve, syslogFile, syslog}; put: whole, what is missing is as at first. */
enum kp_code kp_observe_settings(struct kp_shield *, struct kp_json *, struct kp_err *);
enum kp_code kp_observe_settings_put(struct kp_shield *, const json_t *body, struct kp_err *);
/* Indicators have changed: looked at soon, instead of within seconds. */
void kp_observe_renew(struct kp_shield *);
#endif
