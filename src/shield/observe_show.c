/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen and met, as people see it. */
#include "gate/tlp.h"
#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/observe_keep.h"

#include <string.h>

#include "core/ban.h"

enum { LIST_MAX = 1000, AT_ONCE = 200 };

struct showing {
    struct kp_shield *shield;
    enum kp_recipient to;
    const struct kp_observations_search *search;
    struct kp_json *j;
    struct kp_err *err;
    int64_t n;
    uint64_t last; /* shown */
};

/* ---- observations ---- */
static bool matches(const struct kp_observations_search *q, const struct kp_seen *s)
{
    const char *from = kp_seen_text(s, KP_SEEN_FROM), *to = kp_seen_text(s, KP_SEEN_TO);
    if (q->kind && strcmp(q->kind, kp_seen_words[s->o.kind]) != 0)
        return false;
    return !q->address || (from && strcmp(from, q->address) == 0) ||
           (to && strcmp(to, q->address) == 0);
}

static void put_asset(struct showing *v, kp_asset asset)
{
    char path[KP_PATH_MAX];
    kp_model_lock(v->shield->model);
    bool there = asset && kp_model_asset(v->shield->model, asset);
    if (there)
        kp_model_asset_path(v->shield->model, asset, path, sizeof path);
    kp_model_unlock(v->shield->model);
    kp_json_put_text(v->j, "asset", there ? path : NULL);
}

/* What is about an asset that is not there any more stays in the node. */
static bool may_go(struct showing *v, kp_asset asset)
{
    if (!asset)
        return true;
    kp_model_lock(v->shield->model);
    bool may = v->to == KP_TO_NODE || (kp_model_asset(v->shield->model, asset) &&
                                       kp_gate_asset(v->shield->model, v->to, asset));
    kp_model_unlock(v->shield->model);
    return may;
}

static void put_port(struct kp_json *j, const char *key, uint16_t port)
{
    kp_json_key(j, key);
    port ? kp_json_int(j, port) : kp_json_null(j);
}

static void put_texts(struct kp_json *j, const struct kp_seen *s)
{
    static const struct {
        const char *key;
        uint8_t text;
    } all[] = { { "from", KP_SEEN_FROM },         { "to", KP_SEEN_TO },
                { "protocol", KP_SEEN_PROTOCOL }, { "user", KP_SEEN_USER },
                { "coupling", KP_SEEN_COUPLED },  { "partner", KP_SEEN_BY },
                { "domain", KP_SEEN_DOMAIN },     { "url", KP_SEEN_URL },
                { "certificate", KP_SEEN_PRINT }, { "subject", KP_SEEN_SUBJECT },
                { "issuer", KP_SEEN_ISSUER },     { "client", KP_SEEN_CLIENT },
                { "software", KP_SEEN_SOFTWARE },
                { "vendor", KP_SEEN_VENDOR },     { "version", KP_SEEN_VERSION },
                { "file", KP_SEEN_FILE_NAME },    { "hash", KP_SEEN_HASH },
                { "detail", KP_SEEN_DETAIL } };
    const char *source = kp_seen_text(s, KP_SEEN_SOURCE);
    kp_json_put_text(j, "source", source ? source : "node");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kp_json_put_text(j, all[i].key, kp_seen_text(s, all[i].text));
    put_port(j, "fromPort", s->o.from_port);
    put_port(j, "toPort", s->o.to_port);
}

static void put_seen(struct showing *v, const struct kp_seen *s)
{
    char what[400];
    kp_seen_tell(s, what, sizeof what);
    kp_json_begin(v->j, '{');
    kp_json_put_int(v->j, "id", (int64_t)s->id);
    kp_json_put_time(v->j, "first", s->o.at);
    kp_json_put_time(v->j, "last", s->last);
    kp_json_put_int(v->j, "count", s->count);
    kp_json_put_text(v->j, "kind", kp_seen_words[s->o.kind]);
    kp_json_put_text(v->j, "what", what);
    put_texts(v->j, s);
    put_asset(v, s->o.asset);
    kp_json_put_int(v->j, "hits", s->hits);
    if (v->search->stix) {
        kp_json_key(v->j, "objects");
        kp_seen_write(s, v->j, v->err);
    }
    kp_json_end(v->j, '}');
}

/* False: there are as many as were asked for, and this is one more. */
static bool show_one(struct showing *v, const struct kp_seen *s)
{
    if (!matches(v->search, s) || !may_go(v, s->o.asset))
        return true;
    if (v->n == v->search->limit)
        return false;
    put_seen(v, s);
    v->n++;
    v->last = s->id;
    return true;
}

