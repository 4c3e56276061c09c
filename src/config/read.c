/* SPDX-License-Identifier: Apache-2.0 */
/* From the tree of a YAML file to entries, each word checked against the tables of the node. */
#include "config/file.h"

#include "couplings/all.h"
#include "watch/definition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { ENTRIES_MAX = 200000 };

struct reading {
    struct kp_config *c;
    const char *file;
    struct kp_err *err;
};

static enum kp_code no_memory(struct reading *r)
{
    return kp_fail(r->err, KP_ENOMEM, "out of memory reading %.100s", r->file);
}

static enum kp_code wrong(struct reading *r, struct kp_place at, const char *text)
{
    return kp_yaml_fail(r->file, at, r->err, KP_EINVALID, "%s", text);
}

static enum kp_code unknown_key(struct reading *r, const struct kp_yaml *key, const char *const *known)
{
    const char *near = kp_nearest(key->key, known);
    if (near)
        return kp_yaml_fail(r->file, key->key_at, r->err, KP_EINVALID, "unknown key '%.60s', did you mean '%s'?",
                            key->key, near);
    char list[KP_ERR_TEXT] = "";
    size_t len = 0;
    for (size_t i = 0; known[i] && len < sizeof list; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", known[i]);
    return kp_yaml_fail(r->file, key->key_at, r->err, KP_EINVALID, "unknown key '%.60s'; known are %s", key->key, list);
}

static enum kp_code need_kind(struct reading *r, const struct kp_yaml *y, enum kp_yaml_kind kind, const char *what)
{
    if (y->kind == kind)
        return KP_OK;
    return kp_yaml_fail(r->file, y->at, r->err, KP_EINVALID, "%s must be %s, not %s", what, kp_yaml_kind_name(kind),
                        kp_yaml_kind_name(y->kind));
}

static size_t count(const struct kp_yaml *parent)
{
    size_t n = 0;
    for (const struct kp_yaml *y = parent->first; y; y = y->next)
        n++;
    return n;
}

static const struct kp_yaml *child(const struct kp_yaml *map, const char *key)
{
    for (const struct kp_yaml *y = map->first; y; y = y->next)
        if (strcmp(y->key, key) == 0)
            return y;
    return NULL;
}

/* ["a", "b"] is another way to write "a, b". */
static const char *joined(struct reading *r, const struct kp_yaml *list)
{
    size_t size = 1;
    for (const struct kp_yaml *y = list->first; y; y = y->next) {
        if (need_kind(r, y, KP_YAML_TEXT, "each pattern"))
            return NULL;
        size += strlen(y->text) + 1;
    }
    char *out = kp_arena_alloc(&r->c->arena, size), *p = out;
    if (!out)
        no_memory(r);
    for (const struct kp_yaml *y = list->first; out && y; y = y->next)
        p += snprintf(p, size - (size_t)(p - out), "%s%s", y == list->first ? "" : ",", y->text);
    return out;
}

static enum kp_code add_field(struct reading *r, struct kp_config_entry *e, const struct kp_yaml *y, const char *text)
{
    e->fields[e->n++] = (struct kp_config_field){ .f = { y->key, text }, .key_at = y->key_at, .at = y->at };
    return r->err->code;
}

/* ---- assets and signals: the words are the node's ---- */
typedef enum kp_code check_fn(const struct kp_field *, size_t, struct kp_err *);

static enum kp_code check_word(struct reading *r, const struct kp_yaml *y, check_fn *check)
{
    struct kp_err said = { 0 };
    if (need_kind(r, y, KP_YAML_TEXT, y->key) || !check(&(struct kp_field){ y->key, y->text }, 1, &said))
        return r->err->code;
    bool of_key = strncmp(said.text, "unknown key", 11) == 0;
    return kp_yaml_fail(r->file, of_key ? y->key_at : y->at, r->err, said.code, "%s", said.text);
}

static enum kp_code read_words(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e, check_fn *check)
{
    const struct kp_yaml *path = child(map, "path");
    if (!path)
        return wrong(r, map->at, "an entry needs a 'path'");
    for (const struct kp_yaml *y = map->first; y && !r->err->code; y = y->next)
        if (!check_word(r, y, check) && y != path)
            add_field(r, e, y, y->text);
    e->name = path->text;
    e->at = path->at;
    return r->err->code;
}

static enum kp_code read_asset(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    return read_words(r, map, e, kp_node_check_asset);
}

static enum kp_code read_signal(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    return read_words(r, map, e, kp_node_check_signal);
}

/* ---- couplings ---- */
static const char *const common[] = { "name", "url", "at", "enabled", "include", "exclude", "every", "deadband", "clock",
                                      "nodes" };
enum { COMMON = sizeof common / sizeof common[0], WORDS_MAX = 96 };
static const char file_suffix[] = "-file";

/* A secret never stands in the apply file, a map may. */
static bool is_in_file(const struct kp_option *o, const char *key)
{
    size_t n = strlen(o->name);
    return (o->type == KP_OPT_SECRET || o->type == KP_OPT_MAP) && strncmp(o->name, key, n) == 0 && strcmp(key + n, file_suffix) == 0;
}

static enum kp_code unknown_word(struct reading *r, const struct kp_yaml *y, const struct kp_coupling_class *class)
{
    const char *known[WORDS_MAX + 1] = { 0 };
    size_t n = COMMON;
    memcpy(known, common, sizeof common);
    for (const struct kp_option *o = class->options; o && o->name && n < WORDS_MAX; o++) {
        char file[KP_NAME_MAX];
        snprintf(file, sizeof file, "%s%s", o->name, file_suffix);
        known[n++] = o->type == KP_OPT_SECRET ? kp_arena_strdup(&r->c->arena, file) : o->name;
        if (!known[n - 1])
            return no_memory(r);
    }
    return unknown_key(r, y, known);
}

/* The file that holds what belongs to `key`. */
static enum kp_code add_file(struct reading *r, struct kp_config_entry *e, const struct kp_yaml *y, const char *key,
                             bool secret)
{
    if (y->text[0] != '/')
        return kp_yaml_fail(r->file, y->at, r->err, KP_EINVALID, "%s must be a file's full path, beginning with '/'",
                            y->key);
    add_field(r, e, y, NULL);
    e->fields[e->n - 1].f.key = key;
    e->fields[e->n - 1].file = y->text;
    e->fields[e->n - 1].secret = secret;
    return KP_OK;
}

static enum kp_code secret_here(struct reading *r, const struct kp_yaml *y, const char *key)
{
    return kp_yaml_fail(r->file, y->key_at, r->err, KP_EINVALID,
                        "a secret does not stand in this file: put it into a file of its own and write '%s%s: /PATH'",
                        key, file_suffix);
}

/* A setting of the class, or the file a secret or a map stands in. */
static enum kp_code read_option(struct reading *r, const struct kp_yaml *y, struct kp_config_entry *e)
{
    const struct kp_option *o = e->class->options;
    while (o && o->name && strcmp(o->name, y->key) != 0 && !is_in_file(o, y->key))
        o++;
    if (!o || !o->name)
        return unknown_word(r, y, e->class);
    if (need_kind(r, y, KP_YAML_TEXT, y->key))
        return r->err->code;
    if (is_in_file(o, y->key))
        return add_file(r, e, y, o->name, o->type == KP_OPT_SECRET);
    if (o->type == KP_OPT_SECRET)
        return secret_here(r, y, o->name);
    if (*y->text && kp_options_check(e->class->options, y->key, y->text, r->err))
        return kp_yaml_context(r->file, y->at, r->err);
    return add_field(r, e, y, y->text);
}

static enum kp_code read_node(struct reading *r, const struct kp_yaml *map, struct kp_config_node *node)
{
    static const char *const keys[] = { "source", "path", NULL };
    if (need_kind(r, map, KP_YAML_MAP, "a node"))
        return r->err->code;
    *node = (struct kp_config_node){ .at = map->at };
    for (const struct kp_yaml *y = map->first; y; y = y->next) {
        bool source = strcmp(y->key, "source") == 0;
        if (!source && strcmp(y->key, "path") != 0)
            return unknown_key(r, y, keys);
        if (need_kind(r, y, KP_YAML_TEXT, y->key))
            return r->err->code;
        if (source)
            node->source = y->text;
        else if (kp_path_valid(y->text + (y->text[0] == '/')))
            node->path = y->text;
        else
            return kp_yaml_fail(r->file, y->at, r->err, KP_EINVALID, "path: '%.120s' is not a path", y->text);
    }
    if (node->source && *node->source)
        return KP_OK;
    return wrong(r, map->at, "a node needs a 'source', its address in the machine");
}

static int by_source(const void *a, const void *b)
{
    const struct kp_config_node *const *x = a, *const *y = b;
    return strcmp((*x)->source, (*y)->source);
}

static enum kp_code check_sources(struct reading *r, const struct kp_config_entry *e)
{
    const struct kp_config_node **order = kp_arena_alloc(&r->c->arena, (e->n_nodes + 1) * sizeof *order);
    if (!order)
        return no_memory(r);
    for (size_t i = 0; i < e->n_nodes; i++)
        order[i] = &e->nodes[i];
    qsort(order, e->n_nodes, sizeof *order, by_source);
    for (size_t i = 1; i < e->n_nodes; i++)
        if (strcmp(order[i]->source, order[i - 1]->source) == 0)
            return kp_yaml_fail(r->file, order[i]->at, r->err, KP_EINVALID, "node '%.120s' is listed twice",
                                order[i]->source);
    return KP_OK;
}

static enum kp_code read_nodes(struct reading *r, const struct kp_yaml *y, struct kp_config_entry *e)
{
    bool empty = y->kind == KP_YAML_TEXT && !*y->text;
    if (!empty && need_kind(r, y, KP_YAML_LIST, "nodes"))
        return r->err->code;
    e->lists_nodes = true;
    e->nodes = kp_arena_alloc(&r->c->arena, (count(y) + 1) * sizeof *e->nodes);
    if (!e->nodes)
        return no_memory(r);
    for (const struct kp_yaml *n = y->first; n; n = n->next)
        if (read_node(r, n, &e->nodes[e->n_nodes++]))
            return r->err->code;
    return check_sources(r, e);
}

static bool is_common(const char *key)
{
    for (size_t i = 0; i < COMMON; i++)
        if (strcmp(common[i], key) == 0)
            return true;
    return false;
}

static enum kp_code read_common(struct reading *r, const struct kp_yaml *y, struct kp_config_entry *e)
{
    bool patterns = strcmp(y->key, "include") == 0 || strcmp(y->key, "exclude") == 0;
    if (strcmp(y->key, "nodes") == 0)
        return read_nodes(r, y, e);
    if (patterns && y->kind == KP_YAML_LIST) {
        const char *text = joined(r, y);
        return text ? add_field(r, e, y, text) : r->err->code;
    }
    if (need_kind(r, y, KP_YAML_TEXT, y->key))
        return r->err->code;
    if (strcmp(y->key, "name") == 0 || strcmp(y->key, "url") == 0)
        return KP_OK;
    if (strcmp(y->key, "at") == 0 && *y->text && !kp_path_valid(y->text))
        return kp_yaml_fail(r->file, y->at, r->err, KP_EINVALID, "at: '%.120s' is not a path such as eindhoven/milling",
                            y->text);
    return add_field(r, e, y, y->text);
}

static enum kp_code read_coupling(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    const struct kp_yaml *name = child(map, "name"), *url = child(map, "url");
    if (!name || !url)
        return wrong(r, map->at, name ? "a coupling needs a 'url'" : "a coupling needs a 'name'");
    if (need_kind(r, name, KP_YAML_TEXT, "name") || need_kind(r, url, KP_YAML_TEXT, "url"))
        return r->err->code;
    if (!kp_name_valid(name->text, strlen(name->text)))
        return kp_yaml_fail(r->file, name->at, r->err, KP_EINVALID, "'%.60s' cannot be a name", name->text);
    e->name = name->text;
    e->at = name->at;
    e->url = url->text;
    e->class = kp_coupling_class_of(url->text, r->err);
    if (!e->class)
        return kp_yaml_context(r->file, url->at, r->err);
    for (const struct kp_yaml *y = map->first; y && !r->err->code; y = y->next)
        is_common(y->key) ? read_common(r, y, e) : read_option(r, y, e);
    return r->err->code;
}

/* ---- lists of entries ---- */
static int by_name(const void *a, const void *b)
{
    const struct kp_config_entry *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y);
}

