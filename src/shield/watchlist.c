/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/watchlist.h"

#include "core/hash.h"
#include "shield/stix_private.h"

#include <string.h>

#include "core/ban.h"

enum { DEPTH_MAX = 64, COST_MAX = 1 << 30 };

struct watched {
    int64_t id, from, until;
    struct kp_stix_pattern *pattern; /* NULL: not compiled yet, or again */
    uint64_t one, *more;             /* what it is found by: hashes */
    uint32_t n;
    uint32_t met; /* the observation it was tried with last */
    uint8_t strikes;
    bool single, kept; /* kept: of the list that is being made */
};

struct term {
    uint64_t hash;
    uint32_t watched, next; /* next: 1 + where; 0: none */
};

struct list {
    struct watched **all; /* by id */
    size_t n, room, keeping;
};

struct kp_watchlist {
    struct list now, new;
    size_t at; /* in `now`, while a new one is made */
    struct term *term;
    uint32_t *bucket; /* 1 + the first term */
    size_t terms, buckets;
    uint32_t met;
    struct kp_watchlist_counts counts;
};

/* ---- what a pattern is found by ---- */
struct finding_by {
    uint64_t *hash;
    size_t n, room;
    bool failed;
};

static void note(struct finding_by *f, uint64_t hash)
{
    if (f->n && f->hash[f->n - 1] == hash)
        return; /* the others may be there twice: it is tried once */
    if (!kp_grow(&f->hash, &f->room, f->n + 1, sizeof *f->hash))
        f->failed = true;
    else
        f->hash[f->n++] = hash;
}

static uint64_t hash_type(const char *type, size_t n)
{
    return kp_hash(kp_hash(KP_HASH_START, "t", 1), type, n);
}

/* The key above the value, so that 'admin' as a user is not looked up for each 'admin' there is. */
static uint64_t hash_key(const char *key, char kind)
{
    return kp_hash(kp_hash(kp_hash(KP_HASH_START, "v", 1), key, strlen(key) + 1), &kind, 1);
}

static uint64_t hash_text(const char *key, const char *text, size_t n)
{
    return kp_hash(hash_key(key, 't'), text, n);
}

static uint64_t hash_number(const char *key, double number)
{
    number += 0.0; /* -0 is 0 */
    return kp_hash(hash_key(key, 'n'), &number, sizeof number);
}

/* The key of the value itself; NULL: it is not compared as it stands there. */
static const char *last_key(const struct stix_test *t)
{
    const struct stix_step *s = t->step + t->steps;
    while (s > t->step && s[-1].kind != STIX_KEY)
        s--;
    return s > t->step && s[-1].holds != STIX_HEX && s[-1].holds != STIX_BASE64 ? s[-1].key : NULL;
}

/* Whether it can only be true where one of its literals stands. */
static bool by_value(const struct stix_test *t)
{
    size_t n = 0;
    if (t->negated || (t->op != STIX_EQ && t->op != STIX_IN) || !last_key(t))
        return false;
    for (const struct stix_literal *l = t->literal; l; l = l->next)
        if (++n > KP_WATCHED_TERMS || (l->kind != STIX_IS_TEXT && l->kind != STIX_IS_NUMBER))
            return false;
    return n > 0;
}

/* How often it will be found for nothing, roughly: short words and numbers stand in many objects. */
static unsigned cost_of_test(const struct stix_test *t)
{
    unsigned cost = 0;
    if (!by_value(t))
        return 10000;
    for (const struct stix_literal *l = t->literal; l; l = l->next)
        cost += l->kind == STIX_IS_NUMBER ? 50 : l->len < 5 ? 20 : 1;
    return cost;
}

static unsigned cost_of(const struct stix_expr *e)
{
    unsigned cost = e->kind == STIX_ALL ? COST_MAX : 0;
    if (e->kind == STIX_TEST)
        return cost_of_test(e->test);
    for (const struct stix_expr *c = e->first; c; c = c->next) {
        unsigned one = cost_of(c);
        cost = e->kind == STIX_ANY ? cost + one : one < cost ? one : cost;
        cost = cost < COST_MAX ? cost : COST_MAX;
    }
    return cost;
}

static void find_test(struct finding_by *f, const struct stix_test *t)
{
    const char *key = last_key(t);
    if (!by_value(t))
        note(f, hash_type(t->type, t->type_len));
    else
        for (const struct stix_literal *l = t->literal; l; l = l->next)
            note(f, l->kind == STIX_IS_NUMBER ? hash_number(key, l->number)
                                              : hash_text(key, l->text, l->len));
}

static void find_expr(struct finding_by *f, const struct stix_expr *e)
{
    const struct stix_expr *best = NULL;
    unsigned least = 0;
    if (e->kind == STIX_TEST)
        find_test(f, e->test);
    for (const struct stix_expr *c = e->first; c; c = c->next) {
        unsigned cost = e->kind == STIX_ALL ? cost_of(c) : 0;
        if (e->kind == STIX_ANY)
            find_expr(f, c);
        else if (!best || cost < least) {
            best = c;
            least = cost;
        }
    }
    if (best)
        find_expr(f, best);
}

