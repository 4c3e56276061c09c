/* SPDX-License-Identifier: Apache-2.0 */
/* Partners and what they are offered, as documents of the REST API: those of the file are added or changed;
 * others stay unless pruned. */
#include "config/plan.h"

#include "core/json.h"
#include "net/json_memory.h"
#include "share/share.h"

#include <string.h>

#include "core/ban.h"

static struct kp_share *share(const struct kp_plan *p)
{
    return kp_node_share(p->node);
}

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static const json_t *find(const json_t *list, const char *key, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) if (strcmp(text_of(one, key), name) == 0) return one;
    return NULL;
}

/* ---- what changes ---- */
static void put_words(struct kp_buf *out, const json_t *policy)
{
    struct kp_buf list;
    struct kp_json j = kp_json(&list);
    const json_t *one;
    size_t i;
    kp_buf_init(&list, 64 << 10);
    kp_share_words(&j, policy);
    json_t *words = list.failed ? NULL : kp_json_load(list.data, list.len, 0, NULL);
    json_array_foreach(words, i, one) kp_buf_printf(out, "%s%s", i ? "; " : "", json_string_value(one));
    json_decref(words);
    kp_buf_free(&list);
}

/* A member as a plan shows it, in the arena; "" when there is none. NULL: out of memory. */
static const char *shown(struct kp_plan *p, const char *key, const json_t *v)
{
    struct kp_buf b;
    bool policy = strcmp(key, "policy") == 0;
    if (!v || json_is_string(v))
        return v ? kp_arena_strdup(&p->arena, json_string_value(v)) : "";
    char *text = policy ? NULL : kp_json_dump(v, JSON_COMPACT | JSON_ENCODE_ANY);
    kp_buf_init(&b, 64 << 10);
    if (policy)
        put_words(&b, v);
    else if (text)
        kp_buf_str(&b, text);
    const char *out = b.failed || (!policy && !text) ? NULL : kp_arena_strdup(&p->arena, kp_buf_text(&b));
    kp_free(text);
    kp_buf_free(&b);
    return out;
}

static bool is_same(const char *key, const json_t *a, const json_t *b)
{
    bool both = a && b;
    return a == b || (both && (json_equal(a, b) || (strcmp(key, "policy") == 0 && kp_share_same_terms(a, b))));
}

static enum kp_code put_change(struct kp_plan *p, struct kp_plan_step *s, const char *key, const json_t *is,
                               const json_t *will)
{
    const char *old = shown(p, key, is), *new = shown(p, key, will);
    return old && new ? kp_plan_field(p, s, key, old, new, strcmp(key, "token") == 0) : kp_plan_no_memory(p);
}

/* The members in which they differ; *s is made with the first. */
static enum kp_code compare(struct kp_plan *p, const char *kind, const struct kp_config_entry *e, const json_t *is,
                            const json_t *will, struct kp_plan_step **s)
{
    static const char *const keys[] = { "url",     "identity", "key",      "token",   "ca",     "dataset", "partner",
                                        "signals", "capacity", "figures", "description", "policy", "automatic" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !p->err->code; i++) {
        const json_t *old = json_object_get(is, keys[i]), *new = json_object_get(will, keys[i]);
        if (is_same(keys[i], old, new))
            continue;
        if (!*s && (*s = kp_plan_add(p, "change", kind, e->name)))
            (*s)->entry = e;
        if (*s)
            put_change(p, *s, keys[i], old, new);
    }
    return p->err->code;
}

static enum kp_code plan_one(struct kp_plan *p, const char *kind, const struct kp_config_entry *e, const json_t *is,
                             const json_t *will,
                             enum kp_code (*run)(struct kp_plan *, const struct kp_plan_step *, struct kp_err *))
{
    struct kp_plan_step *s = is ? NULL : kp_plan_add(p, "add", kind, e->name);
    if (is)
        compare(p, kind, e, is, will, &s);
    if (s) {
        s->entry = e;
        s->run = run;
    }
    return p->err->code;
}

/* ---- partners ---- */
static enum kp_code owner_only(struct kp_plan *p, const struct kp_place *at)
{
    static const char why[] = "partners are the owner's: have the owner apply this file, or take the changes of partners out of it";
    if (p->by.role >= KP_OWNER)
        return KP_OK;
    return at ? kp_plan_fault(p, *at, KP_EDENIED, why) : kp_fail(p->err, KP_EDENIED, "%.100s: %s", p->config->file, why);
}

