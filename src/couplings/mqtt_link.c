/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mqtt_link.h"

#include "core/log.h"
#include "core/url.h"
#include "couplings/tcp.h"
#include "net/caller.h"
#include "store/store.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

enum {
    KEEPALIVE = 30,         /* seconds between signs of life */
    READ_MAX = 512,         /* messages handed over at once */
    READ_BYTES = 8 << 20,   /* and their bytes */
    RECEIVE_MAX = READ_MAX, /* unacknowledged messages we bear; most brokers send fewer */
    WRITE_MAX = 2 * READ_MAX,
    FILTERS_MAX = 64,     /* in one request */
    HEAD_MAX = 128 << 10, /* of a message, beside its payload: topic and properties */
};
#define COMMIT_GAP (20 * KP_MILLISECOND)
enum { GATHER_MS = 5 };

/* ---- address ---- */
enum kp_code kp_mqtt_address(const char *url, struct kp_mqtt_address *a, struct kp_err *err)
{
    struct kp_url u;
    if (kp_url_parse(url, &u, err))
        return err->code;
    if (!*u.host)
        return kp_fail(err, KP_EINVALID, "'%.120s' names no broker: it is mqtt://HOST:PORT", url);
    *a = (struct kp_mqtt_address){ .tls = strncmp(u.scheme, "mqtts", 5) == 0 };
    a->port = u.port ? u.port : a->tls ? 8883 : 1883;
    snprintf(a->host, sizeof a->host, "%s", u.host);
    snprintf(a->path, sizeof a->path, "%s", u.path);
    return KP_OK;
}

static bool given(const char *text)
{
    return text && *text;
}

enum kp_code kp_mqtt_check(const char *url, const struct kp_mqtt_settings *set, struct kp_err *err)
{
    struct kp_mqtt_address a;
    if (kp_mqtt_address(url, &a, err))
        return err->code;
    if (!a.tls && (given(set->certificate) || given(set->ca)))
        return kp_fail(
            err, KP_EINVALID,
            "ca and certificate are for a protected link: the address begins with mqtts");
    if (given(set->certificate) != given(set->key))
        return kp_fail(err, KP_EINVALID, "certificate and key go together");
    if (given(set->password) && !given(set->user))
        return kp_fail(err, KP_EINVALID, "password goes with a user: --set user=NAME");
    if (!a.tls && !set->allow_plain && !kp_host_is_own(a.host))
        return kp_fail(
            err, KP_EREFUSED,
            "the link to %.100s would be unprotected: take mqtts://, or accept that with "
            "--set allow-plain=true",
            a.host);
    return KP_OK;
}

/* ---- the name of this client: the same after a restart, so that the broker knows its session ----
 */
struct naming {
    char id[20];
};

static enum kp_code name_node(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct naming *n = arg;
    struct kp_arena arena = { 0 };
    const char *known = kp_setting_get(db, &arena, "mqtt.client");
    uint64_t r;
    if (!known)
        kp_random(&r, sizeof r);
    if (known)
        snprintf(n->id, sizeof n->id, "%s", known);
    else
        snprintf(n->id, sizeof n->id, "%012llx", (unsigned long long)(r & 0xffffffffffff));
    enum kp_code code = known ? KP_OK : kp_setting_put(db, "mqtt.client", n->id, err);
    kp_arena_free(&arena);
    return code;
}

static enum kp_code client_id(const struct kp_mqtt_link *link, char out[128], struct kp_err *err)
{
    struct naming n = { "" };
    if (given(link->set->client_id)) {
        snprintf(out, 128, "%s", link->set->client_id);
        return KP_OK;
    }
    if (kp_store_do(kp_coupling_context(link->c), name_node, &n, err))
        return err->code;
    snprintf(out, 128, "koppel-%s-%u", n.id, kp_coupling_id(link->c));
    return KP_OK;
}

/* ---- wake ---- */
static pthread_mutex_t wakes = PTHREAD_MUTEX_INITIALIZER;

static void set_wake(struct kp_mqtt_link *link, int fd)
{
    pthread_mutex_lock(&wakes);
    if (link->wake)
        close(link->wake - 1);
    link->wake = fd + 1;
    pthread_mutex_unlock(&wakes);
}

void kp_mqtt_wake(struct kp_mqtt_link *link)
{
    pthread_mutex_lock(&wakes);
    if (link->wake)
        eventfd_write(link->wake - 1, 1);
    pthread_mutex_unlock(&wakes);
}