/* By each of its observation expressions, for it keeps what it may need later. */
static enum kp_code find_by(struct watched *w, const struct kp_stix_pattern *p, struct kp_err *err)
{
    struct finding_by f = { 0 };
    for (size_t i = 0; i < p->leaves && !f.failed; i++)
        find_expr(&f, p->leaf[i].expr);
    if (f.failed) {
        kp_free(f.hash);
        return kp_fail(err, KP_ENOMEM, "out of memory reading a pattern");
    }
    w->n = (uint32_t)f.n;
    w->one = f.n ? f.hash[0] : 0;
    w->more = f.n > 1 ? f.hash : NULL;
    if (!w->more)
        kp_free(f.hash);
    return KP_OK;
}

static const uint64_t *hashes(const struct watched *w)
{
    return w->more ? w->more : &w->one;
}

/* ---- the list ---- */
struct kp_watchlist *kp_watchlist_new(void)
{
    return kp_alloc(sizeof(struct kp_watchlist));
}

static void watched_free(struct watched *w)
{
    kp_stix_pattern_free(w->pattern);
    kp_free(w->more);
    kp_free(w);
}

static void list_free(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        watched_free(l->all[i]);
    kp_free(l->all);
    *l = (struct list){ 0 };
}

/* Of the new one: what it shares with the one in force stays there. */
static void drop_new(struct kp_watchlist *w)
{
    for (size_t i = 0; i < w->new.n; i++)
        if (!w->new.all[i]->kept)
            watched_free(w->new.all[i]);
    for (size_t i = 0; i < w->now.n; i++)
        w->now.all[i]->kept = false;
    kp_free(w->new.all);
    w->new = (struct list){ 0 };
}

void kp_watchlist_free(struct kp_watchlist *w)
{
    if (!w)
        return;
    drop_new(w);
    list_free(&w->now);
    kp_free(w->term);
    kp_free(w->bucket);
    kp_free(w);
}

void kp_watchlist_begin(struct kp_watchlist *w)
{
    drop_new(w);
    w->at = 0;
}

static bool enter(struct list *l, struct watched *w)
{
    if (!kp_grow(&l->all, &l->room, l->n + 1, sizeof(struct watched *)))
        return false;
    l->all[l->n++] = w;
    l->keeping += !w->single;
    return true;
}

bool kp_watchlist_offer(struct kp_watchlist *w, int64_t id)
{
    while (w->at < w->now.n && w->now.all[w->at]->id < id)
        w->at++;
    struct watched *old = w->at < w->now.n ? w->now.all[w->at] : NULL;
    if (!old || old->id != id || w->new.n == KP_WATCHED_MAX || !enter(&w->new, old))
        return false;
    old->kept = true;
    return true;
}

enum kp_code kp_watchlist_add(struct kp_watchlist *l, int64_t id, const char *pattern, size_t len,
                              int64_t from, int64_t until, struct kp_err *err)
{
    if (l->new.n == KP_WATCHED_MAX)
        return kp_fail(err, KP_EFULL, "more than %d patterns", KP_WATCHED_MAX);
    struct kp_stix_pattern *p = kp_stix_pattern_new(pattern, len, err);
    if (!p)
        return err->code;
    struct watched *w = kp_alloc(sizeof *w);
    if (!w)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!p->single && l->new.keeping == KP_WATCHED_KEEPING)
        kp_fail(err, KP_EFULL, "more than %d patterns of several observations", KP_WATCHED_KEEPING);
    else {
        *w = (struct watched){ .id = id, .from = from, .until = until, .single = p->single };
        if (!find_by(w, p, err) && !enter(&l->new, w))
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    if (w && err->code)
        watched_free(w);
    kp_stix_pattern_free(p);
    return err->code;
}

static void index_term(struct term *term, uint32_t *bucket, size_t mask, uint32_t n, uint64_t hash,
                       uint32_t watched)
{
    uint32_t *first = &bucket[(hash ^ hash >> 32) & mask];
    term[n] = (struct term){ hash, watched, *first };
    *first = n + 1;
}

enum kp_code kp_watchlist_end(struct kp_watchlist *l, struct kp_err *err)
{
    size_t terms = 0, buckets = 16;
    for (size_t i = 0; i < l->new.n; i++)
        terms += l->new.all[i]->n;
    while (buckets < terms * 2)
        buckets *= 2;
    struct term *term = kp_alloc((terms + 1) * sizeof *term);
    uint32_t *bucket = kp_alloc(buckets * sizeof *bucket);
    if (!term || !bucket) {
        kp_free(term);
        kp_free(bucket);
        drop_new(l);
        return kp_fail(err, KP_ENOMEM, "out of memory indexing patterns");
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->new.n; i++)
        for (uint32_t k = 0; k < l->new.all[i]->n; k++)
            index_term(term, bucket, buckets - 1, n++, hashes(l->new.all[i])[k], i);
    for (size_t i = 0; i < l->now.n; i++) {
        struct watched *w = l->now.all[i];
        l->counts.ready -= !w->kept && w->pattern && w->single;
        l->counts.set_aside -= !w->kept && w->strikes >= KP_WATCHED_STRIKES;
        if (!w->kept)
            watched_free(w);
        else
            w->kept = false;
    }
    kp_free(l->now.all);
    kp_free(l->term);
    kp_free(l->bucket);
    l->now = l->new;
    l->new = (struct list){ 0 };
    l->term = term;
    l->bucket = bucket;
    l->terms = terms;
    l->buckets = buckets;
    return KP_OK;
}

