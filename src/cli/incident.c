/* SPDX-License-Identifier: Apache-2.0 */
/* incident: records of what happened, and what has to be reported by when. */
#include "cli/client.h"

#include "core/clock.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 2000, TIME = 40 };

/* ---- showing ---- */
static const char *local(const json_t *o, const char *key, char out[TIME])
{
    int64_t at;
    snprintf(out, TIME, "-");
    if (kp_time_parse(kp_text(o, key), &at))
        kp_local_time(at, false, out, TIME);
    return out;
}

static void print_list(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "number", "status", "severity", "noticed", "next", "due", "title" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "incidents"), i, one)
    {
        const json_t *next = json_object_get(one, "next");
        char number[24], noticed[TIME], due[TIME], state[60];
        snprintf(number, sizeof number, "%" PRId64, kp_integer(one, "id"));
        snprintf(state, sizeof state, "%.40s%s%.12s", kp_or_dash(kp_text(next, "stage")), *kp_text(next, "state") ? " " : "",
                 kp_text(next, "state"));
        kp_table_row(&t, 7,
                     (const char *[]){ number, kp_text(one, "status"), kp_text(one, "severity"),
                                       local(one, "aware", noticed), state, local(next, "due", due),
                                       kp_text(one, "title") });
    }
    if (i)
        kp_table_print(c, &t, head, "rllllll");
    else
        printf("none%s\n", kp_flag(c, "all") ? "" : " that is not closed; --all shows those, too");
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    return kp_client_list(
        c, kp_client_get(c, kp_flag(c, "all") ? "/api/v1/incidents?all=true" : "/api/v1/incidents", &err),
        print_list, &err);
}

static void print_clock(const json_t *k)
{
    char due[TIME], sent[TIME];
    bool done = *kp_text(k, "sent");
    printf("  %-17s %-8s %s%s%s%s%s\n", kp_text(k, "stage"), kp_text(k, "state"),
           done                 ? "sent "
           : *kp_text(k, "due") ? "due "
                                : kp_text(k, "why"),
           done ? local(k, "sent", sent) : *kp_text(k, "due") ? local(k, "due", due) : "",
           json_is_true(json_object_get(k, "late")) ? ", late" : "", *kp_text(k, "reference") ? ", " : "",
           kp_text(k, "reference"));
}

static void print_one(const json_t *j)
{
    static const char *const texts[] = { "what",  "impact",     "cause",   "measures",
                                         "states", "indicators", "contact", NULL };
    char aware[TIME], began[TIME], at[TIME];
    json_t *one;
    size_t i;
    printf("incident %" PRId64 ": %s\n%s, %s, %s; noticed %s, began %s\n", kp_integer(j, "id"),
           kp_text(j, "title"), kp_text(j, "status"), kp_text(j, "severity"), kp_text(j, "category"),
           local(j, "aware", aware), local(j, "began", began));
    printf("significant: %s; own product: %s; malicious: %s; other countries: %s\n", kp_text(j, "significant"),
           kp_text(j, "product"), kp_text(j, "malicious"), kp_text(j, "crossBorder"));
    for (i = 0; texts[i]; i++)
        if (*kp_text(j, texts[i]))
            printf("\n%s\n  %s\n", texts[i], kp_text(j, texts[i]));
    printf("\nclocks\n");
    json_array_foreach(json_object_get(j, "clocks"), i, one) print_clock(one);
    if (*kp_text(j, "voluntary"))
        printf("  %s\n", kp_text(j, "voluntary"));
    json_array_foreach(json_object_get(j, "devices"), i, one)
        printf("%s  %s: %s %s, firmware %s\n", i ? "" : "\ndevices\n", kp_text(one, "name"),
               kp_text(one, "manufacturer"), kp_text(one, "product"), kp_or_dash(kp_text(one, "firmware")));
    json_array_foreach(json_object_get(j, "alarms"), i, one)
        printf("%s  %" PRId64 "  %s  %s\n", i ? "" : "\nalarms\n", kp_integer(one, "id"),
               local(one, "since", at), kp_text(one, "text"));
    json_array_foreach(json_object_get(j, "log"), i, one)
        printf("%s  %s  %s, %s: %s\n", i ? "" : "\nlog\n", local(one, "at", at), kp_text(one, "who"),
               kp_text(one, "kind"), kp_text(one, "text"));
}

