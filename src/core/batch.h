/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_BATCH_H
#define KOPPEL_CORE_BATCH_H
/* A batch is the unit of exchange: filled by one thread, then given away whole. */
#include "core/queue.h"
#include "core/value.h"

enum { KP_BATCH_MAX = 256 };

struct kp_batch {
    struct kp_msg msg;
    uint16_t coupling; /* who made it; 0 = the node itself */
    uint16_t n;
    bool historic;   /* fills a gap: for the history only, not the live model */
    bool held;       /* for the quarantine: its times cannot be right (far_off.h) */
    bool waits;      /* whoever sent it keeps the rest back until it is stored: never dropped for want of room */
    int64_t arrived; /* receive time, ns UTC */
    struct kp_arena text; /* owns what lies behind .data of its values */
    struct kp_sample s[KP_BATCH_MAX];
};

struct kp_batch *kp_batch_new(uint16_t coupling); /* NULL: out of memory */
void kp_batch_free(struct kp_batch *);
void kp_batch_drop(struct kp_msg *); /* frees any message a queue of batches can hold */
/* Appends a copy (its data too). False: out of memory; the caller checks n < KP_BATCH_MAX. */
bool kp_batch_add(struct kp_batch *, const struct kp_sample *);
#endif
