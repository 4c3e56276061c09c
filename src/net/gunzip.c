/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gunzip.h"

#include <stdint.h>
#include <zlib.h>

#include "core/ban.h"

enum { PIECE = 64 << 10, GZIP = 16 + MAX_WBITS };

bool kp_gunzip_is(const char *data, size_t len)
{
    return len > 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b;
}

static void *take(void *arg, unsigned n, unsigned size)
{
    (void)arg;
    return kp_alloc((size_t)n * size);
}

static void drop(void *arg, void *block)
{
    (void)arg;
    kp_free(block);
}

static enum kp_code unpack(z_stream *z, size_t most, struct kp_buf *out, struct kp_err *err)
{
    int code = Z_OK;
    while (code == Z_OK) {
        if (out->len == most)
            return kp_fail(err, KP_EFULL, "it is larger than %zu bytes when it is unpacked", most);
        unsigned room = most - out->len < PIECE ? (unsigned)(most - out->len) : PIECE;
        z->next_out = kp_buf_room(out, room);
        z->avail_out = room;
        if (!z->next_out)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        code = inflate(z, Z_NO_FLUSH);
        out->len += room - z->avail_out;
    }
    if (code == Z_MEM_ERROR)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return code == Z_STREAM_END ? KP_OK : kp_fail(err, KP_EPARSE, "it is no whole gzip file");
}

enum kp_code kp_gunzip(const char *data, size_t len, size_t most, struct kp_buf *out,
                       struct kp_err *err)
{
    z_stream z = { .zalloc = take, .zfree = drop, .next_in = (Bytef *)(uintptr_t)data };
    kp_buf_init(out, most);
    if (len > UINT32_MAX)
        return kp_fail(err, KP_EFULL, "it is too large");
    z.avail_in = (unsigned)len;
    if (inflateInit2(&z, GZIP) != Z_OK)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    enum kp_code code = unpack(&z, most, out, err);
    inflateEnd(&z);
    return code;
}
