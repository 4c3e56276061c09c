/* SPDX-License-Identifier: Apache-2.0 */
/* A post: when it judges and when it is silent, what it keeps, and definitions of watches. */
#include "core_kit.h"

#include "core/json.h"
#include "watch/post.h"

#include <math.h>
#include <stdio.h>

#include "core/ban.h"

enum { LEARN = 200 };
static struct kp_watch_def def;
static struct kp_post *p;
static struct kp_err err;
static int64_t now; /* s */

static void define(const char *json)
{
    err = (struct kp_err){ 0 };
    kp_watch_def_parse(json, &def, &err);
    assert_string_equal(err.text, "");
}

static void begin(const char *json, size_t n)
{
    static const kp_signal signals[] = { 3, 5, 7 };
    define(json);
    now = 1000000;
    p = kp_post_new(&def, signals, n, &err);
    assert_non_null(p);
}

static int teardown(void **state)
{
    (void)state;
    kp_post_free(p);
    p = NULL;
    return 0;
}

#define SIGNAL "{\"name\":\"w\",\"kind\":\"signal\",\"match\":\"a\",\"learn\":200"

static double usual(size_t nth)
{
    double noise = (double)(kit_random() >> 40) / 0x1p24 - 0.5;
    return 50 + 10 * sin((double)now * 2 * 3.14159265358979 / 60 + (double)nth) + noise;
}

static void run(int seconds, double off)
{
    for (int i = 0; i < seconds; i++, now++)
        kp_post_value(p, 0, now * KP_SECOND, usual(0) + off, true);
}

static bool finds(enum kp_post_finding finding)
{
    return kp_post_findings(p) >> finding & 1;
}

/* ---- definitions ---- */
static void a_definition_is_checked_whole_and_written_as_it_was_read(void **state)
{
    static const struct {
        const char *json, *says;
    } wrong[] = {
        { "{\"kind\":\"signal\",\"match\":\"a\"}", "name" },
        { "{\"name\":\"w\",\"match\":\"a\"}", "kind" },
        { "{\"name\":\"w\",\"kind\":\"signal\"}", "match: says which signals" },
        { "{\"name\":\"w\",\"kind\":\"machine\"}", "match: says which machines" },
        { "{\"name\":\"w\",\"kind\":\"sigal\",\"match\":\"a\"}", "signal, group, machine" },
        { "{\"name\":\"w\",\"kind\":\"signal\",\"match\":\"a//b\"}", "" },
        { "{\"name\":\"a/b\",\"kind\":\"signal\",\"match\":\"a\"}", "cannot be the name" },
        { SIGNAL ",\"lern\":3}", "learn" },
        { "{\"name\":\"w\",\"kind\":\"signal\",\"match\":\"a\",\"learn\":19}", "learn" },
        { SIGNAL ",\"states\":\"runing\"}", "did you mean 'running'" },
        { SIGNAL ",\"channels\":\"load\"}", "of kind machine" },
        { SIGNAL ",\"cycles\":\"part\"}", "of kind machine" },
        { SIGNAL ",\"pace\":\"2s\"}", "of kind group" },
        { "{\"name\":\"w\",\"kind\":\"group\",\"match\":\"a\",\"pace\":\"2h\"}", "pace" },
        { "{\"name\":\"w\",\"kind\":\"group\",\"match\":\"a\",\"shape\":true}", "of kind signal" },
        { "[]", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_err e = { 0 };
        enum kp_code code = kp_watch_def_parse(wrong[i].json, &def, &e);
        if (strstr(wrong[i].json, "a//b") && code == KP_OK)
            continue; /* patterns are told apart where they match nothing */
        assert_int_not_equal(code, KP_OK);
        assert_non_null(strstr(e.text, wrong[i].says));
    }
    define("{\"name\":\"w\",\"kind\":\"machine\",\"match\":\"a, b/*\",\"channels\":\"load, x\",\"cycles\":\"part\",\"states\":\"running,setup\","
           "\"learn\":\"50\",\"context\":\"program\",\"priority\":\"urgent\",\"enabled\":false}");
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, 4096);
    kp_json_begin(&j, '{');
    kp_watch_def_put(&j, &def);
    kp_json_end(&j, '}');
    struct kp_watch_def again;
    kp_watch_def_parse(kp_buf_text(&text), &again, &err);
    assert_string_equal(err.text, "");
    assert_memory_equal(&again, &def, sizeof def);
    kp_buf_free(&text);
    assert_true(kp_watch_def_matches(&def, "b/c/d") && kp_watch_def_matches(&def, "a") && !kp_watch_def_matches(&def, "b"));
    define("{\"name\":\"w\",\"kind\":\"signal\",\"match\":\"a\",\"states\":\"all\"}");
    assert_int_equal(def.states, 0);
}

