/* SPDX-License-Identifier: Apache-2.0 */
/* Time in state: against an oracle that marks every second, and the sums people ask for. */
#include "store_kit.h"

#include "store/interval_sum.h"

#include <time.h>

#include "core/ban.h"

enum { HALL = 1, PRESS = 2, SPINDLE = 3, LONELY = 4 };
static const char tree[] =
    "insert into asset(id, parent, name, kind, label) values(1, 0, 'hall', 'area', 'inherit'),"
    "(2, 1, 'press', 'machine', 'inherit'), (3, 2, 'spindle', 'component', 'inherit'), (4, 0, 'lonely', 'line', 'inherit')";

static struct kit *begin_kit(void)
{
    struct kp_err err = { 0 };
    struct kit *k = kit_new();
    kit_open(k);
    kp_db_exec(k->store->db, tree, &err);
    kit_ok(&err);
    return k;
}

static int begin(void **state)
{
    *state = begin_kit();
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static void put(struct kit *k, kp_asset asset, uint8_t kind, int64_t start, int64_t stop, const char *attributes)
{
    static int64_t id;
    struct kp_err err = { 0 };
    struct kp_interval v = { .id = ++id, .asset = asset, .kind = kind, .start = start, .end = stop, .attributes = attributes };
    kp_rows_put_interval(k->store->db, &v, &err);
    kit_ok(&err);
}

static void put_value(struct kit *k, kp_asset asset, uint8_t kind, int64_t start, int64_t stop, const char *value)
{
    char text[400];
    snprintf(text, sizeof text, "{\"%s\":\"%s\"}", kp_interval_attribute(kind), value);
    put(k, asset, kind, start, stop, text);
}

/* What a sum says, as text: "0-10 early:run=4+1/0 null=6+0/0; ...", times in seconds after KIT_NOW. */
struct heard {
    char text[8000];
    int64_t from;
    size_t left;
};

static bool hear(void *arg, const struct kp_sum *s)
{
    struct heard *h = arg;
    size_t n = strlen(h->text);
    bool same = n && h->from == s->from;
    if (!same)
        n += (size_t)snprintf(h->text + n, sizeof h->text - n, "%s%lld-%lld%s%s:", n ? "; " : "",
                              (long long)((s->from - KIT_NOW) / KP_SECOND), (long long)((s->to - KIT_NOW) / KP_SECOND),
                              s->name ? " " : "", s->name ? s->name : "");
    h->from = s->from;
    snprintf(h->text + n, sizeof h->text - n, " %s=%lld+%d/%d", s->value ? s->value : "null",
             (long long)(s->ns / KP_SECOND), (int)s->began, (int)s->open);
    return --h->left > 0;
}

static struct kp_sum_query query(uint8_t kind, int64_t from_s, int64_t to_s)
{
    return (struct kp_sum_query){ .asset = PRESS, .kind = kind, .from = KIT_NOW + from_s * KP_SECOND,
                                  .to = KIT_NOW + to_s * KP_SECOND, .now = KIT_NOW + 1000000 * KP_SECOND };
}

static const char *say(struct kit *k, const struct kp_sum_query *q)
{
    static struct heard h;
    struct kp_err err = { 0 };
    h = (struct heard){ .left = 10000 };
    kp_interval_sum(k->store->db, q, hear, &h, &err);
    kit_ok(&err);
    return h.text;
}

/* Seconds after KIT_NOW. */
static void run(struct kit *k, int64_t from, int64_t to, const char *value)
{
    put_value(k, PRESS, KP_INTERVAL_STATE, KIT_NOW + from * KP_SECOND,
              to == INT64_MAX ? KP_FOREVER : KIT_NOW + to * KP_SECOND, value);
}

static void each_step_says_how_long_each_value_lasted(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 30);
    run(*state, -5, 4, "run");
    run(*state, 4, 12, "stop");
    run(*state, 12, 25, "run");
    assert_string_equal(say(*state, &q), "0-30: run=17+1/0 stop=8+1/0 null=5+0/0");
    q.every = 10 * KP_SECOND;
    assert_string_equal(say(*state, &q), "0-10: run=4+0/0 stop=6+1/1; 10-20: run=8+1/1 stop=2+0/0; 20-30: run=5+0/0 null=5+0/0");
    q.from += 5 * KP_SECOND; /* the grid stays that of the epoch, the first and the last step are cut off */
    q.to -= 8 * KP_SECOND;
    assert_string_equal(say(*state, &q), "5-10: stop=5+0/1; 10-20: run=8+1/1 stop=2+0/0; 20-22: run=2+0/1");
}

