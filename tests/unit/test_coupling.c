/* SPDX-License-Identifier: Apache-2.0 */
/* Couplings: by hand what a class may call, with threads how one lives, fails, heals, is asked and
 * goes. */
#include "hub_kit.h"

#include "core/log.h"

#include <unistd.h>

/* ---- declaring, by hand ---- */
static struct kp_declare declaring(const char *path, const char *source)
{
    return (struct kp_declare){ .path = path,
                                .asset_kind = KP_COMPONENT,
                                .info = { .type = KP_DOUBLE, .stored = true, .source = source } };
}

static enum kp_code declare(struct kp_coupling *c, struct kp_declare *list, size_t n)
{
    err = (struct kp_err){ 0 };
    return kp_coupling_declare(c, list, n, &err);
}

static const char *path_of(kp_signal s)
{
    static char path[KP_PATH_MAX];
    kp_model_signal_path(model, s, path, sizeof path);
    return path;
}

static void a_declared_signal_stands_below_at_with_all_that_is_said_of_it(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    struct kp_declare d = declaring("spindle/speed", "ns=2;s=Speed");
    d.info.unit = "RPM";
    d.info.low = 0;
    d.info.high = 12000;
    d.info.name = "ignored";
    d.info.coupling = 99;
    d.info.asset = 77;
    assert_int_equal(declare(c, &d, 1), KP_OK);
    assert_string_equal(path_of(d.id), "hall/mill/spindle/speed");
    const struct kp_signal_info *info = kp_model_signal(model, d.id);
    assert_true(info->coupling == 1 && info->type == KP_DOUBLE && info->stored &&
                info->high == 12000);
    assert_string_equal(info->source, "ns=2;s=Speed");
    assert_int_equal(kp_model_asset(model, info->asset)->kind, KP_COMPONENT);
    struct kp_coupling_status st;
    kp_hub_coupling_status(hub, 1, &st);
    assert_int_equal(st.signals, 1);
}

static void declaring_again_finds_it_wherever_people_put_it(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    struct kp_declare d = declaring("x", "s1");
    declare(c, &d, 1);
    kp_signal id = d.id;
    struct kp_signal_info info = *kp_model_signal(model, id);
    info.name = "renamed";
    info.asset = kp_model_make_path(model, "elsewhere", KP_FOLDER, &err);
    info.description = "by hand";
    info.label = KP_SECRET;
    info.stored = false;
    info.writable = true;
    info.unit = "CEL";
    kp_model_put_signal(model, &info, &err);
    uint64_t version = kp_model_version(model);
    d.info.description = "by the machine";
    d.info.unit = "KEL";
    assert_int_equal(declare(c, &d, 1), KP_OK);
    assert_int_equal(d.id, id);
    assert_int_equal(kp_model_version(model), version); /* nothing differs, nothing is written */
    d.info.type = KP_INT64;                             /* what only the machine knows follows it */
    d.info.enums = "{\"0\":\"off\"}";
    d.info.role = "state";
    assert_int_equal(declare(c, &d, 1), KP_OK);
    const struct kp_signal_info *now_is = kp_model_signal(model, id);
    assert_string_equal(path_of(id), "elsewhere/renamed");
    assert_string_equal(now_is->description, "by hand");
    assert_string_equal(now_is->unit, "CEL");
    assert_string_equal(now_is->role, "state");
    assert_string_equal(now_is->enums, "{\"0\":\"off\"}");
    assert_true(now_is->type == KP_INT64 && now_is->label == KP_SECRET && !now_is->stored &&
                now_is->writable);
}

