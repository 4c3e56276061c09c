/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/stix_object.h"

#include "core/clock.h"
#include "core/encoding.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const int64_t future = INT64_C(86400) * KP_SECOND;

/* What objects of a type must have (STIX 2.1, 4 and 5; 7.1 to 7.3). */
static const struct {
    const char *type, *keys[5];
} required[] = {
    { "attack-pattern", { "name" } },
    { "campaign", { "name" } },
    { "course-of-action", { "name" } },
    { "extension-definition",
      { "name", "schema", "version", "extension_types", "created_by_ref" } },
    { "grouping", { "context", "object_refs" } },
    { "identity", { "name" } },
    { "incident", { "name" } },
    { "indicator", { "pattern", "pattern_type", "valid_from" } },
    { "infrastructure", { "name" } },
    { "intrusion-set", { "name" } },
    { "language-content", { "object_ref", "contents" } },
    { "location", { NULL } },
    { "malware", { "is_family" } },
    { "malware-analysis", { "product" } },
    { "note", { "content", "object_refs" } },
    { "observed-data", { "first_observed", "last_observed", "number_observed" } },
    { "opinion", { "opinion", "object_refs" } },
    { "relationship", { "relationship_type", "source_ref", "target_ref" } },
    { "report", { "name", "published", "object_refs" } },
    { "sighting", { "sighting_of_ref" } },
    { "threat-actor", { "name" } },
    { "tool", { "name" } },
    { "vulnerability", { "name" } },
};
enum { TYPES = sizeof required / sizeof *required, KEYS = 5 };

/* ---- forms ---- */
static bool type_valid(const char *t)
{
    size_t n = strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n >= 3 && n < KP_STIX_TYPE && !t[n];
}

static bool uuid_valid(const char *u)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? u[i] != '-' : kp_hex_digit(u[i]) < 0)
            return false;
    }
    return !u[36];
}

bool kp_stix_id_valid(const char *id, const char *type)
{
    const char *at = strstr(id, "--");
    size_t n = at ? (size_t)(at - id) : 0;
    if (n < 3 || n >= KP_STIX_TYPE || !uuid_valid(at + 2))
        return false;
    return type ? strlen(type) == n && memcmp(type, id, n) == 0
                : strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n;
}

void kp_stix_uuid(char out[KP_STIX_UUID])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char b[16];
    kp_random(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 15) | 0x40);
    b[8] = (unsigned char)((b[8] & 63) | 0x80);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = 0;
}

void kp_stix_put_time(struct kp_json *j, const char *key, int64_t at)
{
    char text[KP_TIME_TEXT], out[KP_TIME_TEXT + 8];
    kp_time_print(at / KP_SECOND * KP_SECOND, text);
    text[strcspn(text, ".Z")] = 0;
    snprintf(out, sizeof out, "%s.%03dZ", text, (int)(at % KP_SECOND / KP_MILLISECOND));
    kp_json_put_text(j, key, out);
}

/* ---- properties ---- */
static enum kp_code text_of(const json_t *o, const char *key, const char **out, struct kp_err *err)
{
    const json_t *v = json_object_get(o, key);
    *out = json_string_value(v);
    if (v && (!*out || !**out || strlen(*out) != json_string_length(v)))
        return kp_fail(err, KP_EINVALID, "%s must be a text that is not empty", key);
    return KP_OK;
}

static enum kp_code time_of(const json_t *o, const char *key, int64_t now, const char **text,
                            int64_t *at, struct kp_err *err)
{
    *at = KP_NO_TIME;
    if (text_of(o, key, text, err) || !*text)
        return err->code;
    size_t n = strlen(*text);
    if (n < 20 || n >= KP_STIX_STAMP || (*text)[n - 1] != 'Z' || !kp_time_parse(*text, at))
        return kp_fail(err, KP_EINVALID, "%s: '%.60s' is no time in UTC as RFC 3339 has it", key,
                       *text);
    if (*at > now + future)
        return kp_fail(err, KP_EINVALID, "%s: %s lies in the future", key, *text);
    return KP_OK;
}

