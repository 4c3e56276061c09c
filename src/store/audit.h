/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_AUDIT_H
#define KOPPEL_STORE_AUDIT_H
/* Who did what, and who was refused. Each row holds the SHA-256 of the row before it and of its own
 * fields, so that none can be changed, removed, inserted or moved without a trace. Where the log
 * ends is sealed by node.key in a row of its own: a tail that was cut off is missed. Against
 * somebody who has node.key too, note what kp_audit_verify says of the end, or send the log
 * elsewhere. */
#include "store/store.h"

enum {
    KP_AUDIT_HASH = 32,
    KP_AUDIT_TEXT = 301, /* the longest field, with its 0; what is longer is cut */
    KP_AUDIT_ROWS_MAX = 1000000,
};

struct kp_audit {
    int64_t id, at;                /* set when it is added */
    const char *user, *via, *from; /* NULL = nobody is known */
    const char *action;            /* "PATCH /users/{name}", "login", "start" */
    const char *target, *detail;   /* what it was done to; never a secret; or NULL */
    const char *result;            /* "ok", or the word of a refusal */
    unsigned char hash[KP_AUDIT_HASH];
};

/* On disk when it returns. Any thread that may wait. */
enum kp_code kp_audit_add(struct kp_store *, const struct kp_audit *, struct kp_err *);
/* An event of the node itself; a failure is logged. */
void kp_audit_event(struct kp_store *, const char *action, const char *target, const char *detail);
/* For restore, of a file of this version: seals the end anew, for `key` may be another node.key,
 * and says so. */
enum kp_code kp_audit_restored(struct kp_db *, const unsigned char *key, const struct kp_audit *,
                               struct kp_err *);

struct kp_audit_filter {
    int64_t from, to;          /* KP_NO_TIME = any */
    const char *user, *action; /* NULL = any; an action by how it begins */
    int64_t after;             /* newest first: older than this; else newer; 0 = from the start */
    bool oldest_first;
};
enum kp_code kp_audit_list(struct kp_db *, const struct kp_audit_filter *,
                           bool (*each)(void *, const struct kp_audit *), void *arg,
                           struct kp_err *);

struct kp_audit_verdict {
    int64_t entries, first, last;      /* last: as sealed, or as found where nothing is sealed */
    unsigned char hash[KP_AUDIT_HASH]; /* of the last */
    bool sealed;    /* the end is as node.key has sealed it; false also without node.key */
    int64_t broken; /* 0 = it is whole; else the first row that is not as it was */
    char why[KP_ERR_TEXT];
};
/* Of a running node; and of a file, with the node.key beside it if there is one. */
enum kp_code kp_audit_verify(struct kp_store *, struct kp_audit_verdict *, struct kp_err *);
enum kp_code kp_audit_verify_file(const char *dir, struct kp_audit_verdict *, struct kp_err *);
/* As REST and the command line show them: the members of a row, and the whole verdict. */
struct kp_json;
void kp_audit_json(struct kp_json *, const struct kp_audit *);
void kp_audit_verdict_json(struct kp_json *, const struct kp_audit_verdict *);
void kp_audit_hash_print(const unsigned char hash[KP_AUDIT_HASH], char out[2 * KP_AUDIT_HASH + 1]);
#endif
