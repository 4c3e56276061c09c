/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include "core/clock.h"
#include "core/filter.h"
#include "gate/step.h"

#include <stdatomic.h>
#include <string.h>

#include "core/ban.h"

/* ---- labels ---- */

bool kp_gate_label(enum kp_recipient to, uint8_t label)
{
    static const uint8_t strictest[] = { [KP_TO_NODE] = KP_SECRET,
                                         [KP_TO_COMPANY] = KP_INTERNAL,
                                         [KP_TO_PARTNER] = KP_PARTNER,
                                         [KP_TO_CLOUD] = KP_PARTNER,
                                         [KP_TO_ANYONE] = KP_PUBLIC };
    bool known = (unsigned)to < sizeof strictest && label >= KP_PUBLIC && label <= KP_SECRET;
    return known && label <= strictest[to];
}

/* What partners give stands below one asset, unless a person has put it elsewhere. */
static bool given(const struct kp_model *m, kp_asset a)
{
    const struct kp_asset_info *info = kp_model_asset(m, a);
    while (info && info->parent)
        info = kp_model_asset(m, info->parent);
    return info && info->name && strcmp(info->name, "partners") == 0;
}

/* Whether no partner has to permit that it goes there, or he does. */
static bool permitted(const struct kp_model *m, enum kp_recipient to, const struct kp_signal_info *s)
{
    enum kp_brought how = to == KP_TO_CLOUD ? kp_model_brought(m, s->coupling) : KP_BROUGHT_ONWARD;
    return how == KP_BROUGHT_ONWARD || (how == KP_BROUGHT_NOT && !given(m, s->asset));
}

bool kp_gate_asset(const struct kp_model *m, enum kp_recipient to, kp_asset a)
{
    bool known = !a || kp_model_asset(m, a);
    return known && kp_gate_label(to, kp_model_label(m, a, KP_INHERIT)) &&
           !(to == KP_TO_CLOUD && given(m, a));
}

bool kp_gate_signal(const struct kp_model *m, enum kp_recipient to, kp_signal s)
{
    const struct kp_signal_info *info = kp_model_signal(m, s);
    return info && kp_gate_label(to, kp_model_label(m, info->asset, info->label)) &&
           permitted(m, to, info);
}

bool kp_gate_made_of(const struct kp_model *m, enum kp_recipient to, kp_asset machine)
{
    const kp_signal *signals;
    const kp_asset *assets;
    bool may = !(to == KP_TO_CLOUD && given(m, machine));
    size_t n = to == KP_TO_CLOUD ? kp_model_child_signals(m, machine, &signals) : 0;
    for (size_t i = 0; i < n && may; i++)
        may = permitted(m, to, kp_model_signal(m, signals[i]));
    n = to == KP_TO_CLOUD ? kp_model_child_assets(m, machine, &assets) : 0;
    for (size_t i = 0; i < n && may; i++)
        may = kp_gate_made_of(m, to, assets[i]);
    return may;
}

bool kp_gate_kept(const struct kp_model *m, enum kp_recipient to, kp_signal s)
{
    return kp_model_signal(m, s) ? kp_gate_signal(m, to, s) : to == KP_TO_NODE;
}

bool kp_gate_interval(const struct kp_model *m, enum kp_recipient to, const struct kp_interval *v)
{
    bool known = !v->asset || kp_model_asset(m, v->asset);
    return known ? kp_gate_label(to, kp_model_label(m, v->asset, v->label)) &&
                       !(to == KP_TO_CLOUD && given(m, v->asset))
                 : to == KP_TO_NODE;
}

/* ---- the gate ---- */

struct kp_gate {
    struct kp_model *model;
    const struct kp_clock *clock;
    struct kp_keeper keeper;
    atomic_uint_fast64_t generation; /* rises with each revocation */
};

struct kp_gate *kp_gate_new(struct kp_model *m, const struct kp_clock *clock,
                            struct kp_keeper keeper)
{
    struct kp_gate *g = kp_alloc(sizeof *g);
    if (g) {
        g->model = m;
        g->clock = clock;
        g->keeper = keeper;
    }
    return g;
}

void kp_gate_free(struct kp_gate *g)
{
    kp_free(g);
}

void kp_gate_revoke(struct kp_gate *g)
{
    atomic_fetch_add(&g->generation, 1);
}

