/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as people see and change them. */
#include "net/json_members.h"
#include "shield/keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *const device_field_keys[] = { "manufacturer", "product",  "orderCode",
                                          "serialNumber", "hardware", "firmware",
                                          "cpe",          "purl",     NULL };
enum { ALIASES_MAX = 64 << 10 };
#define COLUMNS "manufacturer, product, order_code, serial, hardware, firmware, cpe, purl"
#define ROWS                                                                                       \
    "select id, name, coalesce(asset, 0), coalesce(host, 0), source, by_hand, weight, expected,"   \
    " coalesce(expected_until, 0), coalesce(alarm, 0), made, changed, " COLUMNS " from device"

/* ---- rows ---- */
static const char *copy(struct kp_stmt *s, int column, struct kp_arena *arena, struct kp_err *err)
{
    const char *text = kp_column_copy(s, column, arena);
    if (!text && !kp_column_null(s, column))
        kp_fail(err, KP_ENOMEM, "out of memory");
    return text;
}

static void read_row(struct kp_stmt *s, struct kp_arena *arena, struct device_row *r,
                     struct kp_err *err)
{
    *r = (struct device_row){ .id = kp_column_int(s, 0),
                              .name = copy(s, 1, arena, err),
                              .asset = kp_column_int(s, 2),
                              .host = kp_column_int(s, 3),
                              .source = copy(s, 4, arena, err),
                              .by_hand = kp_column_int(s, 5),
                              .weight = kp_column_int(s, 6),
                              .expected = copy(s, 7, arena, err),
                              .expected_until = kp_column_int(s, 8),
                              .alarm = kp_column_int(s, 9),
                              .made = kp_column_int(s, 10),
                              .changed = kp_column_int(s, 11) };
    for (int i = 0; i < DEVICE_FIELDS; i++)
        r->field[i] = copy(s, 12 + i, arena, err);
}

enum kp_code device_rows(struct kp_db *db, int64_t id, struct kp_arena *arena,
                         struct device_row **rows, size_t *n, struct kp_err *err)
{
    struct device_row *list = NULL;
    size_t room = 0;
    *n = 0;
    struct kp_stmt *s = kp_db_prepare(db, id ? ROWS " where id = ?" : ROWS " order by name", err);
    if (!s)
        return err->code;
    if (id)
        kp_bind_int(s, 1, id);
    while (kp_step(s, err)) {
        if (!kp_grow(&list, &room, *n + 1, sizeof *list)) {
            kp_reset(s);
            kp_fail(err, KP_ENOMEM, "out of memory");
            break;
        }
        read_row(s, arena, &list[(*n)++], err);
    }
    if (!err->code && !(*rows = kp_arena_alloc(arena, (*n + 1) * sizeof **rows)))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!err->code && *n)
        memcpy(*rows, list, *n * sizeof *list);
    kp_free(list);
    if (!err->code && id && !*n)
        kp_fail(err, KP_ENOTFOUND, "there is no device %lld", (long long)id);
    return err->code;
}

/* ---- writing one ---- */
static enum kp_code find_id(struct kp_db *db, struct device_put *p, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      p->asset ? "select id from device where asset = ?1 or name = ?2"
                                 " order by asset is not ?1"
                               : "select id from device where name = ?2 and ?1 = 0",
                      err);
    if (!s || p->id)
        return err->code;
    kp_bind_int(s, 1, p->asset);
    kp_bind_text(s, 2, p->name);
    if (kp_step(s, err)) {
        p->id = kp_column_int(s, 0);
        kp_reset(s);
    }
    return err->code;
}

static enum kp_code make(struct kp_db *db, struct device_put *p, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "insert into device(name, source, made, changed) select ?, ?, ?3, ?3"
                      " where (select count(*) from device) < ?4",
                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, p->name);
    kp_bind_text(s, 2, p->source);
    kp_bind_int(s, 3, p->now);
    kp_bind_int(s, 4, KP_SHIELD_DEVICES_MAX);
    if (kp_run(s, err))
        return err->code;
    if (!kp_db_changes(db))
        return kp_fail(err, KP_EFULL, "the inventory holds %d devices; remove some",
                       KP_SHIELD_DEVICES_MAX);
    p->id = kp_db_last_id(db);
    p->made = true;
    return KP_OK;
}

