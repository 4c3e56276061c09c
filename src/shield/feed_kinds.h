/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_KINDS_H
#define KOPPEL_SHIELD_FEED_KINDS_H
/* What feeds there are. */
#include "shield/feed.h"

extern const struct kp_feed_kind kp_feed_csaf, kp_feed_epss, kp_feed_kev;

/* What a provider of advisories shows, before anybody trusts it: as kp_csaf_find has it, from the
 * visit's url, settings and secrets. json_decref it. */
json_t *kp_csaf_look(struct kp_feed_visit *, struct kp_err *);
#endif
