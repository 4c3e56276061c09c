/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "core/model.h"

#include <stdio.h>

static struct kp_model *m;
static struct kp_err err;

struct told {
    int puts, removals;
    struct kp_interval last;
    char attributes[64];
    bool was_open; /* in the model when it was told */
};
static struct told told;

static bool see(void *arg, const struct kp_interval *v)
{
    told.was_open |= v->id == *(int64_t *)arg;
    return true;
}

static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    (void)self;
    if (change != KP_INTERVAL_PUT && change != KP_INTERVAL_REMOVED)
        return;
    told.puts += change == KP_INTERVAL_PUT;
    told.removals += change == KP_INTERVAL_REMOVED;
    assert_int_equal(id, v->id);
    told.last = *v;
    snprintf(told.attributes, sizeof told.attributes, "%s", v->attributes);
    told.was_open = false;
    kp_model_lock(m); /* it is told outside the write lock */
    kp_model_open_intervals(m, 0, see, &id);
    kp_model_unlock(m);
}

static int setup(void **state)
{
    (void)state;
    err = (struct kp_err){ 0 };
    told = (struct told){ 0 };
    m = kp_model_new();
    if (m)
        kp_model_watch(m, (struct kp_watcher){ NULL, on_change });
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

static int64_t put(kp_asset a, int64_t id, int64_t start, int64_t end)
{
    struct kp_interval v = { .id = id,
                             .asset = a,
                             .kind = KP_INTERVAL_JOB,
                             .start = start,
                             .end = end,
                             .attributes = "{\"order\":7}" };
    return kp_model_put_interval(m, &v, &err);
}

static bool count_up(void *arg, const struct kp_interval *v)
{
    (void)v;
    ++*(int *)arg;
    return true;
}

static bool count_one(void *arg, const struct kp_interval *v)
{
    (void)v;
    ++*(int *)arg;
    return false;
}

static int count_open(kp_asset top)
{
    int n = 0;
    kp_model_open_intervals(m, top, count_up, &n);
    return n;
}

static void every_kind_has_a_word_that_is_read_back(void **state)
{
    (void)state;
    for (uint8_t kind = KP_INTERVAL_STATE; kind <= KP_INTERVAL_GAP; kind++) {
        uint8_t read = 255;
        assert_true(kp_interval_kind_parse(kp_interval_kind_name(kind), &read));
        assert_int_equal(read, kind);
    }
    uint8_t untouched = 77;
    assert_string_equal(kp_interval_kind_name(KP_INTERVAL_GAP + 1), "?");
    assert_false(kp_interval_kind_parse("Stop", &untouched));
    assert_false(kp_interval_kind_parse("", &untouched));
    assert_false(kp_interval_kind_parse(NULL, &untouched));
    assert_int_equal(untouched, 77);
}

static void an_open_one_is_kept_and_told_with_its_attributes(void **state)
{
    (void)state;
    kp_asset a = asset("hall/mill");
    int64_t id = put(a, 0, 10, KP_FOREVER);
    assert_true(id > 0);
    assert_int_equal(count_open(0), 1);
    assert_true(told.puts == 1 && told.was_open && told.last.asset == a && told.last.start == 10);
    assert_string_equal(told.attributes, "{\"order\":7}");
}

static void a_closed_one_is_told_and_leaves_memory(void **state)
{
    (void)state;
    long live = 0;
    kp_asset a = asset("hall/mill");
    live = kp_mem_live();
    int64_t closed = put(a, 0, 10, 20); /* never was open */
    assert_true(closed > 0);
    assert_true(told.puts == 1 && !told.was_open && told.last.end == 20);
    assert_int_equal(kp_mem_live(), live);
    int64_t id = put(a, 0, 30, KP_FOREVER);
    assert_int_equal(put(a, id, 30, 40), id);
    assert_true(told.puts == 3 && !told.was_open && told.last.end == 40);
    assert_int_equal(count_open(0), 0);
    assert_int_equal(kp_mem_live(), live + 1); /* the list itself stays */
}

static void a_closed_one_can_be_opened_again_and_a_moment_is_an_interval(void **state)
{
    (void)state;
    kp_asset a = asset("hall/mill");
    int64_t id = put(a, 0, 10, 10);
    assert_true(id > 0);
    assert_int_equal(put(a, id, 10, KP_FOREVER), id);
    assert_int_equal(count_open(0), 1);
}

static void closing_one_of_many_leaves_the_others(void **state)
{
    (void)state;
    enum { N = 100 };
    int64_t ids[N];
    kp_asset a = asset("hall/mill");
    for (int i = 0; i < N; i++)
        ids[i] = put(a, 0, i, KP_FOREVER);
    for (int i = 0; i < N; i += 2)
        assert_int_equal(put(a, ids[i], i, 1000), ids[i]);
    assert_int_equal(count_open(0), N / 2);
    for (int i = 1; i < N; i += 2) {
        struct kp_interval v = { .id = ids[i], .attributes = "{}" };
        assert_int_equal(kp_model_remove_interval(m, &v, &err), KP_OK);
        assert_true(told.last.start == i); /* what the model knew, not what the caller said */
    }
    assert_int_equal(count_open(0), 0);
    assert_int_equal(told.removals, N / 2);
}

static void the_open_ones_are_found_by_any_asset_above_them(void **state)
{
    (void)state;
    put(asset("hall/mill/axis"), 0, 1, KP_FOREVER);
    put(asset("hall/mill"), 0, 1, KP_FOREVER);
    put(asset("hall/lathe"), 0, 1, KP_FOREVER);
    put(0, 0, 1, KP_FOREVER);
    assert_int_equal(count_open(0), 4);
    assert_int_equal(count_open(asset("hall")), 3);
    assert_int_equal(count_open(asset("hall/mill")), 2);
    assert_int_equal(count_open(asset("hall/mill/axis")), 1);
    assert_int_equal(count_open(asset("other")), 0);
    int n = 0;
    kp_model_open_intervals(m, 0, count_one, &n);
    assert_int_equal(n, 1); /* the reader had enough */
}

static void a_removed_closed_one_is_told_too(void **state)
{
    (void)state;
    struct kp_interval v = { .id = 5, .kind = KP_INTERVAL_STOP, .start = 1, .end = 2 };
    assert_int_equal(kp_model_remove_interval(m, &v, &err), KP_OK);
    assert_true(told.removals == 1 && told.last.id == 5);
    assert_string_equal(told.attributes, "{}"); /* those who read it need an object */
    v.id = 0;
    assert_int_equal(kp_model_remove_interval(m, &v, &err), KP_ENOTFOUND);
    assert_int_equal(told.removals, 1);
}

static void open_ones_go_with_their_asset(void **state)
{
    (void)state;
    int64_t inner = put(asset("hall/mill/axis"), 0, 1, KP_FOREVER);
    put(asset("hall/mill"), 0, 2, KP_FOREVER);
    put(asset("hall/mill"), 0, 3, KP_FOREVER);
    int64_t stays = put(asset("hall"), 0, 4, KP_FOREVER);
    assert_int_equal(kp_model_remove_asset(m, asset("hall/mill"), &err), KP_OK);
    assert_int_equal(told.removals, 3);
    assert_int_equal(count_open(0), 1);
    assert_int_equal(put(asset("hall"), stays, 4, 5), stays);
    assert_true(inner != stays);
}

static void numbers_are_not_used_again(void **state)
{
    (void)state;
    kp_model_set_next(m, 0, 0, 500);
    int64_t first = put(0, 0, 1, 2);
    assert_int_equal(first, 500);
    assert_int_equal(put(0, 900, 1, KP_FOREVER), 900); /* loading */
    assert_int_equal(put(0, 0, 1, 2), 901);
    kp_model_set_next(m, 0, 0, 10); /* never backwards */
    assert_int_equal(put(0, 0, 1, 2), 902);
}

static void what_makes_no_sense_is_refused_and_nobody_is_told(void **state)
{
    (void)state;
    static const struct {
        struct kp_interval v;
        enum kp_code code;
    } wrong[] = {
        { { .start = 10, .end = 9, .attributes = "{}" }, KP_EINVALID },
        { { .start = KP_FOREVER, .end = 0, .attributes = "{}" }, KP_EINVALID },
        { { .kind = KP_INTERVAL_GAP + 1, .end = 1, .attributes = "{}" }, KP_EINVALID },
        { { .label = KP_SECRET + 1, .end = 1, .attributes = "{}" }, KP_EINVALID },
        { { .end = 1, .attributes = NULL }, KP_EINVALID },
        { { .end = 1, .attributes = "" }, KP_EINVALID },
        { { .end = 1, .attributes = "[]" }, KP_EINVALID },
        { { .end = 1, .attributes = "{\"a\":\"\xff\"}" }, KP_EINVALID },
        { { .asset = 55, .end = 1, .attributes = "{}" }, KP_ENOTFOUND },
        { { .id = -1, .end = 1, .attributes = "{}" }, KP_EINVALID },
        { { .id = INT64_MAX, .end = 1, .attributes = "{}" }, KP_EINVALID },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_err e = { 0 };
        assert_int_equal(kp_model_put_interval(m, &wrong[i].v, &e), 0);
        assert_int_equal(e.code, wrong[i].code);
        assert_true(e.text[0] != 0);
        assert_int_equal(kp_model_put_interval(m, &wrong[i].v, NULL), 0);
    }
    assert_true(told.puts == 0 && count_open(0) == 0);
}

static void a_change_that_fails_leaves_the_open_one_as_it_was(void **state)
{
    (void)state;
    int64_t id = put(asset("h"), 0, 10, KP_FOREVER);
    assert_int_equal(put(asset("h"), id, 10, 5), 0);
    kp_mem_fail_at(1);
    assert_int_equal(put(asset("h"), id, 10, 20), 0);
    kp_mem_fail_at(0);
    assert_int_equal(count_open(0), 1);
    assert_int_equal(told.puts, 1);
}

static enum kp_code open_and_close(void *arg)
{
    struct kp_err e = { 0 };
    struct kp_model *model = kp_model_new();
    (void)arg;
    if (!model)
        return KP_ENOMEM;
    struct kp_interval v = { .start = 1, .end = KP_FOREVER, .attributes = "{}" };
    for (int i = 0; i < 20 && !e.code; i++)
        kp_model_put_interval(model, &v, &e);
    v.id = 3;
    v.end = 9;
    if (!e.code)
        kp_model_put_interval(model, &v, &e);
    v.id = 4;
    if (!e.code)
        kp_model_remove_interval(model, &v, &e);
    kp_model_free(model);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(open_and_close, NULL);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_word_that_is_read_back),
        T(an_open_one_is_kept_and_told_with_its_attributes),
        T(a_closed_one_is_told_and_leaves_memory),
        T(a_closed_one_can_be_opened_again_and_a_moment_is_an_interval),
        T(closing_one_of_many_leaves_the_others),
        T(the_open_ones_are_found_by_any_asset_above_them),
        T(a_removed_closed_one_is_told_too),
        T(open_ones_go_with_their_asset),
        T(numbers_are_not_used_again),
        T(what_makes_no_sense_is_refused_and_nobody_is_told),
        T(a_change_that_fails_leaves_the_open_one_as_it_was),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