/* ---- what the library tells ---- */
static void connected(struct mosquitto *client, void *arg, int reason, int flags,
                      const mosquitto_property *p)
{
    struct kp_mqtt_link *link = arg;
    (void)client;
    (void)p;
    link->connack = reason;
    link->resumed = flags & 1;
}

static void disconnected(struct mosquitto *client, void *arg, int reason,
                         const mosquitto_property *p)
{
    struct kp_mqtt_link *link = arg;
    (void)client;
    (void)p;
    link->down = true;
    link->ended = reason;
}

static void subscribed(struct mosquitto *client, void *arg, int mid, int n, const int *granted,
                       const mosquitto_property *p)
{
    struct kp_mqtt_link *link = arg;
    (void)client;
    (void)p;
    if (mid != link->mid)
        return;
    link->answer = 0;
    for (int i = 0; i < n; i++)
        if (granted[i] >= 0x80 && link->refused++ == 0)
            link->refused_first = (size_t)i;
}

static void published(struct mosquitto *client, void *arg, int mid, int reason,
                      const mosquitto_property *p)
{
    struct kp_mqtt_link *link = arg;
    (void)client;
    (void)p;
    if (mid == link->mid)
        link->answer = reason;
}

/* In whole milliseconds, for times in a raster take little room; those that come within one are a
 * microsecond apart, for they are two values. */
static int64_t received(struct kp_mqtt_link *link)
{
    int64_t now = kp_coupling_utc(link->c);
    now -= now % KP_MILLISECOND;
    bool same = now <= link->last_at && link->last_at - now < KP_MILLISECOND;
    return link->last_at = same ? link->last_at + 1000 : now;
}

/* Only kept: what is behind it happens when all that has come is handed over. */
static void arrived(struct mosquitto *client, void *arg, const struct mosquitto_message *m,
                    const mosquitto_property *p)
{
    struct kp_mqtt_link *link = arg;
    (void)client;
    (void)p;
    link->unacknowledged = link->unacknowledged || m->qos > 0;
    if (m->payloadlen < 0 || m->payloadlen > link->set->payload_max) {
        link->oversized++;
        kp_warn("mqtt", "message dropped: larger than payload-max", "coupling=%s topic=%s bytes=%d",
                kp_log_quote(kp_coupling_name(link->c)), kp_log_quote(m->topic), m->payloadlen);
        return;
    }
    size_t len = (size_t)m->payloadlen;
    char *payload = kp_arena_alloc(&link->text, len + 1);
    const char *topic = kp_arena_strdup(&link->text, m->topic);
    if (!payload || !topic || !kp_grow(&link->list, &link->room, link->n + 1, sizeof *link->list)) {
        link->no_memory = true;
        return;
    }
    if (len)
        memcpy(payload, m->payload, len);
    link->bytes += len;
    link->list[link->n++] = (struct kp_mqtt_message){
        .topic = topic,
        .payload = payload,
        .len = len,
        .at = received(link),
        .acknowledged = m->qos > 0,
        .retained = m->retain,
    };
}

static void said(struct mosquitto *client, void *arg, int level, const char *text)
{
    struct kp_mqtt_link *link = arg;
    if (level != MOSQ_LOG_ERR || link->said[0])
        return;
    kp_utf8_clean(link->said, sizeof link->said, text, strlen(text)); /* the first says most */
    kp_calls_met(link->calls, mosquitto_ssl_get(client));             /* and may be about a certificate */
}

/* ---- what an end means ---- */
static enum kp_code explain_tls(const struct kp_mqtt_link *link, struct kp_err *err)
{
    if (strstr(link->said, "host name"))
        return kp_fail(err, KP_EREFUSED, "the broker's certificate is for another host name");
    if (strstr(link->said, "verify failed"))
        return kp_fail(
            err, KP_EREFUSED,
            "the broker's certificate is not vouched for by an authority that is known here; "
            "--set ca=FILE names one");
    return kp_fail(err,
                   strstr(link->said, "alert") || strstr(link->said, "Unable to load") ? KP_EREFUSED
                                                                                       : KP_EPEER,
                   "no protected link to the broker: %s",
                   link->said[0] ? link->said : "the handshake failed");
}

