/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms: the table of states, limits with hysteresis and delays, chattering, floods, shelving, and
 * what a restart leaves. */
#include "store_kit.h"

#include "alarm/private.h"
#include "store/trust.h"

#include "core/ban.h"

static struct kit *k;
static struct kp_alarms *alarms;
static struct kp_err err;

static void node_open(void)
{
    kit_open(k);
    kit_hub(k);
    alarms = kp_alarms_new(k->hub, k->store, &err);
    kit_ok(&err);
}

/* As a crash, after what was written by then. */
static void node_close(void)
{
    kit_close(k);
    kp_hub_free(k->hub);
    kp_alarms_free(alarms);
    k->hub = NULL;
}

static int setup(void **state)
{
    (void)state;
    err = (struct kp_err){ 0 };
    k = kit_new();
    node_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_close(k);
    kp_hub_free(k->hub);
    kp_alarms_free(alarms);
    k->hub = NULL;
    kit_free(k);
    return 0;
}

static kp_signal signal(const char *path)
{
    char above[KP_PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct kp_model *m = kp_hub_model(k->hub);
    snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
    struct kp_signal_info info = { .name = slash + 1,
                                   .type = KP_DOUBLE,
                                   .asset = kp_model_make_path(m, above, KP_MACHINE, &err) };
    kp_signal s = kp_model_put_signal(m, &info, &err);
    kit_ok(&err);
    return s;
}

/* Some time passes, with a turn each quarter of a second. */
static void pass(int64_t ns)
{
    for (int64_t step = 250 * KP_MILLISECOND; ns > 0; ns -= step) {
        kp_clock_advance(&k->clock, step);
        while (kp_hub_turn(k->hub, 0))
            ;
    }
}

static void hear(kp_signal s, double value)
{
    struct kp_batch *b = kp_batch_new(0);
    struct kp_sample sample = { s, KP_GOOD, kp_utc(&k->clock.clock), kp_double(value) };
    b->arrived = sample.at;
    assert_true(kp_batch_add(b, &sample));
    assert_true(kp_hub_push(k->hub, b, 0));
    while (kp_hub_turn(k->hub, 0))
        ;
    kp_clock_advance(&k->clock, KP_MILLISECOND);
}

static void rule(const char *json)
{
    struct kp_alarm_rule r;
    kp_alarm_rule_parse(json, &r, &err);
    kit_ok(&err);
    kp_alarms_put_rule(alarms, &r, false, &err);
    kit_ok(&err);
    pass(3 * KP_SECOND);
}

struct found {
    struct kp_alarm a[64];
    size_t n;
};

static bool keep(void *arg, const struct kp_alarm *a)
{
    struct found *f = arg;
    assert_true(f->n < 64);
    f->a[f->n++] = *a;
    return true;
}

static struct found list(enum kp_alarm_which which)
{
    static struct found f;
    kp_alarms_flush(alarms, &err);
    kit_ok(&err);
    struct kp_db *db = kp_store_reader(k->store, &err);
    f.n = 0;
    kp_alarms_list(
        db, &(struct kp_alarm_filter){ .which = which, .from = KP_NO_TIME, .to = KP_NO_TIME }, keep,
        &f, &err);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
    return f;
}

static bool count_one(void *arg, const struct kp_interval *v)
{
    *(size_t *)arg += v->kind == KP_INTERVAL_ALARM;
    return true;
}

static size_t open_intervals(void)
{
    size_t n = 0;
    kp_model_open_intervals(kp_hub_model(k->hub), 0, count_one, &n);
    return n;
}

static enum kp_code act(int64_t id, enum kp_alarm_event event)
{
    struct kp_alarm_act a = { .event = event,
                              .user = "anna",
                              .comment = "looked at",
                              .until = kp_utc(&k->clock.clock) + 60 * KP_SECOND };
    err = (struct kp_err){ 0 };
    return kp_alarms_act(alarms, id, &a, &err);
}

#define HOT                                                                                        \
    "{\"name\":\"hot\",\"kind\":\"limit\",\"match\":\"hall/**/"                                    \
    "temperature\",\"high\":80,\"hysteresis\":2,\"priority\":\"high\"}"

/* ---- the table ---- */
static void every_step_of_the_table_is_as_the_standard_has_it(void **state)
{
    (void)state;
    /* Rows: states; columns: events; -1 is refused. First while the process is well, then while it
     * is not. */
    static const int want[2][KP_ALARM_STATES][KP_ALARM_EVENTS] = {
        { { 1, -1, -1, -1, -1, -1, -1, -1, -1 },
          { 1, 3, 2, 4, -1, 5, -1, 6, -1 },
          { 2, 0, -1, 4, -1, 5, -1, 6, -1 },
          { 1, -1, 0, 4, -1, 5, -1, 6, -1 },
          { 4, 4, -1, 4, 0, 5, -1, 6, -1 },
          { 5, 5, -1, -1, -1, -1, 0, 6, -1 },
          { 6, 6, -1, -1, -1, -1, -1, -1, 0 } },
        { { 1, -1, -1, -1, -1, -1, -1, -1, -1 },
          { 1, 3, 2, 4, -1, 5, -1, 6, -1 },
          { 2, 0, -1, 4, -1, 5, -1, 6, -1 },
          { 1, -1, 0, 4, -1, 5, -1, 6, -1 },
          { 4, 4, -1, 4, 1, 5, -1, 6, -1 },
          { 5, 5, -1, -1, -1, -1, 1, 6, -1 },
          { 6, 6, -1, -1, -1, -1, -1, -1, 1 } },
    };
    for (int active = 0; active < 2; active++)
        for (unsigned s = 0; s < KP_ALARM_STATES; s++)
            for (unsigned e = 0; e < KP_ALARM_EVENTS; e++) {
                uint8_t now = (uint8_t)s;
                struct kp_err why = { 0 };
                enum kp_code code = kp_alarm_step(&now, active, e, &why);
                int to = want[active][s][e];
                assert_int_equal(code, to < 0 ? KP_EEXISTS : KP_OK);
                assert_int_equal(now, to < 0 ? (int)s : to);
                assert_int_equal(!!strstr(why.text, kp_alarm_state_name(s)), to < 0);
            }
}

/* ---- limits ---- */
static void a_value_above_its_limit_is_an_alarm_until_it_is_below_by_the_hysteresis(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature");
    rule(HOT);
    hear(s, 79);
    assert_int_equal(open_intervals(), 0);
    hear(s, 81.5);
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 1);
    assert_int_equal(open_intervals(), 1);
    assert_string_equal(f.a[0].rule, "hot");
    assert_int_equal(f.a[0].state, KP_ALARM_UNACKNOWLEDGED);
    assert_int_equal(f.a[0].priority, KP_PRIORITY_HIGH);
    assert_true(f.a[0].value == 81.5 && f.a[0].limit == 80);
    hear(s, 79);
    assert_int_equal(open_intervals(), 1);
    hear(s, 77);
    assert_int_equal(open_intervals(), 0);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
    assert_int_equal(list(KP_WHICH_OPEN).n, 1);
    f = list(KP_WHICH_UNACKNOWLEDGED);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.a[0].state, KP_ALARM_RETURNED);
    assert_int_equal(act(f.a[0].id, KP_ALARM_ACKNOWLEDGE), KP_OK);
    assert_int_equal(list(KP_WHICH_UNACKNOWLEDGED).n, 0);
    assert_int_equal(list(KP_WHICH_OPEN).n, 0);
    f = list(KP_WHICH_ALL);
    assert_int_equal(f.a[0].state, KP_ALARM_NORMAL);
    assert_string_equal(f.a[0].user, "anna");
}

