/* SPDX-License-Identifier: Apache-2.0 */
/* The watches as a whole: their life, their thread, changes of definitions and what people say. */
#include "watch/watches_private.h"

#include "core/log.h"
#include "core/worker.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { PAUSE_MS = 200, WARM_MS = 20 };
#define SETTLE_PAUSE (2 * KP_SECOND)
#define LOOK_EVERY   KP_SECOND
#define WARN_EVERY   (60 * KP_SECOND)

const char *const kp_watch_verdicts[] = { "normal", "fault", NULL };
static const char lost_key[] = "watch-lost";

/* ---- taking ---- */
static void take_item(struct kp_watches *w, const struct item *i)
{
    for (uint32_t k = i->signal < w->n_first ? w->first[i->signal] : 0; k; k = w->uses[k].next) {
        const struct use *u = &w->uses[k];
        if (u->nth == USE_PROGRAM)
            watches_take_program(w, &w->machines[u->watched], i->at);
        if (u->nth == USE_COUNT)
            watches_take_count(w, &w->machines[u->watched], i->at, i->good ? i->value : NAN);
        if (u->nth >= USE_PROGRAM)
            continue;
        struct watched *p = w->list[u->watched];
        if (p->due)
            continue; /* it will find it in the history */
        kp_post_value(p->post, u->nth, i->at, i->value, i->good);
        watches_list(w, u->watched);
    }
}

static void take(struct kp_watches *w, struct kp_msg *m)
{
    if (m->kind == KP_MSG_CALL) {
        kp_call_answer((struct kp_call *)m);
        return;
    }
    pthread_mutex_lock(&w->lock);
    if (m->kind == KP_MSG_INTERVAL) {
        watches_take_interval(w, (struct kp_interval_msg *)m);
    } else {
        const struct block *b = (struct block *)m;
        for (uint32_t i = 0; i < b->n; i++)
            take_item(w, &b->item[i]);
    }
    pthread_mutex_unlock(&w->lock);
    kp_free(m);
}

/* ---- now and then ---- */
/* A post whose signals are all cut off waits for them; that is no trouble of a sensor. */
static bool is_cut(const struct kp_watches *w, const struct watched *p)
{
    size_t n;
    bool cut = true;
    const kp_signal *signals = kp_post_signals(p->post, &n);
    for (size_t i = 0; i < n && cut; i++)
        cut = kp_model_now(w->model, signals[i]).stale;
    return cut;
}

static void look(struct kp_watches *w)
{
    int64_t now = kp_utc(w->clock);
    for (size_t from = 0; from < w->n; from += KP_MODEL_SLICE) {
        pthread_mutex_lock(&w->lock);
        kp_model_lock(w->model);
        for (size_t i = from; i < w->n && i < from + KP_MODEL_SLICE; i++)
            if (w->list[i]->of->def.enabled && !w->list[i]->due) {
                kp_post_look(w->list[i]->post, now, is_cut(w, w->list[i]));
                watches_list(w, (uint32_t)i);
            }
        kp_model_unlock(w->model);
        pthread_mutex_unlock(&w->lock);
    }
}

static void warm(struct kp_watches *w)
{
    int64_t begun = kp_mono(w->clock);
    for (size_t i = 0; i < w->n && w->n_due && kp_mono(w->clock) - begun < WARM_MS * KP_MILLISECOND; i++) {
        struct kp_err err = { 0 };
        struct watched *p = w->list[i];
        if (!p->due)
            continue;
        if (watches_warm(w, p, &err))
            kp_warn("watch", "a watch could not learn from history", "watch=%s post=%lld why=%s",
                    kp_log_quote(p->of->def.name), (long long)p->id, kp_log_quote(err.text));
        pthread_mutex_lock(&w->lock);
        p->due = false;
        p->saved = 0;
        watches_hand(w, p);
        watches_list(w, (uint32_t)i);
        pthread_mutex_unlock(&w->lock);
        w->n_due--;
    }
}

