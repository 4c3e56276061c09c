/* SPDX-License-Identifier: Apache-2.0 */
/* Signals with a rule of states become intervals of kind state at their machine. */
#include "hub_kit.h"

#include "core/ban.h"

/* A signal of coupling 1 that tells the state of the machine "hall/mill". */
static kp_signal teller(const char *path, const char *rule)
{
    kp_signal s = make_signal(1, path);
    struct kp_signal_info info = *kp_model_signal(model, s);
    info.states = rule;
    assert_int_equal(kp_model_put_signal(model, &info, &err), s);
    turn();
    return s;
}

static kp_signal mill(const char *rule)
{
    assert_true(kp_model_make_path(model, "hall/mill", KP_MACHINE, &err));
    return teller("hall/mill/execution", rule);
}

static void word(kp_signal s, int64_t at, const char *text)
{
    say(1, false, (struct kp_sample){ s, KP_GOOD, at, kp_string(text, strlen(text)) });
}

static bool find_state(void *arg, const struct kp_interval *v)
{
    if (v->kind == KP_INTERVAL_STATE)
        *(struct kp_interval *)arg = *v;
    return true;
}

/* What "hall/mill" is doing, and since when. */
static void assert_state(const char *state, int64_t since)
{
    struct kp_interval v = { 0 };
    char want[64];
    kp_model_open_intervals(model, kp_model_find_asset(model, "hall/mill"), find_state, &v);
    if (!state) {
        assert_int_equal(v.id, 0);
        return;
    }
    snprintf(want, sizeof want, "{\"state\":\"%s\",\"derived\":true}", state);
    assert_string_equal(v.attributes, want);
    assert_int_equal(v.start, since);
    assert_int_equal(v.asset, kp_model_find_asset(model, "hall/mill"));
}

static void a_word_opens_a_state_and_the_next_one_ends_it(void **state)
{
    (void)state;
    kp_signal s = mill("running=ACTIVE; stopped=STOPPED; idle");
    int64_t t = now();
    word(s, t - 5, "ACTIVE");
    assert_state("running", t - 5);
    word(s, t - 4, "ACTIVE");
    assert_state("running", t - 5);
    word(s, t - 2, "READY");
    assert_state("idle", t - 2);
    assert_int_equal(open_of(KP_INTERVAL_STATE), 1);
}

static void the_role_state_needs_no_rule(void **state)
{
    (void)state;
    kp_signal s = mill(NULL);
    struct kp_signal_info info = *kp_model_signal(model, s);
    info.role = "state";
    kp_model_put_signal(model, &info, &err);
    word(s, now(), "Executing");
    assert_state("running", now());
}

static void a_bad_value_and_a_lost_link_end_the_state(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    kp_signal s = mill("running=1; idle");
    c->status.link = KP_LINK_ONLINE;
    hear(1, s, now(), 1);
    assert_state("running", now());
    say(1, false, (struct kp_sample){ s, KP_BAD, now() + 1, { .type = KP_NULL } });
    assert_state(NULL, 0);
    hear(1, s, now() + 2, 1);
    assert_state("running", now() + 2);
    pass(KP_SECOND);
    int64_t down = now();
    link_down(c, KP_LINK_WAITING, true);
    pass(KP_SECOND);
    assert_state("running", down - KP_SECOND + 2);
    pass(5 * KP_SECOND);
    assert_state(NULL, 0);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 1);
}

static void of_several_signals_the_busiest_counts(void **state)
{
    (void)state;
    kp_signal a = mill("running=1; idle"), b = teller("hall/mill/channel2", "running=1; stopped=2; idle");
    int64_t t = now();
    hear(1, a, t, 0);
    hear(1, b, t, 2);
    assert_state("stopped", t);
    hear(1, a, t + 1, 1);
    assert_state("running", t + 1);
    hear(1, b, t + 2, 1);
    hear(1, a, t + 3, 0);
    assert_state("running", t + 1);
    hear(1, b, t + 4, 0);
    assert_state("idle", t + 4);
}

static void a_rule_that_was_fixed_counts_before_one_that_was_learnt(void **state)
{
    (void)state;
    kp_signal power = mill("learn; running>=1000,800; idle"), channel = teller("hall/mill/channel2", "running=1; stopped=2; idle");
    int64_t t = now();
    hear(1, power, t, 5000);
    assert_state(NULL, 0);
    hear(1, channel, t + 1, 2);
    assert_state("stopped", t + 1);
    hear(1, power, t + 2, 10);
    hear(1, power, t + 3, 5000);
    assert_state("stopped", t + 1);
    struct kp_signal_info info = *kp_model_signal(model, channel);
    info.states = NULL;
    kp_model_put_signal(model, &info, &err);
    hear(1, power, t + 4, 900); /* lasts down to 800 */
    assert_state("running", t + 1);
    hear(1, power, now() + 5, 700);
    assert_state("idle", now() + 5);
}

