/* SPDX-License-Identifier: Apache-2.0 */
/* Holds what was seen against what is known. */
#include "core/log.h"
#include "shield/observe_keep.h"

#include <string.h>

#include "core/ban.h"

#define WAIT        KP_SECOND
#define SWEEP_EVERY (5 * KP_SECOND)

static int64_t look(void *arg);

struct observing *observing_new(struct kp_shield *s)
{
    struct observing *o = kp_alloc(sizeof *o);
    if (!o)
        return NULL;
    o->shield = s;
    o->newest = o->known = -1;
    pthread_mutex_init(&o->lock, NULL);
    o->queue = kp_seen_new(s->clock);
    o->list = kp_watchlist_new();
    o->inputs = kp_inputs_new(s->store, s->clock, (struct kp_observer){ o->queue, kp_seen_put },
                              (struct kp_observer){ o->queue, kp_seen_offer });
    atomic_store(&o->renew, true);
    atomic_store(&o->settings_changed, true);
    o->duty = (struct kp_duty){ .turn = look, .arg = o };
    if (o->queue)
        kp_seen_taken_by(o->queue, &o->duty);
    if (o->queue && o->list && o->inputs)
        return o;
    observing_free(o);
    return NULL;
}

void observing_free(struct observing *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->hits; i++) {
        kp_free(o->hit[i].what);
        kp_free(o->hit[i].fields);
    }
    kp_watchlist_free(o->list);
    kp_inputs_free(o->inputs);
    kp_seen_free(o->queue);
    pthread_mutex_destroy(&o->lock);
    kp_free(o);
}

/* ---- one observation ---- */
static const char *text_of(void *arg, int64_t row, struct kp_arena *arena)
{
    struct observing *o = arg;
    return indicator_pattern(o->shield->store, row, arena);
}

static void met(void *arg, int64_t row, const struct kp_stix_hit *hit)
{
    struct observing *o = arg;
    (void)hit; /* of those it is made of, the last one is what is seen now */
    kp_seen_hit(o->queue, o->now);
    hit_note(o, row, o->now);
}

static void hold_against(struct observing *o, struct kp_seen *seen, struct kp_arena *arena)
{
    static const char failed[] = "something that was seen could not be held against indicators";
    const struct kp_watchlist_user user = { o, text_of, met };
    struct kp_stix_observation stix;
    struct kp_err err = { 0 };
    o->now = seen;
    if (!kp_seen_observation(seen, arena, false, &stix, &err))
        kp_watchlist_take(o->list, &stix, &user, &err);
    if (err.code)
        kp_warn("shield", failed, "why=%s", kp_log_quote(err.text));
    kp_arena_reset(arena);
}

/* ---- one turn ---- */
static void refresh(struct observing *o)
{
    struct observe_settings s;
    struct kp_err err = { 0 };
    if (atomic_exchange(&o->settings_changed, false)) {
        if (observe_settings_load(o->shield, &s, &err))
            kp_warn("shield", "the settings of what is seen cannot be read", "why=%s",
                    kp_log_quote(err.text));
        pthread_mutex_lock(&o->lock);
        o->settings = s;
        pthread_mutex_unlock(&o->lock);
        const struct kp_inputs_settings inputs = { s.eve, s.syslog_file, s.syslog };
        if (!atomic_load(&o->stopping) && kp_inputs_set(o->inputs, &inputs, &err))
            kp_warn("shield", "what others see cannot be read", "why=%s", kp_log_quote(err.text));
    }
    err = (struct kp_err){ 0 };
    if (indicators_renew(o, &err))
        kp_warn("shield", "the indicators cannot be read", "why=%s", kp_log_quote(err.text));
}

static void due(struct observing *o)
{
    int64_t now = kp_mono(o->shield->clock);
    bool any = o->hits > 0;
    hits_write(o);
    if (any || now - o->swept >= SWEEP_EVERY) {
        o->swept = now;
        hits_sweep(o);
        hits_tell(o);
    }
    pthread_mutex_lock(&o->lock);
    o->counts = kp_watchlist_counts(o->list);
    pthread_mutex_unlock(&o->lock);
}

bool observing_turn(struct observing *o)
{
    struct kp_seen *batch[KP_SEEN_BATCH];
    struct kp_arena arena = { 0 };
    refresh(o);
    size_t n = kp_seen_take(o->queue, batch, 0);
    for (size_t i = 0; i < n && o->settings.watch; i++)
        hold_against(o, batch[i], &arena);
    kp_arena_free(&arena);
    due(o);
    return n > 0;
}

static int64_t look(void *arg)
{
    return observing_turn(arg) ? 0 : WAIT;
}

enum kp_code observing_start(struct observing *o, struct kp_rota *rota, struct kp_err *err)
{
    atomic_store(&o->stopping, false);
    o->running = !kp_duty_begin(&o->duty, rota, 0, err);
    return err->code;
}

void observing_stop(struct observing *o)
{
    if (!o || !o->running)
        return;
    atomic_store(&o->stopping, true);
    o->running = false;
    kp_duty_end(&o->duty);
    kp_inputs_stop(o->inputs);
    while (observing_turn(o)) /* what was seen while it stopped */
        ;
}

void kp_observe_renew(struct kp_shield *s)
{
    atomic_store(&s->observing->renew, true);
    kp_seen_wake(s->observing->queue);
}
