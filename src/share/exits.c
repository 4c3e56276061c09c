/* SPDX-License-Identifier: Apache-2.0 */
/* What went out to partners: "what does X have of us". */
#include "share/private.h"

#include "net/json_memory.h"

#include <stdio.h>

#include "core/ban.h"

enum { HASH_BYTES = 32, DAYS_MAX = 1000 };
#define DAY (86400 * KP_SECOND)

struct listing {
    struct kp_share *share;
    const struct kp_exits *of;
    struct kp_json *j;
    bool more;
};

/* Paths that who asks may know by now: what went out once may have become secret. */
static void put_signals(struct listing *l, const char *list)
{
    struct kp_err none = { 0 };
    struct kp_model *m = l->share->model;
    json_t *paths = list ? kp_json_read(list, "signals of an exit", &none) : NULL, *path;
    size_t i;
    kp_json_key(l->j, "signals");
    kp_json_begin(l->j, '[');
    kp_model_lock(m);
    json_array_foreach(paths, i, path)
    {
        const char *name = json_string_value(path);
        kp_signal signal = name ? kp_model_find_signal(m, name) : 0;
        if (name && (!signal || kp_gate_signal(m, l->of->asks, signal)))
            kp_json_text(l->j, name);
    }
    kp_model_unlock(m);
    kp_json_end(l->j, ']');
    json_decref(paths);
}

static void put_time(struct kp_json *j, const char *key, struct kp_stmt *row, int column)
{
    kp_json_put_time(j, key, kp_column_time(row, column));
}

static void put_sum(struct listing *l, struct kp_stmt *row)
{
    kp_json_put_text(l->j, "partner", kp_column_text(row, 0));
    kp_json_put_text(l->j, "agreement", kp_column_text(row, 1));
    kp_json_put_text(l->j, "dataset", kp_column_text(row, 2));
    put_signals(l, kp_column_text(row, 3));
    put_time(l->j, "from", row, 4);
    put_time(l->j, "to", row, 5);
    kp_json_put_int(l->j, "values", kp_column_int(row, 6));
    kp_json_put_int(l->j, "intervals", kp_column_int(row, 7));
    kp_json_put_int(l->j, "bytes", kp_column_int(row, 8));
    kp_json_put_int(l->j, "exits", kp_column_int(row, 9));
    put_time(l->j, "first", row, 10);
    put_time(l->j, "last", row, 11);
    kp_json_put_bool(l->j, "running", kp_column_int(row, 12));
}

static void put_day(struct listing *l, struct kp_stmt *row)
{
    kp_json_put_text(l->j, "partner", kp_column_text(row, 0));
    kp_json_put_time(l->j, "day", kp_column_int(row, 1) * DAY);
    kp_json_put_int(l->j, "values", kp_column_int(row, 2));
    kp_json_put_int(l->j, "bytes", kp_column_int(row, 3));
}

static void put_hash(struct kp_json *j, struct kp_stmt *row, int column)
{
    char text[2 * HASH_BYTES + 1] = "";
    size_t len = 0;
    const unsigned char *hash = kp_column_blob(row, column, &len);
    for (size_t i = 0; hash && i < len && i < HASH_BYTES; i++)
        snprintf(text + 2 * i, sizeof text - 2 * i, "%02x", hash[i]);
    kp_json_put_text(j, "hash", *text ? text : NULL);
}

