/* SPDX-License-Identifier: Apache-2.0 */
/* Sparkplug payloads: signs, limits, and values to be sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/sparkplug/payload.h"

#include <string.h>

static struct kp_value value(Sparkplug__Metric *m, uint32_t type, enum kp_code expected)
{
    static struct kp_buf room;
    struct kp_value v;
    struct kp_err err = { 0 };
    kp_buf_free(&room);
    kp_buf_init(&room, 1 << 20);
    if (!m)
        return (struct kp_value){ 0 };
    assert_int_equal(kp_sparkplug_value(m, type, &room, &v, &err), expected);
    assert_true(expected || kp_value_valid(&v));
    return v;
}

static void signed_numbers_keep_their_sign_in_every_field(void **state)
{
    Sparkplug__Metric m = SPARKPLUG__METRIC__INIT;
    (void)state;
    m.value_case = SPARKPLUG__METRIC__VALUE_INT_VALUE;
    m.int_value = 0xf4;
    assert_int_equal(value(&m, KP_SP_INT8, KP_OK).i, -12);
    m.int_value = 0xfffffff4;
    assert_int_equal(value(&m, KP_SP_INT8, KP_OK).i, -12);
    assert_int_equal(value(&m, KP_SP_INT32, KP_OK).i, -12);
    assert_int_equal(value(&m, KP_SP_UINT32, KP_OK).u, 0xfffffff4);
    m.value_case = SPARKPLUG__METRIC__VALUE_LONG_VALUE;
    m.long_value = UINT64_MAX;
    assert_int_equal(value(&m, KP_SP_INT64, KP_OK).i, -1);
    assert_int_equal(value(&m, KP_SP_INT32, KP_OK).i, -1);
    assert_true(value(&m, KP_SP_UINT64, KP_OK).u == UINT64_MAX);
    value(NULL, 0, 0);
}

static void a_value_of_another_type_is_no_value(void **state)
{
    Sparkplug__Metric m = SPARKPLUG__METRIC__INIT;
    static char text[] = "x";
    static uint8_t odd[] = { 1, 2, 3 };
    (void)state;
    value(&m, KP_SP_INT32, KP_EPARSE);
    m.value_case = SPARKPLUG__METRIC__VALUE_STRING_VALUE;
    m.string_value = text;
    value(&m, KP_SP_INT32, KP_EPARSE);
    value(&m, 99, KP_EPARSE);
    m.value_case = SPARKPLUG__METRIC__VALUE_BYTES_VALUE;
    m.bytes_value = (ProtobufCBinaryData){ sizeof odd, odd };
    value(&m, KP_SP_INT16_ARRAY, KP_EPARSE);
    value(&m, KP_SP_BOOLEAN_ARRAY, KP_EPARSE);
    value(NULL, 0, 0);
}

static void put(struct kp_value v, uint32_t type, enum kp_code expected, uint64_t bits)
{
    Sparkplug__Metric m = SPARKPLUG__METRIC__INIT;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    assert_int_equal(kp_sparkplug_put(&v, type, &arena, &m, &err), expected);
    if (!expected && m.value_case == SPARKPLUG__METRIC__VALUE_INT_VALUE)
        assert_int_equal(m.int_value, bits);
    if (!expected && m.value_case == SPARKPLUG__METRIC__VALUE_LONG_VALUE)
        assert_true(m.long_value == bits);
    kp_arena_free(&arena);
}

static void what_is_sent_fits_its_type_or_is_refused(void **state)
{
    (void)state;
    put(kp_int(-12), KP_SP_INT8, KP_OK, 0xfffffff4);
    put(kp_int(127), KP_SP_INT8, KP_OK, 127);
    put(kp_int(128), KP_SP_INT8, KP_EINVALID, 0);
    put(kp_int(-129), KP_SP_INT8, KP_EINVALID, 0);
    put(kp_int(-1), KP_SP_UINT64, KP_EINVALID, 0);
    put(kp_int(INT64_MIN), KP_SP_INT64, KP_OK, (uint64_t)INT64_MIN);
    put(kp_double(3), KP_SP_UINT16, KP_OK, 3);
    put(kp_double(3.5), KP_SP_UINT16, KP_EINVALID, 0);
    put(kp_double(-0x1p63), KP_SP_INT64, KP_OK, (uint64_t)INT64_MIN);
    put(kp_double(0x1p63), KP_SP_INT64, KP_EINVALID, 0);
    put((struct kp_value){ .u = UINT64_MAX, .type = KP_UINT64 }, KP_SP_INT64, KP_EINVALID, 0);
    put(kp_string("x", 1), KP_SP_INT32, KP_EINVALID, 0);
    put(kp_string("x", 1), KP_SP_TEXT, KP_OK, 0);
    put(kp_bool(true), KP_SP_BOOLEAN, KP_OK, 1);
}

static void a_payload_may_not_cost_more_than_it_weighs(void **state)
{
    static uint8_t many[2 * 70000];
    struct kp_err err = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof many; i += 2)
        many[i] = 0x12; /* an empty metric */
    assert_null(kp_sparkplug_unpack(many, sizeof many, &err));
    assert_int_equal(err.code, KP_EPARSE);
    err = (struct kp_err){ 0 };
    Sparkplug__Payload *p = kp_sparkplug_unpack(many, 200, &err);
    assert_non_null(p);
    assert_int_equal(p->n_metrics, 100);
    kp_sparkplug_free(p);
    assert_non_null(p = kp_sparkplug_unpack("", 0, &err));
    kp_sparkplug_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_numbers_keep_their_sign_in_every_field),
        cmocka_unit_test(a_value_of_another_type_is_no_value),
        cmocka_unit_test(what_is_sent_fits_its_type_or_is_refused),
        cmocka_unit_test(a_payload_may_not_cost_more_than_it_weighs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
