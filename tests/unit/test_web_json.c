/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in JSON: strict reading, fields as the node takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "web/body.h"

#include <stdio.h>
#include <string.h>

static const char *const keys[] = { "url", "name", "limit", NULL };

static const struct kp_body_key keys_any[] = { { "deep", KP_BODY_DOCUMENT }, { "*", KP_BODY_SCALAR }, { NULL, 0 } };

static json_t *read_body(const char *text, const char *const *known, struct kp_err *err)
{
    *err = (struct kp_err){ 0 };
    return kp_body_object(text, strlen(text), known, err);
}

static void refused(const char *text, enum kp_code code, const char *said)
{
    struct kp_err err;
    assert_null(read_body(text, keys, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, said))
        fail_msg("%.60s gave: %s", text, err.text);
}

static void malformed_bodies_are_refused_with_the_place(void **state)
{
    (void)state;
    refused("{\"url\":", KP_EPARSE, "body:1:");
    refused("{\n\"url\" \"x\"}", KP_EPARSE, "body:2:");
    refused("{\"url\":1}x", KP_EPARSE, "body:1:");
    refused("{\"url\":1,\"url\":2}", KP_EPARSE, "duplicate");
    refused("{\"url\":\"\\u0000\"}", KP_EPARSE, "body:1:");
    refused("{\"url\":\"\xff\"}", KP_EPARSE, "body:1:");
    refused("{'url':1}", KP_EPARSE, "body:1:");
    refused("{\"limit\":99999999999999999999}", KP_EPARSE, "body:1:");
    refused("[]", KP_EINVALID, "must be a JSON object");
    refused(" ", KP_EPARSE, "body:1:");
}

static void an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    refused("{\"ulr\":1}", KP_EINVALID, "unknown key 'ulr', did you mean 'url'?");
    refused("{\"qqqqqqqqqq\":1}", KP_EINVALID, "unknown key 'qqqqqqqqqq'");
}

static void an_empty_body_is_refused(void **state)
{
    (void)state;
    refused("", KP_EINVALID, "the body is missing");
}

static void nesting_has_a_limit_and_brackets_in_texts_do_not_count(void **state)
{
    (void)state;
    char deep[100] = "{\"url\":";
    size_t n = strlen(deep);
    memset(deep + n, '[', KP_JSON_DEPTH);
    refused(deep, KP_EPARSE, "nested deeper than 16");
    struct kp_err err;
    json_t *o = read_body("{\"url\":\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}", keys, &err);
    assert_non_null(o);
    json_decref(o);
    deep[n + KP_JSON_DEPTH - 1] = 0; /* with the object exactly the limit */
    assert_null(read_body(deep, keys, &err));
    assert_non_null(strstr(err.text, "body:1:"));
}

static void texts_and_whole_numbers_are_checked(void **state)
{
    (void)state;
    struct kp_err err;
    const char *text;
    int64_t number;
    json_t *o = read_body("{\"url\":\"a\",\"name\":5,\"limit\":10}", keys, &err);
    assert_int_equal(kp_body_text(o, "url", true, &text, &err), KP_OK);
    assert_string_equal(text, "a");
    assert_int_equal(kp_body_text(o, "missing", false, &text, &err), KP_OK);
    assert_null(text);
    assert_int_equal(kp_body_int(o, "limit", 1, 10, 3, &number, &err), KP_OK);
    assert_int_equal(number, 10);
    assert_int_equal(kp_body_int(o, "missing", 1, 10, 3, &number, &err), KP_OK);
    assert_int_equal(number, 3);
    assert_int_equal(kp_body_text(o, "name", true, &text, &err), KP_EINVALID);
    assert_string_equal(err.text, "'name' must be a text");
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_body_text(o, "missing", true, &text, &err), KP_EINVALID);
    assert_string_equal(err.text, "'missing' is missing in the body");
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_body_int(o, "limit", 1, 9, 3, &number, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_body_int(o, "url", 1, 9, 3, &number, &err), KP_EINVALID);
    json_decref(o);
}

static const char *find(const struct kp_field *f, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(f[i].key, key) == 0)
            return f[i].value ? f[i].value : "(null)";
    return "(none)";
}

