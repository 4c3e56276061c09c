/* SPDX-License-Identifier: Apache-2.0 */
/* What machines themselves say of orders: a program that is taken begins its operation, and, where
 * the settings say so, enough good parts finish it. A thread looks once a second. Only a change
 * counts: what was seen last is kept, so that a restart begins nothing again. */
#include "flex/order_private.h"

#include "core/hub.h"
#include "core/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

#define TURN KP_SECOND

struct watched {
    kp_asset asset;
    kp_signal signal;
    char path[KP_PATH_MAX];
    char last[KP_NAME_MAX]; /* "": none was seen yet */
};
struct watching {
    struct kp_shop *s;
    struct watched *of;
    size_t n, room;
    uint64_t model; /* versions for which the list was made */
    int64_t version;
    struct shop_rules rules;
    bool made, told; /* told: of a failure that goes on */
};

/* ---- names of programs ---- */
static const char *file_of(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((*p == '/' || *p == '\\') && p[1])
            name = p + 1;
    return name;
}

static size_t stem_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

bool order_program_same(const char *a, const char *b)
{
    const char *x = file_of(a), *y = file_of(b);
    size_t n = stem_of(x), m = stem_of(y);
    if (strcasecmp(x, y) == 0)
        return *x;
    bool both = x[n] && y[m]; /* two endings that differ are two programs */
    return n && n == m && !both && strncasecmp(x, y, n) == 0;
}

/* ---- which machines ---- */
static void read_last(struct kp_db *db, struct watched *w, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select program from order_program where asset = ?", err);
    if (!s)
        return;
    kp_bind_int(s, 1, w->asset);
    if (kp_step(s, err)) {
        const char *text = kp_column_text(s, 0);
        snprintf(w->last, sizeof w->last, "%s", text ? text : "");
        kp_reset(s);
    }
}

static void take_over(const struct watched *old, size_t n, struct watched *one, struct kp_db *db,
                      struct kp_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (old[i].asset == one->asset) {
            memcpy(one->last, old[i].last, sizeof one->last);
            return;
        }
    read_last(db, one, err);
}

static enum kp_code list_machines(struct watching *w, struct kp_db *db, struct kp_err *err)
{
    struct shop_machines found = { 0 };
    struct watched *old = w->of;
    size_t n_old = w->n;
    w->of = NULL;
    w->n = w->room = 0;
    shop_places(w->s, "", KP_TO_NODE, &w->rules, &found, err);
    for (size_t i = 0; i < found.n && !err->code; i++) {
        kp_signal program = found.of[i].sources.of[KP_COUNT_PROGRAM];
        if (!program)
            continue;
        if (!kp_grow(&w->of, &w->room, w->n + 1, sizeof *w->of)) {
            kp_fail(err, KP_ENOMEM, "out of memory");
            break;
        }
        struct watched *one = &w->of[w->n++];
        *one = (struct watched){ .asset = found.of[i].id, .signal = program };
        snprintf(one->path, sizeof one->path, "%s", found.of[i].path);
        take_over(old, n_old, one, db, err);
    }
    shop_machines_free(&found);
    kp_free(old);
    return err->code;
}

/* The list and the rules in force; made anew when the model or a document has changed. */
static enum kp_code refresh(struct watching *w, struct kp_err *err)
{
    struct kp_model *m = kp_hub_model(w->s->hub);
    kp_model_lock(m);
    uint64_t model = kp_model_version(m);
    kp_model_unlock(m);
    struct kp_db *db = kp_store_reader(w->s->store, err);
    int64_t version = db ? shop_rules_version(db, err) : 0;
    if (!err->code && (!w->made || model != w->model || version != w->version)) {
        shop_rules_free(&w->rules);
        w->made = !shop_rules(w->s, &w->rules, err) && !list_machines(w, db, err);
        w->model = model;
        w->version = version;
    }
    if (db)
        kp_store_reader_done(w->s->store, db);
    return err->code;
}

