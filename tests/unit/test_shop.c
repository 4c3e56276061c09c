/* SPDX-License-Identifier: Apache-2.0 */
/* The shop floor over a store: days that were summed up are kept while they are true, and made
 * again when they are not. */
#include "store_kit.h"

#include "flex/shop.h"
#include "net/json_memory.h"

#include "core/ban.h"

#define MINUTE (60 * KP_SECOND)
#define DAY                                                                                        \
    (KIT_NOW - 3 * 86400 * KP_SECOND -                                                             \
     11 * 3600 * KP_SECOND) /* midnight in Amsterdam, three days ago */

static struct kit *k;
static struct kp_shop *shop;
static kp_signal good, scrap;
static kp_asset press;

static kp_signal signal(const char *name)
{
    struct kp_err err = { 0 };
    struct kp_signal_info info = { .name = name, .type = KP_INT64, .asset = press, .stored = true };
    kp_signal s = kp_model_put_signal(kp_hub_model(k->hub), &info, &err);
    kit_ok(&err);
    return s;
}

static void state_of(int64_t start, int64_t stop, const char *word)
{
    struct kp_err err = { 0 };
    char text[100];
    snprintf(text, sizeof text, "{\"state\":\"%s\"}", word);
    struct kp_interval v = {
        .asset = press, .kind = KP_INTERVAL_STATE, .start = start, .end = stop, .attributes = text
    };
    assert_true(kp_model_put_interval(kp_hub_model(k->hub), &v, &err) > 0);
    kit_sync(k);
}

static void say(kp_signal s, int64_t at, int64_t value)
{
    struct kp_sample p = kit_sample(s, at, kp_int(value));
    kit_offer(k, &p, 1);
    kit_sync(k);
}

static int begin(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    k = kit_new();
    kit_open(k);
    kit_hub(k);
    shop = kp_shop_new(k->hub, k->store, &k->clock.clock, &err);
    press = kp_model_make_path(kp_hub_model(k->hub), "hall/press", KP_MACHINE, &err);
    kit_ok(&err);
    good = signal("Good");
    scrap = signal("Scrap");
    state_of(DAY, DAY + 600 * MINUTE, "running");
    state_of(DAY + 600 * MINUTE, DAY + 1440 * MINUTE, "idle");
    for (int i = 0; i < 20; i++)
        say(good, DAY + (60 + i) * MINUTE, 100 + i);
    return 0;
}

static int end(void **state)
{
    (void)state;
    kit_close(k);
    kp_shop_free(shop);
    kit_free(k);
    return 0;
}

static enum kp_code ask(struct kp_buf *text, struct kp_err *err)
{
    static const char *const all[] = { "hall/**" };
    struct kp_shop_query q = {
        .assets = all, .n_assets = 1, .from = DAY, .to = DAY + 1440 * MINUTE, .now = KIT_NOW,
        .recipient = KP_TO_COMPANY
    };
    struct kp_json j = kp_json(text);
    return kp_shop_oee(shop, &q, &j, err);
}

static void says(const char *what)
{
    struct kp_err err = { 0 };
    struct kp_buf text;
    kp_buf_init(&text, 1 << 20);
    ask(&text, &err);
    kit_ok(&err);
    if (!strstr(kp_buf_text(&text), what))
        fail_msg("no %s in %s", what, kp_buf_text(&text));
    kp_buf_free(&text);
}

static int64_t days(void)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kp_stmt *s =
        kp_db_prepare(db, "select count(*) from shop_day where data is not null", &err);
    kit_ok(&err);
    assert_true(kp_step(s, &err));
    int64_t n = kp_column_int(s, 0);
    kp_reset(s);
    kp_store_reader_done(k->store, db);
    return n;
}

static void a_day_that_is_over_is_kept(void **state)
{
    (void)state;
    says("\"pbt\":86400");
    says("\"apt\":36000");
    says("\"gq\":19");
    assert_int_equal(days(), 1);
}

static void a_late_interval_makes_the_day_again(void **state)
{
    (void)state;
    says("\"apt\":36000");
    state_of(DAY + 1440 * MINUTE, DAY + 1500 * MINUTE, "running"); /* of the day after */
    assert_int_equal(days(), 1);
    state_of(DAY + 1430 * MINUTE, DAY + 1440 * MINUTE, "stopped");
    assert_int_equal(days(), 0);
    says("\"apt\":36000");
    assert_int_equal(days(), 1);
}

static void a_late_point_makes_the_day_again_when_it_is_sealed(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    says("\"gq\":19");
    assert_int_equal(days(), 1);
    say(good, DAY + 300 * MINUTE, 125);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    assert_int_equal(days(), 0);
    says("\"gq\":25");
}

