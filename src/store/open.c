/* SPDX-License-Identifier: Apache-2.0 */
#include "store/care.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

/* ---- settings ---- */

const char *kp_setting_get(struct kp_db *db, struct kp_arena *arena, const char *key)
{
    const char *text = NULL;
    struct kp_stmt *get = kp_db_prepare(db, "select value from setting where key = ?", NULL);
    if (!get)
        return NULL;
    kp_bind_text(get, 1, key);
    if (kp_step(get, NULL)) {
        text = kp_column_text(get, 0);
        text = text ? kp_arena_strdup(arena, text) : NULL;
    }
    kp_reset(get);
    return text;
}

enum kp_code kp_setting_put(struct kp_db *db, const char *key, const char *text, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *put = kp_db_prepare(db,
                                        text ? "insert or replace into setting(key, value) values(?1, ?2)"
                                             : "delete from setting where key = ?1",
                                        &failure);
    if (put) {
        kp_bind_text(put, 1, key);
        if (text)
            kp_bind_text(put, 2, text);
        kp_run(put, &failure);
    }
    return failure.code ? kp_fail(err, failure.code, "setting %s: %s", key, failure.text) : KP_OK;
}

/* ---- create ---- */

static enum kp_code make_empty(const char *file, const char *dir, struct kp_err *err)
{
    int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return KP_OK;
    }
    if (errno == EEXIST)
        return kp_fail(err, KP_EEXISTS, "there is a factory.db in %s already", dir);
    return kp_fail(err, errno == ENOENT ? KP_ENOTFOUND : KP_EIO, "make %s: %s", file, strerror(errno));
}

static enum kp_code fill_new(const char *file, const char *node_name, struct kp_err *err)
{
    struct kp_db *db = kp_db_open(file, KP_DB_NEW, err);
    if (!db)
        return err->code;
    char mark[64];
    snprintf(mark, sizeof mark, "pragma application_id=%d", KP_APPLICATION_ID);
    enum kp_code code = kp_db_exec(db, mark, err);
    if (!code)
        code = kp_schema_create(db, err);
    if (!code)
        code = kp_setting_put(db, "name", node_name, err);
    if (!code)
        code = kp_db_checkpoint(db, true, err);
    kp_db_close(db);
    return code ? code : kp_file_sync_folder(file, err);
}

enum kp_code kp_store_create(const char *dir, const char *node_name, struct kp_err *err)
{
    char file[KP_FILE_PATH];
    struct kp_err failure = { 0 };
    if (kp_file_refuse_network(dir, &failure) || kp_file_path(file, dir, "factory.db", &failure) ||
        make_empty(file, dir, &failure))
        return kp_fail(err, failure.code, "%s", failure.text);
    if (fill_new(file, node_name, &failure) == KP_OK)
        return KP_OK;
    kp_file_remove(file, true);
    return kp_fail(err, failure.code, "%s", failure.text);
}

/* ---- open ---- */

static bool identify(const char *file, uint64_t *device, uint64_t *inode)
{
    struct stat st;
    if (stat(file, &st))
        return false;
    *device = st.st_dev;
    *inode = st.st_ino;
    return true;
}

/* A file that has been deleted is written to as before, until the process ends. */
bool kp_file_turn(struct kp_store *s, struct kp_err *err)
{
    uint64_t device = 0, inode = 0;
    if (!identify(s->file, &device, &inode))
        kp_fail(err, KP_EIO, "%.150s was deleted; what is stored from now on ends with the node. Save it now: koppel backup FILE",
                s->file);
    else if (device != s->device || inode != s->inode)
        kp_fail(err, KP_EIO, "%.150s was replaced; what is stored from now on ends with the node. Save it now: koppel backup FILE",
                s->file);
    return false;
}

