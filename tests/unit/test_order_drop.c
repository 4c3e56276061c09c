/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of orders over a store, turned by hand: what is whole, what waits, what a lack of memory,
 * a stuck folder or a crash does to a file. */
#include "store_kit.h"

#include "flex/drop.h"
#include "flex/order.h"
#include "net/json_memory.h"

#include <dirent.h>
#include <sys/stat.h>

#include "core/ban.h"

static struct kit *k;
static struct kp_shop *shop;
static struct kp_inbox *inbox;

static void open_inbox(void)
{
    struct kp_err err = { 0 };
    inbox = kp_inbox_new(shop, k->dir, &err);
    kit_ok(&err);
    kp_inbox_turn(inbox);
}

static int begin(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    kp_json_memory_init();
    k = kit_new();
    kit_open(k);
    kit_hub(k);
    shop = kp_shop_new(k->hub, k->store, &k->clock.clock, &err);
    kp_model_make_path(kp_hub_model(k->hub), "hall/mill", KP_MACHINE, &err);
    kp_shop_put_document(shop, KP_SHOP_FOLDERS,
                         "{\"folders\":[{\"name\":\"a\",\"quiet\":\"2s\",\"patience\":\"10m\"},"
                         "{\"name\":\"b\",\"format\":\"ubl21\"}]}",
                         &err);
    kit_ok(&err);
    open_inbox();
    return 0;
}

static int finish(void **state)
{
    (void)state;
    kp_inbox_free(inbox);
    kp_shop_free(shop);
    kit_free(k);
    return 0;
}

