/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers answer, called as a worker would, on a node that is open but not running. */
#include "web_kit.h"

enum { SPINDLE_SIGNALS = 3, MANY = 1203 };

static kp_signal add_signal(struct kp_model *m, kp_asset asset, const char *name, uint8_t type)
{
    struct kp_err err = { 0 };
    struct kp_signal_info s = { .asset = asset, .name = name, .type = type, .stored = true, .unit_text = "\xc2\xb0" "C",
                                .high = 100 };
    kp_signal id = kp_model_put_signal(m, &s, &err);
    assert_string_equal(err.text, "");
    return id;
}

static void report(struct kp_model *m, kp_signal id, uint32_t status, struct kp_value v)
{
    struct kp_batch *b = kp_batch_new(0);
    struct kp_taken taken;
    struct kp_sample s = { .signal = id, .status = status, .at = INT64_C(1795514400) * KP_SECOND, .value = v };
    b->arrived = s.at;
    assert_true(kp_batch_add(b, &s));
    kp_model_take(m, b, &taken);
    kp_batch_free(b);
}

static int setup(void **state)
{
    struct kp_err err = { 0 };
    web_kit_setup(state);
    struct web_kit *k = *state;
    struct kp_model *m = kp_hub_model(kp_node_hub(k->node));
    kp_asset spindle = kp_model_make_path(m, "site/mill/spindle", KP_COMPONENT, &err);
    report(m, add_signal(m, spindle, "speed", KP_DOUBLE), KP_GOOD, kp_double(12.5));
    report(m, add_signal(m, spindle, "load", KP_INT64), KP_UNCERTAIN, kp_int(INT64_MAX));
    add_signal(m, spindle, "program \"x\"", KP_STRING);
    kp_asset rack = kp_model_make_path(m, "site/rack", KP_PLC, &err);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%04d", i);
        add_signal(m, rack, name, KP_BOOL);
    }
    assert_string_equal(err.text, "");
    return 0;
}

/* Asks, expects a status, gives the reply as a document. */
static json_t *ask(void **state, const char *method, const char *target, const char *body, int status)
{
    struct web_ask a;
    int got = web_kit_ask(*state, &a, method, target, body);
    if (got != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, got, status, web_kit_text(&a));
    json_error_t where;
    json_t *j = json_loads(web_kit_text(&a), JSON_REJECT_DUPLICATES, &where);
    if (!j && status != 204)
        fail_msg("%s %s: %s in %.200s", method, target, where.text, web_kit_text(&a));
    kp_request_free(&a.r);
    return j;
}

static void refused(void **state, const char *method, const char *target, const char *body, int status, const char *said)
{
    json_t *j = ask(state, method, target, body, status);
    const char *message = json_string_value(json_object_get(j, "message"));
    if (!strstr(message, said))
        fail_msg("%s %s said: %s", method, target, message);
    json_decref(j);
}

static const char *text(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t ? t : "(none)";
}

static int64_t number(const json_t *o, const char *key)
{
    assert_true(json_is_integer(json_object_get(o, key)));
    return json_integer_value(json_object_get(o, key));
}

static void a_signal_shows_its_value_exactly_with_status_and_times(void **state)
{
    json_t *s = ask(state, "GET", "/api/v1/signal?path=site/mill/spindle/load", NULL, 200);
    assert_string_equal(text(s, "path"), "site/mill/spindle/load");
    assert_string_equal(text(s, "type"), "int64");
    assert_true(number(s, "value") == INT64_MAX);
    assert_int_equal(number(json_object_get(s, "status"), "code"), KP_UNCERTAIN);
    assert_string_equal(text(json_object_get(s, "status"), "name"), "Uncertain");
    assert_string_equal(text(s, "time"), "2026-11-24T10:00:00Z");
    assert_string_equal(text(s, "labelInForce"), "internal");
    assert_true(json_is_false(json_object_get(s, "writable")));
    json_decref(s);
    s = ask(state, "GET", "/api/v1/signal?path=site/mill/spindle/program%20%22x%22", NULL, 200);
    assert_true(json_is_null(json_object_get(s, "value")));
    assert_string_equal(text(json_object_get(s, "status"), "name"), "BadWaitingForInitialData");
    assert_true(json_is_null(json_object_get(s, "time")));
    json_decref(s);
}

