/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own certificate, and certificate files of users. */
#include "couplings/opcua/opcua_private.h"

#include "store/secret.h"

#include <errno.h>
#include <open62541/plugin/certificategroup.h>
#include <open62541/plugin/create_certificate.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

static const char certificate_secret[] = "opcua/certificate", key_secret[] = "opcua/key",
                  uri_secret[] = "opcua/uri";

/* ---- making it ---- */
static void quiet(void *context, UA_LogLevel level, UA_LogCategory category, const char *msg,
                  va_list args)
{
    (void)context;
    (void)level;
    (void)category;
    (void)msg;
    (void)args;
}

static UA_StatusCode create(const char *common_name, const char *uri, const char *host,
                            UA_ByteString *key, UA_ByteString *certificate)
{
    UA_Logger logger = { .log = quiet };
    char cn[KP_NAME_MAX + 4], dns[300], san[400];
    snprintf(cn, sizeof cn, "CN=%s", common_name);
    snprintf(dns, sizeof dns, "DNS:%s", host);
    snprintf(san, sizeof san, "URI:%s", uri);
    UA_String subject[] = { kp_opcua_text("O=koppel"), kp_opcua_text(cn) };
    UA_String names[] = { kp_opcua_text(dns), kp_opcua_text(san) };
    UA_UInt16 bits = 2048, days = 3652;
    UA_KeyValueMap *params = UA_KeyValueMap_new();
    if (!params)
        return UA_STATUSCODE_BADOUTOFMEMORY;
    UA_StatusCode code =
        UA_KeyValueMap_setScalar(params, UA_QUALIFIEDNAME(0, (char[]){ "key-size-bits" }), &bits,
                                 &UA_TYPES[UA_TYPES_UINT16]);
    code |= UA_KeyValueMap_setScalar(params, UA_QUALIFIEDNAME(0, (char[]){ "expires-in-days" }),
                                     &days, &UA_TYPES[UA_TYPES_UINT16]);
    if (code == UA_STATUSCODE_GOOD)
        code = UA_CreateCertificate(&logger, subject, 2, names, 2, UA_CERTIFICATEFORMAT_DER, params,
                                    key, certificate);
    UA_KeyValueMap_delete(params);
    return code;
}

/* A host or node name as it may stand in a URI and in a certificate's subject. */
static void plain(char *out, size_t size, const char *in)
{
    size_t n = 0;
    for (; *in && n + 1 < size; in++) {
        bool good = (*in >= '0' && *in <= '9') || (*in >= 'a' && *in <= 'z') ||
                    (*in >= 'A' && *in <= 'Z') || *in == '-' || *in == '.';
        out[n++] = good ? *in : '-';
    }
    out[n] = 0;
}

static bool has_identity(struct kp_store *store)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    void *data;
    size_t len;
    kp_secret_get(store, certificate_secret, &arena, &data, &len, &err);
    kp_arena_free(&arena);
    return err.code != KP_ENOTFOUND;
}

enum kp_code kp_opcua_make_identity(struct kp_store *store, const char *node_name,
                                    struct kp_err *err)
{
    if (has_identity(store))
        return KP_OK;
    char raw[256] = "", host[64], name[48], uri[160];
    uint8_t id[8];
    gethostname(raw, sizeof raw - 1);
    plain(host, sizeof host, raw[0] ? raw : "localhost");
    plain(name, sizeof name, node_name);
    kp_random(id, sizeof id);
    snprintf(uri, sizeof uri, "urn:%s:koppel:%02x%02x%02x%02x%02x%02x%02x%02x", host, id[0], id[1],
             id[2], id[3], id[4], id[5], id[6], id[7]);
    UA_ByteString key = UA_BYTESTRING_NULL, certificate = UA_BYTESTRING_NULL;
    UA_StatusCode made = create(name[0] ? name : "koppel", uri, host, &key, &certificate);
    enum kp_code code;
    if (made != UA_STATUSCODE_GOOD)
        code = kp_fail(err, KP_EIO, "cannot make the OPC UA certificate: %s",
                       UA_StatusCode_name(made));
    else
        code = kp_secret_put(store, key_secret, key.data, key.length, err);
    if (!code)
        code = kp_secret_put(store, uri_secret, uri, strlen(uri), err);
    if (!code)
        code = kp_secret_put(store, certificate_secret, certificate.data, certificate.length, err);
    UA_ByteString_memZero(&key);
    UA_ByteString_clear(&key);
    UA_ByteString_clear(&certificate);
    return code;
}

