/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_POOL_H
#define KOPPEL_WEB_POOL_H
/* One to four workers for requests that touch file, hub or network. One more begins when requests have waited all
 * the time for so long, or all that are there do slow ones; one ends when the others could do its work with ease. Two of them never take slow ones, so that a
 * handful of long queries cannot hold up the page. */
#include "core/err.h"
#include "core/mem.h"
#include "web/keeper.h"

enum { KP_POOL_WORKERS = 4, KP_POOL_FOR_SLOW = 2, KP_POOL_WAITING_MAX = 256, KP_POOL_LONG_MS = 25, KP_POOL_JUDGED_S = 3 };

struct kp_job { /* part of what is run */
    struct kp_job *next;
    void (*run)(struct kp_job *);
};

struct kp_pool;
struct kp_pool *kp_pool_start(struct kp_keeper *, struct kp_err *); /* which looks at whether requests wait */
/* Runs what waits, then ends the workers. */
void kp_pool_stop(struct kp_pool *);
/* False when KP_POOL_WAITING_MAX jobs of its kind wait, or the pool is stopping: the job stays the caller's. */
bool kp_pool_push(struct kp_pool *, struct kp_job *, bool slow);
#endif
