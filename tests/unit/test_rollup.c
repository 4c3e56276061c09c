/* SPDX-License-Identifier: Apache-2.0 */
/* Rollups: the blob, which blocks are due, and that nobody can tell from an aggregate whether they are there. */
#include "store_kit.h"

#include "store/rollup.h"

#include "core/ban.h"

#define HOUR (3600 * KP_SECOND)
#define DAY (24 * HOUR)
/* a midnight, two days before the kit's now */
#define MIDNIGHT (KIT_NOW - 10 * HOUR - 2 * DAY)

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

static void care(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_care_round(k->store, &err);
    kit_ok(&err);
}

/* Numbers with bad and null ones and texts in between. */
static void fill(struct kit *k, kp_signal signal, int64_t from, int64_t to, int64_t step, uint64_t *seed)
{
    for (int64_t at = from; at < to; at += step) {
        uint64_t r = kit_random(seed);
        struct kp_sample s = kit_sample(signal, at, kp_double((double)(int)(r % 20000) / 100 - 50));
        if (r % 61 == 0)
            s.status = KP_BAD_NO_COMMUNICATION;
        if (r % 67 == 0)
            s.value = (struct kp_value){ .type = KP_NULL };
        if (r % 71 == 0)
            s.value = kp_double(NAN);
        kit_offer(k, &s, 1);
        if (k->n % 500 == 0)
            kit_sync(k);
    }
    kit_sync(k);
}

/* ---- the blob ---- */

static size_t make_buckets(struct kp_chunk_summary *s, int level, int64_t block, uint64_t seed)
{
    size_t n = 0;
    int64_t step = kp_rollup_step(level);
    for (int64_t at = kp_rollup_start(level, block); at < kp_rollup_start(level, block + 1); at += step) {
        uint64_t r = kit_random(&seed);
        if (r % 5 == 0)
            continue;
        s[n] = (struct kp_chunk_summary){ .t0 = at + (int64_t)(r % 1000) * KP_MILLISECOND, .n = 1 + r % 1000,
                                          .held = r % 3, .min = NAN, .max = NAN, .sum = NAN, .first = NAN, .last = NAN };
        s[n].good_ns = (int64_t)(r % 50) * KP_SECOND;
        s[n].bad_ns = r % 7 == 0 ? 123456789 : 0;
        s[n].t1 = s[n].t0 + s[n].good_ns + s[n].bad_ns;
        s[n].good = r % 4 ? s[n].n - r % s[n].n : 0;
        s[n].bad = s[n].n - s[n].good;
        if (s[n].good) {
            s[n].min = (double)(r % 999) / 10;
            s[n].max = s[n].min + 2;
            s[n].first = r % 11 == 0 ? INFINITY : s[n].min;
            s[n].last = -0.0;
            s[n].sum = 1e300;
            s[n].area = (double)r / 3;
        }
        n++;
    }
    return n;
}

