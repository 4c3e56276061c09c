/* SPDX-License-Identifier: Apache-2.0 */
/* From the products that a device may be to what an advisory means for it. */
#include "shield/match_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { WORK_MAX = 200000000 }; /* vulnerabilities times what they name */

const char *kp_verdict_word(enum kp_verdict_of v)
{
    static const char *const words[] = { "not_affected", "review", "affected" };
    return words[v];
}

const char *kp_match_rule_text(enum kp_match_rule r)
{
    static const char *const texts[] = {
        "the serial number is named",
        "the order code is named",
        "the order code stands in the product's name",
        "CPE or package URL agree",
        "maker and product name agree",
        "maker and product name agree but for what stands in brackets or a line of versions",
        "one of the product names is a part of the other",
    };
    return texts[r];
}

/* Codes and identifiers are worth more than names, names more than families. */
static int tier(const struct hit *h)
{
    return h->rule <= KP_BY_IDENTIFIER ? 0 : h->rule < KP_BY_FAMILY ? 1 : 2;
}

/* Keeps the hits of the best kind; how many. */
static size_t keep_best(struct hit *h, size_t n)
{
    int best = 2;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        best = tier(&h[i]) < best ? tier(&h[i]) : best;
    for (size_t i = 0; i < n; i++)
        if (tier(&h[i]) == best)
            h[kept++] = h[i];
    return kept;
}

struct judging {
    struct matching *m;
    uint8_t *state;    /* of each product, for one vulnerability */
    uint8_t *rows;     /* of each device that was hit, a verdict for each vulnerability */
    uint32_t *decided; /* of each device: the hit that decided */
    size_t work;
};

/* It runs what a fixed one runs, or what came after. */
static bool since_fixed(struct judging *j, const struct hit *h)
{
    const struct kp_range *r = &j->m->a->product[h->product].range;
    const struct device *v = &j->m->d->of[h->device];
    if (h->holds == KP_INSIDE)
        return true;
    if (!v->versioned || r->n != 1 || !r->term[0].exact || r->odd)
        return false;
    return v->version.group[0] == r->term[0].low.group[0] &&
           kp_version_compare(&v->version, &r->term[0].low).order == KP_GREATER;
}

struct verdict {
    enum kp_verdict_of verdict;
    const struct hit *by;
};

static void weigh(struct verdict *v, enum kp_verdict_of as, const struct hit *by)
{
    if (!v->by || as > v->verdict)
        *v = (struct verdict){ as, by };
}

static enum kp_verdict_of hit_verdict(const struct hit *h)
{
    if (h->holds == KP_OUTSIDE)
        return KP_CLEAR;
    return h->holds == KP_INSIDE && h->rule != KP_BY_FAMILY ? KP_AFFECTED : KP_REVIEW;
}

/* Variants whose brackets the device does not tell: they must agree. */
static bool variants_differ(const struct judging *j, const struct hit *h, size_t n)
{
    bool affected = false, clear = false, certain = false;
    for (size_t i = 0; i < n; i++) {
        if (j->state[h[i].product] != KP_STATE_AFFECTED)
            continue;
        certain |= h[i].rule != KP_BY_NAME_ALIKE;
        affected |= hit_verdict(&h[i]) == KP_AFFECTED;
        bool other =
            j->m->a->product[h[i].product].name.whole != j->m->a->product[h[0].product].name.whole;
        clear |= hit_verdict(&h[i]) == KP_CLEAR && other;
    }
    return !certain && affected && clear;
}

static struct verdict judge(struct judging *j, const struct hit *h, size_t n)
{
    struct verdict v = { 0 };
    const struct hit *clear = NULL, *since = NULL;
    bool all = true; /* what is affected is so in all versions */
    for (size_t i = 0; i < n; i++) {
        uint8_t state = j->state[h[i].product];
        if (state == KP_STATE_AFFECTED) {
            weigh(&v, hit_verdict(&h[i]), &h[i]);
            all &= j->m->a->product[h[i].product].range.all || hit_verdict(&h[i]) == KP_CLEAR;
        } else if (state == KP_STATE_INVESTIGATED && hit_verdict(&h[i]) != KP_CLEAR) {
            weigh(&v, KP_REVIEW, &h[i]);
        } else if (state == KP_STATE_NOT_AFFECTED && hit_verdict(&h[i]) == KP_AFFECTED) {
            clear = &h[i];
        } else if (state == KP_STATE_FIXED && h[i].rule != KP_BY_FAMILY) {
            clear = hit_verdict(&h[i]) == KP_AFFECTED ? &h[i] : clear;
            since = since_fixed(j, &h[i]) ? &h[i] : since;
        }
    }
    if (v.verdict == KP_AFFECTED && variants_differ(j, h, n))
        v.verdict = KP_REVIEW;
    if (clear || (since && (v.verdict == KP_REVIEW || all)))
        return (struct verdict){ KP_CLEAR, clear ? clear : since };
    return v;
}

