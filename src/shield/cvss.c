/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/cvss.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* The values of a metric in three lists of the same order; by default the first one, where it may
 * be left out. */
struct metric {
    const char *code, *property, *codes, *names;
    double weight[6];
};

enum { AV, AC, PR, UI, S, C, I, A, E, RL, RC, CR, IR, AR, MAV, MAC, MPR, MUI, MS, MC, MI, MA };
enum { AU2 = 2, C2, I2, A2, E2, RL2, RC2, CDP2, TD2, CR2, IR2, AR2, BASE2 = 6, BASE3 = 8 };

#define REQUIRED(code, property)                                                                   \
    {                                                                                              \
        code, property, "X H M L", "NOT_DEFINED HIGH MEDIUM LOW",                                  \
        {                                                                                          \
            1, 1.5, 1, .5                                                                          \
        }                                                                                          \
    }
#define IMPACT(code, property)                                                                     \
    {                                                                                              \
        code, property, "H L N", "HIGH LOW NONE",                                                  \
        {                                                                                          \
            .56, .22, 0                                                                            \
        }                                                                                          \
    }
#define M_IMPACT(code, property)                                                                   \
    {                                                                                              \
        code, property, "X H L N", "NOT_DEFINED HIGH LOW NONE",                                    \
        {                                                                                          \
            0, .56, .22, 0                                                                         \
        }                                                                                          \
    }
static const struct metric metrics3[] = {
    { "AV",
      "attackVector",
      "N A L P",
      "NETWORK ADJACENT_NETWORK LOCAL PHYSICAL",
      { .85, .62, .55, .2 } },
    { "AC", "attackComplexity", "L H", "LOW HIGH", { .77, .44 } },
    { "PR", "privilegesRequired", "N L H", "NONE LOW HIGH", { .85, .62, .27 } },
    { "UI", "userInteraction", "N R", "NONE REQUIRED", { .85, .62 } },
    { "S", "scope", "U C", "UNCHANGED CHANGED", { 0, 1 } },
    IMPACT("C", "confidentialityImpact"),
    IMPACT("I", "integrityImpact"),
    IMPACT("A", "availabilityImpact"),
    { "E",
      "exploitCodeMaturity",
      "X H F P U",
      "NOT_DEFINED HIGH FUNCTIONAL PROOF_OF_CONCEPT UNPROVEN",
      { 1, 1, .97, .94, .91 } },
    { "RL",
      "remediationLevel",
      "X U W T O",
      "NOT_DEFINED UNAVAILABLE WORKAROUND TEMPORARY_FIX OFFICIAL_FIX",
      { 1, 1, .97, .96, .95 } },
    { "RC",
      "reportConfidence",
      "X C R U",
      "NOT_DEFINED CONFIRMED REASONABLE UNKNOWN",
      { 1, 1, .96, .92 } },
    REQUIRED("CR", "confidentialityRequirement"),
    REQUIRED("IR", "integrityRequirement"),
    REQUIRED("AR", "availabilityRequirement"),
    { "MAV",
      "modifiedAttackVector",
      "X N A L P",
      "NOT_DEFINED NETWORK ADJACENT_NETWORK LOCAL PHYSICAL",
      { 0, .85, .62, .55, .2 } },
    { "MAC", "modifiedAttackComplexity", "X L H", "NOT_DEFINED LOW HIGH", { 0, .77, .44 } },
    { "MPR",
      "modifiedPrivilegesRequired",
      "X N L H",
      "NOT_DEFINED NONE LOW HIGH",
      { 0, .85, .62, .27 } },
    { "MUI", "modifiedUserInteraction", "X N R", "NOT_DEFINED NONE REQUIRED", { 0, .85, .62 } },
    { "MS", "modifiedScope", "X U C", "NOT_DEFINED UNCHANGED CHANGED", { 0, 0, 1 } },
    M_IMPACT("MC", "modifiedConfidentialityImpact"),
    M_IMPACT("MI", "modifiedIntegrityImpact"),
    M_IMPACT("MA", "modifiedAvailabilityImpact"),
};
#define REQUIRED2(code, property)                                                                  \
    {                                                                                              \
        code, property, "ND H M L", "NOT_DEFINED HIGH MEDIUM LOW",                                 \
        {                                                                                          \
            1, 1.51, 1, .5                                                                         \
        }                                                                                          \
    }
#define IMPACT2(code, property)                                                                    \
    {                                                                                              \
        code, property, "N P C", "NONE PARTIAL COMPLETE",                                          \
        {                                                                                          \
            0, .275, .660                                                                          \
        }                                                                                          \
    }
