/* SPDX-License-Identifier: Apache-2.0 */
/* hub [SECONDS [SIGNALS]]: samples a second through the hub's queue, the model, the journal and sealing, into a real
 * file with a commit every 100 ms, all threads on one core. The generator waits when the store has much
 * to do, so nothing is lost; its own work is part of the figure. Samples carry the real time in us and
 * decimal values that wander, as sensors give them. */
#define _GNU_SOURCE
#include "core/hub.h"
#include "store/store.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WAVE = 8192 };

struct bench {
    char dir[64];
    int signals;
    struct kp_store *store;
    struct kp_hub *hub;
    kp_signal *ids;
    double wave[WAVE];
    uint64_t pushed;
};

static void need(const struct kp_err *err)
{
    if (!err->code)
        return;
    fprintf(stderr, "hub: %s\n", err->text);
    exit(1);
}

static double seconds(void)
{
    return (double)kp_mono(&kp_clock_system) / 1e9;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* "VmHWM" and such, in MB; the peak is of this run because it is reset before. */
static double memory_mb(const char *field)
{
    char line[128];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0)
            kb = strtod(line + strlen(field) + 1, NULL);
    if (f)
        fclose(f);
    return kb * 1024 / 1e6;
}

static void reset_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f)
        return;
    fputs("5", f);
    fclose(f);
}

static void fill_wave(struct bench *b)
{
    uint32_t r = 12345;
    int value = 21700;
    for (int i = 0; i < WAVE; i++) {
        r = r * 1664525 + 1013904223;
        value += (int)(r >> 16) % 41 - 20;
        b->wave[i] = value / 100.0;
    }
}

static void declare(struct bench *b)
{
    struct kp_err err = { 0 };
    struct kp_model *model = kp_hub_model(b->hub);
    for (int i = 0; i < b->signals; i++) {
        char path[32], name[16];
        snprintf(path, sizeof path, "hall/m%03d", i / 100);
        snprintf(name, sizeof name, "s%02d", i % 100);
        struct kp_signal_info info = { .asset = kp_model_make_path(model, path, KP_MACHINE, &err),
                                       .name = name, .type = KP_DOUBLE, .stored = true };
        b->ids[i] = kp_model_put_signal(model, &info, &err);
        need(&err);
    }
}

static void begin(struct bench *b)
{
    struct kp_err err = { 0 };
    snprintf(b->dir, sizeof b->dir, "/var/tmp/koppel-hub-XXXXXX");
    b->ids = calloc((size_t)b->signals, sizeof *b->ids);
    if (!mkdtemp(b->dir) || !b->ids)
        exit(1);
    kp_store_create(b->dir, "bench", &err);
    need(&err);
    b->store = kp_store_open(b->dir, &(struct kp_store_options){ .commit_every = 100 * KP_MILLISECOND }, &err);
    need(&err);
    b->hub = kp_hub_new(&(struct kp_hub_options){ .context = b->store }, &err);
    need(&err);
    kp_store_load(b->store, b->hub, &err);
    need(&err);
    declare(b);
    fill_wave(b);
    kp_store_start(b->store, &err);
    kp_hub_start(b->hub, &err);
    kp_store_sync(b->store, &err);
    need(&err);
}

static void end(struct bench *b)
{
    char command[96];
    kp_hub_stop(b->hub);
    kp_store_stop(b->store);
    kp_hub_free(b->hub);
    kp_store_close(b->store);
    free(b->ids);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    if (system(command)) /* NOLINT(cert-env33-c): our own scratch folder */
        fprintf(stderr, "hub: %s is left behind\n", b->dir);
}

/* One value of each signal. */
static void push_round(struct bench *b, unsigned round)
{
    int64_t now = kp_utc(&kp_clock_system);
    int64_t at = now - now % 1000;
    for (int i = 0; i < b->signals;) {
        struct kp_batch *batch = kp_batch_new(1);
        if (!batch)
            exit(1);
        batch->arrived = now;
        for (; i < b->signals && batch->n < KP_BATCH_MAX; i++)
            batch->s[batch->n++] =
                (struct kp_sample){ .signal = b->ids[i], .at = at,
                                    .value = kp_double(b->wave[(round + (unsigned)i * 37) % WAVE]) };
        b->pushed += batch->n;
        if (!kp_hub_push(b->hub, batch, 10000))
            exit(1);
    }
}

static void run(int signals, int duration, double aim)
{
    static struct bench bench;
    struct bench *b = &bench;
    *b = (struct bench){ .signals = signals };
    struct kp_err err = { 0 };
    begin(b);
    reset_peak();
    double start = seconds(), cpu = cpu_seconds();
    for (unsigned round = 0; seconds() - start < duration; round++) {
        push_round(b, round);
        while (kp_store_stats(b->store).queued > 6 << 20)
            usleep(1000);
    }
    while (kp_hub_stats(b->hub).queued)
        usleep(1000);
    kp_store_sync(b->store, &err);
    need(&err);
    double took = seconds() - start, used = cpu_seconds() - cpu;
    struct kp_store_stats s = kp_store_stats(b->store);
    struct kp_hub_stats h = kp_hub_stats(b->hub);
    char name[32];
    snprintf(name, sizeof name, "ingest-%d", signals);
    printf("%s: %.1f s wall, %.2f CPU-s, %.3f CPU-s per million; %llu commits of %.0f samples; sealed %.0f %% into %llu "
           "chunks; journal %.1f MB, log %.1f MB, file %.1f MB; peak RSS %.1f MB; lost %llu\n",
           name, took, used, used / (double)s.samples * 1e6, (unsigned long long)s.commits,
           (double)s.samples / (double)s.commits, 100.0 * (double)s.sealed_points / (double)s.samples,
           (unsigned long long)s.chunks, (double)s.journal_bytes / 1e6, (double)s.wal_bytes / 1e6,
           (double)s.file_bytes / 1e6, memory_mb("VmHWM"), (unsigned long long)(h.lost + b->pushed - s.samples - h.duplicates));
    printf("figure: %s %.0f samples/s | aim >= %.0f\n", name, (double)s.samples / took, aim);
    printf("figure: %s-rss %.1f MB | aim <= 256\n", name, memory_mb("VmHWM"));
    fflush(stdout);
    end(b);
}

int main(int argc, char **argv)
{
    int duration = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10;
    int signals = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one))
        perror("hub: one core");
    if (signals != 10000)
        run(1000, duration, 1e6);
    if (signals != 1000)
        run(10000, duration, 7e5);
    return 0;
}
