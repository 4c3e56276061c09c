/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: data files that say what the variables of a kind of machine mean and which are
 * subscribed without being asked. Rules are tried in order; the first that speaks about a variable
 * counts. Upper and lower case make no difference. */
#include "couplings/opcua/opcua_private.h"

#include "profiles_embedded.h"

#include <jansson.h>
#include <string.h>

#include "core/ban.h"

enum { RULES_MAX = 500 };

struct rule {
    const char **match; /* patterns in lower case, NULL-ended; NULL = every path */
    uint32_t types;     /* bit per scalar type, array types 16 higher; 0 = every type */
    int property;       /* 1: properties only, 0: only others, -1: both */
    const char *role;
    bool subscribe;
};
struct kp_profile {
    struct kp_arena arena;
    const char *name;
    const char **namespaces; /* NULL-ended; empty = every server */
    int64_t rank;
    struct rule *rules;
    size_t n;
};

/* ---- reading ---- */
static char *lower(struct kp_arena *arena, const char *text)
{
    char *copy = kp_arena_strdup(arena, text);
    for (char *p = copy; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return copy;
}

/* An array of texts, NULL-ended; *out stays NULL when the key is not there. */
static enum kp_code texts(struct kp_profile *p, json_t *object, const char *key, const char ***out,
                          struct kp_err *err)
{
    json_t *list = json_object_get(object, key), *item;
    size_t i;
    if (!list)
        return KP_OK;
    if (!json_is_array(list))
        return kp_fail(err, KP_EPARSE, "'%s' must be a list of texts", key);
    *out = kp_arena_alloc(&p->arena, (json_array_size(list) + 1) * sizeof **out);
    if (!*out)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item))
            return kp_fail(err, KP_EPARSE, "'%s' must be a list of texts", key);
        (*out)[i] = kp_arena_strdup(&p->arena, json_string_value(item));
        if (!(*out)[i])
            return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return KP_OK;
}

static enum kp_code rule_match(struct kp_profile *p, json_t *j, struct rule *r, struct kp_err *err)
{
    if (texts(p, j, "match", &r->match, err))
        return err->code;
    for (size_t i = 0; r->match && r->match[i]; i++) {
        if (!kp_pattern_valid(r->match[i]))
            return kp_fail(err, KP_EPARSE, "'%s' is not a pattern", r->match[i]);
        r->match[i] = lower(&p->arena, r->match[i]);
        if (!r->match[i])
            return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return KP_OK;
}

static uint32_t type_bit(uint8_t type)
{
    return UINT32_C(1) << ((type & ~KP_ARRAY) + (type & KP_ARRAY ? 16 : 0));
}

static enum kp_code rule_types(struct kp_profile *p, json_t *j, struct rule *r, struct kp_err *err)
{
    const char **names = NULL;
    if (texts(p, j, "types", &names, err))
        return err->code;
    for (size_t i = 0; names && names[i]; i++) {
        uint8_t type;
        if (!kp_type_parse(names[i], &type))
            return kp_fail(err, KP_EPARSE, "'%s' is not a type such as double or int64[]",
                           names[i]);
        r->types |= type_bit(type);
    }
    return KP_OK;
}

static enum kp_code read_rule(struct kp_profile *p, json_t *j, struct rule *r, struct kp_err *err)
{
    static const char *const known[] = { "match", "types", "property", "role", "subscribe", NULL };
    const char *key;
    json_t *value;
    json_object_foreach(j, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return kp_fail(err, KP_EPARSE, "unknown key '%s'", key);
    }
    json_t *property = json_object_get(j, "property"), *role = json_object_get(j, "role"),
           *subscribe = json_object_get(j, "subscribe");
    if (!json_is_boolean(subscribe) || (property && !json_is_boolean(property)) ||
        (role && !json_is_string(role)))
        return kp_fail(err, KP_EPARSE,
                       "a rule needs subscribe (true or false); property is true or false,"
                       " role a text");
    r->subscribe = json_is_true(subscribe);
    r->property = property ? json_is_true(property) : -1;
    if (role && !(r->role = kp_arena_strdup(&p->arena, json_string_value(role))))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return rule_match(p, j, r, err) ? err->code : rule_types(p, j, r, err);
}

static enum kp_code read_profile(struct kp_profile *p, json_t *j, struct kp_err *err)
{
    json_t *rules = json_object_get(j, "rules");
    p->rank = json_integer_value(json_object_get(j, "rank"));
    if (texts(p, j, "namespaces", &p->namespaces, err))
        return err->code;
    if (!p->namespaces || !json_is_array(rules) || json_array_size(rules) > RULES_MAX)
        return kp_fail(err, KP_EPARSE, "it needs the lists namespaces and rules (at most %d)",
                       RULES_MAX);
    p->n = json_array_size(rules);
    p->rules = kp_arena_alloc(&p->arena, (p->n + 1) * sizeof *p->rules);
    if (!p->rules)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n; i++)
        if (read_rule(p, json_array_get(rules, i), &p->rules[i], err))
            return kp_context(err, "rule %zu", i + 1);
    return KP_OK;
}

