/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MQTT_LINK_H
#define KOPPEL_COUPLINGS_MQTT_LINK_H
/* The link to an MQTT broker, for every coupling that has one; the only place that knows
 * libmosquitto. It has no thread: kp_mqtt_turn reads what has come, hands it over in one piece, and
 * only then lets the acknowledgements out, so that with `durable` nothing is acknowledged that is
 * not in the data file. */
#include "core/coupling.h"

struct mosquitto;

struct kp_mqtt_settings {
    char *user, *password, *ca, *certificate, *key, *version, *client_id;
    bool allow_plain, durable;
    int64_t session, timeout; /* ns */
    int64_t qos, payload_max;
};
/* The rows of the table of options; `member` is the struct kp_mqtt_settings in the class's own. */
#define KP_MQTT_OPTION(type_, settings, member, field)                                             \
    .type = (type_), .offset = offsetof(settings, member) + offsetof(struct kp_mqtt_settings, field)
#define KP_MQTT_OPTIONS(settings, member, session_)                                                \
    { .name = "user",                                                                              \
      KP_MQTT_OPTION(KP_OPT_TEXT, settings, member, user),                                         \
      .help = "user name; empty logs in without" },                                                \
        { .name = "password",                                                                      \
          KP_MQTT_OPTION(KP_OPT_SECRET, settings, member, password),                               \
          .help = "password of the user" },                                                        \
        { .name = "ca",                                                                            \
          KP_MQTT_OPTION(KP_OPT_TEXT, settings, member, ca),                                       \
          .help =                                                                                  \
              "PEM file with the authorities that may vouch for the broker; empty is those of "    \
              "this machine" },                                                                    \
        { .name = "certificate",                                                                   \
          KP_MQTT_OPTION(KP_OPT_TEXT, settings, member, certificate),                              \
          .help = "PEM file with a certificate to log in with" },                                  \
        { .name = "key",                                                                           \
          KP_MQTT_OPTION(KP_OPT_TEXT, settings, member, key),                                      \
          .help = "PEM file with the key of certificate, without a password" },                    \
        { .name = "allow-plain",                                                                   \
          KP_MQTT_OPTION(KP_OPT_BOOL, settings, member, allow_plain),                              \
          .standard = "false",                                                                     \
          .help = "take an unprotected link to a broker that is not on this machine" },            \
        { .name = "version",                                                                       \
          KP_MQTT_OPTION(KP_OPT_CHOICE, settings, member, version),                                \
          .standard = "auto",                                                                      \
          .choices = "auto,5,3.1.1",                                                               \
          .help = "version of MQTT; auto is 5, and 3.1.1 with a broker that does not know it" },   \
        { .name = "client-id",                                                                     \
          KP_MQTT_OPTION(KP_OPT_TEXT, settings, member, client_id),                                \
          .help = "name of this client at the broker; empty is one made for this coupling" },      \
        { .name = "session",                                                                       \
          KP_MQTT_OPTION(KP_OPT_DURATION, settings, member, session),                              \
          .standard = (session_),                                                                  \
          .min = 0,                                                                                \
          .max = 365 * 86400 * KP_SECOND,                                                          \
          .help =                                                                                  \
              "how long the broker keeps messages for us while we are away; 0s is not at all" },   \
        { .name = "qos",                                                                           \
          KP_MQTT_OPTION(KP_OPT_INT, settings, member, qos),                                       \
          .standard = "1",                                                                         \
          .min = 0,                                                                                \
          .max = 1,                                                                                \
          .help = "1 is acknowledged delivery" },                                                  \
        { .name = "durable",                                                                       \
          KP_MQTT_OPTION(KP_OPT_BOOL, settings, member, durable),                                  \
          .standard = "true",                                                                      \
          .help = "acknowledge a message only when its values are in the data file" },             \
        { .name = "payload-max",                                                                   \
          KP_MQTT_OPTION(KP_OPT_INT, settings, member, payload_max),                               \
          .standard = "1048576",                                                                   \
          .min = 1024,                                                                             \
          .max = 64 << 20,                                                                         \
          .help = "bytes of a message at most; a larger one is dropped and counted" },             \
    {                                                                                              \
        .name = "timeout", KP_MQTT_OPTION(KP_OPT_DURATION, settings, member, timeout),             \
        .standard = "5s", .min = 100 * KP_MILLISECOND, .max = 120 * KP_SECOND,                     \
        .help = "how long the broker may take to answer"                                           \
    }