static int show(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    return kp_client_show(c, kp_client_at(c, "GET", "incidents", c->argv[1], NULL, NULL, &err), print_one, &err);
}

/* ---- changing ---- */
static void print_id(const json_t *j)
{
    printf("incident %" PRId64 "\n", kp_integer(j, "id"));
}

/* What people type as a time, as RFC 3339. */
static json_t *time_of(struct kp_cli *c, const char *what, const char *text, struct kp_err *err)
{
    char out[KP_TIME_TEXT];
    int64_t at;
    if (!kp_read_time(c, text, kp_utc(&kp_clock_system), &at)) {
        kp_fail(err, KP_EINVALID, "%s: '%.60s' is not a time such as -2h, 14:30 or 2026-11-24", what, text);
        return NULL;
    }
    kp_time_print(at, out);
    return json_string(out);
}

static json_t *numbers_of(struct kp_cli *c, const char *flag, struct kp_err *err)
{
    json_t *list = json_array();
    size_t k = 0;
    for (const char *one; (one = kp_flag_next(c, flag, &k));) {
        if (!*one || one[strspn(one, "0123456789")])
            kp_fail(err, KP_EINVALID, "--%s: '%.40s' is not a number", flag, one);
        json_array_append_new(list, json_integer(strtoll(one, NULL, 10)));
    }
    return list;
}

/* A list for PATCH stays as it is when none is named. */
static void put_numbers(struct kp_cli *c, json_t *body, const char *flag, const char *key, struct kp_err *err)
{
    if (kp_flag(c, flag))
        json_object_set_new(body, key, numbers_of(c, flag, err));
}

static bool is_time(const char *key)
{
    return strcmp(key, "aware") == 0 || strcmp(key, "began") == 0 || strcmp(key, "fixed") == 0;
}

static void put_pair(struct kp_cli *c, json_t *body, const char *pair, struct kp_err *err)
{
    const char *equal = strchr(pair, '=');
    char key[40];
    if (!equal || equal == pair || equal - pair >= (ptrdiff_t)sizeof key) {
        kp_fail(err, KP_EINVALID, "'%.80s' is not like KEY=VALUE", pair);
        return;
    }
    snprintf(key, sizeof key, "%.*s", (int)(equal - pair), pair);
    json_t *v = !equal[1]    ? json_null()
                : is_time(key) ? time_of(c, key, equal + 1, err)
                               : json_string(equal + 1);
    if (v)
        json_object_set_new(body, key, v);
}

static int send(struct kp_cli *c, const char *method, const char *name, const char *act, json_t *body,
                struct kp_err *err)
{
    if (err->code) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "%s", err->text);
    }
    return kp_client_show(c, kp_client_at(c, method, "incidents", name, act, body, err), print_id, err);
}

static int new(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = json_object();
    for (int i = 1; i < c->argc; i++)
        if (i == 1 && !strchr(c->argv[i], '='))
            json_object_set_new(body, "title", json_string(c->argv[i]));
        else
            put_pair(c, body, c->argv[i], &err);
    put_numbers(c, body, "alarm", "alarms", &err);
    put_numbers(c, body, "device", "devices", &err);
    return send(c, "POST", NULL, NULL, body, &err);
}

static int set(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = json_object();
    for (int i = 2; i < c->argc; i++)
        put_pair(c, body, c->argv[i], &err);
    put_numbers(c, body, "alarm", "alarms", &err);
    put_numbers(c, body, "device", "devices", &err);
    return send(c, "PATCH", c->argv[1], NULL, body, &err);
}

static void print_noted(const json_t *j)
{
    printf("noted, and it stays (%" PRId64 ")\n", kp_integer(j, "id"));
}

static int note(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc != 3)
        return kp_complain(c, KP_MISUSE, "note N TEXT: what was done?");
    json_t *body = json_pack("{s:s}", "text", c->argv[2]),
           *at = kp_flag(c, "at") ? time_of(c, "--at", kp_flag(c, "at"), &err) : NULL;
    if (at)
        json_object_set_new(body, "at", at);
    if (err.code) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "%s", err.text);
    }
    return kp_client_show(c, kp_client_at(c, "POST", "incidents", c->argv[1], "notes", body, &err), print_noted,
                          &err);
}

static int close_one(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    return send(c, "PATCH", c->argv[1], NULL, json_pack("{s:s}", "status", "closed"), &err);
}

