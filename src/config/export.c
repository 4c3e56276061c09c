/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what kp_apply reads, in a stable order: settings, assets and signals by path, couplings by name. */
#include "config/apply.h"

#include "alarm/alarm.h"
#include "config/plan.h"
#include "core/json.h"
#include "core/state_rule.h"
#include "net/json_memory.h"
#include "store/retention.h"
#include "watch/watches.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SLICE = 500, SECTION_MAX = 256 << 20 };

struct seen { /* a signal that a coupling of this node feeds */
    uint16_t coupling;
    const char *source, *path;
};

struct exporting {
    struct kp_node *node;
    enum kp_recipient to;
    struct kp_buf *out;
    struct kp_buf signals; /* the section that comes last */
    struct kp_arena arena;
    size_t n_couplings, n_seen, capacity;
    struct kp_coupling_view *couplings;
    struct seen *seen; /* in path order */
    bool any_alarm, any_watch;
    size_t left_out; /* for they may not go there */
    struct kp_err *err;
};

static struct kp_model *model(struct exporting *x)
{
    return kp_hub_model(kp_node_hub(x->node));
}

static enum kp_code no_memory(struct exporting *x)
{
    return kp_fail(x->err, KP_ENOMEM, "out of memory writing the file");
}

static void put(struct kp_buf *out, const char *indent, const char *key, const char *text)
{
    if (!text || !*text)
        return;
    kp_buf_printf(out, "%s%s: ", indent, key);
    kp_yaml_put_lines(out, "      ", text);
}

static void put_number(struct kp_buf *out, const char *key, double d)
{
    struct kp_json j = kp_json(out);
    kp_buf_printf(out, "    %s: ", key);
    kp_json_double(&j, d);
    kp_buf_str(out, "\n");
}

/* ---- settings ---- */
static void put_settings(struct exporting *x)
{
    struct kp_db *db = kp_store_reader(kp_node_store(x->node), x->err);
    bool any = false;
    for (const struct kp_config_setting *s = kp_config_settings; db && s->name; s++) {
        const char *text = kp_setting_get(db, &x->arena, s->key);
        if (text && !any)
            kp_buf_str(x->out, "\nsettings:\n");
        any |= text != NULL;
        put(x->out, "  ", s->name, text);
    }
    if (db)
        kp_store_reader_done(kp_node_store(x->node), db);
}

static void put_retention(struct exporting *x)
{
    struct kp_retention now = { 0 };
    struct kp_db *db = kp_store_reader(kp_node_store(x->node), x->err);
    if (db)
        kp_retention_read(db, &x->arena, &now, x->err);
    kp_store_reader_done(kp_node_store(x->node), db);
    for (size_t i = 0; i < now.n && !x->err->code; i++) {
        const struct kp_retention_rule *rule = &now.rules[i];
        char points[40] = "", rollups[40] = "", size[40] = "";
        if (rule->raw)
            kp_duration_exact(rule->raw, points, sizeof points);
        if (rule->rollups)
            kp_duration_exact(rule->rollups, rollups, sizeof rollups);
        if (rule->bytes)
            kp_size_exact(rule->bytes, size, sizeof size);
        kp_buf_str(x->out, i ? "" : "\nretention:\n");
        put(x->out, "  - ", "pattern", rule->pattern);
        put(x->out, "    ", "points", points);
        put(x->out, "    ", "rollups", rollups);
        put(x->out, "    ", "size", size);
    }
}

/* ---- alarms ---- */
static bool put_alarm(void *arg, const struct kp_alarm_rule *r)
{
    struct exporting *x = arg;
    char delay[40], off[40];
    kp_duration_exact(r->delay, delay, sizeof delay);
    kp_duration_exact(r->off_delay, off, sizeof off);
    kp_buf_str(x->out, x->any_alarm ? "" : "\nalarms:\n");
    x->any_alarm = true;
    put(x->out, "  - ", "name", r->name);
    put(x->out, "    ", "kind", kp_alarm_kinds[r->kind]);
    put(x->out, "    ", "match", r->match);
    if (!isnan(r->high))
        put_number(x->out, "high", r->high);
    if (!isnan(r->low))
        put_number(x->out, "low", r->low);
    if (r->hysteresis > 0)
        put_number(x->out, "hysteresis", r->hysteresis);
    put(x->out, "    ", "delay", r->delay ? delay : "");
    put(x->out, "    ", "offDelay", r->off_delay ? off : "");
    put(x->out, "    ", "priority", kp_alarm_priorities[r->priority]);
    put(x->out, "    ", "text", r->text);
    put(x->out, "    ", "enabled", r->enabled ? "" : "false");
    put(x->out, "    ", "outOfService", r->out_of_service ? "true" : "");
    return true;
}

