/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk's bytes, with the checksum put right so that what lies behind it is reached; what decodes
 * must encode to something that decodes to the same. */
#include "store/summary.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kp_sample first[KP_CHUNK_MAX], second[KP_CHUNK_MAX];

static void again(size_t n)
{
    struct kp_buf out;
    struct kp_arena arena = { 0 };
    size_t m;
    struct kp_chunk_summary summary;
    kp_buf_init(&out, 64 << 20);
    for (size_t i = 1; i < n; i++)
        if (first[i].at < first[i - 1].at)
            first[i].at = first[i - 1].at; /* the encoder's contract */
    if (kp_chunk_encode(first, n, &out, NULL) ||
        kp_chunk_decode(out.data, out.len, 1, second, &m, &arena, NULL) || m != n)
        abort();
    for (size_t i = 0; i < n; i++)
        if (first[i].at != second[i].at || first[i].status != second[i].status ||
            !kp_value_equal(&first[i].value, &second[i].value))
            abort();
    kp_chunk_summarise(first, n, &summary);
    if (summary.n != n || summary.good > n || (summary.good && !(summary.min <= summary.max)))
        abort();
    kp_arena_free(&arena);
    kp_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_arena arena = { 0 };
    size_t n;
    if (size < 5 || size > 1 << 16)
        return 0;
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    uint32_t crc = kp_crc32c(copy, size - 4);
    memcpy(copy + size - 4, &crc, 4);
    if (!kp_chunk_decode(copy, size, 1, first, &n, &arena, NULL))
        again(n);
    kp_arena_free(&arena);
    free(copy);
    return 0;
}
