/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds of kind misp-server: what was published since is asked for page by page (MISP's OpenAPI,
 * /events/restSearch). The filter stays the same for all pages of one run; how far it is is written
 * behind each page, and what comes twice is known by then. Sightings go back (/sightings/add). */
#include "shield/feed_misp.h"

#include "core/url.h"
#include "net/json_memory.h"
#include "shield/misp_take.h"
#include "shield/sighting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { LIMIT = 50, LIMIT_MOST = 1000, PAGES_MAX = 100000, URL_MAX = 2200, BODY_MAX = 4 << 10 };
static const char media_type[] = "application/json";
static const int oldest[] = { 2, 4, 120 }; /* whose restSearch knows all that is asked */

struct pull {
    struct kp_feed_visit *v;
    struct kp_fetcher *fetcher;
    struct misp_into into;
    char base[URL_MAX]; /* with a slash at its end */
    int limit;
};
struct page {
    json_t *answer, *events;
    int64_t total; /* that match, as the server says; 0: it does not */
};

/* ---- asking ---- */
/* What the server says of a fault, for people. */
static void reason(struct kp_fetched *got, char *out, size_t size)
{
    struct kp_err none = { 0 };
    json_t *j = kp_json_object(kp_buf_text(&got->text), got->text.len, "answer", 4, &none);
    const char *said = kp_feed_text(j, "message");
    snprintf(out, size, "%.120s", said ? said : "it does not say why");
    kp_utf8_trim(out);
    json_decref(j);
}

static enum kp_code status_error(struct pull *p, const char *url, struct kp_fetched *got,
                                 struct kp_err *err)
{
    char why[140];
    long s = got->status;
    reason(got, why, sizeof why);
    if (s == 429 || s == 503)
        p->v->wait = got->wait ? got->wait : 60 * KP_SECOND;
    if (s == 401 || (s == 403 && strstr(why, "uthentication failed")))
        return kp_fail(err, KP_EREFUSED,
                       "it does not take the key (%s); in MISP, My profile > Auth keys gives one:"
                       " koppel feed set %.60s --token-file FILE",
                       why, p->v->name);
    if (s == 403)
        return kp_fail(err, KP_EREFUSED, "the user of the key has no right to this (%s)", why);
    if (s == 404 || s == 405)
        return kp_fail(err, KP_EREFUSED,
                       "%.120s: there is no MISP at this address (status %ld); give that of its"
                       " start page",
                       url, s);
    return kp_fail(err, KP_EPEER, "%.120s answers with status %ld: %s", url, s, why);
}

/* Of a GET, or (body) a POST. */
static json_t *ask(struct pull *p, const char *path, const struct kp_buf *body, char *header,
                   size_t size, struct kp_err *err)
{
    char url[URL_MAX + 64];
    struct kp_fetched got;
    json_t *j = NULL;
    snprintf(url, sizeof url, "%s%s", p->base, path);
    const struct kp_fetch q = {
        .url = url, .accept = media_type, .most = MISP_EVENT_MOST, .header = "X-Result-Count"
    };
    enum kp_code code =
        body ? kp_fetcher_post(p->fetcher, &q, media_type, body->data, body->len, &got, err)
             : kp_fetcher_get(p->fetcher, &q, &got, err);
    if (!code && got.status != 200)
        status_error(p, url, &got, err);
    else if (!code &&
             !(j = kp_json_object(kp_buf_text(&got.text), got.text.len, "answer", MISP_DEPTH, err)))
        kp_context(err, "%.120s", url);
    if (header)
        snprintf(header, size, "%s", got.header);
    kp_buf_free(&got.text);
    return j;
}

/* ---- who is there ---- */
static bool is_old(const char *version)
{
    for (int i = 0; i < 3; i++) {
        char *end;
        long n = strtol(version, &end, 10);
        if (end == version || n != oldest[i])
            return end == version || n < oldest[i];
        version = *end == '.' ? end + 1 : end;
    }
    return false;
}

