/* SPDX-License-Identifier: Apache-2.0 */
#include "web/request.h"

#include "core/log.h"
#include "share/share.h"
#include "web/body.h"
#include "web/lan.h"
#include "web/routes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

void kp_reply_id(struct kp_request *r, int64_t id, int status)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "id", id);
    kp_json_end(&j, '}');
    r->reply.status = status;
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
    if (r->taxii) {
        kp_reply_taxii_error(r, &j, status, word, message);
        return;
    }
    if (r->client.partner) {
        kp_reply_dsp_error(r, &j, word, message);
        return;
    }
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

enum kp_code kp_name_number(const struct kp_request *r, const char *what, int64_t *out, struct kp_err *err)
{
    char *end;
    errno = 0;
    *out = strtoll(r->name, &end, 10);
    if (*end || errno || *out < 1 || r->name[0] < '0' || r->name[0] > '9')
        return kp_fail(err, KP_EINVALID, "'%.40s' is not the number of %s", r->name, what);
    return KP_OK;
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

/* An empty name is none. */
static bool matches(const char *template, char *const *segment, int n, const char *names[KP_ROUTE_NAMES])
{
    const char *t = template + 1;
    int k = 0;
    memset(names, 0, KP_ROUTE_NAMES * sizeof *names);
    for (int i = 0; i < n; i++) {
        size_t len = strcspn(t, "/");
        if (*t == '{' && *segment[i] && k < KP_ROUTE_NAMES)
            names[k++] = segment[i];
        else if (strlen(segment[i]) != len || memcmp(segment[i], t, len) != 0)
            return false;
        t += len;
        if (!*t)
            return i == n - 1;
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
    const struct kp_route *route = r->taxii ? kp_taxii_routes : r->client.partner ? kp_dsp_routes : kp_routes;
    for (; n > 0 && route->path; route++) {
        const char *names[KP_ROUTE_NAMES];
        if (!matches(route->path, segment, n, names) || (literal && *names))
            continue;
        literal |= !*names;
        if ((int)route->method == wanted && !(r->head && route->needs & KP_FLOWS)) {
            r->route = route;
            r->method = route->method;
            r->name = *names;
            memcpy(r->names, names, sizeof names);
            return true;
        }
        len += (size_t)snprintf(allow + len, sizeof allow - len, "%s%s", len ? ", " : "",
                                kp_method_names[route->method]);
    }
    if (!len) {
        kp_reply_error(r, 404, "not-found", r->client.partner || r->taxii ? "there is nothing at this address" : "there is nothing at this address; see /api/v1/openapi.json");
        return false;
    }
    kp_reply_header(r, "Allow", kp_arena_strdup(&r->arena, allow));
    kp_reply_error(r, 405, "method-not-allowed", "%.20s is not possible here; allowed: %s", method, allow);
    return false;
}

/* ---- rights ---- */

static bool deny(struct kp_request *r, const char *why)
{
    r->showed = true;
    kp_reply_error(r, 403, "denied", "%s", why);
    return false;
}

static bool unauthorized(struct kp_request *r, const char *why)
{
    kp_reply_header(r, "WWW-Authenticate", r->taxii ? "Basic realm=\"koppel\", charset=\"UTF-8\"" : "Bearer realm=\"koppel\"");
    kp_reply_error(r, 401, "unauthorized", "%s", why);
    return false;
}

/* The token shown, NULL when it is something else. */
static const char *bearer(const struct kp_request *r)
{
    const char *given = r->client.authorization, *token = strchr(given, ' ');
    bool known = strncasecmp(given, "Bearer ", 7) == 0 || strncasecmp(given, "Token ", 6) == 0; /* the latter: clients of InfluxDB */
    return known ? token + strspn(token, " ") : NULL;
}

static bool by_bearer(const struct kp_request *r, struct kp_who *who)
{
    const char *token = bearer(r);
    who->via = "token";
    who->role = token ? kp_token_check(kp_node_store(r->node), token, who->user, sizeof who->user) : KP_NOBODY;
    return who->role != KP_NOBODY;
}

static bool by_session(const struct kp_request *r, bool use, struct kp_who *who)
{
    char id[KP_SESSION_TEXT];
    return kp_cookie_find(r->client.cookie, r->port, r->client.tls, id) &&
           kp_session_check(r->sessions, kp_node_store(r->node), id, use, who);
}

static bool check_bearer(struct kp_request *r)
{
    r->showed = true;
    if (by_bearer(r, &r->who))
        return true;
    char pattern[KP_PATH_MAX];
    const char *token = bearer(r);
    if (!token || !kp_token_writes(kp_node_store(r->node), token, pattern, sizeof pattern))
        return unauthorized(r, "the token is not known to this node, or has expired");
    r->only = kp_arena_strdup(&r->arena, pattern);
    return (r->route->needs & KP_POSTS && r->only) || deny(r, "this token may only post values: POST /api/v1/values");
}

/* Of a change that a browser may have been made to ask by the page of somebody else: browsers say where it comes from. Behind
 * a proxy only the first of the two can be right. */
static bool check_origin(struct kp_request *r)
{
    const struct kp_client *c = &r->client;
    const char *host = c->origin ? strstr(c->origin, "://") : NULL;
    if (host && c->tls && strncasecmp(c->origin, "https://", 8) != 0)
        host = NULL;
    bool own = c->fetch_site ? strcmp(c->fetch_site, "same-origin") == 0 || strcmp(c->fetch_site, "none") == 0
                             : !c->origin || (host && strcasecmp(host + 3, c->host) == 0);
    return own || r->method == KP_HTTP_GET || deny(r, "a page of another site may change nothing here");
}

static bool check_session(struct kp_request *r)
{
    char id[KP_SESSION_TEXT];
    if (!kp_cookie_find(r->client.cookie, r->port, r->client.tls, id))
        return unauthorized(r, "log in, or give a token: Authorization: Bearer TOKEN; `koppel init` printed the first");
    if (!by_session(r, true, &r->who))
        return unauthorized(r, "the session has ended: log in again");
    r->showed = true;
    if (r->method != KP_HTTP_GET && (!r->client.koppel || strcmp(r->client.koppel, "1") != 0))
        return deny(r, "a change made with a session's cookie needs the header X-Koppel: 1");
    return check_origin(r);
}

static bool is_own(const struct kp_request *r)
{
    return r->route->needs & KP_OWN && r->name && strcmp(r->who.via, "password") == 0 && strcmp(r->name, r->who.user) == 0;
}

static bool check_first(struct kp_request *r)
{
    if (!r->who.must_change || r->route->needs & KP_FIRST)
        return true;
    r->showed = false; /* the console's, before it has asked for one: no matter for the audit log */
    kp_reply_error(r, 403, "must-change", "choose a password of your own first: PUT /api/v1/users/%s/password", r->who.user);
    return false;
}

static bool check_role(struct kp_request *r)
{
    if (r->only || r->who.role >= r->route->role || is_own(r))
        return true;
    kp_reply_error(r, 403, "denied", "the role %s may not do this: it takes %s", kp_role_words[r->who.role],
                   kp_role_words[r->route->role]);
    return false;
}

/* A page of somebody else may have made its own name point here: only what asks for us by one of our names is answered. */
static bool check_host(struct kp_request *r)
{
    const char *host = r->client.host;
    if (!r->client.tls)
        return (host && kp_host_is_loopback(host)) || deny(r, "the Host header must be localhost, 127.0.0.1 or [::1]");
    if (host && kp_lan_answers(kp_web_lan(r->web), host))
        return true;
    kp_reply_error(r, 421, "misdirected", "this node is not reached as '%.80s': an owner can add the name with koppel listen --lan NAME",
                   host ? host : "");
    return false;
}

/* A partner shows who he is with each request; there are no cookies, and no roles. */
static bool check_partner(struct kp_request *r)
{
    struct kp_err err = { 0 };
    r->who.via = "partner";
    r->to = KP_TO_PARTNER;
    if (r->route->needs & KP_OPEN)
        return true;
    r->showed = r->client.authorization;
    if (!kp_share_who(kp_node_share(r->node), r->client.authorization, &r->arena, &r->partner, &err)) {
        snprintf(r->who.user, sizeof r->who.user, "%s", r->partner);
        return true;
    }
    if (err.code == KP_EDENIED)
        return unauthorized(r, err.text);
    kp_reply_failure(r, &err);
    return false;
}

/* Who has the right to the socket may ask for less than that gives, with a token. */
static bool check_shown(struct kp_request *r)
{
    r->to = KP_TO_COMPANY;
    return check_bearer(r) && check_role(r);
}

static bool is_in(struct kp_request *r, enum kp_taxii_access access)
{
    if (access == KP_TAXII_NOBODY)
        unauthorized(r, "give a user and his password, or a token of this node as the password: Authorization: Basic or Bearer");
    return access == KP_TAXII_KNOWN;
}

/* Who is a member of collections shows it with each request, and gets there what a company that is not this one may have. */
static bool check_member(struct kp_request *r)
{
    if (!r->client.partner && !r->client.local && !check_host(r))
        return false;
    r->to = KP_TO_PARTNER;
    r->showed = r->client.authorization;
    enum kp_taxii_access access = kp_taxii_enter(r);
    r->later = access == KP_TAXII_LATER;
    return r->later || is_in(r, access);
}

static bool check_access(struct kp_request *r)
{
    if (r->taxii)
        return check_member(r);
    if (r->client.partner)
        return check_partner(r);
    if (r->route->needs & KP_AS_SHOWN && r->client.local && r->client.authorization)
        return check_shown(r);
    if (r->client.local) {
        r->who = (struct kp_who){ .user = "local", .role = KP_OWNER, .via = "local" };
        r->to = KP_TO_NODE;
        return true;
    }
    if (!check_host(r))
        return false;
    if (r->route->needs & KP_OPEN)
        return check_origin(r);
    if ((r->client.authorization ? !check_bearer(r) : !check_session(r)) || !check_first(r))
        return false;
    /* A token is for a program, also when that has made a session of it; a person who has logged in is at the console. */
    r->to = strcmp(r->who.via, "token") == 0 ? KP_TO_COMPANY : KP_TO_NODE;
    if (r->route->needs & KP_AS_SHOWN && !check_origin(r))
        return false;
    if (r->route->needs & KP_LOCAL)
        return deny(r, "only possible over the node's Unix socket");
    return check_role(r);
}

bool kp_request_allowed(const struct kp_request *r)
{
    struct kp_who who = { 0 };
    if (r->client.partner) /* what he may is asked before each piece (share/data.h) */
        return kp_lan_on(kp_web_partners(r->web));
    if (r->client.tls && !kp_lan_on(kp_web_lan(r->web)))
        return false;
    return r->client.local || ((r->client.authorization ? by_bearer(r, &who) : by_session(r, false, &who)) &&
                               !who.must_change && who.role >= r->route->role);
}

/* ---- the audit log ---- */

void kp_request_note(struct kp_request *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->note, sizeof r->note, fmt, ap);
    va_end(ap);
    kp_utf8_trim(r->note);
}

/* Names, not values: a password is a value. */
static void describe(struct kp_request *r, struct kp_buf *detail, const char **target)
{
    *target = r->name ? r->name : kp_arg_text(r, "path");
    kp_buf_str(detail, r->note);
    for (size_t i = 0; i < r->query.n && !r->note[0]; i++)
        if (strcmp(r->query.pair[i].key, "path") != 0)
            kp_buf_printf(detail, "%s%s=%s", detail->len ? " " : "", r->query.pair[i].key, r->query.pair[i].value);
    if (r->body_len && r->route->needs & KP_BODY_JSON && !(r->route->needs & KP_BODY_POINTS))
        kp_body_describe(r->body, r->body_len, &r->arena, *target ? NULL : target, r->note[0] ? NULL : detail);
}

/* The one place that writes down what people do, and what they were refused. What they do is on the disk before they are
 * answered. */
static void audit(struct kp_request *r)
{
    static const size_t prefix = sizeof "/api/v1" - 1;
    int status = r->reply.status;
    bool refused = status == 401 || status == 403 || status == 429;
    bool changed = status < 400 && (r->method != KP_HTTP_GET || r->action) && !(r->route->needs & KP_DATA) && !kp_arg_int(r, "dryRun");
    kp_request_observe(r, refused, changed);
    if (!r->guard || (!changed && !(refused && r->showed)))
        return;
    char action[96];
    struct kp_buf detail;
    struct kp_err err = { 0 };
    kp_buf_init(&detail, KP_AUDIT_TEXT);
    const char *path = r->route->path + (strncmp(r->route->path, "/api/v1/", prefix + 1) == 0 ? prefix : 0);
    snprintf(action, sizeof action, "%s %s", kp_method_names[r->method], path);
    struct kp_audit row = { .user = r->who.user[0] ? r->who.user : NULL, .via = r->who.via,
                            .from = r->client.from[0] ? r->client.from : NULL, .action = r->action ? r->action : action,
                            .result = changed ? "ok" : status == 401 ? "unauthorized" : status == 403 ? "denied" : "locked" };
    describe(r, &detail, &row.target);
    row.detail = detail.len ? kp_buf_text(&detail) : NULL;
    if (refused)
        kp_guard_refused(r->guard, &row);
    else if (kp_audit_add(kp_node_store(r->node), &row, &err))
        kp_error("audit", "a change is missing in the audit log", "action=%s why=%s", kp_log_quote(row.action),
                 kp_log_quote(err.text));
    kp_buf_free(&detail);
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
    if (r->client.partner && strncasecmp(type, "application/ld+json", 19) == 0)
        return true;
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
    r->taxii = strncmp(target, KP_TAXII_PATH, sizeof KP_TAXII_PATH - 1) == 0;
    if (!find_route(r, method, target))
        return false;
    if (!check_access(r)) {
        audit(r);
        return false;
    }
    return check_query(r, query) && check_type(r);
}

bool kp_request_within(struct kp_request *r, const struct kp_request *outer, enum kp_recipient to, const char *method, char *target)
{
    char *query = strchr(target, '?');
    if (query)
        *query++ = 0;
    kp_request_init(r, outer->node);
    r->web = outer->web;
    r->sessions = outer->sessions;
    r->oidc = outer->oidc;
    r->client = outer->client;
    r->who = outer->who;
    r->to = to < outer->to ? to : outer->to;
    r->now = outer->now;
    return find_route(r, method, target) && check_role(r) && check_query(r, query);
}

void kp_request_serve(struct kp_request *r)
{
    struct kp_err err = { 0 };
    if (r->later && !is_in(r, kp_taxii_login(r))) {
        audit(r);
        return;
    }
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
    audit(r);
}
