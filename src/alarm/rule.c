/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/rule.h"

#include "core/json.h"
#include "net/json_memory.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_alarm_kinds[] = {
    "limit", "stale", "stopped", "link-down", "disk", "backup-failed", "certificate-expires", NULL
};
const char *const kp_alarm_priorities[] = { "low", "medium", "high", "urgent", NULL };
static const char *const keys[] = { "name",       "kind",         "match",    "high",     "low",
                                    "hysteresis", "delay",        "offDelay", "priority", "text",
                                    "enabled",    "outOfService", NULL };
static const int64_t most_delay = INT64_C(366) * 86400 * KP_SECOND;

static enum kp_code check_keys(json_t *object, struct kp_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        const char *near = keys[i] ? NULL : kp_nearest(key, keys);
        if (!keys[i])
            return kp_fail(err, KP_EINVALID,
                           near ? "unknown key '%.60s', did you mean '%s'?"
                                : "unknown key '%.60s'%s",
                           key, near ? near : "");
    }
    return KP_OK;
}

static enum kp_code read_text(const json_t *o, const char *key, char *out, size_t size,
                              struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    *out = 0;
    if (!v || json_is_null(v))
        return KP_OK;
    if (!json_is_string(v) || json_string_length(v) >= size)
        return kp_fail(err, KP_EINVALID, "%s: must be a text of less than %zu bytes", key, size);
    snprintf(out, size, "%s", json_string_value(v));
    return KP_OK;
}

static enum kp_code read_word(const json_t *o, const char *key, const char *const *words,
                              uint8_t *out, struct kp_err *err)
{
    char text[40];
    if (read_text(o, key, text, sizeof text, err))
        return err->code;
    if (!*text && json_object_get(o, key) == NULL)
        return KP_OK;
    for (unsigned i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *out = (uint8_t)i;
            return KP_OK;
        }
    const char *near = kp_nearest(text, words);
    return kp_fail(err, KP_EINVALID, "%s: there is no '%.40s'; did you mean '%s'?", key, text,
                   near ? near : words[0]);
}

static enum kp_code read_number(const json_t *o, const char *key, double *out, struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return KP_OK;
    if (!json_is_number(v))
        return kp_fail(err, KP_EINVALID, "%s: must be a number", key);
    *out = json_number_value(v);
    return KP_OK;
}

static enum kp_code read_delay(const json_t *o, const char *key, int64_t *out, struct kp_err *err)
{
    char text[40];
    if (read_text(o, key, text, sizeof text, err) || !*text)
        return err->code;
    if (!kp_duration_parse(text, out) || *out < 0 || *out > most_delay)
        return kp_fail(err, KP_EINVALID,
                       "%s: '%.40s' is not a time such as 10s or 5m, up to a year", key, text);
    return KP_OK;
}

static enum kp_code read_bool(const json_t *o, const char *key, bool *out, struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return KP_OK;
    if (!json_is_boolean(v))
        return kp_fail(err, KP_EINVALID, "%s: must be true or false", key);
    *out = json_is_true(v);
    return KP_OK;
}