static void overlapping_intervals_of_one_value_count_once(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 20);
    run(*state, 0, 10, "run");
    run(*state, 2, 6, "run");
    run(*state, 8, 14, "run");
    run(*state, 5, 7, "stop"); /* of another value: both count, the time that is unknown does not */
    assert_string_equal(say(*state, &q), "0-20: run=14+3/0 stop=2+1/0 null=6+0/0");
}

static void an_open_interval_lasts_until_now_and_the_future_is_not_unknown(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 40);
    run(*state, 5, INT64_MAX, "run");
    q.now = KIT_NOW + 15 * KP_SECOND;
    q.every = 10 * KP_SECOND;
    assert_string_equal(say(*state, &q), "0-10: run=5+1/1 null=5+0/0; 10-20: run=5+0/1");
    q.now = KIT_NOW + 100 * KP_SECOND;
    assert_string_equal(say(*state, &q), "0-10: run=5+1/1 null=5+0/0; 10-20: run=10+0/1; 20-30: run=10+0/1; 30-40: run=10+0/1");
    q.now = KIT_NOW;
    assert_string_equal(say(*state, &q), "0-10: run=0+1/1");
    run(*state, 25, 30, "planned"); /* what is known of the future counts */
    assert_string_equal(say(*state, &q), "0-10: run=0+1/1; 20-30: planned=5+1/0");
}

static void an_interval_without_the_attribute_has_an_empty_value_and_none_has_null(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STOP, 0, 60);
    put(*state, PRESS, KP_INTERVAL_STOP, KIT_NOW, KIT_NOW + 10 * KP_SECOND, "{}");
    put(*state, PRESS, KP_INTERVAL_STOP, KIT_NOW + 10 * KP_SECOND, KIT_NOW + 20 * KP_SECOND, "{\"reason\":null,\"who\":\"a\\\"b\"}");
    put(*state, PRESS, KP_INTERVAL_STOP, KIT_NOW + 20 * KP_SECOND, KIT_NOW + 30 * KP_SECOND, "{\"reason\":7,\"a.b\":\"x\"}");
    assert_string_equal(say(*state, &q), "0-60: =20+2/0 7=10+1/0 null=30+0/0");
    q.attribute = "who";
    assert_string_equal(say(*state, &q), "0-60: =20+2/0 a\"b=10+1/0 null=30+0/0");
    q.attribute = "a.b";
    assert_string_equal(say(*state, &q), "0-60: =20+2/0 x=10+1/0 null=30+0/0");
    kp_db_exec(((struct kit *)*state)->store->db, "update interval set attributes = '{broken' where attributes = '{}'", NULL);
    assert_string_equal(say(*state, &q), "0-60: =20+2/0 x=10+1/0 null=30+0/0");
}

static void shift(struct kit *k, kp_asset asset, int64_t from, int64_t to, const char *name)
{
    put_value(k, asset, KP_INTERVAL_SHIFT, KIT_NOW + from * KP_SECOND, to == INT64_MAX ? KP_FOREVER : KIT_NOW + to * KP_SECOND, name);
}

static void a_shift_is_a_step_with_its_name(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 100);
    q.by = KP_SUM_SHIFT;
    assert_string_equal(say(*state, &q), ""); /* there are none */
    shift(*state, HALL, -20, 20, "night"); /* of the area the press stands in; begins before from */
    shift(*state, HALL, 20, 50, "early");
    shift(*state, HALL, 60, 90, "late");
    shift(*state, LONELY, 0, 90, "another");
    run(*state, 15, 25, "run");
    run(*state, 45, 70, "run");
    run(*state, 52, 55, "between shifts");
    assert_string_equal(say(*state, &q), "0-20 night: run=5+1/1 null=15+0/0; 20-50 early: run=10+1/1 null=20+0/0; "
                                         "60-90 late: run=10+0/0 null=20+0/0");
    q.asset = SPINDLE;
    assert_string_equal(say(*state, &q), "0-20 night: null=20+0/0; 20-50 early: null=30+0/0; 60-90 late: null=30+0/0");
    shift(*state, SPINDLE, 200, 300, "own"); /* one of its own: those above count no longer */
    assert_string_equal(say(*state, &q), "");
}