/* Whether sightings may be added there is told in the answer. */
static enum kp_code meet(struct pull *p, bool *sightings, struct kp_err *err)
{
    json_t *j = ask(p, "servers/getVersion", NULL, NULL, 0, err);
    const char *version = kp_feed_text(j, "version");
    *sightings = !json_is_false(json_object_get(j, "perm_sighting"));
    if (j && !version)
        kp_fail(err, KP_EREFUSED, "%.120s: there is no MISP at this address", p->base);
    else if (j && is_old(version))
        kp_fail(err, KP_EREFUSED, "it is MISP %.40s; 2.4.120 or newer is needed", version);
    json_decref(j);
    return err->code;
}

/* ---- how far we are ---- */
/* since: what is asked for; newest: of what came in this run; page: the next of this run, 0 none;
 * total: how many matched at the page before. */
static int64_t place(const struct pull *p, const char *key)
{
    return json_integer_value(json_object_get(p->v->state, key));
}

static void set_place(struct pull *p, const char *key, int64_t value, struct kp_err *err)
{
    if (json_object_set_new(p->v->state, key, json_integer(value)))
        kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code write_place(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct pull *p = arg;
    return kp_feed_keep(db, p->v->id, p->v->state, err);
}

static enum kp_code keep_place(struct pull *p, struct kp_err *err)
{
    return err->code ? err->code : kp_store_do(p->v->store, write_place, p, err);
}

/* Of a time in the future we know nothing: it would hide all that comes until then. */
static void note_newest(struct pull *p, const json_t *event, struct kp_err *err)
{
    const json_t *at = json_object_get(json_object_get(event, "Event"), "publish_timestamp");
    int64_t s =
        json_is_string(at) ? strtoll(json_string_value(at), NULL, 10) : json_integer_value(at);
    int64_t now = kp_utc(p->v->clock) / KP_SECOND;
    if (s > place(p, "newest"))
        set_place(p, "newest", s < now ? s : now, err);
}

/* ---- pages ---- */
static void put_question(struct pull *p, struct kp_buf *body)
{
    struct kp_json j = kp_json(body);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "returnFormat", "json");
    kp_json_put_bool(&j, "published", true);
    kp_json_put_int(&j, "publish_timestamp", place(p, "since"));
    kp_json_put_int(&j, "limit", p->limit);
    kp_json_put_int(&j, "page", place(p, "page"));
    kp_json_key(&j, "deleted"); /* those, too: they are revoked here */
    kp_json_begin(&j, '[');
    kp_json_int(&j, 0);
    kp_json_int(&j, 1);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
}

