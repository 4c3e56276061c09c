/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/ban.h"

/* ---- room by signal number ---- */

static bool grow_signals(struct kp_signals *g, size_t room)
{
    size_t words = room / 64, had = g->n / 64;
    struct {
        void **array;
        size_t size, old;
    } const all[] = {
        { (void **)&g->head, room * sizeof *g->head, g->n * sizeof *g->head },
        { (void **)&g->tail, room * sizeof *g->tail, g->n * sizeof *g->tail },
        { (void **)&g->last, room * sizeof *g->last, g->n * sizeof *g->last },
        { (void **)&g->seen, room * sizeof *g->seen, g->n * sizeof *g->seen },
        { (void **)&g->span, room * sizeof *g->span, g->n * sizeof *g->span },
        { (void **)&g->dense, room * sizeof *g->dense, g->n * sizeof *g->dense },
        { (void **)&g->marked, room * sizeof *g->marked, g->n * sizeof *g->marked },
        { (void **)&g->touched, words * sizeof *g->touched, had * sizeof *g->touched },
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char *p = kp_realloc(*all[i].array, all[i].size);
        if (!p)
            return false; /* what grew stays grown; n tells what is valid */
        memset(p + all[i].old, 0, all[i].size - all[i].old);
        *all[i].array = p;
    }
    g->n = room;
    return true;
}

bool kp_signals_room(struct kp_store *s, kp_signal signal)
{
    if (signal < s->signals.n)
        return true;
    size_t room = s->signals.n ? s->signals.n * 2 : 1024;
    while (room <= signal)
        room *= 2;
    return grow_signals(&s->signals, room);
}

void kp_signals_forget(struct kp_store *s, kp_signal signal)
{
    if (signal >= s->signals.n)
        return;
    struct kp_sample *last = &s->signals.last[signal];
    if (kp_type_indirect(last->value.type))
        kp_free((void *)(uintptr_t)last->value.data);
    *last = (struct kp_sample){ 0 };
}

bool kp_signals_keep(struct kp_store *s, const struct kp_sample *sample)
{
    struct kp_sample *last = &s->signals.last[sample->signal];
    bool had = kp_type_indirect(last->value.type), has = kp_type_indirect(sample->value.type);
    if (!had && !has) {
        *last = *sample;
        return true;
    }
    char *copy = NULL;
    if (has && sample->value.len) {
        copy = kp_alloc(sample->value.len);
        if (!copy)
            return false;
        memcpy(copy, sample->value.data, sample->value.len);
    }
    kp_signals_forget(s, sample->signal);
    *last = *sample;
    if (has)
        last->value.data = copy;
    return true;
}

/* ---- taking batches ---- */

static void link_samples(struct kp_store *s, uint32_t from, uint32_t to)
{
    struct kp_pending *p = &s->pending;
    struct kp_signals *g = &s->signals;
    for (uint32_t i = from; i < to; i++) {
        kp_signal signal = p->samples[i].signal;
        uint64_t bit = UINT64_C(1) << (signal & 63), *word = &g->touched[signal >> 6];
        if (*word & bit)
            p->next[g->tail[signal]] = i;
        else
            g->head[signal] = i;
        *word |= bit;
        g->tail[signal] = i;
        p->next[i] = UINT32_MAX;
        p->points[kp_stripe(signal)]++;
    }
}

/* Copies what lies behind the values, so that the batch can go. */
static bool copy_texts(struct kp_pending *p, struct kp_sample *s, unsigned n, size_t *bytes)
{
    *bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!kp_type_indirect(s[i].value.type))
            continue;
        if (!kp_value_copy(&p->texts, &s[i].value, &s[i].value))
            return false;
        *bytes += s[i].value.len;
    }
    return true;
}

static bool take_batch(struct kp_store *s, struct kp_batch *b)
{
    struct kp_pending *p = &s->pending;
    kp_signal most = 0;
    size_t text = 0;
    for (unsigned i = 0; i < b->n; i++)
        if (b->s[i].signal > most)
            most = b->s[i].signal;
    if (!kp_signals_room(s, most))
        return false;
    memcpy(p->samples + p->n, b->s, b->n * sizeof b->s[0]);
    if (b->text.chunk && !copy_texts(p, p->samples + p->n, b->n, &text))
        return false;
    if (!p->n) {
        p->since = kp_mono(s->clock);
        p->historic = b->historic;
    }
    link_samples(s, (uint32_t)p->n, (uint32_t)p->n + b->n);
    p->n += b->n;
    p->text += text;
    return true;
}

