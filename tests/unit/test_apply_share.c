/* SPDX-License-Identifier: Apache-2.0 */
/* Partners and offers in apply files: what is offered is what a person could offer, what changes is in the plan, and
 * no token is in an export. */
#include "apply_kit.h"

#include "net/jose.h"
#include "share/share.h"
#include "core/json.h"

#define SIGNALS                                                                                    \
    "assets:\n  - {path: hall/mill, kind: machine}\ncouplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n"  \
    "    at: hall/mill\n    nodes:\n      - {source: load, path: load}\n      - {source: power, path: power}\n"
#define LABEL "signals:\n  - {path: hall/mill/load, label: partner}\n"
#define PARTNER "partners:\n  - name: maker\n    id: urn:company:maker\n    url: https://maker.example/dsp\n"
#define OFFER "offers:\n  - id: load-1\n    dataset: load\n    partner: maker\n    signals: [hall/mill/load]\n"
#define OFFER_OF "offers:\n  - id: load-1\n    dataset: load\n    partner: maker\n    signals:\n      - "
#define TERMS "    terms: {until: 2030-01-01T00:00:00Z, every: 1m, functions: [mean, max], count: 5}\n"

static struct kp_buf with_key; /* PARTNER with a key */

static void make_key(void)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    const char *pem, *jwk;
    assert_int_equal(kp_jose_key(&arena, &pem, &err), KP_OK);
    assert_int_equal(kp_jose_public(pem, &arena, &jwk, &err), KP_OK);
    kp_buf_init(&with_key, 4096);
    kp_buf_printf(&with_key, PARTNER "    key: %s\n", jwk);
    kp_arena_free(&arena);
}

/* The file with that in front of it. */
static const char *file(const char *a, const char *b, const char *c)
{
    static char text[8192];
    snprintf(text, sizeof text, "%s%s%s", a, b, c);
    return text;
}

static void refused(struct place *p, const char *yaml, enum kp_code code, const char *why)
{
    struct kp_buf before, after;
    kp_buf_init(&before, 1 << 20);
    kp_buf_init(&after, 1 << 20);
    struct kp_err err = { 0 };
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &before, &err), KP_OK);
    assert_int_equal(apply(p, yaml, false, true), code);
    if (!strstr(p->err.text, why))
        fail_msg("said: %s\nnot:  %s", p->err.text, why);
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &after, &err), KP_OK);
    assert_string_equal(kp_buf_text(&before), kp_buf_text(&after));
    kp_buf_free(&before);
    kp_buf_free(&after);
}

static void start(struct place *p)
{
    assert_int_equal(apply(p, SIGNALS, false, false), KP_OK);
    assert_int_equal(apply(p, LABEL, false, false), KP_OK);
}

#define STEP(action, kind, name, detail)                                                           \
    "{\"action\":\"" action "\",\"kind\":\"" kind "\",\"name\":\"" name "\",\"detail\":" detail "}"

static void partners_and_offers_are_made_once_and_changed(void **state)
{
    struct place *p = *state;
    start(p);
    applied(p, file(kp_buf_text(&with_key), OFFER, TERMS), false,
            "[" STEP("add", "partner", "maker", "null") "," STEP("add", "offer", "load-1", "null") "]");
    applied(p, file(kp_buf_text(&with_key), OFFER, TERMS), true, "[]");
    applied(p, file(OFFER, "    automatic: false\n", TERMS), true,
            "[" STEP("change", "offer", "load-1", "\"automatic: false\"") "]");
    applied(p, file(OFFER, "", ""), true,
            "[" STEP("change", "offer", "load-1",
                     "\"policy: to be had until 2030-01-01; mean, max of each 1m; at most 5 transfers; may not be handed on to others -> "
                     "to be had at any time; each value as it was measured; may not be handed on to others, "
                     "automatic: false -> (default)\"") "]");
    applied(p, file(kp_buf_text(&with_key), "    ca: |\n      -----BEGIN CERTIFICATE-----\n      AA\n", ""), true,
            "[" STEP("change", "partner", "maker", "\"ca: (2 lines)\"") "]");
    applied(p, "offers: []\n", false, "[]"); /* what is not named is left alone */
    applied(p, "partners: []\noffers: []\n", true,
            "[" STEP("remove", "offer", "load-1", "null") "," STEP("remove", "partner", "maker", "null") "]");
}

