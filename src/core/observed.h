/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_OBSERVED_H
#define KOPPEL_CORE_OBSERVED_H
/* What the node sees of others: who logs in, connects, is connected to, which devices and firmware
 * there are. Whoever sees something says it to the hub (kp_hub_observe); who has said that he wants
 * to know takes a copy at once and never lets the other wait. */
#include <stdbool.h>
#include <stdint.h>

enum kp_observed_kind {
    KP_SEEN_LOGIN,
    KP_SEEN_LOGIN_FAILED,
    KP_SEEN_REFUSED,    /* a request that was not allowed */
    KP_SEEN_CONNECTION, /* to a listener of ours */
    KP_SEEN_COUPLING,   /* a coupling went to its machine */
    KP_SEEN_CERTIFICATE,
    KP_SEEN_DEVICE, /* a new one */
    KP_SEEN_FIRMWARE,
    KP_SEEN_CHANGE, /* of the configuration, by a person */
    KP_SEEN_PARTNER,
    KP_SEEN_FLOW, /* from here on: what others saw, as EVE or syslog tell it */
    KP_SEEN_ALERT,
    KP_SEEN_DNS,
    KP_SEEN_TLS,
    KP_SEEN_HTTP,
    KP_SEEN_FILE,
    KP_SEEN_LOG,
    KP_SEEN_OUTGOING, /* a connection that this node made itself, other than to a machine; files have the numbers */
    KP_SEEN_KINDS
};

enum kp_observed_text {
    KP_SEEN_FROM, /* an address of IP, of whoever began; "" or NULL: not known */
    KP_SEEN_TO,
    KP_SEEN_PROTOCOL, /* "https", "opc.tcp" */
    KP_SEEN_USER,
    KP_SEEN_DOMAIN,
    KP_SEEN_URL,
    KP_SEEN_PRINT,   /* SHA-256 or SHA-1 of a certificate, hex, in any case, colons allowed */
    KP_SEEN_SUBJECT, /* of the certificate, "CN=mill, O=Cogs" */
    KP_SEEN_ISSUER,
    KP_SEEN_CLIENT,  /* as which the other side knows who began, where the protocol has such a name */
    KP_SEEN_COUPLED, /* the coupling's name */
    KP_SEEN_BY,      /* the partner's name */
    KP_SEEN_VENDOR,
    KP_SEEN_SOFTWARE,
    KP_SEEN_VERSION,
    KP_SEEN_CPE,
    KP_SEEN_FILE_NAME,
    KP_SEEN_HASH,   /* of a file, hex: MD5, SHA-1 or SHA-256 by its length */
    KP_SEEN_DETAIL, /* for people */
    KP_SEEN_SOURCE, /* "eve", "syslog"; NULL: the node itself */
    KP_SEEN_TEXTS
};
enum { KP_SEEN_TEXT_MAX = 512 }; /* bytes; what is longer is cut */

struct kp_observed {
    uint8_t kind;
    uint16_t from_port, to_port; /* 0: not known */
    uint32_t asset;              /* what it is about in the model, 0: nothing */
    int64_t at;                  /* ns UTC; 0: now */
    const char *text[KP_SEEN_TEXTS];
};

/* Who wants to know. `take` copies what it needs, must not wait, and may be called by any thread;
 * false: there was no room. */
struct kp_observer {
    void *self;
    bool (*take)(void *self, const struct kp_observed *);
};
#endif
