/* SPDX-License-Identifier: Apache-2.0 */
/* Apply files on a node: what is planned is done, once, and nothing when anything is wrong. The couplings point at a
 * port where nothing listens. */
#include "apply_kit.h"

static const struct kp_model *model(struct place *p)
{
    return kp_hub_model(kp_node_hub(p->n));
}

static const struct kp_signal_info *signal_at(struct place *p, const char *path)
{
    return kp_model_signal(model(p), kp_model_find_signal(model(p), path));
}

static const struct kp_asset_info *asset_at(struct place *p, const char *path)
{
    kp_asset id = kp_model_find_asset(model(p), path);
    return id ? kp_model_asset(model(p), id) : NULL;
}

static const char whole[] = "assets:\n"
                            "  - path: hall/mill\n"
                            "    kind: machine\n"
                            "    label: partner\n"
                            "    description: no\n"
                            "    ManufacturerName: DMG MORI\n"
                            "couplings:\n"
                            "  - name: mill\n"
                            "    url: opc.tcp://127.0.0.1:1\n"
                            "    at: hall/mill\n"
                            "    every: 200ms\n"
                            "    user: op\n"
                            "    nodes:\n"
                            "      - source: nsu=urn:x;s=Spindle.Temperature\n"
                            "        path: spindle/temperature\n"
                            "      - source: nsu=urn:x;s=Load\n"
                            "      - source: nsu=urn:x;s=Door\n"
                            "        path: /hall/door/open\n"
                            "signals:\n"
                            "  - path: hall/mill/spindle/temperature\n"
                            "    description: front bearing\n"
                            "    unit: CEL\n"
                            "    low: -20\n"
                            "    high: 120.5\n"
                            "    label: secret\n"
                            "    stored: off\n"
                            "settings:\n"
                            "  commit-interval: 50ms\n";

static void a_file_is_done_and_done_again_changes_nothing(void **state)
{
    struct place *p = *state;
    apply(p, whole, false, false);
    assert_string_equal(p->err.text, "");
    const struct kp_asset_info *a = asset_at(p, "hall/mill");
    assert_int_equal(a->kind, KP_MACHINE);
    assert_string_equal(a->description, "no");
    assert_string_equal(a->nameplate[KP_MANUFACTURER_NAME], "DMG MORI");
    assert_int_equal(a->by_hand, 1 << KP_MANUFACTURER_NAME);
    const struct kp_signal_info *s = signal_at(p, "hall/mill/spindle/temperature");
    assert_string_equal(s->source, "nsu=urn:x;s=Spindle.Temperature");
    assert_string_equal(s->unit, "CEL");
    assert_true(s->low == -20 && s->high == 120.5);
    assert_int_equal(s->label, KP_SECRET);
    assert_false(s->stored);
    assert_int_equal(s->coupling, kp_node_coupling_id(p->n, "mill", &p->err));
    assert_non_null(signal_at(p, "hall/mill/Load"));
    assert_non_null(signal_at(p, "hall/door/open"));
    applied(p, whole, false, "[]");
    applied(p, whole, true, "[]");
}

static void the_plan_says_each_change_in_the_order_it_is_done(void **state)
{
    struct place *p = *state;
    apply(p, whole, true, false);
    const char *plan = kp_buf_text(&p->plan), *at = plan;
    static const char *const order[] = { "{\"action\":\"change\",\"kind\":\"setting\"", "\"kind\":\"asset\"",
                                         "\"kind\":\"coupling\"", "\"kind\":\"node\"", "\"kind\":\"signal\"" };
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    apply(p, whole, false, false);
    applied(p, "couplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n    at: hall/mill\n    every: 1s\n", false,
            "[{\"action\":\"change\",\"kind\":\"coupling\",\"name\":\"mill\","
            "\"detail\":\"every: 200ms -> 1s, user: op -> (default)\"}]");
}

static void a_dry_run_changes_nothing(void **state)
{
    struct place *p = *state;
    apply(p, whole, true, true);
    assert_string_equal(p->err.text, "");
    assert_true(strlen(kp_buf_text(&p->plan)) > 100);
    assert_int_equal(kp_model_count_assets(model(p)), 0);
    assert_int_equal(kp_node_coupling_id(p->n, "mill", &p->err), 0);
}

