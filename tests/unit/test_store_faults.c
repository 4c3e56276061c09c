/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails: at every write and sync in turn, once or until it is mended, with errors, short writes and
 * no room. After each: what was acknowledged is there, nothing is doubled, and the store goes on by itself. */
#include "fault_kit.h"

#include "store/care.h"
#include "store/quarantine.h"

#include "core/ban.h"

/* ---- the story each fault falls into ---- */

enum { SIGNALS = 70, ROUNDS = 8 };

static void offer_round(struct kit *k, int round)
{
    struct kp_sample s[SIGNALS];
    for (kp_signal i = 0; i < SIGNALS; i++) {
        s[i] = kit_sample(i + 1, KIT_NOW + round * KP_SECOND + i, kp_double(round + i / 10.0));
        if (i % 7 == 0)
            s[i].value = kp_string("some text that has a length", 27);
    }
    kit_offer(k, s, SIGNALS);
}

static void copy_file(const char *from, const char *to, const char *end)
{
    char a[160], b[160], buf[65536];
    snprintf(a, sizeof a, "%s/factory.db%s", from, end);
    snprintf(b, sizeof b, "%s/factory.db%s", to, end);
    FILE *in = fopen(a, "rb"), *out = fopen(b, "wb");
    assert_non_null(out);
    for (size_t n; in && (n = fread(buf, 1, sizeof buf, in)) > 0;)
        assert_int_equal(fwrite(buf, 1, n, out), n);
    if (in)
        fclose(in);
    fclose(out);
}

/* What another start would find now: of each signal all that was acknowledged, and no point twice or out of turn. */
static void check_after_kill(struct kit *k, size_t acked)
{
    struct kit copy = { .clock = k->clock, .options = k->options };
    long at = plan.at;
    plan.at = 0;
    kit_scratch(copy.dir);
    copy_file(k->dir, copy.dir, "");
    copy_file(k->dir, copy.dir, "-wal");
    kit_open(&copy);
    for (kp_signal s = 1; s <= SIGNALS; s += 23) {
        struct kit_points is = kit_read(copy.store->db, s, INT64_MIN, INT64_MAX);
        struct kit_points want = kit_expect(k, s, INT64_MIN, INT64_MAX);
        assert_true(is.n >= acked / SIGNALS && is.n <= want.n);
        want.n = is.n;
        kit_compare(&is, &want);
        kit_points_free(&is);
        kit_points_free(&want);
    }
    kit_close(&copy);
    kit_remove(copy.dir);
    plan.at = at;
}

/* Rounds of offering, committing and sealing. Returns how often the disk failed. */
static long tell(enum fault kind, long nth, bool lasting)
{
    struct kit *k = kit_new();
    size_t acked = 0;
    k->options.seal_points = 3;
    k->options.seal_bytes = 2000;
    k->options.young_bytes = 600; /* dealt out every few rounds */
    kit_open(k);
    k->store->checkpoint_at = 8;
    plan_fault(kind, nth, lasting);
    for (int round = 0; round < ROUNDS; round++) {
        struct kp_err err = { 0 };
        offer_round(k, round);
        if (kp_store_sync(k->store, &err) == KP_OK) {
            acked = k->n;
        } else {
            assert_true(kp_store_stats(k->store).stalled);
            assert_true(kp_store_stats(k->store).write_errors > 0);
            check_after_kill(k, acked);
        }
        for (int i = 0; i < 3; i++)
            kp_store_turn(k->store, 0);
        kp_clock_advance(&k->clock, 2 * KP_SECOND);
        k->store->checkpoint_at = 8;
    }
    plan.at = 0;
    while (kp_store_turn(k->store, 0)) /* the disk is mended: it goes on by itself */
        kp_clock_advance(&k->clock, 2 * KP_SECOND);
    kit_sync(k);
    assert_false(kp_store_stats(k->store).stalled);
    assert_int_equal(kp_store_stats(k->store).samples, k->n);
    kit_check(k, SIGNALS);
    kit_close(k);
    kit_open(k);
    kit_check(k, SIGNALS);
    struct kp_err err = { 0 };
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    kit_check(k, SIGNALS);
    kit_free(k);
    return plan.hits;
}

