/* SPDX-License-Identifier: Apache-2.0 */
/* What Peppol wants beyond UBL: of Order (T01), OrderResponse (T76), DespatchAdvice (T16) and
 * Invoice (EN 16931). Each fault names the rule of the public rule set that would say the same. */
#include "flex/ubl_private.h"

#include <ctype.h>
#include <libxml/hash.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define CENT 0.005
enum { NEEDS_MAX = 24 };

struct need {
    const char *path, *rule; /* an element that must be there, with a text; "A|B": one of them */
};
struct profile {
    const char *root, *customization, *process, *name;
    const char *line; /* what each of these must have: line_needs */
    struct need needs[NEEDS_MAX], line_needs[8];
    void (*check)(struct ubl_checking *, const xmlNode *root);
};

/* ---- common ---- */
static bool has_text(const xmlNode *n, const char *path)
{
    char text[UBL_TEXT];
    return *ubl_text(ubl_at(n, path), text) != 0;
}

static void check_needs(struct ubl_checking *c, const xmlNode *n, const struct need *needs)
{
    for (; needs->path; needs++) {
        char first[120];
        size_t len = strcspn(needs->path, "|");
        snprintf(first, sizeof first, "%.*s", (int)len, needs->path);
        bool either = needs->path[len] && has_text(n, needs->path + len + 1);
        if (!either && !has_text(n, first))
            ubl_fault(c, n, needs->rule, "%s has no %s%s%s", ubl_name(n), first,
                      needs->path[len] ? " and no " : "",
                      needs->path[len] ? needs->path + len + 1 : "");
    }
}

static bool is_one_of(const char *text, const char *const *known)
{
    while (*known && strcmp(*known, text) != 0)
        known++;
    return *known != NULL;
}

/* Values whose text or attribute is of a code list; in any element with that name below `parent`,
 * or below all. */
static const struct coded {
    const char *parent, *name, *attribute;
    enum ubl_list list;
    const char *rule, *example;
} coded[] = {
    { NULL, "DocumentCurrencyCode", NULL, UBL_CURRENCY, "ISO 4217", "EUR" },
    { "Country", "IdentificationCode", NULL, UBL_COUNTRY, "ISO 3166-1", "NL" },
    { NULL, "InvoiceTypeCode", NULL, UBL_INVOICE_TYPE, "BR-CL-01", "380" },
    { NULL, "PaymentMeansCode", NULL, UBL_PAYMENT, "BR-CL-16", "30" },
    { NULL, "OrderTypeCode", NULL, UBL_ORDER_TYPE, "PEPPOL-T01-B00801", "220" },
    { NULL, "EndpointID", "schemeID", UBL_ADDRESS_SCHEME, "EAS", "0106" },
    { "PartyIdentification", "ID", "schemeID", UBL_ID_SCHEME, "ISO 6523", "0106" },
    { "PartyLegalEntity", "CompanyID", "schemeID", UBL_ID_SCHEME, "ISO 6523", "0106" },
    { "StandardItemIdentification", "ID", "schemeID", UBL_ID_SCHEME, "ISO 6523", "0160" },
};

static void check_code(struct ubl_checking *c, const xmlNode *n, const struct coded *k)
{
    char text[UBL_TEXT];
    bool bare = k->attribute && !xmlHasProp(n, (const xmlChar *)k->attribute);
    if (bare && k->list == UBL_ADDRESS_SCHEME)
        ubl_fault(c, n, k->rule, "%s has no %s, such as %s", ubl_name(n), k->attribute, k->example);
    if (bare)
        return;
    if (k->attribute)
        ubl_attribute(n, k->attribute, text);
    else
        ubl_text(n, text);
    if (!ubl_is_code(k->list, text))
        ubl_fault(c, n, k->rule, "%s%s%s: '%.20s' is no code such as %s", ubl_name(n),
                  k->attribute ? " " : "", k->attribute ? k->attribute : "", text, k->example);
}

static void check_codes(struct ubl_checking *c, const xmlNode *n)
{
    for (size_t i = 0; i < sizeof coded / sizeof *coded; i++)
        if (strcmp(coded[i].name, ubl_name(n)) == 0 &&
            (!coded[i].parent || strcmp(coded[i].parent, ubl_name(n->parent)) == 0))
            check_code(c, n, &coded[i]);
}

