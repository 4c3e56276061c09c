/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_SHOP_H
#define KOPPEL_TESTS_SHOP_H
/* A machine tool, second by second, the same in every run: jobs of some programs and tools with
 * changeovers between them, first articles that are run slowly, operators who hold, tools that wear
 * as they always do, and at most one fault that begins at a given hour and stays. The scripts in
 * shop_scripts.h were written before there was a detector of cycles. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shop_fault {
    SHOP_NORMAL,
    SHOP_WEAR,       /* load grows with each part, by size of itself in 100 parts */
    SHOP_BREAKAGE,   /* from there on the tool cuts only a part: load is that part of what it was */
    SHOP_OVERRIDE,   /* somebody left the feed at that part of what was programmed */
    SHOP_BEARING,    /* degrees an hour; vibration rises with it */
    SHOP_STEP,       /* coolant pressure falls to that part */
    SHOP_OSCILLATES, /* coolant pressure swings by that part, period 24 s */
    SHOP_STUCK,      /* a sensor gives its last value: 0 temperature, 1 vibration, 2 pressure */
    SHOP_CREEP,      /* cycles get longer, by size of themselves in 100 parts */
    SHOP_CHATTER,    /* load swings in a cut by that part, period 6 s */
    /* no faults: */
    SHOP_NEW_PROGRAM, /* a program that was never run before */
    SHOP_NEW_TOOL,    /* another tool for the same program: load is that part of what it was */
    SHOP_PAUSE,       /* the machine stands for so many hours, and is cold afterwards */
    SHOP_SINGLES,     /* jobs of one to three parts */
};

struct shop_script {
    const char *name;
    enum shop_fault fault;
    double size, hour; /* when it begins */
    uint64_t seed;
};

enum { SHOP_PROGRAMS = 4, SHOP_STEPS = 8, SHOP_HOURS = 10 };
struct shop_program {
    double seconds[SHOP_STEPS], load[SHOP_STEPS]; /* of each step of the part program */
};
struct shop {
    const struct shop_script *script;
    uint64_t random;
    struct shop_program program[SHOP_PROGRAMS + 1];
    int second, parts_left, job_program, tool,
        cycle_parts;          /* cycle_parts: since the tool was new */
    double wait, done, whole; /* seconds until, in, and of a cycle */
    double hold, speed;
    bool first, cutting;
    int fault_parts;
    double temperature, frozen[3];
    bool froze;
};
struct shop_second {
    double load, temperature, vibration, pressure;
    int program, tool; /* of the cycle that runs */
    bool begins, ends; /* a cycle, in this second */
    bool fault;        /* the script's fault is there */
};

static inline double shop_random(struct shop *s)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (double)((s->random * UINT64_C(0x2545f4914f6cdd1d)) >> 11) * 0x1p-53;
}

static inline double shop_noise(struct shop *s) /* about normal, spread 1 */
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += shop_random(s);
    return sum - 6;
}

static inline bool shop_is(const struct shop *s, enum shop_fault fault)
{
    return s->script->fault == fault && s->second >= s->script->hour * 3600;
}

static inline void shop_begin(struct shop *s, const struct shop_script *script)
{
    *s = (struct shop){ .script = script,
                        .random = script->seed * 2654435761u + 88172645463325252u };
    for (int p = 0; p <= SHOP_PROGRAMS; p++)
        for (int i = 0; i < SHOP_STEPS; i++) {
            s->program[p].seconds[i] = 3 + 9 * shop_random(s);
            s->program[p].load[i] = shop_random(s) < 0.25 ? 6 : 15 + 60 * shop_random(s);
        }
    s->job_program = -1;
    s->temperature = 22;
    s->speed = 1;
}

/* The next job, after a changeover of some minutes. */
static inline void shop_next_job(struct shop *s)
{
    s->job_program =
        (int)(shop_random(s) * 2) + (s->second > 4 * 3600 && shop_random(s) < 0.3 ? 1 : 0);
    if (shop_is(s, SHOP_NEW_PROGRAM))
        s->job_program = SHOP_PROGRAMS;
    s->tool = s->job_program + (shop_is(s, SHOP_NEW_TOOL) ? 10 : 0);
    s->parts_left = 25 + (int)(25 * shop_random(s));
    if (shop_is(s, SHOP_SINGLES))
        s->parts_left = 1 + (int)(3 * shop_random(s));
    s->wait = s->second ? 240 + 400 * shop_random(s) : 30;
    s->first = true;
}

