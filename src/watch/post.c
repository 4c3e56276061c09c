/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/post_private.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

const char *kp_post_reason_word(enum kp_post_reason reason)
{
    static const char *const words[] = { NULL,        "alarm",     "machine-state", "state-unknown",
                                         "first-run", "no-values", "disabled" };
    return words[reason];
}

const char *kp_post_finding_word(enum kp_post_finding finding)
{
    static const char *const words[] = { "unusual", "sensor", "overdue" };
    return words[finding];
}

/* ---- making ---- */
void post_forget(struct memory *m)
{
    if (m->signal)
        kp_watch_signal_free(m->signal);
    kp_free(m->signal);
    kp_group_free(m->group);
    *m = (struct memory){ 0 };
}

static uint32_t learn_of(const struct kp_post *p)
{
    uint32_t most = (uint32_t)(KP_GROUP_CELLS_MAX / (p->n ? p->n : 1));
    return p->def->kind == KP_WATCH_GROUP && p->def->learn > most ? most : p->def->learn;
}

enum kp_code post_remember(const struct kp_post *p, struct memory *m, struct kp_err *err)
{
    if (p->def->kind == KP_WATCH_GROUP) {
        m->group = kp_group_new(p->n, learn_of(p), err);
        return m->group ? KP_OK : err->code;
    }
    m->signal = kp_alloc(sizeof *m->signal);
    if (!m->signal)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return kp_watch_signal_init(m->signal, p->def->learn, p->def->shape, err);
}

static enum kp_code make_parts(struct kp_post *p, struct kp_err *err)
{
    bool signal = p->def->kind == KP_WATCH_SIGNAL, machine = p->def->kind == KP_WATCH_MACHINE;
    p->n_memory = machine ? 0 : p->def->by_program ? KP_POST_PROGRAMS : 1;
    if ((p->n_memory && !(p->memory = kp_alloc(p->n_memory * sizeof *p->memory))) ||
        (!signal && !(p->channel = kp_alloc(p->n * sizeof *p->channel))) ||
        (!signal && !(p->row = kp_alloc(p->n * sizeof *p->row))))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n && !signal; i++)
        p->channel[i] = (struct channel){ .value = NAN, .hearing.at = KP_NO_TIME };
    if (machine) {
        if (!(p->cycling = kp_alloc(sizeof *p->cycling)))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        p->cycling->seen = KP_NO_TIME;
        p->cycles = kp_cycles_new((unsigned)p->n, err);
        return p->cycles ? KP_OK : err->code;
    }
    return post_remember(p, &p->memory[0], err);
}

struct kp_post *kp_post_new(const struct kp_watch_def *def, const kp_signal *signals, size_t n,
                            struct kp_err *err)
{
    struct kp_post *p = kp_alloc(sizeof *p);
    if (!p || !(p->signal = kp_alloc(n * sizeof *p->signal))) {
        kp_free(p);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    memcpy(p->signal, signals, n * sizeof *signals);
    p->def = def;
    p->n = n;
    p->next_row = p->until = p->at = p->first_run = p->learnt_at = p->fine_since = KP_NO_TIME;
    p->hearing.at = KP_NO_TIME;
    for (size_t i = 0; i < KP_POST_FINDINGS; i++)
        p->since[i] = KP_NO_TIME;
    if (!make_parts(p, err))
        return p;
    kp_post_free(p);
    return NULL;
}

void kp_post_free(struct kp_post *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_memory && p->memory; i++)
        post_forget(&p->memory[i]);
    kp_cycles_free(p->cycles);
    kp_free(p->cycling);
    kp_free(p->memory);
    kp_free(p->channel);
    kp_free(p->row);
    kp_free(p->signal);
    kp_free(p);
}

void kp_post_define(struct kp_post *p, const struct kp_watch_def *def)
{
    p->def = def;
}

const struct kp_watch_def *kp_post_def(const struct kp_post *p)
{
    return p->def;
}

const kp_signal *kp_post_signals(const struct kp_post *p, size_t *n)
{
    *n = p->n;
    return p->signal;
}

/* ---- what is known under the program in force ---- */
struct memory *post_find(struct kp_post *p, uint64_t program)
{
    struct memory *oldest = p->memory;
    for (struct memory *m = p->memory; m < p->memory + p->n_memory; m++) {
        if ((m->signal || m->group) && m->program == program)
            return m;
        oldest = m->used < oldest->used ? m : oldest;
    }
    return oldest;
}

struct memory *post_memory(struct kp_post *p)
{
    uint64_t program = p->def->by_program ? p->program : 0;
    struct memory *m = p->n_memory ? post_find(p, program) : NULL;
    if (!m)
        return NULL;
    if ((!m->signal && !m->group) || m->program != program) {
        post_forget(m);
        m->program = program;
        if (post_remember(p, m, NULL)) {
            post_forget(m);
            return NULL;
        }
    }
    m->used = ++p->clock;
    return m;
}

