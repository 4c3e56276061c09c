/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of findings: they open, are answered by people, and close by themselves. */
#include "shield/matching.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_shield_answers[] = { "affected", "not_affected", "in_progress",
                                          "accepted", "done",         "open",
                                          NULL };

/* ---- rows ---- */
struct standing { /* what is in the file */
    bool there, open, answered;
    int64_t print;
};

static enum kp_code read_standing(struct kp_db *db, int64_t device, const char *advisory,
                                  struct standing *t, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select print, closed is null, answer is not null from finding"
                      " where device = ? and advisory = ?",
                      err);
    *t = (struct standing){ 0 };
    if (!s)
        return err->code;
    kp_bind_int(s, 1, device);
    kp_bind_text(s, 2, advisory);
    if (kp_step(s, err)) {
        *t = (struct standing){ true, kp_column_int(s, 1), kp_column_int(s, 2),
                                kp_column_int(s, 0) };
        kp_reset(s);
    }
    return err->code;
}

/* An answer stays while what it answered is the same; else the finding is open again. */
static const char put_sql[] =
    "insert into finding(device, advisory, verdict, score, product, rule, why, holes, print, made,"
    " changed) values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)"
    " on conflict(device, advisory) do update set verdict = ?3, score = ?4, product = ?5, rule = "
    "?6,"
    " why = ?7, holes = ?8, print = ?9, changed = ?10,"
    " closed = iif(answer is not null and print = ?9, closed, null),"
    " closed_why = iif(answer is not null and print = ?9, closed_why, null),"
    " answer = iif(print = ?9, answer, null)";

static enum kp_code put_open(struct kp_db *db, struct matching *m, const struct found *f,
                             int64_t now, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, put_sql, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, f->device);
    kp_bind_text(s, 2, m->a->id);
    kp_bind_int(s, 3, f->verdict);
    if (f->score >= 0)
        kp_bind_double(s, 4, f->score);
    kp_bind_text(s, 5, f->product);
    kp_bind_text(s, 6, f->rule);
    kp_bind_text(s, 7, f->why);
    kp_bind_text(s, 8, f->holes);
    kp_bind_int(s, 9, f->print);
    kp_bind_int(s, 10, now);
    return kp_run(s, err);
}

static enum kp_code close_one(struct kp_db *db, int64_t device, const char *advisory,
                              const char *why, int64_t now, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "update finding set verdict = 0, closed = ?, closed_why = ?, changed = ?1,"
                      " answer = null where device = ? and advisory = ? and closed is null",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, now);
    kp_bind_text(s, 2, why);
    kp_bind_int(s, 3, device);
    kp_bind_text(s, 4, advisory);
    return kp_run(s, err);
}

/* Whether it differs from what is in the file. */
static bool is_news(const struct standing *t, const struct found *f)
{
    if (f->verdict == KP_CLEAR)
        return t->open;
    return !t->there || t->print != f->print || (!t->open && !t->answered);
}

/* A commit costs more than a look. */
bool findings_differ(struct kp_db *db, struct matching *m, struct kp_err *err)
{
    int64_t open = 0;
    struct kp_stmt *s = kp_db_prepare(
        db, "select count(*) from finding where advisory = ? and closed is null", err);
    if (!s)
        return false;
    kp_bind_text(s, 1, m->a->id);
    if (kp_step(s, err)) {
        open = kp_column_int(s, 0);
        kp_reset(s);
    }
    for (size_t i = 0; i < m->n && !err->code; i++) {
        struct standing t;
        if (read_standing(db, m->found[i].device, m->a->id, &t, err) || is_news(&t, &m->found[i]))
            return !err->code;
        open -= t.open;
    }
    return open > 0;
}

static enum kp_code put_finding(struct kp_db *db, struct matching *m, const struct found *f,
                                int64_t now, struct kp_err *err)
{
    struct standing t;
    if (read_standing(db, f->device, m->a->id, &t, err))
        return err->code;
    if (!is_news(&t, f))
        return KP_OK;
    if (f->verdict != KP_CLEAR) {
        m->opened += !t.open;
        return put_open(db, m, f, now, err);
    }
    char why[KP_VERSION_WHY + 120];
    snprintf(why, sizeof why, "firmware %.60s is %s", *f->firmware ? f->firmware : "(unknown)",
             f->why);
    kp_utf8_trim(why);
    m->closed++;
    return close_one(db, f->device, m->a->id, why, now, err);
}

