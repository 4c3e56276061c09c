/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes against the contract, dispatch, and who may ask what. */
#include "web_kit.h"

#include "web/asset.h"

static json_t *contract;

static int setup(void **state)
{
    contract = json_loadb((const char *)kp_openapi_json, kp_openapi_json_len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(contract);
    int failed = web_kit_setup(state);
    kp_body_init();
    return failed;
}

static int teardown(void **state)
{
    json_decref(contract);
    return web_kit_teardown(state);
}

static const char *method_key(enum kp_method m)
{
    static const char *const keys[] = { "get", "post", "put", "patch", "delete" };
    return keys[m];
}

static json_t *operation(const struct kp_route *r)
{
    json_t *o = json_object_get(json_object_get(json_object_get(contract, "paths"), r->path), method_key(r->method));
    if (!o)
        fail_msg("%s %s is not in openapi.json", kp_method_names[r->method], r->path);
    return o;
}

static json_t *parameter(json_t *o, const char *in, const char *name)
{
    json_t *p;
    size_t i;
    json_array_foreach(json_object_get(o, "parameters"), i, p)
        if (strcmp(json_string_value(json_object_get(p, "name")), name) == 0 &&
            strcmp(json_string_value(json_object_get(p, "in")), in) == 0)
            return p;
    return NULL;
}

static void every_operation_of_the_contract_is_a_route(void **state)
{
    (void)state;
    const char *path, *method;
    json_t *item, *o;
    size_t n = 0, routes = 0;
    json_object_foreach(json_object_get(contract, "paths"), path, item)
        json_object_foreach(item, method, o) {
            bool found = false;
            for (const struct kp_route *r = kp_routes; r->path; r++)
                found |= strcmp(r->path, path) == 0 && strcmp(method_key(r->method), method) == 0;
            if (!found)
                fail_msg("%s %s is in openapi.json only", method, path);
            n++;
        }
    for (const struct kp_route *r = kp_routes; r->path; r++)
        routes++;
    assert_int_equal(n, routes);
    print_message("%zu operations\n", n);
}

static void every_route_is_an_operation_with_the_same_rights_and_body(void **state)
{
    (void)state;
    for (const struct kp_route *r = kp_routes; r->path; r++) {
        json_t *o = operation(r), *security = json_object_get(o, "security");
        json_t *content = json_object_get(json_object_get(o, "requestBody"), "content");
        const char *role = json_string_value(json_object_get(o, "x-role"));
        if (r->role ? !role || strcmp(role, kp_role_words[r->role]) != 0 : role != NULL)
            fail_msg("%s %s: its role is another one in openapi.json", kp_method_names[r->method], r->path);
        assert_int_equal(!r->role, !!(r->needs & KP_OPEN));
        bool open = security && json_array_size(security) == 0;
        if (open != !!(r->needs & KP_OPEN))
            fail_msg("%s: open in one of the two only", r->path);
        assert_int_equal(!!json_object_get(content, "application/json"), !!(r->needs & KP_BODY_JSON));
        assert_int_equal(!!json_object_get(content, "application/yaml"), !!(r->needs & KP_BODY_YAML));
        assert_int_equal(!!json_object_get(content, "text/plain"), !!(r->needs & KP_BODY_POINTS));
        const char *about = json_string_value(json_object_get(o, "description"));
        bool local = about && strstr(about, "Over the Unix socket only");
        if (local != !!(r->needs & KP_LOCAL))
            fail_msg("%s: whether it is for the Unix socket only is said in one of the two only", r->path);
        bool slot = strchr(r->path, '{');
        if (slot && !parameter(o, "path", strstr(r->path, "{id}") ? "id" : "name"))
            fail_msg("%s: its {...} is not described", r->path);
    }
}

static void check_param(const char *path, const struct kp_param *p, json_t *said)
{
    if (!said)
        fail_msg("%s?%s is not in openapi.json", path, p->name);
    json_t *schema = json_object_get(said, "schema");
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (json_is_true(json_object_get(said, "required")) != p->required)
        fail_msg("%s?%s: required in one of the two only", path, p->name);
    if ((strcmp(type, "array") == 0) != p->many)
        fail_msg("%s?%s: may stand more than once in one of the two only", path, p->name);
    if (p->type == KP_PARAM_INT) {
        assert_string_equal(type, "integer");
        assert_int_equal(json_integer_value(json_object_get(schema, "minimum")), p->min);
        assert_int_equal(json_integer_value(json_object_get(schema, "maximum")), p->max);
        assert_int_equal(json_integer_value(json_object_get(schema, "default")), p->standard);
    }
    if (p->type == KP_PARAM_BOOL) {
        assert_string_equal(type, "boolean");
        assert_int_equal(json_is_true(json_object_get(schema, "default")), p->standard);
    }
    if (p->type == KP_PARAM_CHOICE)
        for (size_t i = 0; p->choices[i] || i < json_array_size(json_object_get(schema, "enum")); i++)
            assert_string_equal(p->choices[i], json_string_value(json_array_get(json_object_get(schema, "enum"), i)));
}

static void every_query_parameter_is_described_as_it_is_checked(void **state)
{
    (void)state;
    for (const struct kp_route *r = kp_routes; r->path; r++) {
        json_t *o = operation(r), *p;
        size_t n = 0, described = 0, i;
        for (; r->params && r->params[n].name; n++)
            check_param(r->path, &r->params[n], parameter(o, "query", r->params[n].name));
        assert_true(n <= KP_PARAMS_MAX);
        json_array_foreach(json_object_get(o, "parameters"), i, p)
            described += strcmp(json_string_value(json_object_get(p, "in")), "query") == 0;
        if (described != n)
            fail_msg("%s: %zu parameters are checked, %zu described", r->path, n, described);
    }
}

static const char *header(const struct web_ask *a, const char *name)
{
    for (unsigned i = 0; i < a->r.reply.n_headers; i++)
        if (strcmp(a->r.reply.headers[i].name, name) == 0)
            return a->r.reply.headers[i].value;
    return NULL;
}

static void refused(struct web_kit *k, struct kp_client c, const char *method, const char *target, int status)
{
    struct web_ask a;
    if (web_kit_begin(k, &a, c, method, target))
        fail_msg("%s %s passed", method, target);
    if (a.r.reply.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, a.r.reply.status, status, web_kit_text(&a));
    assert_non_null(strstr(web_kit_text(&a), "\"message\":"));
    kp_request_free(&a.r);
}

static void unknown_addresses_are_not_found(void **state)
{
    static const char *const targets[] = { "/x", "/api/v1", "/api/v1/", "/api/v1/status/", "//api/v1/status", "/api/v2/status",
                                           "/api/v1/couplings/", "/api/v1/couplings//nodes", "/api/v1/couplings/a/b",
                                           "/api/v1/couplings/a/nodes/b/c/d/e/f/g", "*", "", "http://x/", "/api/v1/Status" };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        refused(*state, web_kit_local, "GET", targets[i], 404);
    refused(*state, web_kit_local, "GET", "/api/v1/couplings/%zz", 400);
    refused(*state, web_kit_local, "GET", "/api/v1/couplings/a%00b", 400);
}

static void another_method_is_answered_with_those_allowed(void **state)
{
    struct web_ask a;
    assert_false(web_kit_begin(*state, &a, web_kit_local, "PUT", "/api/v1/couplings/x"));
    assert_int_equal(a.r.reply.status, 405);
    assert_string_equal(header(&a, "Allow"), "GET, PATCH, DELETE");
    kp_request_free(&a.r);
    refused(*state, web_kit_local, "OPTIONS", "/api/v1/status", 405);
    refused(*state, web_kit_local, "get", "/api/v1/status", 405);
    refused(*state, web_kit_local, "HEAD", "/api/v1/stream", 405); /* it would never end */
    refused(*state, web_kit_local, "HEAD", "/api/v1/sql", 405);
}

static void head_is_get(void **state)
{
    struct web_ask a;
    assert_true(web_kit_begin(*state, &a, web_kit_local, "HEAD", "/api/v1/status"));
    assert_true(a.r.head);
    kp_request_free(&a.r);
}

static void a_name_in_the_address_is_decoded_and_may_hold_a_slash(void **state)
{
    struct web_ask a;
    assert_true(web_kit_begin(*state, &a, web_kit_local, "GET", "/api/v1/couplings/a%2Fb%20c/nodes?limit=5"));
    assert_string_equal(a.r.name, "a/b c");
    assert_int_equal(kp_arg_int(&a.r, "limit"), 5);
    assert_null(kp_arg_text(&a.r, "match"));
    kp_request_free(&a.r);
}

/* A target that passes the checks of its parameters. */
static const char *target_of(const struct kp_route *r, char *out, size_t size)
{
    const char *slot = strchr(r->path, '{');
    int len = slot ? snprintf(out, size, "%.*s1%s", (int)(slot - r->path), r->path, strchr(slot, '}') + 1)
                   : snprintf(out, size, "%s", r->path);
    for (const struct kp_param *p = r->params; p && p->name; p++)
        if (p->required)
            len += snprintf(out + len, size - (size_t)len, "%c%s=%s", strchr(out, '?') ? '&' : '?', p->name,
                            p->choices ? p->choices[0] : "a");
    return out;
}

static void rights_are_checked_on_every_route(void **state)
{
    struct web_kit *k = *state;
    char token[KP_TOKEN_TEXT + 8], target[200], cookie[100], id[KP_SESSION_TEXT];
    struct web_ask a;
    struct kp_client good = web_kit_tcp(k, token), none = { .host = "localhost:8420" }, wrong = good, host = good, browser = none;
    wrong.authorization = "Bearer kp_wrong";
    host.host = "factory.example.com";
    kp_session_open(k->sessions, &(struct kp_session_for){ .token = k->token }, id);
    snprintf(cookie, sizeof cookie, "koppel-8420=%s", id);
    browser.cookie = cookie;
    for (const struct kp_route *r = kp_routes; r->path; r++) {
        const char *m = kp_method_names[r->method];
        target_of(r, target, sizeof target);
        refused(k, host, m, target, 403);
        host.host = NULL;
        refused(k, host, m, target, 403);
        host.host = "factory.example.com";
        if (!(r->needs & KP_OPEN)) {
            refused(k, none, m, target, 401);
            refused(k, wrong, m, target, 401);
        }
        bool change = r->method != KP_HTTP_GET && !(r->needs & KP_OPEN);
        if (change || r->needs & KP_LOCAL)
            refused(k, browser, m, target, 403);
        if (r->needs & KP_LOCAL)
            refused(k, good, m, target, 403);
        else if (!web_kit_begin(k, &a, good, m, target))
            fail_msg("%s %s with a token: %s", m, target, web_kit_text(&a));
        else
            kp_request_free(&a.r);
        browser.koppel = "1";
        bool passed = web_kit_begin(k, &a, browser, m, target);
        assert_int_equal(passed, !(r->needs & KP_LOCAL));
        kp_request_free(&a.r);
        browser.fetch_site = "cross-site";
        if (r->method != KP_HTTP_GET)
            refused(k, browser, m, target, 403);
        browser.fetch_site = NULL;
        browser.origin = "http://localhost:8421";
        if (r->method != KP_HTTP_GET)
            refused(k, browser, m, target, 403);
        browser.origin = "http://localhost:8420";
        assert_int_equal(web_kit_begin(k, &a, browser, m, target), passed);
        kp_request_free(&a.r);
        browser.koppel = browser.origin = NULL;
        if (!web_kit_begin(k, &a, web_kit_local, m, target))
            fail_msg("%s %s over the Unix socket: %s", m, target, web_kit_text(&a));
        kp_request_free(&a.r);
    }
}

static void passes(struct web_kit *k, struct kp_client c, const struct kp_route *r, const char *target, bool should)
{
    struct web_ask a;
    bool passed = web_kit_begin(k, &a, c, kp_method_names[r->method], target);
    if (passed != should)
        fail_msg("%s %s: %s", kp_method_names[r->method], target, passed ? "passed" : web_kit_text(&a));
    if (!passed)
        assert_int_equal(a.r.reply.status, 403);
    kp_request_free(&a.r);
}

static void every_route_is_open_to_its_role_and_those_above_and_to_none_below(void **state)
{
    struct web_kit *k = *state;
    char header[KP_TOKEN_TEXT + 8], cookie[100], id[KP_SESSION_TEXT], target[200];
    struct web_kit with = *k;
    struct kp_err err = { 0 };
    kp_store_start(kp_node_store(k->node), &err);
    for (enum kp_role role = KP_VIEWER; role <= KP_OWNER; role++) {
        const struct kp_token_view wanted = { .name = kp_role_words[role], .role = role };
        kp_token_create_for(kp_node_store(k->node), &wanted, with.token, &err);
        assert_string_equal(err.text, "");
        struct kp_client program = web_kit_tcp(&with, header);
        kp_session_open(k->sessions, &(struct kp_session_for){ .token = with.token }, id);
        snprintf(cookie, sizeof cookie, "koppel-8420=%s", id);
        struct kp_client browser = { .host = program.host, .cookie = cookie, .koppel = "1" };
        for (const struct kp_route *r = kp_routes; r->path; r++) {
            bool may = role >= r->role && !(r->needs & KP_LOCAL);
            target_of(r, target, sizeof target);
            passes(k, program, r, target, may);
            passes(k, browser, r, target, may);
        }
        kp_token_remove(kp_node_store(k->node), wanted.name, &err);
        refused(k, program, "GET", "/api/v1/status", 401);
        refused(k, browser, "GET", "/api/v1/status", 401);
    }
    kp_store_stop(kp_node_store(k->node));
}

static void who_asks_is_known_to_the_handler(void **state)
{
    struct web_kit *k = *state;
    char header[KP_TOKEN_TEXT + 8], cookie[100], id[KP_SESSION_TEXT];
    kp_session_open(k->sessions, &(struct kp_session_for){ 0 }, id);
    snprintf(cookie, sizeof cookie, "koppel-8420=%s", id);
    const struct { struct kp_client client; const char *said; } asked[] = {
        { web_kit_local, "{\"user\":\"local\",\"displayName\":null,\"language\":null,\"role\":\"owner\",\"via\":\"local\",\"since\":null," },
        { web_kit_tcp(k, header), "{\"user\":\"init\",\"displayName\":null,\"language\":null,\"role\":\"owner\",\"via\":\"token\",\"since\":null," },
        { { .host = "localhost", .cookie = cookie }, "{\"user\":\"local\",\"displayName\":null,\"language\":null,\"role\":\"owner\",\"via\":\"code\",\"since\":\"20" },
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct web_ask a;
        assert_true(web_kit_begin(k, &a, asked[i].client, "GET", "/api/v1/session"));
        kp_request_serve(&a.r);
        assert_int_equal(strncmp(web_kit_text(&a), asked[i].said, strlen(asked[i].said)), 0);
        kp_request_free(&a.r);
    }
}

static void a_refusal_for_lack_of_a_token_says_how_to_give_one(void **state)
{
    struct web_ask a;
    struct kp_client none = { .host = "localhost:8420" };
    assert_false(web_kit_begin(*state, &a, none, "GET", "/api/v1/status"));
    assert_string_equal(header(&a, "WWW-Authenticate"), "Bearer realm=\"koppel\"");
    assert_non_null(strstr(web_kit_text(&a), "Authorization: Bearer TOKEN"));
    kp_request_free(&a.r);
}

static void a_body_of_another_type_is_refused(void **state)
{
    struct web_ask a;
    struct kp_client c = web_kit_local;
    c.content_type = "text/plain";
    refused(*state, c, "POST", "/api/v1/sql", 415);
    c.content_type = "application/jsonx";
    refused(*state, c, "POST", "/api/v1/sql", 415);
    c.content_type = "application/json; charset=utf-8";
    assert_true(web_kit_begin(*state, &a, c, "POST", "/api/v1/sql"));
    kp_request_free(&a.r);
    c.content_type = "text/plain";
    assert_true(web_kit_begin(*state, &a, c, "POST", "/api/v1/apply"));
    kp_request_free(&a.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_of_the_contract_is_a_route),
        cmocka_unit_test(every_route_is_an_operation_with_the_same_rights_and_body),
        cmocka_unit_test(every_query_parameter_is_described_as_it_is_checked),
        cmocka_unit_test(unknown_addresses_are_not_found),
        cmocka_unit_test(another_method_is_answered_with_those_allowed),
        cmocka_unit_test(head_is_get),
        cmocka_unit_test(a_name_in_the_address_is_decoded_and_may_hold_a_slash),
        cmocka_unit_test(rights_are_checked_on_every_route),
        cmocka_unit_test(every_route_is_open_to_its_role_and_those_above_and_to_none_below),
        cmocka_unit_test(who_asks_is_known_to_the_handler),
        cmocka_unit_test(a_refusal_for_lack_of_a_token_says_how_to_give_one),
        cmocka_unit_test(a_body_of_another_type_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
