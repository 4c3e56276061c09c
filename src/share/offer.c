/* SPDX-License-Identifier: Apache-2.0 */
/* What this node offers. */
#include "share/private.h"

#include "gate/policy.h"
#include "gate/terms_plain.h"
#include "net/json_members.h"
#include "net/json_memory.h"
#include "share/reveals.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SIGNALS_MAX = 1000, BEFORE_MAX = 1000, OFFERS_BYTES = 192 << 10 };

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

static enum kp_code no_goods(const struct new_offer *o, struct kp_err *err)
{
    return kp_fail(err, KP_EINVALID,
                   "signals: say which signals are in dataset '%.80s', which is new", o->dataset);
}

static enum kp_code other_goods(const struct new_offer *o, struct kp_err *err)
{
    return kp_fail(err, KP_EEXISTS,
                   "dataset '%.80s' is there already: leave signals out, or take another name",
                   o->dataset);
}

static enum kp_code put_dataset(struct kp_db *db, const struct new_offer *o, struct kp_err *err)
{
    bool known = there(db, "select 1 from share_dataset where id = ?", o->dataset, err);
    if (err->code || (known && !o->signals))
        return err->code;
    if (!o->signals)
        return no_goods(o, err);
    if (known)
        return !same_signals(db, o, err) ? other_goods(o, err) : err->code;
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

/* Terms that name recipients are offered to one of them; participant: the partner's, NULL: none. */
static enum kp_code fits_recipient(const struct new_offer *o, const char *participant,
                                   struct kp_err *err)
{
    if (!o->terms.recipient.n)
        return KP_OK;
    if (!o->partner)
        return kp_fail(err, KP_EINVALID,
                       "partner: an offer whose terms name a recipient is made to that partner");
    return participant && kp_words_have(&o->terms.recipient, participant)
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "policy: its recipient is not the id of partner %.60s",
                         o->partner);
}

static enum kp_code check_recipient(struct kp_db *db, const struct new_offer *o, struct kp_err *err)
{
    struct kp_stmt *s =
        o->terms.recipient.n && o->partner
            ? kp_db_prepare(db, "select participant from share_partner where name = ?", err)
            : NULL;
    if (err->code || !s)
        return err->code ? err->code : fits_recipient(o, NULL, err);
    kp_bind_text(s, 1, o->partner);
    if (kp_step(s, err))
        fits_recipient(o, kp_column_text(s, 0), err);
    kp_reset(s);
    return err->code;
}

/* A partner reads a dataset with all it is offered to him under in one message. */
static enum kp_code check_size(struct kp_db *db, const struct new_offer *o, struct kp_err *err)
{
    static const char sql[] =
        "with o as (select partner, length(cast(policy as blob)) + length(id) + 64 bytes from "
        "share_offer where dataset = ?1) select (select total(bytes) from o where partner is null) + "
        "coalesce((select max(his) from (select sum(bytes) his from o where partner is not null and "
        "(?2 is null or partner = ?2) group by partner)), 0)";
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, o->dataset);
    kp_bind_text(s, 2, o->partner);
    int64_t bytes = kp_step(s, err) ? kp_column_int(s, 0) : 0;
    kp_reset(s);
    return bytes + (int64_t)strlen(o->policy) <= OFFERS_BYTES || err->code
               ? err->code
               : kp_fail(err, KP_EFULL,
                         "the offers of dataset '%.80s' to one partner are larger than %d KiB in "
                         "all: take some back, or make another dataset",
                         o->dataset, OFFERS_BYTES >> 10);
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
    if (check_recipient(db, o, err) || put_dataset(db, o, err) || check_size(db, o, err))
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
    n->automatic = true;
    return kp_member_truth(o, "offer", "automatic", &n->automatic, err);
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
    kp_share_words(j, p);
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

enum kp_code kp_share_offers(struct kp_share *s, struct kp_share_page *page, struct kp_json *j,
                             struct kp_err *err)
{
    static const char sql[] = "select o.id, o.dataset, o.partner, d.signals, "
                              "d.description, o.policy, o.automatic, o.made, d.content, d.spec"
                              " from share_offer o join share_dataset d on d.id = "
                              "o.dataset where ?1 = '' or (o.dataset, o.made, o.id) > (select "
                              "dataset, made, id from share_offer where id = ?1) order by "
                              "o.dataset, o.made, o.id limit ?2";
    return share_list(s, sql, "select 1 from share_offer where id = ?", page, put_own_offer, j,
                      err);
}

/* ---- as apply files have them ---- */
struct told { /* a row of share_offer and of its dataset */
    const char *id, *dataset, *partner, *signals, *description, *content, *spec, *policy;
    bool automatic;
};

