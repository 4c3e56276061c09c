/* SPDX-License-Identifier: Apache-2.0 */
/* Subscribers, by hand: what each gets, and what happens when it is slow. */
#include "hub_kit.h"

static struct kp_subscriber *s;
static int ready_calls;

static void on_ready(void *arg)
{
    assert_ptr_equal(arg, &ready_calls);
    ready_calls++;
}

static struct kp_subscriber *subscribe(struct kp_subscriber_def def)
{
    ready_calls = 0;
    def.ready = on_ready;
    def.arg = &ready_calls;
    s = kp_hub_subscribe(hub, &def, &err);
    assert_string_equal(err.text, "");
    return s;
}

/* Takes all that waits; returns the number of samples, the last of them in *last, intervals in
 * *intervals. */
static unsigned drain(struct kp_sample *last, unsigned *intervals)
{
    unsigned n = 0;
    for (struct kp_msg *msg; (msg = kp_subscriber_next(s, 0)); kp_batch_drop(msg)) {
        if (msg->kind == KP_MSG_INTERVAL) {
            if (intervals)
                ++*intervals;
            continue;
        }
        const struct kp_batch *b = (const struct kp_batch *)msg;
        assert_true(b->n > 0 && b->n <= KP_BATCH_MAX);
        n += b->n;
        if (last)
            *last = b->s[b->n - 1];
    }
    return n;
}

/* ---- what it gets ---- */
static void it_gets_news_of_matching_signals_and_nothing_else(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/mill/x"), y = make_signal(0, "hall/lathe/y");
    struct kp_sample last;
    subscribe((struct kp_subscriber_def){ .filter = { .include = "hall/mill" } });
    hear(0, x, 1, 7);
    hear(0, y, 1, 8);
    assert_int_equal(drain(&last, NULL), 1);
    assert_true(last.signal == x && last.value.d == 7 && last.at == 1);
    hear(0, x, 1, 7);                                                /* told already */
    hear(0, x, 0, 9);                                                /* late: for the history */
    say(0, true, (struct kp_sample){ x, KP_GOOD, 5, kp_double(1) }); /* fills a gap */
    hear(0, 99, 1, 1);                                               /* unknown */
    assert_int_equal(drain(NULL, NULL), 0);
    hear(0, x, 2, 7);
    assert_int_equal(drain(NULL, NULL), 1);
    kp_hub_unsubscribe(hub, s);
}

static void what_is_not_stored_is_shown_all_the_same(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    struct kp_signal_info info = *kp_model_signal(model, x);
    info.stored = false;
    kp_model_put_signal(model, &info, &err);
    subscribe((struct kp_subscriber_def){ 0 });
    hear(0, x, 1, 1);
    assert_int_equal(drain(NULL, NULL), 1);
    assert_int_equal(stored, 0);
    kp_hub_unsubscribe(hub, s);
}

static void texts_are_copies_that_outlive_the_model(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    subscribe((struct kp_subscriber_def){ 0 });
    say(0, false, (struct kp_sample){ x, KP_GOOD, 1, kp_string("first", 5) });
    struct kp_msg *msg = kp_subscriber_next(s, 0);
    assert_non_null(msg);
    say(0, false, (struct kp_sample){ x, KP_GOOD, 2, kp_string("other", 5) });
    kp_model_remove_signal(model, x, &err);
    struct kp_value want = kp_string("first", 5);
    assert_true(kp_value_equal(&((struct kp_batch *)msg)->s[0].value, &want));
    kp_batch_drop(msg);
    kp_hub_unsubscribe(hub, s);
}

