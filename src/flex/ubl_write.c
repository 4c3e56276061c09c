/* SPDX-License-Identifier: Apache-2.0 */
/* Orders to UBL documents: the reply to one that came, and one we place with a supplier. */
#include "flex/order_reading.h"
#include "flex/ubl_private.h"

#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { DATE = 11, QUANTITY = 40 };

/* ---- writing ---- */
struct writing {
    xmlTextWriter *w;
    bool failed; /* out of memory */
};

static void begin(struct writing *d, const char *name)
{
    d->failed |=
        xmlTextWriterStartElementNS(d->w, (const xmlChar *)"cac", (const xmlChar *)name, NULL) < 0;
}

static void end(struct writing *d)
{
    d->failed |= xmlTextWriterEndElement(d->w) < 0;
}

static void attribute(struct writing *d, const char *name, const char *value)
{
    if (value && *value)
        d->failed |=
            xmlTextWriterWriteAttribute(d->w, (const xmlChar *)name, (const xmlChar *)value) < 0;
}

/* Nothing for a text that says nothing: Peppol wants no empty elements. */
static void value_with(struct writing *d, const char *name, const char *text, const char *key,
                       const char *of)
{
    if (!text || !*text)
        return;
    d->failed |=
        xmlTextWriterStartElementNS(d->w, (const xmlChar *)"cbc", (const xmlChar *)name, NULL) < 0;
    attribute(d, key, of);
    d->failed |= xmlTextWriterWriteString(d->w, (const xmlChar *)text) < 0;
    end(d);
}

static void value(struct writing *d, const char *name, const char *text)
{
    value_with(d, name, text, "", NULL);
}

/* The day on the wall; a day's end, which is the midnight behind it, is of that day. */
static void day_text(int64_t at, char out[DATE])
{
    struct tm local;
    kp_time_local(at - 1, &local);
    if (!strftime(out, DATE, "%Y-%m-%d", &local))
        *out = 0;
}

static void day(struct writing *d, const char *name, int64_t at)
{
    char text[DATE];
    day_text(at, text);
    value(d, name, text);
}

static void period(struct writing *d, const char *name, int64_t at)
{
    if (at == KP_NO_TIME)
        return;
    begin(d, "Delivery");
    begin(d, name);
    day(d, "StartDate", at);
    day(d, "EndDate", at);
    end(d);
    end(d);
}

static void quantity(struct writing *d, double q, const char *unit)
{
    char text[QUANTITY];
    snprintf(text, sizeof text, "%.6f", q);
    size_t n = strlen(text);
    while (text[n - 1] == '0')
        text[--n] = 0;
    if (text[n - 1] == '.')
        text[n - 1] = 0;
    value_with(d, "Quantity", text, "unitCode", unit && *unit ? unit : "H87");
}

/* ---- parties ---- */
struct party {
    char name[UBL_TEXT], endpoint[UBL_TEXT], scheme[UBL_TEXT], country[UBL_TEXT];
    char id[UBL_TEXT], id_scheme[UBL_TEXT], registration[UBL_TEXT];
};

static void copy_text(char out[UBL_TEXT], const char *text)
{
    if (!*out && text)
        snprintf(out, UBL_TEXT, "%s", text);
    kp_utf8_trim(out);
}

/* As the order has it; what it does not say, as the folder has it. */
static struct party party_of(const xmlNode *order, const char *path, const struct kp_party *p)
{
    struct party all = { 0 };
    char where[60];
    snprintf(where, sizeof where, "%s/Party", path);
    const xmlNode *n = ubl_at(order, where), *endpoint = ubl_first(n, "EndpointID"),
                  *id = ubl_at(n, "PartyIdentification/ID");
    ubl_text(endpoint, all.endpoint);
    ubl_attribute(endpoint, "schemeID", all.scheme);
    ubl_text(id, all.id);
    ubl_attribute(id, "schemeID", all.id_scheme);
    ubl_text(ubl_at(n, "PartyLegalEntity/RegistrationName"), all.name);
    if (!*all.name)
        ubl_text(ubl_at(n, "PartyName/Name"), all.name);
    copy_text(all.name, p->name);
    if (!*all.endpoint) {
        *all.scheme = 0;
        copy_text(all.endpoint, p->endpoint);
        copy_text(all.scheme, p->scheme);
    }
    copy_text(all.country, p->country);
    copy_text(all.registration, p->registration);
    return all;
}

