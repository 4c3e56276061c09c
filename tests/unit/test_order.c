/* SPDX-License-Identifier: Apache-2.0 */
/* Work orders over a store: taken once, changed only when that was meant, worked at by one machine
 * at a time. */
#include "store_kit.h"

#include "flex/order_private.h"
#include "net/json_memory.h"

#include "core/ban.h"

#define MINUTE (60 * KP_SECOND)

static struct kit *k;
static struct kp_shop *shop;
static kp_asset mill, lathe;
static kp_signal good, program;
static struct kp_arena arena;

static kp_signal signal(const char *name, uint8_t type, const char *role)
{
    struct kp_err err = { 0 };
    struct kp_signal_info info = {
        .name = name, .type = type, .asset = mill, .stored = true, .role = role
    };
    kp_signal s = kp_model_put_signal(kp_hub_model(k->hub), &info, &err);
    kit_ok(&err);
    return s;
}

static int begin(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    k = kit_new();
    kit_open(k);
    kit_hub(k);
    shop = kp_shop_new(k->hub, k->store, &k->clock.clock, &err);
    mill = kp_model_make_path(kp_hub_model(k->hub), "hall/mill", KP_MACHINE, &err);
    lathe = kp_model_make_path(kp_hub_model(k->hub), "hall/lathe", KP_MACHINE, &err);
    kit_ok(&err);
    assert_true(mill && lathe);
    good = signal("Good", KP_INT64, "good-count");
    program = signal("Program", KP_STRING, "program");
    return 0;
}

static int end(void **state)
{
    (void)state;
    kp_arena_free(&arena);
    kit_close(k);
    kp_shop_free(shop);
    kit_free(k);
    return 0;
}

/* An order as REST takes it; the error's text, "" when it was taken. */
static const char *take_json(const json_t *o, struct kp_order_taken *taken)
{
    static struct kp_err err;
    struct kp_order_in in;
    bool replace;
    err = (struct kp_err){ 0 };
    if (!kp_order_parse(o, &arena, &in, &replace, &err))
        kp_orders_take(shop, &in, 1, replace, NULL, taken, &err);
    return err.text;
}

static const char *take(const char *json, struct kp_order_taken *taken)
{
    json_t *o = json_loads(json, 0, NULL);
    assert_non_null(o);
    const char *why = take_json(o, taken);
    json_decref(o);
    return why;
}

static struct kp_order order(int64_t id)
{
    struct kp_order o;
    struct kp_err err = { 0 };
    kp_orders_get(shop, id, &arena, &o, &err);
    kit_ok(&err);
    return o;
}

static const char two_steps[] =
    "{\"number\":\"4711\",\"sender\":\"ACME\",\"item\":\"flange\",\"quantity\":10,"
    "\"due\":\"2026-12-01\",\"operations\":[{\"number\":\"10\",\"asset\":\"hall/"
    "mill\",\"cycle\":\"190s\",\"setup\":\"10m\"},"
    "{\"number\":\"20\",\"asset\":\"hall/lathe\"}]}";

static void an_order_is_taken_once_and_says_what_it_said(void **state)
{
    struct kp_order_taken first, second;
    (void)state;
    assert_string_equal(take(two_steps, &first), "");
    assert_false(first.repeated);
    assert_string_equal(take(two_steps, &second), "");
    assert_true(second.repeated);
    assert_int_equal(first.id, second.id);
    struct kp_order o = order(first.id);
    assert_string_equal(o.number, "4711");
    assert_int_equal(o.n, 2);
    assert_string_equal(o.operations[0].asset, "hall/mill");
    assert_true(o.operations[1].quantity == 10);
    assert_int_equal(o.operations[0].remaining, 2500 * KP_SECOND);
    assert_int_equal(o.operations[1].remaining, -1);
    assert_string_equal(o.state, "open");
    assert_int_equal(kit_number(k, "select count(*) from operation"), 2);
}

