/* SPDX-License-Identifier: Apache-2.0 */
/* The tools of assistants on a node that is open but not running: what each answers, and what an
 * assistant is until somebody says otherwise. */
#include "web_kit.h"

#include "web/mcp_call.h"

static const struct {
    const char *name, *arguments;
} questions[] = {
    { "browse", "{\"what\":\"signals\",\"limit\":5}" },
    { "browse", "{\"what\":\"assets\",\"match\":\"site/**\"}" },
    { "browse", "{\"what\":\"machines\"}" },
    { "read_values", "{\"paths\":[\"site/mill/load\",\"site/mill/word\"]}" },
    { "read_history", "{\"paths\":[\"site/mill\"],\"rows\":4}" },
    { "compare_periods", "{\"paths\":[\"site/mill\"],\"from\":\"-1h\"}" },
    { "list_alarms", "{\"state\":\"all\"}" },
    { "list_watches", "{\"about\":\"site/**\"}" },
    { "list_stops", "{\"asset\":\"site/mill\"}" },
    { "machine_oee", "{\"asset\":\"site/mill\",\"every\":\"day\"}" },
    { "list_findings", "{\"all\":true}" },
    { "inventory", "{\"match\":\"site/**\"}" },
    { "who_gets_what", "{}" },
};

static void put_signal(struct kp_model *m, kp_asset at, const char *name, struct kp_value v)
{
    struct kp_err err = { 0 };
    struct kp_signal_info s = { .asset = at, .name = name, .type = v.type, .unit_text = "kN" };
    struct kp_batch *b = kp_batch_new(0);
    struct kp_taken taken;
    struct kp_sample sample = { .at = INT64_C(1795514400) * KP_SECOND, .value = v };
    sample.signal = kp_model_put_signal(m, &s, &err);
    assert_string_equal(err.text, "");
    assert_true(kp_batch_add(b, &sample));
    kp_model_take(m, b, &taken);
    kp_batch_free(b);
}

static int setup(void **state)
{
    struct kp_err err = { 0 };
    web_kit_setup(state);
    struct web_kit *k = *state;
    struct kp_model *m = kp_hub_model(kp_node_hub(k->node));
    kp_asset mill = kp_model_make_path(m, "site/mill", KP_MACHINE, &err);
    assert_string_equal(err.text, "");
    put_signal(m, mill, "load", kp_double(12.5));
    put_signal(m, mill, "word", kp_string("two\nlines", 9));
    return 0;
}

static int say(void **state, struct web_ask *a, const char *name, const char *arguments)
{
    char body[400];
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\","
             "\"arguments\":%s}}",
             name, arguments);
    struct web_kit *k = *state;
    if (web_kit_begin(k, a, web_kit_local, "POST", "/mcp")) {
        a->r.body = body;
        a->r.body_len = strlen(body);
        kp_request_serve(&a->r);
    }
    return a->r.reply.status;
}

static void put_settings(void **state, const char *body)
{
    struct web_ask a;
    assert_int_equal(web_kit_ask(*state, &a, "PUT", "/api/v1/assistants", body), 200);
    kp_request_free(&a.r);
}

static void each_tool_answers_text_and_data(void **state)
{
    put_settings(state, "{\"recipient\":\"inside\"}");
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct web_ask a;
        assert_int_equal(say(state, &a, questions[i].name, questions[i].arguments), 200);
        json_t *j = json_loads(web_kit_text(&a), JSON_REJECT_DUPLICATES, NULL);
        const json_t *r = json_object_get(j, "result");
        if (!json_is_false(json_object_get(r, "isError")) ||
            !json_is_object(json_object_get(r, "structuredContent")))
            fail_msg("%s: %s", questions[i].name, web_kit_text(&a));
        json_decref(j);
        kp_request_free(&a.r);
    }
}

static void
an_assistant_outside_is_the_standard_and_is_offered_nothing_without_a_label(void **state)
{
    struct web_ask a;
    struct kp_err err = { 0 };
    struct kp_assistants s;
    struct web_kit *k = *state;
    assert_int_equal(kp_assistants_get(k->node, &s, &err), KP_OK);
    assert_true(s.on && s.to == KP_TO_CLOUD && !s.n_open);
    for (const struct kp_mcp_tool *t = kp_mcp_tools; t->name; t++)
        assert_true(t->run && t->args && t->role >= KP_VIEWER &&
                    (!t->writes || t->role > KP_VIEWER) && !kp_assistants_open(&s, t));
    assert_int_equal(say(state, &a, "who_gets_what", "{}"), 200);
    assert_non_null(strstr(web_kit_text(&a), "another company runs"));
    kp_request_free(&a.r);
    assert_int_equal(say(state, &a, "read_values", "{\"paths\":[\"site/mill/load\"]}"), 200);
    assert_non_null(strstr(web_kit_text(&a), "there is no signal 'site/mill/load'"));
    kp_request_free(&a.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            an_assistant_outside_is_the_standard_and_is_offered_nothing_without_a_label),
        cmocka_unit_test(each_tool_answers_text_and_data),
    };
    return cmocka_run_group_tests(tests, setup, web_kit_teardown);
}
