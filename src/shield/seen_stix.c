/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen, as STIX 2.1 has it: an observed-data of cyber-observables (section 6). Beside
 * those of the standard there is one object of this node's own, x-koppel-event, which says all of it
 * again, so that one comparison expression can ask for several things of one event. */
#include "shield/seen.h"

#include "core/hash.h"
#include "shield/stix_object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { OBJECTS = 12 };

struct making {
    const struct kp_seen *seen;
    struct kp_arena *arena;
    bool full, failed;
    struct kp_stix_object object[OBJECTS];
    struct kp_tree *last[OBJECTS]; /* member of each */
    size_t n;
};

/* ---- trees ---- */
static struct kp_tree *node(struct making *m, struct kp_tree *in, struct kp_tree **last,
                            const char *key, uint8_t type)
{
    struct kp_tree *v = kp_arena_alloc(m->arena, sizeof *v);
    if (!v) {
        m->failed = true;
        return NULL;
    }
    *v = (struct kp_tree){ .key = key,
                           .key_len = key ? (uint32_t)strlen(key) : 0,
                           .parent = in,
                           .type = type };
    if (in) {
        *(*last ? &(*last)->next : &in->first) = v;
        *last = v;
        in->n++;
    }
    return v;
}

static void put_text(struct making *m, struct kp_tree *in, struct kp_tree **last, const char *key,
                     const char *text)
{
    struct kp_tree *v = in && text && *text ? node(m, in, last, key, KP_TREE_TEXT) : NULL;
    if (v) {
        v->text = text;
        v->n = (uint32_t)strlen(text);
    }
}

static void put_number(struct making *m, size_t o, const char *key, double number)
{
    struct kp_tree *in = (struct kp_tree *)(uintptr_t)m->object[o].tree;
    struct kp_tree *v = in && number > 0 ? node(m, in, &m->last[o], key, KP_TREE_NUMBER) : NULL;
    if (v)
        v->number = number;
}

/* Into object o. */
static void put(struct making *m, size_t o, const char *key, const char *text)
{
    put_text(m, (struct kp_tree *)(uintptr_t)m->object[o].tree, &m->last[o], key, text);
}

/* The same event has the same ids each time it is shown; they are of version 4 by their form. */
static const char *make_id(struct making *m, const char *type, size_t n)
{
    char text[KP_STIX_TYPE + 40];
    if (m->full) {
        uint64_t a = kp_hash(m->seen->hash, &n, sizeof n), b = kp_hash(a, &m->seen->o.at, 8);
        b = kp_hash(b, &m->seen->id, 8);
        snprintf(text, sizeof text, "%s--%08x-%04x-4%03x-%04x-%012llx", type, (unsigned)(a >> 32),
                 (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
                 (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
                 (unsigned long long)(b & UINT64_C(0xffffffffffff)));
    } else {
        snprintf(text, sizeof text, "%c", (char)('a' + n));
    }
    const char *id = kp_arena_strdup(m->arena, text);
    m->failed |= !id;
    return id ? id : "";
}

/* -1: not made. */
static int begin(struct making *m, const char *type)
{
    if (m->failed || m->n == OBJECTS)
        return -1;
    size_t o = m->n++;
    const char *id = make_id(m, type, o);
    m->object[o] = (struct kp_stix_object){ id, type, strlen(type),
                                            node(m, NULL, NULL, NULL, KP_TREE_OBJECT) };
    put(m, o, "type", type);
    if (m->full)
        put(m, o, "spec_version", "2.1");
    put(m, o, "id", id);
    return (int)o;
}

/* An object that is one text; -1: there is none. */
static int simple(struct making *m, const char *type, const char *key, const char *text)
{
    int o = text && *text ? begin(m, type) : -1;
    if (o >= 0)
        put(m, (size_t)o, key, text);
    return o;
}

/* ---- cyber-observables ---- */
static int address(struct making *m, const char *text)
{
    return simple(m, text && strchr(text, ':') ? "ipv6-addr" : "ipv4-addr", "value", text);
}

static struct kp_tree *child(struct making *m, size_t o, const char *key, uint8_t type)
{
    struct kp_tree *in = (struct kp_tree *)(uintptr_t)m->object[o].tree;
    return in ? node(m, in, &m->last[o], key, type) : NULL;
}

static const char *text_of(const struct making *m, enum kp_observed_text which)
{
    return m->seen->o.text[which];
}

static void traffic(struct making *m, int from, int to)
{
    int o = from < 0 && to < 0 ? -1 : begin(m, "network-traffic");
    const struct kp_observed *e = &m->seen->o;
    if (o < 0)
        return;
    put(m, (size_t)o, "src_ref", from >= 0 ? m->object[from].id : NULL);
    put(m, (size_t)o, "dst_ref", to >= 0 ? m->object[to].id : NULL);
    put_number(m, (size_t)o, "src_port", e->from_port);
    put_number(m, (size_t)o, "dst_port", e->to_port);
    const char *ip = m->object[from >= 0 ? from : to].type;
    struct kp_tree *list = child(m, (size_t)o, "protocols", KP_TREE_LIST), *last = NULL;
    put_text(m, list, &last, NULL, strcmp(ip, "ipv6-addr") == 0 ? "ipv6" : "ipv4");
    if (!text_of(m, KP_SEEN_SOURCE))
        put_text(m, list, &last, NULL, "tcp"); /* of what the node itself sees */
    put_text(m, list, &last, NULL, text_of(m, KP_SEEN_PROTOCOL));
}

static void put_hash(struct making *m, int o, const char *hash)
{
    size_t n = hash ? strlen(hash) : 0;
    const char *kind = n == 32 ? "MD5" : n == 40 ? "SHA-1" : n == 64 ? "SHA-256" : NULL;
    struct kp_tree *last = NULL;
    if (o >= 0 && kind)
        put_text(m, child(m, (size_t)o, "hashes", KP_TREE_OBJECT), &last, kind, hash);
}

static void things(struct making *m)
{
    int o;
    const char *print = text_of(m, KP_SEEN_PRINT), *hash = text_of(m, KP_SEEN_HASH),
               *file = text_of(m, KP_SEEN_FILE_NAME);
    simple(m, "user-account", "user_id", text_of(m, KP_SEEN_USER));
    simple(m, "domain-name", "value", text_of(m, KP_SEEN_DOMAIN));
    simple(m, "url", "value", text_of(m, KP_SEEN_URL));
    if (print && (o = begin(m, "x509-certificate")) >= 0) {
        put_hash(m, o, print);
        put(m, (size_t)o, "subject", text_of(m, KP_SEEN_SUBJECT));
        put(m, (size_t)o, "issuer", text_of(m, KP_SEEN_ISSUER));
    }
    if (file || hash) {
        o = begin(m, "file");
        if (o >= 0)
            put(m, (size_t)o, "name", file);
        put_hash(m, o, hash);
    }
    o = simple(m, "software", "name", text_of(m, KP_SEEN_SOFTWARE));
    if (o >= 0) {
        put(m, (size_t)o, "cpe", text_of(m, KP_SEEN_CPE));
        put(m, (size_t)o, "vendor", text_of(m, KP_SEEN_VENDOR));
        put(m, (size_t)o, "version", text_of(m, KP_SEEN_VERSION));
    }
}

static void event(struct making *m)
{
    static const struct {
        const char *key;
        uint8_t text;
    } all[] = { { "from", KP_SEEN_FROM },       { "to", KP_SEEN_TO },
                { "protocol", KP_SEEN_PROTOCOL }, { "user", KP_SEEN_USER },
                { "domain", KP_SEEN_DOMAIN },   { "url", KP_SEEN_URL },
                { "coupling", KP_SEEN_COUPLED }, { "partner", KP_SEEN_BY },
                { "version", KP_SEEN_VERSION }, { "detail", KP_SEEN_DETAIL },
                { "subject", KP_SEEN_SUBJECT }, { "issuer", KP_SEEN_ISSUER },
                { "client", KP_SEEN_CLIENT },   { "source", KP_SEEN_SOURCE } };
    int o = simple(m, "x-koppel-event", "kind", kp_seen_words[m->seen->o.kind]);
    if (o < 0)
        return;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        put(m, (size_t)o, all[i].key, text_of(m, all[i].text));
    put_number(m, (size_t)o, "to_port", m->seen->o.to_port);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct kp_stix_object *)a)->id, ((const struct kp_stix_object *)b)->id);
}

