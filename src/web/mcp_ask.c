/* SPDX-License-Identifier: Apache-2.0 */
#include "web/mcp_call.h"

#include "core/url.h"
#include "net/json_memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum {
    TARGET_MAX = 64 << 10,
    REPLY_MAX = 4 << 20, /* of the API: as a tree it takes ten times that */
    TEXT_SHOWN = 300,
};

/* ---- arguments ---- */
const char *kp_mcp_text(const struct kp_mcp_call *c, const char *name)
{
    return json_string_value(json_object_get(c->arguments, name));
}

int64_t kp_mcp_count(const struct kp_mcp_call *c, const char *name)
{
    const json_t *v = json_object_get(c->arguments, name);
    const struct kp_mcp_arg *a = c->args;
    while (strcmp(a->name, name) != 0)
        a++;
    return json_is_integer(v) ? json_integer_value(v) : a->standard;
}

bool kp_mcp_truth(const struct kp_mcp_call *c, const char *name)
{
    return json_is_true(json_object_get(c->arguments, name));
}

const char *kp_mcp_item(const struct kp_mcp_call *c, const char *name, size_t i)
{
    return json_string_value(json_array_get(json_object_get(c->arguments, name), i));
}

/* ---- asking the API ---- */
void kp_mcp_target(struct kp_buf *target, const char *path)
{
    kp_buf_init(target, TARGET_MAX);
    kp_buf_printf(target, "/api/v1/%s", path);
}

void kp_mcp_add(struct kp_buf *target, const char *key, const char *value)
{
    if (!value)
        return;
    bool first = target->len && !memchr(target->data, '?', target->len);
    kp_buf_printf(target, "%c%s=", first ? '?' : '&', key);
    kp_url_escape(target, value, KP_URL_UNRESERVED);
}

void kp_mcp_add_int(struct kp_buf *target, const char *key, int64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)n);
    kp_mcp_add(target, key, text);
}

void kp_mcp_add_given(const struct kp_mcp_call *c, struct kp_buf *target, const char *name)
{
    kp_mcp_add(target, name, kp_mcp_text(c, name));
}

/* Of the API, what asks the gate: the rest has no label and is not for an assistant outside,
 * whatever a tool asks. tools/exits looks that each of these does. */
static const char *const gated[] = {
    "/signals",   "/assets", "/machines",    "/history",
    "/intervals", "/alarms", "/alarms/{id}", "/alarms/{id}/acknowledge",
    "/stops",     "/oee",    "/advisories",  "/inventory",
    "/watch-posts", "/watch-posts/{id}", "/forecast",
    NULL
};

static bool may_ask(const struct kp_mcp_call *c, const struct kp_request *in)
{
    static const size_t prefix = sizeof "/api/v1" - 1;
    const char *const *g = gated;
    while (*g && strcmp(*g, in->route->path + prefix) != 0)
        g++;
    return *g || c->to >= KP_TO_COMPANY;
}

static json_t *answer(struct kp_request *in, struct kp_err *err)
{
    json_error_t where;
    json_t *j = in->reply.body.len > REPLY_MAX
                    ? NULL
                    : kp_json_load(kp_buf_text(&in->reply.body), in->reply.body.len, JSON_ALLOW_NUL,
                                   &where);
    if (in->reply.status < 400) {
        if (!j)
            kp_fail(err, KP_EFULL, "there is too much to tell: ask for less");
        return j;
    }
    kp_fail(err, in->reply.status == 403 ? KP_EDENIED : KP_EINVALID, "%s",
            *kp_mcp_member(j, "message") ? kp_mcp_member(j, "message")
                                         : "the node did not say why");
    json_decref(j);
    return NULL;
}

static json_t *ask(struct kp_mcp_call *c, const char *method, struct kp_buf *target,
                   const char *body, struct kp_err *err)
{
    struct kp_request in;
    json_t *j = NULL;
    kp_buf_text(target);
    if (target->failed) {
        kp_fail(err, KP_EINVALID, "the question is too long");
    } else if (c->r->gone) {
        kp_fail(err, KP_ESTOPPED, "who asked has gone");
    } else {
        if (kp_request_within(&in, c->r, c->to, method, target->data) && may_ask(c, &in)) {
            in.body = body;
            in.body_len = body ? strlen(body) : 0;
            kp_request_serve(&in);
            j = answer(&in, err);
        } else if (in.reply.status < 400) {
            kp_fail(err, KP_EDENIED, "this is not told to an assistant that another company runs");
        } else {
            answer(&in, err);
        }
        kp_request_free(&in);
    }
    kp_buf_free(target);
    return j;
}

