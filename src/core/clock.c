/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "core/ban.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t system_utc(const struct kp_clock *c)
{
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(const struct kp_clock *c)
{
    (void)c;
    return read_clock(CLOCK_MONOTONIC);
}

const struct kp_clock kp_clock_system = { system_utc, system_mono };

/* The clock is the first member, so a pointer to it is one to the whole. */
static int64_t virtual_utc(const struct kp_clock *c)
{
    return ((const struct kp_clock_virtual *)c)->now;
}

static int64_t virtual_mono(const struct kp_clock *c)
{
    return ((const struct kp_clock_virtual *)c)->up;
}

struct kp_clock_virtual kp_clock_virtual(int64_t utc)
{
    return (struct kp_clock_virtual){ .clock = { virtual_utc, virtual_mono }, .now = utc };
}

void kp_clock_advance(struct kp_clock_virtual *v, int64_t ns)
{
    v->now += ns;
    v->up += ns;
}

void kp_clock_jump(struct kp_clock_virtual *v, int64_t ns)
{
    v->now += ns;
}

void kp_random(void *out, unsigned n)
{
    char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) /* only EINTR is possible here */
            continue;
        p += got;
        n -= (unsigned)got;
    }
}
