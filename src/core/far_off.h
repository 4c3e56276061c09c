/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_FAR_OFF_H
#define KOPPEL_CORE_FAR_OFF_H
/* Machines whose clock is far off. A live sample whose source time is more than a day ahead of its receive time, or more
 * than 30 days behind it, is far off. Of a coupling the first ten in a row are held (the store's quarantine); from
 * the eleventh on they go on with the time they were received at, and in doubt. One in good time ends the row; ten
 * of them in a row end the condition that told of it. A sample that fills a gap may be as old as it likes, but not
 * be more than a day ahead: then it is held. Hub thread only. */
#include "core/batch.h"

enum kp_clock_mode {
    KP_CLOCK_AUTO,    /* the rule above */
    KP_CLOCK_SOURCE,  /* the source time is right; only one that int64 cannot hold is refused, and held */
    KP_CLOCK_RECEIVE, /* the receive time always */
};
const char *kp_clock_mode_name(unsigned mode);
bool kp_clock_mode_parse(const char *, uint8_t *mode);

enum { KP_FAR_OFF_RUN = 10 };
#define KP_FAR_AHEAD  (86400 * INT64_C(1000000000))
#define KP_FAR_BEHIND (30 * KP_FAR_AHEAD)

/* The times that are good, as one compare: (uint64_t)at - low <= span. */
struct kp_time_window {
    uint64_t low, span;
};
struct kp_time_window kp_time_window(unsigned mode, bool historic, int64_t received);
static inline bool kp_time_within(struct kp_time_window w, int64_t at)
{
    return (uint64_t)at - w.low <= w.span;
}
/* A time that int64 can hold; KP_NO_TIME and KP_FOREVER stand for those it cannot. */
bool kp_time_usable(int64_t at);

/* What is known of a machine's clock. */
struct kp_clock_watch {
    uint8_t mode;     /* enum kp_clock_mode */
    bool telling;     /* the condition holds */
    unsigned run;     /* far off in a row, up to KP_FAR_OFF_RUN */
    unsigned good;    /* in good time in a row since */
    bool known;       /* of the last one that was far off: */
    int64_t offset;   /* source time less receive time */
    int64_t received; /* the last receive time given to a sample */
};

enum kp_far_off {
    KP_FAR_NOT,
    KP_FAR_HOLD,    /* for the quarantine */
    KP_FAR_RECEIVE, /* it has its receive time now, and is in doubt */
};
/* Whether samples in good time are of interest now, not only those far off. */
static inline bool kp_clock_watch_busy(const struct kp_clock_watch *w)
{
    return w->mode == KP_CLOCK_RECEIVE || w->run || w->telling;
}
/* Judges one sample of a batch; may change its time and status. `stored`: the history is kept, else there is nothing to
 * hold it for. `again`: the latest value once more, which says nothing about the clock. */
enum kp_far_off kp_clock_judge(struct kp_clock_watch *, const struct kp_batch *, struct kp_sample *, bool stored,
                               bool again);
/* "9 years", "41 d 3 h"; `offset` of either sign. */
void kp_clock_offset_print(int64_t offset, char *out, size_t size);
#endif