static void put_exit(struct listing *l, struct kp_stmt *row)
{
    kp_json_put_int(l->j, "id", kp_column_int(row, 0));
    put_time(l->j, "at", row, 1);
    kp_json_put_text(l->j, "partner", kp_column_text(row, 2));
    kp_json_put_text(l->j, "agreement", kp_column_text(row, 3));
    kp_json_put_int(l->j, "transfer", kp_column_int(row, 4));
    kp_json_put_text(l->j, "dataset", kp_column_text(row, 5));
    kp_json_put_text(l->j, "way", kp_column_text(row, 6));
    put_time(l->j, "from", row, 7);
    put_time(l->j, "to", row, 8);
    kp_json_put_int(l->j, "values", kp_column_int(row, 9));
    kp_json_put_int(l->j, "intervals", kp_column_int(row, 10));
    kp_json_put_int(l->j, "bytes", kp_column_int(row, 11));
    put_signals(l, kp_column_text(row, 12));
    put_hash(l->j, row, 13);
    put_time(l->j, "ended", row, 14);
    kp_json_put_text(l->j, "why", kp_column_text(row, 15));
}

/* ?1: the partner, "" = all; ?2: begun since; ?3: rows; ?4: older than this one; ?5: rows to skip. */
static enum kp_code list(struct listing *l, struct kp_db *db, const char *key, const char *sql,
                         void (*put)(struct listing *, struct kp_stmt *), int64_t most, bool skip,
                         struct kp_err *err)
{
    l->more = false;
    kp_json_key(l->j, key);
    kp_json_begin(l->j, '[');
    struct kp_stmt *row = most ? kp_db_prepare(db, sql, err) : NULL;
    if (!row) {
        kp_json_end(l->j, ']');
        return err->code;
    }
    kp_bind_text(row, 1, l->of->partner ? l->of->partner : "");
    kp_bind_int(row, 2, l->of->since);
    kp_bind_int(row, 3, most + 1);
    kp_bind_int(row, 4, l->of->after ? l->of->after : INT64_MAX);
    if (skip)
        kp_bind_int(row, 5, l->of->skip);
    for (int64_t n = 0; kp_step(row, err); n++) {
        l->more = n == most;
        if (l->more) {
            kp_reset(row);
            break;
        }
        kp_json_begin(l->j, '{');
        put(l, row);
        kp_json_end(l->j, '}');
    }
    kp_json_end(l->j, ']');
    return err->code;
}

#define WHICH " where (?1 = '' or partner = ?1) and at >= ?2 and id < ?4"
enum kp_code kp_share_exits(struct kp_share *s, const struct kp_exits *of, struct kp_json *j,
                            struct kp_err *err)
{
    static const char sums[] =
        "select partner, agreement, min(dataset), (select json_group_array(value) from (select "
        "distinct j.value from share_exit x, json_each(x.signals) j where x.partner = e.partner "
        "and x.agreement = e.agreement and x.at >= ?2 order by 1 limit 1000)), min(from_at), "
        "max(to_at), sum(count), sum(intervals), sum(bytes), count(*), min(at), "
        "max(coalesce(ended, at)), max(ended is null) from share_exit e" WHICH
        " group by partner, agreement order by partner, 11 desc, agreement limit ?3 "
        "offset ?5";
    static const char days[] = "select partner, at / 86400000000000, sum(count), sum(bytes) from "
                               "share_exit" WHICH " group by 1, 2 order by 2 desc, 1 limit ?3";
    static const char rows[] =
        "select id, at, partner, agreement, transfer, dataset, way, from_at, to_at, count, "
        "intervals, bytes, signals, hash, ended, why from share_exit" WHICH
        " order by id desc limit ?3";
    const bool first = !of->after && !of->skip;
    struct listing l = { .share = s, .of = of, .j = j };
    struct kp_db *db = kp_store_reader(s->store, err);
    kp_json_begin(j, '{');
    if (db) {
        list(&l, db, "agreements", sums, put_sum, of->after ? 0 : of->limit, true, err);
        kp_json_put_bool(j, "moreAgreements", l.more);
        list(&l, db, "days", days, put_day, first ? DAYS_MAX : 0, false, err);
        list(&l, db, "exits", rows, put_exit, of->skip ? 0 : of->limit, false, err);
        kp_json_put_bool(j, "more", l.more);
    }
    kp_json_end(j, '}');
    kp_store_reader_done(s->store, db);
    return err->code;
}
