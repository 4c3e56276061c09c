/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "core/text.h"
#include "store/chunk.h"
#include "store/journal.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100000 };
static struct kp_sample in[MOST];
static uint32_t next[MOST];

/* Makes a row of in[0..n): samples of one signal stand together, signals ascending. */
static void write_row(size_t n, int64_t base, struct kp_buf *out)
{
    struct kp_row_writer w = { 0 };
    struct kp_err err = { 0 };
    kp_row_begin(&w, base);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && in[end].signal == in[i].signal;)
            end++;
        for (size_t k = i; k < end; k++)
            next[k] = k + 1 < end ? (uint32_t)k + 1 : UINT32_MAX;
        kp_row_add(&w, in, next, (uint32_t)i);
    }
    assert_int_equal(kp_row_end(&w, out, &err), KP_OK);
    kp_row_free(&w);
}

static void read_row(const struct kp_buf *row, size_t n, int64_t base)
{
    struct kp_row_reader r;
    struct kp_err err = { 0 };
    const uint8_t *block;
    size_t len, i = 0;
    kp_row_open(&r, row->data, row->len, &err);
    assert_string_equal(err.text, "");
    assert_true(r.base == base);
    while (kp_row_next(&r, &block, &len)) {
        struct kp_block_reader b;
        struct kp_sample s;
        kp_block_open(&b, r.signal, r.base, block, len);
        for (; kp_block_next(&b, &s, &err); i++) {
            assert_true(i < n);
            assert_true(s.signal == in[i].signal && s.at == in[i].at && s.status == in[i].status);
            assert_true(kp_value_equal(&s.value, &in[i].value));
        }
        assert_string_equal(err.text, "");
    }
    assert_int_equal(i, n);
}

static struct kp_value any_value(uint64_t *seed)
{
    static const char text[] = "700142 spindle: chip conveyor blocked";
    struct kp_value v = { .type = (uint8_t)(kit_random(seed) % KP_TYPES) };
    if (kit_random(seed) % 10 == 0)
        v.type = KP_DOUBLE | KP_ARRAY;
    v.u = kit_random(seed);
    if (v.type == KP_NULL)
        v.u = 0;
    if (v.type == KP_BOOL)
        v = kp_bool(v.u & 1);
    if (v.type == KP_FLOAT)
        v = (struct kp_value){ .f = (float)(v.u % 1000), .type = KP_FLOAT };
    if (kp_type_indirect(v.type)) {
        v.len = v.type & KP_ARRAY ? 16 : (uint32_t)(kit_random(seed) % sizeof text);
        v.data = text;
    }
    return v;
}

static void any_samples_come_back_in_order(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 100; round++) {
        struct kp_buf row;
        size_t n = 1 + kit_random(&seed) % 3000;
        int64_t base = (int64_t)kit_random(&seed);
        kp_signal signal = 1;
        for (size_t i = 0; i < n; i++) {
            signal += kit_random(&seed) % 3 == 0 ? 1 + (kp_signal)(kit_random(&seed) % 5000) : 0;
            in[i] =
                (struct kp_sample){ signal, kit_random(&seed) % 4 ? 0 : (uint32_t)kit_random(&seed),
                                    round % 2 ? (int64_t)kit_random(&seed) : base - (int64_t)i,
                                    any_value(&seed) };
        }
        kp_buf_init(&row, 64 << 20);
        write_row(n, base, &row);
        read_row(&row, n, base);
        kp_buf_free(&row);
    }
}

static void a_row_may_be_empty_and_many_rows_share_a_buffer(void **state)
{
    (void)state;
    struct kp_buf row;
    kp_buf_init(&row, 1 << 20);
    write_row(0, 77, &row);
    read_row(&row, 0, 77);
    size_t first = row.len;
    in[0] = (struct kp_sample){ 3, 0, 5, kp_int(-9) };
    write_row(1, 78, &row);
    struct kp_buf second = { .data = row.data + first, .len = row.len - first };
    read_row(&second, 1, 78);
    kp_buf_free(&row);
}

