/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/text.h"
#include "core/value.h"

#include <math.h>
#include <stdio.h>

#include "core/ban.h"

static struct kp_value of_u64(uint64_t u)
{
    return (struct kp_value){ .u = u, .type = KP_UINT64 };
}

static struct kp_value of_float(float f)
{
    return (struct kp_value){ .f = f, .type = KP_FLOAT };
}

static struct kp_value of_time(int64_t at)
{
    return (struct kp_value){ .i = at, .type = KP_TIME };
}

static struct kp_value of_bytes(const void *data, uint32_t n)
{
    return (struct kp_value){ .data = data, .len = n, .type = KP_BYTES };
}

static struct kp_value text(const char *s)
{
    return kp_string(s, strlen(s));
}

/* Packs values of one type; the buffer owns the data. */
static struct kp_value pack(struct kp_buf *b, const struct kp_value *list, size_t n)
{
    kp_buf_init(b, 1 << 20);
    for (size_t i = 0; i < n; i++)
        kp_array_add(b, &list[i]);
    assert_false(b->failed);
    return (struct kp_value){ .data = b->data,
                              .len = (uint32_t)b->len,
                              .type = list[0].type | KP_ARRAY };
}

/* ---- types ---- */
static void every_type_has_a_name_that_reads_back(void **state)
{
    (void)state;
    for (unsigned t = 0; t < KP_TYPES; t++)
        for (unsigned array = 0; array <= KP_ARRAY; array += KP_ARRAY) {
            uint8_t got = 0xff;
            bool parsed = kp_type_parse(kp_type_name(t | array), &got);
            if (t == KP_NULL && array) {
                assert_false(parsed); /* an array of nothing */
                continue;
            }
            assert_true(parsed);
            assert_int_equal(got, t | array);
        }
    assert_string_equal(kp_type_name(KP_DOUBLE), "double");
    assert_string_equal(kp_type_name(KP_DOUBLE | KP_ARRAY), "double[]");
}

static void an_unknown_type_is_a_question_mark_and_no_crash(void **state)
{
    (void)state;
    uint8_t type;
    assert_string_equal(kp_type_name(KP_TYPES), "?");
    assert_string_equal(kp_type_name(KP_TYPES | KP_ARRAY), "?");
    assert_string_equal(kp_type_name(0x20), "?");
    assert_string_equal(kp_type_name(0xff), "?");
    assert_int_equal(kp_type_size(0xff), 0);
    assert_false(kp_type_parse("", &type));
    assert_false(kp_type_parse("Double", &type));
    assert_false(kp_type_parse("double[", &type));
    assert_false(kp_type_parse("?", &type));
}

static void text_bytes_and_arrays_live_behind_a_pointer(void **state)
{
    (void)state;
    for (unsigned t = 0; t < KP_TYPES; t++) {
        assert_int_equal(kp_type_indirect(t), t == KP_STRING || t == KP_BYTES);
        assert_true(kp_type_indirect(t | KP_ARRAY));
    }
    assert_int_equal(sizeof(struct kp_value), 16);
}

/* ---- equality ---- */
static void values_are_equal_when_their_bits_are(void **state)
{
    (void)state;
    double nan_a, nan_b;
    memcpy(&nan_a, &(uint64_t){ UINT64_C(0x7ff8000000000001) }, 8);
    memcpy(&nan_b, &(uint64_t){ UINT64_C(0x7ff8000000000002) }, 8);
    char here[] = "O1004.NC", there[] = "O1004.NC";
    const struct {
        struct kp_value a, b;
        bool want;
    } cases[] = {
        { kp_double(1.5), kp_double(1.5), true },
        { kp_double(nan_a), kp_double(nan_a), true },
        { kp_double(nan_a), kp_double(nan_b), false },
        { kp_double(0.0), kp_double(-0.0), false },
        { of_float(0.0f), of_float(-0.0f), false },
        { of_float(2.5f), of_float(2.5f), true },
        { kp_int(1), of_u64(1), false },
        { kp_int(1), kp_double(1), false },
        { kp_int(5), of_time(5), false },
        { kp_int(-1), kp_int(-1), true },
        { kp_bool(true), kp_bool(true), true },
        { kp_bool(true), kp_bool(false), false },
        { text(here), text(there), true },
        { text("a"), text("b"), false },
        { text("a"), text("ab"), false },
        { text(""), (struct kp_value){ .type = KP_STRING }, true },
        { text("a"), of_bytes("a", 1), false },
        { (struct kp_value){ .u = 7 }, (struct kp_value){ .u = 9 }, true }, /* nothing is nothing */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(kp_value_equal(&cases[i].a, &cases[i].b), cases[i].want);
        assert_int_equal(kp_value_equal(&cases[i].b, &cases[i].a), cases[i].want);
    }
}