static enum kp_code explain(struct kp_mqtt_link *link, int rc, struct kp_err *err)
{
    if (rc == MOSQ_ERR_NOMEM || link->no_memory)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (rc == MOSQ_ERR_TLS || link->said[0])
        return explain_tls(link, err);
    if (rc == MOSQ_ERR_KEEPALIVE)
        return kp_fail(err, KP_EPEER, "the broker does not answer any more");
    if (rc == MQTT_RC_SESSION_TAKEN_OVER)
        return kp_fail(err, KP_EPEER, "another client has taken our name at the broker");
    if (rc >= 0x80)
        return kp_fail(err, KP_EPEER, "the broker closed the link: %s",
                       mosquitto_reason_string(rc));
    if (rc == MOSQ_ERR_ERRNO)
        return kp_fail(err, KP_EPEER, "the link to the broker broke: %s", strerror(errno));
    if (rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_NO_CONN || rc == MOSQ_ERR_SUCCESS)
        return kp_fail(err, KP_EPEER, "the broker closed the link");
    return kp_fail(err, KP_EPEER, "the broker: %s", mosquitto_strerror(rc));
}

static bool version_refused(const struct kp_mqtt_link *link)
{
    return link->connack == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION ||
           (link->v3 ? link->connack == CONNACK_REFUSED_PROTOCOL_VERSION : link->connack == 1);
}

/* The numbers below 0x80 are those of 3.1.1. */
static enum kp_code explain_connack(struct kp_mqtt_link *link, struct kp_err *err)
{
    switch (link->connack) {
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case CONNACK_REFUSED_BAD_USERNAME_PASSWORD:
        return kp_fail(
            err, KP_EREFUSED,
            "the broker refuses the link: user or password are wrong: --set user=, password=");
    case MQTT_RC_NOT_AUTHORIZED:
    case CONNACK_REFUSED_NOT_AUTHORIZED:
        return kp_fail(err, KP_EREFUSED,
                       "the broker refuses the link: it wants a user (--set user=, password=), a "
                       "certificate, or another one");
    case MQTT_RC_CLIENTID_NOT_VALID:
    case CONNACK_REFUSED_IDENTIFIER_REJECTED:
        return kp_fail(err, KP_EREFUSED,
                       "the broker refuses the link: not under this name: --set client-id=NAME");
    case MQTT_RC_BANNED:
        return kp_fail(err, KP_EREFUSED, "the broker refuses the link: this client is banned");
    }
    if (version_refused(link))
        return kp_fail(err, KP_EREFUSED, "the broker does not know MQTT %s: --set version=auto",
                       link->v3 ? "3.1.1" : "5");
    return kp_fail(err, KP_EPEER, "the broker refuses the link: %s",
                   link->v3 ? mosquitto_connack_string(link->connack)
                            : mosquitto_reason_string(link->connack));
}

/* ---- turn ---- */
static void wait_for(struct kp_mqtt_link *link, int ms)
{
    struct pollfd fds[2] = {
        { .fd = mosquitto_socket(link->client), .events = POLLIN },
        { .fd = link->wake - 1, .events = POLLIN },
    };
    eventfd_t n;
    if (mosquitto_want_write(link->client))
        fds[0].events |= POLLOUT;
    if (poll(fds, 2, ms) > 0 && fds[1].revents)
        eventfd_read(link->wake - 1, &n);
}

/* Until the socket has no more, or enough is in hand. */
static int read_some(struct kp_mqtt_link *link)
{
    link->more = true;
    for (int i = 0; i < READ_MAX && link->n < READ_MAX && link->bytes < READ_BYTES; i++) {
        errno = 0;
        int rc = mosquitto_loop_read(link->client, 1);
        if (rc || link->down)
            return rc;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            link->more = false;
            return MOSQ_ERR_SUCCESS;
        }
    }
    return MOSQ_ERR_SUCCESS;
}

/* To wake up for each message, and hand each over, costs more than reading it; and a commit costs
 * the disk a turn: while messages follow each other closely, a few milliseconds gather more. */
static int gather(struct kp_mqtt_link *link)
{
    struct pollfd fd = { .fd = mosquitto_socket(link->client), .events = POLLIN };
    int rc = MOSQ_ERR_SUCCESS;
    if (link->n && !link->more && !link->down) {
        nanosleep(&(struct timespec){ .tv_nsec = GATHER_MS * 1000000 }, NULL);
        rc = read_some(link);
    }
    while (!rc && !link->down && link->set->durable && link->unacknowledged && !link->more &&
           kp_coupling_mono(link->c) < link->committed + COMMIT_GAP && poll(&fd, 1, GATHER_MS) > 0)
        rc = read_some(link);
    return rc;
}