static void a_row_may_hold_a_hundred_thousand_signals(void **state)
{
    (void)state;
    struct kp_buf row;
    struct kp_row_reader r;
    const uint8_t *block;
    size_t len;
    for (size_t i = 0; i < MOST; i++)
        in[i] =
            (struct kp_sample){ (kp_signal)(i * 42949 + 1), 0, (int64_t)i, kp_double((double)i) };
    kp_buf_init(&row, 64 << 20);
    write_row(MOST, 0, &row);
    read_row(&row, MOST, 0);
    assert_int_equal(kp_row_open(&r, row.data, row.len, NULL), KP_OK);
    assert_int_equal(r.left, MOST);
    assert_true(kp_row_find(&r, in[MOST - 1].signal, &block, &len));
    kp_buf_free(&row);
}

static void one_signal_may_have_very_many_points_of_mixed_types(void **state)
{
    (void)state;
    uint64_t seed = 6;
    struct kp_buf row;
    for (size_t i = 0; i < 50000; i++)
        in[i] = (struct kp_sample){ UINT32_MAX, i % 100 ? KP_GOOD : KP_BAD,
                                    i % 2 ? INT64_MAX : INT64_MIN, any_value(&seed) };
    kp_buf_init(&row, 64 << 20);
    write_row(50000, INT64_MAX, &row);
    read_row(&row, 50000, INT64_MAX);
    kp_buf_free(&row);
}

static void whether_a_row_fills_a_gap_is_kept_until_the_next_begins(void **state)
{
    (void)state;
    struct kp_row_writer w = { 0 };
    struct kp_row_reader r;
    struct kp_buf row;
    kp_buf_init(&row, 1 << 20);
    for (int historic = 1; historic >= 0; historic--) {
        kp_row_begin(&w, 5);
        if (historic)
            w.historic = true;
        row.len = 0;
        assert_int_equal(kp_row_end(&w, &row, NULL), KP_OK);
        assert_int_equal(kp_row_open(&r, row.data, row.len, NULL), KP_OK);
        assert_int_equal(r.historic, historic);
    }
    kp_row_free(&w);
    kp_buf_free(&row);
}

static void several_signals_are_found_in_one_pass_forward(void **state)
{
    (void)state;
    struct kp_buf row;
    struct kp_row_reader r;
    const uint8_t *block;
    size_t len;
    for (size_t i = 0; i < 10; i++)
        in[i] = (struct kp_sample){ (kp_signal)(10 + i * 10), 0, 0, kp_bool(true) };
    kp_buf_init(&row, 1 << 20);
    write_row(10, 0, &row);
    assert_int_equal(kp_row_open(&r, row.data, row.len, NULL), KP_OK);
    for (kp_signal s = 15; s <= 105; s += 15)
        assert_int_equal(kp_row_find(&r, s, &block, &len), s % 10 == 0 && s <= 100);
    kp_buf_free(&row);
}

static void one_signal_is_found_among_many(void **state)
{
    (void)state;
    struct kp_buf row;
    struct kp_err err = { 0 };
    for (size_t i = 0; i < 1000; i++)
        in[i] = (struct kp_sample){ (kp_signal)(10 + i * 7), 0, (int64_t)i, kp_int((int64_t)i) };
    kp_buf_init(&row, 1 << 20);
    write_row(1000, 0, &row);
    static const struct {
        kp_signal signal;
        bool there;
    } asked[] = { { 10, true },   { 9, false },    { 17, true }, { 18, false },
                  { 7003, true }, { 7004, false }, { 0, false }, { 900000, false } };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct kp_row_reader r;
        struct kp_block_reader b;
        struct kp_sample s;
        const uint8_t *block;
        size_t len;
        assert_int_equal(kp_row_open(&r, row.data, row.len, &err), KP_OK);
        assert_int_equal(kp_row_find(&r, asked[i].signal, &block, &len), asked[i].there);
        if (!asked[i].there)
            continue;
        kp_block_open(&b, asked[i].signal, r.base, block, len);
        assert_true(kp_block_next(&b, &s, &err) && s.value.i == (asked[i].signal - 10) / 7);
        assert_false(kp_block_next(&b, &s, &err));
    }
    kp_buf_free(&row);
}

