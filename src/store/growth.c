/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the file once an hour, says when it will be full, and whether the clock may be believed. */
#include "store/retain.h"

#include <sys/statvfs.h>

#include "core/ban.h"

#define HOUR (3600 * KP_SECOND)
#define DAY  (24 * HOUR)
enum { ROWS_MAX = 400 };

/* ---- measuring ---- */

bool kp_disk_room(const char *dir, int64_t *free, int64_t *size)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) != 0)
        return false;
    *free = (int64_t)(fs.f_bavail * fs.f_frsize);
    *size = (int64_t)(fs.f_blocks * fs.f_frsize);
    return true;
}

enum kp_code kp_growth_used(struct kp_db *db, int64_t *used, int64_t *free, struct kp_err *err)
{
    int64_t pages = 0, unused = 0;
    *used = *free = 0;
    enum kp_code code = kp_db_read_begin(db, err);
    if (code)
        return code;
    code = kp_db_number(db, "pragma page_count", 0, &pages, err);
    if (!code)
        code = kp_db_number(db, "pragma freelist_count", 0, &unused, err);
    kp_db_read_end(db);
    *used = (pages - unused) * KP_PAGE;
    *free = unused * KP_PAGE;
    return code;
}

/* ---- the clock ---- */

static enum kp_code forget_future(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct kp_stmt *drop = kp_db_prepare(db, "delete from growth where at > ?", err);
    if (!drop)
        return err->code;
    kp_bind_int(drop, 1, *(int64_t *)arg);
    return kp_run(drop, err);
}

/* A clock that is years ahead would make all history old. So the newest measurement in the file is what it is held
 * against: a day ahead of it, or an hour behind, is doubtful until the clock has stayed so for a day. */
bool kp_growth_trusts(struct kp_store *s, struct kp_db *db, struct kp_err *err)
{
    struct kp_clock_trust *t = &s->trust;
    int64_t now = kp_utc(s->clock), mono = kp_mono(s->clock);
    if (!t->known && kp_db_number(db, "select max(at) from growth", now, &t->utc, err))
        return false;
    if (!t->known)
        t->mono = mono;
    t->known = true;
    int64_t passed = mono - t->mono;
    bool jumped = now - t->utc > passed + DAY || now < t->utc - HOUR;
    if (!jumped) {
        *t = (struct kp_clock_trust){ .known = true, .utc = now > t->utc ? now : t->utc, .mono = mono };
        return true;
    }
    if (!t->doubt) {
        kp_warn("store", "the clock has jumped; nothing is deleted by age until it has stood for a day", "%s", "");
        t->doubt = mono ? mono : 1;
    }
    if (mono - t->doubt < DAY || kp_store_do(s, forget_future, &now, err))
        return false;
    *t = (struct kp_clock_trust){ .known = true, .utc = now, .mono = mono };
    return true;
}

/* ---- a row an hour ---- */

struct measurement {
    int64_t at, bytes;
};

/* After two weeks the first row of each day is enough, after 400 days none. */
static enum kp_code write_growth(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char put[] = "insert or replace into growth(at, bytes, points) "
                              "values(?, ?, (select coalesce(sum(points), 0) from stored))";
    static const char thin[] = "delete from growth where at < ?1 or (at < ?2 and at not in "
                               "(select min(at) from growth group by at / 86400000000000))";
    const struct measurement *m = arg;
    struct kp_stmt *s = kp_db_prepare(db, put, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, m->at);
    kp_bind_int(s, 2, m->bytes);
    if (kp_run(s, err) || !(s = kp_db_prepare(db, thin, err)))
        return err->code;
    kp_bind_int(s, 1, m->at - 400 * DAY);
    kp_bind_int(s, 2, m->at - 14 * DAY);
    return kp_run(s, err);
}

static size_t read_growth(struct kp_db *db, int64_t now, struct kp_growth rows[ROWS_MAX], struct kp_err *err)
{
    size_t n = 0;
    struct kp_stmt *get = kp_db_prepare(
        db, "select at, bytes from growth where at > ?1 and at <= ?2 order by at desc limit ?3", err);
    if (!get)
        return 0;
    kp_bind_int(get, 1, now - 7 * DAY);
    kp_bind_int(get, 2, now);
    kp_bind_int(get, 3, ROWS_MAX);
    while (n < ROWS_MAX && kp_step(get, err))
        rows[n++] = (struct kp_growth){ kp_column_int(get, 0), kp_column_int(get, 1) };
    kp_reset(get);
    return n;
}

/* ---- how much room there is ---- */

