/* SPDX-License-Identifier: Apache-2.0 */
/* AMS/TCP: frames, questions and their answers. An answer is taken by its invoke id alone;
 * notifications that come between are handed on. */
#include "couplings/ads/ads_private.h"

#include "core/clock.h"
#include "core/url.h"
#include "couplings/tcp.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

enum {
    TCP_HEAD = 6,
    AMS_HEAD = 32,
    HEAD = TCP_HEAD + AMS_HEAD,
    FRAME_MAX = 1 << 20,
    USUAL_PORT = 48898,
    PLC_PORT = 851
};
enum { IS_ANSWER = 1, IS_COMMAND = 4, ON_CHANGE = 4, OWN_PORT = 0x8000 };

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void put(struct kp_buf *b, uint32_t v, unsigned bytes)
{
    for (; bytes--; v >>= 8)
        kp_buf_add(b, &(uint8_t){ (uint8_t)v }, 1);
}

/* ---- addresses ---- */
bool ads_net_id_parse(const char *text, uint8_t out[ADS_NET_ID])
{
    for (int i = 0; i < ADS_NET_ID; i++) {
        char *end;
        unsigned long n = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || n > 255 || *end != (i < ADS_NET_ID - 1 ? '.' : 0))
            return false;
        out[i] = (uint8_t)n;
        text = end + 1;
    }
    return true;
}

void ads_net_id_print(const uint8_t id[ADS_NET_ID], char out[32])
{
    snprintf(out, 32, "%u.%u.%u.%u.%u.%u", id[0], id[1], id[2], id[3], id[4], id[5]);
}

enum kp_code ads_target(const char *path, bool *has_id, uint8_t id[ADS_NET_ID], uint16_t *port,
                        struct kp_err *err)
{
    char text[64], *end = NULL;
    const char *colon = strchr(path, ':');
    unsigned long n = colon ? strtoul(colon + 1, &end, 10) : PLC_PORT;
    snprintf(text, sizeof text, "%.*s", (int)(colon ? colon - path : (ptrdiff_t)strlen(path)),
             path);
    *has_id = *text;
    *port = (uint16_t)n;
    if ((*text && !ads_net_id_parse(text, id)) || (colon && (*end || end == colon + 1)) || n < 1 ||
        n > 65535)
        return kp_fail(err, KP_EINVALID,
                       "'%.60s' is not an AMS Net Id and port such as 192.0.2.9.1.1:851", path);
    return KP_OK;
}

/* By custom a controller with the address a.b.c.d has the Net Id a.b.c.d.1.1. */
static void usual_id(const struct sockaddr_storage *a, uint8_t id[ADS_NET_ID])
{
    struct sockaddr_in four = { 0 };
    if (a->ss_family == AF_INET)
        memcpy(&four, a, sizeof four);
    else
        four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(id, &four.sin_addr, 4);
    id[4] = id[5] = 1;
}

/* ---- opening ---- */
static enum kp_code name_both(struct ads_link *l, const struct kp_url *u,
                              const struct ads_settings *set, struct kp_err *err)
{
    struct sockaddr_storage own = { 0 }, other = { 0 };
    socklen_t n = sizeof own, m = sizeof other;
    bool has_id;
    if (getsockname(l->fd, (struct sockaddr *)&own, &n) ||
        getpeername(l->fd, (struct sockaddr *)&other, &m))
        return kp_fail(err, KP_EPEER, "the connection broke");
    usual_id(&own, l->source);
    usual_id(&other, l->target);
    if (*set->local_net_id && !ads_net_id_parse(set->local_net_id, l->source))
        return kp_fail(err, KP_EINVALID, "local-net-id: '%.40s' is not such as 192.0.2.40.1.1",
                       set->local_net_id);
    return ads_target(u->path, &has_id, l->target, &l->port, err);
}

enum kp_code ads_link_open(struct ads_link *l, const char *url, const struct ads_settings *set,
                           struct kp_err *err)
{
    struct kp_url u;
    if (kp_url_parse(url, &u, err))
        return err->code;
    l->timeout = set->timeout;
    l->most = FRAME_MAX;
    kp_buf_init(&l->out, HEAD + 2 * ADS_VALUE_MAX);
    int fd = kp_tcp_connect(u.host, u.port ? u.port : USUAL_PORT, set->timeout, err);
    if (fd < 0)
        return err->code;
    l->fd = fd;
    return name_both(l, &u, set, err);
}