static void another_order_under_its_number_is_refused_with_what_differs(void **state)
{
    struct kp_order_taken t;
    (void)state;
    assert_string_equal(take(two_steps, &t), "");
    assert_string_equal(
        take("{\"number\":\"4711\",\"sender\":\"ACME\",\"item\":\"flange\",\"quantity\":12,"
             "\"due\":\"2026-12-01\",\"operations\":[{\"number\":\"10\",\"asset\":\"hall/mill\","
             "\"cycle\":\"200s\",\"setup\":\"10m\"}]}",
             &t),
        "order 4711 is there with other content: quantity was 10, is 12, operation 10: quantity "
        "was 10, is 12, cycle was 190s, is 200s, operation 20 is missing");
    assert_string_equal(order(t.id).operations[0].state, "open");
}

static void a_date_means_the_whole_day_on_the_wall(void **state)
{
    int64_t at;
    char text[KP_TIME_TEXT];
    (void)state;
    assert_true(kp_due_parse("2026-12-01", &at));
    kp_time_print(at, text);
    assert_string_equal(text, "2026-12-01T22:59:59Z");
    assert_true(kp_due_parse("2026-03-29", &at)); /* 23 hours long */
    kp_time_print(at, text);
    assert_string_equal(text, "2026-03-29T21:59:59Z");
    assert_true(kp_due_parse("2026-12-01T08:00:00+01:00", &at));
    kp_time_print(at, text);
    assert_string_equal(text, "2026-12-01T07:00:00Z");
    assert_false(kp_due_parse("1-12-2026", &at));
}

static void what_makes_no_sense_is_refused_by_its_member(void **state)
{
    static const struct {
        const char *order, *why;
    } bad[] = {
        { "{\"sender\":\"ACME\"}", "order.number is missing" },
        { "{\"number\":\"1\"}", "order.quantity is missing: how many are to be made?" },
        { "{\"number\":\"1\",\"quantity\":-2}",
          "order.quantity: must be a number from 0 to 1000000000" },
        { "{\"number\":\"1\",\"quantity\":1,\"due\":\"tomorrow\"}",
          "order.due: 'tomorrow' is not a date such as 2026-12-01, or a time such as "
          "2026-12-01T14:00:00Z" },
        { "{\"number\":\"1\",\"quantity\":1,\"unit\":\"STUKS\"}",
          "order.unit: 'STUKS' is no code of UN/ECE recommendation 20, such as H87 (piece) or "
          "KGM" },
        { "{\"number\":\"1\",\"quantity\":1,\"operations\":[{\"number\":\"10\",\"asset\":\"hall/"
          "mil\"}]}",
          "operations[0].asset: there is no machine 'hall/mil'" },
        { "{\"number\":\"1\",\"quantity\":1,\"operations\":[{\"number\":\"10\"},{\"number\":"
          "\"10\"}]}",
          "operations[1].number: there are two operations '10'" },
        { "{\"number\":\"1\",\"quantity\":1,\"operations\":[{\"number\":\"10\",\"machineGroup\":"
          "\"mills\"}]}",
          "operations[0].machineGroup: there is no group 'mills'; groups stand in the settings of "
          "the shop floor" },
        { "{\"number\":\"1\",\"quantity\":1,\"operations\":[{\"number\":\"10\",\"cyle\":\"3s\"}]}",
          "operations[0]: unknown key 'cyle', did you mean 'cycle'?" },
    };
    struct kp_order_taken t;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_string_equal(take(bad[i].order, &t), bad[i].why);
    assert_int_equal(kit_number(k, "select count(*) from work_order"), 0);
}

/* ---- working ---- */
static void pass(int64_t ns)
{
    kp_clock_advance(&k->clock, ns);
}

static int64_t now(void)
{
    return kp_utc(&k->clock.clock);
}

static void count(int64_t value)
{
    struct kp_sample p = kit_sample(good, now(), kp_int(value));
    kit_offer(k, &p, 1);
    kit_sync(k);
}

static struct kp_operation_acted acted;

/* The error's text. */
static const char *act(int64_t id, struct kp_operation_act a)
{
    static struct kp_err err;
    err = (struct kp_err){ 0 };
    if (!a.at)
        a.at = KP_NO_TIME;
    if (!a.via)
        a.via = "rest";
    kp_operation_act(shop, id, &a, &acted, &err);
    return err.text;
}
#define START(id, ...) act(id, (struct kp_operation_act){ .verb = KP_OPERATION_START, __VA_ARGS__ })
#define INTERRUPT(id, ...)                                                                         \
    act(id, (struct kp_operation_act){ .verb = KP_OPERATION_INTERRUPT, __VA_ARGS__ })
