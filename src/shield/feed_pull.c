/* SPDX-License-Identifier: Apache-2.0 */
/* Which feeds are due, and what comes of them. A thread for each pull, a few at a time, begun by
 * the duty of the inventory; none while nothing is due. */
#include "core/log.h"
#include "core/worker.h"
#include "net/json_memory.h"
#include "shield/feed_keep.h"
#include "shield/keep.h"

#include <string.h>

#include "core/ban.h"

enum { AT_ONCE = 4 };
static const int64_t first_wait = 30 * KP_SECOND, longest_wait = INT64_C(6) * 3600 * KP_SECOND;

struct pull {
    struct feeds *feeds;
    struct feed_row f;
    struct kp_arena arena;
    pthread_t thread;
    bool used, over, drop; /* drop: it is to be removed */
};
struct feeds {
    struct kp_shield *shield;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ended;
    struct pull pull[AT_ONCE];
    bool stopping;
    int64_t next; /* when one is due; 0: to be looked up */
};

struct feeds *feeds_new(struct kp_shield *s)
{
    struct feeds *f = kp_alloc(sizeof *f);
    if (!f)
        return NULL;
    f->shield = s;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->ended, NULL);
    return f;
}

void feeds_free(struct feeds *f)
{
    if (!f)
        return;
    pthread_cond_destroy(&f->ended);
    pthread_mutex_destroy(&f->lock);
    kp_free(f);
}

/* ---- what came of it ---- */
struct outcome {
    struct pull *p;
    const struct kp_feed_visit *v;
    const struct kp_err *err;
    char *state;
    int64_t now;
};

static int64_t wait_of(const struct outcome *o)
{
    const struct feed_row *f = &o->p->f;
    int64_t wait = f->every;
    if (o->err->code == KP_ESTOPPED)
        wait = 0;
    else if (o->err->code) {
        wait = first_wait;
        for (int64_t i = 0; i < f->tries && wait < longest_wait; i++)
            wait *= 2;
        wait = o->err->code == KP_EREFUSED || wait > longest_wait ? longest_wait : wait;
        wait = wait > f->every ? f->every : wait;
    }
    return o->v->wait > wait ? o->v->wait : wait;
}

static enum kp_code write_outcome(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct outcome *o = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update feed set state = ?2, next = iif(next = 0 and ?9, 0, ?3), tries = ?4, fault = ?5,"
        " note = ?6, pulled = iif(?5 is null, ?7, pulled), taken = taken + ?8, refused = refused +"
        " ?10 where id = ?1",
        err);
    if (!s)
        return err->code;
    bool stopped = o->err->code == KP_ESTOPPED;
    kp_bind_int(s, 1, o->p->f.id);
    kp_bind_text(s, 2, o->state);
    kp_bind_int(s, 3, o->now + wait_of(o));
    kp_bind_int(s, 4, stopped ? o->p->f.tries : o->err->code ? o->p->f.tries + 1 : 0);
    kp_bind_text(s, 5,
                 stopped        ? "it was cut short, and goes on when the node runs again"
                 : o->err->code ? o->err->text
                                : NULL);
    kp_bind_text(s, 6, *o->v->note ? o->v->note : NULL);
    kp_bind_int(s, 7, o->now);
    kp_bind_int(s, 8, o->v->taken);
    kp_bind_int(s, 9, o->p->f.next != 0); /* somebody was in a hurry meanwhile */
    kp_bind_int(s, 10, o->v->refused);
    return kp_run(s, err);
}

enum kp_code kp_feed_keep(struct kp_db *db, int64_t feed, const json_t *state, struct kp_err *err)
{
    char *text = kp_json_dump(state, JSON_COMPACT);
    struct kp_stmt *s =
        text ? kp_db_prepare(db, "update feed set state = ? where id = ?", err) : NULL;
    if (s) {
        kp_bind_text(s, 1, text);
        kp_bind_int(s, 2, feed);
        kp_run(s, err);
    } else {
        kp_fail(err, KP_ENOMEM, "out of memory");
    }
    kp_free(text);
    return err->code;
}

/* ---- one pull ---- */
static bool stopping(void *arg)
{
    struct pull *p = arg;
    pthread_mutex_lock(&p->feeds->lock);
    bool stop = p->feeds->stopping || p->drop;
    pthread_mutex_unlock(&p->feeds->lock);
    return stop;
}

static void ended(struct pull *p, const struct kp_feed_visit *v, const struct kp_err *why)
{
    struct kp_shield *s = p->feeds->shield;
    struct kp_err err = { 0 };
    struct outcome o = { p, v, why, kp_json_dump(v->state, JSON_COMPACT), kp_utc(s->clock) };
    if (!o.state)
        kp_fail(&err, KP_ENOMEM, "out of memory");
    else
        kp_store_do(s->store, write_outcome, &o, &err);
    kp_free(o.state);
    if (err.code)
        kp_warn("feed", "what came of a feed could not be written", "feed=%s why=%s",
                kp_log_quote(p->f.name), kp_log_quote(err.text));
    if (why->code && why->code != KP_ESTOPPED)
        kp_warn("feed", "a feed could not be pulled", "feed=%s why=%s", kp_log_quote(p->f.name),
                kp_log_quote(why->text));
}

