/* SPDX-License-Identifier: Apache-2.0 */
/* The product
 * tree: 6.1.3, 6.1.13, 6.1.25, 6.1.31, 6.2.1, 6.2.8, 6.2.9, 6.2.16, 6.2.18, 6.3.5, 6.3.9 to 6.3.11.
 */
#include "shield/csaf_private.h"

#include <string.h>

#include "core/ban.h"

/* ---- circles: a relationship makes a product of two others ---- */
struct csaf_edge {
    struct csaf_slot *to;
    struct csaf_edge *next;
    const struct kp_tree *made; /* the id of what is made */
};
enum { WHITE, GREY, BLACK };

static void add_edge(struct csaf_checking *c, const struct kp_tree *relationship, const char *key)
{
    const struct kp_tree *made =
        kp_tree_get(kp_tree_get(relationship, "full_product_name"), "product_id");
    struct csaf_slot *from = csaf_product(c, made),
                     *to = csaf_product(c, kp_tree_get(relationship, key));
    struct csaf_edge *e = from && to ? kp_arena_alloc(c->arena, sizeof *e) : NULL;
    if (e) {
        *e = (struct csaf_edge){ to, from->edges, made };
        from->edges = e;
    } else if (from && to) {
        csaf_starved(c);
    }
}

/* Depth first without recursion: a chain may be as long as the document. `edges` shrinks to what is
 * left. */
static void walk_circle(struct csaf_checking *c, struct csaf_slot *start, struct csaf_slot **way)
{
    size_t depth = 0;
    if (start->colour != WHITE)
        return;
    start->colour = GREY;
    way[depth++] = start;
    while (depth) {
        struct csaf_slot *s = way[depth - 1];
        struct csaf_edge *e = s->edges;
        if (!e) {
            s->colour = BLACK;
            depth--;
            continue;
        }
        s->edges = e->next;
        if (e->to->colour == GREY)
            csaf_found(c, "6.1.3", e->made, "product '%.100s' is made of itself, over '%.100s'",
                       s->id, e->to->id);
        if (e->to->colour != WHITE)
            continue;
        e->to->colour = GREY;
        way[depth++] = e->to;
    }
}

static void check_circles(struct csaf_checking *c)
{
    const struct kp_tree *list = kp_tree_get(c->tree, "relationships");
    const struct kp_tree *first = kp_tree_list(c->tree, "relationships");
    if (!first)
        return;
    /* every relationship brings three products at most */
    struct csaf_slot **way = kp_arena_alloc(c->arena, (3 * (size_t)list->n + 1) * sizeof *way);
    if (!way) {
        csaf_starved(c);
        return;
    }
    for (const struct kp_tree *r = first; r; r = r->next) {
        add_edge(c, r, "product_reference");
        add_edge(c, r, "relates_to_product_reference");
    }
    for (const struct kp_tree *r = first; r; r = r->next) {
        struct csaf_slot *s =
            csaf_product(c, kp_tree_get(kp_tree_get(r, "full_product_name"), "product_id"));
        if (s)
            walk_circle(c, s, way);
    }
}

/* ---- what identifies a product ---- */
static void check_hash(struct csaf_checking *c, const struct kp_tree *hash)
{
    const struct kp_tree *value = kp_tree_get(hash, "value");
    const char *algorithm = kp_tree_text(hash, "algorithm");
    for (const struct kp_tree *o = hash->parent->first; algorithm && o != hash && csaf_work(c, 1);
         o = o->next) {
        const char *other = kp_tree_text(o, "algorithm");
        if (other && strcmp(other, algorithm) == 0) {
            csaf_found(c, "6.1.25", hash, "a second hash by %.40s of the same file", algorithm);
            break;
        }
    }
    if (value && value->type == KP_TREE_TEXT && value->n < 64)
        csaf_found(c, "6.3.5", value, "a hash of less than 64 digits");
}

static void check_hashes(struct csaf_checking *c, const struct kp_tree *file)
{
    const struct kp_tree *list = kp_tree_get(file, "file_hashes"),
                         *first = kp_tree_list(file, "file_hashes");
    bool md5 = first, sha1 = first;
    for (const struct kp_tree *h = first; h && h->type == KP_TREE_OBJECT; h = h->next) {
        const char *algorithm = kp_tree_text(h, "algorithm");
        md5 &= algorithm && strcmp(algorithm, "md5") == 0;
        sha1 &= algorithm && strcmp(algorithm, "sha1") == 0;
        check_hash(c, h);
    }
    if (md5)
        csaf_found(c, "6.2.8", list, "MD5 is the only hash; add one of sha256 or better");
    if (sha1)
        csaf_found(c, "6.2.9", list, "SHA-1 is the only hash; add one of sha256 or better");
}

