/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are, and how a partner shows who he is: by a token that a key of his has signed for us a
 * moment ago, or by a token that both sides know. */
#include "share/private.h"

#include "net/jose.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { TOKEN_S = 60, TOKEN_AGE_S = 300 };
static const char id_setting[] = "share.id", key_secret[] = "share/key";
static const struct kp_jose_names names = { "the token", "a partner of this node" };

/* ---- this node ---- */
void share_pid(char out[PID_TEXT])
{
    unsigned char r[16];
    kp_random(r, sizeof r);
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    snprintf(out, PID_TEXT,
             "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0],
             r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13],
             r[14], r[15]);
}

static enum kp_code put_id(struct kp_db *db, void *id, struct kp_err *err)
{
    return kp_setting_put(db, id_setting, id, err);
}

static enum kp_code read_id(struct kp_share *s, struct kp_arena *arena, const char **id,
                            struct kp_err *err)
{
    char new[PID_TEXT];
    struct kp_db *db = kp_store_reader(s->store, err);
    *id = db ? kp_setting_get(db, arena, id_setting) : NULL;
    kp_store_reader_done(s->store, db);
    if (*id || err->code)
        return err->code;
    share_pid(new);
    *id = kp_arena_strdup(arena, new);
    return kp_store_do(s->store, put_id, new, err);
}

static enum kp_code read_key(struct kp_share *s, struct kp_arena *arena, const char **key,
                             struct kp_err *err)
{
    struct kp_err why = { 0 };
    void *data;
    size_t len;
    if (!kp_secret_get(s->store, key_secret, arena, &data, &len, &why)) {
        *key = data;
        return KP_OK;
    }
    if (why.code != KP_ENOTFOUND)
        return kp_fail(err, why.code, "%s", why.text);
    return kp_jose_key(arena, key, err)
               ? err->code
               : kp_secret_put(s->store, key_secret, *key, strlen(*key), err);
}

enum kp_code share_self(struct kp_share *s, struct kp_arena *arena, struct share_self *self,
                        struct kp_err *err)
{
    const char *id, *key;
    pthread_mutex_lock(&s->lock);
    if (!s->key && !read_key(s, arena, &key, err))
        s->key = kp_strdup(key);
    if (!s->id && !err->code && !read_id(s, arena, &id, err))
        s->id = kp_strdup(id);
    *self = (struct share_self){ s->id ? kp_arena_strdup(arena, s->id) : NULL,
                                 s->key ? kp_arena_strdup(arena, s->key) : NULL };
    pthread_mutex_unlock(&s->lock);
    if (!err->code && (!self->id || !self->key))
        kp_fail(err, KP_ENOMEM, "out of memory");
    return err->code;
}

enum kp_code kp_share_set_id(struct kp_share *s, const char *id, struct kp_err *err)
{
    size_t n = strlen(id);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)id[i] <= ' ' || id[i] == 127)
            return kp_fail(err, KP_EINVALID, "id: '%.80s' has a space or a control character in it",
                           id);
    if (!n || n >= KP_DSP_ID / 2)
        return kp_fail(err, KP_EINVALID, "id: it takes 1 to %d characters", KP_DSP_ID / 2 - 1);
    char *copy = kp_strdup(id);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    pthread_mutex_lock(&s->lock);
    if (kp_store_do(s->store, put_id, copy, err)) {
        kp_free(copy);
    } else {
        kp_free(s->id);
        s->id = copy;
    }
    pthread_mutex_unlock(&s->lock);
    return err->code;
}

void kp_share_base(struct kp_share *s, char out[KP_SHARE_URL])
{
    pthread_mutex_lock(&s->lock);
    snprintf(out, KP_SHARE_URL, "%s%s", s->root, s->root[0] ? KP_DSP_PATH : "");
    pthread_mutex_unlock(&s->lock);
}

void kp_share_reached_at(struct kp_share *s, const char *root)
{
    pthread_mutex_lock(&s->lock);
    snprintf(s->root, sizeof s->root - sizeof KP_DSP_PATH, "%s", root);
    pthread_mutex_unlock(&s->lock);
    share_wake(s); /* requests wait until they can be answered */
}

