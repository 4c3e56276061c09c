/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked for once a second: signals without news, machines that stand still, links that are
 * down. An alarm is known by its key, so nothing else is kept between two looks. */
#include "alarm/private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static void tell(struct kp_alarms *e, const struct kp_alarm_rule *rule, char letter, uint32_t id,
                 kp_asset asset, bool is, int64_t at, const char *text)
{
    char key[KP_ALARM_KEY];
    rule_key(key, rule->name, letter, id);
    const struct kp_alarm *a = alarm_of(e, key);
    if (is && (!a || !a->active))
        alarm_raise_by_rule(e, rule, key, asset, at, text);
    else if (!is && a && a->active)
        alarm_clear(e, a->id, at);
}

/* ---- stale ---- */
static void sweep_stale(struct kp_alarms *e, int64_t utc)
{
    char text[KP_ALARM_TEXT], age[40];
    for (size_t i = 1; i < e->n_points; i++) {
        struct point *p = &e->points[i];
        const struct kp_signal_info *info =
            p->rule->kind == KP_RULE_STALE ? kp_model_signal(e->model, p->signal) : NULL;
        if (!info)
            continue;
        struct kp_now now = kp_model_now(e->model, p->signal);
        bool is = now.known && utc - now.arrived >= p->rule->delay;
        if (is == p->active)
            continue;
        kp_duration_print(p->rule->delay, age, sizeof age);
        snprintf(text, sizeof text, "%s has had no new value for %s", info->name, age);
        kp_utf8_trim(text);
        char key[KP_ALARM_KEY];
        rule_key(key, p->rule->name, 's', p->signal);
        if (is)
            p->alarm = alarm_raise_by_rule(e, p->rule, key, info->asset, utc, text);
        else
            alarm_clear(e, p->alarm, utc);
        p->active = is && p->alarm;
    }
}

/* ---- stopped ---- */
struct standing {
    struct kp_alarms *e;
    const struct kp_alarm_rule *rule;
    int64_t utc;
    kp_asset *list; /* that stand still long enough */
    size_t n, room;
};

static bool stands(void *arg, const struct kp_interval *v)
{
    struct standing *s = arg;
    char path[KP_PATH_MAX];
    if (v->kind != KP_INTERVAL_STATE || !strstr(v->attributes, "\"state\":\"stopped\"") ||
        s->utc - v->start < s->rule->delay)
        return true;
    kp_model_asset_path(s->e->model, v->asset, path, sizeof path);
    if (kp_pattern_match(s->rule->match, path) &&
        kp_grow(&s->list, &s->room, s->n + 1, sizeof *s->list))
        s->list[s->n++] = v->asset;
    return true;
}

static void sweep_stopped(struct kp_alarms *e, const struct kp_alarm_rule *rule, int64_t utc)
{
    struct standing s = { .e = e, .rule = rule, .utc = utc };
    char text[KP_ALARM_TEXT], age[40];
    if (rule->enabled)
        kp_model_open_intervals(e->model, 0, stands, &s);
    for (size_t i = 0; i < s.n; i++) {
        const struct kp_asset_info *a = kp_model_asset(e->model, s.list[i]);
        kp_duration_print(rule->delay, age, sizeof age);
        snprintf(text, sizeof text, "%s has stood still for %s", a ? a->name : "", age);
        kp_utf8_trim(text);
        tell(e, rule, 'a', s.list[i], s.list[i], true, utc, text);
    }
    char key[KP_ALARM_KEY], prefix[KP_ALARM_KEY];
    snprintf(prefix, sizeof prefix, "r/%s/a", rule->name);
    for (size_t i = e->n; i-- > 0;) {
        struct kp_alarm *a = &e->list[i];
        if (!a->active || strncmp(a->key, prefix, strlen(prefix)) != 0)
            continue;
        bool still = false;
        for (size_t k = 0; k < s.n && !still; k++) {
            rule_key(key, rule->name, 'a', s.list[k]);
            still = strcmp(key, a->key) == 0;
        }
        if (!still)
            alarm_clear(e, a->id, utc);
    }
    kp_free(s.list);
}

/* ---- links ---- */
struct link {
    uint16_t id;
    char name[KP_NAME_MAX], at[KP_PATH_MAX];
    bool down;
    int64_t since;
};
struct links {
    struct link *list;
    size_t n, room;
};

static void add_link(void *arg, const struct kp_link_view *v)
{
    struct links *l = arg;
    if (!kp_grow(&l->list, &l->room, l->n + 1, sizeof *l->list))
        return;
    struct link *new = &l->list[l->n++];
    *new = (struct link){ .id = v->id,
                          .down = v->link != KP_LINK_ONLINE && v->link != KP_LINK_OFF,
                          .since = v->since };
    snprintf(new->name, sizeof new->name, "%s", v->name);
    snprintf(new->at, sizeof new->at, "%s", v->at);
}

/* A link that tries again and again changes its state each time: down is counted from when it was
 * first seen so. */
static void sweep_links(struct kp_alarms *e, const struct kp_alarm_rule *rule,
                        const struct links *l, int64_t mono, int64_t utc)
{
    char text[KP_ALARM_TEXT];
    for (size_t i = 0; i < l->n; i++) {
        const struct link *k = &l->list[i];
        int64_t *down = &e->down[k->id];
        *down = !k->down ? 0 : *down ? *down : mono;
        bool is = rule->enabled && k->down && mono - *down >= rule->delay &&
                  kp_pattern_match(rule->match, k->at);
        snprintf(text, sizeof text, "%s is not connected", k->name);
        kp_utf8_trim(text);
        tell(e, rule, 'c', k->id, kp_model_find_asset(e->model, k->at), is, utc, text);
    }
    char prefix[KP_ALARM_KEY];
    snprintf(prefix, sizeof prefix, "r/%s/c", rule->name);
    for (size_t i = e->n; i-- > 0;) { /* couplings that are no more */
        bool there = false;
        char key[KP_ALARM_KEY];
        if (!e->list[i].active || strncmp(e->list[i].key, prefix, strlen(prefix)) != 0)
            continue;
        for (size_t k = 0; k < l->n && !there; k++) {
            rule_key(key, rule->name, 'c', l->list[k].id);
            there = strcmp(key, e->list[i].key) == 0;
        }
        if (!there)
            alarm_clear(e, e->list[i].id, utc);
    }
}

void sweep_end(struct kp_alarms *e, const struct kp_alarm_rule *rule)
{
    char prefix[KP_ALARM_KEY];
    int64_t utc = kp_utc(e->clock);
    snprintf(prefix, sizeof prefix, "r/%s/", rule->name);
    for (size_t i = e->n; i-- > 0;)
        if (e->list[i].active && strncmp(e->list[i].key, prefix, strlen(prefix)) == 0)
            alarm_clear(e, e->list[i].id, utc);
}

void sweep(struct kp_alarms *e)
{
    int64_t mono = kp_mono(e->clock), utc = kp_utc(e->clock);
    struct links links = { 0 };
    if (mono - e->swept < KP_SECOND && e->swept)
        return;
    e->swept = mono ? mono : 1;
    kp_hub_each_link(e->hub, add_link, &links);
    sweep_stale(e, utc);
    for (size_t i = 0; i < e->n_rules; i++) {
        if (e->rules[i]->kind == KP_RULE_STOPPED)
            sweep_stopped(e, e->rules[i], utc);
        else if (e->rules[i]->kind == KP_RULE_LINK_DOWN)
            sweep_links(e, e->rules[i], &links, mono ? mono : 1, utc);
    }
    kp_free(links.list);
}
