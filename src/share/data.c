/* SPDX-License-Identifier: Apache-2.0 */
/* Data of a transfer on its way to the consumer who pulls it: the history, signal by signal, and
 * for who follows what comes then (data_live.c). It is made in pieces, each by whoever has time, so
 * that a slow reader holds nothing but the piece he has not read. */
#include "share/data_private.h"

#include "core/log.h"
#include "store/history.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { STREAMS_EACH = 16, STREAMS_ALL = 64, TEXT_MAX = 1 << 20, SCANNED = 20000 };
#define NOTE_EVERY (30 * KP_SECOND)
#define SETTLES    (2 * KP_SECOND)        /* a value is on the disk so long after its time */
#define TURN       (100 * KP_MILLISECOND) /* then somebody else may work */

static int64_t mono(const struct kp_data *d)
{
    return kp_mono(d->share->clock);
}

uint64_t data_version(const struct kp_data *d)
{
    kp_model_lock(d->share->model);
    uint64_t version = kp_model_version(d->share->model);
    kp_model_unlock(d->share->model);
    return version;
}

/* ---- ends ---- */
void data_end(struct kp_data *d, const char *why, struct kp_buf *out)
{
    if (d->over)
        return;
    d->over = true;
    d->exit.why = why ? kp_arena_strdup(&d->arena, why) : "complete";
    if (!d->exit.why)
        d->exit.why = "out of memory";
    data_put_end(d->wish.form, why, &d->exit, out);
}

/* The gate lets nothing pass any more. */
static void end_by_gate(struct kp_data *d, struct kp_buf *out)
{
    char why[KP_ERR_TEXT] = "";
    enum kp_why reason = kp_gate_why(d->cursor);
    if (reason != KP_WHY_ENDED || share_runs(d->share, d->grant.process.pid, why, sizeof why))
        snprintf(why, sizeof why, "%s", kp_gate_reason(reason));
    data_end(d, why, out);
}

static bool expired(const struct kp_data *d)
{
    return kp_utc(d->share->clock) >= d->grant.grant.terms.to;
}

static bool stopped(const struct kp_data *d, char why[KP_ERR_TEXT])
{
    bool late = expired(d);
    if (late)
        snprintf(why, KP_ERR_TEXT, "%s", kp_gate_reason(KP_WHY_EXPIRED));
    return late || !share_runs(d->share, d->grant.process.pid, why, KP_ERR_TEXT);
}

bool kp_data_stopped(const struct kp_data *d, struct kp_buf *out)
{
    char why[KP_ERR_TEXT];
    if (!stopped(d, why))
        return false;
    data_put_end(d->wish.form, why, &d->exit, out);
    return true;
}

/* ---- through the gate ---- */
static void clear(struct kp_batch *b)
{
    b->n = 0;
    kp_arena_reset(&b->text);
}

static void give(struct kp_data *d, struct kp_buf *out)
{
    data_put_values(&d->writer, d->out, out);
    share_exit_count(&d->exit, d->share, d->out);
}

void data_pass(struct kp_data *d, struct kp_buf *out)
{
    for (unsigned at = 0; at < d->in->n && !d->over;) {
        clear(d->out);
        if (kp_gate_pass(d->cursor, d->in, &at, d->out) == KP_DENY)
            end_by_gate(d, out);
        else
            give(d, out);
    }
    clear(d->in);
}

void data_pass_interval(struct kp_data *d, const struct kp_interval *v, bool removed,
                        struct kp_buf *out)
{
    struct kp_interval cut;
    if (d->wish.form == KP_DATA_CSV)
        return;
    if (kp_gate_pass_interval(d->cursor, v, &cut) == KP_DENY) {
        if (kp_gate_why(d->cursor))
            end_by_gate(d, out);
        return;
    }
    data_put_interval(&d->writer, &cut, removed, out);
    d->exit.intervals++;
}

void data_flush(struct kp_data *d, struct kp_buf *out)
{
    clear(d->out);
    enum kp_verdict v = kp_gate_flush(d->cursor, d->out);
    d->flush = v == KP_ALTER;
    if (v == KP_DENY)
        end_by_gate(d, out);
    else
        give(d, out);
}

/* ---- a pass through the history ---- */
void data_begin_pass(struct kp_data *d, struct kp_err *err)
{
    struct share_signals now;
    d->began = mono(d);
    d->began_at = kp_utc(d->share->clock);
    d->at = 0;
    d->next = d->last_start = KP_NO_TIME;
    if (share_signals(d->share, &d->grant, &now, err))
        return;
    kp_free(d->signals.list);
    d->signals = now;
    d->phase = DATA_VALUES;
}

