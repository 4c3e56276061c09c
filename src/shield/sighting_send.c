/* SPDX-License-Identifier: Apache-2.0 */
/* Sightings posted to the collection that a feed names: what its label allows to go there. */
#include "net/json_memory.h"
#include "shield/sighting.h"
#include "shield/stix_object.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { MOST = 100, ANSWER_MOST = 1 << 20 };
static const char media_type[] = "application/taxii+json;version=2.1";

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

/* Why the other side refused one of the objects; false: it took all. */
static bool refused(const json_t *status, char *why, size_t size)
{
    const json_t *failures = json_object_get(status, "failures");
    if (!json_is_integer(json_object_get(status, "failure_count")) ||
        !json_integer_value(json_object_get(status, "failure_count")))
        return false;
    const char *said = json_string_value(json_object_get(json_array_get(failures, 0), "message"));
    snprintf(why, size, "the other side refused it: %.150s", said ? said : "it does not say why");
    kp_utf8_trim(why);
    return true;
}

static enum kp_code heard(struct kp_feed_visit *v, const struct waiting *w, const char *url,
                          struct kp_fetched *got, struct kp_err *err)
{
    char why[KP_ERR_TEXT] = "";
    struct kp_err unread = { 0 };
    if (got->status == 429 || got->status >= 500) {
        v->wait = got->wait ? got->wait : 60 * KP_SECOND;
        return kp_fail(err, KP_EPEER, "%.120s answers with status %ld", url, got->status);
    }
    if (got->status != 202 && got->status != 200)
        snprintf(why, sizeof why, "the other side refused it with status %ld", got->status);
    json_t *status = *why ? NULL
                          : kp_json_object(kp_buf_text(&got->text), got->text.len, "status",
                                           KP_JSON_DEPTH, &unread);
    if (!*why)
        refused(status, why, sizeof why);
    json_decref(status);
    return note(v, w->id, *why ? why : NULL, err);
}

static enum kp_code send_one(struct kp_feed_visit *v, struct kp_fetcher *f, const char *url,
                             const struct waiting *w, struct kp_err *err)
{
    const struct kp_fetch q = { .url = url, .accept = media_type, .most = ANSWER_MOST };
    struct kp_fetched got;
    struct kp_buf body;
    const char *share = kp_feed_text(v->settings, "share");
    bool named = share && kp_tlp_find(share) == KP_TLP_AMBER;
    if (!kp_gate_tlp(KP_TO_PARTNER, w->tlp, named)) {
        char why[120];
        snprintf(why, sizeof why, "it is TLP:%s, which may not go there", kp_tlp_words[w->tlp]);
        return note(v, w->id, why, err);
    }
    kp_buf_init(&body, 1 << 20);
    kp_buf_printf(&body, "{\"objects\":%s}", w->text);
    if (body.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else {
        if (!kp_fetcher_post(f, &q, media_type, body.data, body.len, &got, err))
            heard(v, w, url, &got, err);
        kp_buf_free(&got.text);
    }
    kp_buf_free(&body);
    return err->code;
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

enum kp_code sightings_send(struct kp_feed_visit *v, struct kp_fetcher *f, const char *url,
                            struct kp_err *err)
{
    struct waiting list[MOST];
    size_t n = MOST;
    while (n == MOST && !err->code) {
        n = read_waiting(v, list, err);
        for (size_t i = 0; i < n; i++) {
            if (!err->code)
                send_one(v, f, url, &list[i], err);
            kp_free(list[i].text);
        }
    }
    return err->code;
}
