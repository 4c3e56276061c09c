/* SPDX-License-Identifier: Apache-2.0 */
#include "web/certificate.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { RSA_BITS_MIN = 2048, COMMON_NAME_MAX = 64, DAY_S = 86400 };

/* Where a private network or a machine itself may be. */
static const char *const private_ranges[] = { "10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
                                              "169.254.0.0/16", "127.0.0.0/8",   "fc00::/7",
                                              "fe80::/10",      "::1/128" };

static enum kp_code broken(int code, const char *what, struct kp_err *err)
{
    return kp_fail(err, code == GNUTLS_E_MEMORY_ERROR ? KP_ENOMEM : KP_EIO, "%s: %s", what,
                   gnutls_strerror(code));
}

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
}

/* Moves what the library has made into the arena. */
static enum kp_code keep(gnutls_datum_t *made, struct kp_arena *arena, const char **out,
                         struct kp_err *err)
{
    char *text = kp_arena_alloc(arena, made->size + 1);
    if (text)
        memcpy(text, made->data, made->size);
    gnutls_memset(made->data, 0, made->size);
    gnutls_free(made->data);
    *out = text;
    return text ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory for a certificate");
}

/* ---- keys ---- */
static enum kp_code export_key(gnutls_x509_privkey_t key, struct kp_arena *arena, const char **out,
                               struct kp_err *err)
{
    gnutls_datum_t made = { 0 };
    int code =
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &made);
    return code < 0 ? broken(code, "the new key cannot be written", err)
                    : keep(&made, arena, out, err);
}

static enum kp_code make_key(gnutls_x509_privkey_t *key, struct kp_err *err)
{
    int code = gnutls_x509_privkey_init(key);
    if (code < 0)
        return broken(code, "a new key", err);
    code = gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (code >= 0)
        return KP_OK;
    gnutls_x509_privkey_deinit(*key);
    return broken(code, "a new key", err);
}

enum kp_code kp_key_make(struct kp_arena *arena, const char **out, struct kp_err *err)
{
    gnutls_x509_privkey_t key;
    if (make_key(&key, err))
        return err->code;
    export_key(key, arena, out, err);
    gnutls_x509_privkey_deinit(key);
    return err->code;
}

static enum kp_code read_key(const char *pem, gnutls_x509_privkey_t *key, struct kp_err *err)
{
    gnutls_datum_t data = datum(pem);
    int code = gnutls_x509_privkey_init(key);
    if (code < 0)
        return broken(code, "a key", err);
    code = gnutls_x509_privkey_import2(*key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code >= 0)
        return KP_OK;
    gnutls_x509_privkey_deinit(*key);
    if (code == GNUTLS_E_DECRYPTION_FAILED || strstr(pem, "ENCRYPTED"))
        return kp_fail(err, KP_EINVALID,
                       "the key is locked with a passphrase: give it without (openssl pkey -in KEY "
                       "-out OPEN)");
    return kp_fail(err, KP_EINVALID,
                   "the key is no private key in PEM form (BEGIN PRIVATE KEY): %s",
                   gnutls_strerror(code));
}

/* ---- making certificates ---- */
static int set_serial(gnutls_x509_crt_t crt)
{
    uint8_t serial[16];
    kp_random(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    return gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
}

static int set_common_name(gnutls_x509_crt_t crt, const char *name)
{
    char cut[COMMON_NAME_MAX + 1];
    snprintf(cut, sizeof cut, "%s", name);
    kp_utf8_trim(cut);
    return gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, cut,
                                         (unsigned)strlen(cut));
}

static int set_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
    uint8_t id[64];
    size_t n = sizeof id;
    int code = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &n);
    if (code >= 0)
        code = gnutls_x509_crt_set_subject_key_id(crt, id, n);
    n = sizeof id;
    if (code >= 0)
        code = gnutls_x509_crt_get_key_id(issuer, GNUTLS_KEYID_USE_SHA1, id, &n);
    return code < 0 ? code : gnutls_x509_crt_set_authority_key_id(crt, id, n);
}

