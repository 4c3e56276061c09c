/* SPDX-License-Identifier: Apache-2.0 */
/* What definitions match now becomes posts; what they match no more goes. */
#include "watch/watches_private.h"

#include "core/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { POSTS_MAX = 20000 };

/* ---- order ---- */
int watches_order(const struct definition *a, uint64_t x, const struct definition *b, uint64_t y)
{
    int names = strcmp(a->def.name, b->def.name);
    return names ? names : (x > y) - (x < y);
}

static int by_place(const void *a, const void *b)
{
    const struct watched *const *x = a, *const *y = b;
    return watches_order((*x)->of, (*x)->subject, (*y)->of, (*y)->subject);
}

static struct watched *there(struct kp_watches *w, const struct want *want, size_t n)
{
    struct watched key = { .of = want->of, .subject = want->subject }, *at = &key;
    struct watched **found = n ? bsearch(&at, w->list, n, sizeof *w->list, by_place) : NULL;
    size_t signals;
    const kp_signal *has = found ? kp_post_signals((*found)->post, &signals) : NULL;
    return has && signals == want->n && memcmp(has, want->signal, signals * sizeof *has) == 0 ? *found : NULL;
}

/* ---- posts ---- */
struct watched *watches_find(struct kp_watches *w, int64_t id)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->list[i]->id == id)
            return w->list[i];
    return NULL;
}

void watches_free_one(struct watched *p)
{
    kp_post_free(p->post);
    kp_free(p->relearns);
    kp_free(p);
}

void watches_drop(struct kp_watches *w, struct watched *p)
{
    watches_untell(w, p, kp_utc(w->clock));
    watches_free_one(p);
}

static struct watched *make(const struct want *want, struct kp_err *err)
{
    struct watched *p = kp_alloc(sizeof *p);
    if (!p) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    *p = (struct watched){ .of = want->of,
                           .subject = want->subject,
                           .asset = want->asset,
                           .machine = want->machine,
                           .due = true,
                           .seen = true };
    if ((p->post = kp_post_new(&want->of->def, want->signal, want->n, err)))
        return p;
    kp_free(p);
    return NULL;
}

/* Those that are no more wanted, out of the list. */
static enum kp_code remove_unseen(struct kp_watches *w, struct kp_err *err)
{
    int64_t *ids = kp_alloc((w->n + 1) * sizeof *ids);
    struct watched **gone = kp_alloc((w->n + 1) * sizeof *gone);
    size_t kept = 0, n = 0;
    if (!ids || !gone) {
        kp_free(ids);
        kp_free(gone);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->n; i++) {
        if (w->list[i]->seen)
            w->list[kept++] = w->list[i];
        else
            gone[n++] = w->list[i];
    }
    w->n = kept;
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < n; i++) {
        ids[i] = gone[i]->id;
        watches_drop(w, gone[i]);
    }
    if (n)
        watches_erase(w, ids, n, err);
    kp_free(ids);
    kp_free(gone);
    return err->code;
}

static enum kp_code add_new(struct kp_watches *w, const struct want *new, size_t n, struct kp_err *err)
{
    struct watched **made = kp_alloc((n + 1) * sizeof *made);
    size_t n_made = 0;
    if (!made)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    while (n_made < n && (made[n_made] = make(&new[n_made], err)))
        n_made++;
    if (!err->code)
        watches_rows(w, made, n, err);
    pthread_mutex_lock(&w->lock);
    if (!err->code && !kp_grow(&w->list, &w->room, w->n + n, sizeof *w->list))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!err->code) {
        memcpy(w->list + w->n, made, n * sizeof *made);
        w->n += n;
        qsort(w->list, w->n, sizeof *w->list, by_place);
    }
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < n_made && err->code; i++)
        watches_free_one(made[i]);
    kp_free(made);
    return err->code;
}

/* Marks what stays; what is new comes to the front of the wants. Returns how many. */
static size_t sift(struct kp_watches *w, struct wants *s)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        w->list[i]->seen = false;
    for (size_t i = 0; i < s->n; i++) {
        struct watched *p = there(w, &s->list[i], w->n);
        if (!p) {
            struct want swap = s->list[n];
            s->list[n++] = s->list[i];
            s->list[i] = swap;
            continue;
        }
        pthread_mutex_lock(&w->lock);
        p->seen = true;
        p->asset = s->list[i].asset;
        p->machine = s->list[i].machine;
        kp_post_define(p->post, &p->of->def);
        pthread_mutex_unlock(&w->lock);
    }
    return n;
}

/* ---- tables ---- */
static int by_asset(const void *a, const void *b)
{
    const struct machine *x = a, *y = b;
    return (x->asset > y->asset) - (x->asset < y->asset);
}

