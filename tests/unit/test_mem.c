/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include <stdalign.h>

#include "core/ban.h"

/* ---- blocks ---- */
static void a_block_is_zeroed_and_counted(void **state)
{
    (void)state;
    long live = kp_mem_live(), count = kp_mem_count();
    char *p = kp_alloc(1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    assert_int_equal(kp_mem_live(), live + 1);
    p = kp_realloc(p, 5000);
    assert_int_equal(kp_mem_live(), live + 1);
    void *q = kp_realloc(NULL, 10);
    assert_int_equal(kp_mem_live(), live + 2);
    assert_int_equal(kp_mem_count(), count + 3);
    kp_free(p);
    kp_free(q);
    kp_free(NULL);
    assert_int_equal(kp_mem_live(), live);
}

static void a_block_of_no_bytes_is_still_a_block(void **state)
{
    (void)state;
    void *p = kp_alloc(0);
    assert_non_null(p);
    p = kp_realloc(p, 0);
    assert_non_null(p);
    kp_free(p);
}

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    kp_mem_fail_at(2);
    void *first = kp_alloc(1), *second = kp_alloc(1), *third = kp_alloc(1);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    kp_mem_fail_at(1);
    assert_null(kp_realloc(first, 100)); /* the old block lives on */
    kp_mem_fail_at(1);
    kp_mem_fail_at(0);
    assert_non_null(first = kp_realloc(first, 100));
    kp_free(first);
    kp_free(third);
}

static void strings_are_copied_to_their_end_or_their_length(void **state)
{
    (void)state;
    char *a = kp_strdup("dmu50"), *b = kp_strndup("dmu50 and more", 5), *c = kp_strndup("a\0b", 3);
    assert_string_equal(a, "dmu50");
    assert_string_equal(b, "dmu50");
    assert_memory_equal(c, "a\0b", 4);
    assert_null(kp_strdup(NULL));
    char *none = kp_strndup(NULL, 0);
    assert_string_equal(none, "");
    kp_free(a);
    kp_free(b);
    kp_free(c);
    kp_free(none);
}

static void an_array_grows_by_doubling_and_its_new_part_is_zero(void **state)
{
    (void)state;
    int *list = NULL;
    size_t capacity = 0;
    long count = kp_mem_count();
    for (size_t i = 0; i < 10000; i++) {
        assert_true(kp_grow(&list, &capacity, i + 1, sizeof *list));
        assert_true(capacity > i);
        assert_int_equal(list[i], 0);
        list[i] = (int)i + 1;
    }
    assert_true(kp_mem_count() - count <= 12);
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(list[i], i + 1);
    size_t before = capacity;
    assert_true(kp_grow(&list, &capacity, 1, sizeof *list)); /* never smaller */
    assert_int_equal(capacity, before);
    assert_true(kp_grow(&list, &capacity, 100000, sizeof *list)); /* far at once */
    assert_true(capacity >= 100000);
    kp_free(list);
}

static void an_array_that_cannot_grow_stays_as_it_is(void **state)
{
    (void)state;
    int *list = NULL, *old;
    size_t capacity = 0;
    assert_true(kp_grow(&list, &capacity, 1, sizeof *list));
    list[0] = 42;
    old = list;
    size_t before = capacity;
    kp_mem_fail_at(1);
    assert_false(kp_grow(&list, &capacity, capacity + 1, sizeof *list));
    kp_mem_fail_at(0);
    assert_false(kp_grow(&list, &capacity, SIZE_MAX / 2, sizeof *list));
    assert_false(kp_grow(&list, &capacity, SIZE_MAX, 1));
    assert_false(kp_grow(&list, &capacity, SIZE_MAX / sizeof *list + 2,
                         sizeof *list)); /* would wrap to a few bytes */
    assert_ptr_equal(list, old);
    assert_int_equal(capacity, before);
    assert_int_equal(list[0], 42);
    kp_free(list);
}

/* ---- arena ---- */
static void an_arena_gives_zeroed_aligned_pieces_that_do_not_touch(void **state)
{
    (void)state;
    struct kp_arena a = { 0 };
    struct {
        unsigned char *p;
        size_t n;
    } pieces[500];
    size_t total = 0;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        size_t n = i % 50 == 49 ? 10000 : kit_random() % 200;
        pieces[i].p = kp_arena_alloc(&a, n);
        pieces[i].n = n;
        total += n;
        assert_non_null(pieces[i].p);
        assert_int_equal((uintptr_t)pieces[i].p % alignof(max_align_t), 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(pieces[i].p[k], 0);
        memset(pieces[i].p, (int)(i % 255) + 1, n);
    }
    for (size_t i = 0; i < COUNT(pieces); i++)
        for (size_t k = 0; k < pieces[i].n; k++)
            if (pieces[i].p[k] != i % 255 + 1)
                fail_msg("piece %zu was overwritten", i);
    assert_true(kp_arena_size(&a) >= total);
    kp_arena_free(&a);
    assert_int_equal(kp_arena_size(&a), 0);
}

static void an_arena_copies_data_and_text(void **state)
{
    (void)state;
    struct kp_arena a = { 0 };
    assert_string_equal(kp_arena_strdup(&a, "spindle"), "spindle");
    assert_string_equal(kp_arena_strdup(&a, ""), "");
    assert_memory_equal(kp_arena_copy(&a, "a\0b", 3), "a\0b", 3);
    assert_non_null(kp_arena_copy(&a, NULL, 0));
    kp_arena_free(&a);
}

