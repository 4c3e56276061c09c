/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of what couplings have seen, in a data file. */
#include "store_kit.h"

#include "couplings/catalogue.h"
#include "store/internal.h"

static struct kp_catalogue_node node(const char *source, const char *path)
{
    return (struct kp_catalogue_node){
        .source = source, .path = path, .type = "double", .access = KP_CAN_READ
    };
}

static int setup(void **state)
{
    struct kit *k = kit_new();
    kit_open(k);
    kit_hub(k);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    kit_free(*state);
    return 0;
}

static void replace(struct kit *k, uint16_t coupling, const struct kp_catalogue_node *list,
                    size_t n)
{
    struct kp_err err = { 0 };
    kp_catalogue_replace(k->store, coupling, list, n, &err);
    kit_ok(&err);
}

struct seen {
    char text[4096];
    size_t n, stop;
    bool subscribed;
};

static bool see(void *arg, const struct kp_catalogue_node *n)
{
    struct seen *s = arg;
    size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof s->text - used, "%s ", n->path);
    s->subscribed |= n->subscribed;
    return ++s->n != s->stop;
}

static struct seen list(struct kit *k, uint16_t coupling, const char *pattern, const char *after,
                        size_t limit)
{
    struct seen s = { 0 };
    struct kp_err err = { 0 };
    kp_catalogue_list(k->store, coupling, pattern, after, limit, see, &s, &err);
    kit_ok(&err);
    return s;
}

static void nodes_are_listed_in_path_order(void **state)
{
    struct kp_catalogue_node three[] = { node("s=3", "b/c"), node("s=1", "a/z"),
                                         node("s=2", "b/a") };
    replace(*state, 7, three, 3);
    assert_string_equal(list(*state, 7, "", "", 10).text, "a/z b/a b/c ");
}

static void a_page_ends_at_its_limit_and_the_next_begins_after_it(void **state)
{
    struct kp_catalogue_node three[] = { node("s=1", "a"), node("s=2", "b"), node("s=3", "c") };
    replace(*state, 7, three, 3);
    assert_string_equal(list(*state, 7, "", "", 2).text, "a b ");
    assert_string_equal(list(*state, 7, "", "b", 2).text, "c ");
    assert_string_equal(list(*state, 7, "", "c", 2).text, "");
    assert_string_equal(list(*state, 7, "", "", 0).text, "");
}

static void a_pattern_chooses_and_does_not_use_up_the_limit(void **state)
{
    struct kp_catalogue_node list4[] = { node("s=1", "m/a"), node("s=2", "m/b/x"),
                                         node("s=3", "n/b"), node("s=4", "o/b") };
    replace(*state, 7, list4, 4);
    assert_string_equal(list(*state, 7, "*/b", "", 2).text, "m/b/x n/b ");
    assert_string_equal(list(*state, 7, "m", "", 9).text, "m/a m/b/x ");
}

static void the_reader_may_stop_early(void **state)
{
    struct kp_catalogue_node three[] = { node("s=1", "a"), node("s=2", "b"), node("s=3", "c") };
    struct kit *k = *state;
    struct seen s = { .stop = 1 };
    struct kp_err err = { 0 };
    replace(k, 7, three, 3);
    kp_catalogue_list(k->store, 7, "", "", 10, see, &s, &err);
    kit_ok(&err);
    assert_string_equal(s.text, "a ");
    assert_string_equal(list(k, 7, "", "", 10).text, "a b c ");
}

static void a_new_catalogue_takes_the_place_of_the_old_and_of_no_other(void **state)
{
    struct kp_catalogue_node old[] = { node("s=1", "a"), node("s=2", "b") },
                             new[] = { node("s=2", "c") };
    replace(*state, 7, old, 2);
    replace(*state, 8, old, 1);
    replace(*state, 7, new, 1);
    assert_string_equal(list(*state, 7, "", "", 10).text, "c ");
    assert_string_equal(list(*state, 8, "", "", 10).text, "a ");
    replace(*state, 7, NULL, 0);
    assert_string_equal(list(*state, 7, "", "", 10).text, "");
    assert_int_equal(kit_number(*state, "select count(*) from node"), 1);
}

static void what_a_crash_left_half_written_is_never_seen(void **state)
{
    struct kp_catalogue_node old[] = { node("s=1", "a") };
    struct kit *k = *state;
    struct kp_err err = { 0 };
    replace(k, 7, old, 1);
    kp_db_exec(k->store->db,
               "insert into node(coupling, source, path, access) values(-7, 's=9', 'half', 1)",
               &err);
    kit_ok(&err);
    assert_string_equal(list(k, 7, "", "", 10).text, "a ");
    replace(k, 7, old, 1);
    assert_string_equal(list(k, 7, "", "", 10).text, "a ");
    assert_int_equal(kit_number(k, "select count(*) from node"), 1);
}

static void more_than_one_slice_arrives_whole(void **state)
{
    enum { N = 4321 };
    static struct kp_catalogue_node many[N];
    static char text[N][2][24];
    for (int i = 0; i < N; i++) {
        snprintf(text[i][0], sizeof text[i][0], "s=%d", i);
        snprintf(text[i][1], sizeof text[i][1], "folder/%05d", i);
        many[i] = node(text[i][0], text[i][1]);
    }
    replace(*state, 7, many, N);
    assert_int_equal(kit_number(*state, "select count(*) from node where coupling = 7"), N);
    assert_string_equal(list(*state, 7, "", "folder/04319", 10).text, "folder/04320 ");
}

