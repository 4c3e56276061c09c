/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and plans of delivery as JSON, and templates. First byte: which. */
#include "alarm/delivery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(const char *template)
{
    static const struct kp_alarm a = {
        .id = 7, .text = "too \"hot\"\n", .value = 81.5, .limit = NAN, .count = 2
    };
    struct kp_buf out;
    kp_buf_init(&out, 1 << 20);
    kp_template_fill(&out, template, &a, "hall/oven", "node");
    kp_buf_free(&out);
}

static void rule(const char *text)
{
    struct kp_alarm_rule rule, again;
    struct kp_err err = { 0 };
    struct kp_buf out;
    struct kp_json j = kp_json(&out);
    if (kp_alarm_rule_parse(text, &rule, &err))
        return;
    kp_buf_init(&out, 1 << 16);
    kp_alarm_rule_json(&j, &rule);
    if (kp_alarm_rule_parse(kp_buf_text(&out), &again,
                            &err)) /* what is taken can be written and read again */
        abort();
    kp_buf_free(&out);
}

static void plan(const char *text)
{
    static struct kp_delivery d;
    struct kp_err err = { 0 };
    kp_delivery_parse(text, &d, &err);
    for (size_t i = 0; !err.code && i < d.n_channels; i++)
        if (d.channels[i].template)
            fill(d.channels[i].template);
    kp_delivery_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = size ? kp_strndup((const char *)data + 1, size - 1) : NULL;
    if (text)
        (data[0] % 3 == 0 ? rule : data[0] % 3 == 1 ? plan : fill)(text);
    kp_free(text);
    return 0;
}
