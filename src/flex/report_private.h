/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_REPORT_PRIVATE_H
#define KOPPEL_FLEX_REPORT_PRIVATE_H
/* What the files of a report share: its figures, and the page that is made of them. */
#include "flex/oee.h"
#include "flex/page.h"
#include "flex/report.h"

/* ---- figures: report_sum.c ---- */
enum { REPORT_STOPS = 10 };
struct report_machine {
    const char *path;
    struct figures f, before;
    int64_t lost, unexplained, alarms;
    bool planned; /* a plan of the calendar matches */
};
struct report_step { /* a day, or a shift */
    int64_t key, from, to;
    const char *shift;
    struct figures f;
};
struct report_reason {
    const char *name; /* "" = nobody said why */
    int64_t ns, n;
};
struct report_stop { /* one that nobody explained */
    const char *path;
    int64_t from, ns;
    uint8_t state;
    bool goes_on;
};
enum { REPORT_ORDERS = 8 };
struct report_order {
    const char *number, *customer, *item;
    int64_t due;
};
struct report_orders {
    int64_t finished, finished_late, open, late;
    size_t n;
    struct report_order list[REPORT_ORDERS]; /* those that are late, the latest first */
};
struct report {
    struct kp_arena arena; /* of all texts */
    struct shop_rules rules;
    enum kp_report_kind kind;
    const char *node;
    int64_t now, from, to, was; /* was: where the time before begins, with which this is compared */
    bool dutch;
    size_t n, n_steps, steps_room, n_reasons, reasons_room, n_stops;
    struct report_machine *machines;
    struct report_step *steps;
    struct report_reason *reasons; /* the dearest first */
    struct report_stop stops[REPORT_STOPS];
    int64_t unexplained; /* how many there are */
    struct figures total, before;
    struct report_orders orders;
};
enum kp_code report_sum(struct kp_shop *, const struct kp_report_query *, struct report *,
                        struct kp_err *);
void report_free(struct report *); /* also after a failure */
void report_orders(struct kp_shop *, const struct kp_shop_query *, struct report *,
                   struct kp_err *); /* report_orders.c */
/* The last instant up to `at` at which a shift report is due. */
int64_t report_due(const struct kp_report_plan *, int64_t at);

/* ---- the page: report_page.c ---- */
/* Texts and lists live in the report's arena. */
enum kp_code report_page(struct report *, struct kp_page *, struct kp_err *);

/* ---- report_send.c ---- */
/* Sends what is due; when to look again, in ms at most `most`. The shop's thread. */
int report_turn(struct kp_shop *, int most);
#endif
