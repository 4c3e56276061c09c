/* SPDX-License-Identifier: Apache-2.0 */
/* ADS of Beckhoff: Read Device Info (command 1), which reads only. A controller answers only those
 * it has a route to and closes on others; on its own port that tells enough. */
#include "couplings/discover/probe.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ban.h"

enum {
    TCP_HEAD = 6,
    AMS_HEAD = 32,
    REPLY_MAX = 512,
    ANSWER_MS = 1500,
    SYSTEM_PORT = 10000,
    INVOKE = 0x6b70
};

static void put16(unsigned char *at, unsigned v)
{
    at[0] = (unsigned char)v;
    at[1] = (unsigned char)(v >> 8);
}

static unsigned long get32(const unsigned char *at)
{
    return at[0] | (unsigned long)at[1] << 8 | (unsigned long)at[2] << 16 |
           (unsigned long)at[3] << 24;
}

/* By custom an address a.b.c.d has the net id a.b.c.d.1.1. */
static void put_net_id(unsigned char *at, const uint8_t *ip, bool known)
{
    memcpy(at, known ? ip : (const uint8_t[4]){ 127, 0, 0, 1 }, 4);
    at[4] = at[5] = 1;
}

static bool own_address(int fd, uint8_t ip[4])
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) || a.sin_family != AF_INET)
        return false;
    memcpy(ip, &a.sin_addr, 4);
    return true;
}

bool kp_probe_ads(struct kp_probe *p)
{
    unsigned char ask[TCP_HEAD + AMS_HEAD] = { 0, 0, AMS_HEAD }, *ams = ask + TCP_HEAD,
                                 reply[TCP_HEAD + REPLY_MAX];
    uint8_t own[4];
    bool have_own = own_address(p->fd, own);
    put_net_id(ams, p->target.ip, p->target.family == AF_INET);
    put16(ams + 6, SYSTEM_PORT);
    put_net_id(ams + 8, own, have_own);
    put16(ams + 14, 0x8000);
    put16(ams + 16, 1); /* Read Device Info */
    put16(ams + 18, 4); /* a command, by ADS */
    put16(ams + 28, INVOKE);
    kp_probe_within(p, ANSWER_MS);
    struct kp_discover_found f = kp_probe_begin(p, "ads");
    snprintf(f.manufacturer, sizeof f.manufacturer, "Beckhoff");
    bool sent = kp_probe_send(p, ask, sizeof ask), head = sent && kp_probe_read(p, reply, TCP_HEAD);
    unsigned long n = head ? get32(reply + 2) : 0;
    const unsigned char *r = reply + TCP_HEAD;
    bool whole = n >= AMS_HEAD && n <= REPLY_MAX && !reply[0] && !reply[1] &&
                 kp_probe_read(p, reply + TCP_HEAD, n);
    if (whole && r[16] == 1 && !r[17] && (r[18] & 1) && get32(r + 28) == INVOKE) {
        const unsigned char *d =
            r + AMS_HEAD; /* result, version, revision, build, up to 16 bytes of name */
        if (!get32(r + 24) && n > AMS_HEAD + 8u && !get32(d)) {
            size_t most = n - AMS_HEAD - 8 < 16 ? n - AMS_HEAD - 8 : 16;
            const void *end = memchr(d + 8, 0, most);
            kp_probe_text(f.product, sizeof f.product, d + 8,
                          end ? (size_t)((const unsigned char *)end - d) - 8 : most);
            snprintf(f.detail, sizeof f.detail, "version %u.%u build %u", d[4], d[5],
                     d[6] | d[7] << 8);
        } else {
            snprintf(f.detail, sizeof f.detail, "it answers, but does not tell what it is");
        }
    } else if (p->usual && sent && !head) {
        snprintf(f.detail, sizeof f.detail,
                 "it wants a route to this computer first (TwinCAT: SYSTEM, Routes)");
    } else {
        return false;
    }
    kp_probe_couple(&f, "ads", 48898, "", NULL, 0);
    kp_probe_tell(p, &f);
    return true;
}