/* "V2.9.4" and "2.9.4" are no change. */
static bool same_firmware(const char *a, const char *b)
{
    struct kp_version x, y;
    if (strcmp(a, b) == 0)
        return true;
    return kp_version_read(a, &x) && kp_version_read(b, &y) && !a[x.to] && !b[y.to] &&
           kp_version_compare(&x, &y).order == KP_EQUAL && x.n == y.n;
}

static bool announced(const struct device_row *r, const struct device_put *p, const char *firmware)
{
    if (strcmp(p->via, "machine") != 0)
        return true;
    return r->expected && r->expected_until >= p->now &&
           (!*r->expected || same_firmware(r->expected, firmware));
}

static enum kp_code note_version(struct kp_db *db, struct device_put *p, const struct device_row *r,
                                 const char *firmware, struct kp_err *err)
{
    const char *old = r->field[FIELD_FIRMWARE];
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into device_version(device, at, old, new, via,"
                                      " expected, who) values(?, ?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    bool expected = !old || announced(r, p, firmware);
    kp_bind_int(s, 1, p->id);
    kp_bind_int(s, 2, p->now);
    kp_bind_text(s, 3, old);
    kp_bind_text(s, 4, *firmware ? firmware : NULL);
    kp_bind_text(s, 5, p->via);
    kp_bind_int(s, 6, expected);
    kp_bind_text(s, 7, p->who);
    p->unexpected = !expected;
    p->other = old != NULL;
    snprintf(p->old, sizeof p->old, "%s", old ? old : "");
    return kp_run(s, err);
}

static enum kp_code write_row(struct kp_db *db, struct device_put *p, const struct device_row *r,
                              const char *const *field, int64_t by_hand, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update device set (" COLUMNS ") = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8), by_hand = ?9,"
        " weight = ?10, asset = nullif(?11, 0), host = nullif(?12, 0), changed = ?13, name = ?14"
        " where id = ?15",
        err);
    if (!s)
        return err->code;
    for (int i = 0; i < DEVICE_FIELDS; i++)
        kp_bind_text(s, i + 1, field[i] && *field[i] ? field[i] : NULL);
    kp_bind_int(s, 9, by_hand);
    kp_bind_int(s, 10, p->weight < 0 ? r->weight : p->weight);
    kp_bind_int(s, 11, p->asset ? p->asset : r->asset);
    kp_bind_int(s, 12, p->host < 0 ? r->host : p->host);
    kp_bind_int(s, 13, p->now);
    kp_bind_text(s, 14, p->name ? p->name : r->name);
    kp_bind_int(s, 15, p->id);
    return kp_run(s, err);
}

/* What a machine or a file says does not replace what a person typed. */
static enum kp_code merge(struct kp_db *db, struct device_put *p, const struct device_row *r,
                          struct kp_err *err)
{
    const char *field[DEVICE_FIELDS];
    bool hand = strcmp(p->via, "hand") == 0;
    int64_t by_hand = r->by_hand;
    p->changed = p->made || (p->weight >= 0 && p->weight != r->weight) ||
                 (p->host >= 0 && p->host != r->host) || (p->asset && p->asset != r->asset) ||
                 (p->name && strcmp(p->name, r->name) != 0);
    for (int i = 0; i < DEVICE_FIELDS; i++) {
        const char *old = r->field[i] ? r->field[i] : "", *now = p->field[i];
        field[i] = old;
        bool machines = strcmp(p->via, "import") == 0 && strcmp(r->source, "model") == 0;
        if (!now || (!hand && r->by_hand >> i & 1) || (machines && *old))
            continue; /* a list does not know better than the machine */
        if (hand)     /* an empty one gives it back to the machine */
            by_hand = *now ? by_hand | INT64_C(1) << i : by_hand & ~(INT64_C(1) << i);
        if (i == FIELD_FIRMWARE && same_firmware(old, now))
            continue;
        field[i] = now;
        p->changed |= strcmp(old, now) != 0;
        if (i == FIELD_FIRMWARE && strcmp(old, now) != 0 && note_version(db, p, r, now, err))
            return err->code;
    }
    return p->changed || by_hand != r->by_hand ? write_row(db, p, r, field, by_hand, err) : KP_OK;
}

