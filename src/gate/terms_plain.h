/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_GATE_TERMS_PLAIN_H
#define KOPPEL_GATE_TERMS_PLAIN_H
/* Terms as people write and read them: an object of a few members, and sentences. */
#include "core/json.h"
#include "core/err.h"
#include "gate/terms.h"

#include <jansson.h>

/* {"from", "until", "sourceFrom", "sourceUntil", "every": "1m", "functions": ["mean"], "delay",
 * "count", "purpose": [...], "recipient": [...], "distribution"}; what is not said is not asked. */
enum kp_code kp_terms_read_plain(const json_t *, struct kp_terms *, struct kp_err *);

/* What terms speak of, each apart. */
enum kp_term_aspect {
    KP_TERM_TIME,
    KP_TERM_SOURCE_TIME,
    KP_TERM_RESOLUTION,
    KP_TERM_DELAY,
    KP_TERM_TRANSFERS,
    KP_TERM_PURPOSE,
    KP_TERM_RECIPIENT,
    KP_TERM_ONWARD,
    KP_TERM_ASPECTS
};
extern const char *const kp_term_aspect_words[]; /* "time", "source time" ...; ends with NULL */
void kp_terms_say(struct kp_buf *, const struct kp_terms *, enum kp_term_aspect);
/* A list of sentences, of the aspects that are worth one. */
void kp_terms_words_json(struct kp_json *, const struct kp_terms *);
/* [{"about", "offered", "asked"}], of the aspects in which they differ. */
void kp_terms_differences_json(struct kp_json *, const struct kp_terms *offered,
                               const struct kp_terms *asked);
#endif
