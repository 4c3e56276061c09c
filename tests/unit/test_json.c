/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer writes, read back by a reader that is not ours. */
#include "core_kit.h"

#include "core/json.h"
#include "core/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "core/ban.h"

enum { LIMIT = 1 << 20 };

/* Writes one value with `write` and returns the text, which lives until the next call. */
static struct kp_buf scratch;
static const char *written(void (*write)(struct kp_json *, const void *), const void *arg)
{
    kp_buf_free(&scratch);
    kp_buf_init(&scratch, LIMIT);
    struct kp_json j = kp_json(&scratch);
    write(&j, arg);
    assert_false(scratch.failed);
    return kp_buf_text(&scratch);
}

static int forget(void **state)
{
    (void)state;
    kp_buf_free(&scratch);
    return 0;
}

static void write_double(struct kp_json *j, const void *arg)
{
    kp_json_double(j, *(const double *)arg);
}

static void write_value(struct kp_json *j, const void *arg)
{
    kp_json_value(j, arg);
}

static void write_text(struct kp_json *j, const void *arg)
{
    kp_json_text(j, arg);
}

static const char *value(struct kp_value v)
{
    return written(write_value, &v);
}

/* ---- structure ---- */
static void commas_stand_where_they_belong(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, LIMIT);
    struct kp_json j = kp_json(&b);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "name", "dmu50");
    kp_json_put_int(&j, "n", -4);
    kp_json_put_bool(&j, "on", true);
    kp_json_put_time(&j, "since", 0);
    kp_json_put_time(&j, "until", KP_FOREVER);
    kp_json_put_time(&j, "seen", KP_NO_TIME);
    kp_json_key(&j, "empty");
    kp_json_begin(&j, '[');
    kp_json_end(&j, ']');
    kp_json_key(&j, "list");
    kp_json_begin(&j, '[');
    kp_json_uint(&j, UINT64_MAX);
    kp_json_begin(&j, '{');
    kp_json_end(&j, '}');
    kp_json_begin(&j, '[');
    kp_json_null(&j);
    kp_json_end(&j, ']');
    kp_json_raw(&j, "{\"raw\":1}");
    kp_json_raw(&j, "");
    kp_json_raw(&j, NULL);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    assert_string_equal(
        kp_buf_text(&b),
        "{\"name\":\"dmu50\",\"n\":-4,\"on\":true,\"since\":\"1970-01-01T00:00:00Z\","
        "\"until\":null,\"seen\":null,\"empty\":[],"
        "\"list\":[18446744073709551615,{},[null],{\"raw\":1},null,null]}");
    kp_buf_free(&b);
}

/* The writer looks at texts by words of eight bytes: nothing may slip through at a border of one. */
static void what_needs_escaping_is_found_at_every_place_of_every_length(void **state)
{
    (void)state;
    static const char odd[] = { '"', '\\', '\n', 0x1f };
    for (size_t n = 1; n <= 25; n++)
        for (size_t at = 0; at < n; at++)
            for (size_t i = 0; i < sizeof odd; i++) {
                char text[32] = { 0 };
                memset(text, '!', n);
                text[at] = odd[i];
                struct kp_buf b;
                kp_buf_init(&b, LIMIT);
                struct kp_json j = kp_json(&b);
                kp_json_begin(&j, '{');
                kp_json_put_text(&j, text, text);
                kp_json_end(&j, '}');
                json_t *read = json_loads(kp_buf_text(&b), 0, NULL);
                assert_string_equal(json_string_value(json_object_get(read, text)), text);
                json_decref(read);
                kp_buf_free(&b);
            }
}

