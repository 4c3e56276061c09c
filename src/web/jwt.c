/* SPDX-License-Identifier: Apache-2.0 */
#include "web/jwt.h"

#include "core/mem.h"
#include "core/text.h"
#include "web/body.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "core/ban.h"

enum { RSA_BITS_MIN = 2048, EC_BYTES = 32, KEY_BYTES_MAX = 1024, SHA256_BYTES = 32 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* base64url without padding; strict: no other characters, no bits left over. */
static bool decode(const char *text, size_t n, unsigned char *out, unsigned *len)
{
    unsigned bits = 0, held = 0;
    *len = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = text[i] ? strchr(digits, text[i]) : NULL;
        if (!at)
            return false;
        held = held << 6 | (unsigned)(at - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[(*len)++] = (unsigned char)(held >> bits);
            held &= (1u << bits) - 1;
        }
    }
    return bits < 6 && !held;
}

void kp_hash_text(const char *text, char out[KP_HASH_TEXT])
{
    unsigned char hash[SHA256_BYTES + 1] = { 0 };
    gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), hash);
    for (size_t i = 0; i < KP_HASH_TEXT - 1; i++) {
        size_t bit = i * 6, at = bit / 8;
        unsigned two = (unsigned)hash[at] << 8 | hash[at + 1];
        out[i] = digits[two >> (10 - bit % 8) & 63];
    }
    out[KP_HASH_TEXT - 1] = 0;
}

/* ---- its three parts ---- */
struct parts {
    const char *text; /* header.claims, which is what is signed */
    size_t signed_len;
    json_t *header, *claims;
    unsigned char signature[KEY_BYTES_MAX];
    unsigned signature_len;
};

static json_t *read_part(const char *text, size_t n, struct kp_arena *arena, struct kp_err *err)
{
    unsigned len;
    unsigned char *plain = kp_arena_alloc(arena, n + 1);
    if (!plain || !decode(text, n, plain, &len)) {
        kp_fail(err, plain ? KP_EDENIED : KP_ENOMEM,
                plain ? "the ID token is damaged" : "out of memory");
        return NULL;
    }
    struct kp_err why = { 0 };
    json_t *o = kp_body_object((const char *)plain, len, NULL, &why);
    if (!o)
        kp_fail(err, why.code == KP_ENOMEM ? KP_ENOMEM : KP_EDENIED, "the ID token is damaged");
    return o;
}

static bool split(const char *token, struct parts *p, struct kp_arena *arena, struct kp_err *err)
{
    size_t n = strlen(token);
    const char *one = n <= KP_JWT_MAX ? strchr(token, '.') : NULL,
               *two = one ? strchr(one + 1, '.') : NULL;
    size_t rest = two ? strlen(two + 1) : 0;
    *p = (struct parts){ .text = token };
    if (!rest || rest * 3 / 4 >= sizeof p->signature ||
        !decode(two + 1, rest, p->signature, &p->signature_len)) {
        kp_fail(err, KP_EDENIED, "the ID token is no signed token");
        return false;
    }
    p->signed_len = (size_t)(two - token);
    p->header = read_part(token, (size_t)(one - token), arena, err);
    p->claims = p->header ? read_part(one + 1, (size_t)(two - one - 1), arena, err) : NULL;
    return p->claims;
}

/* ---- keys ---- */
static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static bool number_of(const json_t *jwk, const char *name, unsigned char out[KEY_BYTES_MAX],
                      gnutls_datum_t *d)
{
    const char *text = text_of(jwk, name);
    size_t n = strlen(text);
    d->data = out;
    return n && n * 3 / 4 < KEY_BYTES_MAX && decode(text, n, out, &d->size);
}

static bool import(gnutls_pubkey_t key, const json_t *jwk, bool ec)
{
    unsigned char one[KEY_BYTES_MAX], other[KEY_BYTES_MAX];
    gnutls_datum_t a, b;
    unsigned bits = 0;
    if (!number_of(jwk, ec ? "x" : "n", one, &a) || !number_of(jwk, ec ? "y" : "e", other, &b))
        return false;
    if (ec)
        return a.size == EC_BYTES && b.size == EC_BYTES &&
               gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_SECP256R1, &a, &b) >= 0;
    return gnutls_pubkey_import_rsa_raw(key, &a, &b) >= 0 &&
           gnutls_pubkey_get_pk_algorithm(key, &bits) == GNUTLS_PK_RSA && bits >= RSA_BITS_MIN;
}

