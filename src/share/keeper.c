/* SPDX-License-Identifier: Apache-2.0 */
/* Which transfers this node provides data for, in memory, for the gate asks before each batch. What
 * stands here is read again after each step that may change it; what cannot be read has ended. */
#include "share/private.h"

#include "core/hash.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { BUCKETS = 1024, WHY = 200 };

struct kept { /* a transfer that was started */
    struct kept *next;
    char *pid, *agreement, *partner;
    bool runs, over; /* over: kept for the streams that have not said so yet */
    char why[WHY];   /* why it does not run */
};

struct share_keeper {
    struct kp_share *share;
    pthread_mutex_t reading; /* held over a look at the file: who looked last has seen the newest */
    pthread_mutex_t lock;    /* guards what follows; never held over anything slow */
    struct kept *bucket[BUCKETS];
    pthread_mutex_t streams; /* guards what follows */
    struct share_stream *first;
};

static struct kept **place(struct share_keeper *k, const char *pid)
{
    struct kept **at = &k->bucket[kp_hash(KP_HASH_START, pid, strlen(pid)) % BUCKETS];
    while (*at && strcmp((*at)->pid, pid) != 0)
        at = &(*at)->next;
    return at;
}

static void kept_free(struct kept *t)
{
    if (!t)
        return;
    kp_free(t->pid);
    kp_free(t->agreement);
    kp_free(t->partner);
    kp_free(t);
}

/* ---- streams that are open ---- */
void share_stream_add(struct kp_share *s, struct share_stream *stream)
{
    pthread_mutex_lock(&s->keeper->streams);
    stream->prev = NULL;
    stream->next = s->keeper->first;
    if (stream->next)
        stream->next->prev = stream;
    s->keeper->first = stream;
    pthread_mutex_unlock(&s->keeper->streams);
}

/* `streams` held. */
static bool has_stream(const struct share_keeper *k, const char *pid)
{
    for (const struct share_stream *i = k->first; i; i = i->next)
        if (strcmp(i->transfer, pid) == 0)
            return true;
    return false;
}

/* The last one takes along what is kept of a transfer that is over. */
void share_stream_remove(struct kp_share *s, struct share_stream *stream)
{
    struct share_keeper *k = s->keeper;
    struct kept *gone = NULL;
    pthread_mutex_lock(&k->streams);
    if (stream->next)
        stream->next->prev = stream->prev;
    *(stream->prev ? &stream->prev->next : &k->first) = stream->next;
    pthread_mutex_lock(&k->lock);
    struct kept **at = place(k, stream->transfer);
    if (*at && (*at)->over && !has_stream(k, stream->transfer)) {
        gone = *at;
        *at = gone->next;
    }
    pthread_mutex_unlock(&k->lock);
    pthread_mutex_unlock(&k->streams);
    kept_free(gone);
}

void share_streams_count(struct kp_share *s, const char *partner, size_t *his, size_t *all)
{
    *his = *all = 0;
    pthread_mutex_lock(&s->keeper->streams);
    for (const struct share_stream *i = s->keeper->first; i; i = i->next, ++*all)
        *his += strcmp(i->partner, partner) == 0;
    pthread_mutex_unlock(&s->keeper->streams);
}

static void wake_streams(struct share_keeper *k)
{
    kp_gate_revoke(k->share->gate);
    share_push_wake(k->share);
    pthread_mutex_lock(&k->streams);
    for (struct share_stream *i = k->first; i; i = i->next)
        i->wake(i->arg);
    pthread_mutex_unlock(&k->streams);
}

/* ---- what the gate asks ---- */
static bool holds(void *self, const char *agreement, const char *transfer)
{
    struct share_keeper *k = self;
    pthread_mutex_lock(&k->lock);
    const struct kept *t = *place(k, transfer);
    bool yes = t && t->runs && strcmp(t->agreement, agreement) == 0;
    pthread_mutex_unlock(&k->lock);
    return yes;
}

bool share_runs(struct kp_share *s, const char *pid, char *why, size_t size)
{
    pthread_mutex_lock(&s->keeper->lock);
    const struct kept *t = *place(s->keeper, pid);
    bool yes = t && t->runs;
    if (!yes)
        snprintf(why, size, "%s", t ? t->why : "the transfer is over");
    pthread_mutex_unlock(&s->keeper->lock);
    return yes;
}

