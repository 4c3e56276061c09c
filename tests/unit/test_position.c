/* SPDX-License-Identifier: Apache-2.0 */
/* Reading by position: everything, once, in the order of commits, however much of it is sealed. */
#include "store_kit.h"

#include "store/position.h"

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

/* A few commits over several stripes; their value is the number of the commit. */
static void commits(struct kit *k, int n)
{
    static int number;
    for (int i = 0; i < n; i++) {
        number++;
        for (kp_signal s = 1; s < 400; s += 70) {
            struct kp_sample p = kit_sample(s, KIT_NOW + number * KP_SECOND, kp_int(number));
            kit_offer(k, &p, 1);
        }
        kit_sync(k);
    }
}

struct seen {
    int64_t value[4000];
    size_t n, stop;
};

static bool see(void *arg, const struct kp_sample *p, int64_t committed, bool historic)
{
    struct seen *s = arg;
    assert_true(s->n < 4000);
    assert_false(historic);
    assert_int_equal(committed, KIT_NOW);
    s->value[s->n++] = p->value.i;
    return s->n != s->stop;
}

static uint64_t read_on(struct kit *k, uint64_t after, size_t most, struct seen *s)
{
    struct kp_err err = { 0 };
    uint64_t upto;
    kp_position_read(k->store->db, after, most, &upto, see, s, &err);
    kit_ok(&err);
    return upto;
}

static struct kp_position now(struct kit *k)
{
    struct kp_err err = { 0 };
    struct kp_position p;
    kp_position_now(k->store->db, &p, &err);
    kit_ok(&err);
    return p;
}

static void put(struct kit *k, const char *name, uint64_t position)
{
    struct kp_err err = { 0 };
    kp_position_put(k->store, name, position, &err);
    kit_ok(&err);
}

static void expect_run(const struct seen *s, size_t n)
{
    assert_int_equal(s->n, n * 6);
    for (size_t i = 1; i < s->n; i++)
        assert_int_equal(s->value[i], s->value[0] + (int64_t)(i / 6));
}

static void commits_come_whole_and_in_order(void **state)
{
    struct kit *k = *state;
    static struct seen s;
    s = (struct seen){ 0 };
    commits(k, 100);
    uint64_t at = 0, newest = now(k).newest;
    assert_int_equal(newest, 100);
    while (at < newest) {
        size_t before = s.n;
        uint64_t next = read_on(k, at, 13, &s);
        assert_int_equal(s.n - before, 18); /* three commits, the third is not cut */
        assert_int_equal(next, at + 3 < newest ? at + 3 : newest);
        at = next;
        if (at == 99)
            break;
    }
    at = read_on(k, at, 13, &s);
    assert_int_equal(at, 100);
    expect_run(&s, 100);
    assert_int_equal(read_on(k, at, 13, &s), 100);
    expect_run(&s, 100);
}

static void what_is_held_is_kept_until_it_is_let_go(void **state)
{
    struct kit *k = *state;
    static struct seen s;
    s = (struct seen){ 0 };
    struct kp_hold far = { .position = 5 }, near = { .position = 0 };
    commits(k, 10);
    kp_position_hold(k->store, &far);
    kp_position_hold(k->store, &near);
    kp_position_move(k->store, &near, 9);
    seal(k);
    kp_care_round(k->store, NULL);
    assert_int_equal(now(k).oldest, 5);
    assert_int_equal(read_on(k, 5, 100, &s), 10);
    expect_run(&s, 5);
    kp_position_release(k->store, &far);
    commits(k, 10);
    seal(k);
    kp_clock_advance(&k->clock, 60 * KP_SECOND);
    kp_care_round(k->store, NULL);
    assert_int_equal(now(k).oldest, 9);
    kp_position_release(k->store, &near);
    kp_clock_advance(&k->clock, 60 * KP_SECOND);
    kp_care_round(k->store, NULL);
    assert_int_equal(now(k).oldest, 20);
}

static void a_consumer_misses_nothing_while_all_is_sealed(void **state)
{
    struct kit *k = *state;
    static struct seen s;
    s = (struct seen){ 0 };
    put(k, "erp", now(k).newest);
    uint64_t at = 0;
    for (int round = 0; round < 30; round++) {
        commits(k, 9);
        if (round % 3 == 0)
            seal(k);
        if (round % 4 == 0) {
            at = read_on(k, at, 100, &s);
            put(k, "erp", at);
        }
        if (round % 5 == 0) {
            kit_close(k);
            kit_open(k);
        }
        kp_care_round(k->store, NULL);
    }
    seal(k);
    for (uint64_t next; (next = read_on(k, at, 100, &s)) != at;)
        at = next;
    put(k, "erp", at);
    expect_run(&s, 270);
    kit_check(k, 400); /* kept rows are nobody's history */
    struct kp_err err = { 0 };
    kp_care_round(k->store, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    assert_int_equal(kp_store_check(k->store->file, NULL, NULL, &err), 0);
}

static void without_a_consumer_nothing_is_kept_and_that_is_told(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    static struct seen s;
    s = (struct seen){ 0 };
    uint64_t upto;
    commits(k, 10);
    seal(k);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    assert_int_equal(kp_position_read(k->store->db, 3, 10, &upto, see, &s, &err), KP_EREFUSED);
    assert_non_null(strstr(err.text, "read the history"));
    assert_int_equal(now(k).oldest, 10);
    assert_int_equal(now(k).newest, 10);
    assert_int_equal(read_on(k, 10, 10, &s), 10);
    commits(k, 2);
    assert_int_equal(read_on(k, 10, 100, &s), 12);
    expect_run(&s, 2);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_position_read(k->store->db, 99, 10, &upto, see, &s, &err), KP_EINVALID);
}

