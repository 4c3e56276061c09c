/* SPDX-License-Identifier: Apache-2.0 */
/* Assets and signals: what an entry mentions is compared with what the model holds. */
#include "config/plan.h"

#include "core/state_rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- the words as the model has them ---- */
static const char *text_of(struct kp_plan *p, const char *text)
{
    const char *copy = kp_arena_strdup(&p->arena, text ? text : "");
    if (!copy)
        kp_plan_no_memory(p);
    return copy;
}

static const char *number_text(struct kp_plan *p, double d)
{
    char text[40] = "";
    if (isfinite(d))
        snprintf(text, sizeof text, "%.17g", d);
    return text_of(p, text);
}

static int nameplate_field(const char *key)
{
    for (int i = 0; i < KP_NAMEPLATE_FIELDS; i++)
        if (strcmp(kp_nameplate_name((unsigned)i), key) == 0)
            return i;
    return -1;
}

/* The asset's word; *same says whether the entry's text is in force already. */
static const char *asset_word(struct kp_plan *p, const struct kp_asset_info *a, const struct kp_field *f, bool *same)
{
    int plate = nameplate_field(f->key);
    const char *now, *standard = "";
    if (plate >= 0) {
        bool by_hand = a->by_hand & 1u << plate;
        now = text_of(p, a->nameplate[plate]);
        *same = now && (*f->value ? by_hand && strcmp(now, f->value) == 0 : !by_hand);
        return now;
    }
    if (strcmp(f->key, "kind") == 0) {
        now = kp_asset_kind_name(a->kind);
        standard = kp_asset_kind_name(KP_FOLDER);
    } else if (strcmp(f->key, "label") == 0) {
        now = kp_label_name(a->label);
        standard = kp_label_name(KP_INHERIT);
    } else {
        now = text_of(p, a->description);
    }
    *same = now && strcmp(now, *f->value ? f->value : standard) == 0;
    return now;
}

static bool same_number(const struct kp_signal_info *s, double now, const char *text)
{
    return *text ? now == strtod(text, NULL) : isnan(now) || s->low >= s->high;
}

static const char *signal_word(struct kp_plan *p, const struct kp_signal_info *s, const struct kp_field *f, bool *same)
{
    const struct {
        const char *key, *text;
    } texts[] = { { "description", s->description }, { "unit", s->unit }, { "unitText", s->unit_text }, { "role", s->role }, { "states", s->states } };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i].key, f->key) == 0) {
            *same = strcmp(texts[i].text ? texts[i].text : "", f->value) == 0 ||
                    (texts[i].text == s->states && kp_state_text_learns(s->states) && strcmp(f->value, "learn") == 0);
            return text_of(p, texts[i].text);
        }
    if (strcmp(f->key, "label") == 0) {
        *same = strcmp(kp_label_name(s->label), *f->value ? f->value : kp_label_name(KP_INHERIT)) == 0;
        return kp_label_name(s->label);
    }
    bool low = strcmp(f->key, "low") == 0;
    if (low || strcmp(f->key, "high") == 0) {
        double now = low ? s->low : s->high;
        *same = same_number(s, now, f->value);
        return number_text(p, now);
    }
    bool flag = strcmp(f->key, "stored") == 0 ? s->stored : s->writable;
    *same = flag == kp_plan_yes(f->value);
    return flag ? "true" : "false";
}

/* ---- assets ---- */
static enum kp_code make_asset(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_make_asset(p->node, s->name, s->fields, s->n, err);
}

static enum kp_code change_asset(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_change_asset(p->node, s->name, s->fields, s->n, err);
}

static enum kp_code remove_asset(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_remove_asset(p->node, s->name, err);
}

/* Under the model's lock: only memory is touched. */
static enum kp_code plan_asset(struct kp_plan *p, const struct kp_config_entry *e)
{
    const struct kp_model *m = kp_plan_model(p);
    kp_asset id = kp_model_find_asset(m, e->name);
    struct kp_plan_step *s = NULL;
    if (!id && kp_model_find_signal(m, e->name))
        return kp_plan_fault(p, e->at, KP_EEXISTS, "there is a signal at this path");
    if (!id) {
        s = kp_plan_add(p, "add", "asset", e->name);
        if (!s)
            return p->err->code;
        s->entry = e;
        s->run = make_asset;
    }
    for (size_t i = 0; i < e->n && !p->err->code; i++) {
        const struct kp_field *f = &e->fields[i].f;
        bool same = !*f->value; /* what is not there has nothing to lose */
        const char *now = id ? asset_word(p, kp_model_asset(m, id), f, &same) : NULL;
        if (same || p->err->code)
            continue;
        if (!s && !(s = kp_plan_add(p, "change", "asset", e->name)))
            return p->err->code;
        s->entry = e;
        s->run = id ? change_asset : make_asset;
        kp_plan_field(p, s, f->key, now, f->value, false);
    }
    return p->err->code;
}

enum kp_code kp_plan_assets(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_ASSET];
    for (size_t i = 0; i < list->n && !p->err->code; i++) {
        kp_model_lock(kp_plan_model(p));
        plan_asset(p, &list->entries[i]);
        kp_model_unlock(kp_plan_model(p));
    }
    return p->err->code;
}

