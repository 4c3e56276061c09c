/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "core/model.h"

#include <stdio.h>

static struct kp_model *m;
static struct kp_err err;

static int setup(void **state)
{
    (void)state;
    err = (struct kp_err){ 0 };
    m = kp_model_new();
    return m ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kp_model_free(m);
    return kp_mem_live() ? -1 : 0;
}

static kp_asset asset(const char *path)
{
    return kp_model_make_path(m, path, KP_MACHINE, &err);
}

static kp_signal signal(const char *above, const char *name)
{
    struct kp_signal_info info = {
        .asset = asset(above), .name = name, .type = KP_DOUBLE, .stored = true
    };
    return kp_model_put_signal(m, &info, &err);
}

static const char *path_of(kp_signal s)
{
    static char path[KP_PATH_MAX];
    kp_model_signal_path(m, s, path, sizeof path);
    return path;
}

static struct kp_taken take(uint16_t n, const struct kp_sample *samples, bool historic)
{
    struct kp_taken t;
    struct kp_batch *b = kp_batch_new(0);
    b->historic = historic;
    for (uint16_t i = 0; i < n; i++)
        kp_batch_add(b, &samples[i]);
    kp_model_take(m, b, &t);
    kp_batch_free(b);
    return t;
}

/* ---- clocks that are set back ---- */
static struct kp_taken take_at(kp_signal id, int64_t at)
{
    struct kp_sample s = { .signal = id, .at = at, .value = kp_int(at) };
    return take(1, &s, false);
}

static void the_latest_value_follows_a_clock_that_was_set_back(void **state)
{
    (void)state;
    kp_signal id = signal("line", "x");
    for (int64_t at = 100; at < 110; at++)
        assert_int_equal(take_at(id, at).late, 0);
    for (int64_t at = 50; at < 52; at++) { /* two may be late */
        struct kp_taken t = take_at(id, at);
        assert_int_equal(t.late, 1);
        assert_int_equal(t.set_back, 0);
        assert_int_equal(t.keep[0], 1);
        assert_int_equal(t.news[0], 0);
        assert_int_equal(kp_model_now(m, id).sample.at, 109);
    }
    struct kp_taken third = take_at(id, 52);
    assert_int_equal(third.set_back, 1);
    assert_int_equal(third.set_back_by, 109 - 52);
    assert_int_equal(third.keep[0] & third.news[0], 1);
    for (int64_t at = 52; at < 115; at++) {
        if (at > 52)
            assert_int_equal(take_at(id, at).late, 0);
        assert_int_equal(kp_model_now(m, id).sample.at, at);
        assert_int_equal(kp_model_now(m, id).sample.status, at <= 109 ? KP_UNCERTAIN : KP_GOOD);
    }
    assert_int_equal(take_at(id, 114).duplicates, 1);
}

static void a_doubtful_time_keeps_what_the_status_says_besides(void **state)
{
    (void)state;
    kp_signal id = signal("line", "z");
    take_at(id, 100);
    for (int64_t at = 50; at < 53; at++)
        take_at(id, at);
    static const uint32_t list[][2] = {
        { KP_STATUS_OVERFLOW, KP_UNCERTAIN | KP_STATUS_OVERFLOW }, /* Good, with bits of its own */
        { KP_UNCERTAIN_LAST_USABLE, KP_UNCERTAIN_LAST_USABLE },
        { KP_BAD_NO_COMMUNICATION, KP_BAD_NO_COMMUNICATION },
    };
    for (unsigned i = 0; i < 3; i++) {
        struct kp_sample s = { .signal = id, .status = list[i][0], .at = 60 + i, .value = kp_int(i) };
        take(1, &s, false);
        assert_int_equal(kp_model_now(m, id).sample.status, list[i][1]);
    }
}

