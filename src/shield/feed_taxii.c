/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds of kind taxii: what is new in the collections of a TAXII 2.1 server is brought, page by
 * page. How far a collection is read is written together with the objects of each page, so a pull
 * that is cut short anywhere goes on there. */
#include "shield/feed_taxii.h"

#include "core/url.h"
#include "net/json_memory.h"
#include "shield/sighting.h"
#include "shield/taxii.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum {
    PAGE_MOST = 32 << 20, /* bytes of a page, unpacked */
    LIST_MOST = 4 << 20,
    LIMIT = 1000,
    PAGES_MAX = 100000,
    STALE_MAX = 20, /* pages in a row that bring nothing and do not get on */
    ROOTS_MAX = 20,
    COLLECTIONS_MAX = 500,
    PATIENCE_S = 20, /* of a wait that the server asks for, in the middle of a pull */
    TRIES = 5,
    URL_MAX = 2000
};
static const char media_type[] = "application/taxii+json;version=2.1";

struct pull {
    struct kp_feed_visit *v;
    struct kp_fetcher *fetcher;
    struct kp_fetcher_options options;
    struct kp_err fault; /* of one collection; the others go on */
    int64_t into;
    char source[KP_NAME_MAX + 8];
    bool collections_met;
};

/* ---- asking ---- */
static enum kp_code status_error(struct pull *p, const char *url, const struct kp_fetched *got,
                                 struct kp_err *err)
{
    long s = got->status;
    if (s == 429 || s == 503) {
        p->v->wait = got->wait ? got->wait : 60 * KP_SECOND;
        return kp_fail(err, KP_EPEER, "%.120s: it wants to be left alone (status %ld)", url, s);
    }
    if (s == 401 || s == 403)
        return kp_fail(err, KP_EREFUSED,
                       "%.120s: it does not let us in (status %ld); check user,"
                       " password or token",
                       url, s);
    return kp_fail(err,
                   s == 404   ? KP_ENOTFOUND
                   : s == 400 ? KP_EINVALID
                              : KP_EPEER,
                   "%.120s answers with status %ld", url, s);
}

/* Waits a little when it is told to. got->text is the caller's, whatever comes. */
static enum kp_code get(struct pull *p, const char *url, size_t most, struct kp_fetched *got,
                        struct kp_err *err)
{
    const struct kp_fetch q = {
        .url = url, .accept = media_type, .most = most, .header = "X-TAXII-Date-Added-Last"
    };
    for (int i = 0;; i++) {
        if (kp_fetcher_get(p->fetcher, &q, got, err) || got->status == 200)
            return err->code;
        bool wait = (got->status == 429 || got->status == 503) && i < TRIES && got->wait &&
                    got->wait <= PATIENCE_S * KP_SECOND;
        if (!wait || kp_fetcher_wait(p->fetcher, got->wait, err))
            return err->code ? err->code : status_error(p, url, got, err);
        kp_buf_free(&got->text);
    }
}

static json_t *get_json(struct pull *p, const char *url, struct kp_err *err)
{
    struct kp_fetched got;
    json_t *j = NULL;
    if (!get(p, url, LIST_MOST, &got, err)) {
        j = kp_json_object(kp_buf_text(&got.text), got.text.len, "answer", KP_JSON_DEPTH, err);
        kp_context(err, "%.120s", url);
    }
    kp_buf_free(&got.text);
    return j;
}

/* ---- addresses ---- */
/* What an answer calls a place, seen from where the answer came; only on the same server. */
static enum kp_code resolve(const char *from, const char *to, char out[URL_MAX], struct kp_err *err)
{
    size_t server = strcspn(from, "/");
    int n;
    if (from[server])
        server += 2 + strcspn(from + server + 2, "/");
    const char *slash = strrchr(from, '/');
    if (strstr(to, "://"))
        n = snprintf(out, URL_MAX, "%s", to);
    else if (*to == '/')
        n = snprintf(out, URL_MAX, "%.*s%s", (int)server, from, to);
    else
        n = snprintf(out, URL_MAX, "%.*s/%s", slash ? (int)(slash - from) : 0, from, to);
    if (n < 0 || n >= URL_MAX - 2)
        return kp_fail(err, KP_EINVALID, "an address is too long");
    if (out[n - 1] != '/')
        snprintf(out + n, (size_t)(URL_MAX - n), "/");
    if (kp_web_url_check(out, err))
        return err->code;
    return kp_web_url_same_server(from, out)
               ? KP_OK
               : kp_fail(err, KP_EREFUSED,
                         "it sends us to another server, %.120s, which is not asked", out);
}

