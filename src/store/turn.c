/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include "core/ban.h"

/* The store thread's turn: take what is queued, commit when due, seal a slice. Also run by hand, before the
 * thread starts and in tests. */
enum { RECEIVE_MAX = 512 }; /* messages taken in one turn */

void kp_store_drop(struct kp_msg *m)
{
    if (m->kind == KP_MSG_ROW)
        kp_free(m);
    else
        kp_batch_drop(m);
}

/* ---- receiving ---- */

void kp_run_do(void *arg)
{
    (void)arg; /* the commit ran it; this answer only wakes the caller */
}

void kp_run_sync(void *arg)
{
    (void)arg;
}

void kp_store_add_call(struct kp_store *s, struct kp_do *d)
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
    if (call->run == kp_run_do) {
        struct kp_do *d = call->arg;
        d->call = call;
        kp_store_add_call(s, d);
    } else if (call->run == kp_run_sync) {
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
    struct kp_batch *b = (struct kp_batch *)m;
    switch (m->kind) {
    case KP_MSG_BATCH:
        b->held ? kp_held_take(s, b) : take_batch(s, b);
        break;
    case KP_MSG_ROW:
        kp_msgs_add(&s->rows, m);
        break;
    case KP_MSG_CALL:
        take_call(s, (struct kp_call *)m);
        break;
    default:
        kp_store_drop(m);
    }
}

bool kp_store_receive(struct kp_store *s, int timeout_ms)
{
    struct kp_msg *m = kp_queue_pop(s->queue, timeout_ms);
    bool any = m != NULL;
    for (int n = 1; m; n++) {
        take_message(s, m);
        m = n < RECEIVE_MAX ? kp_queue_pop(s->queue, 0) : NULL;
    }
    return any;
}

/* ---- the turn ---- */

/* Callers of sync whose batches are in, or all of them after a failure. */
void kp_store_answer_syncs(struct kp_store *s, const struct kp_err *failure)
{
    struct kp_sync *left = NULL;
    for (struct kp_sync *w = s->syncs, *next; w; w = next) {
        next = w->next;
        bool done = w->target <= s->committed && !s->rows.first && !atomic_load(&s->rows_lost);
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
    if (s->held.n && s->held.since + s->options.commit_every < due)
        due = s->held.since + s->options.commit_every;
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
bool kp_store_checkpoint_due(struct kp_store *s)
{
    if (s->wal_pages < s->checkpoint_at)
        return false;
    enum { ALARM_PAGES = (256 << 20) / KP_PAGE };
    struct kp_err err = { 0 };
    if (kp_db_checkpoint(s->db, false, &err))
        kp_warn("store", "the checkpoint failed", "why=%s", kp_log_quote(err.text));
    s->checkpoint_at = s->wal_pages + KP_CHECKPOINT_PAGES;
    kp_store_condition(s, "store-wal",
                       s->wal_pages < ALARM_PAGES ? NULL
                                                  : "the write-ahead log is larger than 256 MB: a program reads "
                                                    "factory.db in one long transaction; end it");
    return true;
}

void kp_store_publish(struct kp_store *s)
{
    uint64_t rows = s->young.rows, bytes = s->young.bytes;
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

static bool commit_turn(struct kp_store *s)
{
    if (!kp_commit_absorb(s)) {
        const struct kp_err err = { KP_ENOMEM, "out of memory" };
        kp_store_answer_syncs(s, &err);
    }
    int64_t mono = kp_mono(s->clock);
    bool due = kp_rows_whole(s) && kp_commit_due(s, mono);
    bool must = (s->rows.first || s->reopen || !s->db) && mono >= s->retry_at;
    if (!due && !s->calls && !must) {
        kp_store_answer_syncs(s, NULL);
        return false;
    }
    struct kp_err err = { 0 };
    kp_commit(s, due, &err);
    kp_store_answer_syncs(s, err.code ? &err : NULL);
    return true;
}

bool kp_store_turn(struct kp_store *s, int timeout_ms)
{
    bool did = kp_store_receive(s, wait_ms(s, timeout_ms));
    did |= commit_turn(s);
    if (!s->db || s->reopen)
        return did;
    did |= kp_store_checkpoint_due(s);
    /* One slice, so that the next commit or call waits little; some more when sealing falls behind. */
    struct kp_err err = { 0 };
    unsigned slices = kp_seal_wanted(s) > 3 ? 4 : 1;
    while (slices-- && kp_seal_turn(s, false, &err))
        did = true;
    if (did)
        kp_store_publish(s);
    return did;
}

enum kp_code kp_store_flush(struct kp_store *s, struct kp_err *err)
{
    enum kp_code code;
    do {
        bool tried = !s->rows.first, whole = kp_rows_whole(s);
        if (!kp_commit_absorb(s) || (tried && !whole))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        code = kp_commit(s, whole, err);
    } while (!code && (s->waiting.first || s->pending.n || s->held.n || s->rows.first));
    return code;
}