static inline void shop_next_cycle(struct shop *s)
{
    const struct shop_program *p = &s->program[s->job_program];
    double creep = shop_is(s, SHOP_CREEP) ? 1 + s->script->size * s->fault_parts / 100 : 1;
    s->speed = s->first ? 0.5 : 1; /* the operator looks at it */
    if (shop_is(s, SHOP_OVERRIDE) && !s->first)
        s->speed = s->script->size;
    s->whole = 0;
    for (int i = 0; i < SHOP_STEPS; i++)
        s->whole += p->seconds[i];
    s->whole *= creep * (1 + 0.003 * shop_noise(s)) / s->speed;
    s->done = 0;
    s->hold = shop_random(s) < 0.01 ? 5 + 40 * shop_random(s) : 0;
    if (s->cycle_parts++ >= 200) { /* a new one of the same kind */
        s->cycle_parts = 0;
        s->wait += 60;
    }
    s->fault_parts += s->second >= s->script->hour * 3600;
}

static inline double shop_cut(struct shop *s)
{
    const struct shop_program *p = &s->program[s->job_program];
    double at = s->done / s->whole, whole = 0, load = 0;
    for (int i = 0; i < SHOP_STEPS; i++)
        whole += p->seconds[i];
    for (int i = 0; i < SHOP_STEPS; at -= p->seconds[i++] / whole)
        if (at >= 0)
            load = p->load[i];
    double cut = load - 6; /* of the rest, it turns in the air */
    cut *= pow(s->speed, 0.7) * (1 + 0.06 * s->cycle_parts / 200);
    if (shop_is(s, SHOP_WEAR))
        cut *= 1 + s->script->size * s->fault_parts / 100;
    if (shop_is(s, SHOP_BREAKAGE))
        cut *= s->script->size;
    if (s->tool >= 10)
        cut *= s->script->size;
    if (shop_is(s, SHOP_CHATTER))
        cut *= 1 + s->script->size * sin(s->second * 2 * 3.14159265 / 6);
    return (6 + cut) * (1 + 0.02 * shop_noise(s));
}

/* Moves to where the next second begins; whether a cycle begins or ends there. */
static inline void shop_move(struct shop *s, struct shop_second *out)
{
    if (s->cutting && s->done >= s->whole) {
        s->cutting = false;
        s->first = false;
        out->ends = true;
        s->wait = 8 + 5 * shop_random(s);
        if (--s->parts_left <= 0)
            shop_next_job(s);
        return;
    }
    if (s->job_program < 0)
        shop_next_job(s);
    if (!s->cutting && s->wait <= 0) {
        shop_next_cycle(s);
        s->cutting = out->begins = true;
    }
}

static inline void shop_sense(struct shop *s, struct shop_second *out)
{
    double bearing =
        shop_is(s, SHOP_BEARING) ? s->script->size * (s->second / 3600. - s->script->hour) : 0;
    double room = 21 + 1.5 * sin(s->second * 2 * 3.14159265 / 86400);
    s->temperature += (room + 0.35 * out->load - s->temperature) / 1200;
    out->temperature = floor((s->temperature + bearing + 0.05 * shop_noise(s)) * 100) / 100;
    out->vibration =
        floor((0.6 + 0.02 * out->load + 0.04 * bearing + 0.05 * fabs(shop_noise(s))) * 1000) / 1000;
    out->pressure = s->cutting ? 20 : 2;
    if (shop_is(s, SHOP_STEP))
        out->pressure *= s->script->size;
    if (shop_is(s, SHOP_OSCILLATES))
        out->pressure *= 1 + s->script->size * sin(s->second * 2 * 3.14159265 / 24);
    out->pressure = floor((out->pressure + 0.08 * shop_noise(s)) * 100) / 100;
}

static inline void shop_stick(struct shop *s, struct shop_second *out)
{
    double *now[3] = { &out->temperature, &out->vibration, &out->pressure };
    for (int i = 0; i < 3; i++)
        if (s->froze && i == (int)s->script->size)
            *now[i] = s->frozen[i];
        else
            s->frozen[i] = *now[i];
    s->froze = shop_is(s, SHOP_STUCK);
}

static inline struct shop_second shop_step(struct shop *s)
{
    struct shop_second out = { 0 };
    bool pause = shop_is(s, SHOP_PAUSE) && s->second < (s->script->hour + s->script->size) * 3600;
    if (!pause || s->cutting)
        shop_move(s, &out);
    bool held = s->cutting && s->hold > 0 && s->done > s->whole / 2;
    out.load = s->cutting && !held ? shop_cut(s) : 3 + 0.2 * fabs(shop_noise(s));
    if (held)
        s->hold--;
    else if (s->cutting)
        s->done++;
    else if (!pause)
        s->wait--;
    shop_sense(s, &out);
    shop_stick(s, &out);
    out.program = s->job_program;
    out.tool = s->tool;
    out.fault =
        s->script->fault && s->script->fault < SHOP_NEW_PROGRAM && shop_is(s, s->script->fault);
    s->second++;
    return out;
}
#endif
