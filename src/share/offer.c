/* SPDX-License-Identifier: Apache-2.0 */
/* What this node offers, and how its catalogue shows it to a partner. */
#include "share/private.h"

#include "net/json_members.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SIGNALS_MAX = 1000 };

/* ---- offers ---- */
struct new_offer {
    const char *id, *dataset, *partner, *description;
    const char *policy, *signals; /* JSON; signals NULL: of a dataset that is there */
    struct kp_terms terms;
    bool automatic;
    int64_t now;
};

static bool there(struct kp_db *db, const char *sql, const char *name, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return false;
    kp_bind_text(s, 1, name);
    bool yes = kp_step(s, err);
    kp_reset(s);
    return yes;
}

static enum kp_code put_dataset(struct kp_db *db, const struct new_offer *o, struct kp_err *err)
{
    bool known = there(db, "select 1 from share_dataset where id = ?", o->dataset, err);
    if (err->code || (known && !o->signals))
        return err->code;
    if (!o->signals)
        return kp_fail(err, KP_EINVALID,
                       "signals: say which signals are in dataset '%.80s', which is new",
                       o->dataset);
    if (known)
        return there(db, "select 1 from share_offer where dataset = ?", o->dataset, err)
                   ? kp_fail(err, KP_EEXISTS,
                             "dataset '%.80s' is there already: leave signals out, or take another "
                             "name",
                             o->dataset)
                   : err->code;
    struct kp_stmt *s = kp_db_prepare(
        db, "insert into share_dataset(id, signals, description, made) values(?, ?, ?, ?)", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, o->dataset);
    kp_bind_text(s, 2, o->signals);
    kp_bind_text(s, 3, o->description);
    kp_bind_int(s, 4, o->now);
    return kp_run(s, err);
}

/* Terms that name recipients are offered to one of them. */
static enum kp_code check_recipient(struct kp_db *db, const struct new_offer *o, struct kp_err *err)
{
    struct kp_stmt *s =
        o->terms.recipient.n && o->partner
            ? kp_db_prepare(db, "select participant from share_partner where name = ?", err)
            : NULL;
    if (!o->terms.recipient.n || err->code)
        return err->code;
    if (!s)
        return kp_fail(err, KP_EINVALID,
                       "partner: an offer whose terms name a recipient is made to that partner");
    kp_bind_text(s, 1, o->partner);
    bool named = kp_step(s, err) && kp_words_have(&o->terms.recipient, kp_column_text(s, 0));
    kp_reset(s);
    return named || err->code
               ? err->code
               : kp_fail(err, KP_EINVALID, "policy: its recipient is not the id of partner %.60s",
                         o->partner);
}

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct new_offer *o = arg;
    struct kp_err why = { 0 };
    if (share_room(db, "select count(*) from share_offer", KP_SHARE_OFFERS_MAX, "offers", err))
        return err->code;
    if (o->partner && !there(db, "select 1 from share_partner where name = ?", o->partner, err))
        return err->code
                   ? err->code
                   : kp_fail(err, KP_ENOTFOUND, "there is no partner named '%.60s'", o->partner);
    if (check_recipient(db, o, err) || put_dataset(db, o, err))
        return err->code;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into share_offer(id, dataset, partner, policy, "
                                      "automatic, made) values(?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, o->id);
    kp_bind_text(s, 2, o->dataset);
    kp_bind_text(s, 3, o->partner);
    kp_bind_text(s, 4, o->policy);
    kp_bind_int(s, 5, o->automatic);
    kp_bind_int(s, 6, o->now);
    if (kp_run(s, &why) == KP_EEXISTS)
        return kp_fail(err, KP_EEXISTS, "there is an offer '%.120s' already", o->id);
    return why.code ? kp_fail(err, why.code, "%s", why.text) : KP_OK;
}

static enum kp_code read_signals(const json_t *o, struct kp_arena *arena, const char **out,
                                 struct kp_err *err)
{
    const json_t *list, *one;
    size_t i;
    *out = NULL;
    if (kp_member_list(o, "offer", "signals", SIGNALS_MAX, &list, err) || !json_array_size(list))
        return err->code;
    json_array_foreach(list, i, one)
    {
        const char *pattern = json_string_value(one);
        if (!pattern || !*pattern || !kp_pattern_valid(pattern))
            return kp_fail(err, KP_EINVALID,
                           "offer.signals[%zu]: no pattern of paths such as hall/mill/**", i);
    }
    *out = share_dump(list, arena, err);
    return err->code;
}