static void a_value_is_told_in_the_digits_it_has(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { (double)13.95f, "pressure 13.95 is above 1" },
        { 13.949999809, "pressure 13.94999981 is above 1" },
        { 41873216, "pressure 41873216 is above 1" },
    };
    (void)state;
    kp_signal s = signal("hall/gas/pressure");
    rule("{\"name\":\"full\",\"kind\":\"limit\",\"match\":\"hall/gas/pressure\",\"high\":1}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hear(s, cases[i].value);
        struct found f = list(KP_WHICH_ACTIVE);
        assert_int_equal(f.n, 1);
        assert_string_equal(f.a[0].text, cases[i].text);
        hear(s, 0);
        pass(70 * KP_SECOND);
    }
}

static void a_delay_holds_the_alarm_back_until_it_has_lasted(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/pressure");
    rule("{\"name\":\"low\",\"kind\":\"limit\",\"match\":\"hall/oven/"
         "pressure\",\"low\":2,\"delay\":\"10s\",\"offDelay\":\"5s\"}");
    int64_t at = kp_utc(&k->clock.clock);
    hear(s, 1);
    pass(9 * KP_SECOND);
    assert_int_equal(open_intervals(), 0);
    hear(s, 3); /* well again in time */
    pass(2 * KP_SECOND);
    assert_int_equal(open_intervals(), 0);
    at = kp_utc(&k->clock.clock);
    hear(s, 1);
    pass(11 * KP_SECOND);
    assert_int_equal(open_intervals(), 1);
    assert_int_equal(list(KP_WHICH_ACTIVE).a[0].since, at);
    hear(s, 3);
    pass(4 * KP_SECOND);
    assert_int_equal(open_intervals(), 1);
    pass(2 * KP_SECOND);
    assert_int_equal(open_intervals(), 0);
}

