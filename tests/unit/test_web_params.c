/* SPDX-License-Identifier: Apache-2.0 */
/* Query parameters: decoding, types, limits, and what is said when they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/text.h"
#include "web/params.h"

#include <stdio.h>
#include <string.h>

static const int64_t now = INT64_C(1795514400) * KP_SECOND; /* 2026-11-24T10:00:00Z */
static const char *const formats[] = { "pem", "der", NULL };

enum { MATCH, AFTER, LIMIT, FACTOR, FLAG, FROM, EVERY, FORMAT, MANY };
static const struct kp_param table[] = {
    [MATCH] = { .name = "match", .type = KP_PARAM_PATTERN },
    [AFTER] = { .name = "after", .type = KP_PARAM_PATH },
    [LIMIT] = { .name = "limit", .type = KP_PARAM_INT, .min = -5, .max = 10, .standard = 7 },
    [FACTOR] = { .name = "factor", .type = KP_PARAM_NUMBER, .min = 0, .max = 2 },
    [FLAG] = { .name = "flag", .type = KP_PARAM_BOOL },
    [FROM] = { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    [EVERY] = { .name = "every", .type = KP_PARAM_DURATION, .min = KP_MILLISECOND, .max = 60 * KP_SECOND },
    [FORMAT] = { .name = "format", .type = KP_PARAM_CHOICE, .choices = formats },
    [MANY] = { .name = "path", .type = KP_PARAM_PATH, .many = true },
    { .name = NULL },
};

struct asked {
    char text[2048];
    struct kp_arena arena;
    struct kp_query query;
    struct kp_arg args[KP_PARAMS_MAX];
    struct kp_err err;
};

static enum kp_code ask(struct asked *a, const struct kp_param *params, const char *query)
{
    *a = (struct asked){ 0 };
    snprintf(a->text, sizeof a->text, "%s", query);
    if (kp_query_parse(a->text, &a->arena, &a->query, &a->err))
        return a->err.code;
    return kp_params_check(params, &a->query, now, a->args, &a->err);
}

static void good(struct asked *a, const char *query)
{
    ask(a, table, query);
    assert_string_equal(a->err.text, "");
    assert_int_equal(a->err.code, KP_OK);
}

static void refused(const char *query, const char *said)
{
    struct asked a;
    assert_int_equal(ask(&a, table, query), KP_EINVALID);
    if (!strstr(a.err.text, said))
        fail_msg("'%s' gave: %s", query, a.err.text);
    kp_arena_free(&a.arena);
}

static void an_empty_query_gives_every_parameter_its_default(void **state)
{
    (void)state;
    struct asked a;
    good(&a, "");
    assert_int_equal(a.args[LIMIT].number, 7);
    assert_false(a.args[LIMIT].given);
    assert_true(a.args[FROM].number == KP_NO_TIME);
    assert_null(a.args[MATCH].text);
    kp_arena_free(&a.arena);
}

static void each_type_is_read(void **state)
{
    (void)state;
    struct asked a;
    good(&a, "match=a/**/b*&after=x/y&limit=-5&factor=1.5&flag=true&from=-1h&every=500ms&format=der");
    assert_string_equal(a.args[MATCH].text, "a/**/b*");
    assert_string_equal(a.args[AFTER].text, "x/y");
    assert_int_equal(a.args[LIMIT].number, -5);
    assert_true(a.args[FACTOR].real == 1.5);
    assert_int_equal(a.args[FLAG].number, 1);
    assert_true(a.args[FROM].number == now - 3600 * KP_SECOND);
    assert_true(a.args[EVERY].number == 500 * KP_MILLISECOND);
    assert_int_equal(a.args[FORMAT].number, 1);
    kp_arena_free(&a.arena);
}

static void percent_and_plus_are_decoded_as_in_forms(void **state)
{
    (void)state;
    struct asked a;
    good(&a, "match=caf%C3%A9/a+b%2Bc%26d%3D");
    assert_string_equal(a.args[MATCH].text, "caf\xc3\xa9/a b+c&d=");
    kp_arena_free(&a.arena);
}

static void a_parameter_without_a_value_is_empty_and_empty_pieces_are_skipped(void **state)
{
    (void)state;
    struct asked a;
    good(&a, "&&match&after=&");
    assert_true(a.args[MATCH].given);
    assert_string_equal(a.args[MATCH].text, "");
    assert_string_equal(a.args[AFTER].text, "");
    assert_int_equal(a.query.n, 2);
    kp_arena_free(&a.arena);
}

static void what_is_wrong_is_said_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *query, *said;
    } wrong[] = {
        { "limit=11", "limit must be from -5 to 10" },
        { "limit=-6", "limit must be from -5 to 10" },
        { "limit=99999999999999999999", "limit must be from" },
        { "limit=ten", "limit must be a whole number, not 'ten'" },
        { "limit=", "whole number" },
        { "limit=-", "whole number" },
        { "limit=+1", "whole number" },
        { "limit=1.5", "whole number" },
        { "limit=%201", "whole number" },
        { "factor=2.1", "factor must be a number from 0 to 2" },
        { "factor=-0.1", "factor must be" },
        { "factor=nan", "factor must be" },
        { "factor=1x", "factor must be" },
        { "factor=", "factor must be" },
        { "flag=yes", "flag must be 1 or 0" },
        { "flag=", "flag must be 1 or 0" },
        { "from=yesterday", "from must be a time such as" },
        { "every=0", "every must be" },
        { "every=1ns", "every must be" },
        { "every=2m", "every must be from" },
        { "format=p12", "format must be one of pem, der, not 'p12'" },
        { "after=a//b", "after 'a//b' is not a path" },
        { "after=/a", "is not a path" },
        { "match=a//b", "match 'a//b' is not a pattern" },
        { "path=a*", "is not a path" },
        { "limit=1&limit=2", "limit stands more than once" },
        { "match=%zz", "two hex digits" },
        { "match=%4", "two hex digits" },
        { "match=%", "two hex digits" },
        { "%=1", "two hex digits" },
        { "match=a%00b", "zero byte" },
        { "match=%ff", "UTF-8" },
        { "limt=1", "unknown parameter 'limt', did you mean 'limit'?" },
        { "zzzzzzzz=1", "unknown parameter 'zzzzzzzz'" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refused(wrong[i].query, wrong[i].said);
}

static void a_request_without_parameters_says_so(void **state)
{
    (void)state;
    struct asked a;
    assert_int_equal(ask(&a, NULL, "x=1"), KP_EINVALID);
    assert_non_null(strstr(a.err.text, "takes none"));
    kp_arena_free(&a.arena);
    assert_int_equal(ask(&a, NULL, ""), KP_OK);
    kp_arena_free(&a.arena);
}

static void a_missing_required_parameter_is_named(void **state)
{
    (void)state;
    static const struct kp_param needs[] = { { .name = "path", .type = KP_PARAM_PATH, .required = true }, { .name = NULL } };
    struct asked a;
    assert_int_equal(ask(&a, needs, ""), KP_EINVALID);
    assert_string_equal(a.err.text, "path is missing");
    kp_arena_free(&a.arena);
}

static void a_repeated_parameter_gives_its_values_in_order(void **state)
{
    (void)state;
    struct asked a;
    size_t pos = 0;
    good(&a, "path=a&limit=1&path=b/c&path=");
    assert_string_equal(kp_query_next(&a.query, "path", &pos), "a");
    assert_string_equal(kp_query_next(&a.query, "path", &pos), "b/c");
    assert_string_equal(kp_query_next(&a.query, "path", &pos), "");
    assert_null(kp_query_next(&a.query, "path", &pos));
    kp_arena_free(&a.arena);
}

static void a_query_of_too_many_pieces_is_refused(void **state)
{
    (void)state;
    struct asked a;
    char query[KP_QUERY_MAX + 8];
    memset(query, '&', sizeof query);
    query[KP_QUERY_MAX - 1] = 0; /* as many pieces as are allowed, all empty */
    assert_int_equal(ask(&a, table, query), KP_OK);
    kp_arena_free(&a.arena);
    query[KP_QUERY_MAX - 1] = '&';
    query[KP_QUERY_MAX] = 0;
    assert_int_equal(ask(&a, table, query), KP_EINVALID);
    kp_arena_free(&a.arena);
}

static void running_out_of_memory_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    long live = kp_mem_live(), n = 1;
    for (;; n++) {
        struct asked a;
        kp_mem_fail_at(n);
        enum kp_code code = ask(&a, table, "match=a&limit=3");
        kp_mem_fail_at(0);
        kp_arena_free(&a.arena);
        assert_int_equal(kp_mem_live(), live);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
    }
    assert_true(n > 1);
    print_message("%ld allocations failed in turn\n", n - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_query_gives_every_parameter_its_default),
        cmocka_unit_test(each_type_is_read),
        cmocka_unit_test(percent_and_plus_are_decoded_as_in_forms),
        cmocka_unit_test(a_parameter_without_a_value_is_empty_and_empty_pieces_are_skipped),
        cmocka_unit_test(what_is_wrong_is_said_by_name),
        cmocka_unit_test(a_request_without_parameters_says_so),
        cmocka_unit_test(a_missing_required_parameter_is_named),
        cmocka_unit_test(a_repeated_parameter_gives_its_values_in_order),
        cmocka_unit_test(a_query_of_too_many_pieces_is_refused),
        cmocka_unit_test(running_out_of_memory_is_reported_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
