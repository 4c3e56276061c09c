/* SPDX-License-Identifier: Apache-2.0 */
/* What a pattern keeps of the observations that came, and the search for a match.
 *
 * A match always has the newest observation in it, else it would have been found before. For each
 * slot that one may fill, a time is chosen for each bound of the plan (the ends of what is kept are
 * enough), which leaves to every slot a set of observations; then it is a flow of observations
 * into slots. A choice that leaves no flow is not followed further. */
#include "shield/stix_private.h"

#include <string.h>

#include "core/ban.h"

enum { WORK_MAX = 8000000 }; /* observations looked at for one that came */

struct held {
    uint64_t id, leaves;
    int64_t first, last, count;
};

struct group { /* what fits the same slots */
    uint64_t slots;
    int64_t spare, used[KP_STIX_LEAVES_MAX];
};

struct stix_keeping {
    struct held *held;
    size_t n, capacity;
    uint32_t *near; /* those that may be in a match with the newest */
    size_t nears, near_capacity;
    struct group *group;
    size_t groups, group_capacity;
    uint64_t *ids, single; /* of the last hit */
    size_t ids_capacity;
    struct kp_stix_loss loss;
};

struct solving {
    struct stix_keeping *k;
    const struct stix_plan *plan;
    struct kp_err *err;
    size_t newest, slot; /* which is filled by it */
    size_t work;
    int64_t until[KP_STIX_LEAVES_MAX], since[KP_STIX_LEAVES_MAX]; /* begins, ends */
    int64_t chosen[KP_STIX_BOUNDS_MAX];
};

/* ---- flow ---- */
static uint64_t fits(const struct solving *s, const struct held *h)
{
    uint64_t slots = 0;
    for (size_t i = 0; i < s->plan->slots; i++)
        if ((s->plan->slot[i].leaves & h->leaves) && h->first <= s->until[i] &&
            h->last >= s->since[i])
            slots |= UINT64_C(1) << i;
    return slots;
}

static bool make_groups(struct solving *s)
{
    struct stix_keeping *k = s->k;
    k->groups = 0;
    for (size_t i = 0; i < k->nears; i++) {
        const struct held *h = &k->held[k->near[i]];
        uint64_t slots = fits(s, h);
        size_t g = 0;
        while (g < k->groups && k->group[g].slots != slots)
            g++;
        s->work += s->plan->slots + g;
        if (!slots)
            continue;
        if (g == k->groups) {
            if (!kp_grow(&k->group, &k->group_capacity, g + 1, sizeof *k->group)) {
                kp_fail(s->err, KP_ENOMEM, "out of memory keeping observations");
                return false;
            }
            k->group[k->groups++] = (struct group){ .slots = slots };
        }
        k->group[g].spare += h->count;
    }
    return true;
}

/* Brings up to `want` into a slot; what others have may go over when they find the same elsewhere.
 */
static int64_t push(struct solving *s, size_t slot, int64_t want, uint64_t *seen)
{
    struct stix_keeping *k = s->k;
    *seen |= UINT64_C(1) << slot;
    for (size_t g = 0; g < k->groups; g++) {
        struct group *from = &k->group[g];
        if (!(from->slots >> slot & 1) || !from->spare)
            continue;
        want = want < from->spare ? want : from->spare;
        from->spare -= want;
        from->used[slot] += want;
        return want;
    }
    s->work += k->groups;
    for (size_t g = 0; g < k->groups; g++) {
        struct group *from = &k->group[g];
        if (!(from->slots >> slot & 1))
            continue;
        for (size_t other = 0; other < s->plan->slots; other++) {
            if (!from->used[other] || (*seen >> other & 1))
                continue;
            int64_t got = push(s, other, want < from->used[other] ? want : from->used[other], seen);
            from->used[other] -= got;
            from->used[slot] += got;
            if (got)
                return got;
        }
    }
    return 0;
}

