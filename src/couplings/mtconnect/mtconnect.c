/* SPDX-License-Identifier: Apache-2.0 */
/* The class: settings, and what happens from open to close. */
#include "couplings/mtconnect/mtconnect.h"

#include "core/log.h"
#include "core/url.h"
#include "couplings/mtconnect/mtconnect_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { COUNT = 10000, WAIT_MS = 200, DOCUMENT_MAX = 64 << 20, URL_MAX = 1024, SKIPS_MAX = 3 };

#define SETTING(member) offsetof(struct mtc_settings, member)
static const struct kp_option options[] = {
    { .name = "user",
      .type = KP_OPT_TEXT,
      .offset = SETTING(user),
      .help = "user name, for agents behind a login" },
    { .name = "password",
      .type = KP_OPT_SECRET,
      .offset = SETTING(password),
      .help = "password of the user" },
    { .name = "allow-plain-password",
      .type = KP_OPT_BOOL,
      .offset = SETTING(allow_plain_password),
      .standard = "false",
      .help = "send the password over http too, readable on the way" },
    { .name = "ca",
      .type = KP_OPT_TEXT,
      .offset = SETTING(ca),
      .help = "file with the authorities that vouch for the agent, PEM; empty takes the system's" },
    { .name = "profile",
      .type = KP_OPT_TEXT,
      .offset = SETTING(profile),
      .help = "a profile that says what data items mean" },
    { .name = "interval",
      .type = KP_OPT_DURATION,
      .offset = SETTING(interval),
      .standard = "500ms",
      .min = 10 * KP_MILLISECOND,
      .max = 60 * KP_SECOND,
      .help = "how often the agent sends what is new" },
    { .name = "heartbeat",
      .type = KP_OPT_DURATION,
      .offset = SETTING(heartbeat),
      .standard = "10s",
      .min = 100 * KP_MILLISECOND,
      .max = 300 * KP_SECOND,
      .help =
          "the agent speaks at least this often; silent for twice as long it is taken for gone" },
    { .name = "timeout",
      .type = KP_OPT_DURATION,
      .offset = SETTING(timeout),
      .standard = "10s",
      .min = KP_SECOND,
      .max = 120 * KP_SECOND,
      .help = "how long an answer may take" },
    { 0 },
};

/* "mtconnect+http://host:5000/VMC-3" and a request, as the agent knows it. */
static enum kp_code url_of(const char *text, const char *request, char out[URL_MAX],
                           struct kp_err *err)
{
    struct kp_url u;
    if (kp_url_parse(text, &u, err))
        return err->code;
    if (!*u.host)
        return kp_fail(err, KP_EINVALID, "'%.100s' names no host", text);
    if (strpbrk(u.path, " /"))
        return kp_fail(err, KP_EINVALID, "'%.60s' behind the host is not the name of a device",
                       u.path);
    bool six = strchr(u.host, ':'), tls = strcmp(u.scheme, "mtconnect+https") == 0;
    int n = snprintf(out, URL_MAX, "%s://%s%s%s:%u/%s%s%s", tls ? "https" : "http", six ? "[" : "",
                     u.host, six ? "]" : "",
                     u.port ? u.port
                     : tls  ? 443
                            : 5000,
                     u.path, *u.path ? "/" : "", request);
    return n < URL_MAX ? KP_OK : kp_fail(err, KP_EINVALID, "the address is too long");
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct mtc_settings *set = settings;
    char out[URL_MAX];
    struct kp_url u;
    if (url_of(url, "probe", out, err) || kp_url_parse(url, &u, err))
        return err->code;
    if (set->user && *set->user && strcmp(u.scheme, "mtconnect+http") == 0 &&
        !set->allow_plain_password && !kp_host_is_own(u.host))
        return kp_fail(err, KP_EREFUSED,
                       "the password for %.100s would be readable on the way: take "
                       "mtconnect+https://, or accept that with "
                       "--set allow-plain-password=true",
                       u.host);
    return set->profile && *set->profile ? kp_profile_check("mtconnect", set->profile, err) : KP_OK;
}

/* ---- asking ---- */
static bool is_stopping(void *arg)
{
    return kp_coupling_stopping(arg);
}

