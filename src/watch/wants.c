/* SPDX-License-Identifier: Apache-2.0 */
/* What definitions match now. */
#include "watch/watches_private.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { SLICE = KP_MODEL_SLICE };

struct wanting {
    struct kp_watches *w;
    const struct definition *of;
    const char *pattern;
    struct wants *out;
    kp_signal several[KP_POST_SIGNALS + 1]; /* of a group or a machine */
    size_t n_several;
};

static uint64_t subject(char letter, uint32_t id)
{
    return (uint64_t)(unsigned char)letter << 32 | id;
}

static void add(struct wanting *s, const struct want *new, const kp_signal *signals, size_t n)
{
    struct wants *out = s->out;
    struct want *at;
    if (out->failed || !kp_grow(&out->list, &out->room, out->n + 1, sizeof *out->list) ||
        !((at = &out->list[out->n])->signal = kp_alloc(n * sizeof *signals))) {
        out->failed = true;
        return;
    }
    kp_signal *own = at->signal;
    memcpy(own, signals, n * sizeof *signals);
    *at = *new;
    at->signal = own;
    at->n = n;
    at->of = s->of;
    out->n++;
}

/* ---- signals ---- */
/* Counters, words and switches are no measurements; who means one names it. */
static bool is_measurement(const struct kp_signal_info *info, bool named)
{
    static const char *const others[] = { "state",      "mode",        "program", "program-state",
                                          "part-count", "scrap-count", "good-count", "tool",
                                          "alarm",      "energy" };
    bool number = info->type == KP_INT64 || info->type == KP_UINT64 || info->type == KP_FLOAT ||
                  info->type == KP_DOUBLE;
    number &= named || !kp_tells_state(info->role, info->states);
    for (size_t i = 0; info->role && i < sizeof others / sizeof *others && !named; i++)
        number &= strcmp(info->role, others[i]) != 0;
    return number || (named && info->type == KP_BOOL);
}

static void take_signal(void *arg, kp_signal id, const char *path)
{
    struct wanting *s = arg;
    const struct kp_signal_info *info = kp_model_signal(s->w->model, id);
    if (!is_measurement(info, strcmp(path, s->pattern) == 0))
        return;
    if (s->of->def.kind == KP_WATCH_GROUP) {
        for (size_t i = 0; i < s->n_several; i++)
            if (s->several[i] == id)
                return;
        if (s->n_several <= KP_POST_SIGNALS)
            s->several[s->n_several++] = id;
        return;
    }
    struct want new = { .subject = subject('s', id), .asset = info->asset };
    new.machine = watches_machine_of(s->w->model, info->asset);
    add(s, &new, &id, 1);
}

static void collect_signals(struct wanting *s)
{
    const char *list = s->of->def.match;
    char pattern[KP_WATCH_MATCH], after[KP_PATH_MAX];
    while (kp_watch_next(&list, pattern, sizeof pattern)) {
        size_t n = SLICE;
        s->pattern = pattern;
        *after = 0;
        while (n == SLICE && !s->out->failed) {
            kp_model_lock(s->w->model);
            n = kp_model_each(s->w->model, pattern, after, SLICE, take_signal, s);
            kp_model_unlock(s->w->model);
        }
    }
}

/* The asset that all are below. */
static kp_asset common(const struct kp_model *m, kp_asset a, kp_asset b)
{
    for (kp_asset x = a; x; x = kp_model_asset(m, x)->parent)
        for (kp_asset y = b; y; y = kp_model_asset(m, y)->parent)
            if (x == y)
                return x;
    return 0;
}

static void add_group(struct wanting *s)
{
    struct want new = { .subject = subject('g', 0) };
    if (s->n_several > KP_POST_SIGNALS) {
        kp_warn("watch", "a group has more signals than it can, the first ones are taken", "watch=%s most=%d",
                kp_log_quote(s->of->def.name), KP_POST_SIGNALS);
        s->n_several = KP_POST_SIGNALS;
    }
    if (s->n_several < KP_DISTANCE_LEAST)
        return;
    kp_model_lock(s->w->model);
    for (size_t i = 0; i < s->n_several; i++) {
        const struct kp_signal_info *info = kp_model_signal(s->w->model, s->several[i]);
        kp_asset asset = info ? info->asset : 0, machine = watches_machine_of(s->w->model, asset);
        new.asset = i ? common(s->w->model, new.asset, asset) : asset;
        new.machine = i && machine != new.machine ? 0 : machine;
    }
    kp_model_unlock(s->w->model);
    add(s, &new, s->several, s->n_several);
}