/* Closes only once the other side has taken what was said last, or 300 ms are over. */
void ads_link_close(struct ads_link *l)
{
    int64_t deadline = kp_tcp_deadline(300 * KP_MILLISECOND);
    uint8_t rest[4096];
    size_t n = 1;
    struct kp_err none = { 0 };
    if (l->fd > 0) {
        shutdown(l->fd, SHUT_WR);
        while (n && kp_mono(&kp_clock_system) < deadline &&
               !kp_tcp_take(l->fd, rest, sizeof rest, &n, deadline, &none))
            ;
        close(l->fd);
    }
    kp_buf_free(&l->out);
    kp_free(l->in);
    *l = (struct ads_link){ 0 };
}

void ads_link_trim(struct ads_link *l)
{
    if (l->room <= FRAME_MAX || l->have)
        return;
    kp_free(l->in);
    l->in = NULL;
    l->room = 0;
}

/* ---- frames ---- */
static bool make_room(struct ads_link *l, size_t n)
{
    if (n <= l->room)
        return true;
    uint8_t *in = kp_realloc(l->in, n + 4096);
    if (!in)
        return false;
    l->in = in;
    l->room = n + 4096;
    return true;
}

/* How long the frame at hand is to be; 0: not known yet. */
static size_t frame_length(const struct ads_link *l)
{
    return l->have < HEAD ? 0 : TCP_HEAD + (size_t)get32(l->in + 2);
}

static enum kp_code check_frame(const struct ads_link *l, size_t whole, struct kp_err *err)
{
    if (l->in[0] || l->in[1] || whole < HEAD || get32(l->in + TCP_HEAD + 20) != whole - HEAD)
        return kp_fail(err, KP_EPEER, "it does not speak ADS");
    return whole <= l->most
               ? KP_OK
               : kp_fail(err, KP_EPEER, "a message of the controller has %zu bytes, more than %zu",
                         whole, l->most);
}

/* A whole frame in l->in, *whole bytes; 0 when the deadline came first. */
static enum kp_code receive_frame(struct ads_link *l, int64_t deadline, size_t *whole,
                                  struct kp_err *err)
{
    for (;;) {
        size_t want = frame_length(l), got;
        *whole = 0;
        if (want && check_frame(l, want, err))
            return err->code;
        if (want && l->have >= want) {
            l->have = 0;
            *whole = want;
            return KP_OK;
        }
        if (!make_room(l, want ? want : HEAD))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        if (kp_tcp_take(l->fd, l->in + l->have, (want ? want : HEAD) - l->have, &got, deadline,
                        err))
            return err->code;
        l->have += got;
        if (!got)
            return KP_OK;
    }
}

/* ---- questions ---- */
static void begin(struct ads_link *l, enum ads_command command)
{
    struct kp_buf *b = &l->out;
    b->len = 0;
    b->failed = false;
    put(b, 0, TCP_HEAD);
    kp_buf_add(b, l->target, ADS_NET_ID);
    put(b, l->port, 2);
    kp_buf_add(b, l->source, ADS_NET_ID);
    put(b, OWN_PORT, 2);
    put(b, command, 2);
    put(b, IS_COMMAND, 2);
    put(b, 0, 8);
    put(b, ++l->invoke, 4);
}