static void check_product(struct csaf_checking *c, const struct kp_tree *product)
{
    const struct kp_tree *helper = kp_tree_get(product, "product_identification_helper");
    const struct kp_tree *id = kp_tree_get(product, "product_id"),
                         *purl = kp_tree_get(helper, "purl");
    struct csaf_slot *s = csaf_product(c, id);
    if (!product || product->type != KP_TREE_OBJECT)
        return;
    const char *fault = purl && purl->type == KP_TREE_TEXT ? csaf_purl_fault(purl->text) : NULL;
    if (fault)
        csaf_found(c, "6.1.13", purl, "'%.100s' is no package URL: %s", purl->text, fault);
    for (const struct kp_tree *file = kp_tree_list(helper, "hashes"); file; file = file->next)
        check_hashes(c, file);
    if (!helper)
        csaf_found(c, "6.2.16", product,
                   "nothing identifies the product: no CPE, purl, order or serial number, hash");
    if (s && !s->used && strcmp(c->category, "csaf_informational_advisory") != 0)
        csaf_found(c, "6.2.1", id, "product '%.100s' is defined and never used", s->id);
}

/* ---- branches ---- */
/* The standard looks for these anywhere; but its own examples let "after-eight" pass as a name: a
 * word joined by a dash to one that says nothing of ranges. */
static const char range_words[] = "after all before earlier later prior versions";
static const char joining_words[] =
    "and from newer of older or than the through to until up version";

static bool is_one_of(const char *word, size_t n, const char *words)
{
    char lower[16];
    if (n >= sizeof lower)
        return false;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)(word[i] | 0x20);
    lower[n] = 0;
    return csaf_is(lower, words);
}

/* Whether a dash at this place joins the word to a name. `step` is -1 to the left, 1 to the right.
 */
static bool joined_to_name(const char *name, const char *dash, int step)
{
    const char *p = dash + step;
    size_t n = 0;
    if (*dash != '-' && *dash != '_')
        return false;
    for (; p >= name && csaf_letter(*p); p += step)
        n++;
    const char *word = step < 0 ? p + 1 : dash + 1;
    return n && !is_one_of(word, n, range_words) && !is_one_of(word, n, joining_words);
}

static bool names_a_range(const char *name)
{
    if (strpbrk(name, "<>"))
        return true;
    for (const char *p = name; *p; p++) {
        size_t n = 0;
        while (csaf_letter(p[n]))
            n++;
        if (n && is_one_of(p, n, range_words) && !(p > name && joined_to_name(name, p - 1, -1)) &&
            !joined_to_name(name, p + n, 1))
            return true;
        p += n ? n - 1 : 0;
    }
    return false;
}

static void check_version_branch(struct csaf_checking *c, const struct kp_tree *branch,
                                 const char *category)
{
    const struct kp_tree *name = kp_tree_get(branch, "name");
    const char *text = kp_tree_text(branch, "name");
    bool range = strcmp(category, "product_version_range") == 0;
    if (range)
        csaf_found(c, "6.3.10", kp_tree_get(branch, "category"),
                   "a range; list the versions where you can");
    if (range && text && !csaf_is_vers(text))
        csaf_found(c, "6.2.18", name, "'%.100s' is not written as vers:SCHEME/RANGE", text);
    if (range || !text || strcmp(category, "product_version") != 0)
        return;
    if (names_a_range(text))
        csaf_found(c, "6.1.31", name, "'%.100s' is a range; its category is product_version_range",
                   text);
    if ((text[0] == 'v' || text[0] == 'V') && text[1] >= '0' && text[1] <= '9')
        csaf_found(c, "6.3.11", name, "'%.60s' begins with v before the version", text);
}

/* `met`: how many of vendor, product_name, product_version stand on the way, in that order */
static void check_branch(struct csaf_checking *c, const struct kp_tree *branch, unsigned met)
{
    static const char *const way[] = { "vendor", "product_name", "product_version", "" };
    for (; branch; branch = branch->next) {
        const char *category = kp_tree_text(branch, "category");
        const struct kp_tree *product = kp_tree_get(branch, "product");
        unsigned now = met + (category && strcmp(category, way[met]) == 0);
        if (category)
            check_version_branch(c, branch, category);
        if (product && now < 3)
            csaf_found(c, "6.3.9", product, "no branch of category %s on the way to it%s%s",
                       way[now], now ? ", behind " : "", now ? way[now - 1] : "");
        check_product(c, product);
        check_branch(c, kp_tree_list(branch, "branches"), now);
    }
}

void csaf_check_branches(struct csaf_checking *c)
{
    check_branch(c, kp_tree_list(c->tree, "branches"), 0);
}

void csaf_check_products(struct csaf_checking *c)
{
    check_circles(c);
    for (const struct kp_tree *p = kp_tree_list(c->tree, "full_product_names"); p; p = p->next)
        check_product(c, p);
    for (const struct kp_tree *r = kp_tree_list(c->tree, "relationships"); r; r = r->next)
        check_product(c, kp_tree_get(r, "full_product_name"));
}