/* What every certificate has; a day back, for PCs whose clock is behind. */
static int set_basics(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *name,
                      int64_t now, int days)
{
    time_t from = (time_t)(now / KP_SECOND) - DAY_S;
    int code = gnutls_x509_crt_set_version(crt, 3);
    if (code >= 0)
        code = set_serial(crt);
    if (code >= 0)
        code = gnutls_x509_crt_set_key(crt, key);
    if (code >= 0)
        code = set_common_name(crt, name);
    if (code >= 0)
        code = gnutls_x509_crt_set_activation_time(crt, from);
    if (code >= 0)
        code = gnutls_x509_crt_set_expiration_time(crt, from + (time_t)days * DAY_S);
    return code < 0 ? code : gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
}

/* An address as it stands in a certificate: 4 or 16 bytes. */
static unsigned address_bytes(const char *name, uint8_t out[16])
{
    return inet_pton(AF_INET, name, out) == 1 ? 4 : inet_pton(AF_INET6, name, out) == 1 ? 16 : 0;
}

static int permit_range(gnutls_x509_name_constraints_t nc, const char *range)
{
    gnutls_datum_t bytes;
    int code = gnutls_x509_cidr_to_rfc5280(range, &bytes);
    if (code < 0)
        return code;
    code = gnutls_x509_name_constraints_add_permitted(nc, GNUTLS_SAN_IPADDRESS, &bytes);
    gnutls_free(bytes.data);
    return code;
}

static int permit(gnutls_x509_name_constraints_t nc, const char *name)
{
    char range[KP_DNS_NAME + 4];
    gnutls_datum_t dns = datum(name);
    if (!kp_is_address(name))
        return gnutls_x509_name_constraints_add_permitted(nc, GNUTLS_SAN_DNSNAME, &dns);
    snprintf(range, sizeof range, "%s/%d", name, strchr(name, ':') ? 128 : 32);
    return permit_range(nc, range);
}

static int set_constraints(gnutls_x509_crt_t crt, const struct kp_names *names)
{
    gnutls_x509_name_constraints_t nc;
    int code = gnutls_x509_name_constraints_init(&nc);
    if (code < 0)
        return code;
    for (size_t i = 0; code >= 0 && i < names->n; i++)
        code = permit(nc, names->name[i]);
    for (size_t i = 0; code >= 0 && i < sizeof private_ranges / sizeof private_ranges[0]; i++)
        code = permit_range(nc, private_ranges[i]);
    if (code >= 0)
        code = gnutls_x509_crt_set_name_constraints(crt, nc, 1);
    gnutls_x509_name_constraints_deinit(nc);
    return code;
}

static enum kp_code export_pair(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
                                struct kp_arena *arena, struct kp_key_pair *out, struct kp_err *err)
{
    gnutls_datum_t made = { 0 };
    int code = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &made);
    if (code < 0)
        return broken(code, "the new certificate cannot be written", err);
    return keep(&made, arena, &out->certificate, err) ? err->code
                                                      : export_key(key, arena, &out->key, err);
}

/* Two nodes of one name, or a second CA of one node, must not be taken for each other. */
static void ca_name(const char *node, char out[COMMON_NAME_MAX + 1])
{
    uint8_t id[4];
    kp_random(id, sizeof id);
    snprintf(out, COMMON_NAME_MAX + 1, "koppel %.40s", node);
    kp_utf8_trim(out);
    size_t n = strlen(out);
    snprintf(out + n, COMMON_NAME_MAX + 1 - n, " CA %02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
}

enum kp_code kp_ca_make(const char *node, const struct kp_names *names, int64_t now,
                        struct kp_arena *arena, struct kp_key_pair *out, struct kp_err *err)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    char name[COMMON_NAME_MAX + 1];
    ca_name(node, name);
    if (make_key(&key, err))
        return err->code;
    int code = gnutls_x509_crt_init(&crt);
    if (code >= 0) {
        code = set_basics(crt, key, name, now, KP_CA_DAYS);
        if (code >= 0)
            code = gnutls_x509_crt_set_basic_constraints(crt, 1, 0);
        if (code >= 0)
            code =
                gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
        if (code >= 0)
            code = set_constraints(crt, names);
        if (code >= 0)
            code = set_key_ids(crt, crt);
        if (code >= 0)
            code = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
        if (code >= 0)
            export_pair(crt, key, arena, out, err);
        gnutls_x509_crt_deinit(crt);
    }
    gnutls_x509_privkey_deinit(key);
    return code < 0 ? broken(code, "the CA cannot be made", err) : err->code;
}

