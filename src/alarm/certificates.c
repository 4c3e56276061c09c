/* SPDX-License-Identifier: Apache-2.0 */
/* Once an hour: trusted certificates of machines that expire soon are conditions of the node. */
#include "alarm/private.h"
#include "store/trust.h"

#include <stdio.h>

#include "core/ban.h"

#define EVERY    (3600 * KP_SECOND)
#define STANDARD (30 * 86400 * KP_SECOND)

struct looking {
    struct kp_alarms *e;
    int64_t now, before; /* KP_NO_TIME: no rule asks for it */
};

static bool ask_rule(void *arg, const struct kp_alarm_rule *r)
{
    struct looking *l = arg;
    if (r->kind != KP_RULE_CERTIFICATE_EXPIRES || !r->enabled)
        return true;
    l->before = l->now + (r->delay ? r->delay : STANDARD);
    return false;
}

static bool look(void *arg, const struct kp_certificate *c)
{
    struct looking *l = arg;
    char key[40], text[KP_ALARM_TEXT], left[40];
    bool soon = c->trusted && l->before != KP_NO_TIME && c->not_after < l->before;
    snprintf(key, sizeof key, "certificate-%.23s", c->fingerprint);
    kp_duration_print(c->not_after - l->now, left, sizeof left);
    if (c->not_after > l->now)
        snprintf(text, sizeof text, "the certificate of %.60s expires in %s", c->coupling, left);
    else
        snprintf(text, sizeof text, "the certificate of %.60s has expired", c->coupling);
    kp_hub_condition(l->e->hub, key, soon ? text : NULL);
    return true;
}

void certificates_turn(struct kp_alarms *e, struct kp_err *err)
{
    struct looking l = { .e = e, .now = kp_utc(e->clock), .before = KP_NO_TIME };
    int64_t mono = kp_mono(e->clock);
    if (e->certificates && mono - e->certificates < EVERY)
        return;
    e->certificates = mono ? mono : 1;
    if (!kp_alarms_rules(e, NULL, ask_rule, &l, err))
        kp_trust_list(e->store, NULL, look, &l, err);
}
