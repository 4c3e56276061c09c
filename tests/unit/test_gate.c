/* SPDX-License-Identifier: Apache-2.0 */
/* The gate, and beside it an evaluator that is slow and knows nothing of how the gate works: what
 * the two let through of generated agreements, requests and times must be the same. */
#include "core_kit.h"

#include "core/clock.h"
#include "gate/gate.h"
#include "gate/policy.h"
#include "net/json_memory.h"

#include <math.h>
#include <stdio.h>

#include "core/ban.h"

/* ---- a stage ---- */

enum { SIGNALS = 8, STRANGER = 9 };
#define START (INT64_C(1800000000) * KP_SECOND)

/* What is to be true of each signal, said again in the plainest way. */
static const struct thing {
    const char *asset, *name;
    uint8_t label, asset_label;
    uint16_t coupling;
    kp_signal id;
    kp_asset at;
} first[SIGNALS] = {
    { "press", "force", KP_PARTNER, KP_INTERNAL, 1, 0, 0 },
    { "press", "speed", KP_INHERIT, KP_INTERNAL, 1, 0, 0 },
    { "oven", "heat", KP_INHERIT, KP_PARTNER, 1, 0, 0 },
    { "oven", "recipe", KP_SECRET, KP_PARTNER, 1, 0, 0 },
    { "oven", "door", KP_PUBLIC, KP_PARTNER, 1, 0, 0 },
    { "vault", "count", KP_INHERIT, KP_SECRET, 1, 0, 0 },
    { "oven", "energy", KP_PARTNER, KP_PARTNER, 1, 0, 0 },
    { "oven", "bought", KP_PARTNER, KP_PARTNER, STRANGER, 0, 0 },
};

static struct thing things[SIGNALS];
static struct kp_model *model;
static struct kp_clock_virtual the_time;
static struct kp_gate *gate;
static struct kp_batch *in, *out;

/* A keeper of one agreement. */
static bool in_force;
static int begun, asked;

static bool holds(void *self, const char *agreement, const char *transfer)
{
    (void)self;
    assert_string_equal(agreement, "A");
    assert_string_equal(transfer, "T");
    asked++;
    return in_force;
}

static enum kp_code begin(void *self, const char *agreement, const char *transfer, int64_t most,
                          struct kp_err *err)
{
    (void)self;
    assert_string_equal(agreement, "A");
    assert_string_equal(transfer, "T");
    if (most && begun >= most)
        return kp_fail(err, KP_EDENIED, "that was the last transfer");
    begun++;
    return KP_OK;
}

static bool onward(void *self, uint16_t coupling, const char *path)
{
    (void)path;
    (void)self;
    return coupling != STRANGER;
}

static void put_thing(struct thing *t)
{
    struct kp_err err = { 0 };
    struct kp_asset_info asset = { .name = t->asset, .kind = KP_MACHINE, .label = t->asset_label };
    asset.id = kp_model_find_asset(model, t->asset);
    t->at = kp_model_put_asset(model, &asset, &err);
    struct kp_signal_info info = { .id = t->id,
                                   .asset = t->at,
                                   .name = t->name,
                                   .label = t->label,
                                   .coupling = t->coupling,
                                   .type = KP_DOUBLE };
    t->id = kp_model_put_signal(model, &info, &err);
    assert_string_equal(err.text, "");
}

static int set_up(void **state)
{
    (void)state;
    model = kp_model_new();
    the_time = kp_clock_virtual(START);
    memcpy(things, first, sizeof things);
    for (int i = 0; i < SIGNALS; i++)
        put_thing(&things[i]);
    gate = kp_gate_new(model, &the_time.clock, (struct kp_keeper){ NULL, holds, begin, onward });
    in = kp_batch_new(0);
    out = kp_batch_new(0);
    in_force = true;
    begun = 0;
    return !(model && gate && in && out);
}

static int tear_down(void **state)
{
    (void)state;
    kp_batch_free(in);
    kp_batch_free(out);
    kp_gate_free(gate);
    kp_model_free(model);
    return 0;
}

static void empty(struct kp_batch *b)
{
    b->n = 0;
    kp_arena_reset(&b->text);
}

static struct kp_cursor *try_open(const struct kp_terms *t, const char *include,
                                  const char *partner, struct kp_err *err)
{
    struct kp_grant grant = { .agreement = "A", .partner = "buyer", .include = include, .terms = *t };
    *err = (struct kp_err){ 0 };
    return kp_gate_open(gate, &grant, partner, "T", err);
}

static struct kp_cursor *open(const struct kp_terms *t, const char *include)
{
    struct kp_err err;
    struct kp_cursor *c = try_open(t, include, "buyer", &err);
    assert_string_equal(err.text, "");
    return c;
}

static void add(int thing, int64_t at, struct kp_value v, uint32_t status)
{
    kp_batch_add(in, &(struct kp_sample){ things[thing].id, status, at, v });
}

/* Everything that passes of `in`; the verdict is of the last call. */
static enum kp_verdict pass(struct kp_cursor *c)
{
    unsigned at = 0;
    empty(out);
    enum kp_verdict v = kp_gate_pass(c, in, &at, out);
    assert_true(at == in->n || v == KP_DENY);
    empty(in);
    return v;
}

