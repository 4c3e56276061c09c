/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_LEVELS_H
#define KOPPEL_NODE_LEVELS_H
/* Signals whose rule of states is to be learnt ("learn", core/state_rule.h) get it from two weeks
 * of their history (watch/levels.h), within seconds or, while there is too little of it, as soon
 * as there is enough; once a day it follows. A rule that a person has fixed meanwhile stays. */
#include "core/rota.h"

struct kp_node;
struct kp_level_learner;
struct kp_level_learner *kp_level_learner_new(struct kp_node *, struct kp_err *);
enum kp_code kp_level_learner_start(struct kp_level_learner *, struct kp_rota *, struct kp_err *);
void kp_level_learner_stop(struct kp_level_learner *);
void kp_level_learner_free(struct kp_level_learner *);  /* NULL is allowed */
void kp_level_learner_hurry(struct kp_level_learner *); /* a rule has changed; any thread */
#endif
