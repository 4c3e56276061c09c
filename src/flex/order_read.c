/* SPDX-License-Identifier: Apache-2.0 */
/* Orders and bookings as they are asked for. */
#include "flex/order_private.h"

#include "core/hub.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { LIMIT = 100 };

const char *const kp_order_words[] = { "active",    "open", "started", "finished",
                                       "cancelled", "late", "all",     NULL };

const char *const kp_direction_words[] = { "in", "out", NULL };

struct asking {
    struct kp_shop *s;
    struct kp_db *db;
    struct kp_arena *arena;
    struct shop_rules rules;
    int64_t now;
    struct kp_err *err;
};

static bool begin(struct asking *a)
{
    a->now = kp_utc(a->s->clock);
    return !shop_rules(a->s, &a->rules, a->err) &&
           (a->db = kp_store_reader(a->s->store, a->err)) != NULL;
}

static enum kp_code end(struct asking *a)
{
    if (a->db)
        kp_store_reader_done(a->s->store, a->db);
    shop_rules_free(&a->rules);
    return a->err->code;
}

/* ---- columns ---- */
static const char *text_at(struct asking *a, struct kp_stmt *s, int column)
{
    const char *copy = kp_column_copy(s, column, a->arena);
    if (!copy && !kp_column_null(s, column))
        kp_fail(a->err, KP_ENOMEM, "out of memory");
    return copy;
}

static const char *path_of(struct asking *a, kp_asset id)
{
    char path[KP_PATH_MAX] = "";
    struct kp_model *m = kp_hub_model(a->s->hub);
    kp_model_lock(m);
    if (id && kp_model_asset(m, id))
        kp_model_asset_path(m, id, path, sizeof path);
    kp_model_unlock(m);
    const char *copy = *path ? kp_arena_strdup(a->arena, path) : NULL;
    if (*path && !copy)
        kp_fail(a->err, KP_ENOMEM, "out of memory");
    return copy;
}

/* One more element of a list that grows in an arena. */
static void *more_of(struct asking *a, void *list, size_t n, size_t element)
{
    if (n && (n & (n - 1)))
        return list;
    void *bigger = kp_arena_alloc(a->arena, (n ? 2 * n : 1) * element);
    if (!bigger)
        kp_fail(a->err, KP_ENOMEM, "out of memory");
    else if (n)
        memcpy(bigger, list, n * element);
    return bigger;
}

/* ---- operations ---- */
static const char operations_sql[] =
    "select o.id, o.asset, o.number, o.name, o.machine_group, o.program, o.item, o.line, o.state, "
    "o.quantity, o.cycle, o.setup, o.due, total(b.good), total(b.scrap), "
    "sum(coalesce(b.\"end\", max(?2, b.start)) - b.start), total(b.setup), min(b.start), "
    "max(b.\"end\"), max(iif(b.\"end\" is null, b.id, 0)), max(iif(b.\"end\" is null, b.start, "
    "0)), "
    "max(iif(b.\"end\" is null, b.asset, 0)) "
    "from operation o left join booking b on b.operation = o.id where o.work_order = ?1 "
    "group by o.id order by o.position";

struct running { /* an operation's booking that goes on */
    int64_t start;
    kp_asset asset;
};

static void read_operation(struct asking *a, struct kp_stmt *s, struct kp_operation *o,
                           struct running *r)
{
    *o = (struct kp_operation){ .id = kp_column_int(s, 0),
                                .asset_id = kp_column_int(s, 1),
                                .number = text_at(a, s, 2),
                                .name = text_at(a, s, 3),
                                .group = text_at(a, s, 4),
                                .program = text_at(a, s, 5),
                                .item = text_at(a, s, 6),
                                .line = text_at(a, s, 7),
                                .state = text_at(a, s, 8),
                                .quantity = kp_column_double(s, 9),
                                .cycle = kp_column_int(s, 10),
                                .setup = kp_column_int(s, 11),
                                .due = kp_column_time(s, 12),
                                .good = kp_column_int(s, 13),
                                .scrap = kp_column_int(s, 14),
                                .worked = kp_column_int(s, 15),
                                .setup_done = kp_column_int(s, 16),
                                .started = kp_column_time(s, 17),
                                .open = kp_column_int(s, 19) };
    bool finished = o->state && strcmp(o->state, "finished") == 0;
    o->finished = finished ? kp_column_time(s, 18) : KP_NO_TIME;
    *r = (struct running){ kp_column_int(s, 20), (kp_asset)kp_column_int(s, 21) };
    if (!a->err->code)
        o->asset = path_of(a, (kp_asset)o->asset_id);
}