static void who_stays_away_a_week_keeps_nothing(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    commits(k, 5);
    put(k, "gone", 2);
    seal(k);
    assert_int_equal(kit_number(k, "select count(distinct id & 281474976710655) from journal"), 3);
    kp_clock_advance(&k->clock, 8 * 86400 * KP_SECOND);
    kp_care_round(k->store, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    assert_int_equal(now(k).oldest, 5);
    uint64_t at;
    kp_position_get(k->store->db, "gone", &at, &err);
    kit_ok(&err);
    assert_int_equal(at, 2); /* still known, and told that it has lost something */
}

static void too_much_is_not_kept(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    put(k, "slow", now(k).newest);
    commits(k, 1500);
    seal(k);
    k->store->options.journal_bytes = 1000;
    kp_care_round(k->store, &err);
    kit_ok(&err);
    assert_true(kit_number(k, "select coalesce(sum(length(data)), 0) from journal") <= 1000);
    assert_true(now(k).oldest > 1000);
}

static void a_removed_consumer_frees_what_was_kept(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    put(k, "erp", 0);
    commits(k, 5);
    seal(k);
    assert_true(kit_number(k, "select count(*) from journal") > 0);
    kp_position_remove(k->store, "erp", &err);
    kit_ok(&err);
    kp_care_round(k->store, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    assert_int_equal(now(k).oldest, 5);
    assert_int_equal(kp_position_remove(k->store, "erp", &err), KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_position_remove(k->store, "", &err), KP_ENOTFOUND);
}

static void nonsense_is_refused(void **state)
{
    struct kit *k = *state;
    char name[80];
    memset(name, 'x', 79);
    name[79] = 0;
    struct kp_err err = { 0 };
    assert_int_equal(kp_position_put(k->store, "", 0, &err), KP_EINVALID);
    assert_int_equal(kp_position_put(k->store, name, 0, &err), KP_EINVALID);
    assert_int_equal(kp_position_put(k->store, "a", 1000, &err), KP_EINVALID);
    for (int i = 0; i < KP_CONSUMERS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        put(k, name, 0);
    }
    put(k, "c5", 0); /* one of them goes on */
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_position_put(k->store, "one more", 0, &err), KP_EFULL);
}

static void a_damaged_row_does_not_hold_up_a_consumer(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    static struct seen s;
    s = (struct seen){ 0 };
    commits(k, 3);
    kp_db_exec(k->store->db, "update journal set data = x'00' where id & 281474976710655 = 2", &err);
    kit_ok(&err);
    assert_int_equal(read_on(k, 0, 1000, &s), 3);
    assert_int_equal(s.n, 12);
}

static void who_has_enough_in_the_middle_gets_the_commit_again(void **state)
{
    struct kit *k = *state;
    static struct seen s;
    s = (struct seen){ .stop = 8 };
    commits(k, 3);
    assert_int_equal(read_on(k, 0, 1000, &s), 1);
    assert_int_equal(s.n, 8);
}

static void out_of_memory_is_an_error_and_no_leak(void **state)
{
    struct kit *k = *state;
    static struct seen s;
    commits(k, 70);
    read_on(k, 0, 100, &s);
    long n = 0, live = kp_mem_live();
    for (bool failed = true; failed;) {
        struct kp_err err = { 0 };
        uint64_t upto;
        s = (struct seen){ 0 };
        kp_mem_fail_at(++n);
        failed = kp_position_read(k->store->db, 0, 1000, &upto, see, &s, &err) != KP_OK;
        kp_mem_fail_at(0);
        assert_int_equal(err.code, failed ? KP_ENOMEM : KP_OK);
        assert_int_equal(kp_mem_live(), live);
    }
    print_message("%ld allocations failed one by one\n", n - 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(commits_come_whole_and_in_order),
        T(what_is_held_is_kept_until_it_is_let_go),
        T(a_consumer_misses_nothing_while_all_is_sealed),
        T(without_a_consumer_nothing_is_kept_and_that_is_told),
        T(who_stays_away_a_week_keeps_nothing),
        T(too_much_is_not_kept),
        T(a_removed_consumer_frees_what_was_kept),
        T(nonsense_is_refused),
        T(a_damaged_row_does_not_hold_up_a_consumer),
        T(who_has_enough_in_the_middle_gets_the_commit_again),
        T(out_of_memory_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