static enum kp_verdict pass_one(struct kp_cursor *c, int thing, int64_t at)
{
    add(thing, at, kp_double(1), 0);
    return pass(c);
}

/* ---- labels ---- */

static void a_label_lets_a_thing_go_no_further_than_it_says(void **state)
{
    (void)state;
    static const bool may[4][5] = { { true, true, true, true, true },
                                    { false, true, true, true, true },
                                    { false, false, false, true, true },
                                    { false, false, false, false, true } };
    for (uint8_t label = KP_PUBLIC; label <= KP_SECRET; label++)
        for (int to = KP_TO_ANYONE; to <= KP_TO_NODE; to++)
            assert_int_equal(kp_gate_label((enum kp_recipient)to, label),
                             may[label - KP_PUBLIC][to]);
    for (int to = KP_TO_ANYONE; to <= KP_TO_NODE + 1; to++) {
        assert_false(kp_gate_label((enum kp_recipient)to, KP_INHERIT));
        assert_false(kp_gate_label((enum kp_recipient)to, KP_SECRET + 1));
    }
    assert_false(kp_gate_label((enum kp_recipient)(KP_TO_NODE + 1), KP_PUBLIC));
    assert_true(kp_gate_asset(model, KP_TO_COMPANY, 0) && !kp_gate_asset(model, KP_TO_PARTNER, 0));
    assert_true(kp_gate_signal(model, KP_TO_NODE, things[3].id) &&
                !kp_gate_signal(model, KP_TO_COMPANY, things[3].id));
    assert_true(!kp_gate_asset(model, KP_TO_COMPANY, things[5].at) &&
                !kp_gate_signal(model, KP_TO_NODE, 999));
    struct kp_interval v = { .asset = things[2].at, .label = KP_INHERIT };
    assert_true(kp_gate_interval(model, KP_TO_PARTNER, &v) &&
                !kp_gate_interval(model, KP_TO_ANYONE, &v));
    v.label = KP_SECRET;
    assert_false(kp_gate_interval(model, KP_TO_COMPANY, &v));
}

static kp_signal put_given(const char *path, uint16_t coupling)
{
    struct kp_err err = { 0 };
    struct kp_asset_info asset = { .name = "given", .kind = KP_MACHINE, .label = KP_PUBLIC };
    asset.parent = *path ? kp_model_make_path(model, path, KP_FOLDER, &err) : 0;
    struct kp_signal_info s = { .name = "value", .type = KP_DOUBLE, .coupling = coupling };
    s.asset = kp_model_put_asset(model, &asset, &err);
    kp_signal id = kp_model_put_signal(model, &s, &err);
    assert_string_equal(err.text, "");
    return id;
}

static void what_partners_gave_goes_to_a_cloud_only_when_they_permit_it(void **state)
{
    (void)state;
    enum { NOT = 20, KEPT, ONWARD };
    kp_model_set_brought(model, KEPT, KP_BROUGHT_KEPT);
    kp_model_set_brought(model, ONWARD, KP_BROUGHT_ONWARD);
    const struct {
        const char *path;
        uint16_t coupling;
        bool may, asset; /* the signal; what it stands at */
    } cases[] = { { "hall", NOT, true, true },          { "hall/b", KEPT, false, true },
                  { "hall/c", ONWARD, true, true },     { "partners/a", NOT, false, false },
                  { "partners/b", KEPT, false, false }, { "partners/c", ONWARD, true, false },
                  { "partners/d", 0, false, false },    { "my/partners", NOT, true, true } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        kp_signal id = put_given(cases[i].path, cases[i].coupling);
        kp_asset at = kp_model_signal(model, id)->asset;
        struct kp_interval v = { .asset = at, .label = KP_PUBLIC };
        assert_int_equal(kp_gate_signal(model, KP_TO_CLOUD, id), cases[i].may);
        assert_int_equal(kp_gate_kept(model, KP_TO_CLOUD, id), cases[i].may);
        assert_int_equal(kp_gate_asset(model, KP_TO_CLOUD, at), cases[i].asset);
        assert_int_equal(kp_gate_interval(model, KP_TO_CLOUD, &v), cases[i].asset);
        assert_int_equal(kp_gate_made_of(model, KP_TO_CLOUD, kp_model_asset(model, at)->parent),
                         cases[i].may && cases[i].asset);
        assert_true(kp_gate_signal(model, KP_TO_ANYONE, id) &&
                    kp_gate_asset(model, KP_TO_COMPANY, at) &&
                    kp_gate_made_of(model, KP_TO_COMPANY, at));
    }
}

/* ---- opening ---- */