static void things_that_are_not_there_are_named(void **state)
{
    refused(state, "GET", "/api/v1/signal?path=a/b", NULL, 404, "there is no signal 'a/b'");
    refused(state, "GET", "/api/v1/asset?path=a/b", NULL, 404, "there is no asset 'a/b'");
    refused(state, "GET", "/api/v1/tree?path=a/b", NULL, 404, "there is no asset 'a/b'");
    refused(state, "GET", "/api/v1/history?path=a/b", NULL, 404, "there is no signal 'a/b'");
    refused(state, "GET", "/api/v1/intervals?path=a/b", NULL, 404, "there is no asset 'a/b'");
    refused(state, "GET", "/api/v1/assets?after=a/b", NULL, 404, "start the list again");
    refused(state, "GET", "/api/v1/couplings/none", NULL, 404, "none");
    refused(state, "GET", "/api/v1/couplings/none/nodes", NULL, 404, "none");
    refused(state, "GET", "/api/v1/couplings/none/certificates", NULL, 404, "none");
}

static void pages_of_signals_hold_every_signal_once_in_path_order(void **state)
{
    char target[2100] = "/api/v1/signals?limit=500", last[KP_PATH_MAX] = "";
    size_t seen = 0, pages = 0;
    for (bool more = true; more; pages++) {
        json_t *page = ask(state, "GET", target, NULL, 200), *list = json_object_get(page, "signals"), *s;
        size_t i;
        json_array_foreach(list, i, s) {
            assert_true(strcmp(last, text(s, "path")) < 0);
            snprintf(last, sizeof last, "%s", text(s, "path"));
            seen++;
        }
        more = json_is_string(json_object_get(page, "next"));
        assert_true(!more || json_array_size(list) == 500);
        for (char *p = last; (p = strchr(p, ' ')); p++)
            *p = '+';
        snprintf(target, sizeof target, "/api/v1/signals?limit=500&after=%s", last);
        json_decref(page);
    }
    assert_int_equal(seen, MANY + SPINDLE_SIGNALS);
    assert_int_equal(pages, 3);
}

static void a_page_that_ends_exactly_with_the_list_has_no_next(void **state)
{
    json_t *page = ask(state, "GET", "/api/v1/signals?match=site/mill&limit=3", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(page, "signals")), 3);
    assert_true(json_is_null(json_object_get(page, "next")));
    json_decref(page);
}

static void assets_are_listed_in_pages_depth_first(void **state)
{
    static const char *const order[] = { "site", "site/mill", "site/mill/spindle", "site/rack" };
    char target[1100] = "/api/v1/assets?limit=1";
    for (size_t i = 0; i < 4; i++) {
        json_t *page = ask(state, "GET", target, NULL, 200), *list = json_object_get(page, "assets");
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(text(json_array_get(list, 0), "path"), order[i]);
        assert_int_equal(json_is_string(json_object_get(page, "next")), i < 3);
        snprintf(target, sizeof target, "/api/v1/assets?limit=1&after=%s", order[i]);
        json_decref(page);
    }
    json_t *page = ask(state, "GET", "/api/v1/assets?match=site/*", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(page, "assets")), 3);
    json_decref(page);
}

static void the_tree_goes_as_deep_as_asked_and_counts_quality(void **state)
{
    json_t *t = ask(state, "GET", "/api/v1/tree?depth=16&signals=0", NULL, 200);
    assert_string_equal(text(t, "path"), "");
    json_t *site = json_array_get(json_object_get(t, "assets"), 0), *mill = json_array_get(json_object_get(site, "assets"), 0);
    json_t *spindle = json_array_get(json_object_get(mill, "assets"), 0), *counts = json_object_get(spindle, "counts");
    assert_string_equal(text(spindle, "path"), "site/mill/spindle");
    assert_int_equal(number(counts, "signals"), 3);
    assert_int_equal(number(counts, "good"), 1);
    assert_int_equal(number(counts, "uncertain"), 1);
    assert_int_equal(number(counts, "bad"), 1);
    assert_null(json_object_get(spindle, "signals"));
    json_decref(t);
    t = ask(state, "GET", "/api/v1/tree?path=site/rack&depth=0", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(t, "signals")), MANY);
    json_decref(t);
    t = ask(state, "GET", "/api/v1/tree?path=site&depth=0", NULL, 200);
    assert_int_equal(number(t, "children"), 2);
    assert_int_equal(json_array_size(json_object_get(t, "assets")), 0);
    json_decref(t);
}

