/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of CSAF 2.0 and those of CVSS 2.0, 3.0 and 3.1 it refers to, as tables. */
#include "shield/csaf_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum form { TEXT, NUMBER, LIST, OBJECT };

struct type {
    enum form form;
    unsigned least, most;       /* items, or members; most 0 is any number */
    const char *words;          /* a text: one of these; NULL: any */
    bool (*good)(const char *); /* a text: its form; NULL: any */
    const char *should;         /* what `good` wants */
    bool unique;                /* a list: no item twice */
    const struct type *item;
    const struct member *members;
    const char *test; /* whose fault it is; NULL: as around it */
};
struct member {
    const char *key;
    const struct type *type;
    bool required;
};

/* ---- forms of texts ---- */
/* Bytes of the white space at `p`, as regular expressions know it: more than that of ASCII. */
static size_t space(const char *p)
{
    static const char *const wide[] = { "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
                                        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
                                        "\xe3\x80\x80", "\xef\xbb\xbf" };
    if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(p, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    bool general = strncmp(p, "\xe2\x80", 2) == 0 && (unsigned char)p[2] <= 0x8a && p[2];
    return general ? 3 : 0;
}

/* One line, with no space at its ends. */
static bool is_id(const char *text)
{
    size_t n = strlen(text);
    bool behind = (n && space(text + n - 1) == 1) || (n > 1 && space(text + n - 2) == 2) ||
                  (n > 2 && space(text + n - 3) == 3);
    return n && !space(text) && !behind && !strpbrk(text, "\r\n") &&
           !strstr(text, "\xe2\x80\xa8") && !strstr(text, "\xe2\x80\xa9");
}

static bool is_category(const char *text)
{
    return is_id(text) && !strchr("-_.", text[0]) && !strchr("-_.", text[strlen(text) - 1]);
}

static bool is_cwe(const char *text)
{
    size_t n = strlen(text);
    return strncmp(text, "CWE-", 4) == 0 && n >= 5 && n <= 10 && text[4] != '0' &&
           strspn(text + 4, "0123456789") == n - 4;
}

static bool is_version(const char *text)
{
    struct csaf_version v;
    return csaf_version(text, &v);
}

static bool is_purl(const char *text)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+0123456789";
    if (strncmp(text, "pkg:", 4) != 0 || !text[4] || !strchr(first, text[4]) || !csaf_is_uri(text))
        return false;
    size_t n = 4 + strspn(text + 4, more);
    return text[n] == '/' && text[n + 1];
}

/* ---- the parts ---- */
#define WORDS(...)                                                                                 \
    {                                                                                              \
        .form = TEXT, .words = __VA_ARGS__                                                         \
    }
#define FORM(fn, what)                                                                             \
    {                                                                                              \
        .form = TEXT, .good = fn, .should = what                                                   \
    }
static const struct type text = { .form = TEXT }, number = { .form = NUMBER };
static const struct type uri = FORM(csaf_is_uri, "a URI"),
                         when = FORM(csaf_is_time, "a time such as 2024-11-05T10:00:00Z"),
                         language = FORM(csaf_is_language, "a language tag such as en-GB"),
                         version = FORM(is_version, "an integer, or a semantic version as 1.0.0");
static const struct type texts = { LIST, .least = 1, .item = &text },
                         uris = { LIST, .least = 1, .item = &uri },
                         unique_texts = { LIST, .least = 1, .unique = true, .item = &text },
                         two_texts = { LIST, .least = 2, .unique = true, .item = &text };

