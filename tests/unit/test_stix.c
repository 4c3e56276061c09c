/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of STIX 2.1: grammar, values, and which observations a match is made of. Thousands of
 * generated ones stand beside the matcher of OASIS in tests/peers/test_stix.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/json_memory.h"
#include "shield/stix_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- a pattern and observations of one object each ---- */
struct seen {
    int first, last, count; /* seconds */
    const char *object;     /* what it has beside type a and an id */
};

static const char *fault(const char *pattern)
{
    static struct kp_err err;
    err = (struct kp_err){ 0 };
    kp_stix_pattern_check(pattern, strlen(pattern), &err);
    return err.text;
}

static struct kp_stix_pattern *made(const char *text)
{
    struct kp_err err = { 0 };
    struct kp_stix_pattern *p = kp_stix_pattern_new(text, strlen(text), &err);
    if (!p)
        fail_msg("%s: %s", text, err.text);
    return p;
}

struct taking {
    struct kp_stix_pattern *pattern;
    struct kp_err err;
    char hits[256]; /* "0,1 3": the observations of each */
};

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool take(void *arg, const struct kp_stix_observation *o)
{
    struct taking *t = arg;
    struct kp_stix_hit hit;
    uint64_t ids[64];
    size_t n = strlen(t->hits);
    if (kp_stix_pattern_take(t->pattern, o, &hit, &t->err))
        return true;
    assert_true(hit.n <= 64);
    if (hit.n)
        memcpy(ids, hit.ids, hit.n * sizeof *ids);
    qsort(ids, hit.n, sizeof *ids, by_number);
    for (size_t i = 0; i < hit.n; i++)
        n += (size_t)snprintf(t->hits + n, sizeof t->hits - n, "%s%d",
                              i   ? ","
                              : n ? " "
                                  : "",
                              (int)ids[i]);
    return true;
}

/* The hits while these come. */
static struct taking hits(const char *pattern, const struct seen *seen, size_t n)
{
    struct taking t = { .pattern = made(pattern) };
    struct kp_arena arena = { 0 };
    struct kp_tree *tree;
    struct kp_err err = { 0 };
    struct kp_buf b;
    kp_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++)
        kp_buf_printf(&b,
                      "%s{\"type\":\"observed-data\",\"id\":\"o--%zu\",\"first_observed\":\"2026-"
                      "01-01T00:%02d:%02dZ\","
                      "\"last_observed\":\"2026-01-01T00:%02d:%02dZ\",\"number_observed\":%d,"
                      "\"object_refs\":[\"a--%zu\"]},"
                      "{\"type\":\"a\",\"id\":\"a--%zu\",%s}",
                      i ? "," : "[", i, seen[i].first / 60, seen[i].first % 60, seen[i].last / 60,
                      seen[i].last % 60, seen[i].count, i, i, seen[i].object);
    kp_buf_str(&b, "]");
    assert_int_equal(kp_tree_read(kp_buf_text(&b), b.len, &arena, &tree, &err), KP_OK);
    assert_int_equal(kp_stix_observations(tree, &arena, take, &t, &err), KP_OK);
    kp_stix_pattern_free(t.pattern);
    kp_arena_free(&arena);
    kp_buf_free(&b);
    return t;
}

static bool matches(const char *pattern, const char *object)
{
    struct seen one = { 0, 0, 1, object };
    struct taking t = hits(pattern, &one, 1);
    if (t.err.code)
        fail_msg("%s: %s", pattern, t.err.text);
    return *t.hits;
}

