/* SPDX-License-Identifier: Apache-2.0 */
/* Operations begin, are interrupted and end, by a person, a program or a partner's word; each with
 * a booking. What is to be written is found out first, then written in one transaction; a lock
 * holds that nobody else acts in between. */
#include "flex/order_private.h"

#include "core/hub.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { COMMENT_MAX = 500, PARTS_MAX = 1000000000 };

/* A booking that goes on. */
struct going {
    int64_t id, operation, order, start;
    kp_asset asset;
};
/* An operation as it is before it is acted on. */
struct standing {
    int64_t id, order;
    kp_asset asset;
    char number[KP_NAME_MAX], of[KP_NAME_MAX], state[16], group[KP_NAME_MAX];
    struct going going; /* id 0: none */
};
struct acting {
    struct kp_shop *s;
    const struct kp_operation_act *act;
    struct standing op;
    kp_asset machine;
    struct going before; /* ran at the machine until now; id 0: none */
    struct order_sums sums, before_sums;
    bool parts_alone; /* nobody saw it run, but parts are told */
    int64_t at, now, booking;
};

static enum kp_code out_of_memory(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory");
}

/* ---- finding out ---- */
/* The row of a number, or NULL; `what` is missed without it. */
static struct kp_stmt *find_row(struct kp_db *db, const char *sql, const char *what, int64_t id,
                                struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return NULL;
    kp_bind_int(s, 1, id);
    if (kp_step(s, err))
        return s;
    if (!err->code)
        kp_fail(err, KP_ENOTFOUND, "there is no %s %lld", what, (long long)id);
    return NULL;
}

static void read_going(struct kp_stmt *s, int column, struct going *g)
{
    if (kp_column_null(s, column))
        return;
    *g = (struct going){ kp_column_int(s, column), kp_column_int(s, column + 1),
                         kp_column_int(s, column + 2), kp_column_int(s, column + 3),
                         (kp_asset)kp_column_int(s, column + 4) };
}

static void copy_text(char *out, size_t size, struct kp_stmt *s, int column)
{
    const char *text = kp_column_text(s, column);
    snprintf(out, size, "%s", text ? text : "");
}

static enum kp_code find_operation(struct kp_db *db, int64_t id, struct standing *op,
                                   struct kp_err *err)
{
    struct kp_stmt *s = find_row(
        db,
        "select o.work_order, o.asset, o.number, w.number, o.state, o.machine_group, b.id, "
        "b.operation, o.work_order, b.start, b.asset from operation o join work_order w on w.id = "
        "o.work_order left join booking b on b.operation = o.id and b.\"end\" is null where o.id "
        "= ?",
        "operation", id, err);
    *op = (struct standing){ .id = id };
    if (!s)
        return err->code;
    op->order = kp_column_int(s, 0);
    op->asset = (kp_asset)kp_column_int(s, 1);
    copy_text(op->number, sizeof op->number, s, 2);
    copy_text(op->of, sizeof op->of, s, 3);
    copy_text(op->state, sizeof op->state, s, 4);
    copy_text(op->group, sizeof op->group, s, 5);
    read_going(s, 6, &op->going);
    kp_reset(s);
    return KP_OK;
}

