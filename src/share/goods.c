/* SPDX-License-Identifier: Apache-2.0 */
/* What the patterns of a dataset name in the model, and whether it may go to another company. */
#include "share/private.h"

#include "gate/policy.h"
#include "net/json_memory.h"

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
    return named ? kp_fail(err, KP_EDENIED,
                           "signals: %.200s is labelled %s and stays in this company; to offer it, "
                           "koppel set '%.200s' --label partner",
                           w.path, kp_label_name(label), w.path)
                 : kp_fail(err, KP_EDENIED,
                           "signals: something of them is labelled secret and stays in this node; "
                           "see koppel offer add on the node itself");
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
bool share_same_terms(const json_t *a, const json_t *b)
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
