/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <string.h>

#include "core/ban.h"

enum { RECEIVE_MAX = 512 }; /* messages taken in one turn */

static void drop_message(struct kp_msg *m)
{
    if (m->kind == KP_MSG_ROW)
        kp_free(m);
    else
        kp_batch_drop(m);
}

/* ---- life ---- */

static void fill_defaults(struct kp_store_options *o)
{
    if (!o->clock)
        o->clock = &kp_clock_system;
    if (!o->queue_budget)
        o->queue_budget = 16 << 20;
    if (!o->seal_points || o->seal_points > KP_CHUNK_MAX / 2)
        o->seal_points = 1024;
    if (!o->seal_bytes)
        o->seal_bytes = 8 << 20;
    if (!o->journal_bytes)
        o->journal_bytes = (size_t)512 << 20;
    if (!o->journal_age)
        o->journal_age = 30 * 60 * KP_SECOND;
}

struct kp_store *kp_store_new(const char *dir, const struct kp_store_options *options, struct kp_err *err)
{
    struct kp_store *s = kp_alloc(sizeof *s);
    if (!s) {
        kp_fail(err, KP_ENOMEM, "out of memory opening the store");
        return NULL;
    }
    s->lock = -1;
    s->calls_end = &s->calls;
    s->last_commit = KP_NO_TIME;
    s->retry_at = INT64_MIN;
    s->checkpoint_at = KP_CHECKPOINT_PAGES;
    if (options)
        s->options = *options;
    s->commit_every_given = s->options.commit_every > 0;
    fill_defaults(&s->options);
    s->clock = s->options.clock;
    s->loaded_at = kp_utc(s->clock);
    pthread_mutex_init(&s->mutex, NULL);
    kp_buf_init(&s->row, 1 << 30);
    for (unsigned i = 0; i < KP_STRIPES; i++)
        s->stripes[i] = (struct kp_stripe_state){ .generation = 1, .oldest = KP_FOREVER };
    s->dir = kp_strdup(dir);
    s->pending.samples = kp_alloc(KP_COMMIT_SAMPLES * sizeof *s->pending.samples);
    s->pending.next = kp_alloc(KP_COMMIT_SAMPLES * sizeof *s->pending.next);
    s->queue = kp_queue_new(s->options.queue_budget, drop_message);
    if (s->dir && s->pending.samples && s->pending.next && s->queue && kp_signals_room(s, 0))
        return s;
    kp_fail(err, KP_ENOMEM, "out of memory opening the store");
    kp_store_free(s);
    return NULL;
}

void kp_store_free(struct kp_store *s)
{
    kp_seal_free(s);
    kp_commit_free(s);
    for (struct kp_msg *m; (m = kp_msgs_pop(&s->rows));)
        kp_free(m);
    if (s->queue)
        kp_queue_free(s->queue);
    kp_readers_free(s);
    kp_key_free(s);
    kp_db_close(s->db);
    kp_file_unlock(s->lock);
    pthread_mutex_destroy(&s->mutex);
    kp_free(s->dir);
    kp_free(s);
}

void kp_store_close(struct kp_store *s)
{
    if (s)
        kp_store_free(s);
}

/* ---- small things ---- */

void kp_store_condition(struct kp_store *s, const char *key, const char *text)
{
    if (s->hub)
        kp_hub_condition(s->hub, key, text);
}

static int note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct kp_store *s = arg;
    if (pages < s->wal_pages) /* it began anew */
        s->checkpoint_at = KP_CHECKPOINT_PAGES;
    s->wal_pages = pages;
    return SQLITE_OK;
}

void kp_store_hook(struct kp_store *s)
{
    sqlite3_wal_hook(s->db->handle, note_wal, s);
}

static void publish(struct kp_store *s)
{
    uint64_t rows = 0, bytes = 0;
    for (unsigned i = 0; i < KP_STRIPES; i++) {
        rows += s->stripes[i].rows;
        bytes += s->stripes[i].bytes;
    }
    pthread_mutex_lock(&s->mutex);
    s->stats.journal_rows = rows;
    s->stats.journal_bytes = bytes;
    s->stats.wal_bytes = (uint64_t)s->wal_pages * KP_PAGE;
    s->stats.commit_every = s->options.commit_every;
    pthread_mutex_unlock(&s->mutex);
}