/* What runs at a machine, and when the last booking there ended (KP_NO_TIME: none). */
static enum kp_code find_at_machine(struct kp_db *db, kp_asset machine, struct going *g,
                                    int64_t *last, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select (select max(\"end\") from booking where asset = ?1), b.id, b.operation, "
        "o.work_order, b.start, b.asset from (select 1) left join booking b on b.asset = ?1 and "
        "b.\"end\" is null left join operation o on o.id = b.operation",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, machine);
    if (kp_step(s, err)) {
        *last = kp_column_time(s, 0);
        read_going(s, 1, g);
        kp_reset(s);
    }
    return err->code;
}

static void machine_path(struct kp_shop *s, kp_asset id, char out[KP_PATH_MAX])
{
    struct kp_model *m = kp_hub_model(s->hub);
    snprintf(out, KP_PATH_MAX, "a machine that is gone");
    kp_model_lock(m);
    if (kp_model_asset(m, id))
        kp_model_asset_path(m, id, out, KP_PATH_MAX);
    kp_model_unlock(m);
}

/* The only machine of a group; 0: there are more, or none. */
static kp_asset only_machine(struct kp_shop *s, const char *name, struct kp_err *err)
{
    struct shop_rules rules;
    struct shop_machines list = { 0 };
    const struct kp_group *g =
        shop_rules(s, &rules, err) ? NULL : kp_settings_group(&rules.settings, name);
    if (g)
        shop_places(s, g->match, KP_TO_NODE, &rules, &list, err);
    kp_asset id = list.n == 1 ? list.of[0].id : 0;
    shop_machines_free(&list);
    shop_rules_free(&rules);
    return id;
}

static enum kp_code find_place(struct acting *a, struct kp_err *err)
{
    if (a->act->asset) {
        a->machine = order_asset(a->s, a->act->asset);
        return a->machine
                   ? KP_OK
                   : kp_fail(err, KP_ENOTFOUND, "there is no machine '%.160s'", a->act->asset);
    }
    a->machine = a->op.asset;
    if (!a->machine && *a->op.group)
        a->machine = only_machine(a->s, a->op.group, err);
    if (!a->machine && !err->code)
        kp_fail(err, KP_EINVALID,
                "operation %.40s of order %.40s is planned at no machine: say at which it begins",
                a->op.number, a->op.of);
    return err->code;
}

/* ---- whether it may be ---- */
static enum kp_code check_state(const struct acting *a, struct kp_err *err)
{
    const struct standing *op = &a->op;
    char path[KP_PATH_MAX];
    bool starts = a->act->verb == KP_OPERATION_START;
    if (strcmp(op->state, "cancelled") == 0)
        return kp_fail(err, KP_EEXISTS, "operation %.40s of order %.40s is cancelled", op->number,
                       op->of);
    if (starts && op->going.id) {
        machine_path(a->s, op->going.asset, path);
        return kp_fail(err, KP_EEXISTS, "operation %.40s of order %.40s runs already, at %.120s",
                       op->number, op->of, path);
    }
    if (a->act->verb == KP_OPERATION_INTERRUPT && !op->going.id)
        return kp_fail(err, KP_EEXISTS, "operation %.40s of order %.40s is not being worked at",
                       op->number, op->of);
    if (a->act->verb == KP_OPERATION_FINISH && strcmp(op->state, "finished") == 0)
        return kp_fail(err, KP_EEXISTS, "operation %.40s of order %.40s is finished already",
                       op->number, op->of);
    return KP_OK;
}

static bool is_count(const int64_t *n)
{
    return !n || (*n >= 0 && *n <= PARTS_MAX);
}

static enum kp_code check_act(const struct kp_operation_act *act, int64_t now, struct kp_err *err)
{
    if (act->at != KP_NO_TIME && act->at > now)
        return kp_fail(err, KP_EINVALID, "at: that time has not come yet");
    if (!is_count(act->good) || !is_count(act->scrap))
        return kp_fail(err, KP_EINVALID, "good and scrap are numbers from 0 to %d", PARTS_MAX);
    if (act->verb == KP_OPERATION_START && (act->good || act->scrap))
        return kp_fail(err, KP_EINVALID,
                       "good and scrap are told when work at it is interrupted or finished");
    if (act->comment && strlen(act->comment) > COMMENT_MAX)
        return kp_fail(err, KP_EINVALID, "comment: longer than %d bytes", COMMENT_MAX);
    return KP_OK;
}

static enum kp_code too_early(struct kp_err *err, int64_t since)
{
    char text[KP_TIME_TEXT];
    kp_time_print(since, text);
    return kp_fail(err, KP_EINVALID, "at: before %s, when work began or ended at that machine",
                   text);
}

/* A time that a person gives must fit; one of a program or the clock, which may have been set
 * back, is moved to what fits. */
static enum kp_code fit(struct acting *a, int64_t least, struct kp_err *err)
{
    if (least == KP_NO_TIME || a->at >= least)
        return KP_OK;
    bool person = a->act->at != KP_NO_TIME && strcmp(a->act->via, "program") != 0;
    if (person)
        return too_early(err, least);
    a->at = least;
    return KP_OK;
}

/* ---- writing; the store's thread ---- */
static enum kp_code end_booking(struct kp_db *db, const struct acting *a, const struct going *g,
                                const struct order_sums *sums, bool told, struct kp_err *err)
{
    const struct kp_operation_act *act = a->act;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update booking set \"end\" = ?2, good = ?3, scrap = ?4, running = ?5, setup = ?6, other "
        "= ?7, who = coalesce(who, ?8), comment = coalesce(?9, comment) where id = ?1",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, g->id);
    kp_bind_int(s, 2, a->at);
    kp_bind_int(s, 3, told && act->good ? *act->good : sums->good);
    kp_bind_int(s, 4, told && act->scrap ? *act->scrap : sums->scrap);
    kp_bind_int(s, 5, sums->running);
    kp_bind_int(s, 6, sums->setup);
    kp_bind_int(s, 7, sums->other);
    kp_bind_text(s, 8, told ? act->who : NULL);
    kp_bind_text(s, 9, told ? act->comment : NULL);
    return kp_run(s, err);
}