/* ---- one signal ---- */
static void it_learns_finds_a_step_and_knows_when_it_began(void **state)
{
    (void)state;
    begin(SIGNAL "}", 1);
    run(LEARN / 2, 0);
    struct kp_post_view v = kp_post_view(p);
    assert_int_equal(v.state, KP_WATCH_LEARNING);
    assert_true(isnan(v.score) && v.learnt == LEARN / 2 && v.learn == LEARN);
    assert_false(kp_post_accept(p));
    run(2 * LEARN, 0);
    v = kp_post_view(p);
    assert_int_equal(v.state, KP_WATCH_ACTIVE);
    assert_int_equal(v.from, KP_POST_FROM_LIVE);
    assert_int_equal(v.findings, 0);
    int64_t before = now * KP_SECOND;
    run(20, 60);
    v = kp_post_view(p);
    assert_true(finds(KP_POST_UNUSUAL));
    assert_int_equal(v.reason, KP_POST_ALARM);
    assert_true(v.since[KP_POST_UNUSUAL] >= before && v.since[KP_POST_UNUSUAL] < before + 10 * KP_SECOND);
    assert_true(v.score >= 0.5 && v.n_top == 1 && v.top[0].actual > 90);
    assert_true(kp_post_accept(p));
    assert_int_equal(kp_post_findings(p), 0);
}

static void what_the_machine_does_decides_whether_it_judges(void **state)
{
    (void)state;
    begin(SIGNAL "}", 1);
    run(3 * LEARN, 0);
    kp_post_state(p, true, KP_STATE_SETUP, now * KP_SECOND);
    uint32_t learnt = kp_post_view(p).learnt;
    run(100, 500);
    struct kp_post_view v = kp_post_view(p);
    assert_int_equal(v.reason, KP_POST_STATE);
    assert_int_equal(v.state, KP_WATCH_FROZEN);
    assert_int_equal(v.learnt, learnt);
    kp_post_state(p, true, KP_STATE_UNKNOWN, now * KP_SECOND);
    assert_int_equal(kp_post_view(p).reason, KP_POST_UNKNOWN);
    kp_post_state(p, true, KP_STATE_RUNNING, now * KP_SECOND);
    run(200, 0);
    assert_int_equal(kp_post_findings(p), 0);
    assert_int_equal(kp_post_view(p).reason, KP_POST_JUDGES);
    kp_post_state(p, false, KP_STATE_UNKNOWN, now * KP_SECOND); /* one that tells none */
    run(20, 60);
    assert_true(finds(KP_POST_UNUSUAL));
}

static void each_program_has_a_memory_and_its_first_run_is_silent(void **state)
{
    (void)state;
    begin(SIGNAL ",\"context\":\"program\"}", 1);
    kp_post_program(p, 1, now * KP_SECOND);
    run(3 * LEARN, 0);
    assert_int_equal(kp_post_view(p).state, KP_WATCH_ACTIVE);
    kp_post_program(p, 2, now * KP_SECOND);
    run(50, 100);
    assert_int_equal(kp_post_view(p).reason, KP_POST_FIRST_RUN);
    kp_post_cycle_end(p, now * KP_SECOND);
    run(3 * LEARN, 100);
    struct kp_post_view v = kp_post_view(p);
    assert_int_equal(v.state, KP_WATCH_ACTIVE);
    assert_int_equal(v.findings, 0);
    kp_post_program(p, 1, now * KP_SECOND);
    now += 1900; /* no run lasts so long where nothing tells that it is over */
    run(100, 0);
    assert_int_equal(kp_post_view(p).learnt, LEARN);
    assert_int_equal(kp_post_findings(p), 0);
    for (uint64_t program = 3; program < 3 + KP_POST_PROGRAMS; program++) { /* the one not seen for longest goes */
        kp_post_program(p, program, now * KP_SECOND);
        now += 1900;
        run(3, 0);
    }
    kp_post_program(p, 1, now * KP_SECOND);
    now += 1900;
    run(3, 0);
    assert_int_equal(kp_post_view(p).learnt, 3);
}

