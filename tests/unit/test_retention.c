/* SPDX-License-Identifier: Apache-2.0 */
/* What is deleted by age and by size, what never is, and when the disk is said to be full. */
#include "store_kit.h"

#include "core/hub_private.h"
#include "store/care.h"

#include "core/ban.h"

#define HOUR (3600 * KP_SECOND)
#define DAY (24 * HOUR)

static struct {
    int64_t free, size;
} the_disk;

static bool look_at_disk(const char *dir, int64_t *free, int64_t *size)
{
    (void)dir;
    *free = the_disk.free;
    *size = the_disk.size;
    return true;
}

static kp_signal declare(struct kit *k, const char *asset, const char *name)
{
    struct kp_err err = { 0 };
    struct kp_model *model = kp_hub_model(k->hub);
    struct kp_signal_info info = { .asset = kp_model_make_path(model, asset, KP_MACHINE, &err),
                                   .name = name,
                                   .type = KP_DOUBLE,
                                   .stored = true };
    kp_signal id = kp_model_put_signal(model, &info, &err);
    kit_ok(&err);
    return id;
}

/* Two machines with a signal each: mill/Load is 1, press/Force is 2. */
static int begin(void **state)
{
    struct kit *k = kit_new();
    the_disk.free = INT64_C(100000000000);
    the_disk.size = INT64_C(200000000000);
    k->options.disk = look_at_disk;
    kit_open(k);
    kit_hub(k);
    assert_int_equal(declare(k, "mill", "Load"), 1);
    assert_int_equal(declare(k, "press", "Force"), 2);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static void seal(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
}

static void care(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_care_round(k->store, &err);
    kit_ok(&err);
}

/* Noise, so that chunks are as large as they get. */
static void fill(struct kit *k, kp_signal signal, int64_t from, int64_t to, int64_t step)
{
    uint64_t seed = signal;
    for (int64_t at = from; at < to; at += step) {
        struct kp_sample s = kit_sample(signal, at, kp_double((double)kit_random(&seed) / 3));
        kit_offer(k, &s, 1);
        if (k->n % 500 == 0)
            kit_sync(k);
    }
    kit_sync(k);
}

static void put(struct kit *k, const struct kp_retention *r)
{
    struct kp_err err = { 0 };
    kp_retention_put(k->store, r, &err);
    kit_ok(&err);
}

static bool told_of(const struct kit *k, const char *key)
{
    for (size_t i = 0; i < k->hub->n_conditions; i++)
        if (strcmp(k->hub->conditions[i].key, key) == 0 && k->hub->conditions[i].text)
            return true;
    return false;
}

static int64_t oldest(struct kit *k, kp_signal signal)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kit_points p = kit_read(db, signal, INT64_MIN, INT64_MAX);
    int64_t at = p.n ? p.s[0].at : KP_FOREVER;
    kit_points_free(&p);
    kp_store_reader_done(k->store, db);
    return at;
}

/* What the table stored says is what the chunks are. */
static void check_stored(struct kit *k)
{
    assert_int_equal(
        kit_number(k, "select count(*) from (select signal, chunks, points, bytes, t0, t1 from stored where chunks > 0 "
                      "except select id >> 36, count(*), sum(n), sum(length(data)), min(t0), max(t1) from chunk group by 1)"),
        0);
    assert_int_equal(kit_number(k, "select count(distinct id >> 36) from chunk"),
                     kit_number(k, "select count(*) from stored where chunks > 0"));
}

/* ---- by age ---- */

static void without_a_rule_nothing_goes(void **state)
{
    struct kit *k = *state;
    fill(k, 1, KIT_NOW - 4000 * DAY, KIT_NOW - 3990 * DAY, HOUR);
    seal(k);
    care(k);
    kit_check(k, 2);
}

