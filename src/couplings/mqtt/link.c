/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mqtt/link.h"

#include "core/hub.h"
#include "core/url.h"
#include "couplings/tcp.h"
#include "store/store.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

enum { BURST = 500, SLICE_MS = 100, MESSAGE_MAX = 1 << 20, SESSION_SECONDS = 7 * 86400 };

static bool is_tls(const struct kp_url *u)
{
    return strncmp(u->scheme, "mqtts", 5) == 0;
}

static bool is_local(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static enum kp_code readable(const char *what, const char *file, struct kp_err *err)
{
    if (!file || !*file || access(file, R_OK) == 0)
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "%s: '%.120s' cannot be read: %s", what, file, strerror(errno));
}

enum kp_code mqtt_link_check(const char *url, const struct mqtt_settings *set, struct kp_err *err)
{
    struct kp_url u;
    if (kp_url_parse(url, &u, err))
        return err->code;
    if (!*u.host)
        return kp_fail(err, KP_EINVALID, "'%.100s' names no host", url);
    if (!is_tls(&u) && !is_local(u.host) && !set->allow_plain)
        return kp_fail(err, KP_EINVALID,
                       "a link without TLS to another machine can be read and changed on its way: take mqtts://, or "
                       "--set allow-plain=on if you accept that");
    if (!set->certificate != !set->key)
        return kp_fail(err, KP_EINVALID, "certificate and key go together");
    if (readable("ca", set->ca, err) || readable("certificate", set->certificate, err))
        return err->code;
    return readable("key", set->key, err);
}

/* ---- what the library tells ---- */
static void on_connect(struct mosquitto *m, void *arg, int code)
{
    struct mqtt_link *l = arg;
    (void)m;
    l->connected = code == 0;
    l->refusal = code;
}

static void on_disconnect(struct mosquitto *m, void *arg, int code)
{
    struct mqtt_link *l = arg;
    (void)m;
    (void)code;
    l->connected = false;
}

static void on_subscribe(struct mosquitto *m, void *arg, int mid, int n, const int *granted)
{
    struct mqtt_link *l = arg;
    (void)m;
    (void)mid;
    for (int i = 0; i < n; i++)
        *(granted[i] < 128 ? &l->granted : &l->denied) += 1;
}

static void on_publish(struct mosquitto *m, void *arg, int mid)
{
    struct mqtt_link *l = arg;
    (void)m;
    l->acknowledged = mid;
}

static void on_message(struct mosquitto *m, void *arg, const struct mosquitto_message *message)
{
    struct mqtt_link *l = arg;
    (void)m;
    l->waits = l->waits || message->qos > 0;
    if (message->payloadlen > MESSAGE_MAX)
        kp_coupling_lost(l->c, 1);
    else if (!l->failure.code)
        l->take(l->arg, message, &l->failure);
}

/* ---- opening ---- */
static void start_library(void)
{
    mosquitto_lib_init();
}

/* The same after each restart, so that the broker knows whose session it keeps. */
static void client_id(const struct mqtt_link *l, char out[64])
{
    char host[32] = "";
    gethostname(host, sizeof host - 1);
    if (l->set->client_id && *l->set->client_id)
        snprintf(out, 64, "%s", l->set->client_id);
    else
        snprintf(out, 64, "koppel-%.20s-%u-%.20s", host, kp_coupling_id(l->c), kp_coupling_name(l->c));
}

