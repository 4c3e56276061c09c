/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_ADVISORY_H
#define KOPPEL_SHIELD_ADVISORY_H
/* What of a CSAF 2.0 document matters to who owns machines: which products, in which versions, are
 * affected, fixed or not affected by what, how bad it is and what to do. A document need not be
 * valid: what cannot be used is left out, what is too deep or too much is refused. */
#include "shield/csaf.h"
#include "shield/product.h"
#include "shield/tree.h"
#include "shield/version.h"

enum {
    KP_ADVISORY_PARTS = 4,           /* products one is made of by relationships */
    KP_ADVISORY_STATUS_MAX = 2000000 /* products named by vulnerabilities, groups resolved */
};

enum kp_helper { KP_HELPER_MODEL, KP_HELPER_SKU, KP_HELPER_SERIAL, KP_HELPER_CPE, KP_HELPER_PURL };
struct kp_product_helper {
    enum kp_helper kind;
    const char *text;
    struct kp_product_helper *next;
};

struct kp_advisory_product {
    const char *id, *vendor, *product, *version, *full; /* "" where there is none */
    struct kp_product_helper *helpers;
    struct kp_vendors vendors;
    struct kp_name name;
    struct kp_range range;
    uint32_t part[KP_ADVISORY_PARTS]; /* made by a relationship: of these */
    uint8_t parts;
    uint8_t optional; /* a bit for each part that must be there beside the first */
    bool odd;         /* a relationship that goes in a circle or names too many */
};

enum kp_product_state {
    KP_STATE_NONE,
    KP_STATE_AFFECTED,
    KP_STATE_FIXED,
    KP_STATE_NOT_AFFECTED,
    KP_STATE_INVESTIGATED
};
struct kp_state_of {
    uint32_t product;
    uint8_t state;
};
struct kp_advisory_fix {
    const char *category, *text, *url, *restart; /* vendor_fix ...; url and restart "" where none */
    uint32_t *product;                           /* in order; n 0: of all */
    uint32_t n;
    struct kp_advisory_fix *next;
};
struct kp_advisory_hole {
    const char *cve, *title; /* cve: "" or another id */
    const char *vector;
    double score; /* the highest base score of all products; -1: none */
    struct kp_state_of *state;
    uint32_t n;
    struct kp_advisory_fix *fixes;
};

struct kp_advisory {
    const char *id, *title, *version, *publisher, *changed, *url, *tlp,
        *tracking; /* "" where none */
    struct kp_advisory_product *product;
    uint32_t n;
    struct kp_advisory_hole *hole;
    uint32_t holes;
};

/* Everything lies in the arena and, the texts, in the tree. KP_EPARSE: it names no document or has
 * no id; KP_EFULL; KP_ENOMEM. `aliases` as kp_vendor_keys has them. */
enum kp_code kp_advisory_read(const struct kp_tree *document, const char *aliases,
                              struct kp_arena *, struct kp_advisory *, struct kp_err *);
/* From the text of a document, all of it in the arena; `root` (may be NULL) gets its tree. */
enum kp_code kp_advisory_load(const char *text, size_t len, const char *aliases, struct kp_arena *,
                              const struct kp_tree **root, struct kp_advisory *, struct kp_err *);
#endif
