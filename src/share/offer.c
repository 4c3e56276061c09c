/* SPDX-License-Identifier: Apache-2.0 */
/* What this node offers, and how its catalogue shows it to a partner. */
#include "share/private.h"

#include "gate/policy.h"
#include "gate/terms_plain.h"
#include "net/json_members.h"
#include "net/json_memory.h"
#include "share/reveals.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SIGNALS_MAX = 1000, BEFORE_MAX = 1000 };

/* ---- offers ---- */
struct new_offer {
    const char *id, *dataset, *partner, *description;
    const char *policy, *signals; /* JSON; signals NULL: of a dataset that is there */
    const char *content, *spec;   /* as of share_dataset */
    json_t *machines;             /* of what is worked out, else NULL */
    unsigned topics;              /* enum kp_topic of it */
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

static bool same_signals(struct kp_db *db, const struct new_offer *o, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select 1 from share_dataset where id = ? and signals = ? and spec is ?", err);
    if (!s)
        return false;
    kp_bind_text(s, 1, o->dataset);
    kp_bind_text(s, 2, o->signals);
    kp_bind_text(s, 3, o->spec);
    bool same = kp_step(s, err);
    kp_reset(s);
    return same;
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
        return !same_signals(db, o, err)
                   ? kp_fail(err, KP_EEXISTS,
                             "dataset '%.80s' is there already: leave signals out, or take another "
                             "name",
                             o->dataset)
                   : err->code;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into share_dataset(id, signals, description, made, "
                                      "content, spec) values(?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, o->dataset);
    kp_bind_text(s, 2, o->signals);
    kp_bind_text(s, 3, o->description);
    kp_bind_int(s, 4, o->now);
    kp_bind_text(s, 5, o->content);
    kp_bind_text(s, 6, o->spec);
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

/* ---- what the node works out: free hours, key figures ---- */
static enum kp_code read_machines(const json_t *o, const char *what, struct new_offer *n,
                                  struct kp_arena *arena, struct kp_err *err)
{
    const json_t *list, *one;
    size_t i;
    json_t *patterns = json_array();
    n->machines = json_array();
    if (kp_member_list(o, what, "machines", KP_OFFERED_MACHINES, &list, err))
        goto done;
    json_array_foreach(list, i, one)
    {
        const char *path = json_string_value(one);
        if (!path || !kp_path_valid(path) || strlen(path) > KP_PATH_MAX - 2 * KP_NAME_MAX) {
            kp_fail(err, KP_EINVALID, "%s.machines[%zu]: no path of a machine", what, i);
            goto done;
        }
        json_array_append_new(n->machines, json_string(path));
        json_array_append_new(patterns, json_sprintf("%s/%s/**", path, what));
    }
    if (!json_array_size(n->machines))
        kp_fail(err, KP_EINVALID, "%s.machines: say of which machines", what);
    else
        n->signals = share_dump(patterns, arena, err);
done:
    json_decref(patterns);
    return err->code;
}

static enum kp_code read_capacity(const json_t *o, struct new_offer *n, struct kp_arena *arena,
                                  struct kp_err *err)
{
    static const char *const known[] = { "machines", "weeks", NULL };
    double weeks = 8;
    if (kp_members_known(o, "capacity", known, err) ||
        kp_member_number(o, "capacity", "weeks", 1, KP_OFFERED_WEEKS, &weeks, err) ||
        read_machines(o, "capacity", n, arena, err))
        return err->code;
    json_t *spec = json_pack("{s:O, s:I}", "machines", n->machines, "weeks", (json_int_t)weeks);
    n->content = "capacity";
    n->topics = 1u << KP_TOPIC_FREE;
    n->spec = share_dump(spec, arena, err);
    json_decref(spec);
    return err->code;
}

static enum kp_code read_figures(const json_t *o, struct new_offer *n, struct kp_arena *arena,
                                 struct kp_err *err)
{
    static const char *const known[] = { "machines", "every", NULL };
    static const char *const steps[] = { "shift", "day", NULL };
    int step = 1;
    if (kp_members_known(o, "figures", known, err) ||
        kp_member_choice(o, "figures", "every", steps, &step, err) ||
        read_machines(o, "figures", n, arena, err))
        return err->code;
    json_t *spec = json_pack("{s:O, s:s}", "machines", n->machines, "every", steps[step]);
    n->content = "figures";
    n->topics = 1u << KP_TOPIC_FIGURE | 1u << KP_TOPIC_COUNT;
    n->spec = share_dump(spec, arena, err);
    json_decref(spec);
    return err->code;
}

static enum kp_code read_goods(const json_t *o, struct new_offer *n, struct kp_arena *arena,
                               struct kp_err *err)
{
    const json_t *capacity = json_object_get(o, "capacity"),
                 *of_figures = json_object_get(o, "figures");
    capacity = json_is_null(capacity) ? NULL : capacity;
    of_figures = json_is_null(of_figures) ? NULL : of_figures;
    n->content = "signals";
    if (read_signals(o, arena, &n->signals, err))
        return err->code;
    if ((n->signals != NULL) + (capacity != NULL) + (of_figures != NULL) > 1)
        return kp_fail(err, KP_EINVALID,
                       "a dataset holds either signals, or capacity, or figures: make two offers");
    if (capacity)
        return read_capacity(capacity, n, arena, err);
    return of_figures ? read_figures(of_figures, n, arena, err) : KP_OK;
}

/* Terms in plain words, as a policy. */
static json_t *policy_of_terms(const json_t *terms, struct kp_err *err)
{
    struct kp_terms t;
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    if (kp_terms_read_plain(terms, &t, err))
        return NULL;
    kp_buf_init(&text, KP_SHARE_TERMS);
    kp_json_begin(&j, '{');
    kp_terms_json(&j, &t);
    kp_json_end(&j, '}');
    json_t *policy = text.failed ? NULL : kp_json_read(kp_buf_text(&text), "policy", err);
    kp_buf_free(&text);
    if (!policy && !err->code)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return policy;
}

static enum kp_code read_terms(const json_t *o, json_t **policy, struct kp_err *err)
{
    const json_t *terms = json_object_get(o, "terms"), *given = json_object_get(o, "policy");
    if (!terms || json_is_null(terms))
        return share_read_policy(o, policy, err);
    if (given && !json_is_null(given))
        return kp_fail(err, KP_EINVALID, "say either terms or policy, not both");
    *policy = policy_of_terms(terms, err);
    return err->code;
}

static enum kp_code read_offer(const json_t *o, struct new_offer *n, struct kp_arena *arena,
                               struct kp_err *err)
{
    static const char *const known[] = { "id",          "dataset", "partner", "signals",
                                         "description", "policy",  "terms",   "automatic",
                                         "capacity",    "figures", NULL };
    const json_t *automatic = json_object_get(o, "automatic");
    json_t *policy = NULL;
    if (kp_members_known(o, "offer", known, err) ||
        kp_member_text(o, "offer", "id", false, &n->id, err) ||
        kp_member_text(o, "offer", "dataset", true, &n->dataset, err) ||
        kp_member_text(o, "offer", "partner", false, &n->partner, err) ||
        kp_member_text(o, "offer", "description", false, &n->description, err) ||
        read_goods(o, n, arena, err) || read_terms(o, &policy, err))
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

/* The signals of the offer, or of the dataset that is there; NULL: neither says any. */
static json_t *signals_of(struct kp_share *s, const struct new_offer *n, struct kp_err *err)
{
    json_t *list = NULL;
    if (n->signals)
        return kp_json_read(n->signals, "signals", err);
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *d =
        db ? kp_db_prepare(db, "select signals from share_dataset where id = ?", err) : NULL;
    if (d) {
        kp_bind_text(d, 1, n->dataset);
        if (kp_step(d, err))
            list = kp_json_read(kp_column_text(d, 0), "signals", err);
        kp_reset(d);
    }
    kp_store_reader_done(s->store, db);
    return list;
}

json_t *share_offered_before(struct kp_share *s, const char *partner, const char *dataset,
                             struct kp_err *err)
{
    static const char sql[] =
        "select distinct d.signals from share_offer o join share_dataset d on d.id = o.dataset"
        " where (o.partner is null or o.partner = ?1) and d.id <> ?2 limit ?3";
    json_t *all = json_array();
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *d = db ? kp_db_prepare(db, sql, err) : NULL;
    if (d) {
        kp_bind_text(d, 1, partner);
        kp_bind_text(d, 2, dataset);
        kp_bind_int(d, 3, BEFORE_MAX);
        while (kp_step(d, err)) {
            json_t *one = kp_json_read(kp_column_text(d, 0), "signals", err);
            json_array_extend(all, one);
            json_decref(one);
        }
        kp_reset(d);
    }
    kp_store_reader_done(s->store, db);
    return all;
}

static void put_reply(struct kp_share *s, struct kp_json *j, const struct new_offer *n,
                      const json_t *signals, struct kp_err *err)
{
    const struct share_revealing of = { n->partner, n->dataset, signals, n->topics, &n->terms };
    kp_json_begin(j, '{');
    kp_json_put_text(j, "id", n->id);
    kp_json_put_text(j, "dataset", n->dataset);
    kp_json_put_text(j, "partner", n->partner);
    kp_json_key(j, "policy");
    kp_json_raw(j, n->policy);
    kp_json_key(j, "words");
    kp_terms_words_json(j, &n->terms);
    kp_json_key(j, "reveals");
    share_reveals(s, j, &of, err);
    kp_json_end(j, '}');
}

enum kp_code kp_share_offer_add(struct kp_share *s, enum kp_recipient asks, const json_t *o,
                                bool only_try, struct kp_arena *arena, struct kp_json *j,
                                struct kp_err *err)
{
    struct new_offer n = { .now = kp_utc(s->clock) };
    char pid[PID_TEXT];
    json_t *signals = NULL;
    share_pid(pid);
    if (!read_offer(o, &n, arena, err))
        signals = signals_of(s, &n, err);
    if (!n.id)
        n.id = kp_arena_strdup(arena, pid);
    if (!n.id)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!err->code && n.machines)
        share_check_machines(s, n.machines, err);
    else if (!err->code)
        share_check_goods(s, signals, asks, err);
    if (!err->code && !only_try)
        kp_store_do(s->store, insert, &n, err);
    if (!err->code)
        put_reply(s, j, &n, signals, err);
    json_decref(signals);
    json_decref(n.machines);
    return err->code;
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
    return kp_db_exec(db, SHARE_DATASETS_CLEAR, err);
}

enum kp_code kp_share_offer_remove(struct kp_share *s, const char *id, struct kp_err *err)
{
    return kp_store_do(s->store, remove_offer, (void *)(uintptr_t)id, err);
}

static void put_words(struct kp_json *j, const char *policy)
{
    struct kp_err none = { 0 };
    json_t *p = kp_json_read(policy, "policy", &none);
    kp_json_key(j, "words");
    share_words(j, p);
    json_decref(p);
}

static void put_own_offer(struct kp_json *j, struct kp_stmt *row)
{
    kp_json_put_text(j, "id", kp_column_text(row, 0));
    kp_json_put_text(j, "dataset", kp_column_text(row, 1));
    kp_json_put_text(j, "partner", kp_column_text(row, 2));
    kp_json_key(j, "signals");
    kp_json_raw(j, kp_column_text(row, 3));
    kp_json_put_text(j, "description", kp_column_text(row, 4));
    kp_json_put_text(j, "content", kp_column_text(row, 8));
    kp_json_key(j, "spec");
    kp_json_raw(j, kp_column_text(row, 9));
    kp_json_key(j, "policy");
    kp_json_raw(j, kp_column_text(row, 5));
    put_words(j, kp_column_text(row, 5));
    kp_json_put_bool(j, "automatic", kp_column_int(row, 6));
    kp_json_put_time(j, "made", kp_column_int(row, 7));
}

enum kp_code kp_share_offers(struct kp_share *s, struct kp_json *j, struct kp_err *err)
{
    static const char sql[] = "select o.id, o.dataset, o.partner, d.signals, "
                              "d.description, o.policy, o.automatic, o.made, d.content, d.spec"
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

/* Datasets he is offered, and that meet what he asks for. */
static struct kp_stmt *find_datasets(struct kp_db *db, const struct kp_dsp_query *q,
                                     const char *partner, struct kp_err *err)
{
    static const char *const tests[] = { [KP_DSP_IS] = " and d.id = ?",
                                         [KP_DSP_LIKE] = " and d.id like ?",
                                         [KP_DSP_IN] =
                                             " and d.id in (select value from json_each(?))" };
    struct kp_buf sql;
    kp_buf_init(&sql, 4 << 10);
    kp_buf_str(&sql, "select id, signals from share_dataset d where exists (select 1 from "
                     "share_offer o where o.dataset = d.id and (o.partner is null or o.partner = "
                     "?1))");
    for (size_t i = 0; i < q->n; i++)
        kp_buf_str(&sql, tests[q->criteria[i].test]);
    kp_buf_str(&sql, " order by id limit ? offset ?");
    struct kp_stmt *s = kp_db_prepare(db, kp_buf_text(&sql), err);
    kp_buf_free(&sql);
    if (!s)
        return NULL;
    int at = 1;
    kp_bind_text(s, at++, partner);
    for (size_t i = 0; i < q->n; i++)
        kp_bind_text(s, at++, q->criteria[i].right);
    kp_bind_int(s, at++, q->limit + 1);
    kp_bind_int(s, at, q->offset);
    return s;
}

static enum kp_code put_page(struct kp_json *j, struct kp_share *share, struct kp_db *db,
                             enum kp_recipient to, const struct kp_dsp_query *q,
                             const char *partner, const char *base, bool *more, struct kp_err *err)
{
    int64_t n = 0;
    bool begun = false;
    struct kp_stmt *s = find_datasets(db, q, partner, err);
    if (!s)
        return err->code;
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
                                     struct kp_json *j, struct kp_pages *pages, struct kp_err *err)
{
    struct kp_dsp_query q;
    struct kp_arena arena = { 0 };
    struct share_self self;
    char base[KP_SHARE_URL];
    bool more = false;
    *pages = (struct kp_pages){ -1, -1 };
    kp_share_base(s, base);
    if (kp_dsp_read_query(&q, text, len, &arena, err) || share_self(s, &arena, &self, err)) {
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
        pages->next = q.offset + q.limit;
    if (q.offset > 0)
        pages->previous = q.offset > q.limit ? q.offset - q.limit : 0;
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
