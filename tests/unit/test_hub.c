/* SPDX-License-Identifier: Apache-2.0 */
/* Hub, couplings and subscribers, with a coupling that needs no machine: it reports a counter, and fails, refuses, hangs
 * or is written to when a test wants it. */
#include "kit.h"

#include "core/hub.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

struct settings {
    int64_t signals, every;
    char *fail;
};
struct state {
    struct kp_declare declared[64];
    int64_t count;
};

static atomic_int opens, closes, fail_open, fail_step, written;

static const struct kp_option options[] = {
    { .name = "signals", .help = "how many", .type = KP_OPT_INT, .offset = offsetof(struct settings, signals), .standard = "3",
      .min = 1, .max = 64 },
    { .name = "every", .help = "pause", .type = KP_OPT_DURATION, .offset = offsetof(struct settings, every), .standard = "1ms",
      .min = 0, .max = INT64_C(60000000000) },
    { .name = "fail", .help = "how it fails", .type = KP_OPT_CHOICE, .offset = offsetof(struct settings, fail),
      .standard = "peer", .choices = "peer,refused" },
    { 0 },
};

static enum kp_code sim_open(struct kp_coupling *c, struct kp_err *e)
{
    const struct settings *set = kp_coupling_settings(c);
    struct state *st = kp_coupling_state(c);
    opens++;
    if (fail_open)
        return kp_fail(e, strcmp(set->fail, "refused") == 0 ? KP_EREFUSED : KP_EPEER, "the simulated machine is off");
    static char paths[64][32], sources[64][32];
    for (int64_t i = 0; i < set->signals; i++) {
        snprintf(paths[i], sizeof paths[i], "line/s%02d", (int)i);
        snprintf(sources[i], sizeof sources[i], "address %d", (int)i);
        st->declared[i] = (struct kp_declare){ .path = paths[i], .asset_kind = KP_LINE };
        st->declared[i].info = (struct kp_signal_info){ .type = KP_INT64, .stored = true, .source = sources[i] };
    }
    static const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_SERIAL_NUMBER] = "SIM-1" };
    if (kp_coupling_declare(c, st->declared, (size_t)set->signals, e) || kp_coupling_identify(c, "", KP_MACHINE, plate, e))
        return e->code;
    kp_coupling_online(c);
    return KP_OK;
}

static enum kp_code sim_step(struct kp_coupling *c, struct kp_err *e)
{
    const struct settings *set = kp_coupling_settings(c);
    struct state *st = kp_coupling_state(c);
    if (fail_step)
        return kp_fail(e, KP_EPEER, "the simulated link broke");
    st->count++;
    for (int64_t i = 0; i < set->signals; i++) {
        struct kp_sample s = { st->declared[i].id, 0, kp_coupling_utc(c), kp_int(st->count) };
        if (s.signal && kp_coupling_report(c, &s, e))
            return e->code;
    }
    nanosleep(&(struct timespec){ .tv_nsec = set->every }, NULL);
    return kp_coupling_flush(c, e);
}

static void sim_close(struct kp_coupling *c)
{
    (void)c;
    closes++;
}

static enum kp_code sim_write(struct kp_coupling *c, const struct kp_sample *s, struct kp_err *e)
{
    (void)c;
    if (s->value.i < 0)
        return kp_fail(e, KP_EINVALID, "the machine takes no negative numbers");
    written = (int)s->value.i;
    return KP_OK;
}

static const struct kp_coupling_class sim = {
    .name = "sim", .schemes = "sim", .settings_size = sizeof(struct settings), .state_size = sizeof(struct state),
    .options = options, .open = sim_open, .step = sim_step, .close = sim_close, .write = sim_write,
};

/* ---- the stage ---- */
static struct kp_hub *hub;
static struct kp_err err;
static atomic_int stored;
static atomic_bool sink_is_full;

static bool sink_take(void *self, struct kp_batch *b)
{
    (void)self;
    if (sink_is_full)
        return false;
    stored += b->n;
    kp_batch_free(b);
    return true;
}

static int setup(void **state)
{
    (void)state;
    opens = closes = fail_open = fail_step = stored = written = 0;
    sink_is_full = false;
    err = (struct kp_err){ 0 };
    hub = kp_hub_new(&(struct kp_hub_options){ .stale_after = 300 * KP_MILLISECOND }, &err);
    kp_hub_set_sink(hub, (struct kp_sink){ NULL, sink_take });
    return hub ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kp_hub_stop(hub);
    kp_hub_free(hub);
    return kp_mem_live() ? -1 : 0;
}

