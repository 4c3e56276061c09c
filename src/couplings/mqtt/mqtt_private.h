/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MQTT_PRIVATE_H
#define KOPPEL_COUPLINGS_MQTT_PRIVATE_H
/* What the files of this folder share. With a map, routes.c says which signal a place in a message
 * is; without one, found.c lists what comes and makes signals of it. */
#include "couplings/map.h"
#include "couplings/mqtt/mqtt.h"
#include "couplings/mqtt/payload.h"
#include "couplings/mqtt/topic.h"
#include "couplings/mqtt_link.h"
#include "couplings/names.h"

enum {
    MQTT_TOPICS_MAX = 100000,
    MQTT_SIGNALS_MAX = 100000,
    MQTT_FOUND_MAX = 20000, /* values listed of a broker without a map */
    MQTT_SOURCE_MAX = 2048,
};

struct mqtt_settings {
    struct kp_mqtt_settings link;
    char *map, *topics;
};

/* ---- routes.c ---- */
struct mqtt_route {
    const char *filter, *path, *field_text, *set_topic; /* of the map */
    struct kp_json_path field, time;
    enum kp_payload_type type;
    bool has_time, skip_retained, scaled;
    double scale, offset;
    const struct kp_map_row *row;
};
struct mqtt_bound { /* a route at one topic */
    uint32_t route;
    kp_signal id;
    const char *path, *source, *set_topic;
    uint8_t type; /* KP_NULL until a value shows it */
    bool undeclared;
};
struct mqtt_topic {
    uint32_t first, n; /* of the bounds */
    uint64_t last;     /* hash of the last payload, 0 = none */
};
struct mqtt_routes {
    struct kp_map map;
    struct mqtt_route *list;
    size_t n;
    const char **filters; /* to subscribe */
    size_t n_filters;
    struct kp_names names; /* of topics */
    struct mqtt_topic *topics;
    size_t n_topics, topics_room;
    struct mqtt_bound *bounds;
    size_t n_bounds, bounds_room, undeclared;
    struct kp_arena text;
    bool full;
};
/* Reads and checks the map; freed in any case. */
enum kp_code mqtt_routes_read(struct mqtt_routes *, const char *map, struct kp_err *);
void mqtt_routes_free(struct mqtt_routes *);

/* ---- found.c ---- */
struct mqtt_value {
    const char *path, *source, *type;
    kp_signal id;
    bool listed; /* in the catalogue: it was decided whether it is a signal */
};
struct mqtt_found {
    struct kp_names names; /* of sources */
    struct mqtt_value *list;
    size_t n, room;
    struct kp_arena text;
    struct kp_arena held_text; /* messages of values not yet listed */
    struct kp_mqtt_message *held;
    size_t n_held, held_room, held_bytes;
    bool due, full;
    int64_t not_before; /* monotonic */
    size_t subscribed, left;
    char topics[4096]; /* the setting, cut into filters */
    const char *filters[64];
    size_t n_filters;
};

struct mqtt {
    struct kp_coupling *c;
    const struct mqtt_settings *set;
    struct kp_mqtt_link link;
    bool mapped;
    struct mqtt_routes routes;
    struct mqtt_found found;
    struct kp_arena value; /* text of the value being reported */
    uint64_t unread;       /* messages that could not be read */
    char unread_why[120];
    uint64_t told;     /* of them, in the note */
    int64_t described; /* monotonic */
};

/* Counts a message or value that cannot be read; never fatal. */
void mqtt_unread(struct mqtt *, const char *topic, const struct kp_err *why);

enum kp_code mqtt_routes_open(struct mqtt *, struct kp_err *);
enum kp_code mqtt_routes_take(struct mqtt *, const struct kp_mqtt_message *, size_t n,
                              struct kp_err *);
enum kp_code mqtt_routes_write(struct mqtt *, const struct kp_sample *, struct kp_err *);

/* The filters of the setting `topics`, cut in place. */
enum kp_code mqtt_found_filters(struct mqtt_found *, const char *topics, struct kp_err *);
enum kp_code mqtt_found_open(struct mqtt *, struct kp_err *);
enum kp_code mqtt_found_take(struct mqtt *, const struct kp_mqtt_message *, size_t n,
                             struct kp_err *);
/* Lists what is new, when it is time. */
enum kp_code mqtt_found_turn(struct mqtt *, struct kp_err *);
void mqtt_found_free(struct mqtt_found *);
#endif
