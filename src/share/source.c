/* SPDX-License-Identifier: Apache-2.0 */
/* Where the data of an agreement is, for who fetches it. */
#include "share/private.h"

#include "core/url.h"
#include "net/courier.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/ban.h"

#define AGAIN     (600 * KP_SECOND) /* so long after an end nobody but a person asks again */
enum { ANSWER_MAX = 64 << 10, TOKEN_MAX = 16 << 10 };

/* ---- the agreement ---- */
static bool take_agreement(struct kp_stmt *row, struct kp_arena *arena, struct kp_share_source *o,
                           const char **text, bool *active, struct kp_err *err)
{
    if (!kp_step(row, err))
        return false;
    o->agreement = kp_column_copy(row, 0, arena);
    o->partner = kp_column_copy(row, 1, arena);
    o->dataset = kp_column_copy(row, 2, arena);
    *text = kp_column_copy(row, 3, arena);
    *active = kp_column_int(row, 4);
    kp_reset(row);
    return o->agreement && o->partner && o->dataset && *text ? true : (share_starved(err), false);
}

static enum kp_code find_terms(struct kp_share *s, struct kp_share_source *o, const char *text,
                               struct kp_err *err)
{
    json_t *policy = kp_json_read(text, "agreement", err);
    if (policy)
        share_terms(policy, &o->terms, err);
    json_decref(policy);
    if (!err->code && o->terms.to <= kp_utc(s->clock))
        kp_fail(err, KP_EREFUSED, "agreement %.100s has expired: koppel negotiate %.60s %.60s",
                o->agreement, o->partner, o->dataset);
    return err->code;
}

/* The newest one that is in force, else the newest. */
static enum kp_code find_agreement(struct kp_share *s, const char *partner, const char *dataset,
                                   const char *id, struct kp_arena *arena,
                                   struct kp_share_source *o, struct kp_err *err)
{
    static const char sql[] =
        "select id, partner, dataset, text, active from share_agreement where side = ?1 and "
        "(?2 is null or partner = ?2) and case when ?4 is null then dataset = ?3 else id = ?4 end "
        "order by active desc, made desc limit 1";
    bool found = false, active = false;
    const char *text = NULL;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *row = db ? kp_db_prepare(db, sql, err) : NULL;
    if (row) {
        kp_bind_int(row, 1, KP_CONSUMER);
        kp_bind_text(row, 2, partner);
        kp_bind_text(row, 3, dataset);
        kp_bind_text(row, 4, id);
        found = take_agreement(row, arena, o, &text, &active, err);
    }
    kp_store_reader_done(s->store, db);
    if (err->code)
        return err->code;
    if (!found && id)
        return kp_fail(err, KP_ENOTFOUND,
                       "there is no agreement '%.100s'%s%.60s that gives data to this node: koppel "
                       "agreements",
                       id, partner ? " with " : "", partner ? partner : "");
    if (!found)
        return kp_fail(err, KP_ENOTFOUND,
                       "there is no agreement on '%.60s' of %.60s yet: koppel negotiate %.60s "
                       "%.60s",
                       dataset, partner, partner, dataset);
    return active ? find_terms(s, o, text, err)
                  : kp_fail(err, KP_EREFUSED,
                            "agreement %.60s is not in force: koppel agreements; a new one: koppel "
                            "negotiate %.60s %.60s",
                            o->agreement, o->partner, o->dataset);
}

/* ---- its transfer ---- */
static int64_t newest_transfer(struct kp_db *db, const char *agreement, struct kp_err *err)
{
    struct kp_stmt *row = kp_db_prepare(db,
                                        "select max(id) from share_process where kind = 1 and side "
                                        "= ? and agreement = ? and format = 'HttpData-PULL'",
                                        err);
    if (!row)
        return 0;
    kp_bind_int(row, 1, KP_CONSUMER);
    kp_bind_text(row, 2, agreement);
    int64_t id = kp_step(row, err) ? kp_column_int(row, 0) : 0;
    kp_reset(row);
    return id;
}