static enum kp_code open_file(struct kp_store *s, struct kp_err *err)
{
    enum kp_code code = kp_file_refuse_network(s->dir, err);
    if (!code)
        code = kp_file_path(s->file, s->dir, "factory.db", err);
    if (code)
        return code;
    if (access(s->file, F_OK))
        return kp_fail(err, KP_ENOTFOUND, "there is no factory.db in %s; make a node with 'koppel init %s'", s->dir,
                       s->dir);
    s->lock = kp_file_lock(s->dir, err);
    if (s->lock < 0)
        return err->code;
    s->db = kp_db_open(s->file, KP_DB_WRITER, err);
    if (!s->db)
        return err->code;
    identify(s->file, &s->device, &s->inode);
    kp_store_hook(s);
    return kp_migrate(s->db, err);
}

struct kp_store *kp_store_open(const char *dir, const struct kp_store_options *options, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_store *s = kp_store_new(dir, options, &failure);
    if (s && open_file(s, &failure) == KP_OK && kp_snapshot_load(s, &failure) == KP_OK &&
        kp_held_count(s, &failure) == KP_OK) {
        kp_store_settings(s);
        return s;
    }
    if (s)
        kp_store_free(s);
    kp_fail(err, failure.code, "%s", failure.text);
    return NULL;
}

/* ---- rollback ---- */

/* The highest N of the copies factory.db.v<N>, -1 when there is none. */
static int newest_copy(const char *file)
{
    char path[KP_FILE_PATH];
    for (int v = 1000; v >= 0; v--)
        if (snprintf(path, sizeof path, "%s.v%d", file, v) < (int)sizeof path && access(path, F_OK) == 0)
            return v;
    return -1;
}

/* What is still in the WAL goes into the file, else it would be applied to the copy. */
static enum kp_code fold_wal(const char *file, struct kp_err *err)
{
    struct kp_db *db = kp_db_open(file, KP_DB_WRITER, err);
    if (!db)
        return err->code;
    enum kp_code code = kp_db_checkpoint(db, true, err);
    kp_db_close(db);
    char wal[KP_FILE_PATH];
    if (!code && snprintf(wal, sizeof wal, "%s-wal", file) < (int)sizeof wal && kp_file_size(wal) > 0)
        code = kp_fail(err, KP_EREFUSED, "%s is still open somewhere; end the program that reads it", file);
    if (!code)
        unlink(wal);
    return code;
}

static enum kp_code swap(const char *file, int version, struct kp_err *err)
{
    char newer[KP_FILE_PATH], old[KP_FILE_PATH];
    if (snprintf(newer, sizeof newer, "%s.newer", file) >= (int)sizeof newer ||
        snprintf(old, sizeof old, "%s.v%d", file, version) >= (int)sizeof old)
        return kp_fail(err, KP_EINVALID, "the name of the node's folder is too long");
    if (access(newer, F_OK) == 0)
        return kp_fail(err, KP_EEXISTS, "%s is there from an earlier rollback; move it away first", newer);
    enum kp_code code = fold_wal(file, err);
    if (code)
        return code;
    /* A second name first: at no moment is there no factory.db. */
    if (link(file, newer) || rename(old, file))
        return kp_fail(err, KP_EIO, "put %s in place: %s", old, strerror(errno));
    return kp_file_sync_folder(file, err);
}

enum kp_code kp_store_rollback(const char *dir, struct kp_err *err)
{
    char file[KP_FILE_PATH];
    struct kp_err failure = { 0 };
    if (kp_file_path(file, dir, "factory.db", &failure))
        return kp_fail(err, failure.code, "%s", failure.text);
    int lock = kp_file_lock(dir, err);
    if (lock < 0)
        return err ? err->code : KP_EREFUSED;
    int version = newest_copy(file);
    if (version < 0)
        kp_fail(&failure, KP_ENOTFOUND, "there is no copy factory.db.v<N> in %s to go back to", dir);
    else
        swap(file, version, &failure);
    kp_file_unlock(lock);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
