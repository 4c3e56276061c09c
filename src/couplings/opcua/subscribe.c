/* SPDX-License-Identifier: Apache-2.0 */
/* One subscription with an item per signal and one for the server's clock, which must keep moving:
 * a server can be connected and send nothing ever again. Values go to the hub as they come; an
 * item's context is its place in the list, so nothing is looked up. */
#include "couplings/opcua/opcua_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { QUEUE_MIN = 2, QUEUE_MAX = 1000, CLOCK_MS = 1000, SESSION_MS = 30000 };
#define DAY (86400 * KP_SECOND)

/* ---- values ---- */
static int64_t ahead_of(int64_t at, int64_t now) /* a machine may send any time */
{
    int64_t ahead;
    if (__builtin_sub_overflow(at, now, &ahead))
        return at < now ? -INT64_MAX : INT64_MAX;
    return ahead == INT64_MIN ? -INT64_MAX : ahead;
}

static void note_drift(struct opcua *o, int64_t ahead)
{
    if (ahead < DAY && ahead > -DAY)
        ahead = 0;
    if ((ahead == 0) == (o->items.drift == 0))
        return;
    o->items.drift = ahead;
    kp_opcua_describe(o);
}

static void changed(UA_Client *client, UA_UInt32 subscription, void *context, UA_UInt32 monitored,
                    void *index, UA_DataValue *dv)
{
    struct opcua *o = context;
    struct opcua_item *item = &o->items.list[(uintptr_t)index];
    struct kp_sample sample = { .signal = item->id };
    (void)client;
    (void)subscription;
    (void)monitored;
    kp_opcua_sample(dv, dv->hasSourceTimestamp ? o->now : kp_coupling_utc(o->c), &o->room, &sample);
    if (kp_opcua_overflowed(sample.status))
        kp_coupling_lost(o->c, 1);
    if (!item->seen) {
        item->seen = true;
        item->first = sample.at;
    } else {
        note_drift(o, ahead_of(sample.at, o->now)); /* a first value may well be old; one that changes is of now */
    }
    kp_coupling_report(o->c, &sample, &o->failure);
}

static void clock_moved(UA_Client *client, UA_UInt32 subscription, void *context,
                        UA_UInt32 monitored, void *index, UA_DataValue *dv)
{
    struct opcua *o = context;
    (void)client;
    (void)subscription;
    (void)monitored;
    (void)index;
    if (dv->hasValue)
        o->items.beat = kp_coupling_mono(o->c);
}

/* ---- the list ---- */
static enum kp_code add_item(struct opcua_items *items, const struct kp_known *known,
                             struct kp_err *err)
{
    char *source = kp_arena_strdup(&items->text, known->source);
    if (!source)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    items->list[items->n++] = (struct opcua_item){
        .id = known->id,
        .source = source,
        .since = known->latest,
    };
    return KP_OK;
}

static enum kp_code add_items(struct opcua *o, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    size_t n = kp_coupling_signals(o->c, &arena, &known);
    if (!known || !kp_grow(&o->items.list, &o->items.capacity, n + 1, sizeof *o->items.list))
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++)
        add_item(&o->items, &known[i], err);
    kp_arena_free(&arena);
    return err->code;
}

const struct opcua_item *kp_opcua_item(const struct opcua *o, kp_signal id)
{
    for (size_t i = 0; i < o->items.n; i++)
        if (o->items.list[i].id == id)
            return &o->items.list[i];
    return NULL;
}

static void refuse(struct opcua *o, struct opcua_item *item, const char *why)
{
    item->refused = true;
    o->items.refused++;
    if (!o->items.first_refusal[0]) {
        snprintf(o->items.first_refusal, sizeof o->items.first_refusal, "%.120s: %.100s",
                 item->source, why);
        kp_utf8_trim(o->items.first_refusal);
    }
}

/* ---- the subscription ---- */
static void created(UA_Client *client, void *arg, UA_UInt32 id, UA_CreateSubscriptionResponse *r)
{
    struct opcua *o = arg;
    (void)client;
    (void)id;
    o->items.status = r->responseHeader.serviceResult;
    o->items.subscription = r->subscriptionId;
    o->items.publishing_ms = (int64_t)r->revisedPublishingInterval;
    o->items.answered = true;
}

static void dropped(UA_Client *client, UA_UInt32 id, void *context)
{
    struct opcua *o = context;
    (void)client;
    (void)id;
    o->inactive = true;
}

