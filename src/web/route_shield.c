/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory, advisories, and what they have to do with each other. */
#include "net/json_members.h"
#include "shield/daily.h"
#include "shield/shield.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

static struct kp_shield *shield(const struct kp_request *r)
{
    return kp_node_shield(r->node);
}

static const char *choice(const struct kp_request *r, const char *name, const char *const *of)
{
    const struct kp_arg *a = kp_arg_get(r, name);
    return a->given ? of[a->number] : NULL;
}

/* ---- devices ---- */
enum kp_code kp_route_inventory(struct kp_request *r, struct kp_err *err)
{
    if (kp_shield_sync(shield(r), err))
        return err->code;
    const struct kp_device_query q = { .find = kp_arg_text(r, "find"),
                                       .needs = choice(r, "needs", kp_device_needs),
                                       .skip = kp_arg_int(r, "skip"),
                                       .limit = kp_arg_int(r, "limit") };
    struct kp_json j = kp_reply_json(r);
    return kp_shield_devices(shield(r), r->to, &q, &j, err);
}

static enum kp_code number(const struct kp_request *r, int64_t *id, struct kp_err *err)
{
    return kp_name_number(r, "a device", id, err);
}

enum kp_code kp_route_device(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (number(r, &id, err) || kp_shield_sync(shield(r), err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    return kp_shield_device(shield(r), r->to, id, &j, err);
}

static enum kp_code put(struct kp_request *r, int64_t id, int status, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_shield_device_put(shield(r), id, body, r->who.user, &id, err))
        kp_reply_id(r, id, status);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_device_make(struct kp_request *r, struct kp_err *err)
{
    return put(r, 0, 201, err);
}

enum kp_code kp_route_device_put(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    return number(r, &id, err) ? err->code : put(r, id, 200, err);
}

enum kp_code kp_route_device_remove(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (!number(r, &id, err) && !kp_shield_device_remove(shield(r), id, err))
        r->reply.status = 204;
    return err->code;
}

enum kp_code kp_route_device_expect(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "version", "until", NULL };
    const char *version, *until;
    int64_t id, at = r->now + 8 * 3600 * KP_SECOND;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !number(r, &id, err) && !kp_body_text(body, "version", false, &version, err) &&
        !kp_body_text(body, "until", false, &until, err) && until && !kp_time_parse(until, &at))
        kp_fail(err, KP_EINVALID, "until: '%.40s' is no time", until);
    if (!err->code &&
        !kp_shield_device_expect(shield(r), id, version ? version : "", at, err))
        kp_reply_id(r, id, 200);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_device_confirm(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (!number(r, &id, err) && !kp_shield_device_confirm(shield(r), id, r->who.user, err))
        kp_reply_id(r, id, 200);
    return err->code;
}

/* Documents come as texts, for they are lists as well as JSON, and nested deeper than bodies are.
 * `of` NULL: nothing else goes with it. NULL: err says why. */
static char *read_text(struct kp_request *r, const char **of, struct kp_err *err)
{
    static const char *const known[] = { "text", "of", NULL }, *const alone[] = { "text", NULL };
    const char *given, *name = NULL;
    char *text = NULL;
    json_t *body = kp_body_object(r->body, r->body_len, of ? known : alone, err);
    if (body && !kp_body_text(body, "text", true, &given, err) &&
        !(of && kp_body_text(body, "of", false, &name, err))) {
        text = kp_arena_strdup(&r->arena, given);
        if (of)
            *of = name ? kp_arena_strdup(&r->arena, name) : NULL;
        if (!text || (name && !*of))
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    json_decref(body);
    return err->code ? NULL : text;
}

enum kp_code kp_route_inventory_import(struct kp_request *r, struct kp_err *err)
{
    const char *of;
    char *text = read_text(r, &of, err);
    struct kp_json j = kp_reply_json(r);
    return text ? kp_shield_import(shield(r), text, strlen(text), of, r->who.user, &j, err)
                : err->code;
}

/* ---- makers' other names ---- */
enum kp_code kp_route_aliases(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_shield_aliases(shield(r), &j, err);
}

enum kp_code kp_route_aliases_put(struct kp_request *r, struct kp_err *err)
{
    char *text = read_text(r, NULL, err);
    return text && !kp_shield_aliases_put(shield(r), text, err) ? kp_route_aliases(r, err)
                                                                : err->code;
}

/* ---- advisories ---- */
enum kp_code kp_route_advisories(struct kp_request *r, struct kp_err *err)
{
    const char *state = choice(r, "state", kp_finding_states);
    const struct kp_finding_query q = { .find = kp_arg_text(r, "find"),
                                        .state = state || kp_arg_int(r, "all") ? state : "open",
                                        .verdict = choice(r, "verdict", kp_finding_verdicts),
                                        .urgency = choice(r, "urgency", kp_finding_urgencies),
                                        .device = kp_arg_int(r, "device"),
                                        .skip = kp_arg_int(r, "skip"),
                                        .limit = kp_arg_int(r, "limit") };
    struct kp_json j = kp_reply_json(r);
    return kp_shield_findings(shield(r), r->to, &q, &j, err);
}

enum kp_code kp_route_security(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_shield_concerned(shield(r), r->to, kp_arg_int(r, "skip"), kp_arg_int(r, "limit"), &j,
                               err);
}

enum kp_code kp_route_advisory(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_shield_advisory(shield(r), r->to, r->name, &j, err);
}

enum kp_code kp_route_advisory_take(struct kp_request *r, struct kp_err *err)
{
    char *text = read_text(r, NULL, err);
    struct kp_json j = kp_reply_json(r);
    return text ? kp_shield_take(shield(r), text, strlen(text), &j, err) : err->code;
}

enum kp_code kp_route_advisory_answer(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "device", "answer", "comment", NULL };
    const char *answer, *comment;
    int64_t device;
    int i;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_int(body, "device", 1, INT64_MAX, 0, &device, err) &&
        !kp_body_text(body, "answer", true, &answer, err) &&
        !kp_member_choice(body, "body", "answer", kp_shield_answers, &i, err) &&
        !kp_body_text(body, "comment", false, &comment, err)) {
        if (comment && strlen(comment) > 2000)
            kp_fail(err, KP_EINVALID, "comment: longer than 2000 bytes");
        else if (!kp_shield_answer(shield(r), r->name, device, answer, comment, r->who.user, err))
            kp_reply_id(r, device, 200);
    }
    json_decref(body);
    return err->code;
}

/* ---- the daily mail ---- */
enum kp_code kp_route_daily(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_daily_show(shield(r), &j, err);
}

enum kp_code kp_route_daily_put(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_daily_put(shield(r), body, err))
        kp_route_daily(r, err);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_daily_send(struct kp_request *r, struct kp_err *err)
{
    size_t sent;
    bool empty;
    if (kp_daily_send(shield(r), &sent, &empty, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "sent", (int64_t)sent);
    kp_json_put_bool(&j, "empty", empty);
    kp_json_end(&j, '}');
    return KP_OK;
}
