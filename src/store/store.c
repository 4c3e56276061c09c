/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retain.h"
#include "core/worker.h"

#include <string.h>

#include "core/ban.h"

/* ---- life ---- */

static void fill_defaults(struct kp_store_options *o)
{
    if (!o->clock)
        o->clock = &kp_clock_system;
    if (!o->queue_budget)
        o->queue_budget = 16 << 20;
    if (!o->seal_points || o->seal_points > KP_CHUNK_MAX / 2)
        o->seal_points = 1024;
    if (!o->young_bytes)
        o->young_bytes = 512 << 10;
    if (!o->seal_bytes)
        o->seal_bytes = 8 << 20;
    if (!o->journal_bytes)
        o->journal_bytes = (size_t)512 << 20;
    if (!o->journal_age)
        o->journal_age = 30 * 60 * KP_SECOND;
    if (!o->quarantine_rows)
        o->quarantine_rows = 100000;
    if (!o->quarantine_bytes)
        o->quarantine_bytes = 64 << 20;
    if (!o->disk)
        o->disk = kp_disk_room;
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
    s->queue = kp_queue_new(s->options.queue_budget, kp_store_drop);
    if (s->dir && s->pending.samples && s->pending.next && s->queue && kp_signals_room(s, 0))
        return s;
    kp_fail(err, KP_ENOMEM, "out of memory opening the store");
    kp_store_free(s);
    return NULL;
}

void kp_store_free(struct kp_store *s)
{
    kp_seal_free(s);
    kp_retain_free(s);
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

void kp_store_settings(struct kp_store *s)
{
    if (s->commit_every_given) {
        kp_store_publish(s);
        return;
    }
    struct kp_arena arena = { 0 };
    int64_t ns = 0;
    const char *text = kp_setting_get(s->db, &arena, "commit-every");
    bool known = text && kp_duration_parse(text, &ns) && ns > 0 && ns <= 60 * KP_SECOND;
    s->options.commit_every = known ? ns : 100 * KP_MILLISECOND;
    kp_arena_free(&arena);
    kp_store_publish(s);
}

/* ---- thread ---- */

static enum kp_code write_snapshots(struct kp_store *s, struct kp_err *err)
{
    enum kp_code code = s->young.rows ? kp_young_deal(s, err) : KP_OK;
    if (!code)
        code = kp_db_exec(s->db, "begin immediate", err);
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
    while (kp_store_receive(s, 0))
        ;
    if (!kp_store_flush(s, &err) && !write_snapshots(s, &err))
        kp_db_checkpoint(s->db, true, &err);
    kp_store_answer_syncs(s, err.code ? &err : NULL);
    if (err.code)
        kp_error("store", "the last commit failed", "why=%s samples_lost=%zu", kp_log_quote(err.text),
                 s->pending.n + s->held.n);
}

static void *thread_main(void *arg)
{
    struct kp_store *s = arg;
    kp_thread_name("store");
    while (!atomic_load(&s->stopped))
        kp_store_turn(s, 1000);
    finish(s);
    return NULL;
}

enum kp_code kp_store_start(struct kp_store *s, struct kp_err *err)
{
    atomic_store(&s->running, true);
    if (pthread_create(&s->thread, NULL, thread_main, s) == 0) {
        enum kp_code code = kp_care_start(s, err);
        if (code)
            kp_store_stop(s);
        return code;
    }
    atomic_store(&s->running, false);
    return kp_fail(err, KP_ENOMEM, "the store's thread cannot start: too many threads or too little memory");
}

void kp_store_stop(struct kp_store *s)
{
    kp_care_stop(s); /* it writes through the thread below */
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
        if (!kp_queue_call(s->queue, kp_run_do, &d))
            return stopped(err);
    } else {
        if (atomic_load(&s->stopped))
            return stopped(err);
        while (kp_store_receive(s, 0))
            ;
        kp_store_add_call(s, &d);
        kp_commit(s, false, NULL);
    }
    return d.err.code ? kp_fail(err, d.err.code, "%s", d.err.text) : KP_OK;
}

enum kp_code kp_store_sync(struct kp_store *s, struct kp_err *err)
{
    struct kp_sync w = { .target = atomic_load(&s->offered) };
    if (atomic_load(&s->running)) {
        if (!kp_queue_call(s->queue, kp_run_sync, &w))
            return stopped(err);
        return w.err.code ? kp_fail(err, w.err.code, "%s", w.err.text) : KP_OK;
    }
    if (atomic_load(&s->stopped))
        return stopped(err);
    while (kp_store_receive(s, 0))
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
    while (kp_store_receive(a->store, 0))
        ;
    if (kp_store_flush(a->store, &a->err))
        return;
    while (kp_seal_turn(a->store, true, &a->err))
        kp_store_checkpoint_due(a->store);
    kp_store_publish(a->store);
}

enum kp_code kp_store_seal_all(struct kp_store *s, struct kp_err *err)
{
    struct seal_all a = { .store = s };
    enum kp_code code = kp_store_call(s, seal_all, &a, err);
    if (code)
        return code;
    return a.err.code ? kp_fail(err, a.err.code, "%s", a.err.text) : KP_OK;
}

const char *kp_store_dir(const struct kp_store *s)
{
    return s->dir;
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
