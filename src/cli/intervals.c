/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/intervals.h"

#include "core/clock.h"
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 65536 };

/* A time given as a flag, or as text when the flag is missing; NULL there: `*at` stays. */
static int read_flag(struct kp_cli *c, const char *flag, const char *otherwise, int64_t now,
                     int64_t *at)
{
    const char *text = kp_flag(c, flag) ? kp_flag(c, flag) : otherwise;
    if (!text || kp_read_time(c, text, now, at))
        return KP_DONE;
    return kp_complain(c, KP_MISUSE,
                       "--%s: '%s' is no time such as -2h, 14:30 or 2026-11-24T08:00:00Z", flag,
                       text);
}

static int read_range(struct kp_cli *c, int64_t *from, int64_t *to)
{
    int64_t now = kp_utc(&kp_clock_system);
    if (read_flag(c, "from", "-24h", now, from) || read_flag(c, "to", "now", now, to))
        return KP_MISUSE;
    return *from < *to ? KP_DONE : kp_complain(c, KP_MISUSE, "--from is not before --to");
}

static void add_range(struct kp_buf *url, int64_t from, int64_t to)
{
    char text[KP_TIME_TEXT];
    kp_time_print(from, text);
    kp_url_add(url, "from", text);
    kp_time_print(to, text);
    kp_url_add(url, "to", text);
}

/* ---- sums ---- */

static int sum(struct kp_cli *c)
{
    static const char *const passed[] = { "every", "by", "attribute" };
    struct kp_err err = { 0 };
    struct kp_buf url;
    int64_t from, to;
    if (!c->argc)
        return kp_complain(c, KP_MISUSE,
                           "--sum: of what? give the path of an asset, or a pattern such as '**'");
    if (read_range(c, &from, &to))
        return KP_MISUSE;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/intervals/sum");
    for (int i = 0; i < c->argc; i++)
        kp_url_add(&url, "asset", c->argv[i]);
    kp_url_add(&url, "kind", kp_flag(c, "kind") ? kp_flag(c, "kind") : "state");
    add_range(&url, from, to);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        if (kp_flag(c, passed[i]))
            kp_url_add(&url, passed[i], kp_flag(c, passed[i]));
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    if (err.code)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        kp_interval_sum_print(c, j);
    json_decref(j);
    return KP_DONE;
}

/* ---- the list ---- */

static void attributes_text(const json_t *attributes, char *out, size_t size)
{
    const char *key;
    json_t *v;
    size_t n = 0;
    out[0] = 0;
    json_object_foreach((json_t *)(uintptr_t)attributes, key, v)
    {
        char value[256];
        kp_value_text(v, NULL, value, sizeof value);
        if (n < size)
            n += (size_t)snprintf(out + n, size - n, "%s%s=%s", n ? " " : "", key, value);
    }
    kp_utf8_trim(out);
}

static void print_row(struct kp_cli *c, struct kp_table *t, const json_t *v)
{
    char id[24], start[64] = "", end[64] = "open", lasted[64], what[1024];
    int64_t from = 0, to = kp_utc(&kp_clock_system);
    if (kp_time_parse(kp_text(v, "start"), &from))
        kp_local_time(from, kp_flag(c, "utc"), start, sizeof start);
    if (kp_time_parse(kp_text(v, "end"), &to))
        kp_local_time(to, kp_flag(c, "utc"), end, sizeof end);
    snprintf(id, sizeof id, "%lld", (long long)kp_integer(v, "id"));
    uint64_t ns = to > from ? (uint64_t)to - (uint64_t)from : 0;
    kp_duration_print(ns < INT64_MAX ? (int64_t)ns : INT64_MAX, lasted, sizeof lasted);
    attributes_text(json_object_get(v, "attributes"), what, sizeof what);
    const char *cells[] = { id, start, end, lasted, kp_text(v, "path"), kp_text(v, "kind"), what };
    kp_table_row(t, sizeof cells / sizeof *cells, cells);
}

static void print_csv(const json_t *v)
{
    char *attributes = json_dumps(json_object_get(v, "attributes"), JSON_COMPACT);
    printf("%lld,", (long long)kp_integer(v, "id"));
    kp_csv_text(kp_text(v, "path"));
    printf(",%s,%s,%s,%s,", kp_text(v, "kind"), kp_text(v, "start"), kp_text(v, "end"),
           kp_text(v, "label"));
    kp_csv_text(attributes ? attributes : "");
    printf("\n");
    free(attributes);
}

static void print_list(struct kp_cli *c, const json_t *intervals)
{
    static const char *const head[] = { "number", "start", "end",       "lasted",
                                        "asset",  "kind",  "attributes" };
    struct kp_table t = { 0 };
    json_t *v;
    size_t i;
    if (kp_flag(c, "csv"))
        printf("number,asset,kind,start,end,label,attributes\n");
    json_array_foreach(intervals, i, v)
    {
        if (kp_flag(c, "csv"))
            print_csv(v);
        else
            print_row(c, &t, v);
    }
    if (!i && !kp_flag(c, "csv"))
        printf("no intervals in this time\n");
    kp_table_print(c, &t, head, "rllrlll");
}

