/* SPDX-License-Identifier: Apache-2.0 */
/* Indicators that were met: a row for each pair of indicator and thing, its alarm, which is over
 * when the thing was quiet for an hour, and its sighting. */
#include "core/log.h"
#include "gate/tlp.h"
#include "shield/observe_keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { TEXT = 240, SENTENCE = 400, FIELDS = 8 << 10, AT_ONCE = 100, SEVERITY = 800 };
#define OTHERS "*" /* the thing that stands for those beyond KP_HIT_ALARMS_MAX */
#define TELLER "indicators/" /* no name of a coupling ends so */

/* ---- noting ---- */
/* What it is about: of what is ours the name, else whoever is on the other side. */
static const char *thing_of(const struct kp_seen *s)
{
    static const uint8_t of_node[] = { KP_SEEN_COUPLED, KP_SEEN_BY, KP_SEEN_FROM, KP_SEEN_TO,
                                       KP_SEEN_DOMAIN, KP_SEEN_URL, KP_SEEN_HASH, KP_SEEN_DETAIL,
                                       KP_SEEN_USER };
    if (s->o.kind == KP_SEEN_DEVICE || s->o.kind == KP_SEEN_FIRMWARE)
        return kp_seen_text(s, KP_SEEN_DETAIL);
    for (size_t i = 0; i < sizeof of_node; i++)
        if (kp_seen_text(s, of_node[i]))
            return kp_seen_text(s, of_node[i]);
    return kp_seen_words[s->o.kind];
}

static char *fields_of(const struct kp_seen *s)
{
    static const struct {
        const char *key;
        uint8_t text;
    } all[] = { { "from", KP_SEEN_FROM },     { "to", KP_SEEN_TO },   { "user", KP_SEEN_USER },
                { "coupling", KP_SEEN_COUPLED }, { "partner", KP_SEEN_BY }, { "domain", KP_SEEN_DOMAIN },
                { "url", KP_SEEN_URL },       { "hash", KP_SEEN_HASH }, { "source", KP_SEEN_SOURCE } };
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, FIELDS);
    kp_json_begin(&j, '{');
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kp_json_put_text(&j, all[i].key, kp_seen_text(s, all[i].text));
    kp_json_end(&j, '}');
    char *out = kp_buf_take(&text);
    kp_buf_free(&text);
    return out;
}

static void describe(struct hit *h, const struct kp_seen *s)
{
    char what[SENTENCE];
    kp_seen_tell(s, what, sizeof what);
    kp_free(h->what);
    kp_free(h->fields);
    h->what = kp_strdup(what);
    h->fields = fields_of(s);
    h->kind = s->o.kind;
    h->asset = s->o.asset;
    h->coupled = kp_seen_text(s, KP_SEEN_COUPLED);
}

void hit_note(struct observing *o, int64_t indicator, const struct kp_seen *s)
{
    char thing[HIT_THING];
    const char *of = thing_of(s);
    snprintf(thing, sizeof thing, "%s", of ? of : "");
    kp_utf8_trim(thing);
    struct hit *h = o->hit, *end = o->hit + o->hits;
    while (h < end && (h->indicator != indicator || strcmp(h->thing, thing) != 0))
        h++;
    if (h == end && o->hits == HITS_WAITING) {
        hits_write(o);
        h = o->hit;
        end = h;
    }
    if (h == end) {
        *h = (struct hit){ .indicator = indicator, .first = s->o.at, .last = s->last };
        memcpy(h->thing, thing, sizeof thing);
        o->hits++;
    }
    describe(h, s);
    h->first = s->o.at < h->first ? s->o.at : h->first;
    h->last = s->last > h->last ? s->last : h->last;
    h->count += s->count;
}

/* ---- rows ---- */
struct writing {
    struct observing *o;
    const struct hit *hit;
    struct kp_arena arena;
    /* out */
    int64_t row, alarm;
    int tlp;
    bool ignored, many; /* many: the indicator has enough alarms of its own */
    const char *stix, *name, *source;
};

static enum kp_code find_indicator(struct kp_db *db, struct writing *w, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select stix, coalesce(json_extract(body, '$.name'), stix),"
                                      " source, tlp from stix_object where id = ?",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, w->hit->indicator);
    if (kp_step(s, err)) {
        w->stix = kp_column_copy(s, 0, &w->arena);
        w->name = kp_column_copy(s, 1, &w->arena);
        w->source = kp_column_copy(s, 2, &w->arena);
        w->tlp = (int)kp_column_int(s, 3);
        if (!w->stix || !w->name || !w->source)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    kp_reset(s);
    return err->code;
}

