/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_CYCLE_PRIVATE_H
#define KOPPEL_WATCH_CYCLE_PRIVATE_H
/* What cycle.c (judging) and cycle_keep.c (keeping) share. */
#include "watch/cycle.h"

enum {
    PARTS = KP_CYCLE_PARTS,
    KINDS = KP_CYCLE_KINDS,
    LEARN = KP_CYCLE_LEARN,
    CYCLE_USUAL_ROWS = 3, /* usual cycles that end an alarm */
    SAMPLES = 1024 /* of a channel in a cycle; when there are more, neighbours become one */
};
#define CYCLE_CREPT    12.0 /* spreads in all that are not usual */
#define CYCLE_FARTHEST 1e30

/* A number of each cycle, by its logarithm: where it is usually, as a band, for tools wear and are
 * replaced, and how far it has crept out of that lately. */
struct measure {
    double learnt, low, high, spread, now, up, down;
    double steady_low, steady_high; /* the band when it was last within */
};
struct course {               /* of a channel */
    double near, near_spread; /* the distance to the mean, usually */
    double mean[PARTS], spread[PARTS];
    double allowed[PARTS]; /* off the mean: a person said so */
};
struct head {           /* of a kind */
    uint64_t key, used; /* used: by the count of cycles; 0: none is kept here */
    uint32_t known, odd, late,
        usual; /* cycles learnt; in a row: run differently, of other length */
    uint64_t alarm, faults; /* faults: bits of enum cycle_fault that a person called one */
    struct measure duration, energy;
};
struct kind {
    struct head is;
    double *lesson; /* LEARN rows while it learns: duration, energy, the parts of each channel */
    struct course *course;
};
struct sample {
    int64_t at;
    double value;
};
struct channel { /* of the cycle that runs; while none does, since the last one ended */
    size_t n;
    struct sample sample[SAMPLES];
};
enum cycle_fault {
    FAULT_LONGER = 1,
    FAULT_SHORTER = 2,
    FAULT_SLOWER = 4, /* of FAULT_FASTER to FAULT_LESS: a little each time */
    FAULT_FASTER = 8,
    FAULT_MORE = 16,
    FAULT_LESS = 32,
    FAULT_COURSE = 256 /* of channel 0; those of the others to the left */
};
/* The cycle that was furthest from usual in the newest event, for a person may speak of it when it is over. */
struct odd_cycle {
    uint64_t key, what; /* what: bits of enum cycle_fault; 0: none, or it was spoken of */
    double ratio;
    double band[4]; /* that would be in force without it: of duration and energy, low and high */
    double row[2 + KP_CYCLE_CHANNELS * PARTS];
};
struct kp_cycles {
    unsigned channels;
    uint64_t clock, last_key;
    int64_t last_end, since; /* since: when the values begin while none runs; KP_NO_TIME: there are none */
    double last_duration; /* s */
    bool runs, first;
    uint64_t key;
    int64_t begin;
    struct channel *channel;
    struct odd_cycle odd;
    struct kind kind[KINDS];
};

/* Numbers of a row: duration, energy, the parts of each channel. */
size_t cycle_width(const struct kp_cycles *);
/* The kind, or the one not seen for longest. */
struct kind *cycle_find(struct kp_cycles *, uint64_t key);
/* The same, made when it is new; NULL: out of memory, so that this cycle is not learnt. */
struct kind *cycle_meet(struct kp_cycles *, uint64_t key);
void cycle_forget(struct kind *);
/* A cycle was judged; ratio: of what is furthest from usual, to its limit. */
void cycle_note(struct kp_cycles *, const struct kind *, const double *row, uint64_t what, double ratio);
#endif