static void an_export_of_a_node_that_shares_makes_another_one_share_the_same(void **state)
{
    struct place *p = *state;
    struct kp_buf first, second;
    kp_buf_init(&first, 1 << 20);
    kp_buf_init(&second, 1 << 20);
    start(p);
    apply(p, file(kp_buf_text(&with_key), OFFER, TERMS), false, false);
    apply(p, "offers:\n  - id: free\n    dataset: free\n    description: \"free: hours\"\n    capacity: {machines: [hall/mill], weeks: 4}\n"
             "  - id: rules\n    dataset: load\n    policy:\n      permission:\n        - action: use\n          constraint:\n"
             "            - and:\n                - {leftOperand: dateTime, operator: lt, rightOperand: 2031-01-01T00:00:00Z}\n",
          false, false);
    assert_string_equal(p->err.text, "");
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &first, &p->err), KP_OK);
    applied(p, kp_buf_text(&first), false, "[]");
    void *other = NULL;
    setup(&other);
    struct place *q = other;
    apply(q, kp_buf_text(&first), false, false);
    assert_string_equal(q->err.text, "");
    assert_int_equal(kp_export(q->n, KP_TO_NODE, &second, &q->err), KP_OK);
    const char *shares = strstr(kp_buf_text(&first), "\npartners:");
    assert_non_null(strstr(shares, "\noffers:"));
    assert_string_equal(shares, strstr(kp_buf_text(&second), "\npartners:"));
    teardown(&other);
    kp_buf_free(&first);
    kp_buf_free(&second);
}

static void a_token_comes_from_its_file_and_is_not_exported(void **state)
{
    struct place *p = *state;
    char yaml[1000];
    struct kp_buf out;
    snprintf(yaml, sizeof yaml, PARTNER "    token-file: %s\n", p->file);
    write_secret(p, "a-token-that-both-of-us-know-0123456789\n");
    applied(p, yaml, false, "[" STEP("add", "partner", "maker", "null") "]");
    applied(p, yaml, false, "[]");
    applied(p, PARTNER, false, "[]"); /* it stays */
    write_secret(p, "another-token-that-we-both-know-0123456789\n");
    applied(p, yaml, false, "[" STEP("change", "partner", "maker", "\"token: (new secret)\"") "]");
    kp_buf_init(&out, 1 << 20);
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &out, &p->err), KP_OK);
    assert_null(strstr(kp_buf_text(&out), "both"));
    assert_null(strstr(kp_buf_text(&out), "token:"));
    assert_non_null(strstr(kp_buf_text(&out), "# token-file: /PATH"));
    applied(p, kp_buf_text(&out), true, "[]");
    kp_buf_free(&out);
    apply(p, kp_buf_text(&with_key), false, false);
    assert_string_equal(p->err.text, "");
    applied(p, kp_buf_text(&with_key), false, "[]");
}

static void what_a_person_could_not_offer_no_file_offers(void **state)
{
    struct place *p = *state;
    start(p);
    apply(p, kp_buf_text(&with_key), false, false);
    refused(p, file(OFFER, "  - {id: b, dataset: power, signals: [hall/mill/power]}\n", ""), KP_EDENIED,
            "f.yaml:6:10: signals: hall/mill/power is labelled internal");
    assert_int_equal(apply(p, "signals:\n  - {path: hall/mill/load, label: internal}\n" OFFER, false, false), KP_EDENIED);
    assert_non_null(strstr(p->err.text, "1 of 2 changes were made, then add offer load-1 failed"));
    apply(p, LABEL OFFER, false, false);
    assert_string_equal(p->err.text, "");
    refused(p, "offers:\n  - {id: a, dataset: d, partner: nobody, signals: [hall/mill/load]}\n", KP_ENOTFOUND,
            "f.yaml:2:10: there is no partner named 'nobody'");
    refused(p, "offers:\n  - {id: a, dataset: d}\n", KP_EINVALID, "say which signals are in dataset 'd'");
    refused(p, "offers:\n  - {id: a, dataset: d, signals: [x]}\n  - {id: b, dataset: d, signals: [y]}\n", KP_EINVALID,
            "f.yaml:3:10: it is of dataset 'd', as 'a' is");
    refused(p, "offers:\n  - {id: a, dataset: d, capacity: {machines: [hall/none]}}\n", KP_ENOTFOUND, "there is no machine");
    refused(p, file(OFFER, "    terms: {recipient: [urn:company:other]}\n", ""), KP_EINVALID, "is not the id of partner maker");
    refused(p, file(OFFER, "    policy: {permission: [{action: sell}]}\n", ""), KP_EINVALID, "f.yaml:2:9: ");
}

