/* SPDX-License-Identifier: Apache-2.0 */
/* retain, usage: how long history is kept, and what takes the room. */
#include "cli/client.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 1024, RULE_MEMBERS = 3 };
static const char *const rule_flags[RULE_MEMBERS] = { "for", "rollups", "size" };
static const char *const rule_keys[RULE_MEMBERS] = { "points", "rollups", "size" };
static const char *const node_keys[] = { "removed", "intervals", "disk" };
enum { NODE_KEYS = sizeof node_keys / sizeof *node_keys };

/* ---- showing ---- */

static const char *size_text(const json_t *object, const char *key, char *out, size_t size)
{
    kp_size_print(kp_integer(object, key), out, size);
    return out;
}

static const char *or_ever(const char *text)
{
    return *text ? text : "ever";
}

static const char *day_of(const json_t *object, const char *key, char *out, size_t size)
{
    int64_t at;
    out[0] = 0;
    if (kp_time_parse(kp_text(object, key), &at))
        kp_local_time(at, false, out, size);
    return out;
}

static void add_row(struct kp_table *t, const char *pattern, const json_t *rule, bool ages)
{
    char stored[40], oldest[64], frees[40], points[32];
    snprintf(points, sizeof points, "%lld", (long long)kp_integer(rule, "signals"));
    const json_t *f = json_object_get(rule, "frees");
    const char *cells[] = { pattern,
                            ages ? or_ever(kp_text(rule, "points")) : "ever",
                            ages ? or_ever(kp_text(rule, "rollups")) : "ever",
                            ages ? kp_text(rule, "size") : "",
                            points,
                            size_text(rule, "storedBytes", stored, sizeof stored),
                            day_of(rule, "oldest", oldest, sizeof oldest),
                            size_text(f, "bytes", frees, sizeof frees) };
    kp_table_row(t, 8, cells);
}

static void print_forecast(const json_t *f)
{
    char used[40], room[40], growth[40];
    int64_t day = kp_integer(f, "bytesPerDay");
    kp_size_print(day < 0 ? -day : day, growth, sizeof growth);
    printf("%s used, %s to go, %s%s a day; %s\n", size_text(f, "usedBytes", used, sizeof used),
           size_text(f, "roomBytes", room, sizeof room), day < 0 ? "-" : "", growth, kp_text(f, "text"));
}

static void print_retention(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "pattern", "points", "rollups", "size", "signals", "stored", "oldest",
                                        "next round frees" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach (json_object_get(j, "rules"), i, one)
        add_row(&t, kp_text(one, "pattern"), one, true);
    const json_t *others = json_object_get(j, "withoutRule"), *removed = json_object_get(j, "removedSignals");
    if (kp_integer(others, "signals") || !t.n)
        add_row(&t, t.n ? "(the others)" : "(all)", others, false);
    if (kp_integer(removed, "signals"))
        add_row(&t, "(removed signals)", removed, false);
    kp_table_print(c, &t, head, "lrrrrrlr");
    if (*kp_text(j, "removed"))
        printf("points of signals no longer in the model are kept for %s\n", kp_text(j, "removed"));
    if (*kp_text(j, "intervals"))
        printf("closed intervals are kept for %s\n", kp_text(j, "intervals"));
    if (*kp_text(j, "disk"))
        printf("the file may use %s; when it is full the oldest points go\n", kp_text(j, "disk"));
    print_forecast(json_object_get(j, "forecast"));
}

/* ---- changing ---- */

/* The rules as they are, in the form in which they are sent. */
static json_t *as_sent(const json_t *now)
{
    json_t *body = json_object(), *rules = json_array(), *one;
    size_t i;
    json_array_foreach (json_object_get(now, "rules"), i, one) {
        json_t *rule = json_object();
        json_object_set(rule, "pattern", json_object_get(one, "pattern"));
        for (int k = 0; k < RULE_MEMBERS; k++)
            json_object_set(rule, rule_keys[k], json_object_get(one, rule_keys[k]));
        json_array_append_new(rules, rule);
    }
    json_object_set_new(body, "rules", rules);
    for (int k = 0; k < NODE_KEYS; k++)
        json_object_set(body, node_keys[k], json_object_get(now, node_keys[k]));
    return body;
}

static size_t find_rule(const json_t *rules, const char *pattern)
{
    size_t i;
    json_t *one;
    json_array_foreach (rules, i, one)
        if (strcmp(kp_text(one, "pattern"), pattern) == 0)
            break;
    return i;
}

static json_t *amount(const char *text)
{
    return strcmp(text, "ever") == 0 || strcmp(text, "none") == 0 ? json_null() : json_string(text);
}

static int change_rule(struct kp_cli *c, json_t *rules, const char *pattern)
{
    size_t i = find_rule(rules, pattern);
    if (kp_flag(c, "drop")) {
        if (i == json_array_size(rules))
            return kp_complain(c, KP_FAILED, "there is no rule '%s'", pattern);
        json_array_remove(rules, i);
        return KP_DONE;
    }
    json_t *rule = i < json_array_size(rules) ? json_incref(json_array_get(rules, i)) : json_pack("{s:s}", "pattern", pattern);
    for (int k = 0; k < RULE_MEMBERS; k++)
        if (kp_flag(c, rule_flags[k]))
            json_object_set_new(rule, rule_keys[k], amount(kp_flag(c, rule_flags[k])));
    bool first = kp_flag(c, "first"), is_new = i == json_array_size(rules);
    if (first && !is_new)
        json_array_remove(rules, i);
    if (first)
        json_array_insert(rules, 0, rule);
    else if (is_new)
        json_array_append(rules, rule);
    json_decref(rule);
    return KP_DONE;
}

