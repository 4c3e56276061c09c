/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml.h"

#include "core/text.h"

#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* ---- what libfyaml says when it cannot go on ---- */
struct complaint {
    bool made;
    struct kp_place at;
    char text[160];
};

/* Called with lines such as "<memory>:3:1: error: flow sequence without a closing bracket\n". The first counts. */
static void complain(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    struct complaint *c = user;
    static const char mark[] = ": error: ";
    char line[400];
    snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), text);
    char *said = strstr(line, mark);
    if (c->made || !said)
        return;
    *said = 0;
    said += sizeof mark - 1;
    said[strcspn(said, "\n")] = 0;
    c->made = true;
    snprintf(c->text, sizeof c->text, "%s", said);
    char *column = strrchr(line, ':'), *row = NULL;
    if (column) {
        *column = 0;
        row = strrchr(line, ':');
    }
    if (row)
        c->at = (struct kp_place){ (unsigned)strtoul(row + 1, NULL, 10), (unsigned)strtoul(column + 1, NULL, 10) };
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

static struct level *top(struct reader *r)
{
    return r->depth ? &r->levels[r->depth - 1] : NULL;
}

static enum kp_code refuse(struct reader *r, const char *why)
{
    return record(r->file, r->at, r->err, KP_EPARSE, why);
}

static char *token_text(struct reader *r, struct fy_token *token)
{
    size_t n = 0;
    const char *text = fy_token_get_text(token, &n);
    char *copy = kp_arena_alloc(r->arena, n + 1);
    if (!copy) {
        kp_fail(r->err, KP_ENOMEM, "out of memory reading %.100s", r->file);
        return NULL;
    }
    if (n)
        memcpy(copy, text, n);
    if (!memchr(copy, 0, n) && kp_utf8_valid(copy, n))
        return copy;
    refuse(r, "a text holds a zero byte or is not valid UTF-8");
    return NULL;
}

