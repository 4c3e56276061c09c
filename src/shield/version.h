/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_VERSION_H
#define KOPPEL_SHIELD_VERSION_H
/* Versions as makers write them ("V2.9.4", "2.9 SP1", "2.9.4 Update 3", "15.2(7)E3"), and ranges of
 * them as advisories write them: "vers:" and its relatives (">=1.0|<1.4"), "All versions < V4.2
 * HF3", "V2.5 and prior", "between V2.5 (including) and V2.7 (excluding)". What cannot be read for
 * certain is told, never guessed. */
#include "core/mem.h"

enum {
    KP_VERSION_GROUPS = 8,
    KP_RANGE_TEXT = 400,  /* longer ones are not read */
    KP_RANGE_TERMS = 128, /* and of no more bounds */
    KP_VERSION_WHY = 160
};

/* What may follow the numbers, in the order in which it counts. */
enum kp_version_mark {
    KP_MARK_PAREN, /* "15.2(7)" */
    KP_MARK_SERVICE_PACK,
    KP_MARK_FEATURE_PACK,
    KP_MARK_SERVICE_RELEASE,
    KP_MARK_UPDATE,
    KP_MARK_HOTFIX,
    KP_MARK_PATCH,
    KP_MARK_DASH, /* "2.03-08" */
    KP_MARK_BUILD,
    KP_MARK_LETTER, /* "1.17T" */
    KP_MARKS
};

struct kp_version {
    uint64_t group[KP_VERSION_GROUPS];
    uint32_t mark[KP_MARKS];
    uint16_t has;      /* a bit for each mark */
    uint8_t n;         /* groups */
    bool open;         /* ends with ".x": any further ones */
    bool early;        /* a beta, a release candidate */
    char scheme[8];    /* letters in front that are no usual ones ("C4.93"); "" */
    char tail[12];     /* what follows and was not understood; "" */
    uint16_t from, to; /* where it stands in the text */
};

/* False: there is none. Reads as far as it goes; `to` says how far. */
bool kp_version_read(const char *text, struct kp_version *);

enum kp_order { KP_LESS, KP_EQUAL, KP_GREATER, KP_NO_ORDER };
struct kp_comparison {
    enum kp_order order;
    bool short_of;   /* the first has fewer numbers and agrees as far as it goes */
    bool beyond;     /* the first is the second and something more ("9.4 FP1") */
    const char *why; /* there is no order */
};
struct kp_comparison kp_version_compare(const struct kp_version *, const struct kp_version *bound);

enum kp_holds { KP_OUTSIDE, KP_INSIDE, KP_UNSURE };

struct kp_range_term {
    struct kp_version low, high; /* of an exact one: low */
    bool has_low, has_high, low_in, high_in, exact, except;
};
struct kp_range {
    const char *text; /* as it came */
    struct kp_range_term *term;
    uint16_t n;
    bool all, listed; /* every version; nothing but single versions */
    bool condition;   /* words behind it say when it holds */
    bool joined;      /* two bounds with nothing between them: "and", or "or"? */
    const char *odd;  /* why it cannot be read; NULL */
};
/* Terms and text lie in the arena. False: out of memory. */
bool kp_range_read(const char *text, struct kp_arena *, struct kp_range *);
/* Whether a version lies in it; NULL: it is not known. `why` in words. */
enum kp_holds kp_range_holds(const struct kp_range *, const struct kp_version *,
                             char why[KP_VERSION_WHY]);
#endif