static void show_all(struct showing *v)
{
    const struct kp_seen *list[AT_ONCE];
    struct kp_arena arena = { 0 };
    uint64_t before = (uint64_t)v->search->before;
    bool more = false;
    size_t n = AT_ONCE;
    kp_json_key(v->j, "observations");
    kp_json_begin(v->j, '[');
    while (n == AT_ONCE && !more && !v->err->code) {
        n = kp_seen_copy(v->shield->observing->queue, before, &arena, list, AT_ONCE);
        for (size_t i = 0; i < n && !more; i++) {
            more = !show_one(v, list[i]);
            before = list[i]->id;
        }
        kp_arena_reset(&arena);
    }
    kp_json_end(v->j, ']');
    kp_json_key(v->j, "next");
    more ? kp_json_int(v->j, (int64_t)v->last) : kp_json_null(v->j);
    kp_arena_free(&arena);
}

static void put_counts(struct observing *o, struct kp_json *j)
{
    struct kp_seen_counts c = kp_seen_counts(o->queue);
    kp_json_key(j, "counts");
    kp_json_begin(j, '{');
    kp_json_put_int(j, "seen", (int64_t)c.seen);
    kp_json_put_int(j, "joined", (int64_t)c.joined);
    kp_json_put_int(j, "lost", (int64_t)c.lost);
    kp_json_put_int(j, "waiting", (int64_t)c.waiting);
    kp_json_put_int(j, "hits", (int64_t)c.hits);
    kp_json_key(j, "kinds");
    kp_json_begin(j, '{');
    for (size_t i = 0; i < KP_SEEN_KINDS; i++)
        kp_json_put_int(j, kp_seen_words[i], (int64_t)c.kinds[i]);
    kp_json_end(j, '}');
    kp_json_end(j, '}');
}

static void put_watch(struct observing *o, struct kp_json *j)
{
    pthread_mutex_lock(&o->lock);
    struct observe_watch w = o->watch;
    struct kp_watchlist_counts c = o->counts;
    bool on = o->settings.watch;
    pthread_mutex_unlock(&o->lock);
    kp_json_key(j, "watch");
    kp_json_begin(j, '{');
    kp_json_put_bool(j, "on", on);
    kp_json_put_int(j, "indicators", (int64_t)c.watched);
    kp_json_put_int(j, "notStix", (int64_t)w.not_stix);
    kp_json_put_int(j, "unreadable", (int64_t)w.unreadable);
    kp_json_put_int(j, "tooMany", (int64_t)w.too_many);
    kp_json_put_int(j, "setAside", (int64_t)c.set_aside);
    kp_json_put_time(j, "renewed", w.renewed ? w.renewed : KP_NO_TIME);
    kp_json_end(j, '}');
}

enum kp_code kp_observations_show(struct kp_shield *s, enum kp_recipient to,
                                  const struct kp_observations_search *search, struct kp_json *j,
                                  struct kp_err *err)
{
    struct showing v = { .shield = s, .to = to, .search = search, .j = j, .err = err };
    kp_json_begin(j, '{');
    show_all(&v);
    put_counts(s->observing, j);
    put_watch(s->observing, j);
    kp_json_key(j, "inputs");
    kp_inputs_show(s->observing->inputs, j);
    kp_json_end(j, '}');
    return err->code;
}

/* ---- hits ---- */
static const char hits_sql[] =
    "select h.id, h.object, h.name, h.source, h.tlp, h.thing, h.kind, h.what, h.fields, h.asset,"
    " h.count, h.first, h.last, h.alarm, h.ignored, h.comment, h.who, g.id, g.sent, g.fault,"
    " f.name, (select json_extract(o.body, '$.description') from stix_object o where o.stix ="
    " h.object order by o.version desc limit 1) from stix_hit h left join sighting g on g.id ="
    " h.sighting left join feed f on f.id = g.feed where not ?1 or h.alarm is not null order by"
    " h.last desc, h.id desc limit ?2";

static void put_sighting(struct kp_json *j, struct kp_stmt *s)
{
    const char *fault = kp_column_text(s, 19), *feed = kp_column_text(s, 20);
    bool sent = !kp_column_null(s, 18);
    kp_json_key(j, "sighting");
    if (kp_column_null(s, 17)) {
        kp_json_null(j);
        return;
    }
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", kp_column_int(s, 17));
    kp_json_put_text(j, "state", sent ? "sent" : fault ? "refused" : feed ? "waits" : "prepared");
    kp_json_put_text(j, "feed", feed);
    kp_json_put_text(j, "fault", fault);
    kp_json_end(j, '}');
}