static void a_sample_costs_about_ten_bytes(void **state)
{
    (void)state;
    struct kp_buf row;
    for (size_t i = 0; i < 1000; i++)
        in[i] = (struct kp_sample){ (kp_signal)(i / 100 + 1), 0, (int64_t)i * 1000000,
                                    kp_double((double)i * 0.37) };
    kp_buf_init(&row, 1 << 20);
    write_row(1000, 0, &row);
    print_message("%.2f bytes a sample\n", (double)row.len / 1000);
    assert_true(row.len < 13 * 1000);
    kp_buf_free(&row);
}

static void damaged_rows_are_told_and_never_crash(void **state)
{
    (void)state;
    uint64_t seed = 8;
    struct kp_buf row;
    size_t n = 30;
    for (size_t i = 0; i < n; i++)
        in[i] = (struct kp_sample){ (kp_signal)(1 + i / 4), i % 3 ? 0 : KP_BAD, (int64_t)i,
                                    any_value(&seed) };
    kp_buf_init(&row, 1 << 20);
    write_row(n, 1, &row);
    for (size_t bit = 0; bit < 8 * row.len; bit++) {
        struct kp_row_reader r;
        struct kp_err err = { 0 };
        uint8_t *copy = kp_alloc(row.len);
        memcpy(copy, row.data, row.len);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(kp_row_open(&r, copy, row.len, &err), KP_EPARSE);
        uint32_t crc = kp_crc32c(copy, row.len - 4);
        memcpy(copy + row.len - 4, &crc, 4);
        if (!kp_row_open(&r, copy, row.len, NULL)) {
            const uint8_t *block;
            size_t len;
            while (kp_row_next(&r, &block, &len)) {
                struct kp_block_reader b;
                struct kp_sample s;
                kp_block_open(&b, r.signal, r.base, block, len);
                while (kp_block_next(&b, &s, NULL))
                    assert_true((const uint8_t *)b.p <= block + len);
            }
        }
        kp_free(copy);
    }
    for (size_t cut = 0; cut < row.len; cut++) {
        struct kp_row_reader r;
        assert_int_equal(kp_row_open(&r, row.data, cut, NULL), KP_EPARSE);
    }
    kp_buf_free(&row);
}

/* Where a row may lie, each with its checksum put right: head (version, flags, commit time,
 * signals), directory, blocks. */
