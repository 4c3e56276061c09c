/* SPDX-License-Identifier: Apache-2.0 */
/* What went out to partners: what is told of it, and which pulls are unusual. */
#include "store_kit.h"

#include "core/hub_private.h"
#include "net/json_memory.h"
#include "share/share.h"

#include "core/ban.h"

#define DAY  (86400 * KP_SECOND)
#define HOUR (3600 * KP_SECOND)

struct shop {
    struct kit *kit;
    struct kp_share *share;
};
struct pull {
    const char *agreement, *way, *signals;
    int64_t at, count;
};

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct pull *p = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into share_exit(at, partner, agreement, transfer, dataset, way, from_at, to_at, "
        "count, bytes, signals, hash, ended) values(?1, 'acme', ?2, 1, 'd', ?3, ?1 - 1000, ?1, ?4, "
        "10 * ?4, ?5, x'00ff', ?1 + 1)",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, p->at);
    kp_bind_text(s, 2, p->agreement);
    kp_bind_text(s, 3, p->way);
    kp_bind_int(s, 4, p->count);
    kp_bind_text(s, 5, p->signals);
    return kp_run(s, err);
}

static void went(struct shop *shop, int64_t at, int64_t count, const char *signals)
{
    struct kp_err err = { 0 };
    struct pull p = { "a", "pull", signals, at, count };
    kp_store_do(shop->kit->store, insert, &p, &err);
    kit_ok(&err);
}

#define LOAD "[\"hall/load\"]"
/* `days` days with two pulls of 500 values, at 10:00 and at 11:00. */
static struct shop shop_with(int days)
{
    struct kp_err err = { 0 };
    struct shop shop = { .kit = kit_new() };
    kit_open(shop.kit);
    kit_hub(shop.kit);
    shop.share =
        kp_share_new(shop.kit->store, kp_hub_model(shop.kit->hub), &shop.kit->clock.clock, &err);
    kit_ok(&err);
    kp_share_watched_by(shop.share, shop.kit->hub);
    for (int i = days; i > 0; i--) {
        went(&shop, KIT_NOW - (i + 1) * DAY, 500, LOAD);
        went(&shop, KIT_NOW - (i + 1) * DAY + HOUR, 500, LOAD);
    }
    return shop;
}

static void shop_free(struct shop *shop)
{
    kp_share_free(shop->share);
    kit_free(shop->kit);
}

/* What is told of the volume, the hour or the signals; NULL: nothing. */
static const char *told(struct shop *shop, const char *kind)
{
    char key[80];
    struct kp_err err = { 0 };
    kp_share_judge(shop->share, &err);
    kit_ok(&err);
    snprintf(key, sizeof key, "unusual-%s-acme", kind);
    for (size_t i = 0; i < shop->kit->hub->n_conditions; i++)
        if (strcmp(shop->kit->hub->conditions[i].key, key) == 0)
            return shop->kit->hub->conditions[i].text;
    return NULL;
}

static void what_is_usual_is_no_alarm(void **state)
{
    (void)state;
    struct shop shop = shop_with(7);
    went(&shop, KIT_NOW - 60 * KP_SECOND, 900, LOAD);
    assert_null(told(&shop, "volume"));
    assert_null(told(&shop, "hour"));
    assert_null(told(&shop, "signals"));
    shop_free(&shop);
}

static void far_more_values_than_on_any_day_are_an_alarm_until_a_day_has_passed(void **state)
{
    (void)state;
    struct shop shop = shop_with(7);
    for (int i = 0; i < 4; i++) /* many small ones are as much as a large one */
        went(&shop, KIT_NOW - (i + 1) * 60 * KP_SECOND, 800, LOAD);
    assert_string_equal(told(&shop, "volume"),
                        "partner acme has pulled more than 3 times as many values in 24 hours as "
                        "on any day before (1000)");
    kp_clock_advance(&shop.kit->clock, DAY);
    assert_null(told(&shop, "volume"));
    shop_free(&shop);
}

