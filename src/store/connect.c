/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vtable.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

/* ---- what SQL from a person may do ---- */

static bool may_read(const char *table)
{
    static const char *const hidden[] = { "secret", "token", "user", "share_partner", "sqlite_dbpage" };
    for (size_t i = 0; table && i < sizeof hidden / sizeof hidden[0]; i++)
        if (sqlite3_stricmp(table, hidden[i]) == 0)
            return false;
    return true;
}

static int authorize(void *arg, int action, const char *a, const char *b, const char *schema, const char *by)
{
    (void)schema;
    (void)by;
    const struct kp_db *db = arg;
    if (!db->person)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return b && sqlite3_stricmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_READ:
        return may_read(a) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_UPDATE: /* asked while a virtual table declares its columns; the file is read-only anyway */
        return a && strcmp(a, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_PRAGMA: /* the shape of tables, as select pragma_table_info() asks for it */
        return a && (sqlite3_strnicmp(a, "table_", 6) == 0 || sqlite3_strnicmp(a, "index_", 6) == 0)
                   ? SQLITE_OK
                   : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* ---- opening ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD); /* a connection is used by one thread at a time */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_initialize();
}

/* Both must stand before the first table. */
static const char new_settings[] = "pragma page_size=8192; pragma auto_vacuum=incremental;";
/* secure_delete is off because journal rows live for minutes and secrets are sealed before they
 * come here. journal_size_limit lets a WAL that once grew shrink again. */
static const char writer_settings[] =
    "pragma journal_mode=wal; pragma synchronous=full; pragma wal_autocheckpoint=0; pragma mmap_size=0;"
    "pragma cache_size=-8192; pragma secure_delete=off; pragma temp_store=memory;"
    "pragma trusted_schema=off; pragma journal_size_limit=67108864;";
static const char reader_settings[] = "pragma query_only=1; pragma wal_autocheckpoint=0; pragma mmap_size=0;"
                                      "pragma cache_size=-1024; pragma temp_store=memory;"
                                      "pragma trusted_schema=off;";

static int open_handle(struct kp_db *db, const char *name, int flags)
{
    sqlite3_close(db->handle);
    db->handle = NULL;
    int rc = sqlite3_open_v2(name, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_busy_timeout(db->handle, 1000);
    sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, 260 << 20); /* the largest journal row and a little */
    sqlite3_set_authorizer(db->handle, authorize, db);
    return SQLITE_OK;
}

/* In a folder nobody may write to, SQLite cannot make the -shm file that a WAL needs. Without a
 * -wal the file is all there is and nobody changes it. */
static bool is_alone(const char *file)
{
    char *wal = sqlite3_mprintf("%s-wal", file);
    bool alone = wal && access(wal, F_OK) != 0;
    sqlite3_free(wal);
    return alone;
}

static int open_immutable(struct kp_db *db, const char *file)
{
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (const char *p = file; *p; p++)
        sqlite3_str_appendf(uri, strchr("?#%", *p) ? "%%%02x" : "%c", *p);
    sqlite3_str_appendall(uri, "?immutable=1");
    char *name = sqlite3_str_finish(uri);
    int rc = name ? open_handle(db, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI) : SQLITE_NOMEM;
    sqlite3_free(name);
    return rc;
}

static enum kp_code set_up(struct kp_db *db, enum kp_db_mode mode, struct kp_err *err)
{
    enum kp_code code = mode == KP_DB_NEW ? kp_db_exec(db, new_settings, err) : KP_OK;
    if (mode == KP_DB_NEW || mode == KP_DB_WRITER)
        return code ? code : kp_db_exec(db, writer_settings, err);
    code = kp_db_exec(db, reader_settings, err);
    /* The first look at the file: here a missing -shm shows. */
    if (!code)
        code = kp_db_exec(db, "select 1 from sqlite_schema", err);
    if (!code)
        code = kp_vtable_register(db, err);
    return code ? code : kp_vtable_register_intervals(db, err);
}

static enum kp_code open_as(struct kp_db *db, const char *file, enum kp_db_mode mode, struct kp_err *err)
{
    bool writes = mode == KP_DB_NEW || mode == KP_DB_WRITER;
    int flags = writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    int rc = open_handle(db, file, flags);
    if (rc != SQLITE_OK)
        return kp_db_fail(db, rc, "open", err);
    struct kp_err first = { 0 };
    if (set_up(db, mode, &first) == KP_OK)
        return KP_OK;
    if (mode == KP_DB_FOREIGN && is_alone(file) && access(file, R_OK) == 0 &&
        open_immutable(db, file) == SQLITE_OK)
        return set_up(db, mode, err);
    return kp_fail(err, first.code, "%s", first.text);
}

struct kp_db *kp_db_open(const char *file, enum kp_db_mode mode, struct kp_err *err)
{
    pthread_once(&once, configure);
    struct kp_db *db = kp_alloc(sizeof *db);
    if (!db || !(db->file = kp_strdup(file))) {
        kp_free(db);
        kp_fail(err, KP_ENOMEM, "out of memory opening %s", file);
        return NULL;
    }
    if (open_as(db, file, mode, err) == KP_OK)
        return db;
    kp_db_close(db);
    return NULL;
}