static void its_own_rate_and_deadband_hold(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    struct kp_signal_info info = *kp_model_signal(model, x);
    info.low = 0;
    info.high = 200;
    kp_model_put_signal(model, &info, &err);
    subscribe(
        (struct kp_subscriber_def){ .filter = { .deadband = 1, .percent = true } }); /* 2 of 200 */
    static const double values[] = { 10, 11, 12, 12.5, 9, 10.9 };
    for (int i = 0; i < 6; i++)
        hear(0, x, i + 1, values[i]);
    struct kp_sample last;
    assert_int_equal(drain(&last, NULL), 3); /* 10, 12.5, 9 */
    assert_true(last.value.d == 9);
    assert_int_equal(stored, 6); /* the history has its own mind */
    kp_hub_unsubscribe(hub, s);
    subscribe((struct kp_subscriber_def){ .filter = { .every = KP_SECOND } });
    for (int i = 0; i < 30; i++)
        hear(0, x, KP_SECOND + i * KP_SECOND / 10, i);
    assert_int_equal(drain(NULL, NULL), 3);
    kp_hub_unsubscribe(hub, s);
}

static void a_moved_signal_is_judged_by_its_new_path(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/mill/x");
    kp_asset out = kp_model_make_path(model, "yard/mill2", KP_MACHINE, &err);
    subscribe((struct kp_subscriber_def){ .filter = { .include = "yard" } });
    hear(0, x, 1, 1);
    assert_int_equal(drain(NULL, NULL), 0);
    struct kp_signal_info info = *kp_model_signal(model, x);
    info.asset = out;
    kp_model_put_signal(model, &info, &err); /* the signal itself */
    hear(0, x, 2, 1);
    assert_int_equal(drain(NULL, NULL), 1);
    struct kp_asset_info above = *kp_model_asset(model, out);
    above.parent = kp_model_find_asset(model, "hall");
    kp_model_put_asset(model, &above, &err); /* what is above it */
    hear(0, x, 3, 1);
    assert_int_equal(drain(NULL, NULL), 0);
    kp_hub_unsubscribe(hub, s);
}

static void intervals_come_when_asked_for_and_of_matching_assets(void **state)
{
    (void)state;
    struct kp_interval v = { .asset = kp_model_make_path(model, "hall/mill", KP_MACHINE, &err),
                             .kind = KP_INTERVAL_STOP,
                             .start = 1,
                             .end = KP_FOREVER,
                             .attributes = "{\"why\":\"tool\"}" };
    subscribe(
        (struct kp_subscriber_def){ .filter = { .include = "hall/mill" }, .intervals = true });
    struct kp_subscriber *deaf = kp_hub_subscribe(hub, &(struct kp_subscriber_def){ 0 }, &err);
    v.id = kp_model_put_interval(model, &v, &err);
    struct kp_interval elsewhere = v;
    elsewhere.id = 0;
    elsewhere.asset = 0;
    kp_model_put_interval(model, &elsewhere, &err);
    struct kp_interval_msg *msg = (struct kp_interval_msg *)kp_subscriber_next(s, 0);
    assert_non_null(msg);
    assert_true(msg->interval.id == v.id && !msg->removed);
    assert_string_equal(msg->interval.attributes, "{\"why\":\"tool\"}");
    kp_batch_drop(&msg->msg);
    assert_null(kp_subscriber_next(s, 0));
    kp_model_remove_interval(model, &v, &err);
    msg = (struct kp_interval_msg *)kp_subscriber_next(s, 0);
    assert_true(msg && msg->removed && msg->interval.id == v.id);
    kp_batch_drop(&msg->msg);
    kp_model_remove_interval(model, &(struct kp_interval){ .id = 99, .asset = v.asset },
                             &err); /* without attributes */
    msg = (struct kp_interval_msg *)kp_subscriber_next(s, 0);
    assert_true(msg && msg->removed);
    kp_batch_drop(&msg->msg);
    assert_null(kp_subscriber_next(deaf, 0));
    kp_hub_unsubscribe(hub, deaf);
    kp_hub_unsubscribe(hub, s);
}

/* ---- feeding ---- */
static void many_signals(unsigned n)
{
    kp_asset a = kp_model_make_path(model, "hall/m", KP_MACHINE, &err);
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%05u", i);
        kp_signal id = kp_model_put_signal(
            model,
            &(struct kp_signal_info){ .asset = a, .name = name, .type = KP_DOUBLE, .stored = true },
            &err);
        assert_int_equal(
            kp_model_restore(model, &(struct kp_sample){ id, KP_GOOD, 1, kp_double(i) }, &err),
            KP_OK);
    }
}