static bool flows(struct solving *s)
{
    if (!make_groups(s))
        return false;
    for (size_t i = 0; i < s->plan->slots; i++)
        for (int64_t need = s->plan->slot[i].need; need > 0;) {
            uint64_t seen = 0;
            int64_t got = push(s, i, need, &seen);
            if (!got)
                return false;
            need -= got;
        }
    return true;
}

/* ---- times ---- */
static int64_t later(int64_t at, int64_t by)
{
    int64_t sum;
    return __builtin_add_overflow(at, by, &sum) ? INT64_MAX : sum;
}

static void restrict_to(struct solving *s, const struct stix_bound *b, int64_t since, int64_t until)
{
    for (size_t i = 0; i < s->plan->slots; i++) {
        if ((b->early >> i & 1) && until < s->until[i])
            s->until[i] = until;
        if ((b->late >> i & 1) && since > s->since[i])
            s->since[i] = since;
    }
}

/* Chooses the time of a bound; copies of it that follow will not have a later one. */
static void choose(struct solving *s, size_t n, int64_t at)
{
    const struct stix_plan *p = s->plan;
    s->chosen[n] = at;
    restrict_to(s, &p->bound[n], at, later(at, p->bound[n].slack));
    for (size_t i = n, back; (back = i + p->bound[n].back) > i && back < p->bounds &&
                             p->bound[back].back == p->bound[n].back;
         i = back)
        restrict_to(s, &p->bound[back], INT64_MIN, later(at, p->bound[back].slack));
}

static uint64_t leaves_of(const struct stix_plan *p, uint64_t slots)
{
    uint64_t leaves = 0;
    for (size_t i = 0; i < p->slots; i++)
        leaves |= slots >> i & 1 ? p->slot[i].leaves : 0;
    return leaves;
}

static int64_t sooner(int64_t at, int64_t by)
{
    return at < INT64_MIN + by ? INT64_MIN : at - by;
}

/* Between which times one can be chosen for a bound: each slot behind it has something that ends
 * later, each before it something that begins sooner. */
static void range(struct solving *s, size_t n, int64_t *least, int64_t *most)
{
    const struct stix_plan *p = s->plan;
    const struct stix_bound *b = &p->bound[n];
    const struct held *newest = &s->k->held[s->newest];
    int64_t first[KP_STIX_LEAVES_MAX], last[KP_STIX_LEAVES_MAX];
    for (size_t i = 0; i < p->slots; i++) {
        first[i] = s->slot == i ? newest->first : INT64_MAX;
        last[i] = s->slot == i ? newest->last : INT64_MIN;
    }
    for (size_t i = 0; i < s->k->nears; i++) {
        const struct held *h = &s->k->held[s->k->near[i]];
        for (uint64_t slots = fits(s, h) & ~(UINT64_C(1) << s->slot); slots; slots &= slots - 1) {
            int slot = __builtin_ctzll(slots);
            first[slot] = h->first < first[slot] ? h->first : first[slot];
            last[slot] = h->last > last[slot] ? h->last : last[slot];
        }
    }
    s->work += s->k->nears * p->slots;
    *least = INT64_MIN;
    *most = b->back ? s->chosen[n - b->back] : INT64_MAX;
    for (size_t i = 0; i < p->slots; i++) {
        if ((b->late >> i & 1) && last[i] < *most)
            *most = last[i];
        if ((b->early >> i & 1) && sooner(first[i], b->slack) > *least)
            *least = sooner(first[i], b->slack);
    }
}