static enum kp_code check_names(struct reading *r, const struct kp_config_list *list)
{
    const struct kp_config_entry **order = kp_arena_alloc(&r->c->arena, (list->n + 1) * sizeof *order);
    if (!order)
        return no_memory(r);
    for (size_t i = 0; i < list->n; i++)
        order[i] = &list->entries[i];
    qsort(order, list->n, sizeof *order, by_name);
    for (size_t i = 1; i < list->n; i++)
        if (strcmp(order[i]->name, order[i - 1]->name) == 0)
            return kp_yaml_fail(r->file, order[i]->at, r->err, KP_EINVALID, "'%.120s' has an entry in line %u already",
                                order[i]->name, order[i - 1]->at.line);
    return KP_OK;
}

typedef enum kp_code read_fn(struct reading *, const struct kp_yaml *, struct kp_config_entry *);

static enum kp_code read_list(struct reading *r, const struct kp_yaml *y, struct kp_config_list *list, read_fn *read)
{
    bool empty = y->kind == KP_YAML_TEXT && !*y->text;
    if (!empty && need_kind(r, y, KP_YAML_LIST, y->key))
        return r->err->code;
    size_t n = count(y);
    if (n > ENTRIES_MAX)
        return wrong(r, y->at, "more entries than a node can have");
    list->entries = kp_arena_alloc(&r->c->arena, (n + 1) * sizeof *list->entries);
    if (!list->entries)
        return no_memory(r);
    for (const struct kp_yaml *i = y->first; i; i = i->next) {
        struct kp_config_entry *e = &list->entries[list->n++];
        if (need_kind(r, i, KP_YAML_MAP, "an entry"))
            return r->err->code;
        e->fields = kp_arena_alloc(&r->c->arena, (count(i) + 1) * sizeof *e->fields);
        if (!e->fields)
            return no_memory(r);
        if (read(r, i, e))
            return r->err->code;
    }
    return check_names(r, list);
}