static void an_hour_never_used_before_is_an_alarm_for_an_hour(void **state)
{
    (void)state;
    struct shop shop = shop_with(7);
    kp_clock_advance(&shop.kit->clock, 17 * HOUR); /* 03:00 */
    went(&shop, kp_utc(&shop.kit->clock.clock) - 60 * KP_SECOND, 10, LOAD);
    assert_string_equal(told(&shop, "hour"), "partner acme has pulled between 02:00 and 03:00 UTC, "
                                             "an hour at which he never did");
    kp_clock_advance(&shop.kit->clock, 2 * HOUR);
    assert_null(told(&shop, "hour"));
    shop_free(&shop);
}

static void an_hour_beside_a_usual_one_is_usual(void **state)
{
    (void)state;
    struct shop shop = shop_with(7);
    kp_clock_advance(&shop.kit->clock, 2 * HOUR + HOUR / 2);
    went(&shop, kp_utc(&shop.kit->clock.clock) - 60 * KP_SECOND, 10, LOAD);
    assert_null(told(&shop, "hour"));
    shop_free(&shop);
}

static void a_signal_never_asked_for_before_is_an_alarm_that_names_it(void **state)
{
    (void)state;
    struct shop shop = shop_with(7);
    went(&shop, KIT_NOW - 60 * KP_SECOND, 10, "[\"hall/load\", \"hall/recipe\"]");
    assert_string_equal(told(&shop, "signals"), "partner acme has asked for a signal of agreement "
                                                "a that he never asked for: hall/recipe");
    shop_free(&shop);
}

static void who_has_little_history_raises_no_alarm(void **state)
{
    (void)state;
    struct shop shop = shop_with(4);
    kp_clock_advance(&shop.kit->clock, 17 * HOUR);
    went(&shop, kp_utc(&shop.kit->clock.clock) - 60 * KP_SECOND, 1000000, "[\"hall/recipe\"]");
    assert_null(told(&shop, "volume"));
    assert_null(told(&shop, "hour"));
    assert_null(told(&shop, "signals"));
    shop_free(&shop);
}

static void what_went_out_is_told_by_agreement_by_day_and_one_by_one(void **state)
{
    (void)state;
    struct shop shop = shop_with(7);
    struct kp_err err = { 0 };
    struct kp_buf text;
    kp_buf_init(&text, 1 << 20);
    struct kp_json j = kp_json(&text);
    kp_share_exits(shop.share, &(struct kp_exits){ KP_TO_NODE, "acme", KIT_NOW - 4 * DAY, 0, 0, 3 },
                   &j, &err);
    kit_ok(&err);
    json_t *o = kp_json_read(kp_buf_text(&text), "exits", &err);
    kit_ok(&err);
    const json_t *sum = json_array_get(json_object_get(o, "agreements"), 0);
    assert_int_equal(json_integer_value(json_object_get(sum, "values")), 3000);
    assert_int_equal(json_integer_value(json_object_get(sum, "exits")), 6);
    assert_string_equal(json_string_value(json_array_get(json_object_get(sum, "signals"), 0)),
                        "hall/load");
    assert_int_equal(json_array_size(json_object_get(o, "days")), 3);
    assert_int_equal(json_array_size(json_object_get(o, "exits")), 3);
    assert_true(json_is_true(json_object_get(o, "more")));
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(json_object_get(o, "exits"), 0), "hash")),
        "00ff");
    json_decref(o);
    kp_buf_free(&text);
    shop_free(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_usual_is_no_alarm),
        cmocka_unit_test(far_more_values_than_on_any_day_are_an_alarm_until_a_day_has_passed),
        cmocka_unit_test(an_hour_never_used_before_is_an_alarm_for_an_hour),
        cmocka_unit_test(an_hour_beside_a_usual_one_is_usual),
        cmocka_unit_test(a_signal_never_asked_for_before_is_an_alarm_that_names_it),
        cmocka_unit_test(who_has_little_history_raises_no_alarm),
        cmocka_unit_test(what_went_out_is_told_by_agreement_by_day_and_one_by_one),
    };
    kp_json_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
