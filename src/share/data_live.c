/* SPDX-License-Identifier: Apache-2.0 */
/* What comes, for a consumer who follows. The hub shows it at once, and keeps it for him from
 * before the history is read; what he missed, for he was slow, or what the hub does not show comes
 * by the commits (data_commits.c). Under steps or a delay there is only the history, looked at
 * again and again. */
#include "share/data_private.h"

#include "core/log.h"

#include "core/ban.h"

enum { QUEUE = 256 << 10 };

/* ---- listening ---- */
static bool subscribe(struct kp_data *d, struct kp_err *err)
{
    const struct kp_grant *g = &d->grant.grant;
    struct kp_subscriber_def def = {
        .filter = { .include = g->include, .exclude = g->exclude, .separator = g->separator },
        .intervals = true,
        .feed = true,
        .budget = QUEUE,
        .ready = d->wish.wake,
        .arg = d->wish.arg
    };
    d->filter = kp_filter_new(&def.filter, err);
    if (d->filter)
        d->subscriber = kp_hub_subscribe(d->hub, &def, err);
    if (d->subscriber)
        kp_position_hold(d->share->store, &d->hold);
    return d->subscriber;
}

void data_unlisten(struct kp_data *d)
{
    if (!d->subscriber)
        return;
    kp_hub_unsubscribe(d->hub, d->subscriber);
    kp_position_release(d->share->store, &d->hold);
    d->subscriber = NULL;
}

static void drop_queue(struct kp_data *d)
{
    struct kp_msg *msg;
    while ((msg = kp_subscriber_next(d->subscriber, 0)))
        kp_batch_drop(msg);
}

/* What was shown before is in the file when it returns. */
static bool settle(struct kp_data *d, struct kp_err *err)
{
    if (kp_hub_drain(d->hub))
        kp_fail(err, KP_ESTOPPED, "the hub has ended");
    else
        kp_store_sync(d->share->store, err);
    return !err->code;
}

static void begin_reading(struct kp_data *d, struct kp_err *err)
{
    if (!data_reader(d, err) || err->code)
        return;
    data_move(d, d->snapshot);
    data_begin_pass(d, err);
}

/* While the disk takes nothing there is nothing to wait for. */
bool data_listen(struct kp_data *d, struct kp_err *err)
{
    bool first = !d->subscriber;
    if (kp_store_stats(d->share->store).stalled || (first && !subscribe(d, err)))
        return false;
    if (!first)
        drop_queue(d);
    d->behind = kp_subscriber_behind(d->subscriber);
    d->began_at = kp_utc(d->share->clock);
    data_reader_done(d); /* it may show the file as it was before */
    if (!settle(d, err))
        return false;
    d->phase = DATA_INTERVALS; /* of which some may have been dropped; then the commits */
    d->last_start = KP_NO_TIME;
    if (first)
        begin_reading(d, err);
    return !err->code;
}

/* ---- what comes ---- */
/* Whether it goes out now: what does not comes by the commits, if it is stored. */
static bool is_next(struct kp_data *d, const struct kp_sample *sample)
{
    struct data_seen *s = data_seen(d, sample->signal);
    bool asked = d->wish.from != KP_NO_TIME;
    if (!s || sample->at <= s->shown || (asked && sample->at < d->from))
        return false;
    bool current = !asked && !s->shown && sample->at == s->newest;
    if (sample->at <= s->newest && !current)
        return false;
    s->shown = sample->at;
    return true;
}

static void take_batch(struct kp_data *d, const struct kp_batch *b, struct kp_buf *out,
                       struct kp_err *err)
{
    for (unsigned i = 0; i < b->n && !err->code; i++)
        if (is_next(d, &b->s[i]) && !kp_batch_add(d->in, &b->s[i]))
            share_starved(err);
    if (!err->code)
        data_pass(d, out);
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

/* About twice a second: steps whose time is over, an agreement whose time is over, labels, commits.
 * False: it is not the time. */
static bool look(struct kp_data *d, struct kp_buf *out)
{
    int64_t now = kp_mono(d->share->clock);
    if (!d->flush && now - d->looked < 400 * KP_MILLISECOND)
        return false;
    uint64_t version = data_version(d);
    d->looked = now;
    data_flush(d, out);
    if (version != d->version &&
        !share_goods_go(d->share, KP_TO_PARTNER, d->grant.signals ? d->grant.signals : "[]"))
        data_end(d, "what was agreed is labelled so that it stays in the company", out);
    d->version = version;
    if (d->follows && !d->flush && !d->over)
        d->phase = DATA_COMMITS;
    return true;
}

static bool after_pause(struct kp_data *d, struct kp_err *err)
{
    if (kp_mono(d->share->clock) < d->due)
        return false;
    d->before = data_before(d);
    data_begin_pass(d, err);
    return !err->code;
}

bool data_live(struct kp_data *d, struct kp_buf *out, struct kp_err *err)
{
    if (look(d, out) || d->over)
        return true;
    if (d->phase == DATA_PAUSE)
        return after_pause(d, err);
    struct kp_msg *msg = kp_subscriber_next(d->subscriber, 0);
    bool missed = kp_subscriber_behind(d->subscriber) != d->behind;
    if (missed) /* this may be what stands now, after something that was left out */
        d->phase = DATA_LISTEN;
    else if (msg)
        take(d, msg, out, err);
    if (msg)
        kp_batch_drop(msg);
    return msg || missed;
}
