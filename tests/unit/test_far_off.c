/* SPDX-License-Identifier: Apache-2.0 */
/* Machines whose clock is far off: hub and store together, by hand, so that each sample can be asked what became of it. */
#include "store_kit.h"

#include "core/hub_private.h"
#include "store/position.h"
#include "store/quarantine.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/ban.h"

#define HOUR (3600 * KP_SECOND)
#define DAY  (24 * HOUR)
#define YEAR (365 * DAY)

enum { SIGNALS = 5 };

static struct kit *k;
static kp_signal ids[SIGNALS + 1]; /* the last one is not stored */
static struct kp_coupling *c;

static const struct kp_option no_options[] = { { 0 } };
static const struct kp_coupling_class still = {
    .name = "still", .schemes = "still", .settings_size = 8, .state_size = 8, .options = no_options
};

/* ---- the stage ---- */
static void couple(uint8_t clock)
{
    struct kp_err err = { 0 };
    struct kp_coupling_def def = { .id = 1, .name = "mill", .url = "still://x", .at = "hall", .clock = clock, .class = &still };
    kp_hub_add_coupling(k->hub, &def, &err);
    kit_ok(&err);
    c = hub_find(k->hub, 1);
}

static void make_signals(void)
{
    struct kp_err err = { 0 };
    struct kp_model *m = kp_hub_model(k->hub);
    kp_asset hall = kp_model_make_path(m, "hall", KP_MACHINE, &err);
    for (unsigned i = 0; i <= SIGNALS; i++) {
        char name[8];
        snprintf(name, sizeof name, "s%u", i);
        struct kp_signal_info info = { .asset = hall, .name = name, .type = KP_INT64, .stored = i < SIGNALS, .coupling = 1 };
        ids[i] = kp_model_put_signal(m, &info, &err);
        kit_ok(&err);
    }
}

static void stage(uint8_t clock)
{
    kit_open(k);
    kit_hub(k);
    make_signals();
    couple(clock);
}

static int setup(void **state)
{
    (void)state;
    k = kit_new();
    stage(KP_CLOCK_AUTO);
    return 0;
}

static int setup_unopened(void **state)
{
    (void)state;
    k = kit_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_free(k);
    return kp_mem_live() ? -1 : 0;
}

static void turn(void)
{
    while (kp_hub_turn(k->hub, 0))
        ;
}

static void say_all(const struct kp_sample *s, unsigned n, bool historic)
{
    struct kp_batch *b = kp_batch_new(1);
    b->historic = historic;
    b->arrived = k->clock.now;
    for (unsigned i = 0; i < n; i++)
        assert_true(kp_batch_add(b, &s[i]));
    assert_true(kp_hub_push(k->hub, b, 0));
    turn();
}

static void say(unsigned signal, int64_t at, int64_t value)
{
    struct kp_sample s = kit_sample(ids[signal], at, kp_int(value));
    say_all(&s, 1, false);
}

static struct kp_coupling_status status(void)
{
    struct kp_coupling_status s;
    assert_true(kp_hub_coupling_status(k->hub, 1, &s));
    return s;
}

static struct kp_now now(unsigned signal)
{
    return kp_model_now(kp_hub_model(k->hub), ids[signal]);
}

static struct kit_points history(unsigned signal)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    kit_ok(&err);
    struct kit_points p = kit_read(db, ids[signal], INT64_MIN, INT64_MAX);
    kp_store_reader_done(k->store, db);
    return p;
}

static size_t points(unsigned signal)
{
    struct kit_points p = history(signal);
    size_t n = p.n;
    kit_points_free(&p);
    return n;
}

/* What is held, copied. */
static struct {
    struct kp_held_sample s[4096];
    char reason[4096][16];
    size_t n;
} held;

static bool keep_held(void *arg, const struct kp_held_sample *one)
{
    (void)arg;
    assert_true(held.n < 4096);
    held.s[held.n] = *one;
    snprintf(held.reason[held.n], sizeof held.reason[0], "%s", one->reason);
    held.n++;
    return true;
}

static size_t list(const struct kp_held_filter *f)
{
    static const struct kp_held_filter all = { .from = KP_NO_TIME };
    struct kp_err err = { 0 };
    kit_sync(k);
    struct kp_db *db = kp_store_reader(k->store, &err);
    kit_ok(&err);
    held.n = 0;
    kp_held_list(db, f ? f : &all, 4096, keep_held, NULL, &err);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
    return held.n;
}

/* The text of the one alarm that is open, or "". */
static char alarm_text[2048];

static bool keep_alarm(void *arg, const struct kp_interval *v)
{
    (void)arg;
    if (v->kind == KP_INTERVAL_ALARM) {
        assert_string_equal(alarm_text, "");
        snprintf(alarm_text, sizeof alarm_text, "%s", v->attributes);
    }
    return true;
}

static const char *alarm_now(void)
{
    turn();
    alarm_text[0] = 0;
    kp_model_open_intervals(kp_hub_model(k->hub), 0, keep_alarm, NULL);
    return alarm_text;
}

