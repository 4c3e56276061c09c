/* SPDX-License-Identifier: Apache-2.0 */
/* A day of a machine summed up: states and stops, parts from counters that jump and begin anew,
 * energy, key figures; and days as bytes. */
#include "store_kit.h"

#include "flex/oee.h"
#include "net/json_memory.h"

#include "core/ban.h"

enum { PRESS = 7, GOOD = 1, SCRAP = 2, PARTS = 3, PROGRAM = 4, ENERGY = 5, POWER = 6 };
#define MINUTE           (60 * KP_SECOND)
#define DAY              (INT64_C(1795388400) * KP_SECOND) /* 2026-11-23T00:00:00+01:00, a Monday */
#define AT(hour, minute) (DAY + ((hour)*60 + (minute)) * MINUTE)

static const char plan[] = "{\"plans\":[{\"shifts\":[{\"name\":\"early\",\"days\":\"mon-fri\","
                           "\"from\":\"06:00\",\"to\":\"14:00\"}]}]}";

struct shop {
    struct kit *k;
    struct kp_calendar calendar;
    struct kp_settings settings;
    struct kp_arena arena;
    struct kp_day_query q;
    struct kp_day day;
};

static int begin(void **state)
{
    struct kp_err err = { 0 };
    struct shop *s = calloc(1, sizeof *s);
    s->k = kit_new();
    kit_open(s->k);
    kp_calendar_parse(plan, &s->calendar, &err);
    kp_settings_parse("{\"machines\":[{\"match\":\"\",\"cycles\":{\"A\":\"60s\"}}]}", &s->settings,
                      &err);
    kit_ok(&err);
    s->q = (struct kp_day_query){ .asset = PRESS,
                                  .path = "press",
                                  .from = DAY,
                                  .to = AT(24, 0),
                                  .now = AT(48, 0),
                                  .calendar = &s->calendar,
                                  .settings = &s->settings };
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct shop *s = *state;
    kp_calendar_free(&s->calendar);
    kp_settings_free(&s->settings);
    kp_arena_free(&s->arena);
    kit_free(s->k);
    free(s);
    return 0;
}

static void put(struct shop *s, uint8_t kind, int64_t start, int64_t stop, const char *word)
{
    static int64_t id;
    struct kp_err err = { 0 };
    char text[200];
    snprintf(text, sizeof text, "{\"%s\":\"%s\"}", kind == KP_INTERVAL_STATE ? "state" : "reason",
             word);
    struct kp_interval v = {
        .id = ++id, .asset = PRESS, .kind = kind, .start = start, .end = stop, .attributes = text
    };
    kp_rows_put_interval(s->k->store->db, &v, &err);
    kit_ok(&err);
}

static void say(struct shop *s, kp_signal signal, int64_t at, struct kp_value v)
{
    struct kp_sample p = kit_sample(signal, at, v);
    kit_offer(s->k, &p, 1);
}

static const struct kp_day *sum(struct shop *s)
{
    struct kp_err err = { 0 };
    kit_sync(s->k);
    struct kp_db *db = kp_store_reader(s->k->store, &err);
    kp_day_sum(db, &s->q, &s->arena, &s->day, &err);
    kp_store_reader_done(s->k->store, db);
    kit_ok(&err);
    return &s->day;
}

/* The only planned piece of the day. */
static const struct kp_piece *shift(const struct kp_day *d)
{
    assert_int_equal(d->n, 3);
    assert_string_equal(d->pieces[1].name, "early");
    assert_true(d->pieces[1].from == AT(6, 0) && d->pieces[1].to == AT(14, 0) &&
                !d->pieces[0].name && !d->pieces[2].name);
    return &d->pieces[1];
}

static void states_are_told_apart_by_planned_time(void **state)
{
    struct shop *s = *state;
    put(s, KP_INTERVAL_STATE, AT(-30, 0), AT(7, 0), "off"); /* longer than a day */
    put(s, KP_INTERVAL_STATE, AT(7, 0), AT(8, 0), "setup");
    put(s, KP_INTERVAL_STATE, AT(8, 0), AT(13, 0), "running");
    put(s, KP_INTERVAL_STATE, AT(13, 30), KP_FOREVER, "running");
    const struct kp_day *d = sum(s);
    const struct kp_piece *p = shift(d);
    assert_true(p->ns[KP_STATE_OFF] == 60 * MINUTE && p->ns[KP_STATE_SETUP] == 60 * MINUTE &&
                p->ns[KP_STATE_RUNNING] == 330 * MINUTE);
    assert_true(d->pieces[2].ns[KP_STATE_RUNNING] == 600 * MINUTE);
    struct figures f = { 0 };
    figures_piece(&f, p, false);
    figures_piece(&f, &d->pieces[2], false);
    assert_true(f.pbt == 480 * MINUTE && f.known == 450 * MINUTE && f.overtime_ns == 600 * MINUTE &&
                figures_busy(&f) == 390 * MINUTE);
}