/* ---- watches ---- */
static bool put_watch(void *arg, const struct kp_watch_def *d)
{
    struct exporting *x = arg;
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    const char *key;
    json_t *value;
    kp_buf_init(&text, 16 << 10);
    kp_json_begin(&j, '{');
    kp_watch_def_put(&j, d);
    kp_json_end(&j, '}');
    json_t *o = kp_json_read(kp_buf_text(&text), "watch", x->err);
    kp_buf_str(x->out, x->any_watch ? "" : "\nwatches:\n");
    x->any_watch = true;
    json_object_foreach(o, key, value)
    {
        char number[24];
        bool usual = strcmp(key, "enabled") == 0 ? json_is_true(value) : json_is_false(value);
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        if (!usual)
            put(x->out, strcmp(key, "name") == 0 ? "  - " : "    ", key,
                json_is_boolean(value)   ? json_is_true(value) ? "true" : "false"
                : json_is_integer(value) ? number
                                         : json_string_value(value));
    }
    json_decref(o);
    kp_buf_free(&text);
    return !x->err->code;
}

/* ---- assets ---- */
static bool worth_saying(const struct kp_asset_info *a)
{
    return a->kind != KP_FOLDER || a->label != KP_INHERIT || a->description || a->by_hand;
}

static void put_asset(struct kp_buf *out, const struct kp_asset_info *a, const char *path)
{
    put(out, "  - ", "path", path);
    if (a->kind != KP_FOLDER)
        put(out, "    ", "kind", kp_asset_kind_name(a->kind));
    if (a->label != KP_INHERIT)
        put(out, "    ", "label", kp_label_name(a->label));
    put(out, "    ", "description", a->description);
    for (unsigned f = 0; f < KP_NAMEPLATE_FIELDS; f++)
        if (a->by_hand & 1u << f)
            put(out, "    ", kp_nameplate_name(f), a->nameplate[f]);
}

/* Under the lock. A leaf without signals is written even when it has nothing to say: somebody made it. */
static void put_assets(struct exporting *x, kp_asset id, bool *any)
{
    const struct kp_model *m = model(x);
    const kp_asset *assets;
    const kp_signal *signals;
    size_t n = kp_model_child_assets(m, id, &assets);
    bool leaf = !n && !kp_model_child_signals(m, id, &signals), may = kp_gate_asset(m, x->to, id);
    x->left_out += !may;
    if (id && may && (leaf || worth_saying(kp_model_asset(m, id)))) {
        char path[KP_PATH_MAX];
        kp_model_asset_path(m, id, path, sizeof path);
        if (!*any)
            kp_buf_str(x->out, "\nassets:\n");
        *any = true;
        put_asset(x->out, kp_model_asset(m, id), path);
    }
    for (size_t i = 0; i < n; i++)
        put_assets(x, assets[i], any);
}

/* ---- signals ---- */
static void put_signal(struct kp_buf *out, const struct kp_signal_info *s, const char *path)
{
    size_t before = out->len;
    put(out, "  - ", "path", path);
    size_t empty = out->len;
    put(out, "    ", "description", s->description);
    put(out, "    ", "unit", s->unit);
    put(out, "    ", "unitText", s->unit_text);
    put(out, "    ", "role", s->role);
    put(out, "    ", "states", kp_state_text_learns(s->states) ? "learn" : s->states); /* what is learnt is no setting */
    if (s->low < s->high) {
        put_number(out, "low", s->low);
        put_number(out, "high", s->high);
    }
    if (s->label != KP_INHERIT)
        put(out, "    ", "label", kp_label_name(s->label));
    if (!s->stored)
        kp_buf_str(out, "    stored: off\n");
    if (s->writable)
        kp_buf_str(out, "    writable: on\n");
    if (out->len == empty)
        out->len = before;
}

static bool fed(const struct exporting *x, uint16_t coupling)
{
    for (size_t i = 0; i < x->n_couplings; i++)
        if (x->couplings[i].id == coupling)
            return true;
    return false;
}

static enum kp_code see(struct exporting *x, kp_signal id)
{
    char path[KP_PATH_MAX];
    const struct kp_signal_info *s = kp_model_signal(model(x), id);
    bool may = kp_gate_signal(model(x), x->to, id);
    x->left_out += !may;
    if (!may || !s || !s->source || !fed(x, s->coupling))
        return KP_OK;
    kp_model_signal_path(model(x), id, path, sizeof path);
    struct seen one = { s->coupling, kp_arena_strdup(&x->arena, s->source), kp_arena_strdup(&x->arena, path) };
    if (!one.source || !one.path || !kp_grow(&x->seen, &x->capacity, x->n_seen + 1, sizeof one))
        return no_memory(x);
    x->seen[x->n_seen++] = one;
    put_signal(&x->signals, s, path);
    return KP_OK;
}

