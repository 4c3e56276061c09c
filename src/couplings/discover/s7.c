/* SPDX-License-Identifier: Apache-2.0 */
/* S7 communication: ISO on TCP (RFC 1006), a connection to the usual slots, then the lists of
 * system states 0x0011 (order code) and 0x001C (names), which reads only. */
#include "couplings/discover/probe.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum {
    TPKT = 4,
    PACKET_MAX = 1024,
    ANSWER_MS = 1500,
    COTP_CC = 0xd0,
    COTP_DATA = 0xf0,
    COTP_DISCONNECT = 0x80
};

/* One TPKT; its length, or 0. */
static size_t take(struct kp_probe *p, unsigned char out[PACKET_MAX])
{
    if (!kp_probe_read(p, out, TPKT) || out[0] != 3)
        return 0;
    size_t n = (size_t)out[2] << 8 | out[3];
    if (n < TPKT + 3 || n > PACKET_MAX || !kp_probe_read(p, out + TPKT, n - TPKT))
        return 0;
    return n;
}

static bool connect_slot(struct kp_probe *p, unsigned slot, bool *spoke)
{
    const unsigned char ask[] = { 3,    0, 0,  22,   17, 0xe0, 0, 0,    0, 1, 0,
                                  0xc0, 1, 10, 0xc1, 2,  1,    0, 0xc2, 2, 3, (unsigned char)slot };
    unsigned char packet[PACKET_MAX];
    kp_probe_within(p, ANSWER_MS);
    if (!kp_probe_send(p, ask, sizeof ask) || !take(p, packet))
        return false;
    *spoke = packet[5] == COTP_CC || packet[5] == COTP_DISCONNECT;
    return packet[5] == COTP_CC;
}

/* Behind TPKT and COTP data: the S7 message, or NULL. */
static const unsigned char *message(const unsigned char packet[PACKET_MAX], size_t n, size_t *len)
{
    size_t at = TPKT + 1u + packet[TPKT];
    if (n <= at + 10 || packet[TPKT + 1] != COTP_DATA || packet[at] != 0x32)
        return NULL;
    *len = n - at;
    return packet + at;
}

static bool set_up(struct kp_probe *p)
{
    static const unsigned char ask[] = { 3, 0, 0, 25, 2,    COTP_DATA, 0x80, 0x32, 1, 0, 0, 0,   1,
                                         0, 8, 0, 0,  0xf0, 0,         0,    1,    0, 1, 1, 0xe0 };
    unsigned char packet[PACKET_MAX];
    size_t n, len;
    kp_probe_within(p, ANSWER_MS);
    if (!kp_probe_send(p, ask, sizeof ask) || !(n = take(p, packet)))
        return false;
    const unsigned char *s7 = message(packet, n, &len);
    return s7 && s7[1] == 3;
}

/* The records of a list of system states: where they begin in the packet, *size bytes each, *count
 * of them. */
static const unsigned char *read_list(struct kp_probe *p, unsigned number, unsigned index,
                                      unsigned char packet[PACKET_MAX], size_t *size, size_t *count)
{
    unsigned char ask[] = { 3,
                            0,
                            0,
                            33,
                            2,
                            COTP_DATA,
                            0x80,
                            0x32,
                            7,
                            0,
                            0,
                            0,
                            2,
                            0,
                            8,
                            0,
                            8,
                            0,
                            1,
                            0x12,
                            4,
                            0x11,
                            0x44,
                            1,
                            0,
                            0xff,
                            9,
                            0,
                            4,
                            (unsigned char)(number >> 8),
                            (unsigned char)number,
                            (unsigned char)(index >> 8),
                            (unsigned char)index };
    size_t n, len;
    kp_probe_within(p, ANSWER_MS);
    if (!kp_probe_send(p, ask, sizeof ask) || !(n = take(p, packet)))
        return NULL;
    const unsigned char *s7 = message(packet, n, &len);
    if (!s7 || s7[1] != 7)
        return NULL;
    size_t data =
        10 + ((size_t)s7[6] << 8 |
              s7[7]); /* behind the parameters: return code, kind, length, list, index ... */
    if (len < data + 12 || s7[data] != 0xff)
        return NULL;
    *size = (size_t)s7[data + 8] << 8 | s7[data + 9];
    *count = (size_t)s7[data + 10] << 8 | s7[data + 11];
    size_t room = len - data - 12;
    *count = *size && *count > room / *size ? room / *size : *count;
    return *size ? s7 + data + 12 : NULL;
}

