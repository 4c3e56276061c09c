/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that says what is to be said. For each process one message at a time, in order; what
 * does not arrive is tried again, each time later, over restarts; what the other side refuses is
 * taken back, unless it turns out that it had arrived. */
#include "share/private.h"

#include "core/log.h"
#include "core/url.h"
#include "core/worker.h"
#include "net/courier.h"
#include "net/json_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum {
    AT_ONCE = 64,    /* messages under way */
    SOON_TRIES = 12, /* after "not found" or "conflict": the other side may not be so far yet */
    ANSWER_MAX = 1 << 20,
    TURN_MS = 30000, /* what is new wakes it */
};
#define FIRST_WAIT   (100 * KP_MILLISECOND)
#define LONGEST_WAIT (300 * KP_SECOND)
#define GIVE_UP      (72 * 3600 * KP_SECOND)
#define PAUSE        KP_SECOND /* while the disk takes nothing, or the same would be said at once */

struct flight;
struct outcome {
    struct share_step step;
    struct flight *flight;
    const char *peer; /* learnt from the answer, or NULL */
    enum { ARRIVED, LATER, REFUSED } what;
    int64_t due;
};

struct flight {
    struct kp_share *share;
    struct outcome outcome; /* when it is done */
    bool used, done,
        asking; /* asking: where the process stands on the other side, after a refusal */
    int64_t row;
    struct share_process process;
    struct share_before said; /* and what was before */
    int64_t tries, since;
    const char *extra;
    struct kp_arena arena;
    char why[KP_ERR_TEXT];
};

struct outbox {
    struct kp_share *share;
    int64_t pause;
    struct flight flights[AT_ONCE];
};

void share_wake(struct kp_share *s)
{
    s->news = true;
    if (s->courier)
        kp_courier_wake(s->courier);
}

/* ---- writing the message ---- */
void share_put_url(struct kp_buf *url, const char *base, const char *path, const char *id)
{
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    kp_buf_add(url, base, n);
    kp_buf_str(url, path);
    if (id)
        kp_url_escape(url, id, KP_URL_SEGMENT);
}

static void write_url(const struct flight *f, struct kp_buf *url)
{
    const struct share_process *p = &f->process;
    share_put_url(url, p->callback, p->deal == KP_NEGOTIATION ? "/negotiations/" : "/transfers/",
                  p->peer);
    if (f->asking)
        return;
    if (p->peer)
        kp_buf_str(url, "/");
    kp_buf_str(url, kp_saying_of(p->deal, f->said.word)->path);
}

static void put_reason(struct kp_json *j, const char *extra)
{
    kp_json_put_text(j, "code", "ended");
    kp_json_key(j, "reason");
    kp_json_begin(j, '[');
    kp_json_raw(j, extra ? extra : "\"ended by a person\"");
    kp_json_end(j, ']');
}

/* Where the data is: as a person has said, else here, with a token that is made only now. */
static bool is_here(const struct flight *f)
{
    char name[SECRET_NAME];
    struct kp_arena arena = { 0 };
    struct kp_err none = { 0 };
    void *data;
    size_t len;
    const struct share_process *p = &f->process;
    if (f->said.word != KP_SAY_START || f->extra || p->side != KP_PROVIDER ||
        !p->format || strcmp(p->format, share_formats[0]) != 0)
        return false;
    share_address_name(p, name);
    bool elsewhere = !kp_secret_get(f->share->store, name, &arena, &data, &len, &none);
    kp_arena_free(&arena);
    return !elsewhere;
}

