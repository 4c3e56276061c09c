/* SPDX-License-Identifier: Apache-2.0 */
/* alarms: what is wrong, who has seen to it, and what counts as wrong. */
#include "cli/client.h"

#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 4096 };

/* ---- the list ---- */
static void local_time(const json_t *o, const char *key, char *out, size_t size)
{
    int64_t at;
    snprintf(out, size, "-");
    if (kp_time_parse(kp_text(o, key), &at))
        kp_local_time(at, false, out, size);
}

static void print_alarms(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "number", "since", "until", "priority",
                                        "state",  "where", "what",  "times" };
    const json_t *counts = json_object_get(j, "counts");
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "alarms"), i, one)
    {
        char id[24], since[64], until[64], times[24], where[KP_PATH_MAX + 8];
        snprintf(id, sizeof id, "%lld", (long long)kp_integer(one, "id"));
        snprintf(times, sizeof times, "%lld", (long long)kp_integer(one, "count"));
        local_time(one, "since", since, sizeof since);
        local_time(one, "until", until, sizeof until);
        bool follows = !json_is_true(json_object_get(one, "firstOut"));
        snprintf(where, sizeof where, "%s%s", follows ? "+ " : "",
                 *kp_text(one, "asset") ? kp_text(one, "asset") : "(the node)");
        kp_table_row(&t, 8,
                     (const char *[]){ id, since, until, kp_text(one, "priority"),
                                       kp_text(one, "state"), where, kp_text(one, "text"), times });
    }
    if (i)
        kp_table_print(c, &t, head, "rllllllr");
    printf("%lld active, %lld not acknowledged, %lld shelved%s\n",
           (long long)kp_integer(counts, "active"), (long long)kp_integer(counts, "unacknowledged"),
           (long long)kp_integer(counts, "shelved"),
           json_is_true(json_object_get(j, "more")) ? "; --limit shows more" : "");
}

static int show(struct kp_cli *c, json_t *j, const struct kp_err *err,
                void (*print)(const struct kp_cli *, const json_t *))
{
    if (!j)
        return kp_fault(c, err);
    if (c->json)
        kp_print_json(j);
    else if (print)
        print(c, j);
    json_decref(j);
    return KP_DONE;
}

static int list(struct kp_cli *c, const char *asset)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/alarms");
    static const char *const flags[] = { "state", "limit", "from", "to" };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (kp_flag(c, flags[i]))
            kp_url_add(&url, flags[i], kp_flag(c, flags[i]));
    if (asset)
        kp_url_add(&url, "asset", asset);
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    return show(c, j, &err, print_alarms);
}

/* ---- one alarm ---- */
static void print_one(const struct kp_cli *c, const json_t *j)
{
    (void)c;
    printf("%lld is %s: %s\n", (long long)kp_integer(j, "id"), kp_text(j, "state"),
           kp_text(j, "text"));
}

static int act(struct kp_cli *c, const char *what, const char *id, json_t *body)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_at(c, "POST", "alarms", id, what, body, &err);
    return show(c, j, &err, print_one);
}

static int shelve(struct kp_cli *c, const char *id)
{
    const char *reason = kp_flag(c, "reason");
    if (!kp_flag(c, "for"))
        return kp_complain(c, KP_MISUSE, "for how long? --for 8h");
    return act(c, "shelve", id,
               json_pack("{s:s, s:s}", "for", kp_flag(c, "for"), "reason", reason ? reason : "-"));
}

/* ---- rules ---- */
static void print_rules(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "name",    "kind",     "for",  "limits",
                                        "lasting", "priority", "state" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "rules"), i, one)
    {
        char limits[80] = "", low[40] = "", high[40] = "";
        if (json_is_number(json_object_get(one, "low")))
            snprintf(low, sizeof low, "below %.10g", kp_number(one, "low"));
        if (json_is_number(json_object_get(one, "high")))
            snprintf(high, sizeof high, "%sabove %.10g", *low ? ", " : "", kp_number(one, "high"));
        snprintf(limits, sizeof limits, "%s%s", low, high);
        bool on = json_is_true(json_object_get(one, "enabled")),
             out = json_is_true(json_object_get(one, "outOfService"));
        kp_table_row(&t, 7,
                     (const char *[]){ kp_text(one, "name"), kp_text(one, "kind"),
                                       kp_text(one, "match"), limits, kp_text(one, "delay"),
                                       kp_text(one, "priority"),
                                       !on   ? "off"
                                       : out ? "out of service"
                                             : "on" });
    }
    kp_table_print(c, &t, head, "lllllll");
}

