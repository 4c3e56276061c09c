/* SPDX-License-Identifier: Apache-2.0 */
/* shop [-v] [SHIFT]: the days of shop_scripts.h, watched as a node would: cycles by program and
 * tool, each sensor by itself, all together as a group. SHIFT moves the random numbers: other days
 * of the same kind. Prints one line a day with -v, then how
 * many faults there are and were found, and alarms without one. */
#include "shop_scripts.h"

#include "core/text.h"
#include "watch/cycle.h"
#include "watch/group.h"
#include "watch/signal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum {
    SENSORS = 3,
    TRAIN = 14400,
    ROWS_EVERY = 5,
    COUNT = sizeof shop_scripts / sizeof *shop_scripts
};

static const char *const sensors[SENSORS] = { "temperature", "vibration", "pressure" };

struct watches {
    struct kp_cycles *cycles;
    struct kp_watch_signal temperature;
    struct kp_sense sense[SENSORS - 1];
    struct kp_group *group;
};
struct day {
    int false_alarms, found; /* found: second, -1: not */
    char by[160], wrong[160];
};

static void open_watches(struct watches *w)
{
    struct kp_err err = { 0 };
    *w = (struct watches){ .cycles = kp_cycles_new(SENSORS, &err),
                           .group = kp_group_new(4, TRAIN / ROWS_EVERY, &err) };
    kp_watch_signal_init(&w->temperature, TRAIN, false, &err);
    if (err.code) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

static void close_watches(struct watches *w)
{
    kp_cycles_free(w->cycles);
    kp_group_free(w->group);
}

static void note(struct day *d, const struct shop *s, bool fault, const char *what, const char *why)
{
    if (!fault && !d->false_alarms++)
        snprintf(d->wrong, sizeof d->wrong, "%s %s at %d s", what, why, s->second);
    if (fault && d->found < 0) {
        d->found = s->second;
        snprintf(d->by, sizeof d->by, "%s %s", what, why);
    }
}

static bool watch_cycles(struct watches *w, const struct shop_second *now, int64_t at,
                         struct kp_cycle_judgement *j)
{
    bool judged = now->ends && kp_cycle_end(w->cycles, at, j);
    if (now->begins)
        kp_cycle_begin(w->cycles, (uint64_t)(now->program * 100 + now->tool), at);
    kp_cycle_value(w->cycles, 0, at, now->load);
    kp_cycle_value(w->cycles, 1, at, now->pressure);
    kp_cycle_value(w->cycles, 2, at, now->vibration);
    return judged && j->alarm;
}

/* What goes with the program is a channel of the cycles, and by itself judged only as a sensor. */
static void watch_sensors(struct watches *w, struct day *d, const struct shop *s,
                          const struct shop_second *now, bool *before)
{
    const int64_t at = s->second * KP_SECOND;
    struct kp_judgement j = kp_watch_signal_step(&w->temperature, at, now->temperature, true);
    enum kp_watch_trouble trouble[SENSORS] = {
        j.trouble, kp_sense_step(&w->sense[0], at, now->vibration, true).trouble,
        kp_sense_step(&w->sense[1], at, now->pressure, true).trouble
    };
    for (int i = 0; i < SENSORS; i++) {
        bool alarm = trouble[i] || (!i && j.alarm);
        if (alarm && (!before[i] || now->fault))
            note(d, s, now->fault, sensors[i],
                 trouble[i] ? kp_watch_trouble_word(trouble[i])
                 : j.drifts ? "drifts"
                            : "is new");
        before[i] = alarm;
    }
}

static void watch_second(struct watches *w, struct day *d, const struct shop *s,
                         const struct shop_second *now, bool *before)
{
    const double values[] = { now->temperature, now->vibration, now->pressure, now->load };
    struct kp_cycle_judgement c;
    struct kp_judgement j;
    struct kp_err err = { 0 };
    if (watch_cycles(w, now, s->second * KP_SECOND, &c))
        note(d, s, now->fault, "cycle", kp_cycle_word(c.finding));
    watch_sensors(w, d, s, now, before);
    if (s->second % ROWS_EVERY)
        return;
    kp_group_step(w->group, values, &j, &err);
    if (j.alarm && (!before[SENSORS] || now->fault))
        note(d, s, now->fault, "group", "");
    before[SENSORS] = j.alarm;
}

static struct day run_day(const struct shop_script *script)
{
    struct day d = { .found = -1 };
    struct shop s;
    struct watches w;
    bool before[SENSORS + 1] = { false };
    open_watches(&w);
    shop_begin(&s, script);
    while (s.second < SHOP_HOURS * 3600) {
        struct shop_second now = shop_step(&s);
        watch_second(&w, &d, &s, &now, before);
    }
    close_watches(&w);
    return d;
}

int main(int argc, char **argv)
{
    int faults = 0, found = 0, wrong_usual = 0, wrong_change = 0, wrong_before = 0;
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    const char *shift = argc > 1 + verbose ? argv[1 + verbose] : "0";
    for (int i = 0; i < COUNT; i++) {
        struct shop_script moved = shop_scripts[i], *script = &moved;
        moved.seed += strtoul(shift, NULL, 10);
        struct day d = run_day(script);
        bool fault = script->fault != SHOP_NORMAL && script->fault < SHOP_NEW_PROGRAM;
        faults += fault;
        found += fault && d.found >= 0;
        *(fault ? &wrong_before : script->fault ? &wrong_change : &wrong_usual) += d.false_alarms;
        if (verbose)
            printf("%s: %s%s after %.0f min; %d false %s\n", script->name,
                   !fault        ? "no fault"
                   : d.found < 0 ? "NOT FOUND"
                                 : "found by ",
                   d.by, fault && d.found >= 0 ? d.found / 60. - script->hour * 60 : 0,
                   d.false_alarms, d.wrong);
    }
    printf("faults %d\nfound %d\nusual-days %d\nchangeovers %d\nbefore-faults %d\n", faults, found,
           wrong_usual, wrong_change, wrong_before);
    return 0;
}