static void say_what_is_lost(struct kp_watches *w, int64_t now)
{
    struct kp_watches_sum sum = intake_sum(w->intake);
    if (intake_lost(w->intake)) {
        pthread_mutex_lock(&w->lock);
        watches_machines_read(w);
        pthread_mutex_unlock(&w->lock);
    }
    if (sum.lost != w->lost_told && now - w->warned >= WARN_EVERY) {
        kp_warn("watch", "more values came than can be judged", "lost=%llu seen=%llu", (unsigned long long)sum.lost,
                (unsigned long long)sum.seen);
        w->lost_told = sum.lost;
        w->warned = now;
    }
    kp_hub_condition(w->hub, lost_key,
                     sum.behind ? "more values came than the watches can judge, some were not looked at; watch fewer "
                                  "signals, or without shapes"
                                : NULL);
}

static void settle(struct kp_watches *w)
{
    struct kp_err err = { 0 };
    if (watches_settle(w, &err))
        kp_warn("watch", "not all that is to be watched is", "why=%s", kp_log_quote(err.text));
}

static void housekeep(struct kp_watches *w)
{
    int64_t now = kp_mono(w->clock);
    if (now - w->settled >= SETTLE_PAUSE && intake_changed(w->intake))
        settle(w);
    if (now - w->looked >= LOOK_EVERY) {
        w->looked = now;
        look(w);
        say_what_is_lost(w, now);
    }
    warm(w);
    watches_save(w);
}

bool kp_watches_turn(struct kp_watches *w, int timeout_ms)
{
    struct kp_msg *m = intake_next(w->intake, w->n_due ? 0 : timeout_ms);
    bool any = m;
    if (m)
        take(w, m);
    if (w->n_listed && kp_mono(w->clock) >= w->tell_after)
        watches_tell(w);
    housekeep(w);
    return any;
}

/* ---- life ---- */
struct kp_watches *kp_watches_new(struct kp_hub *hub, struct kp_store *store, struct kp_alarms *alarms,
                                  const struct kp_clock *clock, struct kp_err *err)
{
    struct kp_watches *w = kp_alloc(sizeof *w);
    if (!w) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    w->hub = hub;
    w->model = kp_hub_model(hub);
    w->store = store;
    w->alarms = alarms;
    w->clock = clock;
    w->n_uses = 1;
    pthread_mutex_init(&w->lock, NULL);
    kp_worker_init(&w->worker);
    if ((w->intake = intake_new(w, err)) && !watches_load(w, err))
        return w;
    kp_watches_free(w);
    return NULL;
}

void kp_watches_free(struct kp_watches *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++)
        watches_free_one(w->list[i]);
    for (struct definition *d; (d = w->defs);) {
        w->defs = d->next;
        kp_free(d);
    }
    intake_free(w->intake);
    kp_free(w->list);
    kp_free(w->machines);
    kp_free(w->uses);
    kp_free(w->first);
    kp_free(w->listed);
    pthread_mutex_destroy(&w->lock);
    kp_worker_free(&w->worker);
    kp_free(w);
}

static void *run(void *arg)
{
    struct kp_watches *w = arg;
    kp_thread_name("watches");
    intake_rest(w->intake, false);
    settle(w);
    watches_resume(w);
    while (!atomic_load(&w->stop))
        kp_watches_turn(w, PAUSE_MS);
    return NULL;
}

static enum kp_code begin(struct kp_watches *w, struct kp_err *err)
{
    return kp_worker_begin(&w->worker, run, w)
               ? KP_OK
               : kp_fail(err, KP_EIO, "the system gives no thread for the watches; stop other programs, or raise the limit of threads");
}

enum kp_code kp_watches_start(struct kp_watches *w, struct kp_err *err)
{
    if (watches_saver_start(w, err))
        return err->code;
    kp_worker_open(&w->worker);
    w->started = true;
    intake_rest(w->intake, true);
    return w->defs ? begin(w, err) : KP_OK;
}