/* ---- what is asked for ---- */
/* Whether a list with commas names it. */
static bool is_named(const char *list, const json_t *collection)
{
    const char *const keys[] = { "id", "alias", "title" };
    for (const char *at = list; at && *at;) {
        size_t n = strcspn(at, ",");
        for (int i = 0; i < 3; i++) {
            const char *name = json_string_value(json_object_get(collection, keys[i]));
            if (name && strlen(name) == n && memcmp(name, at, n) == 0)
                return true;
        }
        at += n + (at[n] != 0);
    }
    return false;
}

static bool may(const json_t *collection, const char *what)
{
    return json_is_string(json_object_get(collection, "id")) &&
           json_is_true(json_object_get(collection, what));
}

/* ---- pages ---- */
struct reading { /* of one collection */
    struct pull *p;
    const char *url; /* of its objects */
    json_t *place;   /* of the state: after, next, last */
    int limit, stale, pages;
    bool more;
    char next[600], last[KP_FETCH_TIME];
};

static const char *place_text(const struct reading *r, const char *key)
{
    return json_string_value(json_object_get(r->place, key));
}

static void page_url(const struct reading *r, struct kp_buf *url)
{
    const char *after = place_text(r, "after"), *next = place_text(r, "next");
    kp_buf_printf(url, "%s?limit=%d", r->url, r->limit);
    if (after) {
        kp_buf_str(url, "&added_after=");
        kp_url_escape(url, after, KP_URL_UNRESERVED);
    }
    if (next) {
        kp_buf_str(url, "&next=");
        kp_url_escape(url, next, KP_URL_UNRESERVED);
    }
}

static enum kp_code set(json_t *o, const char *key, const char *text, struct kp_err *err)
{
    if (!text)
        json_object_del(o, key);
    else if (json_object_set_new(o, key, json_string(text)))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return KP_OK;
}

/* In the transaction of a page: what is asked for next. */
static enum kp_code keep_place(struct kp_db *db, const struct kp_stix_batch *b, void *arg,
                               struct kp_err *err)
{
    struct reading *r = arg;
    (void)b;
    bool token = r->more && *r->next;
    if ((*r->last && set(r->place, "last", r->last, err)) ||
        set(r->place, "next", token ? r->next : NULL, err) ||
        (!token && set(r->place, "after", place_text(r, "last"), err)))
        return err->code;
    return kp_feed_keep(db, r->p->v->id, r->p->v->state, err);
}

struct before { /* a page was asked for */
    char next[600];
    int64_t last;
};

static void note_before(const struct reading *r, struct before *b)
{
    const char *next = place_text(r, "next"), *last = place_text(r, "last");
    snprintf(b->next, sizeof b->next, "%s", next ? next : "");
    if (!last || !kp_time_parse(last, &b->last))
        b->last = KP_NO_TIME;
}

/* Servers that go on for ever: the same token again, or pages that bring nothing. */
static enum kp_code check_progress(struct reading *r, const struct kp_stix_batch *b,
                                   const struct before *before, struct kp_err *err)
{
    int64_t last = KP_NO_TIME;
    if (!r->more)
        return KP_OK;
    if (!*r->next && !*r->last)
        return kp_fail(err, KP_EPEER,
                       "it says there is more, and neither next nor when what it gave was added");
    if (*r->next && strcmp(before->next, r->next) == 0)
        return kp_fail(err, KP_EPEER, "it gives the same page again and again");
    if (*r->last)
        kp_time_parse(r->last, &last);
    r->stale = b->n && (b->stored || last > before->last) ? 0 : r->stale + 1;
    if (r->stale > STALE_MAX || ++r->pages > PAGES_MAX)
        return kp_fail(err, KP_EPEER, "its pages have no end: %d of them, %d in a row with nothing",
                       r->pages, r->stale);
    return KP_OK;
}

