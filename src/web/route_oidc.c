/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in at the identity provider, and what an owner says of it. */
#include "web/body.h"
#include "web/oidc.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* ---- the browser's way ---- */
static void give_up(void *arg)
{
    atomic_bool *gone = arg;
    *gone = true;
}

/* On its way back the browser comes from another site, so this one is no SameSite=Strict. It ends
 * with the log-in. */
static enum kp_code set_cookie(struct kp_request *r, const char *value, bool keep,
                               struct kp_err *err)
{
    char cookie[200];
    snprintf(cookie, sizeof cookie,
             "%skoppel-oidc-%u=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s",
             r->client.tls ? "__Host-" : "", r->port, value, keep ? KP_OIDC_BEGUN_S : 0,
             r->client.tls ? "; Secure" : "");
    const char *kept = kp_arena_strdup(&r->arena, cookie);
    if (!kept)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_reply_header(r, "Set-Cookie", kept);
    return KP_OK;
}

static enum kp_code send_to(struct kp_request *r, const char *where, struct kp_err *err)
{
    const char *kept = kp_arena_strdup(&r->arena, where);
    if (!kept)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_reply_header(r, "Location", kept);
    r->reply.status = 302;
    return KP_OK;
}

/* The Host header is one of our names: that was checked. */
enum kp_code kp_route_oidc_start(struct kp_request *r, struct kp_err *err)
{
    char base[300], cookie[KP_SESSION_TEXT];
    struct kp_buf location;
    atomic_bool gone = false;
    if (!r->client.host || strlen(r->client.host) > 270)
        return kp_fail(err, KP_EINVALID, "a browser begins this: open it there");
    if (!r->oidc)
        return kp_fail(err, KP_ENOTFOUND, "this node does not log in by an identity provider");
    snprintf(base, sizeof base, "%s://%s", r->client.tls ? "https" : "http", r->client.host);
    kp_buf_init(&location, 8192);
    kp_request_on_gone(r, give_up, &gone);
    if (!kp_oidc_begin(r->oidc, base, r->client.from, &location, cookie, &gone, err) &&
        !set_cookie(r, cookie, true, err))
        send_to(r, kp_buf_text(&location), err);
    kp_request_on_gone(r, NULL, NULL);
    kp_buf_free(&location);
    return err->code;
}

static enum kp_code enter(struct kp_request *r, const struct kp_oidc_person *p, struct kp_err *err)
{
    char id[KP_SESSION_TEXT];
    struct kp_session_for who = { .from = r->client.from, .agent = r->client.agent, .oidc = true };
    if (p->role) {
        who.name = p->name;
        who.role = p->role;
    } else {
        who.user = &p->user;
    }
    kp_session_open(r->sessions, &who, id);
    if (!kp_session_check(r->sessions, kp_node_store(r->node), id, true, &r->who))
        kp_fail(err, KP_EDENIED, "the user was changed just now: try again");
    else if (!set_cookie(r, "", false, err) && !kp_reply_session(r, id, true, err))
        send_to(r, "/", err);
    explicit_bzero(id, sizeof id);
    return err->code;
}

enum kp_code kp_route_oidc_callback(struct kp_request *r, struct kp_err *err)
{
    char cookie[KP_SESSION_TEXT], name[48];
    struct kp_oidc_person person;
    atomic_bool gone = false;
    r->action = "login";
    r->showed = true;
    r->who = (struct kp_who){ .via = "oidc" };
    kp_request_note(r, "%s",
                    r->client.agent && *r->client.agent ? r->client.agent
                                                        : "a browser"); /* instead of the query */
    if (!r->oidc)
        return kp_fail(err, KP_ENOTFOUND, "this node does not log in by an identity provider");
    snprintf(name, sizeof name, "%skoppel-oidc-%u", r->client.tls ? "__Host-" : "", r->port);
    bool same = kp_cookie_value(r->client.cookie, name, cookie);
    struct kp_oidc_answer answer = { kp_arg_text(r, "state"), kp_arg_text(r, "code"),
                                     kp_arg_text(r, "iss"), same ? cookie : NULL };
    kp_request_on_gone(r, give_up, &gone);
    kp_oidc_finish(r->oidc, &answer, &person, &gone, err);
    kp_request_on_gone(r, NULL, NULL);
    if (!err->code)
        return enter(r, &person, err);
    snprintf(r->who.user, sizeof r->who.user, "%s", person.name);
    kp_request_note(r, "%s", err->text);
    return err->code;
}

/* Begins the reply with whether there is one. Requests made by hand, in tests, have none. */
static enum kp_code begin_reply(struct kp_request *r, struct kp_oidc_settings *s, struct kp_json *j,
                                struct kp_err *err)
{
    memset(s, 0, sizeof *s);
    if (r->oidc && kp_oidc_get(r->oidc, s, err))
        return err->code;
    *j = kp_reply_json(r);
    kp_json_begin(j, '{');
    kp_json_put_bool(j, "enabled", s->issuer[0]);
    return KP_OK;
}

enum kp_code kp_route_oidc(struct kp_request *r, struct kp_err *err)
{
    struct kp_oidc_settings s;
    struct kp_json j;
    if (begin_reply(r, &s, &j, err))
        return err->code;
    kp_json_put_text(&j, "name", s.name[0] ? s.name : NULL);
    kp_json_end(&j, '}');
    return KP_OK;
}

