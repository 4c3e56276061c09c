/* SPDX-License-Identifier: Apache-2.0 */
/* UBL documents to orders: an Order that came, an OrderResponse to one of ours. */
#include "flex/order_reading.h"
#include "flex/ubl_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static unsigned line_of(const xmlNode *n)
{
    long line = n ? xmlGetLineNo(n) : 0;
    return line > 0 ? (unsigned)line : 0;
}

/* On one line, in the arena; NULL when there is none. */
static const char *text_at(struct kp_order_reading *r, const xmlNode *n, const char *path)
{
    char text[UBL_TEXT];
    const xmlNode *at = ubl_at(n, path);
    if (!at || !*ubl_text(at, text))
        return NULL;
    kp_utf8_trim(text);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    const char *copy = kp_arena_strdup(&r->arena, text);
    r->starved |= !copy;
    return copy;
}

static const char *first_of(struct kp_order_reading *r, const xmlNode *n, const char *const *paths)
{
    const char *text = NULL;
    for (; *paths && !text; paths++)
        text = text_at(r, n, *paths);
    return text;
}

/* The end of that day; a date may have an offset behind it. */
static int64_t day_at(const xmlNode *n, const char *path)
{
    char text[UBL_TEXT];
    int64_t at;
    ubl_text(ubl_at(n, path), text);
    text[strlen(text) < 10 ? 0 : 10] = 0;
    return kp_due_parse(text, &at) ? at : KP_NO_TIME;
}

/* The latest of what its deliveries say. */
static int64_t delivery_day(const xmlNode *n, const char *period)
{
    int64_t latest = KP_NO_TIME;
    char end[60], start[60];
    snprintf(end, sizeof end, "%s/EndDate", period);
    snprintf(start, sizeof start, "%s/StartDate", period);
    const char *const paths[] = { end, start, "LatestDeliveryDate" };
    for (const xmlNode *d = ubl_first(n, "Delivery"); d; d = ubl_next(d, "Delivery")) {
        int64_t at = KP_NO_TIME;
        for (int i = 0; i < 3 && at == KP_NO_TIME; i++)
            at = day_at(d, paths[i]);
        latest = at > latest ? at : latest;
    }
    return latest;
}

/* ---- parties ---- */
/* Whether the document is from and for whom the folder is for; a folder need not say. */
static void check_party(struct kp_order_reading *r, const xmlNode *root, const char *path,
                        const struct kp_party *p, bool us)
{
    char text[UBL_TEXT], where[80];
    snprintf(where, sizeof where, "%s/Party/EndpointID", path);
    const xmlNode *n = ubl_at(root, where);
    ubl_text(n, text);
    if (!p->endpoint || !*text || strcmp(text, p->endpoint) == 0)
        return;
    if (us)
        kp_order_fault(r, line_of(n), 0, NULL,
                       "the document is for '%.60s', and we are '%.60s' in this folder (own)",
                       "het document is voor '%.60s', en wij zijn in deze map '%.60s' (own)", text,
                       p->endpoint);
    else
        kp_order_fault(r, line_of(n), 0, NULL,
                       "the document is from '%.60s', and this folder is for '%.60s' (partner)",
                       "het document is van '%.60s', en deze map is voor '%.60s' (partner)", text,
                       p->endpoint);
}

/* Whose number the order's is. */
static const char *sender_of(struct kp_order_reading *r, const xmlNode *root)
{
    static const char *const paths[] = {
        "BuyerCustomerParty/Party/PartyIdentification/ID",
        "BuyerCustomerParty/Party/PartyLegalEntity/RegistrationName",
        "BuyerCustomerParty/Party/PartyName/Name", NULL
    };
    char scheme[UBL_TEXT], id[UBL_TEXT], both[KP_NAME_MAX];
    const struct kp_folder *f = r->folder;
    const xmlNode *n = ubl_at(root, "BuyerCustomerParty/Party/EndpointID");
    if (f->sender)
        return f->sender;
    if (!n || !*ubl_text(n, id)) {
        const char *other = first_of(r, root, paths);
        return other ? other : f->name;
    }
    snprintf(both, sizeof both, "%.30s:%.90s", ubl_attribute(n, "schemeID", scheme), id);
    const char *copy = kp_arena_strdup(&r->arena, both);
    r->starved |= !copy;
    return copy;
}

