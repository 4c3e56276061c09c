/* SPDX-License-Identifier: Apache-2.0 */
/* Tools: what there is, what it says now, what it said, and one time beside another. */
#include "web/mcp_call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { SIGNALS_MAX = 50, ROWS_MAX = 2000, TEXT_ROWS = 50 };

/* ---- browse ---- */
static void say_about(struct kp_buf *out, const json_t *row)
{
    const char *about = kp_mcp_member(row, "description");
    if (*about) {
        kp_buf_str(out, " - ");
        kp_mcp_say(out, about);
    }
    kp_buf_str(out, "\n");
}

static void say_signal(struct kp_buf *out, const json_t *row)
{
    const json_t *status = json_object_get(row, "status");
    kp_mcp_say(out, kp_mcp_member(row, "path"));
    kp_buf_str(out, " = ");
    kp_mcp_say_value(out, json_object_get(row, "value"), json_object_get(row, "enums"),
                     kp_mcp_unit(row));
    kp_buf_str(out, ", ");
    kp_mcp_say(out, kp_mcp_member(status, "name"));
    if (json_is_string(json_object_get(row, "time"))) {
        kp_buf_str(out, ", ");
        kp_mcp_say_time(out, json_object_get(row, "time"));
    }
    if (json_is_true(json_object_get(row, "stale")))
        kp_buf_str(out, ", the machine is not reached");
}

static void say_signal_line(struct kp_buf *out, const json_t *row)
{
    say_signal(out, row);
    say_about(out, row);
}

static void say_asset(struct kp_buf *out, const json_t *row)
{
    const char *state = kp_mcp_member(row, "state");
    kp_mcp_say(out, kp_mcp_member(row, "path"));
    kp_buf_printf(out, " (%s)", kp_mcp_member(row, "kind"));
    if (*state) {
        kp_buf_str(out, " is ");
        kp_mcp_say(out, state);
        kp_buf_str(out, " since ");
        kp_mcp_say_time(out, json_object_get(row, "stateSince"));
    }
    say_about(out, row);
}

static const char *const signal_members[] = { "path",     "description", "unit",  "unitText",
                                              "role",     "value",       "enums", "status",
                                              "time",     "stale",       "low",   "high",
                                              "writable", NULL };
static const char *const asset_members[] = { "path",       "kind",      "description", "state",
                                             "stateSince", "nameplate", NULL };
static const char *const machine_members[] = { "path",  "kind",       "manufacturer", "product",
                                               "state", "stateSince", "signals",      NULL };
static const struct {
    const char *list; /* of the API, and in its answer */
    const char *const *members;
    void (*say)(struct kp_buf *, const json_t *);
} things[] = {
    { "signals", signal_members, say_signal_line },
    { "assets", asset_members, say_asset },
    { "machines", machine_members, say_asset },
};

static size_t put_rows(struct kp_mcp_call *c, const json_t *list, const char *const *members,
                       void (*say)(struct kp_buf *, const json_t *))
{
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row)
    {
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, row, members);
        kp_json_end(&c->j, '}');
        say(c->say, row);
    }
    c->rows += i;
    return i;
}

enum kp_code kp_mcp_browse(struct kp_mcp_call *c, struct kp_err *err)
{
    const char *what = kp_mcp_text(c, "what");
    struct kp_buf target;
    size_t k = 0;
    while (what && strcmp(things[k].list, what) != 0)
        k++;
    kp_mcp_target(&target, things[k].list);
    kp_mcp_add_given(c, &target, "match");
    kp_mcp_add_given(c, &target, "after");
    kp_mcp_add_int(&target, "limit", kp_mcp_count(c, "limit"));
    json_t *j = kp_mcp_ask(c, &target, err);
    if (!j)
        return err->code;
    const char *next = kp_mcp_member(j, "next");
    kp_json_key(&c->j, things[k].list);
    kp_json_begin(&c->j, '[');
    size_t n = put_rows(c, json_object_get(j, things[k].list), things[k].members, things[k].say);
    kp_json_end(&c->j, ']');
    kp_json_put_text(&c->j, "next", *next ? next : NULL);
    if (!n)
        kp_buf_printf(c->say, "No %s there that you may see.\n", things[k].list);
    if (*next) {
        kp_buf_str(c->say, "There are more: ask again with after = ");
        kp_mcp_say(c->say, next);
        kp_buf_str(c->say, "\n");
    }
    json_decref(j);
    return KP_OK;
}

