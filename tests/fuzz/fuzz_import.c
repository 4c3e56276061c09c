/* SPDX-License-Identifier: Apache-2.0 */
/* Import texts: any bytes are read or refused with a sentence that begins with the line. */
#include "core/text.h"
#include "node/import.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len, const struct kp_import_options *o)
{
    struct kp_err err = { 0 };
    struct kp_import_count n;
    if (kp_import_check(text, len, o, INT64_C(1767592800000000000), &n, &err))
        assert((strncmp(err.text, "line ", 5) == 0 || strncmp(err.text, "the text", 8) == 0) && kp_utf8_valid(err.text, strlen(err.text)));
    else
        assert(n.points == 0 || n.from <= n.to);
}

static void count_bad(void *arg, uint64_t line, const char *why)
{
    (void)arg;
    assert(line && kp_utf8_valid(why, strlen(why)));
}

/* The first byte chooses how the rest is read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const forms[] = { NULL, "{machine}/{measurement}.{field}" };
    if (!size)
        return 0;
    static const enum kp_import_format others[] = { KP_IMPORT_PLAIN, KP_IMPORT_JSON, KP_IMPORT_JSONL };
    struct kp_import_options o = { .format = data[0] & 1 ? KP_IMPORT_LINES : KP_IMPORT_CSV, .local = data[0] & 2,
                                   .unit = data[0] & 4 ? KP_MILLISECOND : 0, .path = forms[(data[0] >> 3) & 1] };
    if (data[0] & 0x30)
        o.format = others[((data[0] >> 4) & 3) - 1];
    if (data[0] & 0x40)
        o.bad = count_bad;
    check((const char *)data + 1, size - 1, &o);
    return 0;
}