static void status_changed(UA_Client *client, UA_UInt32 id, void *context,
                           UA_StatusChangeNotification *n)
{
    if (n->status != UA_STATUSCODE_GOOD)
        dropped(client, id, context);
}

static enum kp_code await(struct opcua *o, struct kp_err *err)
{
    int64_t until = kp_coupling_mono(o->c) + o->set->timeout + 2 * KP_SECOND;
    while (!o->items.answered) {
        if (kp_opcua_iterate(o, 100, err))
            return err->code;
        if (kp_coupling_mono(o->c) > until)
            return kp_fail(err, KP_EPEER, "the server does not answer");
    }
    return KP_OK;
}

static enum kp_code create_subscription(struct opcua *o, struct kp_err *err)
{
    UA_CreateSubscriptionRequest request = UA_CreateSubscriptionRequest_default();
    double ms = (double)kp_opcua_ms(o->set->publishing);
    request.requestedPublishingInterval = ms;
    request.requestedMaxKeepAliveCount = 10;
    request.requestedLifetimeCount =
        (UA_UInt32)(SESSION_MS / ms) + 30; /* no longer than the session */
    o->items.answered = false;
    UA_StatusCode status = UA_Client_Subscriptions_create_async(
        o->client, request, o, status_changed, dropped, created, o, NULL);
    if (status != UA_STATUSCODE_GOOD)
        return kp_opcua_explain(o, status, err);
    if (await(o, err))
        return err->code;
    return o->items.status == UA_STATUSCODE_GOOD ? KP_OK
                                                 : kp_opcua_explain(o, o->items.status, err);
}

/* ---- items ---- */
static double sampling_ms(const struct opcua *o, size_t n)
{
    double ms = (double)kp_opcua_ms(o->set->sampling);
    if (o->limits.rate && ms * o->limits.rate < n * 1000.0)
        ms = n * 1000.0 / o->limits.rate;
    return ms;
}

/* Twice what can come between two publications, so that a late one loses nothing. */
static UA_UInt32 queue_size(const struct opcua *o, double sampling)
{
    if (o->set->queue)
        return (UA_UInt32)o->set->queue;
    double n = sampling > 0 ? 2 * (double)o->items.publishing_ms / sampling + 1 : QUEUE_MAX / 10;
    return n < QUEUE_MIN ? QUEUE_MIN : n > QUEUE_MAX ? QUEUE_MAX : (UA_UInt32)n;
}

/* A call of CreateMonitoredItems: the items asked for, by place. */
struct ask {
    size_t n;
    uint32_t *items;
    UA_MonitoredItemCreateRequest *requests;
    void **contexts;
    UA_Client_DataChangeNotificationCallback *callbacks;
};

static void ask_free(struct ask *a)
{
    for (size_t i = 0; a->requests && i < a->n; i++)
        UA_NodeId_clear(&a->requests[i].itemToMonitor.nodeId);
    kp_free(a->items);
    kp_free(a->requests);
    kp_free(a->contexts);
    kp_free(a->callbacks);
}

static enum kp_code ask_new(struct ask *a, size_t n, struct kp_err *err)
{
    *a = (struct ask){
        .items = kp_alloc(n * sizeof *a->items),
        .requests = kp_alloc(n * sizeof *a->requests),
        .contexts = kp_alloc(n * sizeof *a->contexts),
        .callbacks = kp_alloc(n * sizeof *a->callbacks),
    };
    return a->items && a->requests && a->contexts && a->callbacks
               ? KP_OK
               : kp_fail(err, KP_ENOMEM, "out of memory");
}

static void answered(UA_Client *client, void *arg, UA_UInt32 id, UA_CreateMonitoredItemsResponse *r)
{
    struct opcua *o = arg;
    (void)client;
    (void)id;
    o->items.answered = true;
    o->items.status = r->responseHeader.serviceResult;
    const struct opcua_asked *asked = &o->items.asked;
    for (size_t i = 0; i < asked->n && i < r->resultsSize; i++) {
        bool good = r->results[i].statusCode == UA_STATUSCODE_GOOD;
        if (!asked->items) { /* the clock */
            o->items.watched = good;
            continue;
        }
        if (good)
            o->items.accepted++;
        else
            refuse(o, &o->items.list[asked->items[i]],
                   UA_StatusCode_name(r->results[i].statusCode));
    }
}

