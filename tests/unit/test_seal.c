/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: how points are cut into chunks, where these go, and what happens to what cannot be read. */
#include "store_kit.h"

#include "core/ban.h"

static int begin(void **state)
{
    struct kit *k = kit_new();
    kit_open(k);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static void offer_run(struct kit *k, kp_signal signal, int n, int64_t from, int64_t step)
{
    struct kp_sample s[KP_BATCH_MAX];
    for (int i = 0; i < n; i++) {
        s[i % KP_BATCH_MAX] = kit_sample(signal, from + i * step, kp_double(i / 50 % 10));
        if (i % KP_BATCH_MAX == KP_BATCH_MAX - 1 || i == n - 1)
            kit_offer(k, s, (size_t)(i % KP_BATCH_MAX) + 1);
    }
}

static void seal(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
}

static void points_are_cut_into_even_chunks(void **state)
{
    static const struct {
        int points, chunks;
    } table[] = { { 1, 1 }, { 1023, 1 }, { 1030, 1 }, { 1535, 1 }, { 1536, 2 }, { 2049, 2 }, { 5000, 5 } };
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char sql[100];
        kp_signal signal = (kp_signal)i + 1;
        offer_run(k, signal, table[i].points, KIT_NOW, KP_SECOND);
        seal(k);
        snprintf(sql, sizeof sql, "select count(*) from chunk where id >> 36 = %u", (unsigned)signal);
        assert_int_equal(kit_number(k, sql), table[i].chunks);
        snprintf(sql, sizeof sql, "select max(n) - min(n) <= 1 from chunk where id >> 36 = %u", (unsigned)signal);
        assert_int_equal(kit_number(k, sql), 1);
    }
    assert_int_equal(kit_number(k, "select max(n) <= 1536 from chunk"), 1);
    kit_check(k, sizeof table / sizeof table[0]);
}

static void large_chunks_leave_little_of_a_page_empty(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 3;
    for (kp_signal signal = 1; signal <= 8; signal++) /* 10 to 24 bits a point, so 2 to 5 chunks a page */
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < 1024; i++) {
                struct kp_sample s = kit_sample(signal, KIT_NOW + (round * 1024 + i) * KP_SECOND,
                                                kp_double((double)(kit_random(&seed) >> (56 - 2 * signal)) / 1000));
                kit_offer(k, &s, 1);
            }
            seal(k);
        }
    kit_check(k, 8);
    assert_in_range(kit_number(k, "select sum(unused) * 100 / sum(pgsize) from dbstat where name = 'chunk' and pagetype = 'leaf'"), 0, 15);
    assert_int_equal(kit_number(k, "select count(*) < 8 * 14 from chunk"), 1);
}

static void a_chunk_lies_at_its_first_time_or_the_next_free_place(void **state)
{
    struct kit *k = *state;
    k->store->options.seal_points = 3;
    offer_run(k, 3, 15, KIT_NOW, KP_MILLISECOND); /* five chunks that begin in one moment */
    seal(k);
    char sql[160];
    int64_t first = kp_chunk_id(3, kp_chunk_tick(KIT_NOW));
    snprintf(sql, sizeof sql, "select count(*) from chunk where id between %lld and %lld", (long long)first,
             (long long)first + 4);
    assert_int_equal(kit_number(k, sql), 5);
    kit_check(k, 3);
}

