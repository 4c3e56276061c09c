/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gzip.h"

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

struct kp_packer {
    z_stream z;
};

struct kp_packer *kp_packer_new(void)
{
    struct kp_packer *p = kp_alloc(sizeof *p);
    if (p && deflateInit2(&p->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_ONLY, 8, Z_DEFAULT_STRATEGY) == Z_OK)
        return p;
    kp_free(p);
    return NULL;
}

bool kp_packer_add(struct kp_packer *p, const void *data, size_t len, bool last, struct kp_buf *out)
{
    unsigned char piece[PIECE];
    p->z.next_in = (Bytef *)(uintptr_t)data;
    p->z.avail_in = (uInt)len;
    do {
        p->z.next_out = piece;
        p->z.avail_out = sizeof piece;
        if (deflate(&p->z, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
            return false;
        kp_buf_add(out, piece, sizeof piece - p->z.avail_out);
    } while (!p->z.avail_out && !out->failed);
    return !out->failed;
}

void kp_packer_free(struct kp_packer *p)
{
    if (p)
        deflateEnd(&p->z);
    kp_free(p);
}

bool kp_gzip(const void *data, size_t len, struct kp_buf *out)
{
    struct kp_packer *p = kp_packer_new();
    bool done = p && kp_packer_add(p, data, len, true, out);
    kp_packer_free(p);
    return done;
}