static json_t *document(const struct told *t, struct kp_err *err)
{
    json_t *o = json_object();
    bool worked_out = strcmp(t->content, "signals") != 0;
    share_member(o, "id", json_string(t->id), err);
    share_member(o, "dataset", json_string(t->dataset), err);
    if (t->partner)
        share_member(o, "partner", json_string(t->partner), err);
    if (t->description)
        share_member(o, "description", json_string(t->description), err);
    share_member(o, t->content, kp_json_read(worked_out ? t->spec : t->signals, t->content, err),
                 err);
    share_member(o, "policy", kp_json_read(t->policy, "policy", err), err);
    if (!t->automatic)
        share_member(o, "automatic", json_false(), err);
    return o;
}

json_t *kp_share_offer_documents(struct kp_share *s, struct kp_err *err)
{
    static const char sql[] =
        "select o.id, o.dataset, o.partner, d.signals, d.description, d.content, d.spec, o.policy, "
        "o.automatic from share_offer o join share_dataset d on d.id = o.dataset order by o.id";
    json_t *all = json_array();
    struct kp_db *db = all ? kp_store_reader(s->store, err) : NULL;
    struct kp_stmt *row = db ? kp_db_prepare(db, sql, err) : NULL;
    while (row && kp_step(row, err)) {
        const struct told t = { kp_column_text(row, 0), kp_column_text(row, 1),
                                kp_column_text(row, 2), kp_column_text(row, 3),
                                kp_column_text(row, 4), kp_column_text(row, 5),
                                kp_column_text(row, 6), kp_column_text(row, 7),
                                kp_column_int(row, 8) };
        if (json_array_append_new(all, document(&t, err)) && !err->code)
            share_starved(err);
    }
    kp_store_reader_done(s->store, db);
    if (!all)
        share_starved(err);
    return all;
}

/* What the offer does not say of its dataset is as it stands there. */
static enum kp_code complete(struct kp_share *s, struct new_offer *n, struct kp_arena *arena,
                             struct kp_err *err)
{
    static const char sql[] = "select signals, description, content, spec, exists(select 1 from "
                              "share_offer where dataset = d.id and id <> ?2) from share_dataset d "
                              "where id = ?1";
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *d = db ? kp_db_prepare(db, sql, err) : NULL;
    if (d) {
        kp_bind_text(d, 1, n->dataset);
        kp_bind_text(d, 2, n->id);
    }
    bool there_is = d && kp_step(d, err);
    if (there_is && n->signals && kp_column_int(d, 4) && !same_signals(db, n, err))
        other_goods(n, err);
    if (there_is && !n->description)
        n->description = kp_column_copy(d, 1, arena);
    if (there_is && !n->signals) {
        n->signals = kp_column_copy(d, 0, arena);
        n->content = kp_column_copy(d, 2, arena);
        n->spec = kp_column_copy(d, 3, arena);
    }
    if (d)
        kp_reset(d);
    kp_store_reader_done(s->store, db);
    return err->code || n->signals ? err->code : no_goods(n, err);
}

json_t *kp_share_offer_whole(struct kp_share *s, const json_t *o, const char *participant,
                             struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct new_offer n = { 0 };
    json_t *whole = NULL;
    if (!read_offer(o, &n, &arena, err) && !n.id)
        kp_fail(err, KP_EINVALID, "offer.id is missing");
    if (!err->code && !fits_recipient(&n, participant, err) && !complete(s, &n, &arena, err)) {
        const struct told t = { n.id,          n.dataset, n.partner, n.signals,
                                n.description, n.content, n.spec,    n.policy,
                                n.automatic };
        whole = document(&t, err);
    }
    json_decref(n.machines);
    kp_arena_free(&arena);
    return whole;
}

enum kp_code kp_share_offer_may(struct kp_share *s, enum kp_recipient asks, const json_t *whole,
                                struct kp_err *err)
{
    static const char *const worked_out[] = { "capacity", "figures" };
    for (size_t i = 0; i < sizeof worked_out / sizeof *worked_out; i++) {
        const json_t *spec = json_object_get(whole, worked_out[i]);
        if (spec)
            return share_check_machines(s, json_object_get(spec, "machines"), err);
    }
    return share_check_goods(s, json_object_get(whole, "signals"), asks, err);
}

/* Whatever stood there by that name, as if it was taken back and made anew. */
static enum kp_code replace(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct new_offer *o = arg;
    struct kp_stmt *s = kp_db_prepare(db, "delete from share_offer where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, o->id);
    if (kp_run(s, err) || kp_db_exec(db, SHARE_DATASETS_CLEAR, err) || insert(db, arg, err) ||
        !o->description)
        return err->code;
    s = kp_db_prepare(db, "update share_dataset set description = ?2 where id = ?1", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, o->dataset);
    kp_bind_text(s, 2, o->description);
    return kp_run(s, err);
}

enum kp_code kp_share_offer_put(struct kp_share *s, enum kp_recipient asks, const json_t *whole,
                                struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct new_offer n = { .now = kp_utc(s->clock) };
    if (!read_offer(whole, &n, &arena, err) && !kp_share_offer_may(s, asks, whole, err))
        kp_store_do(s->store, replace, &n, err);
    json_decref(n.machines);
    kp_arena_free(&arena);
    return err->code;
}
