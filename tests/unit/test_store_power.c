/* SPDX-License-Identifier: Apache-2.0 */
/* The power fails: at any moment of a busy day, with any part of what was not synced lost. What then is on the disk
 * must open, be sound, hold exactly what had been acknowledged (or that and the one commit under way), nothing twice,
 * and the work must go on from there.
 *
 * KOPPEL_POWER_CUTS=1000 makes that many cuts (make power), KOPPEL_POWER_SEED=n other ones. */
#include "store_kit.h"

#include "store/position.h"

#include "../crash/tape.h"

#include "core/ban.h"

enum { CUTS = 100, CUTS_PER_DAY = 50, ROUNDS = 60, STEPS = 1000, FACTS = 6 };

static long passed, failed;

/* ---- the day ---- */

/* In five stripes. */
static const kp_signal signals[] = { 1, 2, 63, 70, 140, 300, 1000 };
enum { SIGNALS = sizeof signals / sizeof signals[0] };

/* What the file says besides samples. */
static const char *const facts[FACTS] = {
    "select count(*) from interval",
    "select count(*) from interval where \"end\" = 9223372036854775807",
    "select count(*) from signal",
    "select coalesce(max(cast(value as integer)), 0) from setting where key = 'turn'",
    "select coalesce(max(position), 0) from consumer where name = 'reader'",
    "select coalesce(sum(length(attributes) + start % 1000), 0) from interval",
};

struct step { /* something was acknowledged */
    size_t op, samples;
    size_t read; /* samples before the consumer's position */
    int64_t facts[FACTS];
};

struct day {
    struct kit *k;
    uint64_t seed;
    struct step steps[STEPS];
    size_t n, read;
    int64_t open; /* interval */
    kp_asset asset;
};

static void acknowledged(struct day *d)
{
    assert_true(d->n < STEPS);
    struct step *s = &d->steps[d->n++];
    *s = (struct step){ .op = tape.n, .samples = d->k->n, .read = d->read };
    for (int i = 0; i < FACTS; i++)
        s->facts[i] = kit_number(d->k, facts[i]);
}

static struct kp_value any_value(kp_signal signal, uint64_t r, char text[32])
{
    if (r % 31 == 0)
        return (struct kp_value){ .type = KP_NULL };
    switch (signal) {
    case 1:
        return kp_double((double)(r % 1000) / 8);
    case 2:
        return kp_int((int64_t)r);
    case 63:
        return kp_string(text, (size_t)snprintf(text, 32, "O%04llu.NC", (unsigned long long)r % 40));
    case 70:
        return kp_bool(r & 64);
    default:
        return (struct kp_value){ .u = r, .type = signal == 140 ? KP_UINT64 : KP_DOUBLE };
    }
}

/* A few points for each signal; some come late, some again with another value. */
static void offer_some(struct day *d, int round)
{
    struct kp_sample s[SIGNALS * 8];
    char text[SIGNALS * 8][32];
    size_t n = 0;
    int64_t hour = KIT_NOW - 3 * 24 * 3600 * KP_SECOND + round * 3600 * KP_SECOND;
    for (int i = 0; i < SIGNALS; i++) {
        int64_t at = hour + (int64_t)(kit_random(&d->seed) % 9) * KP_SECOND;
        for (uint64_t j = kit_random(&d->seed) % 8; j; j--) {
            uint64_t r = kit_random(&d->seed);
            at += (int64_t)(r % 400) * KP_SECOND;
            int64_t late = r % 13 == 0 ? (int64_t)(r >> 8) % (20 * 3600) * KP_SECOND : 0;
            s[n] = kit_sample(signals[i], at - late, any_value(signals[i], r >> 3, text[n]));
            s[n++].status = r % 17 == 0 ? KP_BAD_NO_COMMUNICATION : r % 19 == 0 ? KP_UNCERTAIN : KP_GOOD;
        }
    }
    kit_offer(d->k, s, n);
    kit_sync(d->k);
    acknowledged(d);
}

static void change_intervals(struct day *d)
{
    struct kp_err err = { 0 };
    struct kp_interval i = { .id = d->open, .asset = d->asset, .kind = KP_INTERVAL_STATE, .start = KIT_NOW + d->open,
                             .end = KP_FOREVER, .attributes = "{\"state\": \"running\"}" };
    if (d->open) {
        i.end = i.start + KP_SECOND;
        i.attributes = "{\"state\": \"ended\"}";
    }
    int64_t id = kp_model_put_interval(kp_hub_model(d->k->hub), &i, &err);
    kit_ok(&err);
    d->open = d->open ? 0 : id;
    kit_sync(d->k);
    acknowledged(d);
}

