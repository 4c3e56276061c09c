/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: which variables matter, and what they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/profile.h"

#include "core/value.h"

#include <stdlib.h>
#include <string.h>

static struct kp_profile *parse(const char *json)
{
    struct kp_err err = { 0 };
    struct kp_profile *p = kp_profile_parse("test", json, strlen(json), &err);
    assert_string_equal(err.text, "");
    assert_non_null(p);
    return p;
}

static void refuse(const char *json, const char *says)
{
    struct kp_err err = { 0 };
    long live = kp_mem_live();
    assert_null(kp_profile_parse("test", json, strlen(json), &err));
    assert_int_equal(err.code, KP_EPARSE);
    assert_non_null(strstr(err.text, "profile test"));
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
    assert_int_equal(kp_mem_live(), live);
}

static const char small[] =
    "{\"namespaces\":[\"urn:a\",\"urn:b\"],\"rank\":3,\"rules\":["
    "{\"match\":[\"**/State\"],\"role\":\"state\",\"subscribe\":true},"
    "{\"property\":true,\"subscribe\":false},"
    "{\"match\":[\"**/Tools\"],\"subscribe\":false},"
    "{\"types\":[\"double\",\"double[]\"],\"role\":\"number\",\"subscribe\":true}]}";

static bool ask(const struct kp_profile *p, const char *path, uint8_t type, bool property,
                struct kp_profile_choice *c)
{
    *c = (struct kp_profile_choice){ 0 };
    return kp_profile_match(
        p, &(struct kp_profile_variable){ .path = path, .type = type, .property = property }, c);
}

static void the_first_rule_that_speaks_counts(void **state)
{
    (void)state;
    struct kp_profile *p = parse(small);
    struct kp_profile_choice c;
    assert_true(ask(p, "Mill/State", KP_DOUBLE, false, &c));
    assert_string_equal(c.role, "state");
    assert_true(c.subscribe);
    assert_true(ask(p, "Mill/Name", KP_DOUBLE, true, &c));
    assert_false(c.subscribe);
    assert_null(c.role);
    kp_profile_free(p);
}

static void a_rule_without_role_speaks_for_what_is_below_too(void **state)
{
    (void)state;
    struct kp_profile *p = parse(small);
    struct kp_profile_choice c;
    assert_true(ask(p, "Mill/Tools/T1/Wear", KP_DOUBLE, false, &c));
    assert_false(c.subscribe);
    kp_profile_free(p);
}

static void a_role_is_that_of_one_variable_and_not_of_what_is_below(void **state)
{
    (void)state;
    struct kp_profile *p = parse(small);
    struct kp_profile_choice c;
    assert_false(ask(p, "Mill/State/Id", KP_STRING, false, &c));
    assert_true(ask(p, "Mill/State/Id", KP_DOUBLE, false, &c));
    assert_string_equal(c.role, "number");
    kp_profile_free(p);
}

static void types_tell_scalars_from_arrays(void **state)
{
    (void)state;
    struct kp_profile *p = parse(small);
    struct kp_profile_choice c;
    assert_true(ask(p, "a/b", KP_DOUBLE | KP_ARRAY, false, &c));
    assert_false(ask(p, "a/b", KP_FLOAT, false, &c));
    assert_false(ask(p, "a/b", KP_FLOAT | KP_ARRAY, false, &c));
    kp_profile_free(p);
}

static void upper_and_lower_case_make_no_difference(void **state)
{
    (void)state;
    struct kp_profile *p = parse(small);
    struct kp_profile_choice c;
    assert_true(ask(p, "MILL/STATE", KP_STRING, false, &c));
    assert_true(ask(p, "mill/state", KP_STRING, false, &c));
    assert_string_equal(c.role, "state");
    kp_profile_free(p);
}

static void a_variable_no_rule_speaks_of_is_left_to_others(void **state)
{
    (void)state;
    struct kp_profile *p = parse(small);
    struct kp_profile_choice c;
    assert_false(ask(p, "Mill/Other", KP_STRING, false, &c));
    assert_false(ask(p, "State", KP_STRING, true, &c) && c.subscribe && !c.role);
    kp_profile_free(p);
}

static bool applies(const struct kp_profile *p, struct kp_profile_peer peer, size_t namespaces)
{
    peer.n = namespaces;
    return kp_profile_applies(p, &peer);
}