static enum kp_code read_frame(struct reading *r, const json_t *frame, struct kp_err *err)
{
    const json_t *more = json_object_get(frame, "more"), *next = json_object_get(frame, "next");
    if (!frame || (more && !json_is_boolean(more)) || (next && !json_is_string(next)))
        return kp_fail(err, KP_EPEER, "the answer is no envelope");
    if (json_string_length(next) >= sizeof r->next)
        return kp_fail(err, KP_EPEER, "next is longer than %zu bytes", sizeof r->next - 1);
    snprintf(r->next, sizeof r->next, "%s", next ? json_string_value(next) : "");
    r->more = json_is_true(more);
    return KP_OK;
}

static void note_refused(struct reading *r, const struct kp_stix_batch *b)
{
    struct kp_feed_visit *v = r->p->v;
    v->taken += (int64_t)b->stored;
    v->refused += (int64_t)b->refused;
    for (size_t i = 0; i < b->n && b->refused && !*v->note; i++)
        if (b->result[i].fate == KP_STIX_REFUSED)
            snprintf(v->note, sizeof v->note, "objects are refused; the first: %.80s: %.150s",
                     *b->result[i].id ? b->result[i].id : "one without an id", b->result[i].why);
    kp_utf8_trim(v->note);
}

static enum kp_code take_page(struct reading *r, struct kp_fetched *got, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts;
    struct kp_feed_visit *v = r->p->v;
    int64_t at;
    struct before before;
    struct kp_stix_batch b = {
        .source = r->p->source, .collection = r->p->into, .also = keep_place, .arg = r
    };
    note_before(r, &before);
    bool dated = kp_time_parse(got->header, &at);
    snprintf(r->last, sizeof r->last, "%s", dated ? got->header : "");
    if (!kp_stix_cut(kp_buf_text(&got->text), got->text.len, &arena, &parts, err) &&
        !read_frame(r, parts.frame, err) &&
        !kp_stix_take(v->store, v->clock, &parts, &arena, &b, err)) {
        note_refused(r, &b);
        check_progress(r, &b, &before, err);
    }
    json_decref(parts.frame);
    kp_arena_free(&arena);
    return err->code;
}

/* A page that is too large is asked for in smaller ones; a token that is over, from where we were.
 */
static bool try_again(struct reading *r, struct kp_err *why, struct kp_err *err)
{
    bool token = place_text(r, "next") && (why->code == KP_EINVALID || why->code == KP_ENOTFOUND);
    if (why->code == KP_EFULL && r->limit > 1)
        r->limit /= 4;
    else if (!token || set(r->place, "after", place_text(r, "last"), err) ||
             set(r->place, "next", NULL, err))
        return false;
    r->limit = r->limit ? r->limit : 1;
    *why = (struct kp_err){ 0 };
    return true;
}

static enum kp_code read_pages(struct reading *r, struct kp_err *err)
{
    r->more = true;
    while (r->more && !err->code) {
        struct kp_fetched got = { 0 };
        struct kp_err own = { 0 };
        struct kp_buf url;
        kp_buf_init(&url, 8 << 10);
        page_url(r, &url);
        if (r->p->v->stopping && r->p->v->stopping(r->p->v->arg))
            kp_fail(&own, KP_ESTOPPED, "stopping");
        else if (!get(r->p, kp_buf_text(&url), PAGE_MOST, &got, &own))
            take_page(r, &got, err);
        kp_buf_free(&got.text);
        kp_buf_free(&url);
        if (own.code && !try_again(r, &own, err))
            kp_fail(err, own.code, "%s", own.text);
    }
    return err->code;
}

