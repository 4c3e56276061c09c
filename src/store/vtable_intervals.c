/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text.h"
#include "store/interval_sum.h"
#include "store/vtable.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* select kp_time(time), value, ns / 3600e9 from interval_agg('state', 'hall/press', kp_ns('-1d'),
 * kp_ns('now'), '1h'): how long each value lasted, a row for each value of a step. The step is ns,
 * a time such as '1h', or one of the words shift, day, week and month; without one all is one step.
 * A sixth argument is the attribute. */
enum {
    COLUMN_ASSET,
    COLUMN_TIME,
    COLUMN_UNTIL,
    COLUMN_SHIFT,
    COLUMN_VALUE,
    COLUMN_NS,
    COLUMN_BEGAN,
    COLUMN_OPEN,
    COLUMN_KIND, /* the arguments, hidden */
    ARGUMENTS = 6,
};
enum { NEEDED = 15, TEXT_MAX = 64 << 20 }; /* NEEDED: the first four arguments */

static const char declaration[] = "create table x(asset integer, time integer, until integer, "
                                  "shift text, value text, ns integer, began integer, "
                                  "open integer, kind hidden, at hidden, start hidden, stop "
                                  "hidden, step hidden, attribute hidden)";

struct cursor {
    struct kp_vtable_rows rows;
    struct kp_sum *sums;
    size_t room;
    struct kp_arena text;
    enum kp_code failed;
    kp_asset asset;
};

static int connect(sqlite3 *handle, void *arg, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **error)
{
    (void)argc;
    (void)argv;
    (void)error;
    return kp_vtable_connect(handle, arg, declaration, out);
}

static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    if (!kp_vtable_plan(info, COLUMN_KIND, ARGUMENTS))
        return SQLITE_CONSTRAINT; /* another order of joins */
    if ((info->idxNum & NEEDED) != NEEDED) {
        sqlite3_free(table->zErrMsg);
        table->zErrMsg = sqlite3_mprintf(
            "interval_agg needs to know what of whom and when: interval_agg('state', "
            "'area/machine', kp_ns('-1d'), kp_ns('now'), '1h')");
        return SQLITE_ERROR;
    }
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    return kp_vtable_open(table, sizeof(struct cursor), out);
}

static void forget(struct cursor *c)
{
    kp_free(c->sums);
    kp_arena_free(&c->text);
    c->sums = NULL;
    c->rows.n = c->rows.i = c->room = 0;
    c->failed = KP_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    forget((struct cursor *)cursor);
    kp_free(cursor);
    return SQLITE_OK;
}

/* ---- arguments ---- */

static const char *text_of(sqlite3_value *v)
{
    const char *text =
        v && sqlite3_value_type(v) == SQLITE_TEXT ? (const char *)sqlite3_value_text(v) : NULL;
    return text;
}

static enum kp_code read_time(sqlite3_value *v, const char *what, int64_t now, int64_t *out,
                              struct kp_err *err)
{
    const char *text = text_of(v);
    if (sqlite3_value_type(v) == SQLITE_INTEGER)
        *out = sqlite3_value_int64(v);
    else if (!text || !kp_time_parse_human(text, now, out))
        return kp_fail(err, KP_EINVALID,
                       "interval_agg: %s is not a time: give ns or kp_ns('2026-11-24T10:00:00Z')",
                       what);
    return KP_OK;
}

static enum kp_code read_step(sqlite3_value *v, struct kp_sum_query *q, struct kp_err *err)
{
    const char *text = text_of(v);
    if (!v || sqlite3_value_type(v) == SQLITE_NULL)
        return KP_OK;
    if (sqlite3_value_type(v) == SQLITE_INTEGER)
        q->every = sqlite3_value_int64(v);
    else if (!text || !kp_duration_parse(text, &q->every))
        for (unsigned by = KP_SUM_SHIFT; text && kp_sum_words[by]; by++)
            if (strcmp(text, kp_sum_words[by]) == 0)
                q->by = by;
    return q->every > 0 || q->by != KP_SUM_EVERY
               ? KP_OK
               : kp_fail(err, KP_EINVALID,
                         "interval_agg: the step is ns, a time such as '8h', or shift, day, week "
                         "or month");
}