static void status_tells_of_model_hub_and_store(void **state)
{
    json_t *s = ask(state, "GET", "/api/v1/status", NULL, 200);
    assert_string_equal(text(s, "node"), "test");
    assert_int_equal(number(s, "assets"), 4);
    assert_int_equal(number(s, "signals"), MANY + SPINDLE_SIGNALS);
    assert_int_equal(number(json_object_get(s, "couplings"), "total"), 0);
    assert_true(json_is_false(json_object_get(json_object_get(s, "store"), "stalled")));
    assert_int_equal(json_array_size(json_object_get(s, "conditions")), 0);
    json_decref(s);
}

static void history_of_nothing_is_empty_and_bad_ranges_are_refused(void **state)
{
    json_t *h = ask(state, "GET", "/api/v1/history?path=site/mill/spindle/speed&path=site/rack/v0001", NULL, 200);
    json_t *series = json_object_get(h, "series");
    assert_int_equal(json_array_size(series), 2);
    assert_int_equal(json_array_size(json_object_get(json_array_get(series, 0), "points")), 0);
    assert_true(json_is_null(json_object_get(json_array_get(series, 0), "next")));
    json_decref(h);
    h = ask(state, "GET", "/api/v1/history?path=site/rack/v0001&points=100&from=-1d", NULL, 200);
    series = json_array_get(json_object_get(h, "series"), 0);
    assert_int_equal(number(series, "stepMs"), 900000); /* the round step at or above a hundredth of a day */
    json_decref(h);
    static const struct {
        const char *more, *said;
    } wrong[] = {
        { "from=now&to=-1h", "from must be before to" },
        { "points=10&every=1m", "points or every, not both" },
        { "every=1ms&from=-30d", "more than 1000000 steps" },
        { "fn=mean", "fn goes with points or every" },
        { "fn=median&points=10", "fn: 'median' is none of" },
        { "after=1,0&points=10", "after goes with one path" },
        { "after=x", "after must be the 'next'" },
        { "after=1,", "after must be the 'next'" },
        { "after=1,-1", "after must be the 'next'" },
        { "after=99999999999999999999,1", "after must be the 'next'" },
        { "points=10&from=1600-01-01T00:00:00Z", "" },
        { "limit=0", "limit must be from 1 to 1000000" },
        { "points=1", "points must be from 2 to 100000" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, "/api/v1/history?path=site/rack/v0001&%s", wrong[i].more);
        refused(state, "GET", target, NULL, 400, wrong[i].said);
    }
}

static void a_forecast_says_what_it_lacks_and_bad_steps_are_refused(void **state)
{
    json_t *f = ask(state, "GET", "/api/v1/forecast?path=site/mill/spindle/speed&horizon=7d", NULL, 200);
    assert_string_equal(text(f, "missing"), "short");
    assert_int_equal(number(f, "stepMs"), 3600000);
    assert_true(json_number_value(json_object_get(f, "needsDays")) > 9 && json_number_value(json_object_get(f, "hasDays")) == 0);
    assert_int_equal(json_array_size(json_object_get(f, "steps")), 0);
    json_decref(f);
    f = ask(state, "GET", "/api/v1/forecast?path=site/rack/v0001", NULL, 200);
    assert_string_equal(text(f, "missing"), "words");
    json_decref(f);
    refused(state, "GET", "/api/v1/forecast?path=a/b", NULL, 404, "there is no signal 'a/b'");
    static const struct {
        const char *more, *said;
    } wrong[] = {
        { "horizon=14d&step=5m", "more than 700 steps" }, { "step=7m", "step: take a part of a day" }, { "step=1m", "step must be from" },
        { "horizon=15d", "horizon must be from" },        { "horizon=soon", "" },                      { "from=-1d", "" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, "/api/v1/forecast?path=site/rack/v0001&%s", wrong[i].more);
        refused(state, "GET", target, NULL, 400, wrong[i].said);
    }
}

