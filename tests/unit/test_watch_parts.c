/* SPDX-License-Identifier: Apache-2.0 */
/* What watches are made of: tails, shapes, distances, each against small cases that are known. */
#include "core_kit.h"

#include "watch/discord.h"
#include "watch/distance.h"
#include "watch/matrix.h"
#include "watch/novelty.h"
#include "watch/shape.h"
#include "watch/tail.h"

#include <math.h>

#include "core/ban.h"

static double noise(void)
{
    return (double)(kit_random() >> 40) / 0x1p24 - 0.5;
}

static void a_tail_tells_multiples_of_what_one_in_200_reached(void **state)
{
    static struct kp_tail t;
    (void)state;
    assert_true(kp_tail_ratio(&t, 3) == 0);
    for (int i = 1; i <= 10000; i++)
        kp_tail_add(&t, i);
    double ratio = kp_tail_ratio(&t, 9950);
    assert_true(ratio > 0.85 && ratio < 1.15); /* bins are an eighth wide */
    assert_true(fabs(kp_tail_ratio(&t, 99500) / ratio - 10) < 1e-9);
    assert_true(kp_tail_sound(&t));
}

static void a_tail_forgets_by_halves_and_takes_any_score(void **state)
{
    static struct kp_tail t;
    (void)state;
    for (int i = 0; i < (1 << 22) + 10; i++)
        kp_tail_add(&t, 1);
    assert_true(t.total > 0x1p21 && t.total < 0x1p21 + 20);
    kp_tail_add(&t, 0);
    kp_tail_add(&t, 1e300);
    assert_true(isfinite(kp_tail_ratio(&t, 1e300)));
    assert_true(kp_tail_sound(&t));
}

static void what_is_seen_again_is_not_new(void **state)
{
    static struct kp_novelty k;
    double first = 0, again = 0;
    (void)state;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 1000; i++) {
            double far = kp_novelty_step(&k, i == 500 ? 30 : noise());
            *(round ? &again : &first) = i == 500 ? far : round ? again : first;
        }
    assert_true(first > 5);
    assert_true(again < 1);
    assert_true(kp_novelty_sound(&k));
}

/* What is thought in the end of a spike in each of 40 rounds, of which the first made an alarm. */
static enum kp_doubt doubt_after_rounds(bool blamed)
{
    struct kp_novelty k = { .settle = 20 };
    enum kp_doubt here = KP_DOUBT_NONE;
    for (int i = 0; i < 41 * 200; i++) {
        kp_novelty_step(&k, i % 200 == 100 && i > 200 ? 30 : i % 5);
        if (i == 300) {
            kp_novelty_doubt(&k, KP_DOUBT_BEGINS);
            if (blamed)
                kp_novelty_blame(&k);
        }
        here = i % 200 == 100 ? kp_novelty_here(&k) : here;
    }
    kp_novelty_trust(&k); /* of that a person said it is normal, it was not */
    assert_true(kp_novelty_sound(&k));
    return here;
}

static void a_fault_a_person_named_stays_one_however_often_it_comes(void **state)
{
    (void)state;
    assert_int_equal(doubt_after_rounds(false), KP_DOUBT_NONE);
    assert_int_equal(doubt_after_rounds(true), KP_DOUBT_AGAIN);
}

/* How far out a swing at half the pace is at most, while and after which an alarm stands; then the usual one for a while. */
static double odd_swing(struct kp_watch_shape *s)
{
    double most = 0;
    bool alarm = false;
    for (int i = 0; i < 120; i++) {
        double swing = sin(i * 3.14159265358979 / (i < 100 ? 50 : 25)), ratio = kp_shape_step(s, swing + 0.1 * noise());
        most = fmax(most, ratio);
        if (alarm || ratio > 1.5)
            kp_shape_doubt(s, !alarm);
        alarm |= ratio > 1.5;
    }
    for (int i = 0; i < 500; i++)
        kp_shape_step(s, sin((i + 20) * 2 * 3.14159265358979 / 50) + 0.1 * noise());
    return most;
}

