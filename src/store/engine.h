/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_ENGINE_H
#define KOPPEL_STORE_ENGINE_H
/* The inside of struct kp_store, for the files that make it up. Everything here belongs to the store
 * thread unless a line says otherwise. */
#include "core/log.h"
#include "store/summary.h"
#include "store/internal.h"
#include "store/journal.h"
#include "store/backup.h"
#include "store/retention.h"

#include <pthread.h>

enum { KP_MEMBERS_KNOWN = 256 };
struct kp_member_memo { /* member.c: who showed a right password a short while ago */
    unsigned char mac[32];
    char name[64];
    int64_t epoch, until; /* monotonic; 0: free */
};

enum {
    KP_COMMIT_SAMPLES = 16384,  /* the most in one commit */
    KP_COMMIT_TEXT = 256 << 10, /* bytes of text and arrays after which a commit is due */
    KP_SEAL_DONE = (1 << 27) - 1, /* seal.done beyond every signal: only the rows are still there */
    KP_SIGNAL_LAST = KP_SEAL_DONE - 1, /* a chunk's id has 27 bits for the signal */
    KP_CHECKPOINT_PAGES = 1024, /* 8 MiB of WAL */
    KP_PAGE = 8192,
};

/* Messages in the order they came; linked by kp_msg.next. */
struct kp_msgs {
    struct kp_msg *first, **last;
};
static inline void kp_msgs_add(struct kp_msgs *list, struct kp_msg *m)
{
    m->next = NULL;
    if (!list->first)
        list->last = &list->first;
    *list->last = m;
    list->last = &m->next;
}
static inline struct kp_msg *kp_msgs_last(const struct kp_msgs *list)
{
    return list->first ? (struct kp_msg *)list->last : NULL; /* `next` is the first member */
}
static inline struct kp_msg *kp_msgs_pop(struct kp_msgs *list)
{
    struct kp_msg *m = list->first;
    if (m)
        list->first = m->next;
    return m;
}

/* Samples taken from the queue and not yet committed. Samples of one signal are linked through `next`, so that
 * a commit visits the signals that have any, in order, without sorting. */
struct kp_pending {
    struct kp_sample *samples;
    uint32_t *next;
    size_t n;
    bool historic;          /* all of them; live and historic samples do not share a row */
    struct kp_arena texts;  /* what the samples point into */
    size_t text, cost;      /* bytes behind the samples; with the samples themselves */
    int64_t since;          /* monotonic time of the first */
    int64_t at;             /* the commit's time, ns UTC */
    uint32_t points[KP_STRIPES];
    size_t written[KP_STRIPES];
    bool young;                /* all in one row, */
    size_t young_bytes;        /* of that size */
    bool snapshot[KP_STRIPES]; /* written with this commit */
};

/* By signal number, grown together. */
struct kp_signals {
    size_t n;                /* room */
    uint32_t *head, *tail;   /* into pending, valid where touched has the bit */
    uint64_t *touched;       /* word w belongs to stripe w & 15 as a whole */
    struct kp_sample *last;  /* last committed live sample; signal 0 = none; owns what is behind .data */
    uint16_t *seen;          /* the stripe's generation when last counted */
    uint32_t *span;          /* as last written to the file */
    uint16_t *dense;         /* bytes that as many points as a chunk shall have took the last time; 0 = not known */
    int32_t *marked;         /* the newest block known to be in rollup_due, plus one; 0 = none */
};

struct kp_stripe_state {
    uint64_t rows, bytes, points; /* of the journal not sealed yet */
    uint32_t signals;             /* distinct ones in it */
    uint16_t generation;
    bool counted;                 /* what an earlier run left is in the numbers above */
    bool sealed;                  /* at least once in this run */
    int64_t oldest;               /* commit time of the oldest row, ns UTC; KP_FOREVER = none */
    uint64_t snapshot_seq;
    size_t snapshot_bytes;
    uint64_t fresh;               /* journal bytes since that snapshot */
    int64_t fresh_since;          /* monotonic */
};

/* Rows of small commits, not yet dealt out to the stripes; young.c. */
struct kp_young {
    uint64_t rows, bytes;
    uint64_t points[KP_STRIPES]; /* in rows of this run */
    int64_t since;               /* monotonic time of the first */
    bool wanted;                 /* to be dealt out soon, however few */
    struct kp_row_writer writer[KP_STRIPES]; /* this and the next serve while they are */
    struct kp_buf row;
};

/* A change of the table stored: what the chunks of a signal are in all. */
struct kp_stored_change {
    int64_t chunks, points, bytes, t0, t1;
};