enum kp_code device_put(struct kp_db *db, struct device_put *p, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct device_row *row;
    size_t n;
    if (!find_id(db, p, err) && (p->id || !make(db, p, err)) &&
        !device_rows(db, p->id, &arena, &row, &n, err))
        merge(db, p, row, err);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- by hand ---- */
const char *const device_weights[] = { "by-kind", "low", "normal", "high", NULL };

static enum kp_code put_one(struct kp_db *db, void *arg, struct kp_err *err)
{
    return device_put(db, arg, err);
}

static enum kp_code read_weight(const json_t *body, int64_t *weight, struct kp_err *err)
{
    int word = -1;
    if (kp_member_choice(body, "body", "weight", device_weights, &word, err))
        return err->code;
    *weight = word;
    return KP_OK;
}

static enum kp_code read_fields(const json_t *body, struct device_put *p, struct kp_err *err)
{
    for (int i = 0; i < DEVICE_FIELDS; i++) {
        const json_t *v = json_object_get(body, device_field_keys[i]);
        if (!v)
            continue;
        if (!json_is_null(v) && !json_is_string(v))
            return kp_fail(err, KP_EINVALID, "%s: must be a text", device_field_keys[i]);
        p->field[i] = json_is_null(v) ? "" : json_string_value(v);
        if (strlen(p->field[i]) >= DEVICE_TEXT)
            return kp_fail(err, KP_EINVALID, "%s: longer than %d bytes", device_field_keys[i],
                           DEVICE_TEXT - 1);
    }
    return read_weight(body, &p->weight, err);
}

static enum kp_code read_device(const json_t *body, struct device_put *p, struct kp_err *err)
{
    static const char *const known[] = { "name",     "manufacturer", "product",  "orderCode",
                                         "hardware", "serialNumber", "firmware", "cpe",
                                         "purl",     "weight",       NULL };
    if (kp_members_known(body, "body", known, err) ||
        kp_member_text(body, "body", "name", !p->id, &p->name, err) || read_fields(body, p, err))
        return err->code;
    return !p->name || kp_path_valid(p->name)
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "name: '%.60s' is no name or path", p->name);
}

enum kp_code kp_shield_device_check(const json_t *body, struct kp_err *err)
{
    struct device_put p = { 0 };
    return read_device(body, &p, err);
}

enum kp_code kp_shield_device_put(struct kp_shield *s, int64_t id, const json_t *body,
                                  const char *who, int64_t *made, struct kp_err *err)
{
    struct device_put p = {
        .id = id, .host = -1, .via = "hand", .source = "hand", .who = who, .now = kp_utc(s->clock)
    };
    if (read_device(body, &p, err))
        return err->code;
    pthread_mutex_lock(&s->work);
    if (!kp_store_do(s->store, put_one, &p, err) && p.changed)
        findings_devices_changed(s, err);
    pthread_mutex_unlock(&s->work);
    *made = p.id;
    return err->code;
}

/* ---- one statement for one device ---- */
struct change {
    int64_t id, until, now, alarm;
    kp_asset asset;
    const char *text, *who;
};

