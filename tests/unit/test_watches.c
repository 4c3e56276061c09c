/* SPDX-License-Identifier: Apache-2.0 */
/* The watches of a node turned by hand: posts follow the model, findings are alarms, what is lost is counted, restarts. */
#include "store_kit.h"

#include "alarm/private.h"
#include "watch/past.h"
#include "watch/watches_private.h"

#include "core/ban.h"

static struct kit *k;
static struct kp_alarms *alarms;
static struct kp_watches *watches;
static struct kp_err err;
static uint64_t seed;

static void node_open(void)
{
    kit_open(k);
    kit_hub(k);
    alarms = kp_alarms_new(k->hub, k->store, &err);
    watches = kp_watches_new(k->hub, k->store, alarms, &k->clock.clock, &err);
    kit_ok(&err);
}

static void node_close(void)
{
    kit_close(k);
    kp_hub_free(k->hub);
    kp_watches_free(watches);
    kp_alarms_free(alarms);
    k->hub = NULL;
}

static int setup(void **state)
{
    (void)state;
    err = (struct kp_err){ 0 };
    seed = 88172645463325252u;
    k = kit_new();
    node_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_close();
    kit_free(k);
    return 0;
}

static kp_signal signal(const char *path, uint8_t label)
{
    char above[KP_PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct kp_model *m = kp_hub_model(k->hub);
    snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
    struct kp_signal_info info = { .name = slash + 1,
                                   .type = KP_DOUBLE,
                                   .label = label,
                                   .stored = true,
                                   .asset = kp_model_make_path(m, above, KP_MACHINE, &err) };
    kp_signal id = kp_model_put_signal(m, &info, &err);
    kit_ok(&err);
    return id;
}

static void turn(void)
{
    while (kp_hub_turn(k->hub, 0) || kp_watches_turn(watches, 0))
        ;
}

static void store(void)
{
    kp_store_sync(k->store, &err);
    kit_ok(&err);
}

static void push(kp_signal id, double value)
{
    struct kp_batch *b = kp_batch_new(0);
    b->arrived = kp_utc(&k->clock.clock);
    assert_true(kp_batch_add(b, &(struct kp_sample){ id, KP_GOOD, b->arrived, kp_double(value) }));
    assert_true(kp_hub_push(k->hub, b, 0));
}

static double usual(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    double now = (double)(kp_utc(&k->clock.clock) / KP_SECOND % 60);
    return 50 + 10 * sin(now * 2 * 3.14159265358979 / 60) + (double)(seed >> 40) / 0x1p24;
}

static void run(kp_signal id, int seconds, double off)
{
    for (int i = 0; i < seconds; i++) {
        kp_clock_advance(&k->clock, KP_SECOND);
        push(id, usual() + off);
        turn();
    }
    store();
}

static void put(const char *json, bool new)
{
    struct kp_watch_def def;
    kp_watch_def_parse(json, &def, &err);
    kit_ok(&err);
    kp_watches_put(watches, &def, new, &err);
    kit_ok(&err);
    turn();
}

#define ALL "{\"name\":\"all\",\"kind\":\"signal\",\"match\":\"hall/**\",\"learn\":200"

static struct kp_post_view only(void)
{
    assert_int_equal(watches->n, 1);
    return kp_post_view(watches->list[0]->post);
}

static size_t standing(void)
{
    size_t n = 0;
    char *keys = kp_alarms_of_watches(alarms);
    for (const char *p = keys; *p; p += strlen(p) + 1)
        n++;
    kp_free(keys);
    return n;
}

static void posts_follow_what_there_is(void **state)
{
    (void)state;
    kp_signal load = signal("hall/mill/load", 0);
    put(ALL "}", true);
    assert_int_equal(watches->n, 1);
    int64_t id = watches->list[0]->id;
    signal("hall/mill/speed", 0);
    signal("yard/gate/load", 0);
    kp_clock_advance(&k->clock, 3 * KP_SECOND);
    turn();
    assert_int_equal(watches->n, 2);
    assert_int_equal(watches->list[0]->id, id);
    kp_model_remove_signal(kp_hub_model(k->hub), load, &err);
    kp_clock_advance(&k->clock, 3 * KP_SECOND);
    turn();
    assert_int_equal(watches->n, 1);
    put("{\"name\":\"all\",\"kind\":\"signal\",\"match\":\"nothing\"}", false);
    assert_int_equal(watches->n, 0);
    struct kp_watch_def def;
    kp_watch_def_parse(ALL "}", &def, &err);
    assert_int_equal(kp_watches_put(watches, &def, true, &err), KP_EEXISTS);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_watches_remove(watches, "al", &err), KP_ENOTFOUND);
    assert_non_null(strstr(err.text, "did you mean 'all'"));
    err = (struct kp_err){ 0 };
    kp_watches_remove(watches, "all", &err);
    kit_ok(&err);
}

