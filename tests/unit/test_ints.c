/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "store/ints.h"

static struct kp_scratch *scratch;

static size_t round_trip(const int64_t *v, size_t n)
{
    struct kp_buf out;
    int64_t back[KP_CHUNK_MAX];
    kp_buf_init(&out, 1 << 20);
    kp_ints_encode(v, n, scratch, &out);
    assert_false(out.failed);
    struct kp_reader r = { (const uint8_t *)out.data, (const uint8_t *)out.data + out.len };
    assert_true(kp_ints_decode(&r, n, back));
    assert_true(r.p == r.end);
    if (n)
        assert_memory_equal(v, back, n * sizeof *v);
    size_t len = out.len;
    for (size_t cut = 0; cut < len && len < 400; cut++) { /* every shorter text is refused or reads within bounds */
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
    static const int64_t edges[] = { INT64_MIN, INT64_MAX, 0, -1, 1, INT64_MIN + 1, INT64_MAX - 1, INT32_MIN, 1 };
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
                v[i] = width ? (int64_t)(kit_random(&seed) >> (64 - width)) - (int64_t)(seed & 1) * 1000 : 7;
            round_trip(v, n);
        }
}

static void regular_series_cost_next_to_nothing(void **state)
{
    (void)state;
    int64_t v[1024];
    for (size_t i = 0; i < 1024; i++)
        v[i] = 1700000000000 + (int64_t)i * 1000;
    assert_true(round_trip(v, 1024) <= 32);
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
        cmocka_unit_test(nonsense_is_refused_without_reading_outside),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
