/* SPDX-License-Identifier: Apache-2.0 */
#include "web/oidc.h"

#include "core/json.h"
#include "core/url.h"
#include "net/http.h"
#include "store/secret.h"
#include "web/body.h"
#include "web/jwt.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/ban.h"

enum { DOCUMENT_MAX = 256 << 10, SLICE_MS = 200, PATIENCE_S = 2 };

static const char setting_key[] = "oidc", secret_name[] = "oidc/secret",
                  callback[] = "/auth/oidc/callback";
#define CONNECT_WITHIN (5 * KP_SECOND)
#define WITHIN         (10 * KP_SECOND)
#define SPARED         (10 * KP_SECOND)  /* it is not asked again after it did not answer */
#define KEPT           (300 * KP_SECOND) /* what the provider says of itself */

const char *const kp_oidc_claims[] = { "email", "preferred_username", "sub", NULL };

struct begun { /* a log-in */
    char state[KP_SESSION_TEXT], nonce[KP_SESSION_TEXT], verifier[KP_SESSION_TEXT],
        cookie[KP_SESSION_TEXT];
    char redirect[320], from[KP_FROM_MAX];
    int64_t since; /* monotonic */
};

struct provider {
    char authorize[KP_OIDC_URL], token[KP_OIDC_URL], keys[KP_OIDC_URL];
    bool basic; /* the secret goes in the header */
};

struct kp_oidc {
    struct kp_hub *hub;
    const struct kp_clock *clock;
    struct kp_store *store;
    pthread_mutex_t asking; /* one at a time asks the provider, so that one that does not answer
                               holds up one worker */
    pthread_mutex_t lock;   /* guards what follows */
    bool loaded;
    struct kp_oidc_settings settings;
    struct provider provider;
    int64_t provided; /* monotonic, 0 = not known */
    int64_t silent;   /* monotonic, when it did not answer; 0 = it did */
    struct begun begun[KP_OIDC_BEGUN_MAX];
};

struct kp_oidc *kp_oidc_new(struct kp_hub *hub, const struct kp_clock *clock, struct kp_store *store,
                            struct kp_err *err)
{
    struct kp_oidc *o = kp_alloc(sizeof *o);
    if (!o) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    o->hub = hub;
    o->clock = clock;
    o->store = store;
    pthread_mutex_init(&o->asking, NULL);
    pthread_mutex_init(&o->lock, NULL);
    return o;
}

void kp_oidc_free(struct kp_oidc *o)
{
    if (!o)
        return;
    pthread_mutex_destroy(&o->asking);
    pthread_mutex_destroy(&o->lock);
    explicit_bzero(o, sizeof *o);
    kp_free(o);
}

/* ---- settings ---- */
static void take_text(const json_t *o, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(o, key));
    snprintf(out, size, "%s", text ? text : "");
}

static void read_settings(const char *text, struct kp_oidc_settings *s)
{
    struct kp_err err = { 0 };
    json_t *o = kp_body_object(text, strlen(text), NULL, &err), *one;
    char claim[32];
    size_t i;
    take_text(o, "issuer", s->issuer, sizeof s->issuer);
    take_text(o, "clientId", s->client, sizeof s->client);
    take_text(o, "name", s->name, sizeof s->name);
    take_text(o, "claim", claim, sizeof claim);
    for (int c = 0; kp_oidc_claims[c]; c++)
        if (strcmp(kp_oidc_claims[c], claim) == 0)
            s->claim = (enum kp_oidc_claim)c;
    json_array_foreach(json_object_get(o, "roles"), i, one)
    {
        struct kp_oidc_role *role = &s->role[s->n];
        const char *word = json_string_value(json_object_get(one, "role"));
        if (s->n == KP_OIDC_ROLES_MAX)
            break;
        take_text(one, "claim", role->claim, sizeof role->claim);
        take_text(one, "value", role->value, sizeof role->value);
        role->role = kp_role_find(word ? word : "");
        s->n++;
    }
    json_decref(o);
}

static bool has_secret(struct kp_oidc *o, struct kp_arena *arena, const char **secret)
{
    void *data;
    size_t len;
    bool there = !kp_secret_get(o->store, secret_name, arena, &data, &len, NULL);
    *secret = there ? data : NULL;
    return there;
}