static enum kp_code send(struct opcua *o, const struct ask *a, const uint32_t *items,
                         struct kp_err *err)
{
    UA_CreateMonitoredItemsRequest request = {
        .subscriptionId = o->items.subscription,
        .timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
        .itemsToCreateSize = a->n,
        .itemsToCreate = a->requests,
    };
    o->items.answered = false;
    o->items.asked = (struct opcua_asked){ items, a->n };
    UA_StatusCode status = UA_Client_MonitoredItems_createDataChanges_async(
        o->client, request, a->contexts, a->callbacks, NULL, answered, o, NULL);
    if (status != UA_STATUSCODE_GOOD)
        kp_opcua_explain(o, status, err);
    else
        await(o, err);
    o->items.asked = (struct opcua_asked){ 0 };
    return err->code;
}

static enum kp_code watch_clock(struct opcua *o, struct kp_err *err)
{
    struct ask a;
    if (!ask_new(&a, 1, err)) {
        a.n = 1;
        a.requests[0] = UA_MonitoredItemCreateRequest_default(
            UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER_SERVERSTATUS_CURRENTTIME));
        a.requests[0].requestedParameters.samplingInterval = CLOCK_MS;
        a.callbacks[0] = clock_moved;
        send(o, &a, NULL, err);
    }
    ask_free(&a);
    o->items.beat = kp_coupling_mono(o->c);
    return err->code;
}

/* Fills a call with the next items whose addresses mean something there. */
static void gather(struct opcua *o, struct ask *a, size_t *next, size_t end, double sampling)
{
    a->n = 0;
    for (; *next < end && a->n < o->limits.monitor; ++*next) {
        struct opcua_item *item = &o->items.list[*next];
        struct kp_err why = { 0 };
        UA_NodeId id;
        if (item->refused) /* on an earlier try with more items */
            continue;
        if (kp_opcua_parse_id(item->source, &o->spaces, &id, &why)) {
            refuse(o, item, "the server does not know this address");
            continue;
        }
        a->requests[a->n] = UA_MonitoredItemCreateRequest_default(id);
        a->requests[a->n].requestedParameters.samplingInterval = sampling;
        a->requests[a->n].requestedParameters.queueSize = queue_size(o, sampling);
        a->contexts[a->n] = (void *)(uintptr_t)*next;
        a->callbacks[a->n] = changed;
        a->items[a->n++] = (uint32_t)*next;
    }
}

static enum kp_code subscribe_items(struct opcua *o, struct kp_err *err)
{
    size_t end = o->items.n < o->limits.items ? o->items.n : o->limits.items;
    double sampling = sampling_ms(o, end);
    for (size_t i = end; i < o->items.n; i++)
        refuse(o, &o->items.list[i], "above what this server bears, see items-max");
    for (size_t next = 0; next < end && !err->code;) {
        struct ask a;
        size_t from = next;
        kp_coupling_note(o->c, "subscribing %zu of %zu", next, end);
        if (!ask_new(&a, o->limits.monitor, err)) {
            gather(o, &a, &next, end, sampling);
            if (a.n)
                send(o, &a, a.items, err);
        }
        if (!err->code && a.n && kp_opcua_too_much(o->items.status) && a.n > 1) {
            o->limits.monitor = (uint32_t)(a.n / 2);
            next = from;
        } else if (!err->code && a.n && o->items.status != UA_STATUSCODE_GOOD) {
            kp_opcua_explain(o, o->items.status, err);
        }
        ask_free(&a);
    }
    return err->code;
}

enum kp_code kp_opcua_subscribe(struct opcua *o, struct kp_err *err)
{
    if (add_items(o, err) || create_subscription(o, err) || watch_clock(o, err) ||
        subscribe_items(o, err))
        return err->code;
    kp_coupling_count(o->c, o->items.accepted, o->limits.items, o->items.refused);
    return KP_OK;
}

/* ---- watching ---- */
enum kp_code kp_opcua_watch(struct opcua *o, struct kp_err *err)
{
    int64_t interval = o->items.publishing_ms > CLOCK_MS ? o->items.publishing_ms : CLOCK_MS;
    int64_t limit =
        o->set->watchdog ? o->set->watchdog : 3 * interval * KP_MILLISECOND + o->set->timeout;
    if (o->inactive)
        return kp_fail(err, KP_EPEER, "the server has stopped sending");
    if (o->items.watched && kp_coupling_mono(o->c) - o->items.beat > limit)
        return kp_fail(err, KP_EPEER, "the server's clock has stood still for %d s: it hangs",
                       (int)(limit / KP_SECOND));
    return KP_OK;
}

void kp_opcua_items_free(struct opcua *o)
{
    kp_free(o->items.list);
    kp_arena_free(&o->items.text);
    o->items = (struct opcua_items){ 0 };
}
