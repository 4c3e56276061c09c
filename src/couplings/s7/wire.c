/* SPDX-License-Identifier: Apache-2.0 */
/* TPKT (RFC 1006) around COTP (ISO 8073, class 0) around S7 messages. An answer is taken by its reference alone: a late one of an
 * earlier question is passed over. */
#include "couplings/s7/s7_private.h"

#include "core/encoding.h"
#include "core/url.h"
#include "couplings/tcp.h"

#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { TPKT = 4, COTP_DATA = 3, JOB_HEAD = 10, ANSWER_HEAD = 12, ITEM_SPEC = 12 };
enum { JOB = 1, ACK = 2, ACK_DATA = 3, USERDATA = 7, READ = 4, WRITE = 5, SETUP = 0xf0 };

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* ---- packets ---- */
/* A whole packet's contents behind the TPKT head into `in`. */
static enum kp_code receive_packet(struct s7_link *l, size_t *n, int64_t deadline, struct kp_err *err)
{
    uint8_t head[TPKT];
    if (kp_tcp_receive(l->fd, head, sizeof head, deadline, err))
        return err->code;
    *n = get16(head + 2);
    if (head[0] != 3 || *n < TPKT + 2 || *n - TPKT > sizeof l->in)
        return kp_fail(err, KP_EPEER, "it does not speak ISO on TCP");
    *n -= TPKT;
    return kp_tcp_receive(l->fd, l->in, *n, deadline, err);
}

/* Puts the head before the message of n bytes in out + TPKT + COTP_DATA, and sends it. */
static enum kp_code send_message(struct s7_link *l, size_t n, struct kp_err *err)
{
    static const uint8_t cotp[] = { 2, 0xf0, 0x80 };
    l->out[0] = 3;
    l->out[1] = 0;
    put16(l->out + 2, (unsigned)(TPKT + COTP_DATA + n));
    memcpy(l->out + TPKT, cotp, COTP_DATA);
    return kp_tcp_send(l->fd, l->out, TPKT + COTP_DATA + n, kp_tcp_deadline(l->timeout), err);
}

static uint8_t *begin(struct s7_link *l, uint8_t kind, size_t parameters, size_t data)
{
    uint8_t *p = l->out + TPKT + COTP_DATA;
    l->reference++;
    memset(p, 0, JOB_HEAD + parameters + data);
    p[0] = 0x32;
    p[1] = kind;
    put16(p + 4, l->reference);
    put16(p + 6, (unsigned)parameters);
    put16(p + 8, (unsigned)data);
    return p + JOB_HEAD;
}

static enum kp_code refusal(unsigned code, struct kp_err *err)
{
    if (code == 0x8104)
        return kp_fail(err, KP_EREFUSED,
                       "the PLC does not allow it: in TIA Portal tick 'Permit access with PUT/GET communication from remote partner' "
                       "(protection & security of the CPU)");
    if (code == 0xd241 || code == 0xd602)
        return kp_fail(err, KP_EREFUSED,
                       "the PLC asks for a password: in TIA Portal set the access level to 'Full access' or 'Read access' (protection & "
                       "security of the CPU)");
    return kp_fail(err, KP_EPEER, "the PLC refuses with error 0x%04X", code);
}

/* The answer to the question with our reference; l->in then begins with its S7 head and has l->n bytes. */
static enum kp_code receive_answer(struct s7_link *l, struct kp_err *err)
{
    int64_t deadline = kp_tcp_deadline(l->timeout);
    for (int i = 0; i < 100; i++) {
        size_t n;
        if (receive_packet(l, &n, deadline, err))
            return err->code;
        if (n < COTP_DATA + JOB_HEAD || l->in[1] != 0xf0)
            return kp_fail(err, KP_EPEER, "a packet of the PLC is no data");
        l->n = n - COTP_DATA;
        memmove(l->in, l->in + COTP_DATA, l->n);
        if (l->in[0] != 0x32)
            return kp_fail(err, KP_EPEER, "it does not speak S7");
        if (get16(l->in + 4) != l->reference)
            continue;
        bool has_error = l->in[1] == ACK || l->in[1] == ACK_DATA;
        if (has_error && l->n < ANSWER_HEAD)
            return kp_fail(err, KP_EPEER, "an answer of the PLC is cut off");
        unsigned code = has_error ? get16(l->in + 10) : 0;
        return code ? refusal(code, err) : KP_OK;
    }
    return kp_fail(err, KP_EPEER, "the PLC answers other questions than ours");
}

/* ---- opening ---- */
bool s7_tsap_parse(const char *text, uint8_t out[2])
{
    unsigned n = 0, v = 0;
    for (const char *p = text; *p; p++) {
        int digit = kp_hex_digit(*p);
        if (*p == '.' && n == 2)
            continue;
        if (digit < 0 || n == 4)
            return false;
        v = v << 4 | (unsigned)digit;
        n++;
    }
    put16(out, v);
    return n == 4;
}

