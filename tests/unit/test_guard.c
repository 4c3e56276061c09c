/* SPDX-License-Identifier: Apache-2.0 */
/* Who guesses waits longer and longer, and a flood of refusals is a few rows. */
#include "store_kit.h"

#include "web/guard.h"

#include "core/ban.h"

struct place {
    struct kit *k;
    struct kp_guard *g;
};

static int begin(void **state)
{
    static struct place p;
    p.k = kit_new();
    kit_open(p.k);
    p.g = kp_guard_new(&p.k->clock.clock, p.k->store);
    *state = &p;
    return !p.g;
}

static int end(void **state)
{
    struct place *p = *state;
    kp_guard_free(p->g);
    kit_free(p->k);
    return 0;
}

static void fail_times(struct place *p, const char *user, const char *from, int n)
{
    for (int i = 0; i < n; i++)
        kp_guard_failed(p->g, user, from);
}

static void the_first_wrong_passwords_cost_nothing_and_each_further_one_twice_the_time(void **state)
{
    struct place *p = *state;
    fail_times(p, "anna", "192.0.2.1", KP_GUARD_USER_FREE - 1);
    assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.1"), 0);
    for (int64_t want = 1; want < 4000; want *= 2) {
        fail_times(p, "anna", "192.0.2.1", 1);
        int64_t wait = kp_guard_wait(p->g, "anna", "192.0.2.9"); /* whatever address asks */
        assert_int_equal(wait, want < KP_GUARD_WAIT_MAX_S ? want : KP_GUARD_WAIT_MAX_S);
        kp_clock_advance(&p->k->clock, wait * KP_SECOND - 1);
        assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.9"), 1);
        kp_clock_advance(&p->k->clock, 1);
        assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.9"), 0);
    }
    assert_int_equal(kp_guard_wait(p->g, "bert", "192.0.2.9"), 0);
}

static void an_address_that_tries_many_users_waits_too_and_others_do_not(void **state)
{
    struct place *p = *state;
    char user[16];
    for (int i = 0; i < KP_GUARD_ADDRESS_FREE; i++) {
        snprintf(user, sizeof user, "user%d", i);
        kp_guard_failed(p->g, user, "192.0.2.1");
    }
    assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.1"), 1);
    assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.2"), 0);
}

static void who_gets_in_begins_anew_and_an_hour_without_failure_is_forgotten(void **state)
{
    struct place *p = *state;
    fail_times(p, "anna", "192.0.2.1", KP_GUARD_USER_FREE + 3);
    assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.9"), 8);
    kp_guard_passed(p->g, "anna");
    assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.9"), 0);
    fail_times(p, "anna", "192.0.2.1", KP_GUARD_USER_FREE - 1);
    kp_clock_advance(&p->k->clock, 3601 * KP_SECOND);
    fail_times(p, "anna", "192.0.2.1", KP_GUARD_USER_FREE - 1);
    assert_int_equal(kp_guard_wait(p->g, "anna", "192.0.2.9"), 0);
}

static void names_made_up_do_not_push_out_the_one_that_is_guessed_at(void **state)
{
    struct place *p = *state;
    char user[24], from[24];
    fail_times(p, "owner", "192.0.2.1", 20);
    for (int i = 0; i < 3 * KP_GUARD_KNOCKS; i++) {
        snprintf(user, sizeof user, "user%d", i);
        snprintf(from, sizeof from, "2001:db8::%x", i);
        kp_guard_failed(p->g, user, from);
    }
    assert_int_equal(kp_guard_wait(p->g, "owner", "192.0.2.2"), KP_GUARD_WAIT_MAX_S);
}

static void refuse(struct place *p, const char *user, const char *from, int n)
{
    const struct kp_audit row = { .user = user,
                                  .via = "password",
                                  .from = from,
                                  .action = "login",
                                  .detail = "a browser",
                                  .result = "unauthorized" };
    for (int i = 0; i < n; i++)
        kp_guard_refused(p->g, &row);
}

