/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_OFFER_H
#define KOPPEL_COUPLINGS_OFFER_H
/* What a machine that describes itself (MTConnect, Sparkplug, ADS) offers, turned into a catalogue
 * for people and into signals. A thing becomes a signal when it is one already, or when a profile
 * subscribes it and it was not offered before: so what a person removed stays away, and what the
 * machine has new comes in. */
#include "couplings/catalogue.h"
#include "couplings/profile.h"

struct kp_coupling;

struct kp_offer {
    const char *path;           /* relative to the coupling's `at` */
    const char *kind;           /* the protocol's own word for what it is ("EXECUTION"), or NULL */
    struct kp_signal_info info; /* type, source, description, unit, unit_text, enums, low, high */
    uint8_t access;             /* enum kp_access bits */
    kp_signal id;               /* out: 0 = not a signal */
};
enum { KP_OFFER_UNASKED_MAX = 1000 }; /* signals of one coupling that nobody asked for */

struct kp_offer_result {
    size_t subscribed, unasked_left; /* signals; what a profile names but is too much unasked */
};
/* Fills the ids. Profiles give roles, rules of states and the choice. `part`: other things offered earlier stay in
 * the catalogue. */
enum kp_code kp_offer_publish(struct kp_coupling *, const struct kp_profile_peer *,
                              struct kp_offer *, size_t n, bool part, struct kp_offer_result *,
                              struct kp_err *);
#endif