static enum kp_code take_key(struct reader *r, struct level *map, struct fy_token *token)
{
    map->key = token_text(r, token);
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
        kp_fail(r->err, KP_ENOMEM, "out of memory reading %.100s", r->file);
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

static enum kp_code take_text(struct reader *r, struct fy_token *token)
{
    struct level *in = top(r);
    if (in && in->node->kind == KP_YAML_MAP && !in->key)
        return take_key(r, in, token);
    struct kp_yaml *node = add_node(r, KP_YAML_TEXT);
    if (node)
        node->text = token_text(r, token);
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

static enum kp_code check_marks(struct reader *r, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor)
        return refuse(r, "anchors (&name) are not taken here: write the value out");
    if (tag)
        return refuse(r, "tags (!name) are not taken here: every value is read by its field's type");
    return KP_OK;
}

/* Implicit things (an empty value) have no mark: they stand where their key stands. */
static void locate(struct reader *r, struct fy_event *e)
{
    const struct fy_mark *mark = fy_event_start_mark(e);
    if (e->type == FYET_SCALAR)
        mark = fy_token_start_mark(e->scalar.value);
    else if (e->type == FYET_MAPPING_START && e->mapping_start.mapping_start)
        mark = fy_token_start_mark(e->mapping_start.mapping_start);
    unsigned star = e->type == FYET_ALIAS; /* its mark is behind the '*' */
    if (mark)
        r->at = (struct kp_place){ (unsigned)mark->line + 1, (unsigned)mark->column + 1 - star };
}

static enum kp_code take_event(struct reader *r, struct fy_event *e)
{
    locate(r, e);
    switch (e->type) {
    case FYET_DOCUMENT_START:
        return r->documents++ ? refuse(r, "a second document: one file is one document") : KP_OK;
    case FYET_ALIAS:
        return refuse(r, "aliases (*name) are not taken here: write the value out");
    case FYET_SCALAR:
        return check_marks(r, e->scalar.anchor, e->scalar.tag) ? r->err->code : take_text(r, e->scalar.value);
    case FYET_SEQUENCE_START:
        return check_marks(r, e->sequence_start.anchor, e->sequence_start.tag) ? r->err->code : push(r, KP_YAML_LIST);
    case FYET_MAPPING_START:
        return check_marks(r, e->mapping_start.anchor, e->mapping_start.tag) ? r->err->code : push(r, KP_YAML_MAP);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        r->depth -= r->depth > 0;
        return KP_OK;
    default:
        return KP_OK;
    }
}

/* ---- reading ---- */

/* libfyaml takes a zero byte for the end and is lenient about control characters: not with us. */
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

static enum kp_code parse(struct reader *r, struct fy_diag *diag, const struct complaint *said, const char *text,
                          size_t len)
{
    struct fy_parse_cfg cfg = { .diag = diag, .flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE };
    struct fy_parser *parser = fy_parser_create(&cfg);
    if (!parser || fy_parser_set_string(parser, text, len) != 0) {
        fy_parser_destroy(parser);
        return kp_fail(r->err, KP_ENOMEM, "out of memory reading %.100s", r->file);
    }
    for (struct fy_event *e; !r->err->code && (e = fy_parser_parse(parser));) {
        take_event(r, e);
        fy_parser_event_free(parser, e);
    }
    if (!r->err->code && said->made)
        record(r->file, said->at, r->err, KP_EPARSE, said->text);
    else if (!r->err->code && fy_parser_get_stream_error(parser))
        kp_fail(r->err, KP_EPARSE, "%.100s: not YAML", r->file);
    fy_parser_destroy(parser);
    return r->err->code;
}

enum kp_code kp_yaml_read(const char *text, size_t len, const char *file, struct kp_arena *arena,
                          struct kp_yaml **root, struct kp_err *err)
{
    struct reader r = { .file = file, .arena = arena, .err = err };
    struct complaint said = { .at = { 1, 1 } };
    *root = NULL;
    if (check_bytes(&r, text, len))
        return err->code;
    if (!len)
        return KP_OK;
    struct fy_diag_cfg cfg;
    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.output_fn = complain;
    cfg.user = &said;
    cfg.level = FYET_ERROR;
    cfg.colorize = cfg.show_source = cfg.show_type = cfg.show_module = false;
    cfg.show_position = true;
    struct fy_diag *diag = fy_diag_create(&cfg);
    if (!diag)
        return kp_fail(err, KP_ENOMEM, "out of memory reading %.100s", file);
    if (!parse(&r, diag, &said, text, len))
        *root = r.root;
    fy_diag_destroy(diag);
    return err->code;
}

/* ---- writing ---- */

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
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool safe = c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                    strchr(" -_./=;+()", c);
        if (!safe && !(c == ':' && text[i + 1] && text[i + 1] != ' '))
            return false;
    }
    return text[n - 1] != ' ' && kp_utf8_valid(text, n) && !strstr(text, "\xc2\x85") && !strstr(text, "\xe2\x80");
}

void kp_yaml_put_text(struct kp_buf *out, const char *text)
{
    if (is_plain(text)) {
        kp_buf_str(out, text);
        return;
    }
    kp_buf_str(out, "\"");
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            kp_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            kp_buf_printf(out, "\\x%02x", c);
        else if (strncmp(p, "\xc2\x85", 2) == 0 || strncmp(p, "\xe2\x80\xa8", 3) == 0 || strncmp(p, "\xe2\x80\xa9", 3) == 0) {
            static const char *const escapes[] = { "\\N", "\\L", "\\P" }; /* the line breaks of Unicode */
            bool next_line = c == 0xc2;
            kp_buf_str(out, escapes[next_line ? 0 : (unsigned char)p[2] == 0xa8 ? 1 : 2]);
            p += next_line ? 1 : 2;
        } else
            kp_buf_add(out, p, 1);
    }
    kp_buf_str(out, "\"");
}
