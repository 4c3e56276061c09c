/* SPDX-License-Identifier: Apache-2.0 */
/* Vaults of backups. Even first byte: the rest is a file somebody made up, which must be refused or read without harm.
 * Odd: the rest is put into a vault, which gives it back; with one bit changed, or cut off, it must be refused and leave
 * nothing behind. */
#include "store/vault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SALT_AT = sizeof "koppel backup 1\n" - 1 };
static char dir[64], plain[80], vault[80], back[80];
static const struct kp_vault_key key = { .salt = "0123456789abcdef", .key = "the key of every vault in here" };
static const unsigned char node_key[KP_NODE_KEY] = "the key of every node in here";

static void clean(void)
{
    unlink(plain);
    unlink(vault);
    unlink(back);
    rmdir(dir);
}

static void prepare(void)
{
    snprintf(dir, sizeof dir, "/tmp/koppel-fuzz-XXXXXX");
    if (!mkdtemp(dir))
        abort();
    snprintf(plain, sizeof plain, "%s/plain", dir);
    snprintf(vault, sizeof vault, "%s/vault", dir);
    snprintf(back, sizeof back, "%s/back", dir);
    atexit(clean);
}

static void put(const char *file, const uint8_t *data, size_t size)
{
    FILE *f = fopen(file, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
}

static uint8_t *get(const char *file, size_t *size)
{
    struct stat st;
    FILE *f = fopen(file, "rb");
    if (!f || fstat(fileno(f), &st))
        abort();
    *size = (size_t)st.st_size;
    uint8_t *all = malloc(*size + 1);
    if (!all || fread(all, 1, *size, f) != *size)
        abort();
    fclose(f);
    return all;
}

/* True when it was read, into `back`. */
static bool opens(void)
{
    struct kp_err err = { 0 };
    unsigned char found[KP_NODE_KEY];
    unlink(back);
    bool read = kp_vault_read(vault, back, &key, found, (struct kp_vault_watch){ 0 }, &err) == KP_OK;
    if (read ? memcmp(found, node_key, sizeof found) != 0 : access(back, F_OK) == 0 || !*err.text)
        abort();
    return read;
}

static void round_trip(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    size_t n;
    put(plain, data, size);
    unlink(vault);
    if (kp_vault_write(plain, vault, &key, node_key, (struct kp_vault_watch){ 0 }, &err) || !opens())
        abort();
    uint8_t *again = get(back, &n);
    if (n != size || memcmp(again, data, n) != 0)
        abort();
    free(again);
    uint8_t *sealed = get(vault, &n);
    size_t at = size > 2 ? (data[0] << 8 | data[1]) % n : n / 2;
    sealed[at] ^= (uint8_t)(1 << (size % 8));
    put(vault, sealed, n);
    if (opens() && (at < SALT_AT || at >= SALT_AT + KP_VAULT_SALT)) /* another salt is another key, which we have */
        abort();
    sealed[at] ^= (uint8_t)(1 << (size % 8));
    put(vault, sealed, at);
    if (opens())
        abort();
    free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*dir)
        prepare();
    if (size < 1 || size > 1 << 18)
        return 0;
    if (data[0] & 1) {
        round_trip(data + 1, size - 1);
    } else {
        put(vault, data + 1, size - 1);
        opens();
    }
    return 0;
}
