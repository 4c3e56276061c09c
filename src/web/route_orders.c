/* SPDX-License-Identifier: Apache-2.0 */
/* Work orders, what is done at their operations, and bookings. */
#include "flex/order.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

static struct kp_shop *shop(const struct kp_request *r)
{
    return kp_node_shop(r->node);
}

/* What a booking was told by. */
static const char *via(const struct kp_request *r)
{
    return r->client.local ? "cli" : r->who.session ? "tablet" : "rest";
}

/* What is done at a machine tells of it. */
static bool may_tell(struct kp_request *r, const char *machine)
{
    struct kp_model *m = kp_hub_model(kp_node_hub(r->node));
    kp_model_lock(m);
    kp_asset id = machine ? kp_model_find_asset(m, machine) : 0;
    bool may = id ? kp_gate_asset(m, r->to, id) : r->to == KP_TO_NODE;
    kp_model_unlock(m);
    return may;
}

static void put_open(struct kp_request *r, struct kp_json *j, struct kp_order *o)
{
    size_t n = o->n;
    for (size_t i = o->n = 0; i < n; i++)
        if (!o->operations[i].asset_id || may_tell(r, o->operations[i].asset))
            o->operations[o->n++] = o->operations[i];
    kp_order_json(j, o);
}

static enum kp_code put_order(struct kp_request *r, struct kp_json *j, int64_t id,
                              struct kp_err *err)
{
    struct kp_order o;
    if (!kp_orders_get(shop(r), id, &r->arena, &o, err))
        put_open(r, j, &o);
    return err->code;
}

static enum kp_code reply_order(struct kp_request *r, int64_t id, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return put_order(r, &j, id, err);
}

/* ---- asking ---- */
enum kp_code kp_route_orders(struct kp_request *r, struct kp_err *err)
{
    const struct kp_arg *state = kp_arg_get(r, "state"), *direction = kp_arg_get(r, "direction");
    struct kp_order_query q = { .state = state->given ? kp_order_words[state->number] : NULL,
                                .asset = kp_arg_text(r, "asset"),
                                .direction =
                                    direction->given ? kp_direction_words[direction->number] : NULL,
                                .sender = kp_arg_text(r, "sender"),
                                .q = kp_arg_text(r, "q"),
                                .limit = (size_t)kp_arg_int(r, "limit"),
                                .after = kp_arg_int(r, "after") };
    struct kp_order *list;
    size_t n;
    bool more;
    if (kp_orders_list(shop(r), &q, &r->arena, &list, &n, &more, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "orders");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < n; i++)
        put_open(r, &j, &list[i]);
    kp_json_end(&j, ']');
    kp_json_put_bool(&j, "more", more);
    kp_json_end(&j, '}');
    return KP_OK;
}

enum kp_code kp_route_order(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    return kp_name_number(r, "an order", &id, err) ? err->code : reply_order(r, id, err);
}

enum kp_code kp_route_bookings(struct kp_request *r, struct kp_err *err)
{
    struct kp_booking_query q = { .from = kp_arg_int(r, "from"),
                                  .to = kp_arg_int(r, "to"),
                                  .order = kp_arg_int(r, "order"),
                                  .asset = kp_arg_text(r, "asset"),
                                  .limit = (size_t)kp_arg_int(r, "limit"),
                                  .after = kp_arg_int(r, "after") };
    struct kp_booking *list;
    size_t n;
    bool more;
    if (kp_bookings_list(shop(r), &q, &r->arena, &list, &n, &more, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "bookings");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < n; i++)
        if (may_tell(r, list[i].asset))
            kp_booking_json(&j, &list[i]);
    kp_json_end(&j, ']');
    kp_json_put_bool(&j, "more", more);
    kp_json_end(&j, '}');
    return KP_OK;
}

/* ---- whole orders ---- */
static void reply_taken(struct kp_request *r, const struct kp_order_taken *t, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    r->reply.status = t->repeated || t->replaced ? 200 : 201;
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "id", t->id);
    if (t->repeated)
        kp_json_put_bool(&j, "repeated", true);
    if (t->replaced)
        kp_json_put_bool(&j, "replaced", true);
    kp_json_key(&j, "order");
    put_order(r, &j, t->id, err);
    kp_json_end(&j, '}');
}

