/* SPDX-License-Identifier: Apache-2.0 */
#include "net/jose.h"

#include "core/text.h"
#include "net/json_memory.h"

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

static json_t *read_part(const char *text, size_t n, struct kp_arena *arena,
                         const struct kp_jose_names *names, struct kp_err *err)
{
    unsigned len;
    unsigned char *plain = kp_arena_alloc(arena, n + 1);
    if (!plain || !decode(text, n, plain, &len)) {
        kp_fail(err, plain ? KP_EDENIED : KP_ENOMEM, plain ? "%s is damaged" : "out of memory%s",
                plain ? names->token : "");
        return NULL;
    }
    struct kp_err why = { 0 };
    json_t *o = kp_json_object((const char *)plain, len, names->token, KP_JSON_DEPTH, &why);
    if (!o)
        kp_fail(err, why.code == KP_ENOMEM ? KP_ENOMEM : KP_EDENIED,
                why.code == KP_ENOMEM ? "out of memory%s" : "%s is damaged",
                why.code == KP_ENOMEM ? "" : names->token);
    return o;
}

static bool split(const char *token, struct parts *p, struct kp_arena *arena,
                  const struct kp_jose_names *names, struct kp_err *err)
{
    size_t n = strlen(token);
    const char *one = n <= KP_JOSE_MAX ? strchr(token, '.') : NULL,
               *two = one ? strchr(one + 1, '.') : NULL;
    size_t rest = two ? strlen(two + 1) : 0;
    *p = (struct parts){ .text = token };
    if (!rest || rest * 3 / 4 >= sizeof p->signature ||
        !decode(two + 1, rest, p->signature, &p->signature_len)) {
        kp_fail(err, KP_EDENIED, "%s is no signed token", names->token);
        return false;
    }
    p->signed_len = (size_t)(two - token);
    p->header = read_part(token, (size_t)(one - token), arena, names, err);
    p->claims = p->header ? read_part(one + 1, (size_t)(two - one - 1), arena, names, err) : NULL;
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

static bool is_signed(const struct parts *p, const json_t *keys, const struct kp_jose_names *names,
                      struct kp_err *err)
{
    const char *alg = text_of(p->header, "alg");
    bool ec = strcmp(alg, "ES256") == 0, good = false;
    const json_t *jwk;
    size_t i;
    if (!ec && strcmp(alg, "RS256") != 0) {
        kp_fail(err, KP_EDENIED, "%s is signed by '%.20s'; only RS256 and ES256 are taken",
                names->token, alg);
        return false;
    }
    if (json_object_get(p->header, "crit")) {
        kp_fail(err, KP_EDENIED, "%s wants something that is not known here (crit)", names->token);
        return false;
    }
    json_array_foreach(json_object_get(keys, "keys"), i, jwk)
    {
        gnutls_pubkey_t key;
        if (i == KP_JOSE_KEYS_MAX || good)
            break;
        if (!may_be(jwk, p->header, ec) || gnutls_pubkey_init(&key) < 0)
            continue;
        good = import(key, jwk, ec) && verify(key, p, ec);
        gnutls_pubkey_deinit(key);
    }
    if (!good)
        kp_fail(err, KP_EDENIED, "%s is not signed by a key of %s", names->token, names->whose);
    return good;
}

/* ---- reading ---- */
static json_t *read(const char *token, const json_t *keys, const struct kp_jose_names *names,
                    struct kp_err *err)
{
    struct parts p;
    struct kp_arena arena = { 0 };
    bool good = split(token, &p, &arena, names, err) && (!keys || is_signed(&p, keys, names, err));
    kp_arena_free(&arena);
    json_decref(p.header);
    if (good)
        return p.claims;
    json_decref(p.claims);
    return NULL;
}

json_t *kp_jose_read(const char *token, const json_t *keys, const struct kp_jose_names *names,
                     struct kp_err *err)
{
    if (keys)
        return read(token, keys, names, err);
    kp_fail(err, KP_EDENIED, "%s is not signed by a key of %s", names->token, names->whose);
    return NULL;
}

json_t *kp_jose_peek(const char *token, const struct kp_jose_names *names, struct kp_err *err)
{
    return read(token, NULL, names, err);
}

bool kp_jose_is_for(const json_t *claims, const char *us)
{
    const json_t *aud = json_object_get(claims, "aud"), *one;
    size_t i;
    bool found = json_is_string(aud) && strcmp(json_string_value(aud), us) == 0;
    json_array_foreach(aud, i, one) found |=
        json_is_string(one) && strcmp(json_string_value(one), us) == 0;
    return found && json_array_size(aud) <= 1;
}

const char *kp_jose_late(const json_t *claims, int64_t now, int64_t age_s)
{
    const json_t *exp = json_object_get(claims, "exp"), *iat = json_object_get(claims, "iat"),
                 *nbf = json_object_get(claims, "nbf");
    double t = (double)(now / KP_SECOND), age = (double)age_s;
    if (!json_is_number(exp) || json_number_value(exp) <= t - KP_JOSE_LEEWAY_S)
        return "has expired; is the clock of this machine right?";
    if (!json_is_number(iat) || json_number_value(iat) > t + KP_JOSE_LEEWAY_S ||
        json_number_value(iat) < t - age)
        return "was not issued just now; is the clock of this machine right?";
    return nbf && !(json_number_value(nbf) <= t + KP_JOSE_LEEWAY_S) ? "is not valid yet" : NULL;
}

/* ---- writing ---- */
static enum kp_code broken(int code, struct kp_err *err)
{
    return kp_fail(err, code == GNUTLS_E_MEMORY_ERROR ? KP_ENOMEM : KP_EIO,
                   "a key of this node: %s", gnutls_strerror(code));
}

static void encode(const unsigned char *data, size_t n, struct kp_buf *out)
{
    unsigned held = 0, bits = 0;
    for (size_t i = 0; i < n; i++) {
        held = held << 8 | data[i];
        for (bits += 8; bits >= 6; held &= (1u << bits) - 1) {
            bits -= 6;
            kp_buf_add(out, &digits[held >> bits & 63], 1);
        }
    }
    if (bits)
        kp_buf_add(out, &digits[held << (6 - bits) & 63], 1);
}

/* A number has no leading zeroes, or one too many; JOSE wants 32 bytes. */
static bool widen(const gnutls_datum_t *d, unsigned char out[EC_BYTES])
{
    size_t skip = 0;
    while (d->size - skip > EC_BYTES && !d->data[skip])
        skip++;
    size_t n = d->size - skip;
    if (n > EC_BYTES)
        return false;
    memset(out, 0, EC_BYTES - n);
    memcpy(out + EC_BYTES - n, d->data + skip, n);
    return true;
}

enum kp_code kp_jose_key(struct kp_arena *arena, const char **pem, struct kp_err *err)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t made = { 0 };
    int code = gnutls_x509_privkey_init(&key);
    if (code < 0)
        return broken(code, err);
    code = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (code >= 0)
        code = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                                 &made);
    gnutls_x509_privkey_deinit(key);
    if (code < 0)
        return broken(code, err);
    *pem = kp_arena_strdup(arena, (const char *)made.data);
    gnutls_memset(made.data, 0, made.size);
    gnutls_free(made.data);
    return *pem ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code open_key(const char *pem, gnutls_privkey_t *key, struct kp_err *err)
{
    gnutls_datum_t data = { (unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem) };
    int code = gnutls_privkey_init(key);
    if (code < 0)
        return broken(code, err);
    code = gnutls_privkey_import_x509_raw(*key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code >= 0)
        return KP_OK;
    gnutls_privkey_deinit(*key);
    return broken(code, err);
}