void kp_watches_stop(struct kp_watches *w)
{
    if (!w->started)
        return;
    atomic_store(&w->stop, true);
    intake_close(w->intake);
    kp_worker_close(&w->worker);
    w->started = false;
    for (struct kp_msg *m; (m = intake_next(w->intake, 0));)
        take(w, m);
    watches_tell(w);
    watches_saver_stop(w);
    watches_save_all(w);
}

/* ---- definitions ---- */
struct changing {
    struct kp_watches *w;
    const struct kp_watch_def *def;
    const char *name;
    bool must_be_new;
    int64_t id; /* of feedback */
    enum kp_recipient to;
    bool normal;
    const char *user, *comment;
    struct kp_err *err;
};

/* The one, or where it would stand. */
static struct definition **place(struct kp_watches *w, const char *name)
{
    struct definition **at = &w->defs;
    while (*at && strcmp((*at)->def.name, name) < 0)
        at = &(*at)->next;
    return at;
}

static bool is(const struct definition *d, const char *name)
{
    return d && strcmp(d->def.name, name) == 0;
}

static enum kp_code no_such(const struct kp_watches *w, const char *name, struct kp_err *err)
{
    const char *near, *names[KP_WATCHES_MAX + 1];
    size_t n = 0;
    for (const struct definition *d = w->defs; d && n < KP_WATCHES_MAX; d = d->next)
        names[n++] = d->def.name;
    names[n] = NULL;
    near = kp_nearest(name, names);
    return near ? kp_fail(err, KP_ENOTFOUND, "there is no watch '%.60s', did you mean '%.60s'?", name, near)
                : kp_fail(err, KP_ENOTFOUND, "there is no watch '%.60s'", name);
}

/* Its posts go, with what they know. */
static void drop_posts(struct kp_watches *w, const struct definition *d)
{
    size_t kept = 0, n = w->n;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < n; i++) { /* those that go behind the others */
        struct watched *p = w->list[i];
        if (p->of == d)
            continue;
        w->list[i] = w->list[kept];
        w->list[kept++] = p;
    }
    w->n = kept;
    pthread_mutex_unlock(&w->lock);
    for (size_t i = kept; i < n; i++)
        watches_drop(w, w->list[i]);
}

static size_t count(const struct kp_watches *w)
{
    size_t n = 0;
    for (const struct definition *d = w->defs; d; d = d->next)
        n++;
    return n;
}

static enum kp_code insert(struct kp_watches *w, struct definition **at, const struct kp_watch_def *def, struct kp_err *err)
{
    if (count(w) >= KP_WATCHES_MAX)
        return kp_fail(err, KP_EFULL, "more than %d watches", KP_WATCHES_MAX);
    struct definition *new = kp_alloc(sizeof *new);
    if (!new)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (watches_write_def(w, def, err)) {
        kp_free(new);
        return err->code;
    }
    new->def = *def;
    new->next = *at;
    pthread_mutex_lock(&w->lock);
    *at = new;
    pthread_mutex_unlock(&w->lock);
    return KP_OK;
}

static enum kp_code replace(struct kp_watches *w, struct definition *d, const struct kp_watch_def *def, struct kp_err *err)
{
    bool goes_on = kp_watch_def_goes_on(&d->def, def);
    if ((!goes_on && watches_erase_def(w, def->name, err)) || watches_write_def(w, def, err))
        return err->code;
    if (!goes_on)
        drop_posts(w, d);
    pthread_mutex_lock(&w->lock);
    d->def = *def;
    pthread_mutex_unlock(&w->lock);
    return KP_OK;
}

static void do_put(void *arg)
{
    struct changing *c = arg;
    struct definition **at = place(c->w, c->def->name);
    bool there = is(*at, c->def->name);
    if (there && c->must_be_new)
        kp_fail(c->err, KP_EEXISTS, "there is a watch '%.60s' already", c->def->name);
    else if (there)
        replace(c->w, *at, c->def, c->err);
    else
        insert(c->w, at, c->def, c->err);
    if (!c->err->code)
        watches_settle(c->w, c->err);
}

