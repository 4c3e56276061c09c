/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_VTABLE_H
#define KOPPEL_STORE_VTABLE_H
/* What the virtual tables share. They are eponymous: there on every reading connection without being
 * created. */
#include "store/history.h"
#include "store/internal.h"

struct kp_vtable { /* every table's */
    sqlite3_vtab base;
    struct kp_db *db;
};
struct kp_vtable_rows { /* begins the cursor of a table that has all its rows at once */
    sqlite3_vtab_cursor base;
    struct kp_db *db;
    size_t i, n;
};
enum { KP_VTABLE_ARGUMENTS = 8 }; /* at most */

/* For xConnect; `declaration`: create table x(...). */
int kp_vtable_connect(sqlite3 *, void *db, const char *declaration, sqlite3_vtab **out);
int kp_vtable_disconnect(sqlite3_vtab *);
/* For xBestIndex of a table that is called as a function: the hidden columns from `first` on are its
 * n arguments. idxNum gets a bit for each that is given. False: in this order of joins it cannot be. */
bool kp_vtable_plan(sqlite3_index_info *, int first, int n);
/* For its xFilter: the arguments at their places, NULL for those that are not given. */
void kp_vtable_given(int plan, sqlite3_value **argv, sqlite3_value *given[KP_VTABLE_ARGUMENTS]);
/* A cursor that begins with struct kp_vtable_rows, zeroed; size: of all of it. */
int kp_vtable_open(sqlite3_vtab *, size_t size, sqlite3_vtab_cursor **out);
int kp_vtable_next(sqlite3_vtab_cursor *);
int kp_vtable_at_end(sqlite3_vtab_cursor *);
int kp_vtable_rowid(sqlite3_vtab_cursor *, sqlite3_int64 *out);

/* The number that `sql` finds by (parent, name), name being of `len` bytes; -1: none. */
int64_t kp_vtable_child(struct kp_db *, const char *sql, int64_t parent, const char *name, size_t len,
                        struct kp_err *);

/* A signal by its path or number; *out is 0 for what equals no signal, such as null. False: a path that
 * nobody has, told in the table's message. */
bool kp_vtable_signal(struct kp_db *, sqlite3_vtab *, sqlite3_value *, kp_signal *out);
/* The result code of a failure, told in the table's message. */
int kp_vtable_fail(sqlite3_vtab *, const struct kp_err *);

enum kp_code kp_vtable_register_aggregates(struct kp_db *, struct kp_err *); /* vtable_agg.c */
enum kp_code kp_vtable_register_intervals(struct kp_db *, struct kp_err *);  /* vtable_intervals.c */
#endif
