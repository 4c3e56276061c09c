/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of STIX: cut, stored and given out. What servers and clients of others make of it is in
 * tests/peers/test_taxii.py. */
#include "store_kit.h"

#include "net/json_memory.h"
#include "shield/taxii.h"

#include "core/ban.h"

#define ID(n)         "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd" n
#define MARKED(level) ",\"object_marking_refs\":[\"" level "\"]"
#define GREEN         "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
#define RED           "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
#define INDICATOR(id, modified, more)                                                              \
    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"" id                                \
    "\",\"created\":\"2026-03-01T10:00:00.000Z\",\"modified\":\"" modified                         \
    "\",\"pattern\":\"[a:b = 1]\",\"pattern_type\":\"stix\",\"valid_from\":"                       \
    "\"2026-03-01T10:00:00Z\"" more "}"
#define FIRST "2026-03-01T10:00:00.000Z"
#define LATER "2026-04-01T10:00:00.000Z"

/* ---- cutting ---- */
static void a_text_is_cut_into_its_objects(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int n; /* -1: it is none */
        const char *first;
    } cases[] = {
        { "{\"objects\":[]}", 0, NULL },
        { "{}", 0, NULL },
        { "\xef\xbb\xbf {\"objects\":[{\"a\":[{}]}]} ", 1, "{\"a\":[{}]}" },
        { "{\"x\":[{\"b\":1}],\"objects\":[{\"a\":\"}]\\\"\"},{}]}", 2, "{\"a\":\"}]\\\"\"}" },
        { "{\"objects\":[0,{\"a\":1}]}", 2, NULL }, /* a number is no object, nor another's place */
        { "{\"objects\":[1,{\"a\":1}]}", 2, NULL },
        { "{\"\\u006fbjects\":[{ }]}", 1, "{ }" },
        { "{\"type\":\"tool\",\"x\":[{}]}", 1, "{\"type\":\"tool\",\"x\":[{}]}" },
        { "{\"type\":\"bundle\"}", 0, NULL },
        { "{\"objects\":{}}", -1, NULL },
        { "{\"objects\":[{]}", -1, NULL },
        { "{\"objects\":[{}", -1, NULL },
        { "{\"objects\":[{}]}}", -1, NULL },
        { "{\"objects\":[],\"objects\":[]}", -1, NULL },
        { "{\"objects\":[\"", -1, NULL },
        { "{\"objects\":[1-]}", 1, NULL },
        { "[]", -1, NULL },
        { "", -1, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kp_err err = { 0 };
        struct kp_arena arena = { 0 };
        struct kp_stix_parts parts;
        kp_stix_cut(cases[i].text, strlen(cases[i].text), &arena, &parts, &err);
        if (err.code ? cases[i].n >= 0 : (int)parts.n != cases[i].n)
            fail_msg("%s: %zu, %s", cases[i].text, parts.n, err.text);
        if (cases[i].first) {
            assert_int_equal(parts.part[0].len, strlen(cases[i].first));
            assert_memory_equal(parts.part[0].text, cases[i].first, parts.part[0].len);
        } else if (!err.code && parts.n) {
            assert_null(parts.part[0].text);
        }
        json_decref(parts.frame);
        kp_arena_free(&arena);
    }
}

