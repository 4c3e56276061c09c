/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CONFIG_SHIELD_NOW_H
#define KOPPEL_CONFIG_SHIELD_NOW_H
/* What a node has of threat information, as REST shows it: for plans and exports. NULL: err says
 * why; json_decref it. */
#include "node/node.h"

#include <jansson.h>

json_t *kp_collections_now(struct kp_node *, struct kp_err *);                /* a list */
json_t *kp_devices_now(struct kp_node *, enum kp_recipient, struct kp_err *); /* typed by people */
json_t *kp_feeds_now(struct kp_node *, struct kp_err *);
json_t *kp_aliases_now(struct kp_node *, struct kp_err *); /* a text; "" when there are none */
/* The one of the list whose `key` says that; borrowed. NULL: there is none. */
json_t *kp_now_named(const json_t *list, const char *key, const char *name);
#endif
