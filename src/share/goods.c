/* SPDX-License-Identifier: Apache-2.0 */
/* What the patterns of a dataset name in the model, and whether it may go to another company. */
#include "share/private.h"

#include "gate/policy.h"
#include "gate/terms_plain.h"
#include "net/json_memory.h"
#include "share/reveals.h"
#include "store/interval_sum.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { WALK = 64 };

struct walk {
    const struct kp_model *model;
    enum kp_recipient to;
    kp_signal stays; /* the first that may not go */
    char path[KP_PATH_MAX];
    bool any, goes;
};

static void look_at(void *arg, kp_signal s, const char *path)
{
    struct walk *w = arg;
    bool goes = kp_gate_signal(w->model, w->to, s);
    w->any = true;
    w->goes |= goes;
    if (goes || w->stays)
        return;
    w->stays = s;
    snprintf(w->path, sizeof w->path, "%s", path);
}

/* All signals of a pattern, or until one that may not go, or (until_goes) one that may. */
static void walk(struct walk *w, const char *pattern, bool until_goes)
{
    char after[KP_PATH_MAX] = "";
    while (!w->stays || until_goes) {
        size_t n = kp_model_each(w->model, pattern, after, WALK, look_at, w);
        if (n < WALK || (until_goes && w->goes))
            return;
    }
}

enum kp_code share_check_goods(struct kp_share *s, const json_t *patterns, enum kp_recipient asks,
                               struct kp_err *err)
{
    struct walk w = { .model = s->model, .to = KP_TO_PARTNER };
    const json_t *one;
    size_t i;
    kp_model_lock(s->model);
    json_array_foreach(patterns, i, one) walk(&w, json_string_value(one), false);
    const struct kp_signal_info *info = w.stays ? kp_model_signal(s->model, w.stays) : NULL;
    uint8_t label = info ? kp_model_label(s->model, info->asset, info->label) : KP_PUBLIC;
    bool named = !w.stays || kp_gate_signal(s->model, asks, w.stays);
    kp_model_unlock(s->model);
    if (!w.stays)
        return KP_OK;
    if (named && kp_gate_label(KP_TO_PARTNER, label))
        return kp_fail(err, KP_EDENIED,
                       "signals: %.200s is another company's, which does not permit that it goes on",
                       w.path);
    return named ? kp_fail(err, KP_EDENIED,
                           "signals: %.200s is labelled %s and stays in this company; to offer it, "
                           "koppel set '%.200s' --label partner",
                           w.path, kp_label_name(label), w.path)
                 : kp_fail(err, KP_EDENIED,
                           "signals: something of them is labelled secret and stays in this node; "
                           "see koppel offer add on the node itself");
}

enum kp_code share_check_machines(struct kp_share *s, const json_t *paths, struct kp_err *err)
{
    const json_t *one;
    size_t i;
    json_array_foreach(paths, i, one)
    {
        const char *path = json_string_value(one);
        kp_model_lock(s->model);
        kp_asset a = kp_model_find_asset(s->model, path);
        bool may = a && kp_gate_asset(s->model, KP_TO_COMPANY, a);
        kp_model_unlock(s->model);
        if (!a)
            return kp_fail(err, KP_ENOTFOUND, "there is no machine '%.200s'", path);
        if (!may)
            return kp_fail(err, KP_EDENIED, "%.200s is labelled secret and stays in this node",
                           path);
    }
    return KP_OK;
}

bool share_goods_go(struct kp_share *s, enum kp_recipient to, const char *patterns)
{
    struct kp_err none = { 0 };
    struct walk w = { .model = s->model, .to = to };
    const json_t *one;
    size_t i;
    json_t *list = kp_json_read(patterns, "signals", &none);
    kp_model_lock(s->model);
    json_array_foreach(list, i, one) if (!w.goes) walk(&w, json_string_value(one), true);
    kp_model_unlock(s->model);
    json_decref(list);
    return list && (w.goes || !w.any);
}

/* What is written in other words, as JSON-LD allows, may come down to the same terms. */
bool kp_share_same_terms(const json_t *a, const json_t *b)
{
    struct kp_terms x, y;
    struct kp_err none = { 0 };
    return kp_dsp_same_rules(a, b) || (!kp_terms_parse(a, &x, &none) &&
                                       !kp_terms_parse(b, &y, &none) && kp_terms_same(&x, &y));
}