static struct kp_http_options http_of(const struct mtconnect *m, const char *url, bool stream)
{
    return (struct kp_http_options){ .url = url,
                                     .caller = { .hub = kp_coupling_hub(m->c), .coupling = kp_coupling_name(m->c) },
                                     .user = m->set->user,
                                     .password = m->set->password,
                                     .ca = m->set->ca,
                                     .connect_timeout = m->set->timeout,
                                     .timeout = stream ? 0 : m->set->timeout,
                                     .most = stream ? 0 : DOCUMENT_MAX };
}

static enum kp_code ask(struct mtconnect *m, const char *request, struct kp_buf *out,
                        struct kp_err *err)
{
    char url[URL_MAX];
    kp_buf_init(out, DOCUMENT_MAX);
    if (url_of(kp_coupling_url(m->c), request, url, err))
        return err->code;
    const struct kp_http_options o = http_of(m, url, false);
    return kp_http_get(&o, is_stopping, m->c, out, err);
}

/* ---- observations ---- */
static bool read_value(struct mtconnect *m, const struct mtc_item *i,
                       const struct kp_mtc_observation *o, struct kp_value *out)
{
    kp_buf_free(&m->room);
    kp_buf_init(&m->room, KP_MTC_DATA_MAX + KP_NAME_MAX);
    if (!o->native_code || strcmp(i->said.type, "MESSAGE") != 0)
        return kp_mtc_value(i->type, o->text, &m->room, out);
    kp_buf_printf(&m->room, "%.100s: %s", o->native_code, o->text);
    *out = kp_string(m->room.data, m->room.len);
    return !m->room.failed;
}

static void no_number(struct mtconnect *m, const struct kp_mtc_observation *o)
{
    if (!m->bad++ || m->bad % 1000 == 0)
        kp_warn("mtconnect", "a value is no number", "coupling=%s item=%s value=%s so-far=%" PRIu64,
                kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(o->id), kp_log_quote(o->text),
                m->bad);
}

static enum kp_code take_value(struct mtconnect *m, const struct mtc_item *i,
                               const struct kp_mtc_observation *o, int64_t at, struct kp_err *err)
{
    struct kp_sample s = { i->id, KP_GOOD, at, { .type = KP_NULL } };
    if (!i->id)
        return KP_OK;
    if (o->text && strcmp(o->text, KP_MTC_UNAVAILABLE) == 0) {
        s.status = KP_BAD_NO_COMMUNICATION;
    } else if (o->text && !read_value(m, i, o, &s.value)) {
        return kp_fail(err, KP_ENOMEM, "out of memory");
    } else if (s.value.type == KP_NULL) {
        s.status = KP_BAD; /* too long to be kept */
    } else if (s.value.type != i->type) {
        no_number(m, o);
        s.status = KP_BAD_TYPE_MISMATCH;
        s.value = (struct kp_value){ .type = KP_NULL };
    }
    return kp_coupling_report(m->c, &s, err);
}

static const char *copied(struct mtconnect *m, const char *text, struct kp_err *err)
{
    const char *copy = text ? kp_arena_strdup(&m->event_text, text) : NULL;
    if (text && !copy)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return copy;
}

/* What is an interval waits for the end of the document, so that half a document opens and ends
 * none. */
static enum kp_code put_by(struct mtconnect *m, const struct mtc_item *i,
                           const struct kp_mtc_observation *o, int64_t at, struct kp_err *err)
{
    if (m->n_events == MTC_EVENTS_MAX)
        return kp_fail(err, KP_EFULL, "more than %d conditions in one document", MTC_EVENTS_MAX);
    if (!kp_grow(&m->events, &m->events_room, m->n_events + 1, sizeof *m->events))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    m->events[m->n_events] =
        (struct mtc_event){ .item = i,
                            .at = at,
                            .place = m->n_events,
                            .said = { .id = i->said.id,
                                      .sequence = o->sequence,
                                      .level = copied(m, o->level, err),
                                      .native_code = copied(m, o->native_code, err),
                                      .condition_id = copied(m, o->condition_id, err),
                                      .severity = copied(m, o->severity, err),
                                      .qualifier = copied(m, o->qualifier, err),
                                      .text = copied(m, o->text ? o->text : "", err) } };
    m->n_events += !err->code;
    return err->code;
}

