/* SPDX-License-Identifier: Apache-2.0 */
/* Which machines are asked of, and their days: from the table or made anew. */
#include "flex/keep.h"

#include "core/hub.h"
#include "store/chunk.h"
#include "store/interval_sum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { MACHINES_MAX = 2000, BLOB_MAX = 1 << 20 };
#define SETTLED (3600 * KP_SECOND) /* after its end a day is kept */

/* ---- machines ---- */
struct finding {
    struct kp_model *model;
    const char *pattern;
    enum kp_recipient to;
    const struct shop_rules *rules;
    struct shop_machines *out;
    struct kp_err *err;
};

/* The model's lock is held. What is told of a machine is made of its counters and states, so the
 * strictest label among them holds. */
static bool add(struct finding *f, kp_asset id, const char *path)
{
    struct shop_machines *l = f->out;
    for (size_t i = 0; i < l->n; i++)
        if (l->of[i].id == id)
            return true;
    if (l->n == MACHINES_MAX)
        return kp_fail(f->err, KP_EFULL, "more than %d machines match: ask for fewer",
                       MACHINES_MAX) == KP_OK;
    if (!kp_grow(&l->of, &l->room, l->n + 1, sizeof *l->of))
        return kp_fail(f->err, KP_ENOMEM, "out of memory") == KP_OK;
    struct shop_machine *m = &l->of[l->n];
    *m = (struct shop_machine){ .id = id };
    snprintf(m->path, sizeof m->path, "%s", path);
    uint8_t label =
        kp_sources_find(f->model, id, kp_settings_machine(&f->rules->settings, path), &m->sources);
    l->n += kp_gate_label(f->to, label) && kp_gate_made_of(f->model, f->to, id);
    return true;
}

static bool match(void *arg, kp_asset id)
{
    struct finding *f = arg;
    char path[KP_PATH_MAX];
    bool more = true;
    kp_model_lock(f->model);
    if (kp_model_asset(f->model, id)) {
        kp_model_asset_path(f->model, id, path, sizeof path);
        if (kp_pattern_match(f->pattern, path))
            more = add(f, id, path);
    }
    kp_model_unlock(f->model);
    return more;
}

