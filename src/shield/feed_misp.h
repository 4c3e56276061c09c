/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_MISP_H
#define KOPPEL_SHIELD_FEED_MISP_H
#include "shield/feed.h"

/* A folder on a web server, as MISP puts its feeds there: manifest.json and a file for each event.
 * Setting: into (a collection of this node's where objects go in too). */
extern const struct kp_feed_kind kp_feed_misp;
/* A server of MISP, asked through its REST API with a key of a user there (secret: token). Settings:
 * into; limit (events of a page); share (green or amber: sightings go back, labelled so far). */
extern const struct kp_feed_kind kp_feed_misp_server;
#endif
