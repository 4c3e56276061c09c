/* SPDX-License-Identifier: Apache-2.0 */
/* Node ids as text that outlives a session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/opcua/opcua_private.h"

#include <string.h>

static struct opcua_spaces spaces(void)
{
    static UA_String uris[3];
    uris[0] = kp_opcua_text("http://opcfoundation.org/UA/");
    uris[1] = kp_opcua_text("urn:machine");
    uris[2] = kp_opcua_text("urn:with;semicolon and space");
    return (struct opcua_spaces){ uris, 3 };
}

static void there_and_back(UA_NodeId id, const char *text)
{
    struct opcua_spaces s = spaces();
    struct kp_buf out;
    struct kp_err err = { 0 };
    UA_NodeId back;
    kp_buf_init(&out, 1000);
    assert_true(kp_opcua_print_id(&id, &s, &out));
    if (text)
        assert_string_equal(kp_buf_text(&out), text);
    assert_int_equal(kp_opcua_parse_id(kp_buf_text(&out), &s, &back, &err), KP_OK);
    assert_true(UA_NodeId_equal(&id, &back));
    UA_NodeId_clear(&back);
    kp_buf_free(&out);
}

static UA_NodeId named(UA_UInt16 ns, const char *name)
{
    return (UA_NodeId){ ns, UA_NODEIDTYPE_STRING, { .string = kp_opcua_text(name) } };
}

static void ids_of_every_kind_go_there_and_back(void **state)
{
    (void)state;
    UA_NodeId guid = { 1,
                       UA_NODEIDTYPE_GUID,
                       { .guid = { 1, 2, 3, { 4, 5, 6, 7, 8, 9, 10, 11 } } } };
    UA_NodeId opaque = { 1, UA_NODEIDTYPE_BYTESTRING, { .byteString = kp_opcua_text("\x01\xff") } };
    there_and_back(UA_NODEID_NUMERIC(0, 85), "i=85");
    there_and_back(UA_NODEID_NUMERIC(1, 4294967295u), "nsu=urn:machine;i=4294967295");
    there_and_back(named(1, "Spindle.Speed"), "nsu=urn:machine;s=Spindle.Speed");
    there_and_back(guid, NULL);
    there_and_back(opaque, NULL);
}

static void names_may_hold_what_separates(void **state)
{
    (void)state;
    there_and_back(named(1, "DB1.\"Tank;1\".Level=high"), NULL);
    there_and_back(named(1, "nsu=urn:machine;s=x"), NULL);
    there_and_back(named(1, "Temp\xc3\xa9rature"), "nsu=urn:machine;s=Temp\xc3\xa9rature");
    there_and_back(named(1, ""), NULL);
}

static void a_namespace_may_hold_what_separates(void **state)
{
    (void)state;
    there_and_back(named(2, "x"), NULL);
}

static void the_index_follows_the_namespace_when_the_server_counts_anew(void **state)
{
    (void)state;
    UA_String uris[] = { kp_opcua_text("http://opcfoundation.org/UA/"), kp_opcua_text("urn:new"),
                         kp_opcua_text("urn:machine") };
    struct opcua_spaces other = { uris, 3 };
    struct kp_err err = { 0 };
    UA_NodeId id;
    assert_int_equal(kp_opcua_parse_id("nsu=urn:machine;i=7", &other, &id, &err), KP_OK);
    assert_int_equal(id.namespaceIndex, 2);
}

static void an_unknown_namespace_is_not_found_and_said_by_name(void **state)
{
    (void)state;
    static const char *const list[] = { "nsu=urn:gone;i=7", "nsu=urn:gone;s=a",
                                        "nsu=urn:gone;g=x" };
    struct opcua_spaces s = spaces();
    for (size_t i = 0; i < 2; i++) {
        struct kp_err err = { 0 };
        UA_NodeId id;
        assert_int_equal(kp_opcua_parse_id(list[i], &s, &id, &err), KP_ENOTFOUND);
        assert_non_null(strstr(err.text, "urn:gone"));
    }
}

static void an_index_typed_by_hand_must_exist(void **state)
{
    (void)state;
    struct opcua_spaces s = spaces();
    struct kp_err err = { 0 };
    UA_NodeId id;
    assert_int_equal(kp_opcua_parse_id("ns=1;s=a", &s, &id, &err), KP_OK);
    UA_NodeId_clear(&id);
    assert_int_equal(kp_opcua_parse_id("ns=3;s=a", &s, &id, &err), KP_ENOTFOUND);
}

static void what_is_no_id_is_refused_with_an_example(void **state)
{
    (void)state;
    static const char *const list[] = { "", "Spindle", "i=", "i=x", "ns=1", "q=4", "nsu=" };
    struct opcua_spaces s = spaces();
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct kp_err err = { 0 };
        UA_NodeId id;
        assert_int_equal(kp_opcua_parse_id(list[i], &s, &id, &err), KP_EPARSE);
        assert_non_null(strstr(err.text, "nsu="));
    }
}

static void an_id_without_a_text_form_is_said_to_have_none(void **state)
{
    (void)state;
    struct opcua_spaces s = spaces();
    struct kp_buf out;
    kp_buf_init(&out, 1000);
    UA_NodeId broken = named(1, "\xff\xfe"), far = UA_NODEID_NUMERIC(9, 1);
    UA_NodeId zero = { 1, UA_NODEIDTYPE_STRING, { .string = { 3, (UA_Byte[]){ 'a', 0, 'b' } } } };
    assert_false(kp_opcua_print_id(&broken, &s, &out));
    assert_false(kp_opcua_print_id(&far, &s, &out));
    assert_false(kp_opcua_print_id(&zero, &s, &out));
    assert_int_equal(out.len, 0);
    kp_buf_free(&out);
}

static void without_memory_nothing_is_printed(void **state)
{
    (void)state;
    struct opcua_spaces s = spaces();
    struct kp_buf out;
    UA_NodeId id = named(1, "x");
    long live = kp_mem_live();
    kp_buf_init(&out, 1000);
    kp_mem_fail_at(1);
    assert_false(kp_opcua_print_id(&id, &s, &out));
    kp_mem_fail_at(0);
    kp_buf_free(&out);
    assert_int_equal(kp_mem_live(), live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_every_kind_go_there_and_back),
        cmocka_unit_test(names_may_hold_what_separates),
        cmocka_unit_test(a_namespace_may_hold_what_separates),
        cmocka_unit_test(the_index_follows_the_namespace_when_the_server_counts_anew),
        cmocka_unit_test(an_unknown_namespace_is_not_found_and_said_by_name),
        cmocka_unit_test(an_index_typed_by_hand_must_exist),
        cmocka_unit_test(what_is_no_id_is_refused_with_an_example),
        cmocka_unit_test(an_id_without_a_text_form_is_said_to_have_none),
        cmocka_unit_test(without_memory_nothing_is_printed),
    };
    return cmocka_run_group_tests_name("opcua node id", tests, NULL, NULL);
}
