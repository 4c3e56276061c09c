/* SPDX-License-Identifier: Apache-2.0 */
/* Orders come in: new, the same again, or changed. */
#include "flex/order_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { DIFFERENCES = 150, SHORT_TEXT = 40 };

static const struct kp_operation_in only_one = { .number = "10", .due = KP_NO_TIME };

struct taking {
    const struct kp_order_in *list;
    size_t n;
    bool replace;
    const struct kp_order_receipt *receipt;
    struct kp_order_taken *taken;
    kp_asset *places; /* of all operations, in their order */
    int64_t now;
};
struct one {
    const struct kp_order_in *in;
    const struct kp_operation_in *operations;
    size_t n;
    const kp_asset *places;
    int64_t id, now;
};

static const char *direction(const struct kp_order_in *in)
{
    return in->out ? "out" : "in";
}

static const char *sender(const struct kp_order_in *in)
{
    return in->sender ? in->sender : "";
}

/* What an order is known by, as the first three. */
static void bind_key(struct kp_stmt *s, const struct kp_order_in *in)
{
    kp_bind_text(s, 1, direction(in));
    kp_bind_text(s, 2, sender(in));
    kp_bind_text(s, 3, in->number);
}

/* A statement with `id` bound to its first place. */
static struct kp_stmt *prepare(struct kp_db *db, const char *sql, int64_t id, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (s)
        kp_bind_int(s, 1, id);
    return s;
}

static void bind_due(struct kp_stmt *s, int index, int64_t at)
{
    if (at != KP_NO_TIME)
        kp_bind_int(s, index, at);
}

static void bind_quantity(struct kp_stmt *s, int index, double q)
{
    if (q > 0)
        kp_bind_double(s, index, q);
}

/* ---- what differs ---- */
struct differences {
    char text[DIFFERENCES];
    size_t len;
    unsigned more; /* for which there was no room */
};

__attribute__((format(printf, 2, 3))) static void differ(struct differences *d, const char *fmt,
                                                         ...)
{
    char one[DIFFERENCES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(one, sizeof one, fmt, args);
    va_end(args);
    const char *comma = d->len ? ", " : "";
    if (n < 0 || d->len + strlen(comma) + (size_t)n >= sizeof d->text) {
        d->more++;
        return;
    }
    d->len += (size_t)snprintf(d->text + d->len, sizeof d->text - d->len, "%s%s", comma, one);
}

static void differ_text(struct differences *d, const char *what, const char *was, const char *is)
{
    was = was ? was : "";
    is = is ? is : "";
    if (strcmp(was, is) != 0)
        differ(d, "%s was '%.30s', is '%.30s'", what, was, is);
}

static void differ_number(struct differences *d, const char *what, double was, double is)
{
    if (was != is)
        differ(d, "%s was %.10g, is %.10g", what, was, is);
}

static void time_words(int64_t at, char out[KP_TIME_TEXT])
{
    if (at == KP_NO_TIME)
        snprintf(out, KP_TIME_TEXT, "none");
    else
        kp_time_print(at, out);
}

static void differ_time(struct differences *d, const char *what, struct kp_stmt *s, int column,
                        int64_t is)
{
    char before[KP_TIME_TEXT], now[KP_TIME_TEXT];
    int64_t was = kp_column_time(s, column);
    if (was == is)
        return;
    time_words(was, before);
    time_words(is, now);
    differ(d, "%s was %s, is %s", what, before, now);
}

static void differ_duration(struct differences *d, const char *what, int64_t was, int64_t is)
{
    char before[SHORT_TEXT], now[SHORT_TEXT];
    kp_duration_exact(was, before, sizeof before);
    kp_duration_exact(is, now, sizeof now);
    if (was != is)
        differ(d, "%s was %s, is %s", what, before, now);
}

static void compare_order(struct differences *d, struct kp_stmt *s, const struct kp_order_in *in)
{
    differ_number(d, "quantity", kp_column_double(s, 0), in->quantity);
    differ_time(d, "due", s, 1, in->due);
    differ_text(d, "item", kp_column_text(s, 2), in->item);
    differ_text(d, "customer", kp_column_text(s, 3), in->customer);
    differ_text(d, "unit", kp_column_text(s, 4), in->unit);
    differ_text(d, "description", kp_column_text(s, 5), in->description);
}

static const struct kp_operation_in *operation_of(const struct one *o, const char *number,
                                                  kp_asset *place)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->operations[i].number, number) == 0) {
            *place = o->places[i];
            return &o->operations[i];
        }
    return NULL;
}

