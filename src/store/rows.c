/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include "core/json.h"

#include <string.h>

#include "core/ban.h"

/* Changes of the model on their way into the file. The hub thread copies what changed into one
 * block; the store thread writes it in front of any sample offered later. */
struct change {
    struct kp_msg msg;
    enum kp_change what;
    int64_t id;
    union {
        struct kp_asset_info asset;
        struct kp_signal_info signal;
        struct kp_interval interval;
    };
    char text[];
};

/* ---- noting (hub thread) ---- */

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

static void move_text(const char **s, char **to)
{
    if (!*s)
        return;
    size_t n = strlen(*s) + 1;
    memcpy(*to, *s, n);
    *s = *to;
    *to += n;
}

static struct change *new_change(size_t text, enum kp_change what, int64_t id)
{
    struct change *c = kp_alloc(sizeof *c + text);
    if (!c)
        return NULL;
    c->msg.kind = KP_MSG_ROW;
    c->msg.cost = (uint32_t)(sizeof *c + text);
    c->what = what;
    c->id = id;
    return c;
}

static struct change *note_asset(const struct kp_asset_info *asset)
{
    size_t n = text_size(asset->name) + text_size(asset->description);
    for (unsigned i = 0; i < KP_NAMEPLATE_FIELDS; i++)
        n += text_size(asset->nameplate[i]);
    struct change *c = new_change(n, KP_ASSET_PUT, asset->id);
    if (!c)
        return NULL;
    char *to = c->text;
    c->asset = *asset;
    move_text(&c->asset.name, &to);
    move_text(&c->asset.description, &to);
    for (unsigned i = 0; i < KP_NAMEPLATE_FIELDS; i++)
        move_text(&c->asset.nameplate[i], &to);
    return c;
}

static struct change *note_signal(const struct kp_signal_info *signal)
{
    struct kp_signal_info copy = *signal;
    const char **const texts[] = { &copy.name,   &copy.description, &copy.unit, &copy.unit_text,
                                   &copy.source, &copy.role,        &copy.enums, &copy.states };
    size_t n = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        n += text_size(*texts[i]);
    struct change *c = new_change(n, KP_SIGNAL_PUT, signal->id);
    if (!c)
        return NULL;
    char *to = c->text;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        move_text(texts[i], &to);
    c->signal = copy;
    return c;
}

static struct change *note_interval(const struct kp_interval *interval)
{
    struct change *c = new_change(text_size(interval->attributes), KP_INTERVAL_PUT, interval->id);
    if (!c)
        return NULL;
    char *to = c->text;
    c->interval = *interval;
    move_text(&c->interval.attributes, &to);
    return c;
}

static struct change *note(struct kp_model *model, enum kp_change what, int64_t id, const struct kp_interval *interval)
{
    const struct kp_asset_info *asset;
    const struct kp_signal_info *signal;
    switch (what) {
    case KP_ASSET_PUT:
        asset = kp_model_asset(model, (kp_asset)id);
        return asset ? note_asset(asset) : NULL;
    case KP_SIGNAL_PUT:
        signal = kp_model_signal(model, (kp_signal)id);
        return signal ? note_signal(signal) : NULL;
    case KP_INTERVAL_PUT:
        return note_interval(interval);
    default:
        return new_change(0, what, id);
    }
}

/* While the disk takes nothing, machines go on having alarms and programs. */
static bool has_room(struct kp_store *s)
{
    if (atomic_load(&s->rows_bytes) < KP_ROWS_BUDGET)
        return true;
    pthread_mutex_lock(&s->mutex);
    bool stalled = s->stats.stalled;
    pthread_mutex_unlock(&s->mutex);
    return !stalled;
}

static void changed(void *self, enum kp_change what, int64_t id, const struct kp_interval *interval)
{
    struct kp_store *s = self;
    struct change *c = has_room(s) ? note(kp_hub_model(s->hub), what, id, interval) : NULL;
    size_t cost = c ? c->msg.cost : 0;
    atomic_fetch_add(&s->rows_bytes, cost);
    if (c && kp_queue_push_urgent(s->queue, &c->msg))
        return;
    atomic_fetch_sub(&s->rows_bytes, cost);
    kp_free(c);
    atomic_store(&s->rows_lost, true);
}

