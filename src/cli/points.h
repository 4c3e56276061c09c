/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_POINTS_H
#define KOPPEL_CLI_POINTS_H
#include "cli/cli.h"

/* Writes every point from..to of all signals that the arguments are, are above of or match, as CSV or as one JSON object
 * per line; the exit code. */
int kp_write_points(struct kp_cli *, int64_t from, int64_t to, bool lines);
#endif
