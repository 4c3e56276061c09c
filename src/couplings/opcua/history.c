/* SPDX-License-Identifier: Apache-2.0 */
/* After an outage: for each signal whose server keeps history, the values between the last one
 * known and the first one of this session. In slices between live values; what a server cannot give
 * stays a gap. */
#include "couplings/opcua/opcua_private.h"

#include <string.h>

#include "core/ban.h"

enum { VALUES_MAX = 1000 };       /* in one answer */
#define PATIENCE (60 * KP_SECOND) /* for first values */

struct candidate {
    UA_NodeId id;
    uint32_t item;
    uint8_t keeps; /* bit 0: history may be read, bit 1: it is being kept */
    bool asked, done;
};
struct opcua_history {
    struct opcua *o;
    struct candidate *list;
    size_t n, left;
    struct opcua_reader reader;
    bool asked; /* which of them keep history is known */
    uint32_t outstanding;
    uint64_t filled;
    int64_t until; /* monotonic: no longer waits for first values */
};

/* One HistoryRead under way. */
struct slice {
    struct opcua_history *h;
    struct candidate *of;
};

/* ---- which signals ---- */
static void fill(void *arg, size_t i, UA_ReadValueId *id)
{
    const struct opcua_history *h = arg;
    id->nodeId = h->list[i / 2].id;
    id->attributeId = i % 2 ? UA_ATTRIBUTEID_HISTORIZING : UA_ATTRIBUTEID_ACCESSLEVEL;
}

static void take(void *arg, size_t i, UA_DataValue *v)
{
    struct opcua_history *h = arg;
    struct candidate *c = &h->list[i / 2];
    if (i % 2 == 0 && UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_BYTE]))
        c->keeps |= (*(UA_Byte *)v->value.data & UA_ACCESSLEVELMASK_HISTORYREAD) != 0;
    if (i % 2 == 1 && UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_BOOLEAN]))
        c->keeps |= (uint8_t)(*(UA_Boolean *)v->value.data << 1);
}

static enum kp_code start(struct opcua *o, struct kp_err *err)
{
    struct opcua_history *h = o->history = kp_alloc(sizeof *h);
    if (h)
        h->list = kp_alloc((o->items.n + 1) * sizeof *h->list);
    if (!h || !h->list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < o->items.n && o->set->history > 0; i++) {
        const struct opcua_item *item = &o->items.list[i];
        struct kp_err why = { 0 };
        if (item->refused || item->since == KP_NO_TIME)
            continue;
        if (!kp_opcua_parse_id(item->source, &o->spaces, &h->list[h->n].id, &why))
            h->list[h->n++].item = (uint32_t)i;
    }
    h->o = o;
    h->left = h->n;
    h->until = kp_coupling_mono(o->c) + PATIENCE;
    h->reader =
        (struct opcua_reader){ .o = o, .arg = h, .fill = fill, .take = take, .n = 2 * h->n };
    return KP_OK;
}

/* ---- one signal ---- */
static void finish(struct opcua_history *h, struct candidate *c)
{
    c->done = true;
    h->left--;
}

static int64_t from_time(const struct opcua_history *h, const struct opcua_item *item)
{
    int64_t earliest;
    if (__builtin_sub_overflow(item->first, h->o->set->history, &earliest) ||
        item->since > earliest)
        return item->since;
    return earliest;
}

static void report(struct opcua_history *h, const struct opcua_item *item, UA_DataValue *list,
                   size_t n)
{
    for (size_t i = 0; i < n && !h->o->failure.code; i++) {
        struct kp_sample sample = { .signal = item->id };
        if (!list[i].hasSourceTimestamp)
            continue;
        kp_opcua_sample(&list[i], h->o->now, &h->o->room, &sample);
        if (sample.at <= item->since || sample.at >= item->first)
            continue; /* known already */
        kp_coupling_report_historic(h->o->c, &sample, &h->o->failure);
        h->filled++;
    }
}

static void answered(UA_Client *client, void *arg, UA_UInt32 id, void *response);

