/* SPDX-License-Identifier: Apache-2.0 */
/* What an incident touches: devices and alarms, as they are when they are put into the record. */
#include "net/json_memory.h"
#include "shield/incident_keep.h"

#include "core/ban.h"

static enum kp_code write_thing(struct kp_db *db, int64_t id, const char *kind, int64_t thing,
                                int64_t asset, struct kp_json *about, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "insert or ignore into incident_thing(incident, kind, thing, asset, about)"
            " select ?1, ?2, ?3, ?4, ?5 where (select count(*) from incident_thing where incident = ?1) < ?6",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    kp_bind_text(s, 2, kind);
    kp_bind_int(s, 3, thing);
    kp_bind_int(s, 4, asset);
    kp_bind_text(s, 5, kp_buf_text(about->out));
    kp_bind_int(s, 6, 2 * KP_INCIDENT_THINGS);
    return about->out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : kp_run(s, err);
}

static enum kp_code write_device(struct kp_db *db, const struct incident_saying *s, int64_t id, struct kp_err *err)
{
    static const enum device_field told[] = { FIELD_MANUFACTURER, FIELD_PRODUCT, FIELD_FIRMWARE,
                                              FIELD_SERIAL };
    struct kp_arena arena = { 0 };
    struct device_row *row;
    struct kp_buf text;
    size_t n;
    kp_buf_init(&text, 8192);
    struct kp_json j = kp_json(&text);
    if (!device_rows(db, id, &arena, &row, &n, err)) {
        kp_model_lock(s->shield->model);
        bool may = device_may_go(s->shield->model, s->to, row);
        kp_asset asset = device_place(s->shield->model, row);
        kp_model_unlock(s->shield->model);
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "name", row->name);
        for (int i = 0; i < 4; i++)
            kp_json_put_text(&j, device_field_keys[told[i]], row->field[told[i]]);
        kp_json_end(&j, '}');
        if (may)
            write_thing(db, s->id, "device", id, asset, &j, err);
        else
            kp_fail(err, KP_ENOTFOUND, "there is no device %lld", (long long)id);
    }
    kp_buf_free(&text);
    kp_arena_free(&arena);
    return err->code;
}

/* The device at the asset of an alarm is touched, too. */
static enum kp_code write_device_of(struct kp_db *db, const struct incident_saying *s, kp_asset asset,
                                    const char *path, struct kp_err *err)
{
    int64_t device = 0;
    struct kp_stmt *st = kp_db_prepare(
        db, "select id from device where asset = ?1 or name = ?2 order by asset is null", err);
    if (!st)
        return err->code;
    kp_bind_int(st, 1, asset);
    kp_bind_text(st, 2, path);
    if (asset && kp_step(st, err))
        device = kp_column_int(st, 0);
    kp_reset(st);
    return device && !err->code ? write_device(db, s, device, err) : err->code;
}

static enum kp_code write_alarm(struct kp_db *db, const struct incident_saying *s, int64_t id, struct kp_err *err)
{
    struct kp_alarm a;
    struct kp_buf text;
    char path[KP_PATH_MAX] = "";
    if (kp_alarms_get(db, id, &a, err))
        return err->code;
    kp_model_lock(s->shield->model);
    bool may = kp_alarm_may_go(s->shield->model, s->to, &a);
    if (a.asset && kp_model_asset(s->shield->model, a.asset))
        kp_model_asset_path(s->shield->model, a.asset, path, sizeof path);
    kp_model_unlock(s->shield->model);
    if (!may)
        return kp_fail(err, KP_ENOTFOUND, "there is no alarm %lld", (long long)id);
    kp_buf_init(&text, 8192);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "text", a.text);
    kp_json_put_text(&j, "asset", path);
    kp_json_put_text(&j, "priority", kp_alarm_priorities[a.priority]);
    kp_json_put_int(&j, "since", a.since);
    kp_json_end(&j, '}');
    if (!write_thing(db, s->id, "alarm", id, a.asset, &j, err))
        write_device_of(db, s, a.asset, path, err);
    kp_buf_free(&text);
    return err->code;
}

static enum kp_code forget(struct kp_db *db, int64_t id, const char *kind, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "delete from incident_thing where incident = ? and kind = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    kp_bind_text(s, 2, kind);
    return kp_run(s, err);
}

enum kp_code incident_write_things(struct kp_db *db, const struct incident_saying *s, const json_t *devices,
                                   const json_t *alarms, struct kp_err *err)
{
    const json_t *one;
    size_t i;
    if (devices && forget(db, s->id, "device", err))
        return err->code;
    json_array_foreach((json_t *)(uintptr_t)devices, i, one)
    {
        if (write_device(db, s, json_integer_value(one), err))
            return err->code;
    }
    if (alarms && forget(db, s->id, "alarm", err))
        return err->code;
    json_array_foreach((json_t *)(uintptr_t)alarms, i, one)
    {
        if (write_alarm(db, s, json_integer_value(one), err))
            return err->code;
    }
    return KP_OK;
}
