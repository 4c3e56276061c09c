/* SPDX-License-Identifier: Apache-2.0 */
/* The one file that knows libmicrohttpd. Each listener has one thread of the library, which reads requests
 * and writes replies and never waits for anything else: what may wait suspends its connection, runs on a worker,
 * and resumes it.
 *
 * An exchange is one request and its reply. Its connection owns it, and so does the worker while its handler
 * runs; who leaves last disposes of it. Locks, in this order: the keeper's, an exchange's, the library's. */
#include "web/keeper.h"
#include "web/lan.h"
#include "web/listen.h"
#include "web/oidc.h"
#include "web/pool.h"
#include "web/routes.h"

#include "core/log.h"
#include "net/gzip.h"
#include "share/share.h"
#include "web/body.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ban.h"

enum {
    LOCAL_CONNECTIONS = 200, /* each listener has its own, so that a flood at one does not shut people out at the others */
    TCP_CONNECTIONS = 800,
    LAN_CONNECTIONS = 400,
    LAN_PER_ADDRESS = 250,
    IDLE_S = 30,
    HEADER_BYTES = 32 << 10,  /* request line, headers and the output buffer */
    HEARTBEAT_S = 15,
    UNREAD_S = 300, /* who reads nothing for so long is gone */
    FLOW_PIECE_MAX = 16 << 20, /* one piece of a flow; a message is far smaller */
    FLOW_KEEP = 64 << 10,
};

struct listener {
    struct kp_web *web;
    struct door *door; /* NULL: at this machine only */
    bool local, tls, partners;
    struct kp_crowd crowd;
    struct MHD_Daemon *daemon;
    struct kp_kept kept; /* turned by the keeper; fd 0: by a thread of its own */
};

struct door { /* a way in from other machines; its sockets come from a porter */
    struct kp_web *web;
    bool partners;
    struct kp_lan *lan;
    struct listener tls, plain;
    struct kp_job turn;
    atomic_bool turning;
};

struct kp_web {
    struct kp_node *node;
    struct kp_sessions *sessions;
    struct kp_guard *guard;
    struct kp_oidc *oidc;
    struct kp_keeper *keeper;
    struct kp_pool *pool;
    struct listener local, tcp;
    struct door lan, partners;
    char *socket_path;
    char host[KP_HOST_MAX];
    unsigned port;
    atomic_bool stopping;
};

enum phase { RECEIVING, WORKING, READY };

struct kp_exchange {
    struct kp_request request;
    struct kp_job job;
    struct kp_later later;
    struct listener *listener;
    struct kp_guest *guest;
    struct MHD_Connection *connection;
    struct kp_buf body;
    bool too_large, gzip; /* gzip: the client can read it */

    pthread_mutex_t lock; /* guards what follows */
    enum phase phase;
    bool running;   /* a worker is in its handler */
    bool completed; /* its connection has let go of it */
    bool suspended; /* a flow waits for more */
    void (*cancel)(void *);
    void *cancel_arg;
    bool flowing, finished, again; /* again: woken since the last look */
    struct kp_flow flow;
    struct kp_buf out; /* of a flow: written, not yet sent */
    size_t sent;
    int64_t last, woken; /* monotonic: when something was sent; when it last had to wait no more */
};

static int64_t mono(const struct kp_web *web)
{
    return kp_mono(kp_hub_clock(kp_node_hub(web->node)));
}

static void run(struct kp_job *);

/* ---- the life of an exchange ---- */

static void exchange_free(struct kp_exchange *x)
{
    kp_request_free(&x->request);
    kp_buf_free(&x->body);
    kp_buf_free(&x->out);
    pthread_mutex_destroy(&x->lock);
    kp_free(x);
}

static void end_flow(struct kp_later *later)
{
    struct kp_exchange *x = (struct kp_exchange *)((char *)later - offsetof(struct kp_exchange, later));
    x->flow.end(x->flow.self);
    exchange_free(x);
}

/* After connection and worker have both left. Ending a flow may wait for the hub: not in this thread. */
static void dispose(struct kp_exchange *x)
{
    if (x->flowing && x->flow.end) {
        x->later.run = end_flow;
        kp_keeper_later(x->listener->web->keeper, &x->later);
    } else {
        exchange_free(x);
    }
}