static void late_samples_that_do_not_ascend_are_only_late(void **state)
{
    (void)state;
    kp_signal id = signal("line", "y");
    take_at(id, 100);
    for (int64_t at = 99; at > 50; at--)
        assert_int_equal(take_at(id, at).set_back, 0);
    assert_int_equal(kp_model_now(m, id).sample.at, 100);
    take_at(id, 51);
    assert_int_equal(take_at(id, 101).late, 0); /* in order again: the row begins anew */
    take_at(id, 60);
    assert_int_equal(take_at(id, 61).set_back, 0);
    assert_int_equal(kp_model_now(m, id).sample.at, 101);
}

/* ---- structure ---- */
static void a_path_is_made_once_and_found_again(void **state)
{
    (void)state;
    kp_asset a = asset("eindhoven/milling/dmu50");
    assert_true(a != 0);
    assert_int_equal(asset("eindhoven/milling/dmu50"), a);
    assert_int_equal(kp_model_find_asset(m, "eindhoven/milling/dmu50"), a);
    assert_int_equal(kp_model_count_assets(m), 3);
    assert_int_equal(kp_model_asset(m, a)->kind, KP_MACHINE);
    assert_int_equal(kp_model_asset(m, kp_model_find_asset(m, "eindhoven"))->kind, KP_FOLDER);
    assert_int_equal(kp_model_find_asset(m, ""), 0);
    assert_int_equal(kp_model_find_asset(m, "eindhoven/"), 0);
    assert_int_equal(kp_model_find_asset(m, "eindhoven//milling"), 0);
    assert_int_equal(kp_model_find_asset(m, "eindhoven/mill"), 0);
}

static void a_name_stands_once_in_its_place(void **state)
{
    (void)state;
    signal("hall", "x");
    struct kp_asset_info twin = { .parent = asset("hall"), .name = "x" };
    assert_int_equal(kp_model_put_asset(m, &twin, &err), 0);
    assert_int_equal(err.code, KP_EEXISTS);
    err = (struct kp_err){ 0 };
    asset("hall/y");
    struct kp_signal_info other = { .asset = asset("hall"), .name = "y", .type = KP_BOOL };
    assert_int_equal(kp_model_put_signal(m, &other, &err), 0);
    assert_int_equal(err.code, KP_EEXISTS);
}

static void a_rename_and_a_move_keep_number_and_value(void **state)
{
    (void)state;
    kp_signal s = signal("hall/mill", "load");
    take(1, &(struct kp_sample){ s, 0, 100, kp_double(7.5) }, false);
    struct kp_signal_info info = *kp_model_signal(m, s);
    info.name = "SpindleLoad";
    info.asset = asset("hall2/mill");
    assert_int_equal(kp_model_put_signal(m, &info, &err), s);
    assert_string_equal(path_of(s), "hall2/mill/SpindleLoad");
    assert_int_equal(kp_model_find_signal(m, "hall/mill/load"), 0);
    assert_true(kp_model_now(m, s).sample.value.d == 7.5);
    struct kp_asset_info mill = *kp_model_asset(m, asset("hall2/mill"));
    mill.parent = asset("hall");
    mill.name = "moved";
    assert_true(kp_model_put_asset(m, &mill, &err) != 0);
    assert_string_equal(path_of(s), "hall/moved/SpindleLoad");
}

