/* SPDX-License-Identifier: Apache-2.0 */
/* A rule of states as a person types it. What is taken says a known state of any value; what reads as learnt levels is a rule again. */
#include "core/state_rule.h"
#include "watch/levels.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const double values[] = { -1, 0, 3, 1500, 1e300 };
    char text[4096], again[KP_LEVELS_TEXT];
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    struct kp_state_rule *r = kp_state_rule_new(text, NULL);
    for (size_t i = 0; r && i < sizeof values / sizeof *values; i++) {
        struct kp_value v = kp_double(values[i]);
        for (unsigned before = 0; before < KP_STATES; before++)
            if (kp_state_rule_apply(r, &v, KP_GOOD, NULL, before) >= KP_STATES)
                abort();
    }
    struct kp_levels levels = kp_levels_read(text);
    if (r && levels.found) {
        kp_levels_rule(&levels, again);
        if (!kp_state_text_learns(again))
            abort();
    }
    kp_state_rule_free(r);
    return 0;
}
