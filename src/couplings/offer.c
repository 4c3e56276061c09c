/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/offer.h"

#include "core/coupling.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct publishing {
    struct kp_coupling *c;
    struct kp_offer *list;
    size_t n;
    struct kp_arena text;
    struct kp_profiles profiles;
    const char **known, **seen; /* sorted sources: of our signals; of the catalogue so far */
    size_t n_known, n_seen, seen_room;
    bool part;
    bool failed; /* out of memory while listing */
    struct kp_declare *declare;
    size_t *of; /* of each in `declare`, its offer */
    size_t n_declare;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool among(const char *const *sorted, size_t n, const char *source)
{
    return n && bsearch(&source, sorted, n, sizeof *sorted, by_text);
}

static bool see(void *arg, const struct kp_catalogue_node *node)
{
    struct publishing *p = arg;
    const char *source = kp_arena_strdup(&p->text, node->source);
    p->failed = !source || !kp_grow(&p->seen, &p->seen_room, p->n_seen + 1, sizeof *p->seen);
    if (!p->failed)
        p->seen[p->n_seen++] = source;
    return !p->failed;
}

/* Our signals and the catalogue, as they were before this look. */
static enum kp_code look_back(struct publishing *p, struct kp_err *err)
{
    struct kp_known *known;
    p->n_known = kp_coupling_signals(p->c, &p->text, &known);
    p->known = kp_arena_alloc(&p->text, (p->n_known + 1) * sizeof *p->known);
    if (!known || !p->known)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n_known; i++)
        p->known[i] = known[i].source;
    if (kp_catalogue_list(kp_coupling_context(p->c), kp_coupling_id(p->c), "", "", SIZE_MAX, see, p,
                          err))
        return err->code;
    if (p->failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (p->n_known)
        qsort(p->known, p->n_known, sizeof *p->known, by_text);
    if (p->n_seen)
        qsort(p->seen, p->n_seen, sizeof *p->seen, by_text);
    return KP_OK;
}

static enum kp_code write_catalogue(struct publishing *p, struct kp_err *err)
{
    struct kp_catalogue_node *nodes = kp_arena_alloc(&p->text, (p->n + 1) * sizeof *nodes);
    if (!nodes)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n; i++) {
        const struct kp_offer *o = &p->list[i];
        nodes[i] = (struct kp_catalogue_node){
            .source = o->info.source,
            .path = o->path,
            .type = kp_type_name(o->info.type),
            .unit = o->info.unit_text ? o->info.unit_text : o->info.unit,
            .description = o->info.description,
            .role = o->info.role,
            .kind = o->kind,
            .access = o->access,
        };
    }
    return (p->part ? kp_catalogue_add : kp_catalogue_replace)(kp_coupling_context(p->c), kp_coupling_id(p->c), nodes,
                                                               p->n, err);
}

static void want(struct publishing *p, size_t i)
{
    struct kp_offer *o = &p->list[i];
    p->of[p->n_declare] = i;
    p->declare[p->n_declare++] =
        (struct kp_declare){ .path = o->path, .info = o->info, .asset_kind = KP_FOLDER };
}

/* Known ones; then those with a role, then the others, while there is room. */
static void choose(struct publishing *p, const bool *subscribe, struct kp_offer_result *result)
{
    size_t unasked = p->n_known;
    for (int pass = 0; pass < 3; pass++)
        for (size_t i = 0; i < p->n; i++) {
            const struct kp_offer *o = &p->list[i];
            bool known = among(p->known, p->n_known, o->info.source);
            if (known && pass == 0)
                want(p, i);
            if (known || !subscribe[i] || pass != (o->info.role ? 1 : 2) ||
                among(p->seen, p->n_seen, o->info.source))
                continue;
            if (unasked++ < KP_OFFER_UNASKED_MAX)
                want(p, i);
            else
                result->unasked_left++;
        }
}

static enum kp_code declare(struct publishing *p, struct kp_offer_result *result,
                            struct kp_err *err)
{
    bool *subscribe = kp_arena_alloc(&p->text, p->n + 1);
    p->declare = kp_arena_alloc(&p->text, (p->n + 1) * sizeof *p->declare);
    p->of = kp_arena_alloc(&p->text, (p->n + 1) * sizeof *p->of);
    if (!subscribe || !p->declare || !p->of)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n; i++) {
        struct kp_offer *o = &p->list[i];
        struct kp_profile_choice choice;
        kp_profiles_match(&p->profiles,
                          &(struct kp_profile_variable){
                              .path = o->path, .kind = o->kind, .type = o->info.type },
                          &choice);
        o->id = 0;
        o->info.stored = true;
        if (!o->info.role && !o->info.states) { /* a map knows its machine better */
            o->info.role = choice.role;
            o->info.states = choice.states;
        }
        subscribe[i] = choice.subscribe && o->access & KP_CAN_READ;
    }
    choose(p, subscribe, result);
    if (p->n_declare && kp_coupling_declare(p->c, p->declare, p->n_declare, err))
        return err->code;
    for (size_t i = 0; i < p->n_declare; i++) {
        p->list[p->of[i]].id = p->declare[i].id;
        result->subscribed += p->declare[i].id != 0;
    }
    return KP_OK;
}

enum kp_code kp_offer_publish(struct kp_coupling *c, const struct kp_profile_peer *peer,
                              struct kp_offer *list, size_t n, bool part, struct kp_offer_result *result,
                              struct kp_err *err)
{
    struct publishing p = { .c = c, .list = list, .n = n, .part = part };
    struct kp_err local = { 0 };
    *result = (struct kp_offer_result){ 0 };
    if (!kp_profiles_load(&p.profiles, peer, &local) && !look_back(&p, &local) &&
        !declare(&p, result, &local))
        write_catalogue(&p, &local);
    for (size_t i = 0; i < n; i++) /* they die with the profiles */
        list[i].info.role = list[i].info.states = NULL;
    kp_profiles_free(&p.profiles);
    kp_arena_free(&p.text);
    kp_free(p.seen);
    return local.code ? kp_fail(err, local.code, "%s", local.text) : KP_OK;
}