static void a_sensor_is_in_trouble_when_it_lasts(void **state)
{
    (void)state;
    begin(SIGNAL "}", 1);
    run(3 * LEARN, 0);
    kp_post_value(p, 0, now++ * KP_SECOND, NAN, false);
    kp_post_value(p, 0, now++ * KP_SECOND, NAN, false);
    assert_int_equal(kp_post_view(p).trouble, KP_TROUBLE_BAD);
    assert_false(finds(KP_POST_SENSOR));
    run(5, 0);
    for (int i = 0; i < 3; i++)
        kp_post_value(p, 0, now++ * KP_SECOND, 1e300, true);
    assert_true(finds(KP_POST_SENSOR));
    assert_int_equal(kp_post_view(p).trouble, KP_TROUBLE_RANGE);
    run(10, 0);
    assert_true(finds(KP_POST_SENSOR));
    run(11, 0);
    assert_false(finds(KP_POST_SENSOR));
}

static void silence_is_told_where_something_came_all_the_time(void **state)
{
    (void)state;
    begin(SIGNAL "}", 1);
    for (int i = 0; i < 3 * LEARN; i++) {
        run(1, 0);
        kp_post_look(p, now * KP_SECOND, false);
    }
    for (int i = 0; i < 9; i++)
        kp_post_look(p, (now += 1) * KP_SECOND, false);
    assert_false(finds(KP_POST_SENSOR));
    kp_post_look(p, (now += 10) * KP_SECOND, false);
    assert_true(finds(KP_POST_SENSOR));
    struct kp_post_view v = kp_post_view(p);
    assert_int_equal(v.state, KP_WATCH_STALE);
    assert_int_equal(v.trouble, KP_TROUBLE_SILENT);
    run(1, 0);
    assert_false(finds(KP_POST_SENSOR));
    kp_post_look(p, (now += 1000) * KP_SECOND, true); /* it is known why nothing comes */
    assert_false(finds(KP_POST_SENSOR));
    assert_int_equal(kp_post_view(p).reason, KP_POST_NO_VALUES);
}

static void what_comes_in_heaps_is_not_silent_in_between(void **state)
{
    (void)state;
    begin(SIGNAL "}", 1);
    for (int64_t hour = 0; hour < 30; hour++) {
        now = 1000000 + hour * 3600;
        run(300, 0);
        for (int i = 1; i < 3600; i += 60)
            kp_post_look(p, (1000000 + hour * 3600 + i) * KP_SECOND, false);
        assert_false(finds(KP_POST_SENSOR));
    }
}

/* ---- several ---- */
static void a_group_makes_rows_at_its_pace(void **state)
{
    (void)state;
    begin("{\"name\":\"w\",\"kind\":\"group\",\"match\":\"a\",\"learn\":200,\"pace\":\"2s\"}", 3);
    for (int i = 0; i < 1000; i++, now++)
        for (size_t k = 0; k < 3; k++)
            kp_post_value(p, k, now * KP_SECOND + (int64_t)k, usual(k), true);
    struct kp_post_view v = kp_post_view(p);
    assert_int_equal(v.state, KP_WATCH_ACTIVE);
    assert_int_equal(v.values, 3000);
    assert_true(llabs((v.learnt_at - 1000000 * KP_SECOND) / KP_SECOND - 2 * LEARN) < 8);
    now += 86400; /* a gap makes no rows */
    for (int i = 0; i < 100; i++, now++)
        for (size_t k = 0; k < 3; k++)
            kp_post_value(p, k, now * KP_SECOND + (int64_t)k, usual(k) + (k == 1 ? 25 : 0), true);
    v = kp_post_view(p);
    assert_true(finds(KP_POST_UNUSUAL));
    assert_int_equal(v.top[0].signal, 1);
}