static void find_address(struct MHD_Connection *connection, char out[KP_FROM_MAX])
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = i ? i->client_addr : NULL;
    const void *from = !a ? NULL
                       : a->sa_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr
                                                  : (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
    if (!from || !inet_ntop(a->sa_family, from, out, KP_FROM_MAX))
        snprintf(out, KP_FROM_MAX, "unknown");
}

/* Behind a proxy on this machine it is who the proxy says, who adds him last; only for the log. */
static void find_client(struct MHD_Connection *connection, bool proxy, char out[KP_FROM_MAX])
{
    struct in6_addr any;
    find_address(connection, out);
    const char *said = proxy && (strcmp(out, "127.0.0.1") == 0 || strcmp(out, "::1") == 0)
                           ? MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Forwarded-For")
                           : NULL;
    const char *last = said ? strrchr(said, ',') : NULL;
    last = last ? last + 1 : said;
    last = last ? last + strspn(last, " ") : "";
    if (inet_pton(AF_INET, last, &any) == 1 || inet_pton(AF_INET6, last, &any) == 1)
        snprintf(out, KP_FROM_MAX, "%s", last);
}

static struct kp_exchange *exchange_new(struct listener *listener, struct MHD_Connection *connection,
                                     struct kp_guest *guest)
{
    struct kp_exchange *x = kp_alloc(sizeof *x);
    if (!x)
        return NULL;
    kp_request_init(&x->request, listener->web->node);
    x->request.exchange = x;
    x->request.web = listener->web;
    x->request.sessions = listener->web->sessions;
    x->request.guard = listener->web->guard;
    x->request.oidc = listener->web->oidc;
    x->request.port = listener->door ? kp_lan_port(listener->door->lan) : listener->web->port;
    x->request.client = (struct kp_client){
        .local = listener->local,
        .tls = listener->tls,
        .partner = listener->partners,
        .host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"),
        .authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"),
        .cookie = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Cookie"),
        .koppel = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Koppel"),
        .content_type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type"),
        .accept_encoding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding"),
        .content_encoding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Encoding"),
        .origin = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin"),
        .fetch_site = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site"),
        .agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent"),
        .accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept"),
        .mcp_version = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "MCP-Protocol-Version"),
        .mcp_method = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Mcp-Method"),
        .mcp_name = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Mcp-Name"),
    };
    if (!listener->local)
        find_client(connection, listener->partners && !listener->tls, x->request.client.from);
    const char *codings = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding");
    x->gzip = codings && strstr(codings, "gzip") && !strstr(codings, "gzip;q=0");
    x->listener = listener;
    x->job.run = run;
    x->guest = guest;
    x->connection = connection;
    kp_buf_init(&x->body, KP_BODY_MAX);
    kp_buf_init(&x->out, FLOW_PIECE_MAX);
    pthread_mutex_init(&x->lock, NULL);
    return x;
}

/* ---- flows ---- */

/* Any thread. */
static void resume(struct kp_exchange *x)
{
    struct listener *l = x->listener;
    MHD_resume_connection(x->connection);
    if (l->kept.fd) /* the library does not tell who turns it */
        kp_keeper_hurry(l->web->keeper, &l->kept);
}

enum kp_code kp_flow_begin(struct kp_request *r, const char *type, struct kp_flow flow, struct kp_err *err)
{
    struct kp_exchange *x = r->exchange;
    if (!x || x->listener->web->stopping)
        return kp_fail(err, KP_ESTOPPED, "the node is stopping");
    r->reply.type = type;
    kp_keeper_watch(x->listener->web->keeper, x->guest);
    pthread_mutex_lock(&x->lock);
    x->flow = flow;
    x->flowing = true;
    x->phase = READY;
    x->last = mono(x->listener->web);
    resume(x);
    pthread_mutex_unlock(&x->lock);
    return KP_OK;
}

/* Lock held. */
static void wake(struct kp_exchange *x)
{
    x->again = true;
    if (x->suspended && !x->completed) {
        x->suspended = false;
        x->woken = mono(x->listener->web);
        resume(x);
    }
}

