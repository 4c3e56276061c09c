/* SPDX-License-Identifier: Apache-2.0 */
/* Backups by the clock: when they are made, which stay, that they can be restored, and what is told when not. */
#include "store_kit.h"

#include "core/hub_private.h"
#include "store/backup.h"
#include "store/care.h"
#include "store/secret.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#include "core/ban.h"

#define HOUR (3600 * KP_SECOND)
#define DAY (24 * HOUR)
#define PASSPHRASE "correct horse battery"

static char folder[64]; /* where the copies go */

static int begin(void **state)
{
    struct kp_err err = { 0 };
    struct kit *k = kit_new();
    kp_key_create(k->dir, &err);
    kit_ok(&err);
    kit_open(k);
    kit_hub(k);
    kp_key_load(k->store, k->dir, &err);
    kp_secret_put(k->store, "coupling/1/password", "s3cret", 6, &err);
    kit_ok(&err);
    kit_scratch(folder);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_remove(folder);
    kit_free(*state);
    return 0;
}

static void fill(struct kit *k)
{
    uint64_t seed = 4;
    for (int i = 0; i < 3000; i++) {
        struct kp_sample s = kit_sample(1 + i % 5, KIT_NOW - DAY + i * KP_SECOND, kp_double((double)kit_random(&seed)));
        kit_offer(k, &s, 1);
        if (i % 500 == 0)
            kit_sync(k);
    }
    kit_sync(k);
}

static void care(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_care_round(k->store, &err);
    kit_ok(&err);
}

static void plan(struct kit *k, int keep, const char *passphrase)
{
    struct kp_err err = { 0 };
    struct kp_backup_plan p = { .to = folder, .minute = 120, .keep = keep, .encrypted = passphrase };
    kp_backup_plan_put(k->store, &p, passphrase, &err);
    kit_ok(&err);
}

/* How many files; the last name in order in `out` (whole path). */
static int files(char out[KP_FILE_PATH])
{
    struct dirent **list;
    int n = scandir(folder, &list, NULL, alphasort), found = 0;
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            found++;
            snprintf(out, KP_FILE_PATH, "%s/%s", folder, list[i]->d_name);
        }
        free(list[i]);
    }
    free(list);
    return found;
}

static int files_in(const char *dir)
{
    struct dirent **list;
    int n = scandir(dir, &list, NULL, alphasort), found = 0;
    for (int i = 0; i < n; i++) {
        found += list[i]->d_name[0] != '.';
        free(list[i]);
    }
    free(list);
    return found;
}

static int64_t runs(struct kit *k, const char *where)
{
    char sql[200];
    snprintf(sql, sizeof sql, "select count(*) from backup_run where %s", where);
    return kit_number(k, sql);
}

static const char *told(const struct kit *k)
{
    for (size_t i = 0; i < k->hub->n_conditions; i++)
        if (strcmp(k->hub->conditions[i].key, "store-backup") == 0)
            return k->hub->conditions[i].text;
    return NULL;
}

static void no_fault(void *arg, const char *fault)
{
    (void)arg;
    fail_msg("%s", fault);
}

static void note_fault(void *arg, const char *fault)
{
    (void)fault;
    ++*(int *)arg;
}

/* The copy opens as a node of its own, with every value and the secret. */
static void check_restored(struct kit *k, const char *dir, bool secret)
{
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    void *data;
    size_t len;
    struct kp_store *s = kp_store_open(dir, &k->options, &err);
    kit_ok(&err);
    kp_key_load(s, dir, &err);
    kit_ok(&err);
    kit_check_db(k, s->db, 5);
    enum kp_code code = kp_secret_get(s, "coupling/1/password", &arena, &data, &len, &err);
    assert_int_equal(code, secret ? KP_OK : KP_ENOTFOUND);
    assert_true(!secret || (len == 6 && memcmp(data, "s3cret", 6) == 0));
    kp_arena_free(&arena);
    kp_store_close(s);
}