static enum kp_code take(struct kp_buf *b, struct kp_arena *arena, const char **out,
                         struct kp_err *err)
{
    *out = b->failed ? NULL : kp_arena_strdup(arena, kp_buf_text(b));
    kp_buf_free(b);
    return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

enum kp_code kp_jose_public(const char *pem, struct kp_arena *arena, const char **jwk,
                            struct kp_err *err)
{
    gnutls_privkey_t key;
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x = { 0 }, y = { 0 }, k = { 0 };
    unsigned char wide[EC_BYTES];
    struct kp_buf out;
    if (open_key(pem, &key, err))
        return err->code;
    int code = gnutls_privkey_export_ecc_raw(key, &curve, &x, &y, &k);
    gnutls_privkey_deinit(key);
    if (code < 0)
        return broken(code, err);
    kp_buf_init(&out, 1024);
    kp_buf_str(&out,
               "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"use\":\"sig\",\"x\":\"");
    if (widen(&x, wide))
        encode(wide, EC_BYTES, &out);
    kp_buf_str(&out, "\",\"y\":\"");
    if (widen(&y, wide))
        encode(wide, EC_BYTES, &out);
    kp_buf_str(&out, "\"}");
    gnutls_memset(k.data, 0, k.size);
    gnutls_free(x.data);
    gnutls_free(y.data);
    gnutls_free(k.data);
    return take(&out, arena, jwk, err);
}

static bool add_signature(gnutls_privkey_t key, struct kp_buf *out)
{
    unsigned char both[2 * EC_BYTES];
    gnutls_datum_t text = { (unsigned char *)(uintptr_t)kp_buf_text(out), (unsigned)out->len },
                   der = { 0 }, r = { 0 }, s = { 0 };
    bool good = gnutls_privkey_sign_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &der) >= 0 &&
                gnutls_decode_rs_value(&der, &r, &s) >= 0 && widen(&r, both) &&
                widen(&s, both + EC_BYTES);
    kp_buf_str(out, ".");
    if (good)
        encode(both, sizeof both, out);
    gnutls_free(der.data);
    gnutls_free(r.data);
    gnutls_free(s.data);
    return good;
}