static void change_signals(struct day *d, int round)
{
    struct kp_err err = { 0 };
    struct kp_model *model = kp_hub_model(d->k->hub);
    kp_signal victim = kp_model_find_signal(model, "mill/victim");
    struct kp_signal_info info = { .asset = d->asset, .name = "victim", .type = KP_INT64, .stored = true };
    if (victim)
        kp_model_remove_signal(model, victim, &err);
    else
        kp_model_put_signal(model, &info, &err);
    kit_ok(&err);
    kit_sync(d->k);
    acknowledged(d);
    char text[16];
    snprintf(text, sizeof text, "%d", round);
    kp_setting_put(d->k->store->db, "turn", text, &err); /* outside of any other transaction */
    kit_ok(&err);
    acknowledged(d);
}

static void move_position(struct day *d)
{
    struct kp_err err = { 0 };
    struct kp_position now;
    kp_position_now(d->k->store->db, &now, &err);
    kp_position_put(d->k->store, "reader", now.newest, &err);
    kit_ok(&err);
    d->read = d->k->n;
    acknowledged(d);
}

static void keep_house(struct day *d, int round)
{
    struct kp_err err = { 0 };
    d->k->store->checkpoint_at = round % 3 ? 8 : 1000;
    for (int i = 0; i < 4; i++)
        kp_store_turn(d->k->store, 0);
    if (round % 7 == 6)
        kp_care_round(d->k->store, &err);
    if (round % 20 == 19)
        kp_store_seal_all(d->k->store, &err);
    kit_ok(&err);
    kp_clock_advance(&d->k->clock, 2 * KP_SECOND);
}

static void open_again(struct day *d, bool after_stop)
{
    if (after_stop)
        kp_store_stop(d->k->store);
    kit_close(d->k);
    kp_hub_free(d->k->hub);
    kit_open(d->k);
    kit_hub(d->k);
    d->k->store->checkpoint_at = 8;
    kit_sync(d->k); /* the gap it finds is an interval */
    acknowledged(d);
}

static void make_signals(struct day *d)
{
    struct kp_err err = { 0 };
    struct kp_model *model = kp_hub_model(d->k->hub);
    d->asset = kp_model_make_path(model, "mill", KP_MACHINE, &err);
    for (int i = 0; i < SIGNALS; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%u", (unsigned)signals[i]);
        struct kp_signal_info info = { .id = signals[i], .asset = d->asset, .name = name, .stored = true,
                                       .type = any_value(signals[i], 1, (char[32]){ 0 }).type };
        kp_model_put_signal(model, &info, &err);
    }
    kit_ok(&err);
    kit_sync(d->k);
    acknowledged(d);
}

static void set_options(struct kp_store_options *o)
{
    o->seal_points = 6;
    o->seal_bytes = 1500;
    o->young_bytes = 1200; /* commits of both sizes, and often dealt out */
    o->journal_age = 600 * KP_SECOND;
}

/* The first moment that counts is when the file has been made. */
static struct day *live_a_day(uint64_t seed, bool deaf)
{
    struct day *d = calloc(1, sizeof *d);
    struct kp_err err = { 0 };
    d->seed = seed;
    d->k = kit_new();
    char file[100];
    snprintf(file, sizeof file, "%s/factory.db", d->k->dir);
    unlink(file);
    tape_start(d->k->dir, false);
    kp_store_create(d->k->dir, "test", &err);
    kit_ok(&err);
    tape.deaf = deaf;
    set_options(&d->k->options);
    kit_open(d->k);
    kit_hub(d->k);
    acknowledged(d);
    make_signals(d);
    move_position(d);
    for (int round = 0; round < ROUNDS; round++) {
        offer_some(d, round);
        if (round % 2)
            change_intervals(d);
        if (round % 5 == 4)
            change_signals(d, round);
        if (round % 8 == 7)
            move_position(d);
        keep_house(d, round);
        if (round % 25 == 13)
            open_again(d, round > 25);
    }
    tape.folder = NULL;
    return d;
}

static void end_day(struct day *d)
{
    tape_free();
    kit_free(d->k);
    free(d);
}

/* ---- after the cut ---- */

struct look {
    const struct day *day;
    struct kp_store *store;
    char why[KP_ERR_TEXT + 100];
};

static bool wrong(struct look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct look *l, const char *fmt, ...)
{
    va_list ap;
    if (l->why[0])
        return false;
    va_start(ap, fmt);
    vsnprintf(l->why, sizeof l->why, fmt, ap);
    va_end(ap);
    return false;
}

static int64_t ask(struct look *l, const char *sql)
{
    struct kp_err err = { 0 };
    int64_t n = -1;
    if (kp_db_number(l->store->db, sql, -1, &n, &err))
        wrong(l, "%s", err.text);
    return n;
}

