/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/definition.h"

#include "alarm/rule.h"
#include "core/json.h"
#include "core/state_rule.h"
#include "net/json_members.h"
#include "net/json_memory.h"
#include "watch/cycle.h"
#include "watch/group.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_watch_kinds[] = { "signal", "group", "machine", NULL };
const char *const kp_watch_keys[] = { "name",   "kind",   "match",   "channels", "cycles",
                                    "learn",  "pace",   "shape",   "states",   "context",
                                    "priority", "enabled", NULL };
static const char *const cycles[] = { "program", "part", "count", NULL };
static const char *const contexts[] = { "none", "program", NULL };
static const char here[] = "watch";
static const int64_t least_pace = KP_MILLISECOND, most_pace = 3600 * KP_SECOND;

bool kp_watch_next(const char **list, char *out, size_t size)
{
    const char *p = *list + strspn(*list, ", ");
    size_t n = strcspn(p, ",");
    *list = p + n;
    while (n && p[n - 1] == ' ')
        n--;
    if (!n || n >= size)
        return false;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

/* ---- reading ---- */
static enum kp_code read_list(const json_t *o, const char *key, char *out, size_t size,
                              struct kp_err *err)
{
    const char *text = NULL, *list;
    char one[KP_WATCH_MATCH];
    if (kp_member_text(o, here, key, false, &text, err) || !text)
        return err->code;
    if (strlen(text) >= size)
        return kp_fail(err, KP_EINVALID, "%s: must be a text of less than %zu bytes", key, size);
    list = text;
    while (kp_watch_next(&list, one, sizeof one))
        if (!kp_pattern_valid(one))
            return kp_fail(err, KP_EINVALID, "%s: '%.100s' is not a pattern", key, one);
    snprintf(out, size, "%s", text);
    return KP_OK;
}

static enum kp_code read_states(const json_t *o, uint8_t *states, struct kp_err *err)
{
    const char *text = NULL, *words[KP_STATES] = { NULL };
    char one[40];
    if (kp_member_text(o, here, "states", false, &text, err) || !text)
        return err->code;
    for (unsigned s = KP_STATE_RUNNING; s < KP_STATES; s++)
        words[s - 1] = kp_state_name(s);
    *states = 0;
    if (strcmp(text, "all") == 0)
        return KP_OK;
    while (kp_watch_next(&text, one, sizeof one)) {
        unsigned s = KP_STATE_RUNNING;
        while (s < KP_STATES && strcmp(one, kp_state_name(s)) != 0)
            s++;
        const char *near = kp_nearest(one, words);
        if (s == KP_STATES)
            return kp_fail(err, KP_EINVALID, "states: machines are never '%.40s'; did you mean '%s'?", one,
                           near ? near : "running");
        *states |= (uint8_t)(1u << s);
    }
    return KP_OK;
}

static enum kp_code read_numbers(const json_t *o, struct kp_watch_def *d, struct kp_err *err)
{
    double learn = d->learn;
    if (kp_member_number(o, here, "learn", KP_WATCH_TRAIN_LEAST, KP_WATCH_TRAIN_MAX, &learn, err) ||
        kp_member_duration(o, here, "pace", &d->pace, err))
        return err->code;
    d->learn = (uint32_t)learn;
    if (d->pace < least_pace || d->pace > most_pace)
        return kp_fail(err, KP_EINVALID, "pace: must be between 1ms and 1h");
    return KP_OK;
}

static enum kp_code check(const json_t *o, const struct kp_watch_def *d, struct kp_err *err)
{
    static const struct {
        const char *key;
        uint8_t kind;
    } own[] = { { "channels", KP_WATCH_MACHINE },
                { "cycles", KP_WATCH_MACHINE },
                { "pace", KP_WATCH_GROUP } };
    if (!kp_name_valid(d->name, strlen(d->name)))
        return kp_fail(err, KP_EINVALID, "name: '%.60s' cannot be the name of a watch", d->name);
    if (!*d->match)
        return kp_fail(err, KP_EINVALID, "match: says which %s it looks at",
                       d->kind == KP_WATCH_MACHINE ? "machines" : "signals");
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const json_t *v = json_object_get(o, own[i].key);
        if (v && !json_is_null(v) && own[i].kind != d->kind)
            return kp_fail(err, KP_EINVALID, "%s: belongs to watches of kind %s", own[i].key,
                           kp_watch_kinds[own[i].kind]);
    }
    if (d->shape && d->kind != KP_WATCH_SIGNAL)
        return kp_fail(err, KP_EINVALID, "shape: belongs to watches of kind signal");
    return KP_OK;
}

