/* SPDX-License-Identifier: Apache-2.0 */
/* Couplings: their state, settings, address space and certificates. */
#include "core/encoding.h"
#include "couplings/all.h"
#include "couplings/catalogue.h"
#include "store/trust.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

struct counter {
    const char *key;
    uint64_t value;
};

static void put_counters(struct kp_json *j, const struct counter *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kp_json_key(j, c[i].key);
        kp_json_uint(j, c[i].value);
    }
}

static void put_status(struct kp_json *j, const struct kp_coupling_status *s)
{
    const struct counter sizes[] = {
        { "signals", s->signals }, { "items", s->items }, { "itemsMax", s->items_max }, { "rejected", s->rejected },
    };
    const struct counter counters[] = {
        { "samples", s->samples },   { "batches", s->batches },       { "waits", s->waits }, { "lost", s->lost },
        { "filtered", s->filtered }, { "duplicates", s->duplicates }, { "bad", s->bad },     { "opens", s->opens },
        { "failures", s->failures }, { "late", s->late },             { "setBack", s->set_back },
        { "farOff", s->far_off },    { "quarantined", s->quarantined },
    };
    kp_json_put_text(j, "state", kp_link_name(s->link));
    kp_json_put_time(j, "since", s->since);
    kp_json_put_time(j, "retryAt", s->link == KP_LINK_WAITING ? s->retry_at : KP_NO_TIME);
    kp_json_put_text(j, "detail", s->detail);
    kp_json_key(j, "rate");
    kp_json_double(j, s->rate);
    put_counters(j, sizes, sizeof sizes / sizeof sizes[0]);
    kp_json_key(j, "counters");
    kp_json_begin(j, '{');
    put_counters(j, counters, sizeof counters / sizeof counters[0]);
    kp_json_end(j, '}');
}

static void put_coupling(struct kp_json *j, const struct kp_coupling_view *v)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", v->name);
    kp_json_put_int(j, "id", v->id);
    kp_json_put_text(j, "url", v->url);
    kp_json_put_text(j, "at", v->at);
    kp_json_put_text(j, "protocol", v->protocol);
    kp_json_put_bool(j, "enabled", v->enabled);
    kp_json_put_text(j, "include", v->include);
    kp_json_put_text(j, "exclude", v->exclude);
    kp_json_put_text(j, "every", v->every);
    kp_json_put_text(j, "deadband", v->deadband);
    kp_json_put_text(j, "clock", v->clock);
    kp_json_key(j, "settings");
    kp_json_begin(j, '{');
    for (size_t i = 0; i < v->n; i++)
        kp_json_put_text(j, v->settings[i].key, v->settings[i].value);
    kp_json_end(j, '}');
    put_status(j, &v->status);
    kp_json_end(j, '}');
}

enum kp_code kp_route_couplings(struct kp_request *r, struct kp_err *err)
{
    struct kp_coupling_view *list;
    size_t n;
    if (kp_node_couplings(r->node, NULL, &r->arena, &list, &n, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "couplings");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < n; i++)
        put_coupling(&j, &list[i]);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return KP_OK;
}

static enum kp_code reply_coupling(struct kp_request *r, const char *name, struct kp_err *err)
{
    struct kp_coupling_view *one;
    size_t n;
    if (kp_node_couplings(r->node, name, &r->arena, &one, &n, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    put_coupling(&j, one);
    return KP_OK;
}

enum kp_code kp_route_coupling(struct kp_request *r, struct kp_err *err)
{
    return reply_coupling(r, r->name, err);
}

/* Options of protocols are of many types; the node checks them. */
static const struct kp_body_key coupling_keys[] = {
    { "url", KP_BODY_TEXT },     { "name", KP_BODY_TEXT },    { "at", KP_BODY_TEXT }, { "include", KP_BODY_TEXT },
    { "exclude", KP_BODY_TEXT }, { "enabled", KP_BODY_TRUTH }, { "*", KP_BODY_SCALAR }, { NULL, 0 },
};

enum kp_code kp_route_couple(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    const char *url;
    struct kp_field *fields;
    size_t n;
    char name[KP_NAME_MAX];
    if (body && !kp_body_text(body, "url", true, &url, err) &&
        !kp_body_fields(body, coupling_keys, "url", "settings", &r->arena, &fields, &n, err) &&
        !kp_node_couple(r->node, url, fields, n, name, err) && !reply_coupling(r, name, err))
        r->reply.status = 201;
    json_decref(body);
    return err->code;
}

static const char *new_name(struct kp_request *r, const struct kp_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].key, "name") == 0 && fields[i].value && *fields[i].value)
            return fields[i].value;
    return r->name;
}

