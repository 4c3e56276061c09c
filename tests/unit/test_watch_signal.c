/* SPDX-License-Identifier: Apache-2.0 */
/* One signal watched: what it finds, and that nothing a sensor can give spoils what it learnt. */
#include "core_kit.h"

#include "core/text.h"
#include "watch/signal.h"

#include <math.h>

#include "core/ban.h"

enum { TRAIN = 500 };
static struct kp_watch_signal w;
static struct kp_err err;
static int64_t now; /* s */

/* A machine's swing with some noise, about 50. */
static double usual(void)
{
    double noise = (double)(kit_random() >> 40) / 0x1p24 - 0.5;
    return 50 + 10 * sin((double)now * 2 * 3.14159265358979 / 60) + noise;
}

static struct kp_judgement give(double value)
{
    return kp_watch_signal_step(&w, ++now * KP_SECOND, value, true);
}

static void begin(bool shape)
{
    err = (struct kp_err){ 0 };
    now = 0;
    assert_int_equal(kp_watch_signal_init(&w, TRAIN, shape, &err), KP_OK);
}

static int alarms_in(int seconds)
{
    int n = 0;
    for (int i = 0; i < seconds; i++)
        n += give(usual()).alarm;
    return n;
}

static void learn(bool shape)
{
    begin(shape);
    assert_int_equal(alarms_in(4 * TRAIN), 0);
}

/* It still finds what it should, and is calm afterwards: nothing was spoilt. */
static void still_works(void)
{
    struct kp_judgement j = give(usual());
    assert_int_equal(j.state, KP_WATCH_ACTIVE);
    assert_false(j.alarm);
    j = give(120);
    assert_true(j.alarm);
    assert_true(j.score >= 0.5 && j.score <= 1);
    alarms_in(300);
    assert_int_equal(alarms_in(300), 0);
}

static void it_learns_in_silence_and_finds_what_is_new_with_its_reason(void **state)
{
    (void)state;
    begin(false);
    for (int i = 0; i < TRAIN - 1; i++) {
        struct kp_judgement j = give(i == 100 ? 1000 : usual());
        assert_int_equal(j.state, KP_WATCH_LEARNING);
        assert_false(j.alarm);
    }
    learn(false);
    struct kp_judgement j = give(120);
    assert_true(j.alarm && j.score >= 0.5);
    assert_int_equal(j.state, KP_WATCH_FROZEN);
    assert_int_equal(j.n_top, 1);
    assert_true(j.top[0].actual == 120);
    assert_true(fabs(j.top[0].expected - 50) < 15);
    alarms_in(300);
    still_works();
}

static void a_fault_is_not_learnt_by_being_seen(void **state)
{
    (void)state;
    learn(false);
    give(120);
    alarms_in(600);
    assert_true(give(120).alarm); /* the same again */
    alarms_in(600);
    give(120);
    kp_watch_signal_accept(&w); /* but by a person's word it is */
    alarms_in(600);
    assert_false(give(120).alarm);
}

static void a_wrong_shape_of_usual_values_is_found_where_shapes_are_watched(void **state)
{
    (void)state;
    learn(true);
    bool found = false;
    for (int i = 0; i < 60; i++) /* half as fast */
        found |= give(50 + 10 * sin((double)now * 3.14159265358979 / 60)).alarm;
    assert_true(found);
    kp_watch_signal_free(&w);
}

/* Values until a swing at half the pace is told, -1: it is not; then back for a while. */
static int swing_told_after(void)
{
    int told = -1;
    while (now % 120 != 80) /* the same part of it each time */
        give(usual());
    for (int i = 0; i < 60; i++)
        if (give(50 + 10 * sin((double)now * 3.14159265358979 / 60)).alarm && told < 0)
            told = i;
    alarms_in(600);
    return told;
}

static void a_shape_that_a_person_called_a_fault_is_told_as_soon_and_one_called_normal_is_not(void **state)
{
    (void)state;
    learn(true);
    int first = swing_told_after();
    assert_true(first >= 0);
    kp_watch_signal_reject(&w);
    for (int i = 0; i < 3; i++)
        assert_in_range(swing_told_after(), 0, first);
    kp_watch_signal_accept(&w);
    assert_int_equal(alarms_in(600), 0);
    assert_int_equal(swing_told_after(), -1);
    kp_watch_signal_free(&w);
}

