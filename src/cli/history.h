/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_HISTORY_H
#define KOPPEL_CLI_HISTORY_H
/* Parts of the drawing of history, for other verbs that draw it. */
#include "cli/client.h"
#include "cli/plot.h"

/* The buckets of a series of /history and the gaps of /intervals as points in order of time; `out` has room for both.
 * Returns how many. */
size_t kp_plot_collect(const json_t *series, const json_t *gaps, struct kp_plot_point *out);
/* The gaps of all assets in this time, as /intervals says them; NULL on failure. json_decref it. */
json_t *kp_plot_gaps(struct kp_cli *, int64_t from, int64_t to, struct kp_err *);
/* The unit of a signal as people read it, "" when it has none; NULL: out of memory. kp_free it. */
char *kp_plot_unit(struct kp_cli *, const char *path);
#endif
