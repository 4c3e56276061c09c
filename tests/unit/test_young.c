/* SPDX-License-Identifier: Apache-2.0 */
/* Small commits write one row for all stripes, which is dealt out later: no reader sees a difference. */
#include "store_kit.h"

#include "store/position.h"
#include "store/retention.h"

#include "core/ban.h"

enum { LAST = 16 * 64, STRIDE = 33 }; /* signals in every stripe, in some of them two */
#define IN_STRIPES "select count(*) from journal where id >> 48 < 16"
#define YOUNG "select count(*) from journal where id >> 48 = 48"

static int begin(void **state)
{
    struct kit *k = kit_new();
    k->options.young_bytes = 8000;
    kit_open(k);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static void look(void *arg, const char *fault)
{
    (void)arg;
    fail_msg("%s", fault);
}

static void is_sound(struct kit *k)
{
    struct kp_err err = { 0 };
    kit_check(k, LAST);
    assert_int_equal(kp_store_check(k->store->file, look, NULL, &err), 0);
    kit_ok(&err);
}

static void commit(struct kit *k, int second)
{
    for (kp_signal s = 1; s <= LAST; s += STRIDE) {
        struct kp_sample p = kit_sample(s, KIT_NOW + second * KP_SECOND, kp_double(second + s / 1000.0));
        kit_offer(k, &p, 1);
    }
    kit_sync(k);
}

/* More than is small here: 600 samples. */
static void commit_large(struct kit *k, int second)
{
    for (int i = 0; i < 600; i++) {
        struct kp_sample p = kit_sample((kp_signal)(i % LAST + 1), KIT_NOW + second * KP_SECOND + i / LAST, kp_int(i));
        kit_offer(k, &p, 1);
    }
    kit_sync(k);
}

static void turn(struct kit *k)
{
    while (kp_store_turn(k->store, 0))
        ;
}

static void a_small_commit_writes_one_row_for_all_stripes(void **state)
{
    struct kit *k = *state;
    commit(k, 0);
    turn(k);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 1);
    assert_int_equal(kp_store_stats(k->store).journal_rows, 1);
    is_sound(k);
}

static void a_large_commit_writes_to_its_stripes_at_once(void **state)
{
    struct kit *k = *state;
    commit_large(k, 0);
    assert_int_equal(kit_number(k, YOUNG), 0);
    assert_int_equal(kit_number(k, IN_STRIPES), 10);
    is_sound(k);
}

static void rows_are_dealt_out_when_there_are_enough_bytes_of_them(void **state)
{
    struct kit *k = *state;
    int n = 0;
    for (; n < 100 && !kit_number(k, IN_STRIPES); n++) {
        commit(k, n);
        turn(k);
        is_sound(k);
    }
    assert_in_range(n, 10, 40);
    assert_int_equal(kit_number(k, YOUNG), 0);
    assert_int_equal(kit_number(k, IN_STRIPES), n * KP_STRIPES); /* each keeps its commit's number */
    assert_int_equal(kp_store_stats(k->store).journal_rows, n * KP_STRIPES);
}

static void a_lone_row_is_dealt_out_long_before_the_journal_is_sealed(void **state)
{
    struct kit *k = *state;
    commit(k, 0);
    kp_clock_advance(&k->clock, 4 * 60 * KP_SECOND);
    turn(k);
    assert_int_equal(kit_number(k, IN_STRIPES), 0);
    kp_clock_advance(&k->clock, 60 * KP_SECOND);
    turn(k);
    assert_int_equal(kit_number(k, IN_STRIPES), KP_STRIPES);
    kp_clock_advance(&k->clock, 24 * 60 * KP_SECOND);
    turn(k);
    assert_int_equal(kit_number(k, "select count(*) from chunk"), 0);
    kp_clock_advance(&k->clock, 60 * KP_SECOND); /* half an hour after the commit, not after the dealing out */
    turn(k);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    is_sound(k);
}

/* Rows of a stripe must be older than all that wait: sealing takes what is there as all up to its newest. */
static void small_ones_make_way_for_a_large_commit(void **state)
{
    struct kit *k = *state;
    commit(k, 0);
    commit_large(k, 0); /* the same times: it must win */
    assert_int_equal(kit_number(k, YOUNG), 0);
    is_sound(k);
    commit(k, 0);
    struct kp_err err = { 0 };
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    is_sound(k);
}

static void a_large_commit_goes_with_the_small_ones_when_they_cannot_make_way(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    commit(k, 0);
    for (int i = 0; i < 600; i++) {
        struct kp_sample p = kit_sample((kp_signal)i + 1, KIT_NOW, kp_int(i));
        kit_offer(k, &p, 1);
    }
    /* a row that is in its way: dealing out cannot insert its own */
    kp_db_exec(k->store->db, "insert into journal(id, data) select id & 281474976710655, data from journal", &err);
    kit_ok(&err);
    kit_sync(k);
    assert_int_equal(kit_number(k, YOUNG), 2);
    kp_db_exec(k->store->db, "delete from journal where id >> 48 < 16", &err);
    turn(k);
    assert_int_equal(kit_number(k, YOUNG), 0);
    is_sound(k);
}