static void two_nodes_of_one_name_are_two_signals_also_in_one_call(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    struct kp_declare list[] = { declaring("x", "s1"), declaring("x", "s2"), declaring("x", "s3"),
                                 declaring("x", "s1") };
    assert_int_equal(declare(c, list, 4), KP_OK);
    assert_true(list[0].id && list[1].id && list[2].id);
    assert_string_equal(path_of(list[0].id), "hall/x");
    assert_string_equal(path_of(list[1].id), "hall/x_2");
    assert_string_equal(path_of(list[2].id), "hall/x_3");
    assert_int_equal(list[3].id, list[0].id); /* the same node said twice is one */
    struct kp_declare again[] = { declaring("x", "s3"), declaring("x", "s2"),
                                  declaring("x", "s1") };
    assert_int_equal(declare(c, again, 3), KP_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(again[i].id, list[2 - i].id); /* in any order */
}

static void a_row_of_a_map_is_its_path_and_not_its_address(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    struct kp_declare list[] = { declaring("x", "s1"), declaring("y", "s2"), declaring("z", "s1") };
    for (int i = 0; i < 3; i++)
        list[i].by_path = true;
    assert_int_equal(declare(c, list, 3), KP_OK);
    assert_true(list[0].id != list[2].id); /* one address, two signals */
    struct kp_declare again[] = { declaring("w", "s2"), declaring("x", "s2"), declaring("y", "s1"), declaring("z", "s1") };
    for (int i = 0; i < 4; i++)
        again[i].by_path = true;
    assert_int_equal(declare(c, again, 4), KP_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(again[i + 1].id, list[i].id);
    assert_string_equal(path_of(again[0].id), "hall/w"); /* its old address is that of a row that stands */
    assert_string_equal(kp_model_signal(model, list[0].id)->source, "s2");
    assert_null(kp_model_signal(model, kp_model_find_signal(model, "hall/x_2")));
}

static void a_place_taken_by_something_else_gets_a_number(void **state)
{
    (void)state;
    struct kp_coupling *one = couple_still(1, "hall", NULL), *two = couple_still(2, "hall", NULL);
    kp_model_make_path(model, "hall/y", KP_MACHINE, &err);
    struct kp_declare a = declaring("x", "s"), b = declaring("x", "s"), y = declaring("y", "t");
    declare(one, &a, 1);
    declare(two, &b, 1);
    declare(two, &y, 1);
    assert_string_equal(path_of(b.id), "hall/x_2"); /* another coupling's signal */
    assert_string_equal(path_of(y.id), "hall/y_2"); /* an asset */
}

static void a_signal_nobody_feeds_any_more_is_taken_over_with_its_history(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(2, "hall", NULL);
    kp_signal of_the_gone = make_signal(1, "hall/x"), by_hand = make_signal(0, "hall/y");
    struct kp_declare list[] = { declaring("x", "new address"), declaring("y", "other") };
    assert_int_equal(declare(c, list, 2), KP_OK);
    assert_true(list[0].id == of_the_gone && list[1].id == by_hand);
    assert_string_equal(kp_model_signal(model, of_the_gone)->source, "new address");
    assert_int_equal(kp_model_signal(model, of_the_gone)->coupling, 2);
}

static void without_addresses_the_path_is_the_address(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    struct kp_declare a = declaring("x", NULL), b = declaring("x", NULL);
    declare(c, &a, 1);
    assert_int_equal(declare(c, &b, 1), KP_OK);
    assert_true(a.id && a.id == b.id);
}

static void what_the_filter_excludes_is_not_made(void **state)
{
    (void)state;
    struct kp_filter_def filter = { .include = "hall/**/speed", .exclude = "hall/b" };
    struct kp_coupling *c = couple_still(1, "hall", &filter);
    struct kp_declare list[] = { declaring("a/speed", "1"), declaring("a/load", "2"),
                                 declaring("b/speed", "3") };
    assert_int_equal(declare(c, list, 3), KP_OK);
    assert_true(list[0].id && !list[1].id && !list[2].id);
    assert_int_equal(kp_model_count_signals(model), 1);
    assert_int_equal(kp_model_find_asset(model, "hall/b"), 0);
}

static void one_that_can_have_no_place_keeps_no_other_out(void **state)
{
    (void)state;
    static char endless[2 * KP_PATH_MAX];
    memset(endless, 'x', sizeof endless - 1);
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    struct kp_declare list[] = { declaring("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/x", "deep"),
                                 declaring(endless, "long"), declaring("a//b", "empty"),
                                 declaring("\xff", "bytes"), declaring("good", "good") };
    assert_int_equal(declare(c, list, 5), KP_OK);
    assert_true(!list[0].id && !list[1].id && !list[2].id && !list[3].id && list[4].id);
    assert_int_equal(kp_model_count_signals(model), 1);
    assert_int_equal(kp_model_count_assets(model), 1); /* nor is anything of them left */
    assert_int_equal(declare(c, list, 4),
                     KP_EFULL); /* none at all: that is a failure, and the first says why */
    assert_non_null(strstr(err.text, "levels deep"));
}

static void a_name_of_the_longest_kind_is_numbered_within_its_limit(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    char name[KP_NAME_MAX] = { 0 };
    for (int i = 0; i + 1 < KP_NAME_MAX - 1; i += 2)
        memcpy(name + i, "\xc3\xa4", 2); /* 63 umlauts: 126 bytes */
    struct kp_declare list[] = { declaring(name, "1"), declaring(name, "2"), declaring(name, "3") };
    assert_int_equal(declare(c, list, 3), KP_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(list[i].id != 0);
        const char *made = kp_model_signal(model, list[i].id)->name;
        assert_true(kp_name_valid(made, strlen(made)));
    }
    assert_string_equal(kp_model_signal(model, list[2].id)->name + 124, "_3");
}

static void ten_thousand_are_declared_and_found_again(void **state)
{
    (void)state;
    enum { N = 10000 };
    static char paths[N][32], sources[N][32];
    static struct kp_declare list[N];
    static kp_signal first[N];
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    for (int i = 0; i < N; i++) {
        snprintf(paths[i], sizeof paths[i], "m%02d/s%05d", i % 100, i);
        snprintf(sources[i], sizeof sources[i], "ns=2;i=%d", N - i);
        list[i] = declaring(paths[i], sources[i]);
    }
    assert_int_equal(declare(c, list, N), KP_OK);
    for (int i = 0; i < N; i++)
        first[i] = list[i].id;
    assert_int_equal(declare(c, list, N), KP_OK);
    for (int i = 0; i < N; i++)
        assert_true(first[i] && list[i].id == first[i]);
    assert_int_equal(kp_model_count_signals(model), N);
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    hear(1, first[5], 1234, 1);
    assert_int_equal(kp_coupling_signals(c, &arena, &known), N);
    for (int i = 0; i < N; i++) {
        assert_true(known[i].id == first[i] && known[i].type == KP_DOUBLE && known[i].stored &&
                    !known[i].writable);
        assert_string_equal(known[i].source, sources[i]);
        assert_true(known[i].latest == (i == 5 ? 1234 : KP_NO_TIME));
    }
    kp_arena_free(&arena);
    struct kp_coupling_status st;
    kp_hub_coupling_status(hub, 1, &st);
    assert_int_equal(st.signals, N);
}

static enum kp_code declare_some(void *arg)
{
    struct kp_err e = { 0 };
    struct kp_hub *h = kp_hub_new(&(struct kp_hub_options){ 0 }, &e);
    struct kp_coupling_def def = {
        .id = 1, .name = "x", .url = "sim://x", .at = "x", .class = &sim
    };
    struct kp_declare list[] = { declaring("a/x", "1"), declaring("a/x", "2"),
                                 declaring("b", "3") };
    static const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_LOCATION] = "here" };
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    (void)arg;
    if (h && !kp_hub_add_coupling(h, &def, &e) &&
        !kp_coupling_declare(hub_find(h, 1), list, 3, &e)) {
        assert_true(list[0].id && list[1].id && list[2].id &&
                    list[0].id != list[1].id);                 /* all, or an error */
        if (!kp_coupling_declare(hub_find(h, 1), list, 3, &e)) /* by their sources */
            kp_coupling_identify(hub_find(h, 1), "a", KP_COMPONENT, plate, &e);
    }
    if (h && !e.code) {
        if (kp_coupling_signals(hub_find(h, 1), &arena, &known) != 3)
            e.code = KP_ENOMEM;
    }
    kp_arena_free(&arena);
    kp_hub_free(h);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(declare_some, NULL);
}