void kp_flow_wake(struct kp_request *r)
{
    struct kp_exchange *x = r->exchange;
    pthread_mutex_lock(&x->lock);
    wake(x);
    pthread_mutex_unlock(&x->lock);
}

bool kp_flow_stopping(const struct kp_request *r)
{
    return r->exchange->listener->web->stopping;
}

/* Under the lock that kp_web_stop takes before it ends the workers. */
bool kp_flow_work(struct kp_request *r, struct kp_job *job)
{
    struct kp_exchange *x = r->exchange;
    pthread_mutex_lock(&x->lock);
    bool taken = !x->listener->web->stopping && kp_pool_push(x->listener->web->pool, job, false);
    pthread_mutex_unlock(&x->lock);
    return taken;
}

bool kp_flow_add(struct kp_request *r, const char *text)
{
    struct kp_exchange *x = r->exchange;
    pthread_mutex_lock(&x->lock);
    kp_buf_str(&x->out, text);
    wake(x);
    bool there = !x->completed && !r->gone && !x->out.failed && !x->listener->web->stopping;
    pthread_mutex_unlock(&x->lock);
    return there;
}

static ssize_t send_piece(struct kp_exchange *x, char *to, size_t max)
{
    size_t n = x->out.len - x->sent < max ? x->out.len - x->sent : max;
    memcpy(to, x->out.data + x->sent, n);
    x->sent += n;
    x->last = mono(x->listener->web);
    if (x->sent < x->out.len)
        return (ssize_t)n;
    x->sent = x->out.len = 0;
    if (x->out.capacity > FLOW_KEEP) {
        kp_buf_free(&x->out);
        kp_buf_init(&x->out, FLOW_PIECE_MAX);
    }
    return (ssize_t)n;
}

/* The library asks for more of a flow: from what is written, else from `fill`, else it waits. `fill` runs
 * without the lock, because whoever wakes us may hold the lock that `fill` needs. */