void kp_store_settings(struct kp_store *s)
{
    if (s->commit_every_given) {
        publish(s);
        return;
    }
    struct kp_arena arena = { 0 };
    int64_t ns = 0;
    const char *text = kp_setting_get(s->db, &arena, "commit-every");
    bool known = text && kp_duration_parse(text, &ns) && ns > 0 && ns <= 60 * KP_SECOND;
    s->options.commit_every = known ? ns : 100 * KP_MILLISECOND;
    kp_arena_free(&arena);
    publish(s);
}

/* ---- the store thread's turn ---- */

static void run_do(void *arg)
{
    (void)arg; /* the commit ran it; this answer only wakes the caller */
}

static void run_sync(void *arg)
{
    (void)arg;
}

static void add_call(struct kp_store *s, struct kp_do *d)
{
    d->next = NULL;
    if (!s->calls)
        s->calls_end = &s->calls;
    *s->calls_end = d;
    s->calls_end = &d->next;
}

static void add_sync(struct kp_store *s, struct kp_sync *w)
{
    w->next = s->syncs;
    s->syncs = w;
    if (w->target > s->flush_to)
        s->flush_to = w->target;
}

static void take_call(struct kp_store *s, struct kp_call *call)
{
    if (call->run == run_do) {
        struct kp_do *d = call->arg;
        d->call = call;
        add_call(s, d);
    } else if (call->run == run_sync) {
        struct kp_sync *w = call->arg;
        w->call = call;
        add_sync(s, w);
    } else {
        kp_call_answer(call);
    }
}

/* Small batches that have to wait share one block, so that a long stall does not fill the memory with air. */
static bool join_last(struct kp_msgs *list, const struct kp_batch *b)
{
    struct kp_batch *last = (struct kp_batch *)kp_msgs_last(list);
    if (!last || last->historic != b->historic || last->n + b->n > KP_BATCH_MAX)
        return false;
    uint16_t before = last->n;
    for (unsigned i = 0; i < b->n; i++) {
        if (kp_batch_add(last, &b->s[i]))
            continue;
        last->n = before;
        return false;
    }
    return true;
}

static void take_batch(struct kp_store *s, struct kp_batch *b)
{
    struct kp_msg *last = kp_msgs_last(&s->waiting);
    uint32_t before = last ? last->cost : 0;
    if (join_last(&s->waiting, b)) {
        atomic_fetch_add(&s->taken, last->cost - before);
        kp_batch_free(b);
        return;
    }
    atomic_fetch_add(&s->taken, b->msg.cost + (last ? last->cost - before : 0));
    kp_msgs_add(&s->waiting, &b->msg);
}

static void take_message(struct kp_store *s, struct kp_msg *m)
{
    switch (m->kind) {
    case KP_MSG_BATCH:
        take_batch(s, (struct kp_batch *)m);
        break;
    case KP_MSG_ROW:
        kp_msgs_add(&s->rows, m);
        break;
    case KP_MSG_CALL:
        take_call(s, (struct kp_call *)m);
        break;
    default:
        drop_message(m);
    }
}

static bool receive(struct kp_store *s, int timeout_ms)
{
    struct kp_msg *m = kp_queue_pop(s->queue, timeout_ms);
    bool any = m != NULL;
    for (int n = 1; m; n++) {
        take_message(s, m);
        m = n < RECEIVE_MAX ? kp_queue_pop(s->queue, 0) : NULL;
    }
    return any;
}

/* Callers of sync whose batches are in, or all of them after a failure. */
static void answer_syncs(struct kp_store *s, const struct kp_err *failure)
{
    struct kp_sync *left = NULL;
    for (struct kp_sync *w = s->syncs, *next; w; w = next) {
        next = w->next;
        bool done = w->target <= s->committed && !s->rows.first;
        if (!done && !failure) {
            w->next = left;
            left = w;
            continue;
        }
        if (!done)
            kp_fail(&w->err, failure->code, "%s", failure->text);
        kp_call_answer(w->call);
    }
    s->syncs = left;
    if (failure)
        s->flush_to = s->committed;
}

static int wait_ms(const struct kp_store *s, int timeout_ms)
{
    const struct kp_pending *p = &s->pending;
    int64_t mono = kp_mono(s->clock), due = INT64_MAX;
    if (p->n)
        due = p->since + s->options.commit_every;
    if (s->rows.first || s->waiting.first || s->reopen || !s->db)
        due = mono;
    if (due < s->retry_at)
        due = s->retry_at;
    if (due == INT64_MAX && kp_seal_wanted(s))
        return 0;
    int64_t ms = due == INT64_MAX ? timeout_ms : (due - mono + KP_MILLISECOND - 1) / KP_MILLISECOND;
    if (ms < 0)
        return 0;
    return timeout_ms >= 0 && ms > timeout_ms ? timeout_ms : (int)(ms > 60000 ? 60000 : ms);
}