/* ---- alarms, watches: checked as a whole when the plan is made ---- */
/* An entry with these keys, of which the first is its name; `nameless` says that it needs one. */
static enum kp_code read_named(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e, const char *const *known,
                               const char *nameless)
{
    const struct kp_yaml *name = child(map, "name");
    if (!name)
        return wrong(r, map->at, nameless);
    for (const struct kp_yaml *y = map->first; y && !r->err->code; y = y->next) {
        size_t k = 0;
        while (known[k] && strcmp(known[k], y->key) != 0)
            k++;
        if (!known[k])
            return unknown_key(r, y, known);
        if (!need_kind(r, y, KP_YAML_TEXT, y->key) && k)
            add_field(r, e, y, y->text);
    }
    e->name = name->text;
    e->at = name->at;
    return r->err->code;
}

static enum kp_code read_alarm(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    static const char *const known[] = { "name", "kind", "match", "high", "low", "hysteresis", "delay", "offDelay", "priority", "text",
                                         "enabled", "outOfService", NULL };
    return read_named(r, map, e, known, "a rule of alarms needs a 'name'");
}

static enum kp_code read_watch(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    return read_named(r, map, e, kp_watch_keys, "a watch needs a 'name'");
}

/* ---- retention ---- */
static enum kp_code read_rule(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    static const char *const known[] = { "pattern", "points", "rollups", "size", NULL };
    const struct kp_yaml *pattern = child(map, "pattern");
    if (!pattern)
        return wrong(r, map->at, "a rule needs a 'pattern' such as \"**/vibration\"");
    for (const struct kp_yaml *y = map->first; y && !r->err->code; y = y->next) {
        size_t k = 0;
        int64_t amount;
        while (known[k] && strcmp(known[k], y->key) != 0)
            k++;
        if (!known[k])
            return unknown_key(r, y, known);
        if (need_kind(r, y, KP_YAML_TEXT, y->key) || !k)
            continue;
        bool good = k == 3 ? kp_size_parse(y->text, &amount) : kp_duration_parse(y->text, &amount);
        if (*y->text && (!good || amount <= 0))
            return kp_yaml_fail(r->file, y->at, r->err, KP_EINVALID, "%s: '%.60s' is not a %s", y->key, y->text,
                                k == 3 ? "size such as 20GB" : "time such as 90d or 2y");
        add_field(r, e, y, y->text);
    }
    e->name = pattern->text;
    e->at = pattern->at;
    if (!r->err->code && !kp_pattern_valid(e->name))
        return wrong(r, pattern->at, "this is no pattern such as \"**/vibration\"");
    return r->err->code;
}

