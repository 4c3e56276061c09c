/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FINDING_SHOW_H
#define KOPPEL_SHIELD_FINDING_SHOW_H
/* For the files that show findings: finding_urgency.c (what presses, and why), finding_lines.c
 * (which rows, in which order), finding_show.c (as JSON), finding_sum.c (device by device). */
#include "shield/keep.h"

/* ---- how urgent ---- */
struct place { /* what the device does in the factory */
    bool running, reachable, shared, heavy, light;
};
enum reason { /* REASON_SCORE: value -1 = none is told; REASON_PROBABLE: value is the probability */
    REASON_SCORE,
    REASON_EXPLOITED,
    REASON_PROBABLE,
    REASON_RUNNING,
    REASON_HEAVY,
    REASON_REACHABLE,
    REASON_SHARED,
    REASON_LIGHT,
    REASONS
};
struct urgency {
    int priority; /* 0 to 100 */
    unsigned n;
    struct {
        enum reason is;
        double value;
    } reason[REASONS];
};
/* Under the model's lock. */
struct place place_of(const struct kp_model *, const struct device_row *);
struct urgency urgency_of(double score, double epss, bool kev, const struct place *);
const char *urgency_word(int priority);
/* `because`, a sentence, and `reasons`, for who has words of his own. */
void put_urgency(struct kp_json *, const struct urgency *);

/* ---- rows ---- */
struct line {
    int64_t device, verdict, answered, made, changed, closed;
    double score;
    const char *advisory, *title, *publisher, *version, *url, *product, *rule, *why, *holes,
        *answer, *comment, *who, *closed_why, *tlp, *name, *firmware;
    struct urgency urgency;
};
struct showing { /* begin with what is asked */
    struct kp_shield *s;
    struct kp_db *db;
    enum kp_recipient to;
    struct kp_finding_query q;
    struct kp_arena arena;
    struct line *lines; /* the worst first */
    size_t n, room;
    const struct device_row *row; /* of the device looked at last, and what it does; NULL: of none */
    struct place place;
    bool may;
};
/* Who writes an advisory may say with its mark (TLP) to whom it goes; to another company only what
 * may go to all. */
#define UNMARKED(company) \
    " and (" company " or coalesce(a.tlp, '') in ('', 'WHITE', 'CLEAR'))"
/* Looks at a device: row, place, may. */
enum kp_code showing_device(struct showing *, int64_t device, struct kp_err *);
enum kp_code showing_read(struct showing *, struct kp_err *);
void showing_free(struct showing *);
void put_finding_line(struct kp_json *, const struct line *);
#endif
