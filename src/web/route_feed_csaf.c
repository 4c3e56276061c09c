/* SPDX-License-Identifier: Apache-2.0 */
/* What feeds of advisories need beside what all feeds do: a look before they are trusted, and what became of documents. */
#include "shield/feed_kinds.h"
#include "web/body.h"
#include "web/routes.h"

#include "core/ban.h"

static struct kp_shield *shield(const struct kp_request *r)
{
    return kp_node_shield(r->node);
}

enum kp_code kp_route_feed_look(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    json_t *found = body ? kp_feed_look(shield(r), body, err) : NULL;
    char *text = found ? kp_json_dump(found, JSON_COMPACT) : NULL;
    struct kp_json j = kp_reply_json(r);
    if (text)
        kp_json_raw(&j, text);
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_free(text);
    json_decref(found);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_feed_documents(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_csaf_documents(shield(r), r->name, &j, err);
}

enum kp_code kp_route_feed_hand_in(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "documents", NULL };
    struct kp_json j = kp_reply_json(r);
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body)
        kp_csaf_hand_in(shield(r), r->name, json_object_get(body, "documents"), &j, err);
    json_decref(body);
    return err->code;
}
