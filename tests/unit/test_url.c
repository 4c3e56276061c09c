/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/url.h"

#include "core/ban.h"

static void expect(const char *text, const char *plain, const char *want)
{
    struct kp_buf b;
    kp_buf_init(&b, 256);
    kp_url_escape(&b, text, plain);
    assert_string_equal(kp_buf_text(&b), want);
    kp_buf_free(&b);
}

static void what_has_a_meaning_in_an_address_is_escaped(void **state)
{
    (void)state;
    expect("a-B.0_~", KP_URL_UNRESERVED, "a-B.0_~");
    expect("urn:uuid:1/2?x#y%", KP_URL_SEGMENT, "urn:uuid:1%2F2%3Fx%23y%25");
    expect("https://a/b c", KP_URL_UNRESERVED, "https%3A%2F%2Fa%2Fb%20c");
    expect("\xc3\xa9\x01[]", KP_URL_SEGMENT, "%C3%A9%01%5B%5D");
    expect("", KP_URL_SEGMENT, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        what_has_a_meaning_in_an_address_is_escaped) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