static int64_t begin_of(const struct kp_data *d, kp_signal id)
{
    bool before = d->follows && id < d->seen_room && d->seen[id].shown;
    return before ? d->seen[id].shown + 1 : d->from;
}

/* Up to a batch; false: there are no more. */
static bool fill_batch(struct kp_data *d, kp_signal id, struct kp_history *h, struct kp_err *err)
{
    struct kp_sample s;
    while (d->in->n < KP_BATCH_MAX && kp_arena_size(&d->in->text) < TEXT_MAX) {
        if (!kp_history_next(h, &s, err))
            return false;
        s.signal = id;
        d->next = s.at + 1;
        if (!kp_batch_add(d->in, &s)) {
            share_starved(err);
            return false;
        }
    }
    return true;
}

struct kp_db *data_reader(struct kp_data *d, struct kp_err *err)
{
    struct kp_position now;
    if (d->db)
        return d->db;
    d->db = kp_store_reader(d->share->store, err);
    if (!d->db || !d->follows || kp_db_read_begin(d->db, err))
        return d->db;
    kp_position_now(d->db, &now, err);
    d->snapshot = now.newest;
    return d->db;
}

void data_reader_done(struct kp_data *d)
{
    if (d->db && d->follows)
        kp_db_read_end(d->db);
    kp_store_reader_done(d->share->store, d->db);
    d->db = NULL;
}

static struct kp_history *open_history(struct kp_data *d, kp_signal id, struct kp_err *err)
{
    bool begins = d->next == KP_NO_TIME;
    if (begins)
        d->next = begin_of(d, id);
    if (!data_reader(d, err) || err->code)
        return NULL;
    if (d->follows)
        data_look_at(d, id, d->next, begins, err);
    return err->code || d->next >= d->before ? NULL
                                             : kp_history_open(d->db, id, d->next, d->before, err);
}

static void read_values(struct kp_data *d, struct kp_buf *out, struct kp_err *err)
{
    kp_signal id = d->signals.list[d->at];
    size_t begins = out->len;
    bool more = true;
    struct kp_history *h = open_history(d, id, err);
    while (h && more && !err->code && !d->over && out->len - begins < KP_DATA_PIECE) {
        more = fill_batch(d, id, h, err);
        if (d->follows && d->in->n)
            d->seen[id].shown = d->in->s[d->in->n - 1].at;
        if (!err->code)
            data_pass(d, out);
    }
    kp_history_close(h);
    if (!h || !more) {
        d->at++;
        d->next = KP_NO_TIME;
    }
}

struct reading {
    struct kp_data *d;
    struct kp_buf *out;
    size_t begins, scanned;
    bool more;
};

static bool take_interval(void *arg, const struct kp_interval *v)
{
    struct reading *r = arg;
    struct kp_data *d = r->d;
    bool given = v->start < d->last_start || (v->start == d->last_start && v->id <= d->last_id);
    if (given && d->last_start != KP_NO_TIME)
        return true;
    if (r->out->len - r->begins >= KP_DATA_PIECE || ++r->scanned > SCANNED) {
        r->more = true;
        return false;
    }
    d->last_start = v->start;
    d->last_id = v->id;
    if (v->end > d->overlap)
        data_pass_interval(d, v, false, r->out);
    return !d->over;
}

static void read_intervals(struct kp_data *d, struct kp_buf *out, struct kp_err *err)
{
    struct reading r = { d, out, out->len, 0, false };
    int64_t from = d->last_start != KP_NO_TIME && d->last_start > d->from ? d->last_start : d->from;
    if (d->overlap > from)
        from = d->overlap;
    if (!d->writer.functions && d->wish.form != KP_DATA_CSV && from < d->before &&
        data_reader(d, err) && !err->code)
        kp_history_intervals(d->db, -1, -1, from, d->before, take_interval, &r, err);
    if (!r.more)
        d->phase = DATA_STEPS;
}

static void end_pass(struct kp_data *d, struct kp_buf *out)
{
    int64_t took = mono(d) - d->began;
    if (d->wish.form != KP_DATA_EVENTS) {
        data_end(d, NULL, out);
    } else if (d->follows) {
        d->overlap = d->began_at;
        d->phase = DATA_COMMITS;
    } else {
        d->overlap = d->grant.grant.terms.delay ? d->before - 1 : d->began_at;
        d->from = d->before > d->from ? d->before : d->from;
        d->due = mono(d) + (10 * took > KP_SECOND ? 10 * took : KP_SECOND);
        d->phase = DATA_PAUSE;
    }
}

