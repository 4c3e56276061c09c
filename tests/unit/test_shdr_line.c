/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of SHDR: what a line says, by its shape or by a map. */
#include "kit.h"

#include "couplings/shdr/line.h"

#include <stdio.h>

enum { NOW = 1000 };
static struct kp_buf said;
static struct kp_shdr_clock clock_;
static enum kp_shdr_form forced;

static bool seen(void *arg, const struct kp_shdr_seen *v, int64_t at)
{
    static const char *const names[] = { "auto", "value", "condition", "message", "series", "set" };
    (void)arg;
    kp_buf_printf(&said, "%s %s=%s", names[v->form], v->key, v->value);
    if (v->level)
        kp_buf_printf(&said, " %s/%s/%s/%s", v->level, v->code, v->severity, v->qualifier);
    else if (v->code)
        kp_buf_printf(&said, " %s", v->code);
    if (at != NOW * KP_SECOND)
        kp_buf_printf(&said, " @%lld", (long long)(at / KP_MILLISECOND));
    kp_buf_str(&said, ";");
    return true;
}

static enum kp_shdr_form form(void *arg, const char *key)
{
    (void)arg;
    return strcmp(key, "k") == 0 ? forced : KP_SHDR_AUTO;
}

static const char *read(const char *text)
{
    char line[512];
    struct kp_shdr_reader r = { NULL, form, seen };
    kp_buf_free(&said);
    kp_buf_init(&said, 4096);
    snprintf(line, sizeof line, "%s", text);
    if (!kp_shdr_read(line, &clock_, NOW * KP_SECOND, &r))
        return "no line";
    return kp_buf_text(&said);
}

static void pairs_of_key_and_value_are_read(void **state)
{
    (void)state;
    assert_string_equal(read("|a|1|b| two words |c|"), "value a=1;value b=two words;value c=;");
    assert_string_equal(read("|Mill:a|1"), "value Mill:a=1;");
    assert_string_equal(read("|a|\"x \\| y\"|b|\"plain\""), "value a=x | y;value b=\"plain\";");
    assert_string_equal(read("||1|b|2"), "value b=2;");
    assert_string_equal(read("no pipe"), "no line");
    assert_string_equal(read("|a"), "no line");
    assert_string_equal(read("|@ASSET@|1|CuttingTool|x"), "");
}

static void the_shape_tells_conditions_messages_and_series(void **state)
{
    (void)state;
    assert_string_equal(read("|s|FAULT|104|9|HIGH|Too hot"),
                        "condition s=Too hot FAULT/104/9/HIGH;");
    assert_string_equal(read("|s|normal||||"), "condition s= normal///;");
    assert_string_equal(read("|m|CODE|text of it"), "message m=text of it CODE;");
    assert_string_equal(read("|v|3|100|1 2 -3e1"), "series v=1 2 -3e1;");
    assert_string_equal(read("|v|3||1 2 3"), "series v=1 2 3;");
    assert_string_equal(read("|v|3|100|1 2"), "value v=3;value 100=1 2;");
    assert_string_equal(read("|a|FAULT|b|2|c|3"), "condition a=3 FAULT/b/2/c;");
    assert_string_equal(read("|a|ON|b|2|c|3"), "value a=ON;value b=2;value c=3;");
    assert_string_equal(read("|a|UNAVAILABLE|b|2|c|3"), "value a=UNAVAILABLE;value b=2;value c=3;");
    assert_string_equal(read("|s|UNAVAILABLE||||"), "condition s= UNAVAILABLE///;");
}

static void a_map_tells_better(void **state)
{
    (void)state;
    forced = KP_SHDR_VALUE;
    assert_string_equal(read("|k|FAULT|b|2|c|3"), "value k=FAULT;value b=2;value c=3;");
    forced = KP_SHDR_SET;
    assert_string_equal(read("|k|a=1 b=2"), "set k=a=1 b=2;");
    forced = KP_SHDR_CONDITION;
    assert_string_equal(read("|k|FAULT"), "condition k= FAULT///;");
    forced = KP_SHDR_SERIES;
    assert_string_equal(read("|k|1|2"), "series k=;");
    assert_string_equal(read("|k|UNAVAILABLE|b|2"), "value k=UNAVAILABLE;value b=2;");
    forced = KP_SHDR_AUTO;
}

