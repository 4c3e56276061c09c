/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { CONSTRAINTS_MAX = 64, DEEPEST = 4, PLACE = 100 };
#define LONGEST_STEP (INT64_C(366) * 86400 * KP_SECOND)
#define LONGEST      (INT64_C(100) * LONGEST_STEP)

struct reading {
    struct kp_terms *t;
    struct kp_err *err;
    size_t constraints;
    bool use, distribute, not_distribute, raw;
};

#define REFUSE(r, where, why, what)                                                                \
    (kp_fail((r)->err, KP_EINVALID, "%s: " why, (where), (what)), false)

/* ---- JSON-LD without its context: the forms in which peers write one thing ---- */

/* A name of ODRL's without its prefix. */
static const char *plain(const char *name)
{
    static const char *const prefixes[] = { "odrl:", "http://www.w3.org/ns/odrl/2/" };
    for (size_t i = 0; name && i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return name + strlen(prefixes[i]);
    return name;
}

static const json_t *one(const json_t *v)
{
    return json_is_array(v) && json_array_size(v) == 1 ? json_array_get(v, 0) : v;
}

/* Members that name a thing and say no more about it. */
static bool only_names(const json_t *object)
{
    static const char *const names[] = { "@id", "@value", "@type", "uid" };
    const char *key;
    json_t *value;
    bool only = true;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (i < sizeof names / sizeof names[0] && strcmp(names[i], plain(key)) != 0)
            i++;
        only &= i < sizeof names / sizeof names[0] && !json_is_object(value);
    }
    return only;
}

/* A word, an IRI or a literal; NULL: it is none of them. */
static const char *word(const json_t *v)
{
    v = one(v);
    if (json_is_object(v) && only_names(v)) {
        const json_t *id = json_object_get(v, "@id"), *value = json_object_get(v, "@value");
        v = id && value ? NULL : id ? id : value;
    }
    return json_is_string(v) ? json_string_value(v) : NULL;
}

static bool says_nothing(const json_t *v)
{
    return json_is_null(v) || (json_is_array(v) && !json_array_size(v));
}

/* ---- what stands on the right ---- */

struct term {
    const char *where, *left, *op;
    const json_t *right;
};

static bool is(const char *op, const char *a, const char *b)
{
    return strcmp(op, a) == 0 || strcmp(op, b) == 0;
}

static bool wrong_operator(struct reading *r, const struct term *c, const char *good)
{
    kp_fail(r->err, KP_EINVALID,
            "%s: %s with the operator '%.20s' cannot be enforced here; possible: %s", c->where,
            c->left, c->op, good);
    return false;
}

static bool wrong_value(struct reading *r, const struct term *c, const char *good)
{
    const char *text = word(c->right);
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
        const char *text = word(json_is_array(list) ? json_array_get(list, i) : list);
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
    const char *text = word(c->right);
    if (!text || !kp_time_parse(text, &at) || at == KP_NO_TIME || at >= KP_FOREVER - 1)
        return wrong_value(r, c, "a time with its zone, such as 2027-01-31T00:00:00Z");
    bool above = is(c->op, "gteq", "gt"), below = is(c->op, "lteq", "lt");
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
    if (!is(c->op, "eq", "gteq"))
        return wrong_operator(r, c, "eq, gteq");
    if (!read_duration(word(c->right), &ns))
        return wrong_value(r, c, "a duration such as PT1H (no months or years)");
    if (ns > r->t->delay)
        r->t->delay = ns;
    return true;
}

static bool read_interval(struct reading *r, const struct term *c)
{
    int64_t ns;
    if (!is(c->op, "eq", "gteq"))
        return wrong_operator(r, c, "eq, gteq");
    if (!read_duration(word(c->right), &ns) || ns < KP_MILLISECOND || ns > LONGEST_STEP)
        return wrong_value(r, c, "a duration from a millisecond to a year, such as PT1M");
    if (r->t->every)
        return REFUSE(r, c->where, "%s is asked for twice: say one", c->left);
    r->t->every = ns;
    return true;
}