static void bad_values_texts_and_signals_without_a_rule_raise_nothing(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature"), other = signal("hall/oven/other");
    rule(HOT);
    hear(other, 1000);
    struct kp_batch *b = kp_batch_new(0);
    kp_batch_add(b, &(struct kp_sample){ s, KP_BAD, kp_utc(&k->clock.clock), kp_double(1000) });
    kp_batch_add(
        b, &(struct kp_sample){ s, KP_GOOD, kp_utc(&k->clock.clock) + 1, kp_string("hot", 3) });
    kp_batch_add(b, &(struct kp_sample){ s, KP_GOOD, kp_utc(&k->clock.clock) + 2, kp_double(NAN) });
    assert_true(kp_hub_push(k->hub, b, 0));
    pass(KP_SECOND);
    assert_int_equal(open_intervals(), 0);
}

static void what_is_so_already_when_a_rule_comes_is_an_alarm(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature");
    hear(s, 90);
    rule(HOT);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 1);
    hear(signal("hall/mill/temperature"), 91);
    pass(3 * KP_SECOND);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 2);
}

static void an_alarm_that_chatters_is_held_as_one_with_a_count(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature");
    rule(HOT);
    for (int i = 0; i < 20; i++) {
        hear(s, 90);
        pass(KP_SECOND);
        hear(s, 70);
        pass(KP_SECOND);
    }
    struct found f = list(KP_WHICH_UNACKNOWLEDGED);
    assert_int_equal(f.n, 1);
    assert_int_equal(open_intervals(), 1);
    assert_int_equal(f.a[0].count, 20);
    assert_int_equal(list(KP_WHICH_ALL).n, 5); /* four came and went, the fifth is held */
    pass(61 * KP_SECOND);
    assert_int_equal(open_intervals(), 0);
    hear(s, 90);
    assert_int_equal(list(KP_WHICH_UNACKNOWLEDGED).n, 1);
}

