/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_GATE_POLICY_H
#define KOPPEL_GATE_POLICY_H
/* ODRL policies (Offer, Agreement, the offer in a message) as terms, and terms as a policy.
 * docs/odrl-profile.md says what is understood. What the gate cannot enforce is refused with the
 * place and the reason, never passed over. */
#include "core/err.h"
#include "core/json.h"
#include "gate/terms.h"

#include <jansson.h>

#define KP_ODRL_PROFILE "urn:koppel:odrl:1"

/* The offer's target says which signals; that is not looked at here. */
enum kp_code kp_terms_parse(const json_t *policy, struct kp_terms *, struct kp_err *);
/* The members `profile` (when it takes koppel's own operands) and `permission` of an object that
 * the caller has begun; parsed, they say the same. */
void kp_terms_json(struct kp_json *, const struct kp_terms *);
#endif
