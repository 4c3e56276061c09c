/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_H
#define KOPPEL_SHIELD_FEED_H
/* Feeds: servers from which threat information is brought again and again. A feed is of a kind,
 * which knows how to bring; what all have in common is here: the list, passwords and keys, when
 * each is due, what came of it, and threads of their own, so that one that hangs holds up no other.
 */
#include "net/fetch.h"
#include "shield/shield.h"

enum { KP_FEEDS_MAX = 100 };

/* One feed, while its kind works for it. */
struct kp_feed_visit {
    struct kp_shield *shield;
    struct kp_store *store;
    const struct kp_clock *clock;
    int64_t id; /* 0: it is about to be made */
    const char *name, *url;
    json_t *settings; /* what a person said, and what `begin` adds */
    json_t *secrets;  /* password, token, key: texts; may be empty */
    json_t *state;    /* the kind's own; written when a pull ends, or sooner by kp_feed_keep */
    bool (*stopping)(void *);
    void *arg;
    /* out, of a pull */
    char note[KP_ERR_TEXT]; /* what a person should know though all went well */
    int64_t taken, refused;
    int64_t wait; /* ns: the server wants to be left alone so long; 0: it does not say */
};

struct kp_feed_kind {
    const char *name;
    const char *const *settings; /* keys beside those all feeds have; NULL-ended */
    int64_t every;               /* ns, when nobody says it */
    /* Checks settings that are new or changed, and may ask the server and add to them; may be NULL.
     */
    enum kp_code (*begin)(struct kp_feed_visit *, struct kp_err *);
    /* What the server shows a person who has to say whether he trusts it; may be NULL. */
    json_t *(*look)(struct kp_feed_visit *, struct kp_err *);
    /* Brings what is new. KP_EREFUSED: a person must mend it; it is tried seldom then. */
    enum kp_code (*pull)(struct kp_feed_visit *, struct kp_err *);
    /* Forgets what it keeps of a feed that is removed, in that transaction; may be NULL. */
    enum kp_code (*forget)(struct kp_db *, int64_t feed, struct kp_err *);
};
extern const struct kp_feed_kind *const kp_feed_kinds[]; /* ends with NULL */

/* In a transaction of the kind's own: how far it is now, so that a pull cut short goes on there. */
enum kp_code kp_feed_keep(struct kp_db *, int64_t feed, const json_t *state, struct kp_err *);
/* What the settings all feeds have say of who is asked and how; texts live as long as the visit. */
void kp_feed_fetcher(const struct kp_feed_visit *, struct kp_fetcher_options *);
/* A text of the settings or secrets; NULL when it is none or empty. */
const char *kp_feed_text(const json_t *, const char *key);

/* ---- the list ---- */
/* All, or (name) one. */
enum kp_code kp_feeds_show(struct kp_shield *, const char *name, struct kp_json *, struct kp_err *);
/* A body with name, kind, url, every, enabled, settings {}, secrets {}. */
enum kp_code kp_feed_add(struct kp_shield *, const json_t *body, int64_t *id, struct kp_err *);
/* What a server shows before it becomes a feed, from a body as for kp_feed_add without a name: for
 * kinds that ask a person whether he trusts it. NULL: err says why. */
json_t *kp_feed_look(struct kp_shield *, const json_t *body, struct kp_err *);
/* ---- for a file that says how feeds shall be ---- */
/* What is wrong with a body as for kp_feed_add, as far as its server need not be asked. */
enum kp_code kp_feed_check(struct kp_shield *, const json_t *body, struct kp_err *);
/* What has to change of the feed that is there to be as the body says, for kp_feed_change; an empty
 * object: nothing. A setting that is not in it goes away, a secret that is not in it stays.
 * KP_ENOTFOUND: there is no such feed. NULL: err says why; json_decref it. */
json_t *kp_feed_difference(struct kp_shield *, const json_t *body, struct kp_err *);
/* url, every, enabled, settings, secrets: those that are there; a setting of null is taken away. */
enum kp_code kp_feed_change(struct kp_shield *, const char *name, const json_t *body,
                            struct kp_err *);
enum kp_code kp_feed_remove(struct kp_shield *, const char *name, struct kp_err *);
/* It is due now. */
enum kp_code kp_feed_hurry(struct kp_shield *, const char *name, struct kp_err *);
#endif
