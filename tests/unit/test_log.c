/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/log.h"
#include "core/text.h"

#include <pthread.h>
#include <pty.h>
#include <stdio.h>
#include <unistd.h>

#include "core/ban.h"

/* The log goes to a file without a name; lines are read back from it. */
static FILE *file;
static char line[8192];

static int begin(void **state)
{
    (void)state;
    file = tmpfile();
    if (!file)
        return -1;
    kp_log_setup(KP_LOG_INFO, fileno(file));
    return 0;
}

static int end(void **state)
{
    (void)state;
    kp_log_setup(KP_LOG_ERROR, STDERR_FILENO);
    return fclose(file);
}

/* From the first byte; afterwards next() walks on. */
static void rewind_log(void)
{
    lseek(fileno(file), 0, SEEK_SET);
    rewind(file);
}

/* The next line without its end, NULL when there is none. */
static const char *next(void)
{
    if (!fgets(line, sizeof line, file))
        return NULL;
    size_t n = strlen(line);
    assert_true(n && line[n - 1] == '\n');
    line[n - 1] = 0;
    return line;
}

/* What follows the time stamp, after a look at what stands before. */
static const char *after_time(const char *l, const char *priority)
{
    assert_non_null(l);
    assert_memory_equal(l, priority, strlen(priority));
    l += strlen(priority);
    assert_memory_equal(l, "ts=", 3);
    char stamp[KP_TIME_TEXT];
    size_t n = strcspn(l + 3, " ");
    assert_true(n < sizeof stamp);
    memcpy(stamp, l + 3, n);
    stamp[n] = 0;
    int64_t at;
    assert_true(kp_time_parse(stamp, &at));
    return l + 3 + n;
}

/* ---- lines ---- */
static void a_line_is_logfmt_with_the_priority_in_front(void **state)
{
    (void)state;
    kp_info("opcua", "connected", "coupling=%s n=%d", "dmu50", 400);
    kp_warn("store", "the disk is slow", "%s", "");
    kp_error("hub", "a \"bad\" end", "why=%s", kp_log_quote("no room"));
    rewind_log();
    assert_string_equal(after_time(next(), "<6>"),
                        " level=info part=opcua msg=connected coupling=dmu50 n=400");
    assert_string_equal(after_time(next(), "<4>"),
                        " level=warn part=store msg=\"the disk is slow\"");
    assert_string_equal(after_time(next(), "<3>"),
                        " level=error part=hub msg=\"a \\\"bad\\\" end\" why=\"no room\"");
    assert_null(next());
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    kp_debug("hub", "chatter", "%s", "");
    kp_log_setup(KP_LOG_DEBUG, fileno(file));
    kp_debug("hub", "asked for", "%s", "");
    kp_log_setup(KP_LOG_ERROR, fileno(file));
    kp_warn("hub", "too soft", "%s", "");
    rewind_log();
    assert_string_equal(after_time(next(), "<7>"), " level=debug part=hub msg=\"asked for\"");
    assert_null(next());
}

static void a_terminal_sees_no_priority(void **state)
{
    (void)state;
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, NULL)) {
        print_message("no pseudo terminals here\n");
        skip();
    }
    kp_log_setup(KP_LOG_INFO, slave);
    kp_info("opcua", "connected", "%s", "");
    ssize_t n = read(master, line, sizeof line - 1);
    assert_true(n > 0);
    line[n] = 0;
    assert_string_equal(after_time(line, ""), " level=info part=opcua msg=connected\r\n");
    close(slave);
    close(master);
}

/* ---- quoting ---- */
static void a_value_is_quoted_when_it_must_be(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "dmu50", "dmu50" },
        { "eindhoven/milling", "eindhoven/milling" },
        { "M\xc3\xbcller", "M\xc3\xbcller" },
        { "", "\"\"" },
        { "two words", "\"two words\"" },
        { "a=b", "\"a=b\"" },
        { "a\"b", "\"a\\\"b\"" },
        { "a\\b", "\"a\\\\b\"" },
        { "a\nb", "\"a b\"" },
        { "a\tb\r", "\"a b \"" },
        { "\x1b[2J", "\" [2J\"" },
        { "a\x7f", "\"a \"" },
        { "a\xc2\x9b"
          "b",
          "\"a  b\"" },
        { "M\xfcller", "\"M\xef\xbf\xbdller\"" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(kp_log_quote(cases[i].in), cases[i].want);
    assert_string_equal(kp_log_quote(NULL), "-");
}

