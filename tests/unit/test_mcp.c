/* SPDX-License-Identifier: Apache-2.0 */
/* The Model Context Protocol without a node: what is answered to which message, in both of its
 * forms; and what a tool takes. */
#include "core_kit.h"

#include "net/json_memory.h"
#include "web/mcp.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* ---- a server of two tools ---- */
static const char *const colours[] = { "red", "green", NULL };
static const struct kp_mcp_arg paint_args[] = {
    { "colour", KP_MCP_CHOICE, true, .choices = colours, .about = "which" },
    { "coats", KP_MCP_COUNT, .min = 1, .max = 3, .standard = 2, .about = "how often" },
    { "where", KP_MCP_PATTERN, .about = "what" },
    { "paths", KP_MCP_PATHS_LIST, .max = 2, .about = "several" },
    { "since", KP_MCP_TIME, .about = "when" },
    { "dry", KP_MCP_TRUTH, .about = "or wet" },
    { .name = NULL },
};
static const struct kp_mcp_arg no_args[] = { { .name = NULL } };
static const struct kp_mcp_tool tools[] = {
    { "paint", "Paint", "Paints.", paint_args, KP_VIEWER, true, false, NULL },
    { "hidden", "Hidden", "Not offered.", no_args, KP_OWNER, false, false, NULL },
    { .name = NULL },
};

static int calls;
static size_t much; /* bytes that a call answers */

static bool offers(void *self, const struct kp_mcp_tool *t)
{
    (void)self;
    return t->role == KP_VIEWER;
}

static void call(void *self, const struct kp_mcp_tool *t, const json_t *arguments,
                 struct kp_mcp_result *out)
{
    struct kp_err err = { 0 };
    (void)self;
    calls++;
    out->failed = kp_mcp_check(t->args, arguments, 0, &err);
    kp_buf_str(&out->text, out->failed ? err.text : "painted");
    if (!out->failed)
        kp_buf_str(&out->data, "{\"coats\":1}");
    for (size_t i = 0; i < much; i++)
        kp_buf_str(&out->text, "x");
}

static const struct kp_mcp_server server = {
    .tools = tools, .about = "A wall.", .offers = offers, .call = call
};

/* ---- asking ---- */
static json_t *hear_with(const char *text, const struct kp_mcp_headers *h, int status)
{
    struct kp_buf out;
    kp_buf_init(&out, 4 << 20);
    int got = kp_mcp_hear(&server, text, strlen(text), h, &out);
    if (got != status)
        fail_msg("%s: %d, not %d: %s", text, got, status, kp_buf_text(&out));
    json_t *j = out.len ? json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    assert_true(!out.len || j);
    assert_int_equal(!out.len, status == 202);
    kp_buf_free(&out);
    return j;
}

static json_t *hear(const char *text, int status)
{
    static const struct kp_mcp_headers pipe;
    return hear_with(text, &pipe, status);
}

static json_t *result(json_t *answer)
{
    if (!json_object_get(answer, "result"))
        fail_msg("no result: %s", json_dumps(answer, 0));
    return json_object_get(answer, "result");
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t ? t : "(none)";
}

static void refused(const char *text, int status, int code)
{
    json_t *j = hear(text, status), *error = json_object_get(j, "error");
    assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
    assert_true(strlen(text_of(error, "message")) > 5);
    assert_true(json_object_get(j, "id"));
    json_decref(j);
}

#define META                                                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"

/* ---- with a handshake ---- */
static void a_handshake_comes_to_a_version_that_both_speak(void **state)
{
    (void)state;
    static const char *const asked[][2] = { { "2024-11-05", "2024-11-05" },
                                            { "2025-06-18", "2025-06-18" },
                                            { "2025-11-25", "2025-11-25" },
                                            { "2026-07-28", "2025-11-25" },
                                            { "1999-01-01", "2025-11-25" } };
    for (size_t i = 0; i < COUNT(asked); i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"initialize\",\"params\":{"
                 "\"protocolVersion\":\"%s\",\"capabilities\":{}}}",
                 asked[i][0]);
        json_t *j = hear(text, 200), *r = result(j);
        assert_string_equal(text_of(r, "protocolVersion"), asked[i][1]);
        assert_string_equal(text_of(j, "id"), "a");
        assert_string_equal(text_of(json_object_get(r, "serverInfo"), "name"), "koppel");
        assert_string_equal(text_of(r, "instructions"), "A wall.");
        assert_true(json_object_get(json_object_get(r, "capabilities"), "tools"));
        assert_null(json_object_get(r, "resultType"));
        json_decref(j);
    }
    refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}", 200, -32602);
    json_decref(hear("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", 200));
    hear("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", 202);
    hear(
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}",
        202);
}