/* Who is in a hurry from now on wants another pull. */
static enum kp_code note_begun(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct pull *p = arg;
    struct kp_stmt *s =
        kp_db_prepare(db, "update feed set next = 1 where id = ? and next = 0", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, p->f.id);
    p->f.next = 1;
    return kp_run(s, err);
}

static void *run(void *arg)
{
    struct pull *p = arg;
    kp_thread_name("feed");
    struct kp_shield *s = p->feeds->shield;
    struct kp_err err = { 0 };
    if (!p->f.next)
        kp_store_do(s->store, note_begun, p, &err);
    const struct kp_feed_kind *kind = feed_kind_find(p->f.kind);
    struct kp_feed_visit v = { .shield = s,
                               .store = s->store,
                               .clock = s->clock,
                               .id = p->f.id,
                               .name = p->f.name,
                               .url = p->f.url,
                               .settings = p->f.settings,
                               .state = p->f.state,
                               .stopping = stopping,
                               .arg = p };
    if (!err.code)
        v.secrets = feed_secrets(s->store, p->f.id, &err);
    if (!err.code && !kind)
        kp_fail(&err, KP_EREFUSED, "this koppel knows no feeds of kind '%.40s'", p->f.kind);
    if (!err.code)
        kind->pull(&v, &err);
    ended(p, &v, &err);
    json_decref(v.secrets);
    p->f.settings = v.settings;
    p->f.state = v.state;
    pthread_mutex_lock(&p->feeds->lock);
    p->over = true;
    p->feeds->next = 0;
    pthread_cond_broadcast(&p->feeds->ended);
    pthread_mutex_unlock(&p->feeds->lock);
    kp_shield_wake(s);
    return NULL;
}

/* Lock held. A pull that is over is put away. */
static void clear(struct pull *p)
{
    pthread_join(p->thread, NULL);
    feed_row_free(&p->f);
    kp_arena_free(&p->arena);
    p->used = p->over = p->drop = false;
}

/* ---- who is due ---- */
static struct pull *pull_of(struct feeds *f, int64_t id)
{
    for (int i = 0; i < AT_ONCE; i++)
        if (f->pull[i].used && !f->pull[i].over && f->pull[i].f.id == id)
            return &f->pull[i];
    return NULL;
}

static void start(struct feeds *f, struct kp_stmt *row, struct kp_err *err)
{
    struct pull *p = f->pull;
    while (p < f->pull + AT_ONCE && p->used)
        p++;
    if (p == f->pull + AT_ONCE || pull_of(f, kp_column_int(row, 0)))
        return;
    p->feeds = f;
    if (feed_row_read(row, &p->arena, &p->f, err) ||
        pthread_create(&p->thread, NULL, run, p) != 0) {
        kp_fail(err, KP_EIO, "the system gives no thread for a feed");
        feed_row_free(&p->f);
        kp_arena_free(&p->arena);
        return;
    }
    p->used = true;
}

static enum kp_code begin_due(struct feeds *f, struct kp_db *db, int64_t now, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db, "select " FEED_COLUMNS " from feed where enabled order by next", err);
    f->next = INT64_MAX;
    while (s && kp_step(s, err)) {
        int64_t next = kp_column_int(s, 2);
        if (next > now) {
            f->next = next;
            break;
        }
        start(f, s, err);
        if (err->code)
            break;
    }
    if (s)
        kp_reset(s);
    if (err->code)
        f->next = 0;
    return err->code;
}

void feeds_turn(struct feeds *f)
{
    struct kp_err err = { 0 };
    int64_t now = kp_utc(f->shield->clock);
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < AT_ONCE; i++)
        if (f->pull[i].used && f->pull[i].over)
            clear(&f->pull[i]);
    struct kp_db *db =
        f->next <= now && !f->stopping ? kp_store_reader(f->shield->store, &err) : NULL;
    if (db)
        begin_due(f, db, now, &err);
    kp_store_reader_done(f->shield->store, db);
    pthread_mutex_unlock(&f->lock);
    if (err.code)
        kp_warn("feed", "feeds could not be looked through", "why=%s", kp_log_quote(err.text));
}

bool feeds_running(struct feeds *f, int64_t id)
{
    pthread_mutex_lock(&f->lock);
    bool is = pull_of(f, id);
    pthread_mutex_unlock(&f->lock);
    return is;
}

void feeds_look(struct feeds *f)
{
    pthread_mutex_lock(&f->lock);
    f->next = 0;
    pthread_mutex_unlock(&f->lock);
    kp_shield_wake(f->shield);
}

void feeds_forget(struct feeds *f, int64_t id)
{
    pthread_mutex_lock(&f->lock);
    for (struct pull *p; (p = pull_of(f, id));) {
        p->drop = true;
        pthread_cond_wait(&f->ended, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
}

void feeds_stop(struct feeds *f)
{
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    for (int i = 0; i < AT_ONCE; i++)
        while (f->pull[i].used && !f->pull[i].over)
            pthread_cond_wait(&f->ended, &f->lock);
    for (int i = 0; i < AT_ONCE; i++)
        if (f->pull[i].used)
            clear(&f->pull[i]);
    f->stopping = false;
    f->next = 0;
    pthread_mutex_unlock(&f->lock);
}
