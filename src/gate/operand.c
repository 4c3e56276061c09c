/* SPDX-License-Identifier: Apache-2.0 */
/* Left operands: what each makes of its operator and of what stands on the right. */
#include "gate/odrl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

#define LONGEST_STEP (INT64_C(366) * 86400 * KP_SECOND)
#define LONGEST      (INT64_C(100) * LONGEST_STEP)

static bool wrong_operator(struct reading *r, const struct term *c, const char *good)
{
    kp_fail(r->err, KP_EINVALID,
            "%s: %s with the operator '%.20s' cannot be enforced here; possible: %s", c->where,
            c->left, c->op, good);
    return false;
}

static bool wrong_value(struct reading *r, const struct term *c, const char *good)
{
    const char *text = odrl_word(c->right);
    kp_fail(r->err, KP_EINVALID, "%s: %s: '%.60s' is not %s", c->where, c->left,
            text ? text : "what stands there", good);
    return false;
}

/* Digits, at most nine of them; false when there are none. */
static bool digits(const char **p, int64_t *out, int *n)
{
    *out = 0;
    for (*n = 0; **p >= '0' && **p <= '9' && *n < 9; ++*p, ++*n)
        *out = *out * 10 + (**p - '0');
    return *n && !(**p >= '0' && **p <= '9');
}

static int64_t unit_of(char letter, bool time)
{
    static const struct {
        char letter;
        bool time;
        int64_t seconds;
    } units[] = { { 'W', false, 604800 },
                  { 'D', false, 86400 },
                  { 'H', true, 3600 },
                  { 'M', true, 60 },
                  { 'S', true, 1 } };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].letter == letter && units[i].time == time)
            return units[i].seconds * KP_SECOND;
    return 0; /* a month or a year has no one length */
}

/* One number with its unit, "4.5S"; in ns, 0 when it is none. `unit`: the unit before, they get
 * smaller. */
static bool part(const char **p, bool time, int64_t *before, int64_t *ns)
{
    int64_t whole, rest = 0;
    int n, decimals = 0;
    if (!digits(p, &whole, &n))
        return false;
    if (**p == '.') {
        ++*p;
        if (!digits(p, &rest, &decimals))
            return false;
    }
    int64_t unit = unit_of(**p, time);
    if (!unit || unit >= *before || (decimals && unit != KP_SECOND) || whole > LONGEST / unit)
        return false;
    ++*p;
    for (; decimals && decimals < 9; decimals++)
        rest *= 10;
    *before = unit;
    *ns = whole * unit + rest;
    return true;
}

/* xsd:duration without months and years. */
static bool read_duration(const char *text, int64_t *ns)
{
    bool time = false, some = false;
    int64_t before = INT64_MAX, more;
    *ns = 0;
    if (!text || *text++ != 'P')
        return false;
    while (*text) {
        if (*text == 'T') {
            if (time)
                return false;
            time = true;
            some = false;
            text++;
            continue;
        }
        if (!part(&text, time, &before, &more) || more > LONGEST - *ns)
            return false;
        *ns += more;
        some = true;
    }
    return some;
}

static bool read_words(struct reading *r, const struct term *c, struct kp_words *out)
{
    struct kp_words found = { 0 };
    const json_t *list = c->right;
    size_t n = json_is_array(list) ? json_array_size(list) : 1;
    for (size_t i = 0; i < n; i++) {
        const char *text = odrl_word(json_is_array(list) ? json_array_get(list, i) : list);
        if (!text || !*text || strlen(text) >= KP_WORD_MAX)
            return wrong_value(r, c, "a word, or a list of words");
        if (kp_words_have(&found, text))
            continue;
        if (found.n == KP_WORDS_MAX)
            return wrong_value(r, c, "a list of at most 8 words");
        snprintf(found.word[found.n++], KP_WORD_MAX, "%s", text);
    }
    if (!found.n)
        return wrong_value(r, c, "a word, or a list of words");
    if (out->n) /* both must hold */
        return REFUSE(r, c->where, "%s is asked for twice: say one list", c->left);
    *out = found;
    return true;
}

/* ---- one handler a left operand ---- */

static bool bound(struct reading *r, const struct term *c, int64_t *from, int64_t *to)
{
    int64_t at;
    const char *text = odrl_word(c->right);
    if (!text || !kp_time_parse(text, &at) || at == KP_NO_TIME || at >= KP_FOREVER - 1)
        return wrong_value(r, c, "a time with its zone, such as 2027-01-31T00:00:00Z");
    bool above = odrl_is(c->op, "gteq", "gt"), below = odrl_is(c->op, "lteq", "lt");
    if (!above && !below)
        return wrong_operator(r, c, "gteq, gt, lt, lteq");
    at += strcmp(c->op, "gt") == 0 || strcmp(c->op, "lteq") == 0;
    if (above && at > *from)
        *from = at;
    if (below && at < *to)
        *to = at;
    return true;
}