static void check_attributes(struct ubl_checking *c, const xmlNode *n)
{
    char text[UBL_TEXT], value[UBL_TEXT];
    size_t len = strlen(ubl_name(n));
    bool counts = len >= 8 && strcmp(ubl_name(n) + len - 8, "Quantity") == 0 &&
                  strcmp(ubl_name(n), "BaseQuantity") != 0;
    ubl_attribute(n, "unitCode", text);
    if ((counts || *text) && !ubl_is_unit(text))
        ubl_fault(c, n, "UN/ECE rec 20",
                  "%s: unitCode '%.20s' is no unit; a piece is H87 or C62, an hour HUR",
                  ubl_name(n), text);
    if (strcmp(ubl_attribute(n, "schemeID", text), "0088") == 0 && !ubl_is_gln(ubl_text(n, value)))
        ubl_fault(c, n, "PEPPOL-COMMON-R040",
                  "%s: '%.20s' is no GLN: its last digit does not go with the others", ubl_name(n),
                  value);
    if (*ubl_attribute(n, "currencyID", text) && !ubl_is_code(UBL_CURRENCY, text))
        ubl_fault(c, n, "ISO 4217", "%s: '%.20s' is no currency such as EUR", ubl_name(n), text);
}

/* Every element, the deepest first. `one_currency`: of the whole document, or NULL. */
static void check_all(struct ubl_checking *c, const xmlNode *n, const char *one_currency,
                      const char *rule)
{
    static const struct need property[] = { { "Name", "AdditionalItemProperty" },
                                            { "Value", "AdditionalItemProperty" },
                                            { 0 } };
    char text[UBL_TEXT];
    for (const xmlNode *i = n->children; i; i = i->next) {
        if (i->type != XML_ELEMENT_NODE)
            continue;
        check_all(c, i, one_currency, rule);
        if (!xmlFirstElementChild((xmlNode *)(uintptr_t)i) && !*ubl_text(i, text))
            ubl_fault(c, i, "no empty element", "%s is empty; leave it out", ubl_name(i));
        check_attributes(c, i);
        check_codes(c, i);
        if (strcmp(ubl_name(i), "AdditionalItemProperty") == 0)
            check_needs(c, i, property);
        if (strcmp(ubl_name(i), "PostalAddress") == 0 && !has_text(i, "Country/IdentificationCode"))
            ubl_fault(c, i, "Country", "PostalAddress has no Country/IdentificationCode");
        if (one_currency && *ubl_attribute(i, "currencyID", text) &&
            strcmp(text, one_currency) != 0)
            ubl_fault(c, i, rule, "%s is in %.10s, the document in %.10s", ubl_name(i), text,
                      one_currency);
    }
}

static double number_at(const xmlNode *n, const char *path, double missing)
{
    double d;
    const xmlNode *at = ubl_at(n, path);
    return at && ubl_number(at, &d) ? d : missing;
}

static bool is_close(double a, double b, double slack)
{
    return fabs(a - b) <= slack + 1e-9;
}

/* Charges less allowances beside the lines' own amounts. */
static double charges(const xmlNode *n)
{
    double sum = 0;
    char text[UBL_TEXT];
    for (const xmlNode *a = ubl_first(n, "AllowanceCharge"); a;
         a = ubl_next(a, "AllowanceCharge")) {
        bool charge = *ubl_text(ubl_first(a, "ChargeIndicator"), text) == 't' || *text == '1';
        sum += (charge ? 1 : -1) * number_at(a, "Amount", 0);
    }
    return sum;
}

/* Net amount = quantity x price / base quantity + charges - allowances. */
static void check_net(struct ubl_checking *c, const xmlNode *line, const char *quantity,
                      const char *rule)
{
    double net = number_at(line, "LineExtensionAmount", NAN),
           price = number_at(line, "Price/PriceAmount", NAN);
    double base = number_at(line, "Price/BaseQuantity", 1), n = number_at(line, quantity, NAN);
    double right = n * price / (base != 0 ? base : 1) + charges(line);
    if (!isnan(net) && !isnan(right) && !is_close(net, right, 0.02))
        ubl_fault(c, line, rule, "the net amount of the line is %.2f, but %g x %g%s makes %.2f",
                  net, n, price, charges(line) ? " with its charges" : "", right);
}

