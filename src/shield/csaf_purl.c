/* SPDX-License-Identifier: Apache-2.0 */
/* Package URLs: pkg:type/namespace/name@version?qualifiers#subpath (the rules of their
 * specification). */
#define _GNU_SOURCE /* memrchr */
#include "shield/csaf_private.h"

#include <string.h>
#include <strings.h>

#include "core/ban.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum { PURL_MOST = 4096 };

struct part {
    const char *at;
    size_t n;
};

struct purl {
    struct part type, namespace, name, version, qualifiers, subpath;
};

static bool percents_good(const char *p)
{
    for (; *p; p++)
        if (*p == '%' && strspn(p + 1, DIGITS "abcdefABCDEF") < 2)
            return false;
    return true;
}

/* Takes what stands behind the last (or first) such character off the end. */
static struct part cut(struct part *whole, char at, bool last)
{
    const char *p = last ? memrchr(whole->at, at, whole->n) : memchr(whole->at, at, whole->n);
    if (!p)
        return (struct part){ NULL, 0 };
    struct part behind = { p + 1, whole->n - (size_t)(p + 1 - whole->at) };
    whole->n = (size_t)(p - whole->at);
    return behind;
}

static void strip_slashes(struct part *p)
{
    while (p->n && p->at[0] == '/')
        p->at++, p->n--;
    while (p->n && p->at[p->n - 1] == '/')
        p->n--;
}

static struct purl take_apart(const char *text)
{
    struct purl u = { 0 };
    struct part rest = { text + 4, strlen(text + 4) };
    u.subpath = cut(&rest, '#', true);
    u.qualifiers = cut(&rest, '?', true);
    strip_slashes(&rest);
    const char *slash = memchr(rest.at, '/', rest.n);
    u.type = (struct part){ rest.at, slash ? (size_t)(slash - rest.at) : rest.n };
    rest.at += u.type.n;
    rest.n -= u.type.n;
    /* an @ of a namespace stands before a slash ("pkg:npm/@scope/name") */
    const char *at = memrchr(rest.at, '@', rest.n);
    if (at && !memchr(at, '/', rest.n - (size_t)(at - rest.at)))
        u.version = cut(&rest, '@', true);
    strip_slashes(&rest);
    u.name = cut(&rest, '/', true);
    u.namespace = rest;
    if (!u.name.at) {
        u.name = rest;
        u.namespace.n = 0;
    }
    strip_slashes(&u.namespace);
    return u;
}

static bool is(struct part p, const char *word)
{
    return strlen(word) == p.n && strncasecmp(p.at, word, p.n) == 0;
}

/* Qualifiers: key=value with & between, no key twice. */
static const char *qualifier_fault(struct part q)
{
    for (const char *p = q.at, *end = q.at + q.n; p < end;) {
        const char *next = memchr(p, '&', (size_t)(end - p));
        size_t n = (size_t)((next ? next : end) - p), key = strspn(p, LETTERS DIGITS ".-_");
        if (!key || key >= n || p[key] != '=' || (*p >= '0' && *p <= '9'))
            return "a qualifier is not of the form key=value";
        for (const char *o = q.at; o < p;) {
            if (strncasecmp(o, p, key) == 0 && o[key] == '=')
                return "a qualifier stands twice";
            const char *beside = memchr(o, '&', (size_t)(p - o));
            o = beside ? beside + 1 : p;
        }
        p += n + 1;
    }
    return NULL;
}

/* What the definitions of types ask for beyond the general rules. */
static const char *type_fault(const struct purl *u)
{
    static const char *const with_namespace[] = { "maven", "composer", "github", "bitbucket",
                                                  "swift" };
    for (size_t i = 0; i < sizeof with_namespace / sizeof *with_namespace; i++)
        if (is(u->type, with_namespace[i]) && !u->namespace.n)
            return "packages of this type have a namespace";
    if ((is(u->type, "swift") || is(u->type, "cran")) && !u->version.n)
        return "packages of this type have a version";
    if (is(u->type, "conan") && u->namespace.n && !u->qualifiers.n)
        return "packages of this type with a namespace have a channel";
    return NULL;
}

const char *csaf_purl_fault(const char *text)
{
    if (strncasecmp(text, "pkg:", 4) != 0)
        return "it does not begin with pkg:";
    if (strlen(text) > PURL_MOST)
        return "it is longer than 4,096 bytes";
    struct purl u = take_apart(text);
    if (!u.type.n || strspn(u.type.at, LETTERS DIGITS ".+-") < u.type.n ||
        strchr(DIGITS, *u.type.at))
        return "its type is none";
    if (!u.name.n)
        return "it has no name";
    if (!percents_good(text))
        return "a percent sign without two hexadecimal digits behind it";
    const char *fault = u.qualifiers.n ? qualifier_fault(u.qualifiers) : NULL;
    return fault ? fault : type_fault(&u);
}
