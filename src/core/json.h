/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_JSON_H
#define KOPPEL_CORE_JSON_H
/* Writes JSON straight into a buffer, without a tree: for telemetry and replies. Commas and
 * quoting are its business; nesting is the caller's. (Reading JSON is jansson's.) */
#include "core/text.h"
#include "core/value.h"

#include <string.h>

struct kp_json {
    struct kp_buf *out;
    bool comma;
    struct kp_minute minute; /* of the last time written */
};

static inline struct kp_json kp_json(struct kp_buf *out)
{
    return (struct kp_json){ .out = out };
}
void kp_json_begin(struct kp_json *, char bracket); /* '{' or '[' */
void kp_json_end(struct kp_json *, char bracket);   /* '}' or ']' */
void kp_json_keyn(struct kp_json *, const char *key, size_t n);
static inline void kp_json_key(struct kp_json *j, const char *key) /* inline: most lengths are constants */
{
    kp_json_keyn(j, key, strlen(key));
}
void kp_json_text(struct kp_json *, const char *);              /* NULL gives null; invalid UTF-8 is cleaned */
void kp_json_textn(struct kp_json *, const char *, size_t n);
void kp_json_int(struct kp_json *, int64_t);
void kp_json_uint(struct kp_json *, uint64_t);
void kp_json_double(struct kp_json *, double); /* shortest exact form; NaN and infinities as null */
void kp_json_bool(struct kp_json *, bool);
void kp_json_null(struct kp_json *);
void kp_json_time(struct kp_json *, int64_t at);  /* RFC 3339 text; KP_NO_TIME and KP_FOREVER as null */
void kp_json_raw(struct kp_json *, const char *); /* text that is JSON already; NULL or "" gives null */
/* A machine's value: numbers as numbers (64-bit integers in full), bytes as base64, arrays as arrays,
 * NaN and infinities as the texts "NaN", "Infinity", "-Infinity" (as OPC UA Part 6, 5.4.2 does). */
void kp_json_value(struct kp_json *, const struct kp_value *);

/* key and value in one call */
static inline void kp_json_put_text(struct kp_json *j, const char *key, const char *text)
{
    kp_json_key(j, key);
    kp_json_text(j, text);
}
static inline void kp_json_put_int(struct kp_json *j, const char *key, int64_t v)
{
    kp_json_key(j, key);
    kp_json_int(j, v);
}
static inline void kp_json_put_bool(struct kp_json *j, const char *key, bool v)
{
    kp_json_key(j, key);
    kp_json_bool(j, v);
}
static inline void kp_json_put_time(struct kp_json *j, const char *key, int64_t at)
{
    kp_json_key(j, key);
    kp_json_time(j, at);
}
#endif
