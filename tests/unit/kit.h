/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_KIT_H
#define KOPPEL_TESTS_KIT_H
/* cmocka, a repeatable generator, and the one way to try every failing allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"

#include <string.h>

/* xorshift64*: the same numbers on every run. */
static inline uint64_t kit_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Runs `work` with the first, second, third ... allocation failing, until it succeeds. Each failure must be told as
 * KP_ENOMEM and leave no block behind. Prints how many points there were. */
static inline void kit_fail_each_allocation(enum kp_code (*work)(void *), void *arg)
{
    long n = 1, live = kp_mem_live();
    for (;; n++) {
        kp_mem_fail_at(n);
        enum kp_code code = work(arg);
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), live);
        if (code == KP_OK)
            break;
        assert_int_equal(code, KP_ENOMEM);
        assert_true(n < 100000);
    }
    assert_true(n > 1);
    print_message("%ld allocations failed one by one\n", n - 1);
}
#endif