/* ---- grammar ---- */
static void a_fault_is_told_with_its_column(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
    } cases[] = {
        { "", "column 1: the pattern ends where [ or ( should stand" },
        { "[a:b = 1", "column 9: the pattern ends where AND, OR or ] should stand" },
        { "[a:b = 'é' x]", "column 12: AND, OR or ] should stand here instead of x" },
        { "[a:b-c = 1]", "column 4: a key with a hyphen stands in quotes: 'b-c'" },
        { "[a:b = t'2026-13-01T00:00:00Z']",
          "column 8: t'...' holds no time such as 2026-11-28T06:30:00.5Z" },
        { "[a:b = h'0']",
          "column 8: h'...' holds something else than pairs of hexadecimal digits" },
        { "[a:b = 'a\\n']",
          "column 10: behind a backslash in a text only ' or another backslash may stand" },
        { "[a:b = 'a]", "column 8: the closing quote is missing" },
        { "[a:b < true]",
          "column 8: a number, a text, a time or bytes should stand here instead of true" },
        { "[a:b MATCHES '(']", "column 14: '(' is no regular expression, at its character 2: "
                               "missing closing parenthesis" },
        { "[a:b ISSUBSET '10.0.0.0/33']",
          "column 15: '10.0.0.0/33' is no address and no network such as 10.1.0.0/16" },
        { "[a:b = 1] WITHIN 0 SECONDS", "column 18: WITHIN takes more than 0 seconds" },
        { "[a:b = 1] REPEATS 1.5 TIMES",
          "column 19: a whole number should stand here instead of 1.5" },
        { "[a:b = 1] REPEATS 2 TIMES REPEATS 2 TIMES",
          "column 27: REPEATS stands twice behind one expression" },
        { "[a:hashes.'SHA-256' = 'f00']", "column 23: SHA-256 is 64 hexadecimal digits" },
        { "[a:b = null]", "column 8: a value should stand here instead of null" },
        { "[a:b = 1] within 5 SECONDS", "column 11: AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or "
                                        "the end should stand here instead of within" },
        { "[a:b # 1]", "column 6: '#' cannot stand here" },
        { "[a:b = 1] /* ", "column 11: the comment has no end" },
        { "\xff", "the pattern is not UTF-8" },
        { "[a:b = 1 AND (a:c[*].'d-e' IN (1, 2.5) OR NOT EXISTS a:f[-1])] // all of it\n"
          "FOLLOWEDBY ([a-b:c LIKE 'x%'] OR [a:d NOT = b'YQ==']) WITHIN +.5 SECONDS",
          "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(fault(cases[i].pattern), cases[i].text);
}

static void what_is_too_deep_long_or_manifold_is_refused(void **state)
{
    (void)state;
    struct kp_buf b;
    kp_buf_init(&b, 4 << 20);
    for (int i = 0; i < 5000; i++)
        kp_buf_str(&b, "([");
    assert_non_null(strstr(fault(kp_buf_text(&b)), "should stand"));
    b.len = 0;
    for (int i = 0; i <= KP_STIX_DEPTH_MAX; i++)
        kp_buf_str(&b, "(");
    assert_string_equal(fault(kp_buf_text(&b)), "column 66: brackets are nested deeper than 64");
    b.len = 0;
    for (int i = 0; i <= KP_STIX_LEAVES_MAX; i++)
        kp_buf_printf(&b, "%s[a:b = %d]", i ? " AND " : "", i);
    assert_string_equal(fault(kp_buf_text(&b)),
                        "the pattern has more than 64 observation expressions");
    b.len = 0;
    for (int i = 0; i < 3000; i++)
        kp_buf_printf(&b, "%s[a:b = %d]", i ? " OR " : "", i);
    assert_string_equal(fault(kp_buf_text(&b)), ""); /* alternatives are one */
    assert_true(matches(kp_buf_text(&b), "\"b\":2999"));
    b.len = 0;
    while (b.len <= KP_STIX_PATTERN_MAX)
        kp_buf_str(&b, "          ");
    assert_string_equal(fault(kp_buf_text(&b)), "the pattern is longer than 1048576 bytes");
    kp_buf_free(&b);
    assert_non_null(
        strstr(fault("(([a:b=1] AND [a:c=1]) OR ([a:d=1] AND [a:e=1])) REPEATS 999999999 TIMES"),
               "ways to fulfil it"));
    assert_non_null(
        strstr(fault("([a:b=1] FOLLOWEDBY [a:c=1]) REPEATS 999999999 TIMES"), "too large"));
}

/* ---- values ---- */
static void values_compare_by_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *test, *object;
        bool yes;
    } cases[] = {
        { "b = 5.0", "\"b\":5", true },
        { "b = true", "\"b\":1", false },
        { "b != 'x'", "\"b\":1", true },
        { "b < 'x'", "\"b\":1", false },
        { "b NOT < 'x'", "\"b\":1", false }, /* cannot be compared either way */
        { "b != 1", "\"c\":1", false },      /* it is not there */
        { "b = 1", "\"b\":null", false },
        { "b > 'a'", "\"b\":\"\\u00e4\"", true },
        { "b = '\xc3\xa4'", "\"b\":\"a\\u0308\"", false },   /* as they are */
        { "b LIKE '\xc3\xa4'", "\"b\":\"a\\u0308\"", true }, /* in normal form */
        { "b MATCHES '^.$'", "\"b\":\"a\\u0308\"", true },
        { "b MATCHES 'a.b'", "\"b\":\"a\\nb\"", true },
        { "b LIKE 'a%b'", "\"b\":\"a\\nb\"", true },
        { "b LIKE '%b_%c'", "\"b\":\"abbcc\"", true },
        { "b LIKE 'a'", "\"b\":\"ab\"", false },
        { "b_hex = 'a'", "\"b_hex\":\"61\"", true },
        { "b_bin > h'60'", "\"b_bin\":\"YQ==\"", true },
        { "b_bin = '\xc3\xa4'", "\"b_bin\":\"5A==\"", true }, /* its number is the byte */
        { "b_bin != '\xe2\x82\xac'", "\"b_bin\":\"5A==\"", true },
        { "b_hex = h'61'", "\"b_hex\":\"6\"", false },
        { "b_hex != h'61'", "\"b_hex\":\"xy\"", false }, /* it holds no bytes */
        { "b_hex MATCHES '^\\\\xff.$'", "\"b_hex\":\"ff00\"", true },
        { "b = t'2026-01-01T00:00:00.1Z'", "\"b\":\"2026-01-01T00:00:00.100Z\"", true },
        { "b < t'2026-01-01T00:00:00.000000001Z'", "\"b\":\"2026-01-01T00:00:00Z\"", true },
        { "b IN (1, 2.5)", "\"b\":2.5", true },
        { "b NOT IN ()", "\"b\":2.5", true },
        { "b ISSUBSET '2001:db8::/32'", "\"b\":\"2001:db8::1\"", true },
        { "b ISSUBSET '::/0'", "\"b\":\"10.0.0.1\"", false },
        { "b ISSUBSET '10.0.0.128/25'", "\"b\":\"10.0.0.127\"", false },
        { "b ISSUPERSET '10.0.0.1'", "\"b\":\"10.0.0.0/31\"", true },
        { "b NOT ISSUBSET '10.0.0.0/8'", "\"b\":\"no address\"", true },
        { "b[1] = 2", "\"b\":[1,2]", true },
        { "b[-1] = 2", "\"b\":[1,2]", false },
        { "b[*].c NOT = 1", "\"b\":[{\"c\":1},{\"c\":2}]", true },
        { "b.'c-d' = 1", "\"b\":{\"c-d\":1}", true },
        { "b_ref.c = 1", "\"b_ref\":\"a--0\",\"c\":1", true },
        { "b_ref.c = 1", "\"b_ref\":\"a--9\",\"c\":1", false },
        { "b_refs[0].c = 1", "\"b_refs\":[\"a--9\",\"a--0\"],\"c\":1",
          true }, /* of those that are there */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char pattern[128];
        snprintf(pattern, sizeof pattern, "[a:%s]", cases[i].test);
        if (matches(pattern, cases[i].object) != cases[i].yes)
            fail_msg("%s with %s", pattern, cases[i].object);
    }
    assert_true(matches("[EXISTS a:b AND NOT EXISTS a:c]", "\"b\":1"));
    assert_false(matches("[NOT EXISTS z:c]", "\"b\":1"));
}

