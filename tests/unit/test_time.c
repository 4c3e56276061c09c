/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/text.h"

#include <stdio.h>
#include <time.h>

#include "core/ban.h"

/* 2026-11-24T10:02:31Z */
#define MORNING INT64_C(1795514551)

static void assert_prints(int64_t at, const char *want)
{
    char text[KP_TIME_TEXT];
    kp_time_print(at, text);
    assert_string_equal(text, want);
}

static void a_time_shows_as_many_decimals_as_it_needs(void **state)
{
    (void)state;
    assert_prints(MORNING * KP_SECOND, "2026-11-24T10:02:31Z");
    assert_prints(MORNING * KP_SECOND + 500 * KP_MILLISECOND, "2026-11-24T10:02:31.500Z");
    assert_prints(MORNING * KP_SECOND + 7000, "2026-11-24T10:02:31.000007Z");
    assert_prints(MORNING * KP_SECOND + 1, "2026-11-24T10:02:31.000000001Z");
    assert_prints(0, "1970-01-01T00:00:00Z");
    assert_prints(-1, "1969-12-31T23:59:59.999999999Z");
    assert_prints(-500 * KP_MILLISECOND, "1969-12-31T23:59:59.500Z");
}

static void the_whole_range_of_64_bits_prints_and_reads_back(void **state)
{
    (void)state;
    assert_prints(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    assert_prints(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
    static const int64_t edges[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX };
    for (int turn = 0; turn < 100000; turn++) {
        int64_t at = turn < (int)COUNT(edges) ? edges[turn] : (int64_t)kit_random(), back = 0;
        char text[KP_TIME_TEXT];
        kp_time_print(at, text);
        if (!kp_time_parse(text, &back) || back != at)
            fail_msg("%lld as %s comes back as %lld", (long long)at, text, (long long)back);
    }
}

static void every_day_of_the_range_is_the_day_of_libc(void **state)
{
    (void)state;
    for (int64_t day = -106751; day < 106751; day++) {
        time_t seconds = (time_t)(day * 86400 + 86399);
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        char want[KP_TIME_TEXT], got[KP_TIME_TEXT];
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm);
        kp_time_print((int64_t)seconds * KP_SECOND, got);
        if (strcmp(got, want) != 0)
            fail_msg("%s, not %s", got, want);
    }
}

static void a_time_is_read_in_every_form_of_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns; /* beside MORNING */
    } cases[] = {
        { "2026-11-24T10:02:31Z", 0 },
        { "2026-11-24t10:02:31z", 0 },
        { "2026-11-24 10:02:31Z", 0 },
        { "2026-11-24T11:02:31+01:00", 0 },
        { "2026-11-24T11:02:31+0100", 0 },
        { "2026-11-24T11:02:31+01", 0 },
        { "2026-11-24T04:32:31-05:30", 0 },
        { "2026-11-25T00:02:31+14:00", 0 }, /* another day there */
        { "2026-11-24T10:02:31.5Z", 500000000 },
        { "2026-11-24T10:02:31.000000001Z", 1 },
        { "2026-11-24T10:02:31.0000000019Z", 1 }, /* finer than we keep */
        { "2026-11-24T10:02Z", -31 * KP_SECOND },
        { "2026-11-24T10:01:60Z", -31 * KP_SECOND }, /* a leap second */
        { "2026-11-24", -(10 * 3600 + 151) * KP_SECOND },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t at = 0;
        if (!kp_time_parse(cases[i].text, &at) || at != MORNING * KP_SECOND + cases[i].ns)
            fail_msg("%s", cases[i].text);
    }
}

static void leap_years_are_those_of_the_gregorian_calendar(void **state)
{
    (void)state;
    int64_t at;
    assert_true(kp_time_parse("2024-02-29", &at));
    assert_true(kp_time_parse("2000-02-29", &at));
    assert_false(kp_time_parse("2026-02-29", &at));
    assert_false(kp_time_parse("1900-02-29", &at));
    assert_false(kp_time_parse("2100-02-29", &at));
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "2026",
        "2026-11",
        "2026-11-24T",
        "2026-11-24T10",
        "2026-11-24T10:02",
        "2026-11-24T10:02:31",
        "2026-11-24T10:02:31.Z",
        "2026-11-24T10:02:31,5Z",
        "2026-11-24T10:02:31ZZ",
        "2026-11-24T10:02:31 Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T10:60:00Z",
        "2026-11-24T10:02:61Z",
        "2026-13-01",
        "2026-00-10",
        "2026-04-31",
        "2026-11-00",
        "26-11-24",
        "2026/11/24",
        "-2026-11-24",
        "+2026-11-24",
        " 2026-11-24",
        "2026-11-24 ",
        "2026-11-24T10:02:31+24:00",
        "2026-11-24T10:02:31+01:60",
        "2026-11-24T10:02:31+01:",
        "2026-11-24T10:02:31+1",
        "2026-1a-24",
        "tomorrow",
        "2026-11-24T10:02:31+01:0",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t at;
        if (kp_time_parse(bad[i], &at))
            fail_msg("'%s'", bad[i]);
    }
}

static void a_time_outside_the_range_is_refused_and_not_wrapped(void **state)
{
    (void)state;
    int64_t at;
    assert_false(kp_time_parse("2262-04-11T23:47:16.854775808Z", &at));
    assert_false(kp_time_parse("1677-09-21T00:12:43.145224191Z", &at));
    assert_false(kp_time_parse("9999-12-31T23:59:59Z", &at));
    assert_false(kp_time_parse("0000-01-01", &at));
    assert_true(kp_time_parse("1677-09-22", &at));
    assert_true(kp_time_parse("2262-04-11", &at));
}