/* Samples for the quarantine, on their way; quarantine.c. */
struct kp_holding {
    struct kp_msgs batches;
    size_t n;          /* samples */
    size_t writing;    /* batches in the commit now under way, or of which nobody knows; the first ones */
    int64_t since;     /* monotonic time of the first */
    bool counted;      /* the next two are what the table holds */
    int64_t rows, bytes;
    int64_t next;      /* id; 0 = not known yet */
    uint64_t dropped;  /* by the write now under way */
};

struct kp_seal;   /* seal.c */
struct kp_care;   /* care.c */
struct kp_retain; /* retain.c */

/* What the clock was when it could last be believed; growth.c. */
struct kp_clock_trust {
    bool known;
    int64_t utc, mono;
    int64_t doubt; /* monotonic: since when it is not; 0 = it is */
};
/* Which alarms about room are raised; growth.c. */
struct kp_room_alarms {
    int level; /* of the forecast: 1 = two weeks, 2 = two days */
    bool disk_low, at_budget;
    bool stuck; /* above the budget, and no points are left that may go */
};

/* One kp_store_do; lives on its caller's stack. */
struct kp_do {
    struct kp_do *next;
    enum kp_code (*fn)(struct kp_db *, void *arg, struct kp_err *);
    void *arg;
    struct kp_err err;
    struct kp_call *call; /* to wake the caller; NULL: it is the caller that runs the turn */
};
/* One kp_store_sync. */
struct kp_sync {
    struct kp_sync *next;
    uint64_t target; /* samples */
    struct kp_err err;
    struct kp_call *call;
};

struct kp_store {
    char *dir;
    char file[KP_FILE_PATH];
    int lock;
    uint64_t device, inode; /* of the file that was opened: kp_file_turn */
    const struct kp_clock *clock;
    struct kp_store_options options; /* defaults filled in; commit_every as in force */
    bool commit_every_given;
    struct kp_hub *hub; /* NULL until load */

    struct kp_queue *queue; /* any thread */
    pthread_t thread;
    atomic_bool running, stopped;
    atomic_size_t taken;            /* bytes of batches popped and not yet committed */
    atomic_uint_fast64_t offered;   /* samples, for sync */
    atomic_uint_fast64_t refused;   /* samples */
    atomic_bool rows_lost;          /* a change could not be noted: write all, see kp_rows_whole */
    atomic_size_t rows_bytes;       /* of changes noted and not yet written */

    struct kp_db *db; /* the writing connection; NULL while it cannot be opened again */
    bool reopen;      /* an fsync failed: the state of the file's end is unknown */
    int wal_pages, checkpoint_at;
    struct kp_msgs waiting, rows; /* batches not yet pending; changes not yet written */
    struct kp_do *calls, **calls_end;
    struct kp_sync *syncs;
    struct kp_pending pending;
    struct kp_holding held;
    unsigned extra; /* commits that calls have written in the transaction now under way, in front of the samples */
    struct kp_signals signals;
    struct kp_row_writer writer;
    struct kp_buf row;
    uint64_t seq;       /* of the last commit */
    uint64_t committed; /* samples, of those offered */
    uint64_t flush_to;  /* sync: commit without delay until so many are in */
    int64_t retry_at;   /* monotonic; after a failed commit */
    struct kp_stripe_state stripes[KP_STRIPES];
    struct kp_young young;
    int64_t loaded_at;   /* ns UTC */
    int64_t last_commit; /* ns UTC; of an earlier run at first; KP_NO_TIME = none */
    int64_t next_ids[3]; /* as written: asset, signal, interval */
    struct kp_seal *seal;
    struct kp_care *care; /* care.c; NULL: does not run */
    int64_t rolled_signal, rolled_block; /* housekeeping thread: how far rollups have come this round */
    struct kp_retain *retain; /* this and the next two belong to the housekeeping thread */
    struct kp_clock_trust trust;
    struct kp_room_alarms alarms;

    pthread_mutex_t mutex; /* guards what follows */
    struct kp_store_stats stats;
    struct kp_hold *holds; /* position.c */
    struct kp_db *readers; /* idle ones */
    unsigned idle;
    unsigned char *key;    /* node.key in locked memory */
    struct kp_forecast forecast; /* growth.c */
    struct kp_backup_state backing_up; /* this and the next two: backup_job.c */
    bool backup_wanted, proof_wanted;
    struct kp_token *tokens;
    bool tokens_known;
    struct kp_user *users; /* user.c */
    size_t n_users, users_room;
    bool users_known;
    struct kp_member_memo members[KP_MEMBERS_KNOWN];
    unsigned char member_key[32]; /* made anew with each start; zero: not yet */
};

