/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "couplings/mtconnect/multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

void kp_multipart_begin(struct kp_multipart *m, kp_multipart_take *take, void *arg)
{
    *m = (struct kp_multipart){ .take = take, .arg = arg };
    kp_buf_init(&m->buf, KP_PART_MAX + KP_PART_HEAD_MAX);
}

static void consume(struct kp_multipart *m, size_t n)
{
    m->buf.len -= n;
    memmove(m->buf.data, m->buf.data + n, m->buf.len);
}

/* The empty line behind a head; the length of the head with it, 0 = it is not whole. */
static size_t head_end(const char *data, size_t n)
{
    const char *crlf = memmem(data, n, "\r\n\r\n", 4), *lf = memmem(data, n, "\n\n", 2);
    if (crlf && (!lf || crlf < lf))
        return (size_t)(crlf - data) + 4;
    return lf ? (size_t)(lf - data) + 2 : 0;
}

static bool length_of(const char *head, size_t n, size_t *out)
{
    static const char key[] = "content-length:";
    for (size_t i = 0; i + sizeof key - 1 < n; i++) {
        if (strncasecmp(head + i, key, sizeof key - 1) != 0 || (i && head[i - 1] != '\n'))
            continue;
        char digits[24] = "", *end;
        const char *p = head + i + sizeof key - 1;
        size_t k = 0;
        for (; p < head + n && (*p == ' ' || (*p >= '0' && *p <= '9')) && k < sizeof digits - 1;
             p++)
            if (*p != ' ')
                digits[k++] = *p;
        *out = strtoul(digits, &end, 10);
        return k > 0 && p < head + n && (*p == '\r' || *p == '\n' || *p == ';');
    }
    return false;
}

/* As many as there are between two parts. */
static void skip_line_ends(struct kp_multipart *m)
{
    size_t n = 0;
    while (!m->body && n < m->buf.len && (m->buf.data[n] == '\r' || m->buf.data[n] == '\n'))
        n++;
    if (n)
        consume(m, n);
}

static enum kp_code take_head(struct kp_multipart *m, size_t n, struct kp_err *err)
{
    if (!length_of(m->buf.data, n, &m->body))
        return kp_fail(err, KP_EPARSE, "a part of the stream has no Content-length");
    if (m->body < 1 || m->body > KP_PART_MAX)
        return kp_fail(err, KP_EPARSE, "a part of the stream has %zu bytes, not 1 to %d", m->body,
                       KP_PART_MAX);
    consume(m, n);
    return KP_OK;
}

enum kp_code kp_multipart_feed(struct kp_multipart *m, const char *data, size_t n,
                               struct kp_err *err)
{
    while (n || (m->body && m->buf.len >= m->body)) {
        /* no more at once than there is room for */
        size_t room = KP_PART_MAX + KP_PART_HEAD_MAX - m->buf.len, some = n < room ? n : room;
        kp_buf_add(&m->buf, data, some);
        data += some;
        n -= some;
        if (m->buf.failed)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        for (;;) {
            skip_line_ends(m);
            size_t head =
                m->body ? 0
                        : head_end(m->buf.data,
                                   m->buf.len < KP_PART_HEAD_MAX ? m->buf.len : KP_PART_HEAD_MAX);
            if (!m->body && !head && m->buf.len >= KP_PART_HEAD_MAX)
                return kp_fail(err, KP_EPARSE, "the head of a part of the stream has no end");
            if (!m->body && (!head || take_head(m, head, err)))
                break;
            if (m->buf.len < m->body)
                break;
            size_t body = m->body;
            m->body = 0;
            if (m->take(m->arg, m->buf.data, body, err))
                break;
            consume(m, body);
        }
        if (err->code)
            return err->code;
    }
    return KP_OK;
}

void kp_multipart_end(struct kp_multipart *m)
{
    kp_buf_free(&m->buf);
    *m = (struct kp_multipart){ 0 };
}
