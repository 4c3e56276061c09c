/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <string.h>

#include "core/ban.h"

/* From the file into a fresh model. What cannot be placed (a damaged row) is told and left out: it does
 * not keep a factory from starting. Only a lack of memory does. */
struct load {
    struct kp_store *store;
    struct kp_db *db;
    struct kp_model *model;
    struct kp_arena arena;
    struct kp_err *err; /* never NULL */
};

static enum kp_code left_out(struct load *l, const char *what, int64_t id, const struct kp_err *why)
{
    if (why->code == KP_ENOMEM)
        return kp_fail(l->err, KP_ENOMEM, "out of memory loading the model");
    kp_error("store", "left out while loading", "what=%s id=%lld why=%s", what, (long long)id,
             kp_log_quote(why->text));
    return KP_OK;
}

static char *text(struct load *l, struct kp_stmt *row, int column)
{
    const char *s = kp_column_text(row, column);
    char *copy = s ? kp_arena_strdup(&l->arena, s) : NULL;
    if (s && !copy)
        kp_fail(l->err, KP_ENOMEM, "out of memory loading the model");
    return copy;
}

/* ---- assets ---- */

static void load_nameplate(struct load *l, struct kp_asset_info *asset, const char *json)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *each = kp_db_prepare(l->db, "select key, value from json_each(?)", &failure);
    if (!each)
        return;
    kp_bind_text(each, 1, json);
    while (kp_step(each, &failure)) {
        const char *key = kp_column_text(each, 0);
        for (unsigned i = 0; key && i < KP_NAMEPLATE_FIELDS; i++)
            if (strcmp(key, kp_nameplate_name(i)) == 0)
                asset->nameplate[i] = text(l, each, 1);
    }
    kp_reset(each);
    if (failure.code)
        left_out(l, "nameplate", asset->id, &failure);
}

static struct kp_asset_info *read_assets(struct load *l, size_t *n)
{
    struct kp_asset_info *list = NULL;
    size_t room = 0;
    struct kp_stmt *get = kp_db_prepare(
        l->db, "select id, parent, name, kind, label, description, by_hand, nameplate from asset order by id", l->err);
    while (get && kp_step(get, l->err)) {
        if (!kp_grow(&list, &room, *n + 1, sizeof *list)) {
            kp_fail(l->err, KP_ENOMEM, "out of memory loading the model");
            break;
        }
        struct kp_asset_info *a = &list[(*n)++];
        a->id = (kp_asset)kp_column_int(get, 0);
        a->parent = (kp_asset)kp_column_int(get, 1);
        a->name = text(l, get, 2);
        const char *kind = kp_column_text(get, 3), *label = kp_column_text(get, 4);
        if (!kind || !kp_asset_kind_parse(kind, &a->kind))
            a->kind = KP_FOLDER;
        if (!label || !kp_label_parse(label, &a->label))
            a->label = KP_INHERIT;
        a->description = text(l, get, 5);
        a->by_hand = (uint16_t)kp_column_int(get, 6);
        const char *nameplate = text(l, get, 7);
        if (nameplate)
            load_nameplate(l, a, nameplate);
        if (l->err->code)
            break;
    }
    if (get)
        kp_reset(get);
    return list;
}

/* A parent can have a higher number than its child (after a move): as many rounds as needed. */
static void put_assets(struct load *l, struct kp_asset_info *list, size_t n)
{
    bool again = true;
    while (again && !l->err->code) {
        again = false;
        for (size_t i = 0; i < n && !l->err->code; i++) {
            struct kp_asset_info *a = &list[i];
            struct kp_err failure = { 0 };
            if (!a->id || (a->parent && !kp_model_asset(l->model, a->parent)))
                continue;
            if (!kp_model_put_asset(l->model, a, &failure))
                left_out(l, "asset", a->id, &failure);
            a->id = 0;
            again = true;
        }
    }
    const struct kp_err lost = { KP_ENOTFOUND, "the asset above it is missing" };
    for (size_t i = 0; i < n && !l->err->code; i++)
        if (list[i].id)
            left_out(l, "asset", list[i].id, &lost);
}

static enum kp_code load_assets(struct load *l)
{
    size_t n = 0;
    struct kp_asset_info *list = read_assets(l, &n);
    put_assets(l, list, n);
    kp_free(list);
    return l->err->code;
}

/* ---- signals ---- */

static const char signals_sql[] =
    "select id, asset, name, type, unit, unit_text, description, low, high, enums, role, label, stored, writable, "
    "coupling, source, states from signal";

static void load_signal(struct load *l, struct kp_stmt *row)
{
    struct kp_signal_info info = {
        .id = (kp_signal)kp_column_int(row, 0),
        .asset = (kp_asset)kp_column_int(row, 1),
        .name = kp_column_text(row, 2),
        .unit = kp_column_text(row, 4),
        .unit_text = kp_column_text(row, 5),
        .description = kp_column_text(row, 6),
        .low = kp_column_double(row, 7),
        .high = kp_column_double(row, 8),
        .enums = kp_column_text(row, 9),
        .role = kp_column_text(row, 10),
        .stored = kp_column_int(row, 12) != 0,
        .writable = kp_column_int(row, 13) != 0,
        .coupling = (uint16_t)kp_column_int(row, 14),
        .source = kp_column_text(row, 15),
        .states = kp_column_text(row, 16),
    };
    struct kp_err failure = { 0 };
    const char *type = kp_column_text(row, 3), *label = kp_column_text(row, 11);
    if (!type || !kp_type_parse(type, &info.type))
        info.type = KP_NULL;
    if (!label || !kp_label_parse(label, &info.label))
        info.label = KP_INHERIT;
    if (!kp_model_put_signal(l->model, &info, &failure))
        left_out(l, "signal", info.id, &failure);
}

