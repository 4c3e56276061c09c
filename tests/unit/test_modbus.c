/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus without a bus: what rows say, which reads they become, what registers hold. */
#include "kit.h"

#include "couplings/modbus/modbus_private.h"

#include <stdio.h>

#include "core/ban.h"

static const struct modbus_settings set = { .unit = 1, .poll = KP_SECOND, .gap = 16, .registers_max = 125 };

struct bench {
    struct kp_map map;
    struct modbus_point points[64];
    struct modbus_plan plan;
    struct kp_err err;
};

static enum kp_code lay_out(struct bench *b, const char *text, const struct modbus_settings *with)
{
    *b = (struct bench){ 0 };
    if (kp_map_read(&b->map, &modbus_form, text, &b->err))
        return b->err.code;
    for (size_t i = 0; i < b->map.n && !b->err.code; i++)
        modbus_point_read(&b->points[i], &b->map.rows[i], with, &b->err);
    return b->err.code ? b->err.code : modbus_plan_make(&b->plan, b->points, b->map.n, with, &b->err);
}

static void clear(struct bench *b)
{
    modbus_plan_free(&b->plan);
    kp_map_free(&b->map);
}

static struct modbus_point row(const char *head, const char *cells)
{
    char text[300];
    static struct bench b;
    snprintf(text, sizeof text, "address,path%s\n%s\n", head, cells);
    lay_out(&b, text, &set);
    assert_string_equal(b.err.text, "");
    struct modbus_point p = b.points[0];
    clear(&b);
    return p;
}

