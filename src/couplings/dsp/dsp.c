/* SPDX-License-Identifier: Apache-2.0 */
/* The class: settings, and what happens from open to close. History is asked for in pieces, each of
 * which is on the disk before the next; what is new comes as server-sent events. After a break it
 * goes on a little before the time up to which everything is here, and leaves out what it has. */
#include "couplings/dsp/dsp.h"

#include "core/hub.h"
#include "core/log.h"
#include "couplings/dsp/dsp_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { WAIT_MS = 200 };
#define START_WITHIN   (3 * KP_SECOND)
#define CONNECT_WITHIN (10 * KP_SECOND)
#define LIST_WITHIN    (30 * KP_SECOND)
#define SILENT_FOR     (45 * KP_SECOND) /* he speaks each 15 s */
#define SAVE_EVERY     (10 * KP_SECOND)
#define LIST_AGAIN     (60 * KP_SECOND) /* the soonest, when there are signals that were not listed */
#define HOUR           (3600 * KP_SECOND)
#define PIECE_FIRST    HOUR
#define PIECE_LAST     (30 * 24 * HOUR)
#define NEAR           (60 * KP_SECOND) /* so far back the events begin */

#define SETTING(member) offsetof(struct dsp_settings, member)
static const struct kp_option options[] = {
    { .name = "agreement",
      .type = KP_OPT_TEXT,
      .offset = SETTING(agreement),
      .help = "id of the agreement; empty takes the newest in force on the dataset" },
    { .name = "since",
      .type = KP_OPT_TEXT,
      .offset = SETTING(since),
      .standard = "1d",
      .help =
          "how much history the first time: a duration such as 30d, or a time such as 2026-01-31" },
    { .name = "overlap",
      .type = KP_OPT_DURATION,
      .offset = SETTING(overlap),
      .standard = "2m",
      .min = KP_SECOND,
      .max = 24 * HOUR,
      .help = "after a break it begins so far back, for values that the partner's machines bring "
              "late" },
    { .name = "host",
      .type = KP_OPT_TEXT,
      .offset = SETTING(host),
      .help = "another server than the partner's own that may give the data" },
    { 0 },
};

/* ---- the address: dsp://PARTNER/DATASET ---- */
static int hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool decode(const char *text, size_t n, char *out, size_t size)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++, to++) {
        bool escaped =
            text[i] == '%' && i + 2 < n && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
        char c = escaped ? (char)(hex(text[i + 1]) << 4 | hex(text[i + 2])) : text[i];
        if (to + 1 >= size || (unsigned char)c < ' ')
            return false;
        out[to] = c;
        i += escaped ? 2 : 0;
    }
    out[to] = 0;
    return kp_utf8_valid(out, to);
}

static bool read_url(const char *url, char partner[KP_NAME_MAX], char dataset[KP_DSP_ID])
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t n = strcspn(host, "/?#");
    const char *rest = host[n] == '/' ? host + n + 1 : "";
    return decode(host, n, partner, KP_NAME_MAX) && kp_name_valid(partner, strlen(partner)) &&
           decode(rest, strlen(rest), dataset, KP_DSP_ID);
}

static void places(const char *url, char name[KP_NAME_MAX], char at[KP_PATH_MAX])
{
    char partner[KP_NAME_MAX], dataset[KP_DSP_ID], both[KP_NAME_MAX + KP_DSP_ID];
    if (!read_url(url, partner, dataset))
        snprintf(partner, sizeof partner, "partner"), *dataset = 0;
    snprintf(both, sizeof both, "%s%s%s", partner, *dataset ? "-" : "", dataset);
    kp_name_clean(name, KP_NAME_MAX, both, strlen(both));
    snprintf(at, KP_PATH_MAX, "partners/%s", partner);
}

static bool since_of(const char *text, int64_t now, int64_t *since)
{
    int64_t back;
    if (!kp_duration_parse(text, &back))
        return kp_time_parse(text, since);
    *since = now - back;
    return back >= 0;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct dsp_settings *set = settings;
    char partner[KP_NAME_MAX], dataset[KP_DSP_ID];
    int64_t since;
    if (!read_url(url, partner, dataset) || (!*dataset && !(set->agreement && *set->agreement)))
        return kp_fail(
            err, KP_EINVALID,
            "'%.100s' is not dsp://PARTNER/DATASET, or dsp://PARTNER with the setting agreement",
            url);
    return since_of(set->since, 0, &since) ? KP_OK
                                           : kp_fail(err, KP_EINVALID,
                                                     "since: '%.60s' is neither a duration such as "
                                                     "30d nor a time such as 2026-01-31",
                                                     set->since);
}

