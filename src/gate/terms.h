/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_GATE_TERMS_H
#define KOPPEL_GATE_TERMS_H
/* The terms of an offer or agreement as the gate enforces them: what an ODRL policy comes down to.
 * Copied freely. */
#include "core/text.h"

enum kp_function { KP_FN_MIN, KP_FN_MEAN, KP_FN_MAX, KP_FN_LAST, KP_FN_COUNT, KP_FUNCTIONS };
extern const char *const kp_function_words[]; /* ends with NULL */

enum { KP_WORDS_MAX = 8, KP_WORD_MAX = 160 };
struct kp_words { /* a set; none = nothing is asked */
    size_t n;
    char word[KP_WORDS_MAX][KP_WORD_MAX];
};
bool kp_words_have(const struct kp_words *, const char *word);

struct kp_terms {
    int64_t from, to; /* things may be given while from <= now < to, of source times in the same */
    int64_t since, until; /* and of source times in [since, until), when it was said apart */
    int64_t delay;        /* ns that must have passed since the source time, or the end of a step */
    int64_t every;        /* ns of a step; 0 = values as they came */
    int64_t count;        /* transfers; 0 = any number */
    uint8_t functions;    /* a bit per enum kp_function; with `every` */
    bool distribution;    /* the recipient may hand it on */
    struct kp_words purpose, recipient;
};
struct kp_terms kp_terms_open(void); /* everything, at any time, as it came */

/* The source times that may be given at all: [*lo, *hi). */
void kp_terms_period(const struct kp_terms *, int64_t *lo, int64_t *hi);

/* Whether everything that may be had under `a` may be had, or be made of what may be had, under
 * `b`. */
bool kp_terms_narrower(const struct kp_terms *a, const struct kp_terms *b);
static inline bool kp_terms_same(const struct kp_terms *a, const struct kp_terms *b)
{
    return kp_terms_narrower(a, b) && kp_terms_narrower(b, a);
}
#endif
