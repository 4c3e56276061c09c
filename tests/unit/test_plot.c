/* SPDX-License-Identifier: Apache-2.0 */
/* Plots in the terminal, cell by cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/cli.h"
#include "cli/plot.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 11, COLUMNS = 28, LEFT = 11 };
static const int64_t start = INT64_C(1795514400) * KP_SECOND;

/* One step a second from `start`, value and band by index. */
static size_t make(struct kp_plot_point *out, size_t n, double (*value)(size_t), double band)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (struct kp_plot_point){ .from = start + (int64_t)i * KP_SECOND, .to = start + (int64_t)(i + 1) * KP_SECOND,
                                         .min = value(i) - band, .mean = value(i), .max = value(i) + band };
    return n;
}

static struct kp_buf draw(const struct kp_plot_point *points, size_t n, size_t seconds, const char *unit)
{
    struct kp_plot p = { .title = "hall/mill/load", .unit = unit, .from = start, .to = start + (int64_t)seconds * KP_SECOND,
                         .width = COLUMNS + 12, .height = ROWS + 3, .utc = true, .points = points, .n = n };
    struct kp_buf out;
    kp_buf_init(&out, 1 << 16);
    kp_plot_draw(&p, &out);
    kp_buf_text(&out);
    return out;
}

/* Line number `row` (0 = title) of the drawing, without its end. */
static const char *line(const struct kp_buf *b, size_t row)
{
    static char text[512];
    const char *p = b->data;
    for (size_t i = 0; i < row && p; i++)
        p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL;
    snprintf(text, sizeof text, "%.*s", p ? (int)strcspn(p, "\n") : 0, p ? p : "");
    return text;
}

/* The dots of a cell: the low byte of its braille character, 0 for a blank. */
static unsigned cell(const struct kp_buf *b, size_t row, size_t column)
{
    const char *p = line(b, 1 + row);
    for (size_t i = 0; i < LEFT + column && *p; i++)
        for (p++; ((unsigned char)*p & 0xc0) == 0x80; p++)
            ;
    const unsigned char *c = (const unsigned char *)p;
    return c[0] == 0xe2 && c[1] >= 0xa0 ? (unsigned)(c[1] & 3) << 6 | (c[2] & 0x3f) : 0;
}

static unsigned column_dots(const struct kp_buf *b, size_t column)
{
    unsigned n = 0;
    for (size_t row = 0; row < ROWS; row++)
        n += (unsigned)__builtin_popcount(cell(b, row, column));
    return n;
}

static double ramp(size_t i)
{
    return (double)i;
}

static double still(size_t i)
{
    (void)i;
    return 21.5;
}

static double jump(size_t i)
{
    return i < 28 ? 0 : 10;
}

static void the_title_names_the_signal_and_its_unit(void **state)
{
    (void)state;
    struct kp_plot_point p[10];
    struct kp_buf b = draw(p, make(p, 10, ramp, 0), 10, "kW");
    assert_string_equal(line(&b, 0), "hall/mill/load [kW]");
    kp_buf_free(&b);
    b = draw(p, 10, 10, "");
    assert_string_equal(line(&b, 0), "hall/mill/load");
    kp_buf_free(&b);
}

static void a_ramp_goes_from_the_lower_left_to_the_upper_right(void **state)
{
    (void)state;
    struct kp_plot_point p[101];
    struct kp_buf b = draw(p, make(p, 101, ramp, 0), 100, "");
    assert_int_equal(cell(&b, ROWS - 1, 0) & 0x40, 0x40); /* the dot in the very corner */
    assert_int_equal(cell(&b, 0, COLUMNS - 1) & 0x08, 0x08);
    assert_int_equal(cell(&b, 0, 0), 0);
    assert_int_equal(cell(&b, ROWS - 1, COLUMNS - 1), 0);
    for (size_t x = 0; x < COLUMNS; x++)
        assert_true(column_dots(&b, x) > 0);
    kp_buf_free(&b);
}

