/* SPDX-License-Identifier: Apache-2.0 */
/* ODRL in and out: what is understood, and that nothing which cannot be enforced is passed over. */
#include "core_kit.h"

#include "gate/policy.h"
#include "net/json_memory.h"

#include <stdio.h>

#include "core/ban.h"

static enum kp_code parse(const char *json, struct kp_terms *t, struct kp_err *err)
{
    *err = (struct kp_err){ 0 };
    json_t *policy = kp_json_read(json, "policy", err);
    assert_string_equal(err->text, "");
    enum kp_code code = kp_terms_parse(policy, t, err);
    json_decref(policy);
    return code;
}

static struct kp_terms terms(const char *constraints)
{
    char json[2000];
    struct kp_terms t;
    struct kp_err err;
    snprintf(json, sizeof json,
             "{\"@id\":\"o\",\"@type\":\"Offer\",\"permission\":[{\"action\":\"use\","
             "\"constraint\":[%s]}]}",
             constraints);
    parse(json, &t, &err);
    assert_string_equal(err.text, "");
    return t;
}

#define C(left, op, right)                                                                         \
    "{\"leftOperand\":\"" left "\",\"operator\":\"" op "\",\"rightOperand\":" right "}"

static void each_operand_becomes_a_term(void **state)
{
    (void)state;
    struct kp_terms t = terms(
        C("dateTime", "gteq", "\"2027-01-01T00:00:00Z\"") "," C("dateTime", "lteq", "\"2027-02-01T00:00:00+01:00\"") "," C(
            "delayPeriod", "eq",
            "\"PT1H30M\"") "," C("timeInterval", "eq",
                                 "\"PT0.5S\"") "," C("koppel:aggregate", "isAnyOf",
                                                     "[\"mean\",\"max\"]") "," C("count", "lt",
                                                                                 "\"5\"") "," C("pu"
                                                                                                "rp"
                                                                                                "os"
                                                                                                "e",
                                                                                                "is"
                                                                                                "A",
                                                                                                "\""
                                                                                                "qu"
                                                                                                "al"
                                                                                                "it"
                                                                                                "y"
                                                                                                "\"") "," C("recipient",
                                                                                                            "eq",
                                                                                                            "\"did:web:b\""));
    int64_t from, to;
    kp_time_parse("2027-01-01T00:00:00Z", &from);
    kp_time_parse("2027-01-31T23:00:00.000000001Z", &to);
    assert_true(t.from == from && t.to == to && t.since == KP_NO_TIME && t.until == KP_FOREVER);
    assert_true(t.delay == 5400 * KP_SECOND && t.every == KP_SECOND / 2);
    assert_int_equal(t.functions, 1 << KP_FN_MEAN | 1 << KP_FN_MAX);
    assert_true(t.count == 4 && !t.distribution);
    assert_true(kp_words_have(&t.purpose, "quality") && kp_words_have(&t.recipient, "did:web:b"));

    t = terms(C("koppel:sourceTime", "gt", "\"2027-01-01\"") "," C("koppel:sourceTime", "lt",
                                                                   "\"2027-01-02\""));
    assert_true(t.since == from + 1 && t.until == from + 86400 * KP_SECOND && t.from == KP_NO_TIME);
    t = terms(C("timeInterval", "eq", "\"P1D\""));
    assert_true(t.every == 86400 * KP_SECOND && t.functions == 1 << KP_FN_LAST);
    t = terms(C("koppel:aggregate", "eq", "\"raw\"") "," C("count", "lteq", "3"));
    assert_true(!t.every && !t.functions && t.count == 3);
}

static void of_two_limits_the_stricter_holds(void **state)
{
    (void)state;
    struct kp_terms t = terms(
        "{\"and\":[" C("count", "lteq", "\"9\"") ",{\"and\":[" C("count", "lteq", "\"4\"") "," C(
            "delayPeriod", "gteq",
            "\"PT5S\"") "]}]}," C("delayPeriod", "eq",
                                  "\"PT2S\"") "," C("dateTime", "lt",
                                                    "\"2027-05-01\"") "," C("dateTime", "lt",
                                                                            "\"2027-06-01\""));
    int64_t may;
    kp_time_parse("2027-05-01", &may);
    assert_true(t.count == 4 && t.delay == 5 * KP_SECOND && t.to == may);
}