static void
alarms_of_one_machine_within_ten_seconds_are_a_group_with_the_first_out_on_top(void **state)
{
    (void)state;
    kp_signal s[6];
    char path[60];
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path,
                 i < 5 ? "hall/press/zone%d/temperature" : "hall/oven/temperature", i);
        s[i] = signal(path);
        struct kp_asset_info a = *kp_model_asset(
            kp_hub_model(k->hub), kp_model_signal(kp_hub_model(k->hub), s[i])->asset);
        if (i < 5)
            a.kind = KP_COMPONENT;
        kp_model_put_asset(kp_hub_model(k->hub), &a, &err);
    }
    kp_asset press = kp_model_find_asset(kp_hub_model(k->hub), "hall/press");
    struct kp_asset_info info = *kp_model_asset(kp_hub_model(k->hub), press);
    info.kind = KP_MACHINE;
    kp_model_put_asset(kp_hub_model(k->hub), &info, &err);
    rule(HOT);
    hear(s[3], 99);
    pass(3 * KP_SECOND);
    hear(s[5], 99);
    hear(s[0], 99);
    hear(s[1], 99);
    pass(20 * KP_SECOND);
    hear(s[2], 99);
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 5);
    assert_true(f.a[0].first_out && f.a[0].group == f.a[0].id); /* the late one */
    assert_true(f.a[1].first_out);                              /* the oven alone */
    assert_int_equal(f.a[2].asset, kp_model_signal(kp_hub_model(k->hub), s[3])->asset);
    assert_true(f.a[2].first_out && !f.a[3].first_out && !f.a[4].first_out);
    assert_int_equal(f.a[3].group, f.a[2].id);
    assert_int_equal(f.a[4].group, f.a[2].id);
}

/* ---- what people do ---- */
static void
shelving_ends_by_itself_and_an_alarm_that_came_again_meanwhile_stays_shelved(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature");
    rule(HOT);
    hear(s, 90);
    int64_t id = list(KP_WHICH_ACTIVE).a[0].id;
    assert_int_equal(act(id, KP_ALARM_SHELVE), KP_OK);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
    hear(s, 70);
    pass(KP_SECOND);
    hear(s, 90);
    struct found f = list(KP_WHICH_SHELVED);
    assert_int_equal(f.n, 1);
    assert_int_not_equal(f.a[0].id, id);
    assert_int_equal(f.a[0].count, 2);
    pass(61 * KP_SECOND);
    f = list(KP_WHICH_UNACKNOWLEDGED);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.a[0].state, KP_ALARM_UNACKNOWLEDGED);
}