static void every_fault(bool lasting)
{
    for (int kind = 0; kind < FAULTS; kind++) {
        long n = 1;
        while (tell((enum fault)kind, n, lasting))
            n += lasting && kind != FAIL_SYNC ? 7 : 1;
        print_message("%s: %ld places\n", fault_names[kind], n - 1);
        assert_true(n > 10);
    }
}

static void a_fault_at_any_place_loses_and_doubles_nothing(void **state)
{
    (void)state;
    every_fault(false);
}

static void a_disk_that_fails_for_long_loses_and_doubles_nothing(void **state)
{
    (void)state;
    every_fault(true);
}

/* ---- the quarantine ---- */

enum { HELD_ROUNDS = 7, HELD_EACH = 3 };

static void hold_round(struct kit *k, int round)
{
    struct kp_batch *b = kp_batch_new(1);
    b->held = true;
    b->arrived = k->clock.now;
    for (int i = 0; i < HELD_EACH; i++) {
        struct kp_sample s = kit_sample((kp_signal)(1000 + 64 * i), KIT_NOW + 10000 * KP_SECOND + round,
                                        kp_int(round * HELD_EACH + i));
        assert_true(kp_batch_add(b, &s));
    }
    assert_true(kp_store_offer(k->store, b));
}

static bool count_held(void *arg, const struct kp_held_sample *s)
{
    ((int *)arg)[s->sample.value.i]++;
    return true;
}

/* Each is held or in the history, and that once. */
static void check_held(struct kit *k, int rounds)
{
    int seen[HELD_ROUNDS * HELD_EACH] = { 0 };
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    kit_ok(&err);
    kp_held_list(db, &(struct kp_held_filter){ .from = KP_NO_TIME }, 1000, count_held, seen, &err);
    kit_ok(&err);
    for (int i = 0; i < HELD_EACH; i++) {
        struct kit_points p = kit_read(db, (kp_signal)(1000 + 64 * i), INT64_MIN, INT64_MAX);
        for (size_t j = 0; j < p.n; j++)
            seen[p.s[j].value.i]++;
        kit_points_free(&p);
    }
    kp_store_reader_done(k->store, db);
    for (int i = 0; i < rounds * HELD_EACH; i++)
        if (seen[i] != 1)
            fail_msg("value %d is there %d times after a %s", i, seen[i], fault_names[plan.kind]);
}

static long hold_and_release(enum fault kind, long nth, bool lasting)
{
    struct kit *k = kit_new();
    kit_open(k);
    plan_fault(kind, nth, lasting);
    for (int round = 0; round < HELD_ROUNDS; round++) {
        struct kp_err err = { 0 };
        struct kp_held_count n;
        hold_round(k, round);
        if (round % 2)
            offer_round(k, round);
        kp_store_sync(k->store, &err);
        err = (struct kp_err){ 0 };
        if (round % 3 != 0)
            kp_held_release(k->store, &(struct kp_held_filter){ .from = KP_NO_TIME, .signal = round == 5 ? 1064 : 0 },
                            KP_HELD_RECEIVE, &n, &err);
        kp_clock_advance(&k->clock, 2 * KP_SECOND);
        kp_store_turn(k->store, 0);
    }
    plan.at = 0;
    kp_clock_advance(&k->clock, 2 * KP_SECOND);
    kit_sync(k);
    assert_int_equal(kp_store_stats(k->store).queued, 0);
    check_held(k, HELD_ROUNDS);
    kit_check(k, SIGNALS);
    kit_close(k);
    kit_open(k);
    struct kp_err err = { 0 };
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    check_held(k, HELD_ROUNDS);
    kit_check(k, SIGNALS);
    kit_free(k);
    return plan.hits;
}

static void what_is_held_and_released_is_there_once_wherever_the_disk_fails(void **state)
{
    (void)state;
    for (int kind = 0; kind < FAULTS; kind++)
        for (int lasting = 0; lasting < 2; lasting++) {
            long n = 1;
            while (hold_and_release((enum fault)kind, n, lasting))
                n += lasting && kind != FAIL_SYNC ? 3 : 1;
            print_message("%s: %ld places\n", fault_names[kind], n - 1);
            assert_true(n > (kind == FAIL_READ ? 1 : 8));
        }
}

