/* SPDX-License-Identifier: Apache-2.0 */
/* A journal row's bytes, with the checksum put right. */
#include "store/chunk.h"
#include "store/journal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_row_reader r;
    const uint8_t *block;
    size_t len;
    if (size < 5 || size > 1 << 16)
        return 0;
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    uint32_t crc = kp_crc32c(copy, size - 4);
    memcpy(copy + size - 4, &crc, 4);
    if (!kp_row_open(&r, copy, size, NULL)) {
        while (kp_row_next(&r, &block, &len)) {
            struct kp_block_reader b;
            struct kp_sample s;
            kp_block_open(&b, r.signal, r.base, block, len);
            while (kp_block_next(&b, &s, NULL))
                if (kp_type_indirect(s.value.type) && s.value.len && !memchr(s.value.data, 0, s.value.len))
                    (void)kp_value_valid(&s.value);
        }
    }
    free(copy);
    return 0;
}