static enum kp_code run_partner(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    json_t *o = kp_config_json(s->entry);
    if (!o)
        return kp_plan_no_memory(p);
    kp_share_partner_put(share(p), o, err);
    json_decref(o);
    return err->code;
}

static enum kp_code plan_partner(struct kp_plan *p, const struct kp_config_entry *e, const json_t *there)
{
    struct kp_err wrong = { 0 };
    size_t before = p->n;
    json_t *o = kp_config_json(e), *will = o ? kp_share_partner_whole(share(p), o, &wrong) : NULL;
    if (!o)
        kp_plan_no_memory(p);
    else if (wrong.code)
        kp_plan_fault(p, e->at, wrong.code, wrong.text);
    else if (!plan_one(p, "partner", e, find(there, "name", e->name), will, run_partner) && p->n > before)
        owner_only(p, &e->at);
    json_decref(will);
    json_decref(o);
    return p->err->code;
}

enum kp_code kp_plan_partners(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_PARTNER];
    json_t *there = list->n ? kp_share_partner_documents(share(p), p->err) : NULL;
    for (size_t i = 0; i < list->n && !p->err->code; i++)
        plan_partner(p, &list->entries[i], there);
    json_decref(there);
    return p->err->code;
}

/* ---- offers ---- */
/* Who the partner of an offer is in the protocol: as the file says, else as the node knows him. */
static json_t *participant_of(struct kp_plan *p, const char *name, const json_t *partners)
{
    const struct kp_config_entry *e = name ? kp_plan_entry(p, KP_CONFIG_PARTNER, name) : NULL;
    bool goes = !e && p->prune && p->config->list[KP_CONFIG_PARTNER].present;
    json_t *o = e ? kp_config_json(e) : NULL, *id = json_incref(json_object_get(o, "id"));
    if (e && !o)
        kp_plan_no_memory(p);
    if (name && !e && !goes)
        id = json_incref(json_object_get(find(partners, "name", name), "id"));
    json_decref(o);
    return id;
}

/* Labels and machines may be what the file makes them first; then they are looked at when it is their turn. */
static bool model_changes(const struct kp_plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct kp_plan_step *s = &p->steps[i];
        if (strcmp(s->kind, "asset") == 0 || strcmp(s->kind, "coupling") == 0 || strcmp(s->kind, "node") == 0)
            return true;
        for (size_t k = 0; k < s->n; k++)
            if (strcmp(s->kind, "signal") == 0 && strcmp(s->fields[k].key, "label") == 0)
                return true;
    }
    return false;
}

static enum kp_code run_offer(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    json_t *o = kp_config_json(s->entry);
    if (!o)
        return kp_plan_no_memory(p);
    if (!kp_share_offer_put(share(p), p->by.to, o, err))
        kp_node_offers_changed(p->node);
    json_decref(o);
    return err->code;
}

struct offers {
    const json_t *partners, *there;
    json_t *wholes; /* of the file, so far */
};

/* Two offers of one dataset are of the same things. */
static const json_t *other_goods(const json_t *wholes, const json_t *will)
{
    static const char *const goods[] = { "signals", "capacity", "figures" };
    const json_t *one = find(wholes, "dataset", text_of(will, "dataset"));
    for (size_t i = 0; one && i < sizeof goods / sizeof *goods; i++) {
        const json_t *a = json_object_get(one, goods[i]), *b = json_object_get(will, goods[i]);
        if (a != b && !(a && b && json_equal(a, b)))
            return one;
    }
    return NULL;
}

static enum kp_code check_offer(struct kp_plan *p, const struct offers *all, const json_t *will, bool known,
                                struct kp_err *wrong)
{
    const json_t *other = other_goods(all->wholes, will);
    const char *partner = text_of(will, "partner");
    if (other)
        return kp_fail(wrong, KP_EINVALID, "it is of dataset '%.80s', as '%.80s' is, and does not hold the same",
                       text_of(will, "dataset"), text_of(other, "id"));
    if (partner && !known)
        return kp_fail(wrong, KP_ENOTFOUND, "there is no partner named '%.60s'", partner);
    return model_changes(p) ? KP_OK : kp_share_offer_may(share(p), p->by.to, will, wrong);
}