#define FINISH(id, ...)                                                                            \
    act(id, (struct kp_operation_act){ .verb = KP_OPERATION_FINISH, __VA_ARGS__ })

static struct kp_booking booking(int64_t id)
{
    struct kp_err err = { 0 };
    struct kp_booking_query q = { .from = KP_NO_TIME, .to = KP_NO_TIME, .after = id - 1 };
    struct kp_booking *list;
    size_t n;
    bool more;
    kp_bookings_list(shop, &q, &arena, &list, &n, &more, &err);
    kit_ok(&err);
    assert_true(n >= 1 && list[0].id == id);
    return list[0];
}

static struct kp_order two(void)
{
    struct kp_order_taken t;
    assert_string_equal(take(two_steps, &t), "");
    return order(t.id);
}

static void a_booking_has_the_times_and_the_parts_the_machine_counted(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    struct kp_order o = two();
    struct kp_interval running = { .asset = mill,
                                   .kind = KP_INTERVAL_STATE,
                                   .start = now() + 2 * MINUTE,
                                   .end = now() + 20 * MINUTE,
                                   .attributes = "{\"state\":\"running\"}" };
    count(100);
    assert_string_equal(START(o.operations[0].id, .who = "anna"), "");
    assert_true(kp_model_put_interval(kp_hub_model(k->hub), &running, &err) > 0);
    for (int i = 1; i <= 4; i++) {
        pass(5 * MINUTE);
        count(100 + i);
    }
    pass(MINUTE);
    assert_int_equal(order(o.id).operations[0].good, 4);
    assert_string_equal(order(o.id).state, "started");
    assert_string_equal(INTERRUPT(o.operations[0].id, .comment = "tool"), "");
    struct kp_booking b = booking(acted.booking);
    assert_int_equal(b.start, KIT_NOW);
    assert_int_equal(b.end - b.start, 21 * MINUTE);
    assert_int_equal(b.good, 4);
    assert_int_equal(b.running, 18 * MINUTE);
    assert_int_equal(b.other, 3 * MINUTE);
    assert_string_equal(b.who, "anna");
    assert_string_equal(b.comment, "tool");
    assert_string_equal(b.asset, "hall/mill");
    o = order(o.id);
    assert_string_equal(o.operations[0].state, "interrupted");
    assert_int_equal(o.operations[0].remaining, 6 * 190 * KP_SECOND);
}

static void what_a_person_counts_goes_before_what_the_machine_did(void **state)
{
    int64_t six = 6, one = 1;
    (void)state;
    struct kp_order o = two();
    assert_string_equal(START(o.operations[0].id), "");
    count(50);
    pass(MINUTE);
    count(51);
    assert_string_equal(FINISH(o.operations[0].id, .good = &six, .scrap = &one), "");
    struct kp_booking b = booking(acted.booking);
    assert_int_equal(b.good, 6);
    assert_int_equal(b.scrap, 1);
    assert_string_equal(order(o.id).operations[0].state, "finished");
    assert_string_equal(order(o.id).state, "started");
    assert_string_equal(FINISH(o.operations[1].id, .good = &six), ""); /* nobody saw it run */
    assert_int_equal(booking(acted.booking).good, 6);
    assert_string_equal(order(o.id).state, "finished");
    assert_string_equal(FINISH(o.operations[1].id),
                        "operation 20 of order 4711 is finished already");
}

static void a_machine_works_at_one_operation_at_a_time(void **state)
{
    (void)state;
    struct kp_order o = two();
    assert_string_equal(START(o.operations[0].id), "");
    pass(MINUTE);
    assert_string_equal(START(o.operations[0].id),
                        "operation 10 of order 4711 runs already, at hall/mill");
    assert_string_equal(START(o.operations[1].id, .asset = "hall/mill"), "");
    assert_int_equal(acted.interrupted, o.operations[0].id);
    o = order(o.id);
    assert_string_equal(o.operations[0].state, "interrupted");
    assert_string_equal(o.operations[1].state, "started");
    assert_string_equal(o.operations[1].asset, "hall/mill");
    assert_int_equal(kit_number(k, "select count(*) from booking where \"end\" is null"), 1);
    assert_string_equal(INTERRUPT(o.operations[0].id),
                        "operation 10 of order 4711 is not being worked at");
    assert_string_equal(
        START(o.operations[0].id, .at = KIT_NOW),
        "at: before 2026-11-24T10:01:00Z, when work began or ended at that machine");
    assert_string_equal(START(o.operations[0].id, .at = now() + MINUTE),
                        "at: that time has not come yet");
}

