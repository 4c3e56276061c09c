/* SPDX-License-Identifier: Apache-2.0 */
/* What machines do, as far as their posts need it: state, program, cycles. */
#include "watch/watches_private.h"

#include "core/hash.h"
#include "net/json_memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { OF_PROGRAM = KP_CYCLES_PROGRAM, OF_PART = KP_CYCLES_PART }; /* places in machine.cycle */

kp_asset watches_machine_of(const struct kp_model *m, kp_asset own)
{
    const struct kp_asset_info *info;
    for (kp_asset a = own; a && (info = kp_model_asset(m, a)); a = info->parent)
        if (info->kind == KP_MACHINE)
            return a;
    return own;
}

uint32_t watches_machine(struct kp_watches *w, kp_asset asset)
{
    size_t low = 0, high = w->n_machines;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->machines[middle].asset < asset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->n_machines && w->machines[low].asset == asset ? (uint32_t)low + 1 : 0;
}

/* ---- what an interval says ---- */
enum kp_state watches_state_of(const char *attributes)
{
    json_t *o = kp_json_load(attributes, strlen(attributes), 0, NULL);
    const char *word = json_string_value(json_object_get(o, "state"));
    unsigned state = KP_STATES;
    while (word && --state > KP_STATE_UNKNOWN && strcmp(word, kp_state_name(state)) != 0)
        ;
    json_decref(o);
    return word ? (enum kp_state)state : KP_STATE_UNKNOWN;
}

uint64_t watches_kind_of(const char *attributes, char *name)
{
    static const char *const keys[] = { "name", "program", "tool" };
    json_t *o = kp_json_load(attributes, strlen(attributes), 0, NULL);
    uint64_t hash = KP_HASH_START;
    *name = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = json_string_value(json_object_get(o, keys[i]));
        if (text && !*name)
            kp_utf8_clean(name, WATCH_PROGRAM, text, strlen(text));
        hash = kp_hash(hash, text ? text : "", text ? strlen(text) + 1 : 1);
    }
    json_decref(o);
    return *name ? hash | 1 : 0;
}

uint64_t watches_program_of(const struct kp_value *v, char *name)
{
    *name = 0;
    if (v->type == KP_STRING)
        kp_utf8_clean(name, WATCH_PROGRAM, v->data, v->len);
    else if (v->type != KP_NULL)
        kp_value_print(v, name, WATCH_PROGRAM);
    return *name ? kp_hash(KP_HASH_START, name, strlen(name)) | 1 : 0;
}

/* ---- handing it to posts; lock held ---- */
static void each_post(struct kp_watches *w, const struct machine *m,
                      void (*fn)(struct watched *, const struct machine *, int64_t at), int64_t at)
{
    for (uint32_t i = m->first; i; i = w->list[i - 1]->next) {
        fn(w->list[i - 1], m, at);
        watches_list(w, i - 1);
    }
}

static void hand_state(struct watched *p, const struct machine *m, int64_t at)
{
    kp_post_state(p->post, m->has_states, m->state, at);
}

static void hand_program(struct watched *p, const struct machine *m, int64_t at)
{
    kp_post_program(p->post, m->program, at);
}

void watches_hand(struct kp_watches *w, struct watched *p)
{
    if (!p->machine)
        return;
    hand_state(p, &w->machines[p->machine - 1], kp_utc(w->clock));
    hand_program(p, &w->machines[p->machine - 1], kp_utc(w->clock));
}

static void end_cycle(struct kp_watches *w, struct machine *m, unsigned of, int64_t at)
{
    if (of != KP_CYCLES_COUNT)
        m->cycle[of] = 0;
    for (uint32_t i = m->first; i; i = w->list[i - 1]->next) {
        struct watched *p = w->list[i - 1];
        if (p->of->def.kind != KP_WATCH_MACHINE || p->of->def.cycles == of) {
            kp_post_cycle_end(p->post, at);
            watches_list(w, i - 1);
        }
    }
}

static void start_cycle(struct kp_watches *w, struct machine *m, unsigned of, uint64_t kind, int64_t at)
{
    for (uint32_t i = m->first; i; i = w->list[i - 1]->next) {
        struct watched *p = w->list[i - 1];
        if (p->of->def.kind == KP_WATCH_MACHINE && p->of->def.cycles == of)
            kp_post_cycle(p->post, kind, at);
    }
}

static void begin_cycle(struct kp_watches *w, struct machine *m, unsigned of,
                        const struct kp_interval *v, uint8_t label)
{
    char name[WATCH_PROGRAM];
    uint64_t kind = watches_kind_of(v->attributes, name);
    if (m->cycle[of] == v->id)
        return;
    if (m->cycle[of])
        end_cycle(w, m, of, v->start);
    m->cycle[of] = v->id;
    if (of == OF_PROGRAM && !m->program_signal && kind != m->program) {
        m->program = kind;
        m->program_label = label;
        memcpy(m->name, name, sizeof m->name);
        each_post(w, m, hand_program, v->start);
    }
    start_cycle(w, m, of, kind, v->start);
}

static void take_state(struct kp_watches *w, struct machine *m, const struct kp_interval *v, uint8_t label)
{
    bool open = v->end == KP_FOREVER;
    m->state_label = label;
    m->has_states = true;
    m->state = open ? watches_state_of(v->attributes) : KP_STATE_UNKNOWN;
    each_post(w, m, hand_state, open ? v->start : v->end);
}