static void eight_quoted_values_can_stand_in_one_line(void **state)
{
    (void)state;
    const char *quoted[8];
    char text[8][16];
    for (int i = 0; i < 8; i++) {
        snprintf(text[i], sizeof text[i], "v %d", i);
        quoted[i] = kp_log_quote(text[i]);
    }
    for (int i = 0; i < 8; i++) {
        char want[20];
        snprintf(want, sizeof want, "\"v %d\"", i);
        assert_string_equal(quoted[i], want);
    }
}

static void a_long_value_is_cut_at_a_character_and_keeps_its_quotes(void **state)
{
    (void)state;
    static const char *const units[] = { "x",   "\"",   "\\", "\xc3\xbc", "\xe2\x82\xac",
                                         "a\"", "\xff", "\n" };
    for (size_t u = 0; u < COUNT(units); u++)
        for (size_t total = 240; total < 300; total++) {
            char text[320] = "";
            size_t n = 0, len = strlen(units[u]);
            for (; n + len <= total; n += len)
                memcpy(text + n, units[u], len + 1);
            const char *q = kp_log_quote(text);
            size_t size = strlen(q);
            assert_true(kp_utf8_valid(q, size));
            if (q == text)
                continue; /* nothing to quote, and short enough */
            assert_true(size <= 255);
            assert_int_equal(q[0], '"');
            size_t i = 1;
            while (q[i] && q[i] != '"')
                i += 1 + (q[i] == '\\');
            assert_int_equal(i, size - 1); /* the first bare quote is the last byte */
        }
}

static void a_value_cannot_forge_a_line(void **state)
{
    (void)state;
    kp_info("web", "login", "user=%s",
            "x\n<3>ts=now level=error part=hub msg=forged"); /* unquoted by mistake */
    kp_info("web", "two\nlines\x1b[31m", "%s", "");
    rewind_log();
    assert_non_null(strstr(after_time(next(), "<6>"), "user=x <3>ts=now"));
    assert_string_equal(after_time(next(), "<6>"), " level=info part=web msg=\"two lines [31m\"");
    assert_null(next());
}

static void a_very_long_line_is_cut_and_its_quote_closed(void **state)
{
    (void)state;
    char text[6000];
    for (size_t i = 0; i < 5; i++) { /* whatever the cut hits */
        memset(text, 'x', sizeof text);
        for (size_t k = i; k + 1 < sizeof text; k += 2)
            text[k] = '\\';
        text[sizeof text - 1] = 0;
        struct kp_log_site site = { 0 };
        kp_log_write(&site, KP_LOG_INFO, "hub", "long", "text=\"%s\"", text);
    }
    memset(text, 0xfc, sizeof text - 1); /* grows threefold when cleaned */
    kp_info("hub", "bad", "text=%s", text);
    rewind_log();
    for (size_t i = 0; i < 5; i++) {
        const char *l = next();
        size_t n = strlen(l);
        assert_in_range(n, 1000, 2047);
        size_t p = (size_t)(strstr(l, "text=\"") - l) + 6;
        while (l[p] && l[p] != '"')
            p += 1 + (l[p] == '\\');
        assert_int_equal(p, n - 1);
    }
    const char *l = next();
    assert_in_range(strlen(l), 1000, 2047);
    assert_true(kp_utf8_valid(l, strlen(l)));
    assert_null(next());
}

/* ---- rate limit ---- */
static int count_lines(void)
{
    int n = 0;
    rewind_log();
    while (next())
        n++;
    return n;
}

static void a_site_that_talks_too_much_is_held_back(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        kp_warn("opcua", "again", "i=%d", i);
    kp_warn("opcua", "another site", "%s", ""); /* has a budget of its own */
    assert_int_equal(count_lines(), KP_LOG_BURST + 1);
    rewind_log();
    for (int i = 0; i < KP_LOG_BURST; i++) {
        char want[64];
        snprintf(want, sizeof want, " level=warn part=opcua msg=again i=%d", i);
        assert_string_equal(after_time(next(), "<4>"), want);
    }
}

