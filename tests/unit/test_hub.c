/* SPDX-License-Identifier: Apache-2.0 */
/* The hub by hand: batches on their way to model, subscribers and sink; gaps; conditions; and its
 * thread's life. */
#include "hub_kit.h"

#include "core/log.h"

#include <unistd.h>

/* ---- batches ---- */
static void news_reach_the_model_and_the_sink_and_repetitions_do_not(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    hear(0, x, 1, 7);
    hear(0, x, 1, 7);
    hear(0, x, 2, 8);
    assert_int_equal(stored, 2);
    assert_true(taken[0].value.d == 7 && taken[1].value.d == 8);
    assert_true(kp_model_now(model, x).sample.value.d == 8);
    struct kp_hub_stats st = kp_hub_stats(hub);
    assert_true(st.samples == 3 && st.batches == 3 && st.stored == 2 && st.duplicates == 1 &&
                st.unknown == 0);
    assert_true(st.lost == 0 && st.queued == 0);
}

static void the_sink_gets_only_what_is_to_be_kept_in_its_order(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x"), y = make_signal(0, "hall/y");
    struct kp_signal_info info = *kp_model_signal(model, y);
    info.stored = false;
    kp_model_put_signal(model, &info, &err);
    struct kp_batch *b = kp_batch_new(0);
    for (int i = 0; i < KP_BATCH_MAX; i++) {
        kp_signal ids[] = { x, y, 999, x }; /* kept, not stored, unknown, and a text */
        struct kp_sample sample = { ids[i % 4], KP_GOOD, i,
                                    i % 4 == 3 ? kp_string("text", 4) : kp_double(i) };
        assert_true(kp_batch_add(b, &sample));
    }
    assert_true(kp_hub_push(hub, b, 0));
    turn();
    assert_int_equal(stored, KP_BATCH_MAX / 2);
    for (int i = 0; i < stored; i++)
        assert_true(taken[i].signal == x && taken[i].at == i / 2 * 4 + i % 2 * 3);
    assert_int_equal(kp_hub_stats(hub).unknown, KP_BATCH_MAX / 4);
}

static void what_fills_a_gap_goes_to_the_history_alone(void **state)
{
    (void)state;
    struct kp_filter_def filter = { .every = 10 * KP_SECOND };
    couple_still(1, "hall", &filter);
    kp_signal x = make_signal(1, "hall/x");
    hear(1, x, 100, 5);
    for (int i = 0; i < 5; i++)
        say(1, true, (struct kp_sample){ x, KP_GOOD, 50 + i, kp_double(i) });
    assert_int_equal(stored, 6); /* the rate is for what is live */
    assert_true(kp_model_now(model, x).sample.value.d == 5);
}

static void a_hub_without_a_sink_shows_values_all_the_same(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    kp_hub_set_sink(hub, (struct kp_sink){ 0 });
    hear(0, x, 1, 7);
    assert_true(kp_model_now(model, x).sample.value.d == 7);
}

static void a_couplings_filter_holds_back_and_counts(void **state)
{
    (void)state;
    struct kp_filter_def filter = { .deadband = 1 };
    couple_still(1, "hall", &filter);
    kp_signal x = make_signal(1, "hall/x");
    static const double values[] = { 10, 10.5, 11, 11.5, 10.4 };
    for (int i = 0; i < 5; i++)
        hear(1, x, i + 1, values[i]);
    say(1, false, (struct kp_sample){ x, KP_BAD, 9, kp_double(10.4) });
    struct kp_coupling_status st;
    assert_true(kp_hub_coupling_status(hub, 1, &st));
    assert_int_equal(stored, 4); /* 10, 11.5, 10.4 and the change of status */
    assert_true(st.filtered == 2 && st.bad == 1 && st.duplicates == 0);
    hear(1, x, 9, 10.4);
    say(1, false, (struct kp_sample){ x, KP_GOOD, 9, kp_double(10.4) });
    kp_hub_coupling_status(hub, 1, &st);
    assert_int_equal(st.filtered, 3);
    hear(77, x, 10, 50); /* of a coupling that is gone: taken as it is */
    assert_true(kp_model_now(model, x).sample.value.d == 50);
}

