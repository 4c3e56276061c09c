/* SPDX-License-Identifier: Apache-2.0 */
/* Commits: what is offered is read back exactly, also after a crash and while sealing goes on. */
#include "store_kit.h"

#include <pthread.h>

#include "core/ban.h"

static int begin(void **state)
{
    struct kit *k = kit_new();
    kit_open(k);
    *state = k;
    return 0;
}

static int begin_small(void **state) /* small chunks and journals, so that sealing is always at work */
{
    struct kit *k = kit_new();
    k->options.seal_points = 20;
    k->options.seal_bytes = 3000;
    kit_open(k);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static int64_t at(int i)
{
    return KIT_NOW + i * KP_MILLISECOND;
}

/* A value of every type there is, several of each where bits could be lost. */
static size_t every_value(struct kp_value *v)
{
    static const char *const text[] = { "", "O1004.NC", "größe €", "a\nb" };
    static const double reals[] = { 0.0, -0.0, 0.1, 21.7, 1e308, -1e-308, 5e-324 };
    static const int64_t ints[] = { 0, 1, -1, INT64_MIN, INT64_MAX, INT64_C(9007199254740993) };
    static const uint64_t nan_bits = UINT64_C(0x7ff8000000000123);
    static const int64_t packed[] = { 1, -2, 3 };
    size_t n = 0;
    v[n++] = (struct kp_value){ .type = KP_NULL };
    v[n++] = kp_bool(true);
    v[n++] = kp_bool(false);
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        v[n++] = kp_int(ints[i]);
        v[n++] = (struct kp_value){ .i = ints[i], .type = KP_TIME };
        v[n++] = (struct kp_value){ .u = (uint64_t)ints[i], .type = KP_UINT64 };
    }
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        v[n++] = kp_double(reals[i]);
        v[n++] = (struct kp_value){ .f = (float)reals[i], .type = KP_FLOAT };
    }
    v[n] = (struct kp_value){ .type = KP_DOUBLE };
    memcpy(&v[n++].d, &nan_bits, 8);
    v[n++] = kp_double(INFINITY);
    v[n++] = kp_double(-INFINITY);
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        v[n++] = kp_string(text[i], strlen(text[i]));
        v[n] = kp_string(text[i], strlen(text[i]));
        v[n++].type = KP_BYTES;
    }
    v[n++] = (struct kp_value){ .data = packed, .len = sizeof packed, .type = KP_INT64 | KP_ARRAY };
    v[n++] = (struct kp_value){ .data = "", .len = 0, .type = KP_DOUBLE | KP_ARRAY };
    return n;
}

static void offer_every_value(struct kit *k)
{
    static const uint32_t statuses[] = { KP_GOOD, KP_UNCERTAIN, KP_BAD_NO_COMMUNICATION, KP_STATUS_OVERFLOW };
    struct kp_value v[80];
    size_t n = every_value(v);
    assert_true(n < 80);
    for (size_t i = 0; i < n; i++) {
        struct kp_sample s = kit_sample((kp_signal)(1 + i % 3 * 70), at((int)i), v[i]);
        s.status = statuses[i % 4];
        kit_offer(k, &s, 1);
    }
    struct kp_sample extremes[] = { kit_sample(5, INT64_MIN, kp_int(1)), kit_sample(5, INT64_MAX - 1, kp_int(2)),
                                    kit_sample(5, -1, kp_int(3)) };
    kit_offer(k, extremes, 3);
}

static void every_type_is_read_back_exactly_from_the_journal(void **state)
{
    struct kit *k = *state;
    offer_every_value(k);
    kit_sync(k);
    assert_true(kit_number(k, "select count(*) from journal") > 0);
    kit_check(k, 150);
}

static void every_type_is_read_back_exactly_from_chunks(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    offer_every_value(k);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    assert_int_equal(kit_number(k, "select count(*) from seal"), 0);
    assert_true(kit_number(k, "select count(*) from chunk") > 0);
    kit_check(k, 150);
}

static void equal_times_keep_the_order_of_arrival(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    for (int i = 0; i < 300; i++) {
        struct kp_sample s = kit_sample(7, at(i / 10), kp_int(i));
        kit_offer(k, &s, 1);
        if (i % 37 == 0)
            kit_sync(k);
        if (i == 150)
            kp_store_seal_all(k->store, &err);
    }
    kit_sync(k);
    kit_ok(&err);
    kit_check(k, 7);
    kp_store_seal_all(k->store, &err);
    kit_check(k, 7);
}

