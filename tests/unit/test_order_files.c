/* SPDX-License-Identifier: Apache-2.0 */
/* Files of orders without a node: folders, CSV, UBL in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/encoding.h"
#include "flex/order_reading.h"
#include "flex/ubl.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

static struct kp_folders folders;
static struct kp_order_reading *r;

/* A folder with these members besides its name. */
static const struct kp_folder *folder(const char *members)
{
    char json[1000];
    struct kp_err err = { 0 };
    kp_folders_free(&folders);
    snprintf(json, sizeof json, "{\"folders\":[{\"name\":\"f\"%s%s}]}", *members ? "," : "",
             members);
    kp_folders_parse(json, &folders, &err);
    assert_string_equal(err.text, "");
    return folders.of;
}

static bool is_machine(void *arg, const char *word)
{
    (void)arg;
    return strncmp(word, "hall/", 5) == 0;
}

static bool is_group(void *arg, const char *word)
{
    (void)arg;
    return strcmp(word, "mills") == 0;
}

static const struct kp_order_places places = { is_machine, is_group, NULL };

static void read_bytes(const struct kp_folder *f, const char *bytes, size_t len)
{
    struct kp_buf text;
    kp_order_reading_free(r);
    kp_order_reading_begin(r, f, &places);
    kp_buf_init(&text, KP_ORDER_FILE_MAX);
    kp_buf_add(&text, bytes, len);
    if (f->format == KP_FOLDER_CSV)
        kp_csv_orders(r, &text);
    else
        kp_ubl_orders(r, text.data, text.len);
    kp_buf_free(&text);
}

static void read_csv(const char *members, const char *text)
{
    read_bytes(folder(members), text, strlen(text));
    assert_false(r->starved);
}

static void good(size_t orders)
{
    if (r->n_faults)
        fail_msg("line %u: %s", r->faults[0].line, r->faults[0].en);
    assert_int_equal(r->n, orders);
}

static void fault(size_t i, unsigned line, unsigned column, const char *en, const char *nl)
{
    assert_true(i < r->n_faults);
    assert_int_equal(r->faults[i].line, line);
    assert_int_equal(r->faults[i].column, column);
    if (!strstr(r->faults[i].en, en) || !strstr(r->faults[i].nl, nl))
        fail_msg("'%s' / '%s'", r->faults[i].en, r->faults[i].nl);
}

static int begin(void **state)
{
    (void)state;
    setenv("TZ", "Europe/Amsterdam", 1);
    tzset();
    kp_json_memory_init();
    r = calloc(1, sizeof *r);
    return !r;
}

static int finish(void **state)
{
    (void)state;
    kp_order_reading_free(r);
    free(r);
    kp_folders_free(&folders);
    return 0;
}