static enum kp_code plan_offer(struct kp_plan *p, const struct kp_config_entry *e, struct offers *all)
{
    struct kp_err wrong = { 0 };
    json_t *o = kp_config_json(e), *id = participant_of(p, text_of(o, "partner"), all->partners);
    json_t *will = o ? kp_share_offer_whole(share(p), o, json_string_value(id), &wrong) : NULL;
    if (will && !wrong.code)
        check_offer(p, all, will, id != NULL, &wrong);
    if (!o)
        kp_plan_no_memory(p);
    else if (wrong.code && !p->err->code)
        kp_plan_fault(p, e->at, wrong.code, wrong.text);
    else if (!p->err->code)
        plan_one(p, "offer", e, find(all->there, "id", e->name), will, run_offer);
    if (will && json_array_append(all->wholes, will))
        kp_plan_no_memory(p);
    json_decref(will);
    json_decref(id);
    json_decref(o);
    return p->err->code;
}

enum kp_code kp_plan_offers(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_OFFER];
    if (!list->n)
        return KP_OK;
    json_t *partners = kp_share_partner_documents(share(p), p->err),
           *there = p->err->code ? NULL : kp_share_offer_documents(share(p), p->err);
    struct offers all = { partners, there, json_array() };
    for (size_t i = 0; i < list->n && !p->err->code; i++)
        plan_offer(p, &list->entries[i], &all);
    json_decref(all.wholes);
    json_decref(there);
    json_decref(partners);
    return p->err->code;
}

/* ---- what is pruned ---- */
static enum kp_code remove_partner(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    if (!kp_share_partner_remove(share(p), s->name, err))
        kp_node_offers_changed(p->node);
    return err->code;
}

static enum kp_code remove_offer(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    if (!kp_share_offer_remove(share(p), s->name, err))
        kp_node_offers_changed(p->node);
    return err->code;
}

static enum kp_code remove_unnamed(struct kp_plan *p, enum kp_config_kind kind, const char *what, const json_t *there,
                                   const char *key,
                                   enum kp_code (*run)(struct kp_plan *, const struct kp_plan_step *, struct kp_err *))
{
    const json_t *one;
    size_t i;
    json_array_foreach(there, i, one)
    {
        struct kp_plan_step *s = NULL;
        if (p->err->code || kp_plan_entry(p, kind, text_of(one, key)))
            continue;
        if ((s = kp_plan_add(p, "remove", what, text_of(one, key))))
            s->run = run;
    }
    return p->err->code;
}

enum kp_code kp_plan_remove_offers(struct kp_plan *p)
{
    bool present = p->config->list[KP_CONFIG_OFFER].present;
    json_t *there = present ? kp_share_offer_documents(share(p), p->err) : NULL;
    remove_unnamed(p, KP_CONFIG_OFFER, "offer", there, "id", remove_offer);
    json_decref(there);
    return p->err->code;
}

enum kp_code kp_plan_remove_partners(struct kp_plan *p)
{
    bool present = p->config->list[KP_CONFIG_PARTNER].present;
    size_t before = p->n;
    json_t *there = present ? kp_share_partner_documents(share(p), p->err) : NULL;
    if (!remove_unnamed(p, KP_CONFIG_PARTNER, "partner", there, "name", remove_partner) && p->n > before)
        owner_only(p, NULL);
    json_decref(there);
    return p->err->code;
}

/* ---- to the file ---- */
static enum kp_code put_section(struct kp_buf *yaml, const char *key, json_t *list, struct kp_err *err)
{
    const json_t *one;
    size_t i;
    if (!err->code && json_array_size(list))
        kp_buf_printf(yaml, "\n%s:\n", key);
    json_array_foreach(list, i, one)
    {
        kp_export_map(yaml, "- ", 4, one);
        if (json_object_get(one, "token"))
            kp_buf_str(yaml, "    # token-file: /PATH  (a token is set; it is not exported)\n");
    }
    json_decref(list);
    return err->code;
}

enum kp_code kp_export_share(struct kp_node *node, struct kp_buf *yaml, struct kp_err *err)
{
    struct kp_share *s = kp_node_share(node);
    return put_section(yaml, "partners", kp_share_partner_documents(s, err), err) ||
                   put_section(yaml, "offers", kp_share_offer_documents(s, err), err)
               ? err->code
               : KP_OK;
}