static void add_now(struct asking *a, struct kp_operation *o, const struct running *r)
{
    struct order_sums sums;
    if (!o->open || order_sums_now(a->s, o->open, r->asset, r->start, &sums, a->err))
        return;
    o->good += sums.good;
    o->scrap += sums.scrap;
    o->setup_done += sums.setup;
}

/* What is still to be done of it, by the order's norm or the machine's. */
static int64_t remaining(const struct asking *a, const struct kp_operation *o)
{
    bool over = strcmp(o->state, "finished") == 0 || strcmp(o->state, "cancelled") == 0;
    double left = o->quantity - (double)o->good;
    int64_t cycle = o->cycle, setup = o->setup - o->setup_done;
    if (!cycle && o->asset)
        cycle = kp_machine_rule_cycle(kp_settings_machine(&a->rules.settings, o->asset),
                                      o->program ? o->program : "");
    if (over || (left <= 0 && o->good))
        return 0;
    if (!cycle)
        return -1;
    setup = setup > 0 && !o->good ? setup : 0;
    double ns = left * (double)cycle + (double)setup;
    return ns < (double)INT64_MAX / 2 ? (int64_t)ns : INT64_MAX / 2;
}

static enum kp_code read_operations(struct asking *a, struct kp_order *order)
{
    struct kp_stmt *s = kp_db_prepare(a->db, operations_sql, a->err);
    struct running *open = NULL;
    if (!s)
        return a->err->code;
    kp_bind_int(s, 1, order->id);
    kp_bind_int(s, 2, a->now);
    while (!a->err->code && kp_step(s, a->err)) {
        struct running *list = more_of(a, open, order->n, sizeof *open);
        order->operations = more_of(a, order->operations, order->n, sizeof *order->operations);
        if (a->err->code)
            break;
        open = list;
        read_operation(a, s, &order->operations[order->n], &open[order->n]);
        order->n++;
    }
    kp_reset(s);
    for (size_t i = 0; i < order->n && !a->err->code; i++) {
        add_now(a, &order->operations[i], &open[i]);
        order->operations[i].remaining = remaining(a, &order->operations[i]);
    }
    return a->err->code;
}

/* ---- orders ---- */
/* The document only where one order is asked for: it may be long. */
#define ORDER_COLUMNS(document)                                                                    \
    "w.id, w.direction, w.sender, w.number, w.customer, w.item, w.description, w.unit, "           \
    "w.quantity, w.due, w.state, w.confirmation, w.promised, w.reply_comment, w.folder, "          \
    "w.source, " document ", w.received, w.changed, w.told, w.sent"
#define ONE "select " ORDER_COLUMNS("w.document") " from work_order w where "

static void read_order(struct asking *a, struct kp_stmt *s, struct kp_order *o)
{
    const char *direction = kp_column_text(s, 1);
    *o = (struct kp_order){ .id = kp_column_int(s, 0),
                            .out = direction && strcmp(direction, "out") == 0,
                            .sender = text_at(a, s, 2),
                            .number = text_at(a, s, 3),
                            .customer = text_at(a, s, 4),
                            .item = text_at(a, s, 5),
                            .description = text_at(a, s, 6),
                            .unit = text_at(a, s, 7),
                            .quantity = kp_column_double(s, 8),
                            .due = kp_column_time(s, 9),
                            .state = text_at(a, s, 10),
                            .confirmation = text_at(a, s, 11),
                            .promised = kp_column_time(s, 12),
                            .comment = text_at(a, s, 13),
                            .folder = text_at(a, s, 14),
                            .source = text_at(a, s, 15),
                            .document = text_at(a, s, 16),
                            .received = kp_column_int(s, 17),
                            .changed = kp_column_int(s, 18),
                            .told = text_at(a, s, 19),
                            .sent = kp_column_time(s, 20) };
    bool living = o->state && (strcmp(o->state, "open") == 0 || strcmp(o->state, "started") == 0);
    o->late = living && o->due != KP_NO_TIME && o->due < a->now;
}

