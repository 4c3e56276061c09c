/* SPDX-License-Identifier: Apache-2.0 */
#include "web/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { LABEL_MAX = 63 };

/* An address in its usual form, so that ::1 and 0:0::1 are one. */
static bool address(const char *text, char out[INET6_ADDRSTRLEN])
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1)
        return inet_ntop(AF_INET, &v4, out, INET6_ADDRSTRLEN);
    return inet_pton(AF_INET6, text, &v6) == 1 && inet_ntop(AF_INET6, &v6, out, INET6_ADDRSTRLEN);
}

bool kp_is_address(const char *name)
{
    char out[INET6_ADDRSTRLEN];
    return address(name, out);
}

/* Letters, digits and inner dashes in labels of up to 63; the last label is no number. */
static bool is_dns(const char *name)
{
    const char *last = name;
    for (const char *p = name;;) {
        size_t n = strcspn(p, ".");
        if (!n || n > LABEL_MAX || p[0] == '-' || p[n - 1] == '-' ||
            strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-") < n)
            return false;
        last = p;
        if (!p[n])
            break;
        p += n + 1;
    }
    return strspn(last, "0123456789") != strlen(last);
}

enum kp_code kp_dns_name(const char *given, char out[KP_DNS_NAME], struct kp_err *err)
{
    size_t n = strlen(given);
    if (address(given, out))
        return KP_OK;
    if (n >= KP_DNS_NAME)
        return kp_fail(err, KP_EINVALID, "'%.60s...' is too long for a name", given);
    for (size_t i = 0; i <= n; i++)
        out[i] = (char)tolower((unsigned char)given[i]);
    if (is_dns(out))
        return KP_OK;
    return kp_fail(
        err, KP_EINVALID,
        "'%.80s' is no name of a machine such as koppel.plant.example, and no IP address (letters, "
        "digits, dashes and dots; names in other scripts in their xn-- form)",
        given);
}

void kp_names_add(struct kp_names *s, const char *name)
{
    if (s->n < KP_NAMES_MAX && !kp_names_have(s, name))
        snprintf(s->name[s->n++], KP_DNS_NAME, "%s", name);
}

bool kp_names_have(const struct kp_names *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->name[i], name) == 0)
            return true;
    return false;
}

void kp_names_join(struct kp_names *s, const struct kp_names *more)
{
    for (size_t i = 0; i < more->n; i++)
        kp_names_add(s, more->name[i]);
}

/* "" for what nobody connects to from elsewhere: loopback, and addresses that need the name of an
 * interface. */
static void print_address(const struct ifaddrs *i, char out[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in *v4 = (const void *)i->ifa_addr;
    const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;
    out[0] = 0;
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || i->ifa_flags & IFF_LOOPBACK)
        return;
    if (i->ifa_addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
    else if (i->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
        inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

static void add_addresses(struct kp_names *s)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        print_address(i, text);
        if (text[0])
            kp_names_add(s, text);
    }
    freeifaddrs(all);
}

static void add_host_name(struct kp_names *s)
{
    char host[KP_DNS_NAME] = "", name[KP_DNS_NAME], local[KP_DNS_NAME];
    gethostname(host, sizeof host - 1);
    if (kp_dns_name(host, name, NULL) || kp_is_address(name))
        return;
    kp_names_add(s, name);
    snprintf(local, sizeof local, "%.*s.local", (int)strcspn(name, "."),
             name); /* as mDNS announces it */
    kp_names_add(s, local);
}

void kp_names_of_machine(struct kp_names *s, const char *only)
{
    static const char *const loopback[] = { "localhost", "127.0.0.1", "::1" };
    add_host_name(s);
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
        kp_names_add(s, loopback[i]);
    if (only)
        kp_names_add(s, only);
    else
        add_addresses(s);
}

bool kp_names_answer(const struct kp_names *s, const char *host)
{
    char bare[KP_DNS_NAME], name[KP_DNS_NAME];
    bool six = host[0] == '[';
    size_t n = six ? strcspn(host, "]") : strcspn(host, ":");
    const char *rest = host + n + (six && host[n] == ']');
    bool good = !*rest || (*rest == ':' && rest[1] && strlen(rest) <= 6 &&
                           strspn(rest + 1, "0123456789") == strlen(rest + 1));
    if (!good || n - six >= sizeof bare || (six && host[n] != ']'))
        return false;
    snprintf(bare, sizeof bare, "%.*s", (int)(n - six), host + six);
    if (!six && n && bare[n - 1] == '.')
        bare[n - 1] = 0; /* a name may end with the dot of the root */
    return !kp_dns_name(bare, name, NULL) && six == (strchr(name, ':') != NULL) &&
           kp_names_have(s, name);
}