static void put_fields(struct kp_json *j, const char *text)
{
    const char *key;
    json_t *value;
    struct kp_err none = { 0 };
    json_t *o = text ? kp_json_object(text, strlen(text), "hit", KP_JSON_DEPTH, &none) : NULL;
    json_object_foreach(o, key, value) if (strcmp(key, "source") != 0)
        kp_json_put_text(j, key, json_string_value(value));
    json_decref(o);
}

static void put_hit(struct showing *v, struct kp_stmt *s)
{
    struct kp_json *j = v->j;
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", kp_column_int(s, 0));
    kp_json_put_text(j, "indicator", kp_column_text(s, 1));
    kp_json_put_text(j, "name", kp_column_text(s, 2));
    kp_json_put_text(j, "description", kp_column_text(s, 21));
    kp_json_put_text(j, "source", kp_column_text(s, 3));
    kp_json_put_text(j, "tlp", kp_tlp_words[kp_column_int(s, 4) % KP_TLP_LEVELS]);
    kp_json_put_text(j, "thing", kp_column_text(s, 5));
    kp_json_put_text(j, "kind", kp_seen_words[kp_column_int(s, 6) % KP_SEEN_KINDS]);
    kp_json_put_text(j, "what", kp_column_text(s, 7));
    put_fields(j, kp_column_text(s, 8));
    put_asset(v, (kp_asset)kp_column_int(s, 9));
    kp_json_put_int(j, "count", kp_column_int(s, 10));
    kp_json_put_time(j, "first", kp_column_int(s, 11));
    kp_json_put_time(j, "last", kp_column_int(s, 12));
    kp_json_key(j, "alarm");
    kp_column_null(s, 13) ? kp_json_null(j) : kp_json_int(j, kp_column_int(s, 13));
    kp_json_put_bool(j, "ignored", kp_column_int(s, 14));
    kp_json_put_text(j, "comment", kp_column_text(s, 15));
    kp_json_put_text(j, "who", kp_column_text(s, 16));
    put_sighting(j, s);
    kp_json_end(j, '}');
}

static void put_hits(struct showing *v, struct kp_db *db, bool open)
{
    struct kp_stmt *s = kp_db_prepare(db, hits_sql, v->err);
    if (s) {
        kp_bind_int(s, 1, open);
        kp_bind_int(s, 2, LIST_MAX);
    }
    kp_json_begin(v->j, '{');
    kp_json_key(v->j, "hits");
    kp_json_begin(v->j, '[');
    while (s && kp_step(s, v->err))
        if (kp_gate_tlp(v->to, (enum kp_tlp)kp_column_int(s, 4), true) &&
            may_go(v, (kp_asset)kp_column_int(s, 9)))
            put_hit(v, s);
    if (s)
        kp_reset(s);
    kp_json_end(v->j, ']');
    kp_json_end(v->j, '}');
}

enum kp_code kp_hits_show(struct kp_shield *s, enum kp_recipient to, bool open, struct kp_json *j,
                          struct kp_err *err)
{
    struct showing v = { .shield = s, .to = to, .j = j, .err = err };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        put_hits(&v, db, open);
    kp_store_reader_done(s->store, db);
    return err->code;
}

/* ---- what people say of one ---- */
struct saying {
    int64_t id;
    bool ignored, says;
    const char *comment, *who;
};

static enum kp_code put_said(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct saying *w = arg;
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "update stix_hit set ignored = ?2, comment = iif(?3, ?4, comment), who = ?5"
                      " where id = ?1",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, w->id);
    kp_bind_int(s, 2, w->ignored);
    kp_bind_int(s, 3, w->says);
    kp_bind_text(s, 4, w->comment);
    kp_bind_text(s, 5, w->who);
    if (kp_run(s, err) || kp_db_changes(db))
        return err->code;
    return kp_fail(err, KP_ENOTFOUND, "there is no hit %lld", (long long)w->id);
}

enum kp_code kp_hit_change(struct kp_shield *s, int64_t id, const json_t *body, const char *who,
                           struct kp_err *err)
{
    static const char *const known[] = { "ignored", "comment", NULL };
    struct saying w = { .id = id, .who = who, .says = json_object_get(body, "comment") };
    if (kp_members_known(body, "body", known, err) ||
        kp_member_text(body, "body", "comment", false, &w.comment, err))
        return err->code;
    if (!json_object_get(body, "ignored"))
        return kp_fail(err, KP_EINVALID, "ignored is missing: true or false");
    if (kp_member_truth(body, "body", "ignored", &w.ignored, err))
        return err->code;
    if (!kp_store_do(s->store, put_said, &w, err))
        kp_seen_wake(s->observing->queue); /* its alarm is over at the next look */
    return err->code;
}
