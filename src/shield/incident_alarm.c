/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of incidents that run out are alarms of the node, one an incident: it names the incident by
 * its number only, for messages about alarms go further than the record may. */
#include "core/log.h"
#include "shield/incident_keep.h"
#include "shield/settings.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define EVERY (20 * KP_SECOND)

struct clock_alarms {
    atomic_bool changed;
    int64_t looked; /* mono */
    size_t n, room;
    int64_t *raised; /* incidents that have one */
};

struct clock_alarms *clock_alarms_new(void)
{
    struct clock_alarms *c = kp_alloc(sizeof *c);
    if (c)
        atomic_store(&c->changed, true);
    return c;
}

void clock_alarms_free(struct clock_alarms *c)
{
    if (c)
        kp_free(c->raised);
    kp_free(c);
}

void incidents_changed(struct kp_shield *s)
{
    atomic_store(&s->clocks->changed, true);
    kp_shield_wake(s);
}

/* ---- one ---- */
enum { KEY = 40 };
static void key_of(int64_t id, char out[KEY])
{
    snprintf(out, KEY, "incident.%lld", (long long)id);
}

static void raise_alarm(struct kp_shield *s, const struct incident *in, const struct incident_clock *c)
{
    char key[KEY], due[KP_TIME_TEXT], when[KP_TIME_TEXT + 16], text[300];
    key_of(in->id, key);
    kp_time_print(c->due, due);
    snprintf(when, sizeof when, c->state == CLOCK_OVERDUE ? "was due at %s" : "is due at %s", due);
    snprintf(text, sizeof text, "incident %lld: the %s (%s) %s; send it, and say so in the record",
             (long long)in->id, incident_stage_title(c->stage, in->facts.product, false),
             incident_stage_article(c->stage, in->facts.product), when);
    kp_hub_condition(s->hub, key, text);
}

struct turning {
    struct kp_shield *s;
    size_t n, room;
    int64_t *raised;
    bool failed;
};

static bool look(void *arg, struct incident *in)
{
    struct turning *t = arg;
    const struct incident_clock *c = incident_next(in->clocks, in->n_clocks);
    if (!c || (c->state != CLOCK_SOON && c->state != CLOCK_OVERDUE))
        return true;
    if (!kp_grow(&t->raised, &t->room, t->n + 1, sizeof *t->raised)) {
        t->failed = true;
        return false;
    }
    t->raised[t->n++] = in->id;
    raise_alarm(t->s, in, c);
    return true;
}

static bool has(const int64_t *list, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == id)
            return true;
    return false;
}

void incidents_turn(struct kp_shield *s)
{
    struct clock_alarms *c = s->clocks;
    struct turning t = { .s = s };
    struct shield_settings set = { 0 };
    struct kp_err err = { 0 };
    int64_t now = kp_mono(s->clock);
    if (!atomic_exchange(&c->changed, false) && now - c->looked < EVERY)
        return;
    c->looked = now;
    struct kp_db *db = kp_store_reader(s->store, &err);
    if (db && !shield_settings_read(db, &set, &err))
        incident_each(db, true, &set.scope, kp_utc(s->clock), look, &t, &err);
    kp_store_reader_done(s->store, db);
    shield_settings_free(&set);
    if (err.code || t.failed) {
        kp_warn("shield", "the clocks of incidents were not looked at, tried again", "why=%s",
                kp_log_quote(err.code ? err.text : "out of memory"));
        kp_free(t.raised);
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        char key[KEY];
        key_of(c->raised[i], key);
        if (!has(t.raised, t.n, c->raised[i]))
            kp_hub_condition(s->hub, key, NULL);
    }
    kp_free(c->raised);
    c->raised = t.raised;
    c->n = t.n;
    c->room = t.room;
}