static void the_first_backup_is_made_at_once_and_then_one_a_day(void **state)
{
    struct kit *k = *state;
    char file[KP_FILE_PATH];
    fill(k);
    plan(k, 3, NULL);
    care(k);
    assert_int_equal(files(file), 1);
    care(k);
    assert_int_equal(files(file), 1);
    for (int day = 0; day < 6; day++) {
        kp_clock_advance(&k->clock, DAY);
        care(k);
        care(k);
        assert_int_equal(runs(k, "error is null"), day + 2);
    }
    assert_int_equal(files(file), 3);
    assert_int_equal(runs(k, "proven is not null"), 1); /* the first; the next proof is a week later */
    kp_clock_advance(&k->clock, DAY);
    care(k);
    assert_int_equal(runs(k, "proven is not null"), 2);
    assert_null(told(k));
}

static void a_plain_copy_is_restored_with_its_key_or_a_new_one(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char file[KP_FILE_PATH], dir[80], key[80];
    fill(k);
    plan(k, 3, NULL);
    care(k);
    assert_int_equal(files(file), 1);
    snprintf(dir, sizeof dir, "%s/.new", folder);
    snprintf(key, sizeof key, "%s/node.key", k->dir);
    struct kp_restore r = { .file = file, .dir = dir };
    assert_int_equal(kp_restore(&r, no_fault, NULL, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "holds no node.key"));
    assert_int_equal(access(dir, F_OK), -1); /* nothing is left */
    err = (struct kp_err){ 0 };
    r.key_file = key;
    kp_restore(&r, no_fault, NULL, &err);
    kit_ok(&err);
    assert_int_equal(files_in(dir), 2); /* factory.db and node.key */
    check_restored(k, dir, true);
    assert_int_equal(kp_restore(&r, no_fault, NULL, &err), KP_EEXISTS);
    err = (struct kp_err){ 0 };
    snprintf(dir, sizeof dir, "%s/.newer", folder);
    r.key_file = NULL;
    r.new_key = true;
    kp_restore(&r, no_fault, NULL, &err);
    kit_ok(&err);
    check_restored(k, dir, false);
}

