/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: ranges, merges of chunks and journal, aggregates, extent and intervals. */
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

static void add_signal(struct kit *k, kp_signal id)
{
    struct kp_err err = { 0 };
    char sql[160];
    snprintf(sql, sizeof sql, "insert into signal(id, asset, name, type, label, stored, writable, coupling) "
                              "values(%u, 0, 's%u', 'double', 'inherit', 1, 0, 0)", (unsigned)id, (unsigned)id);
    kp_db_exec(k->store->db, sql, &err);
    kit_ok(&err);
}

/* Numbers in order with late ones, gaps, bad and null values; partly sealed, partly not. */
static void fill(struct kit *k, kp_signal signal, uint64_t seed)
{
    add_signal(k, signal);
    k->store->options.seal_points = 30;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 60; i++) {
            int64_t at = KIT_NOW + (round * 60 + i) * KP_SECOND;
            uint64_t r = kit_random(&seed);
            if (r % 9 == 0)
                at -= (int64_t)(r % 400) * KP_SECOND; /* late */
            struct kp_sample s = kit_sample(signal, at, kp_double((double)(int)(r % 2000) / 7 - 100));
            if (r % 13 == 0)
                s.status = KP_BAD_NO_COMMUNICATION;
            if (r % 13 == 1)
                s.status = KP_UNCERTAIN;
            if (r % 17 == 0)
                s.value = (struct kp_value){ .type = KP_NULL };
            if (r % 19 == 0)
                s.value = kp_double(NAN);
            kit_offer(k, &s, 1);
        }
        kit_sync(k);
        if (round < 7 && round % 2)
            seal(k);
    }
}

/* ---- ranges ---- */

static void any_range_gives_just_its_points(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 5;
    fill(k, 1, 11);
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    for (int i = 0; i < 300; i++) {
        int64_t from = KIT_NOW + ((int64_t)(kit_random(&seed) % 1200) - 500) * KP_SECOND;
        int64_t to = from + (int64_t)(kit_random(&seed) % 300) * KP_SECOND + (int64_t)(kit_random(&seed) % 2);
        kit_check_range(k, db, 1, from, to);
    }
    kit_check_db(k, db, 1);
    kp_store_reader_done(k->store, db);
}

static void an_empty_or_inverted_range_has_no_points(void **state)
{
    struct kit *k = *state;
    fill(k, 1, 12);
    kit_check_range(k, k->store->db, 1, KIT_NOW, KIT_NOW);
    struct kit_points p = kit_read(k->store->db, 1, KIT_NOW + 1000, KIT_NOW);
    assert_int_equal(p.n, 0);
    p = kit_read(k->store->db, 0, INT64_MIN, INT64_MAX);
    assert_int_equal(p.n, 0);
    p = kit_read(k->store->db, UINT32_MAX, INT64_MIN, INT64_MAX);
    assert_int_equal(p.n, 0);
}

static void neighbours_do_not_mix(void **state)
{
    struct kit *k = *state;
    fill(k, 64, 1);
    fill(k, 65, 2);
    fill(k, 66, 3);
    kit_check(k, 66);
}

static void a_burst_of_chunks_in_one_moment_stays_in_order(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 9;
    add_signal(k, 2);
    k->store->options.seal_points = 4;
    for (int round = 0; round < 30; round++) { /* 100 points a second and chunks of four: ids run ahead of time */
        for (int i = 0; i < 20; i++) {
            int64_t at = KIT_NOW + (round * 20 + i) * 10 * KP_MILLISECOND;
            if (kit_random(&seed) % 5 == 0)
                at -= (int64_t)(kit_random(&seed) % 3000) * KP_MILLISECOND;
            struct kp_sample s = kit_sample(2, at, kp_int(round * 20 + i));
            kit_offer(k, &s, 1);
        }
        seal(k);
    }
    kit_check(k, 2);
    for (int i = 0; i < 200; i++) {
        int64_t from = KIT_NOW - KP_SECOND + (int64_t)(kit_random(&seed) % 8000) * KP_MILLISECOND;
        kit_check_range(k, k->store->db, 2, from, from + (int64_t)(kit_random(&seed) % 500) * KP_MILLISECOND);
    }
}

static void a_reader_sees_one_moment_while_sealing_goes_on(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    fill(k, 1, 21);
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kit_points want = kit_expect(k, 1, INT64_MIN, INT64_MAX), is = { 0 };
    struct kp_history *h = kp_history_open(db, 1, INT64_MIN, INT64_MAX, &err);
    struct kp_sample s;
    while (kp_history_next(h, &s, &err)) {
        assert_true(kp_grow(&is.s, &is.room, is.n + 1, sizeof *is.s));
        is.s[is.n++] = s;
        if (is.n == 50)
            seal(k);
        if (is.n == 100) {
            struct kp_sample late = kit_sample(1, KIT_NOW + 300 * KP_SECOND + 1, kp_double(1));
            assert_true(kit_try(k, &late, 1, false));
            kit_sync(k);
        }
    }
    kit_ok(&err);
    kp_history_close(h);
    kit_compare(&is, &want);
    kp_store_reader_done(k->store, db);
    kit_points_free(&is);
    kit_points_free(&want);
}

