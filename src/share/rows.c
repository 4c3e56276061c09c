/* SPDX-License-Identifier: Apache-2.0 */
#include "share/private.h"

#include <string.h>

#include "core/ban.h"

void share_process_row(struct kp_stmt *s, struct kp_arena *arena, struct share_process *p)
{
    *p = (struct share_process){
        .id = kp_column_int(s, 0),
        .deal = kp_column_int(s, 1) ? KP_TRANSFER : KP_NEGOTIATION,
        .side = kp_column_int(s, 2) ? KP_PROVIDER : KP_CONSUMER,
        .state = (enum kp_deal_state)kp_column_int(s, 3),
        .automatic = kp_column_int(s, 4),
        .offered = kp_column_int(s, 5),
        .partner = kp_column_copy(s, 6, arena),
        .pid = kp_column_copy(s, 7, arena),
        .peer = kp_column_copy(s, 8, arena),
        .callback = kp_column_copy(s, 9, arena),
        .dataset = kp_column_copy(s, 10, arena),
        .offer = kp_column_copy(s, 11, arena),
        .agreement = kp_column_copy(s, 12, arena),
        .format = kp_column_copy(s, 13, arena),
        .note = kp_column_copy(s, 14, arena),
        .made = kp_column_int(s, 15),
        .changed = kp_column_int(s, 16),
    };
    if (p->state < 0 || p->state >= KP_DEAL_STATES)
        p->state = KP_TERMINATED; /* a damaged row */
}

static enum kp_code take(struct kp_stmt *s, struct kp_arena *arena, struct share_process *p,
                         const char *what, struct kp_err *err)
{
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no %s of that number or id", what);
    share_process_row(s, arena, p);
    kp_reset(s);
    return p->partner && p->pid && p->callback ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

const char *share_noun(enum kp_deal deal)
{
    return deal == KP_NEGOTIATION ? "negotiation" : "transfer";
}

#define SELECT                                                                                     \
    "select id, kind, side, state, automatic, coalesce(offered, 0), partner, pid, peer_pid, "      \
    "callback, dataset, offer,"                                                                    \
    " agreement, format, note, made, changed from share_process where "

enum kp_code share_process_by_id(struct kp_db *db, int64_t id, struct kp_arena *arena,
                                 struct share_process *p, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, SELECT "id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    return take(s, arena, p, "process", err);
}

enum kp_code share_process_by_pid(struct kp_db *db, enum kp_deal deal, const char *pid,
                                  struct kp_arena *arena, struct share_process *p,
                                  struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, SELECT "pid = ? and kind = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, pid);
    kp_bind_int(s, 2, deal);
    return take(s, arena, p, share_noun(deal), err);
}

enum kp_code share_process_by_peer(struct kp_db *db, const char *partner, enum kp_deal deal,
                                   enum kp_side side, const char *peer, struct kp_arena *arena,
                                   struct share_process *p, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db, SELECT "partner = ? and kind = ? and side = ? and peer_pid = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, partner);
    kp_bind_int(s, 2, deal);
    kp_bind_int(s, 3, side);
    kp_bind_text(s, 4, peer);
    return take(s, arena, p, share_noun(deal), err);
}

static void bind(struct kp_stmt *s, int first, const struct share_process *p)
{
    const char *const texts[] = { p->peer, p->dataset, p->offer, p->agreement, p->format, p->note };
    for (int i = 0; i < (int)(sizeof texts / sizeof texts[0]); i++)
        kp_bind_text(s, first + i, texts[i]);
    kp_bind_int(s, first + 6, p->state);
    kp_bind_int(s, first + 7, p->automatic);
    kp_bind_int(s, first + 8, p->offered);
    kp_bind_int(s, first + 9, p->changed);
}

enum kp_code share_process_put(struct kp_db *db, struct share_process *p, int64_t now,
                               struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      p->id ? "update share_process set peer_pid = ?1, dataset = ?2, offer = ?3, "
                              "agreement = ?4, format = ?5, note = ?6, state = ?7,"
                              " automatic = ?8, offered = ?9, changed = ?10 where id = ?11"
                            : "insert into share_process(peer_pid, dataset, offer, agreement, "
                              "format, note, state, automatic, offered, changed,"
                              " kind, side, partner, pid, callback, made) values(?1, ?2, ?3, ?4, "
                              "?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?10)",
                      err);
    if (!s)
        return err->code;
    p->changed = now;
    bind(s, 1, p);
    if (p->id) {
        kp_bind_int(s, 11, p->id);
        return kp_run(s, err);
    }
    p->made = now;
    kp_bind_int(s, 11, p->deal);
    kp_bind_int(s, 12, p->side);
    kp_bind_text(s, 13, p->partner);
    kp_bind_text(s, 14, p->pid);
    kp_bind_text(s, 15, p->callback);
    if (!kp_run(s, err))
        p->id = kp_db_last_id(db);
    return err->code;
}

