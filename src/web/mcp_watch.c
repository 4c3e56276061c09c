/* SPDX-License-Identifier: Apache-2.0 */
/* Tools: what is watched, and why a watch says what it says. */
#include "web/mcp_call.h"

#include <string.h>

#include "core/ban.h"

static const char *const members[] = { "id",     "watch",   "kind",    "about", "signals", "state", "reason",
                                       "score",  "limit",   "alarm",   "trouble", "overdue", "since", "learnt",
                                       "learn",  "text",    "at",      NULL };
static const char *const more_members[] = { "drifts",  "finding",      "actual",  "expected", "part",     "machine",
                                            "machineState", "program", "values",   "learntFrom", "learntAt", "relearns",
                                            "alarms",  NULL };

static void say_post(struct kp_buf *out, const json_t *p)
{
    const char *about = kp_mcp_member(p, "about"), *text = kp_mcp_member(p, "text"), *reason = kp_mcp_member(p, "reason");
    kp_buf_printf(out, "%lld: ", (long long)json_integer_value(json_object_get(p, "id")));
    kp_mcp_say(out, *about ? about : "the whole factory");
    kp_buf_printf(out, " is %s", kp_mcp_member(p, "state"));
    if (*reason)
        kp_buf_printf(out, " (%s)", reason);
    if (json_is_number(json_object_get(p, "score"))) {
        kp_buf_str(out, ", score ");
        kp_mcp_say_number(out, json_number_value(json_object_get(p, "score")));
    }
    if (*text) {
        kp_buf_str(out, ": ");
        kp_mcp_say(out, text);
        kp_buf_str(out, ", since ");
        kp_mcp_say_time(out, json_object_get(p, "since"));
    }
    kp_buf_str(out, "\n");
}

enum kp_code kp_mcp_watches(struct kp_mcp_call *c, struct kp_err *err)
{
    static const char *const given[] = { "state", "about" };
    struct kp_buf target;
    size_t i;
    json_t *p;
    kp_mcp_target(&target, "watch-posts");
    for (i = 0; i < sizeof given / sizeof *given; i++)
        kp_mcp_add_given(c, &target, given[i]);
    kp_mcp_add_int(&target, "limit", kp_mcp_count(c, "limit"));
    json_t *j = kp_mcp_ask(c, &target, err);
    if (!j)
        return err->code;
    kp_mcp_say_zone(c->say, c->r->now);
    kp_json_key(&c->j, "posts");
    kp_json_begin(&c->j, '[');
    json_array_foreach(json_object_get(j, "posts"), i, p)
    {
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, p, members);
        kp_json_end(&c->j, '}');
        say_post(c->say, p);
        c->rows++;
    }
    kp_json_end(&c->j, ']');
    kp_json_put_bool(&c->j, "more", json_is_true(json_object_get(j, "more")));
    if (!c->rows)
        kp_buf_str(c->say, "Nothing that you may see is watched so.\n");
    json_decref(j);
    return KP_OK;
}

static void put_reasons(struct kp_mcp_call *c, const json_t *p)
{
    static const char *const shown[] = { "signal", "share", "actual", "expected", "unit", NULL };
    size_t i;
    json_t *r;
    kp_json_key(&c->j, "reasons");
    kp_json_begin(&c->j, '[');
    json_array_foreach(json_object_get(p, "reasons"), i, r)
    {
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, r, shown);
        kp_json_end(&c->j, '}');
        kp_mcp_say(c->say, kp_mcp_member(r, "signal"));
        kp_buf_str(c->say, " is ");
        kp_mcp_say_value(c->say, json_object_get(r, "actual"), NULL, kp_mcp_member(r, "unit"));
        kp_buf_str(c->say, " where ");
        kp_mcp_say_value(c->say, json_object_get(r, "expected"), NULL, kp_mcp_member(r, "unit"));
        kp_buf_str(c->say, " was expected\n");
    }
    kp_json_end(&c->j, ']');
}

enum kp_code kp_mcp_explain_watch(struct kp_mcp_call *c, struct kp_err *err)
{
    struct kp_buf target;
    kp_mcp_target(&target, "watch-posts/");
    kp_buf_printf(&target, "%lld", (long long)kp_mcp_count(c, "id"));
    json_t *p = kp_mcp_ask(c, &target, err);
    if (!p)
        return err->code;
    kp_mcp_say_zone(c->say, c->r->now);
    kp_json_key(&c->j, "post");
    kp_json_begin(&c->j, '{');
    kp_mcp_put(&c->j, p, members);
    kp_mcp_put(&c->j, p, more_members);
    kp_json_end(&c->j, '}');
    say_post(c->say, p);
    put_reasons(c, p);
    if (*kp_mcp_member(p, "machineState")) {
        kp_buf_str(c->say, "The machine is now: ");
        kp_mcp_say(c->say, kp_mcp_member(p, "machineState"));
        kp_buf_str(c->say, "\n");
    }
    c->rows++;
    json_decref(p);
    return KP_OK;
}