/* Open findings of the advisory that were not found any more. */
static enum kp_code close_others(struct kp_db *db, struct matching *m, int64_t now,
                                 struct kp_err *err)
{
    int64_t gone[256];
    size_t n = 0;
    struct kp_stmt *s =
        kp_db_prepare(db, "select device from finding where advisory = ? and closed is null", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, m->a->id);
    while (kp_step(s, err)) {
        int64_t device = kp_column_int(s, 0);
        size_t at = 0; /* they are not in the order of ids */
        while (at < m->n && m->found[at].device != device)
            at++;
        if (at == m->n && n < sizeof gone / sizeof *gone)
            gone[n++] = device;
    }
    m->closed += n;
    for (size_t i = 0; i < n && !err->code; i++)
        close_one(db, gone[i], m->a->id, "the advisory is not about this device", now, err);
    if (n == sizeof gone / sizeof *gone && !err->code)
        return close_others(db, m, now, err); /* there may be more */
    return err->code;
}

enum kp_code findings_put(struct kp_db *db, struct matching *m, struct kp_err *err)
{
    int64_t now = kp_utc(m->s->clock);
    for (size_t i = 0; i < m->n; i++)
        if (put_finding(db, m, &m->found[i], now, err))
            return err->code;
    return close_others(db, m, now, err);
}

/* ---- answers ---- */
enum { ANSWERS_KEPT = 50 }; /* of a finding */

struct answering {
    const char *advisory, *answer, *comment, *who;
    int64_t device, now;
};

static enum kp_code note_answer(struct kp_db *db, const struct answering *a, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into finding_answer(device, advisory, at, answer,"
                                      " comment, who) values(?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, a->device);
    kp_bind_text(s, 2, a->advisory);
    kp_bind_int(s, 3, a->now);
    kp_bind_text(s, 4, a->answer);
    kp_bind_text(s, 5, a->comment);
    kp_bind_text(s, 6, a->who);
    if (kp_run(s, err))
        return err->code;
    s = kp_db_prepare(db,
                      "delete from finding_answer where device = ?1 and advisory = ?2 and id <="
                      " (select id from finding_answer where device = ?1 and advisory = ?2"
                      " order by id desc limit 1 offset ?3)",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, a->device);
    kp_bind_text(s, 2, a->advisory);
    kp_bind_int(s, 3, ANSWERS_KEPT);
    return kp_run(s, err);
}

static enum kp_code write_answer(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct answering *a = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update finding set answer = nullif(?1, 'open'), comment = ?2, who = ?3, answered = ?4,"
        " changed = ?4,"
        " closed = iif(?1 in ('not_affected', 'accepted', 'done'), ?4, null),"
        " closed_why = iif(?1 in ('not_affected', 'accepted', 'done'), 'a person answered', null)"
        " where device = ?5 and advisory = ?6 and verdict > 0",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, a->answer);
    kp_bind_text(s, 2, a->comment);
    kp_bind_text(s, 3, a->who);
    kp_bind_int(s, 4, a->now);
    kp_bind_int(s, 5, a->device);
    kp_bind_text(s, 6, a->advisory);
    if (!kp_run(s, err) && !kp_db_changes(db))
        kp_fail(err, KP_ENOTFOUND, "%.60s has nothing to do with device %lld", a->advisory,
                (long long)a->device);
    return err->code ? err->code : note_answer(db, a, err);
}

enum kp_code kp_shield_answer(struct kp_shield *s, const char *advisory, int64_t device,
                              const char *answer, const char *comment, const char *who,
                              struct kp_err *err)
{
    struct answering a = { advisory, answer, comment, who, device, kp_utc(s->clock) };
    return kp_store_do(s->store, write_answer, &a, err);
}
