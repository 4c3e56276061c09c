/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of plain lines and of JSON, bad lines that are left out, and each failing allocation. */
#include "kit.h"

#include "core/text.h"
#include "couplings/points.h"
#include "net/json_memory.h"

#include <stdio.h>

#define NOW INT64_C(1767592800000000000) /* 2026-01-05T06:00:00Z */

/* "path=word@seconds/status;" of each point, in order. */
static char *read_all(const struct kp_import_options *o, const char *text, struct kp_err *err)
{
    static char out[2000];
    struct kp_points p = { .options = o, .now = NOW };
    size_t n = 0;
    out[0] = 0;
    if (!kp_points_read(&p, text, strlen(text), err))
        for (size_t i = 0; i < p.n; i++)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s=%s@%lld/%x;",
                                  p.series[p.list[i].series].path,
                                  p.list[i].word ? p.list[i].word : "null",
                                  (long long)((p.list[i].at - NOW) / KP_SECOND), p.list[i].status);
    kp_points_free(&p);
    return out;
}

static void reads(enum kp_import_format format, const char *text, const char *expected)
{
    struct kp_err err = { 0 };
    const char *is = read_all(&(struct kp_import_options){ .format = format }, text, &err);
    if (err.code)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(is, expected);
}

static void refuses(enum kp_import_format format, const char *text, const char *why)
{
    struct kp_err err = { 0 };
    read_all(&(struct kp_import_options){ .format = format }, text, &err);
    if (!err.code || !strstr(err.text, why))
        fail_msg("%s: %s", text, err.text);
}

static void plain_lines_hold_a_path_a_value_and_perhaps_a_time(void **state)
{
    (void)state;
    reads(KP_IMPORT_PLAIN, "a/b 1\n", "a/b=1@0/0;");
    reads(KP_IMPORT_PLAIN, "# no\n\n  a/b\t1.5  2026-01-05T06:00:09Z \r\na/b 2",
          "a/b=1.5@9/0;a/b=2@0/0;");
    reads(KP_IMPORT_PLAIN, "\"a b/c\" \"x \\\"y\\\\\" 1767592801\n", "a b/c=x \"y\\@1/0;");
    reads(KP_IMPORT_PLAIN, "a/b \"\"\n", "a/b=@0/0;");
    refuses(KP_IMPORT_PLAIN, "a/b\n", "line 1: give PATH VALUE");
    refuses(KP_IMPORT_PLAIN, "a/b 1\n\"a/b 1\n", "line 2: give PATH VALUE");
    refuses(KP_IMPORT_PLAIN, "a/b 1 later\n", "line 1: this is no time");
    refuses(KP_IMPORT_PLAIN, "a/b 1 2027-01-05T06:00:09Z\n", "ahead");
}

static void json_holds_points_or_a_value_per_member(void **state)
{
    (void)state;
    reads(KP_IMPORT_JSON, "{\"a/b\": 1, \"c\": {\"d\": true, \"e\": null}}",
          "a/b=1@0/0;c/d=true@0/0;c/e=null@0/809b0000;");
    reads(KP_IMPORT_JSON,
          "[{\"path\": \"a/b\", \"value\": 2.5, \"time\": \"2026-01-05T06:00:09Z\", \"status\": "
          "\"Bad\"}]",
          "a/b=2.5@9/80000000;");
    reads(KP_IMPORT_JSON, "{\"time\": 1767592801.5, \"a/b\": \"x\"}", "a/b=x@1/0;");
    reads(KP_IMPORT_JSONL, "{\"ts\": 1767592801, \"a/b\": 1}\n\n{\"path\": \"a/b\", \"value\": 2}",
          "a/b=1@1/0;a/b=2@0/0;");
    refuses(KP_IMPORT_JSON, "{\"a\": [1]}", "line 1: a value must be");
    refuses(KP_IMPORT_JSON, "[{\"a\": 1}, 2]", "line 2: this is no object");
    refuses(KP_IMPORT_JSON, "{\"a\": 1, \"a\": 2}", "duplicate");
    refuses(KP_IMPORT_JSON, "{\"a\": 99999999999999999999}", "line 1: this is not JSON");
    refuses(KP_IMPORT_JSON,
            "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}", "nested");
    refuses(KP_IMPORT_JSONL, "{\"a\": 1}\n{\n", "line 2: this is not JSON");
    refuses(KP_IMPORT_JSON, "{\"time\": \"soon\", \"a\": 1}", "no time");
}

