/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/clock.h"
#include "core/text.h"

#include <time.h>

#include "core/ban.h"

static void the_system_clock_is_that_of_libc_and_never_goes_back(void **state)
{
    (void)state;
    time_t before = time(NULL);
    int64_t utc = kp_utc(&kp_clock_system);
    time_t after = time(NULL) + 1; /* time() may lag by a tick */
    assert_true(utc / KP_SECOND >= before && utc / KP_SECOND <= after);
    int64_t last = kp_mono(&kp_clock_system);
    for (int i = 0; i < 1000; i++) {
        int64_t now = kp_mono(&kp_clock_system);
        assert_true(now >= last);
        last = now;
    }
}

static void a_virtual_clock_stands_still_until_it_is_moved(void **state)
{
    (void)state;
    struct kp_clock_virtual v = kp_clock_virtual(1000);
    assert_int_equal(kp_utc(&v.clock), 1000);
    assert_int_equal(kp_utc(&v.clock), 1000);
    int64_t start = kp_mono(&v.clock);
    kp_clock_advance(&v, KP_SECOND);
    assert_int_equal(kp_utc(&v.clock), 1000 + KP_SECOND);
    assert_int_equal(kp_mono(&v.clock), start + KP_SECOND);
}

static void a_jump_moves_the_time_of_day_alone(void **state)
{
    (void)state;
    struct kp_clock_virtual v = kp_clock_virtual(0);
    int64_t start = kp_mono(&v.clock), ten_years = 3650 * 86400 * KP_SECOND;
    kp_clock_jump(&v, -ten_years);
    assert_int_equal(kp_utc(&v.clock), -ten_years);
    assert_int_equal(kp_mono(&v.clock), start);
}

static void a_copy_of_a_virtual_clock_goes_its_own_way(void **state)
{
    (void)state;
    struct kp_clock_virtual a = kp_clock_virtual(5), b = a;
    kp_clock_advance(&b, 1);
    assert_int_equal(kp_utc(&a.clock), 5);
    assert_int_equal(kp_utc(&b.clock), 6);
}

static void random_bytes_fill_what_was_asked_and_no_more(void **state)
{
    (void)state;
    unsigned char a[70000] = { 0 }, b[32] = { 0 };
    kp_random(a, sizeof a - 1);
    assert_int_equal(a[sizeof a - 1], 0);
    size_t seen[256] = { 0 }, values = 0;
    for (size_t i = 0; i < sizeof a - 1; i++)
        values += seen[a[i]]++ == 0;
    assert_int_equal(values, 256);
    for (size_t i = 0; i < 256; i++)
        assert_in_range(seen[i], 100, 500); /* 273 expected; 10 deviations are 165 */
    kp_random(b, 0);
    assert_memory_equal(b, (unsigned char[32]){ 0 }, 32);
    kp_random(b, 32);
    assert_memory_not_equal(a, b, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_clock_is_that_of_libc_and_never_goes_back),
        cmocka_unit_test(a_virtual_clock_stands_still_until_it_is_moved),
        cmocka_unit_test(a_jump_moves_the_time_of_day_alone),
        cmocka_unit_test(a_copy_of_a_virtual_clock_goes_its_own_way),
        cmocka_unit_test(random_bytes_fill_what_was_asked_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