static void shifts_that_overlap_are_each_counted_in_full(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 100);
    q.by = KP_SUM_SHIFT;
    shift(*state, 0, 0, 40, "early"); /* of the node itself: for everything */
    shift(*state, 0, 30, 80, "late");
    run(*state, 10, 35, "run");
    run(*state, 33, 60, "run");
    assert_string_equal(say(*state, &q), "0-40 early: run=30+2/1 null=10+0/0; 30-80 late: run=30+1/0 null=20+0/0");
    for (int i = 0; i < KP_SUM_SHIFTS_MAX; i++)
        shift(*state, 0, 50, 60, "double");
    struct heard h = { .left = 100 };
    struct kp_err err = { 0 };
    assert_int_equal(kp_interval_sum(((struct kit *)*state)->store->db, &q, hear, &h, &err), KP_EFULL);
    assert_non_null(strstr(err.text, "more than 8 shifts at one time"));
}

static void the_shift_that_is_on_counts_up_to_now(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 100);
    q.by = KP_SUM_SHIFT;
    q.now = KIT_NOW + 30 * KP_SECOND;
    shift(*state, PRESS, 10, INT64_MAX, "early");
    run(*state, 0, INT64_MAX, "run");
    assert_string_equal(say(*state, &q), "10-30 early: run=20+0/1");
}

