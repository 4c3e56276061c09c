/* SPDX-License-Identifier: Apache-2.0 */
/* Threat information: collections with their members, what people typed of devices, feeds, and
 * makers' other names. An entry describes one whole, secrets apart; members of a collection only
 * where it lists them. */
#include "config/plan.h"
#include "config/shield_now.h"

#include "shield/feed.h"
#include "shield/taxii.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const char who_applies[] = "apply file";

static struct kp_shield *shield(const struct kp_plan *p)
{
    return kp_node_shield(p->node);
}

/* ---- bodies as REST takes them ---- */
/* A word of the file for yes or no; what is none of them is told as wrong later. */
static void make_truth(json_t *o, const char *key)
{
    static const char *const words[] = { "off", "no", "false", "on", "yes", "true" };
    const char *text = json_string_value(json_object_get(o, key));
    for (size_t i = 0; text && i < 6; i++)
        if (strcmp(text, words[i]) == 0) {
            json_object_set_new(o, key, json_boolean(i >= 3));
            return;
        }
}

/* Moves a member, which may not be there. */
static void move(json_t *from, json_t *to, const char *key)
{
    json_t *v = json_object_get(from, key);
    if (v && !json_is_null(v))
        json_object_set(to, key, v);
    json_object_del(from, key);
}

static json_t *no_memory(struct kp_err *err)
{
    kp_fail(err, KP_ENOMEM, "out of memory");
    return NULL;
}

/* What is neither common to all feeds nor a secret is a setting. */
static json_t *feed_body(const struct kp_config_entry *e, struct kp_err *err)
{
    static const char *const common[] = { "name", "kind", "url", "every", "enabled", NULL };
    json_t *settings = kp_config_json(e), *body = json_object(), *secrets = json_object();
    for (size_t i = 0; common[i]; i++)
        move(settings, body, common[i]);
    for (size_t i = 0; i < e->n; i++)
        move(settings, secrets, e->fields[i].f.key);
    make_truth(body, "enabled");
    if (!json_object_get(body, "kind"))
        json_object_set_new(body, "kind", json_string("taxii"));
    bool whole = settings && body && secrets && !json_object_set(body, "settings", settings) &&
                 !json_object_set(body, "secrets", secrets);
    json_decref(settings);
    json_decref(secrets);
    if (whole)
        return body;
    json_decref(body);
    return no_memory(err);
}

/* *members: its list, apart; NULL: it names none. json_decref both. */
static json_t *collection_body(const struct kp_config_entry *e, json_t **members,
                               struct kp_err *err)
{
    json_t *body = kp_config_json(e), *m;
    size_t i;
    *members = json_incref(json_object_get(body, "members"));
    json_object_del(body, "members");
    json_array_foreach(*members, i, m)
    {
        if (!json_object_get(m, "read"))
            json_object_set_new(m, "read", json_true());
        make_truth(m, "read");
        make_truth(m, "write");
        make_truth(m, "amber");
    }
    return body ? body : no_memory(err);
}

/* What the entry does not say is given back to the machine. */
static json_t *device_body(const struct kp_config_entry *e, const json_t *now, struct kp_err *err)
{
    const char *key;
    json_t *value, *body = kp_config_json(e);
    json_object_foreach((json_t *)(uintptr_t)now, key, value)
    {
        bool field = strcmp(key, "id") != 0 && strcmp(key, "made") != 0;
        if (field && !json_object_get(body, key))
            json_object_set_new(body, key, json_null());
    }
    if (body && !json_is_string(json_object_get(body, "weight")))
        json_object_set_new(body, "weight", json_string("by-kind"));
    return body ? body : no_memory(err);
}

/* ---- collections ---- */
static bool same_text(const json_t *body, const json_t *now, const char *key, const char *usual)
{
    const json_t *v = json_object_get(body, key), *w = json_object_get(now, key);
    const char *a = json_string_length(v) ? json_string_value(v) : usual;
    const char *b = json_string_length(w) ? json_string_value(w) : "";
    return strcmp(a, b) == 0;
}

static bool same_member(const json_t *a, const json_t *b)
{
    static const char *const rights[] = { "read", "write", "amber" };
    for (int i = 0; i < 3; i++)
        if (json_is_true(json_object_get(a, rights[i])) !=
            json_is_true(json_object_get(b, rights[i])))
            return false;
    return true;
}

