/* SPDX-License-Identifier: Apache-2.0 */
/* Levels in what a machine draws. What comes of it on whole days stands in tests/eval. */
#include "core_kit.h"

#include "core/state_rule.h"
#include "watch/levels.h"

#include <math.h>

#include "core/ban.h"

enum { MOST = 20000 };
static struct kp_level_time times[MOST];
static size_t n;

static double noise(void)
{
    return (double)(kit_random() >> 40) / 0x1p24 - 0.5;
}

/* So many hours at a level that varies by a share of itself. */
static void stand(double hours, double level, double varies)
{
    for (double left = hours * 3600; left > 0; left -= 30)
        times[n++] = (struct kp_level_time){ level * (1 + 2 * varies * noise()), 30 };
}

static struct kp_levels learn(bool draws)
{
    return kp_levels_learn(times, n, draws);
}

static void between(double value, double low, double high)
{
    assert_true(value > low && value < high);
}

static void three_levels_are_off_idle_and_running(void **state)
{
    (void)state;
    n = 0;
    stand(40, 80, 0.02);
    stand(8, 1500, 0.05);
    stand(10, 9000, 0.1);
    stand(10, 14000, 0.1); /* another program */
    struct kp_levels l = learn(true);
    assert_true(l.found && l.idle && l.off);
    between(l.run, 2000, 8000);
    between(l.run_ends, 1600, l.run);
    between(l.stand, 100, 1400);
    between(l.stand_ends, 85, l.stand);
}

static void two_levels_are_idle_or_off_by_how_little_is_drawn(void **state)
{
    (void)state;
    n = 0;
    stand(10, 1500, 0.05);
    stand(10, 9000, 0.1);
    struct kp_levels l = learn(true);
    assert_true(l.found && l.idle && !l.off);
    n = 0;
    stand(10, 0, 0);
    stand(10, 9000, 0.1);
    l = learn(true);
    assert_true(l.found && !l.idle && l.off);
    l = learn(false); /* a load in percent */
    assert_true(l.found && l.idle && !l.off);
}

static void a_machine_that_is_never_off_has_two_programs_and_no_third_state(void **state)
{
    (void)state;
    n = 0;
    stand(20, 2000, 0.05);
    stand(10, 5000, 0.05);
    stand(10, 9000, 0.05);
    struct kp_levels l = learn(true);
    assert_true(l.found && l.idle && !l.off);
    between(l.run, 2100, 4900);
}

static void one_level_too_little_time_and_no_numbers_teach_nothing(void **state)
{
    (void)state;
    n = 0;
    assert_false(learn(true).found);
    stand(100, 500, 0.2);
    assert_false(learn(true).found);
    stand(0.05, 5000, 0.2); /* three minutes in a hundred hours are no level */
    assert_false(learn(true).found);
    n = 0;
    stand(3, 80, 0.1);
    stand(3, 5000, 0.1);
    assert_false(learn(true).found);
    n = 0;
    stand(20, 0, 0);
    assert_false(learn(true).found);
    static const double odd[] = { NAN, INFINITY, -INFINITY, 1e308, -5 };
    n = 0;
    stand(10, 80, 0.1);
    stand(10, 5000, 0.1);
    for (size_t i = 0; i < n; i += 3)
        times[i].value = odd[i / 3 % 5];
    times[1].seconds = NAN;
    times[2].seconds = -1;
    struct kp_levels l = learn(true);
    assert_true(l.found && isfinite(l.run) && isfinite(l.run_ends));
}

static void what_was_learnt_is_a_rule_and_is_read_back(void **state)
{
    (void)state;
    static const struct kp_levels all[] = {
        { .found = true, .idle = true, .off = true, .run = 1500, .run_ends = 1200, .stand = 90.5, .stand_ends = 60.25 },
        { .found = true, .idle = true, .run = 0.5, .run_ends = 0.25 },
        { .found = true, .off = true, .run = 31410, .run_ends = 28000 },
        { .found = true, .off = true, .run = 3e20, .run_ends = 2e20 },
    };
    static const char *const rules[] = { "learn; running>=1500,1200; idle>=90.50,60.25; off; hold 10s", "learn; running>=0.5000,0.2500; idle; hold 10s",
                                         "learn; running>=31410,28000; off; hold 10s", "learn; running>=3e+20,2e+20; off; hold 10s" };
    for (size_t i = 0; i < COUNT(all); i++) {
        char rule[KP_LEVELS_TEXT];
        kp_levels_rule(&all[i], rule);
        assert_string_equal(rule, rules[i]);
        assert_int_equal(kp_state_rule_check(rule, NULL), KP_OK);
        struct kp_levels l = kp_levels_read(rule);
        assert_true(l.found && l.idle == all[i].idle && l.off == all[i].off && l.run == all[i].run && l.run_ends == all[i].run_ends &&
                    l.stand == all[i].stand && l.stand_ends == all[i].stand_ends);
    }
    assert_false(kp_levels_read("learn").found);
    assert_false(kp_levels_read("running>=3; idle").found);
}

static void limits_follow_slowly_and_a_level_not_seen_lately_stays_known(void **state)
{
    (void)state;
    struct kp_levels old = kp_levels_read("learn; running>=1500,1200; idle>=90,60; off; hold 10s"),
                     two = kp_levels_read("learn; running>=600,500; off; hold 10s"), none = { 0 },
                     new = kp_levels_read("learn; running>=1800,1500; idle>=120,90; off; hold 10s");
    struct kp_levels l = kp_levels_follow(&old, &new);
    assert_true(fabs(l.run - 1600) < 1e-9 && fabs(l.stand_ends - 70) < 1e-9);
    l = kp_levels_follow(&old, &two);
    assert_true(l.run == 1500 && l.idle && l.off);
    l = kp_levels_follow(&old, &none);
    assert_true(l.run == 1500);
    l = kp_levels_follow(&two, &new);
    assert_true(l.run == 1800 && l.idle && l.off);
    l = kp_levels_follow(&none, &two);
    assert_true(l.run == 600);
    assert_false(kp_levels_follow(&none, &none).found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_levels_are_off_idle_and_running),
        cmocka_unit_test(two_levels_are_idle_or_off_by_how_little_is_drawn),
        cmocka_unit_test(a_machine_that_is_never_off_has_two_programs_and_no_third_state),
        cmocka_unit_test(one_level_too_little_time_and_no_numbers_teach_nothing),
        cmocka_unit_test(what_was_learnt_is_a_rule_and_is_read_back),
        cmocka_unit_test(limits_follow_slowly_and_a_level_not_seen_lately_stays_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
