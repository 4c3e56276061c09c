/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a report: of which time, of each machine, day or shift, reason, and of the time
 * before. */
#include "flex/report_private.h"

#include "core/hub.h"
#include "core/model.h"
#include "net/json_memory.h"
#include "store/interval_sum.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { MONTH_STOPS = 5, STEPS_MAX = 500, REASONS_MAX = 500, STOPS_TEXT = 4 << 20 };
#define DAY (86400 * KP_SECOND)

const char *const kp_report_kinds[] = { "shift", "month", NULL };
const char *const kp_report_formats[] = { "html", "pdf", "text", NULL };
const char *const kp_report_languages[] = { "en", "nl", NULL };

/* ---- of which time ---- */
int64_t report_due(const struct kp_report_plan *p, int64_t at)
{
    int64_t day = kp_day_start(at);
    for (int i = 0; i < 9; i++) {
        struct tm tm;
        int64_t due = kp_day_minute(day, p->at);
        bool sent = kp_time_local(day, &tm) && p->days >> ((tm.tm_wday + 6) % 7) & 1;
        if (sent && due <= at)
            return due;
        day = kp_day_start(day - DAY / 4);
    }
    return kp_day_minute(kp_day_start(at - DAY), p->at);
}

/* The first instant of a month; 12 of them are a year. */
static int64_t month_start(int month)
{
    struct tm tm = {
        .tm_year = month / 12 - 1900, .tm_mon = month % 12, .tm_mday = 1, .tm_isdst = -1
    };
    return (int64_t)mktime(&tm) * KP_SECOND;
}

static int month_of(int64_t at)
{
    struct tm tm;
    return kp_time_local(at, &tm) ? (tm.tm_year + 1900) * 12 + tm.tm_mon : 0;
}

static bool read_month(const char *text, int *month)
{
    char day[16];
    int64_t at;
    if (strlen(text) != 7 || text[4] != '-')
        return false;
    snprintf(day, sizeof day, "%s-15", text);
    if (!kp_time_parse(day, &at))
        return false;
    *month = (int)(strtol(text, NULL, 10) * 12 + strtol(text + 5, NULL, 10) - 1);
    return true;
}

static enum kp_code month_times(struct report *r, const char *text, struct kp_err *err)
{
    int month = month_of(r->now) - 1;
    if (text && !read_month(text, &month))
        return kp_fail(err, KP_EINVALID, "month: '%.40s' is not a month such as 2026-10", text);
    if (month > month_of(r->now))
        return kp_fail(err, KP_EINVALID, "month: %.40s has not begun yet", text);
    if (month < 1971 * 12)
        return kp_fail(err, KP_EINVALID, "month: %.40s is too long ago", text);
    r->was = month_start(month - 1);
    r->from = month_start(month);
    r->to = month_start(month + 1);
    return KP_OK;
}

static enum kp_code shift_times(struct report *r, int64_t at, struct kp_err *err)
{
    const struct kp_report_plan *p = &r->rules.settings.report;
    if (at < 400 * DAY)
        return kp_fail(err, KP_EINVALID, "at is too long ago");
    r->to = report_due(p, at < r->now ? at : r->now);
    r->from = report_due(p, r->to - 1);
    r->was = report_due(p, r->from - 1);
    return KP_OK;
}

/* ---- adding up ---- */
struct summing {
    struct report *r;
    struct report_machine *machine;
    bool before; /* the time before, of which the whole is enough */
    struct walk walk;
    struct kp_err *err;
};

static struct report_step *step_of(struct summing *s, const struct kp_piece *p)
{
    struct report *r = s->r;
    bool shift = r->kind == KP_REPORT_SHIFT;
    int64_t key = shift ? p->shift : shop_bounds(&r->rules, p->from).from;
    for (size_t i = r->n_steps; i-- > 0;)
        if (r->steps[i].key == key && (!shift || strcmp(r->steps[i].shift, p->name) == 0))
            return &r->steps[i];
    const char *name = shift ? kp_arena_strdup(&r->arena, p->name) : NULL;
    if (r->n_steps == STEPS_MAX)
        kp_fail(s->err, KP_EFULL, "more than %d shifts: ask for fewer machines", STEPS_MAX);
    else if ((shift && !name) ||
             !kp_grow(&r->steps, &r->steps_room, r->n_steps + 1, sizeof *r->steps))
        kp_fail(s->err, KP_ENOMEM, "out of memory");
    if (s->err->code)
        return NULL;
    r->steps[r->n_steps] =
        (struct report_step){ .key = key, .from = p->shift, .to = p->until, .shift = name };
    return &r->steps[r->n_steps++];
}

