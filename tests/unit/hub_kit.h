/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_HUB_KIT_H
#define KOPPEL_TESTS_HUB_KIT_H
/* A stage for hub, couplings and subscribers. By hand: a virtual clock, a hub that is turned by the
 * test, and everything it tells written down. With threads: the system's clock, and a simulated
 * machine that reports sine waves, and fails, refuses, hangs or is written to when a test wants it.
 */
#include "kit.h"

#include "core/hub_private.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define KIT __attribute__((unused)) static

/* ---- the simulated machine ---- */
enum { SIM_SIGNALS = 64, SIM_HANGS_IN_STEP = 1, SIM_HANGS_IN_OPEN };
struct sim_settings {
    int64_t signals, every;
    char *fail;
};
struct sim_state {
    struct kp_declare declared[SIM_SIGNALS];
    char paths[SIM_SIGNALS][32], sources[SIM_SIGNALS][32];
    int64_t count;
};

static atomic_int sim_opens, sim_closes, sim_fail_open, sim_fail_step, sim_hang, sim_hangs,
    sim_wakes, sim_written;

static const struct kp_option sim_options[] = {
    { .name = "signals",
      .help = "how many",
      .type = KP_OPT_INT,
      .offset = offsetof(struct sim_settings, signals),
      .standard = "3",
      .min = 1,
      .max = SIM_SIGNALS },
    { .name = "every",
      .help = "pause",
      .type = KP_OPT_DURATION,
      .offset = offsetof(struct sim_settings, every),
      .standard = "1ms",
      .min = 0,
      .max = INT64_C(60000000000) },
    { .name = "fail",
      .help = "how it fails",
      .type = KP_OPT_CHOICE,
      .offset = offsetof(struct sim_settings, fail),
      .standard = "peer",
      .choices = "peer,refused,silent" },
    { 0 },
};

static inline enum kp_code sim_failure(struct kp_coupling *c, struct kp_err *e, const char *why)
{
    const struct sim_settings *set = kp_coupling_settings(c);
    if (strcmp(set->fail, "silent") == 0)
        return KP_EPEER; /* a class that forgets to say why */
    return kp_fail(e, strcmp(set->fail, "refused") == 0 ? KP_EREFUSED : KP_EPEER, "%s", why);
}

static inline void kit_sleep(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

static inline void sim_wait(struct kp_coupling *c, int where)
{
    for (; sim_hang == where && !kp_coupling_stopping(c); kit_sleep(1))
        sim_hangs = where;
    sim_hangs = 0;
}

static enum kp_code sim_open(struct kp_coupling *c, struct kp_err *e)
{
    const struct sim_settings *set = kp_coupling_settings(c);
    struct sim_state *st = kp_coupling_state(c);
    sim_opens++;
    sim_wait(c, SIM_HANGS_IN_OPEN);
    if (sim_fail_open)
        return sim_failure(c, e, "the simulated machine is off");
    for (int64_t i = 0; i < set->signals; i++) {
        snprintf(st->paths[i], sizeof st->paths[i], "line/s%02d", (int)i);
        snprintf(st->sources[i], sizeof st->sources[i], "address %d", (int)i);
        st->declared[i] = (struct kp_declare){ .path = st->paths[i], .asset_kind = KP_LINE };
        st->declared[i].info =
            (struct kp_signal_info){ .type = KP_DOUBLE, .stored = true, .source = st->sources[i] };
    }
    static const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_SERIAL_NUMBER] = "SIM-1" };
    if (kp_coupling_declare(c, st->declared, (size_t)set->signals, e) ||
        kp_coupling_identify(c, "", KP_MACHINE, plate, e))
        return e->code;
    kp_coupling_online(c);
    return KP_OK;
}

static enum kp_code sim_step(struct kp_coupling *c, struct kp_err *e)
{
    const struct sim_settings *set = kp_coupling_settings(c);
    struct sim_state *st = kp_coupling_state(c);
    sim_wait(c, SIM_HANGS_IN_STEP);
    if (sim_fail_step)
        return sim_failure(c, e, "the simulated link broke");
    st->count++;
    for (int64_t i = 0; i < set->signals; i++) {
        struct kp_sample s = { st->declared[i].id, 0, kp_coupling_utc(c),
                               kp_double(sin((double)(st->count + i) / 10)) };
        if (s.signal && kp_coupling_report(c, &s, e))
            return e->code;
    }
    kit_sleep(set->every / KP_MILLISECOND);
    return kp_coupling_flush(c, e);
}