static double sum_of(const xmlNode *root, const char *line, const char *path)
{
    double sum = 0;
    for (const xmlNode *l = ubl_first(root, line); l; l = ubl_next(l, line))
        sum += number_at(l, path, 0);
    return sum;
}

static void check_total(struct ubl_checking *c, const xmlNode *total, const char *name,
                        double right, double slack, const char *rule, const char *because)
{
    double is = number_at(total, name, NAN);
    if (!isnan(is) && !is_close(is, right, slack))
        ubl_fault(c, ubl_first(total, name), rule, "%s is %.2f, but %s makes %.2f", name, is,
                  because, right);
}

/* The line that has the same number as one before it. */
static void check_unique(struct ubl_checking *c, const xmlNode *root, const char *line,
                         const char *path, const char *rule)
{
    char text[UBL_TEXT];
    xmlHashTable *seen = xmlHashCreate(64);
    bool good = seen;
    for (const xmlNode *l = ubl_first(root, line); good && l; l = ubl_next(l, line)) {
        good = !xmlHashAddEntry(seen, (const xmlChar *)ubl_text(ubl_at(l, path), text), seen);
        if (!good)
            ubl_fault(c, l, rule, "another line has the number '%.30s' too", text);
    }
    xmlHashFree(seen, NULL);
}

/* ---- Order ---- */
static void check_order(struct ubl_checking *c, const xmlNode *root)
{
    for (const xmlNode *l = ubl_first(root, "OrderLine"); l; l = ubl_next(l, "OrderLine")) {
        const xmlNode *item = ubl_first(l, "LineItem");
        if (number_at(item, "Quantity", 0) < 0)
            ubl_fault(c, ubl_first(item, "Quantity"), "PEPPOL-T01-R004",
                      "the quantity ordered is negative");
        if (number_at(item, "Price/PriceAmount", 0) < 0)
            ubl_fault(c, item, "PEPPOL-T01-R005", "the price is negative");
        check_net(c, item, "Quantity", "PEPPOL-T01-R024");
    }
    const xmlNode *total = ubl_first(root, "AnticipatedMonetaryTotal");
    if (number_at(total, "PayableAmount", 0) < 0)
        ubl_fault(c, ubl_first(total, "PayableAmount"), "PEPPOL-T01-R006",
                  "the amount to pay is negative");
    check_total(c, total, "LineExtensionAmount",
                sum_of(root, "OrderLine", "LineItem/LineExtensionAmount"), CENT, "PEPPOL-T01-R008",
                "the sum of the lines");
}

/* ---- OrderResponse ---- */
static void check_response(struct ubl_checking *c, const xmlNode *root)
{
    static const char *const codes[] = { "AB", "AP", "RE", "CA", NULL }, *const lines[] = {
        "1", "3", "5", "7", "42", NULL
    };
    char text[UBL_TEXT];
    const xmlNode *code = ubl_first(root, "OrderResponseCode");
    ubl_text(code, text);
    if (!is_one_of(text, codes))
        ubl_fault(c, code, "PEPPOL-T76-B00801",
                  "OrderResponseCode '%.20s' is none of AB (received), AP (accepted), RE "
                  "(rejected), CA (changed)",
                  text);
    else if (strcmp(text, "CA") == 0 && !ubl_first(root, "OrderLine"))
        ubl_fault(c, code, "PEPPOL-T76-R007",
                  "an order that is accepted with changes (CA) needs the lines that change");
    check_unique(c, root, "OrderLine", "LineItem/ID", "PEPPOL-T76-R003");
    for (const xmlNode *l = ubl_first(root, "OrderLine"); l; l = ubl_next(l, "OrderLine")) {
        const xmlNode *status = ubl_at(l, "LineItem/LineStatusCode");
        if (!is_one_of(ubl_text(status, text), lines))
            ubl_fault(c, status ? status : l, "UNCL1229",
                      "LineStatusCode '%.20s' is none of 1 (added), 3 (changed), 5 (accepted), 7 "
                      "(not accepted), 42 (delivered)",
                      text);
    }
}

