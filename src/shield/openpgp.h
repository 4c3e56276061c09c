/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_OPENPGP_H
#define KOPPEL_SHIELD_OPENPGP_H
/* Detached OpenPGP signatures, judged with the keys a person trusts and no others. The keys are put
 * into a folder of their own for as long as they are needed; what the user of this machine has in
 * his own key ring plays no part. It is done by GnuPG (the program gpg). */
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { KP_FINGERPRINT = 65, KP_OPENPGP_KEY_MAX = 1 << 20, KP_OPENPGP_SIGNATURE_MAX = 256 << 10 };

struct kp_openpgp;
/* `folder` is made, what was in it is removed, and it is removed when this is freed. KP_ENOTFOUND:
 * there is no gpg. */
struct kp_openpgp *kp_openpgp_new(const char *folder, struct kp_err *);
void kp_openpgp_free(struct kp_openpgp *); /* NULL is allowed */
/* A folder for one that nobody else uses, below this one; what a crash left of such is removed when
 * nobody uses any. */
void kp_openpgp_folder(const char *below, char *out, size_t size);
void kp_openpgp_clean(const char *below);
/* Takes a key, armoured or not, whose fingerprint has to be this one (any case, blanks allowed);
 * all other keys in the text are not taken. KP_EPARSE, KP_EDENIED (another key). `owner` (may be
 * NULL) gets the name it says. */
enum kp_code kp_openpgp_trust(struct kp_openpgp *, const char *key, size_t len,
                              const char *fingerprint, char owner[128], struct kp_err *);
/* KP_EDENIED: the signature is wrong, or of a key that is not trusted, or too old. */
enum kp_code kp_openpgp_check(struct kp_openpgp *, const char *text, size_t len,
                              const char *signature, size_t signature_len, struct kp_err *);
/* Capitals without blanks; false: it is no fingerprint (40 or 64 hexadecimal digits). */
bool kp_fingerprint_read(const char *text, char out[KP_FINGERPRINT]);
/* The same in groups of four, for people. */
void kp_fingerprint_show(const char *fingerprint, char *out, size_t size);
#endif
