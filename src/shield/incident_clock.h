/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_INCIDENT_CLOCK_H
#define KOPPEL_SHIELD_INCIDENT_CLOCK_H
/* By when an incident must be reported, to whom, and what the report must hold: the NIS2 directive
 * (EU) 2022/2555, art. 23(4) (in the Netherlands the Cyberbeveiligingswet), and the Cyber Resilience
 * Act (EU) 2024/2847, art. 14. Nothing here touches a file; it is no legal advice.
 *
 * Hours are hours, whatever clocks on the wall do. A month is the same day and time of day in the
 * next month on the wall, or its last day where it has no such day: Regulation 1182/71, art. 3 lets
 * the whole day pass, so nobody is too late by our reading. */
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum incident_status { INCIDENT_OPEN, INCIDENT_CONTAINED, INCIDENT_CLOSED };
enum incident_doubt { DOUBT_UNKNOWN, DOUBT_YES, DOUBT_NO };
enum incident_product { PRODUCT_NONE, PRODUCT_VULNERABILITY, PRODUCT_INCIDENT };
extern const char *const incident_categories[], *const incident_severities[],
    *const incident_statuses[], *const incident_doubts[],
    *const incident_products[]; /* end with NULL */

/* ---- who must ---- */
struct incident_scope { /* five answers */
    bool answered, named, supplier, products;
    int sector, size; /* in incident_sectors, incident_sizes */
};
struct incident_sector {
    const char *key, *en, *nl;
    int annex; /* of NIS2: 1, 2; 0: in neither */
};
extern const struct incident_sector incident_sectors[]; /* ends with key NULL */
enum { SIZE_SMALL, SIZE_MEDIUM, SIZE_LARGE };
extern const char *const incident_sizes[];

enum incident_entity { ENTITY_NONE, ENTITY_IMPORTANT, ENTITY_ESSENTIAL };
/* NIS2 art. 2 and 3. */
enum incident_entity incident_entity(const struct incident_scope *);

/* ---- stages ---- */
enum incident_stage {
    STAGE_NIS2_WARNING,
    STAGE_NIS2_NOTIFICATION,
    STAGE_NIS2_PROGRESS,
    STAGE_NIS2_FINAL,
    STAGE_CRA_WARNING,
    STAGE_CRA_NOTIFICATION,
    STAGE_CRA_FINAL,
    STAGE_VOLUNTARY, /* of free will: NIS2 art. 30, CRA art. 15 */
    STAGES
};
extern const char *const incident_stage_words[]; /* "nis2-warning" ...; ends with NULL */
bool incident_stage_is_cra(enum incident_stage);

struct incident_facts {
    enum incident_status status;
    enum incident_doubt significant; /* NIS2 art. 23(3) */
    enum incident_product product;
    int64_t aware, fixed, handled; /* KP_NO_TIME: not yet */
    int64_t sent[STAGES];
};

enum incident_clock_state { CLOCK_WAITING, CLOCK_RUNNING, CLOCK_SOON, CLOCK_OVERDUE, CLOCK_DONE };
extern const char *const incident_clock_states[];
struct incident_clock {
    enum incident_stage stage;
    enum incident_clock_state state;
    int64_t begins, due; /* KP_NO_TIME: what it begins with has not happened */
    bool late;           /* sent after it was due */
};
/* Those that count, in the order of stages. */
size_t incident_clocks(const struct incident_facts *, const struct incident_scope *, int64_t now,
                       struct incident_clock out[STAGES]);
/* The one to look at first, or NULL when all is done or waits. */
const struct incident_clock *incident_next(const struct incident_clock *, size_t n);

/* The same time of day so many months and days later. */
int64_t incident_later(int64_t at, int months, int days);

/* ---- in words; `dutch`: else English ---- */
const char *incident_stage_title(enum incident_stage, enum incident_product, bool dutch);
const char *incident_stage_article(enum incident_stage, enum incident_product);
const char *incident_stage_to(enum incident_stage, bool dutch);
/* When its time begins and how long it is. */
const char *incident_stage_why(enum incident_stage, enum incident_product, bool dutch);
/* What it must hold; ends with NULL. */
const char *const *incident_stage_holds(enum incident_stage, enum incident_product, bool dutch);
#endif