static void who_partners_are_is_for_the_owner_to_say(void **state)
{
    struct place *p = *state;
    struct kp_buf plan;
    struct kp_err err = { 0 };
    const struct kp_applier engineer = { KP_TO_COMPANY, KP_ENGINEER };
    const char *yaml = kp_buf_text(&with_key);
    kp_buf_init(&plan, 1 << 20);
    assert_int_equal(kp_apply(p->n, engineer, yaml, strlen(yaml), "f.yaml", true, false, &plan, &err), KP_EDENIED);
    assert_non_null(strstr(err.text, "f.yaml:2:11: partners are the owner's"));
    apply(p, yaml, false, false);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_apply(p->n, engineer, yaml, strlen(yaml), "f.yaml", false, true, &plan, &err), KP_OK); /* no change */
    assert_int_equal(kp_apply(p->n, engineer, "partners:\n", 10, "f.yaml", false, true, &plan, &err), KP_EDENIED);
    refused(p, "partners:\n  - {name: maker, id: urn:other, url: https://maker.example/dsp}\n", KP_EINVALID, "give the partner's key");
    const char *key = strstr(yaml, "    key: ");
    refused(p, file("partners:\n  - name: maker\n    id: urn:other\n    url: https://maker.example/dsp\n", key, ""), KP_EEXISTS,
            "f.yaml:2:11: id: maker is known as 'urn:company:maker'");
    kp_buf_free(&plan);
}

static void running_out_of_memory_is_an_error_and_no_leak(void **state)
{
    struct place *p = *state;
    char yaml[1000];
    start(p);
    write_secret(p, "a-token-that-both-of-us-know-0123456789\n");
    /* Texts in JSON are short: jansson 2.14 reads beyond its buffer when it cannot grow it in the middle of one. */
    snprintf(yaml, sizeof yaml, PARTNER "    token-file: %s\n" OFFER_OF "\"*/mill/load\"\n", p->file);
    apply(p, yaml, false, false);
    assert_string_equal(p->err.text, "");
    kp_node_stop(p->n); /* so that no other thread takes the failure */
    kp_node_free(p->n);
    open_node(p);
    const char *changed = file(yaml, "  - {id: b, dataset: b, signals: [\"*/mill/load\"]}\n", "");
    kp_buf_free(&p->plan);
    apply(p, changed, true, true); /* fills the caches of the reader */
    assert_string_equal(p->err.text, "");
    kp_buf_free(&p->plan);
    kp_buf_init(&p->plan, 1 << 20);
    kp_export(p->n, KP_TO_NODE, &p->plan, &p->err);
    kp_buf_free(&p->plan);
    for (int export = 0; export < 2; export++) {
        long n = 0, live = kp_mem_live();
        for (bool failed = true; failed;) {
            struct kp_err err = { 0 };
            struct kp_buf out;
            long before = kp_mem_count();
            kp_buf_init(&out, 1 << 20);
            kp_mem_fail_at(++n);
            enum kp_code code = export ? kp_export(p->n, KP_TO_NODE, &out, &err)
                                       : kp_apply(p->n, (struct kp_applier){ KP_TO_NODE, KP_OWNER }, changed, strlen(changed),
                                                  "f.yaml", true, true, &out, &err);
            kp_mem_fail_at(0);
            failed = kp_mem_count() - before >= n;
            if ((code || out.failed) != failed || (code && code != KP_ENOMEM))
                fail_msg("%s, allocation %ld: code %d: %s", export ? "export" : "apply", n, code, err.text);
            kp_buf_free(&out);
            assert_int_equal(kp_mem_live(), live);
        }
        assert_true(n > 50);
    }
}

#define WITH_NODE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NODE(partners_and_offers_are_made_once_and_changed),
        WITH_NODE(an_export_of_a_node_that_shares_makes_another_one_share_the_same),
        WITH_NODE(a_token_comes_from_its_file_and_is_not_exported),
        WITH_NODE(what_a_person_could_not_offer_no_file_offers),
        WITH_NODE(who_partners_are_is_for_the_owner_to_say),
        WITH_NODE(running_out_of_memory_is_an_error_and_no_leak),
    };
    kp_json_memory_init();
    make_key();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kp_buf_free(&with_key);
    return failed;
}