static void who_cannot_wait_is_told_how_many_days_are_missing(void **state)
{
    static const char *const all[] = { "hall/**" };
    struct kp_shop_patience p = { .until = kp_mono(&k->clock.clock) };
    struct kp_shop_query q = { .assets = all,
                               .n_assets = 1, .recipient = KP_TO_COMPANY,
                               .from = DAY,
                               .to = DAY + 1440 * MINUTE,
                               .now = KIT_NOW,
                               .patience = &p };
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        struct kp_err err = { 0 };
        struct kp_buf text;
        kp_buf_init(&text, 1 << 20);
        struct kp_json j = kp_json(&text);
        p.making = 0;
        kp_shop_oee(shop, &q, &j, &err);
        kit_ok(&err);
        assert_int_equal(strstr(kp_buf_text(&text), "\"making\":1}") != NULL, turn == 0);
        kp_buf_free(&text);
        says("\"gq\":19"); /* without end: it is made, and kept */
    }
}

static void points_of_other_days_leave_it(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    kp_store_seal_all(k->store, &err);
    says("\"gq\":19");
    say(good, DAY + 5000 * MINUTE, 130);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    assert_int_equal(days(), 1);
}

static void a_note_and_a_count_by_hand_make_the_day_again(void **state)
{
    struct kp_err err = { 0 };
    int64_t id;
    (void)state;
    says("\"gq\":19");
    kp_shop_note_stop(shop, 2, &(struct kp_stop_note){ .state = "maintenance", .who = "anna" },
                      &err);
    kit_ok(&err);
    assert_int_equal(days(), 0);
    says("\"maintenance\":50400");
    kp_shop_parts(
        shop,
        &(struct kp_hand_parts){
            .asset = "hall/press", .at = DAY + 600 * MINUTE, .good = 4, .scrap = 1, .who = "anna" },
        &id, &err);
    kit_ok(&err);
    says("\"gq\":23");
    says("\"pq\":24");
}

static void a_new_calendar_makes_the_days_again(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    says("\"pbt\":86400");
    kp_shop_put_document(
        shop, KP_SHOP_CALENDAR,
        "{\"plans\":[{\"shifts\":[{\"name\":\"s\",\"from\":\"06:00\",\"to\":\"14:00\"}]}]}", &err);
    kit_ok(&err);
    says("\"pbt\":28800");
    kp_shop_put_document(shop, KP_SHOP_CALENDAR,
                         "{\"plans\":[{\"shifts\":[{\"from\":\"06:00\"}]}]}", &err);
    assert_string_equal(err.text, "plans[0].shifts[0].name is missing");
    says("\"pbt\":28800");
}

static void when_other_signals_count_the_days_are_made_again(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    says("\"gq\":19");
    struct kp_model *m = kp_hub_model(k->hub);
    struct kp_signal_info info = *kp_model_signal(m, good);
    info.role = "load";
    info.name = "Other";
    assert_true(kp_model_put_signal(m, &info, &err) == good);
    says("\"gq\":0");
}

static void a_counter_of_watt_seconds_counts_as_energy(void **state)
{
    struct kp_err err = { 0 };
    struct kp_signal_info info = { .name = "Energy",
                                   .type = KP_INT64,
                                   .asset = press,
                                   .stored = true,
                                   .role = "energy",
                                   .unit = "J55" };
    kp_signal energy = kp_model_put_signal(kp_hub_model(k->hub), &info, &err);
    (void)state;
    kit_ok(&err);
    for (int i = 0; i <= 2; i++)
        say(energy, DAY + (60 + 30 * i) * MINUTE, 1800000 * i);
    says("\"kwh\":1,");
}

static void a_row_that_is_damaged_is_made_anew(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    says("\"gq\":19");
    kp_db_exec(k->store->db, "update shop_day set data = x'01020304050607'", &err);
    kit_ok(&err);
    says("\"gq\":19");
}

static void a_lack_of_memory_is_told_and_leaves_nothing(void **state)
{
    enum kp_code code = KP_ENOMEM;
    (void)state;
    for (long n = 1; code; n++) {
        struct kp_err err = { 0 };
        struct kp_buf text;
        kp_buf_init(&text, 1 << 20);
        kp_mem_fail_at(n);
        code = ask(&text, &err);
        kp_mem_fail_at(0);
        if (!code && text.failed)
            code = KP_ENOMEM;
        kp_buf_free(&text);
        assert_true(!code || code == KP_ENOMEM);
        assert_true(n < 5000);
    }
    says("\"gq\":19");
}

int main(void)
{
    kp_json_memory_init();
    setenv("TZ", "Europe/Amsterdam", 1); /* NOLINT(concurrency-mt-unsafe): before any thread */
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_day_that_is_over_is_kept),
        T(a_late_interval_makes_the_day_again),
        T(a_late_point_makes_the_day_again_when_it_is_sealed),
        T(who_cannot_wait_is_told_how_many_days_are_missing),
        T(points_of_other_days_leave_it),
        T(a_note_and_a_count_by_hand_make_the_day_again),
        T(a_new_calendar_makes_the_days_again),
        T(when_other_signals_count_the_days_are_made_again),
        T(a_counter_of_watt_seconds_counts_as_energy),
        T(a_row_that_is_damaged_is_made_anew),
        T(a_lack_of_memory_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
