/* SPDX-License-Identifier: Apache-2.0 */
/* Of incidents, by the first byte: the settings of security; clocks of any times, which end after
 * they begin; a page of any words, which comes to an end in each format. */
#include "flex/page.h"
#include "net/json_memory.h"
#include "shield/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DAY INT64_C(86400000000000)

static void settings(const char *json)
{
    struct shield_settings s;
    struct kp_err err = { 0 };
    if (!shield_settings_parse(json, &s, &err)) {
        incident_entity(&s.scope);
        if (s.mail.at >= 1440 || s.mail.n > SHIELD_MAILS)
            abort();
    }
    shield_settings_free(&s);
}

/* Between 1970 and 2200. */
static int64_t any_time(const uint8_t **data, size_t *left)
{
    uint64_t v = 0;
    for (int i = 0; i < 6 && *left; i++, ++*data, --*left)
        v = v << 8 | **data;
    return (int64_t)(v % 83950) * DAY + (int64_t)(v >> 20) % DAY;
}

static void clocks(const uint8_t *data, size_t left)
{
    struct incident_scope scope = { .answered = true, .sector = 12, .size = SIZE_LARGE, .products = true };
    struct incident_facts f = { .aware = any_time(&data, &left), .fixed = KP_NO_TIME, .handled = KP_NO_TIME };
    struct incident_clock out[STAGES];
    if (left > 2) {
        f.status = (enum incident_status)(data[0] % 3);
        f.product = (enum incident_product)(data[1] % 3);
        left -= 2;
        data += 2;
    }
    f.fixed = left > 6 ? any_time(&data, &left) : KP_NO_TIME;
    f.handled = left > 6 ? any_time(&data, &left) : KP_NO_TIME;
    for (int i = 0; i < STAGES; i++)
        f.sent[i] = left > 6 ? any_time(&data, &left) : KP_NO_TIME;
    size_t n = incident_clocks(&f, &scope, any_time(&data, &left), out);
    for (size_t i = 0; i < n; i++) {
        if (out[i].due == KP_NO_TIME)
            continue;
        int64_t length = out[i].due - out[i].begins;
        if (length < DAY - DAY / 12 || length > 31 * DAY + DAY / 12)
            abort();
    }
    if (n < 3 || n > STAGES)
        abort();
}

static void page(const char *text, size_t size)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_page *p = kp_arena_alloc(&arena, sizeof *p);
    char *clean = kp_arena_alloc(&arena, 3 * size + 1);
    if (!p || !clean)
        abort();
    kp_utf8_clean(clean, 3 * size + 1, text, size);
    struct kp_pen pen = kp_pen(&arena, p, size & 1, &err);
    p->title = p->subtitle = p->about = clean;
    kp_pen_words(&pen, NULL, clean);
    struct kp_page_block *b = kp_pen_block(&pen, KP_BLOCK_TABLE, clean, 1);
    kp_page_words_column(b, clean, 30);
    kp_page_words_column(b, "x", 70);
    b->wraps = size & 2;
    b->rows[0] = (struct kp_page_row){ .cell = { clean, clean }, .bar = 0.5 };
    for (int format = KP_PAGE_HTML; format <= KP_PAGE_TEXT; format++) {
        struct kp_buf out;
        kp_buf_init(&out, 32 << 20);
        kp_page_show(p, (enum kp_page_format)format, &out, &err);
        kp_buf_free(&out);
    }
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > 20000)
        return 0;
    kp_json_memory_init();
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    if (*data == 's')
        settings(text);
    else if (*data == 'c')
        clocks(data + 1, size - 1);
    else
        page(text, size - 1);
    free(text);
    return 0;
}
