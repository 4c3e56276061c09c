/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include <sys/stat.h>

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

static void offer_run(struct kit *k, int from, int n)
{
    struct kp_sample s[KP_BATCH_MAX];
    for (int i = 0; i < n; i++)
        s[i] = kit_sample(1 + (kp_signal)i % 40, KIT_NOW + (from + i) * KP_MILLISECOND, kp_double(from + i));
    kit_offer(k, s, (size_t)n);
    kit_sync(k);
}

static const char *target(struct kit *k, const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", k->dir, name);
    return path;
}

static void check_copy(struct kit *k, const char *file)
{
    struct kp_err err = { 0 };
    int64_t ok;
    struct kp_db *db = kp_store_open_reader(file, &err);
    kit_ok(&err);
    kit_check_db(k, db, 40);
    kp_db_number(db, "select count(*) from pragma_integrity_check where integrity_check = 'ok'", 0, &ok, &err);
    kit_ok(&err);
    assert_int_equal(ok, 1);
    kp_store_close_reader(db);
}

static void a_copy_has_everything_and_is_private(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct stat st;
    for (int i = 0; i < 20; i++)
        offer_run(k, i * 200, 200);
    kp_store_backup(k->store, target(k, "copy.db"), NULL, NULL, &err);
    kit_ok(&err);
    check_copy(k, target(k, "copy.db"));
    assert_int_equal(stat(target(k, "copy.db"), &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    assert_int_not_equal(access(target(k, "copy.db.part"), F_OK), 0);
}

static void a_copy_is_a_data_file_that_a_node_can_open(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char dir[64];
    offer_run(k, 0, 200);
    kit_scratch(dir);
    char file[100];
    snprintf(file, sizeof file, "%s/factory.db", dir);
    kp_store_backup(k->store, file, NULL, NULL, &err);
    kit_ok(&err);
    struct kit other = { .clock = k->clock, .all = k->all, .n = k->n };
    snprintf(other.dir, sizeof other.dir, "%s", dir);
    kit_open(&other);
    kit_check(&other, 40);
    kp_store_seal_all(other.store, &err);
    kit_check(&other, 40);
    kit_close(&other);
    kit_remove(dir);
}

struct watch {
    struct kit *k;
    int calls;
    int64_t done, total;
    int stop_after;
};

static bool progress(void *arg, int64_t done, int64_t total)
{
    struct watch *w = arg;
    assert_true(done >= 0 && done <= total && total > 0);
    w->done = done;
    w->total = total;
    if (w->k && done < total) { /* the ingest goes on between the steps, and reaches the copy */
        offer_run(w->k, 100000 + w->calls * 100, 100);
        if (w->calls % 3 == 0)
            kp_store_turn(w->k->store, 0);
    }
    return ++w->calls != w->stop_after;
}

static void fatten(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_db_exec(k->store->db, "insert into setting values('fat', hex(randomblob(2000000)))", &err);
    kit_ok(&err);
}

static void writing_goes_on_during_a_backup_without_starting_it_over(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct watch w = { .k = k };
    k->store->options.seal_points = 10;
    offer_run(k, 0, 200);
    fatten(k);
    kp_store_backup(k->store, target(k, "copy.db"), progress, &w, &err);
    kit_ok(&err);
    assert_true(w.calls >= 4 && w.calls < 40);
    assert_int_equal(w.done, w.total);
    check_copy(k, target(k, "copy.db"));
}

static void a_backup_that_is_stopped_leaves_nothing(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct watch w = { .stop_after = 2 };
    fatten(k);
    assert_int_equal(kp_store_backup(k->store, target(k, "copy.db"), progress, &w, &err), KP_ESTOPPED);
    assert_int_equal(w.calls, 2);
    assert_int_not_equal(access(target(k, "copy.db"), F_OK), 0);
    assert_int_not_equal(access(target(k, "copy.db.part"), F_OK), 0);
    offer_run(k, 0, 200);
    kit_check(k, 40);
}

static void a_file_that_is_there_is_not_overwritten(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_store_backup(k->store, target(k, "factory.db"), NULL, NULL, &err), KP_EEXISTS);
    assert_non_null(strstr(err.text, "factory.db"));
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    assert_int_equal(kp_store_backup(k->store, "/nowhere/at/all/copy.db", NULL, NULL, &err), KP_EIO);
    assert_non_null(strstr(err.text, "/nowhere/at/all/copy.db"));
    err = (struct kp_err){ 0 };
    char name[KP_FILE_PATH + 20];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(kp_store_backup(k->store, name, NULL, NULL, &err), KP_EINVALID);
}

static void a_backup_runs_beside_the_threads(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kit_close(k);
    k->store = kp_store_open(k->dir, &(struct kp_store_options){ .commit_every = 2 * KP_MILLISECOND }, &err);
    fatten(k);
    kp_store_start(k->store, &err);
    struct watch w = { 0 };
    for (int i = 0; i < 20; i++)
        offer_run(k, i * 200, 200);
    kp_store_backup(k->store, target(k, "copy.db"), progress, &w, &err);
    kit_ok(&err);
    kp_store_stop(k->store);
    check_copy(k, target(k, "copy.db"));
    assert_int_equal(kp_store_backup(k->store, target(k, "late.db"), NULL, NULL, &err), KP_ESTOPPED);
    assert_int_not_equal(access(target(k, "late.db.part"), F_OK), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_copy_has_everything_and_is_private),
        T(a_copy_is_a_data_file_that_a_node_can_open),
        T(writing_goes_on_during_a_backup_without_starting_it_over),
        T(a_backup_that_is_stopped_leaves_nothing),
        T(a_file_that_is_there_is_not_overwritten),
        T(a_place_that_cannot_be_written_is_named),
        T(a_backup_runs_beside_the_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