static void count_bad(void *arg, uint64_t line, const char *why)
{
    assert_true(*why);
    *(uint64_t *)arg = *(uint64_t *)arg * 10 + line;
}

static void bad_lines_are_left_out_and_told_when_that_is_asked_for(void **state)
{
    static const struct {
        enum kp_import_format format;
        const char *text, *rest;
        uint64_t bad;
    } cases[] = {
        { KP_IMPORT_CSV,
          "time;a;b\n2026-01-05 06:00:01;1,5;2\nsoon;1;2\n\"open;1;2\n2026-01-05 06:00:02;3;4\n",
          "a=1.5@1/0;b=2@1/0;a=3@2/0;b=4@2/0;", 34 },
        { KP_IMPORT_PLAIN, "a 1\nb\na 2\n", "a=1@0/0;a=2@0/0;", 2 },
        { KP_IMPORT_JSONL, "{\"a\": 1, \"b\": []}\n{\"a\": 2}\nx\n", "a=2@0/0;", 13 },
        { KP_IMPORT_LINES, "m a=1,b=2,c=x\nm a=3\n", "m/a=3@0/0;", 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bad = 0;
        struct kp_err err = { 0 };
        struct kp_import_options o = { .format = cases[i].format,
                                       .bad = count_bad,
                                       .bad_arg = &bad };
        assert_string_equal(read_all(&o, cases[i].text, &err), cases[i].rest);
        assert_int_equal(err.code, KP_OK);
        assert_int_equal(bad, cases[i].bad);
    }
}

static void paths_outside_a_pattern_and_too_many_points_are_refused(void **state)
{
    struct kp_err err = { 0 };
    struct kp_import_options o = {
        .format = KP_IMPORT_PLAIN, .only = "hall/oven", .at = "hall", .most = 2
    };
    (void)state;
    assert_string_equal(read_all(&o, "oven/a 1\noven/b 2\n", &err),
                        "hall/oven/a=1@0/0;hall/oven/b=2@0/0;");
    read_all(&o, "oven/a 1\nmill/b 2\n", &err);
    assert_int_equal(err.code, KP_EDENIED);
    err = (struct kp_err){ 0 };
    read_all(&o, "oven/a 1\noven/a 2\noven/a 3\n", &err);
    assert_int_equal(err.code, KP_EFULL);
}

static void zones_that_are_set_count_for_times_without_one(void **state)
{
    struct kp_import_options o = { .zone = 3600 * KP_SECOND };
    int64_t at;
    (void)state;
    assert_true(kp_points_time(&o, "05-01-2026 07:00:00", &at));
    assert_true(at == NOW);
    assert_true(kp_points_time(&o, "2026-01-05T06:00:00Z", &at));
    assert_true(at == NOW);
    assert_true(kp_points_time(&o, "05.01.2026 06:00:00+00:00", &at));
    assert_true(at == NOW);
}

static enum kp_code read_one_of_each(void *arg)
{
    static const char *const texts[] = {
        "time,a,b\n1767592800,1,2\n", "m a=1,b=2\n", "a/b 1\n\"c d\" \"e\"\n",
        "[{\"a\": 1, \"b\": {\"c\": \"x\"}}, {\"path\": \"p\", \"value\": 1.5}]", "{\"a\": 1}\n"
    };
    struct kp_err err = { 0 };
    (void)arg;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && !err.code; i++)
        read_all(&(struct kp_import_options){ .format = (enum kp_import_format)i }, texts[i], &err);
    if (err.code && err.code != KP_ENOMEM)
        print_message("%s\n", err.text);
    return err.code;
}

static void each_failing_allocation_is_told_and_leaks_nothing(void **state)
{
    (void)state;
    kit_fail_each_allocation(read_one_of_each, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_hold_a_path_a_value_and_perhaps_a_time),
        cmocka_unit_test(json_holds_points_or_a_value_per_member),
        cmocka_unit_test(bad_lines_are_left_out_and_told_when_that_is_asked_for),
        cmocka_unit_test(paths_outside_a_pattern_and_too_many_points_are_refused),
        cmocka_unit_test(zones_that_are_set_count_for_times_without_one),
        cmocka_unit_test(each_failing_allocation_is_told_and_leaks_nothing),
    };
    kp_json_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