static void fields_keep_numbers_exact_and_flatten_one_object(void **state)
{
    (void)state;
    struct kp_err err;
    struct kp_arena arena = { 0 };
    struct kp_field *f;
    size_t n;
    json_t *o = read_body("{\"url\":\"x\",\"big\":9007199254740993,\"real\":0.1,\"yes\":true,\"no\":false,\"none\":null,"
                          "\"deep\":{\"a\":[1,\"b\"]},\"settings\":{\"password\":\"p\"}}", NULL, &err);
    assert_int_equal(kp_body_fields(o, keys_any, "url", "settings", &arena, &f, &n, &err), KP_OK);
    json_decref(o);
    assert_int_equal(n, 7);
    assert_string_equal(find(f, n, "url"), "(none)");
    assert_string_equal(find(f, n, "big"), "9007199254740993");
    assert_string_equal(find(f, n, "real"), "0.1");
    assert_string_equal(find(f, n, "yes"), "true");
    assert_string_equal(find(f, n, "no"), "false");
    assert_string_equal(find(f, n, "none"), "(null)");
    assert_string_equal(find(f, n, "deep"), "{\"a\":[1,\"b\"]}");
    assert_string_equal(find(f, n, "password"), "p");
    kp_arena_free(&arena);
}

static void members_of_another_kind_are_refused_by_name(void **state)
{
    (void)state;
    static const struct kp_body_key table[] = { { "low", KP_BODY_NUMBER }, { "on", KP_BODY_TRUTH }, { "doc", KP_BODY_DOCUMENT }, { NULL, 0 } };
    static const struct {
        const char *body, *said;
    } cases[] = {
        { "{\"a\":\"x\",\"b\":null,\"low\":1,\"on\":true,\"doc\":{}}", "" },
        { "{\"low\":\"1\",\"on\":\"yes\",\"doc\":null}", "" },
        { "{\"a\":1}", "'a' must be a text" },
        { "{\"a\":[]}", "'a' must be a text" },
        { "{\"low\":true}", "'low' must be a number" },
        { "{\"on\":1}", "'on' must be true or false" },
        { "{\"doc\":\"{}\"}", "'doc' must be an object" },
        { "{\"doc\":[]}", "'doc' must be an object" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kp_err err;
        struct kp_arena arena = { 0 };
        struct kp_field *f;
        size_t n;
        json_t *o = read_body(cases[i].body, NULL, &err);
        kp_body_fields(o, table, NULL, NULL, &arena, &f, &n, &err);
        assert_string_equal(err.text, cases[i].said);
        json_decref(o);
        kp_arena_free(&arena);
    }
}

static void too_many_fields_and_a_flattened_text_are_refused(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_field *f;
    size_t n;
    char name[16];
    json_t *o = json_object();
    for (int i = 0; i <= KP_FIELDS_MAX; i++) {
        snprintf(name, sizeof name, "k%d", i);
        json_object_set_new(o, name, json_true());
    }
    assert_int_equal(kp_body_fields(o, keys_any, NULL, NULL, &arena, &f, &n, &err), KP_EINVALID);
    json_object_clear(o);
    json_object_set_new(o, "settings", json_string("x"));
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_body_fields(o, keys_any, NULL, "settings", &arena, &f, &n, &err), KP_EINVALID);
    assert_string_equal(err.text, "'settings' must be an object");
    json_decref(o);
    kp_arena_free(&arena);
}

static void running_out_of_memory_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    long live = kp_mem_live(), n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        struct kp_arena arena = { 0 };
        struct kp_field *f;
        size_t count = 0;
        kp_mem_fail_at(n);
        json_t *o = read_body("{\"url\":\"a\",\"real\":0.5,\"n\":12,\"deep\":{\"x\":[2]}}", NULL, &err);
        if (o)
            kp_body_fields(o, keys_any, NULL, NULL, &arena, &f, &count, &err);
        kp_mem_fail_at(0);
        json_decref(o);
        kp_arena_free(&arena);
        assert_int_equal(kp_mem_live(), live);
        if (!err.code) {
            assert_int_equal(count, 4);
            break;
        }
        assert_int_equal(err.code, KP_ENOMEM);
    }
    assert_true(n > 5);
    print_message("%ld allocations failed in turn\n", n - 1);
}

int main(void)
{
    kp_body_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_bodies_are_refused_with_the_place),
        cmocka_unit_test(an_unknown_key_names_the_nearest),
        cmocka_unit_test(an_empty_body_is_refused),
        cmocka_unit_test(nesting_has_a_limit_and_brackets_in_texts_do_not_count),
        cmocka_unit_test(texts_and_whole_numbers_are_checked),
        cmocka_unit_test(fields_keep_numbers_exact_and_flatten_one_object),
        cmocka_unit_test(members_of_another_kind_are_refused_by_name),
        cmocka_unit_test(too_many_fields_and_a_flattened_text_are_refused),
        cmocka_unit_test(running_out_of_memory_is_reported_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
