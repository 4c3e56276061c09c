/* SPDX-License-Identifier: Apache-2.0 */
/* Once an hour: certificates of the node and trusted ones of machines that expire soon are conditions of the node. */
#include "alarm/private.h"
#include "store/trust.h"

#include <stdio.h>
#include <string.h>

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

/* not_after KP_NO_TIME: it does not matter. */
static void tell(struct looking *l, const char *key, const char *of, int64_t not_after)
{
    char text[KP_ALARM_TEXT], left[40] = "";
    bool matters = not_after != KP_NO_TIME && l->before != KP_NO_TIME && not_after < l->before;
    if (matters)
        kp_duration_print(not_after - l->now, left, sizeof left);
    if (matters && not_after > l->now)
        snprintf(text, sizeof text, "the certificate of %.60s expires in %s", of, left);
    else
        snprintf(text, sizeof text, "the certificate of %.60s has expired", of);
    kp_hub_condition(l->e->hub, key, matters ? text : NULL);
}

static bool look(void *arg, const struct kp_certificate *c)
{
    char key[40];
    snprintf(key, sizeof key, "certificate-%.23s", c->fingerprint);
    tell(arg, key, c->coupling, c->trusted ? c->not_after : KP_NO_TIME);
    return true;
}

/* ---- the node's own ---- */
void kp_alarms_certificate(struct kp_alarms *e, const char *what, int64_t not_after)
{
    pthread_mutex_lock(&e->lock);
    struct own_certificate *at = e->own_certificate, *end = at + KP_OWN_CERTIFICATES;
    while (at < end && at->what[0] && strcmp(at->what, what) != 0)
        at++;
    if (at < end && (!at->what[0] || at->not_after != not_after)) {
        snprintf(at->what, sizeof at->what, "%s", what);
        at->not_after = not_after;
        e->look_at_certificates = true;
    }
    pthread_mutex_unlock(&e->lock);
}

static void look_at_own(struct looking *l)
{
    for (size_t i = 0; i < KP_OWN_CERTIFICATES; i++) {
        char key[40];
        pthread_mutex_lock(&l->e->lock);
        struct own_certificate c = l->e->own_certificate[i];
        pthread_mutex_unlock(&l->e->lock);
        snprintf(key, sizeof key, "certificate-own-%zu", i);
        if (c.what[0])
            tell(l, key, c.what, c.not_after);
    }
}

static bool is_due(struct kp_alarms *e)
{
    int64_t mono = kp_mono(e->clock);
    pthread_mutex_lock(&e->lock);
    bool due = e->look_at_certificates || !e->certificates || mono - e->certificates >= EVERY;
    e->look_at_certificates = false;
    pthread_mutex_unlock(&e->lock);
    if (due)
        e->certificates = mono ? mono : 1;
    return due;
}

void certificates_turn(struct kp_alarms *e, struct kp_err *err)
{
    struct looking l = { .e = e, .now = kp_utc(e->clock), .before = KP_NO_TIME };
    if (!is_due(e) || kp_alarms_rules(e, NULL, ask_rule, &l, err))
        return;
    look_at_own(&l);
    kp_trust_list(e->store, NULL, look, &l, err);
}
