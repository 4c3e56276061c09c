/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_TRUST_H
#define KOPPEL_STORE_TRUST_H
/* Certificates of peers, kept in the data file. The list starts empty: a certificate seen for the
 * first time is noted as rejected until a person trusts it. */
#include "store/store.h"

enum { KP_FINGERPRINT_TEXT = 96 }; /* SHA-256, "AB:CD:..." */

struct kp_certificate {
    char fingerprint[KP_FINGERPRINT_TEXT];
    bool trusted;
    int64_t first_seen;
    const char *coupling; /* name of the coupling that met it */
    const char *subject;  /* for people */
    int64_t not_after;    /* ns UTC */
    const void *der;
    size_t len;
};

/* SHA-256 of the certificate's DER form, as text. */
void kp_fingerprint(const void *der, size_t len, char out[KP_FINGERPRINT_TEXT]);
/* Notes a certificate met by a coupling (rejected unless known). */
enum kp_code kp_trust_note(struct kp_store *, const struct kp_certificate *, struct kp_err *);
/* Trusts (or with false, distrusts) all certificates met by the coupling, or the one with this
 * fingerprint when given. KP_ENOTFOUND names what to do when there is none. Returns how many through *n. */
enum kp_code kp_trust_set(struct kp_store *, const char *coupling, const char *fingerprint, bool trusted,
                          int *n, struct kp_err *);
/* Calls `each` for the certificates met by a coupling (NULL: all), newest first. */
enum kp_code kp_trust_list(struct kp_store *, const char *coupling,
                           bool (*each)(void *, const struct kp_certificate *), void *arg, struct kp_err *);
#endif
