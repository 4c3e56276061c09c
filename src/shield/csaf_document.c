/* SPDX-License-Identifier: Apache-2.0 */
/* The document as a whole: languages, category and profile, TLP, canonical URL, URLs that cannot
 * resolve. */
#include "shield/csaf_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

/* ---- languages ---- */
static void check_language(struct csaf_checking *c, const char *key)
{
    const struct kp_tree *at = kp_tree_get(c->document, key);
    const char *tag = kp_tree_text(c->document, key);
    char room[64];
    const char *fault = tag ? csaf_language_fault(tag, room) : NULL;
    if (fault)
        csaf_found(c, "6.1.12", at, "'%.60s' is no language tag: %s", tag, fault);
    if (tag && csaf_language_private(tag))
        csaf_found(c, "6.2.14", at, "'%.60s' has a part for private use", tag);
    if (tag && strcasecmp(tag, "i-default") == 0)
        csaf_found(c, "6.2.15", at, "'i-default' says nothing; name the language");
}

static void check_languages(struct csaf_checking *c)
{
    const char *lang = kp_tree_text(c->document, "lang"),
               *source = kp_tree_text(c->document, "source_lang");
    const struct kp_tree *publisher = kp_tree_get(c->document, "publisher");
    check_language(c, "lang");
    check_language(c, "source_lang");
    if (lang && source && strcasecmp(lang, source) == 0)
        csaf_found(c, "6.1.28", kp_tree_get(c->document, "source_lang"),
                   "lang and source_lang are both '%.60s'", lang);
    if (csaf_is(kp_tree_text(publisher, "category"), "translator") && (!source || !*source))
        csaf_found(c, "6.1.15", c->document,
                   "a translator must say from which language: source_lang is missing");
    if (!lang || !*lang)
        csaf_found(c, "6.2.12", c->document, "lang is missing");
}

/* ---- how it may be spread, and where it stands ---- */
static void check_label(struct csaf_checking *c)
{
    const struct kp_tree *distribution = kp_tree_get(c->document, "distribution");
    if (!csaf_is(kp_tree_text(kp_tree_get(distribution, "tlp"), "label"), "AMBER GREEN RED WHITE"))
        csaf_found(c, "6.2.10", distribution ? distribution : c->document, "there is no TLP label");
}

/* The id in lower case, every run of others than a-z, 0-9, + and - as one _ (5.1 of the standard).
 */
static void file_name(const char *id, char *out, size_t size)
{
    size_t n = 0;
    out[n++] = '/';
    for (; *id && n + 6 < size; id++) {
        char ch = (char)tolower((unsigned char)*id);
        bool good = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '+' || ch == '-';
        if (good)
            out[n++] = ch;
        else if (out[n - 1] != '_')
            out[n++] = '_';
    }
    snprintf(out + n, size - n, ".json");
}

static bool is_canonical(const struct kp_tree *reference, const char *name)
{
    const char *url = kp_tree_text(reference, "url");
    size_t n = url ? strlen(url) : 0, len = strlen(name);
    return n > len && csaf_is(kp_tree_text(reference, "category"), "self") &&
           strncmp(url, "https://", 8) == 0 && strcmp(url + n - len, name) == 0;
}

static void check_canonical(struct csaf_checking *c)
{
    const char *id = kp_tree_text(c->tracking, "id");
    char name[1024];
    file_name(id ? id : "", name, sizeof name);
    const struct kp_tree *r = kp_tree_list(c->document, "references");
    while (r && !is_canonical(r, name))
        r = r->next;
    if (!r)
        csaf_found(c, "6.2.11", c->document,
                   "no reference of category self is an https URL that ends with %.200s", name);
}

void csaf_check_document(struct csaf_checking *c)
{
    if (!c->document)
        return;
    check_languages(c);
    check_label(c);
    check_canonical(c);
}

/* ---- profiles ---- */
static const char *const profiles[] = { "csaf_security_incident_response",
                                        "csaf_informational_advisory", "csaf_security_advisory",
                                        "csaf_vex" };
enum { N_PROFILES = sizeof profiles / sizeof *profiles };

/* Lower case, without dashes, blanks and underscores; those beyond ASCII too. */
static void plain(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p && n + 1 < size; p++) {
        bool general = p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0x80 && p[2] <= 0x95;
        if (general)
            p += 2;
        else if (p[0] == 0xc2 && p[1] == 0xa0)
            p++;
        else if (!isspace(*p) && *p != '-' && *p != '_')
            out[n++] = (char)tolower(*p);
    }
    out[n] = 0;
}