static void sql_answers_rows_cut_at_the_limit(void **state)
{
    json_t *q = ask(state, "POST", "/api/v1/sql", "{\"sql\":\"select 1 a, 2.5 b, 'x' c, null d, x'00ff' e\"}", 200);
    json_t *row = json_array_get(json_object_get(q, "rows"), 0);
    assert_int_equal(json_array_size(json_object_get(q, "columns")), 5);
    assert_int_equal(json_integer_value(json_array_get(row, 0)), 1);
    assert_true(json_real_value(json_array_get(row, 1)) == 2.5);
    assert_string_equal(json_string_value(json_array_get(row, 2)), "x");
    assert_true(json_is_null(json_array_get(row, 3)));
    assert_string_equal(json_string_value(json_array_get(row, 4)), "AP8=");
    json_decref(q);
    q = ask(state, "POST", "/api/v1/sql",
            "{\"sql\":\"with recursive t(n) as (select 1 union all select n+1 from t where n < 9) select n from t\",\"limit\":4}", 200);
    assert_int_equal(json_array_size(json_object_get(q, "rows")), 4);
    assert_true(json_is_true(json_object_get(q, "more")));
    json_decref(q);
    refused(state, "POST", "/api/v1/sql", "{\"sql\":\"delete from signal\"}", 403, "");
    refused(state, "POST", "/api/v1/sql", "{\"sql\":\"select * from secret\"}", 403, "");
    refused(state, "POST", "/api/v1/sql", "{\"sql\":\"nonsense\"}", 400, "");
    refused(state, "POST", "/api/v1/sql", "{}", 400, "'sql' is missing");
    refused(state, "POST", "/api/v1/sql", "{\"sql\":1}", 400, "'sql' must be a text");
    refused(state, "POST", "/api/v1/sql", "{\"sql\":\"select 1\",\"limit\":0}", 400, "'limit' must be");
    refused(state, "POST", "/api/v1/sql", "{\"query\":\"select 1\"}", 400, "unknown key 'query'");
}

static void bad_bodies_change_nothing(void **state)
{
    static const struct {
        const char *method, *target, *body, *said;
    } wrong[] = {
        { "POST", "/api/v1/assets", "{}", "'path' is missing" },
        { "POST", "/api/v1/assets", "[]", "must be a JSON object" },
        { "POST", "/api/v1/assets", "{\"path\":\"x\",\"nameplate\":1}", "'nameplate' must be an object" },
        { "POST", "/api/v1/assets", "{\"path\":\"x\",\"kind\":\"mashine\"}", "" },
        { "PATCH", "/api/v1/asset?path=site", "{\"lable\":\"public\"}", "did you mean 'label'" },
        { "PATCH", "/api/v1/signal?path=site/rack/v0001", "{\"low\":\"x\"}", "low" },
        { "PUT", "/api/v1/value?path=site/rack/v0001", "{}", "'value' is missing" },
        { "PUT", "/api/v1/value?path=site/rack/v0001", "{\"value\":null}", "'value' is missing" },
        { "POST", "/api/v1/intervals", "{\"path\":\"site\",\"kind\":\"stopp\"}", "" },
        { "PATCH", "/api/v1/intervals/x", "{}", "'x' is not the number of an interval" },
        { "DELETE", "/api/v1/intervals/0", NULL, "is not the number" },
        { "DELETE", "/api/v1/intervals/99999999999999999999", NULL, "is not the number" },
        { "POST", "/api/v1/couplings", "{}", "'url' is missing" },
        { "POST", "/api/v1/couplings", "{\"url\":\"gopher://x\"}", "gopher" },
        { "POST", "/api/v1/couplings/x/nodes", "{}", "'add' must be a list" },
        { "POST", "/api/v1/couplings/x/nodes", "{\"add\":[]}", "'add' must be a list" },
        { "POST", "/api/v1/couplings/x/nodes", "{\"add\":[5]}", "add[0]: give" },
        { "POST", "/api/v1/couplings/x/nodes", "{\"add\":[{\"source\":\"a\",\"pattern\":\"b\"}]}", "add[0]: give" },
        { "POST", "/api/v1/couplings/x/nodes", "{\"add\":[{\"pattern\":\"a\"},{\"sorce\":\"a\"}]}", "add[1]: unknown key 'sorce', did you mean 'source'?" },
        { "POST", "/api/v1/couplings/x/nodes", "{\"add\":[{\"pattern\":\"//\"}]}", "is not a pattern" },
        { "POST", "/api/v1/backup", "{\"file\":\"relative.db\"}", "absolute path" },
        { "POST", "/api/v1/session", "{}", "give {\"user\"" },
        { "POST", "/api/v1/session", "{\"user\":\"a\"}", "give {\"user\"" },
        { "POST", "/api/v1/session", "{\"token\":\"a\",\"code\":\"b\"}", "give {\"user\"" },
    };
    json_t *before = ask(state, "GET", "/api/v1/tree?depth=16&signals=0", NULL, 200);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refused(state, wrong[i].method, wrong[i].target, wrong[i].body, 400, wrong[i].said);
    json_t *after = ask(state, "GET", "/api/v1/tree?depth=16&signals=0", NULL, 200);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}

