/* SPDX-License-Identifier: Apache-2.0 */
/* Couplings: an entry describes one whole, secrets apart. */
#include "config/plan.h"

#include "store/secret.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static enum kp_code couple(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_couple(p->node, s->entry->url, s->fields, s->n, NULL, err);
}

static enum kp_code change(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_change_coupling(p->node, s->name, s->fields, s->n, err);
}

static enum kp_code uncouple(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_node_uncouple(p->node, s->name, false, err);
}

/* Places the node's own complaint at the field it concerns: each is tried alone, then all together. */
static enum kp_code check(struct kp_plan *p, const struct kp_config_entry *e, const struct kp_coupling_view *now)
{
    struct kp_field all[KP_YAML_KEYS_MAX];
    const char *name = e->name, *url = now ? NULL : e->url;
    for (size_t i = 0; i < e->n; i++) {
        all[i] = e->fields[i].f;
        if (now && strcmp(now->url, e->url) != 0)
            continue; /* another class may know other words */
        if (kp_node_check_coupling(p->node, name, url, &all[i], 1, p->err))
            return kp_yaml_context(p->config->file, e->fields[i].at, p->err);
    }
    if (!now && kp_node_check_coupling(p->node, name, url, all, e->n, p->err))
        return kp_yaml_context(p->config->file, e->at, p->err);
    return KP_OK;
}

/* ---- comparing ---- */
static const struct kp_option *option_of(const struct kp_option *options, const char *key)
{
    for (; options && options->name; options++)
        if (strcmp(options->name, key) == 0)
            return options;
    return NULL;
}

/* The text in force for a word of a coupling; "" when it is the default without a text. */
static const char *word(const struct kp_coupling_view *v, const char *key)
{
    const struct {
        const char *key, *text;
    } known[] = { { "at", v->at }, { "include", v->include }, { "exclude", v->exclude }, { "every", v->every },
                  { "deadband", v->deadband }, { "clock", v->clock ? v->clock : "auto" }, { "enabled", v->enabled ? "true" : "false" } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].key, key) == 0)
            return known[i].text ? known[i].text : "";
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->settings[i].key, key) == 0)
            return v->settings[i].value;
    const struct kp_option *o = option_of(v->options, key);
    return o && o->standard ? o->standard : "";
}

/* What a word means when it is left out. */
static const char *standard(const struct kp_coupling_view *v, const char *key)
{
    const struct kp_option *o = option_of(v->options, key);
    if (strcmp(key, "at") == 0)
        return v->name;
    if (strcmp(key, "clock") == 0)
        return "auto";
    return strcmp(key, "enabled") == 0 ? "true" : o && o->standard ? o->standard : "";
}

static bool same_secret(struct kp_plan *p, const struct kp_coupling_view *v, const struct kp_field *f)
{
    char name[KP_NAME_MAX];
    void *data;
    size_t len;
    struct kp_err none = { 0 };
    snprintf(name, sizeof name, "coupling/%u/%s", v->id, f->key);
    return kp_secret_get(kp_node_store(p->node), name, &p->arena, &data, &len, &none) == KP_OK &&
           len == strlen(f->value) && memcmp(data, f->value, len) == 0;
}

static bool same(struct kp_plan *p, const struct kp_coupling_view *v, const struct kp_config_field *f)
{
    const struct kp_option *o = option_of(v->options, f->f.key);
    if (o && o->type == KP_OPT_SECRET)
        return same_secret(p, v, &f->f);
    const char *now = word(v, f->f.key), *new = *f->f.value ? f->f.value : standard(v, f->f.key);
    if (strcmp(f->f.key, "enabled") == 0 || (o && o->type == KP_OPT_BOOL))
        return kp_plan_yes(now) == kp_plan_yes(new);
    return strcmp(now, new) == 0;
}