/* ---- Order ---- */
static const char *unit_at(struct kp_order_reading *r, const xmlNode *quantity)
{
    char text[UBL_TEXT];
    const struct kp_folder *f = r->folder;
    ubl_attribute(quantity, "unitCode", text);
    const char *ours = *text ? kp_folder_word(f->units, f->n_units, text) : NULL;
    if (ours || !*text)
        return ours;
    if (!ubl_is_unit(text))
        kp_order_fault(r, line_of(quantity), 0, NULL,
                       "unitCode '%.40s' is no unit; name it in units: {\"%.40s\": H87} of the "
                       "folder (H87 is a piece)",
                       "unitCode '%.40s' is geen eenheid; noem hem bij de map onder units: "
                       "{\"%.40s\": H87} (H87 is een stuk)",
                       text, text);
    const char *copy = kp_arena_strdup(&r->arena, text);
    r->starved |= !copy;
    return copy;
}

static void read_line(struct kp_order_reading *r, const xmlNode *item, struct kp_operation_in *op)
{
    static const char *const items[] = { "Item/SellersItemIdentification/ID",
                                         "Item/BuyersItemIdentification/ID",
                                         "Item/StandardItemIdentification/ID", "Item/Name", NULL };
    const xmlNode *quantity = ubl_first(item, "Quantity");
    op->line = op->number = text_at(r, item, "ID");
    op->name = text_at(r, item, "Item/Name");
    op->item = first_of(r, item, items);
    op->due = delivery_day(item, "RequestedDeliveryPeriod");
    if (!quantity || !ubl_number(quantity, &op->quantity) || op->quantity <= 0)
        kp_order_fault(r, line_of(quantity ? quantity : item), 0, NULL,
                       "line '%.40s' has no quantity above 0",
                       "regel '%.40s' heeft geen aantal boven 0", op->number ? op->number : "");
}

static bool is_there(const struct kp_operation_in *ops, size_t n, const char *number)
{
    for (size_t i = 0; i < n; i++)
        if (number && ops[i].number && strcmp(ops[i].number, number) == 0)
            return true;
    return false;
}

static size_t count_lines(const xmlNode *root)
{
    size_t n = 0;
    for (const xmlNode *l = ubl_first(root, "OrderLine"); l; l = ubl_next(l, "OrderLine"))
        n++;
    return n;
}

static void read_lines(struct kp_order_reading *r, const xmlNode *root, struct kp_order_in *o,
                       struct kp_operation_in *ops)
{
    bool one_unit = true;
    for (const xmlNode *l = ubl_first(root, "OrderLine"); l && !r->starved;
         l = ubl_next(l, "OrderLine")) {
        const xmlNode *item = ubl_first(l, "LineItem");
        struct kp_operation_in *op = &ops[o->n];
        const char *unit = unit_at(r, ubl_first(item, "Quantity"));
        read_line(r, item, op);
        if (is_there(ops, o->n, op->number))
            kp_order_fault(r, line_of(item), 0, NULL, "another line has the number '%.40s' too",
                           "een andere regel heeft ook het nummer '%.40s'", op->number);
        one_unit &= !o->n || (unit && o->unit ? strcmp(unit, o->unit) == 0 : unit == o->unit);
        if (!o->n)
            o->unit = unit;
        o->n++;
        o->due = op->due > o->due ? op->due : o->due;
    }
    if (!one_unit)
        o->unit = NULL;
}

