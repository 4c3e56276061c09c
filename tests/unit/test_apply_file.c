/* SPDX-License-Identifier: Apache-2.0 */
/* Apply files by themselves: what YAML is taken, where errors are placed, and that text survives writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/apply.h"
#include "config/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fault {
    const char *yaml, *said;
};

static void expect_faults(const struct fault *faults, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct kp_err err = { 0 };
        enum kp_code code = kp_apply_check(faults[i].yaml, strlen(faults[i].yaml), "f.yaml", &err);
        if (!code || strcmp(err.text, faults[i].said) != 0)
            fail_msg("%s\nsaid: %s\nnot:  %s", faults[i].yaml, err.text, faults[i].said);
    }
}
#define EXPECT(faults) expect_faults(faults, sizeof faults / sizeof faults[0])

static void expect_fine(const char *yaml)
{
    struct kp_err err = { 0 };
    if (kp_apply_check(yaml, strlen(yaml), "f.yaml", &err))
        fail_msg("%s\nsaid: %s", yaml, err.text);
}

/* ---- YAML ---- */
static void a_document_keeps_every_text_as_typed_with_its_place(void **state)
{
    (void)state;
    static const char yaml[] = "a: no\nb:\n  - 1.50\n  - \"x\\ty\"\n  - {c: 'it''s', d: }\ne: |\n  two\n  lines\n";
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_yaml *root;
    assert_int_equal(kp_yaml_read(yaml, strlen(yaml), "f", &arena, &root, &err), KP_OK);
    assert_int_equal(root->kind, KP_YAML_MAP);
    const struct kp_yaml *a = root->first, *b = a->next, *e = b->next;
    assert_string_equal(a->key, "a");
    assert_string_equal(a->text, "no");
    assert_int_equal(a->at.line, 1);
    assert_int_equal(a->at.column, 4);
    assert_int_equal(b->kind, KP_YAML_LIST);
    assert_string_equal(b->first->text, "1.50");
    assert_string_equal(b->first->next->text, "x\ty");
    const struct kp_yaml *map = b->first->next->next;
    assert_int_equal(map->at.line, 5);
    assert_int_equal(map->at.column, 5);
    assert_string_equal(map->first->text, "it's");
    assert_string_equal(map->first->next->text, "");
    assert_string_equal(e->text, "two\nlines\n");
    assert_null(e->next);
    kp_arena_free(&arena);
}

static void what_is_not_taken_of_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "assets: [\n", "f.yaml:2:1: while parsing a flow node: did not find expected node content" },
        { "a: b: c\n", "f.yaml:1:5: mapping values are not allowed in this context" },
        { "assets:\n  - &x {path: a}\n", "f.yaml:2:5: anchors (&name) are not taken here: write the value out" },
        { "assets:\n  - path: *x\n", "f.yaml:2:11: aliases (*name) are not taken here: write the value out" },
        { "assets: !!seq []\n", "f.yaml:1:9: tags (!name) are not taken here: every value is read by its field's type" },
        { "assets: []\n---\nassets: []\n", "f.yaml:2:1: a second document: one file is one document" },
        { "assets: []\nsignals: []\nassets: []\n", "f.yaml:3:1: 'assets' stands here a second time, first in line 1" },
        { "[a, b]: c\n", "f.yaml:1:1: a key must be a text" },
        { "a: [[[[[[[[[[[[[]]]]]]]]]]]]]\n", "f.yaml:1:15: nested too deep" },
        { "a: \"\\0\"\n", "f.yaml:1:4: a text holds a zero byte or is not valid UTF-8" },
        { "a: b\nc: \x01\n", "f.yaml:2:4: a control character" },
        { "a: \xff\n", "f.yaml: not valid UTF-8; save the file as UTF-8" },
        { "just a text\n", "f.yaml:1:1: the file must be a map of sections such as assets, couplings and signals" },
    };
    EXPECT(faults);
}

static void the_delivery_of_alarms_is_checked_where_it_stands(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "alarm-delivery: on\n", "f.yaml:1:17: alarm-delivery must be a map, not a text" },
        { "alarm-delivery:\n  mail:\n    password: x\n",
          "f.yaml:3:5: a secret does not stand in this file: put it into a file of its own and write 'password-file: /PATH'" },
        { "alarm-delivery:\n  channels:\n    - token-file: x\n",
          "f.yaml:3:19: token-file must be a file's full path, beginning with '/'" },
    };
    EXPECT(faults);
}

