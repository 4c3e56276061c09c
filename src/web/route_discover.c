/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for machines at the addresses that a person names. */
#include "couplings/discover/discover.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { WORDS_MAX = 256 };

struct listing {
    struct kp_json *j;
    size_t left, n;
};

static bool put_found(void *arg, const struct kp_discover_found *f)
{
    struct listing *l = arg;
    struct kp_json *j = l->j;
    if (!l->left)
        return false;
    l->left--;
    l->n++;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "protocol", f->protocol);
    kp_json_put_text(j, "address", f->address);
    kp_json_put_int(j, "port", f->port);
    kp_json_key(j, "unit");
    if (f->unit >= 0)
        kp_json_int(j, f->unit);
    else
        kp_json_null(j);
    kp_json_put_text(j, "manufacturer", *f->manufacturer ? f->manufacturer : NULL);
    kp_json_put_text(j, "product", *f->product ? f->product : NULL);
    kp_json_put_text(j, "name", *f->name ? f->name : NULL);
    kp_json_put_text(j, "detail", *f->detail ? f->detail : NULL);
    kp_json_put_text(j, "url", *f->url ? f->url : NULL);
    kp_json_put_text(j, "couple", *f->couple ? f->couple : NULL);
    kp_json_end(j, '}');
    return true;
}

static void reply(struct kp_request *r, size_t from, size_t limit)
{
    struct kp_discover *d = kp_node_discover(r->node);
    struct kp_discover_status s = kp_discover_status(d);
    struct kp_json j = kp_reply_json(r);
    struct listing l = { .j = &j, .left = limit };
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "state", kp_discover_state_names[s.state]);
    kp_json_put_int(&j, "done", s.done);
    kp_json_put_int(&j, "total", s.total);
    kp_json_put_time(&j, "started", s.started);
    kp_json_put_time(&j, "ended", s.ended);
    kp_json_put_bool(&j, "more", s.more);
    kp_json_key(&j, "found");
    kp_json_begin(&j, '[');
    kp_discover_list(d, from, put_found, &l);
    kp_json_end(&j, ']');
    kp_json_put_int(&j, "next", (int64_t)(from + l.n));
    kp_json_end(&j, '}');
}

enum kp_code kp_route_discover(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    reply(r, (size_t)kp_arg_int(r, "from"), (size_t)kp_arg_int(r, "limit"));
    return KP_OK;
}

/* ---- what is asked for ---- */

static enum kp_code read_targets(const json_t *body, const char *words[WORDS_MAX], size_t *n,
                                 struct kp_err *err)
{
    const json_t *list = json_object_get(body, "targets"), *one;
    size_t i;
    if (!json_is_array(list) || json_array_size(list) > WORDS_MAX)
        return kp_fail(err, KP_EINVALID,
                       "targets: give a list of at most %d addresses such as 192.0.2.0/24",
                       WORDS_MAX);
    json_array_foreach(list, i, one)
    {
        if (!json_is_string(one))
            return kp_fail(err, KP_EINVALID, "targets: each is a text such as 192.0.2.0/24");
        words[(*n)++] = json_string_value(one);
    }
    return KP_OK;
}

static enum kp_code read_ports(const json_t *body, struct kp_discover_options *o,
                               struct kp_err *err)
{
    const json_t *list = json_object_get(body, "ports"), *one;
    size_t i;
    if (!list || json_is_null(list))
        return KP_OK;
    if (!json_is_array(list) || json_array_size(list) > KP_DISCOVER_PORTS_MAX)
        return kp_fail(err, KP_EINVALID, "ports: give a list of at most %d numbers",
                       KP_DISCOVER_PORTS_MAX);
    json_array_foreach(list, i, one)
    {
        json_int_t port = json_integer_value(one);
        if (port < 1 || port > 65535)
            return kp_fail(err, KP_EINVALID, "ports: each is a number from 1 to 65535");
        for (size_t k = 0; k < o->n_ports; k++)
            if (o->ports[k] == port)
                return kp_fail(err, KP_EINVALID, "ports: %lld stands there twice", (long long)port);
        o->ports[o->n_ports++] = (uint16_t)port;
    }
    return KP_OK;
}

/* "3" or "1-10" */
static enum kp_code read_units(const json_t *body, struct kp_discover_options *o,
                               struct kp_err *err)
{
    const char *text;
    if (kp_body_text(body, "units", false, &text, err) || !text)
        return err->code;
    char *end = NULL;
    unsigned long first = strspn(text, "0123456789") ? strtoul(text, &end, 10) : 256, last = first;
    if (end && *end == '-' && strspn(end + 1, "0123456789"))
        last = strtoul(end + 1, &end, 10);
    if (!end || *end || first > last || last > 255 || !last)
        return kp_fail(err, KP_EINVALID,
                       "units: '%.40s' is none such as 1-10 (Modbus has units 0 to 255)", text);
    o->first_unit = (unsigned)first;
    o->last_unit = (unsigned)last;
    return KP_OK;
}

enum kp_code kp_route_discover_start(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "targets", "ports", "units", "parallel", NULL };
    const char *words[WORDS_MAX];
    struct kp_discover_options o = { .targets = words };
    int64_t parallel;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_targets(body, words, &o.n_targets, err) && !read_ports(body, &o, err) &&
        !read_units(body, &o, err) &&
        !kp_body_int(body, "parallel", 1, KP_DISCOVER_PARALLEL_MAX, KP_DISCOVER_PARALLEL, &parallel,
                     err)) {
        o.parallel = (unsigned)parallel;
        if (!kp_discover_start(kp_node_discover(r->node), &o, err)) {
            reply(r, 0, 0);
            r->reply.status = 202;
        }
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_discover_cancel(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    kp_discover_cancel(kp_node_discover(r->node));
    reply(r, 0, 0);
    return KP_OK;
}
