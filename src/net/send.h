/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_SEND_H
#define KOPPEL_NET_SEND_H
/* Handing a message over: a POST to a web server, or a mail to a mail server. Certificates are checked, redirects are not
 * followed. Blocks up to 30 s; `stopping` (may be NULL) is asked now and then. KP_EREFUSED: a person must mend it. */
#include "core/err.h"
#include "net/caller.h"

#include <stdbool.h>
#include <stddef.h>

struct kp_post {
    const char *url;      /* http or https */
    const char *const *headers; /* "Name: value", NULL-ended */
    const char *body;
    const char *ca;       /* file of authorities, PEM; NULL or "": the system's */
    struct kp_caller caller;
};
enum kp_code kp_post_send(const struct kp_post *, bool (*stopping)(void *), void *arg, struct kp_err *);

struct kp_mail {
    const char *url; /* smtp://host:port, or smtps:// for TLS from the start */
    bool plain;      /* smtp:// without STARTTLS, for a server on the same machine */
    const char *user, *password; /* NULL or "": none */
    const char *ca, *from, *to;
    struct kp_caller caller;
    const char *text; /* header and body, lines end with CRLF */
};
enum kp_code kp_mail_send(const struct kp_mail *, bool (*stopping)(void *), void *arg, struct kp_err *);
#endif
