/* SPDX-License-Identifier: Apache-2.0 */
/* What people say: reasons of stops, corrected states, parts counted by hand. Nothing a machine
 * said is changed. */
#include "flex/keep.h"

#include "core/hub.h"

#include <string.h>

#include "core/ban.h"

enum { PARTS_MAX = 1000000 };

/* ---- stops ---- */
struct noting {
    int64_t id, now;
    const struct kp_stop_note *note;
};

/* A stop has a reason while it has any of the three; else the row goes. */
static const char note_sql[] =
    "insert into stop_note(id, reason, state, comment, who, at) values(?1, nullif(?2, ''), "
    "nullif(?3, ''), nullif(?4, ''), ?5, ?6) "
    "on conflict(id) do update set reason = iif(?2 is null, reason, nullif(?2, '')), "
    "state = iif(?3 is null, state, nullif(?3, '')), comment = iif(?4 is null, comment, nullif(?4, "
    "'')), who = ?5, at = ?6";
static const char forget_sql[] =
    "delete from shop_day where (asset, day) in (select d.asset, d.day from interval i join "
    "shop_day d on d.asset = i.asset and "
    "d.day < i.\"end\" and d.day > i.start - 90000000000000 and d.until > i.start where i.id = ?1)";

static enum kp_code find_interval(struct kp_db *db, int64_t id, struct kp_err *err)
{
    struct kp_stmt *get =
        kp_db_prepare(db, "select 1 from interval where id = ? and kind in ('state', 'stop')", err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, id);
    if (kp_step(get, err))
        kp_reset(get);
    else if (!err->code)
        kp_fail(err, KP_ENOTFOUND, "there is no stop %lld; its number is that of its interval",
                (long long)id);
    return err->code;
}

static enum kp_code write_note(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct noting *n = arg;
    if (find_interval(db, n->id, err))
        return err->code;
    struct kp_stmt *s = kp_db_prepare(db, note_sql, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, n->id);
    kp_bind_text(s, 2, n->note->reason);
    kp_bind_text(s, 3, n->note->state);
    kp_bind_text(s, 4, n->note->comment);
    kp_bind_text(s, 5, n->note->who);
    kp_bind_int(s, 6, n->now);
    if (kp_run(s, err) || !(s = kp_db_prepare(db, forget_sql, err)))
        return err->code;
    kp_bind_int(s, 1, n->id);
    return kp_run(s, err);
}

static enum kp_code check_note(struct kp_shop *s, const struct kp_stop_note *note,
                               struct kp_err *err)
{
    struct shop_rules rules;
    if (note->state && *note->state && !kp_state_of(note->state))
        return kp_fail(err, KP_EINVALID,
                       "state: '%.40s' is none of running, setup, maintenance, stopped, idle, off",
                       note->state);
    if (!note->reason && !note->state && !note->comment)
        return kp_fail(err, KP_EINVALID, "give a reason, a state or a comment");
    if (note->comment && strlen(note->comment) > 500)
        return kp_fail(err, KP_EINVALID, "comment: longer than 500 bytes");
    if (!shop_rules(s, &rules, err) && note->reason && *note->reason &&
        !kp_settings_reason(&rules.settings, note->reason)) {
        const char *names[KP_REASONS_MAX + 1] = { 0 };
        for (size_t i = 0; i < rules.settings.n_reasons; i++)
            names[i] = rules.settings.reasons[i].name;
        const char *near = kp_nearest(note->reason, names);
        kp_fail(err, KP_EINVALID,
                near ? "reason: '%.60s' is not in the list of reasons, did you mean '%.60s'?"
                     : "reason: '%.60s' is not in the list of reasons%s",
                note->reason, near ? near : "");
    }
    shop_rules_free(&rules);
    return err->code;
}

enum kp_code kp_shop_note_stop(struct kp_shop *s, int64_t id, const struct kp_stop_note *note,
                               struct kp_err *err)
{
    struct noting n = { id, kp_utc(s->clock), note };
    if (check_note(s, note, err) || kp_store_sync(s->store, err))
        return err->code;
    return kp_store_do(s->store, write_note, &n, err);
}

/* ---- parts ---- */
struct counting {
    const struct kp_hand_parts *p;
    kp_asset asset;
    int64_t now, id;
};

static enum kp_code write_parts(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct counting *c = arg;
    const struct kp_hand_parts *p = c->p;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into part_by_hand(asset, at, good, scrap, program, "
                                      "comment, who, noted) values(?, ?, ?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, c->asset);
    kp_bind_int(s, 2, p->at);
    kp_bind_int(s, 3, p->good);
    kp_bind_int(s, 4, p->scrap);
    kp_bind_text(s, 5, p->program);
    kp_bind_text(s, 6, p->comment);
    kp_bind_text(s, 7, p->who);
    kp_bind_int(s, 8, c->now);
    if (kp_run(s, err))
        return err->code;
    c->id = kp_db_last_id(db);
    s = kp_db_prepare(db,
                      "delete from shop_day where asset = ?1 and day < ?2 and day > ?2 - "
                      "90000000000000 and until >= ?2",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, c->asset);
    kp_bind_int(s, 2, p->at);
    return kp_run(s, err);
}

static enum kp_code check_parts(const struct kp_hand_parts *p, int64_t now, struct kp_err *err)
{
    if (p->good < -PARTS_MAX || p->good > PARTS_MAX || p->scrap < -PARTS_MAX ||
        p->scrap > PARTS_MAX)
        return kp_fail(err, KP_EINVALID, "good and scrap are numbers from -%d to %d", PARTS_MAX,
                       PARTS_MAX);
    if (!p->good && !p->scrap)
        return kp_fail(err, KP_EINVALID, "how many? give good, scrap or both");
    if (p->at > now)
        return kp_fail(err, KP_EINVALID, "at: that time has not come yet");
    if ((p->program && strlen(p->program) >= KP_NAME_MAX) ||
        (p->comment && strlen(p->comment) > 500))
        return kp_fail(err, KP_EINVALID, "program or comment: too long");
    return KP_OK;
}

enum kp_code kp_shop_parts(struct kp_shop *s, const struct kp_hand_parts *p, int64_t *id,
                           struct kp_err *err)
{
    struct kp_model *m = kp_hub_model(s->hub);
    struct counting c = { .p = p, .now = kp_utc(s->clock) };
    kp_model_lock(m);
    c.asset = kp_model_find_asset(m, p->asset);
    kp_model_unlock(m);
    if (!c.asset)
        return kp_fail(err, KP_ENOTFOUND, "there is no asset '%.160s'", p->asset);
    if (!check_parts(p, c.now, err) && !kp_store_do(s->store, write_parts, &c, err))
        *id = c.id;
    return err->code;
}
