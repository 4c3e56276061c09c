/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_REVEALS_H
#define KOPPEL_SHARE_REVEALS_H
/* What the other company can work out from what it is offered: said to whoever makes the offer,
 * before it is made. A hint, not a guard: what may go is decided by labels and terms. */
#include "core/json.h"
#include "core/model.h"
#include "gate/terms.h"

/* What a thing tells of. */
enum kp_topic {
    KP_TOPIC_CYCLE,
    KP_TOPIC_COUNT,
    KP_TOPIC_SCRAP,
    KP_TOPIC_PROGRAM,
    KP_TOPIC_ORDER,
    KP_TOPIC_POWER,
    KP_TOPIC_FAULT,
    KP_TOPIC_STATE,
    KP_TOPIC_PERSON,
    KP_TOPIC_FREE, /* free time */
    KP_TOPIC_FIGURE,
    KP_TOPIC_OTHER, /* a number of any other kind */
    KP_TOPICS
};
/* A bit per topic, by role, unit and the words in the name (English and Dutch). */
unsigned kp_topics_signal(const struct kp_signal_info *);
unsigned kp_topics_interval(unsigned kind);

enum { KP_REVEALED_NAMES = 5 };
struct kp_revealed_machine {
    kp_asset machine;      /* 0: no machine is known */
    unsigned here, before; /* topics of this offer, and of what he is offered already */
};
struct kp_reveals { /* zero-initialised is empty */
    struct kp_revealed_machine *machines;
    size_t n, room;
    char names[KP_TOPICS][KP_REVEALED_NAMES][KP_PATH_MAX]; /* paths of this offer */
    size_t named[KP_TOPICS];
    bool failed; /* out of memory */
};
void kp_reveals_add(struct kp_reveals *, kp_asset machine, unsigned topics, bool before,
                    const char *path);
/* Whether what he is offered already could make it tell more. */
bool kp_reveals_open(const struct kp_reveals *);
/* [{"code", "en", "nl", "together", "signals"}]: together: only with what is offered already. */
void kp_reveals_json(struct kp_json *, const struct kp_reveals *, const struct kp_terms *);
void kp_reveals_free(struct kp_reveals *);
#endif
