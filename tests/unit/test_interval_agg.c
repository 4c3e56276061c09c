/* SPDX-License-Identifier: Apache-2.0 */
/* interval_agg, as a person asks it. */
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
               "insert into interval(asset, kind, start, end, label, attributes) values"
               "(2, 'state', 1795514400000000000, 1795514430000000000, 'inherit', '{\"state\":\"run\"}'),"
               "(2, 'state', 1795514430000000000, 1795514440000000000, 'inherit', '{\"state\":\"stop\",\"why\":\"tool\"}'),"
               "(1, 'shift', 1795514400000000000, 1795514420000000000, 'inherit', '{\"name\":\"early\"}'),"
               "(0, 'alarm', 1795514400000000000, 1795514401000000000, 'inherit', '{\"key\":\"disk\"}')",
               &err);
    kit_ok(&err);
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

static const char *ask(struct place *p, const char *sql, struct kp_err *err)
{
    static char is[4000];
    is[0] = 0;
    struct kp_stmt *s = kp_db_query(p->db, sql, 5000, err);
    while (s && kp_step(s, err))
        for (int i = 0; i < kp_column_count(s); i++) {
            const char *text = kp_column_text(s, i);
            size_t n = strlen(is);
            snprintf(is + n, sizeof is - n, "%s%s", i ? "," : n ? ";" : "", text ? text : "null");
        }
    kp_db_finish(s);
    return is;
}

static void expect(void **state, const char *sql, const char *want)
{
    struct kp_err err = { 0 };
    const char *is = ask(*state, sql, &err);
    kit_ok(&err);
    assert_string_equal(is, want);
}

static void refuse(void **state, const char *sql, const char *part)
{
    struct kp_err err = { 0 };
    ask(*state, sql, &err);
    if (!strstr(err.text, part))
        fail_msg("%s: %s", sql, err.text);
}

#define MINUTE "kp_ns('2026-11-24T10:00:00Z'), kp_ns('2026-11-24T10:01:00Z')"
/* The kit's clock is not the one that SQL sees: all is over or to come, whatever the year is. */
#define KNOWN " where value is not null"

static void each_value_of_each_step_is_a_row(void **state)
{
    expect(state, "select asset, value, ns / 1000000000, began, open, shift from interval_agg('state', 'hall/press', " MINUTE ")" KNOWN,
           "2,run,30,1,0,null;2,stop,10,1,0,null");
    expect(state, "select kp_time(time), kp_time(until), value, ns / 1000000000 from interval_agg('state', 2, " MINUTE ", '20s')" KNOWN,
           "2026-11-24T10:00:00Z,2026-11-24T10:00:20Z,run,20;2026-11-24T10:00:20Z,2026-11-24T10:00:40Z,run,10;"
           "2026-11-24T10:00:20Z,2026-11-24T10:00:40Z,stop,10");
    expect(state, "select count(*), sum(ns) / 1000000000 from interval_agg('state', 2, " MINUTE ", 20000000000)" KNOWN, "3,40");
    expect(state, "select shift, value, ns / 1000000000 from interval_agg('state', 'hall/press', " MINUTE ", 'shift')" KNOWN, "early,run,20");
    expect(state, "select sum(ns) / 1000000000 from interval_agg('state', 2, " MINUTE ", 'day')" KNOWN, "40");
    expect(state, "select value, ns / 1000000000 from interval_agg('state', 2, " MINUTE ", null, 'why')" KNOWN, ",30;tool,10");
    expect(state, "select value from interval_agg('alarm', '', " MINUTE ")" KNOWN, "disk");
    expect(state, "select value from interval_agg('state', 2, '2026-11-24T10:00:00Z', '2026-11-24T10:00:10Z')" KNOWN, "run");
    expect(state, "select rowid, kind, at from interval_agg('state', 2, " MINUTE ")" KNOWN, "0,null,null;1,null,null");
}

static void time_without_an_interval_is_null(void **state)
{
    expect(state, "select value, ns from interval_agg('state', 2, kp_ns('2020-01-01'), kp_ns('2020-01-01') + 5)", "null,5");
    expect(state, "select count(*) from interval_agg('job', 99, kp_ns('2020-01-01'), kp_ns('2020-01-01') + 5)", "1");
}

static void it_joins_with_the_table_of_assets(void **state)
{
    expect(state, "select a.name, i.value, i.ns / 1000000000 from asset a join interval_agg('state', a.id, " MINUTE ") i where i.value is not null order by 2",
           "press,run,30;press,stop,10");
    expect(state, "select count(*) from interval_agg('state', 2, " MINUTE ") a join interval_agg('shift', 1, " MINUTE ") b on a.value < b.value", "0");
}

static void what_is_missing_or_wrong_is_said(void **state)
{
    static const struct {
        const char *arguments, *said;
    } table[] = {
        { "'state', 'hall/press'", "interval_agg('state', 'area/machine', kp_ns('-1d')" },
        { "'stade', 2, 1, 2", "'stade' is not a kind of interval" },
        { "null, 2, 1, 2", "'' is not a kind" },
        { "'state', 'hall/pres', 1, 2", "there is no asset 'hall/pres'" },
        { "'state', 'hall//press', 1, 2", "there is no asset 'hall//press'" },
        { "'state', null, 1, 2", "there is no asset ''" },
        { "'state', -1, 1, 2", "there is no asset" },
        { "'state', 4294967296, 1, 2", "there is no asset" },
        { "'state', 2, 'soon', 2", "from is not a time" },
        { "'state', 2, 1, 2.5", "to is not a time" },
        { "'state', 2, 2, 2", "from must be before to" },
        { "'state', 2, 1, 2, 'fortnight'", "the step is ns, a time such as '8h'" },
        { "'state', 2, 1, 2, 0", "the step is ns" },
        { "'state', 2, 1, 2, -5", "the step is ns" },
        { "'state', 2, 1, 2, 1.5", "the step is ns" },
        { "'state', 2, 1, 2, 1, 'a/b'", "'a/b' is not the name of an attribute" },
        { "'state', 2, 0, 1000000, 1", "more than 100000 steps" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char sql[300];
        snprintf(sql, sizeof sql, "select count(*) from interval_agg(%s)", table[i].arguments);
        refuse(state, sql, table[i].said);
    }
}

static void running_out_of_memory_fails_and_leaks_nothing(void **state)
{
    struct place *p = *state;
    const char *sql = "select sum(ns) from interval_agg('state', 'hall/press', " MINUTE ", '1s')" KNOWN;
    struct kp_err err = { 0 };
    ask(p, sql, &err);
    long live = kp_mem_live(), all = kp_mem_count();
    ask(p, sql, &err);
    kit_ok(&err);
    all = kp_mem_count() - all;
    long failures = 0;
    for (long n = 1; n <= all; n++) {
        struct kp_err failure = { 0 };
        kp_mem_fail_at(n);
        const char *is = ask(p, sql, &failure);
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), live);
        assert_true(failure.code == KP_ENOMEM || strcmp(is, "40000000000") == 0);
        failures += failure.code != KP_OK;
    }
    assert_true(failures > 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_value_of_each_step_is_a_row),
        TEST(time_without_an_interval_is_null),
        TEST(it_joins_with_the_table_of_assets),
        TEST(what_is_missing_or_wrong_is_said),
        TEST(running_out_of_memory_fails_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
