/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: those of the file are made or changed; others stay unless pruned. */
#include "config/plan.h"

#include "core/json.h"
#include "watch/watches.h"

#include <string.h>

#include "core/ban.h"

/* As the file has it; what it does not say is the default. */
static enum kp_code watch_of(const struct kp_config_entry *e, struct kp_watch_def *def, struct kp_err *err)
{
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, 16 << 10);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "name", e->name);
    for (size_t i = 0; i < e->n; i++)
        if (*e->fields[i].f.value)
            kp_json_put_text(&j, e->fields[i].f.key, e->fields[i].f.value);
    kp_json_end(&j, '}');
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_watch_def_parse(kp_buf_text(&text), def, err);
    kp_buf_free(&text);
    return err->code;
}

static enum kp_code run_put(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    struct kp_watch_def def;
    if (watch_of(s->entry, &def, err))
        return err->code;
    return kp_watches_put(kp_node_watches(p->node), &def, false, err);
}

static enum kp_code run_remove(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_watches_remove(kp_node_watches(p->node), s->name, err);
}

static bool keep(void *arg, const struct kp_watch_def *def)
{
    *(struct kp_watch_def *)arg = *def;
    return false;
}

static bool is_same(const struct kp_watch_def *a, const struct kp_watch_def *b)
{
    return kp_watch_def_goes_on(a, b) && strcmp(a->match, b->match) == 0 && a->states == b->states &&
           a->priority == b->priority && a->enabled == b->enabled;
}

static enum kp_code plan_one(struct kp_plan *p, const struct kp_config_entry *e)
{
    struct kp_watch_def wanted, now;
    struct kp_err wrong = { 0 };
    if (watch_of(e, &wanted, &wrong))
        return kp_plan_fault(p, e->at, wrong.code, wrong.text);
    bool there = kp_watches_each(kp_node_watches(p->node), e->name, keep, &now, &wrong) == KP_OK;
    if (!there && wrong.code != KP_ENOTFOUND)
        return kp_fail(p->err, wrong.code, "%s", wrong.text);
    if (there && now.kind != wanted.kind)
        return kp_plan_fault(p, e->at, KP_EINVALID, "a watch keeps its kind; give another one another name");
    if (there && is_same(&wanted, &now))
        return KP_OK;
    struct kp_plan_step *s = kp_plan_add(p, there ? "change" : "add", "watch", e->name);
    if (!s)
        return p->err->code;
    s->entry = e;
    s->run = run_put;
    return KP_OK;
}

enum kp_code kp_plan_watches(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_WATCH];
    for (size_t i = 0; i < list->n && !p->err->code; i++)
        plan_one(p, &list->entries[i]);
    return p->err->code;
}

static bool remove_unnamed(void *arg, const struct kp_watch_def *def)
{
    struct kp_plan *p = arg;
    if (kp_plan_entry(p, KP_CONFIG_WATCH, def->name))
        return true;
    const char *name = kp_arena_strdup(&p->arena, def->name);
    struct kp_plan_step *s = name ? kp_plan_add(p, "remove", "watch", name) : NULL;
    if (s)
        s->run = run_remove;
    return !p->err->code;
}

enum kp_code kp_plan_remove_watches(struct kp_plan *p)
{
    if (p->config->list[KP_CONFIG_WATCH].present)
        kp_watches_each(kp_node_watches(p->node), NULL, remove_unnamed, p, p->err);
    return p->err->code;
}
