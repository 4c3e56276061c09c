/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls that an agreement allows and that are unusual all the same: far more than ever on one day,
 * at an hour never used before, signals never asked for before. Each partner is measured by himself
 * alone, and by nothing before there is enough of it. */
#include "share/private.h"

#include "core/log.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define EVERY (60 * KP_SECOND)
#define HOUR  (3600 * KP_SECOND)
#define DAY   (24 * HOUR)
enum { DAYS_LEAST = 5, TIMES_MORE = 3, VALUES_MORE = 1000, TEXT = 240, FOUND_MAX = 64 };

struct judging {
    struct kp_db *db;
    const char *partner;
    int64_t now;
};

/* ?1 partner, ?2 now, ?3 an hour ago, ?4 a day ago, ?5 ninety days ago. */
static struct kp_stmt *question(const struct judging *g, const char *sql, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(g->db, sql, err);
    if (!s)
        return NULL;
    kp_bind_text(s, 1, g->partner);
    kp_bind_int(s, 2, g->now);
    kp_bind_int(s, 3, g->now - HOUR);
    kp_bind_int(s, 4, g->now - DAY);
    kp_bind_int(s, 5, g->now - 90 * DAY);
    return s;
}

/* Texts hold nothing that grows while it goes on, or the alarm would come again each minute. */
static bool far_more(const struct judging *g, char out[TEXT], struct kp_err *err)
{
    static const char sql[] =
        "with d(day, n) as (select at / 86400000000000, sum(count) from share_exit where partner = "
        "?1 and way <> 'live' and at < ?4 and at >= ?5 group by 1) select count(*), max(n), "
        "(select "
        "coalesce(sum(count), 0) from share_exit where partner = ?1 and way <> 'live' and at >= ?4 "
        "and at <= ?2), ?3 from d";
    struct kp_stmt *s = question(g, sql, err);
    if (!s || !kp_step(s, err))
        return false;
    int64_t days = kp_column_int(s, 0), most = kp_column_int(s, 1), now = kp_column_int(s, 2);
    kp_reset(s);
    if (days < DAYS_LEAST || now / TIMES_MORE <= most || now - most < VALUES_MORE)
        return false;
    snprintf(out, TEXT,
             "partner %.60s has pulled more than %d times as many values in 24 hours as on any day "
             "before (%lld)",
             g->partner, TIMES_MORE, (long long)most);
    return true;
}

static bool odd_hour(const struct judging *g, char out[TEXT], struct kp_err *err)
{
    static const char sql[] =
        "select e.at / 3600000000000 % 24 from share_exit e where e.partner = ?1 and e.at >= ?3 "
        "and "
        "e.at <= ?2 and (select count(*) >= 10 and count(distinct at / 86400000000000) >= 5 from "
        "share_exit where partner = ?1 and at < ?4 and at >= ?5) and not exists (select 1 from "
        "share_exit o where o.partner = ?1 and o.at < ?4 and o.at >= ?5 and ((o.at / 3600000000000 "
        "- e.at / 3600000000000) % 24 + 24) % 24 in (0, 1, 23)) order by e.id limit 1";
    struct kp_stmt *s = question(g, sql, err);
    if (!s || !kp_step(s, err))
        return false;
    int hour = (int)kp_column_int(s, 0);
    kp_reset(s);
    snprintf(
        out, TEXT,
        "partner %.60s has pulled between %02d:00 and %02d:00 UTC, an hour at which he never did",
        g->partner, hour, (hour + 1) % 24);
    return true;
}

static bool new_signal(const struct judging *g, char out[TEXT], struct kp_err *err)
{
    static const char sql[] =
        "select j.value, e.agreement from share_exit e, json_each(e.signals) j where e.partner = "
        "?1 "
        "and e.at >= ?3 and e.at <= ?2 and (select count(*) >= 10 and count(distinct at / "
        "86400000000000) >= 5 from share_exit h where h.partner = ?1 and h.agreement = e.agreement "
        "and h.at < ?4 and h.at >= ?5) and j.value not in (select o.value from share_exit x, "
        "json_each(x.signals) o where x.partner = ?1 and x.agreement = e.agreement and x.at < ?3 "
        "and x.at >= ?5) order by e.id, j.key limit 1";
    struct kp_stmt *s = question(g, sql, err);
    if (!s || !kp_step(s, err))
        return false;
    snprintf(
        out, TEXT,
        "partner %.60s has asked for a signal of agreement %.60s that he never asked for: %.80s",
        g->partner, kp_column_text(s, 1), kp_column_text(s, 0));
    kp_reset(s);
    return true;
}

static void judge(struct kp_share *share, const struct judging *g, struct kp_err *err)
{
    static const struct {
        const char *name;
        bool (*unusual)(const struct judging *, char out[TEXT], struct kp_err *);
    } kinds[] = { { "volume", far_more }, { "hour", odd_hour }, { "signals", new_signal } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !err->code; i++) {
        char text[TEXT], key[KP_NAME_MAX + 40];
        bool found = kinds[i].unusual(g, text, err);
        snprintf(key, sizeof key, "unusual-%s-%s", kinds[i].name, g->partner);
        if (!err->code)
            kp_hub_condition(share->hub, key, found ? text : NULL);
    }
}

/* Those of the last hour; one more hour, so that what was found is over some day. */
enum kp_code kp_share_judge(struct kp_share *s, struct kp_err *err)
{
    int64_t now = kp_utc(s->clock);
    char partner[FOUND_MAX][KP_NAME_MAX];
    int n = 0;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *row =
        db ? kp_db_prepare(db, "select distinct partner from share_exit where at >= ? limit ?", err)
           : NULL;
    if (row) {
        kp_bind_int(row, 1, now - DAY - HOUR);
        kp_bind_int(row, 2, FOUND_MAX);
    }
    while (row && n < FOUND_MAX && kp_step(row, err))
        snprintf(partner[n++], KP_NAME_MAX, "%s", kp_column_text(row, 0));
    if (row)
        kp_reset(row);
    for (int i = 0; i < n && !err->code; i++)
        judge(s, &(struct judging){ db, partner[i], now }, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}

void share_watch(struct kp_share *s)
{
    struct kp_err err = { 0 };
    int64_t mono = kp_mono(s->clock);
    if (!s->hub || (s->watched && mono - s->watched < EVERY))
        return;
    s->watched = mono ? mono : 1;
    if (kp_share_judge(s, &err))
        kp_error("share", "what went out cannot be judged", "why=%s", kp_log_quote(err.text));
}

void kp_share_watched_by(struct kp_share *s, struct kp_hub *hub)
{
    s->hub = hub;
}