/* ---- settings of the node ---- */
static enum kp_code check_commit(const char *text, struct kp_err *err)
{
    int64_t ns;
    if (kp_duration_parse(text, &ns) && ns >= 10 * KP_MILLISECOND && ns <= 60 * KP_SECOND)
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "commit-interval: '%.60s' is not a time from 10ms to 60s", text);
}

static enum kp_code check_listen(const char *text, struct kp_err *err)
{
    const char *colon = strrchr(text, ':');
    if (colon && colon != text && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1) && strlen(text) < 64)
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "listen: '%.60s' is not an address and port such as 127.0.0.1:8420", text);
}

static enum kp_code check_age(const char *text, struct kp_err *err)
{
    int64_t ns;
    return kp_duration_parse(text, &ns) && ns > 0 ? KP_OK
                                                  : kp_fail(err, KP_EINVALID, "'%.60s' is not a time such as 90d or 2y", text);
}

/* Who may apply a file shall not get rid of what he did last week. */
static enum kp_code check_audit_age(const char *text, struct kp_err *err)
{
    int64_t ns;
    return kp_duration_parse(text, &ns) && ns >= INT64_C(90) * 86400 * KP_SECOND
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "audit-age: '%.60s' is not a time of at least 90d", text);
}

static enum kp_code check_size(const char *text, struct kp_err *err)
{
    int64_t bytes;
    return kp_size_parse(text, &bytes) && bytes > 0
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "'%.60s' is not a size such as 20GB", text);
}