static bool read_count(struct reading *r, const struct term *c)
{
    const json_t *v = one(c->right);
    const char *text = word(v);
    char *end = NULL;
    if (json_is_object(v) && only_names(v) && !json_object_get(v, "@id"))
        v = json_object_get(v, "@value");
    long long n = json_is_integer(v) ? json_integer_value(v) : text ? strtoll(text, &end, 10) : 0;
    if (!is(c->op, "lteq", "lt"))
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
    if (!is(c->op, "eq", "isAnyOf") && strcmp(c->op, "isA") != 0)
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

/* ---- constraints ---- */

static bool read_atomic(struct reading *r, const struct term *c)
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

static bool read_constraints(struct reading *r, const char *where, const json_t *list, int depth);

struct constraint {
    struct term term;
    const json_t *all;
};

/* False: a member that would be passed over. */
static bool take_member(struct constraint *c, const char *key, const json_t *value)
{
    if (strcmp(key, "leftOperand") == 0 && !c->term.left)
        return (c->term.left = plain(word(value))) != NULL;
    if (strcmp(key, "operator") == 0 && !c->term.op)
        return (c->term.op = plain(word(value))) != NULL;
    if (strcmp(key, "rightOperand") == 0 && !c->term.right)
        return (c->term.right = value) != NULL;
    if (strcmp(key, "and") == 0 && !c->all)
        return (c->all = value) != NULL;
    return is(key, "@id", "@type") || strcmp(key, "uid") == 0 || says_nothing(value);
}

static bool read_constraint(struct reading *r, const char *where, const json_t *o, int depth)
{
    struct constraint c = { .term.where = where };
    const char *key;
    json_t *value;
    if (!json_is_object(o) || ++r->constraints > CONSTRAINTS_MAX)
        return REFUSE(r, where, "%s",
                      json_is_object(o) ? "more constraints than 64"
                                        : "a constraint must be an object");
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        if (!take_member(&c, plain(key), value))
            return REFUSE(r, where, "'%.60s' cannot be enforced here", key);
    }
    if (c.term.op &&
        strncmp(c.term.op, "term-", 5) == 0) /* as the schema of DSP 2025-1 writes one of them */
        c.term.op += 5;
    if (!c.all)
        return read_atomic(r, &c.term);
    if (c.term.left || c.term.op || c.term.right)
        return REFUSE(r, where, "a constraint is either one comparison or a list under '%s'",
                      "and");
    return read_constraints(r, where, c.all, depth + 1);
}

static bool read_constraints(struct reading *r, const char *where, const json_t *list, int depth)
{
    if (json_is_object(list) && json_object_get(list, "@list"))
        list = json_object_get(list, "@list");
    if (depth > DEEPEST)
        return REFUSE(r, where, "%s", "constraints are nested too deeply");
    if (json_is_object(list))
        return read_constraint(r, where, list, depth);
    if (!json_is_array(list))
        return says_nothing(list) || REFUSE(r, where, "%s must be a list", "constraint");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char place[PLACE];
        snprintf(place, sizeof place, "%.80s[%zu]", where, i);
        if (!read_constraint(r, place, json_array_get(list, i), depth))
            return false;
    }
    return true;
}

/* ---- rules ---- */

struct rule {
    const char *action;
    const json_t *constraint;
};

static bool take_rule_member(struct rule *u, const char *key, const json_t *value)
{
    if (strcmp(key, "action") == 0 && !u->action)
        return (u->action = plain(word(value))) != NULL;
    if (strcmp(key, "constraint") == 0 && !u->constraint)
        return (u->constraint = value) != NULL;
    if (is(key, "assigner", "assignee") || strcmp(key, "target") == 0)
        return word(value) != NULL; /* else it is only some of them */
    return is(key, "@id", "@type") || strcmp(key, "uid") == 0 || says_nothing(value);
}

static bool read_rule(struct reading *r, const char *where, const json_t *o, bool permission)
{
    struct rule u = { 0 };
    const char *key;
    json_t *value;
    char place[PLACE];
    if (!json_is_object(o))
        return REFUSE(r, where, "a rule must be %s", "an object");
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        if (!take_rule_member(&u, plain(key), value))
            return REFUSE(r, where, "'%.60s' cannot be enforced here", key);
    }
    bool use = u.action && strcmp(u.action, "use") == 0,
         distribute = u.action && strcmp(u.action, "distribute") == 0;
    bool free = !u.constraint || says_nothing(u.constraint);
    if (!use && !distribute)
        return REFUSE(r, where, "the action '%.60s' cannot be enforced here",
                      u.action ? u.action : "");
    if (use && (!permission || r->use))
        return REFUSE(r, where, "%s",
                      permission ? "a second permission to use"
                                 : "a prohibition to use: permit less instead");
    if (distribute && !free)
        return REFUSE(r, where, "constraints of '%s' cannot be enforced here", u.action);
    r->use |= use;
    r->distribute |= distribute && permission;
    r->not_distribute |= distribute && !permission;
    snprintf(place, sizeof place, "%.80s.constraint", where);
    return free || read_constraints(r, place, u.constraint, 0);
}