/* ---- a program that was taken ---- */
struct taking_up {
    const struct watched *machine;
    const char *program;
    int64_t at;
    int64_t running, fits; /* operations; 0: none */
    size_t n;              /* that fit */
    bool same, named;      /* the one that runs: has this program; has any */
};

static bool is_for(const struct watching *w, const struct watched *m, kp_asset asset,
                   const char *group)
{
    const struct kp_group *g = group ? kp_settings_group(&w->rules.settings, group) : NULL;
    return asset == m->asset || (!asset && g && kp_pattern_match(g->match, m->path));
}

static enum kp_code find_fits(const struct watching *w, struct kp_db *db, struct taking_up *t,
                              struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select o.id, o.program, o.asset, o.machine_group, b.id, o.state from operation o join "
        "work_order w on w.id = o.work_order left join booking b on b.operation = o.id and "
        "b.\"end\" is null where o.asset in (0, ?1) and o.state in ('open', 'started', "
        "'interrupted') and w.direction = 'in'",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, t->machine->asset);
    while (kp_step(s, err)) {
        const char *program = kp_column_text(s, 1);
        bool same = program && order_program_same(program, t->program);
        if (!is_for(w, t->machine, (kp_asset)kp_column_int(s, 2), kp_column_text(s, 3)))
            continue;
        if (!kp_column_null(s, 4)) {
            t->running = kp_column_int(s, 0);
            t->same = same;
            t->named = program && *program;
        } else if (same) {
            t->fits = kp_column_int(s, 0);
            t->n++;
        }
    }
    return err->code;
}

static void act(struct kp_shop *s, int64_t id, enum kp_operation_verb verb, const char *asset,
                int64_t at)
{
    struct kp_err err = { 0 };
    struct kp_operation_acted acted;
    struct kp_operation_act a = { .verb = verb, .at = at, .asset = asset, .via = "program" };
    if (kp_operation_act(s, id, &a, &acted, &err) && err.code != KP_EEXISTS &&
        err.code != KP_ESTOPPED)
        kp_warn("orders", "an operation did not follow its machine", "operation=%" PRId64 " why=%s",
                id, kp_log_quote(err.text));
}

struct seen {
    kp_asset asset;
    const char *program;
    int64_t at;
};

static enum kp_code write_seen(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct seen *seen = arg;
    struct kp_stmt *s = kp_db_prepare(
        db, "insert or replace into order_program(asset, program, at) values(?, ?, ?)", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, seen->asset);
    kp_bind_text(s, 2, seen->program);
    kp_bind_int(s, 3, seen->at);
    return kp_run(s, err);
}

static void take_up(struct watching *w, struct watched *m, const char *program, int64_t at,
                    struct kp_err *err)
{
    struct taking_up t = { .machine = m, .program = program, .at = at };
    struct kp_db *db = kp_store_reader(w->s->store, err);
    bool first = !*m->last;
    if (db)
        find_fits(w, db, &t, err);
    if (db)
        kp_store_reader_done(w->s->store, db);
    if (err->code)
        return;
    if (!first && w->rules.settings.by_program && !t.same) {
        if (t.n == 1)
            act(w->s, t.fits, KP_OPERATION_START, m->path, at);
        else if (t.running && t.named)
            act(w->s, t.running, KP_OPERATION_INTERRUPT, NULL, at);
    }
    snprintf(m->last, sizeof m->last, "%s", program);
    kp_store_do(w->s->store, write_seen, &(struct seen){ m->asset, program, at }, err);
}

/* What a machine's signal says now, or said last before it was cut off; false: nothing that counts. */
static bool program_now(struct kp_shop *s, kp_signal signal, char out[KP_NAME_MAX], int64_t *at)
{
    struct kp_model *m = kp_hub_model(s->hub);
    kp_model_lock(m);
    bool good = kp_model_signal(m, signal) != NULL;
    struct kp_now now = good ? kp_model_now(m, signal) : (struct kp_now){ 0 };
    const struct kp_value *v = &now.sample.value;
    double number;
    good = good && now.known && (now.stale || kp_status_severity(now.sample.status) < 2);
    *out = 0;
    if (good && v->type == KP_STRING)
        kp_utf8_clean(out, KP_NAME_MAX, v->data, v->len);
    else if (good && kp_value_number(v, &number))
        snprintf(out, KP_NAME_MAX, "%.15g", number);
    *at = now.sample.at;
    kp_model_unlock(m);
    return *out;
}

