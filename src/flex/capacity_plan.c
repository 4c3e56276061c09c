/* SPDX-License-Identifier: Apache-2.0 */
/* Free time: planned time times the yield of a machine, without what it is out, less the work that
 * is still to be done of orders. Work fills weeks from now on, what runs first, then by due time;
 * that of a group is shared by its machines as they have time. */
#include "flex/capacity.h"
#include "flex/order.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { WEEKS_MAX = 104, ORDERS_MAX = 100000 };

struct slot {                     /* a week or a day of a machine, in ns */
    double planned, free, booked; /* free: of work, before anything is booked */
};
struct machine {
    const struct shop_machine *is;
    bool asked;               /* else it is here for the group it shares work with */
    double yield, beyond;     /* beyond: work for which there is no time in all weeks asked for */
    size_t proven, n_unknown; /* operations of which nobody knows how long they take */
    struct outage out;
    struct slot *slots;
};
struct planning {
    struct kp_shop *s;
    struct shop_rules rules;
    struct shop_machines list;
    struct machine *of; /* beside the list */
    int64_t *bounds;    /* of slots; one more than there are */
    size_t n_slots;
    struct kp_arena arena;
    int64_t now;
    struct kp_err *err;
};

/* ---- time ---- */
static int64_t next_bound(int64_t at, enum kp_grain grain)
{
    struct tm tm;
    int64_t day = kp_day_start(at);
    do {
        day = kp_day_after(day);
        if (!kp_time_local(day, &tm))
            break;
    } while (grain == KP_GRAIN_WEEK && tm.tm_wday != 1);
    return day;
}

static bool cut_time(struct planning *p, int weeks)
{
    enum kp_grain grain = p->rules.settings.grain;
    size_t n = (size_t)weeks * (grain == KP_GRAIN_DAY ? 7 : 1);
    p->bounds = kp_arena_alloc(&p->arena, (n + 1) * sizeof *p->bounds);
    if (!p->bounds)
        return false;
    p->bounds[0] = p->now;
    for (size_t i = 0; i < n; i++)
        p->bounds[i + 1] = next_bound(p->bounds[i], grain);
    p->n_slots = n;
    return true;
}

static bool add_span(void *arg, const struct kp_span *s)
{
    *(int64_t *)arg += s->to - s->from;
    return true;
}

static double planned_in(const struct planning *p, const struct machine *m, int64_t from,
                         int64_t to)
{
    int64_t sum = 0;
    if (from < to)
        kp_calendar_spans(&p->rules.calendar, m->is->path, from, to, add_span, &sum);
    return (double)sum;
}

static void fill_slots(struct planning *p, struct machine *m)
{
    for (size_t i = 0; i < p->n_slots; i++) {
        int64_t from = p->bounds[i], to = p->bounds[i + 1];
        m->slots[i].planned = planned_in(p, m, from, to);
        m->slots[i].free = m->slots[i].planned;
        if (m->out.until > from)
            m->slots[i].free = planned_in(p, m, m->out.until, to);
        m->slots[i].free *= m->yield;
    }
}

/* ---- machines ---- */
static bool is_listed(const struct planning *p, const struct kp_group *g)
{
    for (size_t i = 0; i < p->list.n; i++)
        if (kp_pattern_match(g->match, p->list.of[i].path))
            return true;
    return false;
}

/* With those that share work with the ones asked for, and those that share with these. */
static void add_sharers(struct planning *p, enum kp_recipient to)
{
    const struct kp_settings *s = &p->rules.settings;
    for (size_t before = 0; before != p->list.n && !p->err->code;) {
        before = p->list.n;
        for (size_t i = 0; i < s->n_groups && !p->err->code; i++)
            if (is_listed(p, &s->groups[i]))
                shop_places(p->s, s->groups[i].match, to, &p->rules, &p->list, p->err);
    }
}

static bool was_asked(const struct kp_shop_query *q, const char *path)
{
    for (size_t i = 0; i < q->n_assets; i++)
        if (kp_pattern_match(q->assets[i], path))
            return true;
    return false;
}

