/* SPDX-License-Identifier: Apache-2.0 */
/* The node: changes by people, kept over a restart. Couplings here point at a port where nothing listens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "node/node.h"
#include "store/history.h"
#include "store/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char nowhere[] = "opc.tcp://127.0.0.1:1";

struct place {
    char dir[64], node[80];
    struct kp_node *n;
};

static void start(struct place *p)
{
    struct kp_err err = { 0 };
    p->n = kp_node_open(p->node, &(struct kp_node_options){ 0 }, &err);
    assert_string_equal(err.text, "");
    assert_non_null(p->n);
    assert_int_equal(kp_node_start(p->n, &err), KP_OK);
}

static void stop(struct place *p)
{
    kp_node_stop(p->n);
    kp_node_free(p->n);
    p->n = NULL;
}

static int setup(void **state)
{
    struct kp_err err = { 0 };
    struct kp_first first = { 0 };
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/koppel-node-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->node, sizeof p->node, "%s/node", p->dir);
    kp_node_create(p->node, "test", &first, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(strncmp(first.token, "kp_", 3), 0);
    start(p);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    if (p->n)
        stop(p);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    int failed = system(command); /* NOLINT(cert-env33-c): our own scratch folder */
    free(p);
    return failed;
}

static kp_asset asset(struct kp_node *n, const char *path)
{
    struct kp_model *m = kp_hub_model(kp_node_hub(n));
    kp_model_lock(m);
    kp_asset id = kp_model_find_asset(m, path);
    kp_model_unlock(m);
    return id;
}

static bool nameplate_is(struct kp_node *n, const char *path, unsigned field, const char *want)
{
    struct kp_model *m = kp_hub_model(kp_node_hub(n));
    kp_model_lock(m);
    const struct kp_asset_info *info = kp_model_asset(m, kp_model_find_asset(m, path));
    bool same = info && info->nameplate[field] && strcmp(info->nameplate[field], want) == 0;
    kp_model_unlock(m);
    return same;
}

static void a_folder_that_holds_a_node_is_not_overwritten(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    struct kp_first first = { 0 };
    assert_int_equal(kp_node_create(p->node, "again", &first, &err), KP_EEXISTS);
    assert_non_null(strstr(err.text, "koppel run"));
    assert_string_equal(kp_node_name(p->n), "test");
}

static void files_are_for_their_owner_alone(void **state)
{
    struct place *p = *state;
    static const char *const files[] = { "factory.db", "node.key" };
    struct stat st;
    assert_int_equal(stat(p->node, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", p->node, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void an_asset_is_made_changed_moved_and_there_after_a_restart(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    const struct kp_field made[] = { { "kind", "machine" }, { "ManufacturerName", "DMG MORI" }, { "label", "partner" } };
    assert_int_equal(kp_node_make_asset(p->n, "hall/milling/dmu50", made, 3, &err), KP_OK);
    kp_asset id = asset(p->n, "hall/milling/dmu50");
    assert_true(id != 0);
    const struct kp_field moved[] = { { "path", "hall2/dmu50" }, { "description", "5 axes" } };
    assert_int_equal(kp_node_change_asset(p->n, "hall/milling/dmu50", moved, 2, &err), KP_OK);
    assert_int_equal(asset(p->n, "hall/milling/dmu50"), 0);
    stop(p);
    start(p);
    assert_int_equal(asset(p->n, "hall2/dmu50"), id);
    assert_true(nameplate_is(p->n, "hall2/dmu50", KP_MANUFACTURER_NAME, "DMG MORI"));
    assert_int_equal(kp_node_remove_asset(p->n, "hall2", &err), KP_OK);
    assert_int_equal(asset(p->n, "hall2/dmu50"), 0);
}

static void a_wrong_field_is_named_and_changes_nothing(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_node_make_asset(p->n, "hall", NULL, 0, &err), KP_OK);
    const struct kp_field fields[] = { { "description", "x" }, { "labl", "secret" } };
    assert_int_equal(kp_node_change_asset(p->n, "hall", fields, 2, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "did you mean 'label'"));
    err = (struct kp_err){ 0 };
    const struct kp_field label[] = { { "label", "mine" } };
    assert_int_equal(kp_node_change_asset(p->n, "hall", label, 1, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "'mine'"));
    struct kp_model *m = kp_hub_model(kp_node_hub(p->n));
    kp_model_lock(m);
    const struct kp_asset_info *info = kp_model_asset(m, kp_model_find_asset(m, "hall"));
    assert_null(info->description);
    kp_model_unlock(m);
}

static void a_move_onto_something_is_refused(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_node_make_asset(p->n, "a/x", NULL, 0, &err), KP_OK);
    assert_int_equal(kp_node_make_asset(p->n, "b/x", NULL, 0, &err), KP_OK);
    const struct kp_field onto[] = { { "path", "b/x" } };
    assert_int_equal(kp_node_change_asset(p->n, "a/x", onto, 1, &err), KP_EEXISTS);
    err = (struct kp_err){ 0 };
    const struct kp_field into_itself[] = { { "path", "a/x/y" } };
    assert_int_not_equal(kp_node_change_asset(p->n, "a/x", into_itself, 1, &err), KP_OK);
    assert_true(asset(p->n, "a/x") && asset(p->n, "b/x"));
    assert_int_equal(asset(p->n, "a/x/y"), 0);
}

