/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_NOVELTY_H
#define KOPPEL_WATCH_NOVELTY_H
/* Whether a signal does something it has not done before. Where it is, and how it got there over
 * the last 1, 2, 4 ... 32 values, is a point in a small space; points seen are kept as a bounded
 * number of known ones, each with the neighbourhood it stands for. How new a value is: its distance
 * to the nearest known one. What is seen again and again becomes known. */
#include <stdbool.h>
#include <stdint.h>

enum { KP_NOVELTY_SCALES = 6, KP_NOVELTY_KNOWN = 64 };
struct kp_novelty { /* zeroed is new; plain bytes, copied freely; its own but for `expected` */
    double origin;  /* the first value: all others are told from there */
    double slow[KP_NOVELTY_SCALES], mean[KP_NOVELTY_SCALES], spread[KP_NOVELTY_SCALES];
    float known[KP_NOVELTY_SCALES][KP_NOVELTY_KNOWN], weight[KP_NOVELTY_KNOWN];
    uint32_t n, resume;
    uint64_t seen;
    double expected; /* the value that the nearest known point stood for, before the last step */
};
/* The distance of this value, which must be finite, in spreads of the signal's own movements; at
 * most 1e6. Without `learn` the value leaves only its trace in the averages, and is new again. */
double kp_novelty_step(struct kp_novelty *, double value, bool learn);
/* How the signal gets to its next value is not known: a silence lies between. */
void kp_novelty_resume(struct kp_novelty *);
#endif
