/* SPDX-License-Identifier: Apache-2.0 */
/* Tools: stops and key figures, advisories and the devices they are about, and who gets what. */
#include "web/mcp_call.h"

#include <string.h>

#include "core/ban.h"

static void say_seconds(struct kp_buf *out, double seconds)
{
    char text[40];
    kp_duration_print((int64_t)(seconds * (double)KP_SECOND), text, sizeof text);
    kp_buf_str(out, text);
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static void say_percent(struct kp_buf *out, const char *what, const json_t *share)
{
    kp_buf_printf(out, "%s ", what);
    if (json_is_number(share))
        kp_buf_printf(out, "%.1f %%", 100 * json_number_value(share));
    else
        kp_buf_str(out, "unknown");
}

static const char *word(const char *text, const char *other)
{
    return *text ? text : other;
}

/* ---- stops ---- */
static void say_stop(struct kp_buf *out, const json_t *s)
{
    kp_mcp_say(out, kp_mcp_member(s, "asset"));
    kp_buf_str(out, " from ");
    kp_mcp_say_time(out, json_object_get(s, "from"));
    kp_buf_str(out, " for ");
    say_seconds(out, number(s, "seconds"));
    kp_buf_str(out, ": ");
    kp_mcp_say(out, word(kp_mcp_member(s, "reason"), "not explained"));
    if (*kp_mcp_member(s, "comment")) {
        kp_buf_str(out, " - ");
        kp_mcp_say(out, kp_mcp_member(s, "comment"));
    }
    kp_buf_str(out, "\n");
}

static void put_reasons(struct kp_mcp_call *c, const json_t *list)
{
    static const char *const members[] = {
        "reason", "category", "seconds", "count", "share", NULL
    };
    size_t i;
    json_t *r;
    kp_json_key(&c->j, "reasons");
    kp_json_begin(&c->j, '[');
    json_array_foreach(list, i, r)
    {
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, r, members);
        kp_json_end(&c->j, '}');
        kp_mcp_say(c->say, word(kp_mcp_member(r, "reason"), "not explained"));
        kp_buf_printf(c->say, ": %lld times, ", (long long)number(r, "count"));
        say_seconds(c->say, number(r, "seconds"));
        kp_buf_str(c->say, "\n");
    }
    kp_json_end(&c->j, ']');
}

static json_t *ask_shop(struct kp_mcp_call *c, const char *what, const char *more,
                        struct kp_err *err)
{
    struct kp_buf target;
    kp_mcp_target(&target, what);
    kp_mcp_add_given(c, &target, "asset");
    kp_mcp_add_given(c, &target, "from");
    kp_mcp_add_given(c, &target, "to");
    kp_mcp_add_given(c, &target, more);
    if (strcmp(what, "stops") == 0)
        kp_mcp_add_int(&target, "limit", kp_mcp_count(c, "limit"));
    kp_mcp_say_zone(c->say, c->r->now);
    json_t *j = kp_mcp_ask(c, &target, err);
    int64_t making = j ? json_integer_value(json_object_get(j, "making")) : 0;
    if (making)
        kp_buf_printf(c->say,
                      "%lld days of machines are still being summed up and not in this: ask again "
                      "in a moment.\n",
                      (long long)making);
    if (j)
        kp_json_put_int(&c->j, "making", making);
    return j;
}

enum kp_code kp_mcp_stops(struct kp_mcp_call *c, struct kp_err *err)
{
    static const char *const members[] = { "id",    "asset",  "from",    "to", "seconds",
                                           "state", "reason", "comment", NULL };
    size_t i;
    json_t *s, *j = ask_shop(c, "stops", "reason", err);
    if (!j)
        return err->code;
    put_reasons(c, json_object_get(j, "reasons"));
    kp_json_key(&c->j, "stops");
    kp_json_begin(&c->j, '[');
    json_array_foreach(json_object_get(j, "stops"), i, s)
    {
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, s, members);
        kp_json_end(&c->j, '}');
        say_stop(c->say, s);
        c->rows++;
    }
    kp_json_end(&c->j, ']');
    kp_json_put_int(&c->j, "count", json_integer_value(json_object_get(j, "count")));
    kp_json_put_bool(&c->j, "more", json_is_true(json_object_get(j, "more")));
    if (!c->rows)
        kp_buf_str(c->say, "No stops in this time at machines that you may see.\n");
    json_decref(j);
    return KP_OK;
}