static void only_what_is_offered_is_listed_with_its_schema(void **state)
{
    (void)state;
    json_t *j = hear("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}", 200);
    const json_t *list = json_object_get(result(j), "tools"), *tool = json_array_get(list, 0);
    const json_t *schema = json_object_get(tool, "inputSchema"),
                 *all = json_object_get(schema, "properties");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text_of(tool, "name"), "paint");
    assert_false(
        json_is_true(json_object_get(json_object_get(tool, "annotations"), "readOnlyHint")));
    assert_int_equal(json_object_size(all), 6);
    assert_string_equal(text_of(json_object_get(all, "paths"), "type"), "array");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(all, "coats"), "default")),
                     2);
    assert_int_equal(json_array_size(json_object_get(json_object_get(all, "colour"), "enum")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(schema, "required"), 0)),
                        "colour");
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    json_decref(j);
    refused(
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"params\":{\"cursor\":\"x\"}}",
        200, -32602);
}

static void a_call_that_fails_is_a_result_that_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *said;
    } wrong[] = {
        { "{}", "colour is missing" },
        { "{\"colour\":\"blue\"}", "colour must be one of red, green" },
        { "{\"colour\":5}", "colour must be one of" },
        { "{\"color\":\"red\"}", "did you mean colour?" },
        { "{\"colour\":\"red\",\"coats\":4}", "whole number from 1 to 3" },
        { "{\"colour\":\"red\",\"coats\":1.5}", "whole number" },
        { "{\"colour\":\"red\",\"where\":\"a//b\"}", "is no pattern" },
        { "{\"colour\":\"red\",\"where\":[1]}", "where must be a text" },
        { "{\"colour\":\"red\",\"paths\":[]}", "a list of 1 to 2 paths" },
        { "{\"colour\":\"red\",\"paths\":[\"a\",\"b\",\"c\"]}", "a list of 1 to 2 paths" },
        { "{\"colour\":\"red\",\"paths\":[7]}", "must be a text" },
        { "{\"colour\":\"red\",\"since\":\"soon\"}", "is no time" },
        { "{\"colour\":\"red\",\"dry\":\"yes\"}", "true or false" },
    };
    char text[400];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(text, sizeof text,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
                 "\"paint\",\"arguments\":%s}}",
                 wrong[i].arguments);
        json_t *j = hear(text, 200), *r = result(j);
        const char *said = text_of(json_array_get(json_object_get(r, "content"), 0), "text");
        if (!json_is_true(json_object_get(r, "isError")) || !strstr(said, wrong[i].said))
            fail_msg("%s: %s", wrong[i].arguments, said);
        assert_null(json_object_get(r, "structuredContent"));
        json_decref(j);
    }
    json_t *j = hear("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
                     "\"paint\",\"arguments\":{\"colour\":\"red\",\"coats\":null,\"paths\":[\"a/"
                     "**\"],\"since\":\"-2h\",\"dry\":true}}}",
                     200);
    assert_true(json_is_false(json_object_get(result(j), "isError")));
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(result(j), "structuredContent"), "coats")),
                     1);
    json_decref(j);
}

/* ---- with the version in each request ---- */
static void a_request_that_says_its_version_needs_no_handshake(void **state)
{
    (void)state;
    json_t *j = hear(
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" META "}}", 200);
    json_t *r = result(j);
    assert_string_equal(text_of(r, "resultType"), "complete");
    assert_string_equal(text_of(r, "cacheScope"), "private");
    assert_true(json_is_integer(json_object_get(r, "ttlMs")));
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(r, "supportedVersions"), 0)),
        "2026-07-28");
    json_decref(j);
    j = hear(
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"paint\","
        "\"arguments\":{\"colour\":\"red\"}," META "}}",
        200);
    assert_string_equal(text_of(result(j), "resultType"), "complete");
    json_decref(j);
    refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{" META "}}", 404,
            -32601);
    refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{" META "}}", 404,
            -32601);
    refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\"}", 200, -32601);
    refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io."
            "modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}",
            400, -32602);
    j = hear("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io."
             "modelcontextprotocol/protocolVersion\":\"2031-01-01\",\"io.modelcontextprotocol/"
             "clientCapabilities\":{}}}}",
             400);
    const json_t *error = json_object_get(j, "error"), *data = json_object_get(error, "data");
    assert_int_equal(json_integer_value(json_object_get(error, "code")), -32022);
    assert_string_equal(text_of(data, "requested"), "2031-01-01");
    assert_int_equal(json_array_size(json_object_get(data, "supported")), 1);
    json_decref(j);
}

