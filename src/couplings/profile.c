/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/profile.h"

#include "core/log.h"
#include "core/state_rule.h"
#include "core/text.h"
#include "core/value.h"

#include "profiles_embedded.h"
#include "net/json_memory.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { RULES_MAX = 500, FILE_MAX_BYTES = 256 << 10 };

struct rule {
    const char **match; /* patterns in lower case, NULL-ended; NULL = every path */
    const char **kinds; /* the same, of the protocol's own word for the kind of variable */
    uint32_t types;     /* bit per scalar type, array types 16 higher; 0 = every type */
    int property;       /* 1: properties only, 0: only others, -1: both */
    const char *role, *states;
    bool subscribe;
};
struct kp_profile {
    struct kp_arena arena;
    const char *name, *title, *protocol;
    const char **namespaces; /* NULL-ended; empty = every peer */
    const char **products;   /* patterns in lower case, NULL-ended; NULL = every product */
    const char **map;        /* lines of a map of registers, NULL-ended, or NULL */
    const char **notifiers;  /* sources of events, NULL-ended, or NULL */
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

static enum kp_code patterns(struct kp_profile *p, json_t *j, const char *key, const char ***out,
                             struct kp_err *err)
{
    if (texts(p, j, key, out, err))
        return err->code;
    for (const char **t = *out; t && *t; t++) {
        if (!kp_pattern_valid(*t))
            return kp_fail(err, KP_EPARSE, "'%s' is not a pattern", *t);
        *t = lower(&p->arena, *t);
        if (!*t)
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

static enum kp_code only_keys(json_t *j, const char *const *known, struct kp_err *err)
{
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
    return KP_OK;
}

static enum kp_code read_rule(struct kp_profile *p, json_t *j, struct rule *r, struct kp_err *err)
{
    static const char *const known[] = { "match", "kinds",  "types",     "property",
                                         "role",  "states", "subscribe", NULL };
    if (only_keys(j, known, err))
        return err->code;
    json_t *property = json_object_get(j, "property"), *role = json_object_get(j, "role"),
           *states = json_object_get(j, "states"), *subscribe = json_object_get(j, "subscribe");
    if (!json_is_boolean(subscribe) || (property && !json_is_boolean(property)) ||
        (role && !json_is_string(role)) || (states && !json_is_string(states)))
        return kp_fail(err, KP_EPARSE,
                       "a rule needs subscribe (true or false); property is true or false,"
                       " role and states texts");
    r->subscribe = json_is_true(subscribe);
    r->property = property ? json_is_true(property) : -1;
    if (role && !(r->role = kp_arena_strdup(&p->arena, json_string_value(role))))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (states && kp_state_rule_check(json_string_value(states), err))
        return kp_context(err, "states");
    if (states && !(r->states = kp_arena_strdup(&p->arena, json_string_value(states))))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (patterns(p, j, "match", &r->match, err) || patterns(p, j, "kinds", &r->kinds, err))
        return err->code;
    return rule_types(p, j, r, err);
}

static enum kp_code text_of(struct kp_profile *p, json_t *j, const char *key, const char **out,
                            struct kp_err *err)
{
    json_t *value = json_object_get(j, key);
    if (value && !json_is_string(value))
        return kp_fail(err, KP_EPARSE, "'%s' must be a text", key);
    *out = kp_arena_strdup(&p->arena, value ? json_string_value(value) : "");
    return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code read_profile(struct kp_profile *p, json_t *j, struct kp_err *err)
{
    static const char *const known[] = { "name",     "title", "protocol", "rank", "namespaces",
                                         "products", "map",   "rules",    "notifiers",
                                         NULL };
    json_t *rules = json_object_get(j, "rules");
    if (only_keys(j, known, err))
        return err->code;
    p->rank = json_integer_value(json_object_get(j, "rank"));
    if (text_of(p, j, "title", &p->title, err) || text_of(p, j, "protocol", &p->protocol, err) ||
        texts(p, j, "namespaces", &p->namespaces, err) ||
        patterns(p, j, "products", &p->products, err) || texts(p, j, "map", &p->map, err) ||
        texts(p, j, "notifiers", &p->notifiers, err))
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
    json_t *j = kp_json_load(json, len, JSON_REJECT_DUPLICATES, &where);
    struct kp_profile *p = kp_alloc(sizeof *p);
    struct kp_err local = { 0 };
    if (!p)
        kp_fail(&local, KP_ENOMEM, "out of memory");
    else if (!j && kp_json_starved())
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
const char *kp_profile_name(const struct kp_profile *p)
{
    return p->name;
}

const char *kp_profile_title(const struct kp_profile *p)
{
    return p->title;
}

const char *kp_profile_protocol(const struct kp_profile *p)
{
    return p->protocol;
}

const char *const *kp_profile_map(const struct kp_profile *p)
{
    return (const char *const *)p->map;
}

const char *const *kp_profile_notifiers(const struct kp_profile *p)
{
    return (const char *const *)p->notifiers;
}

static bool any_of(const char *const *patterns, const char *lower_case)
{
    for (; *patterns; patterns++)
        if (kp_pattern_match(*patterns, lower_case))
            return true;
    return false;
}

static size_t lower_into(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; text[n] && n < size - 1; n++)
        out[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] - 'A' + 'a') : text[n];
    out[n] = 0;
    return n;
}

static bool has_namespace(const struct kp_profile *p, const struct kp_profile_peer *peer)
{
    for (size_t i = 0; p->namespaces[i]; i++)
        for (size_t k = 0; k < peer->n; k++)
            if (strcmp(peer->namespaces[k], p->namespaces[i]) == 0)
                return true;
    return !p->namespaces[0];
}

bool kp_profile_applies(const struct kp_profile *p, const struct kp_profile_peer *peer)
{
    char low[KP_PATH_MAX];
    if (*p->protocol && strcmp(p->protocol, peer->protocol) != 0)
        return false;
    if (peer->by_hand && *peer->by_hand && strcmp(peer->by_hand, p->name) == 0)
        return true;
    if (!has_namespace(p, peer))
        return false;
    lower_into(low, sizeof low, peer->product ? peer->product : "");
    return !p->products || any_of((const char *const *)p->products, low);
}

/* A kind with a sub-kind, PART_COUNT:BAD, is also what stands before the colon. */
static bool is_kind(const struct rule *r, const char *kind)
{
    char before[KP_PATH_MAX];
    const char *colon = strchr(kind, ':');
    if (any_of((const char *const *)r->kinds, kind) || !colon)
        return any_of((const char *const *)r->kinds, kind);
    snprintf(before, sizeof before, "%.*s", (int)(colon - kind), kind);
    return any_of((const char *const *)r->kinds, before);
}

/* A pattern also matches what is below it, but a role is that of one variable. */
static bool matches(const struct rule *r, const struct kp_profile_variable *v, const char *path,
                    const char *above, const char *kind)
{
    if ((r->property >= 0 && r->property != v->property) ||
        (r->types && !(r->types & type_bit(v->type))) ||
        (r->kinds && !is_kind(r, kind)))
        return false;
    if (!r->match)
        return true;
    for (size_t i = 0; r->match[i]; i++)
        if (kp_pattern_match(r->match[i], path) &&
            !(r->role && *above && kp_pattern_match(r->match[i], above)))
            return true;
    return false;
}

bool kp_profile_match(const struct kp_profile *p, const struct kp_profile_variable *v,
                      struct kp_profile_choice *choice)
{
    char low[KP_PATH_MAX], above[KP_PATH_MAX], kind[KP_PATH_MAX];
    size_t n = lower_into(low, sizeof low, v->path);
    lower_into(kind, sizeof kind, v->kind ? v->kind : "");
    while (n > 0 && low[--n] != '/')
        ;
    memcpy(above, low, n);
    above[n] = 0;
    for (size_t i = 0; i < p->n; i++)
        if (matches(&p->rules[i], v, low, above, kind)) {
            *choice = (struct kp_profile_choice){ p->rules[i].role, p->rules[i].states,
                                                    p->rules[i].subscribe };
            return true;
        }
    return false;
}

/* ---- those built in ---- */
static char folder[KP_PATH_MAX];

void kp_profiles_folder(const char *dir)
{
    snprintf(folder, sizeof folder, "%s", dir ? dir : "");
}

static enum kp_code read_file(const char *file, struct kp_buf *out, struct kp_err *err)
{
    char block[4096];
    size_t n;
    FILE *f = fopen(file, "rbe");
    kp_buf_init(out, FILE_MAX_BYTES);
    if (!f)
        return kp_fail(err, KP_EIO, "cannot be read: %s", strerror(errno));
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        kp_buf_add(out, block, n);
    fclose(f);
    return out->failed ? kp_fail(err, KP_EFULL, "it is larger than %d bytes", FILE_MAX_BYTES) : KP_OK;
}

static struct kp_profile *own_parse(const char *name, struct kp_buf *json, struct kp_err *err)
{
    char file[2 * KP_PATH_MAX];
    snprintf(file, sizeof file, "%s/%s.json", folder, name);
    return read_file(file, json, err) ? NULL
                                      : kp_profile_parse(name, kp_buf_text(json), json->len, err);
}

/* False when `each` wants no more. */
static bool give_file(const char *name, bool (*each)(void *, struct kp_profile *, const char *), void *arg)
{
    char own[KP_NAME_MAX];
    struct kp_buf json;
    struct kp_err err = { 0 };
    snprintf(own, sizeof own, "%.*s", (int)(strlen(name) - 5), name);
    struct kp_profile *p = own_parse(own, &json, &err);
    if (!p)
        kp_warn("profile", "a profile is left out", "file=%s why=%s", kp_log_quote(name), kp_log_quote(err.text));
    bool more = !p || each(arg, p, kp_buf_text(&json));
    kp_buf_free(&json);
    return more;
}

static bool is_own(const char *name)
{
    char file[2 * KP_PATH_MAX];
    snprintf(file, sizeof file, "%s/%s.json", folder, name);
    return *folder && access(file, R_OK) == 0;
}

static bool give_folder(bool (*each)(void *, struct kp_profile *, const char *), void *arg)
{
    DIR *dir = *folder ? opendir(folder) : NULL;
    bool more = true;
    for (struct dirent *e; more && dir && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n > 5 && n < KP_NAME_MAX && strcmp(e->d_name + n - 5, ".json") == 0)
            more = give_file(e->d_name, each, arg);
    }
    if (dir)
        closedir(dir);
    return more;
}

enum kp_code kp_profiles_each(bool (*each)(void *, struct kp_profile *, const char *json), void *arg,
                              struct kp_err *err)
{
    if (!give_folder(each, arg))
        return KP_OK;
    for (size_t i = 0; i < kp_profiles_count; i++) {
        const struct kp_embedded *e = &kp_profiles[i];
        char name[KP_NAME_MAX];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(e->name, "."), e->name);
        if (is_own(name))
            continue;
        struct kp_profile *p = kp_profile_parse(name, e->data, e->len, err);
        if (!p)
            return err->code;
        if (!each(arg, p, (const char *)e->data))
            break;
    }
    return KP_OK;
}

struct naming {
    const char *protocol, *name;
    const char *known[KP_PROFILES_MAX * 4 + 1];
    struct kp_arena texts;
    size_t n;
    bool found;
};

static bool name_one(void *arg, struct kp_profile *p, const char *json)
{
    struct naming *g = arg;
    bool fits = !*p->protocol || strcmp(p->protocol, g->protocol) == 0;
    (void)json;
    g->found = g->found || (fits && strcmp(p->name, g->name) == 0);
    if (fits && g->n < sizeof g->known / sizeof *g->known - 1 &&
        (g->known[g->n] = kp_arena_strdup(&g->texts, p->name)))
        g->n++;
    kp_profile_free(p);
    return !g->found;
}

/* One whose file cannot be read is there, but says why it is of no use. */
static enum kp_code check_own(const char *name, struct kp_err *err)
{
    struct kp_buf json;
    kp_profile_free(own_parse(name, &json, err));
    kp_buf_free(&json);
    return err->code;
}

enum kp_code kp_profile_check(const char *protocol, const char *name, struct kp_err *err)
{
    struct naming g = { .protocol = protocol, .name = name };
    enum kp_code code = kp_profiles_each(name_one, &g, err);
    if (!code && !g.found && !strchr(name, '/') && is_own(name))
        code = check_own(name, err);
    if (!code && !g.found) {
        const char *near = kp_nearest(name, g.known);
        code = kp_fail(err, KP_EINVALID,
                       near ? "there is no profile '%.60s', did you mean '%s'?"
                            : "there is no profile '%.60s'; koppel profile list shows all",
                       name, near);
    }
    kp_arena_free(&g.texts);
    return code;
}

struct choosing {
    struct kp_profiles *all;
    const struct kp_profile_peer *peer;
};

static bool choose(void *arg, struct kp_profile *p, const char *json)
{
    struct choosing *g = arg;
    struct kp_profiles *all = g->all;
    (void)json;
    if (all->n == KP_PROFILES_MAX || !kp_profile_applies(p, g->peer)) {
        kp_profile_free(p);
        return true;
    }
    size_t at = all->n++;
    if (g->peer->by_hand && strcmp(g->peer->by_hand, p->name) == 0)
        p->rank = INT64_MAX;
    for (; at > 0 && all->list[at - 1]->rank < p->rank; at--)
        all->list[at] = all->list[at - 1];
    all->list[at] = p;
    return true;
}

enum kp_code kp_profiles_load(struct kp_profiles *all, const struct kp_profile_peer *peer,
                              struct kp_err *err)
{
    struct choosing g = { all, peer };
    *all = (struct kp_profiles){ 0 };
    if (kp_profiles_each(choose, &g, err))
        kp_profiles_free(all);
    return err->code;
}

void kp_profiles_free(struct kp_profiles *all)
{
    for (size_t i = 0; i < all->n; i++)
        kp_profile_free(all->list[i]);
    all->n = 0;
}

bool kp_profiles_match(const struct kp_profiles *all, const struct kp_profile_variable *v,
                       struct kp_profile_choice *choice)
{
    *choice = (struct kp_profile_choice){ 0 };
    for (size_t i = 0; i < all->n; i++)
        if (kp_profile_match(all->list[i], v, choice))
            return true;
    return false;
}
