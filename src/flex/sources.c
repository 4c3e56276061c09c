/* SPDX-License-Identifier: Apache-2.0 */
/* Where a machine's counters stand: as a person said, else by role and name. */
#include "flex/day.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { BELOW_MAX = 5000 };

static bool says(const char *name, const char *word)
{
    size_t n = strlen(word);
    while (*name && strncasecmp(name, word, n) != 0)
        name++;
    return *name;
}

static bool is_number(const struct kp_signal_info *s)
{
    return s->type == KP_INT64 || s->type == KP_UINT64 || s->type == KP_DOUBLE ||
           s->type == KP_FLOAT;
}

/* What a signal counts; KP_COUNTS: nothing. A count of parts that calls itself good or scrap is
 * that. */
static enum kp_count count_of(const struct kp_signal_info *s)
{
    const char *role = s->role ? s->role : "";
    bool parts = strcmp(role, "part-count") == 0;
    if (strcmp(role, "program") == 0)
        return KP_COUNT_PROGRAM;
    if (!is_number(s))
        return KP_COUNTS;
    if (strcmp(role, "energy") == 0)
        return KP_COUNT_ENERGY;
    if (strcmp(role, "power") == 0)
        return KP_COUNT_POWER;
    if (strcmp(role, "good-count") == 0 || (parts && says(s->name, "good")))
        return KP_COUNT_GOOD;
    if (strcmp(role, "scrap-count") == 0 || ((parts || !*role) && says(s->name, "scrap")))
        return KP_COUNT_SCRAP;
    if (parts)
        return KP_COUNT_PARTS;
    return !*role && says(s->name, "good") ? KP_COUNT_GOOD : KP_COUNTS;
}

static double factor_of(const struct kp_signal_info *s, enum kp_count count)
{
    static const struct {
        const char *unit;
        enum kp_count count;
        double factor;
    } units[] = { { "JOU", KP_COUNT_ENERGY, 1 },     { "KJO", KP_COUNT_ENERGY, 1e3 },
                  { "J55", KP_COUNT_ENERGY, 1 },     { "WHR", KP_COUNT_ENERGY, 3.6e3 },
                  { "KWH", KP_COUNT_ENERGY, 3.6e6 }, { "MWH", KP_COUNT_ENERGY, 3.6e9 },
                  { "WTT", KP_COUNT_POWER, 1 },      { "KWT", KP_COUNT_POWER, 1e3 },
                  { "MAW", KP_COUNT_POWER, 1e6 } };
    for (size_t i = 0; s->unit && i < sizeof units / sizeof *units; i++)
        if (units[i].count == count && strcmp(units[i].unit, s->unit) == 0)
            return units[i].factor;
    return count == KP_COUNT_ENERGY ? 3.6e6 : 1e3; /* without a unit: kWh and kW */
}

struct looking {
    const struct kp_model *m;
    struct kp_sources *out;
    size_t looked;
    uint8_t label; /* the strictest of the signals that tell the machine's state */
};

static uint8_t stricter(const struct kp_model *m, const struct kp_signal_info *s, uint8_t label)
{
    uint8_t own = s ? kp_model_label(m, s->asset, s->label) : label;
    return own > label ? own : label;
}

static void take(struct kp_sources *out, const struct kp_signal_info *s, enum kp_count count)
{
    out->of[count] = s->id;
    out->factor[count] = factor_of(s, count);
}

/* The first of each kind in the order of the tree. */
static void look_below(struct looking *l, kp_asset id)
{
    const kp_signal *signals;
    const kp_asset *assets;
    size_t n = kp_model_child_signals(l->m, id, &signals);
    for (size_t i = 0; i < n && l->looked < BELOW_MAX; i++, l->looked++) {
        const struct kp_signal_info *s = kp_model_signal(l->m, signals[i]);
        enum kp_count count = count_of(s);
        if (s->states)
            l->label = stricter(l->m, s, l->label);
        if (count < KP_COUNTS && !l->out->of[count])
            take(l->out, s, count);
    }
    n = kp_model_child_assets(l->m, id, &assets);
    for (size_t i = 0; i < n && l->looked < BELOW_MAX; i++, l->looked++)
        if (kp_model_asset(l->m, assets[i])->kind != KP_MACHINE)
            look_below(l, assets[i]);
}

/* One that is not there is none: a rule may be for many machines. */
static void take_named(const struct kp_model *m, kp_asset id, const char *name, enum kp_count count,
                       struct kp_sources *out)
{
    char path[2 * KP_PATH_MAX];
    size_t n = kp_model_asset_path(m, id, path, KP_PATH_MAX);
    snprintf(path + n, sizeof path - n, "/%s", name);
    kp_signal s = strlen(path) < KP_PATH_MAX ? kp_model_find_signal(m, path) : 0;
    out->of[count] = 0;
    if (s)
        take(out, kp_model_signal(m, s), count);
}

uint8_t kp_sources_find(const struct kp_model *m, kp_asset id, const struct kp_machine_rule *rule,
                        struct kp_sources *out)
{
    struct looking l = { .m = m, .out = out, .label = kp_model_label(m, id, KP_INHERIT) };
    *out = (struct kp_sources){ 0 };
    bool counts = rule->signals[KP_COUNT_GOOD] || rule->signals[KP_COUNT_PARTS];
    look_below(&l, id);
    for (enum kp_count i = 0; counts && i <= KP_COUNT_PARTS; i++)
        out->of[i] = 0; /* who names one names them all */
    for (enum kp_count i = 0; i < KP_COUNTS; i++)
        if (rule->signals[i])
            take_named(m, id, rule->signals[i], i, out);
    for (enum kp_count i = 0; i < KP_COUNTS; i++)
        l.label = stricter(m, kp_model_signal(m, out->of[i]), l.label);
    return l.label;
}
