/* SPDX-License-Identifier: Apache-2.0 */
/* What was stored since the history was read, commit by commit: also what came late, or filled a
 * gap, and what the hub has not shown because the reader was slow. */
#include "share/data_private.h"

#include "store/history.h"

#include <string.h>

#include "core/ban.h"

enum { AT_ONCE = 2000 }; /* points; one commit while it matters which has them */
enum { UNKNOWN, ASKED, NOT_ASKED };

struct data_seen *data_seen(struct kp_data *d, kp_signal id)
{
    return kp_grow(&d->seen, &d->seen_room, (size_t)id + 1, sizeof *d->seen) ? &d->seen[id] : NULL;
}

void data_look_at(struct kp_data *d, kp_signal id, int64_t from, bool begins, struct kp_err *err)
{
    int64_t first, last;
    struct data_seen *s = data_seen(d, id);
    if (!s) {
        share_starved(err);
        return;
    }
    s->first = begins ? d->snapshot : s->first;
    s->last = d->settled = d->snapshot;
    s->from = from;
    if (kp_history_extent(d->db, id, &first, &last, err))
        s->newest = last;
}

/* ---- reading ---- */
struct gathering {
    struct kp_data *d;
    bool failed;
};

static uint8_t ask(const struct kp_data *d, kp_signal id)
{
    char path[KP_PATH_MAX] = "";
    struct kp_model *m = d->share->model;
    kp_model_lock(m);
    bool there = kp_model_signal(m, id) && kp_model_signal_path(m, id, path, sizeof path);
    kp_model_unlock(m);
    return there && kp_filter_wants(d->filter, path) ? ASKED : NOT_ASKED;
}

static bool gather(void *arg, const struct kp_sample *sample, int64_t committed, bool historic)
{
    struct gathering *g = arg;
    struct data_commits *c = &g->d->commits;
    struct data_seen *s = data_seen(g->d, sample->signal);
    (void)committed;
    if (s && s->asked == UNKNOWN)
        s->asked = ask(g->d, sample->signal);
    if (s && s->asked == NOT_ASKED)
        return true;
    g->failed = !s || !kp_grow(&c->list, &c->room, c->n + 1, sizeof *c->list) ||
                !kp_value_copy(&c->text, &c->list[c->n].s.value, &sample->value);
    if (g->failed)
        return false;
    struct data_point *p = &c->list[c->n++];
    const struct kp_value copy = p->s.value;
    p->s = *sample;
    p->s.value = copy;
    p->historic = historic;
    return true;
}

/* What a pattern names may have changed with a name. */
static void forget_asked(struct kp_data *d)
{
    uint64_t version = data_version(d);
    for (size_t i = 0; version != d->commits.version && i < d->seen_room; i++)
        d->seen[i].asked = UNKNOWN;
    d->commits.version = version;
}

/* ---- passing on ---- */
/* Whether it was not given yet. `upto`: the commit that has it, as far as that matters. */
static bool is_new(struct kp_data *d, const struct data_point *p, uint64_t upto)
{
    struct data_seen *s = &d->seen[p->s.signal];
    int64_t at = p->s.at;
    if (upto <= s->first || (upto <= s->last && at >= s->from))
        return false; /* it was in the history */
    if (d->wish.from != KP_NO_TIME && at < d->from)
        return false;
    if (p->historic || at <= s->newest)
        return true; /* which the hub does not show */
    s->newest = at;
    if (at <= s->shown)
        return false;
    s->shown = at;
    return true;
}

static void pass_on(struct kp_data *d, uint64_t upto, struct kp_buf *out, struct kp_err *err)
{
    struct data_commits *c = &d->commits;
    for (size_t i = 0; i < c->n && !err->code && !d->over; i++) {
        if (is_new(d, &c->list[i], upto) && !kp_batch_add(d->in, &c->list[i].s))
            share_starved(err);
        if (d->in->n == KP_BATCH_MAX || i + 1 == c->n)
            data_pass(d, out);
    }
    c->n = 0;
    kp_arena_reset(&c->text);
}

void data_move(struct kp_data *d, uint64_t position)
{
    d->position = position;
    kp_position_move(d->share->store, &d->hold, position);
}

/* Commits are gone that were not read, for they took more room than the journal has: the history is
 * read again, but of what was late among them nothing is known. */
static void read_again(struct kp_data *d, struct kp_buf *out, struct kp_err *err)
{
    *err = (struct kp_err){ 0 };
    kp_buf_str(out, "event: behind\ndata: {}\n\n");
    data_move(d, d->snapshot);
    data_begin_pass(d, err);
}

void data_commits(struct kp_data *d, struct kp_buf *out, struct kp_err *err)
{
    struct gathering g = { .d = d };
    uint64_t upto = d->position;
    if (!data_reader(d, err) || err->code)
        return;
    forget_asked(d);
    kp_position_read(d->db, d->position, d->position < d->settled ? 1 : AT_ONCE, &upto, gather, &g,
                     err);
    if (g.failed)
        share_starved(err);
    if (err->code == KP_EREFUSED) {
        read_again(d, out, err);
        return;
    }
    if (err->code)
        return;
    bool more = upto > d->position;
    pass_on(d, upto, out, err);
    data_move(d, upto);
    if (!more)
        d->phase = kp_subscriber_behind(d->subscriber) != d->behind ? DATA_LISTEN : DATA_LIVE;
}

void data_commits_free(struct kp_data *d)
{
    kp_free(d->commits.list);
    kp_arena_free(&d->commits.text);
    kp_free(d->seen);
    kp_filter_free(d->filter);
}
