/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the server as alarms (OPC UA Part 9): a condition lasts while it is active and
 * retained; a plain event of some weight is an alarm without length. The library's callback only
 * takes down what came; the next step reports it, since where it belongs may have to be asked
 * first. After every connect, and when events were lost, the server is asked for all that is
 * retained (ConditionRefresh), and what it no longer tells has ended. */
#include "couplings/opcua/opcua_private.h"

#include "core/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum {
    PENDING_MAX = 5000,
    ACTIVE_MAX = 1000, /* alarms of one coupling that last at once */
    NOTIFIERS_MAX = 50,
    QUEUE = 1000,    /* events the server keeps between two sends */
    PLAIN_RATE = 20, /* plain events a second, in the long run */
};

#define PAUSE (5 * KP_SECOND) /* between two refreshes */

struct active {
    char *key;
    bool seen; /* told since the refresh began */
};
struct opcua_events {
    struct opcua_event *pending;
    size_t n_pending, pending_capacity;
    struct active list[ACTIVE_MAX];
    size_t n;
    bool wanted;     /* a refresh */
    bool refreshing; /* the server tells what is retained */
    size_t items;    /* sources of events that are listened to */
    int64_t plain;   /* monotonic: until when plain events have used up their rate */
    int64_t next;    /* monotonic: the earliest next refresh */
    bool answered;
};

/* ---- taking down what came ---- */
static bool wanted(const struct opcua *o, const struct opcua_event *e)
{
    if (e->kind == OPCUA_PLAIN)
        return !e->earlier && e->of_machine && o->set->events_from &&
               e->severity >= o->set->events_from;
    return !e->earlier;
}

static void came(UA_Client *client, UA_UInt32 subscription, void *context, UA_UInt32 monitored,
                 void *item, const UA_KeyValueMap map)
{
    struct opcua *o = context;
    struct opcua_events *events = o->events;
    UA_Variant v[OPCUA_EVENT_FIELDS] = { 0 };
    struct opcua_event e = { 0 };
    (void)client;
    (void)subscription;
    (void)monitored;
    (void)item;
    if (!events)
        return;
    for (size_t i = 0; i < map.mapSize && i < OPCUA_EVENT_FIELDS; i++)
        v[i] = map.map[i].value;
    enum kp_code code = kp_opcua_event_read(&o->spaces, v, map.mapSize, &e);
    bool take = code ? code == KP_ENOMEM : wanted(o, &e);
    if (take && !code && events->n_pending < PENDING_MAX &&
        kp_grow(&events->pending, &events->pending_capacity, events->n_pending + 1, sizeof e)) {
        if (e.at == KP_NO_TIME || !kp_coupling_can_place(o->c, e.at))
            e.at = o->now;
        events->pending[events->n_pending++] = e;
        return;
    }
    UA_NodeId_clear(&e.source);
    if (!take)
        return;
    kp_coupling_lost(o->c, 1);
    events->wanted = true; /* what still lasts is then told again */
}

/* ---- reporting ---- */
static enum kp_code grave(const struct kp_err *why)
{
    return why->code == KP_ESTOPPED || why->code == KP_ENOMEM ? why->code : KP_OK;
}

static const char *attributes(const struct opcua_event *e, struct kp_buf *out)
{
    struct kp_json j = kp_json(out);
    kp_buf_init(out, 16 << 10);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "name", e->name[0] ? e->name : e->text);
    kp_json_put_text(&j, "text", e->text);
    kp_json_put_int(&j, "severity", e->severity);
    kp_json_put_text(&j, "source", e->source_name);
    if (e->acked_known)
        kp_json_put_bool(&j, "acknowledged", e->acked);
    return *kp_buf_text(out) ? kp_buf_text(out) + 1 : ""; /* members without the brace */
}