static void only_the_bytes_of_a_small_type_count_for_equality(void **state)
{
    (void)state;
    struct kp_value a = of_u64(UINT64_MAX), b = of_u64(0);
    a.type = b.type = KP_FLOAT;
    a.f = b.f = 1.0f;
    assert_true(kp_value_equal(&a, &b));
    struct kp_value c = of_u64(UINT64_C(0xffffffffffffff00)), d = of_u64(0);
    c.type = d.type = KP_BOOL;
    c.b = d.b = true;
    assert_true(kp_value_equal(&c, &d));
}

/* ---- numbers ---- */
static void numbers_and_switches_can_be_charted_and_nothing_else(void **state)
{
    (void)state;
    const struct {
        struct kp_value v;
        bool want;
        double number;
    } cases[] = {
        { kp_bool(true), true, 1 },
        { kp_int(-3), true, -3 },
        { of_u64(UINT64_MAX), true, 18446744073709551616.0 },
        { of_float(0.5f), true, 0.5 },
        { kp_double(31.25), true, 31.25 },
        { { .type = KP_NULL }, false, 0 },
        { text("31.25"), false, 0 },
        { of_bytes("1", 1), false, 0 },
        { of_time(5), false, 0 },
        { { { .data = "12345678" }, .len = 8, .type = KP_DOUBLE | KP_ARRAY }, false, 0 },
        { { .type = 0x3f }, false, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        double got = 0;
        assert_int_equal(kp_value_number(&cases[i].v, &got), cases[i].want);
        assert_true(got == cases[i].number);
    }
}

/* ---- copies ---- */
static void a_copy_survives_the_original(void **state)
{
    (void)state;
    struct kp_arena arena = { 0 };
    char source[] = "running";
    struct kp_value from = text(source), copy, nothing;
    assert_true(kp_value_copy(&arena, &copy, &from));
    memset(source, '#', 7);
    assert_memory_equal(copy.data, "running", 7);
    assert_int_equal(copy.len, 7);
    from = (struct kp_value){ .type = KP_STRING };
    assert_true(kp_value_copy(&arena, &nothing, &from));
    assert_int_equal(nothing.len, 0);
    from = kp_double(2.5);
    size_t before = kp_arena_size(&arena);
    assert_true(kp_value_copy(&arena, &copy, &from));
    assert_true(kp_value_equal(&copy, &from));
    assert_int_equal(kp_arena_size(&arena), before);
    kp_arena_free(&arena);
}

/* ---- arrays ---- */
static void arrays_of_every_type_come_back_as_packed(void **state)
{
    (void)state;
    const struct kp_value lists[][3] = {
        { kp_bool(true), kp_bool(false), kp_bool(true) },
        { kp_int(INT64_MIN), kp_int(0), kp_int(INT64_MAX) },
        { of_u64(0), of_u64(UINT64_MAX), of_u64(1) },
        { of_float(-0.0f), of_float(1e-40f), of_float(3.5f) },
        { kp_double(0.1), kp_double(-0.0), kp_double(INFINITY) },
        { text("a"), text(""), text("a longer one") },
        { of_bytes("\0\1", 2), of_bytes("", 0), of_bytes("\xff", 1) },
        { of_time(0), of_time(-1), of_time(INT64_MAX) },
    };
    for (size_t l = 0; l < COUNT(lists); l++) {
        struct kp_buf b;
        struct kp_value array = pack(&b, lists[l], 3), e;
        assert_true(kp_value_valid(&array));
        size_t pos = 0;
        for (size_t i = 0; i < 3; i++) {
            assert_true(kp_array_next(&array, &pos, &e));
            assert_true(kp_value_equal(&e, &lists[l][i]));
        }
        assert_false(kp_array_next(&array, &pos, &e));
        assert_int_equal(pos, array.len);
        kp_buf_free(&b);
    }
}

static void an_empty_array_is_valid_and_has_no_element(void **state)
{
    (void)state;
    for (unsigned t = KP_BOOL; t < KP_TYPES; t++) {
        struct kp_value e, array = { .type = (uint8_t)(t | KP_ARRAY) };
        size_t pos = 0;
        assert_true(kp_value_valid(&array));
        assert_false(kp_array_next(&array, &pos, &e));
    }
}

static void a_bool_in_an_array_is_true_whatever_its_byte(void **state)
{
    (void)state;
    struct kp_value e, array = { .data = "\x80\x00", .len = 2, .type = KP_BOOL | KP_ARRAY };
    size_t pos = 0;
    assert_true(kp_array_next(&array, &pos, &e));
    assert_true(kp_value_equal(&e, &(struct kp_value){ .b = true, .type = KP_BOOL }));
    assert_true(kp_array_next(&array, &pos, &e));
    assert_false(e.b);
}

static void a_value_whose_lengths_do_not_add_up_is_not_valid(void **state)
{
    (void)state;
    static const struct {
        struct kp_value v;
        bool want;
    } cases[] = {
        { { .type = KP_NULL }, true },
        { { .type = KP_DOUBLE }, true },
        { { .type = KP_DOUBLE, .len = 8 }, false },
        { { .type = KP_STRING, .data = "M\xfc", .len = 2 }, false },
        { { .type = KP_STRING, .data = NULL, .len = 2 }, false },
        { { .type = KP_STRING, .data = NULL, .len = 0 }, true },
        { { .type = KP_BYTES, .data = "M\xfc", .len = 2 }, true },
        { { .type = KP_NULL | KP_ARRAY }, false },
        { { .type = KP_TYPES }, false },
        { { .type = KP_TYPES | KP_ARRAY }, false },
        { { .type = KP_DOUBLE | 0x20 }, false },
        { { .type = KP_DOUBLE | 0x90 }, false },
        { { .type = KP_DOUBLE | KP_ARRAY, .data = "12345678", .len = 8 }, true },
        { { .type = KP_DOUBLE | KP_ARRAY, .data = "1234567", .len = 7 }, false },
        { { .type = KP_FLOAT | KP_ARRAY, .data = "123456", .len = 6 }, false },
        { { .type = KP_STRING | KP_ARRAY, .data = "\1\0\0\0x", .len = 5 }, true },
        { { .type = KP_STRING | KP_ARRAY, .data = "\2\0\0\0x", .len = 5 }, false },
        { { .type = KP_STRING | KP_ARRAY, .data = "\1\0\0\0x\0", .len = 6 }, false },
        { { .type = KP_STRING | KP_ARRAY, .data = "\xff\xff\xff\xffx", .len = 5 }, false },
        { { .type = KP_STRING | KP_ARRAY, .data = "\1\0\0\0\xfc", .len = 5 }, false },
        { { .type = KP_BYTES | KP_ARRAY, .data = "\1\0\0\0\xfc", .len = 5 }, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (kp_value_valid(&cases[i].v) != cases[i].want)
            fail_msg("case %zu", i);
}

static void random_bytes_as_an_array_are_walked_without_leaving_them(void **state)
{
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        size_t n = kit_random() % 40;
        uint8_t *data = malloc(n ? n : 1); /* exactly as long, for the address sanitizer */
        for (size_t i = 0; i < n; i++)
            data[i] = kit_random() % 3 ? (uint8_t)(kit_random() % 4) : (uint8_t)kit_random();
        struct kp_value e, v = { .data = data, .len = (uint32_t)n };
        v.type = (uint8_t)((1 + kit_random() % (KP_TYPES - 1)) | KP_ARRAY);
        size_t pos = 0, bytes = 0;
        while (kp_array_next(&v, &pos, &e)) {
            const uint8_t *p = e.data;
            for (uint32_t i = 0; kp_type_indirect(e.type) && i < e.len; i++)
                bytes += p[i] != 0;
        }
        assert_true(pos <= n && bytes <= n);
        char text[64];
        kp_value_print(&v, text, sizeof text);
        assert_true(strlen(text) < sizeof text);
        free(data);
    }
}

/* ---- for people ---- */
static void assert_prints(struct kp_value v, const char *want)
{
    char out[128];
    kp_value_print(&v, out, sizeof out);
    assert_string_equal(out, want);
}

static void values_are_shown_as_people_write_them(void **state)
{
    (void)state;
    assert_prints(kp_double(31.25), "31.25");
    assert_prints(kp_double(0.1), "0.1");
    assert_prints(kp_double(-0.0), "-0");
    assert_prints(kp_double(1e300), "1e+300");
    assert_prints(of_float(0.1f), "0.1");
    assert_prints(kp_int(INT64_MIN), "-9223372036854775808");
    assert_prints(of_u64(UINT64_MAX), "18446744073709551615");
    assert_prints(kp_bool(true), "true");
    assert_prints(kp_bool(false), "false");
    assert_prints((struct kp_value){ 0 }, "-");
    assert_prints((struct kp_value){ .type = 0x0f }, "-");
    assert_prints(text("O1004.NC"), "O1004.NC");
    assert_prints((struct kp_value){ .type = KP_STRING }, "");
    assert_prints(of_bytes("\x00\xff\x1b", 3), "00ff1b");
    assert_prints(of_time(0), "1970-01-01T00:00:00Z");
}

static void a_string_cannot_steer_the_terminal(void **state)
{
    (void)state;
    assert_prints(text("a\x1b[2Jb\nc\x7f"), "a [2Jb c ");
}

static void a_long_array_shows_its_first_elements_and_its_size(void **state)
{
    (void)state;
    struct kp_value list[32];
    for (int i = 0; i < 32; i++)
        list[i] = kp_double(i / 10.0);
    struct kp_buf b;
    struct kp_value array = pack(&b, list, 32);
    assert_prints(array, "[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, ... 32 elements]");
    array.len = 8 * sizeof(double);
    assert_prints(array, "[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]");
    array.len = 0;
    assert_prints(array, "[]");
    kp_buf_free(&b);
    const struct kp_value words[] = { text("a"), text("b c") };
    array = pack(&b, words, 2);
    assert_prints(array, "[a, b c]");
    kp_buf_free(&b);
}

static void printing_cuts_at_any_size_and_never_within_a_character(void **state)
{
    (void)state;
    const struct kp_value list[] = { text("\xe2\x82\xac\xc3\xbc"), text("\xf0\x9f\x94\xa7") };
    struct kp_buf b;
    const struct kp_value values[] = { pack(&b, list, 2), list[0], kp_double(-1.23456789e-300),
                                       of_bytes("\1\2\3\4\5", 5), of_time(1) };
    for (size_t i = 0; i < COUNT(values); i++) {
        char whole[128];
        kp_value_print(&values[i], whole, sizeof whole);
        for (size_t size = 0; size < 40; size++) {
            char out[48];
            memset(out, '#', sizeof out);
            kp_value_print(&values[i], out, size);
            assert_int_equal(out[size], '#');
            if (!size)
                continue;
            assert_true(strlen(out) < size);
            assert_true(kp_utf8_valid(out, strlen(out)));
            assert_memory_equal(out, whole, strlen(out));
        }
    }
    kp_buf_free(&b);
}

static void text_is_read_as_a_value_of_the_type(void **state)
{
    (void)state;
    const struct {
        uint8_t type;
        const char *text;
        struct kp_value want;
    } cases[] = {
        { KP_BOOL, "true", kp_bool(true) },
        { KP_BOOL, "0", kp_bool(false) },
        { KP_INT64, "-12", kp_int(-12) },
        { KP_INT64, "-9223372036854775808", kp_int(INT64_MIN) },
        { KP_UINT64, "18446744073709551615", of_u64(UINT64_MAX) },
        { KP_DOUBLE, "1e3", kp_double(1000) },
        { KP_DOUBLE, "-0", kp_double(-0.0) },
        { KP_DOUBLE, "5e-324", kp_double(5e-324) },
        { KP_DOUBLE, "-inf", kp_double(-INFINITY) },
        { KP_FLOAT, "0.1", of_float(0.1f) },
        { KP_STRING, "any text", text("any text") },
        { KP_STRING, "", text("") },
        { KP_BYTES, "00fFaB", of_bytes("\x00\xff\xab", 3) },
        { KP_BYTES, "", of_bytes("", 0) },
        { KP_TIME, "1970-01-01T00:00:01Z", of_time(KP_SECOND) },
    };
    struct kp_arena arena = { 0 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kp_value got;
        if (!kp_value_parse(&arena, cases[i].type, cases[i].text, &got) ||
            !kp_value_equal(&got, &cases[i].want))
            fail_msg("%s as %s", cases[i].text, kp_type_name(cases[i].type));
    }
    kp_arena_free(&arena);
}

static void text_that_is_no_such_value_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *text;
    } cases[] = {
        { KP_BOOL, "yes" },       { KP_BOOL, "" },
        { KP_BOOL, "True" },      { KP_BOOL, "2" },
        { KP_INT64, "" },         { KP_INT64, "-" },
        { KP_INT64, "1.5" },      { KP_INT64, "12a" },
        { KP_INT64, " 1" },       { KP_INT64, "9223372036854775808" },
        { KP_INT64, "0x10" },     { KP_INT64, "- 1" },
        { KP_UINT64, "-1" },      { KP_UINT64, "18446744073709551616" },
        { KP_UINT64, "+1" },      { KP_DOUBLE, "" },
        { KP_DOUBLE, " 1" },      { KP_DOUBLE, "\t1" },
        { KP_DOUBLE, "1,5" },     { KP_DOUBLE, "1 " },
        { KP_DOUBLE, "1e999" },   { KP_DOUBLE, "-1e999" },
        { KP_DOUBLE, "abc" },     { KP_FLOAT, "1e39" },
        { KP_FLOAT, "" },         { KP_STRING, "\xfc" },
        { KP_BYTES, "0" },        { KP_BYTES, "0g" },
        { KP_BYTES, "\x10\x11" }, { KP_BYTES, "0x" },
        { KP_TIME, "now" },       { KP_TIME, "" },
        { KP_NULL, "" },          { KP_DOUBLE | KP_ARRAY, "1" },
        { KP_TYPES, "1" },        { 0xff, "1" },
    };
    struct kp_arena arena = { 0 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kp_value got;
        if (kp_value_parse(&arena, cases[i].type, cases[i].text, &got))
            fail_msg("'%s' as %s", cases[i].text, kp_type_name(cases[i].type));
    }
    kp_arena_free(&arena);
}

