/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "core/text.h"
#include "store/chunk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = KP_CHUNK_MAX };
static struct kp_sample in[MOST], out[MOST];

static bool same(const struct kp_sample *a, const struct kp_sample *b)
{
    return a->signal == b->signal && a->at == b->at && a->status == b->status &&
           kp_value_equal(&a->value, &b->value);
}

/* Encodes in[0..n), checks that every bit comes back; the length of the blob. */
static size_t round_trip(size_t n)
{
    struct kp_buf blob;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    size_t got;
    kp_buf_init(&blob, 64 << 20);
    kp_chunk_encode(in, n, &blob, &err);
    assert_string_equal(err.text, "");
    kp_chunk_decode(blob.data, blob.len, in[0].signal, out, &got, &arena, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++)
        if (!same(&in[i], &out[i]))
            fail_msg("point %zu of %zu, type %u, differs", i, n, in[i].value.type);
    size_t len = blob.len;
    kp_arena_free(&arena);
    kp_buf_free(&blob);
    return len;
}

static void fill_times(size_t n, int64_t start, int64_t step)
{
    for (size_t i = 0; i < n; i++)
        in[i] = (struct kp_sample){ .signal = 7, .at = start + (int64_t)i * step };
}

static double any_double(uint64_t *seed, unsigned kind)
{
    uint64_t bits = kit_random(seed);
    double d;
    static const double special[] = {
        0.0, -0.0, INFINITY, -INFINITY, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308
    };
    switch (kind) {
    case 0: /* any bits at all: NaN payloads too */
        break;
    case 1:
        return special[bits % 7];
    case 2:
        return (double)(int64_t)(bits % 2000000 - 1000000) / 1000;
    case 3:
        return (double)(float)((double)(bits % 100000) / 10);
    case 4:
        bits = UINT64_C(0x7ff0000000000000) | (bits & UINT64_C(0x800fffffffffffff)) |
               1; /* signalling and quiet NaNs */
        break;
    default:
        return (double)(bits % 3);
    }
    memcpy(&d, &bits, sizeof d);
    return d;
}

static void every_double_comes_back_bit_for_bit(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 600; round++) {
        size_t n = 1 + kit_random(&seed) % 700;
        unsigned kind = (unsigned)round % 8;
        fill_times(n, (int64_t)kit_random(&seed) >> 8, 1 + (int64_t)(kit_random(&seed) % 1000000));
        for (size_t i = 0; i < n; i++)
            in[i].value =
                kp_double(any_double(&seed, kind == 7 ? (unsigned)(kit_random(&seed) % 6) : kind));
        round_trip(n);
    }
}

static void every_float_comes_back_bit_for_bit(void **state)
{
    (void)state;
    uint64_t seed = 12;
    for (int round = 0; round < 400; round++) {
        size_t n = 1 + kit_random(&seed) % 700;
        fill_times(n, 0, 100);
        for (size_t i = 0; i < n; i++) {
            uint32_t bits = (uint32_t)(kit_random(&seed) >> 20);
            in[i].value = (struct kp_value){ .type = KP_FLOAT };
            if (round % 3 == 0)
                memcpy(&in[i].value.f, &bits, sizeof bits);
            else
                in[i].value.f = round % 3 == 1 ? (float)(bits % 10000) / 10
                                               : (bits & 1 ? -0.0f : (float)(bits % 4));
        }
        round_trip(n);
    }
}

static void integers_booleans_and_times_come_back(void **state)
{
    (void)state;
    static const uint8_t types[] = { KP_BOOL, KP_INT64, KP_UINT64, KP_TIME };
    uint64_t seed = 13;
    for (int round = 0; round < 400; round++) {
        size_t n = 1 + kit_random(&seed) % 1500;
        uint8_t type = types[round % 4];
        fill_times(n, INT64_MIN + 5, 1);
        for (size_t i = 0; i < n; i++) {
            in[i].value = (struct kp_value){ .type = type };
            if (type == KP_BOOL)
                in[i].value.b = kit_random(&seed) & 1;
            else
                in[i].value.u = round % 8 < 4 ? kit_random(&seed) : i * 3;
        }
        round_trip(n);
    }
}

