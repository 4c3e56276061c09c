/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_QUEUE_H
#define KOPPEL_CORE_QUEUE_H
/* A bounded queue of messages: many producers, one consumer, bounded by the sum of costs (bytes).
 * Full means the producer waits or keeps its message: that is the back-pressure. */
#include "core/mem.h"

/* The first member of everything that travels between threads. */
struct kp_msg {
    struct kp_msg *next;
    uint32_t cost; /* bytes it holds, for the budget */
    uint8_t kind;  /* enum kp_msg_kind */
};
enum kp_msg_kind {
    KP_MSG_BATCH,    /* struct kp_batch */
    KP_MSG_CALL,     /* struct kp_call: run something in the consumer's thread */
    KP_MSG_INTERVAL, /* struct kp_interval_msg: an interval opened, changed or closed */
    KP_MSG_NOTE,     /* struct kp_note_msg: a text for subscribers */
    KP_MSG_ROW,      /* the store's: a change of the model to write down */
    KP_MSG_NUDGE,    /* the hub's own: there is something to look at; never freed */
};

struct kp_queue;
struct kp_queue *kp_queue_new(size_t budget, void (*drop)(struct kp_msg *)); /* NULL: out of memory */
void kp_queue_free(struct kp_queue *); /* drops what is still queued */

/* Waits up to timeout_ms (0: not at all, -1: for ever) for room. Takes the message only when it
 * returns true. A message larger than the whole budget is taken when the queue is empty. */
bool kp_queue_push(struct kp_queue *, struct kp_msg *, int timeout_ms);
/* In front of everything pushed normally, in order among themselves, and never refused for room
 * (a handful of control messages): false only when closed. */
bool kp_queue_push_urgent(struct kp_queue *, struct kp_msg *);
struct kp_msg *kp_queue_pop(struct kp_queue *, int timeout_ms); /* NULL: nothing came, or closed and empty */
/* Wakes everyone and refuses the calls still queued; pushes then refuse, pops drain. */
void kp_queue_close(struct kp_queue *);
size_t kp_queue_used(struct kp_queue *); /* bytes queued now */

/* A function run in the consumer's thread while the caller waits. Lives on the caller's stack. */
struct kp_call {
    struct kp_msg msg;
    void (*run)(void *arg);
    void *arg;
    struct kp_call_wait *wait;
};
/* False when the queue is closed (then `run` is not called). */
bool kp_queue_call(struct kp_queue *, void (*run)(void *arg), void *arg);
/* Waits until all that was pushed before has been taken and done with; false as above. */
bool kp_queue_drain(struct kp_queue *);
/* The consumer's side: runs it and wakes the caller. */
void kp_call_answer(struct kp_call *);
/* As above without running it, for a consumer that is ending. kp_queue_call then returns false. */
void kp_call_refuse(struct kp_call *);
#endif
