/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CONFIG_YAML_H
#define KOPPEL_CONFIG_YAML_H
/* The part of YAML that configuration needs: maps with text keys, lists and texts, each with its
 * place. Every scalar is text as typed ("no" stays "no"). Anchors, aliases, tags, duplicate keys and second
 * documents are refused. The only file that knows libyaml is yaml.c. */
#include "core/err.h"
#include "core/mem.h"

enum { KP_YAML_DEPTH = 12, KP_YAML_KEYS_MAX = 200 };

enum kp_yaml_kind { KP_YAML_TEXT, KP_YAML_LIST, KP_YAML_MAP };

struct kp_place { /* from 1 */
    unsigned line, column;
};

struct kp_yaml {
    enum kp_yaml_kind kind;
    struct kp_place at;          /* of the value */
    struct kp_place key_at;
    const char *key;             /* in a map; else NULL */
    const char *text;            /* of a text */
    struct kp_yaml *first, *next; /* first child of a list or map; next child of the same */
};

/* Reads one document into the arena; *root is NULL for an empty one. */
enum kp_code kp_yaml_read(const char *text, size_t len, const char *file, struct kp_arena *, struct kp_yaml **root,
                          struct kp_err *);
/* "file:line:column: ..." */
enum kp_code kp_yaml_fail(const char *file, struct kp_place, struct kp_err *, enum kp_code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Puts the place in front of a recorded failure. */
enum kp_code kp_yaml_context(const char *file, struct kp_place, struct kp_err *);
/* "a text", "a list", "a map", for messages. */
const char *kp_yaml_kind_name(enum kp_yaml_kind);

/* Appends a scalar (valid UTF-8) so that kp_yaml_read gives back the same text: plain where that is safe, else in
 * double quotes. */
void kp_yaml_put_text(struct kp_buf *, const char *text);
/* The same with its line's end; many lines as a block, each behind `indent`. */
void kp_yaml_put_lines(struct kp_buf *, const char *indent, const char *text);
#endif