static void what_was_held_back_is_said_when_the_ten_seconds_are_over(void **state)
{
    (void)state;
    struct kp_log_site site = { 0 };
    for (int i = 0; i < KP_LOG_BURST + 5; i++)
        kp_log_write(&site, KP_LOG_INFO, "hub", "again", "%s", "");
    site.window -= 9 * KP_SECOND; /* as if nine of them had passed */
    kp_log_write(&site, KP_LOG_INFO, "hub", "still", "%s", "");
    site.window -= 2 * KP_SECOND;
    kp_log_write(&site, KP_LOG_INFO, "hub", "free", "n=%d", 1);
    kp_log_write(&site, KP_LOG_INFO, "hub", "next", "%s", "");
    rewind_log();
    for (int i = 0; i < KP_LOG_BURST; i++)
        assert_string_equal(after_time(next(), "<6>"), " level=info part=hub msg=again");
    assert_string_equal(after_time(next(), "<6>"), " level=info part=hub msg=free held_back=6 n=1");
    assert_string_equal(after_time(next(), "<6>"), " level=info part=hub msg=next"); /* said once */
    assert_null(next());
}

static void what_the_level_keeps_away_does_not_use_up_the_limit(void **state)
{
    (void)state;
    struct kp_log_site site = { 0 };
    for (int i = 0; i < 100; i++)
        kp_log_write(&site, KP_LOG_DEBUG, "hub", "chatter", "%s", "");
    kp_log_write(&site, KP_LOG_INFO, "hub", "word", "%s", "");
    assert_int_equal(count_lines(), 1);
}

/* ---- threads ---- */
enum { THREADS = 4, LINES = 500 };

static void *chat(void *arg)
{
    for (int i = 0; i < LINES; i++) {
        struct kp_log_site site = { 0 }; /* fresh: no limit */
        char text[32];
        snprintf(text, sizeof text, "thread %d", *(int *)arg);
        kp_log_write(&site, KP_LOG_INFO, "hub", "line", "who=%s i=%d who_again=%s end=1",
                     kp_log_quote(text), i, kp_log_quote(text));
    }
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int ids[THREADS], seen[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++) {
        ids[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, chat, &ids[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rewind_log();
    for (int n = 0; n < THREADS * LINES; n++) {
        const char *rest = after_time(next(), "<6>");
        char want[128];
        int who = rest[strlen(" level=info part=hub msg=line who=\"thread ")] - '0';
        assert_in_range(who, 0, THREADS - 1);
        snprintf(
            want, sizeof want,
            " level=info part=hub msg=line who=\"thread %d\" i=%d who_again=\"thread %d\" end=1",
            who, seen[who]++, who);
        assert_string_equal(rest, want);
    }
    assert_null(next());
}

static struct kp_log_site shared;
static void *crowd(void *arg)
{
    for (int i = 0; i < 200; i++)
        kp_log_write(&shared, KP_LOG_INFO, "hub", "crowd", "%s", "");
    return arg;
}

static void threads_at_one_site_share_its_limit(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_lines(), KP_LOG_BURST);
    assert_int_equal(shared.held, THREADS * 200 - KP_LOG_BURST);
}

static void a_log_that_cannot_be_written_stops_nobody(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    kp_log_setup(KP_LOG_INFO, ends[0]); /* the end for reading */
    kp_info("hub", "lost", "%s", "");
    kp_log_setup(KP_LOG_INFO, -1);
    kp_info("hub", "lost", "%s", "");
    close(ends[0]);
    close(ends[1]);
    kp_log_setup(KP_LOG_INFO, fileno(file));
    kp_info("hub", "back", "%s", "");
    assert_int_equal(count_lines(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_logfmt_with_the_priority_in_front, begin, end),
        cmocka_unit_test_setup_teardown(what_is_below_the_level_is_not_written, begin, end),
        cmocka_unit_test_setup_teardown(a_terminal_sees_no_priority, begin, end),
        cmocka_unit_test(a_value_is_quoted_when_it_must_be),
        cmocka_unit_test(eight_quoted_values_can_stand_in_one_line),
        cmocka_unit_test(a_long_value_is_cut_at_a_character_and_keeps_its_quotes),
        cmocka_unit_test_setup_teardown(a_value_cannot_forge_a_line, begin, end),
        cmocka_unit_test_setup_teardown(a_very_long_line_is_cut_and_its_quote_closed, begin, end),
        cmocka_unit_test_setup_teardown(a_site_that_talks_too_much_is_held_back, begin, end),
        cmocka_unit_test_setup_teardown(what_was_held_back_is_said_when_the_ten_seconds_are_over,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_the_level_keeps_away_does_not_use_up_the_limit, begin,
                                        end),
        cmocka_unit_test_setup_teardown(lines_of_threads_do_not_mix, begin, end),
        cmocka_unit_test_setup_teardown(threads_at_one_site_share_its_limit, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_cannot_be_written_stops_nobody, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