static bool same_members(const json_t *wanted, const json_t *now)
{
    json_t *m;
    size_t i;
    if (!wanted)
        return true;
    json_array_foreach((json_t *)(uintptr_t)wanted, i, m)
    {
        const char *who = json_string_value(json_object_get(m, "who"));
        const json_t *is = who ? kp_now_named(now, "who", who) : NULL;
        if (!is || !same_member(m, is))
            return false;
    }
    return i == json_array_size(now);
}

static enum kp_code check_collection(const json_t *body, const json_t *members, const json_t *now,
                                     struct kp_err *err)
{
    json_t *m;
    size_t i;
    if (kp_collection_check(body, false, err))
        return err->code;
    if (members && !json_is_array(members))
        return kp_fail(err, KP_EINVALID, "members: must be a list");
    json_array_foreach((json_t *)(uintptr_t)members, i, m)
    {
        if (kp_collection_check(m, true, err))
            return kp_context(err, "members[%zu]", i);
    }
    return !now || same_text(body, now, "root", "api")
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "root: that of a collection stays; remove it first");
}

static enum kp_code put_members(struct kp_plan *p, const char *name, const json_t *wanted,
                                const json_t *now, struct kp_err *err)
{
    struct kp_store *store = kp_node_store(p->node);
    int64_t at = kp_utc(kp_hub_clock(kp_node_hub(p->node)));
    json_t *m;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)wanted, i, m)
    {
        if (kp_collection_member(store, at, name, m, err))
            return err->code;
    }
    json_array_foreach((json_t *)(uintptr_t)now, i, m)
    {
        const char *who = json_string_value(json_object_get(m, "who"));
        json_t *gone = kp_now_named(wanted, "who", who) ? NULL : json_pack("{s:s}", "who", who);
        if (gone)
            kp_collection_member(store, at, name, gone, err);
        json_decref(gone);
        if (err->code)
            break;
    }
    return err->code;
}

static enum kp_code put_collection(struct kp_plan *p, json_t *body, const char *name, bool there,
                                   struct kp_err *err)
{
    struct kp_store *store = kp_node_store(p->node);
    if (!there)
        return kp_collection_add(store, kp_utc(kp_hub_clock(kp_node_hub(p->node))), body, err);
    json_object_del(body, "name");
    json_object_del(body, "root");
    if (!json_string_length(json_object_get(body, "title")))
        json_object_set_new(body, "title", json_string(name));
    if (!json_string_length(json_object_get(body, "tlp")))
        json_object_set_new(body, "tlp", json_string("amber"));
    return kp_collection_change(store, name, body, err);
}

static enum kp_code run_collection(struct kp_plan *p, const struct kp_plan_step *s,
                                   struct kp_err *err)
{
    json_t *members, *list = kp_collections_now(p->node, err);
    json_t *body = collection_body(s->entry, &members, err);
    const json_t *now = kp_now_named(list, "name", s->name);
    if (!err->code && !put_collection(p, body, s->name, now, err) && members)
        put_members(p, s->name, members, json_object_get(now, "members"), err);
    json_decref(members);
    json_decref(body);
    json_decref(list);
    return err->code;
}

static enum kp_code plan_collection(struct kp_plan *p, const json_t *list,
                                    const struct kp_config_entry *e)
{
    struct kp_err wrong = { 0 };
    json_t *members, *body = collection_body(e, &members, p->err);
    const json_t *now = kp_now_named(list, "name", e->name);
    bool same = now && same_text(body, now, "title", e->name) &&
                same_text(body, now, "description", "") && same_text(body, now, "tlp", "amber") &&
                same_members(members, json_object_get(now, "members"));
    if (!p->err->code && check_collection(body, members, now, &wrong))
        kp_plan_fault(p, e->at, wrong.code, wrong.text);
    json_decref(members);
    json_decref(body);
    struct kp_plan_step *s =
        p->err->code || same ? NULL : kp_plan_add(p, now ? "change" : "add", "collection", e->name);
    if (s) {
        s->entry = e;
        s->run = run_collection;
    }
    return p->err->code;
}

static enum kp_code run_remove_collection(struct kp_plan *p, const struct kp_plan_step *s,
                                          struct kp_err *err)
{
    return kp_collection_remove(kp_node_store(p->node), s->name, err);
}

