/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: each value meets the rules of its signal through one table, so that a value without a
 * rule costs one look. */
#include "alarm/delivery.h"
#include "alarm/private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { CHATTER = 5, MAKE_PAUSE_S = 2, MATCH_SLICE = 1000 };
#define MINUTE (60 * KP_SECOND)

void rule_key(char out[KP_ALARM_KEY], const char *rule, char letter, uint32_t id)
{
    snprintf(out, KP_ALARM_KEY, "r/%s/%c%u", rule, letter, id);
}

/* ---- one point ---- */
static bool beyond(const struct kp_alarm_rule *r, double v, bool active)
{
    double give = active ? r->hysteresis : 0;
    return (!isnan(r->high) && v > r->high - give) || (!isnan(r->low) && v < r->low + give);
}

static double limit_of(const struct kp_alarm_rule *r, double v)
{
    return !isnan(r->high) && (isnan(r->low) || v > (r->high + r->low) / 2) ? r->high : r->low;
}

static void describe(const struct kp_alarms *e, const struct point *p, char out[KP_ALARM_TEXT])
{
    const struct kp_signal_info *info = kp_model_signal(e->model, p->signal);
    double limit = limit_of(p->rule, p->value);
    const char *unit = info->unit_text ? info->unit_text : "";
    if (*p->rule->text)
        snprintf(out, KP_ALARM_TEXT, "%s", p->rule->text);
    else
        snprintf(out, KP_ALARM_TEXT, "%s %.*g%s%s is %s %.10g", info->name, alarm_digits(p->value), p->value, *unit ? " " : "", unit,
                 limit == p->rule->high ? "above" : "below", limit);
    kp_utf8_trim(out);
}

static void begin(struct kp_alarms *e, struct point *p)
{
    char key[KP_ALARM_KEY], text[KP_ALARM_TEXT];
    const struct kp_signal_info *info = kp_model_signal(e->model, p->signal);
    int64_t mono = kp_mono(e->clock);
    if (!info)
        return;
    rule_key(key, p->rule->name, 's', p->signal);
    describe(e, p, text);
    struct raising r = { .asset = info->asset,
                         .source = KP_ALARM_RULE,
                         .priority = p->rule->priority,
                         .at = p->at,
                         .value = p->value,
                         .limit = limit_of(p->rule, p->value),
                         .key = key,
                         .rule = p->rule->name,
                         .text = text,
                         .out_of_service = p->rule->out_of_service };
    p->alarm = alarm_raise(e, &r);
    p->active = p->alarm != 0;
    if (mono - p->window >= MINUTE) {
        p->window = mono;
        p->raises = 0;
    }
    p->chatters = ++p->raises >= CHATTER;
}

static void end(struct kp_alarms *e, struct point *p)
{
    alarm_clear(e, p->alarm, p->at);
    p->active = false;
    p->chatters = false;
    p->alarm = 0;
}

static int64_t wait_of(const struct point *p)
{
    if (!p->active)
        return p->rule->delay;
    return p->chatters && p->rule->off_delay < MINUTE ? MINUTE : p->rule->off_delay;
}

static void settle(struct kp_alarms *e, struct point *p)
{
    p->turning = false;
    p->active ? end(e, p) : begin(e, p);
}

static bool list_turning(struct kp_alarms *e, uint32_t i)
{
    if (e->points[i].listed)
        return true;
    if (!kp_grow(&e->turning, &e->turning_room, e->n_turning + 1, sizeof *e->turning))
        return false;
    e->turning[e->n_turning++] = i;
    return e->points[i].listed = true;
}

static void look(struct kp_alarms *e, uint32_t i, const struct kp_sample *s, double v)
{
    struct point *p = &e->points[i];
    if (beyond(p->rule, v, p->active) == p->active) {
        if (p->turning && p->active && p->chatters)
            alarm_again(e, p->alarm, v);
        p->turning = false;
        return;
    }
    p->value = v;
    if (p->turning)
        return;
    p->at = s->at;
    if (!wait_of(p)) {
        settle(e, p);
        return;
    }
    if (!list_turning(e, i))
        return; /* no memory: the next value tries again */
    p->turning = true;
    p->turned = kp_mono(e->clock);
}

void points_take(struct kp_alarms *e, const struct kp_batch *b, const uint64_t *news)
{
    for (unsigned i = 0; i < b->n; i++) {
        const struct kp_sample *s = &b->s[i];
        double v;
        if (s->signal >= e->n_first || !e->first[s->signal] || !(news[i / 64] >> (i % 64) & 1) ||
            kp_status_severity(s->status) >= 2 || !kp_value_number(&s->value, &v) || isnan(v))
            continue;
        for (uint32_t k = e->first[s->signal]; k; k = e->points[k].next)
            if (e->points[k].rule->kind == KP_RULE_LIMIT)
                look(e, k, s, v);
    }
}

void points_turn(struct kp_alarms *e)
{
    int64_t mono = kp_mono(e->clock);
    if (e->stale_points && (mono - e->made >= MAKE_PAUSE_S * KP_SECOND || !e->made))
        points_make(e);
    for (size_t i = 0; i < e->n_turning;) {
        struct point *p = &e->points[e->turning[i]];
        if (p->turning && mono - p->turned >= wait_of(p))
            settle(e, p);
        if (p->turning) {
            i++;
            continue;
        }
        p->listed = false;
        e->turning[i] = e->turning[--e->n_turning];
    }
}