static enum kp_code furnish(struct mqtt_link *l, const struct kp_url *u, const struct mqtt_will *will, struct kp_err *err)
{
    const struct mqtt_settings *s = l->set;
    bool v5 = strcmp(s->version, "5") == 0;
    int rc = mosquitto_int_option(l->m, MOSQ_OPT_PROTOCOL_VERSION, v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (!rc && s->user && *s->user)
        rc = mosquitto_username_pw_set(l->m, s->user, s->password && *s->password ? s->password : NULL);
    if (!rc && will)
        rc = mosquitto_will_set(l->m, will->topic, (int)strlen(will->payload), will->payload, 1, will->retain);
    if (!rc && is_tls(u)) {
        const char *ca = s->ca && *s->ca ? s->ca : NULL;
        bool login = s->certificate && *s->certificate;
        rc = mosquitto_tls_set(l->m, ca, ca ? NULL : "/etc/ssl/certs", login ? s->certificate : NULL,
                               login ? s->key : NULL, NULL);
    }
    if (rc)
        return kp_fail(err, KP_EREFUSED, "the settings do not do: %s", mosquitto_strerror(rc));
    mosquitto_connect_callback_set(l->m, on_connect);
    mosquitto_disconnect_callback_set(l->m, on_disconnect);
    mosquitto_subscribe_callback_set(l->m, on_subscribe);
    mosquitto_publish_callback_set(l->m, on_publish);
    mosquitto_message_callback_set(l->m, on_message);
    return KP_OK;
}

/* Codes 4 and 5 of MQTT 3.1.1; 134, 135, 138 and 140 of MQTT 5: a person must act. */
static enum kp_code refused(int code, struct kp_err *err)
{
    bool person = code == 4 || code == 5 || code == 134 || code == 135 || code == 138 || code == 140;
    return kp_fail(err, person ? KP_EREFUSED : KP_EPEER, "the broker refuses the link: %s",
                   code < 128 ? mosquitto_connack_string(code) : mosquitto_reason_string(code));
}

/* Until the socket has no more, or enough is in hand; the library takes one packet a call. */
static int read_some(struct mqtt_link *l)
{
    for (int i = 0; i < BURST && !l->failure.code; i++) {
        errno = 0;
        int rc = mosquitto_loop_read(l->m, 1);
        if (rc || errno == EAGAIN || errno == EWOULDBLOCK)
            return rc;
    }
    return MOSQ_ERR_SUCCESS;
}

static int write_some(struct mqtt_link *l)
{
    for (int i = 0; i < BURST && mosquitto_want_write(l->m); i++) {
        errno = 0;
        int rc = mosquitto_loop_write(l->m, 1);
        if (rc || errno == EAGAIN || errno == EWOULDBLOCK)
            return rc;
    }
    return MOSQ_ERR_SUCCESS;
}

/* Waits until all that was reported is in the data file; while the disk takes nothing, for as long as that lasts. */
static enum kp_code commit(struct mqtt_link *l, struct kp_err *err)
{
    if (kp_coupling_flush(l->c, err) || !l->waits || !l->set->durable)
        return err->code;
    do {
        if (kp_coupling_stopping(l->c) || kp_hub_drain(kp_coupling_hub(l->c)))
            return kp_fail(err, KP_ESTOPPED, "stopping");
    } while (kp_hub_holds(kp_coupling_hub(l->c)) && !nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL));
    return kp_store_sync(kp_coupling_context(l->c), err);
}

static enum kp_code turn_once(struct mqtt_link *l, int timeout_ms, struct kp_err *err)
{
    struct pollfd p = { .fd = mosquitto_socket(l->m), .events = POLLIN };
    if (mosquitto_want_write(l->m))
        p.events |= POLLOUT;
    if (p.fd >= 0 && poll(&p, 1, timeout_ms) < 0 && errno != EINTR)
        return kp_fail(err, KP_EIO, "poll: %s", strerror(errno));
    int rc = read_some(l), why = errno;
    if (l->failure.code)
        return kp_fail(err, l->failure.code, "%s", l->failure.text);
    if (commit(l, err))
        return err->code;
    l->waits = false;
    if (!rc && (rc = write_some(l)))
        why = errno;
    if (!rc && (rc = mosquitto_loop_misc(l->m)))
        why = errno;
    if (l->refusal)
        return refused(l->refusal, err);
    if (rc == MOSQ_ERR_TLS)
        return kp_fail(err, KP_EREFUSED, "no secure link: the broker's certificate is not vouched for, or it speaks no TLS");
    if (rc)
        return kp_fail(err, KP_EPEER, "the link to the broker broke: %s",
                       rc == MOSQ_ERR_ERRNO ? strerror(why) : mosquitto_strerror(rc));
    return KP_OK;
}

static enum kp_code wait_until(struct mqtt_link *l, const bool *flag, const unsigned *count, unsigned n, const char *what,
                               struct kp_err *err)
{
    int64_t end = kp_coupling_mono(l->c) + l->set->timeout;
    while (flag ? !*flag : *count + l->denied < n) {
        if (turn_once(l, SLICE_MS, err))
            return err->code;
        if (kp_coupling_stopping(l->c))
            return kp_fail(err, KP_ESTOPPED, "stopping");
        if (kp_coupling_mono(l->c) > end)
            return kp_fail(err, KP_EPEER, "the broker does not answer %s", what);
    }
    return KP_OK;
}