static void points_older_than_their_rule_says_go_and_their_rollups_stay(void **state)
{
    struct kit *k = *state;
    struct kp_retention_rule rules[] = { { .pattern = "mill/Load", .raw = 5 * DAY, .rollups = 20 * DAY } };
    fill(k, 1, KIT_NOW - 30 * DAY, KIT_NOW, 60 * KP_SECOND);
    fill(k, 2, KIT_NOW - 30 * DAY, KIT_NOW, HOUR);
    seal(k);
    care(k);
    int64_t hours = kit_number(k, "select count(*) from rollup where id >> 36 = 1");
    assert_true(hours >= 29);
    put(k, &(struct kp_retention){ .n = 1, .rules = rules });
    care(k);
    assert_true(oldest(k, 1) > KIT_NOW - 7 * DAY && oldest(k, 1) < KIT_NOW - 5 * DAY + HOUR);
    assert_true(oldest(k, 2) == KIT_NOW - 30 * DAY);
    check_stored(k);
    int64_t left = kit_number(k, "select count(*) from rollup where id >> 36 = 1");
    assert_true(left >= 20 && left <= 22);
    struct kp_store_stats stats = kp_store_stats(k->store);
    assert_true(stats.expired_points > 23 * 1440 && stats.expired_chunks > 20);
    assert_int_equal(stats.expired_rollups, hours - left);
    /* an hour of which only the rollup is left */
    static struct kit_buckets is;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    int64_t at = kit_floor(KIT_NOW - 15 * DAY, HOUR);
    is.n = is.stop = 0;
    kp_history_aggregate(db, 1, at, at + HOUR, HOUR, kit_add_bucket, &is, &err);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
    assert_int_equal(is.n, 1);
    assert_int_equal(is.b[0].points.n, 60);
}

/* A point that comes late, for a time whose points are deleted, must not make the rollup of it alone. */
static void a_late_point_does_not_replace_a_rollup_whose_points_are_gone(void **state)
{
    struct kit *k = *state;
    struct kp_retention_rule rules[] = { { .pattern = "**", .raw = 5 * DAY } };
    int64_t hour = kit_floor(KIT_NOW - 15 * DAY, HOUR);
    fill(k, 1, KIT_NOW - 30 * DAY, KIT_NOW, 60 * KP_SECOND);
    seal(k);
    care(k);
    put(k, &(struct kp_retention){ .n = 1, .rules = rules });
    care(k);
    struct kp_sample late = kit_sample(1, hour + KP_SECOND, kp_double(1));
    assert_true(kit_try(k, &late, 1, true));
    kit_sync(k);
    seal(k);
    care(k);
    static struct kit_buckets is;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    is.n = is.stop = 0;
    kp_history_aggregate(db, 1, hour, hour + HOUR, HOUR, kit_add_bucket, &is, &err);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
    assert_int_equal(is.n, 1);
    assert_int_equal(is.b[0].points.n, 60);
    check_stored(k);
}

static void the_first_rule_that_matches_counts(void **state)
{
    struct kit *k = *state;
    struct kp_retention_rule rules[] = { { .pattern = "mill", .raw = 0 }, { .pattern = "**", .raw = 2 * DAY } };
    fill(k, 1, KIT_NOW - 10 * DAY, KIT_NOW, HOUR);
    fill(k, 2, KIT_NOW - 10 * DAY, KIT_NOW - 5 * DAY, HOUR);
    seal(k);
    put(k, &(struct kp_retention){ .n = 2, .rules = rules });
    care(k);
    assert_true(oldest(k, 1) == KIT_NOW - 10 * DAY);
    assert_true(oldest(k, 2) == KP_FOREVER);
    check_stored(k);
    fill(k, 2, KIT_NOW - HOUR, KIT_NOW, 60 * KP_SECOND); /* after everything went */
    seal(k);
    care(k);
    assert_true(oldest(k, 2) == KIT_NOW - HOUR);
    check_stored(k);
}

static void a_signal_removed_from_the_model_has_an_age_of_its_own(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    fill(k, 1, KIT_NOW - 10 * DAY, KIT_NOW - 9 * DAY, HOUR);
    fill(k, 2, KIT_NOW - 10 * DAY, KIT_NOW - 9 * DAY, HOUR);
    seal(k);
    kp_model_remove_signal(kp_hub_model(k->hub), 1, &err);
    kit_ok(&err);
    kit_sync(k);
    put(k, &(struct kp_retention){ .removed = 5 * DAY });
    care(k);
    assert_int_equal(kit_number(k, "select count(*) from chunk where id >> 36 = 1"), 0);
    assert_true(oldest(k, 2) == KIT_NOW - 10 * DAY);
}