bool kp_commit_absorb(struct kp_store *s)
{
    struct kp_pending *p = &s->pending;
    while (s->waiting.first && !s->reopen) {
        struct kp_batch *b = (struct kp_batch *)s->waiting.first;
        bool full = p->n + b->n > KP_COMMIT_SAMPLES || p->text > KP_COMMIT_TEXT;
        if (p->n && (full || b->historic != p->historic))
            return true;
        size_t before = p->n * sizeof *p->samples + p->text;
        if (!take_batch(s, b))
            return false;
        size_t cost = p->n * sizeof *p->samples + p->text - before;
        p->cost += cost;
        atomic_fetch_add(&s->taken, cost - b->msg.cost); /* may wrap: it is a difference */
        kp_msgs_pop(&s->waiting);
        kp_batch_free(b);
    }
    return true;
}

bool kp_commit_due(const struct kp_store *s, int64_t mono)
{
    const struct kp_pending *p = &s->pending;
    if ((!p->n && !s->held.n) || mono < s->retry_at)
        return false;
    int64_t since = !s->held.n || (p->n && p->since < s->held.since) ? p->since : s->held.since;
    return s->waiting.first || s->committed < s->flush_to || mono - since >= s->options.commit_every;
}

/* ---- writing ---- */

enum kp_code kp_journal_insert(struct kp_store *s, int64_t id, struct kp_err *err)
{
    struct kp_stmt *insert = kp_db_prepare(s->db, "insert into journal(id, data) values(?, ?)", err);
    if (!insert)
        return err->code;
    kp_bind_int(insert, 1, id);
    kp_bind_blob(insert, 2, s->row.data, s->row.len);
    return kp_run(insert, err);
}

/* Words w, w + 16, w + 32 ... of the bitmap are the signals of stripe w, ascending; all words those of all. */
static enum kp_code write_row(struct kp_store *s, unsigned stripe, struct kp_err *err)
{
    const struct kp_signals *g = &s->signals;
    const struct kp_pending *p = &s->pending;
    bool one = stripe < KP_STRIPES;
    kp_row_begin(&s->writer, p->at);
    s->writer.historic = p->historic;
    for (size_t w = one ? stripe : 0; w < g->n / 64; w += one ? KP_STRIPES : 1)
        for (uint64_t bits = g->touched[w]; bits; bits &= bits - 1)
            kp_row_add(&s->writer, p->samples, p->next, g->head[w * 64 + (unsigned)__builtin_ctzll(bits)]);
    s->row.len = 0;
    s->row.failed = false;
    enum kp_code code = kp_row_end(&s->writer, &s->row, err);
    return code ? code : kp_journal_insert(s, kp_journal_id(stripe, s->seq + s->extra + 1), err);
}

static enum kp_code write_samples(struct kp_store *s, struct kp_err *err)
{
    enum kp_code code = KP_OK;
    int64_t mono = kp_mono(s->clock);
    struct kp_pending *p = &s->pending;
    p->at = kp_utc(s->clock);
    p->young = kp_young_takes(s);
    for (unsigned i = 0; i < KP_STRIPES && !code; i++) {
        p->snapshot[i] = kp_snapshot_due(s, i, mono);
        if (p->snapshot[i])
            code = kp_snapshot_write(s, i, err);
        if (code || p->young || !p->points[i])
            continue;
        code = write_row(s, i, err);
        p->written[i] = s->row.len;
    }
    if (code || !p->young)
        return code;
    code = write_row(s, KP_STRIPE_YOUNG, err);
    p->young_bytes = s->row.len;
    return code;
}

/* A failed call undoes itself only, unless it took the whole transaction with it (disk full). */
static enum kp_code run_call(struct kp_store *s, struct kp_do *d, struct kp_err *err)
{
    enum kp_code code = kp_db_exec(s->db, "savepoint call", err);
    if (code)
        return code;
    unsigned extra = s->extra;
    code = d->fn(s->db, d->arg, &d->err);
    if (code)
        kp_fail(&d->err, code, "%s", kp_code_word(code));
    if (d->err.code)
        s->extra = extra;
    if (sqlite3_get_autocommit(s->db->handle))
        return kp_fail(err, d->err.code ? d->err.code : KP_EIO, "%s",
                       d->err.code ? d->err.text : "the transaction was lost");
    if (d->err.code && (code = kp_db_exec(s->db, "rollback to call", err)))
        return code;
    return kp_db_exec(s->db, "release call", err);
}

