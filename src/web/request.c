/* SPDX-License-Identifier: Apache-2.0 */
#include "web/request.h"

#include "web/routes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

const char *const kp_method_names[] = { "GET", "POST", "PUT", "PATCH", "DELETE", NULL };

void kp_request_init(struct kp_request *r, struct kp_node *node)
{
    *r = (struct kp_request){ .node = node };
    kp_buf_init(&r->reply.body, KP_REPLY_MAX);
    r->reply.status = 200;
    if (node)
        r->now = kp_utc(kp_hub_clock(kp_node_hub(node)));
}

void kp_request_free(struct kp_request *r)
{
    kp_buf_free(&r->reply.body);
    kp_arena_free(&r->arena);
}

/* ---- replies ---- */

struct kp_json kp_reply_json(struct kp_request *r)
{
    r->reply.type = "application/json; charset=utf-8";
    return kp_json(&r->reply.body);
}

void kp_reply_header(struct kp_request *r, const char *name, const char *value)
{
    if (r->reply.n_headers < KP_REPLY_HEADERS && value)
        r->reply.headers[r->reply.n_headers++] = (struct kp_header){ name, value };
}

static void reply_error(struct kp_request *r, int status, const char *word, const char *message)
{
    kp_buf_free(&r->reply.body);
    kp_buf_init(&r->reply.body, KP_REPLY_MAX);
    r->reply.status = status;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "error", word);
    kp_json_put_text(&j, "message", message);
    kp_json_end(&j, '}');
}

