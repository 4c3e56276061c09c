/* SPDX-License-Identifier: Apache-2.0 */
/* First a topic, ended by 0, then a payload: each of its metrics under every type. */
#include "couplings/sparkplug/nodes.h"
#include "couplings/sparkplug/payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void metric(const Sparkplug__Metric *m)
{
    struct kp_arena arena = { 0 };
    struct kp_signal_info info = { 0 };
    sparkplug_status(m);
    sparkplug_info(m, &info);
    for (uint32_t t = 0; t < 36; t++) {
        struct kp_value v;
        if (sparkplug_value(m, t, &arena, &v) && !kp_value_valid(&v))
            abort();
        Sparkplug__Metric out = SPARKPLUG__METRIC__INIT;
        sparkplug_put(&out, t, &v, &arena, NULL);
    }
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sparkplug_topic topic;
    struct kp_err err = { 0 };
    if (size > 1 << 15)
        return 0;
    char *copy = malloc(size + 1);
    memcpy(copy, data, size);
    copy[size] = 0;
    size_t n = strlen(copy);
    sparkplug_topic_read(copy, &topic);
    Sparkplug__Payload *p = n < size ? sparkplug_unpack(copy + n + 1, size - n - 1, &err) : NULL;
    for (size_t i = 0; p && i < p->n_metrics && i < 50; i++)
        metric(p->metrics[i]);
    sparkplug_free(p);
    free(copy);
    return 0;
}