static void find_room(const struct kp_store *s, int64_t budget, int64_t unused, struct kp_forecast *f)
{
    bool known = s->options.disk(s->dir, &f->disk_free, &f->disk_size);
    f->budget = budget;
    f->room = known ? f->disk_free + unused : KP_FOREVER;
    f->by_budget = budget && (!known || budget - f->used < f->room);
    if (f->by_budget)
        f->room = budget > f->used ? budget - f->used : 0;
}

static enum kp_code look(struct kp_store *s, struct kp_db *db, struct kp_forecast *f, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_retention r;
    struct kp_growth rows[ROWS_MAX];
    struct measurement m = { .at = kp_utc(s->clock) };
    int64_t unused;
    if (!kp_retention_read(db, &arena, &r, err) && !kp_growth_used(db, &f->used, &unused, err))
        find_room(s, r.disk, unused, f);
    kp_arena_free(&arena);
    f->clock_doubt = !err->code && !kp_growth_trusts(s, db, err);
    size_t n = err->code ? 0 : read_growth(db, m.at, rows, err);
    m.bytes = f->used;
    if (!err->code && !f->clock_doubt && (!n || m.at - rows[0].at >= HOUR))
        kp_store_do(s, write_growth, &m, err);
    if (!err->code)
        kp_forecast_make(rows, n, m.at, f);
    return err->code;
}

/* ---- alarms ---- */

/* An alarm that began below `limit` ends a quarter above it, so that it does not come and go. */
static bool below(bool before, int64_t value, int64_t limit)
{
    return value < (before ? limit + limit / 4 : limit);
}

static void tell_forecast(struct kp_store *s, const struct kp_forecast *f)
{
    static const char *const texts[2][3] = {
        { NULL,
          "at the growth of the last week the disk is full in less than 14 days; free space, or keep less: koppel retain",
          "at the growth of the last week the disk is full in less than 2 days; free space now, or keep less: koppel retain" },
        { NULL,
          "at the growth of the last week the file reaches its budget in less than 14 days; from then on the oldest points "
          "go; koppel retain --disk changes it",
          "at the growth of the last week the file reaches its budget in less than 2 days; from then on the oldest points "
          "go; koppel retain --disk changes it" },
    };
    bool full = f->kind == KP_FORECAST_FULL && !f->at_budget;
    int64_t day = 86400;
    int level = s->alarms.level;
    level = full && below(level > 1, f->full_in, 2 * day) ? 2 : full && below(level > 0, f->full_in, 14 * day) ? 1 : 0;
    s->alarms.level = level;
    kp_store_condition(s, "store-forecast", texts[f->by_budget][level]);
}

static void tell_disk(struct kp_store *s, const struct kp_forecast *f)
{
    bool low = s->alarms.disk_low;
    low = f->disk_size && (below(low, f->disk_free, f->disk_size / 20) || below(low, f->disk_free, 500000000));
    s->alarms.disk_low = low;
    kp_store_condition(s, "store-disk", low ? "less than 5 % or 500 MB of the disk is free; make room, or keep less: "
                                              "koppel retain" : NULL);
}

/* It began when points had to go, and ends when the file is well below the budget again. */
static void tell_budget(struct kp_store *s, struct kp_forecast *f)
{
    static const char *const texts[] = {
        "the file has reached its disk budget: the oldest points of all signals are deleted; koppel retain --disk changes it",
        "the file is larger than its disk budget and holds no points that may go; koppel retain --disk changes it",
    };
    if (!f->budget || f->used < f->budget / 10 * 9)
        s->alarms.at_budget = s->alarms.stuck = false;
    f->at_budget = s->alarms.at_budget;
    kp_store_condition(s, "store-budget", f->at_budget ? texts[s->alarms.stuck] : NULL);
}

bool kp_forecast_turn(struct kp_store *s, struct kp_err *err)
{
    struct kp_forecast f = { 0 };
    struct kp_db *db = kp_store_reader(s, err);
    if (!db)
        return false;
    look(s, db, &f, err);
    kp_store_reader_done(s, db);
    if (err->code)
        return false;
    tell_budget(s, &f);
    tell_forecast(s, &f);
    tell_disk(s, &f);
    pthread_mutex_lock(&s->mutex);
    s->forecast = f;
    pthread_mutex_unlock(&s->mutex);
    return false;
}

struct kp_forecast kp_store_forecast(struct kp_store *s)
{
    pthread_mutex_lock(&s->mutex);
    struct kp_forecast f = s->forecast;
    pthread_mutex_unlock(&s->mutex);
    if (!f.why && f.kind == KP_FORECAST_UNKNOWN)
        f.why = "the node has just started";
    return f;
}