static enum kp_code ref_of(const json_t *o, const char *key, const char *type, const char **out,
                           struct kp_err *err)
{
    if (text_of(o, key, out, err) || !*out || kp_stix_id_valid(*out, type))
        return err->code;
    return kp_fail(err, KP_EINVALID, "%s: '%.80s' is no id%s%s", key, *out, type ? " of type " : "",
                   type ? type : "");
}

static enum kp_code check_required(const struct kp_stix_judged *s, struct kp_err *err)
{
    int i = 0;
    while (i < TYPES && strcmp(required[i].type, s->type) != 0)
        i++;
    if (i == TYPES || strcmp(s->spec, "2.1") != 0)
        return KP_OK;
    for (int k = 0; k < KEYS && required[i].keys[k]; k++) {
        const char *key = required[i].keys[k];
        const json_t *v = json_object_get(s->json, key);
        if (!v || json_is_null(v))
            return kp_fail(err, KP_EINVALID, "%s is missing, which each %s has", key, s->type);
    }
    if (s->version == KP_NO_TIME)
        return kp_fail(err, KP_EINVALID, "modified is missing, which each %s has", s->type);
    return KP_OK;
}

static enum kp_code check_refs(const struct kp_stix_judged *s, struct kp_err *err)
{
    static const char *const keys[] = { "source_ref", "target_ref", "sighting_of_ref", "object_ref",
                                        NULL };
    const char *ref;
    for (size_t i = 0; keys[i]; i++)
        if (ref_of(s->json, keys[i], NULL, &ref, err))
            return err->code;
    const json_t *confidence = json_object_get(s->json, "confidence");
    json_int_t c = json_integer_value(confidence);
    if (confidence && (!json_is_integer(confidence) || c < 0 || c > 100))
        return kp_fail(err, KP_EINVALID, "confidence must be a whole number from 0 to 100");
    return KP_OK;
}

/* ---- who may see it ---- */
static enum kp_code add_marking(struct kp_stix_judged *s, const json_t *ref, struct kp_err *err)
{
    const char *id = json_string_value(ref);
    if (!id || !kp_stix_id_valid(id, "marking-definition"))
        return kp_fail(err, KP_EINVALID, "a marking is no id of a marking-definition");
    if (s->markings == KP_STIX_MARKINGS)
        return kp_fail(err, KP_EFULL, "more than %d markings", KP_STIX_MARKINGS);
    s->marking[s->markings++] = id;
    return KP_OK;
}

static enum kp_code read_markings(struct kp_stix_judged *s, struct kp_err *err)
{
    json_t *whole = json_object_get(s->json, "object_marking_refs"), *one;
    json_t *parts = json_object_get(s->json, "granular_markings");
    size_t i;
    if ((whole && !json_is_array(whole)) || (parts && !json_is_array(parts)))
        return kp_fail(err, KP_EINVALID, "object_marking_refs and granular_markings are lists");
    json_array_foreach(whole, i, one) if (add_marking(s, one, err)) return err->code;
    json_array_foreach(parts, i, one)
    {
        const json_t *ref = json_object_get(one, "marking_ref");
        if (!json_is_object(one) || (!ref && !json_object_get(one, "lang")))
            return kp_fail(err, KP_EINVALID,
                           "granular_markings: one has neither marking_ref nor"
                           " lang");
        if (ref && add_marking(s, ref, err))
            return err->code;
    }
    return KP_OK;
}

/* The level that a definition of somebody's own stands for. */
static int level_meant(const json_t *o, const char *id)
{
    static const char extension[] = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
    int known = kp_tlp_of_marking(id);
    const json_t *tlp2 = json_object_get(json_object_get(o, "extensions"), extension);
    const char *word = json_string_value(json_object_get(tlp2, "tlp_2_0"));
    if (!word)
        word = json_string_value(json_object_get(json_object_get(o, "definition"), "tlp"));
    if (known >= 0 || !word)
        return known;
    int level = kp_tlp_find(word);
    return level < 0 ? KP_TLP_UNKNOWN : level;
}