/* ---- collections ---- */
static json_t *place_of(struct pull *p, const char *url, struct kp_err *err)
{
    json_t *all = json_object_get(p->v->state, "collections");
    if (!all && !json_object_set_new(p->v->state, "collections", json_object()))
        all = json_object_get(p->v->state, "collections");
    json_t *place = json_object_get(all, url);
    if (all && !place && !json_object_set_new(all, url, json_object()))
        place = json_object_get(all, url);
    if (!place)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return place;
}

static int limit_of(const struct pull *p)
{
    const char *text = kp_feed_text(p->v->settings, "limit");
    long n = text ? strtol(text, NULL, 10) : LIMIT;
    return n < 1 || n > 100000 ? LIMIT : (int)n;
}

static bool ends_all(enum kp_code code)
{
    return code == KP_ESTOPPED || code == KP_ENOMEM || code == KP_EIO;
}

static enum kp_code put_sighting(const json_t *objects, struct kp_buf *url, struct kp_buf *body,
                                 struct kp_err *err)
{
    char *text = kp_json_dump(objects, JSON_COMPACT);
    (void)url;
    if (text)
        kp_buf_printf(body, "{\"objects\":%s}", text);
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_free(text);
    return err->code;
}

/* The sighting's own line in such a list; NULL: there is none. */
static const json_t *line_of_sighting(const json_t *list)
{
    const json_t *line;
    size_t i;
    json_array_foreach(list, i, line)
    {
        const char *id = kp_feed_text(line, "id");
        if (id && strncmp(id, "sighting--", 10) == 0)
            return line;
    }
    return NULL;
}

/* Why the sighting was refused (TAXII 2.1, 4.3.1). Who it is by and which address it is about may be
 * there from one before; some servers call that a failure. Both lists may be missing. */
static bool sighting_refused(const json_t *status, char *why, size_t size)
{
    const json_t *failures = json_object_get(status, "failures"), *line = line_of_sighting(failures);
    json_int_t failed = json_integer_value(json_object_get(status, "failure_count"));
    bool all_told = (json_int_t)json_array_size(failures) == failed;
    if (!failed || (!line && (all_told || line_of_sighting(json_object_get(status, "successes")))))
        return false;
    const char *said = kp_feed_text(line, "message");
    snprintf(why, size, "the other side refused it: %.150s", said ? said : "it does not say why");
    kp_utf8_trim(why);
    return true;
}

/* What is left for it goes first, then what is there comes. */
static enum kp_code do_collection(struct pull *p, const char *url, const json_t *c,
                                  struct kp_err *err)
{
    const char *wanted = kp_feed_text(p->v->settings, "collections");
    struct reading r = { .p = p, .url = url, .limit = limit_of(p) };
    if (may(c, "can_write") && is_named(kp_feed_text(p->v->settings, "post"), c)) {
        const struct sighting_way way = { media_type, url, put_sighting, sighting_refused, may(c, "can_read") };
        p->collections_met = true;
        if (sightings_send(p->v, p->fetcher, &way, err))
            return err->code;
    }
    if (!may(c, "can_read") || (wanted && !is_named(wanted, c)))
        return KP_OK;
    p->collections_met = true;
    return (r.place = place_of(p, url, err)) ? read_pages(&r, err) : err->code;
}

static enum kp_code take_collection(struct pull *p, const char *root, const json_t *c,
                                    struct kp_err *err)
{
    struct kp_buf url;
    struct kp_err own = { 0 };
    const char *id = json_string_value(json_object_get(c, "id"));
    kp_buf_init(&url, URL_MAX + 1000);
    kp_buf_printf(&url, "%scollections/", root);
    kp_url_escape(&url, id ? id : "", KP_URL_UNRESERVED);
    kp_buf_str(&url, "/objects/");
    if (!url.failed)
        do_collection(p, kp_buf_text(&url), c, &own);
    kp_buf_free(&url);
    if (ends_all(own.code) || p->v->wait)
        return kp_fail(err, own.code, "%s", own.text);
    if (own.code)
        kp_fail(&p->fault, own.code, "%s", own.text);
    return KP_OK;
}

