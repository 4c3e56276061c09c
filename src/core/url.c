/* SPDX-License-Identifier: Apache-2.0 */
#include "core/url.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ban.h"

static enum kp_code take_port(const char *text, size_t n, struct kp_url *u, struct kp_err *err)
{
    char digits[8], *end;
    snprintf(digits, sizeof digits, "%.*s", (int)(n < 7 ? n : 7), text);
    unsigned long port = strtoul(digits, &end, 10);
    if (!n || *end || port < 1 || port > 65535 || strspn(digits, "0123456789") != n)
        return kp_fail(err, KP_EINVALID, "'%.*s' is not a port from 1 to 65535", (int)(n < 60 ? n : 60),
                       text);
    u->port = (uint16_t)port;
    return KP_OK;
}

static enum kp_code take_host(const char *text, size_t n, struct kp_url *u, struct kp_err *err)
{
    const char *end = text + n, *colon;
    if (n && *text == '[') {
        const char *bracket = memchr(text, ']', n);
        if (!bracket)
            return kp_fail(err, KP_EINVALID, "'%.100s': the '[' of an IPv6 address is not closed", text);
        text++;
        n = (size_t)(bracket - text);
        colon = bracket + 1 < end ? bracket + 1 : NULL;
        if (colon && *colon != ':')
            return kp_fail(err, KP_EINVALID, "behind the ']' of '%.100s' can only stand :PORT", text - 1);
    } else {
        colon = memchr(text, ':', n);
        n = colon ? (size_t)(colon - text) : n;
    }
    if (n >= sizeof u->host)
        return kp_fail(err, KP_EINVALID, "the name of the host is longer than %d bytes", KP_HOST_MAX - 1);
    memcpy(u->host, text, n);
    return colon ? take_port(colon + 1, (size_t)(end - colon - 1), u, err) : KP_OK;
}

enum kp_code kp_url_parse(const char *text, struct kp_url *u, struct kp_err *err)
{
    *u = (struct kp_url){ 0 };
    const char *p = strstr(text, "://");
    if (!p || p == text || (size_t)(p - text) >= sizeof u->scheme)
        return kp_fail(err, KP_EINVALID, "'%.100s' is not such as scheme://host:port", text);
    memcpy(u->scheme, text, (size_t)(p - text));
    p += 3;
    size_t n = strcspn(p, "/?#");
    if (memchr(p, '@', n))
        return kp_fail(err, KP_EINVALID, "a user does not stand in the address: take --user and --password-file");
    if (take_host(p, n, u, err))
        return err ? err->code : KP_EINVALID;
    p += n;
    p += *p == '/';
    n = strcspn(p, "?#");
    if (n >= sizeof u->path)
        return kp_fail(err, KP_EINVALID, "what stands behind the host is longer than %zu bytes",
                       sizeof u->path - 1);
    memcpy(u->path, p, n);
    return KP_OK;
}

bool kp_url_setting(const char *text, const char **at, char key[64], char value[KP_HOST_MAX])
{
    const char *p = *at ? *at : strchr(text, '?');
    if (!p || !*p || *p == '#')
        return false;
    p++;
    size_t n = strcspn(p, "&#"), equals = strcspn(p, "=&#");
    snprintf(key, 64, "%.*s", (int)(equals < 63 ? equals : 63), p);
    bool has = equals < n;
    size_t len = has ? n - equals - 1 : 0;
    snprintf(value, KP_HOST_MAX, "%.*s", (int)(len < KP_HOST_MAX ? len : KP_HOST_MAX - 1),
             has ? p + equals + 1 : "");
    *at = p + n;
    return true;
}

bool kp_host_is_own(const char *host)
{
    struct in_addr address;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

static bool print_address(const struct sockaddr *a, char out[KP_ADDRESS_TEXT])
{
    const void *at = a->sa_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr
                                              : (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
    return inet_ntop(a->sa_family, at, out, KP_ADDRESS_TEXT) != NULL;
}

bool kp_host_address(const char *host, bool ask, char out[KP_ADDRESS_TEXT])
{
    struct in6_addr any;
    struct addrinfo *list = NULL, want = { .ai_socktype = SOCK_STREAM };
    int family = inet_pton(AF_INET, host, &any) == 1 ? AF_INET : inet_pton(AF_INET6, host, &any) == 1 ? AF_INET6 : 0;
    out[0] = 0;
    if (family)
        return inet_ntop(family, &any, out, KP_ADDRESS_TEXT) != NULL;
    if (ask && getaddrinfo(host, NULL, &want, &list) == 0 && !print_address(list->ai_addr, out))
        out[0] = 0;
    if (list)
        freeaddrinfo(list);
    return false;
}

void kp_url_escape(struct kp_buf *out, const char *text, const char *plain)
{
    static const char always[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (; *text; text++)
        kp_buf_printf(out, strchr(always, *text) || strchr(plain, *text) ? "%c" : "%%%02X", (unsigned char)*text);
}
