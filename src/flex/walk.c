/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a question is about, and the days of one machine in it. */
#include "flex/oee.h"

#include "core/ban.h"

enum { LEARN_DAYS = 30 };

enum kp_code shop_find(struct kp_shop *s, const struct kp_shop_query *q, struct shop_rules *rules,
                       struct shop_machines *list, struct kp_err *err)
{
    if (q->from >= q->to)
        return kp_fail(err, KP_EINVALID, "from must be before to");
    if (q->to - q->from > INT64_C(3700) * 86400 * KP_SECOND)
        return kp_fail(err, KP_EINVALID, "from and to are more than ten years apart");
    if (shop_rules(s, rules, err))
        return err->code;
    rules->patience = q->patience;
    int64_t learnt = q->now - (int64_t)(LEARN_DAYS + 15) * 86400 * KP_SECOND;
    shop_rules_days(rules, q->from < learnt ? q->from : learnt, q->to < q->now ? q->to : q->now);
    for (size_t i = 0; i < q->n_assets && !err->code; i++)
        shop_machines(s, q->assets[i], q->recipient, rules, list, err);
    return err->code;
}

static bool learn(void *arg, const struct kp_day *d)
{
    struct walk *w = arg;
    if (!learning_day(w->learning, d))
        kp_fail(w->err, KP_ENOMEM, "out of memory");
    return !w->err->code;
}

void walk_days(struct walk *w, bool (*each)(void *, const struct kp_day *), void *arg)
{
    const struct kp_shop_query *q = w->q;
    int64_t to = q->to < q->now ? q->to : q->now,
            begun = shop_first_interval(w->shop, w->machine->id, w->err);
    int64_t from = q->from > begun ? q->from : kp_day_start(begun == KP_FOREVER ? q->from : begun),
            first = to - (int64_t)LEARN_DAYS * 86400 * KP_SECOND;
    from = from > q->from ? from : q->from;
    first = kp_day_start(first > begun ? first : begun == KP_FOREVER ? to : begun);
    if (!(w->learning = learning_new()))
        kp_fail(w->err, KP_ENOMEM, "out of memory");
    w->rule = kp_settings_machine(&w->rules->settings, w->machine->path);
    if (!w->err->code && !w->rule->cycle)
        shop_days_learn(w->shop, w->rules, w->machine, first, to, q->now, learn, w, w->err);
    if (!w->err->code)
        shop_days(w->shop, w->rules, w->machine, from, to, q->now, each, arg, w->err);
}

void walk_add(struct walk *w, const struct kp_day *d, size_t piece, struct figures *f)
{
    figures_piece(f, &d->pieces[piece], d->metered);
    for (size_t i = 0; d->pieces[piece].name && i < d->n_made && !w->err->code; i++) {
        if (d->made[i].piece != piece)
            continue;
        const struct pri *pri = pris_of(&w->pris, w->learning, w->rule, d->made[i].program);
        if (!pri)
            kp_fail(w->err, KP_ENOMEM, "out of memory");
        else
            figures_made(f, &d->made[i], pri);
    }
}

void walk_free(struct walk *w)
{
    learning_free(w->learning);
    pris_free(&w->pris);
}
