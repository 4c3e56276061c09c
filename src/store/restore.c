/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit.h"
#include "store/backup.h"
#include "store/internal.h"
#include "store/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

struct restore {
    const struct kp_restore *r;
    char part[KP_FILE_PATH], file[KP_FILE_PATH], key[KP_FILE_PATH];
    bool made_dir, made_part, made_key;
    unsigned char node_key[KP_NODE_KEY];
};

static enum kp_code prepare(struct restore *x, struct kp_err *err)
{
    const char *dir = x->r->dir;
    if (kp_file_path(x->file, dir, "factory.db", err) || kp_file_path(x->part, dir, "factory.db.part", err) ||
        kp_file_path(x->key, dir, "node.key", err))
        return err->code;
    if (mkdir(dir, 0700) == 0)
        x->made_dir = true;
    else if (errno != EEXIST)
        return kp_fail(err, KP_EIO, "make %s: %s", dir, strerror(errno));
    if (access(x->file, F_OK) == 0 || access(x->key, F_OK) == 0)
        return kp_fail(err, KP_EEXISTS, "there is a node in %s already; restore into another folder", dir);
    return kp_file_refuse_network(dir, err);
}

static enum kp_code fetch(struct restore *x, struct kp_err *err)
{
    const struct kp_restore *r = x->r;
    struct kp_vault_key k;
    unlink(x->part);
    x->made_part = true;
    if (!kp_vault_is(r->file))
        return r->key_file || r->new_key
                   ? kp_file_copy(r->file, x->part, r->watch, err)
                   : kp_fail(err, KP_EINVALID, "%s is not encrypted, so it holds no node.key: give the one that belongs to it, "
                                               "or ask for a new one", r->file);
    if (!r->passphrase)
        return kp_fail(err, KP_EINVALID, "%s is encrypted: give its passphrase", r->file);
    if (!kp_vault_key_of(r->file, r->passphrase, &k, err))
        kp_vault_read(r->file, x->part, &k, x->node_key, r->watch, err);
    sodium_memzero(&k, sizeof k);
    return err->code;
}

static enum kp_code check(struct restore *x, void (*found)(void *, const char *), void *arg, struct kp_err *err)
{
    int faults = kp_store_check(x->part, found, arg, err);
    return faults > 0 ? kp_fail(err, KP_EPARSE, "%s is damaged; nothing is restored. koppel check --repair makes a copy of "
                                                "what can be read", x->r->file)
                      : err->code;
}

/* ---- node.key ---- */

static enum kp_code write_key(struct restore *x, struct kp_err *err)
{
    int fd = open(x->key, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return kp_fail(err, KP_EIO, "make %s: %s", x->key, strerror(errno));
    x->made_key = true;
    if (write(fd, x->node_key, KP_NODE_KEY) != KP_NODE_KEY || fsync(fd))
        kp_fail(err, KP_EIO, "write %s: %s", x->key, strerror(errno));
    close(fd);
    return err->code;
}

static enum kp_code read_key_file(struct restore *x, struct kp_err *err)
{
    char more;
    int fd = open(x->r->key_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kp_fail(err, KP_ENOTFOUND, "open %s: %s", x->r->key_file, strerror(errno));
    bool right = read(fd, x->node_key, KP_NODE_KEY) == KP_NODE_KEY && read(fd, &more, 1) == 0;
    close(fd);
    return right ? KP_OK : kp_fail(err, KP_EPARSE, "%s is no node.key: it must be %d bytes long", x->r->key_file, KP_NODE_KEY);
}

/* What the lost key had sealed can never be read again. */
static enum kp_code forget_secrets(struct restore *x, struct kp_err *err)
{
    struct kp_db *db = kp_db_open(x->part, KP_DB_WRITER, err);
    if (db && !kp_db_exec(db, "delete from secret", err))
        kp_db_checkpoint(db, true, err);
    kp_db_close(db);
    return err->code;
}

/* A file of an older version has no audit log yet; its own begins when it is brought up to date. */
static enum kp_code note(struct restore *x, struct kp_err *err)
{
    int64_t version;
    struct kp_db *db = kp_db_open(x->part, KP_DB_WRITER, err);
    const struct kp_audit row = { .at = kp_utc(&kp_clock_system), .user = "koppel", .via = "node", .action = "restore",
                                  .target = x->r->file, .result = "ok",
                                  .detail = x->r->new_key ? "with a new node.key" : NULL };
    if (db && !kp_schema_check(db, &version, err) && version == kp_schema_version() &&
        !kp_audit_restored(db, x->node_key, &row, err))
        kp_db_checkpoint(db, true, err);
    kp_db_close(db);
    return err->code;
}

static enum kp_code put_key(struct restore *x, struct kp_err *err)
{
    if (x->r->new_key && !kp_vault_is(x->r->file)) {
        randombytes_buf(x->node_key, sizeof x->node_key);
        if (forget_secrets(x, err))
            return err->code;
    } else if (x->r->key_file && !kp_vault_is(x->r->file) && read_key_file(x, err)) {
        return err->code;
    }
    return write_key(x, err);
}

/* ---- the whole ---- */

static void undo(struct restore *x)
{
    if (x->made_part)
        kp_file_remove(x->part, true);
    if (x->made_key)
        unlink(x->key);
    if (x->made_dir)
        rmdir(x->r->dir);
}

enum kp_code kp_restore(const struct kp_restore *r, void (*found)(void *, const char *fault), void *arg,
                        struct kp_err *err)
{
    struct restore x = { .r = r };
    struct kp_err failure = { 0 };
    if (!prepare(&x, &failure) && !fetch(&x, &failure) && !check(&x, found, arg, &failure) && !put_key(&x, &failure) &&
        !note(&x, &failure) && rename(x.part, x.file))
        kp_fail(&failure, KP_EIO, "rename %s: %s", x.part, strerror(errno));
    kp_file_remove(x.part, false);
    if (!failure.code)
        kp_file_sync_folder(x.file, &failure);
    sodium_memzero(x.node_key, sizeof x.node_key);
    if (!failure.code)
        return KP_OK;
    undo(&x);
    return kp_fail(err, failure.code, "%s", failure.text);
}
