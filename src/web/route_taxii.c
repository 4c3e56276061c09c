/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
/* TAXII 2.1 over HTTP: the media type, who asks, and the answers of shield/taxii.h. */
#include "core/encoding.h"
#include "share/share.h"
#include "shield/taxii.h"
#include "store/user.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

#define MEDIA "application/taxii+json"
static const char media_type[] = MEDIA ";version=2.1";

/* ---- errors ---- */
void kp_reply_taxii_error(struct kp_request *r, struct kp_json *j, int status, const char *word,
                          const char *message)
{
    char number[8];
    snprintf(number, sizeof number, "%d", status);
    r->reply.type = media_type;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "title", message);
    kp_json_put_text(j, "error_code", word);
    kp_json_put_text(j, "http_status", number);
    kp_json_end(j, '}');
}

/* ---- who asks ---- */
static bool decode(const char *text, char *out, size_t size)
{
    unsigned bits = 0, have = 0;
    size_t n = 0;
    for (; *text && *text != '='; text++) {
        int d = kp_base64_digit(*text);
        if (d < 0 || n + 1 >= size)
            return false;
        bits = bits << 6 | (unsigned)d;
        if ((have += 6) < 8)
            continue;
        have -= 8;
        out[n++] = (char)(bits >> have);
        bits &= (1u << have) - 1;
    }
    out[n] = 0;
    return strlen(out) == n;
}

enum { SECRET = 4096 };

/* The token shown, of Basic the password; `user` is whoever he says he is, "" for nobody. */
static bool read_token(const char *authorization, char user[KP_USER_MAX], char out[SECRET])
{
    char login[SECRET];
    *user = 0;
    const char *text = strchr(authorization, ' ');
    text = text ? text + strspn(text, " ") : "";
    bool basic = strncasecmp(authorization, "Basic ", 6) == 0;
    bool known = basic || strncasecmp(authorization, "Bearer ", 7) == 0 ||
                 strncasecmp(authorization, "Token ", 6) == 0;
    if (basic && (!decode(text, login, sizeof login) || !(text = strchr(login, ':'))))
        return false;
    snprintf(out, SECRET, "%s", basic ? text + 1 : text);
    if (basic && text - login < KP_USER_MAX)
        snprintf(user, KP_USER_MAX, "%.*s", (int)(text - login), login);
    explicit_bzero(login, sizeof login);
    return known && *out;
}

/* A partner's secret may come as a password too. */
static bool is_partner(struct kp_request *r, const char *token)
{
    struct kp_err none = { 0 };
    struct kp_buf bearer;
    if (!r->client.partner)
        return false;
    kp_buf_init(&bearer, 2 * SECRET);
    kp_buf_printf(&bearer, "Bearer %s", token);
    bool known = !bearer.failed && !kp_share_who(kp_node_share(r->node), kp_buf_text(&bearer),
                                                 &r->arena, &r->partner, &none);
    if (bearer.data)
        explicit_bzero(bearer.data, bearer.len);
    kp_buf_free(&bearer);
    return known;
}

/* A member who is not remembered: his password is looked at where that may take a while. */
static enum kp_taxii_access look_at_member(struct kp_request *r, const char *user,
                                           const char *password)
{
    bool known = kp_member_known(kp_node_store(r->node), user, password);
    r->who.via = "user";
    if (known)
        snprintf(r->who.user, sizeof r->who.user, "%s", user);
    else if (kp_reply_locked(r, user))
        return KP_TAXII_ANSWERED;
    return known ? KP_TAXII_KNOWN : KP_TAXII_LATER;
}