static const char *any_text(uint64_t *seed, size_t *len, bool few)
{
    static char text[64];
    *len = few ? 8 : kit_random(seed) % sizeof text;
    for (size_t i = 0; i < *len; i++)
        text[i] = few ? (char)('A' + kit_random(seed) % 2) : (char)kit_random(seed);
    return text;
}

static void strings_bytes_and_arrays_come_back(void **state)
{
    (void)state;
    static const uint8_t types[] = { KP_STRING, KP_BYTES, KP_DOUBLE | KP_ARRAY,
                                     KP_STRING | KP_ARRAY, KP_BOOL | KP_ARRAY };
    uint64_t seed = 14;
    for (int round = 0; round < 200; round++) {
        struct kp_arena arena = { 0 };
        size_t n = 1 + kit_random(&seed) % 400;
        fill_times(n, 1700000000 * KP_SECOND, KP_SECOND);
        for (size_t i = 0; i < n; i++) {
            size_t len;
            const char *text = any_text(&seed, &len, round % 2);
            in[i].value = (struct kp_value){ .type = types[round % 5], .len = (uint32_t)len };
            in[i].value.data = kp_arena_copy(&arena, text, len);
        }
        round_trip(n);
        kp_arena_free(&arena);
    }
}

static void nulls_and_statuses_come_back(void **state)
{
    (void)state;
    uint64_t seed = 15;
    for (int round = 0; round < 200; round++) {
        size_t n = 1 + kit_random(&seed) % 600;
        fill_times(n, 0, 0); /* all at one time */
        for (size_t i = 0; i < n; i++) {
            bool null = round % 10 == 0 || kit_random(&seed) % 4 == 0;
            in[i].value = null ? (struct kp_value){ .type = KP_NULL } : kp_double((double)i / 4);
            in[i].status = null        ? KP_BAD_NO_COMMUNICATION
                           : round % 2 ? (uint32_t)kit_random(&seed)
                                       : KP_GOOD;
        }
        round_trip(n);
    }
    fill_times(MOST, INT64_MAX - MOST, 1);
    for (size_t i = 0; i < MOST; i++)
        in[i].value = kp_int((int64_t)i);
    round_trip(MOST);
}

static void what_is_no_chunk_is_refused(void **state)
{
    (void)state;
    struct kp_buf blob;
    kp_buf_init(&blob, 1 << 20);
    fill_times(3, 0, 1);
    in[0].value = kp_int(1);
    in[1].value = kp_double(1);
    in[2].value = kp_int(2);
    assert_int_equal(kp_chunk_encode(in, 3, &blob, NULL), KP_EINVALID);
    assert_int_equal(kp_chunk_encode(in, 0, &blob, NULL), KP_EINVALID);
    assert_int_equal(kp_chunk_encode(in, MOST + 1, &blob, NULL), KP_EINVALID);
    static const uint8_t types[] = { KP_NULL | KP_ARRAY, KP_TYPES, KP_TYPES | KP_ARRAY,
                                     0x20 | KP_DOUBLE, 0xff };
    for (size_t i = 0; i < sizeof types; i++) { /* what could not be read back is not written */
        for (size_t k = 0; k < 3; k++)
            in[k].value = (struct kp_value){ .data = "", .type = types[i] };
        assert_int_equal(kp_chunk_encode(in, 3, &blob, NULL), KP_EINVALID);
    }
    assert_int_equal(blob.len, 0);
    kp_buf_free(&blob);
}

static void times_of_any_unit_and_distance_come_back(void **state)
{
    (void)state;
    uint64_t seed = 18;
    int64_t unit = 1;
    for (int k = 0; k <= 15; k++, unit *= 10) {
        for (size_t i = 0; i < 100; i++)
            in[i] = (struct kp_sample){ .signal = 7,
                                        .at = (INT64_MIN / unit + (int64_t)i * (k % 3)) * unit };
        round_trip(100);
    }
    static const int64_t far[] = { INT64_MIN, INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX };
    for (size_t i = 0; i < 7; i++)
        in[i] = (struct kp_sample){ .signal = 7, .at = far[i], .value = kp_int(far[6 - i]) };
    round_trip(7);
    for (size_t i = 0; i < 1024; i++)
        in[i] = (struct kp_sample){ .signal = 7,
                                    .at = 1700000000 * KP_SECOND + (int64_t)i * KP_SECOND };
    assert_true(round_trip(1024) <= 44); /* a grid of seconds: nothing but heads */
    for (size_t i = 0; i < 1024; i++)
        in[i].at += (int64_t)(kit_random(&seed) % 5) * (KP_SECOND / 1000);
    assert_true(round_trip(1024) <= 1024 * 3 / 8 + 80);
}

