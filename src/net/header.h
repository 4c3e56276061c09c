/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_HEADER_H
#define KOPPEL_NET_HEADER_H
/* What the HTTP clients share of libcurl's headers. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Adds a line "Name: value" to the list, and leaves no copy of it, which may be a secret, behind.
 * False: longer than `most`, or no memory; the list is as it was. */
bool kp_header_add(struct curl_slist **list, const char *name, const char *value, size_t most);
#endif
