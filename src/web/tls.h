/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_TLS_H
#define KOPPEL_WEB_TLS_H
/* A certificate in force, shared by the connections that began under it: a new one needs no
 * restart, and nobody is cut off. */
#include "web/certificate.h"

/* What is spoken: TLS 1.2 and 1.3, ephemeral keys, authenticated ciphers. */
#define KP_TLS_PRIORITIES                                                                          \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-" \
    "256-GCM:+AES-128-GCM:"                                                                        \
    "+CHACHA20-POLY1305:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

struct kp_tls;
struct kp_tls *kp_tls_new(const struct kp_key_pair *, struct kp_err *); /* held once */
struct kp_tls *kp_tls_hold(struct kp_tls *);
void kp_tls_drop(struct kp_tls *); /* NULL is allowed */
/* For a session of the library that has not begun; it must be held as long as that lives. */
void kp_tls_use(struct kp_tls *, void *session);
#endif