static enum kp_code call(struct s7_link *l, const struct s7_settings *set, struct kp_err *err)
{
    uint8_t ask[] = { 3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 0 };
    size_t n;
    ask[21] = (uint8_t)(set->rack * 32 + set->slot);
    if (set->local_tsap && *set->local_tsap)
        s7_tsap_parse(set->local_tsap, ask + 16);
    if (set->tsap && *set->tsap)
        s7_tsap_parse(set->tsap, ask + 20);
    if (kp_tcp_send(l->fd, ask, sizeof ask, kp_tcp_deadline(l->timeout), err) ||
        receive_packet(l, &n, kp_tcp_deadline(l->timeout), err))
        return err->code;
    if ((l->in[1] & 0xf0) != 0xd0)
        return kp_fail(err, KP_EPEER, "the PLC does not take the call; are rack %d and slot %d right?", (int)set->rack, (int)set->slot);
    return KP_OK;
}

static enum kp_code agree(struct s7_link *l, struct kp_err *err)
{
    static const uint8_t wish[] = { SETUP, 0, 0, 1, 0, 1, S7_PDU_MAX >> 8, S7_PDU_MAX & 0xff };
    memcpy(begin(l, JOB, sizeof wish, 0), wish, sizeof wish);
    if (send_message(l, JOB_HEAD + sizeof wish, err) || receive_answer(l, err))
        return err->code;
    if (l->n < ANSWER_HEAD + 8 || l->in[ANSWER_HEAD] != SETUP)
        return kp_fail(err, KP_EPEER, "the PLC does not agree on how to talk");
    l->pdu = (uint16_t)get16(l->in + ANSWER_HEAD + 6);
    if (l->pdu < 64)
        return kp_fail(err, KP_EPEER, "the PLC takes messages of %u bytes, too few", l->pdu);
    l->pdu = l->pdu > S7_PDU_MAX ? S7_PDU_MAX : l->pdu;
    return KP_OK;
}

enum kp_code s7_link_open(struct s7_link *l, const char *url, const struct s7_settings *set, struct kp_err *err)
{
    struct kp_url u;
    s7_link_close(l);
    if (kp_url_parse(url, &u, err))
        return err->code;
    l->timeout = set->timeout;
    int fd = kp_tcp_connect(u.host, u.port ? u.port : 102, set->timeout, err);
    if (fd < 0)
        return err->code;
    l->fd = fd;
    if (call(l, set, err) || agree(l, err))
        s7_link_close(l);
    return err->code;
}

void s7_link_close(struct s7_link *l)
{
    if (l->fd > 0)
        close(l->fd);
    l->fd = 0;
}

/* ---- reading ---- */
size_t s7_link_fits(const struct s7_link *l, const struct s7_item *items, size_t n)
{
    size_t count = 0, ask = JOB_HEAD + 2, answer = ANSWER_HEAD + 2;
    for (; count < n && count < S7_ITEMS_MAX; count++) {
        ask += ITEM_SPEC;
        answer += 4u + (size_t)(items[count].size + 1) / 2 * 2;
        if (ask > l->pdu || answer > l->pdu)
            break;
    }
    return count;
}

