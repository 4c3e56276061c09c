/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "store/reals.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The first byte of a column. */
enum { DECIMAL, DECIMAL_FLOAT, DICTIONARY, BITS, BITS_FLOAT, METHODS };
enum { MOST = KP_CHUNK_MAX };

static struct kp_scratch *scratch;
static uint64_t in[MOST];
static struct kp_buf column;

static int setup(void **state)
{
    (void)state;
    scratch = kp_scratch_new();
    kp_buf_init(&column, 1 << 20);
    return scratch ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kp_buf_free(&column);
    kp_free(scratch);
    return kp_mem_live() == 0 ? 0 : -1;
}

static double double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static uint64_t bits_of(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static float float_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float f;
    memcpy(&f, &low, sizeof f);
    return f;
}

static uint64_t float_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static bool decode(size_t n, bool is_float)
{
    struct kp_reader r = { (const uint8_t *)column.data,
                           (const uint8_t *)column.data + column.len };
    memset(scratch->raw, 0xa5, sizeof scratch->raw);
    bool ok = kp_reals_decode(&r, n, is_float, scratch);
    assert_true(r.p <= r.end);
    return ok && r.p == r.end;
}

/* Writes in[0..n) into `column` and checks that every bit comes back; the method taken. */
static int round_trip(size_t n, bool is_float)
{
    for (size_t i = 0; i < n; i++) {
        scratch->raw[i] = in[i];
        scratch->real[i] = is_float ? (double)float_of(in[i]) : double_of(in[i]);
    }
    column.len = 0;
    kp_reals_encode(n, is_float, scratch, &column);
    assert_false(column.failed);
    assert_true(decode(n, is_float));
    for (size_t i = 0; i < n; i++)
        if (scratch->raw[i] != in[i])
            fail_msg("value %zu of %zu: %016llx became %016llx by method %d", i, n,
                     (unsigned long long)in[i], (unsigned long long)scratch->raw[i],
                     column.data[0]);
    return column.data[0];
}

static double each(size_t n)
{
    return (double)column.len / (double)n;
}

static void decimals_of_every_exponent_become_integers(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int e = 0; e <= 14; e++) {
        double ten = pow(10, e), range = ten < 1e5 ? 1e5 : ten;
        for (size_t i = 0; i < 1000; i++)
            in[i] = bits_of(round((double)(kit_random(&seed) >> 11) / 9007199254740992.0 * range) /
                            ten);
        assert_int_equal(round_trip(1000, false), DECIMAL);
        assert_true(column.data[1] <= e);
        assert_true(each(1000) < 2.5 + e * 0.42); /* digits cost 3.3 bits */
    }
}

static void every_decimal_text_of_15_digits_is_a_decimal(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < 500; i++) {
            char text[40];
            uint64_t digits = kit_random(&seed) % UINT64_C(1000000000000000);
            snprintf(text, sizeof text, "%s%llu.%05llu", round % 2 ? "-" : "",
                     (unsigned long long)(digits / 100000), (unsigned long long)(digits % 100000));
            in[i] = bits_of(strtod(text, NULL));
        }
        assert_int_equal(round_trip(500, false), DECIMAL);
        assert_true(column.data[1] <= 5);
        assert_int_equal(column.data[2], 0); /* no exception */
    }
}

static void what_is_no_decimal_stands_in_the_list(void **state)
{
    (void)state;
    static const uint64_t odd[] = {
        UINT64_C(0x8000000000000000), /* -0.0 */
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0xfff0000000000000), /* infinities */
        UINT64_C(0x7ff8000000000000),
        UINT64_C(0x7ff0000000000001),
        UINT64_C(0xfff8dead0000beef), /* NaNs */
        1,
        UINT64_C(0x000fffffffffffff),
        UINT64_C(0x8000000000000001), /* subnormal */
        UINT64_C(0x7fefffffffffffff),
        UINT64_C(0x400921fb54442d18), /* the largest; pi */
    };
    enum { ODD = sizeof odd / sizeof *odd, N = 1024 };
    for (size_t i = 0; i < N; i++)
        in[i] = bits_of((double)(i * 37 % 1000) / 10);
    round_trip(N, false);
    size_t clean = column.len;
    for (size_t i = 0; i < ODD; i++)
        in[i * 90] = odd[i];
    assert_int_equal(round_trip(N, false), DECIMAL);
    assert_int_equal(column.data[1], 1);
    assert_int_equal(column.data[2], ODD);
    assert_true(column.len <= clean + ODD * 12);
    for (size_t i = 0; i < N; i++) /* nothing else at all */
        in[i] = odd[i % ODD];
    round_trip(N, false);
}

