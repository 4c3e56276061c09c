/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a coupling: its thread, its states, its back-off; and what others may ask of it. */
#include "core/hub_private.h"

#include "core/log.h"
#include "core/url.h"
#include "core/worker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { STACK = 512 * 1024 };
#define BACKOFF_FIRST   (500 * KP_MILLISECOND)
#define BACKOFF_LAST    (4 * KP_SECOND)
#define BACKOFF_REFUSED (60 * KP_SECOND)

const char *kp_link_name(unsigned link)
{
    static const char *const names[] = { "off", "connecting", "online", "waiting", "refused" };
    return link < sizeof names / sizeof *names ? names[link] : "?";
}

/* ---- making and freeing ---- */
void coupling_free(struct kp_coupling *c)
{
    if (!c)
        return;
    kp_batch_free(c->filling);
    kp_batch_free(c->historic);
    kp_filter_free(c->filter);
    if (c->settings)
        kp_options_free(c->class->options, c->settings);
    kp_free(c->settings);
    kp_free(c->state);
    kp_free(c->name);
    kp_free(c->url);
    kp_free(c->at);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    kp_free(c);
}

static enum kp_code furnish(struct kp_coupling *c, const struct kp_coupling_def *def,
                            struct kp_err *err)
{
    c->name = kp_strdup(def->name);
    c->url = kp_strdup(def->url);
    c->at = kp_strdup(def->at);
    c->settings = kp_alloc(def->class->settings_size);
    c->state = kp_alloc(def->class->state_size);
    if (!c->name || !c->url || !c->at || !c->settings || !c->state)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    c->filter = kp_filter_new(&def->filter, err);
    if (!c->filter || kp_options_init(def->class->options, c->settings, err))
        return err->code;
    for (size_t i = 0; i < def->n; i++)
        if (kp_options_set(def->class->options, c->settings, def->keys[i], def->values[i], err))
            return err->code;
    return KP_OK;
}

struct kp_coupling *coupling_new(struct kp_hub *h, const struct kp_coupling_def *def,
                                 struct kp_err *err)
{
    struct kp_coupling *c = kp_alloc(sizeof *c);
    if (!c) {
        kp_fail(err, KP_ENOMEM, "coupling %s: out of memory", def->name);
        return NULL;
    }
    kp_cond_init(&c->changed);
    pthread_mutex_init(&c->lock, NULL);
    c->hub = h;
    c->class = def->class;
    c->id = def->id;
    c->enabled = def->enabled;
    c->clock.mode = def->clock;
    c->status.link = def->enabled ? KP_LINK_CONNECTING : KP_LINK_OFF;
    c->backoff = BACKOFF_FIRST;
    c->status.since = c->down_utc = kp_utc(h->clock);
    c->down_since = kp_mono(h->clock);
    c->downs = 1;
    if (!furnish(c, def, err))
        return c;
    kp_context(err, "coupling %s", def->name);
    coupling_free(c);
    return NULL;
}

/* ---- state ---- */
static void set_link(struct kp_coupling *c, enum kp_link link, const char *detail)
{
    pthread_mutex_lock(&c->lock);
    bool was_up = c->status.link == KP_LINK_ONLINE;
    if (c->status.link != link)
        c->status.since = kp_utc(c->hub->clock);
    c->status.link = link;
    c->status.retry_at = 0;
    snprintf(c->status.detail, sizeof c->status.detail, "%s", detail);
    if (link == KP_LINK_ONLINE) {
        c->failed = false;
        c->backoff = BACKOFF_FIRST;
    } else if (was_up) {
        c->downs++;
        c->down_since = kp_mono(c->hub->clock);
        c->down_utc = c->status.since;
        c->failed = link != KP_LINK_CONNECTING;
    }
    pthread_mutex_unlock(&c->lock);
}