/* ---- which points there are ---- */
struct making {
    struct kp_alarms *e;
    struct point *points;
    size_t n, room, n_first;
    uint32_t *first;
    bool failed;
};

/* What was known of the same signal under a rule of this name goes on. */
static void carry(struct kp_alarms *e, struct point *new)
{
    char key[KP_ALARM_KEY];
    for (uint32_t k = new->signal < e->n_first ? e->first[new->signal] : 0; k;
         k = e->points[k].next) {
        struct point *old = &e->points[k];
        if (strcmp(old->rule->name, new->rule->name) == 0 && old->rule->kind == new->rule->kind) {
            const struct kp_alarm_rule *rule = new->rule;
            *new = *old;
            new->rule = rule;
            new->listed = false;
            old->alarm = 0; /* it is taken along */
            old->active = false;
            return;
        }
    }
    rule_key(key, new->rule->name, 's', new->signal);
    const struct kp_alarm *a = alarm_of(e, key);
    if (a && a->active) {
        new->active = true;
        new->alarm = a->id;
    }
}

static void add(struct making *m, const struct kp_alarm_rule *rule, kp_signal signal)
{
    if (signal >= m->n_first || m->failed)
        return;
    if (!kp_grow(&m->points, &m->room, m->n + 1, sizeof *m->points)) {
        m->failed = true;
        return;
    }
    struct point *p = &m->points[m->n];
    *p = (struct point){ .signal = signal, .rule = rule, .at = KP_NO_TIME, .unseen = true };
    carry(m->e, p);
    p->next = m->first[signal];
    m->first[signal] = (uint32_t)m->n++;
}

static void add_rule(struct making *m, const struct kp_alarm_rule *rule)
{
    kp_signal list[MATCH_SLICE],
        plain = kp_pattern_plain(rule->match) ? kp_model_find_signal(m->e->model, rule->match) : 0;
    char after[KP_PATH_MAX] = "";
    if (plain) {
        add(m, rule, plain);
        return;
    }
    for (size_t n = MATCH_SLICE; n == MATCH_SLICE && !m->failed;) {
        n = kp_model_match(m->e->model, rule->match, after, list, MATCH_SLICE);
        for (size_t i = 0; i < n; i++)
            add(m, rule, list[i]);
    }
}

/* Alarms of points that are no more end. */
static void end_left(struct kp_alarms *e)
{
    for (size_t i = 1; i < e->n_points; i++)
        if (e->points[i].active) {
            e->points[i].at = kp_utc(e->clock);
            end(e, &e->points[i]);
        }
}

/* What is so already when a rule or a signal comes. Values from before a start are not known to
 * hold still. */
static void judge_unseen(struct kp_alarms *e)
{
    for (size_t i = 1; i < e->n_points; i++) {
        struct point *p = &e->points[i];
        double v;
        if (!p->unseen)
            continue;
        p->unseen = false;
        struct kp_now now = kp_model_now(e->model, p->signal);
        if (e->attached && p->rule->kind == KP_RULE_LIMIT && now.known && !now.stale &&
            kp_status_severity(now.sample.status) < 2 && kp_value_number(&now.sample.value, &v) &&
            !isnan(v))
            look(e, (uint32_t)i, &now.sample, v);
    }
}

void points_make(struct kp_alarms *e)
{
    struct making m = { .e = e, .n = 1, .n_first = kp_model_signal_end(e->model) };
    m.first = kp_alloc((m.n_first + 1) * sizeof *m.first);
    m.failed = !m.first || !kp_grow(&m.points, &m.room, 1, sizeof *m.points);
    for (size_t i = 0; i < e->n_rules && !m.failed; i++)
        if (e->rules[i]->enabled &&
            (e->rules[i]->kind == KP_RULE_LIMIT || e->rules[i]->kind == KP_RULE_STALE))
            add_rule(&m, e->rules[i]);
    e->made = kp_mono(e->clock) ? kp_mono(e->clock) : 1;
    if (m.failed) { /* what was carried along is found again by its alarm */
        for (size_t i = 1; i < m.n; i++)
            for (uint32_t k = m.points[i].signal < e->n_first ? e->first[m.points[i].signal] : 0; k;
                 k = e->points[k].next)
                if (e->points[k].rule == m.points[i].rule && m.points[i].alarm) {
                    e->points[k].alarm = m.points[i].alarm;
                    e->points[k].active = true;
                }
        kp_free(m.points);
        kp_free(m.first);
        return; /* the next turn tries again */
    }
    end_left(e);
    kp_free(e->points);
    kp_free(e->first);
    e->points = m.points;
    e->n_points = m.n;
    e->points_room = m.room;
    e->first = m.first;
    e->n_first = m.n_first;
    e->n_turning = 0;
    for (size_t i = 1; i < e->n_points; i++)
        if (e->points[i].turning && !list_turning(e, (uint32_t)i))
            e->points[i].turning = false;
    e->stale_points = false;
    judge_unseen(e);
}

void points_forget_rule(struct kp_alarms *e, const struct kp_alarm_rule *rule)
{
    static const struct kp_alarm_rule none = { .kind = KP_RULE_KINDS };
    for (size_t i = 1; i < e->n_points; i++) {
        struct point *p = &e->points[i];
        if (p->rule != rule)
            continue;
        if (p->active) {
            p->at = kp_utc(e->clock);
            end(e, p);
        }
        p->turning = false;
        p->rule = &none; /* until they are made anew */
    }
}
