/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include <pthread.h>

#include "core/ban.h"

static int begin(void **state)
{
    struct kit *k = kit_new();
    kit_open(k);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static struct kp_db *writer(void **state)
{
    return ((struct kit *)*state)->store->db;
}

static void a_statement_is_prepared_once_and_comes_back_unbound(void **state)
{
    struct kp_err err = { 0 };
    struct kp_db *db = writer(state);
    struct kp_stmt *a = kp_db_prepare(db, "select ?1", &err);
    kp_bind_int(a, 1, 7);
    assert_true(kp_step(a, &err));
    assert_int_equal(kp_column_int(a, 0), 7);
    kp_reset(a);
    struct kp_stmt *b = kp_db_prepare(db, "select ?1", &err);
    assert_ptr_equal(a, b);
    assert_true(kp_step(b, &err));
    assert_true(kp_column_null(b, 0));
    assert_false(kp_step(b, &err));
    kit_ok(&err);
}

static void the_same_sql_inside_its_own_loop_is_a_second_statement(void **state)
{
    struct kp_err err = { 0 };
    struct kp_db *db = writer(state);
    const char *sql = "select value from json_each('[1,2,3]')";
    struct kp_stmt *outer = kp_db_prepare(db, sql, &err);
    int pairs = 0;
    while (kp_step(outer, &err)) {
        struct kp_stmt *inner = kp_db_prepare(db, sql, &err);
        assert_ptr_not_equal(inner, outer);
        while (kp_step(inner, &err))
            pairs++;
    }
    kit_ok(&err);
    assert_int_equal(pairs, 9);
}

static void a_full_cache_drops_the_oldest_and_goes_on(void **state)
{
    struct kp_err err = { 0 };
    struct kp_db *db = writer(state);
    for (int i = 0; i < 3 * KP_STATEMENTS_KEPT; i++) {
        char sql[32];
        snprintf(sql, sizeof sql, "select %d", i);
        struct kp_stmt *s = kp_db_prepare(db, sql, &err);
        assert_true(kp_step(s, &err));
        assert_int_equal(kp_column_int(s, 0), i);
        kp_reset(s);
    }
    kit_ok(&err);
    assert_true(db->kept <= KP_STATEMENTS_KEPT);
}

static void every_kind_of_value_is_bound_and_read_back(void **state)
{
    struct kp_err err = { 0 };
    struct kp_db *db = writer(state);
    struct kp_stmt *s = kp_db_prepare(db, "select ?1 i, ?2 d, ?3 t, ?4 b, ?5 n, ?6 nan, ?7 z", &err);
    size_t len;
    kp_bind_int(s, 1, INT64_MIN);
    kp_bind_double(s, 2, 0.1);
    kp_bind_text(s, 3, "naïve");
    kp_bind_blob(s, 4, "a\0b", 3);
    kp_bind_text(s, 5, NULL);
    kp_bind_double(s, 6, NAN);
    kp_bind_blob(s, 7, "", 0);
    assert_true(kp_step(s, &err));
    assert_int_equal(kp_column_count(s), 7);
    assert_string_equal(kp_column_name(s, 3), "b");
    assert_int_equal(kp_column_kind(s, 0), KP_COLUMN_INT);
    assert_int_equal(kp_column_int(s, 0), INT64_MIN);
    assert_int_equal(kp_column_kind(s, 1), KP_COLUMN_DOUBLE);
    assert_true(kp_column_double(s, 1) == 0.1);
    assert_int_equal(kp_column_kind(s, 2), KP_COLUMN_TEXT);
    assert_string_equal(kp_column_text(s, 2), "naïve");
    assert_int_equal(kp_column_kind(s, 3), KP_COLUMN_BLOB);
    assert_memory_equal(kp_column_blob(s, 3, &len), "a\0b", 3);
    assert_int_equal(len, 3);
    assert_int_equal(kp_column_kind(s, 4), KP_COLUMN_NULL);
    assert_true(kp_column_null(s, 5));
    assert_int_equal(kp_column_kind(s, 6), KP_COLUMN_BLOB);
    kp_reset(s);
}

static void a_wrong_index_is_told_at_the_step(void **state)
{
    struct kp_err err = { 0 };
    struct kp_stmt *s = kp_db_prepare(writer(state), "select ?1", &err);
    kp_bind_int(s, 5, 1);
    assert_false(kp_step(s, &err));
    assert_int_not_equal(err.code, KP_OK);
}

static void failures_name_the_file_and_the_cause(void **state)
{
    struct kp_err err = { 0 };
    struct kp_db *db = writer(state);
    assert_null(kp_db_prepare(db, "select a from nowhere", &err));
    assert_int_equal(err.code, KP_EINVALID);
    assert_non_null(strstr(err.text, "factory.db"));
    assert_non_null(strstr(err.text, "nowhere"));

    err = (struct kp_err){ 0 };
    assert_null(kp_db_prepare(db, "  ;", &err));
    assert_non_null(strstr(err.text, "no statement"));

    err = (struct kp_err){ 0 };
    kp_db_exec(db, "insert into setting values('a', '1')", &err);
    kit_ok(&err);
    assert_int_equal(kp_db_exec(db, "insert into setting values('a', '2')", &err), KP_EEXISTS);
}

static void numbers_fall_back_when_there_is_no_row(void **state)
{
    struct kp_err err = { 0 };
    int64_t n;
    kp_db_number(writer(state), "select 1 where 0", 42, &n, &err);
    assert_int_equal(n, 42);
    kp_db_number(writer(state), "select null", 43, &n, &err);
    assert_int_equal(n, 43);
    kp_db_number(writer(state), "select 44", 0, &n, &err);
    assert_int_equal(n, 44);
    kit_ok(&err);
}

static void the_file_has_the_settings_it_needs(void **state)
{
    struct kp_err err = { 0 };
    const struct {
        const char *pragma;
        int64_t writer, reader;
    } want[] = {
        { "pragma page_size", 8192, 8192 },       { "pragma auto_vacuum", 2, 2 },
        { "pragma synchronous", 2, -1 },          { "pragma wal_autocheckpoint", 0, 0 },
        { "pragma query_only", 0, 1 },            { "pragma cache_size", -8192, -1024 },
        { "pragma secure_delete", 0, -1 },        { "pragma user_version", kp_schema_version(), kp_schema_version() },
        { "pragma application_id", KP_APPLICATION_ID, KP_APPLICATION_ID },
    };
    struct kit *k = *state;
    struct kp_db *reader = kp_store_reader(k->store, &err);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        int64_t n;
        kp_db_number(k->store->db, want[i].pragma, -2, &n, &err);
        assert_int_equal(n, want[i].writer);
        kp_db_number(reader, want[i].pragma, -2, &n, &err);
        if (want[i].reader != -1)
            assert_int_equal(n, want[i].reader);
    }
    kit_ok(&err);
    kp_store_reader_done(k->store, reader);
}