/* ---- the signals that the argument "paths" names ---- */
/* A list of rows of the API, which the caller owns; each pattern must name something. */
static enum kp_code add_signals(struct kp_mcp_call *c, const char *pattern, size_t most,
                                json_t *out, struct kp_err *err)
{
    struct kp_buf target;
    kp_mcp_target(&target, "signals");
    kp_mcp_add(&target, "match", pattern);
    kp_mcp_add_int(&target, "limit", (int64_t)most + 1);
    json_t *j = kp_mcp_ask(c, &target, err);
    const json_t *list = json_object_get(j, "signals");
    if (j && !json_array_size(list))
        kp_fail(err, KP_ENOTFOUND, "there is no signal '%.120s' that you may see: look with browse",
                pattern);
    else if (j && json_array_extend(out, (json_t *)(uintptr_t)list))
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(j);
    if (!err->code && json_array_size(out) > most)
        kp_fail(err, KP_EINVALID, "these are more than %zu signals: name fewer", most);
    return err->code;
}

static json_t *find_signals(struct kp_mcp_call *c, size_t most, struct kp_err *err)
{
    const char *pattern;
    json_t *out = json_array();
    if (!out)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; !err->code && (pattern = kp_mcp_item(c, "paths", i)); i++)
        add_signals(c, pattern, most, out, err);
    if (!err->code)
        return out;
    json_decref(out);
    return NULL;
}

enum kp_code kp_mcp_read(struct kp_mcp_call *c, struct kp_err *err)
{
    json_t *list = find_signals(c, 4 * SIGNALS_MAX, err);
    if (!list)
        return err->code;
    kp_mcp_say_zone(c->say, c->r->now);
    kp_json_key(&c->j, "signals");
    kp_json_begin(&c->j, '[');
    put_rows(c, list, signal_members, say_signal_line);
    kp_json_end(&c->j, ']');
    json_decref(list);
    return KP_OK;
}

/* ---- history ---- */
static bool is_text(const json_t *signal)
{
    const char *type = kp_mcp_member(signal, "type");
    return strcmp(type, "string") == 0 || strcmp(type, "bytes") == 0 || strchr(type, '[');
}

static void say_step(struct kp_buf *out, const json_t *row)
{
    kp_mcp_say_time(out, json_object_get(row, "from"));
    kp_buf_str(out, "  mean ");
    kp_mcp_say_number(out, json_number_value(json_object_get(row, "mean")));
    kp_buf_str(out, ", min ");
    kp_mcp_say_number(out, json_number_value(json_object_get(row, "min")));
    kp_buf_str(out, ", max ");
    kp_mcp_say_number(out, json_number_value(json_object_get(row, "max")));
    kp_buf_printf(out, ", %lld values\n", (long long)json_integer_value(json_object_get(row, "n")));
}

static size_t put_steps(struct kp_mcp_call *c, const json_t *series)
{
    static const char *const members[] = { "from", "to", "n", "bad", "mean", "min", "max", NULL };
    const json_t *list = json_object_get(series, "buckets");
    size_t i, n = 0;
    json_t *row;
    kp_mcp_put_value(&c->j, "stepMs", json_object_get(series, "stepMs"));
    kp_json_key(&c->j, "steps");
    kp_json_begin(&c->j, '[');
    json_array_foreach(list, i, row)
    {
        if (!json_is_number(json_object_get(row, "mean")))
            continue; /* nothing came, or nothing good */
        kp_json_begin(&c->j, '{');
        kp_mcp_put(&c->j, row, members);
        kp_json_end(&c->j, '}');
        say_step(c->say, row);
        n++;
    }
    kp_json_end(&c->j, ']');
    return n;
}

/* Of texts there is no mean: they come as they were. */
static size_t put_points(struct kp_mcp_call *c, const json_t *series, const json_t *signal)
{
    const json_t *list = json_object_get(series, "points");
    size_t i;
    json_t *p;
    kp_mcp_put_value(&c->j, "points", list);
    kp_json_put_bool(&c->j, "more", json_is_string(json_object_get(series, "next")));
    json_array_foreach(list, i, p)
    {
        kp_mcp_say_time(c->say, json_array_get(p, 0));
        kp_buf_str(c->say, "  ");
        kp_mcp_say_value(c->say, json_array_get(p, 1), json_object_get(signal, "enums"),
                         kp_mcp_unit(signal));
        kp_buf_str(c->say, "\n");
    }
    return i;
}