static void couple(uint16_t id, const char *key, const char *value)
{
    struct kp_coupling_def def = { .id = id, .name = id == 1 ? "one" : "two", .url = "sim://x",
                                   .at = id == 1 ? "hall/one" : "hall/two", .enabled = true, .class = &sim };
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

static void start(void)
{
    assert_int_equal(kp_hub_start(hub, &err), KP_OK);
}

static bool is_link(uint16_t id, enum kp_link link)
{
    struct kp_coupling_status s;
    return kp_hub_coupling_status(hub, id, &s) && s.link == link;
}

/* Up to ten seconds; the checks here take milliseconds. */
#define WAIT_UNTIL(condition)                                                   \
    do {                                                                        \
        int left_ = 2000;                                                       \
        while (!(condition) && left_--)                                         \
            nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);          \
        assert_true(left_ > 0);                                                 \
    } while (0)

static kp_signal find(const char *path)
{
    struct kp_model *model = kp_hub_model(hub);
    kp_model_lock(model);
    kp_signal s = kp_model_find_signal(model, path);
    kp_model_unlock(model);
    return s;
}

static bool is_stale(const char *path)
{
    struct kp_model *model = kp_hub_model(hub);
    kp_model_lock(model);
    struct kp_now now = kp_model_now(model, kp_model_find_signal(model, path));
    bool stale = now.stale && now.sample.status == KP_BAD_NO_COMMUNICATION;
    kp_model_unlock(model);
    return stale;
}

static bool count_gap(void *arg, const struct kp_interval *v)
{
    *(int *)arg += v->kind == KP_INTERVAL_GAP;
    return true;
}

static int open_gaps(void)
{
    int n = 0;
    kp_model_lock(kp_hub_model(hub));
    kp_model_open_intervals(kp_hub_model(hub), 0, count_gap, &n);
    kp_model_unlock(kp_hub_model(hub));
    return n;
}

/* ---- couplings ---- */
static void a_coupling_declares_identifies_and_reports(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE) && stored > 20);
    assert_true(find("hall/one/line/s02") != 0);
    struct kp_model *model = kp_hub_model(hub);
    kp_model_lock(model);
    const struct kp_asset_info *a = kp_model_asset(model, kp_model_find_asset(model, "hall/one"));
    assert_string_equal(a->nameplate[KP_SERIAL_NUMBER], "SIM-1");
    kp_model_unlock(model);
    struct kp_coupling_status s;
    WAIT_UNTIL(kp_hub_coupling_status(hub, 1, &s) && s.samples > 20); /* counted once handed over */
    assert_true(s.signals == 3 && s.opens == 1);
}

static void a_broken_link_leaves_a_gap_goes_stale_and_heals_by_itself(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    couple(2, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE) && stored > 20);
    fail_open = fail_step = 1;
    WAIT_UNTIL(is_link(1, KP_LINK_WAITING));
    struct kp_coupling_status s;
    kp_hub_coupling_status(hub, 1, &s);
    assert_non_null(strstr(s.detail, "simulated"));
    WAIT_UNTIL(is_stale("hall/one/line/s00") && open_gaps() == 2);
    fail_open = fail_step = 0;
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE) && !is_stale("hall/one/line/s00"));
    WAIT_UNTIL(open_gaps() == 0 || is_link(2, KP_LINK_WAITING));
    kp_hub_coupling_status(hub, 1, &s);
    assert_true(s.failures >= 1 && s.opens >= 2);
}

static void a_refusal_waits_for_a_person_and_ends_at_once_when_one_acts(void **state)
{
    (void)state;
    fail_open = 1;
    couple(1, "fail", "refused");
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_REFUSED));
    fail_open = 0;
    assert_int_equal(kp_hub_reconnect(hub, 1, &err), KP_OK);
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
    assert_int_equal(kp_hub_reconnect(hub, 9, &err), KP_ENOTFOUND);
}

static void a_coupling_comes_and_goes_while_the_hub_runs(void **state)
{
    (void)state;
    start();
    couple(1, NULL, NULL);
    WAIT_UNTIL(stored > 5);
    struct kp_coupling_def twin = { .id = 1, .name = "twin", .url = "sim://x", .at = "y", .class = &sim };
    assert_int_equal(kp_hub_add_coupling(hub, &twin, &err), KP_EEXISTS);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_hub_remove_coupling(hub, 1, &err), KP_OK);
    assert_int_equal(closes, opens);
    assert_true(is_stale("hall/one/line/s00"));
    assert_int_equal(kp_hub_remove_coupling(hub, 1, &err), KP_ENOTFOUND);
}

