/* SPDX-License-Identifier: Apache-2.0 */
/* What posts find, as alarms and in words. */
#include "watch/watches_private.h"

#include "core/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { NUMBER = 80 };
#define AGAIN (10 * KP_SECOND)

void watches_list(struct kp_watches *w, uint32_t place)
{
    struct watched *p = w->list[place];
    if (p->listed || p->due || !p->of->def.enabled || kp_post_findings(p->post) == p->told)
        return;
    if (!kp_grow(&w->listed, &w->listed_room, w->n_listed + 1, sizeof *w->listed))
        return; /* the next value tries again */
    p->listed = true;
    w->listed[w->n_listed++] = place;
}

/* ---- words ---- */
static void print_number(const struct kp_signal_info *s, double v, char out[NUMBER])
{
    const char *unit = s && s->unit_text ? s->unit_text : "";
    snprintf(out, NUMBER, "%.5g%s%.20s", v, *unit ? " " : "", unit);
    kp_utf8_trim(out);
}

static const struct kp_signal_info *signal_of(const struct kp_watches *w, const struct watched *p, size_t nth)
{
    size_t n;
    const kp_signal *signals = kp_post_signals(p->post, &n);
    return nth < n ? kp_model_signal(w->model, signals[nth]) : NULL;
}

static const char *name_of(const struct kp_signal_info *s)
{
    return s ? s->name : "a signal that is gone";
}

static void words_single(const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v,
                         char out[WATCH_TEXT])
{
    const struct kp_signal_info *s = signal_of(w, p, 0);
    char actual[NUMBER], expected[NUMBER];
    print_number(s, v->top[0].actual, actual);
    print_number(s, v->top[0].expected, expected);
    snprintf(out, WATCH_TEXT, v->drifts ? "%.60s is at %s, where it never was: what was learnt of it ends at %s"
                                        : "%.60s moves as it never did: %s where %s was expected",
             name_of(s), actual, expected);
}

static void words_group(const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v,
                        char out[WATCH_TEXT])
{
    size_t len = (size_t)snprintf(out, WATCH_TEXT, "signals do not go together as they did");
    for (size_t i = 0; i < v->n_top && len < WATCH_TEXT; i++) {
        const struct kp_signal_info *s = signal_of(w, p, v->top[i].signal);
        char actual[NUMBER], expected[NUMBER];
        if (!(v->top[i].share > 0.05))
            continue;
        print_number(s, v->top[i].actual, actual);
        print_number(s, v->top[i].expected, expected);
        len += (size_t)snprintf(out + len, WATCH_TEXT - len, "%s%.40s (%.0f %%) %s where %s was expected",
                                i ? "; " : ": ", name_of(s), 100 * v->top[i].share, actual, expected);
    }
}

static void words_cycle(const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v,
                        const char *program, char out[WATCH_TEXT])
{
    const struct kp_cycle_judgement *c = &v->cycle;
    const struct kp_signal_info *s = signal_of(w, p, c->channel);
    char actual[NUMBER], expected[NUMBER], of[WATCH_PROGRAM + 8] = "";
    if (*program)
        snprintf(of, sizeof of, " of %s", program);
    print_number(c->finding == KP_CYCLE_COURSE ? s : NULL, c->actual, actual);
    print_number(c->finding == KP_CYCLE_COURSE ? s : NULL, c->expected, expected);
    switch (c->finding) {
    case KP_CYCLE_DURATION:
        snprintf(out, WATCH_TEXT, "cycles%s take %s s where %s s is usual", of, actual, expected);
        break;
    case KP_CYCLE_COURSE:
        snprintf(out, WATCH_TEXT, "%.60s runs otherwise in a cycle%s: %s where %s is usual, most at %u %% of it", name_of(s),
                 of, actual, expected, (100 * c->part + 50) / KP_CYCLE_PARTS);
        break;
    case KP_CYCLE_DURATION_CREEPS:
        snprintf(out, WATCH_TEXT, "cycles%s take %s s and change a little more each time; they were learnt at %s s", of, actual,
                 expected);
        break;
    case KP_CYCLE_ENERGY_CREEPS:
        snprintf(out, WATCH_TEXT, "cycles%s take %.0f %% %s than when they were learnt, a little more each time", of,
                 100 * fabs(c->actual / c->expected - 1), c->actual < c->expected ? "less" : "more");
        break;
    case KP_CYCLE_USUAL:
        snprintf(out, WATCH_TEXT, "cycles%s were not as usual lately", of);
    }
}

