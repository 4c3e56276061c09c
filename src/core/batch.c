/* SPDX-License-Identifier: Apache-2.0 */
#include "core/batch.h"

#include "core/ban.h"

struct kp_batch *kp_batch_new(uint16_t coupling)
{
    struct kp_batch *b = kp_alloc(sizeof *b);
    if (!b)
        return NULL;
    b->msg.kind = KP_MSG_BATCH;
    b->msg.cost = sizeof *b;
    b->coupling = coupling;
    return b;
}

void kp_batch_free(struct kp_batch *b)
{
    if (!b)
        return;
    kp_arena_free(&b->text);
    kp_free(b);
}

void kp_batch_drop(struct kp_msg *m)
{
    if (m->kind == KP_MSG_BATCH)
        kp_batch_free((struct kp_batch *)m);
    else
        kp_free(m); /* an interval message is one block */
}

bool kp_batch_add(struct kp_batch *b, const struct kp_sample *s)
{
    struct kp_sample *to = &b->s[b->n];
    *to = *s;
    if (kp_type_indirect(s->value.type)) {
        if (!kp_value_copy(&b->text, &to->value, &s->value))
            return false;
        size_t cost = sizeof *b + kp_arena_size(&b->text);
        b->msg.cost = cost < UINT32_MAX ? (uint32_t)cost : UINT32_MAX;
    }
    b->n++;
    return true;
}
