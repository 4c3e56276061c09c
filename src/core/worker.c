/* SPDX-License-Identifier: Apache-2.0 */
#include "core/worker.h"

#include "core/text.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

#include "core/ban.h"

void kp_thread_name(const char *name)
{
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
    kp_utf8_trim(cut);
    prctl(PR_SET_NAME, cut);
}

void kp_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(c, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void kp_worker_init(struct kp_worker *w)
{
    *w = (struct kp_worker){ .open = false };
    pthread_mutex_init(&w->lock, NULL);
}

void kp_worker_free(struct kp_worker *w)
{
    pthread_mutex_destroy(&w->lock);
}

void kp_worker_open(struct kp_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->open = true;
    pthread_mutex_unlock(&w->lock);
}

bool kp_worker_begin(struct kp_worker *w, void *(*run)(void *), void *arg)
{
    pthread_mutex_lock(&w->lock);
    bool needed = w->open && !w->running;
    if (needed)
        w->running = pthread_create(&w->thread, NULL, run, arg) == 0;
    bool there = !needed || w->running;
    pthread_mutex_unlock(&w->lock);
    return there;
}

void kp_worker_close(struct kp_worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool running = w->running;
    w->open = w->running = false;
    pthread_mutex_unlock(&w->lock);
    if (running)
        pthread_join(w->thread, NULL);
}
