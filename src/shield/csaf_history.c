/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and the revision history: 6.1.14, 6.1.16 to 6.1.22, 6.1.30, 6.2.4 to 6.2.6. */
#include "shield/csaf_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct entry {
    const struct kp_tree *item, *number;
    struct csaf_version version;
    struct csaf_stamp date;
};

struct history {
    struct entry *entry; /* by date, then by number */
    size_t n;
    bool whole; /* all dates and numbers could be read */
};

static int by_date(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int d = csaf_stamp_compare(&x->date, &y->date);
    return d ? d : csaf_version_compare(&x->version, &y->version, true);
}

static int by_number_text(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int d = strcmp(x->number->text, y->number->text);
    return d ? d : x->item->order < y->item->order ? -1 : x->item->order > y->item->order;
}

static struct history read_history(struct csaf_checking *c)
{
    const struct kp_tree *list = kp_tree_get(c->tracking, "revision_history");
    struct history h = { .whole = list && list->type == KP_TREE_LIST && list->n };
    h.entry = h.whole ? kp_arena_alloc(c->arena, list->n * sizeof *h.entry) : NULL;
    if (h.whole && !h.entry)
        csaf_starved(c);
    for (const struct kp_tree *i = h.entry ? list->first : NULL; i; i = i->next) {
        struct entry e = { .item = i, .number = kp_tree_get(i, "number") };
        if (csaf_version(kp_tree_text(i, "number"), &e.version) &&
            csaf_stamp(kp_tree_text(i, "date"), &e.date))
            h.entry[h.n++] = e;
        else
            h.whole = false; /* the schema's fault, told there */
    }
    return h;
}

/* ---- each entry by itself ---- */
static bool before_one(const struct csaf_version *v)
{
    return v->len[0] == 1 && *v->part[0] == '0';
}

static void check_entry(struct csaf_checking *c, const struct entry *e, bool released)
{
    if (released && before_one(&e->version))
        csaf_found(c, "6.1.18", e->number,
                   "a released document has no version '%.40s' in its history", e->number->text);
    if (e->version.pre)
        csaf_found(c, "6.1.19", e->number, "'%.60s' is a pre-release; the history has none",
                   e->number->text);
    if (e->version.build)
        csaf_found(c, "6.2.4", e->number, "'%.60s' has build metadata", e->number->text);
}

/* ---- one after the other ---- */
static unsigned long long major(const struct csaf_version *v)
{
    return strtoull(v->part[0], NULL, 10);
}

static void check_order(struct csaf_checking *c, const struct history *h)
{
    for (size_t i = 1; i < h->n; i++) {
        const struct entry *e = &h->entry[i], *before = e - 1;
        if (csaf_version_compare(&before->version, &e->version, true) > 0)
            csaf_found(c, "6.1.14", e->number, "version %.40s of a later date is lower than %.40s",
                       e->number->text, before->number->text);
        if (major(&e->version) > major(&before->version) + 1)
            csaf_found(c, "6.1.21", e->number, "between %.40s and %.40s a version is left out",
                       before->number->text, e->number->text);
    }
    if (h->n && major(&h->entry->version) > 1)
        csaf_found(c, "6.1.21", h->entry->number,
                   "the history begins with %.40s and not with 0 or 1", h->entry->number->text);
}

static void check_twice(struct csaf_checking *c, const struct history *h)
{
    struct entry *all = h->n ? kp_arena_copy(c->arena, h->entry, h->n * sizeof *all) : NULL;
    if (!all) {
        if (h->n)
            csaf_starved(c);
        return;
    }
    qsort(all, h->n, sizeof *all, by_number_text);
    for (size_t i = 1; i < h->n; i++)
        if (strcmp(all[i].number->text, all[i - 1].number->text) == 0)
            csaf_found(c, "6.1.22", all[i].number, "version %.40s stands twice in the history",
                       all[i].number->text);
}

/* ---- the document's own version, beside its history ---- */
static void check_version(struct csaf_checking *c, const struct history *h, bool draft,
                          bool released)
{
    const struct kp_tree *at = kp_tree_get(c->tracking, "version");
    struct csaf_version v;
    if (!csaf_version(kp_tree_text(c->tracking, "version"), &v))
        return;
    if (released && (before_one(&v) || v.pre))
        csaf_found(c, "6.1.17", kp_tree_get(c->tracking, "status"),
                   "version %.60s can only be a draft", at->text);
    if (released && v.pre)
        csaf_found(c, "6.1.20", at, "a released document cannot be the pre-release %.60s",
                   at->text);
    const struct entry *last = h->whole && h->n ? &h->entry[h->n - 1] : NULL;
    if (last && (v.semantic != last->version.semantic ||
                 csaf_version_compare(&v, &last->version, !draft) != 0))
        csaf_found(c, "6.1.16", at, "the version is %.40s, the last in the history is %.40s",
                   at->text, last->number->text);
    for (size_t i = 0; i < h->n; i++)
        if (h->entry[i].version.semantic != v.semantic)
            csaf_found(
                c, "6.1.30", h->entry[i].number,
                "'%.40s' and the version '%.40s' are of two kinds: integers and semantic versions",
                h->entry[i].number->text, at->text);
}

static void check_mixed(struct csaf_checking *c, const struct history *h)
{
    struct csaf_version v;
    if (csaf_version(kp_tree_text(c->tracking, "version"), &v))
        return; /* held against that one */
    for (size_t i = 1; i < h->n; i++)
        if (h->entry[i].version.semantic != h->entry->version.semantic)
            csaf_found(c, "6.1.30", h->entry[i].number, "integers and semantic versions are mixed");
}

static void check_dates(struct csaf_checking *c, const struct history *h)
{
    struct csaf_stamp first, now;
    if (!h->whole || !h->n)
        return;
    if (csaf_stamp(kp_tree_text(c->tracking, "initial_release_date"), &first) &&
        csaf_stamp_compare(&first, &h->entry->date) < 0)
        csaf_found(c, "6.2.5", kp_tree_get(c->tracking, "initial_release_date"),
                   "the first release is older than the oldest entry of the history");
    if (csaf_stamp(kp_tree_text(c->tracking, "current_release_date"), &now) &&
        csaf_stamp_compare(&now, &h->entry[h->n - 1].date) < 0)
        csaf_found(c, "6.2.6", kp_tree_get(c->tracking, "current_release_date"),
                   "the current release is older than the newest entry of the history");
}

void csaf_check_history(struct csaf_checking *c)
{
    struct history h = read_history(c);
    const char *status = kp_tree_text(c->tracking, "status");
    bool draft = status && strcmp(status, "draft") == 0,
         released = csaf_is(status, "final interim");
    if (h.n)
        qsort(h.entry, h.n, sizeof *h.entry, by_date);
    for (size_t i = 0; i < h.n; i++)
        check_entry(c, &h.entry[i], released);
    check_version(c, &h, draft, released);
    check_mixed(c, &h);
    check_twice(c, &h);
    if (h.whole)
        check_order(c, &h);
    check_dates(c, &h);
}
