/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes met on a look at an address space: each once, each with a path of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/opcua/opcua_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    struct opcua_tree *t = calloc(1, sizeof *t);
    UA_NodeId objects = UA_NODEID_NUMERIC(0, 85);
    long index;
    assert_true(kp_tree_add(t, &objects, 0, "Objects", 7, OPCUA_OBJECT, OPCUA_HIDDEN, &index));
    assert_int_equal(index, 0);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    kp_tree_free(*state);
    free(*state);
    return 0;
}

static long add(struct opcua_tree *t, unsigned id, long parent, const char *name, uint8_t class,
                uint8_t flags)
{
    UA_NodeId node = UA_NODEID_NUMERIC(1, id);
    long index;
    assert_true(kp_tree_add(t, &node, (uint32_t)parent, name, strlen(name), class, flags, &index));
    return index;
}

static void assert_path(const struct opcua_tree *t, long node, const char *want)
{
    char path[KP_PATH_MAX];
    assert_true(kp_tree_path(t, (uint32_t)node, path));
    assert_string_equal(path, want);
}

static void a_path_is_the_names_below_the_start(void **state)
{
    long mill = add(*state, 1, 0, "Mill", OPCUA_OBJECT, 0),
         axis = add(*state, 2, mill, "Axis", OPCUA_OBJECT, 0);
    assert_path(*state, add(*state, 3, axis, "Load", OPCUA_VARIABLE, 0), "Mill/Axis/Load");
    assert_path(*state, 0, "");
}

static void a_mere_container_is_no_part_of_paths(void **state)
{
    long machines = add(*state, 1, 0, "Machines", OPCUA_OBJECT, OPCUA_HIDDEN);
    long mill = add(*state, 2, machines, "Mill", OPCUA_OBJECT, 0);
    assert_path(*state, add(*state, 3, mill, "Load", OPCUA_VARIABLE, 0), "Mill/Load");
}

static void a_node_met_again_keeps_its_first_place(void **state)
{
    struct opcua_tree *t = *state;
    long a = add(t, 1, 0, "A", OPCUA_OBJECT, 0);
    assert_int_equal(add(t, 1, a, "Again", OPCUA_OBJECT, 0), OPCUA_NONE);
    assert_int_equal(t->n, 2);
    UA_NodeId id = UA_NODEID_NUMERIC(1, 1), other = UA_NODEID_NUMERIC(1, 2);
    assert_int_equal(kp_tree_find(t, &id), a);
    assert_int_equal(kp_tree_find(t, &other), UINT32_MAX);
}

static void brothers_of_one_name_get_numbers(void **state)
{
    long a = add(*state, 1, 0, "Twin", OPCUA_OBJECT, 0),
         b = add(*state, 2, 0, "Twin", OPCUA_VARIABLE, 0),
         c = add(*state, 3, 0, "Twin", OPCUA_VARIABLE, 0);
    assert_path(*state, a, "Twin");
    assert_path(*state, b, "Twin_2");
    assert_path(*state, c, "Twin_3");
    assert_path(*state, add(*state, 4, a, "Twin", OPCUA_VARIABLE, 0), "Twin/Twin");
}

static void brothers_meet_across_a_container_that_is_no_part_of_paths(void **state)
{
    long machines = add(*state, 1, 0, "Machines", OPCUA_OBJECT, OPCUA_HIDDEN),
         devices = add(*state, 2, 0, "DeviceSet", OPCUA_OBJECT, OPCUA_HIDDEN);
    assert_path(*state, add(*state, 3, machines, "M1", OPCUA_OBJECT, 0), "M1");
    assert_path(*state, add(*state, 4, devices, "M1", OPCUA_OBJECT, 0), "M1_2");
}

static void thousands_of_one_name_all_get_a_path_of_their_own(void **state)
{
    enum { N = 5000 };
    struct opcua_tree *t = *state;
    for (unsigned i = 1; i <= N; i++)
        add(t, i, 0, "same", OPCUA_VARIABLE, 0);
    for (unsigned i = 1; i <= N; i += 7)
        for (unsigned k = i + 1; k <= N && k < i + 50; k++)
            assert_string_not_equal(t->list[i].name, t->list[k].name);
    assert_int_equal(t->n, N + 1);
}

static void a_long_name_still_gets_its_number(void **state)
{
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct opcua_tree *t = *state;
    long a = add(t, 1, 0, name, OPCUA_VARIABLE, 0), b = add(t, 2, 0, name, OPCUA_VARIABLE, 0);
    assert_string_not_equal(t->list[a].name, t->list[b].name);
    assert_true(kp_name_valid(t->list[b].name, strlen(t->list[b].name)));
    assert_string_equal(t->list[b].name + strlen(t->list[b].name) - 2, "_2");
}