/* Europe's rules, without the zone files. */
static void wall_clock(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static int64_t at(const char *text)
{
    int64_t ns;
    assert_true(kp_time_parse(text, &ns));
    return ns;
}

struct borders {
    char text[2000];
};

static bool note_border(void *arg, const struct kp_sum *s)
{
    struct borders *b = arg;
    char text[KP_TIME_TEXT];
    size_t n = strlen(b->text);
    kp_time_print(s->from, text);
    snprintf(b->text + n, sizeof b->text - n, "%.16s ", text);
    return true;
}

static const char *borders(struct kit *k, enum kp_sum_by by, const char *from, const char *to)
{
    static struct borders b;
    struct kp_err err = { 0 };
    struct kp_sum_query q = { .kind = KP_INTERVAL_STATE, .from = at(from), .to = at(to), .now = INT64_MAX, .by = by };
    b.text[0] = 0;
    kp_interval_sum(k->store->db, &q, note_border, &b, &err);
    kit_ok(&err);
    return b.text;
}

static void days_weeks_and_months_are_those_of_the_clock_on_the_wall(void **state)
{
    wall_clock("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_string_equal(borders(*state, KP_SUM_DAY, "2026-03-28T12:00:00Z", "2026-03-30T23:00:00Z"),
                        "2026-03-28T12:00 2026-03-28T23:00 2026-03-29T22:00 2026-03-30T22:00 ");
    assert_string_equal(borders(*state, KP_SUM_WEEK, "2026-10-18T21:00:00Z", "2026-11-02T00:00:00Z"),
                        "2026-10-18T21:00 2026-10-18T22:00 2026-10-25T23:00 2026-11-01T23:00 ");
    assert_string_equal(borders(*state, KP_SUM_MONTH, "2026-01-31T22:59:59Z", "2026-05-01"),
                        "2026-01-31T22:59 2026-01-31T23:00 2026-02-28T23:00 2026-03-31T22:00 2026-04-30T22:00 ");
    assert_string_equal(borders(*state, KP_SUM_DAY, "1969-12-31T22:30:00Z", "1970-01-01T10:00:00Z"), "1969-12-31T22:30 1969-12-31T23:00 ");
    wall_clock("XXX3YYY,M10.3.0/0,M2.3.0/0"); /* summer time begins at midnight: that hour is not there */
    assert_string_equal(borders(*state, KP_SUM_DAY, "2026-10-17T10:00:00Z", "2026-10-20T02:00:00Z"),
                        "2026-10-17T10:00 2026-10-18T03:00 2026-10-19T02:00 ");
    wall_clock("UTC0");
    assert_string_equal(borders(*state, KP_SUM_MONTH, "2262-04-01", "2262-04-11T23:47:16.854775807Z"), "2262-04-01T00:00 ");
}

/* ---- refusals ---- */

static void what_makes_no_sense_is_refused_in_a_sentence(void **state)
{
    static const struct {
        struct kp_sum_query q;
        const char *said;
    } table[] = {
        { { .from = 5, .to = 5 }, "from must be before to" },
        { { .from = INT64_MIN, .to = INT64_MAX }, "292 years" },
        { { .from = 0, .to = 5, .every = -1 }, "longer than nothing" },
        { { .from = 0, .to = 5, .attribute = "" }, "is not the name of an attribute" },
        { { .from = 0, .to = 5, .attribute = "a\"b" }, "'a\"b' is not the name" },
        { { .from = 0, .to = 5, .attribute = "a\\b" }, "is not the name" },
        { { .from = 0, .to = 1000000, .every = 1 }, "more than 100000 steps" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct kp_err err = { 0 };
        struct kp_sum_query q = table[i].q;
        struct heard h = { .left = 1000000 };
        q.now = 1;
        assert_int_equal(kp_interval_sum(((struct kit *)*state)->store->db, &q, hear, &h, &err), KP_EINVALID);
        if (!strstr(err.text, table[i].said))
            fail_msg("%zu: %s", i, err.text);
    }
}

static void it_stops_when_the_listener_has_heard_enough(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 100);
    struct heard h = { .left = 2 };
    struct kp_err err = { 0 };
    q.every = 10 * KP_SECOND;
    run(*state, 0, 100, "run");
    assert_int_equal(kp_interval_sum(((struct kit *)*state)->store->db, &q, hear, &h, &err), KP_OK);
    assert_string_equal(h.text, "0-10: run=10+1/1; 10-20: run=10+0/1");
}

static void many_values(struct kit *k, int n, int64_t apart, int64_t length)
{
    struct kp_err err = { 0 };
    kp_db_exec(k->store->db, "begin", &err);
    for (int i = 0; i < n; i++) {
        char name[20];
        snprintf(name, sizeof name, "P%06d", i);
        put_value(k, PRESS, KP_INTERVAL_PART, KIT_NOW + i * apart, KIT_NOW + i * apart + length, name);
    }
    kp_db_exec(k->store->db, "commit", &err);
    kit_ok(&err);
}

static bool count(void *arg, const struct kp_sum *s)
{
    int64_t *n = arg;
    n[0] += s->value != NULL;
    if (__builtin_add_overflow(n[1], s->ns, &n[1]))
        n[1] = INT64_MAX;
    return true;
}

static void any_number_of_values_passes_when_few_are_alive_at_one_time(void **state)
{
    struct kp_sum_query q = query(KP_INTERVAL_PART, 0, 30000);
    struct kp_err err = { 0 };
    int64_t n[2] = { 0 };
    many_values(*state, 3 * KP_SUM_VALUES_MAX, KP_SECOND, KP_SECOND / 2);
    q.every = 5000 * KP_SECOND;
    assert_int_equal(kp_interval_sum(((struct kit *)*state)->store->db, &q, count, n, &err), KP_OK);
    assert_int_equal(n[0], 3 * KP_SUM_VALUES_MAX);
    assert_int_equal(n[1], 30000 * KP_SECOND);
    q.every = 0;
    assert_int_equal(kp_interval_sum(((struct kit *)*state)->store->db, &q, count, n, &err), KP_EFULL);
    assert_non_null(strstr(err.text, "more than 10000 values of 'name' in one step"));
}

static void intervals_nobody_ends_are_refused_before_they_fill_the_memory(void **state)
{
    struct kit *k = *state;
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 1000);
    struct kp_err err = { 0 };
    struct heard h = { .left = 10 };
    char sql[400];
    snprintf(sql, sizeof sql, "with recursive n(i) as (select 0 union all select i + 1 from n where i < %d) insert into "
             "interval(asset, kind, start, end, label) select 2, 'state', %lld + i, 9223372036854775807, 'inherit' from n",
             KP_SUM_RUNNING_MAX, (long long)KIT_NOW);
    kp_db_exec(k->store->db, sql, &err);
    kit_ok(&err);
    assert_int_equal(kp_interval_sum(k->store->db, &q, hear, &h, &err), KP_EFULL);
    assert_non_null(strstr(err.text, "asset 2: more than 100000 intervals of kind state go on at one time: end them"));
}