static enum kp_code read_root(struct pull *p, const char *root, struct kp_err *err)
{
    char url[URL_MAX + 20];
    json_t *c;
    size_t i;
    snprintf(url, sizeof url, "%scollections/", root);
    json_t *j = get_json(p, url, err), *list = json_object_get(j, "collections");
    json_array_foreach(list, i, c)
    {
        if (err->code || i == COLLECTIONS_MAX)
            break;
        take_collection(p, root, c, err);
    }
    json_decref(j);
    return err->code;
}

/* The address may be that of the discovery, or of a root itself. */
static enum kp_code read_roots(struct pull *p, const json_t *j, struct kp_err *err)
{
    char root[URL_MAX];
    const json_t *roots = json_object_get(j, "api_roots");
    const char *wanted = kp_feed_text(p->v->settings, "root");
    if (!json_is_array(roots) && json_is_array(json_object_get(j, "versions")))
        return resolve(p->v->url, p->v->url, root, err) ? err->code : read_root(p, root, err);
    if (!json_is_array(roots))
        return kp_fail(err, KP_EPEER,
                       "%.120s is neither the discovery nor an API root of TAXII 2.1", p->v->url);
    for (size_t i = 0; i < json_array_size(roots) && i < ROOTS_MAX && !err->code; i++) {
        const char *text = json_string_value(json_array_get(roots, i));
        struct kp_err own = { 0 };
        if (!text || (wanted && !strstr(text, wanted)))
            continue;
        if (!resolve(p->v->url, text, root, &own))
            read_root(p, root, &own);
        if (ends_all(own.code) || p->v->wait || own.code == KP_EREFUSED)
            kp_fail(err, own.code, "%s", own.text);
        else if (own.code)
            kp_fail(&p->fault, own.code, "%s", own.text);
    }
    return err->code;
}

static enum kp_code run(struct pull *p, struct kp_err *err)
{
    json_t *j = get_json(p, p->v->url, err);
    if (j && !read_roots(p, j, err) && !p->fault.code && !p->collections_met)
        kp_fail(err, KP_EREFUSED, "there is no collection there that may be read and is wanted");
    json_decref(j);
    return err->code       ? err->code
           : p->fault.code ? kp_fail(err, p->fault.code, "%s", p->fault.text)
                           : KP_OK;
}

static enum kp_code pull(struct kp_feed_visit *v, struct kp_err *err)
{
    struct pull p = { .v = v };
    snprintf(p.source, sizeof p.source, "feed %s", v->name);
    kp_feed_fetcher(v, &p.options);
    if (kp_collection_find(v->store, kp_feed_text(v->settings, "into"), &p.into, err))
        return err->code;
    p.fetcher = kp_fetcher_new(&p.options, err);
    if (p.fetcher)
        run(&p, err);
    kp_fetcher_free(p.fetcher);
    return err->code;
}

static enum kp_code begin(struct kp_feed_visit *v, struct kp_err *err)
{
    static const char *const texts[] = { "collections", "root",  "into", "limit",
                                         "post",        "share", NULL };
    int64_t id;
    for (size_t i = 0; texts[i]; i++) {
        const json_t *t = json_object_get(v->settings, texts[i]);
        if (t && !json_is_string(t))
            return kp_fail(err, KP_EINVALID, "settings.%s: must be a text", texts[i]);
    }
    if (sightings_share_check(v->settings, err))
        return err->code;
    if (kp_web_url_check(v->url, err))
        return kp_context(err, "url");
    return kp_collection_find(v->store, kp_feed_text(v->settings, "into"), &id, err);
}

static const char *const settings[] = { "collections", "root",  "into", "limit",
                                        "post",        "share", NULL };
const struct kp_feed_kind kp_feed_taxii = {
    .name = "taxii", .settings = settings, .every = 3600 * KP_SECOND, .begin = begin, .pull = pull
};
