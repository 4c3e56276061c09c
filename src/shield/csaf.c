/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a document, the list of tests, and what they find. */
#include "shield/csaf.h"

#include "core/text.h"
#include "shield/csaf_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define M(id, title)                                                                               \
    {                                                                                              \
        id, title, KP_CSAF_MANDATORY, NULL                                                         \
    }
#define O(id, title)                                                                               \
    {                                                                                              \
        id, title, KP_CSAF_OPTIONAL, NULL                                                          \
    }
#define I(id, title, left_out)                                                                     \
    {                                                                                              \
        id, title, KP_CSAF_INFORMATIVE, left_out                                                   \
    }
const struct kp_csaf_test kp_csaf_tests[] = {
    M("schema", "the JSON schema of CSAF 2.0"),
    M("6.1.1", "every product id that is used is defined"),
    M("6.1.2", "every product id is defined once"),
    M("6.1.3", "no product is made of itself"),
    M("6.1.4", "every product group that is used is defined"),
    M("6.1.5", "every product group is defined once"),
    M("6.1.6", "no product has contradicting states"),
    M("6.1.7", "a product has one score of each version of CVSS"),
    M("6.1.8", "CVSS follows its schema"),
    M("6.1.9", "CVSS scores and severities are computed rightly"),
    M("6.1.10", "CVSS metrics agree with the vector"),
    M("6.1.11", "the CWE exists and has its name"),
    M("6.1.12", "language tags exist"),
    M("6.1.13", "package URLs are valid"),
    M("6.1.14", "the revision history is in order"),
    M("6.1.15", "a translation names its source language"),
    M("6.1.16", "the version is the last of the history"),
    M("6.1.17", "a version before 1 or before a release is a draft"),
    M("6.1.18", "a released document has no version 0 in its history"),
    M("6.1.19", "the history has no pre-releases"),
    M("6.1.20", "a released document is no pre-release"),
    M("6.1.21", "the history leaves out no version"),
    M("6.1.22", "no version stands twice in the history"),
    M("6.1.23", "a CVE stands in one vulnerability"),
    M("6.1.24", "a party is involved once at a date"),
    M("6.1.25", "a file has one hash of each algorithm"),
    M("6.1.26", "the category is no profile in disguise"),
    M("6.1.27.1", "profile: notes"),
    M("6.1.27.2", "profile: an external reference"),
    M("6.1.27.3", "profile: no vulnerabilities"),
    M("6.1.27.4", "profile: a product tree"),
    M("6.1.27.5", "profile: notes of vulnerabilities"),
    M("6.1.27.6", "profile: product status"),
    M("6.1.27.7", "profile: product status of VEX"),
    M("6.1.27.8", "profile: a CVE or another id"),
    M("6.1.27.9", "profile: impact statements"),
    M("6.1.27.10", "profile: action statements"),
    M("6.1.27.11", "profile: vulnerabilities"),
    M("6.1.28", "language and source language differ"),
    M("6.1.29", "a remediation names products"),
    M("6.1.30", "versions are all integers or all semantic"),
    M("6.1.31", "a product version is no range"),
    M("6.1.32", "a flag names products"),
    M("6.1.33", "a product has one VEX justification"),
    O("6.2.1", "every product that is defined is used"),
    O("6.2.2", "affected products have a remediation"),
    O("6.2.3", "affected products have a score"),
    O("6.2.4", "the history has no build metadata"),
    O("6.2.5", "the first release is not older than the history"),
    O("6.2.6", "the current release is not older than the history"),
    O("6.2.7", "involvements have a date"),
    O("6.2.8", "MD5 is not the only hash"),
    O("6.2.9", "SHA-1 is not the only hash"),
    O("6.2.10", "there is a TLP label"),
    O("6.2.11", "there is a canonical URL"),
    O("6.2.12", "the language of the document is given"),
    O("6.2.13", "keys are sorted"),
    O("6.2.14", "no language of private use"),
    O("6.2.15", "the language is not i-default"),
    O("6.2.16", "products have something to identify them by"),
    O("6.2.17", "ids are no CVE"),
    O("6.2.18", "version ranges are written as vers"),
    O("6.2.19", "fixed products have an environmental score of 0"),
    O("6.2.20", "there are no properties the schema does not know"),
    I("6.3.1", "CVSS 2 is not the only score", NULL),
    I("6.3.2", "CVSS 3.0 is not used", NULL),
    I("6.3.3", "there is a CVE", NULL),
    I("6.3.4", "there is a CWE", NULL),
    I("6.3.5", "hashes are not short", NULL),
    I("6.3.6", "URLs resolve",
      "nothing is asked over the network: only hosts that can never exist are found"),
    I("6.3.7", "URLs of the document itself resolve",
      "nothing is asked over the network: only hosts that can never exist are found"),
    I("6.3.8", "spelling",
      "there is no dictionary: words one letter away from those usual in advisories are found, in "
      "English only"),
    I("6.3.9", "branches are vendor, product name, product version", NULL),
    I("6.3.10", "versions are listed and not given as a range", NULL),
    I("6.3.11", "versions do not begin with v", NULL),
    { 0 },
};

