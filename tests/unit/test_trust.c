/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include "store/trust.h"

#include "core/ban.h"

static int begin(void **state)
{
    struct kit *k = kit_new();
    kit_open(k);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static void note(struct kit *k, const char *coupling, const char *der)
{
    struct kp_err err = { 0 };
    struct kp_certificate c = { .coupling = coupling, .subject = "CN=press", .not_after = 99, .der = der,
                                .len = strlen(der) };
    kp_trust_note(k->store, &c, &err);
    kit_ok(&err);
}

struct list {
    char text[500];
    int n, stop;
};

static bool add(void *arg, const struct kp_certificate *c)
{
    struct list *l = arg;
    size_t n = strlen(l->text);
    char fingerprint[KP_FINGERPRINT_TEXT];
    kp_fingerprint(c->der, c->len, fingerprint);
    assert_string_equal(c->fingerprint, fingerprint);
    assert_string_equal(c->subject, "CN=press");
    assert_int_equal(c->not_after, 99);
    snprintf(l->text + n, sizeof l->text - n, "%.*s %s %s;", (int)c->len, (const char *)c->der, c->coupling,
             c->trusted ? "trusted" : "rejected");
    return ++l->n != l->stop;
}

static void expect(struct kit *k, const char *coupling, const char *want)
{
    struct list l = { 0 };
    struct kp_err err = { 0 };
    kp_trust_list(k->store, coupling, add, &l, &err);
    kit_ok(&err);
    assert_string_equal(l.text, want);
}

static void a_fingerprint_is_the_sha_256_of_the_bytes(void **state)
{
    (void)state;
    char text[KP_FINGERPRINT_TEXT];
    kp_fingerprint("abc", 3, text); /* FIPS 180-2, B.1 */
    assert_string_equal(text, "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:"
                              "F2:00:15:AD");
}

static void the_list_starts_empty_and_what_is_met_is_rejected(void **state)
{
    struct kit *k = *state;
    expect(k, NULL, "");
    note(k, "press4", "one");
    expect(k, NULL, "one press4 rejected;");
    assert_int_equal(kit_number(k, "select first_seen from certificate"), KIT_NOW);
}

static void trust_is_given_by_coupling_and_survives_a_new_meeting(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int n = 0;
    note(k, "press4", "one");
    kp_clock_advance(&k->clock, KP_SECOND);
    note(k, "press4", "two");
    note(k, "oven", "three");
    kp_trust_set(k->store, "press4", NULL, true, &n, &err);
    kit_ok(&err);
    assert_int_equal(n, 2);
    kp_clock_advance(&k->clock, KP_SECOND);
    note(k, "press4", "one");
    expect(k, "press4", "two press4 trusted;one press4 trusted;"); /* newest first */
    expect(k, "oven", "three oven rejected;");
    assert_int_equal(kit_number(k, "select min(first_seen) from certificate"), KIT_NOW);
    kp_trust_set(k->store, "press4", NULL, false, &n, &err);
    assert_int_equal(n, 2);
    expect(k, "press4", "two press4 rejected;one press4 rejected;");
}

static void trust_is_given_by_fingerprint_to_that_one_alone(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char text[KP_FINGERPRINT_TEXT];
    int n = 0;
    note(k, "press4", "one");
    kp_clock_advance(&k->clock, KP_SECOND);
    note(k, "press4", "two");
    kp_fingerprint("one", 3, text);
    kp_trust_set(k->store, "press4", text, true, &n, &err);
    kit_ok(&err);
    assert_int_equal(n, 1);
    expect(k, NULL, "two press4 rejected;one press4 trusted;");
    kp_trust_set(k->store, NULL, text, false, &n, &err);
    assert_int_equal(n, 1);
    assert_int_equal(kp_trust_set(k->store, "oven", text, true, &n, &err), KP_ENOTFOUND);
    assert_int_equal(n, 0);
}

static void there_is_nothing_to_trust_before_the_first_meeting(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int n = 5;
    assert_int_equal(kp_trust_set(k->store, "press4", NULL, true, &n, &err), KP_ENOTFOUND);
    assert_non_null(strstr(err.text, "press4"));
    assert_int_equal(n, 0);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_trust_set(k->store, NULL, NULL, true, &n, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_trust_note(k->store, &(struct kp_certificate){ .coupling = "x" }, &err), KP_EINVALID);
}

static void the_list_stops_when_the_caller_has_enough(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct list l = { .stop = 1 };
    note(k, "a", "one");
    note(k, "a", "two");
    kp_trust_list(k->store, NULL, add, &l, &err);
    kit_ok(&err);
    assert_int_equal(l.n, 1);
}

static void out_of_memory_trusts_nobody(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int n = 0;
    long i = 1;
    note(k, "a", "one");
    for (;; i++) {
        err = (struct kp_err){ 0 };
        kit_close(k);
        kit_open(k);
        kp_mem_fail_at(i);
        enum kp_code code = kp_trust_set(k->store, "a", NULL, true, &n, &err);
        kp_mem_fail_at(0);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
        expect(k, NULL, "one a rejected;");
    }
    print_message("points of failure: %ld\n", i - 1);
    assert_true(i > 1);
    expect(k, NULL, "one a trusted;");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fingerprint_is_the_sha_256_of_the_bytes),
        T(the_list_starts_empty_and_what_is_met_is_rejected),
        T(trust_is_given_by_coupling_and_survives_a_new_meeting),
        T(trust_is_given_by_fingerprint_to_that_one_alone),
        T(there_is_nothing_to_trust_before_the_first_meeting),
        T(the_list_stops_when_the_caller_has_enough),
        T(out_of_memory_trusts_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
