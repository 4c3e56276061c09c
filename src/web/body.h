/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_BODY_H
#define KOPPEL_WEB_BODY_H
/* Request bodies in JSON: strict (no duplicate keys, no zero bytes, at most KP_JSON_DEPTH levels). */
#include "net/json_memory.h"
#include "node/node.h"

#include <jansson.h>

enum { KP_FIELDS_MAX = 100 };

/* Sends jansson's allocations through kp_alloc. Once, before threads. */
void kp_body_init(void);

/* Reads an object. `known`: the keys it may have (NULL-ended; NULL: any); an unknown one is an error
 * that names the nearest. An empty body is an error. NULL on failure; else json_decref. */
json_t *kp_body_object(const char *body, size_t len, const char *const *known, struct kp_err *);

/* The text of a member. Missing or null: NULL (KP_OK), or KP_EINVALID when required. */
enum kp_code kp_body_text(const json_t *, const char *key, bool required, const char **out, struct kp_err *);
/* A whole number within limits; `standard` when missing. */
enum kp_code kp_body_int(const json_t *, const char *key, int64_t min, int64_t max, int64_t standard, int64_t *out,
                         struct kp_err *);

enum kp_code kp_body_truth(const json_t *, const char *key, bool standard, bool *out, struct kp_err *);

/* Any JSON value as the text the node takes: texts as they are, numbers exact, objects and arrays as
 * JSON; NULL for null. In the arena. */
enum kp_code kp_body_value(const json_t *, struct kp_arena *, const char **out, struct kp_err *);

/* For the audit log, forgiving: a `target` that is wanted (not NULL) is the member name or path, in the arena; `keys`
 * (may be NULL) gets the names of the members. */
void kp_body_describe(const char *body, size_t len, struct kp_arena *, const char **target, struct kp_buf *keys);

/* What a member may be besides a text or null. A table of them ends with a NULL name; "*" stands for all
 * names not in it. */
enum kp_body_kind { KP_BODY_TEXT, KP_BODY_NUMBER, KP_BODY_TRUTH, KP_BODY_SCALAR, KP_BODY_DOCUMENT };
struct kp_body_key {
    const char *name;
    enum kp_body_kind kind; /* document: an object, not a text */
};

/* All members as fields, but for `skip` (may be NULL); those of a member object named `flatten` (may be
 * NULL) count as members of the whole. In the arena. */
enum kp_code kp_body_fields(const json_t *, const struct kp_body_key *, const char *skip, const char *flatten,
                            struct kp_arena *, struct kp_field **out, size_t *n, struct kp_err *);
#endif
