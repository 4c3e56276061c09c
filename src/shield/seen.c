/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/seen.h"

#include "core/hash.h"
#include "core/text.h"
#include "core/worker.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { PLACES = 2 * KP_SEEN_WAITING, SENTENCE = 600 };
_Static_assert((KP_SEEN_WAITING & (KP_SEEN_WAITING - 1)) == 0, "a ring by a mask");

const char *const kp_seen_words[] = { "login",       "login-failed", "refused", "connection",
                                      "coupling",    "certificate",  "device",  "firmware",
                                      "change",      "partner",      "flow",    "alert",
                                      "dns",         "tls",          "http",    "file",
                                      "log",         "outgoing",     NULL };

struct kp_seen_queue {
    const struct kp_clock *clock;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct kp_duty *taker; /* NULL: nobody's */
    bool woken;
    struct kp_seen *waiting[KP_SEEN_WAITING]; /* a ring */
    uint64_t first, end;                      /* in it; they only grow */
    uint64_t place[PLACES];                   /* by hash: 1 + where in the ring; old ones are void */
    size_t bytes;
    struct kp_seen *recent[KP_SEEN_RECENT]; /* a ring too */
    uint64_t passed;                        /* so many went in */
    struct kp_seen_counts counts;
};

struct kp_seen_queue *kp_seen_new(const struct kp_clock *clock)
{
    struct kp_seen_queue *q = kp_alloc(sizeof *q);
    if (!q)
        return NULL;
    q->clock = clock;
    pthread_mutex_init(&q->lock, NULL);
    kp_cond_init(&q->wake);
    return q;
}

void kp_seen_free(struct kp_seen_queue *q)
{
    if (!q)
        return;
    for (; q->first < q->end; q->first++)
        kp_free(q->waiting[q->first % KP_SEEN_WAITING]);
    for (size_t i = 0; i < KP_SEEN_RECENT; i++)
        kp_free(q->recent[i]);
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
    kp_free(q);
}

/* ---- coming in ---- */
static size_t length(const char *text)
{
    return text ? strnlen(text, KP_SEEN_TEXT_MAX) : 0;
}

static uint64_t hash_of(const struct kp_observed *o)
{
    const uint32_t numbers[] = { o->kind, o->from_port, o->to_port, o->asset };
    uint64_t h = kp_hash(KP_HASH_START, numbers, sizeof numbers);
    for (size_t i = 0; i < KP_SEEN_TEXTS; i++) {
        h = kp_hash(h, o->text[i] ? o->text[i] : "", length(o->text[i]));
        h = kp_hash(h, "", 1);
    }
    return h;
}

/* The same that waits; a hash of 64 bits and the same kind are enough to count things that look
 * alike together. */
static struct kp_seen *find(const struct kp_seen_queue *q, uint64_t hash, uint8_t kind)
{
    uint64_t at = q->place[hash % PLACES];
    if (!at || at - 1 < q->first)
        return NULL;
    struct kp_seen *s = q->waiting[(at - 1) % KP_SEEN_WAITING];
    return s->hash == hash && s->o.kind == kind ? s : NULL;
}

/* Lower case without colons, as patterns have it. False: it is no number in hex. */
static bool write_hex(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++)
        if (*p != ':') {
            if (!isxdigit((unsigned char)*p))
                return false;
            *to++ = (char)tolower((unsigned char)*p);
        }
    *to = 0;
    return to > text;
}

static struct kp_seen *copy(const struct kp_observed *o, uint64_t hash)
{
    size_t size = sizeof(struct kp_seen);
    for (size_t i = 0; i < KP_SEEN_TEXTS; i++)
        size += length(o->text[i]) ? length(o->text[i]) * 3 + 1 : 0; /* each bad byte becomes three */
    struct kp_seen *s = kp_alloc(size);
    if (!s)
        return NULL;
    char *to = (char *)(s + 1);
    s->o = *o;
    for (size_t i = 0; i < KP_SEEN_TEXTS; i++) {
        size_t n = length(o->text[i]);
        s->o.text[i] = NULL;
        if (!n)
            continue;
        kp_utf8_clean(to, 3 * n + 1, o->text[i], n);
        if ((i == KP_SEEN_PRINT || i == KP_SEEN_HASH) && !write_hex(to))
            continue;
        s->o.text[i] = to;
        to += strlen(to) + 1;
    }
    s->hash = hash;
    s->bytes = (uint32_t)size;
    s->count = 1;
    return s;
}

/* The lock is held. */
static bool enter(struct kp_seen_queue *q, const struct kp_observed *o, uint64_t hash)
{
    bool room = q->end - q->first < KP_SEEN_WAITING && q->bytes < KP_SEEN_BYTES;
    struct kp_seen *s = room ? copy(o, hash) : NULL;
    if (!s)
        return false;
    s->last = s->o.at;
    s->id = ++q->counts.seen;
    q->bytes += s->bytes;
    q->waiting[q->end % KP_SEEN_WAITING] = s;
    q->place[hash % PLACES] = ++q->end;
    pthread_cond_signal(&q->wake);
    return true;
}