enum kp_code share_read_policy(const json_t *o, json_t **out, struct kp_err *err)
{
    static const char *const not_ours[] = { "@id",      "@type",    "@context", "target",
                                            "assigner", "assignee", "timestamp" };
    json_t *p = json_object_get(o, "policy");
    struct kp_terms t;
    bool any = false;
    *out = NULL;
    if (!p || json_is_null(p)) {
        *out = json_pack("{s:[{s:s}]}", "permission", "action", "use");
        return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < sizeof not_ours / sizeof not_ours[0]; i++)
        if (json_object_get(p, not_ours[i]))
            return kp_fail(err, KP_EINVALID, "policy.%s: leave it out, the node sets it",
                           not_ours[i]);
    for (size_t i = 0; kp_dsp_rule_words[i]; i++) {
        const json_t *rules = json_object_get(p, kp_dsp_rule_words[i]), *one;
        size_t k;
        if (rules && !json_is_array(rules))
            return kp_fail(err, KP_EINVALID, "policy.%s must be a list of rules",
                           kp_dsp_rule_words[i]);
        json_array_foreach(rules, k, one) if (
            !json_is_string(json_object_get(
                one, "action"))) return kp_fail(err, KP_EINVALID,
                                                "policy.%s[%zu]: a rule is an object with an "
                                                "action, such as \"use\"",
                                                kp_dsp_rule_words[i], k);
        any |= i < 2 && json_array_size(rules);
    }
    if (!any)
        return kp_fail(err, KP_EINVALID,
                       "policy: an object with a permission or a prohibition, in ODRL");
    if (!share_terms(p, &t, err))
        *out = json_incref(p);
    return err->code;
}

static enum kp_code read_offer(const json_t *o, struct new_offer *n, struct kp_arena *arena,
                               struct kp_err *err)
{
    static const char *const known[] = { "id",          "dataset", "partner",   "signals",
                                         "description", "policy",  "automatic", NULL };
    const json_t *automatic = json_object_get(o, "automatic");
    json_t *policy = NULL;
    if (kp_members_known(o, "offer", known, err) ||
        kp_member_text(o, "offer", "id", false, &n->id, err) ||
        kp_member_text(o, "offer", "dataset", true, &n->dataset, err) ||
        kp_member_text(o, "offer", "partner", false, &n->partner, err) ||
        kp_member_text(o, "offer", "description", false, &n->description, err) ||
        read_signals(o, arena, &n->signals, err) || share_read_policy(o, &policy, err))
        return err->code;
    n->policy = share_dump(policy, arena, err);
    share_terms(policy, &n->terms, err);
    json_decref(policy);
    if (err->code)
        return err->code;
    if (automatic && !json_is_boolean(automatic) && !json_is_null(automatic))
        return kp_fail(err, KP_EINVALID, "automatic must be true or false");
    n->automatic = !json_is_false(automatic);
    return err->code;
}

/* The signals of the offer, or of the dataset that is there. */
static enum kp_code check_goods(struct kp_share *s, const struct new_offer *n,
                                enum kp_recipient asks, struct kp_err *err)
{
    json_t *list = NULL;
    struct kp_db *db = n->signals ? NULL : kp_store_reader(s->store, err);
    struct kp_stmt *d =
        db ? kp_db_prepare(db, "select signals from share_dataset where id = ?", err) : NULL;
    if (n->signals)
        list = kp_json_read(n->signals, "signals", err);
    if (d) {
        kp_bind_text(d, 1, n->dataset);
        if (kp_step(d, err))
            list = kp_json_read(kp_column_text(d, 0), "signals", err);
        kp_reset(d);
    }
    kp_store_reader_done(s->store, db);
    if (!err->code)
        share_check_goods(s, list, asks, err);
    json_decref(list);
    return err->code;
}