/* A node that wakes up in 2050 must not throw away everything; a day later it is believed. */
static void a_clock_that_jumps_deletes_nothing_for_a_day(void **state)
{
    struct kit *k = *state;
    struct kp_retention_rule rules[] = { { .pattern = "**", .raw = 5 * DAY } };
    fill(k, 1, KIT_NOW - 3 * DAY, KIT_NOW, HOUR);
    seal(k);
    put(k, &(struct kp_retention){ .n = 1, .rules = rules });
    care(k);
    kp_clock_jump(&k->clock, 8000 * DAY);
    care(k);
    assert_true(oldest(k, 1) == KIT_NOW - 3 * DAY);
    assert_true(kp_store_forecast(k->store).clock_doubt);
    kp_clock_advance(&k->clock, DAY / 2);
    care(k);
    assert_true(oldest(k, 1) == KIT_NOW - 3 * DAY);
    kp_clock_advance(&k->clock, DAY / 2 + HOUR);
    care(k);
    assert_true(oldest(k, 1) == KP_FOREVER);
}

static void closed_intervals_go_by_their_end(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_model *m = kp_hub_model(k->hub);
    kp_asset mill = kp_model_find_asset(m, "mill");
    for (int i = 0; i < 1200; i++) {
        struct kp_interval v = { .asset = mill, .kind = KP_INTERVAL_STATE, .start = KIT_NOW - 40 * DAY + i * HOUR / 2,
                                 .end = KIT_NOW - 40 * DAY + (i + 1) * HOUR / 2, .attributes = "{}" };
        kp_model_put_interval(m, &v, &err);
    }
    struct kp_interval open = { .asset = mill, .kind = KP_INTERVAL_STOP, .start = KIT_NOW - 100 * DAY, .end = KP_FOREVER,
                                .attributes = "{}" };
    kp_model_put_interval(m, &open, &err);
    kit_ok(&err);
    kit_sync(k);
    put(k, &(struct kp_retention){ .intervals = 20 * DAY });
    care(k);
    assert_int_equal(kit_number(k, "select count(*) from interval"), 1200 - 20 * 48 + 2);
    assert_int_equal(kit_number(k, "select count(*) from interval where kind = 'stop'"), 1);
}

/* ---- by size ---- */

static void the_oldest_points_of_a_rule_go_when_it_is_larger_than_its_size(void **state)
{
    struct kit *k = *state;
    struct kp_retention_rule rules[] = { { .pattern = "mill", .bytes = 100000 } };
    fill(k, 1, KIT_NOW - 30 * DAY, KIT_NOW, 60 * KP_SECOND);
    fill(k, 2, KIT_NOW - 30 * DAY, KIT_NOW, HOUR);
    seal(k);
    care(k);
    put(k, &(struct kp_retention){ .n = 1, .rules = rules });
    care(k);
    int64_t bytes = kit_number(k, "select bytes from stored where signal = 1");
    assert_true(bytes <= 100000 && bytes > 85000);
    assert_true(oldest(k, 2) == KIT_NOW - 30 * DAY);
    kit_check_range(k, k->store->db, 1, oldest(k, 1), INT64_MAX);
    check_stored(k);
}

static int64_t pages_used(struct kit *k)
{
    return kit_number(k, "select (page_count - freelist_count) * 8192 from pragma_page_count, pragma_freelist_count");
}

static void at_its_disk_budget_the_oldest_points_of_all_go(void **state)
{
    struct kit *k = *state;
    const int64_t empty = pages_used(k); /* tables have a page each */
    fill(k, 1, KIT_NOW - 60 * DAY, KIT_NOW - 30 * DAY, 60 * KP_SECOND);
    fill(k, 2, KIT_NOW - 90 * DAY, KIT_NOW - 60 * DAY, 60 * KP_SECOND);
    seal(k);
    care(k);
    assert_false(told_of(k, "store-budget"));
    const int64_t full = pages_used(k), budget = full - (full - empty) / 2;
    put(k, &(struct kp_retention){ .disk = budget });
    care(k);
    int64_t used = pages_used(k);
    assert_true(used <= budget && used > empty);
    assert_true(oldest(k, 2) > KIT_NOW - 90 * DAY);
    assert_true(told_of(k, "store-budget"));
    check_stored(k);
    put(k, &(struct kp_retention){ 0 });
    care(k);
    assert_false(told_of(k, "store-budget"));
}

/* ---- the rules themselves ---- */

