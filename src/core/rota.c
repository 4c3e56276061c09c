/* SPDX-License-Identifier: Apache-2.0 */
#include "core/rota.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/worker.h"

#include <pthread.h>
#include <time.h>

#include "core/ban.h"

struct kp_rota {
    const char *name;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below, and what is the rota's of each duty */
    pthread_cond_t changed;
    struct kp_duty *first, *in_turn;
    bool running, stop;
};

static int64_t now(void)
{
    return kp_mono(&kp_clock_system);
}

static struct kp_duty *next_due(const struct kp_rota *r)
{
    struct kp_duty *soonest = r->first;
    for (struct kp_duty *d = r->first; d; d = d->next)
        if (d->due < soonest->due)
            soonest = d;
    return soonest;
}

static void take_turn(struct kp_rota *r, struct kp_duty *d)
{
    r->in_turn = d;
    d->hurried = false;
    pthread_mutex_unlock(&r->lock);
    int64_t pause = d->turn(d->arg);
    pthread_mutex_lock(&r->lock);
    d->due = now() + (d->hurried ? 0 : pause); /* behind those that wait longer */
    r->in_turn = NULL;
    pthread_cond_broadcast(&r->changed);
}

static void *run(void *arg)
{
    struct kp_rota *r = arg;
    kp_thread_name(r->name);
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct kp_duty *d = next_due(r);
        const struct timespec until = { d ? d->due / KP_SECOND : 0, d ? d->due % KP_SECOND : 0 };
        if (!d)
            pthread_cond_wait(&r->changed, &r->lock);
        else if (d->due > now())
            pthread_cond_timedwait(&r->changed, &r->lock, &until);
        else
            take_turn(r, d);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct kp_rota *kp_rota_new(const char *name, struct kp_err *err)
{
    struct kp_rota *r = kp_alloc(sizeof *r);
    if (!r) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    r->name = name;
    pthread_mutex_init(&r->lock, NULL);
    kp_cond_init(&r->changed);
    return r;
}

void kp_rota_free(struct kp_rota *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    if (r->running)
        pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    kp_free(r);
}

enum kp_code kp_duty_begin(struct kp_duty *d, struct kp_rota *r, int64_t after, struct kp_err *err)
{
    pthread_mutex_lock(&r->lock);
    bool there = r->running = r->running || pthread_create(&r->thread, NULL, run, r) == 0;
    if (there) {
        d->rota = r;
        d->due = now() + after;
        d->next = r->first;
        r->first = d;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return there ? KP_OK : kp_fail(err, KP_EIO, "the system gives no thread; stop other programs, or raise the limit of threads");
}

void kp_duty_hurry(struct kp_duty *d)
{
    struct kp_rota *r = d->rota;
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    int64_t at = now();
    d->hurried = true;
    d->due = d->due < at ? d->due : at;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void kp_duty_end(struct kp_duty *d)
{
    struct kp_rota *r = d->rota;
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    struct kp_duty **at = &r->first;
    while (*at && *at != d)
        at = &(*at)->next;
    if (*at)
        *at = d->next;
    while (r->in_turn == d)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}
