/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/filter.h"
#include "core/text.h"

#include <math.h>

#include "core/ban.h"

static struct kp_filter *filter(struct kp_filter_def def)
{
    struct kp_err err = { 0 };
    struct kp_filter *f = kp_filter_new(&def, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f);
    return f;
}

static bool pass(struct kp_filter *f, kp_signal signal, int64_t at, struct kp_value v, double range)
{
    return kp_filter_pass(f, &(struct kp_sample){ .signal = signal, .at = at, .value = v }, range);
}

static bool number(struct kp_filter *f, double d)
{
    return pass(f, 1, 0, kp_double(d), 0);
}

static bool at(struct kp_filter *f, int64_t time)
{
    return pass(f, 1, time, kp_double(0), 0);
}

/* ---- which signals ---- */
static void a_filter_without_patterns_wants_everything(void **state)
{
    (void)state;
    const char *const nothing[] = { NULL, "" };
    for (size_t i = 0; i < 2; i++) {
        struct kp_filter *f =
            filter((struct kp_filter_def){ .include = nothing[i], .exclude = nothing[i] });
        assert_true(kp_filter_wants(f, "a"));
        assert_true(kp_filter_wants(f, "a/b/c"));
        kp_filter_free(f);
    }
    kp_filter_free(NULL);
}

static void exclusion_wins_over_inclusion(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){
        .include = "milling, **/energy ,turning/lathe1", .exclude = "**/program,milling/old" });
    static const struct {
        const char *path;
        bool want;
    } cases[] = {
        { "milling/dmu50/spindle", true },  { "milling", true },
        { "milling/dmu50/program", false }, { "milling/old", false },
        { "milling/old/spindle", false },   { "milling/older", true },
        { "turning/lathe1/x", true },       { "turning/lathe2/x", false },
        { "turning/lathe2/energy", true },  { "hall", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (kp_filter_wants(f, cases[i].path) != cases[i].want)
            fail_msg("%s", cases[i].path);
    kp_filter_free(f);
}

static void a_filter_that_makes_no_sense_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        struct kp_filter_def def;
        const char *says;
    } cases[] = {
        { { .include = "a,,b" }, "pattern" },     { { .include = "a," }, "pattern" },
        { { .include = "," }, "pattern" },        { { .include = "  " }, "pattern" },
        { { .exclude = "good,/bad" }, "'/bad'" }, { { .include = "a/\x1b" }, "pattern" },
        { { .include = "\xfc" }, "pattern" },     { { .every = -1 }, "negative" },
        { { .deadband = -0.1 }, "negative" },     { { .deadband = NAN }, "negative" },
    };
    long before = kp_mem_live();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kp_err err = { 0 };
        assert_null(kp_filter_new(&cases[i].def, &err));
        assert_int_equal(err.code, KP_EINVALID);
        if (!strstr(err.text, cases[i].says))
            fail_msg("case %zu: %s", i, err.text);
        assert_true(kp_utf8_valid(err.text, strlen(err.text)));
        assert_null(kp_filter_new(&cases[i].def, NULL));
    }
    assert_int_equal(kp_mem_live(), before);
}

static void the_number_of_patterns_has_a_limit(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    char many[2 * (MOST + 1) + 1];
    memset(many, ',', sizeof many);
    for (size_t i = 0; i < MOST + 1; i++)
        many[2 * i] = 'p';
    many[2 * (MOST + 1) - 1] = 0;
    struct kp_err err = { 0 };
    assert_null(kp_filter_new(&(struct kp_filter_def){ .include = many }, &err));
    assert_int_equal(err.code, KP_EFULL);
    assert_non_null(strstr(err.text, "1000"));
    many[2 * MOST - 1] = 0;
    kp_filter_free(filter((struct kp_filter_def){ .include = many, .exclude = many }));
}

static void a_name_with_a_comma_is_one_pattern_where_something_else_parts_them(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){
        .include = "hall/a,b\nhall/c", .exclude = "hall/c,d", .separator = '\n' });
    assert_true(kp_filter_wants(f, "hall/a,b"));
    assert_true(kp_filter_wants(f, "hall/c"));
    assert_false(kp_filter_wants(f, "hall/a"));
    assert_false(kp_filter_wants(f, "b"));
    assert_false(kp_filter_wants(f, "hall/c,d"));
    kp_filter_free(f);
}

/* ---- rate ---- */
static void a_filter_without_rate_or_deadband_passes_every_sample(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ 0 });
    long before = kp_mem_count();
    for (int i = 0; i < 10; i++)
        assert_true(pass(f, UINT32_MAX, 0, kp_double(1), 0));
    assert_int_equal(kp_mem_count(), before); /* and remembers nothing */
    kp_filter_free(f);
}