/* ---- identity ---- */
static void a_nameplate_fills_what_no_person_typed(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    const char *plate[KP_NAMEPLATE_FIELDS] = {
        [KP_SERIAL_NUMBER] = "A1", [KP_MANUFACTURER_NAME] = "ACME"
    };
    assert_int_equal(kp_coupling_identify(c, "", KP_MACHINE, plate, &err), KP_OK);
    kp_asset id = kp_model_find_asset(model, "hall/mill");
    struct kp_asset_info info = *kp_model_asset(model, id);
    assert_true(info.kind == KP_MACHINE && info.by_hand == 0);
    assert_string_equal(info.nameplate[KP_SERIAL_NUMBER], "A1");
    info.nameplate[KP_SERIAL_NUMBER] = "typed";
    info.nameplate[KP_LOCATION] = NULL; /* emptied by hand: it stays empty */
    info.by_hand = 1 << KP_SERIAL_NUMBER | 1 << KP_LOCATION;
    info.kind = KP_METER;
    kp_model_put_asset(model, &info, &err);
    plate[KP_MANUFACTURER_NAME] = "ACME GmbH";
    plate[KP_LOCATION] = "hall 7";
    assert_int_equal(kp_coupling_identify(c, "", KP_MACHINE, plate, &err), KP_OK);
    const struct kp_asset_info *now_is = kp_model_asset(model, id);
    assert_string_equal(now_is->nameplate[KP_SERIAL_NUMBER], "typed");
    assert_string_equal(now_is->nameplate[KP_MANUFACTURER_NAME], "ACME GmbH");
    assert_null(now_is->nameplate[KP_LOCATION]);
    assert_int_equal(now_is->kind, KP_METER);
    uint64_t version = kp_model_version(model);
    assert_int_equal(kp_coupling_identify(c, "", KP_MACHINE, plate, &err), KP_OK);
    assert_int_equal(kp_model_version(model), version);
    assert_int_equal(kp_coupling_identify(c, "axis", KP_COMPONENT, plate, &err), KP_OK);
    assert_int_equal(kp_model_asset(model, kp_model_find_asset(model, "hall/mill/axis"))->kind,
                     KP_COMPONENT);
}

static void a_nameplate_without_a_place_is_refused_and_nothing_is_made(void **state)
{
    (void)state;
    static char endless[2 * KP_PATH_MAX];
    memset(endless, 'x', sizeof endless - 1);
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    const char *plate[KP_NAMEPLATE_FIELDS] = { 0 };
    assert_int_equal(kp_coupling_identify(c, endless, KP_MACHINE, plate, &err), KP_EFULL);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_coupling_identify(c, "a//b", KP_MACHINE, plate, &err), KP_EINVALID);
    assert_int_equal(kp_model_count_assets(model), 0);
}

/* ---- reporting ---- */
static void samples_are_collected_into_batches_of_256(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    for (int i = 1; i <= 600; i++) {
        struct kp_sample s = { x, KP_GOOD, i, kp_double(i) };
        assert_int_equal(kp_coupling_report(c, &s, &err), KP_OK);
        s.at = -i;
        assert_int_equal(kp_coupling_report_historic(c, &s, &err), KP_OK);
    }
    struct kp_coupling_status st;
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.samples == 4 * 256 && st.batches == 4);
    assert_int_equal(kp_coupling_flush(c, &err), KP_OK);
    assert_int_equal(kp_coupling_flush(c, &err), KP_OK); /* nothing left: nothing sent */
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.samples == 1200 && st.batches == 6);
    turn();
    assert_int_equal(stored, 1200);
    assert_true(kp_model_now(model, x).sample.value.d == 600);
    assert_int_equal(kp_model_now(model, x).arrived, now());
}

static void the_rate_is_that_of_the_last_ten_seconds(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    struct kp_coupling_status st;
    for (int second = 0; second < 30; second++) {
        for (int i = 0; i < 7; i++)
            kp_coupling_report(c, &(struct kp_sample){ x, KP_GOOD, second * 10 + i, kp_double(i) },
                               &err);
        kp_coupling_flush(c, &err);
        pass(KP_SECOND);
    }
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.rate == 7);
    pass(5 * KP_SECOND);
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.rate > 2 && st.rate < 5);
    pass(60 * KP_SECOND);
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.rate == 0);
    kp_coupling_report(c, &(struct kp_sample){ x, KP_GOOD, 999, kp_double(1) }, &err);
    kp_coupling_flush(c, &err); /* after a pause the old seconds are not counted again */
    pass(KP_SECOND);
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.rate < 1);
}

