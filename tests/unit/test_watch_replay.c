/* SPDX-License-Identifier: Apache-2.0 */
/* Files replayed: rows in, one line for each out, the same bytes each time, faults told by line. */
#include "core_kit.h"

#include "watch/replay.h"

#include <math.h>
#include <stdio.h>

#include "core/ban.h"

static struct kp_err err;
static struct kp_replay_sum sum;

/* Feeds the text in pieces of that size. What was said is the caller's to free; NULL: it failed. */
static char *replay(const char *text, size_t piece, const struct kp_replay_options *options)
{
    struct kp_replay *r = kp_replay_new(options, &err);
    struct kp_buf out;
    size_t len = strlen(text), from = 0, to = 0, taken;
    char *copy = kp_alloc(len + 1);
    err = (struct kp_err){ 0 };
    kp_buf_init(&out, 1 << 24);
    while (!err.code && to < len) {
        to = to + piece < len ? to + piece : len;
        memcpy(copy, text + from, to - from); /* what was not taken comes again */
        copy[to - from] = 0;
        kp_replay_feed(r, copy, to - from, to == len, &taken, &out, &err);
        from += taken;
    }
    sum = kp_replay_sum(r);
    kp_replay_free(r);
    kp_free(copy);
    char *said = err.code ? NULL : kp_buf_take(&out);
    kp_buf_free(&out);
    return said;
}

static double wave(int i)
{
    return 50 + 10 * sin(i * 0.1) + (double)(kit_random() % 1000) / 1000;
}

/* 1,000 rows, a spike in row 800. */
static char *wave_file(int signals)
{
    struct kp_buf b;
    kp_buf_init(&b, 1 << 20);
    kp_buf_str(&b, signals > 1 ? "when;a;b;label\n" : "when;a;label\n");
    for (int i = 0; i < 1000; i++) {
        double a = i >= 800 && i < 812 ? 150 : wave(i);
        kp_buf_printf(&b, "2026-11-28 %02d:%02d:%02d;%.3f;", i / 3600, i / 60 % 60, i % 60, a);
        if (signals > 1)
            kp_buf_printf(&b, "%.3f;", 3 * wave(i + 7));
        kp_buf_printf(&b, "%d\n", i == 800);
    }
    return kp_buf_take(&b);
}

static const struct kp_replay_options usual = { .train = 300, .time = "when", .without = "label" };

static void each_row_gets_a_line_and_an_event_is_told_once(void **state)
{
    char *file = wave_file(1), *said = replay(file, 1 << 20, &usual), *line = said;
    int row = 0, index, alarm, alarms = 0;
    double score, most = 0;
    (void)state;
    assert_non_null(said);
    assert_memory_equal(line, "index,score,alarm\n", 18);
    for (line += 18; sscanf(line, "%d,%lf,%d", &index, &score, &alarm) == 3; row++) {
        assert_int_equal(index, row);
        assert_true(score >= 0 && score <= 1 && (row >= 300 || score == 0));
        assert_int_equal(alarm, score >= 0.5);
        assert_true(!alarm || (row >= 800 && row < 830));
        alarms += alarm;
        most = fmax(most, score);
        line = strchr(line, '\n') + 1;
    }
    assert_int_equal(row, 1000);
    assert_true(alarms >= 1 && alarms <= 4 && most > 0.5);
    assert_int_equal(sum.rows, 1000);
    assert_int_equal(sum.judged, 700);
    assert_int_equal(sum.signals, 1);
    kp_free(said);
    kp_free(file);
}

static void the_same_bytes_come_however_the_file_is_cut(void **state)
{
    static const size_t pieces[] = { 1, 7, 100, 4096 };
    (void)state;
    for (int signals = 1; signals <= 2; signals++) {
        char *file = wave_file(signals), *whole = replay(file, 1 << 20, &usual);
        assert_non_null(whole);
        assert_int_equal(sum.signals, signals);
        assert_true(sum.alarms >= 1);
        for (size_t i = 0; i < COUNT(pieces); i++) {
            char *said = replay(file, pieces[i], &usual);
            assert_string_equal(said, whole);
            kp_free(said);
        }
        kp_free(whole);
        kp_free(file);
    }
}

