/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_TCP_H
#define KOPPEL_COUPLINGS_TCP_H
/* Byte streams over TCP with deadlines, for the protocols that koppel speaks itself. */
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

/* A connected socket that does not block, or -1 and an error that names host and port. Tries every
 * address of the name. */
int kp_tcp_connect(const char *host, uint16_t port, int64_t timeout_ns, struct kp_err *);
/* All of it, until the deadline (monotonic, ns). KP_ETIMEOUT, or KP_EPEER when the other side closed. */
enum kp_code kp_tcp_send(int fd, const void *, size_t, int64_t deadline, struct kp_err *);
enum kp_code kp_tcp_receive(int fd, void *, size_t, int64_t deadline, struct kp_err *);
/* What there is, at most `size` bytes; *n = 0 and KP_OK when nothing came until the deadline. */
enum kp_code kp_tcp_take(int fd, void *, size_t size, size_t *n, int64_t deadline, struct kp_err *);
int64_t kp_tcp_deadline(int64_t timeout_ns); /* from now on */
#endif