static void a_machine_is_judged_by_its_cycles(void **state)
{
    (void)state;
    begin("{\"name\":\"w\",\"kind\":\"machine\",\"match\":\"a\"}", 1);
    for (int cycle = 0; cycle < 40; cycle++, now += 2) {
        int64_t lasts = cycle < 36 ? 30 : 60;
        kp_post_cycle(p, 9, now * KP_SECOND);
        for (int64_t i = 0; i < lasts; i++, now++)
            kp_post_value(p, 0, now * KP_SECOND, 40 + 10 * sin((double)i * 6.28 / (double)lasts), true);
        kp_post_cycle_end(p, now * KP_SECOND);
        assert_true(cycle > 35 || !finds(KP_POST_UNUSUAL));
    }
    assert_true(finds(KP_POST_UNUSUAL));
    struct kp_post_view v = kp_post_view(p);
    assert_true(v.cycle.actual > v.cycle.expected);
    kp_post_cycle(p, 9, now * KP_SECOND);
    kp_post_look(p, now * KP_SECOND, false);
    kp_post_look(p, (now + 40) * KP_SECOND, false);
    assert_false(finds(KP_POST_OVERDUE));
    kp_post_look(p, (now + 400) * KP_SECOND, false);
    assert_true(finds(KP_POST_OVERDUE));
    kp_post_cycle_end(p, (now += 401) * KP_SECOND);
    assert_false(finds(KP_POST_OVERDUE));
    assert_true(kp_post_accept(p)); /* all of that is normal; what was learnt stays */
    assert_int_equal(kp_post_view(p).state, KP_WATCH_ACTIVE);
    for (int cycle = 0; cycle < 20; cycle++, now += 2) {
        kp_post_cycle(p, 9, now * KP_SECOND);
        for (int64_t i = 0, lasts = cycle < 10 ? 60 : 30; i < lasts; i++, now++)
            kp_post_value(p, 0, now * KP_SECOND, 40 + 10 * sin((double)i * 6.28 / (double)lasts), true);
        kp_post_cycle_end(p, now * KP_SECOND);
        assert_false(finds(KP_POST_UNUSUAL));
    }
    kp_post_cycle(p, 9, now * KP_SECOND);
    kp_post_look(p, now * KP_SECOND, false);
    kp_post_look(p, (now + 2000) * KP_SECOND, false);
    assert_true(finds(KP_POST_OVERDUE) && kp_post_accept(p));
    kp_post_look(p, (now + 2100) * KP_SECOND, false);
    assert_false(finds(KP_POST_OVERDUE));
    kp_post_look(p, (now + 4000) * KP_SECOND, false);
    assert_true(finds(KP_POST_OVERDUE) && kp_post_reject(p));
    kp_post_cycle(p, 9, (now += 4000) * KP_SECOND);
    kp_post_look(p, now * KP_SECOND, false);
    kp_post_look(p, (now + 2300) * KP_SECOND, false);
    assert_true(finds(KP_POST_OVERDUE));
}

static void what_was_called_a_fault_of_a_group_is_told_from_less_on(void **state)
{
    (void)state;
    begin("{\"name\":\"w\",\"kind\":\"group\",\"match\":\"a\",\"learn\":200}", 2);
    int told[2] = { 0, 0 };
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 600 + 800; i++, now++) { /* then one of them leaves the other, slowly */
            double off = i > 600 && !told[turn] ? 0.1 * (i - 600) : 0;
            kp_post_value(p, 0, now * KP_SECOND, usual(0), true);
            kp_post_value(p, 1, now * KP_SECOND, usual(1) + off, true);
            told[turn] = told[turn] ? told[turn] : finds(KP_POST_UNUSUAL) ? i : 0;
        }
        assert_true(told[turn] > 600 && !finds(KP_POST_UNUSUAL));
        assert_true(kp_post_reject(p));
    }
    assert_true(told[1] < told[0]);
}