static void texts_are_plain_or_words_by_what_they_are(void **state)
{
    (void)state;
    static char text[MOST][8];
    fill_times(MOST, 0, 1);
    for (size_t i = 0; i < MOST; i++) { /* all differ, and a zero in the middle of each */
        uint32_t id = (uint32_t)(i * 2654435761u);
        memcpy(text[i], &id, 4);
        memcpy(text[i] + 5, "end", 3);
        in[i].value = (struct kp_value){ .data = text[i], .len = 8, .type = KP_BYTES };
    }
    assert_true(round_trip(MOST) <= MOST * 8 + 200);
    for (size_t i = 0; i < MOST; i++)
        in[i].value.data = text[i % 2000]; /* a dictionary of very many */
    assert_true(round_trip(MOST) <= 2000 * 9 + MOST * 11 / 8 + 200);
    for (size_t i = 0; i < MOST; i++)
        in[i].value =
            (struct kp_value){ .data = i % 2 ? "" : NULL, .type = KP_STRING }; /* nothing in it */
    assert_true(round_trip(MOST) <= 100);
}

/* A file lives longer than the program that wrote it. These were written before delta columns and
 * floats were packed tighter. */
static void blobs_of_the_first_version_read_as_they_did(void **state)
{
    (void)state;
    static const uint8_t reals[] = {
        0x01, 0x05, 0x00, 0x06, 0x06, 0x03, 0x80, 0xa0, 0xab, 0xfe, 0xf9, 0x62, 0xd0, 0x0f, 0x01,
        0x00, 0x10, 0x04, 0x03, 0x00, 0x03, 0x80, 0x80, 0x88, 0x83, 0x10, 0x01, 0xff, 0xff, 0x87,
        0x83, 0x10, 0x02, 0x03, 0x00, 0x40, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x80, 0x35, 0x40,
        0x34, 0x33, 0x33, 0x33, 0x33, 0xb3, 0x35, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f, 0x9d, 0x75, 0x00, 0x88, 0x3c, 0xe4,
        0x37, 0x7e, 0x01, 0x00, 0x00, 0x00, 0x00, 0x40, 0x36, 0x40, 0x30, 0x57, 0x15, 0xa0,
    };
    static const uint8_t texts[] = {
        0x01, 0x06, 0x01, 0x06, 0x06, 0x03, 0x80, 0xa0, 0xab, 0xfe, 0xf9, 0x62, 0xd0,
        0x0f, 0x01, 0x00, 0x10, 0x00, 0x01, 0x00, 0x04, 0x04, 0x03, 0x00, 0x03, 0x80,
        0x80, 0x88, 0x83, 0x10, 0x01, 0xff, 0xff, 0x87, 0x83, 0x10, 0x02, 0x03, 0x08,
        0x4f, 0x31, 0x30, 0x30, 0x30, 0x2e, 0x4e, 0x43, 0x08, 0x4f, 0x31, 0x30, 0x30,
        0x34, 0x2e, 0x4e, 0x43, 0x00, 0x01, 0x00, 0x16, 0xd4, 0x16, 0xd8, 0x06,
    };
    static const double values[6] = { 21.5, 21.7, -0.0, NAN, 1e300, 22.25 };
    for (int kind = 0; kind < 2; kind++) {
        struct kp_arena arena = { 0 };
        struct kp_err err = { 0 };
        size_t n;
        kp_chunk_decode(kind ? texts : reals, kind ? sizeof texts : sizeof reals, 1, out, &n,
                        &arena, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(n, 6);
        for (int i = 0; i < 6; i++) {
            struct kp_sample want = {
                1, i == 3 ? KP_BAD_NO_COMMUNICATION : KP_GOOD,
                1700000000 * KP_SECOND + i * KP_SECOND + (i == 4 ? KP_SECOND / 1000 : 0),
                kind ? kp_string(i % 2 ? "O1004.NC" : "O1000.NC", 8) : kp_double(values[i])
            };
            if (kind && i == 2)
                want.value = (struct kp_value){ .type = KP_NULL };
            assert_true(same(&want, &out[i]));
        }
        kp_arena_free(&arena);
    }
}

static void sensor_data_costs_as_little_as_was_measured(void **state)
{
    (void)state;
    uint64_t seed = 16;
    enum { N = 1024 };
    double value = 45;
    fill_times(N, 1700000000 * KP_SECOND, KP_SECOND);
    for (size_t i = 0; i < N; i++) { /* a temperature of three decimals that wanders */
        value += (double)((int64_t)(kit_random(&seed) % 41) - 20) / 1000;
        in[i].value = kp_double(round(value * 1000) / 1000);
    }
    size_t len = round_trip(N);
    print_message("wandering temperature: %.3f bytes a point, times and status included\n",
                  (double)len / N);
    assert_true(len < N * 1.1);
    for (size_t i = 0; i < N; i++)
        in[i].value = kp_int((int64_t)(41873 + i / 130));
    assert_true(round_trip(N) < N / 5);
    for (size_t i = 0; i < N; i++)
        in[i].value = kp_bool(i / 100 % 2);
    assert_true(round_trip(N) < 100);
}

static struct kp_value damaged_value(int kind, size_t i, uint64_t *seed)
{
    switch (kind) {
    case 0:
        return kp_double((double)(i % 7) / 10);
    case 1:
        return kp_string("O1004.NC", 3 + i % 5);
    case 2:
        return kp_int((int64_t)kit_random(seed));
    case 3:
        return kp_double(any_double(seed, 0));
    case 4:
        return (struct kp_value){ .f = (float)i / 8, .type = KP_FLOAT };
    case 5:
        return i % 3 ? kp_bool(i % 2) : (struct kp_value){ .type = KP_NULL };
    case 6:
        return (struct kp_value){ .data = "0123456789abcdef0123456789abcdef0123456789",
                                  .len = (uint32_t)i,
                                  .type = KP_BYTES };
    default:
        return (struct kp_value){ .data = "\x04\0\0\0text",
                                  .len = i % 2 * 8,
                                  .type = KP_STRING | KP_ARRAY };
    }
}

/* A valid blob with any bit flipped, or cut anywhere, is refused by its checksum; with the checksum
 * mended, decoding must still stay within bounds. */
static void damaged_blobs_never_crash_and_are_told(void **state)
{
    (void)state;
    uint64_t seed = 17;
    for (int kind = 0; kind < 8; kind++) {
        struct kp_buf blob;
        struct kp_err err = { 0 };
        size_t n = 40, got;
        kp_buf_init(&blob, 1 << 20);
        fill_times(n, 1000, 1000003);
        for (size_t i = 0; i < n; i++) {
            in[i].value = damaged_value(kind, i, &seed);
            in[i].status = i % 9 ? KP_GOOD : KP_BAD;
        }
        assert_int_equal(kp_chunk_encode(in, n, &blob, &err), KP_OK);
        for (size_t bit = 0; bit < 8 * blob.len; bit++) {
            struct kp_arena arena = { 0 };
            uint8_t *copy = kp_alloc(blob.len);
            memcpy(copy, blob.data, blob.len);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            err = (struct kp_err){ 0 };
            assert_int_equal(kp_chunk_decode(copy, blob.len, 1, out, &got, &arena, &err),
                             KP_EPARSE);
            assert_non_null(strstr(err.text, "checksum"));
            uint32_t crc = kp_crc32c(copy, blob.len - 4);
            memcpy(copy + blob.len - 4, &crc, 4);
            enum kp_code code = kp_chunk_decode(copy, blob.len, 1, out, &got, &arena, NULL);
            assert_true(code == KP_EPARSE || (code == KP_OK && got >= 1 && got <= MOST));
            kp_free(copy);
            kp_arena_free(&arena);
        }
        for (size_t cut = 0; cut < blob.len; cut++) {
            struct kp_arena arena = { 0 };
            assert_int_equal(kp_chunk_decode(blob.data, cut, 1, out, &got, &arena, NULL),
                             KP_EPARSE);
            kp_arena_free(&arena);
        }
        kp_buf_free(&blob);
    }
}

/* Appends the checksum and decodes. */
static enum kp_code decode_made(const uint8_t *bytes, size_t len)
{
    uint8_t blob[64];
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    size_t n = 99;
    assert_true(len + 4 <= sizeof blob);
    memcpy(blob, bytes, len);
    uint32_t crc = kp_crc32c(blob, len);
    memcpy(blob + len, &crc, 4);
    enum kp_code code = kp_chunk_decode(blob, len + 4, 1, out, &n, &arena, &err);
    assert_int_equal(code, err.code);
    assert_int_equal(code != KP_OK, n == 0);
    assert_int_equal(code != KP_OK, err.text[0] != 0);
    kp_arena_free(&arena);
    return code;
}

static void heads_and_columns_that_lie_are_refused(void **state)
{
    (void)state;
    /* two integers: version, type, flags, n | unit, times | statuses | values */
    static const uint8_t good[] = { 1, KP_INT64, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 8 };
    static const struct {
        uint8_t at, byte;
        const char *what;
    } lies[] = {
        { 0, 0, "version" },
        { 0, 2, "version" },
        { 1, KP_NULL, "all null, but none is" },
        { 1, 9, "type" },
        { 1, 0x10, "type null[]" },
        { 1, 0x42, "type" },
        { 2, 2, "flags" },
        { 3, 0, "no points" },
        { 3, 129, "n is cut" },
        { 4, 10, "unit" },
        { 5, 5, "mode of times" },
        { 6, 57, "width" },
        { 10, 1, "negative status" },
        { 2, 1, "nulls that are not there" },
    };
    assert_int_equal(decode_made(good, sizeof good), KP_OK);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint8_t bytes[sizeof good];
        memcpy(bytes, good, sizeof good);
        bytes[lies[i].at] = lies[i].byte;
        if (decode_made(bytes, sizeof bytes) != KP_EPARSE)
            fail_msg("taken: %s", lies[i].what);
    }
    uint8_t longer[sizeof good + 1] = { 0 };
    memcpy(longer, good, sizeof good);
    assert_int_equal(decode_made(longer, sizeof longer), KP_EPARSE); /* something behind it */
    for (size_t cut = 0; cut < sizeof good; cut++)
        assert_int_equal(decode_made(good, cut), KP_EPARSE);
    static const uint8_t none[] = { 1, KP_INT64, 0, 0, 0 };
    assert_int_equal(decode_made(none, sizeof none), KP_EPARSE);
    static const uint8_t too_far[] = { 1,    KP_INT64, 0,    1,    9,    0,    0,    0x80,
                                       0x80, 0x80,     0x80, 0x80, 0x80, 0x80, 0x80, 0x40,
                                       0,    0,        0,    0,    0,    8 }; /* 2^61 seconds */
    assert_int_equal(decode_made(too_far, sizeof too_far), KP_EPARSE);
    static const uint8_t text[] = { 1, KP_STRING, 0, 1,   0,   0,
                                    0, 0,         0, 0,   0,   /* plain, of length: */ 0,
                                    0, 0,         6, 'a', 'b', 'c' };
    assert_int_equal(decode_made(text, sizeof text), KP_OK);
    assert_int_equal(decode_made(text, sizeof text - 1), KP_EPARSE);
    static const uint8_t words[] = {
        1, KP_STRING, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* one word */ 2, 1, 'a', /* place */ 0, 0, 2
    };
    assert_int_equal(decode_made(words, sizeof words), KP_EPARSE);
}