/* ---- status ---- */
static void status_codes_have_the_names_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *name;
    } cases[] = {
        /* OPC UA Part 6, A.2 (StatusCode.csv) */
        { KP_GOOD, "Good" },
        { 0x00300000, "GoodClamped" },
        { KP_UNCERTAIN, "Uncertain" },
        { KP_UNCERTAIN_LAST_USABLE, "UncertainLastUsableValue" },
        { 0x40930000, "UncertainSensorNotAccurate" },
        { KP_BAD, "Bad" },
        { KP_BAD_NO_COMMUNICATION, "BadNoCommunication" },
        { KP_BAD_WAITING_FOR_INITIAL_DATA, "BadWaitingForInitialData" },
        { 0x80340000, "BadNodeIdUnknown" },
        { 0x801A0000, "BadCertificateUntrusted" },
        { 0x808A0000, "BadNotConnected" },
        { 0x808B0000, "BadDeviceFailure" },
        { 0x808C0000, "BadSensorFailure" },
        { 0x808D0000, "BadOutOfService" },
        { 0x80DB0000, "BadTooManyMonitoredItems" },
        { 0x81140000, "BadCertificatePolicyCheckFailed" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t code = 1;
        assert_string_equal(kp_status_name(cases[i].code), cases[i].name);
        assert_true(kp_status_parse(cases[i].name, &code));
        assert_int_equal(code, cases[i].code);
    }
}

