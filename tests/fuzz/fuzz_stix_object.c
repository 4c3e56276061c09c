/* SPDX-License-Identifier: Apache-2.0 */
/* STIX: any bytes are cut into objects that lie within them, and each is judged with a sentence. */
#include "core/text.h"
#include "net/json_memory.h"
#include "shield/stix_object.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct kp_stix_part *part)
{
    struct kp_err err = { 0 };
    struct kp_stix_judged o;
    enum kp_code code = kp_stix_judge(part, INT64_C(1795514400) * KP_SECOND, &o, &err);
    assert(code == err.code && (!code || *err.text));
    assert(kp_utf8_valid(err.text, strlen(err.text)));
    if (!code) {
        assert(kp_stix_id_valid(o.id, o.type) && (o.stamp || o.version == KP_NO_TIME));
        assert(o.version == KP_NO_TIME || o.created == KP_NO_TIME || o.version >= o.created);
        for (size_t i = 0; i < o.markings; i++)
            assert(kp_stix_id_valid(o.marking[i], "marking-definition"));
    }
    kp_stix_judged_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts;
    kp_json_memory_init();
    enum kp_code code = kp_stix_cut(text, size, &arena, &parts, &err);
    assert(code == err.code && (!code || *err.text) && (!code || !parts.frame));
    for (size_t i = 0; i < parts.n && !code; i++) {
        const struct kp_stix_part *p = &parts.part[i];
        assert(!p->text || (p->text >= text && p->text + p->len <= text + size));
        judge(p);
    }
    json_decref(parts.frame);
    kp_arena_free(&arena);
    return 0;
}