static void what_waits_is_there_after_a_kill_and_is_dealt_out_then(void **state)
{
    struct kit *k = *state;
    commit(k, 0);
    commit(k, 1);
    uint64_t seq = k->store->seq;
    kit_close(k);
    kit_open(k);
    assert_int_equal(k->store->seq, seq);
    is_sound(k);
    commit(k, 2);
    turn(k);
    assert_int_equal(kit_number(k, YOUNG), 0);
    is_sound(k);
}

/* A snapshot may be later than what still waits, or earlier. */
static void the_last_value_after_a_kill_is_the_last(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    for (int later = 0; later < 2; later++) {
        commit(k, 10 * later);
        kp_store_seal_all(k->store, &err);
        commit(k, 10 * later + 1);
        assert_int_equal(kit_number(k, YOUNG), 1);
        kp_db_exec(k->store->db, "begin", &err);
        if (later)
            kp_snapshot_write(k->store, 0, &err); /* of one stripe: the others have it from the row */
        kp_db_exec(k->store->db, "commit", &err);
        kit_ok(&err);
        kit_close(k);
        kit_open(k);
        for (kp_signal s = 1; s <= LAST; s += STRIDE)
            assert_int_equal(k->store->signals.last[s].at, KIT_NOW + (10 * later + 1) * KP_SECOND);
        turn(k);
    }
}

static bool next_commit(void *arg, const struct kp_sample *p, int64_t committed, bool historic)
{
    int *n = arg;
    (void)committed;
    (void)historic;
    int second = (int)((p->at - KIT_NOW) / KP_SECOND), each = LAST / STRIDE + 1;
    assert_int_equal(second, *n / each);
    ++*n;
    return true;
}

static void a_reader_by_position_gets_each_commit_once_whether_it_waits_or_not(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int n = 0, second = 0;
    uint64_t upto = 0;
    kp_position_put(k->store, "reader", 0, &err);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 9; i++)
            commit(k, second++);
        if (round % 2)
            turn(k); /* some are in the stripes then */
        if (round == 2)
            kp_store_seal_all(k->store, &err);
        struct kp_db *db = kp_store_reader(k->store, &err);
        kp_position_read(db, upto, 200, &upto, next_commit, &n, &err);
        kp_store_reader_done(k->store, db);
        kit_ok(&err);
    }
    for (uint64_t before = 0; before != upto;) {
        before = upto;
        kp_position_read(k->store->db, upto, 200, &upto, next_commit, &n, &err);
        kit_ok(&err);
    }
    assert_int_equal(n, (int)k->n);
    while (kp_position_turn(k->store, &err)) /* what waits is none of what is kept for readers */
        ;
    kit_ok(&err);
    is_sound(k);
}

static void a_damaged_row_is_put_aside_and_the_others_are_dealt_out(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    for (int i = 0; i < 3; i++) {
        size_t before = k->n;
        commit(k, i);
        if (i == 1)
            k->n = before; /* the book forgets what will be lost */
    }
    kp_db_exec(k->store->db, "update journal set data = zeroblob(length(data)) where id = (48 << 48) + 2", &err);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    kit_check(k, LAST);
    assert_int_equal(kit_number(k, "select id from journal"), kp_journal_id(KP_STRIPE_DAMAGED, 2));
}

static void a_lack_of_memory_at_any_place_loses_and_doubles_nothing(void **state)
{
    struct kit *k = *state;
    for (long nth = 1, failed = 1; failed; nth++) {
        struct kp_err err = { 0 };
        commit(k, (int)nth);
        kp_mem_fail_at(nth);
        kp_seal_turn(k->store, true, &err);
        kp_mem_fail_at(0);
        failed = err.code;
        assert_true(!failed || err.code == KP_ENOMEM);
        kp_clock_advance(&k->clock, 2 * KP_SECOND);
        kit_check(k, LAST);
        turn(k);
    }
    is_sound(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_commit_writes_one_row_for_all_stripes, begin, end),
        cmocka_unit_test_setup_teardown(a_large_commit_writes_to_its_stripes_at_once, begin, end),
        cmocka_unit_test_setup_teardown(rows_are_dealt_out_when_there_are_enough_bytes_of_them, begin, end),
        cmocka_unit_test_setup_teardown(a_lone_row_is_dealt_out_long_before_the_journal_is_sealed, begin, end),
        cmocka_unit_test_setup_teardown(small_ones_make_way_for_a_large_commit, begin, end),
        cmocka_unit_test_setup_teardown(a_large_commit_goes_with_the_small_ones_when_they_cannot_make_way, begin, end),
        cmocka_unit_test_setup_teardown(what_waits_is_there_after_a_kill_and_is_dealt_out_then, begin, end),
        cmocka_unit_test_setup_teardown(the_last_value_after_a_kill_is_the_last, begin, end),
        cmocka_unit_test_setup_teardown(a_reader_by_position_gets_each_commit_once_whether_it_waits_or_not, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_row_is_put_aside_and_the_others_are_dealt_out, begin, end),
        cmocka_unit_test_setup_teardown(a_lack_of_memory_at_any_place_loses_and_doubles_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
