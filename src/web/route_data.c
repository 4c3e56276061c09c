/* SPDX-License-Identifier: Apache-2.0 */
/* The data of transfers, for partners who pull it. Pieces are made by the workers and wait, two at
 * most, for the listener's thread to send them: a partner who reads slowly holds no worker and
 * costs no more than that. */
#include "net/gzip.h"
#include "share/data.h"
#include "share/share.h"
#include "web/pool.h"
#include "web/routes.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { READY = 2, TURNS = 16 };

struct pull {
    struct kp_request *r; /* until `gone` */
    struct kp_data *data;
    struct kp_packer *packer; /* NULL: it goes as it is */
    struct kp_job job, last;

    pthread_mutex_t lock; /* guards what follows */
    struct kp_buf ready[READY];
    unsigned n;
    bool busy; /* a worker is at it, or on the way */
    bool news; /* there may be something to do */
    bool over; /* no piece comes any more */
    bool torn; /* what went out is not whole, and cannot say so */
    bool gone, stopping;
};

static struct kp_share *share(const struct kp_request *r)
{
    return kp_node_share(r->node);
}

/* ---- the life of a pull ---- */
static void pull_free(struct pull *p)
{
    for (unsigned i = 0; i < p->n; i++)
        kp_buf_free(&p->ready[i]);
    kp_packer_free(p->packer);
    pthread_mutex_destroy(&p->lock);
    kp_free(p);
}

static void finish(struct pull *p)
{
    kp_data_close(p->data, p->stopping);
    pull_free(p);
}

static void wake(void *self)
{
    struct pull *p = self;
    pthread_mutex_lock(&p->lock);
    p->news = true;
    if (!p->gone)
        kp_flow_wake(p->r);
    pthread_mutex_unlock(&p->lock);
}

/* ---- the worker's side ---- */
/* False: no memory, or (of a text that cannot say it) it was ended before it was whole. */
static bool make_piece(struct pull *p, struct kp_buf *piece, enum kp_data_next *next)
{
    struct kp_buf plain;
    kp_buf_init(piece, KP_DATA_PIECE_MAX);
    if (!p->packer) {
        *next = kp_data_next(p->data, piece);
        return !piece->failed;
    }
    kp_buf_init(&plain, KP_DATA_PIECE_MAX);
    *next = kp_data_next(p->data, &plain);
    bool good = !plain.failed &&
                kp_packer_add(p->packer, plain.data, plain.len, *next == KP_DATA_OVER, piece);
    kp_buf_free(&plain);
    return good;
}

/* Puts the piece to those that wait. Lock held. */
static void keep_piece(struct pull *p, struct kp_buf *piece, bool good, enum kp_data_next next)
{
    p->torn |= !good;
    p->news |= next == KP_DATA_MORE;
    if (good && piece->len && !p->gone && !p->over) /* else it was stopped meanwhile */
        p->ready[p->n++] = *piece;
    else
        kp_buf_free(piece);
    p->over |= next == KP_DATA_OVER || !good;
}

static void work(struct kp_job *job)
{
    struct pull *p = (struct pull *)((char *)job - offsetof(struct pull, job));
    bool again = true;
    for (unsigned turn = 0; again; turn++) {
        struct kp_buf piece;
        enum kp_data_next next;
        bool good = make_piece(p, &piece, &next);
        pthread_mutex_lock(&p->lock);
        keep_piece(p, &piece, good, next);
        again = p->news && !p->over && !p->gone && p->n < READY && turn < TURNS;
        p->news = p->news && !again;
        p->busy = again;
        bool gone = p->gone && !again;
        if (!p->gone)
            kp_flow_wake(p->r);
        pthread_mutex_unlock(&p->lock);
        if (gone)
            finish(p);
    }
}

/* ---- the listener's side ---- */
/* What waits was allowed when it was made; after an end it is not sent any more. Lock held. */
static void stop(struct pull *p, struct kp_buf *end)
{
    for (unsigned i = 0; i < p->n; i++)
        kp_buf_free(&p->ready[i]);
    p->n = 0;
    p->over = true;
    p->torn |= p->packer != NULL || end->failed;
    if (!p->torn)
        p->ready[p->n++] = *end;
    else
        kp_buf_free(end);
}

static void take_piece(struct pull *p, struct kp_buf *out)
{
    if (!p->n)
        return;
    kp_buf_free(out);
    *out = p->ready[0];
    p->n--;
    for (unsigned i = 0; i < p->n; i++)
        p->ready[i] = p->ready[i + 1];
}

static void go_on(struct pull *p)
{
    if (!p->news || p->busy || p->over || p->n == READY)
        return;
    p->news = false;
    p->busy = true;
    if (!kp_flow_work(p->r, &p->job)) {
        p->news = true;
        p->busy = false;
    }
}

static bool fill(void *self, struct kp_buf *out)
{
    struct pull *p = self;
    struct kp_buf end;
    kp_buf_init(&end, KP_DATA_PIECE_MAX);
    pthread_mutex_lock(&p->lock);
    if (!p->over && kp_data_stopped(p->data, &end))
        stop(p, &end);
    take_piece(p, out);
    go_on(p);
    bool more = out->len || !p->over;
    out->failed |= !out->len && p->over && p->torn;
    more |= out->failed;
    pthread_mutex_unlock(&p->lock);
    return more;
}