/* ---- numbers ---- */
static void doubles_have_the_fewest_digits_that_are_exact(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *want;
    } cases[] = {
        { 0.1, "0.1" },
        { 31.25, "31.25" },
        { 3, "3" },
        { 0, "0" },
        { -0.0, "-0.0" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1.0 / 3, "0.3333333333333333" },
        { 100, "100" },
        { 1e21, "1e+21" },
        { 5e-324, "4.94065645841247e-324" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { NAN, "null" },
        { INFINITY, "null" },
        { -INFINITY, "null" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(written(write_double, &cases[i].d), cases[i].want);
}

static void every_double_reads_back_bit_for_bit(void **state)
{
    (void)state;
    for (int turn = 0; turn < 100000; turn++) {
        uint64_t bits = kit_random();
        double d;
        memcpy(&d, &bits, sizeof d);
        if (turn % 2)
            d = (double)(int64_t)(bits % 2000000) / 1000 - 1000; /* as sensors send them */
        if (!isfinite(d))
            continue;
        json_t *read = json_loads(written(write_double, &d), JSON_DECODE_ANY, NULL);
        double back = json_number_value(read);
        assert_non_null(read);
        json_decref(read);
        if (memcmp(&back, &d, sizeof d) != 0)
            fail_msg("%a comes back as %a", d, back);
    }
    json_t *zero = json_loads("[-0.0]", 0, NULL);
    assert_true(
        signbit(json_real_value(json_array_get(zero, 0)))); /* why it is not written as -0 */
    json_decref(zero);
}

static void every_float_reads_back_in_at_most_nine_digits(void **state)
{
    (void)state;
    assert_string_equal(value((struct kp_value){ .f = 0.1f, .type = KP_FLOAT }), "0.1");
    assert_string_equal(value((struct kp_value){ .f = -0.0f, .type = KP_FLOAT }), "-0.0");
    assert_string_equal(value((struct kp_value){ .f = 16777216.0f, .type = KP_FLOAT }), "16777216");
    for (int turn = 0; turn < 100000; turn++) {
        uint32_t bits = (uint32_t)kit_random();
        struct kp_value v = { .type = KP_FLOAT };
        memcpy(&v.f, &bits, sizeof v.f);
        if (!isfinite(v.f))
            continue;
        const char *text = value(v);
        float back = strtof(text, NULL);
        size_t digits = 0;
        for (const char *p = text; *p && *p != 'e'; p++)
            digits += *p >= '0' && *p <= '9';
        while (text[0] == '0' || text[0] == '-' ||
               text[0] == '.') { /* zeros in front are no digits */
            digits -= text[0] == '0';
            text++;
        }
        if (memcmp(&back, &v.f, sizeof back) != 0 || digits > 9)
            fail_msg("%a as %s", (double)v.f, text);
    }
}

static void integers_of_64_bits_are_written_in_full(void **state)
{
    (void)state;
    assert_string_equal(value(kp_int(INT64_MIN)), "-9223372036854775808");
    assert_string_equal(value(kp_int(9007199254740993)), "9007199254740993"); /* no double has it */
    assert_string_equal(value((struct kp_value){ .u = UINT64_MAX, .type = KP_UINT64 }),
                        "\"18446744073709551615\"");
}

/* ---- text ---- */
static void text_is_quoted_as_json_wants_it(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "", "\"\"" },
        { "plain", "\"plain\"" },
        { "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
        { "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
        { "\x01\x1b\x1f", "\"\\u0001\\u001b\\u001f\"" },
        { "25 \xc2\xb0"
          "C",
          "\"25 \xc2\xb0"
          "C\"" },
        { "M\xfcller", "\"M\xef\xbf\xbdller\"" },
        { "\xfc\"\n", "\"\xef\xbf\xbd\\\"\\n\"" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(written(write_text, cases[i].in), cases[i].want);
    assert_string_equal(written(write_text, NULL), "null");
}

static void any_text_reads_back_as_it_was_when_it_was_valid(void **state)
{
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        char in[40];
        size_t n = kit_random() % sizeof in;
        for (size_t i = 0; i < n; i++)
            in[i] = (char)(turn % 2 ? kit_random() : kit_random() % 128);
        const char *text = value(kp_string(in, n));
        json_t *read = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (!read)
            fail_msg("not JSON: %s", text);
        if (kp_utf8_valid(in, n)) {
            assert_int_equal(json_string_length(read), n);
            assert_memory_equal(json_string_value(read), in, n);
        }
        json_decref(read);
    }
}

static void keys_are_quoted_like_texts(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, LIMIT);
    struct kp_json j = kp_json(&b);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "a\"b", 1);
    kp_json_put_int(&j, "\xfc", 2);
    kp_json_end(&j, '}');
    assert_string_equal(kp_buf_text(&b), "{\"a\\\"b\":1,\"\xef\xbf\xbd\":2}");
    kp_buf_free(&b);
}

/* ---- values of machines ---- */
static void a_value_is_written_as_opc_ua_part_6_does(void **state)
{
    (void)state;
    assert_string_equal(value((struct kp_value){ 0 }), "null");
    assert_string_equal(value((struct kp_value){ .type = 0x0f }), "null");
    assert_string_equal(value(kp_bool(true)), "true");
    assert_string_equal(value(kp_bool(false)), "false");
    assert_string_equal(value(kp_double(NAN)), "\"NaN\"");
    assert_string_equal(value(kp_double(INFINITY)), "\"Infinity\"");
    assert_string_equal(value(kp_double(-INFINITY)), "\"-Infinity\"");
    assert_string_equal(value((struct kp_value){ .f = -INFINITY, .type = KP_FLOAT }),
                        "\"-Infinity\"");
    assert_string_equal(value((struct kp_value){ .i = 1, .type = KP_TIME }),
                        "\"1970-01-01T00:00:00.000000001Z\"");
    assert_string_equal(value((struct kp_value){ .type = KP_STRING }), "\"\"");
    assert_string_equal(value((struct kp_value){ .type = KP_BYTES }), "\"\"");
}

static void bytes_are_base64(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } cases[] = {
        /* RFC 4648, 10 */
        { "f", "\"Zg==\"" },
        { "fo", "\"Zm8=\"" },
        { "foo", "\"Zm9v\"" },
        { "foob", "\"Zm9vYg==\"" },
        { "fooba", "\"Zm9vYmE=\"" },
        { "foobar", "\"Zm9vYmFy\"" },
        { "\xff\xfe\xfd", "\"//79\"" },
        { "\xfb\xef\xbe", "\"++++\"" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kp_value v = kp_string(cases[i].in, strlen(cases[i].in));
        v.type = KP_BYTES;
        assert_string_equal(value(v), cases[i].want);
    }
}

static void arrays_are_arrays(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, LIMIT);
    for (int i = 0; i < 3; i++)
        kp_array_add(&b, &(struct kp_value){ .d = i == 1 ? NAN : i / 10.0, .type = KP_DOUBLE });
    assert_string_equal(value((struct kp_value){
                            .data = b.data, .len = (uint32_t)b.len, .type = KP_DOUBLE | KP_ARRAY }),
                        "[0,\"NaN\",0.2]");
    kp_buf_free(&b);
    kp_array_add(&b, &(struct kp_value){ .data = "a\"", .len = 2, .type = KP_STRING });
    kp_array_add(&b, &(struct kp_value){ .data = "", .len = 0, .type = KP_STRING });
    assert_string_equal(value((struct kp_value){
                            .data = b.data, .len = (uint32_t)b.len, .type = KP_STRING | KP_ARRAY }),
                        "[\"a\\\"\",\"\"]");
    kp_buf_free(&b);
    assert_string_equal(value((struct kp_value){ .type = KP_INT64 | KP_ARRAY }), "[]");
}