enum kp_code share_must_run(struct kp_share *s, const struct share_process *p, struct kp_err *err)
{
    char why[KP_ERR_TEXT / 2];
    if (share_runs(s, p->pid, why, sizeof why))
        return KP_OK;
    const char *note = kp_deal_over(p->state) && p->note && !strstr(why, p->note) ? p->note : NULL;
    return kp_fail(err, KP_EDENIED, "%.200s%s%.200s", why, note ? ": " : "", note ? note : "");
}

struct beginning {
    const char *agreement, *transfer;
    int64_t most, now;
};

static enum kp_code count_one(struct kp_db *db, const struct beginning *b, struct kp_err *err)
{
    static const char *const statements[] = {
        "update share_process set begun = ?2 where pid = ?1",
        "update share_agreement set begun = begun + 1 where id = ?1 and ?2 is not null",
    };
    for (size_t i = 0; i < 2; i++) {
        struct kp_stmt *s = kp_db_prepare(db, statements[i], err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, i ? b->agreement : b->transfer);
        kp_bind_int(s, 2, b->now);
        if (kp_run(s, err))
            return err->code;
    }
    return KP_OK;
}

static enum kp_code begin_row(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct beginning *b = arg;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select p.begun is not null, a.begun from share_process p "
                                      "join share_agreement a on a.id = p.agreement where p.pid = "
                                      "?1 and a.id = ?2",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, b->transfer);
    kp_bind_text(s, 2, b->agreement);
    bool there = kp_step(s, err), before = there && kp_column_int(s, 0);
    int64_t begun = there ? kp_column_int(s, 1) : 0;
    kp_reset(s);
    if (err->code || before)
        return err->code;
    if (!there)
        return kp_fail(err, KP_EDENIED, "there is no such transfer");
    return b->most && begun >= b->most
               ? kp_fail(err, KP_EDENIED,
                         "agreement %.80s: the %lld transfers that were agreed have been made",
                         b->agreement, (long long)b->most)
               : count_one(db, b, err);
}

static enum kp_code begin(void *self, const char *agreement, const char *transfer, int64_t most,
                          struct kp_err *err)
{
    const struct share_keeper *k = self;
    struct beginning b = { agreement, transfer, most, kp_utc(k->share->clock) };
    return kp_store_do(k->share->store, begin_row, &b, err);
}

/* ---- life ---- */
enum kp_code share_keeper_new(struct kp_share *s, struct kp_err *err)
{
    struct share_keeper *k = kp_alloc(sizeof *k);
    if (!k)
        return share_starved(err);
    k->share = s;
    pthread_mutex_init(&k->reading, NULL);
    pthread_mutex_init(&k->lock, NULL);
    pthread_mutex_init(&k->streams, NULL);
    s->keeper = k;
    s->gate = kp_gate_new(s->model, s->clock, (struct kp_keeper){ k, holds, begin });
    return s->gate ? share_keep_all(s, err) : share_starved(err);
}

void share_keeper_free(struct kp_share *s)
{
    struct share_keeper *k = s->keeper;
    kp_gate_free(s->gate);
    if (!k)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct kept *t = k->bucket[i], *next; t; t = next) {
            next = t->next;
            kept_free(t);
        }
    pthread_mutex_destroy(&k->reading);
    pthread_mutex_destroy(&k->lock);
    pthread_mutex_destroy(&k->streams);
    kp_free(k);
}

/* ---- looking again ---- */
#define SELECT                                                                                     \
    "select p.pid, p.agreement, p.partner, p.state, p.note, a.active, a.why from share_process p " \
    "left join share_agreement a on a.id = p.agreement where p.kind = 1 and p.side = 1 and "
_Static_assert(KP_TRANSFER == 1 && KP_PROVIDER == 1 && KP_STARTED == 6 && KP_SUSPENDED == 7,
               "as the statements have them");

static void say_why(struct kept *t, struct kp_stmt *row, int64_t state)
{
    bool active = kp_column_int(row, 5);
    const char *note = kp_column_text(row, active ? 4 : 6), *what = "the agreement has ended";
    char text[2 * WHY];
    if (active)
        what = state == KP_SUSPENDED   ? "the transfer is suspended"
               : state == KP_REQUESTED ? "the transfer has not begun"
               : state == KP_COMPLETED ? "the transfer is complete"
                                       : "the transfer has ended";
    snprintf(text, sizeof text, "%s%s%.*s", what, note ? ": " : "", WHY, note ? note : "");
    kp_utf8_clean(t->why, sizeof t->why, text, strlen(text));
}