static void the_forms_that_peers_write_say_the_same(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "{\"permission\":[{\"action\":\"use\",\"constraint\":[" C("count", "lteq", "\"3\"") "]}]}",
        "{\"odrl:permission\":{\"odrl:action\":{\"@id\":\"odrl:use\"},\"odrl:duty\":[],\"odrl:"
        "constraint\":{"
        "\"odrl:leftOperand\":{\"@id\":\"odrl:count\"},\"odrl:operator\":{\"@id\":\"odrl:lteq\"},"
        "\"odrl:rightOperand\":"
        "{\"@value\":\"3\",\"@type\":\"xsd:integer\"}}},\"odrl:obligation\":[],\"prohibition\":[]}",
        "{\"@context\":\"x\",\"dct:title\":\"t\",\"target\":{\"@id\":\"d\"},\"assigner\":\"a\","
        "\"timestamp\":\"now\",\"permission\":"
        "[{\"action\":[{\"@id\":\"http://www.w3.org/ns/odrl/2/"
        "use\"}],\"target\":\"d\",\"constraint\":[{\"and\":{\"@list\":["
        "{\"leftOperand\":\"count\",\"operator\":\"term-lteq\",\"rightOperand\":3}]}}]}],"
        "\"prohibition\":[{\"action\":"
        "\"distribute\"}],\"profile\":[\"" KP_ODRL_PROFILE "\"]}",
    };
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct kp_terms t, open = kp_terms_open();
        struct kp_err err;
        parse(forms[i], &t, &err);
        assert_string_equal(err.text, "");
        open.count = 3;
        assert_true(kp_terms_same(&t, &open));
    }
}

