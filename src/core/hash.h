/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_HASH_H
#define KOPPEL_CORE_HASH_H
#include <stddef.h>
#include <stdint.h>

/* FNV-1a of 64 bits: to find things again and to see that something changed. Whoever chooses the data can make two
 * alike, so it proves nothing. Begins with KP_HASH_START and goes on with what it returned. */
#define KP_HASH_START UINT64_C(0xcbf29ce484222325)
static inline uint64_t kp_hash(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}
#endif
