/* SPDX-License-Identifier: Apache-2.0 */
#include "config/plan.h"

#include "core/json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { FIELDS_MAX = 128, DETAIL_MAX = 64 << 10 };

struct kp_model *kp_plan_model(const struct kp_plan *p)
{
    return kp_hub_model(kp_node_hub(p->node));
}

enum kp_code kp_plan_no_memory(struct kp_plan *p)
{
    return kp_fail(p->err, KP_ENOMEM, "out of memory making the plan");
}

enum kp_code kp_plan_fault(struct kp_plan *p, struct kp_place at, enum kp_code code, const char *text)
{
    return kp_yaml_fail(p->config->file, at, p->err, code, "%s", text);
}

const struct kp_coupling_view *kp_plan_coupling(const struct kp_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_couplings; i++)
        if (strcmp(p->couplings[i].name, name) == 0)
            return &p->couplings[i];
    return NULL;
}

bool kp_plan_yes(const char *text)
{
    return strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0 ||
           strcmp(text, "1") == 0;
}

struct kp_plan_step *kp_plan_add(struct kp_plan *p, const char *action, const char *kind, const char *name)
{
    const char *copy = kp_arena_strdup(&p->arena, name);
    if (!copy || !kp_grow(&p->steps, &p->capacity, p->n + 1, sizeof *p->steps)) {
        kp_plan_no_memory(p);
        return NULL;
    }
    p->steps[p->n] = (struct kp_plan_step){ .action = action, .kind = kind, .name = copy };
    return &p->steps[p->n++];
}

static size_t lines_in(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n += text[1] != 0;
    return n + 1;
}

static enum kp_code describe(struct kp_plan *p, struct kp_plan_step *s, const char *key, const char *old, const char *new)
{
    struct kp_buf b;
    kp_buf_init(&b, DETAIL_MAX);
    kp_buf_printf(&b, "%s%s%s: ", s->detail ? s->detail : "", s->detail ? ", " : "", key);
    if (old && *old && !strchr(old, '\n'))
        kp_buf_printf(&b, "%s -> ", old);
    if (new && strchr(new, '\n'))
        kp_buf_printf(&b, "(%zu lines)", lines_in(new));
    else
        kp_buf_str(&b, new && *new ? new : "(default)");
    s->detail = b.failed ? NULL : kp_arena_strdup(&p->arena, kp_buf_text(&b));
    kp_buf_free(&b);
    return s->detail ? KP_OK : kp_plan_no_memory(p);
}

enum kp_code kp_plan_field(struct kp_plan *p, struct kp_plan_step *s, const char *key, const char *old, const char *new,
                           bool secret)
{
    if (!s->fields)
        s->fields = kp_arena_alloc(&p->arena, FIELDS_MAX * sizeof *s->fields);
    const char *value = s->fields ? kp_arena_strdup(&p->arena, new ? new : "") : NULL;
    if (!value)
        return kp_plan_no_memory(p);
    if (s->n == FIELDS_MAX)
        return kp_plan_fault(p, s->entry->at, KP_EFULL, "too many fields");
    s->fields[s->n++] = (struct kp_field){ key, value };
    return secret ? describe(p, s, key, NULL, "(new secret)") : describe(p, s, key, old, new);
}

const struct kp_config_entry *kp_plan_entry(const struct kp_plan *p, enum kp_config_kind kind, const char *name)
{
    const struct kp_config_list *list = &p->config->list[kind];
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->entries[i].name, name) == 0)
            return &list->entries[i];
    return NULL;
}

enum kp_code kp_plan_make(struct kp_plan *p, struct kp_node *node, struct kp_config *config,
                          struct kp_applier by, bool prune, struct kp_err *err)
{
    static enum kp_code (*const parts[])(struct kp_plan *) = { kp_plan_settings, kp_plan_retention, kp_plan_assets,
                                                               kp_plan_couplings, kp_plan_nodes, kp_plan_signals,
                                                               kp_plan_alarms, kp_plan_watches, kp_plan_documents,
                                                               kp_plan_partners, kp_plan_offers, kp_plan_shield };
    static enum kp_code (*const removals[])(struct kp_plan *) = { kp_plan_remove_signals, kp_plan_remove_couplings,
                                                                  kp_plan_remove_assets, kp_plan_remove_alarms,
                                                                  kp_plan_remove_watches, kp_plan_remove_offers,
                                                                  kp_plan_remove_partners, kp_plan_remove_shield };
    *p = (struct kp_plan){ .node = node, .config = config, .by = by, .prune = prune, .err = err };
    if (kp_config_side_files(config, err) ||
        kp_node_couplings(node, NULL, &p->arena, &p->couplings, &p->n_couplings, err))
        return err->code;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !err->code; i++)
        parts[i](p);
    for (size_t i = 0; prune && i < sizeof removals / sizeof removals[0] && !err->code; i++)
        removals[i](p);
    return err->code;
}

void kp_plan_json(const struct kp_plan *p, struct kp_buf *out)
{
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < p->n; i++) {
        const struct kp_plan_step *s = &p->steps[i];
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "action", s->action);
        kp_json_put_text(&j, "kind", s->kind);
        kp_json_put_text(&j, "name", s->name);
        kp_json_put_text(&j, "detail", s->detail);
        kp_json_end(&j, '}');
    }
    kp_json_end(&j, ']');
}

enum kp_code kp_plan_run(struct kp_plan *p, struct kp_err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct kp_plan_step *s = &p->steps[i];
        if (s->run && s->run(p, s, err))
            return kp_context(err, "%zu of %zu changes were made, then %s %s %.120s failed", i, p->n, s->action,
                              s->kind, s->name);
    }
    return KP_OK;
}

void kp_plan_free(struct kp_plan *p)
{
    kp_free(p->steps);
    kp_arena_free(&p->arena);
}

/* ---- settings of the node ---- */
static enum kp_code put_setting(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct kp_field *f = arg;
    return kp_setting_put(db, f->key, *f->value ? f->value : NULL, err);
}

static enum kp_code run_setting(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_store_do(kp_node_store(p->node), put_setting, s->fields, err);
}

static const struct kp_config_setting *setting_of(const char *name)
{
    const struct kp_config_setting *s = kp_config_settings;
    while (strcmp(s->name, name) != 0)
        s++;
    return s;
}

static enum kp_code plan_setting(struct kp_plan *p, struct kp_db *db, const struct kp_config_entry *e)
{
    const struct kp_config_setting *known = setting_of(e->name);
    const char *now = kp_setting_get(db, &p->arena, known->key), *new = e->fields->f.value;
    if (strcmp(now ? now : "", new) == 0)
        return KP_OK;
    struct kp_plan_step *s = kp_plan_add(p, "change", "setting", e->name);
    if (!s || kp_plan_field(p, s, e->name, now, new, false))
        return p->err->code;
    s->fields->key = known->key;
    s->run = run_setting;
    return KP_OK;
}

enum kp_code kp_plan_settings(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_SETTING];
    struct kp_db *db = list->n ? kp_store_reader(kp_node_store(p->node), p->err) : NULL;
    for (size_t i = 0; db && i < list->n && !p->err->code; i++)
        plan_setting(p, db, &list->entries[i]);
    if (db)
        kp_store_reader_done(kp_node_store(p->node), db);
    return p->err->code;
}
