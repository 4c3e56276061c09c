/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_DB_H
#define KOPPEL_STORE_DB_H
/* A thin layer over SQLite: errors as kp_err, statements prepared once per connection. Only src/store
 * sees sqlite3.h; other folders keep their own tables through this header.
 *
 * Rule of the file: one connection, on the store thread, writes and checkpoints. All others are
 * query_only, never checkpoint, and keep their read transactions short. */
#include "core/err.h"
#include "core/mem.h"

struct kp_db;
struct kp_stmt;

/* A statement for this SQL, from the connection's cache; reset and unbound. NULL on failure. */
struct kp_stmt *kp_db_prepare(struct kp_db *, const char *sql, struct kp_err *);
/* Runs SQL without results, several statements if need be. */
enum kp_code kp_db_exec(struct kp_db *, const char *sql, struct kp_err *);
int64_t kp_db_last_id(struct kp_db *);
int kp_db_changes(struct kp_db *);

/* Binding: index from 1. A NULL text or blob binds null. Data must live until the step. */
void kp_bind_int(struct kp_stmt *, int index, int64_t);
void kp_bind_double(struct kp_stmt *, int index, double); /* NaN binds null */
void kp_bind_text(struct kp_stmt *, int index, const char *);
void kp_bind_blob(struct kp_stmt *, int index, const void *, size_t);

/* True for a row. False at the end or on failure: look at err->code. Resets at the end. */
bool kp_step(struct kp_stmt *, struct kp_err *);
/* Steps to the end, dropping rows. */
enum kp_code kp_run(struct kp_stmt *, struct kp_err *);
void kp_reset(struct kp_stmt *); /* when leaving a row early */

/* Columns from 0; texts and blobs live until the next step. */
int64_t kp_column_int(struct kp_stmt *, int column);
double kp_column_double(struct kp_stmt *, int column);
const char *kp_column_text(struct kp_stmt *, int column); /* NULL for null */
int64_t kp_column_time(struct kp_stmt *, int column); /* ns UTC; KP_NO_TIME: null */
const char *kp_column_copy(struct kp_stmt *, int column, struct kp_arena *); /* the text, lasting; NULL: null, or no memory */
const void *kp_column_blob(struct kp_stmt *, int column, size_t *len);
bool kp_column_null(struct kp_stmt *, int column);
int kp_column_count(struct kp_stmt *);
const char *kp_column_name(struct kp_stmt *, int column);
enum kp_column_kind { KP_COLUMN_INT, KP_COLUMN_DOUBLE, KP_COLUMN_TEXT, KP_COLUMN_BLOB, KP_COLUMN_NULL };
enum kp_column_kind kp_column_kind(struct kp_stmt *, int column);

/* SQL from a person: one read-only statement, over every table but those that hold secrets and
 * tokens. Not cached; free with kp_db_finish. Interrupted when `deadline_ms` have passed
 * (kp_step then fails with KP_ETIMEOUT) or kp_db_interrupt is called from another thread. */
struct kp_stmt *kp_db_query(struct kp_db *, const char *sql, int deadline_ms, struct kp_err *);
void kp_db_finish(struct kp_stmt *);
void kp_db_interrupt(struct kp_db *);
#endif