static double quantity_of(const struct one *o, const struct kp_operation_in *op)
{
    return op->quantity > 0 ? op->quantity : o->in->quantity;
}

static void compare_operation(struct differences *d, struct kp_stmt *s, const struct one *o)
{
    struct differences of = { 0 };
    kp_asset place = 0;
    const char *number = kp_column_text(s, 0);
    const struct kp_operation_in *op = operation_of(o, number, &place);
    if (!op) {
        differ(d, "operation %.40s is missing", number);
        return;
    }
    differ_number(&of, "quantity", kp_column_double(s, 1), quantity_of(o, op));
    differ_duration(&of, "cycle", kp_column_int(s, 2), op->cycle);
    differ_duration(&of, "setup", kp_column_int(s, 3), op->setup);
    differ_time(&of, "due", s, 4, op->due);
    differ_text(&of, "name", kp_column_text(s, 5), op->name);
    differ_text(&of, "program", kp_column_text(s, 6), op->program);
    differ_text(&of, "item", kp_column_text(s, 7), op->item);
    differ_text(&of, "machine group", kp_column_text(s, 8), op->group);
    if (place && place != kp_column_int(s, 9))
        differ(&of, "it is for another machine");
    if (of.len || of.more)
        differ(d, "operation %.40s: %.100s", number, of.text);
}

static void compare_operations(struct kp_db *db, const struct one *o, struct differences *d,
                               struct kp_err *err)
{
    struct kp_stmt *s = prepare(db,
                                "select number, quantity, cycle, setup, due, name, program, item, "
                                "machine_group, asset from operation where work_order = ? order by "
                                "position",
                                o->id, err);
    size_t known = 0;
    while (s && kp_step(s, err)) {
        kp_asset place;
        known += operation_of(o, kp_column_text(s, 0), &place) != NULL;
        compare_operation(d, s, o);
    }
    if (known < o->n)
        differ(d, "%zu operations are new", o->n - known);
}

/* The refusal of what is there with other content. */
static enum kp_code refuse(struct kp_db *db, const struct one *o, struct kp_err *err)
{
    struct differences d = { 0 };
    char more[SHORT_TEXT] = "";
    struct kp_stmt *s = prepare(
        db, "select quantity, due, item, customer, unit, description from work_order where id = ?",
        o->id, err);
    if (s && kp_step(s, err)) {
        compare_order(&d, s, o->in);
        kp_reset(s);
    }
    if (!err->code)
        compare_operations(db, o, &d, err);
    if (err->code)
        return err->code;
    if (d.more)
        snprintf(more, sizeof more, " and %u more", d.more);
    return kp_fail(err, KP_EEXISTS, "order %.40s is there with other content: %s%s", o->in->number,
                   d.len ? d.text : "its planning was changed here since", more);
}

/* ---- what is there ---- */
struct found {
    int64_t id;
    bool same;
};

static enum kp_code find(struct kp_db *db, const struct kp_order_in *in, struct found *f,
                         struct kp_err *err)
{
    struct order_print print = order_print(in);
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select id, print from work_order where direction = ? and "
                                      "sender = ? and number = ?",
                                      err);
    *f = (struct found){ 0 };
    if (!s)
        return err->code;
    bind_key(s, in);
    if (kp_step(s, err)) {
        size_t len;
        const void *stored = kp_column_blob(s, 1, &len);
        f->id = kp_column_int(s, 0);
        f->same = len == sizeof print && memcmp(stored, &print, len) == 0;
        kp_reset(s);
    }
    return err->code;
}

/* ---- writing ---- */
static enum kp_code put_order(struct kp_db *db, struct one *o, struct kp_err *err)
{
    const struct kp_order_in *in = o->in;
    struct order_print print = order_print(in);
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into work_order(direction, sender, number, print, customer, item, description, "
        "unit, quantity, due, confirmation, folder, source, document, state, received, changed) "
        "values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 'open', ?15, ?15) "
        "on conflict(direction, sender, number) do update set print = ?4, customer = ?5, item = "
        "?6, description = ?7, unit = ?8, quantity = ?9, due = ?10, confirmation = ?11, folder = "
        "?12, source = ?13, document = ?14, promised = null, reply_comment = null, told = null, "
        "sent = null, changed = ?15",
        err);
    if (!s)
        return err->code;
    bind_key(s, in);
    kp_bind_blob(s, 4, &print, sizeof print);
    kp_bind_text(s, 5, in->customer);
    kp_bind_text(s, 6, in->item);
    kp_bind_text(s, 7, in->description);
    kp_bind_text(s, 8, in->unit);
    bind_quantity(s, 9, in->quantity);
    bind_due(s, 10, in->due);
    kp_bind_text(s, 11, in->confirmation);
    kp_bind_text(s, 12, in->folder);
    kp_bind_text(s, 13, in->source);
    kp_bind_text(s, 14, in->document);
    kp_bind_int(s, 15, o->now);
    if (!kp_run(s, err) && !o->id)
        o->id = kp_db_last_id(db);
    return err->code;
}

