/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"
#include "store/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* A token has 256 random bits, so one round of SHA-256 is enough to keep it from being found by its hash. */
struct kp_token {
    struct kp_token *next;
    unsigned char hash[crypto_hash_sha256_BYTES];
    char *writes; /* NULL: what the role may */
    enum kp_role role;
    bool member;
    int64_t expires; /* 0 = never */
    char name[];
};

/* In place of a role: it opens the collections it is named for, and nothing else. */
static const char member_word[] = "member";

static bool is_member(const char *role)
{
    return role && strcmp(role, member_word) == 0;
}

const char *const kp_role_words[] = { "nobody", "viewer", "operator", "engineer", "owner", NULL };

enum kp_role kp_role_find(const char *word)
{
    for (int i = KP_VIEWER; kp_role_words[i]; i++)
        if (strcmp(kp_role_words[i], word) == 0)
            return (enum kp_role)i;
    return KP_NOBODY;
}

/* Of columns of the file; a word this version does not know gives no right. */
static enum kp_role role_of(const char *writes, const char *role)
{
    if (writes)
        return KP_NOBODY;
    return role ? kp_role_find(role) : KP_OWNER; /* null: made before there were roles */
}

void kp_tokens_forget(struct kp_store *s)
{
    for (struct kp_token *t; (t = s->tokens);) {
        s->tokens = t->next;
        kp_free(t->writes);
        kp_free(t);
    }
    s->tokens_known = false;
}

static enum kp_code add_token(struct kp_store *s, struct kp_stmt *row)
{
    size_t len;
    const void *hash = kp_column_blob(row, 1, &len);
    const char *name = kp_column_text(row, 0), *writes = kp_column_text(row, 2);
    if (!name || len != crypto_hash_sha256_BYTES)
        return KP_OK; /* damaged: it opens nothing */
    struct kp_token *t = kp_alloc(sizeof *t + strlen(name) + 1);
    if (!t)
        return KP_ENOMEM;
    t->writes = kp_strdup(writes);
    if (writes && !t->writes) {
        kp_free(t);
        return KP_ENOMEM;
    }
    t->role = role_of(writes, kp_column_text(row, 3));
    t->member = is_member(kp_column_text(row, 3));
    t->expires = kp_column_int(row, 4);
    memcpy(t->hash, hash, sizeof t->hash);
    memcpy(t->name, name, strlen(name) + 1);
    t->next = s->tokens;
    s->tokens = t;
    return KP_OK;
}

/* Called without the mutex: reading the file may take it. False: nobody is let in. */
static bool read_tokens(struct kp_store *s)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(s, &err);
    struct kp_stmt *get = db ? kp_db_prepare(db, "select name, hash, writes, role, expires from token", &err) : NULL;
    pthread_mutex_lock(&s->mutex);
    kp_tokens_forget(s);
    enum kp_code code = get ? KP_OK : KP_EIO;
    while (!code && kp_step(get, &err))
        code = add_token(s, get);
    s->tokens_known = !code && !err.code;
    bool known = s->tokens_known;
    pthread_mutex_unlock(&s->mutex);
    if (get)
        kp_reset(get);
    kp_store_reader_done(s, db);
    return known;
}

static void hash_token(const char *token, unsigned char hash[crypto_hash_sha256_BYTES])
{
    crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
}

/* Runs `use` on the token under the lock, if it is known and has not expired. */
static int find_token(struct kp_store *s, const char *token, int (*use)(const struct kp_token *, char *, size_t), char *out,
                      size_t size)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    const struct kp_token *found = NULL;
    if (sodium_init() < 0)
        return false;
    hash_token(token, hash);
    pthread_mutex_lock(&s->mutex);
    bool known = s->tokens_known;
    pthread_mutex_unlock(&s->mutex);
    if (!known && !read_tokens(s))
        return false;
    pthread_mutex_lock(&s->mutex);
    for (const struct kp_token *t = s->tokens; t; t = t->next)
        if (sodium_memcmp(t->hash, hash, sizeof hash) == 0)
            found = t; /* goes on: the time tells nothing about the place */
    bool valid = found && (!found->expires || kp_utc(s->clock) < found->expires);
    int is = valid ? use(found, out, size) : 0;
    pthread_mutex_unlock(&s->mutex);
    return is;
}

static int take_name(const struct kp_token *t, char *out, size_t size)
{
    if (out && size)
        kp_utf8_clean(out, size, t->name, strlen(t->name));
    return (int)t->role;
}

enum kp_role kp_token_check(struct kp_store *s, const char *token, char *name, size_t size)
{
    return (enum kp_role)find_token(s, token, take_name, name, size);
}

static int take_writes(const struct kp_token *t, char *out, size_t size)
{
    int n = t->writes ? snprintf(out, size, "%s", t->writes) : -1;
    return n >= 0 && (size_t)n < size;
}

bool kp_token_writes(struct kp_store *s, const char *token, char *pattern, size_t size)
{
    return find_token(s, token, take_writes, pattern, size);
}

static int take_member(const struct kp_token *t, char *out, size_t size)
{
    take_name(t, out, size);
    return !t->writes && (t->member || t->role);
}

