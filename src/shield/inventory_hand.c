/* SPDX-License-Identifier: Apache-2.0 */
/* What people typed of devices, for files that say how a node shall be. */
#include "shield/keep.h"

#include <string.h>

#include "core/ban.h"

static bool may_show(struct kp_shield *s, enum kp_recipient to, const struct device_row *r)
{
    kp_model_lock(s->model);
    bool may = device_may_go(s->model, to, r);
    kp_model_unlock(s->model);
    return may;
}

static enum kp_code look_up(struct kp_shield *s, struct kp_db *db, enum kp_recipient to,
                            const char *name, bool *may, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct device_row *row;
    size_t n;
    struct kp_stmt *st = kp_db_prepare(db, "select id from device where name = ?", err);
    if (!st)
        return err->code;
    kp_bind_text(st, 1, name);
    int64_t id = kp_step(st, err) ? kp_column_int(st, 0) : 0;
    kp_reset(st);
    if (id && !device_rows(db, id, &arena, &row, &n, err))
        *may = may_show(s, to, row);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_shield_device_may_go(struct kp_shield *s, enum kp_recipient to, const char *name,
                                     bool *may, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    *may = true;
    if (db)
        look_up(s, db, to, name, may, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}

static void put_by_hand(struct kp_json *j, const struct device_row *r)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", r->id);
    kp_json_put_text(j, "name", r->name);
    kp_json_put_bool(j, "made", strcmp(r->source, "hand") == 0);
    for (int i = 0; i < DEVICE_FIELDS; i++)
        if (r->by_hand >> i & 1 && r->field[i])
            kp_json_put_text(j, device_field_keys[i], r->field[i]);
    if (r->weight)
        kp_json_put_text(j, "weight", device_weights[r->weight & 3]);
    kp_json_end(j, '}');
}

static enum kp_code show_by_hand(struct kp_shield *s, struct kp_db *db, enum kp_recipient to,
                                 struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct device_row *row;
    size_t n;
    kp_json_begin(j, '[');
    device_rows(db, 0, &arena, &row, &n, err);
    for (size_t i = 0; i < n && !err->code; i++) {
        bool any = row[i].by_hand || row[i].weight || strcmp(row[i].source, "hand") == 0;
        if (any && may_show(s, to, &row[i]))
            put_by_hand(j, &row[i]);
    }
    kp_json_end(j, ']');
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_shield_by_hand(struct kp_shield *s, enum kp_recipient to, struct kp_json *j,
                               struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        show_by_hand(s, db, to, j, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}
