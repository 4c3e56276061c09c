/* SPDX-License-Identifier: Apache-2.0 */
/* Names, Host headers, and the node's own certificates over years of a virtual clock. */
#include "kit.h"
#include "web_kit.h"

#include "core/clock.h"
#include "web/keeper.h"
#include "web/certificate.h"
#include "web/lan.h"

#include <unistd.h>

#define DAY (INT64_C(86400) * KP_SECOND)

/* ---- names ---- */
static void names_are_those_that_may_stand_in_a_certificate(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        { "Koppel.Plant.example", "koppel.plant.example" },
        { "a", "a" },
        { "x-1.y", "x-1.y" },
        { "1.a", "1.a" },
        { "192.0.2.7", "192.0.2.7" },
        { "2001:DB8:0::1", "2001:db8::1" },
        { "::1", "::1" },
    };
    static const char *const bad[] = { "",   ".",   "a.",    ".a",          "a..b", "-a",
                                       "a-", "a_b", "*.a",   "a b",         "a/b",  "10.1",
                                       "1",  "a:1", "[::1]", "caf\xc3\xa9", "\xff", "a\n" };
    char out[KP_DNS_NAME], longer[300];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(kp_dns_name(good[i][0], out, NULL), KP_OK);
        assert_string_equal(out, good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!kp_dns_name(bad[i], out, NULL))
            fail_msg("'%s' passed", bad[i]);
    memset(longer, 'a', sizeof longer);
    longer[64] = 0;
    assert_int_equal(kp_dns_name(longer, out, NULL), KP_EINVALID);
    longer[63] = 0;
    assert_int_equal(kp_dns_name(longer, out, NULL), KP_OK);
    longer[63] = 'a';
    longer[299] = 0;
    assert_int_equal(kp_dns_name(longer, out, NULL), KP_EINVALID);
}

static void a_list_of_names_holds_each_once_and_is_bounded(void **state)
{
    (void)state;
    struct kp_names s = { 0 };
    char name[16];
    for (int i = 0; i < 3 * KP_NAMES_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i / 2);
        kp_names_add(&s, name);
    }
    assert_int_equal(s.n, KP_NAMES_MAX);
    assert_true(kp_names_have(&s, "n0") && kp_names_have(&s, "n47"));
    assert_false(kp_names_have(&s, "n48"));
}

