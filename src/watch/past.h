/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_PAST_H
#define KOPPEL_WATCH_PAST_H
/* Feeds a post with history: values, states, programs and cycles of [from, to), in the order in which they
 * happened, as the hub would have. */
#include "store/history.h"
#include "watch/post.h"

struct kp_past {
    struct kp_db *reader;
    const struct kp_model *model;
    kp_asset machine;         /* 0: none */
    kp_signal program_signal; /* that tells its program; 0: none */
    kp_signal count_signal;   /* that counts its parts; 0: none */
    bool has_states;
    int64_t from, to;
    uint64_t most; /* values; 0: any number */
    /* Called behind each value and event; false stops. NULL: not. */
    bool (*each)(void *, struct kp_post *, int64_t at);
    void *arg;
};
/* *values: how many there were; *last: the time of the newest, KP_NO_TIME: none. */
enum kp_code kp_past_walk(const struct kp_past *, struct kp_post *, uint64_t *values, int64_t *last, struct kp_err *);
/* The first time stored of any of its signals; KP_NO_TIME: there is no history. */
int64_t kp_past_begins(struct kp_db *reader, const struct kp_post *, struct kp_err *);
#endif