static void a_transfer_is_opened_for_the_partner_in_the_period_and_as_often_as_agreed(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    struct kp_err err;
    t.count = 2;
    t.from = START - 10;
    t.to = START + 10;
    assert_null(try_open(&t, "oven", "thief", &err));
    assert_string_equal(err.text, "agreement A is not with thief");
    assert_null(try_open(&t, "", "buyer", &err));
    assert_string_equal(err.text, "agreement A names no signals");
    assert_null(try_open(&t, "a//b", "buyer", &err));
    t.recipient = (struct kp_words){ 1, { "other" } };
    assert_null(try_open(&t, "oven", "buyer", &err));
    t.recipient.n = 0;
    t.from = START + 1;
    assert_null(try_open(&t, "oven", "buyer", &err));
    assert_string_equal(err.text, "agreement A: the agreement begins later");
    t.from = START - 10;
    in_force = false;
    assert_null(try_open(&t, "oven", "buyer", &err));
    assert_string_equal(err.text, "agreement A: the agreement or the transfer was ended");
    in_force = true;
    assert_int_equal(begun, 0); /* nothing refused was counted */
    kp_gate_close(open(&t, "oven"));
    kp_gate_close(open(&t, "oven"));
    assert_null(try_open(&t, "oven", "buyer", &err));
    assert_int_equal(err.code, KP_EDENIED);
    assert_int_equal(begun, 2);
    kp_clock_advance(&the_time, 10);
    assert_null(try_open(&t, "oven", "buyer", &err));
    assert_string_equal(err.text, "agreement A: the agreement has expired");
}

static void what_was_never_a_signal_does_not_pass(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    struct kp_cursor *c = open(&t, "**");
    const kp_signal never[] = { 0, SIGNALS + 1, SIGNALS + 2, 999, UINT32_MAX };
    pass_one(c, SIGNALS - 1,
             START); /* the last there is: what the cursor knows has room beyond it */
    for (size_t i = 0; i < COUNT(never); i++)
        kp_batch_add(in, &(struct kp_sample){ .signal = never[i], .at = START });
    assert_int_equal(pass(c), KP_ALTER);
    assert_int_equal(out->n, 0);
    assert_int_equal(kp_gate_denied(c, KP_WHY_UNKNOWN), COUNT(never));
    kp_gate_close(c);
}

static void what_is_newer_than_the_delay_waits(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    struct kp_cursor *c = open(&t, "oven");
    assert_true(kp_gate_horizon(c) == KP_FOREVER);
    kp_gate_close(c);
    t.delay = KP_SECOND;
    c = open(&t, "oven");
    assert_true(kp_gate_horizon(c) == START - KP_SECOND);
    assert_int_equal(pass_one(c, 2, START - KP_SECOND + 1), KP_ALTER);
    assert_int_equal(kp_gate_denied(c, KP_WHY_DELAY), 1);
    assert_int_equal(pass_one(c, 2, START - KP_SECOND), KP_ALLOW);
    kp_gate_close(c);
}

/* ---- what ends a flow ---- */

static void what_was_ended_stops_before_the_next_value(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    struct kp_cursor *c = open(&t, "oven");
    assert_int_equal(pass_one(c, 2, START), KP_ALLOW);
    asked = 0;
    assert_int_equal(pass_one(c, 2, START + 1), KP_ALLOW);
    assert_int_equal(asked, 0); /* nobody is asked while nothing was ended */
    kp_gate_revoke(gate);
    assert_int_equal(pass_one(c, 2, START + 2), KP_ALLOW); /* it was another's */
    assert_int_equal(asked, 1);
    in_force = false;
    kp_gate_revoke(gate);
    assert_int_equal(pass_one(c, 2, START + 3), KP_DENY);
    assert_int_equal(out->n, 0);
    assert_int_equal(kp_gate_why(c), KP_WHY_ENDED);
    in_force = true; /* once over, it stays so */
    kp_gate_revoke(gate);
    assert_int_equal(pass_one(c, 2, START + 4), KP_DENY);
    assert_int_equal(kp_gate_flush(c, out), KP_DENY);
    kp_gate_close(c);
}

static void at_the_end_of_the_period_the_flow_ends(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    t.to = START + KP_SECOND;
    struct kp_cursor *c = open(&t, "oven");
    kp_clock_advance(&the_time, KP_SECOND - 1);
    assert_int_equal(pass_one(c, 2, START), KP_ALLOW);
    kp_clock_advance(&the_time, 1);
    assert_int_equal(pass_one(c, 2, START), KP_DENY);
    assert_string_equal(kp_gate_reason(kp_gate_why(c)), "the agreement has expired");
    kp_gate_close(c);
}

static void a_label_changed_holds_for_the_next_value(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    struct kp_cursor *c = open(&t, "oven/heat");
    t.every = KP_SECOND;
    t.functions = 1 << KP_FN_LAST;
    struct kp_cursor *steps = open(&t, "oven/heat");
    assert_int_equal(pass_one(c, 2, START), KP_ALLOW);
    assert_int_equal(pass_one(steps, 2, START), KP_ALTER);
    things[2].label = KP_INTERNAL;
    put_thing(&things[2]);
    assert_int_equal(pass_one(c, 2, START + 1), KP_ALTER);
    assert_int_equal(out->n, 0);
    assert_int_equal(kp_gate_denied(c, KP_WHY_LABEL), 1);
    kp_clock_advance(&the_time, 2 * KP_SECOND);
    assert_int_equal(kp_gate_flush(steps, out), KP_ALLOW);
    assert_int_equal(out->n, 0); /* what was summed up before is not given either */
    things[2].label = KP_INHERIT;
    put_thing(&things[2]);
    assert_int_equal(pass_one(c, 2, START + 2), KP_ALLOW);
    kp_gate_close(c);
    kp_gate_close(steps);
}

