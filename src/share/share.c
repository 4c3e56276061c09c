/* SPDX-License-Identifier: Apache-2.0 */
/* What people do with negotiations, transfers and agreements. */
#include "share/private.h"

#include "core/log.h"
#include "net/courier.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- life ---- */
struct kp_share *kp_share_new(struct kp_store *store, struct kp_model *model,
                              const struct kp_clock *clock, struct kp_err *err)
{
    struct kp_share *s = kp_alloc(sizeof *s);
    if (!s) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    s->store = store;
    s->model = model;
    s->clock = clock ? clock : &kp_clock_system;
    const char *testing = getenv("KOPPEL_TEST_IDENTITIES");
    s->testing = testing && strcmp(testing, "1") == 0;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->brought_lock, NULL);
    if (!share_load_brought(s, err) && !share_keeper_new(s, err))
        return s;
    kp_share_free(s);
    return NULL;
}

enum kp_code kp_share_start(struct kp_share *s, struct kp_err *err)
{
    if (share_exits_settle(s, err))
        return err->code;
    s->courier = kp_courier_new(err);
    if (!s->courier)
        return err->code;
    s->stopping = false;
    s->started = kp_utc(s->clock);
    if (s->testing)
        kp_warn("share",
                "KOPPEL_TEST_IDENTITIES is set: partners with identity edc-mock need prove nothing",
                "%s", "");
    if (share_push_start(s, err) || pthread_create(&s->thread, NULL, share_deliver, s) != 0) {
        s->stopping = true;
        share_push_stop(s);
        kp_courier_free(s->courier);
        s->courier = NULL;
        return err->code
                   ? err->code
                   : kp_fail(err, KP_EIO,
                             "the system gives no thread for what partners are told");
    }
    s->running = true;
    return KP_OK;
}

void kp_share_stop(struct kp_share *s)
{
    if (!s || !s->running)
        return;
    s->stopping = true;
    share_wake(s);
    pthread_join(s->thread, NULL);
    share_push_stop(s);
    kp_courier_free(s->courier);
    s->courier = NULL;
    s->running = false;
}

void kp_share_free(struct kp_share *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->brought_lock);
    if (s->key)
        explicit_bzero(s->key, strlen(s->key));
    share_keeper_free(s);
    kp_free(s->key);
    kp_free(s->jwk);
    kp_free(s->id);
    kp_free(s->seen);
    share_brought_free(s);
    kp_free(s);
}

/* ---- saying something ---- */
struct act {
    struct share_step step;
    struct share_process *process; /* begins with it, or (id) found */
    enum kp_deal deal;
    enum kp_word word;
    const json_t *extra; /* taken as it is; of a counter-offer the policy */
    const char *partner_id;
};

/* The terms of a counter-offer as an offer of this negotiation. */
static json_t *counter(const struct act *a, const struct share_process *p, const char *provider,
                       const char *consumer, struct kp_err *err)
{
    json_t *before = kp_json_read(p->offer ? p->offer : "{}", "offer", err);
    const char *id = kp_dsp_text(before, "@id");
    json_t *o = before ? share_offer_of(a->extra ? a->extra : before, id ? id : p->pid, p->dataset,
                                        provider, consumer)
                       : NULL;
    json_decref(before);
    if (!o && !err->code)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return o;
}

/* Where we take what will be pushed is kept: who pushes must show its token. */
static enum kp_code ask_to_push(struct kp_db *db, const struct act *a, struct share_process *p,
                                struct kp_err *err)
{
    const char *address = share_dump(a->extra, a->step.arena, err);
    if (!address || share_say(db, &a->step, p, a->word, a->extra, err))
        return err->code;
    return share_keep_address(db, &a->step, p, address, err);
}

static enum kp_code act(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct act *a = arg;
    struct share_process *p = a->process;
    struct share_partner partner;
    if (p->id && share_process_by_id(db, p->id, a->step.arena, p, err))
        return err->code;
    if (p->deal != a->deal)
        return kp_fail(err, KP_ENOTFOUND, "there is no %s %lld",
                       a->deal == KP_TRANSFER ? "transfer" : "negotiation", (long long)p->id);
    if (share_partner(db, p->partner, a->step.arena, &partner, err) ||
        (!p->id && share_open_room(db, p->partner, p->deal, err)))
        return err->code;
    if (!p->id && share_pushes(p))
        return ask_to_push(db, a, p, err);
    if (p->deal == KP_TRANSFER || (a->word != KP_SAY_OFFER && a->word != KP_SAY_REQUEST) || !p->id)
        return share_say(db, &a->step, p, a->word, a->extra, err);
    bool provides = p->side == KP_PROVIDER;
    a->word = provides ? KP_SAY_OFFER : KP_SAY_REQUEST;
    json_t *offer =
        counter(a, p, provides ? a->step.self->id : partner.id, provides ? partner.id : NULL, err);
    if (offer)
        share_say(db, &a->step, p, a->word, offer, err);
    json_decref(offer);
    return err->code;
}

