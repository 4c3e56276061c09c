/* SPDX-License-Identifier: Apache-2.0 */
/* Sections that are one whole, from the file to the node and back: who is told of alarms, the
 * calendar, the shop floor, folders of orders, security. */
#include "config/plan.h"

#include "alarm/delivery.h"
#include "core/json.h"
#include "flex/shop.h"
#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/shield.h"

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

json_t *kp_config_json(const struct kp_config_entry *e)
{
    struct taking t = { .entry = e };
    return json_of(&t, e->tree);
}

/* The document as REST takes it, in the plan's arena. */
static const char *text_of(struct kp_plan *p, const struct kp_config_entry *e)
{
    json_t *plan = kp_config_json(e);
    char *text = kp_json_dump(plan, JSON_COMPACT);
    const char *copy = text ? kp_arena_strdup(&p->arena, text) : NULL;
    kp_free(text);
    json_decref(plan);
    if (!copy)
        kp_plan_no_memory(p);
    return copy;
}

/* ---- the kinds ---- */
struct document {
    enum kp_config_kind kind;
    const char *key;
    enum kp_code (*put)(struct kp_node *, const char *json, struct kp_err *);
    enum kp_code (*check)(const char *json, struct kp_err *); /* NULL: `is` says what is wrong */
    enum kp_code (*is)(struct kp_node *, const char *json, bool *same, struct kp_err *);
    enum kp_code (*get)(struct kp_node *, struct kp_buf *, struct kp_err *);
    const char *says[3]; /* one of these members must say something, else it is not written */
};

static enum kp_code put_delivery(struct kp_node *node, const char *json, struct kp_err *err)
{
    return kp_alarms_put_delivery(kp_node_alarms(node), json, err);
}

static enum kp_code check_delivery(const char *json, struct kp_err *err)
{
    struct kp_delivery *d = kp_alloc(sizeof *d);
    if (!d)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_delivery_parse(json, d, err);
    kp_delivery_free(d);
    kp_free(d);
    return err->code;
}

static enum kp_code is_delivery(struct kp_node *node, const char *json, bool *same,
                                struct kp_err *err)
{
    return kp_alarms_delivery_is(kp_node_alarms(node), json, same, err);
}

static enum kp_code get_delivery(struct kp_node *node, struct kp_buf *out, struct kp_err *err)
{
    return kp_alarms_delivery(kp_node_alarms(node), out, err);
}

static enum kp_code put_calendar(struct kp_node *node, const char *json, struct kp_err *err)
{
    return kp_shop_put_document(kp_node_shop(node), KP_SHOP_CALENDAR, json, err);
}

static enum kp_code is_calendar(struct kp_node *node, const char *json, bool *same,
                                struct kp_err *err)
{
    return kp_shop_is_document(kp_node_shop(node), KP_SHOP_CALENDAR, json, same, err);
}

static enum kp_code check_calendar(const char *json, struct kp_err *err)
{
    return kp_shop_check_document(KP_SHOP_CALENDAR, json, err);
}

static enum kp_code get_calendar(struct kp_node *node, struct kp_buf *out, struct kp_err *err)
{
    return kp_shop_stored_document(kp_node_shop(node), KP_SHOP_CALENDAR, out, err);
}

static enum kp_code put_settings(struct kp_node *node, const char *json, struct kp_err *err)
{
    return kp_shop_put_document(kp_node_shop(node), KP_SHOP_SETTINGS, json, err);
}

static enum kp_code is_settings(struct kp_node *node, const char *json, bool *same,
                                struct kp_err *err)
{
    return kp_shop_is_document(kp_node_shop(node), KP_SHOP_SETTINGS, json, same, err);
}

static enum kp_code check_settings(const char *json, struct kp_err *err)
{
    return kp_shop_check_document(KP_SHOP_SETTINGS, json, err);
}

static enum kp_code get_settings(struct kp_node *node, struct kp_buf *out, struct kp_err *err)
{
    return kp_shop_stored_document(kp_node_shop(node), KP_SHOP_SETTINGS, out, err);
}

static enum kp_code put_folders(struct kp_node *node, const char *json, struct kp_err *err)
{
    return kp_shop_put_document(kp_node_shop(node), KP_SHOP_FOLDERS, json, err);
}

static enum kp_code is_folders(struct kp_node *node, const char *json, bool *same,
                               struct kp_err *err)
{
    return kp_shop_is_document(kp_node_shop(node), KP_SHOP_FOLDERS, json, same, err);
}

static enum kp_code check_folders(const char *json, struct kp_err *err)
{
    return kp_shop_check_document(KP_SHOP_FOLDERS, json, err);
}

static enum kp_code get_folders(struct kp_node *node, struct kp_buf *out, struct kp_err *err)
{
    return kp_shop_stored_document(kp_node_shop(node), KP_SHOP_FOLDERS, out, err);
}

static enum kp_code put_shield(struct kp_node *node, const char *json, struct kp_err *err)
{
    return kp_shield_settings_put(kp_node_shield(node), json, err);
}