static void a_push_into_a_full_hub_is_refused_and_the_batch_stays_the_callers(void **state)
{
    (void)state;
    kp_hub_free(hub);
    hub = kp_hub_new(&(struct kp_hub_options){ .queue_budget = 3 * sizeof(struct kp_batch) }, &err);
    model = kp_hub_model(hub);
    struct kp_batch *b[4];
    for (int i = 0; i < 4; i++) {
        b[i] = kp_batch_new(0);
        assert_int_equal(kp_hub_push(hub, b[i], 0), i < 3);
    }
    assert_int_equal(kp_hub_stats(hub).queued, 3 * sizeof(struct kp_batch));
    assert_true(kp_hub_turn(hub, 0)); /* one message a turn */
    assert_true(kp_hub_push(hub, b[3], 0));
    turn();
    assert_false(kp_hub_turn(hub, 0));
}

/* ---- a link that is down ---- */
static void a_failed_link_leaves_a_gap_at_its_asset_from_its_loss_to_its_return(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    make_signal(1, "hall/mill/x");
    kp_coupling_online(c);
    pass(KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    int64_t lost_at = now();
    link_down(c, KP_LINK_WAITING, true);
    pass(KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 1); /* also before anything is stale */
    assert_string_equal(last_told()->attributes, "{\"coupling\":\"c1\",\"reason\":\"link down\"}");
    assert_int_equal(last_told()->interval.asset, kp_model_find_asset(model, "hall/mill"));
    assert_int_equal(last_told()->interval.start, lost_at);
    int64_t id = last_told()->interval.id;
    pass(60 * KP_SECOND);
    assert_int_equal(n_told, 1); /* told once */
    kp_coupling_online(c);
    int64_t back_at = now();
    pass(KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    assert_true(last_told()->interval.id == id && last_told()->interval.end == back_at);
}

static void a_link_let_go_by_wish_leaves_a_gap_only_when_it_stays_away(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    kp_coupling_online(c);
    hear(1, x, 1, 1);
    link_down(c, KP_LINK_CONNECTING, false);
    pass(2 * KP_SECOND);
    assert_true(open_of(KP_INTERVAL_GAP) == 0 && !kp_model_now(model, x).stale);
    kp_coupling_online(c);
    pass(10 * KP_SECOND);
    assert_true(open_of(KP_INTERVAL_GAP) == 0 && !kp_model_now(model, x).stale);
    link_down(c, KP_LINK_CONNECTING, false);
    pass(4 * KP_SECOND);
    assert_true(open_of(KP_INTERVAL_GAP) == 1 && kp_model_now(model, x).stale);
}

static void
a_coupling_that_was_never_up_has_a_gap_from_its_beginning_if_it_has_signals(void **state)
{
    (void)state;
    int64_t began = now();
    struct kp_coupling *c = couple_still(1, "hall", NULL), *empty = couple_still(2, "yard", NULL);
    make_signal(1, "hall/x");
    c->status.link = empty->status.link = KP_LINK_CONNECTING;
    pass(5 * KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 1);
    assert_int_equal(last_told()->interval.start, began);
}

static void one_switched_off_has_stale_signals_and_no_gap(void **state)
{
    (void)state;
    couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x"), other = make_signal(2, "hall/y");
    hear(1, x, 1, 1);
    hear(2, other, 1, 1);
    pass(5 * KP_SECOND);
    assert_true(kp_model_now(model, x).stale && !kp_model_now(model, other).stale);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
}

static void all_signals_of_a_link_go_stale_and_each_returns_with_its_first_sample(void **state)
{
    (void)state;
    enum { N = 2500 };
    struct kp_filter_def filter = { .deadband = 100 };
    struct kp_coupling *c = couple_still(1, "hall", &filter);
    for (int i = 0; i < N; i++) {
        char path[32];
        snprintf(path, sizeof path, "hall/s%04d", i);
        hear(1, make_signal(1, path), 1, i);
    }
    kp_coupling_online(c);
    turn();
    link_down(c, KP_LINK_WAITING, true);
    pass(4 * KP_SECOND);
    for (kp_signal s = 1; s <= N; s++)
        assert_int_equal(kp_model_now(model, s).sample.status, KP_BAD_NO_COMMUNICATION);
    kp_coupling_online(c);
    turn();
    assert_true(kp_model_now(model, 1).stale); /* not heard yet */
    hear(1, 1, 1, 0);                          /* a re-delivery */
    hear(1, 2, 5, 1.5);                        /* a new one, within the deadband */
    assert_true(!kp_model_now(model, 1).stale && !kp_model_now(model, 2).stale &&
                kp_model_now(model, 3).stale);
    assert_true(kp_model_now(model, 2).sample.at == 5);
}

static void a_link_up_for_less_than_a_look_is_marked_again(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    hear(1, x, 1, 1);
    link_down(c, KP_LINK_WAITING, true);
    pass(4 * KP_SECOND);
    assert_true(kp_model_now(model, x).stale);
    kp_coupling_online(c); /* and down again before the hub looks */
    hear(1, x, 2, 1);
    link_down(c, KP_LINK_WAITING, true);
    assert_false(kp_model_now(model, x).stale);
    pass(4 * KP_SECOND);
    assert_true(kp_model_now(model, x).stale);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 1);
}

static void a_gap_follows_its_asset_and_survives_its_end(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    kp_asset mill = kp_model_make_path(model, "hall/mill", KP_MACHINE, &err);
    make_signal(1, "yard/x");
    kp_coupling_online(c);
    turn();
    link_down(c, KP_LINK_WAITING, true);
    pass(KP_SECOND);
    struct kp_asset_info info = *kp_model_asset(model, mill);
    info.name = "renamed";
    kp_model_put_asset(model, &info, &err);
    kp_coupling_online(c);
    pass(KP_SECOND);
    assert_int_equal(last_told()->interval.asset,
                     mill); /* not the root, though nothing is at "hall/mill" now */
    link_down(c, KP_LINK_WAITING, true);
    pass(KP_SECOND);
    kp_model_remove_asset(model, mill, &err);
    kp_coupling_online(c);
    pass(KP_SECOND);
    assert_true(last_told()->change == KP_INTERVAL_PUT && last_told()->interval.asset == 0);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
}

static void a_clock_set_back_does_not_keep_gaps_open(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    kp_coupling_online(c);
    turn();
    link_down(c, KP_LINK_WAITING, true);
    sink_is_full = true;
    hear(1, x, 1, 1);
    pass(KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 2);
    kp_clock_jump(&virtual_clock, -3600 * KP_SECOND);
    kp_coupling_online(c);
    sink_is_full = false;
    hear(1, x, 2, 2);
    pass(KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    assert_true(last_told()->interval.end == last_told()->interval.start);
}

static void a_coupling_that_goes_away_leaves_stale_signals_and_closed_gaps(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    sink_is_full = true;
    hear(1, x, 1, 1);
    link_down(c, KP_LINK_WAITING, true);
    pass(KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 2);
    assert_int_equal(kp_hub_remove_coupling(hub, 1, &err), KP_OK);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    assert_true(kp_model_now(model, x).stale);
    assert_int_equal(kp_hub_remove_coupling(hub, 1, &err), KP_ENOTFOUND);
}

/* ---- a sink without room ---- */
static void what_a_full_sink_loses_is_counted_and_a_gap_per_coupling_says_so(void **state)
{
    (void)state;
    couple_still(1, "hall/one", NULL);
    couple_still(2, "hall/two", NULL);
    kp_signal x = make_signal(1, "hall/one/x"), y = make_signal(2, "hall/two/y"),
              z = make_signal(0, "node/z");
    sink_is_full = true;
    int64_t from = now();
    for (int i = 1; i <= 3; i++)
        hear(1, x, i, i);
    hear(2, y, 1, 1);
    hear(0, z, 1, 1);
    hear(2, y, 1, 1); /* a repetition is nothing lost */
    assert_int_equal(open_of(KP_INTERVAL_GAP), 3);
    assert_int_equal(kp_hub_stats(hub).lost, 5);
    struct kp_coupling_status st;
    kp_hub_coupling_status(hub, 1, &st);
    assert_int_equal(st.lost, 3);
    assert_true(kp_model_now(model, x).sample.value.d == 3); /* live all the time */
    pass(7 * KP_SECOND);
    sink_is_full = false;
    n_told = 0;
    hear(2, y, 2, 2); /* anyone's sample ends it for all */
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    assert_int_equal(n_told, 3);
    static const char *const want[] = {
        "{\"reason\":\"store-stalled\",\"lost\":1}",
        "{\"coupling\":\"c1\",\"reason\":\"store-stalled\",\"lost\":3}",
        "{\"coupling\":\"c2\",\"reason\":\"store-stalled\",\"lost\":1}"
    };
    static const char *const at[] = { "", "hall/one", "hall/two" };
    for (int i = 0; i < 3; i++) {
        assert_string_equal(told[i].attributes, want[i]);
        assert_int_equal(told[i].interval.asset, kp_model_find_asset(model, at[i]));
        assert_true(told[i].interval.start == from && told[i].interval.end == from + 7 * KP_SECOND);
    }
    assert_int_equal(stored, 1);
    struct kp_hub_stats all = kp_hub_stats(hub);
    assert_true(all.stored == 1 && all.samples == 7 && all.duplicates == 1);
}

static void a_gap_that_could_not_be_noted_for_lack_of_memory_is_noted_at_its_end(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    sink_is_full = true;
    struct kp_batch *b = kp_batch_new(0);
    struct kp_sample sample = { x, KP_GOOD, 1, kp_double(1) };
    kp_batch_add(b, &sample);
    kp_hub_push(hub, b, 0);
    kp_mem_fail_at(1);
    kp_hub_turn(hub, 0);
    kp_mem_fail_at(0);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    sink_is_full = false;
    hear(0, x, 2, 2);
    assert_true(n_told == 1 && last_told()->interval.end != KP_FOREVER);
    assert_string_equal(last_told()->attributes, "{\"reason\":\"store-stalled\",\"lost\":1}");
}

static void make_x(void *arg)
{
    *(kp_signal *)arg = make_signal(0, "hall/x");
}

static bool push_waiting(kp_signal s, int64_t at)
{
    struct kp_batch *b = kp_batch_new(0);
    b->waits = true;
    b->arrived = now();
    kp_batch_add(b, &(struct kp_sample){ s, KP_GOOD, at, kp_double((double)at) });
    bool taken_in = kp_hub_push(hub, b, 0);
    if (!taken_in)
        kp_batch_free(b);
    turn();
    return taken_in;
}

static void what_waits_for_room_is_kept_and_stored_in_order(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    assert_true(push_waiting(x, 1));
    assert_true(stored == 1 && !kp_hub_holds(hub));
    sink_is_full = true;
    assert_true(push_waiting(x, 2));
    assert_true(stored == 1 && kp_hub_holds(hub));
    assert_true(kp_model_now(model, x).sample.at == 2); /* the live model goes on */
    assert_false(push_waiting(x, 3)); /* the sender waits */
    assert_int_equal(kp_hub_stats(hub).lost, 0);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    sink_is_full = false;
    turn();
    assert_false(kp_hub_holds(hub));
    assert_true(push_waiting(x, 3));
    assert_int_equal(stored, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(taken[i].at, i + 1);
}

static void what_the_sink_never_takes_is_lost_at_the_end_and_counted(void **state)
{
    (void)state;
    start();
    kp_signal x = 0;
    kp_hub_call(hub, make_x, &x);
    sink_is_full = true;
    struct kp_batch *b = kp_batch_new(0);
    b->waits = true;
    kp_batch_add(b, &(struct kp_sample){ x, KP_GOOD, 1, kp_double(1) });
    assert_true(kp_hub_push(hub, b, 1000));
    WAIT_UNTIL(kp_hub_holds(hub));
    kp_hub_stop(hub);
    assert_int_equal(kp_hub_stats(hub).lost, 1);
}

/* ---- conditions ---- */
static bool keep_one(void *arg, const struct kp_interval *v)
{
    *(struct kp_interval *)arg = *v;
    return true;
}

static struct kp_interval the_open_one(void)
{
    struct kp_interval v = { 0 };
    kp_model_open_intervals(model, 0, keep_one, &v);
    return v;
}

static void a_condition_is_an_alarm_at_the_root_until_it_is_over(void **state)
{
    (void)state;
    int64_t from = now();
    kp_hub_condition(hub, "disk", "the disk is full");
    turn();
    assert_int_equal(n_told, 1);
    assert_true(told[0].interval.kind == KP_INTERVAL_ALARM && told[0].interval.asset == 0);
    assert_true(told[0].interval.start == from && told[0].interval.end == KP_FOREVER);
    assert_string_equal(told[0].attributes, "{\"key\":\"disk\",\"text\":\"the disk is full\"}");
    kp_hub_condition(hub, "disk", "the disk is full");
    turn();
    assert_int_equal(n_told, 1);
    pass(KP_SECOND);
    kp_hub_condition(hub, "disk", "the disk is full and failing");
    turn();
    assert_true(n_told == 2 && last_told()->interval.id == told[0].interval.id &&
                last_told()->interval.start == from);
    kp_hub_condition(hub, "disk", NULL);
    kp_hub_condition(hub, "disk", NULL);
    turn();
    assert_true(n_told == 3 && last_told()->interval.end == now());
    pass(KP_SECOND);
    kp_hub_condition(hub, "disk", "the disk is full"); /* again: another alarm */
    turn();
    assert_true(n_told == 4 && last_told()->interval.id != told[0].interval.id);
    assert_int_equal(last_told()->interval.start, now());
}

static void conditions_of_different_keys_stand_side_by_side(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        kp_hub_condition(hub, key, "text");
    }
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 40);
    kp_hub_condition(hub, "key7", NULL);
    kp_hub_condition(hub, "never said", NULL);
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 39);
}

