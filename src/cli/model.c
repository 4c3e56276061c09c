/* SPDX-License-Identifier: Apache-2.0 */
/* ls, get, tail, set. */
#include "cli/client.h"

#include "core/text.h"
#include "core/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 16384, PAGE = 2000 };

/* ---- one signal as a row ---- */
static const char *quality(const struct kp_cli *c, int64_t code, const char **end)
{
    *end = kp_style(c, "0");
    if (code >> 30 == 0)
        return kp_style(c, "32");
    return kp_style(c, code >> 30 == 1 ? "33" : "31");
}

static void signal_row(struct kp_table *t, const json_t *s, const char *name, bool detailed)
{
    char value[160], with_unit[200], age[64] = "";
    int64_t at;
    kp_value_text(json_object_get(s, "value"), json_object_get(s, "enums"), value, sizeof value);
    snprintf(with_unit, sizeof with_unit, "%s%s%s", value, *kp_text(s, "unitText") ? " " : "", kp_text(s, "unitText"));
    if (kp_time_parse(kp_text(s, "time"), &at))
        kp_age(at, age, sizeof age);
    const char *cells[] = { name, with_unit, kp_text(json_object_get(s, "status"), "name"), age, kp_text(s, "type"),
                            kp_text(s, "coupling"), kp_text(s, "description"), kp_text(s, "agreement") };
    kp_table_row(t, detailed ? 8 : 4, cells);
}

static const char *const columns[] = { "signal", "value", "quality", "age", "type", "coupling", "description", "agreement" };

/* ---- ls ---- */
static json_t *fetch_page(struct kp_cli *c, const char *pattern, const char *after, struct kp_err *err)
{
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_printf(&url, "/api/v1/signals?limit=%d", PAGE);
    if (*pattern)
        kp_url_add(&url, "match", pattern);
    if (*after)
        kp_url_add(&url, "after", after);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

static int list_matching(struct kp_cli *c, const char *pattern, struct kp_err *err)
{
    char after[KP_PATH_MAX] = "";
    struct kp_table t = { 0 };
    size_t n = 0;
    for (bool more = true; more;) {
        json_t *j = fetch_page(c, pattern, after, err), *s;
        if (!j)
            return kp_fault(c, err);
        size_t i;
        json_array_foreach (json_object_get(j, "signals"), i, s) {
            if (c->json)
                kp_print_json(s);
            else
                signal_row(&t, s, kp_text(s, "path"), kp_flag(c, "long"));
        }
        kp_table_print(c, &t, columns, "lrllllll");
        more = *kp_text(j, "next");
        snprintf(after, sizeof after, "%s", kp_text(j, "next"));
        n += i;
        json_decref(j);
    }
    if (!n && *pattern)
        return kp_complain(c, KP_FAILED, "no signal is or matches '%s'", pattern);
    return KP_DONE;
}

static void print_children(struct kp_cli *c, const json_t *tree)
{
    size_t i;
    json_t *one;
    struct kp_table t = { 0 };
    json_array_foreach (json_object_get(tree, "assets"), i, one) {
        const char *path = kp_text(one, "path"), *slash = strrchr(path, '/');
        const json_t *plate = json_object_get(one, "nameplate");
        if (c->json)
            kp_print_json(one);
        else
            printf("%s%s/%s  %s%s%s\n", kp_style(c, "1"), slash ? slash + 1 : path, kp_style(c, "0"), kp_text(one, "kind"),
                   *kp_text(plate, "ManufacturerName") ? ", " : "", kp_text(plate, "ManufacturerName"));
    }
    json_array_foreach (json_object_get(tree, "signals"), i, one) {
        const char *path = kp_text(one, "path"), *slash = strrchr(path, '/');
        if (c->json)
            kp_print_json(one);
        else
            signal_row(&t, one, slash ? slash + 1 : path, kp_flag(c, "long"));
    }
    kp_table_print(c, &t, columns, "lrllllll");
}

int kp_verb_ls(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *path = c->argc ? c->argv[0] : "";
    if (strpbrk(path, "*?") || kp_flag(c, "recursive"))
        return list_matching(c, path, &err);
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/tree?depth=1");
    kp_url_add(&url, "path", path);
    json_t *tree = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    if (!tree && err.code == KP_ENOTFOUND && *path) { /* a signal, perhaps */
        err = (struct kp_err){ 0 };
        return list_matching(c, path, &err);
    }
    if (!tree)
        return kp_fault(c, &err);
    print_children(c, tree);
    json_decref(tree);
    return KP_DONE;
}

/* ---- get ---- */
static json_t *fetch(struct kp_cli *c, const char *route, const char *path, struct kp_err *err)
{
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, route);
    kp_url_add(&url, "path", path);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

static void print_pairs(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        char text[512];
        if (json_is_null(value) || (json_is_array(value) && !json_array_size(value)))
            continue;
        if (json_is_object(value) && strcmp(key, "status") == 0) {
            snprintf(text, sizeof text, "%s (0x%08llX)", kp_text(value, "name"), (unsigned long long)kp_integer(value, "code"));
        } else if (json_is_object(value)) {
            printf("%s:\n", key);
            const char *inner;
            json_t *v;
            json_object_foreach (value, inner, v) {
                kp_value_text(v, NULL, text, sizeof text);
                printf("  %-30s %s\n", inner, text);
            }
            continue;
        } else {
            kp_value_text(value, strcmp(key, "value") == 0 ? json_object_get(object, "enums") : NULL, text, sizeof text);
        }
        printf("%-14s %s\n", key, text);
    }
}

