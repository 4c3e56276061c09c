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

/* The first byte chooses how the rest is read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const forms[] = { NULL, "{machine}/{measurement}.{field}" };
    if (!size)
        return 0;
    struct kp_import_options o = { .format = data[0] & 1 ? KP_IMPORT_LINES : KP_IMPORT_CSV, .local = data[0] & 2,
                                   .unit = data[0] & 4 ? KP_MILLISECOND : 0, .path = forms[(data[0] >> 3) & 1] };
    check((const char *)data + 1, size - 1, &o);
    return 0;
}
