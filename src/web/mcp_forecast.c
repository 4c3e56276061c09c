/* SPDX-License-Identifier: Apache-2.0 */
/* A tool: what a signal will do next. */
#include "web/mcp_call.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SHORT_HOURS = 8 }; /* up to here a step is a quarter of an hour, where none was asked for */

const char *const kp_mcp_forecast_steps[] = { "5m", "15m", "1h", "6h", NULL };

static json_t *ask_forecast(struct kp_mcp_call *c, struct kp_err *err)
{
    const int64_t hours = kp_mcp_count(c, "hours");
    const char *step = kp_mcp_text(c, "step");
    char horizon[16];
    struct kp_buf target;
    kp_mcp_target(&target, "forecast");
    kp_mcp_add_given(c, &target, "path");
    snprintf(horizon, sizeof horizon, "%dh", (int)hours);
    kp_mcp_add(&target, "horizon", horizon);
    kp_mcp_add(&target, "step", step ? step : hours <= SHORT_HOURS ? "15m" : "1h");
    return kp_mcp_ask(c, &target, err);
}

/* The API's row of the signal, for its unit; the caller owns it. */
static json_t *ask_signal(struct kp_mcp_call *c, struct kp_err *err)
{
    struct kp_buf target;
    kp_mcp_target(&target, "signals");
    kp_mcp_add(&target, "match", kp_mcp_text(c, "path"));
    kp_mcp_add_int(&target, "limit", 1);
    json_t *j = kp_mcp_ask(c, &target, err), *row = json_array_get(json_object_get(j, "signals"), 0);
    if (j && !row)
        kp_fail(err, KP_ENOTFOUND, "the signal is gone");
    json_incref(row);
    json_decref(j);
    return row;
}

/* Why there is none. */
static enum kp_code refuse(const json_t *j, struct kp_err *err)
{
    if (strcmp(kp_mcp_member(j, "missing"), "words") == 0)
        return kp_fail(err, KP_EINVALID, "this signal has no numbers to forecast");
    return kp_fail(err, KP_EINVALID, "so far ahead it takes %.1f days of history, there are %.1f: ask for fewer hours",
                   json_number_value(json_object_get(j, "needsDays")), json_number_value(json_object_get(j, "hasDays")));
}

static void say_step(struct kp_buf *out, const json_t *step, bool counter)
{
    kp_buf_str(out, counter ? "until " : "");
    kp_mcp_say_time(out, json_object_get(step, counter ? "to" : "from"));
    kp_buf_str(out, "  ");
    kp_mcp_say_number(out, json_number_value(json_object_get(step, "value")));
    kp_buf_str(out, " (");
    kp_mcp_say_number(out, json_number_value(json_object_get(step, "low")));
    kp_buf_str(out, " to ");
    kp_mcp_say_number(out, json_number_value(json_object_get(step, "high")));
    kp_buf_str(out, ")\n");
}

static void tell(struct kp_mcp_call *c, const json_t *j, const json_t *signal)
{
    const bool counter = json_is_true(json_object_get(j, "counter"));
    const char *unit = kp_mcp_unit(signal);
    size_t i;
    json_t *step;
    kp_mcp_say_zone(c->say, c->r->now);
    kp_mcp_say(c->say, kp_mcp_member(j, "path"));
    kp_buf_str(c->say, *unit ? " in " : "");
    kp_mcp_say(c->say, unit);
    kp_buf_printf(c->say, ", forecast%s; %.0f %% of what comes is within:\n", counter ? " of what the counter will show" : "",
                  100 * json_number_value(json_object_get(j, "share")));
    kp_json_put_text(&c->j, "path", kp_mcp_member(j, "path"));
    kp_json_put_text(&c->j, "unit", unit);
    kp_json_put_bool(&c->j, "counter", counter);
    kp_mcp_put_value(&c->j, "share", json_object_get(j, "share"));
    kp_mcp_put_value(&c->j, "stepMs", json_object_get(j, "stepMs"));
    kp_mcp_put_value(&c->j, "steps", json_object_get(j, "steps"));
    json_array_foreach(json_object_get(j, "steps"), i, step) say_step(c->say, step, counter);
    c->rows += i;
}

enum kp_code kp_mcp_forecast(struct kp_mcp_call *c, struct kp_err *err)
{
    json_t *j = ask_forecast(c, err), *signal = NULL;
    if (j && *kp_mcp_member(j, "missing"))
        refuse(j, err);
    else if (j && (signal = ask_signal(c, err)))
        tell(c, j, signal);
    json_decref(signal);
    json_decref(j);
    return err->code;
}
