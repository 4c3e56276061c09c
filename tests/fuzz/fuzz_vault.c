/* SPDX-License-Identifier: Apache-2.0 */
/* An encrypted backup, read with the key it needs, so that no passphrase is stretched here: what
 * Argon2id costs is fixed in the program, a file has no say in it. The first byte says what the
 * rest is: 'r': the file as it is; 'd': position (2), change (1), cut (1), what is in the backup:
 * one that is written, damaged and read; 'h': messages as one who knows the passphrase may write
 * them: tag (1), length (3), again and again. A file that is taken gives exactly what was written;
 * one that is not leaves nothing behind. */
#include "store/vault.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PIECE = 64 << 10,
    HEAD = 16 + KP_VAULT_SALT + crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    ROOM = 4 * PIECE
};

static char folder[64], vault[80], plain[80], out[80];
static uint8_t text[ROOM], file[ROOM * 2];
static const struct kp_vault_key key = { .key = "a key of thirty-two bytes in all" };
static const unsigned char node_key[KP_NODE_KEY] = "the key of the node, as long too";

/* The same header in every run. */
static const char *name(void)
{
    return "fixed";
}

static void fill(void *to, size_t n)
{
    memset(to, 7, n);
}

static uint32_t seven(void)
{
    return 7;
}

static void remove_folder(void)
{
    unlink(vault);
    rmdir(folder);
}

static void setup(void)
{
    static struct randombytes_implementation fixed = { .implementation_name = name,
                                                       .random = seven,
                                                       .buf = fill };
    if (*folder)
        return;
    randombytes_set_implementation(&fixed);
    snprintf(folder, sizeof folder, "%s/koppel-fuzz-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(folder))
        abort();
    snprintf(vault, sizeof vault, "%s/vault", folder);
    snprintf(plain, sizeof plain, "%s/plain", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    atexit(remove_folder);
}

static void save(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f))
        abort();
}

static size_t load(const char *path, void *data, size_t room)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(data, 1, room, f) : 0;
    if (!f || fclose(f))
        abort();
    return n;
}

/* Reads the vault. What it gives must be `n` bytes of `text`; -1: it must be refused; -2: whatever
 * it likes. */
static void read_vault(long n)
{
    static uint8_t is[ROOM * 2];
    unsigned char got[KP_NODE_KEY];
    struct kp_err err = { 0 }, none = { 0 };
    struct kp_vault_key ignored;
    enum kp_code code = kp_vault_read(vault, out, &key, got, (struct kp_vault_watch){ 0 }, &err);
    if (code != err.code || (code == KP_OK) != (access(out, F_OK) == 0))
        abort();
    if (n != -2 && (code == KP_OK) != (n >= 0))
        abort();
    if (!code && n >= 0 &&
        (load(out, is, sizeof is) != (size_t)n || memcmp(is, text, (size_t)n) ||
         memcmp(got, node_key, sizeof got)))
        abort();
    unlink(out);
    if (kp_vault_key_of(vault, "too short", &ignored, &none) == KP_OK ||
        (!code && !kp_vault_is(vault)))
        abort();
}

/* ---- one that is damaged ---- */
static void damage(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    if (size < 4)
        return;
    size_t n = 0, piece = size - 4;
    for (unsigned i = 0; i <= data[0] % 4U && n + piece <= sizeof text; i++, n += piece)
        memcpy(text + n, data + 4, piece);
    save(plain, text, n);
    unlink(vault);
    if (kp_vault_write(plain, vault, &key, node_key, (struct kp_vault_watch){ 0 }, &err))
        abort();
    unlink(plain);
    size_t len = load(vault, file, sizeof file), at = ((size_t)data[0] << 8 | data[1]) * len >> 16;
    bool salt = at >= 16 &&
                at < 16 + KP_VAULT_SALT; /* makes another key of the passphrase; not read here */
    file[at] ^= data[2];
    size_t cut = data[3] < len ? data[3] : len;
    save(vault, file, len - cut);
    read_vault((!data[2] || salt) && !cut ? (long)n : -1);
}

/* ---- one that is made to hurt ---- */
static size_t push(crypto_secretstream_xchacha20poly1305_state *st, size_t at, const uint8_t *data,
                   size_t n, uint8_t tag)
{
    unsigned long long len = 0;
    crypto_secretstream_xchacha20poly1305_push(st, file + at, &len, data, n, NULL, 0, tag);
    return at + (size_t)len;
}

static void hurt(const uint8_t *data, size_t size)
{
    crypto_secretstream_xchacha20poly1305_state st;
    size_t at = HEAD, n = 0;
    memcpy(file, "koppel backup 1\n", 16);
    memcpy(file + 16, key.salt, KP_VAULT_SALT);
    crypto_secretstream_xchacha20poly1305_init_push(&st, file + 16 + KP_VAULT_SALT, key.key);
    bool fine = true, ended = false;
    for (bool first = true; size >= 4; first = false, data += 4, size -= 4) {
        size_t len = ((size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3]) % (PIECE + 2);
        uint8_t tag = data[0] % 4;
        if (n + len > sizeof text || at + len + 64 > sizeof file)
            break;
        if (first) { /* the node's key */
            at = push(&st, at, node_key, len < KP_NODE_KEY ? len : KP_NODE_KEY, tag);
            fine = len >= KP_NODE_KEY;
            continue;
        }
        memset(text + n, data[0], len);
        at = push(&st, at, text + n, len, tag);
        fine &= !ended && len <= PIECE &&
                (len == PIECE || tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL);
        ended |= tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
        n += len;
    }
    save(vault, file, at);
    read_vault(fine && ended ? (long)n : -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setup();
    if (!size || size > PIECE + 64)
        return 0;
    if (data[0] == 'd') {
        damage(data + 1, size - 1);
    } else if (data[0] == 'h') {
        hurt(data + 1, size - 1);
    } else {
        save(vault, data + 1, size - 1);
        read_vault(-2);
    }
    return 0;
}
