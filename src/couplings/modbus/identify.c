/* SPDX-License-Identifier: Apache-2.0 */
/* Read Device Identification (Application Protocol 6.21): function 43, MEI type 14. The library has no
 * call for it and does not know where its answer ends, so it is read here from the library's descriptor. */
#include "couplings/modbus/modbus_private.h"

#include "core/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { FUNCTION = 0x2b, MEI = 0x0e, REGULAR = 2, FAILED = 0x80, MBAP = 6, CHECKSUM = 2, ANSWER_MAX = 260, ROUNDS_MAX = 8 };

static void keep(char out[64], const uint8_t *text, size_t n)
{
    kp_utf8_clean(out, 64, (const char *)text, n);
    for (size_t end = strlen(out); end && out[end - 1] == ' ';)
        out[--end] = 0;
}

int modbus_identity_parse(struct modbus_identity *id, const uint8_t *pdu, size_t n, uint8_t *next)
{
    char *const fields[] = { id->vendor, id->product_code, id->revision, NULL, id->product, id->model };
    size_t at = 7;
    if (n < 2)
        return 0;
    if (pdu[0] == (FUNCTION | FAILED)) {
        *next = 0;
        return 2;
    }
    if (pdu[0] != FUNCTION || pdu[1] != MEI)
        return -1;
    if (n < 7)
        return 0;
    *next = pdu[4] == 0xff ? pdu[5] : 0;
    for (unsigned i = 0; i < pdu[6]; i++) {
        if (n < at + 2 || n < at + 2 + pdu[at + 1])
            return at + 2 > ANSWER_MAX ? -1 : 0;
        if (pdu[at] < sizeof fields / sizeof *fields && fields[pdu[at]])
            keep(fields[pdu[at]], pdu + at + 2, pdu[at + 1]);
        at += 2u + pdu[at + 1];
    }
    return (int)at;
}

/* CRC-16 of Modbus over Serial Line V1.02, 6.2.2; 0 over a frame with its checksum. */
static uint16_t checksum(const uint8_t *data, size_t n)
{
    uint16_t crc = 0xffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    }
    return crc;
}

static enum kp_code receive_more(struct modbus_link *l, int64_t end, uint8_t *to, size_t room, size_t *n,
                                 struct kp_err *err)
{
    int64_t left = (end - kp_mono(&kp_clock_system) + KP_MILLISECOND - 1) / KP_MILLISECOND;
    struct pollfd p = { .fd = modbus_get_socket(l->bus), .events = POLLIN };
    if (left <= 0 || poll(&p, 1, (int)left) <= 0)
        return kp_fail(err, KP_EPEER, "no answer to function 43");
    ssize_t got = read(p.fd, to, room);
    if (got <= 0)
        return kp_fail(err, KP_EPEER, "the connection broke");
    *n += (size_t)got;
    return KP_OK;
}

/* The answer with all that belongs to it, so that nothing is left for the next one. */
static enum kp_code receive(struct modbus_link *l, int64_t timeout, uint8_t unit, struct modbus_identity *id, uint8_t *next,
                            struct kp_err *err)
{
    uint8_t answer[ANSWER_MAX];
    size_t n = 0, head = l->frames ? 1 : MBAP + 1, tail = l->frames ? CHECKSUM : 0;
    int64_t end = kp_mono(&kp_clock_system) + timeout;
    while (n < sizeof answer) {
        if (receive_more(l, end, answer + n, sizeof answer - n, &n, err))
            return err->code;
        if (n < head + 2)
            continue;
        int size = answer[head - 1] == unit ? modbus_identity_parse(id, answer + head, n - head, next) : -1;
        if (size < 0 || (size && n > head + (size_t)size + tail))
            break;
        if (!size || n < head + (size_t)size + tail)
            continue;
        if (tail && checksum(answer, n))
            break;
        return size == 2 ? kp_fail(err, KP_ENOTFOUND, "it does not know function 43") : KP_OK;
    }
    return kp_fail(err, KP_EPEER, "the answer to function 43 is malformed");
}

enum kp_code modbus_identify(struct modbus_link *l, uint8_t unit, int64_t timeout, struct modbus_identity *id,
                             struct kp_err *err)
{
    uint8_t next = 0;
    *id = (struct modbus_identity){ 0 };
    modbus_set_slave(l->bus, unit);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint8_t ask[] = { unit, FUNCTION, MEI, REGULAR, next };
        modbus_link_rest(l, 0);
        if (modbus_send_raw_request(l->bus, ask, sizeof ask) < 0)
            return kp_fail(err, KP_EPEER, "function 43: %s", modbus_strerror(errno));
        if (receive(l, timeout, unit, id, &next, err) || !next)
            break;
    }
    return err->code;
}
