/* SPDX-License-Identifier: Apache-2.0 */
/* A journal row's bytes, with the checksum put right. What reads must be found by its signal, and
 * when written again must read the same. */
#include "store/chunk.h"
#include "store/journal.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 }; /* a point takes a byte at least */
static struct kp_sample points[MOST];
static uint32_t next[MOST];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok)
{
    if (!ok)
        abort();
}

static size_t read_block(const struct kp_row_reader *r, const uint8_t *block, size_t len, size_t n)
{
    struct kp_block_reader b;
    kp_block_open(&b, r->signal, r->base, block, len);
    for (; kp_block_next(&b, &points[n], NULL); n++)
        if (kp_type_indirect(points[n].value.type))
            (void)kp_value_valid(&points[n].value); /* reads it all */
    return n;
}

static void must_be_same(const struct kp_buf *row, size_t n)
{
    struct kp_row_reader r;
    const uint8_t *block;
    size_t len, i = 0;
    need(!kp_row_open(&r, row->data, row->len, NULL));
    while (kp_row_next(&r, &block, &len)) {
        struct kp_block_reader b;
        struct kp_sample s;
        kp_block_open(&b, r.signal, r.base, block, len);
        for (; kp_block_next(&b, &s, NULL); i++)
            need(i < n && s.signal == points[i].signal && s.at == points[i].at &&
                 s.status == points[i].status && kp_value_equal(&s.value, &points[i].value));
    }
    need(i == n);
}

static void write_again(size_t n, int64_t base)
{
    struct kp_row_writer w = { 0 };
    struct kp_buf row;
    kp_buf_init(&row, 1 << 20);
    kp_row_begin(&w, base);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && points[end].signal == points[i].signal; end++)
            next[end - 1] = (uint32_t)end;
        next[end - 1] = UINT32_MAX;
        kp_row_add(&w, points, next, (uint32_t)i);
    }
    need(!kp_row_end(&w, &row, NULL));
    must_be_same(&row, n);
    kp_row_free(&w);
    kp_buf_free(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_row_reader r, search;
    const uint8_t *block, *found;
    size_t len, found_len, n = 0;
    if (size < 5 || size > MOST)
        return 0;
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    uint32_t crc = kp_crc32c(copy, size - 4);
    memcpy(copy + size - 4, &crc, 4);
    if (!kp_row_open(&r, copy, size, NULL)) {
        search = r;
        while (kp_row_next(&r, &block, &len)) {
            need(kp_row_find(&search, r.signal, &found, &found_len) && found == block &&
                 found_len == len);
            n = read_block(&r, block, len, n);
        }
        write_again(n, r.base);
    }
    free(copy);
    return 0;
}