static int write_some(struct kp_mqtt_link *link)
{
    for (int i = 0; i < WRITE_MAX && mosquitto_want_write(link->client); i++) {
        errno = 0;
        int rc = mosquitto_loop_write(link->client, 1);
        if (rc || errno == EAGAIN || errno == EWOULDBLOCK)
            return rc;
    }
    return MOSQ_ERR_SUCCESS;
}

/* Waits until all that was reported is in the data file. */
static enum kp_code make_durable(struct kp_mqtt_link *link, struct kp_err *err)
{
    if (!link->set->durable || !link->unacknowledged)
        return KP_OK;
    do { /* while the disk takes nothing, for as long as that lasts */
        if (kp_coupling_stopping(link->c) || kp_hub_drain(kp_coupling_hub(link->c)))
            return kp_fail(err, KP_ESTOPPED, "stopping");
    } while (kp_hub_holds(kp_coupling_hub(link->c)) &&
             !nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL));
    kp_store_sync(kp_coupling_context(link->c), err);
    link->committed = kp_coupling_mono(link->c);
    return err->code;
}

static enum kp_code hand_over(struct kp_mqtt_link *link, struct kp_err *err)
{
    enum kp_code code = KP_OK;
    if (link->no_memory)
        code = kp_fail(err, KP_ENOMEM, "out of memory");
    else if (link->n)
        code = link->take(link->c, link->list, link->n, err);
    link->n = link->bytes = 0;
    kp_arena_reset(&link->text);
    if (!code)
        code = kp_coupling_flush(link->c, err);
    if (!code)
        code = make_durable(link, err);
    if (!code)
        link->unacknowledged = false;
    return code;
}

enum kp_code kp_mqtt_turn(struct kp_mqtt_link *link, int ms, struct kp_err *err)
{
    struct kp_err local = { 0 };
    if (kp_coupling_stopping(link->c))
        return kp_fail(err, KP_ESTOPPED, "stopping");
    wait_for(link, link->more ? 0 : ms);
    int rc = read_some(link);
    rc = rc ? rc : gather(link);
    if (hand_over(link, &local))
        return kp_fail(err, local.code, "%s", local.text);
    if (!rc && !link->down)
        rc = write_some(link);
    if (!rc && !link->down)
        rc = mosquitto_loop_misc(link->client);
    if (rc || link->down)
        return explain(link, link->down && link->ended ? link->ended : rc, err);
    return KP_OK;
}

static enum kp_code await(struct kp_mqtt_link *link, const int *answer, const char *what,
                          struct kp_err *err)
{
    int64_t until = kp_coupling_mono(link->c) + link->set->timeout;
    while (*answer < 0) {
        if (kp_mqtt_turn(link, 100, err))
            return err->code;
        if (*answer < 0 && kp_coupling_mono(link->c) > until)
            return kp_fail(err, KP_EPEER, "the broker does not answer %s", what);
    }
    return KP_OK;
}

/* ---- open ---- */
/* The library's own connect waits as long as the system does, minutes with a host that is gone; so
 * it is called only when somebody answers there. */
static enum kp_code reach(struct kp_mqtt_link *link, const struct kp_mqtt_address *to,
                          struct kp_err *err)
{
    int fd = kp_tcp_connect(to->host, to->port, link->set->timeout, err);
    if (fd >= 0)
        close(fd);
    return err->code;
}

static enum kp_code check_file(const char *setting, const char *file, struct kp_err *err)
{
    if (!given(file) || access(file, R_OK) == 0)
        return KP_OK;
    return kp_fail(err, KP_EREFUSED, "%s: %.120s: %s", setting, file, strerror(errno));
}

static int protect(struct kp_mqtt_link *link)
{
    const struct kp_mqtt_settings *s = link->set;
    bool own = given(s->certificate);
    int rc = mosquitto_tls_set(link->client, given(s->ca) ? s->ca : NULL,
                               given(s->ca) ? NULL : "/etc/ssl/certs", own ? s->certificate : NULL,
                               own ? s->key : NULL, NULL);
    const struct kp_caller who = { .hub = kp_coupling_hub(link->c), .coupling = kp_coupling_name(link->c) };
    link->calls = kp_calls_new(&who);
    return rc ? rc : mosquitto_tls_opts_set(link->client, 1, "tlsv1.2", NULL);
}