static void a_summary_counts_what_is_good(void **state)
{
    (void)state;
    struct kp_chunk_summary s;
    fill_times(5, 100, 10);
    const double values[] = { 3, -1, 1000, 2, NAN };
    for (size_t i = 0; i < 5; i++)
        in[i].value = kp_double(values[i]);
    in[2].status = KP_BAD;
    kp_chunk_summarise(in, 5, &s);
    assert_int_equal(s.n, 5);
    assert_int_equal(s.good, 3);
    assert_true(s.min == -1 && s.max == 3 && s.sum == 4 && s.first == 3 && s.last == 2 &&
                s.t0 == 100 && s.t1 == 140);
    in[0].value = kp_double(1e16);
    for (size_t i = 1; i < 5; i++) {
        in[i].value = kp_double(1);
        in[i].status = KP_GOOD;
    }
    kp_chunk_summarise(in, 5, &s);
    assert_true(s.sum == 1e16 + 4); /* a plain sum would lose the ones */
}

static enum kp_code there_and_back(void *arg)
{
    (void)arg;
    struct kp_buf blob;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    size_t n;
    kp_buf_init(&blob, 1 << 20);
    if (!kp_chunk_encode(in, 100, &blob, &err))
        kp_chunk_decode(blob.data, blob.len, 7, out, &n, &arena, &err);
    kp_arena_free(&arena);
    kp_buf_free(&blob);
    return err.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    fill_times(100, 0, 1);
    for (size_t i = 0; i < 100; i++)
        in[i].value = kp_string("text of some length, to need room", 10 + i % 20);
    kit_fail_each_allocation(there_and_back, NULL);
}