static void a_fault_anywhere_changes_nothing(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *yaml, *said;
    } faults[] = {
        { "assets:\n  - path: a\nsignals:\n  - path: nowhere/x\n    unit: CEL\n",
          "f.yaml:4:11: there is no such signal, and no coupling in this file lists a node for it" },
        { "assets:\n  - path: a\ncouplings:\n  - name: x\n    url: opc.tcp://127.0.0.1:1\n    every: often\n",
          "f.yaml:6:12: coupling x: every: 'often' is not a time such as 250ms or 10s" },
        { "assets:\n  - path: a\ncouplings:\n  - name: x\n    url: opc.tcp://127.0.0.1:1\n    password-file: /nowhere/pw\n",
          "f.yaml:6:20: cannot read '/nowhere/pw': No such file or directory" },
        { "assets:\n  - path: a\ncouplings:\n  - name: x\n    url: opc.tcp://127.0.0.1:1\n    nodes:\n"
          "      - {source: s, path: p}\n      - {source: t, path: p}\n",
          "f.yaml:8:9: two nodes want the same path" },
        { "assets:\n  - path: a\ncouplings:\n  - name: x\n    url: opc.tcp://127.0.0.1:1\n    nodes:\n"
          "      - {source: s, path: /top}\n",
          "f.yaml:7:9: a signal's path must have an asset above it and be shorter than 1024 bytes" },
        { "assets:\n  - path: a\ncouplings:\n  - name: x\n    url: opc.tcp://127.0.0.1:1\n    password-file: /tmp\n",
          "f.yaml:6:20: cannot read '/tmp': not an ordinary file" },
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assert_int_not_equal(apply(p, faults[i].yaml, false, true), KP_OK);
        assert_string_equal(p->err.text, faults[i].said);
        assert_int_equal(kp_model_count_assets(model(p)), 0);
    }
}

static void what_an_entry_of_an_asset_or_signal_leaves_out_stays(void **state)
{
    struct place *p = *state;
    apply(p, whole, false, false);
    applied(p, "assets:\n  - path: hall/mill\nsignals:\n  - path: hall/mill/spindle/temperature\n    role: state\n", false,
            "[{\"action\":\"change\",\"kind\":\"signal\",\"name\":\"hall/mill/spindle/temperature\",\"detail\":\"role: state\"}]");
    assert_string_equal(asset_at(p, "hall/mill")->description, "no");
    assert_string_equal(signal_at(p, "hall/mill/spindle/temperature")->unit, "CEL");
}

static void an_empty_value_goes_back_to_the_default(void **state)
{
    struct place *p = *state;
    static const char empty[] = "assets:\n  - path: hall/mill\n    description:\n    ManufacturerName: \"\"\n    label:\n"
                                "signals:\n  - path: hall/mill/spindle/temperature\n    unit:\n    high:\n    label: inherit\n"
                                "settings:\n  commit-interval:\n";
    apply(p, whole, false, false);
    apply(p, empty, false, false);
    assert_string_equal(p->err.text, "");
    assert_null(asset_at(p, "hall/mill")->description);
    assert_int_equal(asset_at(p, "hall/mill")->by_hand, 0);
    assert_int_equal(asset_at(p, "hall/mill")->label, KP_INHERIT);
    assert_null(signal_at(p, "hall/mill/spindle/temperature")->unit);
    applied(p, empty, false, "[]");
}

static void an_export_applied_to_its_node_and_to_a_fresh_one_gives_the_same_export(void **state)
{
    struct place *p = *state;
    struct kp_buf first, second;
    kp_buf_init(&first, 1 << 20);
    kp_buf_init(&second, 1 << 20);
    apply(p, whole, false, false);
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &first, &p->err), KP_OK);
    applied(p, kp_buf_text(&first), false, "[]");
    applied(p, kp_buf_text(&first), true, "[]");
    void *other = NULL;
    setup(&other);
    struct place *q = other;
    apply(q, kp_buf_text(&first), false, false);
    assert_string_equal(q->err.text, "");
    assert_int_equal(kp_export(q->n, KP_TO_NODE, &second, &q->err), KP_OK);
    assert_string_equal(kp_buf_text(&first), kp_buf_text(&second));
    teardown(&other);
    kp_buf_free(&first);
    kp_buf_free(&second);
}