static enum kp_code prepare(struct kp_mqtt_link *link, bool tls, struct kp_err *err)
{
    const struct kp_mqtt_settings *s = link->set;
    const struct kp_mqtt_publication *w = link->will;
    struct mosquitto *m = link->client;
    int rc = mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION,
                                  link->v3 ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5);
    mosquitto_connect_v5_callback_set(m, connected);
    mosquitto_disconnect_v5_callback_set(m, disconnected);
    mosquitto_subscribe_v5_callback_set(m, subscribed);
    mosquitto_publish_v5_callback_set(m, published);
    mosquitto_message_v5_callback_set(m, arrived);
    mosquitto_log_callback_set(m, said);
    /* "Threaded" keeps what it wants to send in its queue until loop_write: that is how
     * acknowledgements can be made to wait for the data file. */
    rc = rc ? rc : mosquitto_threaded_set(m, true);
    if (!rc && !link->v3)
        rc = mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, RECEIVE_MAX);
    if (!rc && given(s->user))
        rc = mosquitto_username_pw_set(m, s->user, given(s->password) ? s->password : NULL);
    if (!rc && w)
        rc = mosquitto_will_set(m, w->topic, (int)w->len, w->payload, 1, w->retain);
    if (!rc && tls)
        rc = protect(link);
    return rc ? explain(link, rc, err) : KP_OK;
}

static int call_connect(struct kp_mqtt_link *link, const struct kp_mqtt_address *to)
{
    mosquitto_property *p = NULL;
    int rc = MOSQ_ERR_SUCCESS;
    if (!link->v3) {
        rc = mosquitto_property_add_int32(&p, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                          (uint32_t)link->set->payload_max + HEAD_MAX);
        if (!rc && link->set->session)
            rc = mosquitto_property_add_int32(&p, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                              (uint32_t)(link->set->session / KP_SECOND));
    }
    if (!rc)
        rc = mosquitto_connect_bind_v5(link->client, to->host, to->port, KEEPALIVE, NULL, p);
    mosquitto_property_free_all(&p);
    return rc;
}

static void start_library(void)
{
    mosquitto_lib_init();
}

static enum kp_code make_client(struct kp_mqtt_link *link, bool tls, struct kp_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char id[128];
    pthread_once(&once, start_library);
    if (client_id(link, id, err))
        return err->code;
    kp_coupling_client(link->c, id);
    link->client = mosquitto_new(id, link->fresh || !link->set->session, link);
    return link->client ? prepare(link, tls, err) : kp_fail(err, KP_ENOMEM, "out of memory");
}

enum kp_code kp_mqtt_open(struct kp_mqtt_link *link, struct kp_err *err)
{
    const struct kp_mqtt_settings *s = link->set;
    struct kp_mqtt_address to;
    bool automatic = strcmp(s->version, "auto") == 0;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    link->v3 = automatic ? link->v3 : strcmp(s->version, "5") != 0;
    link->connack = -1;
    link->said[0] = 0;
    if (fd < 0)
        return kp_fail(err, KP_EIO, "eventfd: %s", strerror(errno));
    set_wake(link, fd);
    if (kp_mqtt_address(kp_coupling_url(link->c), &to, err) || check_file("ca", s->ca, err) ||
        check_file("certificate", s->certificate, err) || check_file("key", s->key, err) ||
        reach(link, &to, err) || make_client(link, to.tls, err))
        return err->code;
    int rc = call_connect(link, &to);
    if (rc)
        return explain(link, rc, err);
    if (await(link, &link->connack, "our greeting", err) && link->connack <= 0) {
        /* brokers of old hang up on a version they do not know */
        if (automatic && link->down && !link->said[0])
            link->v3 = ++link->hangups & 2;
        return err->code;
    }
    *err = (struct kp_err){ 0 };
    if (link->connack == 0) {
        kp_calls_met(link->calls, mosquitto_ssl_get(link->client));
        link->fresh = false;
        link->hangups = 0;
        return KP_OK;
    }
    if (automatic && !link->v3 && version_refused(link)) {
        link->v3 = true;
        return kp_fail(err, KP_EPEER, "the broker does not know MQTT 5; trying 3.1.1");
    }
    return explain_connack(link, err);
}