static void add_loss(struct summing *s, const struct kp_loss *l)
{
    struct report *r = s->r;
    size_t i = 0;
    s->machine->lost += l->ns;
    s->machine->unexplained += *l->reason ? 0 : l->ns;
    while (i < r->n_reasons && strcmp(r->reasons[i].name, l->reason) != 0)
        i++;
    if (i == r->n_reasons && i == REASONS_MAX)
        i--;
    if (i == r->n_reasons) {
        const char *copy = kp_arena_strdup(&r->arena, l->reason);
        if (!copy || !kp_grow(&r->reasons, &r->reasons_room, i + 1, sizeof *r->reasons)) {
            kp_fail(s->err, KP_ENOMEM, "out of memory");
            return;
        }
        r->reasons[r->n_reasons++] = (struct report_reason){ .name = copy };
    }
    r->reasons[i].ns += l->ns;
    r->reasons[i].n += l->n;
}

static bool take_day(void *arg, const struct kp_day *d)
{
    struct summing *s = arg;
    for (size_t i = 0; i < d->n && !s->err->code; i++) {
        struct figures f = { 0 };
        walk_add(&s->walk, d, i, &f);
        struct report_step *step =
            !s->before && d->pieces[i].name ? step_of(s, &d->pieces[i]) : NULL;
        if (step)
            figures_join(&step->f, &f);
        figures_join(s->before ? &s->machine->before : &s->machine->f, &f);
        if (!s->before && f.peak > s->machine->f.peak) {
            s->machine->f.peak = f.peak;
            s->machine->f.peak_at = f.peak_at;
        }
    }
    for (size_t i = 0; !s->before && i < d->n_losses && !s->err->code; i++)
        add_loss(s, &d->losses[i]);
    return !s->err->code;
}

static void sum_machine(struct kp_shop *shop, const struct kp_shop_query *q, struct report *r,
                        const struct shop_machine *m, struct report_machine *into, bool before,
                        struct kp_err *err)
{
    struct summing s = { .r = r, .machine = into, .before = before, .err = err };
    s.walk = (struct walk){ .shop = shop, .q = q, .rules = &r->rules, .machine = m, .err = err };
    walk_days(&s.walk, take_day, &s);
    walk_free(&s.walk);
}

/* ---- alarms ---- */
struct counting {
    struct report *r;
    struct kp_model *model;
    struct kp_db *db;
    struct kp_err *err;
};

/* The machine at which an asset stands. */
static struct report_machine *machine_at(struct counting *c, kp_asset id)
{
    char path[KP_PATH_MAX];
    struct report_machine *best = NULL;
    size_t most = 0;
    kp_model_lock(c->model);
    bool there = kp_model_asset(c->model, id) != NULL;
    if (there)
        kp_model_asset_path(c->model, id, path, sizeof path);
    kp_model_unlock(c->model);
    for (size_t i = 0; there && i < c->r->n; i++) {
        struct report_machine *m = &c->r->machines[i];
        size_t n = strlen(m->path);
        if (strncmp(path, m->path, n) == 0 && (!path[n] || path[n] == '/') && n >= most) {
            best = m;
            most = n;
        }
    }
    return best;
}

static bool count_alarms(void *arg, kp_asset id)
{
    struct counting *c = arg;
    struct report_machine *m = machine_at(c, id);
    struct kp_stmt *s = m ? kp_db_prepare(c->db,
                                          "select count(*) from interval where asset = ? and kind "
                                          "= 'alarm' and start >= ? and start < ?",
                                          c->err)
                          : NULL;
    if (!s)
        return !c->err->code;
    kp_bind_int(s, 1, id);
    kp_bind_int(s, 2, c->r->from);
    kp_bind_int(s, 3, c->r->to);
    if (kp_step(s, c->err)) {
        m->alarms += kp_column_int(s, 0);
        kp_reset(s);
    }
    return !c->err->code;
}

static void sum_alarms(struct kp_shop *shop, struct report *r, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(shop->store, err);
    struct counting c = { r, kp_hub_model(shop->hub), db, err };
    if (!db)
        return;
    const char *name = kp_setting_get(db, &r->arena, "name");
    r->node = name ? name : "koppel";
    kp_interval_assets(db, KP_INTERVAL_ALARM, count_alarms, &c, err);
    kp_store_reader_done(shop->store, db);
}

/* ---- stops that nobody explained ---- */
static void read_stop(struct report *r, const json_t *o, struct kp_err *err)
{
    struct report_stop *s = &r->stops[r->n_stops];
    const char *path = json_string_value(json_object_get(o, "asset"));
    s->path = kp_arena_strdup(&r->arena, path ? path : "");
    if (!s->path) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return;
    }
    kp_time_parse(json_string_value(json_object_get(o, "from")), &s->from);
    s->ns = (int64_t)(json_number_value(json_object_get(o, "seconds")) * (double)KP_SECOND);
    s->state = kp_state_of(json_string_value(json_object_get(o, "state")));
    s->goes_on = json_is_null(json_object_get(o, "to"));
    r->n_stops++;
}