/* ---- folders ---- */
static void a_folder_that_cannot_be_is_refused_with_its_place(void **state)
{
    static const char *const wrong[][2] = {
        { "[{\"nam\":\"a\"}]", "folders[0]: unknown key 'nam', did you mean 'name'?" },
        { "[{}]", "folders[0].name is missing" },
        { "[{\"name\":\"a/b\"}]", "folders[0].name: 'a/b' is no name" },
        { "[{\"name\":\"..\"}]", "folders[0].name: '..' is no name" },
        { "[{\"name\":\"a\"},{\"name\":\"a\"}]",
          "folders[1]: folder 'a' has this name or path too" },
        { "[{\"name\":\"a\",\"path\":\"/x\"},{\"name\":\"b\",\"path\":\"/x\"}]",
          "folders[1]: folder 'a' has this name or path too" },
        { "[{\"name\":\"a\",\"path\":\"x\"}]",
          "folders[0].path: 'x' is not the whole path of a folder, such as /srv/orders" },
        { "[{\"name\":\"a\",\"format\":\"xml\"}]",
          "folders[0].format: 'xml' is none of csv, ubl21, peppol" },
        { "[{\"name\":\"a\",\"separator\":\"::\"}]",
          "folders[0].separator: '::' is none of auto, \";\", \",\", tab" },
        { "[{\"name\":\"a\",\"decimal\":\";\"}]",
          "folders[0].decimal: ';' is none of auto, \",\", \".\"" },
        { "[{\"name\":\"a\",\"columns\":{\"nummer\":\"x\"}}]",
          "folders[0].columns: unknown key 'nummer', did you mean 'number'?" },
        { "[{\"name\":\"a\",\"units\":{\"ST\":\"STUKS\"}}]",
          "folders[0].units: 'STUKS' is no unit of UN/ECE rec 20; a piece is H87, an hour HUR, a "
          "kilogram KGM" },
        { "[{\"name\":\"a\",\"format\":\"peppol\",\"own\":{\"name\":\"n\"}}]",
          "folders[0].own: peppol needs its name, endpoint, scheme and country" },
        { "[{\"name\":\"a\",\"own\":{\"name\":\"n\",\"endpoint\":\"8712345000005\",\"scheme\":"
          "\"0088\"}}]",
          "folders[0].own.endpoint: '8712345000005' is no GLN: its last digit does not go with the "
          "others" },
        { "[{\"name\":\"a\",\"own\":{\"name\":\"n\",\"country\":\"Nederland\"}}]",
          "folders[0].own.country: 'Nederland' is no code such as NL" },
        { "[{\"name\":\"a\",\"acknowledge\":\"maybe\"}]",
          "folders[0].acknowledge: 'maybe' is none of false, true" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_folders all;
        struct kp_err err = { 0 };
        char json[400];
        snprintf(json, sizeof json, "{\"folders\":%s}", wrong[i][0]);
        kp_folders_parse(json, &all, &err);
        assert_string_equal(err.text, wrong[i][1]);
        kp_folders_free(&all);
    }
}

/* ---- encodings ---- */
static void a_text_of_windows_is_the_same_text_and_goes_back(void **state)
{
    char bytes[256];
    struct kp_buf b;
    (void)state;
    for (int i = 0; i < 255; i++)
        bytes[i] = (char)(i + 1);
    kp_buf_init(&b, 4096);
    kp_buf_add(&b, bytes, 255);
    assert_true(kp_utf8_from_1252(&b));
    assert_true(kp_utf8_valid(b.data, b.len));
    assert_non_null(strstr(kp_buf_text(&b), "\xe2\x82\xac")); /* the euro */
    kp_buf_add(&b, "\xce\xa9", 2);                            /* an omega, which is not there */
    assert_true(kp_utf8_to_1252(&b));
    assert_int_equal(b.len, 256);
    for (int i = 0; i < 255; i++)
        if (!strchr("\x81\x8d\x8f\x90\x9d", bytes[i]))
            assert_int_equal(b.data[i], bytes[i]);
    assert_int_equal(b.data[255], '?');
    kp_buf_free(&b);
}

static void a_text_of_16_bits_may_have_pairs_and_halves_of_pairs(void **state)
{
    static const char wide[] = "\xff\xfe\x3d\xd8\x00\xde"
                               "a\0\x3d\xd8"
                               "b\0";
    struct kp_buf b;
    (void)state;
    kp_buf_init(&b, 100);
    kp_buf_add(&b, wide, sizeof wide - 1);
    assert_true(kp_utf8_from_16(&b, false));
    assert_string_equal(kp_buf_text(&b), "\xf0\x9f\x98\x80"
                                         "a\xef\xbf\xbd"
                                         "b");
    kp_buf_free(&b);
}

static void a_file_in_two_encodings_is_refused_where_the_second_begins(void **state)
{
    (void)state;
    read_csv("", "number;quantity;item\n1;1;Gr\xc3\xb6\xc3\x9f"
                 "e\n2;1;Gr\xf6\xdf"
                 "e\n");
    fault(0, 3, 0, "byte 7 of this line is 0xf6", "byte 7 van deze regel is 0xf6");
    read_csv("", "number;quantity;item\n2;1;Gr\xf6\xdf"
                 "e\n");
    good(1);
    assert_string_equal(r->orders->item, "Gr\xc3\xb6\xc3\x9f"
                                         "e");
}

/* ---- CSV ---- */
static void lines_with_the_same_number_make_an_order_wherever_they_stand(void **state)
{
    (void)state;
    read_csv(
        "\"machines\":{\"D\":\"hall/d\"}",
        "\xef\xbb\xbfOrder nr.;Artikel;Aantal;Bewerking;Machine;Groep;Programma;Setup time (h)\n"
        "7;a;3;10;D;;O10;0,5\n;;;;;;;\n8;b;1;10;;mills;;\n7;a;3;20;mills;;;\n");
    good(2);
    assert_string_equal(r->orders[0].number, "7");
    assert_string_equal(r->orders[0].sender, "f");
    assert_int_equal(r->orders[0].n, 2);
    assert_string_equal(r->orders[0].operations[0].asset, "hall/d");
    assert_string_equal(r->orders[0].operations[0].program, "O10");
    assert_int_equal(r->orders[0].operations[0].setup, 1800 * KP_SECOND);
    assert_null(r->orders[0].operations[1].asset);
    assert_string_equal(r->orders[0].operations[1].group, "mills");
    assert_string_equal(r->orders[1].operations[0].group, "mills");
    assert_int_equal(r->lines[1], 4);
}

static void what_one_cell_leaves_open_another_one_of_the_file_decides(void **state)
{
    (void)state;
    read_csv("", "number;quantity\na;1.250\nb;2,5\n");
    good(2);
    assert_true(r->orders[0].quantity == 1250 && r->orders[1].quantity == 2.5);
    read_csv("", "number;quantity\na;1.250\nb;2.5\n");
    good(2);
    assert_true(r->orders[0].quantity == 1.25);
    read_csv("", "number,quantity,due\na,1,03/04/2026\nb,1,04/13/2026\n");
    good(2);
    assert_int_equal(r->orders[0].due, INT64_C(1772665199) * KP_SECOND); /* 4 March, 23:59:59 */
    read_csv("", "number;quantity\na;1.250\nb;2,5\nc;2.5\n");
    fault(0, 4, 2, "'2.5' is not a number", "'2.5' is geen getal");
}

static void an_hour_that_is_there_twice_is_the_first_and_one_that_is_not_comes_later(void **state)
{
    (void)state;
    read_csv("", "number;quantity;due\na;1;2026-10-25 02:30\nb;1;2026-03-29 02:30\n");
    good(2);
    int64_t twice = r->orders[0].due / KP_SECOND;
    assert_true(twice == 1792888200 || twice == 1792888200 + 3600);
    assert_int_equal(r->orders[1].due % (86400 * KP_SECOND) / KP_SECOND, 3600 + 1800);
}

static void faults_say_line_and_column_in_two_languages(void **state)
{
    struct kp_buf text;
    (void)state;
    read_csv("", "number;quantity;due\n1;x;32-1-2026\n\n;2;\n");
    fault(0, 2, 2, "is not a number", "is geen getal");
    fault(1, 2, 3, "is not a date", "is geen datum");
    fault(2, 4, 1, "the number is missing", "de number ontbreekt");
    kp_buf_init(&text, 4096);
    kp_order_faults_print(r, true, &text);
    assert_non_null(strstr(kp_buf_text(&text), "regel 2, kolom 2 (quantity): 'x' is geen getal"));
    kp_buf_free(&text);
}

static void no_more_faults_are_kept_than_a_person_reads(void **state)
{
    struct kp_buf text;
    (void)state;
    kp_buf_init(&text, 1 << 20);
    kp_buf_str(&text, "number;quantity\n");
    for (int i = 0; i < 500; i++)
        kp_buf_printf(&text, "%d;x\n", i);
    read_bytes(folder(""), text.data, text.len);
    assert_int_equal(r->n_faults, 500);
    text.len = 0;
    kp_order_faults_print(r, false, &text);
    assert_non_null(strstr(kp_buf_text(&text), "and 400 faults more"));
    kp_buf_free(&text);
}

static void a_file_of_twenty_thousand_lines_is_read_and_one_more_is_not(void **state)
{
    struct kp_buf text;
    (void)state;
    kp_buf_init(&text, 1 << 20);
    kp_buf_str(&text, "number;quantity\n");
    for (int i = 0; i < KP_ORDER_ROWS_MAX; i++)
        kp_buf_printf(&text, "%d;1\n", i);
    read_bytes(folder(""), text.data, text.len);
    good(KP_ORDER_ROWS_MAX);
    kp_buf_str(&text, "more;1\n");
    read_bytes(folder(""), text.data, text.len);
    fault(0, KP_ORDER_ROWS_MAX + 2, 0, "more than 20000 lines", "meer dan 20000 regels");
    kp_buf_free(&text);
}

static void without_memory_a_file_is_neither_good_nor_bad(void **state)
{
    static const char csv[] =
        "nummer;aantal;machine;due;cyclus\na;3;hall/m;1-2-2026;x\nb;\xeb;;;\n";
    const struct kp_folder *f = folder("\"columns\":{\"number\":\"nummer\"}");
    (void)state;
    bool starved = true;
    for (long n = 1; starved; n++) {
        struct kp_buf text;
        kp_order_reading_free(r);
        kp_order_reading_begin(r, f, &places);
        kp_buf_init(&text, 1000);
        kp_buf_add(&text, csv, sizeof csv - 1);
        kp_mem_fail_at(n);
        kp_csv_orders(r, &text);
        starved = kp_mem_count() && r->starved;
        kp_mem_fail_at(0);
        kp_buf_free(&text);
        assert_true(n < 1000);
    }
    assert_true(r->n_faults > 0);
}

/* ---- UBL ---- */
static char *sample(const char *name, size_t *len)
{
    char path[200];
    snprintf(path, sizeof path, "tests/flex/ubl/%s.xml", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    *len = fread(text, 1, (1 << 16) - 1, f);
    fclose(f);
    return text;
}

#define PEPPOL                                                                                     \
    "\"format\":\"peppol\",\"own\":{\"name\":\"Zuid\",\"endpoint\":\"8712345000004\",\"scheme\":"  \
    "\"0088\",\"country\":\"NL\"},\"partner\":{\"name\":\"Noord\",\"endpoint\":\"12345678\","      \
    "\"scheme\":\"0106\",\"country\":\"NL\"}"

static void good_document(const struct kp_buf *b, const char *rules)
{
    struct kp_ubl_head head;
    struct kp_err err = { 0 };
    kp_ubl_check(b->data, b->len, &head, NULL, NULL, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(head.faults, 0);
    if (rules)
        assert_string_equal(head.rules, rules);
    else
        assert_null(head.rules);
}

static struct kp_operation operation = { .number = "1",
                                         .line = "1",
                                         .name = "Bracket <B> & \"12\"",
                                         .item = "B-12",
                                         .state = "open",
                                         .quantity = 12.5,
                                         .due = KP_NO_TIME };

static struct kp_order order_of(const char *confirmation, const char *document)
{
    return (struct kp_order){ .id = 3,
                              .number = "PO-7",
                              .confirmation = confirmation,
                              .comment = "the <mill> stood still",
                              .document = document,
                              .unit = "KGM",
                              .due = KP_NO_TIME,
                              .promised = INT64_C(1796943599) * KP_SECOND, /* 2026-12-10 */
                              .n = 1,
                              .operations = &operation };
}

static void every_answer_is_a_good_document_with_and_without_the_order(void **state)
{
    static const char *const answers[] = { "acknowledged", "accepted", "changed", "rejected" };
    size_t len;
    char *xml = sample("order", &len);
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        struct kp_err err = { 0 };
        struct kp_buf out;
        bool peppol = i & 4, came = i & 8;
        const struct kp_folder *f = folder(peppol ? PEPPOL : "\"format\":\"ubl21\"");
        struct kp_order o = order_of(answers[i % 4], came ? xml : NULL);
        kp_buf_init(&out, 1 << 16);
        kp_ubl_response(f, &o, "OR-1", INT64_C(1795000000) * KP_SECOND, &out, &err);
        assert_string_equal(err.text, "");
        good_document(&out, peppol || came ? "Peppol order response 3" : NULL);
        /* and read again says what was said */
        f = folder("\"format\":\"ubl21\"");
        read_bytes(f, out.data, out.len);
        good(0);
        assert_string_equal(r->answer.number, "PO-7");
        assert_string_equal(r->answer.says.answer, answers[i % 4]);
        assert_string_equal(r->answer.says.comment, "the <mill> stood still");
        assert_int_equal(r->answer.says.promised,
                         i % 4 == 2 ? INT64_C(1796943599) * KP_SECOND : KP_NO_TIME);
        kp_buf_free(&out);
    }
    free(xml);
}

static void an_order_placed_is_a_good_document_and_is_read_as_it_was(void **state)
{
    (void)state;
    for (int peppol = 0; peppol < 2; peppol++) {
        struct kp_err err = { 0 };
        struct kp_buf out;
        struct kp_order o = order_of(NULL, NULL);
        o.due = o.promised;
        kp_buf_init(&out, 1 << 16);
        kp_ubl_order(folder(peppol ? PEPPOL : "\"format\":\"ubl21\""), &o, o.due, &out, &err);
        assert_string_equal(err.text, "");
        good_document(&out, peppol ? "Peppol order 3" : NULL);
        read_bytes(folder("\"format\":\"ubl21\",\"units\":{\"KGM\":\"GRM\"}"), out.data, out.len);
        good(1);
        const struct kp_order_in *in = r->orders;
        assert_string_equal(in->number, "PO-7");
        assert_string_equal(in->unit, "GRM");
        assert_true(in->quantity == 12.5 && in->due == o.due);
        assert_string_equal(in->operations[0].name, operation.name);
        assert_string_equal(in->operations[0].item, "B-12");
        assert_string_equal(in->sender, peppol ? "0088:8712345000004" : "f");
        kp_buf_free(&out);
    }
}

static void what_is_wrong_with_a_document_is_told_with_its_line(void **state)
{
    size_t len;
    char *xml = sample("order", &len);
    (void)state;
    read_bytes(folder(PEPPOL), xml, len);
    good(1);
    assert_string_equal(r->orders->sender, "0106:12345678");
    assert_string_equal(r->orders->customer, "Machinefabriek Noord B.V.");
    assert_non_null(r->orders->document);
    char *quantity = strstr(xml, "H87");
    memcpy(quantity, "PCE", 3);
    read_bytes(folder(PEPPOL), xml, len);
    fault(0, 8, 0, "'PCE' is no unit", "dit is niet zoals UN/ECE rec 20 het wil");
    read_bytes(folder(PEPPOL), xml, len / 2);
    assert_int_equal(r->n_faults, 1);
    assert_non_null(strstr(r->faults->nl, "het document is niet te lezen"));
    read_bytes(folder(PEPPOL), "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", 41);
    assert_non_null(strstr(r->faults->en, "document type declaration"));
    free(xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_that_cannot_be_is_refused_with_its_place),
        cmocka_unit_test(a_text_of_windows_is_the_same_text_and_goes_back),
        cmocka_unit_test(a_text_of_16_bits_may_have_pairs_and_halves_of_pairs),
        cmocka_unit_test(a_file_in_two_encodings_is_refused_where_the_second_begins),
        cmocka_unit_test(lines_with_the_same_number_make_an_order_wherever_they_stand),
        cmocka_unit_test(what_one_cell_leaves_open_another_one_of_the_file_decides),
        cmocka_unit_test(an_hour_that_is_there_twice_is_the_first_and_one_that_is_not_comes_later),
        cmocka_unit_test(faults_say_line_and_column_in_two_languages),
        cmocka_unit_test(no_more_faults_are_kept_than_a_person_reads),
        cmocka_unit_test(a_file_of_twenty_thousand_lines_is_read_and_one_more_is_not),
        cmocka_unit_test(without_memory_a_file_is_neither_good_nor_bad),
        cmocka_unit_test(every_answer_is_a_good_document_with_and_without_the_order),
        cmocka_unit_test(an_order_placed_is_a_good_document_and_is_read_as_it_was),
        cmocka_unit_test(what_is_wrong_with_a_document_is_told_with_its_line),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
