/* SPDX-License-Identifier: Apache-2.0 */
/* The shift report by mail: each once to each address. What was sent stands in the data file, so a
 * restart sends nothing again; a node that was off at the time sends it up to six hours later. */
#include "flex/report_private.h"

#include "alarm/mail.h"
#include "alarm/round.h"
#include "core/log.h"
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { MAIL_MAX = 8 << 20, NAME = 64 };
#define STATE_KEY "flex.report"
#define LATEST    (6 * 3600 * KP_SECOND)
#define AGAIN     (60 * KP_SECOND)

void kp_shop_mail_by(struct kp_shop *s, struct kp_alarms *alarms)
{
    s->alarms = alarms;
}

/* ---- one mail ---- */
struct mail {
    struct report r;
    struct kp_page page;
    struct kp_buf text, html, pdf;
    char file[NAME];
};

static bool stopping(void *shop)
{
    return atomic_load(&((struct kp_shop *)shop)->stopping);
}

/* A month goes with its PDF. */
static enum kp_code make_mail(struct kp_shop *s, const struct kp_report_query *q, struct mail *m,
                              struct kp_err *err)
{
    struct kp_report_query own = *q;
    own.recipient = KP_TO_COMPANY; /* the gate of this exit: mail goes to people of the company */
    kp_buf_init(&m->text, MAIL_MAX);
    kp_buf_init(&m->html, MAIL_MAX);
    kp_buf_init(&m->pdf, 4 * MAIL_MAX);
    if (report_sum(s, &own, &m->r, err) || report_page(&m->r, &m->page, err))
        return err->code;
    kp_page_text(&m->page, &m->text);
    kp_page_html(&m->page, &m->html);
    if (m->text.failed || m->html.failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (q->kind == KP_REPORT_SHIFT)
        return KP_OK;
    struct tm tm;
    kp_time_local(m->r.from, &tm);
    snprintf(m->file, sizeof m->file, "koppel-%04d-%02d.pdf", tm.tm_year + 1900, tm.tm_mon + 1);
    return kp_page_pdf(&m->page, &m->pdf, err);
}

static void free_mail(struct mail *m)
{
    kp_buf_free(&m->text);
    kp_buf_free(&m->html);
    kp_buf_free(&m->pdf);
    report_free(&m->r);
}

/* `once`: a letter that must not come twice. */
static enum kp_code send_mail(struct kp_shop *s, struct mail *m, const char *to, bool once,
                              struct kp_err *err)
{
    char id[NAME], subject[300];
    uint32_t sum = 0;
    for (const char *p = m->r.node; *p; p++)
        sum = sum * 31 + (unsigned char)*p;
    snprintf(id, sizeof id, "report.%lld.%08x", (long long)(m->r.to / KP_SECOND), sum);
    snprintf(subject, sizeof subject, "%s: %s", m->r.node, m->page.title);
    kp_utf8_trim(subject);
    const struct kp_letter letter = { .to = to,
                                      .subject = subject,
                                      .text = kp_buf_text(&m->text),
                                      .html = kp_buf_text(&m->html),
                                      .file_name = *m->file ? m->file : NULL,
                                      .file_type = "application/pdf",
                                      .file = m->pdf.data,
                                      .file_len = m->pdf.len,
                                      .id = once ? id : NULL,
                                      .stopping = stopping,
                                      .arg = s };
    if (!s->alarms)
        return kp_fail(err, KP_EINVALID, "this node sends no mail");
    kp_letter_send(s->alarms, &letter, err);
    return kp_context(err, "%.100s", to);
}

/* ---- what is due ---- */
/* To one who has not got it yet; what went wrong is kept with the state. */
static void send_to(struct kp_shop *s, struct mail *m, json_t *state, const char *to,
                    struct kp_err *err)
{
    struct kp_err why = { 0 };
    send_mail(s, m, to, true, &why);
    if (why.code && stopping(s))
        return;
    if (why.code) {
        kp_warn("shop", "a shift report could not be sent, tried again", "to=%s why=%s",
                kp_log_quote(to), kp_log_quote(why.text));
        s->report_again = kp_utc(s->clock) + (AGAIN << (s->report_tries < 5 ? s->report_tries : 5));
    }
    kp_round_note(s->store, STATE_KEY, state, to, why.code ? &why : NULL, err);
}

static void send_due(struct kp_shop *s, const struct kp_report_plan *p, int64_t due,
                     struct kp_err *err)
{
    json_t *state = kp_round_of(kp_round_read(s->store, STATE_KEY, err), due, err);
    struct mail *m = NULL;
    for (size_t i = 0; i < p->n_mail && !err->code && !stopping(s); i++) {
        if (kp_round_was_sent(state, p->mail[i]))
            continue;
        if (!m && (m = kp_alloc(sizeof *m)))
            make_mail(
                s,
                &(struct kp_report_query){
                    .kind = KP_REPORT_SHIFT, .now = kp_utc(s->clock), .at = due, .language = -1 },
                m, err);
        if (!m)
            kp_fail(err, KP_ENOMEM, "out of memory");
        if (!err->code)
            send_to(s, m, state, p->mail[i], err);
    }
    if (m)
        s->report_tries = s->report_again > kp_utc(s->clock) ? s->report_tries + 1 : 0;
    if (m)
        free_mail(m);
    kp_free(m);
    json_decref(state);
}

/* The first instant after `now` at which a report is due. */
static int64_t next_due(const struct kp_report_plan *p, int64_t now)
{
    int64_t day = kp_day_start(now);
    for (int i = 0; i < 9; i++) {
        int64_t due = report_due(p, kp_day_minute(day, p->at));
        if (due > now)
            return due;
        day = kp_day_after(day);
    }
    return KP_FOREVER;
}

static int ms_until(int64_t at, int64_t now, int most)
{
    int64_t ms = at > now ? (at - now) / KP_MILLISECOND + 1000 : 1000;
    return ms < most ? (int)ms : most;
}

int report_turn(struct kp_shop *s, int most)
{
    struct kp_err err = { 0 };
    struct shop_rules rules;
    int64_t now = kp_utc(s->clock);
    if (atomic_exchange(&s->report_now, false))
        s->report_again = s->report_tries = 0;
    if (!shop_rules(s, &rules, &err) && rules.settings.report.n_mail && s->alarms) {
        const struct kp_report_plan *p = &rules.settings.report;
        int64_t due = report_due(p, now);
        if (due > now - LATEST && now >= s->report_again)
            send_due(s, p, due, &err);
        most = ms_until(next_due(p, now), now, most);
        if (s->report_again > now)
            most = ms_until(s->report_again, now, most);
    }
    shop_rules_free(&rules);
    if (err.code && err.code != KP_ESTOPPED)
        kp_warn("shop", "the shift report was not made, tried again", "why=%s",
                kp_log_quote(err.text));
    return most;
}

/* ---- for people ---- */
enum kp_code kp_report_send(struct kp_shop *s, const struct kp_report_query *q, size_t *sent,
                            struct kp_err *err)
{
    struct mail *m = kp_alloc(sizeof *m);
    *sent = 0;
    if (!m)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    make_mail(s, q, m, err);
    const struct kp_report_plan *p = &m->r.rules.settings.report;
    if (!err->code && !p->n_mail)
        kp_fail(err, KP_EINVALID, "the settings name no address: shop: report: mail");
    for (size_t i = 0; i < p->n_mail && !err->code; i++)
        *sent += !send_mail(s, m, p->mail[i], false, err);
    free_mail(m);
    kp_free(m);
    return err->code;
}

enum kp_code kp_report_state(struct kp_shop *s, struct kp_json *j, struct kp_err *err)
{
    struct shop_rules rules = { 0 };
    json_t *state = kp_round_read(s->store, STATE_KEY, err);
    if (state && !shop_rules(s, &rules, err)) {
        const struct kp_report_plan *p = &rules.settings.report;
        kp_json_begin(j, '{');
        kp_json_put_time(j, "next", p->n_mail ? next_due(p, kp_utc(s->clock)) : KP_NO_TIME);
        kp_round_json(j, state, kp_round_due(state));
        kp_json_end(j, '}');
    }
    shop_rules_free(&rules);
    json_decref(state);
    return err->code;
}