static void sum_stops(struct kp_shop *shop, const struct kp_shop_query *q, struct report *r,
                      struct kp_err *err)
{
    struct kp_stops_query stops = {
        .of = *q, .reason = "none", .limit = r->kind == KP_REPORT_SHIFT ? REPORT_STOPS : MONTH_STOPS
    };
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, STOPS_TEXT);
    if (!kp_shop_stops(shop, &stops, &j, err)) {
        json_t *all = kp_json_load(kp_buf_text(&text), text.len, 0, NULL);
        const json_t *list = json_object_get(all, "stops");
        if (!all)
            kp_fail(err, KP_ENOMEM, "out of memory");
        for (size_t i = 0; i < json_array_size(list) && i < REPORT_STOPS && !err->code; i++)
            read_stop(r, json_array_get(list, i), err);
        r->unexplained = json_integer_value(json_object_get(all, "count"));
        json_decref(all);
    }
    kp_buf_free(&text);
}

/* ---- the whole ---- */
static int by_key(const void *a, const void *b)
{
    const struct report_step *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key ? 1 : x->shift ? strcmp(x->shift, y->shift) : 0;
}

static int by_cost(const void *a, const void *b)
{
    const struct report_reason *x = a, *y = b;
    return x->ns > y->ns ? -1 : x->ns < y->ns ? 1 : strcmp(x->name, y->name);
}

static void order(struct report *r)
{
    if (r->n_steps)
        qsort(r->steps, r->n_steps, sizeof *r->steps, by_key);
    if (r->n_reasons)
        qsort(r->reasons, r->n_reasons, sizeof *r->reasons, by_cost);
}

static void sum_list(struct kp_shop *shop, const struct shop_machines *list,
                     const struct kp_shop_query *q, const struct kp_shop_query *was,
                     struct report *r, struct kp_err *err)
{
    r->machines = kp_arena_alloc(&r->arena, (list->n + 1) * sizeof *r->machines);
    if (!r->machines)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < list->n && !err->code; i++) {
        struct report_machine *m = &r->machines[r->n++];
        m->path = kp_arena_strdup(&r->arena, list->of[i].path);
        m->planned = kp_calendar_covers(&r->rules.calendar, list->of[i].path);
        if (!m->path)
            kp_fail(err, KP_ENOMEM, "out of memory");
        else
            sum_machine(shop, q, r, &list->of[i], m, false, err);
        if (!err->code)
            sum_machine(shop, was, r, &list->of[i], m, true, err);
        figures_join(&r->total, &m->f);
        figures_join(&r->before, &m->before);
    }
}

/* The settings that are in force say the language, the time and the machines. */
static enum kp_code read_rules(struct kp_shop *shop, const struct kp_report_query *q,
                               struct report *r, struct kp_err *err)
{
    if (shop_rules(shop, &r->rules, err))
        return err->code;
    r->dutch = q->language < 0 ? r->rules.settings.report.dutch : q->language == 1;
    return r->kind == KP_REPORT_MONTH ? month_times(r, q->month, err) : shift_times(r, q->at, err);
}

enum kp_code report_sum(struct kp_shop *shop, const struct kp_report_query *query, struct report *r,
                        struct kp_err *err)
{
    struct shop_machines list = { 0 };
    *r = (struct report){ .kind = query->kind, .now = query->now };
    if (read_rules(shop, query, r, err))
        return err->code;
    const char *one = r->rules.settings.report.match;
    const struct kp_shop_query q = { .assets = query->n_assets ? query->assets : &one,
                                     .n_assets = query->n_assets ? query->n_assets : 1,
                                     .from = r->from,
                                     .to = r->to,
                                     .now = r->now,
                                     .recipient = query->recipient },
                               was = { .from = r->was, .to = r->from, .now = r->now };
    shop_rules_days(&r->rules, r->was - 45 * DAY, r->to);
    for (size_t i = 0; i < q.n_assets && !err->code; i++)
        shop_machines(shop, q.assets[i], q.recipient, &r->rules, &list, err);
    if (!err->code)
        sum_list(shop, &list, &q, &was, r, err);
    if (!err->code)
        sum_alarms(shop, r, err);
    if (!err->code)
        sum_stops(shop, &q, r, err);
    if (!err->code)
        report_orders(shop, &q, r, err);
    shop_machines_free(&list);
    order(r);
    return err->code;
}

void report_free(struct report *r)
{
    kp_free(r->steps);
    kp_free(r->reasons);
    shop_rules_free(&r->rules);
    kp_arena_free(&r->arena);
}