/* ---- the owner's ---- */
static void put_roles(struct kp_json *j, const struct kp_oidc_settings *s)
{
    kp_json_key(j, "roles");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < s->n; i++) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "claim", s->role[i].claim);
        kp_json_put_text(j, "value", s->role[i].value);
        kp_json_put_text(j, "role", kp_role_words[s->role[i].role]);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

enum kp_code kp_route_oidc_settings(struct kp_request *r, struct kp_err *err)
{
    struct kp_oidc_settings s;
    struct kp_json j;
    if (begin_reply(r, &s, &j, err))
        return err->code;
    kp_json_put_text(&j, "issuer", s.issuer[0] ? s.issuer : NULL);
    kp_json_put_text(&j, "clientId", s.client[0] ? s.client : NULL);
    kp_json_key(&j, "secret");
    kp_json_begin(&j, '{');
    kp_json_put_bool(&j, "set", s.secret);
    kp_json_end(&j, '}');
    kp_json_put_text(&j, "name", s.name[0] ? s.name : NULL);
    kp_json_put_text(&j, "claim", kp_oidc_claims[s.claim]);
    put_roles(&j, &s);
    kp_json_end(&j, '}');
    return KP_OK;
}

static enum kp_code read_text(const json_t *body, const char *key, char *out, size_t size,
                              struct kp_err *err)
{
    const char *text;
    if (!json_object_get(body, key) || kp_body_text(body, key, false, &text, err))
        return err->code;
    if (text && strlen(text) >= size)
        return kp_fail(err, KP_EINVALID, "%s is longer than %zu bytes", key, size - 1);
    snprintf(out, size, "%s", text ? text : "");
    return KP_OK;
}

static enum kp_code read_claim(const json_t *body, enum kp_oidc_claim *out, struct kp_err *err)
{
    char word[32] = "";
    if (read_text(body, "claim", word, sizeof word, err) || !word[0])
        return err->code;
    for (int i = 0; kp_oidc_claims[i]; i++)
        if (strcmp(kp_oidc_claims[i], word) == 0) {
            *out = (enum kp_oidc_claim)i;
            return KP_OK;
        }
    return kp_fail(err, KP_EINVALID, "claim: '%s' is none of email, preferred_username, sub", word);
}

static enum kp_code read_roles(const json_t *body, struct kp_oidc_settings *s, struct kp_err *err)
{
    static const char *const keys[] = { "claim", "value", "role", NULL };
    const json_t *list = json_object_get(body, "roles"), *one;
    size_t i;
    if (!list)
        return KP_OK;
    if (!json_is_array(list) || json_array_size(list) > KP_OIDC_ROLES_MAX)
        return kp_fail(err, KP_EINVALID, "roles must be a list of up to %d", KP_OIDC_ROLES_MAX);
    s->n = 0;
    json_array_foreach(list, i, one)
    {
        struct kp_oidc_role *role = &s->role[s->n++];
        char word[16] = "";
        *role = (struct kp_oidc_role){ 0 };
        if (!json_is_object(one))
            return kp_fail(err, KP_EINVALID,
                           "roles must be a list of {\"claim\", \"value\", \"role\"}");
        if (read_text(one, keys[0], role->claim, sizeof role->claim, err) ||
            read_text(one, keys[1], role->value, sizeof role->value, err) ||
            read_text(one, keys[2], word, sizeof word, err))
            return err->code;
        role->role = kp_role_find(word);
    }
    return KP_OK;
}

enum kp_code kp_route_oidc_put(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "issuer", "clientId", "secret", "name",
                                         "claim",  "roles",    NULL };
    struct kp_oidc_settings s;
    const char *secret;
    atomic_bool gone = false;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !r->oidc)
        kp_fail(err, KP_ESTOPPED, "the listeners are not running");
    if (body && !err->code && !kp_oidc_get(r->oidc, &s, err) &&
        !read_text(body, "issuer", s.issuer, sizeof s.issuer, err) &&
        !read_text(body, "clientId", s.client, sizeof s.client, err) &&
        !read_text(body, "name", s.name, sizeof s.name, err) && !read_claim(body, &s.claim, err) &&
        !read_roles(body, &s, err) && !kp_body_text(body, "secret", false, &secret, err)) {
        if (!s.issuer[0])
            kp_fail(err, KP_EINVALID, "issuer is missing: the address of the identity provider");
        kp_request_on_gone(r, give_up, &gone);
        if (!err->code && !kp_oidc_put(r->oidc, &s, secret, &gone, err))
            kp_session_end_oidc(r->sessions);
        kp_request_on_gone(r, NULL, NULL);
    }
    json_decref(body);
    return err->code ? err->code : kp_route_oidc_settings(r, err);
}

enum kp_code kp_route_oidc_end(struct kp_request *r, struct kp_err *err)
{
    static const struct kp_oidc_settings off;
    atomic_bool gone = false;
    if (!r->oidc)
        return kp_fail(err, KP_ESTOPPED, "the listeners are not running");
    if (kp_oidc_put(r->oidc, &off, "", &gone, err))
        return err->code;
    kp_session_end_oidc(r->sessions);
    r->reply.status = 204;
    return KP_OK;
}