static void a_secret_comes_from_its_file_and_is_neither_shown_nor_exported(void **state)
{
    struct place *p = *state;
    char yaml[512];
    snprintf(yaml, sizeof yaml, "couplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n    password-file: %s\n", p->file);
    write_secret(p, "hunter2\n");
    apply(p, yaml, false, false);
    assert_string_equal(p->err.text, "");
    applied(p, yaml, false, "[]");
    write_secret(p, "correct horse\n");
    applied(p, yaml, false, "[{\"action\":\"change\",\"kind\":\"coupling\",\"name\":\"mill\",\"detail\":\"password: (new secret)\"}]");
    applied(p, "couplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n", true, "[]"); /* not mentioned: it stays */
    struct kp_buf out;
    kp_buf_init(&out, 1 << 20);
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &out, &p->err), KP_OK);
    assert_null(strstr(kp_buf_text(&out), "horse"));
    assert_non_null(strstr(kp_buf_text(&out), "# password-file: /PATH"));
    applied(p, kp_buf_text(&out), true, "[]");
    kp_buf_free(&out);
    write_secret(p, "\n");
    assert_int_equal(apply(p, yaml, false, false), KP_EINVALID);
}

#define CHANGED "[{\"action\":\"change\",\"kind\":\"setting\",\"name\":\"alarm-delivery\",\"detail\":null}]"

static void who_is_told_of_alarms_is_one_whole_and_its_secrets_come_from_files(void **state)
{
    struct place *p = *state;
    char yaml[1000];
    struct kp_buf out;
    write_secret(p, "tk_first\n");
    snprintf(yaml, sizeof yaml,
             "alarm-delivery:\n  channels:\n    - name: phone\n      kind: ntfy\n      url: https://ntfy.example/x\n"
             "      token-file: %s\n    - name: own\n      kind: webhook\n      url: https://own.example\n"
             "      template: |\n        {\"what\":\n          \"{text}\"}\n"
             "  roster:\n    - name: anna\n      channel: phone\n      days: [mon, fri]\n"
             "  escalation:\n    - after: 10m\n      to: [anna]\n",
             p->file);
    applied(p, yaml, false, CHANGED);
    applied(p, yaml, true, "[]");
    kp_buf_init(&out, 1 << 20);
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &out, &p->err), KP_OK);
    const char *exported = kp_buf_text(&out), *section = strstr(exported, "\nalarm-delivery:");
    assert_null(strstr(exported, "tk_first"));
    assert_non_null(section);
    applied(p, exported, true, "[]"); /* the token stays */
    write_secret(p, "tk_second\n");
    applied(p, yaml, false, CHANGED);
    applied(p, "alarm-delivery: {}\n", false, CHANGED);
    applied(p, section + 1, false, CHANGED); /* all of it but the token, which went with its server */
    kp_buf_free(&out);
    applied(p, yaml, false, CHANGED);
}

static void pruning_removes_only_within_the_kinds_the_file_names(void **state)
{
    struct place *p = *state;
    apply(p, whole, false, false);
    applied(p, "settings:\n", true, "[]");
    kp_node_make_asset(p->n, "yard/gate", NULL, 0, &p->err);
    applied(p, "assets:\n  - path: hall/mill\n", true,
            "[{\"action\":\"remove\",\"kind\":\"asset\",\"name\":\"yard\",\"detail\":null}]");
    assert_null(asset_at(p, "yard/gate"));
    assert_non_null(asset_at(p, "hall/door")); /* not listed, but it has a signal */
    applied(p, "couplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n    at: hall/mill\n    every: 200ms\n    user: op\n"
               "    nodes:\n      - source: nsu=urn:x;s=Load\n      - source: nsu=urn:x;s=Door\n", true,
            "[{\"action\":\"remove\",\"kind\":\"node\",\"name\":\"hall/mill/spindle/temperature\",\"detail\":null}]");
    applied(p, "couplings: []\n", true, "[{\"action\":\"remove\",\"kind\":\"coupling\",\"name\":\"mill\",\"detail\":null}]");
    assert_non_null(signal_at(p, "hall/mill/Load")); /* its history stays with it */
    applied(p, "signals:\n  - path: hall/door/open\n", true,
            "[{\"action\":\"remove\",\"kind\":\"signal\",\"name\":\"hall/mill/Load\",\"detail\":null}]");
}

static void a_node_listed_at_another_place_moves_with_its_history(void **state)
{
    struct place *p = *state;
    apply(p, whole, false, false);
    kp_signal id = kp_model_find_signal(model(p), "hall/mill/Load");
    applied(p, "couplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n    at: hall/mill\n    every: 200ms\n    user: op\n"
               "    nodes:\n      - {source: nsu=urn:x;s=Load, path: spindle/load}\n"
               "signals:\n  - path: hall/mill/spindle/load\n    unit: P1\n", false,
            "[{\"action\":\"change\",\"kind\":\"node\",\"name\":\"hall/mill/Load\",\"detail\":\"path: hall/mill/spindle/load\"},"
            "{\"action\":\"change\",\"kind\":\"signal\",\"name\":\"hall/mill/spindle/load\",\"detail\":\"unit: P1\"}]");
    assert_int_equal(kp_model_find_signal(model(p), "hall/mill/spindle/load"), id);
}

