/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_PUSH_H
#define KOPPEL_SHARE_PUSH_H
/* A transfer that this node pushes: what its values are, and what was written of them. */
#include "share/data_private.h"

enum {
    PUSH_BATCH = 256 << 10, /* bytes of JSON lines at once */
};

struct push {
    struct push *next;
    struct kp_share *share;
    struct kp_arena arena; /* of the texts here */
    int64_t id;            /* of the transfer */
    struct share_grant grant;
    struct share_target target;
    const char *ca;
    struct kp_cursor *cursor;
    struct share_signals signals; /* of the part [from, to) of time that is being pushed */
    size_t at;                    /* the signal whose turn it is */
    int64_t from, to, next_value;
    struct data_writer writer;
    bool flushing;      /* the part's signals are done, steps may be over */
    struct kp_buf body; /* the batch that is on its way */
    bool waiting, ended, whole; /* whole: what was agreed is sent */
    int64_t due, tries, since, noted;
    struct share_exit exit;
};

/* ---- push_fill.c ---- */
/* Fills body with the next lines, as far as there are any by now; sets ended and why it is so, or whole. */
enum kp_code push_fill(struct push *, struct kp_err *);
void push_close(struct push *);
#endif
