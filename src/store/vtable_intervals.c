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

struct table {
    sqlite3_vtab base;
    struct kp_db *db;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct kp_db *db;
    struct kp_sum *rows;
    size_t n, room, i;
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
    int rc = sqlite3_declare_vtab(handle, declaration);
    struct table *t = rc == SQLITE_OK ? kp_alloc(sizeof *t) : NULL;
    if (!t)
        return rc == SQLITE_OK ? SQLITE_NOMEM : rc;
    sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS);
    t->db = arg;
    *out = &t->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *table)
{
    kp_free(table);
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    int argument[ARGUMENTS] = { -1, -1, -1, -1, -1, -1 }, n = 1;
    for (int i = 0; i < info->nConstraint; i++) {
        int k = info->aConstraint[i].iColumn - COLUMN_KIND;
        if (k < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable)
            return SQLITE_CONSTRAINT; /* another order of joins */
        argument[k] = i;
    }
    for (int k = 0; k < ARGUMENTS; k++) {
        if (argument[k] < 0)
            continue;
        info->aConstraintUsage[argument[k]].argvIndex = n++;
        info->aConstraintUsage[argument[k]].omit = 1;
        info->idxNum |= 1 << k;
    }
    if ((info->idxNum & NEEDED) != NEEDED) {
        sqlite3_free(table->zErrMsg);
        table->zErrMsg = sqlite3_mprintf(
            "interval_agg needs to know what of whom and when: interval_agg('state', "
            "'area/machine', kp_ns('-1d'), kp_ns('now'), '1h')");
        return SQLITE_ERROR;
    }
    info->estimatedRows = 1000;
    info->estimatedCost = 1000;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct cursor *c = kp_alloc(sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    c->db = ((struct table *)table)->db;
    *out = &c->base;
    return SQLITE_OK;
}

static void forget(struct cursor *c)
{
    kp_free(c->rows);
    kp_arena_free(&c->text);
    c->rows = NULL;
    c->n = c->room = c->i = 0;
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

static int64_t child_of(struct kp_db *db, int64_t parent, const char *name, int len,
                        struct kp_err *err)
{
    char text[KP_NAME_MAX];
    struct kp_stmt *s =
        len < (int)sizeof text
            ? kp_db_prepare(db, "select id from asset where parent = ? and name = ?", err)
            : NULL;
    if (!s)
        return -1;
    snprintf(text, sizeof text, "%.*s", len, name);
    kp_bind_int(s, 1, parent);
    kp_bind_text(s, 2, text);
    int64_t id = kp_step(s, err) ? kp_column_int(s, 0) : -1;
    kp_reset(s);
    return id;
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
        at = child_of(db, at, p, n < KP_NAME_MAX ? (int)n : KP_NAME_MAX, err);
        p += n + (p[n] == '/');
    }
    *out = (kp_asset)at;
    return at >= 0 && at <= UINT32_MAX
               ? err->code
               : kp_fail(err, KP_ENOTFOUND, "interval_agg: there is no asset '%.160s'",
                         path ? path : "");
}

static enum kp_code read_query(struct kp_db *db, sqlite3_value *const given[ARGUMENTS],
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
    if (!kp_grow(&c->rows, &c->room, c->n + 1, sizeof *c->rows))
        c->failed = KP_ENOMEM;
    if (kp_arena_size(&c->text) + c->room * sizeof *c->rows > TEXT_MAX)
        c->failed = KP_EFULL;
    if (c->failed)
        return false;
    const struct kp_sum *last = c->n ? &c->rows[c->n - 1] : NULL;
    c->rows[c->n] = *row;
    c->rows[c->n].name = keep_text(c, row->name, last ? last->name : NULL);
    c->rows[c->n].value = keep_text(c, row->value, last ? last->value : NULL);
    c->n++;
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
    sqlite3_value *given[ARGUMENTS] = { 0 };
    for (int k = 0, n = 0; k < ARGUMENTS; k++)
        if (plan & 1 << k)
            given[k] = argv[n++];
    forget(c);
    if (!read_query(c->db, given, &q, &err))
        kp_interval_sum(c->db, &q, keep, c, &err);
    c->asset = q.asset;
    if (c->failed)
        kp_fail(&err, c->failed,
                c->failed == KP_ENOMEM ? "out of memory"
                                       : "interval_agg: too many rows; ask for longer steps");
    return err.code ? kp_vtable_fail(cursor->pVtab, &err) : SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *cursor)
{
    ((struct cursor *)cursor)->i++;
    return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *cursor)
{
    const struct cursor *c = (struct cursor *)cursor;
    return c->i >= c->n;
}

static int rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct cursor *)cursor)->i;
    return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
    const struct cursor *c = (struct cursor *)cursor;
    const struct kp_sum *s = &c->rows[c->i];
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
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = rowid,
};

enum kp_code kp_vtable_register_intervals(struct kp_db *db, struct kp_err *err)
{
    int rc = sqlite3_create_module(db->handle, "interval_agg", &module, db);
    return rc == SQLITE_OK ? KP_OK : kp_db_fail(db, rc, "register interval_agg", err);
}