static void an_arena_reset_keeps_one_chunk_and_gives_zeroes_again(void **state)
{
    (void)state;
    long live = kp_mem_live();
    struct kp_arena a = { 0 };
    kp_arena_reset(&a); /* of nothing */
    for (int i = 0; i < 100; i++)
        memset(kp_arena_alloc(&a, 1000), 0xff, 1000);
    kp_arena_reset(&a);
    assert_int_equal(kp_mem_live(), live + 1);
    long count = kp_mem_count();
    unsigned char *p = kp_arena_alloc(&a, 1000);
    assert_int_equal(kp_mem_count(), count); /* from the chunk it kept */
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    kp_arena_free(&a);
    kp_arena_free(&a);
    assert_int_equal(kp_mem_live(), live);
}

static void an_absurd_size_is_refused_by_the_arena(void **state)
{
    (void)state;
    struct kp_arena a = { 0 };
    assert_null(kp_arena_alloc(&a, SIZE_MAX));
    assert_null(kp_arena_alloc(&a, SIZE_MAX / 2 + 1));
    assert_non_null(kp_arena_alloc(&a, 1));
    kp_arena_free(&a);
}

/* ---- buffer ---- */
static void a_buffer_collects_bytes_text_and_formats(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, 1000);
    assert_string_equal(kp_buf_text(&b), "");
    kp_buf_str(&b, "speed=");
    kp_buf_printf(&b, "%d %s", 1200, "rpm");
    kp_buf_add(&b, "!\0?", 3);
    kp_buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 17);
    assert_memory_equal(kp_buf_text(&b), "speed=1200 rpm!\0?", 18);
    char *room = kp_buf_room(&b, 4);
    memcpy(room, "more", 4);
    assert_int_equal(b.len, 17); /* not counted until the caller says so */
    b.len += 4;
    assert_memory_equal(kp_buf_text(&b) + 17, "more", 5);
    kp_buf_free(&b);
    assert_int_equal(b.len, 0);
    kp_buf_str(&b, "again"); /* free is a fresh start with the same limit */
    assert_string_equal(kp_buf_text(&b), "again");
    kp_buf_free(&b);
}

static void a_buffer_stops_at_its_limit_and_stays_stopped(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, 10);
    kp_buf_add(&b, "1234567890", 10);
    assert_false(b.failed);
    assert_string_equal(kp_buf_text(&b), "1234567890");
    kp_buf_add(&b, "x", 1);
    assert_true(b.failed);
    kp_buf_add(&b, "", 0);
    kp_buf_str(&b, "y");
    kp_buf_printf(&b, "%d", 1);
    assert_null(kp_buf_room(&b, 0));
    assert_int_equal(b.len, 10);
    assert_string_equal(kp_buf_text(&b), "");
    assert_null(kp_buf_take(&b));
    kp_buf_init(&b, 10);
    assert_null(kp_buf_room(&b, SIZE_MAX));
    kp_buf_free(&b);
}

static void taking_the_text_leaves_an_empty_buffer(void **state)
{
    (void)state;
    long live = kp_mem_live();
    struct kp_buf b;
    kp_buf_init(&b, 100);
    kp_buf_str(&b, "mine");
    char *text = kp_buf_take(&b);
    assert_string_equal(text, "mine");
    assert_int_equal(b.len, 0);
    assert_null(b.data);
    char *nothing = kp_buf_take(&b);
    assert_string_equal(nothing, "");
    kp_free(nothing);
    kp_free(text);
    assert_int_equal(kp_mem_live(), live);
}

static void a_large_buffer_is_what_went_in(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, 1 << 20);
    for (int i = 0; i < 20000; i++)
        kp_buf_printf(&b, "%05d ", i);
    assert_int_equal(b.len, 120000);
    for (int i = 0; i < 20000; i += 777)
        assert_int_equal(strtol(b.data + 6 * i, NULL, 10), i);
    kp_buf_free(&b);
}

/* ---- out of memory ---- */
static enum kp_code all_of_it(void *arg)
{
    (void)arg;
    struct kp_arena a = { 0 };
    struct kp_buf b;
    int *list = NULL;
    size_t capacity = 0;
    kp_buf_init(&b, 1 << 20);
    char *copy = kp_strdup("text");
    bool good = copy && kp_grow(&list, &capacity, 100, sizeof *list) &&
                kp_arena_strdup(&a, "text") && kp_arena_alloc(&a, 9000);
    for (int i = 0; i < 100; i++)
        kp_buf_printf(&b, "%d", i);
    char *taken = kp_buf_take(&b);
    good = good && taken;
    kp_free(taken);
    kp_free(copy);
    kp_free(list);
    kp_arena_free(&a);
    return good ? KP_OK : KP_ENOMEM;
}

static void memory_survives_a_lack_of_memory(void **state)
{
    (void)state;
    assert_true(kit_starve("mem", all_of_it, NULL) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_zeroed_and_counted),
        cmocka_unit_test(a_block_of_no_bytes_is_still_a_block),
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(strings_are_copied_to_their_end_or_their_length),
        cmocka_unit_test(an_array_grows_by_doubling_and_its_new_part_is_zero),
        cmocka_unit_test(an_array_that_cannot_grow_stays_as_it_is),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_pieces_that_do_not_touch),
        cmocka_unit_test(an_arena_copies_data_and_text),
        cmocka_unit_test(an_arena_reset_keeps_one_chunk_and_gives_zeroes_again),
        cmocka_unit_test(an_absurd_size_is_refused_by_the_arena),
        cmocka_unit_test(a_buffer_collects_bytes_text_and_formats),
        cmocka_unit_test(a_buffer_stops_at_its_limit_and_stays_stopped),
        cmocka_unit_test(taking_the_text_leaves_an_empty_buffer),
        cmocka_unit_test(a_large_buffer_is_what_went_in),
        cmocka_unit_test(memory_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