static const char *const reasons[KP_WHYS] = {
    [KP_WHY_NOT] = "nothing was denied",
    [KP_WHY_UNKNOWN] = "there is no such signal",
    [KP_WHY_LABEL] = "its label keeps it in the company",
    [KP_WHY_SIGNAL] = "the signal is not in the agreement",
    [KP_WHY_ONWARD] = "it came from another company, which did not permit to hand it on",
    [KP_WHY_PERIOD] = "its time is not in the agreement's period",
    [KP_WHY_DELAY] = "it is newer than the agreed delay",
    [KP_WHY_LATE] = "its step was given before it came",
    [KP_WHY_STEPS] = "only values of steps were agreed",
    [KP_WHY_NOT_YET] = "the agreement begins later",
    [KP_WHY_EXPIRED] = "the agreement has expired",
    [KP_WHY_ENDED] = "the agreement or the transfer was ended",
    [KP_WHY_MEMORY] = "out of memory",
};

const char *kp_gate_reason(enum kp_why why)
{
    return (unsigned)why < KP_WHYS ? reasons[why] : reasons[KP_WHY_NOT];
}

/* ---- one transfer ---- */

struct seen {      /* a signal, by number */
    uint32_t step; /* its place in `steps` plus one; 0 = it has none */
    bool known;    /* `why` holds for the model's version */
    uint8_t why;
};

struct kp_cursor {
    struct kp_gate *gate;
    struct kp_terms terms;
    int64_t lo, hi;
    char *agreement, *transfer;
    struct kp_filter *filter;
    uint64_t generation, version;
    enum kp_why why;
    unsigned functions; /* how many a step gives */
    struct seen *seen;
    size_t n_seen;
    struct step *steps;
    size_t n_steps, steps_room, flushed;
    uint64_t denied[KP_WHYS];
};

static enum kp_why time_of(const struct kp_cursor *c, int64_t now)
{
    return now < c->terms.from ? KP_WHY_NOT_YET : now >= c->terms.to ? KP_WHY_EXPIRED : KP_WHY_NOT;
}

static bool holds(struct kp_cursor *c)
{
    const struct kp_keeper *k = &c->gate->keeper;
    c->generation = atomic_load(
        &c->gate->generation); /* before asking: what is ended meanwhile is asked again */
    return k->holds(k->self, c->agreement, c->transfer);
}

static enum kp_code fill(struct kp_cursor *c, const struct kp_grant *grant, const char *transfer,
                         struct kp_err *err)
{
    struct kp_filter_def def = { .include = grant->include,
                                 .exclude = grant->exclude,
                                 .separator = grant->separator };
    c->terms = grant->terms;
    kp_terms_period(&c->terms, &c->lo, &c->hi);
    c->functions = (unsigned)__builtin_popcount(c->terms.functions);
    c->agreement = kp_strdup(grant->agreement);
    c->transfer = kp_strdup(transfer);
    if (!c->agreement || !c->transfer)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    c->filter = kp_filter_new(&def, err);
    return c->filter ? KP_OK : err->code;
}

static enum kp_code check_open(struct kp_cursor *c, const struct kp_grant *grant,
                               const char *partner, struct kp_err *err)
{
    const struct kp_keeper *k = &c->gate->keeper;
    const struct kp_words *to = &c->terms.recipient;
    if (strcmp(grant->partner, partner) != 0 || (to->n && !kp_words_have(to, partner)))
        return kp_fail(err, KP_EDENIED, "agreement %.80s is not with %.80s", grant->agreement,
                       partner);
    if ((c->why = time_of(c, kp_utc(c->gate->clock))) || !holds(c))
        return kp_fail(err, KP_EDENIED, "agreement %.80s: %s", grant->agreement,
                       reasons[c->why ? c->why : KP_WHY_ENDED]);
    return k->begin(k->self, c->agreement, c->transfer, c->terms.count, err);
}

struct kp_cursor *kp_gate_open(struct kp_gate *g, const struct kp_grant *grant, const char *partner,
                               const char *transfer, struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct kp_cursor *c = kp_alloc(sizeof *c);
    err = err ? err : &own;
    if (!c) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    c->gate = g;
    if (!grant->include || !*grant->include) /* to a filter this would be everything */
        kp_fail(err, KP_EDENIED, "agreement %.80s names no signals", grant->agreement);
    else if (!fill(c, grant, transfer, err) && !check_open(c, grant, partner, err))
        return c;
    kp_gate_close(c);
    return NULL;
}

void kp_gate_close(struct kp_cursor *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_steps; i++)
        step_free(&c->steps[i]);
    kp_filter_free(c->filter);
    kp_free(c->steps);
    kp_free(c->seen);
    kp_free(c->agreement);
    kp_free(c->transfer);
    kp_free(c);
}

enum kp_why kp_gate_why(const struct kp_cursor *c)
{
    return c->why;
}