static void a_shape_is_not_known_by_a_fault_that_a_person_named(void **state)
{
    for (int word = 0; word < 3; word++) { /* none, fault, normal */
        struct kp_err err = { 0 };
        struct kp_watch_shape *s = kp_shape_new(&err);
        struct kp_buf kept;
        (void)state;
        for (int i = 0; i < 2000; i++)
            kp_shape_learn(s, sin(i * 2 * 3.14159265358979 / 50) + 0.1 * noise());
        kp_shape_begin(s);
        double first = odd_swing(s);
        assert_true(first > 2);
        if (word)
            word == 1 ? kp_shape_blame(s) : kp_shape_trust(s);
        kp_buf_init(&kept, 1 << 20);
        kp_shape_save(s, &kept);
        kp_shape_free(s);
        assert_non_null(s = kp_shape_load(kept.data, kept.len, &err));
        for (int i = 0; i < 3; i++) /* however often */
            assert_true(word == 1 ? odd_swing(s) > 0.8 * first : odd_swing(s) < 1.5);
        kp_shape_trust(s); /* the later word holds */
        assert_true(odd_swing(s) < 1.5);
        kp_shape_free(s);
        kp_buf_free(&kept);
    }
}

static void a_stretch_is_as_long_as_the_period(void **state)
{
    static double x[3000];
    (void)state;
    for (int i = 0; i < 3000; i++)
        x[i] = sin(i * 2 * 3.14159265358979 / 50) + 0.1 * noise();
    assert_int_equal(kp_discord_length(x, 3000) % 50, 0);
    for (int i = 0; i < 3000; i++)
        x[i] = 7;
    assert_int_equal(kp_discord_length(x, 3000), 100);
    assert_int_equal(kp_discord_length(x, 30), 10);
    assert_int_equal(kp_discord_length(x, 0), KP_DISCORD_LEAST);
}

/* Straight from the definition. */
static double discord_by_hand(const double *x, size_t n, size_t m)
{
    double best = INFINITY;
    for (size_t end = m; end + m < n; end++) {
        if (n - end > KP_DISCORD_PAST)
            continue;
        double a = 0, b = 0, sum = 0;
        for (size_t i = 1; i <= m; i++) {
            a += x[n - i] / (double)m;
            b += x[end - i] / (double)m;
        }
        for (size_t i = 1; i <= m; i++)
            sum += (x[n - i] - a - x[end - i] + b) * (x[n - i] - a - x[end - i] + b);
        best = fmin(best, sqrt(sum / (double)m));
    }
    return best < INFINITY ? best : 0;
}

static void a_discord_is_what_its_definition_says_also_when_the_past_is_full(void **state)
{
    enum { N = 12000, LENGTH = 16 };
    static double x[N];
    struct kp_err err = { 0 };
    struct kp_discord *d = kp_discord_new(&err);
    (void)state;
    kp_discord_begin(d, LENGTH);
    for (size_t i = 0; i < N; i++) {
        x[i] = 3 * noise();
        double told = kp_discord_step(d, x[i]);
        if (i < 200 || i % 1000 == 999) {
            double right = discord_by_hand(x, i + 1, LENGTH);
            assert_true(fabs(told - right) < 1e-6);
        }
    }
    kp_discord_free(d);
}

static void matrices_are_factored_and_solved_and_those_that_cannot_be_are_told(void **state)
{
    double a[] = { 4, 2, 2, 3 }, v[] = { 2, 4 }, flat[] = { 1, 1, 1, 1 - 1e-9 },
           none[] = { NAN, 0, 0, 1 };
    double rows[] = { 1, 2, 3, 4, 5, 6 }, square[4] = { 0 };
    (void)state;
    assert_true(kp_matrix_factor(a, 2));
    assert_true(fabs(kp_matrix_distance(a, v, 2) - 5.5) < 1e-12); /* v' A^-1 v */
    kp_matrix_finish(a, v, 2);
    assert_true(fabs(v[0] + 0.25) < 1e-12 && fabs(v[1] - 1.5) < 1e-12); /* A^-1 v */
    assert_false(kp_matrix_factor(flat, 2));
    assert_false(kp_matrix_factor(none, 2));
    kp_matrix_add_products(square, rows, 3, 2);
    assert_true(square[0] == 35 && square[2] == 44 && square[3] == 56);
}

