/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MQTT_PAYLOAD_H
#define KOPPEL_COUPLINGS_MQTT_PAYLOAD_H
/* Topics and payloads of plain MQTT. */
#include "core/err.h"
#include "core/text.h"
#include "core/value.h"

#include <jansson.h>

enum { MQTT_PAYLOAD_MAX = 256 << 10, MQTT_LEVELS_MAX = 32 };

/* What the wildcards of a filter stood for, as parts of the topic. */
struct mqtt_levels {
    size_t n;
    struct {
        const char *at;
        size_t len;
    } level[MQTT_LEVELS_MAX];
};
/* MQTT 5, 4.7: '+' is one level, '#' the rest. */
bool mqtt_topic_match(const char *filter, const char *topic, struct mqtt_levels *);
bool mqtt_filter_valid(const char *filter);
/* A path with {1}, {2} ... in it, the wildcards in their order; each level becomes a valid name. A
 * '#' may bring several names. False: it is too long, or no path. */
bool mqtt_path(const char *form, const struct mqtt_levels *, char out[KP_PATH_MAX]);

/* "sensor.temp" or "values[0].v" in a document; NULL when it is not there. "" is the document. */
json_t *mqtt_field(json_t *document, const char *field);
bool mqtt_field_valid(const char *field);
/* A scalar as a value (its text lives as long as the document); arrays and objects become JSON text in
 * the arena. False: out of memory. */
bool mqtt_value_of_json(const json_t *, struct kp_arena *, struct kp_value *);
/* A payload that is no JSON document: number, truth or text. */
struct kp_value mqtt_value_of_text(const char *text, size_t n);
/* Makes it of the type a signal has: a number of any kind becomes a double (or, for KP_INT64, a whole number), 0 and 1
 * become truths, anything becomes text. False: it cannot be. */
bool mqtt_convert(uint8_t type, struct kp_arena *, struct kp_value *);
/* RFC 3339, or seconds, milliseconds, microseconds or nanoseconds since 1970 by their size. */
bool mqtt_time_of(const json_t *, int64_t *at);
#endif