static enum kp_code same_agent(const struct mtconnect *m, struct kp_err *err)
{
    const struct kp_mtc_header *was = &m->devices.header, *now = &m->header;
    if (*was->instance && *now->instance && strcmp(was->instance, now->instance) != 0)
        return kp_fail(err, KP_EPEER, "the agent was started again; it is asked anew what it has");
    if (*was->model_time && *now->model_time && strcmp(was->model_time, now->model_time) != 0)
        return kp_fail(err, KP_EPEER,
                       "the agent's devices have changed; it is asked anew what it has");
    return KP_OK;
}

static enum kp_code take(void *arg, const struct kp_mtc_observation *o, struct kp_err *err)
{
    struct mtconnect *m = arg;
    const struct mtc_item *i = kp_mtc_find(m, o->id);
    int64_t at;
    if (same_agent(m, err))
        return err->code;
    if (o->sequence >= m->newest)
        m->newest = o->sequence + 1;
    if (!i || (m->fresh_only && !i->fresh))
        return KP_OK;
    if (!o->timestamp || !kp_time_parse(o->timestamp, &at)) {
        at = kp_coupling_utc(m->c);
        at -= at % KP_MILLISECOND;
    }
    if (i->said.category == KP_MTC_CONDITION)
        return o->level ? put_by(m, i, o, at, err) : KP_OK;
    if ((kp_mtc_is_program(&i->said) || kp_mtc_is_execution(&i->said)) && put_by(m, i, o, at, err))
        return err->code;
    return take_value(m, i, o, at, err);
}