enum kp_taxii_access kp_taxii_enter(struct kp_request *r)
{
    char token[SECRET] = "", user[KP_USER_MAX] = "";
    enum kp_taxii_access access = KP_TAXII_NOBODY;
    r->who.via = "token";
    if (r->client.local) {
        snprintf(r->who.user, sizeof r->who.user, "local");
        return KP_TAXII_KNOWN;
    }
    if (!r->client.authorization || !read_token(r->client.authorization, user, token))
        return KP_TAXII_NOBODY;
    if (kp_token_joins(kp_node_store(r->node), token, r->who.user, sizeof r->who.user)) {
        access = KP_TAXII_KNOWN;
    } else if (is_partner(r, token)) {
        access = KP_TAXII_KNOWN;
        r->who.via = "partner";
        snprintf(r->who.user, sizeof r->who.user, "%s", r->partner);
    } else if (*user) {
        access = look_at_member(r, user, token);
    }
    explicit_bzero(token, sizeof token);
    return access;
}

static enum kp_taxii_access login(struct kp_request *r, const char *user, const char *password)
{
    struct kp_user known;
    struct kp_err err = { 0 };
    bool right;
    /* a name that is none may be a password typed into the wrong field: it is not written down */
    if (kp_user_find(kp_node_store(r->node), user, &known))
        snprintf(r->who.user, sizeof r->who.user, "%s", known.name);
    if (kp_reply_locked(r, user)) /* others may have tried meanwhile */
        return KP_TAXII_ANSWERED;
    if (kp_member_login(kp_node_store(r->node), user, password, &right, &err)) {
        kp_reply_failure(r, &err);
        return KP_TAXII_ANSWERED;
    }
    if (r->guard)
        right ? kp_guard_passed(r->guard, user) : kp_guard_failed(r->guard, user, r->client.from);
    return right ? KP_TAXII_KNOWN : KP_TAXII_NOBODY;
}

enum kp_taxii_access kp_taxii_login(struct kp_request *r)
{
    char password[SECRET] = "", user[KP_USER_MAX] = "";
    enum kp_taxii_access access = KP_TAXII_NOBODY;
    if (read_token(r->client.authorization, user, password))
        access = login(r, user, password);
    explicit_bzero(password, sizeof password);
    return access;
}

/* ---- the media type ---- */
/* Whether one of a list of media ranges is ours: "a/b;version=2.1;q=0.5, c/d". */
static bool is_ours(const char *range, size_t n)
{
    char text[120];
    size_t k = 0;
    for (size_t i = 0; i < n && k + 1 < sizeof text; i++)
        if (!strchr(" \t\"", range[i]))
            text[k++] = range[i];
    text[k] = 0;
    char *options = strchr(text, ';'), *version = options ? strcasestr(options, ";version=") : NULL;
    if (options)
        *options = 0;
    if (strcmp(text, "*/*") == 0 || strcasecmp(text, "application/*") == 0)
        return true;
    return strcasecmp(text, MEDIA) == 0 &&
           (!version || (strncmp(version + 9, "2.1", 3) == 0 && strchr(";", version[12])));
}

static bool accepts(const char *accept)
{
    if (!accept)
        return true;
    for (const char *at = accept; *at;) {
        size_t n = strcspn(at, ",");
        if (is_ours(at, n))
            return true;
        at += n + (at[n] != 0);
    }
    return false;
}

static bool check_accept(struct kp_request *r)
{
    if (accepts(r->client.accept))
        return true;
    kp_reply_error(r, 406, "not-acceptable", "this speaks %s, which Accept does not name",
                   media_type);
    return false;
}

/* ---- asking ---- */
static struct kp_taxii_ask ask(struct kp_request *r)
{
    char who[KP_NAME_MAX + 16];
    snprintf(who, sizeof who, "%s %s", r->who.via, r->who.user);
    const char *copy = kp_arena_strdup(&r->arena, who);
    return (struct kp_taxii_ask){ .who = copy ? copy : "", /* "": a member of what all are */
                                  .to = r->to,
                                  .root = r->names[0],
                                  .collection = r->names[1],
                                  .object = r->names[2],
                                  .ids = kp_arg_text(r, "match[id]"),
                                  .types = kp_arg_text(r, "match[type]"),
                                  .specs = kp_arg_text(r, "match[spec_version]"),
                                  .versions = kp_arg_text(r, "match[version]"),
                                  .added_after = kp_arg_text(r, "added_after"),
                                  .next = kp_arg_text(r, "next"),
                                  .limit = kp_arg_int(r, "limit") };
}

