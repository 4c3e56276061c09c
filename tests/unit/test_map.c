/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "couplings/map.h"
#include "couplings/unit.h"

#include "core/ban.h"

static const char *const columns[] = { "address", "order", NULL };
static const struct kp_map_form form = { columns, 1 };
enum { ADDRESS = KP_MAP_COMMON, ORDER };

static void rows_say_what_stands_where(void **state)
{
    struct kp_err err = { 0 };
    struct kp_map map;
    (void)state;
    kp_map_read(&map, &form,
                "address;Path;type;unit;scale;offset;states;enums;low;high;description\n"
                "# the spindle\n"
                "40001;spindle/temperature;int16;°C;0,1;-40;;;0;120;front bearing\n"
                "\n"
                "40002;state;uint16;;;;\"running=3; idle\";0=off 1=feed hold 3=in cycle;;;\n",
                &err);
    assert_string_equal(err.text, "");
    assert_int_equal(map.n, 2);
    double scale, offset;
    assert_true(kp_map_scale(&map.rows[0], &scale, &offset));
    assert_true(scale == 0.1 && offset == -40);
    assert_false(kp_map_scale(&map.rows[1], &scale, &offset));
    assert_true(scale == 1 && offset == 0);
    assert_string_equal(map.rows[0].cell[ADDRESS], "40001");
    assert_null(map.rows[0].cell[ORDER]);
    struct kp_signal_info info = { 0 };
    kp_map_info(&map, &map.rows[0], &info, &err);
    assert_string_equal(info.unit, "CEL");
    assert_string_equal(info.unit_text, "°C");
    assert_string_equal(info.description, "front bearing");
    assert_true(info.low == 0 && info.high == 120);
    info = (struct kp_signal_info){ 0 };
    kp_map_info(&map, &map.rows[1], &info, &err);
    assert_string_equal(info.states, "running=3; idle");
    assert_string_equal(info.enums, "{\"0\":\"off\",\"1\":\"feed hold\",\"3\":\"in cycle\"}");
    kp_map_free(&map);
    assert_int_equal(kp_mem_live(), 0);
}

static void a_fault_names_line_and_column_and_leaves_nothing(void **state)
{
    static const char *const bad[][2] = {
        { "", "map: it is empty" },
        { "adress,path\n", "map: line 1: unknown column 'adress', did you mean 'address'?" },
        { "address,path,path\n", "map: line 1: two columns are called 'path'" },
        { "path\nx\n", "map: line 1: there is no column 'address'" },
        { "address,path\n1,a\n,b\n", "map: line 3: 'address' is empty" },
        { "address,path\n1,a//b\n", "map: line 2: path: 'a//b' is not a path such as spindle/temperature" },
        { "address,path,scale\n1,a,much\n", "map: line 2: scale: 'much' is not a number" },
        { "address,path,states\n1,a,runing=3\n", "map: line 2: states: 'runing' is no state, did you mean 'running'?" },
        { "address,path,enums\n1,a,off\n", "map: line 2: enums: 'off' is not such as 0=off 1=on" },
        { "address,path\n1,a,extra\n", "map: line 2: more cells than the first line has" },
        { "address,path\n1,a\n2,b\n3,c\n4,c\n5,a\n", "map: line 5: path: 'c' stands in line 4 already" },
        { "address,path\n1,\"a\n", "map: line 2: a quote opens here that nothing closes" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct kp_err err = { 0 };
        struct kp_map map;
        assert_int_equal(kp_map_read(&map, &form, bad[i][0], &err), KP_EPARSE);
        assert_string_equal(err.text, bad[i][1]);
        assert_int_equal(map.n, 0);
        assert_int_equal(kp_mem_live(), 0);
    }
}

static enum kp_code read_one(void *arg)
{
    struct kp_err err = { 0 };
    struct kp_map map;
    static const char *const lines[] = { "address,path,enums", "1,a,0=off 1=on", "2,b,", NULL };
    (void)arg;
    kp_map_read_lines(&map, &form, lines, &err);
    if (err.code)
        return err.code;
    assert_int_equal(map.n, 2);
    kp_map_free(&map);
    return KP_OK;
}

static void no_memory_is_told(void **state)
{
    (void)state;
    kit_starve("map", read_one, NULL);
}

static void units_are_known_by_code_symbol_and_name(void **state)
{
    static const char *const same[][2] = {
        { "CEL", "CEL" },   { "celsius", "CEL" }, { "°C", "CEL" },  { "REVOLUTION/MINUTE", "RPM" },
        { "kwh", "KWH" },   { "mm", "MMT" },      { "MW", "MAW" },  { "Percent", "P1" },
        { "MILLIMETER/SECOND", "C16" }, { "l/min", "L2" }, { "µm", "4H" }, { "Nm", "NU" },
    };
    struct kp_unit unit;
    (void)state;
    for (size_t i = 0; i < COUNT(same); i++) {
        assert_true(kp_unit_find(same[i][0], &unit));
        assert_string_equal(unit.code, same[i][1]);
    }
    assert_false(kp_unit_find("furlong", &unit));
    assert_false(kp_unit_find("", &unit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_what_stands_where),
        cmocka_unit_test(a_fault_names_line_and_column_and_leaves_nothing),
        cmocka_unit_test(no_memory_is_told),
        cmocka_unit_test(units_are_known_by_code_symbol_and_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