static void it_learns_from_history_and_what_it_finds_is_an_alarm(void **state)
{
    (void)state;
    kp_signal load = signal("hall/mill/load", 0);
    run(load, 1000, 0);
    put(ALL ",\"priority\":\"high\"}", true);
    struct kp_post_view v = only();
    assert_int_equal(v.state, KP_WATCH_ACTIVE);
    assert_int_equal(v.from, KP_POST_FROM_HISTORY);
    run(load, 300, 0);
    assert_int_equal(standing(), 0);
    run(load, 20, 60);
    assert_int_equal(standing(), 1);
    assert_int_equal(watches->list[0]->told, 1 << KP_POST_UNUSUAL);
    const struct kp_alarm *a = &alarms->list[0];
    assert_int_equal(a->source, KP_ALARM_WATCH);
    assert_int_equal(a->priority, KP_PRIORITY_HIGH);
    assert_string_equal(a->rule, "all");
    assert_non_null(strstr(a->text, "load"));
    put(ALL ",\"priority\":\"high\",\"enabled\":false}", false);
    assert_int_equal(standing(), 0);
    put(ALL ",\"priority\":\"high\"}", false);
    assert_int_equal(standing(), 1);
    run(load, 600, 0);
    assert_int_equal(standing(), 0);
    run(load, 20, 60);
    kp_watches_remove(watches, "all", &err);
    kit_ok(&err);
    turn();
    assert_int_equal(standing(), 0);
}

static void what_it_knows_is_kept_and_alarms_are_not_told_twice(void **state)
{
    (void)state;
    kp_signal load = signal("hall/mill/load", 0);
    run(load, 1000, 0);
    put(ALL "}", true);
    run(load, 20, 60);
    assert_int_equal(standing(), 1);
    int64_t id = alarms->list[0].id;
    kp_alarms_flush(alarms, &err);
    watches_save_all(watches);
    struct kp_post_view before = only();
    node_close();
    node_open();
    watches_settle(watches, &err);
    kit_ok(&err);
    watches_resume(watches);
    turn();
    struct kp_post_view after = only();
    assert_int_equal(after.values, before.values);
    assert_int_equal(after.learnt_at, before.learnt_at);
    assert_int_equal(standing(), 1);
    assert_int_equal(alarms->list[0].id, id);
    run(load, 600, 0);
    assert_int_equal(standing(), 0);
    assert_null(watches->list[0]->relearns);
}

static void an_alarm_of_a_watch_that_is_gone_ends_with_the_start(void **state)
{
    (void)state;
    const struct kp_alarm_told told = { .key = "w/gone/unusual/77", .watch = "gone", .text = "odd", .at = KIT_NOW, .value = NAN, .limit = NAN };
    kp_alarms_tell(alarms, &told, &err);
    kit_ok(&err);
    kp_alarms_tell(alarms, &told, &err); /* again is no other */
    assert_int_equal(standing(), 1);
    watches_resume(watches);
    assert_int_equal(standing(), 0);
    assert_int_equal(kp_alarms_untell(alarms, "w/none/unusual/1", KIT_NOW, &err), KP_OK);
    assert_int_equal(kp_alarms_find(alarms, "w/gone/unusual/77"), 0);
}