static bool bits_equal(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void a_rollup_comes_back_as_it_was(void **state)
{
    (void)state;
    static struct kp_chunk_summary in[KP_ROLLUP_BUCKETS], back[KP_ROLLUP_BUCKETS];
    for (uint64_t seed = 1; seed < 50; seed++) {
        int level = seed % 2 ? KP_MINUTES : KP_HOURS;
        struct kp_err err = { 0 };
        struct kp_buf out;
        kp_buf_init(&out, 1 << 20);
        size_t n = make_buckets(in, level, 50000, seed), m = 0;
        kp_rollup_encode(level, 50000, in, n, &out, &err);
        kit_ok(&err);
        kp_rollup_decode(out.data, out.len, level, 50000, back, &m, &err);
        kit_ok(&err);
        assert_int_equal(m, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(back[i].t0, in[i].t0);
            assert_int_equal(back[i].t1, in[i].t1);
            assert_int_equal(back[i].n, in[i].n);
            assert_int_equal(back[i].good, in[i].good);
            assert_int_equal(back[i].bad, in[i].bad);
            assert_int_equal(back[i].held, in[i].held);
            assert_int_equal(back[i].good_ns, in[i].good_ns);
            assert_int_equal(back[i].bad_ns, in[i].bad_ns);
            if (in[i].good)
                assert_true(bits_equal(back[i].min, in[i].min) && bits_equal(back[i].max, in[i].max) &&
                            bits_equal(back[i].first, in[i].first) && bits_equal(back[i].last, in[i].last) &&
                            bits_equal(back[i].sum, in[i].sum) && bits_equal(back[i].area, in[i].area));
        }
        kp_buf_free(&out);
    }
}

static void a_damaged_rollup_is_refused(void **state)
{
    (void)state;
    static struct kp_chunk_summary in[KP_ROLLUP_BUCKETS], back[KP_ROLLUP_BUCKETS];
    struct kp_err err = { 0 };
    struct kp_buf out;
    size_t m, n = make_buckets(in, KP_MINUTES, 7, 3);
    kp_buf_init(&out, 1 << 20);
    kp_rollup_encode(KP_MINUTES, 7, in, n, &out, &err);
    kit_ok(&err);
    assert_int_equal(kp_rollup_decode(out.data, out.len, KP_HOURS, 7, back, &m, &err), KP_EPARSE);
    for (size_t i = 0; i < out.len; i++) {
        assert_int_equal(kp_rollup_decode(out.data, i, KP_MINUTES, 7, back, &m, &err), KP_EPARSE);
        out.data[i] = (char)(out.data[i] ^ 4);
        assert_int_equal(kp_rollup_decode(out.data, out.len, KP_MINUTES, 7, back, &m, &err), KP_EPARSE);
        /* with a right check sum whatever is said stays within bounds */
        uint32_t crc = kp_crc32c(out.data, out.len - 4), was;
        memcpy(&was, out.data + out.len - 4, 4);
        memcpy(out.data + out.len - 4, &crc, 4);
        if (kp_rollup_decode(out.data, out.len, KP_MINUTES, 7, back, &m, &err) == KP_OK)
            assert_true(m >= 1 && m <= KP_ROLLUP_BUCKETS);
        memcpy(out.data + out.len - 4, &was, 4);
        out.data[i] = (char)(out.data[i] ^ 4);
    }
    kp_buf_free(&out);
}

static void blocks_lie_on_the_grid_since_2000(void **state)
{
    (void)state;
    int64_t year2000 = INT64_C(946684800) * KP_SECOND;
    for (int level = 0; level < KP_ROLLUP_LEVELS; level++) {
        assert_int_equal(kp_rollup_block(level, year2000 - 1), -1);
        assert_int_equal(kp_rollup_block(level, INT64_MIN), -1);
        assert_int_equal(kp_rollup_block(level, year2000), 0);
        int64_t block = kp_rollup_block(level, KIT_NOW);
        assert_true(kp_rollup_start(level, block) <= KIT_NOW && KIT_NOW < kp_rollup_start(level, block + 1));
        assert_int_equal(kp_rollup_span(level) % kp_rollup_step(level), 0);
        assert_true(kp_rollup_span(level) / kp_rollup_step(level) <= KP_ROLLUP_BUCKETS);
    }
}

/* ---- making them ---- */

static int64_t rows(struct kit *k, int level)
{
    char sql[120];
    snprintf(sql, sizeof sql, "select count(*) from rollup where (id >> 35) & 1 = %d", level);
    return kit_number(k, sql);
}

static void check_ranges(struct kit *k, kp_signal signal, uint64_t *seed, int count)
{
    static const int64_t steps[] = { 60 * KP_SECOND, 300 * KP_SECOND, HOUR, 4 * HOUR, DAY, 30 * DAY, 7 * HOUR + 1,
                                     90 * KP_SECOND, 3 * HOUR };
    for (int i = 0; i < count; i++) {
        int64_t step = steps[kit_random(seed) % 9];
        int64_t from = MIDNIGHT - 3 * HOUR + (int64_t)(kit_random(seed) % 40) * HOUR;
        int64_t to = from + (int64_t)(1 + kit_random(seed) % 50) * HOUR;
        if (kit_random(seed) % 3 == 0)
            from += (int64_t)(kit_random(seed) % 3600) * KP_SECOND + 1;
        if ((to - from) / step < 1500)
            kit_check_aggregate(k, k->store->db, signal, from, to, step);
    }
}

static void aggregates_are_the_same_with_and_without_rollups(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 11;
    fill(k, 1, MIDNIGHT, MIDNIGHT + 26 * HOUR, 2 * KP_SECOND, &seed);
    fill(k, 2, MIDNIGHT + 5 * HOUR, MIDNIGHT + 30 * HOUR, 97 * KP_SECOND, &seed);
    seal(k);
    check_ranges(k, 1, &seed, 8);
    care(k);
    assert_int_equal(rows(k, KP_MINUTES), 7); /* of the fast signal only */
    assert_int_equal(rows(k, KP_HOURS), 4);
    assert_int_equal(kit_number(k, "select count(*) from rollup_due"), 0);
    check_ranges(k, 1, &seed, 40);
    check_ranges(k, 2, &seed, 40);
    kit_check(k, 2);
}

static void long_ranges_are_read_from_rollups_alone(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    uint64_t seed = 12;
    static struct kit_buckets is;
    fill(k, 1, MIDNIGHT, MIDNIGHT + DAY, 2 * KP_SECOND, &seed);
    seal(k);
    care(k);
    kp_db_exec(k->store->db, "delete from chunk", &err);
    is.n = 0;
    kp_history_summaries(k->store->db, 1, MIDNIGHT, MIDNIGHT + DAY, DAY, kit_add_bucket, &is, &err);
    kit_ok(&err);
    assert_int_equal(is.n, 1);
    assert_int_equal(is.b[0].points.n, 43200);
    is.n = 0;
    kp_history_summaries(k->store->db, 1, MIDNIGHT, MIDNIGHT + DAY, 60 * KP_SECOND, kit_add_bucket, &is, &err);
    kit_ok(&err);
    assert_int_equal(is.n, 1440);
}

static void late_points_are_never_missing(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 13;
    fill(k, 1, MIDNIGHT, MIDNIGHT + DAY, 5 * KP_SECOND, &seed);
    seal(k);
    care(k);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 5; i++) { /* new ones and others for times there are */
            int64_t at = MIDNIGHT + (int64_t)(kit_random(&seed) % 86400) * KP_SECOND;
            struct kp_sample s = kit_sample(1, at, kp_double((double)(1000 * round + i)));
            kit_offer(k, &s, 1);
        }
        kit_sync(k);
        check_ranges(k, 1, &seed, 5); /* in the journal */
        seal(k);
        assert_true(kit_number(k, "select count(*) from rollup_due") > 0);
        check_ranges(k, 1, &seed, 5); /* sealed, the rollup gone */
        care(k);
        assert_int_equal(kit_number(k, "select count(*) from rollup_due"), 0);
        assert_int_equal(rows(k, KP_MINUTES), 0); /* 12 points a minute */
        assert_int_equal(rows(k, KP_HOURS), 1);
        check_ranges(k, 1, &seed, 5); /* made again */
    }
    kit_check(k, 1);
}