static enum kp_code write_body(const struct flight *f, const char *base, struct kp_buf *out,
                               struct kp_err *err)
{
    const struct share_process *p = &f->process;
    const struct kp_saying *how = kp_saying_of(p->deal, f->said.word);
    struct kp_json j = kp_json(out);
    kp_dsp_begin(&j, how->type, p->side == KP_PROVIDER ? p->pid : p->peer,
                 p->side == KP_CONSUMER ? p->pid : p->peer);
    if (how->event)
        kp_json_put_text(&j, "eventType", how->event);
    if (!p->peer)
        kp_json_put_text(&j, "callbackAddress", base);
    if (f->said.word == KP_SAY_REQUEST && p->deal == KP_TRANSFER) {
        kp_json_put_text(&j, "agreementId", p->agreement);
        kp_json_put_text(&j, "format", p->format);
        if (f->extra) {
            kp_json_key(&j, "dataAddress");
            kp_json_raw(&j, f->extra);
        }
    } else if (f->said.word == KP_SAY_REQUEST || f->said.word == KP_SAY_OFFER ||
               f->said.word == KP_SAY_AGREE) {
        kp_json_key(&j, f->said.word == KP_SAY_AGREE ? "agreement" : "offer");
        kp_json_raw(&j, f->extra);
    } else if (f->said.word == KP_SAY_START && f->extra) {
        kp_json_key(&j, "dataAddress");
        kp_json_raw(&j, f->extra);
    } else if (is_here(f)) {
        kp_json_key(&j, "dataAddress");
        share_put_address(f->share, &j, p, err);
    } else if (f->said.word == KP_SAY_TERMINATE || f->said.word == KP_SAY_SUSPEND) {
        put_reason(&j, f->extra);
    }
    kp_json_end(&j, '}');
    return err->code;
}

/* ---- what came of it; in the store's thread ---- */
static bool row_there(struct kp_db *db, int64_t row, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select 1 from share_outbox where id = ?", err);
    if (!s)
        return false;
    kp_bind_int(s, 1, row);
    bool there = kp_step(s, err);
    kp_reset(s);
    return there;
}

static enum kp_code row_done(struct kp_db *db, int64_t row, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "delete from share_outbox where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, row);
    return kp_run(s, err);
}

static int64_t wait_after(int64_t tries)
{
    uint16_t r;
    int64_t wait = FIRST_WAIT;
    for (int64_t i = 0; i < tries && wait < LONGEST_WAIT; i++)
        wait += wait / 2;
    kp_random(&r, sizeof r);
    wait = wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
    return wait - wait / 4 + wait / 2 * r / 65536;
}

static enum kp_code put_off(struct kp_db *db, const struct outcome *o, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "update share_outbox set due = ?, tries = ?, error = ? where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, o->due);
    kp_bind_int(s, 2, o->flight->tries + 1);
    kp_bind_text(s, 3, o->flight->why);
    kp_bind_int(s, 4, o->flight->row);
    return kp_run(s, err);
}

static enum kp_code arrived(struct kp_db *db, const struct outcome *o, struct share_process *p,
                            struct kp_err *err)
{
    if (o->peer && p->peer && strcmp(o->peer, p->peer) != 0)
        kp_warn("share", "a partner calls one process by two ids", "partner=%s pid=%s",
                kp_log_quote(p->partner), kp_log_quote(p->pid));
    if (o->peer && !p->peer) {
        p->peer = o->peer;
        if (share_process_put(db, p, o->step.now, err))
            return err->code;
    }
    return row_done(db, o->flight->row, err);
}

/* By that id the partner means another process of his already: which one a message is about could
 * not be told any more. */
static bool is_taken(struct kp_db *db, const struct outcome *o)
{
    const struct share_process *p = &o->flight->process;
    struct share_process other;
    struct kp_err none = { 0 };
    return o->peer &&
           !share_process_by_peer(db, p->partner, p->deal, p->side, o->peer, o->step.arena, &other,
                                  &none) &&
           other.id != p->id;
}

static enum kp_code settle(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct outcome *o = &((struct flight *)arg)->outcome;
    struct share_process p;
    if (is_taken(db, o)) {
        snprintf(o->flight->why, sizeof o->flight->why,
                 "the partner gives this %s the id of another one",
                 share_noun(o->flight->process.deal));
        o->peer = NULL;
        o->what = LATER;
        o->due = o->step.now + wait_after(o->flight->tries);
    }
    if (!row_there(db, o->flight->row,
                   err)) /* an end has swept it away meanwhile; what was learnt still counts */
        return err->code || !o->peer ||
                       share_process_by_id(db, o->flight->process.id, o->step.arena, &p, err) ||
                       p.peer
                   ? err->code
                   : arrived(db, o, &p, err);
    if (o->what == LATER)
        return put_off(db, o, err);
    if (share_process_by_id(db, o->flight->process.id, o->step.arena, &p, err))
        return err->code;
    if (o->what == ARRIVED)
        return arrived(db, o, &p, err);
    return row_done(db, o->flight->row, err)
               ? err->code
               : share_unsay(db, &o->step, &p, &o->flight->said, o->flight->why, err);
}