static void a_full_hub_makes_it_wait_until_it_shall_stop(void **state)
{
    (void)state;
    kp_hub_free(hub);
    hub = kp_hub_new(&(struct kp_hub_options){ .queue_budget = sizeof(struct kp_batch) }, &err);
    model = kp_hub_model(hub);
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    kp_signal x = make_signal(1, "hall/x");
    struct kp_sample s = { x, KP_GOOD, 1, kp_double(1) };
    kp_coupling_report(c, &s, &err);
    assert_int_equal(kp_coupling_flush(c, &err), KP_OK); /* nobody takes it */
    coupling_end(c);
    kp_coupling_report(c, &s, &err);
    assert_int_equal(kp_coupling_flush(c, &err), KP_ESTOPPED);
    struct kp_coupling_status st;
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.waits >= 1 && st.samples == 1);
    assert_true(kp_coupling_stopping(c));
}

static void what_it_says_of_itself_is_shown(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall", NULL);
    struct kp_coupling_status st;
    kp_coupling_note(c, "subscribing %d of %d", 4, 9);
    kp_coupling_count(c, 4, 500, 2);
    kp_coupling_lost(c, 3);
    kp_coupling_lost(c, 4);
    kp_hub_coupling_status(hub, 1, &st);
    assert_string_equal(st.detail, "subscribing 4 of 9");
    assert_true(st.items == 4 && st.items_max == 500 && st.rejected == 2 && st.lost == 7);
    char text[2 * KP_ERR_TEXT] = { 0 };
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    kp_coupling_note(c, "x%s", text); /* cut between characters */
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(kp_utf8_valid(st.detail, strlen(st.detail)) && strlen(st.detail) > KP_ERR_TEXT - 4);
    assert_string_equal(kp_coupling_name(c), "c1");
    assert_string_equal(kp_coupling_url(c), "sim://x");
    assert_string_equal(kp_coupling_at(c), "hall");
    assert_int_equal(kp_coupling_id(c), 1);
    assert_ptr_equal(kp_coupling_hub(c), hub);
    assert_null(kp_coupling_context(c));
    assert_int_equal(kp_coupling_utc(c), now());
    assert_string_equal(kp_link_name(KP_LINK_REFUSED), "refused");
    assert_string_equal(kp_link_name(99), "?");
}

static void a_gap_it_knows_of_is_an_interval_at_its_asset(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    make_signal(1, "hall/mill/x");
    static char reason[KP_ERR_TEXT * 8];
    kp_coupling_gap(c, 10, 20, "the server \"forgot\"");
    assert_string_equal(last_told()->attributes,
                        "{\"coupling\":\"c1\",\"reason\":\"the server \\\"forgot\\\"\"}");
    assert_true(last_told()->interval.start == 10 && last_told()->interval.end == 20);
    assert_int_equal(last_told()->interval.kind, KP_INTERVAL_GAP);
    assert_int_equal(last_told()->interval.asset, kp_model_find_asset(model, "hall/mill"));
    kp_coupling_gap(c, 20, 20, "nothing is missing");
    kp_coupling_gap(c, 21, 20, "nor here");
    assert_int_equal(n_told, 1);
    memset(reason, '\x01', sizeof reason - 1); /* six bytes each in JSON */
    kp_coupling_gap(c, 30, 40, reason);
    assert_int_equal(n_told, 2);
}

static void what_lasts_at_a_machine_is_opened_changed_and_closed_once(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    struct kp_lasting l = { "axis", "104", KP_INTERVAL_ALARM, 10, KP_FOREVER, "\"text\":\"hot\"" };
    make_signal(1, "hall/mill/x");
    assert_int_equal(kp_coupling_interval(c, &l, &err), KP_OK);
    assert_string_equal(last_told()->attributes,
                        "{\"coupling\":\"c1\",\"key\":\"104\",\"text\":\"hot\"}");
    assert_int_equal(last_told()->interval.asset, kp_model_find_asset(model, "hall/mill/axis"));
    l.start = 12;
    assert_int_equal(kp_coupling_interval(c, &l, &err), KP_OK);
    assert_int_equal(n_told, 1); /* nothing new */
    l.attributes = "\"text\":\"hotter\"";
    assert_int_equal(kp_coupling_interval(c, &l, &err), KP_OK);
    assert_int_equal(n_told, 2);
    assert_true(last_told()->interval.start == 10 && open_of(KP_INTERVAL_ALARM) == 1);
    l.key = "10"; /* a key is not the beginning of another */
    l.end = 20;
    assert_int_equal(kp_coupling_interval(c, &l, &err), KP_OK);
    assert_int_equal(n_told, 2);
    l.key = "104";
    l.attributes = NULL;
    assert_int_equal(kp_coupling_interval(c, &l, &err), KP_OK);
    assert_true(last_told()->interval.end == 20 && open_of(KP_INTERVAL_ALARM) == 0);
    assert_non_null(strstr(last_told()->attributes, "hotter"));
}

static void what_a_machine_no_longer_tells_of_is_over(void **state)
{
    (void)state;
    struct kp_coupling *c = couple_still(1, "hall/mill", NULL);
    const char *keep[] = { "b" };
    make_signal(1, "hall/mill/x");
    for (const char *key = "abc"; *key; key++) {
        char name[2] = { *key };
        struct kp_lasting l = { "", name, KP_INTERVAL_ALARM, 10, KP_FOREVER, NULL };
        assert_int_equal(kp_coupling_interval(c, &l, &err), KP_OK);
    }
    assert_int_equal(kp_coupling_intervals_end(c, KP_INTERVAL_STATE, NULL, 0, 20, &err), KP_OK);
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 3);
    assert_int_equal(kp_coupling_intervals_end(c, KP_INTERVAL_ALARM, keep, 1, 5, &err), KP_OK);
    assert_int_equal(open_of(KP_INTERVAL_ALARM), 1);
    assert_true(last_told()->interval.start == 10 && last_told()->interval.end == 10);
}

