/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_ALL_H
#define KOPPEL_COUPLINGS_ALL_H
/* The table of protocols. A new one is one file and one line in all.c. */
#include "core/coupling.h"

extern const struct kp_coupling_class *const kp_coupling_classes[]; /* ends with NULL */
/* The class that takes this URL's scheme; NULL names the known schemes in err. */
const struct kp_coupling_class *kp_coupling_class_of(const char *url, struct kp_err *);
/* Makes what protocols need for life (the OPC UA certificate and key) where it is not there. Takes seconds. */
struct kp_store;
enum kp_code kp_couplings_make_identity(struct kp_store *, const char *node_name, struct kp_err *);
/* The certificate (DER) by which machines know this node, into the arena. KP_ENOTFOUND: there is none. */
enum kp_code kp_couplings_certificate(struct kp_store *, struct kp_arena *, void **der, size_t *len,
                                      struct kp_err *);
#endif
