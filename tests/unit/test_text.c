/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/text.h"

#include <stdio.h>

#include "core/ban.h"

static bool valid(const char *bytes, size_t n)
{
    /* at the end of a block of its own size, so that the address sanitizer sees a read too far */
    char *copy = malloc(n ? n : 1);
    if (n)
        memcpy(copy, bytes, n);
    bool good = kp_utf8_valid(copy, n);
    free(copy);
    return good;
}

/* ---- UTF-8 ---- */
static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

static void every_code_point_but_the_surrogates_is_valid(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        char text[4];
        size_t n = encode(c, text);
        bool want = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        if (kp_utf8_valid(text, n) != want)
            fail_msg("U+%04X", (unsigned)c);
        for (size_t cut = 1; cut < n; cut++)
            if (kp_utf8_valid(text, cut))
                fail_msg("U+%04X cut to %zu bytes", (unsigned)c, cut);
    }
}

static void nothing_but_code_points_is_valid(void **state)
{
    (void)state;
    unsigned two = 0, three = 0, four = 0;
    static const unsigned char edges[] = { 0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff };
    for (unsigned a = 0xc0; a < 0x100; a++)
        for (unsigned b = 0; b < 0x100; b++) {
            two += kp_utf8_valid((char[]){ (char)a, (char)b }, 2);
            for (unsigned c = 0; a >= 0xe0 && c < 0x100; c++)
                three += a < 0xf0 && kp_utf8_valid((char[]){ (char)a, (char)b, (char)c }, 3);
            for (unsigned c = 0; a >= 0xf0 && c < sizeof edges; c++)
                for (unsigned d = 0; d < sizeof edges; d++)
                    four += kp_utf8_valid(
                        (char[]){ (char)a, (char)b, (char)edges[c], (char)edges[d] }, 4);
        }
    assert_int_equal(two, 0x800 - 0x80);
    assert_int_equal(three, 0x10000 - 0x800 - 0x800);
    assert_int_equal(four,
                     (0x110000 - 0x10000) / (64 * 64) * 4); /* the two good edges at both places */
}

static void a_text_with_one_bad_byte_is_invalid_wherever_it_stands(void **state)
{
    (void)state;
    static const char good[] = "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x94\xa7 25 \xc2\xb0"
                               "C";
    size_t n = sizeof good - 1;
    assert_true(valid(good, n));
    assert_true(valid("", 0));
    for (size_t i = 0; i < n; i++) {
        char bad[sizeof good];
        memcpy(bad, good, sizeof good);
        bad[i] = (char)0xff;
        assert_false(valid(bad, n));
    }
}

static void trimming_takes_the_broken_character_at_the_end_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "" },
        { "abc", "abc" },
        { "ab\xc3\xbc", "ab\xc3\xbc" },
        { "ab\xc3", "ab" },
        { "\xc3", "" },
        { "a\xe2\x82", "a" },
        { "a\xe2", "a" },
        { "a\xe2\x82\xac", "a\xe2\x82\xac" },
        { "\xf0\x9f\x94", "" },
        { "x\xf0\x9f\x94", "x" },
        { "x\xf0", "x" },
        { "x\xf0\x9f\x94\xa7", "x\xf0\x9f\x94\xa7" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16];
        snprintf(text, sizeof text, "%s", cases[i].text);
        kp_utf8_trim(text);
        assert_string_equal(text, cases[i].want);
    }
}

static void cleaning_replaces_each_bad_byte_and_keeps_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n;
        const char *want;
    } cases[] = {
        { "plain", 5, "plain" },
        { "plain", 2, "pl" },
        { "", 0, "" },
        { "M\xfcller", 6, "M\xef\xbf\xbdller" }, /* Latin-1 */
        { "\xc3\xbc\xc3", 3, "\xc3\xbc\xef\xbf\xbd" },
        { "\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
        { "DMU 50\0\0\0\0", 10, "DMU 50" },                            /* a field of fixed width */
    };
    char out[64];
    for (size_t i = 0; i < COUNT(cases); i++) {
        kp_utf8_clean(out, sizeof out, cases[i].in, cases[i].n);
        assert_string_equal(out, cases[i].want);
    }
}

