/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_GATE_TLP_H
#define KOPPEL_GATE_TLP_H
/* The Traffic Light Protocol 2.0 of threat information, at the one gate: how far something may go
 * that somebody else has labelled. */
#include "gate/gate.h"

/* In order: the later, the less far. */
enum kp_tlp {
    KP_TLP_CLEAR,   /* everybody; WHITE in the first version of the protocol */
    KP_TLP_GREEN,   /* the community: who is a member where it is shared */
    KP_TLP_AMBER,   /* the organisation and those of its clients that need it: who is named */
    KP_TLP_STRICT,  /* AMBER+STRICT: the organisation alone */
    KP_TLP_RED,     /* persons: it does not leave the node */
    KP_TLP_UNKNOWN, /* marked by something that is not here: as RED until it is */
    KP_TLP_LEVELS,
};
extern const char
    *const kp_tlp_words[]; /* "clear" ... "amber+strict", "red", "unknown"; ends with NULL */

/* What goes unmarked. */
enum { KP_TLP_DEFAULT = KP_TLP_AMBER };

/* Whether it may go there. A partner is a member of the collection it comes from; `named`: somebody
 * has said that this one may have AMBER too. Whoever a token is for is of this company. */
bool kp_gate_tlp(enum kp_recipient, enum kp_tlp, bool named);

/* "tlp:amber+strict", "white" and the like, in any case; -1: it is none. */
int kp_tlp_find(const char *word);
/* The level of one of the nine marking definitions of STIX that all know by their id; -1: another.
 */
int kp_tlp_of_marking(const char *id);
/* The id of the definition for a level (CLEAR to RED). */
const char *kp_tlp_marking(enum kp_tlp);
#endif
