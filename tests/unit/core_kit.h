/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_CORE_KIT_H
#define KOPPEL_TESTS_CORE_KIT_H
/* What the tests of the core's small modules share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>

#define KIT __attribute__((unused)) static
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Runs `entry` with the 1st, 2nd, 3rd ... allocation failing until it succeeds. It must say KP_ENOMEM each
 * time and give back all it took, failed or not. Returns how many failures it went through. */
KIT int kit_starve(const char *what, enum kp_code (*entry)(void *), void *arg)
{
    for (int n = 1;; n++) {
        long before = kp_mem_live();
        kp_mem_fail_at(n);
        enum kp_code code = entry(arg);
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), before);
        if (code == KP_OK) {
            assert_true(n > 1);
            print_message("%s: %d failing allocations\n", what, n - 1);
            return n - 1;
        }
        assert_int_equal(code, KP_ENOMEM);
    }
}

/* The same numbers in every run, so that a failure can be seen again (xorshift64*). */
KIT uint64_t kit_random(void)
{
    static uint64_t x = UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}
#endif