static ssize_t read_flow(void *cls, uint64_t pos, char *to, size_t max)
{
    (void)pos;
    struct kp_exchange *x = cls;
    pthread_mutex_lock(&x->lock);
    for (;;) {
        if (x->request.gone || x->out.failed)
            break;
        if (x->out.len > x->sent) {
            ssize_t n = send_piece(x, to, max);
            pthread_mutex_unlock(&x->lock);
            return n;
        }
        bool stopping = x->flow.fill && x->listener->web->stopping, more = !x->finished && !stopping;
        if (stopping && x->flow.document)
            break;
        x->again = false;
        if (more && x->flow.fill) {
            pthread_mutex_unlock(&x->lock);
            more = x->flow.fill(x->flow.self, &x->out);
            pthread_mutex_lock(&x->lock);
        }
        if (!more) {
            pthread_mutex_unlock(&x->lock);
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (!x->out.len && !x->again && !x->out.failed) {
            x->suspended = true;
            MHD_suspend_connection(x->connection);
            pthread_mutex_unlock(&x->lock);
            return 0;
        }
    }
    pthread_mutex_unlock(&x->lock);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* ---- what the keeper tells us (its lock is held) ---- */

/* Ends what may go on for long: a query is interrupted, a flow looks up. */
static void cut_short(void *request)
{
    struct kp_exchange *x = request;
    pthread_mutex_lock(&x->lock);
    if (x->cancel)
        x->cancel(x->cancel_arg);
    if (x->flowing)
        wake(x);
    pthread_mutex_unlock(&x->lock);
}

static void client_gone(void *request)
{
    struct kp_exchange *x = request;
    x->request.gone = true;
    cut_short(x);
}

/* A comment line now and then tells a quiet stream from a dead one. Nobody else touches `out` while
 * suspended. Who may no longer have the stream loses it. */
static void heartbeat(void *request, int64_t now)
{
    struct kp_exchange *x = request;
    if (!kp_request_allowed(&x->request)) {
        client_gone(x);
        return;
    }
    pthread_mutex_lock(&x->lock);
    bool quiet = x->flowing && x->flow.fill && x->suspended && !x->flow.document;
    bool unread = x->flowing && x->flow.fill && !x->suspended &&
                  now - (x->last > x->woken ? x->last : x->woken) >= UNREAD_S * KP_SECOND;
    if (quiet && now - x->last >= HEARTBEAT_S * KP_SECOND) {
        kp_buf_str(&x->out, ":\n\n");
        wake(x);
    }
    pthread_mutex_unlock(&x->lock);
    if (unread)
        shutdown(x->guest->fd, SHUT_RDWR); /* the library sees the end and closes */
    else if (x->flowing && x->flow.beat)
        x->flow.beat(x->flow.self);
}

static const struct kp_keeper_class keeper_class = { client_gone, heartbeat };

void kp_request_on_gone(struct kp_request *r, void (*cancel)(void *arg), void *arg)
{
    struct kp_exchange *x = r->exchange;
    if (!x)
        return;
    pthread_mutex_lock(&x->lock);
    x->cancel = cancel;
    x->cancel_arg = arg;
    pthread_mutex_unlock(&x->lock);
    if (cancel && (r->gone || x->listener->web->stopping))
        cancel(arg);
}

/* ---- the worker's side ---- */

/* Partners are far away: what is long goes to them packed, if they can read it. */
static void pack(struct kp_exchange *x)
{
    enum { WORTH_IT = 1024 };
    struct kp_reply *reply = &x->request.reply;
    struct kp_buf packed;
    if (!x->listener->partners || x->flowing || !x->gzip || reply->body.len < WORTH_IT)
        return;
    kp_buf_init(&packed, KP_REPLY_MAX);
    if (!kp_gzip(reply->body.data, reply->body.len, &packed)) {
        kp_buf_free(&packed);
        return;
    }
    kp_buf_free(&reply->body);
    reply->body = packed;
    kp_reply_header(&x->request, "Content-Encoding", "gzip");
    kp_reply_header(&x->request, "Vary", "Accept-Encoding");
}

static void reply_busy(struct kp_request *r)
{
    kp_reply_header(r, "Retry-After", "1");
    kp_reply_error(r, 503, "busy", "the node has too many requests waiting: try again in a moment");
}

static void run(struct kp_job *job)
{
    struct kp_exchange *x = (struct kp_exchange *)((char *)job - offsetof(struct kp_exchange, job));
    if (x->listener->web->stopping)
        reply_busy(&x->request);
    else
        kp_request_serve(&x->request);
    pack(x);
    pthread_mutex_lock(&x->lock);
    x->running = false;
    x->finished = !x->flow.fill;
    bool left = x->completed;
    if (x->flowing) {
        wake(x);
    } else {
        x->phase = READY;
        resume(x);
    }
    pthread_mutex_unlock(&x->lock); /* from here on it may be gone, unless we are the last */
    if (left)
        dispose(x);
}

/* ---- replies ---- */

static void add_headers(struct MHD_Response *response, const struct kp_reply *reply, bool tls)
{
    static const struct kp_header always[] = {
        { "Cache-Control", "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "X-Frame-Options", "DENY" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
    };
    for (unsigned i = 0; i < reply->n_headers; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (!MHD_get_response_header(response, always[i].name)) /* a handler's own stands */
            MHD_add_response_header(response, always[i].name, always[i].value);
    if (tls)
        MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
    if (reply->type && reply->status != 204)
        MHD_add_response_header(response, "Content-Type", reply->type);
}

static struct MHD_Response *make_response(struct kp_exchange *x)
{
    struct kp_reply *reply = &x->request.reply;
    if (x->flowing)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 << 10, read_flow, x, NULL);
    size_t len = reply->status == 204 ? 0 : reply->body.len;
    if (!len)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char *text = kp_buf_take(&reply->body);
    struct MHD_Response *response =
        text ? MHD_create_response_from_buffer_with_free_callback(len, text, kp_free) : NULL;
    if (text && !response)
        kp_free(text);
    return response;
}

static enum MHD_Result queue_reply(struct kp_exchange *x)
{
    struct kp_keeper *keeper = x->listener->web->keeper;
    struct MHD_Response *response = make_response(x);
    if (!response)
        return MHD_NO;
    add_headers(response, &x->request.reply, x->listener->tls);
    if (x->flowing) { /* quiet for as long as it likes, and the connection's last */
        MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
        MHD_add_response_header(response, "Connection", "close");
        MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* a proxy hands on what it has */
    }
    kp_keeper_state(keeper, x->guest, x->flowing ? KP_GUEST_STREAMING : KP_GUEST_READING);
    enum MHD_Result queued = MHD_queue_response(x->connection, (unsigned)x->request.reply.status, response);
    MHD_destroy_response(response);
    return queued;
}

/* ---- requests ---- */

static enum MHD_Result hand_over(struct kp_exchange *x)
{
    struct kp_web *web = x->listener->web;
    kp_keeper_state(web->keeper, x->guest, KP_GUEST_WAITING);
    bool slow = x->request.route->needs & KP_SLOW || x->request.later;
    if (slow)
        kp_keeper_watch(web->keeper, x->guest);
    x->phase = WORKING;
    x->running = true;
    MHD_suspend_connection(x->connection);
    if (!web->stopping && kp_pool_push(web->pool, &x->job, slow))
        return MHD_YES;
    reply_busy(&x->request);
    x->running = false;
    x->phase = READY;
    resume(x);
    return MHD_YES;
}

static enum MHD_Result serve(struct kp_exchange *x)
{
    struct kp_request *r = &x->request;
    if (x->too_large)
        kp_reply_error(r, 413, "too-large", "the body is larger than %d MiB", KP_BODY_MAX >> 20);
    else if (x->body.failed)
        reply_busy(r);
    if (x->too_large || x->body.failed)
        return queue_reply(x);
    r->body = x->body.data;
    r->body_len = x->body.len;
    if (!(r->route->needs & KP_QUICK))
        return hand_over(x);
    kp_request_serve(r);
    return queue_reply(x);
}

/* A body that was announced too large is refused before it is read. */
static bool announced_too_large(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return length && strtoull(length, NULL, 10) > KP_BODY_MAX;
}

static enum MHD_Result begin(struct kp_exchange *x, const char *method)
{
    if (x->guest->target && !kp_request_begin(&x->request, method, x->guest->target))
        return queue_reply(x);
    if (!x->guest->target || x->listener->web->stopping)
        reply_busy(&x->request);
    else if (announced_too_large(x->connection))
        kp_reply_error(&x->request, 413, "too-large", "the body is larger than %d MiB", KP_BODY_MAX >> 20);
    else
        return MHD_YES;
    return queue_reply(x);
}

/* What is too much of a body without a length is dropped as it comes; the keeper ends one that has no end. */
static enum MHD_Result take_body(struct kp_exchange *x, const char *data, size_t *n)
{
    if (x->body.len + *n > KP_BODY_MAX)
        x->too_large = true;
    else
        kp_buf_add(&x->body, data, *n);
    *n = 0;
    return MHD_YES;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *n, void **context)
{
    (void)url;
    (void)version;
    struct listener *listener = cls;
    struct kp_exchange *x = *context;
    if (!x) {
        struct kp_guest *guest =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        x = guest ? exchange_new(listener, connection, guest) : NULL;
        if (!x)
            return MHD_NO;
        *context = x;
        kp_keeper_request(listener->web->keeper, guest, x);
        return begin(x, method);
    }
    if (*n)
        return take_body(x, data, n);
    pthread_mutex_lock(&x->lock);
    enum phase phase = x->phase;
    pthread_mutex_unlock(&x->lock);
    return phase == RECEIVING ? serve(x) : queue_reply(x);
}

static void completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode why)
{
    (void)connection;
    (void)why;
    struct listener *listener = cls;
    struct kp_exchange *x = *context;
    *context = NULL;
    if (!x)
        return;
    kp_keeper_request(listener->web->keeper, x->guest, NULL);
    kp_keeper_state(listener->web->keeper, x->guest, KP_GUEST_ASKING);
    pthread_mutex_lock(&x->lock);
    x->completed = true;
    bool running = x->running;
    pthread_mutex_unlock(&x->lock);
    x->request.gone = true;
    if (!running)
        dispose(x);
}

/* ---- connections ---- */

/* NULL: out of memory, or the certificate has gone; then nothing is served. */
static struct kp_guest *guest_new(struct listener *l, struct MHD_Connection *connection)
{
    struct kp_guest *guest = kp_alloc(sizeof *guest);
    struct kp_tls *tls = l->tls ? kp_lan_tls(l->door->lan) : NULL;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (!guest || (l->tls && !tls)) {
        kp_tls_drop(tls);
        kp_free(guest);
        shutdown(fd, SHUT_RDWR);
        return NULL;
    }
    kp_keeper_add(l->web->keeper, guest, &l->crowd, fd);
    guest->tls = tls;
    if (tls)
        kp_tls_use(tls, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
    return guest;
}

/* Of who comes from another machine; behind a proxy it is not known yet who that is. */
static void observe(const struct listener *l, struct MHD_Connection *connection)
{
    char from[KP_FROM_MAX];
    if (!l->door || !l->tls)
        return;
    find_address(connection, from);
    kp_hub_observe(kp_node_hub(l->web->node),
                   &(struct kp_observed){ .kind = KP_SEEN_CONNECTION,
                                          .to_port = (uint16_t)kp_lan_port(l->door->lan),
                                          .text = { [KP_SEEN_FROM] = from,
                                                    [KP_SEEN_PROTOCOL] = "https",
                                                    [KP_SEEN_DETAIL] = l->partners ? "partners" : NULL } });
}

static void connection_changed(void *cls, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    struct listener *listener = cls;
    struct kp_guest *guest = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = guest_new(listener, connection);
        observe(listener, connection);
    } else if (guest) {
        kp_keeper_remove(listener->web->keeper, guest);
        kp_tls_drop(guest->tls);
        kp_free(guest->target);
        kp_free(guest);
        *context = NULL;
    }
}

/* Keeps the request target as it came: the library's own decoding loses zero bytes and encoded slashes. */
static void *keep_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    (void)cls;
    struct kp_guest *guest = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (guest) {
        kp_free(guest->target);
        guest->target = kp_strdup(uri);
    }
    return NULL;
}

static void panic(void *cls, const char *file, unsigned line, const char *reason)
{
    (void)cls;
    kp_error("web", "the HTTP library found an inner fault", "file=%s line=%u reason=%s", kp_log_quote(file), line,
             kp_log_quote(reason ? reason : ""));
    abort(); /* as the library would; a state that cannot happen */
}

/* What all listeners have in common, besides the options of `own`. */
static enum kp_code start_daemon(struct kp_web *web, struct listener *l, unsigned flags, const struct MHD_OptionItem *own,
                                 struct kp_err *err)
{
    l->web = web;
    l->daemon = MHD_start_daemon(MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | flags, 0, NULL, NULL,
                                 answer, l, MHD_OPTION_ARRAY, own,
                                 MHD_OPTION_CONNECTION_LIMIT, l->crowd.most,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES,
                                 MHD_OPTION_NOTIFY_COMPLETED, completed, l,
                                 MHD_OPTION_NOTIFY_CONNECTION, connection_changed, l,
                                 MHD_OPTION_URI_LOG_CALLBACK, keep_target, l,
                                 MHD_OPTION_END);
    return l->daemon ? KP_OK : kp_fail(err, KP_EIO, "the HTTP server does not start (threads, memory or file handles are short)");
}

static bool look(void *arg)
{
    struct listener *l = arg;
    MHD_UNSIGNED_LONG_LONG wait;
    MHD_run(l->daemon);
    return MHD_get_timeout(l->daemon, &wait) == MHD_YES && !wait;
}

/* Turned by the keeper's thread. */
static enum kp_code start_kept(struct kp_web *web, struct listener *l, unsigned flags, const struct MHD_OptionItem *own,
                               struct kp_err *err)
{
    if (start_daemon(web, l, MHD_USE_EPOLL | flags, own, err))
        return err->code;
    l->kept = (struct kp_kept){ .fd = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .look = look, .arg = l };
    if (kp_keeper_keep(web->keeper, &l->kept))
        return KP_OK;
    MHD_quiesce_daemon(l->daemon); /* the listening socket is the caller's again */
    MHD_stop_daemon(l->daemon);
    l->daemon = NULL;
    return kp_fail(err, KP_EIO, "the system does not watch the HTTP server");
}

static void stop_listener(struct listener *l)
{
    if (l->kept.fd)
        kp_keeper_let_go(l->web->keeper, &l->kept);
    if (l->daemon)
        MHD_stop_daemon(l->daemon);
}

static enum kp_code start_listener(struct kp_web *web, struct listener *l, int fd, unsigned connections,
                                   struct kp_err *err)
{
    const struct MHD_OptionItem own[] = { { MHD_OPTION_LISTEN_SOCKET, fd, NULL }, { MHD_OPTION_END, 0, NULL } };
    l->crowd.most = connections;
    if (start_kept(web, l, 0, own, err))
        close(fd);
    return err->code;
}

static enum kp_code start_local(struct kp_web *web, const char *path, struct kp_err *err)
{
    int fd = kp_listen_unix(path, err);
    if (fd < 0)
        return err->code;
    web->socket_path = kp_strdup(path);
    web->local.local = true;
    if (!web->socket_path) {
        close(fd);
        unlink(path);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return start_listener(web, &web->local, fd, LOCAL_CONNECTIONS, err);
}

static enum kp_code start_tcp(struct kp_web *web, const char *address, struct kp_err *err)
{
    int fd = kp_listen_tcp(address, web->host, &web->port, err);
    return fd < 0 ? err->code : start_listener(web, &web->tcp, fd, TCP_CONNECTIONS, err);
}

/* ---- listeners for other machines: their sockets come from a porter ---- */
static enum kp_code start_tls(struct door *d, const struct kp_key_pair *p, struct kp_err *err)
{
    const struct MHD_OptionItem own[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)p->certificate },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)p->key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)KP_TLS_PRIORITIES },
        { MHD_OPTION_PER_IP_CONNECTION_LIMIT, LAN_PER_ADDRESS, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    d->tls = (struct listener){ .door = d, .tls = true, .partners = d->partners, .crowd.most = LAN_CONNECTIONS };
    /* Not by epoll: there the library goes in a circle while a handshake waits for the peer. */
    return start_daemon(d->web, &d->tls, MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_USE_NO_LISTEN_SOCKET, own, err);
}