void kp_coupling_note(struct kp_coupling *c, const char *fmt, ...)
{
    char text[KP_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kp_utf8_trim(text);
    pthread_mutex_lock(&c->lock);
    snprintf(c->status.detail, sizeof c->status.detail, "%s", text);
    pthread_mutex_unlock(&c->lock);
}

void kp_coupling_client(struct kp_coupling *c, const char *name)
{
    snprintf(c->client, sizeof c->client, "%s", name);
    kp_utf8_trim(c->client);
}

void kp_coupling_online(struct kp_coupling *c)
{
    set_link(c, KP_LINK_ONLINE, "");
    kp_info("coupling", "online", "coupling=%s", kp_log_quote(c->name));
}

void kp_coupling_count(struct kp_coupling *c, uint32_t items, uint32_t items_max, uint32_t rejected)
{
    pthread_mutex_lock(&c->lock);
    c->status.items = items;
    c->status.items_max = items_max;
    c->status.rejected = rejected;
    pthread_mutex_unlock(&c->lock);
}

void kp_coupling_lost(struct kp_coupling *c, uint64_t samples)
{
    pthread_mutex_lock(&c->lock);
    c->status.lost += samples;
    pthread_mutex_unlock(&c->lock);
}

void coupling_count(struct kp_coupling *c, unsigned filtered, const struct kp_taken *taken,
                    unsigned bad, unsigned lost)
{
    pthread_mutex_lock(&c->lock);
    c->status.filtered += filtered;
    c->status.duplicates += taken->duplicates;
    c->status.late += taken->late;
    c->status.set_back += taken->set_back;
    c->status.bad += bad;
    c->status.lost += lost;
    pthread_mutex_unlock(&c->lock);
}

void coupling_count_far_off(struct kp_coupling *c, const struct far_off *f)
{
    pthread_mutex_lock(&c->lock);
    c->status.far_off += f->n;
    c->status.quarantined += f->held;
    c->status.clock_known = c->clock.known;
    c->status.clock_wrong = c->clock.telling;
    c->status.clock_offset = c->clock.offset;
    pthread_mutex_unlock(&c->lock);
}

/* ---- asks ---- */
static void run_asks(struct kp_coupling *c)
{
    pthread_mutex_lock(&c->lock);
    for (struct ask *a; (a = c->asks);) {
        c->asks = a->next;
        a->begun = true;
        pthread_mutex_unlock(&c->lock);
        a->fn(c, a->arg);
        pthread_mutex_lock(&c->lock);
        a->ran = a->over = true;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
}

static struct timespec until(int64_t ns)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ns += t.tv_nsec;
    t.tv_sec += ns / KP_SECOND;
    t.tv_nsec = ns % KP_SECOND;
    return t;
}

static void unlink_ask(struct kp_coupling *c, struct ask *a)
{
    struct ask **at = &c->asks;
    while (*at && *at != a)
        at = &(*at)->next;
    if (*at)
        *at = a->next;
}

/* Waits until it ran. An ask that has begun is waited for: what it works on is the asker's. */
enum kp_code coupling_ask(struct kp_coupling *c, struct ask *a, int64_t timeout, struct kp_err *err)
{
    struct timespec end = until(timeout);
    enum kp_code code = KP_OK;
    pthread_mutex_lock(&c->lock);
    if (!c->stop && c->started) {
        struct ask **last = &c->asks;
        while (*last)
            last = &(*last)->next;
        *last = a;
        pthread_cond_broadcast(&c->changed);
        if (c->class->wake)
            c->class->wake(c);
        bool in_time = true;
        while (!a->over && (a->begun || in_time))
            in_time = (a->begun ? pthread_cond_wait(&c->changed, &c->lock)
                                : pthread_cond_timedwait(&c->changed, &c->lock, &end)) != ETIMEDOUT;
        if (!a->over)
            unlink_ask(c, a);
    }
    if (!a->ran && (c->stop || !c->started))
        code = kp_fail(err, KP_ESTOPPED, "coupling %s is switched off", c->name);
    else if (!a->ran)
        code = kp_fail(err, KP_ETIMEOUT,
                       "coupling %s is busy or its peer cannot be reached; try again", c->name);
    c->users--;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return code;
}

/* ---- the thread ---- */
bool kp_coupling_stopping(const struct kp_coupling *cc)
{
    struct kp_coupling *c = (struct kp_coupling *)(uintptr_t)cc; /* to lock it is no change */
    pthread_mutex_lock(&c->lock);
    bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return stop;
}

/* True when the link shall be let go: the end, or a person's wish. */
static bool let_go(struct kp_coupling *c)
{
    pthread_mutex_lock(&c->lock);
    bool go = c->stop || c->reconnect;
    pthread_mutex_unlock(&c->lock);
    return go;
}

/* Where it went, and how that ended. A name was looked up just now when it opened, so it is known here. */
static void observe(struct kp_coupling *c, bool opened)
{
    struct kp_url u;
    struct kp_err none = { 0 };
    char address[KP_ADDRESS_TEXT] = "";
    if (c->class->tells || kp_url_parse(c->url, &u, &none) || !u.host[0] || !c->hub->observer.take)
        return;
    bool literal = kp_host_address(u.host, opened, address);
    kp_hub_observe(c->hub, &(struct kp_observed){ .kind = KP_SEEN_COUPLING,
                                                  .to_port = u.port,
                                                  .text = { [KP_SEEN_TO] = address,
                                                            [KP_SEEN_PROTOCOL] = u.scheme,
                                                            [KP_SEEN_DOMAIN] = literal ? NULL : u.host,
                                                            [KP_SEEN_CLIENT] = c->client,
                                                            [KP_SEEN_COUPLED] = c->name,
                                                            [KP_SEEN_DETAIL] = opened ? "connected" : "tried" } });
}

static enum kp_code serve(struct kp_coupling *c, struct kp_err *err)
{
    enum kp_code code = c->class->open(c, err);
    observe(c, !code);
    while (!code && !let_go(c)) {
        run_asks(c);
        code = c->class->step(c, err);
    }
    if (code)
        kp_fail(err, code, "the link failed without a reason given"); /* the first reason wins */
    kp_coupling_flush(c, NULL);
    c->class->close(c);
    return code;
}

static int64_t jittered(int64_t ns)
{
    uint32_t r;
    kp_random(&r, sizeof r);
    return ns * 8 / 10 + (int64_t)((double)ns * 0.4 * r / UINT32_MAX);
}

/* Waits out the back-off; asks are answered meanwhile; a stop or a wish to reconnect ends it. */
static void back_off(struct kp_coupling *c, const struct kp_err *err)
{
    bool refused = err->code == KP_EREFUSED;
    set_link(c, refused ? KP_LINK_REFUSED : KP_LINK_WAITING, err->text);
    kp_warn("coupling", refused ? "refused" : "link lost", "coupling=%s why=%s",
            kp_log_quote(c->name), kp_log_quote(err->text));
    pthread_mutex_lock(&c->lock);
    c->status.failures++;
    int64_t pause = jittered(refused ? BACKOFF_REFUSED : c->backoff);
    c->backoff = c->backoff * 2 < BACKOFF_LAST ? c->backoff * 2 : BACKOFF_LAST;
    c->status.retry_at = kp_utc(c->hub->clock) + pause;
    struct timespec end = until(pause);
    bool in_time = true;
    while (!c->stop && !c->reconnect && in_time) {
        if (c->asks) {
            pthread_mutex_unlock(&c->lock);
            run_asks(c);
            pthread_mutex_lock(&c->lock);
        } else {
            in_time = pthread_cond_timedwait(&c->changed, &c->lock, &end) != ETIMEDOUT;
        }
    }
    pthread_mutex_unlock(&c->lock);
}

static void *life(void *arg)
{
    struct kp_coupling *c = arg;
    kp_thread_name(c->name);
    while (!kp_coupling_stopping(c)) {
        struct kp_err err = { 0 };
        pthread_mutex_lock(&c->lock);
        c->status.opens++;
        c->reconnect = false;
        pthread_mutex_unlock(&c->lock);
        set_link(c, KP_LINK_CONNECTING, "");
        if (serve(c, &err) && !let_go(c))
            back_off(c, &err);
    }
    set_link(c, KP_LINK_OFF, "");
    return NULL;
}

enum kp_code coupling_start(struct kp_coupling *c, struct kp_err *err)
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    pthread_mutex_lock(&c->lock);
    bool failed = pthread_create(&c->thread, &small, life, c) != 0;
    c->started = !failed;
    pthread_mutex_unlock(&c->lock);
    pthread_attr_destroy(&small);
    return failed ? kp_fail(err, KP_EIO, "coupling %s: cannot start its thread", c->name) : KP_OK;
}

void coupling_end(struct kp_coupling *c)
{
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->changed);
    if (c->started && c->class->wake)
        c->class->wake(c);
    pthread_mutex_unlock(&c->lock);
}

void coupling_stop(struct kp_coupling *c)
{
    coupling_end(c);
    if (c->started) /* whoever starts and stops holds the hub's `changing` */
        pthread_join(c->thread, NULL);
    pthread_mutex_lock(&c->lock);
    c->started = false;
    for (struct ask *a = c->asks; a; a = a->next)
        a->over = true; /* did not run: the asker hears of it */
    c->asks = NULL;
    pthread_cond_broadcast(&c->changed);
    while (c->users)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}
