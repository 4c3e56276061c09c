/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is read as a version, a range, a name, a code and an identifier, and any document is
 * matched with two devices; an order of versions is the same from both sides. */
#include "core/text.h"
#include "net/json_memory.h"
#include "shield/match.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *arg, const struct kp_finding *f)
{
    const struct kp_advisory *a = arg;
    assert(f->device < 2 && f->product < a->n && *f->why);
    for (uint32_t i = 0; i < a->holes; i++)
        assert(f->of[i] <= KP_AFFECTED && f->of[i] <= f->verdict);
}

static void read_texts(const char *text, const char *other)
{
    struct kp_arena arena = { 0 };
    struct kp_version v, w;
    struct kp_range r;
    struct kp_name name;
    struct kp_vendors vendors;
    struct kp_identifier id;
    char why[KP_VERSION_WHY], code[KP_CODE_MAX];
    const char *at;
    bool known = kp_version_read(text, &v);
    assert(!known || v.to <= strlen(text));
    if (known && kp_version_read(other, &w)) {
        enum kp_order there = kp_version_compare(&v, &w).order;
        enum kp_order back = kp_version_compare(&w, &v).order;
        assert(there != KP_LESS || back == KP_GREATER || back == KP_NO_ORDER);
        assert(kp_version_compare(&v, &v).order == KP_EQUAL || !v.n);
    }
    if (kp_range_read(other, &arena, &r))
        kp_range_holds(&r, known ? &v : NULL, why);
    kp_name_read(text, other, &name);
    kp_vendor_keys(text, other, &vendors);
    assert(!kp_mlfb_find(text, &at) || (at >= text && at < text + strlen(text)));
    if (kp_code_form(text, strlen(text), code))
        assert(strlen(code) < sizeof code);
    kp_cpe_read(text, &id);
    kp_purl_read(text, &id);
    kp_arena_free(&arena);
}

static void match(const char *text, size_t len)
{
    static const struct kp_device list[] = {
        { .manufacturer = "Gearworks", .product = "Drive SD-300", .firmware = "V2.3", .host = 0 },
        { .product = "PLC", .order_code = "6ES7 515-2AM02-0AB0", .firmware = "2.8", .host = 0 },
    };
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_advisory a;
    struct kp_devices *d = kp_devices_new(list, 2, NULL);
    if (!kp_advisory_load(text, len, NULL, &arena, NULL, &a, &err))
        kp_devices_match(d, &a, see, &a, &err);
    assert(!err.code || *err.text);
    kp_devices_free(d);
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kp_json_memory_init();
    char *text = kp_strndup((const char *)data, size);
    if (size && *data == '{') {
        match((const char *)data, size);
    } else {
        char *line = strchr(text, '\n');
        if (line)
            *line++ = 0;
        read_texts(text, line ? line : text);
    }
    kp_free(text);
    return 0;
}
