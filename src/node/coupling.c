/* SPDX-License-Identifier: Apache-2.0 */
/* Couplings as people see them: named, with fields, kept in the file; the hub runs them. */
#include "node/private.h"

#include "core/url.h"
#include "couplings/all.h"
#include "couplings/catalogue.h"
#include "store/secret.h"
#include "net/json_memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* The fields every coupling has; the rest are its class's options. */
static const char *const common[] = { "url",     "name",  "at",       "enabled", "include",
                                      "exclude", "every", "deadband", "clock", NULL };
enum { COMMON = sizeof common / sizeof common[0] - 1, FIELDS_MAX = 64 };

static bool is_common(const char *key)
{
    for (int i = 0; i < COMMON; i++)
        if (strcmp(common[i], key) == 0)
            return true;
    return false;
}

static bool is_secret(const struct kp_coupling_class *class, const char *key)
{
    for (const struct kp_option *o = class->options; o && o->name; o++)
        if (strcmp(o->name, key) == 0)
            return o->type == KP_OPT_SECRET;
    return false;
}

static const char *get(const struct coupling *c, const char *key)
{
    return field_find(c->fields, c->n, key);
}

/* ---- one record ---- */
static void record_free(struct coupling *c)
{
    if (!c)
        return;
    kp_arena_free(&c->arena);
    kp_free(c);
}

static enum kp_code record_set(struct coupling *c, const char *key, const char *value,
                               struct kp_err *err)
{
    size_t i = 0;
    while (i < c->n && strcmp(c->fields[i].key, key) != 0)
        i++;
    if (!value || !*value) { /* back to the default: the field goes */
        if (i < c->n)
            c->fields[i] = c->fields[--c->n];
        return KP_OK;
    }
    if (i == FIELDS_MAX)
        return kp_fail(err, KP_EFULL, "more than %d settings", FIELDS_MAX);
    struct kp_field f = { kp_arena_strdup(&c->arena, key), kp_arena_strdup(&c->arena, value) };
    if (!f.key || !f.value)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    c->fields[i] = f;
    c->n += i == c->n;
    return KP_OK;
}

/* A copy of `old` (or an empty record) with the fields laid over it. */
static struct coupling *record_new(const struct coupling *old, const struct kp_field *fields,
                                   size_t n, struct kp_err *err)
{
    struct coupling *c = kp_alloc(sizeof *c);
    if (c)
        c->fields = kp_arena_alloc(&c->arena, FIELDS_MAX * sizeof *c->fields);
    if (!c || !c->fields) {
        record_free(c);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    if (old) {
        c->id = old->id;
        c->class = old->class;
    }
    for (size_t i = 0; old && i < old->n && !err->code; i++)
        record_set(c, old->fields[i].key, old->fields[i].value, err);
    for (size_t i = 0; i < n && !err->code; i++)
        record_set(c, fields[i].key, fields[i].value, err);
    if (!err->code)
        return c;
    record_free(c);
    return NULL;
}

/* ---- checking ---- */
/* "opc.tcp://10.0.0.7:4840/ua" is named "10.0.0.7-4840" until a person says better. */
static void name_of_url(const char *url, char out[KP_NAME_MAX])
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    const char *login = strchr(host, '@');
    size_t n = strcspn(host, "/?#");
    if (login && (size_t)(login - host) < n) {
        n -= (size_t)(login + 1 - host);
        host = login + 1;
    }
    const char *last = strrchr(host, '/');
    if (!n && last) { /* a file or folder: its own name, or that above a pattern's */
        const char *stop = strpbrk(last, "*?") ? last : host + strlen(host);
        while (stop > host && stop[-1] == '/')
            stop--;
        for (host = stop; host[-1] != '/'; host--)
            ;
        n = (size_t)(stop - host);
    }
    char text[KP_NAME_MAX];
    snprintf(text, sizeof text, "%.*s", n < 100 ? (int)n : 100, host);
    for (char *p = text; *p; p++)
        if (*p == ':')
            *p = '-';
    kp_name_clean(out, KP_NAME_MAX, text, strlen(text));
}

static enum kp_code filter_of(const struct coupling *c, struct kp_filter_def *out,
                              struct kp_err *err)
{
    const char *every = get(c, "every"), *deadband = get(c, "deadband");
    *out = (struct kp_filter_def){ .include = get(c, "include"), .exclude = get(c, "exclude") };
    if (every && (!kp_duration_parse(every, &out->every) || out->every < 0))
        return kp_fail(err, KP_EINVALID, "every: '%.60s' is not a time such as 250ms or 10s",
                       every);
    if (deadband) {
        char *end;
        out->deadband = strtod(deadband, &end);
        out->percent = *end == '%';
        if (end == deadband || end[out->percent] || !(out->deadband >= 0))
            return kp_fail(err, KP_EINVALID,
                           "deadband: '%.60s' is neither a number nor a percentage", deadband);
    }
    struct kp_filter *f = kp_filter_new(out, err);
    kp_filter_free(f);
    return err->code;
}

