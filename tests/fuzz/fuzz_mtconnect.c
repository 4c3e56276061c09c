/* SPDX-License-Identifier: Apache-2.0 */
/* First byte by three leaves 0: a probe's answer, whole when the byte is odd; 1: a document of streams; 2: a multipart stream in
 * pieces, as long as the second byte says. */
#include "couplings/mtconnect/document.h"
#include "couplings/mtconnect/multipart.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum kp_code observed(void *arg, const struct kp_mtc_observation *o, struct kp_err *err)
{
    (void)arg;
    (void)err;
    if (!o->id || !o->text || !kp_utf8_valid(o->text, strlen(o->text)))
        abort();
    return KP_OK;
}

static void devices(const char *xml, size_t n, bool whole)
{
    struct kp_mtc_devices d;
    struct kp_err err = { 0 };
    if (kp_mtc_read_devices(xml, n, whole, &d, &err)) {
        if (!*err.text)
            abort();
        return;
    }
    for (size_t i = 0; i < d.n_items; i++)
        if (d.items[i].device >= d.n_devices || !d.items[i].id || !d.items[i].type)
            abort();
    kp_mtc_devices_free(&d);
}

static enum kp_code part(void *arg, const char *text, size_t n, struct kp_err *err)
{
    (void)err;
    *(size_t *)arg += n + (unsigned char)text[n - 1] * 0;
    return KP_OK;
}

static void pieces(const uint8_t *data, size_t n, size_t each)
{
    struct kp_multipart m;
    struct kp_err err = { 0 };
    size_t taken = 0;
    kp_multipart_begin(&m, part, &taken);
    for (size_t at = 0; at < n && !err.code; at += each)
        kp_multipart_feed(&m, (const char *)data + at, n - at < each ? n - at : each, &err);
    if (taken > n)
        abort();
    kp_multipart_end(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_mtc_header header;
    struct kp_err err = { 0 };
    if (size < 2 || size > 1 << 16)
        return 0;
    if (data[0] % 3 == 0)
        devices((const char *)data + 1, size - 1, data[0] & 1);
    else if (data[0] % 3 == 1)
        kp_mtc_read_streams((const char *)data + 1, size - 1, &header, observed, NULL, &err);
    else
        pieces(data + 2, size - 2, data[1] + 1u);
    return 0;
}