/* Why it was not delivered the last time, or "". */
static const char *fault_of(struct kp_db *db, int64_t id, struct kp_arena *arena,
                            struct kp_err *err)
{
    struct kp_stmt *row = kp_db_prepare(
        db, "select error from share_outbox where process = ? order by id limit 1", err);
    const char *fault = NULL;
    if (!row)
        return "";
    kp_bind_int(row, 1, id);
    if (kp_step(row, err))
        fault = kp_column_copy(row, 0, arena);
    kp_reset(row);
    return fault ? fault : "";
}

static enum kp_code begin_transfer(struct kp_share *s, struct kp_share_source *o,
                                   struct kp_err *err)
{
    json_t *body = json_pack("{s:s}", "agreement", o->agreement);
    if (!body)
        share_starved(err);
    else if (!kp_share_transfer(s, body, &o->transfer, err))
        kp_fail(err, KP_EPEER, "partner %.60s is asked for the data (transfer %lld)", o->partner,
                (long long)o->transfer);
    else if (err->code == KP_EINVALID) /* nobody reaches this node */
        err->code = KP_EREFUSED;
    json_decref(body);
    return err->code;
}

static enum kp_code stands_still(const struct share_process *p, const char *fault,
                                 struct kp_err *err)
{
    const char *note = p->note ? p->note : "no reason given";
    long long id = (long long)p->id;
    switch (p->state) {
    case KP_SUSPENDED:
        return kp_fail(err, KP_EPEER, "transfer %lld is suspended: %.120s", id, note);
    case KP_COMPLETED:
    case KP_TERMINATED:
        return kp_fail(err, KP_EREFUSED,
                       "transfer %lld is over: %.100s; a new one: koppel transfers %.80s", id, note,
                       p->agreement);
    default:
        return kp_fail(err, KP_EPEER, "partner %.60s has not begun transfer %lld yet%s%.100s",
                       p->partner, id, *fault ? ": " : "", fault);
    }
}

static enum kp_code find_transfer(struct kp_share *s, struct kp_arena *arena,
                                  struct kp_share_source *o, struct share_process *p,
                                  struct kp_err *err)
{
    const char *fault = "";
    struct kp_db *db = kp_store_reader(s->store, err);
    o->transfer = db ? newest_transfer(db, o->agreement, err) : 0;
    if (o->transfer && !share_process_by_id(db, o->transfer, arena, p, err))
        fault = fault_of(db, p->id, arena, err);
    kp_store_reader_done(s->store, db);
    if (err->code)
        return err->code;
    o->waits = !o->transfer || p->state == KP_REQUESTED;
    bool over = o->transfer && (p->state == KP_COMPLETED || p->state == KP_TERMINATED);
    if (!o->transfer || (over && kp_utc(s->clock) - p->changed > AGAIN))
        return begin_transfer(s, o, err);
    return p->state == KP_STARTED ? KP_OK : stands_still(p, fault, err);
}

/* ---- its address ---- */
static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > 126)
            return false;
    return true;
}

/* A partner does not send this node about: his own server, or one that a person has named. */
static enum kp_code check_url(const char *url, const struct share_partner *p, const char *host,
                              struct kp_err *err)
{
    struct kp_url theirs, his;
    struct kp_err none = { 0 };
    if (!url || strlen(url) >= KP_SHARE_URL || !printable(url) || strpbrk(url, " #") ||
        kp_url_parse(url, &theirs, &none) || kp_url_parse(p->url, &his, &none) || !*theirs.host)
        return kp_fail(err, KP_EREFUSED,
                       "partner %.60s gives no address for the data that can be used", p->name);
    if (strcasecmp(theirs.host, his.host) != 0 && (!*host || strcasecmp(theirs.host, host) != 0))
        return kp_fail(err, KP_EREFUSED,
                       "partner %.60s keeps the data on another server, %.80s; if that is right, "
                       "allow it by the option host",
                       p->name, theirs.host);
    if (strcmp(theirs.scheme, "https") != 0 &&
        (strcmp(theirs.scheme, "http") != 0 || strcmp(his.scheme, "http") != 0))
        return kp_fail(err, KP_EREFUSED, "partner %.60s keeps the data at an address without TLS",
                       p->name);
    return KP_OK;
}