static void late_data_is_merged_in_time_order(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    uint64_t seed = 3;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 100; i++) {
            int t = (int)(kit_random(&seed) % 5000);
            struct kp_sample s = kit_sample(1 + (kp_signal)(i % 2), at(t), kp_double(t / 10.0));
            kit_offer(k, &s, 1);
        }
        kit_sync(k);
        if (round % 3 == 1)
            kp_store_seal_all(k->store, &err);
    }
    kit_ok(&err);
    kit_check(k, 2);
    kp_store_seal_all(k->store, &err);
    kit_check(k, 2);
}

static void a_change_of_type_begins_a_new_chunk(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_value v[] = { kp_int(1), kp_int(2), { .type = KP_NULL }, kp_double(2.5), kp_string("x", 1), kp_int(3) };
    for (int i = 0; i < 6; i++) {
        struct kp_sample s = kit_sample(1, at(i), v[i]);
        kit_offer(k, &s, 1);
    }
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from chunk"), 4);
    kit_check(k, 1);
}

static void a_commit_comes_when_its_time_has_come(void **state)
{
    struct kit *k = *state;
    struct kp_sample s = kit_sample(1, at(0), kp_int(1));
    kit_offer(k, &s, 1);
    kp_store_turn(k->store, 0);
    assert_int_equal(kp_store_stats(k->store).commits, 0);
    kp_clock_advance(&k->clock, 99 * KP_MILLISECOND);
    kp_store_turn(k->store, 0);
    assert_int_equal(kp_store_stats(k->store).commits, 0);
    kp_clock_advance(&k->clock, KP_MILLISECOND);
    kp_store_turn(k->store, 0);
    assert_int_equal(kp_store_stats(k->store).commits, 1);
    assert_int_equal(kp_store_stats(k->store).last_commit, KIT_NOW + 100 * KP_MILLISECOND);
    assert_int_equal(kp_store_stats(k->store).queued, 0);
    kit_check(k, 1);
}

static void a_commit_comes_early_when_there_is_much(void **state)
{
    struct kit *k = *state;
    static struct kp_sample s[KP_COMMIT_SAMPLES + 1000];
    size_t n = sizeof s / sizeof s[0];
    for (size_t i = 0; i < n; i++)
        s[i] = kit_sample(1 + (kp_signal)(i % 100), at((int)(i / 100)), kp_int((int64_t)i));
    assert_true(kit_try(k, s, n, false));
    while (kp_store_turn(k->store, 0))
        ;
    assert_true(kp_store_stats(k->store).samples >= KP_COMMIT_SAMPLES - KP_BATCH_MAX);
    assert_int_equal(kp_store_stats(k->store).commits, 1);
    kit_sync(k);
    assert_int_equal(kp_store_stats(k->store).samples, n);
    assert_int_equal(kp_store_stats(k->store).commits, 2);
}

static void the_interval_of_commits_is_a_setting_of_the_file(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_store_stats(k->store).commit_every, 100 * KP_MILLISECOND);
    kp_setting_put(k->store->db, "commit-every", "1s", &err);
    kit_ok(&err);
    kit_close(k);
    kit_open(k);
    struct kp_sample s = kit_sample(1, at(0), kp_int(1));
    kit_offer(k, &s, 1);
    kp_store_turn(k->store, 0);
    kp_clock_advance(&k->clock, 999 * KP_MILLISECOND);
    kp_store_turn(k->store, 0);
    assert_int_equal(kp_store_stats(k->store).commits, 0);
    kp_clock_advance(&k->clock, KP_MILLISECOND);
    kp_store_turn(k->store, 0);
    assert_int_equal(kp_store_stats(k->store).commits, 1);
    assert_int_equal(kp_store_stats(k->store).commit_every, KP_SECOND);
}

static enum kp_code set_every(struct kp_db *db, void *arg, struct kp_err *err)
{
    return kp_setting_put(db, "commit-every", arg, err);
}

static void a_changed_interval_is_in_force_at_once(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char every[] = "5s";
    kp_store_do(k->store, set_every, every, &err);
    kit_ok(&err);
    assert_int_equal(k->store->options.commit_every, 5 * KP_SECOND);
}

