/* SPDX-License-Identifier: Apache-2.0 */
/* Planned time: shifts by the clock on the wall, also in nights in which it changes, days off,
 * maintenance; what is wrong in a calendar is said with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flex/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "net/json_memory.h"

#include "core/ban.h"

static struct kp_calendar calendar;

static int end(void **state)
{
    (void)state;
    kp_calendar_free(&calendar);
    return 0;
}

static void take(const char *json)
{
    struct kp_err err = { 0 };
    kp_calendar_free(&calendar);
    kp_calendar_parse(json, &calendar, &err);
    assert_string_equal(err.text, "");
}

static int64_t at(const char *text)
{
    int64_t t;
    assert_true(kp_time_parse(text, &t));
    return t;
}

struct heard {
    char text[2000];
};

static bool hear(void *arg, const struct kp_span *s)
{
    struct heard *h = arg;
    size_t n = strlen(h->text);
    char from[KP_TIME_TEXT], to[KP_TIME_TEXT];
    kp_time_print(s->from, from);
    kp_time_print(s->to, to);
    assert_true(s->from < s->to && s->shift <= s->from && s->until >= s->to);
    snprintf(h->text + n, sizeof h->text - n, "%s%s %.11s-%.11s", n ? "; " : "", s->name, from + 5,
             to + 5);
    return true;
}

static const char *spans(const char *path, const char *from, const char *to)
{
    static struct heard h;
    h.text[0] = 0;
    kp_calendar_spans(&calendar, path, at(from), at(to), hear, &h);
    return h.text;
}

#define TWO                                                                                        \
    "\"shifts\":[{\"name\":\"late\",\"days\":\"mon-fri\",\"from\":\"14:00\",\"to\":\"22:00\"},"    \
    "{\"name\":\"early\",\"days\":\"mon-fri\",\"from\":\"06:00\",\"to\":\"14:00\"}]"
#define NIGHT                                                                                      \
    "{\"plans\":[{\"shifts\":[{\"name\":\"night\",\"from\":\"22:00\",\"to\":\"06:00\"}]}]}"

static void shifts_follow_the_clock_on_the_wall_in_order(void **state)
{
    (void)state;
    take("{\"plans\":[{" TWO "}]}");
    assert_string_equal(
        spans("hall/mill", "2026-11-27T00:00:00+01:00", "2026-11-30T10:00:00+01:00"),
        "early 11-27T05:00-11-27T13:00; late 11-27T13:00-11-27T21:00; early "
        "11-30T05:00-11-30T09:00");
    assert_string_equal(
        spans("hall/mill", "2026-07-01T07:00:00+02:00", "2026-07-01T08:00:00+02:00"),
        "early 07-01T05:00-07-01T06:00");
}

static void a_night_shift_has_seven_or_nine_hours_when_the_clock_changes(void **state)
{
    (void)state;
    take(NIGHT);
    assert_string_equal(spans("m", "2027-03-27T12:00:00+01:00", "2027-03-28T12:00:00+02:00"),
                        "night 03-27T21:00-03-28T04:00");
    assert_string_equal(spans("m", "2027-10-30T12:00:00+02:00", "2027-10-31T12:00:00+01:00"),
                        "night 10-30T20:00-10-31T05:00");
    assert_string_equal(spans("m", "2027-06-10T12:00:00+02:00", "2027-06-11T12:00:00+02:00"),
                        "night 06-10T20:00-06-11T04:00");
}

static void a_night_shift_is_found_when_the_question_begins_within_it(void **state)
{
    (void)state;
    take(NIGHT);
    assert_string_equal(spans("m", "2026-11-25T03:00:00+01:00", "2026-11-25T05:00:00+01:00"),
                        "night 11-25T02:00-11-25T04:00");
}

static void the_day_of_a_change_of_the_clock_has_its_hours(void **state)
{
    (void)state;
    int64_t spring = at("2027-03-28T00:00:00+01:00"), autumn = at("2027-10-31T00:00:00+02:00"),
            hour = 3600 * KP_SECOND;
    assert_true(kp_day_after(spring) - spring == 23 * hour &&
                kp_day_after(autumn) - autumn == 25 * hour);
    for (int64_t t = spring; t < kp_day_after(spring); t += hour / 4)
        assert_true(kp_day_start(t) == spring);
    for (int64_t t = autumn; t < kp_day_after(autumn); t += hour / 4)
        assert_true(kp_day_start(t) == autumn);
    take("{\"plans\":[{\"shifts\":[{\"name\":\"all\",\"from\":\"00:00\",\"to\":\"24:00\"}]}]}");
    assert_string_equal(spans("m", "2027-10-31T00:00:00+02:00", "2027-11-01T00:00:00+01:00"),
                        "all 10-30T22:00-10-31T23:00");
}

static void a_day_off_takes_the_shifts_that_begin_on_it(void **state)
{
    (void)state;
    take("{\"plans\":[{\"shifts\":[{\"name\":\"night\",\"from\":\"22:00\",\"to\":\"06:00\"}],"
         "\"holidays\":[\"2026-12-25\"]}]}");
    assert_string_equal(spans("m", "2026-12-24T12:00:00Z", "2026-12-27T12:00:00Z"),
                        "night 12-24T21:00-12-25T05:00; night 12-26T21:00-12-27T05:00");
}

static void the_most_specific_plan_counts_and_none_is_all_time(void **state)
{
    (void)state;
    take("{\"plans\":[{\"match\":\"hall/mill\",\"shifts\":[]},{\"match\":\"hall/**\"," TWO
         "},{\"match\":\"other/*\",\"shifts\":[]}]}");
    assert_string_equal(spans("hall/mill", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"), "");
    assert_string_equal(spans("hall/press", "2026-11-27T12:30:00Z", "2026-11-27T13:30:00Z"),
                        "early 11-27T12:30-11-27T13:00; late 11-27T13:00-11-27T13:30");
    assert_string_equal(spans("yard", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"),
                        " 11-27T00:00-11-28T00:00");
    assert_true(kp_calendar_covers(&calendar, "hall/mill") &&
                !kp_calendar_covers(&calendar, "yard"));
}

static void overlapping_shifts_and_maintenance_leave_no_time_twice(void **state)
{
    (void)state;
    take("{\"plans\":[{\"shifts\":[{\"name\":\"a\",\"from\":\"06:00\",\"to\":\"14:15\"},{\"name\":"
         "\"b\",\"from\":\"14:00\",\"to\":\"22:00\"}]}],"
         "\"maintenance\":[{\"match\":\"m\",\"from\":\"2026-11-27T09:00:00+01:00\",\"to\":\"2026-"
         "11-27T10:00:00+01:00\"},"
         "{\"match\":\"m\",\"from\":\"2026-11-27T09:30:00+01:00\",\"to\":\"2026-11-27T11:00:00+01:"
         "00\"},"
         "{\"match\":\"other\",\"from\":\"2026-11-27T00:00:00+01:00\",\"to\":\"2026-11-28T00:00:00+"
         "01:00\"}]}");
    assert_string_equal(
        spans("m", "2026-11-27T00:00:00+01:00", "2026-11-28T00:00:00+01:00"),
        "a 11-27T05:00-11-27T08:00; a 11-27T10:00-11-27T13:15; b 11-27T13:15-11-27T21:00");
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct {
        const char *json, *says;
    } wrong[] = {
        { "[]", "calendar: must be an object" },
        { "{\"plan\":[]}", "calendar: unknown key 'plan', did you mean 'plans'?" },
        { "{\"plans\":[{\"match\":\"a//b\"}]}", "plans[0].match: 'a//b' is not a pattern" },
        { "{\"plans\":[{},{\"shifts\":[{\"name\":\"x\",\"from\":\"06:00\"}]}]}",
          "plans[1].shifts[0].to is missing" },
        { "{\"plans\":[{\"shifts\":[{\"name\":\"x\",\"from\":\"06:60\",\"to\":\"07:00\"}]}]}",
          "plans[0].shifts[0].from: '06:60' is not a time of day" },
        { "{\"plans\":[{\"shifts\":[{\"name\":\"x\",\"from\":\"06:00\",\"to\":\"06:00\"}]}]}",
          "ends when it begins" },
        { "{\"plans\":[{\"shifts\":[{\"name\":\"x\",\"days\":\"mon-\",\"from\":\"06:00\",\"to\":"
          "\"07:00\"}]}]}",
          "plans[0].shifts[0].days: 'mon-'" },
        { "{\"plans\":[{\"holidays\":[\"25-12-2026\"]}]}",
          "plans[0].holidays[0]: '25-12-2026' is not a date" },
        { "{\"maintenance\":[{\"from\":\"tomorrow\",\"to\":\"2026-12-01T00:00:00Z\"}]}",
          "maintenance[0].from: 'tomorrow'" },
        { "{\"plans\":[", "calendar: line 1" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_err err = { 0 };
        struct kp_calendar c;
        assert_true(kp_calendar_parse(wrong[i].json, &c, &err) != KP_OK);
        kp_calendar_free(&c);
        if (!strstr(err.text, wrong[i].says))
            fail_msg("%s: it says '%s'", wrong[i].says, err.text);
    }
}

static void a_lack_of_memory_is_told_and_leaves_nothing(void **state)
{
    static const char json[] =
        "{\"plans\":[{\"match\":\"hall/**\"," TWO
        ",\"holidays\":[\"2026-12-25\"]}],\"maintenance\":[{\"match\":\"m\","
        "\"from\":\"2026-11-27T09:00:00Z\",\"to\":\"2026-11-27T10:00:00Z\"}]}";
    enum kp_code code = KP_ENOMEM;
    (void)state;
    for (long n = 1; code; n++) {
        struct kp_err err = { 0 };
        struct kp_calendar c;
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        code = kp_calendar_parse(json, &c, &err);
        kp_mem_fail_at(0);
        kp_calendar_free(&c);
        assert_true(!code || code == KP_ENOMEM);
        assert_int_equal(kp_mem_live(), live);
        assert_true(n < 1000);
    }
}

static void a_day_off_is_known_and_so_is_the_day_of_rest(void **state)
{
    struct tm day = { .tm_year = 2026 - 1900, .tm_mon = 11, .tm_mday = 25 };
    (void)state;
    take("{\"plans\":[{\"match\":\"hall/**\",\"shifts\":[{\"name\":\"a\",\"days\":\"mon-fri\",\"from\":\"06:00\",\"to\":\"14:00\"}],"
         "\"holidays\":[\"2026-12-25\"]},{\"match\":\"hall/oven\",\"shifts\":[{\"name\":\"b\",\"from\":\"00:00\",\"to\":\"24:00\"}]},"
         "{\"match\":\"hall/mill\",\"shifts\":[{\"name\":\"c\",\"days\":\"sat-thu\",\"from\":\"06:00\",\"to\":\"14:00\"}]}]}");
    assert_int_equal(kp_calendar_rest(&calendar, "hall/press"), 6);
    assert_int_equal(kp_calendar_rest(&calendar, "hall/mill"), 4);
    assert_int_equal(kp_calendar_rest(&calendar, "hall/oven"), -1);
    assert_int_equal(kp_calendar_rest(&calendar, "yard"), -1);
    assert_true(kp_calendar_off(&calendar, "hall/press", &day));
    assert_false(kp_calendar_off(&calendar, "hall/mill", &day) || kp_calendar_off(&calendar, "yard", &day));
    day.tm_mday = 24;
    assert_false(kp_calendar_off(&calendar, "hall/press", &day));
}

int main(void)
{
    kp_json_memory_init();
    setenv("TZ", "Europe/Amsterdam", 1); /* NOLINT(concurrency-mt-unsafe): before any thread */
#define T(f) cmocka_unit_test_teardown(f, end)
    const struct CMUnitTest tests[] = {
        T(a_day_off_is_known_and_so_is_the_day_of_rest),
        T(shifts_follow_the_clock_on_the_wall_in_order),
        T(a_night_shift_has_seven_or_nine_hours_when_the_clock_changes),
        T(a_night_shift_is_found_when_the_question_begins_within_it),
        T(the_day_of_a_change_of_the_clock_has_its_hours),
        T(a_day_off_takes_the_shifts_that_begin_on_it),
        T(the_most_specific_plan_counts_and_none_is_all_time),
        T(overlapping_shifts_and_maintenance_leave_no_time_twice),
        T(what_is_wrong_is_said_with_its_place),
        T(a_lack_of_memory_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