/* ---- the oracle ---- */

enum { SPAN = 400, MANY = 40, LETTERS = 4 };

struct drawn {
    int64_t start, end; /* seconds */
    int value;
};

/* A second from `i` belongs to an interval as it counts at `now`. */
static bool covers(const struct drawn *d, int64_t i, int64_t now)
{
    return d->start <= i && (d->end == INT64_MAX ? i < now : i < d->end);
}

/* What one step must say, second by second. */
static void expect_step(struct heard *h, const struct drawn *d, int n, int64_t from, int64_t to, int64_t now, int64_t cut)
{
    char text[300];
    size_t used = 0;
    for (int v = 0; v <= LETTERS; v++) { /* the last is null */
        int64_t seconds = 0;
        int began = 0, open = 0;
        for (int64_t i = from; i < to; i++) {
            bool hit = false;
            for (int k = 0; k < n; k++)
                hit |= (v == LETTERS || d[k].value == v) && covers(&d[k], i, now);
            seconds += v == LETTERS ? !hit && i < now : hit;
        }
        for (int k = 0; k < n && v < LETTERS; k++) {
            began += d[k].value == v && d[k].start >= from && d[k].start < to && d[k].start >= cut;
            open += d[k].value == v && d[k].start < to && d[k].end > to;
        }
        if (seconds || began)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s=%lld+%d/%d",
                                     v == LETTERS ? "null" : (const char *[]){ "a", "b", "c", "d" }[v], (long long)seconds, began, open);
    }
    size_t at_ = strlen(h->text);
    if (used)
        snprintf(h->text + at_, sizeof h->text - at_, "%s%lld-%lld:%s", at_ ? "; " : "", (long long)from, (long long)to, text);
}

static int draw_set(struct kit *k, uint64_t *seed, struct drawn *d)
{
    struct kp_err err = { 0 };
    int n = (int)(kit_random(seed) % MANY);
    kp_db_exec(k->store->db, "delete from interval; begin", &err);
    for (int i = 0; i < n; i++) {
        static const int64_t lengths[] = { 0, 1, 10, 20, 60, SPAN, 3 * SPAN };
        uint64_t dice = kit_random(seed);
        d[i].start = (int64_t)(kit_random(seed) % (2 * SPAN)) - SPAN / 2;
        if (dice % 3 == 0)
            d[i].start -= d[i].start % 10; /* on the edge of steps */
        if (dice % 5 == 0 && i)
            d[i].start = d[i - 1].end == INT64_MAX ? d[i - 1].start : d[i - 1].end; /* touching */
        d[i].end = d[i].start + (dice % 2 ? lengths[dice / 8 % 7] : (int64_t)(kit_random(seed) % 50));
        if (dice % 11 == 0)
            d[i].end = INT64_MAX;
        if (dice % 23 == 0)
            d[i].start -= 86400 * (int64_t)(1 + dice / 64 % 5); /* longer than a day */
        d[i].value = (int)(kit_random(seed) % LETTERS);
        run(k, d[i].start, d[i].end, (const char *[]){ "a", "b", "c", "d" }[d[i].value]);
    }
    kp_db_exec(k->store->db, "commit", &err);
    kit_ok(&err);
    return n;
}