static void samples_beyond_the_budget_are_refused_and_stay_with_the_caller(void **state)
{
    struct kit *k = *state;
    k->store->options.queue_budget = 3 * sizeof(struct kp_batch);
    struct kp_sample s[KP_BATCH_MAX];
    for (int i = 0; i < KP_BATCH_MAX; i++)
        s[i] = kit_sample(1, at(i), kp_int(i));
    int taken = 0;
    while (kit_try(k, s, KP_BATCH_MAX, false))
        taken++;
    assert_int_equal(taken, 3);
    kp_store_turn(k->store, 0); /* taken from the queue, not committed: still counted */
    assert_false(kit_try(k, s, KP_BATCH_MAX, false));
    assert_int_equal(kp_store_stats(k->store).refused, 2 * KP_BATCH_MAX);
    kit_sync(k);
    assert_true(kit_try(k, s, KP_BATCH_MAX, false));
}

static void small_batches_that_wait_share_their_room(void **state)
{
    struct kit *k = *state;
    k->store->options.queue_budget = 3 * sizeof(struct kp_batch);
    for (int i = 0; i < 2000; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "T%d", i);
        struct kp_sample s = kit_sample(1 + (kp_signal)i % 2, at(i), i % 2 ? kp_int(i) : kp_string(text, (size_t)n));
        kit_note(k, &s);
        assert_true(kit_try(k, &s, 1, i % 500 > 480)); /* some historic ones between */
        kp_store_turn(k->store, 0);
        if (kp_store_stats(k->store).queued > sizeof(struct kp_batch))
            kit_sync(k);
    }
    kit_sync(k);
    assert_int_equal(kp_store_stats(k->store).samples, 2000);
    assert_true(kp_store_stats(k->store).commits < 60);
    kit_check(k, 2);
}

static void historic_samples_are_stored_but_are_nobodys_last_value(void **state)
{
    struct kit *k = *state;
    struct kp_sample live = kit_sample(1, at(1000), kp_int(1)), old = kit_sample(1, at(500), kp_int(2));
    kit_offer(k, &live, 1);
    kit_note(k, &old);
    assert_true(kit_try(k, &old, 1, true));
    kit_sync(k);
    kit_check(k, 1);
    assert_int_equal(k->store->signals.last[1].value.i, 1);
    kit_close(k);
    kit_open(k);
    assert_int_equal(k->store->signals.last[1].value.i, 1);
    kit_check(k, 1);
}

static void samples_of_impossible_signals_are_left_out(void **state)
{
    struct kit *k = *state;
    struct kp_sample s[] = { kit_sample(0, at(0), kp_int(1)), kit_sample(7, at(1), kp_int(2)),
                             kit_sample(KP_SIGNAL_LAST + 1u, at(2), kp_int(3)), kit_sample(8, at(3), kp_int(4)) };
    assert_true(kit_try(k, s, 1, false));
    kit_sync(k);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    assert_int_equal(kp_store_stats(k->store).queued, 0);
    assert_true(kit_try(k, s, 4, false));
    kit_sync(k);
    kit_note(k, &s[1]);
    kit_note(k, &s[3]);
    kit_check(k, 8);
    assert_int_equal(kp_store_stats(k->store).samples, 2);
}

/* ---- crashes ---- */

static void copy_one(const char *from, const char *to, const char *name)
{
    char a[200], b[200], buf[65536];
    snprintf(a, sizeof a, "%s/%s", from, name);
    snprintf(b, sizeof b, "%s/%s", to, name);
    FILE *in = fopen(a, "rb"), *out = fopen(b, "wb");
    assert_true(out != NULL);
    for (size_t n; in && (n = fread(buf, 1, sizeof buf, in)) > 0;)
        assert_int_equal(fwrite(buf, 1, n, out), n);
    if (in)
        fclose(in);
    fclose(out);
}

