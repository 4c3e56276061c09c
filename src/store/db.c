/* SPDX-License-Identifier: Apache-2.0 */
#include "store/internal.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

/* ---- errors ---- */

struct meaning {
    int rc; /* SQLite's primary code */
    enum kp_code code;
    const char *advice;
};

static const struct meaning meanings[] = {
    { SQLITE_FULL, KP_EFULL, "; free space on the disk" },
    { SQLITE_IOERR, KP_EIO, "; look at the disk and the system log" },
    { SQLITE_BUSY, KP_ETIMEOUT, "; another program is writing to the file, end it" },
    { SQLITE_LOCKED, KP_ETIMEOUT, "" },
    { SQLITE_NOMEM, KP_ENOMEM, "" },
    { SQLITE_CONSTRAINT, KP_EEXISTS, "" },
    { SQLITE_CORRUPT, KP_EPARSE, "; run koppel check and restore a backup" },
    { SQLITE_NOTADB, KP_EPARSE, "; it is no koppel data file, or a damaged one" },
    { SQLITE_READONLY, KP_EDENIED, "" },
    { SQLITE_PERM, KP_EDENIED, "" },
    { SQLITE_AUTH, KP_EDENIED, "" },
    { SQLITE_CANTOPEN, KP_EIO, "; look whether it exists and may be read" },
    { SQLITE_INTERRUPT, KP_ETIMEOUT, "" },
    { SQLITE_TOOBIG, KP_EFULL, "" },
};

static struct meaning meaning_of(int rc)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].rc == (rc & 0xff))
            return meanings[i];
    return (struct meaning){ rc, KP_EINVALID, "" };
}

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

enum kp_code kp_db_fail(struct kp_db *db, int rc, const char *doing, struct kp_err *err)
{
    struct meaning m = meaning_of(rc);
    const char *why = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc), *file = base_name(db->file);
    if (m.rc == SQLITE_IOERR)
        return kp_fail(err, m.code, "%s: %s (%d)%s [%.60s]", file, why, rc, m.advice, doing);
    if (strcmp(doing, KP_DB_PERSON) == 0)
        return kp_fail(err, m.code, "%s%s", why, m.advice);
    return kp_fail(err, m.code, "%s: %s%s [%.60s]", file, why, m.advice, doing);
}

static void free_statement(struct kp_stmt *s)
{
    sqlite3_finalize(s->handle);
    kp_free(s->sql);
    kp_free(s);
}

void kp_db_close(struct kp_db *db)
{
    if (!db)
        return;
    for (struct kp_stmt *s = db->statements, *next; s; s = next) {
        next = s->next;
        free_statement(s);
    }
    sqlite3_close_v2(db->handle);
    kp_free(db->file);
    kp_free(db);
}

/* ---- statements ---- */

static struct kp_stmt *make_statement(struct kp_db *db, const char *sql, bool person, struct kp_err *err)
{
    struct kp_stmt *s = kp_alloc(sizeof *s);
    char *text = s ? kp_strdup(sql) : NULL;
    if (!text) {
        kp_free(s);
        kp_fail(err, KP_ENOMEM, "out of memory preparing a statement");
        return NULL;
    }
    *s = (struct kp_stmt){ .db = db, .sql = text, .person = person };
    const char *tail = NULL;
    bool before = db->person; /* the virtual table prepares inside a person's statement */
    db->person = person;
    int rc = sqlite3_prepare_v3(db->handle, text, -1, person ? 0 : SQLITE_PREPARE_PERSISTENT, &s->handle, &tail);
    db->person = before;
    while (tail && *tail && strchr(" \t\r\n;", *tail))
        tail++;
    if (rc != SQLITE_OK)
        kp_db_fail(db, rc, person ? KP_DB_PERSON : text, err);
    else if (!s->handle)
        kp_fail(err, KP_EINVALID, "there is no statement in this SQL");
    else if (*tail)
        kp_fail(err, KP_EINVALID, "one statement at a time: end before '%.40s'", tail);
    else
        return s;
    free_statement(s);
    return NULL;
}