static enum kp_code put_history(struct kp_mcp_call *c, const json_t *signal, int64_t rows,
                                struct kp_err *err)
{
    struct kp_buf target;
    kp_mcp_target(&target, "history");
    kp_mcp_add(&target, "path", kp_mcp_member(signal, "path"));
    kp_mcp_add_given(c, &target, "from");
    kp_mcp_add_given(c, &target, "to");
    kp_mcp_add_int(&target, is_text(signal) ? "limit" : "points", rows);
    if (!is_text(signal))
        kp_mcp_add(&target, "fn", "mean,min,max");
    json_t *j = kp_mcp_ask(c, &target, err);
    const json_t *series = json_array_get(json_object_get(j, "series"), 0);
    if (!j)
        return err->code;
    kp_mcp_say(c->say, kp_mcp_member(signal, "path"));
    kp_buf_str(c->say, *kp_mcp_unit(signal) ? " in " : "");
    kp_mcp_say(c->say, kp_mcp_unit(signal));
    kp_buf_str(c->say, ":\n");
    kp_json_begin(&c->j, '{');
    kp_json_put_text(&c->j, "path", kp_mcp_member(signal, "path"));
    kp_json_put_text(&c->j, "unit", kp_mcp_unit(signal));
    size_t n = is_text(signal) ? put_points(c, series, signal) : put_steps(c, series);
    kp_json_end(&c->j, '}');
    if (!n)
        kp_buf_str(c->say, "  nothing in this time\n");
    c->rows += n;
    json_decref(j);
    return KP_OK;
}

enum kp_code kp_mcp_history(struct kp_mcp_call *c, struct kp_err *err)
{
    size_t i, n;
    json_t *signal, *list = find_signals(c, SIGNALS_MAX, err);
    if (!list)
        return err->code;
    n = json_array_size(list);
    int64_t most = ROWS_MAX / (int64_t)n, rows = kp_mcp_count(c, "rows");
    kp_mcp_say_zone(c->say, c->r->now);
    kp_json_key(&c->j, "series");
    kp_json_begin(&c->j, '[');
    json_array_foreach(list, i,
                       signal) if (put_history(c, signal, rows < most ? rows : most, err)) break;
    kp_json_end(&c->j, ']');
    json_decref(list);
    return err->code;
}

/* ---- two periods ---- */
struct period {
    int64_t from, to;
};
struct summary {
    int64_t n; /* good values */
    double mean, min, max;
};

static int64_t time_of(const struct kp_mcp_call *c, const char *name, int64_t standard)
{
    int64_t at = standard;
    const char *text = kp_mcp_text(c, name);
    if (text)
        kp_time_parse_human(text, c->r->now, &at);
    return at;
}

static enum kp_code read_periods(const struct kp_mcp_call *c, struct period *is, struct period *was,
                                 struct kp_err *err)
{
    is->from = time_of(c, "from", c->r->now - 3600 * KP_SECOND);
    is->to = time_of(c, "to", c->r->now);
    if (is->from >= is->to)
        return kp_fail(err, KP_EINVALID, "from must be before to");
    int64_t length, end = is->from;
    if (__builtin_sub_overflow(is->to, is->from, &length) ||
        __builtin_sub_overflow(is->from, length, &was->from))
        return kp_fail(err, KP_EINVALID, "this is too long a time");
    was->from = time_of(c, "beforeFrom", was->from);
    if (kp_mcp_text(c, "beforeFrom") && __builtin_add_overflow(was->from, length, &end))
        return kp_fail(err, KP_EINVALID, "this is too late a time");
    was->to = time_of(c, "beforeTo", end);
    return was->from < was->to ? KP_OK
                               : kp_fail(err, KP_EINVALID, "beforeFrom must be before beforeTo");
}

static void add_step(struct summary *s, const json_t *row)
{
    const json_t *mean = json_object_get(row, "mean");
    double min = json_number_value(json_object_get(row, "min"));
    double max = json_number_value(json_object_get(row, "max"));
    int64_t n = json_integer_value(json_object_get(row, "n")) -
                json_integer_value(json_object_get(row, "bad"));
    if (!json_is_number(mean) || n < 1)
        return;
    s->min = s->n && s->min < min ? s->min : min;
    s->max = s->n && s->max > max ? s->max : max;
    s->mean += (json_number_value(mean) - s->mean) * ((double)n / (double)(s->n + n));
    s->n += n;
}