/* ---- one coupling ---- */
static struct kp_plan_step *changing(struct kp_plan *p, struct kp_plan_step *s, const struct kp_config_entry *e)
{
    if (!s && (s = kp_plan_add(p, "change", "coupling", e->name))) {
        s->entry = e;
        s->run = change;
    }
    return s;
}

static bool mentioned(const struct kp_config_entry *e, const char *key)
{
    for (size_t i = 0; i < e->n; i++)
        if (strcmp(e->fields[i].f.key, key) == 0)
            return true;
    return false;
}

/* Words the node has and the entry has not go back to their defaults. */
static struct kp_plan_step *plan_left_out(struct kp_plan *p, struct kp_plan_step *s, const struct kp_config_entry *e,
                                          const struct kp_coupling_view *v)
{
    static const char *const common[] = { "at", "enabled", "include", "exclude", "every", "deadband", "clock" };
    enum { COMMON = sizeof common / sizeof common[0] };
    for (size_t i = 0; i < COMMON + v->n && !p->err->code; i++) {
        const char *key = i < COMMON ? common[i] : v->settings[i - COMMON].key;
        const struct kp_option *o = option_of(v->options, key);
        if (mentioned(e, key) || strcmp(word(v, key), standard(v, key)) == 0 || (o && o->type == KP_OPT_SECRET))
            continue;
        s = changing(p, s, e);
        if (s)
            kp_plan_field(p, s, key, word(v, key), "", false);
    }
    return s;
}

static enum kp_code plan_change(struct kp_plan *p, const struct kp_config_entry *e, const struct kp_coupling_view *v)
{
    struct kp_plan_step *s = NULL;
    if (strcmp(v->url, e->url) != 0 && (s = changing(p, s, e)))
        kp_plan_field(p, s, "url", v->url, e->url, false);
    for (size_t i = 0; i < e->n && !p->err->code; i++) {
        const struct kp_config_field *f = &e->fields[i];
        if (!same(p, v, f) && (s = changing(p, s, e)))
            kp_plan_field(p, s, f->f.key, word(v, f->f.key), f->f.value, f->secret);
    }
    if (!p->err->code)
        s = plan_left_out(p, s, e, v);
    if (s && !p->err->code && kp_node_check_coupling(p->node, e->name, NULL, s->fields, s->n, p->err))
        kp_yaml_context(p->config->file, e->at, p->err);
    return p->err->code;
}

static enum kp_code plan_add(struct kp_plan *p, const struct kp_config_entry *e)
{
    struct kp_plan_step *s = kp_plan_add(p, "add", "coupling", e->name);
    if (!s)
        return p->err->code;
    s->entry = e;
    s->run = couple;
    for (size_t i = 0; i < e->n && !p->err->code; i++)
        if (*e->fields[i].f.value)
            kp_plan_field(p, s, e->fields[i].f.key, NULL, e->fields[i].f.value, e->fields[i].secret);
    if (p->err->code || kp_plan_field(p, s, "name", NULL, e->name, false))
        return p->err->code;
    s->detail = e->url;
    return KP_OK;
}

enum kp_code kp_plan_couplings(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_COUPLING];
    for (size_t i = 0; i < list->n && !p->err->code; i++) {
        const struct kp_config_entry *e = &list->entries[i];
        const struct kp_coupling_view *now = kp_plan_coupling(p, e->name);
        if (!check(p, e, now))
            now ? plan_change(p, e, now) : plan_add(p, e);
    }
    return p->err->code;
}

enum kp_code kp_plan_remove_couplings(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_COUPLING];
    for (size_t i = 0; list->present && i < p->n_couplings && !p->err->code; i++) {
        bool listed = false;
        for (size_t k = 0; k < list->n && !listed; k++)
            listed = strcmp(list->entries[k].name, p->couplings[i].name) == 0;
        struct kp_plan_step *s = listed ? NULL : kp_plan_add(p, "remove", "coupling", p->couplings[i].name);
        if (s)
            s->run = uncouple;
    }
    return p->err->code;
}