static int64_t time_of(const char *text)
{
    char copy[200];
    snprintf(copy, sizeof copy, "%s", text);
    return kp_shdr_time(&clock_, copy, NOW * KP_SECOND) / KP_MILLISECOND;
}

static void times_are_absolute_relative_or_now(void **state)
{
    (void)state;
    clock_ = (struct kp_shdr_clock){ 0 };
    assert_int_equal(time_of("1970-01-01T00:00:02.5Z"), 2500);
    assert_int_equal(time_of("1970-01-01T00:00:02.5"), 2500);
    assert_int_equal(time_of("1970-01-01T01:00:02+01:00"), 2000);
    assert_int_equal(time_of("1970-01-01T00:00:02Z@12.5"), 2000);
    assert_int_equal(time_of(""), NOW * 1000);
    assert_int_equal(time_of("nonsense"), NOW * 1000);
    assert_int_equal(time_of("1970-99-01T00:00:02Z"), NOW * 1000);
    assert_int_equal(time_of("1e300"), NOW * 1000);
    assert_int_equal(time_of("500"), NOW * 1000); /* the first: now */
    assert_int_equal(time_of("750.5@1"), NOW * 1000 + 250);
    assert_int_equal(time_of("100"), NOW * 1000 - 400);
}

static void lines_are_whole_and_texts_of_many_lines_are_passed_over(void **state)
{
    (void)state;
    static const char text[] = "a|1\r\n\n|@ASSET@|x|Tool|--multiline--AB\n<a>\n--multiline--\n</"
                               "a>\n--multiline--AB\nb|2\nrest";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct kp_shdr_lines l = { 0 };
        char got[100] = "", *line;
        kp_buf_init(&l.text, 4096);
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            kp_buf_add(&l.text, text + at,
                       sizeof text - 1 - at < piece ? sizeof text - 1 - at : piece);
            while ((line = kp_shdr_next(&l)))
                snprintf(got + strlen(got), sizeof got - strlen(got), "%s;", line);
        }
        assert_string_equal(got, "a|1;b|2;");
        assert_int_equal(l.text.len, 4);
        kp_buf_free(&l.text);
    }
}

static void a_mark_that_is_too_long_ends_all_the_same(void **state)
{
    (void)state;
    char text[1000];
    struct kp_shdr_lines l = { 0 };
    kp_buf_init(&l.text, 4096);
    int n = snprintf(text, sizeof text,
                     "|@ASSET@|--multiline--%0200d\nx\n--multiline--%0200d\nb|2\n", 7, 7);
    kp_buf_add(&l.text, text, (size_t)n);
    assert_string_equal(kp_shdr_next(&l), "b|2");
    assert_null(kp_shdr_next(&l));
    kp_buf_free(&l.text);
}

static const char *set_of(const char *text)
{
    char copy[200];
    kp_buf_free(&said);
    kp_buf_init(&said, 4096);
    snprintf(copy, sizeof copy, "%s", text);
    kp_shdr_set_json(&said, copy);
    return kp_buf_text(&said);
}

static void data_sets_are_json(void **state)
{
    (void)state;
    assert_string_equal(set_of("a=1 b='x y' c={1 2} d=\"q\" e= f"),
                        "{\"a\":1,\"b\":\"x y\",\"c\":\"1 2\",\"d\":\"q\",\"e\":null,\"f\":null}");
    assert_string_equal(set_of(":MANUAL v1=-2.50 v2=true"), "{\"v1\":-2.5,\"v2\":true}");
    assert_string_equal(set_of(""), "{}");
    assert_string_equal(set_of("a='never closed"), "{\"a\":\"never closed\"}");
    assert_string_equal(set_of("=x"), "{\"\":\"x\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_key_and_value_are_read),
        cmocka_unit_test(the_shape_tells_conditions_messages_and_series),
        cmocka_unit_test(a_map_tells_better),
        cmocka_unit_test(times_are_absolute_relative_or_now),
        cmocka_unit_test(lines_are_whole_and_texts_of_many_lines_are_passed_over),
        cmocka_unit_test(a_mark_that_is_too_long_ends_all_the_same),
        cmocka_unit_test(data_sets_are_json),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kp_buf_free(&said);
    return failed;
}
