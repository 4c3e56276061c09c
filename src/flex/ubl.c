/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a document and walking through it. */
#include "core/text.h"
#include "flex/ubl_private.h"

#include <libxml/parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static const char namespaces[] = "urn:oasis:names:specification:ubl:schema:xsd:";
static const char *const roots[] = { "RequestForQuotation", "Quotation",      "Order",
                                     "OrderResponse",       "DespatchAdvice", "Invoice" };

/* ---- walking ---- */
const char *ubl_name(const xmlNode *n)
{
    return (const char *)n->name;
}

static const xmlNode *named(const xmlNode *n, const char *name)
{
    while (n && (n->type != XML_ELEMENT_NODE || strcmp(ubl_name(n), name) != 0))
        n = n->next;
    return n;
}

const xmlNode *ubl_first(const xmlNode *parent, const char *name)
{
    return parent ? named(parent->children, name) : NULL;
}

const xmlNode *ubl_next(const xmlNode *n, const char *name)
{
    return named(n->next, name);
}

const xmlNode *ubl_at(const xmlNode *n, const char *path)
{
    while (n && *path) {
        char name[KP_UBL_WORD];
        size_t len = strcspn(path, "/");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        n = ubl_first(n, name);
        path += len + (path[len] == '/');
    }
    return n;
}

static const char *trimmed(const xmlChar *from, char out[UBL_TEXT])
{
    static const char space[] = " \t\r\n";
    const char *text = from ? (const char *)from : "";
    text += strspn(text, space);
    snprintf(out, UBL_TEXT, "%s", text);
    size_t n = strlen(out);
    while (n && strchr(space, out[n - 1]))
        out[--n] = 0;
    return out;
}

const char *ubl_text(const xmlNode *n, char out[UBL_TEXT])
{
    xmlChar *text = n ? xmlNodeGetContent(n) : NULL;
    trimmed(text, out);
    xmlFree(text);
    return out;
}

const char *ubl_attribute(const xmlNode *n, const char *name, char out[UBL_TEXT])
{
    xmlChar *text = n ? xmlGetNoNsProp(n, (const xmlChar *)name) : NULL;
    trimmed(text, out);
    xmlFree(text);
    return out;
}

bool ubl_number(const xmlNode *n, double *out)
{
    char text[UBL_TEXT], *end;
    const char *p = ubl_text(n, text);
    size_t len = strlen(p);
    *out = strtod(p, &end);
    return len && strspn(p, "+-.0123456789") == len && !*end;
}

/* ---- faults ---- */
void ubl_fault(struct ubl_checking *c, const xmlNode *n, const char *rule, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (c->head->faults++ >= KP_UBL_FAULTS_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kp_utf8_trim(text);
    long line = n ? xmlGetLineNo(n) : 0;
    c->found(c->arg, &(struct kp_ubl_fault){ line > 0 ? (unsigned)line : 0, rule, text });
}

/* ---- reading ---- */
static bool is_root(const xmlNode *n)
{
    size_t k = 0, all = sizeof roots / sizeof *roots, len = strlen(namespaces);
    const char *ns = n->ns && n->ns->href ? (const char *)n->ns->href : "";
    while (k < all && strcmp(ubl_name(n), roots[k]) != 0)
        k++;
    size_t name = strlen(ubl_name(n));
    return k < all && strncmp(ns, namespaces, len) == 0 &&
           strncmp(ns + len, ubl_name(n), name) == 0 && strcmp(ns + len + name, "-2") == 0;
}

enum kp_code ubl_judge(xmlDoc *doc, struct ubl_checking *c, struct kp_err *err)
{
    char text[UBL_TEXT];
    const xmlNode *root = xmlDocGetRootElement(doc);
    if (doc->intSubset || doc->extSubset)
        return kp_fail(err, KP_EPARSE, "a document type declaration (<!DOCTYPE) is not taken");
    if (strcmp(ubl_name(root), "StandardBusinessDocument") == 0)
        return kp_fail(
            err, KP_EPARSE,
            "the document is wrapped in a StandardBusinessDocument; give what is inside");
    if (!is_root(root))
        return kp_fail(err, KP_EPARSE,
                       "'%.60s' is none of the documents of UBL 2.1 known here: "
                       "RequestForQuotation, Quotation, Order, "
                       "OrderResponse, DespatchAdvice, Invoice, in their namespaces",
                       ubl_name(root));
    snprintf(c->head->root, sizeof c->head->root, "%s", ubl_name(root));
    snprintf(c->head->id, sizeof c->head->id, "%s", ubl_text(ubl_first(root, "ID"), text));
    kp_utf8_trim(c->head->id);
    ubl_check_structure(c, root);
    if (!c->head->faults) /* rules speak of documents that are as they should be */
        ubl_check_rules(c, root);
    return KP_OK;
}

/* The first thing the reader complains of: what follows comes of it. */
static void complaint(void *arg, xmlErrorPtr e)
{
    struct kp_err *first = arg;
    char why[200] = "";
    if (first->code)
        return;
    snprintf(why, sizeof why, "%s", e->message ? e->message : "");
    why[strcspn(why, "\r\n")] = 0;
    kp_utf8_trim(why);
    if (e->code == XML_ERR_NO_MEMORY)
        kp_fail(first, KP_ENOMEM, "out of memory reading the document");
    else
        kp_fail(first, KP_EPARSE, "line %d: %s", e->line, why);
}

xmlDoc *ubl_open(const char *xml, size_t len, struct kp_err *err)
{
    struct kp_err first = { 0 };
    if (len > KP_UBL_BYTES_MAX) {
        kp_fail(err, KP_EFULL, "the document is larger than %d MiB", KP_UBL_BYTES_MAX >> 20);
        return NULL;
    }
    xmlSetStructuredErrorFunc(&first, complaint); /* of this thread */
    xmlDoc *doc = xmlReadMemory(xml, (int)len, "document.xml", NULL, XML_PARSE_NONET);
    xmlSetStructuredErrorFunc(NULL, NULL);
    if (!doc)
        kp_fail(err, first.code ? first.code : KP_EPARSE, "%s",
                first.code ? first.text : "the document is empty");
    return doc;
}

enum kp_code kp_ubl_check(const char *xml, size_t len, struct kp_ubl_head *head,
                          void (*found)(void *, const struct kp_ubl_fault *), void *arg,
                          struct kp_err *err)
{
    *head = (struct kp_ubl_head){ 0 };
    xmlDoc *doc = ubl_open(xml, len, err);
    if (!doc)
        return err->code;
    ubl_judge(doc, &(struct ubl_checking){ head, found, arg }, err);
    xmlFreeDoc(doc);
    return err->code;
}