/* "high=80" as a member: numbers and truths as such, nothing behind = as null. */
static bool put_setting(json_t *body, const char *text)
{
    const char *value = strchr(text, '=');
    char key[40], *end;
    if (!value || value == text || (size_t)(value - text) >= sizeof key)
        return false;
    snprintf(key, sizeof key, "%.*s", (int)(value++ - text), text);
    bool truth = strcmp(key, "enabled") == 0 || strcmp(key, "outOfService") == 0;
    bool number =
        strcmp(key, "high") == 0 || strcmp(key, "low") == 0 || strcmp(key, "hysteresis") == 0;
    double d = strtod(value, &end);
    json_t *v = !*value ? json_null()
                : truth ? json_boolean(strcmp(value, "true") == 0 || strcmp(value, "on") == 0)
                : number && !*end ? json_real(d)
                                  : json_string(value);
    return json_object_set_new(body, key, v) == 0;
}

static void print_rule(const struct kp_cli *c, const json_t *j)
{
    char *text = json_dumps(j, JSON_INDENT(1));
    (void)c;
    printf("%s\n", text ? text : "");
    free(text);
}

static int rule(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    size_t i = 0;
    const char *setting;
    json_t *body = json_object(), *j;
    while ((setting = kp_flag_next(c, "set", &i)))
        if (!put_setting(body, setting)) {
            json_decref(body);
            return kp_complain(c, KP_MISUSE, "--set: '%s' is not KEY=VALUE", setting);
        }
    if (kp_flag(c, "new"))
        json_object_set_new(body, "name", json_string(name));
    if (kp_flag(c, "remove") || (!json_object_size(body) && !kp_flag(c, "new"))) {
        json_decref(body);
        body = NULL;
    }
    j = kp_client_at(c,
                     kp_flag(c, "remove") ? "DELETE"
                     : kp_flag(c, "new")  ? "POST"
                     : body               ? "PATCH"
                                          : "GET",
                     "alarm-rules", kp_flag(c, "new") ? NULL : name, NULL, body, &err);
    return show(c, j, &err, kp_flag(c, "remove") ? NULL : print_rule);
}

static int rules(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/alarm-rules", &err);
    return show(c, j, &err, print_rules);
}

/* ---- delivery ---- */
static void print_log(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "alarm", "to", "due", "state", "tries", "why" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "messages"), i, one)
    {
        char alarm[24], tries[24], due[64];
        snprintf(alarm, sizeof alarm, "%lld", (long long)kp_integer(one, "alarm"));
        snprintf(tries, sizeof tries, "%lld", (long long)kp_integer(one, "tries"));
        local_time(one, "due", due, sizeof due);
        kp_table_row(&t, 6,
                     (const char *[]){ alarm, kp_text(one, "person"), due, kp_text(one, "state"),
                                       tries, kp_text(one, "error") });
    }
    kp_table_print(c, &t, head, "rlllrl");
}

static int delivery(struct kp_cli *c, const char *file)
{
    struct kp_err err = { 0 };
    if (file && strcmp(file, "log") == 0)
        return show(c, kp_client_get(c, "/api/v1/alarm-delivery/log", &err), &err, print_log);
    json_t *body = file ? kp_read_json(file, &err) : NULL;
    if (err.code)
        return kp_fault(c, &err);
    json_t *j = kp_client_send(c, body ? "PUT" : "GET", "/api/v1/alarm-delivery", body, &err);
    return show(c, j, &err, print_rule);
}

static int test_channel(struct kp_cli *c, const char *channel)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_send(c, "POST", "/api/v1/alarm-delivery/test",
                               json_pack("{s:s}", "channel", channel), &err);
    if (!j)
        return kp_fault(c, &err);
    json_decref(j);
    printf("a message is on its way through '%s'\n", channel);
    return KP_DONE;
}

int kp_verb_alarms(struct kp_cli *c)
{
    static const char *const actions[][2] = { { "ack", "acknowledge" },
                                              { "unshelve", "unshelve" },
                                              { "suppress", "suppress" },
                                              { "unsuppress", "unsuppress" } };
    const char *word = c->argc ? c->argv[0] : "list", *what = c->argc > 1 ? c->argv[1] : NULL;
    if (strcmp(word, "list") == 0)
        return list(c, what);
    if (strcmp(word, "rules") == 0 && !what)
        return rules(c);
    if (strcmp(word, "delivery") == 0)
        return delivery(c, what);
    if (!what)
        return kp_complain(
            c, KP_MISUSE,
            "it takes: list, ack, shelve, unshelve, suppress, unsuppress NUMBER, rules, rule NAME, "
            "delivery [FILE | log], test CHANNEL");
    if (strcmp(word, "rule") == 0)
        return rule(c, what);
    if (strcmp(word, "test") == 0)
        return test_channel(c, what);
    if (strcmp(word, "shelve") == 0)
        return shelve(c, what);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i][0], word) == 0)
            return act(c, actions[i][1], what,
                       i ? NULL : json_pack("{s:s*}", "comment", kp_flag(c, "comment")));
    return kp_complain(c, KP_MISUSE, "there is no 'alarms %s'", word);
}
