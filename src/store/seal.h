/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_SEAL_H
#define KOPPEL_STORE_SEAL_H
/* The stripe being sealed: its journal rows in memory, and what is done with them. */
#include "store/engine.h"

struct kp_seal_row {
    int64_t id;
    void *data;
    size_t len;
    struct kp_row_reader reader;
    const uint8_t *block;
    size_t size;
    bool more;    /* reader.signal and block are an entry not yet sealed */
    bool damaged; /* moved away at the end, not deleted */
};

struct kp_seal {
    bool active, noted, resumed;
    bool known;   /* there is no note in the file but ours */
    bool failing; /* the last turn did */
    unsigned stripe;
    uint64_t cut;
    kp_signal done;
    struct kp_seal_row *rows;
    size_t n, room, deleted;
    size_t bytes;
    struct kp_sample *points;
    size_t points_room;
    struct kp_chunk_writer writer;
    int64_t retry_at;
};

/* Reads rows of the stripe up to the cut, until they have `limit` bytes; one that is damaged is marked. */
enum kp_code kp_seal_read(struct kp_store *, size_t limit, struct kp_err *);
/* Appends the points of the row's current block to seal->points and moves the row on. */
enum kp_code kp_seal_take(struct kp_seal *, struct kp_seal_row *, size_t *n, struct kp_err *);
/* Deletes rows up to number `to`, damaged ones are put aside; with the last goes the note. In the open transaction. */
enum kp_code kp_seal_delete(struct kp_store *, size_t to, struct kp_err *);
#endif
