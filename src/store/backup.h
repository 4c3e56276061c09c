/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_BACKUP_H
#define KOPPEL_STORE_BACKUP_H
/* Backups by the clock, the proof that they can be restored, and restoring them.
 *
 * Every day at the time set, or as soon after as the node runs, the data file is copied to a folder; the oldest copies
 * beyond those to keep go. With a passphrase the copy is encrypted and holds node.key too (vault.h), so that it and
 * the passphrase are all that new hardware needs. Once a week the newest copy is restored into a scratch folder and
 * checked whole. A backup or a proof that fails is an alarm until one succeeds. */
#include "store/store.h"
#include "store/vault.h"

enum {
    KP_BACKUP_KEEP_MAX = 1000,
    KP_BACKUP_RUNS = 400, /* remembered */
    KP_BACKUP_RATE_MIN = 100000,
};
#define KP_BACKUP_RATE_MAX INT64_C(100000000000)

struct kp_backup_plan {
    const char *to;     /* folder, absolute; NULL: no backups by the clock */
    int minute;         /* of the day, on the wall clock */
    int keep;           /* copies */
    bool encrypted;
    int64_t rate;       /* bytes a second at most; 0 = half of what the disk gives */
};

/* As it stands in the file; texts in the arena. */
enum kp_code kp_backup_plan_read(struct kp_db *, struct kp_arena *, struct kp_backup_plan *, struct kp_err *);
/* Checks it (the folder must be there and take a file) and puts it in force; the first backup is made at once.
 * `passphrase`: for a new one; NULL: as before. plan->to NULL ends backups by the clock; the copies stay. */
enum kp_code kp_backup_plan_put(struct kp_store *, const struct kp_backup_plan *, const char *passphrase,
                                struct kp_err *);
bool kp_backup_same_disk(struct kp_store *, const char *to); /* as the data file: it dies with it */
bool kp_minute_parse(const char *text, int *minute);         /* "02:00" */
/* The newest time of that minute of the day, on the wall clock, that is not after `now`. */
int64_t kp_backup_last_due(int minute, int64_t now);

void kp_backup_now(struct kp_store *); /* asks for one; it is made within a second */
void kp_backup_prove_now(struct kp_store *);

struct kp_backup_state {
    bool running, proving;
    int64_t done, total; /* bytes, while one of them runs */
};
struct kp_backup_state kp_backup_state(struct kp_store *);

struct kp_backup_run {
    int64_t at;
    const char *file;   /* "" when it did not come so far */
    int64_t bytes, ms;
    const char *error;  /* NULL: it is good */
    int64_t proven;     /* when it was restored and checked; KP_NO_TIME: not yet */
};
/* The newest first; false from `each` ends it. */
enum kp_code kp_backup_runs(struct kp_db *, bool (*each)(void *, const struct kp_backup_run *), void *arg,
                            struct kp_err *);

/* ---- restore.c: without a node ---- */
struct kp_restore {
    const char *file;       /* a copy, plain or encrypted */
    const char *dir;        /* made when missing; must not hold a factory.db */
    const char *passphrase; /* of an encrypted one */
    const char *key_file;   /* node.key to go with a plain one; NULL with new_key */
    bool new_key;           /* make one: stored passwords and certificates are forgotten */
    struct kp_vault_watch watch;
};
/* Puts the copy into `dir` and checks it whole; faults are told as kp_store_check does, and stop the restore.
 * Nothing is left in `dir` on failure. */
enum kp_code kp_restore(const struct kp_restore *, void (*found)(void *, const char *fault), void *arg,
                        struct kp_err *);
#endif