/* ---- machines ---- */
static void by_role(struct wanting *s, kp_asset asset, const char *role)
{
    const struct kp_model *m = s->w->model;
    const kp_signal *signals;
    const kp_asset *assets;
    size_t n = kp_model_child_signals(m, asset, &signals);
    for (size_t i = 0; i < n && s->n_several < KP_CYCLE_CHANNELS; i++) {
        const struct kp_signal_info *info = kp_model_signal(m, signals[i]);
        if (info->role && strcmp(info->role, role) == 0 && is_measurement(info, false))
            s->several[s->n_several++] = signals[i];
    }
    n = kp_model_child_assets(m, asset, &assets);
    for (size_t i = 0; i < n; i++)
        if (kp_model_asset(m, assets[i])->kind != KP_MACHINE)
            by_role(s, assets[i], role);
}

/* False: one that is named is not there (yet). */
static bool by_name(struct wanting *s, const char *machine)
{
    const char *list = s->of->def.channels;
    char name[KP_WATCH_CHANNELS], path[KP_PATH_MAX + KP_WATCH_CHANNELS + 1];
    while (kp_watch_next(&list, name, sizeof name) && s->n_several < KP_CYCLE_CHANNELS) {
        snprintf(path, sizeof path, "%s/%s", machine, name);
        kp_signal id = kp_model_find_signal(s->w->model, path);
        if (!id)
            return false;
        s->several[s->n_several++] = id;
    }
    return true;
}

static void look_at_machine(struct wanting *s, kp_asset asset)
{
    char path[KP_PATH_MAX];
    kp_model_asset_path(s->w->model, asset, path, sizeof path);
    if (!kp_watch_def_matches(&s->of->def, path))
        return;
    s->n_several = 0;
    if (!*s->of->def.channels) {
        by_role(s, asset, "load");
        by_role(s, asset, "power");
    } else if (!by_name(s, path)) {
        return;
    }
    struct want new = { .subject = subject('a', asset), .asset = asset, .machine = asset };
    if (s->n_several)
        add(s, &new, s->several, s->n_several);
}

static void walk_machines(struct wanting *s, kp_asset asset)
{
    const kp_asset *list;
    size_t n = kp_model_child_assets(s->w->model, asset, &list);
    for (size_t i = 0; i < n; i++) {
        if (kp_model_asset(s->w->model, list[i])->kind == KP_MACHINE)
            look_at_machine(s, list[i]);
        walk_machines(s, list[i]);
    }
}

static void collect(struct wanting *s)
{
    s->n_several = 0;
    if (s->of->def.kind == KP_WATCH_MACHINE) {
        kp_model_lock(s->w->model);
        walk_machines(s, 0);
        kp_model_unlock(s->w->model);
    } else {
        collect_signals(s);
    }
    if (s->of->def.kind == KP_WATCH_GROUP)
        add_group(s);
}

static int by_subject(const void *a, const void *b)
{
    const struct want *x = a, *y = b;
    return watches_order(x->of, x->subject, y->of, y->subject);
}

/* Several patterns may match the same. */
static void unite(struct wants *s)
{
    size_t n = 0;
    if (s->n)
        qsort(s->list, s->n, sizeof *s->list, by_subject);
    for (size_t i = 0; i < s->n; i++) {
        if (n && by_subject(&s->list[n - 1], &s->list[i]) == 0)
            kp_free(s->list[i].signal);
        else
            s->list[n++] = s->list[i];
    }
    s->n = n;
}

void wants_collect(struct kp_watches *w, const struct definition *list, bool all, struct wants *out)
{
    struct wanting s = { .w = w, .out = out };
    for (s.of = list; s.of; s.of = all ? s.of->next : NULL)
        collect(&s);
    unite(out);
}

void wants_free(struct wants *s)
{
    for (size_t i = 0; i < s->n; i++)
        kp_free(s->list[i].signal);
    kp_free(s->list);
}