uint64_t kp_gate_denied(const struct kp_cursor *c, enum kp_why why)
{
    return c->denied[why];
}

/* Without a delay a machine whose clock is ahead is not kept waiting. */
static int64_t horizon(const struct kp_cursor *c, int64_t now)
{
    return c->terms.delay ? now - c->terms.delay : KP_FOREVER;
}

int64_t kp_gate_horizon(const struct kp_cursor *c)
{
    return horizon(c, kp_utc(c->gate->clock));
}

/* ---- signals, looked up once while the model does not change ---- */

static enum kp_why judge(const struct kp_cursor *c, kp_signal id)
{
    const struct kp_model *m = c->gate->model;
    const struct kp_keeper *k = &c->gate->keeper;
    const struct kp_signal_info *info = kp_model_signal(m, id);
    char path[KP_PATH_MAX];
    if (!info)
        return KP_WHY_UNKNOWN;
    if (kp_model_signal_path(m, id, path, sizeof path) >= sizeof path ||
        !kp_filter_wants(c->filter, path))
        return KP_WHY_SIGNAL;
    if (!kp_gate_signal(m, KP_TO_PARTNER, id))
        return KP_WHY_LABEL;
    return k->onward(k->self, info->coupling, path) ? KP_WHY_NOT : KP_WHY_ONWARD;
}

/* Under the model's lock. False: out of memory. */
static bool look_up(struct kp_cursor *c, kp_signal id)
{
    if (id >= kp_model_signal_end(c->gate->model) && id >= c->n_seen)
        return true; /* there never was one: no room for it */
    if (!kp_grow(&c->seen, &c->n_seen, (size_t)id + 1, sizeof *c->seen))
        return false;
    struct seen *s = &c->seen[id];
    if (!s->known)
        s->why = (uint8_t)judge(c, id);
    s->known = true;
    if (!c->terms.every || s->why || s->step)
        return true;
    if (!kp_grow(&c->steps, &c->steps_room, c->n_steps + 1, sizeof *c->steps))
        return false;
    c->steps[c->n_steps++] = (struct step){ .signal = id, .frozen = INT64_MIN };
    s->step = (uint32_t)c->n_steps;
    return true;
}

/* What was known of signals is forgotten when the model has changed: a label, a path. */
static void notice_changes(struct kp_cursor *c)
{
    uint64_t version = kp_model_version(c->gate->model);
    for (size_t i = 0; version != c->version && i < c->n_seen; i++)
        c->seen[i].known = false;
    c->version = version;
}

static bool look_up_all(struct kp_cursor *c, const struct kp_batch *in, unsigned at)
{
    bool all = true;
    kp_model_lock(c->gate->model);
    notice_changes(c);
    for (; all && at < in->n; at++) {
        kp_signal id = in->s[at].signal;
        if (id >= c->n_seen || !c->seen[id].known)
            all = look_up(c, id);
    }
    kp_model_unlock(c->gate->model);
    return all;
}

/* ---- passing ---- */

static enum kp_verdict end(struct kp_cursor *c, enum kp_why why)
{
    c->why = why;
    return KP_DENY;
}

/* Whether anything passes at all now. */
static bool open_now(struct kp_cursor *c, int64_t now)
{
    if (!c->why)
        c->why = time_of(c, now);
    if (!c->why && atomic_load(&c->gate->generation) != c->generation && !holds(c))
        c->why = KP_WHY_ENDED;
    return !c->why;
}

enum result { PASSED, SUMMED, NO_ROOM, NO_MEMORY, LEFT_OUT };

static enum result sum_up(struct kp_cursor *c, struct step *s, const struct kp_sample *sample,
                          struct kp_batch *out)
{
    if (sample->at < (s->open ? s->from : s->frozen)) {
        c->denied[KP_WHY_LATE]++;
        return LEFT_OUT;
    }
    if (s->open && sample->at >= s->to) {
        if (out->n + c->functions > KP_BATCH_MAX)
            return NO_ROOM;
        if (!step_give(s, c->terms.functions, out))
            return NO_MEMORY;
    }
    if (!s->open)
        step_open(s, sample->at, c->terms.every, c->lo, c->hi);
    return step_add(s, sample) ? SUMMED : NO_MEMORY;
}

