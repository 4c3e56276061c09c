/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_POST_PRIVATE_H
#define KOPPEL_WATCH_POST_PRIVATE_H
/* What the files of a post share. */
#include "watch/post.h"

/* What is known under one program, or under all. */
struct memory {
    uint64_t program, used; /* used: a count, the highest is the newest */
    struct kp_watch_signal *signal;
    struct kp_group *group;
};

/* When something came from a signal, by the clock of who asks. What comes in heaps, as files do, is silent in
 * between. */
struct hearing {
    int64_t at, longest; /* at: KP_NO_TIME: never; longest: ns in which nothing came */
    uint64_t values, before; /* before: when it was asked last */
    uint32_t times;
};

/* What one signal of a group or machine showed last. */
struct channel {
    struct kp_sense sense;
    struct hearing hearing;
    double value; /* NaN: none that is a measurement */
};

/* Of a machine, what its cycles need of time. */
struct cycling {
    double overdue_usual;
    /* Of the cycle that runs, by the clock of who looks: ns; since when, at most (KP_NO_TIME: not seen yet). */
    int64_t lasts, seen;
    int64_t changed;     /* its state, when; before: which it was */
    uint8_t before;
};

struct kp_post {
    const struct kp_watch_def *def;
    kp_signal *signal; /* owned, n of them */
    size_t n;
    struct memory *memory; /* n_memory of them; of a machine none */
    size_t n_memory;
    uint64_t clock;
    struct kp_cycles *cycles;
    struct cycling *cycling; /* of a machine */
    struct channel *channel; /* of a group and of a machine: n */
    double *row;
    int64_t next_row; /* KP_NO_TIME: none was made yet */

    int64_t until; /* what is not newer is known */
    int64_t at;    /* of the newest value judged; KP_NO_TIME: none */
    struct kp_judgement last;
    struct kp_cycle_judgement cycle;
    uint64_t program;
    int64_t first_run; /* since when; KP_NO_TIME: it is none */
    uint8_t machine;   /* enum kp_state */
    bool has_states, cut;

    uint8_t findings; /* bits */
    uint8_t trouble;  /* that stands as KP_POST_SENSOR */
    uint16_t odd, fine;
    uint32_t troubled;
    int64_t fine_since;
    int64_t since[KP_POST_FINDINGS];

    struct hearing hearing; /* of all its signals */
    int64_t learnt_at;
    uint8_t from;

    int64_t step; /* the newest of the course: its number since 1970 */
    uint8_t course[KP_POST_STEPS]; /* by number modulo; 0: nothing judged, else 1 + score * 126, + 128 in alarm */
};

/* The memory in force; NULL: out of memory, or a machine. */
struct memory *post_memory(struct kp_post *);
struct memory *post_find(struct kp_post *, uint64_t program); /* the one, or that not used for longest */
enum kp_post_reason post_silent(const struct kp_post *);
void post_forget(struct memory *);
enum kp_code post_remember(const struct kp_post *, struct memory *, struct kp_err *); /* as new */
#endif