static bool verify(gnutls_pubkey_t key, const struct parts *p, bool ec)
{
    gnutls_datum_t data = { (unsigned char *)(uintptr_t)p->text, (unsigned)p->signed_len };
    gnutls_datum_t signature = { (unsigned char *)(uintptr_t)p->signature, p->signature_len },
                   der = { 0 };
    if (!ec)
        return gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, &data, &signature) >= 0;
    gnutls_datum_t r = { signature.data, EC_BYTES }, s = { signature.data + EC_BYTES, EC_BYTES };
    if (signature.size != 2 * EC_BYTES || gnutls_encode_rs_value(&der, &r, &s) < 0)
        return false;
    bool good = gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der) >= 0;
    gnutls_free(der.data);
    return good;
}

static bool may_be(const json_t *jwk, const json_t *header, bool ec)
{
    const char *use = text_of(jwk, "use"), *alg = text_of(jwk, "alg"), *id = text_of(header, "kid");
    return strcmp(text_of(jwk, "kty"), ec ? "EC" : "RSA") == 0 &&
           (!ec || strcmp(text_of(jwk, "crv"), "P-256") == 0) &&
           (!*use || strcmp(use, "sig") == 0) &&
           (!*alg || strcmp(alg, text_of(header, "alg")) == 0) &&
           (!*id || strcmp(text_of(jwk, "kid"), id) == 0);
}

static bool is_signed(const struct parts *p, const json_t *keys, struct kp_err *err)
{
    const char *alg = text_of(p->header, "alg");
    bool ec = strcmp(alg, "ES256") == 0, good = false;
    const json_t *jwk;
    size_t i;
    if (!ec && strcmp(alg, "RS256") != 0) {
        kp_fail(err, KP_EDENIED,
                "the ID token is signed by '%.20s'; only RS256 and ES256 are taken", alg);
        return false;
    }
    if (json_object_get(p->header, "crit")) {
        kp_fail(err, KP_EDENIED, "the ID token wants something that is not known here (crit)");
        return false;
    }
    json_array_foreach(json_object_get(keys, "keys"), i, jwk)
    {
        gnutls_pubkey_t key;
        if (i == KP_JWT_KEYS_MAX || good)
            break;
        if (!may_be(jwk, p->header, ec) || gnutls_pubkey_init(&key) < 0)
            continue;
        good = import(key, jwk, ec) && verify(key, p, ec);
        gnutls_pubkey_deinit(key);
    }
    if (!good)
        kp_fail(err, KP_EDENIED, "the ID token is not signed by a key of the provider");
    return good;
}

/* ---- claims ---- */
/* One audience, or a list with us in it and us as the party it was made for. */
static bool is_for(const json_t *claims, const char *us)
{
    const json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp"), *one;
    size_t i;
    bool found = json_is_string(aud) && strcmp(json_string_value(aud), us) == 0;
    json_array_foreach(aud, i, one) found |=
        json_is_string(one) && strcmp(json_string_value(one), us) == 0;
    bool made_for = json_is_string(azp) && strcmp(json_string_value(azp), us) == 0;
    return found && (azp ? made_for : json_array_size(aud) <= 1);
}

static const char *wrong_time(const json_t *claims, int64_t now)
{
    const json_t *exp = json_object_get(claims, "exp"), *iat = json_object_get(claims, "iat"),
                 *nbf = json_object_get(claims, "nbf");
    double t = (double)(now / KP_SECOND);
    if (!json_is_number(exp) || json_number_value(exp) <= t - KP_JWT_LEEWAY_S)
        return "has expired; is the clock of this machine right?";
    if (!json_is_number(iat) || json_number_value(iat) > t + KP_JWT_LEEWAY_S ||
        json_number_value(iat) < t - KP_JWT_AGE_S)
        return "was not issued just now; is the clock of this machine right?";
    return nbf && !(json_number_value(nbf) <= t + KP_JWT_LEEWAY_S) ? "is not valid yet" : NULL;
}

static bool check(const json_t *claims, const struct kp_jwt_want *w, struct kp_err *err)
{
    const char *late = wrong_time(claims, w->now), *sub = text_of(claims, "sub");
    const char *why = strcmp(text_of(claims, "iss"), w->issuer) != 0 ? "is of another issuer"
                      : !is_for(claims, w->audience) ? "is for another program (audience)"
                      : strcmp(text_of(claims, "nonce"), w->nonce) != 0
                          ? "answers another question (nonce)"
                      : !*sub || strlen(sub) > 255 ? "does not say whom it is about"
                                                   : late;
    if (why)
        kp_fail(err, KP_EDENIED, "the ID token %s", why);
    return !why;
}

json_t *kp_jwt_read(const char *token, const json_t *keys, const struct kp_jwt_want *w,
                    struct kp_err *err)
{
    struct parts p;
    struct kp_arena arena = { 0 };
    bool good =
        split(token, &p, &arena, err) && is_signed(&p, keys, err) && check(p.claims, w, err);
    kp_arena_free(&arena);
    json_decref(p.header);
    if (good)
        return p.claims;
    json_decref(p.claims);
    return NULL;
}
