/* SPDX-License-Identifier: Apache-2.0 */
/* gate: values a second, on one core, from one batch to another: copied without a question, and
 * through the gate under an agreement, as they came and summed up by the minute. The best of five
 * turns, one after the other each time. */
#include "bench.h"
#include "core/clock.h"
#include "gate/gate.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIGNALS = 200, BATCHES = 20000, TURNS = 5, WAYS = 4 };
#define START (INT64_C(1800000000) * KP_SECOND)

static struct kp_model *model;
static struct kp_gate *gate;
static kp_signal signals[SIGNALS];
static struct kp_batch *in, *out;
static struct kp_cursor *cursors[WAYS]; /* NULL: copying */
static uint64_t got[WAYS];

static const char *const ways[WAYS] = { "copied", "as they came", "minutes: mean",
                                        "minutes: min, mean, max, last, count" };

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "gate: %s\n", what);
    exit(1);
}

static bool holds(void *self, const char *agreement, const char *transfer)
{
    (void)self, (void)agreement, (void)transfer;
    return true;
}

static enum kp_code begin(void *self, const char *agreement, const char *transfer, int64_t most,
                          struct kp_err *err)
{
    (void)self, (void)agreement, (void)transfer, (void)most, (void)err;
    return KP_OK;
}

static void make(void)
{
    struct kp_err err = { 0 };
    char path[64];
    model = kp_model_new();
    in = kp_batch_new(0);
    out = kp_batch_new(0);
    need(model && in && out, "out of memory");
    for (int i = 0; i < SIGNALS; i++) {
        snprintf(path, sizeof path, "plant/hall/machine-%02d", i / 10);
        struct kp_signal_info s = { .asset = kp_model_make_path(model, path, KP_MACHINE, &err),
                                    .name = path + 6,
                                    .label = KP_PARTNER,
                                    .type = KP_DOUBLE };
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        s.name = name;
        signals[i] = kp_model_put_signal(model, &s, &err);
    }
    gate = kp_gate_new(model, &kp_clock_system, (struct kp_keeper){ NULL, holds, begin });
    need(gate && !err.code, "no model");
}

static void open_all(void)
{
    static const uint8_t functions[WAYS] = { 0, 0, 1 << KP_FN_MEAN, 31 };
    for (int w = 1; w < WAYS; w++) {
        struct kp_err err = { 0 };
        struct kp_grant grant = { .agreement = "a", .partner = "partner", .include = "plant/**/s*", .terms = kp_terms_open() };
        grant.terms.every = w > 1 ? 60 * KP_SECOND : 0;
        grant.terms.functions = functions[w];
        cursors[w] = kp_gate_open(gate, &grant, "partner", "t", &err);
        need(cursors[w], err.text);
    }
}

/* Each signal once a second. */
static void fill(int64_t n)
{
    in->n = 0;
    for (int i = 0; i < KP_BATCH_MAX; i++, n++)
        kp_batch_add(in,
                     &(struct kp_sample){ signals[n % SIGNALS], 0, START + n / SIGNALS * KP_SECOND,
                                          kp_double((double)(n % 997) * 0.25) });
}

static void one_batch(int way)
{
    unsigned at = 0;
    while (at < in->n) {
        out->n = 0;
        if (!cursors[way])
            for (; at < in->n; at++)
                kp_batch_add(out, &in->s[at]);
        else
            need(kp_gate_pass(cursors[way], in, &at, out) != KP_DENY, "the gate is shut");
        got[way] += out->n;
    }
}

static double turn(int way, int64_t first)
{
    double spent = 0;
    for (int b = 0; b < BATCHES; b++) {
        fill(first + (int64_t)b * KP_BATCH_MAX);
        double begun = cpu();
        one_batch(way);
        spent += cpu() - begun;
    }
    return (double)BATCHES * KP_BATCH_MAX / spent;
}

int main(void)
{
    double best[WAYS] = { 0 };
    make();
    open_all();
    for (int64_t t = 0; t < TURNS; t++)
        for (int w = 0; w < WAYS; w++) {
            double rate = turn(w, t * BATCHES * KP_BATCH_MAX);
            best[w] = rate > best[w] ? rate : best[w];
        }
    for (int w = 0; w < WAYS; w++)
        printf("%-40s %6.1f M values/s, %llu came out of %lld\n", ways[w], best[w] / 1e6,
               (unsigned long long)got[w], (long long)TURNS * BATCHES * KP_BATCH_MAX);
    for (int w = 1; w < WAYS; w++)
        kp_gate_close(cursors[w]);
    kp_gate_free(gate);
    kp_model_free(model);
    kp_batch_free(in);
    kp_batch_free(out);
    return 0;
}