/* Seconds as text or number; in ns, or KP_FOREVER. */
static int64_t lasts(const char *text)
{
    char *end;
    double seconds = text ? strtod(text, &end) : NAN;
    return seconds > 0 && seconds < 1e8 ? (int64_t)(seconds * 1e3) * KP_MILLISECOND : KP_FOREVER;
}

static enum kp_code put_token(struct kp_share_source *o, const char *token, int64_t lasting,
                              int64_t since, bool bearer, struct kp_arena *arena,
                              struct kp_err *err)
{
    size_t n = token ? strlen(token) : 0;
    o->lasts = lasting;
    o->expires = lasting == KP_FOREVER ? KP_FOREVER : since + lasting;
    if (!token)
        return KP_OK;
    if (n > TOKEN_MAX || !printable(token))
        return kp_fail(err, KP_EREFUSED, "partner %.60s gives a token that cannot be shown",
                       o->partner);
    char *text = kp_arena_alloc(arena, n + sizeof "Bearer ");
    if (!text)
        return share_starved(err);
    snprintf(text, n + sizeof "Bearer ", "%s%s", bearer ? "Bearer " : "", token);
    o->authorization = text;
    return KP_OK;
}

static enum kp_code read_address(const json_t *address, const struct share_partner *p,
                                 const char *host, int64_t since, struct kp_arena *arena,
                                 struct kp_share_source *o, struct kp_err *err)
{
    bool full, raw;
    const char *url = kp_dsp_text(address, "endpoint");
    const char *token = share_property(address, "authorization", &raw);
    const char *type = share_property(address, "authType", &full);
    const char *renew = share_property(address, "refreshEndpoint", &full);
    const char *seconds = share_property(address, "expiresIn", &full);
    url = url ? url : share_property(address, "endpoint", &full);
    if (check_url(url, p, host, err) || (renew && check_url(renew, p, host, err)))
        return err->code;
    bool bearer = token && !raw && type && strcasecmp(type, "bearer") == 0 &&
                  strncasecmp(token, "bearer ", 7) != 0;
    o->url = kp_arena_strdup(arena, url);
    o->renew = kp_arena_strdup(arena, renew ? renew : "");
    o->ca = kp_arena_strdup(arena, p->ca ? p->ca : "");
    if (!o->url || !o->renew || !o->ca)
        return share_starved(err);
    o->renew = renew ? o->renew : NULL;
    return put_token(o, token, lasts(seconds), since, bearer, arena, err);
}

static enum kp_code find_source(struct kp_share *s, const struct kp_share_wish *w,
                                struct kp_arena *arena, struct kp_share_source *o,
                                struct kp_err *err)
{
    struct share_process p;
    struct share_partner his;
    struct kp_err none = { 0 };
    char name[SECRET_NAME];
    void *data;
    size_t len;
    *o = (struct kp_share_source){ 0 };
    if (find_agreement(s, w->partner, w->dataset, w->id, arena, o, err) ||
        find_transfer(s, arena, o, &p, err) || share_find_partner(s, o->partner, arena, &his, err))
        return err->code;
    share_address_name(&p, name);
    if (kp_secret_get(s->store, name, arena, &data, &len, &none))
        return none.code == KP_ENOTFOUND
                   ? kp_fail(err, KP_EREFUSED,
                             "partner %.60s has started transfer %lld without an address",
                             o->partner, (long long)o->transfer)
                   : kp_fail(err, none.code, "%s", none.text);
    json_t *address = kp_json_read(data, "dataAddress", err);
    if (address)
        read_address(address, &his, w->host ? w->host : "", p.changed, arena, o, err);
    json_decref(address);
    return err->code;
}

/* Asked for just now it is there in a moment. */
enum kp_code kp_share_source(struct kp_share *s, const struct kp_share_wish *w,
                             struct kp_arena *arena, struct kp_share_source *o, struct kp_err *err)
{
    for (int64_t begun = kp_mono(s->clock);;) {
        struct kp_err why = { 0 };
        if (!find_source(s, w, arena, o, &why))
            return KP_OK;
        if (why.code != KP_EPEER || !o->waits || kp_mono(s->clock) - begun > w->within ||
            (w->stopping && w->stopping(w->arg)))
            return kp_fail(err, why.code, "%s", why.text);
        nanosleep(&(struct timespec){ .tv_nsec = 50 * KP_MILLISECOND }, NULL);
    }
}

