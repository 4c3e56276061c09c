/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_POINTS_H
#define KOPPEL_COUPLINGS_POINTS_H
/* Readers of texts that hold points: CSV, the line protocol of InfluxDB, plain lines and JSON. They give the points in the
 * order they stand there, each of a series; what takes them (an import, posted values, a coupling to files) finds the signal. */
#include "core/model.h"

enum kp_import_format {
    KP_IMPORT_CSV,
    KP_IMPORT_LINES, /* line protocol */
    KP_IMPORT_PLAIN, /* "path value [time]" */
    KP_IMPORT_JSON,  /* one document: an object, or an array of them */
    KP_IMPORT_JSONL, /* an object per line */
};

struct kp_import_options {
    enum kp_import_format format;
    const char *at;     /* below this asset; NULL = the root */
    const char *column; /* CSV, JSON: of the times; NULL = one that is called so */
    const char *path;   /* lines: how a path is made; NULL = "{measurement}/{tags}/{field}" */
    int64_t unit;       /* ns that a time written as a number counts in; 0 = by its size; lines: 1 */
    bool local;         /* times without a zone are of the clock on the wall, not UTC */
    int64_t zone;       /* else: they are that much ahead of UTC, ns */
    bool dry;           /* check only */
    uint64_t first;     /* number of the text's first line, for messages; 0 = 1 */
    const char *only;   /* every path must match this pattern; NULL = any */
    bool live;          /* values as they are now: not for signals that a machine speaks for */
    size_t most;        /* points; 0 = as many as there are */
    /* NULL: a text is taken whole or not at all. Else what stands in a bad line is left out, and told. */
    void (*bad)(void *arg, uint64_t line, const char *why);
    void *bad_arg;
};

enum { KP_POINTS_NONE = UINT32_MAX };

struct kp_series {
    const char *path;
    uint64_t hash;    /* of the key */
    const char *key, *rest; /* what stands in the text for it: two pieces, not ended by 0 */
    size_t key_len, rest_len;
    uint64_t line;    /* where it stands first */
    uint32_t n, newest; /* points; the last one of the greatest time */
    uint8_t given;    /* the type that the text gives; KP_NULL = by what the words look like */
    bool texts, truths, numbers; /* what of these its words look like */
    /* for whoever takes them */
    kp_signal signal;
    kp_asset made; /* the topmost folder that was made for it; 0 = none */
    uint8_t type;
    bool is_new;
    int64_t latest; /* time of the latest value the node has; KP_NO_TIME = none */
};

struct kp_point {
    const char *word; /* ends with 0; NULL = no value */
    int64_t at;
    uint64_t line;
    uint32_t series, status;
    struct kp_value value; /* for whoever takes them */
};

struct kp_points {
    const struct kp_import_options *options;
    int64_t now;
    struct kp_arena arena;
    struct kp_series *series;
    size_t n_series, series_room;
    uint32_t *table; /* of series, by hash; KP_POINTS_NONE = free */
    size_t table_size;
    struct kp_point *list;
    size_t n, room;
};

/* The series that stands in the text as key and rest; *made: it is new, and needs its path. KP_POINTS_NONE: out of memory. */
uint32_t kp_points_series(struct kp_points *, const char *key, size_t key_len, const char *rest, size_t rest_len, uint64_t line,
                       bool *made, struct kp_err *);
/* Gives a new series its path: `at`, then the text with every name made valid and empty ones left out. */
enum kp_code kp_points_name(struct kp_points *, uint32_t series, const char *text, struct kp_err *);
enum kp_code kp_points_add(struct kp_points *, const struct kp_point *, struct kp_err *);
/* Behind a line that could not be read: when such lines are left out, undoes its points since `mark`, tells of it and
 * clears the failure; true: it was so. `newest` of a series may then be none of them. */
bool kp_points_pass_over(struct kp_points *, size_t mark, uint64_t line, struct kp_err *);
/* The type that a new signal should have. */
uint8_t kp_points_type(const struct kp_series *);
/* "2026-11-24T10:02:31Z", "24-11-2026 10:02", a number. */
bool kp_points_time(const struct kp_import_options *, const char *word, int64_t *at);
extern const char *const kp_points_times[]; /* what columns of times are called; ends with NULL */
/* A whole number counted in `unit` (0 = told by its size). */
bool kp_points_number_time(const char *text, int64_t unit, int64_t *at);

/* Reads a text in its format. Errors begin with "line N: ". */
enum kp_code kp_points_read(struct kp_points *, const char *text, size_t len, struct kp_err *);
void kp_points_free(struct kp_points *);

/* The readers; they change the text, which ends with a 0 beyond `len`. */
enum kp_code kp_points_read_csv(struct kp_points *, char *text, size_t len, struct kp_err *);
enum kp_code kp_points_read_lines(struct kp_points *, char *text, size_t len, struct kp_err *);
enum kp_code kp_points_read_plain(struct kp_points *, char *text, size_t len, struct kp_err *);
enum kp_code kp_points_read_json(struct kp_points *, char *text, size_t len, struct kp_err *);
enum kp_code kp_points_read_jsonl(struct kp_points *, char *text, size_t len, struct kp_err *);
#endif
