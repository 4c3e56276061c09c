/* SPDX-License-Identifier: Apache-2.0 */
/* The tree: rename, move, remove, limits, paths, matching and paging. */
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

static kp_signal put(kp_asset a, const char *name)
{
    struct kp_signal_info info = { .asset = a, .name = name, .type = KP_DOUBLE };
    return kp_model_put_signal(m, &info, &err);
}

static kp_asset put_asset(kp_asset parent, const char *name)
{
    return kp_model_put_asset(m, &(struct kp_asset_info){ .parent = parent, .name = name }, &err);
}

static kp_asset move(kp_asset a, kp_asset parent, const char *name)
{
    struct kp_asset_info info = *kp_model_asset(m, a);
    info.parent = parent;
    info.name = name ? name : info.name;
    err = (struct kp_err){ 0 };
    return kp_model_put_asset(m, &info, &err);
}

static const char *path_of(kp_signal s)
{
    static char path[KP_PATH_MAX];
    kp_model_signal_path(m, s, path, sizeof path);
    return path;
}

/* ---- words ---- */
static void labels_kinds_and_fields_are_read_back_by_their_words(void **state)
{
    (void)state;
    uint8_t read;
    for (unsigned i = KP_INHERIT; i <= KP_SECRET; i++)
        assert_true(kp_label_parse(kp_label_name(i), &read) && read == i);
    for (unsigned i = KP_FOLDER; i <= KP_COMPONENT; i++)
        assert_true(kp_asset_kind_parse(kp_asset_kind_name(i), &read) && read == i);
    for (unsigned i = 0; i < KP_NAMEPLATE_FIELDS; i++)
        assert_string_not_equal(kp_nameplate_name(i), "?");
    assert_string_equal(kp_label_name(KP_SECRET + 1), "?");
    assert_string_equal(kp_asset_kind_name(KP_COMPONENT + 1), "?");
    assert_string_equal(kp_nameplate_name(KP_NAMEPLATE_FIELDS), "?");
    assert_false(kp_label_parse("SECRET", &read) || kp_asset_kind_parse("mill", &read));
}

/* ---- order ---- */
static void children_stand_in_name_order_however_they_came(void **state)
{
    (void)state;
    static const char *const names[] = { "m",  "a",        "z", "b",   "Z",
                                         "aa", "\xc3\xa4", "1", "a b", "a-b" };
    kp_asset hall = asset("hall");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(put(hall, names[i]) != 0);
        char other[16];
        snprintf(other, sizeof other, "x%s", names[i]);
        assert_true(put_asset(hall, other) != 0);
    }
    const kp_signal *signals;
    const kp_asset *assets;
    size_t n = kp_model_child_signals(m, hall, &signals),
           k = kp_model_child_assets(m, hall, &assets);
    assert_true(n == 10 && k == 10);
    for (size_t i = 1; i < n; i++) {
        assert_true(strcmp(kp_model_signal(m, signals[i - 1])->name,
                           kp_model_signal(m, signals[i])->name) < 0);
        assert_true(
            strcmp(kp_model_asset(m, assets[i - 1])->name, kp_model_asset(m, assets[i])->name) < 0);
    }
}

static void renaming_moves_a_child_to_its_new_place_in_the_order(void **state)
{
    (void)state;
    kp_asset hall = asset("hall");
    kp_signal a = put(hall, "a"), b = put(hall, "b"), c = put(hall, "c");
    struct kp_signal_info info = *kp_model_signal(m, a);
    info.name = "bb";
    assert_int_equal(kp_model_put_signal(m, &info, &err), a);
    const kp_signal *list;
    assert_int_equal(kp_model_child_signals(m, hall, &list), 3);
    assert_true(list[0] == b && list[1] == a && list[2] == c);
    assert_int_equal(kp_model_find_signal(m, "hall/a"), 0);
    assert_int_equal(kp_model_find_signal(m, "hall/bb"), a);
    info = *kp_model_signal(m, a); /* its texts are replaced by themselves */
    assert_int_equal(kp_model_put_signal(m, &info, &err), a);
    assert_string_equal(kp_model_signal(m, a)->name, "bb");
}

