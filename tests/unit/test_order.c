/* SPDX-License-Identifier: Apache-2.0 */
/* Work orders over a store: taken once, changed only when that was meant, worked at by one machine
 * at a time. */
#include "store_kit.h"

#include "flex/order.h"
#include "net/json_memory.h"

#include "core/ban.h"

#define MINUTE (60 * KP_SECOND)

static struct kit *k;
static struct kp_shop *shop;
static kp_asset mill, lathe;
static struct kp_arena arena;

static int begin(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    k = kit_new();
    kit_open(k);
    kit_hub(k);
    shop = kp_shop_new(k->hub, k->store, &k->clock.clock, &err);
    mill = kp_model_make_path(kp_hub_model(k->hub), "hall/mill", KP_MACHINE, &err);
    lathe = kp_model_make_path(kp_hub_model(k->hub), "hall/lathe", KP_MACHINE, &err);
    kit_ok(&err);
    assert_true(mill && lathe);
    return 0;
}

static int end(void **state)
{
    (void)state;
    kp_arena_free(&arena);
    kit_close(k);
    kp_shop_free(shop);
    kit_free(k);
    return 0;
}

/* An order as REST takes it; the error's text, "" when it was taken. */
static const char *take(const char *json, struct kp_order_taken *taken)
{
    static struct kp_err err;
    struct kp_order_in in;
    bool replace;
    json_t *o = json_loads(json, 0, NULL);
    err = (struct kp_err){ 0 };
    assert_non_null(o);
    if (!kp_order_parse(o, &arena, &in, &replace, &err))
        kp_orders_take(shop, &in, 1, replace, NULL, taken, &err);
    json_decref(o);
    return err.text;
}

static struct kp_order order(int64_t id)
{
    struct kp_order o;
    struct kp_err err = { 0 };
    kp_orders_get(shop, id, &arena, &o, &err);
    kit_ok(&err);
    return o;
}

static const char two_steps[] =
    "{\"number\":\"4711\",\"sender\":\"ACME\",\"item\":\"flange\",\"quantity\":10,"
    "\"due\":\"2026-12-01\",\"operations\":[{\"number\":\"10\",\"asset\":\"hall/"
    "mill\",\"cycle\":\"190s\",\"setup\":\"10m\"},"
    "{\"number\":\"20\",\"asset\":\"hall/lathe\"}]}";

static void an_order_is_taken_once_and_says_what_it_said(void **state)
{
    struct kp_order_taken first, second;
    (void)state;
    assert_string_equal(take(two_steps, &first), "");
    assert_false(first.repeated);
    assert_string_equal(take(two_steps, &second), "");
    assert_true(second.repeated);
    assert_int_equal(first.id, second.id);
    struct kp_order o = order(first.id);
    assert_string_equal(o.number, "4711");
    assert_int_equal(o.n, 2);
    assert_string_equal(o.operations[0].asset, "hall/mill");
    assert_true(o.operations[1].quantity == 10);
    assert_int_equal(o.operations[0].remaining, 2500 * KP_SECOND);
    assert_int_equal(o.operations[1].remaining, -1);
    assert_string_equal(o.state, "open");
    assert_int_equal(kit_number(k, "select count(*) from operation"), 2);
}

static void another_order_under_its_number_is_refused_with_what_differs(void **state)
{
    struct kp_order_taken t;
    (void)state;
    assert_string_equal(take(two_steps, &t), "");
    assert_string_equal(
        take("{\"number\":\"4711\",\"sender\":\"ACME\",\"item\":\"flange\",\"quantity\":12,"
             "\"due\":\"2026-12-01\",\"operations\":[{\"number\":\"10\",\"asset\":\"hall/mill\","
             "\"cycle\":\"200s\",\"setup\":\"10m\"}]}",
             &t),
        "order 4711 is there with other content: quantity was 10, is 12, operation 10: quantity "
        "was 10, is 12, cycle was 190s, is 200s, operation 20 is missing");
    assert_string_equal(order(t.id).operations[0].state, "open");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_order_is_taken_once_and_says_what_it_said, begin, end),
        cmocka_unit_test_setup_teardown(another_order_under_its_number_is_refused_with_what_differs,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
