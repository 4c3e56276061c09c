/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "shield/stix_cut.h"

#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

/* What remains when each object in a list of the text is replaced by its number: small, so it can
 * be read whole. Objects are read later, one at a time. */
struct cutting {
    const char *text;
    size_t len, at;
    struct kp_buf frame;
    struct kp_stix_part *part;
    size_t n, room;
    struct kp_err *err;
};
enum { FRAME_MAX = 1 << 20, FRAME_DEPTH = KP_STIX_DEPTH };

/* Behind a text in quotes that begins here. */
static size_t skip_quoted(const struct cutting *c, size_t at)
{
    for (at++; at < c->len && c->text[at] != '"'; at++)
        at += c->text[at] == '\\';
    return at < c->len ? at + 1 : c->len;
}

/* Behind an object that begins here; 0: it has no end. */
static size_t skip_object(const struct cutting *c, size_t at)
{
    int depth = 0;
    while (at < c->len) {
        char x = c->text[at];
        if (x == '"') {
            at = skip_quoted(c, at);
            continue;
        }
        depth += x == '{' || x == '[';
        depth -= x == '}' || x == ']';
        if (depth > KP_STIX_DEPTH) {
            kp_fail(c->err, KP_EFULL, "an object is nested deeper than %d levels", KP_STIX_DEPTH);
            return 0;
        }
        at++;
        if (!depth)
            return at;
    }
    kp_fail(c->err, KP_EPARSE, "the text ends within an object");
    return 0;
}

static enum kp_code take_object(struct cutting *c)
{
    size_t end = skip_object(c, c->at);
    if (!end)
        return c->err->code;
    if (c->n == KP_STIX_BATCH_MAX)
        return kp_fail(c->err, KP_EFULL, "more than %d objects at once", KP_STIX_BATCH_MAX);
    if (!kp_grow(&c->part, &c->room, c->n + 1, sizeof *c->part))
        return kp_fail(c->err, KP_ENOMEM, "out of memory");
    kp_buf_printf(&c->frame, "%zu", c->n);
    c->part[c->n++] = (struct kp_stix_part){ c->text + c->at, end - c->at };
    c->at = end;
    return KP_OK;
}

static enum kp_code make_frame(struct cutting *c)
{
    char open[FRAME_DEPTH + 1] = "";
    int depth = 0;
    while (c->at < c->len && !c->err->code) {
        char x = c->text[c->at];
        bool listed = depth == 2 && open[0] == '{' && open[1] == '[';
        if (listed && x == '{') {
            take_object(c);
            continue;
        }
        if (listed && (x == '-' || (x >= '0' && x <= '9'))) { /* no number of ours */
            while (c->at < c->len && memchr("0123456789+-.eE", c->text[c->at], 15))
                c->at++;
            kp_buf_str(&c->frame, "null");
            continue;
        }
        if (x == '"') {
            size_t end = skip_quoted(c, c->at);
            kp_buf_add(&c->frame, c->text + c->at, end - c->at);
            c->at = end;
            continue;
        }
        if (x == '{' || x == '[') {
            if (depth == FRAME_DEPTH)
                return kp_fail(c->err, KP_EFULL,
                               "what stands around the objects is nested too deep");
            open[depth++] = x;
        }
        depth -= (x == '}' || x == ']') && depth > 0;
        kp_buf_add(&c->frame, &x, 1);
        c->at++;
    }
    if (!c->err->code && c->frame.failed)
        kp_fail(c->err, KP_EFULL,
                "what stands around the objects is larger than %d bytes, or memory"
                " is short",
                FRAME_MAX);
    return c->err->code;
}

/* The list names the numbers that were put in. */
static enum kp_code sort_out(struct cutting *c, const json_t *list, struct kp_arena *arena,
                             struct kp_stix_parts *out)
{
    if (!json_is_array(list))
        return kp_fail(c->err, KP_EINVALID, "objects is no list");
    out->n = json_array_size(list);
    if (out->n > KP_STIX_BATCH_MAX)
        return kp_fail(c->err, KP_EFULL, "more than %d objects at once", KP_STIX_BATCH_MAX);
    out->part = kp_arena_alloc(arena, (out->n + 1) * sizeof *out->part);
    if (!out->part)
        return kp_fail(c->err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < out->n; i++) {
        const json_t *number = json_array_get(list, i);
        json_int_t k = json_is_integer(number) ? json_integer_value(number) : -1;
        if (k >= 0 && (size_t)k < c->n)
            out->part[i] = c->part[k];
    }
    return KP_OK;
}

static bool begins_object(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return i < len && text[i] == '{';
}

static enum kp_code alone(struct cutting *c, struct kp_arena *arena, struct kp_stix_parts *out)
{
    struct kp_stix_part *p = kp_arena_alloc(arena, sizeof *p);
    if (!p)
        return kp_fail(c->err, KP_ENOMEM, "out of memory");
    *p = (struct kp_stix_part){ c->text, c->len };
    *out = (struct kp_stix_parts){ .part = p, .n = 1 };
    return KP_OK;
}

enum kp_code kp_stix_cut(const char *text, size_t len, struct kp_arena *arena,
                         struct kp_stix_parts *out, struct kp_err *err)
{
    *out = (struct kp_stix_parts){ 0 };
    if (len > 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    struct cutting c = { .text = text, .len = len, .err = err };
    kp_buf_init(&c.frame, FRAME_MAX);
    if (!begins_object(text, len))
        kp_fail(err, KP_EPARSE, "it is no JSON object");
    else if (!make_frame(&c))
        out->frame = kp_json_object(kp_buf_text(&c.frame), c.frame.len, "JSON", FRAME_DEPTH, err);
    if (out->frame) {
        const json_t *list = json_object_get(out->frame, "objects");
        const char *type = json_string_value(json_object_get(out->frame, "type"));
        if (list)
            sort_out(&c, list, arena, out);
        else if (type && strcmp(type, "bundle") != 0) {
            json_decref(out->frame);
            alone(&c, arena, out);
        }
    }
    if (err->code) {
        json_decref(out->frame);
        out->frame = NULL;
    }
    kp_buf_free(&c.frame);
    kp_free(c.part);
    return err->code;
}

bool kp_stix_defines_marking(const struct kp_stix_part *p)
{
    static const char word[] = "\"marking-definition\"";
    return p->text && memmem(p->text, p->len, word, sizeof word - 1);
}
