/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual table history and its two functions. */
#include "store_kit.h"

#include "core/ban.h"

struct place {
    struct kit *k;
    struct kp_db *db;
};

static int begin(void **state)
{
    struct kp_err err = { 0 };
    struct place *p = calloc(1, sizeof *p);
    struct kit *k = p->k = kit_new();
    kit_open(k);
    kp_db_exec(k->store->db,
               "insert into asset(id, parent, name, kind, label) values(1, 0, 'hall', 'area', 'inherit'),"
               "(2, 1, 'press', 'machine', 'inherit');"
               "insert into signal(id, asset, name, type, label, stored, writable, coupling) values"
               "(1, 2, 'temperature', 'double', 'inherit', 1, 0, 0), (2, 2, 'program', 'string', 'inherit', 1, 0, 0),"
               "(3, 0, 'root', 'int64', 'inherit', 1, 0, 0)",
               &err);
    for (int i = 0; i < 100; i++) {
        struct kp_sample s[] = { kit_sample(1, KIT_NOW + i * KP_SECOND, kp_double(i / 4.0)),
                                 kit_sample(2, KIT_NOW + i * KP_SECOND, kp_string(i % 2 ? "one" : "two", 3)) };
        s[0].status = i == 50 ? KP_BAD_NO_COMMUNICATION : KP_GOOD;
        kit_offer(k, s, 2);
    }
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    for (int i = 100; i < 120; i++) {
        struct kp_sample s = kit_sample(1, KIT_NOW + i * KP_SECOND, kp_double(i / 4.0));
        kit_offer(k, &s, 1);
    }
    kit_sync(k);
    p->db = kp_store_reader(k->store, &err);
    kit_ok(&err);
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    kp_store_reader_done(p->k->store, p->db);
    kit_free(p->k);
    free(p);
    return 0;
}

/* All rows as text, columns by ',' and rows by ';'. */
static void expect(void **state, const char *sql, const char *want)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    char is[2000] = "";
    struct kp_stmt *s = kp_db_query(p->db, sql, 5000, &err);
    kit_ok(&err);
    while (kp_step(s, &err)) {
        for (int i = 0; i < kp_column_count(s); i++) {
            const char *text = kp_column_text(s, i);
            size_t n = strlen(is);
            snprintf(is + n, sizeof is - n, "%s%s", i ? "," : n ? ";" : "", text ? text : "null");
        }
    }
    kit_ok(&err);
    kp_db_finish(s);
    assert_string_equal(is, want);
    assert_true(sqlite3_get_autocommit(p->db->handle));
}

static void refuse(void **state, const char *sql, const char *part)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    struct kp_stmt *s = kp_db_query(p->db, sql, 5000, &err);
    if (s) {
        kp_step(s, &err);
        kp_db_finish(s);
    }
    if (!strstr(err.text, part))
        fail_msg("%s: %s", sql, err.text);
}

static void a_signal_is_named_by_path_or_by_number(void **state)
{
    expect(state, "select count(*), min(value), max(value) from history where signal = 'hall/press/temperature'",
           "120,0.0,29.75");
    expect(state, "select count(*), sum(value) from history where signal = 1", "120,1785.0");
    expect(state, "select count(*) from history where signal = 'root'", "0");
    expect(state, "select count(*) from history where signal = 4711", "0");
    expect(state, "select count(*) from history where signal = null", "0");
    expect(state, "select distinct signal from history where signal = 'hall/press/program'", "hall/press/program");
}

static void without_a_signal_the_message_says_what_to_add(void **state)
{
    refuse(state, "select * from history", "where signal =");
    refuse(state, "select * from history where time > 5", "where signal =");
    refuse(state, "select * from history where signal > 'a'", "where signal =");
    refuse(state, "select * from history where signal = 'hall/pres/temperature'", "no signal 'hall/pres/temperature'");
    refuse(state, "select * from history where signal = ''", "no signal ''");
    refuse(state, "select * from history where signal = 'hall//x'", "no signal");
}