static void read_order_code(struct kp_probe *p, struct kp_discover_found *f)
{
    unsigned char packet[PACKET_MAX];
    size_t size, count;
    const unsigned char *r = read_list(p, 0x0011, 0, packet, &size, &count);
    for (size_t i = 0; r && size >= 28 && i < count; i++, r += size) {
        unsigned index = (unsigned)r[0] << 8 | r[1];
        if (index == 1) /* the module itself */
            kp_probe_text(f->product, sizeof f->product, r + 2, 20);
        else if (index == 7) /* its firmware */
            snprintf(f->detail, sizeof f->detail, "firmware V%u.%u.%u", r[25], r[26], r[27]);
    }
}

static void read_names(struct kp_probe *p, struct kp_discover_found *f)
{
    unsigned char packet[PACKET_MAX];
    char module[KP_DISCOVER_TEXT] = "", serial[KP_DISCOVER_TEXT] = "";
    size_t size, count;
    const unsigned char *r = read_list(p, 0x001c, 0, packet, &size, &count);
    for (size_t i = 0; r && size >= 34 && i < count; i++, r += size) {
        unsigned index = (unsigned)r[0] << 8 | r[1];
        const void *end = memchr(r + 2, 0, 32);
        size_t n = end ? (size_t)((const unsigned char *)end - r) - 2 : 32;
        if (index == 1)
            kp_probe_text(f->name, sizeof f->name, r + 2, n);
        else if (index == 7)
            kp_probe_text(module, sizeof module, r + 2, n);
        else if (index == 5)
            kp_probe_text(serial, sizeof serial, r + 2, n);
    }
    size_t n = strlen(f->detail);
    if (*module)
        n +=
            (size_t)snprintf(f->detail + n, sizeof f->detail - n, "%s%.60s", n ? ", " : "", module);
    if (*serial)
        snprintf(f->detail + n, sizeof f->detail - n, "%sserial %.60s", n ? ", " : "", serial);
}

bool kp_probe_s7(struct kp_probe *p)
{
    static const unsigned slots[] = { 1, 2, 0 }; /* 1: S7-1200, S7-1500; 2: S7-300, most S7-400 */
    static const unsigned char bye[] = { 3, 0, 0, 11, 6, COTP_DISCONNECT, 0, 1, 0, 1, 0x80 };
    bool spoke = false, open = false;
    size_t i = 0;
    for (; i < 3 && !open; i++)
        open = (!i || (spoke && kp_probe_reopen(p))) && connect_slot(p, slots[i], &spoke);
    if (!spoke)
        return false;
    struct kp_discover_found f = kp_probe_begin(p, "s7");
    snprintf(f.manufacturer, sizeof f.manufacturer, "Siemens");
    if (open && set_up(p)) {
        read_order_code(p, &f);
        read_names(p, &f);
    } else {
        snprintf(f.detail, sizeof f.detail, "ISO on TCP; no connection to slots 0 to 2");
        if (!p->usual)
            f.manufacturer[0] = 0; /* others speak it too */
    }
    if (open)
        kp_probe_send(p, bye, sizeof bye);
    kp_probe_couple(&f, "s7", 102, "", open && slots[i - 1] != 1 ? "slot" : NULL,
                    open ? (int)slots[i - 1] : 0);
    kp_probe_needs_map(&f);
    kp_probe_tell(p, &f);
    return true;
}
