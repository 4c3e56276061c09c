/* SPDX-License-Identifier: Apache-2.0 */
/* Forecasts of series whose rule is known. */
#include "core_kit.h"

#include "watch/outlook.h"

#include <math.h>

#include "core/ban.h"

enum { DAY = 24, WEEKS = 6, N = WEEKS * 7 * DAY, AHEAD = 7 * DAY };
static double known[N];
static uint16_t slot[N + AHEAD];
static struct kp_outlook_step said[AHEAD];

static double noise(void)
{
    return (double)(kit_random() >> 40) / 0x1p24 - 0.5;
}

/* Working days from 6 to 22, without noise; Monday 0:00 is step 0. */
static double rule(size_t t)
{
    size_t hour = t % DAY, weekday = t / DAY % 7;
    return weekday < 5 && hour >= 6 && hour < 22 ? 100 + (double)(hour % 5) * 10 : 5;
}

static void fill(double wide, double trend)
{
    for (size_t t = 0; t < N + AHEAD; t++) {
        slot[t] = (uint16_t)(t % (7 * DAY));
        if (t < N)
            known[t] = rule(t) * (1 + wide * noise()) + trend * (double)t;
    }
}

static struct kp_outlook_ask ask(size_t from, size_t n)
{
    return (struct kp_outlook_ask){ .n = n, .ahead = AHEAD, .day = DAY, .known = known + from, .slot = slot + from, .share = 0.8 };
}

static void make(const struct kp_outlook_ask *a)
{
    struct kp_err err = { 0 };
    assert_int_equal(kp_outlook_make(a, said, &err), KP_OK);
    for (size_t k = 0; k < a->ahead; k++)
        assert_true(isfinite(said[k].value) && said[k].low <= said[k].high);
}

static void the_usual_week_comes_again_with_its_working_days(void **state)
{
    (void)state;
    fill(0.1, 0);
    struct kp_outlook_ask a = ask(0, N);
    make(&a);
    for (size_t k = 0; k < AHEAD; k++)
        assert_true(fabs(said[k].value - rule(N + k)) < 0.1 * rule(N + k) + 3);
}

static void as_much_as_was_asked_lies_in_the_band(void **state)
{
    (void)state;
    size_t inside = 0, all = 0;
    for (int round = 0; round < 10; round++) {
        fill(0.4, 0);
        struct kp_outlook_ask a = ask(0, N - AHEAD);
        make(&a);
        for (size_t k = 0; k < AHEAD; k++, all++)
            inside += known[N - AHEAD + k] >= said[k].low && known[N - AHEAD + k] <= said[k].high;
    }
    double share = (double)inside / (double)all;
    assert_true(share > 0.72 && share < 0.88);
}

static void a_trend_goes_on(void **state)
{
    (void)state;
    fill(0.02, 0.05);
    struct kp_outlook_ask a = ask(0, N);
    make(&a);
    double off = 0;
    for (size_t k = 0; k < AHEAD; k++)
        off += said[k].value - rule(N + k) - 0.05 * (double)(N + k);
    assert_true(fabs(off / AHEAD) < 0.25 * 0.05 * 7 * DAY); /* a quarter of what a week adds */
}

static void what_adds_up_never_falls_and_ends_where_the_steps_end(void **state)
{
    (void)state;
    fill(0.1, 0);
    struct kp_outlook_ask a = ask(0, N);
    double sum = 0;
    a.adds = true;
    make(&a);
    for (size_t k = 0; k < AHEAD; k++) {
        sum += rule(N + k);
        assert_true(!k || (said[k].value >= said[k - 1].value && said[k].low >= said[k - 1].low));
    }
    assert_true(fabs(said[AHEAD - 1].value / sum - 1) < 0.03);
    assert_true(said[AHEAD - 1].high > said[AHEAD - 1].low && said[AHEAD - 1].high - said[AHEAD - 1].low < 0.3 * sum);
}

static void too_little_is_refused_with_how_much_it_takes(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    fill(0.1, 0);
    size_t needs = kp_outlook_needs(DAY, AHEAD);
    struct kp_outlook_ask a = ask(0, needs - 1);
    assert_int_equal(kp_outlook_make(&a, said, &err), KP_ENOTFOUND);
    assert_non_null(strstr(err.text, "days of history"));
    a.n = needs;
    make(&a);
    for (size_t t = 0; t < N; t++) /* long, but mostly not known */
        known[t] = t % 40 ? NAN : 1;
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_outlook_make(&a, said, &err), KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
    a.day = 1;
    assert_int_equal(kp_outlook_make(&a, said, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    a = ask(0, N);
    slot[3] = 7 * DAY;
    assert_int_equal(kp_outlook_make(&a, said, &err), KP_EINVALID);
}

static void what_is_constant_missing_or_wild_gives_numbers(void **state)
{
    (void)state;
    static const double odd[] = { NAN, INFINITY, -INFINITY, 1e308, -1e308, 1e99, 1e-310 };
    struct kp_outlook_ask a = ask(0, N);
    fill(0, 0);
    for (size_t t = 0; t < N; t++)
        known[t] = 7;
    make(&a);
    for (size_t k = 0; k < AHEAD; k++)
        assert_true(fabs(said[k].value - 7) < 1e-6 && said[k].high - said[k].low < 1e-6);
    fill(0.1, 0);
    for (size_t t = 0; t < N; t += 7)
        known[t] = odd[t / 7 % 7];
    make(&a);
    fill(0.1, 0);
    for (size_t t = 0; t < N; t += 50) /* single spikes move it little */
        known[t] = 5000;
    make(&a);
    double off = 0;
    for (size_t k = 0; k < AHEAD; k++)
        off += fabs(said[k].value - rule(N + k)) / AHEAD;
    assert_true(off < 50); /* of a hundred, by which their mean is higher */
}

static void the_same_series_gives_the_same_bits(void **state)
{
    (void)state;
    static struct kp_outlook_step first[AHEAD];
    fill(0.3, 0);
    struct kp_outlook_ask a = ask(0, N);
    make(&a);
    memcpy(first, said, sizeof first);
    make(&a);
    assert_memory_equal(first, said, sizeof first);
}

static void running_out_of_memory_leaks_nothing(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    struct kp_outlook_ask a = ask(0, N);
    long live = kp_mem_live(), n = 0;
    enum kp_code code = KP_ENOMEM;
    fill(0.1, 0);
    for (; code; n++) {
        kp_mem_fail_at(n + 1);
        code = kp_outlook_make(&a, said, &err);
        kp_mem_fail_at(0);
        assert_true(code == KP_OK || code == KP_ENOMEM);
        assert_int_equal(kp_mem_live(), live);
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_week_comes_again_with_its_working_days),
        cmocka_unit_test(as_much_as_was_asked_lies_in_the_band),
        cmocka_unit_test(a_trend_goes_on),
        cmocka_unit_test(what_adds_up_never_falls_and_ends_where_the_steps_end),
        cmocka_unit_test(too_little_is_refused_with_how_much_it_takes),
        cmocka_unit_test(what_is_constant_missing_or_wild_gives_numbers),
        cmocka_unit_test(the_same_series_gives_the_same_bits),
        cmocka_unit_test(running_out_of_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