/* As it came, but in UTF-8. */
static const char *document_of(struct kp_order_reading *r, xmlDoc *doc, const char *xml, size_t len)
{
    char *copy = NULL;
    xmlChar *text = NULL;
    int n = 0;
    bool kept = kp_utf8_valid(xml, len) && !memchr(xml, 0, len);
    if (!kept)
        xmlDocDumpMemoryEnc(doc, &text, &n, "UTF-8");
    if (kept || text)
        copy = kp_arena_alloc(&r->arena, (kept ? len : (size_t)n) + 1);
    if (copy)
        memcpy(copy, kept ? xml : (const char *)text, kept ? len : (size_t)n);
    else
        r->starved = true;
    xmlFree(text);
    return copy;
}

static void read_order(struct kp_order_reading *r, const xmlNode *root)
{
    static const char *const names[] = {
        "BuyerCustomerParty/Party/PartyLegalEntity/RegistrationName",
        "BuyerCustomerParty/Party/PartyName/Name", NULL
    };
    size_t n = count_lines(root);
    if (n > KP_OPERATIONS_MAX) {
        kp_order_fault(r, 0, 0, NULL, "the order has more than %d lines",
                       "de order heeft meer dan %d regels", KP_OPERATIONS_MAX);
        return;
    }
    check_party(r, root, "SellerSupplierParty", &r->folder->own, true);
    check_party(r, root, "BuyerCustomerParty", &r->folder->partner, false);
    struct kp_operation_in *ops = kp_arena_alloc(&r->arena, (n + 1) * sizeof *ops);
    struct kp_order_in *o = ops ? kp_order_reading_add(r, line_of(root)) : NULL;
    if (!o) {
        r->starved = true;
        return;
    }
    o->sender = sender_of(r, root);
    o->number = text_at(r, root, "ID");
    o->customer = first_of(r, root, names);
    o->folder = r->folder->name;
    o->confirmation = r->folder->acknowledge ? "acknowledged" : NULL;
    o->operations = ops;
    read_lines(r, root, o, ops);
    if (o->due == KP_NO_TIME)
        o->due = delivery_day(root, "RequestedDeliveryPeriod");
    if (n == 1) {
        o->item = ops->item;
        o->quantity = ops->quantity;
        o->description = text_at(r, root, "OrderLine/LineItem/Item/Description");
    }
    if (!o->description)
        o->description = text_at(r, root, "Note");
}

/* ---- OrderResponse ---- */
static const char *answer_of(const char *code, bool peppol)
{
    static const struct {
        const char *code, *answer;
        bool old; /* of UNCL1225, as documents of before Peppol have them */
    } codes[] = { { "AB", "acknowledged", false }, { "AP", "accepted", false },
                  { "CA", "changed", false },      { "RE", "rejected", false },
                  { "29", "accepted", true },      { "30", "changed", true },
                  { "27", "rejected", true } };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].code, code) == 0 && !(codes[i].old && peppol))
            return codes[i].answer;
    return NULL;
}