/* The numbers of machines a pattern means, and the groups they are of, as JSON lists. */
static enum kp_code find_machines(struct asking *a, const char *pattern, struct kp_buf *ids,
                                  struct kp_buf *groups)
{
    struct shop_machines list = { 0 };
    struct kp_json i = kp_json(ids), g = kp_json(groups);
    const struct kp_settings *set = &a->rules.settings;
    shop_places(a->s, pattern, KP_TO_NODE, &a->rules, &list, a->err);
    kp_json_begin(&i, '[');
    for (size_t k = 0; k < list.n; k++)
        kp_json_int(&i, list.of[k].id);
    kp_json_end(&i, ']');
    kp_json_begin(&g, '[');
    for (size_t k = 0; k < set->n_groups; k++)
        for (size_t m = 0; m < list.n; m++)
            if (kp_pattern_match(set->groups[k].match, list.of[m].path)) {
                kp_json_text(&g, set->groups[k].name);
                break;
            }
    kp_json_end(&g, ']');
    shop_machines_free(&list);
    if (!a->err->code && (ids->failed || groups->failed))
        kp_fail(a->err, KP_ENOMEM, "out of memory");
    return a->err->code;
}

/* ?1 state, ?2 direction, ?3 sender, ?4 folder, ?5 q, ?6 ids, ?7 groups, ?8 after, ?9 limit, ?10
 * now, ?11 untold */
#define ORDER_FILTER                                                                               \
    "(?2 is null or w.direction = ?2) and (?3 is null or w.sender = ?3) and "                      \
    "(?4 is null or w.folder = ?4) and (?11 = 0 or w.confirmation is not w.told) and "             \
    "(?5 is null or instr(lower(w.number || char(10) || w.sender || char(10) || "                  \
    "coalesce(w.customer, '') || char(10) || coalesce(w.item, '') || char(10) || "                 \
    "coalesce(w.description, '')), lower(?5))) and "                                               \
    "(?6 is null or exists(select 1 from operation o where o.work_order = w.id and "               \
    "(o.asset in (select value from json_each(?6)) or (o.asset = 0 and "                           \
    "o.machine_group in (select value from json_each(?7))))))"
static const char living_sql[] = "select " ORDER_COLUMNS(
    "null") " from work_order w where w.state in ('open', 'started') and "
            "(?1 = 'active' or w.state = ?1 or (?1 = 'late' and w.due < ?10)) and " ORDER_FILTER
            " and (?8 = 0 or (coalesce(w.due, 9e18), w.id) > (select coalesce(due, 9e18), id from "
            "work_order where id = ?8)) order by coalesce(w.due, 9e18), w.id limit ?9";
static const char others_sql[] = "select " ORDER_COLUMNS(
    "null") " from work_order w where (?1 = 'all' or w.state = ?1) and " ORDER_FILTER
            " and (?8 = 0 or w.id < ?8) order by w.id desc limit ?9";

static bool is_living(const char *state)
{
    return strcmp(state, "active") == 0 || strcmp(state, "open") == 0 ||
           strcmp(state, "started") == 0 || strcmp(state, "late") == 0;
}

