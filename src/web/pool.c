/* SPDX-License-Identifier: Apache-2.0 */
#include "web/pool.h"

#include "core/clock.h"
#include "core/text.h"
#include "core/worker.h"

#include <pthread.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

struct lane {
    struct kp_job *first, **last;
    unsigned n;
};

struct worker {
    struct kp_pool *pool;
    pthread_t thread;
    enum { NONE, WORKING, GONE } state; /* gone: to be joined */
};

struct kp_pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct lane quick, slow;
    bool stopping;
    unsigned working, idle, slow_running;
    int64_t judged, busy; /* when it was seen whether there are too many, monotonic; the time all worked since then */
    struct kp_keeper *keeper;
    int64_t crowded; /* since when requests wait for a worker without a break, monotonic; 0: none does */
    struct kp_kept alarm; /* a timer; goes off when that has lasted for long */
    bool alarm_set;
    struct worker worker[KP_POOL_WORKERS];
};

static struct kp_job *pop(struct lane *lane)
{
    struct kp_job *job = lane->first;
    if (!job)
        return NULL;
    lane->first = job->next;
    if (!lane->first)
        lane->last = &lane->first;
    lane->n--;
    return job;
}

static void wait_for_more(struct kp_pool *p)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += KP_POOL_JUDGED_S;
    p->idle++;
    pthread_cond_timedwait(&p->more, &p->lock, &until);
    p->idle--;
}

/* All worked so little that with one fewer none would have worked for more than a quarter of the time. */
static bool are_too_many(struct kp_pool *p)
{
    int64_t now = kp_mono(&kp_clock_system), time = now - p->judged;
    if (time < KP_POOL_JUDGED_S * KP_SECOND)
        return false;
    bool many = p->working > 1 && p->busy < (p->working - 1) * (time / 4);
    p->judged = now;
    p->busy = 0;
    return many;
}

/* The next job this worker may take; waits for one. NULL: the pool ends, or others are enough. */
static struct kp_job *next_job(struct kp_pool *p, bool *slow)
{
    for (;;) {
        struct kp_job *job = pop(&p->quick);
        *slow = !job;
        if (!job && p->slow_running < KP_POOL_FOR_SLOW)
            job = pop(&p->slow);
        if (job) {
            p->slow_running += *slow;
            return job;
        }
        p->crowded = 0;
        if (p->stopping && !p->slow.first)
            return NULL;
        if (are_too_many(p))
            return NULL;
        wait_for_more(p);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    kp_thread_name("web worker");
    struct kp_pool *p = w->pool;
    bool slow;
    pthread_mutex_lock(&p->lock);
    for (struct kp_job *job; (job = next_job(p, &slow));) {
        pthread_mutex_unlock(&p->lock);
        int64_t begun = kp_mono(&kp_clock_system);
        job->run(job);
        int64_t took = kp_mono(&kp_clock_system) - begun;
        pthread_mutex_lock(&p->lock);
        p->busy += took;
        p->slow_running -= slow;
        if (slow)
            pthread_cond_broadcast(&p->more);
    }
    w->state = GONE;
    p->working--;
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool add_worker(struct kp_pool *p)
{
    struct worker *w = p->worker;
    while (w->state == WORKING)
        w++;
    if (w->state == GONE)
        pthread_join(w->thread, NULL); /* it has let go of the lock and returns */
    w->pool = p;
    w->state = pthread_create(&w->thread, NULL, work, w) == 0 ? WORKING : NONE;
    p->working += w->state == WORKING;
    return w->state == WORKING;
}

/* ---- when one more begins ---- */
static void set_alarm(struct kp_pool *p, int64_t after)
{
    struct itimerspec t = { .it_value.tv_nsec = after > 1 ? after : 1 };
    p->alarm_set = timerfd_settime(p->alarm.fd, 0, &t, NULL) == 0;
}

/* Without one, those that are there do it later. */
static void see_who_waits(struct kp_pool *p)
{
    unsigned wait = p->quick.n + (p->slow_running < KP_POOL_FOR_SLOW ? p->slow.n : 0);
    if (wait <= p->idle || p->working == KP_POOL_WORKERS || p->stopping)
        return;
    int64_t now = kp_mono(&kp_clock_system), longest = KP_POOL_LONG_MS * KP_MILLISECOND;
    if (!p->crowded)
        p->crowded = now;
    bool add = p->slow_running >= p->working || now - p->crowded >= longest;
    if (add) {
        add_worker(p);
        p->crowded = now;
    }
    if (!p->alarm_set)
        set_alarm(p, p->crowded + longest - now);
}

static bool goes_off(void *arg)
{
    struct kp_pool *p = arg;
    uint64_t times;
    pthread_mutex_lock(&p->lock);
    if (read(p->alarm.fd, &times, sizeof times) == sizeof times) {
        p->alarm_set = false;
        see_who_waits(p);
    }
    pthread_mutex_unlock(&p->lock);
    return false;
}

/* ---- the pool ---- */
struct kp_pool *kp_pool_start(struct kp_keeper *keeper, struct kp_err *err)
{
    struct kp_pool *p = kp_alloc(sizeof *p);
    if (!p) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    p->quick.last = &p->quick.first;
    p->slow.last = &p->slow.first;
    pthread_mutex_init(&p->lock, NULL);
    kp_cond_init(&p->more);
    p->judged = kp_mono(&kp_clock_system);
    p->alarm = (struct kp_kept){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), .look = goes_off, .arg = p };
    if (p->alarm.fd >= 0 && kp_keeper_keep(keeper, &p->alarm))
        p->keeper = keeper;
    pthread_mutex_lock(&p->lock);
    bool there = p->keeper && add_worker(p);
    pthread_mutex_unlock(&p->lock);
    if (there)
        return p;
    kp_fail(err, KP_EIO, "the system gives no thread or file handle for the web's workers");
    kp_pool_stop(p);
    return NULL;
}

void kp_pool_stop(struct kp_pool *p)
{
    if (!p)
        return;
    if (p->keeper)
        kp_keeper_let_go(p->keeper, &p->alarm);
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->more);
    for (struct worker *w = p->worker; w < p->worker + KP_POOL_WORKERS; w++)
        if (w->state != NONE) {
            pthread_mutex_unlock(&p->lock);
            pthread_join(w->thread, NULL);
            pthread_mutex_lock(&p->lock);
        }
    pthread_mutex_unlock(&p->lock);
    if (p->alarm.fd >= 0)
        close(p->alarm.fd);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    kp_free(p);
}

bool kp_pool_push(struct kp_pool *p, struct kp_job *job, bool slow)
{
    pthread_mutex_lock(&p->lock);
    struct lane *lane = slow ? &p->slow : &p->quick;
    bool taken = !p->stopping && lane->n < KP_POOL_WAITING_MAX;
    if (taken) {
        job->next = NULL;
        *lane->last = job;
        lane->last = &job->next;
        lane->n++;
        pthread_cond_signal(&p->more);
        see_who_waits(p);
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}