static void the_table_is_found_whole_by_name_and_by_number(void **state)
{
    (void)state;
    int names = 0;
    for (uint32_t high = 0; high < 0x10000; high++) {
        static const char *const severity[] = { "Good", "Uncertain", "Bad", "Bad" };
        uint32_t code = high << 16, back = 0;
        const char *name = kp_status_name(code);
        if (strncmp(name, severity[code >> 30], strlen(severity[code >> 30])) != 0)
            fail_msg("0x%08x is called %s", (unsigned)code, name);
        assert_true(kp_status_parse(name, &back));
        if (back == code)
            names++;
        else if (strcmp(name, severity[code >> 30]) != 0)
            fail_msg("%s is 0x%08x and 0x%08x", name, (unsigned)code, (unsigned)back);
    }
    print_message("%d status codes with a name\n", names);
    assert_true(names >= 60);
}

static void flag_bits_do_not_change_the_name(void **state)
{
    (void)state;
    assert_string_equal(kp_status_name(KP_STATUS_OVERFLOW), "Good");
    assert_string_equal(kp_status_name(0x808C0000u | KP_STATUS_OVERFLOW), "BadSensorFailure");
    assert_string_equal(kp_status_name(0x4090ffffu), "UncertainLastUsableValue");
}

static void an_unknown_code_is_called_by_its_severity(void **state)
{
    (void)state;
    assert_string_equal(kp_status_name(0x3fff0000), "Good");
    assert_string_equal(kp_status_name(0x7fff0000), "Uncertain");
    assert_string_equal(kp_status_name(0xbfff0000), "Bad");
    assert_string_equal(kp_status_name(0xffffffff), "Bad");
}

