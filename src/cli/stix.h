/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_STIX_H
#define KOPPEL_CLI_STIX_H
#include "cli/cli.h"

/* What the verb stix says of objects the node keeps: import, list, show, remove. */
int kp_stix_objects(struct kp_cli *);
/* What the verb feed says of collections that are shared. */
int kp_feed_collections(struct kp_cli *);
#endif
