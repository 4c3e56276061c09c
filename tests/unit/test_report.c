/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: the figures are those of /oee, in the reader's language; the times are whole days by the
 * clock on the wall; and what machines are called breaks neither HTML nor PDF. */
#include "store_kit.h"

#include "flex/order.h"
#include "flex/report_private.h"
#include "net/json_memory.h"

#include <jansson.h>

#include "core/ban.h"

#define MINUTE (60 * KP_SECOND)
#define DAY                                                                                        \
    (KIT_NOW - 86400 * KP_SECOND - 11 * 3600 * KP_SECOND) /* midnight in Amsterdam, a day ago */
#define SETTINGS                                                                                   \
    "{\"machines\":[{\"match\":\"hall/*\",\"cycle\":\"30s\"}],\"energy\":{\"price\":0.25,"         \
    "\"co2\":0.3},\"report\":{\"mail\":[\"anna@plant.example\"],\"language\":\"nl\"}}"

static struct kit *k;
static struct kp_shop *shop;
static kp_asset press;
static kp_signal good, scrap, energy;

static kp_signal signal(const char *name)
{
    struct kp_err err = { 0 };
    struct kp_signal_info info = { .name = name,
                                   .type = KP_INT64,
                                   .asset = press,
                                   .stored = true,
                                   .role = strcmp(name, "Energy") == 0 ? "energy" : NULL };
    kp_signal s = kp_model_put_signal(kp_hub_model(k->hub), &info, &err);
    kit_ok(&err);
    return s;
}

static void span(enum kp_interval_kind kind, int64_t start, int64_t stop, const char *text)
{
    struct kp_err err = { 0 };
    struct kp_interval v = {
        .asset = press, .kind = kind, .start = start, .end = stop, .attributes = text
    };
    assert_true(kp_model_put_interval(kp_hub_model(k->hub), &v, &err) > 0);
    kit_sync(k);
}

static void say(kp_signal s, int64_t at, int64_t value)
{
    struct kp_sample p = kit_sample(s, at, kp_int(value));
    kit_offer(k, &p, 1);
    kit_sync(k);
}

static void settings(const char *json)
{
    struct kp_err err = { 0 };
    kp_shop_put_document(shop, KP_SHOP_SETTINGS, json, &err);
    kit_ok(&err);
}

/* From six o'clock yesterday: ten hours of work, then fourteen that nobody explained. */
static int begin_with(const char *name)
{
    struct kp_err err = { 0 };
    k = kit_new();
    kit_open(k);
    kit_hub(k);
    shop = kp_shop_new(k->hub, k->store, &k->clock.clock, &err);
    press = kp_model_make_path(kp_hub_model(k->hub), name, KP_MACHINE, &err);
    kit_ok(&err);
    good = signal("Good");
    scrap = signal("Scrap");
    energy = signal("Energy");
    span(KP_INTERVAL_STATE, DAY, DAY + 960 * MINUTE, "{\"state\":\"running\"}");
    span(KP_INTERVAL_STATE, DAY + 960 * MINUTE, DAY + 1200 * MINUTE, "{\"state\":\"stopped\"}");
    span(KP_INTERVAL_STATE, DAY + 1200 * MINUTE, DAY + 1800 * MINUTE, "{\"state\":\"off\"}");
    span(KP_INTERVAL_ALARM, DAY + 970 * MINUTE, DAY + 990 * MINUTE, "{}");
    for (int i = 0; i < 100; i++)
        say(good, DAY + (400 + i) * MINUTE, 1000 + 12 * i);
    say(scrap, DAY + 400 * MINUTE, 0);
    say(scrap, DAY + 500 * MINUTE, 12);
    say(energy, DAY + 360 * MINUTE, 5000);
    say(energy, DAY + 1300 * MINUTE, 6234);
    settings(SETTINGS);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    return begin_with("hall/press");
}

static int end(void **state)
{
    (void)state;
    kit_close(k);
    kp_shop_free(shop);
    kit_free(k);
    return 0;
}

static enum kp_code make(struct kp_report_query q, enum kp_report_format format,
                         struct kp_buf *text, struct kp_err *err)
{
    q.recipient = KP_TO_COMPANY;
    q.now = KIT_NOW;
    kp_buf_init(text, 8 << 20);
    return kp_report(shop, &q, format, text, err);
}