/* ---- asking ---- */
static struct kp_share *share(const struct dsp *d)
{
    return kp_coupling_share(d->c);
}

static bool is_stopping(void *arg)
{
    return kp_coupling_stopping(arg);
}

static struct kp_http_options http_of(const struct dsp *d, const char *url, const char *accept)
{
    return (struct kp_http_options){ .url = url,
                                     .caller = { .hub = kp_coupling_hub(d->c),
                                                 .coupling = kp_coupling_name(d->c),
                                                 .partner = d->source.partner,
                                                 .what = "data of",
                                                 .name = d->source.partner },
                                     .ca_text = d->source.ca,
                                     .authorization = d->source.authorization,
                                     .accept = accept,
                                     .connect_timeout = CONNECT_WITHIN };
}

static enum kp_code keep_refusal(void *arg, const char *data, size_t n, struct kp_err *err)
{
    struct kp_buf *out = arg;
    kp_buf_add(out, data, n);
    return out->failed ? kp_fail(err, KP_EPEER, "the answer is too large") : KP_OK;
}

static enum kp_code renew(struct dsp *d, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(d->c);
    d->renewed = true;
    if (kp_share_renew(share(d), &d->source, &d->arena, err)) {
        d->renew_at = now + 60 * KP_SECOND;
        return err->code;
    }
    d->renew_at = d->source.lasts == KP_FOREVER ? INT64_MAX : now + d->source.lasts / 4 * 3;
    return KP_OK;
}

static enum kp_code list_once(struct dsp *d, struct kp_buf *list, long *status, struct kp_err *err)
{
    char url[KP_SHARE_SOURCE_URL];
    bool done = false;
    kp_buf_init(list, DSP_LIST_MAX + 1);
    if (kp_share_source_url(&d->source, "/signals", "", url, err))
        return err->code;
    struct kp_http_options o = http_of(d, url, "application/json");
    o.timeout = LIST_WITHIN;
    o.most = DSP_LIST_MAX;
    struct kp_http *h = kp_http_open(&o, keep_refusal, list, err);
    while (h && !done && !kp_http_turn(h, WAIT_MS, &done, err))
        if (is_stopping(d->c))
            kp_fail(err, KP_ESTOPPED, "stopping");
    *status = h && !err->code ? kp_http_status(h) : 0;
    kp_http_close(h);
    return err->code;
}

/* Asks which signals there are; with a token that has ended once more. */
static enum kp_code list_signals(struct dsp *d, struct kp_err *err)
{
    struct kp_buf list;
    long status = 0;
    if (!list_once(d, &list, &status, err) && (status == 401 || status == 403) && d->source.renew &&
        !d->renewed && !renew(d, err)) {
        kp_buf_free(&list);
        list_once(d, &list, &status, err);
    }
    d->listed_at = kp_coupling_mono(d->c);
    if (!err->code && status == 404)
        kp_fail(err, KP_EREFUSED,
                "partner %.60s lists no signals, so they cannot be made here; koppel pull %.80s "
                "fetches the data",
                d->source.partner, d->source.agreement);
    else if (!err->code && status != 200)
        kp_share_refused(&d->source, status, kp_buf_text(&list), list.len, err);
    else if (!err->code)
        dsp_declare(d, kp_buf_text(&list), list.len, err);
    kp_buf_free(&list);
    return err->code;
}

/* ---- what comes ---- */
static enum kp_code take(void *arg, const struct kp_fed *v, struct kp_err *err)
{
    struct dsp *d = arg;
    switch (v->what) {
    case KP_FED_VALUE:
        return dsp_take_value(d, v, err);
    case KP_FED_INTERVAL:
        return dsp_take_interval(d, v, err);
    case KP_FED_BEHIND:
        return kp_fail(err, KP_EPEER, "fallen behind the partner; it goes on from where it was");
    default:
        return v->whole ? KP_OK
                        : kp_fail(err, KP_EPEER, "partner %.60s has ended the data%s%.150s",
                                  d->source.partner, *v->reason ? ": " : "", v->reason);
    }
}

static enum kp_code take_piece(void *arg, const char *data, size_t n, struct kp_err *err)
{
    struct dsp *d = arg;
    d->heard = kp_coupling_mono(d->c);
    if (kp_http_status(d->http) == 200)
        return kp_feed_bytes(&d->feed, data, n, err);
    if (d->refusal.len + n <= DSP_REASON)
        kp_buf_add(&d->refusal, data, n);
    return KP_OK;
}

static void end_request(struct dsp *d)
{
    kp_http_close(d->http);
    d->http = NULL;
    kp_feed_end(&d->feed);
    kp_buf_free(&d->refusal);
}