static enum kp_code ask(struct opcua_history *h, struct candidate *c, const UA_ByteString *point,
                        struct kp_err *err)
{
    const struct opcua_item *item = &h->o->items.list[c->item];
    struct slice *slice = kp_alloc(sizeof *slice);
    if (!slice)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    *slice = (struct slice){ h, c };
    UA_ReadRawModifiedDetails details = {
        .startTime = kp_opcua_date(from_time(h, item)),
        .endTime = kp_opcua_date(item->first),
        .numValuesPerNode = VALUES_MAX,
    };
    UA_HistoryReadValueId node = { .nodeId = c->id };
    if (point)
        node.continuationPoint = *point;
    UA_HistoryReadRequest request = {
        .timestampsToReturn = UA_TIMESTAMPSTORETURN_SOURCE,
        .nodesToReadSize = 1,
        .nodesToRead = &node,
    };
    UA_ExtensionObject_setValueNoDelete(&request.historyReadDetails, &details,
                                        &UA_TYPES[UA_TYPES_READRAWMODIFIEDDETAILS]);
    UA_StatusCode status =
        __UA_Client_AsyncService(h->o->client, &request, &UA_TYPES[UA_TYPES_HISTORYREADREQUEST],
                                 answered, &UA_TYPES[UA_TYPES_HISTORYREADRESPONSE], slice, NULL);
    if (status != UA_STATUSCODE_GOOD) {
        kp_free(slice);
        return kp_opcua_explain(h->o, status, err);
    }
    h->outstanding++;
    return KP_OK;
}

static void answered(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    struct slice slice = *(struct slice *)arg;
    struct opcua_history *h = slice.h;
    const UA_HistoryReadResponse *r = response;
    struct kp_err err = { 0 };
    (void)client;
    (void)id;
    kp_free(arg);
    h->outstanding--;
    bool good = r->responseHeader.serviceResult == UA_STATUSCODE_GOOD && r->resultsSize == 1 &&
                !UA_StatusCode_isBad(r->results[0].statusCode);
    if (!good) {
        finish(h, slice.of);
        return;
    }
    const UA_ExtensionObject *x = &r->results[0].historyData;
    if (UA_ExtensionObject_hasDecodedType(x, &UA_TYPES[UA_TYPES_HISTORYDATA])) {
        const UA_HistoryData *data = x->content.decoded.data;
        report(h, &h->o->items.list[slice.of->item], data->dataValues, data->dataValuesSize);
    }
    if (r->results[0].continuationPoint.length == 0)
        finish(h, slice.of);
    else if (ask(h, slice.of, &r->results[0].continuationPoint, &err))
        kp_opcua_fail(h->o, err.code, err.text);
}

/* ---- turns ---- */
static enum kp_code fill_turn(struct opcua_history *h, struct kp_err *err)
{
    bool patient = kp_coupling_mono(h->o->c) < h->until;
    for (size_t i = 0; i < h->n && h->outstanding < h->o->limits.calls; i++) {
        struct candidate *c = &h->list[i];
        const struct opcua_item *item = &h->o->items.list[c->item];
        if (c->done || c->asked)
            continue;
        if (c->keeps != 3 || (item->seen ? item->first <= item->since : !patient) ||
            (item->seen && !kp_coupling_can_place(h->o->c, item->first))) {
            finish(h, c);
        } else if (item->seen) {
            c->asked = true;
            if (ask(h, c, NULL, err))
                return err->code;
        }
    }
    return KP_OK;
}

static void forget(struct opcua_history *h)
{
    for (size_t i = 0; i < h->n; i++)
        UA_NodeId_clear(&h->list[i].id);
    kp_free(h->list);
    h->list = NULL;
    h->n = 0;
}

enum kp_code kp_opcua_history_turn(struct opcua *o, struct kp_err *err)
{
    if (!o->history && start(o, err))
        return err->code;
    struct opcua_history *h = o->history;
    if (!h->list)
        return KP_OK;
    if (!h->asked) {
        if (kp_opcua_reader_turn(&h->reader, err))
            return err->code;
        h->asked = kp_opcua_reader_done(&h->reader);
        return KP_OK;
    }
    if (fill_turn(h, err))
        return err->code;
    if (h->left == 0) {
        if (h->filled)
            kp_info("opcua", "history filled in from the server", "coupling=%s values=%llu",
                    kp_coupling_name(o->c), (unsigned long long)h->filled);
        forget(h);
    }
    return KP_OK;
}

void kp_opcua_history_free(struct opcua *o)
{
    if (!o->history)
        return;
    kp_opcua_reader_free(&o->history->reader);
    forget(o->history);
    kp_free(o->history);
    o->history = NULL;
}
