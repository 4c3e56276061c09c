/* SPDX-License-Identifier: Apache-2.0 */
/* Tools: alarms, why one came, and saying that it was seen. */
#include "core/url.h"
#include "web/mcp_call.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { AROUND_S = 1800, STEPS = 30 };

static const char *const members[] = { "id",      "asset",    "source", "rule",
                                       "text",    "priority", "state",  "active",
                                       "since",   "until",    "value",  "limit",
                                       "count",   "firstOut", "group",  "acknowledgedAt",
                                       "comment", "watch",    "finding", "post",
                                       NULL };

static void say_alarm(struct kp_buf *out, const json_t *a)
{
    kp_buf_printf(out, "%lld: ", (long long)json_integer_value(json_object_get(a, "id")));
    kp_mcp_say(out, kp_mcp_member(a, "text"));
    kp_buf_str(out, " at ");
    kp_mcp_say(out, *kp_mcp_member(a, "asset") ? kp_mcp_member(a, "asset") : "the node itself");
    kp_buf_printf(out, ", %s, %s, since ", kp_mcp_member(a, "priority"), kp_mcp_member(a, "state"));
    kp_mcp_say_time(out, json_object_get(a, "since"));
    if (!json_is_true(json_object_get(a, "active"))) {
        kp_buf_str(out, ", over since ");
        kp_mcp_say_time(out, json_object_get(a, "until"));
    }
    kp_buf_str(out, "\n");
}

static void put_alarm(struct kp_mcp_call *c, const json_t *a)
{
    kp_json_begin(&c->j, '{');
    kp_mcp_put(&c->j, a, members);
    kp_json_end(&c->j, '}');
    say_alarm(c->say, a);
    c->rows++;
}

enum kp_code kp_mcp_alarms(struct kp_mcp_call *c, struct kp_err *err)
{
    static const char *const given[] = { "state", "asset", "from", "to" };
    struct kp_buf target;
    size_t i;
    json_t *a;
    kp_mcp_target(&target, "alarms");
    for (i = 0; i < sizeof given / sizeof *given; i++)
        kp_mcp_add_given(c, &target, given[i]);
    kp_mcp_add_int(&target, "limit", kp_mcp_count(c, "limit"));
    json_t *j = kp_mcp_ask(c, &target, err);
    if (!j)
        return err->code;
    kp_mcp_say_zone(c->say, c->r->now);
    kp_json_key(&c->j, "alarms");
    kp_json_begin(&c->j, '[');
    json_array_foreach(json_object_get(j, "alarms"), i, a) put_alarm(c, a);
    kp_json_end(&c->j, ']');
    kp_json_put_bool(&c->j, "more", json_is_true(json_object_get(j, "more")));
    if (!c->rows)
        kp_buf_str(c->say, "No such alarms that you may see.\n");
    json_decref(j);
    return KP_OK;
}

/* ---- why ---- */
struct why {
    struct kp_mcp_call *c;
    const json_t *alarm;
    int64_t id, since, until; /* until: at most now */
    const char *asset;        /* NULL: the node's own */
};

static void add_time(struct kp_buf *target, const char *key, int64_t at)
{
    char text[KP_TIME_TEXT];
    kp_time_print(at, text);
    kp_mcp_add(target, key, text);
}

static json_t *intervals_then(struct why *w, const char *kind, struct kp_err *err)
{
    struct kp_buf target;
    kp_mcp_target(&target, "intervals");
    kp_mcp_add(&target, "path", w->asset);
    kp_mcp_add(&target, "kind", kind);
    add_time(&target, "from", w->since);
    add_time(&target, "to", w->since + 1);
    return kp_mcp_ask(w->c, &target, err);
}