/* One that begins; or, of parts that are told alone, one that has ended. */
static enum kp_code put_booking(struct kp_db *db, struct acting *a, struct kp_err *err)
{
    const struct kp_operation_act *act = a->act;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into booking(operation, asset, start, \"end\", good, scrap, via, who, comment) "
        "values(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, a->op.id);
    kp_bind_int(s, 2, a->parts_alone ? a->op.asset : a->machine);
    kp_bind_int(s, 3, a->at);
    if (a->parts_alone)
        kp_bind_int(s, 4, a->at);
    kp_bind_int(s, 5, act->good ? *act->good : 0);
    kp_bind_int(s, 6, act->scrap ? *act->scrap : 0);
    kp_bind_text(s, 7, act->via);
    kp_bind_text(s, 8, act->who);
    kp_bind_text(s, 9, act->comment);
    if (!kp_run(s, err))
        a->booking = kp_db_last_id(db);
    return err->code;
}

/* machine 0: as it was. */
static enum kp_code set_state(struct kp_db *db, int64_t operation, const char *state,
                              kp_asset machine, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "update operation set state = ?2, asset = iif(?3 = 0, asset, ?3) where id = ?1", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, operation);
    kp_bind_text(s, 2, state);
    kp_bind_int(s, 3, machine);
    return kp_run(s, err);
}

static enum kp_code write_start(struct kp_db *db, struct acting *a, struct kp_err *err)
{
    if (a->before.id && (end_booking(db, a, &a->before, &a->before_sums, false, err) ||
                         set_state(db, a->before.operation, "interrupted", 0, err) ||
                         order_settle(db, a->before.order, a->now, err)))
        return err->code;
    if (put_booking(db, a, err) || set_state(db, a->op.id, "started", a->machine, err))
        return err->code;
    return order_settle(db, a->op.order, a->now, err);
}

static enum kp_code write_end(struct kp_db *db, struct acting *a, struct kp_err *err)
{
    const char *state = a->act->verb == KP_OPERATION_FINISH ? "finished" : "interrupted";
    a->booking = a->op.going.id;
    if (a->booking)
        end_booking(db, a, &a->op.going, &a->sums, true, err);
    else if (a->parts_alone)
        put_booking(db, a, err);
    if (err->code || set_state(db, a->op.id, state, 0, err))
        return err->code;
    return order_settle(db, a->op.order, a->now, err);
}

