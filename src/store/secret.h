/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_SECRET_H
#define KOPPEL_STORE_SECRET_H
/* Secrets (passwords of machines, private keys) in the data file, sealed by the node's key: 32 random
 * bytes in node.key beside the file, mode 0600 (libsodium secretbox). And access tokens, of which only a hash is kept. */
#include "store/store.h"

/* Makes node.key; KP_EEXISTS when it is there. */
enum kp_code kp_key_create(const char *dir, struct kp_err *);
/* Reads it into locked memory of the store; refuses one that others may read. */
enum kp_code kp_key_load(struct kp_store *, const char *dir, struct kp_err *);

enum { KP_NODE_KEY = 32 };
/* Reads it into memory of the caller's, which he clears. */
enum kp_code kp_key_read(const char *dir, unsigned char key[KP_NODE_KEY], struct kp_err *);

/* `name` like "opcua/key" or "coupling/3/password". put with data NULL removes it. */
enum kp_code kp_secret_put(struct kp_store *, const char *name, const void *data, size_t len, struct kp_err *);
/* The same as part of a kp_store_do of this store. */
enum kp_code kp_secret_write(struct kp_store *, struct kp_db *, const char *name, const void *data, size_t len, struct kp_err *);
/* Into the arena (with a 0 behind it). KP_ENOTFOUND when there is none. */
enum kp_code kp_secret_get(struct kp_store *, const char *name, struct kp_arena *, void **data, size_t *len,
                           struct kp_err *);

/* What somebody may do: each role all that those before it may. */
enum kp_role { KP_NOBODY, KP_VIEWER, KP_OPERATOR, KP_ENGINEER, KP_OWNER };
extern const char *const kp_role_words[]; /* by enum kp_role: "nobody", "viewer" ... ; ends with NULL */
enum kp_role kp_role_find(const char *word); /* KP_NOBODY: it is none */

/* Tokens: "kp_" and 43 characters of base64url. */
enum { KP_TOKEN_TEXT = 48 };
enum kp_code kp_token_create(struct kp_store *, const char *name, char out[KP_TOKEN_TEXT], struct kp_err *);
struct kp_token_view {
    const char *name;
    int64_t created;    /* ns UTC */
    const char *writes; /* it may post values to the signals that match, and nothing else; NULL: what its role may */
    enum kp_role role;  /* KP_NOBODY: with writes */
    int64_t expires;    /* ns UTC, from then on it opens nothing; 0 = never */
    bool member;        /* it opens the collections it is named for (shield/taxii.h), and nothing else */
};
/* As `wanted` says (`created` is set here): with a pattern or a role, with neither for an owner. */
enum kp_code kp_token_create_for(struct kp_store *, const struct kp_token_view *wanted, char out[KP_TOKEN_TEXT],
                                 struct kp_err *);
/* What it may do: KP_NOBODY for one that is not known, has expired, or may only post values. Constant time in the token.
 * Copies the token's name when it is known. Cached in memory. */
enum kp_role kp_token_check(struct kp_store *, const char *token, char *name, size_t size);
/* True for one that may be a member of collections: of a role, or made for that alone. Copies its name. */
bool kp_token_joins(struct kp_store *, const char *token, char *name, size_t size);
/* True for one that may only post values: copies the pattern of where. */
bool kp_token_writes(struct kp_store *, const char *token, char *pattern, size_t size);
enum kp_code kp_token_list(struct kp_store *, bool (*each)(void *, const struct kp_token_view *), void *arg, struct kp_err *);
enum kp_code kp_token_remove(struct kp_store *, const char *name, struct kp_err *);
#endif