static void a_cleaned_text_fits_and_is_valid_whatever_comes_in(void **state)
{
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        char in[24], out[32];
        size_t n = kit_random() % sizeof in, size = kit_random() % 25;
        for (size_t i = 0; i < n; i++)
            in[i] = kit_random() % 2 ? (char)kit_random()
                                     : "\xc3\xe2\x82\xbf\xf0\x9f"[kit_random() % 6];
        memset(out, '#', sizeof out);
        kp_utf8_clean(out, size, in, n);
        assert_int_equal(out[size], '#');
        if (!size)
            continue;
        assert_non_null(memchr(out, 0, size));
        assert_true(kp_utf8_valid(out, strlen(out)));
    }
}

/* ---- names and paths ---- */
static void a_name_is_what_a_tree_and_a_terminal_can_show(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool want;
    } cases[] = {
        { "a", true },
        { "Spindle 1", true },
        { "25 \xc2\xb0"
          "C",
          true },
        { "...", true },
        { ".a", true },
        { "a=b,c;d\"e'f\\g", true },
        { "\xc2\xa0", true }, /* a no-break space is no control character */
        { "", false },
        { ".", false },
        { "..", false },
        { " a", false },
        { "a ", false },
        { " ", false },
        { "a/b", false },
        { "a*", false },
        { "a?", false },
        { "a\tb", false },
        { "a\nb", false },
        { "\x1b[31m", false },
        { "a\x7f", false },
        { "a\xc2\x9b", false }, /* the 8-bit form of ESC [ */
        { "M\xfcller", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (kp_name_valid(cases[i].name, strlen(cases[i].name)) != cases[i].want)
            fail_msg("'%s'", cases[i].name);
    assert_false(kp_name_valid("a\0b", 3));
}

static void a_name_has_at_most_127_bytes(void **state)
{
    (void)state;
    char name[KP_NAME_MAX + 1];
    memset(name, 'x', sizeof name);
    assert_true(kp_name_valid(name, KP_NAME_MAX - 1));
    assert_false(kp_name_valid(name, KP_NAME_MAX));
}

static void a_path_is_names_with_single_slashes_between(void **state)
{
    (void)state;
    assert_true(kp_path_valid("eindhoven"));
    assert_true(kp_path_valid("eindhoven/milling/dmu50/spindle/temperature"));
    static const char *const bad[] = { "",      "/",      "/a",     "a/",  "a//b",
                                       "a/./b", "a/../b", "a/b /c", "a/*", "a/\x01" };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (kp_path_valid(bad[i]))
            fail_msg("'%s'", bad[i]);
    char path[KP_PATH_MAX + 1];
    for (size_t i = 0; i < KP_PATH_MAX; i++)
        path[i] = i % 100 == 99 ? '/' : 'p';
    path[KP_PATH_MAX] = 0;
    assert_false(kp_path_valid(path));
    path[KP_PATH_MAX - 1] = 0;
    assert_true(kp_path_valid(path));
}

static void anything_a_machine_says_becomes_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "Temperature", "Temperature" },
        { "Achse/X*?", "Achse_X__" },
        { "M\xfcller", "M_ller" },
        { "  spaces  ", "spaces" },
        { "tab\there", "tab_here" },
        { "\xc2\x9b"
          "31m",
          "_31m" },
        { "", "_" },
        { "   ", "_" },
        { ".", "_" },
        { "..", "_" },
        { "\xc3\xbc", "\xc3\xbc" },
    };
    char out[KP_NAME_MAX];
    for (size_t i = 0; i < COUNT(cases); i++) {
        kp_name_clean(out, sizeof out, cases[i].in, strlen(cases[i].in));
        assert_string_equal(out, cases[i].want);
    }
}

static void a_cleaned_name_is_valid_fits_and_stays_as_it_is(void **state)
{
    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        char in[200], out[256], again[256];
        size_t n = kit_random() % sizeof in, size = 2 + kit_random() % 200;
        for (size_t i = 0; i < n; i++)
            in[i] = kit_random() % 3 ? (char)kit_random() : " ./*\xc2\x80"[kit_random() % 6];
        memset(out, '#', sizeof out);
        kp_name_clean(out, size, in, n);
        assert_int_equal(out[size], '#');
        assert_true(strlen(out) < size);
        assert_true(kp_name_valid(out, strlen(out)));
        kp_name_clean(again, sizeof again, out, strlen(out));
        assert_string_equal(again, out);
    }
}

