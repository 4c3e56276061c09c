/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MQTT_LINK_H
#define KOPPEL_COUPLINGS_MQTT_LINK_H
/* The link to a broker, for plain MQTT and for Sparkplug: MQTT 5 or 3.1.1, TLS, a session that the
 * broker keeps. All runs in the coupling's own thread; there is no other. What came in is reported and, with
 * `durable`, committed before its acknowledgements go out, so that the broker keeps what a kill loses. */
#include "core/coupling.h"

#include <mosquitto.h>

struct mqtt_settings {
    char *version, *user, *password, *ca, *certificate, *key, *client_id;
    int64_t qos, keepalive, timeout;
    bool allow_plain, durable;
};
/* The options of it, for the tables of the classes: MQTT_OPTIONS(offset of the struct in the settings). */
#define MQTT_OPTIONS(base)                                                                                             \
    { .name = "version", .type = KP_OPT_CHOICE, .offset = (base) + offsetof(struct mqtt_settings, version),            \
      .standard = "5", .choices = "5,3.1.1", .help = "version of MQTT" },                                              \
    { .name = "user", .type = KP_OPT_TEXT, .offset = (base) + offsetof(struct mqtt_settings, user),                    \
      .help = "user name; empty logs in anonymously" },                                                                \
    { .name = "password", .type = KP_OPT_SECRET, .offset = (base) + offsetof(struct mqtt_settings, password),          \
      .help = "password of the user" },                                                                                \
    { .name = "ca", .type = KP_OPT_TEXT, .offset = (base) + offsetof(struct mqtt_settings, ca),                        \
      .help = "file with the authorities that vouch for the broker, PEM; empty takes the system's" },                  \
    { .name = "certificate", .type = KP_OPT_TEXT, .offset = (base) + offsetof(struct mqtt_settings, certificate),      \
      .help = "file with a certificate to log in with, PEM" },                                                         \
    { .name = "key", .type = KP_OPT_TEXT, .offset = (base) + offsetof(struct mqtt_settings, key),                      \
      .help = "file with the key of certificate, PEM, without a password" },                                           \
    { .name = "client-id", .type = KP_OPT_TEXT, .offset = (base) + offsetof(struct mqtt_settings, client_id),          \
      .help = "name at the broker, which keeps a session under it; empty is one of this node and coupling" },          \
    { .name = "qos", .type = KP_OPT_INT, .offset = (base) + offsetof(struct mqtt_settings, qos), .standard = "1",      \
      .min = 0, .max = 2, .help = "quality of service asked for: 1 is delivered again after a break" },                \
    { .name = "keepalive", .type = KP_OPT_DURATION, .offset = (base) + offsetof(struct mqtt_settings, keepalive),      \
      .standard = "20s", .min = 5 * KP_SECOND, .max = 3600 * KP_SECOND,                                                \
      .help = "a broker silent for one and a half of it is taken for gone" },                                          \
    { .name = "timeout", .type = KP_OPT_DURATION, .offset = (base) + offsetof(struct mqtt_settings, timeout),          \
      .standard = "10s", .min = KP_SECOND, .max = 60 * KP_SECOND, .help = "how long the broker may take to answer" },  \
    { .name = "durable", .type = KP_OPT_BOOL, .offset = (base) + offsetof(struct mqtt_settings, durable),              \
      .standard = "true", .help = "acknowledge a message only when its values are in the data file" },                 \
    { .name = "allow-plain", .type = KP_OPT_BOOL, .offset = (base) + offsetof(struct mqtt_settings, allow_plain),      \
      .standard = "false", .help = "take a link without TLS to another machine" }

struct mqtt_will { /* what the broker says when the link breaks */
    const char *topic, *payload;
    bool retain;
};
struct mqtt_link {
    struct kp_coupling *c;
    const struct mqtt_settings *set;
    struct mosquitto *m;
    void (*take)(void *arg, const struct mosquitto_message *, struct kp_err *);
    void *arg;
    bool waits;     /* acknowledgements wait for the data file */
    bool connected;
    int refusal;    /* the broker's reason code, 0 = none */
    int acknowledged; /* the last message of ours it has */
    unsigned granted, denied; /* subscriptions */
    struct kp_err failure; /* of `take` */
};
/* What can be checked without the broker: the address, files that must be there, TLS. */
enum kp_code mqtt_link_check(const char *url, const struct mqtt_settings *, struct kp_err *);
/* Connects and waits for the broker's word. `take` runs within mqtt_link_turn. */
enum kp_code mqtt_link_open(struct mqtt_link *, const struct mqtt_will *, struct kp_err *);
enum kp_code mqtt_link_subscribe(struct mqtt_link *, const char *const *topics, size_t n, struct kp_err *);
/* Waits up to timeout_ms for a message, takes what there is, and sends what is reported to the hub. */
enum kp_code mqtt_link_turn(struct mqtt_link *, int timeout_ms, struct kp_err *);
/* QoS 1: waits until the broker has it. */
enum kp_code mqtt_link_publish(struct mqtt_link *, const char *topic, const void *, size_t, bool retain, struct kp_err *);
/* QoS 0, without a wait: also within `take`. */
enum kp_code mqtt_link_send(struct mqtt_link *, const char *topic, const void *, size_t, struct kp_err *);
void mqtt_link_close(struct mqtt_link *);
#endif