/* ---- settings ---- */
static void a_coupling_that_cannot_be_is_refused_by_name_and_not_listed(void **state)
{
    (void)state;
    const char *key = "signals", *value = "many";
    struct kp_coupling_def def = { .id = 1,
                                   .name = "press",
                                   .url = "sim://x",
                                   .at = "x",
                                   .class = &sim,
                                   .n = 1,
                                   .keys = &key,
                                   .values = &value };
    assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_EINVALID);
    assert_string_equal(err.text, "coupling press: signals: 'many' is not a whole number");
    err = (struct kp_err){ 0 };
    def.n = 0;
    def.filter.include = "a//b";
    assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_EINVALID);
    assert_null(hub_find(hub, 1));
    err = (struct kp_err){ 0 };
    def.filter.include = NULL;
    assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_OK);
    assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_EEXISTS);
    assert_string_equal(err.text, "coupling press: there is a coupling 1 already");
    err = (struct kp_err){ 0 };
    for (uint16_t id = 2; id <= KP_COUPLINGS_MAX; id++) {
        def.id = id;
        assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_OK);
    }
    def.id = KP_COUPLINGS_MAX + 1;
    assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_EFULL);
}

/* ---- with threads ---- */
static void it_declares_identifies_reports_and_is_online(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE) && stored > 20);
    assert_true(find("hall/one/line/s02") != 0);
    kp_model_lock(model);
    const struct kp_asset_info *a = kp_model_asset(model, kp_model_find_asset(model, "hall/one"));
    assert_string_equal(a->nameplate[KP_SERIAL_NUMBER], "SIM-1");
    assert_int_equal(a->kind, KP_MACHINE);
    kp_model_unlock(model);
    struct kp_coupling_status s;
    WAIT_UNTIL(kp_hub_coupling_status(hub, 1, &s) && s.samples > 20); /* counted once handed over */
    assert_true(s.signals == 3 && s.opens == 1 && s.failures == 0 && s.detail[0] == 0);
}

static void one_switched_off_is_not_started(void **state)
{
    (void)state;
    struct kp_coupling_def def = {
        .id = 1, .name = "x", .url = "sim://x", .at = "x", .class = &sim
    };
    kp_hub_add_coupling(hub, &def, &err);
    start();
    def.id = 2;
    def.name = "y";
    kp_hub_add_coupling(hub, &def, &err);
    kp_hub_stop(hub);
    assert_true(is_link(1, KP_LINK_OFF) && is_link(2, KP_LINK_OFF));
    assert_int_equal(sim_opens, 0);
}

static void a_broken_link_leaves_a_gap_goes_stale_and_heals_by_itself(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    couple(2, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE) && is_link(2, KP_LINK_ONLINE) && stored > 20);
    sim_fail_open = sim_fail_step = 1;
    WAIT_UNTIL(is_link(1, KP_LINK_WAITING));
    WAIT_UNTIL(is_stale("hall/one/line/s00") && open_of(KP_INTERVAL_GAP) == 2);
    struct kp_coupling_status s;
    kp_hub_coupling_status(hub, 1, &s);
    assert_true(s.failures >= 1);
    sim_fail_open = sim_fail_step = 0;
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE) && !is_stale("hall/one/line/s00"));
    WAIT_UNTIL(is_link(2, KP_LINK_ONLINE) && open_of(KP_INTERVAL_GAP) == 0);
    kp_hub_coupling_status(hub, 1, &s);
    assert_true(s.failures >= 1 && s.opens >= 2);
}

static void the_reason_and_the_next_try_are_shown_and_pauses_grow(void **state)
{
    (void)state;
    sim_fail_open = 1;
    couple(1, NULL, NULL);
    start();
    struct kp_coupling_status s;
    static const double least[] = { 0.4, 0.8, 1.6, 3.2, 3.2 };
    for (uint64_t seen = 0; seen < 5;
         seen = s.failures) { /* on a busy machine not every one of them is seen */
        WAIT_UNTIL(kp_hub_coupling_status(hub, 1, &s) && s.failures > seen &&
                   s.link == KP_LINK_WAITING && s.retry_at);
        assert_string_equal(s.detail, "the simulated machine is off");
        double pause = (double)(s.retry_at - s.since) / KP_SECOND;
        if (pause < least[s.failures < 5 ? s.failures - 1 : 4])
            fail_msg("pause %llu: %.3f s", (unsigned long long)s.failures, pause);
        kp_hub_reconnect(hub, 1, &err); /* need not be waited for here */
    }
    kp_hub_stop(hub);
    assert_int_equal(hub_find(hub, 1)->backoff, 4 * KP_SECOND); /* and no more than that */
    assert_int_equal(sim_opens, sim_closes); /* close is called after each open, failed or not */
}

static void a_refusal_waits_for_a_person_and_ends_at_once_when_one_acts(void **state)
{
    (void)state;
    sim_fail_open = 1;
    couple(1, "fail", "refused");
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_REFUSED));
    struct kp_coupling_status s;
    WAIT_UNTIL(kp_hub_coupling_status(hub, 1, &s) && s.retry_at);
    assert_true(s.retry_at - s.since > 40 * KP_SECOND);
    sim_fail_open = 0;
    assert_int_equal(kp_hub_reconnect(hub, 1, &err), KP_OK);
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
}

