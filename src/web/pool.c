/* SPDX-License-Identifier: Apache-2.0 */
#include "web/pool.h"

#include <pthread.h>

#include "core/ban.h"

struct lane {
    struct kp_job *first, **last;
    unsigned n;
};

struct kp_pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct lane quick, slow;
    bool stopping;
    unsigned started, idle, slow_running;
    pthread_t thread[KP_POOL_WORKERS];
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

/* The next job this worker may take; waits for one. NULL: the pool ends. */
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
        p->idle++;
        pthread_cond_wait(&p->more, &p->lock);
        p->idle--;
    }
}

static void *work(void *arg)
{
    struct kp_pool *p = arg;
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
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool add_worker(struct kp_pool *p)
{
    bool there = pthread_create(&p->thread[p->started], NULL, work, p) == 0;
    p->started += there;
    return there;
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
    pthread_cond_init(&p->more, NULL);
    if (add_worker(p))
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
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->started; i++)
        pthread_join(p->thread[i], NULL);
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
        if (p->quick.n + p->slow.n > p->idle && p->started < KP_POOL_WORKERS)
            add_worker(p); /* without one, those that are there do it later */
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}