static enum kp_code write_act(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct acting *a = arg;
    return a->act->verb == KP_OPERATION_START ? write_start(db, a, err) : write_end(db, a, err);
}

/* ---- acting ---- */
static enum kp_code prepare_start(struct acting *a, struct kp_db *db, struct kp_err *err)
{
    int64_t last = KP_NO_TIME;
    if (find_place(a, err) || find_at_machine(db, a->machine, &a->before, &last, err) ||
        fit(a, last, err) || (a->before.id && fit(a, a->before.start, err)))
        return err->code;
    return a->before.id ? order_sums(a->s, a->machine, a->before.start, a->at, &a->before_sums, err)
                        : KP_OK;
}

static enum kp_code prepare_end(struct acting *a, struct kp_err *err)
{
    a->parts_alone = !a->op.going.id && (a->act->good || a->act->scrap);
    if (!a->op.going.id || fit(a, a->op.going.start, err))
        return err->code;
    return order_sums(a->s, a->op.going.asset, a->op.going.start, a->at, &a->sums, err);
}

static enum kp_code act_locked(struct acting *a, int64_t id, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(a->s->store, err);
    if (db && !find_operation(db, id, &a->op, err) && !check_state(a, err)) {
        if (a->act->verb == KP_OPERATION_START)
            prepare_start(a, db, err);
        else
            prepare_end(a, err);
    }
    if (db)
        kp_store_reader_done(a->s->store, db);
    return err->code ? err->code : kp_store_do(a->s->store, write_act, a, err);
}

enum kp_code kp_operation_act(struct kp_shop *s, int64_t id, const struct kp_operation_act *act,
                              struct kp_operation_acted *acted, struct kp_err *err)
{
    struct acting *a = kp_alloc(sizeof *a);
    if (!a)
        return out_of_memory(err);
    a->s = s;
    a->act = act;
    a->now = kp_utc(s->clock);
    a->at = act->at == KP_NO_TIME ? a->now : act->at;
    if (!check_act(act, a->now, err) && !kp_store_sync(s->store, err)) {
        pthread_mutex_lock(&s->orders.acting);
        act_locked(a, id, err);
        pthread_mutex_unlock(&s->orders.acting);
    }
    *acted = (struct kp_operation_acted){ a->op.order, a->booking, a->before.operation };
    kp_free(a);
    return err->code;
}

/* ---- planning ---- */
struct planning {
    int64_t id, now, order;
    const struct kp_operation_plan *plan;
    kp_asset machine;
};

static enum kp_code write_plan(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct planning *p = arg;
    struct standing op;
    if (find_operation(db, p->id, &op, err))
        return err->code;
    if (op.going.id && p->plan->asset && p->machine != op.going.asset)
        return kp_fail(err, KP_EEXISTS,
                       "operation %.40s of order %.40s runs: interrupt it, then move it", op.number,
                       op.of);
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update operation set asset = iif(?2, ?3, asset), machine_group = iif(?4 is null, "
        "machine_group, nullif(?4, '')), due = iif(?5, ?6, due) where id = ?1",
        err);
    if (!s)
        return err->code;
    p->order = op.order;
    kp_bind_int(s, 1, p->id);
    kp_bind_int(s, 2, p->plan->asset != NULL);
    kp_bind_int(s, 3, p->machine);
    kp_bind_text(s, 4, p->plan->group);
    kp_bind_int(s, 5, p->plan->no_due || p->plan->due != KP_NO_TIME);
    if (p->plan->due != KP_NO_TIME)
        kp_bind_int(s, 6, p->plan->due);
    return kp_run(s, err) ? err->code : order_settle(db, op.order, p->now, err);
}