/* Lock held. */
static enum kp_code load(struct kp_oidc *o, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    const char *secret;
    if (o->loaded)
        return KP_OK;
    struct kp_db *db = kp_store_reader(o->store, err);
    const char *text = db ? kp_setting_get(db, &arena, setting_key) : NULL;
    memset(&o->settings, 0, sizeof o->settings);
    if (text)
        read_settings(text, &o->settings);
    o->loaded = db != NULL;
    kp_store_reader_done(o->store, db);
    if (o->loaded)
        o->settings.secret = has_secret(o, &arena, &secret);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_oidc_get(struct kp_oidc *o, struct kp_oidc_settings *out, struct kp_err *err)
{
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&o->lock);
    if (!load(o, err))
        *out = o->settings;
    pthread_mutex_unlock(&o->lock);
    return err->code;
}

static void write_settings(const struct kp_oidc_settings *s, struct kp_buf *out)
{
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "issuer", s->issuer);
    kp_json_put_text(&j, "clientId", s->client);
    kp_json_put_text(&j, "name", s->name);
    kp_json_put_text(&j, "claim", kp_oidc_claims[s->claim]);
    kp_json_key(&j, "roles");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < s->n; i++) {
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "claim", s->role[i].claim);
        kp_json_put_text(&j, "value", s->role[i].value);
        kp_json_put_text(&j, "role", kp_role_words[s->role[i].role]);
        kp_json_end(&j, '}');
    }
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
}

static enum kp_code put_setting(struct kp_db *db, void *text, struct kp_err *err)
{
    return kp_setting_put(db, setting_key, text, err);
}

static enum kp_code save(struct kp_oidc *o, const struct kp_oidc_settings *s, const char *secret,
                         struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 64 << 10);
    write_settings(s, &text);
    const char *kept = s->issuer[0] ? kp_buf_text(&text) : NULL;
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!secret ||
             !kp_secret_put(o->store, secret_name, *secret ? secret : NULL, strlen(secret), err))
        kp_store_do(o->store, put_setting, (void *)(uintptr_t)kept, err);
    kp_buf_free(&text);
    return err->code;
}

/* ---- asking the provider ---- */
/* https, or http on this machine; no user in it, which could hide where it goes. */
static bool url_good(const char *url)
{
    static const char *const loopback[] = { "http://127.0.0.1", "http://localhost",
                                            "http://[::1]" };
    size_t n = strlen(url);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)url[i] <= ' ' || (unsigned char)url[i] >= 0x7f ||
            strchr("\"<>\\^`{|}#", url[i]))
            return false;
    const char *host = strstr(url, "://");
    if (!host || n >= KP_OIDC_URL || memchr(host + 3, '@', strcspn(host + 3, "/?")))
        return false;
    if (strncmp(url, "https://", 8) == 0)
        return n > 8;
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        size_t len = strlen(loopback[i]);
        if (strncmp(url, loopback[i], len) == 0 && (!url[len] || strchr(":/?", url[len])))
            return true;
    }
    return false;
}