/* The API cuts at round times, so a period comes in two steps. */
static enum kp_code sum_up(struct kp_mcp_call *c, const char *path, const struct period *p,
                           struct summary *s, struct kp_err *err)
{
    char from[KP_TIME_TEXT], to[KP_TIME_TEXT];
    struct kp_buf target;
    size_t i;
    json_t *row;
    kp_time_print(p->from, from);
    kp_time_print(p->to, to);
    kp_mcp_target(&target, "history");
    kp_mcp_add(&target, "path", path);
    kp_mcp_add(&target, "from", from);
    kp_mcp_add(&target, "to", to);
    kp_mcp_add_int(&target, "points", 2);
    kp_mcp_add(&target, "fn", "mean,min,max");
    json_t *j = kp_mcp_ask(c, &target, err);
    json_array_foreach(json_object_get(json_array_get(json_object_get(j, "series"), 0), "buckets"),
                       i, row) add_step(s, row);
    json_decref(j);
    return err->code;
}

static void put_summary(struct kp_json *j, const char *key, const struct summary *s)
{
    kp_json_key(j, key);
    kp_json_begin(j, '{');
    kp_json_put_int(j, "count", s->n);
    kp_json_key(j, "mean");
    kp_json_double(j, s->n ? s->mean : NAN);
    kp_json_key(j, "min");
    kp_json_double(j, s->n ? s->min : NAN);
    kp_json_key(j, "max");
    kp_json_double(j, s->n ? s->max : NAN);
    kp_json_end(j, '}');
}

static void say_summary(struct kp_buf *out, const struct summary *s)
{
    if (!s->n) {
        kp_buf_str(out, "nothing");
        return;
    }
    kp_buf_str(out, "mean ");
    kp_mcp_say_number(out, s->mean);
    kp_buf_str(out, " (");
    kp_mcp_say_number(out, s->min);
    kp_buf_str(out, " to ");
    kp_mcp_say_number(out, s->max);
    kp_buf_printf(out, ", %lld values)", (long long)s->n);
}

static void put_change(struct kp_mcp_call *c, const json_t *signal, const struct summary *is,
                       const struct summary *was)
{
    double change = is->n && was->n ? is->mean - was->mean : NAN;
    double percent = was->mean != 0 ? 100 * change / fabs(was->mean) : NAN;
    kp_json_begin(&c->j, '{');
    kp_json_put_text(&c->j, "path", kp_mcp_member(signal, "path"));
    kp_json_put_text(&c->j, "unit", kp_mcp_unit(signal));
    put_summary(&c->j, "period", is);
    put_summary(&c->j, "before", was);
    kp_json_key(&c->j, "change");
    kp_json_double(&c->j, change);
    kp_json_key(&c->j, "changePercent");
    kp_json_double(&c->j, percent);
    kp_json_end(&c->j, '}');
    kp_mcp_say(c->say, kp_mcp_member(signal, "path"));
    kp_buf_str(c->say, *kp_mcp_unit(signal) ? " in " : "");
    kp_mcp_say(c->say, kp_mcp_unit(signal));
    kp_buf_str(c->say, ": ");
    say_summary(c->say, is);
    kp_buf_str(c->say, ", before: ");
    say_summary(c->say, was);
    if (isfinite(change))
        kp_buf_printf(c->say, ", change %+.4g", change);
    if (isfinite(percent))
        kp_buf_printf(c->say, " (%+.1f %%)", percent);
    kp_buf_str(c->say, "\n");
    c->rows++;
}

static void put_period(struct kp_json *j, const char *key, const struct period *p)
{
    kp_json_key(j, key);
    kp_json_begin(j, '{');
    kp_json_put_time(j, "from", p->from);
    kp_json_put_time(j, "to", p->to);
    kp_json_end(j, '}');
}

enum kp_code kp_mcp_compare(struct kp_mcp_call *c, struct kp_err *err)
{
    struct period now, then;
    size_t i;
    json_t *signal,
        *list = read_periods(c, &now, &then, err) ? NULL : find_signals(c, SIGNALS_MAX, err);
    if (!list)
        return err->code;
    put_period(&c->j, "period", &now);
    put_period(&c->j, "before", &then);
    kp_json_key(&c->j, "signals");
    kp_json_begin(&c->j, '[');
    json_array_foreach(list, i, signal)
    {
        struct summary is = { 0 }, was = { 0 };
        const char *path = kp_mcp_member(signal, "path");
        if (is_text(signal))
            continue;
        if (sum_up(c, path, &now, &is, err) || sum_up(c, path, &then, &was, err))
            break;
        put_change(c, signal, &is, &was);
    }
    kp_json_end(&c->j, ']');
    json_decref(list);
    if (!c->rows && !err->code)
        kp_fail(err, KP_EINVALID, "none of these signals is a number: there is nothing to compare");
    return err->code;
}
