/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_ALARM_ROUND_H
#define KOPPEL_ALARM_ROUND_H
/* A mail that goes round when its time has come: each once to each address. What was sent stands in
 * the data file as one setting, {"due", "sent": [addresses], "error"}, so that a restart sends
 * nothing again; whoever sends may keep more beside it. */
#include "core/json.h"
#include "store/store.h"

#include <jansson.h>

/* As it stands in the file; {} at first. NULL: err says why. json_decref it. */
json_t *kp_round_read(struct kp_store *, const char *key, struct kp_err *);
int64_t kp_round_due(const json_t *); /* KP_NO_TIME: of none */
/* The state of what is due then: as read, or a fresh one where that is of another time. Takes over
 * and gives back; NULL when there is no memory. */
json_t *kp_round_of(json_t *state, int64_t due, struct kp_err *);
bool kp_round_was_sent(const json_t *, const char *to);
/* Notes that it went to that address, or (why) that it did not, in the file too. */
void kp_round_note(struct kp_store *, const char *key, json_t *state, const char *to,
                   const struct kp_err *why, struct kp_err *);
enum kp_code kp_round_write(struct kp_store *, const char *key, const json_t *, struct kp_err *);
/* The members last (as given), sent and error. */
void kp_round_json(struct kp_json *, const json_t *, int64_t last);
#endif
