/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_WATCH_H
#define KOPPEL_WATCH_WATCH_H
/* What all watches have in common. A watch learns from the first values it is given what is usual,
 * then judges each further one by it: no labels, nothing of the future, one set of parameters for
 * everything, and the same values give the same answers. There are three kinds: over one signal
 * (watch/signal.h), over signals that belong together (watch/group.h), and over the cycles of a
 * machine (watch/cycle.h). None of them knows a clock, a thread or a disk; whoever feeds one owns
 * it, and keeps it through a restart as the bytes it gives. */
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { KP_WATCH_TRAIN_LEAST = 20, KP_WATCH_TRAIN_MAX = 100000, KP_WATCH_TOP = 3 };

enum kp_watch_state {
    KP_WATCH_LEARNING, /* gives no alarms */
    KP_WATCH_ACTIVE,
    KP_WATCH_FROZEN, /* in alarm: nothing is learnt from it */
    KP_WATCH_STALE,  /* no usable value for long */
};
const char *kp_watch_state_word(enum kp_watch_state); /* "learning" */

/* What is wrong with a sensor rather than with what it measures; its own kind of alarm. A value in
 * trouble is neither judged nor learnt. */
enum kp_watch_trouble {
    KP_TROUBLE_NONE,
    KP_TROUBLE_BAD,    /* no number: NaN, infinite, of bad status, of another type */
    KP_TROUBLE_RANGE,  /* a number beyond all it ever gave, by orders of magnitude */
    KP_TROUBLE_STUCK,  /* has not changed for very much longer than it ever did not */
    KP_TROUBLE_CLOCK,  /* its time stands still or runs backward */
    KP_TROUBLE_SILENT, /* nothing came for very much longer than usual */
};
const char *kp_watch_trouble_word(enum kp_watch_trouble); /* "stuck"; "" for none */

struct kp_watch_reason {
    size_t signal;                  /* its place in the group; 0 for a single one */
    double share, actual, expected; /* share: of what is unusual; all signals' are 1 together */
};

struct kp_judgement {
    enum kp_watch_state state;
    enum kp_watch_trouble trouble;
    double score; /* 0 to 1; from 0.5 on it is past its limit. 0 while it learns */
    bool alarm;   /* stands from the first value of an event until it is calm again */
    bool drifts;  /* the alarm is, also or only, that its level left all it was learnt at */
    size_t n_top; /* reasons, the largest share first; 0 while it learns */
    struct kp_watch_reason top[KP_WATCH_TOP];
};
#endif