static void the_span_covers_the_longest_chunk_and_the_furthest_place(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_db_exec(k->store->db, "insert into signal(id, asset, name, type, label, stored, writable, coupling) "
                             "values(3, 0, 's', 'double', 'inherit', 1, 0, 0)", &err);
    kit_ok(&err);
    offer_run(k, 3, 10, KIT_NOW, KP_SECOND);
    seal(k);
    assert_int_equal(kit_number(k, "select span from signal"), 9 * 8);
    k->store->options.seal_points = 1;
    offer_run(k, 3, 100, KIT_NOW + 20 * KP_SECOND, KP_MILLISECOND);
    seal(k);
    assert_int_equal(kit_number(k, "select span from signal"), 99);
    k->store->options.seal_points = 1024;
    offer_run(k, 3, 2, KIT_NOW - KP_SECOND, 3600 * KP_SECOND);
    seal(k);
    assert_true(kit_number(k, "select span from signal") >= 3578 * 8);
    for (int64_t from = -2; from < 12; from++) /* whatever the range, the reader finds all */
        for (int64_t len = 1; len < 14; len += 3)
            kit_check_range(k, k->store->db, 3, KIT_NOW + from * KP_SECOND, KIT_NOW + (from + len) * KP_SECOND);
    kit_check(k, 3);
}

static void times_before_2000_and_far_away_are_sealed(void **state)
{
    struct kit *k = *state;
    static const int64_t times[] = { INT64_MIN, -1, 0, INT64_C(946684799) * KP_SECOND, INT64_C(946684800) * KP_SECOND,
                                     INT64_MAX - 1 };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        offer_run(k, 9, 2, times[i], 0);
        seal(k);
    }
    kit_check(k, 9);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        kit_check_range(k, k->store->db, 9, times[i], times[i] + 1);
}

static void text_fills_a_chunk_by_its_bytes(void **state)
{
    struct kit *k = *state;
    static char big[400 << 10];
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 8; i++) {
        big[0] = (char)('a' + i);
        struct kp_sample s = kit_sample(1, KIT_NOW + i, kp_string(big, sizeof big));
        kit_offer(k, &s, 1);
    }
    seal(k);
    assert_int_equal(kit_number(k, "select max(n) from chunk"), 2);
    kit_check(k, 1);
}

static void a_very_fast_signal_is_sealed_in_portions(void **state)
{
    struct kit *k = *state;
    static struct kp_sample s[20000];
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 20000; i++)
            s[i] = kit_sample(1, KIT_NOW + (round * 20000 + i) * KP_MILLISECOND, kp_int(i));
        kit_offer(k, s, 20000);
        kit_sync(k);
    }
    seal(k);
    assert_int_equal(kit_number(k, "select sum(n) from chunk"), 160000);
    assert_true(kit_number(k, "select count(distinct seq) from chunk") > 1);
    struct kit_points is = kit_read(k->store->db, 1, INT64_MIN, INT64_MAX);
    assert_int_equal(is.n, k->n);
    for (size_t i = 0; i < is.n; i++)
        assert_int_equal(is.s[i].at, k->all[i].at);
    kit_points_free(&is);
}

static void more_than_one_reading_is_sealed_in_pieces(void **state)
{
    struct kit *k = *state;
    k->store->options.seal_bytes = 2000;
    for (int i = 0; i < 60; i++) {
        offer_run(k, 1, 20, KIT_NOW + i * KP_SECOND, KP_MILLISECOND);
        kit_sync(k);
    }
    seal(k);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    kit_check(k, 1);
}

static void the_stripes_first_seal_at_different_levels(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    struct kp_err err = { 0 };
    int at_once = 0;
    k->store->options.seal_points = 100;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 100; i++) {
            for (kp_signal stripe = 0; stripe < KP_STRIPES; stripe++)
                offer_run(k, stripe * 64 + 1, 1, KIT_NOW + (round * 100 + i) * KP_SECOND, 0);
            kit_sync(k);
            unsigned due = kp_seal_wanted(k->store);
            while (kp_seal_turn(k->store, false, &err))
                ;
            at_once = round && (int)due > at_once ? (int)due : at_once;
        }
    kit_ok(&err);
    assert_true(at_once < KP_STRIPES / 2);
    assert_true(kit_number(k, "select min(n) from chunk") >= 50);
}

/* ---- what cannot be read ---- */

static void spoil(struct kit *k, const char *sql)
{
    struct kp_err err = { 0 };
    kp_db_exec(k->store->db, sql, &err);
    kit_ok(&err);
    assert_int_equal(kp_db_changes(k->store->db), 1);
}

