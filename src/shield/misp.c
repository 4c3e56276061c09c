/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/misp.h"

#include "shield/stix_object.h"
#include "shield/stix_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { PATTERN = 8 << 10, VALUE = 2000, OBJECTS = 100000 };

/* "a|b" types have a part of each; a NULL path: that part is not looked for. */
static const struct {
    const char *type, *path[2];
} kinds[] = {
    { "ip-src", { "ip" } },
    { "ip-dst", { "ip" } },
    { "ip-src|port", { "ip" } },
    { "ip-dst|port", { "ip" } },
    { "domain", { "domain-name:value" } },
    { "hostname", { "domain-name:value" } },
    { "domain|ip", { "domain-name:value", "ip" } },
    { "hostname|port", { "domain-name:value" } },
    { "url", { "url:value" } },
    { "email", { "email-addr:value" } },
    { "email-src", { "email-addr:value" } },
    { "email-dst", { "email-addr:value" } },
    { "mac-address", { "mac-addr:value" } },
    { "regkey", { "windows-registry-key:key" } },
    { "filename", { "file:name" } },
    { "md5", { "file:hashes.MD5" } },
    { "sha1", { "file:hashes.'SHA-1'" } },
    { "sha256", { "file:hashes.'SHA-256'" } },
    { "sha512", { "file:hashes.'SHA-512'" } },
    { "filename|md5", { NULL, "file:hashes.MD5" } },
    { "filename|sha1", { NULL, "file:hashes.'SHA-1'" } },
    { "filename|sha256", { NULL, "file:hashes.'SHA-256'" } },
    { "filename|sha512", { NULL, "file:hashes.'SHA-512'" } },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct event {
    const json_t *json;
    const char *info;
    char creator[KP_STIX_ID]; /* "" = not known */
    int64_t date, changed;    /* ns */
    int tlp;                  /* -1: not marked */
    struct kp_json *j;
    struct kp_misp_sum *sum;
};

/* ---- values ---- */
static const char *text(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t ? t : "";
}

/* Seconds, as a number or a text; KP_NO_TIME. */
static int64_t seconds(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    const char *t = json_string_value(v);
    char *end = NULL;
    errno = 0;
    long long s = json_is_integer(v) ? json_integer_value(v) : t ? strtoll(t, &end, 10) : -1;
    bool good = s >= 0 && s < INT64_C(9000000000) && (!t || (!errno && end != t && !*end));
    return good ? s * KP_SECOND : KP_NO_TIME;
}

static bool truth(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_true(v) || (json_is_integer(v) && json_integer_value(v) == 1) ||
           (json_is_string(v) && strcmp(json_string_value(v), "1") == 0);
}

/* The strictest of "tlp:..." among the tags; -1: none. */
static int tags_tlp(const json_t *o, int before)
{
    json_t *tag, *tags = json_object_get(o, "Tag");
    size_t i;
    json_array_foreach(tags, i, tag)
    {
        const char *name = text(tag, "name");
        int level = strncasecmp(name, "tlp:", 4) == 0 ? kp_tlp_find(name) : -1;
        if (strncasecmp(name, "tlp:", 4) == 0 && level < 0)
            level = KP_TLP_RED; /* a level nobody knows */
        before = level > before ? level : before;
    }
    return before;
}

/* ---- patterns ---- */
static void put_literal(struct kp_buf *b, const char *value, size_t n)
{
    kp_buf_str(b, "'");
    for (size_t i = 0; i < n; i++) {
        if (value[i] == '\'' || value[i] == '\\')
            kp_buf_str(b, "\\");
        kp_buf_add(b, &value[i], 1);
    }
    kp_buf_str(b, "'");
}

static void put_part(struct kp_buf *b, const char *path, const char *value, size_t n)
{
    bool ip = strcmp(path, "ip") == 0, net = ip && memchr(value, '/', n);
    if (ip)
        path = memchr(value, ':', n) ? "ipv6-addr:value" : "ipv4-addr:value";
    kp_buf_printf(b, "%s[%s %s ", b->len ? " AND " : "", path, net ? "ISSUBSET" : "=");
    put_literal(b, value, n);
    kp_buf_str(b, "]");
}

/* False: nothing of it is looked for, or it can be no pattern. */
static bool make_pattern(const char *type, const char *value, struct kp_buf *b)
{
    struct kp_err none = { 0 };
    int k = 0;
    while (k < KINDS && strcmp(kinds[k].type, type) != 0)
        k++;
    if (k == KINDS || !*value || strlen(value) > VALUE)
        return false;
    const char *bar = strchr(type, '|') ? strchr(value, '|') : NULL;
    size_t first = bar ? (size_t)(bar - value) : strlen(value);
    if (kinds[k].path[0])
        put_part(b, kinds[k].path[0], value, first);
    if (kinds[k].path[1] && bar)
        put_part(b, kinds[k].path[1], bar + 1, strlen(bar + 1));
    return !b->failed && b->len && !kp_stix_pattern_check(kp_buf_text(b), b->len, &none);
}

/* ---- objects ---- */
static void put_head(struct event *e, const char *type, const char *uuid, int tlp, int64_t changed)
{
    char id[KP_STIX_ID];
    snprintf(id, sizeof id, "%s--%s", type, uuid);
    kp_json_begin(e->j, '{');
    kp_json_put_text(e->j, "type", type);
    kp_json_put_text(e->j, "spec_version", "2.1");
    kp_json_put_text(e->j, "id", id);
    if (*e->creator)
        kp_json_put_text(e->j, "created_by_ref", e->creator);
    kp_stix_put_time(e->j, "created", e->date < changed ? e->date : changed);
    kp_stix_put_time(e->j, "modified", changed);
    if (tlp >= 0) {
        kp_json_key(e->j, "object_marking_refs");
        kp_json_begin(e->j, '[');
        kp_json_text(e->j, kp_tlp_marking((enum kp_tlp)tlp));
        kp_json_end(e->j, ']');
    }
    e->sum->objects++;
}

static void put_indicator(struct event *e, const json_t *a, const char *pattern, int tlp,
                          int64_t changed)
{
    put_head(e, "indicator", text(a, "uuid"), tlp, changed);
    kp_json_put_text(e->j, "name", e->info);
    if (*text(a, "comment"))
        kp_json_put_text(e->j, "description", text(a, "comment"));
    kp_json_put_text(e->j, "pattern", pattern);
    kp_json_put_text(e->j, "pattern_type", "stix");
    kp_stix_put_time(e->j, "valid_from", e->date < changed ? e->date : changed);
    if (truth(a, "deleted"))
        kp_json_put_bool(e->j, "revoked", true);
    kp_json_end(e->j, '}');
}

static void put_vulnerability(struct event *e, const json_t *a, int tlp, int64_t changed)
{
    put_head(e, "vulnerability", text(a, "uuid"), tlp, changed);
    kp_json_put_text(e->j, "name", text(a, "value"));
    kp_json_key(e->j, "external_references");
    kp_json_begin(e->j, '[');
    kp_json_begin(e->j, '{');
    kp_json_put_text(e->j, "source_name", "cve");
    kp_json_put_text(e->j, "external_id", text(a, "value"));
    kp_json_end(e->j, '}');
    kp_json_end(e->j, ']');
    kp_json_end(e->j, '}');
}

static bool is_uuid(const char *uuid)
{
    char id[64];
    snprintf(id, sizeof id, "identity--%.40s", uuid);
    return kp_stix_id_valid(id, "identity");
}

static void put_attribute(struct event *e, const json_t *a)
{
    struct kp_buf pattern;
    int64_t at = seconds(a, "timestamp");
    int64_t changed = at > e->changed ? at : e->changed;
    int tlp = tags_tlp(a, e->tlp);
    bool wanted = is_uuid(text(a, "uuid")) && e->sum->objects < OBJECTS;
    kp_buf_init(&pattern, PATTERN);
    if (wanted && strcmp(text(a, "type"), "vulnerability") == 0 &&
        strncasecmp(text(a, "value"), "CVE-", 4) == 0)
        put_vulnerability(e, a, tlp, changed);
    else if (wanted && truth(a, "to_ids") &&
             make_pattern(text(a, "type"), text(a, "value"), &pattern))
        put_indicator(e, a, kp_buf_text(&pattern), tlp, changed);
    else
        e->sum->left_out++;
    kp_buf_free(&pattern);
}

/* Whose event it is; the same object in each of his events. */
static void put_creator(struct event *e)
{
    const json_t *org = json_object_get(e->json, "Orgc");
    if (!is_uuid(text(org, "uuid")) || !*text(org, "name"))
        return;
    kp_json_begin(e->j, '{');
    kp_json_put_text(e->j, "type", "identity");
    kp_json_put_text(e->j, "spec_version", "2.1");
    snprintf(e->creator, sizeof e->creator, "identity--%s", text(org, "uuid"));
    kp_json_put_text(e->j, "id", e->creator);
    kp_stix_put_time(e->j, "created", 0);
    kp_stix_put_time(e->j, "modified", 0);
    kp_json_put_text(e->j, "name", text(org, "name"));
    kp_json_put_text(e->j, "identity_class", "organization");
    kp_json_end(e->j, '}');
    e->sum->objects++;
}

static enum kp_code read_event(struct event *e, struct kp_err *err)
{
    e->info = text(e->json, "info");
    e->changed = seconds(e->json, "timestamp");
    if (!json_is_object(e->json) || e->changed == KP_NO_TIME)
        return kp_fail(err, KP_EPARSE, "it is no event of MISP: it has no timestamp");
    if (!kp_time_parse(text(e->json, "date"), &e->date) || e->date < 0)
        e->date = e->changed;
    e->tlp = tags_tlp(e->json, -1);
    const json_t *to = json_object_get(e->json, "distribution");
    bool own = json_is_integer(to) ? !json_integer_value(to)
                                   : to && strcmp(text(e->json, "distribution"), "0") == 0;
    if (e->tlp < 0 && own)
        e->tlp = KP_TLP_STRICT; /* for the organisation alone */
    return KP_OK;
}

enum kp_code kp_misp_convert(const json_t *document, struct kp_json *j, struct kp_misp_sum *sum,
                             struct kp_err *err)
{
    struct event e = { .json = json_object_get(document, "Event"), .j = j, .sum = sum };
    json_t *a, *o;
    size_t i, k;
    *sum = (struct kp_misp_sum){ 0 };
    if (read_event(&e, err))
        return err->code;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "type", "bundle");
    kp_json_key(j, "objects");
    kp_json_begin(j, '[');
    put_creator(&e);
    json_array_foreach(json_object_get(e.json, "Attribute"), i, a) put_attribute(&e, a);
    json_array_foreach(json_object_get(e.json, "Object"), k, o)
        json_array_foreach(json_object_get(o, "Attribute"), i, a) put_attribute(&e, a);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    return j->out->failed ? kp_fail(err, KP_EFULL, "the event is too large") : KP_OK;
}