static int set_name(gnutls_x509_crt_t crt, const char *name)
{
    uint8_t bytes[16];
    unsigned n = address_bytes(name, bytes);
    return n ? gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, bytes, n,
                                                    GNUTLS_FSAN_APPEND)
             : gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                    (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

static int sign_leaf(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, gnutls_x509_crt_t ca,
                     gnutls_x509_privkey_t ca_key, const struct kp_names *names, int64_t now)
{
    time_t last = gnutls_x509_crt_get_expiration_time(ca);
    int code = set_basics(crt, key, names->name[0], now, KP_LEAF_DAYS);
    if (code >= 0 && gnutls_x509_crt_get_expiration_time(crt) > last)
        code = gnutls_x509_crt_set_expiration_time(crt, last);
    for (size_t i = 0; code >= 0 && i < names->n; i++)
        code = set_name(crt, names->name[i]);
    if (code >= 0)
        code = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
    if (code >= 0)
        code = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (code >= 0)
        code = set_key_ids(crt, ca);
    return code < 0 ? code : gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0);
}

static enum kp_code read_one(const char *pem, gnutls_x509_crt_t *crt, struct kp_err *err)
{
    gnutls_datum_t data = datum(pem);
    int code = gnutls_x509_crt_init(crt);
    if (code < 0)
        return broken(code, "a certificate", err);
    code = gnutls_x509_crt_import(*crt, &data, GNUTLS_X509_FMT_PEM);
    if (code >= 0)
        return KP_OK;
    gnutls_x509_crt_deinit(*crt);
    return kp_fail(err, KP_EINVALID, "this is no certificate in PEM form (BEGIN CERTIFICATE): %s",
                   gnutls_strerror(code));
}

static enum kp_code leaf_by(gnutls_x509_crt_t ca, gnutls_x509_privkey_t ca_key,
                            const struct kp_names *names, int64_t now, struct kp_arena *arena,
                            struct kp_key_pair *out, struct kp_err *err)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    if (make_key(&key, err))
        return err->code;
    int code = gnutls_x509_crt_init(&crt);
    if (code >= 0) {
        code = sign_leaf(crt, key, ca, ca_key, names, now);
        if (code >= 0)
            export_pair(crt, key, arena, out, err);
        gnutls_x509_crt_deinit(crt);
    }
    gnutls_x509_privkey_deinit(key);
    return code < 0 ? broken(code, "the certificate cannot be made", err) : err->code;
}

enum kp_code kp_leaf_make(const struct kp_key_pair *by, const struct kp_names *names, int64_t now,
                          struct kp_arena *arena, struct kp_key_pair *out, struct kp_err *err)
{
    gnutls_x509_crt_t ca;
    gnutls_x509_privkey_t ca_key;
    if (read_one(by->certificate, &ca, err))
        return err->code;
    if (!read_key(by->key, &ca_key, err)) {
        leaf_by(ca, ca_key, names, now, arena, out, err);
        gnutls_x509_privkey_deinit(ca_key);
    }
    gnutls_x509_crt_deinit(ca);
    return err->code;
}

bool kp_ca_permits(const char *pem, const char *name)
{
    gnutls_x509_crt_t ca;
    gnutls_x509_name_constraints_t nc;
    uint8_t bytes[16];
    unsigned critical, n = address_bytes(name, bytes);
    gnutls_datum_t address = { bytes, n }, dns = datum(name);
    if (read_one(pem, &ca, NULL))
        return false;
    bool yes = false;
    if (gnutls_x509_name_constraints_init(&nc) >= 0) {
        yes = gnutls_x509_crt_get_name_constraints(ca, nc, 0, &critical) >= 0 &&
              gnutls_x509_name_constraints_check(nc, n ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
                                                 n ? &address : &dns);
        gnutls_x509_name_constraints_deinit(nc);
    }
    gnutls_x509_crt_deinit(ca);
    return yes;
}