static enum kp_code perform(struct kp_share *s, struct act *a, struct kp_arena *arena,
                            struct kp_err *err)
{
    struct share_self self;
    if (share_self(s, arena, &self, err))
        return err->code;
    a->step = (struct share_step){ s, arena, &self, kp_utc(s->clock) };
    if (!kp_store_do(s->store, act, a, err)) {
        share_keep(s, a->process);
        share_wake(s);
    }
    return err->code;
}

/* A reason is text, an address an object; both are optional. */
static enum kp_code read_extra(enum kp_word word, const json_t *o, json_t **extra,
                               struct kp_err *err)
{
    static const char *const reasons[] = { "reason", NULL }, *const policies[] = { "policy", NULL },
                             *const addresses[] = { "address", NULL }, *const nothing[] = { NULL };
    bool ends = word == KP_SAY_TERMINATE || word == KP_SAY_SUSPEND,
         offers = word == KP_SAY_OFFER || word == KP_SAY_REQUEST;
    const char *reason;
    *extra = NULL;
    if (!o)
        return KP_OK;
    if (kp_members_known(o, "body",
                         ends                   ? reasons
                         : offers               ? policies
                         : word == KP_SAY_START ? addresses
                                                : nothing,
                         err))
        return err->code;
    if (offers)
        return json_object_get(o, "policy") ? share_read_policy(o, extra, err) : KP_OK;
    if (ends) {
        if (!kp_member_text(o, "body", "reason", false, &reason, err) && reason)
            *extra = json_incref(json_object_get(o, "reason"));
        return err->code;
    }
    json_t *address = json_object_get(o, "address");
    if (!address || json_is_null(address))
        return KP_OK;
    if (!json_is_string(json_object_get(address, "endpointType")))
        return kp_fail(err, KP_EINVALID,
                       "address: a dataAddress of the protocol, with endpointType");
    *extra = json_deep_copy(address);
    if (!*extra || json_object_set_new(*extra, "@type", json_string("DataAddress"))) {
        json_decref(*extra);
        *extra = NULL;
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return KP_OK;
}

enum kp_code kp_share_say(struct kp_share *s, enum kp_deal deal, int64_t id, enum kp_word word,
                          const json_t *o, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct share_process p = { .id = id };
    json_t *extra;
    struct act a = { .process = &p, .deal = deal, .word = word };
    if (!read_extra(word, o, &extra, err)) {
        a.extra = extra;
        perform(s, &a, &arena, err);
    }
    json_decref(extra);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- beginning ---- */
static enum kp_code begin(struct kp_share *s, struct share_process *p, const json_t *extra,
                          struct kp_arena *arena, int64_t *id, struct kp_err *err)
{
    char pid[PID_TEXT], base[KP_SHARE_URL];
    json_t *address = NULL;
    struct act a = { .process = p,
                     .deal = p->deal,
                     .word = p->side == KP_PROVIDER ? KP_SAY_OFFER : KP_SAY_REQUEST,
                     .extra = extra };
    kp_share_base(s, base);
    if (!base[0])
        return kp_fail(err, KP_EINVALID,
                       "the partner could not answer, for this node is reached by nobody: open its "
                       "listener first, koppel listen --partners");
    share_pid(pid);
    p->pid = pid;
    if (share_pushes(p))
        a.extra = address = share_own_target(s, pid, err);
    if (!err->code && !perform(s, &a, arena, err))
        *id = p->id;
    json_decref(address);
    return err->code;
}

static bool read_side(const char *word, enum kp_side *side)
{
    *side = strcmp(word, kp_side_words[KP_PROVIDER]) == 0 ? KP_PROVIDER : KP_CONSUMER;
    return strcmp(word, kp_side_words[*side]) == 0;
}

enum kp_code kp_share_negotiate(struct kp_share *s, const json_t *o, int64_t *id,
                                struct kp_err *err)
{
    static const char *const known[] = {
        "partner", "dataset", "offer", "policy", "automatic", "side", NULL
    };
    struct kp_arena arena = { 0 };
    struct share_partner partner;
    struct share_process p = { .deal = KP_NEGOTIATION };
    const json_t *automatic = json_object_get(o, "automatic");
    const char *side;
    if (!kp_members_known(o, "negotiation", known, err) &&
        !kp_member_text(o, "negotiation", "partner", true, &p.partner, err) &&
        !kp_member_text(o, "negotiation", "dataset", true, &p.dataset, err) &&
        !kp_member_text(o, "negotiation", "side", false, &side, err) && automatic &&
        !json_is_boolean(automatic) && !json_is_null(automatic))
        kp_fail(err, KP_EINVALID, "automatic must be true or false");
    if (!err->code && side && !read_side(side, &p.side))
        kp_fail(err, KP_EINVALID, "side must be consumer or provider");
    if (!err->code && !share_find_partner(s, p.partner, &arena, &partner, err)) {
        json_t *offer = p.side == KP_PROVIDER
                            ? share_made_offer(s, &partner, o, p.dataset, &arena, err)
                            : share_wanted_offer(s, &partner, o, p.dataset, &arena, err);
        p.automatic = !json_is_false(automatic);
        p.callback = partner.url;
        if (offer)
            begin(s, &p, offer, &arena, id, err);
        json_decref(offer);
    }
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code find_agreement(struct kp_share *s, const char *id, struct kp_arena *arena,
                                   struct share_agreement *a, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        share_agreement(db, id, arena, a, err);
    kp_store_reader_done(s->store, db);
    if (err->code)
        return err->code;
    if (a->side != KP_CONSUMER)
        return kp_fail(
            err, KP_EINVALID,
            "agreement '%.100s': this node is its provider; the partner asks for the transfer", id);
    return a->active ? KP_OK : kp_fail(err, KP_EEXISTS, "agreement '%.100s' is not in force", id);
}

enum kp_code kp_share_transfer(struct kp_share *s, const json_t *o, int64_t *id, struct kp_err *err)
{
    static const char *const known[] = { "agreement", "format", NULL };
    struct kp_arena arena = { 0 };
    struct share_partner partner;
    struct share_agreement a;
    struct share_process p = { .deal = KP_TRANSFER, .format = "HttpData-PULL" };
    const char *format;
    if (!kp_members_known(o, "transfer", known, err) &&
        !kp_member_text(o, "transfer", "agreement", true, &p.agreement, err) &&
        !kp_member_text(o, "transfer", "format", false, &format, err) &&
        !find_agreement(s, p.agreement, &arena, &a, err) &&
        !share_find_partner(s, a.partner, &arena, &partner, err)) {
        p.partner = a.partner;
        p.dataset = a.dataset;
        p.format = format ? format : p.format;
        p.callback = partner.url;
        begin(s, &p, NULL, &arena, id, err);
    }
    kp_arena_free(&arena);
    return err->code;
}

/* ---- ending an agreement ---- */
struct ending {
    struct share_step step;
    const char *id;
    const json_t *why; /* text */
};

static enum kp_code end_transfers(struct kp_db *db, const struct ending *e, struct kp_err *err)
{
    for (;;) {
        struct share_process p;
        struct kp_stmt *s = kp_db_prepare(db,
                                          "select id from share_process where kind = 1 and "
                                          "agreement = ? and state not in (5, 8, 9) limit 1",
                                          err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, e->id);
        int64_t id = kp_step(s, err) ? kp_column_int(s, 0) : 0;
        kp_reset(s);
        if (!id || share_process_by_id(db, id, e->step.arena, &p, err) ||
            share_say(db, &e->step, &p, KP_SAY_TERMINATE, e->why, err))
            return err->code;
    }
}

static enum kp_code end_agreement(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct ending *e = arg;
    struct share_agreement a;
    if (share_agreement(db, e->id, e->step.arena, &a, err))
        return err->code;
    if (!a.active)
        return kp_fail(err, KP_EEXISTS, "agreement '%.100s' is not in force", a.id);
    struct kp_stmt *s = kp_db_prepare(
        db, "update share_agreement set active = 0, ended = ?, why = ? where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, e->step.now);
    kp_bind_text(s, 2, json_string_value(e->why));
    kp_bind_text(s, 3, a.id);
    return kp_run(s, err) ? err->code : end_transfers(db, e, err);
}

enum kp_code kp_share_agreement_end(struct kp_share *s, const char *id, const char *why,
                                    struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct share_self self;
    json_t *reason = json_string(why ? why : "ended by the other side");
    if (!reason)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!share_self(s, &arena, &self, err)) {
        struct ending e = { { s, &arena, &self, kp_utc(s->clock) }, id, reason };
        if (!kp_store_do(s->store, end_agreement, &e, err)) {
            share_keep_agreement(s, id);
            share_wake(s);
        }
    }
    json_decref(reason);
    kp_arena_free(&arena);
    return err->code;
}