static void only_hosts_of_the_list_are_answered(void **state)
{
    (void)state;
    struct kp_names s = { .n = 3, .name = { "koppel.example", "192.0.2.7", "2001:db8::1" } };
    static const char *const good[] = { "koppel.example",  "KOPPEL.example:8443",
                                        "koppel.example.", "koppel.example.:1",
                                        "192.0.2.7",       "192.0.2.7:65535",
                                        "[2001:db8::1]",   "[2001:DB8:0:0::1]:8443" };
    static const char *const bad[] = { "",
                                       ":",
                                       "koppel.example:",
                                       "koppel.example:x",
                                       "koppel.example:123456",
                                       "koppel.example.evil.example",
                                       "evil",
                                       "192.0.2.70",
                                       "[192.0.2.7]",
                                       "[koppel.example]",
                                       "2001:db8::1",
                                       "[2001:db8::1",
                                       "[2001:db8::1]x",
                                       "[]",
                                       "[",
                                       "]",
                                       ".",
                                       "koppel.example..",
                                       "koppel.example\x01",
                                       "a@koppel.example" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!kp_names_answer(&s, good[i]))
            fail_msg("'%s' is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (kp_names_answer(&s, bad[i]))
            fail_msg("'%s' is answered", bad[i]);
}

/* ---- certificates ---- */
static void a_ca_permits_its_names_what_is_below_them_and_private_addresses(void **state)
{
    (void)state;
    struct kp_names names = { .n = 2, .name = { "koppel.example", "198.51.100.7" } };
    struct kp_arena arena = { 0 };
    struct kp_key_pair ca;
    struct kp_err err = { 0 };
    assert_int_equal(kp_ca_make("node", &names, 0, &arena, &ca, &err), KP_OK);
    static const char *const yes[] = { "koppel.example", "a.koppel.example",
                                       "198.51.100.7",   "10.1.2.3",
                                       "192.168.0.1",    "172.31.0.1",
                                       "fd00::1",        "::1" };
    static const char *const no[] = { "example", "xkoppel.example", "bank.example", "198.51.100.8",
                                      "8.8.8.8", "172.32.0.1",      "2001:db8::1" };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!kp_ca_permits(ca.certificate, yes[i]))
            fail_msg("%s is not permitted", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (kp_ca_permits(ca.certificate, no[i]))
            fail_msg("%s is permitted", no[i]);
    assert_false(kp_ca_permits("none", "koppel.example"));
    kp_arena_free(&arena);
}

static enum kp_code make_all(void *arg)
{
    struct kp_names *names = arg;
    struct kp_arena arena = { 0 };
    struct kp_key_pair ca, leaf, clean;
    const char *csr;
    struct kp_err err = { 0 };
    if (!kp_ca_make("node", names, DAY, &arena, &ca, &err) &&
        !kp_leaf_make(&ca, names, DAY, &arena, &leaf, &err) &&
        !kp_csr_make(leaf.key, names, &arena, &csr, &err))
        kp_chain_take(&leaf, names, DAY, &arena, &clean, &err);
    kp_arena_free(&arena);
    return err.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    struct kp_names names = { .n = 2, .name = { "koppel.example", "192.0.2.7" } };
    kit_fail_each_allocation(make_all, &names);
}

/* ---- over the years ---- */
struct place {
    struct web_kit *kit;
    struct kp_clock_virtual clock;
    struct kp_lan *lan;
    struct kp_keeper *keeper;
    int opened, turns;
};

static enum kp_code opened(void *arg, const struct kp_key_pair *p, struct kp_err *err)
{
    (void)err;
    struct place *at = arg;
    at->opened += kp_key_fits(p);
    return KP_OK;
}

static void nobody_enters(void *arg, int fd, const struct sockaddr *from, socklen_t len, bool tls)
{
    (void)arg, (void)fd, (void)from, (void)len, (void)tls;
    fail();
}

static void turned(void *arg)
{
    struct place *at = arg;
    at->turns++;
}

static const struct kp_lan_class class = { .name = "lan", .about = "HTTPS", .certificate = "this node for HTTPS", .ca = "this node's own CA",
                                           .port = KP_LAN_PORT, .open = opened, .enter = nobody_enters, .turn = turned };

static int setup(void **state)
{
    static struct place p;
    struct kp_err err = { 0 };
    void *kit;
    if (web_kit_setup(&kit))
        return 1;
    p = (struct place){ .kit = kit, .clock = kp_clock_virtual(INT64_C(1800000000) * KP_SECOND) };
    kp_node_free(p.kit->node);
    p.kit->node =
        kp_node_open(p.kit->node_dir, &(struct kp_node_options){ .clock = &p.clock.clock }, &err);
    assert_string_equal(err.text, "");
    static const struct kp_keeper_class keeper_class; /* it has no guests */
    p.keeper = kp_keeper_start(&p.clock.clock, &keeper_class, &err);
    assert_non_null(p.keeper);
    p.lan = kp_lan_new(p.kit->node, &class, &p, p.keeper, &err);
    assert_non_null(p.lan);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    void *kit = p->kit;
    kp_lan_stop(p->lan);
    kp_keeper_stop(p->keeper);
    kp_lan_free(p->lan);
    kp_guard_free(p->kit->guard); /* made with the node that has gone */
    kp_sessions_free(p->kit->sessions);
    p->kit->sessions = kp_sessions_new(&p->clock.clock);
    p->kit->guard = kp_guard_new(&p->clock.clock, kp_node_store(p->kit->node));
    return web_kit_teardown(&kit);
}

static unsigned free_port(void)
{
    char host[KP_HOST_MAX];
    unsigned port;
    struct kp_err err = { 0 };
    int fd = kp_listen_tcp("127.0.0.1:0", host, &port, &err);
    assert_true(fd >= 0);
    close(fd);
    return port;
}

static void switch_on(struct place *p, const char *name, bool new_ca)
{
    struct kp_err err = { 0 };
    struct kp_lan_settings *s = kp_alloc(sizeof *s);
    s->on = true;
    s->port = free_port();
    snprintf(s->address, sizeof s->address, "127.0.0.1");
    kp_names_add(&s->names, name);
    kp_lan_set(p->lan, s, new_ca, &err);
    kp_free(s);
    assert_string_equal(err.text, "");
}

static void look(struct place *p, struct kp_certificate_view *leaf, struct kp_certificate_view *ca)
{
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_lan_view v;
    assert_int_equal(kp_lan_view(p->lan, &arena, &v, &err), KP_OK);
    assert_int_equal(kp_certificate_view(v.certificate, leaf, &err), KP_OK);
    assert_int_equal(kp_certificate_view(v.ca, ca, &err), KP_OK);
    assert_true(v.listening);
    kp_arena_free(&arena);
}

static void pass(struct place *p, int64_t days)
{
    kp_clock_advance(&p->clock, days * DAY);
    kp_lan_turn(p->lan);
}

static void the_certificate_renews_itself_before_it_ends_and_the_ca_stays(void **state)
{
    struct place *p = *state;
    static struct kp_certificate_view first, later, ca, same;
    switch_on(p, "koppel.example", false);
    look(p, &first, &ca);
    assert_true(first.not_after - first.not_before <= 397 * DAY);
    assert_string_equal(first.issuer, ca.subject);
    pass(p, 300);
    look(p, &later, &same);
    assert_string_equal(later.fingerprint, first.fingerprint);
    pass(p, 40);
    look(p, &later, &same);
    assert_string_not_equal(later.fingerprint, first.fingerprint);
    assert_string_equal(same.fingerprint, ca.fingerprint);
    assert_true(later.not_after > first.not_after);
    for (int year = 0; year < 15; year++) { /* in the last one it ends with its CA */
        pass(p, 200);
        look(p, &later, &same);
        assert_true(later.not_after <= ca.not_after);
    }
    assert_string_equal(same.fingerprint, ca.fingerprint);
}

static void names_that_change_bring_a_new_certificate(void **state)
{
    struct place *p = *state;
    static struct kp_certificate_view first, later, ca, same;
    switch_on(p, "koppel.example", false);
    look(p, &first, &ca);
    switch_on(p, "a.koppel.example", false);
    look(p, &later, &same);
    assert_true(kp_names_have(&later.names, "a.koppel.example") &&
                !kp_names_have(&later.names, "koppel.example"));
    assert_true(kp_lan_answers(p->lan, "a.koppel.example:1") &&
                !kp_lan_answers(p->lan, "koppel.example"));
    assert_string_equal(same.fingerprint, ca.fingerprint);
    switch_on(p, "bank.example", true);
    look(p, &later, &same);
    assert_string_not_equal(same.fingerprint, ca.fingerprint);
    assert_string_equal(later.issuer, same.subject);
}

static void a_port_that_is_taken_changes_nothing_not_even_the_ca(void **state)
{
    struct place *p = *state;
    static struct kp_certificate_view first, later, ca, same;
    char host[KP_HOST_MAX];
    unsigned port;
    struct kp_err err = { 0 };
    switch_on(p, "koppel.example", false);
    look(p, &first, &ca);
    int taken = kp_listen_tcp("127.0.0.1:0", host, &port, &err);
    struct kp_lan_settings *s = kp_alloc(sizeof *s);
    *s = (struct kp_lan_settings){ .on = true, .port = port, .address = "127.0.0.1" };
    assert_int_equal(kp_lan_set(p->lan, s, true, &err), KP_EIO);
    kp_free(s);
    close(taken);
    look(p, &later, &same);
    assert_string_equal(same.fingerprint, ca.fingerprint);
    assert_true(kp_names_have(&later.names, "koppel.example") &&
                kp_lan_answers(p->lan, "koppel.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_that_may_stand_in_a_certificate),
        cmocka_unit_test(a_list_of_names_holds_each_once_and_is_bounded),
        cmocka_unit_test(only_hosts_of_the_list_are_answered),
        cmocka_unit_test(a_ca_permits_its_names_what_is_below_them_and_private_addresses),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test_setup_teardown(
            the_certificate_renews_itself_before_it_ends_and_the_ca_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_change_bring_a_new_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_that_is_taken_changes_nothing_not_even_the_ca, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
