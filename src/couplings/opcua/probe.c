/* SPDX-License-Identifier: Apache-2.0 */
/* Asks an OPC UA server what it is, over a connection that is there already: a channel without
 * protection, GetEndpoints and FindServers, then the channel is closed; no session is made (OPC
 * 10000-6, 7.1 and 6.7; 10000-4, 5.5). The library encodes and decodes, the frames around that are
 * made here. */
#include "couplings/discover/probe.h"
#include "couplings/opcua/opcua_private.h"

#include <open62541/types_generated.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum {
    MESSAGE_MAX = 1 << 20,
    CHUNK_MAX = 65536,
    CHUNKS_MAX = 64,
    ANSWER_MS = 2000,
    ASK_MAX = 1024,
    SERVERS_MAX = 16,
    HEAD = 8
};

struct asking {
    struct kp_probe *p;
    uint32_t channel, token, sequence, request;
    char url[128];
};

static void put32(unsigned char *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(v >> (8 * i));
}

static uint32_t get32(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ---- frames ---- */

static bool greet(struct asking *a)
{
    unsigned char ask[ASK_MAX] = "HELF", ack[28];
    uint32_t len = (uint32_t)strlen(a->url),
             words[] = { 0, CHUNK_MAX, CHUNK_MAX, MESSAGE_MAX, CHUNKS_MAX, len };
    put32(ask + 4, HEAD + sizeof words + len);
    for (size_t i = 0; i < 6; i++)
        put32(ask + HEAD + 4 * i, words[i]);
    memcpy(ask + HEAD + sizeof words, a->url, len);
    return kp_probe_send(a->p, ask, HEAD + sizeof words + len) && kp_probe_read(a->p, ack, HEAD) &&
           memcmp(ack, "ACKF", 4) == 0 && get32(ack + 4) == sizeof ack &&
           kp_probe_read(a->p, ack + HEAD, sizeof ack - HEAD);
}

/* One message in one chunk: its head, then the type's number and the body. */
static bool ask(struct asking *a, const char *kind, const void *request, const UA_DataType *type)
{
    static const char policy[] = "http://opcfoundation.org/UA/SecurityPolicy#None";
    unsigned char out[ASK_MAX] = { 0 };
    size_t n = HEAD;
    memcpy(out, kind, 3);
    out[3] = 'F';
    put32(out + n, a->channel);
    n += 4;
    if (memcmp(kind, "OPN", 3) == 0) {
        put32(out + n, sizeof policy - 1);
        memcpy(out + n + 4, policy, sizeof policy - 1);
        n += 4 + sizeof policy - 1;
        memset(out + n, 0xff, 8); /* no certificate, no thumbprint */
        n += 8;
    } else {
        put32(out + n, a->token);
        n += 4;
    }
    put32(out + n, ++a->sequence);
    put32(out + n + 4, ++a->request);
    UA_UInt32 number = type->binaryEncodingId.identifier.numeric;
    const unsigned char id[] = { 1, 0, (unsigned char)number, (unsigned char)(number >> 8) };
    memcpy(out + n + 8, id, sizeof id);
    n += 8 + sizeof id;
    UA_ByteString body = { .length = sizeof out - n, .data = out + n };
    if (UA_encodeBinary(request, type, &body, NULL) != UA_STATUSCODE_GOOD)
        return false;
    n += body.length;
    put32(out + 4, (uint32_t)n);
    return kp_probe_send(a->p, out, n);
}

/* The next chunk's body, behind its sequence, is added to `message`; *last: the message is whole.
 */
static bool take_chunk(struct asking *a, struct kp_buf *message, bool *last)
{
    unsigned char head[HEAD], *chunk;
    if (!kp_probe_read(a->p, head, HEAD))
        return false;
    uint32_t n = get32(head + 4);
    bool opens = memcmp(head, "OPN", 3) == 0;
    if ((!opens && memcmp(head, "MSG", 3) != 0) || (head[3] != 'F' && head[3] != 'C') ||
        n <= HEAD || n > CHUNK_MAX)
        return false;
    n -= HEAD;
    if (!(chunk = kp_alloc(n)))
        return false;
    size_t at = opens ? 4 : 8; /* channel, and token or, of the channel's opening, three texts */
    bool whole = kp_probe_read(a->p, chunk, n);
    for (int i = 0; whole && opens && i < 3; i++) {
        uint32_t len = at + 4 <= n ? get32(chunk + at) : 0;
        len = len == UINT32_MAX ? 0 : len;
        whole = at + 4 <= n && len <= n - at - 4;
        at += 4u + (whole ? len : 0);
    }
    whole = whole && at + 8 <= n;
    if (whole)
        kp_buf_add(message, chunk + at + 8, n - at - 8);
    kp_free(chunk);
    *last = head[3] == 'F';
    return whole && !message->failed;
}

static bool take(struct asking *a, void *response, const UA_DataType *type)
{
    struct kp_buf message;
    bool last = false, good = true;
    kp_buf_init(&message, MESSAGE_MAX);
    for (int i = 0; i < CHUNKS_MAX && good && !last; i++)
        good = take_chunk(a, &message, &last);
    const unsigned char *m = (const unsigned char *)message.data;
    UA_UInt32 number = type->binaryEncodingId.identifier.numeric;
    good = good && last && message.len > 4 && m[0] == 1 && m[1] == 0 &&
           (m[2] | (unsigned)m[3] << 8) == number;
    if (good) {
        UA_ByteString body = { .length = message.len - 4, .data = (UA_Byte *)message.data + 4 };
        good = UA_decodeBinary(&body, response, type, NULL) == UA_STATUSCODE_GOOD;
    }
    kp_buf_free(&message);
    return good;
}

/* ---- the talk ---- */

static bool open_channel(struct asking *a)
{
    UA_OpenSecureChannelRequest q;
    UA_OpenSecureChannelResponse r;
    UA_OpenSecureChannelRequest_init(&q);
    UA_OpenSecureChannelResponse_init(&r);
    q.requestHeader.timestamp = UA_DateTime_now();
    q.requestHeader.timeoutHint = ANSWER_MS;
    q.requestType = UA_SECURITYTOKENREQUESTTYPE_ISSUE;
    q.securityMode = UA_MESSAGESECURITYMODE_NONE;
    q.requestedLifetime = 60000;
    bool good = ask(a, "OPN", &q, &UA_TYPES[UA_TYPES_OPENSECURECHANNELREQUEST]) &&
                take(a, &r, &UA_TYPES[UA_TYPES_OPENSECURECHANNELRESPONSE]) &&
                r.responseHeader.serviceResult == UA_STATUSCODE_GOOD;
    a->channel = r.securityToken.channelId;
    a->token = r.securityToken.tokenId;
    UA_OpenSecureChannelResponse_clear(&r);
    return good;
}

static void close_channel(struct asking *a)
{
    UA_CloseSecureChannelRequest q;
    UA_CloseSecureChannelRequest_init(&q);
    q.requestHeader.timestamp = UA_DateTime_now();
    ask(a, "CLO", &q, &UA_TYPES[UA_TYPES_CLOSESECURECHANNELREQUEST]);
}

/* ---- what it says ---- */

static void take_text(char *out, size_t size, const UA_String *s)
{
    kp_probe_text(out, size, s->data, s->length);
}

static const char *short_name(const UA_String *policy, char out[64])
{
    char text[160];
    take_text(text, sizeof text, policy);
    const char *hash = strchr(text, '#');
    snprintf(out, 64, "%.60s", hash ? hash + 1 : text);
    return out;
}

static void list_security(const UA_GetEndpointsResponse *r, char *out, size_t size)
{
    static const char *const modes[] = { "", "", " sign", " encrypt" };
    size_t n = (size_t)snprintf(out, size, "security: ");
    bool begun = false;
    for (size_t i = 0; i < r->endpointsSize && n < size; i++) {
        char policy[64], one[96];
        unsigned mode = (unsigned)r->endpoints[i].securityMode;
        snprintf(one, sizeof one, "%s%s", short_name(&r->endpoints[i].securityPolicyUri, policy),
                 mode < 4 ? modes[mode] : "");
        if (strstr(out, one))
            continue;
        n += (size_t)snprintf(out + n, size - n, "%s%s", begun ? ", " : "", one);
        begun = true;
    }
}

/* The path that the server has behind its port: opc.tcp://host:4840/path */
static void path_of(const UA_String *url, char out[128])
{
    char text[KP_DISCOVER_TEXT];
    take_text(text, sizeof text, url);
    const char *host = strstr(text, "://"), *slash = host ? strchr(host + 3, '/') : NULL;
    snprintf(out, 128, "%s", slash && slash[1] ? slash : "");
}

static void describe(struct kp_discover_found *f, const UA_ApplicationDescription *a)
{
    take_text(f->name, sizeof f->name, &a->applicationName.text);
    take_text(f->product, sizeof f->product, &a->productUri);
    if (!*f->name)
        take_text(f->name, sizeof f->name, &a->applicationUri);
}

static void tell_server(struct asking *a, const UA_GetEndpointsResponse *r)
{
    struct kp_discover_found f = kp_probe_begin(a->p, "opcua");
    char path[128] = "";
    if (r->endpointsSize) {
        describe(&f, &r->endpoints[0].server);
        path_of(&r->endpoints[0].endpointUrl, path);
        list_security(r, f.detail, sizeof f.detail);
    }
    kp_probe_couple(&f, "opc.tcp", 4840, path, NULL, 0);
    kp_probe_tell(a->p, &f);
}

/* Others that it knows, as a discovery server does: told by what it says of them, not asked, for
 * nobody named them. */
static void tell_others(struct asking *a, const UA_FindServersResponse *r, const UA_String *own)
{
    for (size_t i = 0, told = 0; i < r->serversSize && told < SERVERS_MAX; i++) {
        const UA_ApplicationDescription *s = &r->servers[i];
        struct kp_discover_found f = kp_probe_begin(a->p, "opcua");
        char url[200] = "";
        if (UA_String_equal(&s->applicationUri, own) ||
            s->applicationType == UA_APPLICATIONTYPE_CLIENT)
            continue;
        describe(&f, s);
        if (s->discoveryUrlsSize)
            take_text(url, sizeof url, &s->discoveryUrls[0]);
        snprintf(f.detail, sizeof f.detail, "known to this server, at %.180s",
                 *url ? url : "an address it does not tell");
        kp_probe_tell(a->p, &f);
        told++;
    }
}

static void find_servers(struct asking *a, const UA_String *own)
{
    UA_FindServersRequest q;
    UA_FindServersResponse r;
    UA_FindServersRequest_init(&q);
    UA_FindServersResponse_init(&r);
    q.requestHeader.timestamp = UA_DateTime_now();
    q.endpointUrl = kp_opcua_text(a->url);
    if (ask(a, "MSG", &q, &UA_TYPES[UA_TYPES_FINDSERVERSREQUEST]) &&
        take(a, &r, &UA_TYPES[UA_TYPES_FINDSERVERSRESPONSE]) &&
        r.responseHeader.serviceResult == UA_STATUSCODE_GOOD)
        tell_others(a, &r, own);
    UA_FindServersResponse_clear(&r);
}

static void get_endpoints(struct asking *a)
{
    UA_GetEndpointsRequest q;
    UA_GetEndpointsResponse r;
    UA_GetEndpointsRequest_init(&q);
    UA_GetEndpointsResponse_init(&r);
    q.requestHeader.timestamp = UA_DateTime_now();
    q.endpointUrl = kp_opcua_text(a->url);
    bool good = ask(a, "MSG", &q, &UA_TYPES[UA_TYPES_GETENDPOINTSREQUEST]) &&
                take(a, &r, &UA_TYPES[UA_TYPES_GETENDPOINTSRESPONSE]) &&
                r.responseHeader.serviceResult == UA_STATUSCODE_GOOD;
    tell_server(a, &r);
    if (good && r.endpointsSize)
        find_servers(a, &r.endpoints[0].server.applicationUri);
    UA_GetEndpointsResponse_clear(&r);
}

bool kp_probe_opcua(struct kp_probe *p)
{
    struct asking a = { .p = p };
    bool six = strchr(p->target.host, ':');
    snprintf(a.url, sizeof a.url, "opc.tcp://%s%s%s:%u", six ? "[" : "", p->target.host,
             six ? "]" : "", p->port);
    kp_probe_within(p, ANSWER_MS);
    if (!greet(&a))
        return false;
    if (open_channel(&a)) {
        get_endpoints(&a);
        close_channel(&a);
    } else {
        struct kp_discover_found f = kp_probe_begin(p, "opcua");
        snprintf(f.detail, sizeof f.detail,
                 "it opens no channel without protection, so it does not tell what it is");
        kp_probe_couple(&f, "opc.tcp", 4840, "", NULL, 0);
        kp_probe_tell(p, &f);
    }
    return true;
}
