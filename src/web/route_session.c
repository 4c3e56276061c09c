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

enum kp_code kp_reply_session(struct kp_request *r, const char *id, bool keep, struct kp_err *err)
{
    char cookie[200], name[KP_COOKIE_NAME];
    kp_cookie_name(r->port, r->client.tls, name);
    snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s", name, id,
             keep ? KP_SESSION_DAYS * 86400 : 0, r->client.tls ? "; Secure" : "");
    const char *kept = kp_arena_strdup(&r->arena, cookie);
    if (!kept)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_reply_header(r, "Set-Cookie", kept);
    return KP_OK;
}

static void refuse(struct kp_request *r, const char *word, const char *why)
{
    kp_reply_header(r, "WWW-Authenticate", "Bearer realm=\"koppel\"");
    kp_reply_error(r, 401, word, "%s", why);
}

bool kp_reply_locked(struct kp_request *r, const char *user)
{
    char seconds[24];
    int64_t wait = r->guard ? kp_guard_wait(r->guard, user, r->client.from) : 0;
    if (!wait)
        return false;
    snprintf(seconds, sizeof seconds, "%lld", (long long)wait);
    kp_reply_header(r, "Retry-After", kp_arena_strdup(&r->arena, seconds));
    kp_reply_error(r, 429, "locked", "too many wrong passwords: wait %s s", seconds);
    return true;
}

static void put_text(struct kp_json *j, const char *key, const char *text)
{
    kp_json_put_text(j, key, text && *text ? text : NULL);
}

/* Who asks, as he is now. */
static void reply_who(struct kp_request *r)
{
    struct kp_user u = { 0 };
    const struct kp_who *w = &r->who;
    if (strcmp(w->via, "password") == 0 || strcmp(w->via, "oidc") == 0)
        kp_user_find(kp_node_store(r->node), w->user, &u);
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "user", w->user);
    put_text(&j, "displayName", u.display);
    put_text(&j, "language", u.language);
    kp_json_put_text(&j, "role", kp_role_words[w->role]);
    kp_json_put_text(&j, "via", w->via);
    kp_json_put_time(&j, "since", w->session ? w->since : KP_NO_TIME);
    kp_json_put_bool(&j, "mustChangePassword", w->must_change);
    kp_json_put_bool(&j, "totp", w->totp);
    kp_json_put_text(&j, "csrf", NULL);
    kp_json_end(&j, '}');
}

static enum kp_code enter(struct kp_request *r, const struct kp_user *user, const char *token, struct kp_err *err)
{
    char id[KP_SESSION_TEXT];
    const struct kp_session_for who = { .user = user, .token = token, .from = r->client.from, .agent = r->client.agent };
    kp_session_open(r->sessions, &who, id);
    if (!kp_session_check(r->sessions, kp_node_store(r->node), id, true, &r->who))
        refuse(r, "unauthorized", "this was changed just now: try again"); /* the user or the token */
    else if (!kp_reply_session(r, id, true, err))
        reply_who(r);
    explicit_bzero(id, sizeof id);
    return err->code;
}

/* A name that is none may be a password typed into the wrong field: only names of users are written down. */
static void name_user(struct kp_request *r, const char *user)
{
    struct kp_user known;
    if (kp_user_find(kp_node_store(r->node), user, &known))
        snprintf(r->who.user, sizeof r->who.user, "%s", known.name);
    r->who.via = "password";
    r->showed = true;
}

static enum kp_code by_password(struct kp_request *r, const char *user, const char *password, const char *code, struct kp_err *err)
{
    struct kp_user known;
    enum kp_login how;
    name_user(r, user);
    if (kp_reply_locked(r, user) || kp_user_login(kp_node_store(r->node), user, password, code, &how, &known, err))
        return err->code;
    if (how == KP_LOGIN_GOOD) {
        if (r->guard)
            kp_guard_passed(r->guard, user);
        return enter(r, &known, NULL, err);
    }
    if (how == KP_LOGIN_NO_CODE) {
        r->showed = false; /* half of a log-in is no refusal */
        refuse(r, "totp", "give the code of your authenticator app too: {\"user\", \"password\", \"totp\"}");
        return KP_OK;
    }
    if (r->guard)
        kp_guard_failed(r->guard, user, r->client.from);
    refuse(r, "unauthorized", "the user, the password or the code is wrong, or the user is disabled");
    return KP_OK;
}