static enum kp_code is_shield(struct kp_node *node, const char *json, bool *same,
                              struct kp_err *err)
{
    return kp_shield_settings_is(kp_node_shield(node), json, same, err);
}

static enum kp_code get_shield(struct kp_node *node, struct kp_buf *out, struct kp_err *err)
{
    return kp_shield_settings_get(kp_node_shield(node), out, err);
}

static const struct document documents[] = {
    { KP_CONFIG_DELIVERY,
      "alarm-delivery",
      put_delivery,
      check_delivery,
      is_delivery,
      get_delivery,
      { "channels", "mail", NULL } },
    { KP_CONFIG_CALENDAR,
      "calendar",
      put_calendar,
      check_calendar,
      is_calendar,
      get_calendar,
      { NULL } },
    { KP_CONFIG_SHOP, "shop", put_settings, check_settings, is_settings, get_settings, { NULL } },
    { KP_CONFIG_ORDERS,
      "orders",
      put_folders,
      check_folders,
      is_folders,
      get_folders,
      { "folders", NULL } },
    { KP_CONFIG_SHIELD,
      "shield",
      put_shield,
      kp_shield_settings_check,
      is_shield,
      get_shield,
      { "scope", "mail", NULL } },
};
enum { DOCUMENTS = sizeof documents / sizeof *documents };

static const struct document *document_of(const char *key)
{
    size_t i = 0;
    while (strcmp(documents[i].key, key) != 0)
        i++;
    return &documents[i];
}

static enum kp_code run(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return document_of(s->fields->key)->put(p->node, s->fields->value, err);
}

static enum kp_code plan_one(struct kp_plan *p, const struct document *d)
{
    const struct kp_config_list *list = &p->config->list[d->kind];
    const char *text = list->n ? text_of(p, list->entries) : NULL;
    struct kp_err wrong = { 0 };
    bool same = true;
    if (!text)
        return p->err->code;
    if (d->check(text, &wrong))
        return kp_plan_fault(p, list->entries->at, wrong.code, wrong.text);
    if (d->is(p->node, text, &same, p->err) || same)
        return p->err->code;
    struct kp_plan_step *s = kp_plan_add(p, "change", "setting", list->entries->name);
    struct kp_field *f = s ? kp_arena_alloc(&p->arena, sizeof *f) : NULL;
    if (!f)
        return s ? kp_plan_no_memory(p) : p->err->code;
    *f = (struct kp_field){ d->key, text };
    s->fields = f;
    s->n = 1;
    s->run = run;
    return KP_OK;
}

enum kp_code kp_plan_documents(struct kp_plan *p)
{
    for (size_t i = 0; i < DOCUMENTS && !p->err->code; i++)
        plan_one(p, &documents[i]);
    return p->err->code;
}

/* ---- to the file ---- */
enum { INDENT_MAX = 16 };

static void put_value(struct kp_buf *out, unsigned indent, const json_t *v);

void kp_export_map(struct kp_buf *out, const char *first, unsigned indent, const json_t *map)
{
    const char *key, *before = first;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, key, v)
    {
        if (kp_member_says_nothing(key, v))
            continue;
        kp_buf_printf(out, "%*s%s", (int)(indent - strlen(before)), "", before);
        kp_yaml_put_text(out, key);
        kp_buf_str(out, ":");
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
    if (json_is_number(v)) {
        struct kp_json j = kp_json(out);
        kp_buf_str(out, " ");
        kp_json_double(&j, json_number_value(v));
        kp_buf_str(out, "\n");
        return;
    }
    if (json_is_boolean(v)) {
        kp_buf_str(out, json_is_true(v) ? " true\n" : " false\n");
        return;
    }
    kp_buf_str(out, "\n");
    if (json_is_object(v))
        kp_export_map(out, "", indent, v);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        if (json_is_object(one)) {
            kp_export_map(out, "- ", indent + 2, one);
            continue;
        }
        kp_buf_printf(out, "%s- ", spaces);
        kp_yaml_put_lines(out, spaces, json_string_value(one));
    }
}

static bool says_anything(const struct document *d, const json_t *j)
{
    for (size_t i = 0; d->says[i]; i++) {
        const json_t *v = json_object_get(j, d->says[i]);
        if (json_array_size(v) || json_is_object(v))
            return true;
    }
    return !d->says[0] && json_object_size(j);
}

static enum kp_code export_one(struct kp_node *node, const struct document *d, struct kp_buf *yaml,
                               struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 4 * (KP_SETTINGS_TEXT + KP_DELIVERY_TEXT));
    json_t *j = NULL;
    if (!d->get(node, &text, err) && !(j = kp_json_load(text.data, text.len, 0, NULL)))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (j && says_anything(d, j)) {
        kp_buf_printf(yaml, "\n%s:", d->key);
        put_value(yaml, 2, j);
    }
    json_decref(j);
    kp_buf_free(&text);
    return err->code;
}

enum kp_code kp_export_documents(struct kp_node *node, struct kp_buf *yaml, struct kp_err *err)
{
    for (size_t i = 0; i < DOCUMENTS && !err->code; i++)
        export_one(node, &documents[i], yaml, err);
    return err->code;
}
