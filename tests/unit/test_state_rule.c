/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/state_rule.h"
#include "core/text.h"

#include "core/ban.h"

static enum kp_state of_text(const char *rule, const char *text)
{
    struct kp_err err = { 0 };
    struct kp_state_rule *r = kp_state_rule_new(rule, &err);
    assert_string_equal(err.text, "");
    struct kp_value v = kp_string(text, strlen(text));
    enum kp_state state = kp_state_rule_apply(r, &v, KP_GOOD, NULL, KP_STATE_UNKNOWN);
    kp_state_rule_free(r);
    return state;
}

static enum kp_state of_number(const char *rule, double number)
{
    struct kp_err err = { 0 };
    struct kp_state_rule *r = kp_state_rule_new(rule, &err);
    assert_string_equal(err.text, "");
    struct kp_value v = kp_double(number);
    enum kp_state state = kp_state_rule_apply(r, &v, KP_GOOD, NULL, KP_STATE_UNKNOWN);
    kp_state_rule_free(r);
    return state;
}

static void words_of_well_known_specifications_are_known(void **state)
{
    (void)state;
    assert_int_equal(of_text(NULL, "ACTIVE"), KP_STATE_RUNNING); /* MTConnect */
    assert_int_equal(of_text("", "READY"), KP_STATE_IDLE);
    assert_int_equal(of_text(NULL, "FEED_HOLD"), KP_STATE_STOPPED);
    assert_int_equal(of_text(NULL, "Executing"), KP_STATE_RUNNING); /* OPC 40001-1 */
    assert_int_equal(of_text(NULL, "NotExecuting"), KP_STATE_IDLE);
    assert_int_equal(of_text(NULL, "OutOfService"), KP_STATE_MAINTENANCE);
    assert_int_equal(of_text(NULL, "Storing"), KP_STATE_STOPPED);
    assert_int_equal(of_text(NULL, "open"), KP_STATE_UNKNOWN);
}

static void the_first_clause_that_holds_counts(void **state)
{
    (void)state;
    static const char words[] = "running=3, 4 ,in cycle; stopped = 7; idle";
    assert_int_equal(of_text(words, "In Cycle"), KP_STATE_RUNNING);
    assert_int_equal(of_number(words, 4), KP_STATE_RUNNING);
    assert_int_equal(of_number(words, 7), KP_STATE_STOPPED);
    assert_int_equal(of_number(words, 34), KP_STATE_IDLE);
    static const char power[] = "running>=1500; idle>100; off; hold 10s";
    assert_int_equal(of_number(power, 1500), KP_STATE_RUNNING);
    assert_int_equal(of_number(power, 1499.9), KP_STATE_IDLE);
    assert_int_equal(of_number(power, 100), KP_STATE_OFF);
    assert_int_equal(of_number("setup<=1;stopped<2", 1), KP_STATE_SETUP);
    assert_int_equal(of_number("setup<=1;stopped<2", 1.5), KP_STATE_STOPPED);
    assert_int_equal(of_number("setup<=1;stopped<2", 2), KP_STATE_UNKNOWN);
}

static void a_number_may_be_named_by_its_enumeration(void **state)
{
    (void)state;
    struct kp_state_rule *r = kp_state_rule_new(NULL, NULL);
    static const char enums[] = "{\"0\":\"NotExecuting\",\"2\":\"Executing\"}";
    struct kp_value two = kp_int(2), zero = kp_int(0), nine = kp_int(9), none = { 0 };
    assert_int_equal(kp_state_rule_apply(r, &two, KP_GOOD, enums, KP_STATE_UNKNOWN), KP_STATE_RUNNING);
    assert_int_equal(kp_state_rule_apply(r, &zero, KP_GOOD, enums, KP_STATE_UNKNOWN), KP_STATE_IDLE);
    assert_int_equal(kp_state_rule_apply(r, &nine, KP_GOOD, enums, KP_STATE_UNKNOWN), KP_STATE_UNKNOWN);
    assert_int_equal(kp_state_rule_apply(r, &two, KP_BAD, enums, KP_STATE_UNKNOWN), KP_STATE_UNKNOWN);
    assert_int_equal(kp_state_rule_apply(r, &none, KP_GOOD, enums, KP_STATE_UNKNOWN), KP_STATE_UNKNOWN);
    kp_state_rule_free(r);
}