static enum kp_code ask_page(struct pull *p, struct page *page, struct kp_err *err)
{
    struct kp_buf body;
    char total[KP_FETCH_TIME];
    *page = (struct page){ 0 };
    kp_buf_init(&body, BODY_MAX);
    put_question(p, &body);
    if (body.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if ((page->answer = ask(p, "events/restSearch", &body, total, sizeof total, err))) {
        page->events = json_object_get(page->answer, "response");
        page->total = strtoll(total, NULL, 10);
        if (!json_is_array(page->events))
            kp_fail(err, KP_EPEER, "%.120sevents/restSearch: the answer is no list of events",
                    p->base);
    }
    kp_buf_free(&body);
    return err->code;
}

static enum kp_code take_events(struct pull *p, const json_t *events, struct kp_err *err)
{
    json_t *event;
    size_t i;
    json_array_foreach(events, i, event)
    {
        struct kp_err own = { 0 };
        const char *uuid = kp_feed_text(json_object_get(event, "Event"), "uuid");
        if (err->code)
            break;
        if (misp_take(&p->into, event, uuid ? uuid : "without a number", &own) &&
            !misp_may_pass(&p->into, &own))
            kp_fail(err, own.code, "%s", own.text);
        else
            note_newest(p, event, err);
    }
    return err->code;
}

/* Events that went away since the page before have moved others to pages that were read: those are
 * read again. */
static bool has_slipped(struct pull *p, const struct page *page, struct kp_err *err)
{
    int64_t before = place(p, "total"), at = place(p, "page");
    set_place(p, "total", page->total, err);
    if (before <= p->limit || page->total >= before || at < 2)
        return false;
    int64_t back = (before - page->total + p->limit - 1) / p->limit;
    set_place(p, "page", at > back ? at - back : 1, err);
    return true;
}

static bool is_last(const struct pull *p, const struct page *page)
{
    int64_t n = (int64_t)json_array_size(page->events);
    return !n ||
           (n < p->limit && page->total && page->total <= (place(p, "page") - 1) * p->limit + n);
}

/* A page that is too large is asked for in smaller ones; an event that is so alone is passed by. */
static enum kp_code shrink(struct pull *p, const struct kp_err *why, struct kp_err *err)
{
    int64_t seen = (place(p, "page") - 1) * p->limit;
    if (p->limit > 1) {
        p->limit = p->limit > 4 ? p->limit / 4 : 1;
        set_place(p, "page", seen / p->limit + 1, err);
        set_place(p, "total", 0, err);
    } else {
        misp_may_pass(&p->into, why);
        set_place(p, "page", seen + 2, err);
    }
    return err->code;
}

static enum kp_code end_run(struct pull *p, struct kp_err *err)
{
    set_place(p, "since", place(p, "newest"), err);
    set_place(p, "page", 0, err);
    set_place(p, "total", 0, err);
    return keep_place(p, err);
}

static enum kp_code read_page(struct pull *p, struct kp_err *err)
{
    struct page page;
    struct kp_err own = { 0 };
    if (ask_page(p, &page, &own) == KP_EFULL)
        shrink(p, &own, err);
    else if (own.code)
        kp_fail(err, own.code, "%s", own.text);
    else if (!has_slipped(p, &page, err) && !take_events(p, page.events, err)) {
        if (is_last(p, &page))
            end_run(p, err);
        else
            set_place(p, "page", place(p, "page") + 1, err);
    }
    json_decref(page.answer);
    return keep_place(p, err);
}

static enum kp_code read_pages(struct pull *p, struct kp_err *err)
{
    if (place(p, "page"))
        p->limit = (int)place(p, "limit"); /* of the run that was cut short */
    else
        set_place(p, "page", 1, err);
    for (int i = 0; place(p, "page") && !err->code; i++) {
        set_place(p, "limit", p->limit, err);
        if (p->v->stopping && p->v->stopping(p->v->arg))
            kp_fail(err, KP_ESTOPPED, "stopping");
        else if (i == PAGES_MAX)
            kp_fail(err, KP_EPEER, "its pages have no end: %d came", PAGES_MAX);
        else
            read_page(p, err);
    }
    return err->code;
}

/* ---- sightings ---- */
static const json_t *find_type(const json_t *objects, const char *type)
{
    json_t *o;
    size_t i;
    json_array_foreach(objects, i, o)
    {
        const char *is = kp_feed_text(o, "type");
        if (is && strcmp(is, type) == 0)
            return o;
    }
    return NULL;
}

/* MISP counts each sighting by itself, and has no room for a comment: what goes there is which
 * attribute, when it was seen last, and by whom, which is nobody unless names are allowed. */
static enum kp_code put_sighting(const json_t *objects, struct kp_buf *url, struct kp_buf *body,
                                 struct kp_err *err)
{
    const json_t *sighting = find_type(objects, "sighting");
    const char *of = kp_feed_text(sighting, "sighting_of_ref");
    const char *uuid = of ? strstr(of, "--") : NULL;
    const char *last = kp_feed_text(sighting, "last_seen");
    const char *who = kp_feed_text(find_type(objects, "identity"), "name");
    int64_t at = 0;
    struct kp_json j = kp_json(body);
    if (!uuid || (strncmp(of, "indicator--", 11) != 0 && strncmp(of, "vulnerability--", 15) != 0))
        return kp_fail(err, KP_EDENIED,
                       "MISP knows sightings of indicators and vulnerabilities alone");
    kp_time_parse(last ? last : "", &at);
    kp_url_escape(url, uuid + 2, KP_URL_UNRESERVED);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "type", "0");
    kp_json_put_int(&j, "timestamp", at / KP_SECOND);
    kp_json_put_text(&j, "source", who);
    kp_json_end(&j, '}');
    return KP_OK;
}