/* A machine that was planned here stays when the order names none, and while it is worked at. */
static enum kp_code put_operation(struct kp_db *db, const struct one *o, size_t i,
                                  struct kp_err *err)
{
    const struct kp_operation_in *op = &o->operations[i];
    struct kp_stmt *s = prepare(
        db,
        "insert into operation(work_order, position, number, name, asset, machine_group, program, "
        "item, quantity, cycle, setup, due, line, state) "
        "values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'open') "
        "on conflict(work_order, number) do update set position = ?2, name = ?4, asset = iif(?5 = "
        "0 or state = 'started', asset, ?5), machine_group = ?6, program = ?7, item = ?8, "
        "quantity = ?9, cycle = ?10, setup = ?11, due = ?12, line = ?13, "
        "state = iif(state = 'cancelled', 'open', state)",
        o->id, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 2, (int64_t)i + 1);
    kp_bind_text(s, 3, op->number);
    kp_bind_text(s, 4, op->name);
    kp_bind_int(s, 5, o->places[i]);
    kp_bind_text(s, 6, op->group);
    kp_bind_text(s, 7, op->program);
    kp_bind_text(s, 8, op->item);
    kp_bind_double(s, 9, quantity_of(o, op));
    kp_bind_int(s, 10, op->cycle);
    kp_bind_int(s, 11, op->setup);
    bind_due(s, 12, op->due);
    kp_bind_text(s, 13, op->line);
    return kp_run(s, err);
}

/* Operations that the new order does not have; `remove` false: only whether that could be. */
static enum kp_code drop_others(struct kp_db *db, const struct one *o, bool remove,
                                struct kp_err *err)
{
    struct kp_stmt *s = prepare(db,
                                "select o.number, o.id, exists(select 1 from booking b where "
                                "b.operation = o.id) from operation o where o.work_order = ?",
                                o->id, err);
    struct kp_arena gone = { 0 };
    struct leaving {
        struct leaving *next;
        int64_t id;
    } *list = NULL;
    while (s && !err->code && kp_step(s, err)) {
        kp_asset place;
        if (operation_of(o, kp_column_text(s, 0), &place))
            continue;
        struct leaving *l = kp_arena_alloc(&gone, sizeof *l);
        if (kp_column_int(s, 2))
            kp_fail(err, KP_EEXISTS,
                    "order %.40s: operation %.40s was worked at, so the order cannot be replaced "
                    "by one without it",
                    o->in->number, kp_column_text(s, 0));
        else if (!l)
            kp_fail(err, KP_ENOMEM, "out of memory");
        else
            *l = (struct leaving){ list, kp_column_int(s, 1) };
        list = l;
    }
    if (s && err->code)
        kp_reset(s);
    for (; remove && list && !err->code; list = list->next)
        if ((s = prepare(db, "delete from operation where id = ?", list->id, err)))
            kp_run(s, err);
    kp_arena_free(&gone);
    return err->code;
}

static enum kp_code write_order(struct kp_db *db, struct one *o, struct kp_err *err)
{
    bool replaces = o->id != 0;
    if (put_order(db, o, err) || (replaces && drop_others(db, o, true, err)))
        return err->code;
    for (size_t i = 0; i < o->n && !err->code; i++)
        put_operation(db, o, i, err);
    return err->code ? err->code : order_settle(db, o->id, o->now, err);
}

static struct one one_of(const struct taking *t, size_t i, size_t place)
{
    const struct kp_order_in *in = &t->list[i];
    return (struct one){ .in = in,
                         .operations = in->n ? in->operations : &only_one,
                         .n = in->n ? in->n : 1,
                         .places = t->places + place,
                         .now = t->now };
}

/* What is to be done with an order; refuses what cannot be. */
static enum kp_code judge(struct kp_db *db, struct one *o, bool replace,
                          struct kp_order_taken *taken, struct kp_err *err)
{
    struct found f;
    if (find(db, o->in, &f, err))
        return err->code;
    o->id = f.id;
    *taken = (struct kp_order_taken){ .id = f.id, .repeated = f.same, .replaced = f.id && !f.same };
    if (!f.id || f.same)
        return KP_OK;
    return replace ? drop_others(db, o, false, err) : refuse(db, o, err);
}

