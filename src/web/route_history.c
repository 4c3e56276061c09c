/* SPDX-License-Identifier: Apache-2.0 */
/* What was: points, aggregates and intervals. */
#include "core/csv.h"
#include "store/history.h"
#include "web/body.h"
#include "web/routes.h"
#include "web/view.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static struct kp_model *model(struct kp_request *r)
{
    return kp_hub_model(kp_node_hub(r->node));
}

/* from and to, or the last `standard` ns. */
static enum kp_code read_range(struct kp_request *r, int64_t standard, int64_t *from, int64_t *to,
                               struct kp_err *err)
{
    const struct kp_arg *f = kp_arg_get(r, "from"), *t = kp_arg_get(r, "to");
    *to = t->given ? t->number : r->now + 1;
    *from = f->given ? f->number : *to < INT64_MIN + standard ? INT64_MIN : *to - standard;
    if (*from >= *to)
        return kp_fail(err, KP_EINVALID, "from must be before to");
    return KP_OK;
}

/* ---- points as they came ---- */

/* Where a page ended: "TIME,K" = K points of time TIME (ns) were given. */
struct cursor {
    int64_t at;
    uint64_t given;
};

static enum kp_code read_cursor(const char *text, struct cursor *c, struct kp_err *err)
{
    char *end;
    errno = 0;
    c->at = strtoll(text, &end, 10);
    bool good = end != text && *end == ',' && end[1] >= '0' && end[1] <= '9';
    c->given = good ? strtoull(end + 1, &end, 10) : 0;
    if (!good || *end || errno)
        return kp_fail(err, KP_EINVALID, "after must be the 'next' of an earlier reply");
    return KP_OK;
}

struct points {
    struct kp_request *r;
    struct kp_json j;
    struct kp_db *db;
    int64_t from, to;
    size_t limit, budget; /* a series; all together */
    const char *after;
};

static void put_point(struct kp_json *j, const struct kp_sample *s)
{
    kp_json_begin(j, '[');
    kp_json_time(j, s->at);
    kp_json_value(j, &s->value);
    kp_json_uint(j, s->status);
    kp_json_end(j, ']');
}

static enum kp_code put_points(struct points *p, kp_signal id, struct kp_err *err)
{
    struct cursor at = { .at = p->from };
    if (p->after && read_cursor(p->after, &at, err))
        return err->code;
    struct kp_history *h = kp_history_open(p->db, id, at.at > p->from ? at.at : p->from, p->to, err);
    if (!h)
        return err->code;
    struct kp_sample s;
    uint64_t skip = at.given;
    size_t n = 0, most = p->limit < p->budget ? p->limit : p->budget;
    bool more = false;
    kp_json_begin(&p->j, '[');
    while (!p->r->gone && !p->r->reply.body.failed && kp_history_next(h, &s, err)) {
        if (skip && s.at == at.at) {
            skip--;
            continue;
        }
        more = n == most;
        if (more)
            break;
        put_point(&p->j, &s);
        at = s.at == at.at ? (struct cursor){ s.at, at.given + 1 } : (struct cursor){ s.at, 1 };
        skip = 0;
        n++;
    }
    kp_json_end(&p->j, ']');
    kp_history_close(h);
    p->budget -= n;
    char next[48] = "";
    snprintf(next, sizeof next, "%" PRId64 ",%" PRIu64, at.at, at.given);
    kp_json_put_text(&p->j, "next", more ? next : NULL);
    return err->code;
}

/* ---- aggregates ---- */

enum { FN_MIN = 1, FN_MEAN = 2, FN_MAX = 4, FN_FIRST = 8, FN_LAST = 16, FN_TIME_MEAN = 32, FN_GOOD = 64, FN_BAD = 128 };

