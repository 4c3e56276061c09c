/* SPDX-License-Identifier: Apache-2.0 */
#include "store/user.h"

#include "store/engine.h"
#include "store/totp.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

/* RFC 9106, 4: the second recommended choice, for machines with little memory. One hash at a time,
 * so a flood of log-ins costs 64 MiB and one core. */
enum { HASH_PASSES = 3, HASH_BYTES = 64 << 20 };

enum { TOTP_NONE, TOTP_SHOWN, TOTP_ASKED };
static const char member_word[] = "member";

struct row {
    struct kp_user user;
    char hash[crypto_pwhash_STRBYTES];
    int64_t totp, totp_step;
};

/* ---- passwords ---- */

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static bool is_obvious(const char *password)
{
    static const char *const known[] = {
        "1234567890",  "0123456789",    "12345678910",  "0987654321",       "qwertyuiop",
        "password12",  "password123",   "password1234", "passwordpassword", "wachtwoord",
        "wachtwoord1", "wachtwoord123", "welkom1234",   "welkom12345",      "welkom2025",
        "welkom2026",  "welcome123",    "welcome1234",  "letmein123",       "administrator",
        "changeme123", "koppel1234",    "koppelkoppel", "iloveyou123",      "qwerty1234",
        "qwerty12345", "1q2w3e4r5t",    "abcdefghij",   "operator123",      "engineer123",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(password, known[i]) == 0)
            return true;
    return strspn(password, (char[]){ password[0], 0 }) ==
           strlen(password); /* one character over and over */
}

enum kp_code kp_password_check(const char *user, const char *password, struct kp_err *err)
{
    if (strlen(password) > KP_PASSWORD_MAX || !kp_utf8_valid(password, strlen(password)))
        return kp_fail(err, KP_EINVALID, "a password is text of at most %d bytes", KP_PASSWORD_MAX);
    if (characters(password) < KP_PASSWORD_MIN)
        return kp_fail(
            err, KP_EINVALID,
            "a password has at least %d characters; a few words are easy to keep in mind",
            KP_PASSWORD_MIN);
    if (strcasecmp(password, user) == 0 || is_obvious(password))
        return kp_fail(err, KP_EINVALID,
                       "this password is among the first that are tried: take another one");
    return KP_OK;
}

void kp_password_make(char out[KP_PASSWORD_TEXT])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* no l and 1, no o and 0 */
    uint8_t bytes[KP_PASSWORD_TEXT - 1];
    kp_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        out[i] = i % 5 == 4 ? '-' : letters[bytes[i] & 31];
    out[sizeof bytes] = 0;
}

/* Who hashes now, and who waits for it. */
static pthread_mutex_t hashing = PTHREAD_MUTEX_INITIALIZER;
static atomic_int hashers;

static enum kp_code hash_begin(struct kp_err *err)
{
    if (sodium_init() < 0)
        return kp_fail(err, KP_EIO, "the system has no source of random numbers");
    if (atomic_fetch_add(&hashers, 1) >= KP_HASHING_MAX) {
        atomic_fetch_sub(&hashers, 1);
        return kp_fail(err, KP_ESTOPPED,
                       "too many people log in at this moment: try again in a second");
    }
    pthread_mutex_lock(&hashing);
    return KP_OK;
}

static void hash_end(void)
{
    pthread_mutex_unlock(&hashing);
    atomic_fetch_sub(&hashers, 1);
}

static enum kp_code make_hash(const char *password, char out[crypto_pwhash_STRBYTES],
                              struct kp_err *err)
{
    if (hash_begin(err))
        return err->code;
    int failed = crypto_pwhash_str_alg(out, password, strlen(password), HASH_PASSES, HASH_BYTES,
                                       crypto_pwhash_ALG_ARGON2ID13);
    hash_end();
    return failed ? kp_fail(err, KP_ENOMEM, "out of memory hashing the password (it takes %d MiB)",
                            HASH_BYTES >> 20)
                  : KP_OK;
}

