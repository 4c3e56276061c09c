/* SPDX-License-Identifier: Apache-2.0 */
/* Topic filters and what becomes of their wildcards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/mqtt/topic.h"

#include "core/text.h"

#include <string.h>

static bool matches(const char *filter, const char *topic)
{
    return kp_topic_match(filter, topic, NULL);
}

static void a_filter_matches_what_the_standard_says(void **state)
{
    (void)state;
    assert_true(matches("a/b", "a/b"));
    assert_true(matches("a/+/c", "a/b/c"));
    assert_true(matches("a/#", "a/b/c"));
    assert_true(matches("a/#", "a"));
    assert_true(matches("#", "a/b"));
    assert_true(matches("+", "a"));
    assert_true(matches("+/+", "/a"));
    assert_true(matches("/+", "/a"));
    assert_true(matches("a/+", "a/"));
    assert_false(matches("+", "/a"));
    assert_false(matches("a/+", "a"));
    assert_false(matches("a/+", "a/b/c"));
    assert_false(matches("a", "ab"));
    assert_false(matches("a/b", "a"));
    assert_false(matches("a", "a/b"));
}

static void wildcards_do_not_reach_the_brokers_own_topics(void **state)
{
    (void)state;
    assert_false(matches("#", "$SYS/broker/uptime"));
    assert_false(matches("+/broker/uptime", "$SYS/broker/uptime"));
    assert_true(matches("$SYS/#", "$SYS/broker/uptime"));
}

static void odd_filters_are_refused(void **state)
{
    static const char *const odd[] = { "", "a/#/b", "a#", "a+/b", "#/a", "+a", "a/b+", "\xff" };
    static const char *const good[] = { "#", "+", "a/+/#", "/", "a//b", "+/+/c" };
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_false(kp_topic_filter_valid(odd[i]));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(kp_topic_filter_valid(good[i]));
    assert_false(kp_topic_filter_valid("+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+"));
}

static void path_is(const char *filter, const char *topic, const char *template,
                    const char *expected)
{
    struct kp_topic_match m;
    char out[KP_PATH_MAX];
    assert_true(kp_topic_match(filter, topic, &m));
    assert_true(kp_topic_path(template, &m, out, sizeof out));
    assert_string_equal(out, expected);
}

static void what_wildcards_stood_for_makes_the_path(void **state)
{
    (void)state;
    path_is("line/+/press/+", "line/north/press/7", "{1}/press{2}/force", "north/press7/force");
    path_is("line/+/press/+", "line/north/press/7", "{+2}-{+1}", "7-north");
    path_is("tree/#", "tree/a/b/c", "t/{1}/x", "t/a/b/c/x");
    path_is("a", "a", "{x}/{", "{x}/{");
    path_is("+", "..", "a/{1}", "a/_");
    path_is("a/+", "a/b*c", "{1}", "b_c");
}

static void a_template_names_only_wildcards_there_are(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    assert_int_equal(kp_topic_template_check("{1}/{2}", 2, &err), KP_OK);
    assert_int_equal(kp_topic_template_check("{1}/{3}", 2, &err), KP_EPARSE);
    assert_non_null(strstr(err.text, "no {3}"));
}

static void a_path_that_does_not_fit_is_no_path(void **state)
{
    struct kp_topic_match m;
    char small[8], topic[40];
    (void)state;
    assert_true(kp_topic_match("+", "abcdefgh", &m));
    assert_false(kp_topic_path("{1}", &m, small, sizeof small));
    assert_true(kp_topic_match("+/+", "a/b", &m));
    assert_true(kp_topic_fill("x/{2}/set", &m, topic, sizeof topic));
    assert_string_equal(topic, "x/b/set");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_matches_what_the_standard_says),
        cmocka_unit_test(wildcards_do_not_reach_the_brokers_own_topics),
        cmocka_unit_test(odd_filters_are_refused),
        cmocka_unit_test(what_wildcards_stood_for_makes_the_path),
        cmocka_unit_test(a_template_names_only_wildcards_there_are),
        cmocka_unit_test(a_path_that_does_not_fit_is_no_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
