/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_GZIP_H
#define KOPPEL_WEB_GZIP_H
#include "core/err.h"
#include "core/mem.h"

/* Adds what a gzip text (RFC 1952) holds to `out`, which bounds it. KP_EPARSE: it is none; KP_EFULL: too large. */
enum kp_code kp_gunzip(const void *data, size_t len, struct kp_buf *out, struct kp_err *);
/* Adds a gzip text that holds it. KP_ENOMEM. */
enum kp_code kp_gzip(const void *data, size_t len, struct kp_buf *out, struct kp_err *);
#endif
