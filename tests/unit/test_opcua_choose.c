/* SPDX-License-Identifier: Apache-2.0 */
/* Which link to a server is taken, and what is said when none is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/all.h"
#include "couplings/opcua/opcua_private.h"

#include <string.h>

#define POLICY "http://opcfoundation.org/UA/SecurityPolicy#"
static char automatic[] = "auto", none[] = "none", sign[] = "sign", encrypt[] = "encrypt",
            op[] = "op";

static UA_UserTokenPolicy anonymous = { .tokenType = UA_USERTOKENTYPE_ANONYMOUS };
static UA_UserTokenPolicy by_name = { .tokenType = UA_USERTOKENTYPE_USERNAME };

static UA_EndpointDescription endpoint(int mode, const char *policy, UA_UserTokenPolicy *login)
{
    return (UA_EndpointDescription){
        .securityMode = (UA_MessageSecurityMode)mode,
        .securityPolicyUri = kp_opcua_text(policy),
        .userIdentityTokens = login,
        .userIdentityTokensSize = 1,
    };
}

enum { OPEN, SIGNED, SEALED, STRONG, OLD, ALL };
static void offer(UA_EndpointDescription list[ALL], UA_UserTokenPolicy *login)
{
    list[OPEN] = endpoint(UA_MESSAGESECURITYMODE_NONE, POLICY "None", login);
    list[SIGNED] = endpoint(UA_MESSAGESECURITYMODE_SIGN, POLICY "Basic256Sha256", login);
    list[SEALED] =
        endpoint(UA_MESSAGESECURITYMODE_SIGNANDENCRYPT, POLICY "Aes128_Sha256_RsaOaep", login);
    list[STRONG] =
        endpoint(UA_MESSAGESECURITYMODE_SIGNANDENCRYPT, POLICY "Aes256_Sha256_RsaPss", login);
    list[OLD] = endpoint(UA_MESSAGESECURITYMODE_SIGNANDENCRYPT, POLICY "Basic256", login);
}

static int choose(const UA_EndpointDescription *list, size_t n, struct opcua_settings set,
                  bool loopback)
{
    struct kp_err err = { 0 };
    int best = kp_opcua_choose(list, n, &set, loopback, &err);
    assert_int_equal(best < 0, err.code != KP_OK);
    return best;
}

static void refused(const UA_EndpointDescription *list, size_t n, struct opcua_settings set,
                    const char *says)
{
    struct kp_err err = { 0 };
    assert_int_equal(kp_opcua_choose(list, n, &set, false, &err), OPCUA_NONE);
    assert_int_equal(err.code, KP_EREFUSED);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
}

static void the_strongest_link_is_taken_wherever_it_stands(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &anonymous);
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = automatic }, false),
                     STRONG);
    assert_int_equal(choose(list, STRONG, (struct opcua_settings){ .security = automatic }, false),
                     SEALED);
    assert_int_equal(choose(list, SEALED, (struct opcua_settings){ .security = automatic }, false),
                     SIGNED);
}

static void the_servers_own_ranking_makes_no_difference(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &anonymous);
    list[OPEN].securityLevel = 255;
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = automatic }, true),
                     STRONG);
}

static void an_unprotected_link_is_refused_unless_a_person_accepts_it(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &anonymous);
    refused(list, 1, (struct opcua_settings){ .security = automatic }, "--set security=none");
    assert_int_equal(choose(list, 1, (struct opcua_settings){ .security = none }, false), OPEN);
    assert_int_equal(choose(list, 1, (struct opcua_settings){ .security = automatic }, true), OPEN);
}

static void what_is_broken_is_not_used_even_when_nothing_else_is_there(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &anonymous);
    refused(&list[OLD], 1, (struct opcua_settings){ .security = automatic },
            "no endpoint this program can use");
    refused(list, 0, (struct opcua_settings){ .security = automatic },
            "no endpoint this program can use");
}

static void a_security_mode_that_does_not_exist_is_not_the_strongest(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &anonymous);
    list[OLD] = endpoint(9, POLICY "Basic256Sha256", &anonymous);
    list[OPEN] = endpoint(0, POLICY "Basic256Sha256", &anonymous);
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = automatic }, false),
                     STRONG);
    refused(&list[OLD], 1, (struct opcua_settings){ .security = automatic }, "no endpoint");
}

static void a_setting_asks_for_exactly_one_kind_of_link(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &anonymous);
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = none }, false), OPEN);
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = sign }, false), SIGNED);
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = encrypt }, false),
                     STRONG);
    refused(list, SEALED, (struct opcua_settings){ .security = encrypt }, "security=encrypt");
    refused(&list[SIGNED], 1, (struct opcua_settings){ .security = none }, "only protected");
    refused(list, 1, (struct opcua_settings){ .security = sign }, "only unprotected");
}

static void other_transports_are_passed_over_and_a_missing_one_is_the_usual(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &anonymous);
    list[STRONG].transportProfileUri =
        kp_opcua_text("http://opcfoundation.org/UA-Profile/Transport/https-uabinary");
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = automatic }, false),
                     SEALED);
    list[SEALED].transportProfileUri =
        kp_opcua_text("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary");
    assert_int_equal(choose(list, ALL, (struct opcua_settings){ .security = automatic }, false),
                     SEALED);
}

static void a_login_the_server_does_not_take_is_said(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &by_name);
    refused(list, ALL, (struct opcua_settings){ .security = automatic }, "--set user=NAME");
    offer(list, &anonymous);
    refused(list, ALL, (struct opcua_settings){ .security = automatic, .user = op }, "a user name");
    refused(list, ALL, (struct opcua_settings){ .security = automatic, .user_certificate = op },
            "a user certificate");
}

static void a_password_never_crosses_as_plain_text_unasked(void **state)
{
    (void)state;
    UA_EndpointDescription list[ALL];
    offer(list, &by_name);
    struct opcua_settings bare = { .security = none, .user = op };
    refused(list, ALL, bare, "--set allow-plain-password=true");
    bare.allow_plain_password = true;
    assert_int_equal(choose(list, ALL, bare, false), OPEN);
    assert_int_equal(
        choose(list, ALL, (struct opcua_settings){ .security = automatic, .user = op }, false),
        STRONG);
    UA_UserTokenPolicy sealed = { .tokenType = UA_USERTOKENTYPE_USERNAME,
                                  .securityPolicyUri = kp_opcua_text(POLICY "Basic256Sha256") };
    offer(list, &sealed);
    assert_int_equal(
        choose(list, ALL, (struct opcua_settings){ .security = none, .user = op }, false), OPEN);
}

static void only_this_machine_is_loopback(void **state)
{
    (void)state;
    assert_true(kp_opcua_loopback("opc.tcp://127.0.0.1:4840/x"));
    assert_true(kp_opcua_loopback("opc.tcp://localhost"));
    assert_true(kp_opcua_loopback("opc.tcp://localhost:4840"));
    assert_true(kp_opcua_loopback("opc.tcp://[::1]:4840"));
    assert_false(kp_opcua_loopback("opc.tcp://192.0.2.127:4840"));
    assert_false(kp_opcua_loopback("opc.tcp://plc/127.0.0.1"));
    assert_false(kp_opcua_loopback("opc.tcp://localhost.example.com"));
    assert_false(kp_opcua_loopback("opc.tcp://127.example.com"));
}

/* ---- limits ---- */
static void servers_known_by_name_get_what_they_bear(void **state)
{
    (void)state;
    struct opcua_limits l, unknown;
    kp_opcua_limits_of("SIMATIC S7-1200 OPC UA", &l);
    assert_int_equal(l.items, 1000);
    assert_int_equal(l.monitor, 100);
    kp_opcua_limits_of("simatic.s7-1500.opc-ua.application:plc_1", &l);
    assert_int_equal(l.items, 10000);
    assert_true(l.read * l.calls <=
                1000); /* it breaks above 1,000 nodes in all outstanding requests */
    kp_opcua_limits_of("SINUMERIK 828D", &l);
    assert_int_equal(l.rate, 500);
    kp_opcua_limits_of("SINUMERIK 840D sl", &l);
    assert_int_equal(l.rate, 1000);
    kp_opcua_limits_of("", &unknown);
    assert_true(unknown.monitor >= 50 && unknown.monitor <= 500);
    kp_opcua_limits_of("Something Else", &l);
    assert_memory_equal(&l, &unknown, sizeof l);
}

