/* SPDX-License-Identifier: Apache-2.0 */
/* Threat information into a file: what kp_plan_shield reads. */
#include "config/plan.h"
#include "config/shield_now.h"

#include "net/json_memory.h"
#include "shield/feed.h"
#include "shield/taxii.h"

#include <string.h>

#include "core/ban.h"

enum { SHOWN_MAX = 64 << 20 };

/* ---- what is there ---- */
static json_t *read_shown(struct kp_buf *text, struct kp_err *err)
{
    json_t *shown = err->code ? NULL : kp_json_load(kp_buf_text(text), text->len, 0, NULL);
    if (!shown && !err->code)
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_buf_free(text);
    return shown;
}

json_t *kp_collections_now(struct kp_node *node, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, SHOWN_MAX);
    struct kp_json j = kp_json(&text);
    kp_collections_show(kp_node_store(node), &j, err);
    json_t *shown = read_shown(&text, err);
    json_t *list = json_incref(json_object_get(shown, "collections"));
    json_decref(shown);
    return list;
}

json_t *kp_devices_now(struct kp_node *node, enum kp_recipient to, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, SHOWN_MAX);
    struct kp_json j = kp_json(&text);
    kp_shield_by_hand(kp_node_shield(node), to, &j, err);
    return read_shown(&text, err);
}

json_t *kp_feeds_now(struct kp_node *node, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, SHOWN_MAX);
    struct kp_json j = kp_json(&text);
    kp_feeds_show(kp_node_shield(node), NULL, &j, err);
    json_t *shown = read_shown(&text, err), *list = json_incref(json_object_get(shown, "feeds"));
    json_decref(shown);
    return list;
}

json_t *kp_aliases_now(struct kp_node *node, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, SHOWN_MAX);
    struct kp_json j = kp_json(&text);
    kp_shield_aliases(kp_node_shield(node), &j, err);
    json_t *shown = read_shown(&text, err), *aliases = json_incref(json_object_get(shown, "text"));
    json_decref(shown);
    return aliases;
}

json_t *kp_now_named(const json_t *list, const char *key, const char *name)
{
    json_t *one;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        const char *is = json_string_value(json_object_get(one, key));
        if (is && strcmp(is, name) == 0)
            return one;
    }
    return NULL;
}

/* ---- to the file ---- */
static const json_t *member(const json_t *o, const char *key)
{
    return json_object_get(o, key);
}

/* A member that says something, into what is written. */
static void copy(json_t *to, const json_t *from, const char *key, const char *usual)
{
    json_t *v = json_object_get(from, key);
    if (json_is_string(v) && strcmp(json_string_value(v), usual) == 0)
        return;
    if (v && !json_is_null(v))
        json_object_set(to, key, v);
}

static json_t *collection_out(const json_t *c)
{
    static const char *const rights[] = { "write", "amber", NULL };
    json_t *out = json_object(), *members = json_array(), *m;
    size_t i;
    copy(out, c, "name", "");
    copy(out, c, "root", "api");
    copy(out, c, "title", json_string_value(member(c, "name")));
    copy(out, c, "description", "");
    copy(out, c, "tlp", "amber");
    json_array_foreach(json_object_get(c, "members"), i, m)
    {
        json_t *one = json_object();
        copy(one, m, "who", "");
        if (!json_is_true(member(m, "read")))
            json_object_set_new(one, "read", json_false());
        for (size_t k = 0; rights[k]; k++)
            if (json_is_true(member(m, rights[k])))
                json_object_set_new(one, rights[k], json_true());
        json_array_append_new(members, one);
    }
    json_object_set_new(out, "members", members);
    return out;
}

static json_t *device_out(const json_t *d)
{
    json_t *out = json_copy((json_t *)(uintptr_t)d);
    json_object_del(out, "id");
    json_object_del(out, "made");
    return out;
}

/* What a kind has noted itself is no setting of a person. */
static json_t *feed_out(const json_t *f)
{
    static const char *const common[] = { "name", "kind", "url", "every", NULL };
    json_t *out = json_object();
    for (size_t i = 0; common[i]; i++)
        copy(out, f, common[i], "");
    if (!json_is_true(member(f, "enabled")))
        json_object_set_new(out, "enabled", json_false());
    json_object_update_missing(out, json_object_get(f, "settings"));
    json_object_del(out, "provider");
    return out;
}

static void put_secrets(struct kp_buf *yaml, const json_t *feed)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(feed, "secrets"), i, one)
    {
        const char *key = json_string_value(one);
        kp_buf_printf(yaml, "    # %s-file: /PATH  (a %s is set; it is not exported)\n", key, key);
    }
}

/* Takes the list. */
static void put_list(struct kp_buf *yaml, const char *key, json_t *list,
                     json_t *(*out)(const json_t *))
{
    json_t *one;
    size_t i;
    if (json_array_size(list))
        kp_buf_printf(yaml, "\n%s:\n", key);
    json_array_foreach(list, i, one)
    {
        json_t *map = out(one);
        kp_export_map(yaml, "- ", 4, map);
        if (json_is_array(json_object_get(map, "trust")) && !json_array_size(member(map, "trust")))
            kp_buf_str(yaml, "    trust: []\n"); /* no key counts: that is said */
        put_secrets(yaml, one);
        json_decref(map);
    }
    json_decref(list);
}

enum kp_code kp_export_shield(struct kp_node *node, enum kp_recipient to, struct kp_buf *yaml,
                              struct kp_err *err)
{
    put_list(yaml, "collections", kp_collections_now(node, err), collection_out);
    if (!err->code)
        put_list(yaml, "devices", kp_devices_now(node, to, err), device_out);
    if (!err->code)
        put_list(yaml, "feeds", kp_feeds_now(node, err), feed_out);
    json_t *aliases = err->code ? NULL : kp_aliases_now(node, err);
    if (json_string_length(aliases)) {
        kp_buf_str(yaml, "\nvendor-aliases: ");
        kp_yaml_put_lines(yaml, "  ", json_string_value(aliases));
    }
    json_decref(aliases);
    return err->code;
}