/* What the machine was doing when it came. */
static enum kp_code put_state(struct why *w, struct kp_err *err)
{
    size_t i;
    json_t *v, *j = intervals_then(w, "state", err);
    json_array_foreach(json_object_get(j, "intervals"), i, v)
    {
        const char *state = kp_mcp_member(json_object_get(v, "attributes"), "state");
        if (strcmp(kp_mcp_member(v, "path"), w->asset) != 0 || !*state)
            continue;
        kp_json_put_text(&w->c->j, "stateThen", state);
        kp_buf_str(w->c->say, "The machine was then: ");
        kp_mcp_say(w->c->say, state);
        kp_buf_str(w->c->say, "\n");
        break;
    }
    json_decref(j);
    return err->code;
}

/* The rule as it is now; it may be gone. */
static void put_rule(struct why *w)
{
    static const char *const shown[] = { "name",       "kind",  "match",    "high", "low",
                                         "hysteresis", "delay", "offDelay", "text", NULL };
    struct kp_buf target;
    struct kp_err gone = { 0 };
    kp_mcp_target(&target, "alarm-rules/");
    kp_url_escape(&target, kp_mcp_member(w->alarm, "rule"), KP_URL_UNRESERVED);
    json_t *j = kp_mcp_ask(w->c, &target, &gone);
    if (j) {
        kp_json_key(&w->c->j, "rule");
        kp_json_begin(&w->c->j, '{');
        kp_mcp_put(&w->c->j, j, shown);
        kp_json_end(&w->c->j, '}');
        kp_buf_str(w->c->say, "It came by the rule ");
        kp_mcp_say(w->c->say, kp_mcp_member(j, "name"));
        kp_buf_str(w->c->say, ", of kind ");
        kp_mcp_say(w->c->say, kp_mcp_member(j, "kind"));
        kp_buf_str(w->c->say, "\n");
    }
    json_decref(j);
}

/* The alarm's interval knows which signal it is about. */
static enum kp_code find_signal(struct why *w, char path[KP_PATH_MAX], struct kp_err *err)
{
    size_t i;
    json_t *v, *j = intervals_then(w, "alarm", err);
    *path = 0;
    json_array_foreach(json_object_get(j, "intervals"), i,
                       v) if (json_integer_value(json_object_get(v, "id")) == w->id)
        snprintf(path, KP_PATH_MAX, "%s",
                 kp_mcp_member(json_object_get(v, "attributes"), "signal"));
    json_decref(j);
    return err->code;
}

static void put_course(struct why *w, const char *path, const json_t *steps)
{
    static const char *const shown[] = { "from", "n", "mean", "min", "max", NULL };
    struct kp_mcp_call *c = w->c;
    size_t i;
    json_t *row;
    kp_json_put_text(&c->j, "signal", path);
    kp_json_key(&c->j, "course");
    kp_json_begin(&c->j, '[');
    kp_buf_str(c->say, "It is about ");
    kp_mcp_say(c->say, path);
    kp_buf_str(c->say, "; around that time it went (mean):");
    json_array_foreach(steps, i, row)
    {
        if (!json_is_number(json_object_get(row, "mean")))
            continue;
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, row, shown);
        kp_json_end(&c->j, '}');
        kp_buf_str(c->say, " ");
        kp_mcp_say_number(c->say, json_number_value(json_object_get(row, "mean")));
    }
    kp_buf_str(c->say, "\n");
    kp_json_end(&c->j, ']');
}

static enum kp_code put_signal(struct why *w, struct kp_err *err)
{
    char path[KP_PATH_MAX];
    struct kp_buf target;
    if (find_signal(w, path, err) || !*path)
        return err->code;
    kp_mcp_target(&target, "history");
    kp_mcp_add(&target, "path", path);
    add_time(&target, "from", w->since - AROUND_S * KP_SECOND);
    add_time(&target, "to", w->until + KP_SECOND);
    kp_mcp_add_int(&target, "points", STEPS);
    kp_mcp_add(&target, "fn", "mean,min,max");
    json_t *j = kp_mcp_ask(w->c, &target, err);
    if (j)
        put_course(w, path,
                   json_object_get(json_array_get(json_object_get(j, "series"), 0), "buckets"));
    json_decref(j);
    return err->code;
}

