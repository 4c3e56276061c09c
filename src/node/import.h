/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_IMPORT_H
#define KOPPEL_NODE_IMPORT_H
/* Points of the past (or of now) as text: CSV as `koppel history --csv` and spreadsheets write it, and the line protocol
 * of InfluxDB as Telegraf and many gateways send it. A text is taken whole or not at all. */
#include "node/node.h"

enum kp_import_format { KP_IMPORT_CSV, KP_IMPORT_LINES };

struct kp_import_options {
    enum kp_import_format format;
    const char *at;     /* below this asset; NULL = the root */
    const char *column; /* CSV: of the times; NULL = one that is called so */
    const char *path;   /* lines: how a path is made; NULL = "{measurement}/{tags}/{field}" */
    int64_t unit;       /* ns that a time written as a number counts in; 0 = CSV: by its size; lines: 1 */
    bool local;         /* CSV: times without a zone are of the clock on the wall, not UTC */
    bool dry;           /* check only */
    uint64_t first;     /* number of the text's first line, for messages; 0 = 1 */
};

struct kp_import_count {
    uint64_t points;
    unsigned signals, made; /* with points; of these new in the model */
    int64_t from, to;       /* KP_NO_TIME: there were none */
};

/* Every point becomes history of its signal; the newest of each is the latest value too when it is newer than that.
 * Signals and assets that are missing are made: a number is a Double (with `i` an Int64, with `u` a UInt64), else a
 * Boolean or a String. On return all is committed. KP_EPARSE, KP_EINVALID: the message begins with "line N: "; a time
 * more than a day ahead is refused. */
enum kp_code kp_node_import(struct kp_node *, const char *text, size_t len, const struct kp_import_options *,
                            struct kp_import_count *, struct kp_err *);
/* What of it can be tried without a node: reads the text and counts (signals, made: 0). */
enum kp_code kp_import_check(const char *text, size_t len, const struct kp_import_options *, int64_t now,
                             struct kp_import_count *, struct kp_err *);
#endif
