/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_OPCUA_H
#define KOPPEL_COUPLINGS_OPCUA_H
/* OPC UA client (OPC 10000-4). One thread, one session per server. */
#include "store/store.h"

extern const struct kp_coupling_class kp_opcua;

/* Makes the node's application certificate and key unless it has them (at init, and after a restore that
 * forgot the secrets): self-signed RSA 2048 with SHA-256, application URI "urn:<host>:koppel:<node id>", valid ten years, kept as secrets
 * "opcua/certificate" and "opcua/key" (DER). Takes up to some seconds. */
enum kp_code kp_opcua_make_identity(struct kp_store *, const char *node_name, struct kp_err *);
/* The certificate (DER) into the arena, for `koppel cert export`. */
enum kp_code kp_opcua_certificate(struct kp_store *, struct kp_arena *, void **der, size_t *len,
                                  struct kp_err *);
#endif
