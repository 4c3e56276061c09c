/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_PARAMS_H
#define KOPPEL_WEB_PARAMS_H
/* Query parameters: a table per route says which there are, of what type and within what limits; the
 * same table is held against openapi.json by a test. Whatever is wrong is said in one sentence that
 * names the parameter. */
#include "core/err.h"
#include "core/mem.h"

enum kp_param_type {
    KP_PARAM_TEXT,
    KP_PARAM_PATH,    /* of an asset or signal; "" = the root */
    KP_PARAM_PATTERN, /* kp_pattern_valid */
    KP_PARAM_INT,
    KP_PARAM_NUMBER,
    KP_PARAM_BOOL, /* 1, 0, true, false */
    KP_PARAM_TIME, /* what people type: "-2h", RFC 3339 */
    KP_PARAM_DURATION,
    KP_PARAM_CHOICE,
};

enum { KP_PARAMS_MAX = 12, KP_QUERY_MAX = 256 };

struct kp_param {
    const char *name;
    enum kp_param_type type;
    bool required;
    bool many;                    /* may stand more than once */
    int64_t min, max, standard;   /* int, duration (ns) */
    const char *const *choices;   /* choice: NULL-ended */
};

/* One checked parameter: number for int, bool, time, duration and choice (its place in the list);
 * real for number; text as given, decoded. */
struct kp_arg {
    bool given;
    int64_t number;
    double real;
    const char *text; /* NULL when not given */
};

struct kp_pair {
    const char *key, *value;
};
struct kp_query { /* decoded, in the order given; texts live in the target they were cut from */
    size_t n;
    struct kp_pair *pair; /* in the arena */
};

/* Decodes %XX in place; KP_EINVALID when malformed, a zero byte or not UTF-8. */
enum kp_code kp_url_decode(char *text, struct kp_err *);
/* Cuts "a=1&b=2" into pairs; `text` is changed and must live as long as the query. */
enum kp_code kp_query_parse(char *text, struct kp_arena *, struct kp_query *, struct kp_err *);
/* Checks the query against the table (ends with a NULL name; NULL = no parameters) and fills args[i]
 * for params[i]. */
enum kp_code kp_params_check(const struct kp_param *, const struct kp_query *, int64_t now,
                             struct kp_arg args[KP_PARAMS_MAX], struct kp_err *);
/* The values of a parameter that may stand more than once: start with *pos = 0; NULL at the end. */
const char *kp_query_next(const struct kp_query *, const char *key, size_t *pos);
#endif