static bool put(struct kp_seen_queue *q, const struct kp_observed *given, bool again)
{
    struct kp_observed o = *given;
    uint64_t hash = hash_of(&o);
    o.at = o.at ? o.at : kp_utc(q->clock);
    pthread_mutex_lock(&q->lock);
    struct kp_seen *same = find(q, hash, o.kind);
    bool taken = true;
    if (same && same->count < UINT32_MAX) {
        same->count++;
        same->last = o.at > same->last ? o.at : same->last;
        same->o.at = o.at < same->o.at ? o.at : same->o.at;
        q->counts.joined++;
    } else {
        taken = enter(q, &o, hash);
    }
    q->counts.kinds[o.kind % KP_SEEN_KINDS] += taken;
    q->counts.lost += !taken && !again;
    bool first = taken && !same && q->end - q->first == 1;
    pthread_mutex_unlock(&q->lock);
    if (first && q->taker)
        kp_duty_hurry(q->taker);
    return taken;
}

bool kp_seen_put(void *queue, const struct kp_observed *o)
{
    return put(queue, o, false);
}

bool kp_seen_offer(void *queue, const struct kp_observed *o)
{
    return put(queue, o, true);
}

/* ---- going on ---- */
static void wait_for_one(struct kp_seen_queue *q, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    for (int over = 0; q->first == q->end && !q->woken && !over;)
        over = pthread_cond_timedwait(&q->wake, &q->lock, &until);
    q->woken = false;
}

size_t kp_seen_take(struct kp_seen_queue *q, struct kp_seen **out, int timeout_ms)
{
    struct kp_seen *old[KP_SEEN_BATCH];
    size_t n = 0;
    pthread_mutex_lock(&q->lock);
    if (timeout_ms)
        wait_for_one(q, timeout_ms);
    for (; n < KP_SEEN_BATCH && q->first < q->end; n++) {
        struct kp_seen **place = &q->recent[q->passed++ % KP_SEEN_RECENT];
        out[n] = q->waiting[q->first++ % KP_SEEN_WAITING];
        q->bytes -= out[n]->bytes;
        old[n] = *place;
        *place = out[n];
    }
    pthread_mutex_unlock(&q->lock);
    for (size_t i = 0; i < n; i++)
        kp_free(old[i]);
    return n;
}

void kp_seen_wake(struct kp_seen_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->woken = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
    if (q->taker)
        kp_duty_hurry(q->taker);
}

void kp_seen_taken_by(struct kp_seen_queue *q, struct kp_duty *duty)
{
    q->taker = duty;
}

void kp_seen_hit(struct kp_seen_queue *q, struct kp_seen *s)
{
    pthread_mutex_lock(&q->lock);
    s->hits++;
    q->counts.hits++;
    pthread_mutex_unlock(&q->lock);
}

/* ---- showing ---- */
static const struct kp_seen *copy_one(const struct kp_seen *s, struct kp_arena *arena)
{
    struct kp_seen *c = kp_arena_copy(arena, s, s->bytes);
    for (size_t i = 0; c && i < KP_SEEN_TEXTS; i++)
        if (s->o.text[i])
            c->o.text[i] = (const char *)c + (s->o.text[i] - (const char *)s);
    return c;
}

/* They pass in the order of their ids, so an id says where it lies. */
size_t kp_seen_copy(struct kp_seen_queue *q, uint64_t before, struct kp_arena *arena,
                    const struct kp_seen **out, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&q->lock);
    uint64_t id = before && before <= q->passed ? before - 1 : q->passed;
    for (; n < max && id && q->passed - id < KP_SEEN_RECENT; id--, n++)
        if (!(out[n] = copy_one(q->recent[(id - 1) % KP_SEEN_RECENT], arena)))
            break;
    pthread_mutex_unlock(&q->lock);
    return n;
}

struct kp_seen_counts kp_seen_counts(struct kp_seen_queue *q)
{
    pthread_mutex_lock(&q->lock);
    struct kp_seen_counts c = q->counts;
    c.waiting = (size_t)(q->end - q->first);
    pthread_mutex_unlock(&q->lock);
    return c;
}

const char *kp_seen_text(const struct kp_seen *s, enum kp_observed_text which)
{
    return s->o.text[which];
}

const char *kp_seen_other(const struct kp_seen *s)
{
    const char *from = kp_seen_text(s, KP_SEEN_FROM), *to = kp_seen_text(s, KP_SEEN_TO);
    return from ? from : to;
}

static void tell_login(const struct kp_seen *s, const char *from, char *out, size_t size)
{
    const char *user = kp_seen_text(s, KP_SEEN_USER);
    char as[80] = "";
    if (user)
        snprintf(as, sizeof as, " as %.60s", user);
    snprintf(out, size, s->o.kind == KP_SEEN_LOGIN ? "a login%s from %.60s" : "a login%s from %.60s failed", as, from);
}

static const char *or(const char *a, const char *b)
{
    return a ? a : b;
}

