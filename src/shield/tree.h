/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_TREE_H
#define KOPPEL_SHIELD_TREE_H
/* A JSON document for judging: a tree that knows where each value stands and in which order keys
 * came, of bounded depth and number of values. */
#include "core/err.h"
#include "core/json.h"
#include "core/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KP_TREE_DEPTH_MAX = 72, KP_TREE_VALUES_MAX = 1000000, KP_TREE_KEYS_MAX = 1000 };

enum kp_tree_type {
    KP_TREE_NULL,
    KP_TREE_FALSE,
    KP_TREE_TRUE,
    KP_TREE_NUMBER,
    KP_TREE_TEXT,
    KP_TREE_LIST,
    KP_TREE_OBJECT
};

struct kp_tree {
    const char *key;                       /* in an object; else NULL */
    struct kp_tree *parent, *first, *next; /* next: the one beside it */
    union {
        const char *text;
        double number;
    };
    uint32_t n;              /* bytes of the text, members of the object, items of the list */
    uint32_t key_len, order; /* of all values, as they came */
    uint8_t type;
    bool unsorted; /* an object: its keys do not stand in the order of the alphabet */
};

/* All of it lies in the arena. KP_EPARSE "line 7: why" (no JSON, not UTF-8, a key twice, a text
 * with \u0000), KP_EFULL (too deep, too many values or keys), KP_ENOMEM. */
enum kp_code kp_tree_read(const char *text, size_t len, struct kp_arena *, struct kp_tree **,
                          struct kp_err *);
void kp_tree_write(const struct kp_tree *, struct kp_json *);

/* All of these take NULL and values of another type for nothing there. */
const struct kp_tree *kp_tree_get(const struct kp_tree *object, const char *key);
const char *kp_tree_text(const struct kp_tree *object, const char *key); /* NULL when it is none */
const struct kp_tree *kp_tree_list(const struct kp_tree *object,
                                   const char *key); /* its first item */
/* RFC 6901: "/vulnerabilities/0/cve"; cut when the room is short. */
void kp_tree_pointer(const struct kp_tree *, char *out, size_t size);
bool kp_tree_same(const struct kp_tree *, const struct kp_tree *); /* whatever the order of keys */
uint64_t kp_tree_hash(const struct kp_tree *);                     /* alike for what is the same */
#endif
