/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of signals, and the cycles of a machine, watched: what is found, kept and refused. */
#include "core_kit.h"

#include "core/text.h"
#include "watch/cycle.h"
#include "watch/group.h"

#include "../eval/shop_scripts.h"

#include "core/ban.h"

enum { SIGNALS = 3, TRAIN = 300 };
static struct kp_err err;

static double noise(void)
{
    return (double)(kit_random() >> 40) / 0x1p24 - 0.5;
}

static void row_of(double *row, double off)
{
    double common = 10 * noise();
    row[0] = 20 + common;
    row[1] = 5 + 2 * common + off + 0.1 * noise();
    row[2] = noise();
}

static struct kp_group *learnt_group(void)
{
    struct kp_group *g = kp_group_new(SIGNALS, TRAIN, &err);
    struct kp_judgement j;
    double row[SIGNALS];
    for (int i = 0; i < 3 * TRAIN; i++) {
        row_of(row, 0);
        assert_int_equal(kp_group_step(g, row, &j, &err), KP_OK);
        assert_int_equal(j.state, i < TRAIN ? KP_WATCH_LEARNING : KP_WATCH_ACTIVE);
        assert_false(j.alarm);
    }
    return g;
}

/* How many of the rows are in alarm. */
static int alarms_of(struct kp_group *g, int rows, double off, struct kp_judgement *last)
{
    double row[SIGNALS];
    int n = 0;
    for (int i = 0; i < rows; i++) {
        row_of(row, off);
        kp_group_step(g, row, last, &err);
        n += last->alarm;
    }
    return n;
}

static void a_group_names_the_signal_that_left_it_and_is_calm_when_it_is_back(void **state)
{
    struct kp_group *g = learnt_group();
    struct kp_judgement j;
    (void)state;
    assert_true(alarms_of(g, 50, 8, &j) > 30);
    assert_int_equal(j.state, KP_WATCH_FROZEN);
    assert_int_equal(j.n_top, 3);
    assert_true(j.top[0].signal < 2); /* of the two that went together */
    assert_true(j.score > 0.5 && j.score <= 1);
    alarms_of(g, 100, 0, &j);
    assert_int_equal(alarms_of(g, 300, 0, &j), 0);
    kp_group_free(g);
}

static void a_persons_word_makes_it_normal(void **state)
{
    struct kp_group *g = learnt_group();
    struct kp_judgement j;
    (void)state;
    alarms_of(g, 50, 8, &j);
    kp_group_accept(g);
    assert_int_equal(alarms_of(g, 300, 8, &j), 0);
    assert_int_equal(alarms_of(g, 300, 0, &j), 0); /* and what was normal is */
    assert_true(alarms_of(g, 50, 40, &j) > 30);    /* but not what goes further */
    kp_group_free(g);
}

static void a_word_said_when_it_is_over_is_about_what_was(void **state)
{
    struct kp_group *g = learnt_group();
    struct kp_judgement j;
    (void)state;
    alarms_of(g, 50, 8, &j);
    alarms_of(g, 300, 0, &j);
    assert_false(j.alarm);
    kp_group_accept(g);
    assert_int_equal(alarms_of(g, 50, 8, &j) + alarms_of(g, 100, 0, &j), 0);
    assert_true(alarms_of(g, 50, -40, &j) > 30);
    kp_group_free(g);
}

/* Rows until an alarm; -1: none. */
static int told_after(struct kp_group *g, double off)
{
    struct kp_judgement j;
    for (int i = 0; i < 50; i++)
        if (alarms_of(g, 1, off, &j))
            return i;
    return -1;
}

