/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_NAMES_H
#define KOPPEL_WEB_NAMES_H
/* The names under which a listener is reached: DNS names in lower case, and IP addresses in their
 * usual form. */
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { KP_NAMES_MAX = 48, KP_DNS_NAME = 254 };

struct kp_names {
    size_t n;
    char name[KP_NAMES_MAX][KP_DNS_NAME];
};

/* What a person gives as a name, in its usual form; refuses what cannot stand in a certificate. */
enum kp_code kp_dns_name(const char *given, char out[KP_DNS_NAME], struct kp_err *);
bool kp_is_address(const char *name);                   /* IPv4 or IPv6, without brackets */
void kp_names_add(struct kp_names *, const char *name); /* once; nothing when the list is full */
bool kp_names_have(const struct kp_names *, const char *name);
void kp_names_join(struct kp_names *, const struct kp_names *more);
/* This machine: its host name, the same under .local, localhost, and its addresses (or `only` that
 * one). */
void kp_names_of_machine(struct kp_names *, const char *only);
/* Whether a Host header, with or without a port, is one of them. */
bool kp_names_answer(const struct kp_names *, const char *host);
#endif
