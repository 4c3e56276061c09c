/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_LISTEN_H
#define KOPPEL_WEB_LISTEN_H
/* The sockets the node listens on. All return a listening, non-blocking socket or -1. */
#include "core/err.h"

#include <stdbool.h>

enum { KP_HOST_MAX = 64 };

/* A Unix socket with mode 0600. A file nobody answers on is replaced; one that lives is KP_EEXISTS. */
int kp_listen_unix(const char *path, struct kp_err *);
/* "127.0.0.1:8420", "[::1]:0", "localhost:8420": loopback only. `host` (KP_HOST_MAX) and *port say what it is. */
int kp_listen_tcp(const char *address, char *host, unsigned *port, struct kp_err *);
/* At one address of this machine, or (address "") at all it has; IPv4 peers of an IPv6 socket included. */
int kp_listen_network(const char *address, unsigned port, struct kp_err *);
#endif