static void a_value_of_another_company_goes_to_no_third_one(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    struct kp_cursor *c = open(&t, "oven");
    assert_int_equal(pass_one(c, 7, START), KP_ALTER);
    assert_int_equal(out->n, 0);
    assert_int_equal(kp_gate_denied(c, KP_WHY_ONWARD), 1);
    kp_gate_close(c);
}

/* ---- intervals ---- */

static void
an_interval_is_cut_to_the_period_and_waits_for_its_end_when_there_is_a_delay(void **state)
{
    (void)state;
    enum { FOREVER = -1, NOW = 1000 };
    static const struct {
        int since, until, delay, start, end; /* after START */
        enum kp_verdict verdict;
        int from, to;
        enum kp_why why;
    } cases[] = {
        { 0, FOREVER, 0, 10, 20, KP_ALLOW, 10, 20, KP_WHY_NOT },
        { 0, FOREVER, 0, 10, FOREVER, KP_ALLOW, 10, FOREVER, KP_WHY_NOT },
        { 15, FOREVER, 0, 10, 20, KP_ALTER, 15, 20, KP_WHY_NOT },
        { 0, 15, 0, 10, 20, KP_ALTER, 10, 15, KP_WHY_NOT },
        { 0, 15, 0, 10, FOREVER, KP_ALTER, 10, 15, KP_WHY_NOT },
        { 0, 2000, 0, 10, FOREVER, KP_ALLOW, 10, FOREVER, KP_WHY_NOT },
        { 20, FOREVER, 0, 10, 20, KP_DENY, 0, 0, KP_WHY_PERIOD },
        { 20, FOREVER, 0, 20, 20, KP_ALLOW, 20, 20, KP_WHY_NOT },
        { 0, 10, 0, 10, 20, KP_DENY, 0, 0, KP_WHY_PERIOD },
        { 0, FOREVER, 5, 10, NOW - 5, KP_ALLOW, 10, NOW - 5, KP_WHY_NOT },
        { 0, FOREVER, 5, 10, NOW - 4, KP_DENY, 0, 0, KP_WHY_DELAY },
        { 0, FOREVER, 5, 10, FOREVER, KP_DENY, 0, 0, KP_WHY_DELAY },
    };
    kp_clock_advance(&the_time, NOW);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kp_terms t = kp_terms_open();
        struct kp_interval got = { 0 },
                           v = { .asset = things[2].at, .start = START + cases[i].start };
        t.since = START + cases[i].since;
        t.until = cases[i].until == FOREVER ? KP_FOREVER : START + cases[i].until;
        t.delay = cases[i].delay;
        v.end = cases[i].end == FOREVER ? KP_FOREVER : START + cases[i].end;
        int64_t to = cases[i].to == FOREVER ? KP_FOREVER : START + cases[i].to;
        struct kp_cursor *c = open(&t, "oven");
        enum kp_verdict verdict = kp_gate_pass_interval(c, &v, &got);
        bool whole = verdict == KP_DENY || (got.start == START + cases[i].from && got.end == to);
        bool why = verdict != KP_DENY || kp_gate_denied(c, cases[i].why) == 1;
        if (verdict != cases[i].verdict || !whole || !why)
            fail_msg("case %zu: verdict %d", i, verdict);
        kp_gate_close(c);
    }
}

static void an_interval_needs_its_place_and_its_label(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    struct kp_cursor *c = open(&t, "oven, vault");
    struct kp_interval got, v = { .start = START - 5, .end = START };
    const struct {
        kp_asset asset;
        uint8_t label;
        enum kp_why why;
    } cases[] = {
        { things[2].at, KP_INHERIT, KP_WHY_NOT },    { things[2].at, KP_SECRET, KP_WHY_LABEL },
        { things[2].at, KP_INTERNAL, KP_WHY_LABEL }, { things[5].at, KP_INHERIT, KP_WHY_LABEL },
        { things[0].at, KP_PUBLIC, KP_WHY_SIGNAL },  { 99, KP_PUBLIC, KP_WHY_UNKNOWN },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t before = kp_gate_denied(c, cases[i].why);
        v.asset = cases[i].asset;
        v.label = cases[i].label;
        assert_int_equal(kp_gate_pass_interval(c, &v, &got), cases[i].why ? KP_DENY : KP_ALLOW);
        assert_int_equal(kp_gate_denied(c, cases[i].why), before + (cases[i].why != KP_WHY_NOT));
    }
    v.asset = things[2].at;
    in_force = false;
    kp_gate_revoke(gate);
    assert_int_equal(kp_gate_pass_interval(c, &v, &got), KP_DENY);
    assert_int_equal(kp_gate_why(c), KP_WHY_ENDED);
    in_force = true;
    kp_gate_close(c);
    t.every = KP_SECOND;
    t.functions = 1;
    c = open(&t, "oven");
    assert_int_equal(kp_gate_pass_interval(c, &v, &got), KP_DENY);
    assert_int_equal(kp_gate_denied(c, KP_WHY_STEPS), 1);
    kp_gate_close(c);
}

