/* SPDX-License-Identifier: Apache-2.0 */
/* The work orders of a report: finished in its time; open and late as it is made. */
#include "flex/order.h"
#include "flex/report_private.h"

#include "core/ban.h"

enum { AT_ONCE = 500, ORDERS_MAX = 20000 };

struct asking {
    struct report *r;
    struct kp_err *err;
    void (*take)(struct asking *, const struct kp_order *);
};

static void take_living(struct asking *a, const struct kp_order *o)
{
    struct report_orders *all = &a->r->orders;
    all->open++;
    if (o->due == KP_NO_TIME || o->due >= a->r->now)
        return;
    all->late++;
    if (all->n == REPORT_ORDERS)
        return;
    struct report_order *late = &all->list[all->n++];
    *late = (struct report_order){ .due = o->due };
    late->number = kp_arena_strdup(&a->r->arena, o->number);
    late->customer = kp_arena_strdup(&a->r->arena, o->customer ? o->customer : "");
    late->item = kp_arena_strdup(&a->r->arena, o->item ? o->item : "");
    if (!late->number || !late->customer || !late->item)
        kp_fail(a->err, KP_ENOMEM, "out of memory");
}

/* An order is finished with its last operation. */
static void take_finished(struct asking *a, const struct kp_order *o)
{
    int64_t at = KP_NO_TIME;
    for (size_t i = 0; i < o->n; i++)
        if (o->operations[i].finished != KP_NO_TIME && o->operations[i].finished > at)
            at = o->operations[i].finished;
    if (at < a->r->from || at >= a->r->to)
        return;
    a->r->orders.finished++;
    a->r->orders.finished_late += o->due != KP_NO_TIME && at > o->due;
}

static void walk_orders(struct kp_shop *s, struct asking *a, const char *state, const char *asset)
{
    struct kp_arena arena = { 0 };
    struct kp_order_query q = {
        .state = state, .asset = asset, .direction = "in", .limit = AT_ONCE
    };
    bool more = true;
    for (size_t all = 0; more && all < ORDERS_MAX && !a->err->code;) {
        struct kp_order *list;
        size_t n;
        if (kp_orders_list(s, &q, &arena, &list, &n, &more, a->err))
            break;
        for (size_t i = 0; i < n; i++)
            a->take(a, &list[i]);
        q.after = n ? list[n - 1].id : 0;
        more = more && n;
        all += n;
        kp_arena_reset(&arena);
    }
    kp_arena_free(&arena);
}

void report_orders(struct kp_shop *s, const struct kp_shop_query *of, struct report *r,
                   struct kp_err *err)
{
    struct asking a = { .r = r, .err = err, .take = take_living };
    const char *asset = of->n_assets == 1 && *of->assets[0] ? of->assets[0] : NULL;
    if (of->n_assets != 1)
        return; /* an order at machines of two patterns would count twice */
    walk_orders(s, &a, "active", asset);
    a.take = take_finished;
    walk_orders(s, &a, "finished", asset);
}
