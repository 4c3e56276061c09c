/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_PORTER_H
#define KOPPEL_WEB_PORTER_H
/* Stands at the door of an HTTPS listener, in the keeper's thread: who begins to speak TLS is let
 * in, who speaks plain HTTP is told so, who says nothing waits here, where he costs next to
 * nothing, and not for long. Nobody is kept out by the silent: the one who has waited longest goes
 * first, of those from the same address. */
#include "core/clock.h"
#include "core/err.h"
#include "web/keeper.h"

#include <stdbool.h>
#include <sys/socket.h>

enum {
    KP_PORTER_WAITING = 256,
    KP_PORTER_PER_ADDRESS = 64,
    KP_PORTER_WITHIN_S = 10, /* for the first byte */
    KP_PORTER_TURN_S = 10,
};

struct kp_porter_class {
    /* Takes over the socket of somebody who speaks as he should. IPv4 addresses come as such. */
    void (*enter)(void *arg, int fd, const struct sockaddr *, socklen_t, bool tls);
    void (*turn)(void *arg); /* now and then; may not wait */
};

struct kp_porter;
struct kp_porter *kp_porter_start(const struct kp_porter_class *, void *arg, struct kp_keeper *, struct kp_err *);
void kp_porter_stop(struct kp_porter *); /* before the keeper; NULL is allowed */
/* From now on at this listening socket, which is taken over; -1: at none. `plain`: HTTP is spoken there instead of TLS. */
enum kp_code kp_porter_listen(struct kp_porter *, int fd, bool plain, struct kp_err *);
#endif
