/* SPDX-License-Identifier: Apache-2.0 */
/* Advisories: the good one of tests/csaf, and the same with one thing changed. The test files of
 * OASIS are judged by tests/csaf/check, which needs them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/mem.h"
#include "net/json_memory.h"
#include "core/text.h"
#include "shield/csaf.h"
#include "shield/cvss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct judgement {
    struct kp_csaf_head head;
    struct kp_err err;
    bool found[KP_CSAF_TESTS_MAX];
    char ids[512];   /* of the tests that found something, in the order of the list */
    char first[700]; /* "POINTER: TEXT" */
};

static void see(void *arg, const struct kp_csaf_finding *f)
{
    struct judgement *j = arg;
    j->found[f->test - kp_csaf_tests] = true;
    if (!*j->first)
        snprintf(j->first, sizeof j->first, "%s: %s", f->pointer, f->text);
}

static struct judgement judge(const char *json, size_t len, bool mandatory_only)
{
    struct judgement j = { 0 };
    kp_csaf_check(json, len, mandatory_only, &j.head, see, &j, &j.err);
    for (size_t i = 0, n = 0; kp_csaf_tests[i].id; i++)
        if (j.found[i])
            n += (size_t)snprintf(j.ids + n, sizeof j.ids - n, "%s%s", n ? " " : "",
                                  kp_csaf_tests[i].id);
    return j;
}

static struct judgement judge_text(const char *json)
{
    return judge(json, strlen(json), false);
}

/* The sample on one line. */
static struct kp_buf sample(void)
{
    char line[1024];
    struct kp_buf b;
    kp_buf_init(&b, 1 << 20);
    FILE *f = fopen("tests/csaf/good.json", "rb");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        kp_buf_str(&b, line + strspn(line, " "));
    }
    fclose(f);
    return b;
}

static struct judgement changed(const char *from, const char *to, bool mandatory_only)
{
    struct kp_buf b = sample(), out;
    const char *text = kp_buf_text(&b), *at = strstr(text, from);
    if (!at)
        fail_msg("the sample has no %s", from);
    kp_buf_init(&out, 1 << 20);
    kp_buf_add(&out, text, (size_t)(at - text));
    kp_buf_str(&out, to);
    kp_buf_str(&out, at + strlen(from));
    struct judgement j = judge(kp_buf_text(&out), out.len, mandatory_only);
    kp_buf_free(&b);
    kp_buf_free(&out);
    return j;
}

static void the_sample_is_good(void **state)
{
    (void)state;
    struct judgement j = changed("\"G-1\"", "\"G-1\"", false);
    assert_string_equal(j.err.text, "");
    assert_string_equal(j.first, "");
    assert_string_equal(j.head.id, "G-1");
    assert_string_equal(j.head.version, "2");
    assert_string_equal(j.head.category, "csaf_vex");
}