static void a_thousand_random_sets_agree_with_counting_seconds(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 7;
    for (int round = 0; round < 1000; round++) {
        struct drawn d[MANY];
        struct heard want = { .text = "" };
        int n = draw_set(k, &seed, d);
        int64_t from = (int64_t)(kit_random(&seed) % 60), to = from + 1 + (int64_t)(kit_random(&seed) % SPAN);
        int64_t every = (int64_t[]){ 0, 7, 10, 60 }[kit_random(&seed) % 4];
        int64_t now = kit_random(&seed) % 2 ? 2 * SPAN : (int64_t)(kit_random(&seed) % SPAN);
        struct kp_sum_query q = query(KP_INTERVAL_STATE, from, to);
        q.every = every * KP_SECOND;
        q.now = KIT_NOW + now * KP_SECOND;
        for (int64_t a = from, b; a < to; a = b) {
            int64_t base = KIT_NOW / KP_SECOND;
            b = every ? (((base + a) / every) + 1) * every - base : to;
            b = b < to ? b : to;
            expect_step(&want, d, n, a, b, now, from);
        }
        if (strcmp(say(k, &q), want.text) != 0)
            fail_msg("round %d\nis   %s\nwant %s", round, say(k, &q), want.text);
    }
}

static void random_shifts_over_random_states_agree_with_each_counted_alone(void **state)
{
    struct kit *k = *state;
    uint64_t seed = 11;
    for (int round = 0; round < 200; round++) {
        struct drawn d[MANY];
        int n = draw_set(k, &seed, d);
        struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, SPAN);
        q.by = KP_SUM_SHIFT;
        char want[8000] = "";
        for (int64_t at_ = (int64_t)(kit_random(&seed) % 80), i = 0; at_ < SPAN && i < 12; i++) {
            int64_t length = 20 + (int64_t)(kit_random(&seed) % 60), stop = at_ + length < SPAN ? at_ + length : SPAN;
            struct heard h = { .text = "" };
            shift(k, HALL, at_, at_ + length, "s");
            expect_step(&h, d, n, at_, stop, 1000000, 0);
            size_t used = strlen(want);
            char *colon = strchr(h.text, ':');
            snprintf(want + used, sizeof want - used, "%s%.*s s%s", used ? "; " : "", (int)(colon - h.text), h.text, colon);
            at_ += length + (int64_t)(kit_random(&seed) % 30) - 15; /* a break, or one over the other */
        }
        if (strcmp(say(k, &q), want) != 0)
            fail_msg("round %d\nis   %s\nwant %s", round, say(k, &q), want);
    }
}

static void times_at_the_ends_of_what_64_bits_hold_are_summed(void **state)
{
    struct kit *k = *state;
    int64_t n[2] = { 0 };
    struct kp_err err = { 0 };
    put_value(k, PRESS, KP_INTERVAL_STATE, INT64_MIN, INT64_MAX, "open");
    put_value(k, PRESS, KP_INTERVAL_STATE, INT64_MIN, INT64_MAX - 1, "always");
    struct kp_sum_query q = { .asset = PRESS, .from = INT64_MIN, .to = -1, .now = INT64_MIN };
    assert_int_equal(kp_interval_sum(k->store->db, &q, count, n, &err), KP_OK);
    assert_true(n[0] == 2 && n[1] == INT64_MAX);
    q = (struct kp_sum_query){ .asset = PRESS, .from = 1, .to = INT64_MAX, .now = INT64_MAX, .every = INT64_MAX };
    memset(n, 0, sizeof n);
    assert_int_equal(kp_interval_sum(k->store->db, &q, count, n, &err), KP_OK);
    assert_true(n[0] == 2);
    q.every = INT64_MAX / 10;
    assert_int_equal(kp_interval_sum(k->store->db, &q, count, n, &err), KP_OK);
    for (q.by = KP_SUM_SHIFT; q.by <= KP_SUM_MONTH; q.by++) {
        q.from = INT64_MAX - 40 * 86400 * KP_SECOND;
        assert_int_equal(kp_interval_sum(k->store->db, &q, count, n, &err), KP_OK);
    }
}

/* ---- indexes and memory ---- */

static void no_row_is_sorted_and_no_table_read_whole(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    run(k, 0, 5, "run");
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 30);
    say(k, &q);
    int plans = 0, by_long = 0;
    for (const struct kp_stmt *s = k->store->db->statements; s; s = s->next) {
        char sql[1500];
        if (strncmp(s->sql, "select start, \"end\"", 18) != 0)
            continue;
        snprintf(sql, sizeof sql, "explain query plan %s", s->sql);
        struct kp_stmt *plan = kp_db_prepare(k->store->db, sql, &err);
        while (kp_step(plan, &err)) {
            const char *text = kp_column_text(plan, 3);
            by_long += strstr(text, "interval_long (asset=? AND kind=? AND start<?)") != NULL;
            if (!strstr(text, "SEARCH interval USING INDEX"))
                fail_msg("%s: %s", s->sql, text);
        }
        kit_ok(&err);
        plans++;
    }
    assert_int_equal(plans, 2);
    assert_int_equal(by_long, 1);
}