static void a_stop_says_why_and_a_short_one_is_none(void **state)
{
    struct shop *s = *state;
    put(s, KP_INTERVAL_STATE, AT(6, 0), AT(9, 0), "running");
    put(s, KP_INTERVAL_STATE, AT(9, 0), AT(11, 0), "idle");
    put(s, KP_INTERVAL_STOP, AT(9, 30), AT(10, 0), "no material");
    put(s, KP_INTERVAL_STATE, AT(11, 0), AT(11, 0) + 59 * KP_SECOND, "stopped");
    put(s, KP_INTERVAL_STATE, AT(11, 0) + 59 * KP_SECOND, AT(15, 0), "running");
    put(s, KP_INTERVAL_STOP, AT(12, 0), AT(13, 0), "it ran");
    const struct kp_day *d = sum(s);
    assert_int_equal(d->n_losses, 2);
    assert_string_equal(d->losses[0].reason, "");
    assert_true(d->losses[0].ns == 90 * MINUTE && d->losses[0].n == 2);
    assert_string_equal(d->losses[1].reason, "no material");
    assert_true(d->losses[1].ns == 30 * MINUTE && d->losses[1].n == 1);
}

static void a_counter_that_begins_anew_is_no_negative_number(void **state)
{
    (void)state;
    struct gain g = counter_gain(900, 3, 60 * KP_SECOND, KP_SECOND);
    assert_true(g.parts == 3 && g.reset && !g.doubtful);
    g = counter_gain(900, 0, 60 * KP_SECOND, KP_SECOND);
    assert_true(!g.parts && g.reset);
    g = counter_gain(900, 899, KP_SECOND, KP_SECOND); /* corrected by hand at the machine */
    assert_true(!g.parts && g.reset && !g.doubtful);
}

static void a_counter_that_jumps_is_doubtful(void **state)
{
    (void)state;
    struct gain g = counter_gain(10, 70, 60 * KP_SECOND, KP_SECOND);
    assert_true(g.parts == 60 && !g.doubtful);
    g = counter_gain(10, 72, 60 * KP_SECOND, KP_SECOND);
    assert_true(!g.parts && g.doubtful == 62);
    g = counter_gain(10, 11, 0, KP_SECOND);
    assert_true(g.parts == 1);
    assert_false(counter_gain(0, 1e300, KP_SECOND, KP_SECOND).parts);
    assert_false(counter_gain(NAN, 5, KP_SECOND, KP_SECOND).parts);
}

static void parts_belong_to_their_shift_and_their_program(void **state)
{
    struct shop *s = *state;
    s->q.sources.of[KP_COUNT_GOOD] = GOOD;
    s->q.sources.of[KP_COUNT_SCRAP] = SCRAP;
    s->q.sources.of[KP_COUNT_PROGRAM] = PROGRAM;
    put(s, KP_INTERVAL_STATE, AT(0, 0), AT(24, 0), "running");
    say(s, PROGRAM, AT(-3, 0), kp_string("old", sizeof "old" - 1));
    say(s, PROGRAM, AT(-2, 0), kp_string("A", sizeof "A" - 1));
    say(s, PROGRAM, AT(10, 0), kp_string("B", sizeof "B" - 1));
    say(s, GOOD, AT(-1, 0), kp_int(100)); /* of the day before */
    for (int i = 0; i < 20; i++)
        say(s, GOOD, AT(6, 1 + i), kp_int(101 + i));
    say(s, GOOD, AT(10, 0), kp_int(122));   /* 2 of A, ready when B begins */
    say(s, GOOD, AT(11, 0), kp_int(50000)); /* a jump */
    say(s, GOOD, AT(12, 0), kp_int(5));     /* a reset, and 5 since */
    say(s, GOOD, AT(14, 0), kp_int(6));     /* the last instant of the shift */
    say(s, GOOD, AT(14, 1), kp_int(8));
    say(s, SCRAP, AT(5, 0), kp_int(9));
    say(s, SCRAP, AT(8, 0), kp_int(12));
    const struct kp_day *d = sum(s);
    const struct kp_piece *p = shift(d);
    assert_true(p->good == 28 && p->scrap == 3 && p->doubtful == 49878 && p->jumps == 1 &&
                p->resets == 1);
    assert_true(d->pieces[2].good == 2);
    assert_int_equal(d->n_made, 3);
    assert_string_equal(d->made[0].program, "A");
    assert_true(d->made[0].good == 22 && d->made[0].scrap == 3);
    assert_string_equal(d->made[1].program, "B");
    assert_true(d->made[1].good == 6 && d->made[2].piece == 2);
    assert_true(d->n_paces == 1 && d->paces[0].ns == MINUTE && d->paces[0].n == 19);
}