/* Two signals that go together, and one by itself. */
static void row_of(double *row, bool broken)
{
    double common = 10 * noise();
    row[0] = 20 + common;
    row[1] = 5 + 2 * common * (broken ? -1 : 1) + 0.1 * noise();
    row[2] = noise();
}

static struct kp_distance *learn_rows(size_t n, double wrong)
{
    struct kp_err err = { 0 };
    double *rows = kp_alloc(n * 3 * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        row_of(rows + 3 * i, false);
    if (wrong != 0)
        rows[3 * (n / 2) + 1] = wrong;
    struct kp_distance *g = kp_distance_new(rows, n, 3, &err);
    assert_non_null(g);
    kp_free(rows);
    return g;
}

static void signals_that_part_are_found_though_each_is_usual(void **state)
{
    struct kp_distance *g = learn_rows(400, 0);
    struct kp_distance_share share[3];
    double row[3], most = 0, found = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        row_of(row, false);
        most = fmax(most, kp_distance_step(g, row));
    }
    assert_true(most < 1);
    for (int i = 0; i < 30; i++) {
        row_of(row, true);
        double ratio = kp_distance_step(g, row);
        kp_distance_explain(g, share);
        assert_true(fabs(share[0].share + share[1].share + share[2].share - 1) < 1e-9);
        found = fmax(found, ratio);
    }
    assert_true(found > 1);
    kp_distance_free(g);
}

static void a_broken_value_among_those_learnt_changes_little(void **state)
{
    static const double wrong[] = { 1e308, -1e308, 1e20, NAN, INFINITY };
    double row[3], found = 0;
    (void)state;
    for (size_t k = 0; k < COUNT(wrong); k++, found = 0) {
        struct kp_distance *g = learn_rows(400, wrong[k]);
        for (int i = 0; i < 100; i++) {
            row_of(row, true);
            found = fmax(found, kp_distance_step(g, row));
        }
        assert_true(found > 1);
        kp_distance_free(g);
    }
}

static void rows_that_never_moved_can_be_learnt(void **state)
{
    double rows[60] = { 0 }, row[2] = { 0, 5 };
    struct kp_err err = { 0 };
    (void)state;
    for (int i = 0; i < 30; i++)
        rows[2 * i + 1] = 5;
    struct kp_distance *g = kp_distance_new(rows, 30, 2, &err);
    assert_non_null(g);
    assert_true(kp_distance_step(g, row) < 0.5);
    row[0] = 1;
    for (int i = 0; i < 5; i++)
        assert_true(isfinite(kp_distance_step(g, row)));
    assert_true(kp_distance_step(g, row) > 1);
    kp_distance_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tail_tells_multiples_of_what_one_in_200_reached),
        cmocka_unit_test(a_tail_forgets_by_halves_and_takes_any_score),
        cmocka_unit_test(what_is_seen_again_is_not_new),
        cmocka_unit_test(a_fault_a_person_named_stays_one_however_often_it_comes),
        cmocka_unit_test(a_shape_is_not_known_by_a_fault_that_a_person_named),
        cmocka_unit_test(a_stretch_is_as_long_as_the_period),
        cmocka_unit_test(a_discord_is_what_its_definition_says_also_when_the_past_is_full),
        cmocka_unit_test(matrices_are_factored_and_solved_and_those_that_cannot_be_are_told),
        cmocka_unit_test(signals_that_part_are_found_though_each_is_usual),
        cmocka_unit_test(a_broken_value_among_those_learnt_changes_little),
        cmocka_unit_test(rows_that_never_moved_can_be_learnt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