/* ---- what people type ---- */
static void people_may_type_now_ago_a_time_of_today_or_all_of_it(void **state)
{
    (void)state;
    int64_t now = MORNING * KP_SECOND + 123, today = (MORNING - 10 * 3600 - 151) * KP_SECOND;
    const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        { "now", now },
        { "-90m", now - 5400 * KP_SECOND },
        { "-2d", now - 172800 * KP_SECOND },
        { "-1.5h", now - 5400 * KP_SECOND },
        { "14:30", today + 52200 * KP_SECOND },
        { "00:00", today },
        { "14:30:15.25", today + 52215 * KP_SECOND + 250 * KP_MILLISECOND },
        { "2026-11-24T10:02:31Z", MORNING * KP_SECOND },
        { "2026-11-24", today },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t at = 0;
        if (!kp_time_parse_human(cases[i].text, now, &at) || at != cases[i].want)
            fail_msg("%s gives %lld", cases[i].text, (long long)at);
    }
}

static void what_nobody_would_understand_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",     "-",         "90m",   "--90m", "-90",
                                       "-90x", "25:00",     "14:60", "14.30", "14:30 ",
                                       "Now",  "yesterday", "-1e3s" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t at;
        if (kp_time_parse_human(bad[i], MORNING * KP_SECOND, &at))
            fail_msg("'%s'", bad[i]);
    }
    int64_t at;
    assert_false(kp_time_parse_human("-200000d", INT64_MIN + 5, &at));
    assert_false(kp_time_parse_human("-1d", INT64_MIN + 5, &at));
}

static void today_before_1970_is_the_day_it_is(void **state)
{
    (void)state;
    int64_t at = 0;
    assert_true(kp_time_parse_human("01:00", -1, &at)); /* the last nanosecond of 1969 */
    assert_prints(at, "1969-12-31T01:00:00Z");
}

/* ---- durations ---- */
static void a_duration_is_a_number_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        { "0", 0 },
        { "0s", 0 },
        { "7ns", 7 },
        { "12us", 12000 },
        { "250ms", 250 * KP_MILLISECOND },
        { "0.5s", 500 * KP_MILLISECOND },
        { "10s", 10 * KP_SECOND },
        { "5m", 300 * KP_SECOND },
        { "5min", 300 * KP_SECOND },
        { "1h", 3600 * KP_SECOND },
        { "1.5h", 5400 * KP_SECOND },
        { "2d", 172800 * KP_SECOND },
        { "1w", 604800 * KP_SECOND },
        { "36500d", INT64_C(36500) * 86400 * KP_SECOND },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns = -1;
        if (!kp_duration_parse(cases[i].text, &ns) || ns != cases[i].want)
            fail_msg("%s gives %lld", cases[i].text, (long long)ns);
    }
    static const char *const bad[] = { "",    "s",    "10",   "10 s",  "-10s",
                                       "+1s", "10x",  "1e3s", "0x10s", "1.2.3s",
                                       ".",   ".s",   "10S",  "300y",  "999999999999h",
                                       "nan", "infs", "1s1" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ns;
        if (kp_duration_parse(bad[i], &ns))
            fail_msg("'%s'", bad[i]);
    }
}

static void a_duration_is_shown_in_its_two_largest_units(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *want;
    } cases[] = {
        { 0, "0 us" },
        { 999, "0 us" },
        { 1500, "1 us" },
        { KP_MILLISECOND, "1 ms" },
        { KP_SECOND - 1, "999 ms" },
        { KP_SECOND, "1 s" },
        { 59 * KP_SECOND, "59 s" },
        { 60 * KP_SECOND, "1 min 0 s" },
        { 3599 * KP_SECOND, "59 min 59 s" },
        { (3 * 3600 + 12 * 60 + 59) * KP_SECOND, "3 h 12 min" },
        { (49 * 3600) * KP_SECOND, "2 d 1 h" },
        { INT64_MAX, "106751 d 23 h" },
        { -1, "0 s" },
        { INT64_MIN, "0 s" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];
        kp_duration_print(cases[i].ns, text, sizeof text);
        assert_string_equal(text, cases[i].want);
    }
    char small[5];
    kp_duration_print((3 * 3600 + 12 * 60) * KP_SECOND, small, sizeof small);
    assert_string_equal(small, "3 h ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_shows_as_many_decimals_as_it_needs),
        cmocka_unit_test(the_whole_range_of_64_bits_prints_and_reads_back),
        cmocka_unit_test(every_day_of_the_range_is_the_day_of_libc),
        cmocka_unit_test(a_time_is_read_in_every_form_of_rfc_3339),
        cmocka_unit_test(leap_years_are_those_of_the_gregorian_calendar),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_time_outside_the_range_is_refused_and_not_wrapped),
        cmocka_unit_test(people_may_type_now_ago_a_time_of_today_or_all_of_it),
        cmocka_unit_test(what_nobody_would_understand_is_refused),
        cmocka_unit_test(today_before_1970_is_the_day_it_is),
        cmocka_unit_test(a_duration_is_a_number_and_a_unit),
        cmocka_unit_test(a_duration_is_shown_in_its_two_largest_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