static struct kp_stmt *orders_statement(struct asking *a, const struct kp_order_query *q,
                                        struct kp_buf *ids, struct kp_buf *groups, size_t limit)
{
    const char *state = q->state ? q->state : "active";
    if (q->asset && find_machines(a, q->asset, ids, groups))
        return NULL;
    struct kp_stmt *s = kp_db_prepare(a->db, is_living(state) ? living_sql : others_sql, a->err);
    if (!s)
        return NULL;
    kp_bind_text(s, 1, state);
    kp_bind_text(s, 2, q->direction);
    kp_bind_text(s, 3, q->sender);
    kp_bind_text(s, 4, q->folder);
    kp_bind_text(s, 5, q->q);
    kp_bind_text(s, 6, q->asset ? kp_buf_text(ids) : NULL);
    kp_bind_text(s, 7, q->asset ? kp_buf_text(groups) : NULL);
    kp_bind_int(s, 8, q->after);
    kp_bind_int(s, 9, (int64_t)limit + 1);
    kp_bind_int(s, 10, a->now);
    kp_bind_int(s, 11, q->untold);
    return s;
}

static void read_orders(struct asking *a, struct kp_stmt *s, size_t limit, struct kp_order **list,
                        size_t *n, bool *more)
{
    while (s && !a->err->code && kp_step(s, a->err)) {
        if (*n == limit) {
            *more = true;
            break;
        }
        *list = more_of(a, *list, *n, sizeof **list);
        if (!a->err->code)
            read_order(a, s, &(*list)[(*n)++]);
    }
    if (s)
        kp_reset(s);
    for (size_t i = 0; i < *n && !a->err->code; i++)
        read_operations(a, &(*list)[i]);
}

enum kp_code kp_orders_list(struct kp_shop *s, const struct kp_order_query *q,
                            struct kp_arena *arena, struct kp_order **list, size_t *n, bool *more,
                            struct kp_err *err)
{
    struct asking a = { .s = s, .arena = arena, .err = err };
    struct kp_buf ids, groups;
    size_t limit = q->limit ? q->limit : LIMIT;
    kp_buf_init(&ids, 1 << 20);
    kp_buf_init(&groups, 1 << 20);
    *list = NULL;
    *n = 0;
    *more = false;
    if (begin(&a))
        read_orders(&a, orders_statement(&a, q, &ids, &groups, limit), limit, list, n, more);
    kp_buf_free(&ids);
    kp_buf_free(&groups);
    return end(&a);
}

/* The one row of a statement; `what` is missed without it. */
static enum kp_code read_one(struct asking *a, struct kp_stmt *s, struct kp_order *out,
                             const char *what)
{
    if (s && kp_step(s, a->err)) {
        read_order(a, s, out);
        kp_reset(s);
        if (!a->err->code)
            read_operations(a, out);
    } else if (!a->err->code) {
        kp_fail(a->err, KP_ENOTFOUND, "there is no order %.60s", what);
    }
    return end(a);
}

enum kp_code kp_orders_get(struct kp_shop *s, int64_t id, struct kp_arena *arena,
                           struct kp_order *out, struct kp_err *err)
{
    struct asking a = { .s = s, .arena = arena, .err = err };
    char what[24];
    snprintf(what, sizeof what, "%lld", (long long)id);
    struct kp_stmt *get = begin(&a) ? kp_db_prepare(a.db, ONE "w.id = ?", err) : NULL;
    if (get)
        kp_bind_int(get, 1, id);
    return read_one(&a, get, out, what);
}

enum kp_code kp_orders_find(struct kp_shop *s, bool out, const char *sender, const char *number,
                            struct kp_arena *arena, struct kp_order *order, struct kp_err *err)
{
    struct asking a = { .s = s, .arena = arena, .err = err };
    struct kp_stmt *get =
        begin(&a)
            ? kp_db_prepare(a.db, ONE "w.direction = ? and w.sender = ? and w.number = ?", err)
            : NULL;
    if (get) {
        kp_bind_text(get, 1, out ? "out" : "in");
        kp_bind_text(get, 2, sender ? sender : "");
        kp_bind_text(get, 3, number);
    }
    return read_one(&a, get, order, number);
}

/* ---- as JSON: members that say nothing are left out ---- */
static void put_text(struct kp_json *j, const char *key, const char *text)
{
    if (text && *text)
        kp_json_put_text(j, key, text);
}

