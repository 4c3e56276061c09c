/* SPDX-License-Identifier: Apache-2.0 */
/* UBL documents: the good ones of tests/flex/ubl, and each with one thing wrong. How far the
 * judgement goes with the public schemas and rules is what tests/flex/agree.py measures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flex/ubl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct judgement {
    struct kp_ubl_head head;
    struct kp_err err;
    char first[600]; /* "LINE RULE: TEXT" */
};

static void see(void *arg, const struct kp_ubl_fault *f)
{
    struct judgement *j = arg;
    if (!*j->first)
        snprintf(j->first, sizeof j->first, "%u %s: %s", f->line, f->rule, f->text);
}

static struct judgement judge(const char *xml, size_t len)
{
    struct judgement j = { 0 };
    kp_ubl_check(xml, len, &j.head, see, &j, &j.err);
    return j;
}

static struct kp_buf sample(const char *name)
{
    char path[200], block[4096];
    struct kp_buf b;
    kp_buf_init(&b, 1 << 20);
    snprintf(path, sizeof path, "tests/flex/ubl/%s.xml", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        kp_buf_add(&b, block, n);
    fclose(f);
    return b;
}

static void the_samples_are_good(void **state)
{
    static const char *const names[][3] = {
        { "order", "Order", "Peppol order 3" },
        { "orderresponse-accepted", "OrderResponse", "Peppol order response 3" },
        { "orderresponse-changed-date", "OrderResponse", "Peppol order response 3" },
        { "despatch", "DespatchAdvice", "Peppol despatch advice 3" },
        { "invoice", "Invoice", "Peppol invoice 3 (EN 16931)" },
        { "quotation", "Quotation", NULL },
        { "rfq", "RequestForQuotation", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct kp_buf b = sample(names[i][0]);
        struct judgement j = judge(b.data, b.len);
        assert_string_equal(j.err.text, "");
        assert_string_equal(j.first, "");
        assert_int_equal(j.head.faults, 0);
        assert_string_equal(j.head.root, names[i][1]);
        assert_int_equal(j.head.rules != NULL, names[i][2] != NULL);
        if (names[i][2])
            assert_string_equal(j.head.rules, names[i][2]);
        kp_buf_free(&b);
    }
}

/* Of the sample with `from` replaced by `to`. */
static struct judgement changed(const char *name, const char *from, const char *to)
{
    struct kp_buf b = sample(name), out;
    const char *text = kp_buf_text(&b), *at = strstr(text, from);
    kp_buf_init(&out, 1 << 20);
    assert_non_null(at);
    kp_buf_add(&out, text, (size_t)(at - text));
    kp_buf_str(&out, to);
    kp_buf_str(&out, at + strlen(from));
    struct judgement j = judge(out.data, out.len);
    kp_buf_free(&b);
    kp_buf_free(&out);
    return j;
}

static void each_fault_is_told_with_its_line_and_rule(void **state)
{
    static const struct {
        const char *name, *from, *to, *said;
    } cases[] = {
        { "order", "<cbc:ID>PO-7</cbc:ID><cbc:IssueDate>2026-11-25</cbc:IssueDate>",
          "<cbc:IssueDate>2026-11-25</cbc:IssueDate><cbc:ID>PO-7</cbc:ID>",
          "5 UBL 2.1: ID must stand before IssueDate" },
        { "order", "<cbc:ID>PO-7</cbc:ID>", "", "2 UBL 2.1: Order has no ID" },
        { "order", "<cbc:ID>PO-7</cbc:ID>", "<cbc:ID>PO-7</cbc:ID><cbc:ID>PO-8</cbc:ID>",
          "5 UBL 2.1: ID stands here once only" },
        { "order", "cbc:Name>Bracket B-12</cbc:Name", "cbc:Title>Bracket</cbc:Title",
          "8 UBL 2.1: Title is no element of Item" },
        { "order", "unitCode=\"H87\">12", "unitCode=\"STUKS\">12",
          "8 UN/ECE rec 20: Quantity: unitCode 'STUKS' is no unit" },
        { "order", "\"H87\">12<", "\"H87\">-12<",
          "8 PEPPOL-T01-R004: the quantity ordered is negative" },
        { "order", ">780.00</cbc:LineExtensionAmount><cbc:Pay",
          ">700.00</cbc:LineExtensionAmount><cbc:Pay",
          "7 PEPPOL-T01-R008: LineExtensionAmount is 700.00, but the sum of the lines makes "
          "780.00" },
        { "order", "8712345000004", "8712345000005",
          "6 PEPPOL-COMMON-R040: EndpointID: '8712345000005' is no GLN" },
        { "order", "<cbc:EndpointID schemeID=\"0106\">12345678</cbc:EndpointID>", "",
          "2 PEPPOL-T01: Order has no BuyerCustomerParty/Party/EndpointID" },
        { "orderresponse-accepted", ">AP<", ">OK<",
          "5 PEPPOL-T76-B00801: OrderResponseCode 'OK' is none of AB" },
        { "orderresponse-accepted", ">AP<", ">CA<",
          "5 PEPPOL-T76-R007: an order that is accepted with changes (CA) needs" },
        { "despatch", "<cac:OrderLineReference><cbc:LineID>1</cbc:LineID></cac:OrderLineReference>",
          "", "7 UBL 2.1: DespatchLine has no OrderLineReference" },
        { "invoice", "<cbc:TaxInclusiveAmount currencyID=\"EUR\">943.80",
          "<cbc:TaxInclusiveAmount currencyID=\"EUR\">943.08",
          "9 BR-CO-15: TaxInclusiveAmount is 943.08, but the amount without VAT with the VAT makes "
          "943.80" },
        { "invoice", "<cbc:PriceAmount currencyID=\"EUR\">", "<cbc:PriceAmount currencyID=\"USD\">",
          "10 PEPPOL-EN16931-R051: PriceAmount is in USD, the document in EUR" },
        { "invoice", "<cbc:DocumentCurrencyCode>",
          "<cbc:Note></cbc:Note><cbc:DocumentCurrencyCode>",
          "5 no empty element: Note is empty; leave it out" },
        { "quotation", "2026-11-24", "24-11-2026",
          "5 UBL 2.1: IssueDate: '24-11-2026' is not a date such as 2026-11-24" },
        { "rfq", "<cbc:IssueTime>09:00:00Z</cbc:IssueTime>", "",
          "2 UBL 2.1: RequestForQuotation has no IssueTime" },
        { "rfq", "09:00:00Z", "9 uur",
          "5 UBL 2.1: IssueTime: '9 uur' is not a time such as 09:00:00Z" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct judgement j = changed(cases[i].name, cases[i].from, cases[i].to);
        assert_string_equal(j.err.text, "");
        if (strncmp(j.first, cases[i].said, strlen(cases[i].said)) != 0)
            fail_msg("%s, %s: '%s' is not '%s'", cases[i].name, cases[i].to, j.first,
                     cases[i].said);
    }
}

static void what_is_no_document_is_refused(void **state)
{
    static const char *const cases[][2] = {
        { "", "the document is empty" },
        { "no xml", "line 1: " },
        { "<Order><ID></Order>", "line 1: Opening and ending tag mismatch" },
        { "<!DOCTYPE a [<!ENTITY b \"c\">]><Order>&b;</Order>", "a document type declaration" },
        { "<Order/>", "'Order' is none of the documents of UBL 2.1 known here" },
        { "<StandardBusinessDocument/>", "the document is wrapped" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct judgement j = judge(cases[i][0], strlen(cases[i][0]));
        assert_int_equal(j.err.code, KP_EPARSE);
        if (!strstr(j.err.text, cases[i][1]))
            fail_msg("'%s' is not '%s'", j.err.text, cases[i][1]);
    }
}

/* Each group holds itself where it can: 300 deep, which the reader takes and the check must end. */
static void a_document_in_itself_ends(void **state)
{
    struct kp_buf b;
    (void)state;
    kp_buf_init(&b, 1 << 20);
    kp_buf_str(&b, "<Order xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Order-2\">");
    for (int i = 0; i < 200; i++)
        kp_buf_str(&b, "<Party>");
    for (int i = 0; i < 200; i++)
        kp_buf_str(&b, "</Party>");
    kp_buf_str(&b, "</Order>");
    struct judgement j = judge(b.data, b.len);
    assert_string_equal(j.err.text, "");
    assert_int_equal(j.head.faults, 1);
    kp_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_samples_are_good),
        cmocka_unit_test(each_fault_is_told_with_its_line_and_rule),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(a_document_in_itself_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