/* ---- DespatchAdvice ---- */
static void check_despatch(struct ubl_checking *c, const xmlNode *root)
{
    for (const xmlNode *l = ubl_first(root, "DespatchLine"); l; l = ubl_next(l, "DespatchLine"))
        if (number_at(l, "DeliveredQuantity", 0) < 0)
            ubl_fault(c, l, "PEPPOL-T16-R006", "the quantity delivered is negative");
}

/* ---- Invoice ---- */
static void check_lines(struct ubl_checking *c, const xmlNode *root)
{
    for (const xmlNode *l = ubl_first(root, "InvoiceLine"); l; l = ubl_next(l, "InvoiceLine")) {
        if (number_at(l, "Price/PriceAmount", 0) < 0)
            ubl_fault(c, l, "BR-27", "the price is negative");
        check_net(c, l, "InvoicedQuantity", "PEPPOL-EN16931-R120");
        const xmlNode *description = ubl_at(l, "Item/Description");
        if (description && ubl_next(description, "Description"))
            ubl_fault(c, description, "UBL-SR-50", "a line has one Description");
    }
}

/* The tax in the document's currency: a second TaxTotal may repeat it in another. */
static const xmlNode *tax_total(const xmlNode *root, const char *currency)
{
    char text[UBL_TEXT];
    const xmlNode *t = ubl_first(root, "TaxTotal");
    while (t && strcmp(ubl_attribute(ubl_first(t, "TaxAmount"), "currencyID", text), currency) != 0)
        t = ubl_next(t, "TaxTotal");
    return t;
}

/* A line's kind of VAT must be in the breakdown. */
static void check_categories(struct ubl_checking *c, const xmlNode *root, const xmlNode *tax)
{
    char wanted[UBL_TEXT], text[UBL_TEXT];
    for (const xmlNode *l = ubl_first(root, "InvoiceLine"); l; l = ubl_next(l, "InvoiceLine")) {
        const xmlNode *category = ubl_at(l, "Item/ClassifiedTaxCategory");
        ubl_text(ubl_first(category, "ID"), wanted);
        if (category && ubl_next(category, "ClassifiedTaxCategory"))
            ubl_fault(c, category, "UBL-SR-48", "a line has one ClassifiedTaxCategory");
        const xmlNode *s = ubl_first(tax, "TaxSubtotal");
        while (s && strcmp(ubl_text(ubl_at(s, "TaxCategory/ID"), text), wanted) != 0)
            s = ubl_next(s, "TaxSubtotal");
        if (!s)
            ubl_fault(c, l, "BR-S-01",
                      "the line's VAT is of category '%.10s', of which TaxTotal has no TaxSubtotal",
                      wanted);
    }
}

/* Whoever charges VAT says by what number. */
static void check_number(struct ubl_checking *c, const xmlNode *root, const xmlNode *tax)
{
    char text[UBL_TEXT];
    const xmlNode *seller = ubl_at(root, "AccountingSupplierParty/Party");
    if (strcmp(ubl_text(ubl_at(tax, "TaxSubtotal/TaxCategory/ID"), text), "S") == 0 &&
        !has_text(seller, "PartyTaxScheme/CompanyID"))
        ubl_fault(c, seller, "BR-S-02",
                  "the seller charges VAT and gives no VAT number: PartyTaxScheme/CompanyID");
}

static bool has_charges(const xmlNode *root)
{
    return ubl_first(root, "AllowanceCharge") != NULL;
}

/* The net amounts of the lines with this kind of VAT and rate. */
static double lines_of(const xmlNode *root, const char *category, double rate)
{
    double sum = 0;
    char text[UBL_TEXT];
    for (const xmlNode *l = ubl_first(root, "InvoiceLine"); l; l = ubl_next(l, "InvoiceLine")) {
        const xmlNode *own = ubl_at(l, "Item/ClassifiedTaxCategory");
        if (strcmp(ubl_text(ubl_first(own, "ID"), text), category) == 0 &&
            is_close(number_at(own, "Percent", 0), rate, 0))
            sum += number_at(l, "LineExtensionAmount", 0);
    }
    return sum;
}

