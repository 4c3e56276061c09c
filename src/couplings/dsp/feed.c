/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/dsp/feed.h"

#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { DEPTH = 10 };

void kp_feed_begin(struct kp_feed *f, bool events, kp_feed_take *take, void *arg)
{
    *f = (struct kp_feed){ .take = take, .arg = arg, .events = events };
    kp_buf_init(&f->line, events ? KP_FEED_EVENT_MAX : KP_FEED_LINE_MAX);
    kp_buf_init(&f->data, KP_FEED_EVENT_MAX);
}

void kp_feed_end(struct kp_feed *f)
{
    kp_buf_free(&f->line);
    kp_buf_free(&f->data);
}

/* ---- one object ---- */
bool kp_feed_path(const char *path, int function, char out[KP_PATH_MAX])
{
    int n = snprintf(out, KP_PATH_MAX, "%s%s%s", path, function < 0 ? "" : "-",
                     function < 0 ? "" : kp_function_words[function]);
    return n > 0 && n < KP_PATH_MAX && kp_path_valid(out);
}

static bool time_of(const json_t *o, const char *key, int64_t *at)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text && kp_time_parse(text, at);
}

static bool read_function(const json_t *o, int *function)
{
    const json_t *said = json_object_get(o, "function");
    *function = -1;
    if (!said || json_is_null(said))
        return true;
    for (int i = 0; i < KP_FUNCTIONS && json_is_string(said); i++)
        if (strcmp(kp_function_words[i], json_string_value(said)) == 0)
            *function = i;
    return *function >= 0;
}

static bool read_value(const json_t *o, struct kp_fed *d)
{
    const json_t *status = json_object_get(o, "status");
    json_int_t code = status ? json_integer_value(status) : 0;
    d->value = json_object_get(o, "value");
    d->status = (uint32_t)code;
    return d->value && kp_path_valid(d->path) && time_of(o, "time", &d->at) && (!status || json_is_integer(status)) && code >= 0 &&
           code <= UINT32_MAX && read_function(o, &d->function);
}

