/* SPDX-License-Identifier: Apache-2.0 */
#include "web/gzip.h"

#include <zlib.h>

#include "core/ban.h"

enum { GZIP_ONLY = 16 + MAX_WBITS, PIECE = 64 << 10 };

static enum kp_code inflate_all(z_stream *z, struct kp_buf *out, struct kp_err *err)
{
    static const char damaged[] = "the body says it is gzip, but cannot be unpacked";
    unsigned char piece[PIECE];
    for (;;) {
        z->next_out = piece;
        z->avail_out = sizeof piece;
        int rc = inflate(z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END)
            return kp_fail(err, KP_EPARSE, "%s%s%s", damaged, z->msg ? ": " : "", z->msg ? z->msg : "");
        kp_buf_add(out, piece, sizeof piece - z->avail_out);
        if (out->failed)
            return kp_fail(err, KP_EFULL, "the body unpacked is too large: send it in pieces of up to 4 MiB");
        if (rc == Z_STREAM_END)
            return z->avail_in ? kp_fail(err, KP_EPARSE, "%s: something stands behind its end", damaged) : KP_OK;
    }
}

enum kp_code kp_gunzip(const void *data, size_t len, struct kp_buf *out, struct kp_err *err)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    inflate_all(&z, out, err);
    inflateEnd(&z);
    return err->code;
}

enum kp_code kp_gzip(const void *data, size_t len, struct kp_buf *out, struct kp_err *err)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_ONLY, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    unsigned char piece[PIECE];
    int rc = Z_OK;
    while (rc == Z_OK) {
        z.next_out = piece;
        z.avail_out = sizeof piece;
        rc = deflate(&z, Z_FINISH);
        kp_buf_add(out, piece, sizeof piece - z.avail_out);
    }
    deflateEnd(&z);
    return rc != Z_STREAM_END || out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}
