/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_OEE_H
#define KOPPEL_FLEX_OEE_H
/* Key figures after ISO 22400-2, with what they are made of. The terms:
 *   PBT  planned busy time          the planned time of the calendar, up to now
 *   APT  actual production time     in it, the state running
 *   AUST actual unit set-up time    in it, the state setup
 *   AUBT actual unit busy time      in it, every state but off and maintenance
 *   PRI  planned run time per item  as it was set, else the best that was shown
 *   PQ, GQ                          produced and good quantity in planned time
 * availability = APT / PBT, effectiveness = PRI * PQ / APT, quality ratio = GQ / PQ, OEE = their
 * product. */
#include "flex/keep.h"

struct figures {
    int64_t pbt, ns[KP_STATES], known; /* known: planned time of which the state is */
    int64_t good, scrap;               /* in planned time */
    int64_t overtime_ns, overtime_good, overtime_scrap;
    int64_t paced; /* parts of which the PRI is known */
    double pri_pq; /* ns: their PRI, added up */
    int64_t doubtful, jumps, resets;
    double joules, idle_joules, peak; /* of planned and other time */
    int64_t peak_at;
    bool metered;
};

/* PRI of a program; by: "set", "best", or NULL when it is not known. */
struct pri {
    const char *program, *by;
    int64_t ns;
};
struct pris { /* texts live in the arena */
    struct kp_arena arena;
    struct pri *of;
    size_t n, room;
};

void figures_piece(struct figures *, const struct kp_piece *, bool metered);
void figures_made(struct figures *, const struct kp_made *, const struct pri *);
void figures_join(struct figures *, const struct figures *);
int64_t figures_busy(const struct figures *);
/* NaN where they cannot be told. */
double figures_availability(const struct figures *);
double figures_effectiveness(const struct figures *);
double figures_quality(const struct figures *);
/* Members only. */
void figures_json(struct kp_json *, const struct figures *);
void figures_energy_json(struct kp_json *, const struct figures *, const struct kp_settings *);

/* Learns the best that was shown from these days; then tells of each program it or the rule knows.
 */
struct learning;
struct learning *learning_new(void);
bool learning_day(struct learning *, const struct kp_day *); /* false: out of memory */
void learning_free(struct learning *);
/* The entry of a program; made when it is asked for the first time. NULL: out of memory. */
const struct pri *pris_of(struct pris *, const struct learning *, const struct kp_machine_rule *,
                          const char *program);
void pris_free(struct pris *);

/* A question to one machine: what it has shown of late, then its days one by one. */
struct walk {
    struct kp_shop *shop;
    const struct kp_shop_query *q;
    const struct shop_rules *rules;
    const struct shop_machine *machine;
    struct kp_err *err;
    const struct kp_machine_rule *rule;
    struct learning *learning;
    struct pris pris;
};
void walk_days(struct walk *, bool (*each)(void *, const struct kp_day *), void *arg);
/* Adds a piece of a day with its parts, these when it is planned time. */
void walk_add(struct walk *, const struct kp_day *, size_t piece, struct figures *);
void walk_free(struct walk *); /* also after a failure */
#endif