/* ---- requests ---- */
static enum kp_code subscribe_some(struct kp_mqtt_link *link, const char *const *filters, size_t n,
                                   struct kp_err *err)
{
    char *list[FILTERS_MAX];
    memcpy(list, filters, n * sizeof *list); /* only read */
    int options = link->v3 ? 0 : MQTT_SUB_OPT_SEND_RETAIN_NEW;
    unsigned before = link->refused;
    link->answer = -1;
    int rc = mosquitto_subscribe_multiple(link->client, &link->mid, (int)n, list,
                                          (int)link->set->qos, options, NULL);
    if (rc)
        return explain(link, rc, err);
    if (await(link, &link->answer, "a subscription", err))
        return err->code;
    if (link->refused > before)
        kp_warn("mqtt", "the broker refuses topics", "coupling=%s topics=%u first=%s",
                kp_log_quote(kp_coupling_name(link->c)), link->refused - before,
                kp_log_quote(filters[link->refused_first < n ? link->refused_first : 0]));
    return KP_OK;
}

enum kp_code kp_mqtt_subscribe(struct kp_mqtt_link *link, const char *const *filters, size_t n,
                               struct kp_err *err)
{
    link->refused = 0;
    for (size_t i = 0; i < n; i += FILTERS_MAX)
        if (subscribe_some(link, filters + i, n - i < FILTERS_MAX ? n - i : FILTERS_MAX, err))
            return err->code;
    if (n && link->refused == n)
        return kp_fail(err, KP_EREFUSED, "the broker lets us read none of the topics, first %.100s",
                       filters[0]);
    return KP_OK;
}

enum kp_code kp_mqtt_publish(struct kp_mqtt_link *link, const struct kp_mqtt_publication *p,
                             struct kp_err *err)
{
    if (!link->client || link->down || link->connack != 0)
        return kp_fail(err, KP_EPEER, "there is no link to the broker now");
    link->answer = -1;
    int rc = mosquitto_publish_v5(link->client, &link->mid, p->topic, (int)p->len, p->payload, 1,
                                  p->retain, NULL);
    if (rc)
        return explain(link, rc, err);
    if (await(link, &link->answer, "a message", err))
        return err->code;
    if (link->answer >= 0x80)
        return kp_fail(err, KP_EDENIED, "the broker does not take messages at %.100s: %s", p->topic,
                       mosquitto_reason_string(link->answer));
    return KP_OK;
}

enum kp_code kp_mqtt_send(struct kp_mqtt_link *link, const struct kp_mqtt_publication *p,
                          struct kp_err *err)
{
    int rc = mosquitto_publish(link->client, NULL, p->topic, (int)p->len, p->payload, 0, p->retain);
    return rc ? explain(link, rc, err) : KP_OK;
}

enum kp_code kp_mqtt_forget_session(struct kp_mqtt_link *link, const char *topic,
                                    struct kp_err *err)
{
    if (!link->resumed)
        return KP_OK;
    link->fresh = true;
    return kp_fail(err, KP_EPEER,
                   "the broker sends %.80s, which an earlier setting asked for: starting a session "
                   "anew",
                   topic);
}

void kp_mqtt_describe(const struct kp_mqtt_link *link, char *out, size_t size)
{
    bool tls = strncmp(kp_coupling_url(link->c), "mqtts", 5) == 0;
    snprintf(out, size, "MQTT %s%s", link->v3 ? "3.1.1" : "5", tls ? ", TLS" : ", unprotected");
}

/* ---- close ---- */
/* Says goodbye; not when something is unacknowledged, for the goodbye would follow the
 * acknowledgements that wait in the queue. */
static void part(struct kp_mqtt_link *link)
{
    if (link->down || link->connack != 0 || link->unacknowledged ||
        mosquitto_disconnect(link->client))
        return;
    for (int i = 0; i < 10 && !link->down && mosquitto_want_write(link->client); i++) {
        struct pollfd fd = { .fd = mosquitto_socket(link->client), .events = POLLOUT };
        if (poll(&fd, 1, 50) < 0 || mosquitto_loop_write(link->client, 1))
            break;
    }
}

void kp_mqtt_close(struct kp_mqtt_link *link)
{
    if (link->client) {
        part(link);
        mosquitto_destroy(link->client);
    }
    kp_calls_free(link->calls);
    link->calls = NULL;
    set_wake(link, -1);
    link->client = NULL;
    link->down = link->more = link->unacknowledged = link->no_memory = false;
    link->ended = 0;
    link->n = link->bytes = link->room = 0;
    kp_free(link->list);
    link->list = NULL;
    kp_arena_free(&link->text);
}