static struct kp_json begin(struct kp_request *r)
{
    struct kp_json j = kp_reply_json(r);
    r->reply.type = media_type;
    return j;
}

/* Behind a proxy the node knows its own address, else who asks has said it. */
static void find_base(struct kp_request *r, char out[KP_SHARE_URL + 16])
{
    char base[KP_SHARE_URL] = "";
    if (r->client.partner)
        kp_share_base(kp_node_share(r->node), base);
    char *host = strstr(base, "://");
    if (host)
        host[3 + strcspn(host + 3, "/")] = 0;
    if (host)
        snprintf(out, KP_SHARE_URL + 16, "%s" KP_TAXII_PATH, base);
    else
        snprintf(out, KP_SHARE_URL + 16, "%s://%.200s" KP_TAXII_PATH,
                 r->client.tls ? "https" : "http", r->client.host ? r->client.host : "localhost");
}

enum kp_code kp_route_taxii_discovery(struct kp_request *r, struct kp_err *err)
{
    char base[KP_SHARE_URL + 16];
    if (!check_accept(r))
        return KP_OK;
    struct kp_taxii_ask a = ask(r);
    struct kp_json j = begin(r);
    find_base(r, base);
    return kp_taxii_discovery(kp_node_store(r->node), &a, base, kp_node_name(r->node), &j, err);
}

enum kp_code kp_route_taxii_root(struct kp_request *r, struct kp_err *err)
{
    if (!check_accept(r))
        return KP_OK;
    struct kp_taxii_ask a = ask(r);
    struct kp_json j = begin(r);
    return kp_taxii_root(kp_node_store(r->node), &a, KP_BODY_MAX, &j, err);
}

enum kp_code kp_route_taxii_collections(struct kp_request *r, struct kp_err *err)
{
    if (!check_accept(r))
        return KP_OK;
    struct kp_taxii_ask a = ask(r);
    struct kp_json j = begin(r);
    return kp_taxii_collections(kp_node_store(r->node), &a, &j, err);
}

static enum kp_taxii_list list_of(const struct kp_request *r)
{
    return strstr(r->route->path, "/manifest/")   ? KP_TAXII_MANIFEST
           : strstr(r->route->path, "/versions/") ? KP_TAXII_VERSIONS
                                                  : KP_TAXII_OBJECTS;
}

enum kp_code kp_route_taxii_objects(struct kp_request *r, struct kp_err *err)
{
    struct kp_taxii_page page;
    if (!check_accept(r))
        return KP_OK;
    struct kp_taxii_ask a = ask(r);
    struct kp_json j = begin(r);
    if (kp_taxii_page(kp_node_store(r->node), &a, list_of(r), &j, &page, err) || !page.n)
        return err->code;
    kp_taxii_told(kp_node_shield(r->node), a.who, &page);
    kp_reply_header(r, "X-TAXII-Date-Added-First", kp_arena_strdup(&r->arena, page.first));
    kp_reply_header(r, "X-TAXII-Date-Added-Last", kp_arena_strdup(&r->arena, page.last));
    return KP_OK;
}

static bool check_content(struct kp_request *r)
{
    const char *type = r->client.content_type;
    if (type && strncasecmp(type, MEDIA, sizeof MEDIA - 1) == 0 && is_ours(type, strlen(type)))
        return true;
    kp_reply_error(r, 415, "unsupported-media-type", "the body must be %s, not %.60s", media_type,
                   type ? type : "nothing named");
    return false;
}