static enum kp_code know(struct kp_db *db, struct change *c, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct device_row *row;
    size_t n;
    if (!device_rows(db, c->id, &arena, &row, &n, err)) {
        c->alarm = row->alarm;
        c->asset = (kp_asset)row->asset;
    }
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code run_all(struct kp_db *db, const struct change *c, const char *const *sql,
                            struct kp_err *err)
{
    for (; *sql; sql++) {
        struct kp_stmt *s = kp_db_prepare(db, *sql, err);
        if (!s)
            return err->code;
        kp_bind_int(s, 1, c->id);
        if (strstr(*sql, "?2"))
            kp_bind_text(s, 2, c->text);
        if (strstr(*sql, "?3"))
            kp_bind_int(s, 3, c->until);
        if (strstr(*sql, "?4"))
            kp_bind_int(s, 4, c->now);
        if (strstr(*sql, "?5"))
            kp_bind_text(s, 5, c->who);
        if (kp_run(s, err))
            return err->code;
    }
    return KP_OK;
}

static enum kp_code remove_one(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const sql[] = { "delete from finding where device = ?1",
                                       "delete from finding_answer where device = ?1",
                                       "delete from device_version where device = ?1",
                                       "update device set host = null where host = ?1",
                                       "delete from device where id = ?1", NULL };
    return know(db, arg, err) ? err->code : run_all(db, arg, sql, err);
}

static enum kp_code expect_one(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const sql[] = {
        "update device set expected = ?2, expected_until = ?3 where id = ?1", NULL
    };
    return know(db, arg, err) ? err->code : run_all(db, arg, sql, err);
}

static enum kp_code confirm_one(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const sql[] = { "update device_version set seen = ?4, who = ?5"
                                       " where device = ?1 and not expected and seen is null",
                                       "update device set alarm = null where id = ?1", NULL };
    return know(db, arg, err) ? err->code : run_all(db, arg, sql, err);
}

enum kp_code kp_shield_device_remove(struct kp_shield *s, int64_t id, struct kp_err *err)
{
    struct change c = { .id = id };
    pthread_mutex_lock(&s->work);
    if (!kp_store_do(s->store, remove_one, &c, err) && c.alarm)
        device_alarm(s, 0, c.asset, c.alarm, NULL, err);
    if (!err->code)
        findings_devices_changed(s, err);
    s->seen = UINT64_MAX; /* one of the model is taken again */
    pthread_mutex_unlock(&s->work);
    return err->code;
}

enum kp_code kp_shield_device_expect(struct kp_shield *s, int64_t id, const char *version,
                                     int64_t until, struct kp_err *err)
{
    struct change c = { .id = id, .text = version, .until = until };
    struct kp_version v;
    if (strlen(version) > 100 || (*version && !kp_version_read(version, &v)))
        return kp_fail(err, KP_EINVALID, "version: '%.40s' is no version", version);
    return kp_store_do(s->store, expect_one, &c, err);
}

enum kp_code kp_shield_device_confirm(struct kp_shield *s, int64_t id, const char *who,
                                      struct kp_err *err)
{
    struct change c = { .id = id, .who = who, .now = kp_utc(s->clock) };
    pthread_mutex_lock(&s->work);
    if (!kp_store_do(s->store, confirm_one, &c, err) && c.alarm)
        device_alarm(s, 0, c.asset, c.alarm, NULL, err);
    pthread_mutex_unlock(&s->work);
    return err->code;
}

/* ---- makers' other names ---- */
static enum kp_code write_aliases(struct kp_db *db, void *arg, struct kp_err *err)
{
    return kp_setting_put(db, SHIELD_ALIASES, arg, err);
}

enum kp_code kp_shield_aliases_check(const char *text, struct kp_err *err)
{
    if (strlen(text) > ALIASES_MAX)
        return kp_fail(err, KP_EFULL, "text: longer than %d bytes", ALIASES_MAX);
    for (int line = 1; *text; line++) {
        size_t n = strcspn(text, "\n");
        const char *equal = memchr(text, '=', n);
        size_t left = equal ? (size_t)(equal - text) : 0;
        bool blank = strspn(text, " \t\r") >= n;
        if (!blank && (!left || strspn(text, " \t") >= left || left + 1 >= n))
            return kp_fail(err, KP_EINVALID, "line %d: is not like 'other name = name'", line);
        text += n + (text[n] != 0);
    }
    return KP_OK;
}

enum kp_code kp_shield_aliases_put(struct kp_shield *s, const char *text, struct kp_err *err)
{
    char *copy = kp_strdup(text);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    pthread_mutex_lock(&s->work);
    if (!kp_shield_aliases_check(text, err) && !kp_store_do(s->store, write_aliases, copy, err))
        findings_devices_changed(s, err);
    pthread_mutex_unlock(&s->work);
    kp_free(copy);
    return err->code;
}

enum kp_code kp_shield_aliases(struct kp_shield *s, struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    const char *text = db ? kp_setting_get(db, &arena, SHIELD_ALIASES) : NULL;
    kp_store_reader_done(s->store, db);
    if (!err->code) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "text", text ? text : "");
        kp_json_end(j, '}');
    }
    kp_arena_free(&arena);
    return err->code;
}
