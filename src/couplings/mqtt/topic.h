/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MQTT_TOPIC_H
#define KOPPEL_COUPLINGS_MQTT_TOPIC_H
/* Topic filters (MQTT 5, 4.7) and what their wildcards stood for. */
#include "core/err.h"
#include "core/mem.h"

enum { KP_TOPIC_MAX = 65535, KP_TOPIC_LEVELS_MAX = 16 /* wildcards of one filter */ };

struct kp_topic_match {
    struct kp_topic_part { /* in the topic, by wildcard from left to right */
        const char *from;
        size_t len;
    } part[KP_TOPIC_LEVELS_MAX];
    size_t n;
};

bool kp_topic_filter_valid(const char *filter);
size_t kp_topic_wildcards(const char *filter);
/* Whether the filter asks for this topic; `match` may be NULL. */
bool kp_topic_match(const char *filter, const char *topic, struct kp_topic_match *match);
/* "{1}/temperature" with what the wildcards stood for. Checks that a template names only wildcards
 * 1 to n. */
enum kp_code kp_topic_template_check(const char *template, size_t n, struct kp_err *err);
/* As a path: each level a valid name. False when it does not fit or the room fails. */
bool kp_topic_path(const char *template, const struct kp_topic_match *, char *out, size_t size);
/* As a topic to publish at: levels as they are. */
bool kp_topic_fill(const char *template, const struct kp_topic_match *, char *out, size_t size);
#endif
