/* SPDX-License-Identifier: Apache-2.0 */
/* What a coupling's class may call, from the coupling's own thread. */
#include "core/hub_private.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

void *kp_coupling_settings(struct kp_coupling *c)
{
    return c->settings;
}

void *kp_coupling_state(struct kp_coupling *c)
{
    return c->state;
}

const char *kp_coupling_name(const struct kp_coupling *c)
{
    return c->name;
}

const char *kp_coupling_url(const struct kp_coupling *c)
{
    return c->url;
}

const char *kp_coupling_at(const struct kp_coupling *c)
{
    return c->at;
}

uint16_t kp_coupling_id(const struct kp_coupling *c)
{
    return c->id;
}

struct kp_hub *kp_coupling_hub(struct kp_coupling *c)
{
    return c->hub;
}

void *kp_coupling_context(struct kp_coupling *c)
{
    return c->hub->context;
}

void *kp_coupling_share(struct kp_coupling *c)
{
    return c->hub->share;
}

int64_t kp_coupling_utc(const struct kp_coupling *c)
{
    return kp_utc(c->hub->clock);
}

int64_t kp_coupling_mono(const struct kp_coupling *c)
{
    return kp_mono(c->hub->clock);
}

bool kp_coupling_can_place(const struct kp_coupling *c, int64_t at)
{
    struct kp_time_window w = kp_time_window(c->clock.mode, true, kp_utc(c->hub->clock));
    return c->clock.mode != KP_CLOCK_RECEIVE && kp_time_within(w, at);
}

/* ---- samples ---- */
/* Counts what was handed over; with the coupling's lock held. */
static void count_rate(struct kp_coupling *c, unsigned n)
{
    int64_t now = kp_mono(c->hub->clock) / KP_SECOND;
    int64_t from = now - c->newest_second > RATE_SECONDS ? now - RATE_SECONDS : c->newest_second;
    for (int64_t s = from + 1; s <= now; s++)
        c->second[s % RATE_SECONDS] = 0;
    c->newest_second = now;
    c->second[now % RATE_SECONDS] += n;
}

static enum kp_code hand_over(struct kp_coupling *c, struct kp_batch **b, struct kp_err *err)
{
    if (!*b || !(*b)->n)
        return KP_OK;
    unsigned n = (*b)->n;
    (*b)->arrived = kp_utc(c->hub->clock);
    while (!kp_hub_push(c->hub, *b, 100)) {
        pthread_mutex_lock(&c->lock);
        c->status.waits++;
        bool stop = c->stop;
        pthread_mutex_unlock(&c->lock);
        if (stop)
            return kp_fail(err, KP_ESTOPPED, "%s: stopping", c->name);
    }
    *b = NULL;
    pthread_mutex_lock(&c->lock);
    c->status.samples += n;
    c->status.batches++;
    count_rate(c, n);
    pthread_mutex_unlock(&c->lock);
    return KP_OK;
}

static enum kp_code report(struct kp_coupling *c, struct kp_batch **b, bool historic,
                           const struct kp_sample *s, struct kp_err *err)
{
    if (*b && (*b)->n == KP_BATCH_MAX && hand_over(c, b, err))
        return err->code;
    if (!*b) {
        *b = kp_batch_new(c->id);
        if (*b) {
            (*b)->historic = historic;
            (*b)->waits = c->class->pauses;
        }
    }
    if (!*b || !kp_batch_add(*b, s))
        return kp_fail(err, KP_ENOMEM, "%s: out of memory", c->name);
    return KP_OK;
}

enum kp_code kp_coupling_report(struct kp_coupling *c, const struct kp_sample *s,
                                struct kp_err *err)
{
    return report(c, &c->filling, false, s, err);
}

enum kp_code kp_coupling_report_historic(struct kp_coupling *c, const struct kp_sample *s,
                                         struct kp_err *err)
{
    return report(c, &c->historic, true, s, err);
}

enum kp_code kp_coupling_flush(struct kp_coupling *c, struct kp_err *err)
{
    enum kp_code code = hand_over(c, &c->filling, err);
    return code ? code : hand_over(c, &c->historic, err);
}

/* ---- declaring, in the hub thread ---- */
enum kp_code hub_path_below(char out[KP_PATH_MAX], const char *at, const char *path,
                            struct kp_err *err)
{
    if (snprintf(out, KP_PATH_MAX, "%s%s%s", at, *path ? "/" : "", path) < KP_PATH_MAX)
        return KP_OK;
    return kp_fail(err, KP_EFULL, "'%.120s': the path is longer than %d bytes", path,
                   KP_PATH_MAX - 1);
}