/* ---- what it says ---- */
void kp_post_begin(struct kp_post *p, int64_t until, enum kp_post_from from)
{
    p->until = until;
    if (p->learnt_at != KP_NO_TIME)
        p->from = (uint8_t)from;
}

unsigned kp_post_findings(const struct kp_post *p)
{
    return p->findings;
}

static void count_learnt(const struct kp_post *p, struct kp_post_view *v)
{
    struct kp_post *at = (struct kp_post *)(uintptr_t)p; /* it changes nothing */
    v->learn = p->cycles ? KP_CYCLE_LEARN : learn_of(p);
    if (p->cycles) {
        v->learnt = p->cycle.known + (p->at != KP_NO_TIME);
    } else {
        uint64_t program = p->def->by_program ? p->program : 0;
        const struct memory *m = post_find(at, program);
        if (m->program == program && m->signal)
            v->learnt = m->signal->learnt;
        if (m->program == program && m->group)
            v->learnt = kp_group_learnt(m->group);
    }
    v->learnt = v->learnt > v->learn ? v->learn : v->learnt;
}

struct kp_post_view kp_post_view(const struct kp_post *p)
{
    struct kp_post_view v = { .state = p->last.state,
                              .reason = post_silent(p),
                              .findings = p->findings,
                              .trouble = p->findings >> KP_POST_SENSOR & 1 ? p->trouble : p->last.trouble,
                              .troubled = p->troubled,
                              .score = p->last.score,
                              .drifts = p->last.drifts,
                              .n_top = p->last.n_top,
                              .cycle = p->cycle,
                              .overdue_usual = p->cycling ? p->cycling->overdue_usual : 0,
                              .at = p->at,
                              .learnt_at = p->learnt_at,
                              .values = p->hearing.values,
                              .from = p->from,
                              .machine = p->machine,
                              .program = p->program };
    memcpy(v.top, p->last.top, sizeof v.top);
    memcpy(v.since, p->since, sizeof v.since);
    count_learnt(p, &v);
    bool learns = v.state == KP_WATCH_LEARNING;
    if (learns)
        v.score = NAN;
    if (!p->def->enabled)
        v.reason = KP_POST_DISABLED;
    else if (p->cut || v.state == KP_WATCH_STALE)
        v.reason = KP_POST_NO_VALUES;
    else if (v.reason == KP_POST_JUDGES && (p->findings & 1u << KP_POST_UNUSUAL))
        v.reason = KP_POST_ALARM;
    if (v.reason == KP_POST_NO_VALUES)
        v.state = KP_WATCH_STALE;
    else if (v.reason && !learns)
        v.state = KP_WATCH_FROZEN;
    return v;
}

void kp_post_course(const struct kp_post *p, int64_t from, int64_t to,
                    void (*each)(void *, int64_t, double, bool), void *arg)
{
    for (int64_t s = p->step - KP_POST_STEPS + 1; s <= p->step; s++) {
        uint8_t level = s > 0 ? p->course[s % KP_POST_STEPS] : 0;
        int64_t at = s * KP_POST_STEP;
        if (level && at + KP_POST_STEP > from && at < to)
            each(arg, at, ((level & 127) - 1) / 126.0, level & 128);
    }
}

bool kp_post_accept(struct kp_post *p)
{
    bool overdue = p->findings >> KP_POST_OVERDUE & 1;
    if (p->last.state == KP_WATCH_LEARNING)
        return false;
    if (p->cycles)
        kp_cycles_accept(p->cycles, overdue ? p->cycling->lasts : 0);
    struct memory *m = post_memory(p);
    if (m && m->signal)
        kp_watch_signal_accept(m->signal);
    if (m && m->group)
        kp_group_accept(m->group);
    for (size_t i = 0; i < p->n && p->channel; i++)
        kp_sense_accept(&p->channel[i].sense);
    p->findings = 0;
    p->trouble = KP_TROUBLE_NONE;
    p->odd = p->fine = 0;
    p->last.alarm = p->last.drifts = false;
    p->last.state = p->cycle.state = KP_WATCH_ACTIVE;
    p->last.score = p->cycle.score = 0;
    return true;
}

bool kp_post_reject(struct kp_post *p)
{
    struct memory *m = p->last.state == KP_WATCH_LEARNING ? NULL : post_memory(p);
    if (m && m->signal)
        kp_watch_signal_reject(m->signal);
    if (m && m->group)
        kp_group_reject(m->group);
    if (p->cycles && p->last.state != KP_WATCH_LEARNING)
        kp_cycles_reject(p->cycles, p->findings >> KP_POST_OVERDUE & 1);
    return p->last.state != KP_WATCH_LEARNING;
}

size_t kp_post_size(const struct kp_post *p)
{
    size_t n = sizeof *p + p->n * sizeof *p->signal + p->n_memory * sizeof *p->memory;
    for (size_t i = 0; i < p->n_memory; i++)
        n += p->memory[i].signal ? sizeof *p->memory[i].signal : 0;
    return n + (p->channel ? p->n * (sizeof *p->channel + sizeof *p->row) : 0);
}
