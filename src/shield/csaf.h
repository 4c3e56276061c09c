/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_CSAF_H
#define KOPPEL_SHIELD_CSAF_H
/* Security advisories in the Common Security Advisory Framework 2.0 (OASIS): whether a document is
 * as its schema and the tests of section 6 of the standard want it. */
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    KP_CSAF_BYTES_MAX = 16 << 20,
    KP_CSAF_BRANCHES_MAX = 30,   /* deep */
    KP_CSAF_FINDINGS_MAX = 1000, /* of each test */
    KP_CSAF_TESTS_MAX = 80,
    KP_CSAF_POINTER = 512
};

enum kp_csaf_group { KP_CSAF_MANDATORY, KP_CSAF_OPTIONAL, KP_CSAF_INFORMATIVE };

/* A test of the standard; "schema" is the first of the mandatory ones. */
struct kp_csaf_test {
    const char *id, *title; /* "6.1.7" */
    enum kp_csaf_group group;
    const char *left_out; /* what of it is not tested here; NULL: nothing */
};
extern const struct kp_csaf_test kp_csaf_tests[];   /* ends with a NULL id */
const char *kp_csaf_group_word(enum kp_csaf_group); /* "mandatory" */

struct kp_csaf_finding {
    const struct kp_csaf_test *test;
    const char *pointer; /* RFC 6901; "" is the whole document */
    const char *text;    /* what is wrong, and what would be right */
};

struct kp_csaf_head {
    char id[128], version[64], category[64];
    size_t found[KP_CSAF_INFORMATIVE + 1]; /* findings of each group */
};

/* Calls `found` for each finding, KP_CSAF_FINDINGS_MAX times at most for each test. The document is valid when it returns KP_OK and nothing mandatory
 * was found. KP_EPARSE: it is no JSON or no object; KP_EFULL: too large, too deep; KP_ENOMEM. Any
 * thread, behind kp_json_memory_init(). */
enum kp_code kp_csaf_check(const char *text, size_t len, bool mandatory_only, struct kp_csaf_head *,
                           void (*found)(void *, const struct kp_csaf_finding *), void *arg,
                           struct kp_err *);
#endif
