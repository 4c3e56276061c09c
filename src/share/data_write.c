/* SPDX-License-Identifier: Apache-2.0 */
/* How values and intervals are written: JSON lines, CSV, or server-sent events that hold the lines.
 */
#include "share/data_private.h"

#include "core/csv.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static void put(struct kp_buf *out, const char *text, size_t n)
{
    char *p = kp_buf_room(out, n);
    if (!p)
        return;
    memcpy(p, text, n);
    out->len += n;
}
#define PUT(out, text) put(out, text, sizeof(text) - 1)

void data_writer_begin(struct data_writer *w, enum kp_data_form form, const struct kp_model *m,
                       const struct kp_terms *t)
{
    *w = (struct data_writer){ .form = form,
                               .model = m,
                               .functions =
                                   t->every ? (unsigned)__builtin_popcount(t->functions) : 0,
                               .which = t->functions };
    kp_buf_init(&w->before, 8 * KP_PATH_MAX);
}

/* ---- values ---- */
void data_put_head(struct data_writer *w, struct kp_buf *out)
{
    if (w->form == KP_DATA_CSV)
        kp_buf_printf(out, "time,path,value,status%s\r\n", w->functions ? ",function" : "");
    if (w->form == KP_DATA_EVENTS)
        PUT(out, "retry: 2000\n\n");
}

static void write_before(struct data_writer *w, const char *path)
{
    w->before.len = 0;
    if (w->form == KP_DATA_CSV) {
        kp_csv_put_text(&w->before, path, strlen(path));
        return;
    }
    struct kp_json j = kp_json(&w->before);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "path", path);
    PUT(&w->before, ",\"time\":");
}

static void find_path(struct data_writer *w, kp_signal id)
{
    char path[KP_PATH_MAX] = "";
    struct kp_model *m = (struct kp_model *)(uintptr_t)w->model;
    kp_model_lock(m);
    uint64_t version = kp_model_version(m);
    if (id != w->signal || version != w->version) {
        kp_model_signal_path(m, id, path, sizeof path);
        write_before(w, path);
    }
    kp_model_unlock(m);
    w->signal = id;
    w->version = version;
}

static void put_line(struct data_writer *w, const struct kp_sample *s, const char *function,
                     struct kp_buf *out)
{
    struct kp_json j = { .out = out, .minute = w->minute };
    put(out, w->before.data, w->before.len);
    kp_json_time(&j, s->at);
    PUT(out, ",\"value\":");
    j.comma = false;
    kp_json_value(&j, &s->value);
    if (s->status)
        kp_json_put_int(&j, "status", s->status);
    if (function)
        kp_json_put_text(&j, "function", function);
    PUT(out, "}");
    w->minute = j.minute;
}

static void put_row(const struct data_writer *w, const struct kp_sample *s, const char *function,
                    struct kp_buf *out)
{
    kp_csv_put_time(out, s->at);
    PUT(out, ",");
    put(out, w->before.data, w->before.len);
    PUT(out, ",");
    kp_csv_put_value(out, &s->value);
    kp_buf_printf(out, ",%u%s%s\r\n", s->status, function ? "," : "", function ? function : "");
}

/* A step gives one value for each function that was agreed, in their order. */
static const char *function_of(const struct data_writer *w, unsigned i)
{
    unsigned at = w->functions ? i % w->functions : 0;
    for (unsigned f = 0; w->functions && f < KP_FUNCTIONS; f++)
        if (w->which >> f & 1 && !at--)
            return kp_function_words[f];
    return NULL;
}

void data_put_values(struct data_writer *w, const struct kp_batch *b, struct kp_buf *out)
{
    kp_signal last = 0;
    if (b->n && w->form == KP_DATA_EVENTS)
        PUT(out, "event: values\ndata: [");
    for (unsigned i = 0; i < b->n; i++) {
        const struct kp_sample *s = &b->s[i];
        if (s->signal != last)
            find_path(w, s->signal);
        last = s->signal;
        if (i && w->form == KP_DATA_EVENTS)
            PUT(out, ",");
        if (w->form == KP_DATA_CSV)
            put_row(w, s, function_of(w, i), out);
        else
            put_line(w, s, function_of(w, i), out);
        if (w->form == KP_DATA_LINES)
            PUT(out, "\n");
    }
    if (b->n && w->form == KP_DATA_EVENTS)
        PUT(out, "]\n\n");
}

/* ---- intervals ---- */
void data_put_interval(struct data_writer *w, const struct kp_interval *v, bool removed,
                       struct kp_buf *out)
{
    char path[KP_PATH_MAX];
    struct kp_model *m = (struct kp_model *)(uintptr_t)w->model;
    kp_model_lock(m);
    kp_model_asset_path(m, v->asset, path, sizeof path);
    kp_model_unlock(m);
    if (w->form == KP_DATA_EVENTS)
        PUT(out, "event: interval\ndata: ");
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "id", v->id);
    kp_json_put_text(&j, "path", path);
    kp_json_put_text(&j, "kind", kp_interval_kind_name(v->kind));
    kp_json_put_time(&j, "start", v->start);
    kp_json_put_time(&j, "end", v->end);
    kp_json_key(&j, "attributes");
    kp_json_raw(&j, v->attributes && *v->attributes ? v->attributes : "{}");
    if (removed)
        kp_json_put_bool(&j, "removed", true);
    kp_json_end(&j, '}');
    PUT(out, "\n");
    if (w->form == KP_DATA_EVENTS)
        PUT(out, "\n");
}

/* ---- the end ---- */
void data_put_end(enum kp_data_form form, const char *why, const struct share_exit *x,
                  struct kp_buf *out)
{
    struct kp_json j = kp_json(out);
    if (form == KP_DATA_CSV) { /* which cannot say it: it breaks off */
        out->failed |= why != NULL;
        return;
    }
    if (form == KP_DATA_EVENTS)
        PUT(out, "event: end\ndata: ");
    kp_json_begin(&j, '{');
    if (form == KP_DATA_LINES)
        kp_json_put_bool(&j, "end", !why);
    if (why) {
        kp_json_put_text(&j, "reason", why);
    } else {
        kp_json_put_int(&j, "values", x->values);
        kp_json_put_int(&j, "intervals", x->intervals);
    }
    kp_json_end(&j, '}');
    PUT(out, "\n");
    if (form == KP_DATA_EVENTS)
        PUT(out, "\n");
}
