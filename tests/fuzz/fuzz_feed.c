/* SPDX-License-Identifier: Apache-2.0 */
/* What a partner gives. First byte: server-sent events when it is odd, else JSON lines; above that the size of the pieces. */
#include "couplings/dsp/feed.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void every_type(const json_t *v)
{
    struct kp_buf room;
    struct kp_value out;
    kp_buf_init(&room, 1);
    for (unsigned type = KP_NULL; type < KP_TYPES; type++)
        for (unsigned array = 0; array <= KP_ARRAY; array += KP_ARRAY) {
            bool fits = kp_feed_value((uint8_t)(type | array), v, &room, &out);
            if (!kp_value_valid(&out) || (!fits && out.type != KP_NULL) || (out.type != KP_NULL && out.type != (type | array)))
                abort();
        }
    kp_buf_free(&room);
}

static enum kp_code take(void *arg, const struct kp_fed *v, struct kp_err *err)
{
    (void)arg;
    (void)err;
    if (v->what == KP_FED_VALUE) {
        if (!kp_path_valid(v->path) || v->function < -1 || v->function >= KP_FUNCTIONS)
            abort();
        every_type(v->value);
    } else if (v->what == KP_FED_INTERVAL) {
        if ((*v->path && !kp_path_valid(v->path)) || v->end < v->at || !v->key[0] || (v->attributes && !json_is_object(v->attributes)))
            abort();
    } else if (!v->reason) {
        abort();
    }
    return KP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_feed f;
    struct kp_err err = { 0 };
    size_t each = size ? 1 + data[0] / 2 : 1;
    kp_feed_begin(&f, size && data[0] & 1, take, NULL);
    for (size_t at = 1; at < size && !err.code; at += each)
        kp_feed_bytes(&f, (const char *)data + at, size - at < each ? size - at : each, &err);
    if (err.code && !*err.text)
        abort();
    kp_feed_end(&f);
    return 0;
}