static void words_sensor(const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v,
                         char out[WATCH_TEXT])
{
    static const char *const words[] = {
        [KP_TROUBLE_NONE] = "is well again",
        [KP_TROUBLE_BAD] = "gives no measurement",
        [KP_TROUBLE_RANGE] = "gives values far beyond all it ever gave",
        [KP_TROUBLE_STUCK] = "has not changed for much longer than ever",
        [KP_TROUBLE_CLOCK] = "has a time that stands still or runs backward",
        [KP_TROUBLE_SILENT] = "has given nothing for much longer than ever",
    };
    snprintf(out, WATCH_TEXT, "the sensor of %.60s %s", name_of(signal_of(w, p, v->troubled)), words[v->trouble]);
}

static void words_overdue(const struct kp_post_view *v, const char *program, char out[WATCH_TEXT])
{
    char usual[40];
    kp_duration_print((int64_t)(fmin(v->overdue_usual, 1e8) * (double)KP_SECOND), usual, sizeof usual);
    snprintf(out, WATCH_TEXT, "a cycle%s%s runs far longer than ever; %s is usual", *program ? " of " : "", program, usual);
}

void watches_words(const struct kp_watches *w, const struct watched *p, const struct kp_post_view *v,
                   enum kp_post_finding finding, char out[WATCH_TEXT])
{
    const char *program = p->machine ? w->machines[p->machine - 1].name : "";
    *out = 0;
    if (finding == KP_POST_SENSOR)
        words_sensor(w, p, v, out);
    else if (finding == KP_POST_OVERDUE)
        words_overdue(v, program, out);
    else if (p->of->def.kind == KP_WATCH_MACHINE)
        words_cycle(w, p, v, program, out);
    else if (!v->n_top)
        return;
    else if (p->of->def.kind == KP_WATCH_SIGNAL)
        words_single(w, p, v, out);
    else
        words_group(w, p, v, out);
    kp_utf8_trim(out);
}

uint8_t watches_label(const struct kp_watches *w, const struct watched *p)
{
    const struct kp_model *m = w->model;
    uint8_t strictest = kp_model_label(m, p->asset, KP_INHERIT);
    if (p->machine && p->of->def.kind == KP_WATCH_MACHINE) { /* words of a cycle name the program */
        uint8_t program = w->machines[p->machine - 1].program_label;
        strictest = program > strictest ? program : strictest;
    }
    size_t n;
    const kp_signal *signals = kp_post_signals(p->post, &n);
    for (size_t i = 0; i < n; i++) {
        const struct kp_signal_info *s = kp_model_signal(m, signals[i]);
        uint8_t label = s ? kp_model_label(m, s->asset, s->label) : KP_SECRET;
        strictest = label > strictest ? label : strictest;
    }
    return strictest;
}

/* ---- alarms ---- */
static void make_key(const struct watched *p, enum kp_post_finding finding, char out[KP_ALARM_KEY])
{
    int n = snprintf(out, KP_ALARM_KEY, "w/%s/%s/%" PRId64, p->of->def.name, kp_post_finding_word(finding), p->id);
    if (p->subject >> 32 == 's')
        snprintf(out + n, KP_ALARM_KEY - (size_t)n, "/s%u", (unsigned)p->subject);
}

int64_t watches_alarm(const struct kp_watches *w, const struct watched *p, enum kp_post_finding finding)
{
    char key[KP_ALARM_KEY];
    make_key(p, finding, key);
    return kp_alarms_find(w->alarms, key);
}

