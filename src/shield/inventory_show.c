/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as people see them. */
#define _GNU_SOURCE /* strcasestr */
#include "shield/keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_device_needs[] = { "firmware", "product", "confirmation", NULL };

kp_asset device_place(const struct kp_model *m, const struct device_row *r)
{
    char path[KP_PATH_MAX];
    kp_asset asset = kp_model_asset(m, (kp_asset)r->asset) ? (kp_asset)r->asset : 0;
    snprintf(path, sizeof path, "%s", r->name);
    for (char *end = path + strlen(path); !asset && end; end = strrchr(path, '/')) {
        *end = 0;
        asset = kp_model_find_asset(m, path);
    }
    return asset;
}

bool device_may_go(const struct kp_model *m, enum kp_recipient to, const struct device_row *r)
{
    kp_asset asset = device_place(m, r);
    return asset ? kp_gate_asset(m, to, asset) : kp_gate_label(to, KP_INTERNAL);
}

/* How the texts are read, so that a person sees what is compared. */
static void put_read(struct kp_json *j, const struct device_row *r)
{
    struct kp_vendors v;
    struct kp_version version;
    char form[KP_CODE_MAX];
    const char *code = r->field[FIELD_ORDER_CODE], *firmware = r->field[FIELD_FIRMWARE];
    kp_vendor_keys(r->field[FIELD_MANUFACTURER], NULL, &v);
    kp_json_key(j, "readAs");
    kp_json_begin(j, '{');
    kp_json_put_text(j, "manufacturer", v.n ? v.key[0] : NULL);
    kp_json_put_text(j, "orderCode", code && kp_code_form(code, strlen(code), form) ? form : NULL);
    kp_json_put_bool(j, "firmware", firmware && kp_version_read(firmware, &version));
    kp_json_end(j, '}');
}

static void put_device(struct kp_json *j, const struct device_row *r)
{
    kp_json_put_int(j, "id", r->id);
    kp_json_put_text(j, "name", r->name);
    kp_json_put_text(j, "source", r->source);
    for (int i = 0; i < DEVICE_FIELDS; i++)
        kp_json_put_text(j, device_field_keys[i], r->field[i]);
    kp_json_put_text(j, "weight", device_weights[r->weight & 3]);
    kp_json_key(j, "partOf");
    r->host ? kp_json_int(j, r->host) : kp_json_null(j);
    kp_json_put_text(j, "expected", r->expected);
    kp_json_put_time(j, "expectedUntil", r->expected ? r->expected_until : KP_NO_TIME);
    kp_json_put_bool(j, "unexpectedChange", r->alarm);
    kp_json_put_time(j, "changed", r->changed);
    put_read(j, r);
}

static enum kp_code put_history(struct kp_db *db, int64_t id, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select at, old, new, via, expected, seen, who from"
                                      " device_version where device = ? order by id desc limit 200",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    kp_json_key(j, "history");
    kp_json_begin(j, '[');
    while (kp_step(s, err)) {
        kp_json_begin(j, '{');
        kp_json_put_time(j, "at", kp_column_int(s, 0));
        kp_json_put_text(j, "old", kp_column_text(s, 1));
        kp_json_put_text(j, "new", kp_column_text(s, 2));
        kp_json_put_text(j, "via", kp_column_text(s, 3));
        kp_json_put_bool(j, "expected", kp_column_int(s, 4));
        kp_json_put_time(j, "confirmed", kp_column_time(s, 5));
        kp_json_put_text(j, "who", kp_column_text(s, 6));
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    return err->code;
}

/* ---- which of them ---- */
static bool names(const struct device_row *r, const char *find)
{
    bool found = !find || strcasestr(r->name, find);
    for (int i = 0; i < DEVICE_FIELDS && !found; i++)
        found = r->field[i] && strcasestr(r->field[i], find);
    return found;
}

/* What a person has to say before it can be matched for certain. */
static bool lacks(const struct device_row *r, const char *needs)
{
    struct kp_version v;
    if (!needs)
        return true;
    if (strcmp(needs, "firmware") == 0)
        return !r->field[FIELD_FIRMWARE] || !kp_version_read(r->field[FIELD_FIRMWARE], &v);
    if (strcmp(needs, "product") == 0)
        return !r->field[FIELD_PRODUCT] && !r->field[FIELD_ORDER_CODE];
    return r->alarm != 0;
}

/* Those that are meant and may go there, in place; how many. */
static size_t choose(struct kp_shield *s, enum kp_recipient to, const struct kp_device_query *q,
                     struct device_row *row, size_t n)
{
    size_t kept = 0;
    kp_model_lock(s->model);
    for (size_t i = 0; i < n; i++)
        if (device_may_go(s->model, to, &row[i]) && names(&row[i], q->find) &&
            lacks(&row[i], q->needs))
            row[kept++] = row[i];
    kp_model_unlock(s->model);
    return kept;
}

static void put_list(const struct kp_device_query *q, const struct device_row *row, size_t n,
                     struct kp_json *j)
{
    kp_json_begin(j, '{');
    kp_json_key(j, "devices");
    kp_json_begin(j, '[');
    for (size_t i = (size_t)q->skip; i < n && i - (size_t)q->skip < (size_t)q->limit; i++) {
        kp_json_begin(j, '{');
        put_device(j, &row[i]);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    kp_json_put_int(j, "total", (int64_t)n);
    kp_json_end(j, '}');
}

static enum kp_code show(struct kp_shield *s, struct kp_db *db, enum kp_recipient to, int64_t id,
                         const struct kp_device_query *q, struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct device_row *row;
    size_t n;
    if (!device_rows(db, id, &arena, &row, &n, err)) {
        n = choose(s, to, q, row, n);
        if (!id) {
            put_list(q, row, n, j);
        } else if (!n) {
            kp_fail(err, KP_ENOTFOUND, "there is no device %lld", (long long)id);
        } else {
            kp_json_begin(j, '{');
            put_device(j, row);
            put_history(db, id, j, err);
            kp_json_end(j, '}');
        }
    }
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code show_within(struct kp_shield *s, enum kp_recipient to, int64_t id,
                                const struct kp_device_query *q, struct kp_json *j,
                                struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        show(s, db, to, id, q, j, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}

enum kp_code kp_shield_devices(struct kp_shield *s, enum kp_recipient to,
                               const struct kp_device_query *q, struct kp_json *j,
                               struct kp_err *err)
{
    return show_within(s, to, 0, q, j, err);
}

enum kp_code kp_shield_device(struct kp_shield *s, enum kp_recipient to, int64_t id,
                              struct kp_json *j, struct kp_err *err)
{
    const struct kp_device_query q = { 0 };
    return show_within(s, to, id, &q, j, err);
}
