/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_VAULT_H
#define KOPPEL_STORE_VAULT_H
/* A data file and the node's key in one encrypted file, which a passphrase opens on any machine.
 *
 * "koppel backup 1\n" | salt (16) | header (24) | messages of libsodium's secretstream (XChaCha20-Poly1305): the node's
 * key (32), then the file in pieces of 64 KiB, the last one marked as final, so that a file cut off anywhere is noticed.
 * The stream's key is made of the passphrase and the salt by Argon2id. */
#include "store/secret.h"

#include <stdbool.h>
#include <stdint.h>

enum { KP_VAULT_SALT = 16, KP_VAULT_KEY = 32, KP_PASSPHRASE_MIN = 12 };

struct kp_vault_key {
    unsigned char salt[KP_VAULT_SALT], key[KP_VAULT_KEY];
};

/* Told in between; false ends it. */
struct kp_vault_watch {
    bool (*each)(void *arg, int64_t done, int64_t total); /* bytes; NULL: nobody */
    void *arg;
};

/* A new salt and the key to it. Takes about a second and 256 MiB: what Argon2id costs is fixed by the "1" of the
 * first line, so that no file can ask for more. */
enum kp_code kp_vault_new(const char *passphrase, struct kp_vault_key *, struct kp_err *);
/* The key to the salt of this file. A wrong passphrase shows when the file is read. */
enum kp_code kp_vault_key_of(const char *file, const char *passphrase, struct kp_vault_key *, struct kp_err *);
bool kp_vault_is(const char *file);

/* Neither leaves anything behind on failure; `to` must not exist and is made with mode 0600. */
enum kp_code kp_vault_write(const char *from, const char *to, const struct kp_vault_key *,
                            const unsigned char node_key[KP_NODE_KEY], struct kp_vault_watch, struct kp_err *);
enum kp_code kp_vault_read(const char *file, const char *to, const struct kp_vault_key *,
                           unsigned char node_key[KP_NODE_KEY], struct kp_vault_watch, struct kp_err *);
/* A plain copy, for the same callers. */
enum kp_code kp_file_copy(const char *from, const char *to, struct kp_vault_watch, struct kp_err *);
#endif