/* ---- key figures ---- */
static const char *const figures[] = {
    "from", "to", "shift", "oee",   "availability", "effectiveness", "quality", "pbt",
    "apt",  "pq", "gq",    "scrap", "states",       "energy",        NULL
};

static void say_figures(struct kp_buf *out, const json_t *step)
{
    kp_buf_str(out, "  ");
    kp_mcp_say_time(out, json_object_get(step, "from"));
    kp_buf_str(out, ": ");
    say_percent(out, "OEE", json_object_get(step, "oee"));
    say_percent(out, ", availability", json_object_get(step, "availability"));
    say_percent(out, ", effectiveness", json_object_get(step, "effectiveness"));
    say_percent(out, ", quality", json_object_get(step, "quality"));
    kp_buf_printf(out, ", %lld parts of which %lld good, planned ", (long long)number(step, "pq"),
                  (long long)number(step, "gq"));
    say_seconds(out, number(step, "pbt"));
    kp_buf_str(out, ", producing ");
    say_seconds(out, number(step, "apt"));
    kp_buf_str(out, "\n");
}

static void put_machine(struct kp_mcp_call *c, const json_t *machine)
{
    size_t i;
    json_t *step;
    kp_json_begin(&c->j, '{');
    kp_json_put_text(&c->j, "path", kp_mcp_member(machine, "path"));
    kp_json_key(&c->j, "steps");
    kp_json_begin(&c->j, '[');
    kp_mcp_say(c->say, kp_mcp_member(machine, "path"));
    kp_buf_str(c->say, ":\n");
    json_array_foreach(json_object_get(machine, "steps"), i, step)
    {
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, step, figures);
        kp_json_end(&c->j, '}');
        say_figures(c->say, step);
        c->rows++;
    }
    kp_json_end(&c->j, ']');
    kp_json_end(&c->j, '}');
}

enum kp_code kp_mcp_oee(struct kp_mcp_call *c, struct kp_err *err)
{
    size_t i;
    json_t *machine, *j = ask_shop(c, "oee", "every", err);
    if (!j)
        return err->code;
    kp_json_key(&c->j, "machines");
    kp_json_begin(&c->j, '[');
    json_array_foreach(json_object_get(j, "assets"), i, machine) put_machine(c, machine);
    kp_json_end(&c->j, ']');
    kp_json_put_text(&c->j, "about", "pbt: planned seconds, apt: producing, pq: parts, gq: good");
    if (!i)
        kp_buf_str(c->say, "No machines there that you may see.\n");
    json_decref(j);
    return KP_OK;
}

/* ---- lists of which the API gives all: as many rows as were asked for ---- */
struct listing {
    const char *name;
    bool (*wants)(const struct kp_mcp_call *, const json_t *row); /* NULL: each */
    const char *const *members;
    void (*say)(struct kp_buf *, const json_t *row);
    const char *none;
};

static enum kp_code tell(struct kp_mcp_call *c, struct kp_buf *target, const struct listing *l,
                         struct kp_err *err)
{
    size_t i = 0, most = (size_t)kp_mcp_count(c, "limit");
    json_t *j = kp_mcp_ask(c, target, err);
    const json_t *row, *list = json_object_get(j, l->name);
    if (!j)
        return err->code;
    kp_json_key(&c->j, l->name);
    kp_json_begin(&c->j, '[');
    for (; (row = json_array_get(list, i)) && c->rows < most; i++) {
        if (l->wants && !l->wants(c, row))
            continue;
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, row, l->members);
        kp_json_end(&c->j, '}');
        l->say(c->say, row);
        c->rows++;
    }
    kp_json_end(&c->j, ']');
    kp_json_put_bool(&c->j, "more", i < json_array_size(list));
    if (!c->rows)
        kp_buf_str(c->say, l->none);
    json_decref(j);
    return KP_OK;
}