json_t *kp_mcp_ask(struct kp_mcp_call *c, struct kp_buf *target, struct kp_err *err)
{
    return ask(c, "GET", target, NULL, err);
}

json_t *kp_mcp_tell(struct kp_mcp_call *c, struct kp_buf *target, json_t *body, struct kp_err *err)
{
    char *text = body ? kp_json_dump(body, JSON_COMPACT) : NULL;
    json_t *j = NULL;
    json_decref(body);
    if (text)
        j = ask(c, "POST", target, text, err);
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!text)
        kp_buf_free(target);
    kp_free(text);
    return j;
}

/* ---- answers for programs ---- */
void kp_mcp_put_value(struct kp_json *j, const char *key, const json_t *v)
{
    char *text = kp_json_dump(v, JSON_COMPACT | JSON_ENCODE_ANY);
    kp_json_key(j, key);
    kp_json_raw(j, text);
    j->out->failed |= !text;
    kp_free(text);
}

void kp_mcp_put(struct kp_json *j, const json_t *row, const char *const *members)
{
    for (; *members; members++) {
        const json_t *v = json_object_get(row, *members);
        if (v && !json_is_null(v))
            kp_mcp_put_value(j, *members, v);
    }
}

/* ---- and for people ---- */
void kp_mcp_say(struct kp_buf *out, const char *text)
{
    char line[TEXT_SHOWN + 1];
    snprintf(line, sizeof line, "%s", text);
    kp_utf8_trim(line);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    kp_buf_str(out, line);
    if (strlen(text) >= sizeof line)
        kp_buf_str(out, "...");
}

void kp_mcp_say_number(struct kp_buf *out, double d)
{
    if (isfinite(d))
        kp_buf_printf(out, "%.6g", d);
    else
        kp_buf_str(out, "unknown");
}

void kp_mcp_say_time(struct kp_buf *out, const json_t *time)
{
    struct tm day;
    int64_t at;
    char text[32];
    const char *given = json_string_value(time);
    if (!given || !kp_time_parse(given, &at)) {
        kp_buf_str(out, "now");
        return;
    }
    bool known = kp_time_local(at, &day) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &day);
    kp_buf_str(out, known ? text : given);
}

void kp_mcp_say_zone(struct kp_buf *out, int64_t now)
{
    struct tm day;
    if (!kp_time_local(now, &day))
        return;
    long off = day.tm_gmtoff / 60, size = off < 0 ? -off : off;
    kp_buf_printf(out, "Times of day are on the clock at the factory (UTC%c%02ld:%02ld).\n",
                  off < 0 ? '-' : '+', size / 60, size % 60);
}

static void say_scalar(struct kp_buf *out, const json_t *v)
{
    if (json_is_string(v))
        kp_mcp_say(out, json_string_value(v));
    else if (json_is_real(v))
        kp_mcp_say_number(out, json_real_value(v));
    else if (json_is_integer(v))
        kp_buf_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        kp_buf_str(out, json_is_true(v) ? "true" : "false");
    else if (json_is_array(v))
        kp_buf_printf(out, "%zu values", json_array_size(v));
    else
        kp_buf_str(out, "no value");
}

void kp_mcp_say_value(struct kp_buf *out, const json_t *v, const json_t *enums, const char *unit)
{
    char key[24];
    snprintf(key, sizeof key, "%lld", json_is_integer(v) ? (long long)json_integer_value(v) : 0LL);
    const char *word = json_is_integer(v) ? json_string_value(json_object_get(enums, key)) : NULL;
    if (word)
        kp_mcp_say(out, word);
    else
        say_scalar(out, v);
    if (*unit && json_is_number(v) && !word) {
        kp_buf_str(out, " ");
        kp_mcp_say(out, unit);
    }
}

const char *kp_mcp_member(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

const char *kp_mcp_unit(const json_t *signal)
{
    const char *text = kp_mcp_member(signal, "unitText");
    return *text ? text : kp_mcp_member(signal, "unit");
}