static const struct metric metrics2[] = {
    { "AV", "accessVector", "L A N", "LOCAL ADJACENT_NETWORK NETWORK", { .395, .646, 1 } },
    { "AC", "accessComplexity", "H M L", "HIGH MEDIUM LOW", { .35, .61, .71 } },
    { "Au", "authentication", "M S N", "MULTIPLE SINGLE NONE", { .45, .56, .704 } },
    IMPACT2("C", "confidentialityImpact"),
    IMPACT2("I", "integrityImpact"),
    IMPACT2("A", "availabilityImpact"),
    { "E",
      "exploitability",
      "ND H F POC U",
      "NOT_DEFINED HIGH FUNCTIONAL PROOF_OF_CONCEPT UNPROVEN",
      { 1, 1, .95, .9, .85 } },
    { "RL",
      "remediationLevel",
      "ND U W TF OF",
      "NOT_DEFINED UNAVAILABLE WORKAROUND TEMPORARY_FIX OFFICIAL_FIX",
      { 1, 1, .95, .9, .87 } },
    { "RC",
      "reportConfidence",
      "ND C UR UC",
      "NOT_DEFINED CONFIRMED UNCORROBORATED UNCONFIRMED",
      { 1, 1, .95, .9 } },
    { "CDP",
      "collateralDamagePotential",
      "ND N L LM MH H",
      "NOT_DEFINED NONE LOW LOW_MEDIUM MEDIUM_HIGH HIGH",
      { 0, 0, .1, .3, .4, .5 } },
    { "TD",
      "targetDistribution",
      "ND N L M H",
      "NOT_DEFINED NONE LOW MEDIUM HIGH",
      { 1, 0, .25, .75, 1 } },
    REQUIRED2("CR", "confidentialityRequirement"),
    REQUIRED2("IR", "integrityRequirement"),
    REQUIRED2("AR", "availabilityRequirement"),
};

static const struct metric *metrics(enum kp_cvss_version v, size_t *n)
{
    *n = v == KP_CVSS_2 ? sizeof metrics2 / sizeof *metrics2 : sizeof metrics3 / sizeof *metrics3;
    return v == KP_CVSS_2 ? metrics2 : metrics3;
}

/* The place of a word in a list of words, or -1. */
static int8_t place(const char *words, const char *word, size_t len)
{
    for (int8_t i = 0; *words; i++) {
        size_t n = strcspn(words, " ");
        if (n == len && memcmp(words, word, n) == 0)
            return i;
        words += n + (words[n] == ' ');
    }
    return -1;
}

static bool read_metric(struct kp_cvss *c, const char *text, size_t len)
{
    size_t n, code = strcspn(text, ":");
    const struct metric *m = metrics(c->version, &n);
    for (size_t i = 0; i < n && code < len; i++) {
        if (strlen(m[i].code) != code || memcmp(m[i].code, text, code) != 0)
            continue;
        if (c->value[i] >= 0)
            c->twice = m[i].code;
        c->value[i] = place(m[i].codes, text + code + 1, len - code - 1);
        return c->value[i] >= 0;
    }
    return false;
}

bool kp_cvss_parse(const char *vector, struct kp_cvss *c)
{
    *c = (struct kp_cvss){ 0 };
    memset(c->value, -1, sizeof c->value);
    if (strncmp(vector, "CVSS:3.", 7) == 0) {
        if ((vector[7] != '0' && vector[7] != '1') || vector[8] != '/')
            return false;
        c->version = vector[7] == '0' ? KP_CVSS_30 : KP_CVSS_31;
        vector += 9;
    }
    for (;;) {
        size_t len = strcspn(vector, "/");
        if (!read_metric(c, vector, len))
            return false;
        if (!vector[len])
            return true;
        vector += len + 1;
    }
}

const char *kp_cvss_property(enum kp_cvss_version v, size_t metric)
{
    size_t n;
    const struct metric *m = metrics(v, &n);
    return metric < n ? m[metric].property : NULL;
}

int kp_cvss_value(enum kp_cvss_version v, size_t metric, const char *name)
{
    size_t n;
    return place(metrics(v, &n)[metric].names, name, strlen(name));
}

void kp_cvss_value_name(const struct kp_cvss *c, size_t metric, char *out, size_t size)
{
    size_t n;
    const char *word = metrics(c->version, &n)[metric].names;
    for (int i = 0; i < c->value[metric]; i++)
        word += strcspn(word, " ") + 1;
    snprintf(out, size, "%.*s", (int)strcspn(word, " "), word);
}

