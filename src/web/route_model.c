/* SPDX-License-Identifier: Apache-2.0 */
/* Assets, signals and the tree of both. */
#include "share/share.h"
#include "web/body.h"
#include "web/routes.h"
#include "web/view.h"

#include <string.h>

#include "core/ban.h"

static struct kp_model *model(struct kp_request *r)
{
    return kp_hub_model(kp_node_hub(r->node));
}

/* ---- one page of a list: written in slices, so that the lock is held shortly ---- */

enum { SLICE = 500 };

static enum kp_code no_memory(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory");
}

static void put_agreement(struct kp_json *j, struct kp_share *share, uint16_t coupling)
{
    char agreement[KP_DSP_ID];
    kp_json_put_text(j, "agreement",
                     kp_share_provenance(share, coupling, agreement) ? agreement : NULL);
}

static void put_signal(struct kp_request *r, struct kp_json *j, const struct kp_model *m, kp_signal id)
{
    const struct kp_signal_info *s = kp_model_signal(m, id);
    if (!s)
        return;
    char path[KP_PATH_MAX];
    kp_model_signal_path(m, id, path, sizeof path);
    kp_json_begin(j, '{');
    kp_view_signal(j, m, s, path);
    put_agreement(j, kp_node_share(r->node), s->coupling);
    kp_json_end(j, '}');
}

typedef void view_signal(struct kp_json *, const struct kp_model *, const struct kp_signal_info *, const char *path);

struct page {
    struct kp_json j;
    const struct kp_model *m;
    enum kp_recipient to;
    view_signal *put;
    struct kp_share *share; /* to say where each is from; NULL: not asked */
    size_t n;
    char last[KP_PATH_MAX]; /* that was put */
};

static void put_one(void *arg, kp_signal id, const char *path)
{
    struct page *page = arg;
    if (!kp_gate_signal(page->m, page->to, id))
        return;
    page->n++;
    memcpy(page->last, path, strlen(path) + 1);
    kp_json_begin(&page->j, '{');
    const struct kp_signal_info *s = kp_model_signal(page->m, id);
    page->put(&page->j, page->m, s, path);
    if (page->share)
        put_agreement(&page->j, page->share, s->coupling);
    kp_json_end(&page->j, '}');
}

/* One page of signals, under `name`, each as `put` writes it. */
static void put_page(struct kp_request *r, const char *name, view_signal *put)
{
    const char *match = kp_arg_text(r, "match"), *pattern = match ? match : "", *first = kp_arg_text(r, "after");
    size_t limit = (size_t)kp_arg_int(r, "limit"), n;
    char after[KP_PATH_MAX] = "";
    kp_signal beyond;
    if (first)
        memcpy(after, first, strlen(first) + 1); /* checked: shorter than KP_PATH_MAX */
    struct page page = { .j = kp_reply_json(r), .m = model(r), .to = r->to, .put = put,
                         .share = put == kp_view_signal ? kp_node_share(r->node) : NULL };
    kp_json_begin(&page.j, '{');
    kp_json_key(&page.j, name);
    kp_json_begin(&page.j, '[');
    do {
        kp_model_lock(model(r));
        n = limit - page.n < SLICE ? limit - page.n : SLICE;
        n = kp_model_each(page.m, pattern, after, n, put_one, &page);
        kp_model_unlock(model(r));
    } while (n && page.n < limit && !r->reply.body.failed);
    kp_json_end(&page.j, ']');
    kp_model_lock(model(r));
    bool rest = n && kp_model_match(page.m, pattern, after, &beyond, 1);
    kp_model_unlock(model(r));
    kp_json_put_text(&page.j, "next", rest ? page.last : NULL);
    kp_json_end(&page.j, '}');
}

enum kp_code kp_route_signals(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    put_page(r, "signals", kp_view_signal);
    return KP_OK;
}

enum kp_code kp_route_values(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    put_page(r, "values", kp_view_value);
    return KP_OK;
}

static bool asset_matches(const struct kp_model *m, kp_asset id, const char *pattern)
{
    char path[KP_PATH_MAX];
    kp_model_asset_path(m, id, path, sizeof path);
    return !pattern || kp_pattern_match(pattern, path);
}