/* ---- devices ---- */
static json_t *device_there(const struct kp_plan *p, const char *name, struct kp_err *err)
{
    json_t *list = kp_devices_now(p->node, KP_TO_NODE, err);
    json_t *one = json_incref(kp_now_named(list, "name", name));
    json_decref(list);
    return one;
}

static enum kp_code run_device(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    int64_t id;
    json_t *now = device_there(p, s->name, err);
    json_t *body = err->code ? NULL : device_body(s->entry, now, err);
    if (body)
        kp_shield_device_put(shield(p), 0, body, who_applies, &id, err);
    json_decref(body);
    json_decref(now);
    return err->code;
}

/* An asset's device keeps what its machine says; one that people made is gone. */
static enum kp_code run_remove_device(struct kp_plan *p, const struct kp_plan_step *s,
                                      struct kp_err *err)
{
    const struct kp_yaml name = { .kind = KP_YAML_TEXT, .key = "name", .text = s->name };
    const struct kp_yaml map = { .kind = KP_YAML_MAP, .first = (struct kp_yaml *)(uintptr_t)&name };
    const struct kp_config_entry nothing = { .name = s->name, .tree = &map };
    json_t *now = device_there(p, s->name, err);
    json_t *body = now ? device_body(&nothing, now, err) : NULL;
    int64_t id = json_integer_value(json_object_get(now, "id"));
    if (body && json_is_true(json_object_get(now, "made")))
        kp_shield_device_remove(shield(p), id, err);
    else if (body)
        kp_shield_device_put(shield(p), id, body, who_applies, &id, err);
    json_decref(body);
    json_decref(now);
    return err->code;
}

static bool same_device(const json_t *body, const json_t *now)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (!same_text(body, now, key, strcmp(key, "weight") == 0 ? "by-kind" : "") &&
            !(strcmp(key, "weight") == 0 && !json_object_get(now, key) &&
              strcmp(json_string_value(value), "by-kind") == 0))
            return false;
    }
    return now;
}

static enum kp_code plan_device(struct kp_plan *p, const json_t *list,
                                const struct kp_config_entry *e)
{
    struct kp_err wrong = { 0 };
    const json_t *now = kp_now_named(list, "name", e->name);
    json_t *body = device_body(e, now, p->err);
    if (body && kp_shield_device_check(body, &wrong))
        kp_plan_fault(p, e->at, wrong.code, wrong.text);
    bool same = body && same_device(body, now);
    json_decref(body);
    struct kp_plan_step *s =
        p->err->code || same ? NULL : kp_plan_add(p, now ? "change" : "add", "device", e->name);
    if (s) {
        s->entry = e;
        s->run = run_device;
    }
    return p->err->code;
}

/* ---- feeds ---- */
static enum kp_code run_feed(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    int64_t id;
    struct kp_err none = { 0 };
    json_t *body = feed_body(s->entry, err);
    json_t *change = body ? kp_feed_difference(shield(p), body, &none) : NULL;
    if (change)
        kp_feed_change(shield(p), s->name, change, err);
    else if (none.code == KP_ENOTFOUND)
        kp_feed_add(shield(p), body, &id, err);
    else if (none.code)
        kp_fail(err, none.code, "%s", none.text);
    json_decref(change);
    json_decref(body);
    return err->code;
}

static enum kp_code run_remove_feed(struct kp_plan *p, const struct kp_plan_step *s,
                                    struct kp_err *err)
{
    return kp_feed_remove(shield(p), s->name, err);
}

static enum kp_code describe(struct kp_plan *p, struct kp_plan_step *s, const json_t *change)
{
    char text[200] = "";
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)change, key, value)
    {
        if (n < sizeof text)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", key);
    }
    s->detail = n ? kp_arena_strdup(&p->arena, text) : NULL;
    return n && !s->detail ? kp_plan_no_memory(p) : KP_OK;
}