static enum kp_code write_all(struct kp_store *s, bool samples, struct kp_err *err)
{
    enum kp_code code = kp_db_exec(s->db, "begin immediate", err);
    if (!code)
        code = kp_rows_apply(s, err);
    for (struct kp_do *d = s->calls; d && !code; d = d->next)
        code = run_call(s, d, err);
    if (!code && samples && s->pending.n)
        code = write_samples(s, err);
    if (!code && samples)
        code = kp_held_write(s, err);
    return code ? code : kp_db_exec(s->db, "commit", err);
}

/* ---- after a commit ---- */

static void settle_signal(struct kp_store *s, kp_signal signal)
{
    struct kp_signals *g = &s->signals;
    struct kp_stripe_state *stripe = &s->stripes[kp_stripe(signal)];
    if (!s->pending.young && g->seen[signal] != stripe->generation) {
        g->seen[signal] = stripe->generation;
        stripe->signals++;
    }
    /* Without memory for a text the signal has no last value after a restart: better than a wrong one. */
    if (!s->pending.historic && !kp_signals_keep(s, &s->pending.samples[g->tail[signal]]))
        kp_signals_forget(s, signal);
}

static void settle_stripe(struct kp_store *s, unsigned i, int64_t mono)
{
    struct kp_stripe_state *stripe = &s->stripes[i];
    struct kp_pending *p = &s->pending;
    if (p->snapshot[i])
        kp_snapshot_written(s, i);
    if (!p->points[i])
        return;
    for (size_t w = i; w < s->signals.n / 64; w += KP_STRIPES) {
        for (uint64_t bits = s->signals.touched[w]; bits; bits &= bits - 1)
            settle_signal(s, (kp_signal)(w * 64 + (unsigned)__builtin_ctzll(bits)));
        s->signals.touched[w] = 0;
    }
    if (p->young)
        return;
    if (!stripe->fresh)
        stripe->fresh_since = mono;
    stripe->fresh += p->written[i];
    stripe->bytes += p->written[i];
    stripe->points += p->points[i];
    stripe->rows++;
    if (stripe->oldest == KP_FOREVER)
        stripe->oldest = p->at;
}

static void settle_samples(struct kp_store *s)
{
    struct kp_pending *p = &s->pending;
    int64_t mono = kp_mono(s->clock);
    for (unsigned i = 0; i < KP_STRIPES; i++)
        settle_stripe(s, i, mono);
    if (p->n && p->young)
        kp_young_written(s, p->young_bytes);
    if (p->n) {
        s->seq++;
        s->last_commit = p->at;
    }
    pthread_mutex_lock(&s->mutex);
    s->stats.samples += p->n;
    s->stats.commits += p->n > 0;
    s->stats.last_commit = s->last_commit;
    pthread_mutex_unlock(&s->mutex);
    s->committed += p->n;
    atomic_fetch_sub(&s->taken, p->cost);
    kp_arena_reset(&p->texts);
    *p = (struct kp_pending){ .samples = p->samples, .next = p->next, .texts = p->texts };
}

static void answer(struct kp_store *s, const struct kp_err *failure)
{
    for (struct kp_do *d; (d = s->calls);) {
        s->calls = d->next;
        if (failure)
            kp_fail(&d->err, failure->code, "%s", failure->text);
        if (d->call)
            kp_call_answer(d->call);
    }
}

/* ---- when the disk does not take it ---- */

static void explain(struct kp_store *s, const struct kp_err *failure, char *out, size_t size)
{
    struct statvfs fs;
    if (failure->code == KP_EFULL && statvfs(s->dir, &fs) == 0)
        snprintf(out, size,
                 "the disk is full: %llu MB free; make room. Live values go on, the history resumes by itself. File: %s",
                 (unsigned long long)fs.f_bavail * fs.f_frsize / 1000000, s->file);
    else
        snprintf(out, size, "Live values go on, the history resumes by itself: %s", failure->text);
    kp_utf8_trim(out);
}

static void stall(struct kp_store *s, const struct kp_err *failure)
{
    char why[KP_ERR_TEXT];
    explain(s, failure, why, sizeof why);
    pthread_mutex_lock(&s->mutex);
    s->stats.write_errors++;
    s->stats.stalled = true;
    memcpy(s->stats.stalled_why, why, sizeof why);
    pthread_mutex_unlock(&s->mutex);
    s->retry_at = kp_mono(s->clock) + KP_SECOND;
    kp_store_condition(s, "store", why);
    kp_error("store", "a commit failed", "why=%s", kp_log_quote(why));
}