static void a_status_may_be_typed_as_a_number(void **state)
{
    (void)state;
    uint32_t code = 0;
    assert_true(kp_status_parse("0x808C0480", &code));
    assert_int_equal(code, 0x808c0480);
    assert_true(kp_status_parse("0xffffffff", &code));
    assert_int_equal(code, 0xffffffff);
    assert_true(kp_status_parse("0x0", &code));
    assert_int_equal(code, 0);
    static const char *const bad[] = { "",      "0",   "0x",   "0x808C04801", "0x-5",      "0x 5",
                                       "0x0x5", "0xg", "good", "BadSensor",   "2156658688" };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (kp_status_parse(bad[i], &code))
            fail_msg("'%s'", bad[i]);
}

/* ---- out of memory ---- */
static enum kp_code copy_parse_and_pack(void *arg)
{
    (void)arg;
    struct kp_arena arena = { 0 };
    struct kp_buf b;
    struct kp_value v, w, x, y;
    kp_buf_init(&b, 1 << 20);
    static const char big[5000] = { 0 };
    bool done = kp_value_parse(&arena, KP_STRING, "a text of some length", &v) &&
                kp_value_copy(&arena, &w, &v) &&
                kp_value_copy(&arena, &x,
                              &(struct kp_value){ .data = big, .len = 5000, .type = KP_BYTES }) &&
                kp_value_parse(&arena, KP_BYTES, "00ff", &y);
    for (int i = 0; done && i < 100; i++)
        kp_array_add(&b, &v);
    done = done && !b.failed;
    kp_buf_free(&b);
    kp_arena_free(&arena);
    return done ? KP_OK : KP_ENOMEM;
}