static void what_cannot_be_decided_is_told_and_does_not_count(void **state)
{
    (void)state;
    struct seen seen[] = { { 0, 0, 1, "\"b\":\"noon\"" },
                           { 1, 1, 1, "\"b\":\"2026-01-01T00:00:00Z\"" } };
    struct taking t = hits("[a:b > t'2025-01-01T00:00:00Z']", seen, 2);
    assert_int_equal(t.err.code, KP_EPARSE);
    assert_string_equal(t.err.text,
                        "'noon' is no time, and t'2025-01-01T00:00:00Z' is compared with it");
    struct seen slow = { 0, 0, 1, "\"b\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"" };
    t = hits("[a:b MATCHES '^(a+)+$']", &slow, 1);
    assert_int_equal(t.err.code, KP_EFULL);
    assert_string_equal(t.err.text,
                        "MATCHES '^(a+)+$' takes too long on a text of 41 bytes: make it simpler");
    struct seen circle = {
        0, 0, 1,
        "\"r_refs\":[\"a--0\",\"a--0\",\"a--0\",\"a--0\",\"a--0\",\"a--0\",\"a--0\",\"a--0\"]"
    };
    t = hits(
        "[a:r_refs[*].r_refs[*].r_refs[*].r_refs[*].r_refs[*].r_refs[*].r_refs[*].r_refs[*].b = 1]",
        &circle, 1);
    assert_string_equal(t.err.text, "a:r_refs leads to too many values");
}

/* ---- observations ---- */
#define A "\"b\":1"
#define B "\"b\":2"
static void a_hit_uses_each_observation_once_in_the_times_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        struct seen seen[5];
        const char *hits;
    } cases[] = {
        { "[a:b = 1]", { { 0, 0, 1, A }, { 1, 1, 1, B }, { 2, 2, 1, A } }, "0 2" },
        { "[a:b = 1] AND [a:b = 1]", { { 0, 0, 1, A }, { 1, 1, 1, A }, { 2, 2, 1, A } }, "0,1" },
        { "[a:b = 1] AND [a:b = 1]", { { 0, 0, 2, A } }, "0" }, /* seen twice */
        { "[a:b > 0] AND [a:b = 1]", { { 0, 0, 1, A }, { 1, 1, 1, B } }, "0,1" },
        { "[a:b = 1] REPEATS 3 TIMES", { { 0, 0, 1, A }, { 0, 0, 1, B }, { 0, 0, 2, A } }, "0,2" },
        { "[a:b = 1] REPEATS 2 TIMES REPEATS 2 TIMES", { { 0, 0, 3, A }, { 0, 0, 1, A } }, "0,1" },
        { "[a:b = 1] FOLLOWEDBY [a:b = 2]",
          { { 5, 5, 1, A }, { 4, 4, 1, B }, { 5, 5, 1, B } },
          "0,2" },
        { "[a:b = 1] FOLLOWEDBY [a:b = 2]",
          { { 5, 9, 1, A }, { 4, 6, 1, B } },
          "0,1" }, /* times overlap */
        { "[a:b = 1] FOLLOWEDBY [a:b = 2]",
          { { 9, 9, 1, B }, { 1, 1, 1, A } },
          "0,1" }, /* came late */
        { "([a:b = 1] AND [a:b = 2]) WITHIN 2 SECONDS",
          { { 0, 0, 1, A }, { 3, 3, 1, B }, { 5, 5, 1, A } },
          "1,2" },
        { "([a:b = 1] AND [a:b = 2]) WITHIN 2 SECONDS", { { 0, 1, 1, A }, { 3, 9, 1, B } }, "0,1" },
        { "[a:b = 1] WITHIN .001 SECONDS", { { 0, 9, 1, A } }, "0" },
        { "[a:b = 1] START t'2026-01-01T00:00:01Z' STOP t'2026-01-01T00:00:03Z'",
          { { 0, 0, 1, A }, { 3, 3, 1, A }, { 1, 1, 1, A }, { 0, 1, 1, A } },
          "2 3" },
        { "[a:b = 1] START t'2026-01-01T00:00:03Z' STOP t'2026-01-01T00:00:03Z'",
          { { 3, 3, 1, A } },
          "" },
        { "([a:b = 1] FOLLOWEDBY [a:b = 2]) REPEATS 2 TIMES WITHIN 9 SECONDS",
          { { 1, 1, 1, A }, { 2, 2, 1, A }, { 2, 2, 1, B }, { 4, 4, 1, B } },
          "0,1,2,3" },
        { "[a:b = 1] OR [a:b = 2] AND [a:b = 2]",
          { { 0, 0, 1, B }, { 0, 0, 1, A }, { 0, 0, 1, B } },
          "1 0,2" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        while (n < 5 && cases[i].seen[n].object)
            n++;
        struct taking t = hits(cases[i].pattern, cases[i].seen, n);
        assert_int_equal(t.err.code, KP_OK);
        if (strcmp(t.hits, cases[i].hits) != 0)
            fail_msg("%s: %s instead of %s", cases[i].pattern, t.hits, cases[i].hits);
    }
}

