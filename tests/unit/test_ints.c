/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "store/ints.h"

static struct kp_scratch *scratch;

static size_t round_trip(const int64_t *v, size_t n)
{
    struct kp_buf out;
    int64_t back[KP_CHUNK_MAX];
    kp_buf_init(&out, 1 << 20);
    kp_buf_add(&out, "before", 6); /* it appends */
    kp_ints_encode(v, n, scratch, &out);
    assert_false(out.failed);
    out.len -= 6;
    memmove(out.data, out.data + 6, out.len);
    assert_int_equal(out.len, kp_ints_cost(v, n, scratch)); /* what is foretold is what is paid */
    struct kp_reader r = { (const uint8_t *)out.data, (const uint8_t *)out.data + out.len };
    assert_true(kp_ints_decode(&r, n, back));
    assert_true(r.p == r.end);
    if (n)
        assert_memory_equal(v, back, n * sizeof *v);
    size_t len = out.len;
    for (size_t cut = 0; cut < len && len < 400;
         cut++) { /* every shorter text is refused or reads within bounds */
        uint8_t *copy = kp_alloc(cut + 1);
        memcpy(copy, out.data, cut);
        struct kp_reader c = { copy, copy + cut };
        kp_ints_decode(&c, n, back);
        assert_true(c.p <= c.end);
        kp_free(copy);
    }
    kp_buf_free(&out);
    return len;
}

static int setup(void **state)
{
    (void)state;
    scratch = kp_scratch_new();
    return scratch ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kp_free(scratch);
    return 0;
}

static void edges_of_int64_survive_in_every_order(void **state)
{
    (void)state;
    static const int64_t edges[] = { INT64_MIN,     INT64_MAX,     0,         -1, 1,
                                     INT64_MIN + 1, INT64_MAX - 1, INT32_MIN, 1 };
    enum { N = sizeof edges / sizeof *edges };
    for (size_t n = 0; n <= N; n++)
        round_trip(edges, n);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++)
            round_trip((int64_t[]){ edges[i], edges[k], edges[i], edges[k] }, 4);
}

static void random_values_of_every_width_survive(void **state)
{
    (void)state;
    int64_t v[1000];
    uint64_t seed = 42;
    for (unsigned width = 0; width <= 64; width++)
        for (size_t n = 1; n <= 1000; n = n * 3 + 1) {
            for (size_t i = 0; i < n; i++)
                v[i] = width ? (int64_t)(kit_random(&seed) >> (64 - width)) -
                                   (int64_t)(seed & 1) * 1000
                             : 7;
            round_trip(v, n);
        }
}

static void regular_series_cost_next_to_nothing(void **state)
{
    (void)state;
    int64_t v[1024];
    for (size_t i = 0; i < 1024; i++)
        v[i] = 1700000000000 + (int64_t)i * 1000;
    assert_true(round_trip(v, 1024) <= 25); /* 0.024 a value */
    for (size_t i = 0; i < 1024; i++)
        v[i] = i < 500 ? 3 : 4;
    assert_true(round_trip(v, 1024) <= 10);
    for (size_t i = 0; i < 1024; i++)
        v[i] = (int64_t)(i / 20);
    assert_true(round_trip(v, 1024) <= 1024 / 5);
    uint64_t seed = 3;
    for (size_t i = 0; i < 1024; i++)
        v[i] = 1000000 + (int64_t)(kit_random(&seed) % 100);
    assert_true(round_trip(v, 1024) <= 1024);
}

static void what_stands_in_front_does_not_widen_the_first_block(void **state)
{
    (void)state;
    int64_t v[128];
    uint64_t seed = 4;
    v[0] = 1700000000000;
    for (size_t i = 1; i < 128; i++)
        v[i] = v[i - 1] + 1000000 + (int64_t)(kit_random(&seed) % 4); /* drifts: steps of 2 bits */
    assert_true(round_trip(v, 128) <= 1 + 6 + 4 + 1 + 128 * 2 / 8 + 2);
    for (size_t n = 1; n <= 4; n++)
        round_trip(v, n);
}

static void jitter_around_a_grid_costs_its_own_width(void **state)
{
    (void)state;
    int64_t v[1024];
    uint64_t seed = 5;
    for (size_t i = 0; i < 1024; i++)
        v[i] =
            1700000000000 + (int64_t)i * 1000 + (int64_t)(kit_random(&seed) % 5) - 2; /* +-2 ms */
    assert_true(round_trip(v, 1024) <= 1024 * 3 / 8 + 64);
}