/* ---- steps ---- */

static void a_step_once_given_never_changes(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    t.every = KP_SECOND;
    t.functions = 1 << KP_FN_MEAN | 1 << KP_FN_COUNT;
    struct kp_cursor *c = open(&t, "oven");
    add(2, START + 1, kp_double(1), 0);
    add(2, START + 2, kp_double(4), 0);
    pass(c);
    assert_int_equal(out->n, 0);
    kp_clock_advance(&the_time, KP_SECOND);
    assert_int_equal(kp_gate_flush(c, out), KP_ALLOW);
    assert_int_equal(out->n, 2);
    assert_true(out->s[0].at == START && out->s[0].value.d == 2.5 && out->s[1].value.i == 2);
    pass_one(c, 2, START + 3);
    assert_int_equal(kp_gate_denied(c, KP_WHY_LATE), 1);
    assert_int_equal(kp_gate_flush(c, out), KP_ALLOW);
    assert_int_equal(out->n, 0);
    kp_gate_close(c);
}

static void a_full_batch_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    t.every = KP_SECOND;
    t.functions = 31;
    struct kp_cursor *c = open(&t, "oven");
    unsigned at = 0, got = 0, calls = 0;
    for (int i = 0; i < KP_BATCH_MAX; i++)
        add(2, START + i * KP_SECOND, kp_double(i), 0);
    while (at < in->n && calls++ < 100) {
        empty(out);
        assert_int_equal(kp_gate_pass(c, in, &at, out), KP_ALTER);
        for (unsigned i = 0; i < out->n; i += 5, got++)
            assert_true(out->s[i].at == START + got * KP_SECOND && out->s[i + 1].value.d == got);
    }
    assert_int_equal(got, KP_BATCH_MAX - 1);
    assert_int_equal(calls, 5); /* 51 steps fit */
    kp_gate_close(c);
}

static void a_flush_gives_all_steps_batch_by_batch(void **state)
{
    (void)state;
    enum { MANY = 120 };
    struct kp_err err = { 0 };
    struct kp_terms t = kp_terms_open();
    t.every = KP_SECOND;
    t.functions = 7;
    struct kp_cursor *c = open(&t, "many");
    kp_asset a = kp_model_make_path(model, "many", KP_FOLDER, &err);
    for (int i = 0; i < MANY; i++) {
        char name[20];
        snprintf(name, sizeof name, "s%d", i);
        struct kp_signal_info info = {
            .asset = a, .name = name, .label = KP_PARTNER, .type = KP_DOUBLE
        };
        kp_signal id = kp_model_put_signal(model, &info, &err);
        kp_batch_add(in, &(struct kp_sample){ id, 0, START, kp_double(i) });
    }
    pass(c);
    kp_clock_advance(&the_time, KP_SECOND);
    unsigned got = 0, calls = 0;
    enum kp_verdict v;
    do {
        empty(out);
        v = kp_gate_flush(c, out);
        got += out->n;
    } while (v == KP_ALTER && ++calls < 10);
    assert_int_equal(v, KP_ALLOW);
    assert_int_equal(got, MANY * 3);
    assert_int_equal(calls, 1);
    kp_gate_close(c);
}

static void text_is_given_as_the_last_of_its_step(void **state)
{
    (void)state;
    struct kp_terms t = kp_terms_open();
    t.every = KP_SECOND;
    t.functions = 1 << KP_FN_MIN | 1 << KP_FN_LAST;
    struct kp_cursor *c = open(&t, "oven");
    add(2, START, kp_string("first", 5), 0);
    add(2, START + 5, kp_string("the last one", 12), KP_UNCERTAIN);
    add(2, START + 4, kp_string("late", 4), 0);
    pass(c);
    kp_clock_advance(&the_time, KP_SECOND);
    kp_gate_flush(c, out);
    assert_int_equal(out->n, 2);
    assert_true(out->s[0].status == KP_BAD_NO_DATA && out->s[0].value.type == KP_NULL);
    assert_int_equal(out->s[1].status, KP_UNCERTAIN);
    assert_memory_equal(out->s[1].value.data, "the last one", 12);
    kp_gate_close(c);
}

/* ---- memory ---- */

static enum kp_code starved(void *arg)
{
    struct kp_err err = { 0 };
    struct kp_terms t = kp_terms_open();
    (void)arg;
    t.every = KP_SECOND;
    t.functions = 1 << KP_FN_LAST;
    struct kp_batch *some = kp_batch_new(0), *to = kp_batch_new(0);
    struct kp_sample s = { things[2].id, 0, START, kp_string("text", 4) };
    struct kp_grant grant = { .agreement = "A", .partner = "buyer", .include = "oven", .terms = t };
    struct kp_cursor *c = some && to ? kp_gate_open(gate, &grant, "buyer", "T", &err) : NULL;
    enum kp_code code = !some || !to ? KP_ENOMEM : err.code;
    for (int i = 0; c && !code && i < 2; i++, s.at += KP_SECOND) {
        unsigned at = 0;
        some->n = 0;
        if (!kp_batch_add(some, &s))
            code = KP_ENOMEM;
        else if (kp_gate_pass(c, some, &at, to) == KP_DENY)
            code = kp_gate_why(c) == KP_WHY_MEMORY ? KP_ENOMEM : KP_EINVALID;
    }
    assert_true(code || to->n == 1);
    kp_gate_close(c);
    kp_batch_free(some);
    kp_batch_free(to);
    return code;
}