/* ---- SQL of people ---- */

static void refuse(struct kp_db *db, const char *sql, enum kp_code code, const char *part)
{
    struct kp_err err = { 0 };
    struct kp_stmt *s = kp_db_query(db, sql, 1000, &err);
    if (s) { /* some fail at the first step only */
        kp_step(s, &err);
        kp_db_finish(s);
    }
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: %s", sql, err.text);
}

static void a_person_reads_everything_but_secrets(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    static const char *const fine[] = {
        "select key, value from setting", "select count(*) from chunk;", "explain query plan select 1",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) select sum(i) from n",
        "select * from pragma_table_info('signal')",
        "explain select 1", "select sqlite_version()", "select name from sqlite_schema -- all",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        struct kp_stmt *s = kp_db_query(db, fine[i], 1000, &err);
        kit_ok(&err);
        while (kp_step(s, &err))
            ;
        kit_ok(&err);
        kp_db_finish(s);
    }
    refuse(db, "select * from secret", KP_EDENIED, "prohibited");
    refuse(db, "select (select hash from token)", KP_EDENIED, "prohibited");
    refuse(db, "select * from SECRET s join token t", KP_EDENIED, "prohibited");
    refuse(db, "update sqlite_master set sql = ''", KP_EINVALID, "modified");
    refuse(db, "delete from setting", KP_EDENIED, "authorized");
    refuse(db, "pragma journal_mode=delete", KP_EDENIED, "authorized");
    refuse(db, "pragma query_only=0", KP_EDENIED, "authorized");
    refuse(db, "attach '/etc/passwd' as x", KP_EDENIED, "authorized");
    refuse(db, "select load_extension('x')", KP_EINVALID, "authorized");
    refuse(db, "begin", KP_EDENIED, "authorized");
    refuse(db, "select 1; select 2", KP_EINVALID, "one statement");
    refuse(db, "", KP_EINVALID, "no statement");
    kp_store_reader_done(k->store, db);
}

