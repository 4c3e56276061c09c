/* SPDX-License-Identifier: Apache-2.0 */
/* What partners say. */
#include "share/private.h"

#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static enum kp_side other(enum kp_side side)
{
    return side == KP_CONSUMER ? KP_PROVIDER : KP_CONSUMER;
}

/* ---- what follows by itself ---- */
/* Whether the offer that was sent to us is one we have made, word for word. */
static bool is_our_offer(struct kp_db *db, const struct share_process *p, const json_t *offer,
                         bool *automatic, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select policy, automatic from share_offer where id = ? and "
                                      "dataset = ? and (partner is null or partner = ?)",
                                      err);
    bool same = false;
    *automatic = false;
    if (!s)
        return false;
    kp_bind_text(s, 1, kp_dsp_text(offer, "@id"));
    kp_bind_text(s, 2, p->dataset);
    kp_bind_text(s, 3, p->partner);
    if (kp_step(s, err)) {
        json_t *ours = kp_json_read(kp_column_text(s, 0), "policy", err);
        same = ours && kp_share_same_terms(ours, offer);
        *automatic = kp_column_int(s, 1);
        json_decref(ours);
        kp_reset(s);
    }
    return same;
}

static enum kp_code answer(struct kp_db *db, const struct share_step *w, struct share_process *p,
                           bool same, struct kp_err *err)
{
    static const struct {
        enum kp_side side;
        enum kp_deal_state state;
        enum kp_word word;
        bool if_same; /* only to what was agreed or offered before */
    } rules[] = {
        { KP_PROVIDER, KP_REQUESTED, KP_SAY_AGREE, true },
        { KP_PROVIDER, KP_ACCEPTED, KP_SAY_AGREE, false },
        { KP_PROVIDER, KP_VERIFIED, KP_SAY_FINALIZE, false },
        { KP_CONSUMER, KP_OFFERED, KP_SAY_ACCEPT, true },
        { KP_CONSUMER, KP_AGREED, KP_SAY_VERIFY, true },
    };
    if (p->deal != KP_NEGOTIATION || !p->automatic)
        return KP_OK;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].side == p->side && rules[i].state == p->state && (same || !rules[i].if_same))
            return share_say(db, w, p, rules[i].word, NULL, err);
    return KP_OK;
}

/* ---- hearing ---- */
static enum kp_code check_parties(struct kp_db *db, const struct share_step *w,
                                  const struct share_process *p, const struct kp_dsp *m,
                                  struct kp_err *err)
{
    struct share_partner partner;
    if (share_partner(db, p->partner, w->arena, &partner, err))
        return err->code;
    const char *assigner = kp_dsp_text(m->offer, "assigner"),
               *assignee = kp_dsp_text(m->offer, "assignee");
    if (strcmp(assigner, partner.id) != 0 || strcmp(assignee, w->self->id) != 0)
        return kp_fail(err, KP_EINVALID,
                       "agreement: it must be between %.80s (assigner) and %.80s (assignee)",
                       partner.id, w->self->id);
    return KP_OK;
}

/* *same: the rules are those that were on the table before. */
static enum kp_code take_offer(const struct share_step *w, struct share_process *p,
                               const struct kp_dsp *m, bool *same, struct kp_err *err)
{
    if (p->dataset && strcmp(p->dataset, m->target) != 0)
        return kp_fail(err, KP_EINVALID, "target must be %.120s, which this negotiation is about",
                       p->dataset);
    json_t *before = p->offer ? kp_json_read(p->offer, "offer", err) : NULL;
    *same = before && kp_share_same_terms(before, m->offer);
    json_decref(before);
    p->dataset = m->target;
    if (m->word != KP_SAY_AGREE) {
        p->offer = share_dump(m->offer, w->arena, err);
        p->offered = false;
    }
    return err->code;
}