static void a_fault_is_named(void **state)
{
    static const char *const bad[][2] = {
        { "runing=3", "'runing' is no state, did you mean 'running'?" },
        { "running=", "'running=' needs a word or number behind it" },
        { "running>=much", "'much' is not a number" },
        { "hold 2h", "'hold 2h' is not such as hold 10s, up to an hour" },
        { "running>=5,6", "'5,6': the second limit is where it ends, so it is not above the first" },
        { "idle<5,4", "'5,4': the second limit is where it ends, so it is not below the first" },
        { "running>=5,", "'5,' is not a number" },
        { "running>=5,x", "'5,x' is not a number" },
        { ";;", "a rule of states needs a clause such as running=3" },
        { "xyzzy", "'xyzzy' is no state; known are running, idle, stopped, setup, maintenance and off" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct kp_err err = { 0 };
        assert_int_equal(kp_state_rule_check(bad[i][0], &err), KP_EPARSE);
        assert_string_equal(err.text, bad[i][1]);
    }
    assert_int_equal(kp_mem_live(), 0);
}

static void the_hold_is_read(void **state)
{
    (void)state;
    struct kp_state_rule *r = kp_state_rule_new("running>=3; idle; hold 90s", NULL);
    assert_int_equal(kp_state_rule_hold(r), 90 * KP_SECOND);
    kp_state_rule_free(r);
}

static enum kp_state told(const struct kp_state_rule *r, double value, enum kp_state before)
{
    struct kp_value v = kp_double(value);
    return kp_state_rule_apply(r, &v, KP_GOOD, NULL, before);
}

static void a_second_limit_says_how_far_a_state_lasts(void **state)
{
    (void)state;
    struct kp_state_rule *r = kp_state_rule_new("running>=1500,1200; idle>=90,60; off", NULL);
    assert_int_equal(told(r, 1499, KP_STATE_IDLE), KP_STATE_IDLE);
    assert_int_equal(told(r, 1500, KP_STATE_IDLE), KP_STATE_RUNNING);
    assert_int_equal(told(r, 1200, KP_STATE_RUNNING), KP_STATE_RUNNING);
    assert_int_equal(told(r, 1199, KP_STATE_RUNNING), KP_STATE_IDLE);
    assert_int_equal(told(r, 75, KP_STATE_IDLE), KP_STATE_IDLE);
    assert_int_equal(told(r, 75, KP_STATE_OFF), KP_STATE_OFF);
    assert_int_equal(told(r, 75, KP_STATE_RUNNING), KP_STATE_OFF);
    kp_state_rule_free(r);
    r = kp_state_rule_new("off<5,8; running", NULL);
    assert_int_equal(told(r, 7, KP_STATE_OFF), KP_STATE_OFF);
    assert_int_equal(told(r, 7, KP_STATE_RUNNING), KP_STATE_RUNNING);
    kp_state_rule_free(r);
}

static void a_rule_that_is_learnt_says_so_and_says_nothing_before(void **state)
{
    (void)state;
    struct kp_state_rule *r = kp_state_rule_new("learn", NULL);
    assert_true(kp_state_rule_learns(r));
    assert_int_equal(told(r, 1e6, KP_STATE_UNKNOWN), KP_STATE_UNKNOWN);
    kp_state_rule_free(r);
    assert_true(kp_state_text_learns("learn; running>=5,4; idle; hold 10s"));
    assert_false(kp_state_text_learns("running>=5,4; idle"));
    assert_false(kp_state_text_learns(NULL));
    assert_int_equal(kp_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_well_known_specifications_are_known),
        cmocka_unit_test(the_first_clause_that_holds_counts),
        cmocka_unit_test(a_number_may_be_named_by_its_enumeration),
        cmocka_unit_test(a_fault_is_named),
        cmocka_unit_test(the_hold_is_read),
        cmocka_unit_test(a_second_limit_says_how_far_a_state_lasts),
        cmocka_unit_test(a_rule_that_is_learnt_says_so_and_says_nothing_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