static void put_party(struct writing *d, const char *name, const struct party *p, bool whole)
{
    begin(d, name);
    begin(d, "Party");
    value_with(d, "EndpointID", p->endpoint, "schemeID", p->scheme);
    if (*p->id) {
        begin(d, "PartyIdentification");
        value_with(d, "ID", p->id, "schemeID", p->id_scheme);
        end(d);
    }
    if (whole && *p->country) {
        begin(d, "PostalAddress");
        begin(d, "Country");
        value(d, "IdentificationCode", p->country);
        end(d);
        end(d);
    }
    if (*p->name) {
        begin(d, "PartyLegalEntity");
        value(d, "RegistrationName", p->name);
        if (whole)
            value(d, "CompanyID", p->registration);
        end(d);
    }
    end(d);
    end(d);
}

/* ---- the whole ---- */
static void open_root(struct writing *d, const char *root)
{
    char ns[120];
    snprintf(ns, sizeof ns, "urn:oasis:names:specification:ubl:schema:xsd:%s-2", root);
    d->failed |= xmlTextWriterSetIndent(d->w, 1) < 0 ||
                 xmlTextWriterStartDocument(d->w, NULL, "UTF-8", NULL) < 0 ||
                 xmlTextWriterStartElement(d->w, (const xmlChar *)root) < 0;
    attribute(d, "xmlns", ns);
    attribute(d, "xmlns:cac",
              "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2");
    attribute(d, "xmlns:cbc",
              "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2");
}

static void put_profile(struct writing *d, const char *customization)
{
    char text[100];
    snprintf(text, sizeof text, "urn:fdc:peppol.eu:poacc:trns:%s:3", customization);
    value(d, "CustomizationID", text);
    value(d, "ProfileID", "urn:fdc:peppol.eu:poacc:bis:ordering:3");
}

static void see_fault(void *arg, const struct kp_ubl_fault *f)
{
    struct kp_err *err = arg;
    kp_fail(err, KP_EINVALID, "line %u: %s [%s]", f->line, f->text, f->rule);
}

/* Nothing goes out that would be refused. */
static enum kp_code judged(const struct kp_buf *out, struct kp_err *err)
{
    struct kp_ubl_head head;
    return kp_ubl_check(out->data, out->len, &head, see_fault, err, err);
}

static enum kp_code write_document(struct kp_buf *out, const char *root,
                                   void (*put)(struct writing *, const void *), const void *what,
                                   struct kp_err *err)
{
    xmlBuffer *text = xmlBufferCreate();
    struct writing d = { .w = text ? xmlNewTextWriterMemory(text, 0) : NULL };
    d.failed = !d.w;
    if (!d.failed) {
        open_root(&d, root);
        put(&d, what);
        end(&d);
        d.failed |= xmlTextWriterEndDocument(d.w) < 0;
        xmlFreeTextWriter(d.w); /* writes what is left */
    }
    if (!d.failed)
        kp_buf_add(out, xmlBufferContent(text), (size_t)xmlBufferLength(text));
    xmlBufferFree(text);
    if (d.failed || out->failed)
        return kp_fail(err, KP_ENOMEM, "out of memory writing the document");
    return judged(out, err);
}

/* ---- OrderResponse ---- */
struct response {
    const struct kp_folder *folder;
    const struct kp_order *order;
    const xmlNode *came; /* the order; NULL: it came otherwise */
    const char *id, *code;
    int64_t now;
};

static void put_response_line(struct writing *d, const struct response *r,
                              const struct kp_operation *op)
{
    const char *name = op->name ? op->name : op->item ? op->item : r->order->item;
    const char *line = op->line ? op->line : op->number;
    begin(d, "OrderLine");
    begin(d, "LineItem");
    value(d, "ID", line);
    value(d, "LineStatusCode", "3");
    quantity(d, op->quantity, r->order->unit);
    period(d, "PromisedDeliveryPeriod", r->order->promised);
    begin(d, "Item");
    value(d, "Name", name ? name : line);
    end(d);
    end(d);
    begin(d, "OrderLineReference");
    value(d, "LineID", line);
    end(d);
    end(d);
}