/* Small and often, so that no commit waits long for it. */
static void checkpoint(struct kp_store *s)
{
    enum { ALARM_PAGES = (256 << 20) / KP_PAGE };
    struct kp_err err = { 0 };
    if (kp_db_checkpoint(s->db, false, &err))
        kp_warn("store", "the checkpoint failed", "why=%s", kp_log_quote(err.text));
    s->checkpoint_at = s->wal_pages + KP_CHECKPOINT_PAGES;
    kp_store_condition(s, "store-wal",
                       s->wal_pages < ALARM_PAGES ? NULL
                                                  : "the write-ahead log is larger than 256 MB: a program reads "
                                                    "factory.db in one long transaction; end it");
}

static bool commit_turn(struct kp_store *s)
{
    if (!kp_commit_absorb(s)) {
        const struct kp_err err = { KP_ENOMEM, "out of memory" };
        answer_syncs(s, &err);
    }
    int64_t mono = kp_mono(s->clock);
    bool due = kp_commit_due(s, mono);
    if (s->db && !s->reopen && atomic_exchange(&s->rows_lost, false))
        kp_rows_rewrite(s);
    bool must = (s->rows.first || s->reopen || !s->db) && mono >= s->retry_at;
    if (!due && !s->calls && !must) {
        answer_syncs(s, NULL);
        return false;
    }
    struct kp_err err = { 0 };
    kp_commit(s, due, &err);
    answer_syncs(s, err.code ? &err : NULL);
    return true;
}

bool kp_store_turn(struct kp_store *s, int timeout_ms)
{
    bool did = receive(s, wait_ms(s, timeout_ms));
    did |= commit_turn(s);
    if (!s->db || s->reopen)
        return did;
    if (s->wal_pages >= s->checkpoint_at) {
        checkpoint(s);
        did = true;
    }
    /* One slice, so that the next commit or call waits little; some more when sealing falls behind. */
    struct kp_err err = { 0 };
    unsigned slices = kp_seal_wanted(s) > 3 ? 4 : 1;
    while (slices-- && kp_seal_turn(s, false, &err))
        did = true;
    if (did)
        publish(s);
    return did;
}

enum kp_code kp_store_flush(struct kp_store *s, struct kp_err *err)
{
    enum kp_code code;
    do {
        if (!kp_commit_absorb(s))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        code = kp_commit(s, true, err);
    } while (!code && (s->waiting.first || s->pending.n || s->rows.first));
    return code;
}

/* ---- thread ---- */

static enum kp_code write_snapshots(struct kp_store *s, struct kp_err *err)
{
    enum kp_code code = kp_db_exec(s->db, "begin immediate", err);
    for (unsigned i = 0; i < KP_STRIPES && !code; i++)
        if (s->stripes[i].fresh)
            code = kp_snapshot_write(s, i, err);
    if (!code)
        code = kp_db_exec(s->db, "commit", err);
    if (!sqlite3_get_autocommit(s->db->handle))
        kp_db_exec(s->db, "rollback", NULL);
    for (unsigned i = 0; i < KP_STRIPES && !code; i++)
        kp_snapshot_written(s, i);
    return code;
}

static void finish(struct kp_store *s)
{
    struct kp_err err = { 0 };
    while (receive(s, 0))
        ;
    if (!kp_store_flush(s, &err) && !write_snapshots(s, &err))
        kp_db_checkpoint(s->db, true, &err);
    answer_syncs(s, err.code ? &err : NULL);
    if (err.code)
        kp_error("store", "the last commit failed", "why=%s samples_lost=%zu", kp_log_quote(err.text),
                 s->pending.n);
}

static void *thread_main(void *arg)
{
    struct kp_store *s = arg;
    while (!atomic_load(&s->stopped))
        kp_store_turn(s, 1000);
    finish(s);
    return NULL;
}

enum kp_code kp_store_start(struct kp_store *s, struct kp_err *err)
{
    atomic_store(&s->running, true);
    if (pthread_create(&s->thread, NULL, thread_main, s) == 0)
        return KP_OK;
    atomic_store(&s->running, false);
    return kp_fail(err, KP_ENOMEM, "the store's thread cannot start: too many threads or too little memory");
}

