/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_CLOCK_H
#define KOPPEL_CORE_CLOCK_H
/* Where time comes from. Tests hand in a virtual clock and turn the threads' loops by hand. */
#include <stdint.h>

struct kp_clock {
    int64_t (*utc)(const struct kp_clock *);  /* ns since 1970 UTC; may jump */
    int64_t (*mono)(const struct kp_clock *); /* ns, never goes back; for waits and intervals */
};

extern const struct kp_clock kp_clock_system;

/* A clock that stands still until it is moved. Use as `struct kp_clock_virtual v = kp_clock_virtual(start)`
 * and pass &v.clock. */
struct kp_clock_virtual {
    struct kp_clock clock;
    int64_t now, up;
};
struct kp_clock_virtual kp_clock_virtual(int64_t utc);
void kp_clock_advance(struct kp_clock_virtual *, int64_t ns); /* both times */
void kp_clock_jump(struct kp_clock_virtual *, int64_t ns);    /* UTC only, as NTP does */

static inline int64_t kp_utc(const struct kp_clock *c)
{
    return c->utc(c);
}
static inline int64_t kp_mono(const struct kp_clock *c)
{
    return c->mono(c);
}

/* Bytes from the operating system's generator; used for ids, salts and jitter. */
void kp_random(void *out, unsigned n);
#endif