/* The notes, and lines that are not delivered. */
static const char *remarks(struct kp_order_reading *r, const xmlNode *root)
{
    char text[UBL_TEXT], code[UBL_TEXT];
    struct kp_buf all;
    kp_buf_init(&all, KP_UBL_BYTES_MAX);
    for (const xmlNode *n = ubl_first(root, "Note"); n; n = ubl_next(n, "Note"))
        kp_buf_printf(&all, "%s%s", all.len ? "; " : "", ubl_text(n, text));
    for (const xmlNode *l = ubl_first(root, "OrderLine"); l; l = ubl_next(l, "OrderLine"))
        if (strcmp(ubl_text(ubl_at(l, "LineItem/LineStatusCode"), code), "7") == 0)
            kp_buf_printf(&all, "%sline %s is not accepted", all.len ? "; " : "",
                          ubl_text(ubl_at(l, "LineItem/ID"), text));
    char cut[400];
    kp_utf8_clean(cut, sizeof cut, kp_buf_text(&all), all.len);
    for (char *p = cut; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    const char *copy = *cut ? kp_arena_strdup(&r->arena, cut) : NULL;
    r->starved |= *cut && !copy;
    kp_buf_free(&all);
    return copy;
}

static void read_response(struct kp_order_reading *r, const xmlNode *root, bool peppol)
{
    char code[UBL_TEXT];
    const xmlNode *says = ubl_first(root, "OrderResponseCode");
    const char *answer = answer_of(ubl_text(says, code), peppol);
    check_party(r, root, "BuyerCustomerParty", &r->folder->own, true);
    check_party(r, root, "SellerSupplierParty", &r->folder->partner, false);
    if (!answer) {
        kp_order_fault(r, line_of(says ? says : root), 0, NULL,
                       "OrderResponseCode '%.20s' is none of AB (received), AP (accepted), CA "
                       "(changed), RE (rejected)",
                       "OrderResponseCode '%.20s' is geen van AB (ontvangen), AP (aangenomen), CA "
                       "(gewijzigd), RE (afgewezen)",
                       code);
        return;
    }
    int64_t promised = delivery_day(root, "PromisedDeliveryPeriod");
    for (const xmlNode *l = ubl_first(root, "OrderLine"); l; l = ubl_next(l, "OrderLine")) {
        int64_t at = delivery_day(ubl_first(l, "LineItem"), "PromisedDeliveryPeriod");
        promised = at > promised ? at : promised;
    }
    r->answer = (struct kp_order_answer){ .number = text_at(r, root, "OrderReference/ID"),
                                          .says = { answer, promised, remarks(r, root) } };
}

/* ---- a document ---- */
static void tell(void *arg, const struct kp_ubl_fault *f)
{
    char en[600], nl[600];
    snprintf(en, sizeof en, "%s [%s]", f->text, f->rule);
    snprintf(nl, sizeof nl, "dit is niet zoals %s het wil: %s", f->rule, f->text);
    kp_order_fault_texts(arg, f->line, 0, NULL, en, nl);
}

static void read_document(struct kp_order_reading *r, xmlDoc *doc, const char *xml, size_t len,
                          const struct kp_ubl_head *head)
{
    const xmlNode *root = xmlDocGetRootElement(doc);
    bool order = strcmp(head->root, "Order") == 0;
    if (r->folder->format == KP_FOLDER_PEPPOL && !head->rules)
        kp_order_fault(r, line_of(ubl_first(root, "CustomizationID")), 0, NULL,
                       "the document does not say that it follows Peppol; its CustomizationID must "
                       "be that of an order or order response 3, or the folder's format ubl21",
                       "het document zegt niet dat het Peppol volgt; zijn CustomizationID moet die "
                       "van een order of order response 3 zijn, of het format van de map ubl21");
    else if (!order && strcmp(head->root, "OrderResponse") != 0)
        kp_order_fault(r, line_of(root), 0, NULL,
                       "this is a document of another kind (%.40s); the folder takes Order and "
                       "OrderResponse",
                       "dit is een document van een andere soort (%.40s); de map neemt Order en "
                       "OrderResponse",
                       head->root);
    else if (order)
        read_order(r, root);
    else
        read_response(r, root, r->folder->format == KP_FOLDER_PEPPOL);
    if (order && r->n)
        r->orders->document = document_of(r, doc, xml, len);
}

void kp_ubl_orders(struct kp_order_reading *r, const char *xml, size_t len)
{
    struct kp_err why = { 0 };
    struct kp_ubl_head head = { 0 };
    xmlDoc *doc = ubl_open(xml, len, &why);
    if (doc && !ubl_judge(doc, &(struct ubl_checking){ &head, tell, r }, &why) && !head.faults)
        read_document(r, doc, xml, len, &head);
    if (why.code == KP_ENOMEM)
        r->starved = true;
    else if (why.code)
        kp_order_fault(r, 0, 0, NULL, "%s", "het document is niet te lezen: %s", why.text);
    xmlFreeDoc(doc);
}