static void a_coupling_made_anew_takes_over_the_signals_it_left(void **state)
{
    struct place *p = *state;
    apply(p, whole, false, false);
    kp_signal id = kp_model_find_signal(model(p), "hall/mill/spindle/temperature");
    assert_int_equal(kp_node_uncouple(p->n, "mill", false, &p->err), KP_OK);
    apply(p, whole, false, false);
    assert_string_equal(p->err.text, "");
    assert_int_equal(kp_model_find_signal(model(p), "hall/mill/spindle/temperature"), id);
    assert_int_equal(signal_at(p, "hall/mill/spindle/temperature")->coupling, kp_node_coupling_id(p->n, "mill", &p->err));
    applied(p, whole, false, "[]");
}

static void a_node_cannot_take_the_place_of_another_couplings_signal(void **state)
{
    struct place *p = *state;
    apply(p, whole, false, false);
    assert_int_equal(apply(p, "couplings:\n  - name: other\n    url: opc.tcp://127.0.0.1:2\n    at: hall/mill\n    nodes:\n"
                              "      - {source: s, path: Load}\n", false, false), KP_EEXISTS);
    assert_string_equal(p->err.text, "f.yaml:6:9: the path of this node is taken by another signal or asset");
    assert_int_equal(kp_node_coupling_id(p->n, "other", &p->err), 0);
}

static void running_out_of_memory_while_planning_or_exporting_is_an_error_and_no_leak(void **state)
{
    struct place *p = *state;
    apply(p, whole, false, false);
    kp_node_stop(p->n); /* so that no other thread takes the failure */
    kp_node_free(p->n);
    open_node(p);
    static const char changed[] = "couplings:\n  - name: mill\n    url: opc.tcp://127.0.0.1:1\n    nodes:\n      - source: new\n"
                                  "signals:\n  - path: hall/door/open\n    unit: X\nassets:\n  - path: yard\n"
                                  "retention:\n  - pattern: hall\n    points: 9d\n"
                                  "alarm-delivery:\n  channels:\n    - {name: phone, kind: ntfy, url: http://localhost}\n";
    kp_buf_free(&p->plan);
    apply(p, changed, true, true); /* fills the caches of the reader */
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
                                       : kp_apply(p->n, (struct kp_applier){ KP_TO_NODE, KP_OWNER }, changed, strlen(changed), "f.yaml", true, true, &out, &err);
            kp_mem_fail_at(0);
            failed = kp_mem_count() - before >= n;
            if ((code || out.failed) != failed || (code && code != KP_ENOMEM)) /* a plan cut short is its reader's to see */
                fail_msg("allocation %ld: code %d: %s", n, code, err.text);
            kp_buf_free(&out);
            assert_int_equal(kp_mem_live(), live);
        }
        print_message("%s: %ld allocations\n", export ? "kp_export" : "kp_apply", n - 1);
        assert_true(n > 1);
    }
}

#define WITH_NODE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NODE(a_file_is_done_and_done_again_changes_nothing),
        WITH_NODE(the_plan_says_each_change_in_the_order_it_is_done),
        WITH_NODE(a_dry_run_changes_nothing),
        WITH_NODE(a_fault_anywhere_changes_nothing),
        WITH_NODE(what_an_entry_of_an_asset_or_signal_leaves_out_stays),
        WITH_NODE(an_empty_value_goes_back_to_the_default),
        WITH_NODE(an_export_applied_to_its_node_and_to_a_fresh_one_gives_the_same_export),
        WITH_NODE(a_secret_comes_from_its_file_and_is_neither_shown_nor_exported),
        WITH_NODE(who_is_told_of_alarms_is_one_whole_and_its_secrets_come_from_files),
        WITH_NODE(pruning_removes_only_within_the_kinds_the_file_names),
        WITH_NODE(a_node_listed_at_another_place_moves_with_its_history),
        WITH_NODE(a_coupling_made_anew_takes_over_the_signals_it_left),
        WITH_NODE(a_node_cannot_take_the_place_of_another_couplings_signal),
        WITH_NODE(running_out_of_memory_while_planning_or_exporting_is_an_error_and_no_leak),
    };
    kp_json_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