static const struct {
    const char *name;
    unsigned bit;
} functions[] = {
    { "min", FN_MIN },     { "mean", FN_MEAN }, { "max", FN_MAX },
    { "first", FN_FIRST }, { "last", FN_LAST },
    { "timeMean", FN_TIME_MEAN }, { "goodShare", FN_GOOD }, { "badShare", FN_BAD },
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static enum kp_code read_functions(const char *text, unsigned *bits, struct kp_err *err)
{
    *bits = text && *text ? 0 : FN_MIN | FN_MEAN | FN_MAX | FN_FIRST | FN_LAST;
    for (const char *p = text; p && *p;) {
        size_t len = strcspn(p, ","), i = 0;
        while (i < FUNCTIONS && (strlen(functions[i].name) != len || memcmp(functions[i].name, p, len) != 0))
            i++;
        if (i == FUNCTIONS)
            return kp_fail(err, KP_EINVALID,
                           "fn: '%.*s' is none of min, mean, max, first, last, timeMean, goodShare, badShare", len < 40 ? (int)len : 40, p);
        *bits |= functions[i].bit;
        p += len + (p[len] == ',');
    }
    return KP_OK;
}

struct buckets {
    struct kp_request *r;
    struct kp_json j;
    unsigned bits;
};

static double share(const struct kp_bucket *b, int64_t ns)
{
    return (double)ns / ((double)b->to - (double)b->from);
}

/* As `functions` has them. */
static void bucket_values(const struct kp_bucket *b, double values[FUNCTIONS])
{
    const struct kp_chunk_summary *p = &b->points;
    const double all[FUNCTIONS] = { p->min, p->good ? p->sum / (double)p->good : NAN, p->max, p->first, p->last,
                                    b->time_mean, share(b, b->good_ns), share(b, b->bad_ns) };
    memcpy(values, all, sizeof all);
}

static bool put_bucket(void *arg, const struct kp_bucket *b)
{
    struct buckets *k = arg;
    const struct kp_chunk_summary *p = &b->points;
    double values[FUNCTIONS];
    bucket_values(b, values);
    kp_json_begin(&k->j, '{');
    kp_json_put_time(&k->j, "from", b->from);
    kp_json_put_time(&k->j, "to", b->to);
    kp_json_put_int(&k->j, "n", (int64_t)p->n);
    kp_json_put_int(&k->j, "bad", (int64_t)p->bad);
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (k->bits & functions[i].bit) {
            kp_json_key(&k->j, functions[i].name);
            kp_json_double(&k->j, values[i]);
        }
    kp_json_end(&k->j, '}');
    return !k->r->gone && !k->r->reply.body.failed;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

static uint64_t steps_in(int64_t from, int64_t to, int64_t step)
{
    return (uint64_t)(floor_div(to - 1, step) - floor_div(from, step)) + 1;
}

/* The smallest round step that cuts from..to into at most `points` steps of the epoch's grid. */
static int64_t step_for(int64_t from, int64_t to, int64_t points)
{
    static const int64_t seconds[] = { 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600,
                                       43200, 86400 };
    uint64_t range = (uint64_t)to - (uint64_t)from;
    int64_t least = (int64_t)(range / (uint64_t)points) + 1;
    for (int64_t ms = 1; ms < 1000; ms *= 10)
        for (int64_t m = 1; m <= 5; m = m == 1 ? 2 : m + 3)
            if (ms * m * KP_MILLISECOND >= least && steps_in(from, to, ms * m * KP_MILLISECOND) <= (uint64_t)points)
                return ms * m * KP_MILLISECOND;
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++)
        if (seconds[i] * KP_SECOND >= least && steps_in(from, to, seconds[i] * KP_SECOND) <= (uint64_t)points)
            return seconds[i] * KP_SECOND;
    return (int64_t)(range / (uint64_t)(points - 1)) + 1;
}

static enum kp_code read_step(struct kp_request *r, int64_t from, int64_t to, int64_t *step, struct kp_err *err)
{
    const struct kp_arg *points = kp_arg_get(r, "points"), *every = kp_arg_get(r, "every");
    *step = 0;
    if (points->given && every->given)
        return kp_fail(err, KP_EINVALID, "give points or every, not both");
    if (from < -(INT64_MAX / 4) || to > INT64_MAX / 4 * 3)
        return points->given || every->given
                   ? kp_fail(err, KP_EINVALID, "from and to must be years between 1900 and 2180 for aggregates")
                   : KP_OK;
    if (points->given)
        *step = step_for(from, to, points->number);
    if (every->given && steps_in(from, to, every->number) > KP_POINTS_MAX)
        return kp_fail(err, KP_EINVALID, "from..to holds more than %d steps of this length: take a longer 'every'",
                       KP_POINTS_MAX);
    if (every->given)
        *step = every->number;
    return KP_OK;
}

/* ---- the same as CSV, for spreadsheets ---- */

enum { FORMAT_CSV = 1 };

struct csv {
    struct kp_request *r;
    const char *path;
    unsigned bits;
    size_t budget; /* lines that may still be written */
};

static bool csv_bucket(void *arg, const struct kp_bucket *b)
{
    struct csv *c = arg;
    struct kp_buf *out = &c->r->reply.body;
    double values[FUNCTIONS];
    bucket_values(b, values);
    kp_csv_put_text(out, c->path, strlen(c->path));
    kp_buf_str(out, ",");
    kp_csv_put_time(out, b->from);
    kp_buf_str(out, ",");
    kp_csv_put_time(out, b->to);
    kp_buf_str(out, ",");
    kp_buf_printf(out, "%llu,%llu", (unsigned long long)b->points.n, (unsigned long long)b->points.bad);
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (c->bits & functions[i].bit) {
            kp_buf_str(out, ",");
            if (isfinite(values[i])) {
                struct kp_json j = kp_json(out);
                kp_json_double(&j, values[i]);
            }
        }
    kp_buf_str(out, "\r\n");
    return !c->r->gone && !out->failed;
}

static enum kp_code csv_points(struct csv *c, struct kp_db *db, kp_signal id, int64_t from, int64_t to,
                               struct kp_err *err)
{
    struct kp_buf *out = &c->r->reply.body;
    struct kp_history *h = kp_history_open(db, id, from, to, err);
    if (!h)
        return err->code;
    struct kp_sample s;
    for (; c->budget && !c->r->gone && !out->failed && kp_history_next(h, &s, err); c->budget--) {
        kp_csv_put_text(out, c->path, strlen(c->path));
        kp_buf_str(out, ",");
        kp_csv_put_time(out, s.at);
        kp_buf_str(out, ",");
        kp_csv_put_value(out, &s.value);
        kp_buf_printf(out, ",%u\r\n", s.status);
    }
    kp_history_close(h);
    return err->code;
}

/* ---- the request ---- */

struct asked {
    int64_t from, to, step; /* step 0: points as they came */
    unsigned bits;
    size_t paths;
};

static enum kp_code read_asked(struct kp_request *r, struct asked *a, struct kp_err *err)
{
    size_t pos = 0;
    while (kp_query_next(&r->query, "path", &pos))
        a->paths++;
    if (read_range(r, 3600 * KP_SECOND, &a->from, &a->to, err) || read_step(r, a->from, a->to, &a->step, err) ||
        read_functions(kp_arg_text(r, "fn"), &a->bits, err))
        return err->code;
    if (kp_arg_text(r, "fn") && !a->step)
        return kp_fail(err, KP_EINVALID, "fn goes with points or every");
    if (kp_arg_text(r, "after") && (a->step || a->paths > 1 || kp_arg_int(r, "format") == FORMAT_CSV))
        return kp_fail(err, KP_EINVALID, "after goes with one path, as JSON, without points and every");
    return KP_OK;
}

static kp_signal find_signal(struct kp_request *r, const char *path, struct kp_err *err)
{
    kp_model_lock(model(r));
    kp_signal id = kp_model_find_signal(model(r), path);
    bool may = kp_gate_signal(model(r), r->to, id);
    kp_model_unlock(model(r));
    if (!may)
        kp_fail(err, KP_ENOTFOUND, "there is no signal '%.160s'", path);
    return may ? id : 0;
}

static enum kp_code put_series(struct points *p, const struct asked *a, const char *path, struct kp_err *err)
{
    kp_signal id = find_signal(p->r, path, err);
    if (!id)
        return err->code;
    kp_json_begin(&p->j, '{');
    kp_json_put_text(&p->j, "path", path);
    kp_json_put_int(&p->j, "id", id);
    if (a->step) {
        kp_json_put_int(&p->j, "stepMs", a->step / KP_MILLISECOND);
        kp_json_key(&p->j, "buckets");
        kp_json_begin(&p->j, '[');
        struct buckets k = { .r = p->r, .j = p->j, .bits = a->bits };
        kp_history_aggregate(p->db, id, a->from, a->to, a->step, put_bucket, &k, err);
        p->j = k.j;
        kp_json_end(&p->j, ']');
    } else {
        kp_json_key(&p->j, "points");
        put_points(p, id, err);
    }
    kp_json_end(&p->j, '}');
    return err->code;
}

static void csv_head(struct kp_buf *out, const struct asked *a)
{
    kp_buf_str(out, a->step ? "path,from,to,n,bad" : "path,time,value,status");
    for (size_t i = 0; a->step && i < FUNCTIONS; i++)
        if (a->bits & functions[i].bit)
            kp_buf_printf(out, ",%s", functions[i].name);
    kp_buf_str(out, "\r\n");
}

static enum kp_code reply_csv(struct kp_request *r, const struct asked *a, struct kp_err *err)
{
    struct csv c = { .r = r, .bits = a->bits,
                     .budget = kp_arg_get(r, "limit")->given ? (size_t)kp_arg_int(r, "limit") : KP_POINTS_MAX };
    struct kp_db *db = kp_store_reader(kp_node_store(r->node), err);
    if (!db)
        return err->code;
    r->reply.type = "text/csv; charset=utf-8";
    csv_head(&r->reply.body, a);
    size_t pos = 0;
    while (!err->code && !r->gone && (c.path = kp_query_next(&r->query, "path", &pos))) {
        kp_signal id = find_signal(r, c.path, err);
        if (id && a->step)
            kp_history_aggregate(db, id, a->from, a->to, a->step, csv_bucket, &c, err);
        else if (id)
            csv_points(&c, db, id, a->from, a->to, err);
    }
    kp_store_reader_done(kp_node_store(r->node), db);
    return err->code;
}

enum kp_code kp_route_history(struct kp_request *r, struct kp_err *err)
{
    struct asked a = { 0 };
    if (read_asked(r, &a, err))
        return err->code;
    if (kp_arg_int(r, "format") == FORMAT_CSV)
        return reply_csv(r, &a, err);
    struct points p = { .r = r, .j = kp_reply_json(r), .from = a.from, .to = a.to, .budget = KP_POINTS_MAX,
                        .limit = (size_t)kp_arg_int(r, "limit"), .after = kp_arg_text(r, "after") };
    p.db = kp_store_reader(kp_node_store(r->node), err);
    if (!p.db)
        return err->code;
    kp_json_begin(&p.j, '{');
    kp_json_put_time(&p.j, "from", a.from);
    kp_json_put_time(&p.j, "to", a.to);
    kp_json_key(&p.j, "series");
    kp_json_begin(&p.j, '[');
    size_t pos = 0;
    for (const char *path; !err->code && !r->gone && (path = kp_query_next(&r->query, "path", &pos));)
        put_series(&p, &a, path, err);
    kp_store_reader_done(kp_node_store(r->node), p.db);
    kp_json_end(&p.j, ']');
    kp_json_end(&p.j, '}');
    return err->code;
}

/* ---- intervals ---- */

struct intervals {
    struct kp_request *r;
    struct kp_json j;
    size_t left;
    bool more;
};

static bool put_interval(void *arg, const struct kp_interval *v)
{
    struct intervals *i = arg;
    kp_model_lock(model(i->r));
    bool may = kp_gate_interval(model(i->r), i->r->to, v);
    i->more = may && !i->left;
    if (may && i->left) {
        i->left--;
        kp_view_interval(&i->j, model(i->r), v, false);
    }
    kp_model_unlock(model(i->r));
    return !i->more && !i->r->gone;
}

static enum kp_code read_asset(struct kp_request *r, const char *path, int64_t *id, struct kp_err *err)
{
    kp_model_lock(model(r));
    *id = kp_model_find_asset(model(r), path);
    bool may = kp_gate_asset(model(r), r->to, (kp_asset)*id);
    kp_model_unlock(model(r));
    if ((*path && !*id) || !may)
        return kp_fail(err, KP_ENOTFOUND, "there is no asset '%.160s'", path);
    return KP_OK;
}

enum kp_code kp_route_intervals(struct kp_request *r, struct kp_err *err)
{
    const char *path = kp_arg_text(r, "path");
    const struct kp_arg *kind = kp_arg_get(r, "kind");
    int64_t asset = -1, from, to;
    if ((path && read_asset(r, path, &asset, err)) || read_range(r, 86400 * KP_SECOND, &from, &to, err))
        return err->code;
    uint8_t number = 0;
    if (kind->given)
        kp_interval_kind_parse(kind->text, &number);
    struct kp_db *db = kp_store_reader(kp_node_store(r->node), err);
    if (!db)
        return err->code;
    struct intervals i = { .r = r, .j = kp_reply_json(r), .left = (size_t)kp_arg_int(r, "limit") };
    kp_json_begin(&i.j, '{');
    kp_json_key(&i.j, "intervals");
    kp_json_begin(&i.j, '[');
    kp_history_intervals(db, asset, kind->given ? number : -1, from, to, put_interval, &i, err);
    kp_store_reader_done(kp_node_store(r->node), db);
    kp_json_end(&i.j, ']');
    kp_json_put_bool(&i.j, "more", i.more);
    kp_json_end(&i.j, '}');
    return err->code;
}

static const struct kp_body_key interval_keys[] = { { "attributes", KP_BODY_DOCUMENT }, { NULL, 0 } };

enum kp_code kp_route_interval_make(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    const char *path;
    struct kp_field *fields;
    size_t n;
    int64_t id;
    if (body && !kp_body_text(body, "path", true, &path, err) && !read_asset(r, path, &id, err) &&
        !kp_body_fields(body, interval_keys, "path", NULL, &r->arena, &fields, &n, err) &&
        !kp_node_make_interval(r->node, path, fields, n, &id, err))
        kp_reply_id(r, id, 201);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_interval_change(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (kp_name_number(r, "an interval", &id, err))
        return err->code;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    struct kp_field *fields;
    size_t n;
    if (body && !kp_body_fields(body, interval_keys, NULL, NULL, &r->arena, &fields, &n, err) &&
        !kp_node_change_interval(r->node, r->to, id, fields, n, err))
        kp_reply_id(r, id, 200);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_interval_remove(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (!kp_name_number(r, "an interval", &id, err) && !kp_node_remove_interval(r->node, r->to, id, err))
        r->reply.status = 204;
    return err->code;
}