static void the_best_shown_leaves_out_time_in_which_the_machine_did_not_run(void **state)
{
    struct shop *s = *state;
    s->q.sources.of[KP_COUNT_GOOD] = GOOD;
    for (int i = 0; i < 12; i++) { /* 190 s of work, 50 s for the next workpiece */
        int64_t from = AT(6, 0) + i * 4 * MINUTE, until = from + 190 * KP_SECOND;
        put(s, KP_INTERVAL_STATE, from, until, "running");
        put(s, KP_INTERVAL_STATE, until, from + 4 * MINUTE, "idle");
        say(s, GOOD, until, kp_int(i));
    }
    const struct kp_day *d = sum(s);
    assert_true(d->n_paces == 1 && d->paces[0].n == 10 && d->paces[0].ns == 190 * KP_SECOND);
}

static void all_parts_and_scrap_give_the_good_ones(void **state)
{
    struct shop *s = *state;
    s->q.sources.of[KP_COUNT_PARTS] = PARTS;
    s->q.sources.of[KP_COUNT_SCRAP] = SCRAP;
    say(s, PARTS, AT(5, 0), kp_int(10));
    say(s, SCRAP, AT(5, 0), kp_int(1));
    say(s, PARTS, AT(7, 0), kp_int(20));
    say(s, SCRAP, AT(7, 0), kp_int(3));
    const struct kp_piece *p = shift(sum(s));
    assert_true(p->good == 8 && p->scrap == 2);
}

static void energy_is_told_apart_by_state_and_has_a_peak(void **state)
{
    struct shop *s = *state;
    s->q.sources.of[KP_COUNT_ENERGY] = ENERGY;
    s->q.sources.factor[KP_COUNT_ENERGY] = 3.6e6;
    put(s, KP_INTERVAL_STATE, AT(6, 0), AT(10, 0), "running");
    put(s, KP_INTERVAL_STATE, AT(10, 0), AT(14, 0), "idle");
    say(s, ENERGY, AT(-1, 0), kp_double(100));
    say(s, ENERGY, AT(1, 0), kp_double(102)); /* half of it today */
    say(s, ENERGY, AT(6, 0), kp_double(102));
    say(s, ENERGY, AT(7, 0), kp_double(112));
    say(s, ENERGY, AT(7, 15), kp_double(117)); /* 20 kW */
    say(s, ENERGY, AT(9, 0), kp_double(117));
    say(s, ENERGY, AT(11, 0), kp_double(121)); /* half of it idle */
    say(s, ENERGY, AT(12, 0), kp_double(0));   /* anew */
    say(s, ENERGY, AT(13, 0), kp_double(1));
    const struct kp_day *d = sum(s);
    const struct kp_piece *p = shift(d);
    assert_true(d->metered && fabs(p->joules / 3.6e6 - 20) < 1e-9 &&
                fabs(p->idle_joules / 3.6e6 - 3) < 1e-9);
    assert_true(fabs(d->pieces[0].joules / 3.6e6 - 1) < 1e-9 && fabs(p->peak - 20000) < 1e-6 &&
                p->peak_at == AT(7, 0));
}

static void power_holds_until_its_next_value(void **state)
{
    struct shop *s = *state;
    s->q.sources.of[KP_COUNT_POWER] = POWER;
    s->q.sources.factor[KP_COUNT_POWER] = 1000;
    say(s, POWER, AT(8, 0), kp_double(6));
    say(s, POWER, AT(9, 0), kp_double(2));
    const struct kp_day *d = sum(s);
    assert_true(fabs(shift(d)->joules / 3.6e6 - 16) < 1e-9 &&
                fabs(d->pieces[2].joules / 3.6e6 - 20) < 1e-9);
}

static void the_key_figures_are_those_of_the_standard(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    struct kp_piece p = {
        .from = 0, .to = 480 * MINUTE, .name = "early", .good = 190, .scrap = 10
    };
    p.ns[KP_STATE_RUNNING] = 240 * MINUTE;
    struct figures f = { 0 }, all = { 0 };
    figures_piece(&f, &p, false);
    struct kp_made a = { .program = "A", .good = 150, .scrap = 10 },
                   b = { .program = "B", .good = 40 };
    figures_made(&f, &a, &(struct pri){ "A", "set", MINUTE });
    figures_made(&f, &b, &(struct pri){ "B", NULL, 0 }); /* not known: as well as the others */
    assert_true(fabs(figures_availability(&f) - 0.5) < 1e-12 &&
                fabs(figures_quality(&f) - 0.95) < 1e-12);
    assert_true(fabs(figures_effectiveness(&f) - 200.0 / 240) < 1e-12);
    figures_join(&all, &f);
    figures_join(&all, &f);
    assert_true(fabs(figures_effectiveness(&all) - 200.0 / 240) < 1e-12 && all.pbt == 960 * MINUTE);
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, 10000);
    kp_json_begin(&j, '{');
    figures_json(&j, &f);
    kp_json_end(&j, '}');
    assert_non_null(strstr(kp_buf_text(&text), "\"oee\":0.395833"));
    assert_non_null(strstr(kp_buf_text(&text), "\"withoutCycle\":40"));
    kp_buf_free(&text);
    struct figures none = { 0 };
    assert_true(isnan(figures_availability(&none)) && isnan(figures_effectiveness(&none)) &&
                isnan(figures_quality(&none)));
    kit_ok(&err);
}