static void rules_of_retention_are_checked_where_they_stand(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "retention:\n  - points: 90d\n", "f.yaml:2:5: a rule needs a 'pattern' such as \"**/vibration\"" },
        { "retention:\n  - pattern: a//b\n", "f.yaml:2:14: this is no pattern such as \"**/vibration\"" },
        { "retention:\n  - pattern: a\n    points: soon\n", "f.yaml:3:13: points: 'soon' is not a time such as 90d or 2y" },
        { "retention:\n  - pattern: a\n    size: 0\n", "f.yaml:3:11: size: '0' is not a size such as 20GB" },
        { "retention:\n  - pattern: a\n    pionts: 90d\n", "f.yaml:3:5: unknown key 'pionts', did you mean 'points'?" },
        { "retention: 90d\n", "f.yaml:1:12: retention must be a list, not a text" },
    };
    EXPECT(faults);
    expect_fine("retention:\n  - pattern: '**/vibration'\n    points: 90d\n    rollups: 5y\n    size: 20GB\n  - pattern: '**'\n");
}

static void a_file_cut_off_at_a_zero_byte_is_no_shorter_file(void **state)
{
    (void)state;
    static const char yaml[] = "assets: []\n\0signals: 5\n";
    struct kp_err err = { 0 };
    assert_int_equal(kp_apply_check(yaml, sizeof yaml - 1, "f.yaml", &err), KP_EPARSE);
    assert_string_equal(err.text, "f.yaml:2:1: a control character");
}

static void a_file_that_says_nothing_is_fine(void **state)
{
    (void)state;
    static const char *const files[] = { "", "\n", "# nothing\n", "---\n", "assets:\ncouplings:\nsignals:\nsettings:\n",
                                         "assets: []\nsettings: {}\n" };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        expect_fine(files[i]);
}

static void a_file_beyond_the_limit_is_refused_unread(void **state)
{
    (void)state;
    size_t n = KP_APPLY_BYTES_MAX + 1;
    char *yaml = malloc(n);
    struct kp_err err = { 0 };
    memset(yaml, '#', n);
    assert_int_equal(kp_apply_check(yaml, n, "f.yaml", &err), KP_EFULL);
    assert_string_equal(err.text, "f.yaml: larger than 4 MiB");
    free(yaml);
}

/* ---- words ---- */
static void an_unknown_word_is_answered_with_the_nearest_known(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "asets: []\n", "f.yaml:1:1: unknown key 'asets', did you mean 'assets'?" },
        { "machines: []\n", "f.yaml:1:1: unknown key 'machines'; known are assets, couplings, signals, settings, retention, alarms, alarm-delivery, calendar, shop, orders, shield, watches, partners, offers, collections, devices, feeds, vendor-aliases" },
        { "assets:\n  - path: a\n    descriptoin: x\n", "f.yaml:3:5: unknown key 'descriptoin', did you mean 'description'?" },
        { "assets:\n  - path: a\n    SerialNummer: x\n", "f.yaml:3:5: unknown key 'SerialNummer', did you mean 'SerialNumber'?" },
        { "signals:\n  - path: a/b\n    storred: on\n", "f.yaml:3:5: unknown key 'storred', did you mean 'stored'?" },
        { "settings:\n  comit-interval: 1s\n", "f.yaml:2:3: unknown key 'comit-interval', did you mean 'commit-interval'?" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    exclud: a\n",
          "f.yaml:4:5: unknown key 'exclud', did you mean 'exclude'?" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    pasword-file: /a\n",
          "f.yaml:4:5: unknown key 'pasword-file', did you mean 'password-file'?" },
        { "partners:\n  - name: x\n    fingerprint: y\n",
          "f.yaml:3:5: unknown key 'fingerprint'; known are name, id, url, key, ca, token-file, identity" },
        { "offers:\n  - id: x\n    datset: y\n", "f.yaml:3:5: unknown key 'datset', did you mean 'dataset'?" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    nodes:\n      - sorce: a\n",
          "f.yaml:5:9: unknown key 'sorce', did you mean 'source'?" },
    };
    EXPECT(faults);
}

