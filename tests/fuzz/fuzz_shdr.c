/* SPDX-License-Identifier: Apache-2.0 */
/* SHDR: any bytes are lines whatever pieces they come in, what a line says lies within it, and sets
 * are JSON. */
#include "couplings/mtconnect/observe.h"
#include "couplings/shdr/line.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    const char *from, *to; /* the line */
    uint8_t forms;
};

static enum kp_shdr_form form(void *arg, const char *key)
{
    struct reading *r = arg;
    return (enum kp_shdr_form)((r->forms ^ (uint8_t)*key) % (KP_SHDR_SET + 1));
}

static void check_set(const char *text)
{
    struct kp_buf out;
    char *copy = kp_strdup(text);
    assert(copy);
    kp_buf_init(&out, KP_MTC_DATA_MAX);
    kp_shdr_set_json(&out, copy);
    kp_free(copy);
    json_t *j = json_loads(kp_buf_text(&out), 0, NULL);
    assert(j || out.failed);
    json_decref(j);
    kp_buf_free(&out);
}

static bool seen(void *arg, const struct kp_shdr_seen *v, int64_t at)
{
    struct reading *r = arg;
    (void)at;
    assert(v->form > KP_SHDR_AUTO && v->form <= KP_SHDR_SET);
    assert(*v->key && v->key >= r->from && v->key + strlen(v->key) <= r->to);
    assert(!*v->value || (v->value >= r->from && v->value + strlen(v->value) <= r->to));
    assert((v->level != NULL) == (v->form == KP_SHDR_CONDITION));
    check_set(v->value);
    return true;
}

static unsigned read_all(const char *text, size_t size, size_t piece, uint8_t forms)
{
    struct kp_shdr_lines l = { 0 };
    struct kp_shdr_clock clock = { 0 };
    unsigned n = 0;
    kp_buf_init(&l.text, KP_SHDR_LINE_MAX);
    for (size_t at = 0; at < size; at += piece) {
        char *line;
        kp_buf_add(&l.text, text + at, size - at < piece ? size - at : piece);
        while ((line = kp_shdr_next(&l))) {
            size_t room = 3 * strlen(line) + 1;
            char *copy = kp_alloc(room);
            assert(copy);
            kp_utf8_clean(copy, room, line, strlen(line));
            struct reading r = { copy, copy + room, forms };
            kp_shdr_read(copy, &clock, 0,
                         &(struct kp_shdr_reader){ &r, forms & 1 ? form : NULL, seen });
            kp_free(copy);
            n++;
        }
    }
    kp_buf_free(&l.text);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 2;
    unsigned n = read_all(text, size - 2, size, data[1]);
    assert(n == read_all(text, size - 2, data[0] % 16 + 1, data[1]));
    return 0;
}
