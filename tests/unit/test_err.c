/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/text.h"

#include "core/ban.h"

static void the_first_failure_wins(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_fail(&err, KP_EPEER, "connect %s:%d: timed out", "192.0.2.4", 502),
                     KP_EPEER);
    assert_int_equal(kp_fail(&err, KP_EIO, "something later"), KP_EPEER);
    assert_int_equal(err.code, KP_EPEER);
    assert_string_equal(err.text, "connect 192.0.2.4:502: timed out");
}

static void context_goes_in_front_from_the_inside_out(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    kp_fail(&err, KP_EINVALID, "unknown key '%s', did you mean '%s'?", "adress", "address");
    assert_int_equal(kp_context(&err, "coupling %s", "press4"), KP_EINVALID);
    assert_int_equal(kp_context(&err, "%s:%d:%d", "factory.yaml", 12, 9), KP_EINVALID);
    assert_string_equal(
        err.text,
        "factory.yaml:12:9: coupling press4: unknown key 'adress', did you mean 'address'?");
}

static void nobody_needs_to_ask_for_the_sentence(void **state)
{
    (void)state;
    assert_int_equal(kp_fail(NULL, KP_EFULL, "%s", "unheard"), KP_EFULL);
    assert_int_equal(kp_context(NULL, "%s", "unheard"), KP_OK);
}

static void context_of_no_failure_is_nothing(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_context(&err, "coupling %s", "press4"), KP_OK);
    assert_string_equal(err.text, "");
    assert_int_equal(kp_fail(&err, KP_EIO, "disk"), KP_EIO);
    assert_string_equal(err.text, "disk");
}

static void a_long_sentence_is_cut_at_a_character(void **state)
{
    (void)state;
    char name[600];
    for (size_t shift = 0; shift < 4; shift++) {
        struct kp_err err = { 0 };
        memset(name, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof name; i += 3)
            memcpy(name + i, "\xe2\x82\xac", 4);
        kp_fail(&err, KP_EPARSE, "%s", name);
        size_t n = strlen(err.text);
        assert_in_range(n, KP_ERR_TEXT - 4, KP_ERR_TEXT - 1);
        assert_true(kp_utf8_valid(err.text, n));
        assert_memory_equal(err.text, name, n);
        kp_context(&err, "factory.yaml:12:9");
        assert_true(strlen(err.text) < KP_ERR_TEXT);
        assert_true(kp_utf8_valid(err.text, strlen(err.text)));
        assert_memory_equal(err.text, "factory.yaml:12:9: ", 19);
        assert_memory_equal(err.text + 19, name, strlen(err.text) - 19);
        kp_context(&err, "%s", name); /* leaves no room for what was there */
        assert_true(kp_utf8_valid(err.text, strlen(err.text)));
        assert_int_equal(err.code, KP_EPARSE);
    }
}

static void context_of_every_length_fits(void **state)
{
    (void)state;
    char context[KP_ERR_TEXT + 8];
    for (size_t n = 0; n < sizeof context; n++) {
        struct { /* so that a byte too far is seen */
            struct kp_err err;
            char guard[8];
        } box = { .guard = "#######" };
        memset(context, 'c', n);
        context[n] = 0;
        kp_fail(&box.err, KP_EIO, "inner");
        kp_context(&box.err, "%s", context);
        assert_string_equal(box.guard, "#######");
        size_t want = n + strlen(": inner");
        assert_int_equal(strlen(box.err.text), want < KP_ERR_TEXT ? want : KP_ERR_TEXT - 1);
    }
}

static void what_a_machine_said_is_cleaned_before_it_is_shown(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    kp_fail(&err, KP_EPEER, "node '%s'", "M\xfcller");
    assert_string_equal(err.text, "node 'M\xef\xbf\xbdller'");
    kp_context(&err, "%s", "\xff");
    assert_string_equal(err.text, "\xef\xbf\xbd: node 'M\xef\xbf\xbdller'");
    char bad[300];
    memset(bad, 0xfc, sizeof bad - 1);
    bad[sizeof bad - 1] = 0;
    struct kp_err full = { 0 };
    kp_fail(&full, KP_EPEER, "%s", bad);
    assert_true(kp_utf8_valid(full.text, strlen(full.text)));
    assert_int_equal(strlen(full.text), 255);
}

static void every_code_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (int code = KP_OK; code <= KP_ESTOPPED; code++) {
        const char *word = kp_code_word((enum kp_code)code);
        assert_string_not_equal(word, "unknown");
        for (int other = KP_OK; other < code; other++)
            assert_string_not_equal(word, kp_code_word((enum kp_code)other));
    }
    assert_string_equal(kp_code_word(KP_ENOTFOUND), "not-found");
    assert_string_equal(kp_code_word((enum kp_code)(KP_ESTOPPED + 1)), "unknown");
    assert_string_equal(kp_code_word((enum kp_code) - 1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_wins),
        cmocka_unit_test(context_goes_in_front_from_the_inside_out),
        cmocka_unit_test(nobody_needs_to_ask_for_the_sentence),
        cmocka_unit_test(context_of_no_failure_is_nothing),
        cmocka_unit_test(a_long_sentence_is_cut_at_a_character),
        cmocka_unit_test(context_of_every_length_fits),
        cmocka_unit_test(what_a_machine_said_is_cleaned_before_it_is_shown),
        cmocka_unit_test(every_code_has_a_word_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