static int by_path(const void *a, const void *b)
{
    const struct shop_machine *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static enum kp_code add_plain(struct finding *f)
{
    kp_model_lock(f->model);
    kp_asset id = kp_model_find_asset(f->model, f->pattern);
    if (!id || !kp_gate_asset(f->model, f->to, id))
        kp_fail(f->err, KP_ENOTFOUND, "there is no asset '%.160s'", f->pattern);
    else if (kp_model_asset(f->model, id)->kind == KP_MACHINE)
        add(f, id, f->pattern);
    kp_model_unlock(f->model);
    return f->err->code;
}

/* Those with states, in path order with what is there. */
static enum kp_code add_with_states(struct kp_shop *s, struct finding *f, struct kp_err *err)
{
    struct shop_machines *out = f->out;
    struct kp_db *db = f->err->code ? NULL : kp_store_reader(s->store, f->err);
    if (db) {
        kp_interval_assets(db, KP_INTERVAL_STATE, match, f, f->err);
        kp_store_reader_done(s->store, db);
    }
    if (out->n)
        qsort(out->of, out->n, sizeof *out->of, by_path);
    return f->err->code ? kp_fail(err, f->err->code, "%s", f->err->text) : KP_OK;
}

enum kp_code shop_machines(struct kp_shop *s, const char *pattern, enum kp_recipient to,
                           const struct shop_rules *rules, struct shop_machines *out,
                           struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct finding f = { kp_hub_model(s->hub), pattern, to, rules, out, &own };
    if (*pattern && kp_pattern_plain(pattern) && add_plain(&f))
        return kp_fail(err, own.code, "%s", own.text);
    return add_with_states(s, &f, err);
}

struct ids {
    kp_asset *of;
    size_t n, room;
};

/* Machines below an asset. The model's lock is held. */
static bool collect(const struct kp_model *m, kp_asset from, struct ids *ids)
{
    const kp_asset *list;
    size_t n = kp_model_child_assets(m, from, &list);
    for (size_t i = 0; i < n; i++) {
        bool machine = kp_model_asset(m, list[i])->kind == KP_MACHINE;
        if (machine && !kp_grow(&ids->of, &ids->room, ids->n + 1, sizeof *ids->of))
            return false;
        if (machine)
            ids->of[ids->n++] = list[i];
        if (!collect(m, list[i], ids))
            return false;
    }
    return true;
}

enum kp_code shop_places(struct kp_shop *s, const char *pattern, enum kp_recipient to,
                         const struct shop_rules *rules, struct shop_machines *out,
                         struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct finding f = { kp_hub_model(s->hub), pattern, to, rules, out, &own };
    struct ids ids = { 0 };
    kp_model_lock(f.model);
    bool whole = collect(f.model, 0, &ids);
    kp_model_unlock(f.model);
    if (!whole)
        kp_fail(&own, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < ids.n && !own.code; i++)
        match(&f, ids.of[i]);
    kp_free(ids.of);
    return add_with_states(s, &f, err);
}

void shop_machines_free(struct shop_machines *l)
{
    kp_free(l->of);
    *l = (struct shop_machines){ 0 };
}

int64_t shop_first_interval(struct kp_shop *s, kp_asset id, struct kp_err *err)
{
    int64_t first = KP_FOREVER;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get =
        db ? kp_db_prepare(db, "select min(start) from interval where asset = ? and kind = 'state'",
                           err)
           : NULL;
    if (get) {
        kp_bind_int(get, 1, id);
        if (kp_step(get, err) && !kp_column_null(get, 0))
            first = kp_column_int(get, 0);
        kp_reset(get);
    }
    if (db)
        kp_store_reader_done(s->store, db);
    return first;
}

/* ---- days ---- */
/* What a row says it counts: when other signals do, it is made anew. */
static int64_t sources_sum(const struct shop_machine *m)
{
    return kp_crc32c(&m->sources, sizeof m->sources);
}

/* The rows of a machine from a day on, as one walk. */
struct rows {
    struct kp_shop *s;
    struct kp_db *db;
    struct kp_stmt *get;
    bool row; /* it stands on one */
    int64_t day;
};

static void rows_end(struct rows *r)
{
    if (r->get)
        kp_reset(r->get);
    if (r->db)
        kp_store_reader_done(r->s->store, r->db);
    r->get = NULL;
    r->db = NULL;
}

static void rows_step(struct rows *r, struct kp_err *err)
{
    r->row = kp_step(r->get, err);
    r->day = r->row ? kp_column_int(r->get, 0) : 0;
    if (!r->row)
        r->get = NULL; /* it has reset itself */
}

static bool rows_begin(struct rows *r, const struct shop_machine *m, int64_t from, int64_t to,
                       struct kp_err *err)
{
    r->db = kp_store_reader(r->s->store, err);
    r->get = r->db ? kp_db_prepare(
                         r->db,
                         "select day, until, data from shop_day where asset = ? and day >= ? and "
                         "day < ? and sources = ? and data is not null order by day",
                         err)
                   : NULL;
    if (!r->get)
        return false;
    kp_bind_int(r->get, 1, m->id);
    kp_bind_int(r->get, 2, from);
    kp_bind_int(r->get, 3, to);
    kp_bind_int(r->get, 4, sources_sum(m));
    rows_step(r, err);
    return !err->code;
}

/* The row of a day; one that is damaged is none, so it is made anew. */
static bool rows_find(struct rows *r, int64_t day, int64_t until, struct kp_arena *arena,
                      struct kp_day *out, struct kp_err *err)
{
    struct kp_err damage = { 0 };
    while (r->get && r->row && r->day < day && !err->code)
        rows_step(r, err);
    if (!r->get || !r->row || err->code || r->day != day || kp_column_int(r->get, 1) != until)
        return false;
    size_t len;
    const void *data = kp_column_blob(r->get, 2, &len);
    if (kp_day_decode(data, len, arena, out, &damage) == KP_ENOMEM)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return !damage.code;
}

struct writing {
    const struct shop_machine *m;
    int64_t from, to, mark, version;
    struct kp_buf data;
};

/* Announces a row: what changes from here on deletes it, so that no sum of old points is written.
 */
static enum kp_code announce(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct writing *w = arg;
    if (shop_rules_version(db, err) != w->version || err->code)
        return err->code; /* by rules that are no more in force: it is not kept */
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert or replace into shop_day(asset, day, until, mark, sources) values(?, ?, ?, ?, ?)",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, w->m->id);
    kp_bind_int(s, 2, w->from);
    kp_bind_int(s, 3, w->to);
    kp_bind_int(s, 4, w->mark);
    kp_bind_int(s, 5, sources_sum(w->m));
    kp_run(s, err);
    for (size_t i = 0; i < KP_COUNTS && !err->code; i++) {
        s = w->m->sources.of[i]
                ? kp_db_prepare(
                      db, "insert or replace into shop_signal(signal, asset) values(?, ?)", err)
                : NULL;
        if (!s)
            continue;
        kp_bind_int(s, 1, w->m->sources.of[i]);
        kp_bind_int(s, 2, w->m->id);
        kp_run(s, err);
    }
    return err->code;
}

static enum kp_code write_row(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct writing *w = arg;
    struct kp_stmt *s = kp_db_prepare(
        db, "update shop_day set data = ? where asset = ? and day = ? and mark = ?", err);
    if (!s)
        return err->code;
    kp_bind_blob(s, 1, w->data.data, w->data.len);
    kp_bind_int(s, 2, w->m->id);
    kp_bind_int(s, 3, w->from);
    kp_bind_int(s, 4, w->mark);
    return kp_run(s, err);
}

static enum kp_code sum_up(struct kp_shop *s, const struct kp_day_query *q, struct kp_arena *arena,
                           struct kp_day *out, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (!db)
        return err->code;
    kp_day_sum(db, q, arena, out, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}

static void keep_day(struct kp_shop *s, struct writing *w, const struct kp_day *d,
                     struct kp_err *err)
{
    kp_buf_init(&w->data, BLOB_MAX);
    kp_day_encode(d, &w->data);
    if (w->data.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_store_do(s->store, write_row, w, err);
    kp_buf_free(&w->data);
}

/* Sums a day up, and keeps it when it is whole and over. */
static bool make_day(struct kp_shop *s, const struct shop_rules *rules,
                     const struct kp_day_query *q, const struct shop_machine *m, bool whole,
                     struct kp_arena *arena, struct kp_day *out, struct kp_err *err)
{
    bool keeps = whole && q->to < q->now - SETTLED;
    struct writing w = { .m = m, .from = q->from, .to = q->to, .version = rules->version };
    kp_random(&w.mark, sizeof w.mark);
    if (keeps)
        kp_store_do(s->store, announce, &w, err);
    if (!err->code && !sum_up(s, q, arena, out, err) && keeps)
        keep_day(s, &w, out, err);
    return keeps;
}

enum kp_code shop_day(struct kp_shop *s, const struct shop_rules *rules,
                      const struct shop_machine *m, int64_t from, int64_t to, int64_t now,
                      struct kp_arena *arena, struct kp_day *out, bool *fresh, struct kp_err *err)
{
    struct kp_day_query q = { m->id,     m->path, from, to, now, &rules->calendar, &rules->settings,
                              m->sources };
    struct rows rows = { .s = s };
    bool found = rows_begin(&rows, m, from, to, err) && rows_find(&rows, from, to, arena, out, err);
    rows_end(&rows);
    *fresh = !found && !err->code && make_day(s, rules, &q, m, true, arena, out, err);
    return err->code;
}

/* Whether the thread is to make a day, for who asks has waited long enough. */
static bool left_over(struct kp_shop *s, const struct shop_rules *rules,
                      const struct kp_day_query *q, bool whole)
{
    struct kp_shop_patience *p = rules->patience;
    if (!p || !whole || q->to >= q->now - SETTLED || kp_mono(s->clock) < p->until)
        return false;
    if (!p->making++)
        shop_hurry(s);
    return true;
}

void shop_put_making(struct kp_json *j, const struct kp_shop_query *q)
{
    if (q->patience && q->patience->making)
        kp_json_put_int(j, "making", (int64_t)q->patience->making);
}

enum kp_code shop_days(struct kp_shop *s, const struct shop_rules *rules,
                       const struct shop_machine *m, int64_t from, int64_t to, int64_t now,
                       bool (*each)(void *, const struct kp_day *), void *arg, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct rows rows = { .s = s };
    bool more = true;
    while (from < to && more && !err->code) {
        struct kp_day d;
        struct shop_bounds b = shop_bounds(rules, from);
        int64_t next = b.to < to ? b.to : to;
        struct kp_day_query q = {
            m->id, m->path, from, next, now, &rules->calendar, &rules->settings, m->sources
        };
        bool whole = b.from == from && b.to == next;
        if (!rows.db && !rows_begin(&rows, m, from, to, err))
            break;
        bool found = whole && rows_find(&rows, from, next, &arena, &d, err);
        bool waits = found || !left_over(s, rules, &q, whole);
        if (!found && waits && !err->code) {
            rows_end(&rows); /* no walk waits while days are made */
            make_day(s, rules, &q, m, whole, &arena, &d, err);
        }
        more = !err->code && (!waits || each(arg, &d));
        from = next;
        kp_arena_reset(&arena);
    }
    rows_end(&rows);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code shop_days_learn(struct kp_shop *s, const struct shop_rules *rules,
                             const struct shop_machine *m, int64_t from, int64_t to, int64_t now,
                             bool (*each)(void *, const struct kp_day *), void *arg,
                             struct kp_err *err)
{
    size_t making = rules->patience ? rules->patience->making : 0;
    shop_days(s, rules, m, from, to, now, each, arg, err);
    if (rules->patience)
        rules->patience->making = making;
    return err->code;
}