enum kp_code kp_route_taxii_post(struct kp_request *r, struct kp_err *err)
{
    bool unusable;
    if (!check_accept(r) || !check_content(r))
        return KP_OK;
    struct kp_taxii_ask a = ask(r);
    struct kp_json j = begin(r);
    kp_taxii_post(kp_node_store(r->node), kp_hub_clock(kp_node_hub(r->node)), &a, r->body,
                  r->body_len, &j, &unusable, err);
    if (!err->code) {
        r->reply.status = 202;
        return KP_OK;
    }
    if (!unusable && err->code != KP_EFULL)
        return err->code;
    kp_reply_error(r, unusable ? 422 : 413, unusable ? "unprocessable" : "too-large", "%s",
                   err->text);
    *err = (struct kp_err){ 0 };
    return KP_OK;
}

enum kp_code kp_route_taxii_delete(struct kp_request *r, struct kp_err *err)
{
    if (!check_accept(r))
        return KP_OK;
    struct kp_taxii_ask a = ask(r);
    begin(r);
    return kp_taxii_delete(kp_node_store(r->node), &a, err);
}

enum kp_code kp_route_taxii_status(struct kp_request *r, struct kp_err *err)
{
    if (!check_accept(r))
        return KP_OK;
    struct kp_taxii_ask a = ask(r);
    struct kp_json j = begin(r);
    return kp_taxii_status(kp_node_store(r->node), &a, r->names[1], &j, err);
}

/* ---- the table ---- */
#define TEXT(name_)                                                                                \
    {                                                                                              \
        .name = name_, .type = KP_PARAM_TEXT                                                       \
    }
#define PAGED                                                                                      \
    TEXT("added_after"), TEXT("next"),                                                             \
    {                                                                                              \
        .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = INT64_MAX / 2, .standard = 0       \
    }
static const struct kp_param objects_params[] = { PAGED,
                                                  TEXT("match[id]"),
                                                  TEXT("match[type]"),
                                                  TEXT("match[version]"),
                                                  TEXT("match[spec_version]"),
                                                  { .name = NULL } };
static const struct kp_param object_params[] = {
    PAGED, TEXT("match[version]"), TEXT("match[spec_version]"), { .name = NULL }
};
static const struct kp_param versions_params[] = { PAGED,
                                                   TEXT("match[spec_version]"),
                                                   { .name = NULL } };
static const struct kp_param delete_params[] = { TEXT("match[version]"),
                                                 TEXT("match[spec_version]"),
                                                 { .name = NULL } };

#define TAXII KP_TAXII_PATH
#define ROOT  TAXII "{root}/"
#define ONE   ROOT "collections/{collection}/"
const struct kp_route kp_taxii_routes[] = {
    { KP_HTTP_GET, TAXII "", kp_route_taxii_discovery, KP_NOBODY, 0, NULL },
    { KP_HTTP_GET, ROOT "", kp_route_taxii_root, KP_NOBODY, 0, NULL },
    { KP_HTTP_GET, ROOT "status/{status}/", kp_route_taxii_status, KP_NOBODY, 0, NULL },
    { KP_HTTP_GET, ROOT "collections/", kp_route_taxii_collections, KP_NOBODY, 0, NULL },
    { KP_HTTP_GET, ONE "", kp_route_taxii_collections, KP_NOBODY, 0, NULL },
    { KP_HTTP_GET, ONE "manifest/", kp_route_taxii_objects, KP_NOBODY, 0, objects_params },
    { KP_HTTP_GET, ONE "objects/", kp_route_taxii_objects, KP_NOBODY, 0, objects_params },
    { KP_HTTP_POST, ONE "objects/", kp_route_taxii_post, KP_NOBODY, KP_SLOW, NULL },
    { KP_HTTP_GET, ONE "objects/{object}/", kp_route_taxii_objects, KP_NOBODY, 0, object_params },
    { KP_HTTP_DELETE, ONE "objects/{object}/", kp_route_taxii_delete, KP_NOBODY, 0, delete_params },
    { KP_HTTP_GET, ONE "objects/{object}/versions/", kp_route_taxii_objects, KP_NOBODY, 0,
      versions_params },
    { .path = NULL },
};
