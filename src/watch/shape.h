/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_SHAPE_H
#define KOPPEL_WATCH_SHAPE_H
/* How new the shape of a signal's last stretch is, measured by what that usually is for it. Finds
 * by itself how long a stretch is and how high the signal goes, from the values it learns. */
#include "core/err.h"
#include "core/mem.h"

#include <stddef.h>

struct kp_watch_shape; /* its maker's; about 290 KiB */
/* NULL: out of memory. */
struct kp_watch_shape *kp_shape_new(struct kp_err *);
void kp_shape_free(struct kp_watch_shape *);                /* NULL is allowed */
void kp_shape_learn(struct kp_watch_shape *, double value); /* finite; the last 4,096 count */
void kp_shape_forget(struct kp_watch_shape *);              /* learns from here */
/* After the last one to learn from. */
void kp_shape_begin(struct kp_watch_shape *);
/* The ratio to what one in 200 values reached. */
double kp_shape_step(struct kp_watch_shape *, double value);
/* The value of the last step is one of an alarm, which begins with it or lasts. */
void kp_shape_doubt(struct kp_watch_shape *, bool begins);
/* A person says that what the newest alarm was about is a fault: no stretch is held against its stretches. */
void kp_shape_blame(struct kp_watch_shape *);
/* Or that it is normal: its stretches are as others, and so are those of all faults when it was told of as one. */
void kp_shape_trust(struct kp_watch_shape *);

/* All it knows, as bytes in the order of this machine. */
void kp_shape_save(const struct kp_watch_shape *, struct kp_buf *);
/* NULL with KP_EPARSE: cut or changed. Takes some 20 ms, for the past is gone through again. */
struct kp_watch_shape *kp_shape_load(const void *, size_t size, struct kp_err *);
#endif
