/* SPDX-License-Identifier: Apache-2.0 */
/* What this node sees of others, and what of it others warn of. */
#include "core/hub.h"
#include "net/json_members.h"
#include "shield/observe.h"
#include "shield/sighting.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* ---- what requests tell ---- */
static enum kp_observed_kind kind_of(const struct kp_request *r, bool refused)
{
    bool login = r->action && strcmp(r->action, "login") == 0;
    return login ? refused ? KP_SEEN_LOGIN_FAILED : KP_SEEN_LOGIN
           : refused             ? KP_SEEN_REFUSED
           : r->client.partner   ? KP_SEEN_PARTNER
                                 : KP_SEEN_CHANGE;
}

void kp_request_observe(const struct kp_request *r, bool refused, bool changed)
{
    char detail[160];
    const char *partner = r->client.partner ? r->partner : NULL;
    if (!r->guard || (!refused && !changed && !partner))
        return;
    snprintf(detail, sizeof detail, "%s %s%s", kp_method_names[r->method], r->route->path,
             refused ? r->reply.status == 429 ? ": locked" : ": refused" : "");
    kp_hub_observe(kp_node_hub(r->node),
                   &(struct kp_observed){ .kind = (uint8_t)kind_of(r, refused),
                                          .to_port = (uint16_t)r->port,
                                          .text = { [KP_SEEN_FROM] = r->client.from,
                                                    [KP_SEEN_PROTOCOL] = r->client.local ? NULL
                                                                         : r->client.tls ? "https"
                                                                                         : "http",
                                                    [KP_SEEN_USER] = partner ? NULL : r->who.user,
                                                    [KP_SEEN_BY] = partner,
                                                    [KP_SEEN_DETAIL] = detail } });
}

/* ---- routes ---- */
static struct kp_shield *shield(const struct kp_request *r)
{
    return kp_node_shield(r->node);
}

enum kp_code kp_route_observations(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    const struct kp_observations_search search = { .kind = kp_arg_text(r, "kind"),
                                                   .address = kp_arg_text(r, "address"),
                                                   .before = kp_arg_int(r, "after"),
                                                   .limit = kp_arg_int(r, "limit"),
                                                   .stix = kp_arg_int(r, "stix") };
    return kp_observations_show(shield(r), r->to, &search, &j, err);
}

enum kp_code kp_route_observe_settings(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_observe_settings(shield(r), &j, err);
}

enum kp_code kp_route_observe_settings_put(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_observe_settings_put(shield(r), body, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_hits(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_hits_show(shield(r), r->to, kp_arg_int(r, "open"), &j, err);
}

enum kp_code kp_route_hit_change(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_name_number(r, "a hit", &id, err) &&
        !kp_hit_change(shield(r), id, body, r->who.user, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_sighting_release(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "feed", NULL };
    int64_t id;
    const char *feed = NULL;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_name_number(r, "a sighting", &id, err) &&
        !kp_members_known(body, "body", known, err) &&
        !kp_member_text(body, "body", "feed", true, &feed, err) &&
        !kp_sighting_release(shield(r), id, feed, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}