static void a_state_that_must_hold_counts_from_when_it_began(void **state)
{
    (void)state;
    kp_signal s = mill("running>=100; idle; hold 10s");
    int64_t t = now();
    hear(1, s, t, 0);
    assert_state("idle", t);
    hear(1, s, t + 1, 150); /* a peak */
    hear(1, s, t + 2, 20);
    pass(20 * KP_SECOND);
    assert_state("idle", t);
    t = now();
    hear(1, s, t, 150);
    pass(9 * KP_SECOND);
    assert_state("idle", t - 20 * KP_SECOND);
    pass(2 * KP_SECOND); /* nothing new was said: it lasts */
    assert_state("running", t);
}

static void a_state_goes_on_over_a_restart(void **state)
{
    (void)state;
    struct kp_interval before = { .asset = kp_model_make_path(model, "hall/mill", KP_MACHINE, &err),
                                  .kind = KP_INTERVAL_STATE,
                                  .start = now() - KP_SECOND,
                                  .end = KP_FOREVER,
                                  .attributes = "{\"state\":\"running\",\"derived\":true}" };
    assert_true(kp_model_put_interval(model, &before, &err)); /* as the file had it */
    kp_signal s = mill("running=1; idle");
    pass(KP_SECOND);
    assert_state("running", before.start);
    hear(1, s, now(), 1);
    assert_state("running", before.start);
    hear(1, s, now() + 1, 0);
    assert_state("idle", now() + 1);
    assert_int_equal(open_of(KP_INTERVAL_STATE), 1);
}

static void one_made_by_hand_is_left_alone(void **state)
{
    (void)state;
    kp_signal s = mill("running=1; idle");
    struct kp_interval own = { .asset = kp_model_find_asset(model, "hall/mill"),
                               .kind = KP_INTERVAL_STATE,
                               .start = now(),
                               .end = KP_FOREVER,
                               .attributes = "{\"state\":\"inspection\"}" };
    kp_model_put_interval(model, &own, &err);
    hear(1, s, now(), 1);
    hear(1, s, now() + 1, 0);
    assert_int_equal(open_of(KP_INTERVAL_STATE), 2);
}

static void without_its_teller_a_machine_has_no_state(void **state)
{
    (void)state;
    kp_signal s = mill("running=1; idle");
    hear(1, s, now(), 1);
    assert_state("running", now());
    kp_model_remove_signal(model, s, &err);
    pass(KP_SECOND);
    assert_state(NULL, 0);
    s = mill("running=1; idle");
    hear(1, s, now(), 1);
    kp_model_remove_asset(model, kp_model_find_asset(model, "hall/mill"), &err);
    pass(KP_SECOND);
    assert_int_equal(open_of(KP_INTERVAL_STATE), 0);
}

static void a_signal_outside_any_machine_tells_of_its_own_asset(void **state)
{
    (void)state;
    kp_asset hall = kp_model_make_path(model, "hall", KP_AREA, &err);
    struct kp_signal_info info = { .name = "oven", .asset = hall, .states = "running=1; idle", .type = KP_DOUBLE };
    kp_signal s = kp_model_put_signal(model, &info, &err);
    hear(0, s, now(), 1);
    struct kp_interval v = { 0 };
    kp_model_open_intervals(model, hall, find_state, &v);
    assert_int_equal(v.asset, hall);
}

static void history_says_nothing_of_now(void **state)
{
    (void)state;
    kp_signal s = mill("running=1; idle");
    say(1, true, (struct kp_sample){ s, KP_GOOD, now() - KP_SECOND, kp_double(1) });
    assert_state(NULL, 0);
}

#define BY_HAND(test) cmocka_unit_test_setup_teardown(test, setup_by_hand, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        BY_HAND(a_word_opens_a_state_and_the_next_one_ends_it),
        BY_HAND(the_role_state_needs_no_rule),
        BY_HAND(a_bad_value_and_a_lost_link_end_the_state),
        BY_HAND(of_several_signals_the_busiest_counts),
        BY_HAND(a_rule_that_was_fixed_counts_before_one_that_was_learnt),
        BY_HAND(a_state_that_must_hold_counts_from_when_it_began),
        BY_HAND(a_state_goes_on_over_a_restart),
        BY_HAND(one_made_by_hand_is_left_alone),
        BY_HAND(without_its_teller_a_machine_has_no_state),
        BY_HAND(a_signal_outside_any_machine_tells_of_its_own_asset),
        BY_HAND(history_says_nothing_of_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