static void look_at_machines(struct planning *p, const struct kp_shop_query *q)
{
    p->of = kp_arena_alloc(&p->arena, (p->list.n + 1) * sizeof *p->of);
    for (size_t i = 0; i < p->list.n && p->of && !p->err->code; i++) {
        struct machine *m = &p->of[i];
        m->is = &p->list.of[i];
        m->asked = was_asked(q, m->is->path);
        m->slots = kp_arena_alloc(&p->arena, p->n_slots * sizeof *m->slots);
        if (!m->slots) {
            kp_fail(p->err, KP_ENOMEM, "out of memory");
            return;
        }
        m->yield = machine_yield(p->s, &p->rules, m->is, p->now, &m->proven, p->err);
        if (!p->err->code && !machine_outage(p->s, &p->rules, m->is, p->now, &m->out, p->err))
            fill_slots(p, m);
    }
    if (!p->of)
        kp_fail(p->err, KP_ENOMEM, "out of memory");
}

/* ---- work ---- */
static double room(const struct machine *m, size_t slot)
{
    double left = m->slots[slot].free - m->slots[slot].booked;
    return left > 0 ? left : 0;
}

static bool may_do(const struct planning *p, const struct machine *m, const struct kp_operation *o)
{
    if (o->asset)
        return m->is->id == o->asset_id;
    const struct kp_group *g = o->group ? kp_settings_group(&p->rules.settings, o->group) : NULL;
    return g && kp_pattern_match(g->match, m->is->path);
}

/* Who can do an operation; how many. */
static size_t find_doers(const struct planning *p, const struct kp_operation *o,
                         struct machine **doers)
{
    size_t n = 0;
    for (size_t i = 0; i < p->list.n; i++)
        if (may_do(p, &p->of[i], o))
            doers[n++] = &p->of[i];
    return n;
}

static double fill_slot(struct machine **doers, size_t n, size_t slot, double work)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += room(doers[i], slot);
    double share = total > 0 ? fmin(work, total) / total : 0;
    for (size_t i = 0; i < n; i++)
        doers[i]->slots[slot].booked += share * room(doers[i], slot);
    return share * total;
}

static void book(struct planning *p, const struct kp_operation *o, struct machine **doers)
{
    size_t n = find_doers(p, o, doers);
    double work = (double)o->remaining;
    for (size_t i = 0; i < n && o->remaining < 0; i++)
        doers[i]->n_unknown++;
    for (size_t slot = 0; slot < p->n_slots && n && work > 0; slot++)
        work -= fill_slot(doers, n, slot, work);
    for (size_t i = 0; i < n && work > 0; i++)
        doers[i]->beyond += work / (double)n;
}

static void book_orders(struct planning *p)
{
    struct kp_order_query q = { .direction = "in", .limit = ORDERS_MAX };
    struct kp_order *list;
    size_t n;
    bool more;
    struct machine **doers = kp_arena_alloc(&p->arena, (p->list.n + 1) * sizeof *doers);
    if (!doers)
        kp_fail(p->err, KP_ENOMEM, "out of memory");
    if (p->err->code || kp_orders_list(p->s, &q, &p->arena, &list, &n, &more, p->err))
        return;
    for (int running = 1; running >= 0; running--)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < list[i].n; k++)
                if ((list[i].operations[k].open != 0) == running)
                    book(p, &list[i].operations[k], doers);
}

/* ---- telling ---- */
static void put_hours(struct kp_json *j, const char *key, double ns, int64_t step)
{
    double hour = 3600.0 * (double)KP_SECOND;
    double rounded = step ? floor(ns / (double)step + 1e-9) * (double)step : ns;
    kp_json_key(j, key);
    kp_json_double(j, round(rounded / hour * 100) / 100);
}

