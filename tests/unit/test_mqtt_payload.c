/* SPDX-License-Identifier: Apache-2.0 */
/* Places in JSON, and what a payload says as which type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/mqtt/payload.h"
#include "core/text.h"

#include <string.h>

static json_t *at(const char *text, const char *place)
{
    static struct kp_arena arena;
    static json_t *doc;
    struct kp_json_path path;
    struct kp_err err = { 0 };
    json_decref(doc);
    kp_arena_free(&arena);
    doc = text ? kp_payload_json(text, strlen(text), &err) : NULL;
    if (!text)
        return NULL;
    assert_non_null(doc);
    assert_int_equal(kp_json_path_parse(&path, &arena, place, &err), KP_OK);
    return kp_json_path_get(doc, &path);
}

static void places_are_found(void **state)
{
    static const char text[] = "{\"a\":{\"b\":[1,{\"c\":7}]},\"x.y\":{\"z\":8},\"0\":9}";
    (void)state;
    assert_int_equal(json_integer_value(at(text, "a.b[1].c")), 7);
    assert_int_equal(json_integer_value(at(text, "[\"x.y\"].z")), 8);
    assert_int_equal(json_integer_value(at(text, "0")), 9);
    assert_int_equal(json_integer_value(at("[[5]]", "[0][0]")), 5);
    assert_null(at(text, "a.b[2]"));
    assert_null(at(text, "a.b.c"));
    assert_null(at(text, "none"));
    at(NULL, NULL);
}

static void odd_places_are_refused(void **state)
{
    static const char *const odd[] = { ".a",  "a..b",  "a.",   "a[",    "a[x]",
                                       "a[1", "[\"a]", "a]b[", "a[1]b", "[]" };
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct kp_json_path path;
        struct kp_arena arena = { 0 };
        struct kp_err err = { 0 };
        assert_int_equal(kp_json_path_parse(&path, &arena, odd[i], &err), KP_EPARSE);
        kp_arena_free(&arena);
    }
}

static struct kp_value whole(const char *text, enum kp_payload_type type, enum kp_code expected)
{
    static struct kp_arena arena;
    struct kp_value v;
    struct kp_err err = { 0 };
    if (!text) {
        kp_arena_free(&arena);
        return (struct kp_value){ 0 };
    }
    kp_arena_reset(&arena);
    assert_int_equal(kp_payload_whole(text, strlen(text), type, &arena, &v, &err), expected);
    return v;
}

static void a_payload_is_what_it_looks_like(void **state)
{
    (void)state;
    assert_true(whole(" 21.5\n", KP_AS_IT_COMES, KP_OK).d == 21.5);
    assert_int_equal(whole("21", KP_AS_IT_COMES, KP_OK).type, KP_DOUBLE);
    assert_int_equal(whole("9007199254740993", KP_AS_IT_COMES, KP_OK).i, 9007199254740993);
    assert_int_equal(whole("true", KP_AS_IT_COMES, KP_OK).type, KP_BOOL);
    assert_int_equal(whole("0x10", KP_AS_IT_COMES, KP_OK).type, KP_STRING);
    assert_int_equal(whole("nan", KP_AS_IT_COMES, KP_OK).type, KP_STRING);
    assert_int_equal(whole("", KP_AS_IT_COMES, KP_OK).type, KP_STRING);
    assert_int_equal(whole("\xff", KP_AS_IT_COMES, KP_OK).type, KP_BYTES);
    whole(NULL, 0, 0);
}

static void a_payload_is_what_the_map_says_or_nothing(void **state)
{
    (void)state;
    struct kp_value v = whole("000123", KP_AS_TEXT, KP_OK);
    assert_int_equal(v.len, 6);
    assert_true(whole("ON", KP_AS_BOOL, KP_OK).b);
    assert_false(whole("0", KP_AS_BOOL, KP_OK).b);
    assert_int_equal(whole("7.0", KP_AS_INTEGER, KP_OK).i, 7);
    assert_int_equal(whole("-9223372036854775808", KP_AS_INTEGER, KP_OK).i, INT64_MIN);
    whole("1e300", KP_AS_INTEGER, KP_EPARSE);
    whole("seven", KP_AS_NUMBER, KP_EPARSE);
    whole("maybe", KP_AS_BOOL, KP_EPARSE);
    whole("{", KP_AS_JSON, KP_EPARSE);
    whole("\xff", KP_AS_TEXT, KP_EPARSE);
    whole(NULL, 0, 0);
}

static void times_are_told_apart_by_their_size(void **state)
{
    static const int64_t expected = INT64_C(1767225600) * KP_SECOND;
    static const char *const same[] = { "1767225600",
                                        "1767225600000",
                                        "1767225600000000",
                                        "1767225600000000000",
                                        "\"2026-01-01T00:00:00Z\"",
                                        "\"1767225600\"",
                                        "1767225600.0" };
    static const char *const none[] = { "true", "-5", "\"soon\"", "1e30", "null" };
    int64_t t = 0;
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(kp_payload_time(at(same[i], ""), &t));
        assert_int_equal(t, expected);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(kp_payload_time(at(none[i], ""), &t));
    at(NULL, NULL);
}

static void json_that_is_too_deep_is_refused(void **state)
{
    char deep[101];
    struct kp_err err = { 0 };
    (void)state;
    memset(deep, '[', 50);
    memset(deep + 50, ']', 50);
    deep[100] = 0;
    assert_null(kp_payload_json(deep, 100, &err));
    assert_non_null(strstr(err.text, "levels deep"));
    err = (struct kp_err){ 0 };
    json_t *j = kp_payload_json("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", 39, &err);
    assert_non_null(j);
    json_decref(j);
}

static bool count(void *arg, const char *path, json_t *j)
{
    (void)j;
    assert_true(*path);
    return ++*(int *)arg < 100000;
}

static void leaves_are_bounded(void **state)
{
    struct kp_err err = { 0 };
    struct kp_buf big;
    int n = 0;
    (void)state;
    kp_buf_init(&big, 1 << 20);
    kp_buf_str(&big, "[0");
    for (int i = 0; i < 5000; i++)
        kp_buf_str(&big, ",1");
    kp_buf_str(&big, "]");
    json_t *j = kp_payload_json(kp_buf_text(&big), big.len, &err);
    assert_non_null(j);
    kp_payload_leaves(j, count, &n);
    assert_int_equal(n, KP_JSON_LEAVES_MAX);
    json_decref(j);
    kp_buf_free(&big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_found),
        cmocka_unit_test(odd_places_are_refused),
        cmocka_unit_test(a_payload_is_what_it_looks_like),
        cmocka_unit_test(a_payload_is_what_the_map_says_or_nothing),
        cmocka_unit_test(times_are_told_apart_by_their_size),
        cmocka_unit_test(json_that_is_too_deep_is_refused),
        cmocka_unit_test(leaves_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
