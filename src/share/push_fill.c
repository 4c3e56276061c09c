/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed, as lines of JSON: the history of the agreed signals from the beginning of the
 * agreed period on, one part of time after the other, each value through the gate. */
#include "share/push.h"

#include "core/batch.h"
#include "store/history.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define PART (7 * 24 * 3600 * KP_SECOND)
/* Values come a little after their time, and a moment later to the disk. */
#define SETTLES   (3 * KP_SECOND)
#define LIVE_PART KP_SECOND

static void put_lines(struct push *p, const struct kp_batch *b)
{
    data_put_values(&p->writer, b, &p->body);
    share_exit_count(&p->exit, p->share, b);
}

/* ---- through the gate ---- */
static void stop(struct push *p)
{
    p->ended = true;
    p->exit.why = kp_gate_reason(kp_gate_why(p->cursor));
}

static enum kp_code pass(struct push *p, const struct kp_batch *in, struct kp_err *err)
{
    for (unsigned at = 0; at < in->n && !p->ended;) {
        struct kp_batch *out = kp_batch_new(0);
        if (!out)
            return share_starved(err);
        if (kp_gate_pass(p->cursor, in, &at, out) == KP_DENY)
            stop(p);
        else
            put_lines(p, out);
        kp_batch_free(out);
    }
    return KP_OK;
}

static enum kp_code flush(struct push *p, struct kp_err *err)
{
    struct kp_batch *out = kp_batch_new(0);
    if (!out)
        return share_starved(err);
    enum kp_verdict v = kp_gate_flush(p->cursor, out);
    if (v == KP_DENY)
        stop(p);
    else
        put_lines(p, out);
    p->flushing = v == KP_ALTER;
    kp_batch_free(out);
    return KP_OK;
}

/* Up to a batch of the signal whose turn it is. */
static enum kp_code read_some(struct push *p, struct kp_db *db, struct kp_err *err)
{
    struct kp_sample s;
    kp_signal id = p->signals.list[p->at];
    struct kp_history *h = kp_history_open(db, id, p->next_value, p->to, err);
    struct kp_batch *in = h ? kp_batch_new(0) : NULL;
    bool more = in;
    while (more && in->n < KP_BATCH_MAX && (more = kp_history_next(h, &s, err))) {
        s.signal = id;
        p->next_value = s.at + 1;
        if (!kp_batch_add(in, &s))
            share_starved(err);
    }
    if (!in && !err->code)
        share_starved(err);
    kp_history_close(h);
    if (!err->code)
        pass(p, in, err);
    if (in)
        kp_batch_free(in);
    if (!more) {
        p->at++;
        p->next_value = p->from;
    }
    return err->code;
}

/* The next part of time; false: there is none yet. */
static bool next_part(struct push *p, struct kp_db *db, struct kp_err *err)
{
    int64_t lo, hi, until = kp_utc(p->share->clock) - SETTLES, horizon = kp_gate_horizon(p->cursor);
    kp_terms_period(&p->grant.grant.terms, &lo, &hi);
    until = until <= horizon ? until : horizon + 1;
    until = until < hi ? until : hi;
    p->whole = p->to >= hi;
    if (p->whole || (p->to != INT64_MIN && until < hi && until - p->to < LIVE_PART) ||
        until <= p->to)
        return false;
    kp_free(p->signals.list);
    if (share_signals(p->share, &p->grant, &p->signals, err))
        return false;
    int64_t begins = until, first, last;
    for (size_t i = 0; i < p->signals.n && p->to == INT64_MIN && !err->code; i++)
        if (kp_history_extent(db, p->signals.list[i], &first, &last, err) && first < begins)
            begins = first;
    p->from = p->to == INT64_MIN ? (begins > lo ? begins : lo) : p->to;
    if (p->from >= until)
        return false;
    p->to = until - p->from < PART ? until : p->from + PART;
    p->at = 0;
    p->next_value = p->from;
    p->flushing = true;
    return !err->code;
}

enum kp_code push_fill(struct push *p, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(p->share->store, err);
    while (db && !err->code && !p->ended && p->body.len < PUSH_BATCH) {
        if (p->at < p->signals.n)
            read_some(p, db, err);
        else if (p->flushing)
            flush(p, err);
        else if (!next_part(p, db, err))
            break;
    }
    kp_store_reader_done(p->share->store, db);
    if (!err->code && !p->ended && !p->body.len)
        flush(p, err); /* also tells when the agreement has ended meanwhile */
    return p->body.failed && !err->code ? share_starved(err) : err->code;
}

void push_close(struct push *p)
{
    kp_gate_close(p->cursor);
    kp_free(p->signals.list);
    share_exit_free(&p->exit);
    kp_buf_free(&p->writer.before);
    kp_buf_free(&p->body);
    kp_arena_free(&p->arena);
    kp_free(p);
}