/* ---- the gate ---- */
static void labels_go_as_far_as_the_protocol_says(void **state)
{
    (void)state;
    static const struct {
        enum kp_tlp level;
        bool anyone, member, named, company;
    } cases[] = {
        { KP_TLP_CLEAR, true, true, true, true },   { KP_TLP_GREEN, false, true, true, true },
        { KP_TLP_AMBER, false, false, true, true }, { KP_TLP_STRICT, false, false, false, true },
        { KP_TLP_RED, false, false, false, false }, { KP_TLP_UNKNOWN, false, false, false, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum kp_tlp level = cases[i].level;
        assert_int_equal(kp_gate_tlp(KP_TO_ANYONE, level, true), cases[i].anyone);
        assert_int_equal(kp_gate_tlp(KP_TO_PARTNER, level, false), cases[i].member);
        assert_int_equal(kp_gate_tlp(KP_TO_PARTNER, level, true), cases[i].named);
        assert_int_equal(kp_gate_tlp(KP_TO_COMPANY, level, false), cases[i].company);
        assert_true(kp_gate_tlp(KP_TO_NODE, level, false));
        if (level < KP_TLP_UNKNOWN) {
            assert_int_equal(kp_tlp_find(kp_tlp_words[level]), level);
            assert_int_equal(kp_tlp_of_marking(kp_tlp_marking(level)), level);
        }
    }
    assert_int_equal(kp_tlp_find("TLP:White"), KP_TLP_CLEAR);
    assert_int_equal(kp_tlp_find("tlp:AMBER+STRICT"), KP_TLP_STRICT);
    assert_int_equal(kp_tlp_find("ultraviolet"), -1);
}

/* ---- a collection ---- */
static int64_t number(struct kit *k, const char *sql)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kp_stmt *s = kp_db_prepare(db, sql, &err);
    assert_true(kp_step(s, &err));
    int64_t n = kp_column_int(s, 0);
    kp_reset(s);
    kp_store_reader_done(k->store, db);
    kit_ok(&err);
    return n;
}

static json_t *body_of(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    return j;
}

static int begin(void **state)
{
    struct kp_err err = { 0 };
    kp_json_memory_init();
    kit_begin(state);
    struct kit *k = *state;
    json_t *made = body_of("{\"name\":\"c\"}"),
           *member = body_of("{\"who\":\"token t\",\"read\":true,\"write\":true,\"amber\":true}");
    kp_collection_add(k->store, KIT_NOW, made, &err);
    kp_collection_member(k->store, KIT_NOW, "c", member, &err);
    kit_ok(&err);
    json_decref(made);
    json_decref(member);
    return 0;
}

static struct kp_taxii_ask asking(void)
{
    return (struct kp_taxii_ask){
        .who = "token t", .to = KP_TO_PARTNER, .root = "api", .collection = "c"
    };
}

static enum kp_code post(struct kit *k, const char *text, char *said, size_t size,
                         struct kp_err *err)
{
    struct kp_taxii_ask a = asking();
    struct kp_buf out;
    bool unusable;
    kp_buf_init(&out, 1 << 20);
    struct kp_json j = kp_json(&out);
    kp_taxii_post(k->store, &k->clock.clock, &a, text, strlen(text), &j, &unusable, err);
    if (said)
        snprintf(said, size, "%s", kp_buf_text(&out));
    kp_buf_free(&out);
    return err->code;
}

/* The versions on a page: "FIRST LATER". */
static struct kp_taxii_page page(struct kit *k, struct kp_taxii_ask a, char *out, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_buf text;
    struct kp_taxii_page p;
    json_t *o;
    size_t i, n = 0;
    kp_buf_init(&text, 16 << 20);
    struct kp_json j = kp_json(&text);
    kp_taxii_page(k->store, &a, KP_TAXII_OBJECTS, &j, &p, &err);
    kit_ok(&err);
    json_t *all = json_loads(kp_buf_text(&text), 0, NULL);
    assert_non_null(all);
    *out = 0;
    json_array_foreach(json_object_get(all, "objects"), i, o) n +=
        (size_t)snprintf(out + n, size - n, "%s%.10s", n ? " " : "",
                         json_string_value(json_object_get(o, "modified")));
    json_decref(all);
    kp_buf_free(&text);
    return p;
}

