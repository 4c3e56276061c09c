/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_GUNZIP_H
#define KOPPEL_NET_GUNZIP_H
/* Files that are published packed by gzip. */
#include "core/err.h"
#include "core/mem.h"

bool kp_gunzip_is(const char *data, size_t len); /* whether it begins so */
/* Into `out`, which it makes and which grows to `most` bytes. KP_EPARSE, KP_EFULL, KP_ENOMEM. */
enum kp_code kp_gunzip(const char *data, size_t len, size_t most, struct kp_buf *out,
                       struct kp_err *);
#endif
