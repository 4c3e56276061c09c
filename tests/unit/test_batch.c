/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/batch.h"
#include "core/model.h"

#include <stdio.h>

#include "core/ban.h"

static struct kp_sample number(kp_signal signal, double d)
{
    return (struct kp_sample){
        .signal = signal, .status = KP_UNCERTAIN, .at = 5 * signal, .value = kp_double(d)
    };
}

static struct kp_sample word(kp_signal signal, const char *s, size_t n)
{
    return (struct kp_sample){ .signal = signal, .value = kp_string(s, n) };
}

static void a_new_batch_is_empty_and_says_who_made_it(void **state)
{
    (void)state;
    struct kp_batch *b = kp_batch_new(7);
    assert_int_equal(b->coupling, 7);
    assert_int_equal(b->n, 0);
    assert_false(b->historic);
    assert_int_equal(b->msg.kind, KP_MSG_BATCH);
    assert_int_equal(b->msg.cost, sizeof *b);
    kp_batch_free(b);
    kp_batch_free(NULL);
}

static void a_batch_holds_256_samples_as_they_came(void **state)
{
    (void)state;
    struct kp_batch *b = kp_batch_new(1);
    for (kp_signal i = 0; i < KP_BATCH_MAX; i++)
        assert_true(kp_batch_add(
            b, &(struct kp_sample){ .signal = i, .at = i * 2, .value = kp_double(i / 8.0) }));
    assert_int_equal(b->n, 256);
    for (kp_signal i = 0; i < KP_BATCH_MAX; i++) {
        assert_int_equal(b->s[i].signal, i);
        assert_int_equal(b->s[i].at, i * 2);
        assert_true(b->s[i].value.d == i / 8.0);
    }
    assert_int_equal(b->msg.cost, sizeof *b); /* numbers need nothing more */
    kp_batch_free(b);
}

static void all_of_a_sample_arrives(void **state)
{
    (void)state;
    struct kp_batch *b = kp_batch_new(1);
    struct kp_sample s = number(3, 31.25);
    assert_true(kp_batch_add(b, &s));
    assert_int_equal(b->s[0].signal, 3);
    assert_int_equal(b->s[0].status, KP_UNCERTAIN);
    assert_int_equal(b->s[0].at, 15);
    assert_true(kp_value_equal(&b->s[0].value, &s.value));
    kp_batch_free(b);
}

static void a_batch_owns_its_texts_and_counts_them(void **state)
{
    (void)state;
    long before = kp_mem_live();
    struct kp_batch *b = kp_batch_new(1);
    char text[16];
    for (kp_signal i = 0; i < KP_BATCH_MAX; i++) {
        int n = snprintf(text, sizeof text, "O%04u.NC", (unsigned)i);
        struct kp_sample s = word(i, text, (size_t)n);
        assert_true(kp_batch_add(b, &s));
        memset(text, '#', sizeof text);
    }
    assert_memory_equal(b->s[0].value.data, "O0000.NC", 8);
    assert_memory_equal(b->s[255].value.data, "O0255.NC", 8);
    static const char large[100000] = { 1 };
    uint32_t cost = b->msg.cost;
    assert_true(cost >= sizeof *b + 256 * 8);
    b->n--;
    struct kp_sample s = word(1, large, sizeof large);
    assert_true(kp_batch_add(b, &s));
    assert_true(b->msg.cost >= cost + sizeof large);
    kp_batch_free(b);
    assert_int_equal(kp_mem_live(), before);
}

static void a_sample_without_room_for_its_text_leaves_the_batch_as_it_was(void **state)
{
    (void)state;
    struct kp_batch *b = kp_batch_new(1);
    struct kp_sample a = number(1, 1), w = word(2, "text", 4);
    assert_true(kp_batch_add(b, &a));
    kp_mem_fail_at(1);
    assert_false(kp_batch_add(b, &w));
    kp_mem_fail_at(0);
    assert_int_equal(b->n, 1);
    assert_int_equal(b->msg.cost, sizeof *b);
    assert_true(kp_batch_add(b, &w));
    assert_int_equal(b->n, 2);
    assert_memory_equal(b->s[1].value.data, "text", 4);
    kp_batch_free(b);
}

static void dropping_frees_batches_and_interval_messages_alike(void **state)
{
    (void)state;
    long before = kp_mem_live();
    struct kp_batch *b = kp_batch_new(1);
    struct kp_sample w = word(2, "text", 4);
    assert_true(kp_batch_add(b, &w));
    kp_batch_drop(&b->msg);
    assert_int_equal(kp_mem_live(), before);
    struct kp_interval_msg *m = kp_alloc(sizeof *m);
    m->msg.kind = KP_MSG_INTERVAL;
    kp_batch_drop(&m->msg);
    assert_int_equal(kp_mem_live(), before);
}

static enum kp_code fill(void *arg)
{
    (void)arg;
    struct kp_batch *b = kp_batch_new(1);
    bool good = b;
    static const char text[1000] = { 1 };
    for (kp_signal i = 0; good && i < 20; i++) {
        struct kp_sample s = word(i, text, sizeof text);
        good = kp_batch_add(b, &s);
    }
    kp_batch_free(b);
    return good ? KP_OK : KP_ENOMEM;
}

static void a_batch_survives_a_lack_of_memory(void **state)
{
    (void)state;
    assert_true(kit_starve("batch", fill, NULL) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_batch_is_empty_and_says_who_made_it),
        cmocka_unit_test(a_batch_holds_256_samples_as_they_came),
        cmocka_unit_test(all_of_a_sample_arrives),
        cmocka_unit_test(a_batch_owns_its_texts_and_counts_them),
        cmocka_unit_test(a_sample_without_room_for_its_text_leaves_the_batch_as_it_was),
        cmocka_unit_test(dropping_frees_batches_and_interval_messages_alike),
        cmocka_unit_test(a_batch_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