static void an_encrypted_copy_needs_the_passphrase_and_nothing_else(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char file[KP_FILE_PATH], dir[80], scratch[80];
    fill(k);
    plan(k, 3, PASSPHRASE);
    care(k);
    assert_int_equal(files(file), 1);
    assert_int_equal(runs(k, "proven is not null"), 1);
    snprintf(scratch, sizeof scratch, "%s/factory.db.backup", k->dir);
    assert_int_equal(access(scratch, F_OK), -1); /* nothing in the clear stays */
    snprintf(scratch, sizeof scratch, "%s/backup-proof", k->dir);
    assert_int_equal(access(scratch, F_OK), -1);
    snprintf(dir, sizeof dir, "%s/.new", folder);
    struct kp_restore r = { .file = file, .dir = dir };
    assert_int_equal(kp_restore(&r, no_fault, NULL, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    r.passphrase = "wrong horse battery";
    assert_int_equal(kp_restore(&r, no_fault, NULL, &err), KP_EREFUSED);
    assert_int_equal(access(dir, F_OK), -1);
    err = (struct kp_err){ 0 };
    r.passphrase = PASSPHRASE;
    kp_restore(&r, no_fault, NULL, &err);
    kit_ok(&err);
    check_restored(k, dir, true);
    plan(k, 3, NULL); /* and the plan goes back to plain copies */
    kp_clock_advance(&k->clock, KP_SECOND);
    care(k);
    assert_int_equal(runs(k, "file like '%.db'"), 1);
}

static void change_byte(const char *file, long at)
{
    FILE *f = fopen(file, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 0x10, f);
    fclose(f);
}

static void a_changed_or_cut_encrypted_copy_is_refused(void **state)
{
    struct kit *k = *state;
    char file[KP_FILE_PATH], dir[80];
    fill(k);
    plan(k, 3, PASSPHRASE);
    care(k);
    files(file);
    snprintf(dir, sizeof dir, "%s/.new", folder);
    struct kp_restore r = { .file = file, .dir = dir, .passphrase = PASSPHRASE };
    long size = (long)kp_file_size(file);
    const long at[] = { 70, size / 2, size - 1 };
    for (size_t i = 0; i < 3; i++) {
        struct kp_err err = { 0 };
        change_byte(file, at[i]);
        assert_int_not_equal(kp_restore(&r, no_fault, NULL, &err), KP_OK);
        assert_int_equal(access(dir, F_OK), -1);
        change_byte(file, at[i]);
    }
    struct kp_err err = { 0 };
    assert_int_equal(truncate(file, size - 65536 - 17), 0);
    assert_int_equal(kp_restore(&r, no_fault, NULL, &err), KP_EPARSE);
}

static void a_backup_that_fails_is_an_alarm_until_one_succeeds(void **state)
{
    struct kit *k = *state;
    char file[KP_FILE_PATH], away[80];
    fill(k);
    plan(k, 3, NULL);
    care(k);
    snprintf(away, sizeof away, "%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    kp_clock_advance(&k->clock, DAY);
    care(k);
    assert_int_equal(runs(k, "error is not null"), 1);
    care(k);
    assert_int_equal(runs(k, "error is not null"), 1); /* not again at once */
    assert_non_null(strstr(told(k), "failed"));
    assert_int_equal(rename(away, folder), 0);
    kp_clock_advance(&k->clock, 16 * 60 * KP_SECOND);
    care(k);
    care(k);
    assert_null(told(k));
    assert_int_equal(files(file), 2);
}

static void a_copy_that_rots_is_found_by_the_proof(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char file[KP_FILE_PATH];
    fill(k);
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    plan(k, 3, NULL);
    care(k);
    files(file);
    struct kp_db *db = kp_db_open(file, KP_DB_WRITER, &err);
    kp_db_exec(db, "update chunk set data = substr(data, 1, length(data) - 1) || x'55'", &err);
    kp_db_checkpoint(db, true, &err);
    kit_ok(&err);
    kp_db_close(db);
    kp_backup_prove_now(k->store);
    care(k);
    care(k);
    assert_int_equal(runs(k, "error like 'it cannot be restored: %chunk%'"), 1);
    assert_non_null(told(k));
}

static void plans_that_cannot_work_are_refused(void **state)
{
    struct kit *k = *state;
    static const struct {
        struct kp_backup_plan plan;
        const char *passphrase, *why;
    } bad[] = {
        { { .to = "backups", .keep = 1 }, NULL, "absolute" },
        { { .to = "/does/not/exist", .keep = 1 }, NULL, "No such file" },
        { { .to = "/dev/null", .keep = 1 }, NULL, "is no folder" },
        { { .to = "/proc", .keep = 1 }, NULL, "no file can be made in /proc" },
        { { .to = folder, .keep = 0 }, NULL, "from 1 to 1000" },
        { { .to = folder, .keep = 1, .minute = 1440 }, NULL, "00:00 to 23:59" },
        { { .to = folder, .keep = 1, .encrypted = true }, NULL, "needs a passphrase" },
        { { .to = folder, .keep = 1, .encrypted = true }, "short", "shorter than 12" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kp_err err = { 0 };
        assert_int_equal(kp_backup_plan_put(k->store, &bad[i].plan, bad[i].passphrase, &err), KP_EINVALID);
        assert_non_null(strstr(err.text, bad[i].why));
    }
    care(k);
    assert_int_equal(runs(k, "true"), 0);
}

static void the_time_of_day_is_that_of_the_wall(void **state)
{
    (void)state;
    int minute;
    assert_true(kp_minute_parse("02:30", &minute) && minute == 150);
    assert_true(kp_minute_parse("23:59", &minute) && minute == 1439);
    assert_false(kp_minute_parse("24:00", &minute) || kp_minute_parse("2:30", &minute) || kp_minute_parse("02:60", &minute) ||
                 kp_minute_parse("02:3x", &minute) || kp_minute_parse("", &minute));
    setenv("TZ", "Europe/Amsterdam", 1);
    tzset();
    const int64_t march = INT64_C(1774749600) * KP_SECOND; /* 2026-03-29T03:00+01:00 = 02:00Z, an hour after the jump */
    assert_true(kp_backup_last_due(120, KIT_NOW) == KIT_NOW - 9 * HOUR); /* 10:00Z is 11:00 there */
    assert_true(kp_backup_last_due(720, KIT_NOW) == KIT_NOW - 23 * HOUR);
    for (int64_t at = march - DAY; at < march + DAY; at += HOUR / 2) {
        int64_t due = kp_backup_last_due(150, at);
        assert_true(due <= at && due > at - DAY - 2 * HOUR);
    }
    unsetenv("TZ");
    tzset();
}

static void *care_in_a_thread(void *arg)
{
    struct kp_err err = { 0 }; /* what it did is looked at behind it */
    kp_care_round(((struct kit *)arg)->store, &err);
    return NULL;
}

static void it_is_no_faster_than_was_set_and_says_how_far_it_is(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    char file[KP_FILE_PATH];
    pthread_t thread;
    fill(k);
    kp_db_checkpoint(k->store->db, true, &err);
    struct kp_backup_plan read, p = { .to = folder, .minute = 120, .keep = 3, .rate = kp_file_size(k->store->file) };
    kp_backup_plan_put(k->store, &p, NULL, &err);
    kit_ok(&err);
    struct kp_db *db = kp_store_reader(k->store, &err);
    kp_backup_plan_read(db, &arena, &read, &err);
    kp_store_reader_done(k->store, db);
    assert_true(read.rate == p.rate);
    assert_int_equal(pthread_create(&thread, NULL, care_in_a_thread, k), 0);
    struct kp_backup_state now = { 0 };
    for (int i = 0; i < 60000 && !(now.running && now.total); i++) { /* it takes about a second */
        usleep(1000);
        now = kp_backup_state(k->store);
    }
    assert_true(now.running && now.done > 0 && now.done <= now.total && now.total >= p.rate / 2);
    pthread_join(thread, NULL);
    assert_false(kp_backup_state(k->store).running);
    assert_int_equal(files(file), 1);
    assert_int_equal(runs(k, "error is null and ms >= 800"), 1);
    p.rate = 1;
    assert_int_equal(kp_backup_plan_put(k->store, &p, NULL, &err), KP_EINVALID);
    kp_arena_free(&arena);
}

static void a_damaged_file_is_not_restored(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char file[KP_FILE_PATH], dir[80];
    int faults = 0;
    fill(k);
    kp_store_seal_all(k->store, &err);
    plan(k, 3, NULL);
    care(k);
    files(file);
    struct kp_db *db = kp_db_open(file, KP_DB_WRITER, &err);
    kp_db_exec(db, "update chunk set n = n + 1", &err);
    kp_db_checkpoint(db, true, &err);
    kp_db_close(db);
    kit_ok(&err);
    snprintf(dir, sizeof dir, "%s/.new", folder);
    struct kp_restore r = { .file = file, .dir = dir, .new_key = true };
    assert_int_equal(kp_restore(&r, note_fault, &faults, &err), KP_EPARSE);
    assert_true(faults > 0);
    assert_int_equal(access(dir, F_OK), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_backup_is_made_at_once_and_then_one_a_day),
        TEST(a_plain_copy_is_restored_with_its_key_or_a_new_one),
        TEST(an_encrypted_copy_needs_the_passphrase_and_nothing_else),
        TEST(a_changed_or_cut_encrypted_copy_is_refused),
        TEST(a_backup_that_fails_is_an_alarm_until_one_succeeds),
        TEST(a_copy_that_rots_is_found_by_the_proof),
        TEST(plans_that_cannot_work_are_refused),
        cmocka_unit_test(the_time_of_day_is_that_of_the_wall),
        TEST(it_is_no_faster_than_was_set_and_says_how_far_it_is),
        TEST(a_damaged_file_is_not_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