enum kp_code kp_route_coupling_change(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    struct kp_field *fields;
    size_t n;
    if (body && !kp_body_fields(body, coupling_keys, NULL, "settings", &r->arena, &fields, &n, err) &&
        !kp_node_change_coupling(r->node, r->name, fields, n, err))
        reply_coupling(r, new_name(r, fields, n), err);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_uncouple(struct kp_request *r, struct kp_err *err)
{
    if (!kp_node_uncouple(r->node, r->name, kp_arg_int(r, "forget"), err))
        r->reply.status = 204;
    return err->code;
}

/* ---- what the peer offers ---- */

struct listing {
    struct kp_json j;
    size_t left;
    bool more;
    char last[KP_PATH_MAX];
};

static bool put_node(void *arg, const struct kp_catalogue_node *n)
{
    struct listing *l = arg;
    if (!l->left) {
        l->more = true;
        return false;
    }
    l->left--;
    kp_json_begin(&l->j, '{');
    kp_json_put_text(&l->j, "source", n->source);
    kp_json_put_text(&l->j, "path", n->path);
    kp_json_put_text(&l->j, "type", n->type);
    kp_json_put_text(&l->j, "unit", n->unit);
    kp_json_put_text(&l->j, "description", n->description);
    kp_json_put_text(&l->j, "role", n->role);
    kp_json_put_bool(&l->j, "readable", n->access & KP_CAN_READ);
    kp_json_put_bool(&l->j, "writable", n->access & KP_CAN_WRITE);
    kp_json_put_bool(&l->j, "history", n->access & KP_CAN_HISTORY);
    kp_json_put_bool(&l->j, "subscribed", n->subscribed);
    kp_json_end(&l->j, '}');
    size_t len = strlen(n->path);
    if (len < sizeof l->last)
        memcpy(l->last, n->path, len + 1);
    return true;
}

enum kp_code kp_route_nodes(struct kp_request *r, struct kp_err *err)
{
    uint16_t id = kp_node_coupling_id(r->node, r->name, err);
    if (!id)
        return err->code;
    const char *pattern = kp_arg_text(r, "match"), *after = kp_arg_text(r, "after");
    struct listing *l = kp_arena_alloc(&r->arena, sizeof *l);
    if (!l)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    *l = (struct listing){ .j = kp_reply_json(r), .left = (size_t)kp_arg_int(r, "limit") };
    kp_json_begin(&l->j, '{');
    kp_json_key(&l->j, "nodes");
    kp_json_begin(&l->j, '[');
    if (kp_catalogue_list(kp_node_store(r->node), id, pattern ? pattern : "", after ? after : "", l->left + 1,
                          put_node, l, err))
        return err->code;
    kp_json_end(&l->j, ']');
    kp_json_put_text(&l->j, "next", l->more ? l->last : NULL);
    kp_json_end(&l->j, '}');
    return KP_OK;
}

enum { CHOICES_MAX = 10000 };

static enum kp_code read_choice(const json_t *item, struct kp_choice *c, struct kp_err *err)
{
    static const char *const keys[] = { "source", "path", "pattern", NULL };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)item, key, value) { /* jansson's macro wants it writable */
        const char *near = kp_nearest(key, keys);
        if (strcmp(key, "source") != 0 && strcmp(key, "path") != 0 && strcmp(key, "pattern") != 0)
            return kp_fail(err, KP_EINVALID, "unknown key '%.60s', did you mean '%s'?", key, near ? near : "source");
    }
    if (kp_body_text(item, "source", false, &c->source, err) || kp_body_text(item, "path", false, &c->path, err) ||
        kp_body_text(item, "pattern", false, &c->pattern, err))
        return err->code;
    if (!json_is_object(item) || !c->source == !c->pattern || (c->pattern && c->path))
        return kp_fail(err, KP_EINVALID, "give {\"source\": ..., \"path\": ...} or {\"pattern\": ...}");
    if (c->pattern && !kp_pattern_valid(c->pattern))
        return kp_fail(err, KP_EINVALID, "'%.100s' is not a pattern", c->pattern);
    return KP_OK;
}