static enum kp_code put_receipt(struct kp_db *db, const struct taking *t, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into order_file(folder, name, hash, at, result, orders) values(?, ?, ?, ?, ?, ?) "
        "on conflict(folder, hash) do update set name = excluded.name, at = excluded.at, result = "
        "excluded.result, orders = excluded.orders, reason = null, reason_nl = null, acknowledged "
        "= null",
        err);
    bool news = false;
    for (size_t i = 0; i < t->n; i++)
        news |= !t->taken[i].repeated;
    if (!s)
        return err->code;
    kp_bind_text(s, 1, t->receipt->folder);
    kp_bind_text(s, 2, t->receipt->name);
    kp_bind_blob(s, 3, t->receipt->hash, t->receipt->hash_len);
    kp_bind_int(s, 4, t->now);
    kp_bind_text(s, 5, news ? "taken" : "repeated");
    kp_bind_int(s, 6, (int64_t)t->n);
    return kp_run(s, err);
}

static enum kp_code take_all(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct taking *t = arg;
    size_t place = 0;
    for (size_t i = 0; i < t->n && !err->code; i++) {
        struct one o = one_of(t, i, place);
        place += o.n;
        if (judge(db, &o, t->replace, &t->taken[i], err) || t->taken[i].repeated)
            continue;
        write_order(db, &o, err);
        t->taken[i].id = o.id;
    }
    return err->code || !t->receipt ? err->code : put_receipt(db, t, err);
}

static enum kp_code find_places(struct kp_shop *s, struct taking *t, struct kp_arena *arena,
                                struct kp_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->list[i].n ? t->list[i].n : 1;
    t->places = kp_arena_alloc(arena, (n + 1) * sizeof *t->places);
    if (!t->places)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++, at += !t->list[i - 1].n)
        for (size_t k = 0; k < t->list[i].n; k++, at++)
            if (t->list[i].operations[k].asset)
                t->places[at] = order_asset(s, t->list[i].operations[k].asset);
    return KP_OK;
}

enum kp_code kp_orders_take(struct kp_shop *s, const struct kp_order_in *list, size_t n,
                            bool replace, const struct kp_order_receipt *receipt,
                            struct kp_order_taken *taken, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct taking t = { list, n, replace, receipt, taken, NULL, kp_utc(s->clock) };
    if (!order_check_all(s, list, n, err) && !find_places(s, &t, &arena, err)) {
        pthread_mutex_lock(&s->orders.acting);
        kp_store_do(s->store, take_all, &t, err);
        pthread_mutex_unlock(&s->orders.acting);
    }
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_order_try(struct kp_shop *s, const struct kp_order_in *in, bool replace,
                          struct kp_order_taken *taken, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct taking t = { in, 1, replace, NULL, taken, NULL, kp_utc(s->clock) };
    if (!order_check_all(s, in, 1, err) && !find_places(s, &t, &arena, err)) {
        struct one o = one_of(&t, 0, 0);
        struct kp_db *db = kp_store_reader(s->store, err);
        if (db) {
            judge(db, &o, replace, taken, err);
            kp_store_reader_done(s->store, db);
        }
    }
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_order_file_taken(struct kp_shop *s, const char *folder, const void *hash,
                                 size_t hash_len, bool *taken, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get = db ? kp_db_prepare(db,
                                             "select 1 from order_file where folder = ? and hash = "
                                             "? and result <> 'refused'",
                                             err)
                             : NULL;
    *taken = false;
    if (get) {
        kp_bind_text(get, 1, folder);
        kp_bind_blob(get, 2, hash, hash_len);
        *taken = kp_step(get, err);
        kp_reset(get);
    }
    if (db)
        kp_store_reader_done(s->store, db);
    return err->code;
}

enum kp_code order_settle(struct kp_db *db, int64_t order, int64_t now, struct kp_err *err)
{
    struct kp_stmt *s =
        prepare(db,
                "update work_order set changed = ?2, state = (select case "
                "when sum(state <> 'cancelled') = 0 then 'cancelled' "
                "when sum(state = 'finished') = sum(state <> 'cancelled') then 'finished' "
                "when sum(state not in ('open', 'cancelled')) > 0 then 'started' else 'open' end "
                "from operation where work_order = ?1) where id = ?1",
                order, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 2, now);
    return kp_run(s, err);
}