struct sourced {
    const char *source; /* a copy: putting a signal replaces its texts */
    kp_signal id;
};

struct declaring {
    struct kp_coupling *c;
    struct kp_model *model;
    struct kp_declare *list;
    size_t n;
    struct kp_arena arena;
    struct sourced *known; /* this coupling's signals, by source */
    size_t n_known;
    uint8_t *claimed; /* a bit per signal there was at the begin */
    struct kp_err *err;
};

static int by_source(const void *a, const void *b)
{
    const struct sourced *x = a, *y = b;
    return strcmp(x->source, y->source);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_claimed(const struct declaring *d, kp_signal id)
{
    return d->claimed[id / 8] >> id % 8 & 1;
}

static const struct kp_signal_info *find_source(const struct declaring *d, const char *source)
{
    struct sourced want = { .source = source };
    const struct sourced *hit =
        source && d->n_known ? bsearch(&want, d->known, d->n_known, sizeof *d->known, by_source)
                             : NULL;
    return hit ? kp_model_signal(d->model, hit->id) : NULL;
}

/* Of a signal with this path: ours to take when no other source of ours and no other living
 * coupling feeds it. */
static const struct kp_signal_info *find_path(const struct declaring *d, const char *path,
                                              const char *source, bool *taken)
{
    const struct kp_signal_info *info =
        kp_model_signal(d->model, kp_model_find_signal(d->model, path));
    *taken = kp_model_find_asset(d->model, path) != 0;
    if (!info)
        return NULL;
    if (info->coupling && info->coupling != d->c->id) {
        pthread_mutex_lock(&d->c->hub->lock);
        *taken = hub_find(d->c->hub, info->coupling) != NULL;
        pthread_mutex_unlock(&d->c->hub->lock);
    } else if (info->coupling == d->c->id && info->source && source) {
        *taken = strcmp(info->source, source) != 0; /* another node of ours has this name */
    }
    return *taken ? NULL : info;
}

/* Lays what the machine says over what is known; what people changed stays. False when nothing
 * differs. */
static bool merge(const struct kp_signal_info *old, const struct kp_signal_info *said,
                  uint16_t coupling, struct kp_signal_info *out)
{
    *out = *old;
    out->coupling = coupling;
    out->source = said->source;
    out->enums = said->enums;
    out->type = said->type ? said->type : old->type;
    out->unit = old->unit ? old->unit : said->unit;
    out->unit_text = old->unit_text ? old->unit_text : said->unit_text;
    out->description = old->description ? old->description : said->description;
    out->role = old->role ? old->role : said->role;
    out->states = old->states ? old->states : said->states;
    if (!(old->low < old->high)) {
        out->low = said->low;
        out->high = said->high;
    }
    bool same = out->coupling == old->coupling && out->type == old->type &&
                same_text(out->source, old->source) && same_text(out->enums, old->enums) &&
                same_text(out->unit, old->unit) && same_text(out->unit_text, old->unit_text) &&
                same_text(out->description, old->description) && same_text(out->role, old->role) &&
                same_text(out->states, old->states) &&
                (out->low < out->high) == (old->low < old->high);
    return !same;
}

static kp_signal make(struct declaring *d, const struct kp_declare *want, const char *path)
{
    char above[KP_PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct kp_signal_info info = want->info;
    if (!slash) {
        kp_fail(d->err, KP_EINVALID, "'%.120s': a signal needs an asset above it", path);
        return 0;
    }
    snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
    info.id = 0;
    info.name = slash + 1;
    info.coupling = d->c->id;
    info.asset = kp_model_make_path(d->model, above, want->asset_kind, d->err);
    return info.asset ? kp_model_put_signal(d->model, &info, d->err) : 0;
}

/* "a/b" becomes "a/b_2"; the last name is cut so that it and the path stay within their limits. */
static void number_path(char out[KP_PATH_MAX], const char *path, unsigned i)
{
    char number[12];
    int tail = snprintf(number, sizeof number, "_%u", i);
    const char *slash = strrchr(path, '/');
    int start = slash ? (int)(slash + 1 - path) : 0, most = start + KP_NAME_MAX - 1;
    if (most > KP_PATH_MAX - 1)
        most = KP_PATH_MAX - 1;
    snprintf(out, KP_PATH_MAX, "%.*s", most - tail, path);
    kp_utf8_trim(out);
    size_t n = strlen(out);
    snprintf(out + n, KP_PATH_MAX - n, "%s", number);
}

/* Rows of a map are their paths: first each takes the signal that stands there, whatever its source was. */
static enum kp_code claim_paths(struct declaring *d)
{
    char path[KP_PATH_MAX];
    d->claimed = kp_arena_alloc(&d->arena, kp_model_signal_end(d->model) / 8 + 1);
    if (!d->claimed)
        return kp_fail(d->err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < d->n; i++) {
        struct kp_declare *want = &d->list[i];
        if (!want->by_path || hub_path_below(path, d->c->at, want->path, NULL))
            continue;
        const struct kp_signal_info *info = kp_model_signal(d->model, kp_model_find_signal(d->model, path));
        if (!info || info->coupling != d->c->id || is_claimed(d, info->id))
            continue;
        d->claimed[info->id / 8] |= (uint8_t)(1u << info->id % 8);
        want->id = info->id;
    }
    return KP_OK;
}

/* By the path it claimed, else by its source, unless a row's path has claimed that one. */
static const struct kp_signal_info *find_own(const struct declaring *d, const struct kp_declare *want)
{
    const struct kp_signal_info *old = want->id ? kp_model_signal(d->model, want->id) : find_source(d, want->info.source);
    return old && !want->id && is_claimed(d, old->id) ? NULL : old;
}

static void declare_one(struct declaring *d, struct kp_declare *want)
{
    char path[KP_PATH_MAX], first[KP_PATH_MAX];
    bool taken = false;
    const struct kp_signal_info *old = find_own(d, want);
    want->id = 0;
    if (hub_path_below(first, d->c->at, want->path, d->err))
        return;
    snprintf(path, sizeof path, "%s", first);
    if (!old)
        old = find_path(d, path, want->info.source, &taken);
    for (unsigned i = 2; !old && taken && i < 1000; i++) {
        number_path(path, first, i);
        old = find_path(d, path, want->info.source, &taken);
    }
    if (!kp_filter_wants(d->c->filter, path))
        return;
    struct kp_signal_info merged;
    if (!old)
        want->id = make(d, want, path);
    else if (merge(old, &want->info, d->c->id, &merged))
        want->id = kp_model_put_signal(d->model, &merged, d->err);
    else
        want->id = old->id;
}

/* This coupling's signals with their sources, sorted. */
static enum kp_code list_known(struct declaring *d)
{
    size_t capacity = 0;
    for (kp_signal s = 1; s < kp_model_signal_end(d->model); s++) {
        const struct kp_signal_info *info = kp_model_signal(d->model, s);
        if (!info || info->coupling != d->c->id || !info->source)
            continue;
        const char *source = kp_arena_strdup(&d->arena, info->source);
        if (!source || !kp_grow(&d->known, &capacity, d->n_known + 1, sizeof *d->known))
            return kp_fail(d->err, KP_ENOMEM, "out of memory");
        d->known[d->n_known++] = (struct sourced){ source, s };
    }
    if (d->n_known)
        qsort(d->known, d->n_known, sizeof *d->known, by_source);
    return KP_OK;
}

/* One that can have no place does not keep the others out: machines name things as they like. */
static void do_declare(void *arg)
{
    struct declaring *d = arg;
    struct kp_err *all = d->err, first = { 0 };
    size_t failed = 0;
    if (!list_known(d))
        claim_paths(d);
    for (size_t i = 0; i < d->n && !all->code; i++) {
        struct kp_err one = { 0 };
        d->err = &one;
        declare_one(d, &d->list[i]);
        if (one.code == KP_ENOMEM)
            *all = one;
        else if (one.code && failed++ == 0)
            first = one;
    }
    if (failed && !all->code && failed == d->n)
        *all = first;
    else if (failed)
        kp_warn("coupling", "signals left out", "coupling=%s signals=%zu why=%s",
                kp_log_quote(d->c->name), failed, kp_log_quote(first.text));
    kp_arena_free(&d->arena);
    kp_free(d->known);
}

static void count_signals(struct kp_coupling *c, const struct kp_declare *list, size_t n)
{
    uint32_t signals = 0;
    for (size_t i = 0; i < n; i++)
        signals += list[i].id != 0;
    pthread_mutex_lock(&c->lock);
    c->status.signals = signals > c->status.signals ? signals : c->status.signals;
    pthread_mutex_unlock(&c->lock);
}

enum kp_code kp_coupling_declare(struct kp_coupling *c, struct kp_declare *list, size_t n,
                                 struct kp_err *err)
{
    struct declaring d = { .c = c, .model = c->hub->model, .list = list, .n = n, .err = err };
    for (size_t i = 0; i < n; i++)
        list[i].id = 0;
    if (kp_hub_call(c->hub, do_declare, &d))
        return kp_fail(err, KP_ESTOPPED, "%s: stopping", c->name);
    if (!err->code)
        count_signals(c, list, n);
    return err->code ? kp_context(err, "%s", c->name) : KP_OK;
}

/* ---- identity ---- */
struct identifying {
    struct kp_coupling *c;
    const char *path;
    uint8_t kind;
    const char *const *nameplate;
    struct kp_err *err;
};

static void do_identify(void *arg)
{
    struct identifying *g = arg;
    char path[KP_PATH_MAX];
    if (hub_path_below(path, g->c->at, g->path, g->err))
        return;
    kp_asset id = kp_model_make_path(g->c->hub->model, path, g->kind, g->err);
    if (!id)
        return;
    struct kp_asset_info info = *kp_model_asset(g->c->hub->model, id);
    bool changed = info.kind == KP_FOLDER && g->kind != KP_FOLDER;
    if (changed)
        info.kind = g->kind;
    for (unsigned i = 0; i < KP_NAMEPLATE_FIELDS; i++) {
        if (!g->nameplate[i] || info.by_hand >> i & 1 ||
            same_text(info.nameplate[i], g->nameplate[i]))
            continue;
        info.nameplate[i] = g->nameplate[i];
        changed = true;
    }
    if (changed)
        kp_model_put_asset(g->c->hub->model, &info, g->err);
}

enum kp_code kp_coupling_identify(struct kp_coupling *c, const char *path, uint8_t kind,
                                  const char *const nameplate[KP_NAMEPLATE_FIELDS],
                                  struct kp_err *err)
{
    struct identifying g = { c, path, kind, nameplate, err };
    if (kp_hub_call(c->hub, do_identify, &g))
        return kp_fail(err, KP_ESTOPPED, "%s: stopping", c->name);
    return err->code ? kp_context(err, "%s", c->name) : KP_OK;
}

/* ---- what is known from earlier ---- */
static bool add_known(const struct kp_model *m, const struct kp_signal_info *info,
                      struct kp_arena *arena, struct kp_known *out)
{
    struct kp_now now = kp_model_now(m, info->id);
    *out = (struct kp_known){ info->id,
                              info->type,
                              info->writable,
                              info->stored,
                              kp_arena_strdup(arena, info->source),
                              now.known ? now.sample.at : KP_NO_TIME };
    return out->source;
}

size_t kp_coupling_signals(struct kp_coupling *c, struct kp_arena *arena, struct kp_known **out)
{
    struct kp_model *m = c->hub->model;
    size_t n = 0, room;
    kp_model_lock(m);
    room = kp_model_count_signals(m) + 1;
    kp_model_unlock(m);
    *out = kp_arena_alloc(arena, room * sizeof **out);
    bool whole = *out;
    for (kp_signal s = 1, end = s + 1; whole && s < end && n < room;) {
        kp_model_lock(m);
        end = kp_model_signal_end(m);
        for (unsigned i = 0; i < KP_MODEL_SLICE && s < end && n < room && whole; i++, s++) {
            const struct kp_signal_info *info = kp_model_signal(m, s);
            if (info && info->coupling == c->id && info->source &&
                (whole = add_known(m, info, arena, &(*out)[n])))
                n++;
        }
        kp_model_unlock(m);
    }
    if (!whole) { /* some would be left out in silence */
        *out = NULL;
        return 0;
    }
    pthread_mutex_lock(&c->lock);
    c->status.signals = (uint32_t)n;
    pthread_mutex_unlock(&c->lock);
    return n;
}

/* ---- gaps ---- */
struct missing {
    struct kp_coupling *c;
    int64_t from, to;
    const char *reason;
};

static void do_gap(void *arg)
{
    struct missing *g = arg;
    struct gap gap = { .start = g->from, .asset = kp_model_find_asset(g->c->hub->model, g->c->at) };
    gap_put(g->c->hub, &gap, g->to, g->c->name, g->reason);
}

void kp_coupling_gap(struct kp_coupling *c, int64_t from, int64_t to, const char *reason)
{
    struct missing g = { c, from, to, reason };
    if (from < to)
        kp_hub_call(c->hub, do_gap, &g);
}
