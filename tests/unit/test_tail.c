/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing beside chunks that are there: small ones are joined, late points find their place, of equal times
 * the last stays. */
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

static void seal(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
}

static void offer(struct kit *k, kp_signal signal, int64_t at, struct kp_value v)
{
    struct kp_sample s = kit_sample(signal, at, v);
    kit_offer(k, &s, 1);
}

/* The table stored says what the chunks are. */
static void check_stored(struct kit *k)
{
    assert_int_equal(kit_number(k, "select count(*) from (select id >> 36 s, count(*) c, sum(n) p, sum(length(data)) b, "
                                   "min(t0) f, max(t1) l from chunk group by 1) x join stored y on y.signal = x.s where "
                                   "x.c <> y.chunks or x.p <> y.points or x.b <> y.bytes or y.t0 > x.f or y.t1 < x.l"),
                     0);
    assert_int_equal(kit_number(k, "select count(*) from chunk where id >> 36 not in (select signal from stored)"), 0);
}

static void a_slow_signal_gets_full_chunks(void **state)
{
    struct kit *k = *state;
    k->store->options.seal_points = 100;
    for (int i = 0; i < 1000; i++) { /* a point each time its stripe is sealed */
        offer(k, 5, KIT_NOW + i * 1800 * KP_SECOND, kp_double(i));
        seal(k);
    }
    assert_true(kit_number(k, "select count(*) from chunk") <= 20);
    assert_true(kit_number(k, "select max(n) from chunk") <= 150);
    assert_true(kp_store_stats(k->store).merged < 2200); /* each point written anew twice or so */
    kit_check(k, 5);
    check_stored(k);
}

static void late_points_go_where_they_belong(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 3;
    k->store->options.seal_points = 50;
    for (int i = 0; i < 2000; i++)
        offer(k, 5, KIT_NOW + i * KP_SECOND, kp_double(i));
    seal(k);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 7; i++)
            offer(k, 5, KIT_NOW + (int64_t)(kit_random(&seed) % 2000000) * KP_MILLISECOND, kp_double(-i));
        seal(k);
        kit_check(k, 5);
        check_stored(k);
    }
    assert_int_equal(kit_number(k, "select count(*) from chunk a join chunk b on a.id < b.id and a.t0 <= b.t1 and "
                                   "b.t0 <= a.t1"), 0); /* none overlap: readers need not merge */
}

static void a_long_backfill_over_many_chunks_is_merged_in_pieces(void **state)
{
    struct kit *k = *state;
    k->store->options.seal_points = 20;
    for (int i = 0; i < 2000; i++)
        offer(k, 5, KIT_NOW + i * KP_SECOND, kp_double(i));
    seal(k);
    for (int i = 0; i < 2000; i++)
        offer(k, 5, KIT_NOW + i * KP_SECOND + KP_SECOND / 2, kp_double(i));
    seal(k);
    kit_check(k, 5);
    check_stored(k);
    assert_int_equal(kit_number(k, "select count(*) from chunk a join chunk b on a.id < b.id and a.t0 <= b.t1 and "
                                   "b.t0 <= a.t1"), 0);
}

static void of_equal_times_the_last_one_stays_wherever_they_are(void **state)
{
    struct kit *k = *state;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 300; i++) {
            offer(k, 5, KIT_NOW + i * KP_SECOND, kp_double(i % 3 ? i : round * 1000 + i));
            if (i % 50 == 0) /* and within one commit */
                offer(k, 5, KIT_NOW + i * KP_SECOND, kp_double(round));
        }
        kit_sync(k);
        kit_check(k, 5); /* some sealed, some not */
        if (round != 2)
            seal(k);
        kit_check(k, 5);
    }
    assert_int_equal(kit_number(k, "select sum(n) from chunk"), 300);
    struct kp_store_stats stats = kp_store_stats(k->store);
    assert_int_equal(stats.duplicates + stats.replaced, k->n - 300);
    assert_true(stats.duplicates >= 580 && stats.replaced >= 300);
    check_stored(k);
}

static void a_signal_that_changes_its_type_keeps_each_value(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 60; i++) {
        offer(k, 5, KIT_NOW + i * KP_SECOND, i % 3 == 0 ? kp_double(i) : i % 3 == 1 ? kp_int(i) : kp_string("on", 2));
        offer(k, 5, KIT_NOW + (60 - i) * KP_MILLISECOND, kp_bool(i & 1));
        if (i % 4 == 0)
            seal(k);
        kit_sync(k);
        kit_check(k, 5);
    }
    seal(k);
    check_stored(k);
}

static void a_damaged_chunk_is_left_alone(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    offer(k, 5, KIT_NOW, kp_double(1));
    offer(k, 5, KIT_NOW + 9 * KP_SECOND, kp_double(1));
    seal(k);
    kp_db_exec(k->store->db, "update chunk set data = x'00'", &err);
    kit_ok(&err);
    offer(k, 5, KIT_NOW + KP_SECOND, kp_double(2));
    seal(k);
    assert_int_equal(kit_number(k, "select count(*) from chunk"), 2);
    assert_int_equal(kit_number(k, "select count(*) from chunk where length(data) = 1"), 1);
}

static void out_of_memory_merging_loses_nothing(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    offer(k, 5, KIT_NOW, kp_string("a", 1));
    seal(k);
    long n = 0;
    do {
        err = (struct kp_err){ 0 };
        offer(k, 5, KIT_NOW + (n + 1) * KP_SECOND, kp_string("b", 1));
        kit_sync(k);
        kp_mem_fail_at(++n);
        kp_store_seal_all(k->store, &err);
        kp_mem_fail_at(0);
        kit_check(k, 5);
        seal(k);
    } while (err.code == KP_ENOMEM);
    kit_ok(&err);
    print_message("%ld allocations failed one by one\n", n - 1);
    seal(k);
    kit_check(k, 5);
    check_stored(k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_slow_signal_gets_full_chunks),
        T(late_points_go_where_they_belong),
        T(a_long_backfill_over_many_chunks_is_merged_in_pieces),
        T(of_equal_times_the_last_one_stays_wherever_they_are),
        T(a_signal_that_changes_its_type_keeps_each_value),
        T(a_damaged_chunk_is_left_alone),
        T(out_of_memory_merging_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
