/* SPDX-License-Identifier: Apache-2.0 */
/* A day of a machine: pieces, states and what stopped it. */
#include "flex/private.h"

#include <string.h>

#include "core/ban.h"

size_t piece_at(const struct kp_day *d, int64_t at)
{
    size_t low = 0, high = d->n;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (d->pieces[middle].from <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- pieces ---- */
static bool add_piece(struct day_sum *s, const struct kp_piece *p)
{
    if (p->from >= p->to)
        return true;
    if (s->day->n == KP_DAY_PIECES_MAX)
        return kp_fail(s->err, KP_EFULL,
                       "%.160s: planned time is cut into more than %d pieces on one day",
                       s->q->path, KP_DAY_PIECES_MAX) == KP_OK;
    s->day->pieces[s->day->n++] = *p;
    return true;
}

static int64_t told_until(const struct kp_day *d)
{
    return d->n ? d->pieces[d->n - 1].to : d->from;
}

static bool take_span(void *arg, const struct kp_span *v)
{
    struct day_sum *s = arg;
    struct kp_piece before = { .from = told_until(s->day), .to = v->from },
                    own = { .from = v->from, .to = v->to, .shift = v->shift, .until = v->until };
    own.name = kp_arena_strdup(s->arena, v->name);
    if (!own.name)
        return kp_fail(s->err, KP_ENOMEM, "out of memory") == KP_OK;
    return add_piece(s, &before) && add_piece(s, &own);
}

static void cut_pieces(struct day_sum *s)
{
    s->day->pieces = kp_arena_alloc(s->arena, KP_DAY_PIECES_MAX * sizeof *s->day->pieces);
    if (!s->day->pieces) {
        kp_fail(s->err, KP_ENOMEM, "out of memory");
        return;
    }
    kp_calendar_spans(s->q->calendar, s->q->path, s->day->from, s->end, take_span, s);
    struct kp_piece rest = { .from = told_until(s->day), .to = s->end };
    if (!s->err->code)
        add_piece(s, &rest);
}

/* ---- states and losses ---- */
static struct kp_loss *loss_of(struct day_sum *s, size_t piece, const char *reason)
{
    struct kp_day *d = s->day;
    for (size_t i = d->n_losses; i-- > 0 && d->losses[i].piece == piece;)
        if (strcmp(d->losses[i].reason, reason) == 0)
            return &d->losses[i];
    if (!kp_grow(&d->losses, &s->losses_room, d->n_losses + 1, sizeof *d->losses)) {
        kp_fail(s->err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    d->losses[d->n_losses] = (struct kp_loss){ .piece = piece, .reason = reason };
    return &d->losses[d->n_losses++];
}

static void take_part(struct day_sum *s, const struct kp_stretch *v, size_t piece,
                      int64_t threshold)
{
    struct kp_piece *p = &s->day->pieces[piece];
    int64_t from = v->from > p->from ? v->from : p->from, to = v->to < p->to ? v->to : p->to;
    p->ns[v->state] += to - from;
    if (!p->name || v->state == KP_STATE_RUNNING || v->to - v->from < threshold)
        return;
    struct kp_loss *loss = loss_of(s, piece, v->reason);
    if (loss) {
        loss->ns += to - from;
        loss->n += from == v->from;
    }
}

static void take_stretches(struct day_sum *s)
{
    int64_t threshold =
        kp_settings_threshold(s->q->settings, kp_settings_machine(s->q->settings, s->q->path));
    size_t piece = 0;
    for (size_t i = 0; i < s->n_stretches && !s->err->code; i++) {
        const struct kp_stretch *v = &s->stretches[i];
        while (piece + 1 < s->day->n && s->day->pieces[piece].to <= v->from)
            piece++;
        for (size_t k = piece; k < s->day->n && s->day->pieces[k].from < v->to && !s->err->code;
             k++)
            take_part(s, v, k, threshold);
    }
}

/* ---- the whole ---- */
/* What grew on the heap goes into the arena with the rest. */
static void settle_one(struct day_sum *s, void *list, size_t n, size_t size)
{
    void **at = list, *copy = kp_arena_copy(s->arena, *at, n * size);
    if (!copy)
        kp_fail(s->err, KP_ENOMEM, "out of memory");
    kp_free(*at);
    *at = copy;
}

static void settle(struct day_sum *s)
{
    struct kp_day *d = s->day;
    settle_one(s, &d->losses, d->n_losses, sizeof *d->losses);
    settle_one(s, &d->made, d->n_made, sizeof *d->made);
    settle_one(s, &d->paces, d->n_paces, sizeof *d->paces);
}

enum kp_code kp_day_sum(struct kp_db *db, const struct kp_day_query *q, struct kp_arena *arena,
                        struct kp_day *day, struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct day_sum s = { .db = db, .q = q, .arena = arena, .day = day, .err = &own };
    *day = (struct kp_day){ .from = q->from, .to = q->to };
    s.end = q->to < q->now ? q->to : q->now;
    if (s.end > q->from)
        cut_pieces(&s);
    if (day->n && !own.code &&
        !kp_stretches(db, q->asset, q->from, s.end, q->now, arena, &s.stretches, &s.n_stretches,
                      &own)) {
        take_stretches(&s);
        day_parts(&s);
        day_energy(&s);
    }
    settle(&s);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}
