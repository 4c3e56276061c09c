/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_GROUP_H
#define KOPPEL_WATCH_GROUP_H
/* A watch over signals that belong together, fed row by row: whether they still go together
 * (watch/distance.h), with an alarm that lasts from some rows past the limit until they are well
 * back. Whoever feeds it makes the rows: the last value of each signal, at an even pace. */
#include "core/mem.h"
#include "watch/distance.h"
#include "watch/watch.h"

#include <stdint.h>

enum { KP_GROUP_CELLS_MAX = 4000000 }; /* signals x rows to learn from */

struct kp_group; /* its maker's; not shared between threads */
/* Learns from the first `train` whole rows. NULL with KP_EINVALID: a number that cannot be. */
struct kp_group *kp_group_new(size_t signals, uint32_t train, struct kp_err *);
void kp_group_free(struct kp_group *); /* NULL is allowed */
/* A value that is no number (NaN, infinite) counts as the last one that was; until each signal has
 * had one, nothing is learnt. Fails only by memory, at the end of learning. */
enum kp_code kp_group_step(struct kp_group *, const double *row, struct kp_judgement *,
                           struct kp_err *);
/* A person says that what it does now is normal: the alarm ends, and it is learnt. */
void kp_group_accept(struct kp_group *);
/* A person says that what the newest alarm was about is a fault: what goes the same way is one from half as far on. */
void kp_group_reject(struct kp_group *);

/* All it knows, as bytes in the order of this machine, with their version in front. A group that
 * still learns begins anew. */
void kp_group_save(const struct kp_group *, struct kp_buf *);
/* NULL with KP_EPARSE: of another version, cut or changed; learn anew. */
struct kp_group *kp_group_load(const void *, size_t size, struct kp_err *);
size_t kp_group_signals(const struct kp_group *);
uint32_t kp_group_learnt(const struct kp_group *); /* rows, of those it learns from */
#endif
