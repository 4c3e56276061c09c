/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of documents agrees with jansson on what is JSON, and on what is in it. */
#include "core/text.h"
#include "net/json_memory.h"
#include "shield/tree.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct kp_tree *tree, const json_t *other)
{
    struct kp_buf text;
    kp_buf_init(&text, 64 << 20);
    struct kp_json j = kp_json(&text);
    kp_tree_write(tree, &j);
    json_t *again = kp_json_load(kp_buf_text(&text), text.len, JSON_DECODE_INT_AS_REAL, NULL);
    assert(!text.failed && json_equal(again, other));
    json_decref(again);
    kp_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_tree *tree;
    kp_json_memory_init();
    enum kp_code code = kp_tree_read((const char *)data, size, &arena, &tree, &err);
    assert(code == err.code && kp_utf8_valid(err.text, strlen(err.text)));
    size_t mark = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *other = kp_json_load((const char *)data + mark, size - mark,
                                 JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (code == KP_OK) {
        assert(other);
        compare(tree, other);
    } else if (code != KP_EFULL && !strstr(err.text, "a number is too long") &&
               !memchr(data, 0, size)) { /* jansson takes a zero behind a number for its end */
        assert(!other);
    }
    json_decref(other);
    kp_arena_free(&arena);
    return 0;
}
