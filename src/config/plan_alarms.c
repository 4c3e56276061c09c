/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of alarms: those of the file are made or changed; others stay unless pruned. */
#include "config/plan.h"

#include "alarm/alarm.h"
#include "core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static void put_field(struct kp_json *j, const struct kp_field *f)
{
    bool truth = strcmp(f->key, "enabled") == 0 || strcmp(f->key, "outOfService") == 0;
    bool number = strcmp(f->key, "high") == 0 || strcmp(f->key, "low") == 0 ||
                  strcmp(f->key, "hysteresis") == 0;
    char *end;
    double d = strtod(f->value, &end);
    if (!*f->value)
        return;
    kp_json_key(j, f->key);
    if (truth)
        kp_json_bool(j, kp_plan_yes(f->value));
    else if (number && !*end && isfinite(d))
        kp_json_double(j, d);
    else
        kp_json_text(j, f->value);
}

/* As the file has it; what it does not say is the default. */
static enum kp_code rule_of(const struct kp_config_entry *e, struct kp_alarm_rule *rule,
                            struct kp_err *err)
{
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, 16 << 10);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "name", e->name);
    for (size_t i = 0; i < e->n; i++)
        put_field(&j, &e->fields[i].f);
    kp_json_end(&j, '}');
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_alarm_rule_parse(kp_buf_text(&text), rule, err);
    kp_buf_free(&text);
    return err->code;
}

static enum kp_code run_put(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    struct kp_alarm_rule rule;
    if (rule_of(s->entry, &rule, err))
        return err->code;
    return kp_alarms_put_rule(kp_node_alarms(p->node), &rule, false, err);
}

static enum kp_code run_remove(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    return kp_alarms_remove_rule(kp_node_alarms(p->node), s->name, err);
}

static bool keep(void *arg, const struct kp_alarm_rule *rule)
{
    *(struct kp_alarm_rule *)arg = *rule;
    return false;
}

static bool is_same(const struct kp_alarm_rule *a, const struct kp_alarm_rule *b)
{
    struct kp_buf one, two;
    struct kp_json j = kp_json(&one), k = kp_json(&two);
    kp_buf_init(&one, 16 << 10);
    kp_buf_init(&two, 16 << 10);
    kp_alarm_rule_json(&j, a);
    kp_alarm_rule_json(&k, b);
    bool same = !one.failed && !two.failed && strcmp(kp_buf_text(&one), kp_buf_text(&two)) == 0;
    kp_buf_free(&one);
    kp_buf_free(&two);
    return same;
}

static enum kp_code plan_one(struct kp_plan *p, const struct kp_config_entry *e)
{
    struct kp_alarm_rule wanted, now;
    struct kp_err wrong = { 0 };
    if (rule_of(e, &wanted, &wrong))
        return kp_plan_fault(p, e->at, wrong.code, wrong.text);
    bool there = kp_alarms_rules(kp_node_alarms(p->node), e->name, keep, &now, &wrong) == KP_OK;
    if (!there && wrong.code != KP_ENOTFOUND)
        return kp_fail(p->err, wrong.code, "%s", wrong.text);
    if (there && is_same(&wanted, &now))
        return KP_OK;
    struct kp_plan_step *s = kp_plan_add(p, there ? "change" : "add", "alarm rule", e->name);
    if (!s)
        return p->err->code;
    s->entry = e;
    s->run = run_put;
    return KP_OK;
}

enum kp_code kp_plan_alarms(struct kp_plan *p)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_ALARM];
    for (size_t i = 0; i < list->n && !p->err->code; i++)
        plan_one(p, &list->entries[i]);
    return p->err->code;
}

static bool remove_unnamed(void *arg, const struct kp_alarm_rule *rule)
{
    struct kp_plan *p = arg;
    if (kp_plan_entry(p, KP_CONFIG_ALARM, rule->name))
        return true;
    const char *name = kp_arena_strdup(&p->arena, rule->name);
    struct kp_plan_step *s = name ? kp_plan_add(p, "remove", "alarm rule", name) : NULL;
    if (s)
        s->run = run_remove;
    return !p->err->code;
}

enum kp_code kp_plan_remove_alarms(struct kp_plan *p)
{
    if (p->config->list[KP_CONFIG_ALARM].present)
        kp_alarms_rules(kp_node_alarms(p->node), NULL, remove_unnamed, p, p->err);
    return p->err->code;
}