enum kp_code share_open_room(struct kp_db *db, const char *partner, enum kp_deal deal,
                             struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select count(*) from share_process where partner = ? and "
                                      "kind = ? and state not in (5, 8, 9)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, partner);
    kp_bind_int(s, 2, deal);
    int64_t n = kp_step(s, err) ? kp_column_int(s, 0) : 0;
    kp_reset(s);
    if (err->code || n >= KP_SHARE_OPEN_MAX)
        return err->code ? err->code
                         : kp_fail(err, KP_EFULL,
                                   "%d %ss are open with this partner already: end some first",
                                   KP_SHARE_OPEN_MAX, share_noun(deal));
    s = kp_db_prepare(
        db,
        "delete from share_process where partner = ?1 and kind = ?2 and state in (8, 9) and id <= "
        "(select id from share_process"
        " where partner = ?1 and kind = ?2 and state in (8, 9) order by id desc limit 1 offset ?3)",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, partner);
    kp_bind_int(s, 2, deal);
    kp_bind_int(s, 3, KP_SHARE_OVER_MAX);
    return kp_run(s, err);
}

enum kp_code share_agreement(struct kp_db *db, const char *id, struct kp_arena *arena,
                             struct share_agreement *a, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select partner, dataset, text, side, active, process, made, "
                                      "ended, automatic from share_agreement where id = ?",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, id);
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no agreement '%.120s'", id);
    *a = (struct share_agreement){
        .id = kp_arena_strdup(arena, id),
        .partner = kp_column_copy(s, 0, arena),
        .dataset = kp_column_copy(s, 1, arena),
        .text = kp_column_copy(s, 2, arena),
        .side = kp_column_int(s, 3) ? KP_PROVIDER : KP_CONSUMER,
        .active = kp_column_int(s, 4),
        .automatic = kp_column_int(s, 8),
        .process = kp_column_int(s, 5),
        .made = kp_column_int(s, 6),
        .ended = kp_column_time(s, 7),
    };
    kp_reset(s);
    return a->partner && a->dataset && a->text ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

enum kp_code share_room(struct kp_db *db, const char *sql, int64_t most, const char *what,
                        struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    int64_t n = s && kp_step(s, err) ? kp_column_int(s, 0) : 0;
    if (s)
        kp_reset(s);
    return !err->code && n >= most
               ? kp_fail(err, KP_EFULL, "there are %lld %s already", (long long)n, what)
               : err->code;
}

static enum kp_code find_after(struct kp_db *db, const char *known, const char *id,
                               struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, known, err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, id);
    bool there = kp_step(s, err);
    kp_reset(s);
    return there || err->code ? err->code
                              : kp_fail(err, KP_ENOTFOUND,
                                        "after: '%.120s' is not there any more; read the list from "
                                        "its beginning",
                                        id);
}

enum kp_code share_list(struct kp_share *s, const char *sql, const char *known,
                        struct kp_share_page *page, void (*put)(struct kp_json *, struct kp_stmt *),
                        struct kp_json *j, struct kp_err *err)
{
    int64_t n = 0, most = page ? page->limit : INT64_MAX;
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && page && page->after)
        find_after(db, known, page->after, err);
    struct kp_stmt *row = db && !err->code ? kp_db_prepare(db, sql, err) : NULL;
    if (row && page) {
        kp_bind_text(row, 1, page->after ? page->after : "");
        kp_bind_int(row, 2, page->limit + 1);
    }
    kp_json_begin(j, '[');
    while (row && kp_step(row, err) && n++ < most) {
        kp_json_begin(j, '{');
        put(j, row);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    if (row)
        kp_reset(row);
    if (page)
        page->more = n > most;
    kp_store_reader_done(s->store, db);
    return err->code;
}