static void check_category(struct csaf_checking *c)
{
    const struct kp_tree *at = kp_tree_get(c->document, "category");
    char given[128], name[64];
    for (size_t i = 0; i < N_PROFILES; i++)
        if (strcmp(c->category, profiles[i]) == 0)
            return;
    if (!*c->category || strcmp(c->category, "csaf_base") == 0)
        return;
    plain(c->category, given, sizeof given);
    if (strncasecmp(c->category, "csaf_", 5) == 0)
        csaf_found(c, "6.1.26", at, "'%.60s' begins with csaf_, and there is no such profile",
                   c->category);
    for (size_t i = 0; i < N_PROFILES; i++) {
        plain(profiles[i], name, sizeof name);
        if (strcmp(given, name) == 0 || strcmp(given, name + 4) == 0)
            csaf_found(c, "6.1.26", at, "'%.60s' looks like the profile %s", c->category,
                       profiles[i]);
    }
}

static bool any(const struct kp_tree *first, const char *key, const char *words,
                const char *otherwise)
{
    for (; first; first = first->next) {
        const char *word = kp_tree_text(first, key);
        if (csaf_is(word ? word : otherwise, words))
            return true;
    }
    return false;
}

static void check_information(struct csaf_checking *c)
{
    if (!any(kp_tree_list(c->document, "notes"), "category", "description details general summary",
             NULL))
        csaf_found(c, "6.1.27.1", c->document,
                   "profile %s wants a note of category description, details, general or summary",
                   c->category);
    if (!any(kp_tree_list(c->document, "references"), "category", "external", "external"))
        csaf_found(c, "6.1.27.2", c->document, "profile %s wants an external reference",
                   c->category);
}

static void check_vulnerability(struct csaf_checking *c, const struct kp_tree *v, bool vex)
{
    static const char *const wanted[] = { "fixed", "known_affected", "known_not_affected",
                                          "under_investigation" };
    const struct kp_tree *status = kp_tree_get(v, "product_status");
    bool some = false;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        some |= kp_tree_get(status, wanted[i]) != NULL;
    if (!kp_tree_get(v, "notes"))
        csaf_found(c, "6.1.27.5", v, "profile %s wants notes", c->category);
    if (!vex && !status)
        csaf_found(c, "6.1.27.6", v, "profile %s wants product_status", c->category);
    if (vex && !some)
        csaf_found(c, "6.1.27.7", v,
                   "profile csaf_vex wants fixed, known_affected, known_not_affected or "
                   "under_investigation");
    if (vex && !kp_tree_get(v, "cve") && !kp_tree_get(v, "ids"))
        csaf_found(c, "6.1.27.8", v, "profile csaf_vex wants cve or ids");
}

static void check_products(struct csaf_checking *c, bool vex)
{
    if (!c->tree)
        csaf_found(c, "6.1.27.4", c->root, "profile %s wants a product_tree", c->category);
    if (!kp_tree_get(c->root, "vulnerabilities"))
        csaf_found(c, "6.1.27.11", c->root, "profile %s wants vulnerabilities", c->category);
    for (const struct kp_tree *v = c->vulnerabilities; v; v = v->next)
        check_vulnerability(c, v, vex);
}

void csaf_check_profile(struct csaf_checking *c)
{
    const struct kp_tree *vulnerabilities = kp_tree_get(c->root, "vulnerabilities");
    check_category(c);
    if (csaf_is(c->category, "csaf_informational_advisory csaf_security_incident_response"))
        check_information(c);
    if (csaf_is(c->category, "csaf_informational_advisory") && vulnerabilities)
        csaf_found(c, "6.1.27.3", vulnerabilities, "profile %s has no vulnerabilities",
                   c->category);
    if (csaf_is(c->category, "csaf_security_advisory csaf_vex"))
        check_products(c, strcmp(c->category, "csaf_vex") == 0);
}

/* ---- URLs: without a network only those are found whose host is in no directory ---- */
static void check_url(struct csaf_checking *c, const struct kp_tree *v)
{
    if (v->type == KP_TREE_TEXT && csaf_is_uri(v->text) && csaf_host_cannot_be(v->text)) {
        bool self = v->parent->parent && v->parent->parent->key &&
                    strcmp(v->parent->parent->key, "references") == 0 &&
                    csaf_is(kp_tree_text(v->parent, "category"), "self");
        csaf_found(c, self ? "6.3.7" : "6.3.6", v, "'%.100s': a host of that name cannot be",
                   v->text);
    }
    for (const struct kp_tree *m = v->first; m; m = m->next)
        check_url(c, m);
}

/* Only where the standard has URLs: a text may name one for other reasons. */
static void look_for_urls(struct csaf_checking *c, const struct kp_tree *v)
{
    static const char *const keys[] = {
        [3] = "url uri", [4] = "urls", [9] = "namespace sbom_urls"
    };
    const char *of = v->key && v->key_len < sizeof keys / sizeof *keys ? keys[v->key_len] : NULL;
    if (of && csaf_is(v->key, of))
        check_url(c, v);
    else
        for (const struct kp_tree *m = v->first; m; m = m->next)
            look_for_urls(c, m);
}

void csaf_check_urls(struct csaf_checking *c)
{
    look_for_urls(c, c->root);
}
