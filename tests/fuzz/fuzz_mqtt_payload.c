/* SPDX-License-Identifier: Apache-2.0 */
/* A map's filter, path and place, a topic and a payload: whatever they are, what comes out is a
 * valid path and a valid value. */
#include "couplings/mqtt/payload.h"
#include "couplings/mqtt/topic.h"

#include "core/text.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *take(struct kp_arena *arena, const uint8_t **p, const uint8_t *end)
{
    const uint8_t *nul = memchr(*p, '\n', (size_t)(end - *p));
    size_t n = nul ? (size_t)(nul - *p) : (size_t)(end - *p);
    char *text = kp_arena_alloc(arena, n + 1);
    assert(text);
    if (n)
        memcpy(text, *p, n);
    *p += n + (nul != NULL);
    return text;
}

static bool seen(void *arg, const char *place, json_t *j)
{
    struct kp_arena *arena = arg;
    struct kp_json_path path;
    struct kp_err err = { 0 };
    (void)j;
    assert(kp_json_path_parse(&path, arena, place, &err) !=
           KP_EPARSE); /* what is listed can be asked for */
    return true;
}

/* The first byte is the type, then come filter, path, place and topic, a line each, and the
 * payload. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_arena arena = { 0 };
    struct kp_topic_match match;
    struct kp_json_path place;
    struct kp_err err = { 0 };
    struct kp_value v;
    char path[KP_PATH_MAX];
    int64_t at;
    if (!size)
        return 0;
    const uint8_t *p = data + 1, *end = data + size;
    enum kp_payload_type type = (enum kp_payload_type)(data[0] % (KP_AS_JSON + 1));
    const char *filter = take(&arena, &p, end), *template = take(&arena, &p, end),
               *field = take(&arena, &p, end), *topic = take(&arena, &p, end);
    if (kp_topic_filter_valid(filter) && kp_topic_match(filter, topic, &match)) {
        assert(match.n == kp_topic_wildcards(filter));
        if (kp_topic_path(template, &match, path, sizeof path))
            assert(kp_path_valid(path));
    }
    size_t len = (size_t)(end - p);
    char *payload = kp_arena_alloc(&arena, len + 1);
    assert(payload);
    if (len)
        memcpy(payload, p, len);
    if (!kp_payload_whole(payload, len, type, &arena, &v, &err))
        assert(kp_value_valid(&v));
    err = (struct kp_err){ 0 };
    json_t *doc = kp_payload_json(payload, len, &err);
    err = (struct kp_err){ 0 };
    if (doc && !kp_json_path_parse(&place, &arena, field, &err)) {
        json_t *j = kp_json_path_get(doc, &place);
        if (j && !kp_payload_value(j, type, &arena, &v, &err))
            assert(kp_value_valid(&v));
        kp_payload_time(j, &at);
        kp_payload_leaves(doc, seen, &arena);
    }
    json_decref(doc);
    kp_arena_free(&arena);
    return 0;
}
