/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_CYCLE_H
#define KOPPEL_WATCH_CYCLE_H
/* A watch over the cycles of one machine: each is held against the earlier ones of the same kind,
 * that is of the same program with the same tool. Found are cycles that last longer or shorter,
 * take more or less (energy: load by time), run differently (each channel over 32 parts of the
 * cycle: the load, and what else goes with the program, as coolant pressure), and those that do so
 * a little more each time. Silent are the first cycles of a kind, the first one after each
 * changeover or long pause, and a single odd one, for people hold machines. */
#include "core/mem.h"
#include "watch/watch.h"

#include <stdint.h>

enum { KP_CYCLE_PARTS = 32, KP_CYCLE_KINDS = 32, KP_CYCLE_LEARN = 12, KP_CYCLE_CHANNELS = 8 };

struct kp_cycles; /* its maker's; 16 KiB and 42 KiB a channel; not shared between threads */
/* Channel 0 is the load. NULL with KP_EINVALID: not 1 to KP_CYCLE_CHANNELS. */
struct kp_cycles *kp_cycles_new(unsigned channels, struct kp_err *);
void kp_cycles_free(struct kp_cycles *); /* NULL is allowed */
unsigned kp_cycles_channels(const struct kp_cycles *);

/* A cycle begins at `at`, ns since 1970 UTC. The kind is a number its owner makes of program and
 * tool. Of more than KP_CYCLE_KINDS kinds the one not seen for longest is forgotten. A cycle that
 * runs is dropped. */
void kp_cycle_begin(struct kp_cycles *, uint64_t kind, int64_t at);
/* What a channel shows from `at` on, in any unit. What is no finite number, what runs backward and a
 * channel that is none are left out. */
void kp_cycle_value(struct kp_cycles *, unsigned channel, int64_t at, double value);

enum kp_cycle_finding {
    KP_CYCLE_USUAL,
    KP_CYCLE_DURATION,        /* s */
    KP_CYCLE_COURSE,          /* of a channel, most in one part of the cycle */
    KP_CYCLE_DURATION_CREEPS, /* s */
    KP_CYCLE_ENERGY_CREEPS,   /* load x s */
};
const char *kp_cycle_word(enum kp_cycle_finding); /* "duration-creeps" */

struct kp_cycle_judgement {
    enum kp_watch_state state;
    double score;                  /* as in kp_judgement */
    bool alarm;                    /* stands until some cycles were usual */
    enum kp_cycle_finding finding; /* what is furthest from usual */
    double expected, actual;       /* of that, in its unit */
    unsigned channel, part;        /* of KP_CYCLE_COURSE; part: of the 32 */
    uint32_t known;                /* earlier cycles of this kind */
};
/* The cycle is over. False, and nothing is judged: none ran, or it took no time. */
bool kp_cycle_end(struct kp_cycles *, int64_t at, struct kp_cycle_judgement *);
/* It is over, and nothing is made of it. */
void kp_cycle_drop(struct kp_cycles *, int64_t at);
/* As kp_cycle_end, of one that is told of when it is over, while none runs: as if it had begun and ended in time. False, too: it
 * began before the end of another, or before values were given. */
bool kp_cycle_whole(struct kp_cycles *, uint64_t kind, int64_t from, int64_t to, struct kp_cycle_judgement *);
/* Whether the cycle that runs would be much longer than those of its kind ever were, had it lasted so
 * many ns; *usual: s that they last. Only of a kind that was learnt. */
bool kp_cycle_overdue(const struct kp_cycles *, int64_t lasted, double *usual);
bool kp_cycle_runs(const struct kp_cycles *);
/* A person says that what the newest cycles past their limit did is normal too: the alarm ends, and cycles of that
 * kind may go that way as far as those did. `lasted`: of the cycle that runs, which is meant as well; 0: it is not. */
void kp_cycles_accept(struct kp_cycles *, int64_t lasted);
/* A person says that it was a fault: the same is told of that kind one cycle earlier, creeping from half as much on,
 * and a cycle that runs as soon as none ever ran so long. `overdue`: the cycle that runs is meant as well. */
void kp_cycles_reject(struct kp_cycles *, bool overdue);

/* All it knows but for the cycle that runs, as bytes in the order of this machine. */
void kp_cycles_save(const struct kp_cycles *, struct kp_buf *);
/* NULL with KP_EPARSE: of another version, cut or changed; learn anew. */
struct kp_cycles *kp_cycles_load(const void *, size_t size, struct kp_err *);
#endif