static void do_remove(void *arg)
{
    struct changing *c = arg;
    struct kp_watches *w = c->w;
    struct definition **at = place(w, c->name), *old = *at;
    if (!is(old, c->name)) {
        no_such(w, c->name, c->err);
        return;
    }
    if (watches_erase_def(w, c->name, c->err))
        return;
    drop_posts(w, old);
    pthread_mutex_lock(&w->lock);
    *at = old->next;
    pthread_mutex_unlock(&w->lock);
    kp_free(old);
    watches_settle(w, c->err);
}

/* In the thread of the watches, which begins with the first; here when they are turned by hand. */
static enum kp_code change(struct changing *c, void (*fn)(void *))
{
    if (!c->w->started)
        fn(c);
    else if (!begin(c->w, c->err) && !intake_call(c->w->intake, fn, c))
        return kp_fail(c->err, KP_ESTOPPED, "the node is stopping");
    return c->err->code;
}

enum kp_code kp_watches_put(struct kp_watches *w, const struct kp_watch_def *def, bool must_be_new, struct kp_err *err)
{
    return change(&(struct changing){ .w = w, .def = def, .must_be_new = must_be_new, .err = err }, do_put);
}

enum kp_code kp_watches_remove(struct kp_watches *w, const char *name, struct kp_err *err)
{
    return change(&(struct changing){ .w = w, .name = name, .err = err }, do_remove);
}

enum kp_code kp_watches_each(struct kp_watches *w, const char *name, bool (*each)(void *, const struct kp_watch_def *),
                             void *arg, struct kp_err *err)
{
    bool any = !name;
    pthread_mutex_lock(&w->lock);
    for (const struct definition *d = w->defs; d; d = d->next) {
        if (name && !is(d, name))
            continue;
        any = true;
        if (!each(arg, &d->def))
            break;
    }
    if (!any)
        no_such(w, name, err);
    pthread_mutex_unlock(&w->lock);
    return err->code;
}

/* ---- what people say ---- */
static enum kp_code write_feedback(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct changing *c = arg;
    const struct watched *p = watches_find(c->w, c->id);
    struct kp_stmt *s = kp_db_prepare(
        db, "insert into watch_feedback(post, at, verdict, user, comment, score) values(?,?,?,?,?,?)", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, c->id);
    kp_bind_int(s, 2, kp_utc(c->w->clock));
    kp_bind_text(s, 3, kp_watch_verdicts[c->normal ? 0 : 1]);
    kp_bind_text(s, 4, c->user);
    kp_bind_text(s, 5, c->comment);
    kp_bind_double(s, 6, kp_post_view(p->post).score);
    return kp_run(s, err);
}

static void do_feedback(void *arg)
{
    struct changing *c = arg;
    struct watched *p = watches_find(c->w, c->id);
    if (!p) {
        kp_fail(c->err, KP_ENOTFOUND, "no watch has a post %lld", (long long)c->id);
        return;
    }
    if (p->due || kp_post_view(p->post).state == KP_WATCH_LEARNING) {
        kp_fail(c->err, KP_EEXISTS, "it still learns what is normal; tell it when it has found something");
        return;
    }
    if (kp_store_do(c->w->store, write_feedback, c, c->err))
        return;
    pthread_mutex_lock(&c->w->lock);
    c->normal ? kp_post_accept(p->post) : kp_post_reject(p->post);
    p->saved = 0; /* to be kept soon */
    for (size_t i = 0; i < c->w->n; i++)
        if (c->w->list[i] == p)
            watches_list(c->w, (uint32_t)i);
    pthread_mutex_unlock(&c->w->lock);
    watches_tell(c->w);
}

enum kp_code kp_watches_feedback(struct kp_watches *w, enum kp_recipient to, int64_t id, bool normal, const char *user,
                                 const char *comment, struct kp_err *err)
{
    struct changing c = { .w = w, .id = id, .normal = normal, .user = user, .comment = comment, .err = err };
    if (watches_may(w, to, id, err))
        return err->code;
    return change(&c, do_feedback);
}

struct kp_watches_sum kp_watches_sum(struct kp_watches *w)
{
    return intake_sum(w->intake);
}