/* ---- what is reported ---- */
static void put_path(struct kp_buf *url, const char *number, const char *stage)
{
    kp_buf_init(url, URL);
    kp_buf_str(url, "/api/v1/incidents");
    kp_url_segment(url, number);
    if (stage) {
        kp_buf_str(url, "/stages");
        kp_url_segment(url, stage);
    }
}

static int sent(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    if (c->argc != 3)
        return kp_complain(c, KP_MISUSE, "sent N STAGE: which report, such as nis2-warning?");
    json_t *body = json_object(), *at = time_of(c, "--at", kp_flag(c, "at") ? kp_flag(c, "at") : "now", &err);
    if (at)
        json_object_set_new(body, "sent", at);
    if (kp_flag(c, "reference"))
        json_object_set_new(body, "reference", json_string(kp_flag(c, "reference")));
    if (err.code) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "%s", err.text);
    }
    put_path(&url, c->argv[1], c->argv[2]);
    int code = kp_client_show(c, kp_client_send(c, "PUT", kp_buf_text(&url), body, &err), print_id, &err);
    kp_buf_free(&url);
    return code;
}

static int export(struct kp_cli *c)
{
    struct kp_buf url;
    put_path(&url, c->argv[1], c->argc > 2 ? c->argv[2] : NULL);
    kp_buf_str(&url, "/file");
    return kp_client_page(c, &url);
}

/* ---- who must report ---- */
static void print_scope(const json_t *j)
{
    const json_t *answers = json_object_get(j, "answers"), *v;
    json_t *one, *choice;
    size_t i, k;
    json_array_foreach(json_object_get(j, "questions"), i, one)
    {
        v = json_object_get(answers, kp_text(one, "key"));
        printf("%-9s %s\n          = %s\n", kp_text(one, "key"), kp_text(one, "text"),
               json_is_true(v)      ? "true"
               : json_is_boolean(v) ? "false"
               : json_is_string(v)  ? json_string_value(v)
                                    : "not answered");
        if (!v)
            json_array_foreach(json_object_get(one, "choices"), k, choice)
                printf("            %-24s %s\n", kp_text(choice, "key"), kp_text(choice, "text"));
    }
    json_array_foreach(json_object_get(j, "laws"), i, one)
        printf("%s%s: %s%s%s. %s\n", i ? "" : "\n", kp_text(one, "name"),
               json_is_true(json_object_get(one, "applies")) ? "yes" : "no", *kp_text(one, "as") ? ", as " : "",
               kp_text(one, "as"), kp_text(one, "why"));
    if (*kp_text(j, "voluntary"))
        printf("%s\n", kp_text(j, "voluntary"));
    printf("%s\n", kp_text(j, "notice"));
}

static int scope(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = json_object(), *old = kp_client_get(c, "/api/v1/incidents/scope", &err);
    if (old && json_is_object(json_object_get(old, "answers")))
        json_object_update(body, json_object_get(old, "answers"));
    for (int i = 1; i < c->argc && !err.code; i++)
        put_pair(c, body, c->argv[i], &err);
    if (c->argc > 1 && !err.code) {
        json_decref(old);
        old = kp_client_send(c, "PUT", "/api/v1/incidents/scope", body, &err);
    } else {
        json_decref(body);
    }
    if (err.code) {
        json_decref(old);
        old = NULL;
    }
    return kp_client_show(c, old, print_scope, &err);
}

int kp_verb_incident(struct kp_cli *c)
{
    static const struct {
        const char *name;
        int (*run)(struct kp_cli *);
        int least;
    } acts[] = { { "list", list, 1 },   { "new", new, 1 },          { "show", show, 2 },
                 { "set", set, 2 },     { "note", note, 2 },        { "close", close_one, 2 },
                 { "sent", sent, 2 },   { "export", export, 2 },    { "scope", scope, 1 } };
    const char *act = c->argc ? c->argv[0] : "list";
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (strcmp(acts[i].name, act) != 0)
            continue;
        if (c->argc && c->argc < acts[i].least)
            return kp_complain(c, KP_MISUSE, "%s which incident? koppel incident list shows their numbers", act);
        return acts[i].run(c);
    }
    return kp_complain(c, KP_MISUSE, "it takes: list, new, show, set, note, close, sent, export or scope");
}
