/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "core/coupling.h"
#include "core/text.h"

#include <stdio.h>

struct settings {
    char *name, *mode, *password;
    int64_t port, pause;
    bool fast;
};

static const struct kp_option options[] = {
    { .name = "name",
      .type = KP_OPT_TEXT,
      .offset = offsetof(struct settings, name),
      .standard = "press" },
    { .name = "mode",
      .type = KP_OPT_CHOICE,
      .offset = offsetof(struct settings, mode),
      .standard = "auto",
      .choices = "auto,none,sign" },
    { .name = "password", .type = KP_OPT_SECRET, .offset = offsetof(struct settings, password) },
    { .name = "port",
      .type = KP_OPT_INT,
      .offset = offsetof(struct settings, port),
      .standard = "502",
      .min = -1,
      .max = 65535 },
    { .name = "pause",
      .type = KP_OPT_DURATION,
      .offset = offsetof(struct settings, pause),
      .standard = "250ms",
      .min = 10 * KP_MILLISECOND,
      .max = 60 * KP_SECOND },
    { .name = "fast",
      .type = KP_OPT_BOOL,
      .offset = offsetof(struct settings, fast),
      .standard = "on" },
    { 0 },
};

static struct settings set;
static struct kp_err err;

static int setup(void **state)
{
    (void)state;
    set = (struct settings){ 0 };
    err = (struct kp_err){ 0 };
    return kp_options_init(options, &set, &err) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    kp_options_free(options, &set);
    return kp_mem_live() ? -1 : 0;
}

static enum kp_code put(const char *name, const char *text)
{
    err = (struct kp_err){ 0 };
    return kp_options_set(options, &set, name, text, &err);
}

static void defaults_are_what_the_table_says(void **state)
{
    (void)state;
    assert_string_equal(set.name, "press");
    assert_string_equal(set.mode, "auto");
    assert_null(set.password);
    assert_int_equal(set.port, 502);
    assert_int_equal(set.pause, 250 * KP_MILLISECOND);
    assert_true(set.fast);
}

static void each_type_is_read_as_people_write_it(void **state)
{
    (void)state;
    assert_int_equal(put("name", ""), KP_OK);
    assert_string_equal(set.name, "");
    assert_int_equal(put("name", "Presse Süd"), KP_OK);
    assert_string_equal(set.name, "Presse Süd");
    assert_int_equal(put("mode", "sign"), KP_OK);
    assert_string_equal(set.mode, "sign");
    assert_int_equal(put("password", "a b,c"), KP_OK);
    assert_string_equal(set.password, "a b,c");
    assert_int_equal(put("port", "-1"), KP_OK);
    assert_int_equal(set.port, -1);
    assert_int_equal(put("pause", "10s"), KP_OK);
    assert_int_equal(set.pause, 10 * KP_SECOND);
}

static void switches_know_four_pairs_of_words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool on;
    } words[] = {
        { "off", false }, { "on", true },  { "false", false }, { "true", true },
        { "no", false },  { "yes", true }, { "0", false },     { "1", true },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        set.fast = !words[i].on;
        assert_int_equal(put("fast", words[i].word), KP_OK);
        assert_true(set.fast == words[i].on);
    }
}

