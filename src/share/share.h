/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHARE_SHARE_H
#define KOPPEL_SHARE_SHARE_H
/* Sharing data with other companies by the Dataspace Protocol 2025-1, as provider and as consumer.
 *
 * Where a negotiation or a transfer stands is a row of the data file, and each step one transaction
 * in the store's thread: what was heard is on the disk before it is answered, what is to be said is
 * on the disk before it is tried, and a crash between two steps loses neither. A thread of its own
 * says it, again and again until the other side has taken it. */
#include "core/hub.h"
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
    KP_SHARE_SOURCE_URL = 1024,
    KP_SHARE_PARTNERS_MAX = 1000,
    KP_SHARE_OFFERS_MAX = 10000,
    KP_OFFERED_MACHINES = 100, /* of an offer of free hours or key figures */
    KP_OFFERED_WEEKS = 52,
};

struct kp_share;
struct kp_share *kp_share_new(struct kp_store *, struct kp_model *, const struct kp_clock *,
                              struct kp_err *);
/* Before the start: unusual pulls are conditions there. */
void kp_share_watched_by(struct kp_share *, struct kp_hub *);
/* Looks now; for who has no thread of it. */
enum kp_code kp_share_judge(struct kp_share *, struct kp_err *);
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
/* Fetches the card of a node from the server at `url` over a connection whose certificate that very
 * card vouches for (its CA, or who the system trusts), and says what it holds and how its
 * fingerprints read. Stores nothing; waits for the other side. */
enum kp_code kp_share_meet(struct kp_share *, const char *url, struct kp_json *, struct kp_err *);
/* Who asked lately and is no partner: {"id", "first", "last", "times"}, as they call themselves. */
void kp_share_knocked(struct kp_share *, struct kp_json *);
enum kp_code kp_share_partner_remove(struct kp_share *, const char *name, struct kp_err *);
enum kp_code kp_share_partners(struct kp_share *, struct kp_json *, struct kp_err *);
/* Writes what was offered, in words, and what it reveals; only_try: nothing is kept. KP_EDENIED:
 * something of it may not go to another company. */
enum kp_code kp_share_offer_add(struct kp_share *, enum kp_recipient asks, const json_t *,
                                bool only_try, struct kp_arena *, struct kp_json *,
                                struct kp_err *);
enum kp_code kp_share_offer_remove(struct kp_share *, const char *id, struct kp_err *);
/* Where a list goes on, and how far. KP_ENOTFOUND: the last one of the page before is gone. */
struct kp_share_page {
    const char *after; /* the id of the last one of the page before; NULL = the first page */
    int64_t number;    /* the same where ids are numbers; 0 = the first page */
    int64_t limit;
    bool more; /* out: there are some behind it */
};
enum kp_code kp_share_offers(struct kp_share *, struct kp_share_page *, struct kp_json *,
                             struct kp_err *);
/* As apply files have them, by name and by id; of a partner whose identity is a token, `token` is its
 * hash. json_decref them; NULL, or a list that breaks off: err says why. */
json_t *kp_share_partner_documents(struct kp_share *, struct kp_err *);
json_t *kp_share_offer_documents(struct kp_share *, struct kp_err *);
/* What such a document would make, in that form, with what it leaves as it is; refuses what storing it
 * would refuse, but for what is offered (kp_share_offer_may). A token that is not said stays.
 * participant: the id of the partner an offer is made to, NULL: to every one. */
json_t *kp_share_partner_whole(struct kp_share *, const json_t *, struct kp_err *);
json_t *kp_share_offer_whole(struct kp_share *, const json_t *, const char *participant,
                             struct kp_err *);
/* Whether what such an offer names may go to another company, as for kp_share_offer_add. */
enum kp_code kp_share_offer_may(struct kp_share *, enum kp_recipient asks, const json_t *whole,
                                struct kp_err *);
/* Adds or changes it. The id of a partner never changes. */
enum kp_code kp_share_partner_put(struct kp_share *, const json_t *, struct kp_err *);
enum kp_code kp_share_offer_put(struct kp_share *, enum kp_recipient asks, const json_t *whole,
                                struct kp_err *);
/* Whether two policies come down to the same terms. */
bool kp_share_same_terms(const json_t *, const json_t *);
/* The terms of a policy as sentences, or why they cannot be enforced; a list. */
void kp_share_words(struct kp_json *, const json_t *policy);
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
/* Newest first. */
enum kp_code kp_share_deals(struct kp_share *, enum kp_deal, struct kp_share_page *,
                            struct kp_json *, struct kp_err *);