/* ---- files ---- */
static void path_of(char out[400], const char *folder, const char *name)
{
    snprintf(out, 400, "%s/orders/%s/%s", k->dir, folder, name);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[400];
    path_of(path, folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static bool is_there(const char *folder, const char *name)
{
    char path[400];
    struct stat st;
    path_of(path, folder, name);
    return lstat(path, &st) == 0;
}

/* How many names in that folder begin so. */
static unsigned count(const char *folder, const char *part, const char *start)
{
    char path[400];
    unsigned n = 0;
    path_of(path, folder, part);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += strncmp(e->d_name, start, strlen(start)) == 0;
    closedir(dir);
    return n;
}

static void later(int64_t seconds)
{
    kp_inbox_turn(inbox);
    kp_clock_advance(&k->clock, seconds * KP_SECOND);
    kp_inbox_turn(inbox);
}

static int64_t number(const char *sql)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    struct kp_stmt *s = kp_db_prepare(db, sql, &err);
    kit_ok(&err);
    int64_t n = kp_step(s, &err) ? kp_column_int(s, 0) : -1;
    kp_reset(s);
    kp_store_reader_done(k->store, db);
    return n;
}

/* ---- what is taken when ---- */
static void a_file_waits_until_it_is_still_and_whole_and_not_for_ever(void **state)
{
    (void)state;
    put("a", "in/whole.csv", "number;quantity\n1;2\n");
    put("a", "in/half.csv", "number;quantity\n1;2");
    put("b", "in/half.xml", "<?xml version=\"1.0\"?><Order><a>b</a>");
    later(1);
    assert_true(is_there("a", "in/whole.csv"));
    later(1);
    assert_true(is_there("a", "done/whole.csv"));
    assert_true(is_there("a", "in/half.csv") && is_there("b", "in/half.xml"));
    later(590);
    assert_true(is_there("a", "in/half.csv") && is_there("b", "in/half.xml"));
    later(10);
    assert_true(is_there("a", "error/half.csv") && is_there("a", "error/half.csv.txt"));
    assert_true(is_there("b", "error/half.xml") && is_there("b", "error/half.xml.txt"));
    assert_int_equal(number("select count(*) from work_order"), 1);
}

static void names_of_others_are_left_alone(void **state)
{
    static const char *const names[] = { "in/.hidden",     "in/x.csv.tmp",   "in/x.part",   "in/x~",
                                         "in/~$book.xlsx", "in/desktop.ini", "in/Thumbs.db" };
    char link[400], folder[400];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put("a", names[i], "number;quantity\n1;2\n");
    path_of(link, "a", "in/link.csv");
    path_of(folder, "a", "in/folder.csv");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(mkdir(folder, 0755), 0);
    later(3600);
    later(3600);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(is_there("a", names[i]));
    assert_true(is_there("a", "in/link.csv") && is_there("a", "in/folder.csv"));
    assert_int_equal(number("select count(*) from order_file"), 0);
}

static void the_older_file_is_taken_first(void **state)
{
    char first[400], second[400];
    struct kp_err err = { 0 };
    (void)state;
    kp_shop_put_document(
        shop, KP_SHOP_FOLDERS,
        "{\"folders\":[{\"name\":\"a\",\"quiet\":\"2s\",\"changes\":\"replace\"}]}", &err);
    kit_ok(&err);
    put("a", "in/z.csv", "number;quantity\n1;10\n");
    put("a", "in/a.csv", "number;quantity\n1;12\n");
    path_of(first, "a", "in/z.csv");
    path_of(second, "a", "in/a.csv");
    struct timespec t[2] = { { 1700000000, 0 }, { 1700000000, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, first, t, 0), 0);
    t[1].tv_sec++;
    assert_int_equal(utimensat(AT_FDCWD, second, t, 0), 0);
    later(2);
    assert_int_equal(number("select quantity from work_order"), 12);
    assert_int_equal(count("a", "done", ""), 4); /* with . and .. */
}

static void a_file_with_the_longest_name_there_is_gets_its_reason_too(void **state)
{
    char name[260] = "in/", reason[260];
    (void)state;
    memset(name + 3, 'n', 255);
    put("a", name, "number;quantity\n1;x\n");
    later(2);
    assert_false(is_there("a", name));
    snprintf(reason, sizeof reason, "error/%.240s.txt", name + 3);
    assert_true(is_there("a", reason));
}

static void a_name_in_the_letters_of_windows_is_taken_and_told_in_ours(void **state)
{
    (void)state;
    put("a", "in/m\xe4rz.csv", "number;quantity\n1;x\n");
    put("a",
        "in/\xfc"
        "ber.csv",
        "number;quantity\n1;2\n");
    later(2);
    assert_true(is_there("a", "error/m\xe4rz.csv") && is_there("a", "done/\xfc"
                                                                    "ber.csv"));
    assert_int_equal(number("select count(*) from order_file where name in "
                            "('m\xef\xbf\xbdrz.csv', '\xef\xbf\xbd"
                            "ber.csv')"),
                     2);
}

/* ---- what goes wrong ---- */
static void a_file_that_cannot_be_moved_is_taken_once_and_moved_later(void **state)
{
    char done[400], aside[400];
    (void)state;
    path_of(done, "a", "done");
    path_of(aside, "a", "aside");
    assert_int_equal(rename(done, aside), 0);
    put("a", "done", "in the way");
    put("a", "in/x.csv", "number;quantity\n1;2\n2;3\n");
    later(2);
    assert_true(is_there("a", "in/x.csv"));
    assert_int_equal(number("select count(*) from work_order"), 2);
    kp_inbox_free(inbox); /* the node ends and comes back */
    assert_int_equal(unlink(done), 0);
    open_inbox();
    later(2);
    assert_true(is_there("a", "done/x.csv"));
    assert_int_equal(number("select count(*) from work_order"), 2);
    assert_int_equal(number("select count(*) from order_file where result = 'repeated'"), 1);
}

static void a_folder_that_is_taken_away_is_made_again(void **state)
{
    char path[400];
    (void)state;
    path_of(path, "a", "");
    kit_remove(path);
    later(1);
    later(1);
    assert_true(is_there("a", "in") && is_there("a", "error"));
    put("a", "in/x.csv", "number;quantity\n1;2\n");
    later(2);
    assert_true(is_there("a", "done/x.csv"));
}

/* Fails the nth allocation of a round; whether there were so many. */
static bool starve(long n)
{
    long before = kp_mem_count();
    kp_mem_fail_at(n);
    kp_inbox_turn(inbox);
    kp_mem_fail_at(0);
    return kp_mem_count() - before >= n;
}

static void without_memory_a_file_waits_and_is_not_refused(void **state)
{
    bool failed = true;
    (void)state;
    for (long n = 1; failed; n++) {
        char name[40], text[100];
        snprintf(name, sizeof name, "in/%ld.csv", n);
        snprintf(text, sizeof text, "number;quantity;machine\n%ld;1;hall/mill\n%ld-b;1;\n", n, n);
        put("a", name, text);
        later(1);
        kp_clock_advance(&k->clock, KP_SECOND);
        failed = starve(n);
        later(60);
        assert_int_equal(number("select count(*) from work_order"), 2 * n);
        assert_int_equal(count("a", "done", "") - 2, n);
        assert_int_equal(count("a", "error", "") - 2, 0);
        assert_true(n < 2000);
    }
}

static void work(int64_t operation)
{
    struct kp_err err = { 0 };
    struct kp_operation_acted acted;
    int64_t good = 1;
    struct kp_operation_act act = {
        .verb = KP_OPERATION_START, .at = KP_NO_TIME, .asset = "hall/mill", .via = "rest"
    };
    kp_operation_act(shop, operation, &act, &acted, &err);
    kp_clock_advance(&k->clock, KP_SECOND);
    act.verb = KP_OPERATION_INTERRUPT;
    act.good = &good;
    act.scrap = &good;
    kp_operation_act(shop, operation, &act, &acted, &err);
    kit_ok(&err);
}

static void without_memory_a_booking_goes_out_later_and_once(void **state)
{
    bool failed = true;
    (void)state;
    put("a", "in/x.csv", "number;quantity\n1;100\n");
    later(2);
    for (long n = 1; failed; n++) {
        char file[40];
        work(1);
        failed = starve(n);
        later(60);
        snprintf(file, sizeof file, "bookings-%ld-%ld.csv", n, n);
        assert_int_equal(count("a", "out", file), 1);
        assert_int_equal(count("a", "out", "bookings-"), n);
        assert_int_equal(count("a", "out", ".bookings-"), 0);
        assert_true(n < 2000);
    }
}

static void what_a_crash_left_aside_is_shown_when_it_was_marked_and_else_made_anew(void **state)
{
    char file[400], aside[400];
    (void)state;
    put("a", "in/x.csv", "number;quantity\n1;100\n");
    later(2);
    work(1);
    later(2);
    path_of(file, "a", "out/bookings-1-1.csv");
    path_of(aside, "a", "out/.bookings-1-1.csv.part");
    assert_int_equal(rename(file, aside), 0);
    put("a", "out/.bookings-2-2.csv.part", "half of");
    put("a", "out/.order-9.xml.part", "half of");
    put("a", "out/.answer-9-accepted-x.xml.part", "half of");
    kp_inbox_free(inbox);
    open_inbox();
    assert_true(is_there("a", "out/bookings-1-1.csv"));
    assert_int_equal(count("a", "out", ""), 3);
}

static void an_answer_that_somebody_changes_meanwhile_is_written_again(void **state)
{
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_order before, now;
    struct kp_confirm confirm = { "changed", KIT_NOW, NULL };
    bool marked = true;
    (void)state;
    put("a", "in/x.csv", "number;quantity\n1;100\n");
    later(2);
    kp_orders_confirm(shop, 1, &confirm, &err);
    kp_orders_get(shop, 1, &arena, &before, &err);
    confirm.promised += KP_SECOND;
    kp_orders_confirm(shop, 1, &confirm, &err);
    kp_order_told(shop, &before, &marked, &err);
    kit_ok(&err);
    assert_false(marked);
    kp_orders_get(shop, 1, &arena, &now, &err);
    assert_null(now.told);
    kp_order_told(shop, &now, &marked, &err);
    assert_true(marked);
    kp_order_tell_again(shop, 1, &err);
    kp_orders_get(shop, 1, &arena, &now, &err);
    kit_ok(&err);
    assert_null(now.told);
    kp_arena_free(&arena);
}

static void a_log_without_memory_is_a_failure_and_nothing_else(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    put("a", "in/x.csv", "number;quantity\n1;x\n");
    later(2);
    for (long n = 1;; n++) {
        struct kp_buf out;
        struct kp_json j = kp_json(&out);
        struct kp_inbox_query q = { .limit = 10 };
        memset(&err, 0, sizeof err);
        kp_buf_init(&out, 1 << 16);
        kp_mem_fail_at(n);
        kp_inbox_log(shop, &q, &j, &err);
        bool good = !err.code && !out.failed;
        kp_mem_fail_at(0);
        if (good)
            assert_non_null(strstr(kp_buf_text(&out), "\"result\":\"refused\""));
        kp_buf_free(&out);
        if (good)
            break;
        assert_true(n < 1000);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_file_waits_until_it_is_still_and_whole_and_not_for_ever),
        TEST(names_of_others_are_left_alone),
        TEST(the_older_file_is_taken_first),
        TEST(a_file_with_the_longest_name_there_is_gets_its_reason_too),
        TEST(a_name_in_the_letters_of_windows_is_taken_and_told_in_ours),
        TEST(an_answer_that_somebody_changes_meanwhile_is_written_again),
        TEST(a_file_that_cannot_be_moved_is_taken_once_and_moved_later),
        TEST(a_folder_that_is_taken_away_is_made_again),
        TEST(without_memory_a_file_waits_and_is_not_refused),
        TEST(without_memory_a_booking_goes_out_later_and_once),
        TEST(what_a_crash_left_aside_is_shown_when_it_was_marked_and_else_made_anew),
        TEST(a_log_without_memory_is_a_failure_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
