/* SPDX-License-Identifier: Apache-2.0 */
/* Four texts parted by 0: filter, topic, field, payload; and what a message of them becomes. */
#include "couplings/mqtt/payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *next(const char **at, const char *end)
{
    const char *text = *at;
    *at = memchr(text, 0, (size_t)(end - text));
    *at += *at < end - 1;
    return text;
}

static void value(json_t *j, const char *text, size_t n)
{
    static const uint8_t types[] = { KP_DOUBLE, KP_INT64, KP_BOOL, KP_STRING };
    struct kp_arena arena = { 0 };
    for (size_t i = 0; i < sizeof types; i++) {
        struct kp_value v = mqtt_value_of_text(text, n);
        if (j && !mqtt_value_of_json(j, &arena, &v))
            abort();
        if (mqtt_convert(types[i], &arena, &v) && v.type != types[i] && v.type != KP_NULL)
            abort();
        if (kp_utf8_valid(text, n) && !kp_value_valid(&v))
            abort();
    }
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 << 15)
        return 0;
    char *copy = malloc(size + 1), path[KP_PATH_MAX];
    memcpy(copy, data, size);
    copy[size] = 0;
    const char *at = copy, *end = copy + size + 1;
    const char *filter = next(&at, end), *topic = next(&at, end), *field = next(&at, end), *payload = at;
    struct mqtt_levels levels;
    if (mqtt_filter_valid(filter) && mqtt_topic_match(filter, topic, &levels) && mqtt_path("a/{1}/{2}", &levels, path) &&
        !kp_path_valid(path))
        abort();
    json_t *document = json_loadb(payload, (size_t)(end - payload) - 1, JSON_REJECT_DUPLICATES, NULL);
    json_t *found = document && mqtt_field_valid(field) ? mqtt_field(document, field) : NULL;
    int64_t time;
    value(found, payload, (size_t)(end - payload) - 1);
    if (found)
        mqtt_time_of(found, &time);
    json_decref(document);
    free(copy);
    return 0;
}