/* Lock held. Before, `machine` of each post is its number; afterwards its place. */
static bool make_machines(struct kp_watches *w)
{
    size_t known = w->n_machines, kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        kp_asset asset = w->list[i]->machine;
        if (!asset || (known && bsearch(&(struct machine){ .asset = asset }, w->machines, known, sizeof *w->machines, by_asset)))
            continue;
        if (!kp_grow(&w->machines, &w->machines_room, w->n_machines + 1, sizeof *w->machines)) {
            w->n_machines = known;
            return false;
        }
        w->machines[w->n_machines++] = (struct machine){ .asset = asset, .count = NAN };
    }
    if (w->n_machines > known)
        qsort(w->machines, w->n_machines, sizeof *w->machines, by_asset);
    for (size_t i = 0; i < w->n_machines; i++) /* a new one may be there for several posts */
        if (!kept || w->machines[kept - 1].asset != w->machines[i].asset)
            w->machines[kept++] = w->machines[i];
    w->n_machines = kept;
    for (size_t i = 0; i < w->n_machines; i++)
        w->machines[i].first = 0;
    for (size_t i = w->n; i-- > 0;) {
        struct watched *p = w->list[i];
        p->machine = watches_machine(w, p->machine);
        p->next = 0;
        if (p->machine) {
            p->next = w->machines[p->machine - 1].first;
            w->machines[p->machine - 1].first = (uint32_t)i + 1;
        }
    }
    return true;
}

static bool use(struct kp_watches *w, kp_signal id, uint32_t place, uint32_t nth)
{
    if (!kp_grow(&w->first, &w->n_first, (size_t)id + 1, sizeof *w->first) ||
        !kp_grow(&w->uses, &w->uses_room, w->n_uses + 1, sizeof *w->uses))
        return false;
    w->uses[w->n_uses] = (struct use){ place, nth, w->first[id] };
    w->first[id] = (uint32_t)w->n_uses++;
    return true;
}

static bool make_uses(struct kp_watches *w)
{
    bool ok = true;
    w->n_uses = 1;
    if (w->n_first)
        memset(w->first, 0, w->n_first * sizeof *w->first);
    for (size_t i = 0; i < w->n && ok; i++) {
        size_t n;
        const kp_signal *signals = kp_post_signals(w->list[i]->post, &n);
        for (size_t k = 0; k < n && ok && w->list[i]->of->def.enabled; k++)
            ok = use(w, signals[k], (uint32_t)i, (uint32_t)k);
    }
    for (size_t i = 0; i < w->n_machines && ok; i++) {
        const struct machine *m = &w->machines[i];
        ok = (!m->program_signal || use(w, m->program_signal, (uint32_t)i, USE_PROGRAM)) &&
             (!m->count_signal || use(w, m->count_signal, (uint32_t)i, USE_COUNT));
    }
    uint8_t *wanted = ok && w->n_first ? kp_alloc(w->n_first) : NULL;
    for (size_t i = 0; wanted && i < w->n_first; i++)
        wanted[i] = w->first[i] != 0;
    intake_want(w->intake, wanted, wanted ? w->n_first : 0);
    return ok && (wanted || !w->n_first);
}

static enum kp_code make_tables(struct kp_watches *w, struct kp_err *err)
{
    w->n_listed = 0;
    w->n_due = 0;
    pthread_mutex_lock(&w->lock);
    bool ok = make_machines(w);
    for (size_t i = 0; i < w->n && !ok; i++)
        w->list[i]->machine = 0;
    for (size_t i = 0; i < w->n; i++) {
        w->list[i]->listed = false;
        w->n_due += w->list[i]->due;
    }
    if (ok)
        watches_machines_read(w);
    ok = ok && make_uses(w);
    for (size_t i = 0; i < w->n && ok; i++)
        watches_list(w, (uint32_t)i);
    pthread_mutex_unlock(&w->lock);
    return ok ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

enum kp_code watches_settle(struct kp_watches *w, struct kp_err *err)
{
    struct wants s = { 0 };
    struct kp_err tables = { 0 };
    w->settled = kp_mono(w->clock);
    wants_collect(w, w->defs, true, &s);
    if (s.n > POSTS_MAX) {
        kp_warn("watch", "more is to be watched than can be, the rest is left out", "most=%d wanted=%zu", POSTS_MAX, s.n);
        while (s.n > POSTS_MAX)
            kp_free(s.list[--s.n].signal);
    }
    size_t new = s.failed ? 0 : sift(w, &s);
    if (s.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!remove_unseen(w, err) && new)
        add_new(w, s.list, new, err);
    make_tables(w, &tables);
    for (size_t i = 0; i < w->n; i++)
        if (!w->list[i]->of->def.enabled && w->list[i]->told)
            watches_untell(w, w->list[i], kp_utc(w->clock));
    watches_retell(w);
    if (tables.code && !err->code)
        kp_fail(err, tables.code, "%s", tables.text);
    wants_free(&s);
    return err->code;
}