static void one_that_is_over_before_it_is_shown_is_not_and_one_that_comes_back_goes_on(void **state)
{
    (void)state;
    kp_hub_condition(hub, "disk", "full");
    kp_hub_condition(hub, "disk", NULL);
    turn();
    assert_int_equal(n_told, 0);
    kp_hub_condition(hub, "disk", "full");
    turn();
    int64_t since = last_told()->interval.start;
    pass(KP_SECOND);
    kp_hub_condition(hub, "disk", NULL);
    kp_hub_condition(hub, "disk", "full");
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 1);
    assert_int_equal(the_open_one().start, since);
}

static void a_condition_ends_also_when_the_clock_was_set_back(void **state)
{
    (void)state;
    kp_hub_condition(hub, "disk", "full");
    turn();
    kp_clock_jump(&virtual_clock, -KP_SECOND);
    kp_hub_condition(hub, "disk", NULL);
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 0);
}

static void texts_of_any_length_and_bytes_are_shown_as_valid_json(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, '"', sizeof text - 1);
    kp_hub_condition(hub, "long", text);
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 1);
    kp_hub_condition(hub, "long", NULL);
    kp_hub_condition(hub, "bytes", "\xff\xfe \x01");
    turn();
    struct kp_interval v = the_open_one();
    assert_true(kp_utf8_valid(v.attributes, strlen(v.attributes)));
    assert_non_null(strstr(v.attributes, "\\u0001"));
    n_told = 0;
    kp_hub_condition(hub, "bytes", "\xff\xfe \x01"); /* the same as before, cleaned */
    turn();
    assert_int_equal(n_told, 0);
}