/* False: there is nothing to do now. */
static bool turn(struct kp_data *d, struct kp_buf *out, struct kp_err *err)
{
    switch (d->phase) {
    case DATA_LISTEN:
        return data_listen(d, err);
    case DATA_VALUES:
        if (d->at < d->signals.n)
            read_values(d, out, err);
        else
            d->phase = DATA_INTERVALS;
        return true;
    case DATA_INTERVALS:
        read_intervals(d, out, err);
        return true;
    case DATA_STEPS:
        data_flush(d, out);
        if (!d->flush)
            end_pass(d, out);
        return true;
    case DATA_COMMITS:
        data_commits(d, out, err);
        return true;
    default:
        return data_live(d, out, err);
    }
}

/* ---- pieces ---- */
static void note(struct kp_data *d)
{
    struct kp_err err = { 0 };
    d->noted = mono(d);
    d->noted_count = d->exit.values + d->exit.intervals;
    if (share_exit_put(d->share, &d->exit, &err) && err.code != KP_ESTOPPED)
        kp_error("share", "how much went out to a partner cannot be written down",
                 "partner=%s why=%s", kp_log_quote(d->exit.partner), kp_log_quote(err.text));
}

/* Soon after a row tells of less than half, now and then in any case. */
static bool must_note(const struct kp_data *d)
{
    int64_t count = d->exit.values + d->exit.intervals, age = mono(d) - d->noted;
    bool little = count > d->noted_count && count / 2 >= d->noted_count;
    return age > NOTE_EVERY || (little && (!d->noted_count || age > KP_SECOND));
}

static void fail(struct kp_data *d, const struct kp_err *err, struct kp_buf *out)
{
    if (err->code != KP_ESTOPPED)
        kp_error("share", "data for a partner cannot be read", "partner=%s why=%s",
                 kp_log_quote(d->exit.partner), kp_log_quote(err->text));
    data_end(d,
             err->code == KP_ESTOPPED ? "the node stops"
                                      : "the node cannot read the data now: try again later",
             out);
}

enum kp_data_next kp_data_next(struct kp_data *d, struct kp_buf *out)
{
    struct kp_err err = { 0 };
    size_t begins = out->len;
    int64_t until = mono(d) + TURN;
    bool busy = true;
    if (d->over)
        return KP_DATA_OVER;
    if (!d->writer.begun)
        data_put_head(&d->writer, out);
    d->writer.begun = true;
    while (busy && !err.code && !d->over && out->len - begins < KP_DATA_PIECE && mono(d) < until)
        busy = turn(d, out, &err);
    data_reader_done(d);
    if (err.code)
        fail(d, &err, out);
    kp_digest_add(&d->exit.digest, out->data + begins, out->len - begins);
    d->exit.bytes += (int64_t)(out->len - begins);
    if (!d->over && must_note(d))
        note(d);
    return d->over ? KP_DATA_OVER : busy ? KP_DATA_MORE : KP_DATA_WAIT;
}

/* ---- life ---- */
static enum kp_code check(struct kp_share *s, const struct kp_data_token *t,
                          const struct kp_data_wish *w, const struct share_grant *g,
                          struct kp_err *err)
{
    size_t his, all;
    if (w->to != KP_TO_PARTNER)
        return kp_fail(err, KP_EDENIED, "data of a transfer goes to its partner alone");
    if (share_grant_holds(s, t, g, err))
        return err->code;
    if (!share_goods_go(s, KP_TO_PARTNER, g->signals ? g->signals : "[]"))
        return kp_fail(err, KP_EDENIED,
                       "nothing of what was agreed may go to another company now: it is labelled "
                       "so that it stays");
    share_streams_count(s, g->grant.partner, &his, &all);
    return his < STREAMS_EACH && all < STREAMS_ALL
               ? KP_OK
               : kp_fail(err, KP_EFULL, "%zu answers of data are under way at once: end some first",
                         his < STREAMS_EACH ? all : his);
}