static enum kp_code send_frame(struct ads_link *l, struct kp_err *err)
{
    struct kp_buf *b = &l->out;
    if (b->failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (unsigned i = 0; i < 4; i++) {
        b->data[2 + i] = (char)((b->len - TCP_HEAD) >> 8 * i);
        b->data[TCP_HEAD + 20 + i] = (char)((b->len - HEAD) >> 8 * i);
    }
    return kp_tcp_send(l->fd, b->data, b->len, kp_tcp_deadline(l->timeout), err);
}

/* True when the frame is the answer to the last question. Notifications are handed on. */
static bool take_frame(struct ads_link *l, enum ads_command asked, size_t whole)
{
    const uint8_t *ams = l->in + TCP_HEAD;
    uint16_t command = get16(ams + 16), flags = get16(ams + 18);
    if (command == ADS_NOTIFY && !(flags & IS_ANSWER)) {
        if (l->notified)
            l->notified(l->arg, l->in + HEAD, whole - HEAD);
        return false;
    }
    if (!(flags & IS_ANSWER) || command != asked || get32(ams + 28) != l->invoke)
        return false;
    l->data = l->in + HEAD;
    l->n = whole - HEAD;
    l->result = get32(ams + 24);
    return true;
}

static enum kp_code answer(struct ads_link *l, enum ads_command asked, struct kp_err *err)
{
    int64_t deadline = kp_tcp_deadline(l->timeout);
    do {
        size_t whole;
        if (receive_frame(l, deadline, &whole, err))
            return err->code;
        if (!whole || !take_frame(l, asked, whole))
            continue;
        if (l->result)
            return KP_OK;
        if (l->n < 4)
            return kp_fail(err, KP_EPEER, "an answer of the controller is cut off");
        l->result = get32(l->data);
        l->data += 4;
        l->n -= 4;
        return KP_OK;
    } while (kp_mono(&kp_clock_system) < deadline);
    return kp_fail(err, KP_EPEER, "the controller does not answer");
}

static enum kp_code ask(struct ads_link *l, enum ads_command command, struct kp_err *err)
{
    return send_frame(l, err) ? err->code : answer(l, command, err);
}

enum kp_code ads_ask(struct ads_link *l, enum ads_command command, struct kp_err *err)
{
    begin(l, command);
    return ask(l, command, err);
}

/* Behind the result of a read stands how many bytes there are. */
static enum kp_code take_bytes(struct ads_link *l, uint32_t most, struct kp_err *err)
{
    if (l->result)
        return KP_OK;
    if (l->n < 4 || get32(l->data) > l->n - 4 || get32(l->data) > most)
        return kp_fail(err, KP_EPEER,
                       "an answer of the controller has another length than it says");
    l->n = get32(l->data);
    l->data += 4;
    return KP_OK;
}

static void put_place(struct ads_link *l, struct ads_place at, uint32_t bytes)
{
    put(&l->out, at.group, 4);
    put(&l->out, at.offset, 4);
    put(&l->out, bytes, 4);
}

/* Uploads alone may be longer than a frame is otherwise. */
static enum kp_code ask_bytes(struct ads_link *l, enum ads_command command, uint32_t bytes,
                              struct kp_err *err)
{
    l->most = bytes + HEAD + 64 > FRAME_MAX ? bytes + HEAD + 64 : FRAME_MAX;
    enum kp_code code = ask(l, command, err);
    l->most = FRAME_MAX;
    return code ? code : take_bytes(l, bytes, err);
}

enum kp_code ads_read(struct ads_link *l, struct ads_place at, uint32_t bytes, struct kp_err *err)
{
    begin(l, ADS_READ);
    put_place(l, at, bytes);
    return ask_bytes(l, ADS_READ, bytes, err);
}

enum kp_code ads_write(struct ads_link *l, struct ads_place at, const void *data, size_t n,
                       struct kp_err *err)
{
    begin(l, ADS_WRITE);
    put_place(l, at, (uint32_t)n);
    kp_buf_add(&l->out, data, n);
    return ask(l, ADS_WRITE, err);
}

enum kp_code ads_read_write(struct ads_link *l, struct ads_place at, uint32_t bytes,
                            const void *data, size_t n, struct kp_err *err)
{
    begin(l, ADS_READ_WRITE);
    put_place(l, at, bytes);
    put(&l->out, (uint32_t)n, 4);
    kp_buf_add(&l->out, data, n);
    return ask_bytes(l, ADS_READ_WRITE, bytes, err);
}

enum kp_code ads_add(struct ads_link *l, struct ads_place at, uint32_t bytes, int64_t cycle,
                     uint32_t *handle, struct kp_err *err)
{
    begin(l, ADS_ADD);
    put_place(l, at, bytes);
    put(&l->out, ON_CHANGE, 4);
    put(&l->out, 0, 4);                       /* no delay: what is new is sent at once */
    put(&l->out, (uint32_t)(cycle / 100), 4); /* in 100 ns */
    put(&l->out, 0, 16);
    if (ask(l, ADS_ADD, err))
        return err->code;
    if (!l->result && l->n < 4)
        return kp_fail(err, KP_EPEER, "an answer of the controller is cut off");
    *handle = l->result ? 0 : get32(l->data);
    return KP_OK;
}

bool ads_bid(struct ads_link *l, enum ads_command command, const uint32_t *words, size_t n)
{
    struct kp_err none = { 0 };
    begin(l, command);
    for (size_t i = 0; i < n; i++)
        put(&l->out, words[i], 4);
    return !send_frame(l, &none);
}

enum kp_code ads_link_wait(struct ads_link *l, int64_t deadline, struct kp_err *err)
{
    do {
        size_t whole;
        if (receive_frame(l, deadline, &whole, err))
            return err->code;
        if (!whole)
            return KP_OK;
        take_frame(l, 0, whole); /* a late answer is nobody's any more */
    } while (kp_mono(&kp_clock_system) < deadline);
    return KP_OK;
}

/* ---- notifications ---- */
/* FILETIME, 100 ns since 1601; KP_NO_TIME when it is none of this time. */
static int64_t time_of(const uint8_t *p)
{
    const uint64_t epoch = UINT64_C(116444736000000000);
    uint64_t t = get32(p) | (uint64_t)get32(p + 4) << 32;
    return t < epoch || t - epoch > INT64_MAX / 100 ? KP_NO_TIME : (int64_t)(t - epoch) * 100;
}

bool ads_samples(const uint8_t *d, size_t n,
                 void (*each)(void *, uint32_t handle, int64_t at, const uint8_t *, size_t n),
                 void *arg)
{
    if (n < 8)
        return false;
    uint32_t stamps = get32(d + 4);
    size_t at = 8;
    for (; stamps; stamps--) {
        if (n - at < 12)
            return false;
        int64_t time = time_of(d + at);
        uint32_t samples = get32(d + at + 8);
        for (at += 12; samples; samples--) {
            if (n - at < 8 || get32(d + at + 4) > n - at - 8)
                return false;
            size_t len = get32(d + at + 4);
            each(arg, get32(d + at), time, d + at + 8, len);
            at += 8 + len;
        }
    }
    return true;
}

/* ---- results ---- */
static const struct {
    uint32_t result, status;
    const char *text;
} results[] = {
    { 0x6, KP_BAD_NODE_ID_UNKNOWN, "nothing runs at this AMS port; TwinCAT 3 has 851, TwinCAT 2 has 801" },
    { 0x7, KP_BAD_NO_COMMUNICATION,
      "the AMS Net Id is not known there; it needs a route to this computer (TwinCAT: SYSTEM, "
      "Routes)" },
    { 0x8, KP_BAD_NOT_SUPPORTED, "the controller does not know this command" },
    { ADS_NO_SERVICE, KP_BAD_NOT_SUPPORTED, "the controller does not support this" },
    { ADS_NO_GROUP, KP_BAD_NODE_ID_UNKNOWN, "there is no such index group" },
    { ADS_NO_OFFSET, KP_BAD_NODE_ID_UNKNOWN, "there is no such index offset" },
    { ADS_NO_ACCESS, KP_BAD_USER_ACCESS_DENIED, "the controller does not allow it" },
    { ADS_BAD_SIZE, KP_BAD_TYPE_MISMATCH, "the variable has another size" },
    { 0x706, KP_BAD_OUT_OF_RANGE, "the controller takes no such value" },
    { ADS_NOT_READY, KP_BAD_INVALID_STATE, "the PLC is not ready; is its program loaded and started?" },
    { 0x708, KP_BAD_RESOURCE_UNAVAILABLE, "the controller is busy" },
    { 0x70a, KP_BAD_RESOURCE_UNAVAILABLE, "the controller is out of memory" },
    { ADS_NOT_FOUND, KP_BAD_NODE_ID_UNKNOWN, "there is no such variable" },
    { ADS_NO_SYMBOL, KP_BAD_NODE_ID_UNKNOWN, "there is no such variable" },
    { ADS_OLD_HANDLE, KP_BAD_NODE_ID_UNKNOWN, "the PLC's program was changed" },
    { 0x712, KP_BAD_INVALID_STATE, "the PLC is in a state that does not allow it" },
    { ADS_NO_MORE, KP_BAD_TOO_MANY_SUBSCRIPTIONS, "the controller takes no more notifications" },
    { 0x719, KP_BAD_TIMEOUT, "the controller ran out of time" },
};

const char *ads_result_text(uint32_t result)
{
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].result == result)
            return results[i].text;
    return "the controller refuses";
}

uint32_t ads_result_status(uint32_t result)
{
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].result == result)
            return results[i].status;
    return KP_BAD_DEVICE_FAILURE;
}