static void a_condition_without_memory_is_shown_when_there_is_some(void **state)
{
    (void)state;
    kp_hub_condition(hub, "disk", "full");
    kp_mem_fail_at(1);
    kp_hub_turn(hub, 0);
    kp_mem_fail_at(0);
    assert_int_equal(n_told, 0);
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 1);
    kp_hub_condition(hub, "disk", NULL);
    kp_mem_fail_at(1);
    kp_hub_turn(hub, 0);
    kp_mem_fail_at(0);
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 1);
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 0);
    for (long nth = 1; nth <= 3; nth++) { /* nothing can be noted at all: said again later, it is */
        kp_mem_fail_at(nth);
        kp_hub_condition(hub, "other", "bad");
        kp_mem_fail_at(0);
    }
    kp_hub_condition(hub, "other", "bad");
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 1);
}

static void complain(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    (void)self;
    (void)change;
    (void)id;
    (void)v;
    kp_hub_condition(hub, "rows",
                     "changes of the model were lost"); /* as the store does without memory */
}

static void whoever_watches_the_model_may_have_a_condition_of_its_own(void **state)
{
    (void)state;
    kp_model_watch(model, (struct kp_watcher){ NULL, complain });
    kp_hub_condition(hub, "disk", "full");
    turn();
    turn();
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 2);
}