static void look_at_programs(struct watching *w, struct kp_err *err)
{
    for (size_t i = 0; i < w->n && !err->code && !shop_stopping(w->s); i++) {
        char program[KP_NAME_MAX];
        int64_t at, now = kp_utc(w->s->clock);
        struct watched *m = &w->of[i];
        if (program_now(w->s, m->signal, program, &at) && strcmp(program, m->last) != 0)
            take_up(w, m, program, at < now ? at : now, err);
    }
}

/* ---- enough parts ---- */
struct reached {
    int64_t operation, booking, start;
    kp_asset asset;
    double left;
};

static size_t find_going(struct kp_shop *s, struct reached **list, struct kp_err *err)
{
    size_t n = 0, room = 0;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get = db ? kp_db_prepare(db,
                                             "select o.id, b.id, b.start, b.asset, o.quantity - "
                                             "(select total(good) from booking where operation = "
                                             "o.id) from booking b join operation o on o.id = "
                                             "b.operation where b.\"end\" is null",
                                             err)
                             : NULL;
    while (get && kp_step(get, err)) {
        if (!kp_grow(list, &room, n + 1, sizeof **list)) {
            kp_fail(err, KP_ENOMEM, "out of memory");
            break;
        }
        (*list)[n++] =
            (struct reached){ kp_column_int(get, 0), kp_column_int(get, 1), kp_column_int(get, 2),
                              (kp_asset)kp_column_int(get, 3), kp_column_double(get, 4) };
    }
    if (db)
        kp_store_reader_done(s->store, db);
    return n;
}

static void look_at_counts(struct kp_shop *s, struct kp_err *err)
{
    struct reached *list = NULL;
    size_t n = find_going(s, &list, err);
    for (size_t i = 0; i < n && !err->code && !shop_stopping(s); i++) {
        struct order_sums sums;
        if (!order_sums_now(s, list[i].booking, list[i].asset, list[i].start, &sums, err) &&
            (double)sums.good >= list[i].left)
            act(s, list[i].operation, KP_OPERATION_FINISH, NULL, KP_NO_TIME);
    }
    kp_free(list);
}

/* ---- the thread ---- */
void orders_turn(struct watching *w, struct kp_err *err)
{
    if (refresh(w, err))
        return;
    look_at_programs(w, err);
    if (!err->code && w->rules.settings.by_count)
        look_at_counts(w->s, err);
}

struct watching *orders_watch(struct kp_shop *s)
{
    struct watching *w = kp_alloc(sizeof *w);
    if (w)
        w->s = s;
    return w;
}

void orders_unwatch(struct watching *w)
{
    if (!w)
        return;
    shop_rules_free(&w->rules);
    kp_free(w->of);
    kp_free(w);
}

static int64_t work(void *arg)
{
    struct watching *w = arg;
    struct kp_err err = { 0 };
    orders_turn(w, &err);
    if (err.code && err.code != KP_ESTOPPED && !w->told)
        kp_warn("orders", "programs of machines could not be followed, tried again", "why=%s",
                kp_log_quote(err.text));
    w->told = err.code != KP_OK;
    return TURN;
}

enum kp_code orders_start(struct kp_shop *s, struct kp_rota *rota, struct kp_err *err)
{
    struct shop_orders *o = &s->orders;
    if (!(o->watching = orders_watch(s)))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    o->duty = (struct kp_duty){ .turn = work, .arg = o->watching };
    return kp_duty_begin(&o->duty, rota, 0, err);
}

void orders_stop(struct kp_shop *s)
{
    kp_duty_end(&s->orders.duty);
    orders_unwatch(s->orders.watching);
    s->orders.watching = NULL;
}
