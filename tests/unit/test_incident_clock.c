/* SPDX-License-Identifier: Apache-2.0 */
/* Who must report an incident, and by when: NIS2 art. 2, 3 and 23(4), CRA art. 14. */
#include "kit.h"

#include "shield/incident_clock.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static const struct incident_scope in_scope = { .answered = true, .sector = 0, .size = SIZE_MEDIUM, .products = true };

static int64_t at(const char *text)
{
    int64_t t;
    assert_true(kp_time_parse(text, &t));
    return t;
}

static struct incident_facts facts(const char *aware)
{
    struct incident_facts f = { .aware = at(aware), .fixed = KP_NO_TIME, .handled = KP_NO_TIME };
    for (int i = 0; i < STAGES; i++)
        f.sent[i] = KP_NO_TIME;
    return f;
}

static struct incident_clock clocks[STAGES];
static size_t n;

static void count(const struct incident_facts *f, const struct incident_scope *s, const char *now)
{
    n = incident_clocks(f, s, at(now), clocks);
}

static const struct incident_clock *find(enum incident_stage stage)
{
    for (size_t i = 0; i < n; i++)
        if (clocks[i].stage == stage)
            return &clocks[i];
    return NULL;
}

static void due(enum incident_stage stage, const char *when, enum incident_clock_state state)
{
    const struct incident_clock *c = find(stage);
    char text[KP_TIME_TEXT] = "";
    assert_non_null(c);
    if (c->due != KP_NO_TIME)
        kp_time_print(c->due, text);
    assert_string_equal(text, when);
    assert_int_equal(c->state, state);
}

static void test_hours_count_as_hours_and_nothing_else(void **state)
{
    (void)state;
    /* The night in which clocks are put forward in the Netherlands: 24 hours are 24 hours. */
    struct incident_facts f = facts("2026-03-28T12:00:00Z");
    count(&f, &in_scope, "2026-03-28T12:00:00Z");
    due(STAGE_NIS2_WARNING, "2026-03-29T12:00:00Z", CLOCK_RUNNING);
    due(STAGE_NIS2_NOTIFICATION, "2026-03-31T12:00:00Z", CLOCK_RUNNING);
    due(STAGE_NIS2_PROGRESS, "", CLOCK_WAITING);
    due(STAGE_NIS2_FINAL, "", CLOCK_WAITING);
    assert_int_equal(n, 4);
}

static void test_a_clock_is_soon_in_its_last_quarter_and_then_overdue(void **state)
{
    (void)state;
    struct incident_facts f = facts("2026-11-02T08:00:00Z");
    count(&f, &in_scope, "2026-11-03T01:59:59Z");
    due(STAGE_NIS2_WARNING, "2026-11-03T08:00:00Z", CLOCK_RUNNING);
    count(&f, &in_scope, "2026-11-03T02:00:00Z");
    due(STAGE_NIS2_WARNING, "2026-11-03T08:00:00Z", CLOCK_SOON);
    count(&f, &in_scope, "2026-11-03T08:00:00Z");
    due(STAGE_NIS2_WARNING, "2026-11-03T08:00:00Z", CLOCK_SOON);
    count(&f, &in_scope, "2026-11-03T08:00:01Z");
    due(STAGE_NIS2_WARNING, "2026-11-03T08:00:00Z", CLOCK_OVERDUE);
    assert_int_equal(incident_next(clocks, n)->stage, STAGE_NIS2_WARNING);
    f.sent[STAGE_NIS2_WARNING] = at("2026-11-03T09:00:00Z");
    count(&f, &in_scope, "2026-11-03T10:00:00Z");
    due(STAGE_NIS2_WARNING, "2026-11-03T08:00:00Z", CLOCK_DONE);
    assert_true(find(STAGE_NIS2_WARNING)->late);
    assert_int_equal(incident_next(clocks, n)->stage, STAGE_NIS2_NOTIFICATION);
    f.sent[STAGE_NIS2_WARNING] = at("2026-11-03T08:00:00Z");
    count(&f, &in_scope, "2026-11-03T10:00:00Z");
    assert_false(find(STAGE_NIS2_WARNING)->late);
}

