/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_UBL_H
#define KOPPEL_FLEX_UBL_H
/* Documents between companies: OASIS UBL 2.1 (RequestForQuotation, Quotation, Order, OrderResponse,
 * DespatchAdvice, Invoice), alone or after the rules of Peppol: which one a document claims to
 * follow stands in its CustomizationID. */
#include "core/err.h"
#include "core/mem.h"

enum { KP_UBL_BYTES_MAX = 10 << 20, KP_UBL_FAULTS_MAX = 1000, KP_UBL_WORD = 64 };

struct kp_ubl_fault {
    unsigned line;
    const char *rule; /* "UBL 2.1", "PEPPOL-T01-R024" */
    const char *text; /* what is wrong, and what would be right */
};

struct kp_ubl_head {
    char root[KP_UBL_WORD], id[KP_UBL_WORD];
    const char *rules; /* "Peppol order 3"; NULL: UBL 2.1 alone */
    size_t faults;
};

/* Calls `found` for each fault, in the order of the rules, KP_UBL_FAULTS_MAX times at most.
 * KP_EPARSE: it is no XML, has a document type declaration, or none of the documents above;
 * KP_ENOMEM. Any thread. */
enum kp_code kp_ubl_check(const char *xml, size_t len, struct kp_ubl_head *,
                          void (*found)(void *, const struct kp_ubl_fault *), void *arg,
                          struct kp_err *);
#endif
