/* SPDX-License-Identifier: Apache-2.0 */
#include "store/secret.h"
#include "store/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

/* ---- node.key ---- */

static enum kp_code ready(struct kp_err *err)
{
    return sodium_init() < 0 ? kp_fail(err, KP_EIO, "the system has no source of random numbers") : KP_OK;
}

static enum kp_code write_key(int fd, const char *path, struct kp_err *err)
{
    unsigned char key[crypto_secretbox_KEYBYTES];
    randombytes_buf(key, sizeof key);
    bool written = write(fd, key, sizeof key) == (ssize_t)sizeof key && fsync(fd) == 0;
    sodium_memzero(key, sizeof key);
    return written ? KP_OK : kp_fail(err, KP_EIO, "write %s: %s", path, strerror(errno));
}

enum kp_code kp_key_create(const char *dir, struct kp_err *err)
{
    char path[KP_FILE_PATH];
    struct kp_err failure = { 0 };
    if (ready(&failure) || kp_file_path(path, dir, "node.key", &failure))
        return kp_fail(err, failure.code, "%s", failure.text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return kp_fail(err, KP_EEXISTS, "there is a node.key in %s already; without it no stored secret can be read",
                       dir);
    if (fd < 0)
        return kp_fail(err, KP_EIO, "make %s: %s", path, strerror(errno));
    write_key(fd, path, &failure);
    close(fd);
    if (!failure.code)
        kp_file_sync_folder(path, &failure);
    if (!failure.code)
        return KP_OK;
    unlink(path);
    return kp_fail(err, failure.code, "%s", failure.text);
}

static enum kp_code read_key(int fd, const char *path, unsigned char *key, struct kp_err *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return kp_fail(err, KP_EIO, "%s: %s", path, strerror(errno));
    if (st.st_mode & 077)
        return kp_fail(err, KP_EREFUSED, "%s can be read by others than its owner; run: chmod 600 %s", path, path);
    if (st.st_size != crypto_secretbox_KEYBYTES ||
        read(fd, key, crypto_secretbox_KEYBYTES) != crypto_secretbox_KEYBYTES)
        return kp_fail(err, KP_EPARSE, "%s is damaged: it must be %u bytes long; restore it from a backup", path,
                       (unsigned)crypto_secretbox_KEYBYTES);
    return KP_OK;
}

enum kp_code kp_key_read(const char *dir, unsigned char key[KP_NODE_KEY], struct kp_err *err)
{
    char path[KP_FILE_PATH];
    struct kp_err failure = { 0 };
    if (ready(&failure) || kp_file_path(path, dir, "node.key", &failure))
        return kp_fail(err, failure.code, "%s", failure.text);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kp_fail(err, errno == ENOENT ? KP_ENOTFOUND : KP_EIO, "open %s: %s", path, strerror(errno));
    read_key(fd, path, key, &failure);
    close(fd);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_key_load(struct kp_store *s, const char *dir, struct kp_err *err)
{
    unsigned char *key = ready(err) ? NULL : sodium_malloc(KP_NODE_KEY);
    if (!key)
        return kp_fail(err, KP_ENOMEM, "no locked memory for node.key");
    enum kp_code code = kp_key_read(dir, key, err);
    if (code) {
        sodium_free(key);
        return code;
    }
    sodium_free(s->key);
    s->key = key;
    return KP_OK;
}

/* ---- secrets ---- */

static enum kp_code key_missing(const char *name, struct kp_err *err)
{
    return kp_fail(err, KP_EINVALID, "secret %s: node.key is not loaded", name);
}

struct put {
    const char *name;
    const void *blob; /* NULL removes */
    size_t len;
};

static enum kp_code put_secret(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct put *p = arg;
    struct kp_stmt *put = kp_db_prepare(db,
                                        p->blob ? "insert or replace into secret(name, data) values(?1, ?2)"
                                                : "delete from secret where name = ?1",
                                        err);
    if (!put)
        return err->code;
    kp_bind_text(put, 1, p->name);
    if (p->blob)
        kp_bind_blob(put, 2, p->blob, p->len);
    return kp_run(put, err);
}

/* Nonce in front, then the box. */
static unsigned char *seal(const struct kp_store *s, const void *data, size_t len, size_t *size)
{
    *size = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + len;
    unsigned char *blob = kp_alloc(*size);
    if (!blob)
        return NULL;
    randombytes_buf(blob, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(blob + crypto_secretbox_NONCEBYTES, data, len, blob, s->key);
    return blob;
}

/* db NULL: in a transaction of its own. */
static enum kp_code write_secret(struct kp_store *s, struct kp_db *db, const char *name, const void *data, size_t len,
                                 struct kp_err *err)
{
    struct put p = { .name = name };
    if (!s->key)
        return key_missing(name, err);
    unsigned char *blob = data ? seal(s, data, len, &p.len) : NULL;
    if (data && !blob)
        return kp_fail(err, KP_ENOMEM, "secret %s: out of memory", name);
    p.blob = blob;
    enum kp_code code = db ? put_secret(db, &p, err) : kp_store_do(s, put_secret, &p, err);
    kp_free(blob);
    return code;
}

enum kp_code kp_secret_put(struct kp_store *s, const char *name, const void *data, size_t len, struct kp_err *err)
{
    return write_secret(s, NULL, name, data, len, err);
}

enum kp_code kp_secret_write(struct kp_store *s, struct kp_db *db, const char *name, const void *data, size_t len,
                             struct kp_err *err)
{
    return write_secret(s, db, name, data, len, err);
}

static enum kp_code open_box(const struct kp_store *s, const char *name, const unsigned char *blob, size_t len,
                             struct kp_arena *arena, void **data, size_t *n, struct kp_err *err)
{
    const size_t head = crypto_secretbox_NONCEBYTES;
    if (len < head + crypto_secretbox_MACBYTES)
        return kp_fail(err, KP_EPARSE, "secret %s is damaged; set it again", name);
    *n = len - head - crypto_secretbox_MACBYTES;
    unsigned char *plain = kp_arena_alloc(arena, *n + 1);
    if (!plain)
        return kp_fail(err, KP_ENOMEM, "secret %s: out of memory", name);
    if (crypto_secretbox_open_easy(plain, blob + head, len - head, blob, s->key))
        return kp_fail(err, KP_EPARSE,
                       "secret %s cannot be opened with this node.key: it belongs to another node or is damaged; "
                       "put the right node.key back or set the secret again",
                       name);
    *data = plain;
    return KP_OK;
}

enum kp_code kp_secret_get(struct kp_store *s, const char *name, struct kp_arena *arena, void **data, size_t *len,
                           struct kp_err *err)
{
    struct kp_err failure = { 0 };
    if (!s->key)
        return key_missing(name, err);
    struct kp_db *db = kp_store_reader(s, &failure);
    struct kp_stmt *get = db ? kp_db_prepare(db, "select data from secret where name = ?", &failure) : NULL;
    if (get)
        kp_bind_text(get, 1, name);
    if (get && kp_step(get, &failure)) {
        size_t size;
        const void *blob = kp_column_blob(get, 0, &size);
        open_box(s, name, blob, size, arena, data, len, &failure);
    } else if (!failure.code) {
        kp_fail(&failure, KP_ENOTFOUND, "there is no secret %s", name);
    }
    if (get)
        kp_reset(get);
    kp_store_reader_done(s, db);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

void kp_key_free(struct kp_store *s)
{
    sodium_free(s->key);
    s->key = NULL;
    kp_tokens_forget(s);
    kp_users_forget(s);
}
