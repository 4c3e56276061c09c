/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_LEVELS_H
#define KOPPEL_WATCH_LEVELS_H
/* What a machine is doing, from what it draws: power or current lie at two or three levels (off,
 * idle, running), each for long stretches, with little time between them. The levels are found in
 * how long each value stood; between two of them lies the limit, in the middle of the gap, with
 * a band in which a state stays as it is. Programs of a machine may draw differently; all of them
 * are running. */
#include <stdbool.h>
#include <stddef.h>

enum { KP_LEVELS_TEXT = 200 };
struct kp_level_time {
    double value, seconds; /* a value below zero counts as zero */
};
struct kp_levels {
    bool found;
    bool idle, off;              /* which there are below running */
    double run, run_ends;        /* from where on it runs, and down to where that lasts */
    double stand, stand_ends;    /* the same of idle against off, where both are */
};
/* `draws`: what is zero is off, as of power; else idle, as of a load in percent. Not found: less
 * than eight hours are known, or one level alone. */
struct kp_levels kp_levels_learn(const struct kp_level_time *, size_t n, bool draws);
/* What was learnt anew moves limits by a third, between levels that are the same; an idle or off
 * that was not seen lately stays known. */
struct kp_levels kp_levels_follow(const struct kp_levels *old, const struct kp_levels *now);
/* As a rule of states (core/state_rule.h): "learn; running>=1500,1200; idle>=90,60; off; hold 10s". */
void kp_levels_rule(const struct kp_levels *, char out[KP_LEVELS_TEXT]);
/* Reads that back; not found: it is none. */
struct kp_levels kp_levels_read(const char *rule);
#endif