static void a_filter_keeps_signals_out(void **state)
{
    (void)state;
    couple(1, "include", "**/s01");
    start();
    WAIT_UNTIL(stored > 5);
    assert_true(find("hall/one/line/s01") != 0);
    assert_int_equal(find("hall/one/line/s00"), 0);
}

static void what_people_changed_stays_when_it_is_declared_again(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(stored > 5);
    kp_signal s = find("hall/one/line/s00");
    kp_hub_stop(hub);
    kp_hub_free(hub);
    setup(NULL); /* a new hub, told of the same signal: as after a restart */
    struct kp_signal_info info = { .id = s, .name = "renamed", .description = "by hand", .type = KP_INT64, .stored = true,
                                   .coupling = 1, .source = "address 0",
                                   .asset = kp_model_make_path(kp_hub_model(hub), "elsewhere", KP_FOLDER, &err) };
    kp_model_put_signal(kp_hub_model(hub), &info, &err);
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(stored > 5);
    assert_int_equal(find("elsewhere/renamed"), s);
    assert_int_equal(find("hall/one/line/s00"), 0);
}

static void a_write_reaches_only_what_was_opened(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(stored > 5);
    struct kp_sample w = { .signal = find("hall/one/line/s00"), .value = kp_int(42) };
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_EDENIED);
    assert_int_equal(written, 0);
    err = (struct kp_err){ 0 };
    w.signal = 999;
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_ENOTFOUND);
}

struct opening {
    kp_signal s;
};

static void do_open_for_writing(void *arg)
{
    struct opening *o = arg;
    struct kp_signal_info info = *kp_model_signal(kp_hub_model(hub), o->s);
    info.writable = true;
    kp_model_put_signal(kp_hub_model(hub), &info, NULL);
}

static void an_opened_signal_is_written_in_the_couplings_thread(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(stored > 5);
    struct kp_sample w = { .signal = find("hall/one/line/s00"), .value = kp_int(42) };
    assert_int_equal(kp_hub_call(hub, do_open_for_writing, &(struct opening){ w.signal }), KP_OK);
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_OK);
    assert_int_equal(written, 42);
    w.value = kp_int(-1);
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "negative"));
}

/* ---- the sink ---- */
static void a_full_sink_loses_samples_counts_them_and_leaves_a_gap(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(stored > 5);
    sink_is_full = true;
    WAIT_UNTIL(kp_hub_stats(hub).lost > 10 && open_gaps() == 1);
    sink_is_full = false;
    int before = stored;
    WAIT_UNTIL(stored > before + 5 && open_gaps() == 0);
    struct kp_hub_stats s = kp_hub_stats(hub);
    assert_true(s.samples >= s.stored + s.lost);
}

/* ---- subscribers ---- */
static void a_subscriber_gets_what_it_asked_for(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(stored > 5);
    struct kp_subscriber_def def = { .filter = { .include = "**/s01" }, .feed = true };
    struct kp_subscriber *s = kp_hub_subscribe(hub, &def, &err);
    kp_signal wanted = find("hall/one/line/s01");
    int got = 0;
    while (got < 20) {
        struct kp_msg *msg = kp_subscriber_next(s, 2000);
        assert_non_null(msg);
        const struct kp_batch *b = (const struct kp_batch *)msg;
        for (unsigned i = 0; i < b->n; i++, got++)
            assert_int_equal(b->s[i].signal, wanted);
        kp_batch_drop(msg);
    }
    assert_int_equal(kp_subscriber_behind(s), 0);
    kp_hub_unsubscribe(hub, s);
}

static void a_slow_subscriber_is_fed_again_and_disturbs_nobody(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    struct kp_subscriber_def slow = { .budget = 1 }, quick = { 0 };
    struct kp_subscriber *s = kp_hub_subscribe(hub, &slow, &err), *q = kp_hub_subscribe(hub, &quick, &err);
    WAIT_UNTIL(kp_subscriber_behind(s) >= 1);
    int before = stored;
    for (int i = 0; i < 20; i++) {
        struct kp_msg *msg = kp_subscriber_next(q, 2000);
        assert_non_null(msg);
        kp_batch_drop(msg);
    }
    WAIT_UNTIL(stored > before);
    int batches = 0;
    for (struct kp_msg *msg; batches < 5 && (msg = kp_subscriber_next(s, 2000)); batches++)
        kp_batch_drop(msg); /* what waited, then the current values again */
    assert_int_equal(batches, 5);
    kp_hub_unsubscribe(hub, s);
    kp_hub_unsubscribe(hub, q);
}