/* One alarm that cannot be kept does not keep the others out. */
static enum kp_code tell(struct opcua *o, const struct opcua_event *e, const char *path,
                         int64_t end, struct kp_err *err)
{
    struct kp_buf text;
    struct kp_err why = { 0 };
    const struct kp_lasting lasting = {
        .path = path,
        .key = e->kind == OPCUA_PLAIN ? "event" : e->key,
        .kind = KP_INTERVAL_ALARM,
        .start = e->at,
        .end = end,
        .attributes = attributes(e, &text),
    };
    kp_coupling_interval(o->c, &lasting, &why);
    kp_buf_free(&text);
    return grave(&why) ? kp_fail(err, why.code, "%s", why.text) : KP_OK;
}

static struct active *find_active(struct opcua_events *events, const char *key)
{
    for (size_t i = 0; i < events->n; i++)
        if (strcmp(events->list[i].key, key) == 0)
            return &events->list[i];
    return NULL;
}

static void drop_active(struct opcua_events *events, struct active *a)
{
    kp_free(a->key);
    *a = events->list[--events->n];
}

static enum kp_code report_condition(struct opcua *o, const struct opcua_event *e,
                                     struct kp_err *err)
{
    struct opcua_events *events = o->events;
    struct active *a = find_active(events, e->key);
    char path[KP_PATH_MAX];
    if (e->lasts && !a && events->n == ACTIVE_MAX) {
        kp_coupling_lost(o->c, 1);
        return KP_OK;
    }
    if (e->lasts && !a) {
        a = &events->list[events->n];
        if (!(a->key = kp_strdup(e->key)))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        events->n++;
    } else if (!e->lasts && a) {
        drop_active(events, a);
        a = NULL;
    }
    if (a)
        a->seen = true;
    if (kp_opcua_source_path(o, &e->source, path, err))
        return err->code;
    return tell(o, e, path, e->lasts ? KP_FOREVER : e->at, err);
}

/* Opened and closed at once: an interval without length. */
static enum kp_code report_plain(struct opcua *o, const struct opcua_event *e, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(o->c);
    char path[KP_PATH_MAX];
    if (o->events->plain < now - KP_SECOND)
        o->events->plain = now - KP_SECOND;
    if (o->events->plain > now) {
        kp_coupling_lost(o->c, 1);
        return KP_OK;
    }
    o->events->plain += KP_SECOND / PLAIN_RATE;
    if (kp_opcua_source_path(o, &e->source, path, err) || tell(o, e, path, KP_FOREVER, err))
        return err->code;
    return tell(o, e, path, e->at, err);
}

static void refresh_begins(struct opcua_events *events)
{
    for (size_t i = 0; i < events->n; i++)
        events->list[i].seen = false;
    events->refreshing = true;
}

static enum kp_code refresh_ends(struct opcua *o, struct kp_err *err)
{
    struct opcua_events *events = o->events;
    const char *keep[ACTIVE_MAX];
    struct kp_err why = { 0 };
    if (!events->refreshing)
        return KP_OK;
    events->refreshing = false;
    for (size_t i = 0; i < events->n;)
        if (events->list[i].seen)
            i++;
        else
            drop_active(events, &events->list[i]);
    for (size_t i = 0; i < events->n; i++)
        keep[i] = events->list[i].key;
    kp_coupling_intervals_end(o->c, KP_INTERVAL_ALARM, keep, events->n, o->now, &why);
    return grave(&why) ? kp_fail(err, why.code, "%s", why.text) : KP_OK;
}

static enum kp_code report(struct opcua *o, const struct opcua_event *e, struct kp_err *err)
{
    switch (e->kind) {
    case OPCUA_PLAIN:
        return report_plain(o, e, err);
    case OPCUA_CONDITION:
        return report_condition(o, e, err);
    case OPCUA_REFRESH_START:
        refresh_begins(o->events);
        return KP_OK;
    case OPCUA_REFRESH_END:
        return refresh_ends(o, err);
    case OPCUA_REFRESH_NEEDED:
        o->events->wanted = true;
        return KP_OK;
    }
    return KP_OK;
}