/* The thing at a path, a signal or an asset, appended to its list; NULL when there is none. */
static json_t *look_up(struct kp_cli *c, const char *path, json_t *signals, json_t *assets, struct kp_err *err)
{
    json_t *found = fetch(c, "/api/v1/signal", path, err), *list = signals;
    if (!found && err->code == KP_ENOTFOUND) {
        *err = (struct kp_err){ 0 };
        found = fetch(c, "/api/v1/asset", path, err);
        list = assets;
    }
    if (err->code == KP_ENOTFOUND) {
        *err = (struct kp_err){ 0 };
        kp_fail(err, KP_ENOTFOUND, "there is no asset or signal '%.160s'; koppel ls shows what there is", path);
    }
    if (found)
        json_array_append_new(list, found);
    return found;
}

static void print_found(struct kp_cli *c, const json_t *assets, const json_t *signals)
{
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach (signals, i, one)
        signal_row(&t, one, kp_text(one, "path"), false);
    kp_table_print(c, &t, columns, "lrll");
    json_array_foreach (assets, i, one) {
        printf("%s", i || json_array_size(signals) ? "\n" : "");
        print_pairs(one);
    }
}

/* Everything about one, a line for each of several signals. */
int kp_verb_get(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *all = json_object(), *assets = json_array(), *signals = json_array(), *last = NULL;
    json_object_set_new(all, "signals", signals);
    json_object_set_new(all, "assets", assets);
    for (int i = 0; i < c->argc && !err.code; i++)
        last = look_up(c, c->argv[i], signals, assets, &err);
    if (!err.code && c->json)
        kp_print_json(all);
    else if (!err.code && c->argc == 1)
        print_pairs(last);
    else if (!err.code)
        print_found(c, assets, signals);
    json_decref(all);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

/* ---- tail ---- */
struct tailing {
    struct kp_cli *c;
    char event[32];
    json_t *known; /* path: signal, for units and texts of enumerations; not with --json */
};

static void tail_value(const struct tailing *t, const json_t *v)
{
    char value[512], when[64] = "";
    int64_t at, code = kp_integer(v, "status");
    const json_t *signal = json_object_get(t->known, kp_text(v, "path"));
    const char *end, *begin = quality(t->c, code, &end), *unit = kp_text(signal, "unitText");
    if (kp_time_parse(kp_text(v, "time"), &at))
        kp_local_time(at, false, when, sizeof when);
    kp_value_text(json_object_get(v, "value"), json_object_get(signal, "enums"), value, sizeof value);
    printf("%s  %s  %s%s%s%s%s", when, kp_text(v, "path"), begin, value, end, *unit ? " " : "", unit);
    if (code)
        printf("  %s%s%s", begin, kp_status_name((uint32_t)code), end);
    printf("\n");
}

static bool tail_line(void *arg, const char *line)
{
    struct tailing *t = arg;
    if (strncmp(line, "event:", 6) == 0)
        snprintf(t->event, sizeof t->event, "%s", line + 6 + (line[6] == ' '));
    if (strncmp(line, "data:", 5) != 0)
        return true;
    if (strncmp(t->event, "behind", 6) == 0) {
        fprintf(stderr, "koppel: tail: fell behind; the current values follow\n");
        return true;
    }
    json_t *j = json_loads(line + 5, 0, NULL), *v;
    size_t i;
    if (strncmp(t->event, "values", 6) == 0)
        json_array_foreach (j, i, v) {
            if (t->c->json)
                kp_print_json(v);
            else
                tail_value(t, v);
        }
    json_decref(j);
    fflush(stdout);
    return !ferror(stdout);
}

static void learn(struct kp_cli *c, json_t *known, const char *pattern, struct kp_err *err)
{
    char after[KP_PATH_MAX] = "";
    do {
        json_t *j = fetch_page(c, pattern, after, err), *s;
        size_t i;
        json_array_foreach (json_object_get(j, "signals"), i, s)
            json_object_set(known, kp_text(s, "path"), s);
        snprintf(after, sizeof after, "%s", kp_text(j, "next"));
        json_decref(j);
    } while (*after && !err->code);
}

int kp_verb_tail(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct tailing t = { .c = c, .known = json_object() };
    struct kp_buf url, patterns;
    kp_buf_init(&url, URL);
    kp_buf_init(&patterns, URL);
    kp_buf_str(&url, "/api/v1/stream");
    for (int i = 0; i < c->argc; i++)
        kp_buf_printf(&patterns, "%s%s", i ? "," : "", c->argv[i]);
    for (int i = 0; i < (c->argc ? c->argc : 1) && !c->json && !err.code; i++)
        learn(c, t.known, c->argc ? c->argv[i] : "", &err);
    if (c->argc)
        kp_url_add(&url, "match", kp_buf_text(&patterns));
    static const char *const flags[] = { "every", "deadband" };
    for (size_t i = 0; i < 2; i++)
        if (kp_flag(c, flags[i]))
            kp_url_add(&url, flags[i], kp_flag(c, flags[i]));
    if (!err.code && !kp_client_lines(c, "GET", kp_buf_text(&url), NULL, tail_line, &t, &err))
        kp_fail(&err, KP_ESTOPPED, "the node has ended the stream; it is stopping");
    kp_buf_free(&url);
    kp_buf_free(&patterns);
    json_decref(t.known);
    return kp_fault(c, &err);
}

/* ---- set ---- */
static json_t *set_body(struct kp_cli *c, struct kp_err *err)
{
    static const struct { const char *flag, *key; } keys[] = {
        { "path", "path" },   { "label", "label" },        { "description", "description" }, { "kind", "kind" },
        { "unit", "unit" },   { "unit-text", "unitText" }, { "role", "role" }, { "states", "states" },
    };
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (kp_flag(c, keys[i].flag))
            json_object_set_new(body, keys[i].key, json_string(kp_flag(c, keys[i].flag)));
    static const char *const numbers[] = { "low", "high" }, *const flags[] = { "stored", "writable" };
    for (size_t i = 0; i < 2; i++) {
        const char *number = kp_flag(c, numbers[i]), *flag = kp_flag(c, flags[i]);
        char *end = NULL;
        double d = number ? strtod(number, &end) : 0;
        if (number && (*end || end == number))
            kp_fail(err, KP_EINVALID, "--%s: '%s' is not a number", numbers[i], number);
        else if (number)
            json_object_set_new(body, numbers[i], json_real(d));
        if (flag && strcmp(flag, "on") != 0 && strcmp(flag, "off") != 0)
            kp_fail(err, KP_EINVALID, "--%s takes on or off, not '%s'", flags[i], flag);
        else if (flag)
            json_object_set_new(body, flags[i], json_boolean(strcmp(flag, "on") == 0));
    }
    size_t i = 0;
    for (const char *f; (f = kp_flag_next(c, "field", &i));) {
        const char *equals = strchr(f, '=');
        char key[KP_NAME_MAX];
        if (!equals) {
            kp_fail(err, KP_EINVALID, "--field takes NAME=VALUE, not '%s'", f);
            break;
        }
        snprintf(key, sizeof key, "%.*s", (int)(equals - f), f);
        json_object_set_new(body, key, equals[1] ? json_string(equals + 1) : json_null());
    }
    return body;
}

static int write_value(struct kp_cli *c, const char *path, const char *text)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/value");
    kp_url_add(&url, "path", path);
    json_t *body = json_pack("{s:o}", "value", value && !json_is_object(value) ? value : json_string(text));
    json_t *j = kp_client_send(c, "PUT", kp_buf_text(&url), body, &err);
    kp_buf_free(&url);
    json_decref(j);
    if (err.code)
        return kp_fault(c, &err);
    if (!c->json)
        printf("written\n");
    return KP_DONE;
}

