/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that pushes. What runs is read again after each step of a transfer or agreement, so an
 * end or a pause stops it at once; what was sent is known over a restart by the time up to which
 * all has been taken. Nothing is sent before the row of the exit is on the disk. */
#include "share/push.h"

#include "core/log.h"
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
    pthread_t thread;
    struct kp_courier *courier;
    struct kp_gate *gate;
    struct push *list; /* the thread's own */
    atomic_bool news;
};

/* ---- the keeper: asked by the gate in this thread ---- */
static bool holds(void *self, const char *agreement, const char *transfer)
{
    const struct kp_pusher *w = self;
    for (const struct push *p = w->list; p; p = p->next)
        if (strcmp(p->process.pid, transfer) == 0 && strcmp(p->process.agreement, agreement) == 0)
            return !p->ended;
    return false;
}

struct beginning {
    const char *agreement, *transfer;
    int64_t most, now;
};

static enum kp_code begin_row(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct beginning *b = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select count(*) from share_process where agreement = ? and begun is not null and pid <> ?",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, b->agreement);
    kp_bind_text(s, 2, b->transfer);
    int64_t n = kp_step(s, err) ? kp_column_int(s, 0) : 0;
    kp_reset(s);
    if (!err->code && b->most && n >= b->most)
        return kp_fail(err, KP_EDENIED, "the agreement allows %lld transfers, which were made",
                       (long long)b->most);
    s = err->code
            ? NULL
            : kp_db_prepare(db, "update share_process set begun = coalesce(begun, ?) where pid = ?",
                            err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, b->now);
    kp_bind_text(s, 2, b->transfer);
    return kp_run(s, err);
}

static enum kp_code begin(void *self, const char *agreement, const char *transfer, int64_t most,
                          struct kp_err *err)
{
    const struct kp_pusher *w = self;
    struct beginning b = { agreement, transfer, most, kp_utc(w->share->clock) };
    return kp_store_do(w->share->store, begin_row, &b, err);
}

/* What other companies brought stands below partners/, and push_fill does not look there. */
static bool onward(void *self, uint16_t coupling)
{
    (void)self;
    (void)coupling;
    return true;
}

/* ---- the exit's row ---- */
static enum kp_code exit_begin(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct push *p = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into share_exit(at, partner, agreement, transfer, dataset, way) values(?, ?, ?, ?, "
        "?, 'push')",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, kp_utc(p->share->clock));
    kp_bind_text(s, 2, p->process.partner);
    kp_bind_text(s, 3, p->process.agreement);
    kp_bind_int(s, 4, p->process.id);
    kp_bind_text(s, 5, p->process.dataset);
    if (!kp_run(s, err))
        p->exit = kp_db_last_id(db);
    return err->code;
}

static enum kp_code exit_note(struct kp_db *db, const struct push *p, struct kp_err *err)
{
    unsigned char hash[KP_DIGEST_BYTES];
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update share_exit set count = ?2, bytes = ?3, from_at = ?4, to_at = ?5, hash = ?6, ended "
        "= ?7, why = ?8 where id = ?1",
        err);
    if (!s)
        return err->code;
    kp_digest_read(&p->digest, hash);
    kp_bind_int(s, 1, p->exit);
    kp_bind_int(s, 2, p->values);
    kp_bind_int(s, 3, p->bytes);
    if (p->values) {
        kp_bind_int(s, 4, p->first);
        kp_bind_int(s, 5, p->last);
    }
    kp_bind_blob(s, 6, hash, sizeof hash);
    if (p->ended || p->whole)
        kp_bind_int(s, 7, kp_utc(p->share->clock));
    kp_bind_text(s, 8, p->why);
    return kp_run(s, err);
}

/* How far it is: the exit's totals and, when a part is whole, where the next one begins. */
static enum kp_code note_row(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct push *p = arg;
    if (p->exit && exit_note(db, p, err))
        return err->code;
    bool whole = p->at >= p->n && !p->flushing && !p->body.len;
    int64_t until = whole ? p->to : p->from;
    struct kp_stmt *s = kp_db_prepare(db, "update share_process set pushed = ? where id = ?", err);
    if (!s)
        return err->code;
    if (until == INT64_MIN) {
        kp_reset(s);
        return KP_OK;
    }
    kp_bind_int(s, 1, until);
    kp_bind_int(s, 2, p->process.id);
    return kp_run(s, err);
}

