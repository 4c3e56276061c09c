/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_ROTA_H
#define KOPPEL_CORE_ROTA_H
/* One thread that sees to several things by the clock, one after another: each says, when its turn is
 * over, how long it can wait for the next. What takes long makes the others wait, so who is in a hurry
 * and who is not have a rota each. The thread begins with the first duty. */
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct kp_rota;
struct kp_rota *kp_rota_new(const char *name, struct kp_err *); /* a literal; of the thread */
void kp_rota_free(struct kp_rota *); /* after its duties have ended; NULL is allowed */

struct kp_duty { /* the owner's memory */
    int64_t (*turn)(void *arg); /* does what there is to do; ns until it is called again */
    void *arg;
    struct kp_rota *_Atomic rota; /* these are the rota's; zero before it begins */
    struct kp_duty *next;
    int64_t due; /* monotonic */
    bool hurried;
};
/* From now on `turn` is called, the first time `after` so many ns. KP_EIO: the system gives no thread. */
enum kp_code kp_duty_begin(struct kp_duty *, struct kp_rota *, int64_t after, struct kp_err *);
/* The next turn comes as soon as the thread is free and those that are due longer had theirs. Any thread; one
 * that has not begun, or has ended, is left alone. */
void kp_duty_hurry(struct kp_duty *);
/* Waits for a turn that goes on; none comes after it. Not from a turn. */
void kp_duty_end(struct kp_duty *);
#endif
