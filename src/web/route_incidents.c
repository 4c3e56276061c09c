/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents: the records, the clocks of the laws, and what is reported. */
#include "shield/incident.h"
#include "web/body.h"
#include "web/routes.h"

#include "core/ban.h"

static struct kp_shield *shield(const struct kp_request *r)
{
    return kp_node_shield(r->node);
}

static bool dutch(const struct kp_request *r)
{
    return kp_arg_int(r, "language") == 1; /* English first in the list */
}

static enum kp_code number(const struct kp_request *r, int64_t *id, struct kp_err *err)
{
    return kp_name_number(r, "an incident", id, err);
}

/* ---- who must report ---- */
enum kp_code kp_route_incident_scope(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_incident_scope(shield(r), dutch(r), &j, err);
}

enum kp_code kp_route_incident_scope_put(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_incident_scope_put(shield(r), body, r->who.user, err))
        kp_route_incident_scope(r, err);
    json_decref(body);
    return err->code;
}

/* ---- the records ---- */
enum kp_code kp_route_incidents(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_incidents(shield(r), r->to, kp_arg_int(r, "all"), dutch(r), &j, err);
}

enum kp_code kp_route_incident(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    struct kp_json j = kp_reply_json(r);
    return number(r, &id, err) ? err->code : kp_incident(shield(r), r->to, id, dutch(r), &j, err);
}

enum kp_code kp_route_incident_make(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_incident_make(shield(r), r->to, body, r->who.user, &id, err))
        kp_reply_id(r, id, 201);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_incident_change(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !number(r, &id, err) &&
        !kp_incident_change(shield(r), r->to, id, body, r->who.user, err))
        kp_reply_id(r, id, 200);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_incident_note(struct kp_request *r, struct kp_err *err)
{
    int64_t id, note;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !number(r, &id, err) &&
        !kp_incident_note(shield(r), r->to, id, body, r->who.user, &note, err))
        kp_reply_id(r, note, 201);
    json_decref(body);
    return err->code;
}

/* ---- what is reported ---- */
enum kp_code kp_route_incident_stage(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    struct kp_json j = kp_reply_json(r);
    return number(r, &id, err) ? err->code
                               : kp_incident_stage(shield(r), r->to, id, r->names[1],
                                                   kp_node_name(r->node), dutch(r), &j, err);
}

enum kp_code kp_route_incident_stage_put(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !number(r, &id, err) &&
        !kp_incident_stage_put(shield(r), r->to, id, r->names[1], body, r->who.user, err))
        kp_reply_id(r, id, 200);
    json_decref(body);
    return err->code;
}

/* Who takes a record along stands in the audit log. */
static enum kp_code put_file(struct kp_request *r, const char *stage, struct kp_err *err)
{
    int64_t id;
    int format = (int)kp_arg_int(r, "format");
    r->action = "export incident";
    kp_request_note(r, "%s %s", stage ? stage : "record", kp_incident_formats[format]);
    if (!number(r, &id, err) && !kp_incident_file(shield(r), r->to, id, stage, kp_node_name(r->node),
                                                  format, dutch(r), &r->reply.body, err))
        kp_reply_page(r, format);
    return err->code;
}

enum kp_code kp_route_incident_file(struct kp_request *r, struct kp_err *err)
{
    return put_file(r, NULL, err);
}

enum kp_code kp_route_incident_stage_file(struct kp_request *r, struct kp_err *err)
{
    return put_file(r, r->names[1], err);
}