static struct kp_stix_loss flood(const char *pattern, const char *rare, size_t n, size_t *found)
{
    struct kp_tree number = { .key = "b", .key_len = 1, .type = KP_TREE_NUMBER, .number = 1 };
    struct kp_tree object = { .type = KP_TREE_OBJECT, .first = &number, .n = 1 };
    struct kp_stix_object a = { "a--0", "a", 1, &object };
    struct kp_stix_pattern *p = made(pattern);
    struct kp_stix_hit hit;
    struct kp_err err = { 0 };
    *found = 0;
    for (size_t i = 0; i < n; i++) {
        struct kp_stix_observation o = { i, NULL, (int64_t)i, (int64_t)i, 1, 1, &a };
        number.number = strchr(rare, 'f') && i == 0 ? 2 : strchr(rare, 'l') && i + 1 == n ? 3 : 1;
        assert_int_equal(kp_stix_pattern_take(p, &o, &hit, &err), KP_OK);
        *found += hit.n > 0;
    }
    struct kp_stix_loss loss = kp_stix_pattern_loss(p);
    kp_stix_pattern_free(p);
    return loss;
}

static void a_flood_is_bounded_loses_none_of_the_rare_ones_and_says_what_it_dropped(void **state)
{
    (void)state;
    size_t found;
    struct kp_stix_loss loss =
        flood("([a:b = 2] FOLLOWEDBY [a:b = 1] FOLLOWEDBY [a:b = 3]) WITHIN 10 SECONDS", "fl",
              20000, &found);
    assert_int_equal(found, 1); /* the first and the last of all */
    print_message("dropped %d given up %d\n", (int)loss.dropped, (int)loss.given_up);
    assert_true(loss.dropped > 10000 && !loss.given_up);
    loss = flood("[a:b = 2] AND [a:b = 1] AND [a:b = 3]", "fl", 20000, &found);
    assert_int_equal(found, 1);
    assert_int_equal(loss.dropped, 0); /* more of a kind than are needed are no loss */
    loss = flood("[a:b > 0] REPEATS 10 TIMES", "", 100, &found);
    assert_int_equal(found, 10);
    assert_true(!loss.dropped && !loss.given_up);
}