static void the_program_itself_reads_secrets_on_the_same_connection(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    refuse(db, "select * from secret", KP_EDENIED, "prohibited");
    int64_t n;
    kp_db_number(db, "select count(*) from secret", -1, &n, &err);
    kit_ok(&err);
    assert_int_equal(n, 0);
    kp_store_reader_done(k->store, db);
}

static const char endless[] = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";

static void an_endless_query_ends_at_its_deadline(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kp_stmt *s = kp_db_query(db, endless, 20, &err);
    assert_false(kp_step(s, &err));
    assert_int_equal(err.code, KP_ETIMEOUT);
    assert_non_null(strstr(err.text, "too long"));
    kp_db_finish(s);
    int64_t n;
    err = (struct kp_err){ 0 };
    kp_db_number(db, "select 5", 0, &n, &err);
    assert_int_equal(n, 5); /* the connection is fit for the next */
    kp_store_reader_done(k->store, db);
}

static void *interrupt(void *arg)
{
    usleep(20000);
    kp_db_interrupt(arg);
    return NULL;
}

static void a_query_is_interrupted_from_another_thread(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kp_stmt *s = kp_db_query(db, endless, 60000, &err);
    pthread_t thread;
    pthread_create(&thread, NULL, interrupt, db);
    assert_false(kp_step(s, &err));
    pthread_join(thread, NULL);
    assert_int_equal(err.code, KP_ETIMEOUT);
    assert_non_null(strstr(err.text, "stopped"));
    kp_db_finish(s);
    kp_store_reader_done(k->store, db);
}

static void read_transactions_nest_and_see_one_state(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int64_t n;
    struct kp_db *db = kp_store_reader(k->store, &err);
    kp_db_read_begin(db, &err);
    kp_db_read_begin(db, &err);
    kp_db_number(db, "select count(*) from setting where key = 'x'", -1, &n, &err);
    assert_int_equal(n, 0);
    kp_db_exec(k->store->db, "insert into setting values('x', '1')", &err);
    kp_db_read_end(db);
    kp_db_number(db, "select count(*) from setting where key = 'x'", -1, &n, &err);
    assert_int_equal(n, 0);
    kp_db_read_end(db);
    kp_db_number(db, "select count(*) from setting where key = 'x'", -1, &n, &err);
    assert_int_equal(n, 1);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
}

static void a_reader_given_back_in_disorder_is_clean_for_the_next(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    kp_db_read_begin(db, &err);
    struct kp_stmt *s = kp_db_prepare(db, "select key from setting", &err);
    assert_true(kp_step(s, &err));
    kp_store_reader_done(k->store, db);
    struct kp_db *again = kp_store_reader(k->store, &err);
    assert_ptr_equal(again, db);
    assert_true(sqlite3_get_autocommit(again->handle));
    kp_store_reader_done(k->store, again);
    kit_ok(&err);
}

static void readers_cannot_write(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    assert_int_equal(kp_db_exec(db, "insert into setting values('y', '1')", &err), KP_EDENIED);
    kp_store_reader_done(k->store, db);
}

static void out_of_memory_preparing_leaves_nothing_behind(void **state)
{
    struct kp_db *db = writer(state);
    long n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        char sql[32];
        snprintf(sql, sizeof sql, "select %ld", 1000 + n);
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        struct kp_stmt *s = kp_db_query(db, sql, 100, &err);
        kp_mem_fail_at(0);
        if (s) {
            kp_db_finish(s);
            assert_int_equal(kp_mem_live(), live);
            break;
        }
        assert_int_equal(err.code, KP_ENOMEM);
        assert_int_equal(kp_mem_live(), live);
    }
    print_message("points of failure: %ld\n", n - 1);
    assert_true(n > 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_statement_is_prepared_once_and_comes_back_unbound),
        T(the_same_sql_inside_its_own_loop_is_a_second_statement),
        T(a_full_cache_drops_the_oldest_and_goes_on),
        T(every_kind_of_value_is_bound_and_read_back),
        T(a_wrong_index_is_told_at_the_step),
        T(failures_name_the_file_and_the_cause),
        T(numbers_fall_back_when_there_is_no_row),
        T(the_file_has_the_settings_it_needs),
        T(a_person_reads_everything_but_secrets),
        T(the_program_itself_reads_secrets_on_the_same_connection),
        T(an_endless_query_ends_at_its_deadline),
        T(a_query_is_interrupted_from_another_thread),
        T(read_transactions_nest_and_see_one_state),
        T(a_reader_given_back_in_disorder_is_clean_for_the_next),
        T(readers_cannot_write),
        T(out_of_memory_preparing_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
