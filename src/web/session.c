/* SPDX-License-Identifier: Apache-2.0 */
#include "web/session.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const int64_t session_idle = 12 * 3600 * KP_SECOND;
static const int64_t session_life = 30 * 24 * 3600 * KP_SECOND;
static const int64_t code_life = 60 * KP_SECOND;

struct session {
    char id[KP_SESSION_TEXT]; /* "" = free */
    char token[KP_TOKEN_TEXT]; /* asked again at each use, so that removing it ends the session; "" = by code */
    int64_t opened, used;     /* monotonic */
};

struct code {
    char text[KP_SESSION_TEXT];
    int64_t made;
};

struct kp_sessions {
    const struct kp_clock *clock;
    pthread_mutex_t lock;
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

static void random_text(char out[KP_SESSION_TEXT])
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

void kp_session_open(struct kp_sessions *s, const char *token, char id[KP_SESSION_TEXT])
{
    random_text(id);
    pthread_mutex_lock(&s->lock);
    struct session *new = oldest(s);
    *new = (struct session){ .opened = kp_mono(s->clock), .used = kp_mono(s->clock) };
    memcpy(new->id, id, KP_SESSION_TEXT);
    snprintf(new->token, sizeof new->token, "%s", token ? token : "");
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

enum kp_role kp_session_check(struct kp_sessions *s, struct kp_store *store, const char *id, char *name, size_t size)
{
    char token[KP_TOKEN_TEXT] = "";
    name[0] = 0;
    pthread_mutex_lock(&s->lock);
    struct session *found = find(s, id);
    int64_t now = kp_mono(s->clock);
    if (found && (now - found->used > session_idle || now - found->opened > session_life)) {
        *found = (struct session){ 0 };
        found = NULL;
    }
    if (found) {
        found->used = now;
        memcpy(token, found->token, sizeof token);
    }
    pthread_mutex_unlock(&s->lock);
    if (!found || !token[0])
        return found ? KP_OWNER : KP_NOBODY;
    enum kp_role role = kp_token_check(store, token, name, size);
    explicit_bzero(token, sizeof token);
    return role;
}

void kp_session_close(struct kp_sessions *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    struct session *found = find(s, id);
    if (found)
        *found = (struct session){ 0 };
    pthread_mutex_unlock(&s->lock);
}

void kp_code_make(struct kp_sessions *s, char code[KP_SESSION_TEXT])
{
    random_text(code);
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

bool kp_cookie_find(const char *header, unsigned port, char id[KP_SESSION_TEXT])
{
    char name[32];
    size_t n = (size_t)snprintf(name, sizeof name, "koppel-%u=", port);
    for (const char *p = header; p && *p;) {
        p += strspn(p, "; ");
        size_t len = strcspn(p, ";");
        if (len == n + KP_SESSION_TEXT - 1 && memcmp(p, name, n) == 0) {
            memcpy(id, p + n, KP_SESSION_TEXT - 1);
            id[KP_SESSION_TEXT - 1] = 0;
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