static enum kp_code read_all(const json_t *o, struct kp_watch_def *d, struct kp_err *err)
{
    const char *name = NULL;
    int kind = -1, cycle = 0, context = 0, priority = d->priority;
    if (kp_members_known(o, here, kp_watch_keys, err) || kp_member_text(o, here, "name", true, &name, err) ||
        kp_member_choice(o, here, "kind", kp_watch_kinds, &kind, err) ||
        read_list(o, "match", d->match, sizeof d->match, err) ||
        read_list(o, "channels", d->channels, sizeof d->channels, err) ||
        kp_member_choice(o, here, "cycles", cycles, &cycle, err) ||
        kp_member_choice(o, here, "context", contexts, &context, err) ||
        kp_member_choice(o, here, "priority", kp_alarm_priorities, &priority, err) ||
        kp_member_truth(o, here, "shape", &d->shape, err) ||
        kp_member_truth(o, here, "enabled", &d->enabled, err) || read_states(o, &d->states, err) ||
        read_numbers(o, d, err))
        return err->code;
    if (kind < 0)
        return kp_fail(err, KP_EINVALID, "kind: a watch is over a signal, a group or a machine");
    if (strlen(name) >= sizeof d->name)
        return kp_fail(err, KP_EINVALID, "name: must have less than %zu bytes", sizeof d->name);
    snprintf(d->name, sizeof d->name, "%s", name);
    d->kind = (uint8_t)kind;
    d->cycles = (uint8_t)cycle;
    d->by_program = context == 1;
    d->priority = (uint8_t)priority;
    return check(o, d, err);
}

enum kp_code kp_watch_def_parse(const char *json, struct kp_watch_def *d, struct kp_err *err)
{
    struct kp_err own = { 0 };
    *d = (struct kp_watch_def){ .priority = KP_PRIORITY_MEDIUM,
                                .enabled = true,
                                .states = 1u << KP_STATE_RUNNING,
                                .learn = 1000,
                                .pace = KP_SECOND };
    json_t *o = kp_json_read(json, here, err);
    if (!o)
        return err->code;
    read_all(o, d, &own);
    json_decref(o);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

/* ---- writing ---- */
static void put_states(struct kp_json *j, uint8_t states)
{
    char text[200] = "";
    size_t n = 0;
    for (unsigned s = KP_STATE_RUNNING; s < KP_STATES; s++)
        if (states >> s & 1)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", kp_state_name(s));
    kp_json_put_text(j, "states", n ? text : "all");
}

void kp_watch_def_put(struct kp_json *j, const struct kp_watch_def *d)
{
    char pace[40];
    bool machine = d->kind == KP_WATCH_MACHINE;
    kp_duration_exact(d->pace, pace, sizeof pace);
    kp_json_put_text(j, "name", d->name);
    kp_json_put_text(j, "kind", kp_watch_kinds[d->kind]);
    kp_json_put_text(j, "match", d->match);
    kp_json_put_text(j, "channels", *d->channels ? d->channels : NULL);
    kp_json_put_text(j, "cycles", machine ? cycles[d->cycles] : NULL);
    kp_json_put_int(j, "learn", d->learn);
    kp_json_put_text(j, "pace", d->kind == KP_WATCH_GROUP ? pace : NULL);
    kp_json_put_bool(j, "shape", d->shape);
    put_states(j, d->states);
    kp_json_put_text(j, "context", contexts[d->by_program]);
    kp_json_put_text(j, "priority", kp_alarm_priorities[d->priority]);
    kp_json_put_bool(j, "enabled", d->enabled);
}

/* ---- meaning ---- */
bool kp_watch_def_goes_on(const struct kp_watch_def *a, const struct kp_watch_def *b)
{
    return a->kind == b->kind && a->shape == b->shape && a->cycles == b->cycles &&
           a->by_program == b->by_program && a->learn == b->learn && a->pace == b->pace &&
           strcmp(a->channels, b->channels) == 0;
}

bool kp_watch_def_matches(const struct kp_watch_def *d, const char *path)
{
    const char *list = d->match;
    char one[KP_WATCH_MATCH];
    while (kp_watch_next(&list, one, sizeof one))
        if (kp_pattern_match(one, path))
            return true;
    return false;
}