static void rules_are_kept_whole_or_not_at_all(void **state)
{
    struct kit *k = *state;
    static const struct {
        struct kp_retention_rule rule;
        const char *why;
    } bad[] = {
        { { .pattern = "" }, "rule 2 '': this is no pattern" },
        { { .pattern = "a//b" }, "rule 2 'a//b': this is no pattern" },
        { { .pattern = "mill" }, "rule 2 'mill': an earlier rule has the same pattern" },
        { { .pattern = "x", .raw = -1 }, "rule 2 'x': ages and sizes are not negative" },
        { { .pattern = "x", .rollups = DAY }, "rule 2 'x': points are kept for ever" },
        { { .pattern = "x", .raw = DAY, .rollups = HOUR }, "rule 2 'x': rollups must be kept" },
    };
    struct kp_retention_rule good = { .pattern = "mill", .raw = 90 * DAY, .rollups = 3650 * DAY, .bytes = 1500000000 };
    put(k, &(struct kp_retention){ .n = 1, .rules = &good, .disk = 1234567, .intervals = 365 * DAY, .removed = HOUR });
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kp_err err = { 0 };
        struct kp_retention_rule two[] = { good, bad[i].rule };
        assert_int_equal(kp_retention_put(k->store, &(struct kp_retention){ .n = 2, .rules = two }, &err), KP_EINVALID);
        assert_ptr_equal(strstr(err.text, bad[i].why), err.text);
    }
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_retention r;
    kp_retention_read(k->store->db, &arena, &r, &err);
    kit_ok(&err);
    assert_int_equal(r.n, 1);
    assert_string_equal(r.rules[0].pattern, "mill");
    assert_true(r.rules[0].raw == good.raw && r.rules[0].rollups == good.rollups && r.rules[0].bytes == good.bytes);
    assert_true(r.disk == 1234567 && r.intervals == 365 * DAY && r.removed == HOUR);
    kp_arena_free(&arena);
}

static void the_report_says_what_the_next_round_frees(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_retention_rule rules[] = { { .pattern = "mill", .raw = 5 * DAY } };
    struct kp_retention r = { .n = 1, .rules = rules };
    struct kp_retention_share share[3];
    bool about = true;
    fill(k, 1, KIT_NOW - 30 * DAY, KIT_NOW, 60 * KP_SECOND);
    fill(k, 2, KIT_NOW - 30 * DAY, KIT_NOW, HOUR);
    seal(k);
    care(k);
    kp_retention_report(k->store, &r, share, &about, &err);
    kit_ok(&err);
    assert_false(about);
    assert_int_equal(share[0].signals, 1);
    assert_int_equal(share[1].signals, 1);
    assert_int_equal(share[2].signals, 0);
    assert_true(share[0].oldest == KIT_NOW - 30 * DAY);
    put(k, &r);
    care(k);
    struct kp_store_stats stats = kp_store_stats(k->store);
    assert_true(stats.expired_points > 0);
    assert_int_equal(share[0].free_points, stats.expired_points);
    assert_int_equal(share[0].free_bytes, stats.expired_bytes);
}

static void usage_lists_the_largest_first(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_usage_list list;
    fill(k, 1, KIT_NOW - DAY, KIT_NOW, HOUR);
    fill(k, 2, KIT_NOW - DAY, KIT_NOW, 60 * KP_SECOND);
    seal(k);
    kp_usage_top(k->store, "", 1, &arena, &list, &err);
    kit_ok(&err);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.top[0].path, "press/Force");
    assert_int_equal(list.signals, 2);
    assert_int_equal(list.points, 24 + 1440);
    kp_usage_top(k->store, "mill", 10, &arena, &list, &err);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.top[0].points, 24);
    kp_arena_free(&arena);
}

/* ---- forecast ---- */

static void check_forecast(const char *want, int64_t growth_a_day, int64_t days, int64_t room)
{
    struct kp_growth rows[200];
    char text[80];
    size_t n = 0;
    struct kp_forecast f = { .used = 1000000000, .room = room };
    for (int64_t hour = days * 24; hour > 0 && n < 200; hour--, n++)
        rows[n] = (struct kp_growth){ KIT_NOW - hour * HOUR, f.used - growth_a_day * hour / 24 + hour % 3 * 10 - 10 };
    kp_forecast_make(rows, n, KIT_NOW, &f);
    kp_forecast_text(&f, text, sizeof text);
    assert_string_equal(text, want);
}