/* Each rate: its tax, and that lines of it make its taxable amount. */
static void check_rates(struct ubl_checking *c, const xmlNode *root, const xmlNode *tax)
{
    char text[UBL_TEXT];
    for (const xmlNode *s = ubl_first(tax, "TaxSubtotal"); s; s = ubl_next(s, "TaxSubtotal")) {
        double base = number_at(s, "TaxableAmount", NAN),
               rate = number_at(s, "TaxCategory/Percent", NAN);
        if (isnan(rate))
            ubl_fault(c, s, "BR-48", "a TaxSubtotal has no TaxCategory/Percent");
        if (isnan(base) || isnan(rate))
            continue;
        if (!has_charges(root))
            check_total(c, s, "TaxableAmount",
                        lines_of(root, ubl_text(ubl_at(s, "TaxCategory/ID"), text), rate), 1,
                        "BR-S-08", "the sum of its lines");
        check_total(c, s, "TaxAmount", round(base * rate) / 100, 1, "BR-CO-17",
                    "its rate of the taxable amount");
    }
}

/* What EN 16931 and the Dutch rules want of one party. */
static void check_party(struct ubl_checking *c, const xmlNode *party, bool seller)
{
    static const struct need dutch[] = { { "StreetName", "NL-R-002" },
                                         { "CityName", "NL-R-002" },
                                         { "PostalZone", "NL-R-002" },
                                         { 0 } };
    char text[UBL_TEXT];
    const xmlNode *id = ubl_first(party, "PartyIdentification"),
                  *vat = ubl_at(party, "PartyTaxScheme/CompanyID");
    bool is_dutch =
        strcmp(ubl_text(ubl_at(party, "PostalAddress/Country/IdentificationCode"), text), "NL") ==
        0;
    if (!seller && id && ubl_next(id, "PartyIdentification"))
        ubl_fault(c, id, "UBL-SR-16", "the buyer has more than one PartyIdentification");
    ubl_text(vat, text);
    const char country[3] = { text[0], text[0] ? text[1] : 0 };
    if (vat && !ubl_is_code(UBL_COUNTRY, country) && strcmp(country, "EL") != 0)
        ubl_fault(c, vat, "BR-CO-09",
                  "the VAT number '%.30s' does not begin with its country, as NL001234567B01 does",
                  text);
    if (!is_dutch)
        return;
    check_needs(c, ubl_first(party, "PostalAddress"), dutch);
    const xmlNode *company = ubl_at(party, "PartyLegalEntity/CompanyID");
    ubl_attribute(company, "schemeID", text);
    if (company && strcmp(text, "0106") != 0 && strcmp(text, "0190") != 0)
        ubl_fault(c, company, "NL-R-003",
                  "a Dutch company is named by its KvK number (schemeID 0106) or OIN (0190) in "
                  "PartyLegalEntity/CompanyID");
}