static bool enabled(const struct coupling *c)
{
    struct kp_field f = { "enabled", get(c, "enabled") };
    bool on = true;
    if (f.value)
        field_bool(&f, &on, NULL);
    return on;
}

static enum kp_code check_keys(const struct coupling *c, struct kp_err *err)
{
    const char *known[COMMON + FIELDS_MAX + 1] = { 0 };
    memcpy(known, common, COMMON * sizeof *known);
    size_t n = COMMON;
    for (const struct kp_option *o = c->class->options; o && o->name && n < COMMON + FIELDS_MAX;
         o++)
        known[n++] = o->name;
    for (size_t i = 0; i < c->n && !err->code; i++) {
        size_t k = 0;
        while (known[k] && strcmp(known[k], c->fields[i].key) != 0)
            k++;
        if (!known[k])
            field_unknown(c->fields[i].key, known, err);
        else if (k >= COMMON)
            kp_options_check(c->class->options, c->fields[i].key, c->fields[i].value, err);
    }
    return err->code;
}

/* Those of the URL that are not set otherwise, then the others; texts of the URL's live as long as the arena. */
static size_t all_settings(const struct coupling *c, struct kp_arena *arena, struct kp_field out[FIELDS_MAX], struct kp_err *err)
{
    const char *at = NULL;
    char key[64], value[KP_HOST_MAX];
    size_t n = 0;
    while (c->class->url_settings && n < FIELDS_MAX - c->n && kp_url_setting(get(c, "url"), &at, key, value)) {
        if (get(c, key))
            continue;
        out[n] = (struct kp_field){ kp_arena_strdup(arena, key), kp_arena_strdup(arena, value) };
        if (!out[n].key || !out[n].value)
            kp_fail(err, KP_ENOMEM, "out of memory");
        else
            n++;
    }
    for (size_t i = 0; i < c->n; i++)
        if (!is_common(c->fields[i].key))
            out[n++] = c->fields[i];
    return n;
}

static enum kp_code check_whole(const struct coupling *c, struct kp_err *err)
{
    const struct kp_coupling_class *class = c->class;
    void *settings = kp_alloc(class->settings_size);
    struct kp_field all[FIELDS_MAX];
    struct kp_arena arena = { 0 };
    if (!settings)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    size_t n = all_settings(c, &arena, all, err);
    if (!err->code)
        kp_options_init(class->options, settings, err);
    for (size_t i = 0; i < n && !err->code; i++)
        kp_options_set(class->options, settings, all[i].key, all[i].value, err);
    if (!err->code && class->check)
        class->check(get(c, "url"), settings, err);
    kp_options_free(class->options, settings);
    kp_arena_free(&arena);
    kp_free(settings);
    return err->code;
}

/* Fills in what follows from the URL, then checks everything that can be checked without the peer.
 */
static enum kp_code record_check(struct kp_node *node, struct coupling *c, struct kp_err *err)
{
    const char *url = get(c, "url");
    if (!url)
        return kp_fail(err, KP_EINVALID, "a coupling needs a url such as opc.tcp://192.0.2.7:4840");
    c->class = kp_coupling_class_of(url, err);
    if (!c->class)
        return err->code;
    char name[KP_NAME_MAX], at[KP_PATH_MAX] = "";
    if (c->class->places)
        c->class->places(url, name, at);
    else
        name_of_url(url, name);
    if (!get(c, "name") && record_set(c, "name", name, err))
        return err->code;
    if (!get(c, "at") && record_set(c, "at", *at ? at : get(c, "name"), err))
        return err->code;
    struct kp_field on = { "enabled", get(c, "enabled") };
    struct kp_filter_def filter;
    if (!kp_name_valid(get(c, "name"), strlen(get(c, "name"))))
        kp_fail(err, KP_EINVALID, "'%.60s' cannot be a name", get(c, "name"));
    else if (!kp_path_valid(get(c, "at")))
        kp_fail(err, KP_EINVALID, "at: '%.120s' is not a path such as eindhoven/milling",
                get(c, "at"));
    else if ((!on.value || !field_bool(&on, &(bool){ 0 }, err)) && !check_keys(c, err))
        filter_of(c, &filter, err);
    if (!err->code)
        check_whole(c, err);
    if (!err->code && get(c, "clock") && !kp_clock_mode_parse(get(c, "clock"), &(uint8_t){ 0 }))
        kp_fail(err, KP_EINVALID, "clock: '%.60s' is none of auto, source and receive", get(c, "clock"));
    for (size_t i = 0; i < node->n && !err->code; i++)
        if (node->couplings[i]->id != c->id &&
            strcmp(get(node->couplings[i], "name"), get(c, "name")) == 0)
            kp_fail(err, KP_EEXISTS, "there is a coupling of that name already");
    return err->code ? kp_context(err, "coupling %s", get(c, "name")) : KP_OK;
}