static void a_class_that_gives_no_reason_is_excused(void **state)
{
    (void)state;
    sim_fail_open = 1;
    couple(1, "fail", "silent");
    start();
    struct kp_coupling_status s;
    WAIT_UNTIL(kp_hub_coupling_status(hub, 1, &s) && s.link == KP_LINK_WAITING);
    assert_string_equal(s.detail, "the link failed without a reason given");
}

static bool has_failed(uint16_t id)
{
    struct kp_coupling *c = hub_find(hub, id);
    pthread_mutex_lock(&c->lock);
    bool failed = c->failed;
    pthread_mutex_unlock(&c->lock);
    return failed;
}

static void a_wish_to_reconnect_opens_anew_and_is_no_failure(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
    int before = sim_opens;
    assert_int_equal(kp_hub_reconnect(hub, 1, &err), KP_OK);
    WAIT_UNTIL(sim_opens > before && is_link(1, KP_LINK_ONLINE));
    struct kp_coupling_status s;
    kp_hub_coupling_status(hub, 1, &s);
    assert_true(s.failures == 0 && s.opens == 2 && sim_wakes >= 1);
    sim_hang = SIM_HANGS_IN_OPEN;
    kp_hub_reconnect(hub, 1, &err);
    WAIT_UNTIL(is_link(1, KP_LINK_CONNECTING));
    assert_false(has_failed(1)); /* so it leaves a gap only when it stays away */
    sim_hang = 0;
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
    sim_fail_step = sim_fail_open = 1;
    WAIT_UNTIL(is_link(1, KP_LINK_WAITING));
    assert_true(has_failed(1));
}

static void a_coupling_comes_and_goes_while_the_hub_runs(void **state)
{
    (void)state;
    start();
    couple(1, NULL, NULL);
    WAIT_UNTIL(stored > 5);
    assert_int_equal(kp_hub_remove_coupling(hub, 1, &err), KP_OK);
    assert_int_equal(sim_closes, sim_opens);
    assert_true(is_stale("hall/one/line/s00"));
    couple(1, NULL, NULL); /* and comes again, to the same signals */
    WAIT_UNTIL(!is_stale("hall/one/line/s00"));
    kp_model_lock(model);
    assert_int_equal(kp_model_count_signals(model), 3);
    kp_model_unlock(model);
}

static void what_was_reported_before_the_stop_is_stored(void **state)
{
    (void)state;
    couple(1, "every", "0s");
    start();
    WAIT_UNTIL(stored > 100);
    kp_hub_stop(hub);
    struct kp_coupling_status s;
    kp_hub_coupling_status(hub, 1, &s);
    assert_int_equal(s.samples, (uint64_t)stored + s.duplicates + s.lost);
    assert_int_equal(s.link, KP_LINK_OFF);
    assert_int_equal(sim_opens, sim_closes);
}

/* ---- asking ---- */
struct asking {
    pthread_t who;
    atomic_int times;
    enum kp_link link;
};

static void note_where(struct kp_coupling *c, void *arg)
{
    struct asking *a = arg;
    struct kp_coupling_status s;
    a->who = pthread_self();
    a->times++;
    kp_hub_coupling_status(kp_coupling_hub(c), kp_coupling_id(c),
                           &s); /* what others ask can be asked here too */
    a->link = s.link;
}

static void what_is_asked_runs_once_in_the_couplings_thread(void **state)
{
    (void)state;
    struct asking a = { .times = 0 }, b = { .times = 0 };
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
    assert_int_equal(kp_hub_ask(hub, 1, note_where, &a, &err), KP_OK);
    assert_int_equal(kp_hub_ask(hub, 1, note_where, &b, &err), KP_OK);
    assert_true(a.times == 1 && b.times == 1 && pthread_equal(a.who, b.who) &&
                !pthread_equal(a.who, pthread_self()));
    assert_true(a.link == KP_LINK_ONLINE && sim_wakes >= 1);
}

static void one_that_waits_answers_too(void **state)
{
    (void)state;
    struct asking a = { .times = 0 };
    sim_fail_open = 1;
    couple(1, "fail", "refused");
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_REFUSED));
    assert_int_equal(kp_hub_ask(hub, 1, note_where, &a, &err), KP_OK);
    assert_true(a.times == 1 && a.link == KP_LINK_REFUSED);
    assert_true(is_link(1, KP_LINK_REFUSED)); /* and goes on waiting */
}

static void one_that_is_off_says_so_at_once(void **state)
{
    (void)state;
    struct asking a = { .times = 0 };
    couple(1, NULL, NULL); /* the hub is not started */
    assert_int_equal(kp_hub_ask(hub, 1, note_where, &a, &err), KP_ESTOPPED);
    assert_string_equal(err.text, "coupling one is switched off");
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_hub_ask(hub, 9, note_where, &a, &err), KP_ENOTFOUND);
    assert_int_equal(a.times, 0);
}

static enum kp_code ask_for(void (*fn)(struct kp_coupling *, void *), void *arg, int64_t time)
{
    struct ask ask = { .fn = fn, .arg = arg };
    pthread_mutex_lock(&hub->lock);
    struct kp_coupling *c = hub_find(hub, 1);
    pthread_mutex_lock(&c->lock);
    c->users++;
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_unlock(&hub->lock);
    return coupling_ask(c, &ask, time, &err);
}

