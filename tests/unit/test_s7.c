/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, values and the plan of questions of S7. */
#include "kit.h"

#include "couplings/s7/s7_private.h"

#include <stdio.h>

static struct kp_map map;

static enum kp_code read_point(const char *address, const char *type, struct s7_point *p,
                               struct kp_err *err)
{
    char text[300];
    snprintf(text, sizeof text, "address;path;type\n%s;a;%s\n", address, type);
    kp_map_free(&map);
    return kp_map_read(&map, &s7_form, text, err) ? err->code : s7_point_read(p, &map.rows[0], err);
}

static struct s7_point point(const char *address, const char *type)
{
    struct s7_point p;
    struct kp_err err = { 0 };
    assert_int_equal(read_point(address, type, &p, &err), KP_OK);
    return p;
}

static int free_map(void **state)
{
    (void)state;
    kp_map_free(&map);
    return 0;
}

/* ---- addresses ---- */
static void addresses_are_read_as_both_tools_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *address, *type, *name;
        uint16_t size;
    } list[] = {
        { "DB10.DBD4", "real", "DB10.DBB4 real", 4 },
        { "DB10.DBX0.3", "", "DB10.DBB0.3 bool", 1 },
        { "DB10,REAL4", "", "DB10.DBB4 real", 4 },
        { "db10,x0.3", "", "DB10.DBB0.3 bool", 1 },
        { "DB65535.65535", "byte", "DB65535.DBB65535 byte", 1 },
        { "MW20", "", "MB20 word", 2 },
        { "MD20", "dint", "MB20 dint", 4 },
        { "M0.7", "", "MB0.7 bool", 1 },
        { "E0.1", "", "IB0.1 bool", 1 },
        { "AW2", "int", "QB2 int", 2 },
        { "DB1.0", "string[20]", "DB1.DBB0 string", 22 },
        { "DB1.0", "string", "DB1.DBB0 string", 256 },
        { "DB1,DTL8", "", "DB1.DBB8 dtl", 12 },
        { "DB1,DATE8", "", "DB1.DBB8 date", 2 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char name[64];
        struct s7_point p = point(list[i].address, list[i].type);
        s7_point_name(&p, name);
        assert_string_equal(name, list[i].name);
        assert_int_equal(p.size, list[i].size);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const list[] = {
        "DB", "DB0.DBW0", "DB65536.DBW0", "DB1.DBW",  "DB1.DBW65536", "DB1.DBX0.8", "DB1DBW0", "Z0",
        "M",  "MW",       "MW-1",         "DB1.DBZ0", "M0.1.2",       "DB1.DBW0x",  "DB1,0x1"
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct s7_point p;
        struct kp_err err = { 0 };
        assert_int_equal(read_point(list[i], "int", &p, &err), KP_EPARSE);
    }
}

static void tsaps_are_four_hexadecimal_digits(void **state)
{
    (void)state;
    uint8_t t[2];
    assert_true(s7_tsap_parse("10.01", t));
    assert_true(t[0] == 0x10 && t[1] == 1);
    assert_true(s7_tsap_parse("02fF", t));
    assert_true(t[0] == 2 && t[1] == 0xff);
    static const char *const wrong[] = { "", "1", "10.0", "1.001", "100101", "10.01.", "1g.00" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(s7_tsap_parse(wrong[i], t));
}

/* ---- values ---- */
static void values_come_out_of_big_endian_bytes(void **state)
{
    (void)state;
    char text[KP_POLLED_TEXT];
    struct s7_point p = point("DB1.0", "int");
    assert_int_equal(s7_decode(&p, (const uint8_t *)"\xff\xfe", text).i, -2);
    p = point("DB1.0", "date");
    assert_int_equal(s7_decode(&p, (const uint8_t *)"\0\1", text).i,
                     INT64_C(631238400) * KP_SECOND); /* 1990-01-02 */
    p = point("DB1.0", "date_and_time");
    assert_int_equal(s7_decode(&p, (const uint8_t *)"\x89\x01\x01\0\0\0\0\0", text).i,
                     INT64_C(3755376000) * KP_SECOND); /* 2089 */
    assert_int_equal(s7_decode(&p, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff", text).type,
                     KP_NULL);
    p = point("DB1.0", "string[4]");
    struct kp_value v = s7_decode(&p, (const uint8_t *)"\4\2\xd6l\0", text);
    assert_int_equal(v.len, 3);
    assert_memory_equal(v.data, "Öl", 3);
    assert_int_equal(s7_decode(&p, (const uint8_t *)"\4\5abcd", text).type, KP_NULL);
}

static void texts_are_written_in_latin_1_or_not_at_all(void **state)
{
    (void)state;
    struct s7_point p = point("DB1.0", "string[4]");
    uint8_t d[S7_TEXT_MAX + 2];
    struct kp_value fits = kp_string("Öl", 3), greek = kp_string("Ω", 2),
                    longer = kp_string("abcde", 5);
    struct kp_err err = { 0 };
    assert_int_equal(s7_encode(&p, &fits, d, &err), KP_OK);
    assert_memory_equal(d, "\4\2\xd6l\0\0", 6);
    assert_int_equal(s7_encode(&p, &greek, d, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(s7_encode(&p, &longer, d, &err), KP_EINVALID);
}

/* ---- the plan ---- */
enum { POINTS_MAX = 64 };
static struct s7_point points[POINTS_MAX];

/* Points of DB1 of two bytes at these places, ended by -1. */
static struct s7_plan plan_of(const int *bytes, uint32_t gap)
{
    static struct kp_map_row row;
    struct s7_plan plan = { 0 };
    size_t n = 0;
    for (; bytes[n] >= 0; n++)
        points[n] = (struct s7_point){ .row = &row,
                                       .area = S7_BLOCK,
                                       .block = 1,
                                       .size = 2,
                                       .byte = (uint32_t)bytes[n],
                                       .type = S7_INT };
    assert_true(s7_plan_make(&plan, points, n, gap));
    return plan;
}

static void neighbours_become_one_block_and_distant_ones_do_not(void **state)
{
    (void)state;
    struct s7_plan plan = plan_of((const int[]){ 40, 0, 4, 2, 22, -1 }, 16);
    assert_int_equal(plan.n, 1); /* 6 to 22 and 24 to 40 are just within the gap */
    assert_int_equal(plan.blocks[0].item.size, 42);
    kp_free(plan.blocks);
    plan = plan_of((const int[]){ 40, 0, 4, 2, 22, -1 }, 15);
    assert_int_equal(plan.n, 3);
    kp_free(plan.blocks);
    plan = plan_of((const int[]){ -1 }, 16);
    assert_int_equal(plan.n, 0);
}

static void no_block_is_longer_than_the_smallest_message(void **state)
{
    (void)state;
    struct s7_plan plan = plan_of((const int[]){ 0, 20, 220, 221, 230, -1 }, 200);
    assert_int_equal(plan.n, 2);
    assert_int_equal(plan.blocks[0].item.size, 222);
    assert_int_equal(plan.blocks[1].item.byte, 221);
    kp_free(plan.blocks);
}

static void a_parted_block_stays_in_its_place(void **state)
{
    (void)state;
    struct s7_plan plan = plan_of((const int[]){ 0, 2, 4, 1000, 2000, -1 }, 0);
    assert_int_equal(plan.n, 3);
    assert_true(s7_plan_part(&plan, points, 0));
    assert_int_equal(plan.n, 5);
    for (size_t i = 0; i < plan.n; i++) {
        assert_int_equal(plan.blocks[i].first, i);
        assert_int_equal(plan.blocks[i].item.byte, points[i].byte);
        assert_int_equal(plan.blocks[i].item.size, 2);
    }
    kp_free(plan.blocks);
}

static void a_question_and_its_answer_fit_into_messages(void **state)
{
    (void)state;
    struct s7_link l = { .pdu = 240 };
    struct s7_item items[30];
    for (size_t i = 0; i < 30; i++)
        items[i] = (struct s7_item){ .size = 1 };
    assert_int_equal(s7_link_fits(&l, items, 30), 19); /* 10 + 2 + 19 * 12 = 240 to ask */
    items[0].size = 222;
    assert_int_equal(s7_link_fits(&l, items, 30), 1); /* 12 + 2 + 4 + 222 = 240 to answer */
    items[0].size = 223;
    assert_int_equal(s7_link_fits(&l, items, 30), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(addresses_are_read_as_both_tools_write_them, free_map),
        cmocka_unit_test_teardown(what_is_no_address_is_refused, free_map),
        cmocka_unit_test(tsaps_are_four_hexadecimal_digits),
        cmocka_unit_test_teardown(values_come_out_of_big_endian_bytes, free_map),
        cmocka_unit_test_teardown(texts_are_written_in_latin_1_or_not_at_all, free_map),
        cmocka_unit_test(neighbours_become_one_block_and_distant_ones_do_not),
        cmocka_unit_test(no_block_is_longer_than_the_smallest_message),
        cmocka_unit_test(a_parted_block_stays_in_its_place),
        cmocka_unit_test(a_question_and_its_answer_fit_into_messages),
    };
    return cmocka_run_group_tests_name("s7", tests, NULL, NULL);
}