static void a_profile_applies_when_the_server_has_one_of_its_namespaces(void **state)
{
    (void)state;
    const char *uris[] = { "urn:x", "urn:b" };
    struct kp_profile_peer peer = { .protocol = "opcua", .namespaces = uris };
    struct kp_profile *p = parse(small), *any = parse("{\"namespaces\":[],\"rules\":[]}");
    assert_true(applies(p, peer, 2));
    assert_false(applies(p, peer, 1));
    assert_true(applies(any, peer, 0));
    kp_profile_free(p);
    kp_profile_free(any);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    refuse("", "1:");
    refuse("{\n\"namespaces\": [}", "2:");
    refuse("[]", "namespaces");
    refuse("{\"namespaces\":[],\"rules\":{}}", "rules");
    refuse("{\"namespaces\":\"urn:a\",\"rules\":[]}", "namespaces");
    refuse("{\"namespaces\":[1],\"rules\":[]}", "namespaces");
    refuse("{\"namespaces\":[],\"rules\":[{\"subscribe\":true},{}]}", "rule 2");
    refuse("{\"namespaces\":[],\"rules\":[{\"subscribe\":\"yes\"}]}", "rule 1");
    refuse("{\"namespaces\":[],\"rules\":[{\"subscribe\":true,\"rolle\":\"x\"}]}", "'rolle'");
    refuse("{\"namespaces\":[],\"rules\":[{\"subscribe\":true,\"match\":[\"a//b\"]}]}", "'a//b'");
    refuse("{\"namespaces\":[],\"rules\":[{\"subscribe\":true,\"match\":\"a\"}]}", "match");
    refuse("{\"namespaces\":[],\"rules\":[{\"subscribe\":true,\"types\":[\"real\"]}]}", "'real'");
    refuse("{\"namespaces\":[],\"rules\":[{\"subscribe\":true,\"role\":3}]}", "role");
    refuse("{\"namespaces\":[],\"namespaces\":[],\"rules\":[]}", "namespaces");
}

/* ---- those built in ---- */
static struct kp_profiles built_in(const char *uri)
{
    const char *uris[] = { "http://opcfoundation.org/UA/", uri };
    struct kp_profiles all;
    struct kp_err err = { 0 };
    kp_profiles_load(&all, &(struct kp_profile_peer){ "opcua", uris, 2, NULL, NULL }, &err);
    assert_string_equal(err.text, "");
    return all;
}

static bool match(const struct kp_profiles *all, const char *path, uint8_t type, bool property,
                  struct kp_profile_choice *c)
{
    return kp_profiles_match(
        all, &(struct kp_profile_variable){ .path = path, .type = type, .property = property }, c);
}

static const char *role_of(const struct kp_profiles *all, const char *path, uint8_t type)
{
    struct kp_profile_choice c;
    assert_true(match(all, path, type, false, &c));
    assert_true(c.subscribe);
    return c.role ? c.role : "";
}

static bool subscribed(const struct kp_profiles *all, const char *path, uint8_t type,
                       bool property)
{
    struct kp_profile_choice c;
    return match(all, path, type, property, &c) && c.subscribe;
}

static void any_server_gets_the_generic_profile(void **state)
{
    (void)state;
    struct kp_profiles all = built_in("urn:unknown");
    assert_int_equal(all.n, 2); /* and what energy meters call things */
    assert_string_equal(role_of(&all, "Mill-01/Monitoring/PartCount", KP_UINT64), "part-count");
    assert_string_equal(role_of(&all, "Mill-01/Monitoring/ProgramName", KP_STRING), "program");
    assert_string_equal(role_of(&all, "Mill-01/Monitoring/State", KP_INT64), "state");
    assert_string_equal(role_of(&all, "Mill-01/Monitoring/FeedOverride", KP_DOUBLE), "override");
    assert_string_equal(role_of(&all, "Mill-01/Monitoring/SpindleLoad", KP_DOUBLE), "load");
    assert_string_equal(role_of(&all, "Mill-01/Energy", KP_DOUBLE), "energy");
    assert_string_equal(role_of(&all, "Mill-01/Energy/Total", KP_DOUBLE), "energy");
    assert_string_equal(role_of(&all, "Mill-01/Energy/Power", KP_DOUBLE), "power");
    assert_string_equal(role_of(&all, "Mill-01/Monitoring/SpindleSpeed", KP_DOUBLE), "");
    assert_false(subscribed(&all, "Mill-01/Identification/SerialNumber", KP_STRING, true));
    assert_false(subscribed(&all, "Mill-01/Image", KP_BYTES, false));
    kp_profiles_free(&all);
}

