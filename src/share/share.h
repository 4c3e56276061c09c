/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_SHARE_H
#define KOPPEL_SHARE_SHARE_H
/* Sharing data with other companies by the Dataspace Protocol 2025-1, as provider and as consumer.
 *
 * Where a negotiation or a transfer stands is a row of the data file, and each step one transaction
 * in the store's thread: what was heard is on the disk before it is answered, what is to be said is
 * on the disk before it is tried, and a crash between two steps loses neither. A thread of its own
 * says it, again and again until the other side has taken it. */
#include "gate/gate.h"
#include "share/message.h"
#include "store/store.h"

#include <jansson.h>

enum {
    KP_SHARE_URL = 400,
    KP_SHARE_OPEN_MAX = 1000, /* negotiations, or transfers, of one partner that are not over */
    KP_SHARE_OVER_MAX =
        5000, /* of those that are over, but for finalized ones; the oldest are forgotten */
    KP_SHARE_TERMS = 32 << 10, /* bytes of an offer, an agreement, an address */
    KP_SHARE_PARTNERS_MAX = 1000,
    KP_SHARE_OFFERS_MAX = 10000,
};

struct kp_share;
struct kp_share *kp_share_new(struct kp_store *, struct kp_model *, const struct kp_clock *,
                              struct kp_err *);
enum kp_code kp_share_start(struct kp_share *, struct kp_err *);
void kp_share_stop(struct kp_share *);
void kp_share_free(struct kp_share *); /* NULL is allowed */
/* Where others reach this node ("https://acme.example:8444", "" = nowhere); any thread. */
void kp_share_reached_at(struct kp_share *, const char *root);

/* ---- who we are ---- */
/* {"id", "url", "key"}: what a partner has to know of us. The id and the key are made when they are
 * first asked for. */
enum kp_code kp_share_card(struct kp_share *, struct kp_json *, const char *ca, struct kp_err *);
enum kp_code kp_share_set_id(struct kp_share *, const char *id, struct kp_err *);

/* ---- partners and what they are offered; documents as the REST API has them ---- */
enum kp_code kp_share_partner_add(struct kp_share *, const json_t *, struct kp_err *);
enum kp_code kp_share_partner_remove(struct kp_share *, const char *name, struct kp_err *);
enum kp_code kp_share_partners(struct kp_share *, struct kp_json *, struct kp_err *);
/* *id: the offer's, in the arena. KP_EDENIED: something of it may not go to another company. */
enum kp_code kp_share_offer_add(struct kp_share *, enum kp_recipient asks, const json_t *,
                                struct kp_arena *, const char **id, struct kp_err *);
enum kp_code kp_share_offer_remove(struct kp_share *, const char *id, struct kp_err *);
enum kp_code kp_share_offers(struct kp_share *, struct kp_json *, struct kp_err *);
/* What a partner offers us: asked for now, all pages. Waits for him. */
enum kp_code kp_share_catalogue(struct kp_share *, const char *partner, struct kp_json *,
                                struct kp_err *);

/* ---- negotiations and transfers ---- */
/* Begins one as consumer; may wait for the partner, whose offer is read when no policy is given. */
enum kp_code kp_share_negotiate(struct kp_share *, const json_t *, int64_t *id, struct kp_err *);
enum kp_code kp_share_transfer(struct kp_share *, const json_t *, int64_t *id, struct kp_err *);
/* What a person says in one of them (KP_SAY_OFFER: a counter-offer, also of a consumer): {"policy"}
 * of a counter-offer, {"reason"} of an end, {"address"} of a start; NULL: nothing more. */
enum kp_code kp_share_say(struct kp_share *, enum kp_deal, int64_t id, enum kp_word, const json_t *,
                          struct kp_err *);
/* All, newest first, or (id > 0) the one as an object. */
enum kp_code kp_share_deals(struct kp_share *, enum kp_deal, int64_t id, struct kp_json *,
                            struct kp_err *);
enum kp_code kp_share_agreements(struct kp_share *, struct kp_json *, struct kp_err *);
/* Tells the model which couplings bring what a partner gave, and whether it may go on, as the file has
 * it now: for recipients outside that have no agreement (KP_TO_CLOUD). */
enum kp_code kp_share_tell_given(struct kp_share *, struct kp_err *);
/* No transfer under it any more; those that run are ended. */
enum kp_code kp_share_agreement_end(struct kp_share *, const char *id, const char *why,
                                    struct kp_err *);

/* ---- what partners say; `partner` is a name from kp_share_who ---- */
/* Whose Authorization header this is; KP_EDENIED: nobody's. */
enum kp_code kp_share_who(struct kp_share *, const char *authorization, struct kp_arena *,
                          const char **partner, struct kp_err *);
struct kp_heard {
    char provider[KP_DSP_ID],
        consumer[KP_DSP_ID]; /* of the process, or as the message said; "" = not known */
    enum kp_deal deal;
    enum kp_deal_state state;
    bool made; /* a new process */
};
/* A message to negotiations/{pid}/{path} or transfers/...; pid NULL: one that begins something. On
 * the disk when it returns. */
enum kp_code kp_share_hear(struct kp_share *, const char *partner, enum kp_deal, const char *pid,
                           const char *path, const char *text, size_t len, struct kp_heard *,
                           struct kp_err *);
/* Where a process stands, for the partner it is with. */
enum kp_code kp_share_look(struct kp_share *, const char *partner, enum kp_deal, const char *pid,
                           struct kp_heard *, struct kp_err *);
/* A page of the catalogue; offset >= 0 counts instead of the message's. *next: where the next page
 * begins, -1 = none. */
enum kp_code kp_share_show_catalogue(struct kp_share *, enum kp_recipient, const char *partner,
                                     const char *text, size_t len, int64_t offset, struct kp_json *,
                                     int64_t *next, struct kp_err *);
enum kp_code kp_share_show_dataset(struct kp_share *, enum kp_recipient, const char *partner,
                                   const char *id, struct kp_json *, struct kp_err *);
/* The base of our protocol's addresses, "" when nobody reaches us. */
void kp_share_base(struct kp_share *, char out[KP_SHARE_URL]);
#endif
