/* SPDX-License-Identifier: Apache-2.0 */
/* Which patterns are watched: the newest version of each indicator in the store that is not
 * revoked. What is known already is not read again. */
#include "core/log.h"
#include "shield/observe_keep.h"

#include <string.h>

#include "core/ban.h"

#define LOOK_EVERY  (2 * KP_SECOND)
#define COUNT_EVERY (10 * KP_SECOND)
enum { PART = 20 }; /* renewing takes one part of so many of the time, at most */

struct renewing {
    struct observing *o;
    struct kp_db *db;
    struct observe_watch watch;
    struct kp_err *err;
};

static int64_t time_or(const char *text, int64_t other)
{
    int64_t at;
    return text && kp_time_parse(text, &at) ? at : other;
}

static void add(struct renewing *r, int64_t row)
{
    struct kp_err why = { 0 };
    struct kp_stmt *s =
        kp_db_prepare(r->db,
                      "select json_extract(body, '$.pattern'), json_extract(body,"
                      " '$.pattern_type'), json_extract(body, '$.valid_from'),"
                      " json_extract(body, '$.valid_until') from stix_object where id = ?",
                      r->err);
    if (!s)
        return;
    kp_bind_int(s, 1, row);
    if (kp_step(s, r->err)) {
        const char *pattern = kp_column_text(s, 0), *type = kp_column_text(s, 1);
        if (type && strcmp(type, "stix") != 0)
            r->watch.not_stix++;
        else if (!pattern || kp_watchlist_add(r->o->list, row, pattern, strlen(pattern),
                                              time_or(kp_column_text(s, 2), INT64_MIN),
                                              time_or(kp_column_text(s, 3), INT64_MAX), &why))
            *(why.code == KP_EFULL ? &r->watch.too_many : &r->watch.unreadable) += 1;
    }
    kp_reset(s);
    if (why.code == KP_ENOMEM)
        kp_fail(r->err, KP_ENOMEM, "%s", why.text);
}

static void read_all(struct renewing *r)
{
    static const char sql[] =
        "select id from (select o.id from stix_object o where o.type = 'indicator' and not"
        " o.revoked and not exists (select 1 from stix_object n where n.stix = o.stix and"
        " n.version > o.version) order by o.id desc limit ?) order by id";
    struct kp_stmt *s = kp_db_prepare(r->db, sql, r->err);
    if (!s)
        return;
    kp_bind_int(s, 1, KP_WATCHED_MAX);
    kp_watchlist_begin(r->o->list);
    while (!r->err->code && kp_step(s, r->err)) {
        int64_t row = kp_column_int(s, 0);
        if (!kp_watchlist_offer(r->o->list, row))
            add(r, row);
    }
    kp_reset(s);
    if (!r->err->code)
        kp_watchlist_end(r->o->list, r->err);
}

static enum kp_code renew(struct observing *o, struct kp_db *db, struct kp_err *err)
{
    struct renewing r = { o, db, { .renewed = kp_utc(o->shield->clock) }, err };
    int64_t began = kp_mono(o->shield->clock);
    read_all(&r);
    o->renewing = kp_mono(o->shield->clock) - began;
    if (err->code)
        return err->code;
    pthread_mutex_lock(&o->lock);
    o->watch = r.watch;
    pthread_mutex_unlock(&o->lock);
    return KP_OK;
}

static enum kp_code number(struct kp_db *db, const char *sql, int64_t *out, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (s && kp_step(s, err)) {
        *out = kp_column_int(s, 0);
        kp_reset(s);
    }
    return err->code;
}

/* Rows come, are never written again, and may go. */
static bool has_changed(struct observing *o, struct kp_db *db, int64_t now, struct kp_err *err)
{
    static const char last_row[] = "select coalesce(max(id), 0) from stix_object where type ="
                                 " 'indicator'",
                      rows[] = "select count(*) from stix_object where type = 'indicator'";
    int64_t last = o->newest, n = o->known;
    bool count = now - o->counted >= COUNT_EVERY;
    if (number(db, last_row, &last, err))
        return false;
    count |= last != o->newest || atomic_load(&o->renew);
    if (count && number(db, rows, &n, err))
        return false;
    if (count)
        o->counted = now;
    bool changed = last != o->newest || n != o->known;
    o->newest = last;
    o->known = n;
    return changed;
}

enum kp_code indicators_renew(struct observing *o, struct kp_err *err)
{
    int64_t now = kp_mono(o->shield->clock), wait = o->renewing * PART;
    if (!atomic_load(&o->renew) && now - o->looked < (wait > LOOK_EVERY ? wait : LOOK_EVERY))
        return KP_OK;
    o->looked = now;
    struct kp_db *db = kp_store_reader(o->shield->store, err);
    if (!db)
        return err->code;
    if (has_changed(o, db, now, err) && renew(o, db, err))
        o->newest = o->known = -1; /* again */
    atomic_store(&o->renew, false);
    kp_store_reader_done(o->shield->store, db);
    return err->code;
}

const char *indicator_pattern(struct kp_store *store, int64_t row, struct kp_arena *arena)
{
    struct kp_err err = { 0 };
    const char *text = NULL;
    struct kp_db *db = kp_store_reader(store, &err);
    struct kp_stmt *s = db ? kp_db_prepare(db,
                                           "select json_extract(body, '$.pattern') from stix_object"
                                           " where id = ?",
                                           &err)
                           : NULL;
    if (s) {
        kp_bind_int(s, 1, row);
        if (kp_step(s, &err))
            text = kp_column_copy(s, 0, arena);
        kp_reset(s);
    }
    kp_store_reader_done(store, db);
    return text;
}