static enum kp_code collect(void *arg, const char *data, size_t n, struct kp_err *err)
{
    struct kp_buf *out = arg;
    kp_buf_add(out, data, n);
    return out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

static enum kp_code run(const struct kp_http_options *options, struct kp_buf *out, long *status,
                        atomic_bool *gone, struct kp_err *err)
{
    bool done = false;
    struct kp_err why = { 0 };
    struct kp_http *h = kp_http_open(options, collect, out, &why);
    while (h && !done && !kp_http_turn(h, SLICE_MS, &done, &why))
        if (*gone)
            kp_fail(&why, KP_ESTOPPED, "given up");
    *status = h && !why.code ? kp_http_status(h) : 0;
    kp_http_close(h);
    enum kp_code code = why.code == KP_EPEER   ? KP_ETIMEOUT
                        : why.code == KP_EFULL ? KP_EPEER
                                               : why.code;
    return code ? kp_fail(err, code, "the identity provider: %s", why.text) : KP_OK;
}

/* The provider's own word for it, and nothing that could be too much. */
static void say_status(const json_t *o, long status, char *out, size_t size)
{
    const char *word = json_string_value(json_object_get(o, "error"));
    if (word && strspn(word, "abcdefghijklmnopqrstuvwxyz_") == strlen(word) && strlen(word) < 60)
        snprintf(out, size, "%s", word);
    else
        snprintf(out, size, "status %ld", status);
}

/* A JSON object; NULL: err says why. */
static json_t *ask(struct kp_hub *hub, const struct kp_http_options *options, atomic_bool *gone, struct kp_err *err)
{
    struct kp_buf text;
    struct kp_err unread = { 0 };
    char word[80];
    long status;
    struct kp_http_options o = *options;
    o.connect_timeout = CONNECT_WITHIN;
    o.timeout = WITHIN;
    o.most = DOCUMENT_MAX;
    o.caller = (struct kp_caller){ .hub = hub, .what = "identity provider" };
    kp_buf_init(&text, DOCUMENT_MAX + 1);
    json_t *got = NULL;
    if (!run(&o, &text, &status, gone, err))
        got = kp_body_object(kp_buf_text(&text), text.len, NULL, &unread);
    if (!err->code && status != 200) {
        say_status(got, status, word, sizeof word);
        kp_fail(err, o.form && status >= 400 && status < 500 ? KP_EDENIED : KP_EPEER,
                "the identity provider refuses: %s", word);
    } else if (!err->code && !got) {
        kp_fail(err, unread.code == KP_ENOMEM ? KP_ENOMEM : KP_EPEER,
                "%.120s of the identity provider is no JSON object", o.url);
    }
    kp_buf_free(&text);
    if (!err->code)
        return got;
    json_decref(got);
    return NULL;
}

static bool endpoint(const json_t *o, const char *key, char out[KP_OIDC_URL], struct kp_err *err)
{
    const char *url = json_string_value(json_object_get(o, key));
    if (url && url_good(url)) {
        snprintf(out, KP_OIDC_URL, "%s", url);
        return true;
    }
    kp_fail(err, KP_EPEER,
            "the identity provider names no usable %s (https, or http on this machine)", key);
    return false;
}

static bool lists(const json_t *o, const char *key, const char *word)
{
    const json_t *list = json_object_get(o, key), *one;
    size_t i;
    json_array_foreach(list, i, one) if (json_is_string(one) &&
                                         strcmp(json_string_value(one), word) == 0) return true;
    return false;
}

static enum kp_code discover(struct kp_hub *hub, const char *issuer, struct provider *p, atomic_bool *gone,
                             struct kp_err *err)
{
    static const char methods[] = "token_endpoint_auth_methods_supported";
    char url[KP_OIDC_URL + 64];
    size_t n = strlen(issuer);
    snprintf(url, sizeof url, "%.*s/.well-known/openid-configuration",
             (int)(n - (n && issuer[n - 1] == '/')), issuer);
    json_t *o = ask(hub, &(struct kp_http_options){ .url = url }, gone, err);
    const char *said = json_string_value(json_object_get(o, "issuer"));
    if (o && (!said || strcmp(said, issuer) != 0))
        kp_fail(err, KP_EPEER, "the identity provider calls itself '%.100s', not '%.100s'",
                said ? said : "", issuer);
    if (o && !err->code && endpoint(o, "authorization_endpoint", p->authorize, err) &&
        endpoint(o, "token_endpoint", p->token, err))
        endpoint(o, "jwks_uri", p->keys, err);
    p->basic = !json_object_get(o, methods) || lists(o, methods, "client_secret_basic");
    json_decref(o);
    return err->code;
}

/* One at a time. Who comes while the provider does not answer is asked to come back. */
static enum kp_code may_ask(struct kp_oidc *o, struct kp_err *err)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return pthread_mutex_timedlock(&o->asking, &until) == 0
               ? KP_OK
               : kp_fail(err, KP_ESTOPPED, "others log in just now: try again in a moment");
}

/* One that does not answer may not take the workers' time again and again, whoever asks for it. */
static enum kp_code check_silence(struct kp_oidc *o, struct kp_err *err)
{
    pthread_mutex_lock(&o->lock);
    bool silent = o->silent && kp_mono(o->clock) - o->silent < SPARED;
    pthread_mutex_unlock(&o->lock);
    return silent
               ? kp_fail(
                     err, KP_ETIMEOUT,
                     "the identity provider did not answer a moment ago: try again in some seconds")
               : KP_OK;
}

static void note_silence(struct kp_oidc *o, const struct kp_err *err)
{
    int64_t now = kp_mono(o->clock);
    pthread_mutex_lock(&o->lock);
    o->silent = err->code != KP_ETIMEOUT ? 0 : now ? now : 1;
    pthread_mutex_unlock(&o->lock);
}

/* Settings and provider as they are known; false: the provider has to be asked, or err says what is
 * wrong. */
static bool known(struct kp_oidc *o, struct kp_oidc_settings *s, struct provider *p,
                  struct kp_err *err)
{
    pthread_mutex_lock(&o->lock);
    load(o, err);
    *s = o->settings;
    *p = o->provider;
    bool fresh = o->provided && kp_mono(o->clock) - o->provided < KEPT;
    pthread_mutex_unlock(&o->lock);
    if (!err->code && !s->issuer[0])
        kp_fail(err, KP_ENOTFOUND,
                "this node does not log in by an identity provider: koppel oidc set");
    return fresh && !err->code;
}

