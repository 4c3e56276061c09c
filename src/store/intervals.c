/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model.h"
#include "store/history.h"
#include "store/internal.h"

#include "core/ban.h"

/* -1 asks for all assets, a null kind for all kinds. An interval without length counts where it stands. */
static const char sql[] =
    "select id, asset, kind, start, \"end\", label, attributes from interval where \"end\" >= ?1 and start < ?2 "
    "and (\"end\" > ?1 or start >= ?1) and (?3 < 0 or asset = ?3) and (?4 is null or kind = ?4) order by start, id";

/* False for a row of a kind this program does not know. */
static bool read_interval(struct kp_stmt *row, struct kp_interval *out)
{
    const char *kind = kp_column_text(row, 2), *label = kp_column_text(row, 5);
    *out = (struct kp_interval){
        .id = kp_column_int(row, 0),
        .asset = (kp_asset)kp_column_int(row, 1),
        .start = kp_column_int(row, 3),
        .end = kp_column_int(row, 4),
        .attributes = kp_column_text(row, 6),
    };
    if (!label || !kp_label_parse(label, &out->label))
        out->label = KP_INHERIT;
    return kind && kp_interval_kind_parse(kind, &out->kind);
}

enum kp_code kp_history_intervals(struct kp_db *reader, int64_t asset, int kind, int64_t from, int64_t to,
                                  bool (*each)(void *, const struct kp_interval *), void *arg, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *get = kp_db_prepare(reader, sql, &failure);
    bool more = get != NULL;
    if (get) {
        kp_bind_int(get, 1, from);
        kp_bind_int(get, 2, to);
        kp_bind_int(get, 3, asset);
        kp_bind_text(get, 4, kind < 0 ? NULL : kp_interval_kind_name((unsigned)kind));
    }
    while (more && kp_step(get, &failure)) {
        struct kp_interval interval;
        if (read_interval(get, &interval))
            more = each(arg, &interval);
    }
    if (get)
        kp_reset(get);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