static void a_coupling_lives_in_the_file_with_its_settings_and_secret(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    char name[KP_NAME_MAX];
    const struct kp_field fields[] = { { "name", "press" }, { "at", "hall/press" }, { "user", "op" },
                                       { "password", "hush-hush" }, { "every", "1s" } };
    assert_int_equal(kp_node_couple(p->n, nowhere, fields, 5, name, &err), KP_OK);
    assert_string_equal(name, "press");
    stop(p);
    start(p);
    struct kp_arena arena = { 0 };
    struct kp_coupling_view *v;
    size_t n;
    assert_int_equal(kp_node_couplings(p->n, NULL, &arena, &v, &n, &err), KP_OK);
    assert_int_equal(n, 1);
    assert_string_equal(v->name, "press");
    assert_string_equal(v->at, "hall/press");
    assert_string_equal(v->every, "1s");
    bool user = false, password = false;
    for (size_t i = 0; i < v->n; i++) {
        user |= strcmp(v->settings[i].key, "user") == 0 && strcmp(v->settings[i].value, "op") == 0;
        password |= strcmp(v->settings[i].key, "password") == 0 && strcmp(v->settings[i].value, "***") == 0;
    }
    assert_true(user && password);
    kp_arena_free(&arena);
    char command[192];
    snprintf(command, sizeof command, "cat '%s'/factory.db* | grep -q hush-hush", p->node);
    assert_int_not_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static void a_coupling_is_checked_before_anything_happens(void **state)
{
    static const struct { struct kp_field field; const char *says; } wrong[] = {
        { { "usr", "op" }, "did you mean 'user'" },     { { "at", "/hall" }, "not a path" },
        { { "every", "soon" }, "not a time" },          { { "deadband", "much" }, "neither a number" },
        { { "enabled", "maybe" }, "neither on nor off" },
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kp_err err = { 0 };
        char name[KP_NAME_MAX];
        assert_int_equal(kp_node_couple(p->n, nowhere, &wrong[i].field, 1, name, &err), KP_EINVALID);
        if (!strstr(err.text, wrong[i].says))
            fail_msg("'%s' does not say '%s'", err.text, wrong[i].says);
    }
    struct kp_err err = { 0 };
    assert_int_not_equal(kp_node_couple(p->n, "gopher://x", NULL, 0, NULL, &err), KP_OK);
    struct kp_arena arena = { 0 };
    struct kp_coupling_view *v;
    size_t n;
    err = (struct kp_err){ 0 };
    kp_node_couplings(p->n, NULL, &arena, &v, &n, &err);
    assert_int_equal(n, 0);
    kp_arena_free(&arena);
}

static void names_of_couplings_are_unique_and_a_typing_error_finds_the_nearest(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    char name[KP_NAME_MAX];
    assert_int_equal(kp_node_couple(p->n, "opc.tcp://127.0.0.1:1/ua", NULL, 0, name, &err), KP_OK);
    assert_string_equal(name, "127.0.0.1-1");
    assert_int_equal(kp_node_couple(p->n, nowhere, NULL, 0, name, &err), KP_EEXISTS);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_node_uncouple(p->n, "127.0.0.1-2", false, &err), KP_ENOTFOUND);
    assert_non_null(strstr(err.text, "did you mean '127.0.0.1-1'"));
    err = (struct kp_err){ 0 };
    const struct kp_field rename[] = { { "name", "lathe" }, { "enabled", "off" } };
    assert_int_equal(kp_node_change_coupling(p->n, "127.0.0.1-1", rename, 2, &err), KP_OK);
    assert_true(kp_node_coupling_id(p->n, "lathe", &err) != 0);
    assert_int_equal(kp_node_uncouple(p->n, "lathe", true, &err), KP_OK);
    assert_int_equal(kp_node_coupling_id(p->n, "lathe", &err), 0);
}