/* Without a hash it does the work all the same. */
static enum kp_code check_hash(const char *hash, const char *password, bool *right,
                               struct kp_err *err)
{
    unsigned char salt[crypto_pwhash_SALTBYTES] = { 0 }, out[32];
    *right = false;
    if (hash_begin(err))
        return err->code;
    if (hash[0])
        *right = crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
    else if (crypto_pwhash(out, sizeof out, password, strlen(password), salt, HASH_PASSES,
                           HASH_BYTES, crypto_pwhash_ALG_ARGON2ID13))
        kp_fail(err, KP_ENOMEM, "out of memory checking the password (it takes %d MiB)",
                HASH_BYTES >> 20);
    hash_end();
    return err->code;
}

/* ---- rows ---- */

#define COLUMNS                                                                                    \
    "name, role, display, language, mail, disabled, hash, must_change, totp, totp_step, epoch, "   \
    "created, seen"

static void take_text(struct kp_stmt *s, int column, char *out, size_t size)
{
    const char *text = kp_column_text(s, column);
    kp_utf8_clean(out, size, text ? text : "", text ? strlen(text) : 0);
}

static void take_row(struct kp_stmt *s, struct row *row)
{
    struct kp_user *u = &row->user;
    const char *role = kp_column_text(s, 1);
    *row = (struct row){ .totp = kp_column_int(s, 8), .totp_step = kp_column_int(s, 9) };
    take_text(s, 0, u->name, sizeof u->name);
    take_text(s, 2, u->display, sizeof u->display);
    take_text(s, 3, u->language, sizeof u->language);
    take_text(s, 4, u->mail, sizeof u->mail);
    take_text(s, 6, row->hash, sizeof row->hash);
    u->role = role ? kp_role_find(role) : KP_NOBODY;
    u->member = role && strcmp(role, member_word) == 0;
    u->disabled = kp_column_int(s, 5) != 0;
    u->must_change = kp_column_int(s, 7) != 0;
    u->totp = row->totp == TOTP_ASKED;
    u->epoch = kp_column_int(s, 10);
    u->created = kp_column_int(s, 11);
    u->seen = kp_column_time(s, 12);
}

/* False: there is none, or err says what failed. */
static bool read_row(struct kp_db *db, const char *name, struct row *row, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(db, "select " COLUMNS " from user where name = ?", err);
    if (!get)
        return false;
    kp_bind_text(get, 1, name);
    bool found = kp_step(get, err);
    if (found)
        take_row(get, row);
    kp_reset(get);
    return found;
}

static enum kp_code write_row(struct kp_db *db, const struct row *row, struct kp_err *err)
{
    const struct kp_user *u = &row->user;
    struct kp_stmt *put = kp_db_prepare(db,
                                        "insert or replace into user(" COLUMNS
                                        ") values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                        err);
    if (!put)
        return err->code;
    const char *role = u->member ? member_word : kp_role_words[u->role];
    const char *texts[] = { u->name, role, u->display, u->language, u->mail };
    for (int i = 0; i < 5; i++)
        kp_bind_text(put, i + 1, texts[i]);
    kp_bind_int(put, 6, u->disabled);
    kp_bind_text(put, 7, row->hash);
    const int64_t numbers[] = { u->must_change, row->totp, row->totp_step, u->epoch, u->created };
    for (int i = 0; i < 5; i++)
        kp_bind_int(put, i + 8, numbers[i]);
    if (u->seen != KP_NO_TIME)
        kp_bind_int(put, 13, u->seen);
    return kp_run(put, err);
}

/* ---- the list, in memory ---- */

void kp_users_forget(struct kp_store *s)
{
    kp_free(s->users);
    s->users = NULL;
    s->n_users = s->users_room = 0;
    s->users_known = false;
}

/* Called without the mutex: reading the file may take it. False: nobody is known. */
static bool read_users(struct kp_store *s, struct kp_err *err)
{
    struct row row;
    struct kp_db *db = kp_store_reader(s, err);
    struct kp_stmt *get =
        db ? kp_db_prepare(db, "select " COLUMNS " from user order by name", err) : NULL;
    pthread_mutex_lock(&s->mutex);
    kp_users_forget(s);
    while (get && kp_step(get, err)) {
        take_row(get, &row);
        if (!kp_grow(&s->users, &s->users_room, s->n_users + 1, sizeof *s->users)) {
            kp_fail(err, KP_ENOMEM, "out of memory reading the users");
            break;
        }
        s->users[s->n_users++] = row.user;
    }
    s->users_known = get && !err->code;
    bool known = s->users_known;
    pthread_mutex_unlock(&s->mutex);
    if (get)
        kp_reset(get);
    kp_store_reader_done(s, db);
    explicit_bzero(&row, sizeof row);
    return known;
}

bool kp_user_find(struct kp_store *s, const char *name, struct kp_user *out)
{
    struct kp_err err = { 0 };
    bool found = false;
    pthread_mutex_lock(&s->mutex);
    bool known = s->users_known;
    pthread_mutex_unlock(&s->mutex);
    if (!known && !read_users(s, &err))
        return false;
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->n_users && !found; i++) {
        found = strcmp(s->users[i].name, name) == 0;
        if (found)
            *out = s->users[i];
    }
    pthread_mutex_unlock(&s->mutex);
    return found;
}