/* Under MQTT 5 a session is kept only when that is asked for, which the library can do in a call that blocks
 * alone: so whether anybody is there is tried first. */
static int call(struct mqtt_link *l, const char *host, int port, struct kp_err *err)
{
    int keepalive = (int)(l->set->keepalive / KP_SECOND);
    if (strcmp(l->set->version, "5") != 0)
        return mosquitto_connect_async(l->m, host, port, keepalive);
    int fd = kp_tcp_connect(host, (uint16_t)port, l->set->timeout, err);
    mosquitto_property *wish = NULL;
    if (fd < 0)
        return MOSQ_ERR_ERRNO;
    close(fd);
    int rc = mosquitto_property_add_int32(&wish, MQTT_PROP_SESSION_EXPIRY_INTERVAL, SESSION_SECONDS);
    if (!rc)
        rc = mosquitto_connect_bind_v5(l->m, host, port, keepalive, NULL, wish);
    mosquitto_property_free_all(&wish);
    return rc;
}

enum kp_code mqtt_link_open(struct mqtt_link *l, const struct mqtt_will *will, struct kp_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct kp_url u;
    char id[64];
    pthread_once(&once, start_library);
    if (mqtt_link_check(kp_coupling_url(l->c), l->set, err) || kp_url_parse(kp_coupling_url(l->c), &u, err))
        return err->code;
    client_id(l, id);
    l->m = mosquitto_new(id, false, l);
    if (!l->m)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    /* "Threaded" keeps what is to be sent in a queue until it is told to write: so acknowledgements can wait. */
    if (mosquitto_threaded_set(l->m, true) || furnish(l, &u, will, err))
        return kp_fail(err, KP_EIO, "the library does not do");
    int port = u.port ? u.port : is_tls(&u) ? 8883 : 1883;
    int rc = call(l, u.host, port, err);
    if (err->code)
        return err->code;
    if (rc)
        return kp_fail(err, KP_EPEER, "cannot connect to %.100s port %d: %s", u.host, port,
                       rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
    return wait_until(l, &l->connected, NULL, 0, "the call", err);
}

enum kp_code mqtt_link_subscribe(struct mqtt_link *l, const char *const *topics, size_t n, struct kp_err *err)
{
    unsigned asked = l->granted + l->denied;
    for (size_t i = 0; i < n; i++) {
        int rc = mosquitto_subscribe(l->m, NULL, topics[i], (int)l->set->qos);
        if (rc)
            return kp_fail(err, rc == MOSQ_ERR_INVAL ? KP_EINVALID : KP_EPEER, "topic '%.100s': %s", topics[i],
                           mosquitto_strerror(rc));
    }
    return wait_until(l, NULL, &l->granted, asked + (unsigned)n, "the subscription", err);
}

enum kp_code mqtt_link_turn(struct mqtt_link *l, int timeout_ms, struct kp_err *err)
{
    return turn_once(l, timeout_ms, err);
}

enum kp_code mqtt_link_publish(struct mqtt_link *l, const char *topic, const void *data, size_t n, bool retain,
                               struct kp_err *err)
{
    int mid = 0, rc = mosquitto_publish(l->m, &mid, topic, (int)n, data, 1, retain);
    int64_t end = kp_coupling_mono(l->c) + l->set->timeout;
    if (rc)
        return kp_fail(err, KP_EPEER, "topic '%.100s': %s", topic, mosquitto_strerror(rc));
    while (l->acknowledged != mid) {
        if (turn_once(l, SLICE_MS, err))
            return err->code;
        if (kp_coupling_mono(l->c) > end)
            return kp_fail(err, KP_ETIMEOUT, "topic '%.100s': the broker does not acknowledge", topic);
    }
    return KP_OK;
}

enum kp_code mqtt_link_send(struct mqtt_link *l, const char *topic, const void *data, size_t n, struct kp_err *err)
{
    int rc = mosquitto_publish(l->m, NULL, topic, (int)n, data, 0, false);
    return rc ? kp_fail(err, KP_EPEER, "topic '%.100s': %s", topic, mosquitto_strerror(rc)) : KP_OK;
}

void mqtt_link_close(struct mqtt_link *l)
{
    if (l->m && l->connected && !l->waits) { /* a goodbye would take waiting acknowledgements along */
        mosquitto_disconnect(l->m);
        mosquitto_loop_write(l->m, 1);
    }
    if (l->m)
        mosquitto_destroy(l->m);
    *l = (struct mqtt_link){ 0 };
}