#define MEMBERS(name) static const struct member name##_members[]
#define ITEM(name, few)                                                                            \
    static const struct type name = { OBJECT, .least = few, .members = name##_members }
#define PLENTY(name, one) static const struct type name = { LIST, .least = 1, .item = &one }
#define UNIQUE(name, one)                                                                          \
    static const struct type name = { LIST, .least = 1, .unique = true, .item = &one }

MEMBERS(acknowledgment) = { { "names", &texts, 0 },
                            { "organization", &text, 0 },
                            { "summary", &text, 0 },
                            { "urls", &uris, 0 },
                            { 0 } };
ITEM(acknowledgment, 1);
PLENTY(acknowledgments, acknowledgment);

static const struct type note_category =
    WORDS("description details faq general legal_disclaimer other summary");
MEMBERS(note) = { { "audience", &text, 0 },
                  { "category", &note_category, 1 },
                  { "text", &text, 1 },
                  { "title", &text, 0 },
                  { 0 } };
ITEM(note, 0);
PLENTY(notes, note);

static const struct type reference_category = WORDS("external self");
MEMBERS(reference) = {
    { "category", &reference_category, 0 }, { "summary", &text, 1 }, { "url", &uri, 1 }, { 0 }
};
ITEM(reference, 0);
PLENTY(references, reference);

/* ---- document ---- */
MEMBERS(severity) = { { "namespace", &uri, 0 }, { "text", &text, 1 }, { 0 } };
ITEM(severity, 0);

static const struct type label = WORDS("AMBER GREEN RED WHITE");
MEMBERS(tlp) = { { "label", &label, 1 }, { "url", &uri, 0 }, { 0 } };
ITEM(tlp, 0);
MEMBERS(distribution) = { { "text", &text, 0 }, { "tlp", &tlp, 0 }, { 0 } };
ITEM(distribution, 1);

static const struct type publisher_category =
    WORDS("coordinator discoverer other translator user vendor");
MEMBERS(publisher) = { { "category", &publisher_category, 1 },
                       { "contact_details", &text, 0 },
                       { "issuing_authority", &text, 0 },
                       { "name", &text, 1 },
                       { "namespace", &uri, 1 },
                       { 0 } };
ITEM(publisher, 0);

MEMBERS(engine) = { { "name", &text, 1 }, { "version", &text, 0 }, { 0 } };
ITEM(engine, 0);
MEMBERS(generator) = { { "date", &when, 0 }, { "engine", &engine, 1 }, { 0 } };
ITEM(generator, 0);
MEMBERS(revision) = { { "date", &when, 1 },
                      { "legacy_version", &text, 0 },
                      { "number", &version, 1 },
                      { "summary", &text, 1 },
                      { 0 } };
ITEM(revision, 0);
PLENTY(revisions, revision);
static const struct type tracking_id = FORM(is_id, "an id on one line without space around it"),
                         status = WORDS("draft final interim");
MEMBERS(tracking) = { { "aliases", &unique_texts, 0 },
                      { "current_release_date", &when, 1 },
                      { "generator", &generator, 0 },
                      { "id", &tracking_id, 1 },
                      { "initial_release_date", &when, 1 },
                      { "revision_history", &revisions, 1 },
                      { "status", &status, 1 },
                      { "version", &version, 1 },
                      { 0 } };
ITEM(tracking, 0);

static const struct type csaf_version_word = WORDS("2.0"),
                         category =
                             FORM(is_category, "a name on one line that does not begin or end with "
                                               "space, dash, underscore or dot");
MEMBERS(document) = { { "acknowledgments", &acknowledgments, 0 },
                      { "aggregate_severity", &severity, 0 },
                      { "category", &category, 1 },
                      { "csaf_version", &csaf_version_word, 1 },
                      { "distribution", &distribution, 0 },
                      { "lang", &language, 0 },
                      { "notes", &notes, 0 },
                      { "publisher", &publisher, 1 },
                      { "references", &references, 0 },
                      { "source_lang", &language, 0 },
                      { "title", &text, 1 },
                      { "tracking", &tracking, 1 },
                      { 0 } };
ITEM(document, 0);

/* ---- product tree ---- */
static const struct type hash_value = FORM(csaf_is_hash, "32 hexadecimal digits or more");
MEMBERS(file_hash) = { { "algorithm", &text, 1 }, { "value", &hash_value, 1 }, { 0 } };
ITEM(file_hash, 0);
PLENTY(file_hashes, file_hash);
MEMBERS(hash) = { { "file_hashes", &file_hashes, 1 }, { "filename", &text, 1 }, { 0 } };
ITEM(hash, 0);
PLENTY(hashes, hash);
MEMBERS(generic) = { { "namespace", &uri, 1 }, { "uri", &uri, 1 }, { 0 } };
ITEM(generic, 0);
PLENTY(generics, generic);
static const struct type cpe = FORM(csaf_is_cpe, "a CPE name of version 2.2 or 2.3"),
                         purl = FORM(is_purl, "a package URL such as pkg:npm/name@1.0.0");
MEMBERS(helper) = { { "cpe", &cpe, 0 },
                    { "hashes", &hashes, 0 },
                    { "model_numbers", &unique_texts, 0 },
                    { "purl", &purl, 0 },
                    { "sbom_urls", &uris, 0 },
                    { "serial_numbers", &unique_texts, 0 },
                    { "skus", &texts, 0 },
                    { "x_generic_uris", &generics, 0 },
                    { 0 } };
ITEM(helper, 1);
MEMBERS(product) = { { "name", &text, 1 },
                     { "product_id", &text, 1 },
                     { "product_identification_helper", &helper, 0 },
                     { 0 } };
ITEM(product, 0);
PLENTY(products, product);

static const struct type branches;
static const struct type branch_category =
    WORDS("architecture host_name language legacy patch_level product_family product_name "
          "product_version product_version_range service_pack specification vendor");
MEMBERS(branch) = { { "branches", &branches, 0 },
                    { "category", &branch_category, 1 },
                    { "name", &text, 1 },
                    { "product", &product, 0 },
                    { 0 } };
static const struct type branch = { OBJECT, .least = 3, .most = 3, .members = branch_members };
static const struct type branches = { LIST, .least = 1, .item = &branch };

MEMBERS(group) = {
    { "group_id", &text, 1 }, { "product_ids", &two_texts, 1 }, { "summary", &text, 0 }, { 0 }
};
ITEM(group, 0);
PLENTY(groups, group);
static const struct type relationship_category =
    WORDS("default_component_of external_component_of installed_on installed_with "
          "optional_component_of");
MEMBERS(relationship) = { { "category", &relationship_category, 1 },
                          { "full_product_name", &product, 1 },
                          { "product_reference", &text, 1 },
                          { "relates_to_product_reference", &text, 1 },
                          { 0 } };
ITEM(relationship, 0);
PLENTY(relationships, relationship);
MEMBERS(tree) = { { "branches", &branches, 0 },
                  { "full_product_names", &products, 0 },
                  { "product_groups", &groups, 0 },
                  { "relationships", &relationships, 0 },
                  { 0 } };
ITEM(tree, 1);

/* ---- CVSS ---- */
static const struct type access_vector = WORDS("NETWORK ADJACENT_NETWORK LOCAL"),
                         access_complexity = WORDS("HIGH MEDIUM LOW"),
                         authentication = WORDS("MULTIPLE SINGLE NONE"),
                         impact2 = WORDS("NONE PARTIAL COMPLETE"),
                         maturity = WORDS("UNPROVEN PROOF_OF_CONCEPT FUNCTIONAL HIGH NOT_DEFINED"),
                         remedy = WORDS("OFFICIAL_FIX TEMPORARY_FIX WORKAROUND UNAVAILABLE "
                                        "NOT_DEFINED"),
                         confidence2 = WORDS("UNCONFIRMED UNCORROBORATED CONFIRMED NOT_DEFINED"),
                         damage = WORDS("NONE LOW LOW_MEDIUM MEDIUM_HIGH HIGH NOT_DEFINED"),
                         spread = WORDS("NONE LOW MEDIUM HIGH NOT_DEFINED"),
                         requirement = WORDS("LOW MEDIUM HIGH NOT_DEFINED"),
                         version2 = WORDS("2.0"), version3 = WORDS("3.0 3.1"),
                         vector2 = FORM(csaf_is_cvss2, "a vector of CVSS 2.0 such as "
                                                       "AV:N/AC:L/Au:N/C:P/I:P/A:P"),
                         vector3 =
                             FORM(csaf_is_cvss3, "a vector of CVSS 3.0 or 3.1 such as "
                                                 "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
MEMBERS(cvss2) = { { "version", &version2, 1 },
                   { "vectorString", &vector2, 1 },
                   { "accessVector", &access_vector, 0 },
                   { "accessComplexity", &access_complexity, 0 },
                   { "authentication", &authentication, 0 },
                   { "confidentialityImpact", &impact2, 0 },
                   { "integrityImpact", &impact2, 0 },
                   { "availabilityImpact", &impact2, 0 },
                   { "baseScore", &number, 1 },
                   { "exploitability", &maturity, 0 },
                   { "remediationLevel", &remedy, 0 },
                   { "reportConfidence", &confidence2, 0 },
                   { "temporalScore", &number, 0 },
                   { "collateralDamagePotential", &damage, 0 },
                   { "targetDistribution", &spread, 0 },
                   { "confidentialityRequirement", &requirement, 0 },
                   { "integrityRequirement", &requirement, 0 },
                   { "availabilityRequirement", &requirement, 0 },
                   { "environmentalScore", &number, 0 },
                   { 0 } };
static const struct type cvss2 = { OBJECT, .members = cvss2_members, .test = "6.1.8" };

static const struct type attack_vector = WORDS("NETWORK ADJACENT_NETWORK LOCAL PHYSICAL"),
                         attack_complexity = WORDS("HIGH LOW"), privileges = WORDS("HIGH LOW NONE"),
                         interaction = WORDS("NONE REQUIRED"), scope = WORDS("UNCHANGED CHANGED"),
                         impact = WORDS("NONE LOW HIGH"),
                         m_vector = WORDS("NETWORK ADJACENT_NETWORK LOCAL PHYSICAL NOT_DEFINED"),
                         m_complexity = WORDS("HIGH LOW NOT_DEFINED"),
                         m_privileges = WORDS("HIGH LOW NONE NOT_DEFINED"),
                         m_interaction = WORDS("NONE REQUIRED NOT_DEFINED"),
                         m_scope = WORDS("UNCHANGED CHANGED NOT_DEFINED"),
                         m_impact = WORDS("NONE LOW HIGH NOT_DEFINED"),
                         confidence3 = WORDS("UNKNOWN REASONABLE CONFIRMED NOT_DEFINED"),
                         severities = WORDS("NONE LOW MEDIUM HIGH CRITICAL");
MEMBERS(cvss3) = { { "version", &version3, 1 },
                   { "vectorString", &vector3, 1 },
                   { "attackVector", &attack_vector, 0 },
                   { "attackComplexity", &attack_complexity, 0 },
                   { "privilegesRequired", &privileges, 0 },
                   { "userInteraction", &interaction, 0 },
                   { "scope", &scope, 0 },
                   { "confidentialityImpact", &impact, 0 },
                   { "integrityImpact", &impact, 0 },
                   { "availabilityImpact", &impact, 0 },
                   { "baseScore", &number, 1 },
                   { "baseSeverity", &severities, 1 },
                   { "exploitCodeMaturity", &maturity, 0 },
                   { "remediationLevel", &remedy, 0 },
                   { "reportConfidence", &confidence3, 0 },
                   { "temporalScore", &number, 0 },
                   { "temporalSeverity", &severities, 0 },
                   { "confidentialityRequirement", &requirement, 0 },
                   { "integrityRequirement", &requirement, 0 },
                   { "availabilityRequirement", &requirement, 0 },
                   { "modifiedAttackVector", &m_vector, 0 },
                   { "modifiedAttackComplexity", &m_complexity, 0 },
                   { "modifiedPrivilegesRequired", &m_privileges, 0 },
                   { "modifiedUserInteraction", &m_interaction, 0 },
                   { "modifiedScope", &m_scope, 0 },
                   { "modifiedConfidentialityImpact", &m_impact, 0 },
                   { "modifiedIntegrityImpact", &m_impact, 0 },
                   { "modifiedAvailabilityImpact", &m_impact, 0 },
                   { "environmentalScore", &number, 0 },
                   { "environmentalSeverity", &severities, 0 },
                   { 0 } };
static const struct type cvss3 = { OBJECT, .members = cvss3_members, .test = "6.1.8" };

/* ---- vulnerabilities ---- */
static const struct type cve = FORM(csaf_is_cve, "a CVE such as CVE-2024-12345"),
                         cwe_id = FORM(is_cwe, "a CWE such as CWE-79"),
                         flag_label =
                             WORDS("component_not_present inline_mitigations_already_exist "
                                   "vulnerable_code_cannot_be_controlled_by_adversary "
                                   "vulnerable_code_not_in_execute_path "
                                   "vulnerable_code_not_present"),
                         party = WORDS("coordinator discoverer other user vendor"),
                         party_status = WORDS("completed contact_attempted disputed in_progress "
                                              "not_contacted open"),
                         remediation_category = WORDS("mitigation no_fix_planned none_available "
                                                      "vendor_fix workaround"),
                         restart_category =
                             WORDS("connected dependencies machine none parent service "
                                   "system vulnerable_component zone"),
                         threat_category = WORDS("exploit_status impact target_set");
MEMBERS(cwe) = { { "id", &cwe_id, 1 }, { "name", &text, 1 }, { 0 } };
ITEM(cwe, 0);
MEMBERS(flag) = { { "date", &when, 0 },
                  { "group_ids", &unique_texts, 0 },
                  { "label", &flag_label, 1 },
                  { "product_ids", &unique_texts, 0 },
                  { 0 } };
ITEM(flag, 0);
UNIQUE(flags, flag);
MEMBERS(id) = { { "system_name", &text, 1 }, { "text", &text, 1 }, { 0 } };
ITEM(id, 0);
UNIQUE(ids, id);
MEMBERS(involvement) = { { "date", &when, 0 },
                         { "party", &party, 1 },
                         { "status", &party_status, 1 },
                         { "summary", &text, 0 },
                         { 0 } };
ITEM(involvement, 0);
UNIQUE(involvements, involvement);
MEMBERS(product_status) = { { "first_affected", &unique_texts, 0 },
                            { "first_fixed", &unique_texts, 0 },
                            { "fixed", &unique_texts, 0 },
                            { "known_affected", &unique_texts, 0 },
                            { "known_not_affected", &unique_texts, 0 },
                            { "last_affected", &unique_texts, 0 },
                            { "recommended", &unique_texts, 0 },
                            { "under_investigation", &unique_texts, 0 },
                            { 0 } };
ITEM(product_status, 1);
MEMBERS(restart) = { { "category", &restart_category, 1 }, { "details", &text, 0 }, { 0 } };
ITEM(restart, 0);
MEMBERS(remediation) = { { "category", &remediation_category, 1 },
                         { "date", &when, 0 },
                         { "details", &text, 1 },
                         { "entitlements", &texts, 0 },
                         { "group_ids", &unique_texts, 0 },
                         { "product_ids", &unique_texts, 0 },
                         { "restart_required", &restart, 0 },
                         { "url", &uri, 0 },
                         { 0 } };
ITEM(remediation, 0);
PLENTY(remediations, remediation);
MEMBERS(score) = {
    { "cvss_v2", &cvss2, 0 }, { "cvss_v3", &cvss3, 0 }, { "products", &unique_texts, 1 }, { 0 }
};
ITEM(score, 2);
PLENTY(scores, score);
MEMBERS(threat) = { { "category", &threat_category, 1 },
                    { "date", &when, 0 },
                    { "details", &text, 1 },
                    { "group_ids", &unique_texts, 0 },
                    { "product_ids", &unique_texts, 0 },
                    { 0 } };
ITEM(threat, 0);
PLENTY(threats, threat);
MEMBERS(vulnerability) = { { "acknowledgments", &acknowledgments, 0 },
                           { "cve", &cve, 0 },
                           { "cwe", &cwe, 0 },
                           { "discovery_date", &when, 0 },
                           { "flags", &flags, 0 },
                           { "ids", &ids, 0 },
                           { "involvements", &involvements, 0 },
                           { "notes", &notes, 0 },
                           { "product_status", &product_status, 0 },
                           { "references", &references, 0 },
                           { "release_date", &when, 0 },
                           { "remediations", &remediations, 0 },
                           { "scores", &scores, 0 },
                           { "threats", &threats, 0 },
                           { "title", &text, 0 },
                           { 0 } };
ITEM(vulnerability, 1);
PLENTY(vulnerabilities, vulnerability);

MEMBERS(root) = { { "document", &document, 1 },
                  { "product_tree", &tree, 0 },
                  { "vulnerabilities", &vulnerabilities, 0 },
                  { 0 } };
ITEM(root, 0);

/* ---- holding a document against them ---- */
static void hold(struct csaf_checking *, const struct type *, const struct kp_tree *,
                 const char *test);

static void hold_text(struct csaf_checking *c, const struct type *t, const struct kp_tree *v,
                      const char *test)
{
    if (v->type != KP_TREE_TEXT)
        csaf_found(c, test, v, "must be a text");
    else if (t->words && !csaf_is(v->text, t->words))
        csaf_found(c, test, v, "'%.60s' is none of: %s", v->text, t->words);
    else if (t->good && !t->good(v->text))
        csaf_found(c, test, v, "'%.100s' is not %s", v->text, t->should);
    else if (!v->n)
        csaf_found(c, test, v, "must not be empty");
}

static void hold_number(struct csaf_checking *c, const struct kp_tree *v, const char *test)
{
    if (v->type != KP_TREE_NUMBER || v->number < 0 || v->number > 10)
        csaf_found(c, test, v, "must be a number from 0 to 10");
}

struct hashed {
    uint64_t hash;
    const struct kp_tree *item;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->item->order < y->item->order ? -1 : x->item->order > y->item->order;
}

static void hold_unique(struct csaf_checking *c, const struct kp_tree *list, const char *test)
{
    struct hashed *all = kp_arena_alloc(c->arena, list->n * sizeof *all);
    size_t n = 0;
    if (!all) {
        csaf_starved(c);
        return;
    }
    for (const struct kp_tree *i = list->first; i; i = i->next)
        all[n++] = (struct hashed){ kp_tree_hash(i), i };
    qsort(all, n, sizeof *all, by_hash);
    for (size_t i = 1; i < n; i++)
        if (all[i].hash == all[i - 1].hash && kp_tree_same(all[i].item, all[i - 1].item))
            csaf_found(c, test, all[i].item, "stands twice in the list");
}

static void hold_list(struct csaf_checking *c, const struct type *t, const struct kp_tree *v,
                      const char *test)
{
    if (v->type != KP_TREE_LIST) {
        csaf_found(c, test, v, "must be a list");
        return;
    }
    if (v->n < t->least)
        csaf_found(c, test, v, t->least > 1 ? "must have two items at least" : "must not be empty");
    for (const struct kp_tree *i = v->first; i; i = i->next)
        hold(c, t->item, i, test);
    if (t->unique && v->n > 1)
        hold_unique(c, v, test);
}

static void hold_members(struct csaf_checking *c, const struct type *t, const struct kp_tree *v,
                         const char *test)
{
    uint64_t seen = 0;
    for (const struct kp_tree *m = v->first; m; m = m->next) {
        size_t i = 0;
        while (t->members[i].key &&
               (t->members[i].key[0] != m->key[0] || strcmp(t->members[i].key, m->key) != 0))
            i++; /* most differ in the first letter */
        if (t->members[i].key)
            hold(c, t->members[i].type, m, test);
        else
            csaf_found(c, "6.2.20", m, "the schema knows no such property");
        seen |= t->members[i].key ? UINT64_C(1) << i : 0;
    }
    for (size_t i = 0; t->members[i].key; i++)
        if (t->members[i].required && !(seen >> i & 1))
            csaf_found(c, test, v, "'%s' is missing", t->members[i].key);
}

static void hold_object(struct csaf_checking *c, const struct type *t, const struct kp_tree *v,
                        const char *test)
{
    if (v->type != KP_TREE_OBJECT) {
        csaf_found(c, test, v, "must be an object");
        return;
    }
    if (v->n < t->least || (t->most && v->n > t->most))
        csaf_found(c, test, v,
                   t->most ? "must have exactly %u properties" : "must have %u properties at least",
                   t->least);
    hold_members(c, t, v, test);
}

static void hold(struct csaf_checking *c, const struct type *t, const struct kp_tree *v,
                 const char *around)
{
    const char *test = t->test ? t->test : around;
    switch (t->form) {
    case TEXT:
        hold_text(c, t, v, test);
        break;
    case NUMBER:
        hold_number(c, v, test);
        break;
    case LIST:
        hold_list(c, t, v, test);
        break;
    case OBJECT:
        hold_object(c, t, v, test);
        break;
    }
}

/* The vector must be of the version the object says. */
static void hold_vector(struct csaf_checking *c, const struct kp_tree *cvss)
{
    const char *says = kp_tree_text(cvss, "version"), *vector = kp_tree_text(cvss, "vectorString");
    if (says && vector && csaf_is_cvss3(vector) && strncmp(vector + 5, says, 3) != 0)
        csaf_found(c, "6.1.8", kp_tree_get(cvss, "vectorString"),
                   "the vector is one of CVSS %.3s, the version says %.10s", vector + 5, says);
}

static void check_order(struct csaf_checking *c, const struct kp_tree *v)
{
    if (v->unsorted)
        csaf_found(c, "6.2.13", v, "its keys do not stand in the order of the alphabet");
    for (const struct kp_tree *m = v->first; m; m = m->next)
        check_order(c, m);
}

void csaf_check_schema(struct csaf_checking *c)
{
    hold(c, &root, c->root, "schema");
    check_order(c, c->root);
    for (const struct kp_tree *v = c->vulnerabilities; v; v = v->next)
        for (const struct kp_tree *s = kp_tree_list(v, "scores"); s; s = s->next)
            hold_vector(c, kp_tree_get(s, "cvss_v3"));
}