/* ---- the rule ---- */
static void a_time_is_far_off_beyond_a_day_ahead_and_30_days_behind(void **state)
{
    (void)state;
    static const struct {
        int64_t off;
        bool live, historic;
    } list[] = {
        { 0, true, true },         { DAY, true, true },           { DAY + 1, false, false },
        { YEAR, false, false },    { -30 * DAY, true, true },     { -30 * DAY - 1, false, true },
        { -20 * YEAR, false, true }, { KP_NO_TIME + 1, false, true },
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        int64_t at;
        if (__builtin_add_overflow(KIT_NOW, list[i].off, &at))
            at = KP_NO_TIME + 1;
        for (unsigned mode = KP_CLOCK_AUTO; mode <= KP_CLOCK_SOURCE; mode++) {
            struct kp_time_window live = kp_time_window(mode, false, KIT_NOW);
            struct kp_time_window historic = kp_time_window(mode, true, KIT_NOW);
            assert_int_equal(kp_time_within(live, at), list[i].live || mode == KP_CLOCK_SOURCE);
            assert_int_equal(kp_time_within(historic, at), list[i].historic || mode == KP_CLOCK_SOURCE);
        }
    }
}

static void no_receive_time_makes_the_window_overflow(void **state)
{
    (void)state;
    static const int64_t received[] = { INT64_MIN, INT64_MIN + 1, INT64_MIN + DAY, -1, 0, INT64_MAX - HOUR, INT64_MAX };
    for (size_t i = 0; i < sizeof received / sizeof received[0]; i++)
        for (unsigned historic = 0; historic < 2; historic++) {
            struct kp_time_window w = kp_time_window(KP_CLOCK_AUTO, historic, received[i]);
            assert_false(kp_time_within(w, KP_NO_TIME));
            assert_false(kp_time_within(w, KP_FOREVER));
            if (kp_time_usable(received[i]))
                assert_true(kp_time_within(w, received[i]));
        }
}

static void the_first_ten_are_held_and_the_others_have_their_receive_time(void **state)
{
    (void)state;
    say(0, KIT_NOW, 0);
    for (int i = 1; i <= 10; i++) {
        kp_clock_advance(&k->clock, KP_SECOND);
        say(0, k->clock.now + YEAR, i);
        assert_int_equal(now(0).sample.at, KIT_NOW); /* the latest value waits */
        assert_string_equal(alarm_now(), "");
    }
    kp_clock_advance(&k->clock, KP_SECOND);
    say(0, k->clock.now + YEAR, 11);
    assert_int_equal(now(0).sample.at, k->clock.now);
    assert_int_equal(now(0).sample.value.i, 11);
    assert_int_equal(now(0).sample.status, KP_UNCERTAIN);
    assert_int_equal(list(NULL), 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(held.s[i].sample.value.i, i + 1);
        assert_int_equal(held.s[i].sample.status, KP_GOOD);
        assert_int_equal(held.s[i].received, KIT_NOW + (i + 1) * KP_SECOND);
        assert_int_equal(held.s[i].sample.at, held.s[i].received + YEAR);
        assert_int_equal(held.s[i].coupling, 1);
        assert_string_equal(held.reason[i], "ahead");
    }
    assert_int_equal(points(0), 2);
    struct kp_coupling_status s = status();
    assert_int_equal(s.far_off, 11);
    assert_int_equal(s.quarantined, 10);
    assert_true(s.clock_known && s.clock_wrong);
    assert_int_equal(s.clock_offset, YEAR);
    assert_int_equal(s.lost, 0);
}

static void the_condition_says_how_far_and_what_to_do_until_ten_are_in_good_time(void **state)
{
    (void)state;
    for (int i = 0; i < 11; i++)
        say(0, k->clock.now - 10 * YEAR, i);
    assert_non_null(strstr(alarm_now(), "\"key\":\"clock-mill\""));
    assert_non_null(strstr(alarm_text, "10 years behind"));
    assert_non_null(strstr(alarm_text, "koppel quarantine --coupling mill"));
    assert_non_null(strstr(alarm_text, "clock=source"));
    for (int i = 0; i < 9; i++)
        say(0, k->clock.now + i, i);
    assert_string_not_equal(alarm_now(), "");
    say(0, k->clock.now - 10 * YEAR, 99); /* the ten begin anew; this one is the first of a new row */
    for (int i = 0; i < 9; i++)
        say(0, k->clock.now + 20 + i, i);
    assert_string_not_equal(alarm_now(), "");
    say(1, k->clock.now, 1); /* a signal of the same machine */
    assert_string_equal(alarm_now(), "");
    assert_false(status().clock_wrong);
    assert_true(status().clock_known);
}

static void a_new_offset_is_told_but_not_at_each_jump(void **state)
{
    (void)state;
    for (int i = 0; i < 11; i++)
        say(0, k->clock.now + 3 * YEAR, i);
    assert_non_null(strstr(alarm_now(), "3 years ahead"));
    say(0, k->clock.now - 5 * YEAR, 12);
    assert_non_null(strstr(alarm_now(), "3 years ahead"));
    kp_clock_advance(&k->clock, 61 * KP_SECOND);
    say(0, k->clock.now - 5 * YEAR, 13);
    assert_non_null(strstr(alarm_now(), "5 years behind"));
}