static int change(struct kp_cli *c, const char *path, json_t *body)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    static const char *const of_signals[] = { "unit", "unitText", "role", "states", "low", "high", "stored", "writable" };
    bool is_signal = false;
    for (size_t i = 0; i < sizeof of_signals / sizeof *of_signals; i++)
        is_signal = is_signal || json_object_get(body, of_signals[i]);
    json_t *found = is_signal ? json_null() : fetch(c, "/api/v1/signal", path, &err);
    is_signal |= found != NULL;
    json_decref(found);
    if (err.code && err.code != KP_ENOTFOUND) {
        json_decref(body);
        return kp_fault(c, &err);
    }
    err = (struct kp_err){ 0 };
    kp_buf_init(&url, URL);
    kp_buf_str(&url, is_signal ? "/api/v1/signal" : "/api/v1/asset");
    kp_url_add(&url, "path", path);
    json_t *j = kp_client_send(c, "PATCH", kp_buf_text(&url), body, &err);
    kp_buf_free(&url);
    return kp_client_show(c, j, print_pairs, &err);
}

int kp_verb_set(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = set_body(c, &err);
    if (err.code) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "%s", err.text);
    }
    bool fields = json_object_size(body) > 0;
    if (fields == (c->argc == 2)) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, fields ? "give a value to write, or fields to change, not both"
                                                : "give a value to write, or fields to change");
    }
    if (fields)
        return change(c, c->argv[0], body);
    json_decref(body);
    return write_value(c, c->argv[0], c->argv[1]);
}