/* ---- the stream ---- */
struct taking {
    struct kp_watchlist *list;
    const struct kp_stix_observation *seen;
    const struct kp_watchlist_user *user;
    struct kp_err *err;
};

static struct kp_stix_pattern *compile(struct taking *t, const struct watched *w)
{
    struct kp_arena arena = { 0 };
    struct kp_err why = { 0 };
    const char *text = t->user->text(t->user->arg, w->id, &arena);
    struct kp_stix_pattern *p = text ? kp_stix_pattern_new(text, strlen(text), &why) : NULL;
    if (!p && why.code == KP_ENOMEM)
        kp_fail(t->err, KP_ENOMEM, "%s", why.text);
    kp_arena_free(&arena);
    if (p)
        kp_stix_pattern_hold(p, KP_WATCHED_HELD);
    return p;
}

/* Compiled ones are kept while there is room; one that keeps something of the stream always is. */
static void put_back(struct taking *t, struct watched *w, struct kp_stix_pattern *p)
{
    if (w->pattern)
        return;
    if (w->single && t->list->counts.ready == KP_WATCHED_READY) {
        kp_stix_pattern_free(p);
        return;
    }
    w->pattern = p;
    t->list->counts.ready += w->single;
}

static void strike(struct kp_watchlist *l, struct watched *w, struct kp_stix_pattern *p,
                   uint64_t given_up, enum kp_code code)
{
    bool slow = code == KP_EFULL || kp_stix_pattern_loss(p).given_up > given_up;
    if (slow && ++w->strikes == KP_WATCHED_STRIKES)
        l->counts.set_aside++;
}

static void try(struct taking *t, struct watched *w)
{
    struct kp_stix_hit hit;
    struct kp_err why = { 0 };
    int64_t at = t->seen->last > INT64_MAX / 1000 ? INT64_MAX : t->seen->last * 1000;
    w->met = t->list->met;
    if (w->strikes >= KP_WATCHED_STRIKES || at < w->from || at >= w->until)
        return;
    struct kp_stix_pattern *p = w->pattern ? w->pattern : compile(t, w);
    if (!p)
        return;
    uint64_t given_up = kp_stix_pattern_loss(p).given_up;
    t->list->counts.tried++;
    if (kp_stix_pattern_take(p, t->seen, &hit, &why) == KP_ENOMEM)
        kp_fail(t->err, KP_ENOMEM, "%s", why.text);
    strike(t->list, w, p, given_up, why.code);
    if (!why.code && hit.n)
        t->user->hit(t->user->arg, w->id, &hit);
    put_back(t, w, p);
}

static void look(struct taking *t, uint64_t hash)
{
    struct kp_watchlist *l = t->list;
    for (uint32_t n = l->bucket[(hash ^ hash >> 32) & (l->buckets - 1)]; n;) {
        const struct term *term = &l->term[n - 1];
        struct watched *w = l->now.all[term->watched];
        if (term->hash == hash && w->met != l->met)
            try(t, w);
        n = term->next;
    }
}

static void walk(struct taking *t, const struct kp_tree *v, const char *key, unsigned depth)
{
    key = v->key ? v->key : key;
    if (v->type == KP_TREE_TEXT && key)
        look(t, hash_text(key, v->text, v->n));
    else if (v->type == KP_TREE_NUMBER && key)
        look(t, hash_number(key, v->number));
    else if (v->type >= KP_TREE_LIST && depth)
        for (const struct kp_tree *m = v->first; m; m = m->next)
            walk(t, m, key, depth - 1);
}

/* A number for each observation; when they have all been used, none has been met. */
static void next_number(struct kp_watchlist *l)
{
    if (++l->met)
        return;
    for (size_t i = 0; i < l->now.n; i++)
        l->now.all[i]->met = 0;
    l->met = 1;
}

enum kp_code kp_watchlist_take(struct kp_watchlist *l, const struct kp_stix_observation *o,
                               const struct kp_watchlist_user *user, struct kp_err *err)
{
    struct taking t = { l, o, user, err };
    if (!l->terms)
        return KP_OK;
    next_number(l);
    for (size_t i = 0; i < o->n; i++) {
        look(&t, hash_type(o->object[i].type, o->object[i].type_len));
        walk(&t, o->object[i].tree, NULL, DEPTH_MAX);
    }
    return err->code;
}

struct kp_watchlist_counts kp_watchlist_counts(const struct kp_watchlist *l)
{
    struct kp_watchlist_counts c = l->counts;
    c.watched = l->now.n;
    c.keeping = l->now.keeping;
    return c;
}
