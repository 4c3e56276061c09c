/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_STIX_CUT_H
#define KOPPEL_SHIELD_STIX_CUT_H
/* A bundle of STIX or an envelope of TAXII cut into the texts of its objects, each as it was
 * written: numbers and the order of keys stay. */
#include "core/err.h"
#include "core/mem.h"

#include <jansson.h>
#include <stddef.h>

enum {
    KP_STIX_OBJECT_MAX = 1 << 20, /* bytes of one object */
    KP_STIX_DEPTH = 40,           /* levels of one object */
    KP_STIX_BATCH_MAX = 100000    /* objects at once */
};

struct kp_stix_part {
    const char *text; /* within what was cut; NULL: in its place stands no object */
    size_t len;
};
struct kp_stix_parts {
    json_t *frame;             /* the rest; json_decref it. NULL when it was one object alone */
    struct kp_stix_part *part; /* in the arena */
    size_t n;
};
/* A text with a member "objects", or without: one object alone when it has a type (another than
 * "bundle"), else none. KP_EPARSE: no JSON; KP_EINVALID: objects is no list; KP_EFULL. */
enum kp_code kp_stix_cut(const char *text, size_t len, struct kp_arena *, struct kp_stix_parts *,
                         struct kp_err *);
/* Whether it may be a marking definition: those go first, for others refer to them. */
bool kp_stix_defines_marking(const struct kp_stix_part *);
#endif