static enum kp_code check_plan(struct kp_shop *s, struct planning *p, struct kp_err *err)
{
    struct shop_rules rules;
    const struct kp_operation_plan *plan = p->plan;
    if (plan->asset && *plan->asset && !(p->machine = order_asset(s, plan->asset)))
        return kp_fail(err, KP_EINVALID, "asset: there is no machine '%.160s'", plan->asset);
    if (!shop_rules(s, &rules, err) && plan->group && *plan->group &&
        !kp_settings_group(&rules.settings, plan->group))
        kp_fail(err, KP_EINVALID,
                "machineGroup: there is no group '%.60s'; groups stand in the settings of the "
                "shop floor",
                plan->group);
    shop_rules_free(&rules);
    return err->code;
}

/* A change that must not come between finding out and writing of another. */
static enum kp_code change(struct kp_shop *s,
                           enum kp_code (*fn)(struct kp_db *, void *, struct kp_err *), void *arg,
                           struct kp_err *err)
{
    pthread_mutex_lock(&s->orders.acting);
    kp_store_do(s->store, fn, arg, err);
    pthread_mutex_unlock(&s->orders.acting);
    return err->code;
}

enum kp_code kp_operation_plan(struct kp_shop *s, int64_t id, const struct kp_operation_plan *plan,
                               int64_t *order, struct kp_err *err)
{
    struct planning p = { .id = id, .now = kp_utc(s->clock), .plan = plan };
    if (!check_plan(s, &p, err))
        change(s, write_plan, &p, err);
    *order = p.order;
    return err->code;
}

/* ---- whole orders ---- */
struct answering {
    int64_t id, now;
    const struct kp_confirm *confirm;
};

/* The state of an order, and how many of its operations run and were begun. */
struct whole {
    char number[KP_NAME_MAX], state[16];
    int64_t running, begun;
};

static enum kp_code find_order(struct kp_db *db, int64_t id, struct whole *w, struct kp_err *err)
{
    struct kp_stmt *s = find_row(
        db,
        "select number, state, (select count(*) from operation where work_order = ?1 and state = "
        "'started'), (select count(*) from operation where work_order = ?1 and state in "
        "('started', 'interrupted', 'finished')) from work_order where id = ?1",
        "order", id, err);
    if (!s)
        return err->code;
    copy_text(w->number, sizeof w->number, s, 0);
    copy_text(w->state, sizeof w->state, s, 1);
    w->running = kp_column_int(s, 2);
    w->begun = kp_column_int(s, 3);
    kp_reset(s);
    return KP_OK;
}

static enum kp_code run_with(struct kp_db *db, const char *sql, int64_t id, int64_t now,
                             struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    kp_bind_int(s, 2, now);
    return kp_run(s, err);
}

static enum kp_code cancel(struct kp_db *db, int64_t id, int64_t now, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update operation set state = 'cancelled' where work_order = ? and state in ('open', "
        "'interrupted')",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    if (kp_run(s, err))
        return err->code;
    return run_with(db, "update work_order set state = 'cancelled', changed = ?2 where id = ?1", id,
                    now, err);
}

static enum kp_code write_cancel(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct answering *a = arg;
    struct whole w;
    if (find_order(db, a->id, &w, err))
        return err->code;
    if (w.running)
        return kp_fail(err, KP_EEXISTS,
                       "order %.60s is being worked at: interrupt or finish its operations first",
                       w.number);
    if (strcmp(w.state, "finished") == 0)
        return kp_fail(err, KP_EEXISTS, "order %.60s is finished", w.number);
    return cancel(db, a->id, a->now, err);
}

enum kp_code kp_orders_cancel(struct kp_shop *s, int64_t id, struct kp_err *err)
{
    struct answering a = { id, kp_utc(s->clock), NULL };
    return change(s, write_cancel, &a, err);
}

static enum kp_code write_confirm(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct answering *a = arg;
    struct whole w;
    bool rejects = strcmp(a->confirm->answer, "rejected") == 0;
    if (find_order(db, a->id, &w, err))
        return err->code;
    if (rejects && w.begun)
        return kp_fail(err, KP_EEXISTS, "order %.60s was worked at, so it cannot be rejected",
                       w.number);
    if (!rejects && strcmp(w.state, "cancelled") == 0)
        return kp_fail(err, KP_EEXISTS, "order %.60s is cancelled", w.number);
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update work_order set confirmation = ?2, promised = ?3, reply_comment = ?4, told = null, "
        "changed = ?5 where id = ?1",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, a->id);
    kp_bind_text(s, 2, a->confirm->answer);
    if (a->confirm->promised != KP_NO_TIME)
        kp_bind_int(s, 3, a->confirm->promised);
    kp_bind_text(s, 4, a->confirm->comment);
    kp_bind_int(s, 5, a->now);
    return kp_run(s, err) || !rejects ? err->code : cancel(db, a->id, a->now, err);
}