static bool read_date_time(struct reading *r, const struct term *c)
{
    return bound(r, c, &r->t->from, &r->t->to);
}

static bool read_source_time(struct reading *r, const struct term *c)
{
    return bound(r, c, &r->t->since, &r->t->until);
}

static bool read_delay(struct reading *r, const struct term *c)
{
    int64_t ns;
    if (!odrl_is(c->op, "eq", "gteq"))
        return wrong_operator(r, c, "eq, gteq");
    if (!read_duration(odrl_word(c->right), &ns))
        return wrong_value(r, c, "a duration such as PT1H (no months or years)");
    if (ns > r->t->delay)
        r->t->delay = ns;
    return true;
}

static bool read_interval(struct reading *r, const struct term *c)
{
    int64_t ns;
    if (!odrl_is(c->op, "eq", "gteq"))
        return wrong_operator(r, c, "eq, gteq");
    if (!read_duration(odrl_word(c->right), &ns) || ns < KP_MILLISECOND || ns > LONGEST_STEP)
        return wrong_value(r, c, "a duration from a millisecond to a year, such as PT1M");
    if (r->t->every)
        return REFUSE(r, c->where, "%s is asked for twice: say one", c->left);
    r->t->every = ns;
    return true;
}

static bool read_count(struct reading *r, const struct term *c)
{
    const json_t *v = odrl_one(c->right);
    const char *text = odrl_word(v);
    char *end = NULL;
    if (json_is_object(v) && odrl_only_names(v) && !json_object_get(v, "@id"))
        v = json_object_get(v, "@value");
    long long n = json_is_integer(v) ? json_integer_value(v) : text ? strtoll(text, &end, 10) : 0;
    if (!odrl_is(c->op, "lteq", "lt"))
        return wrong_operator(r, c, "lteq, lt");
    n -= n > 0 && strcmp(c->op, "lt") == 0;
    if (n < 1 || n > INT32_MAX || (text && (*end || *text < '0' || *text > '9')))
        return wrong_value(r, c, "a number of transfers from 1");
    if (!r->t->count || n < r->t->count)
        r->t->count = n;
    return true;
}

static bool read_set(struct reading *r, const struct term *c, struct kp_words *out)
{
    if (!odrl_is(c->op, "eq", "isAnyOf") && strcmp(c->op, "isA") != 0)
        return wrong_operator(r, c, "eq, isA, isAnyOf");
    if (strcmp(c->op, "isAnyOf") != 0 && json_is_array(c->right) && json_array_size(c->right) > 1)
        return wrong_operator(r, c, "isAnyOf, with a list");
    return read_words(r, c, out);
}

static bool read_purpose(struct reading *r, const struct term *c)
{
    return read_set(r, c, &r->t->purpose);
}

static bool read_recipient(struct reading *r, const struct term *c)
{
    return read_set(r, c, &r->t->recipient);
}

static bool read_aggregate(struct reading *r, const struct term *c)
{
    struct kp_words list = { 0 };
    if (r->raw || r->t->functions)
        return REFUSE(r, c->where, "%s is asked for twice: say one list", c->left);
    if (!read_set(r, c, &list))
        return false;
    for (size_t i = 0; i < list.n; i++) {
        unsigned f = 0;
        while (kp_function_words[f] && strcmp(kp_function_words[f], list.word[i]) != 0)
            f++;
        if (f == KP_FUNCTIONS && strcmp(list.word[i], "raw") != 0)
            return wrong_value(r, c, "one of min, mean, max, last, count, raw");
        r->raw |= f == KP_FUNCTIONS;
        if (f < KP_FUNCTIONS)
            r->t->functions |= (uint8_t)(1u << f);
    }
    return !(r->raw && r->t->functions) ||
           REFUSE(r, c->where, "%s: raw values and values of steps at once cannot be enforced",
                  c->left);
}

static const struct operand {
    const char *name;
    bool (*read)(struct reading *, const struct term *);
} operands[] = {
    { "dateTime", read_date_time },
    { "delayPeriod", read_delay },
    { "timeInterval", read_interval },
    { "count", read_count },
    { "purpose", read_purpose },
    { "recipient", read_recipient },
    { "koppel:aggregate", read_aggregate },
    { "koppel:sourceTime", read_source_time },
    { NULL, NULL },
};

bool term_read(struct reading *r, const struct term *c)
{
    const struct operand *o = operands;
    if (!c->left || !c->op || !c->right)
        return REFUSE(r, c->where, "a constraint needs leftOperand, operator and rightOperand%s",
                      "");
    while (o->name && strcmp(o->name, c->left) != 0)
        o++;
    if (!o->name)
        return REFUSE(r, c->where, "the left operand '%.60s' cannot be enforced here", c->left);
    return o->read(r, c);
}
