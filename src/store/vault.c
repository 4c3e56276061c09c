/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vault.h"

#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

#define MAGIC "koppel backup 1\n"
enum {
    MAGIC_SIZE = sizeof MAGIC - 1,
    PIECE = 64 << 10,
    SEALED = PIECE + crypto_secretstream_xchacha20poly1305_ABYTES,
    HEADER = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
};

/* ---- keys ---- */

static enum kp_code derive(const char *passphrase, struct kp_vault_key *k, struct kp_err *err)
{
    if (strlen(passphrase) < KP_PASSPHRASE_MIN)
        return kp_fail(err, KP_EINVALID, "the passphrase is shorter than %d characters", KP_PASSPHRASE_MIN);
    if (crypto_pwhash(k->key, sizeof k->key, passphrase, strlen(passphrase), k->salt, crypto_pwhash_OPSLIMIT_MODERATE,
                      crypto_pwhash_MEMLIMIT_MODERATE, crypto_pwhash_ALG_ARGON2ID13))
        return kp_fail(err, KP_ENOMEM, "too little memory for the passphrase: 256 MiB are needed for a second");
    return KP_OK;
}

enum kp_code kp_vault_new(const char *passphrase, struct kp_vault_key *k, struct kp_err *err)
{
    if (sodium_init() < 0)
        return kp_fail(err, KP_EIO, "the system has no source of random numbers");
    randombytes_buf(k->salt, sizeof k->salt);
    return derive(passphrase, k, err);
}

/* ---- two files ---- */

struct pipe {
    const char *from_name, *to_name;
    int from, to;
    int64_t done, total;
    unsigned char *plain, *sealed;
    struct kp_vault_watch watch;
    struct kp_err *err;
};

static bool begin(struct pipe *p, const char *from, const char *to, struct kp_vault_watch watch, struct kp_err *err)
{
    struct stat st;
    *p = (struct pipe){ .from_name = from, .to_name = to, .from = -1, .to = -1, .watch = watch, .err = err };
    p->plain = kp_alloc(PIECE);
    p->sealed = kp_alloc(SEALED);
    if (!p->plain || !p->sealed || sodium_init() < 0)
        return kp_fail(err, KP_ENOMEM, "out of memory copying %s", from) == KP_OK;
    p->from = open(from, O_RDONLY | O_CLOEXEC);
    if (p->from < 0 || fstat(p->from, &st))
        return kp_fail(err, errno == ENOENT ? KP_ENOTFOUND : KP_EIO, "open %s: %s", from, strerror(errno)) == KP_OK;
    p->total = st.st_size;
    if (!to)
        return true;
    p->to = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return p->to >= 0 ||
           kp_fail(err, errno == EEXIST ? KP_EEXISTS : KP_EIO, "make %s: %s", to, strerror(errno)) == KP_OK;
}

static enum kp_code end(struct pipe *p)
{
    if (p->to >= 0) {
        if (!p->err->code && fsync(p->to))
            kp_fail(p->err, KP_EIO, "write %s: %s", p->to_name, strerror(errno));
        close(p->to);
        if (p->err->code)
            unlink(p->to_name);
    }
    if (p->from >= 0)
        close(p->from);
    if (p->plain)
        sodium_memzero(p->plain, PIECE);
    kp_free(p->plain);
    kp_free(p->sealed);
    return p->err->code;
}

