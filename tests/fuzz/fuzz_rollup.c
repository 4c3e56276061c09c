/* SPDX-License-Identifier: Apache-2.0 */
/* A block of a rollup, its checksum put right; what decodes must encode to something that decodes to the same. */
#include "store/rollup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK = 40000 }; /* one that both levels can have */
static struct kp_chunk_summary first[KP_ROLLUP_BUCKETS], second[KP_ROLLUP_BUCKETS];

static bool same(double a, double b)
{
    return a == b || (a != a && b != b);
}

static bool same_bucket(const struct kp_chunk_summary *a, const struct kp_chunk_summary *b)
{
    bool counts = a->t0 == b->t0 && a->n == b->n && a->good == b->good && a->bad == b->bad && a->good_ns == b->good_ns &&
                  a->bad_ns == b->bad_ns && a->held == b->held;
    return counts && (!a->good || (same(a->min, b->min) && same(a->max, b->max) && same(a->first, b->first) &&
                                   same(a->last, b->last) && same(a->sum, b->sum) && same(a->area, b->area)));
}

/* The first byte is the level. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n, m;
    if (size < 6 || size > 1 << 16)
        return 0;
    int level = data[0] % KP_ROLLUP_LEVELS;
    uint8_t *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    uint32_t crc = kp_crc32c(copy, size - 5);
    memcpy(copy + size - 5, &crc, 4);
    if (!kp_rollup_decode(copy, size - 1, level, BLOCK, first, &n, NULL)) {
        struct kp_buf out;
        kp_buf_init(&out, 1 << 20);
        if (n > KP_ROLLUP_BUCKETS || kp_rollup_encode(level, BLOCK, first, n, &out, NULL) ||
            kp_rollup_decode(out.data, out.len, level, BLOCK, second, &m, NULL) || m != n)
            abort();
        for (size_t i = 0; i < n; i++)
            if (!same_bucket(&first[i], &second[i]))
                abort();
        kp_buf_free(&out);
    }
    free(copy);
    return 0;
}
