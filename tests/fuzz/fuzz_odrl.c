/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of partners: what is understood must, written and read again, say the same, and permit
 * something at some time. */
#include "gate/policy.h"
#include "net/json_memory.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(const struct kp_terms *t)
{
    struct kp_buf text;
    struct kp_err err = { 0 };
    struct kp_terms back;
    kp_buf_init(&text, 1 << 20);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    kp_terms_json(&j, t);
    kp_json_end(&j, '}');
    json_t *policy = kp_json_read(kp_buf_text(&text), "policy", &err);
    if (!policy || kp_terms_parse(policy, &back, &err) || !kp_terms_same(t, &back))
        abort();
    json_decref(policy);
    kp_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_terms t, open = kp_terms_open();
    int64_t lo, hi;
    kp_json_memory_init();
    json_t *policy = kp_json_load((const char *)data, size, 0, NULL);
    if (!kp_terms_parse(policy, &t, &err)) {
        kp_terms_period(&t, &lo, &hi);
        open.distribution = true;
        if (lo >= hi || t.from >= t.to || !kp_terms_narrower(&t, &open) ||
            (t.every == 0) != (t.functions == 0))
            abort();
        read_again(&t);
    } else if (!err.text[0]) {
        abort();
    }
    json_decref(policy);
    return 0;
}
