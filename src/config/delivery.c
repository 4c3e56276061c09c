/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of alarms: a section that is the whole plan, from the file to the node and back. */
#include "config/plan.h"

#include "alarm/delivery.h"
#include "net/json_memory.h"

#include <jansson.h>
#include <string.h>

#include "core/ban.h"

/* ---- from the file ---- */
struct taking {
    const struct kp_config_entry *entry;
    size_t secrets; /* taken so far, in the order of the file */
};

static json_t *json_of(struct taking *t, const struct kp_yaml *y);

static int put_member(struct taking *t, json_t *object, const struct kp_yaml *y)
{
    const struct kp_config_field *f = &t->entry->fields[t->secrets];
    bool secret = t->secrets < t->entry->n && f->file == y->text;
    if (!secret)
        return json_object_set_new(object, y->key, json_of(t, y));
    t->secrets++;
    return json_object_set_new(object, f->f.key, json_string(f->f.value));
}

/* NULL: out of memory. */
static json_t *json_of(struct taking *t, const struct kp_yaml *y)
{
    if (y->kind == KP_YAML_TEXT)
        return *y->text ? json_string(y->text) : json_null();
    json_t *all = y->kind == KP_YAML_MAP ? json_object() : json_array();
    for (const struct kp_yaml *i = y->first; all && i; i = i->next) {
        int failed = y->kind == KP_YAML_MAP ? put_member(t, all, i)
                                            : json_array_append_new(all, json_of(t, i));
        if (failed) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* The plan as REST takes it, in the plan's arena. */
static const char *text_of(struct kp_plan *p, const struct kp_config_entry *e)
{
    struct taking t = { .entry = e };
    json_t *plan = json_of(&t, e->tree);
    char *text = kp_json_dump(plan, JSON_COMPACT);
    const char *copy = text ? kp_arena_strdup(&p->arena, text) : NULL;
    kp_free(text);
    json_decref(plan);
    if (!copy)
        kp_plan_no_memory(p);
    return copy;
}

static enum kp_code run(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_alarms_put_delivery(kp_node_alarms(p->node), s->fields->value, err);
}

static enum kp_code check(struct kp_plan *p, const struct kp_config_entry *e, const char *text)
{
    struct kp_delivery *d = kp_arena_alloc(&p->arena, sizeof *d);
    struct kp_err wrong = { 0 };
    if (!d)
        return kp_plan_no_memory(p);
    kp_delivery_parse(text, d, &wrong);
    kp_delivery_free(d);
    return wrong.code ? kp_plan_fault(p, e->at, wrong.code, wrong.text) : KP_OK;
}

enum kp_code kp_plan_delivery(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_DELIVERY];
    const char *text = list->n ? text_of(p, list->entries) : NULL;
    bool same = true;
    if (!text || check(p, list->entries, text) ||
        kp_alarms_delivery_is(kp_node_alarms(p->node), text, &same, p->err) || same)
        return p->err->code;
    struct kp_plan_step *s = kp_plan_add(p, "change", "setting", list->entries->name);
    struct kp_field *f = s ? kp_arena_alloc(&p->arena, sizeof *f) : NULL;
    if (!f)
        return s ? kp_plan_no_memory(p) : p->err->code;
    *f = (struct kp_field){ "plan", text };
    s->fields = f;
    s->n = 1;
    s->run = run;
    return KP_OK;
}

/* ---- to the file ---- */
enum { INDENT_MAX = 16 };

static bool says_nothing(const char *key, const json_t *v)
{
    bool secret = strcmp(key, "password") == 0 || strcmp(key, "token") == 0;
    return secret || json_is_null(v) || (json_is_array(v) && !json_array_size(v));
}

static void put_value(struct kp_buf *out, unsigned indent, const json_t *v);

/* `first` stands before the first member, where a list's dash is; spaces before the others. */
static void put_map(struct kp_buf *out, const char *first, unsigned indent, const json_t *map)
{
    const char *key, *before = first;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, key, v)
    {
        if (says_nothing(key, v))
            continue;
        kp_buf_printf(out, "%*s%s%s:", (int)(indent - strlen(before)), "", before, key);
        before = "";
        put_value(out, indent + 2, v);
    }
}

static void put_value(struct kp_buf *out, unsigned indent, const json_t *v)
{
    char spaces[INDENT_MAX + 1] = "";
    memset(spaces, ' ', indent < INDENT_MAX ? indent : INDENT_MAX);
    if (json_is_string(v)) {
        kp_buf_str(out, " ");
        kp_yaml_put_lines(out, spaces, json_string_value(v));
        return;
    }
    kp_buf_str(out, "\n");
    if (json_is_object(v))
        put_map(out, "", indent, v);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        if (json_is_object(one)) {
            put_map(out, "- ", indent + 2, one);
            continue;
        }
        kp_buf_printf(out, "%s- ", spaces);
        kp_yaml_put_lines(out, spaces, json_string_value(one));
    }
}

enum kp_code kp_export_delivery(struct kp_node *node, struct kp_buf *yaml, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 4 * KP_DELIVERY_TEXT);
    json_t *plan = NULL;
    if (!kp_alarms_delivery(kp_node_alarms(node), &text, err)) {
        plan = kp_json_load(text.data, text.len, 0, NULL);
        if (!plan)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    if (json_array_size(json_object_get(plan, "channels")) ||
        json_is_object(json_object_get(plan, "mail"))) {
        kp_buf_str(yaml, "\nalarm-delivery:");
        put_value(yaml, 2, plan);
    }
    json_decref(plan);
    kp_buf_free(&text);
    return err->code;
}
