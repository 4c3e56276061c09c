/* SPDX-License-Identifier: Apache-2.0 */
/* Time in state: how long each value of an attribute of intervals lasted, per step or shift. */
#include "store/interval_sum.h"
#include "web/routes.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { ASSETS_MAX = 1000 };

struct sum {
    struct kp_request *r;
    struct kp_json j;
    uint64_t step; /* the one that is being written; 0 = none */
};

static bool put_value(void *arg, const struct kp_sum *v)
{
    struct sum *s = arg;
    if (v->step != s->step) {
        if (s->step) {
            kp_json_end(&s->j, ']');
            kp_json_end(&s->j, '}');
        }
        s->step = v->step;
        kp_json_begin(&s->j, '{');
        kp_json_put_time(&s->j, "from", v->from);
        kp_json_put_time(&s->j, "to", v->to);
        kp_json_put_text(&s->j, "shift", v->name);
        kp_json_key(&s->j, "values");
        kp_json_begin(&s->j, '[');
    }
    kp_json_begin(&s->j, '{');
    kp_json_put_text(&s->j, "value", v->value);
    kp_json_put_int(&s->j, "ns", v->ns);
    kp_json_put_int(&s->j, "began", (int64_t)v->began);
    kp_json_put_int(&s->j, "open", (int64_t)v->open);
    kp_json_end(&s->j, '}');
    return !s->r->gone && !s->r->reply.body.failed;
}

/* ---- which assets ---- */

struct asset {
    kp_asset id;
    const char *path; /* in the request's arena */
};

struct assets {
    struct kp_request *r;
    struct asset *list;
    size_t n, room, first; /* first: of the pattern being matched */
    const char *pattern;
    struct kp_err *err;
};

static bool add_asset(struct assets *a, kp_asset id, const char *path)
{
    if (a->n == ASSETS_MAX)
        return kp_fail(a->err, KP_EFULL, "more than %d assets match: ask for fewer", ASSETS_MAX) ==
               KP_OK;
    const char *copy = kp_arena_strdup(&a->r->arena, path);
    if (!copy || !kp_grow(&a->list, &a->room, a->n + 1, sizeof *a->list))
        return kp_fail(a->err, KP_ENOMEM, "out of memory") == KP_OK;
    a->list[a->n++] = (struct asset){ id, copy };
    return true;
}

static struct kp_model *model(const struct kp_request *r)
{
    return kp_hub_model(kp_node_hub(r->node));
}

static bool match_asset(void *arg, kp_asset id)
{
    struct assets *a = arg;
    char path[KP_PATH_MAX] = "";
    kp_model_lock(model(a->r));
    bool known = kp_model_asset(model(a->r), id) && kp_gate_asset(model(a->r), a->r->to, id);
    if (known)
        kp_model_asset_path(model(a->r), id, path, sizeof path);
    kp_model_unlock(model(a->r));
    return !known || !kp_pattern_match(a->pattern, path) || add_asset(a, id, path);
}

static int by_path(const void *x, const void *y)
{
    const struct asset *a = x, *b = y;
    return strcmp(a->path, b->path);
}

static void find_assets(struct assets *a, struct kp_db *db, uint8_t kind)
{
    if (!kp_pattern_plain(a->pattern)) {
        a->first = a->n;
        kp_interval_assets(db, kind, match_asset, a, a->err);
        if (a->n > a->first)
            qsort(a->list + a->first, a->n - a->first, sizeof *a->list, by_path);
        return;
    }
    kp_model_lock(model(a->r));
    kp_asset id = kp_model_find_asset(model(a->r), a->pattern);
    bool may = kp_gate_asset(model(a->r), a->r->to, id);
    kp_model_unlock(model(a->r));
    if ((id || !*a->pattern) && may)
        add_asset(a, id, a->pattern);
    else
        kp_fail(a->err, KP_ENOTFOUND, "there is no asset '%.160s'", a->pattern);
}

/* ---- the request ---- */

static enum kp_code read_query(struct kp_request *r, struct kp_sum_query *q, struct kp_err *err)
{
    const struct kp_arg *from = kp_arg_get(r, "from"), *to = kp_arg_get(r, "to"),
                        *by = kp_arg_get(r, "by");
    const int64_t day = 86400 * KP_SECOND;
    *q = (struct kp_sum_query){ .now = r->now, .attribute = kp_arg_text(r, "attribute") };
    q->without = kp_gate_label(r->to, KP_SECRET) ? NULL : kp_label_name(KP_SECRET);
    kp_interval_kind_parse(kp_arg_text(r, "kind"), &q->kind);
    q->to = to->given ? to->number : r->now;
    q->from = from->given ? from->number : q->to < INT64_MIN + day ? INT64_MIN : q->to - day;
    q->every = kp_arg_int(r, "every");
    if (by->given)
        q->by = (enum kp_sum_by)(KP_SUM_SHIFT + by->number);
    return by->given && q->every ? kp_fail(err, KP_EINVALID, "give every or by, not both") : KP_OK;
}

static void put_assets(struct sum *s, const struct assets *a, struct kp_db *db,
                       struct kp_sum_query *q, struct kp_err *err)
{
    for (size_t i = 0; i < a->n && !err->code && !s->r->gone && !s->r->reply.body.failed; i++) {
        q->asset = a->list[i].id;
        s->step = 0;
        kp_json_begin(&s->j, '{');
        kp_json_put_text(&s->j, "path", a->list[i].path);
        kp_json_put_int(&s->j, "id", q->asset);
        kp_json_key(&s->j, "steps");
        kp_json_begin(&s->j, '[');
        kp_interval_sum(db, q, put_value, s, err);
        if (s->step) {
            kp_json_end(&s->j, ']');
            kp_json_end(&s->j, '}');
        }
        kp_json_end(&s->j, ']');
        kp_json_end(&s->j, '}');
    }
}

enum kp_code kp_route_interval_sum(struct kp_request *r, struct kp_err *err)
{
    struct kp_sum_query q;
    struct kp_db *db = read_query(r, &q, err) ? NULL : kp_store_reader(kp_node_store(r->node), err);
    if (!db)
        return err->code;
    struct assets a = { .r = r, .err = err };
    struct sum s = { .r = r, .j = kp_reply_json(r) };
    for (size_t pos = 0; !err->code && (a.pattern = kp_query_next(&r->query, "asset", &pos));)
        find_assets(&a, db, q.kind);
    kp_json_begin(&s.j, '{');
    kp_json_put_time(&s.j, "from", q.from);
    kp_json_put_time(&s.j, "to", q.to);
    kp_json_put_text(&s.j, "kind", kp_interval_kind_name(q.kind));
    kp_json_put_text(&s.j, "attribute", q.attribute ? q.attribute : kp_interval_attribute(q.kind));
    kp_json_key(&s.j, "assets");
    kp_json_begin(&s.j, '[');
    put_assets(&s, &a, db, &q, err);
    kp_json_end(&s.j, ']');
    kp_json_end(&s.j, '}');
    kp_store_reader_done(kp_node_store(r->node), db);
    kp_free(a.list);
    return err->code;
}
