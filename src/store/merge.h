/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_MERGE_H
#define KOPPEL_STORE_MERGE_H
/* The inside of struct kp_history. A source is a chunk or a journal row that has points of the signal in the range.
 * Sources are known by their times first and decoded only when their turn has come; where they overlap (late
 * data) their points are merged by time, and among equal times by commit.
 *
 * One read transaction lasts from open to close: keep it short, or the writer's log grows meanwhile. */
#include "store/engine.h"
#include "store/history.h"

enum { KP_SOURCES_OPEN = 2048 }; /* decoded at one time: about 64 MB at worst */

struct kp_source {
    int64_t t0, t1; /* t0 not before the range */
    uint64_t seq;
    int64_t id;
    struct kp_chunk_summary sum; /* of a chunk */
    bool summed;                 /* sum tells all there is to know */
};

struct kp_sources { /* by t0, seq, id */
    struct kp_source *list;
    size_t n, room, head;
};

struct kp_slot { /* a decoded source */
    struct kp_sample *points;
    size_t room, n, i;
    uint64_t seq;
    int64_t id;
    struct kp_arena text;
};

struct kp_history {
    struct kp_db *db;
    bool reading; /* it holds a read transaction */
    kp_signal signal;
    int64_t from, to; /* of the part being read */
    int64_t span;     /* how far its chunks reach, in eighths of a second */
    struct kp_stmt *headers; /* standing on a chunk not yet known; NULL at the end */
    int64_t last_id;         /* of the chunk before it */
    int64_t low;             /* no chunk from there on begins earlier */
    struct kp_sources chunks, rows;
    struct kp_sources journal; /* all rows of the whole range; `rows` are those of the part */
    struct kp_slot *slots;
    size_t open, slots_room;
    struct kp_slot *given;     /* its last point was handed out; ends at the next call */
    int64_t bound;             /* points before this time need no look at other sources */
    struct kp_sample *scratch; /* KP_CHUNK_MAX points */
};

/* Takes the next chunk whole, without decoding, when it lies alone: all of it in the range and in one step, and no
 * other source reaches into it. */
bool kp_history_whole(struct kp_history *, int64_t step, struct kp_chunk_summary *, struct kp_err *);
/* Goes on with another part of the range it was opened for. What was not read of the part before is left out. */
enum kp_code kp_history_part(struct kp_history *, int64_t from, int64_t to, struct kp_err *);
/* Whether points not sealed yet lie in [from, to). */
bool kp_history_unsealed(const struct kp_history *, int64_t from, int64_t to);
#endif