static enum kp_code start_plain(struct door *d, struct kp_err *err)
{
    const struct MHD_OptionItem own[] = { { MHD_OPTION_END, 0, NULL } };
    d->plain = (struct listener){ .door = d, .partners = d->partners, .crowd.most = LAN_CONNECTIONS };
    return start_kept(d->web, &d->plain, MHD_USE_NO_LISTEN_SOCKET, own, err);
}

static enum kp_code start_door(void *arg, const struct kp_key_pair *p, struct kp_err *err)
{
    struct door *d = arg;
    if (p)
        return d->tls.daemon ? KP_OK : start_tls(d, p, err);
    return d->plain.daemon ? KP_OK : start_plain(d, err);
}

static void enter(void *arg, int fd, const struct sockaddr *from, socklen_t len, bool tls)
{
    struct door *d = arg; /* the library closes the socket when there are too many */
    MHD_add_connection(tls ? d->tls.daemon : d->plain.daemon, fd, from, len);
}

static void run_turn(struct kp_job *job)
{
    struct door *d = (struct door *)((char *)job - offsetof(struct door, turn));
    kp_lan_turn(d->lan);
    d->turning = false;
}

static void turn(void *arg)
{
    struct door *d = arg;
    if (!atomic_exchange(&d->turning, true) && !kp_pool_push(d->web->pool, &d->turn, true))
        d->turning = false;
}