static void tell_other(const struct kp_seen *s, char *out, size_t size)
{
    const char *detail = kp_seen_text(s, KP_SEEN_DETAIL), *from = kp_seen_text(s, KP_SEEN_FROM),
               *to = kp_seen_text(s, KP_SEEN_TO), *source = kp_seen_text(s, KP_SEEN_SOURCE);
    const char *domain = or(kp_seen_text(s, KP_SEEN_URL), kp_seen_text(s, KP_SEEN_DOMAIN));
    const char *name = or(domain, kp_seen_text(s, KP_SEEN_FILE_NAME));
    snprintf(out, size, "%s%s%s%s%.60s%s%.60s%s%.80s%s%.120s", or(source, "node"), ": ",
             kp_seen_words[s->o.kind], from ? " from " : "", or(from, ""), to ? " to " : "", or(to, ""),
             name ? ", " : "", or(name, ""), detail ? ": " : "", or(detail, ""));
}

static void tell_device(const struct kp_seen *s, char *out, size_t size)
{
    snprintf(out, size,
             s->o.kind == KP_SEEN_DEVICE ? "a new device %.100s: %.60s %.80s %.60s" : "another firmware on %.100s: %.60s %.80s %.60s",
             or(kp_seen_text(s, KP_SEEN_DETAIL), ""),
             or(kp_seen_text(s, KP_SEEN_VENDOR), ""), or(kp_seen_text(s, KP_SEEN_SOFTWARE), ""),
             or(kp_seen_text(s, KP_SEEN_VERSION), ""));
}

static const char *host_of(const struct kp_seen *s)
{
    return or(kp_seen_text(s, KP_SEEN_DOMAIN), or(kp_seen_text(s, KP_SEEN_TO), ""));
}

static void tell_certificate(const struct kp_seen *s, char *out, size_t size)
{
    const char *coupling = kp_seen_text(s, KP_SEEN_COUPLED),
               *subject = or(kp_seen_text(s, KP_SEEN_SUBJECT), or(kp_seen_text(s, KP_SEEN_DETAIL), ""));
    if (kp_seen_text(s, KP_SEEN_SOURCE))
        tell_other(s, out, size);
    else if (coupling)
        snprintf(out, size, "the coupling %.100s met the certificate %.120s", coupling, subject);
    else
        snprintf(out, size, "%.100s showed the certificate %.120s", host_of(s), subject);
}

/* "connected for feed sector", "tried for mail" */
static void tell_outgoing(const struct kp_seen *s, const char *detail, char *out, size_t size)
{
    bool tried = strncmp(detail, "tried", 5) == 0;
    const char *what = strstr(detail, " for ");
    snprintf(out, size,
             tried ? "this node tried to connect to %.100s port %u for %.150s" : "this node connected to %.100s port %u for %.150s",
             host_of(s), s->o.to_port, what ? what + 5 : detail);
}

static void tell(const struct kp_seen *s, char *out, size_t size)
{
    const char *from = or(kp_seen_text(s, KP_SEEN_FROM), "this machine"),
               *user = or(kp_seen_text(s, KP_SEEN_USER), "somebody"),
               *detail = or(kp_seen_text(s, KP_SEEN_DETAIL), ""),
               *coupling = or(kp_seen_text(s, KP_SEEN_COUPLED), "");
    switch ((enum kp_observed_kind)s->o.kind) {
    case KP_SEEN_LOGIN:
    case KP_SEEN_LOGIN_FAILED:
        tell_login(s, from, out, size);
        break;
    case KP_SEEN_REFUSED:
        snprintf(out, size, "a request from %.60s was refused: %.120s", from, detail);
        break;
    case KP_SEEN_CONNECTION:
        snprintf(out, size, "%.60s connected to port %u of this node", from, s->o.to_port);
        break;
    case KP_SEEN_COUPLING:
        snprintf(out, size,
                 strcmp(detail, "tried") == 0 ? "the coupling %.100s tried to connect to %.100s" : "the coupling %.100s connected to %.100s",
                 coupling, host_of(s));
        break;
    case KP_SEEN_CERTIFICATE:
        tell_certificate(s, out, size);
        break;
    case KP_SEEN_OUTGOING:
        tell_outgoing(s, detail, out, size);
        break;
    case KP_SEEN_DEVICE:
    case KP_SEEN_FIRMWARE:
        tell_device(s, out, size);
        break;
    case KP_SEEN_CHANGE:
        snprintf(out, size, "%.60s from %.60s changed something: %.120s", user, from, detail);
        break;
    case KP_SEEN_PARTNER:
        snprintf(out, size, "the partner %.60s asked from %.60s", or(kp_seen_text(s, KP_SEEN_BY), ""), from);
        break;
    default:
        tell_other(s, out, size);
    }
}

void kp_seen_tell(const struct kp_seen *s, char *out, size_t size)
{
    char raw[SENTENCE]; /* its words may be cut within a character */
    tell(s, raw, sizeof raw);
    kp_utf8_clean(out, size, raw, strlen(raw));
}
