/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_DAY_H
#define KOPPEL_FLEX_DAY_H
/* A local day of a machine, summed up: cut where planned time begins and ends, and for each piece
 * how long it was in each state, what stopped it, how many parts of which program it made and what
 * energy it drew. Whatever is asked of weeks and years is made of days. */
#include "core/state_rule.h"
#include "flex/calendar.h"
#include "flex/settings.h"
#include "flex/stretch.h"

enum { KP_QUARTER = 900, KP_DAY_PIECES_MAX = 64 };

struct kp_piece {
    int64_t from, to, shift, until; /* shift, until: of the whole shift; 0 when not planned */
    const char *name;               /* of the shift; NULL: not planned */
    int64_t ns[KP_STATES];
    int64_t good, scrap;
    int64_t doubtful, jumps,
        resets;                 /* parts not counted, how often, and counters that began anew */
    double joules, idle_joules; /* idle: drawn while it did not run */
    double peak;                /* the most of a quarter of an hour, in W */
    int64_t peak_at;
};
struct kp_made { /* parts of one program in a piece */
    size_t piece;
    const char *program;
    int64_t good, scrap;
};
struct kp_loss { /* time lost in a piece by one reason; "" = nobody said why */
    size_t piece;
    const char *reason;
    int64_t ns, n;
};
struct kp_pace { /* how fast a program was made: the 5th percentile of the running times from part
                  * to part */
    const char *program;
    int64_t ns, n;
};
struct kp_day { /* texts live in the arena given */
    int64_t from, to;
    size_t n, n_made, n_losses, n_paces;
    struct kp_piece *pieces;
    struct kp_made *made;
    struct kp_loss *losses;
    struct kp_pace *paces;
    bool metered;
};

/* Where a machine's counters stand. */
struct kp_sources {
    kp_signal of[KP_COUNTS];  /* 0: none */
    double factor[KP_COUNTS]; /* of energy: J; of power: W */
};
/* By the rule, else by role and name, below the machine but not in a machine within it. Returns the
 * strictest label of these, of the signals that tell the state, and of the machine. The model's lock
 * is held. */
uint8_t kp_sources_find(const struct kp_model *, kp_asset, const struct kp_machine_rule *,
                     struct kp_sources *);

struct kp_day_query {
    kp_asset asset;
    const char *path;
    int64_t from, to, now; /* at most a day; what is beyond now is not yet */
    const struct kp_calendar *calendar;
    const struct kp_settings *settings;
    struct kp_sources sources;
};
enum kp_code kp_day_sum(struct kp_db *, const struct kp_day_query *, struct kp_arena *,
                        struct kp_day *, struct kp_err *);

/* As bytes, for the table shop_day, and back. A blob that is damaged is KP_EPARSE. */
void kp_day_encode(const struct kp_day *, struct kp_buf *);
enum kp_code kp_day_decode(const void *, size_t, struct kp_arena *, struct kp_day *,
                           struct kp_err *);
#endif