static void reached_at(void *arg, const char *url)
{
    struct door *d = arg;
    kp_share_reached_at(kp_node_share(d->web->node), url);
}

static const struct kp_lan_class lan_class = { .name = "lan",
                                               .about = "HTTPS for other machines",
                                               .certificate = "this node for HTTPS",
                                               .ca = "this node's own CA",
                                               .port = KP_LAN_PORT,
                                               .open = start_door,
                                               .enter = enter,
                                               .turn = turn };
static const struct kp_lan_class partners_class = { .name = "partners",
                                                    .about = "the listener for partners",
                                                    .certificate = "this node for partners",
                                                    .ca = "this node's own CA for partners",
                                                    .port = KP_PARTNERS_PORT,
                                                    .open = start_door,
                                                    .enter = enter,
                                                    .changed = reached_at,
                                                    .turn = turn };

static bool open_door(struct kp_web *web, struct door *d, bool partners, struct kp_err *err)
{
    *d = (struct door){ .web = web, .partners = partners, .turn.run = run_turn };
    d->lan = kp_lan_new(web->node, partners ? &partners_class : &lan_class, d, web->keeper, err);
    return d->lan;
}

static void stop_door(struct door *d)
{
    stop_listener(&d->tls);
    stop_listener(&d->plain);
    kp_lan_free(d->lan);
}