static void a_wrong_value_is_placed_at_the_value(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "assets: 5\n", "f.yaml:1:9: assets must be a list, not a text" },
        { "assets:\n  - a\n", "f.yaml:2:5: an entry must be a map, not a text" },
        { "assets:\n  - kind: machine\n", "f.yaml:2:5: an entry needs a 'path'" },
        { "assets:\n  - path: /a\n", "f.yaml:2:11: path: '/a' is not a path such as eindhoven/milling/dmu50" },
        { "assets:\n  - path: a\n    description: [x]\n", "f.yaml:3:18: description must be a text, not a list" },
        { "assets:\n  - path: a\n  - path: b\n  - path: a\n", "f.yaml:4:11: 'a' has an entry in line 2 already" },
        { "signals:\n  - path: a/b\n    writable: perhaps\n", "f.yaml:3:15: writable: 'perhaps' is neither on nor off" },
        { "signals:\n  - path: a/b\n    low: warm\n", "f.yaml:3:10: low: 'warm' is not a number" },
        { "settings: []\n", "f.yaml:1:11: settings must be a map, not a list" },
        { "settings:\n  commit-interval: 5ms\n", "f.yaml:2:20: commit-interval: '5ms' is not a time from 10ms to 60s" },
        { "settings:\n  listen: 8420\n", "f.yaml:2:11: listen: '8420' is not an address and port such as 127.0.0.1:8420" },
        { "couplings:\n  - url: opc.tcp://h\n", "f.yaml:2:5: a coupling needs a 'name'" },
        { "couplings:\n  - name: x\n", "f.yaml:2:5: a coupling needs a 'url'" },
        { "couplings:\n  - name: a/b\n    url: opc.tcp://h\n", "f.yaml:2:11: 'a/b' cannot be a name" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    at: a//b\n",
          "f.yaml:4:9: at: 'a//b' is not a path such as eindhoven/milling" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    publishing: soon\n",
          "f.yaml:4:17: publishing: 'soon' is not a time such as 250ms or 10s" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    include: [a, [b]]\n",
          "f.yaml:4:18: each pattern must be a text, not a list" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    nodes:\n      - path: a\n",
          "f.yaml:5:9: a node needs a 'source', its address in the machine" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    nodes:\n      - {source: s, path: a//b}\n",
          "f.yaml:5:27: path: 'a//b' is not a path" },
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    nodes:\n      - source: s\n      - source: s\n",
          "f.yaml:6:9: node 's' is listed twice" },
    };
    EXPECT(faults);
}

static void a_secret_in_the_file_itself_is_refused_without_showing_it(void **state)
{
    (void)state;
    static const char yaml[] = "couplings:\n  - name: x\n    url: opc.tcp://h\n    password: hunter2\n";
    struct kp_err err = { 0 };
    assert_int_equal(kp_apply_check(yaml, strlen(yaml), "f.yaml", &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "f.yaml:4:5: "));
    assert_non_null(strstr(err.text, "password-file: /PATH"));
    assert_null(strstr(err.text, "hunter2"));
    static const struct fault faults[] = {
        { "couplings:\n  - name: x\n    url: opc.tcp://h\n    password-file: pw\n",
          "f.yaml:4:20: password-file must be a file's full path, beginning with '/'" },
        { "partners:\n  - name: x\n    token: hunter2\n",
          "f.yaml:3:5: a secret does not stand in this file: put it into a file of its own and write 'token-file: /PATH'" },
    };
    EXPECT(faults);
}

static void an_unknown_protocol_names_those_that_are_known(void **state)
{
    (void)state;
    static const char yaml[] = "couplings:\n  - name: x\n    url: gopher://h\n";
    struct kp_err err = { 0 };
    assert_int_not_equal(kp_apply_check(yaml, strlen(yaml), "f.yaml", &err), KP_OK);
    assert_non_null(strstr(err.text, "f.yaml:3:10: "));
    assert_non_null(strstr(err.text, "opc.tcp"));
}

