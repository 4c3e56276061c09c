/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/product.h"

#include "core/encoding.h"
#include "core/hash.h"
#include "core/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static bool alnum(char c)
{
    return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* ---- makers ---- */
/* What a maker's name may end with and still be the same one. */
static const char *const legal[] = {
    "ag",     "gmbh",  "co",   "kg",      "kgaa",    "inc",         "incorporated",
    "ltd",    "llc",   "corp", "company", "limited", "corporation", "aktiengesellschaft",
    "se",     "sa",    "sas",  "srl",     "spa",     "bv",          "nv",
    "b",      "v",     "oy",   "ab",      "as",      "plc",         "pty",
    "pte",    "group", "kk",   "sro",     "ug",      "ohg",         "the",
    "holding"
};
static const char *const general[] = { "automation", "electric",   "electronics",   "industrial",
                                       "industry",   "systems",    "technologies",  "technology",
                                       "networks",   "software",   "international", "solutions",
                                       "and",        "industries", "controls",      "contact" };
/* Not a name when it stands alone. */
static const char *const too_little[] = { "general", "national", "advanced", "united", "american",
                                          "global",  "digital",  "smart",    "delta" };
/* Old owners, brands, short names: as the loops below leave them. */
static const char *const aliases[][2] = {
    { "allen bradley", "rockwell" },
    { "rockwell software", "rockwell" },
    { "telemecanique", "schneider" },
    { "modicon", "schneider" },
    { "square d", "schneider" },
    { "apc", "schneider" },
    { "3s smart", "codesys" },
    { "3s", "codesys" },
    { "abb power grids", "hitachi energy" },
    { "hitachi abb power grids", "hitachi energy" },
    { "innominate security", "phoenix" },
    { "innominate", "phoenix" },
    { "phoenix contact", "phoenix" },
    { "b r", "b r" },
    { "bernecker rainer", "b r" },
    { "delta", "delta electronics" },
    { "aveva wonderware", "aveva" },
    { "wonderware", "aveva" },
    { "schneider electric software", "aveva" },
    { "ge digital", "ge" },
    { "general", "ge" },
    { "general electric", "ge" },
    { "ge fanuc", "ge" },
    { "pepperl fuchs", "pepperl fuchs" },
    { "pepperl", "pepperl fuchs" },
    { "hirschmann", "belden" },
    { "kepware", "ptc" },
    { "saia burgess", "saia" },
    { "lantronix", "lantronix" },
    { "hms", "hms" },
    { "ewon", "hms" },
    { "anybus", "hms" },
    { "siemens energy", "siemens energy" },
};

static bool among(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}
#define AMONG(word, list) among((word), (list), sizeof(list) / sizeof *(list))

/* Small letters and digits, one blank where anything else stood. */
static size_t squeeze(const char *text, size_t len, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 2 < size; i++) {
        if (alnum(text[i]))
            out[n++] = lower(text[i]);
        else if (n && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = 0;
    return n;
}

static char *last_word(char *text)
{
    char *blank = strrchr(text, ' ');
    return blank ? blank + 1 : text;
}

static void cut_word(char *text, char *word)
{
    *(word > text ? word - 1 : word) = 0;
}

static void cut_legal(char *t)
{
    for (char *w; w = last_word(t), w > t && AMONG(w, legal);)
        cut_word(t, w);
    if (strncmp(t, "the ", 4) == 0)
        memmove(t, t + 4, strlen(t + 4) + 1);
}

static void cut_general(char *t)
{
    for (char *w; w = last_word(t), w > t && AMONG(w, general);) {
        char rest[KP_VENDOR_KEY];
        snprintf(rest, sizeof rest, "%.*s", (int)(w - 1 - t), t);
        if (AMONG(rest, too_little))
            return;
        cut_word(t, w);
    }
}

/* A line "other = name" of the user's. */
static bool own_alias(const char *key, const char *more, char out[KP_VENDOR_KEY])
{
    while (more && *more) {
        size_t n = strcspn(more, "\n");
        const char *equal = memchr(more, '=', n);
        char from[KP_VENDOR_KEY], to[KP_VENDOR_KEY];
        if (equal) {
            squeeze(more, (size_t)(equal - more), from, sizeof from);
            squeeze(equal + 1, n - (size_t)(equal + 1 - more), to, sizeof to);
            cut_legal(from);
            cut_legal(to);
            cut_general(from);
            cut_general(to);
            if (*to && strcmp(from, key) == 0) {
                snprintf(out, KP_VENDOR_KEY, "%s", to);
                return true;
            }
        }
        more += n + (more[n] == '\n');
    }
    return false;
}

static void add_vendor(const char *text, size_t len, const char *more, struct kp_vendors *v)
{
    char t[KP_VENDOR_KEY];
    squeeze(text, len, t, sizeof t);
    cut_legal(t);
    char own[KP_VENDOR_KEY];
    cut_general(t);
    if (own_alias(t, more, own))
        snprintf(t, sizeof t, "%s", own);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(t, aliases[i][0]) == 0) {
            snprintf(t, sizeof t, "%s", aliases[i][1]);
            break;
        }
    if (!*t || AMONG(t, legal) || v->n == KP_VENDORS_MAX)
        return;
    memcpy(v->key[v->n++], t, sizeof t);
}

void kp_vendor_keys(const char *text, const char *more, struct kp_vendors *v)
{
    v->n = 0;
    while (text && *text) {
        size_t n = strcspn(text, "/,;|");
        add_vendor(text, n, more, v);
        text += n + (text[n] != 0);
    }
}

bool kp_vendors_meet(const struct kp_vendors *a, const struct kp_vendors *b)
{
    for (unsigned i = 0; i < a->n; i++)
        for (unsigned j = 0; j < b->n; j++)
            if (strcmp(a->key[i], b->key[j]) == 0)
                return true;
    return false;
}

/* ---- order codes ---- */
bool kp_code_form(const char *text, size_t len, char out[KP_CODE_MAX])
{
    size_t n = 0;
    bool capitals = false, rest = false;
    for (size_t i = 0; i < len; i++)
        capitals |= text[i] >= 'A' && text[i] <= 'Z';
    for (size_t i = 0; i < len && !rest; i++) {
        char c = text[i];
        if (!alnum(c) && c != '*' && c != '?')
            continue;
        if (n + 1 >= KP_CODE_MAX)
            return false;
        rest = c == '*' && i + 1 == len;
        c = c == '*' && !rest ? '?' : c;
        out[n++] = c == 'x' && capitals ? '?' : (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    out[n] = 0;
    return n > 0;
}

bool kp_code_covers(const char *named, const char *code)
{
    size_t i = 0;
    for (; named[i]; i++) {
        if (named[i] == '*')
            return i >= 4;
        if (!code[i] || (named[i] != '?' && named[i] != code[i]))
            return false;
    }
    return !code[i] || i >= 7;
}

/* Group and number, type, variant: "6ES7 515-2AM02-0AB0"; digits and letters where they must be. */
size_t kp_mlfb_find(const char *text, const char **at)
{
    static const char form[] = "#@@########"; /* # letter or digit; at least this much */
    for (const char *t = text; *t; t++) {
        if (!(*t >= '0' && *t <= '9') || (t > text && alnum(t[-1])))
            continue;
        size_t n = 0, i = 0, digits = 0;
        const char *end = t;
        for (const char *p = t; *p && n < 16; p++) {
            if (alnum(*p) || *p == '*') {
                if (n < 3 && n > 0 && form[n] == '@' && !isalpha((unsigned char)*p))
                    break;
                digits += *p >= '0' && *p <= '9';
                n++;
                end = p + 1;
            } else if ((*p != '-' && *p != ' ') || ++i > 3 || (n != 4 && n != 7 && n != 12)) {
                break;
            }
        }
        if (n >= 12 && digits >= 5 && !alnum(*end)) {
            *at = t;
            return (size_t)(end - t);
        }
    }
    return 0;
}

/* ---- names ---- */
static const char *const says_nothing[] = {
    "all",        "the",      "and",      "or",     "with",     "of",       "for",
    "version",    "versions", "firmware", "fw",     "series",   "incl",     "including",
    "variants",   "variant",  "related",  "family", "product",  "products", "also",
    "devices",    "device",   "models",   "model",  "software", "hardware", "controllers",
    "controller", "cpus",     "article",  "number", "part",     "numbers",  "order",
    "inc",        "ltd",      "gmbh"
};

static bool is_version_word(const char *w, size_t n)
{
    size_t i = w[0] == 'v' || w[0] == 'V';
    if (!i || i == n)
        return false;
    for (; i < n; i++)
        if (!(w[i] >= '0' && w[i] <= '9') && w[i] != '.')
            return false;
    return true;
}

/* "... V9.1": a line of versions at the end of the name. */
static void find_line(const char *text, size_t len, struct kp_name *name)
{
    while (len && (text[len - 1] == ' ' || text[len - 1] == '.'))
        len--;
    size_t from = len;
    while (from && text[from - 1] != ' ')
        from--;
    if (from && len - from < sizeof name->line && is_version_word(text + from, len - from)) {
        memcpy(name->line, text + from, len - from);
        name->line[len - from] = 0;
    }
}

struct taking {
    struct kp_name *name;
    const char *vendor; /* squeezed, with a blank at both ends */
    int depth;
    bool including; /* in brackets that begin so: what they say is no part of the name */
};

static bool of_vendor(const char *vendor, const char *w, size_t n)
{
    char needle[KP_VENDOR_KEY + 2];
    if (n + 2 >= sizeof needle || n < 3)
        return false;
    snprintf(needle, sizeof needle, " %.*s ", (int)n, w);
    return strstr(vendor, needle);
}

static void take_word(struct taking *t, const char *w, size_t len, bool line)
{
    char word[64];
    size_t n = len < sizeof word - 1 ? len : sizeof word - 1;
    struct kp_name *name = t->name;
    bool digits = false;
    for (size_t i = 0; i < n; i++) {
        word[i] = lower(w[i]);
        digits |= w[i] >= '0' && w[i] <= '9';
    }
    word[n] = 0;
    if (AMONG(word, says_nothing) || t->including || of_vendor(t->vendor, word, n))
        return;
    if (name->n < KP_NAME_WORDS)
        name->word[name->n++] = (struct kp_word_form){ kp_hash(KP_HASH_START, word, n), digits,
                                                       t->depth > 0, (uint8_t)n };
    name->whole = kp_hash(name->whole, word, n);
    name->brackets |= t->depth > 0;
    if (t->depth)
        return;
    name->telling |= digits;
    name->plain = kp_hash(name->plain, word, n);
    if (!line)
        name->without_line = kp_hash(name->without_line, word, n);
}

static bool begins_including(const char *t)
{
    static const char *const words[] = { "incl", "including", "also", "all ", "part of", "except" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncasecmp(t, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static void take_name(struct taking *t, const char *text, size_t len)
{
    size_t line = len - strlen(t->name->line);
    for (size_t i = 0; i < len;) {
        size_t n = 0;
        while (i + n < len && alnum(text[i + n]))
            n++;
        if (n)
            take_word(t, text + i, n, t->name->line[0] && i >= line);
        else if (text[i] == '(' && t->depth++ == 0)
            t->including = begins_including(text + i + 1);
        else if (text[i] == ')' && t->depth > 0 && --t->depth == 0)
            t->including = false;
        i += n ? n : 1;
    }
}

static void take_mlfb(char *text, struct kp_name *name)
{
    const char *at;
    size_t n = kp_mlfb_find(text, &at);
    if (!n)
        return;
    kp_code_form(at, n, name->code);
    for (size_t i = 0; i < n; i++)
        text[at - text + (ptrdiff_t)i] = ' ';
}

void kp_name_read(const char *text, const char *vendor, struct kp_name *name)
{
    char line[KP_PRODUCT_TEXT], maker[KP_VENDOR_KEY * 2 + 2];
    *name = (struct kp_name){ .whole = KP_HASH_START,
                              .plain = KP_HASH_START,
                              .without_line = KP_HASH_START };
    snprintf(line, sizeof line, "%s", text ? text : "");
    maker[0] = ' ';
    size_t n =
        squeeze(vendor ? vendor : "", vendor ? strlen(vendor) : 0, maker + 1, sizeof maker - 2);
    maker[n + 1] = ' ';
    maker[n + 2] = 0;
    take_mlfb(line, name);
    n = strlen(line);
    while (n && (line[n - 1] == ' ' || line[n - 1] == '.'))
        n--;
    find_line(line, n, name);
    struct taking t = { .name = name, .vendor = maker };
    take_name(&t, line, n);
}

/* ---- identifiers ---- */
static const char *cpe_part(const char *t, char *out, size_t size)
{
    size_t n = 0;
    for (; *t && *t != ':'; t++) {
        if (*t == '\\' && t[1])
            t++;
        if (n + 1 < size)
            out[n++] = *t == '_' ? ' ' : *t;
    }
    out[n] = 0;
    if (strcmp(out, "*") == 0 || strcmp(out, "-") == 0)
        out[0] = 0;
    kp_utf8_trim(out);
    return *t ? t + 1 : t;
}

bool kp_cpe_read(const char *text, struct kp_identifier *id)
{
    *id = (struct kp_identifier){ 0 };
    if (strncasecmp(text, "cpe:2.3:", 8) == 0)
        text += 8;
    else if (strncasecmp(text, "cpe:/", 5) == 0)
        text += 5;
    else
        return false;
    if (!*text || !strchr("aho*", lower(*text)) || text[1] != ':')
        return false;
    text = cpe_part(text + 2, id->vendor, sizeof id->vendor);
    text = cpe_part(text, id->product, sizeof id->product);
    text = cpe_part(text, id->version, sizeof id->version);
    if (id->version[0]) { /* the update behind it: "2.9", "sp1" */
        char update[64];
        size_t n = strlen(id->version);
        cpe_part(text, update, sizeof update);
        if (update[0] && n + strlen(update) + 2 < sizeof id->version)
            snprintf(id->version + n, sizeof id->version - n, " %s", update);
    }
    return id->product[0];
}

static void unescape(const char *t, size_t len, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < size; i++) {
        int high = t[i] == '%' && i + 2 < len ? kp_hex_digit(t[i + 1]) : -1;
        int low = high >= 0 ? kp_hex_digit(t[i + 2]) : -1;
        bool escaped = low >= 0 && (high || low);
        out[n++] = escaped ? (char)(high << 4 | low) : t[i];
        i += escaped ? 2 : 0;
    }
    out[n] = 0;
    kp_utf8_trim(out);
}

bool kp_purl_read(const char *text, struct kp_identifier *id)
{
    *id = (struct kp_identifier){ 0 };
    if (strncasecmp(text, "pkg:", 4) != 0)
        return false;
    text += 4;
    text += strspn(text, "/");
    size_t n = strcspn(text, "?#");
    const char *slash = memchr(text, '/', n), *last = NULL, *at = NULL;
    for (size_t i = 0; i < n; i++) {
        last = text[i] == '/' ? text + i : last;
        at = text[i] == '@' ? text + i : at;
    }
    if (!slash)
        return false;
    const char *end = at && at > last ? at : text + n;
    unescape(last + 1, (size_t)(end - last - 1), id->product, sizeof id->product);
    if (last > slash)
        unescape(slash + 1, (size_t)(last - slash - 1), id->vendor, sizeof id->vendor);
    if (end < text + n)
        unescape(end + 1, (size_t)(text + n - end - 1), id->version, sizeof id->version);
    return id->product[0];
}