static bool search(struct solving *s, size_t n)
{
    if (!flows(s))
        return false;
    if (n == s->plan->bounds)
        return true;
    uint64_t leaves = leaves_of(s->plan, s->plan->bound[n].late);
    int64_t until[KP_STIX_LEAVES_MAX], since[KP_STIX_LEAVES_MAX], tried = INT64_MIN, least, most;
    size_t all = s->plan->slots * sizeof *until;
    range(s, n, &least, &most);
    memcpy(until, s->until, all);
    memcpy(since, s->since, all);
    for (size_t i = s->k->nears; i-- && s->work < WORK_MAX && !s->err->code;) {
        const struct held *h = &s->k->held[s->k->near[i]];
        s->work++;
        if (!(h->leaves & leaves) || h->last == tried || h->last > most || h->last < least)
            continue;
        tried = h->last;
        choose(s, n, h->last);
        if (search(s, n + 1))
            return true;
        memcpy(s->until, until, all);
        memcpy(s->since, since, all);
    }
    return false;
}

/* Of what is kept, what a WITHIN of the whole allows beside the newest. */
static bool find_near(struct solving *s)
{
    struct stix_keeping *k = s->k;
    const struct held *o = &k->held[s->newest];
    const struct stix_plan *p = s->plan;
    int64_t span = INT64_MAX;
    for (size_t i = 0; i < p->bounds; i++) {
        const struct stix_bound *b = &p->bound[i];
        if (b->early == b->late && (b->early & (b->early + 1)) == 0 &&
            (p->slots == 64 || b->early >> p->slots == 0) && b->early >> (p->slots - 1) == 1 &&
            b->slack < span)
            span = b->slack;
    }
    if (!kp_grow(&k->near, &k->near_capacity, k->n, sizeof *k->near)) {
        kp_fail(s->err, KP_ENOMEM, "out of memory keeping observations");
        return false;
    }
    k->nears = 0;
    for (size_t i = 0; i < k->n; i++)
        if (k->held[i].first <= later(o->last, span) && o->first <= later(k->held[i].last, span))
            k->near[k->nears++] = (uint32_t)i;
    return true;
}

/* What any choice of a time leaves: no later than the last end of those behind it, no earlier than
 * the first beginning of those before it. */
static void narrow(struct solving *s, const struct stix_bound *b)
{
    int64_t last = INT64_MIN, first = INT64_MAX;
    uint64_t early = leaves_of(s->plan, b->early), late = leaves_of(s->plan, b->late);
    for (size_t i = 0; i < s->k->nears; i++) {
        const struct held *h = &s->k->held[s->k->near[i]];
        if ((h->leaves & late) && h->last > last)
            last = h->last;
        if ((h->leaves & early) && h->first < first)
            first = h->first;
    }
    s->work += s->k->nears;
    int64_t since = first == INT64_MAX ? first : sooner(first, b->slack);
    restrict_to(s, b, since, last == INT64_MIN ? last : later(last, b->slack));
}

static bool solve(struct solving *s)
{
    const struct stix_plan *p = s->plan;
    const struct held *newest = &s->k->held[s->newest];
    if (!find_near(s))
        return false;
    for (s->slot = 0; s->slot < p->slots; s->slot++) {
        if (!(p->slot[s->slot].leaves & newest->leaves) || p->slot[s->slot].copy)
            continue;
        for (size_t i = 0; i < p->slots; i++) {
            s->until[i] = INT64_MAX;
            s->since[i] = INT64_MIN;
        }
        for (size_t i = 0; i < p->bounds; i++)
            if (p->bound[i].early != p->bound[i].late)
                narrow(s, &p->bound[i]);
        if (search(s, 0))
            return true;
    }
    return false;
}

/* ---- what is kept ---- */
/* Takes what the flow used out of what is kept. */
static enum kp_code use(struct solving *s, struct kp_stix_hit *hit)
{
    struct stix_keeping *k = s->k;
    size_t kept = 0, n = 0;
    if (!kp_grow(&k->ids, &k->ids_capacity, k->n, sizeof *k->ids))
        return kp_fail(s->err, KP_ENOMEM, "out of memory keeping observations");
    for (size_t g = 0; g < k->groups; g++) {
        k->group[g].spare = 0; /* what is still to be taken out */
        for (size_t i = 0; i < s->plan->slots; i++)
            k->group[g].spare += k->group[g].used[i];
    }
    for (size_t i = k->nears; i--;) { /* the newest is in it */
        struct held *h = &k->held[k->near[i]];
        uint64_t slots = fits(s, h);
        size_t g = 0;
        while (g < k->groups && k->group[g].slots != slots)
            g++;
        if (g < k->groups && k->group[g].spare > 0) {
            k->group[g].spare -= h->count;
            k->ids[n++] = h->id;
            h->count = 0;
        }
    }
    for (size_t i = 0; i < k->n; i++)
        if (k->held[i].count)
            k->held[kept++] = k->held[i];
    k->n = kept;
    *hit = (struct kp_stix_hit){ n, k->ids };
    return KP_OK;
}

