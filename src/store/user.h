/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_USER_H
#define KOPPEL_STORE_USER_H
/* People who log in by name: a password, of which only an Argon2id hash is kept, and if they like a
 * second factor, whose secret is sealed by node.key. What must not be seen twice (a code) or while
 * it is wrong (the last owner gone) is decided in one transaction. */
#include "store/secret.h"

enum {
    KP_USER_MAX = 64,
    KP_USERS_MAX = 1000,
    KP_PASSWORD_MIN = 10,   /* characters */
    KP_PASSWORD_MAX = 1000, /* bytes */
    KP_PASSWORD_TEXT = 20,  /* one that is made here */
    KP_HASHING_MAX = 2,     /* log-ins at a time: one is hashed, the others wait */
};

struct kp_user {
    char name[KP_USER_MAX], display[KP_NAME_MAX], language[16],
        mail[256]; /* "" = not said, but for the name */
    enum kp_role role;
    bool member; /* opens collections and nothing else; its role is KP_NOBODY */
    bool disabled;
    bool must_change;      /* its password was made for it: nothing but changing that is allowed */
    bool totp;             /* a code is asked for too */
    int64_t epoch;         /* sessions that began in an earlier one have ended */
    int64_t created, seen; /* ns UTC; seen: the last log-in, KP_NO_TIME = never */
};

/* ---- passwords ---- */
/* Refuses what is short, the name itself or among the first that anybody tries. */
enum kp_code kp_password_check(const char *user, const char *password, struct kp_err *);
void kp_password_make(char out[KP_PASSWORD_TEXT]); /* 80 random bits, easy to type */

/* ---- the list ---- */
/* In order of names. Any thread. */
enum kp_code kp_user_list(struct kp_store *, bool (*each)(void *, const struct kp_user *),
                          void *arg, struct kp_err *);
/* From memory. False: there is none. Any thread. */
bool kp_user_find(struct kp_store *, const char *name, struct kp_user *out);

/* ---- changes ---- */
struct kp_user_change {
    const char *display, *language, *mail; /* NULL = as it is */
    enum kp_role role;                     /* KP_NOBODY = as it is */
    bool member;                           /* instead of a role */
    int disabled;                          /* -1 = as it is */
};
/* With a role. must_change: somebody else has made the password. */
enum kp_code kp_user_add(struct kp_store *, const char *name, const struct kp_user_change *,
                         const char *password, bool must_change, struct kp_err *);
/* Disabling or lowering ends the user's sessions. KP_EEXISTS when no enabled owner would be left,
 * here and below. */
enum kp_code kp_user_change(struct kp_store *, const char *name, const struct kp_user_change *,
                            struct kp_err *);
enum kp_code kp_user_remove(struct kp_store *, const char *name, struct kp_err *);
/* Ends the user's sessions. */
enum kp_code kp_user_password(struct kp_store *, const char *name, const char *password,
                              bool must_change, struct kp_err *);

/* A secret to be shown once, in force when a code of it has been given. */
enum kp_code kp_user_totp_begin(struct kp_store *, const char *name, char *secret,
                                struct kp_err *); /* KP_TOTP_TEXT */
enum kp_code kp_user_totp_confirm(struct kp_store *, const char *name, const char *code,
                                  struct kp_err *);
enum kp_code kp_user_totp_remove(struct kp_store *, const char *name, struct kp_err *);

/* ---- logging in ---- */
enum kp_login { KP_LOGIN_WRONG, KP_LOGIN_NO_CODE, KP_LOGIN_GOOD };
/* NO_CODE: the password is right, and a code is wanted. Takes the same time whether there is such a
 * user or not. Disabled users and members are wrong. KP_ESTOPPED when too many do this now. Not
 * from a thread that may not wait. */
enum kp_code kp_user_login(struct kp_store *, const char *name, const char *password,
                           const char *code, enum kp_login *, struct kp_user *, struct kp_err *);
/* ---- members: who open collections and nothing else, with their password at each request ---- */
/* From memory: whether this member showed this very password within the last ten minutes, and has
 * not been changed since. Takes the same time whatever is not so. Any thread. */
bool kp_member_known(struct kp_store *, const char *name, const char *password);
/* As kp_user_login, for members alone; one who is right is remembered. */
enum kp_code kp_member_login(struct kp_store *, const char *name, const char *password, bool *right,
                             struct kp_err *);

/* The password alone, of somebody who is logged in. */
enum kp_code kp_user_knows(struct kp_store *, const char *name, const char *password, bool *right,
                           struct kp_err *);
#endif