static void a_slow_drift_is_found_by_the_level(void **state)
{
    struct kp_judgement j = { 0 };
    (void)state;
    learn(false);
    int i = 0;
    for (; i < 20000 && !j.drifts; i++)
        j = give(usual() + i * 0.01);
    assert_true(j.drifts && j.alarm);
    assert_true(j.top[0].expected < 70);
    kp_watch_signal_accept(&w);
    assert_false(give(usual() + i * 0.01).drifts);
}

/* Steps until a drift is told; then back for long. */
static int drift_told_after(void)
{
    int i = 0;
    while (i < 20000 && !give(usual() + i * 0.02).drifts)
        i++;
    alarms_in(3 * TRAIN);
    return i;
}

static void a_drift_that_a_person_spoke_of_when_it_was_over(void **state)
{
    (void)state;
    learn(false);
    int first = drift_told_after();
    int second = drift_told_after(); /* the range has followed a little */
    assert_true(second >= first && second < 20000);
    kp_watch_signal_reject(&w);
    int third = drift_told_after();
    assert_true(third <= first && drift_told_after() <= first);
    kp_watch_signal_accept(&w);
    alarms_in(200);
    assert_true(drift_told_after() > 1.2 * first);
}

static void the_later_word_about_a_fault_holds(void **state)
{
    (void)state;
    learn(false);
    give(120);
    alarms_in(600);
    give(10);
    kp_watch_signal_reject(&w);
    alarms_in(600);
    assert_true(give(120).alarm);
    alarms_in(600);
    assert_true(give(10).alarm);
    alarms_in(600);
    kp_watch_signal_accept(&w); /* said of the one that was met last, when it is over */
    alarms_in(600);
    assert_false(give(10).alarm);
    alarms_in(600);
    assert_true(give(120).alarm);
}

static void no_number_and_bad_status_are_trouble_and_leave_no_trace(void **state)
{
    static const double values[] = { NAN, INFINITY, -INFINITY };
    (void)state;
    learn(false);
    struct kp_watch_signal before = w;
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(give(values[i % COUNT(values)]).trouble, KP_TROUBLE_BAD);
    assert_int_equal(kp_watch_signal_step(&w, ++now * KP_SECOND, 50, false).trouble,
                     KP_TROUBLE_BAD);
    assert_memory_equal(&before.novelty, &w.novelty, sizeof w.novelty);
    assert_memory_equal(&before.novelties, &w.novelties, sizeof w.novelties);
    now -= 301;
    still_works();
}

static void a_number_beyond_all_measure_is_trouble_and_leaves_no_trace(void **state)
{
    static const double values[] = { 1e308, -1e308, 1e200, 1e31, 1e9, -1e9 };
    (void)state;
    learn(false);
    struct kp_watch_signal before = w;
    for (size_t i = 0; i < COUNT(values); i++)
        assert_int_equal(give(values[i]).trouble, KP_TROUBLE_RANGE);
    assert_memory_equal(&before.novelty, &w.novelty, sizeof w.novelty);
    still_works();
    begin(false); /* the very first, and while it learns */
    assert_int_equal(give(1e308).trouble, KP_TROUBLE_RANGE);
    for (int i = 0; i < 4 * TRAIN; i++)
        assert_false(give(i % 50 == 49 ? 1e308 : usual()).alarm);
    still_works();
}

static void a_time_again_or_backward_is_no_news(void **state)
{
    (void)state;
    learn(false);
    double value = usual();
    give(value);
    struct kp_watch_signal before = w;
    struct kp_judgement j = kp_watch_signal_step(&w, now * KP_SECOND, value, true);
    assert_int_equal(j.trouble, KP_TROUBLE_NONE); /* delivered twice */
    j = kp_watch_signal_step(&w, (now - 3) * KP_SECOND, 1000, true);
    assert_int_equal(j.trouble, KP_TROUBLE_CLOCK);
    j = kp_watch_signal_step(&w, INT64_MIN + 1, 1000, true);
    assert_int_equal(j.trouble, KP_TROUBLE_CLOCK);
    assert_memory_equal(&before.novelty, &w.novelty, sizeof w.novelty);
    still_works();
}