enum kp_code kp_share_offer_add(struct kp_share *s, enum kp_recipient asks, const json_t *o,
                                struct kp_arena *arena, const char **id, struct kp_err *err)
{
    struct new_offer n = { .now = kp_utc(s->clock) };
    char pid[PID_TEXT];
    if (read_offer(o, &n, arena, err) || check_goods(s, &n, asks, err))
        return err->code;
    share_pid(pid);
    *id = kp_arena_strdup(arena, n.id ? n.id : pid);
    if (!*id)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    n.id = *id;
    return kp_store_do(s->store, insert, &n, err);
}

static enum kp_code remove_offer(struct kp_db *db, void *id, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "delete from share_offer where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, id);
    if (kp_run(s, err))
        return err->code;
    if (!kp_db_changes(db))
        return kp_fail(err, KP_ENOTFOUND, "there is no offer '%.120s'", (const char *)id);
    return kp_db_exec(
        db, "delete from share_dataset where id not in (select dataset from share_offer)", err);
}

enum kp_code kp_share_offer_remove(struct kp_share *s, const char *id, struct kp_err *err)
{
    return kp_store_do(s->store, remove_offer, (void *)(uintptr_t)id, err);
}

static void put_own_offer(struct kp_json *j, struct kp_stmt *row)
{
    kp_json_put_text(j, "id", kp_column_text(row, 0));
    kp_json_put_text(j, "dataset", kp_column_text(row, 1));
    kp_json_put_text(j, "partner", kp_column_text(row, 2));
    kp_json_key(j, "signals");
    kp_json_raw(j, kp_column_text(row, 3));
    kp_json_put_text(j, "description", kp_column_text(row, 4));
    kp_json_key(j, "policy");
    kp_json_raw(j, kp_column_text(row, 5));
    kp_json_put_bool(j, "automatic", kp_column_int(row, 6));
    kp_json_put_time(j, "made", kp_column_int(row, 7));
}

enum kp_code kp_share_offers(struct kp_share *s, struct kp_json *j, struct kp_err *err)
{
    static const char sql[] = "select o.id, o.dataset, o.partner, d.signals, "
                              "d.description, o.policy, o.automatic, o.made"
                              " from share_offer o join share_dataset d on d.id = "
                              "o.dataset order by o.dataset, o.made, o.id";
    return share_list(s, sql, put_own_offer, j, err);
}

/* ---- the catalogue that a partner sees ---- */
static enum kp_code put_offer(struct kp_json *j, const char *id, const char *policy,
                              struct kp_err *err)
{
    const char *key;
    json_t *value, *p = policy ? kp_json_read(policy, "policy", err) : NULL;
    if (!p)
        return err->code;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "@id", id);
    kp_json_put_text(j, "@type", "Offer");
    json_object_foreach(p, key, value) kp_dsp_put(j, key, value);
    kp_json_end(j, '}');
    json_decref(p);
    return KP_OK;
}

static void put_service(struct kp_json *j, const char *base)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "@id", "urn:koppel:dsp");
    kp_json_put_text(j, "@type", "DataService");
    kp_json_put_text(j, "endpointURL", base);
    kp_json_end(j, '}');
}

static void put_distribution(struct kp_json *j, const char *base)
{
    kp_json_key(j, "distribution");
    kp_json_begin(j, '[');
    for (size_t i = 0; share_formats[i]; i++) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "@type", "Distribution");
        kp_json_put_text(j, "format", share_formats[i]);
        kp_json_key(j, "accessService");
        put_service(j, base);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

/* The members of a dataset, after its frame has begun. */
static enum kp_code put_dataset_members(struct kp_json *j, struct kp_db *db, const char *id,
                                        const char *partner, const char *base, struct kp_err *err)
{
    struct kp_stmt *o = kp_db_prepare(db,
                                      "select id, policy from share_offer where dataset = ? and "
                                      "(partner is null or partner = ?) order by made, id",
                                      err);
    if (!o)
        return err->code;
    kp_bind_text(o, 1, id);
    kp_bind_text(o, 2, partner);
    kp_json_put_text(j, "@id", id);
    kp_json_key(j, "hasPolicy");
    kp_json_begin(j, '[');
    while (kp_step(o, err))
        if (put_offer(j, kp_column_text(o, 0), kp_column_text(o, 1), err))
            break;
    kp_reset(o);
    kp_json_end(j, ']');
    put_distribution(j, base);
    return err->code;
}