/* ---- nameplate, class ---- */
static void properties_of_a_nameplate_are_known_by_name(void **state)
{
    (void)state;
    assert_int_equal(kp_opcua_nameplate_field("SerialNumber"), KP_SERIAL_NUMBER);
    assert_int_equal(kp_opcua_nameplate_field("Manufacturer"), KP_MANUFACTURER_NAME);
    assert_int_equal(kp_opcua_nameplate_field("serialnumber"), OPCUA_NONE);
    assert_int_equal(kp_opcua_nameplate_field(""), OPCUA_NONE);
}

static void an_address_finds_its_protocol(void **state)
{
    (void)state;
    static const char *const bad[] = { "",        "opc.tcp",      "opc.tcp://", "://x",
                                       "opc://x", "opc.tcpx://x", "http://x" };
    struct kp_err err = { 0 };
    assert_ptr_equal(kp_coupling_class_of("opc.tcp://x", &err), &kp_opcua);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kp_err why = { 0 };
        assert_null(kp_coupling_class_of(bad[i], &why));
        assert_int_equal(why.code, KP_EINVALID);
        assert_non_null(strstr(why.text, "opc.tcp"));
    }
}

static void every_default_of_a_setting_is_valid_and_every_setting_has_help(void **state)
{
    (void)state;
    struct opcua_settings set = { 0 };
    struct kp_err err = { 0 };
    assert_int_equal(kp_options_init(kp_opcua.options, &set, &err), KP_OK);
    assert_string_equal(set.security, "auto");
    assert_false(set.allow_plain_password);
    assert_int_equal(set.publishing, 500 * KP_MILLISECOND);
    for (const struct kp_option *o = kp_opcua.options; o->name; o++)
        assert_true(strlen(o->help) > 10);
    kp_options_free(kp_opcua.options, &set);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_strongest_link_is_taken_wherever_it_stands),
        cmocka_unit_test(the_servers_own_ranking_makes_no_difference),
        cmocka_unit_test(an_unprotected_link_is_refused_unless_a_person_accepts_it),
        cmocka_unit_test(what_is_broken_is_not_used_even_when_nothing_else_is_there),
        cmocka_unit_test(a_security_mode_that_does_not_exist_is_not_the_strongest),
        cmocka_unit_test(a_setting_asks_for_exactly_one_kind_of_link),
        cmocka_unit_test(other_transports_are_passed_over_and_a_missing_one_is_the_usual),
        cmocka_unit_test(a_login_the_server_does_not_take_is_said),
        cmocka_unit_test(a_password_never_crosses_as_plain_text_unasked),
        cmocka_unit_test(only_this_machine_is_loopback),
        cmocka_unit_test(servers_known_by_name_get_what_they_bear),
        cmocka_unit_test(properties_of_a_nameplate_are_known_by_name),
        cmocka_unit_test(an_address_finds_its_protocol),
        cmocka_unit_test(every_default_of_a_setting_is_valid_and_every_setting_has_help),
    };
    return cmocka_run_group_tests_name("opcua link", tests, NULL, NULL);
}
