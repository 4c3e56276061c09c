/* SPDX-License-Identifier: Apache-2.0 */
/* What the shop floor reads, by the first byte: a calendar, of which the planned spans of two
 * months must be in order and without overlap; the settings; the bytes of a day, with the checksum
 * put right, which must encode to the same day again; an order. */
#include "flex/order_private.h"
#include "net/json_memory.h"
#include "store/chunk.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool in_order(void *arg, const struct kp_span *s)
{
    int64_t *last = arg;
    if (s->from < *last || s->to <= s->from || !s->name)
        abort();
    *last = s->to;
    return true;
}

static void calendar(const char *json)
{
    struct kp_calendar c;
    struct kp_err err = { 0 };
    int64_t from = INT64_C(1790000000) * KP_SECOND, last = from;
    if (!kp_calendar_parse(json, &c, &err))
        kp_calendar_spans(&c, "hall/mill", from, from + INT64_C(60) * 86400 * KP_SECOND, in_order,
                          &last);
    kp_calendar_free(&c);
}

static void settings(const char *json)
{
    struct kp_settings s;
    struct kp_err err = { 0 };
    if (!kp_settings_parse(json, &s, &err))
        kp_settings_threshold(&s, kp_settings_machine(&s, "hall/mill"));
    kp_settings_free(&s);
}

static void order(const char *json)
{
    struct kp_arena arena = { 0 };
    struct kp_order_in in;
    struct kp_err err = { 0 };
    bool replace;
    json_t *o = kp_json_load(json, strlen(json), JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(o) && !kp_order_parse(o, &arena, &in, &replace, &err)) {
        if (!in.number || in.quantity < 0 || in.n > KP_OPERATIONS_MAX)
            abort();
        for (size_t i = 0; i < in.n; i++)
            if (!in.operations[i].number || in.operations[i].cycle < 0)
                abort();
        if (order_print(&in).h != order_print(&in).h)
            abort();
    }
    json_decref(o);
    kp_arena_free(&arena);
}

static void day(uint8_t *bytes, size_t size)
{
    struct kp_arena arena = { 0 };
    struct kp_day one, two;
    struct kp_buf first, second;
    struct kp_err err = { 0 };
    if (size < 5)
        return;
    uint32_t crc = kp_crc32c(bytes, size - 4);
    for (size_t i = 0; i < 4; i++)
        bytes[size - 4 + i] = (uint8_t)(crc >> 8 * i);
    kp_buf_init(&first, 64 << 20);
    kp_buf_init(&second, 64 << 20);
    if (!kp_day_decode(bytes, size, &arena, &one, &err)) {
        kp_day_encode(&one, &first);
        if (!kp_day_decode(first.data, first.len, &arena, &two, &err))
            kp_day_encode(&two, &second);
    }
    if (first.len != second.len || (first.len && memcmp(first.data, second.data, first.len) != 0))
        abort();
    kp_buf_free(&first);
    kp_buf_free(&second);
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!size || !text) {
        free(text);
        return 0;
    }
    kp_json_memory_init();
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    if (data[0] == 'o')
        order(text);
    else if (data[0] % 3 == 0)
        calendar(text);
    else if (data[0] % 3 == 1)
        settings(text);
    else
        day((uint8_t *)text, size - 1);
    free(text);
    return 0;
}
