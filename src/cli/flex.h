/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_FLEX_H
#define KOPPEL_CLI_FLEX_H
/* What the files of flex share: cells of tables, and members of what is sent. */
#include "cli/client.h"

enum { KP_CELL = 64 };
/* "-" where the member says nothing. */
void kp_cell_time(const json_t *, const char *key, char out[KP_CELL]);
void kp_cell_number(const json_t *, const char *key, int digits, char out[KP_CELL]);
void kp_cell_hours(double seconds, char out[KP_CELL]); /* "7:30" */

void kp_set_text(json_t *body, const char *key, const char *text); /* nothing without a text */
/* --good, --scrap and --at; false: one of them is no number or time. */
bool kp_set_counts(struct kp_cli *, json_t *body);
/* A flag that was given as a parameter; --from and --to are meant as the clock on the wall shows
 * them. False: it is no time. */
bool kp_url_flag(struct kp_cli *, struct kp_buf *url, const char *flag);
/* A reply (taken over; NULL: err says why), as JSON when that is asked for; the exit code. */
int kp_flex_show(struct kp_cli *, json_t *reply, const struct kp_err *,
                 void (*print)(struct kp_cli *, const json_t *));
/* Has the node take a document that stands in a file. */
int kp_flex_put(struct kp_cli *, const char *url, const char *file,
                void (*print)(struct kp_cli *, const json_t *));
#endif