/* ---- reading ---- */

/* Opens the file and reads a signal of it, with the nth read failing. What is said to be there is right, whole or not. */
static void open_and_read(struct kit *k, long nth)
{
    struct kp_err err = { 0 };
    struct kp_sample s;
    size_t n = 0;
    plan_fault(FAIL_READ, nth, false);
    k->store = kp_store_open(k->dir, &k->options, &err);
    struct kp_history *h = k->store ? kp_history_open(k->store->db, 2, INT64_MIN, INT64_MAX, &err) : NULL;
    struct kit_points want = kit_expect(k, 2, INT64_MIN, INT64_MAX);
    for (; h && kp_history_next(h, &s, &err); n++)
        assert_true(n < want.n && s.at == want.s[n].at && kp_value_equal(&s.value, &want.s[n].value));
    kp_history_close(h);
    assert_true(err.code || n == want.n);
    assert_true(!err.code || *err.text);
    kit_points_free(&want);
    kp_store_close(k->store);
    k->store = NULL;
}

static void a_read_that_fails_is_told_and_the_next_try_finds_all(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    long n = 0;
    kit_open(k);
    for (int round = 0; round < 40; round++) {
        offer_round(k, round);
        kit_sync(k);
        if (round == 30)
            kp_store_seal_all(k->store, &err);
    }
    kit_ok(&err);
    kit_close(k);
    do {
        open_and_read(k, ++n);
        long hits = plan.hits;
        plan_fault(FAIL_READ, 0, false);
        kit_open(k);
        kit_check_range(k, k->store->db, 2, INT64_MIN, INT64_MAX);
        kit_close(k);
        plan.hits = hits;
    } while (plan.hits);
    print_message("read error: %ld places\n", n - 1);
    assert_true(n > 10);
    kit_open(k);
    kit_check(k, SIGNALS);
    kit_free(k);
}

/* ---- the disk is full ---- */

static bool is_alarm(void *arg, const struct kp_interval *i)
{
    if (i->kind == KP_INTERVAL_ALARM && strstr(i->attributes, "disk is full"))
        ++*(int *)arg;
    return true;
}

static int alarms(struct kit *k)
{
    int n = 0;
    while (kp_hub_turn(k->hub, 0))
        ;
    kp_model_lock(kp_hub_model(k->hub));
    kp_model_open_intervals(kp_hub_model(k->hub), 0, is_alarm, &n);
    kp_model_unlock(kp_hub_model(k->hub));
    return n;
}

static void a_full_disk_raises_an_alarm_that_ends_when_there_is_room(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    kit_open(k);
    kit_hub(k);
    offer_round(k, 0);
    kit_sync(k);
    plan_fault(FAIL_FULL, 1, true);
    for (int round = 1; round < 5; round++) {
        offer_round(k, round);
        kp_clock_advance(&k->clock, KP_SECOND);
        while (kp_store_turn(k->store, 0))
            ;
    }
    assert_true(kp_store_stats(k->store).stalled);
    assert_non_null(strstr(kp_store_stats(k->store).stalled_why, "the disk is full"));
    assert_non_null(strstr(kp_store_stats(k->store).stalled_why, "MB free"));
    assert_int_equal(alarms(k), 1);
    assert_int_equal(kp_store_sync(k->store, &err), KP_EFULL);
    plan.at = 0;
    kp_clock_advance(&k->clock, KP_SECOND);
    while (kp_store_turn(k->store, 0))
        ;
    kp_clock_advance(&k->clock, KP_SECOND);
    while (kp_store_turn(k->store, 0))
        ;
    assert_false(kp_store_stats(k->store).stalled);
    assert_int_equal(alarms(k), 0);
    kit_sync(k);
    kit_check(k, SIGNALS);
    kit_free(k);
}

