/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of assistants: the first byte says whether they came over HTTP and with which headers.
 * The tools are the node's own table, their arguments are checked, and none is run. */
#include "net/json_memory.h"
#include "web/mcp_call.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    kp_json_memory_init();
    return 0;
}

static bool offers(void *self, const struct kp_mcp_tool *t)
{
    return *(const int *)self || !t->writes;
}

static void call(void *self, const struct kp_mcp_tool *t, const json_t *arguments,
                 struct kp_mcp_result *out)
{
    struct kp_err err = { 0 };
    const struct kp_mcp_call c = { .args = t->args, .arguments = arguments };
    (void)self;
    out->failed = kp_mcp_check(t->args, arguments, INT64_C(1800000000) * KP_SECOND, &err);
    if (out->failed != !!err.text[0])
        abort();
    kp_buf_str(&out->text, out->failed ? err.text : "good");
    for (const struct kp_mcp_arg *a = t->args; a->name && !out->failed; a++) {
        int64_t n = a->kind == KP_MCP_COUNT ? kp_mcp_count(&c, a->name) : 0;
        if (a->kind == KP_MCP_COUNT && (a->required || json_object_get(arguments, a->name)) &&
            !json_is_null(json_object_get(arguments, a->name)) && (n < a->min || n > a->max))
            abort();
        struct kp_buf target;
        kp_mcp_target(&target, "x");
        kp_mcp_add_given(&c, &target, a->name);
        if (strpbrk(kp_buf_text(&target), " #\r\n\"<>\\^`{|}"))
            abort();
        kp_buf_free(&target);
    }
}

/* An answer is one JSON document that repeats the id, on one line. */
static void check(int status, struct kp_buf *out)
{
    json_t *j = out->len ? kp_json_load(out->data, out->len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool good = status == 202 ? !out->len
                              : j && json_object_get(j, "id") &&
                                    !json_object_get(j, "result") != !json_object_get(j, "error");
    if (!good || (out->len && memchr(out->data, '\n', out->len)))
        abort();
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    long live = kp_mem_live();
    int open = data[0] & 1;
    const struct kp_mcp_server server = {
        .self = &open, .tools = kp_mcp_tools, .about = "fuzz", .offers = offers, .call = call
    };
    const struct kp_mcp_headers h = { .needed = data[0] & 2,
                                      .version = data[0] & 4 ? "2026-07-28" : NULL,
                                      .method = data[0] & 8 ? "tools/call" : NULL,
                                      .name = data[0] & 16 ? "browse" : NULL };
    struct kp_buf out;
    kp_buf_init(&out, 4 << 20);
    check(kp_mcp_hear(&server, (const char *)data + 1, size - 1, &h, &out), &out);
    kp_buf_free(&out);
    if (kp_mem_live() != live)
        abort();
    return 0;
}
