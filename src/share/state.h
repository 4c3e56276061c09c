/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_STATE_H
#define KOPPEL_SHARE_STATE_H
/* What may follow what in a negotiation and in a transfer (Dataspace Protocol 2025-1, 5.1 and 8.1):
 * one table, and one of the messages. The numbers of kinds, sides, words and states stand in the
 * data file: new ones come last. */
#include <stdbool.h>

enum kp_deal { KP_NEGOTIATION, KP_TRANSFER, KP_DEALS };
enum kp_side { KP_CONSUMER, KP_PROVIDER };
enum kp_word { /* what is said in a message */
               KP_SAY_REQUEST,
               KP_SAY_OFFER,
               KP_SAY_ACCEPT,
               KP_SAY_AGREE,
               KP_SAY_VERIFY,
               KP_SAY_FINALIZE,
               KP_SAY_START,
               KP_SAY_SUSPEND,
               KP_SAY_COMPLETE,
               KP_SAY_TERMINATE,
               KP_WORDS,
};
enum kp_deal_state {
    KP_REQUESTED,
    KP_OFFERED,
    KP_ACCEPTED,
    KP_AGREED,
    KP_VERIFIED,
    KP_FINALIZED,
    KP_STARTED,
    KP_SUSPENDED,
    KP_COMPLETED,
    KP_TERMINATED,
    KP_DEAL_STATES,
};

extern const char *const kp_side_words[];       /* "consumer", "provider", NULL */
extern const char *const kp_deal_state_words[]; /* "REQUESTED" ..., NULL */
extern const char *const kp_say_words[];        /* "request" ..., as people say them; NULL */

/* How a word is said: a POST of this type to this path below negotiations/{pid} or transfers/{pid}.
 */
struct kp_saying {
    enum kp_deal deal;
    enum kp_word word;
    const char *type, *path;
    const char *event; /* its eventType; NULL = has none */
};
extern const struct kp_saying kp_sayings[]; /* ends with a NULL type */
const struct kp_saying *kp_saying_of(enum kp_deal, enum kp_word);

/* The state after `by` has said this; -1: it may not. */
int kp_deal_next(enum kp_deal, enum kp_deal_state from, enum kp_word, enum kp_side by);
bool kp_deal_over(enum kp_deal_state);
#endif
