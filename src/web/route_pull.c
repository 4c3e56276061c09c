/* SPDX-License-Identifier: Apache-2.0 */
/* Data of a partner under an agreement, handed on as it comes to who works here: this node alone has
 * the keys and addresses. What is read too slowly waits at the partner. */
#include "core/log.h"
#include "core/worker.h"
#include "net/http.h"
#include "share/share.h"
#include "web/routes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { WAITING_MAX = 1 << 20, BEFORE_MAX = 16 << 20, REFUSAL_MAX = 64 << 10, TURN_MS = 200, PULLS_MAX = 8 };
#define BEGIN_WITHIN (20 * KP_SECOND)

struct pull {
    struct kp_request *r;
    struct kp_arena arena;
    struct kp_share_source source;
    struct kp_http *http;
    bool done; /* it came whole before the reply began */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct kp_buf waiting; /* for the client */
    bool flows, stop, over, failed;
};
static atomic_int pulls;

static void pull_free(struct pull *p)
{
    kp_http_close(p->http);
    kp_buf_free(&p->waiting);
    kp_arena_free(&p->arena);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    kp_free(p);
    atomic_fetch_sub(&pulls, 1);
}

static struct pull *pull_new(struct kp_request *r, struct kp_err *err)
{
    if (atomic_fetch_add(&pulls, 1) >= PULLS_MAX) {
        atomic_fetch_sub(&pulls, 1);
        kp_fail(err, KP_EFULL, "%d pulls are under way already", PULLS_MAX);
        return NULL;
    }
    struct pull *p = kp_alloc(sizeof *p);
    if (!p) {
        atomic_fetch_sub(&pulls, 1);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    p->r = r;
    kp_buf_init(&p->waiting, BEFORE_MAX);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    return p;
}

/* ---- what comes ---- */
static enum kp_code take(void *arg, const char *data, size_t n, struct kp_err *err)
{
    struct pull *p = arg;
    pthread_mutex_lock(&p->lock);
    while (p->flows && !p->stop && p->waiting.len > WAITING_MAX)
        pthread_cond_wait(&p->changed, &p->lock);
    kp_buf_add(&p->waiting, data, n);
    bool stop = p->stop, flows = p->flows, failed = p->waiting.failed;
    pthread_mutex_unlock(&p->lock);
    if (flows && !stop)
        kp_flow_wake(p->r);
    return stop     ? kp_fail(err, KP_ESTOPPED, "stopping")
           : failed ? kp_fail(err, KP_EFULL, "the answer does not fit")
                    : KP_OK;
}

static bool stopping(struct pull *p)
{
    pthread_mutex_lock(&p->lock);
    bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

static void *run(void *arg)
{
    struct pull *p = arg;
    kp_thread_name("pull");
    struct kp_err err = { 0 };
    bool done = p->done;
    pthread_mutex_lock(&p->lock); /* the reply has begun once it is free */
    bool go = p->flows;
    pthread_mutex_unlock(&p->lock);
    while (go && !done && !stopping(p))
        if (kp_http_turn(p->http, TURN_MS, &done, &err))
            break;
    pthread_mutex_lock(&p->lock);
    p->over = true;
    p->failed = err.code;
    bool wake = go && !p->stop;
    pthread_mutex_unlock(&p->lock);
    if (err.code && wake)
        kp_warn("pull", "broken off", "partner=%s why=%s", kp_log_quote(p->source.partner), kp_log_quote(err.text));
    if (wake)
        kp_flow_wake(p->r);
    return NULL;
}

/* ---- the reply ---- */
/* A torn answer must not look like a whole one: the reply breaks off too. */
static bool fill(void *self, struct kp_buf *out)
{
    struct pull *p = self;
    pthread_mutex_lock(&p->lock);
    bool over = p->over && !p->waiting.len;
    kp_buf_add(out, p->waiting.data, p->waiting.len);
    p->waiting.len = 0;
    if (over && p->failed)
        out->failed = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return !over || out->failed; /* a failure is no end */
}

static void end(void *self)
{
    struct pull *p = self;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pull_free(p);
}

static enum kp_code flow(struct pull *p, struct kp_err *err)
{
    const char *type = kp_arena_strdup(&p->r->arena, kp_http_type(p->http));
    if (!type)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    pthread_mutex_lock(&p->lock);
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        pthread_mutex_unlock(&p->lock);
        return kp_fail(err, KP_EIO, "the system gives no thread for it");
    }
    p->flows = !kp_flow_begin(p->r, *type ? type : "application/octet-stream",
                              (struct kp_flow){ .fill = fill, .end = end, .self = p }, err);
    pthread_mutex_unlock(&p->lock);
    if (err->code)
        pthread_join(p->thread, NULL);
    return err->code;
}

/* ---- asking ---- */
static bool has_gone(void *arg)
{
    return ((struct kp_request *)arg)->gone;
}

static void add_time(struct kp_buf *query, const char *key, int64_t at)
{
    char text[KP_TIME_TEXT];
    if (at == KP_NO_TIME)
        return;
    kp_time_print(at, text);
    kp_buf_printf(query, "%s%s=%s", query->len ? "&" : "", key, text);
}

static enum kp_code ask(struct pull *p, struct kp_err *err)
{
    static const char *const accepts[] = { "application/x-ndjson", "text/csv" };
    struct kp_request *r = p->r;
    char url[KP_SHARE_SOURCE_URL];
    bool follow = kp_arg_int(r, "follow");
    int64_t format = kp_arg_int(r, "format");
    struct kp_buf query;
    kp_buf_init(&query, 200);
    add_time(&query, "from", kp_arg_int(r, "from"));
    add_time(&query, "to", kp_arg_int(r, "to"));
    if (!follow && format >= 0)
        kp_buf_printf(&query, "%sformat=%s", query.len ? "&" : "", format ? "csv" : "jsonl");
    kp_share_source_url(&p->source, "", kp_buf_text(&query), url, err);
    kp_buf_free(&query);
    const struct kp_http_options o = { .url = url,
                                       .caller = { .hub = kp_node_hub(r->node),
                                                   .partner = p->source.partner,
                                                   .what = "data of",
                                                   .name = p->source.partner },
                                       .ca_text = p->source.ca,
                                       .authorization = p->source.authorization,
                                       .accept = follow       ? "text/event-stream"
                                                 : format < 0 ? "application/x-ndjson, */*;q=0.5"
                                                              : accepts[format != 0],
                                       .connect_timeout = 10 * KP_SECOND };
    kp_http_close(p->http);
    p->waiting.len = 0;
    p->done = false;
    p->http = err->code ? NULL : kp_http_open(&o, take, p, err);
    while (p->http && !err->code && !p->done && (kp_http_status(p->http) == 0 || kp_http_status(p->http) >= 300)) {
        kp_http_turn(p->http, TURN_MS, &p->done, err);
        if (r->gone)
            kp_fail(err, KP_ESTOPPED, "the asker has gone");
        if (kp_http_status(p->http) >= 300 && p->waiting.len > REFUSAL_MAX)
            break;
    }
    return err->code;
}

static enum kp_code begin(struct pull *p, struct kp_err *err)
{
    struct kp_share *share = kp_node_share(p->r->node);
    const struct kp_share_wish wish = { .id = p->r->name, .host = kp_arg_text(p->r, "host"), .within = BEGIN_WITHIN,
                                        .stopping = has_gone, .arg = p->r };
    if (kp_share_source(share, &wish, &p->arena, &p->source, err))
        return err->code;
    bool late = p->source.expires != KP_FOREVER && p->source.expires < p->r->now + 60 * KP_SECOND && p->source.renew;
    if ((late && kp_share_renew(share, &p->source, &p->arena, err)) || ask(p, err))
        return err->code;
    long status = kp_http_status(p->http);
    if ((status == 401 || status == 403) && p->source.renew && !late) {
        if (kp_share_renew(share, &p->source, &p->arena, err) || ask(p, err))
            return err->code;
        status = kp_http_status(p->http);
    }
    return status == 200 ? KP_OK : kp_share_refused(&p->source, status, kp_buf_text(&p->waiting), p->waiting.len, err);
}

enum kp_code kp_route_pull(struct kp_request *r, struct kp_err *err)
{
    struct pull *p = pull_new(r, err);
    if (p && (begin(p, err) || flow(p, err)))
        pull_free(p);
    return err->code;
}