static enum kp_code make_room(struct kp_db *db, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "delete from stix_hit where (select count(*) from stix_hit) >= ?1 and id in (select id"
        " from stix_hit order by alarm is not null, last limit 1)",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, KP_HIT_ROWS_MAX);
    return kp_run(s, err);
}

static enum kp_code put_row(struct kp_db *db, struct writing *w, const char *thing,
                            struct kp_err *err)
{
    const struct hit *h = w->hit;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into stix_hit(object, thing, name, source, tlp, kind, what, fields, asset, count,"
        " first, last) values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) on"
        " conflict(object, thing) do update set name = ?3, source = ?4, tlp = ?5, kind = ?6, what"
        " = ?7, fields = ?8, asset = ?9, count = count + ?10, first = min(first, ?11), last ="
        " max(last, ?12) returning id, coalesce(alarm, 0), ignored",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, w->stix);
    kp_bind_text(s, 2, thing);
    kp_bind_text(s, 3, w->name);
    kp_bind_text(s, 4, w->source);
    kp_bind_int(s, 5, w->tlp);
    kp_bind_int(s, 6, h->kind);
    kp_bind_text(s, 7, h->what ? h->what : "");
    kp_bind_text(s, 8, h->fields ? h->fields : "{}");
    kp_bind_int(s, 9, h->asset);
    kp_bind_int(s, 10, (int64_t)h->count);
    kp_bind_int(s, 11, h->first);
    kp_bind_int(s, 12, h->last);
    if (kp_step(s, err)) {
        w->row = kp_column_int(s, 0);
        w->alarm = kp_column_int(s, 1);
        w->ignored = kp_column_int(s, 2);
    }
    kp_reset(s);
    return err->code;
}

/* Whether one more alarm of this indicator would be a storm. */
static enum kp_code count_alarms(struct kp_db *db, struct writing *w, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select count(alarm) >= ?2 and not exists (select 1 from stix_hit where"
                      " object = ?1 and thing = ?3 and alarm is not null) from stix_hit where"
                      " object = ?1",
                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, w->stix);
    kp_bind_int(s, 2, KP_HIT_ALARMS_MAX);
    kp_bind_text(s, 3, w->hit->thing);
    if (kp_step(s, err))
        w->many = kp_column_int(s, 0);
    kp_reset(s);
    return err->code;
}

static enum kp_code put_hit(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct writing *w = arg;
    if (find_indicator(db, w, err) || !w->stix || make_room(db, err) || count_alarms(db, w, err) ||
        put_row(db, w, w->hit->thing, err))
        return err->code;
    if (w->many && !w->ignored) /* counted under its own name too; the alarm is of the others */
        put_row(db, w, OTHERS, err);
    return err->code;
}

struct alarm_row {
    int64_t row, alarm;
};

static enum kp_code put_alarm(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct alarm_row *a = arg;
    struct kp_stmt *s =
        kp_db_prepare(db, "update stix_hit set alarm = nullif(?2, 0) where id = ?1", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, a->row);
    kp_bind_int(s, 2, a->alarm);
    return kp_run(s, err);
}

/* ---- alarms ---- */
static const char *advice(const struct hit *h)
{
    switch ((enum kp_observed_kind)h->kind) {
    case KP_SEEN_COUPLING:
    case KP_SEEN_CERTIFICATE:
    case KP_SEEN_OUTGOING:
        return h->coupled ? "Switch the coupling off and look at its machine"
                          : "See who set that this node goes there, and take it out when in doubt";
    case KP_SEEN_DEVICE:
    case KP_SEEN_FIRMWARE:
        return "Take it off the network until it was looked at";
    case KP_SEEN_LOGIN:
    case KP_SEEN_CHANGE:
        return "End the session, change the password, see what was done";
    case KP_SEEN_PARTNER:
        return "Ask the partner; end the agreement when in doubt";
    case KP_SEEN_LOGIN_FAILED:
    case KP_SEEN_REFUSED:
    case KP_SEEN_CONNECTION:
        return "Block the address and see whether it reached others";
    default:
        return "Look at the machine that did it";
    }
}

static bool is_there(struct kp_model *m, kp_asset asset)
{
    kp_model_lock(m);
    bool there = asset && kp_model_asset(m, asset);
    kp_model_unlock(m);
    return there;
}

