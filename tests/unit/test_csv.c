/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/csv.h"

#include "core/ban.h"

static struct kp_csv csv;
static struct kp_err err;
static char text[512];

static void begin(const char *from)
{
    size_t n = strlen(from);
    memcpy(text, from, n + 1);
    err = (struct kp_err){ 0 };
    kp_csv_begin(&csv, text, n);
}

static void next(size_t n, const char *first, const char *last)
{
    assert_true(kp_csv_more(&csv));
    assert_int_equal(kp_csv_next(&csv, &err), KP_OK);
    assert_int_equal(csv.n, n);
    assert_string_equal(csv.cell[0], first);
    assert_string_equal(csv.cell[n - 1], last);
}

static void cells_are_parted_by_what_the_first_line_uses_most(void **state)
{
    static const char *const lines[] = { "a,b,c\n1,2,3\n", "a;b;c\n1;2;3", "a\tb\tc\r\n1\t2\t3\r\n",
                                         "\xef\xbb\xbf" "a;b;c\n1;2;3\n" };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        begin(lines[i]);
        next(3, "a", "c");
        next(3, "1", "3");
        assert_false(kp_csv_more(&csv));
        kp_csv_end(&csv);
    }
}

static void quoted_cells_hold_anything_and_lines_are_counted(void **state)
{
    (void)state;
    begin("name,text\n\"a \"\"b\"\"\",\"one\ntwo, three\"\nlast,line\n");
    next(2, "name", "text");
    next(2, "a \"b\"", "one\ntwo, three");
    assert_int_equal(csv.line, 2);
    next(2, "last", "line");
    assert_int_equal(csv.line, 4);
    kp_csv_end(&csv);
}

static void a_fault_names_its_line(void **state)
{
    (void)state;
    begin("a,b\n\"open,2\n");
    next(2, "a", "b");
    assert_int_equal(kp_csv_next(&csv, &err), KP_EPARSE);
    assert_string_equal(err.text, "line 2: a quote opens here that nothing closes");
    kp_csv_end(&csv);
    begin("\"a\"x,b\n");
    assert_int_equal(kp_csv_next(&csv, &err), KP_EPARSE);
    assert_string_equal(err.text, "line 1: behind a cell cannot stand 'x'");
    kp_csv_end(&csv);
}

static void a_decimal_comma_is_one_only_where_commas_do_not_part_cells(void **state)
{
    (void)state;
    begin("a;b\n12,5;x,y\n");
    next(2, "a", "b");
    next(2, "12,5", "x,y");
    assert_string_equal(kp_csv_number(&csv, csv.cell[0]), "12.5");
    assert_string_equal(kp_csv_number(&csv, csv.cell[1]), "x,y");
    kp_csv_end(&csv);
}

static void columns_are_found_by_any_of_their_names(void **state)
{
    static const char *const times[] = { "time", "tijd", NULL }, *const none[] = { "x", NULL };
    (void)state;
    begin("Waarde;TIJD\n\n");
    next(2, "Waarde", "TIJD");
    assert_int_equal(kp_csv_find(&csv, times), 1);
    assert_true(kp_csv_find(&csv, none) == SIZE_MAX);
    assert_int_equal(kp_csv_next(&csv, &err), KP_OK);
    assert_true(kp_csv_empty(&csv));
    kp_csv_end(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_parted_by_what_the_first_line_uses_most),
        cmocka_unit_test(quoted_cells_hold_anything_and_lines_are_counted),
        cmocka_unit_test(a_fault_names_its_line),
        cmocka_unit_test(a_decimal_comma_is_one_only_where_commas_do_not_part_cells),
        cmocka_unit_test(columns_are_found_by_any_of_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