/* Real recordings, where KOPPEL_DATA names the folder that holds them. */
static void real_sensor_columns_cost_less_than_two_bytes(void **state)
{
    (void)state;
    const char *folder = getenv("KOPPEL_DATA");
    char command[512], line[1024];
    if (!folder) {
        print_message(
            "SKIPPED real_sensor_columns_cost_less_than_two_bytes: KOPPEL_DATA is not set\n");
        return;
    }
    snprintf(command, sizeof command,
             "find '%s/watch' -name '*.csv' -path '*skab*' -o -name '*.csv' -path '*SKAB*' | sort "
             "| head -1",
             folder);
    FILE *p = popen(command, "r"); /* NOLINT(cert-env33-c): our own data folder */
    char file[512] = "";
    if (!p || !fgets(file, sizeof file, p))
        file[0] = 0;
    if (p)
        pclose(p);
    file[strcspn(file, "\n")] = 0;
    FILE *f = *file ? fopen(file, "r") : NULL;
    if (!f) {
        print_message("SKIPPED real_sensor_columns_cost_less_than_two_bytes: no recording of that "
                      "kind in KOPPEL_DATA\n");
        return;
    }
    static double column[8][1024];
    size_t n = 0, bytes = 0, columns = 0;
    while (n < 1024 && fgets(line, sizeof line, f)) {
        char *cell = strpbrk(line, ";,");
        size_t k = 0;
        for (; cell && k < 8; k++) {
            char *end;
            column[k][n] = strtod(cell + 1, &end);
            if (end == cell + 1)
                break;
            cell = strpbrk(cell + 1, ";,");
        }
        columns = k > columns ? k : columns;
        n += k == 8;
    }
    fclose(f);
    assert_true(n > 200 && columns == 8);
    for (size_t k = 0; k < 8; k++) {
        fill_times(n, 1583000000 * KP_SECOND, KP_SECOND);
        for (size_t i = 0; i < n; i++)
            in[i].value = kp_double(column[k][i]);
        bytes += round_trip(n);
    }
    double each = (double)bytes / (double)(8 * n);
    print_message("%zu real sensor values: %.3f bytes each, times and status included\n", 8 * n,
                  each);
    assert_true(each < 2.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_double_comes_back_bit_for_bit),
        cmocka_unit_test(every_float_comes_back_bit_for_bit),
        cmocka_unit_test(integers_booleans_and_times_come_back),
        cmocka_unit_test(strings_bytes_and_arrays_come_back),
        cmocka_unit_test(nulls_and_statuses_come_back),
        cmocka_unit_test(what_is_no_chunk_is_refused),
        cmocka_unit_test(times_of_any_unit_and_distance_come_back),
        cmocka_unit_test(texts_are_plain_or_words_by_what_they_are),
        cmocka_unit_test(blobs_of_the_first_version_read_as_they_did),
        cmocka_unit_test(heads_and_columns_that_lie_are_refused),
        cmocka_unit_test(sensor_data_costs_as_little_as_was_measured),
        cmocka_unit_test(damaged_blobs_never_crash_and_are_told),
        cmocka_unit_test(a_summary_counts_what_is_good),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(real_sensor_columns_cost_less_than_two_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