static void what_the_table_does_not_allow_is_refused_with_the_state_in_words(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature");
    rule(HOT);
    hear(s, 90);
    int64_t id = list(KP_WHICH_ACTIVE).a[0].id;
    assert_int_equal(act(id, KP_ALARM_UNSHELVE), KP_EEXISTS);
    assert_non_null(strstr(err.text, "unacknowledged"));
    assert_int_equal(act(id, KP_ALARM_ACKNOWLEDGE), KP_OK);
    assert_int_equal(act(id, KP_ALARM_ACKNOWLEDGE), KP_EEXISTS);
    assert_int_equal(act(id + 1000, KP_ALARM_ACKNOWLEDGE), KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
}

static void
a_rule_out_of_service_raises_silently_and_one_that_goes_takes_its_alarms_along(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature");
    rule(HOT);
    hear(s, 90);
    rule("{\"name\":\"hot\",\"kind\":\"limit\",\"match\":\"hall/**/"
         "temperature\",\"high\":80,\"outOfService\":true}");
    assert_int_equal(list(KP_WHICH_SUPPRESSED).n, 1);
    assert_int_equal(open_intervals(), 1);
    rule(HOT);
    assert_int_equal(list(KP_WHICH_UNACKNOWLEDGED).n, 1);
    kp_alarms_remove_rule(alarms, "hot", &err);
    kit_ok(&err);
    assert_int_equal(open_intervals(), 0);
    pass(3 * KP_SECOND);
    hear(s, 99);
    assert_int_equal(open_intervals(), 0);
}

/* ---- machines and the node ---- */
static int64_t told(int64_t id, int64_t end, const char *attributes)
{
    struct kp_model *m = kp_hub_model(k->hub);
    struct kp_interval v = { .id = id,
                             .asset = kp_model_make_path(m, "hall/mill", KP_MACHINE, &err),
                             .kind = KP_INTERVAL_ALARM,
                             .start = KIT_NOW,
                             .end = end,
                             .attributes = attributes };
    id = kp_model_put_interval(m, &v, &err);
    kit_ok(&err);
    return id;
}

static void a_machines_own_alarm_goes_through_the_same_states(void **state)
{
    (void)state;
    static const char text[] =
        "{\"coupling\":\"mill\",\"key\":\"104\",\"severity\":950,\"text\":\"spindle hot\"}";
    int64_t id = told(0, KP_FOREVER, text);
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.a[0].id, id);
    assert_int_equal(f.a[0].source, KP_ALARM_MACHINE);
    assert_int_equal(f.a[0].priority, KP_PRIORITY_URGENT);
    assert_string_equal(f.a[0].text, "spindle hot");
    assert_int_equal(act(id, KP_ALARM_ACKNOWLEDGE), KP_OK);
    told(id, KP_FOREVER,
         "{\"coupling\":\"mill\",\"key\":\"104\",\"severity\":500,\"text\":\"spindle warm\"}");
    f = list(KP_WHICH_ACTIVE);
    assert_string_equal(f.a[0].text, "spindle warm");
    assert_int_equal(f.a[0].state, KP_ALARM_ACKNOWLEDGED);
    told(id, KIT_NOW + KP_SECOND, text);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
    assert_int_equal(list(KP_WHICH_ALL).a[0].state, KP_ALARM_NORMAL);
}

static void a_condition_of_the_node_has_the_priority_of_its_rule(void **state)
{
    (void)state;
    kp_hub_condition(k->hub, "store-disk", "the disk is nearly full");
    pass(KP_SECOND);
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.a[0].rule, "disk");
    assert_int_equal(f.a[0].priority, KP_PRIORITY_HIGH);
    kp_hub_condition(k->hub, "store-disk", NULL);
    pass(KP_SECOND);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
}

static void a_trusted_certificate_that_expires_soon_is_an_alarm_of_its_rule(void **state)
{
    (void)state;
    int64_t now = kp_utc(&k->clock.clock);
    struct kp_certificate c = { .fingerprint = "AA:01", .first_seen = now, .coupling = "press", .subject = "CN=press",
                                .not_after = now + 10 * 86400 * KP_SECOND, .der = "x", .len = 1 };
    kp_trust_note(k->store, &c, &err);
    certificates_turn(alarms, &err);
    pass(KP_SECOND);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0); /* nobody trusts it */
    int n;
    kp_trust_set(k->store, "press", NULL, true, &n, &err);
    kit_ok(&err);
    alarms->certificates = 0;
    certificates_turn(alarms, &err);
    pass(KP_SECOND);
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.a[0].rule, "certificate expires");
    assert_non_null(strstr(f.a[0].text, "press"));
}

static void a_signal_without_news_and_a_machine_that_stands_still_are_alarms(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature");
    rule("{\"name\":\"quiet\",\"kind\":\"stale\",\"match\":\"hall/oven\",\"delay\":\"30s\"}");
    rule("{\"name\":\"still\",\"kind\":\"stopped\",\"match\":\"hall\",\"delay\":\"1m\"}");
    hear(s, 1);
    struct kp_model *m = kp_hub_model(k->hub);
    struct kp_interval v = { .asset = kp_model_find_asset(m, "hall/oven"),
                             .kind = KP_INTERVAL_STATE,
                             .start = kp_utc(&k->clock.clock),
                             .end = KP_FOREVER,
                             .attributes = "{\"state\":\"stopped\",\"derived\":true}" };
    v.id = kp_model_put_interval(m, &v, &err);
    pass(28 * KP_SECOND);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
    pass(4 * KP_SECOND);
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.a[0].rule, "quiet");
    hear(s, 2);
    pass(2 * KP_SECOND);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
    hear(s, 3);
    pass(28 * KP_SECOND);
    f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.a[0].rule, "still");
    v.end = kp_utc(&k->clock.clock);
    kp_model_put_interval(m, &v, &err);
    hear(s, 4);
    pass(2 * KP_SECOND);
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
}