/* ---- the whole ---- */
static enum kp_code read_identity(struct kp_stix_judged *s, struct kp_err *err)
{
    if (text_of(s->json, "type", &s->type, err) || text_of(s->json, "id", &s->id, err))
        return err->code;
    if (!s->type || !type_valid(s->type))
        return kp_fail(err, KP_EINVALID, s->type ? "type: '%.60s' is none" : "type is missing%s",
                       s->type ? s->type : "");
    if (strcmp(s->type, "bundle") == 0)
        return kp_fail(err, KP_EINVALID, "a bundle within a bundle");
    if (!s->id || !kp_stix_id_valid(s->id, s->type))
        return kp_fail(err, KP_EINVALID,
                       s->id ? "id: '%.80s' is not '%s--' and a UUID" : "id is missing%s%s",
                       s->id ? s->id : "", s->id ? s->type : "");
    return ref_of(s->json, "created_by_ref", "identity", &s->creator, err);
}

static enum kp_code read_times(struct kp_stix_judged *s, int64_t now, struct kp_err *err)
{
    const char *created;
    bool marking = strcmp(s->type, "marking-definition") == 0;
    if (time_of(s->json, "created", now, &created, &s->created, err) ||
        time_of(s->json, "modified", now, &s->stamp, &s->version, err))
        return err->code;
    if (s->stamp && !created)
        return kp_fail(err, KP_EINVALID, "created is missing");
    if (created && !s->stamp && !marking)
        return kp_fail(err, KP_EINVALID, "modified is missing");
    if (s->stamp && s->version < s->created)
        return kp_fail(err, KP_EINVALID, "modified lies before created");
    if (marking && !s->stamp) {
        s->stamp = created;
        s->version = s->created;
    }
    return KP_OK;
}

static enum kp_code read_spec(struct kp_stix_judged *s, struct kp_err *err)
{
    const json_t *revoked = json_object_get(s->json, "revoked");
    if (text_of(s->json, "spec_version", &s->spec, err))
        return err->code;
    if (!s->spec) /* 2.0 had it in the bundle alone; cyber-observables need not say it */
        s->spec = s->created == KP_NO_TIME ? "2.1" : "2.0";
    if (strcmp(s->spec, "2.0") != 0 && strcmp(s->spec, "2.1") != 0)
        return kp_fail(err, KP_EINVALID, "spec_version: '%.20s' is neither 2.0 nor 2.1", s->spec);
    if (revoked && !json_is_boolean(revoked))
        return kp_fail(err, KP_EINVALID, "revoked must be true or false");
    s->revoked = json_is_true(revoked);
    return KP_OK;
}

enum kp_code kp_stix_judge(const struct kp_stix_part *part, int64_t now, struct kp_stix_judged *s,
                           struct kp_err *err)
{
    *s = (struct kp_stix_judged){ .part = *part, .marks = -1 };
    if (!part->text)
        return kp_fail(err, KP_EINVALID, "it is no object");
    if (part->len > KP_STIX_OBJECT_MAX)
        return kp_fail(err, KP_EFULL, "it is larger than %d bytes", KP_STIX_OBJECT_MAX);
    s->json = kp_json_object(part->text, part->len, "object", KP_STIX_DEPTH, err);
    if (!s->json || read_identity(s, err) || read_times(s, now, err) || read_spec(s, err) ||
        check_required(s, err) || check_refs(s, err))
        return err->code;
    if (strcmp(s->type, "marking-definition") == 0)
        s->marks = level_meant(s->json, s->id);
    return read_markings(s, err);
}

void kp_stix_judged_free(struct kp_stix_judged *s)
{
    json_decref(s->json);
    s->json = NULL;
}
