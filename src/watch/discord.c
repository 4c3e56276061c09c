/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/discord.h"

#include "core/mem.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum {
    PAST = KP_DISCORD_PAST,
    ROOM = 2 * (PAST + KP_DISCORD_LONGEST),
    USUAL = 100,
    LEAST_LAG = 16
};

/* Everything stands in rows of ROOM that are moved to their front when they are full, so that the
 * past of each value lies in front of it. */
struct kp_discord {
    size_t length, end, mended;
    double x[ROOM], mean[ROOM],
        power[ROOM];      /* of the stretch that ends there: mean, and variance */
    double dot[PAST + 1]; /* of the newest stretch and the one so many values before it */
};

static double correlation(const double *x, size_t n, double mean, size_t lag)
{
    double sum = 0;
    for (size_t i = 0; i + lag < n; i++)
        sum += (x[i] - mean) * (x[i + lag] - mean);
    return sum / (double)(n - lag);
}

size_t kp_discord_length(const double *x, size_t n)
{
    double mean = 0, best = 0.1;
    size_t found = USUAL, most = n / 3;
    bool fell = false;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    double all = n ? correlation(x, n, mean, 0) : 0;
    for (size_t lag = 1; all > 0 && lag <= KP_DISCORD_LONGEST && lag <= most; lag++) {
        double c = correlation(x, n, mean, lag) / all;
        fell |= c < 0; /* near 0 each signal is like itself */
        if (fell && lag >= LEAST_LAG && c > best) {
            best = c;
            found = lag;
        }
    }
    found = found > most ? most : found;
    return found < KP_DISCORD_LEAST ? KP_DISCORD_LEAST : found;
}

struct kp_discord *kp_discord_new(struct kp_err *err)
{
    struct kp_discord *d = kp_alloc(sizeof *d);
    if (!d)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return d;
}

void kp_discord_begin(struct kp_discord *d, size_t length)
{
    memset(d, 0, sizeof *d);
    d->length = length < KP_DISCORD_LEAST     ? KP_DISCORD_LEAST
                : length > KP_DISCORD_LONGEST ? KP_DISCORD_LONGEST
                                              : length;
}

size_t kp_discord_stretch(const struct kp_discord *d)
{
    return d->length;
}

void kp_discord_free(struct kp_discord *d)
{
    kp_free(d);
}

static void make_room(struct kp_discord *d)
{
    enum { KEPT = PAST + KP_DISCORD_LONGEST };
    size_t from = d->end - KEPT;
    if (d->end < ROOM)
        return;
    memmove(d->x, d->x + from, KEPT * sizeof *d->x);
    memmove(d->mean, d->mean + from, KEPT * sizeof *d->mean);
    memmove(d->power, d->power + from, KEPT * sizeof *d->power);
    d->end = KEPT;
}

static void measure(struct kp_discord *d, size_t at)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < d->length; i++)
        sum += d->x[at - i];
    sum /= (double)d->length;
    for (size_t i = 0; i < d->length; i++) {
        double off = d->x[at - i] - sum;
        squares += off * off;
    }
    d->mean[at] = sum;
    d->power[at] = squares / (double)d->length;
}

/* Products slide along; one of them is made anew each time, so that errors do not add up. */
static void slide(struct kp_discord *d, size_t at, size_t lags)
{
    const size_t m = d->length, full = at < m ? 0 : at - m < lags ? at - m : lags;
    const double *x = d->x + at, in = x[0], out = full ? x[-(ptrdiff_t)m] : 0;
    for (size_t lag = 1; lag <= full; lag++)
        d->dot[lag] += in * x[-(ptrdiff_t)lag] - out * x[-(ptrdiff_t)(lag + m)];
    for (size_t lag = full + 1; lag <= lags; lag++) /* the stretches still grow */
        d->dot[lag] += in * x[-(ptrdiff_t)lag];
    d->mended = d->mended < lags ? d->mended + 1 : 1;
    double sum = 0;
    for (size_t i = 0; lags && i < m && d->mended + i <= at; i++)
        sum += x[-(ptrdiff_t)i] * x[-(ptrdiff_t)(d->mended + i)];
    if (lags)
        d->dot[d->mended] = sum;
}

double kp_discord_step(struct kp_discord *d, double value)
{
    const size_t m = d->length;
    make_room(d);
    size_t at = d->end++, lags = at < PAST ? at : PAST;
    d->x[at] = value;
    slide(d, at, lags);
    if (at + 1 < m)
        return 0;
    measure(d, at);
    double best = INFINITY;
    const double mean = d->mean[at], power = d->power[at], *means = d->mean + at,
                 *powers = d->power + at;
    for (size_t lag = m + 1; lag <= lags && lag + m <= at + 1; lag++) {
        double off = power + powers[-(ptrdiff_t)lag] -
                     2 * (d->dot[lag] / (double)m - mean * means[-(ptrdiff_t)lag]);
        best = off < best ? off : best;
    }
    return best < INFINITY ? sqrt(fmax(best, 0)) : 0;
}

void kp_discord_skip(struct kp_discord *d, size_t ago)
{
    if (ago < d->end)
        d->power[d->end - 1 - ago] = INFINITY;
}

void kp_discord_count(struct kp_discord *d, size_t ago)
{
    if (ago + d->length <= d->end)
        measure(d, d->end - 1 - ago);
}

double kp_discord_to(const struct kp_discord *d, size_t ago)
{
    const size_t m = d->length;
    double sum = 0, squares = 0;
    if (ago + m > d->end)
        return INFINITY;
    for (const double *x = d->x + d->end - m; x < d->x + d->end; x++) {
        double off = *x - *(x - ago);
        sum += off;
        squares += off * off;
    }
    return sqrt(fmax(0, squares / (double)m - sum / (double)m * (sum / (double)m)));
}