enum kp_code share_terms(const json_t *policy, struct kp_terms *t, struct kp_err *err)
{
    if (kp_terms_parse(policy, t, err))
        kp_context(err, "terms");
    return err->code;
}

void kp_share_words(struct kp_json *j, const json_t *policy)
{
    struct kp_terms t;
    struct kp_err why = { 0 };
    if (policy && !kp_terms_parse(policy, &t, &why)) {
        kp_terms_words_json(j, &t);
        return;
    }
    kp_json_begin(j, '[');
    if (policy) /* what is refused is said too: it is what a person has to look at */
        kp_json_text(j, why.text);
    kp_json_end(j, ']');
}

/* ---- what an offer reveals ---- */
struct revealing {
    struct kp_share *share;
    struct kp_reveals found;
    bool before;
};

static kp_asset machine_of(const struct kp_model *m, kp_asset a)
{
    while (a && kp_model_asset(m, a)->kind != KP_MACHINE)
        a = kp_model_asset(m, a)->parent;
    return a;
}

static void reveal(void *arg, kp_signal id, const char *path)
{
    struct revealing *r = arg;
    const struct kp_signal_info *info = kp_model_signal(r->share->model, id);
    if (info && kp_gate_signal(r->share->model, KP_TO_PARTNER, id))
        kp_reveals_add(&r->found, machine_of(r->share->model, info->asset), kp_topics_signal(info),
                       r->before, path);
}

static void reveal_all(struct revealing *r, const json_t *patterns, bool before)
{
    const json_t *one;
    size_t i, n;
    r->before = before;
    json_array_foreach(patterns, i, one)
    {
        char after[KP_PATH_MAX] = "";
        do {
            kp_model_lock(r->share->model);
            n = kp_model_each(r->share->model, json_string_value(one), after, KP_MODEL_SLICE,
                              reveal, r);
            kp_model_unlock(r->share->model);
        } while (n == KP_MODEL_SLICE && !r->found.failed);
    }
}

/* ---- the intervals of the things that are named: of terms without steps they go too ---- */
struct revealing_kind {
    struct revealing *r;
    const json_t *patterns;
    uint8_t kind;
};

static bool is_named(const json_t *patterns, const char *path)
{
    const json_t *one;
    size_t i;
    json_array_foreach(patterns, i, one) if (kp_pattern_match(json_string_value(one), path)) return true;
    return false;
}

static bool reveal_asset(void *arg, kp_asset a)
{
    struct revealing_kind *k = arg;
    struct kp_share *s = k->r->share;
    const struct kp_interval of = { .asset = a, .kind = k->kind, .label = KP_INHERIT };
    char path[KP_PATH_MAX];
    kp_model_lock(s->model);
    if (a && kp_model_asset(s->model, a) && kp_gate_interval(s->model, KP_TO_PARTNER, &of) &&
        kp_model_asset_path(s->model, a, path, sizeof path) < sizeof path &&
        is_named(k->patterns, path))
        kp_reveals_add(&k->r->found, machine_of(s->model, a), kp_topics_interval(k->kind),
                       k->r->before, path);
    kp_model_unlock(s->model);
    return !k->r->found.failed;
}

static void reveal_intervals(struct revealing *r, const json_t *patterns, bool before,
                             struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(r->share->store, err);
    r->before = before;
    for (unsigned kind = 0; db && kind <= KP_INTERVAL_GAP && !err->code; kind++) {
        struct revealing_kind k = { r, patterns, (uint8_t)kind };
        if (kp_topics_interval(kind))
            kp_interval_assets(db, (uint8_t)kind, reveal_asset, &k, err);
    }
    kp_store_reader_done(r->share->store, db);
}

void share_reveals(struct kp_share *s, struct kp_json *j, const struct share_revealing *of,
                   struct kp_err *err)
{
    struct revealing r = { .share = s };
    if (of->topics)
        kp_reveals_add(&r.found, 0, of->topics, false,
                       json_string_value(json_array_get(of->signals, 0)));
    reveal_all(&r, of->signals, false);
    if (!of->terms->every)
        reveal_intervals(&r, of->signals, false, err);
    if (kp_reveals_open(&r.found)) {
        json_t *before = share_offered_before(s, of->partner, of->dataset, err);
        reveal_all(&r, before, true);
        reveal_intervals(&r, before, true, err);
        json_decref(before);
    }
    kp_reveals_json(j, &r.found, of->terms);
    j->out->failed |= r.found.failed;
    kp_reveals_free(&r.found);
}
