/* SPDX-License-Identifier: Apache-2.0 */
/* watches: 10,000 signals that are watched inside a node. How many values a second of CPU takes through the hub and the watches,
 * on one thread, past learning; what a post takes in memory; and the time from handing a value in to the alarm it makes. Prints
 * "name value" lines. */
#include "bench.h"
#include "core/log.h"
#include "watch/watches.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNALS = 10000, LEARN = 200, ROUNDS = 150, RAISES = 400, TABLE = 1 << 16, PATIENCE_MS = 100, PAUSE_US = 13000 };

struct bench {
    char dir[64];
    struct kp_store *store;
    struct kp_hub *hub;
    struct kp_alarms *alarms;
    struct kp_watches *watches;
    kp_signal ids[SIGNALS];
    kp_asset assets[SIGNALS];
    _Atomic int64_t raised; /* monotonic; of the newest alarm */
    int64_t at;
    size_t tick;
};

static struct kp_err err;
static double table[TABLE];

static void need(void)
{
    if (!err.code)
        return;
    fprintf(stderr, "watches: %s\n", err.text);
    exit(1);
}

static bool take(void *self, struct kp_batch *b)
{
    (void)self;
    kp_batch_free(b);
    return true;
}

static void make(struct bench *b)
{
    struct kp_model *m = kp_hub_model(b->hub);
    for (int i = 0; i < SIGNALS; i++) {
        char path[60];
        snprintf(path, sizeof path, "hall/m%d", i);
        b->assets[i] = kp_model_make_path(m, path, KP_MACHINE, &err);
        struct kp_signal_info info = { .name = "load", .type = KP_DOUBLE, .asset = b->assets[i] };
        b->ids[i] = kp_model_put_signal(m, &info, &err);
        need();
    }
}

static double value_of(size_t i, size_t tick)
{
    return table[(i * 7919 + tick) % TABLE];
}

/* All signals once, turned by hand. */
static void round_of(struct bench *b)
{
    b->at += KP_SECOND / 10;
    b->tick++;
    for (size_t i = 0; i < SIGNALS;) {
        struct kp_batch *batch = kp_batch_new(0);
        batch->arrived = b->at;
        for (; i < SIGNALS && batch->n < KP_BATCH_MAX; i++)
            kp_batch_add(batch, &(struct kp_sample){ b->ids[i], KP_GOOD, b->at, kp_double(value_of(i, b->tick)) });
        kp_hub_push(b->hub, batch, 1000);
        while (kp_hub_turn(b->hub, 0))
            ;
        while (kp_watches_turn(b->watches, 0))
            ;
    }
}

/* ---- from value to alarm ---- */
static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    struct bench *b = self;
    (void)id;
    if (change == KP_INTERVAL_PUT && v->kind == KP_INTERVAL_ALARM && v->end == KP_FOREVER && v->asset)
        b->raised = kp_mono(&kp_clock_system);
}

static void push_one(struct bench *b, size_t i, double value)
{
    struct kp_batch *batch = kp_batch_new(0);
    b->at += KP_MILLISECOND;
    batch->arrived = b->at;
    kp_batch_add(batch, &(struct kp_sample){ b->ids[i], KP_GOOD, b->at, kp_double(value) });
    kp_hub_push(b->hub, batch, 1000);
}

/* ms from the value that makes the alarm; values far off, one after the other, until it comes. */
static double time_to_alarm(struct bench *b, size_t i)
{
    b->raised = 0;
    for (int k = 0; k < 50; k++) {
        int64_t from = kp_mono(&kp_clock_system);
        push_one(b, i, value_of(i, b->tick + (size_t)k) + 60);
        for (int wait = 0; wait < PATIENCE_MS * 10 && !b->raised; wait++)
            usleep(100);
        if (b->raised)
            return (double)(b->raised - from) / 1e6;
    }
    fprintf(stderr, "watches: no alarm came\n");
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static struct bench b;
    static double took[RAISES];
    kp_log_setup(KP_LOG_ERROR, STDERR_FILENO);
    fill_with_swing(table, TABLE);
    snprintf(b.dir, sizeof b.dir, "/var/tmp/koppel-watches-XXXXXX");
    if (!mkdtemp(b.dir))
        return 1;
    kp_store_create(b.dir, "bench", &err);
    need();
    b.store = kp_store_open(b.dir, &(struct kp_store_options){ 0 }, &err);
    need();
    b.hub = kp_hub_new(&(struct kp_hub_options){ 0 }, &err);
    need();
    kp_hub_set_sink(b.hub, (struct kp_sink){ .take = take });
    make(&b);
    b.alarms = kp_alarms_new(b.hub, b.store, &err);
    need();
    b.watches = kp_watches_new(b.hub, b.store, b.alarms, &kp_clock_system, &err);
    need();
    kp_model_watch(kp_hub_model(b.hub), (struct kp_watcher){ &b, on_change });
    b.at = kp_utc(&kp_clock_system) - 3600 * KP_SECOND;
    struct kp_watch_def def;
    kp_watch_def_parse("{\"name\":\"all\",\"kind\":\"signal\",\"match\":\"hall\",\"learn\":200}", &def, &err);
    need();
    size_t before = mallinfo2().uordblks;
    kp_watches_put(b.watches, &def, true, &err);
    need();
    for (int i = 0; i < 200; i++) /* they look for history */
        kp_watches_turn(b.watches, 0);
    double bytes = (double)(mallinfo2().uordblks - before) / SIGNALS;
    for (int k = 0; k < LEARN + 10; k++)
        round_of(&b);
    double from = cpu();
    for (int k = 0; k < ROUNDS; k++)
        round_of(&b);
    printf("values-per-cpu-second %.4g\n", (double)ROUNDS * SIGNALS / (cpu() - from));
    printf("bytes-per-post %.0f\n", bytes);
    struct kp_watches_sum sum = kp_watches_sum(b.watches);
    printf("lost %llu\n", (unsigned long long)sum.lost);
    kp_hub_start(b.hub, &err);
    need();
    kp_watches_start(b.watches, &err);
    need();
    for (size_t i = 0; i < RAISES; i++, usleep(PAUSE_US)) /* at all moments of what is done once a second */
        took[i] = time_to_alarm(&b, i);
    kp_watches_stop(b.watches);
    kp_hub_stop(b.hub);
    qsort(took, RAISES, sizeof *took, by_value);
    printf("value-to-alarm-p99 %.4g\n", took[RAISES * 99 / 100 - 1]);
    printf("value-to-alarm-worst %.4g\n", took[RAISES - 1]);
    kp_store_close(b.store);
    kp_hub_free(b.hub);
    kp_watches_free(b.watches);
    kp_alarms_free(b.alarms);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", b.dir);
    return system(command) ? 1 : 0;
}