static enum kp_code put_page(struct kp_json *j, struct kp_share *share, struct kp_db *db,
                             enum kp_recipient to, const struct kp_dsp_query *q,
                             const char *partner, const char *base, bool *more, struct kp_err *err)
{
    int64_t n = 0;
    bool begun = false;
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select id, signals from share_dataset d where exists (select 1 from "
                      "share_offer o where o.dataset = d.id and"
                      " (o.partner is null or o.partner = ?1)) and (?2 is null or "
                      "id = ?2) order by id limit ?3 offset ?4",
                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, partner);
    kp_bind_text(s, 2, q->id[0] ? q->id : NULL);
    kp_bind_int(s, 3, q->limit + 1);
    kp_bind_int(s, 4, q->offset);
    while (kp_step(s, err) && n++ < q->limit) {
        if (!share_goods_go(share, to, kp_column_text(s, 1)))
            continue;
        if (!begun) {
            begun = true;
            kp_json_key(j, "dataset");
            kp_json_begin(j, '[');
        }
        kp_json_begin(j, '{');
        kp_json_put_text(j, "@type", "Dataset");
        if (put_dataset_members(j, db, kp_column_text(s, 0), partner, base, err))
            break;
        kp_json_end(j, '}');
    }
    kp_reset(s);
    if (begun)
        kp_json_end(j, ']');
    *more = n > q->limit;
    return err->code;
}

enum kp_code kp_share_show_catalogue(struct kp_share *s, enum kp_recipient to, const char *partner,
                                     const char *text, size_t len, int64_t offset,
                                     struct kp_json *j, int64_t *next, struct kp_err *err)
{
    struct kp_dsp_query q;
    struct kp_arena arena = { 0 };
    struct share_self self;
    char base[KP_SHARE_URL];
    bool more = false;
    *next = -1;
    kp_share_base(s, base);
    if (kp_dsp_read_query(&q, text, len, err) || share_self(s, &arena, &self, err)) {
        kp_arena_free(&arena);
        return err->code;
    }
    q.offset = offset >= 0 ? offset : q.offset;
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db) {
        kp_dsp_begin(j, "Catalog", NULL, NULL);
        kp_json_put_text(j, "@id", "urn:koppel:catalogue");
        kp_json_put_text(j, "participantId", self.id);
        put_page(j, s, db, to, &q, partner, base, &more, err);
        kp_json_key(j, "service");
        kp_json_begin(j, '[');
        put_service(j, base);
        kp_json_end(j, ']');
        kp_json_end(j, '}');
    }
    kp_store_reader_done(s->store, db);
    kp_arena_free(&arena);
    if (more)
        *next = q.offset + q.limit;
    return err->code;
}

bool share_shown(struct kp_share *s, enum kp_recipient to, const char *partner, const char *dataset,
                 struct kp_err *err)
{
    bool shown = false;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *d = db ? kp_db_prepare(db,
                                           "select signals from share_dataset d where id = ?1 and "
                                           "exists (select 1 from share_offer where dataset = d.id "
                                           "and (partner is null or partner = ?2))",
                                           err)
                           : NULL;
    if (d) {
        kp_bind_text(d, 1, dataset);
        kp_bind_text(d, 2, partner);
        shown = kp_step(d, err) && share_goods_go(s, to, kp_column_text(d, 0));
        kp_reset(d);
    }
    kp_store_reader_done(s->store, db);
    return shown;
}

enum kp_code kp_share_show_dataset(struct kp_share *s, enum kp_recipient to, const char *partner,
                                   const char *id, struct kp_json *j, struct kp_err *err)
{
    char base[KP_SHARE_URL];
    kp_share_base(s, base);
    if (!share_shown(s, to, partner, id, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no dataset '%.120s' for you", id);
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db) {
        kp_dsp_begin(j, "Dataset", NULL, NULL);
        put_dataset_members(j, db, id, partner, base, err);
        kp_json_end(j, '}');
    }
    kp_store_reader_done(s->store, db);
    return err->code;
}