static void rows_that_lie_are_refused(void **state)
{
    (void)state;
#define HEAD(signals) 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, signals
    static const struct {
        const char *what, *why; /* NULL: it is good */
        uint8_t bytes[32];
        size_t len;
    } rows[] = {
        { "nothing in it", NULL, { HEAD(0) }, 11 },
        { "one signal, no points", NULL, { HEAD(1), 7, 0 }, 13 },
        { "version 0", "version", { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 11 },
        { "a flag unknown", "head", { 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 11 },
        { "no number of signals", "head", { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 10 },
        { "a number cut off", "head", { HEAD(0x80) }, 11 },
        { "2^32 signals", "head", { HEAD(0x80), 0x80, 0x80, 0x80, 0x10 }, 15 },
        { "signals not there", "directory", { HEAD(2), 7, 0 }, 13 },
        { "a signal twice", "directory", { HEAD(2), 7, 0, 0, 0 }, 15 },
        { "signal 0", "directory", { HEAD(1), 0, 0 }, 13 },
        { "a signal beyond 32 bits",
          "directory",
          { HEAD(2), 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 0 },
          19 },
        { "a block longer than the row", "directory", { HEAD(1), 7, 5, 1, 1, 0, 0 }, 17 },
        { "bytes behind the blocks", "directory", { HEAD(1), 7, 0, 0 }, 14 },
        { "a block of 2^60 bytes",
          "directory",
          { HEAD(1), 7, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10 },
          21 },
    };
#undef HEAD
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kp_row_reader r;
        struct kp_err err = { 0 };
        uint8_t *copy = kp_alloc(rows[i].len + 4);
        memcpy(copy, rows[i].bytes, rows[i].len);
        uint32_t crc = kp_crc32c(copy, rows[i].len);
        memcpy(copy + rows[i].len, &crc, 4);
        enum kp_code code = kp_row_open(&r, copy, rows[i].len + 4, &err);
        if (code != (rows[i].why ? KP_EPARSE : KP_OK) ||
            (rows[i].why && !strstr(err.text, rows[i].why)))
            fail_msg("%s: code %d, %s", rows[i].what, code, err.text);
        kp_free(copy);
    }
    struct kp_row_reader r;
    assert_int_equal(kp_row_open(&r, NULL, 0, NULL), KP_EPARSE);
}

static void blocks_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t bytes[24];
        size_t len, points; /* before the fault; no fault when it is 100 more */
    } blocks[] = {
        { "nothing", { 0 }, 0, 100 },
        { "a null", { 1, KP_NULL, 0, 0, 0 }, 5, 101 },
        { "two booleans, status each", { 2, KP_BOOL, 1, 0, 0, 1, 0, 5, 0 }, 9, 102 },
        { "a run of none", { 0, KP_BOOL, 0, 0 }, 4, 0 },
        { "a run of 2^32", { 0x80, 0x80, 0x80, 0x80, 0x10, KP_NULL, 0, 0 }, 8, 0 },
        { "a run longer than the block", { 3, KP_NULL, 0, 0, 0, 0 }, 6, 2 },
        { "no flags", { 1, KP_BOOL }, 2, 0 },
        { "a flag unknown", { 1, KP_BOOL, 2, 0, 0, 1 }, 6, 0 },
        { "a type unknown", { 1, KP_TYPES, 0, 0, 0, 1 }, 6, 0 },
        { "an array of nulls", { 1, KP_NULL | KP_ARRAY, 0, 0, 0, 0 }, 6, 0 },
        { "type bits unknown", { 1, 0x40 | KP_BOOL, 0, 0, 0, 1 }, 6, 0 },
        { "a status beyond 32 bits", { 1, KP_NULL, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0 }, 9, 0 },
        { "such a status at a point",
          { 2, KP_NULL, 1, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10 },
          11,
          1 },
        { "no status", { 1, KP_NULL, 0 }, 3, 0 },
        { "half a double", { 1, KP_DOUBLE, 0, 0, 0, 1, 2, 3, 4 }, 9, 0 },
        { "a text longer than the block", { 1, KP_STRING, 0, 0, 0, 4, 'a', 'b', 'c' }, 9, 0 },
        { "a text of 2^63",
          { 1, KP_STRING, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1 },
          15,
          0 },
        { "a good run, then half a run", { 1, KP_BOOL, 0, 0, 0, 1, 1, KP_BOOL }, 8, 1 },
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct kp_block_reader b;
        struct kp_sample s;
        struct kp_err err = { 0 };
        size_t n = 0;
        uint8_t *copy = kp_alloc(blocks[i].len + 1);
        memcpy(copy, blocks[i].bytes, blocks[i].len);
        kp_block_open(&b, 7, 0, copy, blocks[i].len);
        while (kp_block_next(&b, &s, &err))
            n++;
        if (n != blocks[i].points % 100 || (err.code == KP_OK) != (blocks[i].points >= 100))
            fail_msg("%s: %zu points, then: %s", blocks[i].what, n, err.text);
        assert_false(kp_block_next(&b, &s, &err)); /* and it stays at its end */
        kp_free(copy);
    }
}