static void a_clock_that_is_set_back_makes_no_booking_that_ends_before_it_begins(void **state)
{
    (void)state;
    struct kp_order o = two();
    assert_string_equal(START(o.operations[0].id), "");
    kp_clock_jump(&k->clock, -3600 * KP_SECOND);
    assert_string_equal(FINISH(o.operations[0].id), "");
    struct kp_booking b = booking(acted.booking);
    assert_int_equal(b.start, b.end);
    assert_string_equal(START(o.operations[1].id, .asset = "hall/mill"), "");
    assert_int_equal(booking(acted.booking).start, b.end);
}

static void a_booking_that_goes_on_outlives_the_program(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    struct kp_order o = two();
    assert_string_equal(START(o.operations[0].id), "");
    kit_close(k);
    kp_shop_free(shop);
    kp_hub_free(k->hub);
    kit_open(k);
    kit_hub(k);
    shop = kp_shop_new(k->hub, k->store, &k->clock.clock, &err);
    kit_ok(&err);
    pass(10 * MINUTE);
    assert_true(order(o.id).operations[0].open > 0);
    assert_string_equal(FINISH(o.operations[0].id), "");
    assert_int_equal(kit_number(k, "select count(*) from booking"), 1);
    assert_int_equal(booking(acted.booking).end - booking(acted.booking).start, 10 * MINUTE);
}

static void a_new_order_keeps_what_was_worked_at_and_cannot_take_it_away(void **state)
{
    struct kp_order_taken t;
    (void)state;
    struct kp_order o = two();
    assert_string_equal(START(o.operations[0].id), "");
    assert_string_equal(take("{\"number\":\"4711\",\"sender\":\"ACME\",\"quantity\":12,\"replace\":"
                             "true,\"operations\":[{\"number\":\"10\"},{\"number\":\"30\"}]}",
                             &t),
                        "");
    assert_true(t.replaced && t.id == o.id);
    struct kp_order n = order(o.id);
    assert_int_equal(n.n, 2);
    assert_int_equal(n.operations[0].id, o.operations[0].id);
    assert_string_equal(n.operations[0].state, "started");
    assert_string_equal(n.operations[0].asset, "hall/mill");
    assert_true(n.operations[0].quantity == 12);
    assert_string_equal(n.operations[1].number, "30");
    assert_string_equal(take("{\"number\":\"4711\",\"sender\":\"ACME\",\"quantity\":12,\"replace\":"
                             "true,\"operations\":[{\"number\":\"30\"}]}",
                             &t),
                        "order 4711: operation 10 was worked at, so the order cannot be replaced "
                        "by one without it");
}

static void a_file_is_taken_whole_or_not_at_all_and_once(void **state)
{
    struct kp_err err = { 0 };
    struct kp_order_taken t[2];
    bool taken;
    struct kp_order_in in[] = {
        { .number = "1", .quantity = 1, .due = KP_NO_TIME },
        { .number = "2", .quantity = 1, .due = KP_NO_TIME, .unit = "PCE" }
    };
    struct kp_order_receipt receipt = { "erp", "a.csv", "0123", 4 };
    (void)state;
    kp_orders_take(shop, in, 2, false, &receipt, t, &err);
    assert_string_equal(err.text, "order 2: order.unit: 'PCE' is no code of UN/ECE recommendation "
                                  "20, such as H87 (piece) or KGM");
    assert_int_equal(kit_number(k, "select count(*) from work_order"), 0);
    in[1].unit = "H87";
    err = (struct kp_err){ 0 };
    kp_order_file_taken(shop, "erp", "0123", 4, &taken, &err);
    assert_false(taken);
    kp_orders_take(shop, in, 2, false, &receipt, t, &err);
    kp_order_file_taken(shop, "erp", "0123", 4, &taken, &err);
    kit_ok(&err);
    assert_true(taken && !t[0].repeated && t[1].id != t[0].id);
    kp_orders_take(shop, in, 2, false, &receipt, t, &err);
    kit_ok(&err);
    assert_true(t[0].repeated && t[1].repeated);
    assert_int_equal(kit_number(k, "select count(*) from order_file where result = 'repeated'"), 1);
    in[0].quantity = 2;
    kp_order_try(shop, &in[0], false, t, &err);
    assert_string_equal(err.text, "order 1 is there with other content: quantity was 1, is 2, "
                                  "operation 10: quantity was 1, is 2");
}