static void what_has_no_room_is_counted_and_said(void **state)
{
    (void)state;
    kp_signal load = signal("hall/mill/load", 0);
    put(ALL "}", true);
    uint64_t pushed = 0;
    for (; pushed < 400000; pushed += KP_BATCH_MAX) {
        struct kp_batch *b = kp_batch_new(0);
        for (int i = 0; i < KP_BATCH_MAX; i++) {
            kp_clock_advance(&k->clock, KP_MILLISECOND);
            kp_batch_add(b, &(struct kp_sample){ load, KP_GOOD, kp_utc(&k->clock.clock), kp_double(i) });
        }
        kp_hub_push(k->hub, b, 0);
        while (kp_hub_turn(k->hub, 0)) /* the hub goes on, the watches do not */
            ;
        store();
    }
    struct kp_watches_sum sum = kp_watches_sum(watches);
    assert_int_equal(sum.seen, pushed);
    assert_true(sum.lost > 0 && sum.lost < pushed && sum.behind);
    turn();
    assert_int_equal(only().values, sum.seen - sum.lost);
    kp_clock_advance(&k->clock, KP_SECOND);
    turn();
    bool said = false;
    for (size_t i = 0; i < alarms->n; i++)
        said |= strstr(alarms->list[i].key, "watch-lost") != NULL;
    assert_true(said);
    kp_clock_advance(&k->clock, 61 * KP_SECOND);
    turn();
    assert_false(kp_watches_sum(watches).behind);
}