/* `asking` held. */
static enum kp_code provide(struct kp_oidc *o, struct kp_oidc_settings *s, struct provider *p,
                            atomic_bool *gone, struct kp_err *err)
{
    if (known(o, s, p, err) || err->code || check_silence(o, err))
        return err->code;
    discover(o->hub, s->issuer, p, gone, err);
    note_silence(o, err);
    if (err->code)
        return err->code;
    int64_t now = kp_mono(o->clock);
    pthread_mutex_lock(&o->lock);
    o->provider = *p;
    o->provided = now ? now : 1;
    pthread_mutex_unlock(&o->lock);
    return KP_OK;
}

/* For who does not hold `asking` yet. */
static enum kp_code provide_soon(struct kp_oidc *o, struct kp_oidc_settings *s, struct provider *p,
                                 atomic_bool *gone, struct kp_err *err)
{
    if (known(o, s, p, err) || err->code || check_silence(o, err) || may_ask(o, err))
        return err->code;
    provide(o, s, p, gone, err);
    pthread_mutex_unlock(&o->asking);
    return err->code;
}

static void forget(struct kp_oidc *o)
{
    pthread_mutex_lock(&o->lock);
    o->loaded = false;
    o->provided = o->silent = 0;
    memset(o->begun, 0, sizeof o->begun);
    pthread_mutex_unlock(&o->lock);
}

static enum kp_code check_settings(const struct kp_oidc_settings *s, struct kp_err *err)
{
    if (!url_good(s->issuer) || strchr(s->issuer, '?'))
        return kp_fail(err, KP_EINVALID,
                       "issuer: '%.100s' is no https:// address of an identity provider (http only "
                       "on this machine)",
                       s->issuer);
    if (!s->client[0])
        return kp_fail(
            err, KP_EINVALID,
            "clientId is missing: the provider gives it when you register this node there");
    for (size_t i = 0; i < s->n; i++)
        if (!s->role[i].claim[0] || !s->role[i].value[0] || s->role[i].role == KP_NOBODY)
            return kp_fail(
                err, KP_EINVALID,
                "roles: each needs a claim, a value, and viewer, operator, engineer or owner");
    return KP_OK;
}

enum kp_code kp_oidc_put(struct kp_oidc *o, const struct kp_oidc_settings *s, const char *secret,
                         atomic_bool *gone, struct kp_err *err)
{
    struct provider p;
    if (may_ask(o, err))
        return err->code;
    if (!s->issuer[0] || (!check_settings(s, err) && !discover(o->hub, s->issuer, &p, gone, err)))
        save(o, s, secret, err);
    if (!err->code)
        forget(o);
    pthread_mutex_unlock(&o->asking);
    return err->code;
}

/* ---- beginning ---- */
static void add_escaped(struct kp_buf *out, const char *key, const char *value)
{
    kp_buf_str(out, key);
    kp_url_escape(out, value, KP_URL_UNRESERVED);
}

/* Lock held. An address has its share, so that nobody flushes the log-ins of others. */
static struct begun *find_place(struct kp_oidc *o, const char *from)
{
    struct begun *oldest = &o->begun[0], *own = NULL;
    unsigned n = 0;
    for (struct begun *b = o->begun; b < o->begun + KP_OIDC_BEGUN_MAX; b++) {
        if (!b->state[0] || (oldest->state[0] && b->since < oldest->since))
            oldest = b;
        if (!b->state[0] || strcmp(b->from, from) != 0)
            continue;
        n++;
        if (!own || b->since < own->since)
            own = b;
    }
    return n >= KP_OIDC_BEGUN_PER_ADDRESS ? own : oldest;
}

static void note_begun(struct kp_oidc *o, const struct begun *new)
{
    pthread_mutex_lock(&o->lock);
    struct begun *place = find_place(o, new->from);
    *place = *new;
    place->since = kp_mono(o->clock);
    pthread_mutex_unlock(&o->lock);
}