static void an_order_is_answered_and_cancelled(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    struct kp_order o = two();
    kp_orders_confirm(shop, o.id, &(struct kp_confirm){ "changed", KP_NO_TIME, NULL }, &err);
    assert_string_equal(err.text, "promised: say when it will be ready instead");
    err = (struct kp_err){ 0 };
    kp_orders_confirm(shop, o.id, &(struct kp_confirm){ "accepted", o.due, "thanks" }, &err);
    kit_ok(&err);
    assert_string_equal(order(o.id).confirmation, "accepted");
    assert_int_equal(order(o.id).promised, o.due);
    assert_string_equal(START(o.operations[0].id), "");
    kp_orders_cancel(shop, o.id, &err);
    assert_string_equal(err.text,
                        "order 4711 is being worked at: interrupt or finish its operations first");
    err = (struct kp_err){ 0 };
    kp_orders_confirm(shop, o.id, &(struct kp_confirm){ "rejected", KP_NO_TIME, NULL }, &err);
    assert_string_equal(err.text, "order 4711 was worked at, so it cannot be rejected");
    err = (struct kp_err){ 0 };
    assert_string_equal(INTERRUPT(o.operations[0].id), "");
    kp_orders_cancel(shop, o.id, &err);
    kit_ok(&err);
    assert_string_equal(order(o.id).state, "cancelled");
    assert_string_equal(START(o.operations[0].id), "operation 10 of order 4711 is cancelled");
}

static size_t listed(struct kp_order_query q, const char *first)
{
    struct kp_err err = { 0 };
    struct kp_order *list;
    size_t n;
    bool more;
    kp_orders_list(shop, &q, &arena, &list, &n, &more, &err);
    kit_ok(&err);
    assert_true(!n == !first);
    if (n)
        assert_string_equal(list[0].number, first);
    return n + (more ? 100 : 0);
}

static void orders_are_found_by_state_machine_text_and_page(void **state)
{
    struct kp_err err = { 0 };
    struct kp_order_taken t;
    (void)state;
    kp_shop_put_document(shop, KP_SHOP_SETTINGS,
                         "{\"groups\":[{\"name\":\"turning\",\"match\":\"hall/lathe\"}]}", &err);
    kit_ok(&err);
    struct kp_order o = two();
    assert_string_equal(take("{\"number\":\"B\",\"quantity\":1,\"due\":\"2026-11-20\"}", &t), "");
    assert_string_equal(take("{\"number\":\"C\",\"quantity\":1,\"customer\":\"Jansen 100%\","
                             "\"operations\":[{\"number\":\"10\",\"machineGroup\":\"turning\"}]}",
                             &t),
                        "");
    assert_int_equal(listed((struct kp_order_query){ 0 }, "B"), 3);
    assert_int_equal(listed((struct kp_order_query){ .state = "late" }, "B"), 1);
    assert_int_equal(listed((struct kp_order_query){ .limit = 1 }, "B"), 101);
    assert_int_equal(listed((struct kp_order_query){ .after = t.id - 1 }, "4711"), 2);
    assert_int_equal(listed((struct kp_order_query){ .q = "jansen 100%" }, "C"), 1);
    assert_int_equal(listed((struct kp_order_query){ .asset = "hall/mill" }, "4711"), 1);
    assert_int_equal(listed((struct kp_order_query){ .asset = "hall/lathe" }, "4711"), 2);
    assert_int_equal(listed((struct kp_order_query){ .direction = "out" }, NULL), 0);
    kp_orders_cancel(shop, o.id, &err);
    assert_int_equal(listed((struct kp_order_query){ 0 }, "B"), 2);
    assert_int_equal(listed((struct kp_order_query){ .state = "all" }, "C"), 3);
    assert_int_equal(listed((struct kp_order_query){ .state = "all", .after = t.id }, "B"), 2);
}

