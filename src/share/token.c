/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer shows to have the data of a transfer: a token that this node has signed for
 * itself, for this transfer, this agreement and this partner, good for an hour. Whether the
 * transfer still runs is not its business: that is asked before each batch. */
#include "share/private.h"

#include "net/jose.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

#define EDC "https://w3id.org/edc/v0.0.1/ns/"
static const char use[] = "koppel:data";
static const struct kp_jose_names names = { "the token", "this node" };

/* ---- making ---- */
static enum kp_code sign(struct kp_share *s, const struct share_process *p, const char *participant,
                         struct kp_arena *arena, const char **token, struct kp_err *err)
{
    struct share_self self;
    struct kp_buf claims;
    int64_t now = kp_utc(s->clock) / KP_SECOND;
    if (share_self(s, arena, &self, err))
        return err->code;
    kp_buf_init(&claims, 8 * KP_DSP_ID);
    struct kp_json j = kp_json(&claims);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "iss", self.id);
    kp_json_put_text(&j, "aud", self.id);
    kp_json_put_text(&j, "sub", participant);
    kp_json_put_text(&j, "use", use);
    kp_json_put_text(&j, "transfer", p->pid);
    kp_json_put_text(&j, "agreement", p->agreement);
    kp_json_put_int(&j, "iat", now);
    kp_json_put_int(&j, "exp", now + SHARE_TOKEN_S);
    kp_json_end(&j, '}');
    if (claims.failed)
        share_starved(err);
    else
        kp_jose_sign(self.key, kp_buf_text(&claims), arena, token, err);
    kp_buf_free(&claims);
    return err->code;
}

static enum kp_code participant_of(struct kp_share *s, const struct share_process *p,
                                   struct kp_arena *arena, const char **participant,
                                   struct kp_err *err)
{
    struct share_partner partner;
    if (!share_find_partner(s, p->partner, arena, &partner, err))
        *participant = partner.id;
    return err->code;
}

static void put_property(struct kp_json *j, const char *name, const char *value)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "@type", "EndpointProperty");
    kp_json_put_text(j, "name", name);
    kp_json_put_text(j, "value", value);
    kp_json_end(j, '}');
}

static void put_properties(struct kp_json *j, const char *url, const char *token)
{
    char lasts[16], refresh[2 * KP_SHARE_URL];
    snprintf(lasts, sizeof lasts, "%d", SHARE_TOKEN_S);
    snprintf(refresh, sizeof refresh, "%s/token", url);
    kp_json_key(j, "endpointProperties");
    kp_json_begin(j, '[');
    put_property(j, "authorization", token);
    put_property(j, "authType", "bearer");
    put_property(j, "expiresIn", lasts);
    put_property(j, "refreshEndpoint", refresh);
    put_property(j, EDC "endpoint", url); /* Eclipse connectors read these */
    put_property(j, EDC "authorization", token);
    put_property(j, EDC "authType", "bearer");
    put_property(j, EDC "endpointType", EDC "HTTP");
    kp_json_end(j, ']');
}