/* ---- using it ---- */
static enum kp_code secret(struct kp_store *store, struct kp_arena *arena, const char *name,
                           UA_ByteString *out, struct kp_err *err)
{
    void *data;
    size_t len;
    enum kp_code code = kp_secret_get(store, name, arena, &data, &len, err);
    if (code) {
        kp_context(err, "the node's OPC UA certificate");
        return code;
    }
    *out = (UA_ByteString){ .length = len, .data = data };
    return KP_OK;
}

enum kp_code kp_opcua_identity(struct kp_store *store, struct kp_arena *arena,
                               UA_ByteString *certificate, UA_ByteString *key, UA_String *uri,
                               struct kp_err *err)
{
    enum kp_code code = secret(store, arena, certificate_secret, certificate, err);
    if (!code)
        code = secret(store, arena, key_secret, key, err);
    return code ? code : secret(store, arena, uri_secret, uri, err);
}

enum kp_code kp_opcua_certificate(struct kp_store *store, struct kp_arena *arena, void **der,
                                  size_t *len, struct kp_err *err)
{
    UA_ByteString certificate;
    enum kp_code code = secret(store, arena, certificate_secret, &certificate, err);
    if (code)
        return code;
    *der = certificate.data;
    *len = certificate.length;
    return KP_OK;
}

/* ---- files of users ---- */
enum { FILE_MAX = 64 << 10 };

static enum kp_code read_file(const char *file, struct kp_buf *out, struct kp_err *err)
{
    FILE *f = fopen(file, "rb");
    if (!f)
        return kp_fail(err, KP_EREFUSED, "cannot open %s: %s", file, strerror(errno));
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        kp_buf_add(out, block, n);
    bool failed = ferror(f);
    fclose(f);
    memset(block, 0, sizeof block);
    if (failed || out->failed)
        return kp_fail(err, KP_EREFUSED,
                       "cannot read %s: it must be a certificate or key of up to 64 KB", file);
    return KP_OK;
}

/* The base64 between the lines BEGIN and END. */
static bool pem_certificate(const char *text, UA_ByteString *der)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END";
    const char *from = strstr(text, begin);
    const char *to = from ? strstr(from + sizeof begin, end) : NULL;
    if (!to)
        return false;
    struct kp_buf body;
    kp_buf_init(&body, FILE_MAX);
    for (from += sizeof begin - 1; from < to; from++)
        if (*from > ' ')
            kp_buf_add(&body, from, 1);
    UA_String base64 = { .length = body.len, .data = (UA_Byte *)body.data };
    bool good = !body.failed && UA_ByteString_fromBase64(der, &base64) == UA_STATUSCODE_GOOD;
    kp_buf_free(&body);
    return good;
}

enum kp_code kp_opcua_der_file(const char *file, UA_ByteString *der, struct kp_err *err)
{
    struct kp_buf raw;
    kp_buf_init(&raw, FILE_MAX);
    UA_ByteString_init(der);
    if (!read_file(file, &raw, err)) {
        UA_ByteString text = { .length = raw.len, .data = (UA_Byte *)raw.data };
        const char *read = kp_buf_text(&raw);
        UA_StatusCode code = UA_STATUSCODE_GOOD;
        if (strstr(read, "PRIVATE KEY-----"))
            code = UA_CertificateUtils_decryptPrivateKey(text, UA_BYTESTRING_NULL, der);
        else if (strncmp(read, "-----", 5) != 0)
            code = UA_ByteString_copy(&text, der);
        else if (!pem_certificate(read, der))
            code = UA_STATUSCODE_BADCERTIFICATEINVALID;
        if (code != UA_STATUSCODE_GOOD)
            kp_fail(err, KP_EREFUSED, "%s holds no certificate or unlocked key in PEM or DER form",
                    file);
    }
    if (raw.data)
        memset(raw.data, 0, raw.len); /* it may be a key */
    kp_buf_free(&raw);
    return err->code;
}