enum kp_code kp_user_list(struct kp_store *s, bool (*each)(void *, const struct kp_user *),
                          void *arg, struct kp_err *err)
{
    struct row row;
    struct kp_db *db = kp_store_reader(s, err);
    struct kp_stmt *get =
        db ? kp_db_prepare(db, "select " COLUMNS " from user order by name", err) : NULL;
    bool more = get;
    while (more && kp_step(get, err)) {
        take_row(get, &row);
        more = each(arg, &row.user);
    }
    if (get)
        kp_reset(get);
    kp_store_reader_done(s, db);
    explicit_bzero(&row, sizeof row);
    return err->code;
}

/* ---- changes ---- */

struct edit {
    const char *name;
    enum kp_code (*apply)(struct row *, const struct edit *, struct kp_err *);
    const struct row *row; /* of a new one; of a change the hash and what stands beside it */
    const struct kp_user_change *change;
    int64_t now, step;
    bool remove;
};

static bool is_owner(const struct kp_user *u)
{
    return u->role == KP_OWNER && !u->disabled;
}

static enum kp_code keep_an_owner(struct kp_db *db, struct kp_err *err)
{
    int64_t n = 0;
    if (kp_db_number(db, "select count(*) from user where role = 'owner' and not disabled", 0, &n,
                     err))
        return err->code;
    return n ? KP_OK : kp_fail(err, KP_EEXISTS, "this is the last owner: make another one first");
}

static enum kp_code no_user(const char *name, struct kp_err *err)
{
    return kp_fail(err, KP_ENOTFOUND, "there is no user named '%.60s'", name);
}

static enum kp_code erase(struct kp_db *db, const char *name, struct kp_err *err)
{
    static const char *const statements[] = {
        "delete from user where name = ?", "delete from secret where name = 'user/' || ? || '/totp'"
    };
    for (size_t i = 0; i < 2; i++) {
        struct kp_stmt *del = kp_db_prepare(db, statements[i], err);
        if (!del)
            return err->code;
        kp_bind_text(del, 1, name);
        if (kp_run(del, err))
            return err->code;
    }
    return KP_OK;
}

/* In the store thread. */
static enum kp_code edit_row(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct edit *e = arg;
    struct row row;
    if (!read_row(db, e->name, &row, err))
        return err->code ? err->code : no_user(e->name, err);
    bool owner = is_owner(&row.user);
    if (e->remove ? erase(db, e->name, err) : e->apply(&row, e, err) || write_row(db, &row, err))
        return err->code;
    return owner ? keep_an_owner(db, err) : KP_OK;
}