/* One that was never open is a cycle of the time that is over. */
static void whole_cycle(struct kp_watches *w, const struct machine *m, unsigned of, const struct kp_interval *v)
{
    char name[WATCH_PROGRAM];
    uint64_t kind = watches_kind_of(v->attributes, name);
    for (uint32_t i = m->first; i; i = w->list[i - 1]->next) {
        struct watched *p = w->list[i - 1];
        if (p->of->def.kind != KP_WATCH_MACHINE)
            kp_post_cycle_end(p->post, v->end);
        else if (p->of->def.cycles == of)
            kp_post_cycle_whole(p->post, kind, v->start, v->end);
        watches_list(w, i - 1);
    }
}

void watches_take_interval(struct kp_watches *w, const struct kp_interval_msg *msg)
{
    const struct kp_interval *v = &msg->interval;
    kp_model_lock(w->model);
    kp_asset asset = watches_machine_of(w->model, v->asset);
    uint8_t label = kp_model_label(w->model, v->asset, v->label);
    kp_model_unlock(w->model);
    uint32_t place = watches_machine(w, asset);
    if (!place)
        return;
    struct machine *m = &w->machines[place - 1];
    unsigned of = v->kind == KP_INTERVAL_PART ? OF_PART : OF_PROGRAM;
    if (v->kind == KP_INTERVAL_STATE) {
        if (v->asset == m->asset)
            take_state(w, m, v, label);
    } else if (v->end == KP_FOREVER) {
        begin_cycle(w, m, of, v, label);
    } else if (m->cycle[of] == v->id) {
        end_cycle(w, m, of, v->end);
    } else {
        whole_cycle(w, m, of, v);
    }
}

void watches_take_program(struct kp_watches *w, struct machine *m, int64_t at)
{
    char name[WATCH_PROGRAM];
    kp_model_lock(w->model);
    struct kp_now now = kp_model_now(w->model, m->program_signal);
    const struct kp_signal_info *info = kp_model_signal(w->model, m->program_signal);
    m->program_label = info ? kp_model_label(w->model, info->asset, info->label) : KP_SECRET;
    uint64_t program = now.known ? watches_program_of(&now.sample.value, name) : 0;
    kp_model_unlock(w->model);
    if (!program || program == m->program)
        return;
    m->program = program;
    memcpy(m->name, name, sizeof m->name);
    each_post(w, m, hand_program, at);
}

/* A counter that is set back begins a cycle, but ends none. */
void watches_take_count(struct kp_watches *w, struct machine *m, int64_t at, double count)
{
    double before = m->count;
    if (isnan(count) || count == before)
        return;
    m->count = count;
    if (count > before)
        end_cycle(w, m, KP_CYCLES_COUNT, at);
    if (!isnan(before))
        start_cycle(w, m, KP_CYCLES_COUNT, m->program, at);
}

/* ---- as it is now ---- */
struct seeing {
    const struct kp_model *model;
    struct machine *m;
};

static bool see(void *arg, const struct kp_interval *v)
{
    const struct seeing *s = arg;
    struct machine *m = s->m;
    char name[WATCH_PROGRAM];
    if (watches_machine_of(s->model, v->asset) != m->asset)
        return true;
    if (v->kind == KP_INTERVAL_STATE && v->asset == m->asset) {
        m->has_states = true;
        m->state = watches_state_of(v->attributes);
        m->state_label = kp_model_label(s->model, v->asset, v->label);
    } else if (v->kind == KP_INTERVAL_PROGRAM) {
        m->program_label = kp_model_label(s->model, v->asset, v->label);
        m->cycle[OF_PROGRAM] = v->id;
        m->program = watches_kind_of(v->attributes, name);
        memcpy(m->name, name, sizeof m->name);
    } else if (v->kind == KP_INTERVAL_PART) {
        m->cycle[OF_PART] = v->id;
    }
    return true;
}

/* Signals below it that tell its state, or its program. */
static void look_at_signals(const struct kp_model *model, kp_asset asset, struct machine *m)
{
    const kp_signal *signals;
    const kp_asset *assets;
    size_t n = kp_model_child_signals(model, asset, &signals);
    for (size_t i = 0; i < n; i++) {
        const struct kp_signal_info *info = kp_model_signal(model, signals[i]);
        m->has_states |= kp_tells_state(info->role, info->states);
        if (!m->program_signal && info->role && strcmp(info->role, "program") == 0)
            m->program_signal = signals[i];
        if (info->role && (strcmp(info->role, "part-count") == 0 || (!m->count_signal && strcmp(info->role, "good-count") == 0)))
            m->count_signal = signals[i];
    }
    n = kp_model_child_assets(model, asset, &assets);
    for (size_t i = 0; i < n; i++)
        if (kp_model_asset(model, assets[i])->kind != KP_MACHINE)
            look_at_signals(model, assets[i], m);
}

void watches_machine_signals(const struct kp_model *model, kp_asset asset, struct machine *out)
{
    *out = (struct machine){ .asset = asset, .count = NAN };
    look_at_signals(model, asset, out);
}

void watches_machines_read(struct kp_watches *w)
{
    int64_t now = kp_utc(w->clock);
    for (size_t i = 0; i < w->n_machines; i++) {
        struct machine *m = &w->machines[i];
        m->state = KP_STATE_UNKNOWN;
        m->cycle[OF_PROGRAM] = m->cycle[OF_PART] = 0;
        kp_model_lock(w->model);
        m->program_signal = m->count_signal = 0;
        m->state_label = m->program_label = kp_model_label(w->model, m->asset, KP_INHERIT);
        look_at_signals(w->model, m->asset, m);
        kp_model_open_intervals(w->model, m->asset, see, &(struct seeing){ w->model, m });
        kp_model_unlock(w->model);
        each_post(w, m, hand_state, now);
        each_post(w, m, hand_program, now);
        if (m->program_signal)
            watches_take_program(w, m, now);
    }
}