static void what_cannot_be_enforced_is_refused_with_the_reason(void **state)
{
    (void)state;
#define USE(c) "{\"permission\":[{\"action\":\"use\",\"constraint\":[" c "]}]}"
    static const struct {
        const char *json, *why;
    } cases[] = {
        { "[]", "must be an object" },
        { "{}", "nothing permits 'use'" },
        { "{\"permission\":[{\"action\":\"sell\"}]}", "permission[0]: the action 'sell'" },
        { "{\"permission\":[{\"action\":{\"@id\":\"use\",\"refinement\":[]}}]}",
          "permission[0]: 'action'" },
        { "{\"permission\":[{\"action\":\"use\"},{\"action\":\"use\"}]}", "a second permission" },
        { "{\"permission\":[{\"action\":\"use\",\"duty\":[{\"action\":\"delete\"}]}]}", "'duty'" },
        { "{\"permission\":[{\"action\":\"use\",\"target\":{\"@id\":\"d\",\"refinement\":{}}}]}",
          "'target'" },
        { "{\"permission\":[{\"action\":\"use\"}],\"obligation\":[{\"action\":\"compensate\"}]}",
          "obligation: this" },
        { "{\"permission\":[{\"action\":\"use\"}],\"odrl:inheritFrom\":\"p\"}",
          "inheritFrom: this" },
        { "{\"permission\":[{\"action\":\"use\"}],\"profile\":\"urn:other\"}",
          "profile: 'urn:other' is not known" },
        { "{\"permission\":[{\"action\":\"use\"}],\"prohibition\":[{\"action\":\"use\"}]}",
          "prohibition[0]: a prohibition to use" },
        { "{\"permission\":[{\"action\":\"use\"},{\"action\":\"distribute\"}],\"prohibition\":[{"
          "\"action\":\"distribute\"}]}",
          "permitted and prohibited" },
        { "{\"permission\":[{\"action\":\"use\"},{\"action\":\"distribute\",\"constraint\":[{}]}]}",
          "constraints of 'distribute'" },
        { USE("{\"or\":[]},{\"or\":[" C("count", "lteq", "1") "]}"),
          "constraint[0]: a constraint needs" },
        { USE("{\"or\":[" C("count", "lteq", "1") "]}"),
          "permission[0].constraint[0]: 'or' cannot be enforced" },
        { USE("{\"xone\":[" C("count", "lteq", "1") "]}"), "'xone'" },
        { USE("{\"andSequence\":[" C("count", "lteq", "1") "]}"), "'andSequence'" },
        { USE("{\"and\":[{\"and\":[{\"and\":[{\"and\":[{\"and\":[]}]}]}]}]}"),
          "nested too deeply" },
        { USE("{\"and\":[],\"leftOperand\":\"count\"}"), "either one comparison" },
        { USE(C("spatial", "eq", "\"NL\"")), "constraint[0]: the left operand 'spatial'" },
        { USE("{\"leftOperand\":\"count\",\"operator\":\"lteq\",\"rightOperand\":\"1\",\"unit\":"
              "\"x\"}"),
          "'unit'" },
        { USE("{\"leftOperand\":\"count\",\"operator\":\"lteq\"}"), "needs leftOperand" },
        { USE(C("dateTime", "eq", "\"2027-01-01\"")), "operator 'eq'" },
        { USE(C("dateTime", "lt", "\"2027-01-01T00:00:00\"")), "is not a time with its zone" },
        { USE(C("dateTime", "lt", "\"soon\"")), "'soon' is not a time" },
        { USE(C("dateTime", "lt", "\"2027-01-01\"") "," C("dateTime", "gteq", "\"2027-01-01\"")),
          "holds at no time" },
        { USE(C("dateTime", "lt", "\"2027-01-01\"") "," C("koppel:sourceTime", "gteq",
                                                          "\"2027-01-01\"")),
          "holds at no time" },
        { USE(C("delayPeriod", "lteq", "\"PT1H\"")), "operator 'lteq'" },
        { USE(C("delayPeriod", "eq", "\"P1M\"")), "is not a duration" },
        { USE(C("delayPeriod", "eq", "\"-PT1S\"")), "is not a duration" },
        { USE(C("delayPeriod", "eq", "\"PT\"")), "is not a duration" },
        { USE(C("delayPeriod", "eq", "\"PT1S1H\"")), "is not a duration" },
        { USE(C("delayPeriod", "eq", "\"P999999999W\"")), "is not a duration" },
        { USE(C("delayPeriod", "eq", "\"PT1.5H\"")), "is not a duration" },
        { USE(C("timeInterval", "eq", "\"PT0S\"")), "from a millisecond" },
        { USE(C("timeInterval", "eq", "\"PT1S\"") "," C("timeInterval", "eq", "\"PT2S\"")),
          "asked for twice" },
        { USE(C("count", "eq", "\"1\"")), "operator 'eq'" },
        { USE(C("count", "lteq", "\"0\"")), "is not a number of transfers" },
        { USE(C("count", "lt", "\"1\"")), "is not a number of transfers" },
        { USE(C("count", "lteq", "\"-3\"")), "is not a number of transfers" },
        { USE(C("count", "lteq", "\"3x\"")), "is not a number of transfers" },
        { USE(C("count", "lteq", "1.5")), "is not a number of transfers" },
        { USE(C("purpose", "neq", "\"x\"")), "operator 'neq'" },
        { USE(C("purpose", "isNoneOf", "[\"x\"]")), "operator 'isNoneOf'" },
        { USE(C("purpose", "eq", "[\"x\",\"y\"]")), "possible: isAnyOf" },
        { USE(C("purpose", "eq", "[]")), "is not a word" },
        { USE(C("purpose", "eq", "\"x\"") "," C("purpose", "eq", "\"y\"")), "asked for twice" },
        { USE(C("koppel:aggregate", "eq", "\"median\"")), "'median' is not" },
        { USE(C("koppel:aggregate", "eq", "\"mean\"")), "needs a timeInterval" },
        { USE(C("koppel:aggregate", "isAnyOf", "[\"raw\",\"mean\"]")),
          "raw values and values of steps" },
        { USE(C("koppel:aggregate", "eq", "\"raw\"") "," C("timeInterval", "eq", "\"PT1M\"")),
          "raw values have no" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kp_terms t;
        struct kp_err err;
        int code = parse(cases[i].json, &t, &err);
        if (code != KP_EINVALID || !strstr(err.text, cases[i].why))
            fail_msg("%s\n gave '%s'\n not '%s'", cases[i].json, err.text, cases[i].why);
    }
}

static void more_constraints_than_can_be_read_are_refused(void **state)
{
    (void)state;
    struct kp_buf json;
    struct kp_terms t;
    struct kp_err err;
    kp_buf_init(&json, 1 << 20);
    kp_buf_str(&json, "{\"permission\":[{\"action\":\"use\",\"constraint\":[");
    for (int i = 0; i < 65; i++)
        kp_buf_printf(&json, "%s" C("count", "lteq", "\"1\""), i ? "," : "");
    kp_buf_str(&json, "]}]}");
    assert_int_equal(parse(kp_buf_text(&json), &t, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "more constraints than 64"));
    kp_buf_free(&json);
}

static void terms_written_and_read_say_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct kp_terms t = kp_terms_open(), back;
        struct kp_buf out;
        struct kp_err err;
        int64_t second =
            INT64_C(1800000000) * KP_SECOND + (int64_t)(kit_random() % (1u << 30)) * 1001;
        t.from = kit_random() % 2 ? second : KP_NO_TIME;
        t.to = kit_random() % 2 ? second + 1 + (int64_t)(kit_random() % (1u << 30)) : KP_FOREVER;
        t.until = kit_random() % 4 ? KP_FOREVER : second + 7;
        t.since = kit_random() % 4 ? KP_NO_TIME : second - 7;
        t.delay =
            kit_random() % 2 ? 0 : (int64_t)(kit_random() % (UINT64_C(1) << (kit_random() % 60)));
        t.count = kit_random() % 2 ? 0 : (int64_t)(kit_random() % 1000);
        t.distribution = kit_random() % 2;
        if (kit_random() % 2) {
            t.every =
                KP_MILLISECOND + (int64_t)(kit_random() % (UINT64_C(1) << (kit_random() % 54)));
            t.functions = (uint8_t)(1 + kit_random() % 31);
        }
        for (size_t n = kit_random() % 4; t.purpose.n < n;)
            snprintf(t.purpose.word[t.purpose.n], KP_WORD_MAX, "p\"%zu", t.purpose.n),
                t.purpose.n++;
        kp_buf_init(&out, 1 << 20);
        struct kp_json j = kp_json(&out);
        kp_json_begin(&j, '{');
        kp_terms_json(&j, &t);
        kp_json_end(&j, '}');
        parse(kp_buf_text(&out), &back, &err);
        if (err.code || !kp_terms_same(&t, &back) || t.since != back.since || t.until != back.until)
            fail_msg("%s: %s", kp_buf_text(&out), err.text);
        kp_buf_free(&out);
    }
}