static void a_name_that_begins_as_another_is_another(void **state)
{
    (void)state;
    kp_asset a = asset("hall/m"), b = asset("hall/m1"), c = asset("hall/m10");
    assert_int_equal(kp_model_find_asset(m, "hall/m"), a);
    assert_int_equal(kp_model_find_asset(m, "hall/m1"), b);
    assert_int_equal(kp_model_find_asset(m, "hall/m10"), c);
    assert_int_equal(kp_model_find_asset(m, "hall/m100"), 0);
    assert_int_equal(kp_model_find_asset(m, "hal"), 0);
}

/* ---- moving ---- */
static void a_move_takes_all_below_along(void **state)
{
    (void)state;
    kp_signal s = put(asset("a/b/c"), "x");
    kp_asset b = asset("a/b");
    assert_int_equal(move(b, asset("other/place"), "bee"), b);
    assert_string_equal(path_of(s), "other/place/bee/c/x");
    assert_int_equal(kp_model_find_asset(m, "a/b"), 0);
    assert_int_equal(move(b, 0, NULL), b); /* to the top */
    assert_string_equal(path_of(s), "bee/c/x");
}

static void a_cycle_of_any_length_is_refused(void **state)
{
    (void)state;
    kp_asset a = asset("a"), b = asset("a/b"), c = asset("a/b/c"), d = asset("a/b/c/d");
    const kp_asset below[] = { a, b, c, d };
    uint64_t version = kp_model_version(m);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(move(a, below[i], NULL), 0);
        assert_true(err.code == KP_EINVALID || err.code == KP_EEXISTS);
    }
    assert_int_equal(move(b, d, NULL), 0);
    assert_int_equal(err.code, KP_EINVALID);
    assert_int_equal(kp_model_version(m), version);
    assert_int_equal(kp_model_find_asset(m, "a/b/c/d"), d);
    assert_true(move(d, a, NULL) != 0 && move(c, d, NULL) != 0); /* but upside down, one by one */
    assert_int_equal(kp_model_find_asset(m, "a/d/c"), c);
}

static void the_place_of_another_cannot_be_taken(void **state)
{
    (void)state;
    kp_asset hall = asset("hall"), mill = asset("hall/mill"), lathe = asset("hall/lathe");
    kp_signal x = put(mill, "x"), y = put(mill, "y");
    assert_int_equal(move(lathe, hall, "mill"), 0);
    assert_int_equal(err.code, KP_EEXISTS);
    assert_int_equal(move(lathe, mill, "x"), 0); /* a signal stands there */
    assert_int_equal(err.code, KP_EEXISTS);
    struct kp_signal_info info = *kp_model_signal(m, x);
    info.name = "y";
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_model_put_signal(m, &info, &err), 0);
    assert_int_equal(err.code, KP_EEXISTS);
    info.name = "lathe";
    info.asset = hall; /* an asset stands there */
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_model_put_signal(m, &info, &err), 0);
    assert_int_equal(err.code, KP_EEXISTS);
    assert_true(kp_model_find_signal(m, "hall/mill/x") == x &&
                kp_model_find_signal(m, "hall/mill/y") == y);
}

