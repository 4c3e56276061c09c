/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses a person names. Ranges are of IPv4 only: no one walks through those of IPv6. */
#include "couplings/discover/discover.h"

#include "core/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ban.h"

static bool same(const struct kp_target *a, const struct kp_target *b)
{
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static enum kp_code add(struct kp_targets *t, const struct kp_target *one, struct kp_err *err)
{
    for (size_t i = 0; i < t->n; i++)
        if (same(&t->list[i], one))
            return KP_OK;
    if (t->n == KP_DISCOVER_ADDRESSES_MAX)
        return kp_fail(err, KP_EFULL, "more than %d addresses in all; look at fewer at a time",
                       KP_DISCOVER_ADDRESSES_MAX);
    if (!kp_grow(&t->list, &t->room, t->n + 1, sizeof *t->list))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    t->list[t->n++] = *one;
    return KP_OK;
}

static enum kp_code add_range(struct kp_targets *t, uint32_t first, uint32_t last, uint16_t port,
                              const char *word, struct kp_err *err)
{
    if (last - first >= KP_DISCOVER_ADDRESSES_MAX)
        return kp_fail(err, KP_EINVALID,
                       "%.60s names %llu addresses; at most %d at a time, as in a /22", word,
                       (unsigned long long)last - first + 1, KP_DISCOVER_ADDRESSES_MAX);
    for (uint32_t ip = first;; ip++) {
        struct kp_target one = { .family = AF_INET, .port = port };
        uint32_t wire = htonl(ip);
        memcpy(one.ip, &wire, sizeof wire);
        inet_ntop(AF_INET, one.ip, one.host, sizeof one.host);
        if (add(t, &one, err) || ip == last)
            return err->code;
    }
}

static bool read_ip(const char *text, uint32_t *ip)
{
    struct in_addr a;
    if (inet_pton(AF_INET, text, &a) != 1)
        return false;
    *ip = ntohl(a.s_addr);
    return true;
}

static bool read_number(const char *text, unsigned long most, unsigned long *out)
{
    char *end;
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9)
        return false;
    *out = strtoul(text, &end, 10);
    return *out <= most;
}

/* a.b.c.d/24: all of them but the network's own and the broadcast address. */
static enum kp_code add_network(struct kp_targets *t, const char *head, const char *bits_text,
                                uint16_t port, const char *word, struct kp_err *err)
{
    uint32_t ip;
    unsigned long bits;
    if (!read_ip(head, &ip) || !read_number(bits_text, 32, &bits))
        return kp_fail(err, KP_EINVALID, "'%.60s' is no network such as 192.0.2.0/24", word);
    if (bits < 22)
        return kp_fail(err, KP_EINVALID,
                       "%.60s is too large to look at: at most a /22, which is %d addresses", word,
                       KP_DISCOVER_ADDRESSES_MAX);
    uint32_t size = (uint32_t)1 << (32 - bits), first = ip & ~(size - 1), last = first + size - 1;
    return bits >= 31 ? add_range(t, first, last, port, word, err)
                      : add_range(t, first + 1, last - 1, port, word, err);
}

/* a.b.c.d-e or a.b.c.d-a.b.c.e */
static enum kp_code add_span(struct kp_targets *t, const char *head, const char *tail,
                             uint16_t port, const char *word, struct kp_err *err)
{
    uint32_t first, last = 0;
    unsigned long end;
    bool known = read_ip(head, &first) && (read_ip(tail, &last) || (read_number(tail, 255, &end)));
    if (known && !last)
        last = (first & ~UINT32_C(255)) | (uint32_t)end;
    if (!known || last < first)
        return kp_fail(err, KP_EINVALID, "'%.60s' is no range such as 192.0.2.10-40", word);
    return add_range(t, first, last, port, word, err);
}

static enum kp_code add_host(struct kp_targets *t, const char *host, uint16_t port,
                             const char *word, struct kp_err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG },
                    *found = NULL;
    struct kp_target one = { .port = port };
    if (inet_pton(AF_INET, host, one.ip) == 1) {
        one.family = AF_INET;
    } else if (inet_pton(AF_INET6, host, one.ip) == 1) {
        one.family = AF_INET6;
    } else if (strspn(host, "0123456789.") == strlen(host) || strlen(host) >= sizeof one.host) {
        return kp_fail(
            err, KP_EINVALID,
            "'%.60s' is no address such as 192.0.2.7, 192.0.2.0/24, 192.0.2.10-40 or plc7:502",
            word);
    } else if (getaddrinfo(host, NULL, &hints, &found) || !found) {
        return kp_fail(err, KP_ENOTFOUND, "'%.60s': no host of this name is known", word);
    } else if (found->ai_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, found->ai_addr, sizeof four);
        one.family = AF_INET;
        memcpy(one.ip, &four.sin_addr, 4);
    } else {
        struct sockaddr_in6 six;
        memcpy(&six, found->ai_addr, sizeof six);
        one.family = AF_INET6;
        memcpy(one.ip, &six.sin6_addr, 16);
    }
    if (found)
        freeaddrinfo(found);
    snprintf(one.host, sizeof one.host, "%s", host);
    return add(t, &one, err);
}

/* Cuts ":502" off; an IPv6 address with a port stands in brackets. */
static bool cut_port(char *word, uint16_t *port)
{
    unsigned long number = 0;
    char *colon = strrchr(word, ':'), *bracket = strrchr(word, ']');
    *port = 0;
    if (*word == '[') {
        if (!bracket || (bracket[1] && bracket[1] != ':'))
            return false;
        colon = bracket[1] ? bracket + 1 : NULL;
        *bracket = 0;
        memmove(word, word + 1, strlen(word));
        if (colon)
            colon++; /* what stood there begins behind the 0 */
    } else if (colon && strchr(word, ':') != colon) {
        return true; /* an IPv6 address alone */
    } else if (colon) {
        *colon++ = 0;
    }
    if (!colon)
        return true;
    *port = read_number(colon, 65535, &number) ? (uint16_t)number : 0;
    return *port;
}

enum kp_code kp_targets_add(struct kp_targets *t, const char *word, struct kp_err *err)
{
    char text[300], *cut;
    uint16_t port;
    int n = snprintf(text, sizeof text, "%s", word);
    if (n < 1 || n >= (int)sizeof text || !kp_utf8_valid(word, strlen(word)) ||
        !cut_port(text, &port) || !*text)
        return kp_fail(
            err, KP_EINVALID,
            "'%.60s' is no address such as 192.0.2.7, 192.0.2.0/24, 192.0.2.10-40 or plc7:502",
            word);
    if ((cut = strchr(text, '/'))) {
        *cut = 0;
        return add_network(t, text, cut + 1, port, word, err);
    }
    uint32_t ip;
    if ((cut = strchr(text, '-'))) {
        *cut = 0;
        if (read_ip(text, &ip))
            return add_span(t, text, cut + 1, port, word, err);
        *cut = '-'; /* a name */
    }
    return add_host(t, text, port, word, err);
}

void kp_targets_free(struct kp_targets *t)
{
    kp_free(t->list);
    *t = (struct kp_targets){ 0 };
}
