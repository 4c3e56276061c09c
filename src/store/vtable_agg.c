/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vtable.h"

#include <math.h>

#include "core/ban.h"

/* select kp_time(time), min, mean, max from history_agg('hall/press/temperature', kp_ns('-30d'), kp_ns('now'),
 * 3600 * 1000000000): a row for each step that has points. Without a step one row for all; without times all there is. */
enum {
    COLUMN_TIME,
    COLUMN_UNTIL,
    COLUMN_N,
    COLUMN_GOOD,
    COLUMN_BAD,
    COLUMN_MIN,
    COLUMN_MEAN,
    COLUMN_MAX,
    COLUMN_SUM,
    COLUMN_FIRST,
    COLUMN_LAST,
    COLUMN_TIME_MEAN,
    COLUMN_GOOD_NS,
    COLUMN_BAD_NS,
    COLUMN_SIGNAL, /* the arguments, hidden */
    COLUMN_FROM,
    COLUMN_TO,
    COLUMN_STEP,
};
enum { ARGUMENTS = 4, BUCKETS_MAX = 1000000 };

static const char declaration[] =
    "create table x(time integer, until integer, n integer, good integer, bad integer, min real, mean real, max real, "
    "sum real, first real, last real, time_mean real, good_ns integer, bad_ns integer, signal hidden, start hidden, "
    "stop hidden, step hidden)";

struct cursor {
    struct kp_vtable_rows rows;
    struct kp_bucket *buckets;
    size_t room;
    bool full, no_memory;
};

static int connect(sqlite3 *handle, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **error)
{
    (void)argc;
    (void)argv;
    (void)error;
    return kp_vtable_connect(handle, arg, declaration, out);
}

static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    if (!kp_vtable_plan(info, COLUMN_SIGNAL, ARGUMENTS))
        return SQLITE_CONSTRAINT; /* another order of joins */
    if (!(info->idxNum & 1)) {
        sqlite3_free(table->zErrMsg);
        table->zErrMsg = sqlite3_mprintf("history_agg needs a signal: history_agg('area/machine/signal', from, to, "
                                         "step), times and step in ns (kp_ns('-1d'))");
        return SQLITE_ERROR;
    }
    info->orderByConsumed = info->nOrderBy == 1 && info->aOrderBy[0].iColumn == COLUMN_TIME && !info->aOrderBy[0].desc;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    return kp_vtable_open(table, sizeof(struct cursor), out);
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    kp_free(((struct cursor *)cursor)->buckets);
    kp_free(cursor);
    return SQLITE_OK;
}

static bool keep(void *arg, const struct kp_bucket *b)
{
    struct cursor *c = arg;
    c->full = c->rows.n == BUCKETS_MAX;
    c->no_memory = !kp_grow(&c->buckets, &c->room, c->rows.n + 1, sizeof *c->buckets);
    if (c->full || c->no_memory)
        return false;
    c->buckets[c->rows.n++] = *b;
    return true;
}

static int64_t argument(sqlite3_value *value, int64_t otherwise)
{
    return !value || sqlite3_value_type(value) == SQLITE_NULL ? otherwise : sqlite3_value_int64(value);
}

static int filter(sqlite3_vtab_cursor *cursor, int plan, const char *name, int argc, sqlite3_value **argv)
{
    (void)name;
    (void)argc;
    struct cursor *c = (struct cursor *)cursor;
    struct kp_err err = { 0 };
    sqlite3_value *given[KP_VTABLE_ARGUMENTS];
    kp_signal signal;
    kp_vtable_given(plan, argv, given);
    c->rows.n = c->rows.i = 0;
    c->full = c->no_memory = false;
    if (!kp_vtable_signal(c->rows.db, cursor->pVtab, given[0], &signal))
        return SQLITE_ERROR;
    if (!signal)
        return SQLITE_OK;
    kp_history_aggregate(c->rows.db, signal, argument(given[1], INT64_MIN), argument(given[2], INT64_MAX),
                         argument(given[3], INT64_MAX), keep, c, &err);
    if (c->no_memory)
        kp_fail(&err, KP_ENOMEM, "out of memory");
    if (c->full)
        kp_fail(&err, KP_EFULL, "history_agg: more than %d steps; ask for longer ones", BUCKETS_MAX);
    return err.code ? kp_vtable_fail(cursor->pVtab, &err) : SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
    const struct cursor *c = (struct cursor *)cursor;
    const struct kp_bucket *b = &c->buckets[c->rows.i];
    const struct kp_chunk_summary *p = &b->points;
    const int64_t ints[] = { [COLUMN_TIME] = b->from,         [COLUMN_UNTIL] = b->to,
                             [COLUMN_N] = (int64_t)p->n,      [COLUMN_GOOD] = (int64_t)p->good,
                             [COLUMN_BAD] = (int64_t)p->bad,  [COLUMN_GOOD_NS] = b->good_ns,
                             [COLUMN_BAD_NS] = b->bad_ns };
    const double reals[] = { [COLUMN_MIN] = p->min,     [COLUMN_MEAN] = p->good ? p->sum / (double)p->good : NAN,
                             [COLUMN_MAX] = p->max,     [COLUMN_SUM] = p->sum,
                             [COLUMN_FIRST] = p->first, [COLUMN_LAST] = p->last,
                             [COLUMN_TIME_MEAN] = b->time_mean };
    if (i >= COLUMN_SIGNAL)
        return SQLITE_OK; /* null: the caller knows what was asked */
    if (i >= COLUMN_MIN && i <= COLUMN_TIME_MEAN)
        sqlite3_result_double(context, reals[i]); /* NaN becomes null */
    else
        sqlite3_result_int64(context, ints[i]);
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = kp_vtable_disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = kp_vtable_next,
    .xEof = kp_vtable_at_end,
    .xColumn = column,
    .xRowid = kp_vtable_rowid,
};

enum kp_code kp_vtable_register_aggregates(struct kp_db *db, struct kp_err *err)
{
    int rc = sqlite3_create_module(db->handle, "history_agg", &module, db);
    return rc == SQLITE_OK ? KP_OK : kp_db_fail(db, rc, "register history_agg", err);
}