static void the_edge_of_what_scales_is_exact(void **state)
{
    (void)state;
    static const double edges[] = { 4e15,
                                    3999999999999999,
                                    4000000000000001,
                                    4503599627370496,
                                    9007199254740994,
                                    9223372036854775807.0,
                                    1e15 + 0.3,
                                    0.1 + 0.2,
                                    1e-14,
                                    9e-15,
                                    5e-324,
                                    1e308 };
    enum { EDGES = sizeof edges / sizeof *edges };
    for (size_t n = 1; n <= EDGES; n++)
        for (size_t from = 0; from + n <= EDGES; from++) {
            for (size_t i = 0; i < n; i++)
                in[i] = bits_of(i % 2 ? -edges[from + i] : edges[from + i]);
            round_trip(n, false);
        }
}

static void floats_pack_like_the_decimals_they_show(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (size_t i = 0; i < 1024; i++)
        in[i] = float_bits((float)(kit_random(&seed) % 1000) / 10);
    assert_int_equal(round_trip(1024, true), DECIMAL);
    assert_true(each(1024) < 1.35);
    for (size_t i = 0; i < 1024; i++)
        in[i] = bits_of((double)float_of(in[i]));
    assert_int_equal(round_trip(1024, false), DECIMAL_FLOAT);
    assert_true(each(1024) < 1.35);
    in[100] = bits_of(NAN); /* a sensor that was off for a moment */
    in[200] = bits_of(-0.0);
    in[300] = bits_of(1e300);
    assert_int_equal(round_trip(1024, false), DECIMAL_FLOAT);
    assert_true(each(1024) < 1.4);
}

static void noise_of_floats_takes_their_bits(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (size_t i = 0; i < 1024; i++)
        in[i] = float_bits(20 + (float)(kit_random(&seed) >> 40) / 16777216.0f);
    assert_int_equal(round_trip(1024, true), BITS);
    assert_true(each(1024) < 2.6);
    for (size_t i = 0; i < 1024; i++)
        in[i] = bits_of((double)float_of(in[i]));
    assert_int_equal(round_trip(1024, false), BITS_FLOAT);
    assert_true(each(1024) < 2.6);
    for (size_t i = 0; i < 1024; i++)
        in[i] = bits_of(sin((double)i));
    assert_int_equal(round_trip(1024, false), BITS);
    assert_true(each(1024) < 8.1);
}

static void few_words_become_a_dictionary(void **state)
{
    (void)state;
    uint64_t seed = 5, words[257];
    for (size_t i = 0; i < 257; i++)
        words[i] = kit_random(&seed);
    for (size_t count = 2; count <= 257; count += count == 256 ? 1 : 127) {
        for (size_t i = 0; i < MOST; i++)
            in[i] = words[i % count];
        assert_int_equal(round_trip(MOST, false) == DICTIONARY, count <= 256);
        assert_true(count > 256 || column.len <= 8 * count + MOST + 200);
    }
}

static void any_bits_come_back_as_doubles_and_as_floats(void **state)
{
    (void)state;
    bool seen[METHODS] = { false };
    for (uint64_t round = 0, seed = 6; round < 2000; round++) {
        bool is_float = round % 2;
        size_t n = 1 + kit_random(&seed) % 300;
        unsigned odd = 1u << kit_random(&seed) % 8; /* one in so many is any bits at all */
        for (size_t i = 0; i < n; i++) {
            uint64_t r = kit_random(&seed);
            double d = (double)(int64_t)(r % 20001 - 10000) / (round % 3 ? 100 : 7);
            bool any = kit_random(&seed) % odd == 0;
            if (is_float)
                in[i] = any ? r >> 32 : float_bits((float)d);
            else
                in[i] = any ? r : bits_of(round % 8 < 4 ? d : (double)(float)d);
        }
        seen[round_trip(n, is_float)] = true;
    }
    for (int i = 0; i < METHODS; i++)
        assert_true(seen[i]);
}

/* Decoding divides: correctly rounded, so the bits are those that strtod gives for the text. */
static void a_column_of_another_machine_reads_as_the_text_does(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        DECIMAL, 2, 0, 0, 0x08, 0x02, 0x00, 0x01, 0x02, 0xff
    }; /* minimum 1; + 0, 1, 2, 255 */
    assert_int_equal(fegetround(), FE_TONEAREST);
    column.len = 0;
    kp_buf_add(&column, bytes, sizeof bytes);
    assert_true(decode(4, false));
    assert_true(scratch->raw[0] == bits_of(0.01) && scratch->raw[1] == bits_of(0.02));
    assert_true(scratch->raw[2] == bits_of(0.03) && scratch->raw[3] == bits_of(2.56));
    assert_true(decode(4, true));
    assert_true(scratch->raw[0] == float_bits(0.01f) && scratch->raw[3] == float_bits(2.56f));
    column.data[0] = DECIMAL_FLOAT;
    assert_true(decode(4, false));
    assert_true(scratch->raw[3] == bits_of((double)2.56f));
}

