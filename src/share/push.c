/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that pushes. What runs is read again after each step of a transfer or agreement, so an
 * end or a pause stops it at once; what was sent is known over a restart by the time up to which
 * all has been taken. Nothing is sent before the row of the exit is on the disk. */
#include "share/push.h"

#include "core/log.h"
#include "core/worker.h"
#include "net/courier.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { PUSHES_MAX = 256, ANSWER_MAX = 64 << 10, TURN_MS = 500 };
#define FIRST_WAIT   (500 * KP_MILLISECOND)
#define LONGEST_WAIT (300 * KP_SECOND)
#define GIVE_UP      (24 * 3600 * KP_SECOND)
#define NOTE_EVERY   (30 * KP_SECOND)

struct kp_pusher {
    struct kp_share *share;
    struct kp_worker worker; /* begun with the first push */
    struct kp_courier *courier;
    struct push *list; /* the thread's own */
    atomic_bool news;
};

/* ---- what is on the disk: the exit's row, and how far it is ---- */
static enum kp_code mark(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct push *p = arg;
    bool whole = p->at >= p->signals.n && !p->flushing && !p->body.len;
    int64_t until = whole ? p->to : p->from;
    if (until == INT64_MIN)
        return KP_OK;
    struct kp_stmt *s = kp_db_prepare(db, "update share_process set pushed = ? where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, until);
    kp_bind_int(s, 2, p->id);
    return kp_run(s, err);
}

static void note(struct push *p)
{
    struct kp_err err = { 0 };
    p->noted = kp_utc(p->share->clock);
    if ((share_exit_put(p->share, &p->exit, &err) || kp_store_do(p->share->store, mark, p, &err)) &&
        err.code != KP_ESTOPPED)
        kp_error("share", "how far a push is cannot be written down", "why=%s",
                 kp_log_quote(err.text));
}

/* ---- ends ---- */
struct last_word {
    struct share_step step;
    int64_t id;
    enum kp_word word;
    const json_t *why;
    struct share_process process; /* where it stands then */
};

/* Only of one that still runs: what was paused meanwhile is not ours to end. */
static enum kp_code say_last(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct last_word *l = arg;
    struct share_process *p = &l->process;
    if (share_process_by_id(db, l->id, l->step.arena, p, err) || p->state != KP_STARTED)
        return err->code;
    return share_say(db, &l->step, p, l->word, l->why, err);
}

/* Complete, or terminated with the reason. */
static void say_end(struct push *p)
{
    struct kp_err err = { 0 };
    struct share_self self;
    struct kp_arena arena = { 0 };
    json_t *why = p->exit.why ? json_string(p->exit.why) : NULL;
    if (!share_self(p->share, &arena, &self, &err)) {
        struct last_word l = { .step = { p->share, &arena, &self, kp_utc(p->share->clock) },
                               .id = p->id,
                               .word = p->exit.why ? KP_SAY_TERMINATE : KP_SAY_COMPLETE,
                               .why = why };
        if (!kp_store_do(p->share->store, say_last, &l, &err)) {
            share_keep(p->share, &l.process);
            share_wake(p->share);
        }
    }
    if (err.code && err.code != KP_ESTOPPED)
        kp_error("share", "the end of a push cannot be told", "why=%s", kp_log_quote(err.text));
    json_decref(why);
    kp_arena_free(&arena);
}

/* Of itself it ends with a word to the other side; else that was said. */
static void finish(struct kp_pusher *w, struct push *p, bool said)
{
    if (p->waiting)
        kp_courier_drop(w->courier, p);
    p->waiting = false;
    p->ended = true;
    if (!said)
        say_end(p);
    if (p->exit.id && !p->exit.why)
        p->exit.why = "complete";
    if (p->exit.id)
        note(p);
    for (struct push **at = &w->list; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    push_close(p);
}

/* ---- sending ---- */
static int64_t wait_after(int64_t tries)
{
    int64_t wait = FIRST_WAIT;
    for (int64_t i = 0; i < tries && wait < LONGEST_WAIT; i++)
        wait *= 2;
    return wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
}

static void taken(struct push *p)
{
    p->body.len = 0;
    p->tries = 0;
    if (kp_utc(p->share->clock) - p->noted > NOTE_EVERY || p->at >= p->signals.n)
        note(p);
}

static void hear(void *arg, const struct kp_answer *a)
{
    struct push *p = arg;
    int64_t now = kp_utc(p->share->clock);
    p->waiting = false;
    if (a->status >= 200 && a->status < 300) {
        taken(p);
        return;
    }
    p->since = p->tries ? p->since : now;
    p->due = now + wait_after(p->tries++);
    kp_warn("share", "what is pushed is not taken", "partner=%s transfer=%lld status=%ld why=%s",
            kp_log_quote(p->exit.partner), (long long)p->id, a->status,
            kp_log_quote(a->err.text));
    if (a->status == 410 || now - p->since > GIVE_UP) {
        p->ended = true;
        p->exit.why = "what was pushed was not taken";
    }
}

static void send_body(struct kp_pusher *w, struct push *p)
{
    struct kp_err err = { 0 };
    struct kp_errand l = { .url = p->target.url,
                           .body = kp_buf_text(&p->body),
                           .authorization = p->target.authorization,
                           .header = p->target.header,
                           .type = "application/x-ndjson",
                           .ca = p->target.his ? p->ca : NULL,
                           .outside = !p->target.his,
                           .caller = share_caller(w->share, p->exit.partner),
                           .most = ANSWER_MAX };
    if (!p->exit.id && share_exit_put(w->share, &p->exit, &err)) {
        p->due = kp_utc(w->share->clock) + FIRST_WAIT;
        return;
    }
    if (kp_courier_send(w->courier, &l, hear, p, &err))
        p->due = kp_utc(w->share->clock) + wait_after(p->tries++);
    else
        p->waiting = true;
}

static enum kp_code fill(struct push *p, struct kp_err *err)
{
    if (push_fill(p, err))
        return err->code;
    p->exit.bytes += (int64_t)p->body.len;
    kp_digest_add(&p->exit.digest, p->body.data, p->body.len);
    return KP_OK;
}

static void go_on(struct kp_pusher *w, struct push *p)
{
    struct kp_err err = { 0 };
    bool due = !p->waiting && kp_utc(w->share->clock) >= p->due;
    if (due && !p->ended && !p->body.len && fill(p, &err)) {
        kp_error("share", "what is to be pushed cannot be read", "why=%s", kp_log_quote(err.text));
        p->due = kp_utc(w->share->clock) + wait_after(p->tries++);
        p->body.len = 0;
        p->body.failed = false;
        return;
    }
    if (p->ended || (p->whole && !p->body.len && !p->waiting))
        finish(w, p, false);
    else if (due && p->body.len)
        send_body(w, p);
}

/* ---- what runs ---- */
static enum kp_code read_target(struct push *p, struct kp_db *db, struct kp_err *err)
{
    char name[SECRET_NAME];
    struct share_partner partner;
    void *data;
    size_t len;
    share_address_name(&p->grant.process, name);
    if (share_partner(db, p->grant.grant.partner, &p->arena, &partner, err) ||
        kp_secret_get(p->share->store, name, &p->arena, &data, &len, err))
        return err->code;
    p->ca = partner.ca;
    json_t *address = kp_json_read(data, "dataAddress", err);
    if (address)
        share_target(address, &partner, &p->arena, &p->target, err);
    json_decref(address);
    return err->code;
}

/* The step that was open when it was stopped begins again. */
static enum kp_code read_mark(struct push *p, struct kp_db *db, struct kp_err *err)
{
    int64_t every = p->grant.grant.terms.every;
    struct kp_stmt *s = kp_db_prepare(db, "select pushed from share_process where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, p->id);
    p->to = kp_step(s, err) && !kp_column_null(s, 0) ? kp_column_int(s, 0) : INT64_MIN;
    kp_reset(s);
    if (every && p->to != INT64_MIN)
        p->to -= p->to % every < 0 ? p->to % every + every : p->to % every;
    p->from = p->to;
    return err->code;
}

static enum kp_code read_push(struct push *p, const char *pid, struct kp_err *err)
{
    if (share_grant(p->share, pid, &p->arena, &p->grant, err))
        return err->code;
    data_writer_begin(&p->writer, KP_DATA_LINES, p->share->model, &p->grant.grant.terms);
    share_exit_begin(&p->exit, &p->grant, "push", kp_utc(p->share->clock));
    if (!p->exit.signals)
        return share_starved(err);
    struct kp_db *db = kp_store_reader(p->share->store, err);
    if (db && !read_target(p, db, err))
        read_mark(p, db, err);
    kp_store_reader_done(p->share->store, db);
    if (!err->code)
        p->cursor = share_open_gate(p->share, &p->grant, err);
    return err->code;
}

static void take_up(struct kp_pusher *w, const struct share_process *found)
{
    struct kp_err err = { 0 };
    struct push *p = kp_alloc(sizeof *p);
    if (!p)
        return;
    p->share = w->share;
    p->id = found->id;
    p->next = w->list;
    w->list = p;
    kp_buf_init(&p->body, 2 * PUSH_BATCH);
    if (!read_push(p, found->pid, &err))
        return;
    kp_warn("share", "a transfer cannot be pushed", "transfer=%lld why=%s", (long long)found->id,
            kp_log_quote(err.text));
    p->exit.why = kp_arena_strdup(&p->arena, err.text);
    p->ended = true;
}

static struct push *find(const struct kp_pusher *w, int64_t id)
{
    struct push *p = w->list;
    while (p && p->id != id)
        p = p->next;
    return p;
}

/* Reads what is to run: takes up what is new, ends what is not there any more. */
static void look(struct kp_pusher *w)
{
    static const char running[] =
        "select p.id, p.kind, p.side, p.state, p.automatic, coalesce(p.offered, 0), p.partner, "
        "p.pid, p.peer_pid, p.callback, p.dataset, p.offer, p.agreement, p.format, p.note, p.made, "
        "p.changed from share_process p join share_agreement a on a.id = p.agreement "
        "join share_partner n on n.name = p.partner where p.kind = 1 and p.side = 1 and p.format = "
        "'HttpData-PUSH' and p.state = ? and a.active = 1 limit ?";
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct share_process found[PUSHES_MAX];
    size_t n = 0;
    struct kp_db *db = kp_store_reader(w->share->store, &err);
    struct kp_stmt *s = db ? kp_db_prepare(db, running, &err) : NULL;
    if (s) {
        kp_bind_int(s, 1, KP_STARTED);
        kp_bind_int(s, 2, PUSHES_MAX);
    }
    while (s && n < PUSHES_MAX && kp_step(s, &err))
        share_process_row(s, &arena, &found[n++]);
    if (s)
        kp_reset(s);
    kp_store_reader_done(w->share->store, db);
    for (struct push *p = w->list, *next; p && !err.code; p = next) {
        size_t i = 0;
        next = p->next;
        while (i < n && found[i].id != p->id)
            i++;
        if (i < n)
            continue;
        if (!p->exit.why)
            p->exit.why = "the transfer was ended or suspended";
        finish(w, p, true);
    }
    for (size_t i = 0; i < n && !err.code; i++)
        if (!find(w, found[i].id))
            take_up(w, &found[i]);
    kp_arena_free(&arena);
}

static void *push_all(void *arg)
{
    struct kp_pusher *w = arg;
    kp_thread_name("push");
    while (!w->share->stopping) {
        bool busy = false;
        if (atomic_exchange(&w->news, false))
            look(w);
        for (struct push *p = w->list, *next; p; p = next) {
            next = p->next;
            go_on(w, p);
        }
        for (struct push *p = w->list; p; p = p->next)
            busy |= !p->waiting && p->body.len && !p->tries;
        kp_courier_turn(w->courier, busy ? 0 : TURN_MS);
    }
    while (w->list) {
        w->list->exit.why = "the node was stopped";
        finish(w, w->list, true);
    }
    return NULL;
}

/* ---- life ---- */
/* Whether something is to be pushed already; true when that cannot be said now. */
static bool is_asked(struct kp_share *s)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(s->store, &err);
    struct kp_stmt *q = db ? kp_db_prepare(db,
                                           "select 1 from share_process where kind = 1 and format "
                                           "= 'HttpData-PUSH' and state = ? limit 1",
                                           &err)
                           : NULL;
    if (q)
        kp_bind_int(q, 1, KP_STARTED);
    bool some = (q && kp_step(q, &err)) || err.code;
    if (q)
        kp_reset(q);
    kp_store_reader_done(s->store, db);
    return some;
}

void share_push_begin(struct kp_share *s)
{
    if (s->pusher && !kp_worker_begin(&s->pusher->worker, push_all, s->pusher))
        kp_error("share", "no thread for what is pushed to partners, tried again with the next push",
                 "%s", "");
    share_push_wake(s);
}

void share_push_wake(struct kp_share *s)
{
    if (!s->pusher)
        return;
    s->pusher->news = true;
    kp_courier_wake(s->pusher->courier);
}

enum kp_code share_push_start(struct kp_share *s, struct kp_err *err)
{
    struct kp_pusher *w = kp_alloc(sizeof *w);
    if (!w)
        return share_starved(err);
    w->share = s;
    w->news = true;
    w->courier = kp_courier_new(err);
    if (!w->courier) {
        kp_free(w);
        return err->code;
    }
    kp_worker_init(&w->worker);
    kp_worker_open(&w->worker);
    s->pusher = w;
    if (is_asked(s))
        share_push_begin(s);
    return KP_OK;
}

void share_push_stop(struct kp_share *s)
{
    struct kp_pusher *w = s->pusher;
    if (!w)
        return;
    kp_courier_wake(w->courier);
    kp_worker_close(&w->worker);
    s->pusher = NULL;
    kp_worker_free(&w->worker);
    kp_courier_free(w->courier);
    kp_free(w);
}