/* ---- member.c ---- */
struct kp_user;
void kp_member_remember(struct kp_store *, const struct kp_user *, const char *password);

/* ---- store.c ---- */
struct kp_store *kp_store_new(const char *dir, const struct kp_store_options *, struct kp_err *);
void kp_store_free(struct kp_store *);
/* Runs fn in the store thread, outside any transaction, and waits; here when the thread does not run. */
enum kp_code kp_store_call(struct kp_store *, void (*fn)(void *arg), void *arg, struct kp_err *);
/* An alarm of the node, or with NULL its end. */
void kp_store_condition(struct kp_store *, const char *key, const char *text);
void kp_store_hook(struct kp_store *);     /* follows the size of the WAL of a new connection */
void kp_store_settings(struct kp_store *); /* reads what the file says of the store */

/* ---- turn.c ---- */
bool kp_store_receive(struct kp_store *, int timeout_ms); /* what is queued; false when nothing came */
void kp_store_drop(struct kp_msg *);
void kp_run_do(void *arg);   /* kp_call.run of a struct kp_do: the commit does the work, this wakes the caller */
void kp_run_sync(void *arg); /* and of a struct kp_sync */
void kp_store_add_call(struct kp_store *, struct kp_do *);
void kp_store_answer_syncs(struct kp_store *, const struct kp_err *failure);
/* Commits what is pending, and waiting, as far as the disk lets. */
enum kp_code kp_store_flush(struct kp_store *, struct kp_err *);
bool kp_store_checkpoint_due(struct kp_store *); /* makes one when the log has grown */
void kp_store_publish(struct kp_store *);        /* numbers for kp_store_stats */

/* ---- commit.c ---- */
/* Moves waiting batches into pending until a commit's worth is there. False: out of memory, try again later. */
bool kp_commit_absorb(struct kp_store *);
bool kp_commit_due(const struct kp_store *, int64_t mono);
/* One transaction: changes of the model, calls, and with `samples` the journal rows. */
enum kp_code kp_commit(struct kp_store *, bool samples, struct kp_err *);
void kp_commit_free(struct kp_store *);
enum kp_code kp_journal_insert(struct kp_store *, int64_t id, struct kp_err *); /* store->row */
void kp_store_undo(struct kp_store *); /* rolls back and notes a failed fsync */
/* Room for a signal's number in all arrays; false when out of memory. */
bool kp_signals_room(struct kp_store *, kp_signal);
void kp_signals_forget(struct kp_store *, kp_signal); /* its last value */
bool kp_signals_keep(struct kp_store *, const struct kp_sample *); /* as its last value */

/* ---- young.c ---- */
bool kp_young_takes(const struct kp_store *); /* what is pending: as one row */
/* Before a large commit: deals out what waits. Fails only when the file must be opened again. */
enum kp_code kp_young_make_way(struct kp_store *, struct kp_err *);
void kp_young_written(struct kp_store *, size_t bytes); /* after its commit */
enum kp_code kp_young_count(struct kp_store *, struct kp_err *); /* what the file has of them */
bool kp_young_due(const struct kp_store *, bool all);
enum kp_code kp_young_deal(struct kp_store *, struct kp_err *); /* one transaction */
void kp_young_free(struct kp_store *);

/* ---- quarantine.c ---- */
enum kp_code kp_held_count(struct kp_store *, struct kp_err *); /* what the table holds */
void kp_held_take(struct kp_store *, struct kp_batch *);
enum kp_code kp_held_write(struct kp_store *, struct kp_err *); /* all, in the open transaction */
void kp_held_written(struct kp_store *);                        /* after its commit */
bool kp_held_is_written(struct kp_store *); /* after a commit of which nobody knows */
void kp_held_free(struct kp_store *);

/* ---- rows.c: changes of the model ---- */
enum { KP_ROWS_BUDGET = 16 << 20 }; /* noted while the disk takes nothing; what is beyond that counts as lost */
struct kp_watcher kp_rows_watcher(struct kp_store *);
enum kp_code kp_rows_apply(struct kp_store *, struct kp_err *); /* all noted ones, in the open transaction */
void kp_rows_applied(struct kp_store *); /* after its commit */
/* After lost notes, once those that are there are written, notes the whole model again. False: some are still lost, and
 * no sample may be written, for its signal could be among them. */
bool kp_rows_whole(struct kp_store *);
enum kp_code kp_rows_put_interval(struct kp_db *, const struct kp_interval *, struct kp_err *);
/* Before the row of a signal or asset goes: notes that history stays whose label was secret. */
enum kp_code kp_secrecy_removing(struct kp_db *, bool signal, int64_t id, struct kp_err *);
enum kp_code kp_rows_next_id(struct kp_store *, int kind, int64_t next, struct kp_err *);