static void put_response(struct writing *d, const void *what)
{
    const struct response *r = what;
    char currency[UBL_TEXT], followed[UBL_TEXT];
    struct party us = party_of(r->came, "SellerSupplierParty", &r->folder->own),
                 them = party_of(r->came, "BuyerCustomerParty", &r->folder->partner);
    ubl_text(ubl_first(r->came, "DocumentCurrencyCode"), currency);
    copy_text(currency, r->folder->currency);
    copy_text(currency, "EUR");
    ubl_text(ubl_first(r->came, "CustomizationID"), followed);
    if (r->folder->format == KP_FOLDER_PEPPOL ||
        strncmp(followed, "urn:fdc:peppol.eu:poacc:", 24) == 0)
        put_profile(d, "order_response");
    value(d, "ID", r->id);
    day(d, "IssueDate", r->now);
    value(d, "OrderResponseCode", r->code);
    value(d, "Note", r->order->comment);
    value(d, "DocumentCurrencyCode", currency);
    begin(d, "OrderReference");
    value(d, "ID", r->order->number);
    end(d);
    put_party(d, "SellerSupplierParty", &us, false);
    put_party(d, "BuyerCustomerParty", &them, false);
    for (size_t i = 0; strcmp(r->code, "CA") == 0 && i < r->order->n; i++)
        put_response_line(d, r, &r->order->operations[i]);
}

static const char *code_of(const char *confirmation)
{
    static const char *const codes[][2] = {
        { "acknowledged", "AB" }, { "accepted", "AP" }, { "changed", "CA" }, { "rejected", "RE" }
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i][0], confirmation ? confirmation : "") == 0)
            return codes[i][1];
    return NULL;
}

enum kp_code kp_ubl_response(const struct kp_folder *folder, const struct kp_order *order,
                             const char *id, int64_t now, struct kp_buf *out, struct kp_err *err)
{
    struct response r = { folder, order, NULL, id, code_of(order->confirmation), now };
    xmlDoc *doc = order->document ? ubl_open(order->document, strlen(order->document), err) : NULL;
    if (err->code)
        return err->code;
    r.came = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!r.code)
        kp_fail(err, KP_EINVALID, "there is nothing to answer");
    else
        write_document(out, "OrderResponse", put_response, &r, err);
    xmlFreeDoc(doc);
    return err->code;
}

/* ---- Order ---- */
struct placing {
    const struct kp_folder *folder;
    const struct kp_order *order;
    int64_t now;
};

static void put_order_line(struct writing *d, const struct kp_order *o,
                           const struct kp_operation *op)
{
    const char *item = op->item ? op->item : o->item, *name = op->name ? op->name
                                                              : item   ? item
                                                                       : o->description;
    begin(d, "OrderLine");
    begin(d, "LineItem");
    value(d, "ID", op->line ? op->line : op->number);
    quantity(d, op->quantity, o->unit);
    period(d, "RequestedDeliveryPeriod", op->due != KP_NO_TIME ? op->due : o->due);
    begin(d, "Item");
    value(d, "Description", o->description);
    value(d, "Name", name ? name : o->number);
    if (item) {
        begin(d, "BuyersItemIdentification");
        value(d, "ID", item);
        end(d);
    }
    end(d);
    end(d);
    end(d);
}

static void put_order(struct writing *d, const void *what)
{
    const struct placing *p = what;
    const struct kp_order *o = p->order;
    struct party us = party_of(NULL, "", &p->folder->own),
                 them = party_of(NULL, "", &p->folder->partner);
    if (p->folder->format == KP_FOLDER_PEPPOL)
        put_profile(d, "order");
    value(d, "ID", o->number);
    day(d, "IssueDate", p->now);
    value(d, "OrderTypeCode", "220");
    value(d, "DocumentCurrencyCode", p->folder->currency ? p->folder->currency : "EUR");
    put_party(d, "BuyerCustomerParty", &us, true);
    put_party(d, "SellerSupplierParty", &them, true);
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->operations[i].state ? o->operations[i].state : "", "cancelled") != 0)
            put_order_line(d, o, &o->operations[i]);
}

enum kp_code kp_ubl_order(const struct kp_folder *folder, const struct kp_order *order, int64_t now,
                          struct kp_buf *out, struct kp_err *err)
{
    return write_document(out, "Order", put_order, &(struct placing){ folder, order, now }, err);
}