static void a_fault_is_told_sooner_when_it_comes_back(void **state)
{
    struct kp_group *g = learnt_group();
    struct kp_judgement j;
    struct kp_buf kept;
    double least = 0.3;
    (void)state;
    while (told_after(g, least) < 0) { /* the least that is told */
        alarms_of(g, 100, 0, &j);
        least += 0.05;
    }
    alarms_of(g, 300, 0, &j);
    int first = told_after(g, 2 * least);
    alarms_of(g, 300, 0, &j);
    assert_true(told_after(g, 0.85 * least) < 0);
    alarms_of(g, 100, 0, &j);
    told_after(g, 2 * least);
    alarms_of(g, 300, 0, &j);
    kp_group_reject(g);
    kp_buf_init(&kept, 1 << 20);
    kp_group_save(g, &kept);
    kp_group_free(g);
    assert_non_null(g = kp_group_load(kept.data, kept.len, &err));
    assert_int_equal(alarms_of(g, 2000, 0, &j), 0);
    assert_true(told_after(g, 0.85 * least) >= 0); /* less of the same is told */
    alarms_of(g, 300, 0, &j);
    int again = told_after(g, 2 * least);
    assert_true(again >= 0 && again <= first);
    kp_group_accept(g); /* the later word holds */
    alarms_of(g, 100, 0, &j);
    assert_int_equal(alarms_of(g, 50, 0.85 * least, &j), 0);
    kp_group_free(g);
    kp_buf_free(&kept);
}

static void rows_with_holes_and_without_numbers_change_nothing(void **state)
{
    static const double none[SIGNALS] = { NAN, INFINITY, -INFINITY },
                        huge[SIGNALS] = { 1e308, -1e308, 1e308 };
    struct kp_group *g = kp_group_new(SIGNALS, TRAIN, &err);
    struct kp_judgement j;
    (void)state;
    for (int i = 0; i < 2 * TRAIN; i++) /* nothing is known yet: nothing is learnt */
        assert_int_equal(kp_group_step(g, none, &j, &err), KP_OK);
    assert_int_equal(j.state, KP_WATCH_LEARNING);
    kp_group_free(g);
    g = learnt_group();
    for (int i = 0; i < 3; i++)
        assert_int_equal(kp_group_step(g, none, &j, &err), KP_OK);
    assert_false(j.alarm);
    for (int i = 0; i < 3; i++)
        assert_int_equal(kp_group_step(g, huge, &j, &err), KP_OK);
    assert_true(j.score > 0.5 && j.score <= 1);
    alarms_of(g, 200, 0, &j);
    assert_int_equal(alarms_of(g, 300, 0, &j), 0);
    assert_true(alarms_of(g, 50, 8, &j) > 30);
    kp_group_free(g);
}

static void what_was_kept_of_a_group_goes_on_bit_for_bit(void **state)
{
    struct kp_group *g = learnt_group(), *other;
    struct kp_buf kept;
    struct kp_judgement a, b;
    double row[SIGNALS];
    (void)state;
    kp_buf_init(&kept, 1 << 20);
    alarms_of(g, 20, 8, &a);
    kp_group_save(g, &kept);
    assert_non_null(other = kp_group_load(kept.data, kept.len, &err));
    for (int i = 0; i < 200; i++) {
        row_of(row, i > 100 ? 8 : 0);
        kp_group_step(g, row, &a, &err);
        kp_group_step(other, row, &b, &err);
        assert_true(a.score == b.score && a.alarm == b.alarm);
    }
    kp_group_free(other);
    for (size_t i = 0; i < kept.len; i += 7) {
        struct kp_err e = { 0 };
        assert_null(kp_group_load(kept.data, i, &e));
        char was = kept.data[i];
        kept.data[i] = (char)kit_random();
        other = kp_group_load(kept.data, kept.len, &(struct kp_err){ 0 });
        if (other && kp_group_signals(other) == SIGNALS && !kp_group_step(other, row, &b, &e))
            assert_true(b.score >= 0 && b.score <= 1);
        kp_group_free(other);
        kept.data[i] = was;
    }
    kp_group_free(g);
    kp_buf_free(&kept);
}

static enum kp_code learn_one(void *arg)
{
    struct kp_err e = { 0 };
    struct kp_judgement j;
    struct kp_group *g = kp_group_new(SIGNALS, 20, &e);
    double row[SIGNALS];
    (void)arg;
    for (int i = 0; g && i < 20 && !e.code; i++) {
        row_of(row, 0);
        kp_group_step(g, row, &j, &e);
    }
    kp_group_free(g);
    return e.code;
}

