/* SPDX-License-Identifier: Apache-2.0 */
/* Planned time, and what a machine makes of it: its availability times its effectiveness, the
 * median of its last shifts. */
#include "flex/capacity.h"

#include <math.h>
#include <stdlib.h>

#include "core/ban.h"

enum { SHIFTS = 20, SHIFTS_LEAST = 5, TRAILING_DAYS = 42 };
static const double unproven = 0.75; /* of a machine that has not shown its yield yet */

/* ---- planned time ---- */
static bool put_span(void *arg, const struct kp_span *s)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '{');
    kp_json_put_time(j, "from", s->from);
    kp_json_put_time(j, "to", s->to);
    kp_json_put_text(j, "shift", *s->name ? s->name : NULL);
    kp_json_end(j, '}');
    return !j->out->failed;
}

enum kp_code kp_shop_planned(struct kp_shop *s, const struct kp_shop_query *q, struct kp_json *j,
                             struct kp_err *err)
{
    struct shop_rules rules;
    if (q->from >= q->to || q->to - q->from > INT64_C(3700) * 86400 * KP_SECOND)
        return kp_fail(err, KP_EINVALID, "from must be before to, ten years at most");
    kp_json_begin(j, '{');
    kp_json_key(j, "planned");
    kp_json_begin(j, '[');
    if (!shop_rules(s, &rules, err))
        kp_calendar_spans(&rules.calendar, q->assets[0], q->from, q->to, put_span, j);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    shop_rules_free(&rules);
    return err->code;
}

/* ---- the yield of a machine ---- */
struct yielding {
    struct kp_shop *s;
    const struct shop_rules *rules;
    const struct shop_machine *machine;
    const struct kp_machine_rule *rule;
    struct learning *learning;
    struct pris pris;
    double shifts[SHIFTS]; /* the last ones, in a ring */
    size_t n;
    int64_t shift; /* the one being added up; 0: none */
    struct figures f;
    struct kp_err *err;
};

static bool learn(void *arg, const struct kp_day *d)
{
    struct yielding *y = arg;
    if (!learning_day(y->learning, d))
        kp_fail(y->err, KP_ENOMEM, "out of memory");
    return !y->err->code;
}

/* A shift in which nothing was known of the machine proves nothing. Without parts it is judged by
 * its time alone. */
static void close_shift(struct yielding *y)
{
    double a = figures_availability(&y->f), e = figures_effectiveness(&y->f);
    if (y->shift && y->f.known * 2 > y->f.pbt && isfinite(a))
        y->shifts[y->n++ % SHIFTS] = a * (isfinite(e) && e < 1 ? e : 1);
    y->f = (struct figures){ 0 };
}

static bool add_shifts(void *arg, const struct kp_day *d)
{
    struct yielding *y = arg;
    for (size_t i = 0; i < d->n && !y->err->code; i++) {
        const struct kp_piece *p = &d->pieces[i];
        if (!p->name)
            continue;
        if (p->shift != y->shift)
            close_shift(y);
        y->shift = p->shift;
        figures_piece(&y->f, p, d->metered);
        for (size_t k = 0; k < d->n_made; k++) {
            const struct pri *pri =
                d->made[k].piece == i ? pris_of(&y->pris, y->learning, y->rule, d->made[k].program)
                                      : NULL;
            if (pri)
                figures_made(&y->f, &d->made[k], pri);
        }
    }
    return !y->err->code;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median of the last shifts; `proven`: of how many. */
static double yield_of(struct yielding *y, int64_t now, size_t *proven)
{
    int64_t from = kp_day_start(now - (int64_t)TRAILING_DAYS * 86400 * KP_SECOND),
            begun = shop_first_interval(y->s, y->machine->id, y->err);
    from = begun == KP_FOREVER ? now : from > begun ? from : kp_day_start(begun);
    y->learning = learning_new();
    if (!y->learning)
        kp_fail(y->err, KP_ENOMEM, "out of memory");
    if (!y->err->code &&
        !shop_days_learn(y->s, y->rules, y->machine, from, now, now, learn, y, y->err))
        shop_days(y->s, y->rules, y->machine, from, now, now, add_shifts, y, y->err);
    *proven = y->n < SHIFTS ? y->n : SHIFTS;
    qsort(y->shifts, *proven, sizeof *y->shifts, by_size);
    learning_free(y->learning);
    pris_free(&y->pris);
    return *proven < SHIFTS_LEAST ? unproven : y->shifts[*proven / 2];
}

double machine_yield(struct kp_shop *s, const struct shop_rules *rules,
                     const struct shop_machine *m, int64_t now, size_t *proven, struct kp_err *err)
{
    struct yielding y = { .s = s, .rules = rules, .machine = m, .err = err };
    y.rule = kp_settings_machine(&rules->settings, m->path);
    return yield_of(&y, now, proven);
}