/* The asset at which a coupling's things are. */
static kp_asset asset_of(struct observing *o, const struct hit *h)
{
    char at[KP_PATH_MAX] = "";
    struct kp_err err = { 0 };
    if (h->asset || !h->coupled)
        return is_there(o->shield->model, h->asset) ? h->asset : 0;
    struct kp_db *db = kp_store_reader(o->shield->store, &err);
    struct kp_stmt *s = db ? kp_db_prepare(db, "select at from coupling where name = ?", &err) : NULL;
    if (s) {
        kp_bind_text(s, 1, h->thing);
        if (kp_step(s, &err))
            snprintf(at, sizeof at, "%s", kp_column_text(s, 0) ? kp_column_text(s, 0) : "");
        kp_reset(s);
    }
    kp_store_reader_done(o->shield->store, db);
    kp_model_lock(o->shield->model);
    kp_asset asset = *at ? kp_model_find_asset(o->shield->model, at) : 0;
    kp_model_unlock(o->shield->model);
    return asset;
}

static void raise_alarm(struct observing *o, struct writing *w, struct kp_err *err)
{
    char raw[2 * TEXT], text[TEXT], key[40];
    const struct hit *h = w->hit;
    bool red = w->tlp >= KP_TLP_RED; /* then a message about it says only that there is something */
    snprintf(raw, sizeof raw, w->many ? "%.100s (and others): indicator '%.50s' of %.40s. %s" : "%.100s: indicator '%.50s' of %.40s. %s",
             h->what ? h->what : h->thing, w->name, w->source, advice(h));
    kp_utf8_clean(text, sizeof text, raw, strlen(raw));
    snprintf(key, sizeof key, "indicator %lld", (long long)w->row);
    struct shield_alarm a = { .asset = w->many ? 0 : asset_of(o, h),
                              .label = red ? KP_SECRET : KP_INHERIT,
                              .key = key,
                              .text = text,
                              .from = TELLER,
                              .severity = SEVERITY };
    if (!shield_alarm(o->shield, &a, err))
        kp_store_do(o->shield->store, put_alarm, &(struct alarm_row){ w->row, a.interval }, err);
}

static void write_one(struct observing *o, const struct hit *h)
{
    struct writing w = { .o = o, .hit = h };
    struct kp_err err = { 0 };
    if (!kp_store_do(o->shield->store, put_hit, &w, &err) && w.row && !w.ignored &&
        !shield_alarm_stands(o->shield, w.alarm))
        raise_alarm(o, &w, &err);
    if (err.code)
        kp_error("shield", "an indicator was met, and that cannot be written", "thing=%s why=%s",
                 kp_log_quote(h->thing), kp_log_quote(err.text));
    kp_arena_free(&w.arena);
}

void hits_write(struct observing *o)
{
    for (size_t i = 0; i < o->hits; i++) {
        write_one(o, &o->hit[i]);
        kp_free(o->hit[i].what);
        kp_free(o->hit[i].fields);
    }
    o->hits = 0;
}

/* ---- what is over ---- */
struct over {
    int64_t row, alarm;
    kp_asset asset;
    char *what;
};

/* Of ignored ones too. */
static size_t read_over(struct observing *o, struct over *list, struct kp_err *err)
{
    static const char sql[] =
        "select id, alarm, asset, what from stix_hit where alarm is not null and (ignored or last"
        " < ?1) order by id limit ?2";
    size_t n = 0;
    struct kp_db *db = kp_store_reader(o->shield->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db, sql, err) : NULL;
    if (s) {
        kp_bind_int(s, 1, kp_utc(o->shield->clock) - KP_HIT_QUIET_S * KP_SECOND);
        kp_bind_int(s, 2, AT_ONCE);
    }
    while (s && n < AT_ONCE && kp_step(s, err)) {
        list[n] = (struct over){ kp_column_int(s, 0), kp_column_int(s, 1),
                                 (kp_asset)kp_column_int(s, 2), kp_strdup(kp_column_text(s, 3)) };
        n++;
    }
    if (s)
        kp_reset(s);
    kp_store_reader_done(o->shield->store, db);
    return n;
}

void hits_sweep(struct observing *o)
{
    struct over list[AT_ONCE];
    struct kp_err err = { 0 };
    size_t n = read_over(o, list, &err);
    for (size_t i = 0; i < n; i++) {
        char key[40];
        snprintf(key, sizeof key, "indicator %lld", (long long)list[i].row);
        struct shield_alarm a = { .interval = list[i].alarm,
                                  .key = key,
                                  .text = list[i].what ? list[i].what : key,
                                  .from = TELLER,
                                  .severity = SEVERITY,
                                  .over = true };
        if (!err.code && !shield_alarm(o->shield, &a, &err))
            kp_store_do(o->shield->store, put_alarm, &(struct alarm_row){ list[i].row, 0 }, &err);
        kp_free(list[i].what);
    }
    if (err.code)
        kp_warn("shield", "alarms of indicators that are over cannot be closed", "why=%s",
                kp_log_quote(err.text));
}