static bool same_history(struct look *l, kp_signal signal, const struct kit_points *want)
{
    struct kp_err err = { 0 };
    struct kp_sample s;
    size_t n = 0;
    bool same = true;
    struct kp_history *h = kp_history_open(l->store->db, signal, INT64_MIN, INT64_MAX, &err);
    while (h && kp_history_next(h, &s, &err)) {
        const struct kp_sample *w = n < want->n ? &want->s[n] : NULL;
        same &= w && w->at == s.at && w->status == s.status && kp_value_equal(&w->value, &s.value);
        n++;
    }
    kp_history_close(h);
    if (err.code)
        return wrong(l, "signal %u: %s", (unsigned)signal, err.text);
    return same && n == want->n;
}

static bool has_samples(struct look *l, size_t samples)
{
    struct kit book = { .all = l->day->k->all, .n = samples };
    for (int i = 0; i < SIGNALS; i++) {
        struct kit_points want = kit_expect(&book, signals[i], INT64_MIN, INT64_MAX);
        bool same = same_history(l, signals[i], &want);
        kit_points_free(&want);
        if (!same)
            return false;
    }
    return true;
}

struct heard {
    size_t n;
    uint64_t sum;
};

static uint64_t mark_of(const struct kp_sample *s)
{
    uint64_t x = (uint64_t)s->at * UINT64_C(0x9e3779b97f4a7c15) + s->signal * UINT64_C(0x85ebca6b) + s->status;
    return kit_random(&x) + (kp_type_indirect(s->value.type) ? s->value.len : s->value.u);
}

static bool hear(void *arg, const struct kp_sample *s, int64_t committed, bool historic)
{
    struct heard *h = arg;
    (void)committed;
    (void)historic;
    h->n++;
    h->sum += mark_of(s);
    return true;
}

/* The consumer gets what came after its position, everything and once. */
static bool consumer_hears(struct look *l, const struct step *s)
{
    struct kp_err err = { 0 };
    struct heard is = { 0 }, want = { 0 };
    uint64_t position = 0, upto;
    for (size_t i = s->read; i < s->samples; i++)
        hear(&want, &l->day->k->all[i], 0, false);
    if (kp_position_get(l->store->db, "reader", &position, &err) == KP_ENOTFOUND && !s->read && !s->samples)
        return true; /* it had not begun */
    if (err.code || kp_position_read(l->store->db, position, SIZE_MAX, &upto, hear, &is, &err))
        return wrong(l, "consumer: %s", err.text);
    return (is.n == want.n && is.sum == want.sum) ||
           wrong(l, "the consumer is given %zu points instead of %zu", is.n, want.n);
}

static bool is_as(struct look *l, const struct step *s)
{
    for (int i = 0; i < FACTS; i++)
        if (ask(l, facts[i]) != s->facts[i])
            return false;
    return has_samples(l, s->samples);
}

static void fault_found(void *arg, const char *fault)
{
    wrong(arg, "check: %s", fault);
}

static bool is_sound(struct look *l)
{
    struct kp_err err = { 0 };
    if (ask(l, "select count(*) from pragma_integrity_check where integrity_check <> 'ok'") != 0)
        return wrong(l, "integrity_check complains");
    int faults = kp_store_check(l->store->file, fault_found, l, &err);
    return faults == 0 || wrong(l, "check: %s", err.text);
}

/* A point that were in two chunks would be hidden by reading, which shows each time once. */
static bool has_no_doubles(struct look *l, size_t samples)
{
    struct kit book = { .all = l->day->k->all, .n = samples };
    int64_t points = 0;
    for (int i = 0; i < SIGNALS; i++) {
        struct kit_points want = kit_expect(&book, signals[i], INT64_MIN, INT64_MAX);
        points += (int64_t)want.n;
        kit_points_free(&want);
    }
    int64_t is = ask(l, "select coalesce(sum(n), 0) from chunk"), told = ask(l, "select coalesce(sum(points), 0) from stored");
    return (is == points && told == points) ||
           wrong(l, "%lld points in chunks, %lld noted, there should be %lld", (long long)is, (long long)told,
                 (long long)points);
}

static bool same_aggregate(struct look *l, size_t samples)
{
    static struct kit_buckets is, want;
    struct kit book = { .all = l->day->k->all, .n = samples };
    struct kp_err err = { 0 };
    struct kit_points p = kit_expect(&book, 1, INT64_MIN, INT64_MAX);
    int64_t hour = 3600 * KP_SECOND, from = KIT_NOW - 4 * 24 * hour, to = KIT_NOW + 24 * hour;
    is.n = is.stop = 0;
    kp_history_aggregate(l->store->db, 1, from, to, hour, kit_add_bucket, &is, &err);
    kit_naive(&p, &p, from, to, hour, &want);
    kit_points_free(&p);
    bool same = is.n == want.n;
    for (size_t i = 0; i < want.n && same; i++)
        same = is.b[i].points.n == want.b[i].points.n && kit_near(is.b[i].points.sum, want.b[i].points.sum) &&
               kit_same(is.b[i].points.max, want.b[i].points.max) && is.b[i].good_ns == want.b[i].good_ns;
    return (same && !err.code) || wrong(l, "the hours do not agree with the points %s", err.text);
}

