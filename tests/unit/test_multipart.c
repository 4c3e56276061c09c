/* SPDX-License-Identifier: Apache-2.0 */
/* multipart/x-mixed-replace: parts come out whole, whatever pieces the network makes of them. */
#include "kit.h"

#include "couplings/mtconnect/multipart.h"

static enum kp_code take(void *arg, const char *part, size_t n, struct kp_err *err)
{
    struct kp_buf *got = arg; /* parts, each followed by '#' */
    kp_buf_add(got, part, n);
    kp_buf_add(got, "#", 1);
    return got->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

static enum kp_code feed(const char *text, size_t piece, kp_multipart_take *taker,
                         struct kp_buf *got, struct kp_err *err)
{
    struct kp_multipart m;
    size_t n = strlen(text);
    kp_buf_init(got, 1 << 20);
    kp_multipart_begin(&m, taker, got);
    for (size_t at = 0; at < n && !err->code; at += piece)
        kp_multipart_feed(&m, text + at, n - at < piece ? n - at : piece, err);
    kp_multipart_end(&m);
    return err->code;
}

static const char three[] =
    "\r\n\r\n--b\r\nContent-type: text/xml\r\nContent-length: 5\r\n\r\nhello\r\n"
    "\r\n--b\r\ncontent-length:  2 \r\n\r\n--\r\n--b\nContent-Length: 3;\n\nabc\r\n--b--\r\nrest";

static void parts_come_whole_in_any_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof three; piece++) {
        struct kp_buf got;
        struct kp_err err = { 0 };
        assert_int_equal(feed(three, piece, take, &got, &err), KP_OK);
        assert_string_equal(kp_buf_text(&got), "hello#--#abc#");
        kp_buf_free(&got);
    }
}

static void refuse(const char *text, const char *says)
{
    struct kp_buf got;
    struct kp_err err = { 0 };
    assert_int_equal(feed(text, 1000, take, &got, &err), KP_EPARSE);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
    kp_buf_free(&got);
}

static void what_makes_no_sense_or_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[10000];
    refuse("--b\r\nContent-length: 99999999999\r\n\r\n", "not 1 to 16777216");
    refuse("--b\r\nContent-length: 99999999999999999999999\r\n\r\n", "not 1 to 16777216");
    refuse("--b\r\nContent-length: 0\r\n\r\n", "has 0 bytes");
    refuse("--b\r\nContent-length: -5\r\n\r\n<a/>", "no Content-length");
    refuse("--b\r\nContent-length: 1x\r\n\r\n", "no Content-length");
    refuse("--b\r\nX-Content-length: 3\r\n\r\nabc", "no Content-length");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    refuse(text, "has no end");
}

static enum kp_code give_up(void *arg, const char *part, size_t n, struct kp_err *err)
{
    (void)arg;
    (void)part;
    (void)n;
    return kp_fail(err, KP_EPEER, "enough");
}

static void an_error_of_the_taker_ends_it(void **state)
{
    (void)state;
    struct kp_buf got;
    struct kp_err err = { 0 };
    assert_int_equal(feed(three, sizeof three, give_up, &got, &err), KP_EPEER);
    assert_string_equal(err.text, "enough");
    kp_buf_free(&got);
}

static enum kp_code feed_three(void *arg)
{
    struct kp_buf got;
    struct kp_err err = { 0 };
    (void)arg;
    feed(three, 7, take, &got, &err);
    kp_buf_free(&got);
    return err.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(feed_three, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_whole_in_any_pieces),
        cmocka_unit_test(what_makes_no_sense_or_is_too_long_is_refused),
        cmocka_unit_test(an_error_of_the_taker_ends_it),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
