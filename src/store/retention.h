/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_RETENTION_H
#define KOPPEL_STORE_RETENTION_H
/* How long history is kept, how large it may become, and when the disk will be full.
 *
 * Rules stand in an order; the first whose pattern matches a signal's path counts for it. Without a
 * rule nothing is ever deleted. What goes are whole chunks: one goes when its last point is older
 * than the rule's age, or when the signals of the rule are larger than its size and no chunk of
 * theirs ends earlier. A chunk stays while a rollup over its time is due. */
#include "store/store.h"

enum { KP_RETENTION_RULES_MAX = 1000 };

struct kp_retention_rule {
    const char *pattern;
    int64_t raw, rollups; /* ages in ns; 0 = for ever. Rollups are never kept shorter than points */
    int64_t bytes;        /* of all chunks of its signals; 0 = without bound */
};
struct kp_retention {
    size_t n;
    struct kp_retention_rule *rules; /* in order */
    int64_t removed;   /* age for signals no longer in the model; 0 = the first rule "**", else for ever */
    int64_t intervals; /* age for closed intervals, counted from their end; 0 = for ever */
    int64_t disk;      /* what the file may use, bytes; 0 = without bound */
};

/* All of it as it stands in the file; texts in the arena. */
enum kp_code kp_retention_read(struct kp_db *, struct kp_arena *, struct kp_retention *, struct kp_err *);
/* The error names the entry: "rule 2 'hall/mill': ...". */
enum kp_code kp_retention_check(const struct kp_retention *, struct kp_err *);
/* Checks it and puts it in place of what stands there, whole or not at all. */
enum kp_code kp_retention_put(struct kp_store *, const struct kp_retention *, struct kp_err *);

/* What a rule holds now and will free with the next round. */
struct kp_retention_share {
    int64_t signals, points, bytes, oldest; /* oldest: KP_FOREVER when there is none */
    int64_t free_points, free_bytes, free_rollups; /* free_rollups: rows */
};
/* `share` has one entry per rule, then one for signals without a rule, then one for removed signals
 * that no rule holds. Sets *about when there is too much to count every point of what goes. */
enum kp_code kp_retention_report(struct kp_store *, const struct kp_retention *, struct kp_retention_share *share,
                                 bool *about, struct kp_err *);

/* Signals by the bytes of their chunks, largest first. */
struct kp_usage {
    kp_signal signal;
    const char *path; /* in the arena; NULL: no longer in the model */
    int64_t chunks, points, bytes, t0, t1;
};
struct kp_usage_list {
    size_t n;
    struct kp_usage *top;
    int64_t signals, points, bytes; /* of all that match */
};
/* Those matching the pattern, at most `most`; "" also takes those no longer in the model. */
enum kp_code kp_usage_top(struct kp_store *, const char *pattern, size_t most, struct kp_arena *,
                          struct kp_usage_list *, struct kp_err *);

/* ---- forecast ---- */
enum kp_forecast_kind {
    KP_FORECAST_UNKNOWN, /* `why` says what is missing */
    KP_FORECAST_STEADY,  /* it does not grow */
    KP_FORECAST_FAR,     /* not within ten years */
    KP_FORECAST_FULL,    /* in full_in seconds */
};
struct kp_forecast {
    enum kp_forecast_kind kind;
    int64_t full_in;
    double per_day;    /* bytes, over the last week */
    int64_t used;      /* bytes of the file that hold something */
    int64_t room;      /* what it may still take: of the budget or the disk, whichever ends first */
    int64_t budget;    /* 0 = none */
    int64_t disk_free, disk_size;
    bool by_budget;    /* `room` is the budget's */
    bool at_budget;    /* the oldest points go so that the file stays within it */
    bool clock_doubt;  /* the clock has jumped: nothing goes by age until it has stood for a day */
    const char *why;   /* static text; NULL unless unknown */
};
struct kp_forecast kp_store_forecast(struct kp_store *); /* as last looked at, within a minute */
void kp_forecast_text(const struct kp_forecast *, char *out, size_t size); /* "full in 41 days" */

/* One measurement of the file. */
struct kp_growth {
    int64_t at, bytes;
};
/* From rows of the last week in order of time, and what is used now, fills kind, full_in, per_day
 * and why; used and room are given. */
void kp_forecast_make(const struct kp_growth *rows, size_t n, int64_t now, struct kp_forecast *);
#endif