static void without_memory_it_says_so_and_keeps_nothing(void **state)
{
    (void)state;
    static const char pattern[] = "([a:c LIKE '\xc3\xa9%' OR a:c MATCHES 'x'] FOLLOWEDBY [a:d_hex "
                                  "= h'61']) WITHIN 5 SECONDS REPEATS 2 TIMES";
    struct kp_tree text = {
        .key = "c", .key_len = 1, .type = KP_TREE_TEXT, .text = "e\xcc\x81", .n = 3
    };
    struct kp_tree bytes = {
        .key = "d_hex", .key_len = 5, .type = KP_TREE_TEXT, .text = "61", .n = 2, .next = &text
    };
    struct kp_tree object = { .type = KP_TREE_OBJECT, .first = &bytes, .n = 2 };
    struct kp_stix_object a = { "a--0", "a", 1, &object };
    long live = kp_mem_live(), n = 0;
    bool done = false;
    while (!done) {
        struct kp_err err = { 0 };
        struct kp_stix_hit hit = { 0 };
        kp_mem_fail_at(++n);
        struct kp_stix_pattern *p = kp_stix_pattern_new(pattern, strlen(pattern), &err);
        for (uint64_t i = 0; p && i < 4 && !err.code; i++) {
            struct kp_stix_observation o = { i, NULL, 0, 0, 1, 1, &a };
            kp_stix_pattern_take(p, &o, &hit, &err);
        }
        kp_mem_fail_at(0);
        done = p && !err.code;
        assert_int_equal(err.code, done ? KP_OK : KP_ENOMEM);
        assert_int_equal(hit.n, done ? 4 : 0);
        kp_stix_pattern_free(p);
        assert_int_equal(kp_mem_live(), live);
    }
    assert_true(n > 20);
}

int main(void)
{
    kp_json_memory_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_told_with_its_column),
        cmocka_unit_test(what_is_too_deep_long_or_manifold_is_refused),
        cmocka_unit_test(values_compare_by_their_kind),
        cmocka_unit_test(what_cannot_be_decided_is_told_and_does_not_count),
        cmocka_unit_test(a_hit_uses_each_observation_once_in_the_times_allowed),
        cmocka_unit_test(a_flood_is_bounded_loses_none_of_the_rare_ones_and_says_what_it_dropped),
        cmocka_unit_test(without_memory_it_says_so_and_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
