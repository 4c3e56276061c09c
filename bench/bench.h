/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_BENCH_H
#define KOPPEL_BENCH_H
/* What programs of figures have in common. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Seconds of CPU that this process has had. */
static inline double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A swing with noise, always the same. */
static inline void fill_with_swing(double *table, size_t n)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        table[i] = 50 + 10 * sin((double)i * 0.05) + (double)(x >> 40) / 0x1p24;
    }
}
#endif
