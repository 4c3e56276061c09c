/* SPDX-License-Identifier: Apache-2.0 */
/* koppel check: every damage is found and its place named. */
#include "store_kit.h"

#include "core/ban.h"

struct faults {
    int n;
    char all[4000];
};

static void found(void *arg, const char *fault)
{
    struct faults *f = arg;
    size_t n = strlen(f->all);
    f->n++;
    snprintf(f->all + n, sizeof f->all - n, "%s\n", fault);
}

static int begin(void **state)
{
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    kit_no_young(k);
    kit_open(k);
    kp_db_exec(k->store->db,
               "insert into asset(id, parent, name, kind, label) values(1, 0, 'hall', 'area', 'inherit');"
               "insert into signal(id, asset, name, type, label, stored, writable, coupling) values"
               "(1, 1, 't', 'double', 'inherit', 1, 0, 0), (2, 1, 'p', 'string', 'inherit', 1, 0, 0)", &err);
    for (int i = 0; i < 50; i++) {
        struct kp_sample s[] = { kit_sample(1, KIT_NOW + i * KP_SECOND, kp_double(i / 10.0)),
                                 kit_sample(2, KIT_NOW + i * KP_SECOND, kp_string("abc", 3)) };
        kit_offer(k, s, 2);
    }
    kp_store_seal_all(k->store, &err);
    struct kp_sample s = kit_sample(1, KIT_NOW + 60 * KP_SECOND, kp_double(1));
    kit_offer(k, &s, 1);
    kit_sync(k);
    kit_ok(&err);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static struct faults check(struct kit *k)
{
    struct faults f = { 0 };
    struct kp_err err = { 0 };
    int n = kp_store_check(k->store->file, found, &f, &err);
    kit_ok(&err);
    assert_int_equal(n, f.n);
    return f;
}

static void spoil(struct kit *k, const char *sql)
{
    struct kp_err err = { 0 };
    kp_db_exec(k->store->db, sql, &err);
    kit_ok(&err);
}

static void a_sound_file_has_no_faults(void **state)
{
    struct faults f = check(*state);
    assert_string_equal(f.all, "");
    struct kit *k = *state; /* nor while it is written to */
    struct kp_sample s = kit_sample(2, KIT_NOW + 61 * KP_SECOND, kp_string("x", 1));
    kit_offer(k, &s, 1);
    kit_sync(k);
    assert_int_equal(check(k).n, 0);
}

/* One bit of a blob, through SQLite's own means. */
static void flip(struct kit *k, const char *table, int64_t id, size_t bit)
{
    sqlite3_blob *blob;
    unsigned char byte;
    assert_int_equal(sqlite3_blob_open(k->store->db->handle, "main", table, "data", id, 1, &blob), SQLITE_OK);
    int offset = (int)(bit / 8 % (size_t)sqlite3_blob_bytes(blob));
    sqlite3_blob_read(blob, &byte, 1, offset);
    byte ^= (unsigned char)(1u << bit % 8);
    sqlite3_blob_write(blob, &byte, 1, offset);
    assert_int_equal(sqlite3_blob_close(blob), SQLITE_OK);
}

static void each_flipped_bit_of_a_blob_is_found_and_named(void **state)
{
    struct kit *k = *state;
    static const char *const tables[] = { "chunk", "journal", "snapshot" };
    uint64_t seed = 7;
    for (size_t t = 0; t < 3; t++) {
        char sql[60];
        snprintf(sql, sizeof sql, "select %s from %s", t == 2 ? "stripe" : "id", tables[t]);
        int64_t id = kit_number(k, sql);
        for (int i = 0; i < 25; i++) {
            size_t bit = kit_random(&seed) % 20000;
            flip(k, tables[t], id, bit);
            struct faults f = check(k);
            assert_int_equal(f.n, 1);
            assert_non_null(strstr(f.all, tables[t]));
            snprintf(sql, sizeof sql, " %lld", (long long)id);
            assert_non_null(strstr(f.all, sql));
            flip(k, tables[t], id, bit);
        }
    }
    assert_int_equal(check(k).n, 0);
}

static void columns_that_lie_are_found(void **state)
{
    static const char *const lies[] = { "n = n + 1", "good = good - 1", "t0 = t0 - 1", "t1 = t1 + 1", "vmin = vmin - 1",
                                        "vmax = vmax + 1", "vsum = vsum + 1", "vfirst = 7", "vlast = 7", "area = area + 1",
                                        "bad = 1", "good_ns = good_ns - 1", "bad_ns = 1", "held = 2" };
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "begin; update chunk set %s where id >> 36 = 1; commit", lies[i]);
        spoil(k, sql);
        assert_non_null(strstr(check(k).all, "columns"));
        kit_free(k);
        begin(state);
        k = *state;
    }
}

