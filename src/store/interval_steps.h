/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_INTERVAL_STEPS_H
#define KOPPEL_STORE_INTERVAL_STEPS_H
/* What a sum of intervals walks over: the rows of one kind in order of start, and the steps. */
#include "store/interval_sum.h"

enum { KP_SUM_TEXT = 4 * KP_SUM_VALUE_MAX + 1, KP_MEMOS = 64 };

/* Reads one attribute of intervals and remembers what it read. */
struct kp_attribute {
    struct kp_db *db;
    char path[KP_NAME_MAX + 8], value[KP_SUM_TEXT];
    struct kp_memo *memo[KP_MEMOS];
};
void kp_attribute_begin(struct kp_attribute *, struct kp_db *, const char *name);
void kp_attribute_end(struct kp_attribute *);
/* Its value in these attributes, "" when they do not say it; until the next call. NULL on failure.
 */
const char *kp_attribute_value(struct kp_attribute *, const char *attributes, struct kp_err *);

/* The rows that overlap the query's from..to, as they come in order of the later of their start and
 * `from`. One walk over the rows and one over the shifts may go on at a time. */
struct kp_sum_rows {
    struct kp_db *db;
    const struct kp_sum_query *query;
    const char *const *sql; /* what is left to ask; ends with NULL */
    kp_asset asset;
    uint8_t kind;
    struct kp_stmt *stmt;
};
struct kp_sum_row {
    int64_t start, end;
    const char *attributes; /* until the next call */
};
/* Those of the query's asset and kind. */
struct kp_sum_rows kp_sum_rows(struct kp_db *, const struct kp_sum_query *);
bool kp_sum_rows_next(struct kp_sum_rows *, struct kp_sum_row *, struct kp_err *);
void kp_sum_rows_end(struct kp_sum_rows *);
/* The end of a row as it counts: an open one lasts until now, none beyond `to`. */
int64_t kp_sum_end(const struct kp_sum_query *, int64_t start, int64_t end);

struct kp_step {
    int64_t from, to; /* within the query's */
    char name[KP_SUM_TEXT];
};
struct kp_steps {
    const struct kp_sum_query *query;
    struct kp_sum_rows shifts;
    struct kp_attribute name; /* of a shift */
    int64_t at;               /* where the next step begins */
    unsigned n;
};
enum kp_code kp_steps_begin(struct kp_steps *, struct kp_db *, const struct kp_sum_query *,
                            struct kp_err *);
/* The next step in order of start; false at the end or on failure. Shifts may overlap. */
bool kp_steps_next(struct kp_steps *, struct kp_step *, struct kp_err *);
void kp_steps_end(struct kp_steps *);
#endif