static void a_damaged_row_is_put_aside_and_the_rest_is_sealed(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    for (int i = 0; i < 3; i++) {
        size_t before = k->n;
        offer_run(k, 1, 10, KIT_NOW + i * 100 * KP_SECOND, KP_SECOND);
        kit_sync(k);
        if (i == 1)
            k->n = before; /* the book forgets what will be lost */
    }
    spoil(k, "update journal set data = zeroblob(length(data)) where id = 2");
    seal(k);
    kit_check(k, 1);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 1);
    assert_int_equal(kit_number(k, "select id from journal"), kp_journal_id(KP_STRIPE_DAMAGED, 2));
    kit_close(k);
    kit_open(k);
    seal(k);
    kit_check(k, 1);
}

static void a_row_cut_short_is_put_aside_too(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    offer_run(k, 1, 10, KIT_NOW, KP_SECOND);
    kit_sync(k);
    k->n = 0;
    spoil(k, "update journal set data = x''");
    seal(k);
    kit_check(k, 1);
    assert_int_equal(kit_number(k, "select count(*) from journal where id >> 48 = 16"), 1);
}

static void a_damaged_row_is_put_aside_also_when_only_the_deletion_is_left(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    struct kp_err err = { 0 };
    offer_run(k, 1, 10, KIT_NOW, KP_SECOND);
    kit_sync(k);
    k->n = 0;
    spoil(k, "update journal set data = x'0102'");
    spoil(k, "insert into seal(stripe, cut, done) values(0, 1, 134217727)"); /* as a crash before the deletion leaves it */
    kit_close(k);
    kit_open(k);
    while (kp_seal_turn(k->store, false, &err))
        ;
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from seal"), 0);
    assert_int_equal(kit_number(k, "select count(*) from journal where id >> 48 = 16"), 1);
    assert_int_equal(kp_store_stats(k->store).journal_rows, 0);
}

static void points_of_a_removed_signal_are_sealed_and_readable(void **state)
{
    struct kit *k = *state;
    offer_run(k, 77, 50, KIT_NOW, KP_SECOND); /* it never was in the table signal */
    seal(k);
    kit_check(k, 77);
    kit_check_range(k, k->store->db, 77, KIT_NOW + 10 * KP_SECOND, KIT_NOW + 20 * KP_SECOND);
}

/* ---- sorting ---- */

static void sorting_is_stable_for_any_order(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t n = 0; n < 200; n++) {
        struct kp_sample s[200];
        for (size_t i = 0; i < n; i++)
            s[i] = kit_sample((kp_signal)i, (int64_t)(kit_random(&seed) % (n / 3 + 1)), kp_int(0));
        assert_true(kp_points_sort(s, n));
        for (size_t i = 1; i < n; i++)
            assert_true(s[i - 1].at < s[i].at || (s[i - 1].at == s[i].at && s[i - 1].signal < s[i].signal));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(points_are_cut_into_even_chunks),
        T(large_chunks_leave_little_of_a_page_empty),
        T(a_chunk_lies_at_its_first_time_or_the_next_free_place),
        T(the_span_covers_the_longest_chunk_and_the_furthest_place),
        T(times_before_2000_and_far_away_are_sealed),
        T(text_fills_a_chunk_by_its_bytes),
        T(a_very_fast_signal_is_sealed_in_portions),
        T(more_than_one_reading_is_sealed_in_pieces),
        T(the_stripes_first_seal_at_different_levels),
        T(a_damaged_row_is_put_aside_and_the_rest_is_sealed),
        T(a_row_cut_short_is_put_aside_too),
        T(a_damaged_row_is_put_aside_also_when_only_the_deletion_is_left),
        T(points_of_a_removed_signal_are_sealed_and_readable),
        cmocka_unit_test(sorting_is_stable_for_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