/* ---- advisories ---- */
static void say_finding(struct kp_buf *out, const json_t *f)
{
    size_t i;
    json_t *todo;
    kp_mcp_say(out, kp_mcp_member(f, "name"));
    kp_buf_str(out, ": ");
    kp_mcp_say(out, kp_mcp_member(f, "advisory"));
    kp_buf_str(out, ", ");
    kp_mcp_say(out, kp_mcp_member(f, "title"));
    kp_buf_printf(out, "; %s, %s, ", kp_mcp_member(f, "verdict"), kp_mcp_member(f, "urgency"));
    kp_mcp_say(out, kp_mcp_member(f, "because"));
    kp_buf_str(out, "\n");
    json_array_foreach(json_object_get(f, "do"), i, todo)
    {
        kp_buf_str(out, "  to do: ");
        kp_mcp_say(out, kp_mcp_member(todo, "text"));
        kp_buf_str(out, "\n");
    }
}

enum kp_code kp_mcp_findings(struct kp_mcp_call *c, struct kp_err *err)
{
    static const char *const members[] = { "advisory",        "title",     "name",    "verdict",
                                           "score",           "urgency",   "because", "evidence",
                                           "vulnerabilities", "do",        "answer",  "since",
                                           "closed",          "closedWhy", "url",     NULL };
    static const struct listing l = { "findings", NULL, members, say_finding,
                                      "No findings that you may see.\n" };
    struct kp_buf target;
    kp_mcp_target(&target, "advisories");
    if (kp_mcp_truth(c, "all"))
        kp_mcp_add(&target, "all", "1");
    return tell(c, &target, &l, err);
}

/* ---- devices ---- */
static bool named(const struct kp_mcp_call *c, const json_t *device)
{
    const char *match = kp_mcp_text(c, "match");
    return !match || kp_pattern_match(match, kp_mcp_member(device, "name"));
}

static void say_device(struct kp_buf *out, const json_t *d)
{
    bool changed = json_is_true(json_object_get(d, "unexpectedChange"));
    kp_mcp_say(out, kp_mcp_member(d, "name"));
    kp_buf_str(out, ": ");
    kp_mcp_say(out, word(kp_mcp_member(d, "manufacturer"), "maker unknown"));
    kp_buf_str(out, " ");
    kp_mcp_say(out, kp_mcp_member(d, "product"));
    kp_buf_str(out, ", firmware ");
    kp_mcp_say(out, word(kp_mcp_member(d, "firmware"), "unknown"));
    kp_buf_str(out, changed ? ", changed unexpectedly\n" : "\n");
}

enum kp_code kp_mcp_inventory(struct kp_mcp_call *c, struct kp_err *err)
{
    static const char *const members[] = { "name",      "manufacturer",     "product",
                                           "orderCode", "serialNumber",     "hardware",
                                           "firmware",  "unexpectedChange", "changed",
                                           NULL };
    static const struct listing l = { "devices", named, members, say_device,
                                      "No devices that you may see.\n" };
    struct kp_buf target;
    kp_mcp_target(&target, "inventory");
    return tell(c, &target, &l, err);
}

/* ---- who gets what ---- */
static bool with_partner(const struct kp_mcp_call *c, const json_t *agreement)
{
    const char *partner = kp_mcp_text(c, "partner");
    return !partner || strcmp(partner, kp_mcp_member(agreement, "partner")) == 0;
}

static void say_agreement(struct kp_buf *out, const json_t *a)
{
    bool theirs = strcmp(kp_mcp_member(a, "side"), "provider") == 0;
    size_t i;
    json_t *s;
    kp_mcp_say(out, kp_mcp_member(a, "partner"));
    kp_buf_str(out, theirs ? " gets " : " gives us ");
    kp_mcp_say(out, kp_mcp_member(a, "dataset"));
    json_array_foreach(json_object_get(a, "signals"), i, s)
    {
        kp_buf_str(out, i ? ", " : " with ");
        kp_mcp_say(out, json_is_string(s) ? json_string_value(s) : "");
    }
    kp_buf_printf(out, "; %s, since ", kp_mcp_member(a, "state"));
    kp_mcp_say_time(out, json_object_get(a, "made"));
    kp_buf_str(out, "\n");
}

enum kp_code kp_mcp_agreements(struct kp_mcp_call *c, struct kp_err *err)
{
    static const char *const members[] = { "id",        "partner", "side",  "dataset",
                                           "agreement", "signals", "state", "made",
                                           "ended",     "why",     NULL };
    static const struct listing l = { "agreements", with_partner, members, say_agreement,
                                      "Nothing was agreed.\n" };
    struct kp_buf target;
    kp_mcp_target(&target, "agreements");
    return tell(c, &target, &l, err);
}
