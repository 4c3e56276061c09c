/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_URL_H
#define KOPPEL_CORE_URL_H
/* Addresses of machines: scheme://host[:port][/path][?key=value&...]. Not for the web, which has more. */
#include "core/err.h"
#include "core/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KP_HOST_MAX = 256 };
struct kp_url {
    char scheme[32];
    char host[KP_HOST_MAX]; /* without the brackets of an IPv6 address; "" when there is none */
    uint16_t port;          /* 0 = not said */
    char path[512];         /* behind the first '/' after the host; "" */
};
/* A login in the address is refused: passwords are settings. */
enum kp_code kp_url_parse(const char *text, struct kp_url *, struct kp_err *);
/* The settings behind the '?', one a call; start with *at = NULL. False at the end. An overlong one is cut. */
bool kp_url_setting(const char *text, const char **at, char key[64], char value[KP_HOST_MAX]);
/* Whether this host (as kp_url has it) can only be this machine: other names count for nothing, whatever they resolve to. */
bool kp_host_is_own(const char *host);
/* The address of IP that a host is, as text, and true; or (ask) what its name stands for, and false.
 * "" when there is none. Asking may wait for a name server. */
enum { KP_ADDRESS_TEXT = 46 };
bool kp_host_address(const char *host, bool ask, char out[KP_ADDRESS_TEXT]);
/* Adds the text; but for letters, digits and what is `plain` each byte as %XX (RFC 3986, 2.1). */
#define KP_URL_UNRESERVED "-._~"                /* 2.3 */
#define KP_URL_SEGMENT "-._~:@!$&'()*+,;="      /* 3.3: of a path */
void kp_url_escape(struct kp_buf *, const char *text, const char *plain);
#endif
