/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds of kind misp: events that are new or changed are brought, the oldest change first, and
 * written together with how far the feed is. */
#include "shield/feed_misp.h"

#include "net/json_memory.h"
#include "shield/misp_take.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { EVENTS_MAX = 100000, URL_MAX = 2200 };

struct entry {
    const char *uuid; /* in the manifest */
    int64_t changed;  /* s */
};
struct pull {
    struct kp_feed_visit *v;
    struct kp_fetcher *fetcher;
    char base[URL_MAX];
    struct misp_into into;
    const struct entry *entry; /* that is being taken */
};

/* ---- asking ---- */
static json_t *get_json(struct pull *p, const char *file, struct kp_err *err)
{
    char url[URL_MAX + 64];
    struct kp_fetched got;
    json_t *j = NULL;
    snprintf(url, sizeof url, "%s%s", p->base, file);
    const struct kp_fetch q = { .url = url, .accept = "application/json", .most = MISP_EVENT_MOST };
    if (!kp_fetcher_get(p->fetcher, &q, &got, err)) {
        p->v->wait =
            got.status == 429 || got.status == 503 ? got.wait ? got.wait : 60 * KP_SECOND : 0;
        if (got.status != 200)
            kp_fail(err, got.status == 401 || got.status == 403 ? KP_EREFUSED : KP_EPEER,
                    "%.150s answers with status %ld", url, got.status);
        else
            j = kp_json_object(kp_buf_text(&got.text), got.text.len, "answer", MISP_DEPTH, err);
        if (err->code == KP_EPARSE || err->code == KP_EINVALID)
            kp_context(err, "%.120s", url);
    }
    kp_buf_free(&got.text);
    return j;
}

/* ---- how far we are ---- */
/* since: the time of the newest change that was taken; done: the events of that very second. */
static int64_t since(const struct pull *p)
{
    return json_integer_value(json_object_get(p->v->state, "since"));
}

static bool is_done(const struct pull *p, const struct entry *e)
{
    const json_t *done = json_object_get(p->v->state, "done");
    return e->changed < since(p) ||
           (e->changed == since(p) && json_object_get(done, e->uuid) != NULL);
}

static enum kp_code note_done(struct pull *p, struct kp_err *err)
{
    json_t *state = p->v->state;
    if (p->entry->changed > since(p) || !json_object_get(state, "done")) {
        json_object_set_new(state, "since", json_integer(p->entry->changed));
        json_object_set_new(state, "done", json_object());
    }
    return json_object_set_new(json_object_get(state, "done"), p->entry->uuid, json_true())
               ? kp_fail(err, KP_ENOMEM, "out of memory")
               : KP_OK;
}

static enum kp_code keep_place(struct kp_db *db, const struct kp_stix_batch *b, void *arg,
                               struct kp_err *err)
{
    struct pull *p = arg;
    (void)b;
    return note_done(p, err) ? err->code : kp_feed_keep(db, p->v->id, p->v->state, err);
}

/* ---- one event ---- */
static enum kp_code take_event(struct pull *p, const struct entry *e, struct kp_err *err)
{
    char file[64];
    p->entry = e;
    snprintf(file, sizeof file, "%s.json", e->uuid);
    json_t *j = get_json(p, file, err);
    if (!j)
        return err->code;
    misp_take(&p->into, j, e->uuid, err);
    json_decref(j);
    return err->code;
}

/* ---- all of them ---- */
static int by_change(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->changed != y->changed ? (x->changed > y->changed) - (x->changed < y->changed)
                                    : strcmp(x->uuid, y->uuid);
}

static bool read_entry(const char *uuid, const json_t *o, struct entry *e)
{
    char id[80];
    const json_t *at = json_object_get(o, "timestamp");
    snprintf(id, sizeof id, "event--%.60s", uuid);
    *e = (struct entry){ uuid, json_is_integer(at)  ? json_integer_value(at)
                               : json_is_string(at) ? strtoll(json_string_value(at), NULL, 10)
                                                    : -1 };
    return kp_stix_id_valid(id, "event") && e->changed > 0;
}

static enum kp_code take_all(struct pull *p, json_t *manifest, struct kp_err *err)
{
    struct entry *list = NULL;
    size_t n = 0, room = 0;
    const char *uuid;
    json_t *o;
    json_object_foreach(manifest, uuid, o)
    {
        struct entry e;
        if (!read_entry(uuid, o, &e) || is_done(p, &e))
            continue;
        if (n == EVENTS_MAX || !kp_grow(&list, &room, n + 1, sizeof *list)) {
            kp_fail(err, KP_EFULL, "more than %d events are new, or memory is short", EVENTS_MAX);
            break;
        }
        list[n++] = e;
    }
    if (n)
        qsort(list, n, sizeof *list, by_change);
    for (size_t i = 0; i < n && !err->code; i++) {
        struct kp_err own = { 0 };
        if (!take_event(p, &list[i], &own))
            continue;
        /* one that cannot be read is asked for again when it changes */
        if (!misp_may_pass(&p->into, &own) || note_done(p, err))
            kp_fail(err, own.code, "%s", own.text);
    }
    kp_free(list);
    return err->code;
}

static void find_base(struct pull *p)
{
    static const char file[] = "manifest.json";
    size_t n = strlen(p->v->url), k = sizeof file - 1;
    if (n > k && strcmp(p->v->url + n - k, file) == 0)
        n -= k;
    snprintf(p->base, sizeof p->base, "%.*s%s", (int)n, p->v->url,
             n && p->v->url[n - 1] == '/' ? "" : "/");
}

static enum kp_code pull(struct kp_feed_visit *v, struct kp_err *err)
{
    struct pull p = { .v = v };
    struct kp_fetcher_options options;
    kp_feed_fetcher(v, &options);
    find_base(&p);
    if (misp_begin(&p.into, v, err))
        return err->code;
    p.into.also = keep_place;
    p.into.arg = &p;
    p.fetcher = kp_fetcher_new(&options, err);
    json_t *manifest = p.fetcher ? get_json(&p, "manifest.json", err) : NULL;
    if (manifest)
        take_all(&p, manifest, err);
    misp_end(&p.into);
    json_decref(manifest);
    kp_fetcher_free(p.fetcher);
    return err->code;
}

static const char *const settings[] = { "into", NULL };
const struct kp_feed_kind kp_feed_misp = { .name = "misp",
                                           .settings = settings,
                                           .every = 3600 * KP_SECOND,
                                           .begin = misp_settings_check,
                                           .pull = pull };