static void what_is_no_number_is_a_row_all_the_same(void **state)
{
    static const struct kp_replay_options plain = { .train = 20, .plain = true };
    struct kp_buf b;
    (void)state;
    kp_buf_init(&b, 1 << 20);
    kp_buf_str(&b, "value,note\n");
    for (int i = 0; i < 200; i++) {
        static const char *const odd[] = { "NaN", "", "inf", "1e308", "text", "-1e999" };
        if (i % 10 == 5)
            kp_buf_printf(&b, "%s,x\n", odd[i / 10 % COUNT(odd)]);
        else
            kp_buf_printf(&b, "%g,x\n\n", wave(i));
    }
    char *file = kp_buf_take(&b), *said = replay(file, 50, &plain);
    assert_non_null(said);
    assert_int_equal(sum.rows, 200);
    assert_int_equal(sum.signals, 1); /* notes are none */
    assert_int_equal(sum.troubles, 20);
    kp_free(said);
    kp_free(file);
}

static void times_that_repeat_or_run_backward_are_told_as_trouble(void **state)
{
    struct kp_replay_options options = { .train = 20, .time = "t", .plain = true };
    struct kp_buf b;
    (void)state;
    kp_buf_init(&b, 1 << 20);
    kp_buf_str(&b, "t,a,b\n");
    for (int i = 0; i < 300; i++)
        kp_buf_printf(&b, "%d,%g,%g\n", i % 50 == 49 ? i - 10 : i, wave(i), wave(i));
    char *file = kp_buf_take(&b), *said = replay(file, 1 << 20, &options);
    assert_non_null(said);
    assert_int_equal(sum.troubles, 12);
    kp_free(said);
    kp_free(file);
}

static void faults_are_told_with_their_line(void **state)
{
    static const struct {
        const char *text, *time, *without, *told;
    } cases[] = {
        { "a,b\n1,2\n3\n", NULL, NULL, "line 3: 1 cells, but 2 columns" },
        { "a,b\n1,2\n", "when", NULL, "line 1: no column is called 'when'" },
        { "a,b\n1,2\n", NULL, "b,c", "line 1: no column is called 'c'" },
        { "a,b\nx,y\n", NULL, NULL, "line 2: no column holds numbers" },
        { "a,b\n1,2\n", NULL, "a,b", "line 2: no column holds numbers" },
        { "a,t\n1,2026-01-01\n1,soon\n", "t", NULL, "line 3: 'soon' is no time" },
        { "a\n\"1\n", NULL, NULL, "line 2: a quote opens here that nothing closes" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kp_replay_options o = { .train = 20,
                                       .time = cases[i].time,
                                       .without = cases[i].without };
        assert_null(replay(cases[i].text, 1 << 20, &o));
        assert_string_equal(err.text, cases[i].told);
    }
    struct kp_replay_options few = { .train = 3 };
    assert_null(replay("a\n1\n", 1 << 20, &few));
    assert_int_equal(err.code, KP_EINVALID);
}

static enum kp_code replay_all(void *file)
{
    char *said = replay(file, 1000, &usual);
    kp_free(said);
    return err.code;
}

static void memory_that_ends_is_told(void **state)
{
    char *file = wave_file(2);
    (void)state;
    for (int n = 1;; n++) {
        long before = kp_mem_live();
        struct kp_replay *r;
        kp_mem_fail_at(n);
        err = (struct kp_err){ 0 };
        if (!(r = kp_replay_new(&usual, &err)))
            assert_int_equal(err.code, KP_ENOMEM);
        else {
            struct kp_buf out;
            char *copy = strdup(file);
            size_t taken;
            kp_buf_init(&out, 1 << 20);
            kp_replay_feed(r, copy, strlen(copy), true, &taken, &out, &err);
            free(copy);
            kp_buf_free(&out);
            kp_replay_free(r);
        }
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), before);
        if (!err.code)
            break;
        assert_int_equal(err.code, KP_ENOMEM);
    }
    assert_int_equal(replay_all(file), KP_OK);
    kp_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_gets_a_line_and_an_event_is_told_once),
        cmocka_unit_test(the_same_bytes_come_however_the_file_is_cut),
        cmocka_unit_test(what_is_no_number_is_a_row_all_the_same),
        cmocka_unit_test(times_that_repeat_or_run_backward_are_told_as_trouble),
        cmocka_unit_test(faults_are_told_with_their_line),
        cmocka_unit_test(memory_that_ends_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
