/* SPDX-License-Identifier: Apache-2.0 */
/* Stacked bars in the terminal, cell by cell. */
#include "kit.h"

#include "cli/bars.h"

#include <stdio.h>

#include "core/ban.h"

static char *draw(const struct kp_bars *b)
{
    struct kp_buf out;
    kp_buf_init(&out, 1 << 16);
    kp_bars_draw(b, &out);
    return kp_buf_take(&out);
}

static void expect(const struct kp_bars *b, const char *want)
{
    char *is = draw(b);
    assert_string_equal(is, want);
    kp_free(is);
}

static void a_bar_is_divided_as_its_parts_are(void **state)
{
    (void)state;
    const struct kp_bar bars[] = { { "06:00 early", { 4, 3, 1 } }, { "14:00", { 1, 1, 2 } } };
    struct kp_bars b = { .title = "hall/press",
                         .n_parts = 3,
                         .part = { "run", "stop", "unknown" },
                         .blank = true,
                         .width = 29,
                         .bars = bars,
                         .n = 2 };
    expect(&b, "hall/press\n"
               "06:00 early │████████▓▓▓▓▓▓··\n"
               "14:00       │██▓▓····\n"
               "  █ run  ▓ stop  · unknown\n");
    b.blank = false;
    b.width = 24; /* a narrow one breaks its legend */
    expect(&b, "hall/press\n"
               "06:00 early │██████▓▓▓▓▒\n"
               "14:00       │█▓▓▒▒▒\n"
               "  █ run  ▓ stop\n"
               "  ▒ unknown\n");
}

static void cells_never_add_up_to_more_than_the_bar(void **state)
{
    (void)state;
    struct kp_bar bar = { "x", { 0 } };
    struct kp_bars b = { .title = "t", .n_parts = KP_BAR_PARTS, .width = 33, .bars = &bar, .n = 1 };
    for (size_t i = 0; i < KP_BAR_PARTS; i++) {
        bar.part[i] = 0.5; /* each 2.5 cells */
        b.part[i] = "p";
    }
    char *is = draw(&b), *end = strchr(strchr(is, '\n') + 1, '\n');
    size_t cells = 0;
    for (char *p = strstr(is, "│") + 3; p < end; p++)
        cells += ((unsigned char)*p & 0xc0) != 0x80;
    assert_int_equal(cells, 30);
    kp_free(is);
}

static void nothing_to_draw_is_said(void **state)
{
    (void)state;
    struct kp_bar bar = { "x", { 0 } };
    struct kp_bars b = {
        .title = "t", .n_parts = 1, .part = { "run" }, .width = 80, .bars = &bar, .n = 1
    };
    expect(&b, "t\n  nothing in this time\n");
    b.n = 0;
    expect(&b, "t\n  nothing in this time\n");
}

static void colours_come_with_signs_so_that_none_is_needed(void **state)
{
    (void)state;
    const struct kp_bar bar = { "x", { 10, 10 } };
    struct kp_bars b = { .title = "t",
                         .n_parts = 2,
                         .part = { "run", "unknown" },
                         .blank = true,
                         .color = true,
                         .width = 23,
                         .bars = &bar,
                         .n = 1 };
    char *is = draw(&b);
    assert_non_null(strstr(is, "\033[32m███████████\033[0m··········"));
    kp_free(is);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bar_is_divided_as_its_parts_are),
        cmocka_unit_test(cells_never_add_up_to_more_than_the_bar),
        cmocka_unit_test(nothing_to_draw_is_said),
        cmocka_unit_test(colours_come_with_signs_so_that_none_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