static void conclude(struct flight *f, int what, const char *peer, int64_t wait)
{
    static const struct share_self nobody = { 0 };
    int64_t now = kp_utc(f->share->clock);
    f->outcome =
        (struct outcome){ { f->share, &f->arena, &nobody, now }, f, peer, what, now + wait };
    f->done = true;
    if (what == REFUSED)
        kp_warn("share", "a partner refuses a message", "partner=%s word=%s why=%s",
                kp_log_quote(f->process.partner), kp_say_words[f->said.word], kp_log_quote(f->why));
}

static enum kp_code settle_done(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct outbox *o = arg;
    for (size_t i = 0; i < AT_ONCE && !err->code; i++)
        if (o->flights[i].done)
            settle(db, &o->flights[i], err);
    return err->code;
}

static void settle_alone(struct outbox *o, struct flight *f)
{
    struct kp_err err = { 0 };
    if (!kp_store_do(o->share->store, settle, f, &err) || err.code == KP_ESTOPPED)
        return;
    kp_error("share", "what came of a message cannot be written down: it is said again", "why=%s",
             kp_log_quote(err.text));
    o->pause = kp_utc(o->share->clock) + PAUSE;
}

/* All that is done in one transaction, for each costs a turn of the disk; when that fails each for
 * itself, so that one that cannot be written spoils no other. */
static void settle_flights(struct outbox *o)
{
    struct kp_err err = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < AT_ONCE; i++)
        n += o->flights[i].done;
    bool apart = n && kp_store_do(o->share->store, settle_done, o, &err);
    for (size_t i = 0; n && i < AT_ONCE; i++) {
        struct flight *f = &o->flights[i];
        if (!f->done)
            continue;
        if (apart)
            settle_alone(o, f);
        if (f->outcome.what == REFUSED)
            share_keep(o->share, &f->process);
        kp_arena_free(&f->arena);
        f->used = f->done = false;
    }
    if (n)
        o->share->news = true; /* there is a place, and perhaps a next message */
}

/* ---- answers ---- */
/* The first reason of an error object, else the status. */
static void say_why(struct flight *f, const struct kp_answer *a)
{
    struct kp_err err = { 0 };
    json_t *o = a->len && a->len < KP_DSP_BYTES
                    ? kp_json_object(a->text, a->len, "answer", KP_DSP_DEPTH, &err)
                    : NULL;
    const json_t *reason = json_object_get(o, "reason");
    const char *text =
        json_string_value(json_is_array(reason) ? json_array_get(reason, 0) : reason);
    char raw[KP_ERR_TEXT];
    if (a->err.code)
        snprintf(raw, sizeof raw, "%s", a->err.text);
    else
        snprintf(raw, sizeof raw, "the partner answers %ld%s%s", a->status, text ? ": " : "",
                 text ? text : "");
    kp_utf8_clean(f->why, sizeof f->why, raw, strlen(raw));
    json_decref(o);
}

/* What begins a process: a request, or an offer of who provides. */
static bool is_request(const struct flight *f)
{
    return f->said.state == KP_TERMINATED &&
           (f->said.word == KP_SAY_REQUEST || f->said.word == KP_SAY_OFFER);
}

/* The answer to a request tells what the other side calls the process. */
static const char *peer_of(struct flight *f, const struct kp_answer *a)
{
    struct kp_err err = { 0 };
    const char *type =
        f->process.deal == KP_NEGOTIATION ? "ContractNegotiation" : "TransferProcess";
    json_t *o = kp_dsp_answer(type, a->text, a->len, &err);
    bool provides = f->process.side == KP_PROVIDER;
    const char *ours = kp_dsp_text(o, provides ? "providerPid" : "consumerPid"),
               *theirs = kp_dsp_text(o, provides ? "consumerPid" : "providerPid");
    const char *peer = NULL;
    if (ours && theirs && strcmp(ours, f->process.pid) == 0 && *theirs &&
        strlen(theirs) < KP_DSP_ID)
        peer = kp_arena_strdup(&f->arena, theirs);
    json_decref(o);
    return peer;
}

static bool send_flight(struct flight *f, struct kp_err *err);

