/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: who has the right to the socket says who else may do what. */
#include "store/secret.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

static void put_rights(struct kp_json *j, const struct kp_token_view *t)
{
    kp_json_put_text(j, "name", t->name);
    kp_json_put_text(j, "write", t->writes);
    kp_json_put_text(j, "role", t->member ? "member" : t->role ? kp_role_words[t->role] : NULL);
    kp_json_put_time(j, "expires", t->expires ? t->expires : KP_NO_TIME);
}

static bool put_token(void *arg, const struct kp_token_view *t)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '{');
    put_rights(j, t);
    kp_json_put_time(j, "created", t->created);
    kp_json_end(j, '}');
    return true;
}

enum kp_code kp_route_tokens(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "tokens");
    kp_json_begin(&j, '[');
    kp_token_list(kp_node_store(r->node), put_token, &j, err);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return err->code;
}

static enum kp_code read_wanted(const json_t *body, struct kp_token_view *t, struct kp_err *err)
{
    const char *role, *expires;
    if (kp_body_text(body, "name", true, &t->name, err) || kp_body_text(body, "write", false, &t->writes, err) ||
        kp_body_text(body, "role", false, &role, err) || kp_body_text(body, "expires", false, &expires, err))
        return err->code;
    t->member = role && strcmp(role, "member") == 0;
    if (role && !t->member && !(t->role = kp_role_find(role)))
        return kp_fail(err, KP_EINVALID, "'%.40s' is no role: member, viewer, operator, engineer or owner", role);
    if (expires && (!kp_time_parse(expires, &t->expires) || t->expires <= 0))
        return kp_fail(err, KP_EINVALID, "expires: '%.40s' is no time such as 2027-01-31T00:00:00Z", expires);
    if (!t->writes && !t->role && !t->member)
        t->role = KP_OWNER;
    return KP_OK;
}

enum kp_code kp_route_token_make(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "name", "write", "role", "expires", NULL };
    struct kp_token_view wanted = { 0 };
    char token[KP_TOKEN_TEXT];
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_wanted(body, &wanted, err) &&
        !kp_token_create_for(kp_node_store(r->node), &wanted, token, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_json_begin(&j, '{');
        put_rights(&j, &wanted);
        kp_json_put_text(&j, "token", token);
        kp_json_end(&j, '}');
        r->reply.status = 201;
        explicit_bzero(token, sizeof token);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_token_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_token_remove(kp_node_store(r->node), r->name, err))
        r->reply.status = 204;
    return err->code;
}
