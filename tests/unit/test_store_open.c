/* SPDX-License-Identifier: Apache-2.0 */
/* Making, opening, migrating and rolling back the data file. */
#include "store_kit.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/ban.h"

/* Stands in front of the C library's, so that a scratch folder can be on any file system. */
static long fs_type;

int statfs(const char *path, struct statfs *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = fd < 0 ? -1 : fstatfs(fd, out);
    if (fd >= 0)
        close(fd);
    if (rc == 0 && fs_type)
        out->f_type = fs_type;
    return rc;
}

static int begin(void **state)
{
    char *dir = calloc(1, 64);
    kp_log_setup(KP_LOG_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
    kit_scratch(dir);
    *state = dir;
    return 0;
}

static int end(void **state)
{
    kit_remove(*state);
    free(*state);
    return 0;
}

static const char *in(const char *dir, const char *name)
{
    static char path[4][160];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static bool exists(const char *dir, const char *name)
{
    return access(in(dir, name), F_OK) == 0;
}

static void run_sql(const char *file, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t ask(const char *file, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

/* A file as a program before the first version would have left it. */
static void make_old(const char *dir)
{
    char sql[200];
    snprintf(sql, sizeof sql, "pragma page_size=8192; pragma application_id=%d; create table relic(x);"
                              "insert into relic values(42);",
             KP_APPLICATION_ID);
    run_sql(in(dir, "factory.db"), sql);
}

static struct kp_store *open_store(const char *dir)
{
    struct kp_err err = { 0 };
    struct kp_store *s = kp_store_open(dir, NULL, &err);
    kit_ok(&err);
    return s;
}

static void refused(const char *dir, enum kp_code code, const char *part)
{
    struct kp_err err = { 0 };
    assert_null(kp_store_open(dir, NULL, &err));
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.text, part));
}

/* ---- making ---- */

static void a_new_file_is_private_and_knows_its_name(void **state)
{
    struct kp_err err = { 0 };
    struct stat st;
    kp_store_create(*state, "plant 7", &err);
    kit_ok(&err);
    assert_int_equal(stat(in(*state, "factory.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct kp_store *s = open_store(*state);
    struct kp_arena arena = { 0 };
    assert_string_equal(kp_setting_get(s->db, &arena, "name"), "plant 7");
    assert_null(kp_setting_get(s->db, &arena, "no such key"));
    assert_int_equal(stat(in(*state, "factory.db-wal"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    kp_arena_free(&arena);
    kp_store_close(s);
}

static void settings_are_put_replaced_and_removed(void **state)
{
    struct kp_err err = { 0 };
    kp_store_create(*state, "x", &err);
    struct kp_store *s = open_store(*state);
    struct kp_arena arena = { 0 };
    kp_setting_put(s->db, "k", "1", &err);
    kp_setting_put(s->db, "k", "2", &err);
    assert_string_equal(kp_setting_get(s->db, &arena, "k"), "2");
    kp_setting_put(s->db, "k", NULL, &err);
    kit_ok(&err);
    assert_null(kp_setting_get(s->db, &arena, "k"));
    kp_arena_free(&arena);
    kp_store_close(s);
}

static void a_file_that_is_there_is_not_made_again(void **state)
{
    struct kp_err err = { 0 };
    kp_store_create(*state, "first", &err);
    kit_ok(&err);
    assert_int_equal(kp_store_create(*state, "second", &err), KP_EEXISTS);
    assert_int_equal(ask(in(*state, "factory.db"), "select count(*) from setting where value = 'first'"), 1);
}

static void a_folder_that_is_missing_is_named(void **state)
{
    struct kp_err err = { 0 };
    assert_int_equal(kp_store_create(in(*state, "nowhere"), "x", &err), KP_ENOTFOUND);
    assert_non_null(strstr(err.text, "nowhere"));
    refused(in(*state, "nowhere"), KP_ENOTFOUND, "nowhere");
    refused(*state, KP_ENOTFOUND, "koppel init");
}

static void out_of_memory_making_a_file_leaves_none(void **state)
{
    long n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        enum kp_code code = kp_store_create(*state, "x", &err);
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), live);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
        assert_false(exists(*state, "factory.db"));
        assert_false(exists(*state, "factory.db-wal"));
    }
    print_message("points of failure: %ld\n", n - 1);
    assert_true(n > 3);
}

/* ---- refusing ---- */

static void a_second_opener_is_refused_and_told_who_has_it(void **state)
{
    struct kp_err err = { 0 };
    char process[32];
    kp_store_create(*state, "x", &err);
    struct kp_store *s = open_store(*state);
    snprintf(process, sizeof process, "process %ld", (long)getpid());
    refused(*state, KP_EREFUSED, process);
    kp_store_close(s);
    kp_store_close(open_store(*state)); /* free again */
}

static void a_file_of_a_newer_program_is_refused_and_left_alone(void **state)
{
    struct kp_err err = { 0 };
    kp_store_create(*state, "x", &err);
    run_sql(in(*state, "factory.db"), "pragma user_version=99");
    refused(*state, KP_EREFUSED, "newer");
    assert_int_equal(ask(in(*state, "factory.db"), "pragma user_version"), 99);
    struct kp_db *db = kp_store_open_reader(in(*state, "factory.db"), &err);
    assert_null(db);
    assert_int_equal(err.code, KP_EREFUSED);
}

static void files_that_are_not_ours_are_refused(void **state)
{
    run_sql(in(*state, "factory.db"), "create table other(x)");
    refused(*state, KP_EPARSE, "not one of koppel");
    unlink(in(*state, "factory.db"));
    FILE *f = fopen(in(*state, "factory.db"), "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is a letter, not a data file\n", f);
    fclose(f);
    refused(*state, KP_EPARSE, "factory.db");
}

static void network_file_systems_are_known_by_their_type(void **state)
{
    (void)state;
    assert_string_equal(kp_file_network(0x6969), "NFS");
    assert_string_equal(kp_file_network(0xfe534d42), "SMB");
    assert_string_equal(kp_file_network(0xff534d42), "CIFS");
    assert_string_equal(kp_file_network((unsigned long)(int)0xff534d42), "CIFS"); /* as a 32-bit long says it */
    assert_null(kp_file_network(0xef53)); /* ext4 */
    assert_null(kp_file_network(0x01021994)); /* tmpfs */
}

static void a_file_on_a_network_file_system_is_refused_with_the_reason(void **state)
{
    struct kp_err err = { 0 };
    fs_type = 0x6969;
    assert_int_equal(kp_store_create(*state, "x", &err), KP_EREFUSED);
    assert_non_null(strstr(err.text, "on a network file system (NFS)"));
    assert_non_null(strstr(err.text, *state));
    assert_false(exists(*state, "factory.db"));
    fs_type = 0;
    err = (struct kp_err){ 0 };
    kp_store_create(*state, "x", &err);
    kit_ok(&err);
    fs_type = (long)0xfe534d42;
    refused(*state, KP_EREFUSED, "(SMB), where the data file would be damaged; use a local disk");
    fs_type = 0;
    kp_store_close(open_store(*state));
}

static void a_folder_with_a_name_too_long_is_refused(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    char path[KP_FILE_PATH], dir[KP_FILE_PATH + 10];
    memset(dir, 'a', sizeof dir - 1);
    dir[sizeof dir - 1] = 0;
    assert_int_equal(kp_file_path(path, dir, "factory.db", &err), KP_EINVALID);
}

/* ---- migration and rollback ---- */

static void an_older_file_is_brought_up_to_date_after_a_copy(void **state)
{
    make_old(*state);
    struct kp_store *s = open_store(*state);
    assert_int_equal(ask(in(*state, "factory.db.v0"), "pragma user_version"), 0);
    assert_int_equal(ask(in(*state, "factory.db.v0"), "select x from relic"), 42);
    kp_store_close(s);
    assert_int_equal(ask(in(*state, "factory.db"), "pragma user_version"), kp_schema_version());
    assert_int_equal(ask(in(*state, "factory.db"), "select x from relic"), 42);
    assert_int_equal(ask(in(*state, "factory.db"), "select count(*) from chunk"), 0);
    struct stat st;
    assert_int_equal(stat(in(*state, "factory.db.v0"), &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
}

static void a_migration_that_fails_changes_nothing(void **state)
{
    make_old(*state);
    run_sql(in(*state, "factory.db"), "create table chunk(in_the_way)");
    struct kp_err err = { 0 };
    assert_null(kp_store_open(*state, NULL, &err));
    assert_non_null(strstr(err.text, "version 1"));
    assert_int_equal(ask(in(*state, "factory.db"), "pragma user_version"), 0);
    assert_int_equal(ask(in(*state, "factory.db"), "select count(*) from sqlite_schema"), 2);
}

static void no_migration_without_its_copy(void **state)
{
    make_old(*state);
    assert_int_equal(mkdir(in(*state, "factory.db.v0.part"), 0700), 0);
    assert_int_equal(mkdir(in(*state, "factory.db.v0.part/x"), 0700), 0);
    struct kp_err err = { 0 };
    assert_null(kp_store_open(*state, NULL, &err));
    assert_non_null(strstr(err.text, "copy"));
    assert_int_equal(ask(in(*state, "factory.db"), "pragma user_version"), 0);
}

static void rollback_puts_the_copy_back_and_keeps_the_newer_file(void **state)
{
    struct kp_err err = { 0 };
    make_old(*state);
    struct kp_store *s = open_store(*state);
    kp_setting_put(s->db, "after", "yes", &err);
    kp_store_close(s); /* as a crash: what was put is in the WAL only */
    kp_store_rollback(*state, &err);
    kit_ok(&err);
    assert_int_equal(ask(in(*state, "factory.db"), "pragma user_version"), 0);
    assert_int_equal(ask(in(*state, "factory.db"), "select count(*) from sqlite_schema where name = 'setting'"), 0);
    assert_int_equal(ask(in(*state, "factory.db.newer"), "select count(*) from setting where key = 'after'"), 1);
    assert_false(exists(*state, "factory.db.v0"));
    assert_int_equal(kp_store_rollback(*state, &err), KP_ENOTFOUND);
}

static void rollback_does_not_lose_an_earlier_newer_file(void **state)
{
    struct kp_err err = { 0 };
    make_old(*state);
    kp_store_close(open_store(*state));
    run_sql(in(*state, "factory.db.newer"), "create table precious(x)");
    assert_int_equal(kp_store_rollback(*state, &err), KP_EEXISTS);
    assert_int_equal(ask(in(*state, "factory.db"), "pragma user_version"), kp_schema_version());
    assert_int_equal(ask(in(*state, "factory.db.newer"), "select count(*) from precious"), 0);
}

static void rollback_waits_for_nobody(void **state)
{
    struct kp_err err = { 0 };
    make_old(*state);
    struct kp_store *s = open_store(*state);
    assert_int_equal(kp_store_rollback(*state, &err), KP_EREFUSED); /* the node runs */
    kp_setting_put(s->db, "k", "v", NULL);
    struct kp_db *reader = kp_store_open_reader(in(*state, "factory.db"), &(struct kp_err){ 0 });
    kp_db_read_begin(reader, NULL);
    int64_t n;
    kp_db_number(reader, "select count(*) from setting", 0, &n, NULL);
    kp_setting_put(s->db, "k2", "v", NULL);
    kp_store_close(s);
    err = (struct kp_err){ 0 };
    assert_int_not_equal(kp_store_rollback(*state, &err), KP_OK); /* somebody reads */
    assert_false(exists(*state, "factory.db.newer"));
    kp_store_close_reader(reader);
    assert_int_equal(ask(in(*state, "factory.db"), "pragma user_version"), kp_schema_version());
}

static void the_newest_copy_is_the_one_put_back(void **state)
{
    struct kp_err err = { 0 };
    kp_store_create(*state, "x", &err);
    run_sql(in(*state, "factory.db.v1"), "create table one(x)");
    run_sql(in(*state, "factory.db.v3"), "create table three(x)");
    run_sql(in(*state, "factory.db.v2"), "create table two(x)");
    kp_store_rollback(*state, &err);
    kit_ok(&err);
    assert_int_equal(ask(in(*state, "factory.db"), "select count(*) from three"), 0);
}

/* ---- reading a file that is nobody's ---- */

static void a_file_is_read_while_its_node_runs_and_after_it_was_killed(void **state)
{
    struct kp_err err = { 0 };
    int64_t n;
    kp_store_create(*state, "x", &err);
    struct kp_store *s = open_store(*state);
    kp_setting_put(s->db, "k", "v", &err);
    struct kp_db *db = kp_store_open_reader(in(*state, "factory.db"), &err);
    kit_ok(&err);
    kp_db_number(db, "select count(*) from setting where key = 'k'", 0, &n, &err);
    assert_int_equal(n, 1);
    kp_store_close_reader(db);
    kp_store_close(s);
    assert_true(kp_file_size(in(*state, "factory.db-wal")) > 0);
    db = kp_store_open_reader(in(*state, "factory.db"), &err);
    kp_db_number(db, "select count(*) from setting where key = 'k'", 0, &n, &err);
    kit_ok(&err);
    assert_int_equal(n, 1);
    assert_int_equal(kp_db_exec(db, "delete from setting", &err), KP_EDENIED);
    kp_store_close_reader(db);
    assert_true(kp_file_size(in(*state, "factory.db-wal")) > 0); /* a reader does not tidy up */
}

static void a_file_in_a_folder_nobody_may_write_to_is_read_as_it_stands(void **state)
{
    struct kp_err err = { 0 };
    char dir[160];
    int64_t n = 0;
    snprintf(dir, sizeof dir, "%s/read only 50%%?", (char *)*state);
    assert_int_equal(mkdir(dir, 0700), 0);
    kp_store_create(dir, "x", &err);
    kit_ok(&err);
    unlink(in(dir, "factory.db-wal"));
    unlink(in(dir, "factory.db-shm"));
    assert_int_equal(chmod(*state, 0755) | chmod(in(dir, "factory.db"), 0444) | chmod(dir, 0555), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0); /* root may write anywhere */
    struct kp_db *db = kp_store_open_reader(in(dir, "factory.db"), &err);
    if (db)
        kp_db_number(db, "select count(*) from setting", 0, &n, &err);
    kp_store_close_reader(db);
    if (root)
        assert_int_equal(seteuid(0), 0);
    chmod(dir, 0700);
    kit_ok(&err);
    assert_int_equal(n, 1);
}

static void a_node_on_a_disk_it_may_not_write_to_is_refused_and_left_alone(void **state)
{
    struct kp_err err = { 0 };
    kp_store_create(*state, "x", &err);
    kit_ok(&err);
    assert_int_equal(chmod(in(*state, "factory.db"), 0444) | chmod(*state, 0555), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0);
    struct kp_store *s = kp_store_open(*state, NULL, &err);
    if (root)
        assert_int_equal(seteuid(0), 0);
    chmod(*state, 0700);
    assert_null(s);
    assert_int_equal(err.code, KP_EIO);
    assert_non_null(strstr(err.text, *state));
    assert_non_null(strstr(err.text, strerror(EACCES)));
    kp_store_close(open_store(*state)); /* as it was */
}

static void a_file_in_a_folder_with_an_odd_name_is_opened(void **state)
{
    struct kp_err err = { 0 };
    char dir[160];
    snprintf(dir, sizeof dir, "%s/100%% of? #it ü", (char *)*state);
    assert_int_equal(mkdir(dir, 0700), 0);
    kp_store_create(dir, "x", &err);
    kp_store_close(open_store(dir));
    struct kp_db *db = kp_store_open_reader(in(dir, "factory.db"), &err);
    kit_ok(&err);
    kp_store_close_reader(db);
}

static void reading_a_missing_file_says_so_and_makes_none(void **state)
{
    struct kp_err err = { 0 };
    assert_null(kp_store_open_reader(in(*state, "factory.db"), &err));
    assert_int_equal(err.code, KP_EIO);
    assert_false(exists(*state, "factory.db"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_new_file_is_private_and_knows_its_name),
        T(settings_are_put_replaced_and_removed),
        T(a_file_that_is_there_is_not_made_again),
        T(a_folder_that_is_missing_is_named),
        T(out_of_memory_making_a_file_leaves_none),
        T(a_second_opener_is_refused_and_told_who_has_it),
        T(a_file_of_a_newer_program_is_refused_and_left_alone),
        T(files_that_are_not_ours_are_refused),
        T(network_file_systems_are_known_by_their_type),
        T(a_file_on_a_network_file_system_is_refused_with_the_reason),
        T(a_folder_with_a_name_too_long_is_refused),
        T(an_older_file_is_brought_up_to_date_after_a_copy),
        T(a_migration_that_fails_changes_nothing),
        T(no_migration_without_its_copy),
        T(rollback_puts_the_copy_back_and_keeps_the_newer_file),
        T(rollback_does_not_lose_an_earlier_newer_file),
        T(rollback_waits_for_nobody),
        T(the_newest_copy_is_the_one_put_back),
        T(a_file_is_read_while_its_node_runs_and_after_it_was_killed),
        T(a_file_in_a_folder_nobody_may_write_to_is_read_as_it_stands),
        T(a_node_on_a_disk_it_may_not_write_to_is_refused_and_left_alone),
        T(a_file_in_a_folder_with_an_odd_name_is_opened),
        T(reading_a_missing_file_says_so_and_makes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