/* ---- the course of the score ---- */
struct course {
    size_t n;
    int64_t first, last;
    bool alarm;
};

static void note(void *arg, int64_t at, double score, bool alarm)
{
    struct course *c = arg;
    assert_true(score >= 0 && score <= 1 && at > c->last);
    c->first = c->n++ ? c->first : at;
    c->last = at;
    c->alarm |= alarm;
}

static void the_course_of_a_day_is_kept(void **state)
{
    (void)state;
    struct course all = { 0 }, part = { 0 }, none = { 0 };
    begin(SIGNAL "}", 1);
    run(2 * LEARN, 0);
    for (int i = 0; i < 30 * 60; i++) { /* 30 hours */
        run(2, i == 1700 ? 60 : 0);
        now += 58;
    }
    kp_post_course(p, KP_NO_TIME, KP_FOREVER, note, &all);
    assert_in_range(all.n, KP_POST_STEPS - 1, KP_POST_STEPS);
    assert_true(all.last - all.first < 86400 * KP_SECOND && all.alarm);
    kp_post_course(p, (now - 3600) * KP_SECOND, KP_FOREVER, note, &part);
    assert_in_range(part.n, 14, 17);
    kp_post_course(p, KP_NO_TIME, (now - 90000) * KP_SECOND, note, &none);
    assert_int_equal(none.n, 0);
}

/* ---- keeping ---- */
static void save(struct kp_buf *out)
{
    kp_buf_init(out, 1 << 20);
    kp_post_save(p, out);
    assert_false(out->failed);
}

static struct kp_post *load(const void *data, size_t size, enum kp_code *code)
{
    size_t n;
    const kp_signal *signals = kp_post_signals(p, &n);
    struct kp_post *new = kp_post_new(&def, signals, n, &err);
    struct kp_err e = { 0 };
    *code = kp_post_load(new, data, size, &e);
    assert_true(*code == KP_OK || *code == KP_EPARSE);
    return new;
}

static void same(const struct kp_post *a, const struct kp_post *b)
{
    struct kp_post_view x = kp_post_view(a), y = kp_post_view(b);
    assert_true(x.score == y.score || (isnan(x.score) && isnan(y.score)));
    assert_int_equal(x.state, y.state);
    assert_int_equal(x.findings, y.findings);
    assert_int_equal(x.values, y.values);
    assert_int_equal(x.learnt_at, y.learnt_at);
    assert_int_equal(x.n_top, y.n_top);
    assert_memory_equal(x.since, y.since, sizeof x.since);
}

static void what_was_kept_goes_on_as_if_nothing_had_been(void **state)
{
    struct kp_buf bytes;
    enum kp_code code;
    (void)state;
    begin(SIGNAL ",\"context\":\"program\"}", 1);
    kp_post_program(p, 1, now * KP_SECOND);
    run(3 * LEARN, 0);
    run(10, 60);
    save(&bytes);
    struct kp_post *other = load(bytes.data, bytes.len, &code);
    assert_int_equal(code, KP_OK);
    same(p, other);
    for (int i = 0; i < 300; i++, now++) {
        double value = usual(0);
        kp_post_value(p, 0, now * KP_SECOND, value, true);
        kp_post_value(other, 0, now * KP_SECOND, value, true);
        same(p, other);
    }
    kp_post_free(other);
    kp_buf_free(&bytes);
}

/* Fed with anything afterwards it must not break. */
static void go_on(struct kp_post *x)
{
    static const double values[] = { 1, NAN, 1e308, -1e30, 0, 50, 51, INFINITY };
    for (size_t i = 0; i < 64; i++) {
        kp_post_value(x, i % 2, (now + (int64_t)i) * KP_SECOND, values[i % 8], i % 3);
        kp_post_look(x, (now + (int64_t)i) * KP_SECOND, false);
    }
    kp_post_view(x);
}