static void memory_that_ends_is_told_and_numbers_have_bounds(void **state)
{
    struct kp_err e[3] = { 0 };
    (void)state;
    kit_starve("a group that learns", learn_one, NULL);
    assert_null(kp_group_new(1, 100, &e[0]));
    assert_null(kp_group_new(65, 100, &e[1]));
    assert_null(kp_group_new(64, 100000, &e[2]));
    assert_int_equal(e[2].code, KP_EINVALID);
}

/* ---- cycles ---- */
static const struct shop_script *script(const char *name)
{
    for (size_t i = 0; i < COUNT(shop_scripts); i++)
        if (strcmp(shop_scripts[i].name, name) == 0)
            return &shop_scripts[i];
    fail_msg("no script '%s'", name);
    return NULL;
}

static bool shop_second(struct kp_cycles *c, struct shop *s, struct kp_cycle_judgement *j,
                        bool *fault)
{
    int64_t at = s->second * KP_SECOND;
    struct shop_second now = shop_step(s);
    bool ended = now.ends && kp_cycle_end(c, at, j);
    if (now.begins)
        kp_cycle_begin(c, (uint64_t)(now.program * 100 + now.tool), at);
    kp_cycle_value(c, 0, at, now.load);
    kp_cycle_value(c, 1, at, now.pressure);
    *fault = now.fault;
    return ended;
}

/* What is found first in a script; KP_CYCLE_USUAL: nothing. Before its fault there is no alarm. */
static struct kp_cycle_judgement first_finding(const char *name)
{
    struct kp_cycles *c = kp_cycles_new(2, &err);
    struct kp_cycle_judgement j, found = { 0 };
    struct shop s;
    bool fault;
    shop_begin(&s, script(name));
    while (s.second < SHOP_HOURS * 3600 && !found.alarm)
        if (shop_second(c, &s, &j, &fault) && j.alarm) {
            assert_true(fault);
            found = j;
        }
    kp_cycles_free(c);
    return found;
}

static void faults_of_cycles_are_found_with_what_was_expected(void **state)
{
    struct kp_cycle_judgement j = first_finding("feed left at 50 %");
    (void)state;
    assert_int_equal(j.finding, KP_CYCLE_DURATION);
    assert_true(j.actual / j.expected > 1.9 && j.actual / j.expected < 2.1);
    assert_true(j.state == KP_WATCH_FROZEN && j.score > 0.5 && j.known >= KP_CYCLE_LEARN);
    j = first_finding("tool breaks, half is cut");
    assert_int_equal(j.finding, KP_CYCLE_COURSE);
    assert_int_equal(j.channel, 0);
    assert_true(j.actual < 0.7 * j.expected);
    j = first_finding("coolant at 75 %");
    assert_int_equal(j.channel, 1);
    assert_true(first_finding("cycles get 10 % longer in 100 parts").finding ==
                KP_CYCLE_DURATION_CREEPS);
    assert_true(first_finding("tool wears by 45 % in 100 parts").finding == KP_CYCLE_ENERGY_CREEPS);
}

static void changeovers_and_usual_days_are_silent(void **state)
{
    (void)state;
    assert_false(first_finding("a usual day").alarm);
    assert_false(first_finding("a sharper tool for the same program").alarm);
    assert_false(first_finding("jobs of one to three parts").alarm);
}

static void run_seconds(struct kp_cycles *c, struct shop *s, int until)
{
    struct kp_cycle_judgement j;
    bool fault;
    while (s->second < until)
        shop_second(c, s, &j, &fault);
}