void kp_store_stop(struct kp_store *s)
{
    if (atomic_exchange(&s->stopped, true))
        return;
    kp_queue_close(s->queue);
    if (atomic_load(&s->running))
        pthread_join(s->thread, NULL);
    else
        finish(s);
    atomic_store(&s->running, false);
}

/* ---- from other threads ---- */

/* A sample whose number is not one of the model's could not be written: no row and no chunk's id can hold it. */
static void drop_strangers(struct kp_batch *b)
{
    uint16_t n = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (!b->s[i].signal || b->s[i].signal > KP_SIGNAL_LAST)
            continue;
        if (n != i)
            b->s[n] = b->s[i];
        n++;
    }
    b->n = n;
}

bool kp_store_offer(struct kp_store *s, struct kp_batch *b)
{
    drop_strangers(b);
    unsigned n = b->n;
    if (!n) {
        kp_batch_free(b);
        return true;
    }
    bool room = atomic_load(&s->taken) + kp_queue_used(s->queue) + b->msg.cost <= s->options.queue_budget;
    if (room && kp_queue_push(s->queue, &b->msg, 0)) {
        atomic_fetch_add(&s->offered, n);
        return true;
    }
    atomic_fetch_add(&s->refused, n);
    return false;
}

static enum kp_code stopped(struct kp_err *err)
{
    return kp_fail(err, KP_ESTOPPED, "the store is stopping");
}

enum kp_code kp_store_call(struct kp_store *s, void (*fn)(void *arg), void *arg, struct kp_err *err)
{
    if (!atomic_load(&s->running)) {
        if (atomic_load(&s->stopped))
            return stopped(err);
        fn(arg);
        return KP_OK;
    }
    return kp_queue_call(s->queue, fn, arg) ? KP_OK : stopped(err);
}

enum kp_code kp_store_do(struct kp_store *s, enum kp_code (*fn)(struct kp_db *, void *arg, struct kp_err *),
                         void *arg, struct kp_err *err)
{
    struct kp_do d = { .fn = fn, .arg = arg };
    if (atomic_load(&s->running)) {
        if (!kp_queue_call(s->queue, run_do, &d))
            return stopped(err);
    } else {
        if (atomic_load(&s->stopped))
            return stopped(err);
        while (receive(s, 0))
            ;
        add_call(s, &d);
        kp_commit(s, false, NULL);
    }
    return d.err.code ? kp_fail(err, d.err.code, "%s", d.err.text) : KP_OK;
}

enum kp_code kp_store_sync(struct kp_store *s, struct kp_err *err)
{
    struct kp_sync w = { .target = atomic_load(&s->offered) };
    if (atomic_load(&s->running)) {
        if (!kp_queue_call(s->queue, run_sync, &w))
            return stopped(err);
        return w.err.code ? kp_fail(err, w.err.code, "%s", w.err.text) : KP_OK;
    }
    if (atomic_load(&s->stopped))
        return stopped(err);
    while (receive(s, 0))
        ;
    return kp_store_flush(s, err);
}

struct seal_all {
    struct kp_store *store;
    struct kp_err err;
};

static void seal_all(void *arg)
{
    struct seal_all *a = arg;
    while (receive(a->store, 0))
        ;
    if (kp_store_flush(a->store, &a->err))
        return;
    while (kp_seal_turn(a->store, true, &a->err))
        if (a->store->wal_pages >= a->store->checkpoint_at)
            checkpoint(a->store);
    publish(a->store);
}

enum kp_code kp_store_seal_all(struct kp_store *s, struct kp_err *err)
{
    struct seal_all a = { .store = s };
    enum kp_code code = kp_store_call(s, seal_all, &a, err);
    if (code)
        return code;
    return a.err.code ? kp_fail(err, a.err.code, "%s", a.err.text) : KP_OK;
}

struct kp_store_stats kp_store_stats(struct kp_store *s)
{
    pthread_mutex_lock(&s->mutex);
    struct kp_store_stats stats = s->stats;
    pthread_mutex_unlock(&s->mutex);
    stats.queued = kp_queue_used(s->queue) + atomic_load(&s->taken);
    stats.refused = atomic_load(&s->refused);
    stats.file_bytes = (uint64_t)kp_file_size(s->file);
    return stats;
}