enum kp_code kp_seen_observation(const struct kp_seen *s, struct kp_arena *arena, bool full,
                                 struct kp_stix_observation *out, struct kp_err *err)
{
    struct making m = { .seen = s, .arena = arena, .full = full };
    int from = address(&m, text_of(&m, KP_SEEN_FROM)), to = address(&m, text_of(&m, KP_SEEN_TO));
    traffic(&m, from, to);
    things(&m);
    event(&m);
    struct kp_stix_object *kept = kp_arena_copy(arena, m.object, m.n * sizeof *m.object);
    if (m.failed || !kept)
        return kp_fail(err, KP_ENOMEM, "out of memory making an observation");
    if (full)
        qsort(kept, m.n, sizeof *kept, by_id);
    *out = (struct kp_stix_observation){ .id = s->id,
                                         .first = s->o.at / 1000,
                                         .last = s->last / 1000,
                                         .count = s->count,
                                         .n = m.n,
                                         .object = kept };
    if (full)
        out->name = make_id(&m, "observed-data", OBJECTS);
    return m.failed ? kp_fail(err, KP_ENOMEM, "out of memory making an observation") : KP_OK;
}

enum kp_code kp_seen_write(const struct kp_seen *s, struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_stix_observation o;
    if (!kp_seen_observation(s, &arena, true, &o, err)) {
        kp_json_begin(j, '[');
        kp_json_begin(j, '{');
        kp_json_put_text(j, "type", "observed-data");
        kp_json_put_text(j, "spec_version", "2.1");
        kp_json_put_text(j, "id", o.name);
        kp_stix_put_time(j, "created", s->o.at);
        kp_stix_put_time(j, "modified", s->o.at);
        kp_stix_put_time(j, "first_observed", s->o.at);
        kp_stix_put_time(j, "last_observed", s->last);
        kp_json_put_int(j, "number_observed", s->count);
        kp_json_key(j, "object_refs");
        kp_json_begin(j, '[');
        for (size_t i = 0; i < o.n; i++)
            kp_json_text(j, o.object[i].id);
        kp_json_end(j, ']');
        kp_json_end(j, '}');
        for (size_t i = 0; i < o.n; i++)
            kp_tree_write(o.object[i].tree, j);
        kp_json_end(j, ']');
    }
    kp_arena_free(&arena);
    return err->code;
}