/* Makes room in a full cache: the one not used for longest, unless it is at work. */
static void drop_oldest(struct kp_db *db)
{
    struct kp_stmt **oldest = NULL;
    for (struct kp_stmt **at = &db->statements; *at; at = &(*at)->next)
        if (!sqlite3_stmt_busy((*at)->handle) && (!oldest || (*at)->used < (*oldest)->used))
            oldest = at;
    if (!oldest)
        return;
    struct kp_stmt *gone = *oldest;
    *oldest = gone->next;
    db->kept--;
    free_statement(gone);
}

struct kp_stmt *kp_db_prepare(struct kp_db *db, const char *sql, struct kp_err *err)
{
    struct kp_stmt *s = db->statements;
    while (s && (strcmp(s->sql, sql) != 0 || sqlite3_stmt_busy(s->handle)))
        s = s->next;
    if (s) {
        sqlite3_reset(s->handle);
        sqlite3_clear_bindings(s->handle);
        s->bind = SQLITE_OK;
    } else {
        if (db->kept >= KP_STATEMENTS_KEPT)
            drop_oldest(db);
        s = make_statement(db, sql, false, err);
        if (!s)
            return NULL;
        s->next = db->statements;
        db->statements = s;
        db->kept++;
    }
    s->used = ++db->turn;
    return s;
}

enum kp_code kp_db_exec(struct kp_db *db, const char *sql, struct kp_err *err)
{
    bool before = db->person;
    db->person = false;
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    db->person = before;
    return rc == SQLITE_OK ? KP_OK : kp_db_fail(db, rc, sql, err);
}

enum kp_code kp_db_number(struct kp_db *db, const char *sql, int64_t otherwise, int64_t *out, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    *out = otherwise;
    struct kp_stmt *s = kp_db_prepare(db, sql, &failure);
    if (s && kp_step(s, &failure)) {
        if (!kp_column_null(s, 0))
            *out = kp_column_int(s, 0);
        kp_reset(s);
    }
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_db_checkpoint(struct kp_db *db, bool whole, struct kp_err *err)
{
    int mode = whole ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL);
    return rc == SQLITE_OK ? KP_OK : kp_db_fail(db, rc, "checkpoint", err);
}

