/* SPDX-License-Identifier: Apache-2.0 */
/* Samples held because their time cannot be right: what they are, and what becomes of them. */
#include "store/quarantine.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

static struct kp_store *store(struct kp_request *r)
{
    return kp_node_store(r->node);
}

static struct kp_model *model(struct kp_request *r)
{
    return kp_hub_model(kp_node_hub(r->node));
}

/* ---- which ---- */

static enum kp_code find(struct kp_request *r, const char *coupling, const char *path, struct kp_held_filter *f,
                         struct kp_err *err)
{
    struct kp_coupling_view *view;
    size_t n;
    if (coupling) {
        if (kp_node_couplings(r->node, coupling, &r->arena, &view, &n, err))
            return err->code;
        f->coupling = view->id;
    }
    if (!path)
        return KP_OK;
    kp_model_lock(model(r));
    f->signal = kp_model_find_signal(model(r), path);
    bool may = kp_gate_signal(model(r), r->to, f->signal);
    kp_model_unlock(model(r));
    return may ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no signal '%.200s'", path);
}

/* ---- the list ---- */

struct listing {
    struct kp_request *r;
    struct kp_json j;
    size_t n;
    int64_t last;
    struct kp_coupling_view *couplings;
    size_t n_couplings;
};

static const char *coupling_name(const struct listing *l, uint16_t id)
{
    for (size_t i = 0; i < l->n_couplings; i++)
        if (l->couplings[i].id == id)
            return l->couplings[i].name;
    return NULL;
}

static bool put_held(void *arg, const struct kp_held_sample *s)
{
    struct listing *l = arg;
    char path[KP_PATH_MAX] = "";
    kp_model_lock(model(l->r));
    bool may = kp_gate_kept(model(l->r), l->r->to, s->sample.signal);
    if (kp_model_signal(model(l->r), s->sample.signal))
        kp_model_signal_path(model(l->r), s->sample.signal, path, sizeof path);
    kp_model_unlock(model(l->r));
    l->n++;
    l->last = s->id;
    if (!may)
        return !l->r->gone;
    kp_json_begin(&l->j, '{');
    kp_json_put_int(&l->j, "id", s->id);
    kp_json_put_text(&l->j, "coupling", coupling_name(l, s->coupling));
    kp_json_put_text(&l->j, "path", *path ? path : NULL);
    kp_json_put_time(&l->j, "received", s->received);
    kp_json_put_time(&l->j, "time", kp_time_usable(s->sample.at) ? s->sample.at : KP_NO_TIME);
    kp_json_key(&l->j, "value");
    kp_json_value(&l->j, &s->sample.value);
    kp_json_put_int(&l->j, "status", s->sample.status);
    kp_json_put_text(&l->j, "reason", s->reason);
    kp_json_end(&l->j, '}');
    return !l->r->gone && !l->r->reply.body.failed;
}

enum kp_code kp_route_quarantine(struct kp_request *r, struct kp_err *err)
{
    struct kp_held_filter f = { .from = kp_arg_int(r, "from"), .after = kp_arg_int(r, "after") };
    struct listing l = { .r = r, .j = kp_reply_json(r) };
    size_t limit = (size_t)kp_arg_int(r, "limit");
    if (find(r, kp_arg_text(r, "coupling"), kp_arg_text(r, "path"), &f, err) || kp_store_sync(store(r), err) ||
        kp_node_couplings(r->node, NULL, &r->arena, &l.couplings, &l.n_couplings, err))
        return err->code;
    struct kp_db *db = kp_store_reader(store(r), err);
    if (!db)
        return err->code;
    struct kp_store_stats stats = kp_store_stats(store(r));
    kp_json_begin(&l.j, '{');
    kp_json_put_int(&l.j, "held", (int64_t)stats.held);
    kp_json_key(&l.j, "samples");
    kp_json_begin(&l.j, '[');
    kp_held_list(db, &f, limit, put_held, &l, err);
    kp_json_end(&l.j, ']');
    kp_json_key(&l.j, "next");
    if (l.n == limit)
        kp_json_int(&l.j, l.last);
    else
        kp_json_null(&l.j);
    kp_json_end(&l.j, '}');
    kp_store_reader_done(store(r), db);
    return err->code;
}

/* ---- leaving ---- */

static enum kp_code read_filter(struct kp_request *r, const json_t *body, struct kp_held_filter *f, struct kp_err *err)
{
    const char *coupling, *path, *from;
    *f = (struct kp_held_filter){ .from = KP_NO_TIME };
    if (kp_body_text(body, "coupling", false, &coupling, err) || kp_body_text(body, "path", false, &path, err) ||
        kp_body_text(body, "from", false, &from, err))
        return err->code;
    const json_t *all = json_object_get(body, "all");
    if (all && !json_is_true(all))
        return kp_fail(err, KP_EINVALID, "all can only be true");
    if (!coupling && !path && !from && !all)
        return kp_fail(err, KP_EINVALID, "which samples? give coupling, path or from, or all: true");
    if (from && !kp_time_parse(from, &f->from))
        return kp_fail(err, KP_EINVALID, "from: '%.60s' is not a time such as 2026-11-24T10:00:00Z", from);
    return find(r, coupling, path, f, err);
}

static void put_count(struct kp_request *r, const char *word, const struct kp_held_count *n)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, word, (int64_t)n->done);
    kp_json_put_int(&j, "kept", (int64_t)n->kept);
    kp_json_end(&j, '}');
}

enum kp_code kp_route_quarantine_release(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "time", "coupling", "path", "from", "all", NULL };
    struct kp_held_filter f;
    struct kp_held_count n;
    const char *as;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "time", true, &as, err) && !read_filter(r, body, &f, err)) {
        bool source = strcmp(as, "source") == 0;
        if (!source && strcmp(as, "receive") != 0)
            kp_fail(err, KP_EINVALID, "time: '%.40s' is neither source nor receive", as);
        else if (!kp_held_release(store(r), &f, source ? KP_HELD_SOURCE : KP_HELD_RECEIVE, &n, err))
            put_count(r, "released", &n);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_quarantine_drop(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "coupling", "path", "from", "all", NULL };
    struct kp_held_filter f;
    struct kp_held_count n;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_filter(r, body, &f, err) && !kp_held_drop(store(r), &f, &n, err))
        put_count(r, "dropped", &n);
    json_decref(body);
    return err->code;
}