static enum kp_code by_token(struct kp_request *r, const char *token, struct kp_err *err)
{
    r->who.via = "token";
    r->showed = true;
    if (kp_token_check(kp_node_store(r->node), token, r->who.user, sizeof r->who.user))
        return enter(r, NULL, token, err);
    refuse(r, "unauthorized", "the token is not known to this node, or has expired");
    return KP_OK;
}

static enum kp_code by_code(struct kp_request *r, const char *code, struct kp_err *err)
{
    r->who.via = "code";
    r->showed = true;
    if (kp_code_use(r->sessions, code))
        return enter(r, NULL, NULL, err);
    refuse(r, "unauthorized", "the link was used already or is older than a minute: make a new one with koppel status --url");
    return KP_OK;
}

enum kp_code kp_route_session_open(struct kp_request *r, struct kp_err *err)
{
    enum { USER, PASSWORD, CODE, TOKEN, LINK, KEYS };
    static const char *const keys[KEYS + 1] = { "user", "password", "totp", "token", "code", NULL };
    json_t *body = kp_body_object(r->body, r->body_len, keys, err);
    const char *given[KEYS];
    r->action = "login";
    r->who = (struct kp_who){ 0 };
    kp_request_note(r, "%s", r->client.agent ? r->client.agent : "");
    for (int i = 0; body && i < KEYS; i++)
        if (kp_body_text(body, keys[i], i != CODE && json_object_get(body, keys[i]), &given[i], err)) /* a null is none */
            break;
    if (!body || err->code) {
        ; /* err says what is wrong */
    } else if (!given[USER] != !given[PASSWORD] || !!given[USER] + !!given[TOKEN] + !!given[LINK] != 1) {
        kp_fail(err, KP_EINVALID, "give {\"user\": ..., \"password\": ...}, {\"token\": ...} or {\"code\": ...}");
    } else if (given[USER]) {
        by_password(r, given[USER], given[PASSWORD], given[CODE], err);
    } else if (given[TOKEN]) {
        by_token(r, given[TOKEN], err);
    } else {
        by_code(r, given[LINK], err);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_session(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    reply_who(r);
    return KP_OK;
}

/* ---- all of them ---- */

struct listing {
    struct kp_json j;
    int64_t own;
};

static void put_session(void *arg, const struct kp_session_view *v)
{
    struct listing *l = arg;
    struct kp_json *j = &l->j;
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", v->who.session);
    kp_json_put_text(j, "user", v->who.user);
    kp_json_put_text(j, "role", kp_role_words[v->who.role]);
    kp_json_put_text(j, "via", v->who.via);
    put_text(j, "from", v->who.from);
    put_text(j, "agent", v->agent);
    kp_json_put_time(j, "since", v->who.since);
    kp_json_put_time(j, "used", v->used);
    kp_json_put_time(j, "expires", v->expires);
    kp_json_put_bool(j, "current", v->who.session == l->own);
    kp_json_end(j, '}');
}

static const struct kp_who *whose(const struct kp_request *r)
{
    return r->who.role == KP_OWNER ? NULL : &r->who;
}

enum kp_code kp_route_sessions(struct kp_request *r, struct kp_err *err)
{
    (void)err;
    struct listing l = { kp_reply_json(r), r->who.session };
    kp_json_begin(&l.j, '{');
    kp_json_key(&l.j, "sessions");
    kp_json_begin(&l.j, '[');
    kp_session_list(r->sessions, kp_node_store(r->node), whose(r), put_session, &l);
    kp_json_end(&l.j, ']');
    kp_json_end(&l.j, '}');
    return KP_OK;
}

enum kp_code kp_route_session_revoke(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (kp_name_number(r, "a session", &id, err))
        return err->code;
    if (!kp_session_revoke(r->sessions, kp_node_store(r->node), id, whose(r)))
        return kp_fail(err, KP_ENOTFOUND, "there is no session %lld", (long long)id);
    r->reply.status = 204;
    return KP_OK;
}

enum kp_code kp_route_session_close(struct kp_request *r, struct kp_err *err)
{
    char id[KP_SESSION_TEXT];
    if (kp_cookie_find(r->client.cookie, r->port, r->client.tls, id))
        kp_session_close(r->sessions, id);
    r->action = "logout";
    r->reply.status = 204;
    return kp_reply_session(r, "", false, err);
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