/* A thousand connections need more handles than the usual 1,024. */
static void allow_files(void)
{
    struct rlimit limit;
    rlim_t wanted = 4096;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static enum kp_code start(struct kp_web *web, const char *socket_path, const char *listen, struct kp_err *err)
{
    const struct kp_clock *clock = kp_hub_clock(kp_node_hub(web->node));
    web->sessions = kp_sessions_new(clock);
    if (!web->sessions)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    web->guard = kp_guard_new(clock, kp_node_store(web->node));
    if (!web->guard)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_guard_start(web->guard);
    web->oidc = kp_oidc_new(kp_node_hub(web->node), clock, kp_node_store(web->node), err);
    if (!web->oidc)
        return err->code;
    web->keeper = kp_keeper_start(clock, &keeper_class, err);
    web->pool = web->keeper ? kp_pool_start(web->keeper, err) : NULL;
    if (!web->pool || !open_door(web, &web->lan, false, err) || !open_door(web, &web->partners, true, err))
        return err->code;
    /* TCP first: the Unix socket tells of the port. */
    if (listen && start_tcp(web, listen, err))
        return err->code;
    kp_lan_turn(web->lan.lan); /* what fails there does not keep the node from running */
    kp_lan_turn(web->partners.lan);
    if (socket_path && start_local(web, socket_path, err))
        return err->code;
    char where[KP_HOST_MAX + 16];
    snprintf(where, sizeof where, "%s:%u", web->host, web->port);
    kp_audit_event(kp_node_store(web->node), "listen", web->port ? where : "the Unix socket only", NULL);
    return KP_OK;
}

struct kp_web *kp_web_start(struct kp_node *node, const char *socket_path, const char *listen, struct kp_err *err)
{
    struct kp_web *web = kp_alloc(sizeof *web);
    if (!web) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    web->node = node;
    allow_files();
    kp_body_init();
    MHD_set_panic_func(panic, NULL);
    if (start(web, socket_path, listen, err)) {
        kp_web_stop(web);
        return NULL;
    }
    return web;
}

void kp_web_stop(struct kp_web *web)
{
    if (!web)
        return;
    web->stopping = true;
    kp_lan_stop(web->lan.lan);
    kp_lan_stop(web->partners.lan);
    if (web->keeper)
        kp_keeper_each(web->keeper, cut_short);
    kp_pool_stop(web->pool);
    if (web->keeper) /* flows begun by the last workers: the library bears no suspended connection */
        kp_keeper_each(web->keeper, cut_short);
    stop_listener(&web->local);
    stop_listener(&web->tcp);
    stop_door(&web->lan);
    stop_door(&web->partners);
    kp_keeper_stop(web->keeper);
    kp_guard_free(web->guard);
    kp_oidc_free(web->oidc);
    kp_sessions_free(web->sessions);
    if (web->socket_path)
        unlink(web->socket_path);
    kp_free(web->socket_path);
    kp_free(web);
}

unsigned kp_web_port(const struct kp_web *web)
{
    return web->port;
}

const char *kp_web_host(const struct kp_web *web)
{
    return web->host;
}

struct kp_lan *kp_web_lan(struct kp_web *web)
{
    return web->lan.lan;
}

struct kp_lan *kp_web_partners(struct kp_web *web)
{
    return web->partners.lan;
}