const char *kp_csaf_group_word(enum kp_csaf_group group)
{
    static const char *const words[] = { "mandatory", "optional", "informative" };
    return words[group];
}

/* Often the one found before. */
static const struct kp_csaf_test *test_named(struct csaf_checking *c, const char *id)
{
    const struct kp_csaf_test *t = kp_csaf_tests;
    if (c->last && strcmp(c->last->id, id) == 0)
        return c->last;
    while (strcmp(t->id, id) != 0)
        t++;
    return c->last = t;
}

void csaf_found(struct csaf_checking *c, const char *test, const struct kp_tree *at,
                const char *fmt, ...)
{
    const struct kp_csaf_test *t = test_named(c, test);
    char raw[512], text[512], pointer[KP_CSAF_POINTER];
    va_list ap;
    if (c->mandatory_only && t->group != KP_CSAF_MANDATORY)
        return;
    c->head->found[t->group]++;
    if (c->told[t - kp_csaf_tests]++ >= KP_CSAF_FINDINGS_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    kp_utf8_clean(text, sizeof text, raw,
                  sizeof raw); /* what was quoted may end within a character */
    kp_tree_pointer(at, pointer, sizeof pointer);
    c->found(c->arg, &(struct kp_csaf_finding){ t, pointer, text });
}

void csaf_starved(struct csaf_checking *c)
{
    kp_fail(c->err, KP_ENOMEM, "out of memory judging the document");
}

bool csaf_is(const char *text, const char *words)
{
    if (!text || !*text)
        return false;
    for (const char *p = words; *p;) {
        size_t n = 0;
        while (text[n] && text[n] == p[n] && p[n] != ' ')
            n++;
        if (!text[n] && (p[n] == ' ' || !p[n]))
            return true;
        while (*p && *p++ != ' ')
            ;
    }
    return false;
}

static void copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
    kp_utf8_trim(out);
}

static void see(struct csaf_checking *c)
{
    c->document = kp_tree_get(c->root, "document");
    c->tracking = kp_tree_get(c->document, "tracking");
    c->tree = kp_tree_get(c->root, "product_tree");
    c->vulnerabilities = kp_tree_list(c->root, "vulnerabilities");
    const char *category = kp_tree_text(c->document, "category");
    c->category = category ? category : "";
    copy(c->head->category, sizeof c->head->category, category);
    copy(c->head->id, sizeof c->head->id, kp_tree_text(c->tracking, "id"));
    copy(c->head->version, sizeof c->head->version, kp_tree_text(c->tracking, "version"));
}

static enum kp_code check(struct csaf_checking *c)
{
    static void (*const tests[])(struct csaf_checking *) = {
        csaf_check_schema,          csaf_index,         csaf_check_products, csaf_check_branches,
        csaf_check_vulnerabilities, csaf_check_status,  csaf_check_scores,   csaf_check_history,
        csaf_check_document,        csaf_check_profile, csaf_check_urls,     csaf_check_spelling,
    };
    if (c->root->type != KP_TREE_OBJECT)
        return kp_fail(c->err, KP_EPARSE, "the document is no object of JSON");
    see(c);
    for (size_t i = 0; i < sizeof tests / sizeof *tests && !c->err->code; i++)
        tests[i](c);
    return c->err->code;
}

enum kp_code kp_csaf_check(const char *text, size_t len, bool mandatory_only,
                           struct kp_csaf_head *head,
                           void (*found)(void *, const struct kp_csaf_finding *), void *arg,
                           struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_tree *root;
    *head = (struct kp_csaf_head){ 0 };
    if (len > KP_CSAF_BYTES_MAX)
        return kp_fail(err, KP_EFULL, "the document is larger than %d MiB",
                       KP_CSAF_BYTES_MAX >> 20);
    struct csaf_checking c = { .head = head,
                               .found = found,
                               .arg = arg,
                               .err = err,
                               .arena = &arena,
                               .size = len,
                               .mandatory_only = mandatory_only };
    if (!kp_tree_read(text, len, &arena, &root, err)) {
        c.root = root;
        check(&c);
    }
    kp_arena_free(&arena);
    return err->code;
}