static void a_block_is_left_until_it_had_time_to_be_sealed(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 14;
    int64_t block = kp_rollup_start(KP_MINUTES, kp_rollup_block(KP_MINUTES, KIT_NOW));
    fill(k, 1, block, KIT_NOW, KP_SECOND, &seed);
    seal(k);
    care(k);
    assert_int_equal(rows(k, KP_MINUTES), 0);
    assert_int_equal(kit_number(k, "select count(*) from rollup_due"), 2);
    kp_clock_advance(&k->clock, block + kp_rollup_span(KP_MINUTES) - KIT_NOW + k->store->options.journal_age);
    care(k);
    assert_int_equal(rows(k, KP_MINUTES), 0);
    kp_clock_advance(&k->clock, 301 * KP_SECOND);
    care(k);
    assert_int_equal(rows(k, KP_MINUTES), 1);
    assert_int_equal(rows(k, KP_HOURS), 0);
    kp_clock_advance(&k->clock, DAY);
    care(k);
    assert_int_equal(rows(k, KP_HOURS), 1);
    assert_int_equal(kit_number(k, "select count(*) from rollup_due"), 0);
}

static void damage_in_one_signal_does_not_keep_others_from_rollups(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    uint64_t seed = 16;
    fill(k, 1, MIDNIGHT, MIDNIGHT + 3 * HOUR, KP_SECOND, &seed);
    fill(k, 2, MIDNIGHT, MIDNIGHT + 3 * HOUR, KP_SECOND, &seed);
    seal(k);
    kp_db_exec(k->store->db, "update chunk set data = x'00' where id >> 36 = 1", &err);
    kit_ok(&err);
    kp_care_round(k->store, &err);
    assert_int_equal(err.code, KP_EPARSE);
    assert_non_null(strstr(err.text, "signal 1"));
    assert_int_equal(rows(k, KP_MINUTES), 1);
    assert_int_equal(rows(k, KP_HOURS), 1);
}

static void a_damaged_rollup_row_is_passed_over(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    uint64_t seed = 17;
    fill(k, 1, MIDNIGHT, MIDNIGHT + 9 * HOUR, KP_SECOND, &seed);
    seal(k);
    care(k);
    kp_db_exec(k->store->db, "update rollup set data = x'0102030405'", &err);
    kit_ok(&err);
    check_ranges(k, 1, &seed, 20);
}

static void out_of_memory_making_rollups_leaves_them_due(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 18;
    fill(k, 1, MIDNIGHT, MIDNIGHT + HOUR, KP_SECOND, &seed);
    seal(k);
    care(k);
    long n = 0;
    for (bool failed = true; failed;) {
        struct kp_err err = { 0 };
        struct kp_sample late = kit_sample(1, MIDNIGHT + n * KP_SECOND, kp_double(1));
        kit_offer(k, &late, 1);
        seal(k);
        assert_int_equal(rows(k, KP_HOURS), 0);
        kp_mem_fail_at(++n);
        kp_care_round(k->store, &err);
        kp_mem_fail_at(0);
        failed = kit_number(k, "select count(*) > 0 from rollup_due");
        assert_true(!failed || err.code == KP_ENOMEM);
    }
    print_message("%ld allocations failed one by one\n", n - 1);
    assert_int_equal(rows(k, KP_HOURS), 1);
    check_ranges(k, 1, &seed, 10);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rollup_comes_back_as_it_was),
        cmocka_unit_test(a_damaged_rollup_is_refused),
        cmocka_unit_test(blocks_lie_on_the_grid_since_2000),
        T(aggregates_are_the_same_with_and_without_rollups),
        T(long_ranges_are_read_from_rollups_alone),
        T(late_points_are_never_missing),
        T(a_block_is_left_until_it_had_time_to_be_sealed),
        T(damage_in_one_signal_does_not_keep_others_from_rollups),
        T(a_damaged_rollup_row_is_passed_over),
        T(out_of_memory_making_rollups_leaves_them_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