/* ---- what lasts ---- */
static int by_sequence(const void *a, const void *b)
{
    const struct mtc_event *x = a, *y = b;
    if (x->said.sequence != y->said.sequence)
        return x->said.sequence < y->said.sequence ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static enum kp_code tell_condition(struct mtconnect *m, const struct mtc_event *e,
                                   struct kp_err *err)
{
    struct kp_mtc_condition condition = { .item = e->said.id,
                                          .path = e->item->asset,
                                          .type = e->item->said.type,
                                          .code = e->said.native_code,
                                          .id = e->said.condition_id,
                                          .severity = e->said.severity,
                                          .qualifier = e->said.qualifier,
                                          .text = e->said.text,
                                          .level = kp_mtc_level(e->said.level),
                                          .at = e->at };
    return condition.level ? kp_mtc_condition(m->c, &m->active, &condition, err) : KP_OK;
}

static enum kp_code tell_events(struct mtconnect *m, struct kp_err *err)
{
    if (m->n_events)
        qsort(m->events, m->n_events, sizeof *m->events, by_sequence);
    for (size_t i = 0; i < m->n_events && !err->code; i++) {
        const struct mtc_event *e = &m->events[i];
        if (e->said.level)
            tell_condition(m, e, err);
        else
            kp_mtc_program_event(m, e, err);
    }
    return err->code;
}

/* ---- documents ---- */
static enum kp_code take_streams(struct mtconnect *m, const char *xml, size_t n, struct kp_err *err)
{
    m->newest = 0;
    m->n_events = 0;
    kp_arena_reset(&m->event_text);
    if (kp_mtc_read_streams(xml, n, &m->header, take, m, err) || same_agent(m, err))
        return err->code;
    m->heard = kp_coupling_mono(m->c);
    if (m->fresh_only || tell_events(m, err))
        return err->code;
    memcpy(m->instance, m->header.instance, sizeof m->instance);
    if (m->header.next || m->newest)
        m->next = m->header.next ? m->header.next : m->newest;
    m->told_at = kp_coupling_utc(m->c);
    return KP_OK;
}

static enum kp_code ask_current(struct mtconnect *m, struct kp_err *err)
{
    struct kp_buf xml;
    if (!ask(m, "current", &xml, err))
        take_streams(m, kp_buf_text(&xml), xml.len, err);
    kp_buf_free(&xml);
    return err->code;
}

/* Everything as it is now; alarms and programs that it does not tell of are over. */
static enum kp_code take_current(struct mtconnect *m, struct kp_err *err)
{
    int64_t now = kp_coupling_utc(m->c);
    m->next = 0; /* until all of it is told */
    m->active.n = 0;
    kp_mtc_programs_forget(m);
    if (ask_current(m, err))
        return err->code;
    if (kp_mtc_conditions_settle(m->c, &m->active, now, err) || kp_mtc_programs_settle(m, now, err))
        m->next = 0;
    return err->code ? err->code : kp_coupling_flush(m->c, err);
}

static enum kp_code fill_fresh(struct mtconnect *m, struct kp_err *err)
{
    for (size_t i = 0; i < m->n && !m->fresh_only; i++)
        m->fresh_only = m->items[i].fresh;
    if (m->fresh_only)
        ask_current(m, err);
    m->fresh_only = false;
    return err->code;
}

static enum kp_code take_part(void *arg, const char *part, size_t n, struct kp_err *err)
{
    struct mtconnect *m = arg;
    if (take_streams(m, part, n, err))
        return err->code;
    m->skips = 0;
    return KP_OK;
}

/* The answer to the wish for a stream: parts, or from a poor agent one document. */
static enum kp_code take_piece(void *arg, const char *data, size_t n, struct kp_err *err)
{
    struct mtconnect *m = arg;
    if (!m->known) {
        m->known = true;
        m->is_stream = strncmp(kp_http_type(m->stream), "multipart/", 10) == 0;
    }
    m->heard = kp_coupling_mono(m->c);
    if (m->is_stream)
        return kp_multipart_feed(&m->parts, data, n, err);
    kp_buf_add(&m->whole, data, n);
    return m->whole.failed ? kp_fail(err, KP_EFULL, "the answer is too large") : KP_OK;
}

static void end_stream(struct mtconnect *m)
{
    kp_http_close(m->stream);
    m->stream = NULL;
    kp_multipart_end(&m->parts);
    kp_buf_free(&m->whole);
}

/* Agents refuse to give more at once than their buffer holds. */
static uint64_t count(const struct mtconnect *m)
{
    uint64_t most = m->devices.header.buffer;
    return most && most < COUNT ? most : COUNT;
}

static enum kp_code begin_stream(struct mtconnect *m, struct kp_err *err)
{
    char url[URL_MAX], request[200];
    snprintf(request, sizeof request,
             "sample?from=%" PRIu64 "&count=%" PRIu64 "&interval=%" PRId64 "&heartbeat=%" PRId64,
             m->next, count(m), m->set->interval / KP_MILLISECOND,
             m->set->heartbeat / KP_MILLISECOND);
    if (url_of(kp_coupling_url(m->c), request, url, err))
        return err->code;
    const struct kp_http_options o = http_of(m, url, true);
    kp_multipart_begin(&m->parts, take_part, m);
    kp_buf_init(&m->whole, DOCUMENT_MAX);
    m->known = m->is_stream = false;
    m->heard = m->begun_at = kp_coupling_mono(m->c);
    m->stream = kp_http_open(&o, take_piece, m, err);
    return err->code;
}

/* ---- life ---- */
static void describe(struct mtconnect *m)
{
    char left[80] = "";
    if (m->unasked_left)
        snprintf(left, sizeof left, "; %zu more, koppel couplings %.60s --nodes shows all",
                 m->unasked_left, kp_coupling_name(m->c));
    kp_coupling_count(m->c, (uint32_t)m->subscribed, KP_MTC_ITEMS_MAX, 0);
    kp_coupling_note(m->c, "%zu data items of %zu devices, %zu subscribed%s%s%s", m->n,
                     m->devices.n_devices, m->subscribed, left,
                     m->polls ? "; the agent does not stream and is asked again and again" : "",
                     m->active.left_out ? "; more conditions at once than are kept" : "");
}

static enum kp_code probe(struct mtconnect *m, struct kp_err *err)
{
    struct kp_buf xml;
    if (!ask(m, "probe", &xml, err) &&
        !kp_mtc_read_devices(kp_buf_text(&xml), xml.len, true, &m->devices, err) &&
        !kp_mtc_publish(m, err))
        kp_mtc_programs_find(m);
    kp_buf_free(&xml);
    return err->code;
}

/* What there is; then on from where we are if that still means something, else all as it is now. */
static enum kp_code begin(struct mtconnect *m, struct kp_err *err)
{
    if (probe(m, err))
        return err->code;
    bool goes_on = m->next && strcmp(m->devices.header.instance, m->instance) == 0;
    if (goes_on ? fill_fresh(m, err) : take_current(m, err))
        return err->code;
    if (begin_stream(m, err))
        return err->code;
    kp_coupling_online(m->c);
    describe(m);
    return KP_OK;
}

static enum kp_code open_link(struct kp_coupling *c, struct kp_err *err)
{
    struct mtconnect *m = kp_coupling_state(c);
    m->c = c;
    m->set = kp_coupling_settings(c);
    return begin(m, err);
}

/* All but what outlives the link. */
static void let_go(struct mtconnect *m)
{
    end_stream(m);
    kp_free(m->items);
    kp_mtc_devices_free(&m->devices);
    kp_free(m->events);
    kp_arena_free(&m->event_text);
    kp_buf_free(&m->room);
    memset((void *)m, 0, offsetof(struct mtconnect, instance));
}

static enum kp_code look_again(struct mtconnect *m, struct kp_err *err)
{
    struct kp_coupling *c = m->c;
    let_go(m);
    return open_link(c, err);
}

/* What was asked for has left the agent's buffer: a hole in the history, and on from now. */
static enum kp_code fallen_behind(struct mtconnect *m, struct kp_err *err)
{
    uint64_t was = m->next;
    int64_t since = m->told_at;
    *err = (struct kp_err){ 0 };
    end_stream(m);
    if (++m->skips > SKIPS_MAX)
        return kp_fail(err, KP_EPEER, "the agent calls its own next number out of range");
    if (take_current(m, err))
        return err->code;
    if (m->next > was) {
        kp_coupling_lost(m->c, m->next - was);
        kp_coupling_gap(m->c, since, kp_coupling_utc(m->c), "out of the agent's buffer");
    }
    return begin_stream(m, err);
}

/* An agent that does not stream, or ends each stream at once, is asked again at the interval. */
static enum kp_code answer_over(struct mtconnect *m, struct kp_err *err)
{
    long status = kp_http_status(m->stream);
    int64_t now = kp_coupling_mono(m->c);
    bool lasted = m->is_stream && now - m->begun_at > KP_SECOND;
    if (!m->is_stream && m->whole.len && take_streams(m, kp_buf_text(&m->whole), m->whole.len, err))
        return err->code == KP_ENOTFOUND ? fallen_behind(m, err) : err->code;
    if (status != 200)
        return kp_fail(err, KP_EPEER, "the agent answers with status %ld", status);
    m->skips = 0;
    end_stream(m);
    m->ask_at = now + (lasted ? 0 : m->set->interval);
    if (!lasted && !m->polls) {
        m->polls = true;
        describe(m);
    }
    return KP_OK;
}

static enum kp_code turn(struct mtconnect *m, struct kp_err *err)
{
    bool done = false;
    int64_t patience = 2 * m->set->heartbeat + m->set->interval;
    kp_http_turn(m->stream, WAIT_MS, &done, err);
    if (err->code == KP_ENOTFOUND)
        return fallen_behind(m, err);
    if (!err->code && done)
        return answer_over(m, err);
    if (!err->code && kp_coupling_mono(m->c) - m->heard > patience)
        kp_fail(err, KP_EPEER, "the agent has been silent for twice the heartbeat");
    return err->code;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct mtconnect *m = kp_coupling_state(c);
    struct kp_err local = { 0 };
    if (atomic_exchange(&m->look, false))
        look_again(m, &local);
    else if (m->stream)
        turn(m, &local);
    else if (kp_coupling_mono(c) >= m->ask_at)
        begin_stream(m, &local);
    else
        nanosleep(&(struct timespec){ .tv_nsec = 50 * KP_MILLISECOND }, NULL);
    if (local.code || kp_coupling_flush(c, &local))
        return kp_fail(err, local.code, "%s", local.text);
    return KP_OK;
}

static void close_link(struct kp_coupling *c)
{
    let_go(kp_coupling_state(c));
}

static void browse(struct kp_coupling *c)
{
    struct mtconnect *m = kp_coupling_state(c);
    m->look = true;
}

const struct kp_coupling_class kp_mtconnect = {
    .name = "mtconnect",
    .schemes = "mtconnect+http mtconnect+https",
    .url_settings = true,
    .settings_size = sizeof(struct mtc_settings),
    .state_size = sizeof(struct mtconnect),
    .options = options,
    .check = check,
    .open = open_link,
    .step = step,
    .close = close_link,
    .browse = browse,
};