static void what_is_cut_or_changed_is_refused_or_harmless(void **state)
{
    struct kp_buf bytes;
    enum kp_code code;
    (void)state;
    begin(SIGNAL "}", 1);
    run(3 * LEARN, 0);
    save(&bytes);
    for (size_t n = 0; n < bytes.len; n += n < 700 ? 1 : 97) {
        struct kp_post *x = load(bytes.data, n, &code);
        assert_int_equal(code, KP_EPARSE);
        go_on(x);
        kp_post_free(x);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        char before = bytes.data[i];
        bytes.data[i] ^= (char)(1 << kit_random() % 8);
        struct kp_post *x = load(bytes.data, bytes.len, &code);
        go_on(x);
        kp_post_free(x);
        bytes.data[i] = before;
    }
    def.learn = 300; /* learnt otherwise */
    struct kp_post *x = load(bytes.data, bytes.len, &code);
    assert_int_equal(code, KP_EPARSE);
    kp_post_free(x);
    kp_buf_free(&bytes);
}

static void what_cannot_be_a_time_or_a_place_is_left_out(void **state)
{
    (void)state;
    begin("{\"name\":\"w\",\"kind\":\"group\",\"match\":\"a\",\"learn\":200}", 3);
    static const int64_t times[] = { INT64_MIN, -1, INT64_MAX, INT64_MAX - 1 };
    for (size_t i = 0; i < 4; i++)
        kp_post_value(p, 0, times[i], 1, true);
    kp_post_value(p, 3, 5 * KP_SECOND, 1, true);
    kp_post_value(p, SIZE_MAX, 5 * KP_SECOND, 1, true);
    assert_int_equal(kp_post_view(p).values, 0);
    kp_post_begin(p, now * KP_SECOND, KP_POST_FROM_HISTORY);
    kp_post_value(p, 0, now * KP_SECOND, 1, true);
    assert_int_equal(kp_post_view(p).values, 0);
}

static enum kp_code without_memory(void *arg)
{
    const struct kp_buf *bytes = arg;
    static const kp_signal one[] = { 3 };
    struct kp_err e = { 0 };
    struct kp_post *x = kp_post_new(&def, one, 1, &e);
    if (x && bytes->len)
        kp_post_load(x, bytes->data, bytes->len, &e);
    kp_post_free(x);
    return e.code;
}

static void memory_may_end_anywhere(void **state)
{
    static const char *const kinds[] = { SIGNAL "}", SIGNAL ",\"context\":\"program\",\"shape\":true}",
                                         "{\"name\":\"w\",\"kind\":\"machine\",\"match\":\"a\"}" };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct kp_buf bytes;
        begin(kinds[i], 1);
        run(2 * LEARN, 0);
        save(&bytes);
        kit_starve("a post", without_memory, &bytes);
        kp_buf_free(&bytes);
        teardown(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_is_checked_whole_and_written_as_it_was_read),
        cmocka_unit_test_teardown(it_learns_finds_a_step_and_knows_when_it_began, teardown),
        cmocka_unit_test_teardown(what_the_machine_does_decides_whether_it_judges, teardown),
        cmocka_unit_test_teardown(each_program_has_a_memory_and_its_first_run_is_silent, teardown),
        cmocka_unit_test_teardown(a_sensor_is_in_trouble_when_it_lasts, teardown),
        cmocka_unit_test_teardown(silence_is_told_where_something_came_all_the_time, teardown),
        cmocka_unit_test_teardown(what_comes_in_heaps_is_not_silent_in_between, teardown),
        cmocka_unit_test_teardown(a_group_makes_rows_at_its_pace, teardown),
        cmocka_unit_test_teardown(a_machine_is_judged_by_its_cycles, teardown),
        cmocka_unit_test_teardown(what_was_called_a_fault_of_a_group_is_told_from_less_on, teardown),
        cmocka_unit_test_teardown(the_course_of_a_day_is_kept, teardown),
        cmocka_unit_test_teardown(what_was_kept_goes_on_as_if_nothing_had_been, teardown),
        cmocka_unit_test_teardown(what_is_cut_or_changed_is_refused_or_harmless, teardown),
        cmocka_unit_test_teardown(what_cannot_be_a_time_or_a_place_is_left_out, teardown),
        cmocka_unit_test_teardown(memory_may_end_anywhere, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
