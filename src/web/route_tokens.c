/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: who has the right to the socket says who else may do what. */
#include "store/secret.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

static bool put_token(void *arg, const struct kp_token_view *t)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", t->name);
    kp_json_put_text(j, "write", t->writes);
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

enum kp_code kp_route_token_make(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "name", "write", NULL };
    const char *name, *writes;
    char token[KP_TOKEN_TEXT];
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "name", true, &name, err) &&
        !kp_body_text(body, "write", false, &writes, err) &&
        !kp_token_create_for(kp_node_store(r->node), name, writes, token, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "name", name);
        kp_json_put_text(&j, "write", writes);
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
