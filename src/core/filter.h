/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_FILTER_H
#define KOPPEL_CORE_FILTER_H
/* Which signals pass a border, and how often. One filter belongs to one thread. */
#include "core/batch.h"
#include "core/err.h"

struct kp_filter_def {
    const char *include; /* patterns separated by commas; NULL or "" = everything */
    const char *exclude; /* same; wins over include */
    char separator;      /* between patterns instead, for a name may have a comma; 0 = comma */
    int64_t every;       /* ns: at most one value per signal in this time; 0 = all */
    double deadband;     /* a number must change by more than this; 0 = every change */
    bool percent;        /* the deadband is in % of the signal's range (low..high) */
};

struct kp_filter;
struct kp_filter *kp_filter_new(const struct kp_filter_def *, struct kp_err *);
void kp_filter_free(struct kp_filter *);

bool kp_filter_wants(const struct kp_filter *, const char *path); /* the patterns */
/* Rate and deadband. A change of status or type always passes, and so does the first value.
 * range = high - low, used for a deadband in percent (0: unknown, then percent lets all pass). */
bool kp_filter_pass(struct kp_filter *, const struct kp_sample *, double range);
#endif