static void narrower_terms_ask_for_less_in_every_respect(void **state)
{
    (void)state;
    struct kp_terms wide = kp_terms_open(), t;
    wide.to = 1000;
    wide.delay = 10;
    wide.every = 60;
    wide.functions = 1 << KP_FN_MIN | 1 << KP_FN_MEAN;
    wide.count = 5;
    wide.purpose = (struct kp_words){ 2, { "a", "b" } };
    assert_true(kp_terms_narrower(&wide, &wide));
    struct kp_terms open = kp_terms_open();
    assert_true(kp_terms_narrower(&wide, &open) && !kp_terms_narrower(&open, &wide));
#define NARROWER(change, is) (t = wide, change, assert_int_equal(kp_terms_narrower(&t, &wide), is))
    NARROWER(t.to = 999, true);
    NARROWER(t.to = 1001, false);
    NARROWER(t.since = 7, true);
    NARROWER(t.delay = 11, true);
    NARROWER(t.delay = 9, false);
    NARROWER(t.every = 0, false);
    NARROWER(t.every = 30, false);
    NARROWER(t.every = 90, false);
    NARROWER(t.every = 120, false); /* of means without counts no longer ones can be made */
    NARROWER((t.every = 120, t.functions = 1 << KP_FN_MIN), true);
    NARROWER(t.functions = 1 << KP_FN_MAX, false);
    NARROWER(t.count = 4, true);
    NARROWER(t.count = 6, false);
    NARROWER(t.count = 0, false);
    NARROWER(t.distribution = true, false);
    NARROWER(t.purpose.n = 1, true);
    NARROWER(t.purpose.n = 0, false);
    NARROWER(t.recipient = ((struct kp_words){ 1, { "x" } }), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operand_becomes_a_term),
        cmocka_unit_test(of_two_limits_the_stricter_holds),
        cmocka_unit_test(the_forms_that_peers_write_say_the_same),
        cmocka_unit_test(what_cannot_be_enforced_is_refused_with_the_reason),
        cmocka_unit_test(more_constraints_than_can_be_read_are_refused),
        cmocka_unit_test(terms_written_and_read_say_the_same),
        cmocka_unit_test(narrower_terms_ask_for_less_in_every_respect),
    };
    kp_json_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