enum kp_code kp_jose_sign(const char *pem, const char *claims, struct kp_arena *arena,
                          const char **token, struct kp_err *err)
{
    static const char header[] = "{\"alg\":\"ES256\",\"typ\":\"JWT\"}";
    gnutls_privkey_t key;
    struct kp_buf out;
    if (open_key(pem, &key, err))
        return err->code;
    kp_buf_init(&out, KP_JOSE_MAX);
    encode((const unsigned char *)header, sizeof header - 1, &out);
    kp_buf_str(&out, ".");
    encode((const unsigned char *)claims, strlen(claims), &out);
    bool good = add_signature(key, &out);
    gnutls_privkey_deinit(key);
    if (take(&out, arena, token, err))
        return err->code;
    return good ? KP_OK : kp_fail(err, KP_EIO, "a token cannot be signed");
}

bool kp_jose_key_good(const json_t *jwk)
{
    gnutls_pubkey_t key;
    bool ec = strcmp(text_of(jwk, "kty"), "EC") == 0;
    if (json_object_get(jwk, "d") || gnutls_pubkey_init(&key) < 0)
        return false;
    bool good = import(key, jwk, ec) && gnutls_pubkey_verify_params(key) >= 0;
    gnutls_pubkey_deinit(key);
    return good;
}

/* ---- fingerprints ---- */
static void print(const void *data, size_t n, char out[KP_PRINT_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char hash[SHA256_BYTES];
    char *at = out;
    gnutls_hash_fast(GNUTLS_DIG_SHA256, data, n, hash);
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        if (i && i % 2 == 0)
            *at++ = ' ';
        *at++ = hex[hash[i] >> 4];
        *at++ = hex[hash[i] & 15];
    }
    *at = 0;
}

void kp_print_text(const char *text, char out[KP_PRINT_TEXT])
{
    print(text, strlen(text), out);
}

bool kp_print_key(const json_t *jwk, char out[KP_PRINT_TEXT])
{
    bool ec = strcmp(text_of(jwk, "kty"), "EC") == 0;
    struct kp_buf text;
    if (!kp_jose_key_good(jwk))
        return false;
    kp_buf_init(&text, KP_JOSE_MAX);
    if (ec) /* numbers in base64url: nothing to escape */
        kp_buf_printf(&text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                      text_of(jwk, "x"), text_of(jwk, "y"));
    else
        kp_buf_printf(&text, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", text_of(jwk, "e"),
                      text_of(jwk, "n"));
    bool good = !text.failed;
    if (good)
        print(kp_buf_text(&text), text.len, out);
    kp_buf_free(&text);
    return good;
}

bool kp_print_certificate(const char *pem, char out[KP_PRINT_TEXT])
{
    gnutls_datum_t text = { (unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem) }, der = { 0 };
    if (gnutls_pem_base64_decode2("CERTIFICATE", &text, &der) < 0)
        return false;
    print(der.data, der.size, out);
    gnutls_free(der.data);
    return true;
}

static char next_digit(const char **at)
{
    *at += strspn(*at, " :-\t\n");
    char c = **at;
    *at += c != 0;
    return c >= 'A' && c <= 'F' ? (char)(c + 'a' - 'A') : c;
}

bool kp_print_same(const char *a, const char *b)
{
    for (;;) {
        char one = next_digit(&a), other = next_digit(&b);
        if (one != other || !one)
            return one == other;
    }
}