/* ---- asking for all that is retained ---- */
static enum kp_code refresh(struct opcua *o, struct kp_err *err)
{
    UA_UInt32 subscription = o->items.subscription;
    UA_Variant argument;
    UA_Variant_setScalar(&argument, &subscription, &UA_TYPES[UA_TYPES_UINT32]);
    UA_CallMethodRequest call = {
        .objectId = UA_NODEID_NUMERIC(0, UA_NS0ID_CONDITIONTYPE),
        .methodId = UA_NODEID_NUMERIC(0, UA_NS0ID_CONDITIONTYPE_CONDITIONREFRESH),
        .inputArgumentsSize = 1,
        .inputArguments = &argument,
    };
    UA_CallRequest request = { .methodsToCallSize = 1, .methodsToCall = &call };
    UA_CallResponse answer;
    struct kp_err why = { 0 };
    bool told = false;
    o->events->wanted = false;
    o->events->next = kp_coupling_mono(o->c) + PAUSE;
    if (!kp_opcua_call(o, &request, &UA_TYPES[UA_TYPES_CALLREQUEST], &answer,
                       &UA_TYPES[UA_TYPES_CALLRESPONSE], &why)) {
        told = answer.resultsSize == 1 && answer.results[0].statusCode == UA_STATUSCODE_GOOD;
        UA_CallResponse_clear(&answer);
    }
    if (grave(&why))
        return kp_fail(err, why.code, "%s", why.text);
    /* One that cannot be asked: what it has not told in this session may be over for long. */
    o->events->refreshing = o->events->refreshing || !told;
    return told ? KP_OK : refresh_ends(o, err);
}

enum kp_code kp_opcua_events_turn(struct opcua *o, struct kp_err *err)
{
    struct opcua_events *events = o->events;
    if (!events)
        return KP_OK;
    /* Asking where one belongs lets further ones come: take these away first. */
    while (events->n_pending && !err->code) {
        struct opcua_event *list = events->pending;
        size_t n = events->n_pending;
        events->pending = NULL;
        events->n_pending = events->pending_capacity = 0;
        for (size_t i = 0; i < n; i++) {
            if (!err->code)
                report(o, &list[i], err);
            UA_NodeId_clear(&list[i].source);
        }
        kp_free(list);
    }
    if (!err->code && events->wanted && kp_coupling_mono(o->c) >= events->next)
        refresh(o, err);
    return err->code;
}

/* ---- listening ---- */
struct filter {
    UA_EventFilter filter;
    UA_SimpleAttributeOperand select[OPCUA_EVENT_FIELDS];
    UA_QualifiedName names[OPCUA_EVENT_FIELDS][2];
};

static void filter_fill(struct filter *f, size_t n)
{
    *f = (struct filter){ 0 };
    for (size_t i = 0; i < n; i++) {
        UA_SimpleAttributeOperand *s = &f->select[i];
        s->typeDefinitionId = UA_NODEID_NUMERIC(0, kp_opcua_event_fields[i].type);
        s->attributeId =
            kp_opcua_event_fields[i].names[0] ? UA_ATTRIBUTEID_VALUE : UA_ATTRIBUTEID_NODEID;
        s->browsePath = f->names[i];
        for (; s->browsePathSize < 2 && kp_opcua_event_fields[i].names[s->browsePathSize];
             s->browsePathSize++)
            f->names[i][s->browsePathSize].name =
                kp_opcua_text(kp_opcua_event_fields[i].names[s->browsePathSize]);
    }
    f->filter.selectClauses = f->select;
    f->filter.selectClausesSize = n;
}

static void created(UA_Client *client, void *arg, UA_UInt32 id, UA_CreateMonitoredItemsResponse *r)
{
    struct opcua *o = arg;
    (void)client;
    (void)id;
    if (!o->events)
        return;
    for (size_t i = 0; i < r->resultsSize; i++)
        o->events->items += r->results[i].statusCode == UA_STATUSCODE_GOOD;
    o->events->answered = true;
}

