/* SPDX-License-Identifier: Apache-2.0 */
/* Versions, ranges, names and codes read; small advisories of our own matched with devices. */
#include "kit.h"

#include "net/json_memory.h"
#include "shield/match.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/ban.h"

/* ---- versions ---- */
static struct kp_comparison compare(const char *a, const char *b)
{
    struct kp_version x, y;
    assert_true(kp_version_read(a, &x));
    assert_true(kp_version_read(b, &y));
    return kp_version_compare(&x, &y);
}

static void versions_are_in_the_order_their_makers_mean(void **state)
{
    static const char *const up[][2] = {
        { "4.9", "4.10" },
        { "V4.2", "V4.2.1" },
        { "2.9 SP1", "2.9 SP2" },
        { "2.9.4 Update 2", "2.9.4 Update 10" },
        { "FW10", "FW 11" },
        { "V4.7 HF2", "V4.7 HF27" },
        { "5.2 SP3 HF2", "5.2 SP3 HF13" },
        { "15.2(3)", "15.2(7)" },
        { "2.03-07", "2.03-08" },
        { "1.17S", "1.17T" },
        { "20210207", "20210208" },
        { "V16_Update_2", "V16 Update 3" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof up / sizeof *up; i++) {
        assert_int_equal(compare(up[i][0], up[i][1]).order, KP_LESS);
        assert_int_equal(compare(up[i][1], up[i][0]).order, KP_GREATER);
        assert_int_equal(compare(up[i][0], up[i][0]).order, KP_EQUAL);
    }
    assert_int_equal(compare("V 03.01", "3.1").order, KP_EQUAL);
    assert_int_equal(compare("Rev. 5.028", "5.28.0").order, KP_EQUAL);
}

static void versions_of_other_kinds_have_no_order(void **state)
{
    (void)state;
    assert_int_equal(compare("2.9", "C4.93").order, KP_NO_ORDER);
    assert_int_equal(compare("4.5", "1.17T").order, KP_NO_ORDER);
    assert_int_equal(compare("9.1", "9.1 SP1").order, KP_NO_ORDER);
    assert_int_equal(compare("9.1 RC1", "9.1").order, KP_NO_ORDER);
    assert_true(compare("9.4 FP1", "9.4").beyond);
    struct kp_version v;
    assert_false(kp_version_read("unknown", &v));
    assert_false(kp_version_read("", &v));
}

/* ---- ranges ---- */
static enum kp_holds holds(const char *range, const char *version)
{
    struct kp_arena arena = { 0 };
    struct kp_range r;
    struct kp_version v;
    char why[KP_VERSION_WHY];
    assert_true(kp_range_read(range, &arena, &r));
    bool known = kp_version_read(version, &v);
    enum kp_holds h = kp_range_holds(&r, known ? &v : NULL, why);
    assert_true(*why);
    kp_arena_free(&arena);
    return h;
}

static void ranges_in_any_writing_are_read(void **state)
{
    static const struct {
        const char *range, *inside, *outside;
    } cases[] = {
        { "< V3.1", "3.0.9", "V3.1" },
        { "<=1.2|>=2.0|<2.4", "2.3", "2.4" },
        { ">=1.0|<=1.32", "1.32", "1.33" },
        { "vers:all/<V7.0.3", "7.0.2", "7.0.3" },
        { "vers:intdot/>=1.0|!=1.2|<2.0", "1.3", "1.2" },
        { "All versions < V4.33", "4.32", "4.33" },
        { "All versions prior to 2.4", "2.3", "2.4" },
        { "2.4 and prior", "2.4", "2.5" },
        { "Version 2.4 or later", "2.5", "2.3" },
        { "All versions between V2.5 (including) and V2.7 (excluding)", "2.5", "2.7" },
        { ">FW5_up_to_and_including_FW9", "FW9", "FW5" },
        { "from 1.0 through 1.4", "1.4", "1.5" },
        { "<V16_Update_3", "V16 Update 2", "V16 Update 3" },
        { "=<2.0", "2.0", "2.1" },
        { "< V2.3 HF4", "V2.3 HF3", "V2.3 HF4" },
        { "\xe2\x89\xa4 4.1", "4.1", "4.2" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(holds(cases[i].range, cases[i].inside), KP_INSIDE);
        assert_int_equal(holds(cases[i].range, cases[i].outside), KP_OUTSIDE);
    }
    static const char *const all[] = { "vers:all/*", "*", "", "All versions" };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(holds(all[i], ""), KP_INSIDE);
}

static void what_cannot_be_read_for_certain_is_doubt(void **state)
{
    static const char *const cases[][2] = {
        { "< 3.0", "" },                                 /* firmware is not known */
        { "All versions with U-Boot < V2", "1.0" },      /* of something else */
        { "< 3.1 only if the web server is on", "3.0" }, /* under a condition */
        { "<= 9.4", "9.4 FP1" },                         /* the bound and more */
        { "< V9.1 SP1", "9.1" },                         /* which service pack? */
        { ">= V2.9.2", "2.9" },                          /* which of 2.9? */
        { "v11.0", "v10.0" },                            /* single versions */
        { ">= V2.0 < V2.1.6", "4.5" },                   /* and, or or? */
        { "V4.7: < V4.7 HF27", "4.6" },                  /* of a line only */
        { "some-model-number", "1.0" },
        { "2.4 2.5 2.6", "2.5" },
        { "< 2.x", "2.1" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(holds(cases[i][0], cases[i][1]), KP_UNSURE);
    assert_int_equal(holds("< 3.1 only if the web server is on", "3.2"), KP_OUTSIDE);
}

/* ---- names ---- */
static bool same_vendor(const char *a, const char *b, const char *more)
{
    struct kp_vendors x, y;
    kp_vendor_keys(a, more, &x);
    kp_vendor_keys(b, more, &y);
    return kp_vendors_meet(&x, &y);
}

static void makers_are_known_by_all_their_names(void **state)
{
    (void)state;
    assert_true(same_vendor(" Gearworks GmbH & Co. KG ", "GEARWORKS", NULL));
    assert_true(
        same_vendor("Rockwell Automation/Allen-Bradley", "Rockwell Automation, Inc.", NULL));
    assert_true(same_vendor("Mitsubishi", "Mitsubishi Electric Corporation", NULL));
    assert_false(same_vendor("Hitachi", "Hitachi Energy", NULL));
    assert_false(same_vendor("General Electric", "General Motors", NULL));
    assert_false(same_vendor("Gearworks", "Cogs", NULL));
    assert_true(same_vendor("Gearworks", "Cogs", "Old Cogs = Cogs\nGearworks = Cogs Inc.\n"));
}

static bool covers(const char *named, const char *code)
{
    char a[KP_CODE_MAX], b[KP_CODE_MAX];
    return kp_code_form(named, strlen(named), a) && kp_code_form(code, strlen(code), b) &&
           kp_code_covers(a, b);
}

static void order_codes_are_compared_by_what_they_name(void **state)
{
    const char *at;
    (void)state;
    assert_true(covers("6ES7 515-2AM02-0AB0", "6es7515-2am02-0ab0"));
    assert_true(covers("6ES7515-2AM0x-0AB0", "6ES7 515 2AM02 0AB0"));
    assert_true(covers("6ES7515-2A*", "6ES7 515-2AM02-0AB0"));
    assert_false(covers("6ES7515-2AM01-0AB0", "6ES7515-2AM02-0AB0"));
    assert_int_equal(kp_mlfb_find("Coupler X (6ES7158-3AD10-0XA0)", &at), 18);
    assert_int_equal(strncmp(at, "6ES7158", 7), 0);
    assert_int_equal(kp_mlfb_find("Controller 2000 of 2026-11-28", &at), 0);
}

static void identifiers_are_taken_apart(void **state)
{
    struct kp_identifier id;
    (void)state;
    assert_true(kp_cpe_read("cpe:2.3:o:gears:motor_drive_firmware:2.9:sp1:*:*:*:*:*:*", &id));
    assert_string_equal(id.vendor, "gears");
    assert_string_equal(id.product, "motor drive firmware");
    assert_string_equal(id.version, "2.9 sp1");
    assert_true(kp_purl_read("pkg:deb/debian/openssl@3.0.11-1%2Bdeb12u2?arch=amd64", &id));
    assert_string_equal(id.product, "openssl");
    assert_string_equal(id.version, "3.0.11-1+deb12u2");
    assert_false(kp_cpe_read("cpe:2.3:", &id));
    assert_false(kp_purl_read("pkg:", &id));
}

/* ---- matching ---- */
static char verdicts[512]; /* "affected -" for each device */
static char reason[KP_VERSION_WHY];
static enum kp_code failure;

static void see(void *arg, const struct kp_finding *f)
{
    const char **of = arg;
    of[f->device] = kp_verdict_word(f->verdict);
    memcpy(reason, f->why, sizeof reason);
}

static enum kp_code match_text(const char *text, const struct kp_device *list, size_t n)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_advisory a;
    const char *of[16] = { 0 };
    struct kp_devices *d = kp_devices_new(list, n, NULL);
    if (!d)
        return KP_ENOMEM;
    if (!kp_advisory_load(text, strlen(text), NULL, &arena, NULL, &a, &err))
        kp_devices_match(d, &a, see, of, &err);
    verdicts[0] = 0;
    for (size_t i = 0, at = 0; i < n; i++)
        at += (size_t)snprintf(verdicts + at, sizeof verdicts - at, "%s%s", i ? " " : "",
                               of[i] ? of[i] : "-");
    kp_devices_free(d);
    kp_arena_free(&arena);
    return failure = err.code;
}

#define HEAD "{\"document\":{\"tracking\":{\"id\":\"OWN-1\"}},\"product_tree\":"
/* A product "P" with a version, of maker Gearworks. */
#define TREE(name, version, helper)                                                                \
    "{\"branches\":[{\"category\":\"vendor\",\"name\":\"Gearworks\",\"branches\":[{\"category\":"  \
    "\"product_name\",\"name\":\"" name                                                            \
    "\",\"branches\":[{\"category\":\"product_version_range\","                                    \
    "\"name\":\"" version "\",\"product\":{\"name\":\"x\",\"product_id\":\"P\"" helper "}}]}]}]}"
#define HOLE(state)                                                                                \
    ",\"vulnerabilities\":[{\"cve\":\"CVE-2026-1\",\"product_status\":{" state "}}]}"
#define AFFECTED "\"known_affected\":[\"P\"]"

static const struct kp_device drives[] = {
    { .manufacturer = "Gearworks GmbH",
      .product = "Servo Drive SD-300",
      .firmware = "V2.3",
      .host = 0 },
    { .manufacturer = "GEARWORKS", .product = "SERVO DRIVE SD 300", .firmware = "2.5", .host = 1 },
    { .manufacturer = "Gearworks", .product = "Servo Drive SD-300", .host = 2 },
    { .manufacturer = "Cogs", .product = "Servo Drive SD-300", .firmware = "2.3", .host = 3 },
    { .manufacturer = "Gearworks", .product = "Servo Drive SD-310", .firmware = "2.3", .host = 4 },
    { .manufacturer = "Gearworks",
      .product = "Servo Drive SD-300 Safety",
      .firmware = "2.3",
      .host = 5 },
};

static void names_and_versions_decide_and_doubt_is_review(void **state)
{
    (void)state;
    match_text(HEAD TREE("Servo Drive SD-300", "< 2.4", "") HOLE(AFFECTED), drives, 6);
    assert_string_equal(verdicts, "affected not_affected review - - review");
    match_text(HEAD TREE("Servo Drive SD-300 (EU)", "< 2.4", "") HOLE(AFFECTED), drives, 3);
    assert_string_equal(verdicts, "affected not_affected review");
}

static void an_order_code_counts_more_than_names_and_makers(void **state)
{
    static const struct kp_device list[] = {
        { .product = "PLC", .order_code = "6ES7 515-2AM02-0AB0", .firmware = "2.8", .host = 0 },
        { .manufacturer = "Gearworks",
          .product = "Servo Drive SD-300",
          .order_code = "6ES7 516-3AN02-0AB0",
          .firmware = "2.8",
          .host = 1 },
        { .manufacturer = "Gearworks",
          .product = "x",
          .serial = "S-77",
          .firmware = "2.8",
          .host = 2 },
    };
    (void)state;
    match_text(HEAD TREE("Servo Drive SD-300", "< 2.9",
                         ",\"product_identification_helper\":{\"model_numbers\":[\"6ES7515-2AM0x-"
                         "0AB0\"],\"serial_numbers\":[\"S77\"]}") HOLE(AFFECTED),
               list, 3);
    assert_string_equal(verdicts, "affected - affected");
}

static void what_is_fixed_or_not_affected_is_clear(void **state)
{
    (void)state;
    match_text(HEAD TREE("Servo Drive SD-300", "vers:all/*", "")
                   HOLE("\"known_not_affected\":[\"P\"]"),
               drives, 2);
    assert_string_equal(verdicts, "not_affected not_affected");
    match_text(HEAD TREE("Servo Drive SD-300", "vers:all/*", "")
                   HOLE("\"under_investigation\":[\"P\"]"),
               drives, 1);
    assert_string_equal(verdicts, "review");
    match_text(HEAD TREE("Servo Drive SD-300", "vers:all/*", "") HOLE("\"recommended\":[\"P\"]"),
               drives, 1);
    assert_string_equal(verdicts, "-");
    match_text(HEAD "{\"branches\":[{\"category\":\"vendor\",\"name\":\"Gearworks\",\"branches\":[{"
                    "\"category\":\"product_name\",\"name\":\"Servo Drive SD-300\",\"branches\":["
                    "{\"category\":\"product_version_range\",\"name\":\"vers:all/"
                    "*\",\"product\":{\"name\":\"x\",\"product_id\":\"P\"}},"
                    "{\"category\":\"product_version\",\"name\":\"2.4\",\"product\":{\"name\":"
                    "\"y\",\"product_id\":\"F\"}}]}]}]}" HOLE(AFFECTED ",\"first_fixed\":[\"F\"]"),
               drives, 2);
    assert_string_equal(verdicts, "affected not_affected"); /* since 2.4 */
}

#define PAIR                                                                                       \
    "{\"branches\":[{\"category\":\"vendor\",\"name\":\"Gearworks\",\"branches\":["                \
    "{\"category\":\"product_name\",\"name\":\"Panel TP-7\",\"product\":{\"name\":\"p\","          \
    "\"product_id\":\"H\"}},{\"category\":\"product_name\",\"name\":\"View "                       \
    "Runtime\",\"branches\":"                                                                      \
    "[{\"category\":\"product_version_range\",\"name\":\"<3\",\"product\":{\"name\":\"v\","        \
    "\"product_id\":\"S\"}}]}]}],\"relationships\":["
#define ON(what, on, id)                                                                           \
    "{\"category\":\"installed_on\",\"product_reference\":\"" what                                 \
    "\",\"relates_to_product_reference\":\"" on "\",\"full_product_name\":{\"name\":\"r\","        \
    "\"product_id\":\"" id "\"}}"

static void what_is_installed_on_a_device_must_be_there(void **state)
{
    static const struct kp_device list[] = {
        { .manufacturer = "Gearworks", .product = "Panel TP-7", .firmware = "1.0", .host = 0 },
        { .manufacturer = "Gearworks", .product = "View Runtime", .firmware = "2.9", .host = 0 },
        { .manufacturer = "Gearworks", .product = "Panel TP-7", .firmware = "1.0", .host = 2 },
        { .manufacturer = "Gearworks", .product = "View Runtime", .firmware = "3.0", .host = 2 },
        { .manufacturer = "Gearworks", .product = "Panel TP-7", .firmware = "1.0", .host = 4 },
    };
    (void)state;
    match_text(HEAD PAIR ON("S", "H", "P") "]}" HOLE(AFFECTED), list, 5);
    assert_string_equal(verdicts, "affected - not_affected - review");
}

static void hostile_trees_are_bounded(void **state)
{
    static char deep[40000];
    size_t n = (size_t)snprintf(deep, sizeof deep, HEAD "{\"branches\":[");
    (void)state;
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(deep + n, sizeof deep - n,
                              "{\"category\":\"product_name\",\"name\":\"a\",\"branches\":[");
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(deep + n, sizeof deep - n, "]}");
    snprintf(deep + n, sizeof deep - n, "]}" HOLE(AFFECTED));
    assert_int_equal(match_text(deep, drives, 1), KP_EFULL);
    match_text(HEAD PAIR ON("P", "P", "P") "]}" HOLE(AFFECTED), drives, 1);
    assert_int_equal(failure, KP_OK);
    assert_string_equal(verdicts, "-");
    match_text(HEAD PAIR ON("Q", "H", "P") "," ON("P", "H", "Q") "]}" HOLE(AFFECTED), drives, 1);
    assert_int_equal(failure, KP_OK);
    assert_int_equal(match_text("{\"document\":{}}", drives, 1), KP_EPARSE);
    assert_int_equal(match_text("[]", drives, 1), KP_EPARSE);
}

static enum kp_code match_pair(void *arg)
{
    (void)arg;
    return match_text(HEAD PAIR ON("S", "H", "P") "]}" HOLE(AFFECTED), drives, 3);
}

static void no_memory_is_told_at_each_allocation(void **state)
{
    (void)state;
    kit_fail_each_allocation(match_pair, NULL);
}

int main(void)
{
    kp_json_memory_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_in_the_order_their_makers_mean),
        cmocka_unit_test(versions_of_other_kinds_have_no_order),
        cmocka_unit_test(ranges_in_any_writing_are_read),
        cmocka_unit_test(what_cannot_be_read_for_certain_is_doubt),
        cmocka_unit_test(makers_are_known_by_all_their_names),
        cmocka_unit_test(order_codes_are_compared_by_what_they_name),
        cmocka_unit_test(identifiers_are_taken_apart),
        cmocka_unit_test(names_and_versions_decide_and_doubt_is_review),
        cmocka_unit_test(an_order_code_counts_more_than_names_and_makers),
        cmocka_unit_test(what_is_fixed_or_not_affected_is_clear),
        cmocka_unit_test(what_is_installed_on_a_device_must_be_there),
        cmocka_unit_test(hostile_trees_are_bounded),
        cmocka_unit_test(no_memory_is_told_at_each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