static void resume(struct kp_store *s)
{
    s->retry_at = INT64_MIN;
    pthread_mutex_lock(&s->mutex);
    bool was = s->stats.stalled;
    s->stats.stalled = false;
    s->stats.stalled_why[0] = 0;
    pthread_mutex_unlock(&s->mutex);
    if (!was)
        return;
    kp_store_condition(s, "store", NULL);
    kp_info("store", "the history resumes", "queued=%zu", atomic_load(&s->taken));
}

/* The newest commit of one stripe after those that are known; 0 = there is none. */
static uint64_t find_newer(struct kp_store *s, unsigned stripe)
{
    struct kp_stmt *find = kp_db_prepare(s->db, "select max(id) from journal where id between ? and ?", NULL);
    if (!find)
        return 0;
    kp_bind_int(find, 1, kp_journal_id(stripe, s->seq + 1));
    kp_bind_int(find, 2, kp_journal_id(stripe, KP_JOURNAL_SEQ));
    uint64_t newest = kp_step(find, NULL) ? (uint64_t)kp_column_int(find, 0) & KP_JOURNAL_SEQ : 0;
    kp_reset(find);
    return newest;
}

static void settle_calls(struct kp_store *s)
{
    s->seq += s->extra;
    if (s->extra && kp_young_count(s, NULL))
        s->young.rows++; /* not known, but there are some */
    s->extra = 0;
}

/* After a failed fsync nobody knows what of the transaction is in the WAL. Opened anew, SQLite shows what it
 * found there, and the checkpoint brings it to the disk for certain. */
static void settle_written(struct kp_store *s)
{
    uint64_t newest = find_newer(s, KP_STRIPE_YOUNG);
    for (unsigned i = 0; i < KP_STRIPES; i++) {
        uint64_t one = find_newer(s, i);
        newest = one > newest ? one : newest;
        s->stripes[i].counted = false; /* it may have been the dealing out that failed */
    }
    if (s->held.n && kp_held_is_written(s))
        kp_held_written(s);
    if (s->pending.n && newest > s->seq + s->extra)
        settle_samples(s);
    if (newest <= s->seq)
        s->extra = 0;
    settle_calls(s);
    if (kp_young_count(s, NULL))
        s->young.rows++;
}

static enum kp_code revive(struct kp_store *s, struct kp_err *err)
{
    kp_db_close(s->db);
    s->db = kp_db_open(s->file, KP_DB_WRITER, err);
    if (!s->db)
        return kp_context(err, "opening the file again");
    if (kp_db_checkpoint(s->db, false, err)) {
        kp_db_close(s->db);
        s->db = NULL;
        return kp_context(err, "opening the file again");
    }
    kp_store_hook(s);
    s->reopen = false;
    settle_written(s);
    return KP_OK;
}

void kp_store_undo(struct kp_store *s)
{
    int rc = sqlite3_extended_errcode(s->db->handle);
    s->reopen = rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC;
    if (!sqlite3_get_autocommit(s->db->handle))
        kp_db_exec(s->db, "rollback", NULL);
}

enum kp_code kp_commit(struct kp_store *s, bool samples, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    bool open = (s->db && !s->reopen) || revive(s, &failure) == KP_OK;
    if (open)
        s->extra = 0;
    if (open && samples && kp_young_make_way(s, &failure))
        open = false;
    if (open && write_all(s, samples, &failure))
        kp_store_undo(s);
    if (failure.code) {
        answer(s, &failure);
        stall(s, &failure);
        return kp_fail(err, failure.code, "%s", failure.text);
    }
    bool called = s->calls != NULL;
    kp_rows_applied(s);
    answer(s, NULL);
    if (samples) {
        kp_held_written(s);
        settle_samples(s);
    }
    settle_calls(s);
    if (called)
        kp_store_settings(s);
    resume(s);
    return KP_OK;
}

void kp_commit_free(struct kp_store *s)
{
    for (size_t i = 0; i < s->signals.n; i++)
        kp_signals_forget(s, (kp_signal)i);
    for (struct kp_msg *m; (m = kp_msgs_pop(&s->waiting));)
        kp_batch_free((struct kp_batch *)m);
    kp_held_free(s);
    kp_arena_free(&s->pending.texts);
    kp_free(s->pending.samples);
    kp_free(s->pending.next);
    kp_free(s->signals.head);
    kp_free(s->signals.tail);
    kp_free(s->signals.touched);
    kp_free(s->signals.last);
    kp_free(s->signals.seen);
    kp_free(s->signals.span);
    kp_free(s->signals.dense);
    kp_free(s->signals.marked);
    kp_young_free(s);
    kp_row_free(&s->writer);
    kp_buf_free(&s->row);
}