static void nothing_moves_below_itself_or_too_deep(void **state)
{
    (void)state;
    struct kp_asset_info a = *kp_model_asset(m, asset("a"));
    a.parent = asset("a/b/c");
    assert_int_equal(kp_model_put_asset(m, &a, &err), 0);
    assert_int_equal(err.code, KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(asset("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), 0);
    assert_int_equal(err.code, KP_EFULL);
    err = (struct kp_err){ 0 };
    struct kp_asset_info tree =
        *kp_model_asset(m, asset("a")); /* a/b/c: three levels below the fourteenth */
    tree.parent = asset("1/2/3/4/5/6/7/8/9/10/11/12/13/14");
    assert_int_equal(kp_model_put_asset(m, &tree, &err), 0);
    assert_int_equal(err.code, KP_EFULL);
}

static void what_is_removed_is_gone_with_all_below_and_its_number_is_not_used_again(void **state)
{
    (void)state;
    kp_signal s = signal("hall/mill/axis", "x");
    kp_asset mill = asset("hall/mill");
    assert_int_equal(kp_model_remove_asset(m, mill, &err), KP_OK);
    assert_int_equal(kp_model_find_asset(m, "hall/mill"), 0);
    assert_null(kp_model_signal(m, s));
    assert_int_equal(kp_model_count_signals(m), 0);
    assert_true(signal("hall/mill", "y") > s);
    assert_true(asset("hall/other") > mill);
    assert_int_equal(kp_model_remove_signal(m, s, &err), KP_ENOTFOUND);
}

static void labels_come_from_above_until_one_is_set(void **state)
{
    (void)state;
    struct kp_asset_info mill = *kp_model_asset(m, asset("hall/mill"));
    assert_int_equal(kp_model_label(m, mill.id, KP_INHERIT), KP_INTERNAL);
    mill.label = KP_PARTNER;
    kp_model_put_asset(m, &mill, &err);
    assert_int_equal(kp_model_label(m, asset("hall/mill/axis"), KP_INHERIT), KP_PARTNER);
    assert_int_equal(kp_model_label(m, asset("hall/mill/axis"), KP_SECRET), KP_SECRET);
}

static void bad_names_types_and_texts_change_nothing(void **state)
{
    (void)state;
    static const char *const names[] = { "", "a/b", "*", " x", "..", "\xff", NULL };
    kp_asset hall = asset("hall");
    uint64_t version = kp_model_version(m);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        err = (struct kp_err){ 0 };
        struct kp_signal_info info = { .asset = hall, .name = names[i], .type = KP_DOUBLE };
        assert_int_equal(kp_model_put_signal(m, &info, &err), 0);
        assert_int_equal(err.code, KP_EINVALID);
    }
    struct kp_signal_info info = { .asset = hall, .name = "x", .type = 99 };
    assert_int_equal(kp_model_put_signal(m, &info, NULL), 0);
    info = (struct kp_signal_info){
        .asset = hall, .name = "x", .type = KP_BOOL, .description = "\xc3\x28"
    };
    assert_int_equal(kp_model_put_signal(m, &info, NULL), 0);
    info = (struct kp_signal_info){ .asset = 77, .name = "x", .type = KP_BOOL };
    assert_int_equal(kp_model_put_signal(m, &info, NULL), 0);
    assert_int_equal(kp_model_version(m), version);
}

/* ---- finding ---- */
static void patterns_page_through_ten_thousand_signals_in_order(void **state)
{
    (void)state;
    enum { MACHINES = 100, EACH = 100 };
    static kp_signal found[999];
    for (int a = 0; a < MACHINES; a++)
        for (int s = 0; s < EACH; s++) {
            char above[64], name[32];
            snprintf(above, sizeof above, "hall%d/m%02d/%s", a % 3, a, s % 2 ? "axis" : "spindle");
            snprintf(name, sizeof name, "s%02d", s);
            assert_true(signal(above, name) != 0);
        }
    static const struct {
        const char *pattern;
        size_t count;
    } asked[] = {
        { "", 10000 },
        { "**", 10000 },
        { "hall1", 3300 },
        { "**/spindle", 5000 },
        { "*/m07", 100 },
        { "hall0/m00", 100 },
        { "hall0/m00/axis/s01", 1 },
        { "**/s0?", 1000 },
        { "hall0/m00/s", 0 },
        { "nowhere/**", 0 },
        { "hall1/m*/axis/s01", 33 },
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        char after[KP_PATH_MAX] = "", last[KP_PATH_MAX] = "";
        size_t total = 0;
        for (size_t n; (n = kp_model_match(m, asked[i].pattern, after, found, 999)); total += n) {
            for (size_t k = 0; k < n; k++) {
                assert_true(kp_pattern_match(asked[i].pattern, path_of(found[k])));
                assert_string_not_equal(path_of(found[k]), last);
                snprintf(last, sizeof last, "%s", path_of(found[k]));
            }
            assert_string_equal(after, last);
        }
        if (total != asked[i].count)
            fail_msg("'%s' matches %zu, not %zu", asked[i].pattern, total, asked[i].count);
    }
}

static void paging_goes_on_when_the_last_one_seen_is_gone(void **state)
{
    (void)state;
    kp_signal list[2], b;
    signal("h", "a");
    b = signal("h", "b");
    kp_signal c = signal("h", "c");
    char after[KP_PATH_MAX] = "";
    assert_int_equal(kp_model_match(m, "h", after, list, 2), 2);
    kp_model_remove_signal(m, b, &err);
    assert_int_equal(kp_model_match(m, "h", after, list, 2), 1);
    assert_int_equal(list[0], c);
}

/* ---- values ---- */
static void news_are_kept_and_repetitions_are_not(void **state)
{
    (void)state;
    kp_signal s = signal("h", "x");
    struct kp_taken t = take(1, &(struct kp_sample){ s, 0, 100, kp_double(1) }, false);
    assert_true(t.keep[0] == 1 && t.news[0] == 1);
    t = take(1, &(struct kp_sample){ s, 0, 100, kp_double(1) }, false);
    assert_true(t.keep[0] == 0 && t.news[0] == 0 && t.duplicates == 1);
    t = take(1, &(struct kp_sample){ s, 0, 101, kp_double(1) }, false); /* a later time is news */
    assert_true(t.keep[0] == 1 && t.news[0] == 1);
    t = take(1, &(struct kp_sample){ s, KP_BAD, 101, kp_double(1) },
             false); /* so is another status */
    assert_true(t.keep[0] == 1);
    t = take(1, &(struct kp_sample){ s + 100, 0, 1, kp_double(1) }, false);
    assert_true(t.keep[0] == 0 && t.unknown == 1);
}

static void a_late_value_goes_to_the_history_only(void **state)
{
    (void)state;
    kp_signal s = signal("h", "x");
    take(1, &(struct kp_sample){ s, 0, 100, kp_double(1) }, false);
    struct kp_taken t = take(1, &(struct kp_sample){ s, 0, 50, kp_double(9) }, false);
    assert_true(t.keep[0] == 1 && t.news[0] == 0);
    assert_true(kp_model_now(m, s).sample.value.d == 1);
    t = take(1, &(struct kp_sample){ s, 0, 200, kp_double(3) }, true); /* fills a gap */
    assert_true(t.keep[0] == 1 && t.news[0] == 0);
    assert_true(kp_model_now(m, s).sample.value.d == 1);
}

static void what_is_not_stored_is_shown_all_the_same(void **state)
{
    (void)state;
    kp_signal s = signal("h", "x");
    struct kp_signal_info info = *kp_model_signal(m, s);
    info.stored = false;
    kp_model_put_signal(m, &info, &err);
    struct kp_taken t = take(1, &(struct kp_sample){ s, 0, 1, kp_double(1) }, false);
    assert_true(t.keep[0] == 0 && t.news[0] == 1);
}

static void count_one(void *arg, kp_signal s)
{
    (void)s;
    ++*(int *)arg;
}

static void a_cut_off_signal_keeps_its_value_and_says_so_until_it_is_heard_again(void **state)
{
    (void)state;
    kp_signal s = signal("h", "x"), from = 0;
    struct kp_signal_info info = *kp_model_signal(m, s);
    int marked = 0;
    info.coupling = 4;
    kp_model_put_signal(m, &info, &err);
    assert_int_equal(kp_model_now(m, s).sample.status, KP_BAD_WAITING_FOR_INITIAL_DATA);
    take(1, &(struct kp_sample){ s, 0, 100, kp_double(1) }, false);
    while (kp_model_mark_stale(m, 4, &from, 1, count_one, &marked))
        ;
    assert_int_equal(marked, 1);
    struct kp_now now = kp_model_now(m, s);
    assert_true(now.stale && now.sample.status == KP_BAD_NO_COMMUNICATION &&
                now.sample.value.d == 1);
    struct kp_taken t = take(1, &(struct kp_sample){ s, 0, 100, kp_double(1) }, false);
    assert_true(t.keep[0] == 0 && t.news[0] == 1); /* told again, not stored again */
    assert_true(!kp_model_now(m, s).stale && kp_model_now(m, s).sample.status == KP_GOOD);
}

static void texts_grow_shrink_and_turn_into_numbers(void **state)
{
    (void)state;
    kp_signal s = signal("h", "x");
    char text[500];
    memset(text, 'a', sizeof text);
    static const uint32_t lengths[] = { 3, 500, 0, 7 };
    for (int i = 0; i < 4; i++) {
        take(1, &(struct kp_sample){ s, 0, i, kp_string(text, lengths[i]) }, false);
        struct kp_value want = kp_string(text, lengths[i]), got = kp_model_now(m, s).sample.value;
        assert_true(kp_value_equal(&got, &want));
    }
    take(1, &(struct kp_sample){ s, 0, 10, kp_double(2) }, false);
    assert_true(kp_model_now(m, s).sample.value.d == 2);
    take(1, &(struct kp_sample){ s, 0, 11, kp_string("b", 1) }, false);
    assert_int_equal(kp_model_now(m, s).sample.value.type, KP_STRING);
}

static void an_empty_text_needs_no_data(void **state)
{
    (void)state;
    kp_signal s = signal("h", "x");
    struct kp_sample empty = { s, 0, 5, { .data = NULL, .len = 0, .type = KP_STRING } };
    assert_int_equal(kp_model_restore(m, &empty, &err), KP_OK);
    assert_int_equal(kp_model_now(m, s).sample.value.len, 0);
    assert_non_null(kp_model_now(m, s).sample.value.data);
}

static void a_restored_value_is_stale_until_its_machine_speaks(void **state)
{
    (void)state;
    kp_signal s = signal("h", "x");
    assert_int_equal(kp_model_restore(m, &(struct kp_sample){ s, 0, 5, kp_int(3) }, &err), KP_OK);
    assert_true(kp_model_now(m, s).stale);
    struct kp_taken t = take(1, &(struct kp_sample){ s, 0, 2, kp_int(4) }, false);
    assert_true(t.keep[0] == 1 &&
                t.news[0] == 1); /* the machine's word counts, though its clock was set back */
    assert_true(!kp_model_now(m, s).stale && kp_model_now(m, s).sample.value.i == 4);
    assert_int_equal(kp_model_restore(m, &(struct kp_sample){ 99, 0, 5, kp_int(3) }, &err), KP_OK);
}

/* ---- intervals ---- */
static bool keep_last(void *arg, const struct kp_interval *v)
{
    *(struct kp_interval *)arg = *v;
    return true;
}

static void an_interval_opens_changes_and_leaves_when_closed(void **state)
{
    (void)state;
    struct kp_interval v = { .asset = asset("h/m"),
                             .kind = KP_INTERVAL_JOB,
                             .start = 10,
                             .end = KP_FOREVER,
                             .attributes = "{}" };
    struct kp_interval seen = { 0 };
    v.id = kp_model_put_interval(m, &v, &err);
    assert_true(v.id > 0);
    v.attributes = "{\"order\":1}";
    assert_int_equal(kp_model_put_interval(m, &v, &err), v.id);
    kp_model_open_intervals(m, asset("h"), keep_last, &seen);
    assert_string_equal(seen.attributes, "{\"order\":1}");
    seen = (struct kp_interval){ 0 };
    kp_model_open_intervals(m, asset("other"), keep_last, &seen);
    assert_int_equal(seen.id, 0);
    v.end = 20;
    assert_int_equal(kp_model_put_interval(m, &v, &err), v.id);
    kp_model_open_intervals(m, 0, keep_last, &seen);
    assert_int_equal(seen.id, 0);
    struct kp_interval later = {
        .kind = KP_INTERVAL_STOP, .start = 5, .end = KP_FOREVER, .attributes = "{}"
    };
    assert_true(kp_model_put_interval(m, &later, &err) > v.id);
}

static void an_interval_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct kp_interval wrong[] = {
        { .kind = KP_INTERVAL_JOB, .start = 10, .end = 9, .attributes = "{}" },
        { .kind = 99, .start = 1, .end = 2, .attributes = "{}" },
        { .kind = KP_INTERVAL_JOB, .start = 1, .end = 2, .attributes = "[]" },
        { .kind = KP_INTERVAL_JOB, .start = 1, .end = 2, .attributes = NULL },
        { .asset = 55, .kind = KP_INTERVAL_JOB, .start = 1, .end = 2, .attributes = "{}" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        err = (struct kp_err){ 0 };
        assert_int_equal(kp_model_put_interval(m, &wrong[i], &err), 0);
        assert_true(err.code != KP_OK);
    }
}

/* ---- watchers and memory ---- */
struct seen {
    int assets, signals, removed, intervals;
};

static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    struct seen *s = self;
    (void)id;
    (void)v;
    s->assets += change == KP_ASSET_PUT;
    s->signals += change == KP_SIGNAL_PUT;
    s->removed += change == KP_ASSET_REMOVED || change == KP_SIGNAL_REMOVED;
    s->intervals += change == KP_INTERVAL_PUT;
}

static void each_change_is_told_once(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    kp_model_watch(m, (struct kp_watcher){ &seen, on_change });
    signal("a/b", "x");
    kp_model_remove_asset(m, kp_model_find_asset(m, "a"), &err);
    assert_true(seen.assets == 2 && seen.signals == 1 && seen.removed == 3);
}

static enum kp_code build_small(void *arg)
{
    struct kp_err e = { 0 };
    struct kp_model *model = kp_model_new();
    (void)arg;
    if (!model)
        return KP_ENOMEM;
    kp_asset a = kp_model_make_path(model, "a/b/c", KP_MACHINE, &e);
    struct kp_signal_info info = {
        .asset = a, .name = "x", .type = KP_STRING, .description = "text", .stored = true
    };
    kp_signal s = a ? kp_model_put_signal(model, &info, &e) : 0;
    struct kp_interval v = { .asset = a, .start = 1, .end = KP_FOREVER, .attributes = "{}" };
    if (s)
        kp_model_restore(model, &(struct kp_sample){ s, 0, 1, kp_string("value", 5) }, &e);
    if (!e.code)
        kp_model_put_interval(model, &v, &e);
    if (!e.code)
        assert_string_equal(kp_model_signal(model, s)->description, "text");
    kp_model_free(model);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(build_small, NULL);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_latest_value_follows_a_clock_that_was_set_back),
        T(a_doubtful_time_keeps_what_the_status_says_besides),
        T(late_samples_that_do_not_ascend_are_only_late),
        T(a_path_is_made_once_and_found_again),
        T(a_name_stands_once_in_its_place),
        T(a_rename_and_a_move_keep_number_and_value),
        T(nothing_moves_below_itself_or_too_deep),
        T(what_is_removed_is_gone_with_all_below_and_its_number_is_not_used_again),
        T(labels_come_from_above_until_one_is_set),
        T(bad_names_types_and_texts_change_nothing),
        T(patterns_page_through_ten_thousand_signals_in_order),
        T(paging_goes_on_when_the_last_one_seen_is_gone),
        T(news_are_kept_and_repetitions_are_not),
        T(a_late_value_goes_to_the_history_only),
        T(what_is_not_stored_is_shown_all_the_same),
        T(a_cut_off_signal_keeps_its_value_and_says_so_until_it_is_heard_again),
        T(texts_grow_shrink_and_turn_into_numbers),
        T(an_empty_text_needs_no_data),
        T(a_restored_value_is_stale_until_its_machine_speaks),
        T(an_interval_opens_changes_and_leaves_when_closed),
        T(an_interval_that_makes_no_sense_is_refused),
        T(each_change_is_told_once),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
