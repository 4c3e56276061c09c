/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: any CSV is replayed or refused with its line, and what was kept of a watch is taken back
 * only if it goes on with scores that are numbers. */
#include "core/text.h"
#include "watch/cycle.h"
#include "watch/group.h"
#include "watch/post.h"
#include "watch/replay.h"
#include "watch/signal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const struct kp_replay_options *o, const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_replay *r = kp_replay_new(o, &err);
    struct kp_buf out;
    char *text = kp_alloc(size + 1);
    size_t taken = 0, middle = size / 2;
    kp_buf_init(&out, 1 << 24);
    memcpy(text, data, size);
    if (kp_replay_feed(r, text, middle, false, &taken, &out, &err) == KP_OK) {
        memcpy(text, data + taken, size - taken);
        text[size - taken] = 0;
        kp_replay_feed(r, text, size - taken, true, &taken, &out, &err);
    }
    assert(!err.code || err.code == KP_EINVALID || strncmp(err.text, "line ", 5) == 0);
    kp_replay_free(r);
    kp_buf_free(&out);
    kp_free(text);
}

static const double values[] = { 1, 2, 1, 1e30, -1e308, NAN, 0, 3 };

static void check(double score)
{
    assert(score >= 0 && score <= 1);
}

static void load_signal(const uint8_t *data, size_t size)
{
    struct kp_watch_signal s;
    struct kp_err err = { 0 };
    if (!kp_watch_signal_load(&s, data, size, &err))
        for (int i = 0; i < 24; i++) {
            check(kp_watch_signal_step(&s, KP_NO_TIME, values[i % 8], true).score);
            if (i % 8 == 7)
                i < 16 ? kp_watch_signal_reject(&s) : kp_watch_signal_accept(&s);
        }
    kp_watch_signal_free(&s);
}

static void load_group(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_judgement j;
    double row[KP_DISTANCE_MOST];
    struct kp_group *g = kp_group_load(data, size, &err);
    for (int i = 0; g && i < 24; i++) {
        for (size_t k = 0; k < KP_DISTANCE_MOST; k++)
            row[k] = values[(i + k) % 8];
        if (!kp_group_step(g, row, &j, &err))
            check(j.score);
        if (i % 8 == 7)
            i < 16 ? kp_group_reject(g) : kp_group_accept(g);
    }
    kp_group_free(g);
}

static void load_cycles(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_cycle_judgement j;
    struct kp_cycles *c = kp_cycles_load(data, size, &err);
    for (int64_t i = 0; c && i < 24; i++) {
        kp_cycle_begin(c, (uint64_t)i % 2, i * KP_SECOND);
        kp_cycle_value(c, 0, i * KP_SECOND, values[i % 8]);
        if (kp_cycle_end(c, (i + 1) * KP_SECOND - 1, &j))
            check(j.score);
        if (i % 8 == 7)
            i < 16 ? kp_cycles_reject(c, true) : kp_cycles_accept(c, KP_SECOND);
    }
    kp_cycles_free(c);
}

/* A definition, and behind a 0 what was kept of its post. */
static void load_post(const uint8_t *data, size_t size)
{
    static const kp_signal signals[] = { 1, 2, 3 };
    struct kp_err err = { 0 }, none = { 0 };
    struct kp_watch_def def;
    const uint8_t *end = memchr(data, 0, size);
    if (!end || kp_watch_def_parse((const char *)data, &def, &err))
        return;
    struct kp_post *p = kp_post_new(&def, signals, def.kind == KP_WATCH_SIGNAL ? 1 : 3, &err);
    if (!p)
        return;
    kp_post_load(p, end + 1, size - (size_t)(end + 1 - data), &none);
    for (int64_t i = 0; i < 16; i++) {
        kp_post_program(p, (uint64_t)i / 4, i * KP_SECOND);
        kp_post_cycle(p, 1, i * KP_SECOND);
        kp_post_value(p, (size_t)i % 3, i * KP_SECOND, values[i % 8], i % 5);
        kp_post_cycle_end(p, (i + 1) * KP_SECOND - 1);
        kp_post_look(p, i * KP_SECOND, false);
        struct kp_post_view v = kp_post_view(p);
        if (v.state != KP_WATCH_LEARNING)
            check(v.score);
    }
    kp_post_free(p);
}

/* The first byte chooses what the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > 1 << 16)
        return 0;
    uint8_t how = *data++;
    struct kp_replay_options o = { .train = 20,
                                   .separator = how & 4 ? ';' : 0,
                                   .time = how & 8 ? "t" : NULL,
                                   .without = how & 16 ? "label,t" : NULL,
                                   .plain = how & 32 };
    if (how & 64) {
        load_post(data, size - 1);
        return 0;
    }
    switch (how & 3) {
    case 0:
        replay(&o, data, size - 1);
        break;
    case 1:
        load_signal(data, size - 1);
        break;
    case 2:
        load_group(data, size - 1);
        break;
    default:
        load_cycles(data, size - 1);
    }
    return 0;
}