static void judge_hole(struct judging *j, uint32_t hole, struct hit **groups, const size_t *sizes,
                       size_t n)
{
    const struct kp_advisory_hole *o = &j->m->a->hole[hole];
    for (uint32_t i = 0; i < o->n; i++) {
        uint8_t *s = &j->state[o->state[i].product];
        *s = *s == KP_STATE_NOT_AFFECTED ? *s : o->state[i].state;
    }
    for (size_t g = 0; g < n; g++) {
        struct verdict v = judge(j, groups[g], sizes[g]);
        uint8_t *row = j->rows + g * j->m->a->holes;
        row[hole] = (uint8_t)v.verdict;
        j->work += sizes[g];
        const struct hit *old = j->decided[g] ? &groups[g][j->decided[g] - 1] : NULL;
        bool better = v.by && (!old || v.verdict > row[0]);
        for (uint32_t k = 0; k < hole && better && old; k++)
            better = row[k] < v.verdict;
        if (better)
            j->decided[g] = (uint32_t)(v.by - groups[g]) + 1;
    }
    for (uint32_t i = 0; i < o->n; i++)
        j->state[o->state[i].product] = KP_STATE_NONE;
    j->work += o->n;
}

static void tell(struct judging *j, size_t g, const struct hit *group,
                 void (*found)(void *, const struct kp_finding *), void *arg)
{
    const struct kp_advisory *a = j->m->a;
    if (!j->decided[g])
        return; /* only what it says nothing of */
    const struct hit *h = &group[j->decided[g] - 1];
    struct kp_finding f = { .device = h->device,
                            .of = j->rows + g * a->holes,
                            .score = -1,
                            .product = h->product,
                            .rule = (enum kp_match_rule)h->rule };
    for (uint32_t i = 0; i < a->holes; i++) {
        f.verdict = f.of[i] > f.verdict ? (enum kp_verdict_of)f.of[i] : f.verdict;
        if (f.of[i] != KP_CLEAR && a->hole[i].score > f.score)
            f.score = a->hole[i].score;
    }
    const struct kp_advisory_product *p = &a->product[h->product];
    if (p->parts)
        snprintf(f.why, sizeof f.why, "%s",
                 h->holds == KP_UNSURE ? "whether all that the entry names is there, in these "
                                         "versions, is not known"
                                       : "all parts of the entry are looked at");
    else
        match_version_holds(p, &j->m->d->of[h->device], f.why);
    found(arg, &f);
}

enum kp_code match_judge(struct matching *m, void (*found)(void *, const struct kp_finding *),
                         void *arg)
{
    struct kp_arena arena = { 0 };
    struct judging j = { .m = m };
    size_t groups = 0, i = 0, holes = m->a->holes ? m->a->holes : 1;
    for (size_t k = 0; k < m->n; k++)
        groups += !k || m->hits[k].device != m->hits[k - 1].device;
    struct hit **group = kp_arena_alloc(&arena, (groups + 1) * sizeof *group);
    size_t *size = kp_arena_alloc(&arena, (groups + 1) * sizeof *size);
    j.state = kp_arena_alloc(&arena, m->a->n + 1);
    j.decided = kp_arena_alloc(&arena, (groups + 1) * sizeof *j.decided);
    if (groups > WORK_MAX / holes)
        kp_fail(m->err, KP_EFULL, "it is about too many devices and vulnerabilities");
    else if (!group || !size || !j.state || !j.decided ||
             !(j.rows = kp_arena_alloc(&arena, groups * holes + 1)))
        kp_fail(m->err, KP_ENOMEM, "out of memory matching %.60s", m->a->id);
    for (size_t g = 0; g < groups && !m->err->code; g++) {
        size_t from = i;
        while (i < m->n && m->hits[i].device == m->hits[from].device)
            i++;
        group[g] = m->hits + from;
        size[g] = keep_best(group[g], i - from);
    }
    for (uint32_t h = 0; h < m->a->holes && !m->err->code; h++) {
        judge_hole(&j, h, group, size, groups);
        if (j.work > WORK_MAX)
            kp_fail(m->err, KP_EFULL, "its vulnerabilities name too many products");
    }
    for (size_t g = 0; g < groups && !m->err->code; g++)
        tell(&j, g, group[g], found, arg);
    kp_arena_free(&arena);
    return m->err->code;
}

bool kp_fix_is_for(const struct kp_advisory_fix *f, uint32_t product)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (f->product[mid] < product)
            low = mid + 1;
        else
            high = mid;
    }
    return !f->n || (low < f->n && f->product[low] == product);
}