/* ---- patterns ---- */
static void patterns_match_as_the_manual_says(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool want;
    } cases[] = {
        { "", "", true },
        { "", "a/b", true },
        { "a", "a", true },
        { "a", "a/b/c", true }, /* all below */
        { "a/b", "a/b/c", true },
        { "a/b", "a", false },
        { "a/b", "a/bc", false }, /* up to a slash, not within a name */
        { "ab", "a/b", false },
        { "b", "a/b", false },
        { "A", "a", false },
        { "*", "a", true },
        { "*", "a/b", true },
        { "*", "", false },
        { "*/b", "a/b", true },
        { "*/b", "b", false },
        { "*/b", "a/c/b", false }, /* within one name */
        { "a*", "abc", true },
        { "a*c", "abbc", true },
        { "a*c", "abbd", false },
        { "a*c", "ac", true },
        { "*a*a*", "banana", true },
        { "*a*a*a*a*", "banana", false },
        { "?", "a", true },
        { "?", "ab", false },
        { "?", "", false },
        { "a?c", "abc", true },
        { "?", "\xc3\xbc", true }, /* a character, not a byte */
        { "??", "\xc3\xbc", false },
        { "*??", "\xc3\xbc", false },
        { "*?", "\xc3\xbc", true },
        { "*?b",
          "\xe2\x82\xac"
          "b",
          true },
        { "*??cd",
          "\xe2\x82\xac"
          "cd",
          false }, /* nor two halves of a character */
        { "**", "a", true },
        { "**", "a/b/c", true },
        { "**/c", "a/b/c", true },
        { "**/c", "c", true }, /* none too */
        { "**/c", "a/b/d", false },
        { "a/**/c", "a/c", true },
        { "a/**/c", "a/b/b/c/d", true },
        { "a/**/c", "a/b/b", false },
        { "a/**", "a", true },
        { "a/**/b/**/c", "a/x/b/x/b/c", true },
        { "a/**/b/**/c", "a/x/c/b", false },
        { "**/**/c", "c", true },
        { "**/temp*", "eindhoven/dmu50/spindle/temperature", true },
        { "a**", "abc", true }, /* only a name of its own spans names */
        { "a**/c", "ab/b/c", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (kp_pattern_match(cases[i].pattern, cases[i].path) != cases[i].want)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].path);
}

/* The same rules once more, as a recursion over single characters: short and slow. */
static bool plainly_in_name(const char *p, const char *s)
{
    bool pattern_over = !*p || *p == '/', name_over = !*s || *s == '/';
    if (pattern_over)
        return name_over;
    if (*p == '*')
        return plainly_in_name(p + 1, s) || (!name_over && plainly_in_name(p, s + 1));
    return !name_over && (*p == '?' || *p == *s) && plainly_in_name(p + 1, s + 1);
}

static const char *rest(const char *s)
{
    s += strcspn(s, "/");
    return s + (*s == '/');
}

static bool plainly(const char *p, const char *s)
{
    if (!*p)
        return true;
    if (strncmp(p, "**", 2) == 0 && (!p[2] || p[2] == '/'))
        return plainly(rest(p), s) || (*s && plainly(p, rest(s)));
    return *s && plainly_in_name(p, s) && plainly(rest(p), rest(s));
}

static void matching_agrees_with_a_plain_recursion_on_random_patterns(void **state)
{
    (void)state;
    int matches = 0;
    for (int turn = 0; turn < 300000; turn++) {
        char pattern[12], path[12];
        size_t np = kit_random() % 11, ns = kit_random() % 11;
        for (size_t i = 0; i < np; i++)
            pattern[i] = "ab/**?"[kit_random() % 6];
        for (size_t i = 0; i < ns; i++)
            path[i] = "ab/"[kit_random() % 3];
        pattern[np] = path[ns] = 0;
        if (!kp_pattern_valid(pattern) || (ns && !kp_path_valid(path)))
            continue;
        bool want = plainly(pattern, path);
        matches += want;
        if (kp_pattern_match(pattern, path) != want)
            fail_msg("'%s' and '%s'", pattern, path);
    }
    assert_true(matches > 1000);
}

static void a_pattern_made_to_be_slow_is_answered_all_the_same(void **state)
{
    (void)state;
    char pattern[KP_PATH_MAX] = "", path[KP_PATH_MAX] = "";
    size_t np = 0, ns = 0;
    while (np + 8 < sizeof pattern)
        np += (size_t)snprintf(pattern + np, sizeof pattern - np, "**/a*a/");
    snprintf(pattern + np, sizeof pattern - np, "b");
    while (ns + 8 < sizeof path)
        ns += (size_t)snprintf(path + ns, sizeof path - ns, "%saaaa", ns ? "/" : "");
    assert_true(kp_pattern_valid(pattern));
    assert_true(kp_path_valid(path));
    assert_false(kp_pattern_match(pattern, path)); /* a backtracking matcher would take for ever */
}

