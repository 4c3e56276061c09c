/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/openpgp.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gpgme.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

#define FOLDER "gnupg-"
enum { KEYS_MAX = 16, SIGNERS_MAX = 64, DEEP = 3 };

struct kp_openpgp {
    gpgme_ctx_t context;
    char *folder;
    char signer[SIGNERS_MAX][KP_FINGERPRINT]; /* trusted keys and their subkeys, which sign */
    size_t keys, n;
};

static void begin(void)
{
    gpgme_check_version(NULL);
}

/* ---- fingerprints ---- */
bool kp_fingerprint_read(const char *text, char out[KP_FINGERPRINT])
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text == ' ' || *text == ':')
            continue;
        if (!isxdigit((unsigned char)*text) || n == KP_FINGERPRINT - 1)
            return false;
        out[n++] = (char)toupper((unsigned char)*text);
    }
    out[n] = 0;
    return n == 40 || n == 64;
}

void kp_fingerprint_show(const char *fingerprint, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; fingerprint[i] && n + 3 < size; i++) {
        if (i && i % 4 == 0)
            out[n++] = ' ';
        out[n++] = fingerprint[i];
    }
    if (size)
        out[n] = 0;
}

/* ---- its folder ---- */
static void clear(int at, const char *name, unsigned depth)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d && fd >= 0)
        close(fd);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(fd, e->d_name, 0) && depth < DEEP)
            clear(fd, e->d_name, depth + 1);
    if (d)
        closedir(d);
    unlinkat(at, name, AT_REMOVEDIR);
}

void kp_openpgp_folder(const char *below, char *out, size_t size)
{
    unsigned char n[6];
    kp_random(n, sizeof n);
    snprintf(out, size, "%s/" FOLDER "%02x%02x%02x%02x%02x%02x", below, n[0], n[1], n[2], n[3],
             n[4], n[5]);
}

