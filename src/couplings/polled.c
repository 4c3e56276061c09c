/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/polled.h"

#include <string.h>

#include "core/ban.h"

#define TELL_AGAIN (60 * KP_SECOND)

enum kp_code kp_polled_tell(struct kp_coupling *c, struct kp_polled *p, const struct kp_value *v, uint32_t status, int64_t at,
                            struct kp_err *err)
{
    int64_t now = kp_coupling_mono(c);
    bool same = p->told && p->status == status && kp_value_equal(&p->value, v) && now - p->told < TELL_AGAIN;
    if (!p->id || same)
        return KP_OK;
    p->told = now ? now : 1;
    p->status = status;
    p->value = *v;
    if (v->type == KP_STRING) {
        size_t n = v->len < KP_POLLED_TEXT ? v->len : KP_POLLED_TEXT - 1;
        memcpy(p->text, v->data, n);
        p->text[n] = 0;
        kp_utf8_trim(p->text);
        p->value = kp_string(p->text, strlen(p->text));
    }
    struct kp_sample s = { p->id, status, at, p->value };
    return kp_coupling_report(c, &s, err);
}
