/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds of threat information, and sightings that go back. */
#include "shield/sighting.h"
#include "web/body.h"
#include "web/routes.h"

#include "core/ban.h"

static struct kp_shield *shield(const struct kp_request *r)
{
    return kp_node_shield(r->node);
}

enum kp_code kp_route_feeds(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_feeds_show(shield(r), NULL, &j, err);
}

enum kp_code kp_route_feed(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_feeds_show(shield(r), r->name, &j, err);
}

enum kp_code kp_route_feed_add(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_feed_add(shield(r), body, &id, err))
        kp_reply_id(r, id, 201);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_feed_change(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_feed_change(shield(r), r->name, body, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_feed_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_feed_remove(shield(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}

enum kp_code kp_route_feed_pull(struct kp_request *r, struct kp_err *err)
{
    if (!kp_feed_hurry(shield(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}

/* ---- sightings ---- */
enum kp_code kp_route_sightings(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_sightings_show(shield(r), r->to, &j, err);
}

enum kp_code kp_route_sighting_add(struct kp_request *r, struct kp_err *err)
{
    int64_t id = 0;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_sighting_add(shield(r), body, r->who.user, kp_node_name(r->node), &id, err))
        kp_reply_id(r, id, 201);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_sighting_look(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body)
        kp_sighting_look(shield(r), body, kp_node_name(r->node), &j, err);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_sighting_remove(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (!kp_name_number(r, "a sighting", &id, err) && !kp_sighting_remove(shield(r), id, err))
        r->reply.status = 204;
    return err->code;
}