static enum kp_code sum_all(struct kp_db *db, struct heard *h)
{
    struct kp_sum_query q = query(KP_INTERVAL_STATE, 0, 100);
    struct kp_err err = { 0 };
    *h = (struct heard){ .left = 1000 };
    q.by = KP_SUM_SHIFT;
    return kp_interval_sum(db, &q, hear, h, &err);
}

/* The memory for what it remembers may be missing, nothing else. */
static void running_out_of_memory_fails_whole(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct heard good, is;
    long failures = 0;
    for (int i = 0; i < 30; i++)
        run(k, i, i % 7 ? i + 4 : 100, (const char *[]){ "a", "b", "c" }[i % 3]);
    shift(k, HALL, 0, 50, "early");
    struct kp_db *db = kp_store_reader(k->store, &err);
    assert_int_equal(sum_all(db, &good), KP_OK); /* statements are in the cache now */
    long live = kp_mem_live(), count_ = kp_mem_count();
    assert_int_equal(sum_all(db, &good), KP_OK);
    count_ = kp_mem_count() - count_;
    for (long n = 1; n <= count_; n++) {
        kp_mem_fail_at(n);
        enum kp_code code = sum_all(db, &is);
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), live);
        assert_true(code == KP_OK || code == KP_ENOMEM);
        failures += code != KP_OK;
        if (!code)
            assert_string_equal(is.text, good.text);
    }
    assert_true(failures >= 6 && failures < count_);
    kp_store_reader_done(k->store, db);
}

static bool list_asset(void *arg, kp_asset asset)
{
    char *text = arg;
    snprintf(text + strlen(text), 20, "%u ", asset);
    return asset != LONELY;
}

static void assets_with_intervals_of_a_kind_are_found(void **state)
{
    struct kp_err err = { 0 };
    char text[100] = "";
    run(*state, 0, 5, "run");
    shift(*state, 0, 0, 5, "early");
    shift(*state, LONELY, 0, 5, "early");
    kp_interval_assets(((struct kit *)*state)->store->db, KP_INTERVAL_STATE, list_asset, text, &err);
    kp_interval_assets(((struct kit *)*state)->store->db, KP_INTERVAL_SHIFT, list_asset, text, &err);
    kp_interval_assets(((struct kit *)*state)->store->db, KP_INTERVAL_JOB, list_asset, text, &err);
    kit_ok(&err);
    assert_string_equal(text, "2 0 4 ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_step_says_how_long_each_value_lasted),
        TEST(overlapping_intervals_of_one_value_count_once),
        TEST(an_open_interval_lasts_until_now_and_the_future_is_not_unknown),
        TEST(an_interval_without_the_attribute_has_an_empty_value_and_none_has_null),
        TEST(a_shift_is_a_step_with_its_name),
        TEST(shifts_that_overlap_are_each_counted_in_full),
        TEST(the_shift_that_is_on_counts_up_to_now),
        TEST(days_weeks_and_months_are_those_of_the_clock_on_the_wall),
        TEST(what_makes_no_sense_is_refused_in_a_sentence),
        TEST(it_stops_when_the_listener_has_heard_enough),
        TEST(any_number_of_values_passes_when_few_are_alive_at_one_time),
        TEST(intervals_nobody_ends_are_refused_before_they_fill_the_memory),
        TEST(a_thousand_random_sets_agree_with_counting_seconds),
        TEST(random_shifts_over_random_states_agree_with_each_counted_alone),
        TEST(times_at_the_ends_of_what_64_bits_hold_are_summed),
        TEST(no_row_is_sorted_and_no_table_read_whole),
        TEST(running_out_of_memory_fails_whole),
        TEST(assets_with_intervals_of_a_kind_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