/* ---- a request for another CA ---- */
static int fill_request(gnutls_x509_crq_t crq, gnutls_x509_privkey_t key,
                        const struct kp_names *names)
{
    int code = gnutls_x509_crq_set_version(crq, 1);
    if (code >= 0)
        code = gnutls_x509_crq_set_key(crq, key);
    if (code >= 0)
        code = gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, names->name[0],
                                             (unsigned)strnlen(names->name[0], COMMON_NAME_MAX));
    for (size_t i = 0; code >= 0 && i < names->n; i++) {
        uint8_t bytes[16];
        unsigned n = address_bytes(names->name[i], bytes);
        code = gnutls_x509_crq_set_subject_alt_name(
            crq, n ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
            n ? (const void *)bytes : names->name[i], n ? n : (unsigned)strlen(names->name[i]),
            GNUTLS_FSAN_APPEND);
    }
    if (code >= 0)
        code = gnutls_x509_crq_set_key_usage(crq, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (code >= 0)
        code = gnutls_x509_crq_set_key_purpose_oid(crq, GNUTLS_KP_TLS_WWW_SERVER, 0);
    return code < 0 ? code : gnutls_x509_crq_sign2(crq, key, GNUTLS_DIG_SHA256, 0);
}

enum kp_code kp_csr_make(const char *pem, const struct kp_names *names, struct kp_arena *arena,
                         const char **out, struct kp_err *err)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crq_t crq;
    gnutls_datum_t made = { 0 };
    if (read_key(pem, &key, err))
        return err->code;
    int code = gnutls_x509_crq_init(&crq);
    if (code >= 0) {
        code = fill_request(crq, key, names);
        if (code >= 0)
            code = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &made);
        gnutls_x509_crq_deinit(crq);
    }
    gnutls_x509_privkey_deinit(key);
    return code < 0 ? broken(code, "the request cannot be made", err)
                    : keep(&made, arena, out, err);
}

/* ---- checking what is given ---- */
struct chain {
    gnutls_x509_crt_t *crt;
    unsigned n;
};

static void chain_free(struct chain *c)
{
    for (unsigned i = 0; i < c->n; i++)
        gnutls_x509_crt_deinit(c->crt[i]);
    gnutls_free(c->crt);
    *c = (struct chain){ 0 };
}