static void references_that_lead_nowhere_are_found(void **state)
{
    struct kit *k = *state;
    spoil(k, "update asset set parent = 77 where id = 1");
    assert_non_null(strstr(check(k).all, "asset 1 (hall) lies under asset 77"));
    spoil(k, "delete from asset");
    struct faults f = check(k);
    assert_int_equal(f.n, 2);
    assert_non_null(strstr(f.all, "signal 1 (t) belongs to asset 1"));
    spoil(k, "insert into seal(stripe, cut, done) values(16, 1, 1)");
    assert_non_null(strstr(check(k).all, "stripe 16"));
    spoil(k, "update signal set span = 0");
    assert_non_null(strstr(check(k).all, "span"));
}

static void what_is_noted_of_all_chunks_and_rollups_is_checked(void **state)
{
    static const char *const lies[] = { "update stored set points = points + 1 where signal = 1",
                                        "update stored set bytes = 0 where signal = 1", "delete from stored where signal = 1",
                                        "update stored set t1 = t1 - 1 where signal = 1" };
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        spoil(k, lies[i]);
        struct faults f = check(k);
        assert_int_equal(f.n, 1);
        assert_non_null(strstr(f.all, "signal 1: what is noted"));
        kit_free(k);
        begin(state);
        k = *state;
    }
    spoil(k, "insert into rollup(id, data) values((1 << 36) + 5, x'0102')");
    assert_non_null(strstr(check(k).all, "rollup 68719476741 of signal 1"));
}

static void rows_put_aside_are_told(void **state)
{
    struct kit *k = *state;
    spoil(k, "update journal set id = id + (16 << 48)");
    struct faults f = check(k);
    assert_int_equal(f.n, 1);
    assert_non_null(strstr(f.all, "put aside"));
}

static void damaged_pages_are_found(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_db_checkpoint(k->store->db, true, &err);
    kit_ok(&err);
    int64_t page = kit_number(k, "select rootpage from sqlite_schema where name = 'signal'");
    int fd = open(k->store->file, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "garbage garbage garbage", 23, (page - 1) * KP_PAGE), 23);
    close(fd);
    assert_true(check(k).n > 0);
}

static void a_file_that_is_none_is_an_error_not_a_fault(void **state)
{
    struct faults f = { 0 };
    struct kp_err err = { 0 };
    (void)state;
    assert_int_equal(kp_store_check("/nowhere/factory.db", found, &f, &err), -1);
    assert_int_equal(err.code, KP_EIO);
    assert_int_equal(f.n, 0);
}

static void out_of_memory_checking_leaks_nothing(void **state)
{
    struct kit *k = *state;
    long n = 1;
    for (bool failed = true; failed; n++) {
        struct faults f = { 0 };
        struct kp_err err = { 0 };
        long live = kp_mem_live(), before = kp_mem_count();
        kp_mem_fail_at(n);
        kp_store_check(k->store->file, found, &f, &err);
        failed = kp_mem_count() - before >= n;
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), live);
        assert_int_equal(failed, err.code == KP_ENOMEM || f.n > 0);
    }
    print_message("points of failure: %ld\n", n - 2);
    assert_true(n > 5);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_sound_file_has_no_faults),
        T(each_flipped_bit_of_a_blob_is_found_and_named),
        T(columns_that_lie_are_found),
        T(references_that_lead_nowhere_are_found),
        T(what_is_noted_of_all_chunks_and_rollups_is_checked),
        T(rows_put_aside_are_told),
        T(damaged_pages_are_found),
        T(a_file_that_is_none_is_an_error_not_a_fault),
        T(out_of_memory_checking_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