static void sim_close(struct kp_coupling *c)
{
    (void)c;
    sim_closes++;
}

static enum kp_code sim_write(struct kp_coupling *c, const struct kp_sample *s, struct kp_err *e)
{
    (void)c;
    if (s->value.i < 0)
        return kp_fail(e, KP_EINVALID, "the machine takes no negative numbers");
    sim_written = (int)s->value.i;
    return KP_OK;
}

static void sim_wake(struct kp_coupling *c)
{
    (void)c;
    sim_wakes++;
}

KIT const struct kp_coupling_class sim = {
    .name = "sim",
    .schemes = "sim",
    .settings_size = sizeof(struct sim_settings),
    .state_size = sizeof(struct sim_state),
    .options = sim_options,
    .open = sim_open,
    .step = sim_step,
    .close = sim_close,
    .write = sim_write,
    .wake = sim_wake,
};
/* One that cannot be written to. */
KIT const struct kp_coupling_class sim_silent = {
    .name = "sim",
    .schemes = "sim",
    .settings_size = sizeof(struct sim_settings),
    .state_size = sizeof(struct sim_state),
    .options = sim_options,
    .open = sim_open,
    .step = sim_step,
    .close = sim_close,
};

/* One whose peer keeps what is not acknowledged. */
KIT const struct kp_coupling_class sim_pausing = {
    .name = "sim",
    .schemes = "sim",
    .settings_size = sizeof(struct sim_settings),
    .state_size = sizeof(struct sim_state),
    .options = sim_options,
    .open = sim_open,
    .step = sim_step,
    .close = sim_close,
    .pauses = true,
};

/* ---- the stage ---- */
static struct kp_hub *hub;
static struct kp_model *model;
static struct kp_err err;
static struct kp_clock_virtual virtual_clock;
static atomic_int stored;
static atomic_bool sink_is_full;

/* What the sink took, by hand only. */
enum { TAKEN_MAX = 4096 };
static struct kp_sample taken[TAKEN_MAX];

static bool sink_take(void *self, struct kp_batch *b)
{
    (void)self;
    if (sink_is_full)
        return false;
    for (unsigned i = 0; i < b->n; i++)
        taken[(stored + (int)i) % TAKEN_MAX] = b->s[i];
    stored += b->n;
    kp_batch_free(b);
    return true;
}

/* What the model told its watcher, by hand only. */
enum { TOLD_MAX = 256, TOLD_TEXT = 256 };
static struct told {
    enum kp_change change;
    struct kp_interval interval;
    char attributes[TOLD_TEXT];
} told[TOLD_MAX];
static size_t n_told;

static void on_told(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    (void)self;
    (void)id;
    if ((change != KP_INTERVAL_PUT && change != KP_INTERVAL_REMOVED) || n_told == TOLD_MAX)
        return;
    struct told *t = &told[n_told++];
    *t = (struct told){ .change = change, .interval = *v };
    snprintf(t->attributes, sizeof t->attributes, "%s", v->attributes);
}

KIT const struct told *last_told(void)
{
    assert_true(n_told > 0);
    return &told[n_told - 1];
}

static int stage(const struct kp_hub_options *options)
{
    sim_opens = sim_closes = sim_fail_open = sim_fail_step = sim_hang = sim_wakes = sim_written =
        stored = 0;
    sink_is_full = false;
    n_told = 0;
    err = (struct kp_err){ 0 };
    hub = kp_hub_new(options, &err);
    if (!hub)
        return -1;
    model = kp_hub_model(hub);
    kp_hub_set_sink(hub, (struct kp_sink){ NULL, sink_take });
    return 0;
}

KIT int setup_by_hand(void **state)
{
    (void)state;
    virtual_clock = kp_clock_virtual(1000000 * KP_SECOND);
    int failed = stage(&(struct kp_hub_options){ .clock = &virtual_clock.clock });
    if (!failed)
        kp_model_watch(model, (struct kp_watcher){ NULL, on_told });
    return failed;
}

KIT int setup_threads(void **state)
{
    (void)state;
    return stage(&(struct kp_hub_options){ .stale_after = 300 * KP_MILLISECOND });
}

KIT int teardown(void **state)
{
    (void)state;
    kp_hub_stop(hub);
    kp_hub_free(hub);
    return kp_mem_live() ? -1 : 0;
}

/* ---- by hand ---- */
static inline int64_t now(void)
{
    return virtual_clock.now;
}