const struct kp_config_setting kp_config_settings[] = {
    { "disk-budget", "disk-budget", check_size },
    { "interval-age", "interval-age", check_age },
    { "removed-age", "removed-age", check_age },
    { "audit-age", "audit-age", check_audit_age },
    { "commit-interval", "commit-every", check_commit },
    { "listen", "listen", check_listen },
    { 0 },
};

static enum kp_code read_setting(struct reading *r, const struct kp_yaml *y, struct kp_config_entry *e)
{
    const struct kp_config_setting *s = kp_config_settings;
    const char *known[8] = { 0 };
    while (s->name && strcmp(s->name, y->key) != 0)
        s++;
    for (size_t i = 0; kp_config_settings[i].name; i++)
        known[i] = kp_config_settings[i].name;
    if (!s->name)
        return unknown_key(r, y, known);
    if (need_kind(r, y, KP_YAML_TEXT, y->key))
        return r->err->code;
    if (*y->text && s->check(y->text, r->err))
        return kp_yaml_context(r->file, y->at, r->err);
    e->name = s->name;
    e->at = y->at;
    e->fields = kp_arena_alloc(&r->c->arena, sizeof *e->fields);
    return e->fields ? add_field(r, e, y, y->text) : no_memory(r);
}

static enum kp_code read_settings(struct reading *r, const struct kp_yaml *y, struct kp_config_list *list)
{
    bool empty = y->kind == KP_YAML_TEXT && !*y->text;
    if (!empty && need_kind(r, y, KP_YAML_MAP, y->key))
        return r->err->code;
    list->entries = kp_arena_alloc(&r->c->arena, (count(y) + 1) * sizeof *list->entries);
    if (!list->entries)
        return no_memory(r);
    for (const struct kp_yaml *i = y->first; i && !r->err->code; i = i->next)
        read_setting(r, i, &list->entries[list->n++]);
    return r->err->code;
}

/* ---- the delivery of alarms: checked as a whole when the plan is made ---- */
static const char *const delivery_secrets[] = { "password", "token", NULL };

