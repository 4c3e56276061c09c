/* SPDX-License-Identifier: Apache-2.0 */
/* People who log in by name: an owner says who may what; each changes his own password and second
 * factor. */
#include "core/url.h"
#include "store/totp.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static struct kp_store *store(const struct kp_request *r)
{
    return kp_node_store(r->node);
}

/* ---- the list ---- */

static void put_members(struct kp_json *j, const struct kp_user *u)
{
    kp_json_put_text(j, "name", u->name);
    kp_json_put_text(j, "role", u->member ? "member" : kp_role_words[u->role]);
    kp_json_put_text(j, "displayName", u->display[0] ? u->display : NULL);
    kp_json_put_text(j, "language", u->language[0] ? u->language : NULL);
    kp_json_put_text(j, "mail", u->mail[0] ? u->mail : NULL);
    kp_json_put_bool(j, "disabled", u->disabled);
    kp_json_put_bool(j, "mustChangePassword", u->must_change);
    kp_json_put_bool(j, "totp", u->totp);
    kp_json_put_time(j, "created", u->created);
    kp_json_put_time(j, "seen", u->seen);
}

static bool put_user(void *arg, const struct kp_user *u)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '{');
    put_members(j, u);
    kp_json_end(j, '}');
    return true;
}

enum kp_code kp_route_users(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "users");
    kp_json_begin(&j, '[');
    kp_user_list(store(r), put_user, &j, err);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return err->code;
}

/* A user as he is now, and a password that is shown this once. */
static enum kp_code reply_user(struct kp_request *r, const char *name, const char *password,
                               struct kp_err *err)
{
    struct kp_user u;
    if (!kp_user_find(store(r), name, &u))
        return kp_fail(err, KP_ENOTFOUND, "there is no user named '%.60s'", name);
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    put_members(&j, &u);
    if (password)
        kp_json_put_text(&j, "password", password);
    kp_json_end(&j, '}');
    return KP_OK;
}

/* ---- making and changing ---- */

static enum kp_code read_change(const json_t *body, struct kp_user_change *c, struct kp_err *err)
{
    const char *role;
    const json_t *disabled = json_object_get(body, "disabled");
    *c = (struct kp_user_change){ .disabled = -1 };
    if (kp_body_text(body, "displayName", false, &c->display, err) ||
        kp_body_text(body, "language", false, &c->language, err) ||
        kp_body_text(body, "mail", false, &c->mail, err) ||
        kp_body_text(body, "role", false, &role, err))
        return err->code;
    c->member = role && strcmp(role, "member") == 0;
    if (role && !c->member && !(c->role = kp_role_find(role)))
        return kp_fail(err, KP_EINVALID,
                       "'%.40s' is no role: member, viewer, operator, engineer or owner", role);
    if (disabled && !json_is_null(disabled) && !json_is_boolean(disabled))
        return kp_fail(err, KP_EINVALID, "'disabled' must be true or false");
    c->disabled = json_is_boolean(disabled) ? json_is_true(disabled) : -1;
    return KP_OK;
}

static void note_change(struct kp_request *r, const struct kp_user_change *c)
{
    kp_request_note(r, "%s%s%s%s%s%s", c->role || c->member ? "role " : "",
                    c->member ? "member"
                    : c->role ? kp_role_words[c->role]
                              : "",
                    c->disabled > 0    ? " disabled"
                    : c->disabled == 0 ? " enabled"
                                       : "",
                    c->display ? " displayName" : "", c->language ? " language" : "",
                    c->mail ? " mail" : "");
}

/* The password given, or one made here, which then has to be changed. */
static enum kp_code read_password(const json_t *body, char made[KP_PASSWORD_TEXT],
                                  const char **password, struct kp_err *err)
{
    made[0] = 0;
    if (kp_body_text(body, "password", false, password, err))
        return err->code;
    if (!*password) {
        kp_password_make(made);
        *password = made;
    }
    return KP_OK;
}

