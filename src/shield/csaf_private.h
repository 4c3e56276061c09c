/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_CSAF_PRIVATE_H
#define KOPPEL_SHIELD_CSAF_PRIVATE_H
#include "core/mem.h"
#include "shield/csaf.h"
#include "shield/tree.h"

/* A product or a group of products, by its id; what is known of it for one vulnerability at a time.
 */
struct csaf_slot {
    const char *id;
    struct csaf_slot *next;              /* in its bucket */
    const struct kp_tree *defined;       /* the id where it is defined first; NULL: nowhere */
    const struct kp_tree *used;          /* where it is used first; NULL: nowhere */
    const struct kp_tree *products;      /* a group: its first product_id */
    struct csaf_edge *edges;             /* a product of relationships: what it is made of */
    const struct kp_tree *vulnerability; /* the marks are of this one */
    const struct kp_tree *flag;          /* the last that named it */
    uint32_t marks;
    uint8_t colour; /* while circles are looked for */
};

struct csaf_names {
    struct csaf_slot **bucket;
    size_t mask;
};

struct csaf_checking {
    struct kp_csaf_head *head;
    void (*found)(void *, const struct kp_csaf_finding *);
    void *arg;
    struct kp_err *err;
    struct kp_arena *arena;
    const struct kp_tree *root, *document, *tracking, *tree, *vulnerabilities; /* the first */
    const char *category; /* "" when there is none */
    struct csaf_names products, groups;
    size_t size, work; /* bytes; steps of what can grow with the square of them */
    uint32_t told[KP_CSAF_TESTS_MAX];
    const struct kp_csaf_test *last; /* that found something */
    bool mandatory_only;
};

/* Says that a test found something at a place. `test` is its id. */
void csaf_found(struct csaf_checking *, const char *test, const struct kp_tree *at, const char *fmt,
                ...) __attribute__((format(printf, 4, 5)));
void csaf_starved(struct csaf_checking *);
bool csaf_work(struct csaf_checking *, size_t steps); /* false: it was too much, and is told */
bool csaf_is(const char *text, const char *words);    /* one of "a b c"; NULL is none */

/* ---- products and groups ---- */
struct csaf_slot *csaf_product(struct csaf_checking *,
                               const struct kp_tree *id); /* NULL: no text, or starved */
struct csaf_slot *csaf_group(struct csaf_checking *, const struct kp_tree *id);
void csaf_index(struct csaf_checking *);
/* The marks of a slot for this vulnerability: 0 at first. */
uint32_t *csaf_marks(struct csaf_slot *, const struct kp_tree *vulnerability);
/* Calls `each` for the products an object names in product_ids and, by groups, in group_ids; `at`
 * is the id that named it. */
typedef void csaf_each(struct csaf_checking *, struct csaf_slot *,
                       const struct kp_tree *vulnerability, const struct kp_tree *at,
                       uint32_t mark);
void csaf_each_product(struct csaf_checking *, const struct kp_tree *object,
                       const struct kp_tree *vulnerability, uint32_t mark, csaf_each *);
csaf_each csaf_mark; /* sets the mark */

/* ---- texts of a certain form ---- */
struct csaf_stamp {
    int64_t seconds;
    uint32_t ns;
};
bool csaf_stamp(const char *, struct csaf_stamp *); /* RFC 3339 date-time */
int csaf_stamp_compare(const struct csaf_stamp *, const struct csaf_stamp *);
bool csaf_is_time(const char *), csaf_is_uri(const char *), csaf_is_cpe(const char *);
bool csaf_is_language(const char *); /* by its form, as the schema has it */
bool csaf_is_cve(const char *), csaf_is_hash(const char *), csaf_is_vers(const char *);
bool csaf_is_cvss2(const char *),
    csaf_is_cvss3(const char *);                              /* the vector, as the schema has it */
const char *csaf_purl_fault(const char *);                    /* NULL: none */
const char *csaf_language_fault(const char *, char room[64]); /* by the registry; NULL: none */
bool csaf_language_private(const char *);
const char *csaf_cwe_name(const char *id, char room[256]); /* "CWE-79"; NULL: there is none */
bool csaf_host_cannot_be(const char *url);

/* integers, or semantic versions */
struct csaf_version {
    const char *part[3], *pre, *build; /* into the text; pre and build NULL when there is none */
    size_t len[3], pre_len;
    bool semantic;
};
bool csaf_version(const char *, struct csaf_version *);
int csaf_version_compare(const struct csaf_version *, const struct csaf_version *, bool pre_too);

/* ---- the tests, by what they look at ---- */
void csaf_check_schema(struct csaf_checking *);
void csaf_check_products(struct csaf_checking *), csaf_check_branches(struct csaf_checking *);
void csaf_check_vulnerabilities(struct csaf_checking *), csaf_check_status(struct csaf_checking *);
void csaf_check_scores(struct csaf_checking *);
void csaf_check_history(struct csaf_checking *);
void csaf_check_document(struct csaf_checking *), csaf_check_profile(struct csaf_checking *);
void csaf_check_urls(struct csaf_checking *), csaf_check_spelling(struct csaf_checking *);
/* Of the Latin alphabet, whatever the locale. */
static inline bool csaf_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool csaf_digit(char c)
{
    return c >= '0' && c <= '9';
}
#endif
