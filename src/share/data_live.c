/* SPDX-License-Identifier: Apache-2.0 */
/* What comes, for a consumer who follows. The hub keeps it for him from before the history is read;
 * what both have is left out. Whoever falls behind gets what he missed from the history. Under a
 * delay there is only the history, looked at again and again. */
#include "share/data_private.h"

#include "core/log.h"

#include "core/ban.h"

enum { QUEUE = 256 << 10 };

bool data_given(struct kp_data *d, kp_signal id, int64_t at)
{
    if (!kp_grow(&d->given, &d->given_room, (size_t)id + 1, sizeof *d->given))
        return false;
    if (!d->given[id] || at > d->given[id])
        d->given[id] = at;
    return true;
}

/* ---- listening ---- */
static bool subscribe(struct kp_data *d, struct kp_err *err)
{
    struct kp_subscriber_def def = { .filter = { .include = d->grant.grant.include,
                                                 .exclude = d->grant.grant.exclude,
                                                 .separator = d->grant.grant.separator },
                                     .intervals = !d->writer.functions,
                                     .feed = true,
                                     .budget = QUEUE,
                                     .ready = d->wish.wake,
                                     .arg = d->wish.arg };
    d->subscriber = kp_hub_subscribe(d->hub, &def, err);
    return d->subscriber;
}

void data_unlisten(struct kp_data *d)
{
    if (d->subscriber)
        kp_hub_unsubscribe(d->hub, d->subscriber);
    d->subscriber = NULL;
}

static void drop_queue(struct kp_data *d)
{
    struct kp_msg *msg;
    while ((msg = kp_subscriber_next(d->subscriber, 0)))
        kp_batch_drop(msg);
}

/* From here on what comes waits in the queue, and all that came before is in the file. While the
 * disk takes nothing there is nothing to wait for. */
bool data_listen(struct kp_data *d, struct kp_err *err)
{
    if (kp_store_stats(d->share->store).stalled || (!d->subscriber && !subscribe(d, err)))
        return false;
    if (d->caught_up)
        drop_queue(d);
    d->behind = kp_subscriber_behind(d->subscriber);
    if (!kp_hub_drain(d->hub) && !kp_store_sync(d->share->store, err))
        data_begin_pass(d, err);
    else if (!err->code)
        kp_fail(err, KP_ESTOPPED, "the hub has ended");
    return !err->code;
}

/* ---- what comes ---- */
/* Whether it was not given yet. Under steps only what is stored counts: of what is not, a step could
 * not be made whole after a break. Under the model's lock. */
static bool is_new(const struct kp_data *d, const struct kp_sample *s, int64_t arrived)
{
    const struct kp_signal_info *i = kp_model_signal(d->share->model, s->signal);
    int64_t given = s->signal < d->given_room ? d->given[s->signal] : 0;
    bool asked = d->wish.from != KP_NO_TIME || d->writer.functions;
    if (!i || (d->writer.functions && !i->stored))
        return false;
    if (given)
        return s->at > given || arrived > d->caught_up + KP_SECOND;
    return s->at >= d->from || !asked;
}

static void take_batch(struct kp_data *d, const struct kp_batch *b, struct kp_buf *out,
                       struct kp_err *err)
{
    bool room = true;
    kp_model_lock(d->share->model);
    for (unsigned i = 0; i < b->n && room; i++)
        if (is_new(d, &b->s[i], b->arrived))
            room = data_given(d, b->s[i].signal, b->s[i].at) && kp_batch_add(d->in, &b->s[i]);
    kp_model_unlock(d->share->model);
    if (room)
        data_pass(d, out);
    else
        share_starved(err);
}

static void take(struct kp_data *d, const struct kp_msg *msg, struct kp_buf *out,
                 struct kp_err *err)
{
    if (msg->kind == KP_MSG_BATCH) {
        take_batch(d, (const struct kp_batch *)msg, out, err);
    } else if (msg->kind == KP_MSG_INTERVAL) {
        const struct kp_interval_msg *i = (const struct kp_interval_msg *)msg;
        data_pass_interval(d, &i->interval, i->removed, out);
    }
}

/* About each second: steps whose time is over, an agreement whose time is over, labels. */
static bool look(struct kp_data *d, struct kp_buf *out)
{
    int64_t now = kp_mono(d->share->clock);
    uint64_t version = data_version(d);
    if (!d->flush && now - d->looked < KP_SECOND / 2)
        return false;
    d->looked = now;
    data_flush(d, out);
    if (version != d->version &&
        !share_goods_go(d->share, KP_TO_PARTNER, d->grant.signals ? d->grant.signals : "[]"))
        data_end(d, "what was agreed is labelled so that it stays in the company", out);
    d->version = version;
    return d->flush;
}

static bool after_pause(struct kp_data *d, struct kp_err *err)
{
    int64_t before = kp_utc(d->share->clock) - d->grant.grant.terms.delay + 1, lo, hi;
    kp_terms_period(&d->grant.grant.terms, &lo, &hi);
    if (kp_mono(d->share->clock) < d->due)
        return false;
    d->before = before < hi ? before : hi;
    data_begin_pass(d, err);
    return !err->code;
}

bool data_live(struct kp_data *d, struct kp_buf *out, struct kp_err *err)
{
    if (look(d, out) || d->over)
        return true;
    if (d->phase == DATA_PAUSE)
        return after_pause(d, err);
    if (kp_subscriber_behind(d->subscriber) != d->behind) {
        d->phase = DATA_LISTEN;
        return true;
    }
    struct kp_msg *msg = kp_subscriber_next(d->subscriber, 0);
    if (!msg)
        return false;
    take(d, msg, out, err);
    kp_batch_drop(msg);
    return true;
}