/* ---- limits ---- */
static void a_reply_over_its_limit_fails_as_a_whole(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, 50);
    struct kp_json j = kp_json(&b);
    kp_json_begin(&j, '[');
    for (int i = 0; i < 20; i++)
        kp_json_text(&j, "text");
    kp_json_end(&j, ']');
    assert_true(b.failed);
    assert_true(b.len <= 50);
    assert_string_equal(kp_buf_text(&b), "");
    kp_buf_free(&b);
}

static enum kp_code a_reply(void *arg)
{
    (void)arg;
    struct kp_buf b;
    kp_buf_init(&b, LIMIT);
    struct kp_json j = kp_json(&b);
    kp_json_begin(&j, '[');
    for (int i = 0; i < 40; i++) {
        kp_json_text(&j, "a text with \xff in it");
        kp_json_double(&j, i / 7.0);
        kp_json_value(&j, &(struct kp_value){ .data = "bytes", .len = 5, .type = KP_BYTES });
    }
    kp_json_end(&j, ']');
    bool done = !b.failed;
    kp_buf_free(&b);
    return done ? KP_OK : KP_ENOMEM;
}

static void a_reply_survives_a_lack_of_memory(void **state)
{
    (void)state;
    assert_true(kit_starve("json", a_reply, NULL) >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_where_they_belong),
        cmocka_unit_test(what_needs_escaping_is_found_at_every_place_of_every_length),
        cmocka_unit_test(doubles_have_the_fewest_digits_that_are_exact),
        cmocka_unit_test(every_double_reads_back_bit_for_bit),
        cmocka_unit_test(every_float_reads_back_in_at_most_nine_digits),
        cmocka_unit_test(integers_of_64_bits_are_written_in_full),
        cmocka_unit_test(text_is_quoted_as_json_wants_it),
        cmocka_unit_test(any_text_reads_back_as_it_was_when_it_was_valid),
        cmocka_unit_test(keys_are_quoted_like_texts),
        cmocka_unit_test(a_value_is_written_as_opc_ua_part_6_does),
        cmocka_unit_test(bytes_are_base64),
        cmocka_unit_test(arrays_are_arrays),
        cmocka_unit_test(a_reply_over_its_limit_fails_as_a_whole),
        cmocka_unit_test(a_reply_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