static bool holds_secret(struct place *p)
{
    struct kp_err err = { 0 };
    bool any = false;
    assert_int_equal(kp_store_holds_secret(kp_node_store(p->n), &any, &err), KP_OK);
    return any;
}

static void label(struct place *p, const char *path, const char *text)
{
    struct kp_err err = { 0 };
    const struct kp_field f = { "label", text };
    assert_int_equal(kp_node_change_asset(p->n, path, &f, 1, &err), KP_OK);
}

static void what_was_secret_when_it_was_removed_is_remembered(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_node_make_asset(p->n, "vault/inner", NULL, 0, &err), KP_OK);
    assert_int_equal(kp_node_make_asset(p->n, "vault/other", NULL, 0, &err), KP_OK);
    assert_false(holds_secret(p));
    label(p, "vault", "secret");
    assert_true(holds_secret(p));
    label(p, "vault", "internal");
    assert_int_equal(kp_node_remove_asset(p->n, "vault/other", &err), KP_OK);
    assert_false(holds_secret(p));
    label(p, "vault", "secret");
    assert_int_equal(kp_node_remove_asset(p->n, "vault/inner", &err), KP_OK); /* it inherits */
    label(p, "vault", "internal");
    assert_true(holds_secret(p));
    stop(p);
    start(p);
    assert_true(holds_secret(p));
}

static void an_interval_is_made_closed_and_found_again(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    int64_t id = 0;
    assert_int_equal(kp_node_make_asset(p->n, "hall", NULL, 0, &err), KP_OK);
    const struct kp_field made[] = { { "kind", "job" }, { "start", "2026-11-24T08:00:00Z" },
                                     { "attributes", "{\"order\":\"4711\"}" } };
    assert_int_equal(kp_node_make_interval(p->n, "hall", made, 3, &id, &err), KP_OK);
    assert_true(id > 0);
    const struct kp_field early[] = { { "end", "2026-11-24T07:00:00Z" } };
    assert_int_equal(kp_node_change_interval(p->n, KP_TO_NODE, id, early, 1, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    const struct kp_field closed[] = { { "end", "2026-11-24T09:30:00Z" } };
    assert_int_equal(kp_node_change_interval(p->n, KP_TO_NODE, id, closed, 1, &err), KP_OK);
    stop(p);
    start(p);
    const struct kp_field relabel[] = { { "label", "secret" } };
    assert_int_equal(kp_node_change_interval(p->n, KP_TO_NODE, id, relabel, 1, &err), KP_OK);
    assert_int_equal(kp_node_remove_interval(p->n, KP_TO_COMPANY, id, &err), KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_node_remove_interval(p->n, KP_TO_NODE, id, &err), KP_OK);
    assert_int_equal(kp_node_remove_interval(p->n, KP_TO_NODE, id, &err), KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
    const struct kp_field wrong[] = { { "kind", "job" }, { "attributes", "[1]" } };
    assert_int_equal(kp_node_make_interval(p->n, "hall", wrong, 2, &id, &err), KP_EINVALID);
}

static void writing_to_what_is_not_there_or_not_open_is_refused(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_node_write(p->n, "hall/x", "1", &err), KP_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_that_holds_a_node_is_not_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_for_their_owner_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(an_asset_is_made_changed_moved_and_there_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_field_is_named_and_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_move_onto_something_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_coupling_lives_in_the_file_with_its_settings_and_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(a_coupling_is_checked_before_anything_happens, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_couplings_are_unique_and_a_typing_error_finds_the_nearest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_secret_when_it_was_removed_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(an_interval_is_made_closed_and_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_to_what_is_not_there_or_not_open_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