static void names_are_made_valid(void **state)
{
    static const char *const bad[] = { "", "caf\xe9", "a/b", "..", " x ", "a\nb", "*" };
    struct opcua_tree *t = *state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        long n = add(t, i + 1, 0, bad[i], OPCUA_VARIABLE, 0);
        assert_true(kp_name_valid(t->list[n].name, strlen(t->list[n].name)));
    }
}

static void what_is_below_a_variable_is_named_with_a_point(void **state)
{
    long m = add(*state, 1, 0, "M", OPCUA_OBJECT, 0),
         v = add(*state, 2, m, "State", OPCUA_VARIABLE, 0);
    assert_path(*state, add(*state, 3, v, "Id", OPCUA_VARIABLE, 0), "M/State.Id");
    long deep = v;
    char path[KP_PATH_MAX];
    for (unsigned i = 10; i < 14; i++)
        deep =
            add(*state, i, deep, "a_rather_long_name_of_a_part_of_a_variable", OPCUA_VARIABLE, 0);
    assert_false(kp_tree_path(*state, (uint32_t)deep, path)); /* one name would be too long */
}

static void a_path_that_is_too_long_is_said_to_be(void **state)
{
    char name[KP_NAME_MAX], path[KP_PATH_MAX];
    memset(name, 'y', sizeof name - 1);
    name[sizeof name - 1] = 0;
    long at = 0;
    for (unsigned i = 1; i <= 7; i++)
        at = add(*state, i, at, name, OPCUA_OBJECT, 0);
    assert_true(kp_tree_path(*state, (uint32_t)at, path));
    assert_int_equal(strlen(path), 7 * 127 + 6);
    at = add(*state, 8, at, name, OPCUA_OBJECT, 0);
    assert_true(kp_tree_path(*state, (uint32_t)at, path));
    at = add(*state, 9, at, name, OPCUA_OBJECT, 0);
    assert_false(kp_tree_path(*state, (uint32_t)at, path));
}

static void depth_counts_only_what_is_part_of_paths(void **state)
{
    struct opcua_tree *t = *state;
    long machines = add(t, 1, 0, "Machines", OPCUA_OBJECT, OPCUA_HIDDEN),
         m = add(t, 2, machines, "M", OPCUA_OBJECT, 0);
    assert_int_equal(t->list[machines].depth, 0);
    assert_int_equal(t->list[m].depth, 1);
}

static void text_ids_are_moved_into_the_tree_only_when_new(void **state)
{
    struct opcua_tree *t = *state;
    UA_NodeId a = UA_NODEID_STRING_ALLOC(1, "x"), b = UA_NODEID_STRING_ALLOC(1, "x");
    long index;
    assert_true(kp_tree_add(t, &a, 0, "x", 1, OPCUA_VARIABLE, 0, &index));
    assert_true(UA_NodeId_isNull(&a));
    assert_true(kp_tree_add(t, &b, 0, "x", 1, OPCUA_VARIABLE, 0, &index));
    assert_int_equal(index, OPCUA_NONE);
    assert_false(UA_NodeId_isNull(&b));
    UA_NodeId_clear(&b);
}

static bool grow_tree(struct opcua_tree *t)
{
    for (unsigned i = 0; i < 300; i++) {
        UA_NodeId id = UA_NODEID_NUMERIC(1, i + 1);
        char name[16];
        long index;
        snprintf(name, sizeof name, "n%u", i);
        if (!kp_tree_add(t, &id, 0, name, strlen(name), OPCUA_VARIABLE, 0, &index))
            return false;
    }
    return true;
}

static void without_memory_a_tree_stays_sound(void **state)
{
    (void)state;
    long live = kp_mem_live();
    int n = 1;
    for (;; n++) {
        struct opcua_tree t = { 0 };
        char path[KP_PATH_MAX];
        kp_mem_fail_at(n);
        bool good = grow_tree(&t);
        kp_mem_fail_at(0);
        for (uint32_t i = 1; i < t.n; i++)
            assert_true(kp_tree_path(&t, i, path));
        kp_tree_free(&t);
        assert_int_equal(kp_mem_live(), live);
        if (good)
            break;
    }
    assert_true(n > 3);
    print_message("tree: %d failed allocations survived\n", n - 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_path_is_the_names_below_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mere_container_is_no_part_of_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(a_node_met_again_keeps_its_first_place, setup, teardown),
        cmocka_unit_test_setup_teardown(brothers_of_one_name_get_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(brothers_meet_across_a_container_that_is_no_part_of_paths,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(thousands_of_one_name_all_get_a_path_of_their_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_long_name_still_gets_its_number, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_made_valid, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_below_a_variable_is_named_with_a_point, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_said_to_be, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_counts_only_what_is_part_of_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(text_ids_are_moved_into_the_tree_only_when_new, setup,
                                        teardown),
        cmocka_unit_test(without_memory_a_tree_stays_sound),
    };
    return cmocka_run_group_tests_name("opcua tree", tests, NULL, NULL);
}
