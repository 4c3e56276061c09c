/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_MATCH_PRIVATE_H
#define KOPPEL_SHIELD_MATCH_PRIVATE_H
/* For match_devices.c (devices and their index), match.c (which of them an advisory's products
 * are), and match_judge.c (what that means for each). */
#include "shield/match.h"

enum { PREFIX = 5 }; /* characters of an order code by which those with wildcards are looked up */

/* What a device can be found by. */
enum key_kind {
    KEY_CODE,
    KEY_PREFIX,
    KEY_SERIAL,
    KEY_IDENTIFIER,
    KEY_PLAIN,
    KEY_NO_LINE,
    KEY_WORD,
    KEY_RAREST
};

struct key {
    uint64_t hash;
    uint32_t device;
};
struct device {
    struct kp_vendors vendors;
    struct kp_name name;
    struct kp_version version;
    char code[2][KP_CODE_MAX]; /* whole, and up to a "/" or blank; "" */
    char serial[KP_CODE_MAX];
    uint64_t identifier[2]; /* CPE, purl; 0: none */
    uint32_t host;
    bool versioned;
};
struct kp_devices {
    struct device *of;
    size_t n;
    struct key *keys; /* in order */
    size_t n_keys, room;
    bool failed;
    uint32_t *mark; /* of each device: the product that looked at it last */
    uint32_t round;
    uint32_t *member, *members_from; /* devices of the same host, one after another */
};

/* Keys of that kind with that text, one after another. */
const struct key *devices_look_up(const struct kp_devices *, enum key_kind, const void *data,
                                  size_t n, size_t *count);
/* The word of a name that the fewest devices have; NULL: it has none outside of brackets. */
const struct kp_word_form *devices_rarest(const struct kp_devices *, const struct kp_name *,
                                          size_t *least);
uint64_t match_identifier(const char *text, bool cpe); /* 0: it is none */
bool match_looks_mlfb(const char *code);               /* an order number of Siemens */

/* ---- one advisory ---- */
struct hit {
    uint32_t device, product;
    uint8_t rule, holds;
};
struct matching {
    struct kp_devices *d;
    const struct kp_advisory *a;
    struct kp_err *err;
    struct hit *hits;
    size_t n, room;
    uint32_t product;
    bool codes; /* the product says its order code or serial numbers */
    char why[KP_VERSION_WHY];
};

enum kp_holds match_version_holds(const struct kp_advisory_product *, const struct device *,
                                  char why[KP_VERSION_WHY]);
/* The hits lie in the order of devices. Each is told. */
enum kp_code match_judge(struct matching *, void (*found)(void *, const struct kp_finding *),
                         void *arg);
#endif
