/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_SIGNAL_H
#define KOPPEL_WATCH_SIGNAL_H
/* A watch over one signal, fed value by value as they come: sensor trouble first (watch/sense.h),
 * then how new its movement is (watch/novelty.h), whether its level was ever there (watch/level.h)
 * and, where it was chosen, how new its shape is (watch/discord.h). Each is measured by what it
 * usually reaches for this very signal (watch/tail.h), so there is nothing to set. */
#include "core/mem.h"
#include "watch/level.h"
#include "watch/novelty.h"
#include "watch/sense.h"
#include "watch/tail.h"
#include "watch/watch.h"

struct kp_watch_shape; /* 290 KiB, where it was chosen */

/* Less than 4 KiB, for there may be 10,000. Its own; begin with kp_watch_signal_init. */
struct kp_watch_signal {
    struct kp_novelty novelty;
    struct kp_tail novelties;
    struct kp_level level;
    struct kp_sense sense;
    struct kp_watch_shape *shape; /* owned; NULL: not chosen */
    double ratio, drift;          /* of the newest value that was judged: to the limit of each */
    uint32_t train, learnt, calm; /* values: to learn from, learnt, not unusual in a row */
    uint32_t lenient;             /* values for which a person's word still holds */
    uint8_t alarm, stale;
};
_Static_assert(sizeof(struct kp_watch_signal) <= 4096, "10,000 signals are to cost 40 MB");

/* Learns from the first `train` usable values (KP_WATCH_TRAIN_LEAST to _MAX). */
enum kp_code kp_watch_signal_init(struct kp_watch_signal *, uint32_t train, bool shape,
                                  struct kp_err *);
void kp_watch_signal_free(struct kp_watch_signal *); /* what it owns, not itself */

/* Judges the value of this moment: `at` in ns since 1970 UTC, or KP_NO_TIME where there is none;
 * `good`: by its status. Never fails: what cannot be judged is trouble. */
struct kp_judgement kp_watch_signal_step(struct kp_watch_signal *, int64_t at, double value,
                                         bool good);
/* What it says without a new value; STALE and KP_TROUBLE_SILENT when none came for far longer than
 * ever. `now` by the clock of the values. Cheap. */
struct kp_judgement kp_watch_signal_look(struct kp_watch_signal *, int64_t now);
/* A person says that what it does now is normal: the alarm ends, and it is learnt. */
void kp_watch_signal_accept(struct kp_watch_signal *);
/* A person says that what the alarm was about is a fault: it is one whenever it comes back, however
 * often; 16 places of the signal's movement are remembered, and the range of its level no longer
 * follows it that way. */
void kp_watch_signal_reject(struct kp_watch_signal *);

/* All it knows, as bytes in the order of this machine, with their version in front. */
void kp_watch_signal_save(const struct kp_watch_signal *, struct kp_buf *);
/* Instead of kp_watch_signal_init. KP_EPARSE: of another version, cut or changed; learn anew. */
enum kp_code kp_watch_signal_load(struct kp_watch_signal *, const void *, size_t size,
                                  struct kp_err *);
#endif