enum kp_code share_put_address(struct kp_share *s, struct kp_json *j, const struct share_process *p,
                               struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_buf url;
    const char *participant, *token;
    char root[KP_SHARE_URL];
    kp_buf_init(&url, 2 * KP_SHARE_URL);
    kp_share_base(s, root);
    root[*root ? strlen(root) - strlen(KP_DSP_PATH) : 0] = 0;
    share_put_url(&url, root, "/data/", p->pid);
    if (!*root)
        kp_fail(err, KP_EREFUSED,
                "the partner could not fetch the data, for this node is reached by nobody: koppel "
                "listen --partners");
    else if (url.failed)
        share_starved(err);
    else if (!participant_of(s, p, &arena, &participant, err) &&
             !sign(s, p, participant, &arena, &token, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "@type", "DataAddress");
        kp_json_put_text(j, "endpointType", "https://w3id.org/idsa/v4.1/HTTP");
        kp_json_put_text(j, "endpoint", kp_buf_text(&url));
        put_properties(j, kp_buf_text(&url), token);
        kp_json_end(j, '}');
    }
    kp_buf_free(&url);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- a new one ---- */
static enum kp_code find_transfer(struct kp_share *s, const char *partner, const char *pid,
                                  struct kp_arena *arena, struct share_process *p,
                                  struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        share_process_by_pid(db, KP_TRANSFER, pid, arena, p, err);
    kp_store_reader_done(s->store, db);
    if (err->code)
        return err->code;
    if (strcmp(p->partner, partner) != 0 || p->side != KP_PROVIDER)
        return kp_fail(err, KP_ENOTFOUND, "there is no transfer of that number or id");
    return share_must_run(s, p, err);
}

enum kp_code kp_data_token_new(struct kp_share *s, const char *partner, const char *pid,
                               struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct share_process p;
    const char *participant, *token;
    if (!find_transfer(s, partner, pid, &arena, &p, err) &&
        !participant_of(s, &p, &arena, &participant, err) &&
        !sign(s, &p, participant, &arena, &token, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "authorization", token);
        kp_json_put_int(j, "expiresIn", SHARE_TOKEN_S);
        kp_json_end(j, '}');
    }
    kp_arena_free(&arena);
    return err->code;
}

/* ---- reading ---- */
static json_t *own_keys(struct kp_share *s, struct kp_arena *arena, struct share_self *self,
                        struct kp_err *err)
{
    const char *jwk;
    if (share_self(s, arena, self, err))
        return NULL;
    pthread_mutex_lock(&s->lock);
    if (!s->jwk && !kp_jose_public(self->key, arena, &jwk, err))
        s->jwk = kp_strdup(jwk);
    json_t *key = s->jwk ? kp_json_read(s->jwk, "key", err) : NULL;
    pthread_mutex_unlock(&s->lock);
    json_t *keys = key ? json_pack("{s:[O]}", "keys", key) : NULL;
    json_decref(key);
    if (!keys && !err->code)
        share_starved(err);
    return keys;
}

static const char *claim(const json_t *claims, const char *name, struct kp_arena *arena)
{
    const char *text = json_string_value(json_object_get(claims, name));
    return text ? kp_arena_strdup(arena, text) : NULL;
}

static enum kp_code check(struct kp_share *s, const json_t *claims, const struct share_self *self,
                          const char *pid, const struct kp_data_token *t, struct kp_err *err)
{
    const char *late = kp_jose_late(claims, kp_utc(s->clock), SHARE_TOKEN_S),
               *used = json_string_value(json_object_get(claims, "use"));
    if (!used || strcmp(used, use) != 0 || !kp_jose_is_for(claims, self->id) || !t->transfer ||
        !t->agreement || !t->participant)
        return kp_fail(err, KP_EDENIED, "the token is none for data of this node");
    if (late)
        return kp_fail(err, KP_EDENIED,
                       "the token %s: a new one comes from the refreshEndpoint of the address",
                       late);
    return strcmp(t->transfer, pid) == 0
               ? KP_OK
               : kp_fail(err, KP_EDENIED, "the token is for another transfer");
}

enum kp_code kp_data_token_read(struct kp_share *s, const char *pid, const char *authorization,
                                struct kp_arena *arena, struct kp_data_token *t, struct kp_err *err)
{
    struct share_self self;
    const char *token = authorization;
    if (token && strncasecmp(token, "Bearer ", 7) == 0)
        token += 7 + strspn(token + 7, " ");
    if (!token || !*token)
        return kp_fail(err, KP_EDENIED, "the Authorization header with the token of the transfer's "
                                        "address is missing");
    json_t *keys = own_keys(s, arena, &self, err);
    json_t *claims = keys ? kp_jose_read(token, keys, &names, err) : NULL;
    if (claims) {
        *t = (struct kp_data_token){ claim(claims, "transfer", arena),
                                     claim(claims, "agreement", arena),
                                     claim(claims, "sub", arena) };
        check(s, claims, &self, pid, t, err);
    }
    json_decref(claims);
    json_decref(keys);
    return err->code;
}