static void a_pattern_is_checked_before_it_is_kept(void **state)
{
    (void)state;
    static const char *const good[] = { "", "a", "**", "a/**/b", "*/?", "M\xc3\xbcller/*" };
    static const char *const bad[] = { "/",    "a/",     "/a",   "a//b",
                                       "a\nb", "a/\x7f", "\xfc", "a\xc2\x85/b" };
    for (size_t i = 0; i < COUNT(good); i++)
        if (!kp_pattern_valid(good[i]))
            fail_msg("'%s'", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (kp_pattern_valid(bad[i]))
            fail_msg("'%s'", bad[i]);
    char longest[KP_PATH_MAX + 1];
    memset(longest, '/', sizeof longest);
    for (size_t i = 0; i < KP_PATH_MAX; i += 2)
        longest[i] = 'x';
    longest[KP_PATH_MAX - 1] = 0;
    assert_true(kp_pattern_valid(longest));
    longest[KP_PATH_MAX - 1] = 'x';
    longest[KP_PATH_MAX] = 0;
    assert_false(kp_pattern_valid(longest));
}

static void a_plain_pattern_names_one_thing(void **state)
{
    (void)state;
    assert_true(kp_pattern_plain("a/b"));
    assert_false(kp_pattern_plain(""));
    assert_false(kp_pattern_plain("a/*"));
    assert_false(kp_pattern_plain("a/b?"));
}

/* ---- nearest word ---- */
static void a_typing_error_finds_the_word_that_was_meant(void **state)
{
    (void)state;
    static const char *const words[] = { "address", "password", "security", "user",
                                         "at",      "timeout",  NULL };
    static const struct {
        const char *word, *want;
    } cases[] = {
        { "adress", "address" },
        { "addres", "address" },
        { "adderss", "address" }, /* two letters swapped */
        { "Address", "address" },
        { "pasword", "password" },
        { "secuirty", "security" },
        { "usr", "user" },
        { "uesr", "user" },
        { "ta", "at" },
        { "time-out", "timeout" },
        { "user", "user" },
        { "usx", NULL }, /* two errors in three letters */
        { "passwordxxx", "password" },
        { "passwordxxxx", NULL },
        { "banana", NULL },
        { "x", NULL },
        { "zz", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *got = kp_nearest(cases[i].word, words);
        if (got != cases[i].want && (!got || !cases[i].want || strcmp(got, cases[i].want) != 0))
            fail_msg("'%s' gives '%s'", cases[i].word, got ? got : "nothing");
    }
}

static void a_very_long_word_is_no_trouble(void **state)
{
    (void)state;
    char word[5000];
    memset(word, 'q', sizeof word - 1);
    word[sizeof word - 1] = 0;
    const char *const words[] = { "address", "a-setting-with-a-name-much-longer-than-thirty-one",
                                  NULL };
    assert_null(kp_nearest(word, words));
    assert_string_equal(kp_nearest("a-setting-with-a-nmae-much-longer-than-thirty-one", words),
                        words[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_but_the_surrogates_is_valid),
        cmocka_unit_test(nothing_but_code_points_is_valid),
        cmocka_unit_test(a_text_with_one_bad_byte_is_invalid_wherever_it_stands),
        cmocka_unit_test(trimming_takes_the_broken_character_at_the_end_and_no_more),
        cmocka_unit_test(cleaning_replaces_each_bad_byte_and_keeps_the_rest),
        cmocka_unit_test(a_cleaned_text_fits_and_is_valid_whatever_comes_in),
        cmocka_unit_test(a_name_is_what_a_tree_and_a_terminal_can_show),
        cmocka_unit_test(a_name_has_at_most_127_bytes),
        cmocka_unit_test(a_path_is_names_with_single_slashes_between),
        cmocka_unit_test(anything_a_machine_says_becomes_a_name),
        cmocka_unit_test(a_cleaned_name_is_valid_fits_and_stays_as_it_is),
        cmocka_unit_test(patterns_match_as_the_manual_says),
        cmocka_unit_test(matching_agrees_with_a_plain_recursion_on_random_patterns),
        cmocka_unit_test(a_pattern_made_to_be_slow_is_answered_all_the_same),
        cmocka_unit_test(a_pattern_is_checked_before_it_is_kept),
        cmocka_unit_test(a_plain_pattern_names_one_thing),
        cmocka_unit_test(a_typing_error_finds_the_word_that_was_meant),
        cmocka_unit_test(a_very_long_word_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
