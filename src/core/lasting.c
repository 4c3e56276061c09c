/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals that couplings report. One that is open is known by how its attributes begin: the
 * coupling's name and its key. */
#include "core/hub_private.h"

#include "core/json.h"

#include <string.h>

#include "core/ban.h"

enum { ATTRIBUTES_MAX = 64 << 10 };

/* {"coupling":"dmu50","key":"..." and, unless it is only to be compared with, the rest. */
static bool write_attributes(struct kp_buf *out, const char *coupling, const char *key)
{
    struct kp_json j = kp_json(out);
    kp_buf_init(out, ATTRIBUTES_MAX);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "coupling", coupling);
    if (key)
        kp_json_put_text(&j, "key", key);
    return !out->failed;
}

static bool begins(const char *attributes, struct kp_buf *with)
{
    return attributes && strncmp(attributes, kp_buf_text(with), with->len) == 0 &&
           (attributes[with->len] == ',' || attributes[with->len] == '}');
}

struct finding {
    uint8_t kind;
    struct kp_buf *prefix;
    kp_asset asset;
    struct kp_interval found; /* id 0: none */
};

static bool find_one(void *arg, const struct kp_interval *v)
{
    struct finding *f = arg;
    if (v->kind != f->kind || v->asset != f->asset || !begins(v->attributes, f->prefix))
        return true;
    f->found = *v;
    return false;
}

struct telling {
    struct kp_coupling *c;
    const struct kp_lasting *lasting;
    struct kp_err *err;
};

static void put(struct telling *t, kp_asset asset, struct kp_buf *attributes)
{
    struct kp_model *m = t->c->hub->model;
    const struct kp_lasting *l = t->lasting;
    struct finding f = { .kind = l->kind, .prefix = attributes, .asset = asset };
    kp_model_open_intervals(m, asset, find_one, &f);
    if (!f.found.id && l->end != KP_FOREVER)
        return;
    if (l->attributes && *l->attributes)
        kp_buf_printf(attributes, ",%s", l->attributes);
    kp_buf_add(attributes, "}", 1);
    if (attributes->failed) {
        kp_fail(t->err, KP_EFULL, "the attributes of '%.80s' do not fit", l->key);
        return;
    }
    struct kp_interval v = f.found;
    if (!v.id)
        v = (struct kp_interval){ .asset = asset, .kind = l->kind, .start = l->start };
    else if (l->end == KP_FOREVER && strcmp(v.attributes, kp_buf_text(attributes)) == 0)
        return;
    v.end = l->end != KP_FOREVER && l->end < v.start ? v.start : l->end;
    if (l->end == KP_FOREVER || l->attributes)
        v.attributes = kp_buf_text(attributes);
    kp_model_put_interval(m, &v, t->err);
}

static void do_interval(void *arg)
{
    struct telling *t = arg;
    struct kp_model *m = t->c->hub->model;
    char path[KP_PATH_MAX];
    struct kp_buf attributes;
    if (hub_path_below(path, t->c->at, t->lasting->path, t->err))
        return;
    kp_asset asset = kp_model_find_asset(m, path);
    if (!asset && t->lasting->end != KP_FOREVER)
        return;
    if (!asset && !(asset = kp_model_make_path(m, path, KP_FOLDER, t->err)))
        return;
    if (write_attributes(&attributes, t->c->name, t->lasting->key))
        put(t, asset, &attributes);
    else
        kp_fail(t->err, KP_ENOMEM, "out of memory");
    kp_buf_free(&attributes);
}

enum kp_code kp_coupling_interval(struct kp_coupling *c, const struct kp_lasting *l,
                                  struct kp_err *err)
{
    struct telling t = { c, l, err };
    if (kp_hub_call(c->hub, do_interval, &t))
        return kp_fail(err, KP_ESTOPPED, "%s: stopping", c->name);
    return err->code ? kp_context(err, "%s", c->name) : KP_OK;
}

/* ---- closing those that are over ---- */
struct ending {
    struct kp_hub *hub;
    const char *coupling, *at_path;
    bool any; /* kind */
    uint8_t kind;
    const char *const *keep;
    size_t n;
    int64_t at;
    struct kp_err *err;
    struct kp_interval over; /* id 0: none left */
};

static bool find_over(void *arg, const struct kp_interval *v)
{
    struct ending *e = arg;
    struct kp_buf prefix;
    if (v->kind != e->kind && !e->any)
        return true;
    bool kept = !write_attributes(&prefix, e->coupling, NULL) || !begins(v->attributes, &prefix);
    kp_buf_free(&prefix);
    for (size_t i = 0; i < e->n && !kept; i++) {
        kept =
            !write_attributes(&prefix, e->coupling, e->keep[i]) || begins(v->attributes, &prefix);
        kp_buf_free(&prefix);
    }
    if (!kept)
        e->over = *v;
    return kept;
}

static void do_end(void *arg)
{
    struct ending *e = arg;
    struct kp_model *m = e->hub->model;
    for (;;) {
        e->over.id = 0;
        kp_model_open_intervals(m, kp_model_find_asset(m, e->at_path), find_over, e);
        if (!e->over.id)
            return;
        e->over.end = e->at < e->over.start ? e->over.start : e->at;
        if (!kp_model_put_interval(m, &e->over, e->err))
            return;
    }
}

enum kp_code kp_coupling_intervals_end(struct kp_coupling *c, uint8_t kind, const char *const *keep,
                                       size_t n, int64_t at, struct kp_err *err)
{
    struct ending e = { .hub = c->hub,
                        .coupling = c->name,
                        .at_path = c->at,
                        .kind = kind,
                        .keep = keep,
                        .n = n,
                        .at = at,
                        .err = err };
    if (kp_hub_call(c->hub, do_end, &e))
        return kp_fail(err, KP_ESTOPPED, "%s: stopping", c->name);
    return err->code ? kp_context(err, "%s", c->name) : KP_OK;
}

enum kp_code kp_hub_end_intervals(struct kp_hub *h, const char *coupling, struct kp_err *err)
{
    struct ending e = { .hub = h,
                        .coupling = coupling,
                        .at_path = "",
                        .any = true,
                        .at = kp_utc(h->clock),
                        .err = err };
    return kp_hub_call(h, do_end, &e) ? kp_fail(err, KP_ESTOPPED, "stopping") : err->code;
}