enum kp_code kp_route_user_add(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "name", "role",     "displayName", "language",
                                         "mail", "disabled", "password",    "mustChangePassword",
                                         NULL };
    struct kp_user_change as;
    const char *name, *password;
    char made[KP_PASSWORD_TEXT];
    bool must;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "name", true, &name, err) && !read_change(body, &as, err) &&
        !read_password(body, made, &password, err) &&
        !kp_body_truth(body, "mustChangePassword", true, &must, err) &&
        !kp_user_add(store(r), name, &as, password, must || made[0], err) &&
        !reply_user(r, name, made[0] ? made : NULL, err)) {
        note_change(r, &as);
        r->reply.status = 201;
    }
    explicit_bzero(made, sizeof made);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_user_change(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = {
        "role", "displayName", "language", "mail", "disabled", NULL
    };
    struct kp_user_change change;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (!body || read_change(body, &change, err)) {
        ; /* err says what is wrong */
    } else if (r->who.role < KP_OWNER && (change.role || change.member || change.disabled >= 0)) {
        kp_fail(err, KP_EDENIED, "only an owner says what somebody may do");
    } else if (!kp_user_change(store(r), r->name, &change, err)) {
        note_change(r, &change);
        reply_user(r, r->name, NULL, err);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_user_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_user_remove(store(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}

/* ---- passwords ---- */

static bool is_self(const struct kp_request *r)
{
    return strcmp(r->who.via, "password") == 0 && strcmp(r->who.user, r->name) == 0;
}

/* Whoever finds a browser left open does not get the account with it. */
static bool knows_current(struct kp_request *r, const char *current, struct kp_err *err)
{
    bool right = false;
    if (kp_reply_locked(r, r->who.user) ||
        (current && kp_user_knows(store(r), r->who.user, current, &right, err)))
        return false;
    if (!right && current && r->guard)
        kp_guard_failed(r->guard, r->who.user, r->client.from);
    if (!right)
        kp_fail(err, KP_EDENIED,
                current ? "the current password is wrong"
                        : "give your current password too: \"current\"");
    return right;
}

static enum kp_code change_own(struct kp_request *r, const char *current, const char *password,
                               struct kp_err *err)
{
    struct kp_user u;
    bool same;
    if (!password)
        return kp_fail(err, KP_EINVALID, "'password' is missing in the body");
    if ((!r->who.must_change && !knows_current(r, current, err)) ||
        kp_user_knows(store(r), r->name, password, &same, err))
        return err->code;
    if (same)
        return kp_fail(err, KP_EINVALID, "this is the password you have: take another one");
    if (kp_user_password(store(r), r->name, password, false, err))
        return err->code;
    if (kp_user_find(store(r), r->name, &u))
        kp_session_renew(r->sessions, r->who.session, u.epoch);
    return reply_user(r, r->name, NULL, err);
}

static enum kp_code change_other(struct kp_request *r, const json_t *body, struct kp_err *err)
{
    const char *password;
    char made[KP_PASSWORD_TEXT];
    bool must;
    if (!read_password(body, made, &password, err) &&
        !kp_body_truth(body, "mustChangePassword", true, &must, err) &&
        !kp_user_password(store(r), r->name, password, must || made[0], err))
        reply_user(r, r->name, made[0] ? made : NULL, err);
    explicit_bzero(made, sizeof made);
    return err->code;
}

enum kp_code kp_route_user_password(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "password", "current", "mustChangePassword", NULL };
    const char *current, *password;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    kp_request_note(r, "%s", is_self(r) ? "own" : "");
    if (body && !kp_body_text(body, "current", false, &current, err) &&
        !kp_body_text(body, "password", false, &password, err)) {
        if (is_self(r))
            change_own(r, current, password, err);
        else
            change_other(r, body, err);
    }
    json_decref(body);
    return err->code;
}

/* ---- the second factor ---- */

static enum kp_code only_self(const struct kp_request *r, struct kp_err *err)
{
    return is_self(r)
               ? KP_OK
               : kp_fail(err, KP_EDENIED,
                         "only %.60s may set up a second factor, logged in with the password",
                         r->name);
}

enum kp_code kp_route_totp_begin(struct kp_request *r, struct kp_err *err)
{
    char secret[KP_TOTP_TEXT];
    struct kp_buf uri;
    if (only_self(r, err) || kp_user_totp_begin(store(r), r->name, secret, err))
        return err->code;
    kp_buf_init(&uri, 2048);
    kp_buf_str(&uri, "otpauth://totp/koppel%20");
    kp_url_escape(&uri, kp_node_name(r->node), KP_URL_UNRESERVED);
    kp_buf_str(&uri, ":");
    kp_url_escape(&uri, r->name, KP_URL_UNRESERVED);
    kp_buf_printf(&uri, "?secret=%s&issuer=koppel%%20", secret);
    kp_url_escape(&uri, kp_node_name(r->node), KP_URL_UNRESERVED);
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "secret", secret);
    kp_json_put_text(&j, "uri", kp_buf_text(&uri));
    kp_json_end(&j, '}');
    r->reply.status = 201;
    explicit_bzero(secret, sizeof secret);
    kp_buf_free(&uri);
    return KP_OK;
}

enum kp_code kp_route_totp_confirm(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "code", NULL };
    const char *code;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !only_self(r, err) && !kp_body_text(body, "code", true, &code, err) &&
        !kp_user_totp_confirm(store(r), r->name, code, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_totp_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_user_totp_remove(store(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}