static void a_forecast_is_the_line_through_the_last_week(void **state)
{
    (void)state;
    check_forecast("full in 41 days", 10000000, 7, 415000000);
    check_forecast("full in 36 hours", 10000000, 3, 15300000);
    check_forecast("does not grow", -50000, 7, 1000000);
    check_forecast("not full for 10 years", 10000, 7, INT64_C(1000000000));
    check_forecast("when it will be full is not known yet: it takes six hours of measurements", 10000, 0, 1000);
}

static void little_room_is_an_alarm_that_does_not_flutter(void **state)
{
    struct kit *k = *state;
    care(k);
    assert_false(told_of(k, "store-disk"));
    the_disk.free = the_disk.size / 21;
    care(k);
    assert_true(told_of(k, "store-disk"));
    the_disk.free = the_disk.size / 19;
    care(k);
    assert_true(told_of(k, "store-disk"));
    the_disk.free = the_disk.size / 10;
    care(k);
    assert_false(told_of(k, "store-disk"));
}

static void growth_towards_the_end_of_the_disk_is_told_two_weeks_before(void **state)
{
    struct kit *k = *state;
    for (int hour = 0; hour < 10; hour++) {
        fill(k, 1, kp_utc(&k->clock.clock), kp_utc(&k->clock.clock) + HOUR, KP_SECOND);
        seal(k);
        care(k);
        kp_clock_advance(&k->clock, HOUR);
    }
    care(k);
    struct kp_forecast f = kp_store_forecast(k->store);
    assert_true(f.per_day > 400000 && f.per_day < 4000000);
    assert_false(told_of(k, "store-forecast"));
    the_disk.free = (int64_t)(f.per_day * 5);
    care(k);
    f = kp_store_forecast(k->store);
    assert_true(f.full_in > 4 * 86400 && f.full_in < 6 * 86400);
    assert_true(told_of(k, "store-forecast"));
}

static void sizes_and_ages_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = { { "20GB", INT64_C(20000000000) }, { "1.5 TB", INT64_C(1500000000000) }, { "64MiB", 64 << 20 },
                 { "4096", 4096 }, { "3kb", 3000 }, { "0", 0 } };
    static const char *const bad[] = { "", "GB", "-1GB", "1e3", "0x10", "5 GBs", "1e30 TB", "99999999999TB", "1.2.3MB" };
    int64_t n;
    char text[40];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(kp_size_parse(good[i].text, &n));
        assert_true(n == good[i].bytes);
        kp_size_exact(n, text, sizeof text);
        assert_true(kp_size_parse(text, &n) && n == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(kp_size_parse(bad[i], &n));
    kp_size_print(1530000000, text, sizeof text);
    assert_string_equal(text, "1.5 GB");
    kp_duration_exact(90 * DAY, text, sizeof text);
    assert_string_equal(text, "90d");
    kp_duration_exact(730 * DAY, text, sizeof text);
    assert_string_equal(text, "2y");
    kp_duration_exact(1234567, text, sizeof text);
    assert_true(kp_duration_parse(text, &n) && n == 1234567);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_rule_nothing_goes),
        TEST(points_older_than_their_rule_says_go_and_their_rollups_stay),
        TEST(a_late_point_does_not_replace_a_rollup_whose_points_are_gone),
        TEST(the_first_rule_that_matches_counts),
        TEST(a_signal_removed_from_the_model_has_an_age_of_its_own),
        TEST(a_clock_that_jumps_deletes_nothing_for_a_day),
        TEST(closed_intervals_go_by_their_end),
        TEST(the_oldest_points_of_a_rule_go_when_it_is_larger_than_its_size),
        TEST(at_its_disk_budget_the_oldest_points_of_all_go),
        TEST(rules_are_kept_whole_or_not_at_all),
        TEST(the_report_says_what_the_next_round_frees),
        TEST(usage_lists_the_largest_first),
        cmocka_unit_test(a_forecast_is_the_line_through_the_last_week),
        TEST(little_room_is_an_alarm_that_does_not_flutter),
        TEST(growth_towards_the_end_of_the_disk_is_told_two_weeks_before),
        cmocka_unit_test(sizes_and_ages_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