static void a_count_of_mtconnect_says_by_its_sub_type_what_it_counts(void **state)
{
    static const struct {
        const char *kind, *role;
    } counts[] = { { "PART_COUNT", "part-count" },       { "PART_COUNT:ALL", "part-count" },
                   { "PART_COUNT:GOOD", "good-count" },  { "PART_COUNT:BAD", "scrap-count" },
                   { "PART_COUNT:TARGET", "" },          { "PATH_FEEDRATE_OVERRIDE:RAPID", "override" },
                   { "WATTAGE:ACTUAL", "power" } };
    struct kp_profiles all;
    struct kp_err err = { 0 };
    (void)state;
    kp_profiles_load(&all, &(struct kp_profile_peer){ "mtconnect", NULL, 0, NULL, NULL }, &err);
    assert_string_equal(err.text, "");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct kp_profile_choice c;
        struct kp_profile_variable v = { .path = "controller/n", .kind = counts[i].kind };
        assert_true(kp_profiles_match(&all, &v, &c) && c.subscribe);
        assert_string_equal(c.role ? c.role : "", counts[i].role);
    }
    kp_profiles_free(&all);
}

static void a_machinery_server_gets_its_state_and_mode(void **state)
{
    (void)state;
    struct kp_profiles all = built_in("http://opcfoundation.org/UA/Machinery/");
    assert_int_equal(all.n, 3);
    assert_string_equal(
        role_of(&all, "M/MachineryBuildingBlocks/MachineryItemState/CurrentState", KP_STRING),
        "state");
    assert_string_equal(
        role_of(&all, "M/MachineryBuildingBlocks/MachineryOperationMode/CurrentState", KP_STRING),
        "mode");
    assert_string_equal(role_of(&all, "M/Production/ActiveProgram/Name", KP_STRING), "program");
    assert_string_equal(role_of(&all, "M/Monitoring/Temperature", KP_DOUBLE), "");
    kp_profiles_free(&all);
}

static void a_device_server_leaves_its_images_and_locks_out(void **state)
{
    (void)state;
    struct kp_profiles all = built_in("http://opcfoundation.org/UA/DI/");
    assert_int_equal(all.n, 3);
    assert_string_equal(role_of(&all, "PLC_1/DeviceHealth", KP_INT64), "health");
    assert_false(subscribed(&all, "PLC_1/Lock/Locked", KP_BOOL, false));
    kp_profiles_free(&all);
}

/* ---- memory ---- */
static void without_memory_no_profile_is_made_and_nothing_leaks(void **state)
{
    (void)state;
    long live = kp_mem_live();
    int n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        kp_mem_fail_at(n);
        struct kp_profile *p = kp_profile_parse("test", small, strlen(small), &err);
        kp_mem_fail_at(0);
        kp_profile_free(p);
        assert_int_equal(kp_mem_live(), live);
        if (p)
            break;
        assert_int_equal(err.code, KP_ENOMEM);
    }
    assert_true(n > 1);
    print_message("profile: %d failed allocations survived\n", n - 1);
}

static void without_memory_the_built_in_ones_are_all_there_or_none(void **state)
{
    (void)state;
    const char *uris[] = { "http://opcfoundation.org/UA/DI/" };
    struct kp_profile_peer peer = { .protocol = "opcua", .namespaces = uris, .n = 1 };
    long live = kp_mem_live();
    for (int n = 1;; n++) {
        struct kp_err err = { 0 };
        struct kp_profiles all;
        kp_mem_fail_at(n);
        enum kp_code code = kp_profiles_load(&all, &peer, &err);
        kp_mem_fail_at(0);
        assert_int_equal(all.n, code ? 0 : 3);
        kp_profiles_free(&all);
        assert_int_equal(kp_mem_live(), live);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_speaks_counts),
        cmocka_unit_test(a_rule_without_role_speaks_for_what_is_below_too),
        cmocka_unit_test(a_role_is_that_of_one_variable_and_not_of_what_is_below),
        cmocka_unit_test(types_tell_scalars_from_arrays),
        cmocka_unit_test(upper_and_lower_case_make_no_difference),
        cmocka_unit_test(a_variable_no_rule_speaks_of_is_left_to_others),
        cmocka_unit_test(a_profile_applies_when_the_server_has_one_of_its_namespaces),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(any_server_gets_the_generic_profile),
        cmocka_unit_test(a_count_of_mtconnect_says_by_its_sub_type_what_it_counts),
        cmocka_unit_test(a_machinery_server_gets_its_state_and_mode),
        cmocka_unit_test(a_device_server_leaves_its_images_and_locks_out),
        cmocka_unit_test(without_memory_no_profile_is_made_and_nothing_leaks),
        cmocka_unit_test(without_memory_the_built_in_ones_are_all_there_or_none),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