static void the_first_refusal_is_written_at_once_and_the_rest_of_its_minute_is_one_row(void **state)
{
    struct place *p = *state;
    refuse(p, "anna", "192.0.2.1", 38);
    refuse(p, NULL, "192.0.2.2", 1);
    kp_guard_turn(p->g);
    assert_int_equal(kit_number(p->k, "select count(*) from audit"), 2);
    assert_int_equal(kit_number(p->k, "select count(*) from audit where user = 'anna' and result = "
                                      "'unauthorized' and detail = 'a browser'"),
                     1);
    kp_clock_advance(&p->k->clock, 59 * KP_SECOND);
    kp_guard_turn(p->g);
    assert_int_equal(kit_number(p->k, "select count(*) from audit"), 2);
    kp_clock_advance(&p->k->clock, KP_SECOND);
    kp_guard_turn(p->g);
    kp_guard_turn(p->g);
    assert_int_equal(kit_number(p->k, "select count(*) from audit"), 3);
    assert_int_equal(kit_number(p->k, "select count(*) from audit where detail = '37 more refusals "
                                      "from 192.0.2.1 in this minute'"),
                     1);
    refuse(p, "anna", "192.0.2.1", 1);
    kp_guard_turn(p->g);
    assert_int_equal(kit_number(p->k, "select count(*) from audit"), 4);
}

static void a_flood_from_everywhere_is_counted_in_a_table_of_fixed_size(void **state)
{
    struct place *p = *state;
    char from[24];
    for (int i = 0; i < 10000; i++) {
        snprintf(from, sizeof from, "2001:db8::%x", i);
        refuse(p, NULL, from, 1);
    }
    kp_clock_advance(&p->k->clock, 60 * KP_SECOND);
    kp_guard_turn(p->g);
    assert_int_equal(kit_number(p->k, "select count(*) from audit"), KP_GUARD_REFUSALS + 1);
    assert_int_equal(kit_number(p->k, "select count(*) from audit where detail = '9936 more "
                                      "refusals from other addresses in this minute'"),
                     1);
}

static void what_waits_is_written_when_the_guard_ends(void **state)
{
    struct place *p = *state;
    kp_guard_start(p->g);
    refuse(p, "anna", "192.0.2.1", 5);
    kp_guard_free(p->g);
    p->g = NULL;
    assert_int_equal(
        kit_number(p->k, "select count(*) from audit where detail like '4 more refusals%'"), 1);
}

static void who_asks_without_end_is_let_go_on_at_one_a_second_and_others_as_before(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < KP_GUARD_CALLS; i++)
        assert_true(kp_guard_call(p->g, "assistant"));
    assert_false(kp_guard_call(p->g, "assistant"));
    assert_true(kp_guard_call(p->g, "another"));
    kp_clock_advance(&p->k->clock, KP_SECOND - 1);
    assert_false(kp_guard_call(p->g, "assistant"));
    kp_clock_advance(&p->k->clock, 2 * KP_SECOND + 1);
    for (int i = 0; i < 3; i++)
        assert_true(kp_guard_call(p->g, "assistant"));
    assert_false(kp_guard_call(p->g, "assistant"));
    kp_clock_advance(&p->k->clock, 10 * KP_GUARD_CALLS * KP_SECOND);
    for (int i = 0; i < KP_GUARD_CALLS; i++)
        assert_true(kp_guard_call(p->g, "assistant"));
    assert_false(kp_guard_call(p->g, "assistant"));
    for (int i = 0; i < KP_GUARD_ASKERS; i++) { /* the one that asked longest ago is forgotten */
        char name[24];
        snprintf(name, sizeof name, "asker %d", i);
        kp_clock_advance(&p->k->clock, 1);
        assert_true(kp_guard_call(p->g, name));
    }
    assert_true(kp_guard_call(p->g, "assistant"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(the_first_wrong_passwords_cost_nothing_and_each_further_one_twice_the_time),
        T(an_address_that_tries_many_users_waits_too_and_others_do_not),
        T(who_asks_without_end_is_let_go_on_at_one_a_second_and_others_as_before),
        T(who_gets_in_begins_anew_and_an_hour_without_failure_is_forgotten),
        T(names_made_up_do_not_push_out_the_one_that_is_guessed_at),
        T(the_first_refusal_is_written_at_once_and_the_rest_of_its_minute_is_one_row),
        T(a_flood_from_everywhere_is_counted_in_a_table_of_fixed_size),
        T(what_waits_is_written_when_the_guard_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