/* By number, or by path, where '' is the node itself. */
static enum kp_code read_asset(struct kp_db *db, sqlite3_value *v, kp_asset *out,
                               struct kp_err *err)
{
    int64_t at = 0;
    const char *path = text_of(v);
    if (sqlite3_value_type(v) == SQLITE_INTEGER)
        at = sqlite3_value_int64(v);
    else if (!path)
        at = -1;
    for (const char *p = path; p && *p && at >= 0;) {
        size_t n = strcspn(p, "/");
        at = kp_vtable_child(db, "select id from asset where parent = ? and name = ?", at, p, n, err);
        p += n + (p[n] == '/');
    }
    *out = (kp_asset)at;
    return at >= 0 && at <= UINT32_MAX
               ? err->code
               : kp_fail(err, KP_ENOTFOUND, "interval_agg: there is no asset '%.160s'",
                         path ? path : "");
}

static enum kp_code read_query(struct kp_db *db, sqlite3_value *const given[],
                               struct kp_sum_query *q, struct kp_err *err)
{
    const char *kind = text_of(given[0]);
    *q = (struct kp_sum_query){ .now = kp_utc(&kp_clock_system), .attribute = text_of(given[5]) };
    if (!kind || !kp_interval_kind_parse(kind, &q->kind))
        return kp_fail(err, KP_EINVALID,
                       "interval_agg: '%.40s' is not a kind of interval such as state or stop",
                       kind ? kind : "");
    if (read_asset(db, given[1], &q->asset, err) ||
        read_time(given[2], "from", q->now, &q->from, err) ||
        read_time(given[3], "to", q->now, &q->to, err))
        return err->code;
    return read_step(given[4], q, err);
}

/* ---- rows ---- */

static const char *keep_text(struct cursor *c, const char *text, const char *last)
{
    if (!text || (last && strcmp(text, last) == 0))
        return text ? last : NULL;
    const char *copy = kp_arena_strdup(&c->text, text);
    if (!copy)
        c->failed = KP_ENOMEM;
    return copy;
}

static bool keep(void *arg, const struct kp_sum *row)
{
    struct cursor *c = arg;
    if (!kp_grow(&c->sums, &c->room, c->rows.n + 1, sizeof *c->sums))
        c->failed = KP_ENOMEM;
    if (kp_arena_size(&c->text) + c->room * sizeof *c->sums > TEXT_MAX)
        c->failed = KP_EFULL;
    if (c->failed)
        return false;
    const struct kp_sum *last = c->rows.n ? &c->sums[c->rows.n - 1] : NULL;
    c->sums[c->rows.n] = *row;
    c->sums[c->rows.n].name = keep_text(c, row->name, last ? last->name : NULL);
    c->sums[c->rows.n].value = keep_text(c, row->value, last ? last->value : NULL);
    c->rows.n++;
    return !c->failed;
}

static int filter(sqlite3_vtab_cursor *cursor, int plan, const char *name, int argc,
                  sqlite3_value **argv)
{
    (void)name;
    (void)argc;
    struct cursor *c = (struct cursor *)cursor;
    struct kp_err err = { 0 };
    struct kp_sum_query q;
    sqlite3_value *given[KP_VTABLE_ARGUMENTS];
    kp_vtable_given(plan, argv, given);
    forget(c);
    if (!read_query(c->rows.db, given, &q, &err))
        kp_interval_sum(c->rows.db, &q, keep, c, &err);
    c->asset = q.asset;
    if (c->failed)
        kp_fail(&err, c->failed,
                c->failed == KP_ENOMEM ? "out of memory"
                                       : "interval_agg: too many rows; ask for longer steps");
    return err.code ? kp_vtable_fail(cursor->pVtab, &err) : SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
    const struct cursor *c = (struct cursor *)cursor;
    const struct kp_sum *s = &c->sums[c->rows.i];
    const int64_t ints[] = { [COLUMN_ASSET] = c->asset,
                             [COLUMN_TIME] = s->from,
                             [COLUMN_UNTIL] = s->to,
                             [COLUMN_NS] = s->ns,
                             [COLUMN_BEGAN] = (int64_t)s->began,
                             [COLUMN_OPEN] = (int64_t)s->open };
    if (i >= COLUMN_KIND)
        return SQLITE_OK; /* null: the caller knows what was asked */
    if (i == COLUMN_SHIFT || i == COLUMN_VALUE)
        sqlite3_result_text(context, i == COLUMN_SHIFT ? s->name : s->value, -1, SQLITE_TRANSIENT);
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

enum kp_code kp_vtable_register_intervals(struct kp_db *db, struct kp_err *err)
{
    int rc = sqlite3_create_module(db->handle, "interval_agg", &module, db);
    return rc == SQLITE_OK ? KP_OK : kp_db_fail(db, rc, "register interval_agg", err);
}