static void a_condition_is_an_alarm_interval_until_it_is_over(void **state)
{
    (void)state;
    struct kp_subscriber_def def = { .intervals = true };
    struct kp_subscriber *s = kp_hub_subscribe(hub, &def, &err);
    start();
    kp_hub_condition(hub, "disk", "the disk is full");
    kp_hub_condition(hub, "disk", "the disk is full");
    struct kp_msg *msg = kp_subscriber_next(s, 2000);
    assert_non_null(msg);
    assert_int_equal(msg->kind, KP_MSG_INTERVAL);
    struct kp_interval_msg *v = (struct kp_interval_msg *)msg;
    assert_true(v->interval.kind == KP_INTERVAL_ALARM && v->interval.end == KP_FOREVER);
    assert_non_null(strstr(v->interval.attributes, "the disk is full"));
    int64_t id = v->interval.id;
    kp_batch_drop(msg);
    kp_hub_condition(hub, "disk", NULL);
    msg = kp_subscriber_next(s, 2000);
    assert_non_null(msg);
    v = (struct kp_interval_msg *)msg;
    assert_true(v->interval.id == id && v->interval.end != KP_FOREVER);
    kp_batch_drop(msg);
    assert_null(kp_subscriber_next(s, 400));
    kp_hub_unsubscribe(hub, s);
}

/* ---- settings ---- */
static void settings_are_read_by_their_table(void **state)
{
    (void)state;
    static const struct { const char *key, *value, *says; } wrong[] = {
        { "signals", "0", "outside 1 to 64" },   { "signals", "many", "not a whole number" },
        { "every", "often", "not a time" },      { "every", "2h", "outside" },
        { "fail", "loudly", "none of peer" },    { "sginals", "3", "did you mean 'signals'" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        err = (struct kp_err){ 0 };
        assert_int_equal(kp_options_check(options, wrong[i].key, wrong[i].value, &err), KP_EINVALID);
        if (!strstr(err.text, wrong[i].says))
            fail_msg("'%s' does not say '%s'", err.text, wrong[i].says);
    }
    struct settings set = { 0 };
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_options_init(options, &set, &err), KP_OK);
    assert_true(set.signals == 3 && set.every == KP_MILLISECOND && strcmp(set.fail, "peer") == 0);
    assert_int_equal(kp_options_set(options, &set, "fail", "refused", &err), KP_OK);
    assert_string_equal(set.fail, "refused");
    kp_options_free(options, &set);
}

static enum kp_code whole_life(void *arg)
{
    struct kp_err e = { 0 };
    (void)arg;
    struct kp_hub *h = kp_hub_new(&(struct kp_hub_options){ 0 }, &e);
    struct kp_coupling_def def = { .id = 1, .name = "x", .url = "sim://x", .at = "x", .class = &sim };
    struct kp_subscriber_def sub = { .filter = { .include = "a/**, b" } };
    struct kp_subscriber *s = NULL;
    if (h && !kp_hub_add_coupling(h, &def, &e))
        s = kp_hub_subscribe(h, &sub, &e);
    if (h)
        kp_hub_unsubscribe(h, s);
    kp_hub_free(h);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(whole_life, NULL);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_coupling_declares_identifies_and_reports),
        T(a_broken_link_leaves_a_gap_goes_stale_and_heals_by_itself),
        T(a_refusal_waits_for_a_person_and_ends_at_once_when_one_acts),
        T(a_coupling_comes_and_goes_while_the_hub_runs),
        T(a_filter_keeps_signals_out),
        T(what_people_changed_stays_when_it_is_declared_again),
        T(a_write_reaches_only_what_was_opened),
        T(an_opened_signal_is_written_in_the_couplings_thread),
        T(a_full_sink_loses_samples_counts_them_and_leaves_a_gap),
        T(a_subscriber_gets_what_it_asked_for),
        T(a_slow_subscriber_is_fed_again_and_disturbs_nobody),
        T(a_condition_is_an_alarm_interval_until_it_is_over),
        cmocka_unit_test(settings_are_read_by_their_table),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