/* The file as a power cut now would leave it, opened and read by itself. */
static void check_copy(struct kit *k, kp_signal last, bool seal_on)
{
    struct kp_err err = { 0 };
    struct kit copy = { .clock = k->clock, .options = k->options, .all = k->all, .n = k->n };
    kit_scratch(copy.dir);
    copy_one(k->dir, copy.dir, "factory.db");
    copy_one(k->dir, copy.dir, "factory.db-wal");
    kit_open(&copy);
    kit_check(&copy, last);
    if (seal_on) {
        kp_store_seal_all(copy.store, &err);
        kit_ok(&err);
        kit_check(&copy, last);
        assert_int_equal(kit_number(&copy, "select count(*) from journal"), 0);
    }
    kit_close(&copy);
    kit_remove(copy.dir);
}

static void offer_mixed(struct kit *k, int from, int to)
{
    for (int i = from; i < to; i++) {
        for (kp_signal s = 1; s <= 130; s += 3) {
            char text[16];
            int n = snprintf(text, sizeof text, "T%d", i % 7);
            struct kp_sample p = kit_sample(s, at(i * 10 + (int)s % 5), kp_double(i / 10.0 + s));
            if (s % 2)
                p.value = kp_string(text, (size_t)n);
            p.status = i % 11 ? KP_GOOD : KP_BAD_NO_COMMUNICATION;
            if (i % 13 == 5)
                p.at -= 60 * KP_SECOND; /* late */
            kit_offer(k, &p, 1);
        }
        kit_sync(k);
    }
}

static void the_history_is_the_same_after_each_turn_of_sealing(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    offer_mixed(k, 0, 25);
    struct kp_err err = { 0 };
    int turns = 0;
    kit_check(k, 130);
    for (; kp_seal_turn(k->store, false, &err); turns++) {
        kit_check(k, 130);
        check_copy(k, 130, turns % 3 == 0);
    }
    kit_ok(&err);
    assert_true(turns > 20);
    assert_true(kp_store_stats(k->store).chunks > 0);
}

static void a_store_closed_without_a_stop_goes_on_where_it_was(void **state)
{
    struct kit *k = *state;
    int turns = 0;
    for (int round = 0; round < 8; round++) {
        offer_mixed(k, round * 10, round * 10 + 10);
        for (int i = 0; i < round && kp_store_turn(k->store, 0); i++)
            turns++;
        kit_close(k);
        kit_open(k);
        kit_check(k, 130);
    }
    assert_true(turns > 10);
    struct kp_err err = { 0 };
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    kit_check(k, 130);
}

static void what_was_offered_and_not_committed_is_all_a_crash_takes(void **state)
{
    struct kit *k = *state;
    offer_mixed(k, 0, 3);
    struct kp_sample s = kit_sample(1, at(9999), kp_int(1));
    assert_true(kit_try(k, &s, 1, false));
    kp_store_turn(k->store, 0);
    kit_close(k);
    kit_open(k);
    kit_check(k, 130);
}

static void a_stop_commits_what_is_queued_and_empties_the_log(void **state)
{
    struct kit *k = *state;
    char wal[100];
    struct kp_sample s = kit_sample(1, at(1), kp_int(1));
    kit_offer(k, &s, 1);
    kp_store_stop(k->store);
    snprintf(wal, sizeof wal, "%s/factory.db-wal", k->dir);
    assert_int_equal(kp_file_size(wal), 0);
    struct kp_err err = { 0 };
    assert_int_equal(kp_store_sync(k->store, &err), KP_ESTOPPED);
    assert_false(kit_try(k, &s, 1, false));
    kit_close(k);
    kit_open(k);
    kit_check(k, 1);
}

static void the_journal_is_sealed_when_it_is_old(void **state)
{
    struct kit *k = *state;
    struct kp_sample s = kit_sample(1, at(1), kp_int(1));
    kit_offer(k, &s, 1);
    kit_sync(k);
    while (kp_store_turn(k->store, 0))
        ;
    assert_int_equal(kit_number(k, "select count(*) from chunk"), 0);
    kp_clock_advance(&k->clock, 30 * 60 * KP_SECOND);
    while (kp_store_turn(k->store, 0))
        ;
    assert_int_equal(kit_number(k, "select count(*) from chunk"), 1);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    assert_int_equal(kp_store_stats(k->store).journal_rows, 0);
    kit_check(k, 1);
}

