/* SPDX-License-Identifier: Apache-2.0 */
/* Apply files: any bytes are read or refused with a sentence that begins with the file's name; any text that is
 * written as YAML is read back the same. */
#include "config/apply.h"
#include "config/yaml.h"
#include "core/text.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const char *text)
{
    struct kp_buf b;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_yaml *root;
    kp_buf_init(&b, 1 << 20);
    kp_buf_str(&b, "k: ");
    kp_yaml_put_text(&b, text);
    kp_buf_str(&b, "\nl: m\n");
    enum kp_code code = kp_yaml_read(b.data, b.len, "f", &arena, &root, &err);
    assert(code == KP_OK && strcmp(root->first->text, text) == 0 && strcmp(root->first->next->text, "m") == 0);
    kp_arena_free(&arena);
    kp_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    const char *bytes = (const char *)data;
    char text[256];
    if (kp_apply_check(bytes, size, "f.yaml", &err))
        assert(strncmp(err.text, "f.yaml:", 7) == 0 && kp_utf8_valid(err.text, strlen(err.text)));
    if (size < sizeof text) {
        kp_utf8_clean(text, sizeof text, bytes, size);
        round_trip(text);
    }
    return 0;
}