/* ---- programs ---- */
static void show_program(struct watching *w, const char *name)
{
    struct kp_err err = { 0 };
    struct kp_taken taken;
    struct kp_batch *b = kp_batch_new(1);
    struct kp_sample s = kit_sample(program, now(), kp_string(name, strlen(name)));
    assert_true(b && kp_batch_add(b, &s));
    kp_model_take(kp_hub_model(k->hub), b, &taken);
    kp_batch_free(b);
    orders_turn(w, &err);
    kit_ok(&err);
    pass(MINUTE);
}

static void names_of_programs_are_compared_as_people_do(void **state)
{
    (void)state;
    assert_true(order_program_same("O1000.NC", "o1000.nc"));
    assert_true(order_program_same("TNC:\\PGM\\FLANGE.H", "flange"));
    assert_true(order_program_same("//CNC_MEM/USER/O1000", "O1000.NC"));
    assert_false(order_program_same("O1000.NC", "O1000.MIN"));
    assert_false(order_program_same("O1000", "O10001"));
    assert_false(order_program_same("", ""));
}

static void an_operation_begins_when_its_machine_takes_its_program(void **state)
{
    struct kp_order_taken a, b;
    (void)state;
    assert_string_equal(take("{\"number\":\"A\",\"quantity\":5,\"operations\":[{\"number\":\"10\","
                             "\"asset\":\"hall/mill\",\"program\":\"O1\"}]}",
                             &a),
                        "");
    assert_string_equal(take("{\"number\":\"B\",\"quantity\":5,\"operations\":[{\"number\":\"10\","
                             "\"asset\":\"hall/mill\",\"program\":\"O2\"}]}",
                             &b),
                        "");
    struct watching *w = orders_watch(shop);
    show_program(w, "O2"); /* it was there before anybody looked */
    assert_string_equal(order(b.id).state, "open");
    show_program(w, "O1.NC");
    assert_string_equal(order(a.id).operations[0].state, "started");
    assert_int_equal(order(a.id).operations[0].started, KIT_NOW + MINUTE);
    assert_string_equal(booking(1).via, "program");
    show_program(w, "O2");
    assert_string_equal(order(a.id).operations[0].state, "interrupted");
    assert_string_equal(order(b.id).operations[0].state, "started");
    show_program(w, "O3"); /* of nothing that is planned */
    assert_string_equal(order(b.id).operations[0].state, "interrupted");
    show_program(w, "O2");
    assert_string_equal(INTERRUPT(order(b.id).operations[0].id), "");
    orders_unwatch(w);
    w = orders_watch(shop); /* as after a restart: what was seen is known */
    show_program(w, "O2");
    assert_string_equal(order(b.id).operations[0].state, "interrupted");
    show_program(w, "O1");
    assert_string_equal(order(a.id).operations[0].state, "started");
    orders_unwatch(w);
}

static void a_program_of_two_orders_begins_neither(void **state)
{
    struct kp_err err = { 0 };
    struct kp_order_taken a, b;
    (void)state;
    assert_string_equal(take("{\"number\":\"A\",\"quantity\":5,\"operations\":[{\"number\":\"10\","
                             "\"asset\":\"hall/mill\",\"program\":\"O1\"}]}",
                             &a),
                        "");
    assert_string_equal(take("{\"number\":\"B\",\"quantity\":5,\"operations\":[{\"number\":\"10\","
                             "\"asset\":\"hall/mill\",\"program\":\"O1\"}]}",
                             &b),
                        "");
    struct watching *w = orders_watch(shop);
    show_program(w, "O9");
    show_program(w, "O1");
    assert_string_equal(order(a.id).state, "open");
    kp_orders_cancel(shop, b.id, &err);
    show_program(w, "O9");
    kp_shop_put_document(shop, KP_SHOP_SETTINGS, "{\"orders\":{\"program\":false}}", &err);
    show_program(w, "O1");
    assert_string_equal(order(a.id).state, "open");
    show_program(w, "O9");
    kp_shop_put_document(shop, KP_SHOP_SETTINGS, "{\"orders\":{\"finish\":\"count\"}}", &err);
    kit_ok(&err);
    count(0);
    show_program(w, "O1");
    assert_string_equal(order(a.id).state, "started");
    count(5);
    pass(MINUTE);
    show_program(w, "O1");
    assert_string_equal(order(a.id).state, "finished");
    orders_unwatch(w);
}

