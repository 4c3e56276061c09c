/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_STATE_RULE_H
#define KOPPEL_CORE_STATE_RULE_H
/* What a value of a signal says of its machine: running, idle, stopped ... A rule is a list of
 * clauses parted by semicolons, of which the first that holds counts:
 *
 *     running=ACTIVE,3; stopped=INTERRUPTED,FEED_HOLD; idle      words or numbers; the rest is idle
 *     running>=1500; idle>=100; off; hold 10s                     from a power meter, in its own unit
 *     running>=1500,1200; idle                                     begins at 1500, lasts down to 1200
 *     learn                                                        limits like these, from its history
 *
 * `hold` says how long a new state must last before it counts. Words are compared without regard to
 * upper and lower case, with the value's text or, for an enumeration, with the text of its number. */
#include "core/err.h"
#include "core/value.h"

enum kp_state { /* of several signals of one machine the first in this list counts */
    KP_STATE_UNKNOWN, KP_STATE_RUNNING, KP_STATE_SETUP, KP_STATE_MAINTENANCE, KP_STATE_STOPPED,
    KP_STATE_IDLE, KP_STATE_OFF, KP_STATES,
};
const char *kp_state_name(unsigned state); /* "running" ... */

/* Whether a signal of this role and rule (either may be NULL) says what its machine is doing. */
bool kp_tells_state(const char *role, const char *rule);

struct kp_state_rule;
/* `text` NULL or "": the words machines are known to use. */
struct kp_state_rule *kp_state_rule_new(const char *text, struct kp_err *);
void kp_state_rule_free(struct kp_state_rule *);
int64_t kp_state_rule_hold(const struct kp_state_rule *); /* ns */
/* A rule that is learnt: "learn" alone until it is, then "learn; " and what was learnt. */
bool kp_state_rule_learns(const struct kp_state_rule *);
bool kp_state_text_learns(const char *text); /* the same of a text that was checked; NULL: false */
/* `enums`: JSON object of number to text, or NULL. A null or Bad value says nothing. `before`: the
 * state that it says now. */
enum kp_state kp_state_rule_apply(const struct kp_state_rule *, const struct kp_value *,
                                  uint32_t status, const char *enums, enum kp_state before);
enum kp_code kp_state_rule_check(const char *text, struct kp_err *);
#endif
