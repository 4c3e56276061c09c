/* SPDX-License-Identifier: Apache-2.0 */
/* ID tokens against the published examples: RFC 7515 A.3 (a signature by ES256) and RFC 7636 B (a
 * challenge). */
#include "kit.h"

#include "web/body.h"
#include "web/jwt.h"

static const char token[] =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    "."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
static const char keys_text[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                                "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
static const struct kp_jwt_want want = { "joe", "koppel", "n", INT64_C(1300819000) * 1000000000 };

static const char *said(const char *text, const struct kp_jwt_want *w)
{
    static struct kp_err err;
    err = (struct kp_err){ 0 };
    json_t *keys = kp_body_object(keys_text, sizeof keys_text - 1, NULL, &err);
    assert_null(kp_jwt_read(text, keys, w, &err));
    assert_int_equal(err.code, KP_EDENIED);
    json_decref(keys);
    return err.text;
}

static void the_example_is_signed_and_what_is_missing_in_it_is_told(void **state)
{
    (void)state;
    struct kp_jwt_want other = want;
    other.issuer = "jim";
    assert_non_null(strstr(said(token, &want), "audience"));
    assert_non_null(strstr(said(token, &other), "another issuer"));
}

static void each_changed_character_breaks_it(void **state)
{
    (void)state;
    char changed[sizeof token];
    size_t believed = 0;
    for (size_t i = 0; i < sizeof token - 1; i++) {
        memcpy(changed, token, sizeof token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        believed += strstr(said(changed, &want), "audience") != NULL;
    }
    assert_int_equal(believed, 0);
}

static void the_challenge_is_that_of_the_example(void **state)
{
    (void)state;
    char out[KP_HASH_TEXT];
    kp_hash_text("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", out);
    assert_string_equal(out, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static enum kp_code read_it(void *arg)
{
    struct kp_err err = { 0 };
    json_decref(kp_jwt_read(token, arg, &want, &err));
    return err.code == KP_EDENIED && strstr(err.text, "audience") ? KP_OK : err.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    json_t *keys = kp_body_object(keys_text, sizeof keys_text - 1, NULL, NULL);
    kit_fail_each_allocation(read_it, keys);
    json_decref(keys);
}

static int setup(void **state)
{
    (void)state;
    kp_body_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_signed_and_what_is_missing_in_it_is_told),
        cmocka_unit_test(each_changed_character_breaks_it),
        cmocka_unit_test(the_challenge_is_that_of_the_example),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