static void close_later(struct kp_job *job)
{
    finish((struct pull *)((char *)job - offsetof(struct pull, last)));
}

/* How much went out is written down by a worker, for the disk may take its time. */
static void end(void *self)
{
    struct pull *p = self;
    pthread_mutex_lock(&p->lock);
    p->gone = true;
    p->stopping = kp_flow_stopping(p->r);
    bool busy = p->busy;
    p->last.run = close_later;
    bool handed = !busy && kp_flow_work(p->r, &p->last);
    pthread_mutex_unlock(&p->lock);
    if (!busy && !handed)
        finish(p);
}

/* ---- requests ---- */
/* Whether a list such as "text/html, application/json;q=0.5" has this word, and not as unwanted. */
static bool accepts(const char *header, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = header; at && *at; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        size_t len = strcspn(at, ",; ");
        const char *rest = at + len + strspn(at + len, "; ");
        if (len == n && strncasecmp(at, word, n) == 0)
            return strncmp(rest, "q=0", 3) != 0 || rest[3] == '.';
    }
    return false;
}

static enum kp_code read_wish(struct kp_request *r, struct kp_data_wish *w, struct kp_err *err)
{
    const struct kp_arg *format = kp_arg_get(r, "format"), *from = kp_arg_get(r, "from"),
                        *to = kp_arg_get(r, "to");
    bool events = !format->given && accepts(r->client.accept, "text/event-stream"),
         csv = format->given ? kp_arg_int(r, "format") == 1 : accepts(r->client.accept, "text/csv");
    *w = (struct kp_data_wish){ .to = r->to,
                                .form = events ? KP_DATA_EVENTS
                                        : csv  ? KP_DATA_CSV
                                               : KP_DATA_LINES,
                                .from = from->given ? from->number : KP_NO_TIME,
                                .before = to->given ? to->number : KP_NO_TIME,
                                .hub = kp_node_hub(r->node),
                                .wake = wake };
    if (events && to->given)
        return kp_fail(err, KP_EINVALID, "to: what is followed has no end; leave it out");
    if (from->given && to->given && w->from >= w->before)
        return kp_fail(err, KP_EINVALID, "from must be before to");
    return KP_OK;
}

/* False: the reply says why not. */
static bool read_token(struct kp_request *r, struct kp_data_token *t)
{
    struct kp_err err = { 0 };
    if (!kp_data_token_read(share(r), r->name, r->client.authorization, &r->arena, t, &err))
        return true;
    r->showed = r->client.authorization;
    if (err.code == KP_EDENIED) {
        kp_reply_header(r, "WWW-Authenticate", "Bearer realm=\"koppel\"");
        kp_reply_error(r, 401, "unauthorized", "%s", err.text);
    } else {
        kp_reply_failure(r, &err);
    }
    return false;
}

static const char *type_of(enum kp_data_form form)
{
    return form == KP_DATA_EVENTS ? "text/event-stream"
           : form == KP_DATA_CSV  ? "text/csv; charset=utf-8"
                                  : "application/x-ndjson";
}

static enum kp_code begin(struct kp_request *r, struct kp_data_wish *w,
                          const struct kp_data_token *t, struct kp_err *err)
{
    struct pull *p = kp_alloc(sizeof *p);
    bool pack = w->form != KP_DATA_EVENTS && accepts(r->client.accept_encoding, "gzip");
    if (!p)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    p->r = r;
    p->job.run = work;
    p->news = true;
    pthread_mutex_init(&p->lock, NULL);
    w->arg = p;
    if (pack && !(p->packer = kp_packer_new()))
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        p->data = kp_data_open(share(r), t, w, err);
    if (!p->data) {
        pull_free(p);
        return err->code;
    }
    if (pack)
        kp_reply_header(r, "Content-Encoding", "gzip");
    kp_reply_header(r, "Vary", "Accept, Accept-Encoding");
    const struct kp_flow flow = {
        .fill = fill, .end = end, .beat = wake, .document = w->form != KP_DATA_EVENTS, .self = p
    };
    if (kp_flow_begin(r, type_of(w->form), flow, err))
        finish(p);
    return err->code;
}

enum kp_code kp_route_data(struct kp_request *r, struct kp_err *err)
{
    struct kp_data_wish w;
    struct kp_data_token t;
    if (!read_token(r, &t))
        return KP_OK;
    r->showed = true;
    return read_wish(r, &w, err) ? err->code : begin(r, &w, &t, err);
}

enum kp_code kp_route_data_signals(struct kp_request *r, struct kp_err *err)
{
    struct kp_data_token t;
    if (!read_token(r, &t))
        return KP_OK;
    struct kp_json j = kp_reply_json(r);
    return kp_data_signals(share(r), r->to, &t, &j, err);
}

enum kp_code kp_route_data_token(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_data_token_new(share(r), r->partner, r->name, &j, err);
}