/* Those that came with it: the first of them is often the cause of the others. */
static enum kp_code put_group(struct why *w, struct kp_err *err)
{
    struct kp_buf target;
    size_t i;
    json_t *a;
    int64_t group = json_integer_value(json_object_get(w->alarm, "group"));
    kp_mcp_target(&target, "alarms");
    kp_mcp_add(&target, "state", "all");
    add_time(&target, "from", w->since - AROUND_S * KP_SECOND);
    add_time(&target, "to", w->until + KP_SECOND);
    json_t *j = kp_mcp_ask(w->c, &target, err);
    kp_json_key(&w->c->j, "cameWith");
    kp_json_begin(&w->c->j, '[');
    json_array_foreach(json_object_get(j, "alarms"), i,
                       a) if (json_integer_value(json_object_get(a, "group")) == group &&
                              json_integer_value(json_object_get(a, "id")) != w->id)
    {
        kp_buf_str(w->c->say, json_is_true(json_object_get(a, "firstOut"))
                                  ? "Came with it, and first of all: "
                                  : "Came with it: ");
        put_alarm(w->c, a);
    }
    kp_json_end(&w->c->j, ']');
    json_decref(j);
    return err->code;
}

static void say_numbers(struct why *w)
{
    const json_t *value = json_object_get(w->alarm, "value"),
                 *limit = json_object_get(w->alarm, "limit");
    if (!json_is_number(value))
        return;
    kp_buf_str(w->c->say, "The value was ");
    kp_mcp_say_number(w->c->say, json_number_value(value));
    if (json_is_number(limit)) {
        kp_buf_str(w->c->say, ", the limit ");
        kp_mcp_say_number(w->c->say, json_number_value(limit));
    }
    kp_buf_str(w->c->say, "\n");
}

static enum kp_code explain(struct why *w, struct kp_err *err)
{
    const char *rule = kp_mcp_member(w->alarm, "rule");
    if (!kp_time_parse(kp_mcp_member(w->alarm, "since"), &w->since))
        return kp_fail(err, KP_EPARSE, "the alarm has no time");
    int64_t latest = w->since + AROUND_S * KP_SECOND;
    w->until = latest < w->c->r->now ? latest : w->c->r->now;
    kp_json_key(&w->c->j, "alarm");
    put_alarm(w->c, w->alarm);
    say_numbers(w);
    /* rules are settings, which have no label: only for an assistant inside */
    if (*rule && w->c->to >= KP_TO_COMPANY)
        put_rule(w);
    if (w->asset && (put_state(w, err) || put_signal(w, err)))
        return err->code;
    return put_group(w, err);
}

enum kp_code kp_mcp_explain(struct kp_mcp_call *c, struct kp_err *err)
{
    struct why w = { .c = c, .id = kp_mcp_count(c, "id") };
    struct kp_buf target;
    kp_mcp_say_zone(c->say, c->r->now);
    kp_mcp_target(&target, "alarms/");
    kp_buf_printf(&target, "%lld", (long long)w.id);
    json_t *alarm = kp_mcp_ask(c, &target, err);
    w.alarm = alarm;
    w.asset = json_string_value(json_object_get(alarm, "asset"));
    if (alarm)
        explain(&w, err);
    json_decref(alarm);
    return err->code;
}

enum kp_code kp_mcp_acknowledge(struct kp_mcp_call *c, struct kp_err *err)
{
    struct kp_buf target;
    kp_mcp_target(&target, "alarms/");
    kp_buf_printf(&target, "%lld/acknowledge", (long long)kp_mcp_count(c, "id"));
    json_t *j =
        kp_mcp_tell(c, &target, json_pack("{s:s}", "comment", kp_mcp_text(c, "comment")), err);
    if (j) {
        kp_json_key(&c->j, "alarm");
        kp_buf_str(c->say, "Acknowledged: ");
        put_alarm(c, j);
    }
    json_decref(j);
    return err->code;
}