static enum kp_code begin_request(struct dsp *d, bool live, int64_t from, int64_t to,
                                  struct kp_err *err)
{
    char url[KP_SHARE_SOURCE_URL], query[200], begin[KP_TIME_TEXT], end[KP_TIME_TEXT] = "";
    kp_time_print(from, begin);
    if (!live)
        kp_time_print(to, end);
    snprintf(query, sizeof query, "from=%s%s%s%s", begin, live ? "" : "&to=", end,
             live ? "" : "&format=jsonl");
    if (kp_share_source_url(&d->source, "", query, url, err))
        return err->code;
    const struct kp_http_options o =
        http_of(d, url, live ? "text/event-stream" : "application/x-ndjson");
    kp_feed_begin(&d->feed, live, take, d);
    kp_buf_init(&d->refusal, DSP_REASON);
    d->live = live;
    d->begun_at = d->heard = kp_coupling_mono(d->c);
    d->http = kp_http_open(&o, take_piece, d, err);
    return err->code;
}

/* ---- how far it is ---- */
/* Of so late a source time something may still come. */
static int64_t margin(const struct dsp *d)
{
    return d->set->overlap + d->source.terms.every + d->source.terms.delay;
}

static enum kp_code save(struct dsp *d, int64_t upto, struct kp_err *err)
{
    d->saved_at = kp_coupling_mono(d->c);
    if (upto <= d->upto)
        return KP_OK;
    if (dsp_settle(d, err) || kp_share_brought(share(d), kp_coupling_id(d->c), upto, err))
        return err->code;
    d->upto = upto;
    return KP_OK;
}

static enum kp_code begin_history(struct dsp *d, struct kp_err *err)
{
    int64_t now = kp_coupling_utc(d->c);
    char at[KP_TIME_TEXT];
    d->asked_to = now - d->upto > d->piece ? d->upto + d->piece : now;
    d->reached = d->asked_to < now - margin(d) ? d->asked_to : now - margin(d);
    kp_time_print(d->upto, at);
    kp_coupling_note(d->c, "history from %.19sZ on", at);
    return begin_request(d, false, d->upto, d->asked_to, err);
}

static void describe(struct dsp *d)
{
    char out[80] = "";
    if (d->left_out)
        snprintf(out, sizeof out, "; %zu that cannot be signals are left out", d->left_out);
    kp_coupling_note(d->c, "%zu signals of %.60s under agreement %.80s%s", d->n, d->source.partner,
                     d->source.agreement, out);
}

static enum kp_code begin_live(struct dsp *d, struct kp_err *err)
{
    describe(d);
    return begin_request(d, true, d->upto, 0, err);
}

static enum kp_code begin_next(struct dsp *d, struct kp_err *err)
{
    bool far = kp_coupling_utc(d->c) - d->upto > margin(d) + NEAR;
    return far ? begin_history(d, err) : begin_live(d, err);
}

/* A piece is here. Small ones cost questions, large ones are lost as a whole when the line breaks.
 */
static enum kp_code history_over(struct dsp *d, struct kp_err *err)
{
    int64_t took = kp_coupling_mono(d->c) - d->begun_at;
    bool whole = d->feed.ended && d->feed.whole;
    end_request(d);
    if (!whole)
        return kp_fail(err, KP_EPEER, "the partner's answer was cut off; it is asked for again");
    if (took < 5 * KP_SECOND && d->piece < PIECE_LAST)
        d->piece *= 2;
    if (took > 60 * KP_SECOND && d->piece > 60 * KP_SECOND)
        d->piece /= 2;
    return save(d, d->reached, err);
}

/* A token that has ended sooner than was said costs one question more. */
static enum kp_code answer_over(struct dsp *d, struct kp_err *err)
{
    long status = kp_http_status(d->http);
    if ((status == 401 || status == 403) && d->source.renew && !d->renewed) {
        end_request(d);
        return renew(d, err);
    }
    if (status != 200)
        return kp_share_refused(&d->source, status, kp_buf_text(&d->refusal), d->refusal.len, err);
    return d->live ? kp_fail(err, KP_EPEER, "the partner has broken off") : history_over(d, err);
}

/* ---- life ---- */
/* With steps and delays the newest is behind; a time ahead of ours counts as now. */
static int64_t live_upto(const struct dsp *d)
{
    int64_t now = kp_coupling_utc(d->c), newest = d->newest < now ? d->newest : now;
    return d->newest == KP_NO_TIME ? KP_NO_TIME : newest - d->set->overlap - d->source.terms.every;
}