static void at_most_one_value_passes_in_the_given_time(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND });
    assert_true(at(f, 5 * KP_SECOND));
    assert_false(at(f, 5 * KP_SECOND));
    assert_false(at(f, 6 * KP_SECOND - 1));
    assert_true(at(f, 6 * KP_SECOND));
    assert_false(at(f, 6 * KP_SECOND + 1)); /* the time runs from the last that passed */
    assert_true(at(f, 100 * KP_SECOND));
    kp_filter_free(f);
}

static void each_signal_has_a_rate_of_its_own(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND });
    for (kp_signal s = 1; s < 2000; s += 7)
        assert_true(pass(f, s, 5, kp_int(1), 0));
    for (kp_signal s = 1; s < 2000; s += 7)
        assert_false(pass(f, s, 6, kp_int(2), 0));
    assert_true(pass(f, 2, 6, kp_int(2), 0));
    kp_filter_free(f);
}

static void a_clock_set_back_does_not_silence_a_signal(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND });
    assert_true(at(f, 3650 * 86400 * KP_SECOND)); /* ten years ahead */
    assert_true(at(f, 5 * KP_SECOND));
    assert_false(at(f, 5 * KP_SECOND + 1));
    kp_filter_free(f);
}

static void times_at_the_ends_of_the_range_do_not_overflow(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND });
    assert_true(at(f, INT64_MIN));
    assert_true(at(f, INT64_MAX));
    assert_false(at(f, INT64_MAX));
    assert_true(at(f, INT64_MIN));
    kp_filter_free(f);
    f = filter((struct kp_filter_def){ .every = INT64_MAX });
    assert_true(at(f, -1));
    assert_false(at(f, INT64_MAX - 2));
    assert_true(at(f, INT64_MAX));
    kp_filter_free(f);
}

/* ---- deadband ---- */
static void a_number_must_move_by_more_than_the_deadband(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .deadband = 0.5 });
    assert_true(number(f, 10));
    assert_false(number(f, 10));
    assert_false(number(f, 10.5));
    assert_false(number(f, 9.5));
    assert_true(number(f, 10.75)); /* from the last that passed */
    assert_false(number(f, 10.25));
    assert_true(number(f, 10));
    kp_filter_free(f);
}

static void a_slow_drift_passes_when_it_has_gone_far_enough(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .deadband = 1 });
    int passed = 0;
    for (int i = 0; i <= 100; i++)
        passed += number(f, i * 0.125);
    assert_int_equal(passed, 1 + 100 / 9);
    kp_filter_free(f);
}

static void a_deadband_in_percent_is_of_the_range_of_the_signal(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .deadband = 1, .percent = true });
    assert_true(pass(f, 1, 0, kp_double(10), 200));
    assert_false(pass(f, 1, 0, kp_double(12), 200));
    assert_true(pass(f, 1, 0, kp_double(12.5), 200));
    assert_true(pass(f, 2, 0, kp_double(10), 0)); /* range unknown */
    assert_true(pass(f, 2, 0, kp_double(10), 0));
    assert_true(pass(f, 2, 0, kp_double(10), -5));
    assert_true(pass(f, 2, 0, kp_double(10), NAN));
    kp_filter_free(f);
}

static void every_kind_of_number_has_the_deadband(void **state)
{
    (void)state;
    const struct kp_value from[] = { kp_int(5),
                                     { .u = 5, .type = KP_UINT64 },
                                     { .f = 5, .type = KP_FLOAT } };
    const struct kp_value near[] = { kp_int(6),
                                     { .u = 6, .type = KP_UINT64 },
                                     { .f = 6, .type = KP_FLOAT } };
    const struct kp_value far[] = { kp_int(7),
                                    { .u = 7, .type = KP_UINT64 },
                                    { .f = 7, .type = KP_FLOAT } };
    struct kp_filter *f = filter((struct kp_filter_def){ .deadband = 1 });
    for (kp_signal i = 0; i < COUNT(from); i++) {
        assert_true(pass(f, i, 0, from[i], 0));
        assert_false(pass(f, i, 0, near[i], 0));
        assert_true(pass(f, i, 0, far[i], 0));
    }
    kp_filter_free(f);
}

static void text_has_no_deadband(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .deadband = 1 });
    for (int i = 0; i < 3; i++)
        assert_true(pass(f, 1, 0, kp_string("a", 1), 0));
    kp_filter_free(f);
}

