/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_POST_H
#define KOPPEL_WATCH_POST_H
/* One thing that a watch looks at: a signal, signals that belong together, a machine. Fed with values
 * and with what the machine does, in order of time; the same from the hub, from history before it
 * begins, and in a replay. It knows when it has to be silent (the machine does not run, a new
 * program makes its first part), keeps a memory for each program where that is wanted, and says
 * what there is to tell. Knows no clock, thread or disk. */
#include "core/mem.h"
#include "core/model.h"
#include "core/state_rule.h"
#include "watch/cycle.h"
#include "watch/definition.h"
#include "watch/group.h"
#include "watch/signal.h"

enum { KP_POST_SIGNALS = 64, KP_POST_PROGRAMS = 8, KP_POST_STEPS = 360 };
#define KP_POST_STEP (240 * KP_SECOND) /* of the score's course: 360 of them are a day */

enum kp_post_reason { /* why it does not judge, or not learn */
    KP_POST_JUDGES,
    KP_POST_ALARM,
    KP_POST_STATE,     /* the machine is in none of the states */
    KP_POST_UNKNOWN,   /* its state is not known */
    KP_POST_FIRST_RUN, /* of a program */
    KP_POST_NO_VALUES,
    KP_POST_DISABLED,
};
const char *kp_post_reason_word(enum kp_post_reason); /* "machine-state"; NULL: none */

enum kp_post_finding { KP_POST_UNUSUAL, KP_POST_SENSOR, KP_POST_OVERDUE, KP_POST_FINDINGS };
const char *kp_post_finding_word(enum kp_post_finding); /* "unusual" */

enum kp_post_from { KP_POST_NOT_LEARNT, KP_POST_FROM_HISTORY, KP_POST_FROM_LIVE };

struct kp_post; /* its maker's; not shared between threads */
/* The definition must outlive it, or be replaced by kp_post_define. Of a group 2 to 64 signals, of a
 * machine up to 8 channels, the load first. */
struct kp_post *kp_post_new(const struct kp_watch_def *, const kp_signal *, size_t n, struct kp_err *);
void kp_post_free(struct kp_post *); /* NULL is allowed */
void kp_post_define(struct kp_post *, const struct kp_watch_def *);
const struct kp_watch_def *kp_post_def(const struct kp_post *);
const kp_signal *kp_post_signals(const struct kp_post *, size_t *n);

/* ---- feeding ---- */
/* Of its nth signal. What is not newer than kp_post_begin said is left out. */
void kp_post_value(struct kp_post *, size_t nth, int64_t at, double value, bool good);
/* What the machine does from `at` on; `has`: it is one that tells its states at all. */
void kp_post_state(struct kp_post *, bool has, enum kp_state, int64_t at);
/* Which program it has; a number of its name, 0: none. */
void kp_post_program(struct kp_post *, uint64_t program, int64_t at);
/* A cycle of a program begins, or has ended; of a machine one after the other. */
void kp_post_cycle(struct kp_post *, uint64_t kind, int64_t at);
void kp_post_cycle_end(struct kp_post *, int64_t at);
/* The same of a cycle that is told of when it is over; left out while another runs, or when it began before the last one
 * ended. */
void kp_post_cycle_whole(struct kp_post *, uint64_t kind, int64_t from, int64_t to);
/* Now and then: what follows from nothing having come. `cut`: it is known why nothing comes. */
void kp_post_look(struct kp_post *, int64_t now, bool cut);
/* All values up to this time it had from history, or needs no more. */
void kp_post_begin(struct kp_post *, int64_t until, enum kp_post_from);

/* ---- what it says ---- */
struct kp_post_view {
    enum kp_watch_state state;
    enum kp_post_reason reason;
    unsigned findings; /* a bit for each enum kp_post_finding that stands */
    enum kp_watch_trouble trouble;
    size_t troubled; /* its nth signal has that */
    double score;    /* NaN while it learns */
    bool drifts;
    size_t n_top;
    struct kp_watch_reason top[KP_WATCH_TOP];
    struct kp_cycle_judgement cycle; /* of a machine, the newest */
    double overdue_usual;            /* s; of KP_POST_OVERDUE */
    int64_t at, since[KP_POST_FINDINGS], learnt_at; /* KP_NO_TIME: none */
    uint32_t learnt, learn;
    uint64_t values;
    enum kp_post_from from;
    enum kp_state machine;
    uint64_t program;
};
struct kp_post_view kp_post_view(const struct kp_post *);
unsigned kp_post_findings(const struct kp_post *);
/* Calls `each` with the start of each step, the highest score in it, and whether it was in alarm. */
void kp_post_course(const struct kp_post *, int64_t from, int64_t to,
                    void (*each)(void *, int64_t at, double score, bool alarm), void *arg);

/* A person says that what it does now is normal, or that it was a fault. False: it still learns. */
bool kp_post_accept(struct kp_post *);
bool kp_post_reject(struct kp_post *);

/* ---- keeping ---- */
void kp_post_save(const struct kp_post *, struct kp_buf *);
/* Into a new one. KP_EPARSE: of another version, or it does not fit; it is then as new. */
enum kp_code kp_post_load(struct kp_post *, const void *, size_t, struct kp_err *);
size_t kp_post_size(const struct kp_post *); /* bytes it holds */
#endif
