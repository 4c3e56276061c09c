/* SPDX-License-Identifier: Apache-2.0 */
/* alarms: 10,000 signals, each with a limit of its own. CPU time of a million values through the hub with the rules and
 * without them (the difference is what judging costs), and the time from handing a value in to the interval that says so. */
#include "bench.h"
#include "alarm/alarm.h"
#include "core/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNALS = 10000, RAISES = 2000 };

struct bench {
    char dir[64];
    struct kp_store *store;
    struct kp_hub *hub;
    struct kp_alarms *alarms;
    kp_signal ids[SIGNALS];
    int64_t raised[SIGNALS]; /* monotonic, by place in ids */
    kp_asset assets[SIGNALS];
    int64_t at;
};

static struct kp_err err;

static void need(void)
{
    if (!err.code)
        return;
    fprintf(stderr, "alarms: %s\n", err.text);
    exit(1);
}

static bool take(void *self, struct kp_batch *b)
{
    (void)self;
    kp_batch_free(b);
    return true;
}

static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    struct bench *b = self;
    (void)id;
    for (int i = 0; change == KP_INTERVAL_PUT && v->kind == KP_INTERVAL_ALARM && i < SIGNALS; i++)
        if (b->assets[i] == v->asset)
            b->raised[i] = kp_mono(&kp_clock_system);
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

static void add_rules(struct bench *b)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct kp_alarm_rule r = { .kind = KP_RULE_LIMIT, .priority = KP_PRIORITY_HIGH, .enabled = true, .high = 80, .low = NAN, .hysteresis = 1 };
        snprintf(r.name, sizeof r.name, "r%d", i);
        snprintf(r.match, sizeof r.match, "hall/m%d/load", i);
        kp_alarms_put_rule(b->alarms, &r, true, &err);
        need();
    }
}

/* All signals once, below their limits, turned by hand. */
static void round_of(struct bench *b, int k)
{
    for (int i = 0; i < SIGNALS;) {
        struct kp_batch *batch = kp_batch_new(0);
        b->at = kp_utc(&kp_clock_system);
        batch->arrived = b->at;
        for (; i < SIGNALS && batch->n < KP_BATCH_MAX; i++)
            kp_batch_add(batch, &(struct kp_sample){ b->ids[i], KP_GOOD, b->at, kp_double(20 + (i + k) % 50) });
        kp_hub_push(b->hub, batch, 1000);
        while (kp_hub_turn(b->hub, 0))
            ;
    }
}

static double seconds_of_a_million(struct bench *b)
{
    round_of(b, 0);
    double from = cpu();
    for (int k = 1; k <= 100; k++)
        round_of(b, k);
    return cpu() - from;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* From push to interval, with the hub in its own thread. */
static double p99_ms(struct bench *b)
{
    static int64_t took[RAISES];
    kp_model_watch(kp_hub_model(b->hub), (struct kp_watcher){ b, on_change });
    kp_hub_start(b->hub, &err);
    need();
    for (int i = 0; i < RAISES; i++) {
        struct kp_batch *batch = kp_batch_new(0);
        int64_t from = kp_mono(&kp_clock_system);
        batch->arrived = kp_utc(&kp_clock_system);
        kp_batch_add(batch, &(struct kp_sample){ b->ids[i], KP_GOOD, batch->arrived, kp_double(90) });
        kp_hub_push(b->hub, batch, 1000);
        kp_hub_drain(b->hub);
        took[i] = b->raised[i] - from;
    }
    kp_hub_stop(b->hub);
    qsort(took, RAISES, sizeof *took, by_value);
    return (double)took[RAISES * 99 / 100] / 1e6;
}

int main(void)
{
    static struct bench b;
    kp_log_setup(KP_LOG_ERROR, STDERR_FILENO);
    snprintf(b.dir, sizeof b.dir, "/var/tmp/koppel-alarms-XXXXXX");
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
    double without = seconds_of_a_million(&b);
    b.alarms = kp_alarms_new(b.hub, b.store, &err);
    need();
    add_rules(&b);
    for (int i = 0; i < 12; i++) { /* the points are made in a turn */
        usleep(250000);
        kp_hub_turn(b.hub, 0);
    }
    double with = seconds_of_a_million(&b);
    printf("figure: alarms-cpu-per-1M-values %.4g s\n", with);
    printf("figure: alarms-cpu-per-1M-values-without-rules %.4g s\n", without);
    printf("figure: alarms-value-to-interval-p99 %.4g ms\n", p99_ms(&b));
    kp_store_close(b.store);
    kp_hub_free(b.hub);
    kp_alarms_free(b.alarms);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", b.dir);
    return system(command) ? 1 : 0;
}
