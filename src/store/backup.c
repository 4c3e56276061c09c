/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

/* The copy is complete or it is not there: until finish it has another name, and it is synced at
 * the end, so that SQLite need not journal or sync on the way. */
static enum kp_code open_target(struct kp_copy *c, struct kp_err *err)
{
    unlink(c->part);
    int fd = open(c->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return kp_fail(err, KP_EIO, "make %s: %s", c->part, strerror(errno));
    close(fd);
    int rc = sqlite3_open_v2(c->part, &c->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(c->to, "pragma journal_mode=off; pragma synchronous=off; pragma cache_size=-512;", NULL,
                          NULL, NULL);
    if (rc != SQLITE_OK)
        return kp_fail(err, KP_EIO, "make %s: %s", c->part, sqlite3_errmsg(c->to));
    return KP_OK;
}

enum kp_code kp_copy_begin(struct kp_copy *c, struct kp_db *from, const char *file, struct kp_err *err)
{
    *c = (struct kp_copy){ 0 };
    int n = snprintf(c->file, sizeof c->file, "%s", file);
    int m = snprintf(c->part, sizeof c->part, "%s.part", file);
    if (n < 0 || m < 0 || m >= (int)sizeof c->part)
        return kp_fail(err, KP_EINVALID, "the file name is too long");
    enum kp_code code = open_target(c, err);
    if (!code) {
        c->backup = sqlite3_backup_init(c->to, "main", from->handle, "main");
        if (!c->backup)
            code = kp_fail(err, KP_EIO, "copy to %s: %s", c->part, sqlite3_errmsg(c->to));
    }
    if (code)
        kp_copy_drop(c);
    return code;
}

bool kp_copy_step(struct kp_copy *c, int pages, struct kp_err *err)
{
    int rc = sqlite3_backup_step(c->backup, pages);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return true;
    if (rc != SQLITE_DONE)
        kp_fail(err, (rc & 0xff) == SQLITE_FULL ? KP_EFULL : KP_EIO, "copy to %s: %s", c->part, sqlite3_errstr(rc));
    return false;
}

void kp_copy_close(struct kp_copy *c)
{
    sqlite3_backup_finish(c->backup);
    sqlite3_close(c->to);
    c->backup = NULL;
    c->to = NULL;
}

enum kp_code kp_copy_finish(struct kp_copy *c, struct kp_err *err)
{
    kp_copy_close(c);
    enum kp_code code = kp_file_sync(c->part, err);
    if (!code && rename(c->part, c->file))
        code = kp_fail(err, KP_EIO, "rename %s to %s: %s", c->part, c->file, strerror(errno));
    if (!code)
        return kp_file_sync_folder(c->file, err);
    unlink(c->part);
    return code;
}

void kp_copy_drop(struct kp_copy *c)
{
    kp_copy_close(c);
    unlink(c->part);
}

/* ---- the store's online backup ---- */

struct backup {
    struct kp_store *store;
    struct kp_copy copy;
    const char *file;
    bool more;
    struct kp_err err;
};

enum { BACKUP_PAGES = 100 };

static void begin(void *arg)
{
    struct backup *b = arg;
    if (!b->store->db)
        kp_fail(&b->err, KP_EIO, "the file is not open now");
    else if (kp_copy_begin(&b->copy, b->store->db, b->file, &b->err) == KP_OK)
        b->more = true;
}

/* Through the writing connection, whose own commits reach the copy without starting it over. */
static void step(void *arg)
{
    struct backup *b = arg;
    b->more = kp_copy_step(&b->copy, BACKUP_PAGES, &b->err);
}

static void finish(void *arg)
{
    struct backup *b = arg;
    kp_copy_close(&b->copy);
}

static bool tell(const struct backup *b, bool (*progress)(void *, int64_t, int64_t), void *arg)
{
    int64_t total = sqlite3_backup_pagecount(b->copy.backup), left = sqlite3_backup_remaining(b->copy.backup);
    return !progress || progress(arg, (total - left) * KP_PAGE, total * KP_PAGE);
}

enum kp_code kp_store_backup(struct kp_store *s, const char *file,
                             bool (*progress)(void *, int64_t done, int64_t total), void *arg, struct kp_err *err)
{
    struct backup b = { .store = s, .file = file };
    bool wanted = true;
    if (access(file, F_OK) == 0)
        return kp_fail(err, KP_EEXISTS, "%s is there already; name another file", file);
    kp_store_call(s, begin, &b, &b.err);
    while (b.more && wanted && kp_store_call(s, step, &b, &b.err) == KP_OK && !b.err.code)
        wanted = tell(&b, progress, arg);
    if (!wanted)
        kp_fail(&b.err, KP_ESTOPPED, "the backup was stopped");
    if (b.copy.to && kp_store_call(s, finish, &b, &b.err))
        finish(&b); /* the thread has ended: the connection is nobody's any more */
    if (b.err.code == KP_OK)
        return kp_copy_finish(&b.copy, err);
    if (b.copy.part[0])
        kp_copy_drop(&b.copy);
    return kp_fail(err, b.err.code, "backup: %s", b.err.text);
}
