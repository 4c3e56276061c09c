/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/odrl.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { CONSTRAINTS_MAX = 64, DEEPEST = 4, PLACE = 100 };

/* ---- constraints ---- */

static bool read_constraints(struct reading *r, const char *where, const json_t *list, int depth);

struct constraint {
    struct term term;
    const json_t *all;
};

/* False: a member that would be passed over. */
static bool take_member(struct constraint *c, const char *key, const json_t *value)
{
    if (strcmp(key, "leftOperand") == 0 && !c->term.left)
        return (c->term.left = odrl_plain(odrl_word(value))) != NULL;
    if (strcmp(key, "operator") == 0 && !c->term.op)
        return (c->term.op = odrl_plain(odrl_word(value))) != NULL;
    if (strcmp(key, "rightOperand") == 0 && !c->term.right)
        return (c->term.right = value) != NULL;
    if (strcmp(key, "and") == 0 && !c->all)
        return (c->all = value) != NULL;
    return odrl_is(key, "@id", "@type") || strcmp(key, "uid") == 0 || odrl_says_nothing(value);
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
        if (!take_member(&c, odrl_plain(key), value))
            return REFUSE(r, where, "'%.60s' cannot be enforced here", key);
    }
    if (c.term.op &&
        strncmp(c.term.op, "term-", 5) == 0) /* as the schema of DSP 2025-1 writes one of them */
        c.term.op += 5;
    if (!c.all)
        return term_read(r, &c.term);
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
        return odrl_says_nothing(list) || REFUSE(r, where, "%s must be a list", "constraint");
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
        return (u->action = odrl_plain(odrl_word(value))) != NULL;
    if (strcmp(key, "constraint") == 0 && !u->constraint)
        return (u->constraint = value) != NULL;
    if (odrl_is(key, "assigner", "assignee") || strcmp(key, "target") == 0)
        return odrl_word(value) != NULL; /* else it is only some of them */
    return odrl_is(key, "@id", "@type") || strcmp(key, "uid") == 0 || odrl_says_nothing(value);
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
        if (!take_rule_member(&u, odrl_plain(key), value))
            return REFUSE(r, where, "'%.60s' cannot be enforced here", key);
    }
    bool use = u.action && strcmp(u.action, "use") == 0,
         distribute = u.action && strcmp(u.action, "distribute") == 0;
    bool free = !u.constraint || odrl_says_nothing(u.constraint);
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
        return odrl_says_nothing(list) || REFUSE(r, where, "%s must be a list", "it");
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
        const char *name = odrl_word(json_is_array(v) ? json_array_get(v, i) : v);
        bool known = name && (strcmp(name, KP_ODRL_PROFILE) == 0 || !*odrl_plain(name) ||
                              strcmp(odrl_plain(name), "core") == 0);
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
    if (odrl_is(key, "permission", "prohibition"))
        return read_rules(r, key, value);
    if (strcmp(key, "profile") == 0)
        return read_profile(r, value);
    if (odrl_is(key, "assigner", "assignee") || strcmp(key, "target") == 0)
        return odrl_word(value) || odrl_says_nothing(value) ||
               REFUSE(r, key, "%s cannot be enforced here", "what is no name");
    for (size_t i = 0; i < sizeof restricting / sizeof restricting[0]; i++)
        if (strcmp(restricting[i], key) == 0 && !odrl_says_nothing(value))
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
        if (!read_member(&r, odrl_plain(key), value))
            return r.err->code;
    }
    if (!check(&r))
        return r.err->code;
    if (t->every && !t->functions)
        t->functions = 1 << KP_FN_LAST; /* one value a step */
    t->distribution = r.distribute;
    return KP_OK;
}