/* Writes assets from *at on, looking at no more than SLICE of them; false at the end. */
static bool put_assets(struct kp_request *r, struct kp_json *j, const char *pattern, kp_asset *at, size_t *left)
{
    const struct kp_model *m = model(r);
    for (size_t seen = 0; seen < SLICE && *left; seen++) {
        kp_asset next = kp_view_asset_after(m, *at);
        if (!next)
            return false;
        *at = next;
        if (!asset_matches(m, next, pattern) || !kp_gate_asset(m, r->to, next))
            continue;
        kp_json_begin(j, '{');
        kp_view_asset(j, m, kp_model_asset(m, next), r->to);
        kp_json_end(j, '}');
        --*left;
    }
    return *left;
}

static kp_asset find_asset(struct kp_request *r, const char *path)
{
    kp_model_lock(model(r));
    kp_asset id = kp_model_find_asset(model(r), path);
    bool may = kp_gate_asset(model(r), r->to, id);
    kp_model_unlock(model(r));
    return may ? id : 0;
}

enum kp_code kp_route_assets(struct kp_request *r, struct kp_err *err)
{
    const char *after = kp_arg_text(r, "after"), *pattern = kp_arg_text(r, "match");
    size_t left = (size_t)kp_arg_int(r, "limit");
    kp_asset at = after ? find_asset(r, after) : 0;
    if (after && *after && !at)
        return kp_fail(err, KP_ENOTFOUND, "after: there is no asset '%.120s' any more; start the list again", after);
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "assets");
    kp_json_begin(&j, '[');
    bool more;
    do {
        kp_model_lock(model(r));
        more = put_assets(r, &j, pattern, &at, &left);
        kp_model_unlock(model(r));
    } while (more && !r->reply.body.failed);
    kp_json_end(&j, ']');
    char path[KP_PATH_MAX] = "";
    kp_model_lock(model(r));
    kp_asset next = left ? 0 : kp_view_asset_after(model(r), at);
    kp_model_asset_path(model(r), at, path, sizeof path);
    kp_model_unlock(model(r));
    kp_json_put_text(&j, "next", next ? path : NULL);
    kp_json_end(&j, '}');
    return KP_OK;
}

/* ---- the tree ---- */

struct tree {
    struct kp_request *r;
    struct kp_json j;
    bool signals;
    struct kp_err *err;
};

struct children {
    size_t n_assets, n_signals;
    kp_asset *assets;
    kp_signal *signals;
};

/* Of those that may go where the reply goes. */
static void keep_open(struct tree *t, struct children *c)
{
    size_t n = c->n_assets;
    for (size_t i = c->n_assets = 0; i < n; i++)
        if (kp_gate_asset(model(t->r), t->r->to, c->assets[i]))
            c->assets[c->n_assets++] = c->assets[i];
    n = c->n_signals;
    for (size_t i = c->n_signals = 0; i < n; i++)
        if (kp_gate_signal(model(t->r), t->r->to, c->signals[i]))
            c->signals[c->n_signals++] = c->signals[i];
}

/* Copies the children's numbers, so that the lock can be let go between slices. */
static bool copy_children(struct tree *t, kp_asset id, struct children *c)
{
    const kp_asset *assets;
    const kp_signal *signals;
    c->n_assets = kp_model_child_assets(model(t->r), id, &assets);
    c->n_signals = kp_model_child_signals(model(t->r), id, &signals);
    if (c->n_assets)
        c->assets = kp_arena_copy(&t->r->arena, assets, c->n_assets * sizeof *assets);
    if (c->n_signals)
        c->signals = kp_arena_copy(&t->r->arena, signals, c->n_signals * sizeof *signals);
    bool copied = !c->assets == !c->n_assets && !c->signals == !c->n_signals;
    if (copied)
        keep_open(t, c);
    return copied;
}

struct counts {
    unsigned signals, good, uncertain, bad, stale;
};

static void count_signal(const struct kp_model *m, kp_signal id, struct counts *c)
{
    if (!kp_model_signal(m, id))
        return;
    struct kp_now now = kp_model_now(m, id);
    unsigned severity = now.known ? kp_status_severity(now.sample.status) : 2;
    c->signals++;
    if (now.stale)
        c->stale++;
    else if (severity == 0)
        c->good++;
    else
        *(severity == 1 ? &c->uncertain : &c->bad) += 1;
}

