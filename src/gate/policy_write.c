/* SPDX-License-Identifier: Apache-2.0 */
/* Terms as a policy. */
#include "gate/policy.h"

#include <stdio.h>

#include "core/ban.h"

static void put_constraint(struct kp_json *j, const char *left, const char *op, const char *right)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "leftOperand", left);
    kp_json_put_text(j, "operator", op);
    kp_json_put_text(j, "rightOperand", right);
    kp_json_end(j, '}');
}

static void put_times(struct kp_json *j, const char *left, int64_t from, int64_t to)
{
    char text[KP_TIME_TEXT];
    if (from != KP_NO_TIME) {
        kp_time_print(from, text);
        put_constraint(j, left, "gteq", text);
    }
    if (to != KP_FOREVER) {
        kp_time_print(to, text);
        put_constraint(j, left, "lt", text);
    }
}

static void put_duration(struct kp_json *j, const char *left, int64_t ns)
{
    char text[64];
    long long days = ns / (86400 * KP_SECOND), rest = ns % (86400 * KP_SECOND),
              hours = rest / (3600 * KP_SECOND), minutes = rest / (60 * KP_SECOND) % 60,
              seconds = rest / KP_SECOND % 60, fraction = rest % KP_SECOND;
    int n = snprintf(text, sizeof text, "P");
    if (days)
        n += snprintf(text + n, sizeof text - (size_t)n, "%lldD", days);
    if (rest)
        n += snprintf(text + n, sizeof text - (size_t)n, "T");
    if (hours)
        n += snprintf(text + n, sizeof text - (size_t)n, "%lldH", hours);
    if (minutes)
        n += snprintf(text + n, sizeof text - (size_t)n, "%lldM", minutes);
    if (fraction)
        snprintf(text + n, sizeof text - (size_t)n, "%lld.%09lldS", seconds, fraction);
    else if (seconds)
        snprintf(text + n, sizeof text - (size_t)n, "%lldS", seconds);
    put_constraint(j, left, "eq", text);
}

static void put_words(struct kp_json *j, const char *left, const struct kp_words *w)
{
    if (!w->n)
        return;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "leftOperand", left);
    kp_json_put_text(j, "operator", "isAnyOf");
    kp_json_key(j, "rightOperand");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < w->n; i++)
        kp_json_text(j, w->word[i]);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

static void put_functions(struct kp_json *j, uint8_t functions)
{
    struct kp_words list = { 0 };
    for (unsigned f = 0; f < KP_FUNCTIONS; f++)
        if (functions & 1u << f)
            snprintf(list.word[list.n++], KP_WORD_MAX, "%s", kp_function_words[f]);
    put_words(j, "koppel:aggregate", &list);
}

static void put_constraints(struct kp_json *j, const struct kp_terms *t)
{
    char text[24];
    put_times(j, "dateTime", t->from, t->to);
    put_times(j, "koppel:sourceTime", t->since, t->until);
    if (t->delay)
        put_duration(j, "delayPeriod", t->delay);
    if (t->every) {
        put_duration(j, "timeInterval", t->every);
        put_functions(j, t->functions);
    }
    if (t->count) {
        snprintf(text, sizeof text, "%lld", (long long)t->count);
        put_constraint(j, "count", "lteq", text);
    }
    put_words(j, "purpose", &t->purpose);
    put_words(j, "recipient", &t->recipient);
}

static void put_permission(struct kp_json *j, const char *action, const struct kp_terms *t)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "action", action);
    if (t) {
        kp_json_key(j, "constraint");
        kp_json_begin(j, '[');
        put_constraints(j, t);
        kp_json_end(j, ']');
    }
    kp_json_end(j, '}');
}

void kp_terms_json(struct kp_json *j, const struct kp_terms *t)
{
    struct kp_terms open = kp_terms_open();
    bool own = t->every || t->since != KP_NO_TIME || t->until != KP_FOREVER;
    open.distribution = t->distribution;
    if (own)
        kp_json_put_text(j, "profile", KP_ODRL_PROFILE);
    kp_json_key(j, "permission");
    kp_json_begin(j, '[');
    put_permission(j, "use", kp_terms_same(t, &open) ? NULL : t);
    if (t->distribution)
        put_permission(j, "distribute", NULL);
    kp_json_end(j, ']');
}