static void it_starts_with_the_current_values_when_it_asks_for_them(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x"), y = make_signal(0, "hall/y");
    make_signal(0, "hall/never-heard");
    hear(0, x, 1, 7);
    hear(0, y, 1, 8);
    subscribe((struct kp_subscriber_def){ .feed = true, .filter = { .exclude = "hall/y" } });
    turn();
    struct kp_sample last;
    assert_int_equal(drain(&last, NULL), 1);
    assert_true(last.signal == x && last.value.d == 7);
    turn();
    assert_int_equal(drain(NULL, NULL), 0); /* once */
    kp_hub_unsubscribe(hub, s);
    subscribe((struct kp_subscriber_def){ 0 });
    turn();
    assert_int_equal(drain(NULL, NULL), 0);
    kp_hub_unsubscribe(hub, s);
}

static void a_feed_takes_at_most_256_values_a_turn(void **state)
{
    (void)state;
    many_signals(1000);
    subscribe((struct kp_subscriber_def){ .feed = true });
    unsigned turns = 0, got = 0;
    for (; got < 1000 && turns < 100; turns++) {
        kp_hub_turn(hub, 0);
        unsigned n = drain(NULL, NULL);
        assert_true(n <= 256);
        got += n;
    }
    assert_int_equal(got, 1000);
    assert_int_equal(turns, 4);
    kp_hub_unsubscribe(hub, s);
}

