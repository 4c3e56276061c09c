/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_CALENDAR_H
#define KOPPEL_FLEX_CALENDAR_H
/* When a machine is planned to work: shifts by the clock on the wall of the node, days off, planned
 * maintenance. A plan counts for the assets its pattern matches; of several the most specific one
 * counts, which is the one that says the most without wildcards. A shift belongs to the day on
 * which it begins, so a day off takes its night shift with it. At a change of the clock a shift
 * from 22:00 to 06:00 lasts 7 or 9 hours, as it does for those who work it. Where no plan matches,
 * all time is planned. */
#include "core/err.h"
#include "core/text.h"

#include <time.h>

enum {
    KP_PLANS_MAX = 200,
    KP_SHIFTS_MAX = 20,
    KP_HOLIDAYS_MAX = 400,
    KP_MAINTENANCE_MAX = 1000,
    KP_CALENDAR_TEXT = 256 << 10
};

struct kp_shift {
    const char *name;
    uint8_t days;      /* a bit per day, Monday = 1 */
    uint16_t from, to; /* minutes of the day; to <= from: over midnight */
};
struct kp_holiday {
    int32_t day; /* year * 10000 + month * 100 + day */
};
struct kp_plan_of_shifts {
    const char *match;
    size_t n_shifts, n_holidays;
    struct kp_shift shifts[KP_SHIFTS_MAX];
    struct kp_holiday *holidays;
};
struct kp_maintenance {
    const char *match;
    int64_t from, to;
};
struct kp_calendar { /* texts live in the document behind it */
    void *document;
    size_t n_plans, n_maintenance;
    struct kp_plan_of_shifts *plans;
    struct kp_maintenance *maintenance;
    struct kp_holiday *holidays; /* of all plans */
};

/* Checks everything. Free it, also after a failure. */
enum kp_code kp_calendar_parse(const char *json, struct kp_calendar *, struct kp_err *);
void kp_calendar_free(struct kp_calendar *);

/* Planned time. A shift that maintenance cuts in two gives two spans of the same shift. */
struct kp_span {
    int64_t from, to;     /* within what was asked */
    int64_t shift, until; /* where the whole shift begins and ends */
    const char *name;     /* of the shift; "" where no plan matches */
};
/* The planned spans of an asset within [from, to), in order, without overlap: where shifts overlap
 * the time is of the one that began first. Stops when `each` returns false. */
void kp_calendar_spans(const struct kp_calendar *, const char *path, int64_t from, int64_t to,
                       bool (*each)(void *, const struct kp_span *), void *arg);
/* Whether any plan matches. */
bool kp_calendar_covers(const struct kp_calendar *, const char *path);
/* The day of the week on which its plan has no shifts, 0 = Monday; of several Sunday, else the latest. -1: none, or no
 * plan matches. */
int kp_calendar_rest(const struct kp_calendar *, const char *path);
/* Whether its plan names this day as one off. */
bool kp_calendar_off(const struct kp_calendar *, const char *path, const struct tm *day);

/* How much a pattern says: characters that are no wildcards. */
size_t kp_pattern_weight(const char *pattern);

/* The first instant of the local day of a time, and of the day after it. */
int64_t kp_day_start(int64_t at);
int64_t kp_day_after(int64_t start);
/* A minute of the local day that begins then; where the clock jumps over it, the instant of the
 * jump or after. */
int64_t kp_day_minute(int64_t start, unsigned minute);
/* "mon-fri", "mon,wed,sat", "fri-mon", as a bit per day; NULL: every day. */
bool kp_days_read(const char *text, uint8_t *days);
#endif