static enum kp_code check(const struct kp_alarm_rule *r, struct kp_err *err)
{
    bool limits = !isnan(r->high) || !isnan(r->low);
    if (!kp_name_valid(r->name, strlen(r->name)))
        return kp_fail(err, KP_EINVALID, "name: '%.60s' cannot be the name of a rule", r->name);
    if (!kp_pattern_valid(r->match))
        return kp_fail(err, KP_EINVALID, "match: '%.100s' is not a pattern", r->match);
    if (r->kind == KP_RULE_LIMIT && !limits)
        return kp_fail(err, KP_EINVALID, "a limit needs high, low or both");
    if (r->kind == KP_RULE_LIMIT && !*r->match)
        return kp_fail(err, KP_EINVALID, "a limit needs match: the signals it is for");
    if (r->kind != KP_RULE_LIMIT && (limits || r->hysteresis != 0))
        return kp_fail(err, KP_EINVALID, "high, low and hysteresis belong to rules of kind limit");
    if (!isnan(r->high) && !isnan(r->low) && r->low >= r->high)
        return kp_fail(err, KP_EINVALID, "low must be below high");
    if (r->hysteresis < 0)
        return kp_fail(err, KP_EINVALID, "hysteresis: must not be negative");
    if (!isnan(r->high) && !isnan(r->low) && r->hysteresis * 2 >= r->high - r->low)
        return kp_fail(err, KP_EINVALID,
                       "hysteresis: must be less than half of what lies between low and high, or "
                       "no value ends the alarm");
    if ((r->kind == KP_RULE_STALE || r->kind == KP_RULE_STOPPED) && r->delay < KP_SECOND)
        return kp_fail(err, KP_EINVALID, "a rule of kind %s needs a delay of a second or more",
                       kp_alarm_kinds[r->kind]);
    return KP_OK;
}

static enum kp_code read_all(json_t *o, struct kp_alarm_rule *r, struct kp_err *err)
{
    if (!json_is_object(o))
        return kp_fail(err, KP_EINVALID, "a rule must be a JSON object");
    if (!json_object_get(o, "kind"))
        return kp_fail(err, KP_EINVALID,
                       "a rule needs a kind: limit, stale, stopped, link-down ...");
    if (check_keys(o, err) || read_text(o, "name", r->name, sizeof r->name, err) ||
        read_word(o, "kind", kp_alarm_kinds, &r->kind, err) ||
        read_text(o, "match", r->match, sizeof r->match, err) ||
        read_number(o, "high", &r->high, err) || read_number(o, "low", &r->low, err) ||
        read_number(o, "hysteresis", &r->hysteresis, err) ||
        read_delay(o, "delay", &r->delay, err) || read_delay(o, "offDelay", &r->off_delay, err) ||
        read_word(o, "priority", kp_alarm_priorities, &r->priority, err) ||
        read_text(o, "text", r->text, sizeof r->text, err) ||
        read_bool(o, "enabled", &r->enabled, err) ||
        read_bool(o, "outOfService", &r->out_of_service, err))
        return err->code;
    return check(r, err);
}

enum kp_code kp_alarm_rule_parse(const char *json, struct kp_alarm_rule *r, struct kp_err *err)
{
    struct kp_err own = { 0 };
    *r = (struct kp_alarm_rule){
        .priority = KP_PRIORITY_MEDIUM, .enabled = true, .high = NAN, .low = NAN
    };
    json_t *o = kp_json_read(json, "rule", err);
    if (!o)
        return err->code;
    read_all(o, r, &own);
    json_decref(o);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

static void put_delay(struct kp_json *j, const char *key, int64_t ns)
{
    char text[40];
    kp_duration_exact(ns, text, sizeof text);
    kp_json_put_text(j, key, ns ? text : NULL);
}

static void put_number(struct kp_json *j, const char *key, double d)
{
    kp_json_key(j, key);
    kp_json_double(j, d);
}

void kp_alarm_rule_json(struct kp_json *j, const struct kp_alarm_rule *r)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", r->name);
    kp_json_put_text(j, "kind", kp_alarm_kinds[r->kind]);
    kp_json_put_text(j, "match", r->match);
    put_number(j, "high", r->high);
    put_number(j, "low", r->low);
    put_number(j, "hysteresis", r->hysteresis);
    put_delay(j, "delay", r->delay);
    put_delay(j, "offDelay", r->off_delay);
    kp_json_put_text(j, "priority", kp_alarm_priorities[r->priority]);
    kp_json_put_text(j, "text", *r->text ? r->text : NULL);
    kp_json_put_bool(j, "enabled", r->enabled);
    kp_json_put_bool(j, "outOfService", r->out_of_service);
    kp_json_end(j, '}');
}