static void what_was_kept_of_cycles_goes_on_as_if_nothing_had_been(void **state)
{
    struct kp_cycles *c = kp_cycles_new(2, &err), *other;
    struct kp_cycle_judgement a, b;
    struct kp_buf kept;
    struct shop s, same;
    bool fault;
    int judged = 0;
    (void)state;
    kp_buf_init(&kept, 1 << 24);
    shop_begin(&s, script("feed left at 85 %"));
    run_seconds(c, &s, 7 * 3600 - 700);
    while (s.cutting) /* the cycle that runs is not kept */
        run_seconds(c, &s, s.second + 1);
    kp_cycles_save(c, &kept);
    assert_non_null(other = kp_cycles_load(kept.data, kept.len, &err));
    for (same = s; s.second < 8 * 3600;) {
        bool ended = shop_second(c, &s, &a, &fault);
        assert_int_equal(shop_second(other, &same, &b, &fault), ended);
        judged += ended;
        assert_true(!ended || (a.score == b.score && a.alarm == b.alarm && a.known == b.known));
    }
    assert_true(judged > 5 && a.alarm);
    kp_cycles_accept(c, 0);
    run_seconds(c, &s, s.second + 1);
    kp_cycles_free(c);
    kp_cycles_free(other);
    for (size_t i = 0; i < kept.len; i += 1 + i / 20) {
        assert_null(kp_cycles_load(kept.data, i, &(struct kp_err){ 0 }));
        char was = kept.data[i];
        kept.data[i] = (char)kit_random();
        if ((other = kp_cycles_load(kept.data, kept.len, &(struct kp_err){ 0 }))) {
            struct shop more = s;
            run_seconds(other, &more, more.second + 300);
        }
        kp_cycles_free(other);
        kept.data[i] = was;
    }
    kp_buf_free(&kept);
}

/* ---- what people say of cycles ---- */
static int64_t clock_s;
static uint64_t program = 7;

/* One of so many seconds, with a bump in its middle; two seconds lie between them. */
static struct kp_cycle_judgement cut_one(struct kp_cycles *c, int lasts, double load, double bump)
{
    struct kp_cycle_judgement j;
    int64_t begin = clock_s;
    kp_cycle_begin(c, program, begin * KP_SECOND);
    for (; clock_s < begin + lasts; clock_s++) {
        double at = (double)(clock_s - begin) / lasts;
        double v = load * (40 + 20 * sin(3 * at)) + (at > 0.4 && at < 0.6 ? bump : 0) + noise();
        kp_cycle_value(c, 0, clock_s * KP_SECOND, v);
    }
    assert_true(kp_cycle_end(c, clock_s * KP_SECOND, &j));
    clock_s += 2;
    return j;
}

static int alarms_of_cycles(struct kp_cycles *c, int n, int lasts, double load, double bump)
{
    int alarms = 0;
    for (int i = 0; i < n; i++)
        alarms += cut_one(c, lasts, load * (1 + 0.004 * noise()), bump).alarm;
    return alarms;
}

static struct kp_cycles *learnt_cycles(void)
{
    struct kp_cycles *c = kp_cycles_new(1, &err);
    assert_int_equal(alarms_of_cycles(c, 40, 60, 1, 0), 0);
    return c;
}

/* As after a restart. */
static struct kp_cycles *kept_cycles(struct kp_cycles *c)
{
    struct kp_buf kept;
    kp_buf_init(&kept, 1 << 20);
    kp_cycles_save(c, &kept);
    kp_cycles_free(c);
    assert_non_null(c = kp_cycles_load(kept.data, kept.len, &err));
    kp_buf_free(&kept);
    return c;
}

static void cycles_that_a_person_called_normal_are_and_the_others_stay_so(void **state)
{
    static const struct way { int lasts; double load, bump; } ways[] = { { 75, 1, 0 }, { 45, 1, 0 }, { 60, 1, 15 } };
    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++)
        for (int over = 0; over < 2; over++) {
            const struct way *w = &ways[i];
            struct kp_cycles *c = learnt_cycles();
            assert_true(alarms_of_cycles(c, 6, w->lasts, w->load, w->bump) > 0);
            if (over) /* said the next day */
                alarms_of_cycles(c, 20, 60, 1, 0);
            c = kept_cycles(c);
            kp_cycles_accept(c, 0);
            int alarms = 0;
            for (int day = 0; day < 4; day++)
                alarms += alarms_of_cycles(c, 60, 60, 1, 0) + alarms_of_cycles(c, 10, w->lasts, w->load, w->bump);
            assert_int_equal(alarms, 0);
            assert_true(alarms_of_cycles(c, 6, 60, 1, 60) > 0); /* but not what goes further */
            assert_true(alarms_of_cycles(c, 6, 150, 1, 0) > 0);
            kp_cycles_free(c);
        }
}