static void a_list_of_patterns_is_the_same_as_a_text_with_commas(void **state)
{
    (void)state;
    static const char yaml[] = "couplings:\n  - name: x\n    url: opc.tcp://h\n    exclude: ['**/a', b]\n";
    struct kp_config c;
    struct kp_err err = { 0 };
    assert_int_equal(kp_config_read(&c, yaml, strlen(yaml), "f", &err), KP_OK);
    const struct kp_config_entry *e = &c.list[KP_CONFIG_COUPLING].entries[0];
    assert_int_equal(e->n, 1);
    assert_string_equal(e->fields[0].f.key, "exclude");
    assert_string_equal(e->fields[0].f.value, "**/a,b");
    kp_config_free(&c);
}

/* ---- writing ---- */
static void every_text_written_is_read_back_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "a", "no", "Null", "12", "1e3", "-", "- a", "a: b", "a #b", "#a", "a:", ":", "'", "\"", "\\", "{a}", "[a", "*a",
        "&a", "!a", "%a", "@a", "`a", "a, b", "two\nlines", "\ttab", "trailing ", " leading", "\x1b[31m", "\x7f", "front bearing",
        "nsu=urn:dmg;s=Spindle.Temperature", "opc.tcp://192.0.2.7:4840", "/eindhoven", "**/Diagnostics", "\xc2\xb0""C",
        "caf\xc3\xa9", "\xc2\x85 next line", "a\xe2\x80\xa8line", "a\xe2\x80\xa9paragraph", "\xef\xbb\xbf" "bom", "\xf0\x9f\x94\xa9",
        "~", "yes", "0x1f", "1:20", "a\r\nb", "<<", "=", "---", "...", "? a", "| a", "> a",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct kp_buf b;
        struct kp_arena arena = { 0 };
        struct kp_err err = { 0 };
        struct kp_yaml *root;
        kp_buf_init(&b, 4096);
        kp_buf_str(&b, "k:\n  - x: ");
        kp_yaml_put_text(&b, texts[i]);
        kp_buf_str(&b, "\n    y: z\n");
        if (kp_yaml_read(b.data, b.len, "f", &arena, &root, &err) || strcmp(root->first->first->first->text, texts[i]) != 0)
            fail_msg("text %zu: %s: %s", i, kp_buf_text(&b), err.text);
        assert_string_equal(root->first->first->first->next->text, "z");
        kp_arena_free(&arena);
        kp_buf_free(&b);
    }
}

static const char whole[] = "assets:\n  - path: hall/mill\n    kind: machine\n    SerialNumber: 17\n"
                            "couplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n    include: [a, b]\n    user: op\n"
                            "    nodes:\n      - {source: s1, path: x}\n      - source: s2\n"
                            "signals:\n  - path: mill/x\n    unit: CEL\nsettings:\n  commit-interval: 200ms\n";

static void running_out_of_memory_anywhere_is_an_error_and_no_leak(void **state)
{
    (void)state;
    long n = 0, live = kp_mem_live(), before;
    enum kp_code code;
    do {
        struct kp_err err = { 0 };
        before = kp_mem_count();
        kp_mem_fail_at(++n);
        code = kp_apply_check(whole, strlen(whole), "f.yaml", &err);
        kp_mem_fail_at(0);
        bool failed = kp_mem_count() - before >= n;
        assert_int_equal(code, failed ? KP_ENOMEM : KP_OK);
        assert_int_equal(kp_mem_live(), live);
    } while (code);
    print_message("kp_apply_check: %ld allocations\n", n - 1);
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_keeps_every_text_as_typed_with_its_place),
        cmocka_unit_test(what_is_not_taken_of_yaml_is_refused_with_its_place),
        cmocka_unit_test(the_delivery_of_alarms_is_checked_where_it_stands),
        cmocka_unit_test(rules_of_retention_are_checked_where_they_stand),
        cmocka_unit_test(a_file_cut_off_at_a_zero_byte_is_no_shorter_file),
        cmocka_unit_test(a_file_that_says_nothing_is_fine),
        cmocka_unit_test(a_file_beyond_the_limit_is_refused_unread),
        cmocka_unit_test(an_unknown_word_is_answered_with_the_nearest_known),
        cmocka_unit_test(a_wrong_value_is_placed_at_the_value),
        cmocka_unit_test(a_secret_in_the_file_itself_is_refused_without_showing_it),
        cmocka_unit_test(an_unknown_protocol_names_those_that_are_known),
        cmocka_unit_test(a_list_of_patterns_is_the_same_as_a_text_with_commas),
        cmocka_unit_test(every_text_written_is_read_back_the_same),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