/* ---- the thread ---- */
static void note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
}

static void call_again(void *arg)
{
    assert_int_equal(kp_hub_call(hub, note_thread, arg),
                     KP_OK); /* from the hub's own thread: at once */
}

static void a_call_runs_here_before_the_start_there_while_it_runs_and_not_after(void **state)
{
    (void)state;
    pthread_t who = { 0 }, twice = { 0 };
    assert_int_equal(kp_hub_call(hub, note_thread, &who), KP_OK);
    assert_true(pthread_equal(who, pthread_self()));
    start();
    assert_int_equal(kp_hub_call(hub, note_thread, &who), KP_OK);
    assert_false(pthread_equal(who, pthread_self()));
    assert_int_equal(kp_hub_call(hub, call_again, &twice), KP_OK);
    assert_true(pthread_equal(who, twice));
    kp_hub_stop(hub);
    memset(&who, 0, sizeof who);
    assert_int_equal(kp_hub_call(hub, note_thread, &who), KP_ESTOPPED);
    assert_false(pthread_equal(who, twice));
}

static void what_is_queued_at_the_stop_is_taken(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    start();
    for (int i = 1; i <= 500; i++) {
        struct kp_batch *b = kp_batch_new(0);
        struct kp_sample sample = { x, KP_GOOD, i, kp_double(i) };
        kp_batch_add(b, &sample);
        assert_true(kp_hub_push(hub, b, -1));
    }
    kp_hub_stop(hub);
    assert_int_equal(stored, 500);
    struct kp_batch *late = kp_batch_new(0);
    assert_false(kp_hub_push(hub, late, 0));
    kp_batch_free(late);
    kp_hub_stop(hub); /* twice is once */
}