static const char *cookie_of(struct web_ask *a)
{
    for (unsigned i = 0; i < a->r.reply.n_headers; i++)
        if (strcmp(a->r.reply.headers[i].name, "Set-Cookie") == 0)
            return a->r.reply.headers[i].value;
    return NULL;
}

static void a_token_becomes_a_session_that_its_owner_can_close(void **state)
{
    struct web_kit *k = *state;
    struct web_ask a;
    char body[100], cookie[200];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", k->token);
    assert_int_equal(web_kit_ask(k, &a, "POST", "/api/v1/session", body), 200);
    assert_non_null(strstr(cookie_of(&a), "; HttpOnly; SameSite=Strict"));
    snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(cookie_of(&a), ";"), cookie_of(&a));
    kp_request_free(&a.r);
    struct kp_client c = { .host = "localhost:8420", .cookie = cookie, .koppel = "1" };
    assert_true(web_kit_begin(k, &a, c, "GET", "/api/v1/status"));
    kp_request_free(&a.r);
    assert_true(web_kit_begin(k, &a, c, "DELETE", "/api/v1/session"));
    kp_request_serve(&a.r);
    assert_int_equal(a.r.reply.status, 204);
    assert_non_null(strstr(cookie_of(&a), "Max-Age=0"));
    kp_request_free(&a.r);
    assert_false(web_kit_begin(k, &a, c, "GET", "/api/v1/status"));
    assert_int_equal(a.r.reply.status, 401);
    kp_request_free(&a.r);
    assert_int_equal(web_kit_ask(k, &a, "POST", "/api/v1/session", "{\"token\":\"kp_wrong\"}"), 401);
    kp_request_free(&a.r);
    assert_int_equal(web_kit_ask(k, &a, "POST", "/api/v1/session", "{\"code\":\"wrong\"}"), 401);
    kp_request_free(&a.r);
}

/* The name of an asset of this ending, as the page has it. */
static void named(const char *page, const char *ending, char out[80])
{
    const char *end = strstr(page, ending);
    assert_non_null(end);
    const char *begin = end;
    while (begin[-1] != '"')
        begin--;
    snprintf(out, 80, "%.*s", (int)(end + strlen(ending) - begin), begin);
}