static void one_in_good_time_ends_the_row_of_ten(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++)
        say(0, i % 10 == 9 ? k->clock.now + i : k->clock.now + YEAR, i);
    assert_int_equal(list(NULL), 36);
    assert_int_equal(points(0), 4);
    assert_string_equal(alarm_now(), "");
}

static void samples_of_one_batch_keep_apart(void **state)
{
    (void)state;
    struct kp_sample s[200];
    for (unsigned i = 0; i < 200; i++)
        s[i] = kit_sample(ids[0], KIT_NOW - 100 * DAY + i, kp_int(i));
    say_all(s, 200, false);
    say_all(s + 10, 100, false); /* and so do those of the next in the same ns */
    kit_sync(k);
    struct kit_points p = history(0);
    assert_int_equal(p.n, 290);
    for (size_t i = 0; i < p.n; i++)
        assert_int_equal(p.s[i].value.i, i < 190 ? 10 + i : 10 + i - 190);
    assert_true(p.s[p.n - 1].at < KIT_NOW + KP_SECOND);
    kit_points_free(&p);
}

static void a_bad_status_stays_and_a_good_one_keeps_its_bits(void **state)
{
    (void)state;
    static const uint32_t list[][2] = {
        { KP_STATUS_OVERFLOW, KP_UNCERTAIN | KP_STATUS_OVERFLOW },
        { KP_UNCERTAIN_LAST_USABLE, KP_UNCERTAIN_LAST_USABLE },
        { KP_BAD_NO_COMMUNICATION, KP_BAD_NO_COMMUNICATION },
    };
    for (int i = 0; i < 10; i++)
        say(0, KIT_NOW + YEAR, i);
    for (unsigned i = 0; i < 3; i++) {
        struct kp_sample s = kit_sample(ids[1], KIT_NOW + YEAR, kp_int(i));
        s.status = list[i][0];
        say_all(&s, 1, false);
        assert_int_equal(now(1).sample.status, list[i][1]);
    }
}

/* A signal that has not changed for two months is delivered again after each reconnect. */
static void the_latest_value_once_more_says_nothing_of_the_clock(void **state)
{
    (void)state;
    say(0, KIT_NOW, 7);
    kp_clock_advance(&k->clock, 60 * DAY);
    for (int i = 0; i < 20; i++)
        say(0, KIT_NOW, 7);
    assert_int_equal(status().far_off, 0);
    assert_int_equal(status().duplicates, 20);
    assert_int_equal(list(NULL), 0);
    say(0, KIT_NOW, 8); /* another value is news */
    assert_int_equal(list(NULL), 1);
}

static void what_is_not_stored_is_not_held_either(void **state)
{
    (void)state;
    say(SIGNALS, KIT_NOW + YEAR, 1);
    assert_int_equal(now(SIGNALS).sample.at, KIT_NOW);
    assert_int_equal(now(SIGNALS).sample.status, KP_UNCERTAIN);
    assert_int_equal(list(NULL), 0);
    assert_int_equal(status().far_off, 1);
}

static void the_filter_sees_the_time_that_counts(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    kp_hub_remove_coupling(k->hub, 1, &err);
    struct kp_coupling_def def = { .id = 1, .name = "mill", .url = "still://x", .at = "hall", .class = &still,
                                   .filter = { .every = 10 * KP_SECOND } };
    kp_hub_add_coupling(k->hub, &def, &err);
    kit_ok(&err);
    for (int i = 0; i < 30; i++) {
        say(0, k->clock.now + YEAR, i);
        kp_clock_advance(&k->clock, KP_SECOND);
    }
    for (int i = 0; i < 30; i++) { /* right again: not silent for a year */
        say(0, k->clock.now, i);
        kp_clock_advance(&k->clock, KP_SECOND);
    }
    assert_int_equal(list(NULL), 10);
    assert_int_equal(points(0), 2 + 3);
    assert_int_equal(status().filtered, 60 - 10 - 5);
}

static void a_coupling_that_goes_takes_its_condition_along(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    for (int i = 0; i < 11; i++)
        say(0, KIT_NOW + YEAR, i);
    assert_string_not_equal(alarm_now(), "");
    kp_hub_remove_coupling(k->hub, 1, &err);
    assert_string_equal(alarm_now(), "");
    say(0, KIT_NOW + YEAR, 20); /* still on its way when it went */
    couple(KP_CLOCK_AUTO);
    say(0, KIT_NOW + YEAR, 21);
    assert_int_equal(list(NULL), 11);
}