static void put_time(struct kp_json *j, const char *key, int64_t at)
{
    if (at != KP_NO_TIME && at != KP_FOREVER)
        kp_json_put_time(j, key, at);
}

static void put_duration(struct kp_json *j, const char *key, int64_t ns)
{
    char text[40];
    kp_duration_exact(ns, text, sizeof text);
    if (ns > 0)
        kp_json_put_text(j, key, text);
}

static void put_number(struct kp_json *j, const char *key, double v)
{
    kp_json_key(j, key);
    kp_json_double(j, v);
}

static void put_seconds(struct kp_json *j, const char *key, int64_t ns)
{
    put_number(j, key, (double)(ns / KP_MILLISECOND) / 1000);
}

static void put_operation(struct kp_json *j, const struct kp_operation *o)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", o->id);
    put_text(j, "number", o->number);
    put_text(j, "name", o->name);
    put_text(j, "asset", o->asset);
    put_text(j, "machineGroup", o->group);
    put_text(j, "program", o->program);
    put_text(j, "item", o->item);
    put_text(j, "line", o->line);
    put_number(j, "quantity", o->quantity);
    put_duration(j, "cycle", o->cycle);
    put_duration(j, "setup", o->setup);
    put_time(j, "due", o->due);
    put_text(j, "state", o->state);
    kp_json_put_int(j, "good", o->good);
    kp_json_put_int(j, "scrap", o->scrap);
    put_time(j, "startedAt", o->started);
    put_time(j, "finishedAt", o->finished);
    put_seconds(j, "workedSeconds", o->worked);
    if (o->remaining >= 0)
        put_seconds(j, "remainingSeconds", o->remaining);
    kp_json_end(j, '}');
}

void kp_order_json(struct kp_json *j, const struct kp_order *o)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", o->id);
    kp_json_put_text(j, "direction", o->out ? "out" : "in");
    put_text(j, "sender", o->sender);
    put_text(j, "number", o->number);
    put_text(j, "customer", o->customer);
    put_text(j, "item", o->item);
    put_text(j, "description", o->description);
    put_text(j, "unit", o->unit);
    if (o->quantity > 0)
        put_number(j, "quantity", o->quantity);
    put_time(j, "due", o->due);
    put_text(j, "state", o->state);
    put_text(j, "confirmation", o->confirmation);
    put_time(j, "promised", o->promised);
    put_text(j, "comment", o->comment);
    put_text(j, "folder", o->folder);
    put_text(j, "source", o->source);
    put_time(j, "received", o->received);
    kp_json_put_bool(j, "late", o->late);
    kp_json_key(j, "operations");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < o->n; i++)
        put_operation(j, &o->operations[i]);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

/* ---- bookings ---- */
static const char bookings_sql[] =
    "select b.id, w.id, o.id, b.start, b.\"end\", b.written, w.sender, w.number, o.number, "
    "coalesce(o.item, w.item), o.line, b.asset, o.program, b.via, b.who, b.comment, w.folder, "
    "b.good, b.scrap, b.running, b.setup, b.other "
    "from booking b join operation o on o.id = b.operation join work_order w on w.id = "
    "o.work_order where b.id > ?1 and (?2 is null or coalesce(b.\"end\", 9e18) > ?2) and (?3 is "
    "null or b.start < ?3) and (?4 = 0 or w.id = ?4) and (?5 is null or w.folder = ?5) and "
    "(?6 = 0 or (b.written is null and b.\"end\" is not null)) and "
    "(?7 is null or b.asset in (select value from json_each(?7))) order by b.id limit ?8";