static void without_memory_nothing_passes(void **state)
{
    (void)state;
    kit_starve("gate", starved, NULL);
}

/* ---- the slow evaluator ---- */

enum { EVENTS = 8, INPUTS = 64 };

static struct input {
    int event, thing;
    int64_t at, now;
    struct kp_value value;
    uint32_t status;
    bool may, late;
} inputs[INPUTS];

static struct event {
    int64_t now;
    bool flush, over, may[SIGNALS]; /* over: nothing passes any more */
} events[EVENTS];
static int n_inputs, n_events;

static const struct {
    const char *include;
    bool has[SIGNALS];
} choices[] = {
    { "press", { true, true } },
    { "oven", { false, false, true, true, true, false, true, true } },
    { "**", { true, true, true, true, true, true, true, true } },
    { "oven/energy, vault", { false, false, false, false, false, true, true } },
    { "*/force,*/door", { true, false, false, false, true } },
};

static bool label_permits(const struct thing *t)
{
    uint8_t label = t->label == KP_INHERIT ? t->asset_label : t->label;
    return label == KP_PUBLIC || label == KP_PARTNER;
}

/* The step a time falls into, counted from 1970. */
static int64_t step_of(int64_t at, int64_t every)
{
    int64_t k = at / every;
    while (k * every > at)
        k--;
    return k;
}

static void judge_inputs(const struct kp_terms *t, const bool *has)
{
    for (int i = 0; i < n_inputs; i++) {
        struct input *v = &inputs[i];
        const struct event *e = &events[v->event];
        v->may =
            !e->over && has[v->thing] && e->may[v->thing] && things[v->thing].coupling != STRANGER;
        v->may =
            v->may && v->at >= t->from && v->at < t->to && v->at >= t->since && v->at < t->until;
        v->may = v->may && (t->delay == 0 || v->at + t->delay <= e->now);
    }
}

static int64_t step_end(const struct kp_terms *t, int64_t k)
{
    int64_t end = (k + 1) * t->every;
    end = end > t->to ? t->to : end;
    return end > t->until ? t->until : end;
}

/* Of an input: whether its step had been given, or a later one begun. */
static bool is_late(const struct kp_terms *t, int i)
{
    int64_t k = step_of(inputs[i].at, t->every);
    for (int j = 0; j < i; j++) {
        if (inputs[j].thing != inputs[i].thing || !inputs[j].may || inputs[j].late)
            continue;
        int64_t other = step_of(inputs[j].at, t->every);
        if (other > k)
            return true;
        for (int e = inputs[j].event + 1; other == k && e < inputs[i].event; e++)
            if (events[e].flush && !events[e].over && step_end(t, k) + t->delay <= events[e].now)
                return true;
    }
    return false;
}

static struct kp_sample expected[INPUTS * KP_FUNCTIONS];
static int n_expected;

static void expect(struct kp_sample s)
{
    expected[n_expected++] = s;
}

/* All functions over the inputs of one step, each found by looking at all of them. */
static void expect_step(const struct kp_terms *t, int thing, int64_t k)
{
    double min = INFINITY, max = -INFINITY;
    long double sum = 0;
    int64_t n = 0, numbers = 0, start = k * t->every;
    bool doubt = false;
    const struct input *last = NULL;
    for (int i = 0; i < n_inputs; i++) {
        const struct input *v = &inputs[i];
        if (v->thing != thing || !v->may || v->late || step_of(v->at, t->every) != k)
            continue;
        double d = v->value.type == KP_DOUBLE ? v->value.d : (double)v->value.i;
        bool number =
            v->status >> 31 == 0 && v->value.type != KP_NULL && v->value.type != KP_STRING;
        n++;
        doubt |= v->status != 0 || v->value.type == KP_NULL || (number && !isfinite(d));
        last = !last || v->at >= last->at ? v : last;
        if (!number || !isfinite(d))
            continue;
        numbers++;
        sum += d;
        min = d < min ? d : min;
        max = d > max ? d : max;
    }
    if (start < t->from)
        start = t->from;
    if (start < t->since)
        start = t->since;
    double values[] = { min, numbers ? (double)(sum / numbers) : 0, max };
    for (int f = 0; f < KP_FUNCTIONS; f++) {
        struct kp_sample s = { .signal = things[thing].id, .at = start };
        if (!(t->functions >> f & 1))
            continue;
        if (f <= KP_FN_MAX && numbers) {
            s.value = kp_double(values[f]);
            s.status = doubt ? KP_UNCERTAIN : 0;
        } else if (f <= KP_FN_MAX) {
            s.status = KP_BAD_NO_DATA;
        } else if (f == KP_FN_LAST) {
            s.value = last->value;
            s.status = last->status;
        } else {
            s.value = kp_int(n);
        }
        expect(s);
    }
}

