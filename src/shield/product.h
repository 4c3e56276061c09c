/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_PRODUCT_H
#define KOPPEL_SHIELD_PRODUCT_H
/* Normal forms of what products are called, so that a nameplate and an advisory can be compared:
 * makers under one of their names, order codes without blanks and dashes, names as words. */
#include "core/mem.h"

enum {
    KP_VENDORS_MAX = 4, /* of one text: "Rockwell Automation/Allen-Bradley" */
    KP_VENDOR_KEY = 48,
    KP_CODE_MAX = 48,
    KP_NAME_WORDS = 32, /* of a name; what comes behind is left out */
    KP_PRODUCT_TEXT = 400
};

/* Makers by other names. `more` is what the user has added: lines "other name = name". */
struct kp_vendors {
    char key[KP_VENDORS_MAX][KP_VENDOR_KEY];
    uint8_t n;
};
void kp_vendor_keys(const char *text, const char *more, struct kp_vendors *);
bool kp_vendors_meet(const struct kp_vendors *, const struct kp_vendors *);

/* Letters and digits in capitals; where the text has '*', '?' or a small 'x' in an order code of
 * capitals the form has '?' (one character) or '*' (the rest). False: there is nothing, or too
 * much. */
bool kp_code_form(const char *text, size_t len, char out[KP_CODE_MAX]);
/* Whether an order code is the one an advisory names: the same, covered by its wildcards, or the
 * longer one of two when the advisory's is not shorter than seven characters. */
bool kp_code_covers(const char *named, const char *code);
/* A Siemens order number (MLFB) in a text, by its form: "6ES7 515-2AM02-0AB0". Length, 0: none. */
size_t kp_mlfb_find(const char *text, const char **at);

struct kp_word_form {
    uint64_t hash;
    bool telling; /* it has a digit: a type, not a family */
    bool inside;  /* stood in brackets */
    uint8_t len;
};
/* A name as words, without order numbers, the maker's own name and words that say nothing
 * ("series", "firmware", "incl. ... variants"). `whole` is a hash of all letters and digits in
 * turn, so that "S7-1500" and "S7 1500" agree; `plain` the same without what stands in brackets. */
struct kp_name {
    struct kp_word_form word[KP_NAME_WORDS];
    uint8_t n;
    uint64_t whole, plain;
    bool brackets, telling;
    char code[KP_CODE_MAX]; /* the order number in it; "" */
    char line[16];          /* a version at its end ("PCS 7 V9.1"); "" */
    uint64_t without_line;  /* `plain` without it */
};
void kp_name_read(const char *text, const char *vendor, struct kp_name *);

/* vendor, product and version of a CPE (2.2 or 2.3) or of a package URL, unescaped; "" for "*" */
struct kp_identifier {
    char vendor[128], product[256], version[128];
};
bool kp_cpe_read(const char *, struct kp_identifier *);
bool kp_purl_read(const char *, struct kp_identifier *);
#endif
