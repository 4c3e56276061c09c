/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_DATA_H
#define KOPPEL_SHARE_DATA_H
/* The data of a transfer as its consumer pulls it: who may, and the bytes, each value through the
 * gate. */
#include "core/hub.h"
#include "core/json.h"
#include "gate/gate.h"

struct kp_share;

/* ---- who asks ---- */
struct kp_data_token { /* in an arena */
    const char *transfer, *agreement, *participant;
};
/* Reads the token of an Authorization header, with or without "Bearer ", without the disk.
 * KP_EDENIED: it is none of ours, has ended, or is for another transfer. */
enum kp_code kp_data_token_read(struct kp_share *, const char *pid, const char *authorization,
                                struct kp_arena *, struct kp_data_token *, struct kp_err *);
/* {"authorization", "expiresIn"}: a new token of his own transfer, for a partner by his identity.
 */
enum kp_code kp_data_token_new(struct kp_share *, const char *partner, const char *pid,
                               struct kp_json *, struct kp_err *);
/* [{"path", "type", "unit", "name" ...}]: what may go to him now. */
enum kp_code kp_data_signals(struct kp_share *, enum kp_recipient, const struct kp_data_token *,
                             struct kp_json *, struct kp_err *);

/* ---- the bytes ---- */
enum kp_data_form { KP_DATA_LINES, KP_DATA_CSV, KP_DATA_EVENTS };
enum { KP_DATA_PIECE = 256 << 10, KP_DATA_PIECE_MAX = 16 << 20 };
struct kp_data_wish {
    enum kp_recipient to;
    enum kp_data_form form; /* events: goes on with what comes */
    int64_t from, before;   /* source times; KP_NO_TIME = not said */
    struct kp_hub *hub;
    void (*wake)(void *arg); /* there may be something to do; any thread, must not block */
    void *arg;
};
struct kp_data;
/* The row of the exit is on the disk when it returns. KP_EDENIED says why it may not be. May wait.
 */
struct kp_data *kp_data_open(struct kp_share *, const struct kp_data_token *,
                             const struct kp_data_wish *, struct kp_err *);
enum kp_data_next {
    KP_DATA_MORE, /* ask again */
    KP_DATA_WAIT, /* ask again when woken, or in half a second */
    KP_DATA_OVER, /* that was all; the end is written too */
};
/* Adds what comes next, about a piece or nothing. Not in two threads at once; may wait for the
 * disk.
 */
enum kp_data_next kp_data_next(struct kp_data *, struct kp_buf *out);
/* Whether it has been ended from outside; then adds what is to be said at last. Any thread, never
 * waits. */
bool kp_data_stopped(const struct kp_data *, struct kp_buf *out);
void kp_data_close(struct kp_data *, bool stopping); /* stopping: because the node does; may wait */
#endif
