/* SPDX-License-Identifier: Apache-2.0 */
/* What machines are doing: signals with a rule of states, joined per machine, kept as intervals of
 * kind state. Hub thread only. */
#include "core/hub_private.h"

#include "core/json.h"
#include "core/state_rule.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* A signal that tells of its machine. */
struct teller {
    kp_signal signal;
    struct kp_state_rule *rule;
    kp_asset machine;
    bool heard;          /* since the node started */
    uint8_t state, next; /* next: told, but not for long enough yet */
    int64_t since;       /* of next */
};
struct machine {
    kp_asset asset;
    bool used;
    uint8_t state; /* as the open interval says; unknown: none is open */
    uint8_t label; /* the strictest of its tellers, when it is stricter than the machine's own */
    int64_t interval, start;
};
struct kp_machine_states {
    struct teller *tellers; /* in order of signal */
    size_t n, room;
    struct machine *machines;
    size_t n_machines, machines_room;
    bool changed; /* tellers came or went, or assets moved */
};

/* ---- tellers ---- */
static size_t place_of(const struct kp_machine_states *m, kp_signal id)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (m->tellers[middle].signal < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop(struct kp_machine_states *m, kp_signal id)
{
    size_t i = place_of(m, id);
    if (i == m->n || m->tellers[i].signal != id)
        return;
    kp_state_rule_free(m->tellers[i].rule);
    memmove(m->tellers + i, m->tellers + i + 1, (--m->n - i) * sizeof *m->tellers);
    m->changed = true;
}

/* Without memory the signal tells nothing until it is changed again. */
static void take_in(struct kp_machine_states *m, const struct kp_signal_info *info)
{
    struct kp_state_rule *rule = kp_state_rule_new(info->states, NULL);
    size_t i = place_of(m, info->id);
    if (!rule || !kp_grow(&m->tellers, &m->room, m->n + 1, sizeof *m->tellers)) {
        kp_state_rule_free(rule);
        return;
    }
    memmove(m->tellers + i + 1, m->tellers + i, (m->n++ - i) * sizeof *m->tellers);
    m->tellers[i] = (struct teller){ .signal = info->id, .rule = rule };
    m->changed = true;
}

void states_changed(struct kp_hub *h, enum kp_change change, int64_t id)
{
    struct kp_machine_states *m = h->states;
    if (change == KP_ASSET_PUT || change == KP_ASSET_REMOVED)
        m->changed = m->changed || m->n;
    if (change != KP_SIGNAL_PUT && change != KP_SIGNAL_REMOVED)
        return;
    drop(m, (kp_signal)id);
    const struct kp_signal_info *info =
        change == KP_SIGNAL_PUT ? kp_model_signal(h->model, (kp_signal)id) : NULL;
    if (info && kp_tells_state(info->role, info->states))
        take_in(m, info);
}

/* ---- machines ---- */
/* The nearest machine above, or what stands in for one: the asset itself. */
static kp_asset machine_of(const struct kp_model *model, kp_signal id)
{
    const struct kp_signal_info *info = kp_model_signal(model, id);
    kp_asset own = info ? info->asset : 0;
    for (kp_asset a = own; a; a = kp_model_asset(model, a)->parent)
        if (kp_model_asset(model, a)->kind == KP_MACHINE)
            return a;
    return own;
}

static void print_attributes(char out[64], unsigned state)
{
    snprintf(out, 64, "{\"state\":\"%s\",\"derived\":true}", kp_state_name(state));
}

static bool adopt(void *arg, const struct kp_interval *v)
{
    struct machine *machine = arg;
    char mine[64];
    for (unsigned s = KP_STATE_RUNNING; s < KP_STATES; s++) {
        print_attributes(mine, s);
        if (v->asset == machine->asset && v->kind == KP_INTERVAL_STATE &&
            strcmp(v->attributes, mine) == 0) {
            machine->state = (uint8_t)s;
            machine->interval = v->id;
            machine->start = v->start;
            return false;
        }
    }
    return true;
}

static struct machine *machine_entry(struct kp_hub *h, kp_asset asset)
{
    struct kp_machine_states *m = h->states;
    for (size_t i = 0; i < m->n_machines; i++)
        if (m->machines[i].asset == asset)
            return &m->machines[i];
    if (!asset || !kp_grow(&m->machines, &m->machines_room, m->n_machines + 1, sizeof *m->machines))
        return NULL;
    struct machine *new = &m->machines[m->n_machines++];
    *new = (struct machine){ .asset = asset };
    kp_model_open_intervals(h->model, asset, adopt, new);
    return new;
}

static void say(struct kp_hub *h, struct machine *machine, unsigned state, int64_t at)
{
    char attributes[64];
    if (at < machine->start)
        at = machine->start;
    print_attributes(attributes, machine->state);
    struct kp_interval v = { .id = machine->interval,
                             .asset = machine->asset,
                             .kind = KP_INTERVAL_STATE,
                             .label = machine->label,
                             .start = machine->start,
                             .end = at,
                             .attributes = attributes };
    if (machine->interval)
        kp_model_put_interval(h->model, &v, NULL);
    machine->interval = 0;
    machine->state = (uint8_t)state;
    machine->start = at;
    if (state == KP_STATE_UNKNOWN)
        return;
    print_attributes(attributes, state);
    v.id = 0;
    v.label = machine->label;
    v.start = at;
    v.end = KP_FOREVER;
    machine->interval = kp_model_put_interval(h->model, &v, NULL);
    if (!machine->interval)
        machine->state = KP_STATE_UNKNOWN; /* no memory: the next value tries again */
}

/* A state tells what its tellers said, so it goes no further than they may. */
static uint8_t strictest(const struct kp_hub *h, const struct machine *machine)
{
    uint8_t own = kp_model_label(h->model, machine->asset, KP_INHERIT), label = own;
    for (size_t i = 0; i < h->states->n; i++) {
        const struct teller *t = &h->states->tellers[i];
        const struct kp_signal_info *info =
            t->machine == machine->asset ? kp_model_signal(h->model, t->signal) : NULL;
        uint8_t of_signal = info ? kp_model_label(h->model, info->asset, info->label) : own;
        label = of_signal > label ? of_signal : label;
    }
    return label > own ? label : KP_INHERIT;
}

/* Of several tellers those count whose rule somebody has fixed; without one what was learnt does. */
static bool any_fixed(const struct kp_hub *h, const struct machine *machine)
{
    for (size_t i = 0; i < h->states->n; i++)
        if (h->states->tellers[i].machine == machine->asset &&
            !kp_state_rule_learns(h->states->tellers[i].rule))
            return true;
    return false;
}

/* The busiest of its tellers counts. A machine of which nothing was heard since the start goes on
 * as it was. */
static void settle(struct kp_hub *h, struct machine *machine, int64_t at)
{
    unsigned state = KP_STATE_UNKNOWN;
    bool heard = false, fixed = any_fixed(h, machine);
    for (size_t i = 0; i < h->states->n; i++) {
        const struct teller *t = &h->states->tellers[i];
        if (t->machine != machine->asset || (fixed && kp_state_rule_learns(t->rule)))
            continue;
        heard = heard || t->heard;
        if (t->state != KP_STATE_UNKNOWN && (state == KP_STATE_UNKNOWN || t->state < state))
            state = t->state;
    }
    if (!heard || state == machine->state)
        return;
    machine->label = strictest(h, machine);
    say(h, machine, state, at);
}

/* After tellers came or went: machines that nobody tells of any more end. */
static void join_again(struct kp_hub *h)
{
    struct kp_machine_states *m = h->states;
    int64_t now = kp_utc(h->clock);
    m->changed = false;
    for (size_t i = 0; i < m->n_machines; i++)
        m->machines[i].used = false;
    for (size_t i = 0; i < m->n; i++) {
        m->tellers[i].machine = machine_of(h->model, m->tellers[i].signal);
        struct machine *machine = machine_entry(h, m->tellers[i].machine);
        if (machine)
            machine->used = true;
    }
    for (size_t i = m->n_machines; i-- > 0;) {
        struct machine *machine = &m->machines[i];
        if (machine->used) {
            settle(h, machine, now);
            continue;
        }
        if (kp_model_asset(h->model, machine->asset))
            say(h, machine, KP_STATE_UNKNOWN, now);
        *machine = m->machines[--m->n_machines];
    }
}

/* ---- what is told ---- */
static void is_now(struct kp_hub *h, struct teller *t, unsigned state, int64_t at)
{
    struct machine *machine = machine_entry(h, t->machine);
    t->heard = true;
    t->state = t->next = (uint8_t)state;
    if (machine)
        settle(h, machine, at);
}

static void hear(struct kp_hub *h, struct teller *t, const struct kp_sample *s)
{
    const struct kp_signal_info *info = kp_model_signal(h->model, t->signal);
    unsigned state = kp_state_rule_apply(t->rule, &s->value, s->status, info ? info->enums : NULL, t->state);
    if (state == t->next && t->heard)
        return;
    if (!t->heard || state == t->state || !kp_state_rule_hold(t->rule)) {
        is_now(h, t, state, s->at);
        return;
    }
    t->next = (uint8_t)state;
    t->since = s->at;
}

void states_take(struct kp_hub *h, const struct kp_batch *b, const uint64_t *news)
{
    struct kp_machine_states *m = h->states;
    if (!m->n)
        return;
    if (m->changed)
        join_again(h);
    for (unsigned i = 0; i < b->n; i++) {
        if (!(news[i / 64] >> (i % 64) & 1))
            continue;
        size_t place = place_of(m, b->s[i].signal);
        if (place < m->n && m->tellers[place].signal == b->s[i].signal)
            hear(h, &m->tellers[place], &b->s[i]);
    }
}

void states_cut_off(struct kp_hub *h, uint16_t coupling, int64_t at)
{
    struct kp_machine_states *m = h->states;
    if (m->changed)
        join_again(h);
    for (size_t i = 0; i < m->n; i++) {
        const struct kp_signal_info *info = kp_model_signal(h->model, m->tellers[i].signal);
        if (info && info->coupling == coupling)
            is_now(h, &m->tellers[i], KP_STATE_UNKNOWN, at);
    }
}

void states_turn(struct kp_hub *h)
{
    struct kp_machine_states *m = h->states;
    int64_t now = kp_utc(h->clock);
    if (m->changed)
        join_again(h);
    for (size_t i = 0; i < m->n; i++) {
        struct teller *t = &m->tellers[i];
        if (t->next != t->state && now - t->since >= kp_state_rule_hold(t->rule))
            is_now(h, t, t->next, t->since);
    }
}

struct kp_machine_states *states_new(void)
{
    return kp_alloc(sizeof(struct kp_machine_states));
}

void states_free(struct kp_machine_states *m)
{
    for (size_t i = 0; m && i < m->n; i++)
        kp_state_rule_free(m->tellers[i].rule);
    if (m) {
        kp_free(m->tellers);
        kp_free(m->machines);
    }
    kp_free(m);
}
