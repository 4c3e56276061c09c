/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of negotiations and transfers. Each runs whole inside one transaction: what is heard or
 * said moves the state, makes or ends the agreement, and puts what follows from it by itself into
 * the outbox. */
#include "share/private.h"

#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum kp_code share_starved(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory");
}

void share_member(json_t *object, const char *key, json_t *value, struct kp_err *err)
{
    if (json_object_set_new(object, key, value) && !err->code)
        share_starved(err);
}

/* ---- JSON kept as text ---- */
const char *share_dump(const json_t *j, struct kp_arena *arena, struct kp_err *err)
{
    char *text = kp_json_dump(j, JSON_COMPACT | JSON_ENCODE_ANY);
    bool fits = !text || strlen(text) < KP_SHARE_TERMS;
    const char *kept = text && fits ? kp_arena_strdup(arena, text) : NULL;
    kp_free(text);
    if (!fits)
        kp_fail(err, KP_EINVALID, "terms or addresses of more than %d KiB are not taken",
                KP_SHARE_TERMS >> 10);
    else if (!kept)
        share_starved(err);
    return kept;
}

const char *share_short(const char *text, struct kp_arena *arena)
{
    char kept[KP_ERR_TEXT];
    if (!text)
        return NULL;
    kp_utf8_clean(kept, sizeof kept, text, strlen(text));
    return kp_arena_strdup(arena, kept);
}

