/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed, as lines of JSON: the history of the agreed signals from the beginning of the
 * agreed period on, one part of time after the other, each value through the gate. */
#include "share/push.h"

#include "core/batch.h"
#include "store/history.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { MATCHED = 256, SIGNALS_MAX = 100000 };
#define PART (7 * 24 * 3600 * KP_SECOND)
/* Values come a little after their time, and a moment later to the disk. */
#define SETTLES   (3 * KP_SECOND)
#define LIVE_PART KP_SECOND

static enum kp_code out_of_memory(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory");
}

/* ---- which signals ---- */
/* Not what another company brought: nobody has said that it may go on. Under the model's lock. */
static size_t only_ours(const struct kp_model *m, kp_signal *found, size_t n)
{
    static const char theirs[] = "partners/";
    char path[KP_PATH_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kp_model_signal_path(m, found[i], path, sizeof path) < sizeof path &&
            strncmp(path, theirs, sizeof theirs - 1) != 0)
            found[kept++] = found[i];
    return kept;
}

static bool add_signals(struct push *p, const char *pattern, struct kp_err *err)
{
    char after[KP_PATH_MAX] = "";
    kp_signal found[MATCHED];
    size_t n, matched = MATCHED;
    while (matched == MATCHED && !err->code) {
        kp_model_lock(p->share->model);
        matched = kp_model_match(p->share->model, pattern, after, found, MATCHED);
        n = only_ours(p->share->model, found, matched);
        kp_model_unlock(p->share->model);
        kp_signal *more =
            p->n + n <= SIGNALS_MAX ? kp_realloc(p->signals, (p->n + n + 1) * sizeof *more) : NULL;
        if (!more) {
            out_of_memory(err);
            break;
        }
        memcpy(more + p->n, found, n * sizeof *found);
        p->signals = more;
        p->n += n;
    }
    return !err->code;
}

/* Patterns may name one signal twice; it goes once. */
static void drop_doubles(struct push *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t k = 0;
        while (k < kept && p->signals[k] != p->signals[i])
            k++;
        if (k == kept)
            p->signals[kept++] = p->signals[i];
    }
    p->n = kept;
}

static enum kp_code find_signals(struct push *p, struct kp_err *err)
{
    char pattern[KP_PATH_MAX];
    const char *list = p->include;
    bool many = strchr(list, ',');
    p->n = 0;
    while (*list) {
        size_t n = strcspn(list, ",");
        snprintf(pattern, sizeof pattern, "%.*s", (int)n, list);
        if (!add_signals(p, pattern, err))
            return err->code;
        list += n + (list[n] == ',');
    }
    if (many)
        drop_doubles(p);
    return KP_OK;
}

/* ---- lines ---- */
static const char *function_of(struct push *p)
{
    unsigned at = p->turn;
    for (unsigned f = 0; f < KP_FUNCTIONS; f++)
        if (p->terms.functions >> f & 1 && !at--) {
            p->turn = p->terms.functions >> (f + 1) ? p->turn + 1 : 0;
            return kp_function_words[f];
        }
    p->turn = 0;
    return NULL;
}

static void put_line(struct push *p, const struct kp_sample *s, const char *path)
{
    struct kp_json j = kp_json(&p->body);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "path", path);
    kp_json_put_time(&j, "time", s->at);
    kp_json_key(&j, "value");
    kp_json_value(&j, &s->value);
    if (s->status)
        kp_json_put_int(&j, "status", s->status);
    if (p->terms.every)
        kp_json_put_text(&j, "function", function_of(p));
    kp_json_end(&j, '}');
    kp_buf_str(&p->body, "\n");
    p->body_first = p->body_values && p->body_first < s->at ? p->body_first : s->at;
    p->body_last = p->body_values && p->body_last > s->at ? p->body_last : s->at;
    p->body_values++;
}

static void put_lines(struct push *p, const struct kp_batch *b)
{
    char path[KP_PATH_MAX];
    kp_signal known = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (b->s[i].signal != known) {
            kp_model_lock(p->share->model);
            kp_model_signal_path(p->share->model, b->s[i].signal, path, sizeof path);
            kp_model_unlock(p->share->model);
            known = b->s[i].signal;
        }
        put_line(p, &b->s[i], path);
    }
}

/* ---- through the gate ---- */
static void stop(struct push *p)
{
    p->ended = true;
    p->why = kp_gate_reason(kp_gate_why(p->cursor));
}

static enum kp_code pass(struct push *p, const struct kp_batch *in, struct kp_err *err)
{
    for (unsigned at = 0; at < in->n && !p->ended;) {
        struct kp_batch *out = kp_batch_new(0);
        if (!out)
            return out_of_memory(err);
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
        return out_of_memory(err);
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
    kp_signal id = p->signals[p->at];
    struct kp_history *h = kp_history_open(db, id, p->next_value, p->to, err);
    struct kp_batch *in = h ? kp_batch_new(0) : NULL;
    bool more = in;
    while (more && in->n < KP_BATCH_MAX && (more = kp_history_next(h, &s, err))) {
        s.signal = id;
        p->next_value = s.at + 1;
        if (!kp_batch_add(in, &s))
            out_of_memory(err);
    }
    if (!in && !err->code)
        out_of_memory(err);
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
    kp_terms_period(&p->terms, &lo, &hi);
    until = until <= horizon ? until : horizon + 1;
    until = until < hi ? until : hi;
    p->whole = p->to >= hi;
    if (p->whole || (p->to != INT64_MIN && until < hi && until - p->to < LIVE_PART) ||
        until <= p->to || find_signals(p, err))
        return false;
    int64_t begins = until, first, last;
    for (size_t i = 0; i < p->n && p->to == INT64_MIN && !err->code; i++)
        if (kp_history_extent(db, p->signals[i], &first, &last, err) && first < begins)
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
        if (p->at < p->n)
            read_some(p, db, err);
        else if (p->flushing)
            flush(p, err);
        else if (!next_part(p, db, err))
            break;
    }
    kp_store_reader_done(p->share->store, db);
    if (!err->code && !p->ended && !p->body.len)
        flush(p, err); /* also tells when the agreement has ended meanwhile */
    return p->body.failed && !err->code ? out_of_memory(err) : err->code;
}

void push_close(struct push *p)
{
    kp_gate_close(p->cursor);
    kp_free(p->signals);
    kp_buf_free(&p->body);
    kp_arena_free(&p->arena);
    kp_free(p);
}