/* ---- the file ---- */
static char *json_of(const struct coupling *c, bool filter)
{
    json_t *j = json_object();
    for (size_t i = 0; i < c->n; i++) {
        const struct kp_field *f = &c->fields[i];
        bool of_filter = is_common(f->key) && strcmp(f->key, "url") && strcmp(f->key, "name") &&
                         strcmp(f->key, "at") && strcmp(f->key, "enabled");
        if (filter ? of_filter : !is_common(f->key) && !is_secret(c->class, f->key))
            json_object_set_new(j, f->key, json_string(f->value));
    }
    char *text = kp_json_dump(j, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(j);
    return text;
}

static enum kp_code row_put(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct coupling *c = arg;
    char *filter = json_of(c, true), *settings = json_of(c, false);
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "insert into coupling(id, name, url, at, enabled, filter, settings)"
                      " values(nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7)"
                      " on conflict(id) do update set name = ?2, url = ?3, at = ?4,"
                      " enabled = ?5, filter = ?6, settings = ?7",
                      err);
    if (!filter || !settings)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (s && !err->code) {
        kp_bind_int(s, 1, c->id);
        kp_bind_text(s, 2, get(c, "name"));
        kp_bind_text(s, 3, get(c, "url"));
        kp_bind_text(s, 4, get(c, "at"));
        kp_bind_int(s, 5, enabled(c));
        kp_bind_text(s, 6, filter);
        kp_bind_text(s, 7, settings);
        if (!kp_run(s, err) && !c->id) {
            int64_t id = kp_db_last_id(db);
            if (id > UINT16_MAX)
                kp_fail(err, KP_EFULL, "this file has had %d couplings, the most it can",
                        UINT16_MAX);
            c->id = (uint16_t)id;
        }
    }
    free(filter); /* jansson's */
    free(settings);
    return err->code;
}

static enum kp_code row_delete(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const sql[] = {
        "delete from coupling where id = ?", "delete from node where coupling = ?",
        "delete from file_read where coupling = ?",
        "delete from secret where name glob 'coupling/' || ? || '/*'"
    };
    const struct coupling *c = arg;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0] && !err->code; i++) {
        struct kp_stmt *s = kp_db_prepare(db, sql[i], err);
        if (s) {
            kp_bind_int(s, 1, c->id);
            kp_run(s, err);
        }
    }
    return err->code;
}

static void secret_name(const struct coupling *c, const char *key, char out[KP_NAME_MAX])
{
    snprintf(out, KP_NAME_MAX, "coupling/%u/%s", c->id, key);
}

static enum kp_code secrets_put(struct kp_node *node, const struct coupling *c, struct kp_err *err)
{
    for (const struct kp_option *o = c->class->options; o && o->name && !err->code; o++) {
        char name[KP_NAME_MAX];
        secret_name(c, o->name, name);
        const char *value = get(c, o->name);
        if (o->type == KP_OPT_SECRET)
            kp_secret_put(node->store, name, value, value ? strlen(value) : 0, err);
    }
    return err->code;
}

static enum kp_code record_save(struct kp_node *node, struct coupling *c, struct kp_err *err)
{
    return kp_store_do(node->store, row_put, c, err) ? err->code : secrets_put(node, c, err);
}

static void fields_of_json(struct coupling *c, const char *text, struct kp_err *err)
{
    json_t *j = text ? kp_json_load(text, strlen(text), 0, NULL) : NULL, *value;
    const char *key;
    json_object_foreach(j, key, value) if (json_is_string(value))
        record_set(c, key, json_string_value(value), err);
    json_decref(j);
}

