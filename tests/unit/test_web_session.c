/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, one-time codes, cookies and Host headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "web/session.h"

#include <stdio.h>
#include <string.h>

struct place {
    struct kp_clock_virtual clock;
    struct kp_sessions *s;
};

static int setup(void **state)
{
    static struct place p;
    p.clock = kp_clock_virtual(0);
    p.s = kp_sessions_new(&p.clock.clock);
    *state = &p;
    return !p.s;
}

static int teardown(void **state)
{
    struct place *p = *state;
    kp_sessions_free(p->s);
    return 0;
}

static const struct kp_session_for by_code;

/* Sessions by code need no store: there is no token to ask about. */
static bool known(struct place *p, const char *id)
{
    struct kp_who who;
    bool is = kp_session_check(p->s, NULL, id, true, &who);
    if (is) {
        assert_int_equal(who.role, KP_OWNER);
        assert_string_equal(who.user, "local");
        assert_string_equal(who.via, "code");
    }
    return is;
}

static void a_session_is_known_until_it_is_closed(void **state)
{
    struct place *p = *state;
    char id[KP_SESSION_TEXT], other[KP_SESSION_TEXT];
    kp_session_open(p->s, &by_code, id);
    kp_session_open(p->s, &by_code, other);
    assert_int_equal(strlen(id), KP_SESSION_TEXT - 1);
    assert_string_not_equal(id, other);
    assert_true(known(p, id));
    kp_session_close(p->s, id);
    assert_false(known(p, id));
    assert_true(known(p, other));
}

static void near_misses_and_other_lengths_are_unknown(void **state)
{
    struct place *p = *state;
    char id[KP_SESSION_TEXT + 2];
    kp_session_open(p->s, &by_code, id);
    id[10] ^= 1;
    assert_false(known(p, id));
    id[10] ^= 1;
    snprintf(id + KP_SESSION_TEXT - 1, 2, "x");
    assert_false(known(p, id));
    id[KP_SESSION_TEXT - 2] = 0;
    assert_false(known(p, id));
    assert_false(known(p, ""));
}

static void a_session_ends_after_twelve_hours_without_use_and_after_seven_days(void **state)
{
    struct place *p = *state;
    char id[KP_SESSION_TEXT];
    const int64_t hour = 3600 * KP_SECOND;
    kp_session_open(p->s, &by_code, id);
    for (int i = 0; i < 14; i++) { /* used every twelve hours: 7 days */
        kp_clock_advance(&p->clock, 12 * hour);
        assert_true(known(p, id));
    }
    kp_clock_advance(&p->clock, hour);
    assert_false(known(p, id));
    kp_session_open(p->s, &by_code, id);
    kp_clock_advance(&p->clock, 12 * hour + 1);
    assert_false(known(p, id));
    assert_false(known(p, id));
}

static void the_session_unused_longest_gives_way(void **state)
{
    struct place *p = *state;
    char id[KP_SESSIONS_MAX + 1][KP_SESSION_TEXT];
    for (int i = 0; i < KP_SESSIONS_MAX; i++) {
        kp_clock_advance(&p->clock, KP_SECOND);
        kp_session_open(p->s, &by_code, id[i]);
    }
    kp_clock_advance(&p->clock, KP_SECOND);
    assert_true(known(p, id[0])); /* so that the second is the oldest */
    kp_session_open(p->s, &by_code, id[KP_SESSIONS_MAX]);
    assert_true(known(p, id[0]));
    assert_false(known(p, id[1]));
    for (int i = 2; i <= KP_SESSIONS_MAX; i++)
        assert_true(known(p, id[i]));
}

static void a_code_works_once_and_for_a_minute(void **state)
{
    struct place *p = *state;
    char code[KP_SESSION_TEXT];
    kp_code_make(p->s, code);
    assert_false(kp_code_use(p->s, "short"));
    assert_true(kp_code_use(p->s, code));
    assert_false(kp_code_use(p->s, code));
    kp_code_make(p->s, code);
    kp_clock_advance(&p->clock, 60 * KP_SECOND);
    assert_true(kp_code_use(p->s, code));
    kp_code_make(p->s, code);
    kp_clock_advance(&p->clock, 60 * KP_SECOND + 1);
    assert_false(kp_code_use(p->s, code));
}

static void a_code_of_nothing_opens_nothing(void **state)
{
    struct place *p = *state;
    char zeros[KP_SESSION_TEXT] = "";
    assert_false(kp_code_use(p->s, zeros));
    assert_false(known(p, zeros));
    memset(zeros, 'A', KP_SESSION_TEXT - 1);
    assert_false(kp_code_use(p->s, zeros));
}

static void the_cookie_of_this_port_is_found_among_others(void **state)
{
    (void)state;
    char id[KP_SESSION_TEXT], header[400], mine[KP_SESSION_TEXT], other[KP_SESSION_TEXT];
    memset(mine, 'm', sizeof mine);
    memset(other, 'o', sizeof other);
    mine[KP_SESSION_TEXT - 1] = other[KP_SESSION_TEXT - 1] = 0;
    snprintf(header, sizeof header, "a=b; koppel-9000=%s;koppel-8420=%s; z=1", other, mine);
    assert_true(kp_cookie_find(header, 8420, false, id));
    assert_string_equal(id, mine);
    assert_true(kp_cookie_find(header, 9000, false, id));
    assert_string_equal(id, other);
    assert_false(kp_cookie_find(header, 842, false, id));
    assert_false(kp_cookie_find(NULL, 8420, false, id));
    assert_false(kp_cookie_find("", 8420, false, id));
    assert_false(kp_cookie_find("koppel-8420=short", 8420, false, id));
    snprintf(header, sizeof header, "xkoppel-8420=%s", mine);
    assert_false(kp_cookie_find(header, 8420, false, id));
    snprintf(header, sizeof header, "koppel-8420=%sm", mine);
    assert_false(kp_cookie_find(header, 8420, false, id));
    snprintf(header, sizeof header, "koppel-8443=%s; __Host-koppel-8443=%s", other, mine);
    assert_true(kp_cookie_find(header, 8443, true, id));
    assert_string_equal(id, mine);
    assert_true(kp_cookie_find(header, 8443, false, id));
    assert_string_equal(id, other);
}

static void only_loopback_hosts_pass(void **state)
{
    (void)state;
    static const char *const good[] = { "localhost", "LocalHost:8420", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8420" };
    static const char *const bad[] = { "", "localhost.example.com", "127.0.0.1.example.com", "127.0.0.2", "evil", "localhost:",
                                       "localhost:80x", "[::1", "[::1]x", "localhost:80:80", "127.0.0.1@evil" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(kp_host_is_loopback(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(kp_host_is_loopback(bad[i]));
}

static void no_memory_gives_no_sessions(void **state)
{
    struct place *p = *state;
    kp_mem_fail_at(1);
    assert_null(kp_sessions_new(&p->clock.clock));
    kp_mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_is_known_until_it_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(near_misses_and_other_lengths_are_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_ends_after_twelve_hours_without_use_and_after_seven_days, setup, teardown),
        cmocka_unit_test_setup_teardown(the_session_unused_longest_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_code_works_once_and_for_a_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(a_code_of_nothing_opens_nothing, setup, teardown),
        cmocka_unit_test(the_cookie_of_this_port_is_found_among_others),
        cmocka_unit_test(only_loopback_hosts_pass),
        cmocka_unit_test_setup_teardown(no_memory_gives_no_sessions, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
