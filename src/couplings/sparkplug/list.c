/* SPDX-License-Identifier: Apache-2.0 */
/* Births come in crowds, and listing costs as much for one as for all: so samples wait a moment
 * when something is new. */
#include "couplings/sparkplug/sparkplug_private.h"

#include "couplings/offer.h"

#include <string.h>

#include "core/ban.h"

enum { PENDING_MAX = 50000, PENDING_BYTES = 8 << 20 };
#define LIST_AFTER (300 * KP_MILLISECOND)

enum kp_code sp_pend(struct sparkplug *h, int32_t metric, bool historic, const struct kp_sample *s,
                     struct kp_err *err)
{
    if (!kp_grow(&h->pending, &h->pending_room, h->n_pending + 1, sizeof *h->pending))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct sp_pending *p = &h->pending[h->n_pending];
    *p = (struct sp_pending){ .metric = (uint32_t)metric, .historic = historic, .sample = *s };
    if (!kp_value_copy(&h->pending_text, &p->sample.value, &s->value))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    h->n_pending++;
    return h->n_pending >= PENDING_MAX ? sp_settle(h, err) : KP_OK;
}

static enum kp_code report_pending(struct sparkplug *h, struct kp_err *err)
{
    for (size_t i = 0; i < h->n_pending; i++) {
        struct sp_pending *p = &h->pending[i];
        p->sample.signal = h->metrics[p->metric].id;
        if (p->sample.signal && (p->historic ? kp_coupling_report_historic(h->c, &p->sample, err)
                                             : kp_coupling_report(h->c, &p->sample, err)))
            return err->code;
    }
    h->n_pending = 0;
    kp_arena_reset(&h->pending_text);
    return KP_OK;
}

static struct kp_offer offer(const struct sp_metric *m)
{
    bool control =
        strncmp(m->name, "Node Control/", 13) == 0 || strncmp(m->name, "Device Control/", 15) == 0;
    return (struct kp_offer){
        .path = m->path,
        .kind = kp_sparkplug_type_name(m->type),
        .info = { .source = m->source,
                  .type = m->kp_type,
                  .unit = m->unit,
                  .unit_text = m->unit_text,
                  .description = m->description,
                  .low = m->low,
                  .high = m->high },
        .access = control ? KP_CAN_WRITE : KP_CAN_READ | KP_CAN_WRITE,
    };
}

static enum kp_code list_all(struct sparkplug *h, struct kp_err *err)
{
    struct kp_offer *offers = kp_alloc((h->n_metrics + 1) * sizeof *offers);
    struct kp_profile_peer peer = { .protocol = "sparkplug", .by_hand = h->set->profile };
    struct kp_offer_result result;
    if (!offers)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < h->n_metrics; i++)
        offers[i] = offer(&h->metrics[i]);
    if (!kp_offer_publish(h->c, &peer, offers, h->n_metrics, false, &result, err)) {
        for (size_t i = 0; i < h->n_metrics; i++)
            h->metrics[i].id = offers[i].id;
        h->subscribed = result.subscribed;
        h->left = result.unasked_left;
        h->unlisted = false;
        h->list_at = 0;
    }
    kp_free(offers);
    return err->code;
}

enum kp_code sp_settle(struct sparkplug *h, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(h->c);
    bool crowded = h->n_pending >= PENDING_MAX || kp_arena_size(&h->pending_text) > PENDING_BYTES;
    if (h->unlisted && !h->list_at)
        h->list_at = now + LIST_AFTER;
    if (h->unlisted && !crowded && (now < h->list_at || now < h->not_before))
        return KP_OK;
    if (h->unlisted) {
        if (list_all(h, err))
            return err->code;
        int64_t end = kp_coupling_mono(h->c);
        h->not_before = end + 20 * (end - now); /* a twentieth of the time is enough */
    }
    return report_pending(h, err);
}
