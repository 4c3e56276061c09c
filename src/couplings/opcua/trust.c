/* SPDX-License-Identifier: Apache-2.0 */
/* The check of servers' certificates: only those a person trusts pass. The list is read from the
 * data file before each connect; what does not pass is noted there for `koppel trust`. */
#include "couplings/opcua/opcua_private.h"

#include "net/caller.h"
#include "store/trust.h"

#include <open62541/plugin/certificategroup.h>
#include <string.h>

#include "core/ban.h"

struct opcua_trust {
    char (*list)[KP_FINGERPRINT_TEXT];
    size_t n, capacity;
    bool failed;
    char refused[KP_FINGERPRINT_TEXT]; /* "" = none */
};

static bool take_trusted(void *arg, const struct kp_certificate *certificate)
{
    struct opcua_trust *t = arg;
    if (!certificate->trusted)
        return true;
    if (!kp_grow(&t->list, &t->capacity, t->n + 1, sizeof t->list[0])) {
        t->failed = true;
        return false;
    }
    memcpy(t->list[t->n++], certificate->fingerprint, KP_FINGERPRINT_TEXT);
    return true;
}

enum kp_code kp_opcua_trust_load(struct opcua *o, struct kp_err *err)
{
    kp_opcua_trust_free(o);
    o->trust = kp_alloc(sizeof *o->trust);
    if (!o->trust)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (kp_trust_list(kp_coupling_context(o->c), NULL, take_trusted, o->trust, err))
        return err->code;
    return o->trust->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

void kp_opcua_trust_free(struct opcua *o)
{
    if (o->trust)
        kp_free(o->trust->list);
    kp_free(o->trust);
    o->trust = NULL;
}

const char *kp_opcua_trust_refused(const struct opcua *o)
{
    return o->trust && o->trust->refused[0] ? o->trust->refused : NULL;
}

/* A server may send its certificate with those of its issuers behind it; only the first counts. The
 * length stands in the DER header (X.690, 8.1.3). */
static size_t leaf_length(const UA_ByteString *chain)
{
    const uint8_t *d = chain->data;
    if (chain->length < 4 || d[0] != 0x30)
        return chain->length;
    size_t len = d[1], head = 2;
    if (len & 0x80) {
        size_t bytes = len & 0x7F;
        if (bytes == 0 || bytes > 3)
            return chain->length;
        for (len = 0, head += bytes; bytes; bytes--)
            len = len << 8 | d[head - bytes];
    }
    return head + len <= chain->length ? head + len : chain->length;
}

static void note(struct opcua *o, UA_ByteString *leaf)
{
    char subject[256] = "";
    struct kp_certificate c = { .coupling = kp_coupling_name(o->c), .subject = subject };
    UA_String name = UA_STRING_NULL;
    UA_DateTime until = 0;
    struct kp_err err = { 0 };
    if (UA_CertificateUtils_getSubjectName(leaf, &name) == UA_STATUSCODE_GOOD)
        kp_utf8_clean(subject, sizeof subject, (const char *)name.data, name.length);
    UA_String_clear(&name);
    if (UA_CertificateUtils_getExpirationDate(leaf, &until) != UA_STATUSCODE_GOOD ||
        !kp_opcua_time(until, &c.not_after))
        c.not_after = KP_FOREVER;
    memcpy(c.fingerprint, o->trust->refused, sizeof c.fingerprint);
    c.first_seen = kp_coupling_utc(o->c);
    c.der = leaf->data;
    c.len = leaf->length;
    if (kp_trust_note(kp_coupling_context(o->c), &c, &err))
        kp_warn("opcua", "a certificate could not be noted", "coupling=%s why=%s",
                kp_coupling_name(o->c), kp_log_quote(err.text));
}

static void observe(const struct opcua *o, const UA_ByteString *leaf)
{
    const struct kp_caller who = { .hub = kp_coupling_hub(o->c), .coupling = kp_coupling_name(o->c) };
    kp_certificate_observe(&who, "opc.tcp", leaf->data, leaf->length);
}

static UA_StatusCode verify(UA_CertificateGroup *group, const UA_ByteString *chain)
{
    struct opcua *o = group->context;
    char fingerprint[KP_FINGERPRINT_TEXT];
    UA_ByteString leaf = { .length = leaf_length(chain), .data = chain->data };
    kp_fingerprint(leaf.data, leaf.length, fingerprint);
    observe(o, &leaf);
    for (size_t i = 0; i < o->trust->n; i++)
        if (strcmp(o->trust->list[i], fingerprint) == 0)
            return UA_STATUSCODE_GOOD;
    memcpy(o->trust->refused, fingerprint, sizeof fingerprint);
    note(o, &leaf);
    return UA_STATUSCODE_BADCERTIFICATEUNTRUSTED;
}

static UA_StatusCode accept(UA_CertificateGroup *group, const UA_ByteString *chain)
{
    const struct opcua *o = group->context;
    const UA_ByteString leaf = { .length = leaf_length(chain), .data = chain->data };
    observe(o, &leaf);
    return UA_STATUSCODE_GOOD;
}

void kp_opcua_trust_install(struct opcua *o, UA_CertificateGroup *group, bool any)
{
    *group = (UA_CertificateGroup){ .context = o, .verifyCertificate = any ? accept : verify };
}
