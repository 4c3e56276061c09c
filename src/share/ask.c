/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a partner while a person waits: his catalogue. */
#include "share/private.h"

#include "net/courier.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

enum kp_code share_find_partner(struct kp_share *s, const char *name, struct kp_arena *arena,
                                struct share_partner *p, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        share_partner(db, name, arena, p, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}

struct kp_caller share_caller(struct kp_share *s, const char *partner)
{
    return (struct kp_caller){ .hub = s->hub, .partner = partner, .what = "partner", .name = partner };
}

static json_t *ask(struct kp_share *s, const struct share_partner *p, const char *url,
                   const char *body, const char *type, struct kp_arena *arena, const char **next,
                   struct kp_err *err)
{
    struct kp_errand l = { .url = url,
                           .body = body,
                           .ca = p->ca,
                           .caller = share_caller(s, p->name),
                           .most = KP_DSP_BYTES };
    struct kp_answer a;
    if (share_show(s, p, arena, &l.authorization, err))
        return NULL;
    if (!kp_courier_ask(&l, arena, &a, err)) {
        kp_context(err, "partner %.60s", p->name);
        return NULL;
    }
    if (a.status != 200) {
        kp_fail(err, a.status == 404 ? KP_ENOTFOUND : KP_EPEER,
                "partner %.60s answers with status %ld: %.120s", p->name, a.status, a.text);
        return NULL;
    }
    json_t *o = kp_dsp_answer(type, a.text, a.len, err);
    if (err->code == KP_EPARSE || err->code == KP_EINVALID)
        err->code = KP_EPEER;
    if (next)
        *next = *a.next ? a.next : NULL;
    if (!o)
        kp_context(err, "partner %.60s", p->name);
    return o;
}

static const char *below(const struct share_partner *p, struct kp_arena *arena, const char *path,
                         const char *id, struct kp_err *err)
{
    struct kp_buf url;
    kp_buf_init(&url, 8 * KP_DSP_ID);
    share_put_url(&url, p->url, path, id);
    const char *text = url.failed ? NULL : kp_arena_strdup(arena, kp_buf_text(&url));
    kp_buf_free(&url);
    if (!text)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return text;
}

static void put_offers(struct kp_json *j, const json_t *dataset)
{
    const json_t *list = json_object_get(dataset, "hasPolicy"), *o;
    size_t i;
    kp_json_key(j, "offers");
    kp_json_begin(j, '[');
    for (i = 0; i < (json_is_array(list) ? json_array_size(list) : list != NULL); i++) {
        o = json_is_array(list) ? json_array_get(list, i) : list;
        const char *id = kp_dsp_text(o, "@id");
        if (!id)
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", id);
        kp_json_key(j, "policy");
        kp_json_begin(j, '{');
        for (size_t k = 0; kp_dsp_rule_words[k]; k++)
            if (json_object_get(o, kp_dsp_rule_words[k]))
                kp_dsp_put(j, kp_dsp_rule_words[k], json_object_get(o, kp_dsp_rule_words[k]));
        kp_json_end(j, '}');
        kp_json_key(j, "words");
        kp_share_words(j, o);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_datasets(struct kp_json *j, const json_t *catalogue)
{
    const json_t *list = json_object_get(catalogue, "dataset");
    for (size_t i = 0; i < (json_is_array(list) ? json_array_size(list) : list != NULL); i++) {
        const json_t *d = json_is_array(list) ? json_array_get(list, i) : list;
        const char *id = kp_dsp_text(d, "@id");
        if (!id)
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", id);
        put_offers(j, d);
        kp_json_end(j, '}');
    }
}

enum { PAGES_MAX = 1000, PAGES_WITHIN_S = 30 };
enum kp_code kp_share_catalogue(struct kp_share *s, const char *name, struct kp_json *j,
                                struct kp_err *err)
{
    static const char body[] =
        "{\"@context\":[\"" KP_DSP_CONTEXT "\"],\"@type\":\"CatalogRequestMessage\"}";
    struct kp_arena arena = { 0 };
    struct share_partner p;
    bool begun = false;
    const char *url = share_find_partner(s, name, &arena, &p, err)
                          ? NULL
                          : below(&p, &arena, "/catalog/request", NULL, err);
    int64_t end = kp_mono(s->clock) + PAGES_WITHIN_S * KP_SECOND;
    for (int i = 0; url && !err->code; i++) {
        struct kp_arena of_page = { 0 };
        const char *next = NULL;
        if (i == PAGES_MAX) {
            kp_fail(err, KP_EPEER, "the catalogue of partner %.60s has more than %d pages", p.name,
                    PAGES_MAX);
            break;
        }
        if (kp_mono(s->clock) > end) {
            kp_fail(err, KP_EPEER,
                    "partner %.60s is slow: not all of his catalogue came within %d seconds",
                    p.name, PAGES_WITHIN_S);
            break;
        }
        json_t *page = ask(s, &p, url, body, "Catalog", &of_page, &next, err);
        if (page && !begun) {
            kp_json_begin(j, '{');
            kp_json_put_text(j, "partner", p.name);
            kp_json_put_text(j, "participantId", kp_dsp_text(page, "participantId"));
            kp_json_key(j, "datasets");
            kp_json_begin(j, '[');
            begun = true;
        }
        if (page)
            put_datasets(j, page);
        json_decref(page);
        url = next && share_same_origin(next, p.url) ? kp_arena_strdup(&arena, next) : NULL;
        if (next && share_same_origin(next, p.url) && !url)
            share_starved(err);
        kp_arena_free(&of_page);
    }
    if (begun) {
        kp_json_end(j, ']');
        kp_json_end(j, '}');
    }
    kp_arena_free(&arena);
    return err->code;
}

/* The partner's own words for an offer, or (id NULL) for the first one of a dataset; *id: what it
 * is called. json_decref it. */
static json_t *fetch_offer(struct kp_share *s, const struct share_partner *p, const char *dataset,
                           const char **id, struct kp_arena *arena, struct kp_err *err)
{
    const char *url = below(p, arena, "/catalog/datasets/", dataset, err);
    json_t *d = url ? ask(s, p, url, NULL, "Dataset", arena, NULL, err) : NULL, *found = NULL;
    json_t *list = json_object_get(d, "hasPolicy");
    for (size_t i = 0; !found && i < (json_is_array(list) ? json_array_size(list) : list != NULL);
         i++) {
        json_t *o = json_is_array(list) ? json_array_get(list, i) : list;
        const char *name = kp_dsp_text(o, "@id");
        if (!name || (*id && strcmp(*id, name) != 0))
            continue;
        *id = kp_arena_strdup(arena, name);
        found = json_incref(o);
    }
    json_decref(d);
    if (!found && !err->code)
        kp_fail(err, KP_ENOTFOUND, "partner %.60s has no %s%.100s for dataset '%.80s'", p->name,
                *id ? "offer " : "offer", *id ? *id : "", dataset);
    return found;
}

/* The initial offer of a negotiation: from the body, or as the partner has it in his catalogue. */
json_t *share_wanted_offer(struct kp_share *s, const struct share_partner *partner, const json_t *o,
                           const char *dataset, struct kp_arena *arena, struct kp_err *err)
{
    const char *id;
    json_t *policy = NULL, *offer = NULL;
    if (kp_member_text(o, "negotiation", "offer", false, &id, err))
        return NULL;
    if (!json_object_get(o, "policy"))
        policy = fetch_offer(s, partner, dataset, &id, arena, err);
    else if (!id)
        kp_fail(err, KP_EINVALID, "offer: a policy goes with the id of an offer");
    else
        share_read_policy(o, &policy, err);
    if (policy) {
        offer = share_offer_of(policy, id, dataset, partner->id, NULL);
        if (!offer)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    json_decref(policy);
    return offer;
}

static json_t *read_offer(struct kp_db *db, const struct share_partner *partner, const char *dataset,
                          const char *id, struct kp_arena *arena, const char **found,
                          struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select id, policy from share_offer where dataset = ?1 and "
                                      "(partner is null or partner = ?2) and (?3 is null or id = "
                                      "?3) order by partner is null, made, id",
                                      err);
    json_t *policy = NULL;
    if (!s)
        return NULL;
    kp_bind_text(s, 1, dataset);
    kp_bind_text(s, 2, partner->name);
    kp_bind_text(s, 3, id);
    if (kp_step(s, err)) {
        *found = kp_column_copy(s, 0, arena);
        policy = kp_json_read(kp_column_text(s, 1), "policy", err);
    } else if (!err->code) {
        kp_fail(err, KP_ENOTFOUND,
                "there is no %s%.100s of dataset '%.80s' to partner %.60s: koppel offer add",
                id ? "offer " : "offer", id ? id : "", dataset, partner->name);
    }
    kp_reset(s);
    return policy;
}

json_t *share_made_offer(struct kp_share *s, const struct share_partner *partner, const json_t *o,
                         const char *dataset, struct kp_arena *arena, struct kp_err *err)
{
    const char *id, *found = NULL;
    struct share_self self;
    if (kp_member_text(o, "negotiation", "offer", false, &id, err))
        return NULL;
    if (json_object_get(o, "policy")) {
        kp_fail(err, KP_EINVALID, "policy: a provider begins with an offer as he has made it");
        return NULL;
    }
    if (!share_shown(s, KP_TO_PARTNER, partner->name, dataset, err)) {
        if (!err->code)
            kp_fail(err, KP_ENOTFOUND, "dataset '%.80s' is not shown to partner %.60s", dataset,
                    partner->name);
        return NULL;
    }
    struct kp_db *db = kp_store_reader(s->store, err);
    json_t *policy = db ? read_offer(db, partner, dataset, id, arena, &found, err) : NULL,
           *offer = NULL;
    kp_store_reader_done(s->store, db);
    if (policy && found && !share_self(s, arena, &self, err))
        offer = share_offer_of(policy, found, dataset, self.id, partner->id);
    if (!offer && !err->code)
        share_starved(err);
    json_decref(policy);
    return offer;
}
