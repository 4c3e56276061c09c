/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in JSON, as every changing request reads them. The first byte chooses the reader. */
#include "web/body.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *const known[] = { "sql", "limit", "file", "token", "code", NULL };
static const struct kp_body_key keys[] = {
    { "low", KP_BODY_NUMBER }, { "stored", KP_BODY_TRUTH }, { "attributes", KP_BODY_DOCUMENT }, { "*", KP_BODY_SCALAR }, { NULL, 0 },
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    kp_body_init();
    return 0;
}

static void read_members(const json_t *o)
{
    struct kp_err err = { 0 };
    const char *text;
    int64_t number = 0;
    if (!kp_body_text(o, "sql", true, &text, &err) && !kp_utf8_valid(text, strlen(text)))
        abort();
    if (!kp_body_int(o, "limit", 1, 100, 7, &number, &err) && (number < 1 || number > 100))
        abort();
}

static void read_fields(const json_t *o, const struct kp_body_key *table)
{
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_field *f;
    size_t n;
    enum kp_code code = kp_body_fields(o, table, "path", "settings", &arena, &f, &n, &err);
    if (n > KP_FIELDS_MAX || (code && !err.text[0]))
        abort();
    for (size_t i = 0; !code && i < n; i++)
        if (strcmp(f[i].key, "path") == 0 && !json_object_get(json_object_get(o, "settings"), "path"))
            abort();
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    long live = kp_mem_live();
    struct kp_err err = { 0 };
    json_t *o = kp_body_object((const char *)data + 1, size - 1, data[0] & 1 ? known : NULL, &err);
    if (!o != !!err.code)
        abort();
    if (o) {
        read_members(o);
        read_fields(o, data[0] & 2 ? keys : NULL);
    }
    json_decref(o);
    if (kp_mem_live() != live)
        abort();
    return 0;
}