/* It says "200 OK" and a message when it knows no such attribute. */
static bool sighting_refused(const json_t *answer, char *why, size_t size)
{
    const char *said = kp_feed_text(answer, "message");
    if (json_is_object(json_object_get(answer, "Sighting")) ||
        json_object_get(answer, "attribute_id"))
        return false;
    snprintf(why, size, "the other side refused it: %.150s", said ? said : "it does not say why");
    kp_utf8_trim(why);
    return true;
}

static enum kp_code send_sightings(struct pull *p, bool allowed, struct kp_err *err)
{
    char url[URL_MAX + 20];
    const struct sighting_way way = { media_type, url, put_sighting, sighting_refused, false };
    snprintf(url, sizeof url, "%ssightings/add/", p->base);
    if (!kp_feed_text(p->v->settings, "share"))
        return KP_OK;
    if (allowed)
        return sightings_send(p->v, p->fetcher, &way, err);
    if (sightings_wait(p->v, err))
        snprintf(p->v->note, sizeof p->v->note,
                 "the user of the key may not add sightings there (perm_sighting); they wait");
    return err->code;
}

/* ---- all of it ---- */
/* Of another server we know nothing. */
static enum kp_code check_state(struct pull *p, struct kp_err *err)
{
    const char *of = kp_feed_text(p->v->state, "server");
    if (of && strcmp(of, p->base) == 0)
        return KP_OK;
    json_object_clear(p->v->state);
    return json_object_set_new(p->v->state, "server", json_string(p->base))
               ? kp_fail(err, KP_ENOMEM, "out of memory")
               : KP_OK;
}

static int limit_of(const struct kp_feed_visit *v)
{
    const char *text = kp_feed_text(v->settings, "limit");
    long n = text ? strtol(text, NULL, 10) : LIMIT;
    return n < 1 || n > LIMIT_MOST ? LIMIT : (int)n;
}

static enum kp_code run(struct pull *p, struct kp_err *err)
{
    bool sightings;
    if (!meet(p, &sightings, err) && !send_sightings(p, sightings, err))
        read_pages(p, err);
    return err->code;
}

static enum kp_code pull(struct kp_feed_visit *v, struct kp_err *err)
{
    struct pull p = { .v = v, .limit = limit_of(v) };
    struct kp_fetcher_options options;
    size_t n = strlen(v->url);
    kp_feed_fetcher(v, &options);
    options.bare_token = true;
    snprintf(p.base, sizeof p.base, "%s%s", v->url, n && v->url[n - 1] == '/' ? "" : "/");
    if (misp_begin(&p.into, v, err) || check_state(&p, err))
        return err->code;
    p.fetcher = kp_fetcher_new(&options, err);
    if (p.fetcher)
        run(&p, err);
    misp_end(&p.into);
    kp_fetcher_free(p.fetcher);
    return err->code;
}

static enum kp_code begin(struct kp_feed_visit *v, struct kp_err *err)
{
    static const char *const texts[] = { "limit", "share", NULL };
    for (size_t i = 0; texts[i]; i++) {
        const json_t *t = json_object_get(v->settings, texts[i]);
        if (t && !json_is_string(t))
            return kp_fail(err, KP_EINVALID, "settings.%s: must be a text", texts[i]);
    }
    if (misp_settings_check(v, err) || sightings_share_check(v->settings, err))
        return err->code;
    return kp_feed_text(v->secrets, "token")
               ? KP_OK
               : kp_fail(err, KP_EINVALID,
                         "secrets.token is missing: a key of MISP (My profile > Auth keys)");
}

static const char *const settings[] = { "into", "limit", "share", NULL };
const struct kp_feed_kind kp_feed_misp_server = { .name = "misp-server",
                                                  .settings = settings,
                                                  .every = 3600 * KP_SECOND,
                                                  .begin = begin,
                                                  .pull = pull };
