/* SPDX-License-Identifier: Apache-2.0 */
/* Negotiations, transfers and agreements as people see them. */
#include "share/private.h"

#include "gate/policy.h"
#include "gate/terms_plain.h"
#include "net/json_memory.h"

#include <stdio.h>

#include "core/ban.h"

static void put_address(struct kp_share *s, struct kp_json *j, const struct share_process *p,
                        struct kp_arena *arena)
{
    char name[SECRET_NAME];
    void *data = NULL;
    size_t len;
    struct kp_err none = { 0 };
    snprintf(name, sizeof name, "share/transfer/%lld", (long long)p->id);
    kp_json_key(j, "address");
    kp_json_raw(j, kp_secret_get(s->store, name, arena, &data, &len, &none) ? NULL : data);
}

/* What we had offered by the name that an offer bears; NULL: nothing, or no more. */
static json_t *offered_as(struct kp_db *db, const char *id, struct kp_err *err)
{
    json_t *policy = NULL;
    struct kp_stmt *s =
        id ? kp_db_prepare(db, "select policy from share_offer where id = ?", err) : NULL;
    if (!s)
        return NULL;
    kp_bind_text(s, 1, id);
    if (kp_step(s, err))
        policy = kp_json_read(kp_column_text(s, 0), "policy", err);
    kp_reset(s);
    return policy;
}

/* For the person it waits for: its terms in words, and in what they are not those of our offer. */
static void put_terms(struct kp_json *j, struct kp_db *db, const struct share_process *p)
{
    struct kp_err none = { 0 };
    struct kp_terms ours, theirs;
    json_t *offer = p->offer ? kp_json_read(p->offer, "offer", &none) : NULL;
    kp_json_key(j, "words");
    kp_share_words(j, offer);
    kp_json_key(j, "differences");
    json_t *own =
        p->side == KP_PROVIDER && offer ? offered_as(db, kp_dsp_text(offer, "@id"), &none) : NULL;
    if (own && !kp_terms_parse(own, &ours, &none) && !kp_terms_parse(offer, &theirs, &none))
        kp_terms_differences_json(j, &ours, &theirs);
    else
        kp_json_null(j);
    json_decref(own);
    json_decref(offer);
}

static void put_deal(struct kp_share *s, struct kp_db *db, struct kp_json *j,
                     const struct share_process *p, bool whole, bool waiting, const char *fault,
                     struct kp_arena *arena)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", p->id);
    kp_json_put_text(j, "partner", p->partner);
    kp_json_put_text(j, "side", kp_side_words[p->side]);
    kp_json_put_text(j, "state", kp_deal_state_words[p->state]);
    kp_json_put_text(j, "dataset", p->dataset);
    kp_json_put_text(j, "pid", p->pid);
    kp_json_put_text(j, "peerPid", p->peer);
    kp_json_put_text(j, "agreement", p->agreement);
    if (p->deal == KP_NEGOTIATION) {
        kp_json_key(j, "offer");
        kp_json_raw(j, p->offer);
        kp_json_put_bool(j, "automatic", p->automatic);
    } else {
        kp_json_put_text(j, "format", p->format);
    }
    kp_json_put_text(j, "note", p->note);
    kp_json_put_bool(j, "waiting", waiting);
    kp_json_put_text(j, "fault", fault);
    if (whole && p->deal == KP_NEGOTIATION)
        put_terms(j, db, p);
    if (whole && p->deal == KP_TRANSFER)
        put_address(s, j, p, arena);
    kp_json_put_time(j, "made", p->made);
    kp_json_put_time(j, "changed", p->changed);
    kp_json_end(j, '}');
}

/* ?2: this one, 0 = all; ?3: older than this one; ?4: so many. */
static size_t put_deals(struct kp_share *s, struct kp_db *db, enum kp_deal deal, int64_t id,
                        int64_t before, int64_t most, struct kp_json *j, struct kp_err *err)
{
    static const char sql[] =
        "select id, kind, side, state, automatic, coalesce(offered, 0), partner, pid, peer_pid, "
        "callback, dataset, offer,"
        " agreement, format, note, made, changed, exists(select 1 from share_outbox o where "
        "o.process = p.id),"
        " (select error from share_outbox o where o.process = p.id order by id limit 1)"
        " from share_process p where kind = ?1 and (?2 = 0 or id = ?2) and id < ?3 order by id "
        "desc limit ?4";
    struct kp_stmt *row = kp_db_prepare(db, sql, err);
    int64_t n = 0;
    if (!row)
        return 0;
    kp_bind_int(row, 1, deal);
    kp_bind_int(row, 2, id);
    kp_bind_int(row, 3, before ? before : INT64_MAX);
    kp_bind_int(row, 4, most + 1);
    while (kp_step(row, err) && n++ < most) {
        struct kp_arena arena = { 0 };
        struct share_process p;
        share_process_row(row, &arena, &p);
        put_deal(s, db, j, &p, id > 0, kp_column_int(row, 17), kp_column_text(row, 18), &arena);
        kp_arena_free(&arena);
    }
    kp_reset(row);
    return (size_t)n;
}

enum kp_code kp_share_deals(struct kp_share *s, enum kp_deal deal, struct kp_share_page *page,
                            struct kp_json *j, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    kp_json_begin(j, '[');
    page->more =
        db && put_deals(s, db, deal, 0, page->number, page->limit, j, err) > (size_t)page->limit;
    kp_json_end(j, ']');
    kp_store_reader_done(s->store, db);
    return err->code;
}

enum kp_code kp_share_deal(struct kp_share *s, enum kp_deal deal, int64_t id, struct kp_json *j,
                           struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !put_deals(s, db, deal, id, 0, 1, j, err) && !err->code)
        kp_fail(err, KP_ENOTFOUND, "there is no %s %lld",
                deal == KP_TRANSFER ? "transfer" : "negotiation", (long long)id);
    kp_store_reader_done(s->store, db);
    return err->code;
}

static void put_agreement(struct kp_json *j, struct kp_stmt *row)
{
    kp_json_put_text(j, "id", kp_column_text(row, 0));
    kp_json_put_text(j, "partner", kp_column_text(row, 1));
    kp_json_put_text(j, "side", kp_side_words[kp_column_int(row, 2) != 0]);
    kp_json_put_text(j, "dataset", kp_column_text(row, 3));
    kp_json_key(j, "agreement");
    kp_json_raw(j, kp_column_text(row, 4));
    kp_json_key(j, "signals");
    kp_json_raw(j, kp_column_text(row, 5));
    kp_json_put_text(j, "state",
                     kp_column_int(row, 6)    ? "active"
                     : kp_column_null(row, 8) ? "pending"
                                              : "ended");
    kp_json_put_time(j, "made", kp_column_int(row, 7));
    kp_json_put_time(j, "ended", kp_column_time(row, 8));
    kp_json_put_text(j, "why", kp_column_text(row, 9));
}

enum kp_code kp_share_agreements(struct kp_share *s, struct kp_share_page *page, struct kp_json *j,
                                 struct kp_err *err)
{
    static const char sql[] = "select id, partner, side, dataset, text, signals, "
                              "active, made, ended, why from share_agreement"
                              " where ?1 = '' or made < (select made from share_agreement where id "
                              "= ?1) or (made = (select made from share_agreement where id = ?1) "
                              "and id > ?1) order by made desc, id limit ?2";
    return share_list(s, sql, "select 1 from share_agreement where id = ?", page, put_agreement, j,
                      err);
}