static enum kp_code read_chain(const char *pem, struct chain *c, struct kp_err *err)
{
    gnutls_datum_t data = datum(pem);
    *c = (struct chain){ 0 };
    int code = gnutls_x509_crt_list_import2(&c->crt, &c->n, &data, GNUTLS_X509_FMT_PEM,
                                            GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    if (code == GNUTLS_E_CERTIFICATE_LIST_UNSORTED)
        return kp_fail(err, KP_EINVALID,
                       "the certificates stand in the wrong order: first this node's, then the one "
                       "of the CA that "
                       "signed it, and so on");
    if (code < 0)
        return kp_fail(err, KP_EINVALID,
                       "there is no certificate in PEM form (BEGIN CERTIFICATE) in it: %s",
                       gnutls_strerror(code));
    if (c->n <= KP_CHAIN_MAX)
        return KP_OK;
    chain_free(c);
    return kp_fail(err, KP_EINVALID, "there are more than %d certificates in it", KP_CHAIN_MAX);
}

static void date(time_t at, char out[KP_TIME_TEXT])
{
    kp_time_print((int64_t)at * KP_SECOND, out);
    out[10] = 0;
}

static enum kp_code check_times(const struct chain *c, int64_t now, struct kp_err *err)
{
    char day[KP_TIME_TEXT];
    time_t t = (time_t)(now / KP_SECOND);
    for (unsigned i = 0; i < c->n; i++) {
        const char *which = i ? "a CA's certificate in it" : "the certificate";
        date(gnutls_x509_crt_get_expiration_time(c->crt[i]), day);
        if (gnutls_x509_crt_get_expiration_time(c->crt[i]) <= t)
            return kp_fail(err, KP_EINVALID, "%s has expired on %s", which, day);
        date(gnutls_x509_crt_get_activation_time(c->crt[i]), day);
        if (gnutls_x509_crt_get_activation_time(c->crt[i]) > t)
            return kp_fail(err, KP_EINVALID,
                           "%s is valid from %s only: is the clock of this machine right?", which,
                           day);
    }
    return KP_OK;
}

static enum kp_code check_strength(const struct chain *c, struct kp_err *err)
{
    for (unsigned i = 0; i < c->n; i++) {
        unsigned bits = 0, status = 0;
        int kind = gnutls_x509_crt_get_pk_algorithm(c->crt[i], &bits);
        bool own = gnutls_x509_crt_check_issuer(c->crt[i], c->crt[i]);
        if (kind != GNUTLS_PK_ECDSA && kind != GNUTLS_PK_RSA && kind != GNUTLS_PK_RSA_PSS)
            return kp_fail(err, KP_EINVALID,
                           "browsers take keys of the kinds ECDSA and RSA, not %s",
                           gnutls_pk_get_name(kind));
        if (kind != GNUTLS_PK_ECDSA && bits < RSA_BITS_MIN)
            return kp_fail(err, KP_EINVALID, "a key in it has %u bits; browsers want %d", bits,
                           RSA_BITS_MIN);
        if (!own && !gnutls_sign_is_secure((
                        gnutls_sign_algorithm_t)gnutls_x509_crt_get_signature_algorithm(c->crt[i])))
            return kp_fail(err, KP_EINVALID,
                           "it is signed in a way that browsers no longer take (SHA-1 or MD5)");
        if (i + 1 < c->n &&
            (gnutls_x509_crt_verify(c->crt[i], &c->crt[i + 1], 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
                                    &status) < 0 ||
             status & (GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_SIGNER_NOT_CA |
                       GNUTLS_CERT_SIGNER_NOT_FOUND)))
            return kp_fail(err, KP_EINVALID,
                           "certificate %u of the chain was not signed by certificate %u", i + 1,
                           i + 2);
    }
    return KP_OK;
}

static enum kp_code check_purpose(gnutls_x509_crt_t crt, struct kp_err *err)
{
    if (gnutls_x509_crt_get_ca_status(crt, NULL) > 0)
        return kp_fail(err, KP_EINVALID,
                       "the first certificate is one of a CA: put this node's in front of it");
    if (!gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_TLS_WWW_SERVER, 0))
        return kp_fail(err, KP_EINVALID,
                       "the certificate is not for servers: ask the CA for one with the use "
                       "'server authentication'");
    return KP_OK;
}

static enum kp_code check_names(gnutls_x509_crt_t crt, const struct kp_names *names,
                                struct kp_err *err)
{
    for (size_t i = 0; i < names->n; i++)
        if (!gnutls_x509_crt_check_hostname2(crt, names->name[i], 0))
            return kp_fail(err, KP_EINVALID,
                           "the certificate is not for the name %.120s; ask the CA for it, or take "
                           "the name off with "
                           "koppel listen --lan NAMES",
                           names->name[i]);
    return KP_OK;
}

static bool same_key(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    uint8_t a[64], b[64];
    size_t n = sizeof a, m = sizeof b;
    return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, a, &n) >= 0 &&
           gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, b, &m) >= 0 && n == m &&
           memcmp(a, b, n) == 0;
}

bool kp_key_fits(const struct kp_key_pair *p)
{
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    if (read_one(p->certificate, &crt, NULL))
        return false;
    bool fits = false;
    if (!read_key(p->key, &key, NULL)) {
        fits = same_key(crt, key);
        gnutls_x509_privkey_deinit(key);
    }
    gnutls_x509_crt_deinit(crt);
    return fits;
}

enum kp_code kp_certificate_covers(const char *pem, const struct kp_names *names,
                                   struct kp_err *err)
{
    gnutls_x509_crt_t crt;
    if (read_one(pem, &crt, err))
        return err->code;
    check_names(crt, names, err);
    gnutls_x509_crt_deinit(crt);
    return err->code;
}

static enum kp_code write_chain(const struct chain *c, struct kp_arena *arena, const char **out,
                                struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 2 * KP_PEM_MAX);
    for (unsigned i = 0; i < c->n; i++) {
        gnutls_datum_t made = { 0 };
        if (gnutls_x509_crt_export2(c->crt[i], GNUTLS_X509_FMT_PEM, &made) >= 0)
            kp_buf_add(&text, made.data, made.size);
        gnutls_free(made.data);
    }
    *out = text.failed ? NULL : kp_arena_strdup(arena, kp_buf_text(&text));
    kp_buf_free(&text);
    return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory for a certificate");
}

