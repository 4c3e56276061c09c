/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of threat information that are here, and the collections they are shared in. */
#include "shield/observe.h"
#include "shield/taxii.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

static struct kp_store *store(const struct kp_request *r)
{
    return kp_node_store(r->node);
}

/* ---- objects ---- */
enum kp_code kp_route_stix(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    const struct kp_stix_search q = { kp_arg_text(r, "type"), kp_arg_text(r, "find"),
                                      kp_arg_int(r, "after"), (int)kp_arg_int(r, "limit") };
    return kp_stix_list(store(r), r->to, &q, &j, err);
}

enum kp_code kp_route_stix_show(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_stix_show(store(r), r->to, r->name, &j, err);
}

enum kp_code kp_route_stix_take(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "text", "collection", NULL };
    const char *text, *collection;
    int64_t id;
    struct kp_json j = kp_reply_json(r);
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "text", true, &text, err) &&
        !kp_body_text(body, "collection", false, &collection, err) &&
        !kp_collection_find(store(r), collection, &id, err))
        kp_stix_import(store(r), kp_hub_clock(kp_node_hub(r->node)), text, strlen(text), id, &j,
                       err);
    kp_observe_renew(kp_node_shield(r->node));
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_stix_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_stix_remove(store(r), r->name, err))
        r->reply.status = 204;
    kp_observe_renew(kp_node_shield(r->node));
    return err->code;
}

/* ---- collections ---- */
enum kp_code kp_route_collections(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_collections_show(store(r), &j, err);
}

/* Runs what takes a body and gives nothing back. */
static enum kp_code change(struct kp_request *r,
                           enum kp_code (*fn)(struct kp_request *, const json_t *, struct kp_err *),
                           struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !fn(r, body, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}

static enum kp_code add(struct kp_request *r, const json_t *body, struct kp_err *err)
{
    return kp_collection_add(store(r), r->now, body, err);
}

static enum kp_code alter(struct kp_request *r, const json_t *body, struct kp_err *err)
{
    return kp_collection_change(store(r), r->name, body, err);
}

static enum kp_code member(struct kp_request *r, const json_t *body, struct kp_err *err)
{
    return kp_collection_member(store(r), r->now, r->name, body, err);
}

static enum kp_code publish(struct kp_request *r, const json_t *body, struct kp_err *err)
{
    const json_t *ids = json_object_get(body, "ids");
    if (!json_is_array(ids) || json_array_size(ids) > 1000)
        return kp_fail(err, KP_EINVALID, "ids: must be a list of at most 1000 texts");
    return kp_collection_publish(store(r), r->now, r->name, ids, err);
}

enum kp_code kp_route_collection_add(struct kp_request *r, struct kp_err *err)
{
    return change(r, add, err);
}

enum kp_code kp_route_collection_change(struct kp_request *r, struct kp_err *err)
{
    return change(r, alter, err);
}

enum kp_code kp_route_collection_member(struct kp_request *r, struct kp_err *err)
{
    return change(r, member, err);
}

enum kp_code kp_route_collection_publish(struct kp_request *r, struct kp_err *err)
{
    return change(r, publish, err);
}

enum kp_code kp_route_collection_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_collection_remove(store(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}