static enum kp_code edit(struct kp_store *s,
                         enum kp_code (*fn)(struct kp_db *, void *, struct kp_err *),
                         struct edit *e, struct kp_err *err)
{
    e->now = kp_utc(s->clock);
    enum kp_code code = kp_store_do(s, fn, e, err);
    pthread_mutex_lock(&s->mutex);
    s->users_known = false;
    pthread_mutex_unlock(&s->mutex);
    return code;
}

static enum kp_code add_row(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct edit *e = arg;
    struct row row = *e->row;
    int64_t n = 0;
    if (kp_db_number(db, "select count(*) from user", 0, &n, err))
        return err->code;
    if (n >= KP_USERS_MAX)
        return kp_fail(err, KP_EFULL, "there are %d users already", KP_USERS_MAX);
    struct row same;
    if (read_row(db, e->name, &same, err))
        return kp_fail(err, KP_EEXISTS, "there is a user named '%.60s' already", e->name);
    row.user.created = row.user.epoch = e->now;
    row.user.seen = KP_NO_TIME;
    return err->code ? err->code : write_row(db, &row, err);
}

/* Letters and hyphens: "nl", "en-GB". */
static bool language_valid(const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p != '-' && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z'))
            return false;
    return strlen(text) < sizeof((struct kp_user *)0)->language;
}

static bool text_valid(const char *text, size_t size)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            return false;
    return n < size && kp_utf8_valid(text, n);
}

static enum kp_code check_texts(const struct kp_user_change *c, struct kp_err *err)
{
    if (c->language && !language_valid(c->language))
        return kp_fail(err, KP_EINVALID, "'%.20s' is no language such as nl or en", c->language);
    if (c->mail && (!text_valid(c->mail, sizeof((struct kp_user *)0)->mail) ||
                    (*c->mail && !strchr(c->mail, '@'))))
        return kp_fail(err, KP_EINVALID, "'%.100s' is no mail address", c->mail);
    if (c->display && !text_valid(c->display, KP_NAME_MAX))
        return kp_fail(err, KP_EINVALID, "displayName is text of at most %d bytes on one line",
                       KP_NAME_MAX - 1);
    return KP_OK;
}

static enum kp_code apply_change(struct row *row, const struct edit *e, struct kp_err *err)
{
    (void)err;
    const struct kp_user_change *c = e->change;
    struct kp_user *u = &row->user;
    bool lowered = c->member ? !u->member : c->role && c->role < u->role;
    if (lowered || (c->disabled > 0 && !u->disabled))
        u->epoch++;
    u->role = c->member ? KP_NOBODY : c->role ? c->role : u->role;
    u->member = c->member || (u->member && !c->role);
    u->must_change = u->must_change && !u->member; /* it has no place to change it */
    u->disabled = c->disabled < 0 ? u->disabled : c->disabled;
    if (c->display)
        snprintf(u->display, sizeof u->display, "%s", c->display);
    if (c->language)
        snprintf(u->language, sizeof u->language, "%s", c->language);
    if (c->mail)
        snprintf(u->mail, sizeof u->mail, "%s", c->mail);
    return KP_OK;
}

enum kp_code kp_user_add(struct kp_store *s, const char *name, const struct kp_user_change *as,
                         const char *password, bool must_change, struct kp_err *err)
{
    struct row row = { .user.must_change = must_change };
    struct edit e = { .name = name, .row = &row, .change = as };
    if (!kp_name_valid(name, strlen(name)) || strlen(name) >= KP_USER_MAX ||
        strcmp(name, "local") == 0)
        return kp_fail(err, KP_EINVALID, "'%.64s' is no name for a user", name);
    if (check_texts(as, err))
        return err->code;
    if (!as->role && !as->member)
        return kp_fail(err, KP_EINVALID,
                       "a user has a role: member, viewer, operator, engineer or owner");
    snprintf(row.user.name, sizeof row.user.name, "%s", name);
    apply_change(&row, &e, err);
    if (!kp_password_check(name, password, err) && !make_hash(password, row.hash, err))
        edit(s, add_row, &e, err);
    explicit_bzero(&row, sizeof row);
    return err->code;
}

