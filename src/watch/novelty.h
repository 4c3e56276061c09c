/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_NOVELTY_H
#define KOPPEL_WATCH_NOVELTY_H
/* Whether a signal does something it has not done before. Where it is, and how it got there over
 * the last 1, 2, 4 ... 32 values, is a point in a small space; points seen are kept as a bounded
 * number of known ones, each with the neighbourhood it stands for. How new a value is: its distance
 * to the nearest known one. What is seen again and again becomes known. */
#include <stdbool.h>
#include <stdint.h>

/* A point that was first seen in an alarm is no normal one because it was seen. */
enum kp_doubt {
    KP_DOUBT_NONE,
    KP_DOUBT_LASTS,  /* while the signal is there, an alarm goes on */
    KP_DOUBT_BEGINS, /* it made the alarm, and makes one again */
    KP_DOUBT_FAULT,  /* the same, however often it is met: a person said so */
    KP_DOUBT_AGAIN,  /* the same, met in the newest alarm */
};
enum { KP_NOVELTY_SCALES = 6, KP_NOVELTY_KNOWN = 64 };
struct kp_novelty { /* zeroed is new; plain bytes, copied freely; its own but for `expected` */
    double origin;  /* the first value: all others are told from there */
    double slow[KP_NOVELTY_SCALES], mean[KP_NOVELTY_SCALES], spread[KP_NOVELTY_SCALES];
    float known[KP_NOVELTY_SCALES][KP_NOVELTY_KNOWN], weight[KP_NOVELTY_KNOWN];
    uint8_t doubt[KP_NOVELTY_KNOWN];
    uint8_t n, last, kept, resume; /* met by the last value; made of it, or 64 */
    uint32_t settle; /* so often a point is met until it is in doubt no more; its owner's to set */
    uint64_t seen;
    double expected; /* the value that the nearest known point stood for, before the last step */
};
/* The distance of this value, which must be finite, in spreads of the signal's own movements; at
 * most 1e6. */
double kp_novelty_step(struct kp_novelty *, double value);
/* What to think of the point that the last step made, if it made one. */
void kp_novelty_doubt(struct kp_novelty *, enum kp_doubt);
/* What is thought of the point that the last value met; of a new one, nothing yet. */
enum kp_doubt kp_novelty_here(const struct kp_novelty *);
void kp_novelty_begin(struct kp_novelty *); /* a new alarm begins with the last value */
/* No point is in doubt any more, but for faults that the newest alarm had nothing to do with. */
void kp_novelty_trust(struct kp_novelty *);
void kp_novelty_blame(struct kp_novelty *); /* what is in doubt was a fault */
bool kp_novelty_sound(const struct kp_novelty *); /* can be what steps made */
/* How the signal gets to its next value is not known: a silence lies between. */
void kp_novelty_resume(struct kp_novelty *);
#endif