enum kp_code kp_share_deal(struct kp_share *, enum kp_deal, int64_t id, struct kp_json *,
                           struct kp_err *);
enum kp_code kp_share_agreements(struct kp_share *, struct kp_share_page *, struct kp_json *,
                                 struct kp_err *);
/* No transfer under it any more; those that run are ended. */
enum kp_code kp_share_agreement_end(struct kp_share *, const char *id, const char *why,
                                    struct kp_err *);

/* ---- what went out to partners ---- */
struct kp_exits {
    enum kp_recipient asks;
    const char *partner; /* NULL: all */
    int64_t since;       /* begun then or later */
    int64_t after;       /* the last row of the page before; 0 = none. Then rows alone are told */
    int64_t skip;        /* so many agreements; > 0: they alone are told */
    int64_t limit;       /* of agreements and of rows */
};
/* {"agreements": sums, "moreAgreements", "days": sums of a day in UTC, "exits": one by one, newest
 * first, "more"}. */
enum kp_code kp_share_exits(struct kp_share *, const struct kp_exits *, struct kp_json *,
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
/* Whose transfer this is, when the token that came is the one we gave for it and it runs: what he
 * pushes is taken. KP_EDENIED. */
enum kp_code kp_share_pushed(struct kp_share *, const char *pid, const char *authorization,
                             struct kp_arena *, const char **partner, struct kp_err *);
/* A page of the catalogue; offset >= 0 counts instead of the message's. */
struct kp_pages { /* where those beside it begin; -1 = there is none */
    int64_t next, previous;
};
enum kp_code kp_share_show_catalogue(struct kp_share *, enum kp_recipient, const char *partner,
                                     const char *text, size_t len, int64_t offset, struct kp_json *,
                                     struct kp_pages *, struct kp_err *);
enum kp_code kp_share_show_dataset(struct kp_share *, enum kp_recipient, const char *partner,
                                   const char *id, struct kp_json *, struct kp_err *);
/* ---- what this node has of partners ---- */
/* Where the data of an agreement is, as the partner said when its transfer started; texts in the arena. */
struct kp_share_source {
    const char *partner, *agreement, *dataset;
    int64_t transfer;
    const char *url, *authorization; /* the header's value */
    const char *renew;               /* where the token is renewed, or NULL */
    const char *ca;                  /* who vouches for him, PEM; "" = the system's */
    int64_t lasts, expires;          /* of the token: ns, ns UTC; KP_FOREVER = not said */
    struct kp_terms terms;
    bool waits; /* he is asked, and has not begun yet */
};
struct kp_share_wish {
    const char *partner, *dataset, *id; /* id NULL: the newest agreement on that dataset; else partner may be NULL */
    const char *host;                   /* another one than the partner's own that may have it; NULL, "" = none */
    int64_t within; /* ns to wait for him to begin */
    bool (*stopping)(void *arg); /* NULL = never */
    void *arg;
};
/* Of the agreement in force; begins a transfer when there is none. KP_EPEER: not yet; KP_EREFUSED,
 * KP_ENOTFOUND: somebody has to do something; the sentence says what. */
enum kp_code kp_share_source(struct kp_share *, const struct kp_share_wish *, struct kp_arena *,
                             struct kp_share_source *, struct kp_err *);
/* The address with a piece of path, and of query, behind it. */
enum kp_code kp_share_source_url(const struct kp_share_source *, const char *below, const char *query,
                                 char out[KP_SHARE_SOURCE_URL], struct kp_err *);
/* Fails with what he says in the answer that is not the data. */
enum kp_code kp_share_refused(const struct kp_share_source *, long status, const char *answer, size_t len,
                              struct kp_err *);
/* A new token, before the old one ends. */
enum kp_code kp_share_renew(struct kp_share *, struct kp_share_source *, struct kp_arena *, struct kp_err *);

/* Notes, durably, under which agreement a coupling brings data, and whether that lets it go to a
 * third company: once not, never more, for the history is one. *upto: as noted last, or
 * KP_NO_TIME. */
enum kp_code kp_share_brings(struct kp_share *, uint16_t coupling, const struct kp_share_source *, int64_t *upto,
                             struct kp_err *);
enum kp_code kp_share_brought(struct kp_share *, uint16_t coupling, int64_t upto, struct kp_err *);
/* Under which agreement a coupling brings, or has brought, its signals; false: not from a partner. */
bool kp_share_provenance(struct kp_share *, uint16_t coupling, char agreement[KP_DSP_ID]);

/* The base of our protocol's addresses, "" when nobody reaches us. */
void kp_share_base(struct kp_share *, char out[KP_SHARE_URL]);
#endif
