/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_KINDS_H
#define KOPPEL_SHIELD_FEED_KINDS_H
/* What feeds there are. */
#include "shield/feed.h"

extern const struct kp_feed_kind kp_feed_csaf, kp_feed_epss, kp_feed_kev;

/* Documents from a folder, [{path, text, sha256?, sha512?, signature?}], proved as those that this
 * feed brings; writes what became of each. */
enum kp_code kp_csaf_hand_in(struct kp_shield *, const char *feed, const json_t *documents,
                             struct kp_json *, struct kp_err *);
/* Those of a feed that were refused, or are not valid. */
enum kp_code kp_csaf_documents(struct kp_shield *, const char *feed, struct kp_json *,
                               struct kp_err *);
#endif