static void says(struct kp_report_query q, enum kp_report_format format, const char *const *what)
{
    struct kp_err err = { 0 };
    struct kp_buf text;
    make(q, format, &text, &err);
    kit_ok(&err);
    for (; *what; what++)
        if (!strstr(kp_buf_text(&text), *what))
            fail_msg("no %s in %s", *what, kp_buf_text(&text));
    kp_buf_free(&text);
}

static const struct kp_report_query shift = { .at = KIT_NOW, .language = -1 };

/* As /oee has it, of the whole of the time that the report is of. */
static double oee(const char *key)
{
    static const char *const all[] = { "" };
    struct kp_err err = { 0 };
    struct kp_buf text;
    struct kp_shop_query q = { .assets = all,
                               .n_assets = 1,
                               .recipient = KP_TO_COMPANY,
                               .from = DAY + 360 * MINUTE,
                               .to = DAY + 1800 * MINUTE,
                               .now = KIT_NOW };
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, 1 << 20);
    kp_shop_oee(shop, &q, &j, &err);
    kit_ok(&err);
    json_t *root = kp_json_load(kp_buf_text(&text), text.len, 0, NULL);
    double v = json_number_value(json_object_get(json_object_get(root, "total"), key));
    json_decref(root);
    kp_buf_free(&text);
    return v;
}

static void the_figures_are_those_of_the_key_figures(void **state)
{
    char text[4][40];
    static const char *const keys[] = { "oee", "availability", "effectiveness", "quality" };
    (void)state;
    assert_true(oee("oee") > 0.2 && oee("oee") < 0.9);
    for (int i = 0; i < 4; i++) {
        snprintf(text[i], sizeof text[i], " %.1f%%", round(1000 * oee(keys[i])) / 10);
        *strchr(text[i], '.') = ',';
    }
    assert_true(oee("gq") == 1188);
    says(shift, KP_REPORT_TEXT,
         (const char *const[]){ text[0], text[1], text[2], text[3], "1.188", "12 afkeur", NULL });
}

static void numbers_and_words_are_those_of_the_reader(void **state)
{
    struct kp_report_query english = shift;
    (void)state;
    english.language = 0;
    says(shift, KP_REPORT_TEXT,
         (const char *const[]){ "Ploegenrapport maandag 23 november 2026", "1.234,0", "308,50",
                                "370,2", "Van 14,0\u00a0uur stilstand", "geen reden gegeven",
                                "hall/press", NULL });
    says(english, KP_REPORT_TEXT,
         (const char *const[]){ "Shift report Monday 23 November 2026", "1,234.0", "308.50",
                                "Of 14.0\u00a0h of standing still", "no reason given", NULL });
}

static void an_alarm_of_the_machine_is_counted(void **state)
{
    struct kp_err err = { 0 };
    struct report r;
    (void)state;
    report_sum(shop,
               &(struct kp_report_query){
                   .now = KIT_NOW, .at = KIT_NOW, .language = -1, .recipient = KP_TO_COMPANY },
               &r, &err);
    kit_ok(&err);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.machines[0].alarms, 1);
    assert_true(r.machines[0].unexplained == 840 * MINUTE);
    assert_int_equal(r.unexplained, r.n_stops);
    report_free(&r);
}

static void a_reason_moves_the_time_to_its_bar(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    kp_shop_note_stop(shop, 2, &(struct kp_stop_note){ .reason = "breakdown", .who = "anna" },
                      &err);
    kit_ok(&err);
    says(shift, KP_REPORT_TEXT,
         (const char *const[]){ "ging verloren aan storing: 4,0\u00a0uur", "storing", NULL });
}

static void a_month_has_all_its_days(void **state)
{
    struct kp_report_query month = { .kind = KP_REPORT_MONTH, .month = "2026-11", .language = 0 };
    (void)state;
    says(month, KP_REPORT_HTML,
         (const char *const[]){ "<h1>Monthly report November 2026</h1>", "<title>30", "<svg",
                                NULL });
    month.month = NULL;
    says(month, KP_REPORT_TEXT, (const char *const[]){ "Monthly report October 2026", NULL });
}