int64_t kp_db_last_id(struct kp_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int kp_db_changes(struct kp_db *db)
{
    return sqlite3_changes(db->handle);
}

static void note_bind(struct kp_stmt *s, int rc)
{
    if (rc != SQLITE_OK && s->bind == SQLITE_OK)
        s->bind = rc;
}

void kp_bind_int(struct kp_stmt *s, int index, int64_t value)
{
    note_bind(s, sqlite3_bind_int64(s->handle, index, value));
}

void kp_bind_double(struct kp_stmt *s, int index, double value)
{
    note_bind(s, isnan(value) ? sqlite3_bind_null(s->handle, index) : sqlite3_bind_double(s->handle, index, value));
}

void kp_bind_text(struct kp_stmt *s, int index, const char *text)
{
    note_bind(s, sqlite3_bind_text(s->handle, index, text, -1, SQLITE_STATIC));
}

void kp_bind_blob(struct kp_stmt *s, int index, const void *data, size_t n)
{
    /* An empty blob is not null. */
    note_bind(s, data && !n ? sqlite3_bind_zeroblob(s->handle, index, 0)
                            : sqlite3_bind_blob64(s->handle, index, data, n, SQLITE_STATIC));
}

static void fail_step(struct kp_stmt *s, int rc, struct kp_err *err)
{
    if (rc == SQLITE_INTERRUPT && atomic_load(&s->db->stop))
        kp_fail(err, KP_ETIMEOUT, "the query was stopped");
    else if (rc == SQLITE_INTERRUPT)
        kp_fail(err, KP_ETIMEOUT, "the query took too long and was stopped; narrow it, for instance by time");
    else
        kp_db_fail(s->db, rc, s->person ? KP_DB_PERSON : s->sql, err);
}

bool kp_step(struct kp_stmt *s, struct kp_err *err)
{
    int rc = s->bind;
    if (rc == SQLITE_OK) {
        bool before = s->db->person;
        s->db->person = s->person; /* a changed schema makes SQLite prepare again */
        rc = sqlite3_step(s->handle);
        s->db->person = before;
    }
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        fail_step(s, rc, err);
    sqlite3_reset(s->handle);
    return false;
}

enum kp_code kp_run(struct kp_stmt *s, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    while (kp_step(s, &failure))
        ;
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

void kp_reset(struct kp_stmt *s)
{
    sqlite3_reset(s->handle);
}

/* ---- columns ---- */

int64_t kp_column_int(struct kp_stmt *s, int column)
{
    return sqlite3_column_int64(s->handle, column);
}

double kp_column_double(struct kp_stmt *s, int column)
{
    return sqlite3_column_double(s->handle, column);
}

const char *kp_column_text(struct kp_stmt *s, int column)
{
    return (const char *)sqlite3_column_text(s->handle, column);
}

int64_t kp_column_time(struct kp_stmt *s, int column)
{
    return kp_column_null(s, column) ? KP_NO_TIME : kp_column_int(s, column);
}

const char *kp_column_copy(struct kp_stmt *s, int column, struct kp_arena *arena)
{
    const char *text = kp_column_text(s, column);
    return text ? kp_arena_strdup(arena, text) : NULL;
}

const void *kp_column_blob(struct kp_stmt *s, int column, size_t *len)
{
    const void *data = sqlite3_column_blob(s->handle, column);
    *len = (size_t)sqlite3_column_bytes(s->handle, column);
    return data;
}

bool kp_column_null(struct kp_stmt *s, int column)
{
    return sqlite3_column_type(s->handle, column) == SQLITE_NULL;
}

int kp_column_count(struct kp_stmt *s)
{
    return sqlite3_column_count(s->handle);
}

const char *kp_column_name(struct kp_stmt *s, int column)
{
    return sqlite3_column_name(s->handle, column);
}

enum kp_column_kind kp_column_kind(struct kp_stmt *s, int column)
{
    switch (sqlite3_column_type(s->handle, column)) {
    case SQLITE_INTEGER:
        return KP_COLUMN_INT;
    case SQLITE_FLOAT:
        return KP_COLUMN_DOUBLE;
    case SQLITE_TEXT:
        return KP_COLUMN_TEXT;
    case SQLITE_BLOB:
        return KP_COLUMN_BLOB;
    default:
        return KP_COLUMN_NULL;
    }
}

/* ---- queries of people ---- */

static int progress(void *arg)
{
    struct kp_db *db = arg;
    if (atomic_load(&db->stop))
        return 1;
    return db->deadline && kp_mono(&kp_clock_system) >= db->deadline;
}

struct kp_stmt *kp_db_query(struct kp_db *db, const char *sql, int deadline_ms, struct kp_err *err)
{
    atomic_store(&db->stop, false);
    struct kp_stmt *s = make_statement(db, sql, true, err);
    if (!s)
        return NULL;
    if (!sqlite3_stmt_readonly(s->handle)) {
        free_statement(s);
        kp_fail(err, KP_EDENIED, "only queries that change nothing are allowed here");
        return NULL;
    }
    db->deadline = kp_mono(&kp_clock_system) + deadline_ms * KP_MILLISECOND;
    sqlite3_progress_handler(db->handle, 1000, progress, db);
    return s;
}

void kp_db_finish(struct kp_stmt *s)
{
    if (!s)
        return;
    s->db->deadline = 0;
    sqlite3_progress_handler(s->db->handle, 0, NULL, NULL);
    free_statement(s);
}

void kp_db_interrupt(struct kp_db *db)
{
    atomic_store(&db->stop, true);
    sqlite3_interrupt(db->handle);
}

/* ---- read transactions ---- */

enum kp_code kp_db_read_begin(struct kp_db *db, struct kp_err *err)
{
    /* Inside a transaction somebody else began, or a running statement's, nothing is to do. */
    if (db->reads == 0 && sqlite3_get_autocommit(db->handle)) {
        enum kp_code code = kp_db_exec(db, "begin", err);
        if (code)
            return code;
        db->reads = 1;
    } else if (db->reads) {
        db->reads++;
    }
    return KP_OK;
}

void kp_db_read_end(struct kp_db *db)
{
    if (db->reads && --db->reads == 0)
        kp_db_exec(db, "commit", NULL);
}