static void the_journal_of_an_earlier_run_is_sealed_too_when_it_is_old(void **state)
{
    struct kit *k = *state;
    struct kp_sample s = kit_sample(1, at(1), kp_int(1));
    kit_offer(k, &s, 1);
    kit_sync(k);
    kit_close(k);
    kit_open(k);
    while (kp_store_turn(k->store, 0))
        ;
    assert_int_equal(kp_store_stats(k->store).journal_rows, 1);
    kp_clock_advance(&k->clock, 30 * 60 * KP_SECOND);
    while (kp_store_turn(k->store, 0))
        ;
    assert_int_equal(kit_number(k, "select count(*) from chunk"), 1);
}

static void a_journal_above_its_bound_seals_the_fattest_stripe_first(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    k->store->options.journal_bytes = 3000;
    for (int i = 0; i < 60; i++) {
        struct kp_sample s[] = { kit_sample(1, at(i), kp_double(i)), kit_sample(65, at(i), kp_double(i)),
                                 kit_sample(65, at(i), kp_double(i)) };
        kit_offer(k, s, 3);
        kit_sync(k);
    }
    while (kp_store_turn(k->store, 0))
        ;
    assert_true(kit_number(k, "select count(*) from chunk where id >> 36 = 65") > 0);
    assert_int_equal(kit_number(k, "select count(*) from chunk where id >> 36 = 1"), 0);
    assert_true(kp_store_stats(k->store).journal_bytes <= 3000);
    kit_check(k, 65);
}

/* ---- the thread ---- */

static enum kp_code count_up(struct kp_db *db, void *arg, struct kp_err *err)
{
    int *n = arg;
    if (*n < 0)
        return kp_fail(err, KP_EINVALID, "not below nothing");
    ++*n;
    return kp_db_exec(db, "insert into setting values(hex(randomblob(8)), 'x')", err);
}

static void calls_run_in_the_store_thread_and_are_committed_when_they_return(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int n = 0, bad = -1;
    int64_t before = kit_number(k, "select count(*) from setting");
    kp_store_start(k->store, &err);
    for (int i = 0; i < 10; i++) {
        kp_store_do(k->store, count_up, &n, &err);
        kit_ok(&err);
        assert_int_equal(kit_number(k, "select count(*) from setting"), before + i + 1);
    }
    assert_int_equal(kp_store_do(k->store, count_up, &bad, &err), KP_EINVALID);
    assert_string_equal(err.text, "not below nothing");
    kp_store_stop(k->store);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_store_do(k->store, count_up, &n, &err), KP_ESTOPPED);
    assert_int_equal(kit_number(k, "select count(*) from setting"), before + 10);
}

static enum kp_code half_done(struct kp_db *db, void *arg, struct kp_err *err)
{
    (void)arg;
    kp_db_exec(db, "insert into setting values('half', 'x')", err);
    return kp_fail(err, KP_EDENIED, "changed my mind");
}

static void a_failed_call_undoes_itself_and_nothing_else(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int n = 0;
    assert_int_equal(kp_store_do(k->store, half_done, NULL, &err), KP_EDENIED);
    assert_int_equal(kit_number(k, "select count(*) from setting where key = 'half'"), 0);
    err = (struct kp_err){ 0 };
    kp_store_do(k->store, count_up, &n, &err);
    kit_ok(&err);
}

struct caller {
    struct kit *k;
    int n;
};

static void *call_often(void *arg)
{
    struct caller *c = arg;
    struct kp_err err = { 0 };
    for (int i = 0; i < 50; i++) {
        kp_store_do(c->k->store, count_up, &c->n, &err);
        kp_store_sync(c->k->store, &err);
    }
    return err.code ? arg : NULL;
}

static void many_threads_call_and_offer_at_once(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct caller callers[4];
    pthread_t threads[4];
    int64_t before = kit_number(k, "select count(*) from setting");
    kit_close(k);
    k->options.commit_every = 5 * KP_MILLISECOND;
    k->store = kp_store_open(k->dir,
                             &(struct kp_store_options){ .commit_every = 5 * KP_MILLISECOND, .seal_points = 50 }, &err);
    kit_ok(&err);
    kp_store_start(k->store, &err);
    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){ .k = k };
        pthread_create(&threads[i], NULL, call_often, &callers[i]);
    }
    for (int i = 0; i < 500; i++) {
        struct kp_sample s[] = { kit_sample(1, at(i), kp_int(i)), kit_sample(100, at(i), kp_double(i)) };
        kit_offer(k, s, 2);
    }
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
        assert_int_equal(callers[i].n, 50);
    }
    kit_sync(k);
    kit_check(k, 100);
    assert_int_equal(kit_number(k, "select count(*) from setting"), before + 200);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    kit_check(k, 100);
    kp_store_stop(k->store);
}

