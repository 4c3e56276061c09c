/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_TAXII_H
#define KOPPEL_SHIELD_FEED_TAXII_H
#include "shield/feed.h"

/* Settings: collections (ids or titles, with commas; all that may be read), root (a part of the API
 * root's address; all), into (a collection of this node's where they go in too), limit (objects of
 * a page), post (the collection there that sightings are left in), share (green or amber: how far
 * what is left may be labelled; green). */
extern const struct kp_feed_kind kp_feed_taxii;
#endif