static void fill(struct shop *s)
{
    static const kp_signal of[KP_COUNTS] = { GOOD, SCRAP, 0, PROGRAM, ENERGY, 0 };
    memcpy(s->q.sources.of, of, sizeof of);
    s->q.sources.factor[KP_COUNT_ENERGY] = 3.6e6;
    put(s, KP_INTERVAL_STATE, AT(5, 0), AT(9, 0), "running");
    put(s, KP_INTERVAL_STATE, AT(9, 0), AT(14, 30), "idle");
    put(s, KP_INTERVAL_STOP, AT(9, 30), AT(10, 0), "no material");
    say(s, PROGRAM, AT(-2, 0), kp_string("A", sizeof "A" - 1));
    for (int i = 0; i < 40; i++) {
        say(s, GOOD, AT(5, 30 + i), kp_int(i));
        say(s, ENERGY, AT(5, 30 + i), kp_double(i * 0.5));
    }
}

static void a_day_as_bytes_is_the_same_day_and_damage_is_found(void **state)
{
    struct shop *s = *state;
    struct kp_err err = { 0 };
    struct kp_buf one, two;
    fill(s);
    sum(s);
    kp_buf_init(&one, 1 << 20);
    kp_buf_init(&two, 1 << 20);
    kp_day_encode(&s->day, &one);
    struct kp_day back;
    kp_day_decode(one.data, one.len, &s->arena, &back, &err);
    kit_ok(&err);
    kp_day_encode(&back, &two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
    assert_true(back.pieces[1].good == s->day.pieces[1].good && back.n_paces == 1 &&
                back.n_losses == s->day.n_losses);
    for (size_t i = 0; i < one.len; i++) {
        struct kp_err damage = { 0 };
        one.data[i] ^= 0x10;
        assert_int_equal(kp_day_decode(one.data, one.len, &s->arena, &back, &damage), KP_EPARSE);
        one.data[i] ^= 0x10;
        assert_int_equal(kp_day_decode(one.data, i, &s->arena, &back, &(struct kp_err){ 0 }),
                         KP_EPARSE);
    }
    kp_buf_free(&one);
    kp_buf_free(&two);
}

static void a_lack_of_memory_is_told_and_leaves_nothing(void **state)
{
    struct shop *s = *state;
    struct kp_err open = { 0 };
    fill(s);
    sum(s);
    enum kp_code code = KP_ENOMEM;
    struct kp_db *db = kp_store_reader(s->k->store, &open);
    for (long n = 1; code; n++) {
        struct kp_err err = { 0 };
        struct kp_arena arena = { 0 };
        struct kp_day d;
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        code = kp_day_sum(db, &s->q, &arena, &d, &err);
        kp_mem_fail_at(0);
        kp_arena_free(&arena);
        assert_true(!code || code == KP_ENOMEM);
        assert_int_equal(kp_mem_live(), live);
        assert_true(n < 5000);
    }
    kp_store_reader_done(s->k->store, db);
}

int main(void)
{
    kp_json_memory_init();
    setenv("TZ", "Europe/Amsterdam", 1); /* NOLINT(concurrency-mt-unsafe): before any thread */
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(states_are_told_apart_by_planned_time),
        T(a_stop_says_why_and_a_short_one_is_none),
        cmocka_unit_test(a_counter_that_begins_anew_is_no_negative_number),
        cmocka_unit_test(a_counter_that_jumps_is_doubtful),
        T(parts_belong_to_their_shift_and_their_program),
        T(the_best_shown_leaves_out_time_in_which_the_machine_did_not_run),
        T(all_parts_and_scrap_give_the_good_ones),
        T(energy_is_told_apart_by_state_and_has_a_peak),
        T(power_holds_until_its_next_value),
        cmocka_unit_test(the_key_figures_are_those_of_the_standard),
        T(a_day_as_bytes_is_the_same_day_and_damage_is_found),
        T(a_lack_of_memory_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