/* The key of the secret that stands in the file this text names; NULL when it names none. */
static const char *secret_in_file(const struct kp_yaml *y, const char *const *secrets)
{
    for (size_t i = 0; y->key && secrets[i]; i++) {
        size_t n = strlen(secrets[i]);
        if (strncmp(y->key, secrets[i], n) == 0 && strcmp(y->key + n, file_suffix) == 0)
            return secrets[i];
    }
    return NULL;
}

static size_t count_all(const struct kp_yaml *y)
{
    size_t n = 1;
    for (const struct kp_yaml *i = y->first; i; i = i->next)
        n += count_all(i);
    return n;
}

/* Notes the secrets below, in the order of the file. */
static enum kp_code note_secrets(struct reading *r, const struct kp_yaml *y, const char *const *secrets,
                                 struct kp_config_entry *e)
{
    const char *secret = secret_in_file(y, secrets);
    for (size_t i = 0; y->key && secrets[i]; i++)
        if (strcmp(y->key, secrets[i]) == 0)
            return secret_here(r, y, y->key);
    if (secret && !need_kind(r, y, KP_YAML_TEXT, y->key))
        add_file(r, e, y, secret, true);
    for (const struct kp_yaml *i = y->first; i && !r->err->code; i = i->next)
        note_secrets(r, i, secrets, e);
    return r->err->code;
}

/* ---- entries that are one whole, checked when the plan is made ---- */
/* `key` holds its name; known: NULL, all others are looked at later. */
static enum kp_code read_whole(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e, const char *key,
                               const char *const *known)
{
    const struct kp_yaml *name = child(map, key);
    if (!name)
        return kp_yaml_fail(r->file, map->at, r->err, KP_EINVALID, "an entry needs a '%s'", key);
    for (const struct kp_yaml *y = known ? map->first : NULL; y; y = y->next) {
        size_t k = 0;
        while (known[k] && strcmp(known[k], y->key) != 0)
            k++;
        if (!known[k])
            return unknown_key(r, y, known);
    }
    e->name = name->text;
    e->at = name->at;
    e->tree = map;
    return need_kind(r, name, KP_YAML_TEXT, name->key);
}

static enum kp_code read_entry(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    return read_whole(r, map, e, "name", NULL);
}

static enum kp_code read_feed(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    static const char *const secrets[] = { "password", "token", "key", NULL };
    if (read_entry(r, map, e))
        return r->err->code;
    e->fields = kp_arena_alloc(&r->c->arena, count_all(map) * sizeof *e->fields);
    return e->fields ? note_secrets(r, map, secrets, e) : no_memory(r);
}

static enum kp_code read_text(struct reading *r, const struct kp_yaml *y, struct kp_config_list *list)
{
    struct kp_config_entry *e = list->entries = kp_arena_alloc(&r->c->arena, sizeof *e);
    if (need_kind(r, y, KP_YAML_TEXT, y->key) || !e)
        return r->err->code ? r->err->code : no_memory(r);
    list->n = 1;
    *e = (struct kp_config_entry){ .name = y->key, .at = y->at, .tree = y };
    return KP_OK;
}

/* A section that is one whole. */
static enum kp_code read_document(struct reading *r, const struct kp_yaml *y, struct kp_config_list *list)
{
    if (need_kind(r, y, KP_YAML_MAP, y->key))
        return r->err->code;
    struct kp_config_entry *e = list->entries = kp_arena_alloc(&r->c->arena, sizeof *e);
    struct kp_config_field *fields = e ? kp_arena_alloc(&r->c->arena, count_all(y) * sizeof *fields) : NULL;
    if (!fields)
        return no_memory(r);
    list->n = 1;
    *e = (struct kp_config_entry){ .name = y->key, .at = y->key_at, .tree = y, .fields = fields };
    return KP_OK;
}

static enum kp_code read_delivery(struct reading *r, const struct kp_yaml *y, struct kp_config_list *list)
{
    return read_document(r, y, list) ? r->err->code : note_secrets(r, y, delivery_secrets, list->entries);
}