/* Sealing cut off anywhere goes on, rollups are made, and nothing has changed for who reads. */
static bool goes_on(struct look *l, const struct step *s)
{
    struct kp_err err = { 0 };
    if (!same_aggregate(l, s->samples))
        return false;
    if (kp_store_seal_all(l->store, &err) || kp_care_round(l->store, &err))
        return wrong(l, "it does not go on: %s", err.text);
    return (is_as(l, s) || wrong(l, "sealing changed the history")) && has_no_doubles(l, s->samples) &&
           same_aggregate(l, s->samples) && consumer_hears(l, s) && is_sound(l);
}

static void inspect(struct look *l, size_t op)
{
    const struct day *d = l->day;
    size_t i = 0;
    while (i + 1 < d->n && d->steps[i + 1].op <= op)
        i++;
    if (!is_sound(l))
        return;
    if (i + 1 < d->n && is_as(l, &d->steps[i + 1]))
        i++;
    else if (l->why[0] || !is_as(l, &d->steps[i])) {
        wrong(l, "it is neither as acknowledged in step %zu nor in the next one", i);
        return;
    }
    if (consumer_hears(l, &d->steps[i]))
        goes_on(l, &d->steps[i]);
}

static struct tape_cut choose(const struct day *d, uint64_t *seed)
{
    struct tape_cut cut = { .random = kit_random, .sector = kit_random(seed) % 2 ? 512 : 4096 };
    size_t first = d->steps[0].op;
    cut.op = first + kit_random(seed) % (tape.n - first + 1);
    if (kit_random(seed) % 2) /* just before a sync most is at stake */
        while (cut.op < tape.n && tape.ops[cut.op].kind != TAPE_SYNC)
            cut.op++;
    uint64_t r = kit_random(seed) % 10;
    cut.fate = r == 0 ? TAPE_LOSE_ALL : r == 1 ? TAPE_KEEP_ALL : r < 4 ? TAPE_IN_ORDER : TAPE_EACH_ALONE;
    cut.seed = kit_random(seed);
    return cut;
}

/* True when the file was as it must be. */
static bool cut_power(const struct day *d, struct tape_cut cut, bool tell)
{
    struct kp_err err = { 0 };
    struct look l = { .day = d };
    struct kp_store_options options = d->k->options;
    char dir[64];
    kit_scratch(dir);
    assert_true(tape_rebuild(cut, dir));
    l.store = kp_store_open(dir, &options, &err);
    if (l.store)
        inspect(&l, cut.op);
    else
        wrong(&l, "it does not open: %s", err.text);
    kp_store_close(l.store);
    kit_remove(dir);
    if (l.why[0] && tell)
        print_message("cut before write %zu of %zu, sectors of %zu, fate %d: %s\n", cut.op, tape.n, cut.sector,
                      (int)cut.fate, l.why);
    return !l.why[0];
}

static long number_of(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : otherwise;
}

static void a_power_cut_takes_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    long cuts = number_of("KOPPEL_POWER_CUTS", CUTS);
    uint64_t seed = (uint64_t)number_of("KOPPEL_POWER_SEED", 1);
    while (passed + failed < cuts) {
        uint64_t day_seed = seed++, chance = day_seed;
        struct day *d = live_a_day(day_seed, false);
        for (int i = 0; i < CUTS_PER_DAY && passed + failed < cuts; i++) {
            bool good = cut_power(d, choose(d, &chance), true);
            passed += good;
            failed += !good;
            if (!good)
                print_message("seed %llu, cut %d\n", (unsigned long long)day_seed, i);
        }
        end_day(d);
    }
    assert_int_equal(failed, 0);
    assert_true(passed > 0);
}

/* The test of the test: without syncs much is lost, and it is seen. */
static void a_disk_that_lies_about_syncs_is_found_out(void **state)
{
    (void)state;
    uint64_t chance = 7;
    int found = 0;
    struct day *d = live_a_day(7, true);
    for (int i = 0; i < 20; i++)
        found += !cut_power(d, choose(d, &chance), false);
    end_day(d);
    print_message("%d of 20 losses seen\n", found);
    assert_true(found > 10);
}

static int use_tape(void **state)
{
    (void)state;
    kit_free(kit_new()); /* SQLite is configured now */
    return tape_use();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_takes_nothing_that_was_acknowledged),
        cmocka_unit_test(a_disk_that_lies_about_syncs_is_found_out),
    };
    int rc = cmocka_run_group_tests(tests, use_tape, NULL);
    printf("%ld passed, %ld failed\n", passed, failed);
    return rc;
}