/* ---- restart ---- */
static void a_restart_neither_loses_nor_doubles_nor_raises_again(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature"), t = signal("hall/mill/temperature");
    rule(HOT);
    hear(s, 90);
    pass(20 * KP_SECOND);
    hear(t, 90);
    int64_t id = list(KP_WHICH_ACTIVE).a[1].id;
    assert_int_equal(act(id, KP_ALARM_ACKNOWLEDGE), KP_OK);
    kit_sync(k);
    node_close();
    node_open();
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 2);
    assert_int_equal(open_intervals(), 2);
    hear(s, 91);
    hear(t, 91);
    f = list(KP_WHICH_ALL);
    assert_int_equal(f.n, 2);
    assert_int_equal(f.a[0].state, KP_ALARM_UNACKNOWLEDGED);
    assert_int_equal(f.a[1].state, KP_ALARM_ACKNOWLEDGED);
    hear(s, 70);
    hear(t, 70);
    assert_int_equal(open_intervals(), 0);
    f = list(KP_WHICH_UNACKNOWLEDGED);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.a[0].state, KP_ALARM_RETURNED);
}

static void an_alarm_whose_row_was_not_written_follows_from_its_interval(void **state)
{
    (void)state;
    kp_signal s = signal("hall/oven/temperature"), t = signal("hall/mill/temperature");
    rule(HOT);
    hear(s, 90);
    kp_alarms_flush(alarms, &err);
    hear(t, 95);
    hear(t, 70); /* came and went, and the crash comes before its row */
    hear(t, 95);
    kit_sync(k);
    node_close();
    node_open();
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 2);
    assert_true(f.a[0].value == 95 && f.a[0].limit == 80 && f.a[0].priority == KP_PRIORITY_HIGH);
    hear(t, 70);
    assert_int_equal(open_intervals(), 1);
    assert_int_equal(list(KP_WHICH_UNACKNOWLEDGED).n, 2);
}

static void a_condition_of_the_node_that_was_acknowledged_stays_so_over_a_restart(void **state)
{
    (void)state;
    kp_hub_condition(k->hub, "store-disk", "the disk is nearly full");
    pass(KP_SECOND);
    assert_int_equal(act(list(KP_WHICH_ACTIVE).a[0].id, KP_ALARM_ACKNOWLEDGE), KP_OK);
    kit_sync(k);
    node_close();
    node_open();
    kp_hub_condition(k->hub, "store-disk", "the disk is nearly full");
    pass(KP_SECOND);
    struct found f = list(KP_WHICH_ACTIVE);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.a[0].state, KP_ALARM_ACKNOWLEDGED);
    kit_sync(k);
    node_close();
    node_open();
    pass(62 * KP_SECOND); /* not told again: it is over */
    assert_int_equal(list(KP_WHICH_ACTIVE).n, 0);
}

