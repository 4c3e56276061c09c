/* SPDX-License-Identifier: Apache-2.0 */
/* Key figures of machines, step by step. */
#include "flex/oee.h"

#include <string.h>

#include "core/ban.h"

enum { STEPS_MAX = 20000 };

const char *const kp_shop_every_words[] = { "shift", "day", "week", NULL };

struct step {
    int64_t key, from, to;
    const char *shift; /* in the asking's arena; NULL: none */
    struct figures f;
};
struct asking {
    const struct kp_shop_query *q;
    const struct shop_rules *rules;
    const struct shop_machine *machine;
    struct walk walk;
    struct kp_arena arena;
    struct step *steps;
    size_t n, room;
    struct kp_err *err;
};

/* ---- steps ---- */
static int64_t week_of(const struct shop_rules *r, int64_t day)
{
    struct tm tm;
    if (!kp_time_local(day, &tm))
        return day;
    /* some time of the Monday before, whatever the clock did since */
    int64_t monday = day - (int64_t)((tm.tm_wday + 6) % 7) * 86400 * KP_SECOND;
    return shop_bounds(r, monday + 7200 * KP_SECOND).from;
}

/* Where the step of a day's pieces begins, but for shifts. */
static int64_t key_of_day(const struct asking *a, const struct kp_day *d)
{
    if (a->q->every == KP_EVERY_DAY)
        return shop_bounds(a->rules, d->from).from;
    return a->q->every == KP_EVERY_WEEK ? week_of(a->rules, d->from) : a->q->from;
}

/* NULL: the piece is of none. */
static struct step *step_of(struct asking *a, int64_t day, const struct kp_piece *p)
{
    bool shift = a->q->every == KP_EVERY_SHIFT;
    int64_t key = !shift ? day : p->name ? p->shift : KP_NO_TIME;
    struct step *last = a->n ? &a->steps[a->n - 1] : NULL;
    if (key == KP_NO_TIME ||
        (last && last->key == key && (!shift || strcmp(last->shift, p->name) == 0)))
        return key == KP_NO_TIME ? NULL : last;
    const char *name = shift ? kp_arena_strdup(&a->arena, p->name) : NULL;
    if (a->n == STEPS_MAX)
        kp_fail(a->err, KP_EFULL, "%.160s: more than %d steps: take longer steps or less time",
                a->machine->path, STEPS_MAX);
    else if ((shift && !name) || !kp_grow(&a->steps, &a->room, a->n + 1, sizeof *a->steps))
        kp_fail(a->err, KP_ENOMEM, "out of memory");
    if (a->err->code)
        return NULL;
    a->steps[a->n] = (struct step){ .key = key, .from = p->from, .shift = name };
    return &a->steps[a->n++];
}

static bool take_day(void *arg, const struct kp_day *d)
{
    struct asking *a = arg;
    int64_t day = key_of_day(a, d);
    for (size_t i = 0; i < d->n && !a->err->code; i++) {
        struct step *s = step_of(a, day, &d->pieces[i]);
        if (!s)
            continue;
        s->to = d->pieces[i].to;
        walk_add(&a->walk, d, i, &s->f);
    }
    return !a->err->code;
}

/* ---- one machine ---- */
static void put_sources(struct kp_json *j, struct kp_model *m, const struct shop_machine *machine)
{
    kp_json_key(j, "signals");
    kp_json_begin(j, '{');
    kp_model_lock(m);
    for (size_t i = 0; i < KP_COUNTS; i++) {
        char path[KP_PATH_MAX];
        if (!machine->sources.of[i] || !kp_model_signal(m, machine->sources.of[i]))
            continue;
        kp_model_signal_path(m, machine->sources.of[i], path, sizeof path);
        kp_json_put_text(j, kp_count_words[i], path);
    }
    kp_model_unlock(m);
    kp_json_end(j, '}');
}

static void put_cycles(struct kp_json *j, const struct pris *p)
{
    kp_json_key(j, "cycles");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < p->n; i++) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "program", p->of[i].program);
        kp_json_key(j, "seconds");
        if (p->of[i].by)
            kp_json_double(j, (double)p->of[i].ns / (double)KP_SECOND);
        else
            kp_json_null(j);
        kp_json_put_text(j, "by", p->of[i].by);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_figures(struct kp_json *j, const struct asking *a, const struct figures *f)
{
    if (!a->q->energy)
        figures_json(j, f);
    else
        kp_json_put_int(j, "parts", f->good + f->scrap + f->overtime_good + f->overtime_scrap);
    figures_energy_json(j, f, &a->rules->settings);
}

static void put_machine(struct kp_shop *s, struct asking *a, struct kp_json *j)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "path", a->machine->path);
    kp_json_put_bool(j, "calendar", kp_calendar_covers(&a->rules->calendar, a->machine->path));
    put_sources(j, kp_hub_model(s->hub), a->machine);
    put_cycles(j, &a->walk.pris);
    kp_json_key(j, "steps");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < a->n; i++) {
        kp_json_begin(j, '{');
        kp_json_put_time(j, "from", a->steps[i].from);
        kp_json_put_time(j, "to", a->steps[i].to);
        kp_json_put_text(j, "shift", a->steps[i].shift);
        put_figures(j, a, &a->steps[i].f);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

static void ask_machine(struct kp_shop *s, struct asking *a, struct kp_json *j,
                        struct figures *total)
{
    a->walk = (struct walk){
        .shop = s, .q = a->q, .rules = a->rules, .machine = a->machine, .err = a->err
    };
    walk_days(&a->walk, take_day, a);
    for (size_t i = 0; i < a->n; i++)
        figures_join(total, &a->steps[i].f);
    if (!a->err->code)
        put_machine(s, a, j);
    walk_free(&a->walk);
    kp_arena_free(&a->arena);
    kp_free(a->steps);
}

enum kp_code kp_shop_oee(struct kp_shop *s, const struct kp_shop_query *q, struct kp_json *j,
                         struct kp_err *err)
{
    struct shop_rules rules = { 0 };
    struct shop_machines list = { 0 };
    struct figures total = { 0 };
    struct asking as = { .q = q, .rules = &rules, .err = err };
    shop_find(s, q, &rules, &list, err);
    kp_json_begin(j, '{');
    kp_json_put_time(j, "from", q->from);
    kp_json_put_time(j, "to", q->to);
    kp_json_key(j, "assets");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < list.n && !err->code && !j->out->failed; i++) {
        struct asking a = { .q = q, .rules = &rules, .machine = &list.of[i], .err = err };
        ask_machine(s, &a, j, &total);
    }
    kp_json_end(j, ']');
    kp_json_key(j, "total");
    kp_json_begin(j, '{');
    put_figures(j, &as, &total);
    kp_json_end(j, '}');
    shop_put_making(j, q);
    kp_json_end(j, '}');
    shop_machines_free(&list);
    shop_rules_free(&rules);
    return err->code;
}
