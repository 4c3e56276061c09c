/* SPDX-License-Identifier: Apache-2.0 */
#include "web/session.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const int64_t session_idle = 12 * 3600 * KP_SECOND;
static const int64_t oidc_life = 12 * 3600 * KP_SECOND; /* the provider does not tell when he may no more */
static const int64_t session_life = KP_SESSION_DAYS * 24 * 3600 * KP_SECOND;
static const int64_t code_life = 60 * KP_SECOND;

struct session {
    char id[KP_SESSION_TEXT]; /* "" = free */
    char token[KP_TOKEN_TEXT]; /* asked again at each use, so that removing it ends the session; "" = none */
    char user[KP_USER_MAX];    /* and so is the user; "" = none */
    int64_t epoch;             /* the user's, when he logged in */
    bool oidc;
    enum kp_role role; /* of somebody who is no user here, by the identity provider; else KP_NOBODY */
    char from[KP_FROM_MAX], agent[128];
    int64_t number;
    int64_t opened, used; /* monotonic */
    int64_t since;        /* ns UTC */
};

struct code {
    char text[KP_SESSION_TEXT];
    int64_t made;
};

struct kp_sessions {
    const struct kp_clock *clock;
    pthread_mutex_t lock;
    int64_t number; /* of the newest */
    struct session session[KP_SESSIONS_MAX];
    struct code code[KP_CODES_MAX];
};

struct kp_sessions *kp_sessions_new(const struct kp_clock *clock)
{
    struct kp_sessions *s = kp_alloc(sizeof *s);
    if (!s)
        return NULL;
    s->clock = clock;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void kp_sessions_free(struct kp_sessions *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    explicit_bzero(s, sizeof *s);
    kp_free(s);
}

void kp_session_text(char out[KP_SESSION_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[KP_SESSION_TEXT - 1]; /* six bits of each are used: 258 bits */
    kp_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        out[i] = digits[bytes[i] & 63];
    out[sizeof bytes] = 0;
}

/* Takes as long for a near miss as for a far one. `b` is padded to KP_SESSION_TEXT bytes. */
static bool same(const char a[KP_SESSION_TEXT], const char b[KP_SESSION_TEXT])
{
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < KP_SESSION_TEXT; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

static bool padded(const char *text, char out[KP_SESSION_TEXT])
{
    memset(out, 0, KP_SESSION_TEXT);
    size_t n = strlen(text);
    if (n != KP_SESSION_TEXT - 1)
        return false;
    memcpy(out, text, n);
    return true;
}

static struct session *oldest(struct kp_sessions *s)
{
    struct session *best = &s->session[0];
    for (size_t i = 0; i < KP_SESSIONS_MAX; i++) {
        if (!s->session[i].id[0])
            return &s->session[i];
        if (s->session[i].used < best->used)
            best = &s->session[i];
    }
    return best;
}

void kp_session_open(struct kp_sessions *s, const struct kp_session_for *who, char id[KP_SESSION_TEXT])
{
    kp_session_text(id);
    pthread_mutex_lock(&s->lock);
    struct session *new = oldest(s);
    *new = (struct session){ .number = ++s->number, .since = kp_utc(s->clock) };
    new->opened = new->used = kp_mono(s->clock);
    memcpy(new->id, id, KP_SESSION_TEXT);
    snprintf(new->token, sizeof new->token, "%s", who->token ? who->token : "");
    snprintf(new->user, sizeof new->user, "%s", who->user ? who->user->name : "");
    new->oidc = who->oidc;
    if (who->oidc && who->name) {
        new->role = who->role;
        snprintf(new->user, sizeof new->user, "%s", who->name);
    }
    new->epoch = who->user ? who->user->epoch : 0;
    kp_utf8_clean(new->from, sizeof new->from, who->from ? who->from : "", who->from ? strlen(who->from) : 0);
    kp_utf8_clean(new->agent, sizeof new->agent, who->agent ? who->agent : "", who->agent ? strlen(who->agent) : 0);
    pthread_mutex_unlock(&s->lock);
}

static struct session *find(struct kp_sessions *s, const char *text)
{
    char id[KP_SESSION_TEXT];
    if (!padded(text, id))
        return NULL;
    struct session *found = NULL;
    for (size_t i = 0; i < KP_SESSIONS_MAX; i++)
        if (same(s->session[i].id, id))
            found = &s->session[i];
    return found;
}

/* ---- who stands behind one ---- */

static bool is_user(struct kp_store *store, const struct session *s, struct kp_who *who)
{
    struct kp_user u;
    if (!kp_user_find(store, s->user, &u) || u.disabled || u.epoch != s->epoch)
        return false;
    who->role = u.role;
    who->must_change = u.must_change;
    who->totp = u.totp;
    snprintf(who->user, sizeof who->user, "%s", u.name);
    return true;
}

/* Of a copy: users and tokens have locks of their own. */
static bool is_valid(struct kp_store *store, const struct session *s, struct kp_who *who)
{
    *who = (struct kp_who){ .user = "local", .role = KP_OWNER, .via = "code", .session = s->number, .since = s->since };
    if (s->role) {
        who->via = "oidc";
        who->role = s->role;
        memcpy(who->user, s->user, sizeof who->user);
        return true;
    }
    if (s->user[0]) {
        who->via = s->oidc ? "oidc" : "password";
        bool is = is_user(store, s, who);
        who->must_change &= !s->oidc; /* he has not used one */
        return is;
    }
    if (s->token[0]) {
        who->via = "token";
        who->role = kp_token_check(store, s->token, who->user, sizeof who->user);
    }
    return who->role != KP_NOBODY;
}

static bool is_over(const struct session *s, int64_t now)
{
    return now - s->used > session_idle || now - s->opened > (s->oidc ? oidc_life : session_life);
}

static void end(struct session *s)
{
    explicit_bzero(s, sizeof *s);
}

bool kp_session_check(struct kp_sessions *s, struct kp_store *store, const char *id, bool use, struct kp_who *who)
{
    struct session copy = { 0 };
    pthread_mutex_lock(&s->lock);
    struct session *found = find(s, id);
    int64_t now = kp_mono(s->clock);
    if (found && is_over(found, now)) {
        end(found);
        found = NULL;
    }
    if (found) {
        found->used = use ? now : found->used;
        copy = *found;
    }
    pthread_mutex_unlock(&s->lock);
    if (!copy.number)
        return false;
    bool valid = is_valid(store, &copy, who);
    explicit_bzero(&copy, sizeof copy);
    return valid;
}

void kp_session_end_oidc(struct kp_sessions *s)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < KP_SESSIONS_MAX; i++)
        if (s->session[i].oidc)
            end(&s->session[i]);
    pthread_mutex_unlock(&s->lock);
}

void kp_session_renew(struct kp_sessions *s, int64_t number, int64_t epoch)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < KP_SESSIONS_MAX; i++)
        if (s->session[i].number == number)
            s->session[i].epoch = epoch;
    pthread_mutex_unlock(&s->lock);
}

