/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SHDR_LINK_H
#define KOPPEL_COUPLINGS_SHDR_LINK_H
/* The way to an adapter: TCP, with waits that another thread can end. */
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Connects to the first of the host's addresses that answers; `wake`, an eventfd, ends the wait by
 * becoming readable (KP_ESTOPPED). The socket does not block. -1 and an error. */
int kp_shdr_connect(const char *host, const char *port, int64_t timeout, int wake, struct kp_err *);
/* Waits up to ms until there is something to read. False: nothing came, or `wake` ended the wait.
 */
bool kp_shdr_wait(int fd, int wake, int ms);
#endif
