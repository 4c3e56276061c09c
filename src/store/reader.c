/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include "core/ban.h"

enum { IDLE_MAX = 4 };

struct kp_db *kp_store_reader(struct kp_store *s, struct kp_err *err)
{
    pthread_mutex_lock(&s->mutex);
    struct kp_db *db = s->readers;
    if (db) {
        s->readers = db->idle;
        s->idle--;
    }
    pthread_mutex_unlock(&s->mutex);
    return db ? db : kp_db_open(s->file, KP_DB_READER, err);
}

/* Whatever the borrower left open ends here: a forgotten read transaction would hold the WAL. */
static void tidy(struct kp_db *db)
{
    for (struct kp_stmt *st = db->statements; st; st = st->next)
        sqlite3_reset(st->handle);
    if (!sqlite3_get_autocommit(db->handle))
        kp_db_exec(db, "rollback", NULL);
    db->reads = 0;
}

void kp_store_reader_done(struct kp_store *s, struct kp_db *db)
{
    if (!db)
        return;
    tidy(db);
    pthread_mutex_lock(&s->mutex);
    bool keep = s->idle < IDLE_MAX;
    if (keep) {
        db->idle = s->readers;
        s->readers = db;
        s->idle++;
    }
    pthread_mutex_unlock(&s->mutex);
    if (!keep)
        kp_db_close(db);
}

void kp_readers_free(struct kp_store *s)
{
    for (struct kp_db *db; (db = s->readers);) {
        s->readers = db->idle;
        kp_db_close(db);
    }
}

struct kp_db *kp_store_open_reader(const char *file, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    int64_t version;
    struct kp_db *db = kp_db_open(file, KP_DB_FOREIGN, &failure);
    if (db && kp_schema_check(db, &version, &failure) == KP_OK)
        return db;
    kp_db_close(db);
    kp_fail(err, failure.code, "%s", failure.text);
    return NULL;
}

void kp_store_close_reader(struct kp_db *db)
{
    kp_db_close(db);
}