/* ---- asking there ---- */
/* It may have a query of its own. */
enum kp_code kp_share_source_url(const struct kp_share_source *o, const char *below,
                                 const char *query, char out[KP_SHARE_SOURCE_URL],
                                 struct kp_err *err)
{
    const char *own = strchr(o->url, '?');
    size_t n = own ? (size_t)(own - o->url) : strlen(o->url);
    int len =
        snprintf(out, KP_SHARE_SOURCE_URL, "%.*s%s%s%s%s", (int)n, o->url, below, own ? own : "",
                 !*query ? ""
                 : own   ? "&"
                         : "?",
                 query);
    return len < KP_SHARE_SOURCE_URL
               ? KP_OK
               : kp_fail(err, KP_EREFUSED, "the partner's address for the data is too long");
}

/* A reason is a text, or as in messages of the protocol a list of texts. */
static const char *reason_in(const json_t *o)
{
    static const char *const keys[] = { "reason", "message", "detail", NULL };
    for (size_t i = 0; keys[i]; i++) {
        const json_t *v = json_object_get(o, keys[i]);
        const char *text = json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);
        if (text)
            return text;
    }
    return NULL;
}

static enum kp_code refused(const struct kp_share_source *o, const char *what, long status,
                            const char *answer, size_t len, struct kp_err *err)
{
    struct kp_err none = { 0 };
    char said[200];
    bool person = status == 401 || status == 403 || status == 404 || status == 410;
    json_t *j = kp_json_object(answer, len, "answer", KP_JSON_DEPTH, &none);
    const char *reason = reason_in(j);
    kp_utf8_clean(said, sizeof said, reason ? reason : answer, reason ? strlen(reason) : len);
    kp_fail(err, person ? KP_EREFUSED : KP_EPEER, "partner %.60s %s (status %ld)%s%.150s",
            o->partner, what, status, *said ? ": " : "", said);
    json_decref(j);
    return err->code;
}

enum kp_code kp_share_refused(const struct kp_share_source *o, long status, const char *answer,
                              size_t len, struct kp_err *err)
{
    return refused(o, "refuses the data", status, answer, len, err);
}

/* ---- a new token ---- */
static enum kp_code take_renewed(struct kp_share *s, struct kp_share_source *o,
                                 const struct kp_answer *a, struct kp_arena *arena,
                                 struct kp_err *err)
{
    json_t *reply = kp_json_object(a->text, a->len, "token", KP_JSON_DEPTH, err);
    const char *token = json_string_value(json_object_get(reply, "authorization"));
    const json_t *given = json_object_get(reply, "expiresIn");
    char number[40];
    snprintf(number, sizeof number, "%.0f", json_number_value(given));
    if (reply && !token)
        kp_fail(err, KP_EPEER, "partner %.60s gives no new token", o->partner);
    if (reply && token)
        put_token(o, token, lasts(json_is_string(given) ? json_string_value(given) : number),
                  kp_utc(s->clock), strncasecmp(o->authorization, "bearer ", 7) == 0, arena, err);
    json_decref(reply);
    return err->code;
}

enum kp_code kp_share_renew(struct kp_share *s, struct kp_share_source *o, struct kp_arena *arena,
                            struct kp_err *err)
{
    struct share_partner his;
    struct kp_answer a;
    struct kp_errand l = { .url = o->renew,
                           .body = "{}",
                           .ca = o->ca,
                           .caller = share_caller(s, o->partner),
                           .most = ANSWER_MAX };
    if (!o->renew || !o->authorization)
        return kp_fail(err, KP_EREFUSED, "the token has ended, and partner %.60s renews none",
                       o->partner);
    if (share_find_partner(s, o->partner, arena, &his, err) ||
        share_show(s, &his, arena, &l.authorization, err) || !kp_courier_ask(&l, arena, &a, err))
        return kp_context(err, "a new token");
    if (a.status != 200)
        return refused(o, "gives no new token", a.status, a.text, a.len, err);
    return take_renewed(s, o, &a, arena, err);
}