static void versions_are_the_first_and_the_last_whatever_the_order_they_came_in(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char said[100];
    struct kp_taxii_ask a = asking();
    post(k, "{\"objects\":[" INDICATOR(ID("01"), LATER, "") "]}", NULL, 0, &err);
    kit_ok(&err);
    a.versions = "first,last";
    page(k, a, said, sizeof said);
    assert_string_equal(said, "2026-04-01");
    post(k, "{\"objects\":[" INDICATOR(ID("01"), FIRST, "") "]}", NULL, 0, &err);
    page(k, a, said, sizeof said);
    assert_string_equal(said, "2026-04-01 2026-03-01"); /* as they were added */
    a.versions = NULL;
    page(k, a, said, sizeof said);
    assert_string_equal(said, "2026-04-01");
    a.versions = "first";
    page(k, a, said, sizeof said);
    assert_string_equal(said, "2026-03-01");
    a.object = ID("01");
    a.versions = LATER;
    kp_taxii_delete(k->store, &a, &err);
    kit_ok(&err);
    a.versions = "last";
    page(k, a, said, sizeof said);
    assert_string_equal(said, "2026-03-01");
}

static void no_two_are_added_at_the_same_time_even_when_the_clock_stands(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char said[100];
    struct kp_taxii_ask a = asking();
    post(k, "{\"objects\":[" INDICATOR(ID("01"), FIRST, "") "," INDICATOR(ID("02"), FIRST, "") "]}",
         NULL, 0, &err);
    kp_clock_jump(&k->clock, -10 * KP_SECOND); /* and when it goes back */
    post(k, "{\"objects\":[" INDICATOR(ID("03"), FIRST, "") "]}", NULL, 0, &err);
    kit_ok(&err);
    struct kp_taxii_page all = page(k, a, said, sizeof said);
    assert_int_equal(all.n, 3);
    assert_string_equal(all.first, "2026-11-24T10:00:00.000000Z");
    assert_string_equal(all.last, "2026-11-24T10:00:00.000002Z");
    a.added_after = "2026-11-24T10:00:00.000001Z";
    assert_int_equal(page(k, a, said, sizeof said).n, 1);
}

static void an_object_of_red_is_kept_and_not_given_out(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char said[400];
    post(k,
         "{\"objects\":[" INDICATOR(ID("01"), FIRST, MARKED(RED)) "," INDICATOR(ID("02"), FIRST,
                                                                                MARKED(GREEN)) "]}",
         said, sizeof said, &err);
    kit_ok(&err);
    assert_non_null(strstr(said, "\"success_count\":2"));
    assert_int_equal(page(k, asking(), said, sizeof said).n, 1);
    assert_int_equal(number(k, "select count(*) from stix_entry"), 2);
}

static void every_allocation_of_a_post_may_fail_and_then_nothing_is_half_there(void **state)
{
    struct kit *k = *state;
    static const char text[] =
        "{\"objects\":[" INDICATOR(ID("01"), FIRST, MARKED(GREEN)) "," INDICATOR(
            ID("01"), LATER, MARKED(GREEN)) ",{\"type\":\"x\"}]}";
    long n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        enum kp_code code = post(k, text, NULL, 0, &err);
        kp_mem_fail_at(0);
        int64_t objects = number(k, "select count(*) from stix_object"),
                entries = number(k, "select count(*) from stix_entry");
        assert_int_equal(objects, entries);
        assert_true(objects == 0 || objects == 2);
        assert_true(kp_mem_live() - live < 400); /* statements that are kept */
        if (!code)
            break;
    }
    assert_int_equal(number(k, "select count(*) from stix_object"), 2);
    assert_int_equal(number(k, "select count(*) from stix_status"), 1);
    print_message("%ld points\n", n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_cut_into_its_objects),
        cmocka_unit_test(labels_go_as_far_as_the_protocol_says),
        cmocka_unit_test_setup_teardown(
            versions_are_the_first_and_the_last_whatever_the_order_they_came_in, begin, kit_end),
        cmocka_unit_test_setup_teardown(
            no_two_are_added_at_the_same_time_even_when_the_clock_stands, begin, kit_end),
        cmocka_unit_test_setup_teardown(an_object_of_red_is_kept_and_not_given_out, begin, kit_end),
        cmocka_unit_test_setup_teardown(
            every_allocation_of_a_post_may_fail_and_then_nothing_is_half_there, begin, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