static bool read_rules(struct reading *r, const char *where, const json_t *list)
{
    bool permission = strcmp(where, "permission") == 0;
    if (json_is_object(list))
        return read_rule(r, where, list, permission);
    if (!json_is_array(list))
        return says_nothing(list) || REFUSE(r, where, "%s must be a list", "it");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char place[PLACE];
        snprintf(place, sizeof place, "%.60s[%zu]", where, i);
        if (!read_rule(r, place, json_array_get(list, i), permission))
            return false;
    }
    return true;
}

/* ---- the policy ---- */

/* Whoever does not know a profile must not act on the policy (ODRL Information Model, 3.3). */
static bool read_profile(struct reading *r, const json_t *v)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    for (size_t i = 0; i < n && !json_is_null(v); i++) {
        const char *name = word(json_is_array(v) ? json_array_get(v, i) : v);
        bool known = name && (strcmp(name, KP_ODRL_PROFILE) == 0 || !*plain(name) ||
                              strcmp(plain(name), "core") == 0);
        if (!known)
            return REFUSE(r, "profile", "'%.100s' is not known here", name ? name : "");
    }
    return true;
}

static bool read_member(struct reading *r, const char *key, const json_t *value)
{
    static const char *const restricting[] = {
        "obligation", "duty",   "inheritFrom", "action",
        "constraint", "remedy", "consequence", "refinement"
    };
    if (is(key, "permission", "prohibition"))
        return read_rules(r, key, value);
    if (strcmp(key, "profile") == 0)
        return read_profile(r, value);
    if (is(key, "assigner", "assignee") || strcmp(key, "target") == 0)
        return word(value) || says_nothing(value) ||
               REFUSE(r, key, "%s cannot be enforced here", "what is no name");
    for (size_t i = 0; i < sizeof restricting / sizeof restricting[0]; i++)
        if (strcmp(restricting[i], key) == 0 && !says_nothing(value))
            return REFUSE(r, key, "%s cannot be enforced here", "this");
    return true; /* what else is said about a policy restricts nothing */
}

/* What is right member by member, but not together. */
static bool check(struct reading *r)
{
    const struct kp_terms *t = r->t;
    int64_t lo, hi;
    kp_terms_period(t, &lo, &hi);
    if (!r->use)
        return REFUSE(r, "permission", "nothing permits '%s'", "use");
    if (r->distribute && r->not_distribute)
        return REFUSE(r, "permission", "'%s' is permitted and prohibited", "distribute");
    if (t->from >= t->to || lo >= hi)
        return REFUSE(r, "permission", "%s holds at no time",
                      t->from >= t->to ? "dateTime" : "koppel:sourceTime");
    if (t->functions && !t->every)
        return REFUSE(r, "permission", "%s needs a timeInterval", "koppel:aggregate");
    if (r->raw && t->every)
        return REFUSE(r, "permission", "%s: raw values have no timeInterval", "koppel:aggregate");
    return true;
}

enum kp_code kp_terms_parse(const json_t *policy, struct kp_terms *t, struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct reading r = { .t = t, .err = err ? err : &own };
    const char *key;
    json_t *value;
    *t = kp_terms_open();
    if (!json_is_object(policy))
        return kp_fail(r.err, KP_EINVALID, "a policy must be an object");
    json_object_foreach((json_t *)(uintptr_t)policy, key, value)
    {
        if (!read_member(&r, plain(key), value))
            return r.err->code;
    }
    if (!check(&r))
        return r.err->code;
    if (t->every && !t->functions)
        t->functions = 1 << KP_FN_LAST; /* one value a step */
    t->distribution = r.distribute;
    return KP_OK;
}

/* ---- and back ---- */

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