static void no_number_and_infinity_pass_once_each_time_they_come(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .deadband = 1 });
    assert_true(number(f, NAN));
    assert_false(number(f, NAN));
    assert_true(number(f, 1));
    assert_true(number(f, NAN));
    assert_true(number(f, INFINITY));
    assert_false(number(f, INFINITY));
    assert_true(number(f, -INFINITY));
    assert_true(number(f, 0));
    kp_filter_free(f);
}

/* ---- what always passes ---- */
static void the_first_value_passes_even_when_it_is_none(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND, .deadband = 1 });
    for (kp_signal s = 0; s < 100; s++) {
        assert_true(pass(f, s, 5, (struct kp_value){ 0 }, 0));
        assert_false(pass(f, s, 5, (struct kp_value){ 0 }, 0));
    }
    kp_filter_free(f);
}

static void a_change_of_status_or_type_always_passes(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND, .deadband = 10 });
    struct kp_sample s = { .signal = 1, .at = 5, .value = kp_double(1) };
    assert_true(kp_filter_pass(f, &s, 0));
    assert_false(kp_filter_pass(f, &s, 0));
    s.status = KP_BAD;
    assert_true(kp_filter_pass(f, &s, 0));
    assert_false(kp_filter_pass(f, &s, 0));
    s.status = KP_BAD_NO_COMMUNICATION;
    assert_true(kp_filter_pass(f, &s, 0));
    s.value = kp_int(1);
    assert_true(kp_filter_pass(f, &s, 0));
    assert_false(kp_filter_pass(f, &s, 0));
    s.value = (struct kp_value){ 0 };
    assert_true(kp_filter_pass(f, &s, 0));
    assert_false(kp_filter_pass(f, &s, 0));
    kp_filter_free(f);
}

static void rate_and_deadband_must_both_be_met(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND, .deadband = 1 });
    assert_true(pass(f, 1, 0, kp_double(0), 0));
    assert_false(pass(f, 1, 5, kp_double(9), 0));           /* far, but too soon */
    assert_false(pass(f, 1, KP_SECOND, kp_double(0.5), 0)); /* late, but too near */
    assert_true(pass(f, 1, KP_SECOND + 1, kp_double(9), 0));
    kp_filter_free(f);
}

/* ---- out of memory ---- */
static void a_filter_without_memory_lets_values_pass(void **state)
{
    (void)state;
    struct kp_filter *f = filter((struct kp_filter_def){ .every = KP_SECOND });
    kp_mem_fail_at(1);
    assert_true(at(f, 0));
    assert_true(at(f, 0)); /* that was the first it could remember */
    assert_false(at(f, 0));
    kp_mem_fail_at(0);
    kp_filter_free(f);
}

static enum kp_code make(void *arg)
{
    (void)arg;
    struct kp_err err = { 0 };
    const struct kp_filter_def def = { .include = "a,b", .exclude = "c", .every = 1 };
    struct kp_filter *f = kp_filter_new(&def, &err);
    assert_int_equal(f == NULL, err.code != KP_OK);
    kp_filter_free(f);
    return err.code;
}

static void a_filter_that_cannot_be_made_says_why(void **state)
{
    (void)state;
    assert_int_equal(kit_starve("filter", make, NULL), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_without_patterns_wants_everything),
        cmocka_unit_test(exclusion_wins_over_inclusion),
        cmocka_unit_test(a_filter_that_makes_no_sense_is_refused_with_a_sentence),
        cmocka_unit_test(the_number_of_patterns_has_a_limit),
        cmocka_unit_test(a_name_with_a_comma_is_one_pattern_where_something_else_parts_them),
        cmocka_unit_test(a_filter_without_rate_or_deadband_passes_every_sample),
        cmocka_unit_test(at_most_one_value_passes_in_the_given_time),
        cmocka_unit_test(each_signal_has_a_rate_of_its_own),
        cmocka_unit_test(a_clock_set_back_does_not_silence_a_signal),
        cmocka_unit_test(times_at_the_ends_of_the_range_do_not_overflow),
        cmocka_unit_test(a_number_must_move_by_more_than_the_deadband),
        cmocka_unit_test(a_slow_drift_passes_when_it_has_gone_far_enough),
        cmocka_unit_test(a_deadband_in_percent_is_of_the_range_of_the_signal),
        cmocka_unit_test(every_kind_of_number_has_the_deadband),
        cmocka_unit_test(text_has_no_deadband),
        cmocka_unit_test(no_number_and_infinity_pass_once_each_time_they_come),
        cmocka_unit_test(the_first_value_passes_even_when_it_is_none),
        cmocka_unit_test(a_change_of_status_or_type_always_passes),
        cmocka_unit_test(rate_and_deadband_must_both_be_met),
        cmocka_unit_test(a_filter_without_memory_lets_values_pass),
        cmocka_unit_test(a_filter_that_cannot_be_made_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
