/* SPDX-License-Identifier: Apache-2.0 */
#include "web/guard.h"

#include "core/log.h"
#include "core/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const int64_t forget_after = 3600 * KP_SECOND, minute = 60 * KP_SECOND;

_Static_assert((int)KP_FROM_MAX <= (int)KP_USER_MAX, "a knock's name holds both");
struct knock {
    char kind; /* 'u' or 'a'; 0 = free */
    char name[KP_USER_MAX];
    unsigned failures;
    int64_t last, until; /* monotonic */
};

struct asker {
    char name[KP_USER_MAX];
    int64_t spent; /* calls that are not forgotten */
    int64_t at;    /* monotonic: up to when that is reckoned */
};

struct refusal {
    bool taken, first; /* first: not yet written */
    int64_t until;     /* monotonic: when its minute is over */
    unsigned more;
    int64_t at; /* ns UTC */
    char user[KP_USER_MAX], via[16], from[KP_FROM_MAX], action[96], target[KP_AUDIT_TEXT],
        detail[KP_AUDIT_TEXT], result[32];
};

struct kp_guard {
    const struct kp_clock *clock;
    struct kp_store *store;
    struct kp_worker writer; /* begun by the first refusal */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stop, started;
    struct knock knocks[KP_GUARD_KNOCKS];
    struct asker askers[KP_GUARD_ASKERS];
    struct refusal refusals[KP_GUARD_REFUSALS + 1]; /* the last: all others */
};

struct kp_guard *kp_guard_new(const struct kp_clock *clock, struct kp_store *store)
{
    struct kp_guard *g = kp_alloc(sizeof *g);
    if (!g)
        return NULL;
    g->clock = clock;
    g->store = store;
    kp_worker_init(&g->writer);
    pthread_mutex_init(&g->lock, NULL);
    kp_cond_init(&g->wake);
    return g;
}

/* ---- waiting ---- */

static bool is_forgotten(const struct knock *k, int64_t now)
{
    return !k->kind || now - k->last > forget_after;
}

static struct knock *find(struct kp_guard *g, char kind, const char *name, int64_t now)
{
    for (size_t i = 0; i < KP_GUARD_KNOCKS; i++) {
        struct knock *k = &g->knocks[i];
        if (k->kind == kind && strncmp(k->name, name, sizeof k->name - 1) == 0 &&
            !is_forgotten(k, now))
            return k;
    }
    return NULL;
}

/* A free place, else that of who failed least, else longest ago: names made up do not push out one
 * that is guessed at. */
static struct knock *place(struct kp_guard *g, int64_t now)
{
    struct knock *best = &g->knocks[0];
    for (size_t i = 0; i < KP_GUARD_KNOCKS; i++) {
        struct knock *k = &g->knocks[i];
        if (is_forgotten(k, now))
            return k;
        if (k->failures < best->failures || (k->failures == best->failures && k->last < best->last))
            best = k;
    }
    return best;
}

static int64_t wait_of(struct kp_guard *g, char kind, const char *name, int64_t now)
{
    const struct knock *k = find(g, kind, name, now);
    return k && k->until > now ? (k->until - now + KP_SECOND - 1) / KP_SECOND : 0;
}

int64_t kp_guard_wait(struct kp_guard *g, const char *user, const char *from)
{
    int64_t now = kp_mono(g->clock);
    pthread_mutex_lock(&g->lock);
    int64_t a = wait_of(g, 'u', user, now), b = wait_of(g, 'a', from, now);
    pthread_mutex_unlock(&g->lock);
    return a > b ? a : b;
}

static void fail(struct kp_guard *g, char kind, const char *name, unsigned free_ones, int64_t now)
{
    struct knock *k = find(g, kind, name, now);
    if (!k) {
        k = place(g, now);
        *k = (struct knock){ .kind = kind };
        snprintf(k->name, sizeof k->name, "%s", name);
    }
    k->failures++;
    k->last = now;
    if (k->failures < free_ones)
        return;
    unsigned doubled = k->failures - free_ones;
    int64_t seconds = doubled < 10 ? INT64_C(1) << doubled : KP_GUARD_WAIT_MAX_S;
    k->until = now + (seconds < KP_GUARD_WAIT_MAX_S ? seconds : KP_GUARD_WAIT_MAX_S) * KP_SECOND;
}

void kp_guard_failed(struct kp_guard *g, const char *user, const char *from)
{
    int64_t now = kp_mono(g->clock);
    pthread_mutex_lock(&g->lock);
    fail(g, 'u', user, KP_GUARD_USER_FREE, now);
    fail(g, 'a', from, KP_GUARD_ADDRESS_FREE, now);
    pthread_mutex_unlock(&g->lock);
}

void kp_guard_passed(struct kp_guard *g, const char *user)
{
    pthread_mutex_lock(&g->lock);
    struct knock *k = find(g, 'u', user, kp_mono(g->clock));
    if (k)
        *k = (struct knock){ 0 };
    pthread_mutex_unlock(&g->lock);
}

/* ---- askers ---- */
/* This one's place, else that of who asked longest ago. */
static struct asker *asker(struct kp_guard *g, const char *who)
{
    struct asker *oldest = g->askers;
    for (struct asker *a = g->askers; a < g->askers + KP_GUARD_ASKERS; a++) {
        if (a->name[0] && strncmp(a->name, who, sizeof a->name - 1) == 0)
            return a;
        if (!a->name[0] || (oldest->name[0] && a->at < oldest->at))
            oldest = a;
    }
    *oldest = (struct asker){ .at = kp_mono(g->clock) };
    snprintf(oldest->name, sizeof oldest->name, "%s", who);
    return oldest;
}