static void a_model_larger_than_its_queue_is_fed_whole_and_once(void **state)
{
    (void)state;
    enum { N = 12000 };
    static uint8_t seen[N + 2];
    memset(seen, 0, sizeof seen);
    many_signals(N);
    subscribe((struct kp_subscriber_def){ .feed = true, .budget = 64 << 10 }); /* seven batches */
    for (int rounds = 0; rounds < 200; rounds++) {
        turn(); /* as long as there is something to do */
        assert_true(kp_queue_used(s->queue) <= 64 << 10);
        for (struct kp_msg *msg; (msg = kp_subscriber_next(s, 0)); kp_batch_drop(msg))
            for (unsigned i = 0; i < ((struct kp_batch *)msg)->n; i++)
                seen[((struct kp_batch *)msg)->s[i].signal]++;
    }
    for (unsigned i = 1; i <= N; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(kp_subscriber_behind(s), 0);
    kp_hub_unsubscribe(hub, s);
}

static void a_narrow_feed_looks_at_a_part_of_the_model_each_turn(void **state)
{
    (void)state;
    many_signals(12000);
    subscribe((struct kp_subscriber_def){ .feed = true, .filter = { .include = "hall/m/s11999" } });
    kp_hub_turn(hub, 0);
    assert_int_equal(drain(NULL, NULL),
                     0); /* not there yet, and the hub has not looked at all of it */
    assert_int_equal(s->feed, 4097);
    turn();
    struct kp_sample last;
    assert_int_equal(drain(&last, NULL), 1);
    assert_int_equal(last.signal, 12000);
    kp_hub_unsubscribe(hub, s);
}

/* ---- being slow ---- */
static void one_that_is_behind_gets_the_current_values_once_it_has_drained(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x"), y = make_signal(0, "hall/y");
    subscribe((struct kp_subscriber_def){ .budget = 1 }); /* one message at a time */
    hear(0, y, 1, 1);
    for (int i = 1; i <= 50; i++)
        hear(0, x, i, i);
    assert_int_equal(kp_subscriber_behind(s), 1); /* once, however much it missed */
    struct kp_sample last;
    assert_int_equal(drain(&last, NULL), 1);
    assert_int_equal(last.signal, y);
    turn();
    assert_int_equal(drain(&last, NULL), 2); /* both, as they are now */
    assert_true(last.signal == y || last.value.d == 50);
    hear(0, x, 51, 51);
    assert_int_equal(drain(&last, NULL), 1); /* and news again */
    assert_true(last.value.d == 51);
    kp_hub_unsubscribe(hub, s);
}

static void a_slow_one_disturbs_no_other(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    struct kp_subscriber *slow =
        kp_hub_subscribe(hub, &(struct kp_subscriber_def){ .budget = 1 }, &err);
    subscribe((struct kp_subscriber_def){ 0 });
    for (int i = 1; i <= 1000; i++) {
        hear(0, x, i, i);
        assert_int_equal(drain(NULL, NULL), 1);
    }
    assert_int_equal(stored, 1000);
    assert_int_equal(kp_subscriber_behind(s), 0);
    assert_int_equal(kp_subscriber_behind(slow), 1);
    kp_hub_unsubscribe(hub, slow);
    kp_hub_unsubscribe(hub, s);
}

static void the_reader_is_woken_once_until_it_has_taken_everything(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    subscribe((struct kp_subscriber_def){ 0 });
    hear(0, x, 1, 1);
    assert_int_equal(ready_calls, 1);
    hear(0, x, 2, 1);
    hear(0, x, 3, 1);
    assert_int_equal(ready_calls, 1);
    kp_batch_drop(kp_subscriber_next(s, 0)); /* took one of three, so it goes on by itself */
    hear(0, x, 4, 1);
    assert_int_equal(ready_calls, 1);
    assert_int_equal(drain(NULL, NULL), 3);
    hear(0, x, 5, 1);
    assert_int_equal(ready_calls, 2);
    kp_hub_unsubscribe(hub, s);
}

/* ---- staleness ---- */
static void a_cut_off_signal_is_told_and_so_is_its_return_whatever_the_filter(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    struct kp_sample last;
    subscribe((struct kp_subscriber_def){ .filter = { .deadband = 100, .every = KP_SECOND } });
    hear(1, x, 1, 5);
    assert_int_equal(drain(NULL, NULL), 1);
    link_down(c, KP_LINK_WAITING, true);
    pass(4 * KP_SECOND);
    assert_int_equal(drain(&last, NULL), 1);
    assert_int_equal(last.status, KP_BAD_NO_COMMUNICATION);
    assert_true(last.value.d == 5 && last.at == 1);
    hear(1, x, 1, 5); /* the same as before the cut: a re-delivery */
    assert_int_equal(drain(&last, NULL), 1);
    assert_int_equal(last.status, KP_GOOD);
    kp_hub_unsubscribe(hub, s);
}

/* ---- limits ---- */
static void there_is_room_for_256_and_each_that_leaves_makes_room(void **state)
{
    (void)state;
    static struct kp_subscriber *all[KP_SUBSCRIBERS_MAX];
    for (int i = 0; i < KP_SUBSCRIBERS_MAX; i++) {
        all[i] = kp_hub_subscribe(hub, &(struct kp_subscriber_def){ 0 }, &err);
        assert_non_null(all[i]);
    }
    assert_int_equal(kp_hub_stats(hub).subscribers, KP_SUBSCRIBERS_MAX);
    assert_null(kp_hub_subscribe(hub, &(struct kp_subscriber_def){ 0 }, &err));
    assert_int_equal(err.code, KP_EFULL);
    assert_null(kp_hub_subscribe(hub, &(struct kp_subscriber_def){ 0 }, NULL));
    err = (struct kp_err){ 0 };
    kp_hub_unsubscribe(hub, all[7]);
    all[7] = kp_hub_subscribe(hub, &(struct kp_subscriber_def){ 0 }, &err);
    assert_non_null(all[7]);
    for (int i = 0; i < KP_SUBSCRIBERS_MAX; i++)
        kp_hub_unsubscribe(hub, all[i]);
    kp_hub_unsubscribe(hub, NULL);
    assert_int_equal(kp_hub_stats(hub).subscribers, 0);
}

static void a_pattern_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_null(kp_hub_subscribe(
        hub, &(struct kp_subscriber_def){ .filter = { .include = "a//b" } }, &err));
    assert_int_equal(err.code, KP_EINVALID);
    assert_int_equal(kp_hub_stats(hub).subscribers, 0);
}

