/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_INTERNAL_H
#define KOPPEL_STORE_INTERNAL_H
/* What the files of src/store share among themselves: connections and files. No other folder
 * includes it. */
#include "core/clock.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdatomic.h>

/* ---- connections (db.c, connect.c) ---- */
enum { KP_STATEMENTS_KEPT = 96 };

struct kp_stmt {
    struct kp_stmt *next;
    struct kp_db *db;
    sqlite3_stmt *handle;
    char *sql;
    uint64_t used; /* the connection's turn when it was last handed out */
    bool person;   /* SQL from a person: checked by the authorizer, has a deadline */
    int bind;      /* first failure to bind, told at the next step */
};

struct kp_db {
    sqlite3 *handle;
    char *file;
    struct kp_stmt *statements; /* the cache */
    unsigned kept;
    uint64_t turn;
    unsigned reads;     /* nested uses of one read transaction, see kp_db_read_begin */
    bool person;        /* the authorizer is strict now */
    int64_t deadline;   /* monotonic ns; 0 = none */
    atomic_bool stop;   /* kp_db_interrupt was called */
    struct kp_db *idle; /* next in the pool of readers */
};

enum kp_db_mode {
    KP_DB_NEW, /* an empty file that becomes a data file */
    KP_DB_WRITER,
    KP_DB_READER, /* beside a writer of this process */
    KP_DB_FOREIGN /* a file that need not belong to a running node */
};
/* Opens an existing file with the settings its mode asks for. NULL on failure. */
struct kp_db *kp_db_open(const char *file, enum kp_db_mode, struct kp_err *);
/* Closes without a checkpoint. NULL is allowed. */
void kp_db_close(struct kp_db *);

/* Turns SQLite's last failure on the connection into a kp_err: "factory.db: disk I/O error (1034) [commit]". What a
 * person asked is not repeated. */
#define KP_DB_PERSON "sql"
enum kp_code kp_db_fail(struct kp_db *, int rc, const char *doing, struct kp_err *);
/* A statement that returns one integer, `otherwise` when there is no row or a null. */
enum kp_code kp_db_number(struct kp_db *, const char *sql, int64_t otherwise, int64_t *out, struct kp_err *);
/* Moves the WAL into the file. With `whole`, waits for readers and empties it. */
enum kp_code kp_db_checkpoint(struct kp_db *, bool whole, struct kp_err *);

/* One read transaction around several statements; calls nest. */
enum kp_code kp_db_read_begin(struct kp_db *, struct kp_err *);
void kp_db_read_end(struct kp_db *);

/* Registers the virtual table `history`, kp_ns() and kp_time() on a connection (vtable.c). */
enum kp_code kp_vtable_register(struct kp_db *, struct kp_err *);

/* ---- files (file.c) ---- */
enum { KP_FILE_PATH = 4096 };
/* dir/name. Fails when too long. */
enum kp_code kp_file_path(char out[KP_FILE_PATH], const char *dir, const char *name, struct kp_err *);
/* Makes what was renamed or created in the folder of `file` survive a power cut. */
enum kp_code kp_file_sync_folder(const char *file, struct kp_err *);
enum kp_code kp_file_sync(const char *file, struct kp_err *);
/* Takes dir/factory.lock for this process; -1 when another one has it. Closing it gives it back. */
int kp_file_lock(const char *dir, struct kp_err *);
void kp_file_unlock(int lock); /* -1 is allowed */
/* The name of a network file system by its statfs type, NULL for a local one. */
const char *kp_file_network(unsigned long type);
/* Refuses a folder on a network file system: WAL needs shared memory and locks that work. */
enum kp_code kp_file_refuse_network(const char *dir, struct kp_err *);
/* What SQLite keeps beside a data file (-wal, -shm), and with `whole` the file too. */
void kp_file_remove(const char *file, bool whole);
int64_t kp_file_size(const char *file); /* 0 when there is none */

/* ---- versions (migrate.c) ---- */
enum { KP_APPLICATION_ID = 0x6b6f7070 }; /* "kopp", so that file(1) and we know our files */
int kp_schema_version(void);             /* the newest this program knows */
enum kp_code kp_schema_create(struct kp_db *, struct kp_err *); /* in an empty file */
/* Brings the file to the newest version, after a backup beside it when it holds anything. */
enum kp_code kp_migrate(struct kp_db *, struct kp_err *);
/* Refuses a file that is not ours or that a newer program wrote. */
enum kp_code kp_schema_check(struct kp_db *, int64_t *version, struct kp_err *);

/* ---- copies (backup.c) ---- */
struct kp_copy {
    sqlite3 *to;
    sqlite3_backup *backup;
    char file[KP_FILE_PATH], part[KP_FILE_PATH];
};
/* Starts a copy into file.part; false steps mean done or failed (look at err). Ends with finish, which renames it
 * to `file`, or drop. */
enum kp_code kp_copy_begin(struct kp_copy *, struct kp_db *from, const char *file, struct kp_err *);
bool kp_copy_step(struct kp_copy *, int pages, struct kp_err *);
enum kp_code kp_copy_finish(struct kp_copy *, struct kp_err *);
void kp_copy_drop(struct kp_copy *);
void kp_copy_close(struct kp_copy *); /* part of both; in the thread that owns the source */
#endif