/* As much as there is, up to n. */
static size_t take(struct pipe *p, void *out, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(p->from, (char *)out + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            kp_fail(p->err, KP_EIO, "read %s: %s", p->from_name, strerror(errno));
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    p->done += (int64_t)got;
    if (!p->err->code && p->watch.each && !p->watch.each(p->watch.arg, p->done, p->total))
        kp_fail(p->err, KP_ESTOPPED, "stopped");
    return got;
}

static void give(struct pipe *p, const void *data, size_t n)
{
    for (size_t done = 0; done < n && !p->err->code;) {
        ssize_t w = write(p->to, (const char *)data + done, n - done);
        if (w < 0 && errno != EINTR)
            kp_fail(p->err, errno == ENOSPC ? KP_EFULL : KP_EIO, "write %s: %s", p->to_name, strerror(errno));
        done += w > 0 ? (size_t)w : 0;
    }
}

enum kp_code kp_file_copy(const char *from, const char *to, struct kp_vault_watch watch, struct kp_err *err)
{
    struct pipe p;
    size_t n = PIECE;
    if (begin(&p, from, to, watch, err))
        while (n == PIECE && !err->code) {
            n = take(&p, p.plain, PIECE);
            give(&p, p.plain, n);
        }
    return end(&p);
}

/* ---- writing ---- */

static void seal(struct pipe *p, crypto_secretstream_xchacha20poly1305_state *st, const unsigned char *data, size_t n,
                 unsigned char tag)
{
    unsigned long long len = 0;
    if (p->err->code)
        return;
    crypto_secretstream_xchacha20poly1305_push(st, p->sealed, &len, data, n, NULL, 0, tag);
    give(p, p->sealed, (size_t)len);
}

enum kp_code kp_vault_write(const char *from, const char *to, const struct kp_vault_key *k,
                            const unsigned char node_key[KP_NODE_KEY], struct kp_vault_watch watch, struct kp_err *err)
{
    crypto_secretstream_xchacha20poly1305_state st;
    unsigned char header[HEADER];
    struct pipe p;
    if (begin(&p, from, to, watch, err)) {
        crypto_secretstream_xchacha20poly1305_init_push(&st, header, k->key);
        give(&p, MAGIC, MAGIC_SIZE);
        give(&p, k->salt, sizeof k->salt);
        give(&p, header, sizeof header);
        seal(&p, &st, node_key, KP_NODE_KEY, 0);
        for (size_t n = PIECE; n == PIECE && !err->code;) {
            n = take(&p, p.plain, PIECE);
            seal(&p, &st, p.plain, n, n == PIECE ? 0 : crypto_secretstream_xchacha20poly1305_TAG_FINAL);
        }
        sodium_memzero(&st, sizeof st);
    }
    return end(&p);
}

/* ---- reading ---- */

static bool read_head(struct pipe *p, unsigned char salt[KP_VAULT_SALT])
{
    char magic[MAGIC_SIZE];
    if (take(p, magic, sizeof magic) == sizeof magic && memcmp(magic, MAGIC, MAGIC_SIZE) == 0 &&
        take(p, salt, KP_VAULT_SALT) == KP_VAULT_SALT)
        return true;
    kp_fail(p->err, KP_EPARSE, "%s is no encrypted backup", p->from_name);
    return false;
}

bool kp_vault_is(const char *file)
{
    struct kp_err err = { 0 };
    unsigned char salt[KP_VAULT_SALT];
    struct pipe p;
    bool is = begin(&p, file, NULL, (struct kp_vault_watch){ 0 }, &err) && read_head(&p, salt);
    end(&p);
    return is;
}

enum kp_code kp_vault_key_of(const char *file, const char *passphrase, struct kp_vault_key *k, struct kp_err *err)
{
    struct pipe p;
    if (begin(&p, file, NULL, (struct kp_vault_watch){ 0 }, err) && read_head(&p, k->salt))
        derive(passphrase, k, err);
    return end(&p);
}

static bool unseal(struct pipe *p, crypto_secretstream_xchacha20poly1305_state *st, unsigned char *out, size_t sealed,
                   size_t *n, unsigned char *tag)
{
    unsigned long long len = 0;
    if (p->err->code || sealed < crypto_secretstream_xchacha20poly1305_ABYTES ||
        crypto_secretstream_xchacha20poly1305_pull(st, out, &len, tag, p->sealed, sealed, NULL, 0))
        return false;
    *n = (size_t)len;
    return true;
}

static void read_pieces(struct pipe *p, crypto_secretstream_xchacha20poly1305_state *st)
{
    unsigned char tag = 0;
    while (!p->err->code && tag != crypto_secretstream_xchacha20poly1305_TAG_FINAL) {
        size_t n, sealed = take(p, p->sealed, SEALED);
        if (unseal(p, st, p->plain, sealed, &n, &tag))
            give(p, p->plain, n);
        else if (!sealed)
            kp_fail(p->err, KP_EPARSE, "%s ends too early: it was cut off", p->from_name);
        else
            kp_fail(p->err, KP_EPARSE, "%s is damaged at byte %lld", p->from_name, (long long)(p->done - (int64_t)sealed));
    }
    if (!p->err->code && take(p, p->sealed, 1))
        kp_fail(p->err, KP_EPARSE, "%s goes on after its end", p->from_name);
}

enum kp_code kp_vault_read(const char *file, const char *to, const struct kp_vault_key *k,
                           unsigned char node_key[KP_NODE_KEY], struct kp_vault_watch watch, struct kp_err *err)
{
    crypto_secretstream_xchacha20poly1305_state st;
    unsigned char header[HEADER], salt[KP_VAULT_SALT], tag;
    size_t n = 0, sealed = KP_NODE_KEY + crypto_secretstream_xchacha20poly1305_ABYTES;
    struct pipe p;
    if (begin(&p, file, to, watch, err) && read_head(&p, salt)) {
        bool whole = take(&p, header, sizeof header) == sizeof header && take(&p, p.sealed, sealed) == sealed;
        if (!whole || crypto_secretstream_xchacha20poly1305_init_pull(&st, header, k->key) ||
            !unseal(&p, &st, node_key, sealed, &n, &tag) || n != KP_NODE_KEY)
            kp_fail(err, KP_EREFUSED, "the passphrase does not open %s", file);
        read_pieces(&p, &st);
        sodium_memzero(&st, sizeof st);
    }
    return end(&p);
}