#define VECTOR "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
static void each_change_is_found_by_its_tests_and_no_others(void **state)
{
    static const struct {
        const char *from, *to, *ids;
    } cases[] = {
        { "\"csaf_version\": \"2.0\"", "\"csaf_version\": \"2.1\"", "schema" },
        { "\"title\": \"Gears\",", "", "schema" },
        { "\"title\": \"Gears\",", "\"title\": \"\",", "schema" },
        { "\"title\": \"Gears\",", "\"title\": \"Gears\",\"a\": 1,", "6.2.13 6.2.20" },
        { "2026-01-02T00:00:00Z", "2026-02-29T00:00:00Z", "schema" },
        { "2026-01-02T00:00:00Z", "2026-01-02", "schema" },
        { "https://gears.example.org\"", "https://gears example.org\"", "schema" },
        { "https://gears.example.org\"", "https://gears.invalid\"", "6.3.6" },
        { "\"https://gears.example.org/", "\"https://gears.test/", "6.3.7" },
        { "https://gears.example.org\"", "https://[::1]:8080/a?b#c\"", "" },
        { "https://gears.example.org\"", "https://[1.2.3.4]/\"", "schema" },
        { "\"G-1\"", "\"G-1\\u00a0\"", "schema 6.2.11" },
        { "2026-01-02T00:00:00Z", "2026-06-30T23:59:60Z", "" },
        { "2026-01-02T00:00:00Z", "2026-06-30T12:59:60Z", "schema" },
        { "cpe:2.3:h:gears", "cpe:2.3:x:gears", "schema" },
        { "{\"label\": \"component_not_present\",\"product_ids\": [\"C\"]}",
          "{\"label\": \"component_not_present\",\"product_ids\": [\"C\"]},{\"product_ids\": "
          "[\"C\"],\"label\": \"component_not_present\"}",
          "schema 6.1.33 6.2.13" },
        { "\"product_reference\": \"A\"", "\"product_reference\": \"Z\"", "6.1.1" },
        { "\"product_id\": \"B\"", "\"product_id\": \"A\"", "6.1.1 6.1.2" },
        { "\"product_reference\": \"A\"", "\"product_reference\": \"C\"", "6.1.3" },
        { "\"group_ids\": [\"G\"]", "\"group_ids\": [\"H\"]", "6.1.4 6.1.27.10 6.2.2" },
        { "\"known_not_affected\": [\"C\"]", "\"known_not_affected\": [\"B\",\"C\"]",
          "6.1.6 6.1.27.9" },
        { "\"baseSeverity\": \"CRITICAL\",", "", "6.1.8" },
        { VECTOR, "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "6.1.8 6.3.2" },
        { VECTOR, VECTOR "/E:Q", "6.1.8" },
        { "\"baseScore\": 9.8", "\"baseScore\": 9.7", "6.1.9" },
        { "\"baseScore\": 7.5", "\"baseScore\": 7.4", "6.1.9" },
        { VECTOR, VECTOR "/A:H", "6.1.9" },
        { VECTOR, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", "6.1.9" },
        { "\"baseScore\": 9.8", "\"attackVector\": \"LOCAL\",\"baseScore\": 9.8", "6.1.10" },
        { "Improper Input Validation", "Improper Validation", "6.1.11" },
        { "CWE-20", "CWE-2000", "6.1.11" },
        { "en-GB", "en-UK", "6.1.12" },
        { "en-GB", "sl-rozaj-rozaj", "6.1.12 6.3.8" },
        { "en-GB", "zh-cmn-Hant-TW", "6.3.8" },
        { "en-GB", "de-cmn", "6.1.12 6.3.8" },
        { "en-GB", "en-x-plant", "6.2.14" },
        { "pkg:npm/%40gears/gear@1.2?arch=arm#x", "pkg:npm/%40gears/@1.2", "" },
        { "pkg:npm/%40gears/gear@1.2?arch=arm#x", "pkg:npm/@1.2", "6.1.13" },
        { "pkg:npm/%40gears/gear@1.2?arch=arm#x", "pkg:npm/gear?arch=arm&arch=x86", "6.1.13" },
        { "\"number\": \"1\"", "\"number\": \"3\"", "6.1.14 6.1.21" },
        { "\"category\": \"vendor\",\"name\": \"Gears\",\"namespace\"",
          "\"category\": \"translator\",\"name\": \"Gears\",\"namespace\"", "6.1.15" },
        { "\"status\": \"final\",\"version\": \"2\"", "\"status\": \"final\",\"version\": \"1\"",
          "6.1.16" },
        { "\"status\": \"final\",\"version\": \"2\"", "\"status\": \"final\",\"version\": \"0\"",
          "6.1.16 6.1.17" },
        { "\"status\": \"final\",\"version\": \"2\"",
          "\"status\": \"interim\",\"version\": \"2.0.0-rc\"", "6.1.16 6.1.17 6.1.20 6.1.30" },
        { "\"number\": \"1\"", "\"number\": \"0\"", "6.1.18 6.1.21" },
        { "\"number\": \"2\"", "\"number\": \"1\"", "6.1.16 6.1.22" },
        { "\"title\": \"A hole in gears\"}]",
          "\"title\": \"A hole in gears\"},{\"cve\": \"CVE-2026-0001\"}]",
          "6.1.23 6.1.27.5 6.1.27.7 6.3.4" },
        { "\"involvements\": [",
          "\"involvements\": [{\"date\": \"2026-01-01T01:00:00+01:00\",\"party\": "
          "\"vendor\",\"status\": \"disputed\"},",
          "6.1.24" },
        { "\"filename\"", "\"extra\": 1,\"filename\"", "6.2.13 6.2.20" },
        { "\"algorithm\": \"sha256\"", "\"algorithm\": \"md5\"", "6.2.8" },
        { "\"csaf_vex\"", "\"V E-X\"", "6.1.26" },
        { "\"csaf_vex\"", "\"csaf_mine\"", "6.1.26" },
        { "\"csaf_vex\"", "\"csaf_informational_advisory\"", "6.1.27.2 6.1.27.3" },
        { "\"csaf_vex\"", "\"csaf_security_advisory\"", "" },
        { "\"en-GB\"", "\"en-GB\",\"source_lang\": \"EN-gb\"", "6.1.28 6.2.13" },
        { "\"group_ids\": [\"G\"]", "\"restart_required\": {\"category\": \"none\"}",
          "6.1.27.10 6.1.29 6.2.2" },
        { "\"name\": \"1.1\"", "\"name\": \"1.1 and earlier\"", "6.1.31" },
        { "\"name\": \"1.1\"", "\"name\": \"prior-to-1.1\"", "6.1.31" },
        { "\"name\": \"1.1\"", "\"name\": \"all-weather\"", "" },
        { "\"name\": \"1.1\"", "\"name\": \"v1.1\"", "6.3.11" },
        { "\"label\": \"component_not_present\",\"product_ids\": [\"C\"]",
          "\"label\": \"component_not_present\"", "6.1.27.9 6.1.32" },
        { "\"category\": \"product_version\"", "\"category\": \"product_version_range\"",
          "6.2.18 6.3.9 6.3.10" },
        { "\"products\": [\"A\",\"B\"]", "\"products\": [\"A\"]", "6.2.3" },
        { "\"initial_release_date\": \"2026-01-01", "\"initial_release_date\": \"2025-12-31",
          "6.2.5" },
        { "\"current_release_date\": \"2026-01-02", "\"current_release_date\": \"2026-01-01",
          "6.2.6" },
        { "\"category\": \"self\"", "\"category\": \"external\"", "6.2.11" },
        { "\"label\": \"WHITE\"", "\"label\": \"CLEAR\"", "schema 6.2.10" },
        { "A hole in gears", "A vulnerabilty in gears", "6.3.8" },
        { "A hole in gears", "Exectue, secruity", "6.3.8" },
        { "A hole in gears", "Unauthorised behaviour, exploits, controllers of vendors", "" },
    };
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct judgement j = changed(cases[i].from, cases[i].to, false);
        if (!strcmp(j.ids, cases[i].ids) && !j.err.code)
            continue;
        print_error("%s -> %s: found '%s' (%s) %s, not '%s'\n", cases[i].from, cases[i].to, j.ids,
                    j.first, j.err.text, cases[i].ids);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void a_finding_names_its_place(void **state)
{
    (void)state;
    struct judgement j = changed("\"baseScore\": 9.8", "\"baseScore\": 9", false);
    assert_string_equal(
        j.first, "/vulnerabilities/0/scores/0/cvss_v3/baseScore: baseScore is 9, computed from the "
                 "vector it is 9.8");
    j = changed("WHITE", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9",
                false);
    assert_true(kp_utf8_valid(j.first, strlen(j.first)));
    j = judge_text("{\n\"a/b~\": 1}");
    assert_string_equal(j.first, "/a~1b~0: the schema knows no such property");
}

static void with_mandatory_only_warnings_are_silent(void **state)
{
    (void)state;
    struct judgement j = changed("\"label\": \"WHITE\"", "\"label\": \"CLEAR\"", true);
    assert_string_equal(j.ids, "schema");
    assert_int_equal(j.head.found[KP_CSAF_OPTIONAL], 0);
}

/* `open` that many times, then `close`. */
static struct judgement nested(const char *open, const char *close, int times)
{
    struct kp_buf b;
    kp_buf_init(&b, 4 << 20);
    for (int i = 0; i < times; i++)
        kp_buf_str(&b, open);
    for (int i = 0; i < times; i++)
        kp_buf_str(&b, close);
    struct judgement j = judge(kp_buf_text(&b), b.len, false);
    kp_buf_free(&b);
    return j;
}

static void what_cannot_be_judged_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *json, *why;
    } cases[] = {
        { "", "line 1: '[' or '{' expected" },
        { "[]", "the document is no object of JSON" },
        { "{\"a\":1,\n\"a\":2}", "line 2: duplicate object key" },
        { "{\"a\":01}", "line 1: invalid token" },
        { "{\"a\":\"\xff\"}", "line 1: unable to decode byte 0xff" },
        { "{\"a\":\"\\u0000\"}", "line 1: \\u0000 is not allowed" },
        { "{\"a\":\"\\ud800\"}", "line 1: invalid Unicode" },
        { "{\"a\":\"b", "line 1: premature end of input" },
        { "{\"a\":1,}", "line 1: string or '}' expected" },
        { "{}\n{}", "line 2: end of file expected" },
        { "{\"a\":1e999}", "line 1: real number overflow" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strncmp(judge_text(cases[i].json).err.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s", cases[i].json, judge_text(cases[i].json).err.text);
    assert_int_equal(judge("{}\0", 3, false).err.code, KP_EPARSE);
    struct judgement j = nested("{\"a\":[", "]}", 100);
    assert_int_equal(j.err.code, KP_EFULL);
    assert_non_null(strstr(j.err.text, "/a/0: the document is nested deeper than 72"));
    assert_int_equal(nested("[", "]", 100).err.code, KP_EFULL);
    assert_int_equal(nested("[", "]", 100000).err.code, KP_EFULL);
    assert_int_equal(nested("[", "]", 1000001).err.code, KP_EFULL);
}

static void a_list_may_be_long_and_an_object_may_not(void **state)
{
    struct kp_buf b;
    (void)state;
    for (int keys = 1000; keys <= 1001; keys++) {
        kp_buf_init(&b, 1 << 20);
        for (int i = 0; i < keys; i++)
            kp_buf_printf(&b, "%s\"%d\":[%d,-0.5e1]", i ? "," : "{", i, i);
        kp_buf_str(&b, "}");
        struct judgement j = judge(kp_buf_text(&b), b.len, false);
        assert_int_equal(j.err.code, keys == 1000 ? KP_OK : KP_EFULL);
        kp_buf_free(&b);
    }
}

static void branches_are_thirty_deep_at_most(void **state)
{
    struct kp_buf b;
    (void)state;
    for (int depth = 30; depth <= 31; depth++) {
        kp_buf_init(&b, 1 << 20);
        kp_buf_str(&b, "{\"product_tree\":");
        for (int i = 0; i < depth; i++)
            kp_buf_str(&b, "{\"branches\":[");
        kp_buf_str(&b, "{}");
        for (int i = 0; i < depth; i++)
            kp_buf_str(&b, "]}");
        kp_buf_str(&b, "}");
        struct judgement j = judge(kp_buf_text(&b), b.len, false);
        assert_int_equal(j.err.code, depth == 30 ? KP_OK : KP_EFULL);
        kp_buf_free(&b);
    }
}

/* A chain of 20,000 products made of each other, its ends joined; groups of all of them in every
 * vulnerability. */
static void long_circles_and_groups_without_end_are_judged_or_refused(void **state)
{
    struct kp_buf b;
    (void)state;
    kp_buf_init(&b, 16 << 20);
    kp_buf_str(&b, "{\"product_tree\":{\"relationships\":[");
    for (int i = 0; i < 20000; i++)
        kp_buf_printf(
            &b, "%s{\"full_product_name\":{\"product_id\":\"%d\"},\"product_reference\":\"%d\"}",
            i ? "," : "", i, (i + 1) % 20000);
    kp_buf_str(&b, "],\"product_groups\":[{\"group_id\":\"g\",\"product_ids\":[\"0\"");
    for (int i = 1; i < 20000; i++)
        kp_buf_printf(&b, ",\"%d\"", i);
    kp_buf_str(&b, "]}]}");
    size_t len = b.len;
    kp_buf_str(&b, "}");
    struct judgement j = judge(kp_buf_text(&b), b.len, true);
    assert_int_equal(j.err.code, KP_OK);
    assert_non_null(strstr(j.ids, " 6.1.3"));
    b.len = len;
    kp_buf_str(&b, ",\"vulnerabilities\":[{}");
    for (int i = 0; i < 20000; i++)
        kp_buf_str(&b, ",{\"remediations\":[{\"group_ids\":[\"g\"]}]}");
    kp_buf_str(&b, "]}");
    j = judge(kp_buf_text(&b), b.len, true);
    assert_int_equal(j.err.code, KP_EFULL);
    assert_non_null(strstr(j.err.text, "takes too many steps"));
    kp_buf_free(&b);
}

static void without_memory_it_says_so_and_keeps_nothing(void **state)
{
    struct kp_buf b = sample();
    long live = kp_mem_live(), n = 0;
    struct judgement j;
    (void)state;
    do {
        j = (struct judgement){ 0 };
        kp_mem_fail_at(++n);
        kp_csaf_check(b.data, b.len, false, &j.head, see, &j, &j.err);
        kp_mem_fail_at(0);
        assert_true(!j.err.code || j.err.code == KP_ENOMEM);
        assert_int_equal(kp_mem_live(), live);
    } while (j.err.code);
    assert_true(n > 3);
    kp_buf_free(&b);
}

static void scores_are_those_of_the_standards_examples(void **state)
{
    static const struct {
        const char *vector;
        double base, temporal, environmental;
    } cases[] = {
        { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10, 10, 10 },
        { "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4, 6.4, 6.4 },
        { "CVSS:3.0/AV:L/AC:L/PR:H/UI:R/S:U/C:H/I:H/A:H/MC:N/MI:N/MA:N", 6.5, 6.5, 0 },
        { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0, 0, 0 },
        { "AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:H", 7.8, 6.4,
          9.2 }, /* CVE-2002-0392 */
        { "AV:N/AC:L/Au:N/C:C/I:C/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:L", 10, 8.3,
          9 }, /* CVE-2003-0818 */
        { "AV:L/AC:H/Au:N/C:C/I:C/A:C/E:POC/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:M", 6.2, 4.9,
          7.5 }, /* CVE-2003-0062 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kp_cvss c;
        struct kp_cvss_scores s;
        assert_true(kp_cvss_parse(cases[i].vector, &c));
        assert_null(kp_cvss_score(&c, false, &s));
        assert_true(fabs(s.base - cases[i].base) < 1e-9);
        assert_true(fabs(s.temporal - cases[i].temporal) < 1e-9);
        if (fabs(s.environmental - cases[i].environmental) > 1e-9)
            fail_msg("%s: %g", cases[i].vector, s.environmental);
    }
}

int main(void)
{
    kp_json_memory_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_is_good),
        cmocka_unit_test(each_change_is_found_by_its_tests_and_no_others),
        cmocka_unit_test(a_finding_names_its_place),
        cmocka_unit_test(with_mandatory_only_warnings_are_silent),
        cmocka_unit_test(what_cannot_be_judged_is_refused_with_the_reason),
        cmocka_unit_test(a_list_may_be_long_and_an_object_may_not),
        cmocka_unit_test(branches_are_thirty_deep_at_most),
        cmocka_unit_test(long_circles_and_groups_without_end_are_judged_or_refused),
        cmocka_unit_test(without_memory_it_says_so_and_keeps_nothing),
        cmocka_unit_test(scores_are_those_of_the_standards_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