static enum kp_code await(struct opcua *o, struct kp_err *err)
{
    int64_t until = kp_coupling_mono(o->c) + o->set->timeout + 2 * KP_SECOND;
    while (!o->events->answered) {
        if (kp_opcua_iterate(o, 100, err))
            return err->code;
        if (kp_coupling_mono(o->c) > until)
            return kp_fail(err, KP_EPEER, "the server does not answer");
    }
    return KP_OK;
}

/* Listens to some sources with the first n fields. */
static enum kp_code ask(struct opcua *o, const UA_NodeId *ids, size_t n_ids, size_t n,
                        struct kp_err *err)
{
    struct filter f;
    UA_MonitoredItemCreateRequest items[NOTIFIERS_MAX + 1];
    void *contexts[NOTIFIERS_MAX + 1] = { 0 };
    UA_Client_EventNotificationCallback callbacks[NOTIFIERS_MAX + 1];
    filter_fill(&f, n);
    for (size_t i = 0; i < n_ids; i++) {
        items[i] = UA_MonitoredItemCreateRequest_default(ids[i]);
        items[i].itemToMonitor.attributeId = UA_ATTRIBUTEID_EVENTNOTIFIER;
        items[i].requestedParameters.samplingInterval = 0;
        items[i].requestedParameters.queueSize = QUEUE;
        UA_ExtensionObject_setValueNoDelete(&items[i].requestedParameters.filter, &f.filter,
                                            &UA_TYPES[UA_TYPES_EVENTFILTER]);
        callbacks[i] = came;
    }
    UA_CreateMonitoredItemsRequest request = {
        .subscriptionId = o->items.subscription,
        .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER,
        .itemsToCreateSize = n_ids,
        .itemsToCreate = items,
    };
    o->events->answered = false;
    UA_StatusCode status = UA_Client_MonitoredItems_createEvents_async(
        o->client, request, contexts, callbacks, NULL, created, o, NULL);
    if (status != UA_STATUSCODE_GOOD)
        return kp_opcua_explain(o, status, err);
    return await(o, err);
}

/* The server's own object, which passes on what all others send, and those the
 * profiles name. */
static enum kp_code notifiers(struct opcua *o, UA_NodeId *ids, size_t *n, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_profiles profiles;
    ids[(*n)++] = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER);
    if (!kp_opcua_profiles(o, &arena, &profiles, err)) {
        for (size_t i = 0; i < profiles.n; i++) {
            const char *const *named = kp_profile_notifiers(profiles.list[i]);
            for (; named && *named && *n <= NOTIFIERS_MAX; named++) {
                struct kp_err why = { 0 };
                if (!kp_opcua_parse_id(*named, &o->spaces, &ids[*n], &why))
                    (*n)++;
            }
        }
        kp_profiles_free(&profiles);
    }
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_opcua_events_start(struct opcua *o, struct kp_err *err)
{
    UA_NodeId ids[NOTIFIERS_MAX + 1];
    size_t n = 0;
    if (strcmp(o->set->events, "off") == 0)
        return KP_OK;
    o->events = kp_alloc(sizeof *o->events);
    if (!o->events)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    /* A server that does not know conditions may refuse to be asked for what they have. */
    if (!notifiers(o, ids, &n, err) && !ask(o, ids, n, OPCUA_EVENT_FIELDS, err) &&
        o->events->items == 0)
        ask(o, ids, n, OPCUA_EVENT_BASE_FIELDS, err);
    for (size_t i = 0; i < n; i++)
        UA_NodeId_clear(&ids[i]);
    o->events->wanted = o->events->items > 0;
    return err->code;
}

void kp_opcua_events_free(struct opcua *o)
{
    struct opcua_events *events = o->events;
    kp_opcua_sources_free(o);
    if (!events)
        return;
    for (size_t i = 0; i < events->n_pending; i++)
        UA_NodeId_clear(&events->pending[i].source);
    for (size_t i = 0; i < events->n; i++)
        kp_free(events->list[i].key);
    kp_free(events->pending);
    kp_free(events);
    o->events = NULL;
}