static enum kp_code choose(struct kp_request *r, const json_t *add, struct kp_err *err)
{
    size_t n = json_array_size(add), added = 0;
    if (!json_is_array(add) || n < 1 || n > CHOICES_MAX)
        return kp_fail(err, KP_EINVALID, "'add' must be a list of 1 to %d choices", CHOICES_MAX);
    struct kp_choice *choices = kp_arena_alloc(&r->arena, n * sizeof *choices);
    if (!choices)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (read_choice(json_array_get(add, i), &choices[i], err))
            return kp_context(err, "add[%zu]", i);
    if (kp_node_choose(r->node, r->name, choices, n, &added, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "added", (int64_t)added);
    kp_json_end(&j, '}');
    return KP_OK;
}

enum kp_code kp_route_choose(struct kp_request *r, struct kp_err *err)
{
    static const char *const keys[] = { "add", NULL };
    json_t *body = kp_body_object(r->body, r->body_len, keys, err);
    if (body)
        choose(r, json_object_get(body, "add"), err);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_reconnect(struct kp_request *r, struct kp_err *err)
{
    return kp_node_reconnect(r->node, r->name, err) ? err->code : reply_coupling(r, r->name, err);
}

enum kp_code kp_route_browse(struct kp_request *r, struct kp_err *err)
{
    return kp_node_browse(r->node, r->name, err) ? err->code : reply_coupling(r, r->name, err);
}

/* ---- certificates ---- */

enum kp_code kp_route_trust(struct kp_request *r, struct kp_err *err)
{
    static const char *const keys[] = { "fingerprint", NULL };
    json_t *body = kp_body_object(r->body_len ? r->body : "{}", r->body_len ? r->body_len : 2, keys, err);
    const char *fingerprint;
    if (body && !kp_body_text(body, "fingerprint", false, &fingerprint, err) &&
        !kp_node_trust(r->node, r->name, fingerprint, err))
        reply_coupling(r, r->name, err);
    json_decref(body);
    return err->code;
}

static bool put_certificate(void *arg, const struct kp_certificate *c)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "fingerprint", c->fingerprint);
    kp_json_put_bool(j, "trusted", c->trusted);
    kp_json_put_text(j, "subject", c->subject);
    kp_json_put_time(j, "firstSeen", c->first_seen);
    kp_json_put_time(j, "notAfter", c->not_after);
    kp_json_end(j, '}');
    return true;
}

enum kp_code kp_route_certificates(struct kp_request *r, struct kp_err *err)
{
    if (!kp_node_coupling_id(r->node, r->name, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "certificates");
    kp_json_begin(&j, '[');
    if (kp_trust_list(kp_node_store(r->node), r->name, put_certificate, &j, err))
        return err->code;
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return KP_OK;
}

static void put_base64(struct kp_buf *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += 48) {
        kp_base64(out, p + i, n - i < 48 ? n - i : 48);
        kp_buf_str(out, "\n");
    }
}

enum kp_code kp_route_certificate(struct kp_request *r, struct kp_err *err)
{
    void *der;
    size_t len;
    if (kp_couplings_certificate(kp_node_store(r->node), &r->arena, &der, &len, err))
        return err->code;
    bool pem = kp_arg_int(r, "format") == 0;
    struct kp_buf *out = &r->reply.body;
    r->reply.type = pem ? "application/x-pem-file" : "application/pkix-cert";
    kp_reply_header(r, "Content-Disposition", pem ? "attachment; filename=\"koppel.pem\""
                                                  : "attachment; filename=\"koppel.der\"");
    if (!pem) {
        kp_buf_add(out, der, len);
        return KP_OK;
    }
    kp_buf_str(out, "-----BEGIN CERTIFICATE-----\n");
    put_base64(out, der, len);
    kp_buf_str(out, "-----END CERTIFICATE-----\n");
    return KP_OK;
}

/* ---- protocols ---- */

static void put_option(struct kp_json *j, const struct kp_option *o)
{
    static const char *const types[] = { [KP_OPT_TEXT] = "text", [KP_OPT_INT] = "int", [KP_OPT_BOOL] = "bool",
                                         [KP_OPT_DURATION] = "duration", [KP_OPT_CHOICE] = "choice",
                                         [KP_OPT_SECRET] = "secret", [KP_OPT_MAP] = "map" };
    bool limits = (o->type == KP_OPT_INT || o->type == KP_OPT_DURATION) && o->min < o->max;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", o->name);
    kp_json_put_text(j, "help", o->help);
    kp_json_put_text(j, "type", types[o->type]);
    kp_json_put_text(j, "default", o->standard);
    if (limits) { /* of a duration in ns, as the settings are kept */
        kp_json_put_int(j, "min", o->min);
        kp_json_put_int(j, "max", o->max);
    }
    if (o->choices)
        kp_json_put_text(j, "choices", o->choices);
    kp_json_end(j, '}');
}

enum kp_code kp_route_protocols(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "protocols");
    kp_json_begin(&j, '[');
    for (size_t i = 0; kp_coupling_classes[i]; i++) {
        const struct kp_coupling_class *c = kp_coupling_classes[i];
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "name", c->name);
        kp_json_put_text(&j, "schemes", c->schemes);
        kp_json_put_bool(&j, "writes", c->write);
        kp_json_key(&j, "options");
        kp_json_begin(&j, '[');
        for (const struct kp_option *o = c->options; o && o->name; o++)
            put_option(&j, o);
        kp_json_end(&j, ']');
        kp_json_end(&j, '}');
    }
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return KP_OK;
}