/* The step that a signal has open before input i (n_inputs: after all) of event e; false: none. */
static bool open_step(const struct kp_terms *t, int thing, int i, int e, int64_t *k)
{
    bool open = false;
    for (int j = 0; j < i; j++) {
        if (inputs[j].thing != thing || !inputs[j].may || inputs[j].late || inputs[j].event > e)
            continue;
        *k = step_of(inputs[j].at, t->every);
        open = true;
        for (int f = inputs[j].event + 1; f < e; f++)
            if (events[f].flush && !events[f].over && step_end(t, *k) + t->delay <= events[f].now)
                open = false;
    }
    return open;
}

/* What must come out of one event, in any order. */
static void expect_event(const struct kp_terms *t, int e)
{
    int64_t k;
    n_expected = 0;
    for (int thing = 0; t->every && events[e].flush && !events[e].over && thing < SIGNALS; thing++)
        if (open_step(t, thing, n_inputs, e, &k) && step_end(t, k) + t->delay <= events[e].now &&
            events[e].may[thing])
            expect_step(t, thing, k);
    for (int i = 0; i < n_inputs; i++) {
        const struct input *v = &inputs[i];
        if (v->event != e || !v->may || v->late)
            continue;
        if (!t->every)
            expect((struct kp_sample){ things[v->thing].id, v->status, v->at, v->value });
        else if (open_step(t, v->thing, i, e, &k) && k < step_of(v->at, t->every))
            expect_step(t, v->thing, k);
    }
}

static bool same_value(const struct kp_value *a, const struct kp_value *b)
{
    if (a->type == KP_DOUBLE && b->type == KP_DOUBLE && isfinite(a->d))
        return fabs(a->d - b->d) <= 1e-12 * (1 + fabs(b->d));
    return kp_value_equal(a, b);
}

static void compare(int case_number, int e)
{
    bool used[INPUTS * KP_FUNCTIONS] = { false };
    for (unsigned i = 0; i < out->n; i++) {
        int k = 0;
        const struct kp_sample *s = &out->s[i];
        while (k < n_expected &&
               (used[k] || expected[k].signal != s->signal || expected[k].at != s->at ||
                expected[k].status != s->status || !same_value(&expected[k].value, &s->value)))
            k++;
        if (k == n_expected)
            fail_msg("case %d, event %d: signal %u at %lld passed, which nothing permits",
                     case_number, e, s->signal, (long long)(s->at - START));
        used[k] = true;
    }
    if ((int)out->n != n_expected)
        fail_msg("case %d, event %d: %u of %d agreed values passed", case_number, e, out->n,
                 n_expected);
}

/* ---- generated cases ---- */

/* Times are of milliseconds where there are steps, else of nanoseconds. */
static int64_t random_span(const struct kp_terms *t, int64_t most)
{
    return (int64_t)(kit_random() % (uint64_t)most) * (t->every ? 3000 : 1);
}

static int64_t near_start(const struct kp_terms *t)
{
    return START + random_span(t, 4000) - random_span(t, 4000);
}

static struct kp_terms random_terms(void)
{
    static const int64_t steps[] = { 1000000, 2000000, 3000000, 7000000 };
    struct kp_terms t = kp_terms_open();
    uint64_t dice = kit_random();
    if (dice & 256) {
        t.every = steps[dice >> 10 & 3];
        t.functions = (uint8_t)(1 + kit_random() % 31);
    }
    if (!(dice & 3))
        t.from = near_start(&t);
    if (!(dice & 3 << 2))
        t.to = near_start(&t) + random_span(&t, 4000);
    if (!(dice & 3 << 4))
        t.since = near_start(&t);
    if (!(dice & 3 << 6))
        t.until = near_start(&t) + random_span(&t, 4000);
    if (!(dice & 3 << 16))
        t.delay = random_span(&t, 1500);
    if (!(dice & 7 << 20))
        t.count = 1 + (int64_t)(kit_random() % 3);
    if (!(dice & 7 << 24)) {
        t.recipient.n = 1;
        snprintf(t.recipient.word[0], KP_WORD_MAX, "%s", dice >> 30 & 1 ? "buyer" : "other");
    }
    return t;
}

/* Through ODRL, as an agreement comes. */
static struct kp_terms through_odrl(const struct kp_terms *t)
{
    struct kp_buf text;
    struct kp_err err = { 0 };
    struct kp_terms back = { 0 };
    kp_buf_init(&text, 1 << 20);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    kp_terms_json(&j, t);
    kp_json_end(&j, '}');
    json_t *policy = kp_json_read(kp_buf_text(&text), "policy", &err);
    if (kp_terms_parse(policy, &back, &err))
        back = *t; /* it holds at no time */
    assert_true(kp_terms_same(t, &back));
    json_decref(policy);
    kp_buf_free(&text);
    return back;
}