static void the_axis_has_round_borders_and_both_times(void **state)
{
    (void)state;
    struct kp_plot_point p[98];
    struct kp_buf b = draw(p, make(p, 98, ramp, 0), 100, "");
    assert_non_null(strstr(line(&b, 1), " 100 "));
    assert_non_null(strstr(line(&b, ROWS), " 0 "));
    const char *times = line(&b, ROWS + 2);
    char from[KP_TIME_TEXT], to[KP_TIME_TEXT];
    kp_time_print(start, from);
    kp_time_print(start + 100 * KP_SECOND, to);
    assert_non_null(strstr(times, from));
    assert_non_null(strstr(times, to));
    kp_buf_free(&b);
}

static void a_value_that_never_changes_is_one_level_line(void **state)
{
    (void)state;
    struct kp_plot_point p[60];
    struct kp_buf b = draw(p, make(p, 60, still, 0), 60, "");
    size_t used = 0;
    for (size_t row = 0; row < ROWS; row++)
        used += cell(&b, row, 0) != 0;
    assert_int_equal(used, 1);
    for (size_t x = 1; x < COLUMNS; x++)
        assert_int_equal(column_dots(&b, x), 2);
    kp_buf_free(&b);
}

static void a_single_value_holds_to_the_end(void **state)
{
    (void)state;
    struct kp_plot_point p[1];
    struct kp_buf b = draw(p, make(p, 1, still, 0), 60, "");
    assert_true(column_dots(&b, 0) > 0);
    assert_true(column_dots(&b, COLUMNS - 1) > 0);
    kp_buf_free(&b);
}

static void a_jump_is_a_step_and_no_slope(void **state)
{
    (void)state;
    struct kp_plot_point p[56];
    struct kp_buf b = draw(p, make(p, 56, jump, 0), 56, "");
    size_t full = 0;
    for (size_t x = 0; x < COLUMNS; x++)
        full += column_dots(&b, x) > 20;
    assert_int_equal(full, 1);
    assert_int_equal(cell(&b, 0, 0), 0);
    assert_int_equal(cell(&b, ROWS - 1, COLUMNS - 1), 0);
    kp_buf_free(&b);
}

static void a_gap_stays_blank_and_the_line_ends_where_it_begins(void **state)
{
    (void)state;
    struct kp_plot_point p[57];
    size_t n = make(p, 56, still, 0);
    for (size_t i = 20; i < 36; i++)
        p[i].gap = true;
    struct kp_buf b = draw(p, n, 56, "");
    assert_true(column_dots(&b, 8) > 0);
    for (size_t x = 11; x < 17; x++)
        assert_int_equal(column_dots(&b, x), 0);
    assert_true(column_dots(&b, 19) > 0);
    kp_buf_free(&b);
    p[2] = (struct kp_plot_point){ .from = start + 28 * KP_SECOND, .gap = true }; /* after two points, for good */
    b = draw(p, 3, 56, "");
    assert_true(column_dots(&b, 12) > 0);
    for (size_t x = 15; x < COLUMNS; x++)
        assert_int_equal(column_dots(&b, x), 0);
    kp_buf_free(&b);
}

static void steps_without_a_point_do_not_break_the_line(void **state)
{
    (void)state;
    struct kp_plot_point p[2];
    make(p, 2, still, 0);
    p[1].from = start + 50 * KP_SECOND;
    struct kp_buf b = draw(p, 2, 56, "");
    for (size_t x = 0; x < COLUMNS; x++)
        assert_true(column_dots(&b, x) > 0);
    kp_buf_free(&b);
}

static void the_band_from_minimum_to_maximum_is_filled(void **state)
{
    (void)state;
    struct kp_plot_point narrow[112], wide[112];
    struct kp_buf a = draw(narrow, make(narrow, 112, still, 0.1), 56, ""), b = draw(wide, make(wide, 112, still, 0), 56, "");
    assert_true(column_dots(&a, 5) >= 2 * 4 * (ROWS - 3));
    assert_int_equal(column_dots(&b, 5), 2);
    kp_buf_free(&a);
    kp_buf_free(&b);
}

static void a_forecast_is_a_dashed_line_between_two_dotted_edges(void **state)
{
    (void)state;
    struct kp_plot_point p[2];
    make(p, 1, ramp, 0);
    p[1] = (struct kp_plot_point){ .from = start + 10 * KP_SECOND, .to = start + 60 * KP_SECOND, .min = 0, .mean = 50, .max = 100, .ahead = true };
    struct kp_buf b = draw(p, 2, 60, "");
    size_t most = 0, least = 9;
    for (size_t x = COLUMNS / 2; x < COLUMNS; x++) {
        size_t dots = column_dots(&b, x);
        most = dots > most ? dots : most;
        least = dots < least ? dots : least;
    }
    assert_true(most <= 6 && least >= 1 && most > least); /* two columns of dots a cell: three lines with holes, nothing filled */
    kp_buf_free(&b);
}