static struct kept *read_kept(struct kp_stmt *row)
{
    struct kept *t = kp_alloc(sizeof *t);
    int64_t state = kp_column_int(row, 3);
    if (!t)
        return NULL;
    t->pid = kp_strdup(kp_column_text(row, 0));
    t->agreement = kp_strdup(kp_column_text(row, 1));
    t->partner = kp_strdup(kp_column_text(row, 2));
    t->runs = state == KP_STARTED && kp_column_int(row, 5);
    t->over = state != KP_STARTED && state != KP_SUSPENDED;
    if (!t->runs)
        say_why(t, row, state);
    if (t->pid && t->agreement && t->partner)
        return t;
    kept_free(t);
    return NULL;
}

/* Puts `new` (NULL: nothing) in the place of what was kept; true: one that ran does so no more. */
static bool replace(struct share_keeper *k, const char *pid, struct kept *new)
{
    pthread_mutex_lock(&k->streams);
    bool wanted = new && (!new->over || has_stream(k, pid));
    pthread_mutex_lock(&k->lock);
    struct kept **at = place(k, pid), *old = *at;
    bool stops = old && old->runs && !(new && new->runs);
    if (wanted) {
        new->next = old ? old->next : NULL;
        *at = new;
    } else if (old) {
        *at = old->next;
    }
    pthread_mutex_unlock(&k->lock);
    pthread_mutex_unlock(&k->streams);
    kept_free(old);
    if (!wanted)
        kept_free(new);
    return stops;
}

static bool is_kept(struct share_keeper *k, const char *pid)
{
    pthread_mutex_lock(&k->lock);
    bool yes = *place(k, pid);
    pthread_mutex_unlock(&k->lock);
    return yes;
}

static void look(struct share_keeper *k, const char *pid)
{
    struct kp_err err = { 0 };
    struct kept *new = NULL;
    pthread_mutex_lock(&k->reading);
    struct kp_db *db = kp_store_reader(k->share->store, &err);
    struct kp_stmt *row = db ? kp_db_prepare(db, SELECT "p.pid = ?", &err) : NULL;
    if (row) {
        kp_bind_text(row, 1, pid);
        if (kp_step(row, &err) && !(new = read_kept(row)))
            share_starved(&err);
        kp_reset(row);
    }
    kp_store_reader_done(k->share->store, db);
    bool stops = replace(k, pid, new);
    pthread_mutex_unlock(&k->reading);
    if (err.code)
        kp_error("share", "where a transfer stands cannot be read: its data stops",
                 "transfer=%s why=%s", kp_log_quote(pid), kp_log_quote(err.text));
    if (stops)
        wake_streams(k);
}

enum kp_code share_keep_all(struct kp_share *s, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *row = db ? kp_db_prepare(db, SELECT "p.state in (6, 7)", err) : NULL;
    while (row && kp_step(row, err)) {
        struct kept *t = read_kept(row);
        if (!t) {
            kp_reset(row);
            share_starved(err);
            break;
        }
        replace(s->keeper, t->pid, t);
    }
    kp_store_reader_done(s->store, db);
    return err->code;
}

/* Those of an agreement, or of a partner. What is new stands behind, what goes lets the next one
 * move up. */
static void look_at_those(struct share_keeper *k, const char *agreement, const char *partner)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (size_t skip = 0;; skip++) {
            char pid[KP_DSP_ID] = "";
            pthread_mutex_lock(&k->lock);
            const struct kept *t = k->bucket[i];
            for (size_t n = 0; t && n < skip; n++)
                t = t->next;
            bool more = t;
            if (t && strcmp(agreement ? t->agreement : t->partner,
                            agreement ? agreement : partner) == 0)
                snprintf(pid, sizeof pid, "%s", t->pid);
            pthread_mutex_unlock(&k->lock);
            if (!more)
                break;
            if (*pid)
                look(k, pid);
            if (*pid && !is_kept(k, pid))
                skip--;
        }
}

void share_keep(struct kp_share *s, const struct share_process *p)
{
    if (p->deal == KP_TRANSFER && p->side == KP_PROVIDER && p->pid) {
        look(s->keeper, p->pid);
        if (share_pushes(p))
            share_push_begin(s);
    } else if (p->deal == KP_NEGOTIATION && p->agreement) {
        share_keep_agreement(s, p->agreement);
    }
}

void share_keep_agreement(struct kp_share *s, const char *id)
{
    look_at_those(s->keeper, id, NULL);
}

void share_keep_partner(struct kp_share *s, const char *name)
{
    look_at_those(s->keeper, NULL, name);
}