KIT void turn(void) /* until there is nothing left to do */
{
    for (int i = 0; kp_hub_turn(hub, 0) || hub->patience == 0; i++)
        assert_true(i < 100000);
}

KIT void pass(int64_t ns) /* time goes by, and the hub looks around */
{
    kp_clock_advance(&virtual_clock, ns);
    turn();
}

static inline void say(uint16_t coupling, bool historic, struct kp_sample s)
{
    struct kp_batch *b = kp_batch_new(coupling);
    b->historic = historic;
    b->arrived = now();
    assert_true(kp_batch_add(b, &s));
    assert_true(kp_hub_push(hub, b, 0));
    turn();
}

/* One sample of a coupling arrives. */
KIT void hear(uint16_t coupling, kp_signal s, int64_t at, double value)
{
    say(coupling, false, (struct kp_sample){ s, KP_GOOD, at, kp_double(value) });
}

KIT kp_signal make_signal(uint16_t coupling, const char *path)
{
    char above[KP_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
    struct kp_signal_info info = { .name = slash + 1,
                                   .type = KP_DOUBLE,
                                   .stored = true,
                                   .coupling = coupling,
                                   .source = coupling ? path : NULL,
                                   .asset = kp_model_make_path(model, above, KP_MACHINE, &err) };
    kp_signal s = kp_model_put_signal(model, &info, &err);
    assert_string_equal(err.text, "");
    return s;
}

/* A coupling of which only the state exists: its thread does not run. */
KIT struct kp_coupling *couple_still(uint16_t id, const char *at,
                                     const struct kp_filter_def *filter)
{
    char name[16];
    snprintf(name, sizeof name, "c%u", id);
    struct kp_coupling_def def = {
        .id = id, .name = name, .url = "sim://x", .at = at, .class = &sim
    };
    if (filter)
        def.filter = *filter;
    assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_OK);
    return hub_find(hub, id);
}

/* Its link breaks, or (failed false) is let go because a person wished so. */
KIT void link_down(struct kp_coupling *c, enum kp_link link, bool failed)
{
    c->status.link = link;
    c->status.since = c->down_utc = now();
    c->down_since = kp_mono(&virtual_clock.clock);
    c->downs++;
    c->failed = failed;
}

static bool count_kind(void *arg, const struct kp_interval *v)
{
    ((int *)arg)[v->kind]++;
    return true;
}

/* How many intervals of a kind are open. From any thread. */
KIT int open_of(enum kp_interval_kind kind)
{
    int n[16] = { 0 };
    kp_model_lock(model);
    kp_model_open_intervals(model, 0, count_kind, n);
    kp_model_unlock(model);
    return n[kind];
}

/* ---- with threads ---- */
KIT void couple(uint16_t id, const char *key, const char *value)
{
    struct kp_coupling_def def = { .id = id,
                                   .name = id == 1 ? "one" : "two",
                                   .url = "sim://x",
                                   .at = id == 1 ? "hall/one" : "hall/two",
                                   .enabled = true,
                                   .class = &sim };
    if (key && strcmp(key, "include") == 0)
        def.filter.include = value;
    else if (key) {
        def.n = 1;
        def.keys = &key;
        def.values = &value;
    }
    kp_hub_add_coupling(hub, &def, &err);
    assert_string_equal(err.text, "");
}

KIT void start(void)
{
    assert_int_equal(kp_hub_start(hub, &err), KP_OK);
}

KIT bool is_link(uint16_t id, enum kp_link link)
{
    struct kp_coupling_status s;
    return kp_hub_coupling_status(hub, id, &s) && s.link == link;
}

/* Up to a minute, for machines under load; the checks here take milliseconds. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int left_ = 12000;                                                                         \
        while (!(condition) && left_--)                                                            \
            kit_sleep(5);                                                                          \
        if (left_ <= 0)                                                                            \
            fail_msg("never: %s", #condition);                                                     \
    } while (0)

KIT kp_signal find(const char *path)
{
    kp_model_lock(model);
    kp_signal s = kp_model_find_signal(model, path);
    kp_model_unlock(model);
    return s;
}

KIT bool is_stale(const char *path)
{
    kp_model_lock(model);
    struct kp_now v = kp_model_now(model, kp_model_find_signal(model, path));
    bool stale = v.stale && v.sample.status == KP_BAD_NO_COMMUNICATION;
    kp_model_unlock(model);
    return stale;
}
#endif
