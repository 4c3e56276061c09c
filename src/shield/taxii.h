/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_TAXII_H
#define KOPPEL_SHIELD_TAXII_H
/* This node as a centre where others fetch and leave threat information: the server side of TAXII
 * 2.1, apart from HTTP. What goes out of a collection is decided for each object: its label must
 * allow the collection, and allow the one who asks. Objects that somebody left may be changed or
 * removed by the same alone. */
#include "shield/stix_store.h"

enum {
    KP_TAXII_PAGE = 100,      /* objects of a page, when nobody says it */
    KP_TAXII_PAGE_MAX = 1000, /* and at most */
    KP_TAXII_COLLECTIONS_MAX = 1000,
    KP_TAXII_MEMBERS_MAX = 5000, /* of a collection */
    KP_TAXII_TEXT = 40
};

/* ---- collections as a person keeps them ---- */
enum kp_code kp_collections_show(struct kp_store *, struct kp_json *, struct kp_err *);
/* name, root, title, description, tlp. */
enum kp_code kp_collection_add(struct kp_store *, int64_t now, const json_t *body, struct kp_err *);
enum kp_code kp_collection_change(struct kp_store *, const char *name, const json_t *body,
                                  struct kp_err *);
/* Its objects stay in the node. */
enum kp_code kp_collection_remove(struct kp_store *, const char *name, struct kp_err *);
/* {who, read, write, amber}; neither read nor write: no member any more. */
enum kp_code kp_collection_member(struct kp_store *, int64_t now, const char *name,
                                  const json_t *body, struct kp_err *);
/* What is wrong with a body as for kp_collection_add, or (member) one as for kp_collection_member.
 */
enum kp_code kp_collection_check(const json_t *body, bool member, struct kp_err *);
/* Puts objects that are here into it, all versions; KP_EDENIED: one's label forbids it. */
enum kp_code kp_collection_publish(struct kp_store *, int64_t now, const char *name,
                                   const json_t *ids, struct kp_err *);
/* Its number; name NULL: 0. */
enum kp_code kp_collection_find(struct kp_store *, const char *name, int64_t *id, struct kp_err *);

/* ---- the server ---- */
struct kp_shield;
struct kp_taxii_ask {
    const char *who;      /* 'token NAME', 'partner NAME' */
    enum kp_recipient to; /* whom the answer goes to */
    const char *root, *collection, *object;
    const char *ids, *types, *specs, *versions, *added_after,
        *next;     /* as they stand in the query; NULL */
    int64_t limit; /* 0: nobody says it */
};
enum kp_taxii_list { KP_TAXII_OBJECTS, KP_TAXII_MANIFEST, KP_TAXII_VERSIONS };
struct kp_taxii_page { /* when those on it were added; "" = it is empty */
    char first[KP_TAXII_TEXT], last[KP_TAXII_TEXT];
    size_t n;
    int64_t collection;
};

/* Roots with a collection for who asks; `base`: "https://host/taxii2/". */
enum kp_code kp_taxii_discovery(struct kp_store *, const struct kp_taxii_ask *, const char *base,
                                const char *title, struct kp_json *, struct kp_err *);
enum kp_code kp_taxii_root(struct kp_store *, const struct kp_taxii_ask *, size_t most,
                           struct kp_json *, struct kp_err *);
/* All of a root, or (ask->collection) one. */
enum kp_code kp_taxii_collections(struct kp_store *, const struct kp_taxii_ask *, struct kp_json *,
                                  struct kp_err *);
enum kp_code kp_taxii_page(struct kp_store *, const struct kp_taxii_ask *, enum kp_taxii_list,
                           struct kp_json *, struct kp_taxii_page *, struct kp_err *);
/* Takes an envelope; the status resource. *unusable: it is JSON, but no envelope. */
enum kp_code kp_taxii_post(struct kp_store *, const struct kp_clock *, const struct kp_taxii_ask *,
                           const char *text, size_t len, struct kp_json *, bool *unusable,
                           struct kp_err *);
enum kp_code kp_taxii_status(struct kp_store *, const struct kp_taxii_ask *, const char *id,
                             struct kp_json *, struct kp_err *);
enum kp_code kp_taxii_delete(struct kp_store *, const struct kp_taxii_ask *, struct kp_err *);

/* A page of objects went out to this one. */
void kp_taxii_told(struct kp_shield *, const char *who, const struct kp_taxii_page *);

/* ---- for the files of the server ---- */
struct taxii_right {
    int64_t collection;
    bool reads, writes;
    int most; /* the highest level that may go out to who asks; -1: none */
};
/* KP_ENOTFOUND: there is none for who asks. */
enum kp_code taxii_right(struct kp_db *, const struct kp_taxii_ask *, struct taxii_right *,
                         struct kp_err *);
/* "a,b" as a JSON list in the arena; NULL stays NULL. */
enum kp_code taxii_list(const char *text, struct kp_arena *, const char **out, struct kp_err *);
struct taxii_versions { /* of match[version] */
    bool all;
    int64_t flags;     /* 1 first, 2 last */
    const char *exact; /* a JSON list of times in ns */
};
enum kp_code taxii_versions(const char *text, bool standard_all, struct kp_arena *,
                            struct taxii_versions *, struct kp_err *);
void taxii_time(int64_t added_us, char out[KP_TAXII_TEXT]); /* six decimals */
#endif
