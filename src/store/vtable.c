/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json.h"
#include "core/text.h"
#include "store/vtable.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* select * from history where signal = 'hall/press/temperature' and time >= kp_ns('-1h')
 * An eponymous virtual table: it is there on every reading connection without being created. */
enum { COLUMN_SIGNAL, COLUMN_TIME, COLUMN_VALUE, COLUMN_STATUS };
enum { PLAN_LOW = 1, PLAN_HIGH = 2 }; /* which bounds of time xFilter is given after the signal */

struct cursor {
    sqlite3_vtab_cursor base;
    struct kp_db *db;
    struct kp_history *history;
    sqlite3_value *signal; /* as it was asked for */
    struct kp_sample now;
    bool end;
    sqlite3_int64 row;
};

static int connect(sqlite3 *handle, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **error)
{
    (void)argc;
    (void)argv;
    (void)error;
    return kp_vtable_connect(handle, arg, "create table x(signal, time integer, value, status integer)", out);
}

/* ---- planning ---- */

struct plan {
    int signal, low, high; /* constraint numbers, -1 = none */
    bool asked;            /* there is a signal, though not usable in this order of joins */
};

static struct plan find_plan(const sqlite3_index_info *info)
{
    struct plan p = { -1, -1, -1, false };
    for (int i = 0; i < info->nConstraint; i++) {
        int op = info->aConstraint[i].op, column = info->aConstraint[i].iColumn;
        bool usable = info->aConstraint[i].usable;
        if (column == COLUMN_SIGNAL && op == SQLITE_INDEX_CONSTRAINT_EQ) {
            p.asked = true;
            if (usable)
                p.signal = i;
        }
        if (column != COLUMN_TIME || !usable)
            continue;
        if (op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE || op == SQLITE_INDEX_CONSTRAINT_EQ)
            p.low = i;
        if (op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE || op == SQLITE_INDEX_CONSTRAINT_EQ)
            p.high = i;
    }
    return p;
}

static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    struct plan p = find_plan(info);
    if (p.signal < 0 && p.asked)
        return SQLITE_CONSTRAINT;
    if (p.signal < 0) {
        sqlite3_free(table->zErrMsg);
        table->zErrMsg = sqlite3_mprintf("history needs to know the signal: where signal = 'area/machine/signal' "
                                         "(or its number from the table signal)");
        return SQLITE_ERROR;
    }
    int n = 1;
    info->aConstraintUsage[p.signal].argvIndex = n++;
    info->aConstraintUsage[p.signal].omit = 1;
    if (p.low >= 0) { /* SQLite checks the bounds again: no need to tell > from >= */
        info->aConstraintUsage[p.low].argvIndex = n++;
        info->idxNum |= PLAN_LOW;
    }
    if (p.high >= 0 && p.high != p.low) {
        info->aConstraintUsage[p.high].argvIndex = n++;
        info->idxNum |= PLAN_HIGH;
    }
    if (p.high >= 0 && p.high == p.low)
        info->idxNum |= PLAN_HIGH; /* time = x: one argument for both */
    int bounds = (p.low >= 0) + (p.high >= 0);
    info->estimatedRows = bounds == 2 ? 10000 : bounds == 1 ? 100000 : 1000000;
    info->estimatedCost = (double)info->estimatedRows;
    info->orderByConsumed =
        info->nOrderBy == 1 && info->aOrderBy[0].iColumn == COLUMN_TIME && !info->aOrderBy[0].desc;
    return SQLITE_OK;
}

/* ---- which signal ---- */

/* 0 when there is none. */
static kp_signal find_signal(struct kp_db *db, const char *path)
{
    int64_t at = 0;
    for (const char *slash; at >= 0 && (slash = strchr(path, '/')); path = slash + 1)
        at = kp_vtable_child(db, "select id from asset where parent = ? and name = ?", at, path, (size_t)(slash - path), NULL);
    if (at >= 0)
        at = kp_vtable_child(db, "select id from signal where asset = ? and name = ?", at, path, strlen(path), NULL);
    return at > 0 ? (kp_signal)at : 0;
}

bool kp_vtable_signal(struct kp_db *db, sqlite3_vtab *table, sqlite3_value *value, kp_signal *out)
{
    *out = 0;
    if (sqlite3_value_type(value) == SQLITE_INTEGER) {
        sqlite3_int64 id = sqlite3_value_int64(value);
        *out = id > 0 && id <= UINT32_MAX ? (kp_signal)id : 0;
        return true;
    }
    if (sqlite3_value_type(value) != SQLITE_TEXT)
        return true; /* null and others equal no signal */
    const char *path = (const char *)sqlite3_value_text(value);
    *out = path ? find_signal(db, path) : 0;
    if (*out)
        return true;
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("there is no signal '%s'", path ? path : "");
    return false;
}

int kp_vtable_fail(sqlite3_vtab *table, const struct kp_err *err)
{
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("%s", err->text);
    return err->code == KP_ENOMEM ? SQLITE_NOMEM : SQLITE_ERROR;
}

/* ---- walking ---- */

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct cursor *c = kp_alloc(sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    c->db = ((struct kp_vtable *)table)->db;
    *out = &c->base;
    return SQLITE_OK;
}

