/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_POINTS_H
#define KOPPEL_NODE_POINTS_H
/* What the readers of import texts hand to import.c: points in the order they stand there, each of a series. */
#include "node/import.h"

enum { POINTS_NONE = UINT32_MAX };

struct series {
    const char *path;
    uint64_t hash;    /* of the key */
    const char *key, *rest; /* what stands in the text for it: two pieces, not ended by 0 */
    size_t key_len, rest_len;
    uint64_t line;    /* where it stands first */
    uint32_t n, newest; /* points; the last one of the greatest time */
    uint8_t given;    /* the type that the text gives; KP_NULL = by what the words look like */
    bool texts, truths, numbers; /* what of these its words look like */
    /* import.c */
    kp_signal signal;
    uint8_t type;
    bool is_new;
    int64_t latest; /* time of the latest value the node has; KP_NO_TIME = none */
};

struct point {
    const char *word; /* ends with 0; NULL = no value */
    int64_t at;
    uint64_t line;
    uint32_t series, status;
    struct kp_value value; /* import.c */
};

struct points {
    const struct kp_import_options *options;
    int64_t now;
    struct kp_arena arena;
    struct series *series;
    size_t n_series, series_room;
    uint32_t *table; /* of series, by hash; POINTS_NONE = free */
    size_t table_size;
    struct point *list;
    size_t n, room;
};

/* The series that stands in the text as key and rest; *made: it is new, and needs its path. POINTS_NONE: out of memory. */
uint32_t points_series(struct points *, const char *key, size_t key_len, const char *rest, size_t rest_len, uint64_t line,
                       bool *made, struct kp_err *);
/* Gives a new series its path: `at`, then the text with every name made valid and empty ones left out. */
enum kp_code points_name(struct points *, uint32_t series, const char *text, struct kp_err *);
enum kp_code points_add(struct points *, const struct point *, struct kp_err *);
/* A whole number counted in `unit` (0 = told by its size). */
bool points_number_time(const char *text, int64_t unit, int64_t *at);

/* The readers; they change the text, which ends with a 0 beyond `len`. */
enum kp_code points_read_csv(struct points *, char *text, size_t len, struct kp_err *);
enum kp_code points_read_lines(struct points *, char *text, size_t len, struct kp_err *);
#endif