static enum kp_code see_signals(struct exporting *x)
{
    char after[KP_PATH_MAX] = "";
    kp_signal *list = kp_arena_alloc(&x->arena, SLICE * sizeof *list);
    size_t n = SLICE;
    if (!list)
        return no_memory(x);
    while (n == SLICE && !x->err->code) {
        kp_model_lock(model(x));
        n = kp_model_match(model(x), "", after, list, SLICE);
        for (size_t i = 0; i < n && !x->err->code; i++)
            see(x, list[i]);
        kp_model_unlock(model(x));
    }
    return x->err->code;
}

/* ---- couplings ---- */
/* The path as an entry of the coupling writes it. */
static void put_place(struct kp_buf *out, const char *at, const char *path)
{
    char place[KP_PATH_MAX + 1] = "/";
    size_t n = strlen(at);
    if (strncmp(path, at, n) == 0 && path[n] == '/')
        memcpy(place, path + n + 1, strlen(path + n + 1) + 1);
    else
        memcpy(place + 1, path, strlen(path) + 1);
    put(out, "        ", "path", place);
}

static void put_nodes(struct exporting *x, const struct kp_coupling_view *v)
{
    bool any = false;
    for (size_t i = 0; i < x->n_seen; i++) {
        if (x->seen[i].coupling != v->id)
            continue;
        if (!any)
            kp_buf_str(x->out, "    nodes:\n");
        any = true;
        put(x->out, "      - ", "source", x->seen[i].source);
        put_place(x->out, v->at, x->seen[i].path);
    }
}

static bool is_secret(const struct kp_coupling_view *v, const char *key)
{
    const struct kp_option *o = v->options;
    while (o && o->name && strcmp(o->name, key) != 0)
        o++;
    return o && o->name && o->type == KP_OPT_SECRET;
}

static void put_coupling(struct exporting *x, const struct kp_coupling_view *v)
{
    put(x->out, "  - ", "name", v->name);
    put(x->out, "    ", "url", v->url);
    if (strcmp(v->at, v->name) != 0)
        put(x->out, "    ", "at", v->at);
    if (!v->enabled)
        kp_buf_str(x->out, "    enabled: off\n");
    put(x->out, "    ", "include", v->include);
    put(x->out, "    ", "exclude", v->exclude);
    put(x->out, "    ", "every", v->every);
    put(x->out, "    ", "deadband", v->deadband);
    put(x->out, "    ", "clock", v->clock);
    for (size_t i = 0; i < v->n; i++) {
        const struct kp_field *f = &v->settings[i];
        if (is_secret(v, f->key))
            kp_buf_printf(x->out, "    # %s-file: /PATH  (a %s is set; it is not exported)\n", f->key, f->key);
        else
            put(x->out, "    ", f->key, f->value);
    }
    put_nodes(x, v);
}

static enum kp_code write_all(struct exporting *x)
{
    kp_buf_str(x->out, "# koppel export of ");
    kp_yaml_put_text(x->out, kp_node_name(x->node));
    kp_buf_str(x->out, ": read by koppel apply\n");
    put_settings(x);
    if (!x->err->code)
        put_retention(x);
    bool any = false;
    kp_model_lock(model(x));
    put_assets(x, 0, &any);
    kp_model_unlock(model(x));
    if (x->err->code || see_signals(x))
        return x->err->code;
    if (x->n_couplings)
        kp_buf_str(x->out, "\ncouplings:\n");
    for (size_t i = 0; i < x->n_couplings; i++)
        put_coupling(x, &x->couplings[i]);
    if (x->signals.len) {
        kp_buf_str(x->out, "\nsignals:\n");
        kp_buf_add(x->out, x->signals.data, x->signals.len);
    }
    if (kp_alarms_rules(kp_node_alarms(x->node), NULL, put_alarm, x, x->err) ||
        kp_watches_each(kp_node_watches(x->node), NULL, put_watch, x, x->err) ||
        kp_export_documents(x->node, x->out, x->err) || kp_export_share(x->node, x->out, x->err) ||
        kp_export_shield(x->node, x->to, x->out, x->err))
        return x->err->code;
    if (x->left_out)
        kp_buf_printf(x->out, "\n# left out, for they are labelled secret: %zu assets and signals; do not prune with this file\n", x->left_out);
    return x->out->failed || x->signals.failed ? no_memory(x) : KP_OK;
}

enum kp_code kp_export(struct kp_node *node, enum kp_recipient to, struct kp_buf *yaml, struct kp_err *err)
{
    struct exporting x = { .node = node, .to = to, .out = yaml, .err = err };
    kp_buf_init(&x.signals, SECTION_MAX);
    if (!kp_node_couplings(node, NULL, &x.arena, &x.couplings, &x.n_couplings, err))
        write_all(&x);
    kp_free(x.seen);
    kp_buf_free(&x.signals);
    kp_arena_free(&x.arena);
    return err->code;
}