static enum kp_code read_partner(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    static const char *const known[] = { "name", "id", "url", "key", "ca", "token-file", "identity", NULL };
    const struct kp_yaml *token = child(map, "token-file");
    if (child(map, "token"))
        return secret_here(r, child(map, "token"), "token");
    if (read_whole(r, map, e, "name", known) || !token || need_kind(r, token, KP_YAML_TEXT, token->key))
        return r->err->code;
    return add_file(r, e, token, "token", true);
}

static enum kp_code read_offer(struct reading *r, const struct kp_yaml *map, struct kp_config_entry *e)
{
    static const char *const known[] = { "id",     "dataset", "partner",   "signals",  "capacity", "figures",
                                         "policy", "terms",   "automatic", "description", NULL };
    return read_whole(r, map, e, "id", known);
}

/* ---- the file ---- */
static const struct {
    const char *key, *name;
    read_fn *read; /* an entry of a list; NULL: `whole` reads the section */
    enum kp_code (*whole)(struct reading *, const struct kp_yaml *, struct kp_config_list *);
} kinds[] = {
    [KP_CONFIG_ASSET] = { "assets", "asset", read_asset, NULL },
    [KP_CONFIG_COUPLING] = { "couplings", "coupling", read_coupling, NULL },
    [KP_CONFIG_SIGNAL] = { "signals", "signal", read_signal, NULL },
    [KP_CONFIG_SETTING] = { "settings", "setting", NULL, read_settings },
    [KP_CONFIG_RETENTION] = { "retention", "rule of retention", read_rule, NULL },
    [KP_CONFIG_ALARM] = { "alarms", "rule of alarms", read_alarm, NULL },
    [KP_CONFIG_DELIVERY] = { "alarm-delivery", "delivery of alarms", NULL, read_delivery },
    [KP_CONFIG_CALENDAR] = { "calendar", "calendar", NULL, read_document },
    [KP_CONFIG_SHOP] = { "shop", "shop floor", NULL, read_document },
    [KP_CONFIG_ORDERS] = { "orders", "folders of orders", NULL, read_document },
    [KP_CONFIG_WATCH] = { "watches", "watch", read_watch, NULL },
    [KP_CONFIG_COLLECTION] = { "collections", "collection", read_entry, NULL },
    [KP_CONFIG_DEVICE] = { "devices", "device", read_entry, NULL },
    [KP_CONFIG_FEED] = { "feeds", "feed", read_feed, NULL },
    [KP_CONFIG_ALIASES] = { "vendor-aliases", "other names of makers", NULL, read_text },
    [KP_CONFIG_PARTNER] = { "partners", "partner", read_partner, NULL },
    [KP_CONFIG_OFFER] = { "offers", "offer", read_offer, NULL },
    [KP_CONFIG_SHIELD] = { "shield", "security", NULL, read_document },
};

const char *kp_config_kind_name(enum kp_config_kind kind)
{
    return kinds[kind].name;
}

static enum kp_code read_kind(struct reading *r, const struct kp_yaml *y)
{
    const char *known[KP_CONFIG_KINDS + 1] = { 0 };
    for (size_t i = 0; i < KP_CONFIG_KINDS; i++) {
        struct kp_config_list *list = &r->c->list[i];
        known[i] = kinds[i].key;
        if (strcmp(kinds[i].key, y->key) != 0)
            continue;
        list->present = true;
        return kinds[i].read ? read_list(r, y, list, kinds[i].read) : kinds[i].whole(r, y, list);
    }
    return unknown_key(r, y, known);
}

enum kp_code kp_config_read(struct kp_config *c, const char *yaml, size_t len, const char *file, struct kp_err *err)
{
    struct kp_yaml *root;
    struct reading r = { c, file, err };
    *c = (struct kp_config){ .file = file };
    if (kp_yaml_read(yaml, len, file, &c->arena, &root, err))
        return err->code;
    if (!root || (root->kind == KP_YAML_TEXT && !*root->text))
        return KP_OK;
    if (root->kind != KP_YAML_MAP)
        return wrong(&r, root->at, "the file must be a map of sections such as assets, couplings and signals");
    for (const struct kp_yaml *y = root->first; y && !err->code; y = y->next)
        read_kind(&r, y);
    return err->code;
}

void kp_config_free(struct kp_config *c)
{
    kp_arena_free(&c->arena);
}