/* ---- limits ---- */
static void a_path_too_deep_is_refused_whole(void **state)
{
    (void)state;
    assert_int_equal(asset("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), 0);
    assert_int_equal(err.code, KP_EFULL);
    assert_int_equal(kp_model_count_assets(m), 0);
    err = (struct kp_err){ 0 };
    kp_asset deepest = asset("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16");
    assert_true(deepest != 0 && put(deepest, "x") != 0);
    assert_int_equal(put_asset(deepest, "17"), 0);
    assert_int_equal(err.code, KP_EFULL);
}

static void a_move_that_makes_anything_below_too_deep_is_refused(void **state)
{
    (void)state;
    kp_asset tree = asset("t/u/v"), deep = asset("1/2/3/4/5/6/7/8/9/10/11/12/13/14");
    assert_true(tree != 0);
    assert_int_equal(move(asset("t"), deep, NULL), 0);
    assert_int_equal(err.code, KP_EFULL);
    assert_true(move(asset("t/u"), deep, NULL) != 0); /* one level less just fits */
}

static void a_path_part_of_which_is_a_signal_leaves_nothing_behind(void **state)
{
    (void)state;
    put(asset("hall"), "x");
    size_t before = kp_model_count_assets(m);
    assert_int_equal(asset("hall/x/y/z"), 0);
    assert_int_equal(err.code, KP_EEXISTS);
    assert_int_equal(kp_model_count_assets(m), before);
    err = (struct kp_err){ 0 };
    static const char *const bad[] = { "", "/a", "a/", "a//b", "a/../b", "a/*", "a/ b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(kp_model_make_path(m, bad[i], KP_FOLDER, NULL), 0);
    assert_int_equal(kp_model_count_assets(m), before);
}

static void no_path_is_ever_longer_than_a_reader_has_room_for(void **state)
{
    (void)state;
    enum { LONG = 120 };
    char name[LONG + 1] = { 0 }, path[KP_PATH_MAX];
    memset(name, 'n', LONG);
    kp_asset a = 0, last = 0;
    for (int i = 0; i < KP_DEPTH_MAX && (a = put_asset(last, name)); i++)
        last = a;
    assert_int_equal(err.code, KP_EFULL); /* long before the depth ends */
    assert_int_equal(kp_model_asset_path(m, last, path, sizeof path), 8 * LONG + 7);
    size_t rest = KP_PATH_MAX - 1 - (8 * LONG + 7) - 1;
    err = (struct kp_err){ 0 };
    char leaf[KP_NAME_MAX] = { 0 };
    memset(leaf, 's', rest);
    kp_signal s = put(last, leaf); /* exactly as long as can be */
    assert_true(s != 0);
    assert_int_equal(kp_model_signal_path(m, s, path, sizeof path), KP_PATH_MAX - 1);
    assert_int_equal(kp_model_find_signal(m, path), s);
    char after[KP_PATH_MAX] = "";
    kp_signal found[2];
    assert_int_equal(kp_model_match(m, "**", after, found, 2), 1);
    assert_string_equal(after, path);
    assert_int_equal(kp_model_match(m, "**", after, found, 2), 0);
    assert_int_equal(move(kp_model_find_asset(m, name), asset("x"), NULL),
                     0); /* all below would be too long */
    assert_int_equal(err.code, KP_EFULL);
    leaf[rest] = 't';
    err = (struct kp_err){ 0 };
    assert_int_equal(put(last, leaf), 0);
    assert_int_equal(err.code, KP_EFULL);
}

static void numbers_are_bounded_and_never_used_again(void **state)
{
    (void)state;
    long live = kp_mem_live();
    kp_model_set_next(m, 40000, 900000, 0); /* costs nothing until one is made */
    assert_int_equal(kp_mem_live(), live);
    assert_int_equal(kp_model_signal_end(m), 1);
    kp_asset a = asset("a");
    assert_int_equal(a, 40000);
    kp_signal s = put(a, "x");
    assert_int_equal(s, 900000);
    kp_model_remove_signal(m, s, &err);
    assert_int_equal(put(a, "x"), 900001);
    kp_model_set_next(m, 1, 1, 0); /* never backwards */
    assert_int_equal(put(a, "y"), 900002);
    kp_model_set_next(m, KP_ASSETS_MAX + 1, KP_SIGNALS_MAX + 1, 0);
    assert_int_equal(put(a, "z"), 0);
    assert_int_equal(err.code, KP_EFULL);
    err = (struct kp_err){ 0 };
    assert_int_equal(asset("b"), 0);
    assert_int_equal(err.code, KP_EFULL);
    err = (struct kp_err){ 0 };
    kp_model_set_next(m, UINT32_MAX, UINT32_MAX, 0); /* whatever a damaged file says */
    assert_int_equal(put(a, "z"), 0);
    assert_int_equal(kp_model_count_signals(m), 2);
}

static void an_unknown_number_is_taken_as_it_is_when_loading(void **state)
{
    (void)state;
    struct kp_asset_info a = { .id = 70, .name = "hall" };
    assert_int_equal(kp_model_put_asset(m, &a, &err), 70);
    struct kp_signal_info s = { .id = 500, .asset = 70, .name = "x", .type = KP_INT64 };
    assert_int_equal(kp_model_put_signal(m, &s, &err), 500);
    assert_string_equal(path_of(500), "hall/x");
    assert_null(kp_model_signal(m, 499));
    assert_null(kp_model_asset(m, 69));
    assert_int_equal(kp_model_now(m, 499).sample.status, KP_BAD_WAITING_FOR_INITIAL_DATA);
    assert_int_equal(put(70, "y"), 501);
    assert_int_equal(asset("other"), 71);
}

static void a_signal_needs_an_asset_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(put(0, "x"), 0);
    assert_int_equal(err.code, KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(put(12, "x"), 0);
    assert_int_equal(err.code, KP_ENOTFOUND);
    err = (struct kp_err){ 0 };
    struct kp_asset_info a = { .name = "x", .kind = KP_COMPONENT + 1 };
    assert_int_equal(kp_model_put_asset(m, &a, &err), 0);
    a = (struct kp_asset_info){ .name = "x", .label = KP_SECRET + 1 };
    assert_int_equal(kp_model_put_asset(m, &a, NULL), 0);
    a = (struct kp_asset_info){ .name = "x", .nameplate[KP_LOCATION] = "\xff" };
    assert_int_equal(kp_model_put_asset(m, &a, NULL), 0);
    a = (struct kp_asset_info){ .name = "x", .parent = 99 };
    assert_int_equal(kp_model_put_asset(m, &a, NULL), 0);
    assert_int_equal(kp_model_count_assets(m), 0);
}

/* ---- paths ---- */
static void a_path_is_cut_as_snprintf_does(void **state)
{
    (void)state;
    kp_asset a = asset("ab/cd");
    kp_signal s = put(a, "ef");
    static const char *const want[] = { NULL,   "",      "a",      "ab",      "ab/",
                                        "ab/c", "ab/cd", "ab/cd/", "ab/cd/e", "ab/cd/ef" };
    for (size_t size = 0; size < sizeof want / sizeof *want; size++) {
        char out[12];
        memset(out, '#', sizeof out);
        assert_int_equal(kp_model_signal_path(m, s, out, size), 8);
        if (size)
            assert_string_equal(out, want[size]);
        assert_int_equal(out[size], '#'); /* not a byte more */
    }
    char out[8] = "#";
    assert_int_equal(kp_model_asset_path(m, 0, out, sizeof out), 0);
    assert_string_equal(out, "");
    assert_int_equal(kp_model_signal_path(m, 99, out, sizeof out), 0);
    assert_int_equal(kp_model_asset_path(m, 99, out, sizeof out), 0);
}

static void what_is_gone_has_no_children_and_the_label_of_the_factory(void **state)
{
    (void)state;
    kp_asset a = asset("a/b");
    put(a, "x");
    kp_model_remove_asset(m, asset("a"), &err);
    const kp_asset *list;
    assert_int_equal(kp_model_child_assets(m, a, &list), 0);
    assert_int_equal(kp_model_child_signals(m, a, &list), 0);
    assert_int_equal(kp_model_child_assets(m, 999, &list), 0);
    assert_int_equal(kp_model_label(m, a, KP_INHERIT), KP_INTERNAL);
    assert_int_equal(kp_model_label(m, 999, KP_INHERIT), KP_INTERNAL);
    assert_int_equal(kp_model_label(m, 999, KP_PUBLIC), KP_PUBLIC);
    assert_int_equal(kp_model_remove_asset(m, a, &err), KP_ENOTFOUND);
    assert_int_equal(kp_model_remove_asset(m, 0, NULL),
                     KP_ENOTFOUND); /* nobody removes the factory */
    assert_int_equal(kp_model_count_assets(m), 0);
}

/* ---- matching ---- */
enum { MACHINES = 100, EACH = 100 };
static void ten_thousand(void)
{
    for (int a = 0; a < MACHINES; a++)
        for (int s = 0; s < EACH; s++) {
            char above[64], name[32];
            snprintf(above, sizeof above, "hall%d/m%02d/%s", a % 3, a, s % 2 ? "axis" : "spindle");
            snprintf(name, sizeof name, "s%02d", s);
            assert_true(put(asset(above), name) != 0);
        }
}

/* What a walk over everything and the pattern itself say: slow and surely right. */
static size_t count_by_hand(const char *pattern)
{
    size_t n = 0;
    for (kp_signal s = 1; s < kp_model_signal_end(m); s++)
        n += kp_model_signal(m, s) && kp_pattern_match(pattern, path_of(s));
    return n;
}

static void every_page_size_gives_each_match_once(void **state)
{
    (void)state;
    static const char *const patterns[] = { "",
                                            "**",
                                            "hall1",
                                            "hall0/**",
                                            "**/spindle",
                                            "*/m07",
                                            "hall0/m0?",
                                            "**/axis/s0?",
                                            "nowhere/**",
                                            "hall0/m00/s",
                                            "hall?/*/axis/s01",
                                            "hall0/m00/axis/s01",
                                            "hall0/m00/axis/s01/x",
                                            "*" };
    static const size_t sizes[] = { 1000, 77, 1 };
    static char seen[MACHINES * EACH + 1];
    static kp_signal page[1000];
    ten_thousand();
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        size_t want = count_by_hand(patterns[i]);
        for (size_t k = 0; k < 3; k++) {
            if (sizes[k] == 1 && want > 200)
                continue; /* a walk a signal: long, and no more than the others say */
            char after[KP_PATH_MAX] = "";
            size_t total = 0;
            memset(seen, 0, sizeof seen);
            for (size_t n; (n = kp_model_match(m, patterns[i], after, page, sizes[k])); total += n)
                for (size_t p = 0; p < n; p++)
                    assert_int_equal(seen[page[p]]++, 0);
            if (total != want)
                fail_msg("'%s' by %zu: %zu, not %zu", patterns[i], sizes[k], total, want);
        }
    }
}

static void paging_survives_what_changes_between_two_pages(void **state)
{
    (void)state;
    kp_signal page[10];
    char after[KP_PATH_MAX] = "";
    kp_asset b = asset("h/b");
    for (const char *p = "a\0b\0c\0d\0e\0"; *p; p += 2)
        put(b, p);
    kp_signal last = put(asset("h/c"), "x");
    assert_int_equal(kp_model_match(m, "h", after, page, 3), 3);
    assert_string_equal(after, "h/b/c");
    kp_model_remove_asset(m, b, &err); /* with the one it stood at */
    assert_int_equal(kp_model_match(m, "h", after, page, 10), 1);
    assert_int_equal(page[0], last);
    snprintf(after, sizeof after, "h/b/c");
    put(asset("h/b"), "bb"); /* came back; before the mark */
    kp_signal later = put(asset("h/b"), "cc");
    assert_int_equal(kp_model_match(m, "h", after, page, 10), 2);
    assert_true(page[0] == later && page[1] == last);
}

static void a_plain_name_finds_one_signal_and_its_next_page_is_empty(void **state)
{
    (void)state;
    kp_signal s = put(asset("h/m"), "x"), found[4];
    put(asset("h/m/x2"), "x");
    char after[KP_PATH_MAX] = "";
    assert_int_equal(kp_model_match(m, "h/m/x", after, found, 0), 0);
    assert_int_equal(kp_model_match(m, "h/m/x", after, found, 4), 1);
    assert_true(found[0] == s);
    assert_string_equal(after, "h/m/x");
    assert_int_equal(kp_model_match(m, "h/m/x", after, found, 4), 0);
    after[0] = 0;
    assert_int_equal(kp_model_match(m, "h/m/y", after, found, 4), 0);
    assert_int_equal(kp_model_match(m, "h/n/x", after, found, 4), 0);
    assert_int_equal(kp_model_match(m, "h//x", after, found, 4), 0);
    assert_string_equal(after, "");
    snprintf(after, sizeof after, "elsewhere/x"); /* a mark that is not below the pattern's start */
    assert_int_equal(kp_model_match(m, "h/m", after, found, 4), 0);
}

/* ---- against a simple list of names ---- */
enum { NODES = 200, STEPS = 20000 };
struct shadow {
    kp_asset id;
    int parent; /* -1: the root */
    char name[8];
};

static bool shadow_taken(const struct shadow *s, int n, int self, int parent, const char *name)
{
    for (int i = 0; i < n; i++)
        if (i != self && s[i].parent == parent && strcmp(s[i].name, name) == 0)
            return true;
    return false;
}

static bool shadow_below(const struct shadow *s, int a, int top)
{
    while (a >= 0 && a != top)
        a = s[a].parent;
    return a >= 0;
}

static int shadow_height(const struct shadow *s, int n, int top)
{
    int most = 1;
    for (int i = 0; i < n; i++) {
        int d = 1, a = i;
        while (a >= 0 && a != top) {
            a = s[a].parent;
            d++;
        }
        most = a >= 0 && d > most ? d : most;
    }
    return most;
}

static int shadow_depth(const struct shadow *s, int a)
{
    int d = 0;
    for (; a >= 0; a = s[a].parent)
        d++;
    return d;
}

static void twenty_thousand_random_moves_agree_with_a_simple_list(void **state)
{
    (void)state;
    static struct shadow s[NODES];
    uint64_t seed = 42;
    int n = 0, refused = 0;
    for (int step = 0; step < STEPS; step++) {
        bool new = n < NODES &&kit_random(&seed) % 4 == 0;
        int self = new ? n : n ? (int)(kit_random(&seed) % (unsigned)n) : -1;
        if (self < 0)
            continue;
        int parent = (int)(kit_random(&seed) % (unsigned)(n + 1)) - 1;
        char name[8];
        snprintf(name, sizeof name, "n%02d", (int)(kit_random(&seed) % 40));
        bool wrong = shadow_taken(s, n, new ? -1 : self, parent, name) ||
                     (!new &&shadow_below(s, parent, self)) ||
                     shadow_depth(s, parent) + (new ? 1 : shadow_height(s, n, self)) > KP_DEPTH_MAX;
        struct kp_asset_info info = { .id = new ? 0 : s[self].id,
                                      .name = name,
                                      .parent = parent < 0 ? 0 : s[parent].id };
        kp_asset id = kp_model_put_asset(m, &info, NULL);
        assert_int_equal(id == 0, wrong);
        refused += wrong;
        if (wrong)
            continue;
        s[self].id = id;
        s[self].parent = parent;
        memcpy(s[self].name, name, sizeof name);
        n += new;
    }
    assert_true(refused > 100 && n == NODES);
    for (int i = 0; i < n; i++) {
        char path[KP_PATH_MAX];
        kp_model_asset_path(m, s[i].id, path, sizeof path);
        assert_int_equal(kp_model_find_asset(m, path), s[i].id);
        assert_string_equal(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, s[i].name);
    }
}

/* ---- memory ---- */
static enum kp_code plant(void *arg)
{
    struct kp_err e = { 0 };
    struct kp_model *model = kp_model_new();
    (void)arg;
    if (!model)
        return KP_ENOMEM;
    kp_asset a = kp_model_make_path(model, "a/b/c/d/e/f/g/h/i/j", KP_MACHINE, &e);
    if (!a)
        assert_int_equal(kp_model_count_assets(model), 0); /* the whole path or nothing of it */
    for (int i = 0; i < 20 && !e.code; i++) {
        char name[8];
        snprintf(name, sizeof name, "s%d", i);
        struct kp_signal_info info = { .asset = a, .name = name, .type = KP_DOUBLE };
        kp_model_put_signal(model, &info, &e);
    }
    kp_asset other = e.code ? 0 : kp_model_make_path(model, "x/y", KP_MACHINE, &e);
    if (other) {
        struct kp_asset_info info = *kp_model_asset(model, kp_model_find_asset(model, "a/b"));
        info.parent = other;
        bool moved = kp_model_put_asset(model, &info, &e);
        assert_true(kp_model_find_signal(model, moved ? "x/y/b/c/d/e/f/g/h/i/j/s7"
                                                      : "a/b/c/d/e/f/g/h/i/j/s7") != 0);
    }
    kp_model_free(model);
    return e.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(plant, NULL);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_kinds_and_fields_are_read_back_by_their_words),
        T(children_stand_in_name_order_however_they_came),
        T(renaming_moves_a_child_to_its_new_place_in_the_order),
        T(a_name_that_begins_as_another_is_another),
        T(a_move_takes_all_below_along),
        T(a_cycle_of_any_length_is_refused),
        T(the_place_of_another_cannot_be_taken),
        T(a_path_too_deep_is_refused_whole),
        T(a_move_that_makes_anything_below_too_deep_is_refused),
        T(a_path_part_of_which_is_a_signal_leaves_nothing_behind),
        T(no_path_is_ever_longer_than_a_reader_has_room_for),
        T(numbers_are_bounded_and_never_used_again),
        T(an_unknown_number_is_taken_as_it_is_when_loading),
        T(a_signal_needs_an_asset_of_its_own),
        T(a_path_is_cut_as_snprintf_does),
        T(what_is_gone_has_no_children_and_the_label_of_the_factory),
        T(every_page_size_gives_each_match_once),
        T(paging_survives_what_changes_between_two_pages),
        T(a_plain_name_finds_one_signal_and_its_next_page_is_empty),
        T(twenty_thousand_random_moves_agree_with_a_simple_list),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