enum kp_code kp_user_change(struct kp_store *s, const char *name,
                            const struct kp_user_change *change, struct kp_err *err)
{
    struct edit e = { .name = name, .apply = apply_change, .change = change };
    return check_texts(change, err) ? err->code : edit(s, edit_row, &e, err);
}

enum kp_code kp_user_remove(struct kp_store *s, const char *name, struct kp_err *err)
{
    struct edit e = { .name = name, .remove = true };
    return edit(s, edit_row, &e, err);
}

static enum kp_code apply_password(struct row *row, const struct edit *e, struct kp_err *err)
{
    (void)err;
    memcpy(row->hash, e->row->hash, sizeof row->hash);
    row->user.must_change = e->row->user.must_change && !row->user.member;
    row->user.epoch++;
    return KP_OK;
}

enum kp_code kp_user_password(struct kp_store *s, const char *name, const char *password,
                              bool must_change, struct kp_err *err)
{
    struct row row = { .user.must_change = must_change };
    struct kp_user user;
    struct edit e = { .name = name, .apply = apply_password, .row = &row };
    if (!kp_user_find(s, name, &user))
        return no_user(name, err);
    if (!kp_password_check(name, password, err) && !make_hash(password, row.hash, err))
        edit(s, edit_row, &e, err);
    explicit_bzero(&row, sizeof row);
    return err->code;
}

/* ---- the second factor ---- */

static const char *secret_name(const char *user, char out[KP_USER_MAX + 16])
{
    snprintf(out, KP_USER_MAX + 16, "user/%s/totp", user);
    return out;
}

static enum kp_code apply_totp_shown(struct row *row, const struct edit *e, struct kp_err *err)
{
    (void)e;
    if (row->totp == TOTP_ASKED)
        return kp_fail(err, KP_EEXISTS, "there is a second factor already: remove it first");
    row->totp = TOTP_SHOWN;
    return KP_OK;
}

static enum kp_code apply_totp_step(struct row *row, const struct edit *e, struct kp_err *err)
{
    if (!row->totp || e->step <= row->totp_step)
        return kp_fail(err, KP_EDENIED, "the code was used already: wait for the next one");
    row->totp = TOTP_ASKED;
    row->totp_step = e->step;
    return KP_OK;
}

static enum kp_code apply_totp_none(struct row *row, const struct edit *e, struct kp_err *err)
{
    (void)e;
    (void)err;
    row->totp = TOTP_NONE;
    return KP_OK;
}

enum kp_code kp_user_totp_begin(struct kp_store *s, const char *name, char *text,
                                struct kp_err *err)
{
    unsigned char secret[KP_TOTP_SECRET];
    char key[KP_USER_MAX + 16];
    struct kp_user user;
    struct edit e = { .name = name, .apply = apply_totp_shown };
    if (!kp_user_find(s, name, &user))
        return no_user(name, err);
    if (edit(s, edit_row, &e, err))
        return err->code;
    kp_random(secret, sizeof secret);
    if (!kp_secret_put(s, secret_name(name, key), secret, sizeof secret, err))
        kp_totp_print(secret, text);
    sodium_memzero(secret, sizeof secret);
    return err->code;
}

/* The step this code is of, 0: it is wrong. */
static enum kp_code find_step(struct kp_store *s, const struct row *row, const char *code,
                              int64_t *step, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    char key[KP_USER_MAX + 16];
    void *secret;
    size_t len;
    *step = 0;
    if (!kp_secret_get(s, secret_name(row->user.name, key), &arena, &secret, &len, err) &&
        len == KP_TOTP_SECRET) {
        *step = kp_totp_step(secret, code, kp_utc(s->clock), row->totp_step);
        sodium_memzero(secret, len);
    }
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code find_row(struct kp_store *s, const char *name, struct row *row, bool *found,
                             struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s, err);
    *found = db && read_row(db, name, row, err);
    kp_store_reader_done(s, db);
    return err->code;
}

