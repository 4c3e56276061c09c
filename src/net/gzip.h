/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_GZIP_H
#define KOPPEL_NET_GZIP_H
#include "core/err.h"
#include "core/mem.h"

/* Adds what a gzip text (RFC 1952) holds to `out`, which bounds it. KP_EPARSE: it is none; KP_EFULL: too large. */
enum kp_code kp_gunzip(const void *data, size_t len, struct kp_buf *out, struct kp_err *);
/* Adds a text as gzip. */
bool kp_gzip(const void *data, size_t len, struct kp_buf *out);

/* A gzip text that is made as its content comes. */
struct kp_packer;
struct kp_packer *kp_packer_new(void); /* NULL: out of memory */
/* Adds what is packed by now to `out`; with `last` all of it. False: out of memory. */
bool kp_packer_add(struct kp_packer *, const void *data, size_t len, bool last, struct kp_buf *out);
void kp_packer_free(struct kp_packer *); /* NULL is allowed */
#endif