static void what_is_said_is_about_the_program_that_is_in_alarm(void **state)
{
    struct kp_cycles *c = learnt_cycles();
    (void)state;
    program = 8;
    assert_int_equal(alarms_of_cycles(c, 40, 30, 1, 0), 0);
    program = 7;
    assert_true(alarms_of_cycles(c, 6, 75, 1, 0) > 0);
    program = 8;
    assert_int_equal(alarms_of_cycles(c, 3, 30, 1, 0), 0);
    assert_int_equal(alarms_of_cycles(c, 1, 40, 1, 0), 0); /* a hold */
    kp_cycles_accept(c, 0);
    program = 7;
    assert_int_equal(alarms_of_cycles(c, 10, 75, 1, 0), 0);
    program = 8;
    alarms_of_cycles(c, 2, 30, 1, 0);
    assert_true(alarms_of_cycles(c, 4, 40, 1, 0) > 0);
    program = 7;
    kp_cycles_free(c);
}

static void a_fault_of_cycles_is_told_one_cycle_sooner(void **state)
{
    struct kp_cycles *c = learnt_cycles();
    double usual;
    (void)state;
    assert_int_equal(alarms_of_cycles(c, 1, 60, 1, 8), 0); /* once is an oddity */
    assert_int_equal(alarms_of_cycles(c, 1, 60, 1, 8), 1);
    alarms_of_cycles(c, 20, 60, 1, 0);
    kp_cycles_reject(c, false);
    c = kept_cycles(c);
    assert_int_equal(alarms_of_cycles(c, 40, 60, 1, 0), 0);
    assert_int_equal(alarms_of_cycles(c, 1, 60, 1, 8), 1);
    alarms_of_cycles(c, 20, 60, 1, 0);
    assert_int_equal(alarms_of_cycles(c, 2, 75, 1, 0), 0); /* of another length nobody spoke */
    assert_int_equal(alarms_of_cycles(c, 1, 75, 1, 0), 1);
    kp_cycle_begin(c, 7, clock_s * KP_SECOND);
    assert_false(kp_cycle_overdue(c, 80 * KP_SECOND, &usual));
    kp_cycle_end(c, (clock_s += 60) * KP_SECOND, &(struct kp_cycle_judgement){ 0 });
    kp_cycles_reject(c, false);
    alarms_of_cycles(c, 20, 60, 1, 0);
    assert_int_equal(alarms_of_cycles(c, 1, 75, 1, 0), 0); /* people hold machines */
    assert_int_equal(alarms_of_cycles(c, 1, 75, 1, 0), 1);
    kp_cycle_begin(c, 7, clock_s * KP_SECOND);
    assert_true(kp_cycle_overdue(c, 80 * KP_SECOND, &usual));
    kp_cycles_free(c);
}

/* Cycles until it is told that they take a little more each time; then a new tool for long. */
static int wear_told_after(struct kp_cycles *c)
{
    int i = 0;
    while (i < 500 && !alarms_of_cycles(c, 1, 60, 1 + 0.003 * i, 0))
        i++;
    alarms_of_cycles(c, 60, 60, 1, 0);
    return i;
}

static void wear_that_was_called_a_fault_is_not_followed(void **state)
{
    struct kp_cycles *c = learnt_cycles();
    (void)state;
    int first = wear_told_after(c);
    assert_in_range(first, 5, 200);
    kp_cycles_reject(c, false);
    int second = wear_told_after(c);
    assert_true(second <= first);
    kp_cycles_accept(c, 0); /* so far it may wear */
    assert_true(wear_told_after(c) > second + 5);
    kp_cycles_free(c);
}