static void what_was_not_begun_in_time_never_runs(void **state)
{
    (void)state;
    struct asking late = { .times = 0 }, next = { .times = 0 };
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
    sim_hang = SIM_HANGS_IN_STEP;
    WAIT_UNTIL(sim_hangs == SIM_HANGS_IN_STEP);
    assert_int_equal(ask_for(note_where, &late, 30 * KP_MILLISECOND), KP_ETIMEOUT);
    assert_non_null(strstr(err.text, "coupling one is busy"));
    sim_hang = 0;
    err = (struct kp_err){ 0 };
    assert_int_equal(ask_for(note_where, &next, 30 * KP_SECOND),
                     KP_OK); /* anything before it would have run by now */
    assert_true(late.times == 0 && next.times == 1);
}

struct slow {
    atomic_int begun, done;
};

static void take_long(struct kp_coupling *c, void *arg)
{
    struct slow *slow = arg;
    (void)c;
    slow->begun = 1;
    kit_sleep(300);
    slow->done = 1;
}

static void what_has_begun_is_waited_for_to_its_end(void **state)
{
    (void)state;
    struct slow slow = { .begun = 0 };
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
    enum kp_code code;
    do
        code = ask_for(take_long, &slow, 100 * KP_MILLISECOND); /* over while it runs */
    while (!slow.begun);                                        /* a busy machine */
    assert_true(code == KP_OK && slow.done);
}

struct asker {
    pthread_t thread;
    atomic_int *ready;
    enum kp_code code;
    struct kp_err err;
};

static void do_nothing(struct kp_coupling *c, void *arg)
{
    (void)c;
    (void)arg;
}

static void *ask_in_thread(void *arg)
{
    struct asker *a = arg;
    ++*a->ready;
    a->code = kp_hub_ask(hub, 1, do_nothing, NULL, &a->err);
    return NULL;
}

static void those_who_ask_one_that_goes_away_hear_of_it(void **state)
{
    (void)state;
    enum { ASKERS = 8 };
    struct asker askers[ASKERS];
    atomic_int ready = 0;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(is_link(1, KP_LINK_ONLINE));
    sim_hang = SIM_HANGS_IN_STEP;
    WAIT_UNTIL(sim_hangs == SIM_HANGS_IN_STEP);
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){ .ready = &ready };
        pthread_create(&askers[i].thread, NULL, ask_in_thread, &askers[i]);
    }
    WAIT_UNTIL(ready == ASKERS);
    kit_sleep(20);
    assert_int_equal(kp_hub_remove_coupling(hub, 1, &err), KP_OK);
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_true(askers[i].code == KP_ESTOPPED ||
                    askers[i].code == KP_ENOTFOUND); /* the latter when it came late */
    }
}

/* ---- writing ---- */
static void do_open_for_writing(void *arg)
{
    struct kp_signal_info info = *kp_model_signal(model, *(kp_signal *)arg);
    info.writable = true;
    kp_model_put_signal(model, &info, NULL);
}

static void a_write_reaches_only_what_was_opened_and_what_is_online(void **state)
{
    (void)state;
    couple(1, NULL, NULL);
    start();
    WAIT_UNTIL(stored > 5);
    kp_signal s = find("hall/one/line/s00");
    struct kp_sample w = { .signal = s, .value = kp_int(42) };
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_EDENIED);
    assert_int_equal(sim_written, 0);
    assert_int_equal(kp_hub_call(hub, do_open_for_writing, &s), KP_OK);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_OK);
    assert_int_equal(sim_written, 42);
    w.value = kp_int(-1);
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "negative"));
    assert_int_equal(kp_hub_write(hub, &w, NULL), KP_EINVALID);
    sim_fail_open = sim_fail_step = 1;
    WAIT_UNTIL(is_link(1, KP_LINK_WAITING));
    err = (struct kp_err){ 0 };
    w.value = kp_int(43);
    enum kp_code code = kp_hub_write(hub, &w, &err); /* it may be between two tries */
    assert_int_equal(code, KP_EPEER);
    assert_non_null(strstr(err.text, "is not online"));
    assert_int_equal(sim_written, 42);
    kp_hub_remove_coupling(hub, 1, &err);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "no coupling leads"));
    struct kp_coupling_def mute = {
        .id = 1, .name = "mute", .url = "sim://x", .at = "x", .class = &sim_silent
    };
    err = (struct kp_err){ 0 };
    kp_hub_add_coupling(hub, &mute, &err);
    assert_int_equal(kp_hub_write(hub, &w, &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "cannot write"));
}

/* ---- all at once ---- */
struct crowd {
    atomic_bool over;
    atomic_int turns;
};

static void *look_around(void *arg)
{
    struct crowd *crowd = arg;
    uint64_t seed = (uint64_t)pthread_self() | 1;
    while (!crowd->over) {
        uint16_t id = (uint16_t)(1 + kit_random(&seed) % 4);
        struct kp_coupling_status s;
        struct kp_sample w = { .signal = (kp_signal)(1 + kit_random(&seed) % 12),
                               .value = kp_int(1) };
        switch (kit_random(&seed) % 5) {
        case 0:
            kp_hub_coupling_status(hub, id, &s);
            break;
        case 1:
            kp_hub_reconnect(hub, id, NULL);
            break;
        case 2:
            kp_hub_ask(hub, id, do_nothing, NULL, NULL);
            break;
        case 3:
            kp_hub_write(hub, &w, NULL);
            break;
        default:
            kp_hub_condition(hub, "crowd", kit_random(&seed) % 2 ? "loud" : NULL);
        }
        crowd->turns++;
    }
    return NULL;
}

