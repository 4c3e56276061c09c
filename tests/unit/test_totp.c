/* SPDX-License-Identifier: Apache-2.0 */
/* One-time codes against the vectors of the standards, and which of them count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/text.h"
#include "store/totp.h"

#include <stdio.h>
#include <string.h>

static const unsigned char secret[] = "12345678901234567890";

static void codes_are_those_of_rfc_6238_appendix_b(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        uint32_t code;
    } vectors[] = {
        { 59, 94287082 },         { 1111111109, 7081804 },  { 1111111111, 14050471 },
        { 1234567890, 89005924 }, { 2000000000, 69279037 }, { INT64_C(20000000000), 65353130 },
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint64_t step = (uint64_t)(vectors[i].seconds / KP_TOTP_PERIOD_S);
        assert_int_equal(kp_hotp(secret, KP_TOTP_SECRET, step) % 100000000, vectors[i].code);
    }
}

static void codes_are_those_of_rfc_4226_appendix_d(void **state)
{
    (void)state;
    static const uint32_t codes[] = { 755224, 287082, 359152, 969429, 338314,
                                      254676, 287922, 162583, 399871, 520489 };
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(kp_hotp(secret, KP_TOTP_SECRET, i) % 1000000, codes[i]);
}

static void a_code_counts_one_step_early_and_late_and_no_further(void **state)
{
    (void)state;
    const int64_t step = 41152263, at = step * KP_TOTP_PERIOD_S * KP_SECOND; /* of 1234567890 */
    const int64_t period = KP_TOTP_PERIOD_S * KP_SECOND;
    char code[16];
    snprintf(code, sizeof code, "%06u", kp_hotp(secret, KP_TOTP_SECRET, (uint64_t)step) % 1000000);
    assert_string_equal(code, "005924");
    assert_int_equal(kp_totp_step(secret, code, at, 0), step);
    assert_int_equal(kp_totp_step(secret, code, at + period - 1, 0), step);
    assert_int_equal(kp_totp_step(secret, code, at - period, 0), step);
    assert_int_equal(kp_totp_step(secret, code, at + 2 * period - 1, 0), step);
    assert_int_equal(kp_totp_step(secret, code, at - period - 1, 0), 0);
    assert_int_equal(kp_totp_step(secret, code, at + 2 * period, 0), 0);
}

static void a_code_of_a_step_already_used_does_not_count(void **state)
{
    (void)state;
    const int64_t step = 41152263, at = step * KP_TOTP_PERIOD_S * KP_SECOND;
    assert_int_equal(kp_totp_step(secret, "005924", at, step - 1), step);
    assert_int_equal(kp_totp_step(secret, "005924", at, step), 0);
    assert_int_equal(kp_totp_step(secret, "005924", at, step + 1), 0);
}

static void what_is_no_code_does_not_count(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",       "5924",   "0005924", "00592x",
                                         "-05924", " 05924", "005924 ", "005925" };
    const int64_t at = INT64_C(1234567890) * KP_SECOND;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(kp_totp_step(secret, wrong[i], at, 0), 0);
}

static void the_secret_is_printed_in_base32(void **state)
{
    (void)state;
    char text[KP_TOTP_TEXT];
    kp_totp_print(secret, text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_rfc_6238_appendix_b),
        cmocka_unit_test(codes_are_those_of_rfc_4226_appendix_d),
        cmocka_unit_test(a_code_counts_one_step_early_and_late_and_no_further),
        cmocka_unit_test(a_code_of_a_step_already_used_does_not_count),
        cmocka_unit_test(what_is_no_code_does_not_count),
        cmocka_unit_test(the_secret_is_printed_in_base32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