/* Half of the kind there is most of goes, the oldest first. */
static void make_room(struct stix_keeping *k)
{
    size_t most = 0, kept = 0, gone = 0;
    uint64_t kind = 0;
    for (size_t i = 0; i < k->n; i++) {
        size_t n = 0;
        for (size_t j = i; j < k->n; j++)
            n += k->held[j].leaves == k->held[i].leaves;
        if (n > most) {
            most = n;
            kind = k->held[i].leaves;
        }
        if (most >= k->n - i)
            break;
    }
    for (size_t i = 0; i < k->n; i++)
        if (k->held[i].leaves == kind && gone < (most + 1) / 2)
            gone++;
        else
            k->held[kept++] = k->held[i];
    k->n = kept;
    k->loss.dropped += gone;
}

static int64_t total(const struct stix_plan *p)
{
    int64_t need = 0;
    for (size_t i = 0; i < p->slots; i++)
        need += p->slot[i].need;
    return need;
}

/* Whether one more of a kind could be of use: without bounds in time, only as many as are needed.
 */
static bool useful(const struct kp_stix_pattern *p, uint64_t leaves)
{
    int64_t there = 0, need = 0;
    for (const struct stix_plan *a = p->plan; a; a = a->next) {
        if (a->bounds)
            return true;
        int64_t n = total(a);
        need = n > need ? n : need;
    }
    for (size_t i = 0; i + 1 < p->keeping->n; i++)
        there += p->keeping->held[i].leaves == leaves ? p->keeping->held[i].count : 0;
    return there < need;
}

enum kp_code stix_keep(struct kp_stix_pattern *p, const struct kp_stix_observation *o,
                       uint64_t leaves, struct kp_stix_hit *hit, struct kp_err *err)
{
    if (!p->keeping && !(p->keeping = kp_alloc(sizeof *p->keeping)))
        return kp_fail(err, KP_ENOMEM, "out of memory keeping observations");
    struct stix_keeping *k = p->keeping;
    if (p->single) {
        k->single = o->id;
        *hit = (struct kp_stix_hit){ 1, &k->single };
        return KP_OK;
    }
    if (k->n >= (p->hold ? p->hold : KP_STIX_HELD_MAX))
        make_room(k);
    if (!kp_grow(&k->held, &k->capacity, k->n + 1, sizeof *k->held))
        return kp_fail(err, KP_ENOMEM, "out of memory keeping observations");
    k->held[k->n] = (struct held){ o->id, leaves, o->first, o->last, o->count };
    struct solving s = { .k = k, .err = err, .newest = k->n++ };
    for (s.plan = p->plan; s.plan && !err->code; s.plan = s.plan->next)
        if (solve(&s))
            return use(&s, hit);
    k->loss.given_up += s.work >= WORK_MAX;
    if (err->code || !useful(p, leaves))
        k->n--;
    return err->code;
}

struct kp_stix_loss kp_stix_pattern_loss(const struct kp_stix_pattern *p)
{
    return p->keeping ? p->keeping->loss : (struct kp_stix_loss){ 0 };
}

void stix_keeping_free(struct stix_keeping *k)
{
    if (!k)
        return;
    kp_free(k->held);
    kp_free(k->near);
    kp_free(k->group);
    kp_free(k->ids);
    kp_free(k);
}