struct kp_watcher kp_rows_watcher(struct kp_store *s)
{
    return (struct kp_watcher){ .self = s, .changed = changed };
}

/* ---- noting all of it again ---- */

struct rewrite {
    struct kp_store *store;
    struct kp_model *model;
    int64_t *open; /* intervals open in the model */
    size_t n, room;
    bool failed;
};

static void keep(struct rewrite *r, struct change *c)
{
    if (!c) {
        r->failed = true;
        return;
    }
    atomic_fetch_add(&r->store->rows_bytes, c->msg.cost);
    kp_msgs_add(&r->store->rows, &c->msg);
}

static bool keep_interval(void *arg, const struct kp_interval *interval)
{
    struct rewrite *r = arg;
    keep(r, note_interval(interval));
    if (kp_grow(&r->open, &r->room, r->n + 1, sizeof *r->open))
        r->open[r->n++] = interval->id;
    else
        r->failed = true;
    return !r->failed;
}

static bool is_open(const struct rewrite *r, int64_t id)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->open[i] == id)
            return true;
    return false;
}

/* Open in the file and not in the model: it ended, at a time nobody noted. */
static void close_intervals(struct rewrite *r)
{
    struct kp_err err = { 0 };
    struct kp_db *db = r->store->db;
    struct kp_stmt *ids = kp_db_prepare(db, "select id from interval where \"end\" = ?", &err);
    struct kp_stmt *close = kp_db_prepare(db, "update interval set \"end\" = max(start, ?2) where id = ?1", &err);
    if (ids && close)
        kp_bind_int(ids, 1, KP_FOREVER);
    while (ids && close && kp_step(ids, &err)) {
        int64_t id = kp_column_int(ids, 0);
        if (is_open(r, id))
            continue;
        kp_bind_int(close, 1, id);
        kp_bind_int(close, 2, kp_utc(r->store->clock));
        if (kp_run(close, &err))
            break;
    }
    if (ids)
        kp_reset(ids);
    r->failed |= err.code != KP_OK;
}

static void keep_assets(struct rewrite *r, kp_asset parent)
{
    const kp_asset *list;
    size_t n = kp_model_child_assets(r->model, parent, &list);
    for (size_t i = 0; i < n && !r->failed; i++) {
        keep(r, note_asset(kp_model_asset(r->model, list[i])));
        keep_assets(r, list[i]); /* at most KP_DEPTH_MAX deep */
    }
}

/* What is in the file and not in the model was removed meanwhile. */
static void keep_removed(struct rewrite *r, const char *sql, enum kp_change what)
{
    struct kp_stmt *ids = kp_db_prepare(r->store->db, sql, NULL);
    if (!ids) {
        r->failed = true;
        return;
    }
    while (kp_step(ids, NULL)) {
        int64_t id = kp_column_int(ids, 0);
        bool there = what == KP_ASSET_REMOVED ? kp_model_asset(r->model, (kp_asset)id) != NULL
                                              : kp_model_signal(r->model, (kp_signal)id) != NULL;
        if (!there)
            keep(r, new_change(0, what, id));
    }
}

/* Rare and slow: the hub waits for the lock meanwhile, which a node out of memory or behind a long stall can bear. */
static void rewrite(struct kp_store *s)
{
    struct rewrite r = { .store = s, .model = kp_hub_model(s->hub) };
    kp_model_lock(r.model);
    keep_assets(&r, 0);
    for (kp_signal i = 1; i < kp_model_signal_end(r.model) && !r.failed; i++)
        if (kp_model_signal(r.model, i))
            keep(&r, note_signal(kp_model_signal(r.model, i)));
    kp_model_open_intervals(r.model, 0, keep_interval, &r);
    if (!r.failed) {
        keep_removed(&r, "select id from asset", KP_ASSET_REMOVED);
        keep_removed(&r, "select id from signal", KP_SIGNAL_REMOVED);
        close_intervals(&r);
    }
    kp_model_unlock(r.model);
    kp_free(r.open);
    if (r.failed)
        atomic_store(&s->rows_lost, true);
}

bool kp_rows_whole(struct kp_store *s)
{
    if (s->db && !s->reopen && !s->rows.first && atomic_exchange(&s->rows_lost, false))
        rewrite(s);
    return !atomic_load(&s->rows_lost);
}

/* ---- writing (store thread) ---- */

