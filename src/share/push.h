/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_PUSH_H
#define KOPPEL_SHARE_PUSH_H
/* A transfer that this node pushes: what its values are, and what was written of them. */
#include "share/private.h"
#include "store/digest.h"

enum {
    PUSH_BATCH = 256 << 10, /* bytes of JSON lines at once */
    PUSH_PATTERNS = 64 << 10,
};

struct push {
    struct push *next;
    struct kp_share *share;
    struct kp_arena arena; /* of the texts here */
    struct share_process process;
    struct share_target target;
    const char *ca, *include;
    struct kp_terms terms;
    struct kp_cursor *cursor;
    kp_signal *signals; /* of the part [from, to) of time that is being pushed, in order of path */
    size_t n, at;       /* the signal whose turn it is */
    int64_t from, to, next_value;
    unsigned turn;      /* of the functions of steps, which one comes next */
    bool flushing;      /* the part's signals are done, steps may be over */
    struct kp_buf body; /* the batch that is on its way */
    int64_t body_values, body_first, body_last;
    bool waiting, ended, whole; /* whole: what was agreed is sent */
    int64_t due, tries, since, noted;
    struct kp_digest digest;
    int64_t exit, values, bytes, first, last; /* the exit's row and its totals */
    const char *why;
};

/* ---- feed.c ---- */
/* Fills body with the next lines, as far as there are any by now; sets ended and why, or whole. */
enum kp_code push_fill(struct push *, struct kp_err *);
void push_close(struct push *);
#endif
