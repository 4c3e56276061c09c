/* SPDX-License-Identifier: Apache-2.0 */
/* Where data is pushed to: what a partner says of it is an address that this node would be made to
 * call, so it may be only what he could have called himself. */
#include "share/private.h"

#include "core/encoding.h"
#include "core/url.h"
#include "net/courier.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { TOKEN_BYTES = 32, HEADER_MAX = 64, AUTHORIZATION_MAX = 8 << 10 };
#define EDC_NAMES "https://w3id.org/edc/v0.0.1/ns/"

const char *const share_formats[] = { "HttpData-PULL", "HttpData-PUSH", NULL };

bool share_pushes(const struct share_process *p)
{
    return p->deal == KP_TRANSFER && p->format && strcmp(p->format, share_formats[1]) == 0;
}

/* ---- what is said ---- */
static const char *in_property(const json_t *one, const char *name, bool *full)
{
    const char *called = kp_dsp_text(one, "name");
    *full = called && strncmp(called, EDC_NAMES, sizeof EDC_NAMES - 1) == 0;
    if (!called || strcmp(*full ? called + sizeof EDC_NAMES - 1 : called, name) != 0)
        return NULL;
    return kp_dsp_text(one, "value");
}

const char *share_property(const json_t *address, const char *name, bool *full)
{
    const json_t *list = json_object_get(address, "endpointProperties");
    const char *second = NULL;
    bool unasked, one_full;
    full = full ? full : &unasked;
    *full = false;
    if (json_is_object(list))
        return in_property(list, name, full);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *value = in_property(json_array_get(list, i), name, &one_full);
        if (value && !one_full)
            return value;
        second = value && !second ? value : second;
    }
    *full = second;
    return second;
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return false;
    return true;
}

/* A header that shows who pushes, and none that changes what the request is. */
static bool shows_who(const char *name)
{
    static const char *const known[] = { "authorization", "api-key", "apikey", NULL };
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    for (size_t i = 0; known[i]; i++)
        if (strcasecmp(name, known[i]) == 0)
            return true;
    return strncasecmp(name, "x-", 2) == 0 && strspn(name, letters) == strlen(name) &&
           strlen(name) < HEADER_MAX && strncasecmp(name, "x-forwarded", 11) != 0;
}

/* ---- whether it is safe ---- */
static enum kp_code check_url(const char *url, const struct share_partner *partner, bool *his,
                              struct kp_err *err)
{
    struct kp_url u;
    struct kp_err none = { 0 };
    *his = url && share_same_origin(url, partner->url);
    if (!url || !*url)
        return kp_fail(err, KP_EINVALID,
                       "dataAddress: endpoint, where the data is to be sent, is missing");
    if (strlen(url) >= KP_SHARE_URL || !printable(url) || kp_url_parse(url, &u, &none) || !*u.host)
        return kp_fail(err, KP_EINVALID,
                       "dataAddress: endpoint is no address of less than %d "
                       "characters",
                       KP_SHARE_URL);
    if (strcmp(u.scheme, "https") != 0 && !(*his && strcmp(u.scheme, "http") == 0))
        return kp_fail(err, KP_EDENIED, "dataAddress: endpoint must be https");
    if (!*his && !kp_courier_public(u.host))
        return kp_fail(err, KP_EDENIED,
                       "dataAddress: endpoint is a private address, and not on the server that "
                       "this node knows you by");
    return KP_OK;
}

enum kp_code share_target(const json_t *address, const struct share_partner *partner,
                          struct kp_arena *arena, struct share_target *t, struct kp_err *err)
{
    const char *url = share_property(address, "baseUrl", NULL),
               *header = share_property(address, "authKey", NULL),
               *shows = share_property(address, "authCode", NULL);
    if (!url)
        url = kp_dsp_text(address, "endpoint");
    if (!url)
        url = share_property(address, "endpoint", NULL);
    if (!header || !shows) {
        header = "Authorization";
        shows = share_property(address, "authorization", NULL);
    }
    *t = (struct share_target){ 0 };
    if (!address)
        return kp_fail(err, KP_EINVALID, "dataAddress is missing: where the data is to be sent");
    if (check_url(url, partner, &t->his, err))
        return err->code;
    if (shows && (!shows_who(header) || !printable(shows) || strlen(shows) >= AUTHORIZATION_MAX))
        return kp_fail(err, KP_EINVALID,
                       "dataAddress: what is to be shown there must be in a header Authorization "
                       "or X-..., of less than %d printable characters",
                       AUTHORIZATION_MAX);
    t->url = kp_arena_strdup(arena, url);
    t->header = shows ? kp_arena_strdup(arena, header) : NULL;
    t->authorization = shows ? kp_arena_strdup(arena, shows) : NULL;
    return t->url && (!shows || (t->header && t->authorization)) ? KP_OK : share_starved(err);
}