static bool tell_one(struct kp_watches *w, const struct watched *p, const struct kp_post_view *v, enum kp_post_finding f)
{
    char key[KP_ALARM_KEY], text[WATCH_TEXT];
    struct kp_err err = { 0 };
    bool unusual = f == KP_POST_UNUSUAL && p->of->def.kind == KP_WATCH_SIGNAL && v->n_top;
    struct kp_alarm_told told = { .key = key,
                                  .watch = p->of->def.name,
                                  .text = text,
                                  .asset = p->asset,
                                  .priority = p->of->def.priority,
                                  .at = v->since[f],
                                  .value = unusual ? v->top[0].actual : NAN,
                                  .limit = NAN };
    make_key(p, f, key);
    kp_model_lock(w->model);
    told.label = watches_label(w, p);
    watches_words(w, p, v, f, text);
    kp_model_unlock(w->model);
    if (!kp_alarms_tell(w->alarms, &told, &err))
        return true;
    if (err.code != KP_ESTOPPED)
        kp_warn("watch", "an alarm cannot be raised, tried again later", "watch=%s why=%s", kp_log_quote(p->of->def.name),
                kp_log_quote(err.text));
    w->tell_after = kp_mono(w->clock) + AGAIN;
    return false;
}

static bool untell_one(struct kp_watches *w, const struct watched *p, enum kp_post_finding f, int64_t at)
{
    char key[KP_ALARM_KEY];
    make_key(p, f, key);
    return !kp_alarms_untell(w->alarms, key, at, &(struct kp_err){ 0 });
}

/* Only the thread changes posts, so it needs no lock to look; told is read by others. */
static void tell_post(struct kp_watches *w, struct watched *p)
{
    struct kp_post_view v = kp_post_view(p->post);
    uint8_t told = p->told;
    for (unsigned f = 0; f < KP_POST_FINDINGS; f++) {
        unsigned bit = 1u << f;
        if ((v.findings ^ told) & bit && (v.findings & bit ? tell_one(w, p, &v, f) : untell_one(w, p, f, v.at)))
            told ^= (uint8_t)bit;
    }
    pthread_mutex_lock(&w->lock);
    p->told = told;
    pthread_mutex_unlock(&w->lock);
}

/* One that could not be told stays listed. */
void watches_tell(struct kp_watches *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n_listed; i++) {
        struct watched *p = w->list[w->listed[i]];
        tell_post(w, p);
        p->listed = kp_post_findings(p->post) != p->told;
        if (p->listed)
            w->listed[kept++] = w->listed[i];
    }
    w->n_listed = kept;
}

void watches_retell(struct kp_watches *w)
{
    for (size_t i = 0; i < w->n; i++) {
        struct watched *p = w->list[i];
        struct kp_post_view v = p->told ? kp_post_view(p->post) : (struct kp_post_view){ 0 };
        for (unsigned f = 0; f < KP_POST_FINDINGS; f++)
            if (p->told & v.findings & 1u << f)
                tell_one(w, p, &v, f);
    }
}

void watches_untell(struct kp_watches *w, struct watched *p, int64_t at)
{
    for (unsigned f = 0; f < KP_POST_FINDINGS; f++)
        if (p->told >> f & 1)
            untell_one(w, p, f, at);
    p->told = 0;
}

/* ---- after a start ---- */
static void claim(struct kp_watches *w, const char *key, int64_t now)
{
    char own[KP_ALARM_KEY];
    const char *id = key;
    for (int i = 0; i < 3 && id; i++)
        id = strchr(id, '/') ? strchr(id, '/') + 1 : NULL;
    struct watched *p = id ? watches_find(w, strtoll(id, NULL, 10)) : NULL;
    for (unsigned f = 0; p && f < KP_POST_FINDINGS; f++) {
        make_key(p, f, own);
        if (strcmp(own, key) == 0) {
            p->told |= (uint8_t)(1u << f);
            return;
        }
    }
    kp_alarms_untell(w->alarms, key, now, &(struct kp_err){ 0 });
}

void watches_resume(struct kp_watches *w)
{
    char *keys = kp_alarms_of_watches(w->alarms);
    for (const char *k = keys; k && *k; k += strlen(k) + 1)
        claim(w, k, kp_utc(w->clock));
    kp_free(keys);
    for (size_t i = 0; i < w->n; i++)
        watches_list(w, (uint32_t)i);
}
