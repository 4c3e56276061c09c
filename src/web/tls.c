/* SPDX-License-Identifier: Apache-2.0 */
#include "web/tls.h"

#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <string.h>

#include "core/ban.h"

struct kp_tls {
    atomic_uint holders;
    gnutls_certificate_credentials_t credentials;
};

static enum kp_code load(struct kp_tls *t, const struct kp_key_pair *p, struct kp_err *err)
{
    gnutls_datum_t certificate = { (unsigned char *)(uintptr_t)p->certificate,
                                   (unsigned)strlen(p->certificate) };
    gnutls_datum_t key = { (unsigned char *)(uintptr_t)p->key, (unsigned)strlen(p->key) };
    int code = gnutls_certificate_allocate_credentials(&t->credentials);
    if (code < 0)
        return kp_fail(err, KP_ENOMEM, "out of memory for a certificate");
    code = gnutls_certificate_set_x509_key_mem(t->credentials, &certificate, &key,
                                               GNUTLS_X509_FMT_PEM);
    return code < 0 ? kp_fail(err, KP_EINVALID, "the certificate cannot be used: %s",
                              gnutls_strerror(code))
                    : KP_OK;
}

struct kp_tls *kp_tls_new(const struct kp_key_pair *p, struct kp_err *err)
{
    struct kp_tls *t = kp_alloc(sizeof *t);
    if (!t) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    t->holders = 1;
    if (!load(t, p, err))
        return t;
    kp_tls_drop(t);
    return NULL;
}

struct kp_tls *kp_tls_hold(struct kp_tls *t)
{
    if (t)
        t->holders++;
    return t;
}

void kp_tls_drop(struct kp_tls *t)
{
    if (!t || --t->holders)
        return;
    if (t->credentials)
        gnutls_certificate_free_credentials(t->credentials);
    kp_free(t);
}

void kp_tls_use(struct kp_tls *t, void *session)
{
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->credentials);
}