/* The nth place, when a session that lives and is valid is there. */
static bool view(struct kp_sessions *s, struct kp_store *store, size_t n, struct kp_session_view *v)
{
    pthread_mutex_lock(&s->lock);
    int64_t now = kp_mono(s->clock), utc = kp_utc(s->clock);
    struct session copy = s->session[n];
    pthread_mutex_unlock(&s->lock);
    bool there = copy.id[0] && !is_over(&copy, now) && is_valid(store, &copy, &v->who);
    int64_t life = copy.opened + (copy.oidc ? oidc_life : session_life), idle = copy.used + session_idle;
    v->used = utc - (now - copy.used);
    v->expires = utc + (life < idle ? life : idle) - now;
    snprintf(v->who.from, sizeof v->who.from, "%s", copy.from);
    snprintf(v->agent, sizeof v->agent, "%s", copy.agent);
    explicit_bzero(&copy, sizeof copy);
    return there;
}

static bool is_of(const struct kp_who *who, const struct kp_who *own)
{
    return !own || (strcmp(who->user, own->user) == 0 && strcmp(who->via, own->via) == 0);
}

void kp_session_list(struct kp_sessions *s, struct kp_store *store, const struct kp_who *own,
                     void (*each)(void *, const struct kp_session_view *), void *arg)
{
    struct kp_session_view v;
    for (size_t i = 0; i < KP_SESSIONS_MAX; i++)
        if (view(s, store, i, &v) && is_of(&v.who, own))
            each(arg, &v);
}

bool kp_session_revoke(struct kp_sessions *s, struct kp_store *store, int64_t number, const struct kp_who *own)
{
    struct kp_session_view v;
    bool found = false;
    for (size_t i = 0; i < KP_SESSIONS_MAX && !found; i++) {
        found = view(s, store, i, &v) && v.who.session == number && is_of(&v.who, own);
        pthread_mutex_lock(&s->lock);
        if (found && s->session[i].number == number)
            end(&s->session[i]);
        pthread_mutex_unlock(&s->lock);
    }
    return found;
}

void kp_session_close(struct kp_sessions *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    struct session *found = find(s, id);
    if (found)
        end(found);
    pthread_mutex_unlock(&s->lock);
}

void kp_code_make(struct kp_sessions *s, char code[KP_SESSION_TEXT])
{
    kp_session_text(code);
    pthread_mutex_lock(&s->lock);
    struct code *slot = &s->code[0];
    for (size_t i = 0; i < KP_CODES_MAX; i++)
        if (s->code[i].made < slot->made)
            slot = &s->code[i];
    slot->made = kp_mono(s->clock);
    memcpy(slot->text, code, KP_SESSION_TEXT);
    pthread_mutex_unlock(&s->lock);
}

bool kp_code_use(struct kp_sessions *s, const char *text)
{
    char code[KP_SESSION_TEXT];
    if (!padded(text, code))
        return false;
    bool good = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < KP_CODES_MAX; i++)
        if (same(s->code[i].text, code)) {
            good = kp_mono(s->clock) - s->code[i].made <= code_life;
            s->code[i] = (struct code){ 0 };
        }
    pthread_mutex_unlock(&s->lock);
    return good;
}

void kp_cookie_name(unsigned port, bool tls, char out[KP_COOKIE_NAME])
{
    snprintf(out, KP_COOKIE_NAME, "%skoppel-%u", tls ? "__Host-" : "", port);
}

bool kp_cookie_find(const char *header, unsigned port, bool tls, char id[KP_SESSION_TEXT])
{
    char name[KP_COOKIE_NAME];
    kp_cookie_name(port, tls, name);
    return kp_cookie_value(header, name, id);
}

bool kp_cookie_value(const char *header, const char *name, char value[KP_SESSION_TEXT])
{
    size_t n = strlen(name);
    for (const char *p = header; p && *p;) {
        p += strspn(p, "; ");
        size_t len = strcspn(p, ";");
        if (len == n + KP_SESSION_TEXT && memcmp(p, name, n) == 0 && p[n] == '=') {
            memcpy(value, p + n + 1, KP_SESSION_TEXT - 1);
            value[KP_SESSION_TEXT - 1] = 0;
            return true;
        }
        p += len;
    }
    return false;
}

bool kp_host_is_loopback(const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(host, names[i], n) != 0)
            continue;
        const char *rest = host + n;
        if (!*rest || (*rest == ':' && rest[1] && strspn(rest + 1, "0123456789") == strlen(rest + 1)))
            return true;
    }
    return false;
}