static enum kp_code effect_of_hearing(struct kp_db *db, const struct share_step *w,
                                      struct share_process *p, const struct kp_dsp *m, bool *same,
                                      struct kp_err *err)
{
    bool automatic;
    switch (m->word) {
    case KP_SAY_REQUEST:
    case KP_SAY_OFFER:
        if (take_offer(w, p, m, same, err))
            return err->code;
        if (p->side == KP_PROVIDER)
            *same = is_our_offer(db, p, m->offer, &automatic, err);
        return err->code;
    case KP_SAY_AGREE:
        if (check_parties(db, w, p, m, err) || take_offer(w, p, m, same, err))
            return err->code;
        p->agreement = m->offer_id;
        const char *text = share_dump(m->offer, w->arena, err);
        return text ? share_agreement_add(db, w, p, text, err) : err->code;
    case KP_SAY_FINALIZE:
        return share_agreement_active(db, p->agreement, true, err);
    case KP_SAY_TERMINATE:
        if (share_outbox_clear(db, p, true, err))
            return err->code;
        return p->deal == KP_TRANSFER ? KP_OK
                                      : share_agreement_over(db, p->agreement, w->now,
                                                             share_short(m->reason, w->arena), err);
    case KP_SAY_START:
        if (!m->address || share_pushes(p)) /* else it is for us to say where */
            return KP_OK;
        const char *address = share_dump(m->address, w->arena, err);
        return address ? share_keep_address(db, w, p, address, err) : err->code;
    default:
        return KP_OK;
    }
}

/* Whom the message names must be us and the one it comes from. What the other side calls this
 * process is learnt once. */
static enum kp_code check_pids(struct share_process *p, const struct kp_dsp *m, struct kp_err *err)
{
    const char *ours = p->side == KP_PROVIDER ? m->provider : m->consumer,
               *theirs = p->side == KP_PROVIDER ? m->consumer : m->provider;
    if (ours && strcmp(ours, p->pid) != 0)
        return kp_fail(err, KP_EINVALID, "%sPid is not that of this %s", kp_side_words[p->side],
                       share_noun(p->deal));
    if (theirs && p->peer && strcmp(theirs, p->peer) != 0)
        return kp_fail(err, KP_EINVALID, "%sPid is not that of this %s",
                       kp_side_words[other(p->side)], share_noun(p->deal));
    if (theirs && !p->peer)
        p->peer = theirs;
    return KP_OK;
}

static enum kp_code hear(struct kp_db *db, const struct share_step *w, struct share_process *p,
                         const struct kp_dsp *m, struct kp_err *err)
{
    int next = share_next(p, m->word, other(p->side));
    bool same = false;
    if (check_pids(p, m, err))
        return err->code;
    if (next < 0)
        return kp_fail(err, KP_EINVALID, "a %s that is %s allows no %s by the %s",
                       share_noun(p->deal), kp_deal_state_words[p->state],
                       kp_saying_of(p->deal, m->word)->type, kp_side_words[other(p->side)]);
    if (effect_of_hearing(db, w, p, m, &same, err))
        return err->code;
    p->state = (enum kp_deal_state)next;
    p->note = m->word == KP_SAY_AGREE && !same
                  ? "the agreement is not what was offered: look at it before you verify"
                  : share_short(m->reason, w->arena);
    if (share_process_put(db, p, w->now, err) || share_forget_address(db, w, p, err))
        return err->code;
    /* Who goes on after a pause is told where the data is from now on: an Eclipse connector waits for it. */
    if (p->deal == KP_TRANSFER && p->side == KP_PROVIDER && m->word == KP_SAY_START)
        return share_say(db, w, p, KP_SAY_START, NULL, err);
    return answer(db, w, p, same, err);
}

/* ---- what begins something ---- */
struct hearing {
    struct share_step step;
    const char *partner, *pid;
    const struct kp_dsp *message;
    bool hidden; /* the dataset that is asked for is not shown to this partner */
    struct kp_heard *out;
    struct share_process process; /* where it stands then */
};

