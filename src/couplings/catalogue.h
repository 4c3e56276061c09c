/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_CATALOGUE_H
#define KOPPEL_COUPLINGS_CATALOGUE_H
/* What a coupling has seen at its peer, subscribed or not: the file's table `node`. Filled by the
 * coupling's thread after a browse, read by people who choose. */
#include "store/store.h"

enum kp_access { KP_CAN_READ = 1, KP_CAN_WRITE = 2, KP_CAN_HISTORY = 4 };

struct kp_catalogue_node {
    const char *source;             /* address in the coupling: "nsu=urn:x;s=Spindle.Speed" */
    const char *path;               /* relative to the coupling's `at` */
    const char *type;               /* kp_type_name */
    const char *unit, *description; /* or NULL */
    const char *role;               /* what the profile makes of it, or NULL */
    const char *kind;               /* the protocol's own word for what it is ("EXECUTION"), or NULL */
    uint8_t access;                 /* enum kp_access bits */
    bool subscribed;                /* out: a signal of this coupling has this source */
};

/* Replaces the coupling's catalogue, in transactions of at most 2,000 nodes and a last one that puts
 * them all in force; readers see the old one until then. */
enum kp_code kp_catalogue_replace(struct kp_store *, uint16_t coupling,
                                  const struct kp_catalogue_node *, size_t n, struct kp_err *);
/* Adds to it, or changes what is there: for a part of what the peer offers. */
enum kp_code kp_catalogue_add(struct kp_store *, uint16_t coupling, const struct kp_catalogue_node *, size_t n,
                              struct kp_err *);
/* Those whose path matches the pattern, in path order, after the path `after` ("" = from the
 * start), at most `limit`. Stops when `each` returns false. */
enum kp_code kp_catalogue_list(struct kp_store *, uint16_t coupling, const char *pattern,
                               const char *after, size_t limit,
                               bool (*each)(void *, const struct kp_catalogue_node *), void *arg,
                               struct kp_err *);
/* One by source; texts into the arena. KP_ENOTFOUND. */
enum kp_code kp_catalogue_get(struct kp_store *, uint16_t coupling, const char *source,
                              struct kp_arena *, struct kp_catalogue_node *, struct kp_err *);

/* What the peer speaks beside the protocol (the namespaces of an OPC UA server), one a line, kept
 * with its catalogue; "" when nothing is known. */
enum kp_code kp_catalogue_put_spaces(struct kp_store *, uint16_t coupling, const char *lines,
                                     struct kp_err *);
enum kp_code kp_catalogue_spaces(struct kp_store *, uint16_t coupling, struct kp_arena *, char **lines,
                                 struct kp_err *);
#endif