static void a_secret_signal_is_not_told_of(void **state)
{
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    bool more;
    (void)state;
    kp_signal load = signal("hall/mill/load", KP_SECRET);
    run(load, 1000, 0);
    put(ALL "}", true);
    run(load, 20, 60);
    assert_int_equal(alarms->list[0].label, KP_SECRET);
    assert_false(kp_alarm_may_go(kp_hub_model(k->hub), KP_TO_COMPANY, &alarms->list[0]));
    assert_true(kp_alarm_may_go(kp_hub_model(k->hub), KP_TO_NODE, &alarms->list[0]));
    kp_buf_init(&text, 4096);
    const struct kp_posts_query q = { .to = KP_TO_COMPANY, .limit = 10 };
    kp_watches_posts(watches, &q, &j, &more, &err);
    assert_string_equal(kp_buf_text(&text), "");
    assert_int_equal(kp_watches_why(watches, KP_TO_COMPANY, watches->list[0]->id, &j, &err), KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_watches_feedback(watches, KP_TO_COMPANY, watches->list[0]->id, true, "x", NULL, &err), KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
    kp_watches_feedback(watches, KP_TO_NODE, watches->list[0]->id, true, "x", NULL, &err);
    kit_ok(&err);
    assert_int_equal(standing(), 0);
    kp_buf_free(&text);
}

static void states_come_in_order_with_values(void **state)
{
    (void)state;
    struct kp_model *m = kp_hub_model(k->hub);
    kp_signal load = signal("hall/mill/load", 0);
    struct kp_interval v = { .asset = kp_model_find_asset(m, "hall/mill"), .kind = KP_INTERVAL_STATE, .end = KP_FOREVER };
    run(load, 1000, 0);
    put(ALL "}", true);
    v.start = kp_utc(&k->clock.clock);
    v.attributes = "{\"state\":\"setup\"}";
    v.id = kp_model_put_interval(m, &v, &err);
    run(load, 50, 200);
    assert_int_equal(only().reason, KP_POST_STATE);
    v.end = kp_utc(&k->clock.clock);
    kp_model_put_interval(m, &v, &err);
    turn();
    assert_int_equal(only().reason, KP_POST_UNKNOWN);
    v = (struct kp_interval){ .asset = v.asset, .kind = KP_INTERVAL_STATE, .start = v.end, .end = KP_FOREVER,
                              .attributes = "{\"state\":\"running\"}" };
    kp_model_put_interval(m, &v, &err);
    run(load, 300, 0);
    assert_int_equal(only().reason, KP_POST_JUDGES);
    assert_int_equal(standing(), 0);
    kit_ok(&err);
}

/* ---- cycles that are told of when they are over ---- */
static void tell_part(int64_t from, int64_t to)
{
    struct kp_model *m = kp_hub_model(k->hub);
    struct kp_interval v = { .asset = kp_model_find_asset(m, "hall/mill"), .kind = KP_INTERVAL_PART, .start = from, .end = to,
                             .attributes = "{\"name\":\"flange\",\"count\":4}" };
    assert_true(kp_model_put_interval(m, &v, &err) > 0);
    kit_ok(&err);
}

/* Parts, one behind the other, each told of two seconds later, when the next one runs already. */
static void make_parts(kp_signal load, int n, int seconds, double off)
{
    static int64_t from;
    int64_t now = kp_utc(&k->clock.clock);
    from = now - from < 3 * KP_SECOND ? from : now + KP_SECOND / 2;
    for (int i = 0; i < n; i++) {
        run(load, seconds - 2, off);
        int64_t to = kp_utc(&k->clock.clock) + KP_SECOND / 2;
        run(load, 2, off);
        tell_part(from, to);
        from = to;
        turn();
    }
    store();
}

static struct kp_post_view looked_back(void)
{
    const struct watched *p = watches->list[0];
    uint64_t values;
    int64_t last;
    size_t n;
    const kp_signal *signals = kp_post_signals(p->post, &n);
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kp_post *post = kp_post_new(&p->of->def, signals, n, &err);
    kit_ok(&err);
    struct kp_past past = { .reader = db, .model = kp_hub_model(k->hub), .machine = p->asset, .to = kp_utc(&k->clock.clock) };
    kp_past_walk(&past, post, &values, &last, &err);
    kit_ok(&err);
    struct kp_post_view v = kp_post_view(post);
    kp_post_free(post);
    kp_store_reader_done(k->store, db);
    return v;
}

static void same_cycle(void)
{
    struct kp_post_view live = only(), back = looked_back();
    assert_int_equal(live.cycle.known, back.cycle.known);
    assert_int_equal(live.state, back.state);
    assert_int_equal(live.findings, back.findings);
    assert_int_equal(live.since[KP_POST_UNUSUAL], back.since[KP_POST_UNUSUAL]);
    assert_int_equal(live.cycle.finding, back.cycle.finding);
    assert_true(live.cycle.score == back.cycle.score && live.cycle.actual == back.cycle.actual && live.cycle.expected == back.cycle.expected);
}

static void a_cycle_that_is_told_when_it_is_over_counts_live_as_it_does_when_looked_back(void **state)
{
    (void)state;
    kp_signal load = signal("hall/mill/load", 0);
    put("{\"name\":\"cycles\",\"kind\":\"machine\",\"match\":\"hall/mill\",\"channels\":\"load\",\"cycles\":\"part\"}", true);
    run(load, 100, -20);
    make_parts(load, 30, 60, 0);
    assert_int_equal(only().cycle.known, 28);
    assert_int_equal(standing(), 0);
    same_cycle();
    make_parts(load, 3, 60, 30);
    assert_int_equal(standing(), 1);
    same_cycle();
    make_parts(load, 5, 60, 0);
    assert_int_equal(standing(), 0);
    same_cycle();
    make_parts(load, 1, 4000, 0); /* of more values than are kept one by one */
    struct kp_post_view live = only(), back = looked_back();
    assert_true(live.cycle.known == back.cycle.known && live.cycle.actual == back.cycle.actual);
    tell_part(KIT_NOW - 3600 * KP_SECOND, KIT_NOW - 3500 * KP_SECOND); /* long ago */
    turn();
    assert_int_equal(only().cycle.known, live.cycle.known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(posts_follow_what_there_is, setup, teardown),
        cmocka_unit_test_setup_teardown(it_learns_from_history_and_what_it_finds_is_an_alarm, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_knows_is_kept_and_alarms_are_not_told_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(an_alarm_of_a_watch_that_is_gone_ends_with_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_no_room_is_counted_and_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secret_signal_is_not_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(states_come_in_order_with_values, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cycle_that_is_told_when_it_is_over_counts_live_as_it_does_when_looked_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