static void note(struct push *p)
{
    struct kp_err err = { 0 };
    p->noted = kp_utc(p->share->clock);
    if (kp_store_do(p->share->store, note_row, p, &err) && err.code != KP_ESTOPPED)
        kp_error("share", "how far a push is cannot be written down", "why=%s",
                 kp_log_quote(err.text));
}

/* ---- ends ---- */
struct last_word {
    struct share_step step;
    int64_t id;
    enum kp_word word;
    const json_t *why;
};

static enum kp_code say_last(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct last_word *l = arg;
    struct share_process p;
    if (share_process_by_id(db, l->id, l->step.arena, &p, err) || p.state != KP_STARTED)
        return err->code;
    return share_say(db, &l->step, &p, l->word, l->why, err);
}

/* Complete, or (why) terminated. */
static void say_end(struct push *p)
{
    struct kp_err err = { 0 };
    struct share_self self;
    struct kp_arena arena = { 0 };
    json_t *why = p->why ? json_string(p->why) : NULL;
    if (!share_self(p->share, &arena, &self, &err)) {
        struct last_word l = { { p->share, &arena, &self, kp_utc(p->share->clock) },
                               p->process.id,
                               p->why ? KP_SAY_TERMINATE : KP_SAY_COMPLETE,
                               why };
        if (!kp_store_do(p->share->store, say_last, &l, &err))
            share_wake(p->share);
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
    if (p->exit)
        note(p);
    if (!said)
        say_end(p);
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
    p->first = p->values && p->first < p->body_first ? p->first : p->body_first;
    p->last = p->values && p->last > p->body_last ? p->last : p->body_last;
    p->values += p->body_values;
    p->bytes += (int64_t)p->body.len;
    kp_digest_add(&p->digest, p->body.data, p->body.len);
    p->body.len = 0;
    p->body_values = 0;
    p->tries = 0;
    if (kp_utc(p->share->clock) - p->noted > NOTE_EVERY || p->at >= p->n)
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
            kp_log_quote(p->process.partner), (long long)p->process.id, a->status,
            kp_log_quote(a->err.text));
    if (a->status == 410 || now - p->since > GIVE_UP) {
        p->ended = true;
        p->why = "what was pushed was not taken";
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
                           .most = ANSWER_MAX };
    if (!p->exit && kp_store_do(w->share->store, exit_begin, p, &err)) {
        p->exit = 0;
        p->due = kp_utc(w->share->clock) + FIRST_WAIT;
        return;
    }
    if (kp_courier_send(w->courier, &l, hear, p, &err))
        p->due = kp_utc(w->share->clock) + wait_after(p->tries++);
    else
        p->waiting = true;
}