static void check_invoice(struct ubl_checking *c, const xmlNode *root)
{
    char currency[UBL_TEXT], other[UBL_TEXT];
    const xmlNode *total = ubl_first(root, "LegalMonetaryTotal"),
                  *tax =
                      tax_total(root, ubl_text(ubl_first(root, "DocumentCurrencyCode"), currency));
    double lines = sum_of(root, "InvoiceLine", "LineExtensionAmount"),
           vat = number_at(tax, "TaxAmount", 0), net = number_at(total, "TaxExclusiveAmount", 0),
           all = number_at(total, "TaxInclusiveAmount", 0);
    check_lines(c, root);
    const xmlNode *second = tax ? ubl_next(tax, "TaxTotal") : NULL;
    if (second &&
        strcmp(ubl_attribute(ubl_first(second, "TaxAmount"), "currencyID", other), currency) == 0)
        ubl_fault(c, second, "PEPPOL-EN16931-R053", "there is more than one TaxTotal in %.10s",
                  currency);
    check_total(c, total, "LineExtensionAmount", lines, CENT, "BR-CO-10", "the sum of the lines");
    check_total(c, total, "TaxExclusiveAmount", lines + charges(root), CENT, "BR-CO-13",
                "lines with charges and allowances");
    if (ubl_first(tax, "TaxSubtotal"))
        check_total(c, tax, "TaxAmount", sum_of(tax, "TaxSubtotal", "TaxAmount"), CENT, "BR-CO-14",
                    "the sum of the VAT per rate");
    check_total(c, total, "TaxInclusiveAmount", net + vat, CENT, "BR-CO-15",
                "the amount without VAT with the VAT");
    check_total(c, total, "PayableAmount",
                all - number_at(total, "PrepaidAmount", 0) +
                    number_at(total, "PayableRoundingAmount", 0),
                CENT, "BR-CO-16", "what is to pay with what was paid and rounded");
    check_categories(c, root, tax);
    check_number(c, root, tax);
    check_rates(c, root, tax);
    for (const xmlNode *m = ubl_first(root, "PaymentMeans"); m; m = ubl_next(m, "PaymentMeans")) {
        ubl_text(ubl_first(m, "PaymentMeansCode"), other);
        if ((strcmp(other, "30") == 0 || strcmp(other, "58") == 0) &&
            !has_text(m, "PayeeFinancialAccount/ID"))
            ubl_fault(c, m, "BR-61",
                      "a credit transfer needs the account to pay to: PayeeFinancialAccount/ID");
    }
    check_party(c, ubl_at(root, "AccountingSupplierParty/Party"), true);
    check_party(c, ubl_at(root, "AccountingCustomerParty/Party"), false);
}