static enum kp_code turn(struct dsp *d, struct kp_err *err)
{
    bool done = false;
    int64_t now = kp_coupling_mono(d->c);
    if (kp_http_turn(d->http, WAIT_MS, &done, err))
        return err->code;
    if (done)
        return answer_over(d, err);
    if (now - d->heard > SILENT_FOR)
        return kp_fail(err, KP_EPEER, "partner %.60s has been silent for %d s", d->source.partner,
                       (int)(SILENT_FOR / KP_SECOND));
    if (d->live && d->strange && now - d->listed_at > LIST_AGAIN)
        return kp_fail(err, KP_EPEER, "partner %.60s has new signals; it is asked which",
                       d->source.partner);
    return d->live && now - d->saved_at > SAVE_EVERY ? save(d, live_upto(d), err) : KP_OK;
}

/* A running stream needs no new one, the next question does. */
static void renew_in_time(struct dsp *d)
{
    struct kp_err why = { 0 };
    if (kp_coupling_mono(d->c) >= d->renew_at && d->source.renew && renew(d, &why))
        kp_warn("dsp", "the token is not renewed", "coupling=%s why=%s",
                kp_log_quote(kp_coupling_name(d->c)), kp_log_quote(why.text));
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct dsp *d = kp_coupling_state(c);
    struct kp_err local = { 0 };
    renew_in_time(d);
    if (d->http)
        turn(d, &local);
    else
        begin_next(d, &local);
    if (local.code || kp_coupling_flush(c, &local))
        return kp_fail(err, local.code, "%s", local.text);
    return KP_OK;
}

/* Where the data is, and a token that is good. */
static enum kp_code find_source(struct dsp *d, struct kp_err *err)
{
    char partner[KP_NAME_MAX], dataset[KP_DSP_ID];
    const char *id = d->set->agreement && *d->set->agreement ? d->set->agreement : NULL;
    if (!read_url(kp_coupling_url(d->c), partner, dataset))
        return kp_fail(err, KP_EREFUSED, "the address names no partner");
    const struct kp_share_wish wish = { partner,      dataset,     id,  d->set->host,
                                        START_WITHIN, is_stopping, d->c };
    kp_coupling_note(d->c, "asking %.60s for the data", partner);
    if (kp_share_source(share(d), &wish, &d->arena, &d->source, err)) {
        if (err->code == KP_ENOTFOUND) /* a person has to negotiate */
            err->code = KP_EREFUSED;
        return err->code;
    }
    int64_t left =
        d->source.expires == KP_FOREVER ? KP_FOREVER : d->source.expires - kp_coupling_utc(d->c);
    if (left < 60 * KP_SECOND && d->source.renew)
        return renew(d, err);
    d->renew_at = left == KP_FOREVER ? INT64_MAX : kp_coupling_mono(d->c) + left / 4 * 3;
    return KP_OK;
}

static enum kp_code find_place(struct dsp *d, struct kp_err *err)
{
    int64_t noted, since, low, high, now = kp_coupling_utc(d->c);
    if (kp_share_brings(share(d), kp_coupling_id(d->c), &d->source, &noted, err))
        return err->code;
    if (!since_of(d->set->since, now, &since))
        since = now;
    kp_terms_period(&d->source.terms, &low, &high);
    d->upto = noted != KP_NO_TIME ? noted : since;
    if (d->upto < low)
        d->upto = low;
    if (!d->piece)
        d->piece = PIECE_FIRST;
    return KP_OK;
}

static enum kp_code open_link(struct kp_coupling *c, struct kp_err *err)
{
    struct dsp *d = kp_coupling_state(c);
    d->c = c;
    d->set = kp_coupling_settings(c);
    d->newest = KP_NO_TIME;
    if (find_source(d, err) || find_place(d, err) || list_signals(d, err))
        return err->code;
    kp_coupling_online(c);
    return begin_next(d, err);
}

/* All but what outlives the link. */
static void close_link(struct kp_coupling *c)
{
    struct dsp *d = kp_coupling_state(c);
    struct kp_err none = { 0 };
    if (d->live && d->http && live_upto(d) != KP_NO_TIME)
        save(d, live_upto(d), &none);
    end_request(d);
    dsp_forget(d);
    kp_arena_free(&d->arena);
    memset((void *)d, 0, offsetof(struct dsp, upto));
}

const struct kp_coupling_class kp_partner_data = {
    .name = "dsp",
    .tells = true,
    .schemes = "dsp",
    .settings_size = sizeof(struct dsp_settings),
    .state_size = sizeof(struct dsp),
    .options = options,
    .pauses = true,
    .check = check,
    .places = places,
    .open = open_link,
    .step = step,
    .close = close_link,
};
