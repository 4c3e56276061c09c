/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MQTT_PAYLOAD_H
#define KOPPEL_COUPLINGS_MQTT_PAYLOAD_H
/* What a message says: a number, text, bool or JSON as it stands, or places in a JSON document. */
#include "core/err.h"
#include "core/value.h"

#include <jansson.h>

enum { KP_JSON_DEPTH_MAX = 32, KP_JSON_PATH_MAX = 16, KP_JSON_LEAVES_MAX = 1000 };

/* "sensor.temp", "values[0].v", "[\"a.b\"].c" */
struct kp_json_path {
    struct kp_json_step {
        const char *key; /* NULL: an index */
        size_t index;
    } step[KP_JSON_PATH_MAX];
    size_t n;
};
/* Texts go to the arena; "" is the document itself. */
enum kp_code kp_json_path_parse(struct kp_json_path *, struct kp_arena *, const char *text,
                                struct kp_err *);
json_t *kp_json_path_get(json_t *, const struct kp_json_path *); /* borrowed; NULL: not there */

/* The document, bounded in depth; NULL and a reason otherwise. */
json_t *kp_payload_json(const char *payload, size_t len, struct kp_err *);

enum kp_payload_type {
    KP_AS_IT_COMES,
    KP_AS_NUMBER,
    KP_AS_INTEGER,
    KP_AS_BOOL,
    KP_AS_TEXT,
    KP_AS_JSON
};
bool kp_payload_type_parse(const char *word, enum kp_payload_type *); /* NULL: as it comes */
uint8_t kp_payload_declared(enum kp_payload_type);                    /* enum kp_type */

/* The value of one place in the document; text goes to the arena. A number is a double, whatever
 * way it is written, unless it is declared an integer or has too many digits for a double. */
enum kp_code kp_payload_value(const json_t *, enum kp_payload_type, struct kp_arena *,
                              struct kp_value *, struct kp_err *);
/* The value of a payload without a path into it. */
enum kp_code kp_payload_whole(const char *payload, size_t len, enum kp_payload_type,
                              struct kp_arena *, struct kp_value *, struct kp_err *);
/* The time a place in the document tells: RFC 3339, or seconds, milliseconds, microseconds or
 * nanoseconds since 1970, told apart by their size. */
bool kp_payload_time(const json_t *, int64_t *at);

/* All scalars below a document as paths ("a.b", "c[0]"), at most KP_JSON_LEAVES_MAX; stops when
 * `each` returns false. */
void kp_payload_leaves(json_t *, bool (*each)(void *, const char *path, json_t *), void *arg);
#endif
