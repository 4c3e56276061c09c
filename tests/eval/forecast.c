/* SPDX-License-Identifier: Apache-2.0 */
/* A series on stdin: steps a day, the first step's place in the week, 1 if its steps add up, how many days are known to be off and
 * which (0: the first), then a value a step ("nan": not known). Forecasts a day and a week from many of its moments, knowing only what came before, and prints how far off they were:
 * beside the same time a week (where there is none, a day) before, and how much of what came lay in the band. */
#include "watch/outlook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100000, ORIGINS = 60, DAYS = 4096, SUNDAY = 6 };

struct figures {
    double off, naive;
    size_t n, inside;
};
static double value[MOST];
static uint16_t slot[MOST + KP_OUTLOOK_AHEAD];
static size_t n, day, first, adds;
static bool off[DAYS];

static double naive(size_t at, size_t t)
{
    size_t week = 7 * day, period = at >= week ? week : day, back = ((t - at) / period + 1) * period;
    while (back <= t && isnan(value[t - back]))
        back += period;
    return back <= t ? value[t - back] : NAN;
}

static void one(size_t at, size_t ahead, struct figures *f)
{
    struct kp_err err = { 0 };
    struct kp_outlook_step said[KP_OUTLOOK_AHEAD];
    size_t from = at > KP_OUTLOOK_KNOWN ? at - KP_OUTLOOK_KNOWN : 0;
    struct kp_outlook_ask ask = { .n = at - from, .ahead = ahead, .day = day, .known = value + from, .slot = slot + from, .share = 0.8, .adds = adds };
    if (kp_outlook_make(&ask, said, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    double came = 0, plain = 0;
    for (size_t k = 0; k < ahead && at + k < n; k++) {
        double v = value[at + k], w = naive(at, at + k);
        if (isnan(v) || isnan(w))
            continue;
        came = adds ? came + v : v;
        plain = adds ? plain + w : w;
        f->off += fabs(came - said[k].value);
        f->naive += fabs(came - plain);
        f->inside += came >= said[k].low && came <= said[k].high;
        f->n++;
    }
}

int main(void)
{
    unsigned a, b, c, n_off, d;
    if (scanf("%u %u %u %u", &a, &b, &c, &n_off) != 4 || a < 4 || a > KP_OUTLOOK_DAY)
        return 2;
    while (n_off-- && scanf("%u", &d) == 1)
        off[d % DAYS] = true;
    day = a;
    first = b;
    adds = c;
    while (n < MOST && scanf("%lf", &value[n]) == 1)
        n++;
    for (size_t i = 0; i < n + KP_OUTLOOK_AHEAD; i++)
        slot[i] = (uint16_t)(off[(first % day + i) / day % DAYS] ? SUNDAY * day + (first + i) % day : (first + i) % (7 * day));
    for (unsigned k = 0; k < 2; k++) {
        struct figures f = { 0 };
        size_t ahead = (k ? 7 : 1) * day, begin = kp_outlook_needs(day, ahead);
        begin = begin > n / 3 ? begin : n / 3;
        for (size_t i = 0; i < ORIGINS && begin < n; i++)
            one(begin + i * (n - begin) / ORIGINS, ahead, &f);
        if (f.n)
            printf("%s %.6g %.6g %.6g\n", k ? "week" : "day", f.off / (double)f.n, f.naive / (double)f.n, (double)f.inside / (double)f.n);
    }
    return 0;
}