enum kp_code kp_route_order_take(struct kp_request *r, struct kp_err *err)
{
    struct kp_order_in in;
    struct kp_order_taken taken;
    bool replace;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_order_parse(body, &r->arena, &in, &replace, err)) {
        in.source = r->client.local ? "cli" : "rest";
        if (!kp_orders_take(shop(r), &in, 1, replace, NULL, &taken, err))
            reply_taken(r, &taken, err);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_order_cancel(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (kp_name_number(r, "an order", &id, err) || kp_orders_cancel(shop(r), id, err))
        return err->code;
    return reply_order(r, id, err);
}

static enum kp_code read_time(const json_t *body, const char *key, bool due, int64_t *at,
                              struct kp_err *err)
{
    const char *text;
    *at = KP_NO_TIME;
    if (kp_body_text(body, key, false, &text, err) || !text)
        return err->code;
    bool good = due ? kp_due_parse(text, at) : kp_time_parse(text, at);
    return good ? KP_OK
                : kp_fail(err, KP_EINVALID,
                          "%s: '%.60s' is not a time such as 2026-11-24T18:00:00Z", key, text);
}

enum kp_code kp_route_order_confirm(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "answer", "promised", "comment", NULL };
    struct kp_confirm c = { 0 };
    int64_t id;
    if (kp_name_number(r, "an order", &id, err))
        return err->code;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "answer", true, &c.answer, err) &&
        !kp_body_text(body, "comment", false, &c.comment, err) &&
        !read_time(body, "promised", true, &c.promised, err) &&
        !kp_orders_confirm(shop(r), id, &c, err))
        reply_order(r, id, err);
    json_decref(body);
    return err->code;
}

/* ---- operations ---- */
struct counts {
    int64_t good, scrap;
};

static enum kp_code read_count(const json_t *body, const char *key, int64_t *n, const int64_t **out,
                               struct kp_err *err)
{
    const json_t *v = json_object_get(body, key);
    *out = v && !json_is_null(v) ? n : NULL;
    return kp_body_int(body, key, 0, 1000000000, 0, n, err);
}

static enum kp_code read_act(const json_t *body, struct kp_operation_act *a, struct counts *n,
                             struct kp_err *err)
{
    if (kp_body_text(body, "asset", false, &a->asset, err) ||
        kp_body_text(body, "comment", false, &a->comment, err) ||
        read_time(body, "at", false, &a->at, err) ||
        read_count(body, "good", &n->good, &a->good, err))
        return err->code;
    return read_count(body, "scrap", &n->scrap, &a->scrap, err);
}

static void reply_acted(struct kp_request *r, const struct kp_operation_acted *a,
                        struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    if (a->booking)
        kp_json_put_int(&j, "booking", a->booking);
    if (a->interrupted)
        kp_json_put_int(&j, "interrupted", a->interrupted);
    kp_json_key(&j, "order");
    put_order(r, &j, a->order, err);
    kp_json_end(&j, '}');
}

static enum kp_code act(struct kp_request *r, enum kp_operation_verb verb, struct kp_err *err)
{
    static const char *const start[] = { "at", "asset", "comment", NULL };
    static const char *const other[] = { "at", "good", "scrap", "comment", NULL };
    struct kp_operation_act a = { .verb = verb, .at = KP_NO_TIME, .via = via(r) };
    struct kp_operation_acted acted;
    struct counts n;
    int64_t id;
    a.who = r->who.user;
    if (kp_name_number(r, "an operation", &id, err))
        return err->code;
    json_t *body = r->body_len ? kp_body_object(r->body, r->body_len,
                                                verb == KP_OPERATION_START ? start : other, err)
                               : NULL;
    if (!err->code && !(body && read_act(body, &a, &n, err)) &&
        !kp_operation_act(shop(r), id, &a, &acted, err))
        reply_acted(r, &acted, err);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_operation_start(struct kp_request *r, struct kp_err *err)
{
    return act(r, KP_OPERATION_START, err);
}

enum kp_code kp_route_operation_interrupt(struct kp_request *r, struct kp_err *err)
{
    return act(r, KP_OPERATION_INTERRUPT, err);
}

enum kp_code kp_route_operation_finish(struct kp_request *r, struct kp_err *err)
{
    return act(r, KP_OPERATION_FINISH, err);
}

/* null takes it away. */
static enum kp_code read_place(const json_t *body, const char *key, const char **out,
                               struct kp_err *err)
{
    if (!kp_body_text(body, key, false, out, err) && !*out && json_object_get(body, key))
        *out = "";
    return err->code;
}

enum kp_code kp_route_operation_plan(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "asset", "machineGroup", "due", NULL };
    struct kp_operation_plan p = { .due = KP_NO_TIME };
    int64_t id, order;
    if (kp_name_number(r, "an operation", &id, err))
        return err->code;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_place(body, "asset", &p.asset, err) &&
        !read_place(body, "machineGroup", &p.group, err) &&
        !read_time(body, "due", true, &p.due, err)) {
        p.no_due = json_is_null(json_object_get(body, "due"));
        if (!kp_operation_plan(shop(r), id, &p, &order, err))
            reply_order(r, order, err);
    }
    json_decref(body);
    return err->code;
}