bool kp_guard_call(struct kp_guard *g, const char *who)
{
    pthread_mutex_lock(&g->lock);
    struct asker *a = asker(g, who);
    int64_t seconds = (kp_mono(g->clock) - a->at) / KP_SECOND;
    a->at += seconds * KP_SECOND;
    a->spent = a->spent > seconds ? a->spent - seconds : 0;
    bool may = a->spent < KP_GUARD_CALLS;
    a->spent += may;
    pthread_mutex_unlock(&g->lock);
    return may;
}

/* ---- refusals ---- */

static bool is_same(const struct refusal *r, const struct kp_audit *a)
{
    const char *user = a->user ? a->user : "", *from = a->from ? a->from : "";
    return r->taken && strncmp(r->user, user, sizeof r->user - 1) == 0 &&
           strncmp(r->from, from, sizeof r->from - 1) == 0 &&
           (strcmp(r->action, "login") == 0) == (strcmp(a->action, "login") == 0);
}

static struct refusal *refusal_for(struct kp_guard *g, const struct kp_audit *a)
{
    struct refusal *free_one = NULL;
    for (size_t i = 0; i < KP_GUARD_REFUSALS; i++) {
        struct refusal *r = &g->refusals[i];
        if (is_same(r, a))
            return r;
        if (!r->taken && !free_one)
            free_one = r;
    }
    return free_one ? free_one : &g->refusals[KP_GUARD_REFUSALS];
}

static void copy(char *out, size_t size, const char *text)
{
    kp_utf8_clean(out, size, text ? text : "", text ? strlen(text) : 0);
}

static void begin(struct kp_guard *g, struct refusal *r, const struct kp_audit *a)
{
    bool others = r == &g->refusals[KP_GUARD_REFUSALS];
    *r =
        (struct refusal){ .taken = true, .first = !others, .more = others, .at = kp_utc(g->clock) };
    r->until = kp_mono(g->clock) + minute;
    copy(r->user, sizeof r->user, others ? NULL : a->user);
    copy(r->via, sizeof r->via, others ? NULL : a->via);
    copy(r->from, sizeof r->from, others ? "other addresses" : a->from);
    copy(r->action, sizeof r->action, a->action);
    copy(r->target, sizeof r->target, a->target);
    copy(r->detail, sizeof r->detail, a->detail);
    copy(r->result, sizeof r->result, a->result);
}

static void *write_refusals(void *arg);

void kp_guard_refused(struct kp_guard *g, const struct kp_audit *a)
{
    pthread_mutex_lock(&g->lock);
    struct refusal *r = refusal_for(g, a);
    if (r->taken)
        r->more++;
    else
        begin(g, r, a);
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->lock);
    kp_worker_begin(&g->writer, write_refusals, g); /* what no thread writes, the end does */
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void write_first(struct kp_guard *g, const struct refusal *r)
{
    struct kp_err err = { 0 };
    const struct kp_audit row = { .at = r->at,
                                  .user = or_null(r->user),
                                  .via = or_null(r->via),
                                  .from = or_null(r->from),
                                  .action = r->action,
                                  .target = or_null(r->target),
                                  .detail = or_null(r->detail),
                                  .result = r->result };
    if (kp_audit_add(g->store, &row, &err))
        kp_error("audit", "a refusal is missing in the audit log", "from=%s why=%s",
                 kp_log_quote(r->from), kp_log_quote(err.text));
}

static void write_more(struct kp_guard *g, struct refusal *r)
{
    snprintf(r->detail, sizeof r->detail, "%u more refusals from %s in this minute", r->more,
             *r->from ? r->from : "the Unix socket");
    r->target[0] = 0;
    r->at = kp_utc(g->clock);
    write_first(g, r);
}

/* One place: what is due of it, written without the lock. */
static void turn_one(struct kp_guard *g, struct refusal *r, bool all)
{
    pthread_mutex_lock(&g->lock);
    struct refusal due = *r;
    bool over = r->taken && (all || kp_mono(g->clock) >= r->until);
    r->first = false;
    if (over)
        r->taken = false;
    pthread_mutex_unlock(&g->lock);
    if (due.taken && due.first)
        write_first(g, &due);
    if (over && due.more)
        write_more(g, &due);
}

static void turn(struct kp_guard *g, bool all)
{
    for (size_t i = 0; i <= KP_GUARD_REFUSALS; i++)
        turn_one(g, &g->refusals[i], all);
}

void kp_guard_turn(struct kp_guard *g)
{
    turn(g, false);
}

/* ---- thread ---- */

static void *write_refusals(void *arg)
{
    struct kp_guard *g = arg;
    kp_thread_name("refusals");
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        pthread_mutex_lock(&g->lock);
        if (!g->stop)
            pthread_cond_timedwait(&g->wake, &g->lock, &until);
        bool stop = g->stop;
        pthread_mutex_unlock(&g->lock);
        if (stop)
            return NULL;
        turn(g, false);
    }
}

void kp_guard_start(struct kp_guard *g)
{
    kp_worker_open(&g->writer);
    g->started = true;
}

void kp_guard_free(struct kp_guard *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    g->stop = true;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->lock);
    kp_worker_close(&g->writer);
    if (g->started)
        turn(g, true);
    kp_worker_free(&g->writer);
    pthread_cond_destroy(&g->wake);
    pthread_mutex_destroy(&g->lock);
    kp_free(g);
}
