/* SPDX-License-Identifier: Apache-2.0 */
/* Starting: the model as it was, the last values, the gap while the node was off. */
#include "store_kit.h"

#include "core/ban.h"

static int begin(void **state)
{
    struct kit *k = kit_new();
    kit_open(k);
    kit_hub(k);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

static struct kp_model *model(struct kit *k)
{
    return kp_hub_model(k->hub);
}

/* As a kill and a new start. */
static void restart(struct kit *k)
{
    kit_close(k);
    kp_hub_free(k->hub);
    k->hub = NULL;
    kit_open(k);
    kit_hub(k);
}

static kp_signal declare(struct kit *k, const char *asset, const char *name, uint8_t type)
{
    struct kp_err err = { 0 };
    struct kp_signal_info info = { .asset = kp_model_make_path(model(k), asset, KP_MACHINE, &err),
                                   .name = name, .type = type, .stored = true };
    kp_signal id = kp_model_put_signal(model(k), &info, &err);
    kit_ok(&err);
    return id;
}

static void offer(struct kit *k, kp_signal signal, int i, struct kp_value v)
{
    struct kp_sample s = kit_sample(signal, KIT_NOW + i * KP_SECOND, v);
    kit_offer(k, &s, 1);
}

static struct kp_now now(struct kit *k, kp_signal signal)
{
    kp_model_lock(model(k));
    struct kp_now n = kp_model_now(model(k), signal);
    kp_model_unlock(model(k));
    return n;
}

/* ---- structure ---- */

static void assets_and_signals_come_back_as_they_were(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_asset id = kp_model_make_path(model(k), "hall/dmu50", KP_MACHINE, &err);
    struct kp_asset_info asset = *kp_model_asset(model(k), id);
    asset.description = "five axes \"new\"";
    asset.label = KP_PARTNER;
    asset.by_hand = 5;
    asset.nameplate[KP_SERIAL_NUMBER] = "DMU-0815/ü";
    asset.nameplate[KP_MANUFACTURER_NAME] = "DMG";
    assert_int_equal(kp_model_put_asset(model(k), &asset, &err), id);
    struct kp_signal_info info = {
        .asset = id, .coupling = 3, .type = KP_DOUBLE | KP_ARRAY, .label = KP_SECRET, .stored = true, .writable = true,
        .name = "temperature", .description = "of the spindle", .unit = "CEL", .unit_text = "°C",
        .source = "nsu=urn:x;s=T", .role = "temperature", .enums = "{\"0\":\"off\"}", .low = -20.5, .high = 120,
    };
    kp_signal s = kp_model_put_signal(model(k), &info, &err);
    kit_ok(&err);
    kit_sync(k);
    restart(k);

    assert_int_equal(kp_model_find_asset(model(k), "hall/dmu50"), id);
    assert_int_equal(kp_model_find_signal(model(k), "hall/dmu50/temperature"), s);
    const struct kp_asset_info *a = kp_model_asset(model(k), id);
    assert_int_equal(a->kind, KP_MACHINE);
    assert_int_equal(a->label, KP_PARTNER);
    assert_int_equal(a->by_hand, 5);
    assert_string_equal(a->description, "five axes \"new\"");
    assert_string_equal(a->nameplate[KP_SERIAL_NUMBER], "DMU-0815/ü");
    assert_string_equal(a->nameplate[KP_MANUFACTURER_NAME], "DMG");
    assert_null(a->nameplate[KP_ORDER_CODE]);
    const struct kp_signal_info *i = kp_model_signal(model(k), s);
    assert_int_equal(i->coupling, 3);
    assert_int_equal(i->type, KP_DOUBLE | KP_ARRAY);
    assert_int_equal(i->label, KP_SECRET);
    assert_true(i->stored && i->writable);
    assert_string_equal(i->description, "of the spindle");
    assert_string_equal(i->unit, "CEL");
    assert_string_equal(i->unit_text, "°C");
    assert_string_equal(i->source, "nsu=urn:x;s=T");
    assert_string_equal(i->role, "temperature");
    assert_string_equal(i->enums, "{\"0\":\"off\"}");
    assert_true(i->low == -20.5 && i->high == 120);
}

static void what_was_removed_stays_removed_and_its_number_is_not_used_again(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_signal s = declare(k, "a/b", "x", KP_INT64);
    kp_asset a = kp_model_find_asset(model(k), "a/b");
    int64_t alarm = kp_model_put_interval(model(k), &(struct kp_interval){ .asset = a, .kind = KP_INTERVAL_ALARM,
                                          .start = 1, .end = KP_FOREVER, .attributes = "{}" }, &err);
    kp_model_remove_asset(model(k), kp_model_find_asset(model(k), "a"), &err);
    kit_ok(&err);
    kit_sync(k);
    restart(k);
    assert_int_equal(kp_model_count_assets(model(k)), 0);
    assert_int_equal(kp_model_count_signals(model(k)), 0);
    assert_true(declare(k, "a/b", "x", KP_INT64) > s);
    assert_true(kp_model_find_asset(model(k), "a/b") > a);
    int64_t next = kp_model_put_interval(model(k), &(struct kp_interval){ .kind = KP_INTERVAL_STOP, .start = 1,
                                         .end = KP_FOREVER, .attributes = "{}" }, &err);
    assert_true(next > alarm);
}

static void a_child_moved_under_a_younger_parent_is_found_again(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_asset old = kp_model_make_path(model(k), "old/inner", KP_COMPONENT, &err);
    kp_asset young = kp_model_make_path(model(k), "young/er/yet", KP_AREA, &err);
    kp_asset top = kp_model_find_asset(model(k), "old");
    struct kp_asset_info move = *kp_model_asset(model(k), top);
    move.parent = young;
    kp_model_put_asset(model(k), &move, &err);
    kit_ok(&err);
    kit_sync(k);
    restart(k);
    assert_int_equal(kp_model_find_asset(model(k), "young/er/yet/old/inner"), old);
}

static void a_row_that_cannot_be_placed_does_not_keep_the_rest_from_starting(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_signal s = declare(k, "a", "x", KP_INT64);
    kit_sync(k);
    kp_db_exec(k->store->db,
               "insert into asset values(900, 777, 'orphan', 'machine', 'inherit', null, null, 0);"
               "insert into asset values(901, 0, 'bad/name', 'machine', 'inherit', null, '{not json', 0);"
               "insert into signal(id, asset, name, type, label, stored, writable, coupling) values(900, 777, 'y', "
               "'double', 'inherit', 1, 0, 0), (901, 1, 'z', 'no such type', 'no label', 1, 0, 0);"
               "insert into interval values(900, 0, 'no kind', 1, 9223372036854775807, 'inherit', '{}');",
               &err);
    kit_ok(&err);
    restart(k);
    assert_int_equal(kp_model_find_signal(model(k), "a/x"), s);
    assert_int_equal(kp_model_find_signal(model(k), "a/z"), 901);
    assert_int_equal(kp_model_find_asset(model(k), "orphan"), 0);
}

static void a_sample_is_never_committed_before_its_signal(void **state)
{
    struct kit *k = *state;
    kp_signal s = declare(k, "a", "x", KP_INT64); /* noted, not yet written */
    offer(k, s, 0, kp_int(1));
    for (int turn = 0; turn < 3; turn++) {
        kp_store_turn(k->store, 0);
        if (kit_number(k, "select count(*) from journal"))
            assert_int_equal(kit_number(k, "select count(*) from signal"), 1);
        kp_clock_advance(&k->clock, KP_SECOND);
    }
    assert_int_equal(kit_number(k, "select count(*) from journal"), 1);
}

static void changes_lost_for_lack_of_memory_are_written_later(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_signal gone = declare(k, "a", "gone", KP_INT64), stays = declare(k, "a", "stays", KP_INT64);
    struct kp_interval job = { .kind = KP_INTERVAL_JOB, .start = 5, .end = KP_FOREVER, .attributes = "{}" };
    struct kp_interval stop = job;
    job.id = kp_model_put_interval(model(k), &job, &err);
    stop.id = kp_model_put_interval(model(k), &stop, &err);
    kit_ok(&err);
    kit_sync(k);
    struct kp_signal_info info = { .id = stays, .asset = kp_model_find_asset(model(k), "a"), .name = "stays",
                                   .type = KP_INT64, .stored = true, .description = "written at last" };
    for (long n = 1; n < 200; n++) { /* among these the note itself fails */
        kp_mem_fail_at(n);
        kp_model_put_signal(model(k), &info, NULL);
        kp_mem_fail_at(0);
    }
    kp_mem_fail_at(1);
    kp_model_remove_signal(model(k), gone, &err);
    stop.end = 9;
    for (long n = 1; n < 20; n++) {
        kp_mem_fail_at(n);
        kp_model_put_interval(model(k), &stop, NULL);
        kp_mem_fail_at(0);
    }
    assert_true(atomic_load(&k->store->rows_lost));
    kp_mem_fail_at(3); /* not even now there is enough */
    kp_store_turn(k->store, 0);
    kp_mem_fail_at(0);
    assert_true(atomic_load(&k->store->rows_lost));
    kp_store_turn(k->store, 0);
    kit_sync(k);
    assert_false(atomic_load(&k->store->rows_lost));
    assert_int_equal(kit_number(k, "select count(*) from interval where \"end\" = 9223372036854775807"), 1);
    assert_int_equal(kit_number(k, "select id from interval where \"end\" = 9223372036854775807"), job.id);
    assert_int_equal(kit_number(k, "select count(*) from signal where description = 'written at last'"), 1);
    if (!kp_model_signal(model(k), gone))
        assert_int_equal(kit_number(k, "select count(*) from signal where name = 'gone'"), 0);
}

/* ---- last values ---- */

static void last_values_come_back_from_the_journal_alone(void **state)
{
    struct kit *k = *state;
    kp_signal d = declare(k, "a", "d", KP_DOUBLE), t = declare(k, "a", "t", KP_STRING);
    for (int i = 0; i < 20; i++) {
        offer(k, d, i, kp_double(i / 10.0));
        if (i < 5)
            offer(k, t, i, kp_string("program one", 11));
        kit_sync(k);
    }
    assert_int_equal(kit_number(k, "select count(*) from snapshot"), 0);
    restart(k);
    assert_true(now(k, d).known && now(k, d).stale);
    assert_true(now(k, d).sample.value.d == 1.9);
    assert_int_equal(now(k, d).sample.at, KIT_NOW + 19 * KP_SECOND);
    assert_memory_equal(now(k, t).sample.value.data, "program one", 11);
}

static void last_values_survive_sealing_and_a_crash(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_signal d = declare(k, "a", "d", KP_DOUBLE), t = declare(k, "a", "t", KP_STRING);
    offer(k, d, 0, kp_double(1.5));
    offer(k, t, 0, kp_string("x", 1));
    kp_store_seal_all(k->store, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from journal"), 0);
    restart(k);
    assert_true(now(k, d).sample.value.d == 1.5);
    offer(k, d, 1, kp_double(2.5)); /* only one of the two goes on */
    kit_sync(k);
    restart(k);
    assert_true(now(k, d).sample.value.d == 2.5);
    assert_memory_equal(now(k, t).sample.value.data, "x", 1);
    kit_check(k, t);
}

static void a_snapshot_is_written_after_a_minute_and_at_a_stop(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    kp_signal d = declare(k, "a", "d", KP_DOUBLE);
    offer(k, d, 0, kp_double(1));
    kit_sync(k);
    kp_clock_advance(&k->clock, 61 * KP_SECOND);
    offer(k, d, 1, kp_double(2));
    kit_sync(k);
    assert_int_equal(kit_number(k, "select seq from snapshot"), 1); /* true up to the commit before */
    offer(k, d, 2, kp_double(3));
    kp_store_stop(k->store);
    restart(k);
    assert_int_equal(kit_number(k, "select seq from snapshot"), 3);
    assert_true(now(k, d).sample.value.d == 3);
}

static void a_snapshot_is_written_when_the_journal_has_grown(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    static struct kp_sample s[KP_BATCH_MAX];
    int commits = 0;
    for (; commits < 1000 && !kit_number(k, "select count(*) from snapshot"); commits++) {
        for (int i = 0; i < KP_BATCH_MAX; i++)
            s[i] = kit_sample(1, KIT_NOW + i, kp_double(i));
        for (int i = 0; i < 10; i++)
            assert_true(kit_try(k, s, KP_BATCH_MAX, false));
        kit_sync(k);
    }
    assert_true(commits > 5 && commits < 100);
}

static void a_damaged_snapshot_costs_its_values_not_the_start(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_signal d = declare(k, "a", "d", KP_DOUBLE);
    offer(k, d, 0, kp_double(1));
    kp_store_seal_all(k->store, &err);
    kp_db_exec(k->store->db, "update snapshot set data = x'00'", &err);
    kit_ok(&err);
    restart(k);
    assert_false(now(k, d).known);
    offer(k, d, 1, kp_double(2));
    kit_sync(k);
    kit_check(k, d);
    restart(k);
    assert_true(now(k, d).sample.value.d == 2);
}

static void commit_numbers_go_on_after_everything_was_sealed(void **state)
{
    struct kit *k = *state;
    kit_no_young(k);
    struct kp_err err = { 0 };
    kp_signal d = declare(k, "a", "d", KP_DOUBLE);
    for (int i = 0; i < 5; i++) {
        offer(k, d, i, kp_double(i));
        kit_sync(k);
    }
    kp_store_seal_all(k->store, &err);
    uint64_t seq = k->store->seq;
    restart(k);
    assert_int_equal(k->store->seq, seq);
    offer(k, d, 5, kp_double(5));
    kit_sync(k);
    assert_int_equal(kit_number(k, "select max(id) from journal"), (int64_t)seq + 1);
    kit_check(k, d);
}

/* ---- intervals ---- */

static void open_intervals_come_back_and_closed_ones_stay_in_the_file(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_asset a = kp_model_make_path(model(k), "a", KP_MACHINE, &err);
    struct kp_interval job = { .asset = a, .kind = KP_INTERVAL_JOB, .label = KP_PARTNER, .start = 100,
                               .end = KP_FOREVER, .attributes = "{\"order\":\"4711\"}" };
    int64_t open = kp_model_put_interval(model(k), &job, &err);
    struct kp_interval stop = { .asset = a, .kind = KP_INTERVAL_STOP, .start = 50, .end = KP_FOREVER,
                                .attributes = "{}" };
    stop.id = kp_model_put_interval(model(k), &stop, &err);
    stop.end = 80;
    kp_model_put_interval(model(k), &stop, &err);
    kit_ok(&err);
    kit_sync(k);
    restart(k);
    assert_int_equal(kit_number(k, "select \"end\" from interval where kind = 'stop'"), 80);
    assert_int_equal(kit_number(k, "select count(*) from interval where \"end\" = 9223372036854775807"), 1);
    job.id = open;
    job.end = 200;
    assert_int_equal(kp_model_put_interval(model(k), &job, &err), open); /* it is known: it can be closed */
    kit_ok(&err);
    kit_sync(k);
    assert_int_equal(kit_number(k, "select \"end\" from interval where kind = 'job'"), 200);
}

static void the_time_the_node_was_off_is_a_gap(void **state)
{
    struct kit *k = *state;
    kp_signal d = declare(k, "a", "d", KP_DOUBLE);
    assert_int_equal(kit_number(k, "select count(*) from interval"), 0); /* no history before: no gap */
    kp_clock_advance(&k->clock, KP_SECOND);
    offer(k, d, 0, kp_double(1));
    kit_sync(k);
    kp_clock_advance(&k->clock, 3600 * KP_SECOND);
    restart(k);
    assert_int_equal(kit_number(k, "select count(*) from interval"), 1);
    assert_int_equal(kit_number(k, "select start from interval"), KIT_NOW + KP_SECOND);
    assert_int_equal(kit_number(k, "select \"end\" from interval"), KIT_NOW + 3601 * KP_SECOND);
    assert_int_equal(kit_number(k, "select attributes ->> 'reason' = 'node was off' and asset = 0 and kind = 'gap' "
                                   "from interval"), 1);
}

static void a_gap_left_open_by_a_crash_ends_with_the_start(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kp_model_put_interval(model(k), &(struct kp_interval){ .kind = KP_INTERVAL_GAP, .start = KIT_NOW,
                          .end = KP_FOREVER, .attributes = "{}" }, &err);
    kit_ok(&err);
    kit_sync(k);
    kp_clock_advance(&k->clock, 60 * KP_SECOND);
    restart(k);
    assert_int_equal(kit_number(k, "select \"end\" from interval"), KIT_NOW + 60 * KP_SECOND);
}

static void an_alarm_of_the_node_ends_with_the_start_and_one_of_a_machine_stays(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct kp_interval v = { .kind = KP_INTERVAL_ALARM, .start = KIT_NOW, .end = KP_FOREVER,
                             .attributes = "{\"key\":\"store\",\"text\":\"the disk is full\"}" };
    kp_model_put_interval(model(k), &v, &err);
    v.attributes = "{\"text\":\"700142\"}";
    kp_model_put_interval(model(k), &v, &err);
    kit_ok(&err);
    kit_sync(k);
    kp_clock_advance(&k->clock, 60 * KP_SECOND);
    restart(k);
    assert_int_equal(kit_number(k, "select count(*) from interval where kind = 'alarm' and \"end\" < 9e18"), 1);
    assert_int_equal(kit_number(k, "select attributes ->> 'key' is null from interval where \"end\" > 9e18"), 1);
}

/* ---- memory ---- */

static void out_of_memory_loading_leaves_nothing_behind(void **state)
{
    struct kit *k = *state;
    kp_signal d = declare(k, "a/b/c", "d", KP_DOUBLE), t = declare(k, "a/b", "t", KP_STRING);
    offer(k, d, 0, kp_double(1));
    offer(k, t, 0, kp_string("text", 4));
    kit_sync(k);
    kit_close(k);
    kp_hub_free(k->hub);
    k->hub = NULL;
    long n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        kit_open(k);
        k->hub = kp_hub_new(&(struct kp_hub_options){ .clock = &k->clock.clock, .context = k->store }, &err);
        kp_mem_fail_at(n);
        enum kp_code code = kp_store_load(k->store, k->hub, &err);
        kp_mem_fail_at(0);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
        kit_close(k);
        kp_hub_free(k->hub);
        k->hub = NULL;
    }
    print_message("points of failure: %ld\n", n - 1);
    assert_true(n > 10);
    assert_true(now(k, d).known && now(k, t).known);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(assets_and_signals_come_back_as_they_were),
        T(what_was_removed_stays_removed_and_its_number_is_not_used_again),
        T(a_child_moved_under_a_younger_parent_is_found_again),
        T(a_row_that_cannot_be_placed_does_not_keep_the_rest_from_starting),
        T(a_sample_is_never_committed_before_its_signal),
        T(changes_lost_for_lack_of_memory_are_written_later),
        T(last_values_come_back_from_the_journal_alone),
        T(last_values_survive_sealing_and_a_crash),
        T(a_snapshot_is_written_after_a_minute_and_at_a_stop),
        T(a_snapshot_is_written_when_the_journal_has_grown),
        T(a_damaged_snapshot_costs_its_values_not_the_start),
        T(commit_numbers_go_on_after_everything_was_sealed),
        T(open_intervals_come_back_and_closed_ones_stay_in_the_file),
        T(the_time_the_node_was_off_is_a_gap),
        T(a_gap_left_open_by_a_crash_ends_with_the_start),
        T(an_alarm_of_the_node_ends_with_the_start_and_one_of_a_machine_stays),
        T(out_of_memory_loading_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