static struct coupling *record_load(struct kp_node *node, struct kp_stmt *s, struct kp_err *err)
{
    const struct kp_field fields[] = { { "name", kp_column_text(s, 1) },
                                       { "url", kp_column_text(s, 2) },
                                       { "at", kp_column_text(s, 3) },
                                       { "enabled", kp_column_int(s, 4) ? NULL : "off" } };
    struct coupling *c = record_new(NULL, fields, 4, err);
    if (!c)
        return NULL;
    c->id = (uint16_t)kp_column_int(s, 0);
    fields_of_json(c, kp_column_text(s, 5), err);
    fields_of_json(c, kp_column_text(s, 6), err);
    c->class = kp_coupling_class_of(get(c, "url"), err);
    for (const struct kp_option *o = c->class ? c->class->options : NULL; o && o->name; o++) {
        char name[KP_NAME_MAX];
        void *data;
        size_t len;
        struct kp_err none = { 0 };
        secret_name(c, o->name, name);
        if (o->type == KP_OPT_SECRET &&
            !kp_secret_get(node->store, name, &c->arena, &data, &len, &none))
            record_set(c, o->name, data, err);
        else if (none.code && none.code != KP_ENOTFOUND)
            kp_fail(err, none.code, "coupling %s: %s", get(c, "name"), none.text);
    }
    if (!err->code)
        return c;
    record_free(c);
    return NULL;
}

/* ---- the list, in name order; `changing` is held ---- */
static size_t position(const struct kp_node *node, const char *name)
{
    size_t i = 0;
    while (i < node->n && strcmp(get(node->couplings[i], "name"), name) < 0)
        i++;
    return i;
}

static enum kp_code list_add(struct kp_node *node, struct coupling *c, struct kp_err *err)
{
    if (!kp_grow(&node->couplings, &node->capacity, node->n + 1, sizeof *node->couplings))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    size_t i = position(node, get(c, "name"));
    memmove(node->couplings + i + 1, node->couplings + i, (node->n - i) * sizeof *node->couplings);
    node->couplings[i] = c;
    node->n++;
    return KP_OK;
}

static void list_remove(struct kp_node *node, const struct coupling *c)
{
    for (size_t i = 0; i < node->n; i++)
        if (node->couplings[i] == c) {
            node->n--;
            memmove(node->couplings + i, node->couplings + i + 1,
                    (node->n - i) * sizeof *node->couplings);
            return;
        }
}

struct coupling *coupling_find(struct kp_node *node, const char *name, struct kp_err *err)
{
    size_t i = position(node, name);
    if (i < node->n && strcmp(get(node->couplings[i], "name"), name) == 0)
        return node->couplings[i];
    const char **names = kp_alloc((node->n + 1) * sizeof *names);
    for (size_t k = 0; names && k < node->n; k++)
        names[k] = get(node->couplings[k], "name");
    const char *near = names ? kp_nearest(name, names) : NULL;
    kp_fail(err, KP_ENOTFOUND,
            near ? "there is no coupling '%.60s'; did you mean '%s'?"
                 : "there is no coupling '%.60s'",
            name, near);
    kp_free(names);
    return NULL;
}