static bool is_nudged(void)
{
    pthread_mutex_lock(&hub->lock);
    bool nudged = hub->nudged;
    pthread_mutex_unlock(&hub->lock);
    return nudged;
}

static void a_waiting_hub_looks_up_when_a_condition_or_a_feed_comes(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    hear(0, x, 1, 7);
    start();
    for (int i = 0; i < 50; i++) { /* the nudge can be sent again and again */
        struct kp_subscriber *s =
            kp_hub_subscribe(hub, &(struct kp_subscriber_def){ .feed = true }, &err);
        struct kp_msg *msg = kp_subscriber_next(s, 5000);
        assert_non_null(msg);
        assert_int_equal(((struct kp_batch *)msg)->s[0].signal, x);
        kp_batch_drop(msg);
        kp_hub_unsubscribe(hub, s);
    }
    kp_hub_condition(hub, "disk", "full");
    WAIT_UNTIL(open_of(KP_INTERVAL_ALARM) == 1);
    WAIT_UNTIL(!is_nudged());
    assert_int_equal(kp_hub_stats(hub).batches, 1); /* a nudge is no batch */
}

static void nothing_needs_a_place_for_the_error(void **state)
{
    (void)state;
    struct kp_sample sample = { .signal = 9 };
    struct kp_coupling_def def = {
        .id = 1, .name = "x", .url = "sim://x", .at = "x", .class = &sim
    };
    struct kp_coupling_status st;
    assert_int_equal(kp_hub_add_coupling(hub, &def, NULL), KP_OK);
    assert_int_equal(kp_hub_add_coupling(hub, &def, NULL), KP_EEXISTS);
    assert_int_equal(kp_hub_reconnect(hub, 7, NULL), KP_ENOTFOUND);
    assert_int_equal(kp_hub_ask(hub, 7, NULL, NULL, NULL), KP_ENOTFOUND);
    assert_int_equal(kp_hub_write(hub, &sample, NULL), KP_ENOTFOUND);
    assert_int_equal(kp_hub_remove_coupling(hub, 7, NULL), KP_ENOTFOUND);
    assert_false(kp_hub_coupling_status(hub, 7, &st));
}

