/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_ERR_H
#define KOPPEL_CORE_ERR_H
/* One error type for the whole program: a code to branch on, a sentence to show.
 * The first failure wins; callers put context in front of it on the way up:
 * "factory.yaml:12:9: coupling press4: unknown key 'adress', did you mean 'address'?" */

enum kp_code {
    KP_OK = 0,
    KP_ENOMEM,    /* out of memory */
    KP_EINVALID,  /* a setting, argument or request that makes no sense */
    KP_EPARSE,    /* malformed input */
    KP_EIO,       /* disk or operating system */
    KP_EPEER,     /* the other side failed or answered wrongly; worth a retry soon */
    KP_EREFUSED,  /* the other side refuses us until a person acts (certificate, password) */
    KP_EDENIED,   /* the asker may not do this */
    KP_ENOTFOUND,
    KP_EEXISTS,
    KP_EFULL, /* a limit is reached: queue, budget, disk */
    KP_ETIMEOUT,
    KP_ESTOPPED, /* the part asked is stopping or not running */
};

enum { KP_ERR_TEXT = 256 };

/* Start with `struct kp_err err = { 0 }`. */
struct kp_err {
    enum kp_code code;
    char text[KP_ERR_TEXT]; /* valid UTF-8, never a secret */
};

/* Records the first failure and returns its code. `err` may be NULL: then only the code counts. */
enum kp_code kp_fail(struct kp_err *err, enum kp_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of a recorded failure; returns its code. Nothing recorded: does nothing. */
enum kp_code kp_context(struct kp_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The short word for a code, as the REST API and --json show it: "not-found". */
const char *kp_code_word(enum kp_code code);
#endif
