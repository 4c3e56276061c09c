/* SPDX-License-Identifier: Apache-2.0 */
/* What an edge node may publish: each metric is a well formed value or none, as whatever type the
 * birth said. */
#include "couplings/sparkplug/payload.h"

#include "core/json.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const Sparkplug__Metric *m, uint32_t type)
{
    struct kp_buf room, out;
    struct kp_value v;
    struct kp_err err = { 0 };
    kp_buf_init(&room, 1 << 20);
    kp_buf_init(&out, 16 << 20);
    if (!kp_sparkplug_value(m, type, &room, &v, &err)) {
        struct kp_json j = kp_json(&out);
        assert(kp_value_valid(&v));
        kp_json_value(&j, &v);
    }
    kp_buf_free(&room);
    kp_buf_free(&out);
}

/* The first byte is the type that a message without one has by its birth. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    if (!size)
        return 0;
    Sparkplug__Payload *p = kp_sparkplug_unpack(data + 1, size - 1, &err);
    assert(p || err.code);
    for (size_t i = 0; p && i < p->n_metrics && i < 1000; i++) {
        check(p->metrics[i], p->metrics[i]->datatype);
        check(p->metrics[i], data[0] % (KP_SP_TYPES + 1));
    }
    kp_sparkplug_free(p);
    return 0;
}