static void a_month_that_is_none_is_refused(void **state)
{
    static const char *const wrong[] = { "2026-13", "2026",    "november", "2026-1",
                                         "20261-1", "2026-12", "0001-01",  "" };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_err err = { 0 };
        struct kp_buf text;
        make((struct kp_report_query){ .kind = KP_REPORT_MONTH, .month = wrong[i] }, KP_REPORT_TEXT,
             &text, &err);
        assert_int_equal(err.code, KP_EINVALID);
        kp_buf_free(&text);
    }
}

static int64_t at(const char *text)
{
    int64_t t;
    assert_true(kp_time_parse(text, &t));
    return t;
}

static void a_report_is_due_by_the_clock_on_the_wall(void **state)
{
    struct kp_report_plan p = { .at = 360, .days = 127 };
    (void)state;
    assert_true(report_due(&p, at("2026-11-24T05:30:00Z")) == at("2026-11-24T05:00:00Z"));
    assert_true(report_due(&p, at("2026-11-24T04:59:59Z")) == at("2026-11-23T05:00:00Z"));
    assert_true(report_due(&p, at("2026-03-29T12:00:00Z")) == at("2026-03-29T04:00:00Z"));
    assert_true(report_due(&p, at("2026-03-29T03:00:00Z")) == at("2026-03-28T05:00:00Z"));
    p.at = 150; /* in the night of the change of the clock there is no half past two */
    int64_t jump = report_due(&p, at("2026-03-29T12:00:00Z"));
    assert_true(jump >= at("2026-03-29T00:30:00Z") && jump <= at("2026-03-29T01:30:00Z"));
    p = (struct kp_report_plan){ .at = 360, .days = 31 }; /* Monday to Friday */
    assert_true(report_due(&p, at("2026-11-23T05:00:00Z")) == at("2026-11-23T05:00:00Z"));
    assert_true(report_due(&p, at("2026-11-23T04:59:59Z")) == at("2026-11-20T05:00:00Z"));
}

static void who_gets_it_is_checked(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        { "{\"report\":{\"mail\":[\"anna\"]}}", "report.mail[0]: 'anna'" },
        { "{\"report\":{\"mail\":[\"a@b\\r\\nBcc: c@d\"]}}", "report.mail[0]" },
        { "{\"report\":{\"mail\":[\"a@b, c@d\"]}}", "report.mail[0]" },
        { "{\"report\":{\"mail\":[\"<a@b>\"]}}", "report.mail[0]" },
        { "{\"report\":{\"mail\":[7]}}", "report.mail[0]" },
        { "{\"report\":{\"at\":\"24:00\"}}", "report.at: midnight is 00:00" },
        { "{\"report\":{\"at\":\"6\"}}", "report.at" },
        { "{\"report\":{\"days\":\"all\"}}", "report.days" },
        { "{\"report\":{\"language\":\"de\"}}", "report.language" },
        { "{\"report\":{\"mails\":[]}}", "mails" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kp_err err = { 0 };
        assert_int_equal(kp_shop_check_document(KP_SHOP_SETTINGS, cases[i].json, &err),
                         KP_EINVALID);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].json, err.text);
    }
}

static void names_of_machines_are_text_in_html(void **state)
{
    struct kp_err err = { 0 };
    struct kp_buf text;
    (void)state;
    begin_with("<script>alert(1)<\\script> & \"'");
    make(shift, KP_REPORT_HTML, &text, &err);
    kit_ok(&err);
    assert_null(strstr(kp_buf_text(&text), "<script"));
    assert_non_null(strstr(kp_buf_text(&text), "&#60;script&#62;alert(1)&#60;\\script&#62; &#38; "
                                               "&#34;&#39;"));
    kp_buf_free(&text);
    end(NULL);
}

static void names_in_any_script_make_a_pdf(void **state)
{
    static const char *const names[] = { "Fräsmaschine Łódź №1", "Станок/Пресс", "機械", "a😀b",
                                         "\u0301\u200b" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct kp_err err = { 0 };
        struct kp_buf text;
        begin_with(names[i]);
        make(shift, KP_REPORT_PDF, &text, &err);
        kit_ok(&err);
        assert_true(text.len > 1000 && memcmp(text.data, "%PDF-", 5) == 0);
        kp_buf_free(&text);
        end(NULL);
    }
}