static void bounds_of_time_are_exact(void **state)
{
    char sql[300];
    static const struct {
        const char *bounds;
        const char *want;
    } table[] = {
        { "time >= kp_ns('2026-11-24T10:00:05Z') and time <= kp_ns('2026-11-24T10:00:07Z')", "1.25;1.5;1.75" },
        { "time > kp_ns('2026-11-24T10:00:05Z') and time < kp_ns('2026-11-24T10:00:07Z')", "1.5" },
        { "time = kp_ns('2026-11-24T10:00:05Z')", "1.25" },
        { "time between kp_ns('2026-11-24T10:01:39Z') and kp_ns('2026-11-24T10:01:41Z')", "24.75;25.0;25.25" },
        { "time < 1.7955144015e18", "0.0;0.25" },
        { "time > 1.795514518e18", "29.75" },
        { "time > 'text'", "" },
        { "time >= 9223372036854775807", "" },
        { "time <= -9223372036854775808", "" },
        { "time > 1e300", "" },
        { "time = 5 and time = 6", "" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        snprintf(sql, sizeof sql, "select value from history where signal = 1 and %s", table[i].bounds);
        expect(state, sql, table[i].want);
    }
}

static void rows_come_in_order_of_time_without_sorting(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    struct kp_stmt *s = kp_db_query(p->db, "explain query plan select * from history where signal = 1 order by time",
                                    1000, &err);
    bool sorts = false;
    while (kp_step(s, &err))
        sorts |= strstr(kp_column_text(s, 3), "TEMP B-TREE") != NULL;
    kp_db_finish(s);
    assert_false(sorts);
    expect(state, "select value from history where signal = 1 and value < 0.6 order by time", "0.0;0.25;0.5");
    expect(state, "select value from history where signal = 1 and value < 0.6 order by time desc", "0.5;0.25;0.0");
    expect(state, "select value from history where signal in (1, 2) and time < kp_ns('2026-11-24T10:00:02Z') "
                  "order by time, signal", "0.0;two;0.25;one");
}

static void it_joins_with_other_tables(void **state)
{
    expect(state, "select s.name, count(*) from signal s join history h on h.signal = s.id group by s.name order by 1",
           "program,100;temperature,120");
    expect(state, "select a.value, b.value from history a join history b on a.time = b.time where a.signal = 1 and "
                  "b.signal = 'hall/press/program' and a.time < kp_ns('2026-11-24T10:00:02Z')", "0.0,two;0.25,one");
    expect(state, "select (select max(time) = kp_ns('2026-11-24T10:01:59Z') from history where signal = s.id) from "
                  "signal s where s.id = 1", "1");
}

static void status_and_time_are_readable(void **state)
{
    expect(state, "select kp_time(time), status from history where signal = 1 and status <> 0",
           "2026-11-24T10:00:50Z,2150694912");
}

static void values_have_their_types(void **state)
{
    struct place *p = *state;
    static const int64_t ints[] = { 1, -2 };
    const uint64_t nan_bits = UINT64_C(0x7ff8000000000001);
    struct kp_value v[] = {
        { .type = KP_NULL }, kp_bool(true), kp_int(INT64_MIN), { .u = 7, .type = KP_UINT64 },
        { .u = UINT64_MAX, .type = KP_UINT64 }, { .f = 0.5f, .type = KP_FLOAT }, kp_double(-0.25), kp_string("é", 2),
        kp_string("", 0), { .data = "\1\2", .len = 2, .type = KP_BYTES }, { .i = KIT_NOW, .type = KP_TIME },
        { .data = ints, .len = sizeof ints, .type = KP_INT64 | KP_ARRAY }, { .type = KP_DOUBLE },
    };
    memcpy(&v[12].d, &nan_bits, 8);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct kp_sample s = kit_sample(3, (int64_t)i, v[i]);
        kit_offer(p->k, &s, 1);
    }
    kit_sync(p->k);
    expect(state, "select typeof(value), quote(value) from history where signal = 'root' order by time",
           "null,NULL;integer,1;integer,-9223372036854775808;integer,7;text,'18446744073709551615';real,0.5;real,-0.25;"
           "text,'é';text,'';blob,X'0102';integer,1795514400000000000;text,'[1,-2]';null,NULL");
}

