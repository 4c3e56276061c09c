/* SPDX-License-Identifier: Apache-2.0 */
#include "core/queue.h"
#include "core/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "core/ban.h"

struct list {
    struct kp_msg *head, **tail;
};

struct kp_queue {
    pthread_mutex_t lock;
    pthread_cond_t room, work;
    struct list normal, urgent;
    size_t budget, used; /* used: costs of the normal lane */
    void (*drop)(struct kp_msg *);
    bool closed;
};

/* The caller's side of a call, on its stack. */
struct kp_call_wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool over, ran;
};

static void list_add(struct list *l, struct kp_msg *m)
{
    m->next = NULL;
    *l->tail = m;
    l->tail = &m->next;
}

static struct kp_msg *list_take(struct list *l)
{
    struct kp_msg *m = l->head;
    if (m && !(l->head = m->next))
        l->tail = &l->head;
    return m;
}

struct kp_queue *kp_queue_new(size_t budget, void (*drop)(struct kp_msg *))
{
    struct kp_queue *q = kp_alloc(sizeof *q);
    if (!q)
        return NULL;
    pthread_mutex_init(&q->lock, NULL);
    kp_cond_init(&q->room);
    kp_cond_init(&q->work);
    q->normal.tail = &q->normal.head;
    q->urgent.tail = &q->urgent.head;
    q->budget = budget;
    q->drop = drop;
    return q;
}

static void discard(struct kp_queue *q, struct kp_msg *m)
{
    if (m->kind == KP_MSG_CALL)
        kp_call_refuse((struct kp_call *)m);
    else
        q->drop(m);
}

void kp_queue_free(struct kp_queue *q)
{
    if (!q)
        return;
    for (struct kp_msg *m; (m = list_take(&q->urgent)) || (m = list_take(&q->normal));)
        discard(q, m);
    pthread_cond_destroy(&q->room);
    pthread_cond_destroy(&q->work);
    pthread_mutex_destroy(&q->lock);
    kp_free(q);
}

static struct timespec deadline(int timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

/* One wait; false when the time is up. until is NULL for ever. */
static bool wait(pthread_cond_t *c, pthread_mutex_t *lock, const struct timespec *until)
{
    return (until ? pthread_cond_timedwait(c, lock, until) : pthread_cond_wait(c, lock)) !=
           ETIMEDOUT;
}

static bool has_room(const struct kp_queue *q, const struct kp_msg *m)
{
    return q->used == 0 || (m->cost <= q->budget && q->used <= q->budget - m->cost);
}

bool kp_queue_push(struct kp_queue *q, struct kp_msg *m, int timeout_ms)
{
    struct timespec until = { 0 };
    bool timed = false;
    pthread_mutex_lock(&q->lock);
    while (!has_room(q, m) && !q->closed && timeout_ms) {
        if (timeout_ms > 0 && !timed) {
            until = deadline(timeout_ms);
            timed = true;
        }
        if (!wait(&q->room, &q->lock, timed ? &until : NULL))
            break;
    }
    bool taken = has_room(q, m) && !q->closed;
    if (taken) {
        q->used += m->cost;
        list_add(&q->normal, m);
        pthread_cond_signal(&q->work);
    }
    pthread_mutex_unlock(&q->lock);
    return taken;
}

bool kp_queue_push_urgent(struct kp_queue *q, struct kp_msg *m)
{
    pthread_mutex_lock(&q->lock);
    bool taken = !q->closed;
    if (taken) {
        list_add(&q->urgent, m);
        pthread_cond_signal(&q->work);
    }
    pthread_mutex_unlock(&q->lock);
    return taken;
}

struct kp_msg *kp_queue_pop(struct kp_queue *q, int timeout_ms)
{
    pthread_mutex_lock(&q->lock);
    if (!q->urgent.head && !q->normal.head && !q->closed && timeout_ms) {
        struct timespec until = deadline(timeout_ms > 0 ? timeout_ms : 0);
        while (!q->urgent.head && !q->normal.head && !q->closed)
            if (!wait(&q->work, &q->lock, timeout_ms > 0 ? &until : NULL))
                break;
    }
    struct kp_msg *m = list_take(&q->urgent);
    if (!m && (m = list_take(&q->normal))) {
        q->used -= m->cost;
        pthread_cond_broadcast(&q->room); /* costs differ: whoever fits may go */
    }
    pthread_mutex_unlock(&q->lock);
    return m;
}

/* A consumer that has gone already would leave callers waiting: their calls are refused here. */
void kp_queue_close(struct kp_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    struct kp_msg *m = q->urgent.head;
    q->urgent = (struct list){ .tail = &q->urgent.head };
    for (struct kp_msg *next; m; m = next) {
        next = m->next;
        if (m->kind == KP_MSG_CALL)
            kp_call_refuse((struct kp_call *)m);
        else
            list_add(&q->urgent, m);
    }
    pthread_cond_broadcast(&q->room);
    pthread_cond_broadcast(&q->work);
    pthread_mutex_unlock(&q->lock);
}

size_t kp_queue_used(struct kp_queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t used = q->used;
    pthread_mutex_unlock(&q->lock);
    return used;
}

static bool call_and_wait(struct kp_queue *q, bool urgent, void (*run)(void *arg), void *arg)
{
    struct kp_call_wait w = { 0 };
    struct kp_call call = { .msg.kind = KP_MSG_CALL, .run = run, .arg = arg, .wait = &w };
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.done, NULL);
    if (urgent ? kp_queue_push_urgent(q, &call.msg) : kp_queue_push(q, &call.msg, -1)) {
        pthread_mutex_lock(&w.lock);
        while (!w.over)
            pthread_cond_wait(&w.done, &w.lock);
        pthread_mutex_unlock(&w.lock);
    }
    pthread_cond_destroy(&w.done);
    pthread_mutex_destroy(&w.lock);
    return w.ran;
}

bool kp_queue_call(struct kp_queue *q, void (*run)(void *arg), void *arg)
{
    return call_and_wait(q, true, run, arg);
}

static void nothing(void *arg)
{
    (void)arg;
}

bool kp_queue_drain(struct kp_queue *q)
{
    return call_and_wait(q, false, nothing, NULL);
}

/* The caller's stack frame is gone as soon as it sees `over`: nothing of it is touched after the
 * unlock. */
static void end_call(struct kp_call_wait *w, bool ran)
{
    assert(w);
    pthread_mutex_lock(&w->lock);
    w->ran = ran;
    w->over = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

void kp_call_answer(struct kp_call *call)
{
    call->run(call->arg);
    end_call(call->wait, true);
}

void kp_call_refuse(struct kp_call *call)
{
    end_call(call->wait, false);
}
