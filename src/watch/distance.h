/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_DISTANCE_H
#define KOPPEL_WATCH_DISTANCE_H
/* Whether signals that belong together still go together: the shrunk Mahalanobis distance of their
 * smoothed values from where they were while it learnt, at several paces, each against a limit that
 * cross-validation over blocks of the learning time gives. */
#include "core/err.h"
#include "core/mem.h"

#include <stdbool.h>
#include <stddef.h>

enum { KP_DISTANCE_LEAST = 2, KP_DISTANCE_MOST = 64 }; /* signals */

struct kp_distance; /* its maker's; not shared between threads */
/* Learns from n rows (at least 20) of `signals` values. Values that are not finite, or far beyond
 * the others of their signal, count as the one before them. NULL: out of memory. */
struct kp_distance *kp_distance_new(const double *rows, size_t n, size_t signals, struct kp_err *);
void kp_distance_free(struct kp_distance *); /* NULL is allowed */

struct kp_distance_share { /* what a signal has to do with it */
    double share;          /* of the distance; those of all signals are 1 together */
    double expected;       /* in the signal's unit */
};
/* The distance as a multiple of the limit, of the pace at which it is largest. The row is finite.
 * While it is far below the limit it slowly learns. */
double kp_distance_step(struct kp_distance *, const double *row);
/* The shares of the last step, one for each signal. */
void kp_distance_explain(struct kp_distance *, struct kp_distance_share *);
/* A person says that where the signals are now, and were at the furthest of the newest event, is usual too: they may
 * go that way from now on, as far as they did. */
void kp_distance_accept(struct kp_distance *);
/* A person says that the newest event was a fault: what goes the same way counts twice from now on. */
void kp_distance_reject(struct kp_distance *);

/* All it knows, as bytes in the order of this machine. */
void kp_distance_save(const struct kp_distance *, struct kp_buf *);
/* NULL, with KP_EPARSE: not what kp_distance_save gave for so many signals. */
struct kp_distance *kp_distance_load(const void *, size_t size, size_t signals, struct kp_err *);
#endif
