/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's list of couplings, and what other threads do with one: add, remove, reconnect, ask,
 * write. Outside the list's lock a coupling is a number; a pointer stays good only in the hub
 * thread, under `changing`, or while counted in `users`. */
#include "core/hub_private.h"

#include "core/ban.h"

#define ASK_TIMEOUT (30 * KP_SECOND)

struct kp_coupling *hub_find(struct kp_hub *h, uint16_t id)
{
    for (size_t i = 0; i < h->n_couplings; i++)
        if (h->couplings[i]->id == id)
            return h->couplings[i];
    return NULL;
}

struct kp_coupling *hub_nth(struct kp_hub *h, size_t i)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = i < h->n_couplings ? h->couplings[i] : NULL;
    pthread_mutex_unlock(&h->lock);
    return c;
}

/* ---- coming and going; `changing` is held ---- */
static enum kp_code list_coupling(struct kp_hub *h, struct kp_coupling *c, bool *running,
                                  struct kp_err *err)
{
    pthread_mutex_lock(&h->lock);
    if (hub_find(h, c->id))
        kp_fail(err, KP_EEXISTS, "there is a coupling %u already", c->id);
    else if (h->n_couplings == KP_COUPLINGS_MAX)
        kp_fail(err, KP_EFULL, "more than %d couplings", KP_COUPLINGS_MAX);
    else if (!kp_grow(&h->couplings, &h->couplings_capacity, h->n_couplings + 1,
                      sizeof *h->couplings))
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        h->couplings[h->n_couplings++] = c;
    *running = h->phase == HUB_RUNNING;
    pthread_mutex_unlock(&h->lock);
    return err->code;
}

struct leaving {
    struct kp_hub *hub;
    struct kp_coupling *c;
};

/* In the hub thread, which therefore holds no pointer to it any more. */
static void do_leave(void *arg)
{
    struct leaving *l = arg;
    gap_leave(l->hub, l->c);
    clock_leave(l->hub, l->c);
}

static struct kp_coupling *unlist(struct kp_hub *h, uint16_t id)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    for (size_t i = 0; c && i < h->n_couplings; i++)
        if (h->couplings[i] == c) {
            h->couplings[i] = h->couplings[--h->n_couplings];
            break;
        }
    pthread_mutex_unlock(&h->lock);
    return c;
}

static void remove_coupling(struct kp_hub *h, struct kp_coupling *c)
{
    coupling_stop(c);
    kp_hub_drain(h); /* its last samples would make the signals live again */
    /* a hub that has stopped does not look at it again */
    kp_hub_call(h, do_leave, &(struct leaving){ h, c });
    coupling_free(c);
}

static enum kp_code add_coupling(struct kp_hub *h, const struct kp_coupling_def *def,
                                 struct kp_err *err)
{
    struct kp_coupling *c = coupling_new(h, def, err);
    bool running = false;
    if (!c)
        return err->code;
    if (list_coupling(h, c, &running, err)) {
        coupling_free(c);
        return kp_context(err, "coupling %s", def->name);
    }
    if (running && def->enabled && coupling_start(c, err))
        remove_coupling(h, unlist(h, def->id));
    return err->code;
}

enum kp_code kp_hub_add_coupling(struct kp_hub *h, const struct kp_coupling_def *def,
                                 struct kp_err *err)
{
    struct kp_err own = { 0 };
    pthread_mutex_lock(&h->changing);
    enum kp_code code = add_coupling(h, def, err ? err : &own);
    pthread_mutex_unlock(&h->changing);
    return code;
}

enum kp_code kp_hub_remove_coupling(struct kp_hub *h, uint16_t id, struct kp_err *err)
{
    pthread_mutex_lock(&h->changing);
    struct kp_coupling *c = unlist(h, id);
    if (c)
        remove_coupling(h, c);
    pthread_mutex_unlock(&h->changing);
    return c ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no coupling %u", id);
}

/* ---- from any thread ---- */
enum kp_code kp_hub_reconnect(struct kp_hub *h, uint16_t id, struct kp_err *err)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    if (c) {
        pthread_mutex_lock(&c->lock);
        c->reconnect = true;
        pthread_cond_broadcast(&c->changed);
        if (c->started && c->class->wake)
            c->class->wake(c);
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return c ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no coupling %u", id);
}

static double rate_of(const struct kp_coupling *c, int64_t now)
{
    uint64_t sum = 0;
    for (int64_t s = now - RATE_SECONDS + 1; s < now; s++) /* the running second is not whole yet */
        if (s > c->newest_second - RATE_SECONDS && s <= c->newest_second && s >= 0)
            sum += c->second[s % RATE_SECONDS];
    return (double)sum / (RATE_SECONDS - 1);
}

bool kp_hub_coupling_status(struct kp_hub *h, uint16_t id, struct kp_coupling_status *out)
{
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    if (c) {
        pthread_mutex_lock(&c->lock);
        *out = c->status;
        out->rate = rate_of(c, kp_mono(h->clock) / KP_SECOND);
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return c;
}

enum kp_code kp_hub_ask(struct kp_hub *h, uint16_t id, void (*fn)(struct kp_coupling *, void *arg),
                        void *arg, struct kp_err *err)
{
    struct ask a = { .fn = fn, .arg = arg };
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    if (c) {
        pthread_mutex_lock(&c->lock);
        c->users++;
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return c ? coupling_ask(c, &a, ASK_TIMEOUT, err)
             : kp_fail(err, KP_ENOTFOUND, "there is no coupling %u", id);
}

/* ---- writing ---- */
struct writing {
    const struct kp_sample *sample;
    struct kp_err *err;
    enum kp_code code;
};

static void do_write(struct kp_coupling *c, void *arg)
{
    struct writing *w = arg;
    unsigned link = c->status.link; /* this thread alone changes it */
    if (link != KP_LINK_ONLINE)
        w->code = kp_fail(w->err, KP_EPEER, "coupling %s is not online but %s; nothing was written",
                          c->name, kp_link_name(link));
    else
        w->code = c->class->write(c, w->sample, w->err);
}

enum kp_code kp_hub_write(struct kp_hub *h, const struct kp_sample *s, struct kp_err *err)
{
    kp_model_lock(h->model);
    const struct kp_signal_info *info = kp_model_signal(h->model, s->signal);
    bool there = info, open = info && info->writable;
    uint16_t id = info ? info->coupling : 0;
    kp_model_unlock(h->model);
    if (!there)
        return kp_fail(err, KP_ENOTFOUND, "there is no signal %u", s->signal);
    if (!open)
        return kp_fail(
            err, KP_EDENIED,
            "the signal is not open for writing; open it with 'koppel set PATH --writable on'");
    pthread_mutex_lock(&h->lock);
    struct kp_coupling *c = hub_find(h, id);
    bool coupled = c, can = c && c->class->write;
    pthread_mutex_unlock(&h->lock);
    if (!can)
        return kp_fail(err, KP_EINVALID,
                       coupled ? "its protocol cannot write" : "no coupling leads to its machine");
    struct writing w = { s, err, KP_OK };
    enum kp_code code = kp_hub_ask(h, id, do_write, &w, err);
    return code ? code : w.code;
}