static void after_refusal(struct flight *f)
{
    struct kp_err err = { 0 };
    f->asking = true;
    if (!f->process.peer || f->said.word == KP_SAY_TERMINATE || !send_flight(f, &err))
        conclude(f, REFUSED, NULL, 0);
}

/* Our message may have arrived and only its answer got lost: then the other side stands elsewhere
 * than before. */
static void hear_state(struct flight *f, const struct kp_answer *a)
{
    struct kp_err err = { 0 };
    const char *type =
        f->process.deal == KP_NEGOTIATION ? "ContractNegotiation" : "TransferProcess";
    json_t *o = a->status == 200 ? kp_dsp_answer(type, a->text, a->len, &err) : NULL;
    const char *state = kp_dsp_text(o, "state");
    bool moved = state && strcmp(state, kp_deal_state_words[f->said.state]) != 0,
         silent = a->status == 0 || a->status >= 500;
    json_decref(o);
    conclude(f, moved ? ARRIVED : silent ? LATER : REFUSED, NULL, wait_after(f->tries));
}

static void hear_answer(void *arg, const struct kp_answer *a)
{
    struct flight *f = arg;
    if (f->asking) {
        hear_state(f, a);
        return;
    }
    say_why(f, a);
    const char *peer = a->status >= 200 && a->status < 300 && is_request(f) ? peer_of(f, a) : NULL;
    bool here = a->status >= 200 && a->status < 300;
    if (here && is_request(f) && !peer)
        snprintf(f->why, sizeof f->why,
                 "the partner answers %ld and does not say what he calls this %s", a->status,
                 share_noun(f->process.deal));
    bool perhaps = a->status == 404 || a->status == 409,
         person = a->status == 401 || a->status == 403,
         busy = a->status == 0 || a->status >= 500 || a->status == 408 || a->status == 429 ||
                person || here;
    if (here && (!is_request(f) || peer))
        conclude(f, ARRIVED, peer, 0);
    else if (((busy && kp_utc(f->share->clock) - f->since < GIVE_UP) ||
              (perhaps && f->tries < SOON_TRIES)))
        conclude(f, LATER, NULL, wait_after(f->tries));
    else
        after_refusal(f);
}

/* ---- sending ---- */
static bool send_flight(struct flight *f, struct kp_err *err)
{
    struct kp_share *s = f->share;
    struct share_partner partner;
    struct kp_errand l = { .most = ANSWER_MAX };
    struct kp_buf url, body;
    char base[KP_SHARE_URL];
    kp_share_base(s, base);
    kp_buf_init(&url, 8 * KP_DSP_ID);
    kp_buf_init(&body, 4 * KP_DSP_BYTES);
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        share_partner(db, f->process.partner, &f->arena, &partner, err);
    kp_store_reader_done(s->store, db);
    if (!err->code && is_request(f) && !base[0])
        kp_fail(err, KP_EREFUSED,
                "the partner cannot answer, for this node is reached by nobody: koppel listen "
                "--partners");
    if (!err->code && !share_show(s, &partner, &f->arena, &l.authorization, err)) {
        write_url(f, &url);
        if (!f->asking)
            write_body(f, base, &body, err);
        l.url = kp_buf_text(&url);
        l.body = f->asking ? NULL : kp_buf_text(&body);
        l.ca = partner.ca;
        l.caller = share_caller(s, partner.name);
        if (url.failed || body.failed)
            kp_fail(err, KP_ENOMEM, "out of memory");
        else if (!err->code)
            kp_courier_send(s->courier, &l, hear_answer, f, err);
    }
    kp_buf_free(&url);
    kp_buf_free(&body);
    return !err->code;
}

static void depart(struct flight *f)
{
    struct kp_err err = { 0 };
    if (send_flight(f, &err))
        return;
    snprintf(f->why, sizeof f->why, "%s", err.text);
    conclude(f, err.code == KP_ENOTFOUND ? REFUSED : LATER, NULL, wait_after(f->tries));
}

static struct flight *free_flight(struct outbox *o, int64_t row, bool *there)
{
    struct flight *free_one = NULL;
    *there = false;
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (!o->flights[i].used)
            free_one = free_one ? free_one : &o->flights[i];
        else
            *there |= o->flights[i].row == row;
    }
    return free_one;
}