/* ---- the profiles ---- */
static const struct profile profiles[] = {
    { "Order",
      "urn:fdc:peppol.eu:poacc:trns:order:3",
      "urn:fdc:peppol.eu:poacc:bis:order",
      "Peppol order 3",
      "OrderLine",
      { { "ProfileID", "PEPPOL-T01" },
        { "DocumentCurrencyCode", "PEPPOL-T01" },
        { "BuyerCustomerParty/Party/EndpointID", "PEPPOL-T01" },
        { "BuyerCustomerParty/Party/PartyLegalEntity/RegistrationName", "PEPPOL-T01" },
        { "SellerSupplierParty/Party/EndpointID", "PEPPOL-T01-B03701" },
        { "SellerSupplierParty/Party/PartyLegalEntity/RegistrationName", "PEPPOL-T01" },
        { "SellerSupplierParty/Party/PostalAddress/Country/IdentificationCode", "PEPPOL-T01" } },
      { { "LineItem/ID", "PEPPOL-T01" },
        { "LineItem/Quantity", "PEPPOL-T01" },
        { "LineItem/Item/Name", "PEPPOL-T01" } },
      check_order },
    { "OrderResponse",
      "urn:fdc:peppol.eu:poacc:trns:order_response:3",
      "urn:fdc:peppol.eu:poacc:bis:",
      "Peppol order response 3",
      "OrderLine",
      { { "ProfileID", "PEPPOL-T76" },
        { "OrderResponseCode", "PEPPOL-T76" },
        { "DocumentCurrencyCode", "PEPPOL-T76" },
        { "OrderReference/ID", "PEPPOL-T76" },
        { "SellerSupplierParty/Party/EndpointID", "PEPPOL-T76" },
        { "SellerSupplierParty/Party/PartyLegalEntity/RegistrationName|SellerSupplierParty/Party/"
          "PartyIdentification/ID",
          "PEPPOL-T76-R002" },
        { "BuyerCustomerParty/Party/EndpointID", "PEPPOL-T76" },
        { "BuyerCustomerParty/Party/PartyLegalEntity/RegistrationName|BuyerCustomerParty/Party/"
          "PartyIdentification/ID",
          "PEPPOL-T76-R001" } },
      { { "LineItem/ID", "PEPPOL-T76" }, { "OrderLineReference/LineID", "PEPPOL-T76" } },
      check_response },
    { "DespatchAdvice",
      "urn:fdc:peppol.eu:poacc:trns:despatch_advice:3",
      "urn:fdc:peppol.eu:poacc:bis:",
      "Peppol despatch advice 3",
      "DespatchLine",
      { { "ProfileID", "PEPPOL-T16" },
        { "DespatchSupplierParty/Party/EndpointID", "PEPPOL-T16" },
        { "DespatchSupplierParty/Party/PartyLegalEntity/RegistrationName", "PEPPOL-T16" },
        { "DeliveryCustomerParty/Party/EndpointID", "PEPPOL-T16" },
        { "DeliveryCustomerParty/Party/PartyLegalEntity/RegistrationName", "PEPPOL-T16" } },
      { { "DeliveredQuantity", "PEPPOL-T16" },
        { "OrderLineReference/LineID", "PEPPOL-T16" },
        { "Item/Name", "PEPPOL-T16" },
        { "Item/SellersItemIdentification/ID|Item/StandardItemIdentification/ID",
          "PEPPOL-T16-R003" } },
      check_despatch },
    { "Invoice",
      "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
      "urn:fdc:peppol.eu:2017:poacc:billing:",
      "Peppol invoice 3 (EN 16931)",
      "InvoiceLine",
      { { "ProfileID", "PEPPOL-EN16931-R001" },
        { "ID", "BR-02" },
        { "InvoiceTypeCode", "BR-04" },
        { "DocumentCurrencyCode", "BR-05" },
        { "BuyerReference|OrderReference/ID", "PEPPOL-EN16931-R003" },
        { "AccountingSupplierParty/Party/EndpointID", "PEPPOL-EN16931-R020" },
        { "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName", "BR-06" },
        { "AccountingSupplierParty/Party/PostalAddress/Country/IdentificationCode", "BR-09" },
        { "AccountingCustomerParty/Party/EndpointID", "PEPPOL-EN16931-R010" },
        { "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName", "BR-07" },
        { "AccountingCustomerParty/Party/PostalAddress/Country/IdentificationCode", "BR-11" },
        { "TaxTotal/TaxAmount", "PEPPOL-EN16931-R053" },
        { "TaxTotal/TaxSubtotal/TaxCategory/ID", "BR-CO-18" },
        { "LegalMonetaryTotal/LineExtensionAmount", "BR-12" },
        { "LegalMonetaryTotal/TaxExclusiveAmount", "BR-13" },
        { "LegalMonetaryTotal/TaxInclusiveAmount", "BR-14" },
        { "LegalMonetaryTotal/PayableAmount", "BR-15" } },
      { { "ID", "BR-21" },
        { "InvoicedQuantity", "BR-22" },
        { "LineExtensionAmount", "BR-24" },
        { "Item/Name", "BR-25" },
        { "Price/PriceAmount", "BR-26" },
        { "Item/ClassifiedTaxCategory/ID", "BR-CO-04" } },
      check_invoice },
};

static const struct profile *profile_of(const xmlNode *root)
{
    char text[UBL_TEXT];
    ubl_text(ubl_first(root, "CustomizationID"), text);
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(profiles[i].root, ubl_name(root)) == 0 &&
            strncmp(text, profiles[i].customization, strlen(profiles[i].customization)) == 0)
            return &profiles[i];
    return NULL;
}

void ubl_check_rules(struct ubl_checking *c, const xmlNode *root)
{
    char text[UBL_TEXT], currency[UBL_TEXT];
    const struct profile *p = profile_of(root);
    if (!p)
        return;
    c->head->rules = p->name;
    const xmlNode *process = ubl_first(root, "ProfileID");
    if (process && strncmp(ubl_text(process, text), p->process, strlen(p->process)) != 0)
        ubl_fault(c, process, "ProfileID", "'%.100s' does not go with this CustomizationID", text);
    check_needs(c, root, p->needs);
    for (const xmlNode *l = ubl_first(root, p->line); l; l = ubl_next(l, p->line))
        check_needs(c, l, p->line_needs);
    bool one = p->check == check_order ||
               (p->check == check_invoice && !has_text(root, "TaxCurrencyCode"));
    ubl_text(ubl_first(root, "DocumentCurrencyCode"), currency);
    check_all(c, root, one ? currency : NULL,
              p->check == check_order ? "PEPPOL-T01-R003" : "PEPPOL-EN16931-R051");
    if (p->check)
        p->check(c, root);
}
