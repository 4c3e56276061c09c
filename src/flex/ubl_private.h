/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_UBL_PRIVATE_H
#define KOPPEL_FLEX_UBL_PRIVATE_H
#include "flex/ubl.h"

#include <libxml/tree.h>

/* `children` are words in the order in which elements must stand: "-ID? -Note* Delivery+
 * PostalAddress?=Address": a dash is a value (cbc), without it a group (cac); ? 0 or 1, * any
 * number, + 1 or more; behind = the type when it has another name; nothing behind it: not looked
 * into. A ^ is an extension. */
struct ubl_type {
    const char *name, *children;
};
extern const struct ubl_type ubl_types[]; /* ends with a NULL name */
const struct ubl_type *ubl_type_named(const char *name, size_t len);

struct ubl_checking {
    struct kp_ubl_head *head;
    void (*found)(void *, const struct kp_ubl_fault *);
    void *arg;
};
void ubl_fault(struct ubl_checking *, const xmlNode *, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- a document ---- */
xmlDoc *ubl_open(const char *xml, size_t len, struct kp_err *); /* xmlFreeDoc it; NULL: says why */
/* As kp_ubl_check; head, found and arg are in `checking`. */
enum kp_code ubl_judge(xmlDoc *, struct ubl_checking *, struct kp_err *);

/* ---- walking, by names without prefix ---- */
const char *ubl_name(const xmlNode *);
const xmlNode *ubl_first(const xmlNode *parent, const char *name); /* NULL when there is none */
const xmlNode *ubl_next(const xmlNode *, const char *name);        /* the next one beside it */
const xmlNode *ubl_at(const xmlNode *,
                      const char *path); /* "Party/EndpointID", the first of each */
/* The text of a value, without space around it; "" without a node. Valid until the next call with
 * the same buffer. */
enum { UBL_TEXT = 256 };
const char *ubl_text(const xmlNode *, char out[UBL_TEXT]);
const char *ubl_attribute(const xmlNode *, const char *name, char out[UBL_TEXT]);
bool ubl_number(const xmlNode *, double *); /* xs:decimal */

/* ---- code lists ---- */
enum ubl_list {
    UBL_CURRENCY,
    UBL_COUNTRY,
    UBL_INVOICE_TYPE,
    UBL_PAYMENT,
    UBL_ORDER_TYPE,
    UBL_ADDRESS_SCHEME,
    UBL_ID_SCHEME
};
bool ubl_is_code(enum ubl_list, const char *code);
bool ubl_is_unit(const char *code); /* by its form, for the list is long */
bool ubl_is_gln(const char *code);

/* ---- parts of a check ---- */
void ubl_check_structure(struct ubl_checking *, const xmlNode *root);
void ubl_check_rules(struct ubl_checking *,
                     const xmlNode *root); /* of the profile the document names */
#endif
