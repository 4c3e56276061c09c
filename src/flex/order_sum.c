/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine made and did while it worked at an operation: the same parts and states that OEE
 * is made of. */
#include "flex/order_private.h"

#include "core/hub.h"

#include "core/ban.h"

enum { MEMO = 512 };
#define MEMO_LASTS (5 * KP_SECOND)

static bool add_day(void *arg, const struct kp_day *d)
{
    struct order_sums *sums = arg;
    for (size_t i = 0; i < d->n; i++) {
        const struct kp_piece *p = &d->pieces[i];
        sums->good += p->good;
        sums->scrap += p->scrap;
        sums->running += p->ns[KP_STATE_RUNNING];
        sums->setup += p->ns[KP_STATE_SETUP];
    }
    return true;
}

/* False: it is no more. */
static bool find_machine(struct kp_shop *s, kp_asset id, const struct shop_rules *rules,
                         struct shop_machine *m)
{
    struct kp_model *model = kp_hub_model(s->hub);
    *m = (struct shop_machine){ .id = id };
    kp_model_lock(model);
    bool found = id && kp_model_asset(model, id);
    if (found) {
        kp_model_asset_path(model, id, m->path, sizeof m->path);
        kp_sources_find(model, id, kp_settings_machine(&rules->settings, m->path), &m->sources);
    }
    kp_model_unlock(model);
    return found;
}

enum kp_code order_sums(struct kp_shop *s, kp_asset asset, int64_t from, int64_t to,
                        struct order_sums *sums, struct kp_err *err)
{
    struct shop_rules rules;
    struct shop_machine m;
    int64_t now = kp_utc(s->clock);
    *sums = (struct order_sums){ 0 };
    if (!shop_rules(s, &rules, err) && find_machine(s, asset, &rules, &m) && from < to)
        shop_days(s, &rules, &m, from, to, now > to ? now : to, add_day, sums, err);
    shop_rules_free(&rules);
    if (to > from)
        sums->other = to - from - sums->running - sums->setup;
    return err->code;
}

/* ---- of bookings that go on ---- */
struct order_memo {
    int64_t booking, at; /* at: monotonic; 0: free */
    struct order_sums sums;
};

void orders_init(struct shop_orders *o)
{
    pthread_mutex_init(&o->acting, NULL);
    pthread_mutex_init(&o->memo_lock, NULL);
}

void orders_free(struct shop_orders *o)
{
    pthread_mutex_destroy(&o->acting);
    pthread_mutex_destroy(&o->memo_lock);
    kp_free(o->memo);
}

/* The place of a booking, else the oldest one. */
static struct order_memo *place_of(struct shop_orders *o, int64_t booking)
{
    struct order_memo *oldest = &o->memo[0];
    for (size_t i = 0; i < o->n_memo; i++) {
        if (o->memo[i].booking == booking)
            return &o->memo[i];
        if (o->memo[i].at < oldest->at)
            oldest = &o->memo[i];
    }
    return oldest;
}

static bool remembered(struct kp_shop *s, int64_t booking, struct order_sums *sums)
{
    struct shop_orders *o = &s->orders;
    pthread_mutex_lock(&o->memo_lock);
    const struct order_memo *m = o->memo ? place_of(o, booking) : NULL;
    bool fresh = m && m->booking == booking && kp_mono(s->clock) - m->at < MEMO_LASTS;
    if (fresh)
        *sums = m->sums;
    pthread_mutex_unlock(&o->memo_lock);
    return fresh;
}

static void remember(struct kp_shop *s, int64_t booking, const struct order_sums *sums)
{
    struct shop_orders *o = &s->orders;
    pthread_mutex_lock(&o->memo_lock);
    if (!o->memo && (o->memo = kp_alloc(MEMO * sizeof *o->memo)))
        o->n_memo = MEMO;
    if (o->memo)
        *place_of(o, booking) = (struct order_memo){ booking, kp_mono(s->clock), *sums };
    pthread_mutex_unlock(&o->memo_lock);
}

enum kp_code order_sums_now(struct kp_shop *s, int64_t booking, kp_asset asset, int64_t from,
                            struct order_sums *sums, struct kp_err *err)
{
    if (remembered(s, booking, sums))
        return KP_OK;
    if (!order_sums(s, asset, from, kp_utc(s->clock), sums, err))
        remember(s, booking, sums);
    return err->code;
}
