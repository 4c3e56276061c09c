/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml.h"

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "core/ban.h"

static enum kp_code record(const char *file, struct kp_place at, struct kp_err *err, enum kp_code code,
                           const char *text)
{
    return kp_fail(err, code, "%.100s:%u:%u: %s", file, at.line, at.column, text);
}

enum kp_code kp_yaml_fail(const char *file, struct kp_place at, struct kp_err *err, enum kp_code code,
                          const char *fmt, ...)
{
    char text[KP_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return record(file, at, err, code, text);
}

enum kp_code kp_yaml_context(const char *file, struct kp_place at, struct kp_err *err)
{
    return kp_context(err, "%.100s:%u:%u", file, at.line, at.column);
}

const char *kp_yaml_kind_name(enum kp_yaml_kind kind)
{
    static const char *const names[] = { [KP_YAML_TEXT] = "a text", [KP_YAML_LIST] = "a list",
                                         [KP_YAML_MAP] = "a map" };
    return names[kind];
}

/* ---- events become a tree ---- */
struct level {
    struct kp_yaml *node, *last;
    unsigned n;
    const char *key; /* waits for its value */
    struct kp_place key_at;
};

struct reader {
    const char *file;
    struct kp_arena *arena;
    struct kp_yaml *root;
    unsigned depth;
    struct level levels[KP_YAML_DEPTH];
    unsigned documents;
    struct kp_place at; /* of the event in hand */
    struct kp_err *err;
};

static struct kp_place place(yaml_mark_t mark)
{
    return (struct kp_place){ (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

static struct level *top(struct reader *r)
{
    return r->depth ? &r->levels[r->depth - 1] : NULL;
}

static enum kp_code refuse(struct reader *r, const char *why)
{
    return record(r->file, r->at, r->err, KP_EPARSE, why);
}

static enum kp_code out_of_memory(struct reader *r)
{
    return kp_fail(r->err, KP_ENOMEM, "out of memory reading %.100s", r->file);
}

static char *copy_text(struct reader *r, const yaml_event_t *e)
{
    size_t n = e->data.scalar.length;
    char *copy = kp_arena_alloc(r->arena, n + 1);
    if (!copy) {
        out_of_memory(r);
        return NULL;
    }
    memcpy(copy, e->data.scalar.value, n);
    if (!memchr(copy, 0, n) && kp_utf8_valid(copy, n))
        return copy;
    refuse(r, "a text holds a zero byte or is not valid UTF-8");
    return NULL;
}

static enum kp_code take_key(struct reader *r, struct level *map, const yaml_event_t *e)
{
    map->key = copy_text(r, e);
    map->key_at = r->at;
    if (!map->key)
        return r->err->code;
    if (map->n == KP_YAML_KEYS_MAX)
        return refuse(r, "too many keys in one map");
    for (struct kp_yaml *k = map->node->first; k; k = k->next)
        if (strcmp(k->key, map->key) == 0)
            return kp_yaml_fail(r->file, r->at, r->err, KP_EPARSE, "'%.60s' stands here a second time, first in line %u",
                                map->key, k->key_at.line);
    return KP_OK;
}

static struct kp_yaml *add_node(struct reader *r, enum kp_yaml_kind kind)
{
    struct level *in = top(r);
    struct kp_yaml *node = kp_arena_alloc(r->arena, sizeof *node);
    if (!node) {
        out_of_memory(r);
        return NULL;
    }
    *node = (struct kp_yaml){ .kind = kind, .at = r->at };
    if (!in) {
        r->root = node;
        return node;
    }
    node->key = in->key;
    node->key_at = in->key_at;
    *(in->last ? &in->last->next : &in->node->first) = node;
    in->last = node;
    in->key = NULL;
    in->n++;
    return node;
}

static enum kp_code take_text(struct reader *r, const yaml_event_t *e)
{
    struct level *in = top(r);
    if (in && in->node->kind == KP_YAML_MAP && !in->key)
        return take_key(r, in, e);
    struct kp_yaml *node = add_node(r, KP_YAML_TEXT);
    if (node)
        node->text = copy_text(r, e);
    return r->err->code;
}

static enum kp_code push(struct reader *r, enum kp_yaml_kind kind)
{
    struct level *in = top(r);
    if (in && in->node->kind == KP_YAML_MAP && !in->key)
        return refuse(r, "a key must be a text");
    if (r->depth == KP_YAML_DEPTH)
        return refuse(r, "nested too deep");
    struct kp_yaml *node = add_node(r, kind);
    if (node)
        r->levels[r->depth++] = (struct level){ .node = node };
    return r->err->code;
}

static enum kp_code check_marks(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        return refuse(r, "anchors (&name) are not taken here: write the value out");
    if (tag)
        return refuse(r, "tags (!name) are not taken here: every value is read by its field's type");
    return KP_OK;
}

static enum kp_code take_event(struct reader *r, const yaml_event_t *e)
{
    r->at = place(e->start_mark);
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return r->documents++ ? refuse(r, "a second document: one file is one document") : KP_OK;
    case YAML_ALIAS_EVENT:
        return refuse(r, "aliases (*name) are not taken here: write the value out");
    case YAML_SCALAR_EVENT:
        return check_marks(r, e->data.scalar.anchor, e->data.scalar.tag) ? r->err->code : take_text(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return check_marks(r, e->data.sequence_start.anchor, e->data.sequence_start.tag) ? r->err->code
                                                                                        : push(r, KP_YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        return check_marks(r, e->data.mapping_start.anchor, e->data.mapping_start.tag) ? r->err->code
                                                                                      : push(r, KP_YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        r->depth -= r->depth > 0;
        return KP_OK;
    default:
        return KP_OK;
    }
}

/* ---- reading ---- */

/* Named here with their place, where libyaml would give an offset. */
static enum kp_code check_bytes(struct reader *r, const char *text, size_t len)
{
    r->at = (struct kp_place){ 1, 1 };
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return refuse(r, "a control character");
        r->at.column++;
        if (c == '\n')
            r->at = (struct kp_place){ r->at.line + 1, 1 };
    }
    if (kp_utf8_valid(text, len))
        return KP_OK;
    return kp_fail(r->err, KP_EPARSE, "%.100s: not valid UTF-8; save the file as UTF-8", r->file);
}

static enum kp_code refuse_not_yaml(struct reader *r, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return out_of_memory(r);
    if (parser->error == YAML_READER_ERROR)
        return refuse(r, parser->problem); /* checked before; what is left is a character YAML has not */
    r->at = place(parser->problem_mark);
    return kp_yaml_fail(r->file, r->at, r->err, KP_EPARSE, "%s%s%s", parser->context ? parser->context : "",
                        parser->context ? ": " : "", parser->problem ? parser->problem : "not YAML");
}

enum kp_code kp_yaml_read(const char *text, size_t len, const char *file, struct kp_arena *arena,
                          struct kp_yaml **root, struct kp_err *err)
{
    struct reader r = { .file = file, .arena = arena, .err = err };
    yaml_parser_t parser;
    bool ended = false;
    *root = NULL;
    if (check_bytes(&r, text, len))
        return err->code;
    if (!yaml_parser_initialize(&parser))
        return out_of_memory(&r);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    while (!err->code && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            refuse_not_yaml(&r, &parser);
            break;
        }
        take_event(&r, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (!err->code)
        *root = r.root;
    return err->code;
}

/* ---- writing ---- */

/* The character at p (valid UTF-8) and its bytes. */
static uint32_t character(const char *p, size_t *len)
{
    const unsigned char *u = (const unsigned char *)p;
    *len = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    uint32_t c = *len == 1 ? u[0] : u[0] & (0x7fU >> *len);
    for (size_t i = 1; i < *len; i++)
        c = c << 6 | (u[i] & 0x3f);
    return c;
}

/* Not printable in YAML, or a line break to it: controls, the line and paragraph separator, byte order marks. */
static bool needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

/* Safe to stand without quotes, also for readers who know booleans, numbers and null: letters first, then
 * nothing that means something to YAML. */
static bool is_plain(const char *text)
{
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "null", "y", "n" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i], text) == 0)
            return false;
    if (!*text || !((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z'))
        return false;
    for (size_t len; *text; text += len) {
        uint32_t c = character(text, &len);
        bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        bool safe = c < 0x80 ? letter || strchr(" -_./=;+()", (int)c) : !needs_escape(c);
        char next = text[len];
        if ((!safe && c != ':') || (c == ':' && (!next || next == ' ')) || (c == ' ' && !next))
            return false;
    }
    return true;
}

/* Lines that a reader takes as they are. */
static bool is_block(const char *text)
{
    size_t n = strlen(text);
    if (!strchr(text, '\n') || strchr(" \n", *text) || (n > 1 && text[n - 1] == '\n' && text[n - 2] == '\n'))
        return false;
    for (size_t len; *text; text += len) {
        uint32_t c = character(text, &len);
        if (c != '\n' && (needs_escape(c) || c == '\t'))
            return false;
    }
    return true;
}

void kp_yaml_put_lines(struct kp_buf *out, const char *indent, const char *text)
{
    if (!is_block(text)) {
        kp_yaml_put_text(out, text);
        kp_buf_str(out, "\n");
        return;
    }
    kp_buf_str(out, text[strlen(text) - 1] == '\n' ? "|\n" : "|-\n");
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        kp_buf_printf(out, "%s%.*s\n", n ? indent : "", (int)n, text);
    }
}

void kp_yaml_put_text(struct kp_buf *out, const char *text)
{
    if (is_plain(text)) {
        kp_buf_str(out, text);
        return;
    }
    kp_buf_str(out, "\"");
    for (size_t len; *text; text += len) {
        uint32_t c = character(text, &len);
        if (c == '"' || c == '\\')
            kp_buf_printf(out, "\\%c", (int)c);
        else if (needs_escape(c))
            kp_buf_printf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
        else
            kp_buf_add(out, text, len);
    }
    kp_buf_str(out, "\"");
}
