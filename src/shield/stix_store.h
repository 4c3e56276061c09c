/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_STIX_STORE_H
#define KOPPEL_SHIELD_STIX_STORE_H
/* Objects of STIX kept, each version once, as they came. An object is stored whole or refused with
 * the reason; one that is wrong does not hold up the others. What a later version may not do: claim
 * another creator or another time of creation, come after the object was revoked, or be labelled to
 * go further than an earlier one was. */
#include "core/clock.h"
#include "core/json.h"
#include "shield/stix_object.h"
#include "store/store.h"

enum { KP_STIX_OBJECTS_MAX = 2000000, KP_STIX_WHY = 200 };

enum kp_stix_fate { KP_STIX_STORED, KP_STIX_KNOWN, KP_STIX_REFUSED };
struct kp_stix_result {
    const char *id, *stamp; /* "" = it does not say; in the arena */
    const char *why;        /* of a refusal */
    enum kp_stix_fate fate;
};
struct kp_stix_batch {
    const char *source; /* who brings it: "import", "feed NAME", "token NAME" ... */
    int64_t collection; /* where it goes in too; 0: nowhere */
    bool own;           /* later versions only of what the same source brought */
    /* May be NULL: what is written together with the last of it. */
    enum kp_code (*also)(struct kp_db *, const struct kp_stix_batch *, void *arg, struct kp_err *);
    void *arg;
    /* out, in the arena */
    struct kp_stix_result *result;
    size_t n, stored, known, refused;
};
/* All of them, a few hundred a transaction. An error: what was written till then stays, whole. */
enum kp_code kp_stix_take(struct kp_store *, const struct kp_clock *, const struct kp_stix_parts *,
                          struct kp_arena *, struct kp_stix_batch *, struct kp_err *);

/* An object {stored, known, refused, failures [{id, version, why}]}: of a bundle, an envelope or
 * one object alone. */
enum kp_code kp_stix_import(struct kp_store *, const struct kp_clock *, const char *text,
                            size_t len, int64_t collection, struct kp_json *, struct kp_err *);

struct kp_stix_search {
    const char *type, *text; /* NULL: any; text: in id or body */
    int64_t after;           /* a number of the list before; 0: from the newest on */
    int limit;
};
/* {objects [{id, type, version, tlp ...}], next}: the newest version of each, the newest first. */
enum kp_code kp_stix_list(struct kp_store *, enum kp_recipient, const struct kp_stix_search *,
                          struct kp_json *, struct kp_err *);
/* All versions of one, as they came, the newest first. */
enum kp_code kp_stix_show(struct kp_store *, enum kp_recipient, const char *id, struct kp_json *,
                          struct kp_err *);
enum kp_code kp_stix_remove(struct kp_store *, const char *id, struct kp_err *);

/* ---- for who keeps collections (taxii.h) ---- */
/* In a transaction: puts the object's row into the collection, unless it is there. */
enum kp_code stix_enter(struct kp_db *, int64_t collection, int64_t object, int64_t now,
                        struct kp_err *);
/* Looks anew which versions of an object are the first and the last in a collection. */
enum kp_code stix_flag(struct kp_db *, int64_t collection, const char *stix, struct kp_err *);
#endif