static void test_a_month_is_the_same_time_on_the_wall_or_the_last_day(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        int months, days;
    } cases[] = {
        { "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z", 1, 0 },
        { "2028-01-31T10:00:00Z", "2028-02-29T10:00:00Z", 1, 0 },
        { "2026-08-31T10:00:00Z", "2026-09-30T10:00:00Z", 1, 0 },
        { "2026-12-15T10:00:00Z", "2027-01-15T10:00:00Z", 1, 0 },
        /* 11:00 in winter, 11:00 in summer */
        { "2026-03-15T10:00:00Z", "2026-04-15T09:00:00Z", 1, 0 },
        { "2026-10-15T09:00:00Z", "2026-11-15T10:00:00Z", 1, 0 },
        /* 2:30 on the night when there is none: an hour later on the wall */
        { "2026-02-28T01:30:00Z", "2026-03-28T01:30:00Z", 1, 0 },
        { "2026-03-15T01:30:00Z", "2026-03-29T01:30:00Z", 0, 14 },
        /* 2:30 on the night when it comes twice: the first */
        { "2026-09-25T00:30:00Z", "2026-10-25T00:30:00Z", 1, 0 },
        { "2026-10-11T00:30:00Z", "2026-10-25T00:30:00Z", 0, 14 },
        { "2026-02-20T10:00:00.500Z", "2026-03-06T10:00:00.500Z", 0, 14 },
        { "2026-12-25T10:00:00Z", "2027-01-08T10:00:00Z", 0, 14 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[KP_TIME_TEXT];
        kp_time_print(incident_later(at(cases[i].from), cases[i].months, cases[i].days), text);
        assert_string_equal(text, cases[i].to);
    }
}

static void test_the_final_report_follows_the_notification_or_the_end(void **state)
{
    (void)state;
    struct incident_facts f = facts("2026-11-02T08:00:00Z");
    f.sent[STAGE_NIS2_WARNING] = at("2026-11-02T09:00:00Z");
    f.sent[STAGE_NIS2_NOTIFICATION] = at("2026-11-03T09:00:00Z");
    count(&f, &in_scope, "2026-11-20T08:00:00Z"); /* it goes on */
    due(STAGE_NIS2_PROGRESS, "2026-12-03T09:00:00Z", CLOCK_RUNNING);
    due(STAGE_NIS2_FINAL, "", CLOCK_WAITING);
    f.status = INCIDENT_CLOSED; /* over within the month */
    f.handled = at("2026-11-20T08:00:00Z");
    count(&f, &in_scope, "2026-11-20T09:00:00Z");
    assert_null(find(STAGE_NIS2_PROGRESS));
    due(STAGE_NIS2_FINAL, "2026-12-03T09:00:00Z", CLOCK_RUNNING);
    f.handled = at("2026-12-24T08:00:00Z"); /* or after it */
    count(&f, &in_scope, "2026-12-24T09:00:00Z");
    due(STAGE_NIS2_PROGRESS, "2026-12-03T09:00:00Z", CLOCK_OVERDUE);
    due(STAGE_NIS2_FINAL, "2027-01-24T08:00:00Z", CLOCK_RUNNING);
    f.sent[STAGE_NIS2_PROGRESS] = at("2026-12-02T09:00:00Z");
    f.sent[STAGE_NIS2_FINAL] = at("2027-01-25T08:00:00Z");
    count(&f, &in_scope, "2027-02-01T09:00:00Z");
    due(STAGE_NIS2_PROGRESS, "2026-12-03T09:00:00Z", CLOCK_DONE);
    due(STAGE_NIS2_FINAL, "2027-01-24T08:00:00Z", CLOCK_DONE);
    assert_true(find(STAGE_NIS2_FINAL)->late);
    assert_null(incident_next(clocks, n));
}