static void relabel(void)
{
    struct thing *t = &things[kit_random() % SIGNALS];
    t->label = (uint8_t)(kit_random() % 5);
    put_thing(t);
}

static struct kp_value random_value(uint32_t *status)
{
    static const uint32_t statuses[] = { 0, 0, 0, 0, KP_UNCERTAIN, KP_BAD_DEVICE_FAILURE };
    *status = statuses[kit_random() % COUNT(statuses)];
    switch (kit_random() % 8) {
    case 0:
        return kp_int((int64_t)(kit_random() % 100));
    case 1:
        return kp_string("on", 2);
    case 2:
        return (struct kp_value){ .type = KP_NULL };
    case 3:
        return kp_double(kit_random() % 4 ? 0.1 : INFINITY);
    default:
        return kp_double((double)(int64_t)(kit_random() % 2000) - 1000.5);
    }
}

static void random_inputs(const struct kp_terms *t, int e)
{
    for (unsigned n = (unsigned)(kit_random() % 8); n && n_inputs < INPUTS; n--) {
        struct input *v = &inputs[n_inputs++];
        *v = (struct input){ .event = e,
                             .thing = (int)(kit_random() % SIGNALS),
                             .now = events[e].now };
        v->at = v->now - random_span(t, 2500) + random_span(t, 300);
        v->value = random_value(&v->status);
        add(v->thing, v->at, v->value, v->status);
    }
}

/* One transfer: whether it may begin, and what of it passes. Returns how many values were judged.
 */
static long run_case(int number, long *passed)
{
    struct kp_terms wanted = random_terms(), t = wanted;
    if (number % 4 == 0)
        t = through_odrl(&wanted);
    const size_t which = kit_random() % COUNT(choices);
    const char *partner = kit_random() % 16 ? "buyer" : "thief";
    struct kp_err err;
    the_time.now = START + (int64_t)(kit_random() % 1000);
    begun = (int)(kit_random() % 3);
    in_force = kit_random() % 16;
    bool may = strcmp(partner, "buyer") == 0 && in_force && (!t.count || begun < t.count) &&
               the_time.now >= t.from && the_time.now < t.to &&
               (!t.recipient.n || strcmp(t.recipient.word[0], "buyer") == 0);
    struct kp_cursor *c = try_open(&t, choices[which].include, partner, &err);
    if (may != (c != NULL))
        fail_msg("case %d: opened %d, agreed %d: %s", number, c != NULL, may, err.text);
    bool over = false;
    n_inputs = 0;
    n_events = (int)(kit_random() % EVENTS);
    for (int e = 0; c && e < n_events; e++) {
        struct event *v = &events[e];
        kp_clock_advance(&the_time, random_span(&t, 700));
        if (kit_random() % 40 == 0)
            in_force = false, kp_gate_revoke(gate);
        if (kit_random() % 40 == 0)
            relabel();
        over |= !in_force || the_time.now >= t.to;
        *v = (struct event){ .now = the_time.now, .flush = kit_random() % 4 == 0, .over = over };
        for (int i = 0; i < SIGNALS; i++)
            v->may[i] = label_permits(&things[i]);
        enum kp_verdict verdict;
        if (v->flush) {
            empty(out);
            verdict = kp_gate_flush(c, out);
        } else {
            random_inputs(&t, e);
            verdict = pass(c);
        }
        assert_int_equal(verdict == KP_DENY, over);
        judge_inputs(&t, choices[which].has);
        for (int i = 0; t.every && i < n_inputs; i++)
            inputs[i].late = inputs[i].may && is_late(&t, i);
        expect_event(&t, e);
        compare(number, e);
        *passed += out->n;
    }
    kp_gate_close(c);
    return c ? n_inputs : 0;
}

static void nothing_unagreed_ever_passes_and_everything_agreed_does(void **state)
{
    (void)state;
    enum { CASES = 200000 };
    long judged = 0, passed = 0;
    for (int i = 0; i < CASES; i++)
        judged += run_case(i, &passed);
    print_message("%d cases, %ld values judged, %ld passed\n", CASES, judged, passed);
    assert_true(passed > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_label_lets_a_thing_go_no_further_than_it_says),
        T(what_partners_gave_goes_to_a_cloud_only_when_they_permit_it),
        T(a_transfer_is_opened_for_the_partner_in_the_period_and_as_often_as_agreed),
        T(what_was_never_a_signal_does_not_pass),
        T(what_is_newer_than_the_delay_waits),
        T(what_was_ended_stops_before_the_next_value),
        T(at_the_end_of_the_period_the_flow_ends),
        T(a_label_changed_holds_for_the_next_value),
        T(a_value_of_another_company_goes_to_no_third_one),
        T(an_interval_is_cut_to_the_period_and_waits_for_its_end_when_there_is_a_delay),
        T(an_interval_needs_its_place_and_its_label),
        T(a_step_once_given_never_changes),
        T(a_full_batch_goes_on_where_it_stopped),
        T(a_flush_gives_all_steps_batch_by_batch),
        T(text_is_given_as_the_last_of_its_step),
        T(without_memory_nothing_passes),
        T(nothing_unagreed_ever_passes_and_everything_agreed_does),
    };
    kp_json_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
