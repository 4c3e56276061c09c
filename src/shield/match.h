/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_MATCH_H
#define KOPPEL_SHIELD_MATCH_H
/* Which devices an advisory is about. Devices are indexed by order codes, names and words, so that
 * an advisory costs what it has in common with them and not their number. An answer is "affected"
 * or "not affected" only where product and version are certain; else it is "review". */
#include "shield/advisory.h"

enum { KP_HITS_MAX = 1000000 }; /* devices an advisory's products may have in common with */

/* A device, or software on it. NULL and "": not known. */
struct kp_device {
    const char *manufacturer, *product, *order_code, *serial, *firmware, *cpe, *purl;
    uint32_t host; /* the device it is part of, by its place in the list; itself: of none */
};

struct kp_devices;
/* Copies what it needs. NULL: out of memory. */
struct kp_devices *kp_devices_new(const struct kp_device *, size_t n, const char *aliases);
void kp_devices_free(struct kp_devices *);

enum kp_verdict_of { KP_CLEAR, KP_REVIEW, KP_AFFECTED };
const char *kp_verdict_word(enum kp_verdict_of); /* "not_affected" */
enum kp_match_rule {
    KP_BY_SERIAL,
    KP_BY_ORDER_CODE, /* a model number or stock keeping unit */
    KP_BY_CODE_IN_NAME,
    KP_BY_IDENTIFIER, /* CPE, package URL */
    KP_BY_NAME,
    KP_BY_NAME_ALIKE, /* but for what stands in brackets, or the line of versions */
    KP_BY_FAMILY,     /* one name is a part of the other */
    KP_MATCH_RULES
};
const char *kp_match_rule_text(enum kp_match_rule); /* in words */

struct kp_finding {
    uint32_t device;
    enum kp_verdict_of verdict; /* the worst of all vulnerabilities */
    const uint8_t *of;          /* enum kp_verdict_of for each vulnerability of the advisory */
    double score;               /* the highest of those that are not clear; -1: none */
    uint32_t product;           /* the entry of the advisory that decided */
    enum kp_match_rule rule;
    char why[KP_VERSION_WHY]; /* how the version was read */
};

/* Calls `found` for each device an advisory is about, in the order of devices, also those that are
 * not affected. KP_EFULL: it is about too much; KP_ENOMEM. */
enum kp_code kp_devices_match(struct kp_devices *, const struct kp_advisory *,
                              void (*found)(void *, const struct kp_finding *), void *arg,
                              struct kp_err *);
/* Whether a remediation is for the product, or for all. */
bool kp_fix_is_for(const struct kp_advisory_fix *, uint32_t product);
#endif
