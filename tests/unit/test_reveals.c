/* SPDX-License-Identifier: Apache-2.0 */
/* What an offer reveals, and terms in plain words. */
#include "core_kit.h"

#include "gate/policy.h"
#include "gate/terms_plain.h"
#include "net/json_memory.h"
#include "share/reveals.h"

#include "core/ban.h"

#define BIT(topic) (1u << KP_TOPIC_##topic)

static unsigned topics(const char *name, const char *role, const char *unit)
{
    struct kp_signal_info s = { .name = name, .role = role, .unit = unit };
    return kp_topics_signal(&s);
}

static void names_roles_and_units_in_two_languages_tell_what_a_signal_is_about(void **state)
{
    (void)state;
    assert_int_equal(topics("CycleTime", NULL, NULL), BIT(CYCLE));
    assert_int_equal(topics("laatste_cyclustijd", NULL, NULL), BIT(CYCLE));
    assert_int_equal(topics("x", "part-count", NULL), BIT(COUNT));
    assert_int_equal(topics("opdrachtnummer", NULL, NULL), BIT(ORDER));
    assert_int_equal(topics("P1", NULL, "KWT"), BIT(POWER));
    assert_int_equal(topics("storingscode", NULL, NULL), BIT(FAULT));
    assert_int_equal(topics("departed", NULL, NULL), BIT(OTHER));
    assert_int_equal(topics("Recorder", NULL, NULL), BIT(OTHER));
    assert_int_equal(topics("synchron", NULL, NULL), BIT(OTHER));
    assert_int_equal(kp_topics_interval(KP_INTERVAL_JOB), BIT(ORDER));
}

static bool says(const struct kp_reveals *r, const struct kp_terms *t, const char *code,
                 bool together)
{
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    struct kp_err err = { 0 };
    kp_buf_init(&text, 1 << 20);
    kp_reveals_json(&j, r, t);
    json_t *list = kp_json_read(kp_buf_text(&text), "reveals", &err), *one;
    size_t i;
    bool found = false;
    assert_non_null(list);
    json_array_foreach(list, i, one) found |=
        strcmp(json_string_value(json_object_get(one, "code")), code) == 0 &&
        json_is_true(json_object_get(one, "together")) == together;
    json_decref(list);
    kp_buf_free(&text);
    return found;
}

static void price_takes_cycle_and_count_of_one_machine_now_or_before(void **state)
{
    (void)state;
    static struct kp_reveals r;
    struct kp_terms t = kp_terms_open();
    kp_reveals_add(&r, 1, BIT(CYCLE), false, "a/cycle");
    kp_reveals_add(&r, 2, BIT(COUNT), false, "b/count");
    assert_false(says(&r, &t, "price", false) || says(&r, &t, "price", true));
    assert_true(kp_reveals_open(&r));
    kp_reveals_add(&r, 1, BIT(COUNT), true, "a/count");
    assert_true(says(&r, &t, "price", true));
    kp_reveals_add(&r, 1, BIT(COUNT), false, "a/count");
    assert_true(says(&r, &t, "price", false));
    assert_false(kp_reveals_open(&r));
    assert_true(says(&r, &t, "endless", false));
    t.to = 1;
    assert_false(says(&r, &t, "endless", false));
    kp_reveals_free(&r);
}

/* What a person writes comes back from the policy that is made of it. */
static void plain_terms_become_a_policy_that_says_the_same(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    struct kp_terms plain, parsed;
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    json_t *o = kp_json_read("{\"from\":\"2027-01-01\",\"until\":\"2028-01-01\",\"every\":\"1m\","
                             "\"functions\":[\"mean\",\"max\"],\"delay\":\"1h\",\"count\":5,"
                             "\"purpose\":\"repair\",\"distribution\":true}",
                             "terms", &err);
    kp_terms_read_plain(o, &plain, &err);
    assert_string_equal(err.text, "");
    json_decref(o);
    kp_buf_init(&text, 64 << 10);
    kp_json_begin(&j, '{');
    kp_terms_json(&j, &plain);
    kp_json_end(&j, '}');
    o = kp_json_read(kp_buf_text(&text), "policy", &err);
    kp_terms_parse(o, &parsed, &err);
    assert_string_equal(err.text, "");
    assert_true(kp_terms_same(&plain, &parsed));
    json_decref(o);
    kp_buf_free(&text);
    kp_buf_init(&text, 64 << 10);
    kp_terms_say(&text, &parsed, KP_TERM_RESOLUTION);
    assert_string_equal(kp_buf_text(&text), "mean, max of each 1m");
    kp_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_roles_and_units_in_two_languages_tell_what_a_signal_is_about),
        cmocka_unit_test(price_takes_cycle_and_count_of_one_machine_now_or_before),
        cmocka_unit_test(plain_terms_become_a_policy_that_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
