/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "store/chunk.h"
#include "store/journal.h"

#include <stdio.h>

enum { MOST = 3000 };
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
        size_t n = 1 + kit_random(&seed) % MOST;
        int64_t base = (int64_t)kit_random(&seed);
        kp_signal signal = 1;
        for (size_t i = 0; i < n; i++) {
            signal += kit_random(&seed) % 3 == 0 ? 1 + (kp_signal)(kit_random(&seed) % 5000) : 0;
            in[i] = (struct kp_sample){ signal, kit_random(&seed) % 4 ? 0 : (uint32_t)kit_random(&seed),
                                        round % 2 ? (int64_t)kit_random(&seed) : base - (int64_t)i, any_value(&seed) };
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

static void one_signal_is_found_among_many(void **state)
{
    (void)state;
    struct kp_buf row;
    struct kp_err err = { 0 };
    for (size_t i = 0; i < 1000; i++)
        in[i] = (struct kp_sample){ (kp_signal)(10 + i * 7), 0, (int64_t)i, kp_int((int64_t)i) };
    kp_buf_init(&row, 1 << 20);
    write_row(1000, 0, &row);
    static const struct { kp_signal signal; bool there; } asked[] = { { 10, true },  { 9, false },     { 17, true },
                                                                      { 18, false }, { 7003, true },   { 7004, false },
                                                                      { 0, false },  { 900000, false } };
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
        in[i] = (struct kp_sample){ (kp_signal)(i / 100 + 1), 0, (int64_t)i * 1000000, kp_double((double)i * 0.37) };
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
        in[i] = (struct kp_sample){ (kp_signal)(1 + i / 4), i % 3 ? 0 : KP_BAD, (int64_t)i, any_value(&seed) };
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
    in[0] = in[1] = (struct kp_sample){ 1, 0, 0, kp_string("a text that needs room in the buffer of the blocks", 50) };
    kit_fail_each_allocation(write_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_samples_come_back_in_order),
        cmocka_unit_test(a_row_may_be_empty_and_many_rows_share_a_buffer),
        cmocka_unit_test(one_signal_is_found_among_many),
        cmocka_unit_test(a_sample_costs_about_ten_bytes),
        cmocka_unit_test(damaged_rows_are_told_and_never_crash),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
