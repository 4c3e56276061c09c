/* SPDX-License-Identifier: Apache-2.0 */
#include "web/pool.h"

#include "core/clock.h"
#include "core/text.h"
#include "core/worker.h"

#include <pthread.h>
#include <time.h>

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
    unsigned spare; /* the fewest that were idle since it was looked at */
    int64_t looked; /* monotonic */
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
    until.tv_sec += KP_POOL_IDLE_S;
    p->idle++;
    pthread_cond_timedwait(&p->more, &p->lock, &until);
    p->idle--;
    if (p->idle < p->spare)
        p->spare = p->idle;
}

/* Others were idle all the time, whenever one had something to do. */
static bool are_too_many(struct kp_pool *p)
{
    int64_t now = kp_mono(&kp_clock_system);
    if (now < p->looked + KP_POOL_IDLE_S * KP_SECOND)
        return false;
    bool many = p->spare > 0 && p->working > 1;
    p->looked = now;
    p->spare = p->idle;
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
        job->run(job);
        pthread_mutex_lock(&p->lock);
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

struct kp_pool *kp_pool_start(struct kp_err *err)
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
    pthread_mutex_lock(&p->lock);
    bool there = add_worker(p);
    pthread_mutex_unlock(&p->lock);
    if (there)
        return p;
    kp_fail(err, KP_EIO, "the system gives no thread for the web's workers");
    kp_pool_stop(p);
    return NULL;
}

void kp_pool_stop(struct kp_pool *p)
{
    if (!p)
        return;
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
        if (p->quick.n + p->slow.n > p->idle && p->working < KP_POOL_WORKERS)
            add_worker(p); /* without one, those that are there do it later */
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}