static enum result pass_one(struct kp_cursor *c, const struct kp_sample *sample, int64_t newest,
                            struct kp_batch *out)
{
    static const struct seen none = { .why = KP_WHY_UNKNOWN };
    const struct seen *seen = sample->signal < c->n_seen ? &c->seen[sample->signal] : &none;
    enum kp_why why = !seen->known ? KP_WHY_UNKNOWN : (enum kp_why)seen->why;
    if (!why && (sample->at < c->lo || sample->at >= c->hi))
        why = KP_WHY_PERIOD;
    else if (!why && sample->at > newest)
        why = KP_WHY_DELAY;
    if (why) {
        c->denied[why]++;
        return LEFT_OUT;
    }
    if (c->terms.every)
        return sum_up(c, &c->steps[seen->step - 1], sample, out);
    if (out->n == KP_BATCH_MAX)
        return NO_ROOM;
    return kp_batch_add(out, sample) ? PASSED : NO_MEMORY;
}

enum kp_verdict kp_gate_pass(struct kp_cursor *c, const struct kp_batch *in, unsigned *at,
                             struct kp_batch *out)
{
    int64_t now = kp_utc(c->gate->clock), newest = horizon(c, now);
    enum kp_verdict verdict = KP_ALLOW;
    if (!open_now(c, now))
        return KP_DENY;
    if (!look_up_all(c, in, *at))
        return end(c, KP_WHY_MEMORY);
    for (; *at < in->n; ++*at) {
        enum result r = pass_one(c, &in->s[*at], newest, out);
        if (r == NO_MEMORY)
            return end(c, KP_WHY_MEMORY);
        if (r == NO_ROOM)
            break;
        verdict = r == PASSED ? verdict : KP_ALTER;
    }
    return verdict;
}

/* Under the model's lock. */
static enum kp_why judge_interval(const struct kp_cursor *c, const struct kp_interval *v)
{
    const struct kp_model *m = c->gate->model;
    char path[KP_PATH_MAX];
    if (!kp_model_asset(m, v->asset))
        return KP_WHY_UNKNOWN;
    if (kp_model_asset_path(m, v->asset, path, sizeof path) >= sizeof path ||
        !kp_filter_wants(c->filter, path))
        return KP_WHY_SIGNAL;
    return kp_gate_interval(m, KP_TO_PARTNER, v) ? KP_WHY_NOT : KP_WHY_LABEL;
}

static enum kp_why judge_span(const struct kp_cursor *c, const struct kp_interval *v, int64_t now)
{
    if (c->terms.every)
        return KP_WHY_STEPS;
    if (v->start >= c->hi || v->end < c->lo || (v->end == c->lo && v->start < c->lo))
        return KP_WHY_PERIOD;
    return v->end > horizon(c, now) ? KP_WHY_DELAY : KP_WHY_NOT;
}

enum kp_verdict kp_gate_pass_interval(struct kp_cursor *c, const struct kp_interval *in,
                                      struct kp_interval *out)
{
    int64_t now = kp_utc(c->gate->clock);
    if (!open_now(c, now))
        return KP_DENY;
    kp_model_lock(c->gate->model);
    enum kp_why why = judge_interval(c, in);
    kp_model_unlock(c->gate->model);
    if (!why)
        why = judge_span(c, in, now);
    if (why) {
        c->denied[why]++;
        return KP_DENY;
    }
    *out = *in;
    out->start = in->start > c->lo ? in->start : c->lo;
    if (in->end > c->hi && (in->end != KP_FOREVER || c->hi <= now)) /* else it may end before */
        out->end = c->hi;
    return out->start != in->start || out->end != in->end ? KP_ALTER : KP_ALLOW;
}

/* A step whose signal may not go any more is given to nobody. */
static enum result flush_one(struct kp_cursor *c, struct step *s, int64_t by, struct kp_batch *out)
{
    if (!s->open || s->to > by)
        return PASSED;
    if (!look_up(c, s->signal))
        return NO_MEMORY;
    if (c->seen[s->signal].why)
        step_drop(s);
    else if (out->n + c->functions > KP_BATCH_MAX)
        return NO_ROOM;
    else if (!step_give(s, c->terms.functions, out))
        return NO_MEMORY;
    return PASSED;
}

enum kp_verdict kp_gate_flush(struct kp_cursor *c, struct kp_batch *out)
{
    int64_t now = kp_utc(c->gate->clock);
    enum result r = PASSED;
    if (!open_now(c, now))
        return KP_DENY;
    kp_model_lock(c->gate->model);
    notice_changes(c);
    for (; r == PASSED && c->flushed < c->n_steps; c->flushed += r == PASSED)
        r = flush_one(c, &c->steps[c->flushed], now - c->terms.delay, out);
    kp_model_unlock(c->gate->model);
    if (r == NO_MEMORY)
        return end(c, KP_WHY_MEMORY);
    c->flushed = r == NO_ROOM ? c->flushed : 0;
    return r == NO_ROOM ? KP_ALTER : KP_ALLOW;
}