static void values_survive_a_lack_of_memory(void **state)
{
    (void)state;
    assert_true(kit_starve("value", copy_parse_and_pack, NULL) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_name_that_reads_back),
        cmocka_unit_test(an_unknown_type_is_a_question_mark_and_no_crash),
        cmocka_unit_test(text_bytes_and_arrays_live_behind_a_pointer),
        cmocka_unit_test(values_are_equal_when_their_bits_are),
        cmocka_unit_test(only_the_bytes_of_a_small_type_count_for_equality),
        cmocka_unit_test(numbers_and_switches_can_be_charted_and_nothing_else),
        cmocka_unit_test(a_copy_survives_the_original),
        cmocka_unit_test(arrays_of_every_type_come_back_as_packed),
        cmocka_unit_test(an_empty_array_is_valid_and_has_no_element),
        cmocka_unit_test(a_bool_in_an_array_is_true_whatever_its_byte),
        cmocka_unit_test(a_value_whose_lengths_do_not_add_up_is_not_valid),
        cmocka_unit_test(random_bytes_as_an_array_are_walked_without_leaving_them),
        cmocka_unit_test(values_are_shown_as_people_write_them),
        cmocka_unit_test(a_string_cannot_steer_the_terminal),
        cmocka_unit_test(a_long_array_shows_its_first_elements_and_its_size),
        cmocka_unit_test(printing_cuts_at_any_size_and_never_within_a_character),
        cmocka_unit_test(text_is_read_as_a_value_of_the_type),
        cmocka_unit_test(text_that_is_no_such_value_is_refused),
        cmocka_unit_test(status_codes_have_the_names_of_the_standard),
        cmocka_unit_test(the_table_is_found_whole_by_name_and_by_number),
        cmocka_unit_test(flag_bits_do_not_change_the_name),
        cmocka_unit_test(an_unknown_code_is_called_by_its_severity),
        cmocka_unit_test(a_status_may_be_typed_as_a_number),
        cmocka_unit_test(values_survive_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