/* ---- free time ---- */
static void capacity_says(const char *what)
{
    static const char *const all[] = { "hall/**" };
    struct kp_err err = { 0 };
    struct kp_buf text;
    struct kp_shop_query q = { .assets = all,
                               .n_assets = 1,
                               .recipient = KP_TO_COMPANY,
                               .from = now(),
                               .to = now() + MINUTE,
                               .now = now() };
    kp_buf_init(&text, 1 << 20);
    struct kp_json j = kp_json(&text);
    kp_shop_capacity(shop, &q, 2, &j, &err);
    kit_ok(&err);
    if (!strstr(kp_buf_text(&text), what))
        fail_msg("no %s in %s", what, kp_buf_text(&text));
    kp_buf_free(&text);
}

static void state_of(kp_asset asset, int64_t start, int64_t stop, const char *word)
{
    struct kp_err err = { 0 };
    char text[100];
    snprintf(text, sizeof text, "{\"state\":\"%s\"}", word);
    struct kp_interval v = {
        .asset = asset, .kind = KP_INTERVAL_STATE, .start = start, .end = stop, .attributes = text
    };
    assert_true(kp_model_put_interval(kp_hub_model(k->hub), &v, &err) > 0);
    kit_sync(k);
}

static void put_shifts_and_groups(int64_t idle_until)
{
    struct kp_err err = { 0 };
    kp_shop_put_document(
        shop, KP_SHOP_CALENDAR,
        "{\"plans\":[{\"match\":\"hall/**\",\"shifts\":[{\"name\":\"day\",\"days\":"
        "\"mon-fri\",\"from\":\"08:00\",\"to\":\"16:00\"}]}]}",
        &err);
    kp_shop_put_document(shop, KP_SHOP_SETTINGS,
                         "{\"groups\":[{\"name\":\"both\",\"match\":\"hall/**\"}]}", &err);
    kit_ok(&err);
    state_of(mill, KIT_NOW - 60 * MINUTE, idle_until, "idle");
    state_of(lathe, KIT_NOW - 60 * MINUTE, KP_FOREVER, "idle");
}

/* From Tuesday 11:00 there are 29 planned hours in this week and 40 in the next; the yield is taken
 * to be 0.75. */
static void free_time_is_less_what_orders_still_need(void **state)
{
    struct kp_order_taken t;
    (void)state;
    put_shifts_and_groups(KP_FOREVER);
    capacity_says("\"plannedHours\":29,\"bookedHours\":0,\"freeHours\":21.5},");
    assert_string_equal(take("{\"number\":\"A\",\"quantity\":10,\"due\":\"2026-11-27\","
                             "\"operations\":[{\"number\":\"10\",\"asset\":\"hall/mill\",\"cycle\":"
                             "\"1h\",\"setup\":\"2h\"}]}",
                             &t),
                        "");
    capacity_says("\"plannedHours\":29,\"bookedHours\":12,\"freeHours\":9.5},");
    assert_string_equal(take("{\"number\":\"B\",\"quantity\":20,\"operations\":[{\"number\":\"10\","
                             "\"machineGroup\":\"both\",\"cycle\":\"1h\"}]}",
                             &t),
                        "");
    capacity_says(
        "\"name\":\"both\",\"assets\":[\"hall/lathe\",\"hall/mill\"],\"weeks\":[{\"from\":"
        "\"2026-11-24T10:00:00Z\",\"to\":\"2026-11-29T23:00:00Z\",\"plannedHours\":58,"
        "\"bookedHours\":32,\"freeHours\":11.5},");
    capacity_says("\"path\":\"hall/lathe\",\"yield\":0.75,\"shifts\":0,\"weeks\":[{\"from\":\"2026-"
                  "11-24T10:00:00Z\",\"to\":\"2026-11-29T23:00:00Z\",\"plannedHours\":29,"
                  "\"bookedHours\":13.81,\"freeHours\":7.5},");
    assert_string_equal(
        take("{\"number\":\"C\",\"quantity\":100,\"operations\":[{\"number\":\"10\","
             "\"asset\":\"hall/mill\",\"cycle\":\"1h\"},{\"number\":\"20\",\"asset\":"
             "\"hall/mill\"}]}",
             &t),
        "");
    capacity_says("\"withoutTime\":1,\"beyondHours\":");
}