static void go_on(struct kp_pusher *w, struct push *p)
{
    struct kp_err err = { 0 };
    bool due = !p->waiting && kp_utc(w->share->clock) >= p->due;
    if (due && !p->ended && !p->body.len && push_fill(p, &err)) {
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
/* "a,b" of ["a", "b"]. */
static const char *join(const char *signals, struct kp_arena *arena, struct kp_err *err)
{
    struct kp_buf out;
    const json_t *one;
    size_t i;
    json_t *list = kp_json_read(signals ? signals : "[]", "signals", err);
    kp_buf_init(&out, PUSH_PATTERNS);
    json_array_foreach(list, i, one)
        kp_buf_printf(&out, "%s%s", i ? "," : "", json_string_value(one));
    const char *text = out.failed ? NULL : kp_arena_strdup(arena, kp_buf_text(&out));
    kp_buf_free(&out);
    json_decref(list);
    if (!text && !err->code)
        share_starved(err);
    return text;
}

static enum kp_code read_target(struct push *p, const struct share_partner *partner,
                                struct kp_err *err)
{
    char name[SECRET_NAME];
    void *data;
    size_t len;
    share_address_name(&p->process, name);
    if (kp_secret_get(p->share->store, name, &p->arena, &data, &len, err))
        return err->code;
    json_t *address = kp_json_read(data, "dataAddress", err);
    if (address)
        share_target(address, partner, &p->arena, &p->target, err);
    json_decref(address);
    return err->code;
}

static enum kp_code read_terms(struct push *p, struct kp_db *db, struct kp_err *err)
{
    struct share_agreement a;
    struct share_partner partner;
    struct kp_stmt *s;
    if (share_agreement(db, p->process.agreement, &p->arena, &a, err) ||
        share_partner(db, p->process.partner, &p->arena, &partner, err) ||
        !(s = kp_db_prepare(
              db,
              "select a.signals, p.pushed from share_process p join share_agreement a "
              "on a.id = p.agreement where p.id = ?",
              err)))
        return err->code;
    kp_bind_int(s, 1, p->process.id);
    const char *signals = kp_step(s, err) ? kp_column_copy(s, 0, &p->arena) : NULL;
    p->from = p->to = signals && !kp_column_null(s, 1) ? kp_column_int(s, 1) : INT64_MIN;
    kp_reset(s);
    p->ca = partner.ca;
    p->include = err->code ? NULL : join(signals, &p->arena, err);
    json_t *policy = err->code ? NULL : kp_json_read(a.text, "agreement", err);
    if (policy && !share_terms(policy, &p->terms, err) && p->terms.every && p->to != INT64_MIN)
        p->from = p->to -= p->to % p->terms.every; /* the step that was open begins again */
    json_decref(policy);
    return err->code ? err->code : read_target(p, &partner, err);
}

static void take_up(struct kp_pusher *w, const struct share_process *found)
{
    struct kp_err err = { 0 };
    struct push *p = kp_alloc(sizeof *p);
    if (!p)
        return;
    p->share = w->share;
    kp_buf_init(&p->body, 2 * PUSH_BATCH);
    kp_digest_begin(&p->digest);
    struct kp_db *db = kp_store_reader(w->share->store, &err);
    if (db && !share_process_by_id(db, found->id, &p->arena, &p->process, &err))
        read_terms(p, db, &err);
    kp_store_reader_done(w->share->store, db);
    p->next = w->list;
    w->list = p; /* the gate asks whether it is there */
    if (!err.code) {
        struct kp_grant g = { .agreement = p->process.agreement,
                              .partner = p->process.partner,
                              .include = p->include,
                              .exclude = "",
                              .terms = p->terms };
        p->cursor = kp_gate_open(w->gate, &g, p->process.partner, p->process.pid, &err);
    }
    if (p->cursor)
        return;
    kp_warn("share", "a transfer cannot be pushed", "transfer=%lld why=%s", (long long)found->id,
            kp_log_quote(err.text));
    p->why = kp_arena_strdup(&p->arena, err.text);
    p->ended = true;
}

static struct push *find(const struct kp_pusher *w, int64_t id)
{
    struct push *p = w->list;
    while (p && p->process.id != id)
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
        while (i < n && found[i].id != p->process.id)
            i++;
        p->why = i == n && !p->why ? "the transfer was ended or suspended" : p->why;
        if (i == n)
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
    while (!w->share->stopping) {
        bool busy = false;
        if (atomic_exchange(&w->news, false)) {
            look(w);
            kp_gate_revoke(w->gate);
        }
        for (struct push *p = w->list, *next; p; p = next) {
            next = p->next;
            go_on(w, p);
        }
        for (struct push *p = w->list; p; p = p->next)
            busy |= !p->waiting && p->body.len && !p->tries;
        kp_courier_turn(w->courier, busy ? 0 : TURN_MS);
    }
    while (w->list) {
        w->list->why = "the node was stopped";
        finish(w, w->list, true);
    }
    return NULL;
}

/* ---- life ---- */
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
    w->gate = kp_gate_new(s->model, s->clock, (struct kp_keeper){ w, holds, begin, onward });
    if (w->courier && w->gate && pthread_create(&w->thread, NULL, push_all, w) == 0) {
        s->pusher = w;
        return KP_OK;
    }
    kp_courier_free(w->courier);
    kp_gate_free(w->gate);
    kp_free(w);
    return err->code ? err->code
                     : kp_fail(err, KP_EIO, "the system gives no thread for what is pushed");
}

void share_push_stop(struct kp_share *s)
{
    struct kp_pusher *w = s->pusher;
    if (!w)
        return;
    kp_courier_wake(w->courier);
    pthread_join(w->thread, NULL);
    s->pusher = NULL;
    kp_courier_free(w->courier);
    kp_gate_free(w->gate);
    kp_free(w);
}