/* Of one machine or of several. */
static void put_slots(struct kp_json *j, const struct planning *p, const struct machine *const *of,
                      size_t n)
{
    kp_json_key(j, "weeks");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < p->n_slots; i++) {
        double planned = 0, booked = 0, left = 0;
        for (size_t k = 0; k < n; k++) {
            planned += of[k]->slots[i].planned;
            booked += of[k]->slots[i].booked;
            left += room(of[k], i);
        }
        kp_json_begin(j, '{');
        kp_json_put_time(j, "from", p->bounds[i]);
        kp_json_put_time(j, "to", p->bounds[i + 1]);
        put_hours(j, "plannedHours", planned, 0);
        put_hours(j, "bookedHours", booked, 0);
        put_hours(j, "freeHours", left, p->rules.settings.round); /* a partner needs no more */
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_outage(struct kp_json *j, const struct outage *o)
{
    if (!o->until)
        return;
    kp_json_key(j, "out");
    kp_json_begin(j, '{');
    kp_json_put_text(j, "why", o->offline ? "offline" : "stopped");
    kp_json_put_time(j, "since", o->since);
    kp_json_put_time(j, "until", o->until);
    kp_json_put_int(j, "repairs", (int64_t)o->repairs);
    kp_json_end(j, '}');
}

static void put_machine(struct kp_json *j, const struct planning *p, const struct machine *m)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "path", m->is->path);
    kp_json_key(j, "yield");
    kp_json_double(j, round(m->yield * 1000) / 1000);
    kp_json_put_int(j, "shifts", (int64_t)m->proven);
    put_outage(j, &m->out);
    if (m->n_unknown)
        kp_json_put_int(j, "withoutTime", (int64_t)m->n_unknown);
    if (m->beyond > 0)
        put_hours(j, "beyondHours", m->beyond, 0);
    put_slots(j, p, &m, 1);
    kp_json_end(j, '}');
}

static void put_group(struct kp_json *j, const struct planning *p, const struct kp_group *g,
                      const struct machine **members)
{
    size_t n = 0;
    bool asked = false;
    for (size_t i = 0; i < p->list.n; i++)
        if (kp_pattern_match(g->match, p->of[i].is->path)) {
            members[n++] = &p->of[i];
            asked |= p->of[i].asked;
        }
    if (!asked)
        return;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", g->name);
    kp_json_key(j, "assets");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < n; i++)
        kp_json_text(j, members[i]->is->path);
    kp_json_end(j, ']');
    put_slots(j, p, members, n);
    kp_json_end(j, '}');
}

static void put_all(struct kp_json *j, struct planning *p, const struct kp_shop_query *q)
{
    const struct machine **members = kp_arena_alloc(&p->arena, (p->list.n + 1) * sizeof *members);
    if (!members) {
        kp_fail(p->err, KP_ENOMEM, "out of memory");
        return;
    }
    kp_json_begin(j, '{');
    kp_json_key(j, "assets");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < p->list.n; i++)
        if (p->of[i].asked)
            put_machine(j, p, &p->of[i]);
    kp_json_end(j, ']');
    kp_json_key(j, "groups");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < p->rules.settings.n_groups; i++)
        put_group(j, p, &p->rules.settings.groups[i], members);
    kp_json_end(j, ']');
    shop_put_making(j, q);
    kp_json_end(j, '}');
}

enum kp_code kp_shop_capacity(struct kp_shop *s, const struct kp_shop_query *q, int weeks,
                              struct kp_json *j, struct kp_err *err)
{
    struct planning p = { .s = s, .now = q->now, .err = err };
    if (!shop_find(s, q, &p.rules, &p.list, err)) {
        add_sharers(&p, q->recipient);
        if (!cut_time(&p, weeks < WEEKS_MAX ? weeks : WEEKS_MAX) && !err->code)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    if (!err->code)
        look_at_machines(&p, q);
    if (!err->code)
        book_orders(&p);
    if (!err->code)
        put_all(j, &p, q);
    shop_machines_free(&p.list);
    shop_rules_free(&p.rules);
    kp_arena_free(&p.arena);
    return err->code;
}
