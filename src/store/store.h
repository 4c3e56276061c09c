/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_STORE_H
#define KOPPEL_STORE_STORE_H
/* The one data file, factory.db, and the one thread that writes it.
 *
 * Samples: the hub offers batches; every commit interval (or 16,384 samples, or 256 KiB encoded) the store thread
 * sorts what is pending by signal, writes up to 16 journal rows and commits with synchronous=FULL.
 * A sample is acknowledged when that commit has returned. Sealing reads one stripe of the journal
 * back, signal by signal, writes chunks and forgets the rows, in small transactions that a crash
 * may cut anywhere (see journal.h).
 *
 * Structure: changes of the model are written in front of samples, so that no sample is ever
 * committed before its signal.
 *
 * Everything else (settings, secrets, partners ...) goes through kp_store_do. */
#include "core/hub.h"
#include "store/db.h"

struct kp_store_options {
    const struct kp_clock *clock;  /* NULL = the system's */
    int64_t commit_every;          /* ns; 0 = the file's setting, which begins as 100 ms */
    size_t queue_budget;           /* bytes of samples waiting; 0 = 16 MiB */
    size_t seal_points;            /* points per signal that make a full chunk; 0 = 1024 */
    size_t seal_bytes;             /* of one stripe's journal read at once; 0 = 8 MiB */
    size_t young_bytes;            /* of small commits' rows dealt out to the stripes at once; 0 = 512 KiB */
    size_t journal_bytes;          /* whole journal; 0 = 512 MiB */
    int64_t journal_age;           /* ns; 0 = 30 min */
    int64_t quarantine_rows;       /* the most that are held; 0 = 100,000 */
    int64_t quarantine_bytes;      /* and of all together; 0 = 64 MiB */
    /* Bytes free for and size of the disk that holds dir; false: not known. NULL = ask the system. */
    bool (*disk)(const char *dir, int64_t *free, int64_t *size);
};

struct kp_store;

/* Makes the file in `dir` (which must exist); KP_EEXISTS when it is there. */
enum kp_code kp_store_create(const char *dir, const char *node_name, struct kp_err *);
/* Opens, migrating an older file after a backup beside it (factory.db.v<N>); refuses a newer one,
 * a file held by another koppel (lock on factory.lock), and one on a network file system. */
struct kp_store *kp_store_open(const char *dir, const struct kp_store_options *, struct kp_err *);
/* Puts the newest backup made before a migration back in place; the current file is kept as
 * factory.db.newer. The node must not be running. */
enum kp_code kp_store_rollback(const char *dir, struct kp_err *);
void kp_store_close(struct kp_store *); /* after stop */

/* Fills a fresh model with assets, signals, open intervals and last values, without touching
 * the journal more than needed; then becomes the model's watcher and the hub's sink. */
enum kp_code kp_store_load(struct kp_store *, struct kp_hub *, struct kp_err *);

/* Until it is started the calls below do their work in the caller's thread; after stop they refuse. */
enum kp_code kp_store_start(struct kp_store *, struct kp_err *);
void kp_store_stop(struct kp_store *); /* commits what is queued, writes a snapshot, checkpoints */
/* One turn by hand, for tests and benches: takes what is queued, commits when due, seals a slice
 * when due. True when it did something. */
bool kp_store_turn(struct kp_store *, int timeout_ms);

/* From the hub thread (kp_sink.take). */
bool kp_store_offer(struct kp_store *, struct kp_batch *);
/* Waits until all that was offered or changed before the call is committed. */
enum kp_code kp_store_sync(struct kp_store *, struct kp_err *);
/* Runs fn in the store thread inside a transaction of its own, in front of samples, and waits for
 * the commit. A failure of fn or of the commit rolls back and is returned. */
enum kp_code kp_store_do(struct kp_store *, enum kp_code (*fn)(struct kp_db *, void *arg, struct kp_err *),
                         void *arg, struct kp_err *);
/* Seals all journal rows now (tests, before a long stop). Runs turns until done. */
enum kp_code kp_store_seal_all(struct kp_store *, struct kp_err *);

/* A read-only connection from a small pool; give it back soon. Any thread. It has the virtual
 * table `history`. */
struct kp_db *kp_store_reader(struct kp_store *, struct kp_err *);
void kp_store_reader_done(struct kp_store *, struct kp_db *);
/* A read-only connection to a file that need not belong to a running node (koppel sql, check). */
struct kp_db *kp_store_open_reader(const char *file, struct kp_err *);
void kp_store_close_reader(struct kp_db *);

/* Online copy into `file` (must not exist; written aside, synced, then renamed). `progress` may be NULL; returning
 * false there stops the backup and removes the copy. Steps run in the store thread between commits. */
enum kp_code kp_store_backup(struct kp_store *, const char *file,
                             bool (*progress)(void *, int64_t done, int64_t total), void *arg, struct kp_err *);

/* Structure, page checksums of our own blobs, references: calls `found` for each fault with a
 * sentence naming the place; returns how many, -1 when the file cannot be read at all. */
int kp_store_check(const char *file, void (*found)(void *, const char *fault), void *arg, struct kp_err *);

struct kp_store_stats {
    uint64_t samples, commits, sealed_points, chunks, journal_bytes, journal_rows, file_bytes, wal_bytes;
    uint64_t refused;      /* samples not taken: no room */
    uint64_t duplicates;   /* sealed points dropped: the same time, value and status again */
    uint64_t replaced;     /* sealed points dropped: a later one had the same time */
    uint64_t merged;       /* small or overlapped chunks written anew with what came later */
    uint64_t expired_chunks, expired_points, expired_bytes, expired_rollups; /* deleted, see retention.h */
    uint64_t expiry_waits; /* chunks that would go but for a rollup still to be made; of the last round */
    uint64_t held;         /* samples now in the quarantine */
    uint64_t held_dropped; /* the oldest of it, gone because it was full */
    uint64_t write_errors; /* commits that failed and were tried again */
    int64_t last_commit;   /* ns UTC */
    int64_t commit_every;
    size_t queued;         /* bytes waiting */
    bool stalled;          /* the disk does not take writes now */
    char stalled_why[KP_ERR_TEXT];
};
struct kp_store_stats kp_store_stats(struct kp_store *);
const char *kp_store_dir(const struct kp_store *); /* the folder of the data file */

/* Whether anything in the file is labelled secret, or was when it was removed. */
enum kp_code kp_store_holds_secret(struct kp_store *, bool *any, struct kp_err *);

/* Small settings of the node in the file's table `setting`. get: text into the arena, NULL when unset. */
const char *kp_setting_get(struct kp_db *, struct kp_arena *, const char *key);
enum kp_code kp_setting_put(struct kp_db *, const char *key, const char *text, struct kp_err *);
#endif