static enum kp_code take(const struct chain *c, gnutls_x509_privkey_t key,
                         const struct kp_names *names, int64_t now, struct kp_err *err)
{
    if (check_purpose(c->crt[0], err) || check_times(c, now, err))
        return err->code;
    if (!same_key(c->crt[0], key))
        return kp_fail(err, KP_EINVALID, "the key does not belong to the certificate");
    return check_strength(c, err) ? err->code : check_names(c->crt[0], names, err);
}

enum kp_code kp_chain_take(const struct kp_key_pair *given, const struct kp_names *names,
                           int64_t now, struct kp_arena *arena, struct kp_key_pair *out,
                           struct kp_err *err)
{
    struct chain c;
    gnutls_x509_privkey_t key;
    if (read_chain(given->certificate, &c, err))
        return err->code;
    if (!read_key(given->key, &key, err)) {
        if (!take(&c, key, names, now, err) && !write_chain(&c, arena, &out->certificate, err))
            export_key(key, arena, &out->key, err);
        gnutls_x509_privkey_deinit(key);
    }
    chain_free(&c);
    return err->code;
}

/* ---- for people ---- */
static void read_names(gnutls_x509_crt_t crt, struct kp_names *names)
{
    for (unsigned i = 0; i < KP_NAMES_MAX; i++) {
        char san[KP_DNS_NAME] = "", text[KP_DNS_NAME];
        size_t n = sizeof san - 1;
        int kind = gnutls_x509_crt_get_subject_alt_name(crt, i, san, &n, NULL);
        if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return;
        if (kind == GNUTLS_SAN_IPADDRESS &&
            inet_ntop(n == 4 ? AF_INET : AF_INET6, san, text, sizeof text))
            kp_names_add(names, text);
        if (kind == GNUTLS_SAN_DNSNAME) {
            kp_utf8_clean(text, sizeof text, san, n);
            kp_names_add(names, text);
        }
    }
}

/* Each 16 bits as five letters that can be said: consonant, vowel, consonant, vowel, consonant. */
static void say(const uint8_t *bytes, char out[KP_WORDS_TEXT])
{
    static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aiou";
    char *p = out;
    for (int i = 0; i < 8; i++, bytes += 2) {
        unsigned v = (unsigned)bytes[0] << 8 | bytes[1];
        *p++ = consonants[v >> 12];
        *p++ = vowels[v >> 10 & 3];
        *p++ = consonants[v >> 6 & 15];
        *p++ = vowels[v >> 4 & 3];
        *p++ = consonants[v & 15];
        *p++ = '-';
    }
    p[-1] = 0;
}

static enum kp_code view(gnutls_x509_crt_t crt, struct kp_certificate_view *v, struct kp_err *err)
{
    gnutls_datum_t der = { 0 };
    uint8_t print[32];
    size_t subject = sizeof v->subject, issuer = sizeof v->issuer, n = sizeof print;
    int code = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
    if (code < 0 || gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, print, &n) < 0) {
        gnutls_free(der.data);
        return kp_fail(err, KP_EINVALID, "the certificate cannot be read");
    }
    kp_fingerprint(der.data, der.size, v->fingerprint);
    gnutls_free(der.data);
    say(print, v->words);
    if (gnutls_x509_crt_get_dn(crt, v->subject, &subject) < 0)
        v->subject[0] = 0;
    if (gnutls_x509_crt_get_issuer_dn(crt, v->issuer, &issuer) < 0)
        v->issuer[0] = 0;
    v->not_before = (int64_t)gnutls_x509_crt_get_activation_time(crt) * KP_SECOND;
    v->not_after = (int64_t)gnutls_x509_crt_get_expiration_time(crt) * KP_SECOND;
    read_names(crt, &v->names);
    return KP_OK;
}

enum kp_code kp_certificate_view(const char *pem, struct kp_certificate_view *v, struct kp_err *err)
{
    gnutls_x509_crt_t crt;
    *v = (struct kp_certificate_view){ 0 };
    enum kp_code code = read_one(pem, &crt, err);
    if (code)
        return code;
    code = view(crt, v, err);
    gnutls_x509_crt_deinit(crt);
    return code;
}