static void one_node_is_found_by_its_source_with_everything_known_of_it(void **state)
{
    struct kp_catalogue_node full = { .source = "nsu=urn:x;s=T",
                                      .path = "m/T",
                                      .type = "double",
                                      .unit = "CEL",
                                      .description = "coolant",
                                      .role = "temperature",
                                      .access = KP_CAN_READ | KP_CAN_HISTORY },
                             got;
    struct kit *k = *state;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    replace(k, 7, &full, 1);
    kp_catalogue_get(k->store, 7, "nsu=urn:x;s=T", &arena, &got, &err);
    kit_ok(&err);
    assert_string_equal(got.source, full.source);
    assert_string_equal(got.path, full.path);
    assert_string_equal(got.type, full.type);
    assert_string_equal(got.unit, full.unit);
    assert_string_equal(got.description, full.description);
    assert_string_equal(got.role, full.role);
    assert_int_equal(got.access, full.access);
    assert_false(got.subscribed);
    kp_arena_free(&arena);
}

static void what_is_not_known_stays_null(void **state)
{
    struct kp_catalogue_node bare = node("s=1", "a"), got;
    struct kit *k = *state;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    replace(k, 7, &bare, 1);
    kp_catalogue_get(k->store, 7, "s=1", &arena, &got, &err);
    kit_ok(&err);
    assert_null(got.unit);
    assert_null(got.description);
    assert_null(got.role);
    kp_arena_free(&arena);
}

static void a_source_that_is_not_there_is_not_found_and_named(void **state)
{
    struct kit *k = *state;
    struct kp_catalogue_node one = node("s=1", "a"), got;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    replace(k, 7, &one, 1);
    assert_int_equal(kp_catalogue_get(k->store, 8, "s=1", &arena, &got, &err), KP_ENOTFOUND);
    assert_non_null(strstr(err.text, "s=1"));
    assert_int_equal(kp_catalogue_get(k->store, 7, "s=2", &arena, &got, NULL), KP_ENOTFOUND);
    kp_arena_free(&arena);
}

struct making {
    struct kp_model *model;
    struct kp_err err;
};

static void make_signals(void *arg)
{
    struct making *m = arg;
    kp_asset asset = kp_model_make_path(m->model, "f/m", KP_MACHINE, &m->err);
    for (int i = 0; i < 2; i++) { /* two signals of one source are still one node */
        struct kp_signal_info s = { .asset = asset,
                                    .coupling = 7,
                                    .type = KP_DOUBLE,
                                    .source = "s=2",
                                    .name = i ? "T" : "U",
                                    .stored = true };
        kp_model_put_signal(m->model, &s, &m->err);
    }
}

static void a_node_with_a_signal_of_the_coupling_is_marked_subscribed(void **state)
{
    struct kp_catalogue_node two[] = { node("s=1", "a"), node("s=2", "b") };
    struct kit *k = *state;
    struct making m = { .model = kp_hub_model(k->hub) };
    replace(k, 7, two, 2);
    replace(k, 8, two, 2);
    make_signals(&m);
    kit_ok(&m.err);
    kit_sync(k);
    assert_false(list(k, 7, "a", "", 9).subscribed);
    assert_true(list(k, 7, "b", "", 9).subscribed);
    assert_int_equal(list(k, 7, "", "", 9).n, 2);
    assert_false(list(k, 8, "", "", 9).subscribed);
}

static void without_memory_the_old_catalogue_stays_or_the_new_one_is_whole(void **state)
{
    struct kit *k = *state;
    struct kp_catalogue_node old[] = { node("s=1", "old") },
                             new[] = { node("s=1", "new"), node("s=2", "more") };
    int n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        replace(k, 7, old, 1);
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        enum kp_code code = kp_catalogue_replace(k->store, 7, new, 2, &err);
        kp_mem_fail_at(0);
        assert_true(kp_mem_live() <= live + 8); /* statements prepared stay cached */
        assert_string_equal(list(k, 7, "", "", 9).text, code ? "old " : "more new ");
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
    }
    print_message("catalogue replace: %d failed allocations survived\n", n - 1);
}

static void without_memory_reading_fails_cleanly(void **state)
{
    struct kit *k = *state;
    struct kp_catalogue_node one = { .source = "s=1",
                                     .path = "a",
                                     .type = "double",
                                     .unit = "CEL",
                                     .role = "x",
                                     .description = "d",
                                     .access = 1 };
    replace(k, 7, &one, 1);
    int n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        struct kp_arena arena = { 0 };
        struct kp_catalogue_node got;
        struct seen s = { 0 };
        kp_mem_fail_at(n);
        enum kp_code code = kp_catalogue_get(k->store, 7, "s=1", &arena, &got, &err);
        if (!code)
            code = kp_catalogue_list(k->store, 7, "", "", 9, see, &s, &err);
        kp_mem_fail_at(0);
        kp_arena_free(&arena);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
    }
    print_message("catalogue read: %d failed allocations survived\n", n - 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_are_listed_in_path_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_ends_at_its_limit_and_the_next_begins_after_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_pattern_chooses_and_does_not_use_up_the_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_reader_may_stop_early, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_catalogue_takes_the_place_of_the_old_and_of_no_other,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_left_half_written_is_never_seen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(more_than_one_slice_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(one_node_is_found_by_its_source_with_everything_known_of_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_known_stays_null, setup, teardown),
        cmocka_unit_test_setup_teardown(a_source_that_is_not_there_is_not_found_and_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_node_with_a_signal_of_the_coupling_is_marked_subscribed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            without_memory_the_old_catalogue_stays_or_the_new_one_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_reading_fails_cleanly, setup, teardown),
    };
    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