static void a_clock_that_was_set_back_is_followed_after_a_while(void **state)
{
    int troubles = 0;
    (void)state;
    learn(false);
    now -= 1000;
    for (int i = 0; i < 60; i++)
        troubles += give(usual()).trouble == KP_TROUBLE_CLOCK;
    assert_int_equal(troubles, 20);
    still_works();
}

static void a_gap_of_days_is_silence_and_no_alarm(void **state)
{
    (void)state;
    learn(false);
    int64_t day = now + 86400 * 3;
    assert_int_equal(kp_watch_signal_look(&w, (now + 2) * KP_SECOND).state, KP_WATCH_ACTIVE);
    struct kp_judgement j = kp_watch_signal_look(&w, day * KP_SECOND);
    assert_int_equal(j.state, KP_WATCH_STALE);
    assert_int_equal(j.trouble, KP_TROUBLE_SILENT);
    now = day + 30;
    assert_int_equal(alarms_in(600), 0);
    still_works();
}

static void a_constant_signal_is_calm_and_its_first_move_is_new(void **state)
{
    (void)state;
    for (int constant = -1; constant <= 1; constant++) {
        begin(false);
        for (int i = 0; i < 20 * TRAIN; i++) {
            struct kp_judgement j = give(constant);
            assert_false(j.alarm);
            assert_int_equal(j.trouble, KP_TROUBLE_NONE);
        }
        struct kp_judgement j = give(constant + 0.5);
        assert_true(j.alarm && isfinite(j.score) && j.score <= 1);
    }
}

static void a_signal_that_always_moves_is_stuck_when_it_does_not(void **state)
{
    int since = 0;
    (void)state;
    learn(false);
    double last = usual();
    while (give(last).trouble != KP_TROUBLE_STUCK)
        assert_true(since++ < 150);
    assert_true(since > 90);
    alarms_in(100);
    still_works();
}

static void another_unit_is_trouble_and_then_learnt_anew(void **state)
{
    (void)state;
    learn(false);
    int troubles = 0;
    struct kp_judgement j = { 0 };
    for (int i = 0; i < 30; i++) {
        j = give(1e6 * usual());
        troubles += j.trouble == KP_TROUBLE_RANGE;
    }
    assert_int_equal(troubles, 20);
    assert_int_equal(j.state, KP_WATCH_LEARNING);
    for (int i = 0; i < 4 * TRAIN; i++)
        j = give(1e6 * usual());
    assert_int_equal(j.state, KP_WATCH_ACTIVE);
    assert_true(give(120e6).alarm);
}

static void hostile_numbers_never_make_a_score_that_is_none(void **state)
{
    static const double odd[] = { 0,   -0.0, 1e-308, 4.9e-324, 1e30, -1e30, 1e308,
                                  0.1, 1e15, -1e15,  1e-15,    1,    NAN,   HUGE_VAL };
    (void)state;
    for (int shape = 0; shape < 2; shape++) {
        begin(shape);
        for (int i = 0; i < 3000; i++) {
            int64_t at = kit_random() % 3 ? i * KP_SECOND : (int64_t)kit_random();
            double value = odd[kit_random() % COUNT(odd)];
            struct kp_judgement j = kp_watch_signal_step(&w, at, value, true);
            assert_true(j.score >= 0 && j.score <= 1);
        }
        kp_watch_signal_free(&w);
    }
}

