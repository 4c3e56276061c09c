/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_FEED_CSAF_H
#define KOPPEL_CLI_FEED_CSAF_H
/* What feeds of advisories need beside what all feeds do: somebody who says which keys are trusted,
 * and folders. */
#include "cli/client.h"

/* Shows what the provider in `body` (as POST /feeds takes it) shows, and puts into its settings
 * which of its keys are trusted: those of --trust, those the person says yes to, or (--unsigned)
 * none. */
enum kp_code kp_feed_ask_trust(struct kp_cli *, json_t *body, struct kp_err *);
/* import DIR [NAME] */
int kp_feed_import(struct kp_cli *);
/* documents NAME: those that were refused, or are not valid. */
int kp_feed_documents(struct kp_cli *, const char *name);
#endif