static void read_booking(struct asking *a, struct kp_stmt *s, struct kp_booking *b)
{
    *b = (struct kp_booking){ .id = kp_column_int(s, 0),
                              .order = kp_column_int(s, 1),
                              .operation = kp_column_int(s, 2),
                              .start = kp_column_int(s, 3),
                              .end = kp_column_null(s, 4) ? KP_FOREVER : kp_column_int(s, 4),
                              .written = kp_column_time(s, 5),
                              .sender = text_at(a, s, 6),
                              .number = text_at(a, s, 7),
                              .operation_number = text_at(a, s, 8),
                              .item = text_at(a, s, 9),
                              .line = text_at(a, s, 10),
                              .program = text_at(a, s, 12),
                              .via = text_at(a, s, 13),
                              .who = text_at(a, s, 14),
                              .comment = text_at(a, s, 15),
                              .folder = text_at(a, s, 16),
                              .good = kp_column_int(s, 17),
                              .scrap = kp_column_int(s, 18),
                              .running = kp_column_int(s, 19),
                              .setup = kp_column_int(s, 20),
                              .other = kp_column_int(s, 21) };
    struct order_sums sums;
    kp_asset asset = (kp_asset)kp_column_int(s, 11);
    if (!a->err->code)
        b->asset = path_of(a, asset);
    if (a->err->code || b->end != KP_FOREVER ||
        order_sums_now(a->s, b->id, asset, b->start, &sums, a->err))
        return;
    b->good = sums.good;
    b->scrap = sums.scrap;
    b->running = sums.running;
    b->setup = sums.setup;
    b->other = sums.other;
}

static struct kp_stmt *bookings_statement(struct asking *a, const struct kp_booking_query *q,
                                          struct kp_buf *ids, struct kp_buf *groups, size_t limit)
{
    if (q->asset && find_machines(a, q->asset, ids, groups))
        return NULL;
    struct kp_stmt *s = kp_db_prepare(a->db, bookings_sql, a->err);
    if (!s)
        return NULL;
    kp_bind_int(s, 1, q->after);
    if (q->from != KP_NO_TIME)
        kp_bind_int(s, 2, q->from);
    if (q->to != KP_NO_TIME)
        kp_bind_int(s, 3, q->to);
    kp_bind_int(s, 4, q->order);
    kp_bind_text(s, 5, q->folder);
    kp_bind_int(s, 6, q->unwritten);
    kp_bind_text(s, 7, q->asset ? kp_buf_text(ids) : NULL);
    kp_bind_int(s, 8, (int64_t)limit + 1);
    return s;
}

enum kp_code kp_bookings_list(struct kp_shop *s, const struct kp_booking_query *q,
                              struct kp_arena *arena, struct kp_booking **list, size_t *n,
                              bool *more, struct kp_err *err)
{
    struct asking a = { .s = s, .arena = arena, .err = err };
    struct kp_buf ids, groups;
    size_t limit = q->limit ? q->limit : LIMIT;
    kp_buf_init(&ids, 1 << 20);
    kp_buf_init(&groups, 1 << 20);
    *list = NULL;
    *n = 0;
    *more = false;
    struct kp_stmt *get = begin(&a) ? bookings_statement(&a, q, &ids, &groups, limit) : NULL;
    while (get && !err->code && !*more && kp_step(get, err)) {
        *more = *n == limit;
        if (!*more && (*list = more_of(&a, *list, *n, sizeof **list)))
            read_booking(&a, get, &(*list)[(*n)++]);
    }
    if (get)
        kp_reset(get);
    kp_buf_free(&ids);
    kp_buf_free(&groups);
    return end(&a);
}

void kp_booking_json(struct kp_json *j, const struct kp_booking *b)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", b->id);
    kp_json_put_int(j, "order", b->order);
    kp_json_put_int(j, "operation", b->operation);
    put_text(j, "sender", b->sender);
    put_text(j, "number", b->number);
    put_text(j, "operationNumber", b->operation_number);
    put_text(j, "item", b->item);
    put_text(j, "asset", b->asset);
    put_text(j, "program", b->program);
    put_time(j, "start", b->start);
    put_time(j, "end", b->end);
    kp_json_put_int(j, "good", b->good);
    kp_json_put_int(j, "scrap", b->scrap);
    put_seconds(j, "runningSeconds", b->running);
    put_seconds(j, "setupSeconds", b->setup);
    put_seconds(j, "otherSeconds", b->other);
    put_text(j, "via", b->via);
    put_text(j, "who", b->who);
    put_text(j, "comment", b->comment);
    put_time(j, "written", b->written);
    kp_json_end(j, '}');
}