static void while_the_disk_is_full_the_store_takes_what_its_budget_holds(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    k->options.queue_budget = 1 << 20;
    kit_open(k);
    plan_fault(FAIL_FULL, 1, true);
    struct kp_sample s[KP_BATCH_MAX];
    int taken = 0;
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < KP_BATCH_MAX; i++)
            s[i] = kit_sample(1, KIT_NOW + round * KP_SECOND + i, kp_int(i));
        if (!kit_try(k, s, KP_BATCH_MAX, false))
            break;
        for (int i = 0; i < KP_BATCH_MAX; i++)
            kit_note(k, &s[i]);
        taken++;
        kp_clock_advance(&k->clock, KP_SECOND);
        kp_store_turn(k->store, 0);
    }
    assert_in_range(taken, 100, 140);
    assert_true(kp_store_stats(k->store).queued <= 1 << 20);
    plan.at = 0;
    kp_clock_advance(&k->clock, KP_SECOND);
    kit_sync(k);
    assert_int_equal(kp_store_stats(k->store).samples, k->n);
    struct kit_points is = kit_read(k->store->db, 1, INT64_MIN, INT64_MAX);
    assert_int_equal(is.n, k->n);
    kit_points_free(&is);
    kit_free(k);
}

static enum kp_code put_much(struct kp_db *db, void *arg, struct kp_err *err)
{
    (void)arg;
    return kp_db_exec(db, "insert or replace into setting values('much', hex(randomblob(3000000)))", err);
}

static enum kp_code put_little(struct kp_db *db, void *arg, struct kp_err *err)
{
    return kp_setting_put(db, "little", arg, err);
}