/* ---- keeping ---- */
static void what_was_kept_goes_on_as_if_nothing_had_been(void **state)
{
    (void)state;
    for (int shape = 0; shape < 2; shape++) {
        struct kp_watch_signal other;
        struct kp_buf kept;
        kp_buf_init(&kept, 1 << 20);
        learn(shape);
        kp_watch_signal_save(&w, &kept);
        assert_false(kept.failed);
        assert_int_equal(kp_watch_signal_load(&other, kept.data, kept.len, &err), KP_OK);
        for (int i = 0; i < 500; i++) {
            double value = i == 400 ? 120 : usual();
            struct kp_judgement a = give(value);
            struct kp_judgement b = kp_watch_signal_step(&other, now * KP_SECOND, value, true);
            assert_int_equal(a.alarm, b.alarm);
            assert_true(fabs(a.score - b.score) < 1e-6);
        }
        kp_watch_signal_free(&w);
        kp_watch_signal_free(&other);
        kp_buf_free(&kept);
    }
}

static void what_was_kept_and_changed_is_refused_or_harmless(void **state)
{
    struct kp_buf kept;
    (void)state;
    kp_buf_init(&kept, 1 << 20);
    learn(true);
    kp_watch_signal_save(&w, &kept);
    kp_watch_signal_free(&w);
    for (size_t n = 0; n < kept.len; n += 1 + kept.len / 50)
        assert_int_equal(kp_watch_signal_load(&w, kept.data, n, &(struct kp_err){ 0 }), KP_EPARSE);
    for (int i = 0; i < 200; i++) {
        size_t at = kit_random() % 4096;
        char was = kept.data[at];
        kept.data[at] = (char)kit_random();
        if (!kp_watch_signal_load(&w, kept.data, kept.len, &(struct kp_err){ 0 })) {
            for (int k = 0; k < 10; k++) {
                struct kp_judgement j = kp_watch_signal_step(&w, KP_NO_TIME, usual(), true);
                assert_true(j.score >= 0 && j.score <= 1);
            }
        }
        kp_watch_signal_free(&w);
        kept.data[at] = was;
    }
    kp_buf_free(&kept);
}

static enum kp_code open_one(void *arg)
{
    struct kp_err e = { 0 };
    (void)arg;
    if (!kp_watch_signal_init(&w, TRAIN, true, &e))
        kp_watch_signal_free(&w);
    return e.code;
}

static void memory_that_ends_is_told(void **state)
{
    (void)state;
    kit_starve("a signal with shapes", open_one, NULL);
}

static void numbers_to_learn_from_have_bounds(void **state)
{
    (void)state;
    assert_int_equal(kp_watch_signal_init(&w, 19, false, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_watch_signal_init(&w, 100001, false, &err), KP_EINVALID);
    assert_true(sizeof w <= 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_in_silence_and_finds_what_is_new_with_its_reason),
        cmocka_unit_test(a_fault_is_not_learnt_by_being_seen),
        cmocka_unit_test(a_wrong_shape_of_usual_values_is_found_where_shapes_are_watched),
        cmocka_unit_test(a_shape_that_a_person_called_a_fault_is_told_as_soon_and_one_called_normal_is_not),
        cmocka_unit_test(a_slow_drift_is_found_by_the_level),
        cmocka_unit_test(a_drift_that_a_person_spoke_of_when_it_was_over),
        cmocka_unit_test(the_later_word_about_a_fault_holds),
        cmocka_unit_test(no_number_and_bad_status_are_trouble_and_leave_no_trace),
        cmocka_unit_test(a_number_beyond_all_measure_is_trouble_and_leaves_no_trace),
        cmocka_unit_test(a_time_again_or_backward_is_no_news),
        cmocka_unit_test(a_clock_that_was_set_back_is_followed_after_a_while),
        cmocka_unit_test(a_gap_of_days_is_silence_and_no_alarm),
        cmocka_unit_test(a_constant_signal_is_calm_and_its_first_move_is_new),
        cmocka_unit_test(a_signal_that_always_moves_is_stuck_when_it_does_not),
        cmocka_unit_test(another_unit_is_trouble_and_then_learnt_anew),
        cmocka_unit_test(hostile_numbers_never_make_a_score_that_is_none),
        cmocka_unit_test(what_was_kept_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(what_was_kept_and_changed_is_refused_or_harmless),
        cmocka_unit_test(memory_that_ends_is_told),
        cmocka_unit_test(numbers_to_learn_from_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