enum kp_code kp_user_totp_confirm(struct kp_store *s, const char *name, const char *code,
                                  struct kp_err *err)
{
    struct row row;
    struct edit e = { .name = name, .apply = apply_totp_step };
    bool found;
    if (find_row(s, name, &row, &found, err))
        return err->code;
    if (!found || row.totp != TOTP_SHOWN)
        return kp_fail(err, KP_EEXISTS,
                       "no second factor waits to be confirmed: ask for a secret first");
    if (find_step(s, &row, code, &e.step, err))
        return err->code;
    return e.step
               ? edit(s, edit_row, &e, err)
               : kp_fail(
                     err, KP_EINVALID,
                     "the code is wrong: check that the clocks of the phone and of the node agree");
}

enum kp_code kp_user_totp_remove(struct kp_store *s, const char *name, struct kp_err *err)
{
    char key[KP_USER_MAX + 16];
    struct edit e = { .name = name, .apply = apply_totp_none };
    return edit(s, edit_row, &e, err) ? err->code
                                      : kp_secret_put(s, secret_name(name, key), NULL, 0, err);
}

/* ---- logging in ---- */

static enum kp_code apply_seen(struct row *row, const struct edit *e, struct kp_err *err)
{
    row->user.seen = e->now;
    return row->totp == TOTP_ASKED ? apply_totp_step(row, e, err) : KP_OK;
}

/* After the password was found right. */
static enum kp_code second_factor(struct kp_store *s, const struct row *row, const char *code,
                                  enum kp_login *how, struct kp_err *err)
{
    struct edit e = { .name = row->user.name, .apply = apply_seen };
    struct kp_err used = { 0 };
    *how = row->user.totp && !code ? KP_LOGIN_NO_CODE : KP_LOGIN_WRONG;
    if (row->user.totp && (!code || find_step(s, row, code, &e.step, err) || !e.step))
        return err->code;
    if (!edit(s, edit_row, &e, &used))
        *how = KP_LOGIN_GOOD;
    else if (used.code != KP_EDENIED) /* else two came with one code, and the other was first */
        return kp_fail(err, used.code, "%s", used.text);
    return KP_OK;
}

enum kp_code kp_user_login(struct kp_store *s, const char *name, const char *password,
                           const char *code, enum kp_login *how, struct kp_user *user,
                           struct kp_err *err)
{
    struct row row = { 0 };
    bool found, right;
    *how = KP_LOGIN_WRONG;
    if (strlen(password) > KP_PASSWORD_MAX || find_row(s, name, &row, &found, err))
        return err->code;
    if (!check_hash(found ? row.hash : "", password, &right, err) && right && !row.user.disabled &&
        !row.user.member && !second_factor(s, &row, code, how, err) && *how == KP_LOGIN_GOOD)
        *user = row.user;
    explicit_bzero(&row, sizeof row);
    return err->code;
}

static enum kp_code apply_member_seen(struct row *row, const struct edit *e, struct kp_err *err)
{
    (void)err;
    row->user.seen = e->now;
    return KP_OK;
}

enum kp_code kp_member_login(struct kp_store *s, const char *name, const char *password, bool *is,
                             struct kp_err *err)
{
    struct row row = { 0 };
    struct edit e = { .name = name, .apply = apply_member_seen };
    bool found, right;
    *is = false;
    if (strlen(password) > KP_PASSWORD_MAX || find_row(s, name, &row, &found, err))
        return err->code;
    if (!check_hash(found ? row.hash : "", password, &right, err) && right && row.user.member &&
        !row.user.disabled && !edit(s, edit_row, &e, err)) {
        kp_member_remember(s, &row.user, password);
        *is = true;
    }
    explicit_bzero(&row, sizeof row);
    return err->code;
}

enum kp_code kp_user_knows(struct kp_store *s, const char *name, const char *password, bool *right,
                           struct kp_err *err)
{
    struct row row = { 0 };
    bool found;
    *right = false;
    if (strlen(password) <= KP_PASSWORD_MAX && !find_row(s, name, &row, &found, err))
        check_hash(found ? row.hash : "", password, right, err);
    explicit_bzero(&row, sizeof row);
    return err->code;
}