static void put_counts(struct tree *t, const struct children *c)
{
    struct counts n = { 0 };
    for (size_t i = 0; i < c->n_signals;) {
        kp_model_lock(model(t->r));
        for (size_t end = i + SLICE; i < c->n_signals && i < end; i++)
            count_signal(model(t->r), c->signals[i], &n);
        kp_model_unlock(model(t->r));
    }
    kp_json_key(&t->j, "counts");
    kp_json_begin(&t->j, '{');
    kp_json_put_int(&t->j, "signals", n.signals);
    kp_json_put_int(&t->j, "good", n.good);
    kp_json_put_int(&t->j, "uncertain", n.uncertain);
    kp_json_put_int(&t->j, "bad", n.bad);
    kp_json_put_int(&t->j, "stale", n.stale);
    kp_json_end(&t->j, '}');
}

static void put_tree_signals(struct tree *t, const struct children *c)
{
    kp_json_key(&t->j, "signals");
    kp_json_begin(&t->j, '[');
    for (size_t i = 0; i < c->n_signals;) {
        kp_model_lock(model(t->r));
        for (size_t end = i + SLICE; i < c->n_signals && i < end; i++)
            put_signal(t->r, &t->j, model(t->r), c->signals[i]);
        kp_model_unlock(model(t->r));
    }
    kp_json_end(&t->j, ']');
}

static void put_tree(struct tree *t, kp_asset id, int64_t depth)
{
    struct children c = { 0 };
    kp_model_lock(model(t->r));
    const struct kp_asset_info *a = kp_model_asset(model(t->r), id);
    bool copied = copy_children(t, id, &c);
    if (a && copied) { /* else: removed meanwhile */
        kp_json_begin(&t->j, '{');
        kp_view_asset(&t->j, model(t->r), a, t->r->to);
    }
    kp_model_unlock(model(t->r));
    if (!copied)
        no_memory(t->err);
    if (!copied || !a)
        return;
    put_counts(t, &c);
    if (t->signals)
        put_tree_signals(t, &c);
    kp_json_put_int(&t->j, "children", (int64_t)c.n_assets);
    kp_json_key(&t->j, "assets");
    kp_json_begin(&t->j, '[');
    for (size_t i = 0; depth > 0 && i < c.n_assets && !t->err->code && !t->r->reply.body.failed; i++)
        put_tree(t, c.assets[i], depth - 1);
    kp_json_end(&t->j, ']');
    kp_json_end(&t->j, '}');
}

static enum kp_code no_asset(const char *path, struct kp_err *err)
{
    return kp_fail(err, KP_ENOTFOUND, "there is no asset '%.160s'", path);
}

enum kp_code kp_route_tree(struct kp_request *r, struct kp_err *err)
{
    const char *path = kp_arg_text(r, "path");
    kp_asset id = path ? find_asset(r, path) : 0;
    if (path && *path && !id)
        return no_asset(path, err);
    struct tree t = { .r = r, .j = kp_reply_json(r), .signals = kp_arg_int(r, "signals"), .err = err };
    put_tree(&t, id, kp_arg_int(r, "depth"));
    return err->code;
}

/* ---- one asset ---- */

static enum kp_code reply_asset(struct kp_request *r, const char *path, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_model_lock(model(r));
    kp_asset id = kp_model_find_asset(model(r), path);
    if (id) {
        kp_json_begin(&j, '{');
        kp_view_asset(&j, model(r), kp_model_asset(model(r), id), r->to);
        kp_json_end(&j, '}');
    }
    kp_model_unlock(model(r));
    return id ? KP_OK : no_asset(path, err);
}

/* Of the one that the query names: to whom it may not go it is not there. */
static enum kp_code need_asset(struct kp_request *r, struct kp_err *err)
{
    const char *path = kp_arg_text(r, "path");
    return find_asset(r, path) ? KP_OK : no_asset(path, err);
}

enum kp_code kp_route_asset(struct kp_request *r, struct kp_err *err)
{
    return need_asset(r, err) ? err->code : reply_asset(r, kp_arg_text(r, "path"), err);
}

static const char *field(const struct kp_field *fields, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].key, key) == 0)
            return fields[i].value;
    return NULL;
}