void kp_reply_error(struct kp_request *r, int status, const char *word, const char *fmt, ...)
{
    char message[KP_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    kp_utf8_trim(message);
    reply_error(r, status, word, message);
}

void kp_reply_failure(struct kp_request *r, const struct kp_err *err)
{
    static const int statuses[] = {
        [KP_OK] = 500,       [KP_ENOMEM] = 503,    [KP_EINVALID] = 400, [KP_EPARSE] = 400, [KP_EIO] = 500,
        [KP_EPEER] = 502,    [KP_EREFUSED] = 502,  [KP_EDENIED] = 403,  [KP_ENOTFOUND] = 404,
        [KP_EEXISTS] = 409,  [KP_EFULL] = 409,     [KP_ETIMEOUT] = 504, [KP_ESTOPPED] = 503,
    };
    bool known = (unsigned)err->code < sizeof statuses / sizeof statuses[0];
    int status = known ? statuses[err->code] : 500;
    if (status == 503)
        kp_reply_header(r, "Retry-After", "1");
    reply_error(r, status, kp_code_word(err->code), err->text);
}

const struct kp_arg *kp_arg_get(const struct kp_request *r, const char *name)
{
    static const struct kp_arg none;
    for (size_t i = 0; r->route->params && r->route->params[i].name; i++)
        if (strcmp(r->route->params[i].name, name) == 0)
            return &r->args[i];
    return &none;
}

/* ---- finding the route ---- */

enum { SEGMENTS_MAX = 8 };

/* Cuts and decodes "/a/b" into its names, so that an encoded '/' stays within one. -1: too many. */
static int cut_path(char *path, char *segment[SEGMENTS_MAX], struct kp_err *err)
{
    int n = 0;
    for (char *p = path + 1; p;) {
        if (n == SEGMENTS_MAX)
            return -1;
        char *end = strchr(p, '/');
        if (end)
            *end++ = 0;
        if (kp_url_decode(p, err))
            return -1;
        segment[n++] = p;
        p = end;
    }
    return n;
}

static bool matches(const char *template, char *const *segment, int n, const char **name)
{
    const char *t = template + 1;
    *name = NULL;
    for (int i = 0; i < n; i++) {
        size_t len = strcspn(t, "/");
        if (*t == '{')
            *name = segment[i];
        else if (strlen(segment[i]) != len || memcmp(segment[i], t, len) != 0)
            return false;
        t += len;
        if (!*t)
            return i == n - 1 && (!*name || **name);
        t++;
    }
    return false;
}

static int find_method(struct kp_request *r, const char *method)
{
    r->head = strcmp(method, "HEAD") == 0;
    if (r->head)
        return KP_HTTP_GET;
    for (int i = 0; kp_method_names[i]; i++)
        if (strcmp(kp_method_names[i], method) == 0)
            return i;
    return -1;
}

static bool find_route(struct kp_request *r, const char *method, char *path)
{
    struct kp_err err = { 0 };
    char *segment[SEGMENTS_MAX];
    int n = *path == '/' ? cut_path(path, segment, &err) : -1;
    if (err.code) {
        kp_reply_failure(r, &err);
        return false;
    }
    int wanted = find_method(r, method);
    char allow[64] = "";
    size_t len = 0;
    bool literal = false; /* a word with a route of its own, which stands first, is no name */
    for (const struct kp_route *route = kp_routes; n > 0 && route->path; route++) {
        const char *name;
        if (!matches(route->path, segment, n, &name) || (literal && name))
            continue;
        literal |= !name;
        if ((int)route->method == wanted && !(r->head && route->needs & KP_FLOWS)) {
            r->route = route;
            r->method = route->method;
            r->name = name;
            return true;
        }
        len += (size_t)snprintf(allow + len, sizeof allow - len, "%s%s", len ? ", " : "",
                                kp_method_names[route->method]);
    }
    if (!len) {
        kp_reply_error(r, 404, "not-found", "there is nothing at this address; see /api/v1/openapi.json");
        return false;
    }
    kp_reply_header(r, "Allow", kp_arena_strdup(&r->arena, allow));
    kp_reply_error(r, 405, "method-not-allowed", "%.20s is not possible here; allowed: %s", method, allow);
    return false;
}

/* ---- rights ---- */

static bool deny(struct kp_request *r, const char *why)
{
    kp_reply_error(r, 403, "denied", "%s", why);
    return false;
}

static bool unauthorized(struct kp_request *r, const char *why)
{
    kp_reply_header(r, "WWW-Authenticate", "Bearer realm=\"koppel\"");
    kp_reply_error(r, 401, "unauthorized", "%s", why);
    return false;
}

static bool check_bearer(struct kp_request *r)
{
    const char *given = r->client.authorization;
    const char *token = strchr(given, ' ');
    bool known = strncasecmp(given, "Bearer ", 7) == 0 || strncasecmp(given, "Token ", 6) == 0; /* the latter: clients of InfluxDB */
    r->who.via = "token";
    if (known)
        r->who.role = kp_token_check(kp_node_store(r->node), token + strspn(token, " "), r->who.user, sizeof r->who.user);
    if (r->who.role)
        return true;
    char pattern[KP_PATH_MAX];
    if (!known || !kp_token_writes(kp_node_store(r->node), token + strspn(token, " "), pattern, sizeof pattern))
        return unauthorized(r, "the token is not known to this node, or has expired");
    r->only = kp_arena_strdup(&r->arena, pattern);
    return (r->route->needs & KP_POSTS && r->only) || deny(r, "this token may only post values: POST /api/v1/values");
}

static bool check_session(struct kp_request *r)
{
    char id[KP_SESSION_TEXT];
    if (!kp_cookie_find(r->client.cookie, r->port, id))
        return unauthorized(r, "give a token: Authorization: Bearer TOKEN; `koppel init` printed the first");
    r->who.role = kp_session_check(r->sessions, kp_node_store(r->node), id, r->who.user, sizeof r->who.user);
    if (!r->who.role)
        return unauthorized(r, "the session has ended: give the token again");
    r->who.via = r->who.user[0] ? "token" : "code";
    if (!r->who.user[0])
        snprintf(r->who.user, sizeof r->who.user, "local");
    if (r->method != KP_HTTP_GET && (!r->client.koppel || strcmp(r->client.koppel, "1") != 0))
        return deny(r, "a change made with a session's cookie needs the header X-Koppel: 1");
    return true;
}

static bool check_role(struct kp_request *r)
{
    if (r->only || r->who.role >= r->route->role)
        return true;
    kp_reply_error(r, 403, "denied", "the role %s may not do this: it takes %s", kp_role_words[r->who.role],
                   kp_role_words[r->route->role]);
    return false;
}

static bool check_access(struct kp_request *r)
{
    if (r->client.local) {
        r->who = (struct kp_who){ "local", KP_OWNER, "local" };
        return true;
    }
    if (!r->client.host || !kp_host_is_loopback(r->client.host))
        return deny(r, "the Host header must be localhost, 127.0.0.1 or [::1]");
    if (r->route->needs & KP_OPEN)
        return true;
    if (r->client.authorization ? !check_bearer(r) : !check_session(r))
        return false;
    if (r->route->needs & KP_LOCAL)
        return deny(r, "only possible over the node's Unix socket");
    return check_role(r);
}

/* ---- the request as a whole ---- */

static bool check_query(struct kp_request *r, char *query)
{
    struct kp_err err = { 0 };
    if ((query && kp_query_parse(query, &r->arena, &r->query, &err)) ||
        kp_params_check(r->route->params, &r->query, r->now, r->args, &err)) {
        kp_reply_failure(r, &err);
        return false;
    }
    return true;
}

static bool check_type(struct kp_request *r)
{
    const char *type = r->client.content_type;
    static const char json[] = "application/json";
    if (!(r->route->needs & KP_BODY_JSON) || r->route->needs & KP_BODY_POINTS || !type)
        return true;
    size_t n = sizeof json - 1;
    if (strncasecmp(type, json, n) == 0 && (!type[n] || type[n] == ';' || type[n] == ' '))
        return true;
    kp_reply_error(r, 415, "unsupported-media-type",
                   "the body must be JSON: send Content-Type: application/json, not %.60s", type);
    return false;
}

bool kp_request_begin(struct kp_request *r, const char *method, char *target)
{
    char *query = strchr(target, '?');
    if (query)
        *query++ = 0;
    return find_route(r, method, target) && check_access(r) && check_query(r, query) && check_type(r);
}

void kp_request_serve(struct kp_request *r)
{
    struct kp_err err = { 0 };
    enum kp_code code = r->route->handler(r, &err);
    if (code) {
        if (!err.code)
            kp_fail(&err, code, "%s", kp_code_word(code));
        kp_reply_failure(r, &err);
    } else if (r->reply.body.failed && r->reply.body.len + 4096 > KP_REPLY_MAX / 2) {
        kp_reply_error(r, 413, "too-large", "the reply would be larger than %d MiB: ask for less",
                       KP_REPLY_MAX >> 20);
    } else if (r->reply.body.failed) {
        err = (struct kp_err){ 0 };
        kp_fail(&err, KP_ENOMEM, "out of memory writing the reply");
        kp_reply_failure(r, &err);
    }
}