static void two_histories_share_a_connection(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    fill(k, 1, 31);
    fill(k, 2, 32);
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kp_history *a = kp_history_open(db, 1, INT64_MIN, INT64_MAX, &err);
    struct kp_history *b = kp_history_open(db, 2, INT64_MIN, INT64_MAX, &err);
    struct kp_sample s;
    size_t n = 0, m = 0;
    bool more_a = true, more_b = true;
    while (more_a || more_b) {
        if (more_a && (more_a = kp_history_next(a, &s, &err)))
            n += s.signal == 1;
        if (more_b && (more_b = kp_history_next(b, &s, &err)))
            m += s.signal == 2;
    }
    kit_ok(&err);
    kp_history_close(a);
    kp_history_close(b);
    struct kit_points first = kit_expect(k, 1, INT64_MIN, INT64_MAX), second = kit_expect(k, 2, INT64_MIN, INT64_MAX);
    assert_int_equal(n, first.n);
    assert_int_equal(m, second.n);
    kit_points_free(&first);
    kit_points_free(&second);
    assert_true(sqlite3_get_autocommit(db->handle));
    kp_store_reader_done(k->store, db);
}

static void a_damaged_chunk_is_an_error_that_names_it(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_sample s;
    fill(k, 1, 41);
    seal(k);
    kp_db_exec(k->store->db, "update chunk set data = zeroblob(length(data)) where id = (select max(id) from chunk)",
               &err);
    struct kp_history *h = kp_history_open(k->store->db, 1, INT64_MIN, INT64_MAX, &err);
    kit_ok(&err);
    size_t n = 0;
    while (kp_history_next(h, &s, &err))
        n++;
    kp_history_close(h);
    assert_true(n > 100); /* what is before it is read */
    assert_int_equal(err.code, KP_EPARSE);
    assert_non_null(strstr(err.text, "chunk"));
    assert_non_null(strstr(err.text, "signal 1"));
}

static void a_damaged_journal_row_is_an_error_that_names_it(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    fill(k, 1, 42);
    kp_db_exec(k->store->db, "update journal set data = zeroblob(length(data)) where id = (select max(id) from journal)",
               &err);
    kit_ok(&err);
    assert_null(kp_history_open(k->store->db, 1, INT64_MIN, INT64_MAX, &err));
    assert_int_equal(err.code, KP_EPARSE);
    assert_non_null(strstr(err.text, "journal row"));
}

/* ---- aggregates, against a plain computation ---- */

static void aggregates_equal_a_plain_computation(void **state)
{
    struct kit *k = *state;
    static const int64_t steps[] = { 1, 7, 30, 60, 600, 3600, 86400, 86400 * 400 };
    fill(k, 1, 51);
    for (int sealed = 0; sealed < 2; sealed++) {
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            for (int64_t cut = 0; cut < 200; cut += 37) {
                int64_t from = KIT_NOW - (300 - cut) * KP_SECOND, to = KIT_NOW + (700 - cut) * KP_SECOND;
                kit_check_aggregate(k, k->store->db, 1, from, to, steps[i] * KP_SECOND);
            }
        }
        seal(k);
    }
}

static void whole_chunks_are_taken_from_their_columns(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    static struct kit_buckets is;
    add_signal(k, 1);
    for (int i = 0; i < 1000; i++) {
        struct kp_sample s = kit_sample(1, KIT_NOW + i * KP_SECOND, kp_double(i));
        kit_offer(k, &s, 1);
        if (i % 100 == 99)
            seal(k);
    }
    /* Blobs that cannot be decoded do not matter when the chunk is not opened. */
    kp_db_exec(k->store->db, "update chunk set data = x'00'", &err);
    is.n = 0;
    kp_history_aggregate(k->store->db, 1, KIT_NOW, KIT_NOW + 1000 * KP_SECOND, 3600 * KP_SECOND, kit_add_bucket, &is, &err);
    kit_ok(&err);
    assert_int_equal(is.n, 1);
    assert_int_equal(is.b[0].points.n, 1000);
    assert_true(is.b[0].points.min == 0 && is.b[0].points.max == 999 && is.b[0].points.sum == 499500);
    assert_true(is.b[0].points.first == 0 && is.b[0].points.last == 999);
    kp_history_aggregate(k->store->db, 1, KIT_NOW + KP_SECOND, KIT_NOW + 1000 * KP_SECOND, 3600 * KP_SECOND,
                         kit_add_bucket, &is, &err);
    assert_int_equal(err.code, KP_EPARSE); /* the first one must be opened now */
}