static enum kp_code whole_life(void *arg)
{
    struct kp_err e = { 0 };
    (void)arg;
    struct kp_hub *h = kp_hub_new(&(struct kp_hub_options){ 0 }, &e);
    const char *key = "fail", *value = "refused";
    struct kp_coupling_def def = { .id = 1,
                                   .name = "x",
                                   .url = "sim://x",
                                   .at = "x",
                                   .class = &sim,
                                   .n = 1,
                                   .keys = &key,
                                   .values = &value,
                                   .filter = { .include = "x/**" } };
    if (h && kp_hub_add_coupling(h, &def, &e) == KP_OK)
        kp_hub_remove_coupling(h, 1, &e);
    else if (h)
        assert_null(hub_find(h, 1)); /* nothing is left behind */
    kp_hub_free(h);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(whole_life, NULL);
    kp_hub_free(NULL);
}

static int quiet(void **state) /* the alarms of these tests are no news */
{
    (void)state;
    kp_log_setup(KP_LOG_ERROR, STDERR_FILENO);
    return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup_by_hand, teardown)
    const struct CMUnitTest tests[] = {
        T(news_reach_the_model_and_the_sink_and_repetitions_do_not),
        T(the_sink_gets_only_what_is_to_be_kept_in_its_order),
        T(what_fills_a_gap_goes_to_the_history_alone),
        T(a_hub_without_a_sink_shows_values_all_the_same),
        T(a_couplings_filter_holds_back_and_counts),
        T(a_push_into_a_full_hub_is_refused_and_the_batch_stays_the_callers),
        T(a_failed_link_leaves_a_gap_at_its_asset_from_its_loss_to_its_return),
        T(a_link_let_go_by_wish_leaves_a_gap_only_when_it_stays_away),
        T(a_coupling_that_was_never_up_has_a_gap_from_its_beginning_if_it_has_signals),
        T(one_switched_off_has_stale_signals_and_no_gap),
        T(all_signals_of_a_link_go_stale_and_each_returns_with_its_first_sample),
        T(a_link_up_for_less_than_a_look_is_marked_again),
        T(a_gap_follows_its_asset_and_survives_its_end),
        T(a_clock_set_back_does_not_keep_gaps_open),
        T(a_coupling_that_goes_away_leaves_stale_signals_and_closed_gaps),
        T(what_a_full_sink_loses_is_counted_and_a_gap_per_coupling_says_so),
        T(a_gap_that_could_not_be_noted_for_lack_of_memory_is_noted_at_its_end),
        T(what_waits_for_room_is_kept_and_stored_in_order),
        cmocka_unit_test_setup_teardown(what_the_sink_never_takes_is_lost_at_the_end_and_counted,
                                        setup_threads, teardown),
        T(a_condition_is_an_alarm_at_the_root_until_it_is_over),
        T(conditions_of_different_keys_stand_side_by_side),
        T(one_that_is_over_before_it_is_shown_is_not_and_one_that_comes_back_goes_on),
        T(a_condition_ends_also_when_the_clock_was_set_back),
        T(texts_of_any_length_and_bytes_are_shown_as_valid_json),
        T(a_condition_without_memory_is_shown_when_there_is_some),
        T(whoever_watches_the_model_may_have_a_condition_of_its_own),
        T(a_call_runs_here_before_the_start_there_while_it_runs_and_not_after),
        T(what_is_queued_at_the_stop_is_taken),
        T(a_waiting_hub_looks_up_when_a_condition_or_a_feed_comes),
        T(nothing_needs_a_place_for_the_error),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