static bool take_row(struct outbox *o, struct kp_db *db, struct kp_stmt *row)
{
    bool there;
    struct flight *f = free_flight(o, kp_column_int(row, 0), &there);
    struct kp_err err = { 0 };
    if (there || !f)
        return f;
    *f = (struct flight){ .share = o->share,
                          .row = kp_column_int(row, 0),
                          .said = { (enum kp_word)kp_column_int(row, 2),
                                    (enum kp_deal_state)kp_column_int(row, 4), NULL },
                          .tries = kp_column_int(row, 5),
                          .since = kp_column_int(row, 6) };
    const char *extra = kp_column_text(row, 3), *offer = kp_column_text(row, 8);
    f->extra = extra ? kp_arena_strdup(&f->arena, extra) : NULL;
    f->said.offer = offer ? kp_arena_strdup(&f->arena, offer) : NULL;
    bool good = f->said.word >= 0 && f->said.word < KP_WORDS && f->said.state >= 0 &&
                f->said.state < KP_DEAL_STATES && (!extra || f->extra) && (!offer || f->said.offer);
    if (good && !share_process_by_id(db, kp_column_int(row, 1), &f->arena, &f->process, &err) &&
        kp_saying_of(f->process.deal, f->said.word))
        f->used = true;
    else
        kp_arena_free(&f->arena);
    return true;
}

/* Takes what is due; the time until the next, ms. */
static int look(struct outbox *o, struct kp_err *err)
{
    /* Of each process the first message; of each partner a few, and fewer of what he did not take
     * before, so that one who hangs keeps no place from the others. */
    static const char due[] =
        "select id, process, word, extra, before, tries, since, due, offer from"
        " (select o.*, row_number() over (partition by p.partner order by o.due, o.id) as rank"
        "  from share_outbox o join share_process p on p.id = o.process where not exists"
        "  (select 1 from share_outbox f where f.process = o.process and f.id < o.id))"
        " where rank <= iif(tries, 2, 16) order by due limit 256";
    int64_t now = kp_utc(o->share->clock), next = now + TURN_MS * KP_MILLISECOND;
    bool before[AT_ONCE];
    if (now < o->pause && o->pause <= now + PAUSE) /* or the clock has been set back */
        return (int)((o->pause - now) / KP_MILLISECOND) + 1;
    for (size_t i = 0; i < AT_ONCE; i++)
        before[i] = o->flights[i].used;
    struct kp_db *db = kp_store_reader(o->share->store, err);
    struct kp_stmt *row = db ? kp_db_prepare(db, due, err) : NULL;
    while (row && kp_step(row, err)) {
        int64_t at = kp_column_int(row, 7);
        if (at > now && at < now + 2 * LONGEST_WAIT) { /* else the clock has been set back */
            next = at < next ? at : next;
            kp_reset(row);
            break;
        }
        if (!take_row(o, db, row)) {
            kp_reset(row);
            break;
        }
    }
    kp_store_reader_done(o->share->store, db);
    for (size_t i = 0; i < AT_ONCE; i++)
        if (o->flights[i].used && !before[i])
            depart(&o->flights[i]);
    return (int)((next - now) / KP_MILLISECOND) + 1;
}

void *share_deliver(void *arg)
{
    struct kp_share *s = arg;
    kp_thread_name("share");
    struct outbox *o = kp_alloc(sizeof *o);
    struct kp_err err = { 0 };
    if (!o) {
        kp_error("share", "out of memory: partners hear nothing from this node", "%s", "");
        return NULL;
    }
    o->share = s;
    for (int64_t now, next = INT64_MIN; !s->stopping;) {
        err = (struct kp_err){ 0 };
        now = kp_mono(s->clock);
        if (atomic_exchange(&s->news, false) || now >= next)
            next = now + look(o, &err) * KP_MILLISECOND;
        settle_flights(o); /* what did not even get on its way */
        share_watch(s);
        if (err.code)
            kp_error("share", "the messages to partners cannot be read", "why=%s",
                     kp_log_quote(err.text));
        kp_courier_turn(s->courier, s->news ? 0 : (int)((next - now) / KP_MILLISECOND) + 1);
        settle_flights(o);
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        kp_arena_free(&o->flights[i].arena);
    kp_free(o);
    return NULL;
}
