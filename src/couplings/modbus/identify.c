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

enum { FUNCTION = 0x2b, MEI = 0x0e, REGULAR = 2, FAILED = 0x80, MBAP = 6, ANSWER_MAX = 260, ROUNDS_MAX = 8 };

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
    return 1;
}

/* What the bus brings until the answer is whole; an exception is whole with two bytes. */
static enum kp_code receive(struct modbus_link *l, int64_t timeout, uint8_t unit, struct modbus_identity *id, uint8_t *next,
                            struct kp_err *err)
{
    uint8_t answer[ANSWER_MAX];
    size_t n = 0, head = l->serial ? 1 : MBAP + 1;
    int64_t end = kp_mono(&kp_clock_system) + timeout;
    while (n < sizeof answer) {
        int64_t left = (end - kp_mono(&kp_clock_system)) / KP_MILLISECOND;
        struct pollfd p = { .fd = modbus_get_socket(l->bus), .events = POLLIN };
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return kp_fail(err, KP_EPEER, "unit %u does not answer function 43", unit);
        ssize_t got = read(p.fd, answer + n, sizeof answer - n);
        if (got <= 0)
            return kp_fail(err, KP_EPEER, "the connection broke");
        n += (size_t)got;
        if (n < head + 2)
            continue;
        if (answer[head - 1] == unit && answer[head] == (FUNCTION | FAILED))
            return kp_fail(err, KP_ENOTFOUND, "unit %u does not know function 43", unit);
        int whole = answer[head - 1] == unit ? modbus_identity_parse(id, answer + head, n - head, next) : -1;
        if (whole)
            return whole > 0 ? KP_OK : kp_fail(err, KP_EPEER, "unit %u answers function 43 wrongly", unit);
    }
    return kp_fail(err, KP_EPEER, "unit %u answers function 43 without end", unit);
}

enum kp_code modbus_identify(struct modbus_link *l, uint8_t unit, int64_t timeout, struct modbus_identity *id,
                             struct kp_err *err)
{
    uint8_t next = 0;
    *id = (struct modbus_identity){ 0 };
    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint8_t ask[] = { unit, FUNCTION, MEI, REGULAR, next };
        if (modbus_send_raw_request(l->bus, ask, sizeof ask) < 0)
            return kp_fail(err, KP_EPEER, "function 43: %s", modbus_strerror(errno));
        if (receive(l, timeout, unit, id, &next, err) || !next)
            break;
    }
    if (err->code)
        return err->code;
    /* on a line two bytes of checksum are still to come; nothing may be left for the next answer */
    usleep(20000);
    modbus_flush(l->bus);
    return KP_OK;
}