/* Whether the file or a signal needs this asset or one below it. Removals of those that nothing needs are
 * added unless `add` is false: the topmost takes all below it along. */
static bool needed(struct kp_plan *p, kp_asset id, bool add)
{
    const struct kp_model *m = kp_plan_model(p);
    const kp_asset *assets;
    const kp_signal *signals;
    char path[KP_PATH_MAX];
    kp_model_asset_path(m, id, path, sizeof path);
    size_t n = kp_model_child_assets(m, id, &assets);
    bool need = !id || kp_model_child_signals(m, id, &signals) || kp_plan_entry(p, KP_CONFIG_ASSET, path);
    for (size_t i = 0; i < n && !need; i++)
        need = needed(p, assets[i], false);
    for (size_t i = 0; i < n && need && add; i++)
        needed(p, assets[i], true);
    if (!need && add && !p->err->code) {
        struct kp_plan_step *s = kp_plan_add(p, "remove", "asset", path);
        if (s)
            s->run = remove_asset;
    }
    return need;
}

enum kp_code kp_plan_remove_assets(struct kp_plan *p)
{
    if (!p->config->list[KP_CONFIG_ASSET].present)
        return KP_OK;
    kp_model_lock(kp_plan_model(p));
    needed(p, 0, true);
    kp_model_unlock(kp_plan_model(p));
    return p->err->code;
}

/* ---- signals ---- */
static enum kp_code change_signal(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_change_signal(p->node, s->name, s->fields, s->n, err);
}

static enum kp_code remove_signal(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_remove_signal(p->node, s->name, err);
}

static int by_path(const void *key, const void *wanted)
{
    const char *path = ((const struct kp_plan_wanted *)wanted)->path;
    return path ? strcmp(key, path) : 1; /* those without a path come first */
}

static enum kp_code plan_signal(struct kp_plan *p, const struct kp_config_entry *e)
{
    static const struct kp_signal_info fresh = { .stored = true };
    const struct kp_model *m = kp_plan_model(p);
    const struct kp_plan_wanted *w = p->n_wanted ? bsearch(e->name, p->wanted, p->n_wanted, sizeof *p->wanted, by_path)
                                                 : NULL;
    kp_signal id = w && w->id ? w->id : kp_model_find_signal(m, e->name);
    if (!id && !w)
        return kp_plan_fault(p, e->at, KP_ENOTFOUND,
                             "there is no such signal, and no coupling in this file lists a node for it");
    const struct kp_signal_info *info = id ? kp_model_signal(m, id) : &fresh;
    struct kp_plan_step *s = NULL;
    for (size_t i = 0; i < e->n && !p->err->code; i++) {
        const struct kp_field *f = &e->fields[i].f;
        bool same;
        const char *now = signal_word(p, info, f, &same);
        if (same || p->err->code)
            continue;
        if (!s && !(s = kp_plan_add(p, "change", "signal", e->name)))
            return p->err->code;
        s->entry = e;
        s->run = change_signal;
        kp_plan_field(p, s, f->key, now, f->value, false);
    }
    return p->err->code;
}

enum kp_code kp_plan_signals(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_SIGNAL];
    for (size_t i = 0; i < list->n && !p->err->code; i++) {
        kp_model_lock(kp_plan_model(p));
        plan_signal(p, &list->entries[i]);
        kp_model_unlock(kp_plan_model(p));
    }
    return p->err->code;
}

/* ---- removing signals ---- */
static enum kp_code plan_removal(struct kp_plan *p, kp_signal id)
{
    char path[KP_PATH_MAX];
    kp_model_signal_path(kp_plan_model(p), id, path, sizeof path);
    struct kp_plan_step *s = kp_plan_add(p, "remove", "signal", path);
    if (s)
        s->run = remove_signal;
    return p->err->code;
}

static int by_name(const void *key, const void *entry)
{
    return strcmp(key, (*(const struct kp_config_entry *const *)entry)->name);
}

static int order_names(const void *a, const void *b)
{
    return by_name((*(const struct kp_config_entry *const *)a)->name, b);
}

static bool fed(const struct kp_plan *p, uint16_t coupling)
{
    for (size_t i = 0; i < p->n_couplings; i++)
        if (p->couplings[i].id == coupling)
            return true;
    return false;
}

/* Those of the present couplings' lists are kp_plan_nodes' business; here go signals without a coupling. */
enum kp_code kp_plan_remove_signals(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_SIGNAL];
    if (!list->present)
        return KP_OK;
    const struct kp_config_entry **names = kp_arena_alloc(&p->arena, (list->n + 1) * sizeof *names);
    if (!names)
        return kp_plan_no_memory(p);
    for (size_t i = 0; i < list->n; i++)
        names[i] = &list->entries[i];
    qsort(names, list->n, sizeof *names, order_names);
    struct kp_model *m = kp_plan_model(p);
    kp_model_lock(m);
    for (kp_signal s = 1; s < kp_model_signal_end(m) && !p->err->code; s++) {
        const struct kp_signal_info *info = kp_model_signal(m, s);
        char path[KP_PATH_MAX];
        if (!info || fed(p, info->coupling))
            continue;
        kp_model_signal_path(m, s, path, sizeof path);
        if (!bsearch(path, names, list->n, sizeof *names, by_name))
            plan_removal(p, s);
    }
    kp_model_unlock(m);
    return p->err->code;
}