static void *come_and_go(void *arg)
{
    struct crowd *crowd = arg;
    uint64_t seed = (uint64_t)pthread_self() | 1;
    while (!crowd->over) {
        uint16_t id = (uint16_t)(1 + kit_random(&seed) % 4);
        char at[16];
        snprintf(at, sizeof at, "hall/c%u", id);
        struct kp_coupling_def def = {
            .id = id, .name = at, .url = "sim://x", .at = at, .class = &sim, .enabled = true
        };
        if (kit_random(&seed) % 2)
            kp_hub_add_coupling(hub, &def, NULL);
        else
            kp_hub_remove_coupling(hub, id, NULL);
        struct kp_subscriber *s =
            kp_hub_subscribe(hub, &(struct kp_subscriber_def){ .feed = true }, NULL);
        struct kp_msg *msg = s ? kp_subscriber_next(s, 1) : NULL;
        if (msg)
            kp_batch_drop(msg);
        kp_hub_unsubscribe(hub, s);
        crowd->turns++;
    }
    return NULL;
}

static void many_threads_at_once_leave_nothing_broken(void **state)
{
    (void)state;
    struct crowd crowd = { .over = false };
    pthread_t threads[6];
    start();
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, i < 4 ? look_around : come_and_go, &crowd);
    WAIT_UNTIL(crowd.turns > 2000);
    kp_hub_stop(hub); /* under their feet */
    crowd.over = true;
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sim_opens, sim_closes);
}

static int quiet(void **state) /* links are lost on purpose here */
{
    (void)state;
    kp_log_setup(KP_LOG_ERROR, STDERR_FILENO);
    return 0;
}

static void one_whose_peer_can_wait_loses_nothing_while_the_disk_takes_nothing(void **state)
{
    (void)state;
    struct kp_coupling_def def = { .id = 1, .name = "one", .url = "sim://x", .at = "hall/one", .enabled = true, .class = &sim_pausing };
    assert_int_equal(kp_hub_add_coupling(hub, &def, &err), KP_OK);
    start();
    WAIT_UNTIL(stored > 30);
    sink_is_full = true;
    struct kp_coupling_status st;
    WAIT_UNTIL(kp_hub_holds(hub) && kp_hub_coupling_status(hub, 1, &st) && st.waits > 2);
    uint64_t before = st.samples;
    kit_sleep(50);
    kp_hub_coupling_status(hub, 1, &st);
    assert_true(st.samples - before <= 2 * KP_BATCH_MAX); /* it stands still */
    assert_int_equal(st.lost, 0);
    assert_int_equal(open_of(KP_INTERVAL_GAP), 0);
    sink_is_full = false;
    int kept_back = stored;
    WAIT_UNTIL(stored > kept_back + 30);
    kp_hub_stop(hub);
    kp_hub_coupling_status(hub, 1, &st);
    assert_int_equal(st.lost, 0);
    assert_int_equal(kp_hub_stats(hub).lost, 0);
    assert_int_equal(stored, st.samples - st.filtered - st.duplicates);
}

int main(void)
{
#define H(test) cmocka_unit_test_setup_teardown(test, setup_by_hand, teardown)
#define T(test) cmocka_unit_test_setup_teardown(test, setup_threads, teardown)
    const struct CMUnitTest tests[] = {
        H(a_declared_signal_stands_below_at_with_all_that_is_said_of_it),
        H(declaring_again_finds_it_wherever_people_put_it),
        H(two_nodes_of_one_name_are_two_signals_also_in_one_call),
        H(a_row_of_a_map_is_its_path_and_not_its_address),
        H(a_place_taken_by_something_else_gets_a_number),
        H(a_signal_nobody_feeds_any_more_is_taken_over_with_its_history),
        H(without_addresses_the_path_is_the_address),
        H(what_the_filter_excludes_is_not_made),
        H(one_that_can_have_no_place_keeps_no_other_out),
        H(a_name_of_the_longest_kind_is_numbered_within_its_limit),
        H(ten_thousand_are_declared_and_found_again),
        cmocka_unit_test(each_allocation_may_fail),
        H(a_nameplate_fills_what_no_person_typed),
        H(a_nameplate_without_a_place_is_refused_and_nothing_is_made),
        H(samples_are_collected_into_batches_of_256),
        H(the_rate_is_that_of_the_last_ten_seconds),
        H(a_full_hub_makes_it_wait_until_it_shall_stop),
        H(what_it_says_of_itself_is_shown),
        H(a_gap_it_knows_of_is_an_interval_at_its_asset),
        H(what_lasts_at_a_machine_is_opened_changed_and_closed_once),
        H(what_a_machine_no_longer_tells_of_is_over),
        H(a_coupling_that_cannot_be_is_refused_by_name_and_not_listed),
        T(it_declares_identifies_reports_and_is_online),
        T(one_switched_off_is_not_started),
        T(a_broken_link_leaves_a_gap_goes_stale_and_heals_by_itself),
        T(the_reason_and_the_next_try_are_shown_and_pauses_grow),
        T(a_refusal_waits_for_a_person_and_ends_at_once_when_one_acts),
        T(a_class_that_gives_no_reason_is_excused),
        T(a_wish_to_reconnect_opens_anew_and_is_no_failure),
        T(a_coupling_comes_and_goes_while_the_hub_runs),
        T(what_was_reported_before_the_stop_is_stored),
        T(what_is_asked_runs_once_in_the_couplings_thread),
        T(one_that_waits_answers_too),
        T(one_whose_peer_can_wait_loses_nothing_while_the_disk_takes_nothing),
        T(one_that_is_off_says_so_at_once),
        T(what_was_not_begun_in_time_never_runs),
        T(what_has_begun_is_waited_for_to_its_end),
        T(those_who_ask_one_that_goes_away_hear_of_it),
        T(a_write_reaches_only_what_was_opened_and_what_is_online),
        T(many_threads_at_once_leave_nothing_broken),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
