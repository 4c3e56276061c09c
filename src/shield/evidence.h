/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_EVIDENCE_H
#define KOPPEL_SHIELD_EVIDENCE_H
/* The evidence pack, for a customer who asks how safe we are: devices and their firmware, open
 * findings, how long it takes to close one, backups and proofs that they can be restored, who has
 * access, what is shared with whom, how the node is reached, how long data is kept, incidents. It is
 * a message to this company: nothing secret is in it, nor what an advisory's mark (TLP) keeps from
 * others; a person takes it along and decides to whom it goes. */
#include "shield/shield.h"

struct kp_evidence_door { /* of the node, which only who opens it knows */
    const char *where, *certificate; /* certificate: who signed it; NULL: no TLS */
    int64_t until;                   /* of the certificate; KP_NO_TIME: none */
    bool partners, loopback, proxy;  /* proxy: another program on this machine speaks TLS for it */
};
enum { KP_EVIDENCE_DOORS = 8 };
struct kp_evidence {
    const char *node, *version; /* of the program */
    struct kp_evidence_door doors[KP_EVIDENCE_DOORS];
    size_t n_doors;
    int format; /* in kp_incident_formats */
    bool dutch;
};
enum kp_code kp_evidence(struct kp_shield *, const struct kp_evidence *, struct kp_buf *out,
                         struct kp_err *);
#endif