static void every_mode_is_taken_by_what_suits_it(void **state)
{
    (void)state;
    enum { PLAIN, DELTA, DELTA2, LINEAR, RUNS, N = 512 };
    uint64_t seed = 6;
    for (uint8_t mode = PLAIN; mode <= RUNS; mode++) {
        int64_t v[N], step = 0, sum = 1000000;
        for (int64_t i = 0; i < N; i++) {
            int64_t noise = (int64_t)(kit_random(&seed) % 64);
            step += noise;
            sum += mode == DELTA2 ? step : noise * 1000;
            v[i] = mode == PLAIN    ? noise
                   : mode == LINEAR ? i * 100000 + noise
                   : mode == RUNS   ? i / 100 * 77
                                    : sum;
        }
        struct kp_buf out;
        kp_buf_init(&out, 1 << 20);
        kp_ints_encode(v, N, scratch, &out);
        assert_int_equal(out.data[0], mode);
        kp_buf_free(&out);
        round_trip(v, N);
    }
}

/* `text` read as n values. */
static bool reads(const void *text, size_t len, size_t n)
{
    int64_t back[KP_CHUNK_MAX];
    struct kp_reader r = { text, (const uint8_t *)text + len };
    bool ok = kp_ints_decode(&r, n, back);
    assert_true(r.p <= r.end);
    return ok;
}

static void malformed_columns_are_refused(void **state)
{
    (void)state;
    assert_true(reads("\x00\x00\x04", 3, 100));                /* plain, width 0, all 2 */
    assert_false(reads("", 0, 1));                             /* no mode */
    assert_false(reads("\x05\x00\x04", 3, 100));               /* no such mode */
    assert_true(reads("\x00\x38\x00WORDWOR", 10, 1));          /* width 56 */
    assert_false(reads("\x00\x39\x00WORDWORD", 11, 1));        /* width 57 */
    assert_true(reads("\x00\x40\x00WORDWORD", 11, 1));         /* width 64 */
    assert_false(reads("\x00\x41\x00WORDWORDS", 12, 1));       /* width 65 */
    assert_false(reads("\x00\x00\x04", 3, 129));               /* no second block */
    assert_false(reads("\x00\x08\x00\x01", 4, 2));             /* one byte of two */
    assert_false(reads("\x01", 1, 1));                         /* delta without its first */
    assert_false(reads("\x03\x00", 2, 1));                     /* linear without its slope */
    assert_true(reads("\x04\x02\x02\x03\x02\x02", 6, 5));      /* runs 3 + 2 */
    assert_false(reads("\x04\x02\x02\x03\x02\x02", 6, 6));     /* one short */
    assert_false(reads("\x04\x02\x02\x03\x02\x02", 6, 4));     /* one too many */
    assert_false(reads("\x04\x02\x02\x00\x02\x01", 6, 1));     /* a run of none */
    assert_false(reads("\x04\xff\xff\xff\x0f\x02\x01", 7, 1)); /* more runs than values */
    assert_false(reads("\x04\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, 4096));
}

static void nonsense_is_refused_without_reading_outside(void **state)
{
    (void)state;
    uint64_t seed = 9;
    int64_t back[KP_CHUNK_MAX];
    for (int round = 0; round < 20000; round++) {
        size_t len = kit_random(&seed) % 64;
        uint8_t *noise = kp_alloc(len + 1);
        for (size_t i = 0; i < len; i++)
            noise[i] = (uint8_t)(kit_random(&seed) >> 16);
        if (len)
            noise[0] %= 6;
        struct kp_reader r = { noise, noise + len };
        kp_ints_decode(&r, 1 + kit_random(&seed) % KP_CHUNK_MAX, back);
        assert_true(r.p <= r.end);
        kp_free(noise);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_of_int64_survive_in_every_order),
        cmocka_unit_test(random_values_of_every_width_survive),
        cmocka_unit_test(regular_series_cost_next_to_nothing),
        cmocka_unit_test(what_stands_in_front_does_not_widen_the_first_block),
        cmocka_unit_test(jitter_around_a_grid_costs_its_own_width),
        cmocka_unit_test(every_mode_is_taken_by_what_suits_it),
        cmocka_unit_test(malformed_columns_are_refused),
        cmocka_unit_test(nonsense_is_refused_without_reading_outside),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