static void text_counts_as_points_without_a_number(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    static struct kit_buckets is;
    for (int i = 0; i < 10; i++) {
        struct kp_sample s = kit_sample(1, KIT_NOW + i * KP_SECOND, kp_string("on", 2));
        s.status = i < 3 ? KP_BAD : KP_GOOD;
        kit_offer(k, &s, 1);
    }
    for (int sealed = 0; sealed < 2; sealed++) {
        kit_sync(k);
        is.n = 0;
        kp_history_aggregate(k->store->db, 1, INT64_MIN, INT64_MAX, 3600 * KP_SECOND, kit_add_bucket, &is, &err);
        kit_ok(&err);
        assert_int_equal(is.n, 1);
        assert_int_equal(is.b[0].points.n, 10);
        assert_int_equal(is.b[0].points.bad, 3);
        assert_true(isnan(is.b[0].points.min) && isnan(is.b[0].points.last) && isnan(is.b[0].points.sum));
        seal(k);
    }
}

static void an_aggregate_stops_when_the_caller_has_enough(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    static struct kit_buckets is;
    fill(k, 1, 61);
    is = (struct kit_buckets){ .stop = 2 };
    kp_history_aggregate(k->store->db, 1, INT64_MIN, INT64_MAX, 60 * KP_SECOND, kit_add_bucket, &is, &err);
    kit_ok(&err);
    assert_int_equal(is.n, 2);
    assert_int_equal(kp_history_aggregate(k->store->db, 1, 0, 1, 0, kit_add_bucket, &is, &err), KP_EINVALID);
}

static void steps_before_1970_are_aligned_too(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    static struct kit_buckets is;
    struct kp_sample s[] = { kit_sample(1, -61 * KP_SECOND, kp_int(1)), kit_sample(1, -60 * KP_SECOND, kp_int(2)),
                             kit_sample(1, -1, kp_int(3)), kit_sample(1, 0, kp_int(4)),
                             kit_sample(1, INT64_MIN, kp_int(5)) };
    kit_offer(k, s, 5);
    kit_sync(k);
    is = (struct kit_buckets){ 0 };
    kp_history_aggregate(k->store->db, 1, INT64_MIN, INT64_MAX, 60 * KP_SECOND, kit_add_bucket, &is, &err);
    kit_ok(&err);
    assert_int_equal(is.n, 4);
    assert_int_equal(is.b[0].from, INT64_MIN);
    assert_int_equal(is.b[1].from, -120 * KP_SECOND);
    assert_int_equal(is.b[2].from, -60 * KP_SECOND);
    assert_int_equal(is.b[2].points.n, 2);
    assert_int_equal(is.b[3].from, 0);
}

/* ---- extent ---- */

static void the_extent_is_the_first_and_last_time(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int64_t first = 0, last = 0;
    assert_false(kp_history_extent(k->store->db, 1, &first, &last, &err));
    fill(k, 1, 71);
    for (int sealed = 0; sealed < 2; sealed++) {
        struct kit_points p = kit_expect(k, 1, INT64_MIN, INT64_MAX);
        assert_true(kp_history_extent(k->store->db, 1, &first, &last, &err));
        assert_int_equal(first, p.s[0].at);
        assert_int_equal(last, p.s[p.n - 1].at);
        kit_points_free(&p);
        seal(k);
    }
    assert_false(kp_history_extent(k->store->db, 2, &first, &last, &err));
    kit_ok(&err);
}

static void one_chunk_that_covers_all_is_found_for_the_extent(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int64_t first, last;
    add_signal(k, 1);
    struct kp_sample wide[] = { kit_sample(1, KIT_NOW, kp_int(1)), kit_sample(1, KIT_NOW + 9000 * KP_SECOND, kp_int(2)) };
    kit_offer(k, wide, 2);
    seal(k);
    for (int i = 1; i < 20; i++) {
        struct kp_sample s = kit_sample(1, KIT_NOW + i * KP_SECOND, kp_int(i));
        kit_offer(k, &s, 1);
        seal(k);
    }
    assert_true(kp_history_extent(k->store->db, 1, &first, &last, &err));
    assert_int_equal(first, KIT_NOW);
    assert_int_equal(last, KIT_NOW + 9000 * KP_SECOND);
    kit_check(k, 1);
}

/* ---- intervals ---- */

struct found {
    int64_t id[20];
    size_t n, stop;
};

static bool add_interval(void *arg, const struct kp_interval *i)
{
    struct found *f = arg;
    f->id[f->n++] = i->id;
    assert_non_null(i->attributes);
    return f->n != f->stop;
}