bool kp_token_joins(struct kp_store *s, const char *token, char *name, size_t size)
{
    return find_token(s, token, take_member, name, size);
}

/* ---- the list ---- */

enum kp_code kp_token_list(struct kp_store *s, bool (*each)(void *, const struct kp_token_view *), void *arg, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s, err);
    struct kp_stmt *get = db ? kp_db_prepare(db, "select name, created, writes, role, expires from token order by name", err) : NULL;
    bool more = get;
    while (more && kp_step(get, err)) {
        const char *name = kp_column_text(get, 0);
        struct kp_token_view v = { .name = name ? name : "", .created = kp_column_int(get, 1), .writes = kp_column_text(get, 2),
                                   .expires = kp_column_int(get, 4), .member = is_member(kp_column_text(get, 3)) };
        v.role = role_of(v.writes, kp_column_text(get, 3));
        more = each(arg, &v);
    }
    if (get)
        kp_reset(get);
    kp_store_reader_done(s, db);
    return err->code;
}

/* ---- making and removing ---- */

struct edit {
    struct kp_token_view token;
    unsigned char hash[crypto_hash_sha256_BYTES];
};

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct edit *e = arg;
    struct kp_stmt *put =
        kp_db_prepare(db, "insert into token(name, hash, created, writes, role, expires) values(?, ?, ?, ?, ?, ?)", err);
    if (!put)
        return err->code;
    kp_bind_text(put, 1, e->token.name);
    kp_bind_blob(put, 2, e->hash, sizeof e->hash);
    kp_bind_int(put, 3, e->token.created);
    kp_bind_text(put, 4, e->token.writes);
    kp_bind_text(put, 5, e->token.member ? member_word : e->token.role ? kp_role_words[e->token.role] : NULL);
    if (e->token.expires)
        kp_bind_int(put, 6, e->token.expires);
    return kp_run(put, err);
}

static enum kp_code erase(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct edit *e = arg;
    struct kp_stmt *del = kp_db_prepare(db, "delete from token where name = ?", err);
    if (!del)
        return err->code;
    kp_bind_text(del, 1, e->token.name);
    if (kp_run(del, err))
        return err->code;
    return kp_db_changes(db) ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no token named '%s'", e->token.name);
}

static enum kp_code edit(struct kp_store *s, enum kp_code (*fn)(struct kp_db *, void *, struct kp_err *),
                         struct edit *e, struct kp_err *err)
{
    enum kp_code code = kp_store_do(s, fn, e, err);
    pthread_mutex_lock(&s->mutex);
    s->tokens_known = false;
    pthread_mutex_unlock(&s->mutex);
    return code;
}

enum kp_code kp_token_create(struct kp_store *s, const char *name, char out[KP_TOKEN_TEXT], struct kp_err *err)
{
    return kp_token_create_for(s, &(struct kp_token_view){ .name = name }, out, err);
}

static enum kp_code check_wanted(const struct kp_token_view *t, struct kp_err *err)
{
    const char *name = t->name, *writes = t->writes;
    if (!kp_name_valid(name, strlen(name)))
        return kp_fail(err, KP_EINVALID, "'%.64s' is no name for a token", name);
    if (writes && (!*writes || strlen(writes) >= KP_PATH_MAX || !kp_pattern_valid(writes)))
        return kp_fail(err, KP_EINVALID, "'%.100s' is no pattern of paths such as hall/oven", writes);
    if (writes && (t->role || t->member))
        return kp_fail(err, KP_EINVALID, "a token has a role, or a pattern of signals it may post values to: not both");
    if (t->expires && t->expires <= t->created)
        return kp_fail(err, KP_EINVALID, "the token '%.64s' would have expired already: give a time to come", name);
    return KP_OK;
}

enum kp_code kp_token_create_for(struct kp_store *s, const struct kp_token_view *wanted, char out[KP_TOKEN_TEXT],
                                 struct kp_err *err)
{
    struct edit e = { .token = *wanted };
    unsigned char random[32];
    struct kp_err failure = { 0 };
    const char *name = wanted->name;
    e.token.created = kp_utc(s->clock);
    if (!e.token.writes && !e.token.role && !e.token.member)
        e.token.role = KP_OWNER;
    if (check_wanted(&e.token, err))
        return err->code;
    if (sodium_init() < 0)
        return kp_fail(err, KP_EIO, "the system has no source of random numbers");
    randombytes_buf(random, sizeof random);
    memcpy(out, "kp_", 4);
    sodium_bin2base64(out + 3, KP_TOKEN_TEXT - 3, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
    hash_token(out, e.hash);
    if (edit(s, insert, &e, &failure) == KP_OK)
        return KP_OK;
    sodium_memzero(out, KP_TOKEN_TEXT);
    if (failure.code == KP_EEXISTS)
        return kp_fail(err, KP_EEXISTS, "there is a token named '%s' already; remove it or take another name", name);
    return kp_fail(err, failure.code, "%s", failure.text);
}

enum kp_code kp_token_remove(struct kp_store *s, const char *name, struct kp_err *err)
{
    struct edit e = { .token.name = name };
    return edit(s, erase, &e, err);
}