enum kp_code kp_orders_confirm(struct kp_shop *s, int64_t id, const struct kp_confirm *c,
                               struct kp_err *err)
{
    static const char *const answers[] = { "acknowledged", "accepted", "changed", "rejected",
                                           NULL };
    struct answering a = { id, kp_utc(s->clock), c };
    size_t i = 0;
    while (answers[i] && (!c->answer || strcmp(answers[i], c->answer) != 0))
        i++;
    if (!answers[i])
        return kp_fail(err, KP_EINVALID,
                       "answer: '%.40s' is none of accepted, changed, rejected, acknowledged",
                       c->answer ? c->answer : "");
    if (strcmp(c->answer, "changed") == 0 && c->promised == KP_NO_TIME)
        return kp_fail(err, KP_EINVALID, "promised: say when it will be ready instead");
    if (c->comment && strlen(c->comment) > COMMENT_MAX)
        return kp_fail(err, KP_EINVALID, "comment: longer than %d bytes", COMMENT_MAX);
    return change(s, write_confirm, &a, err);
}

/* ---- files that were made durable ---- */
struct written {
    const int64_t *ids;
    size_t n;
    int64_t now;
};

static enum kp_code write_written(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct written *w = arg;
    for (size_t i = 0; i < w->n && !err->code; i++)
        run_with(db, "update booking set written = ?2 where id = ?1", w->ids[i], w->now, err);
    return err->code;
}

enum kp_code kp_bookings_written(struct kp_shop *s, const int64_t *ids, size_t n,
                                 struct kp_err *err)
{
    struct written w = { ids, n, kp_utc(s->clock) };
    return kp_store_do(s->store, write_written, &w, err);
}

struct telling {
    const struct kp_order *as_read;
    int64_t now;
    bool *marked;
};

/* What somebody changed since the order was read stands in no file yet. */
static enum kp_code write_told(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct telling *t = arg;
    const struct kp_order *o = t->as_read;
    struct kp_stmt *s = kp_db_prepare(
        db,
        o->out ? "update work_order set sent = ?1 where id = ?2 and changed = ?3"
               : "update work_order set told = ?1 where id = ?2 and confirmation is ?1 and promised "
                 "is ?3 and reply_comment is ?4",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 2, o->id);
    if (o->out) {
        kp_bind_int(s, 1, t->now);
        kp_bind_int(s, 3, o->changed);
    } else {
        kp_bind_text(s, 1, o->confirmation);
        if (o->promised != KP_NO_TIME)
            kp_bind_int(s, 3, o->promised);
        kp_bind_text(s, 4, o->comment);
    }
    if (!kp_run(s, err))
        *t->marked = kp_db_changes(db) > 0;
    return err->code;
}

enum kp_code kp_order_told(struct kp_shop *s, const struct kp_order *as_read, bool *marked,
                           struct kp_err *err)
{
    struct telling t = { as_read, kp_utc(s->clock), marked };
    *marked = false;
    return kp_store_do(s->store, write_told, &t, err);
}

static enum kp_code write_again(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "update work_order set told = null where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, *(const int64_t *)arg);
    return kp_run(s, err);
}

enum kp_code kp_order_tell_again(struct kp_shop *s, int64_t id, struct kp_err *err)
{
    return kp_store_do(s->store, write_again, &id, err);
}