/* ---- ours ---- */
static int add_property(json_t *list, const char *name, const char *value)
{
    return json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "@type", "EndpointProperty",
                                                 "name", name, "value", value));
}

/* The names of the protocol, and those that Eclipse connectors look for. */
static json_t *address_of(const char *url, const char *token)
{
    const char *const properties[][2] = {
        { "authorization", token },      { "authType", "bearer" },
        { EDC_NAMES "baseUrl", url },    { EDC_NAMES "authKey", "Authorization" },
        { EDC_NAMES "authCode", token }, { EDC_NAMES "contentType", "application/x-ndjson" },
    };
    json_t *list = json_array();
    int failed = !list;
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++)
        failed |= add_property(list, properties[i][0], properties[i][1]);
    json_t *o = json_pack("{s:s, s:s, s:s, s:o*}", "@type", "DataAddress", "endpointType",
                          "HttpData", "endpoint", url, "endpointProperties", list);
    if (failed) {
        json_decref(o);
        return NULL;
    }
    return o;
}

json_t *share_own_target(struct kp_share *s, const char *pid, struct kp_err *err)
{
    unsigned char random[TOKEN_BYTES];
    char base[KP_SHARE_URL];
    struct kp_buf url, token;
    kp_share_base(s, base);
    base[strlen(base) - (base[0] ? strlen(KP_DSP_PATH) : 0)] = 0;
    kp_buf_init(&url, 4 * KP_SHARE_URL);
    kp_buf_init(&token, 4 * TOKEN_BYTES);
    kp_random(random, sizeof random);
    kp_base64(&token, random, sizeof random);
    share_put_url(&url, base, "/data/in/", pid);
    json_t *o =
        url.failed || token.failed ? NULL : address_of(kp_buf_text(&url), kp_buf_text(&token));
    explicit_bzero(random, sizeof random);
    if (token.data)
        explicit_bzero(token.data, token.len);
    kp_buf_free(&url);
    kp_buf_free(&token);
    if (!o)
        share_starved(err);
    return o;
}

/* ---- what comes there ---- */
static bool same_token(const char *ours, const char *shown)
{
    size_t n = ours ? strlen(ours) : 0;
    unsigned char differs = 0;
    if (shown && strncasecmp(shown, "bearer ", 7) == 0)
        shown += 7;
    if (!n || !shown || strlen(shown) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(ours[i] ^ shown[i]);
    return !differs;
}

static bool shows_token(struct kp_share *s, const struct share_process *p, const char *shown,
                        struct kp_arena *arena)
{
    char name[SECRET_NAME];
    void *data;
    size_t len;
    struct kp_err none = { 0 };
    share_address_name(p, name);
    if (kp_secret_get(s->store, name, arena, &data, &len, &none))
        return false;
    json_t *address = kp_json_read(data, "dataAddress", &none);
    bool same = same_token(share_property(address, "authorization", NULL), shown);
    json_decref(address);
    return same;
}

enum kp_code kp_share_pushed(struct kp_share *s, const char *pid, const char *authorization,
                             struct kp_arena *arena, const char **partner, struct kp_err *err)
{
    struct share_process p;
    struct kp_err none = { 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    bool there = db && !share_process_by_pid(db, KP_TRANSFER, pid, arena, &p, &none) &&
                 share_pushes(&p) && p.side == KP_CONSUMER;
    kp_store_reader_done(s->store, db);
    if (err->code)
        return err->code;
    if (!there || !shows_token(s, &p, authorization, arena))
        return kp_fail(err, KP_EDENIED, "there is no such transfer, or the token is not its own");
    if (p.state != KP_STARTED && p.state != KP_REQUESTED) /* data may overtake the message */
        return kp_fail(err, KP_EDENIED, "the transfer is %s", kp_deal_state_words[p.state]);
    *partner = p.partner;
    return KP_OK;
}