static void what_makes_no_sense_is_refused_by_name_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *says;
    } wrong[] = {
        { "port", "", "port: '' is not a whole number" },
        { "port", "12x", "not a whole number" },
        { "port", " 12", "not a whole number" },
        { "port", "\t12", "not a whole number" },
        { "port", "+12", "not a whole number" },
        { "port", "-", "not a whole number" },
        { "port", "65536", "outside -1 to 65535" },
        { "port", "-2", "outside -1 to 65535" },
        { "port", "99999999999999999999", "not a whole number" },
        { "pause", "soon", "not a time such as 250ms or 10s" },
        { "pause", "1ms", "outside" },
        { "pause", "2m", "outside" },
        { "mode", "", "none of auto,none,sign" },
        { "mode", "aut", "none of auto,none,sign" },
        { "mode", "auto,none", "none of auto,none,sign" },
        { "mode", "none,", "none of auto,none,sign" },
        { "fast", "maybe", "neither on nor off" },
        { "fast", "", "neither on nor off" },
        { "name", "\xff", "not valid UTF-8" },
    };
    struct settings before = set;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(put(wrong[i].name, wrong[i].text), KP_EINVALID);
        if (!strstr(err.text, wrong[i].says) ||
            strncmp(err.text, wrong[i].name, strlen(wrong[i].name)) != 0)
            fail_msg("'%s' does not say '%s: ... %s'", err.text, wrong[i].name, wrong[i].says);
        err = (struct kp_err){ 0 };
        assert_int_equal(kp_options_check(options, wrong[i].name, wrong[i].text, &err),
                         KP_EINVALID);
        assert_non_null(strstr(err.text, wrong[i].says));
    }
    assert_memory_equal(&before, &set, sizeof set);
}

static void an_unknown_name_is_answered_with_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(put("prot", "1"), KP_EINVALID);
    assert_string_equal(err.text, "unknown setting 'prot', did you mean 'port'?");
    assert_int_equal(put("entirely-else", "1"), KP_EINVALID);
    assert_string_equal(err.text, "unknown setting 'entirely-else'");
    assert_int_equal(kp_options_check(options, "prot", "1", NULL), KP_EINVALID);
}

static void a_secret_is_never_in_an_error(void **state)
{
    (void)state;
    assert_int_equal(put("password", "hush\xff"), KP_EINVALID);
    assert_null(strstr(err.text, "hush"));
    assert_null(set.password);
}

static void checking_keeps_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } right[] = {
        { "name", "x" }, { "mode", "none" }, { "password", "x" },
        { "port", "1" }, { "pause", "1s" },  { "fast", "no" },
    };
    struct settings before = set;
    long live = kp_mem_live();
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_int_equal(kp_options_check(options, right[i].name, right[i].text, &err), KP_OK);
    assert_memory_equal(&before, &set, sizeof set);
    assert_int_equal(kp_mem_live(), live);
}

static void a_class_without_options_has_no_settings(void **state)
{
    (void)state;
    assert_int_equal(kp_options_init(NULL, NULL, &err), KP_OK);
    kp_options_free(NULL, NULL);
    assert_int_equal(kp_options_set(NULL, NULL, "x", "1", &err), KP_EINVALID);
    assert_string_equal(err.text, "unknown setting 'x'");
}

static void a_default_that_makes_no_sense_is_an_error_of_its_table(void **state)
{
    (void)state;
    static const struct kp_option bad[] = {
        { .name = "port",
          .type = KP_OPT_INT,
          .offset = offsetof(struct settings, port),
          .standard = "x",
          .max = 1 },
        { 0 },
    };
    struct settings s = { 0 };
    assert_int_equal(kp_options_init(bad, &s, NULL), KP_EINVALID);
    assert_int_equal(kp_options_init(bad, &s, &err), KP_EINVALID);
}

static enum kp_code fill(void *arg)
{
    struct settings s = { 0 };
    struct kp_err e = { 0 };
    (void)arg;
    if (!kp_options_init(options, &s, &e) && !kp_options_set(options, &s, "password", "x", &e) &&
        !kp_options_set(options, &s, "name", "y", &e))
        kp_options_check(options, "mode", "sign", &e);
    if (!e.code)
        assert_string_equal(s.name, "y");
    kp_options_free(options, &s);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(fill, NULL);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(defaults_are_what_the_table_says),
        T(each_type_is_read_as_people_write_it),
        T(switches_know_four_pairs_of_words),
        T(what_makes_no_sense_is_refused_by_name_and_changes_nothing),
        T(an_unknown_name_is_answered_with_the_nearest),
        T(a_secret_is_never_in_an_error),
        T(checking_keeps_nothing),
        T(a_class_without_options_has_no_settings),
        T(a_default_that_makes_no_sense_is_an_error_of_its_table),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
