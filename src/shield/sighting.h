/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_SIGHTING_H
#define KOPPEL_SHIELD_SIGHTING_H
/* Sightings: what this factory saw of what others warn of, told to the centre it trusts. Nobody is
 * named in one unless a person allows it: it is made by an identity without a name that is this
 * node's for good, and whatever names a device, an asset, this node or an address of its own
 * networks is refused. It is labelled at least as strictly as what was seen. */
#include "shield/feed.h"

enum { KP_SIGHTINGS_MAX = 10000 };

/* The newest first: {sightings [...]}. */
enum kp_code kp_sightings_show(struct kp_shield *, enum kp_recipient, struct kp_json *,
                               struct kp_err *);
/* {of, feed, count, first, last, summary, tlp, observed {type, value}, named}: the object that was
 * seen must be here; without a feed it is only kept. `node`: this node's name. *id: 0, or one that
 * is only kept and is written anew. */
enum kp_code kp_sighting_add(struct kp_shield *, const json_t *body, const char *who,
                             const char *node, int64_t *id, struct kp_err *);
/* The number of a feed to which sightings go; KP_ENOTFOUND, KP_EINVALID: not to that one. */
enum kp_code sighting_feed(struct kp_db *, const char *name, int64_t *id, struct kp_err *);
/* One that is only kept goes to a feed that posts. */
enum kp_code kp_sighting_release(struct kp_shield *, int64_t id, const char *feed, struct kp_err *);
/* What would go out, of the same body: {tlp, objects [...]}. Nothing is kept. */
enum kp_code kp_sighting_look(struct kp_shield *, const json_t *body, const char *node,
                              struct kp_json *, struct kp_err *);
/* One that has not gone out. */
enum kp_code kp_sighting_remove(struct kp_shield *, int64_t id, struct kp_err *);

/* How a sighting is told to a server of one kind. */
struct sighting_way {
    const char *media_type;
    const char *url; /* where the feed's server takes them */
    /* Adds what follows the address, and the body, of the objects that make the sighting.
     * KP_EDENIED: it is not told there; the error says why. */
    enum kp_code (*put)(const json_t *objects, struct kp_buf *url, struct kp_buf *body,
                        struct kp_err *);
    /* Whether the other side refused it though it answered well, and why. */
    bool (*refused)(const json_t *answer, char *why, size_t size);
    bool may_look; /* an object is found at the address with its id behind it */
};
/* Of a pull: what waits for this feed and may go there is sent, as `share` of its settings says
 * (green, unless it is amber). What the other side refuses is noted and not said again; a failure
 * of the line is an error. */
enum kp_code sightings_send(struct kp_feed_visit *, struct kp_fetcher *,
                            const struct sighting_way *, struct kp_err *);
/* Whether any waits for this feed. */
bool sightings_wait(const struct kp_feed_visit *, struct kp_err *);
/* A setting `share` that says neither green nor amber: KP_EINVALID. */
enum kp_code sightings_share_check(const json_t *settings, struct kp_err *);
#endif
