/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_IMPORT_PRIVATE_H
#define KOPPEL_NODE_IMPORT_PRIVATE_H
/* What the two files of the import share. */
#include "node/import.h"
#include "node/private.h"
#include "store/history.h"

/* Whether this CSV's first line names the columns of intervals: an asset, a kind and a start, and no
 * time. An error is a lack of memory. */
bool import_is_intervals(const struct kp_import_options *, const char *text, size_t len,
                         struct kp_err *);
enum kp_code import_intervals_check(const char *text, size_t len, const struct kp_import_options *,
                                    struct kp_import_count *, struct kp_err *);
enum kp_code import_intervals(struct kp_node *, const char *text, size_t len,
                              const struct kp_import_options *, struct kp_import_count *,
                              struct kp_err *);
/* KP_ESTOPPED: send it again later. */
enum kp_code import_not_now(struct kp_err *, const char *why);
enum kp_code import_check_store(struct kp_node *, struct kp_err *);
#endif