static void write_nameplate(struct kp_buf *out, const struct kp_asset_info *asset)
{
    struct kp_json json = kp_json(out);
    kp_json_begin(&json, '{');
    for (unsigned i = 0; i < KP_NAMEPLATE_FIELDS; i++)
        if (asset->nameplate[i])
            kp_json_put_text(&json, kp_nameplate_name(i), asset->nameplate[i]);
    kp_json_end(&json, '}');
}

static enum kp_code put_asset(struct kp_db *db, const struct kp_asset_info *asset, struct kp_err *err)
{
    struct kp_stmt *put = kp_db_prepare(db,
                                        "insert or replace into asset(id, parent, name, kind, label, description, "
                                        "nameplate, by_hand) values(?, ?, ?, ?, ?, ?, ?, ?)",
                                        err);
    if (!put)
        return err->code;
    struct kp_buf nameplate;
    kp_buf_init(&nameplate, 1 << 20);
    write_nameplate(&nameplate, asset);
    enum kp_code code;
    kp_bind_int(put, 1, asset->id);
    kp_bind_int(put, 2, asset->parent);
    kp_bind_text(put, 3, asset->name);
    kp_bind_text(put, 4, kp_asset_kind_name(asset->kind));
    kp_bind_text(put, 5, kp_label_name(asset->label));
    kp_bind_text(put, 6, asset->description);
    kp_bind_text(put, 7, nameplate.len > 2 ? kp_buf_text(&nameplate) : NULL);
    kp_bind_int(put, 8, asset->by_hand);
    if (nameplate.failed)
        code = kp_fail(err, KP_ENOMEM, "out of memory writing asset %u", (unsigned)asset->id);
    else
        code = kp_run(put, err);
    kp_buf_free(&nameplate);
    return code;
}

/* On conflict, so that `span` stays. */
static const char signal_sql[] =
    "insert into signal(id, asset, name, type, unit, unit_text, description, low, high, enums, role, label, stored, "
    "writable, coupling, source, states) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict(id) do update "
    "set asset = excluded.asset, name = excluded.name, type = excluded.type, unit = excluded.unit, "
    "unit_text = excluded.unit_text, description = excluded.description, low = excluded.low, high = excluded.high, "
    "enums = excluded.enums, role = excluded.role, label = excluded.label, stored = excluded.stored, "
    "writable = excluded.writable, coupling = excluded.coupling, source = excluded.source, "
    "states = excluded.states";

static enum kp_code put_signal(struct kp_db *db, const struct kp_signal_info *signal, struct kp_err *err)
{
    struct kp_stmt *put = kp_db_prepare(db, signal_sql, err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, signal->id);
    kp_bind_int(put, 2, signal->asset);
    kp_bind_text(put, 3, signal->name);
    kp_bind_text(put, 4, kp_type_name(signal->type));
    kp_bind_text(put, 5, signal->unit);
    kp_bind_text(put, 6, signal->unit_text);
    kp_bind_text(put, 7, signal->description);
    kp_bind_double(put, 8, signal->low);
    kp_bind_double(put, 9, signal->high);
    kp_bind_text(put, 10, signal->enums);
    kp_bind_text(put, 11, signal->role);
    kp_bind_text(put, 12, kp_label_name(signal->label));
    kp_bind_int(put, 13, signal->stored);
    kp_bind_int(put, 14, signal->writable);
    kp_bind_int(put, 15, signal->coupling);
    kp_bind_text(put, 16, signal->source);
    kp_bind_text(put, 17, signal->states);
    return kp_run(put, err);
}