struct kp_profile *kp_profile_parse(const char *name, const void *json, size_t len,
                                    struct kp_err *err)
{
    json_error_t where;
    json_t *j = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
    struct kp_profile *p = kp_alloc(sizeof *p);
    struct kp_err local = { 0 };
    if (!p)
        kp_fail(&local, KP_ENOMEM, "out of memory");
    else if (!j)
        kp_fail(&local, KP_EPARSE, "%d:%d: %s", where.line, where.column, where.text);
    else if (!(p->name = kp_arena_strdup(&p->arena, name)))
        kp_fail(&local, KP_ENOMEM, "out of memory");
    else
        read_profile(p, j, &local);
    json_decref(j);
    if (!local.code)
        return p;
    kp_fail(err, local.code, "profile %s: %s", name, local.text);
    kp_profile_free(p);
    return NULL;
}

void kp_profile_free(struct kp_profile *p)
{
    if (p)
        kp_arena_free(&p->arena);
    kp_free(p);
}

/* ---- asking ---- */
bool kp_profile_applies(const struct kp_profile *p, const struct opcua_spaces *spaces)
{
    for (size_t i = 0; p->namespaces[i]; i++)
        for (size_t k = 0; k < spaces->n; k++)
            if (spaces->uris[k].length == strlen(p->namespaces[i]) &&
                memcmp(spaces->uris[k].data, p->namespaces[i], spaces->uris[k].length) == 0)
                return true;
    return !p->namespaces[0];
}

/* A pattern also matches what is below it, but a role is that of one variable. */
static bool matches(const struct rule *r, const char *path, const char *above, uint8_t type,
                    bool property)
{
    if ((r->property >= 0 && r->property != property) || (r->types && !(r->types & type_bit(type))))
        return false;
    if (!r->match)
        return true;
    for (size_t i = 0; r->match[i]; i++)
        if (kp_pattern_match(r->match[i], path) &&
            !(r->role && *above && kp_pattern_match(r->match[i], above)))
            return true;
    return false;
}

bool kp_profile_match(const struct kp_profile *p, const char *path, uint8_t type, bool property,
                      struct kp_profile_choice *choice)
{
    char low[KP_PATH_MAX], above[KP_PATH_MAX];
    size_t n = 0;
    for (; path[n] && n < sizeof low - 1; n++)
        low[n] = path[n] >= 'A' && path[n] <= 'Z' ? (char)(path[n] - 'A' + 'a') : path[n];
    low[n] = 0;
    while (n > 0 && low[--n] != '/')
        ;
    memcpy(above, low, n);
    above[n] = 0;
    for (size_t i = 0; i < p->n; i++)
        if (matches(&p->rules[i], low, above, type, property)) {
            *choice = (struct kp_profile_choice){ p->rules[i].role, p->rules[i].subscribe };
            return true;
        }
    return false;
}

/* ---- those built in ---- */
enum kp_code kp_profiles_load(struct opcua_profiles *all, const struct opcua_spaces *spaces,
                              struct kp_err *err)
{
    *all = (struct opcua_profiles){ 0 };
    for (size_t i = 0; i < kp_profiles_count && all->n < OPCUA_PROFILES_MAX; i++) {
        const struct kp_embedded *e = &kp_profiles[i];
        if (strncmp(e->name, "opcua-", 6) != 0)
            continue;
        struct kp_profile *p = kp_profile_parse(e->name, e->data, e->len, err);
        if (!p) {
            kp_profiles_free(all);
            return err->code;
        }
        if (!kp_profile_applies(p, spaces)) {
            kp_profile_free(p);
            continue;
        }
        size_t at = all->n++;
        for (; at > 0 && all->list[at - 1]->rank < p->rank; at--)
            all->list[at] = all->list[at - 1];
        all->list[at] = p;
    }
    return KP_OK;
}

void kp_profiles_free(struct opcua_profiles *all)
{
    for (size_t i = 0; i < all->n; i++)
        kp_profile_free(all->list[i]);
    all->n = 0;
}

bool kp_profiles_match(const struct opcua_profiles *all, const char *path, uint8_t type,
                       bool property, struct kp_profile_choice *choice)
{
    *choice = (struct kp_profile_choice){ 0 };
    for (size_t i = 0; i < all->n; i++)
        if (kp_profile_match(all->list[i], path, type, property, choice))
            return true;
    return false;
}