/* Rules of `policy` as an offer (or, with both parties, an agreement) in a message. */
json_t *share_offer_of(const json_t *policy, const char *id, const char *dataset,
                       const char *assigner, const char *assignee)
{
    json_t *o = json_object();
    const char *key;
    json_t *value;
    int failed = !o;
    if (o)
        json_object_foreach((json_t *)(uintptr_t)policy, key, value) failed |=
            json_object_set(o, key, value);
    if (failed || json_object_set_new(o, "@id", json_string(id)) ||
        json_object_set_new(o, "@type", json_string("Offer")) ||
        json_object_set_new(o, "target", json_string(dataset)) ||
        (assigner && json_object_set_new(o, "assigner", json_string(assigner))) ||
        (assignee && json_object_set_new(o, "assignee", json_string(assignee)))) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* ---- agreements ---- */
/* Which of our offers it began with. */
static const char *offer_id(const struct share_process *p, struct kp_arena *arena)
{
    struct kp_err none = { 0 };
    json_t *offer = p->side == KP_PROVIDER && p->offer ? kp_json_read(p->offer, "offer", &none)
                                                       : NULL;
    const char *id = kp_dsp_text(offer, "@id");
    id = id ? kp_arena_strdup(arena, id) : NULL;
    json_decref(offer);
    return id;
}

enum kp_code share_agreement_add(struct kp_db *db, const struct share_step *w,
                                 const struct share_process *p, const char *text,
                                 struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into share_agreement(id, process, side, partner, "
                                      "dataset, text, signals, active, made, automatic)"
                                      " values(?1, ?2, ?3, ?4, ?5, ?6, (select signals from "
                                      "share_dataset where id = ?5 and ?3 = 1), 0, ?7,"
                                      " coalesce((select automatic from share_offer where id = "
                                      "?8), 1))",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, p->agreement);
    kp_bind_int(s, 2, p->id);
    kp_bind_int(s, 3, p->side);
    kp_bind_text(s, 4, p->partner);
    kp_bind_text(s, 5, p->dataset);
    kp_bind_text(s, 6, text);
    kp_bind_int(s, 7, w->now);
    kp_bind_text(s, 8, offer_id(p, w->arena));
    struct kp_err why = { 0 };
    if (kp_run(s, &why) == KP_EEXISTS)
        return kp_fail(err, KP_EINVALID, "there is an agreement '%.120s' already", p->agreement);
    return why.code ? kp_fail(err, why.code, "%s", why.text) : KP_OK;
}

/* number -1, text NULL: the statement has none. */
static enum kp_code agreement_do(struct kp_db *db, const char *sql, const char *id, int64_t number,
                                 const char *text, struct kp_err *err)
{
    struct kp_stmt *s = id ? kp_db_prepare(db, sql, err) : NULL;
    if (!s)
        return err->code;
    kp_bind_text(s, 1, id);
    if (number >= 0)
        kp_bind_int(s, 2, number);
    if (text)
        kp_bind_text(s, 3, text);
    return kp_run(s, err);
}

enum kp_code share_agreement_active(struct kp_db *db, const char *id, bool on, struct kp_err *err)
{
    return agreement_do(db, "update share_agreement set active = ?2 where id = ?1", id, on, NULL,
                        err);
}

enum kp_code share_agreement_over(struct kp_db *db, const char *id, int64_t now, const char *why,
                                  struct kp_err *err)
{
    return agreement_do(db,
                        "update share_agreement set ended = ?2, active = 0, why = ?3 where id = ?1 "
                        "and ended is null",
                        id, now, why ? why : "terminated", err);
}

/* ---- saying ---- */
static enum kp_code outbox_add(struct kp_db *db, const struct share_step *w,
                               const struct share_process *p, const struct share_before *before,
                               const char *extra, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into share_outbox(process, word, extra, before, "
                                      "offer, due, since) values(?, ?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, p->id);
    kp_bind_int(s, 2, before->word);
    kp_bind_text(s, 3, extra);
    kp_bind_int(s, 4, before->state);
    kp_bind_text(s, 5, before->offer);
    kp_bind_int(s, 6, w->now);
    kp_bind_int(s, 7, w->now);
    return kp_run(s, err);
}

enum kp_code share_outbox_clear(struct kp_db *db, const struct share_process *p, bool heard,
                                struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      heard || p->peer ? "delete from share_outbox where process = ? and word >= ?"
                                       : "delete from share_outbox where process = ? and word > ?",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, p->id);
    kp_bind_int(s, 2, KP_SAY_REQUEST);
    return kp_run(s, err);
}

static enum kp_code make_agreement(struct kp_db *db, const struct share_step *w,
                                   struct share_process *p, const char **extra, struct kp_err *err)
{
    char id[PID_TEXT], at[KP_TIME_TEXT];
    struct share_partner partner;
    if (share_partner(db, p->partner, w->arena, &partner, err))
        return err->code;
    share_pid(id);
    kp_time_print(w->now / KP_SECOND * KP_SECOND, at);
    json_t *offer = p->offer ? kp_json_read(p->offer, "offer", err) : NULL;
    json_t *a = offer ? share_offer_of(offer, id, p->dataset, w->self->id, partner.id) : NULL;
    if (a && !json_object_set_new(a, "@type", json_string("Agreement")) &&
        !json_object_set_new(a, "timestamp", json_string(at)))
        *extra = share_dump(a, w->arena, err);
    else if (!err->code)
        share_starved(err);
    json_decref(a);
    json_decref(offer);
    p->agreement = kp_arena_strdup(w->arena, id);
    if (!err->code && !p->agreement)
        share_starved(err);
    return err->code ? err->code : share_agreement_add(db, w, p, *extra, err);
}

/* The terms on the table must be such as are kept. */
static enum kp_code check_terms(const struct share_process *p, struct kp_err *err)
{
    struct kp_terms terms;
    json_t *offer = kp_json_read(p->offer ? p->offer : "{}", "offer", err);
    if (offer)
        share_terms(offer, &terms, err);
    json_decref(offer);
    return err->code;
}

void share_address_name(const struct share_process *p, char name[SECRET_NAME])
{
    snprintf(name, SECRET_NAME, "share/transfer/%lld", (long long)p->id);
}

enum kp_code share_keep_address(struct kp_db *db, const struct share_step *w,
                                const struct share_process *p, const char *address,
                                struct kp_err *err)
{
    char name[SECRET_NAME];
    share_address_name(p, name);
    return kp_secret_write(w->share->store, db, name, address, strlen(address), err);
}

/* What saying it does besides moving the state. */
static enum kp_code effect_of_saying(struct kp_db *db, const struct share_step *w,
                                     struct share_process *p, enum kp_word word, const char **extra,
                                     const char *reason, struct kp_err *err)
{
    switch (word) {
    case KP_SAY_REQUEST:
    case KP_SAY_OFFER:
        if (p->deal == KP_TRANSFER)
            return KP_OK;
        p->offer = *extra ? *extra : p->offer;
        *extra = p->offer;
        p->offered = true;
        return check_terms(p, err);
    case KP_SAY_ACCEPT:
        return check_terms(p, err);
    case KP_SAY_AGREE:
        return check_terms(p, err) ? err->code : make_agreement(db, w, p, extra, err);
    case KP_SAY_FINALIZE:
        return share_agreement_active(db, p->agreement, true, err);
    case KP_SAY_START:
        return *extra ? share_keep_address(db, w, p, *extra, err) : KP_OK;
    case KP_SAY_TERMINATE:
        p->note = reason;
        return share_outbox_clear(db, p, false, err) || p->deal == KP_TRANSFER
                   ? err->code
                   : share_agreement_over(db, p->agreement, w->now, reason, err);
    default:
        return KP_OK;
    }
}

/* The address of a transfer that is over opens nothing any more, or should not. */
enum kp_code share_forget_address(struct kp_db *db, const struct share_step *w,
                                  const struct share_process *p, struct kp_err *err)
{
    char name[SECRET_NAME];
    share_address_name(p, name);
    return p->deal == KP_TRANSFER && kp_deal_over(p->state)
               ? kp_secret_write(w->share->store, db, name, NULL, 0, err)
               : KP_OK;
}

int share_next(const struct share_process *p, enum kp_word word, enum kp_side by)
{
    bool again = p->deal == KP_TRANSFER && p->state == KP_STARTED && word == KP_SAY_START &&
                 by == KP_PROVIDER;
    return again ? KP_STARTED : kp_deal_next(p->deal, p->state, word, by);
}

static int first_state(enum kp_word word)
{
    return word == KP_SAY_OFFER ? KP_OFFERED : KP_REQUESTED;
}

enum kp_code share_say(struct kp_db *db, const struct share_step *w, struct share_process *p,
                       enum kp_word word, const json_t *extra, struct kp_err *err)
{
    bool begins = !p->id;
    int next = begins ? first_state(word) : share_next(p, word, p->side);
    bool terms = p->deal == KP_NEGOTIATION && (word == KP_SAY_OFFER || word == KP_SAY_REQUEST);
    struct share_before before = { word, begins ? KP_TERMINATED : p->state,
                                   terms && !begins ? p->offer : NULL };
    const char *text = extra ? share_dump(extra, w->arena, err) : NULL;
    if (err->code)
        return err->code;
    if (next < 0)
        return kp_fail(err, KP_EEXISTS, "as %s of a %s that is %s this node cannot %s",
                       kp_side_words[p->side], share_noun(p->deal), kp_deal_state_words[p->state],
                       kp_say_words[word]);
    if (effect_of_saying(db, w, p, word, &text, json_string_value(extra), err))
        return err->code;
    p->state = (enum kp_deal_state)next;
    if (word != KP_SAY_TERMINATE)
        p->note = NULL;
    if (share_process_put(db, p, w->now, err) || share_forget_address(db, w, p, err))
        return err->code;
    return outbox_add(db, w, p, &before, text, err);
}

enum kp_code share_unsay(struct kp_db *db, const struct share_step *w, struct share_process *p,
                         const struct share_before *before, const char *why, struct kp_err *err)
{
    int said = before->state == KP_TERMINATED
                   ? first_state(before->word)
                   : kp_deal_next(p->deal, before->state, before->word, p->side);
    p->note = why;
    if ((int)p->state == said &&
        before->word != KP_SAY_TERMINATE) { /* else the other side has gone on meanwhile */
        if (before->word == KP_SAY_AGREE) {
            agreement_do(db, "delete from share_agreement where id = ?1", p->agreement, -1, NULL,
                         err);
            p->agreement = NULL;
        }
        if (before->word == KP_SAY_FINALIZE)
            share_agreement_active(db, p->agreement, false, err);
        if (before->offer) {
            p->offer = before->offer;
            p->offered = false;
        }
        p->state = before->state;
        share_outbox_clear(db, p, true, err);
    }
    return err->code ? err->code : share_process_put(db, p, w->now, err);
}