/* ---- scores ---- */
static double weight(const struct kp_cvss *c, size_t metric)
{
    size_t n;
    int8_t value = c->value[metric];
    return metrics(c->version, &n)[metric].weight[value < 0 ? 0 : value];
}

static double round_up(double x, bool naive)
{
    if (naive)
        return ceil(x * 10) / 10;
    long i = lround(x * 100000);
    return i % 10000 ? (double)(i / 10000 + 1) / 10 : (double)i / 100000;
}

static double impact3(double iss, bool changed, bool modified31)
{
    if (!changed)
        return 6.42 * iss;
    double tail = modified31 ? pow(iss * 0.9731 - 0.02, 13) : pow(iss - 0.02, 15);
    return 7.52 * (iss - 0.029) - 3.25 * tail;
}

static double privileges(double low, bool changed)
{
    return changed && low < .7 ? low < .5 ? .5 : .68 : low;
}

static double join3(double impact, double exploit, bool changed, bool naive)
{
    return impact <= 0 ? 0 : round_up(fmin((changed ? 1.08 : 1) * (impact + exploit), 10), naive);
}

/* A modified metric that is not defined is the one it modifies. */
static double modified(const struct kp_cvss *c, size_t metric, size_t base)
{
    return c->value[metric] > 0 ? weight(c, metric) : weight(c, base);
}

static void score3(const struct kp_cvss *c, bool naive, struct kp_cvss_scores *out)
{
    bool changed = weight(c, S) > 0, m_changed = modified(c, MS, S) > 0;
    double iss = 1 - (1 - weight(c, C)) * (1 - weight(c, I)) * (1 - weight(c, A));
    double exploit =
        8.22 * weight(c, AV) * weight(c, AC) * privileges(weight(c, PR), changed) * weight(c, UI);
    double temporal = weight(c, E) * weight(c, RL) * weight(c, RC);
    double miss = 1 - (1 - weight(c, CR) * modified(c, MC, C)) *
                          (1 - weight(c, IR) * modified(c, MI, I)) *
                          (1 - weight(c, AR) * modified(c, MA, A));
    double m_exploit = 8.22 * modified(c, MAV, AV) * modified(c, MAC, AC) *
                       privileges(modified(c, MPR, PR), m_changed) * modified(c, MUI, UI);
    double m_impact = impact3(fmin(miss, .915), m_changed, c->version == KP_CVSS_31);
    out->base = join3(impact3(iss, changed, false), exploit, changed, naive);
    out->temporal = round_up(out->base * temporal, naive);
    out->environmental = round_up(join3(m_impact, m_exploit, m_changed, naive) * temporal, naive);
}

static double round1(double x)
{
    return round(x * 10 + 1e-9) / 10;
}

static double base2(const struct kp_cvss *c, double impact)
{
    double exploit = 20 * weight(c, AC) * weight(c, AU2) * weight(c, AV);
    return round1((.6 * impact + .4 * exploit - 1.5) * (impact > 0 ? 1.176 : 0));
}

static void score2(const struct kp_cvss *c, struct kp_cvss_scores *out)
{
    double impact = 10.41 * (1 - (1 - weight(c, C2)) * (1 - weight(c, I2)) * (1 - weight(c, A2)));
    double temporal = weight(c, E2) * weight(c, RL2) * weight(c, RC2);
    double adjusted =
        10.41 * (1 - (1 - weight(c, C2) * weight(c, CR2)) * (1 - weight(c, I2) * weight(c, IR2)) *
                         (1 - weight(c, A2) * weight(c, AR2)));
    out->base = base2(c, impact);
    out->temporal = round1(out->base * temporal);
    double at = round1(base2(c, fmin(adjusted, 10)) * temporal);
    out->environmental = round1((at + (10 - at) * weight(c, CDP2)) * weight(c, TD2));
}

const char *kp_cvss_score(const struct kp_cvss *c, bool naive, struct kp_cvss_scores *out)
{
    size_t n, base = c->version == KP_CVSS_2 ? BASE2 : BASE3;
    const struct metric *m = metrics(c->version, &n);
    for (size_t i = 0; i < base; i++)
        if (c->value[i] < 0)
            return m[i].code;
    if (c->version == KP_CVSS_2)
        score2(c, out);
    else
        score3(c, naive, out);
    return NULL;
}

const char *kp_cvss_severity(double score)
{
    return score <= 0  ? "NONE"
           : score < 4 ? "LOW"
           : score < 7 ? "MEDIUM"
           : score < 9 ? "HIGH"
                       : "CRITICAL";
}