/* Those of one asset, or of all. False on failure. */
static bool fetch(struct kp_cli *c, const char *path, int64_t from, int64_t to, json_t *all,
                  struct kp_err *err)
{
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/intervals?limit=10000");
    if (path)
        kp_url_add(&url, "path", path);
    if (kp_flag(c, "kind"))
        kp_url_add(&url, "kind", kp_flag(c, "kind"));
    add_range(&url, from, to);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    json_array_extend(json_object_get(all, "intervals"), json_object_get(j, "intervals"));
    if (json_is_true(json_object_get(j, "more"))) {
        json_object_set_new(all, "more", json_true());
        fprintf(stderr, "koppel: intervals: %s has more than 10000; ask for less time\n",
                path ? path : "the node");
    }
    json_decref(j);
    return !err->code;
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    int64_t from, to;
    if (read_range(c, &from, &to))
        return KP_MISUSE;
    json_t *all = json_pack("{s:[], s:b}", "intervals", "more", 0);
    for (int i = 0; i < (c->argc ? c->argc : 1); i++)
        if (!fetch(c, c->argc ? c->argv[i] : NULL, from, to, all, &err))
            break;
    if (!err.code && c->json)
        kp_print_json(all);
    else if (!err.code)
        print_list(c, json_object_get(all, "intervals"));
    json_decref(all);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

/* ---- changes ---- */

/* What reads as a number, true or false is one; the rest is text. */
static int add_attributes(struct kp_cli *c, json_t *attributes)
{
    size_t i = 0;
    for (const char *f; (f = kp_flag_next(c, "set", &i));) {
        const char *equals = strchr(f, '=');
        char key[KP_NAME_MAX];
        if (!equals || equals == f)
            return kp_complain(c, KP_MISUSE, "--set takes NAME=VALUE, not '%s'", f);
        snprintf(key, sizeof key, "%.*s", (int)(equals - f), f);
        json_t *v = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
        if (!json_is_number(v) && !json_is_boolean(v)) {
            json_decref(v);
            v = json_string(equals + 1);
        }
        json_object_set_new(attributes, key, v);
    }
    return KP_DONE;
}

static void set_time(json_t *body, const char *key, int64_t at)
{
    char text[KP_TIME_TEXT];
    kp_time_print(at, text);
    json_object_set_new(body, key, json_string(text));
}

static int send(struct kp_cli *c, const char *method, const char *number, json_t *body,
                const char *done)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_at(c, method, "intervals", number, NULL, body, &err);
    if (err.code)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else if (number)
        printf("interval %s %s\n", number, done);
    else
        printf("interval %lld %s\n", (long long)kp_integer(j, "id"), done);
    json_decref(j);
    return KP_DONE;
}

static int add(struct kp_cli *c)
{
    int64_t now = kp_utc(&kp_clock_system), start = 0, end = KP_FOREVER;
    if (c->argc != 1 || !kp_flag(c, "kind"))
        return kp_complain(c, KP_MISUSE, "--add takes the path of one asset and --kind");
    if (read_flag(c, "from", "now", now, &start) || read_flag(c, "to", NULL, now, &end))
        return KP_MISUSE;
    json_t *body =
        json_pack("{s:s, s:s, s:{}}", "path", c->argv[0], "kind", kp_flag(c, "kind"), "attributes");
    set_time(body, "start", start);
    if (end != KP_FOREVER)
        set_time(body, "end", end);
    if (kp_flag(c, "label"))
        json_object_set_new(body, "label", json_string(kp_flag(c, "label")));
    if (add_attributes(c, json_object_get(body, "attributes"))) {
        json_decref(body);
        return KP_MISUSE;
    }
    return send(c, "POST", NULL, body, end == KP_FOREVER ? "is open" : "made");
}

static int close_one(struct kp_cli *c)
{
    int64_t end = 0;
    if (read_flag(c, "to", "now", kp_utc(&kp_clock_system), &end))
        return KP_MISUSE;
    json_t *body = json_object();
    set_time(body, "end", end);
    return send(c, "PATCH", kp_flag(c, "close"), body, "closed");
}

int kp_verb_intervals(struct kp_cli *c)
{
    bool changes = kp_flag(c, "close") || kp_flag(c, "remove");
    if (changes && (c->argc || kp_flag(c, "add") || (kp_flag(c, "close") && kp_flag(c, "remove"))))
        return kp_complain(c, KP_MISUSE,
                           "--close and --remove take the number of one interval and nothing else");
    if (kp_flag(c, "remove"))
        return send(c, "DELETE", kp_flag(c, "remove"), NULL, "removed");
    if (kp_flag(c, "close"))
        return close_one(c);
    if (kp_flag(c, "add"))
        return add(c);
    static const char *const of_sums[] = { "sum", "every", "by", "attribute", "plot" };
    for (size_t i = 0; i < sizeof of_sums / sizeof *of_sums; i++)
        if (kp_flag(c, of_sums[i]))
            return sum(c);
    return list(c);
}