/* Only whole steps: parts of them, asked for one after the other, would tell what is in them. */
static void widen(int64_t every, int64_t *from, int64_t *before)
{
    int64_t down = *from % every < 0 ? *from % every + every : *from % every;
    int64_t up = *before % every < 0 ? -(*before % every) : (every - *before % every) % every;
    *from = *from < INT64_MIN + down ? INT64_MIN : *from - down;
    *before = *before > INT64_MAX - up ? INT64_MAX : *before + up;
}

/* Of what is given again and again: so old that it will not change any more, and whole steps. */
int64_t data_before(const struct kp_data *d)
{
    const struct kp_terms *t = &d->grant.grant.terms;
    int64_t lo, hi,
        before = kp_utc(d->share->clock) - (t->delay > SETTLES ? t->delay : SETTLES) + 1;
    kp_terms_period(t, &lo, &hi);
    if (t->every && before < hi)
        before -= before % t->every < 0 ? before % t->every + t->every : before % t->every;
    return before < hi ? before : hi;
}

static void find_range(struct kp_data *d)
{
    const struct kp_terms *t = &d->grant.grant.terms;
    int64_t lo, hi, now = kp_utc(d->share->clock);
    bool events = d->wish.form == KP_DATA_EVENTS;
    kp_terms_period(t, &lo, &hi);
    d->from = d->wish.from != KP_NO_TIME ? d->wish.from : events ? now - t->delay : lo;
    d->before = d->wish.before != KP_NO_TIME ? d->wish.before : events ? INT64_MAX : now + 1;
    if (t->every)
        widen(t->every, &d->from, &d->before);
    d->from = d->from > lo ? d->from : lo;
    d->before = d->before < hi ? d->before : hi;
    if (t->delay && d->before > now - t->delay)
        d->before = now - t->delay + 1;
    if (events && !d->follows)
        d->before = data_before(d);
    d->overlap = INT64_MIN;
}

static enum kp_code prepare(struct kp_data *d, struct kp_err *err)
{
    const struct kp_terms *t = &d->grant.grant.terms;
    d->follows = d->wish.form == KP_DATA_EVENTS && !t->delay && !t->every;
    data_writer_begin(&d->writer, d->wish.form, d->share->model, t);
    d->in = kp_batch_new(0);
    d->out = kp_batch_new(0);
    share_exit_begin(&d->exit, &d->grant, d->wish.form == KP_DATA_EVENTS ? "live" : "pull",
                     kp_utc(d->share->clock));
    find_range(d);
    d->noted = d->looked = mono(d);
    d->version = data_version(d);
    if (!d->in || !d->out || !d->exit.signals || !d->exit.dataset)
        return share_starved(err);
    if (d->follows)
        d->phase = DATA_LISTEN;
    else
        data_begin_pass(d, err);
    return err->code;
}

static enum kp_code open_gate(struct kp_data *d, struct kp_err *err)
{
    d->cursor = share_open_gate(d->share, &d->grant, err);
    return d->cursor ? share_exit_put(d->share, &d->exit, err) : err->code;
}

static void data_free(struct kp_data *d)
{
    data_unlisten(d);
    data_commits_free(d);
    kp_gate_close(d->cursor);
    if (d->in)
        kp_batch_free(d->in);
    if (d->out)
        kp_batch_free(d->out);
    kp_buf_free(&d->writer.before);
    kp_free(d->signals.list);
    share_exit_free(&d->exit);
    kp_arena_free(&d->arena);
    kp_free(d);
}

struct kp_data *kp_data_open(struct kp_share *s, const struct kp_data_token *t,
                             const struct kp_data_wish *w, struct kp_err *err)
{
    struct kp_data *d = kp_alloc(sizeof *d);
    if (!d) {
        share_starved(err);
        return NULL;
    }
    d->share = s;
    d->hub = w->hub;
    d->wish = *w;
    if (!share_grant(s, t->transfer, &d->arena, &d->grant, err) &&
        !check(s, t, w, &d->grant, err) && !prepare(d, err) && !open_gate(d, err)) {
        d->stream = (struct share_stream){ .partner = d->exit.partner,
                                           .transfer = d->grant.process.pid,
                                           .wake = w->wake,
                                           .arg = w->arg };
        share_stream_add(s, &d->stream);
        return d;
    }
    data_free(d);
    return NULL;
}

void kp_data_close(struct kp_data *d, bool stopping)
{
    char why[KP_ERR_TEXT];
    if (!d->exit.why)
        d->exit.why = stopped(d, why) ? why
                      : stopping      ? "the node stops"
                                      : "the partner has hung up";
    share_stream_remove(d->share, &d->stream);
    note(d);
    data_free(d);
}