static enum kp_code plan_feed(struct kp_plan *p, const struct kp_config_entry *e)
{
    struct kp_err wrong = { 0 };
    json_t *body = feed_body(e, p->err), *change = NULL;
    if (body && !kp_feed_check(shield(p), body, &wrong))
        change = kp_feed_difference(shield(p), body, &wrong);
    bool new = !change &&wrong.code == KP_ENOTFOUND;
    if (body && !change && !new)
        kp_plan_fault(p, e->at, wrong.code, wrong.text);
    bool same = change && !json_object_size(change);
    struct kp_plan_step *s =
        p->err->code || same ? NULL : kp_plan_add(p, new ? "add" : "change", "feed", e->name);
    if (s && !describe(p, s, change)) {
        s->entry = e;
        s->run = run_feed;
    }
    json_decref(change);
    json_decref(body);
    return p->err->code;
}

/* ---- makers' other names ---- */
static enum kp_code run_aliases(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_shield_aliases_put(shield(p), s->entry->tree->text, err);
}

static enum kp_code plan_aliases(struct kp_plan *p, const struct kp_config_entry *e)
{
    struct kp_err wrong = { 0 };
    if (kp_shield_aliases_check(e->tree->text, &wrong))
        return kp_plan_fault(p, e->at, wrong.code, wrong.text);
    json_t *now = kp_aliases_now(p->node, p->err);
    bool same = now && strcmp(json_string_value(now), e->tree->text) == 0;
    json_decref(now);
    struct kp_plan_step *s =
        p->err->code || same ? NULL : kp_plan_add(p, "change", "setting", e->name);
    if (s) {
        s->entry = e;
        s->run = run_aliases;
    }
    return p->err->code;
}

/* ---- all of it ---- */
enum kp_code kp_plan_shield(struct kp_plan *p)
{
    const struct kp_config_list *list = p->config->list;
    const struct kp_config_list *c = &list[KP_CONFIG_COLLECTION], *d = &list[KP_CONFIG_DEVICE];
    json_t *collections = c->n ? kp_collections_now(p->node, p->err) : NULL;
    for (size_t i = 0; i < c->n && !p->err->code; i++)
        plan_collection(p, collections, &c->entries[i]);
    json_decref(collections);
    json_t *devices = d->n && !p->err->code ? kp_devices_now(p->node, KP_TO_NODE, p->err) : NULL;
    for (size_t i = 0; i < d->n && !p->err->code; i++)
        plan_device(p, devices, &d->entries[i]);
    json_decref(devices);
    for (size_t i = 0; i < list[KP_CONFIG_FEED].n && !p->err->code; i++)
        plan_feed(p, &list[KP_CONFIG_FEED].entries[i]);
    for (size_t i = 0; i < list[KP_CONFIG_ALIASES].n && !p->err->code; i++)
        plan_aliases(p, &list[KP_CONFIG_ALIASES].entries[i]);
    return p->err->code;
}

typedef enum kp_code run_fn(struct kp_plan *, const struct kp_plan_step *, struct kp_err *);

/* Takes the list. */
static enum kp_code remove_unkp_now_named(struct kp_plan *p, enum kp_config_kind kind,
                                          json_t *there, run_fn *run)
{
    const struct kp_config_list *list = &p->config->list[kind];
    json_t *one;
    size_t i;
    json_array_foreach(there, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        size_t k = 0;
        while (k < list->n && strcmp(list->entries[k].name, name) != 0)
            k++;
        if (k < list->n || p->err->code)
            continue;
        const char *copy = kp_arena_strdup(&p->arena, name);
        struct kp_plan_step *s =
            copy ? kp_plan_add(p, "remove", kp_config_kind_name(kind), copy) : NULL;
        if (s)
            s->run = run;
        else if (!copy)
            kp_plan_no_memory(p);
    }
    json_decref(there);
    return p->err->code;
}

enum kp_code kp_plan_remove_shield(struct kp_plan *p)
{
    const struct kp_config_list *list = p->config->list;
    if (list[KP_CONFIG_FEED].present)
        remove_unkp_now_named(p, KP_CONFIG_FEED, kp_feeds_now(p->node, p->err), run_remove_feed);
    if (list[KP_CONFIG_DEVICE].present && !p->err->code)
        remove_unkp_now_named(p, KP_CONFIG_DEVICE, kp_devices_now(p->node, KP_TO_NODE, p->err),
                              run_remove_device);
    if (list[KP_CONFIG_COLLECTION].present && !p->err->code)
        remove_unkp_now_named(p, KP_CONFIG_COLLECTION, kp_collections_now(p->node, p->err),
                              run_remove_collection);
    return p->err->code;
}
