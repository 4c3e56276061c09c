/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_MISP_TAKE_H
#define KOPPEL_SHIELD_MISP_TAKE_H
/* What both kinds of feeds of MISP do with an event: made into objects, and stored. */
#include "shield/feed.h"
#include "shield/stix_store.h"

enum { MISP_EVENT_MOST = 32 << 20, MISP_DEPTH = 24 }; /* bytes and nesting of an answer */

struct misp_into {
    struct kp_feed_visit *v;
    char source[KP_NAME_MAX + 8];
    int64_t collection, left_out;
    /* What is written together with the last of an event; may be NULL. */
    enum kp_code (*also)(struct kp_db *, const struct kp_stix_batch *, void *arg, struct kp_err *);
    void *arg;
};
/* Setting: into (a collection of this node's where objects go in too). */
enum kp_code misp_settings_check(struct kp_feed_visit *, struct kp_err *);
enum kp_code misp_begin(struct misp_into *, struct kp_feed_visit *, struct kp_err *);
/* An event {"Event": {...}}; what is stored or refused is counted in the visit. */
enum kp_code misp_take(struct misp_into *, const json_t *event, const char *uuid, struct kp_err *);
/* Whether the next may come though this one failed: it could not be read. It is counted then. */
bool misp_may_pass(struct misp_into *, const struct kp_err *);
void misp_end(struct misp_into *); /* what a person should know of it, in the visit's note */
#endif
