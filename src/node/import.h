/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_IMPORT_H
#define KOPPEL_NODE_IMPORT_H
/* Points of the past (or of now) as text: CSV as `koppel history --csv` and spreadsheets write it, and the line protocol
 * of InfluxDB as Telegraf and many gateways send it; intervals as CSV, as `koppel intervals --csv` writes it. A text is
 * taken whole or not at all. */
#include "couplings/points.h"
#include "node/node.h"

struct kp_import_count {
    uint64_t points, intervals;
    unsigned signals, made; /* with points; of these new in the model */
    int64_t from, to;       /* KP_NO_TIME: there were none */
};

/* Every point becomes history of its signal; the newest of each is the latest value too when it is newer than that.
 * Signals and assets that are missing are made: a number is a Double (with `i` an Int64, with `u` a UInt64), else a
 * Boolean or a String. On return all is committed. KP_EPARSE, KP_EINVALID: the message begins with "line N: "; a time
 * more than a day ahead is refused. KP_ESTOPPED: the disk takes nothing now; what was taken of it already is not doubled
 * when it is sent again.
 * A CSV whose first line names asset, kind and start, and no time, is one of intervals. One that is there already, by asset,
 * kind, start and attributes, gets the end and label that this says. */
enum kp_code kp_node_import(struct kp_node *, const char *text, size_t len, const struct kp_import_options *,
                            struct kp_import_count *, struct kp_err *);
/* What of it can be tried without a node: reads the text and counts (signals, made: 0). */
enum kp_code kp_import_check(const char *text, size_t len, const struct kp_import_options *, int64_t now,
                             struct kp_import_count *, struct kp_err *);
#endif
