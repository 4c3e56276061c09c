/* SPDX-License-Identifier: Apache-2.0 */
/* Sightings sent to the server of a feed: what their labels allow to go there. */
#include "net/json_memory.h"
#include "shield/sighting.h"
#include "shield/stix_object.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { MOST = 100, ANSWER_MOST = 1 << 20, URL_MOST = 4 << 10 };

struct waiting {
    int64_t id;
    enum kp_tlp tlp;
    char *text;
};
struct told {
    int64_t id, now;
    const char *fault; /* NULL: it was taken */
};

static enum kp_code write_told(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct told *t = arg;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "update sighting set sent = iif(?2 is null, ?3, null), fault "
                                      "= ?2, feed = iif(?2 is null, feed, null)"
                                      " where id = ?1",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, t->id);
    kp_bind_text(s, 2, t->fault);
    kp_bind_int(s, 3, t->now);
    return kp_run(s, err);
}

static enum kp_code note(struct kp_feed_visit *v, int64_t id, const char *fault, struct kp_err *err)
{
    struct told t = { id, kp_utc(v->clock), fault };
    return kp_store_do(v->store, write_told, &t, err);
}

/* Whether it came there before and only the answer was lost: some servers refuse the same again. */
static bool is_there(struct kp_fetcher *f, const struct sighting_way *way, const json_t *objects)
{
    struct kp_buf url;
    struct kp_fetched got = { 0 };
    struct kp_err none = { 0 };
    const char *id = NULL;
    const json_t *one;
    json_t *answer = NULL;
    size_t i;
    json_array_foreach(objects, i, one)
    {
        const char *type = kp_feed_text(one, "type");
        if (type && strcmp(type, "sighting") == 0)
            id = kp_feed_text(one, "id");
    }
    kp_buf_init(&url, URL_MOST);
    kp_buf_printf(&url, "%s%s/", way->url, id ? id : "");
    const struct kp_fetch q = { .url = kp_buf_text(&url), .accept = way->media_type, .most = ANSWER_MOST };
    if (id && !url.failed && !kp_fetcher_get(f, &q, &got, &none) && got.status == 200)
        answer = kp_json_object(kp_buf_text(&got.text), got.text.len, "answer", KP_JSON_DEPTH, &none);
    bool there = json_array_size(json_object_get(answer, "objects")) > 0;
    json_decref(answer);
    kp_buf_free(&got.text);
    kp_buf_free(&url);
    return there;
}

static enum kp_code heard(struct kp_feed_visit *v, struct kp_fetcher *f, const struct sighting_way *way,
                          const struct waiting *w, const json_t *objects, struct kp_fetched *got,
                          struct kp_err *err)
{
    char why[KP_ERR_TEXT] = "";
    struct kp_err unread = { 0 };
    if (got->status == 429 || got->status >= 500) {
        v->wait = got->wait ? got->wait : 60 * KP_SECOND;
        return kp_fail(err, KP_EPEER, "%.120s answers with status %ld", way->url, got->status);
    }
    if (got->status != 202 && got->status != 200)
        snprintf(why, sizeof why, "the other side refused it with status %ld", got->status);
    json_t *answer = *why ? NULL
                          : kp_json_object(kp_buf_text(&got->text), got->text.len, "answer",
                                           KP_JSON_DEPTH, &unread);
    if (!*why && way->refused(answer, why, sizeof why) && way->may_look && is_there(f, way, objects))
        *why = 0;
    json_decref(answer);
    return note(v, w->id, *why ? why : NULL, err);
}

static bool is_named(const struct kp_feed_visit *v)
{
    const char *share = kp_feed_text(v->settings, "share");
    return share && kp_tlp_find(share) == KP_TLP_AMBER;
}

static enum kp_code send(struct kp_feed_visit *v, struct kp_fetcher *f,
                         const struct sighting_way *way, const struct waiting *w,
                         const json_t *objects, struct kp_err *err)
{
    struct kp_buf url, body;
    struct kp_fetched got;
    struct kp_err denied = { 0 };
    kp_buf_init(&url, URL_MOST);
    kp_buf_init(&body, 1 << 20);
    kp_buf_str(&url, way->url);
    way->put(objects, &url, &body, &denied);
    const struct kp_fetch q = { .url = kp_buf_text(&url),
                                .accept = way->media_type,
                                .most = ANSWER_MOST };
    if (denied.code == KP_EDENIED)
        note(v, w->id, denied.text, err);
    else if (denied.code || url.failed || body.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else {
        if (!kp_fetcher_post(f, &q, way->media_type, body.data, body.len, &got, err))
            heard(v, f, way, w, objects, &got, err);
        kp_buf_free(&got.text);
    }
    kp_buf_free(&url);
    kp_buf_free(&body);
    return err->code;
}

static enum kp_code send_one(struct kp_feed_visit *v, struct kp_fetcher *f,
                             const struct sighting_way *way, const struct waiting *w,
                             struct kp_err *err)
{
    if (!kp_gate_tlp(KP_TO_PARTNER, w->tlp, is_named(v))) {
        char why[120];
        snprintf(why, sizeof why, "it is TLP:%s, which may not go there", kp_tlp_words[w->tlp]);
        return note(v, w->id, why, err);
    }
    json_t *objects = kp_json_read(w->text, "sighting", err);
    if (objects)
        send(v, f, way, w, objects, err);
    json_decref(objects);
    return err->code;
}

enum kp_code sightings_share_check(const json_t *settings, struct kp_err *err)
{
    const char *share = kp_feed_text(settings, "share");
    int tlp = share ? kp_tlp_find(share) : KP_TLP_GREEN;
    return tlp == KP_TLP_GREEN || tlp == KP_TLP_AMBER
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "settings.share: '%.40s' is neither green nor amber",
                         share);
}

bool sightings_wait(const struct kp_feed_visit *v, struct kp_err *err)
{
    bool any = false;
    struct kp_db *db = kp_store_reader(v->store, err);
    struct kp_stmt *s =
        db ? kp_db_prepare(db, "select 1 from sighting where feed = ? and sent is null limit 1",
                           err)
           : NULL;
    if (s) {
        kp_bind_int(s, 1, v->id);
        any = kp_step(s, err);
        kp_reset(s);
    }
    kp_store_reader_done(v->store, db);
    return any;
}

static size_t read_waiting(struct kp_feed_visit *v, struct waiting *list, struct kp_err *err)
{
    size_t n = 0;
    struct kp_db *db = kp_store_reader(v->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db,
                                           "select id, tlp, text from sighting where feed = ? and"
                                           " sent is null order by id limit ?",
                                           err)
                           : NULL;
    if (s) {
        kp_bind_int(s, 1, v->id);
        kp_bind_int(s, 2, MOST);
    }
    while (s && kp_step(s, err)) {
        list[n] = (struct waiting){ kp_column_int(s, 0), (enum kp_tlp)kp_column_int(s, 1),
                                    kp_strdup(kp_column_text(s, 2)) };
        if (!list[n++].text)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    kp_store_reader_done(v->store, db);
    return n;
}

enum kp_code sightings_send(struct kp_feed_visit *v, struct kp_fetcher *f,
                            const struct sighting_way *way, struct kp_err *err)
{
    struct waiting list[MOST];
    size_t n = MOST;
    while (n == MOST && !err->code) {
        n = read_waiting(v, list, err);
        for (size_t i = 0; i < n; i++) {
            if (!err->code)
                send_one(v, f, way, &list[i], err);
            kp_free(list[i].text);
        }
    }
    return err->code;
}