static void a_call_that_finds_no_room_fails_alone_and_is_not_tried_again(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    char text[] = "x";
    kit_open(k);
    offer_round(k, 0);
    kp_db_exec(k->store->db, "pragma max_page_count=200", &err);
    assert_int_equal(kp_store_do(k->store, put_much, NULL, &err), KP_EFULL);
    err = (struct kp_err){ 0 };
    kp_store_do(k->store, put_little, text, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from setting where key = 'much'"), 0);
    assert_int_equal(kit_number(k, "select count(*) from setting where key = 'little'"), 1);
    kit_sync(k);
    kit_check(k, SIGNALS);
    kit_free(k);
}

static kp_signal declare(struct kit *k, const char *name)
{
    struct kp_err err = { 0 };
    struct kp_model *model = kp_hub_model(k->hub);
    struct kp_signal_info info = { .asset = kp_model_make_path(model, "a", KP_MACHINE, &err), .name = name,
                                   .type = KP_INT64, .stored = true };
    kp_signal id = kp_model_put_signal(model, &info, &err);
    kit_ok(&err);
    return id;
}

static void changes_of_the_model_wait_for_room_in_front_of_the_samples(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    kit_open(k);
    kit_hub(k);
    plan_fault(FAIL_FULL, 1, true);
    kp_signal id = declare(k, "late");
    struct kp_sample s = kit_sample(id, KIT_NOW, kp_int(1));
    kit_offer(k, &s, 1);
    for (int i = 0; i < 5; i++) {
        kp_clock_advance(&k->clock, KP_SECOND);
        kp_store_turn(k->store, 0);
        assert_int_equal(kit_number(k, "select count(*) from signal"), 0);
        assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    }
    plan.at = 0;
    kp_clock_advance(&k->clock, KP_SECOND);
    kit_sync(k);
    assert_int_equal(kit_number(k, "select id from signal"), id);
    assert_int_equal(kit_number(k, "select count(*) from asset"), 1);
    kit_check(k, id);
    kit_free(k);
}

static struct kp_interval stop_at(struct kit *k, int64_t id, int64_t at, int64_t end)
{
    static const char text[] = "{\"reason\":\"a text as long as people write one of a stop, with all that they know of it by then\"}";
    return (struct kp_interval){ .id = id, .kind = KP_INTERVAL_STOP, .start = KIT_NOW + at, .end = end, .attributes = text,
                                 .asset = kp_model_find_asset(kp_hub_model(k->hub), "a") };
}

/* Two open at once, one of which is closed by the next. */
static void many_stops(struct kit *k, int n)
{
    int64_t open = 0;
    for (int i = 0; i < n; i++) {
        struct kp_interval v = stop_at(k, open, i, KIT_NOW + i + 1);
        if (open)
            kp_model_put_interval(kp_hub_model(k->hub), &v, NULL);
        v = stop_at(k, 0, i, KP_FOREVER);
        open = kp_model_put_interval(kp_hub_model(k->hub), &v, NULL);
        assert_true(open);
        if (i % 1000 == 0)
            kp_store_turn(k->store, 0);
    }
}

static void changes_of_the_model_fill_no_memory_and_it_is_written_as_it_is_in_the_end(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    kit_open(k);
    kit_hub(k);
    declare(k, "early");
    kit_sync(k);
    plan_fault(FAIL_FULL, 1, true);
    struct kp_sample s = kit_sample(1, KIT_NOW, kp_int(1));
    kit_offer(k, &s, 1);
    kp_store_turn(k->store, 0);
    kp_clock_advance(&k->clock, KP_SECOND);
    kp_store_turn(k->store, 0);
    assert_true(kp_store_stats(k->store).stalled);
    many_stops(k, 60000);
    assert_true(atomic_load(&k->store->rows_lost));
    assert_in_range(atomic_load(&k->store->rows_bytes), KP_ROWS_BUDGET, KP_ROWS_BUDGET + 1000);
    s = kit_sample(declare(k, "late"), KIT_NOW, kp_int(2));
    kit_offer(k, &s, 1);
    for (int i = 0; i < 10; i++) { /* trying again does not make it more */
        kp_clock_advance(&k->clock, KP_SECOND);
        kp_store_turn(k->store, 0);
    }
    assert_in_range(atomic_load(&k->store->rows_bytes), KP_ROWS_BUDGET, KP_ROWS_BUDGET + 1000);
    plan_fault(FAIL_FULL, 0, false);
    for (int i = 0; i < 4; i++) {
        kp_clock_advance(&k->clock, 2 * KP_SECOND);
        kp_store_turn(k->store, 0);
        struct kit_points p = kit_read(k->store->db, s.signal, INT64_MIN, INT64_MAX);
        assert_true((int64_t)p.n <= kit_number(k, "select count(*) from signal where name = 'late'")); /* never without it */
        kit_points_free(&p);
    }
    kit_sync(k);
    assert_int_equal(atomic_load(&k->store->rows_bytes), 0);
    assert_int_equal(kit_number(k, "select count(*) from interval where kind = 'stop' and \"end\" = 9223372036854775807"), 1);
    assert_true(kit_number(k, "select count(*) from interval where kind = 'stop'") > 20000);
    kit_check(k, s.signal);
    kit_free(k);
}

static void a_change_that_can_never_be_written_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    kit_open(k);
    kit_hub(k);
    kp_db_exec(k->store->db, "create trigger t before insert on signal when new.name = 'cursed' begin select "
                             "raise(abort, 'never'); end", &err);
    kit_ok(&err);
    declare(k, "cursed");
    declare(k, "blessed");
    kit_sync(k);
    assert_int_equal(kit_number(k, "select count(*) from signal where name = 'blessed'"), 1);
    assert_int_equal(kit_number(k, "select count(*) from signal"), 1);
    kit_free(k);
}

static void a_waiting_thread_is_told_of_the_full_disk(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    char text[] = "x";
    k->store = kp_store_open(k->dir, NULL, &err);
    kit_ok(&err);
    kp_store_start(k->store, &err);
    plan_fault(FAIL_FULL, 1, true);
    offer_round(k, 0);
    assert_int_equal(kp_store_sync(k->store, &err), KP_EFULL); /* and not for ever without an answer */
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_store_do(k->store, put_little, text, &err), KP_EFULL);
    err = (struct kp_err){ 0 };
    plan.at = 0;
    for (int i = 0; i < 100 && kp_store_sync(k->store, &err); i++) {
        err = (struct kp_err){ 0 };
        usleep(50000);
    }
    kit_ok(&err);
    kit_check(k, SIGNALS);
    kp_store_stop(k->store);
    kit_free(k);
}

static void a_stop_on_a_full_disk_ends_and_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    kit_open(k);
    offer_round(k, 0);
    kit_sync(k);
    size_t acked = k->n;
    offer_round(k, 1);
    plan_fault(FAIL_FULL, 1, true);
    kp_store_stop(k->store);
    plan.at = 0;
    kit_close(k);
    kit_open(k);
    k->n = acked;
    kit_check(k, SIGNALS);
    kit_free(k);
}