void kp_openpgp_clean(const char *below)
{
    DIR *d = opendir(below);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, FOLDER, sizeof FOLDER - 1) == 0)
            clear(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

/* Nothing is looked for elsewhere, no agent is started, and what SHA-1 signs counts for nothing. */
static bool settle(const char *folder)
{
    static const char conf[] = "no-auto-key-locate\nno-auto-key-retrieve\nno-autostart\n"
                               "trust-model always\nweak-digest SHA1\nbatch\nno-tty\n";
    struct kp_buf path;
    kp_buf_init(&path, 4096);
    kp_buf_printf(&path, "%s/gpg.conf", folder);
    clear(AT_FDCWD, folder, 0);
    int fd = !path.failed && !mkdir(folder, 0700)
                 ? open(kp_buf_text(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                 : -1;
    bool done = fd >= 0 && write(fd, conf, sizeof conf - 1) == (ssize_t)sizeof conf - 1;
    if (fd >= 0)
        close(fd);
    kp_buf_free(&path);
    return done;
}

static enum kp_code failed(gpgme_error_t e, const char *what, struct kp_err *err)
{
    char why[128];
    gpgme_strerror_r(e, why, sizeof why);
    gpgme_err_code_t code = gpgme_err_code(e);
    if (code == GPG_ERR_INV_ENGINE)
        return kp_fail(err, KP_ENOTFOUND,
                       "signatures need the program gpg (package gpg), which is not there");
    return kp_fail(err, code == GPG_ERR_ENOMEM ? KP_ENOMEM : KP_EIO, "%s: %.120s", what, why);
}

struct kp_openpgp *kp_openpgp_new(const char *folder, struct kp_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin);
    struct kp_openpgp *g = kp_alloc(sizeof *g);
    if (!g || !(g->folder = kp_strdup(folder))) {
        kp_free(g);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    gpgme_error_t e = 0;
    if (!settle(folder))
        kp_fail(err, KP_EIO, "%.120s, the folder for keys, cannot be made", folder);
    else if ((e = gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP)) ||
             (e = gpgme_new(&g->context)) ||
             (e = gpgme_set_protocol(g->context, GPGME_PROTOCOL_OpenPGP)) ||
             (e = gpgme_ctx_set_engine_info(g->context, GPGME_PROTOCOL_OpenPGP, NULL, folder)))
        failed(e, "GnuPG", err);
    if (!err->code)
        return g;
    kp_openpgp_free(g);
    return NULL;
}

void kp_openpgp_free(struct kp_openpgp *g)
{
    if (!g)
        return;
    gpgme_release(g->context);
    clear(AT_FDCWD, g->folder, 0);
    kp_free(g->folder);
    kp_free(g);
}

/* ---- keys ---- */
static void name_of(gpgme_key_t key, char owner[128])
{
    const char *said = key->uids && key->uids->uid ? key->uids->uid : "";
    kp_utf8_clean(owner, 128, said, strlen(said));
}

/* Every key that came but this one goes again. */
static bool keep_only(struct kp_openpgp *g, const char *fingerprint)
{
    gpgme_import_result_t r = gpgme_op_import_result(g->context);
    char others[KEYS_MAX][KP_FINGERPRINT];
    size_t n = 0;
    bool there = false;
    for (gpgme_import_status_t i = r ? r->imports : NULL; i; i = i->next) {
        bool this = i->fpr && strcmp(i->fpr, fingerprint) == 0;
        there |= this && !i->result;
        if (!this && i->fpr && n < KEYS_MAX)
            snprintf(others[n++], KP_FINGERPRINT, "%s", i->fpr);
    }
    for (size_t i = 0; i < n; i++) {
        gpgme_key_t key = NULL;
        if (!gpgme_get_key(g->context, others[i], &key, 0))
            gpgme_op_delete_ext(g->context, key, GPGME_DELETE_FORCE);
        gpgme_key_unref(key);
    }
    return there;
}

static enum kp_code take_key(struct kp_openpgp *g, const char *key, size_t len,
                             const char *fingerprint, struct kp_err *err)
{
    gpgme_data_t data;
    gpgme_error_t e = gpgme_data_new_from_mem(&data, key, len, 0);
    if (e)
        return failed(e, "the key", err);
    e = gpgme_op_import(g->context, data);
    gpgme_data_release(data);
    if (e)
        return gpgme_err_code(e) == GPG_ERR_NO_DATA
                   ? kp_fail(err, KP_EPARSE, "it is no OpenPGP key")
                   : failed(e, "the key", err);
    return keep_only(g, fingerprint)
               ? KP_OK
               : kp_fail(err, KP_EDENIED, "it is no key with the fingerprint %s", fingerprint);
}

static void add_signers(struct kp_openpgp *g, gpgme_key_t key)
{
    for (gpgme_subkey_t k = key->subkeys; k && g->n < SIGNERS_MAX; k = k->next)
        if (k->fpr && strlen(k->fpr) < KP_FINGERPRINT)
            snprintf(g->signer[g->n++], KP_FINGERPRINT, "%s", k->fpr);
}

enum kp_code kp_openpgp_trust(struct kp_openpgp *g, const char *key, size_t len,
                              const char *fingerprint, char owner[128], struct kp_err *err)
{
    gpgme_key_t taken = NULL;
    char f[KP_FINGERPRINT];
    if (g->keys == KEYS_MAX || len > KP_OPENPGP_KEY_MAX)
        return kp_fail(err, KP_EFULL, "more than %d keys, or one larger than 1 MiB", KEYS_MAX);
    if (!kp_fingerprint_read(fingerprint, f))
        return kp_fail(err, KP_EINVALID, "'%.80s' is no fingerprint", fingerprint);
    if (take_key(g, key, len, f, err))
        return err->code;
    gpgme_error_t e = gpgme_get_key(g->context, f, &taken, 0);
    if (e)
        return failed(e, "the key", err);
    if (taken->revoked || taken->expired)
        kp_fail(err, KP_EDENIED, "the key %s %s", f, taken->revoked ? "is revoked" : "has expired");
    else
        add_signers(g, taken);
    if (owner)
        name_of(taken, owner);
    gpgme_key_unref(taken);
    g->keys += !err->code;
    return err->code;
}

/* ---- signatures ---- */
static bool is_trusted(const struct kp_openpgp *g, const char *fingerprint)
{
    for (size_t i = 0; fingerprint && i < g->n; i++)
        if (strcmp(fingerprint, g->signer[i]) == 0)
            return true;
    return false;
}

static enum kp_code judge(struct kp_openpgp *g, const gpgme_signature_t s, struct kp_err *err)
{
    const char *by = s->fpr ? s->fpr : "?";
    switch (gpgme_err_code(s->status)) {
    case GPG_ERR_NO_ERROR:
        return is_trusted(g, s->fpr)
                   ? KP_OK
                   : kp_fail(err, KP_EDENIED, "it is signed by %.64s, which is not trusted", by);
    case GPG_ERR_BAD_SIGNATURE:
        return kp_fail(err, KP_EDENIED,
                       "the signature is wrong: the document is not what was signed");
    case GPG_ERR_NO_PUBKEY:
        return kp_fail(err, KP_EDENIED, "it is signed by %.64s, which is not trusted", by);
    case GPG_ERR_KEY_EXPIRED:
    case GPG_ERR_SIG_EXPIRED:
        return kp_fail(err, KP_EDENIED, "the signature, or the key %.64s, has expired", by);
    case GPG_ERR_CERT_REVOKED:
        return kp_fail(err, KP_EDENIED, "the key %.64s is revoked", by);
    default:
        return kp_fail(err, KP_EDENIED,
                       "the signature cannot be checked (weak or unknown algorithm)");
    }
}

enum kp_code kp_openpgp_check(struct kp_openpgp *g, const char *text, size_t len,
                              const char *signature, size_t signature_len, struct kp_err *err)
{
    gpgme_data_t what = NULL, by = NULL;
    struct kp_err own = { 0 };
    gpgme_error_t e;
    if ((e = gpgme_data_new_from_mem(&what, text, len, 0)) ||
        (e = gpgme_data_new_from_mem(&by, signature, signature_len, 0)))
        failed(e, "the signature", &own);
    else if ((e = gpgme_op_verify(g->context, by, what, NULL)) &&
             gpgme_err_code(e) != GPG_ERR_NO_DATA)
        failed(e, "the signature", &own);
    gpgme_verify_result_t r = own.code || e ? NULL : gpgme_op_verify_result(g->context);
    if (!own.code && (!r || !r->signatures))
        kp_fail(&own, KP_EDENIED, "there is no OpenPGP signature in its signature file");
    bool good = false; /* one signature of a trusted key is enough; the first reason is told */
    for (gpgme_signature_t s = r ? r->signatures : NULL; s && !good; s = s->next)
        good = !judge(g, s, s == r->signatures ? &own : &(struct kp_err){ 0 });
    gpgme_data_release(what);
    gpgme_data_release(by);
    return good ? KP_OK : kp_fail(err, own.code, "%s", own.text);
}