static bool read_interval(const json_t *o, struct kp_fed *d)
{
    const json_t *end = json_object_get(o, "end"), *id = json_object_get(o, "id");
    const char *kind = json_string_value(json_object_get(o, "kind"));
    d->what = KP_FED_INTERVAL;
    d->end = KP_FOREVER;
    d->attributes = json_object_get(o, "attributes");
    if (json_is_integer(id))
        snprintf(d->key, sizeof d->key, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    else if (json_is_string(id))
        kp_name_clean(d->key, sizeof d->key, json_string_value(id), json_string_length(id));
    if (!json_is_object(d->attributes))
        d->attributes = NULL;
    return kind && kp_interval_kind_parse(kind, &d->kind) &&
           (!*d->path || kp_path_valid(d->path)) && time_of(o, "start", &d->at) && d->key[0] &&
           (!end || json_is_null(end) || (time_of(o, "end", &d->end) && d->end >= d->at));
}

static void note_bad(struct kp_feed *f)
{
    f->bad_line = f->bad++ ? f->bad_line : f->lines;
}

static enum kp_code take_object(struct kp_feed *f, const json_t *o, struct kp_err *err)
{
    struct kp_fed d = { .path = json_string_value(json_object_get(o, "path")), .reason = "" };
    const json_t *end = json_object_get(o, "end");
    if (json_is_boolean(end)) {
        const char *reason = json_string_value(json_object_get(o, "reason"));
        d.what = KP_FED_END;
        d.whole = f->whole = json_is_true(end);
        d.reason = reason ? reason : "";
        f->ended = true;
        return f->take(f->arg, &d, err);
    }
    bool good = d.path && (json_object_get(o, "kind") ? read_interval(o, &d) : read_value(o, &d));
    f->taken += good;
    if (!good)
        note_bad(f);
    return good ? f->take(f->arg, &d, err) : KP_OK;
}

/* ---- lines ---- */
static enum kp_code take_line(struct kp_feed *f, struct kp_err *err)
{
    const char *text = kp_buf_text(&f->line);
    struct kp_err why = { 0 };
    if (!f->line.len || strspn(text, " \t\r") == f->line.len)
        return KP_OK;
    if (f->ended)
        return kp_fail(err, KP_EPEER, "the partner goes on behind the end");
    json_t *o = kp_json_object(text, f->line.len, "line", DEPTH, &why);
    if (o)
        take_object(f, o, err);
    else if (why.code == KP_ENOMEM)
        kp_fail(err, KP_ENOMEM, "%s", why.text);
    else
        note_bad(f);
    json_decref(o);
    return err->code;
}

/* ---- events ---- */
static enum kp_code take_values(struct kp_feed *f, struct kp_err *err)
{
    struct kp_buf whole;
    struct kp_err why = { 0 };
    kp_buf_init(&whole, KP_FEED_EVENT_MAX + 16);
    kp_buf_printf(&whole, "{\"list\":%s}", kp_buf_text(&f->data));
    json_t *o = whole.failed ? NULL : kp_json_object(whole.data, whole.len, "event", DEPTH, &why);
    const json_t *list = json_object_get(o, "list");
    if (whole.failed || why.code == KP_ENOMEM)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (json_is_array(list))
        for (size_t i = 0; i < json_array_size(list) && !err->code; i++)
            take_object(f, json_array_get(list, i), err);
    else if (json_is_object(list))
        take_object(f, list, err);
    else
        note_bad(f);
    json_decref(o);
    kp_buf_free(&whole);
    return err->code;
}

static enum kp_code take_end(struct kp_feed *f, bool behind, struct kp_err *err)
{
    struct kp_err why = { 0 };
    json_t *o = kp_json_object(kp_buf_text(&f->data), f->data.len, "event", DEPTH, &why);
    const char *reason = json_string_value(json_object_get(o, "reason"));
    struct kp_fed d = { .what = behind ? KP_FED_BEHIND : KP_FED_END,
                        .reason = reason ? reason : "" };
    f->ended |= !behind;
    f->take(f->arg, &d, err);
    json_decref(o);
    return err->code;
}

static enum kp_code take_event(struct kp_feed *f, struct kp_err *err)
{
    bool behind = strcmp(f->event, "behind") == 0;
    if (behind || strcmp(f->event, "end") == 0)
        take_end(f, behind, err);
    else if (f->data.len && (strcmp(f->event, "values") == 0 || strcmp(f->event, "interval") == 0))
        take_values(f, err);
    f->event[0] = 0;
    f->data.len = 0;
    return err->code;
}

static enum kp_code take_field(struct kp_feed *f, struct kp_err *err)
{
    const char *text = kp_buf_text(&f->line), *colon = strchr(text, ':');
    size_t n = f->line.len;
    if (!n)
        return take_event(f, err);
    if (!colon || colon == text) /* a comment says only that somebody is there */
        return KP_OK;
    const char *value = colon + 1 + (colon[1] == ' ');
    if (strncmp(text, "event:", 6) == 0) {
        snprintf(f->event, sizeof f->event, "%.*s", (int)sizeof f->event - 1, value);
    } else if (strncmp(text, "data:", 5) == 0) {
        if (f->data.len)
            kp_buf_add(&f->data, "\n", 1);
        kp_buf_add(&f->data, value, n - (size_t)(value - text));
    }
    return f->data.failed
               ? kp_fail(err, KP_EPEER, "the partner sends an event of more than %d bytes",
                         KP_FEED_EVENT_MAX)
               : KP_OK;
}

/* ---- bytes ---- */
enum kp_code kp_feed_bytes(struct kp_feed *f, const char *bytes, size_t n, struct kp_err *err)
{
    while (n && !err->code) {
        const char *end = memchr(bytes, '\n', n);
        size_t piece = end ? (size_t)(end - bytes) : n;
        kp_buf_add(&f->line, bytes, piece);
        if (f->line.failed)
            return kp_fail(err, KP_EPEER, "the partner sends a line of more than %zu bytes",
                           f->line.limit);
        bytes += piece + (end != NULL);
        n -= piece + (end != NULL);
        if (!end)
            break;
        f->lines++;
        if (f->line.len && f->line.data[f->line.len - 1] == '\r')
            f->line.len--;
        if (f->events)
            take_field(f, err);
        else
            take_line(f, err);
        f->line.len = 0;
    }
    return err->code;
}