static void a_cycle_that_is_overdue_can_be_called_either(void **state)
{
    struct kp_cycles *c = learnt_cycles();
    double usual;
    (void)state;
    kp_cycle_begin(c, 7, clock_s * KP_SECOND);
    assert_true(kp_cycle_overdue(c, 110 * KP_SECOND, &usual));
    assert_false(kp_cycle_overdue(c, 80 * KP_SECOND, &usual));
    kp_cycles_reject(c, true);
    assert_true(kp_cycle_overdue(c, 80 * KP_SECOND, &usual));
    kp_cycles_accept(c, 110 * KP_SECOND);
    assert_false(kp_cycle_overdue(c, 120 * KP_SECOND, &usual));
    assert_true(kp_cycle_overdue(c, 250 * KP_SECOND, &usual));
    kp_cycles_free(c);
}

static void cycles_take_any_number_and_any_order(void **state)
{
    static const double odd[] = { NAN, 1e308, -INFINITY, 0, -5, 1e30, 1e-300 };
    struct kp_cycles *c = kp_cycles_new(1, &err);
    struct kp_cycle_judgement j;
    (void)state;
    assert_false(kp_cycle_end(c, 5, &j)); /* none ran */
    for (int i = 0; i < 20000; i++) {
        int64_t at = i * KP_SECOND - (int64_t)(kit_random() % 3) * 5 * KP_SECOND;
        if (kit_random() % 11 == 0)
            kp_cycle_begin(c, kit_random() % 50, i % 1000 ? at : INT64_MIN);
        kp_cycle_value(c, (unsigned)(kit_random() % 3), at, odd[kit_random() % COUNT(odd)]);
        if (kit_random() % 7 == 0 && kp_cycle_end(c, at, &j))
            assert_true(j.score >= 0 && j.score <= 1);
    }
    kp_cycles_free(c);
    for (unsigned n = 0; n < 2; n++)
        assert_null(kp_cycles_new(n * 9, &(struct kp_err){ 0 }));
}

static void a_long_cycle_keeps_its_course(void **state)
{
    struct kp_cycles *c = kp_cycles_new(1, &err);
    struct kp_cycle_judgement j = { 0 };
    int64_t at = 0;
    (void)state;
    for (int n = 0; n < 20; n++) {
        kp_cycle_begin(c, 1, at);
        for (int i = 0; i < 20000; i++, at += KP_SECOND / 10)
            kp_cycle_value(c, 0, at, i < 10000 ? 30 : n < 16 ? 60 : 45);
        assert_true(kp_cycle_end(c, at, &j));
        at += KP_SECOND;
    }
    assert_true(j.alarm);
    assert_true(j.part >= 16 && j.expected > 55 && j.actual < 50);
    kp_cycles_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_names_the_signal_that_left_it_and_is_calm_when_it_is_back),
        cmocka_unit_test(a_persons_word_makes_it_normal),
        cmocka_unit_test(a_word_said_when_it_is_over_is_about_what_was),
        cmocka_unit_test(a_fault_is_told_sooner_when_it_comes_back),
        cmocka_unit_test(rows_with_holes_and_without_numbers_change_nothing),
        cmocka_unit_test(what_was_kept_of_a_group_goes_on_bit_for_bit),
        cmocka_unit_test(memory_that_ends_is_told_and_numbers_have_bounds),
        cmocka_unit_test(faults_of_cycles_are_found_with_what_was_expected),
        cmocka_unit_test(changeovers_and_usual_days_are_silent),
        cmocka_unit_test(what_was_kept_of_cycles_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(cycles_that_a_person_called_normal_are_and_the_others_stay_so),
        cmocka_unit_test(what_is_said_is_about_the_program_that_is_in_alarm),
        cmocka_unit_test(a_fault_of_cycles_is_told_one_cycle_sooner),
        cmocka_unit_test(wear_that_was_called_a_fault_is_not_followed),
        cmocka_unit_test(a_cycle_that_is_overdue_can_be_called_either),
        cmocka_unit_test(cycles_take_any_number_and_any_order),
        cmocka_unit_test(a_long_cycle_keeps_its_course),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