static void aggregates_are_a_table_too(void **state)
{
    expect(state, "select n, good, bad, min, max, first, last from history_agg('hall/press/temperature')",
           "120,119,1,0.0,29.75,0.0,29.75");
    expect(state,
           "select kp_time(time), n, min, mean, max, sum from history_agg('hall/press/temperature', "
           "kp_ns('2026-11-24T10:00:00Z'), kp_ns('2026-11-24T10:01:40Z'), 60000000000) order by time",
           "2026-11-24T10:00:00Z,60,0.0,7.28813559322034,14.75,430.0;2026-11-24T10:01:00Z,40,15.0,19.875,24.75,795.0");
    expect(state, "select time_mean, good_ns, bad_ns from history_agg(1, kp_ns('2026-11-24T10:00:49Z'), "
                  "kp_ns('2026-11-24T10:00:53Z'))", "12.6666666666667,3000000000,1000000000");
    expect(state, "select s.name, a.n from signal s, history_agg(s.id) a where s.id < 3 order by s.id",
           "temperature,120;program,100");
    expect(state, "select count(*) from history_agg(null)", "0");
    refuse(state, "select * from history_agg", "needs a signal");
    refuse(state, "select * from history_agg('no/such')", "no/such");
    refuse(state, "select * from history_agg(1, 0, 1, -5)", "longer than nothing");
}

static void functions_convert_times(void **state)
{
    expect(state, "select kp_ns('1970-01-01T00:00:01Z'), kp_ns(null), kp_time(0), kp_time(null)",
           "1000000000,null,1970-01-01T00:00:00Z,null");
    expect(state, "select kp_ns('now') - kp_ns('-1h') between 3599000000000 and 3601000000000", "1");
    refuse(state, "select kp_ns('yesterday-ish')", "not a time");
    refuse(state, "select kp_ns(5)", "not a time");
}

static void a_damaged_chunk_is_told_to_who_asks(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    kp_db_exec(p->k->store->db, "update chunk set data = x'0102'", &err);
    kit_ok(&err);
    refuse(state, "select count(*) from history where signal = 1", "chunk");
    expect(state, "select count(*) from history where signal = 1 and time > kp_ns('2026-11-24T10:01:40Z')", "19");
}

static void a_query_left_half_way_releases_its_transaction(void **state)
{
    struct place *p = *state;
    struct kp_err err = { 0 };
    struct kp_stmt *s = kp_db_query(p->db, "select * from history where signal = 1", 1000, &err);
    assert_true(kp_step(s, &err));
    kp_db_finish(s);
    assert_true(sqlite3_get_autocommit(p->db->handle));
}

static void out_of_memory_is_an_error_and_no_leak(void **state)
{
    struct place *p = *state;
    const char *sql = "select count(*) from history where signal = 'hall/press/program'";
    expect(state, sql, "100");
    long n = 1;
    for (bool failed = true; failed; n++) {
        struct kp_err err = { 0 };
        int64_t count = 0;
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        struct kp_stmt *s = kp_db_query(p->db, sql, 5000, &err);
        if (s && kp_step(s, &err))
            count = kp_column_int(s, 0);
        kp_db_finish(s);
        kp_mem_fail_at(0);
        failed = err.code != KP_OK;
        if (failed)
            assert_int_equal(err.code, KP_ENOMEM);
        else
            assert_int_equal(count, 100);
        assert_int_equal(kp_mem_live(), live);
    }
    print_message("points of failure: %ld\n", n - 2);
    assert_true(n > 5);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_signal_is_named_by_path_or_by_number),
        T(without_a_signal_the_message_says_what_to_add),
        T(bounds_of_time_are_exact),
        T(rows_come_in_order_of_time_without_sorting),
        T(it_joins_with_other_tables),
        T(status_and_time_are_readable),
        T(values_have_their_types),
        T(aggregates_are_a_table_too),
        T(functions_convert_times),
        T(a_damaged_chunk_is_told_to_who_asks),
        T(a_query_left_half_way_releases_its_transaction),
        T(out_of_memory_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
