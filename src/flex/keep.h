/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_KEEP_H
#define KOPPEL_FLEX_KEEP_H
/* For the files of src/flex that answer: machines, rules in force, days from the table or made
 * anew. */
#include "flex/private.h"
#include "flex/shop.h"

#include "core/rota.h"

#include <pthread.h>
#include <stdatomic.h>

struct order_memo; /* order_sum.c */
struct shop_orders {
    pthread_mutex_t acting; /* one at a time begins or ends bookings */
    pthread_mutex_t memo_lock;
    struct order_memo *memo; /* what bookings that go on have come to */
    size_t n_memo;
    struct watching *watching; /* the programs of machines */
    struct kp_duty duty;
};
struct kp_shop {
    struct kp_alarms *alarms; /* whose mail server sends the reports; NULL: none does */
    struct kp_hub *hub;
    struct kp_store *store;
    const struct kp_clock *clock;
    struct kp_duty duty;
    int64_t report_again;   /* when a report that could not be sent is tried again */
    unsigned report_tries;  /* in vain, one after another */
    atomic_bool report_now; /* at once, for the settings are others */
    atomic_bool stopping;
    struct shop_orders orders;
    struct kp_inbox *inbox; /* that is told of other folders; NULL: none */
};
bool shop_stopping(struct kp_shop *);
void shop_hurry(struct kp_shop *); /* days are missed: they are summed up now */
/* "making", after all has been asked; members only. */
void shop_put_making(struct kp_json *, const struct kp_shop_query *);
/* ---- orders; called by the life of the shop ---- */
void orders_init(struct shop_orders *);
enum kp_code orders_start(struct kp_shop *, struct kp_rota *, struct kp_err *);
void orders_stop(struct kp_shop *);
void orders_free(struct shop_orders *);

struct shop_rules { /* in force when they were read */
    struct kp_calendar calendar;
    struct kp_settings settings;
    struct kp_shop_patience *patience; /* of who asks; NULL: without end */
    int64_t version;                   /* of both; a day is kept only while it is the newest */
    int64_t
        *days; /* where local days begin, one after another: the clock is asked once a question */
    size_t n_days, days_room;
};
/* Notes the days of [from, to). Without memory each is asked for anew. */
void shop_rules_days(struct shop_rules *, int64_t from, int64_t to);
/* The local day in which an instant lies. */
struct shop_bounds {
    int64_t from, to;
};
struct shop_bounds shop_bounds(const struct shop_rules *, int64_t at);
enum kp_code shop_rules(struct kp_shop *, struct shop_rules *,
                        struct kp_err *); /* free it, also after a failure */
void shop_rules_free(struct shop_rules *);
int64_t shop_rules_version(struct kp_db *, struct kp_err *);

struct shop_machine {
    kp_asset id;
    char path[KP_PATH_MAX];
    struct kp_sources sources;
};
struct shop_machines {
    struct shop_machine *of; /* in path order */
    size_t n, room;
};
/* Adds assets that match, may go to the recipient and are machines or have intervals of kind state;
 * a plain path that is none is an error. */
enum kp_code shop_machines(struct kp_shop *, const char *pattern, enum kp_recipient,
                           const struct shop_rules *, struct shop_machines *, struct kp_err *);
/* The same of all machines, also those that never said what they do. */
enum kp_code shop_places(struct kp_shop *, const char *pattern, enum kp_recipient,
                         const struct shop_rules *, struct shop_machines *, struct kp_err *);
void shop_machines_free(struct shop_machines *);
int64_t shop_first_interval(struct kp_shop *, kp_asset, struct kp_err *); /* KP_FOREVER: none */

/* A whole day: from its row when that is there; else summed up, and then kept when it is over.
 * `fresh`: a row was made. */
enum kp_code shop_day(struct kp_shop *, const struct shop_rules *, const struct shop_machine *,
                      int64_t from, int64_t to, int64_t now, struct kp_arena *, struct kp_day *,
                      bool *fresh, struct kp_err *);
/* Calls `each` for the days of [from, to), the first and the last cut. */
enum kp_code shop_days(struct kp_shop *, const struct shop_rules *, const struct shop_machine *,
                       int64_t from, int64_t to, int64_t now,
                       bool (*each)(void *, const struct kp_day *), void *arg, struct kp_err *);
/* The same, of days that only say how others are to be judged: one left over is not missing. */
enum kp_code shop_days_learn(struct kp_shop *, const struct shop_rules *,
                             const struct shop_machine *, int64_t from, int64_t to, int64_t now,
                             bool (*each)(void *, const struct kp_day *), void *arg,
                             struct kp_err *);
/* Rules and machines of a question; free both, also after a failure. */
enum kp_code shop_find(struct kp_shop *, const struct kp_shop_query *, struct shop_rules *,
                       struct shop_machines *, struct kp_err *);
#endif