enum kp_code kp_route_asset_make(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    const char *path = NULL;
    struct kp_field *fields;
    size_t n;
    if (body && !kp_body_text(body, "path", true, &path, err) &&
        !kp_body_fields(body, NULL, "path", "nameplate", &r->arena, &fields, &n, err) &&
        !kp_node_make_asset(r->node, path, fields, n, err) && !reply_asset(r, path, err))
        r->reply.status = 201;
    json_decref(body);
    return err->code;
}

static const struct kp_body_key signal_keys[] = {
    { "low", KP_BODY_NUMBER }, { "high", KP_BODY_NUMBER }, { "stored", KP_BODY_TRUTH }, { "writable", KP_BODY_TRUTH }, { NULL, 0 },
};

/* A change of an asset or signal: the fields of the body, then the thing as it is now. */
static enum kp_code change(struct kp_request *r, enum kp_code (*need)(struct kp_request *, struct kp_err *),
                           enum kp_code (*apply)(struct kp_node *, const char *, const struct kp_field *, size_t,
                                                 struct kp_err *),
                           enum kp_code (*reply)(struct kp_request *, const char *, struct kp_err *),
                           const struct kp_body_key *keys, const char *flatten, struct kp_err *err)
{
    const char *path = kp_arg_text(r, "path");
    struct kp_field *fields;
    size_t n;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !need(r, err) && !kp_body_fields(body, keys, NULL, flatten, &r->arena, &fields, &n, err) &&
        !apply(r->node, path, fields, n, err)) {
        const char *moved = field(fields, n, "path");
        reply(r, moved ? moved : path, err);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_asset_change(struct kp_request *r, struct kp_err *err)
{
    return change(r, need_asset, kp_node_change_asset, reply_asset, NULL, "nameplate", err);
}

static enum kp_code no_content(struct kp_request *r, enum kp_code code)
{
    if (!code)
        r->reply.status = 204;
    return code;
}

enum kp_code kp_route_asset_remove(struct kp_request *r, struct kp_err *err)
{
    return need_asset(r, err) ? err->code : no_content(r, kp_node_remove_asset(r->node, kp_arg_text(r, "path"), err));
}

/* ---- one signal ---- */

static enum kp_code reply_signal(struct kp_request *r, const char *path, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_model_lock(model(r));
    kp_signal id = kp_model_find_signal(model(r), path);
    if (id)
        put_signal(r, &j, model(r), id);
    kp_model_unlock(model(r));
    return id ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no signal '%.160s'", path);
}

static enum kp_code need_signal(struct kp_request *r, struct kp_err *err)
{
    const char *path = kp_arg_text(r, "path");
    kp_model_lock(model(r));
    bool may = kp_gate_signal(model(r), r->to, kp_model_find_signal(model(r), path));
    kp_model_unlock(model(r));
    return may ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no signal '%.160s'", path);
}

enum kp_code kp_route_signal(struct kp_request *r, struct kp_err *err)
{
    return need_signal(r, err) ? err->code : reply_signal(r, kp_arg_text(r, "path"), err);
}

enum kp_code kp_route_signal_change(struct kp_request *r, struct kp_err *err)
{
    return change(r, need_signal, kp_node_change_signal, reply_signal, signal_keys, NULL, err);
}

enum kp_code kp_route_signal_remove(struct kp_request *r, struct kp_err *err)
{
    return need_signal(r, err) ? err->code : no_content(r, kp_node_remove_signal(r->node, kp_arg_text(r, "path"), err));
}

enum kp_code kp_route_write(struct kp_request *r, struct kp_err *err)
{
    static const char *const keys[] = { "value", NULL };
    json_t *body = kp_body_object(r->body, r->body_len, keys, err);
    const json_t *value = json_object_get(body, "value");
    const char *text = NULL;
    if (body && (!value || json_is_null(value)))
        kp_fail(err, KP_EINVALID, "'value' is missing in the body");
    else if (body && !need_signal(r, err) && !kp_body_value(value, &r->arena, &text, err)) {
        kp_request_note(r, "%s", text);
        no_content(r, kp_node_write(r->node, kp_arg_text(r, "path"), text, err));
    }
    json_decref(body);
    return err->code;
}