static void put_item(uint8_t *p, const struct s7_item *i, int bit)
{
    uint32_t at = i->byte * 8 + (bit >= 0 ? (uint32_t)bit : 0);
    const uint8_t spec[ITEM_SPEC] = { 0x12, 10, 0x10, bit >= 0 ? 1 : 2, (uint8_t)((bit >= 0 ? 1 : i->size) >> 8),
                                      (uint8_t)(bit >= 0 ? 1 : i->size), (uint8_t)(i->block >> 8), (uint8_t)i->block, i->area,
                                      (uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at };
    memcpy(p, spec, sizeof spec);
}

enum kp_code s7_take_read(struct s7_link *l, struct s7_item *items, size_t n, struct kp_err *err)
{
    size_t at = ANSWER_HEAD + 2;
    if (l->n < at || l->in[ANSWER_HEAD] != READ || l->in[ANSWER_HEAD + 1] != n)
        return kp_fail(err, KP_EPEER, "the PLC answers another question");
    for (size_t i = 0; i < n; i++) {
        if (l->n < at + 1)
            return kp_fail(err, KP_EPEER, "an answer of the PLC is cut off");
        items[i].code = l->in[at];
        size_t len = l->n >= at + 4 ? get16(l->in + at + 2) : 0;
        if (l->n >= at + 4 && l->in[at + 1] >= 3 && l->in[at + 1] <= 5)
            len = (len + 7) / 8; /* these count bits */
        if (items[i].code == S7_ITEM_OK && (len != items[i].size || l->n < at + 4 + len))
            return kp_fail(err, KP_EPEER, "the PLC gives %zu bytes where %u were asked for", len, items[i].size);
        if (items[i].code == S7_ITEM_OK)
            memcpy(items[i].data, l->in + at + 4, len);
        else
            len = 0;
        at += 4 + len + len % 2;
    }
    return KP_OK;
}

enum kp_code s7_link_read(struct s7_link *l, struct s7_item *items, size_t n, struct kp_err *err)
{
    size_t parameters = 2 + n * ITEM_SPEC;
    uint8_t *p = begin(l, JOB, parameters, 0);
    p[0] = READ;
    p[1] = (uint8_t)n;
    for (size_t i = 0; i < n; i++)
        put_item(p + 2 + i * ITEM_SPEC, &items[i], -1);
    if (send_message(l, JOB_HEAD + parameters, err) || receive_answer(l, err))
        return err->code;
    return s7_take_read(l, items, n, err);
}

/* In pieces, each of which fits into a message. */
enum kp_code s7_link_read_long(struct s7_link *l, struct s7_item *item, struct kp_err *err)
{
    unsigned most = (l->pdu - ANSWER_HEAD - 2u - 4u) & ~1u;
    item->code = S7_ITEM_OK;
    for (unsigned at = 0; at < item->size && item->code == S7_ITEM_OK; at += most) {
        struct s7_item piece = *item;
        piece.size = (uint16_t)(item->size - at < most ? item->size - at : most);
        piece.byte += at;
        piece.data += at;
        if (s7_link_read(l, &piece, 1, err))
            return err->code;
        item->code = piece.code;
    }
    return KP_OK;
}

/* ---- writing ---- */
enum kp_code s7_link_write(struct s7_link *l, const struct s7_item *item, int bit, struct kp_err *err)
{
    size_t bytes = bit >= 0 ? 1 : item->size, parameters = 2 + ITEM_SPEC, data = 4 + bytes;
    if (JOB_HEAD + parameters + data > l->pdu)
        return kp_fail(err, KP_EINVALID, "it is longer than the PLC takes at once");
    uint8_t *p = begin(l, JOB, parameters, data), *d = p + parameters;
    p[0] = WRITE;
    p[1] = 1;
    put_item(p + 2, item, bit);
    d[1] = bit >= 0 ? 3 : 4;
    put16(d + 2, bit >= 0 ? 1 : (unsigned)(8 * bytes));
    memcpy(d + 4, item->data, bytes);
    if (send_message(l, JOB_HEAD + parameters + data, err) || receive_answer(l, err))
        return err->code;
    if (l->n < ANSWER_HEAD + 3 || l->in[ANSWER_HEAD] != WRITE)
        return kp_fail(err, KP_EPEER, "the PLC answers another question");
    uint8_t code = l->in[ANSWER_HEAD + 2];
    return code == S7_ITEM_OK ? KP_OK
                              : kp_fail(err, KP_EPEER, code == 0x0a ? "the PLC has no such place" : code == 5 ? "the address is outside its block"
                                                                                                              : "the PLC refuses the value (code 0x%02X)",
                                        code);
}

/* ---- lists of the system ---- */
enum kp_code s7_take_list(const struct s7_link *l, uint8_t *out, size_t room, size_t *record, size_t *n, struct kp_err *err)
{
    enum { HEAD = JOB_HEAD + 12, LIST = HEAD + 12 };
    if (l->n < JOB_HEAD || l->in[1] != USERDATA || get16(l->in + 6) != 12 || l->n < HEAD)
        return kp_fail(err, KP_EPEER, "the PLC answers another question");
    if (get16(l->in + JOB_HEAD + 10) || l->n < LIST || l->in[HEAD] != S7_ITEM_OK)
        return kp_fail(err, KP_ENOTFOUND, "the PLC has no such list");
    *record = get16(l->in + HEAD + 8);
    size_t bytes = l->n - LIST;
    *n = *record ? bytes / *record : 0;
    if (*n > get16(l->in + HEAD + 10))
        *n = get16(l->in + HEAD + 10);
    if (*record && *n > room / *record)
        *n = room / *record;
    memcpy(out, l->in + LIST, *n * *record);
    return KP_OK;
}

enum kp_code s7_link_list(struct s7_link *l, uint16_t id, uint16_t index, uint8_t *out, size_t room, size_t *record, size_t *n,
                          struct kp_err *err)
{
    static const uint8_t wish[] = { 0, 1, 0x12, 4, 0x11, 0x44, 1, 0 };
    uint8_t *p = begin(l, USERDATA, sizeof wish, 8), *d = p + sizeof wish;
    memcpy(p, wish, sizeof wish);
    d[0] = 0xff;
    d[1] = 9;
    put16(d + 2, 4);
    put16(d + 4, id);
    put16(d + 6, index);
    if (send_message(l, JOB_HEAD + sizeof wish + 8, err) || receive_answer(l, err))
        return err->code;
    return s7_take_list(l, out, room, record, n, err);
}