/* ---- snapshot.c ---- */
/* Writes the last values of a stripe, true up to the last commit; in the open transaction. */
enum kp_code kp_snapshot_write(struct kp_store *, unsigned stripe, struct kp_err *);
void kp_snapshot_written(struct kp_store *, unsigned stripe); /* after its commit */
bool kp_snapshot_due(const struct kp_store *, unsigned stripe, int64_t mono);
/* Last values and the sequence to go on from: snapshot and the journal's tail. */
enum kp_code kp_snapshot_load(struct kp_store *, struct kp_err *);

/* ---- chunks.c ---- */
struct kp_chunk_writer {
    struct kp_store *store;
    kp_signal signal;
    int64_t last_id, span;
    uint64_t chunks;          /* written so far */
    uint64_t same, replaced;  /* points dropped so far for a later one of the same time */
    uint64_t merged;          /* chunks read back and written anew */
    struct kp_stored_change stored;  /* of this call */
    struct kp_buf blob;
    struct kp_neighbours *neighbours; /* tail.c; made when first needed */
};
/* Writes points, in order of arrival, as chunks; sorts them. Of equal times the last one stays. Points that
 * overlap chunks that are there, or follow small ones, are written anew together with them. `seq` is the last commit
 * they are from. In the open transaction. */
enum kp_code kp_chunks_write(struct kp_chunk_writer *, kp_signal, struct kp_sample *points, size_t n, uint64_t seq,
                             struct kp_err *);
void kp_chunks_free(struct kp_chunk_writer *);
/* One row; no change (kp_db_changes) when the id is taken. */
enum kp_code kp_chunk_insert(struct kp_db *, int64_t id, uint64_t seq, const struct kp_chunk_summary *, const void *blob,
                             size_t len, struct kp_err *);

/* ---- tail.c ---- */
/* Of `points` (n > 0, by time, no two at one time) takes the last ones, *from on, that belong together with the
 * same few chunks in the file; *all is then what to write in place of them (n_all points, the writer's until the
 * next call), the chunks are deleted. Without such chunks *all is points + *from. */
enum kp_code kp_tail_take(struct kp_chunk_writer *, struct kp_sample *points, size_t n, size_t *from,
                          struct kp_sample **all, size_t *n_all, struct kp_err *);
void kp_tail_free(struct kp_chunk_writer *);

/* ---- seal.c ---- */
/* One slice of sealing when a stripe is due, or (all) has anything. False: nothing to do or failed. */
bool kp_seal_turn(struct kp_store *, bool all, struct kp_err *);
unsigned kp_seal_wanted(const struct kp_store *); /* how many stripes have work for a turn */
void kp_seal_free(struct kp_store *);

/* ---- reader.c, secret.c: what is left at the end ---- */
void kp_readers_free(struct kp_store *);
void kp_key_free(struct kp_store *);
void kp_tokens_forget(struct kp_store *);
void kp_users_forget(struct kp_store *);

/* ---- points.c ---- */
/* Sorts by time, keeping the order of equal times. False: out of memory. */
bool kp_points_sort(struct kp_sample *, size_t n);
/* Of equal times in sorted points the last stays. Returns how many are left; counts what went. */
size_t kp_points_unique(struct kp_sample *, size_t n, uint64_t *same, uint64_t *replaced);

/* ---- ids ---- */
static inline int64_t kp_journal_id(unsigned stripe, uint64_t seq)
{
    return (int64_t)((uint64_t)stripe << 48 | seq);
}
#define KP_JOURNAL_SEQ ((UINT64_C(1) << 48) - 1)
/* Rows that cannot be read move to stripe + 16: nobody reads them there, kp_store_check names them. */
enum { KP_STRIPE_DAMAGED = 16 };
/* Sealed rows that a consumer has not read yet move to stripe + 32: nobody else reads them there. */
enum { KP_STRIPE_KEPT = 32 };
/* Rows of small commits have the samples of all stripes, until they are dealt out; young.c. */
enum { KP_STRIPE_YOUNG = 48 };

/* A chunk's id carries its first time in eighths of a second since 2000. */
static inline int64_t kp_chunk_tick(int64_t at)
{
    const int64_t year2000 = INT64_C(946684800) * KP_SECOND;
    return at < year2000 ? 0 : (at - year2000) / (KP_SECOND / 8);
}
static inline int64_t kp_chunk_id(kp_signal signal, int64_t tick)
{
    return (int64_t)signal << 36 | tick;
}
#define KP_CHUNK_TICK ((INT64_C(1) << 36) - 1)
#endif
