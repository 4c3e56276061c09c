/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_GATE_ODRL_H
#define KOPPEL_GATE_ODRL_H
/* What the files that read policies share: JSON-LD without its context, and a reading on its way.
 */
#include "gate/policy.h"

#include <string.h>

/* ---- the forms in which peers write one thing ---- */
const char *odrl_plain(const char *name);   /* a name of ODRL's without its prefix */
const json_t *odrl_one(const json_t *);     /* the only entry of a list, or what is no list */
bool odrl_only_names(const json_t *object); /* it names a thing and says no more about it */
const char *odrl_word(const json_t *); /* a word, an IRI or a literal; NULL: it is none of them */
bool odrl_says_nothing(const json_t *);
static inline bool odrl_is(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

struct reading {
    struct kp_terms *t;
    struct kp_err *err;
    size_t constraints;
    bool use, distribute, not_distribute, raw;
};
#define REFUSE(r, where, why, what)                                                                \
    (kp_fail((r)->err, KP_EINVALID, "%s: " why, (where), (what)), false)

/* One comparison. */
struct term {
    const char *where, *left, *op;
    const json_t *right;
};
bool term_read(struct reading *, const struct term *); /* false: refused */
#endif
