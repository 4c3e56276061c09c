/* SPDX-License-Identifier: Apache-2.0 */
#include "share/state.h"

#include <stddef.h>

#include "core/ban.h"

const char *const kp_side_words[] = { "consumer", "provider", NULL };
const char *const kp_deal_state_words[] = { "REQUESTED", "OFFERED",    "ACCEPTED", "AGREED",
                                            "VERIFIED",  "FINALIZED",  "STARTED",  "SUSPENDED",
                                            "COMPLETED", "TERMINATED", NULL };
const char *const kp_say_words[] = { "request",  "offer",     "accept", "agree",
                                     "verify",   "finalize",  "start",  "suspend",
                                     "complete", "terminate", NULL };

const struct kp_saying kp_sayings[] = {
    { KP_NEGOTIATION, KP_SAY_REQUEST, "ContractRequestMessage", "request", NULL },
    { KP_NEGOTIATION, KP_SAY_OFFER, "ContractOfferMessage", "offers", NULL },
    { KP_NEGOTIATION, KP_SAY_ACCEPT, "ContractNegotiationEventMessage", "events", "ACCEPTED" },
    { KP_NEGOTIATION, KP_SAY_AGREE, "ContractAgreementMessage", "agreement", NULL },
    { KP_NEGOTIATION, KP_SAY_VERIFY, "ContractAgreementVerificationMessage",
      "agreement/verification", NULL },
    { KP_NEGOTIATION, KP_SAY_FINALIZE, "ContractNegotiationEventMessage", "events", "FINALIZED" },
    { KP_NEGOTIATION, KP_SAY_TERMINATE, "ContractNegotiationTerminationMessage", "termination",
      NULL },
    { KP_TRANSFER, KP_SAY_REQUEST, "TransferRequestMessage", "request", NULL },
    { KP_TRANSFER, KP_SAY_START, "TransferStartMessage", "start", NULL },
    { KP_TRANSFER, KP_SAY_SUSPEND, "TransferSuspensionMessage", "suspension", NULL },
    { KP_TRANSFER, KP_SAY_COMPLETE, "TransferCompletionMessage", "completion", NULL },
    { KP_TRANSFER, KP_SAY_TERMINATE, "TransferTerminationMessage", "termination", NULL },
    { .type = NULL },
};

const struct kp_saying *kp_saying_of(enum kp_deal deal, enum kp_word word)
{
    for (const struct kp_saying *s = kp_sayings; s->type; s++)
        if (s->deal == deal && s->word == word)
            return s;
    return NULL;
}

enum { C = 1 << KP_CONSUMER, P = 1 << KP_PROVIDER };
#define NEGOTIATING                                                                                \
    (1 << KP_REQUESTED | 1 << KP_OFFERED | 1 << KP_ACCEPTED | 1 << KP_AGREED | 1 << KP_VERIFIED)

static const struct step {
    enum kp_deal deal;
    unsigned from; /* any of these states */
    enum kp_word word;
    unsigned by; /* any of these sides */
    enum kp_deal_state to;
} steps[] = {
    { KP_NEGOTIATION, 1 << KP_REQUESTED, KP_SAY_OFFER, P, KP_OFFERED },
    { KP_NEGOTIATION, 1 << KP_REQUESTED, KP_SAY_AGREE, P, KP_AGREED },
    { KP_NEGOTIATION, 1 << KP_OFFERED, KP_SAY_REQUEST, C, KP_REQUESTED },
    { KP_NEGOTIATION, 1 << KP_OFFERED, KP_SAY_ACCEPT, C, KP_ACCEPTED },
    { KP_NEGOTIATION, 1 << KP_ACCEPTED, KP_SAY_AGREE, P, KP_AGREED },
    { KP_NEGOTIATION, 1 << KP_AGREED, KP_SAY_VERIFY, C, KP_VERIFIED },
    { KP_NEGOTIATION, 1 << KP_VERIFIED, KP_SAY_FINALIZE, P, KP_FINALIZED },
    { KP_NEGOTIATION, NEGOTIATING, KP_SAY_TERMINATE, C | P, KP_TERMINATED },
    { KP_TRANSFER, 1 << KP_REQUESTED, KP_SAY_START, P, KP_STARTED },
    { KP_TRANSFER, 1 << KP_SUSPENDED, KP_SAY_START, C | P, KP_STARTED },
    { KP_TRANSFER, 1 << KP_STARTED, KP_SAY_SUSPEND, C | P, KP_SUSPENDED },
    { KP_TRANSFER, 1 << KP_STARTED, KP_SAY_COMPLETE, C | P, KP_COMPLETED },
    { KP_TRANSFER, 1 << KP_REQUESTED | 1 << KP_STARTED | 1 << KP_SUSPENDED, KP_SAY_TERMINATE, C | P,
      KP_TERMINATED },
};

int kp_deal_next(enum kp_deal deal, enum kp_deal_state from, enum kp_word word, enum kp_side by)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].deal == deal && steps[i].word == word && steps[i].from >> from & 1 &&
            steps[i].by >> by & 1)
            return (int)steps[i].to;
    return -1;
}

bool kp_deal_over(enum kp_deal_state state)
{
    return state == KP_FINALIZED || state == KP_COMPLETED || state == KP_TERMINATED;
}