/* ---- rows ---- */
static void an_address_is_written_as_people_write_it(void **state)
{
    (void)state;
    static const struct {
        const char *written, *name;
    } cases[] = {
        { "40001", "unit 1 holding:0" },    { "400001", "unit 1 holding:0" }, { "465536", "unit 1 holding:65535" },
        { "30001", "unit 1 input:0" },      { "10008", "unit 1 discrete:7" }, { "00004", "unit 1 coil:3" },
        { "1", "unit 1 coil:0" },           { "9999", "unit 1 coil:9998" },   { "holding:0", "unit 1 holding:0" },
        { "Holding:0x1f", "unit 1 holding:31" }, { "h7", "unit 1 holding:7" },     { "i12", "unit 1 input:12" },
        { "c3", "unit 1 coil:3" },          { "d65535", "unit 1 discrete:65535" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64], name[64];
        snprintf(text, sizeof text, "%s,a", cases[i].written);
        struct modbus_point p = row("", text);
        modbus_point_name(&p, name);
        assert_string_equal(name, cases[i].name);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = { "0", "00000", "20001", "50001", "40000", "465537", "holding:65536", "holding:", "h",
                                         "holding:-1", "4 0001", "400.01", "x7", "4000001" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        struct bench b;
        snprintf(text, sizeof text, "address,path\n%s,a\n", cases[i]);
        assert_int_equal(lay_out(&b, text, &set), KP_EPARSE);
        assert_non_null(strstr(b.err.text, "address: '"));
        clear(&b);
    }
}

static void a_row_that_makes_no_sense_is_refused_with_its_column(void **state)
{
    (void)state;
    static const struct {
        const char *head, *cells, *says;
    } cases[] = {
        { ",type", "17,a,float32", "type: '17' is coil:16" },
        { ",type,bit", "40001,a,float32,3", "bit: only a register" },
        { ",bit", "40001,a,5-3", "bit: '5-3'" },
        { ",bit", "00001,a,3", "bit: only a register" },
        { ",type,bit", "40001,a,bcd16,3", "bit: only int16" },
        { ",type,length", "40001,a,uint16,3", "length: only a string" },
        { ",type,scale", "40001,a,string,3", "length: a string needs" },
        { ",scale", "40001,a,0", "scale: a number times 0" },
        { ",type,scale", "40001,a,bool,2", "scale: a bool" },
        { ",every", "40001,a,1ms", "every: '1ms'" },
        { ",unit-id", "40001,a,256", "unit-id: '256'" },
        { ",type", "465536,a,float32", "beyond the last register" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[120];
        struct bench b;
        snprintf(text, sizeof text, "address,path%s\n%s\n", cases[i].head, cases[i].cells);
        assert_int_equal(lay_out(&b, text, &set), KP_EPARSE);
        if (!strstr(b.err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", b.err.text, cases[i].says);
        clear(&b);
    }
}

/* ---- reads ---- */
static void neighbours_are_asked_for_at_once(void **state)
{
    struct bench b;
    (void)state;
    lay_out(&b, "address,path,type,unit-id,every\n"
                "h0,a,float32,,\nh2,b,float32,,\nh18,c,,,\nh36,far,,,\ni3,other,,,\nh1,unit2,,2,\nh4,slow,,,10s\n",
            &set);
    assert_string_equal(b.err.text, "");
    assert_int_equal(b.plan.n, 5); /* input; holding 1 s: 0..18 and 36; holding 10 s; unit 2 */
    assert_int_equal(b.plan.list[0].table, MODBUS_INPUT);
    assert_int_equal(b.plan.list[1].address, 0);
    assert_int_equal(b.plan.list[1].count, 19);
    assert_int_equal(b.plan.list[1].n, 3);
    assert_int_equal(b.plan.list[2].address, 36);
    assert_true(b.plan.list[3].every == 10 * KP_SECOND);
    assert_int_equal(b.plan.list[4].unit, 2);
    clear(&b);
}

static void no_read_is_longer_than_the_device_takes(void **state)
{
    struct modbus_settings small = set;
    struct bench b;
    (void)state;
    small.registers_max = 10;
    lay_out(&b, "address,path,type\nh0,a,uint64\nh4,b,uint64\nh8,c,uint64\nh12,d,uint16\nh14,e,uint64\n", &small);
    for (size_t i = 0; i < b.plan.n; i++)
        assert_true(b.plan.list[i].count <= 10);
    assert_int_equal(b.plan.n, 2);
    clear(&b);
    lay_out(&b, "address,path\nc0,a\nc256,b\nc512,c\nc2000,d\n", &set);
    assert_int_equal(b.plan.n, 2); /* 16 bits a register: gaps of 256 are read along */
    assert_int_equal(b.plan.list[0].count, 513);
    clear(&b);
}

static void a_refused_read_is_parted_where_the_gap_is_until_single_points_stand(void **state)
{
    struct bench b;
    (void)state;
    lay_out(&b, "address,path\nh0,a\nh1,b\nh9,c\nh10,d\n", &set);
    assert_int_equal(b.plan.n, 1);
    assert_true(modbus_plan_split(&b.plan, 0, b.points, &b.err));
    assert_int_equal(b.plan.list[0].count, 2);
    assert_int_equal(b.plan.list[1].address, 9);
    assert_int_equal(b.plan.list[1].count, 2);
    while (modbus_plan_split(&b.plan, 0, b.points, &b.err) || modbus_plan_split(&b.plan, b.plan.n - 1, b.points, &b.err))
        ;
    assert_int_equal(b.plan.n, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(b.plan.list[i].n == 1 && b.plan.list[i].first == i);
    clear(&b);
}

static enum kp_code plan_and_part(void *arg)
{
    struct bench b;
    (void)arg;
    lay_out(&b, "address,path,enums\nh0,a,0=off 1=on\nh1,b,\nh60,c,\n", &set);
    if (!b.err.code)
        modbus_map_spread(&b.map, "2,4-6", &b.err);
    while (!b.err.code && b.plan.n && modbus_plan_split(&b.plan, 0, b.points, &b.err))
        ;
    clear(&b);
    return b.err.code;
}

static void each_failing_allocation_is_told(void **state)
{
    (void)state;
    kit_fail_each_allocation(plan_and_part, NULL);
}

static void rows_without_a_unit_become_one_for_each(void **state)
{
    struct bench b;
    (void)state;
    lay_out(&b, "address,path,unit-id\nh0,a/b,\nh1,c,9\n", &set);
    assert_int_equal(modbus_map_spread(&b.map, "7,2-3,3", &b.err), KP_OK);
    assert_int_equal(b.map.n, 4);
    static const char *const paths[] = { "unit-2/a/b", "unit-3/a/b", "unit-7/a/b", "c" };
    static const uint8_t units[] = { 2, 3, 7, 9 };
    for (size_t i = 0; i < 4; i++) {
        struct modbus_point p;
        assert_string_equal(b.map.rows[i].cell[KP_MAP_PATH], paths[i]);
        modbus_point_read(&p, &b.map.rows[i], &set, &b.err);
        assert_int_equal(p.unit, units[i]);
    }
    static const char *const wrong[] = { "-1", "1-", "1,,2", ",1", "1,", "300", "5-1", "a" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_err err = { 0 };
        assert_int_equal(modbus_map_spread(&b.map, wrong[i], &err), KP_EINVALID);
    }
    assert_int_equal(b.map.n, 4);
    clear(&b);
}

/* ---- values ---- */
static void every_order_goes_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *order;
        uint16_t registers[2];
    } cases[] = { { "ABCD", { 0x4367, 0x8000 } }, { "CDAB", { 0x8000, 0x4367 } },
                  { "BADC", { 0x6743, 0x0080 } }, { "DCBA", { 0x0080, 0x6743 } } };
    char text[MODBUS_TEXT_MAX], cells[40];
    for (size_t i = 0; i < 4; i++) {
        uint16_t back[2] = { 0 };
        snprintf(cells, sizeof cells, "h0,a,float32,%s", cases[i].order);
        struct modbus_point p = row(",type,order", cells);
        struct kp_value v = modbus_decode(&p, cases[i].registers, text);
        assert_int_equal(v.type, KP_FLOAT);
        assert_true(v.f == 231.5f);
        assert_int_equal(modbus_encode(&p, &v, back, NULL), KP_OK);
        assert_memory_equal(back, cases[i].registers, sizeof back);
    }
}

static void whole_numbers_stay_exact(void **state)
{
    (void)state;
    char text[MODBUS_TEXT_MAX];
    const uint16_t all_ones[] = { 0xffff, 0xffff, 0xffff, 0xffff };
    struct modbus_point p = row(",type", "h0,a,uint64");
    assert_true(modbus_decode(&p, all_ones, text).u == UINT64_MAX);
    p = row(",type", "h0,a,int64");
    assert_true(modbus_decode(&p, all_ones, text).i == -1);
    p = row(",type", "h0,a,int32");
    assert_true(modbus_decode(&p, all_ones, text).i == -1);
    p = row(",type", "h0,a,int16");
    assert_true(modbus_decode(&p, all_ones, text).i == -1);
    p = row(",type,bit", "h0,a,int16,2-3");
    assert_true(modbus_decode(&p, all_ones, text).i == -1);
    uint16_t back[4] = { 0 };
    p = row(",type", "h0,a,int64");
    assert_int_equal(modbus_encode(&p, &(struct kp_value){ .i = INT64_MIN + 1, .type = KP_INT64 }, back, NULL), KP_OK);
    assert_true(modbus_decode(&p, back, text).i == INT64_MIN + 1);
}

static void a_scale_of_a_tenth_gives_the_decimal_people_expect(void **state)
{
    (void)state;
    char text[MODBUS_TEXT_MAX];
    struct modbus_point p = row(",type,scale", "h0,a,int16,0.1");
    for (int raw = -32768; raw < 32768; raw += 7) {
        uint16_t sent = (uint16_t)raw, back;
        struct kp_value v = modbus_decode(&p, &sent, text);
        assert_true(v.type == KP_DOUBLE && v.d == raw / 10.0);
        assert_int_equal(modbus_encode(&p, &v, &back, NULL), KP_OK);
        assert_int_equal(back, sent);
    }
    p = row(",scale,offset", "h0,a,0.25,-40");
    assert_true(modbus_decode(&p, &(uint16_t){ 200 }, text).d == 10);
    p = row(",scale", "h0,a,10");
    assert_true(modbus_decode(&p, &(uint16_t){ 200 }, text).d == 2000);
}

static void digits_of_bcd_are_a_number_and_others_are_none(void **state)
{
    (void)state;
    char text[MODBUS_TEXT_MAX];
    uint16_t back[2];
    struct modbus_point p = row(",type", "h0,a,bcd32");
    struct kp_value v = modbus_decode(&p, (uint16_t[]){ 0x1234, 0x5678 }, text);
    assert_true(v.type == KP_UINT64 && v.u == 12345678);
    assert_int_equal(modbus_encode(&p, &v, back, NULL), KP_OK);
    assert_true(back[0] == 0x1234 && back[1] == 0x5678);
    assert_int_equal(modbus_decode(&p, (uint16_t[]){ 0x12a4, 0 }, text).type, KP_NULL);
    p = row(",type", "h0,a,bcd16");
    v.u = 10000;
    assert_int_equal(modbus_encode(&p, &v, back, NULL), KP_EINVALID);
}

static void a_text_ends_at_its_end(void **state)
{
    (void)state;
    char text[MODBUS_TEXT_MAX];
    struct modbus_point p = row(",type,length", "h0,a,string,8");
    struct kp_value v = modbus_decode(&p, (uint16_t[]){ 0x454d, 0x2d33, 0x2020, 0x2020 }, text);
    assert_true(v.type == KP_STRING && v.len == 4 && memcmp(v.data, "EM-3", 4) == 0);
    v = modbus_decode(&p, (uint16_t[]){ 0x4500, 0x4141, 0x4141, 0x4141 }, text);
    assert_int_equal(v.len, 1);
    v = modbus_decode(&p, (uint16_t[]){ 0xff41, 0, 0, 0 }, text); /* not UTF-8 */
    assert_true(kp_value_valid(&v) && v.len == 4);
    p = row(",type,length,order", "h0,a,string,4,BADC");
    v = modbus_decode(&p, (uint16_t[]){ 0x4d45, 0x332d }, text);
    assert_memory_equal(v.data, "EM-3", 4);
}

static void what_does_not_fit_is_not_written(void **state)
{
    (void)state;
    uint16_t r[130];
    static const struct {
        const char *cells;
        double value;
    } cases[] = { { "h0,a,int16,,", 32768 }, { "h0,a,int16,,", -32769 }, { "h0,a,uint16,,", -1 }, { "h0,a,uint16,,", 1.5 },
                  { "h0,a,uint16,0.1,", 6554 }, { "h0,a,uint64,,", 1.9e19 }, { "h0,a,uint16,,2-3", 4 }, { "h0,a,float32,,", 1e300 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct modbus_point p = row(",type,scale,bit", cases[i].cells);
        struct kp_value v = kp_double(cases[i].value);
        struct kp_err err = { 0 };
        assert_int_equal(modbus_encode(&p, &v, r, &err), KP_EINVALID);
    }
}

static void the_bits_of_a_field_lie_where_its_order_says(void **state)
{
    (void)state;
    struct modbus_point p = row(",bit", "h0,a,2-3");
    assert_int_equal(modbus_point_mask(&p), 0x000c);
    p = row(",bit,order", "h0,a,2-3,BADC");
    assert_int_equal(modbus_point_mask(&p), 0x0c00);
}

/* ---- who it is ---- */
static void an_identity_is_whole_only_with_its_last_byte(void **state)
{
    (void)state;
    static const uint8_t answer[] = { 0x2b, 0x0e, 2, 0x82, 0, 0, 3, 0, 3, 'A', 'B', 'C', 1, 2, 'X', ' ', 2, 3, '1', '.', '0' };
    struct modbus_identity id = { 0 };
    uint8_t next = 9;
    for (size_t n = 0; n < sizeof answer; n++)
        assert_int_equal(modbus_identity_parse(&id, answer, n, &next), 0);
    assert_int_equal(modbus_identity_parse(&id, answer, sizeof answer, &next), (int)sizeof answer);
    assert_int_equal(next, 0);
    assert_string_equal(id.vendor, "ABC");
    assert_string_equal(id.product_code, "X");
    assert_string_equal(id.revision, "1.0");
    assert_int_equal(modbus_identity_parse(&id, (const uint8_t[]){ 0xab, 1 }, 2, &next), 2);
    assert_int_equal(modbus_identity_parse(&id, (const uint8_t[]){ 0x03, 2 }, 2, &next), -1);
    static const uint8_t more[] = { 0x2b, 0x0e, 2, 0x82, 0xff, 4, 0 };
    assert_int_equal(modbus_identity_parse(&id, more, sizeof more, &next), 7);
    assert_int_equal(next, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_written_as_people_write_it),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_row_that_makes_no_sense_is_refused_with_its_column),
        cmocka_unit_test(neighbours_are_asked_for_at_once),
        cmocka_unit_test(no_read_is_longer_than_the_device_takes),
        cmocka_unit_test(a_refused_read_is_parted_where_the_gap_is_until_single_points_stand),
        cmocka_unit_test(each_failing_allocation_is_told),
        cmocka_unit_test(rows_without_a_unit_become_one_for_each),
        cmocka_unit_test(every_order_goes_there_and_back),
        cmocka_unit_test(whole_numbers_stay_exact),
        cmocka_unit_test(a_scale_of_a_tenth_gives_the_decimal_people_expect),
        cmocka_unit_test(digits_of_bcd_are_a_number_and_others_are_none),
        cmocka_unit_test(a_text_ends_at_its_end),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(the_bits_of_a_field_lie_where_its_order_says),
        cmocka_unit_test(an_identity_is_whole_only_with_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
