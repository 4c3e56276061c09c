/* SPDX-License-Identifier: Apache-2.0 */
/* The contract, and how a browser gets in. */
#include "web/asset.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum kp_code kp_route_openapi(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    kp_reply_json(r);
    kp_buf_add(&r->reply.body, kp_openapi_json, kp_openapi_json_len);
    return KP_OK;
}

static enum kp_code set_cookie(struct kp_request *r, const char *id, bool keep, struct kp_err *err)
{
    char cookie[160];
    snprintf(cookie, sizeof cookie, "koppel-%u=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d", r->port, id,
             keep ? 30 * 86400 : 0);
    const char *kept = kp_arena_strdup(&r->arena, cookie);
    if (!kept)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_reply_header(r, "Set-Cookie", kept);
    r->reply.status = 204;
    return KP_OK;
}

static enum kp_code refuse(struct kp_request *r, const char *why)
{
    kp_reply_header(r, "WWW-Authenticate", "Bearer realm=\"koppel\"");
    kp_reply_error(r, 401, "unauthorized", "%s", why);
    return KP_OK;
}

enum kp_code kp_route_session_open(struct kp_request *r, struct kp_err *err)
{
    static const char *const keys[] = { "token", "code", NULL };
    json_t *body = kp_body_object(r->body, r->body_len, keys, err);
    const char *token = NULL, *code = NULL;
    char name[KP_NAME_MAX], id[KP_SESSION_TEXT];
    if (!body || kp_body_text(body, "token", false, &token, err) || kp_body_text(body, "code", false, &code, err)) {
        ; /* err says what is wrong */
    } else if (!token == !code) {
        kp_fail(err, KP_EINVALID, "give {\"token\": ...} or {\"code\": ...}");
    } else if (token && !kp_token_check(kp_node_store(r->node), token, name, sizeof name)) {
        refuse(r, "the token is not known to this node, or has expired");
    } else if (code && !kp_code_use(r->sessions, code)) {
        refuse(r, "the link was used already or is older than a minute: make a new one with koppel status --url");
    } else {
        kp_session_open(r->sessions, token, id);
        set_cookie(r, id, true, err);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_session(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "user", r->who.user);
    kp_json_put_text(&j, "role", kp_role_words[r->who.role]);
    kp_json_put_text(&j, "via", r->who.via);
    kp_json_end(&j, '}');
    return KP_OK;
}

enum kp_code kp_route_session_close(struct kp_request *r, struct kp_err *err)
{
    char id[KP_SESSION_TEXT];
    if (kp_cookie_find(r->client.cookie, r->port, id))
        kp_session_close(r->sessions, id);
    return set_cookie(r, "", false, err);
}

enum kp_code kp_route_session_link(struct kp_request *r, struct kp_err *err)
{
    char code[KP_SESSION_TEXT], url[120];
    if (!r->port)
        return kp_fail(err, KP_EINVALID, "the node serves no TCP port: start it with --listen 127.0.0.1:8420");
    kp_code_make(r->sessions, code);
    snprintf(url, sizeof url, "http://%s:%u/#code=%s", kp_web_host(r->web), r->port, code);
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "url", url);
    kp_json_put_int(&j, "validSeconds", 60);
    kp_json_end(&j, '}');
    r->reply.status = 201;
    return KP_OK;
}