static void a_rule_that_makes_no_sense_is_refused_by_its_key(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "{\"name\":\"x\",\"kind\":\"limt\",\"match\":\"a\",\"high\":1}", "limit" },
        { "{\"name\":\"x\",\"kind\":\"limit\",\"match\":\"a\"}", "high, low" },
        { "{\"name\":\"x\",\"kind\":\"limit\",\"match\":\"a\",\"high\":1,\"low\":2}", "below" },
        { "{\"name\":\"x\",\"kind\":\"limit\",\"match\":\"a\",\"high\":2,\"low\":1,\"hysteresis\":"
          "1}",
          "hysteresis" },
        { "{\"name\":\"x/y\",\"kind\":\"disk\"}", "name" },
        { "{\"name\":\"x\",\"kind\":\"disk\",\"hihg\":3}", "high" },
        { "{\"name\":\"x\",\"kind\":\"stale\",\"match\":\"a\"}", "delay" },
        { "{\"name\":\"x\",\"kind\":\"stale\",\"match\":\"a\",\"delay\":\"soon\"}", "delay" },
        { "{\"name\":\"x\",\"kind\":\"disk\",\"enabled\":1}", "enabled" },
        { "[]", "object" },
        { "{", "rule" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_alarm_rule r;
        struct kp_err why = { 0 };
        if (!kp_alarm_rule_parse(wrong[i][0], &r, &why))
            fail_msg("%s passed", wrong[i][0]);
        if (!strstr(why.text, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], why.text);
    }
}

static void
more_alarms_than_there_is_room_for_are_counted_and_leave_room_when_they_are_over(void **state)
{
    (void)state;
    enum { MORE = KP_ALARM_LIVING_MAX + 50 };
    char text[80];
    for (int i = 0; i < MORE; i++) {
        snprintf(text, sizeof text, "{\"coupling\":\"mill\",\"key\":\"%d\",\"text\":\"x\"}", i);
        told(0, i < 200 ? KIT_NOW + 1 : KP_FOREVER, text);
    }
    assert_int_equal(alarms->n, KP_ALARM_LIVING_MAX);
    assert_true(kp_alarms_count(alarms).dropped > 0);
    kp_alarms_flush(alarms, &err);
    kit_ok(&err);
    pass(KP_SECOND);
    assert_int_equal(alarms->n, KP_ALARM_LIVING_MAX - 100);
    told(0, KP_FOREVER, "{\"coupling\":\"mill\",\"key\":\"new\",\"text\":\"x\"}");
    assert_int_equal(alarms->n, KP_ALARM_LIVING_MAX - 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_value_is_told_in_the_digits_it_has),
        cmocka_unit_test(every_step_of_the_table_is_as_the_standard_has_it),
        TEST(a_value_above_its_limit_is_an_alarm_until_it_is_below_by_the_hysteresis),
        TEST(a_delay_holds_the_alarm_back_until_it_has_lasted),
        TEST(bad_values_texts_and_signals_without_a_rule_raise_nothing),
        TEST(what_is_so_already_when_a_rule_comes_is_an_alarm),
        TEST(an_alarm_that_chatters_is_held_as_one_with_a_count),
        TEST(alarms_of_one_machine_within_ten_seconds_are_a_group_with_the_first_out_on_top),
        TEST(shelving_ends_by_itself_and_an_alarm_that_came_again_meanwhile_stays_shelved),
        TEST(what_the_table_does_not_allow_is_refused_with_the_state_in_words),
        TEST(a_rule_out_of_service_raises_silently_and_one_that_goes_takes_its_alarms_along),
        TEST(a_machines_own_alarm_goes_through_the_same_states),
        TEST(a_condition_of_the_node_has_the_priority_of_its_rule),
        TEST(a_trusted_certificate_that_expires_soon_is_an_alarm_of_its_rule),
        TEST(a_signal_without_news_and_a_machine_that_stands_still_are_alarms),
        TEST(a_restart_neither_loses_nor_doubles_nor_raises_again),
        TEST(an_alarm_whose_row_was_not_written_follows_from_its_interval),
        TEST(a_condition_of_the_node_that_was_acknowledged_stays_so_over_a_restart),
        TEST(more_alarms_than_there_is_room_for_are_counted_and_leave_room_when_they_are_over),
        cmocka_unit_test(a_rule_that_makes_no_sense_is_refused_by_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
