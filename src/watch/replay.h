/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_REPLAY_H
#define KOPPEL_WATCH_REPLAY_H
/* What a watch would have said of a file: CSV rows in, a line "index,score,alarm" for each of them
 * out. One signal is watched by itself, several as a group. Fed in pieces, so that a file may be
 * longer than memory; the same file gives the same bytes. */
#include "core/err.h"
#include "core/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kp_replay_options {
    uint32_t train;      /* rows to learn from */
    char separator;      /* of cells; 0: found out from the first line */
    const char *time;    /* name of the column that says when; NULL: rows are an even time apart */
    const char *without; /* names of columns to leave out, parted by commas; NULL: none */
    bool plain;          /* a single signal: without its shapes, which cost much */
};

struct kp_replay; /* its maker's */
struct kp_replay_sum {
    uint64_t rows, judged, alarms, troubles; /* alarms: how often one began */
    size_t signals;
};
/* The texts of the options must outlive it. */
struct kp_replay *kp_replay_new(const struct kp_replay_options *, struct kp_err *);
void kp_replay_free(struct kp_replay *); /* NULL is allowed */
/* Takes the whole lines of text[len], which must be followed by a 0 and is changed, and with `last`
 * also a line that nothing ends; *taken bytes of it. What follows them comes again with the next
 * piece. An error names the line. */
enum kp_code kp_replay_feed(struct kp_replay *, char *text, size_t len, bool last, size_t *taken,
                            struct kp_buf *out, struct kp_err *);
struct kp_replay_sum kp_replay_sum(const struct kp_replay *);
#endif