static void over_http_the_headers_say_what_the_message_says(void **state)
{
    (void)state;
    static const char list[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{" META "}}",
                      paint[] =
                          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
                          "{\"name\":\"paint\",\"arguments\":{\"colour\":\"red\"}," META "}}",
                      old[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
    static const struct {
        const char *message;
        struct kp_mcp_headers headers;
        int status, code; /* 0: it is answered */
    } cases[] = {
        { list, { true, "2026-07-28", "tools/list", NULL }, 200, 0 },
        { paint, { true, "2026-07-28", "tools/call", "paint" }, 200, 0 },
        { list, { true, NULL, "tools/list", NULL }, 400, -32020 },
        { list, { true, "2025-11-25", "tools/list", NULL }, 400, -32020 },
        { list, { true, "2026-07-28", "tools/call", NULL }, 400, -32020 },
        { list, { true, "2026-07-28", NULL, NULL }, 400, -32020 },
        { paint, { true, "2026-07-28", "tools/call", "browse" }, 400, -32020 },
        { paint, { true, "2026-07-28", "tools/call", NULL }, 400, -32020 },
        { old, { true, NULL, NULL, NULL }, 200, 0 },
        { old, { true, "2025-06-18", NULL, NULL }, 200, 0 },
        { old, { true, "1999-01-01", NULL, NULL }, 400, -32600 },
        { old, { true, "2026-07-28", "tools/list", NULL }, 400, -32602 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *j = hear_with(cases[i].message, &cases[i].headers, cases[i].status);
        const json_t *code = json_object_get(json_object_get(j, "error"), "code");
        assert_int_equal(json_integer_value(code), cases[i].code);
        json_decref(j);
    }
}

/* ---- what makes no sense ---- */
static void what_is_no_message_is_refused_and_calls_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status, code;
    } wrong[] = {
        { "", 400, -32700 },
        { "{", 400, -32700 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", 400, -32700 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\xff\"}", 400, -32700 },
        { "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", 400, -32600 },
        { "[]", 400, -32600 },
        { "{}", 400, -32600 },
        { "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", 400, -32600 },
        { "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", 400, -32600 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", 400, -32600 },
        { "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", 400, -32600 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", 400, -32600 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 400, -32600 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[1]}", 400, -32602 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\"}", 200, -32601 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}", 200, -32602 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"drop\"}}",
          200, -32602 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"paint\","
          "\"arguments\":[]}}",
          200, -32602 },
    };
    int before = calls;
    for (size_t i = 0; i < COUNT(wrong); i++)
        refused(wrong[i].text, wrong[i].status, wrong[i].code);
    assert_int_equal(calls, before);
}

static void sizes_have_bounds(void **state)
{
    (void)state;
    enum { DEEP = 100 };
    char *huge = kp_alloc(KP_MCP_MESSAGE + 2), deep[4 * DEEP + 1];
    memset(huge, ' ', KP_MCP_MESSAGE + 1);
    refused(huge, 413, -32600);
    kp_free(huge);
    memset(deep, '[', DEEP);
    memset(deep + DEEP, ']', DEEP);
    deep[2 * DEEP] = 0;
    refused(deep, 400, -32700);
    char id[KP_MCP_ID + 60];
    snprintf(id, sizeof id, "{\"jsonrpc\":\"2.0\",\"id\":\"%0*d\",\"method\":\"ping\"}", KP_MCP_ID,
             7);
    refused(id, 400, -32600);
    much = KP_MCP_ANSWER;
    refused(
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"paint\"}}",
        200, -32603);
    much = 0;
}

static void a_lack_of_memory_leaves_no_half_answer(void **state)
{
    (void)state;
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
                               "{\"name\":\"paint\",\"arguments\":{\"colour\":\"red\"}," META "}}";
    static const struct kp_mcp_headers pipe;
    for (long nth = 1; nth < 500; nth++) {
        struct kp_buf out;
        long live = kp_mem_live(), before = kp_mem_count();
        kp_buf_init(&out, 1 << 20);
        kp_mem_fail_at(nth);
        kp_mcp_hear(&server, text, sizeof text - 1, &pipe, &out);
        bool all = kp_mem_count() - before < nth;
        kp_mem_fail_at(0);
        json_t *j = out.failed ? NULL : json_loadb(out.data, out.len, 0, NULL);
        assert_true(out.failed || json_object_get(j, "result") || json_object_get(j, "error"));
        json_decref(j);
        kp_buf_free(&out);
        assert_int_equal(kp_mem_live(), live);
        if (all)
            return;
    }
    fail_msg("it never came through");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_comes_to_a_version_that_both_speak),
        cmocka_unit_test(only_what_is_offered_is_listed_with_its_schema),
        cmocka_unit_test(a_call_that_fails_is_a_result_that_says_why),
        cmocka_unit_test(a_request_that_says_its_version_needs_no_handshake),
        cmocka_unit_test(over_http_the_headers_say_what_the_message_says),
        cmocka_unit_test(what_is_no_message_is_refused_and_calls_nothing),
        cmocka_unit_test(sizes_have_bounds),
        cmocka_unit_test(a_lack_of_memory_leaves_no_half_answer),
    };
    kp_json_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