static void write_location(struct kp_buf *out, const struct provider *p,
                           const struct kp_oidc_settings *s, const struct begun *b)
{
    char challenge[KP_HASH_TEXT];
    kp_hash_text(b->verifier, challenge);
    kp_buf_str(out, p->authorize);
    kp_buf_str(out, strchr(p->authorize, '?') ? "&" : "?");
    add_escaped(out,
                "response_type=code&scope=openid%20profile%20email&code_challenge_method=S256&code_"
                "challenge=",
                challenge);
    add_escaped(out, "&client_id=", s->client);
    add_escaped(out, "&redirect_uri=", b->redirect);
    add_escaped(out, "&state=", b->state);
    add_escaped(out, "&nonce=", b->nonce);
}

enum kp_code kp_oidc_begin(struct kp_oidc *o, const char *base, const char *from,
                           struct kp_buf *location, char cookie[KP_SESSION_TEXT], atomic_bool *gone,
                           struct kp_err *err)
{
    struct kp_oidc_settings s;
    struct provider p;
    struct begun new = { 0 };
    if (provide_soon(o, &s, &p, gone, err))
        return err->code;
    kp_session_text(new.state);
    kp_session_text(new.nonce);
    kp_session_text(new.verifier);
    kp_session_text(new.cookie);
    snprintf(new.redirect, sizeof new.redirect, "%s%s", base, callback);
    snprintf(new.from, sizeof new.from, "%s", from);
    note_begun(o, &new);
    write_location(location, &p, &s, &new);
    memcpy(cookie, new.cookie, KP_SESSION_TEXT);
    explicit_bzero(&new, sizeof new);
    return location->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

/* ---- finishing ---- */
/* Once: whatever comes of it, this state counts no more. */
static enum kp_code take_begun(struct kp_oidc *o, const struct kp_oidc_answer *a, struct begun *out,
                               struct kp_err *err)
{
    bool found = false, same = false;
    pthread_mutex_lock(&o->lock);
    for (struct begun *b = o->begun; b < o->begun + KP_OIDC_BEGUN_MAX && a->state && !found; b++)
        if (b->state[0] && strcmp(b->state, a->state) == 0) {
            found = kp_mono(o->clock) - b->since <= KP_OIDC_BEGUN_S * KP_SECOND;
            same = a->cookie && strcmp(b->cookie, a->cookie) == 0;
            *out = *b;
            explicit_bzero(b, sizeof *b);
        }
    pthread_mutex_unlock(&o->lock);
    if (!found)
        return kp_fail(err, KP_EDENIED,
                       "this log-in was not begun here, was finished already or took longer than "
                       "ten minutes: begin again");
    return same ? KP_OK
                : kp_fail(err, KP_EDENIED, "this log-in was begun in another browser: begin again");
}

static json_t *trade(struct kp_oidc *o, const struct kp_oidc_settings *s, const struct provider *p,
                     const struct begun *b, const char *code, atomic_bool *gone, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_buf form, user, password;
    const char *secret;
    kp_buf_init(&form, KP_JOSE_MAX);
    kp_buf_init(&user, 1024);
    kp_buf_init(&password, 4096);
    has_secret(o, &arena, &secret);
    bool basic = secret && p->basic;
    add_escaped(&form, "grant_type=authorization_code&code=", code);
    add_escaped(&form, "&redirect_uri=", b->redirect);
    add_escaped(&form, "&code_verifier=", b->verifier);
    if (!basic)
        add_escaped(&form, "&client_id=", s->client);
    if (secret && !basic)
        add_escaped(&form, "&client_secret=", secret);
    add_escaped(&user, "", basic ? s->client : "");
    add_escaped(&password, "", basic ? secret : "");
    struct kp_http_options options = { .url = p->token,
                                       .form = kp_buf_text(&form),
                                       .user = kp_buf_text(&user),
                                       .password = kp_buf_text(&password) };
    json_t *got = NULL;
    if (form.failed || user.failed || password.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        got = ask(o->hub, &options, gone, err);
    kp_buf_free(&form);
    kp_buf_free(&user);
    kp_buf_free(&password);
    kp_arena_free(&arena);
    return got;
}

static json_t *claims_of(struct kp_oidc *o, const struct kp_oidc_settings *s,
                         const struct provider *p, const struct begun *b, const char *code,
                         atomic_bool *gone, struct kp_err *err)
{
    struct kp_jwt_want want = { s->issuer, s->client, b->nonce, kp_utc(o->clock) };
    json_t *answer = trade(o, s, p, b, code, gone, err), *keys, *claims = NULL;
    const char *token = json_string_value(json_object_get(answer, "id_token"));
    if (answer && !token)
        kp_fail(err, KP_EDENIED, "the identity provider gave no ID token");
    keys = err->code ? NULL : ask(o->hub, &(struct kp_http_options){ .url = p->keys }, gone, err);
    if (keys)
        claims = kp_jwt_read(token, keys, &want, err);
    json_decref(keys);
    json_decref(answer);
    return claims;
}

struct finding {
    const char *mail;
    size_t n;
    struct kp_user user;
};

static bool by_mail(void *arg, const struct kp_user *u)
{
    struct finding *f = arg;
    if (u->mail[0] && strcasecmp(u->mail, f->mail) == 0 && f->n++ == 0)
        f->user = *u;
    return true;
}

static enum kp_code find_user(struct kp_oidc *o, enum kp_oidc_claim claim, const char *name,
                              bool *found, struct kp_user *out, struct kp_err *err)
{
    struct finding f = { .mail = name };
    if (claim != KP_OIDC_MAIL) {
        *found = kp_user_find(o->store, name, out);
        return KP_OK;
    }
    if (kp_user_list(o->store, by_mail, &f, err))
        return err->code;
    *found = f.n == 1;
    *out = f.user;
    return f.n > 1
               ? kp_fail(err, KP_EDENIED, "%zu users here have the mail address %.100s", f.n, name)
               : KP_OK;
}

static bool has_value(const json_t *claims, const struct kp_oidc_role *r)
{
    const json_t *value = json_object_get(claims, r->claim);
    return (json_is_string(value) && strcmp(json_string_value(value), r->value) == 0) ||
           lists(claims, r->claim, r->value);
}

static enum kp_role role_of(const struct kp_oidc_settings *s, const json_t *claims)
{
    enum kp_role best = KP_NOBODY;
    for (size_t i = 0; i < s->n; i++)
        if (has_value(claims, &s->role[i]) && s->role[i].role > best)
            best = s->role[i].role;
    return best;
}

static enum kp_code recognize(struct kp_oidc *o, const struct kp_oidc_settings *s,
                              const json_t *claims, struct kp_oidc_person *out, struct kp_err *err)
{
    const char *name = json_string_value(json_object_get(claims, kp_oidc_claims[s->claim]));
    bool found;
    if (!name || !*name || strlen(name) >= sizeof out->user.mail)
        return kp_fail(err, KP_EDENIED, "the ID token says nothing of '%s'",
                       kp_oidc_claims[s->claim]);
    snprintf(out->name, sizeof out->name, "%s", name);
    kp_utf8_trim(out->name);
    if (s->claim == KP_OIDC_MAIL && !json_is_true(json_object_get(claims, "email_verified")))
        return kp_fail(err, KP_EDENIED,
                       "the identity provider does not say that it has verified the mail address "
                       "(email_verified)");
    if (find_user(o, s->claim, name, &found, &out->user, err))
        return err->code;
    if (found)
        return out->user.disabled
                   ? kp_fail(err, KP_EDENIED, "the user %s is disabled", out->user.name)
                   : KP_OK;
    if (strlen(name) >= sizeof out->name || kp_user_find(o->store, name, &out->user))
        return kp_fail(err, KP_EDENIED,
                       "%.100s is too long for a name here, or the name of somebody else", name);
    out->role = role_of(s, claims);
    return out->role ? KP_OK
                     : kp_fail(err, KP_EDENIED,
                               "there is no user here for %.100s, and no role for what the "
                               "identity provider says of him",
                               name);
}

enum kp_code kp_oidc_finish(struct kp_oidc *o, const struct kp_oidc_answer *a,
                            struct kp_oidc_person *out, atomic_bool *gone, struct kp_err *err)
{
    struct kp_oidc_settings s;
    struct provider p;
    struct begun b;
    memset(out, 0, sizeof *out);
    known(o, &s, &p, err); /* whether there is one at all */
    if (err->code || check_silence(o, err) || may_ask(o, err))
        return err->code;
    if (!take_begun(o, a, &b, err) && !provide(o, &s, &p, gone, err)) {
        json_t *claims = NULL;
        if (a->issuer && strcmp(a->issuer, s.issuer) != 0)
            kp_fail(err, KP_EDENIED, "the answer is of another identity provider");
        else if (!a->code)
            kp_fail(err, KP_EDENIED, "the identity provider let nobody in");
        else
            claims = claims_of(o, &s, &p, &b, a->code, gone, err);
        note_silence(o, err);
        if (claims)
            recognize(o, &s, claims, out, err);
        json_decref(claims);
    }
    explicit_bzero(&b, sizeof b);
    pthread_mutex_unlock(&o->asking);
    return err->code;
}