static void the_console_runs_nothing_that_is_not_its_own_file(void **state)
{
    struct web_ask a;
    assert_int_equal(web_kit_ask(*state, &a, "GET", "/", NULL), 200);
    const char *page = web_kit_text(&a), *policy = a.r.reply.headers[0].value;
    assert_non_null(strstr(policy, "default-src 'none'; script-src 'self'; style-src 'self'"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(page, "<script>"));
    assert_null(strstr(page, "<style"));
    assert_null(strstr(page, " style="));
    assert_null(strstr(page, " onclick="));
    kp_request_free(&a.r);
}

static void assets_of_the_console_are_packed_and_kept_for_ever(void **state)
{
    static const char *const endings[] = { ".js", ".css", ".svg" };
    for (size_t i = 0; i < 3; i++) {
        struct web_ask a;
        char name[80];
        assert_int_equal(web_kit_ask(*state, &a, "GET", "/", NULL), 200);
        named(web_kit_text(&a), endings[i], name);
        kp_request_free(&a.r);
        assert_int_equal(web_kit_ask(*state, &a, "GET", name, NULL), 200);
        assert_string_equal(a.r.reply.headers[1].value, "gzip");
        assert_non_null(strstr(a.r.reply.headers[2].value, "immutable"));
        assert_memory_equal(a.r.reply.body.data, "\x1f\x8b", 2);
        kp_request_free(&a.r);
    }
}

static void there_is_no_other_asset_than_the_consoles(void **state)
{
    static const char *const names[] = { "/assets/index.html", "/assets/app.js", "/assets/..%2findex.html" };
    for (size_t i = 0; i < 3; i++) {
        struct web_ask a;
        assert_int_equal(web_kit_ask(*state, &a, "GET", names[i], NULL), 404);
        kp_request_free(&a.r);
    }
}

static void metrics_are_lines_of_name_and_number(void **state)
{
    struct web_ask a;
    assert_int_equal(web_kit_ask(*state, &a, "GET", "/metrics", NULL), 200);
    assert_non_null(strstr(web_kit_text(&a), "\nkoppel_signals 1206\n"));
    assert_non_null(strstr(web_kit_text(&a), "# TYPE koppel_samples_total counter\n"));
    for (const char *p = web_kit_text(&a); *p; p = strchr(p, '\n') + 1)
        assert_true(strncmp(p, "# ", 2) == 0 || strncmp(p, "koppel_", 7) == 0);
    kp_request_free(&a.r);
}

static void protocols_list_their_options(void **state)
{
    json_t *p = ask(state, "GET", "/api/v1/protocols", NULL, 200), *one;
    size_t i;
    json_array_foreach(json_object_get(p, "protocols"), i, one)
        assert_true(json_array_size(json_object_get(one, "options")) > 0);
    json_decref(p);
}

/* Reading handlers with each allocation failing in turn: an error that says so, and nothing is lost. */
static void running_out_of_memory_is_a_503_and_nothing_leaks(void **state)
{
    static const char *const targets[] = {
        "/api/v1/status", "/api/v1/signals?limit=3", "/api/v1/assets", "/api/v1/tree?path=site/mill&depth=3", "/metrics", "/",
        "/api/v1/signal?path=site/mill/spindle/speed", "/api/v1/asset?path=site", "/api/v1/couplings", "/api/v1/protocols",
        "/api/v1/openapi.json", "/api/v1/history?path=site/rack/v0001&format=csv", "/api/v1/history?path=site/rack/v0001&format=csv&points=9",
    };
    long total = 0;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct web_ask a;
        assert_int_equal(web_kit_ask(*state, &a, "GET", targets[i], NULL), 200); /* fills caches */
        kp_request_free(&a.r);
        long live = kp_mem_live();
        for (long n = 1;; n++, total++) {
            kp_mem_fail_at(n);
            int status = web_kit_ask(*state, &a, "GET", targets[i], NULL);
            kp_mem_fail_at(0);
            if (status != 200 && !strstr(web_kit_text(&a), "out-of-memory") && a.r.reply.body.len)
                fail_msg("%s, allocation %ld: %d %s", targets[i], n, status, web_kit_text(&a));
            assert_true(status == 200 || status == 503);
            kp_request_free(&a.r);
            assert_int_equal(kp_mem_live(), live);
            if (status == 200)
                break;
        }
    }
    assert_true(total > 20);
    print_message("%ld allocations failed in turn\n", total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_shows_its_value_exactly_with_status_and_times),
        cmocka_unit_test(things_that_are_not_there_are_named),
        cmocka_unit_test(pages_of_signals_hold_every_signal_once_in_path_order),
        cmocka_unit_test(a_page_that_ends_exactly_with_the_list_has_no_next),
        cmocka_unit_test(assets_are_listed_in_pages_depth_first),
        cmocka_unit_test(the_tree_goes_as_deep_as_asked_and_counts_quality),
        cmocka_unit_test(status_tells_of_model_hub_and_store),
        cmocka_unit_test(history_of_nothing_is_empty_and_bad_ranges_are_refused),
        cmocka_unit_test(a_forecast_says_what_it_lacks_and_bad_steps_are_refused),
        cmocka_unit_test(sql_answers_rows_cut_at_the_limit),
        cmocka_unit_test(bad_bodies_change_nothing),
        cmocka_unit_test(a_token_becomes_a_session_that_its_owner_can_close),
        cmocka_unit_test(the_console_runs_nothing_that_is_not_its_own_file),
        cmocka_unit_test(assets_of_the_console_are_packed_and_kept_for_ever),
        cmocka_unit_test(there_is_no_other_asset_than_the_consoles),
        cmocka_unit_test(metrics_are_lines_of_name_and_number),
        cmocka_unit_test(protocols_list_their_options),
        cmocka_unit_test(running_out_of_memory_is_a_503_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, setup, web_kit_teardown);
}