enum kp_code kp_rows_put_interval(struct kp_db *db, const struct kp_interval *interval, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *put = kp_db_prepare(db,
                                        "insert or replace into interval(id, asset, kind, start, \"end\", label, "
                                        "attributes) values(?, ?, ?, ?, ?, ?, ?)",
                                        &failure);
    if (put) {
        kp_bind_int(put, 1, interval->id);
        kp_bind_int(put, 2, interval->asset);
        kp_bind_text(put, 3, kp_interval_kind_name(interval->kind));
        kp_bind_int(put, 4, interval->start);
        kp_bind_int(put, 5, interval->end);
        kp_bind_text(put, 6, kp_label_name(interval->label));
        kp_bind_text(put, 7, interval->attributes ? interval->attributes : "{}");
        kp_run(put, &failure);
    }
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* As the trigger shop_interval: what a person removes did not happen. (What retention removes did.) */
static const char shop_days_of_interval[] =
    "delete from shop_day where (asset, day) in (select d.asset, d.day from interval i join shop_day d on d.asset = i.asset and "
    "d.day < i.\"end\" and d.day > i.start - 90000000000000 and d.until > i.start where i.id = ?)";

static enum kp_code remove_row(struct kp_db *db, const char *sql, int64_t id, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(db, sql, err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, id);
    return kp_run(del, err);
}

/* Numbers are never used again, also when their owner is gone from the file. */
enum kp_code kp_rows_next_id(struct kp_store *s, int kind, int64_t next, struct kp_err *err)
{
    static const char *const names[] = { "asset", "signal", "interval" };
    if (next <= s->next_ids[kind])
        return KP_OK;
    struct kp_err failure = { 0 };
    struct kp_stmt *put = kp_db_prepare(s->db,
                                        "insert into next_id(kind, value) values(?1, ?2) on conflict(kind) do "
                                        "update set value = max(value, excluded.value)",
                                        &failure);
    if (put) {
        kp_bind_text(put, 1, names[kind]);
        kp_bind_int(put, 2, next);
        kp_run(put, &failure);
    }
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

static enum kp_code apply(struct kp_store *s, struct change *c, int64_t most[3], struct kp_err *err)
{
    switch (c->what) {
    case KP_ASSET_PUT:
        most[0] = c->id > most[0] ? c->id : most[0];
        return put_asset(s->db, &c->asset, err);
    case KP_SIGNAL_PUT:
        most[1] = c->id > most[1] ? c->id : most[1];
        return put_signal(s->db, &c->signal, err);
    case KP_INTERVAL_PUT:
        most[2] = c->id > most[2] ? c->id : most[2];
        return kp_rows_put_interval(s->db, &c->interval, err);
    case KP_ASSET_REMOVED:
        return kp_secrecy_removing(s->db, false, c->id, err)
                   ? err->code
                   : remove_row(s->db, "delete from asset where id = ?", c->id, err);
    case KP_SIGNAL_REMOVED:
        return kp_secrecy_removing(s->db, true, c->id, err)
                   ? err->code
                   : remove_row(s->db, "delete from signal where id = ?", c->id, err);
    case KP_INTERVAL_REMOVED:
        return remove_row(s->db, shop_days_of_interval, c->id, err)
                   ? err->code
                   : remove_row(s->db, "delete from interval where id = ?", c->id, err);
    }
    return KP_OK;
}

/* A row that can never be written must not hold up all others for ever. */
static bool is_hopeless(enum kp_code code)
{
    return code == KP_EINVALID || code == KP_EEXISTS;
}

enum kp_code kp_rows_apply(struct kp_store *s, struct kp_err *err)
{
    int64_t most[3] = { 0 };
    for (struct kp_msg *m = s->rows.first; m; m = m->next) {
        struct change *c = (struct change *)m;
        struct kp_err failure = { 0 };
        if (apply(s, c, most, &failure) == KP_OK)
            continue;
        if (!is_hopeless(failure.code))
            return kp_fail(err, failure.code, "%s", failure.text);
        kp_error("store", "a change of the model cannot be written", "id=%lld why=%s", (long long)c->id,
                 kp_log_quote(failure.text));
    }
    for (int i = 0; i < 3; i++)
        if (kp_rows_next_id(s, i, most[i] ? most[i] + 1 : 0, err))
            return err->code;
    return KP_OK;
}

void kp_rows_applied(struct kp_store *s)
{
    static const signed char kinds[] = { [KP_ASSET_PUT] = 1, [KP_SIGNAL_PUT] = 2, [KP_INTERVAL_PUT] = 3,
                                         [KP_INTERVAL_REMOVED] = 0 };
    for (struct kp_msg *m; (m = kp_msgs_pop(&s->rows));) {
        struct change *c = (struct change *)m;
        int kind = kinds[c->what];
        if (kind && c->id >= s->next_ids[kind - 1])
            s->next_ids[kind - 1] = c->id + 1;
        if (c->what == KP_SIGNAL_REMOVED)
            kp_signals_forget(s, (kp_signal)c->id);
        atomic_fetch_sub(&s->rows_bytes, c->msg.cost);
        kp_free(c);
    }
}
