/* SPDX-License-Identifier: Apache-2.0 */
/* MISP: any JSON is an event or none; of an event comes a bundle, and each of its objects can be
 * judged. */
#include "net/json_memory.h"
#include "shield/misp.h"
#include "shield/stix_object.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const char *text, size_t len, size_t objects)
{
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts;
    assert(!kp_stix_cut(text, len, &arena, &parts, &err));
    assert(parts.n == objects);
    for (size_t i = 0; i < parts.n; i++) {
        struct kp_stix_judged o;
        struct kp_err why = { 0 };
        enum kp_code code =
            kp_stix_judge(&parts.part[i], INT64_C(9000000000) * KP_SECOND, &o, &why);
        assert(!code || *why.text);
        kp_stix_judged_free(&o);
    }
    json_decref(parts.frame);
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_misp_sum sum;
    struct kp_buf out;
    kp_json_memory_init();
    json_t *document = kp_json_object((const char *)data, size, "event", 24, &err);
    if (!document)
        return 0;
    kp_buf_init(&out, 16 << 20);
    struct kp_json j = kp_json(&out);
    enum kp_code code = kp_misp_convert(document, &j, &sum, &err);
    assert(code == err.code && (!code || *err.text));
    if (!code)
        judge(kp_buf_text(&out), out.len, sum.objects);
    kp_buf_free(&out);
    json_decref(document);
    return 0;
}