static enum kp_code load_signals(struct load *l)
{
    struct kp_stmt *get = kp_db_prepare(l->db, signals_sql, l->err);
    if (!get)
        return l->err->code;
    while (!l->err->code && kp_step(get, l->err))
        load_signal(l, get);
    kp_reset(get);
    return l->err->code;
}

static enum kp_code restore_values(struct load *l)
{
    const struct kp_signals *g = &l->store->signals;
    for (size_t i = 0; i < g->n; i++) {
        struct kp_err failure = { 0 };
        if (!g->last[i].signal || !kp_model_signal(l->model, (kp_signal)i))
            continue;
        if (kp_model_restore(l->model, &g->last[i], &failure) && left_out(l, "value", (int64_t)i, &failure))
            return l->err->code;
    }
    return KP_OK;
}

/* ---- intervals ---- */

static enum kp_code load_intervals(struct load *l)
{
    struct kp_stmt *get = kp_db_prepare(
        l->db, "select id, asset, kind, start, label, attributes from interval where \"end\" = ?", l->err);
    if (!get)
        return l->err->code;
    kp_bind_int(get, 1, KP_FOREVER);
    while (!l->err->code && kp_step(get, l->err)) {
        struct kp_err failure = { 0 };
        struct kp_interval interval = {
            .id = kp_column_int(get, 0),
            .asset = (kp_asset)kp_column_int(get, 1),
            .start = kp_column_int(get, 3),
            .end = KP_FOREVER,
            .attributes = kp_column_text(get, 5),
        };
        const char *kind = kp_column_text(get, 2), *label = kp_column_text(get, 4);
        if (!kind || !kp_interval_kind_parse(kind, &interval.kind))
            kp_fail(&failure, KP_EPARSE, "its kind is unknown");
        else if (!label || !kp_label_parse(label, &interval.label))
            interval.label = KP_INHERIT;
        if (interval.kind == KP_INTERVAL_GAP && !failure.code)
            continue; /* could not be closed just now; the next start will */
        if (failure.code || !kp_model_put_interval(l->model, &interval, &failure))
            left_out(l, "interval", interval.id, &failure);
    }
    kp_reset(get);
    return l->err->code;
}

static enum kp_code next_ids(struct load *l, int64_t next[3])
{
    static const char *const sql[] = {
        "select max(v) from (select value v from next_id where kind='asset' union select max(id) + 1 from asset)",
        "select max(v) from (select value v from next_id where kind='signal' union select max(id) + 1 from signal)",
        "select max(v) from (select value v from next_id where kind='interval' union select max(id)+1 from interval)",
    };
    for (int i = 0; i < 3; i++)
        if (kp_db_number(l->db, sql[i], 1, &next[i], l->err))
            return l->err->code;
    return KP_OK;
}

/* Gaps and the node's own alarms (they have a key) that were left open end now: what still holds is told
 * again. The time the node was off is a gap of its own. */
static enum kp_code write_gaps(struct load *l, int64_t id)
{
    struct kp_store *s = l->store;
    int64_t now = kp_utc(s->clock);
    struct kp_stmt *close = kp_db_prepare(
        l->db,
        "update interval set \"end\" = max(start, ?1) where \"end\" = ?3 and (kind = ?2"
        " or (asset = 0 and kind = ?4 and attributes ->> 'key' is not null))",
        l->err);
    if (!close)
        return l->err->code;
    kp_bind_int(close, 1, now);
    kp_bind_text(close, 2, kp_interval_kind_name(KP_INTERVAL_GAP));
    kp_bind_int(close, 3, KP_FOREVER);
    kp_bind_text(close, 4, kp_interval_kind_name(KP_INTERVAL_ALARM));
    if (kp_run(close, l->err) || s->last_commit == KP_NO_TIME || s->last_commit >= now)
        return l->err->code;
    struct kp_interval off = { .id = id,
                               .kind = KP_INTERVAL_GAP,
                               .start = s->last_commit,
                               .end = now,
                               .attributes = "{\"reason\":\"node was off\"}" };
    if (kp_rows_put_interval(l->db, &off, l->err))
        return l->err->code;
    return kp_rows_next_id(s, 2, id + 1, l->err);
}

/* A full disk does not keep the node from starting: live values matter more than this note. */
static void note_gaps(struct load *l)
{
    int64_t next[3];
    struct kp_err failure = { 0 }, *outer = l->err;
    l->err = &failure;
    if (!kp_db_exec(l->db, "begin immediate", &failure) && !next_ids(l, next) && !write_gaps(l, next[2]))
        kp_db_exec(l->db, "commit", &failure);
    if (!sqlite3_get_autocommit(l->db->handle))
        kp_db_exec(l->db, "rollback", NULL);
    l->err = outer;
    if (failure.code)
        left_out(l, "gap", 0, &failure);
}

static bool take(void *self, struct kp_batch *batch)
{
    return kp_store_offer(self, batch);
}

enum kp_code kp_store_load(struct kp_store *s, struct kp_hub *hub, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct load l = { .store = s, .db = s->db, .model = kp_hub_model(hub), .err = &failure };
    int64_t next[3];
    note_gaps(&l);
    if (!failure.code && !load_assets(&l) && !load_signals(&l) && !load_intervals(&l) && !restore_values(&l) &&
        !next_ids(&l, next)) {
        kp_model_set_next(l.model, (kp_asset)next[0], (kp_signal)next[1], next[2]);
        s->hub = hub;
        kp_model_watch(l.model, kp_rows_watcher(s));
        kp_hub_set_sink(hub, (struct kp_sink){ .self = s, .take = take });
    }
    kp_arena_free(&l.arena);
    return failure.code ? kp_fail(err, failure.code, "loading the model: %s", failure.text) : KP_OK;
}