static enum kp_code hub_add(struct kp_node *node, const struct coupling *c, struct kp_err *err)
{
    const char *keys[FIELDS_MAX], *values[FIELDS_MAX];
    struct kp_field all[FIELDS_MAX];
    struct kp_arena arena = { 0 };
    struct kp_coupling_def def = { .id = c->id,
                                   .name = get(c, "name"),
                                   .url = get(c, "url"),
                                   .at = get(c, "at"),
                                   .enabled = enabled(c),
                                   .class = c->class,
                                   .keys = keys,
                                   .values = values };
    def.n = all_settings(c, &arena, all, err);
    for (size_t i = 0; i < def.n; i++) {
        keys[i] = all[i].key;
        values[i] = all[i].value;
    }
    if (get(c, "clock"))
        kp_clock_mode_parse(get(c, "clock"), &def.clock);
    if (!err->code && !filter_of(c, &def.filter, err))
        kp_hub_add_coupling(node->hub, &def, err);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code couplings_load(struct kp_node *node, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(node->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db,
                                           "select id, name, url, at, enabled, filter, settings"
                                           " from coupling order by id",
                                           err)
                           : NULL;
    while (s && kp_step(s, err)) {
        struct coupling *c = record_load(node, s, err);
        if (c && !hub_add(node, c, err) && !list_add(node, c, err))
            continue;
        record_free(c);
        kp_reset(s);
        break;
    }
    if (db)
        kp_store_reader_done(node->store, db);
    return err->code;
}

void couplings_free(struct kp_node *node)
{
    for (size_t i = 0; i < node->n; i++)
        record_free(node->couplings[i]);
    kp_free(node->couplings);
}

/* ---- what people do ---- */
static enum kp_code couple(struct kp_node *node, struct coupling *c, char *name, struct kp_err *err)
{
    if (record_check(node, c, err) || record_save(node, c, err))
        return err->code;
    if (hub_add(node, c, err) || list_add(node, c, err)) {
        struct kp_err undo = { 0 };
        kp_hub_remove_coupling(node->hub, c->id, &undo);
        kp_store_do(node->store, row_delete, c, &undo);
        return err->code;
    }
    if (name)
        snprintf(name, KP_NAME_MAX, "%s", get(c, "name"));
    return KP_OK;
}

enum kp_code kp_node_couple(struct kp_node *node, const char *url, const struct kp_field *fields,
                            size_t n, char *name, struct kp_err *err)
{
    struct coupling *c = record_new(NULL, fields, n, err);
    if (!c || record_set(c, "url", url, err)) {
        record_free(c);
        return err->code;
    }
    pthread_mutex_lock(&node->changing);
    if (couple(node, c, name, err))
        record_free(c);
    pthread_mutex_unlock(&node->changing);
    return err->code;
}

/* The old one runs until the new one is in the file; then one takes the other's place. */
static enum kp_code change(struct kp_node *node, struct coupling *old, struct coupling *new,
                           struct kp_err *err)
{
    if (record_check(node, new, err) || record_save(node, new, err))
        return err->code;
    if (kp_hub_remove_coupling(node->hub, old->id, err) || hub_add(node, new, err)) {
        struct kp_err undo = { 0 };
        record_save(node, old, &undo);
        hub_add(node, old, &undo);
        return err->code;
    }
    list_remove(node, old);
    list_add(node, new, err); /* cannot fail: the place of the old one is free */
    record_free(old);
    return KP_OK;
}

enum kp_code kp_node_change_coupling(struct kp_node *node, const char *name,
                                     const struct kp_field *fields, size_t n, struct kp_err *err)
{
    pthread_mutex_lock(&node->changing);
    struct coupling *old = coupling_find(node, name, err);
    struct coupling *new = old ? record_new(old, fields, n, err) : NULL;
    if (new &&change(node, old, new, err))
        record_free(new);
    pthread_mutex_unlock(&node->changing);
    return err->code;
}

enum kp_code kp_node_check_coupling(struct kp_node *node, const char *name, const char *url,
                                    const struct kp_field *fields, size_t n, struct kp_err *err)
{
    pthread_mutex_lock(&node->changing);
    struct coupling *old = url ? NULL : coupling_find(node, name, err);
    struct coupling *c = err->code ? NULL : record_new(old, fields, n, err);
    if (c && url)
        record_set(c, "url", url, err);
    if (c && url && name)
        record_set(c, "name", name, err);
    if (c && !err->code)
        record_check(node, c, err);
    record_free(c);
    pthread_mutex_unlock(&node->changing);
    return err->code;
}

struct forgetting {
    struct kp_model *model;
    uint16_t coupling;
    struct kp_err *err;
};

static void do_forget(void *arg)
{
    struct forgetting *f = arg;
    for (kp_signal s = 1; s < kp_model_signal_end(f->model) && !f->err->code; s++) {
        const struct kp_signal_info *info = kp_model_signal(f->model, s);
        if (info && info->coupling == f->coupling)
            kp_model_remove_signal(f->model, s, f->err);
    }
}

enum kp_code kp_node_uncouple(struct kp_node *node, const char *name, bool forget,
                              struct kp_err *err)
{
    pthread_mutex_lock(&node->changing);
    struct coupling *c = coupling_find(node, name, err);
    if (c && !kp_hub_remove_coupling(node->hub, c->id, err) &&
        !kp_hub_end_intervals(node->hub, name, err) &&
        !kp_store_do(node->store, row_delete, c, err)) {
        struct forgetting f = { kp_hub_model(node->hub), c->id, err };
        if (forget)
            node_change(node, do_forget, &f, err);
        list_remove(node, c);
        record_free(c);
    }
    pthread_mutex_unlock(&node->changing);
    return err->code;
}

uint16_t kp_node_coupling_id(struct kp_node *node, const char *name, struct kp_err *err)
{
    pthread_mutex_lock(&node->changing);
    struct coupling *c = coupling_find(node, name, err);
    uint16_t id = c ? c->id : 0;
    pthread_mutex_unlock(&node->changing);
    return id;
}

enum kp_code kp_node_reconnect(struct kp_node *node, const char *name, struct kp_err *err)
{
    uint16_t id = kp_node_coupling_id(node, name, err);
    return id ? kp_hub_reconnect(node->hub, id, err) : err->code;
}