/* As the first version wrote it. */
static void rows_of_the_first_version_read_as_they_did(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        0x01, 0x00, 0x00, 0x00, 0x2a, 0x36, 0xfe, 0x9c, 0x97, 0x17, 0x02, 0x01, 0x23, 0x45, 0x32,
        0x02, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x35, 0x40, 0x80, 0xa8,
        0xd6, 0xb9, 0x07, 0x33, 0x33, 0x33, 0x33, 0x33, 0xb3, 0x35, 0x40, 0x01, 0x00, 0x00, 0x00,
        0x80, 0xa8, 0xd6, 0xb9, 0x07, 0x01, 0x06, 0x00, 0x80, 0x80, 0xc4, 0x81, 0x08, 0x80, 0xf8,
        0x82, 0xad, 0x16, 0x08, 0x4f, 0x31, 0x30, 0x30, 0x34, 0x2e, 0x4e, 0x43, 0x01, 0x02, 0x00,
        0x00, 0x80, 0xb1, 0xd0, 0xba, 0x07, 0x05, 0x01, 0x06, 0x00, 0x00, 0x80, 0x9f, 0xdc, 0xb8,
        0x07, 0x08, 0x4f, 0x31, 0x30, 0x30, 0x34, 0x2e, 0x4e, 0x43, 0x1d, 0xbc, 0x5c, 0xf2,
    };
    const struct kp_value values[6] = { kp_double(21.5),     kp_double(21.7),
                                        { .type = KP_NULL }, kp_string("O1004.NC", 8),
                                        kp_int(-3),          kp_string("O1004.NC", 8) };
    struct kp_buf row = { .data = malloc(sizeof bytes), .len = sizeof bytes };
    memcpy(row.data, bytes, sizeof bytes);
    for (int i = 0; i < 6; i++)
        in[i] = (struct kp_sample){ i < 3 ? 1 : 70, i == 3 ? KP_BAD_NO_COMMUNICATION : KP_GOOD,
                                    1700000000 * KP_SECOND + i * KP_SECOND +
                                        (i == 4 ? KP_SECOND / 1000 : 0),
                                    values[i] };
    read_row(&row, 6, 1700000000 * KP_SECOND);
    struct kp_buf again;
    kp_buf_init(&again, 1 << 20);
    write_row(6, 1700000000 * KP_SECOND, &again); /* nor has the writer changed */
    assert_int_equal(again.len, row.len);
    assert_memory_equal(again.data, row.data, row.len);
    kp_buf_free(&again);
    free(row.data);
}

static enum kp_code write_once(void *arg)
{
    struct kp_row_writer w = { 0 };
    struct kp_buf out;
    struct kp_err err = { 0 };
    (void)arg;
    kp_buf_init(&out, 1 << 20);
    kp_row_begin(&w, 0);
    next[0] = 1;
    next[1] = UINT32_MAX;
    kp_row_add(&w, in, next, 0);
    kp_row_end(&w, &out, &err);
    kp_row_free(&w);
    kp_buf_free(&out);
    return err.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    in[0] = in[1] =
        (struct kp_sample){ 1, 0, 0,
                            kp_string("a text that needs room in the buffer of the blocks", 50) };
    kit_fail_each_allocation(write_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_samples_come_back_in_order),
        cmocka_unit_test(a_row_may_be_empty_and_many_rows_share_a_buffer),
        cmocka_unit_test(a_row_may_hold_a_hundred_thousand_signals),
        cmocka_unit_test(one_signal_may_have_very_many_points_of_mixed_types),
        cmocka_unit_test(whether_a_row_fills_a_gap_is_kept_until_the_next_begins),
        cmocka_unit_test(several_signals_are_found_in_one_pass_forward),
        cmocka_unit_test(one_signal_is_found_among_many),
        cmocka_unit_test(a_sample_costs_about_ten_bytes),
        cmocka_unit_test(damaged_rows_are_told_and_never_crash),
        cmocka_unit_test(rows_that_lie_are_refused),
        cmocka_unit_test(blocks_that_lie_are_refused),
        cmocka_unit_test(rows_of_the_first_version_read_as_they_did),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