/* ---- memory ---- */

static void out_of_memory_in_a_commit_loses_nothing(void **state)
{
    struct kit *k = *state;
    long n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        struct kp_sample s[] = { kit_sample(1, at((int)n), kp_int(n)),
                                 kit_sample(2, at((int)n), kp_string("some text here", 14)),
                                 kit_sample(5000 + (kp_signal)n * 1000, at((int)n), kp_int(n)) };
        kit_close(k); /* with empty buffers */
        kit_open(k);
        kit_offer(k, s, 3);
        long before = kp_mem_count();
        kp_mem_fail_at(n);
        enum kp_code code = kp_store_sync(k->store, &err);
        bool failed = kp_mem_count() - before >= n;
        kp_mem_fail_at(0);
        if (code)
            assert_int_equal(err.code, KP_ENOMEM);
        kit_sync(k);
        if (!failed)
            break;
    }
    print_message("points of failure: %ld\n", n - 1);
    kit_check(k, 2);
}

static void out_of_memory_in_sealing_loses_nothing(void **state)
{
    struct kit *k = *state;
    long n = 1;
    offer_mixed(k, 0, 10);
    for (;; n++) {
        struct kp_err err = { 0 };
        kp_mem_fail_at(n);
        kp_store_seal_all(k->store, &err);
        kp_mem_fail_at(0);
        if (!err.code)
            break;
        assert_int_equal(err.code, KP_ENOMEM);
        if (n % 10 == 1)
            kit_check(k, 130);
    }
    print_message("points of failure: %ld\n", n - 1);
    assert_true(n > 3);
    kit_check(k, 130);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
}

static void out_of_memory_opening_leaves_nothing_behind(void **state)
{
    struct kit *k = *state;
    offer_mixed(k, 0, 5);
    kit_close(k);
    long n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        k->store = kp_store_open(k->dir, &k->options, &err);
        kp_mem_fail_at(0);
        if (k->store)
            break;
        assert_int_equal(err.code, KP_ENOMEM);
        assert_int_equal(kp_mem_live(), live);
    }
    print_message("points of failure: %ld\n", n - 1);
    assert_true(n > 10);
    kit_check(k, 130);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
#define S(f) cmocka_unit_test_setup_teardown(f, begin_small, end)
    const struct CMUnitTest tests[] = {
        T(every_type_is_read_back_exactly_from_the_journal),
        T(every_type_is_read_back_exactly_from_chunks),
        T(equal_times_keep_the_order_of_arrival),
        T(late_data_is_merged_in_time_order),
        T(a_change_of_type_begins_a_new_chunk),
        T(a_commit_comes_when_its_time_has_come),
        T(a_commit_comes_early_when_there_is_much),
        T(the_interval_of_commits_is_a_setting_of_the_file),
        T(a_changed_interval_is_in_force_at_once),
        T(samples_beyond_the_budget_are_refused_and_stay_with_the_caller),
        T(small_batches_that_wait_share_their_room),
        T(historic_samples_are_stored_but_are_nobodys_last_value),
        T(samples_of_impossible_signals_are_left_out),
        S(the_history_is_the_same_after_each_turn_of_sealing),
        S(a_store_closed_without_a_stop_goes_on_where_it_was),
        S(what_was_offered_and_not_committed_is_all_a_crash_takes),
        T(a_stop_commits_what_is_queued_and_empties_the_log),
        T(the_journal_is_sealed_when_it_is_old),
        T(the_journal_of_an_earlier_run_is_sealed_too_when_it_is_old),
        T(a_journal_above_its_bound_seals_the_fattest_stripe_first),
        T(calls_run_in_the_store_thread_and_are_committed_when_they_return),
        T(a_failed_call_undoes_itself_and_nothing_else),
        T(many_threads_call_and_offer_at_once),
        S(out_of_memory_in_a_commit_loses_nothing),
        S(out_of_memory_in_sealing_loses_nothing),
        S(out_of_memory_opening_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
