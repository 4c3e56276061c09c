/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_INTERVAL_STEPS_H
#define KOPPEL_STORE_INTERVAL_STEPS_H
/* What a sum of intervals walks over: the rows of one kind in order of start, and the steps. */
#include "store/interval_sum.h"

enum { KP_SUM_TEXT = 4 * KP_SUM_VALUE_MAX + 1 };

/* The rows that overlap the query's from..to: columns start, end, value of the attribute (never null).
 * The statement lives until kp_reset, and one for the rows and one for the shifts may run at a time. */
struct kp_stmt *kp_sum_rows(struct kp_db *, const struct kp_sum_query *, const char *attribute_path,
                            struct kp_err *);
enum { KP_SUM_START, KP_SUM_END, KP_SUM_VALUE }; /* its columns */
/* The end of a row as it counts: an open one lasts until now, none beyond `to`. */
int64_t kp_sum_end(const struct kp_sum_query *, int64_t start, int64_t end);

struct kp_step {
    int64_t from, to; /* within the query's */
    char name[KP_SUM_TEXT];
};
struct kp_steps {
    const struct kp_sum_query *query;
    struct kp_stmt *shifts;
    int64_t at; /* where the next step begins */
    unsigned n;
};
enum kp_code kp_steps_begin(struct kp_steps *, struct kp_db *, const struct kp_sum_query *,
                            struct kp_err *);
/* The next step in order of start; false at the end or on failure. Shifts may overlap. */
bool kp_steps_next(struct kp_steps *, struct kp_step *, struct kp_err *);
void kp_steps_end(struct kp_steps *);
#endif
