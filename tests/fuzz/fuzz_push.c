/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that a partner pushes. What comes out is read again as it is: nothing is added to it. */
#include "couplings/dsp/feed.h"

#include "net/json_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    kp_json_memory_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_buf once, twice;
    kp_buf_init(&once, 16 << 20);
    kp_buf_init(&twice, 16 << 20);
    if (!kp_feed_lines((const char *)data, size, &once, &err) &&
        (kp_feed_lines(once.data, once.len, &twice, &err) || once.len != twice.len ||
         (once.len && memcmp(once.data, twice.data, once.len) != 0)))
        abort();
    kp_buf_free(&once);
    kp_buf_free(&twice);
    return 0;
}