/* Each allocation in turn is refused once; a cache that could not grow keeps nobody from a report.
 */
static void starve(enum kp_report_format format)
{
    long made = 0;
    for (long n = 1; n <= made + 1; n++) {
        struct kp_err err = { 0 };
        struct kp_buf text;
        long before = kp_mem_count();
        kp_mem_fail_at(n);
        enum kp_code code = make(shift, format, &text, &err);
        kp_mem_fail_at(0);
        made = kp_mem_count() - before;
        kp_buf_free(&text);
        assert_true(!code || code == KP_ENOMEM);
        assert_true(n < 20000);
    }
}

static void a_lack_of_memory_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    end(NULL);
    begin_with("hall/Станок"); /* a PDF takes its letters from a font */
    starve(KP_REPORT_TEXT);    /* then all connections are there */
    starve(KP_REPORT_TEXT);
    long live = kp_mem_live();
    for (enum kp_report_format f = KP_REPORT_HTML; f <= KP_REPORT_TEXT; f++)
        starve(f);
    assert_int_equal(kp_mem_live(), live);
    says(shift, KP_REPORT_TEXT, (const char *const[]){ "1.188", NULL });
}

static void orders_that_are_late_are_named(void **state)
{
    struct kp_err err = { 0 };
    struct kp_order_taken taken[2];
    const struct kp_order_in orders[2] = {
        { .number = "W1",
          .customer = "Bos & Zn",
          .item = "axle",
          .quantity = 5,
          .due = KIT_NOW - 3600 * KP_SECOND },
        { .number = "W2", .quantity = 5, .due = KIT_NOW + 3600 * KP_SECOND },
    };
    (void)state;
    kp_orders_take(shop, orders, 2, false, NULL, taken, &err);
    kit_ok(&err);
    struct report r;
    report_sum(shop,
               &(struct kp_report_query){
                   .now = KIT_NOW, .at = KIT_NOW, .language = -1, .recipient = KP_TO_COMPANY },
               &r, &err);
    kit_ok(&err);
    assert_int_equal(r.orders.open, 2);
    assert_int_equal(r.orders.late, 1);
    report_free(&r);
    says(shift, KP_REPORT_HTML,
         (const char *const[]){ "Orders die te laat zijn",
                                "<td class=\"a\">W1</td><td "
                                "class=\"a\">Bos &#38; Zn</td>",
                                NULL });
}

static void without_machines_the_report_says_so(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    k = kit_new();
    kit_open(k);
    kit_hub(k);
    shop = kp_shop_new(k->hub, k->store, &k->clock.clock, &err);
    kit_ok(&err);
    says(shift, KP_REPORT_TEXT, (const char *const[]){ "No machine has states yet", NULL });
    says(shift, KP_REPORT_HTML, (const char *const[]){ "No machine has states yet", NULL });
    struct kp_buf text;
    make(shift, KP_REPORT_PDF, &text, &err);
    kit_ok(&err);
    kp_buf_free(&text);
    end(NULL);
}

int main(void)
{
    kp_json_memory_init();
    setenv("TZ", "Europe/Amsterdam", 1); /* NOLINT(concurrency-mt-unsafe): before any thread */
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(the_figures_are_those_of_the_key_figures),
        T(numbers_and_words_are_those_of_the_reader),
        T(an_alarm_of_the_machine_is_counted),
        T(a_reason_moves_the_time_to_its_bar),
        T(orders_that_are_late_are_named),
        T(a_month_has_all_its_days),
        T(a_month_that_is_none_is_refused),
        T(a_lack_of_memory_is_told_and_leaves_nothing),
        cmocka_unit_test(a_report_is_due_by_the_clock_on_the_wall),
        cmocka_unit_test(who_gets_it_is_checked),
        cmocka_unit_test(names_of_machines_are_text_in_html),
        cmocka_unit_test(names_in_any_script_make_a_pdf),
        cmocka_unit_test(without_machines_the_report_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
