/* SPDX-License-Identifier: Apache-2.0 */
/* One UA_Client with its event loop, and requests that can be given up when the coupling is to end.
 */
#include "couplings/opcua/opcua_private.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "core/ban.h"

/* Guards every coupling's `loop` against being woken while it is freed. */
static pthread_mutex_t loops = PTHREAD_MUTEX_INITIALIZER;

/* ---- log: the library's warnings, each text once in a while ---- */
static bool said_before(const char *text, int64_t now)
{
    enum { KEPT = 16 };
    static _Thread_local struct {
        uint32_t hash;
        int64_t until;
    } said[KEPT];
    uint32_t hash = 2166136261u;
    for (const char *p = text; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    unsigned slot = hash % KEPT;
    if (said[slot].hash == hash && now < said[slot].until)
        return true;
    said[slot].hash = hash;
    said[slot].until = now + 600 * KP_SECOND;
    return false;
}

static void library_log(void *context, UA_LogLevel level, UA_LogCategory category, const char *msg,
                        va_list args)
{
    const struct opcua *o = context;
    char text[256];
    UA_String out = { .length = sizeof text - 1, .data = (UA_Byte *)text };
    (void)category;
    if (level < UA_LOGLEVEL_WARNING || o->closing)
        return;
    UA_String_vformat(&out, msg, args);
    text[out.length < sizeof text ? out.length : sizeof text - 1] = 0;
    if (!said_before(text, kp_coupling_mono(o->c)))
        kp_warn("opcua", "the OPC UA library says", "coupling=%s text=%s", kp_coupling_name(o->c),
                kp_log_quote(text));
}

/* ---- life ---- */
static UA_EventLoop *loop_new(struct opcua *o)
{
    UA_EventLoop *loop = UA_EventLoop_new_POSIX(&o->logger);
    UA_ConnectionManager *tcp = UA_ConnectionManager_new_POSIX_TCP(kp_opcua_text("tcp"));
    if (loop && tcp && loop->registerEventSource(loop, &tcp->eventSource) == UA_STATUSCODE_GOOD)
        return loop;
    if (tcp)
        tcp->eventSource.free(&tcp->eventSource);
    if (loop)
        loop->free(loop);
    return NULL;
}

static void loop_free(UA_EventLoop *loop)
{
    if (loop->state != UA_EVENTLOOPSTATE_FRESH && loop->state != UA_EVENTLOOPSTATE_STOPPED) {
        loop->stop(loop);
        while (loop->state != UA_EVENTLOOPSTATE_STOPPED)
            loop->run(loop, 10);
    }
    loop->free(loop);
}

static void set_loop(struct opcua *o, UA_EventLoop *loop)
{
    pthread_mutex_lock(&loops);
    o->loop = loop;
    pthread_mutex_unlock(&loops);
}

void kp_opcua_wake(struct kp_coupling *c)
{
    struct opcua *o = kp_coupling_state(c);
    pthread_mutex_lock(&loops);
    if (o->loop)
        o->loop->cancel(o->loop);
    pthread_mutex_unlock(&loops);
}

/* The library's states: a server that closes while the channel is being secured does not want our
 * certificate, but few say so. */
static void state_changed(UA_Client *client, UA_SecureChannelState channel, UA_SessionState session,
                          UA_StatusCode status)
{
    struct opcua *o = UA_Client_getContext(client);
    (void)session;
    (void)status;
    if (channel == UA_SECURECHANNELSTATE_OPN_SENT)
        o->hangups++;
    else if (channel == UA_SECURECHANNELSTATE_OPEN)
        o->hangups = 0;
}

static void link_inactive(UA_Client *client)
{
    struct opcua *o = UA_Client_getContext(client);
    o->inactive = true;
}

static void subscription_inactive(UA_Client *client, UA_UInt32 id, void *context)
{
    (void)id;
    (void)context;
    link_inactive(client);
}

enum kp_code kp_opcua_client(struct opcua *o, UA_ClientConfig *cc, struct kp_err *err)
{
    o->logger = (UA_Logger){ .log = library_log, .context = o };
    UA_EventLoop *loop = loop_new(o);
    if (!loop) {
        UA_ClientConfig_clear(cc);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    cc->logging = &o->logger;
    cc->eventLoop = loop;
    cc->externalEventLoop = true;
    cc->clientContext = o;
    cc->timeout = (UA_UInt32)kp_opcua_ms(o->set->timeout);
    cc->requestedSessionTimeout =
        30000; /* a lost session must not block one of the server's few for long */
    cc->stateCallback = state_changed;
    cc->inactivityCallback = link_inactive;
    cc->subscriptionInactivityCallback = subscription_inactive;
    assert(
        cc->certificateVerification.verifyCertificate); /* else the library would accept anyone */
    UA_StatusCode code = UA_ClientConfig_setDefault(cc);
    cc->localConnectionConfig.localMaxMessageSize = 128u << 20;
    if (code == UA_STATUSCODE_GOOD)
        o->client = UA_Client_newWithConfig(cc);
    if (!o->client) {
        UA_ClientConfig_clear(cc);
        loop_free(loop);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    set_loop(o, loop);
    o->inactive = false;
    o->hangups = 0;
    return KP_OK;
}

/* Says goodbye, so that the server does not keep the session; waits for the answer, but not for a
 * server that hangs. */
static void part(struct opcua *o)
{
    int64_t until = kp_coupling_mono(o->c) + 500 * KP_MILLISECOND;
    UA_SecureChannelState channel = UA_SECURECHANNELSTATE_CLOSING;
    UA_Client_getConfig(o->client)->noReconnect = true;
    UA_Client_disconnectAsync(o->client);
    while (kp_coupling_mono(o->c) < until) {
        UA_Client_getState(o->client, &channel, NULL, NULL);
        if (channel == UA_SECURECHANNELSTATE_CLOSED)
            break;
        /* closing itself needs turns, but nothing to wait for */
        o->loop->run(o->loop, channel == UA_SECURECHANNELSTATE_CLOSING ? 0 : 20);
    }
}

void kp_opcua_client_free(struct opcua *o)
{
    if (!o->client)
        return;
    o->closing = true; /* what it logs of the end is no news */
    part(o);
    UA_Client_delete(o->client);
    o->closing = false;
    o->client = NULL;
    UA_EventLoop *loop = o->loop;
    set_loop(o, NULL);
    loop_free(loop);
}

/* ---- iterate ---- */
void kp_opcua_fail(struct opcua *o, enum kp_code code, const char *text)
{
    kp_fail(&o->failure, code, "%s", text);
}

enum kp_code kp_opcua_iterate(struct opcua *o, int ms, struct kp_err *err)
{
    if (kp_coupling_stopping(o->c))
        return kp_fail(err, KP_ESTOPPED, "stopping");
    o->now = kp_coupling_utc(o->c);
    UA_StatusCode status = UA_Client_run_iterate(o->client, (UA_UInt32)ms);
    if (o->failure.code)
        return kp_fail(err, o->failure.code, "%s", o->failure.text);
    if (status != UA_STATUSCODE_GOOD)
        return kp_opcua_explain(o, status, err);
    return KP_OK;
}

/* ---- one request ---- */
struct call {
    void *response;
    const UA_DataType *type;
    bool answered, abandoned;
};

static void answered(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    struct call *call = arg;
    (void)client;
    (void)id;
    if (call->abandoned) {
        kp_free(call);
        return;
    }
    /* The library would clear the response: leave it an empty one. */
    memcpy(call->response, response, call->type->memSize);
    memset(response, 0, call->type->memSize);
    call->answered = true;
}

static enum kp_code await(struct opcua *o, const struct call *call, struct kp_err *err)
{
    int64_t until = kp_coupling_mono(o->c) + o->set->timeout + 2 * KP_SECOND;
    while (!call->answered) {
        if (kp_opcua_iterate(o, 200, err))
            return err->code;
        if (!call->answered && kp_coupling_mono(o->c) > until)
            return kp_fail(err, KP_EPEER, "the server does not answer");
    }
    return KP_OK;
}

enum kp_code kp_opcua_call(struct opcua *o, const void *request, const UA_DataType *request_type,
                           void *response, const UA_DataType *response_type, struct kp_err *err)
{
    struct kp_err none = { 0 };
    if (!err)
        err = &none;
    memset(response, 0, response_type->memSize);
    struct call *call = kp_alloc(sizeof *call);
    if (!call)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    *call = (struct call){ .response = response, .type = response_type };
    UA_StatusCode status = __UA_Client_AsyncService(o->client, request, request_type, answered,
                                                    response_type, call, NULL);
    if (status != UA_STATUSCODE_GOOD) {
        kp_free(call);
        return kp_opcua_explain(o, status, err);
    }
    if (await(o, call, err) && !call->answered) {
        call->abandoned = true; /* freed by its late answer, or by the client's end */
        return err->code;
    }
    kp_free(call);
    UA_StatusCode result = ((UA_ResponseHeader *)response)->serviceResult;
    if (err->code || result != UA_STATUSCODE_GOOD) {
        UA_clear(response, response_type);
        return err->code ? err->code : kp_opcua_explain(o, result, err);
    }
    return KP_OK;
}

/* ---- many reads ---- */
bool kp_opcua_too_much(UA_StatusCode status)
{
    switch (status) {
    case UA_STATUSCODE_BADTOOMANYOPERATIONS:
    case UA_STATUSCODE_BADRESPONSETOOLARGE:
    case UA_STATUSCODE_BADREQUESTTOOLARGE:
    case UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED:
    case UA_STATUSCODE_BADTCPMESSAGETOOLARGE:
    case UA_STATUSCODE_BADTIMEOUT:
    case UA_STATUSCODE_BADTOOMANYMONITOREDITEMS:
        return true;
    default:
        return false;
    }
}

struct opcua_part {         /* one request of a reader */
    struct opcua_reader *r; /* NULL: the reader has gone */
    struct opcua_part *next;
    struct opcua_range range;
};

static void part_leave(struct opcua_part *part)
{
    struct opcua_part **at = &part->r->parts;
    while (*at != part)
        at = &(*at)->next;
    *at = part->next;
    part->r->outstanding--;
}

static void read_again(struct opcua_reader *r, struct opcua_range range)
{
    if (!kp_grow(&r->again, &r->again_capacity, r->n_again + 1, sizeof *r->again))
        r->failed = KP_ENOMEM;
    else
        r->again[r->n_again++] = range;
}

static void read_answered(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    struct opcua_part *part = arg;
    struct opcua_reader *r = part->r;
    struct opcua_range range = part->range;
    UA_ReadResponse *answer = response;
    (void)client;
    (void)id;
    if (r)
        part_leave(part);
    kp_free(part);
    if (!r)
        return;
    UA_StatusCode status = answer->responseHeader.serviceResult;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize == range.to - range.from) {
        for (size_t i = 0; i < answer->resultsSize; i++)
            r->take(r->arg, range.from + i, &answer->results[i]);
    } else if (kp_opcua_too_much(status) && range.to - range.from > 1) {
        size_t middle = range.from + (range.to - range.from) / 2;
        r->batch = (uint32_t)(middle - range.from);
        read_again(r, (struct opcua_range){ range.from, middle });
        read_again(r, (struct opcua_range){ middle, range.to });
    } else { /* a server that cannot answer for these: they stay unknown */
        UA_DataValue none = { .hasStatus = true,
                              .status = status ? status : UA_STATUSCODE_BADUNEXPECTEDERROR };
        for (size_t i = range.from; i < range.to; i++)
            r->take(r->arg, i, &none);
    }
}

static enum kp_code read_send(struct opcua_reader *r, struct opcua_range range, struct kp_err *err)
{
    UA_ReadRequest request = { .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER };
    struct opcua_part *part = kp_alloc(sizeof *part);
    request.nodesToReadSize = range.to - range.from;
    request.nodesToRead = kp_alloc(request.nodesToReadSize * sizeof *request.nodesToRead);
    if (!part || !request.nodesToRead) {
        kp_free(part);
        kp_free(request.nodesToRead);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    *part = (struct opcua_part){ .r = r, .range = range };
    for (size_t i = 0; i < request.nodesToReadSize; i++)
        r->fill(r->arg, range.from + i, &request.nodesToRead[i]);
    UA_StatusCode status =
        __UA_Client_AsyncService(r->o->client, &request, &UA_TYPES[UA_TYPES_READREQUEST],
                                 read_answered, &UA_TYPES[UA_TYPES_READRESPONSE], part, NULL);
    kp_free(request.nodesToRead);
    if (status == UA_STATUSCODE_GOOD) {
        part->next = r->parts;
        r->parts = part;
        r->outstanding++;
        return KP_OK;
    }
    kp_free(part);
    return kp_opcua_explain(r->o, status, err);
}

enum kp_code kp_opcua_reader_turn(struct opcua_reader *r, struct kp_err *err)
{
    if (r->batch == 0)
        r->batch = r->o->limits.read;
    while (r->outstanding < r->o->limits.calls && !r->failed) {
        struct opcua_range range = { r->next,
                                     r->n - r->next > r->batch ? r->next + r->batch : r->n };
        if (r->n_again)
            range = r->again[--r->n_again];
        else
            r->next = range.to;
        if (range.from == range.to)
            break;
        if (read_send(r, range, err))
            return err->code;
    }
    return r->failed ? kp_fail(err, r->failed, "out of memory") : KP_OK;
}

bool kp_opcua_reader_done(const struct opcua_reader *r)
{
    return r->next == r->n && r->outstanding == 0 && r->n_again == 0;
}

void kp_opcua_reader_free(struct opcua_reader *r)
{
    for (struct opcua_part *part = r->parts; part; part = part->next)
        part->r = NULL; /* freed by its answer, or by the client's end */
    r->parts = NULL;
    r->outstanding = 0;
    kp_free(r->again);
    r->again = NULL;
    r->n_again = r->again_capacity = 0;
}

enum kp_code kp_opcua_read_all(struct opcua_reader *r, struct kp_err *err)
{
    while (!kp_opcua_reader_turn(r, err) && !kp_opcua_reader_done(r))
        if (kp_opcua_iterate(r->o, 200, err))
            break;
    return err->code;
}