static void those_still_there_at_the_end_go_with_the_hub(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    subscribe((struct kp_subscriber_def){ 0 });
    hear(0, x, 1, 1); /* and what waits for them; teardown looks for leaks */
}

static void without_memory_it_is_behind_and_is_fed_when_there_is_some_again(void **state)
{
    (void)state;
    kp_signal x = make_signal(0, "hall/x");
    struct kp_sample last;
    subscribe((struct kp_subscriber_def){ .intervals = true });
    struct kp_batch *b = kp_batch_new(0);
    struct kp_sample sample = { x, KP_GOOD, 1, kp_double(3) };
    kp_batch_add(b, &sample);
    kp_hub_push(hub, b, 0);
    kp_mem_fail_at(1); /* the first thing needed: room to note which signals it wants */
    kp_hub_turn(hub, 0);
    kp_mem_fail_at(0);
    assert_int_equal(kp_subscriber_behind(s), 1);
    turn();
    assert_int_equal(drain(&last, NULL), 1);
    assert_true(last.value.d == 3);
    b = kp_batch_new(0);
    sample.at = 2;
    kp_batch_add(b, &sample);
    kp_hub_push(hub, b, 0);
    kp_mem_fail_at(1); /* now: its batch */
    kp_hub_turn(hub, 0);
    kp_mem_fail_at(0);
    assert_int_equal(kp_subscriber_behind(s), 2);
    turn();
    assert_int_equal(drain(&last, NULL), 1);
    assert_int_equal(last.at, 2);
    struct kp_interval v = { .start = 1, .end = KP_FOREVER, .attributes = "{}" };
    kp_model_put_interval(model, &v, &err);
    assert_true(drain(NULL, NULL) == 0);
    kp_mem_fail_at(2); /* the model's copy is made, the message is not */
    v.start = 2;
    kp_model_put_interval(model, &v, &err);
    kp_mem_fail_at(0);
    assert_int_equal(kp_subscriber_behind(s), 3);
    kp_hub_unsubscribe(hub, s);
}

static enum kp_code come_and_go(void *arg)
{
    struct kp_err e = { 0 };
    struct kp_subscriber_def def = { .filter = { .include = "a/**, b", .exclude = "c" } };
    struct kp_subscriber *one = kp_hub_subscribe(arg, &def, &e);
    kp_hub_unsubscribe(arg, one);
    assert_int_equal(one == NULL, e.code != KP_OK);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(come_and_go, hub);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup_by_hand, teardown)
    const struct CMUnitTest tests[] = {
        T(it_gets_news_of_matching_signals_and_nothing_else),
        T(what_is_not_stored_is_shown_all_the_same),
        T(texts_are_copies_that_outlive_the_model),
        T(its_own_rate_and_deadband_hold),
        T(a_moved_signal_is_judged_by_its_new_path),
        T(intervals_come_when_asked_for_and_of_matching_assets),
        T(it_starts_with_the_current_values_when_it_asks_for_them),
        T(a_feed_takes_at_most_256_values_a_turn),
        T(a_model_larger_than_its_queue_is_fed_whole_and_once),
        T(a_narrow_feed_looks_at_a_part_of_the_model_each_turn),
        T(one_that_is_behind_gets_the_current_values_once_it_has_drained),
        T(a_slow_one_disturbs_no_other),
        T(the_reader_is_woken_once_until_it_has_taken_everything),
        T(a_cut_off_signal_is_told_and_so_is_its_return_whatever_the_filter),
        T(there_is_room_for_256_and_each_that_leaves_makes_room),
        T(a_pattern_that_is_none_is_refused),
        T(those_still_there_at_the_end_go_with_the_hub),
        T(without_memory_it_is_behind_and_is_fed_when_there_is_some_again),
        T(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
