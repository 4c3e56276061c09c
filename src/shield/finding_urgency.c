/* SPDX-License-Identifier: Apache-2.0 */
/* What presses, and why. */
#include "shield/finding_show.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static bool see_state(void *arg, const struct kp_interval *v)
{
    struct place *p = arg;
    p->running |= v->kind == KP_INTERVAL_STATE && v->attributes && strstr(v->attributes, "running");
    return true;
}

static bool speaks(const struct kp_model *m, kp_asset asset)
{
    const kp_signal *list;
    size_t n = kp_model_child_signals(m, asset, &list);
    for (size_t i = 0; i < n; i++)
        if (kp_model_signal(m, list[i])->coupling)
            return true;
    return false;
}

struct place place_of(const struct kp_model *m, const struct device_row *r)
{
    struct place p = { .heavy = r->weight == 3, .light = r->weight == 1 };
    const struct kp_asset_info *a = r->asset ? kp_model_asset(m, (kp_asset)r->asset) : NULL;
    if (!a)
        return p;
    kp_model_open_intervals(m, a->id, see_state, &p);
    p.reachable = speaks(m, a->id);
    p.shared = kp_model_label(m, a->id, a->label) <= KP_PARTNER;
    p.heavy |= !r->weight && (a->kind == KP_PLC || a->kind == KP_MACHINE);
    return p;
}

static void because(struct urgency *u, int points, enum reason is, double value)
{
    u->priority += points;
    u->reason[u->n].is = is;
    u->reason[u->n++].value = value;
}

/* The score is most of it; that it is exploited weighs more than what the device does. */
struct urgency urgency_of(double score, double epss, bool kev, const struct place *p)
{
    struct urgency u = { 0 };
    because(&u, (int)((score < 0 ? 5 : score) * 5.5), REASON_SCORE, score);
    if (kev)
        because(&u, 25, REASON_EXPLOITED, 0);
    if (epss >= 0.1)
        because(&u, epss >= 0.5 ? 15 : 8, REASON_PROBABLE, epss);
    if (p->running)
        because(&u, 8, REASON_RUNNING, 0);
    if (p->heavy)
        because(&u, 6, REASON_HEAVY, 0);
    if (p->reachable)
        because(&u, 4, REASON_REACHABLE, 0);
    if (p->shared)
        because(&u, 4, REASON_SHARED, 0);
    if (p->light)
        because(&u, -15, REASON_LIGHT, 0);
    u.priority = u.priority > 100 ? 100 : u.priority < 0 ? 0 : u.priority;
    return u;
}

const char *const kp_finding_urgencies[] = { "urgent", "high", "medium", "low", NULL };

const char *urgency_word(int priority)
{
    return kp_finding_urgencies[priority >= 75 ? 0 : priority >= 55 ? 1 : priority >= 35 ? 2 : 3];
}

static const struct {
    const char *word, *text;
} reasons[REASONS] = {
    [REASON_SCORE] = { "score", NULL },
    [REASON_EXPLOITED] = { "exploited", "it is being exploited (KEV)" },
    [REASON_PROBABLE] = { "probable", NULL },
    [REASON_RUNNING] = { "running", "the machine is running" },
    [REASON_HEAVY] = { "heavy", "much hangs on it" },
    [REASON_REACHABLE] = { "reachable", "it is reachable over the network" },
    [REASON_SHARED] = { "shared", "it is shared with partners" },
    [REASON_LIGHT] = { "light", "little hangs on it" },
};

static void tell(enum reason is, double value, char *out, size_t size)
{
    if (is == REASON_SCORE)
        snprintf(out, size, value < 0 ? "no score is told" : "score %.1f", value);
    else if (is == REASON_PROBABLE)
        snprintf(out, size, "probability of exploitation %.0f %%", value * 100);
    else
        snprintf(out, size, "%s", reasons[is].text);
}

void put_urgency(struct kp_json *j, const struct urgency *u)
{
    char text[60 * REASONS];
    size_t n = 0;
    for (unsigned i = 0; i < u->n; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", i ? "; " : "");
        tell(u->reason[i].is, u->reason[i].value, text + n, sizeof text - n);
        n += strlen(text + n);
    }
    kp_json_put_int(j, "priority", u->priority);
    kp_json_put_text(j, "urgency", urgency_word(u->priority));
    kp_json_put_text(j, "because", text);
    kp_json_key(j, "reasons");
    kp_json_begin(j, '[');
    for (unsigned i = 0; i < u->n; i++) {
        enum reason is = u->reason[i].is;
        bool valued = (is == REASON_SCORE && u->reason[i].value >= 0) || is == REASON_PROBABLE;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "is", reasons[is].word);
        kp_json_key(j, "value");
        valued ? kp_json_double(j, u->reason[i].value) : kp_json_null(j);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}