/* "mqtts://host:8883/rest" and what it means. */
struct kp_mqtt_address {
    char host[256];
    uint16_t port;
    bool tls;
    char path[512]; /* behind the '/'; "" = nothing */
};
enum kp_code kp_mqtt_address(const char *url, struct kp_mqtt_address *, struct kp_err *);
/* Address and settings as a whole, before they are in force. */
enum kp_code kp_mqtt_check(const char *url, const struct kp_mqtt_settings *, struct kp_err *);

struct kp_mqtt_message {
    const char *topic;
    const char *payload; /* `len` bytes and a 0 behind them */
    size_t len;
    int64_t at;        /* received, ns UTC */
    bool acknowledged; /* QoS 1 */
    bool retained;     /* kept by the broker from some earlier time */
};

struct kp_mqtt_publication {
    const char *topic;
    const void *payload;
    size_t len;
    bool retain;
};

struct kp_mqtt_link {
    struct kp_coupling *c;
    const struct kp_mqtt_settings *set;
    /* What one turn has brought. An error closes the link; unacknowledged messages come again. */
    enum kp_code (*take)(struct kp_coupling *, const struct kp_mqtt_message *, size_t n,
                         struct kp_err *);
    const struct kp_mqtt_publication *will; /* or NULL; lives until the link is open */
    uint64_t oversized;                     /* messages dropped */
    /* ---- its own ---- */
    struct mosquitto *client;
    struct kp_calls *calls; /* who is told of certificates */
    int wake;            /* eventfd + 1; 0 = none */
    bool v3;             /* what is tried next, when protocol is auto */
    bool resumed;        /* the broker had a session of ours */
    bool fresh;          /* the next one begins without it */
    bool more;           /* there is more to read at once */
    bool unacknowledged; /* acknowledgements wait for the commit */
    int64_t last_at;     /* reception of the last message */
    int64_t committed;   /* monotonic: when the last one was waited for */
    unsigned hangups;    /* in a row, instead of an answer to our greeting */
    int connack;         /* -1: not yet */
    int mid, answer;     /* the request waited for; -1: not yet answered */
    unsigned refused;    /* filters the broker does not grant */
    size_t refused_first;
    int ended; /* why the link ended, as the library says */
    bool down;
    struct kp_arena text;
    struct kp_mqtt_message *list;
    size_t n, room, bytes;
    bool no_memory;
    char said[160]; /* the library's last error */
};

/* Connects; c, set and take are filled in before. */
enum kp_code kp_mqtt_open(struct kp_mqtt_link *, struct kp_err *);
/* Waits for the broker's answer; meanwhile messages are handed over. Filters that are refused are
 * counted; KP_EREFUSED when all are. */
enum kp_code kp_mqtt_subscribe(struct kp_mqtt_link *, const char *const *filters, size_t n,
                               struct kp_err *);
/* Waits up to ms for something and handles it. KP_ESTOPPED when the coupling is to end. */
enum kp_code kp_mqtt_turn(struct kp_mqtt_link *, int ms, struct kp_err *);
/* Publishes and waits until the broker has it. Not from `take`. */
enum kp_code kp_mqtt_publish(struct kp_mqtt_link *, const struct kp_mqtt_publication *,
                             struct kp_err *);
/* Publishes without waiting and without acknowledgement. */
enum kp_code kp_mqtt_send(struct kp_mqtt_link *, const struct kp_mqtt_publication *,
                          struct kp_err *);
/* A message came that no filter of ours asks for: the broker's session is from an earlier setting.
 */
enum kp_code kp_mqtt_forget_session(struct kp_mqtt_link *, const char *topic, struct kp_err *);
/* "MQTT 5, TLS": what the link is. */
void kp_mqtt_describe(const struct kp_mqtt_link *, char *out, size_t size);
void kp_mqtt_close(struct kp_mqtt_link *);
void kp_mqtt_wake(struct kp_mqtt_link *); /* any thread */
#endif