static void a_machine_that_stands_too_long_is_out_until_it_is_repaired(void **state)
{
    (void)state;
    put_shifts_and_groups(KIT_NOW);
    state_of(mill, KIT_NOW, KP_FOREVER, "stopped");
    pass(9 * MINUTE);
    capacity_says("\"path\":\"hall/mill\",\"yield\":0.75,\"shifts\":0,\"weeks\"");
    pass(2 * MINUTE);
    capacity_says("\"path\":\"hall/mill\",\"yield\":0.75,\"shifts\":0,\"out\":{\"why\":\"stopped\","
                  "\"since\":\"2026-11-24T10:00:00Z\",\"until\":\"2026-11-24T15:00:00Z\","
                  "\"repairs\":0}");
    capacity_says("\"plannedHours\":28.82,\"bookedHours\":0,\"freeHours\":18}");
    for (int day = 2; day < 6; day++)
        state_of(mill, KIT_NOW - day * 1440 * MINUTE, KIT_NOW - (day * 1440 - 30 * day) * MINUTE,
                 "stopped");
    capacity_says("\"until\":\"2026-11-24T12:00:00Z\",\"repairs\":4}");
}

static void a_lack_of_memory_takes_nothing_by_half(void **state)
{
    bool done = false;
    json_t *json = json_loads(two_steps, 0, NULL);
    (void)state;
    for (long n = 1; !done; n++) {
        struct kp_order_taken t;
        kp_mem_fail_at(n);
        const char *why = take_json(json, &t);
        kp_mem_fail_at(0);
        done = !*why;
        int64_t orders = kit_number(k, "select count(*) from work_order");
        assert_int_equal(kit_number(k, "select count(*) from operation"), 2 * orders);
        assert_true(done || !orders);
        assert_true(n < 5000);
    }
    json_decref(json);
    struct kp_order o = two();
    done = false;
    for (long n = 1; !done; n++) {
        kp_mem_fail_at(n);
        done = !*START(o.operations[0].id);
        kp_mem_fail_at(0);
        assert_true(n < 5000);
    }
    assert_int_equal(kit_number(k, "select count(*) from booking"), 1);
    for (long n = 1;; n++) {
        struct kp_err err = { 0 };
        struct kp_order again;
        kp_mem_fail_at(n);
        kp_orders_get(shop, o.id, &arena, &again, &err);
        kp_mem_fail_at(0);
        if (!err.code)
            break;
        assert_int_equal(err.code, KP_ENOMEM);
    }
}

int main(void)
{
    kp_json_memory_init();
    setenv("TZ", "Europe/Amsterdam", 1); /* NOLINT(concurrency-mt-unsafe): before any thread */
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(an_order_is_taken_once_and_says_what_it_said),
        T(another_order_under_its_number_is_refused_with_what_differs),
        T(a_date_means_the_whole_day_on_the_wall),
        T(what_makes_no_sense_is_refused_by_its_member),
        T(a_booking_has_the_times_and_the_parts_the_machine_counted),
        T(what_a_person_counts_goes_before_what_the_machine_did),
        T(a_machine_works_at_one_operation_at_a_time),
        T(a_clock_that_is_set_back_makes_no_booking_that_ends_before_it_begins),
        T(a_booking_that_goes_on_outlives_the_program),
        T(a_new_order_keeps_what_was_worked_at_and_cannot_take_it_away),
        T(a_file_is_taken_whole_or_not_at_all_and_once),
        T(an_order_is_answered_and_cancelled),
        T(orders_are_found_by_state_machine_text_and_page),
        T(names_of_programs_are_compared_as_people_do),
        T(an_operation_begins_when_its_machine_takes_its_program),
        T(a_program_of_two_orders_begins_neither),
        T(free_time_is_less_what_orders_still_need),
        T(a_machine_that_stands_too_long_is_out_until_it_is_repaired),
        T(a_lack_of_memory_takes_nothing_by_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
