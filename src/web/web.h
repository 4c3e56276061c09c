/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_WEB_H
#define KOPPEL_WEB_WEB_H
/* The REST API, the live page and the metrics of a node, over a Unix socket, over loopback TCP and, when an owner has switched
 * that on, over HTTPS for other machines (lan.h).
 * openapi.json in this folder is the contract; tests hold it against the table of routes. */
#include "node/node.h"

struct kp_web;

/* Serves until kp_web_stop. `socket_path`: a Unix socket, mode 0600; a stale file there is replaced, a
 * living one is KP_EEXISTS; NULL: none. `listen`: "127.0.0.1:8420" (port 0: any free one); NULL: none;
 * an address other than loopback is refused. The node must outlive it. Leaves nothing behind on failure. */
struct kp_web *kp_web_start(struct kp_node *, const char *socket_path, const char *listen, struct kp_err *);
/* Ends streams, lets running requests finish, removes the socket. */
void kp_web_stop(struct kp_web *);
unsigned kp_web_port(const struct kp_web *); /* the TCP port in use, 0 = none */
/* The address in use, as it stands in a URL: "127.0.0.1", "[::1]". */
const char *kp_web_host(const struct kp_web *);
struct kp_lan;
struct kp_lan *kp_web_lan(struct kp_web *);
struct kp_lan *kp_web_partners(struct kp_web *); /* the listener for partners, which serves the Dataspace Protocol and nothing else */
#endif