enum kp_code kp_share_card(struct kp_share *s, struct kp_json *j, const char *ca,
                           struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct share_self self;
    const char *jwk;
    char base[KP_SHARE_URL];
    kp_share_base(s, base);
    if (!share_self(s, &arena, &self, err) && !kp_jose_public(self.key, &arena, &jwk, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", self.id);
        kp_json_put_text(j, "url", base[0] ? base : NULL);
        kp_json_key(j, "key");
        kp_json_raw(j, jwk);
        kp_json_put_text(j, "ca", ca);
        kp_json_end(j, '}');
    }
    kp_arena_free(&arena);
    return err->code;
}

/* ---- what we show ---- */
static enum kp_code sign(const struct share_self *self, const struct share_partner *p, int64_t now,
                         struct kp_arena *arena, const char **token, struct kp_err *err)
{
    char id[PID_TEXT];
    struct kp_buf claims;
    share_pid(id);
    kp_buf_init(&claims, 4096);
    struct kp_json j = kp_json(&claims);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "iss", self->id);
    kp_json_put_text(&j, "sub", self->id);
    kp_json_put_text(&j, "aud", p->id);
    kp_json_put_int(&j, "iat", now / KP_SECOND);
    kp_json_put_int(&j, "exp", now / KP_SECOND + TOKEN_S);
    kp_json_put_text(&j, "jti", id);
    kp_json_end(&j, '}');
    if (claims.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_jose_sign(self->key, kp_buf_text(&claims), arena, token, err);
    kp_buf_free(&claims);
    return err->code;
}

typedef enum kp_code show(struct kp_share *, const struct share_partner *, struct kp_arena *,
                          const char **authorization, struct kp_err *);

static enum kp_code bearer(const char *token, struct kp_arena *arena, const char **authorization,
                           struct kp_err *err)
{
    size_t n = strlen(token) + sizeof "Bearer ";
    char *header = kp_arena_alloc(arena, n);
    if (!header)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    snprintf(header, n, "Bearer %s", token);
    *authorization = header;
    return KP_OK;
}

static enum kp_code show_key(struct kp_share *s, const struct share_partner *p,
                             struct kp_arena *arena, const char **authorization, struct kp_err *err)
{
    struct share_self self;
    const char *token;
    return share_self(s, arena, &self, err) || sign(&self, p, kp_utc(s->clock), arena, &token, err)
               ? err->code
               : bearer(token, arena, authorization, err);
}

static enum kp_code show_token(struct kp_share *s, const struct share_partner *p,
                               struct kp_arena *arena, const char **authorization,
                               struct kp_err *err)
{
    char name[SECRET_NAME + KP_NAME_MAX];
    void *token;
    size_t len;
    snprintf(name, sizeof name, "share/partner/%s", p->name);
    return kp_secret_get(s->store, name, arena, &token, &len, err)
               ? err->code
               : bearer(token, arena, authorization, err);
}

/* What the mock identity of the Eclipse connector believes. */
static enum kp_code show_mock(struct kp_share *s, const struct share_partner *p,
                              struct kp_arena *arena, const char **authorization,
                              struct kp_err *err)
{
    struct share_self self;
    struct kp_buf text;
    if (share_self(s, arena, &self, err))
        return err->code;
    kp_buf_init(&text, 4 * KP_DSP_ID);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "region", "eu");
    kp_json_put_text(&j, "audience", p->id);
    kp_json_put_text(&j, "clientId", self.id);
    kp_json_end(&j, '}');
    *authorization = kp_arena_strdup(arena, kp_buf_text(&text));
    bool failed = text.failed || !*authorization;
    kp_buf_free(&text);
    return failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

enum kp_code share_show(struct kp_share *s, const struct share_partner *p, struct kp_arena *arena,
                        const char **authorization, struct kp_err *err)
{
    static const struct {
        const char *method;
        show *show;
    } methods[] = { { "key", show_key }, { "token", show_token }, { "edc-mock", show_mock } };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].method, p->method) == 0)
            return methods[i].show(s, p, arena, authorization, err);
    return kp_fail(err, KP_EINVALID, "partner %.60s has an identity that is not known here",
                   p->name);
}

/* ---- who has shown what ---- */
static enum kp_code nobody(struct kp_err *err)
{
    return kp_fail(
        err, KP_EDENIED,
        "this node does not know who asks: the Authorization header is of none of its partners");
}

static enum kp_code find(struct kp_share *s, const char *sql, const char *text,
                         struct kp_arena *arena, const char **name, const char **key,
                         struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get = db ? kp_db_prepare(db, sql, err) : NULL;
    *name = NULL;
    if (get) {
        char hash[KP_HASH_TEXT];
        kp_hash_text(text, hash);
        kp_bind_text(get, 1, key ? text : hash);
        if (kp_step(get, err)) {
            *name = kp_arena_strdup(arena, kp_column_text(get, 0));
            if (key)
                *key = kp_arena_strdup(arena, kp_column_text(get, 1));
        }
        kp_reset(get);
    }
    kp_store_reader_done(s->store, db);
    return err->code ? err->code : *name && (!key || *key) ? KP_OK : nobody(err);
}

/* Its place in the table, or (KP_EDENIED) it is there. `lock` held. A full table forgets nothing
 * that still counts, it refuses. */
