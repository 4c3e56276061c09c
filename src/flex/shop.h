/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_SHOP_H
#define KOPPEL_FLEX_SHOP_H
/* The shop floor: the calendar and the settings as people change them, days of machines kept in the
 * table shop_day, and what is asked of them. A row of shop_day is there only while it says the same
 * as the intervals and points it was made of: whoever changes those deletes it, in the same
 * transaction (triggers of the schema and rows.c). A thread makes the rows of days that are over;
 * who asks earlier makes them on the way. */
#include "core/json.h"
#include "flex/day.h"
#include "gate/gate.h"
#include "store/store.h"

struct kp_rota;
struct kp_shop;
struct kp_shop *kp_shop_new(struct kp_hub *, struct kp_store *, const struct kp_clock *,
                            struct kp_err *);
/* The store runs. `soon` follows the programs of machines, `calm` sums up days, which takes seconds. */
enum kp_code kp_shop_start(struct kp_shop *, struct kp_rota *soon, struct kp_rota *calm, struct kp_err *);
void kp_shop_stop(struct kp_shop *);
void kp_shop_free(struct kp_shop *);

/* ---- documents ---- */
enum kp_shop_document { KP_SHOP_CALENDAR, KP_SHOP_SETTINGS, KP_SHOP_FOLDERS };
/* As REST has it, each list be it empty. */
enum kp_code kp_shop_document(struct kp_shop *, enum kp_shop_document, struct kp_buf *out,
                              struct kp_err *);
/* As a person gave it; "{}" when nobody did. */
enum kp_code kp_shop_stored_document(struct kp_shop *, enum kp_shop_document, struct kp_buf *out,
                                     struct kp_err *);
/* The calendar as it is now; free it, also after a failure. */
enum kp_code kp_shop_calendar(struct kp_shop *, struct kp_calendar *out, struct kp_err *);
enum kp_code kp_shop_check_document(enum kp_shop_document, const char *json, struct kp_err *);
/* Checks and takes it. */
enum kp_code kp_shop_put_document(struct kp_shop *, enum kp_shop_document, const char *json,
                                  struct kp_err *);
/* Whether putting this one, which is good, would change nothing. */
enum kp_code kp_shop_is_document(struct kp_shop *, enum kp_shop_document, const char *json,
                                 bool *same, struct kp_err *);

/* ---- asking ---- */
enum kp_shop_every { KP_EVERY_ALL, KP_EVERY_SHIFT, KP_EVERY_DAY, KP_EVERY_WEEK };
extern const char *const
    kp_shop_every_words[]; /* "shift", "day", "week": from KP_EVERY_SHIFT on; ends with NULL */

/* Days that are not kept yet are made on the way, for so long; those left over are being made by
 * the thread, and missing in the reply, which says how many ("making"). */
struct kp_shop_patience {
    int64_t until; /* monotonic */
    size_t making; /* days of machines */
};
struct kp_shop_query {
    const char *const *assets; /* patterns */
    size_t n_assets;
    int64_t from, to, now;
    enum kp_shop_every every;
    bool energy;                       /* only what belongs to energy */
    struct kp_shop_patience *patience; /* NULL: without end */
    enum kp_recipient recipient;       /* machines that may not go there are none */
};
/* The whole reply. */
enum kp_code kp_shop_oee(struct kp_shop *, const struct kp_shop_query *, struct kp_json *,
                         struct kp_err *);
/* Planned spans of one asset. */
enum kp_code kp_shop_planned(struct kp_shop *, const struct kp_shop_query *, struct kp_json *,
                             struct kp_err *);
/* Stops in planned time and how much each reason cost; unexplained first, then the longest. */
struct kp_stops_query {
    struct kp_shop_query of;
    const char *reason; /* NULL: all; "none": unexplained */
    size_t limit;
};
enum kp_code kp_shop_stops(struct kp_shop *, const struct kp_stops_query *, struct kp_json *,
                           struct kp_err *);
/* Free time per machine and week. */
enum kp_code kp_shop_capacity(struct kp_shop *, const struct kp_shop_query *, int weeks,
                              struct kp_json *, struct kp_err *);

/* ---- what people say ---- */
struct kp_stop_note { /* NULL: as it was; "": back to what the machine said */
    const char *reason, *state, *comment, *who;
};
enum kp_code kp_shop_note_stop(struct kp_shop *, int64_t id, const struct kp_stop_note *,
                               struct kp_err *);
struct kp_hand_parts {
    const char *asset, *program, *comment, *who;
    int64_t at, good, scrap;
};
/* Sets *id. Negative numbers take back what was told before. */
enum kp_code kp_shop_parts(struct kp_shop *, const struct kp_hand_parts *, int64_t *id,
                           struct kp_err *);
#endif