static void test_a_product_of_ours_has_clocks_of_its_own(void **state)
{
    (void)state;
    struct incident_facts f = facts("2026-11-02T08:00:00Z");
    f.significant = DOUBT_NO; /* no NIS2 then */
    count(&f, &in_scope, "2026-11-02T08:00:00Z");
    assert_int_equal(n, 0);
    f.product = PRODUCT_VULNERABILITY;
    count(&f, &in_scope, "2026-11-02T08:00:00Z");
    assert_int_equal(n, 3);
    due(STAGE_CRA_WARNING, "2026-11-03T08:00:00Z", CLOCK_RUNNING);
    due(STAGE_CRA_NOTIFICATION, "2026-11-05T08:00:00Z", CLOCK_RUNNING);
    due(STAGE_CRA_FINAL, "", CLOCK_WAITING);
    f.fixed = at("2026-11-20T08:00:00Z"); /* 14 days after the remedy, whatever was sent when */
    count(&f, &in_scope, "2026-11-20T08:00:00Z");
    due(STAGE_CRA_FINAL, "2026-12-04T08:00:00Z", CLOCK_RUNNING);
    assert_string_equal(incident_stage_article(STAGE_CRA_FINAL, f.product), "CRA art. 14(2)(c)");
    f.product = PRODUCT_INCIDENT; /* a month after the notification, whatever was remedied when */
    count(&f, &in_scope, "2026-11-20T08:00:00Z");
    due(STAGE_CRA_FINAL, "", CLOCK_WAITING);
    f.sent[STAGE_CRA_NOTIFICATION] = at("2026-11-04T08:00:00Z");
    count(&f, &in_scope, "2026-11-20T08:00:00Z");
    due(STAGE_CRA_FINAL, "2026-12-04T08:00:00Z", CLOCK_RUNNING);
    assert_string_equal(incident_stage_article(STAGE_CRA_FINAL, f.product), "CRA art. 14(4)(c)");
}

static int sector(const char *key)
{
    int i = 0;
    while (strcmp(incident_sectors[i].key, key) != 0)
        i++;
    return i;
}

static void test_five_answers_say_who_must(void **state)
{
    (void)state;
    static const struct {
        const char *sector;
        int size;
        bool named;
        enum incident_entity is;
    } cases[] = {
        { "machinery", SIZE_SMALL, false, ENTITY_NONE },
        { "machinery", SIZE_MEDIUM, false, ENTITY_IMPORTANT },
        { "machinery", SIZE_LARGE, false, ENTITY_IMPORTANT }, /* annex II is never essential by size */
        { "energy", SIZE_MEDIUM, false, ENTITY_IMPORTANT },
        { "energy", SIZE_LARGE, false, ENTITY_ESSENTIAL },
        { "energy", SIZE_SMALL, false, ENTITY_NONE },
        { "other", SIZE_LARGE, false, ENTITY_NONE },
        { "other", SIZE_SMALL, true, ENTITY_IMPORTANT },
    };
    struct incident_facts f = facts("2026-11-02T08:00:00Z");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct incident_scope s = { .answered = true,
                                    .sector = sector(cases[i].sector),
                                    .size = cases[i].size,
                                    .named = cases[i].named };
        assert_int_equal(incident_entity(&s), cases[i].is);
        count(&f, &s, "2026-11-02T08:00:00Z");
        assert_int_equal(n, cases[i].is ? 4 : 0);
    }
    struct incident_scope none = { 0 }; /* nobody answered */
    f.product = PRODUCT_INCIDENT;
    count(&f, &none, "2026-11-02T08:00:00Z");
    assert_int_equal(n, 0);
}

static void test_each_stage_has_its_words_in_both_languages(void **state)
{
    (void)state;
    for (int stage = 0; stage < STAGES; stage++)
        for (int product = PRODUCT_NONE; product <= PRODUCT_INCIDENT; product++)
            for (int dutch = 0; dutch < 2; dutch++) {
                assert_true(strlen(incident_stage_title(stage, product, dutch)) > 5);
                assert_true(strlen(incident_stage_why(stage, product, dutch)) > 5);
                assert_true(strlen(incident_stage_to(stage, dutch)) > 5);
                assert_non_null(incident_stage_holds(stage, product, dutch)[0]);
                int k = 0, other = 0;
                while (incident_stage_holds(stage, product, dutch)[k])
                    k++;
                while (incident_stage_holds(stage, product, !dutch)[other])
                    other++;
                assert_int_equal(k, other);
            }
}

int main(void)
{
    setenv("TZ", "Europe/Amsterdam", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hours_count_as_hours_and_nothing_else),
        cmocka_unit_test(test_a_clock_is_soon_in_its_last_quarter_and_then_overdue),
        cmocka_unit_test(test_a_month_is_the_same_time_on_the_wall_or_the_last_day),
        cmocka_unit_test(test_the_final_report_follows_the_notification_or_the_end),
        cmocka_unit_test(test_a_product_of_ours_has_clocks_of_its_own),
        cmocka_unit_test(test_five_answers_say_who_must),
        cmocka_unit_test(test_each_stage_has_its_words_in_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