static void end_history(struct cursor *c)
{
    kp_history_close(c->history);
    c->history = NULL;
    sqlite3_value_free(c->signal);
    c->signal = NULL;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    struct cursor *c = (struct cursor *)cursor;
    end_history(c);
    kp_free(c);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *cursor)
{
    struct cursor *c = (struct cursor *)cursor;
    struct kp_err err = { 0 };
    c->row++;
    c->end = !kp_history_next(c->history, &c->now, &err);
    return err.code ? kp_vtable_fail(cursor->pVtab, &err) : SQLITE_OK;
}

/* A bound of another type than a number narrows nothing; SQLite compares it itself. */
static int64_t bound(sqlite3_value *value, int64_t otherwise, int64_t beyond)
{
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER: {
        int64_t at = sqlite3_value_int64(value);
        return beyond > 0 && at == INT64_MAX ? at : at + beyond;
    }
    case SQLITE_FLOAT: {
        double at = sqlite3_value_double(value);
        if (at <= -9.2e18 || at >= 9.2e18)
            return otherwise;
        return (int64_t)at + (beyond > 0 ? 2048 : -2048); /* what a double of this size rounds off, and more */
    }
    default:
        return otherwise;
    }
}

static int filter(sqlite3_vtab_cursor *cursor, int plan, const char *name, int argc, sqlite3_value **argv)
{
    (void)name;
    struct cursor *c = (struct cursor *)cursor;
    kp_signal signal;
    end_history(c);
    c->row = 0;
    c->end = true;
    c->signal = sqlite3_value_dup(argv[0]);
    if (!c->signal)
        return SQLITE_NOMEM;
    if (!kp_vtable_signal(c->db, cursor->pVtab, argv[0], &signal))
        return SQLITE_ERROR;
    if (!signal)
        return SQLITE_OK;
    int64_t from = plan & PLAN_LOW ? bound(argv[1], INT64_MIN, 0) : INT64_MIN;
    int64_t to = plan & PLAN_HIGH ? bound(argv[argc - 1], INT64_MAX, 1) : INT64_MAX;
    struct kp_err err = { 0 };
    c->history = kp_history_open(c->db, signal, from, to, &err);
    return c->history ? next(cursor) : kp_vtable_fail(cursor->pVtab, &err);
}

static int at_end(sqlite3_vtab_cursor *cursor)
{
    return ((struct cursor *)cursor)->end;
}

static int rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = ((struct cursor *)cursor)->row;
    return SQLITE_OK;
}

/* ---- values ---- */

static void result_array(sqlite3_context *context, const struct kp_value *v)
{
    struct kp_buf buf;
    kp_buf_init(&buf, 64 << 20);
    struct kp_json json = kp_json(&buf);
    kp_json_value(&json, v);
    if (buf.failed)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text64(context, buf.data, buf.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    kp_buf_free(&buf);
}

static void result_unsigned(sqlite3_context *context, uint64_t u)
{
    char text[24];
    if (u <= INT64_MAX) {
        sqlite3_result_int64(context, (sqlite3_int64)u);
        return;
    }
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)u); /* exact, unlike a double */
    sqlite3_result_text(context, text, n, SQLITE_TRANSIENT);
}

static void result_value(sqlite3_context *context, const struct kp_value *v)
{
    static const char nothing[] = "";
    const char *data = v->len ? v->data : nothing;
    switch (v->type) {
    case KP_BOOL:
        sqlite3_result_int(context, v->b);
        break;
    case KP_INT64:
    case KP_TIME:
        sqlite3_result_int64(context, v->i);
        break;
    case KP_UINT64:
        result_unsigned(context, v->u);
        break;
    case KP_FLOAT:
        sqlite3_result_double(context, (double)v->f);
        break;
    case KP_DOUBLE:
        sqlite3_result_double(context, v->d);
        break;
    case KP_STRING:
        sqlite3_result_text64(context, data, v->len, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case KP_BYTES:
        sqlite3_result_blob64(context, data, v->len, SQLITE_TRANSIENT);
        break;
    default:
        if (v->type & KP_ARRAY)
            result_array(context, v);
        else
            sqlite3_result_null(context);
    }
}

static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
    struct cursor *c = (struct cursor *)cursor;
    switch (i) {
    case COLUMN_SIGNAL:
        sqlite3_result_value(context, c->signal);
        break;
    case COLUMN_TIME:
        sqlite3_result_int64(context, c->now.at);
        break;
    case COLUMN_VALUE:
        result_value(context, &c->now.value);
        break;
    case COLUMN_STATUS:
        sqlite3_result_int64(context, c->now.status);
        break;
    }
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = kp_vtable_disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = rowid,
};

/* ---- functions ---- */

static void kp_ns(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    const char *text = (const char *)sqlite3_value_text(argv[0]);
    int64_t at;
    if (text && kp_time_parse_human(text, kp_utc(&kp_clock_system), &at))
        sqlite3_result_int64(context, at);
    else
        sqlite3_result_error(context, "kp_ns: not a time: give it like '2026-11-24T10:02:31Z', 'now' or '-2d'", -1);
}

static void kp_time(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    char text[KP_TIME_TEXT];
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    kp_time_print(sqlite3_value_int64(argv[0]), text);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

enum kp_code kp_vtable_register(struct kp_db *db, struct kp_err *err)
{
    const int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    int rc = sqlite3_create_module(db->handle, "history", &module, db);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function(db->handle, "kp_ns", 1, flags, NULL, kp_ns, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function(db->handle, "kp_time", 1, flags, NULL, kp_time, NULL, NULL);
    if (rc != SQLITE_OK)
        return kp_db_fail(db, rc, "register the history table", err);
    return kp_vtable_register_aggregates(db, err);
}