static void malformed_columns_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *what;
        size_t len;
        bool is_float, good;
    } columns[] = {
        /* of three values */
        { "\x00\x0e\x00\x00\x00\x02", "plain decimals", 6, false, true },
        { "", "no method", 0, false, false },
        { "\x05\x00\x00\x00\x00\x02", "no such method", 6, false, false },
        { "\x00\x0f\x00\x00\x00\x02", "10^15", 6, false, false },
        { "\x01\x00\x00\x00\x00\x02", "floats through float", 6, true, false },
        { "\x04\x00\x00\x02", "floats from the bits of floats", 4, true, false },
        { "\x00\x00\x03\x00\x00\x00WORDWORDWORD\x00\x00\x02", "as many exceptions as values", 21,
          true, true },
        { "\x00\x00\x04\x00\x00\x00WORDWORDWORDWORD\x00\x00\x02", "more than values", 25, true,
          false },
        { "\x00\x00\xff\xff\xff\xff\x0f", "far more", 7, false, false },
        { "\x00\x00\x01\x00\x00\x04WORDWORD\x00\x00\x02", "one at place 2", 17, false, true },
        { "\x00\x00\x01\x00\x00\x06WORDWORD\x00\x00\x02", "at 3 of 3", 17, false, false },
        { "\x00\x00\x01\x00\x00\x01WORDWORD\x00\x00\x02", "at -1", 17, false, false },
        { "\x00\x00\x01\x00\x00\x04WORDWOR", "cut off in it", 13, false, false },
        { "\x02\x01WORDWORD\x00\x00\x00", "a dictionary of one", 13, false, true },
        { "\x02\x00\x00\x00\x00", "of none", 5, false, false },
        { "\x02\x01WORDWORD\x00\x00\x02", "word 1 of 1", 13, false, false },
        { "\x02\x01WORDWORD\x00\x00\x01", "word -1", 13, false, false },
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        column.len = 0;
        kp_buf_add(&column, columns[i].bytes, columns[i].len);
        if (decode(3, columns[i].is_float) != columns[i].good)
            fail_msg("%s: %s", columns[i].what, columns[i].good ? "refused" : "taken");
    }
}

static void a_dictionary_has_256_words_at_most(void **state)
{
    (void)state;
    for (unsigned words = 255; words <= 257; words++) {
        column.len = 0;
        kp_put_u8(&column, DICTIONARY);
        kp_put_varint(&column, words);
        for (unsigned i = 0; i < words; i++)
            kp_buf_add(&column, "WORD", 4);
        kp_buf_add(&column, "\x00\x00\x00", 3);
        assert_int_equal(decode(3, true), words <= 256);
    }
}

static void damaged_columns_stay_within_bounds(void **state)
{
    (void)state;
    for (int kind = 0; kind < METHODS; kind++) {
        enum { N = 300 }; /* more than a dictionary holds */
        for (size_t i = 0; i < N; i++) {
            double d = kind == DECIMAL      ? (double)(i * 77 % 300) / 10
                       : kind == DICTIONARY ? 1e300 / (double)(i % 2 + 1)
                                            : sin((double)i);
            d = kind == DECIMAL_FLOAT ? (double)((float)(i * 77 % 300) / 10)
                : kind == BITS_FLOAT  ? (double)(float)d
                                      : d;
            in[i] = bits_of(kind != DICTIONARY && i % 50 == 9 && kind < BITS ? (double)NAN : d);
        }
        assert_int_equal(round_trip(N, false), kind);
        size_t len = column.len;
        char *whole = kp_alloc(len);
        memcpy(whole, column.data, len);
        for (size_t cut = 0; cut < len; cut++) {
            column.len = cut;
            assert_false(decode(N, false));
        }
        for (size_t bit = 0; bit < 8 * len; bit++) {
            uint8_t *copy = kp_alloc(len); /* of exactly this size, for the sanitizer */
            memcpy(copy, whole, len);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            struct kp_reader r = { copy, copy + len };
            kp_reals_decode(&r, N, false, scratch);
            assert_true(r.p <= r.end);
            kp_free(copy);
        }
        kp_free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_of_every_exponent_become_integers),
        cmocka_unit_test(every_decimal_text_of_15_digits_is_a_decimal),
        cmocka_unit_test(what_is_no_decimal_stands_in_the_list),
        cmocka_unit_test(the_edge_of_what_scales_is_exact),
        cmocka_unit_test(floats_pack_like_the_decimals_they_show),
        cmocka_unit_test(noise_of_floats_takes_their_bits),
        cmocka_unit_test(few_words_become_a_dictionary),
        cmocka_unit_test(any_bits_come_back_as_doubles_and_as_floats),
        cmocka_unit_test(a_column_of_another_machine_reads_as_the_text_does),
        cmocka_unit_test(malformed_columns_are_refused),
        cmocka_unit_test(a_dictionary_has_256_words_at_most),
        cmocka_unit_test(damaged_columns_stay_within_bounds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
