/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_MESSAGE_H
#define KOPPEL_SHARE_MESSAGE_H
/* Messages of the Dataspace Protocol 2025-1 as JSON. Written in the compact form that plain JSON
 * schemas describe. Read with leniency where JSON-LD allows several forms (a prefix before a name,
 * {"@id": x} for x, one thing for a list of one), and with none where a message could lie. */
#include "core/json.h"
#include "core/mem.h"
#include "core/err.h"
#include "share/state.h"

#include <jansson.h>

#define KP_DSP_CONTEXT "https://w3id.org/dspace/2025/1/context.jsonld"
#define KP_DSP_PATH    "/dsp/2025-1"

enum {
    KP_DSP_BYTES = 256 << 10, /* the most of one message */
    KP_DSP_DEPTH = 24,
    KP_DSP_ID = 512,   /* the longest id, with its 0 */
    KP_DSP_CRITERIA = 4,
    KP_DSP_PAGE = 100, /* datasets of a catalogue at once */
};

struct kp_dsp { /* texts live as long as json */
    json_t *json;
    enum kp_deal deal;
    enum kp_word word;
    const char *provider, *consumer; /* the pids; NULL = not said */
    const char *callback;
    const json_t *offer; /* offer or agreement */
    const char *offer_id, *target;
    const char *agreement, *format; /* of a transfer */
    const json_t *address;          /* dataAddress, or NULL */
    const char *reason;             /* of an end, as far as it is text; or NULL */
};
/* A message to this path ("request", "agreement/verification") of negotiations or transfers. Sets
 * also what cannot be used, so that an error can name the pids; free it in any case. */
enum kp_code kp_dsp_read(struct kp_dsp *, enum kp_deal, const char *path, const char *text,
                         size_t len, struct kp_err *);
void kp_dsp_free(struct kp_dsp *);

/* What a catalogue is asked for. */
enum kp_dsp_test { KP_DSP_IS, KP_DSP_LIKE, KP_DSP_IN };
struct kp_dsp_criterion { /* of the id of a dataset */
    enum kp_dsp_test test;
    const char *right; /* an id, one with % and _ as in SQL, or a list of ids as JSON; in an arena */
};
struct kp_dsp_query {
    int64_t offset, limit;
    bool counted; /* so many are asked for: who reckons with that may not look for more in a Link */
    size_t n;
    struct kp_dsp_criterion criteria[KP_DSP_CRITERIA]; /* all of them hold */
};
enum kp_code kp_dsp_read_query(struct kp_dsp_query *, const char *text, size_t len,
                               struct kp_arena *, struct kp_err *);

/* Any answer of the other side: normalised JSON of that @type, NULL: err says what is wrong. */
json_t *kp_dsp_answer(const char *type, const char *text, size_t len, struct kp_err *);
/* A member as text, also as {"@id": x} or {"@value": x}; NULL = none. */
const char *kp_dsp_text(const json_t *, const char *key);
/* Whether two policies say the same rules; what else they hold counts for nothing. */
bool kp_dsp_same_rules(const json_t *, const json_t *);
extern const char
    *const kp_dsp_rule_words[]; /* "permission", "prohibition", "obligation"; ends with NULL */

/* ---- writing ---- */
/* Begins {"@context": [...], "@type": type, with the pids that are not NULL. */
void kp_dsp_begin(struct kp_json *, const char *type, const char *provider, const char *consumer);
void kp_dsp_put(struct kp_json *, const char *key, const json_t *); /* any value */
/* A whole one that says where a process stands. */
void kp_dsp_state(struct kp_json *, enum kp_deal, const char *provider, const char *consumer,
                  enum kp_deal_state);
/* An error of this type ("CatalogError" ...). */
void kp_dsp_error(struct kp_json *, const char *type, const char *provider, const char *consumer,
                  const char *code, const char *reason);
#endif