/* ---- the setting ---- */
static void the_source_time_may_be_trusted_always(void **state)
{
    (void)state;
    stage(KP_CLOCK_SOURCE);
    static const int64_t times[] = { KP_NO_TIME + 1, -20 * YEAR, 0, KIT_NOW - YEAR, KIT_NOW + 10 * YEAR, KP_FOREVER - 1 };
    for (int i = 0; i < 6; i++)
        say(0, times[i], i);
    for (int i = 0; i < 12; i++) { /* what no int64 can hold is refused, however often it comes */
        say(1, KP_NO_TIME, 2 * i);
        say(1, KP_FOREVER, 2 * i + 1);
    }
    assert_int_equal(list(NULL), 24);
    for (int i = 0; i < 24; i++)
        assert_string_equal(held.reason[i], "outside");
    assert_int_equal(points(1), 0);
    struct kit_points p = history(0);
    assert_int_equal(p.n, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(p.s[i].at, times[i]);
    assert_int_equal(p.s[5].status, KP_GOOD);
    kit_points_free(&p);
    assert_string_equal(alarm_now(), "");
    assert_int_equal(status().quarantined, 24);
}

static void the_receive_time_may_be_taken_always(void **state)
{
    (void)state;
    stage(KP_CLOCK_RECEIVE);
    static const int64_t times[] = { KP_NO_TIME, 0, KIT_NOW, KIT_NOW + YEAR, KIT_NOW - HOUR };
    for (int i = 0; i < 5; i++) {
        kp_clock_advance(&k->clock, 100 * KP_MILLISECOND); /* no link is up: values go stale soon */
        say(0, times[i], i);
        assert_int_equal(now(0).sample.at, k->clock.now);
        assert_int_equal(now(0).sample.status, KP_GOOD);
    }
    assert_int_equal(list(NULL), 0);
    assert_int_equal(points(0), 5);
    assert_int_equal(status().far_off, 0);
    assert_false(kp_coupling_can_place(c, KIT_NOW)); /* so history is not asked for */
}

static void words_of_the_setting_go_there_and_back(void **state)
{
    (void)state;
    uint8_t mode = 99;
    for (unsigned i = KP_CLOCK_AUTO; i <= KP_CLOCK_RECEIVE; i++) {
        assert_true(kp_clock_mode_parse(kp_clock_mode_name(i), &mode));
        assert_int_equal(mode, i);
    }
    assert_false(kp_clock_mode_parse("", &mode));
    assert_false(kp_clock_mode_parse("Auto", &mode));
    assert_string_equal(kp_clock_mode_name(3), "?");
}

/* ---- what fills a gap ---- */
static void history_may_be_old_but_not_ahead(void **state)
{
    (void)state;
    struct kp_sample s[] = {
        kit_sample(ids[0], -20 * YEAR, kp_int(1)),       kit_sample(ids[0], KIT_NOW + DAY, kp_int(2)),
        kit_sample(ids[0], KIT_NOW + DAY + 1, kp_int(3)), kit_sample(ids[1], KP_NO_TIME, kp_int(4)),
        kit_sample(ids[SIGNALS], KIT_NOW + YEAR, kp_int(5)),
    };
    for (int i = 0; i < 5; i++)
        say_all(s, 5, true);
    assert_int_equal(list(NULL), 10); /* each time, not the first ten */
    assert_string_equal(held.reason[0], "backfill");
    assert_string_equal(held.reason[1], "outside");
    assert_int_equal(points(0), 2);
    assert_int_equal(points(1), 0);
    assert_string_equal(alarm_now(), "");
    for (int i = 0; i < 10; i++) /* and it has nothing to do with the row of the live ones */
        say(0, KIT_NOW + YEAR + i, i);
    assert_int_equal(list(NULL), 20);
    say_all(s, 1, true);
    say(0, KIT_NOW + YEAR, 11);
    assert_int_equal(list(NULL), 20);
    assert_int_equal(now(0).sample.at, KIT_NOW);
    assert_true(kp_coupling_can_place(c, -20 * YEAR));
    assert_false(kp_coupling_can_place(c, KIT_NOW + YEAR));
}

/* ---- leaving ---- */
static struct kp_held_count release(unsigned signal, enum kp_held_time as)
{
    struct kp_err err = { 0 };
    struct kp_held_count n;
    struct kp_held_filter f = { .signal = signal < SIGNALS ? ids[signal] : 0, .from = KP_NO_TIME };
    kp_held_release(k->store, &f, as, &n, &err);
    kit_ok(&err);
    return n;
}

static void hold_some(void) /* five of each of two signals */
{
    for (int i = 0; i < 10; i++) {
        kp_clock_advance(&k->clock, KP_SECOND);
        say((unsigned)i % 2, k->clock.now + YEAR, i);
    }
}

static bool count_followed(void *arg, const struct kp_sample *s, int64_t committed, bool historic)
{
    (void)committed;
    assert_true(historic);
    assert_int_equal(s->signal, ids[0]);
    ++*(int *)arg;
    return true;
}

static void what_is_released_is_in_the_history_once_with_the_time_asked_for(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    hold_some();
    assert_int_equal(list(NULL), 10);
    struct kp_held_count n = release(0, KP_HELD_SOURCE);
    assert_int_equal(n.done, 5);
    assert_int_equal(n.kept, 0);
    assert_int_equal(release(0, KP_HELD_SOURCE).done, 0);
    assert_int_equal(list(NULL), 5);
    struct kit_points p = history(0);
    assert_int_equal(p.n, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(p.s[i].at, KIT_NOW + (2 * i + 1) * KP_SECOND + YEAR);
        assert_int_equal(p.s[i].status, KP_GOOD);
        assert_int_equal(p.s[i].value.i, 2 * i);
    }
    kit_points_free(&p);
    int followed = 0;
    uint64_t upto;
    struct kp_db *db = kp_store_reader(k->store, &err);
    kp_position_read(db, 0, 1000, &upto, count_followed, &followed, &err);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
    assert_int_equal(followed, 5);
    assert_int_equal(release(1, KP_HELD_RECEIVE).done, 5);
    p = history(1);
    assert_int_equal(p.n, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(p.s[i].at, KIT_NOW + (2 * i + 2) * KP_SECOND);
        assert_int_equal(p.s[i].status, KP_UNCERTAIN);
    }
    kit_points_free(&p);
    assert_int_equal(list(NULL), 0);
    assert_int_equal(kp_store_stats(k->store).held, 0);
    assert_false(now(0).known); /* the live value is not theirs */
}

static void a_release_is_there_after_a_crash_and_sealing_and_commits_go_on(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    hold_some();
    say(2, k->clock.now, 1);
    kit_sync(k);
    uint64_t before = k->store->seq;
    assert_int_equal(release(SIGNALS, KP_HELD_SOURCE).done, 10);
    assert_int_equal(k->store->seq, before + 1);
    say(2, k->clock.now + 1, 2);
    kit_sync(k);
    assert_int_equal(k->store->seq, before + 2);
    kp_hub_free(k->hub);
    kit_close(k);
    kit_open(k);
    kit_hub(k);
    couple(KP_CLOCK_AUTO);
    for (int sealed = 0; sealed < 2; sealed++) {
        assert_int_equal(list(NULL), 0);
        assert_int_equal(points(0) + points(1), 10);
        assert_int_equal(points(2), 2);
        kp_store_seal_all(k->store, &err);
        kit_ok(&err);
    }
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    say(2, k->clock.now + 2, 3);
    kit_sync(k);
    assert_true(k->store->seq > before + 2);
    assert_int_equal(points(2), 3);
    assert_int_equal(kp_store_check(k->store->file, NULL, NULL, &err), 0);
}

static void a_release_that_fails_leaves_all_as_it_was(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    hold_some();
    assert_int_equal(list(NULL), 10);
    uint64_t seq = k->store->seq;
    struct kp_held_filter f = { .from = KP_NO_TIME };
    struct kp_held_count n = { 99, 99 };
    int failures = 0;
    for (long at = 1; at < 400; at++) {
        err = (struct kp_err){ 0 };
        kp_mem_fail_at(at);
        enum kp_code code = kp_held_release(k->store, &f, KP_HELD_RECEIVE, &n, &err);
        kp_mem_fail_at(0);
        if (!code)
            break;
        failures++;
        assert_int_equal(n.done, 0);
        assert_int_equal(list(NULL), 10);
        assert_int_equal(points(0) + points(1), 0);
        assert_int_equal(k->store->seq, seq);
    }
    assert_true(failures > 3);
    assert_int_equal(n.done, 10);
    assert_int_equal(points(0) + points(1), 10);
}

static void times_that_no_history_can_hold_are_released_as_received_only(void **state)
{
    (void)state;
    say(0, KP_NO_TIME, 1);
    say(0, KIT_NOW + YEAR, 2);
    struct kp_held_count n = release(0, KP_HELD_SOURCE);
    assert_int_equal(n.done, 1);
    assert_int_equal(n.kept, 1);
    assert_int_equal(list(NULL), 1);
    n = release(0, KP_HELD_RECEIVE);
    assert_int_equal(n.done, 1);
    assert_int_equal(points(0), 2);
}

static void many_are_released_in_one_transaction(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct kp_err err = { 0 };
    struct kp_sample s[KP_BATCH_MAX];
    for (int i = 0; i < N;) {
        unsigned n = 0;
        for (; n < KP_BATCH_MAX && i < N; n++, i++)
            s[n] = kit_sample(ids[i % SIGNALS], KIT_NOW + YEAR + i, kp_int(i));
        say_all(s, n, true);
    }
    kit_sync(k);
    uint64_t seq = k->store->seq;
    assert_int_equal(release(SIGNALS, KP_HELD_RECEIVE).done, N);
    assert_int_equal(k->store->seq, seq + 3); /* commits of 16,384 */
    size_t all = 0;
    for (unsigned i = 0; i < SIGNALS; i++)
        all += points(i);
    assert_int_equal(all, N);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    for (unsigned i = 0; i < SIGNALS; i++) {
        struct kit_points p = history(i);
        assert_int_equal(p.n, N / SIGNALS);
        for (size_t j = 0; j < p.n; j++)
            assert_int_equal(p.s[j].value.i, (int64_t)(j * SIGNALS + i));
        kit_points_free(&p);
    }
}

static void values_of_every_kind_come_out_to_the_bit(void **state)
{
    (void)state;
    static const double array[] = { 0.1, -0.0, INFINITY };
    uint64_t nan = UINT64_C(0x7ff8000000001234);
    struct kp_sample s[] = {
        kit_sample(ids[0], KIT_NOW + YEAR, kp_string("O1004.NC", 8)),
        kit_sample(ids[0], KIT_NOW + YEAR, (struct kp_value){ .u = nan, .type = KP_DOUBLE }),
        kit_sample(ids[0], KIT_NOW + YEAR, (struct kp_value){ .u = UINT64_MAX, .type = KP_UINT64 }),
        kit_sample(ids[0], KIT_NOW + YEAR, (struct kp_value){ 0 }),
        kit_sample(ids[0], KIT_NOW + YEAR, (struct kp_value){ .data = array, .len = 24, .type = KP_DOUBLE | KP_ARRAY }),
    };
    s[3].status = KP_BAD;
    say_all(s, 5, false);
    assert_int_equal(release(0, KP_HELD_RECEIVE).done, 5);
    struct kit_points p = history(0);
    assert_int_equal(p.n, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(kp_value_equal(&p.s[i].value, &s[i].value));
        assert_int_equal(p.s[i].status, i == 3 ? KP_BAD : KP_UNCERTAIN);
    }
    kit_points_free(&p);
}

static void a_filter_takes_what_it_names(void **state)
{
    (void)state;
    hold_some();
    assert_int_equal(list(&(struct kp_held_filter){ .from = KP_NO_TIME, .coupling = 2 }), 0);
    assert_int_equal(list(&(struct kp_held_filter){ .from = KP_NO_TIME, .coupling = 1, .signal = ids[1] }), 5);
    assert_int_equal(list(&(struct kp_held_filter){ .from = KIT_NOW + 8 * KP_SECOND }), 3);
    assert_int_equal(list(NULL), 10);
    int64_t third = held.s[2].id;
    assert_int_equal(list(&(struct kp_held_filter){ .from = KP_NO_TIME, .after = third }), 7);
    struct kp_err err = { 0 };
    struct kp_held_count n;
    kp_held_drop(k->store, &(struct kp_held_filter){ .from = KP_NO_TIME, .signal = ids[1] }, &n, &err);
    kit_ok(&err);
    assert_int_equal(n.done, 5);
    assert_int_equal(list(NULL), 5);
    assert_int_equal(points(1), 0);
    assert_int_equal(kp_store_stats(k->store).held, 5);
}

/* ---- bounds ---- */
static void the_oldest_leave_and_are_counted_and_told(void **state)
{
    (void)state;
    k->options.quarantine_rows = 25;
    stage(KP_CLOCK_AUTO);
    struct kp_sample s[40];
    for (unsigned i = 0; i < 40; i++)
        s[i] = kit_sample(ids[0], KIT_NOW + YEAR, kp_int(i));
    say_all(s, 20, true);
    assert_int_equal(list(NULL), 20);
    assert_string_equal(alarm_now(), "");
    say_all(s + 20, 20, true);
    assert_int_equal(list(NULL), 25);
    assert_int_equal(held.s[0].sample.value.i, 15);
    assert_int_equal(held.s[24].sample.value.i, 39);
    struct kp_store_stats st = kp_store_stats(k->store);
    assert_int_equal(st.held, 25);
    assert_int_equal(st.held_dropped, 15);
    assert_non_null(strstr(alarm_now(), "the quarantine is full"));
    assert_int_equal(release(0, KP_HELD_RECEIVE).done, 25);
    assert_string_equal(alarm_now(), "");
}

static void large_values_do_not_fill_the_disk(void **state)
{
    (void)state;
    k->options.quarantine_bytes = 100000;
    stage(KP_CLOCK_AUTO);
    static char text[9000];
    memset(text, 'x', sizeof text);
    struct kp_sample s = kit_sample(ids[0], KIT_NOW + YEAR, kp_string(text, sizeof text));
    for (int i = 0; i < 50; i++)
        say_all(&s, 1, true);
    assert_int_equal(list(NULL), 11);
    assert_int_equal(kp_store_stats(k->store).held_dropped, 39);
}

static void a_sink_without_room_loses_and_counts_them(void **state)
{
    (void)state;
    k->options.queue_budget = 4 * sizeof(struct kp_batch);
    stage(KP_CLOCK_AUTO);
    for (int i = 0; i < 10; i++)
        say(0, KIT_NOW + YEAR, i);
    struct kp_coupling_status s = status();
    assert_int_equal(s.quarantined + s.lost, 10);
    assert_true(s.lost > 0 && s.quarantined > 0);
    assert_int_equal(list(NULL), s.quarantined);
    assert_int_equal(kp_hub_stats(k->hub).held, s.quarantined);
}

/* ---- clocks that jump ---- */
struct fate {
    int64_t source, received;
    bool held, retimed; /* as the rule says */
    unsigned seen;
};

static int64_t machine_time(uint64_t *random, int64_t now, int64_t *offset)
{
    switch (kit_random(random) % 60) {
    case 0: *offset = -HOUR; break;
    case 1: *offset = YEAR; break;
    case 2: *offset = -now; break; /* 1970 */
    case 3: *offset = INT64_MIN; break; /* 1601: int64 cannot hold it */
    case 4: *offset = INT64_C(946684800) * KP_SECOND - now; break; /* 2000, at boot */
    case 5:
    case 6:
    case 7: *offset = 0; break;
    case 8: *offset = (int64_t)(kit_random(random) % (uint64_t)(80 * DAY)) - 50 * DAY; break;
    default: break;
    }
    return *offset == INT64_MIN ? KP_NO_TIME : now + *offset;
}

/* The rule once more, in the plainest words. */
static void expect(struct fate *f, unsigned *row)
{
    bool far = f->source == KP_NO_TIME || f->source - f->received > DAY || f->received - f->source > 30 * DAY;
    *row = far ? *row + 1 : 0;
    f->held = far && *row <= 10;
    f->retimed = far && *row > 10;
}

static void check_point(const struct kp_sample *s, struct fate *f)
{
    f->seen++;
    assert_false(f->held);
    if (f->retimed) {
        assert_true(s->at >= f->received && s->at < f->received + KP_MILLISECOND);
        assert_int_equal(s->status, KP_UNCERTAIN);
    } else {
        assert_int_equal(s->at, f->source);
    }
}

static void check_fates(struct fate *fates, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fates[i].seen = 0;
    list(NULL);
    for (size_t i = 0; i < held.n; i++) {
        struct fate *f = &fates[held.s[i].sample.value.i];
        assert_true(f->held);
        assert_int_equal(held.s[i].sample.at, f->source);
        assert_int_equal(held.s[i].received, f->received);
        f->seen++;
    }
    for (unsigned i = 0; i < SIGNALS; i++) {
        struct kit_points p = history(i);
        for (size_t j = 0; j < p.n; j++)
            check_point(&p.s[j], &fates[p.s[j].value.i]);
        kit_points_free(&p);
    }
    for (size_t i = 0; i < n; i++)
        if (fates[i].seen != 1)
            fail_msg("sample %zu, source %lld, received %lld, was seen %u times%s", i, (long long)fates[i].source,
                     (long long)fates[i].received, fates[i].seen, fates[i].retimed ? " (receive time)" : "");
}

static void run_seed(uint64_t seed)
{
    enum { N = 3000 };
    static struct fate fates[N];
    struct kp_err err = { 0 };
    struct kp_sample s[40];
    uint64_t random = seed;
    int64_t offset = seed % 2 ? 0 : INT64_C(946684800) * KP_SECOND - KIT_NOW;
    unsigned row = 0, n_held = 0, n_far = 0;
    k = kit_new();
    stage(KP_CLOCK_AUTO);
    for (unsigned i = 0; i < N;) {
        unsigned n = 0, size = 1 + (unsigned)(kit_random(&random) % 40);
        kp_clock_advance(&k->clock, (int64_t)(1 + kit_random(&random) % 5000) * KP_MILLISECOND);
        for (; n < size && i < N; n++, i++) {
            int64_t at = machine_time(&random, k->clock.now, &offset);
            if (at != KP_NO_TIME) /* no time comes twice, though the clock shows it twice, nor is it one of receiving */
                at = kit_floor(at, KP_MILLISECOND) + KP_MILLISECOND / 2 + i;
            fates[i] = (struct fate){ .source = at, .received = k->clock.now };
            expect(&fates[i], &row);
            n_held += fates[i].held;
            n_far += fates[i].held || fates[i].retimed;
            s[n] = kit_sample(ids[kit_random(&random) % SIGNALS], at, kp_int(i));
        }
        say_all(s, n, false);
    }
    check_fates(fates, N);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    check_fates(fates, N);
    struct kp_coupling_status st = status();
    assert_int_equal(st.quarantined, n_held);
    assert_int_equal(st.far_off, n_far);
    assert_int_equal(st.lost + st.duplicates + st.filtered, 0);
    assert_true(n_held > 50 && n_far > n_held + 100 && n_far < N - 300); /* the seed tried it all */
    kit_free(k);
}

static void each_sample_has_one_fate_however_the_clock_jumps(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_seed(seed);
}

/* ---- with threads ---- */
static atomic_bool releasing;
static atomic_uint_fast64_t released;

static void *release_all_the_time(void *arg)
{
    while (releasing) {
        struct kp_err err = { 0 };
        struct kp_held_count n = { 0 };
        kp_held_release(arg, &(struct kp_held_filter){ .from = KP_NO_TIME }, KP_HELD_SOURCE, &n, &err);
        if (err.code)
            abort(); /* no test may fail outside its thread */
        released += n.done;
    }
    return NULL;
}

/* So that samples, held ones and releases meet in one transaction. */
static void releases_amid_the_samples_double_and_lose_nothing(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct kp_err err = { 0 };
    pthread_t thread;
    k->store = kp_store_open(k->dir, &(struct kp_store_options){ .commit_every = KP_MILLISECOND }, &err);
    kit_ok(&err);
    kp_store_start(k->store, &err);
    kit_ok(&err);
    releasing = true;
    released = 0;
    pthread_create(&thread, NULL, release_all_the_time, k->store);
    for (int i = 0; i < N; i++) {
        struct kp_batch *b = kp_batch_new(1);
        struct kp_sample s = kit_sample((kp_signal)(i % 2 ? 1 + i % 5 : 100 + i % 4), KIT_NOW + i, kp_int(i));
        b->held = i % 2;
        b->arrived = KIT_NOW;
        assert_true(kp_batch_add(b, &s));
        while (!kp_store_offer(k->store, b))
            usleep(1000);
        if (i % 50 == 0)
            usleep(500);
    }
    kit_sync(k);
    releasing = false;
    pthread_join(thread, NULL);
    struct kp_held_count n;
    kp_held_release(k->store, &(struct kp_held_filter){ .from = KP_NO_TIME }, KP_HELD_SOURCE, &n, &err);
    kit_ok(&err);
    assert_int_equal(released + n.done, N / 2);
    for (int sealed = 0; sealed < 2; sealed++) {
        assert_int_equal(kit_number(k, "select count(*) from (select 1 from history where signal = 1 union all select 1 "
                                       "from history where signal = 2 union all select 1 from history where signal = 3 "
                                       "union all select 1 from history where signal = 4 union all select 1 from history "
                                       "where signal = 5)"), N / 2);
        assert_int_equal(kit_number(k, "select count(*) from history where signal = 100"), N / 4);
        assert_int_equal(kit_number(k, "select count(*) from history where signal = 102"), N / 4);
        kp_store_seal_all(k->store, &err);
        kit_ok(&err);
    }
    kp_store_stop(k->store);
    assert_int_equal(kp_store_check(k->store->file, NULL, NULL, &err), 0);
}

/* ---- without memory ---- */
static void without_memory_what_cannot_be_held_is_counted_as_lost(void **state)
{
    (void)state;
    int lost = 0;
    for (long at = 1; at < 60; at++) {
        struct kp_coupling_status before = status();
        struct kp_sample s[3];
        for (int i = 0; i < 3; i++)
            s[i] = kit_sample(ids[0], KIT_NOW + YEAR + at, kp_string("some text", 9));
        struct kp_batch *b = kp_batch_new(1);
        b->arrived = k->clock.now;
        for (int i = 0; i < 3; i++)
            assert_true(kp_batch_add(b, &s[i]));
        assert_true(kp_hub_push(k->hub, b, 0));
        kp_mem_fail_at(at);
        turn();
        kp_mem_fail_at(0);
        struct kp_coupling_status after = status();
        assert_int_equal(after.far_off - before.far_off, 3);
        assert_int_equal(after.quarantined - before.quarantined + after.lost - before.lost, 3);
        lost += after.lost > before.lost;
        say(1, KIT_NOW + at, at); /* the row begins anew */
    }
    assert_true(lost > 0);
    assert_int_equal(list(NULL), status().quarantined);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define U(test) cmocka_unit_test_setup_teardown(test, setup_unopened, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_far_off_beyond_a_day_ahead_and_30_days_behind),
        cmocka_unit_test(no_receive_time_makes_the_window_overflow),
        cmocka_unit_test(words_of_the_setting_go_there_and_back),
        T(the_first_ten_are_held_and_the_others_have_their_receive_time),
        T(the_condition_says_how_far_and_what_to_do_until_ten_are_in_good_time),
        T(a_new_offset_is_told_but_not_at_each_jump),
        T(one_in_good_time_ends_the_row_of_ten),
        T(samples_of_one_batch_keep_apart),
        T(a_bad_status_stays_and_a_good_one_keeps_its_bits),
        T(the_latest_value_once_more_says_nothing_of_the_clock),
        T(what_is_not_stored_is_not_held_either),
        T(the_filter_sees_the_time_that_counts),
        T(a_coupling_that_goes_takes_its_condition_along),
        U(the_source_time_may_be_trusted_always),
        U(the_receive_time_may_be_taken_always),
        T(history_may_be_old_but_not_ahead),
        T(what_is_released_is_in_the_history_once_with_the_time_asked_for),
        T(a_release_is_there_after_a_crash_and_sealing_and_commits_go_on),
        T(a_release_that_fails_leaves_all_as_it_was),
        T(times_that_no_history_can_hold_are_released_as_received_only),
        T(many_are_released_in_one_transaction),
        T(values_of_every_kind_come_out_to_the_bit),
        T(a_filter_takes_what_it_names),
        U(the_oldest_leave_and_are_counted_and_told),
        U(large_values_do_not_fill_the_disk),
        U(a_sink_without_room_loses_and_counts_them),
        cmocka_unit_test(each_sample_has_one_fate_however_the_clock_jumps),
        U(releases_amid_the_samples_double_and_lose_nothing),
        T(without_memory_what_cannot_be_held_is_counted_as_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