static enum kp_code begin_negotiation(struct kp_db *db, const struct hearing *h,
                                      struct share_process *p, struct kp_err *err)
{
    const struct kp_dsp *m = h->message;
    bool automatic = false, same = false;
    p->dataset = m->target;
    p->offer = share_dump(m->offer, h->step.arena, err);
    if (p->side == KP_PROVIDER) {
        if (h->hidden)
            return kp_fail(err, KP_EINVALID, "there is no dataset '%.120s' for you", p->dataset);
        same = is_our_offer(db, p, m->offer, &automatic, err);
        p->automatic = automatic;
    }
    p->state = p->side == KP_PROVIDER ? KP_REQUESTED : KP_OFFERED;
    return err->code || share_process_put(db, p, h->step.now, err)
               ? err->code
               : answer(db, &h->step, p, same, err);
}

/* Where to push is known to be safe, and kept, before it is begun. */
static enum kp_code keep_target(struct kp_db *db, const struct hearing *h, struct share_process *p,
                                struct kp_err *err)
{
    struct share_partner partner;
    struct share_target target;
    const json_t *address = h->message->address;
    if (share_partner(db, p->partner, h->step.arena, &partner, err) ||
        share_target(address, &partner, h->step.arena, &target, err))
        return err->code;
    const char *text = share_dump(address, h->step.arena, err);
    if (!text || share_process_put(db, p, h->step.now, err))
        return err->code;
    return share_keep_address(db, &h->step, p, text, err);
}

static enum kp_code begin_transfer(struct kp_db *db, const struct hearing *h,
                                   struct share_process *p, struct kp_err *err)
{
    struct share_agreement a;
    if (share_agreement(db, h->message->agreement, h->step.arena, &a, err))
        return err->code;
    if (strcmp(a.partner, p->partner) != 0 || a.side != KP_PROVIDER)
        return kp_fail(err, KP_ENOTFOUND, "there is no agreement '%.120s' with you",
                       h->message->agreement);
    if (!a.active)
        return kp_fail(err, KP_EINVALID, "agreement '%.120s' is not in force", a.id);
    if (strcmp(h->message->format, share_formats[0]) != 0 &&
        strcmp(h->message->format, share_formats[1]) != 0)
        return kp_fail(err, KP_EINVALID, "format '%.60s' is not offered; %s and %s are",
                       h->message->format, share_formats[0], share_formats[1]);
    p->agreement = a.id;
    p->dataset = a.dataset;
    p->format = h->message->format;
    p->state = KP_REQUESTED;
    return (share_pushes(p) ? keep_target(db, h, p, err)
                            : share_process_put(db, p, h->step.now, err)) ||
                   !a.automatic
               ? err->code
               : share_say(db, &h->step, p, KP_SAY_START, NULL, err);
}

static enum kp_code begin(struct kp_db *db, const struct hearing *h, struct share_process *p,
                          struct kp_err *err)
{
    const struct kp_dsp *m = h->message;
    struct share_partner partner;
    char pid[PID_TEXT];
    if (m->word != KP_SAY_REQUEST && !(m->word == KP_SAY_OFFER && m->deal == KP_NEGOTIATION))
        return kp_fail(err, KP_EINVALID, "no process begins with a %s",
                       kp_saying_of(m->deal, m->word)->type);
    *p = (struct share_process){ .deal = m->deal,
                                 .side = m->word == KP_SAY_REQUEST ? KP_PROVIDER : KP_CONSUMER,
                                 .partner = h->partner,
                                 .peer = m->word == KP_SAY_REQUEST ? m->consumer : m->provider,
                                 .callback = m->callback };
    struct kp_err why = { 0 };
    if (!share_process_by_peer(db, p->partner, p->deal, p->side, p->peer, h->step.arena, p, &why))
        return KP_OK; /* said before */
    if (why.code != KP_ENOTFOUND)
        return kp_fail(err, why.code, "%s", why.text);
    if (!p->callback)
        return kp_fail(err, KP_EINVALID, "callbackAddress is missing");
    if (share_partner(db, p->partner, h->step.arena, &partner, err) ||
        share_open_room(db, p->partner, p->deal, err))
        return err->code;
    if (strlen(p->callback) >= KP_SHARE_URL || !share_same_origin(p->callback, partner.url))
        return kp_fail(err, KP_EINVALID,
                       "callbackAddress must be on the server that this node knows you by");
    share_pid(pid);
    p->pid = kp_arena_strdup(h->step.arena, pid);
    h->out->made = true;
    if (!p->pid)
        return share_starved(err);
    return p->deal == KP_NEGOTIATION ? begin_negotiation(db, h, p, err)
                                     : begin_transfer(db, h, p, err);
}

