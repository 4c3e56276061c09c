/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that a partner pushes, as an import takes them; the reader is that of what is pulled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/dsp/feed.h"
#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

#define AT "\"time\":\"2026-01-01T00:00:00Z\""

static void values_are_named_as_this_node_keeps_them(void **state)
{
    (void)state;
    static const char pushed[] =
        "{\"path\":\"hall/load\"," AT ",\"value\":0.1}\n\r\n"
        "{\"path\":\"hall/load\"," AT ",\"function\":\"mean\",\"value\":[1,2],\"status\":2147483648,\"more\":1}\r\n"
        "{\"path\":\"oven\"," AT ",\"value\":\"on\"}\n"
        "{\"id\":7,\"path\":\"hall\",\"kind\":\"state\",\"start\":\"2026-01-01T00:00:00Z\",\"end\":null}\n"
        "{\"path\":\"hall/none\"," AT ",\"value\":null}\n{\"end\":true,\"values\":3}";
    static const char wanted[] =
        "{\"path\":\"hall/load\"," AT ",\"value\":0.10000000000000001}\n"
        "{\"path\":\"hall/load-mean\"," AT ",\"value\":[1,2],\"status\":2147483648}\n"
        "{\"path\":\"oven\"," AT ",\"value\":\"on\"}\n"
        "{\"path\":\"hall/none\"," AT ",\"value\":null}\n";
    struct kp_err err = { 0 };
    struct kp_buf out, again;
    kp_buf_init(&out, 1 << 16);
    kp_buf_init(&again, 1 << 16);
    assert_int_equal(kp_feed_lines(pushed, strlen(pushed), &out, &err), KP_OK);
    assert_string_equal(kp_buf_text(&out), wanted);
    assert_int_equal(kp_feed_lines(out.data, out.len, &again, &err), KP_OK);
    assert_string_equal(kp_buf_text(&again), wanted);
    kp_buf_free(&out);
    kp_buf_free(&again);
}

static void what_says_nothing_usable_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char good[] = "{\"path\":\"a/b\"," AT ",\"value\":1}\n";
    static const struct {
        const char *line, *why;
    } faults[] = {
        { "nonsense\n", "line 2: a line must have path, time and value" },
        { "{\"path\":\"a/b\",\"value\":1}\n", "line 2: " },
        { "{\"path\":\"a/b\"," AT "}\n", "line 2: " },
        { "{\"path\":\"a//b\"," AT ",\"value\":1}\n", "line 2: " },
        { "{\"path\":\"a/b\"," AT ",\"value\":1,\"function\":\"median\"}\n", "line 2: " },
        { "{\"path\":\"a/b\"," AT ",\"value\":1,\"status\":-1}\n{}\n", "line 2: " },
        { "{\"end\":true}\n{\"path\":\"a/b\"," AT ",\"value\":1}\n", "behind the end" },
        { "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "line 2: " },
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct kp_err err = { 0 };
        struct kp_buf text, out;
        kp_buf_init(&text, 1 << 16);
        kp_buf_init(&out, 1 << 16);
        kp_buf_printf(&text, "%s%s", good, faults[i].line);
        assert_int_equal(kp_feed_lines(text.data, text.len, &out, &err), KP_EPARSE);
        assert_non_null(strstr(err.text, faults[i].why));
        kp_buf_free(&text);
        kp_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_named_as_this_node_keeps_them),
        cmocka_unit_test(what_says_nothing_usable_is_refused_with_its_line),
    };
    kp_json_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