/* What goes with the next round, of all rules. */
static int64_t frees(const json_t *j, const char *what)
{
    size_t i;
    json_t *one;
    int64_t n = kp_integer(json_object_get(json_object_get(j, "removedSignals"), "frees"), what);
    json_array_foreach (json_object_get(j, "rules"), i, one)
        n += kp_integer(json_object_get(one, "frees"), what);
    return n;
}

static bool confirmed(struct kp_cli *c, const json_t *plan)
{
    char bytes[40], question[160];
    if (!frees(plan, "points") && !frees(plan, "rollups"))
        return true;
    kp_size_print(frees(plan, "bytes"), bytes, sizeof bytes);
    snprintf(question, sizeof question, "this deletes %lld points (%s) and %lld rollups for good; do it?",
             (long long)frees(plan, "points"), bytes, (long long)frees(plan, "rollups"));
    return kp_confirm(c, question);
}

static int change(struct kp_cli *c, json_t *body)
{
    struct kp_err err = { 0 };
    json_t *plan = kp_client_send(c, "PUT", "/api/v1/retention?dryRun=1", json_incref(body), &err), *now = NULL;
    int code = KP_DONE;
    if (!err.code && !kp_flag(c, "dry-run")) {
        if (!confirmed(c, plan))
            code = kp_complain(c, KP_FAILED, "nothing is changed; --yes says so beforehand");
        else
            now = kp_client_send(c, "PUT", "/api/v1/retention", json_incref(body), &err);
    }
    if (!err.code && code == KP_DONE) {
        if (c->json)
            kp_print_json(now ? now : plan);
        else
            print_retention(c, now ? now : plan);
    }
    json_decref(plan);
    json_decref(now);
    return err.code ? kp_fault(c, &err) : code;
}

int kp_verb_retain(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    bool node = false, rule = kp_flag(c, "drop") || kp_flag(c, "first");
    for (int k = 0; k < NODE_KEYS; k++)
        node |= kp_flag(c, node_keys[k]) != NULL;
    for (int k = 0; k < RULE_MEMBERS; k++)
        rule |= kp_flag(c, rule_flags[k]) != NULL;
    if (rule != (c->argc == 1))
        return kp_complain(c, KP_MISUSE, rule ? "of which signals? give a pattern such as '**/vibration'"
                                              : "how long? use --for 90d, --size 20GB or --drop");
    json_t *now = kp_client_get(c, "/api/v1/retention", &err);
    if (err.code)
        return kp_fault(c, &err);
    int code = KP_DONE;
    if (!node && !rule) {
        if (c->json)
            kp_print_json(now);
        else
            print_retention(c, now);
    } else {
        json_t *body = as_sent(now);
        for (int k = 0; k < NODE_KEYS; k++)
            if (kp_flag(c, node_keys[k]))
                json_object_set_new(body, node_keys[k], amount(kp_flag(c, node_keys[k])));
        if (rule)
            code = change_rule(c, json_object_get(body, "rules"), c->argv[0]);
        if (code == KP_DONE)
            code = change(c, body);
        json_decref(body);
    }
    json_decref(now);
    return code;
}

/* ---- usage ---- */

static void print_usage(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "signal", "points", "stored", "bytes/point", "oldest", "newest" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach (json_object_get(j, "largest"), i, one) {
        char points[32], bytes[40], each[32], from[64], to[64];
        snprintf(points, sizeof points, "%lld", (long long)kp_integer(one, "points"));
        snprintf(each, sizeof each, "%.2f", kp_number(one, "bytes") / kp_number(one, "points"));
        const char *path = kp_text(one, "path");
        const char *cells[] = { *path ? path : "(removed)",
                                points,
                                size_text(one, "bytes", bytes, sizeof bytes),
                                each,
                                day_of(one, "oldest", from, sizeof from),
                                day_of(one, "newest", to, sizeof to) };
        kp_table_row(&t, 6, cells);
    }
    if (!t.n)
        printf("no chunks yet: what came in the last minutes is in the journal\n");
    kp_table_print(c, &t, head, "lrrrll");
    char file[40], journal[40], chunks[40];
    printf("%lld points of %lld signals in %s of chunks; the file is %s, with %s of journal\n",
           (long long)kp_integer(j, "points"), (long long)kp_integer(j, "signals"),
           size_text(j, "bytes", chunks, sizeof chunks), size_text(j, "fileBytes", file, sizeof file),
           size_text(j, "journalBytes", journal, sizeof journal));
    print_forecast(json_object_get(j, "forecast"));
}

int kp_verb_usage(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/usage");
    if (c->argc)
        kp_url_add(&url, "match", c->argv[0]);
    if (kp_flag(c, "limit"))
        kp_url_add(&url, "limit", kp_flag(c, "limit"));
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    if (err.code)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        print_usage(c, j);
    json_decref(j);
    return KP_DONE;
}
