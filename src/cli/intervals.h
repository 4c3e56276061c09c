/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_INTERVALS_H
#define KOPPEL_CLI_INTERVALS_H
/* Time in state as a table, as CSV or drawn. */
#include "cli/client.h"

/* Prints the reply of /api/v1/intervals/sum. */
void kp_interval_sum_print(struct kp_cli *, const json_t *reply);
#endif
