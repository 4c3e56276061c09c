/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vtable.h"

#include <stdio.h>

#include "core/ban.h"

int kp_vtable_connect(sqlite3 *handle, void *db, const char *declaration, sqlite3_vtab **out)
{
    int rc = sqlite3_declare_vtab(handle, declaration);
    struct kp_vtable *t = rc == SQLITE_OK ? kp_alloc(sizeof *t) : NULL;
    if (!t)
        return rc == SQLITE_OK ? SQLITE_NOMEM : rc;
    sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS);
    t->db = db;
    *out = &t->base;
    return SQLITE_OK;
}

int kp_vtable_disconnect(sqlite3_vtab *table)
{
    kp_free(table);
    return SQLITE_OK;
}

/* ---- arguments ---- */

bool kp_vtable_plan(sqlite3_index_info *info, int first, int n)
{
    int constraint[KP_VTABLE_ARGUMENTS], next = 1;
    for (int k = 0; k < n; k++)
        constraint[k] = -1;
    for (int i = 0; i < info->nConstraint; i++) {
        int k = info->aConstraint[i].iColumn - first;
        if (k < 0 || k >= n || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable)
            return false;
        constraint[k] = i;
    }
    for (int k = 0; k < n; k++) {
        if (constraint[k] < 0)
            continue;
        info->aConstraintUsage[constraint[k]].argvIndex = next++;
        info->aConstraintUsage[constraint[k]].omit = 1;
        info->idxNum |= 1 << k;
    }
    info->estimatedRows = 1000;
    info->estimatedCost = 1000;
    return true;
}

void kp_vtable_given(int plan, sqlite3_value **argv, sqlite3_value *given[KP_VTABLE_ARGUMENTS])
{
    for (int k = 0, n = 0; k < KP_VTABLE_ARGUMENTS; k++)
        given[k] = plan & 1 << k ? argv[n++] : NULL;
}

/* ---- rows ---- */

int kp_vtable_open(sqlite3_vtab *table, size_t size, sqlite3_vtab_cursor **out)
{
    struct kp_vtable_rows *c = kp_alloc(size);
    if (!c)
        return SQLITE_NOMEM;
    c->db = ((struct kp_vtable *)table)->db;
    *out = &c->base;
    return SQLITE_OK;
}

int kp_vtable_next(sqlite3_vtab_cursor *cursor)
{
    ((struct kp_vtable_rows *)cursor)->i++;
    return SQLITE_OK;
}

int kp_vtable_at_end(sqlite3_vtab_cursor *cursor)
{
    const struct kp_vtable_rows *c = (struct kp_vtable_rows *)cursor;
    return c->i >= c->n;
}

int kp_vtable_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct kp_vtable_rows *)cursor)->i;
    return SQLITE_OK;
}

int64_t kp_vtable_child(struct kp_db *db, const char *sql, int64_t parent, const char *name, size_t len,
                        struct kp_err *err)
{
    char text[KP_NAME_MAX];
    struct kp_stmt *get = len && len < sizeof text ? kp_db_prepare(db, sql, err) : NULL;
    if (!get)
        return -1;
    snprintf(text, sizeof text, "%.*s", (int)len, name);
    kp_bind_int(get, 1, parent);
    kp_bind_text(get, 2, text);
    int64_t id = kp_step(get, err) ? kp_column_int(get, 0) : -1;
    kp_reset(get);
    return id;
}
