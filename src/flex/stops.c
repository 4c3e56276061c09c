/* SPDX-License-Identifier: Apache-2.0 */
/* Stops: time in a plan in which a machine did not run, for longer than the threshold; and what
 * each reason cost. The sums come from days; the list from the intervals themselves. */
#include "flex/oee.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { REASONS_MAX = 500, LISTED_MAX = 200000 };

struct stop {
    const struct shop_machine *machine;
    struct kp_stretch v;
    bool goes_on;
};
struct cost {
    const char *reason; /* "" = unexplained */
    int64_t ns, n;
};
struct asking {
    const struct kp_stops_query *q;
    const struct shop_rules *rules;
    const struct shop_machine *machine;
    int64_t threshold;
    struct kp_arena arena;
    struct stop *stops;
    size_t n, room;
    struct cost *costs;
    size_t n_costs, costs_room;
    const struct kp_stretch *stretches; /* of the day being looked at */
    size_t n_stretches;
    struct kp_err *err;
};

/* ---- what each reason cost ---- */
static struct cost *cost_of(struct asking *a, const char *reason)
{
    for (size_t i = 0; i < a->n_costs; i++)
        if (strcmp(a->costs[i].reason, reason) == 0)
            return &a->costs[i];
    const char *copy = kp_arena_strdup(&a->arena, reason);
    if (!copy || !kp_grow(&a->costs, &a->costs_room, a->n_costs + 1, sizeof *a->costs)) {
        kp_fail(a->err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    a->costs[a->n_costs] = (struct cost){ .reason = copy };
    return &a->costs[a->n_costs++];
}

static bool take_day(void *arg, const struct kp_day *d)
{
    struct asking *a = arg;
    for (size_t i = 0; i < d->n_losses && !a->err->code; i++) {
        bool many = a->n_costs >= REASONS_MAX;
        struct cost *c = cost_of(a, many ? "(others)" : d->losses[i].reason);
        if (c) {
            c->ns += d->losses[i].ns;
            c->n += d->losses[i].n;
        }
    }
    return !a->err->code;
}

static int by_cost(const void *x, const void *y)
{
    const struct cost *a = x, *b = y;
    return a->ns > b->ns ? -1 : a->ns < b->ns ? 1 : strcmp(a->reason, b->reason);
}

static void put_costs(struct kp_json *j, struct asking *a)
{
    int64_t all = 0;
    if (a->n_costs)
        qsort(a->costs, a->n_costs, sizeof *a->costs, by_cost);
    for (size_t i = 0; i < a->n_costs; i++)
        all += a->costs[i].ns;
    kp_json_key(j, "reasons");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < a->n_costs; i++) {
        const struct cost *c = &a->costs[i];
        const struct kp_reason *known = kp_settings_reason(&a->rules->settings, c->reason);
        kp_json_begin(j, '{');
        kp_json_put_text(j, "reason", *c->reason ? c->reason : NULL);
        kp_json_put_text(j, "category", known ? known->category : NULL);
        kp_json_key(j, "seconds");
        kp_json_double(j, (double)c->ns / (double)KP_SECOND);
        kp_json_put_int(j, "count", c->n);
        kp_json_key(j, "share");
        kp_json_double(j, all ? (double)c->ns / (double)all : 0);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

/* ---- the list ---- */
/* Those that last longest stay when there are too many. */
static int by_need(const void *x, const void *y)
{
    const struct stop *a = x, *b = y;
    int64_t left = a->v.to - a->v.from, right = b->v.to - b->v.from;
    if (!*a->v.reason != !*b->v.reason)
        return *a->v.reason ? 1 : -1;
    return left > right            ? -1
           : left < right          ? 1
           : a->v.from < b->v.from ? -1
                                   : a->v.from > b->v.from;
}

static bool wanted(const struct asking *a, const struct kp_stretch *v)
{
    const char *reason = a->q->reason;
    if (v->state == KP_STATE_RUNNING || v->to - v->from < a->threshold)
        return false;
    return !reason || strcmp(strcmp(reason, "none") == 0 ? "" : reason, v->reason) == 0;
}

static bool list_stop(struct asking *a, const struct kp_stretch *v, int64_t from, int64_t to)
{
    struct stop *last = a->n ? &a->stops[a->n - 1] : NULL;
    if (last && last->machine == a->machine && last->v.id == v->id && last->v.to == from &&
        strcmp(last->v.reason, v->reason) ==
            0) { /* it goes on after midnight or in the next shift */
        last->v.to = to;
        return true;
    }
    if (a->n == LISTED_MAX)
        return kp_fail(a->err, KP_EFULL, "more than %d stops in this time: ask for less",
                       LISTED_MAX) == KP_OK;
    if (!kp_grow(&a->stops, &a->room, a->n + 1, sizeof *a->stops))
        return kp_fail(a->err, KP_ENOMEM, "out of memory") == KP_OK;
    a->stops[a->n] =
        (struct stop){ .machine = a->machine, .v = *v, .goes_on = v->end == KP_FOREVER };
    a->stops[a->n].v.from = from;
    a->stops[a->n++].v.to = to;
    return true;
}

static bool within_span(void *arg, const struct kp_span *s)
{
    struct asking *a = arg;
    for (size_t i = 0; i < a->n_stretches && !a->err->code; i++) {
        const struct kp_stretch *v = &a->stretches[i];
        int64_t from = v->from > s->from ? v->from : s->from, to = v->to < s->to ? v->to : s->to;
        if (from < to && wanted(a, v))
            list_stop(a, v, from, to);
    }
    return !a->err->code;
}

static void list_machine(struct kp_shop *s, struct asking *a)
{
    const struct kp_shop_query *q = &a->q->of;
    struct kp_db *db = kp_store_reader(s->store, a->err);
    for (int64_t from = q->from, next; db && from < q->to && from < q->now && !a->err->code;
         from = next) {
        struct kp_stretch *list;
        next = shop_bounds(a->rules, from).to;
        next = next < q->to ? next : q->to;
        if (kp_stretches(db, a->machine->id, from, next, q->now, &a->arena, &list, &a->n_stretches,
                         a->err))
            break;
        a->stretches = list;
        kp_calendar_spans(&a->rules->calendar, a->machine->path, from, next, within_span, a);
    }
    if (db)
        kp_store_reader_done(s->store, db);
}

static void put_stop(struct kp_json *j, const struct stop *s)
{
    const struct kp_stretch *v = &s->v;
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", v->id);
    kp_json_put_text(j, "asset", s->machine->path);
    kp_json_put_time(j, "from", v->from);
    kp_json_put_time(j, "to", s->goes_on ? KP_FOREVER : v->to);
    kp_json_key(j, "seconds");
    kp_json_double(j, (double)(v->to - v->from) / (double)KP_SECOND);
    kp_json_put_text(j, "state", kp_state_name(v->state));
    kp_json_put_text(j, "told", v->told == v->state ? NULL : kp_state_name(v->told));
    kp_json_put_text(j, "reason", *v->reason ? v->reason : NULL);
    kp_json_put_text(j, "comment", v->comment);
    kp_json_put_text(j, "by", v->who);
    kp_json_put_time(j, "at", v->who ? v->at : KP_NO_TIME);
    kp_json_end(j, '}');
}

static void put_stops(struct kp_json *j, struct asking *a)
{
    if (a->n)
        qsort(a->stops, a->n, sizeof *a->stops, by_need);
    kp_json_key(j, "stops");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < a->n && i < a->q->limit; i++)
        put_stop(j, &a->stops[i]);
    kp_json_end(j, ']');
    kp_json_put_int(j, "count", (int64_t)a->n);
    kp_json_put_bool(j, "more", a->n > a->q->limit);
}

enum kp_code kp_shop_stops(struct kp_shop *s, const struct kp_stops_query *q, struct kp_json *j,
                           struct kp_err *err)
{
    struct shop_rules rules = { 0 };
    struct shop_machines list = { 0 };
    struct asking a = { .q = q, .rules = &rules, .err = err };
    int64_t to = q->of.to < q->of.now ? q->of.to : q->of.now;
    shop_find(s, &q->of, &rules, &list, err);
    for (size_t i = 0; i < list.n && !err->code; i++) {
        a.machine = &list.of[i];
        a.threshold = kp_settings_threshold(&rules.settings,
                                            kp_settings_machine(&rules.settings, a.machine->path));
        if (q->limit)
            list_machine(s, &a);
        if (!err->code)
            shop_days(s, &rules, a.machine, q->of.from, to, q->of.now, take_day, &a, err);
    }
    kp_json_begin(j, '{');
    kp_json_put_time(j, "from", q->of.from);
    kp_json_put_time(j, "to", q->of.to);
    put_stops(j, &a);
    put_costs(j, &a);
    shop_put_making(j, &q->of);
    kp_json_end(j, '}');
    kp_free(a.stops);
    kp_free(a.costs);
    kp_arena_free(&a.arena);
    shop_machines_free(&list);
    shop_rules_free(&rules);
    return err->code;
}