static void nothing_to_draw_is_said(void **state)
{
    (void)state;
    struct kp_plot_point p = { .from = start, .min = NAN, .mean = NAN, .max = NAN };
    struct kp_buf b = draw(NULL, 0, 60, "");
    assert_string_equal(line(&b, 1), "  no numbers in this time");
    kp_buf_free(&b);
    b = draw(&p, 1, 60, "");
    assert_string_equal(line(&b, 1), "  no numbers in this time");
    kp_buf_free(&b);
    p = (struct kp_plot_point){ .from = start, .min = -INFINITY, .mean = 1, .max = INFINITY };
    b = draw(&p, 1, 60, "");
    assert_string_equal(line(&b, 1), "  no numbers in this time");
    kp_buf_free(&b);
}

static void no_line_is_wider_than_asked_and_none_has_colours(void **state)
{
    (void)state;
    struct kp_plot_point p[100];
    make(p, 100, ramp, 3);
    for (size_t width = 0; width < 200; width += 13) {
        struct kp_plot plot = { .title = "x", .unit = "", .from = start, .to = start + 100 * KP_SECOND, .width = width,
                                .height = width / 8, .points = p, .n = 100 };
        struct kp_buf b;
        kp_buf_init(&b, 1 << 16);
        kp_plot_draw(&plot, &b);
        assert_null(strchr(kp_buf_text(&b), 033));
        for (size_t row = 0; row < (width < 100 ? 0 : plot.height); row++)
            assert_true(kp_text_width(line(&b, row)) <= width);
        kp_buf_free(&b);
    }
}

static void extreme_numbers_are_drawn_too(void **state)
{
    (void)state;
    static const double numbers[] = { 1e300, -1e300, 1e-300, 4.9e-324, 1.7976931348623157e308, 0, 123456789012.0 };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct kp_plot_point p[2] = { { .from = start, .min = numbers[i], .mean = numbers[i], .max = numbers[i] },
                                      { .from = start + 30 * KP_SECOND } };
        struct kp_buf b = draw(p, 2, 60, "");
        assert_true(column_dots(&b, 0) > 0);
        kp_buf_free(&b);
    }
}

static void running_out_of_memory_marks_the_output_and_leaks_nothing(void **state)
{
    (void)state;
    struct kp_plot_point p[10];
    make(p, 10, ramp, 0);
    long n = 0, live = kp_mem_live();
    for (bool failed = true; failed;) {
        long before = kp_mem_count();
        kp_mem_fail_at(++n);
        struct kp_buf b = draw(p, 10, 10, "");
        kp_mem_fail_at(0);
        failed = kp_mem_count() - before >= n;
        assert_int_equal(b.failed, failed);
        kp_buf_free(&b);
        assert_int_equal(kp_mem_live(), live);
    }
    print_message("kp_plot_draw: %ld allocations\n", n - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_title_names_the_signal_and_its_unit),
        cmocka_unit_test(a_ramp_goes_from_the_lower_left_to_the_upper_right),
        cmocka_unit_test(the_axis_has_round_borders_and_both_times),
        cmocka_unit_test(a_value_that_never_changes_is_one_level_line),
        cmocka_unit_test(a_single_value_holds_to_the_end),
        cmocka_unit_test(a_jump_is_a_step_and_no_slope),
        cmocka_unit_test(a_gap_stays_blank_and_the_line_ends_where_it_begins),
        cmocka_unit_test(steps_without_a_point_do_not_break_the_line),
        cmocka_unit_test(the_band_from_minimum_to_maximum_is_filled),
        cmocka_unit_test(a_forecast_is_a_dashed_line_between_two_dotted_edges),
        cmocka_unit_test(nothing_to_draw_is_said),
        cmocka_unit_test(no_line_is_wider_than_asked_and_none_has_colours),
        cmocka_unit_test(extreme_numbers_are_drawn_too),
        cmocka_unit_test(running_out_of_memory_marks_the_output_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