/* ---- other programs ---- */

static void a_foreign_writer_delays_a_commit_and_loses_nothing(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    sqlite3 *other;
    kit_open(k);
    sqlite3_open(k->store->file, &other);
    assert_int_equal(sqlite3_exec(other, "begin immediate", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_busy_timeout(k->store->db->handle, 10);
    offer_round(k, 0);
    assert_int_equal(kp_store_sync(k->store, &err), KP_ETIMEOUT);
    assert_non_null(strstr(kp_store_stats(k->store).stalled_why, "another program"));
    sqlite3_exec(other, "rollback", NULL, NULL, NULL);
    sqlite3_close(other);
    kit_sync(k);
    kit_check(k, SIGNALS);
    kit_free(k);
}

static void a_file_deleted_or_replaced_is_told_and_can_still_be_saved(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    char aside[100], copy[100], file[100];
    kit_open(k);
    offer_round(k, 0);
    kit_sync(k);
    kp_care_round(k->store, &err);
    kit_ok(&err);
    snprintf(file, sizeof file, "%s", k->store->file);
    snprintf(aside, sizeof aside, "%s/aside.db", k->dir);
    snprintf(copy, sizeof copy, "%s/copy.db", k->dir);
    assert_int_equal(rename(file, aside), 0);
    kp_care_round(k->store, &err);
    assert_non_null(strstr(err.text, "factory.db was deleted"));
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    err = (struct kp_err){ 0 };
    kp_care_round(k->store, &err);
    assert_non_null(strstr(err.text, "factory.db was replaced"));
    err = (struct kp_err){ 0 };
    offer_round(k, 1);
    kit_sync(k);
    kp_store_backup(k->store, copy, NULL, NULL, &err);
    kit_ok(&err);
    kit_close(k);
    kp_file_remove(file, true);
    assert_int_equal(rename(copy, file), 0);
    kit_open(k);
    kit_check(k, SIGNALS);
    kit_free(k);
}

static void a_long_foreign_reader_raises_the_alarm_of_the_log(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    kit_open(k);
    kit_hub(k);
    k->store->wal_pages = (256 << 20) / KP_PAGE; /* as if it had grown so far */
    offer_round(k, 0);
    kp_db_exec(k->store->db, "select 1", &err);
    k->store->checkpoint_at = 1;
    kp_store_turn(k->store, 0);
    while (kp_hub_turn(k->hub, 0))
        ;
    kit_sync(k);
    assert_int_equal(kit_number(k, "select count(*) from interval where kind = 'alarm' and attributes like '%256 MB%'"),
                     1);
    kit_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_at_any_place_loses_and_doubles_nothing),
        cmocka_unit_test(a_disk_that_fails_for_long_loses_and_doubles_nothing),
        cmocka_unit_test(what_is_held_and_released_is_there_once_wherever_the_disk_fails),
        cmocka_unit_test(a_read_that_fails_is_told_and_the_next_try_finds_all),
        cmocka_unit_test(a_full_disk_raises_an_alarm_that_ends_when_there_is_room),
        cmocka_unit_test(while_the_disk_is_full_the_store_takes_what_its_budget_holds),
        cmocka_unit_test(a_call_that_finds_no_room_fails_alone_and_is_not_tried_again),
        cmocka_unit_test(changes_of_the_model_wait_for_room_in_front_of_the_samples),
        cmocka_unit_test(changes_of_the_model_fill_no_memory_and_it_is_written_as_it_is_in_the_end),
        cmocka_unit_test(a_change_that_can_never_be_written_does_not_hold_up_the_others),
        cmocka_unit_test(a_waiting_thread_is_told_of_the_full_disk),
        cmocka_unit_test(a_stop_on_a_full_disk_ends_and_keeps_what_was_acknowledged),
        cmocka_unit_test(a_foreign_writer_delays_a_commit_and_loses_nothing),
        cmocka_unit_test(a_file_deleted_or_replaced_is_told_and_can_still_be_saved),
        cmocka_unit_test(a_long_foreign_reader_raises_the_alarm_of_the_log),
    };
    return cmocka_run_group_tests(tests, use_faulty_disk, NULL);
}