static void tell(const struct share_process *p, struct kp_heard *out)
{
    const char *ours = p->pid ? p->pid : "", *theirs = p->peer ? p->peer : "";
    snprintf(out->provider, sizeof out->provider, "%s", p->side == KP_PROVIDER ? ours : theirs);
    snprintf(out->consumer, sizeof out->consumer, "%s", p->side == KP_PROVIDER ? theirs : ours);
    out->deal = p->deal;
    out->state = p->state;
}

static enum kp_code find_own(struct kp_db *db, const char *partner, enum kp_deal deal,
                             const char *pid, struct kp_arena *arena, struct share_process *p,
                             struct kp_err *err)
{
    if (share_process_by_pid(db, deal, pid, arena, p, err))
        return err->code;
    return strcmp(p->partner, partner) == 0
               ? KP_OK
               : kp_fail(err, KP_ENOTFOUND, "there is no %s of that number or id",
                         share_noun(p->deal));
}

static enum kp_code run(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct hearing *h = arg;
    struct share_process p;
    if (h->pid) {
        if (find_own(db, h->partner, h->message->deal, h->pid, h->step.arena, &p, err))
            return err->code;
        tell(&p, h->out);
        hear(db, &h->step, &p, h->message, err);
    } else {
        begin(db, h, &p, err);
    }
    if (err->code)
        return err->code;
    h->process = p;
    tell(&p, h->out);
    if (h->out->made) /* what followed by itself is said in messages of its own */
        h->out->state = p.side == KP_PROVIDER ? KP_REQUESTED : KP_OFFERED;
    return KP_OK;
}

static void copy(char out[KP_DSP_ID], const char *text)
{
    snprintf(out, KP_DSP_ID, "%s", text ? text : "");
}

enum kp_code kp_share_hear(struct kp_share *s, const char *partner, enum kp_deal deal,
                           const char *pid, const char *path, const char *text, size_t len,
                           struct kp_heard *out, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_dsp m;
    struct share_self self;
    struct kp_err unknown = { 0 };
    struct kp_terms terms;
    *out = (struct kp_heard){ .deal = deal };
    kp_dsp_read(&m, deal, path, text, len, err);
    if (err->code && pid && !kp_share_look(s, partner, deal, pid, out, &unknown)) {
        kp_dsp_free(&m);
        return err->code; /* the error names the process all the same */
    }
    copy(out->provider, m.provider);
    copy(out->consumer, m.consumer);
    if (!err->code && m.offer)
        share_terms(m.offer, &terms, err);
    if (!err->code && !share_self(s, &arena, &self, err)) {
        struct hearing h = { .step = { s, &arena, &self, kp_utc(s->clock) },
                             .partner = partner,
                             .pid = pid,
                             .message = &m,
                             .out = out };
        h.hidden = deal == KP_NEGOTIATION && !pid && m.word == KP_SAY_REQUEST &&
                   !share_shown(s, KP_TO_PARTNER, partner, m.target, err);
        if (!err->code && !kp_store_do(s->store, run, &h, err)) {
            share_keep(s, &h.process);
            share_wake(s);
        } else {
            out->made = false;
        }
    }
    kp_dsp_free(&m);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_share_look(struct kp_share *s, const char *partner, enum kp_deal deal,
                           const char *pid, struct kp_heard *out, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct share_process p;
    *out = (struct kp_heard){ .deal = deal };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !find_own(db, partner, deal, pid, &arena, &p, err))
        tell(&p, out);
    kp_store_reader_done(s->store, db);
    kp_arena_free(&arena);
    return err->code;
}
