/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_WORKER_H
#define KOPPEL_CORE_WORKER_H
/* A thread that is begun when there is work for it, and goes on until its owner stops: most nodes
 * have no work for most of them. */
#include <pthread.h>
#include <stdbool.h>

/* What the calling thread is called where a person looks at them, as in `top -H`; 15 bytes of it. */
void kp_thread_name(const char *name);

/* A condition whose waits with an end go by the monotonic clock. */
void kp_cond_init(pthread_cond_t *);

struct kp_worker { /* initialised by kp_worker_init */
    pthread_mutex_t lock;
    pthread_t thread;
    bool open, running;
};
void kp_worker_init(struct kp_worker *);
void kp_worker_free(struct kp_worker *); /* after it was closed */
void kp_worker_open(struct kp_worker *); /* from now on it may begin */
/* Begins it unless it runs or may not; any thread. False: the system gives no thread. */
bool kp_worker_begin(struct kp_worker *, void *(*run)(void *), void *arg);
/* Waits until it has ended; it does not begin again before it is opened. The owner has told it to end. */
void kp_worker_close(struct kp_worker *);
#endif
