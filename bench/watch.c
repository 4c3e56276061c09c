/* SPDX-License-Identifier: Apache-2.0 */
/* watch SIGNALS SECONDS: how many values the watches judge in a second of CPU on one thread, past
 * learning: single signals, the same with shapes (one of a hundred), groups of eight, cycles of a
 * machine with three channels; and the bytes a watched signal takes. Prints "name value" lines. */
#include "bench.h"
#include "core/mem.h"
#include "core/text.h"
#include "watch/cycle.h"
#include "watch/group.h"
#include "watch/signal.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/ban.h"

enum { TRAIN = 300, TABLE = 1 << 16, WIDE = 8 };
static double table[TABLE];

static void *need(void *p)
{
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

static double value_of(size_t signal, size_t tick)
{
    return table[(signal * 7919 + tick) % TABLE];
}

static void bench_signals(const char *name, size_t n, bool shape, double seconds)
{
    struct kp_watch_signal *s = need(kp_alloc(n * sizeof *s));
    struct kp_err err = { 0 };
    size_t tick = 0, judged = 0, alarms = 0;
    double from = 0;
    for (size_t i = 0; i < n; i++)
        kp_watch_signal_init(&s[i], TRAIN, shape, &err);
    for (; !from || cpu() < from + seconds; tick++) {
        if (tick == TRAIN + 1)
            from = cpu();
        for (size_t i = 0; i < n; i++)
            alarms +=
                kp_watch_signal_step(&s[i], (int64_t)tick * KP_SECOND, value_of(i, tick), true)
                    .alarm;
        judged += from ? n : 0;
    }
    printf("%s %.0f\n%s-alarms-per-million %.3g\n", name, (double)judged / (cpu() - from), name,
           1e6 * (double)alarms / (double)judged);
    for (size_t i = 0; i < n; i++)
        kp_watch_signal_free(&s[i]);
    kp_free(s);
}

static void bench_groups(double seconds)
{
    struct kp_err err = { 0 };
    struct kp_group *g = need(kp_group_new(WIDE, TRAIN, &err));
    struct kp_judgement j;
    double row[WIDE], from = 0;
    size_t tick = 0, judged = 0;
    for (; !from || cpu() < from + seconds; tick++) {
        for (size_t i = 0; i < WIDE; i++)
            row[i] = value_of(i, tick);
        kp_group_step(g, row, &j, &err);
        if (tick == TRAIN)
            from = cpu();
        judged += from ? WIDE : 0;
    }
    printf("groups %.0f\n", (double)judged / (cpu() - from));
    kp_group_free(g);
}

static void bench_cycles(double seconds)
{
    struct kp_err err = { 0 };
    struct kp_cycles *c = need(kp_cycles_new(3, &err));
    struct kp_cycle_judgement j;
    size_t values = 0;
    int64_t at = 0;
    for (double from = cpu(); cpu() < from + seconds; at += 5 * KP_SECOND) {
        kp_cycle_begin(c, 1, at);
        for (int i = 0; i < 60; i++, at += KP_SECOND)
            for (unsigned k = 0; k < 3; k++, values++)
                kp_cycle_value(c, k, at, value_of(k, (size_t)i));
        kp_cycle_end(c, at, &j);
    }
    printf("cycles %.0f\n", (double)values / seconds);
    kp_cycles_free(c);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "watch SIGNALS SECONDS\n"), 2;
    size_t n = strtoul(argv[1], NULL, 10);
    double seconds = strtod(argv[2], NULL);
    fill_with_swing(table, TABLE);
    printf("bytes-per-signal %zu\n", sizeof(struct kp_watch_signal));
    bench_signals("signals", n, false, seconds);
    bench_signals("shapes", n / 100 + 1, true, seconds);
    bench_groups(seconds);
    bench_cycles(seconds);
    return 0;
}