static enum kp_code note_token(struct kp_share *s, const char hash[KP_HASH_TEXT], int64_t now,
                               int64_t until, struct kp_err *err)
{
    struct share_seen *place = NULL;
    size_t at = 0;
    if (!s->seen && !(s->seen = kp_alloc(SEEN_TOKENS * sizeof *s->seen)))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < 3; i++)
        at = at * 64 + (unsigned char)hash[i];
    for (size_t i = 0; i < 64; i++) {
        struct share_seen *one = &s->seen[(at + i) % SEEN_TOKENS];
        if (one->until <= now)
            place = place ? place : one;
        else if (memcmp(one->hash, hash + 3, sizeof one->hash) == 0)
            return kp_fail(err, KP_EDENIED, "this token was shown before: each is good once");
    }
    if (!place)
        return kp_fail(err, KP_EFULL, "too many tokens at once: try again in a minute");
    memcpy(place->hash, hash + 3, sizeof place->hash);
    place->until = until;
    return KP_OK;
}

/* A token is good once: whoever has overheard it comes too late. */
static enum kp_code first_time(struct kp_share *s, const char *issuer, const char *jti, int64_t now,
                               double exp, struct kp_err *err)
{
    char text[2 * KP_DSP_ID], hash[KP_HASH_TEXT];
    snprintf(text, sizeof text, "%s %s", issuer, jti);
    kp_hash_text(text, hash);
    pthread_mutex_lock(&s->lock);
    note_token(s, hash, now, ((int64_t)exp + KP_JOSE_LEEWAY_S + 1) * KP_SECOND, err);
    pthread_mutex_unlock(&s->lock);
    return err->code;
}

static enum kp_code check_claims(struct kp_share *s, const json_t *claims, const char *issuer,
                                 const char *us, struct kp_err *err)
{
    int64_t now = kp_utc(s->clock);
    const char *late = kp_jose_late(claims, now, TOKEN_AGE_S),
               *sub = json_string_value(json_object_get(claims, "sub")),
               *jti = json_string_value(json_object_get(claims, "jti"));
    double exp = json_number_value(json_object_get(claims, "exp")),
           iat = json_number_value(json_object_get(claims, "iat"));
    if (late)
        return kp_fail(err, KP_EDENIED, "the token %s", late);
    if (!kp_jose_is_for(claims, us))
        return kp_fail(err, KP_EDENIED, "the token is for somebody else (aud)");
    if (!(exp - iat <= TOKEN_AGE_S))
        return kp_fail(err, KP_EDENIED, "the token is valid for longer than %d seconds",
                       TOKEN_AGE_S);
    if (s->started <= now && iat < (double)(s->started / KP_SECOND)) /* was it shown before? */
        return kp_fail(err, KP_EDENIED,
                       "the token is older than the last start of this node: show a new one");
    if (!sub || strcmp(sub, issuer) != 0 || !jti || !*jti || strlen(jti) >= KP_DSP_ID)
        return kp_fail(err, KP_EDENIED, "the token needs sub, the same as iss, and jti");
    return first_time(s, issuer, jti, now, exp, err);
}

static enum kp_code by_key(struct kp_share *s, const char *token, const char *issuer,
                           struct kp_arena *arena, const char **name, struct kp_err *err)
{
    const char *key;
    struct share_self self;
    if (share_self(s, arena, &self, err) ||
        find(s, "select name, key from share_partner where participant = ? and method = 'key'",
             issuer, arena, name, &key, err))
        return err->code;
    json_t *jwk = kp_json_read(key, "key of the partner", err);
    json_t *keys = jwk ? json_pack("{s:[O]}", "keys", jwk) : NULL;
    json_t *claims = keys ? kp_jose_read(token, keys, &names, err) : NULL;
    if (claims)
        check_claims(s, claims, issuer, self.id, err);
    else if (!err->code)
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(claims);
    json_decref(keys);
    json_decref(jwk);
    return err->code;
}

/* Proves nothing: of a node that was started for tests. */
static enum kp_code by_word(struct kp_share *s, const char *text, struct kp_arena *arena,
                            const char **name, struct kp_err *err)
{
    struct kp_err why = { 0 };
    const char *key;
    json_t *o = kp_json_object(text, strlen(text), "header", KP_JSON_DEPTH, &why);
    const char *id = json_string_value(json_object_get(o, "clientId"));
    if (id)
        find(s, "select name, '' from share_partner where participant = ? and method = 'edc-mock'",
             id, arena, name, &key, err);
    else
        nobody(err);
    json_decref(o);
    return err->code;
}

enum kp_code kp_share_who(struct kp_share *s, const char *authorization, struct kp_arena *arena,
                          const char **partner, struct kp_err *err)
{
    struct kp_err why = { 0 };
    if (authorization && *authorization == '{' && s->testing)
        return by_word(s, authorization, arena, partner, err);
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return nobody(err);
    const char *token = authorization + 7 + strspn(authorization + 7, " ");
    json_t *claims = kp_jose_peek(token, &names, &why);
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    if (why.code == KP_ENOMEM)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (issuer && strlen(issuer) < KP_DSP_ID)
        by_key(s, token, issuer, arena, partner, err);
    else
        find(s, "select name from share_partner where hash = ? and method = 'token'", token, arena,
             partner, NULL, err);
    json_decref(claims);
    return err->code;
}
