/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a word names, and that nothing else is looked at. */
#include "kit.h"

#include "couplings/discover/discover.h"

static size_t count(const char *word)
{
    struct kp_targets t = { 0 };
    struct kp_err err = { 0 };
    if (kp_targets_add(&t, word, &err))
        fail_msg("%s: %s", word, err.text);
    size_t n = t.n;
    kp_targets_free(&t);
    return n;
}

static void refused(const char *word, const char *why)
{
    struct kp_targets t = { 0 };
    struct kp_err err = { 0 };
    assert_int_not_equal(kp_targets_add(&t, word, &err), KP_OK);
    if (!strstr(err.text, why))
        fail_msg("%s: %s", word, err.text);
    assert_int_equal(t.n, 0);
    kp_targets_free(&t);
}

static void ranges_name_as_many_addresses_as_they_say(void **state)
{
    (void)state;
    assert_int_equal(count("192.0.2.7"), 1);
    assert_int_equal(count("192.0.2.7/32"), 1);
    assert_int_equal(count("192.0.2.6/31"), 2);
    assert_int_equal(count("192.0.2.0/24"), 254);
    assert_int_equal(count("192.0.2.77/24"), 254);
    assert_int_equal(count("192.0.0.0/22"), 1022);
    assert_int_equal(count("192.0.2.10-40"), 31);
    assert_int_equal(count("192.0.2.250-192.0.3.5"), 12);
    assert_int_equal(count("255.255.255.250-255"), 6);
    assert_int_equal(count("[::1]:502"), 1);
    assert_int_equal(count("::1"), 1);
}

static void what_is_too_large_or_no_address_is_refused(void **state)
{
    (void)state;
    refused("10.0.0.0/21", "at most a /22");
    refused("0.0.0.0/0", "at most a /22");
    refused("10.0.0.0-10.0.4.0", "at most 1024");
    refused("0.0.0.0-255.255.255.255", "4294967296");
    refused("10.0.0.40-10", "no range");
    refused("10.0.0.1-256", "no range");
    refused("10.0.0.0/33", "no network");
    refused("10.0.0.0/", "no network");
    refused("10.0.0.256", "no address");
    refused("10.0.0.1:0", "no address");
    refused("10.0.0.1:70000", "no address");
    refused("[::1", "no address");
    refused("", "no address");
    refused("\xff", "no address");
    refused("no-such-host.invalid", "no host");
}

static void an_address_named_twice_is_looked_at_once(void **state)
{
    struct kp_targets t = { 0 };
    struct kp_err err = { 0 };
    (void)state;
    assert_int_equal(kp_targets_add(&t, "192.0.2.0/24", &err), KP_OK);
    assert_int_equal(kp_targets_add(&t, "192.0.2.1-20", &err), KP_OK);
    assert_int_equal(t.n, 254);
    assert_int_equal(kp_targets_add(&t, "192.0.2.1:502", &err), KP_OK);
    assert_int_equal(t.n, 255);
    assert_int_equal(t.list[254].port, 502);
    assert_int_equal(kp_targets_add(&t, "198.51.100.0/22", &err), KP_EFULL);
    kp_targets_free(&t);
}

static void nothing_is_looked_at_unless_it_is_named(void **state)
{
    struct kp_err err = { 0 };
    struct kp_discover *d = kp_discover_new(&kp_clock_system);
    (void)state;
    assert_int_equal(kp_discover_start(d, &(struct kp_discover_options){ 0 }, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "say where"));
    assert_int_equal(kp_discover_status(d).state, KP_DISCOVER_NONE);
    kp_discover_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_name_as_many_addresses_as_they_say),
        cmocka_unit_test(what_is_too_large_or_no_address_is_refused),
        cmocka_unit_test(an_address_named_twice_is_looked_at_once),
        cmocka_unit_test(nothing_is_looked_at_unless_it_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