static void expect_intervals(struct kit *k, int64_t asset, int kind, int64_t from, int64_t to, const char *ids)
{
    struct kp_err err = { 0 };
    struct found f = { 0 };
    char text[100] = "";
    kp_history_intervals(k->store->db, asset, kind, from, to, add_interval, &f, &err);
    kit_ok(&err);
    for (size_t i = 0; i < f.n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d ", (int)f.id[i]);
    assert_string_equal(text, ids);
}

static void intervals_that_overlap_are_found_in_order_of_start(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    static const struct kp_interval all[] = {
        { .id = 1, .asset = 1, .kind = KP_INTERVAL_STOP, .start = 100, .end = 200 },
        { .id = 2, .asset = 2, .kind = KP_INTERVAL_STOP, .start = 50, .end = KP_FOREVER },
        { .id = 3, .asset = 1, .kind = KP_INTERVAL_JOB, .start = 150, .end = 150 },
        { .id = 4, .asset = 1, .kind = KP_INTERVAL_JOB, .start = 10, .end = 20 },
    };
    for (size_t i = 0; i < 4; i++)
        kp_rows_put_interval(k->store->db, &all[i], &err);
    kp_db_exec(k->store->db, "insert into interval values(9, 1, 'unheard of', 1, 999, 'inherit', '{}')", &err);
    kit_ok(&err);
    expect_intervals(k, -1, -1, INT64_MIN, INT64_MAX, "4 2 1 3 ");
    expect_intervals(k, 1, -1, INT64_MIN, INT64_MAX, "4 1 3 ");
    expect_intervals(k, -1, KP_INTERVAL_STOP, INT64_MIN, INT64_MAX, "2 1 ");
    expect_intervals(k, 2, KP_INTERVAL_JOB, INT64_MIN, INT64_MAX, "");
    expect_intervals(k, -1, -1, 200, 300, "2 ");   /* an end is not part of it */
    expect_intervals(k, -1, -1, 20, 50, "");       /* neither is the range's */
    expect_intervals(k, -1, -1, 150, 151, "2 1 3 "); /* without length it stands where it is */
    expect_intervals(k, -1, -1, 151, 152, "2 1 ");
    struct found f = { .stop = 1 };
    kp_history_intervals(k->store->db, -1, -1, INT64_MIN, INT64_MAX, add_interval, &f, &err);
    assert_int_equal(f.n, 1);
}

/* ---- memory ---- */

static void out_of_memory_reading_leaves_nothing_behind(void **state)
{
    struct kit *k = *state;
    fill(k, 1, 81);
    struct kp_sample text = kit_sample(1, KIT_NOW + 601 * KP_SECOND, kp_string("x", 1));
    kit_offer(k, &text, 1);
    kit_sync(k);
    long n = 1;
    size_t points = 0;
    for (bool failed = true; failed; n++) {
        struct kp_err err = { 0 };
        struct kp_sample s;
        struct kp_db *db = kp_store_reader(k->store, &err);
        struct kit_points all = kit_read(db, 1, INT64_MIN, INT64_MAX); /* its statements are prepared now */
        kit_points_free(&all);
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        struct kp_history *h = kp_history_open(db, 1, INT64_MIN, INT64_MAX, &err);
        for (points = 0; h && kp_history_next(h, &s, &err); points++)
            ;
        kp_history_close(h);
        kp_mem_fail_at(0);
        failed = err.code != KP_OK;
        if (failed)
            assert_int_equal(err.code, KP_ENOMEM);
        assert_int_equal(kp_mem_live(), live);
        kp_store_reader_done(k->store, db);
    }
    print_message("points of failure: %ld\n", n - 2);
    struct kit_points want = kit_expect(k, 1, INT64_MIN, INT64_MAX);
    assert_int_equal(points, want.n);
    kit_points_free(&want);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(any_range_gives_just_its_points),
        T(an_empty_or_inverted_range_has_no_points),
        T(neighbours_do_not_mix),
        T(a_burst_of_chunks_in_one_moment_stays_in_order),
        T(a_reader_sees_one_moment_while_sealing_goes_on),
        T(two_histories_share_a_connection),
        T(a_damaged_chunk_is_an_error_that_names_it),
        T(a_damaged_journal_row_is_an_error_that_names_it),
        T(aggregates_equal_a_plain_computation),
        T(whole_chunks_are_taken_from_their_columns),
        T(text_counts_as_points_without_a_number),
        T(an_aggregate_stops_when_the_caller_has_enough),
        T(steps_before_1970_are_aligned_too),
        T(the_extent_is_the_first_and_last_time),
        T(one_chunk_that_covers_all_is_found_for_the_extent),
        T(intervals_that_overlap_are_found_in_order_of_start),
        T(out_of_memory_reading_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
